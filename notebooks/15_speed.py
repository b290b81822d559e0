# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Speed: what a step costs
#
# The same formula, the same numbers, and one way of computing it takes many times as long as another. Why? How fast can
# a step be at all? And how does one find out without fooling oneself?
#
# About 40 minutes. You need Adam (chapter 08), heavy ball (chapter 06), and nothing about hardware. All times below
# are of the machine on which you run this; so the text speaks of orders, and the cells print the numbers. A machine
# that does other work besides gives other numbers at every run. That is a subject of section 8.

# %%
import statistics
import time

import torch
from torch.nn.functional import cross_entropy
from torch.utils.benchmark import Timer

from coursekit import answer, engine, show
from coursekit.bank.quizzes.speed import Traffic
from coursekit.reference import RULES
from coursekit.reference.adam import adam
from coursekit.reference.speed import adam_foreach, bytes_moved

torch.set_num_threads(1)  # one core: what others do on the rest then matters less
place = engine.device()
wait = getattr(torch, place.type).synchronize  # until a GPU has done its work; on a CPU there is nothing to wait for
print(torch.cuda.get_device_name() if place.type == "cuda" else "no GPU here: all of it runs on the CPU")

# %% [markdown]
# ## 1. One formula, five speeds
#
# Adam's step for a model with 20 tensors, made in five ways:
#
# - *as written*: the course's `adam`, line by line, one tensor after the other;
# - *for-loop*: `torch.optim.Adam(..., foreach=False)`, the same with fewer and cleverer operations;
# - *foreach*: `torch.optim.Adam(..., foreach=True)`, each operation for all tensors in one call;
# - *fused*: `torch.optim.Adam(..., fused=True)`, a kernel that somebody wrote by hand for this rule;
# - *compiled*: the course's `adam` again, with `torch.compile` making the kernel from its Python text.
#
# A *kernel* is a loop over all values of a tensor in the machine's own code. The next cell makes the five for models
# of a thousand values to some millions:

# %%
ways = {
    "as written": lambda params: engine.Optimizer(params, adam),
    "for-loop": lambda params: torch.optim.Adam(params, foreach=False),
    "foreach": lambda params: torch.optim.Adam(params, foreach=True),
    "fused": lambda params: torch.optim.Adam(params, fused=True),
    "compiled": lambda params: engine.Optimizer(params, adam, compiled=True),
}
counts = [1000, 10_000, 100_000, 1_000_000, 30_000_000 if place.type == "cuda" else 4_000_000]
steps = {}
for size in counts:
    for name, way in ways.items():
        params = [torch.nn.Parameter(torch.randn(size // 20, device=place)) for _ in range(20)]
        for p in params:
            p.grad = torch.randn_like(p)
        steps[name, size] = way(params).step

# %% [markdown]
# Each of them takes twelve steps, the five *in turns*, so that whatever else the machine does meets all of them. The
# first step is kept apart. Of the others we take the *median*, the one in the middle when they are sorted.

# %%
seconds = {key: [] for key in steps}
for size in counts:
    for _ in range(12):
        for name in ways:
            wait()
            start = time.perf_counter()
            steps[name, size]()
            wait()
            seconds[name, size].append(time.perf_counter() - start)
median = {key: statistics.median(times[1:]) for key, times in seconds.items()}

# %%
powers = torch.tensor(counts).log10()
curves = {name: [1e3 * median[name, size] for size in counts] for name in ways}
show.lines(powers, curves, "values in the model (power of ten)", "median time of a step in ms", log=True)

# %% [markdown]
# (If a warning above says that a step runs eagerly, there is no C++ compiler here. Then *compiled* runs the same lines
# as *as written*, on one long vector and without a kernel of its own; what is said of it below cannot be seen.)
#
# Two things stand out, and the rest of the lesson is about them. On the left the curves are nearly flat: ten
# times as many values cost hardly more. On the right they rise nearly in proportion, one above the other. What is it
# that takes the time on the left? And on the right?
#
# ## 2. The idea
#
# **A step takes no less time than it takes to move its bytes between memory and processor, and no less than it takes
# to make its calls. The arithmetic itself comes third, as a rule.**
#
# $$T \ge \frac{B}{W} \qquad T \ge C\, t_\text{call}$$
#
# | symbol | what it is |
# |---|---|
# | $T$ | the time of a step, in seconds |
# | $B$ | the bytes that it must read and write |
# | $W$ | the *bandwidth*: bytes that the memory delivers or takes in a second |
# | $C$ | how many calls of a kernel the step makes |
# | $t_\text{call}$ | what a call costs before it touches a value: Python, torch's choice of the kernel, its start |
#
# How many bytes? For a rule that treats each value on its own, in a single pass over memory, it can be counted on the
# fingers. The parameter is read and written, the gradient is read, and what the rule remembers is read and written:

# %%
show.formula(bytes_moved)

# %% [markdown]
# **Predict, then run.** Put your answer in place of `...`, run the cell, and read what it says. Then run the next cell.

# %%
answer("gigabytes_of_a_step", ...)

# %%
answer("adam_over_descent", ...)

# %%
descent = bytes_moved("gradient_descent", 10**8, 4)
for name in ("gradient_descent", "momentum", "rmsprop", "adam", "adamw"):
    moved = bytes_moved(name, 10**8, 4)
    print(f"{name:17} {moved / 1e9:.1f} GB for 100 million values in float32, {moved / descent:.2f} times the least")

# %% [markdown]
# ## 3. The bandwidth line
#
# How many bytes does memory move in a second? The plainest kernels that there are read each value and write it: copying
# a tensor to another place, or multiplying it by 1 where it stands. (On a CPU the copy is often the slower one, since
# memory that is to be written to is fetched first.) Of many turns we take the *fastest*: it is to be a limit, and
# whatever disturbs a kernel only makes it slower.

# %%
source = torch.ones(4 * counts[-1], device=place)
target = torch.zeros_like(source)
kernels = {"copying": lambda: target.copy_(source), "multiplying in place": lambda: source.mul_(1.0)}
fastest = dict.fromkeys(kernels, float("inf"))
for _ in range(15):
    for name, kernel in kernels.items():
        wait()
        start = time.perf_counter()
        kernel()
        wait()
        fastest[name] = min(fastest[name], time.perf_counter() - start)
for name, took in fastest.items():
    print(f"{name} moves {2 * source.nbytes / took / 1e9:.1f} GB in a second, with one thread")
bandwidth = 2 * source.nbytes / min(fastest.values())

# %%
limit = {size: bytes_moved("adam", size, 4) / bandwidth for size in counts}
curves["limit by bytes"] = [1e3 * limit[size] for size in counts]
show.lines(powers, curves, "values in the model (power of ten)", "median time of a step in ms", log=True)

# %%
print(f"{counts[-1]:,} values, for which the limit is {1e3 * limit[counts[-1]]:.2f} ms")
for name in ways:
    least, middle = min(seconds[name, counts[-1]]), median[name, counts[-1]]
    said = f"median {1e3 * middle:.2f} ms, fastest {1e3 * least:.2f} ms"
    print(f"{name:11} {said}: {least / limit[counts[-1]]:.1f} times the limit")

# %% [markdown]
# (Since the line is the fastest of its kind, each way stands beside it with its fastest step.) This is the picture by
# which one judges a program: how far above the line is it? *Fused*, and *compiled* where there is a compiler, come
# nearest to it; *as written* is far above. It is not the arithmetic that tells *as written* and *compiled* apart, since
# they compute the same lines. (What is left between *fused* and the line may be arithmetic: for each value Adam divides
# more than once and takes a root, and one thread of a CPU is not fast at either.)
#
# The line is as exact as its measurement. If the machine was busier while the line was measured than while the steps
# were, a step may come out below it. And a CPU keeps what it used last in a *cache*, a small memory beside the
# processor that is faster than the large one: a model that fits into it can be stepped in less time than the line
# says, if the calls allow it. And the line is that of *one* thread. Several threads may get more from the same
# memory: for that set another number in the first cell, and both the line and the ways are measured anew. Williams,
# Waterman and Patterson (2009) drew such a picture with a second limit, for the arithmetic; they call it the
# *roofline*.
#
# ## 4. Where the other bytes go
#
# *As written*, *for-loop* and *foreach* compute the same formula. What do they do with the time? Each `*` and each `+`
# is a kernel of its own: it reads its tensors from memory and writes its result there, for the next one to read.

# %%
answer("pass_for_every_operation", ...)

# %%
param, grad, state = torch.ones(1000), torch.ones(1000), adam.init(torch.ones(1000))
work = {
    "as written": lambda: adam.__wrapped__(param, grad, state),
    "in lists": lambda: adam_foreach.__wrapped__([param], [grad], [state]),
}
for name, step in work.items():
    with Traffic() as traffic:
        step()
    print(f"{name}: {traffic.elements / 1000:.0f} values moved for each value of the parameter")
print(f"in a single pass: {bytes_moved('adam', 1, 1)}")

# %% [markdown]
# (`Traffic` stands between Python and torch and adds up the sizes of what goes in and out of each operation.
# `.__wrapped__` is the formula without the course's checks of its arguments.)
#
# In lists it is somewhat less, since `addcmul` and `addcdiv` do two operations in one pass; and it is still several
# times what a single pass moves. A fused kernel reads `param`, `grad`, `m` and `v` of one element, keeps all in between
# in the processor's own *registers*, the few places where it computes, and writes three numbers. `torch.compile` makes
# such a kernel from any formula that treats each element on its own: it goes once through the Python code with
# stand-ins for the tensors, notes the operations, and makes one loop of them in C++, or for a GPU in Triton, a language
# for GPU kernels. The text of the rule stays what it is:

# %%
show.formula(adam)

# %% [markdown]
# *As written* has one more burden: each result in between needs new memory, and where that comes fresh from the
# operating system it costs extra (section 8). Torch's loop and lists work in place where they can.
#
# ## 5. Where the calls go
#
# On the left of the figure there are few bytes, and many calls. So leave the number of values as it is, and change the
# number of tensors that they are spread over. Each way takes ten steps, and shows its fastest.

# %%
answer("many_small_tensors", ...)

# %%
spread, tensors = {}, (1, 10, 100, 1000)
for count in tensors:
    for name, way in ways.items():
        params = [torch.nn.Parameter(torch.randn(20_000 // count, device=place)) for _ in range(count)]
        for p in params:
            p.grad = torch.randn_like(p)
        spread[name, count] = (way(params).step, [])
    for name in list(ways) * 10:
        step, times = spread[name, count]
        wait()
        start = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - start)

# %%
by_count = {key: 1e3 * min(times) for key, (_, times) in spread.items()}
for name in ways:
    print(f"{name:11}", "  ".join(f"in {count}: {by_count[name, count]:.3f} ms" for count in tensors))
shown = {name: [by_count[name, count] for count in tensors] for name in ways}
show.lines([0, 1, 2, 3], shown, "tensors for 20,000 values (power of ten)", "fastest step in ms", log=True)

# %% [markdown]
# The values are the same 20,000. With a thousand tensors the time is that of the calls, and all five pay for each
# tensor: the loops for every operation on it, the lists less, since only C++ goes through them and Python does not,
# and the fused kernel still less. *Compiled* has one kernel for all, since the course lays the tensors out as pieces
# of one long vector; what it pays for is a look at each piece before the step: is its gradient in its place? On a GPU
# `foreach` packs many tensors into one kernel, and there it is what `torch.optim` takes by itself.
#
# ## 6. A million paths
#
# If a call costs so much more than the arithmetic on a few numbers, the cure is to give each call more to do. A path
# of heavy ball down a surface is two numbers, and two for its velocity: nearly all of its time goes into calls. A
# million paths, each with a rate and a `beta` of its own, are tensors of a million numbers, and need as many calls as
# one path.
#
# First by hand. The surface has four minima, all of height 0. **Set `beta` to 0.3 and raise the learning rate: find the
# rate at which the path first fails to settle within 60 steps (its loss stays above 1e-6). Then raise it further. Does
# it ever settle again?**

# %%
show.playground("himmelblau", rules=("heavy_ball",), lr=(0.005, 0.035), hyper=("beta", (0.0, 0.9)), steps=60)

# %% [markdown]
# One look for each pair of settings. `engine.sweep` takes all of them at once; here every combination of a thousand
# rates and a thousand values of `beta`. (`keep="last"` keeps the ends of the paths only; `compiled` comes below.)

# %%
rates, betas = torch.linspace(0.001, 0.035, 1000), torch.linspace(0.0, 0.98, 1000)
settings = {"beta": betas, "lr": rates, "keep": "last", "compiled": "auto"}
start = time.perf_counter()
paths = engine.sweep(RULES["heavy_ball"], engine.SURFACES["himmelblau"], steps=60, **settings)
wait()
eager = time.perf_counter() - start
print(paths)
print(f"{paths.losses.numel() * 60 / eager / 1e6:.1f} million steps of paths in a second")

# %%
last = paths.losses[..., -1].cpu()
height = last.clamp(1e-12, 1e4).log10()
height[height >= 4] = torch.nan  # flown away
axes = {"beta": betas.tolist(), "lr": rates.tolist()}
show.heatmap(height, axes, label="loss after 60 steps, as a power of ten", best=None)

# %% [markdown]
# Blue has settled, yellow has not, and what is hatched has flown away. (At the left edge the rates are too small to
# arrive within 60 steps.) The question of the playground, answered for a thousand rates: along the row of `beta` = 0.3,
# where does it change between settled (a loss below 1e-6) and not, and how often?

# %%
at = int((betas - 0.3).abs().argmin())
row = last[at] < 1e-6
settled, changes = rates[row], int(row.diff().sum())
fails = rates[~row & (rates > settled[0])][0]
print(f"beta {betas[at]:.2f}: it settles from rate {settled[0]:.4f} on, and first fails at {fails:.4f}")
print(f"{changes} changes in all; the last rate that settles is {settled[-1]:.4f}")

# %% [markdown]
# The slider of the playground has fewer rates, so your border may lie a little above this one. And yes, it settles
# again: there is no one border. Beyond the rates at which every path settles lies a coast with islands: a path that
# is thrown far may land in another valley and settle there, and its neighbour may not. Sohl-Dickstein (2024) found
# such borders, rough at every scale that he looked at, between settings with which networks train and those with
# which they do not. "As large as it will go" is a risky rule for a rate: it leads to this coast.
#
# How long would the same have taken path by path?

# %%
surface, rule = engine.SURFACES["himmelblau"], RULES["heavy_ball"].__wrapped__
start = time.perf_counter()
for lr in torch.linspace(0.002, 0.014, 10).tolist():
    param = torch.tensor(surface.start, device=place)
    state = RULES["heavy_ball"].init(param)
    for _ in range(60):
        param, state = rule(param, surface.gradient(param), state, lr=lr, beta=0.2)
wait()
alone = (time.perf_counter() - start) / 600
together = eager / (paths.losses.numel() * 60)
print(f"alone a step of a path takes {1e6 * alone:.0f} microseconds, among a million {1e6 * together:.4f}")
print(f"{alone / together:,.0f} times as long; a million of them would take {60e6 * alone / 3600:.1f} hours")

# %% [markdown]
# `compiled="auto"` has not compiled anything so far: that takes seconds, and pays only for a sweep of a thousand
# million steps of paths or more. With a thousand steps for each path we are there. The next cell may take half a minute
# the first time, most of which is the compiler's. Without one it takes the same steps line by line.

# %%
print(f"at the speed of the sweep above it would take {1000 / 60 * eager:.1f} s")
start = time.perf_counter()
engine.sweep(RULES["heavy_ball"], surface, steps=1000, **settings)
wait()
print(f"the first time it takes {time.perf_counter() - start:.1f} s")

# %%
start = time.perf_counter()
engine.sweep(RULES["heavy_ball"], surface, steps=1000, **settings)
wait()
took = time.perf_counter() - start
print(f"and again {took:.1f} s: {paths.losses.numel() * 1000 / took / 1e6:.0f} million steps of paths in a second")

# %% [markdown]
# The compiled loop takes a bundle of paths, does 25 steps with them in registers, and only then writes. In 25 steps ten
# numbers are moved for each path: the point and its velocity there and back, and the two settings. That is next to
# nothing: what the loop waits for is, at last, the arithmetic.
#
# ## 7. Past the toy: 256 networks at once
#
# Small networks are in the same place as paths: a step of their training is many calls on small tensors. `engine.grid`
# stacks many networks into one, each with its own settings: 16 rates times 16 decays of AdamW here, on images of
# digits, for three epochs. The rival, one network by itself, gets torch's own AdamW, fused.

# %%
digits = engine.digits()
how = {"loss": cross_entropy, "batch_size": 64, "epochs": 3}
found = engine.grid(
    lambda seed: engine.mlp([64, 32, 10], seed), RULES["adamw"], digits,
    seeds=[0], lr=torch.logspace(-4, -1, 16), weight_decay=torch.logspace(-4, 0, 16), **how,
)  # fmt: skip
print(found)
weights = sum(p.numel() for p in engine.mlp([64, 32, 10]).parameters())
print(f"{len(digits.x_train):,} images for training, {weights:,} weights in each network")

# %%
alone = []
for seed in range(8):
    model = engine.mlp([64, 32, 10], seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, fused=True)
    alone.append(engine.train(model, optimizer, digits, progress=False, **how).seconds)
one = statistics.median(alone)
print(f"256 together: {found.seconds:.2f} s; one alone: {one:.3f} s, so 256 one by one {256 * one:.1f} s")
print(f"{256 * one / found.seconds:.1f} times as long")

# %%
show.heatmap(found)

# %% [markdown]
# So a whole map of two settings costs as much as some dozens of networks one by one. The gain is smaller than that of
# the paths: a network of this size has products of matrices to compute, and together they have no fewer of them. What
# is saved is the calls, and of the time of larger networks they are a smaller share: the gain falls, and may turn into
# a loss. On a quiet machine the next cell shows it (by the fastest of several runs, and of several epochs):

# %%
for width in (32, 512):
    models = [engine.mlp([64, width, 10], seed) for seed in range(6)]
    rates = torch.logspace(-3, -2, 16)
    stack = engine.stacked(models[0], RULES["adamw"], digits, lr=rates, **how)
    alone = []
    for model in models:
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, fused=True)
        alone.append(engine.train(model, optimizer, digits, progress=False, **how).seconds)
    gain = 16 * min(alone) / (3 * min(stack.seconds))
    print(f"{width:3} hidden units, 16 networks: one by one takes {gain:.1f} times as long as together")

# %% [markdown]
# And is the optimizer's step what one waits for at all? In a step of training there are the way forward and the way
# back besides. For one larger network, by itself:

# %%
model, x, y = engine.mlp([64, 512, 512, 10], 0), digits.x_train[:64], digits.y_train[:64]
parts = {"forward and back": lambda: cross_entropy(model(x), y).backward()}
parts["forward and back"]()
for kind in ({"foreach": False}, {"fused": True}):
    parts[f"step, {next(iter(kind))}={next(iter(kind.values()))}"] = torch.optim.Adam(model.parameters(), **kind).step
times = {name: [] for name in parts}
for _ in range(12):
    for name, part in parts.items():
        wait()
        start = time.perf_counter()
        part()
        wait()
        times[name].append(time.perf_counter() - start)
for name in parts:
    print(f"{name:20} {1e3 * statistics.median(times[name][2:]):.2f} ms")

# %% [markdown]
# A step that takes no time at all would save the second number, or the third, and never the first. That share falls
# with the size of the batch: forward and back grow with it, and the step does not. So measure the parts before making
# one of them faster.
#
# ## 8. How timing goes wrong
#
# ### The first call
#
# The first call may compile, load a library, or ask the operating system for memory. What does it do to a mean?

# %%
answer("mean_with_the_first_call", ...)

# %% [markdown]
# And in section 1? How much longer was the first step than the median, for the smallest model, which came first, and
# for the largest?

# %%
for size in (counts[0], counts[-1]):
    for name in ways:
        times = seconds[name, size]
        mean, middle = statistics.mean(times), median[name, size]
        print(f"{size:9,} values, {name:11} first {times[0] / middle:9.1f}, mean {mean / middle:7.1f} times the median")

# %% [markdown]
# Compiling is the extreme case: it happens at the first model alone, and a mean over twelve steps is then a statement
# about the compiler. Call once, put that time down by itself, and look at the rest.
#
# ### Fresh memory
#
# One reason for a slow first call can come back at every call. Memory that a program has just been given is not there
# yet: when a page of it (4 kB or more) is first touched, the operating system has to find one and clear it. The same
# copy, to a new tensor each time and to one that has been written before:

# %%
took = {"to a new tensor": [], "to the same one": []}
for _ in range(9):
    for name, times in took.items():
        wait()
        start = time.perf_counter()
        (torch.empty_like(source) if "new" in name else target).copy_(source)
        wait()
        times.append(time.perf_counter() - start)
for name, times in took.items():
    print(f"{name}: {1e3 * statistics.median(times):.2f} ms")

# %% [markdown]
# On a CPU this is a part of what *as written* pays for its large models, with more than a dozen new tensors in every
# step. (On a GPU torch keeps the memory that it has been given, and the two come out alike.)
#
# ### One against one
#
# Here is a race of a step against *itself*: the fused one of the model with ten thousand values, twice, in turns.

# %%
step, pairs = steps["fused", counts[1]], []
for _ in range(200):
    pair = []
    for _ in range(2):
        wait()
        start = time.perf_counter()
        step()
        wait()
        pair.append(time.perf_counter() - start)
    pairs.append(pair)
ratios = [max(pair) / min(pair) for pair in pairs]
off = sum(ratio > 1.1 for ratio in ratios)
print(f"{off} of {len(ratios)} races say that one is faster by a tenth or more; at most {max(ratios):.1f} times")
one, other = (statistics.median(times) for times in zip(*pairs, strict=True))
print(f"median over median: {one / other:.3f}")

# %% [markdown]
# Nothing was faster than anything. Who stops after one of the extreme races has a discovery to report. (Run the cell
# again while the machine is busy with something else.) A disturbance nearly always adds time. That is why a median is
# a better summary than a mean, and the smallest time an estimate of what the work itself takes. The *spread* belongs
# beside either. `torch.utils.benchmark.Timer` does most of that: it warms up, chooses how many runs, waits for a GPU,
# and gives median and spread (IQR is the distance between the quarter and three quarters of the sorted times). To take
# turns with a rival is left to you:

# %%
Timer("step()", globals={"step": step}).blocked_autorange(min_run_time=0.2)

# %% [markdown]
# ### A clock that does not wait

# %%
answer("clock_without_waiting", ...)

# %%
if place.type == "cuda":
    x = torch.randn(8192, 8192, device=place)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for name in ("the first time", "without waiting", "waiting"):
        start = time.perf_counter()
        begin.record()
        x @ x
        end.record()
        if name == "waiting":
            wait()
        took = time.perf_counter() - start
        wait()
        print(f"{name}: {1e3 * took:.3f} ms; by the GPU's own clock {begin.elapsed_time(end):.3f} ms")
else:
    print("no GPU here: on a CPU a call comes back when its work is done, so the clock is right without waiting")

# %% [markdown]
# With a GPU, `wait()` stood before each second look at the clock in this lesson, and before the first where work
# could still be under way. A `print(loss)`, `loss.item()` or `if loss < best` in a training loop waits as well, for
# one number, at every step: the queue runs empty, and the GPU idles until Python has asked for more. Collect such
# numbers on the GPU, and look at them once in an epoch.
#
# ### What the checks know
#
# Some of the mistakes that `check` names in this chapter, by the names that it gives them. (`made` writes the mistake
# into the course's own code.) First in counting, for the 100 million values of section 2:

# %%
from coursekit.bank.index import exercise
from coursekit.judging.source import made

for slip in exercise("bytes_moved").slips[:4]:
    wrong = made(bytes_moved, slip.change)("adam", 10**8, 4)
    print(f"{slip.name}: {wrong / 1e9:.1f} GB for {bytes_moved('adam', 10**8, 4) / 1e9:.1f}")

# %% [markdown]
# Then the one that lists invite: one `t` for all. A tensor joins late, like a layer that is kept as it is for
# some epochs. Its first gradient is 1, so its first step should be one `lr` long:

# %%
slip = next(slip for slip in exercise("adam_foreach").slips if slip.name == "count of the first tensor for all")
value = torch.ones((), dtype=torch.float64)
for before in (10, 100, 1000, 10_000):
    old, late = adam.State(value, value, before), adam.init(value)
    lists = ([value, value], [value, value], [old, late])
    lengths = []
    for step in (adam_foreach, made(adam_foreach, slip.change)):
        new, _ = step(*lists, lr=0.1, beta1=0.9, beta2=0.999, eps=0)
        lengths.append(float(value - new[1]) / 0.1)
    print(f"after {before:6,} steps of the other: {lengths[0]:.3f} lr, with the mistake {lengths[1]:.3f} lr")

# %% [markdown]
# After about a hundred steps of the other the two errors, in `m` and in `v`, nearly cancel, and one would hardly
# notice. Before and after that one would.
#
# ## 9. Convention box
#
# - **Here**: a pure function of a parameter, or of lists, which changes nothing of the caller's and gives back new
#   tensors. **torch**: a method that changes `p` and its state in place. The numbers are the same, to rounding.
# - **Which of torch's forms runs** when nothing is said: on a GPU `foreach`; on a CPU the for-loop. `fused=True` has to
#   be asked for. Not every optimizer has it; RMSprop has not.
# - **The price of `foreach`**: what lies in between exists for *all* tensors at once, about one more copy of the
#   model, where the loop needs that of one tensor.
# - **A GB** is $10^9$ bytes here, as makers of memory and disks have it; $2^{30}$ bytes are a GiB, 7 % more.
#
# All five forms and the course's lists, in double precision, after 20 steps with gradients that change:

# %%
begin = [torch.linspace(-1, 1, n, dtype=torch.float64, device=place) for n in (3, 40, 500)]
ends = {}
for name, way in ways.items():
    params = [torch.nn.Parameter(p.clone()) for p in begin]
    optimizer = way(params)
    for step in range(20):
        for p in params:
            p.grad = torch.sin(3 * p.detach() + step)
        optimizer.step()
    ends[name] = torch.cat([p.detach() for p in params])
params, states = begin, [adam.init(p) for p in begin]
for step in range(20):
    params, states = adam_foreach(params, [torch.sin(3 * p + step) for p in params], states)
for name, end in ends.items():
    print(f"{name:11} {(end - torch.cat(params)).abs().max():.1e} from the lists of the course")

# %% [markdown]
# All of them lie below 1e-12. A fused or compiled kernel may round in another order, so the last digit can differ; a
# long training then ends at other weights, as it does with another seed.
#
# ## 10. In practice
#
# - **First measure**, with the first call apart, in turns, median and spread. Then ask of the slow part: is it calls or
#   bytes? Twice the values at nearly the same time means calls. In proportion means bytes.
# - **Calls:** larger batches, fewer and larger tensors, `foreach`, `torch.compile`; many small problems stacked into
#   one, as in sections 6 and 7.
# - **Bytes:** `fused=True` where torch has it, `torch.compile` else. After that only fewer bytes help: a rule with less
#   state (section 2), or numbers with fewer digits. In bfloat16 a value has 2 bytes, and a step is bound by half the
#   bytes; what this costs in accuracy is another question.
# - **Arithmetic:** large products of matrices. There the optimizer's step hardly shows.
# - **When not to bother:** a training that takes a minute, or a step that is a small share of it. A plain rule that can
#   be read and checked is worth more than one that nobody waits for.
#
# ## 11. Your turn
#
# In `exercises/15_speed.ipynb`, in this order:
#
# 1. `bytes_moved`: count, for each rule of the course (1 point).
# 2. `adam_foreach`: Adam over lists with `torch._foreach_*`, and nothing of the caller's changed (2 points).
#
# Your count then sets the bandwidth line of your machine, and your step runs against a loop over tensors, and trains a
# network on digits.
#
# **To remember:** few values: count the calls. Many values: count the bytes. Adam moves seven values for each value of
# the model, when nothing in between goes to memory. The first call is another thing than the others. One race decides
# nothing. On a GPU, wait before you look at the clock.
#
# ## 12. Sources
#
# - Williams, Waterman and Patterson (2009), "Roofline: An Insightful Visual Performance Model for Multicore
#   Architectures", Communications of the ACM 52(4): limits by bandwidth and by arithmetic in one picture.
# - Sohl-Dickstein (2024), "The boundary of neural network trainability is fractal", arXiv:2402.06184: the coast of
#   section 6 for networks.
# - Ansel et al. (2024), "PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph
#   Compilation", ASPLOS: what `torch.compile` does.
# - PyTorch documentation, `torch.optim` (for-loop, foreach and fused, and which is the default) and
#   `torch.utils.benchmark` (how to measure).
# - Further: He (2022), "Making Deep Learning Go Brrrr From First Principles", because it sorts all that was said here
#   into three words, compute, bandwidth and overhead, for a GPU.
