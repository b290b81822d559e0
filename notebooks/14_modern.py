# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # After AdamW: Lion, schedule-free, Muon
#
# AdamW has been the usual choice for years. Three newer rules each question one of its habits. Does a step need two
# running means (Lion)? Does the learning rate need a plan for the whole training (schedule-free)? And should a matrix
# be treated as a bag of separate numbers (Muon)? What do they do, what do they cost, and do they win on a task that we
# can measure?
#
# About 45 minutes. You need Adam and AdamW (chapters 08 and 10) and the cosine schedule (chapter 05).

# %%
import contextlib
import itertools
import math
import statistics
from unittest import mock

import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.flop_counter import FlopCounterMode

# %%
from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.adam import bias_correction
from coursekit.reference.modern import lion, muon, newton_schulz, schedule_free
from coursekit.reference.schedules import cosine_decay

torch.set_num_threads(1)  # these networks are too small to be shared between cores

# %% [markdown]
# ## 1. What AdamW leaves nearly untouched
#
# We train a network on the images of digits for three epochs with AdamW, stop, and look at one layer in its middle. It
# takes in 64 numbers and gives out 64, so its weights are a 64 by 64 matrix, and so is the next step. What does adding
# a matrix do? It changes the layer in 64 *directions*: each takes one pattern of inputs to one pattern of outputs, all
# patterns are at right angles to each other, and each direction has a strength of its own. The strengths are the
# *singular values* of the matrix. (A diagonal matrix has the sizes of its entries; `torch.linalg.svdvals` finds them
# for any matrix.) Here are those of `m`, the running mean of the gradients, and of the step that AdamW makes of it; a
# matrix of random numbers stands beside them, to compare:

# %%
digits = engine.digits()
model = engine.mlp([64, 64, 64, 10])
optimizer = engine.Optimizer(model.parameters(), RULES["adamw"], lr=0.003)
engine.train(model, optimizer, digits, loss=cross_entropy, epochs=3, batch_size=64, progress=False)
m, v, t = optimizer.state[model[2].weight].values()
steps = {"m": m, "AdamW": bias_correction(m, t, beta=0.9) / (bias_correction(v, t, beta=0.999).sqrt() + 1e-8)}
steps["random"] = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
strengths = {name: torch.linalg.svdvals(step) for name, step in steps.items()}
relative = {name: s / s[0] for name, s in strengths.items()}
show.lines(range(1, 65), relative, "direction, strongest first", "strength over that of the strongest", log=True)

# %%
for name, s in relative.items():
    print(f"{name:6} at least a tenth of the strongest: {int((s >= 0.1).sum())} of 64 directions; "
          f"squared length in the first ten: {s[:10].square().sum() / s.square().sum():.0%}")  # fmt: skip

# %% [markdown]
# (The *length* of a matrix is the root of the sum of the squares of its numbers, or of its strengths: both are the
# same.) In this layer ten directions get nearly all of the step; of random numbers they get less than half. AdamW
# gives each *number* of the matrix a step of about equal size, and yet the *matrix* as a whole moves in few
# directions, if in some more than `m` itself. Whether the others deserve more is a question that AdamW cannot even
# ask, since no number sees another. Muon asks it (section 5). First come two rules that change less.
#
# ## 2. Lion: keep the sign, drop the size
#
# **Lion steps every weight by exactly the learning rate, up or down, as the sign of a mean of the gradients says.**

# %%
show.formula(lion)

# %% [markdown]
# - $g_t$, `grad`: the gradient; $\eta$, `lr`: the learning rate; $\theta_t$, `param`: the weights; $\lambda$,
#   `weight_decay`: the decay of AdamW, beside the step.
# - $c_t$, `c`: the mean whose sign is taken. $\beta_1$ = 0.9: it leans towards the newest gradient.
# - $m_t$, `m`: the mean that is kept. $\beta_2$ = 0.99: it remembers about a hundred gradients.
# - $\operatorname{sign}$ is +1, -1, or 0 at 0.
#
# There is no $v$, no root, no $\epsilon$ and no correction of a bias: a mean that is too small has the right sign.
# Nobody sat down to derive this. Chen and others (2023) let a program mutate other programs, kept those that trained
# small networks well, and cleaned up the winner by hand.
#
# **Predict, then run.** Put your answer in place of `...`, run the cell, and read what it says:

# %%
answer("first_step_of_lion", ...)

# %%
zero = torch.zeros((), dtype=torch.float64)
for size in (1.0, 1e-6):
    moved, _ = lion(zero, zero + size, lion.init(zero), lr=0.001)
    print(f"gradient {size:g}: the first step is {float(moved.abs()):.6f} long; gradient descent's {0.001 * size:g}")

# %% [markdown]
# How long is a step, on average over the weights (the root of the mean square), in units of `lr`? First AdamW's, then
# what Lion would make of the same `m`:

# %%
steps["Lion"] = m.sign()
for name in ("AdamW", "Lion"):
    print(f"{name}: {steps[name].square().mean().sqrt():.3f} lr")
share = float(steps["Lion"].square().mean().sqrt() / steps["AdamW"].square().mean().sqrt())
print(f"for steps of the same length, Lion's rate has to be {share:.1f} times smaller here")

# %% [markdown]
# Where gradients are noisy, AdamW takes steps well below its rate (chapter 08, section 2). Lion does not know noise
# from signal. So its authors advise a rate 3 to 10 times smaller than AdamW's, and a `weight_decay` as many times
# larger, since the product of the two is what a step takes.
#
# Is this code the paper's rule? Here is the paper's Algorithm 2, line by line, beside ours for 200 noisy steps:

# %%
grads = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
theta = param = torch.ones(6, dtype=torch.float64)
mean, state = torch.zeros_like(theta), lion.init(param)
for grad in grads:
    update = 0.9 * mean + (1 - 0.9) * grad
    theta = theta - 0.01 * (update.sign() + 0.3 * theta)
    mean = 0.99 * mean + (1 - 0.99) * grad
    param, state = lion(param, grad, state, lr=0.01, beta1=0.9, beta2=0.99, weight_decay=0.3)
print(f"largest difference after 200 steps: {float((param - theta).abs().max()):.1e}")

# %% [markdown]
# ## 3. Schedule-free: an average in place of a plan
#
# With a constant rate and noisy gradients, gradient descent does not come to rest: it jumps about near the minimum, the
# wider the larger the rate. A schedule lowers the rate towards the end. But then the end must be known beforehand.
#
# There is an older cure: leave the rate alone and take the *mean* of the points. The noise averages out. The trouble is
# that the mean lags behind, since it remembers the start.
#
# **Schedule-free descent keeps a point that steps and the mean of its path, and takes the gradients between the two.**

# %%
show.formula(schedule_free)

# %% [markdown]
# - $z_t$, `z`: the point that takes plain steps.
# - $x_t$, `x`: the mean of all $z$ so far. **This is the result**: what one evaluates and keeps.
# - $y_t$, `param`: where the next gradient is taken, near $x$ with $\beta$ = 0.9. So the gradient corrects the *mean*,
#   not only the last point; this is what older ways of averaging did not do.
# - $t$, `t`: steps taken. No total number of steps appears anywhere.
#
# That is also what distinguishes a right implementation: `x` is the mean of every `z`, and the parameter lies at the
# share $\beta$ of the way from `z` to `x`. Checked against the whole list of points:

# %%
param = torch.ones(6, dtype=torch.float64)
state, points = schedule_free.init(param), [param]
for grad in grads:
    points.append(points[-1] - 0.01 * grad)
    param, state = schedule_free(param, grad, state, lr=0.01, beta=0.9)
mean = torch.stack(points[1:]).mean(dim=0)
print(f"x and the mean of all z: {float((state.x - mean).abs().max()):.1e}")
print(f"the parameter and 0.1 z + 0.9 x: {float((param - (0.1 * points[-1] + 0.9 * mean)).abs().max()):.1e}")

# %%
answer("weight_of_the_first_point", ...)

# %%
param, state = zero, schedule_free.init(zero)
for t in range(1, 101):
    grad = zero + {1: -1.0, 2: 1.0}.get(t, 0.0)  # z is 1 after the first step and 0 ever after
    param, state = schedule_free(param, grad, state, lr=1.0, beta=0.9)
    if t in (1, 2, 10, 100):
        print(f"after {t:3} steps the first point makes up {float(state.x):.3f} of the mean")

# %% [markdown]
# So the start is forgotten slowly, as one over the number of steps.
#
# Now on real data: a linear model that predicts how diabetes progresses from ten measurements, with 8 patients a
# step. No weights fit all patients, so the gradients stay noisy to the end. We watch how far the training loss is
# above the lowest there is. Gradient descent runs at a constant rate, and with cosine schedules planned for 300, 1000
# and 3000 steps; schedule-free with two values of $\beta$. Each gets the same eight rates, with five draws of the
# batches (all at once: the weights of all runs are one tensor), and is drawn at the rate that ends lowest.

# %%
diabetes = engine.diabetes(device="cpu", dtype=torch.float64)
X, y = diabetes.x_train, diabetes.y_train
lowest = (X @ torch.linalg.lstsq(X, y[:, None]).solution[:, 0] - y).square().mean()
rates = torch.tensor([0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], dtype=torch.float64)[:, None, None]
plans = {"constant": (None, None), **{f"cosine, {total} steps": (total, None) for total in (300, 1000, 3000)}}
plans |= {f"schedule-free, beta {beta}": (None, beta) for beta in (0.5, 0.9)}

# %%
excess, chosen = {}, {}
for name, (total, beta) in plans.items():
    rule, hyper = (schedule_free, {"beta": beta}) if beta else (RULES["gradient_descent"], {})
    generator, w, path = torch.Generator().manual_seed(0), torch.zeros(8, 5, 10, dtype=torch.float64), []
    state = rule.init(w)
    for t in range(total or 3000):
        index = torch.randint(len(X), (5, 8), generator=generator)
        error = (X[index] @ w[..., None])[..., 0] - y[index]
        grad = 2 * (error[..., None] * X[index]).mean(dim=-2)
        factor = cosine_decay(t, lr=1.0, lr_min=0.0, total=total) if total else 1.0
        w, state = rule(w, grad, state, lr=rates * factor, **hyper)
        path.append(state.x if beta else w)
    losses = (torch.stack(path, dim=2) @ X.T - y).square().mean(dim=-1) - lowest  # (rates, draws, steps)
    best = losses[..., -1].nan_to_num(nan=math.inf).median(dim=1).values.argmin()
    excess[name], chosen[name] = losses[best], float(rates[best])

# %%
means = {name: curve.unfold(1, 50, 50).mean(dim=-1) for name, curve in excess.items()}
show.loss_curves(means, xlabel="stretch of 50 steps", ylabel="training loss above the lowest, mean", first=1)

# %%
print("the rates:", "; ".join(f"{name} {rate:g}" for name, rate in chosen.items()))
for step in (300, 1000, 3000):
    there = {name: float(curve[:, step - 1].median()) for name, curve in excess.items() if curve.shape[1] >= step}
    print(f"step {step}:", "; ".join(f"{name} {loss:.5f}" for name, loss in there.items() if "cosine" not in name))
    print(f"           the cosine that ends here {there[f'cosine, {step} steps']:.5f}")

# %% [markdown]
# No best rate is at an end of the eight. The constant one that ends lowest is slow: far behind at 300 steps, and still
# behind at 3000. Each cosine is good *at its own end* and nowhere else. Schedule-free with $\beta$ = 0.5 is below each
# of the three where it ends, with one and the same rate, and without knowing that anybody would stop there. With the
# default of 0.9 it is behind at 300 steps and level or ahead later. So the average does what it promises on a convex
# problem (one bowl, no other minima) with noise, the case that the theory is about. Section 6 asks a network.
#
# ## 4. Move it
#
# The ravine: in x it is flat, in y 25 times as steep, with the minimum at (0, 0). There is no noise here. The path of
# schedule-free that is drawn is that of its parameter, `y`. **Find out: (1) take three rates and write down how far
# from (0, 0) Lion ends each time. What does the distance follow? (2) Does waiting help it: move the slider of the
# steps? (3) What becomes of the other two at these rates?**

# %%
show.playground("ravine", ("adamw", "lion", "schedule_free"), lr=(0.05, 0.5), steps=300)

# %%
rates = [0.05, 0.1, 0.5]
for name in ("adamw", "lion", "schedule_free", "gradient_descent"):
    late = engine.sweep(RULES[name], engine.SURFACES["ravine"], steps=3000, lr=rates).paths[:, 2000:]
    far = late.norm(dim=-1).amax(dim=1)  # the farthest of the last thousand points
    words = (f"lr {lr:g}: {float(d):.1e}, {float(d) / lr:.2g} lr" for lr, d in zip(rates, far, strict=True))
    print(f"{name:16} farthest in steps 2000 to 3000:", "; ".join(words))

# %% [markdown]
# Lion never comes to rest. Every one of its steps is one `lr` long in each coordinate, at the minimum as on the slope,
# so it hovers round the minimum at a distance of about `lr`, however long one waits. AdamW's steps shrink as the mean
# of its gradients does. Schedule-free comes to rest as well, if after wide swings, at rates above 2/25, where plain
# descent flies off: its gradients are taken near the mean, which moves slowly.
#
# So Lion needs a schedule more than others do. With a cosine over the same 300 steps:

# %%
surface = engine.SURFACES["ravine"]
for lr in rates:
    ends = {}
    for plan in ("constant rate", "cosine"):
        param = torch.tensor(surface.start, dtype=torch.float64)
        state = lion.init(param)
        for t in range(300):
            factor = cosine_decay(t, lr=lr, lr_min=0.0, total=300) if plan == "cosine" else lr
            param, state = lion(param, surface.gradient(param), state, lr=factor)
        ends[plan] = float(param.norm())
    print(f"lr {lr:g}:", "; ".join(f"{plan} ends {far:.4f} from the minimum" for plan, far in ends.items()))

# %% [markdown]
# ## 5. Muon: the same length in every direction
#
# Back to the question of section 1. **Muon takes the running mean of the gradients of a matrix, makes all its singular
# values about 1, and steps along that: the same length in every direction.**

# %%
show.formula(muon)

# %% [markdown]
# $m_t$, `m`, is the running mean, with $\beta$ = 0.95; $\eta$ and $\lambda$ are as for Lion; NS is what is new. (A
# matrix whose singular values are all 1 is called *orthogonal*.) Why should it help? Muon's author suspects that weak
# directions belong to what is rare in the data and yet worth learning. No cell here tests that; section 6 measures
# the outcome.
#
# How does one set singular values to 1? The direct way is to compute them, `U, S, Vh = torch.linalg.svd(m)`, and to
# leave out `S`. That is slow on a GPU, at each step, for each layer. `newton_schulz` does it with matrix products
# alone, which are what a GPU is best at:

# %%
show.formula(newton_schulz)

# %% [markdown]
# $\lVert M \rVert_F$, the *Frobenius norm*, is the length of the matrix; divided by it, no singular value is above 1.
# $a$, $b$, $c$ are the three numbers in the code. Why does that work? `svd` writes $X$ as $U S V^\top$, where $U$ and
# $V$ hold the patterns of section 1 and $S$ their strengths. Then $X X^\top X = U S^3 V^\top$: products of this kind
# leave the patterns and cube the strengths. So the last line applies the polynomial $a\sigma + b\sigma^3 + c\sigma^5$
# to every singular value $\sigma$, and to nothing else. Is that so? On the `m` of section 1:

# %%
big = m.double()
U, S, Vh = torch.linalg.svd(big)
S = S / S.square().sum().sqrt()
for _ in range(5):
    S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
print(f"largest difference: {float((newton_schulz(big) - U @ torch.diag(S) @ Vh).abs().max()):.1e}")

# %% [markdown]
# **Predict, then run:**

# %%
answer("growth_of_a_small_singular_value", ...)

# %%
answer("small_singular_value_after_five_steps", ...)

# %%
for small in (0.0001, 0.01, 0.1):
    sides = torch.diag(torch.tensor([1.0, small], dtype=torch.float64))
    after = {count: float(newton_schulz(sides, count)[1, 1]) for count in (0, 1, 2, 5)}
    print("; ".join(f"{count} times: {value:.6f}" for count, value in after.items()))

# %% [markdown]
# What this polynomial does to numbers between 0 and 1, applied once, twice, five times:

# %%
sigma = torch.linspace(0, 1, 401, dtype=torch.float64)
powers, now = {}, sigma
for count in range(1, 6):
    now = 3.4445 * now - 4.7750 * now**3 + 2.0315 * now**5
    if count in (1, 2, 5):
        powers[f"{count} times"] = now
show.lines(sigma, powers, "singular value, of a matrix of length 1", "after Newton-Schulz", log=False)

# %% [markdown]
# The slope at 0 is what counts: 3.4445, so a small singular value grows that many times at each application. The price
# is that large ones do not settle at 1 but wander about:

# %%
inside = now[sigma >= 0.01]
print(f"five times, from 0.01 to 1: between {float(inside.min()):.2f} and {float(inside.max()):.2f}")

# %% [markdown]
# By the author's experience that does no harm. Now the matrix of section 1, before and after:

# %%
steps["Muon"] = newton_schulz(m)
strengths = {name: torch.linalg.svdvals(step) for name, step in steps.items()}
relative = {name: s / s[0] for name, s in strengths.items()}
show.lines(range(1, 65), relative, "direction, strongest first", "strength over that of the strongest", log=True)

# %%
for name, s in relative.items():
    size = float(steps[name].square().mean().sqrt())
    print(f"{name:6} directions with a tenth of the strongest or more: {int((s >= 0.1).sum())} of 64; "
          f"root mean square of the step {size:.2g}")  # fmt: skip
print(f"1 / sqrt(64) = {1 / 8}")

# %% [markdown]
# Lion, too, moves in more directions than AdamW, without meaning to: the sign lifts all small numbers to the size of
# the large ones. Muon does it on purpose, and for nearly all directions. The last number is worth a look: a 64 by 64
# matrix whose singular values are all 1 has a root mean square of $1/\sqrt{64}$, so Muon's rate is a third kind of
# length, that of a *direction*, and neither AdamW's rate nor Lion's can be taken over.
#
# Muon is for matrices. Biases have one dimension, and are left to AdamW. With `engine.Optimizer` a group of parameters
# can have its own rule:

# %%
model = engine.mlp([64, 64, 64, 10])
matrices = [p for p in model.parameters() if p.ndim == 2]
biases = [p for p in model.parameters() if p.ndim == 1]
groups = [{"params": matrices, "rule": muon, "lr": 0.02}, {"params": biases, "rule": RULES["adamw"], "lr": 0.003}]
optimizer = engine.Optimizer(groups, RULES["adamw"])
print(engine.train(model, optimizer, digits, loss=cross_entropy, epochs=3, batch_size=64, progress=False))

# %% [markdown]
# ## 6. Past the toy: five rules, one budget
#
# Now the race, on digits, with the network of section 1 and eight epochs. Who tunes a new rule and takes the old one
# as it comes can win any race. So each rule gets the same budget: **five rates, doubling from one to the next, times
# three values of one more setting, with two seeds each**. The setting is `weight_decay` for AdamW, Lion and Muon, and
# `beta` for schedule-free and for heavy ball, gradient descent with momentum (chapter 06), which is the plain rule to
# beat. All but schedule-free have a cosine schedule over the eight epochs. Muon takes the matrices, AdamW with its
# defaults the biases. (A first coarse look had shown where each rule's *valley* lies, the rates at which it does
# well; every rule had that look.) This takes a while.

# %%
spaces = {
    "adamw": (0.005, "weight_decay", (0.1, 1.0, 10.0)),
    "lion": (0.0005, "weight_decay", (0.1, 1.0, 10.0)),
    "muon": (0.005, "weight_decay", (0.01, 0.1, 1.0)),
    "schedule_free": (0.25, "beta", (0.0, 0.5, 0.9)),
    "heavy_ball": (0.01, "beta", (0.5, 0.9, 0.98)),
}
sizes, rest = [64, 64, 64, 10], {"rule": RULES["adamw"]}
how = {"loss": cross_entropy, "epochs": 8, "batch_size": 64, "progress": False}

# %%
reached = {}
for name, (low, other, values) in spaces.items():
    for lr, value, seed in itertools.product((low * 2**k for k in range(5)), values, (0, 1)):
        model, hyper = engine.mlp(sizes, seed), {"rule": RULES[name], "lr": lr, other: value}
        weights, biases = list(model.parameters())[::2], list(model.parameters())[1::2]
        groups = [{"params": weights, **hyper}, {"params": biases, **(rest if name == "muon" else hyper)}]
        optimizer = engine.Optimizer(groups, RULES["adamw"])
        schedule = None if name == "schedule_free" else CosineAnnealingLR(optimizer, how["epochs"])
        run = engine.train(model, optimizer, digits, seed=seed, scheduler=schedule, **how)
        reached.setdefault((name, lr, value), []).append(math.inf if run.stopped else run.validation_loss[-1])

# %%
means = {cell: statistics.mean(losses) for cell, losses in reached.items()}
valleys, first = {}, {}
for name, (low, other, values) in spaces.items():
    valleys[name] = [min(min(means[name, low * 2**k, value] for value in values), 2.0) for k in range(5)]
    first[name] = sorted((cell for cell in means if cell[0] == name), key=means.get)[:3]
    words = (f"lr {lr:g}, {other} {value:g}: {means[name, lr, value]:.3f}" for _, lr, value in first[name])
    print(f"{name:14} the best three:", "; ".join(words))
show.lines(range(5), valleys, "doublings of the rate", "validation loss (2 and more drawn at 2)", log=True)

# %% [markdown]
# How wide is each valley? AdamW's is nearly flat: any of its five rates will do, over a factor of 16, and the worst of
# them is close to the best of schedule-free and of heavy ball. Muon's best rate is as good as AdamW's best, and one
# doubling to either side of it is clearly worse. Who tries one rate only should not try it with Muon.
# No best rate lies at the edge of its five. Muon's best decay is the lowest of its three, but level with the next.
#
# Two seeds are few, and the best three of each rule lie close together. So all three train again with five fresh
# seeds. The median of the validation loss chooses one; the test images, which no choice in these cells looks at, give
# the verdict. (Inside `optimizer.averaged()` the parameters are at `x` where the rule is schedule-free.)

# %%
trials = {}
for (name, lr, value), seed in itertools.product(itertools.chain(*first.values()), range(10, 15)):
    model, hyper = engine.mlp(sizes, seed), {"rule": RULES[name], "lr": lr, spaces[name][1]: value}
    weights, biases = list(model.parameters())[::2], list(model.parameters())[1::2]
    groups = [{"params": weights, **hyper}, {"params": biases, **(rest if name == "muon" else hyper)}]
    optimizer = engine.Optimizer(groups, RULES["adamw"])
    schedule = None if name == "schedule_free" else CosineAnnealingLR(optimizer, how["epochs"])
    run = engine.train(model, optimizer, digits, seed=seed, scheduler=schedule, **how)
    with torch.no_grad(), optimizer.averaged():
        scores = model(digits.x_test)
    loss, right = cross_entropy(scores, digits.y_test), (scores.argmax(dim=1) == digits.y_test).float().mean()
    trials.setdefault((name, lr, value), []).append((run.validation_loss[-1], float(loss), float(right), run))

# %%
cells = {}
for (name, lr, value), five in trials.items():
    validation, losses, hits, runs = zip(*five, strict=True)
    cells.setdefault(name, []).append((statistics.median(validation), [run.train_loss for run in runs]))
    print(f"{name:13} lr {lr:<5g} {spaces[name][1]} {value:<4g} validation {cells[name][-1][0]:.3f}, "
          f"test {statistics.median(losses):.3f} ({min(losses):.3f} to {max(losses):.3f}); "
          f"{statistics.median(hits):.1%} right ({min(hits):.1%} to {max(hits):.1%})")  # fmt: skip

# %% [markdown]
# How did they get there? The training loss of these five runs, as it was trained on (for schedule-free that is at `y`):

# %%
curves = {name: min(three)[1] for name, three in cells.items()}
show.loss_curves(curves, xlabel="epoch", ylabel="training loss", first=1)

# %%
for name, five in curves.items():
    there = [next((e + 1 for e, loss in enumerate(losses) if loss < 0.1), math.inf) for losses in five]
    print(f"{name:14} training loss below 0.1 in epoch {statistics.median(there)} (median of the seeds)")

# %% [markdown]
# What can be said, on this task:
#
# - **The choice of the setting weighs as much as the rule.** AdamW's three cells are level in validation, and its test
#   loss nearly doubles from one to another. A race with one cell for each rule could have had either winner. The share
#   that is right moves less; what follows is about that share, in the cells of the lowest validation loss.
# - **AdamW, Muon, schedule-free and heavy ball are level** in the share that is right: their ranges overlap. AdamW and
#   schedule-free are below a training loss of 0.1 two epochs before Muon.
# - **Schedule-free** had no schedule and lost nothing by that. It gained nothing either: the network fits nearly all
#   training images, so the noise of the gradients fades as the loss does, and an average has less to take out than in
#   section 3.
# - **Lion is behind.** The range of its chosen cell touches none of the other four. Its best rate is ten times below
#   AdamW's, as its authors advise. They also say that it gains with large batches; this is a small one.
#
# One thing no cell shows. The race was run in four versions, of which this is the last: AdamW's range of decays and
# schedule-free's values of $\beta$ were moved twice, after test losses had been seen, and ten epochs became eight to
# save time. In test loss AdamW was ahead in one version, Muon in two, and in one they were level. Lion was last each
# time. So the first and the last point above may be trusted more than any order among the other four.
#
# None of this says what happens in a network a million times as large. It says that newer is not better by itself.

# %% [markdown]
# ## 7. How it fails
#
# ### Lion: AdamW's rate, and beta1 and beta2 exchanged
#
# The first of these is a wrong setting; the mistakes after it have the names that `check` gives them, and
# `made` makes them in the course's own code. Lion at its best cell, but with a constant rate, five seeds each:

# %%
known = exercise("lion")
exchanged = made(lion, next(slip.change for slip in known.slips if slip.name == "beta1 and beta2 exchanged"))
cases = {"right": (lion, 0.002), "AdamW's rate": (lion, 0.02), "beta1 and beta2 exchanged": (exchanged, 0.002)}
curves = {}
for name, (rule, lr) in cases.items():
    several = engine.stacked(
        lambda seed: engine.mlp(sizes, seed), rule, digits, seeds=range(10, 15), lr=lr, weight_decay=1.0,
        loss=cross_entropy, epochs=8, batch_size=64,
    )  # fmt: skip
    curves[name] = several.train_loss
    print(f"{name}: validation loss {several.validation_loss[:, -1].median():.3f}")
show.loss_curves(curves, xlabel="epoch", ylabel="training loss", first=1)

# %% [markdown]
# *AdamW's rate* is ten times too large, and Lion hovers high above the bottom. The right Lion at a constant rate fits
# the training images more closely than with its schedule, and its validation loss is about twice that of section 6. And
# look at *beta1 and beta2 exchanged*, where the sign is taken of a long mean and a short one is kept: **it trains
# worse, and validates far better.** Why, these numbers do not say. But a low loss is no proof that a rule is
# right. This is why `check(lion)` compares the path step by step, and looks at no loss.
#
# ### No norm
#
# The polynomial is made for singular values of at most 1, and dividing the matrix by its length sees to that. Newton-
# Schulz without the division, on the `m` of section 1 and on larger ones:

# %%
known = exercise("newton_schulz")
undivided = made(newton_schulz, next(slip.change for slip in known.slips if slip.name == "no norm"))
for name, function in {"right": newton_schulz, "no norm": undivided}.items():
    for factor in (1, 10, 100):
        after = function(factor * m)
        largest = float(torch.linalg.svdvals(after)[0]) if after.isfinite().all() else math.nan
        print(f"{name}: gradients times {factor}: largest singular value {largest:.3g}")

# %% [markdown]
# Small gradients pass unnoticed. Once they are large, five iterations are enough to leave the range of the numbers. A
# network can train for a while like that, and then be gone at the first steep place.
#
# ### The wrong point of schedule-free
#
# The parameter `y` is not the result. The linear model of section 3 again, 20 draws, after 100 and 1000 steps:

# %%
for beta in (0.5, 0.9):
    generator, param = torch.Generator().manual_seed(0), torch.zeros(20, 10, dtype=torch.float64)
    state = schedule_free.init(param)
    for t in range(1, 1001):
        index = torch.randint(len(X), (20, 8), generator=generator)
        error = (X[index] @ param[..., None])[..., 0] - y[index]
        grad = 2 * (error[..., None] * X[index]).mean(dim=-2)
        param, state = schedule_free(param, grad, state, lr=0.1, beta=beta)
        if t in (100, 1000):
            points = {"x": state.x, "y, the parameter": param, "z": state.z}
            above = {name: ((p @ X.T - y).square().mean(dim=-1) - lowest).median() for name, p in points.items()}
            print(f"beta {beta}, step {t}:", "; ".join(f"{name} {loss:.5f}" for name, loss in above.items()))

# %% [markdown]
# Who forgets `averaged()` measures, and saves, a network that is worse than the one that was learned, and the more so
# the smaller $\beta$ is. Nothing warns of it: the curve of `y` falls too.
#
# ## 8. Convention box
#
# - **Lion**: as in the paper (Algorithm 2, section 2 above). torch has none.
# - **Muon, the buffer**: the author adds the gradients up, $\beta m + g$; here, as in torch, they are averaged. Newton-
#   Schulz divides by the length first, so both give the same step.
# - **Muon in torch** looks *ahead* unless `nesterov=False`: it orthogonalises $(1-\beta)\, g_t + \beta\, m_t$ in place
#   of $m_t$. And it multiplies the step, but not the decay, by $s = \sqrt{\max(1, \text{rows}/\text{columns})}$. Here
#   `lr` and `weight_decay` are torch's `lr * s` and `weight_decay / s`.
# - **Muon's rounding**: torch takes the products in bfloat16, numbers of 16 bits with two to three digits. With that
#   taken out (the first line of the cell lets the conversion to bfloat16 do nothing), ours and torch's are the same:

# %%
rounding = {"torch's Muon, without its rounding": mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone)}
rounding["torch's Muon as it is"] = contextlib.nullcontext()
grads = torch.randn(100, 8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
s = math.sqrt(8 / 4)
for name, patch in rounding.items():
    for nesterov in (False, True):
        param = torch.ones(8, 4, dtype=torch.float64)
        twin, state = param.clone().requires_grad_(), muon.init(param)
        optimizer = torch.optim.Muon([twin], lr=0.02 / s, weight_decay=0.1 * s, momentum=0.95, nesterov=nesterov)
        for grad in grads:
            param, state = muon(param, grad, state, lr=0.02, beta=0.95, weight_decay=0.1)
            twin.grad = grad.clone()
            with patch:
                optimizer.step()
        print(f"{name}, nesterov={nesterov}: largest difference {float((param - twin.detach()).abs().max()):.1e}")

# %% [markdown]
# - **Schedule-free, the weights of the mean**: here `x` is the mean of $z_1$ to $z_t$. In the paper the starting point
#   counts as one more, and the newest has the weight $1/(t+1)$. With the same $z$ the paper's mean is
#   $x + (z_0 - x)/(t + 1)$. The authors' code is as here while the rate is constant, and else weighs each $z$ by the
#   square of the largest rate so far.

# %%
grads = torch.randn(100, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
param = papers = z = torch.ones(6, dtype=torch.float64)
state = schedule_free.init(param)
for t, grad in enumerate(grads, start=1):
    z = z - 0.01 * grad
    papers = (1 - 1 / (t + 1)) * papers + 1 / (t + 1) * z
    param, state = schedule_free(param, grad, state, lr=0.01)
print(f"x and the paper's mean: {float((state.x - papers).abs().max()):.1e}")
print(f"converted: {float((state.x + (1 - state.x) / 101 - papers).abs().max()):.1e}")
apart = newton_schulz(20 * big) - newton_schulz(big)
print(f"Newton-Schulz of m and of 20 m: {float(apart.abs().max()):.1e}")

# %% [markdown]
# - **The trap of schedule-free**: the network holds `y`, and what you want to evaluate and save is `x`. The authors'
#   optimiser has `optimizer.train()` and `optimizer.eval()` for that; here it is `with optimizer.averaged():`. A layer
#   of batch normalisation has seen `y` only, and needs a pass over the data at `x` first.
#
# ## 9. In practice
#
# **Memory.** What does each rule keep for each weight, beside the weight and its gradient?

# %%
answer("state_of_lion", ...)

# %% [markdown]
# Measured, in bytes over the bytes of the weights:

# %%
for name in ("gradient_descent", "heavy_ball", "adamw", "lion", "muon", "schedule_free"):
    weight = torch.nn.Parameter(torch.randn(256, 256))
    optimizer = engine.Optimizer([weight], RULES[name], lr=0.01)
    weight.grad = torch.randn(256, 256)
    optimizer.step()
    kept = sum(x.nbytes for x in optimizer.state[weight].values() if isinstance(x, torch.Tensor))
    print(f"{name:17} {kept / weight.nbytes:.0f} times; for a model of 7 billion weights in float32: "
          f"{kept / weight.nbytes * 7 * 4:.0f} GB")  # fmt: skip

# %% [markdown]
# Lion and Muon halve AdamW's memory. (Of schedule-free's `z`, `x` and the parameter one can be computed from the other
# two. The authors' code keeps one of them beside the parameter, the course both, since that is easier to read.)
#
# **Time.** Lion and schedule-free go through the weights number by number, as AdamW does; chapter 15 measures such
# steps. Muon multiplies matrices. How much work is that beside the training step itself? torch can count:

# %%
for side, rows in ((64, 64), (512, 64), (512, 4096)):
    layer, x = torch.nn.Linear(side, side, bias=False, device="cpu"), torch.randn(rows, side, requires_grad=True)
    with FlopCounterMode(display=False) as step:
        layer(x).sum().backward()
    with FlopCounterMode(display=False) as extra:
        newton_schulz(layer.weight.grad)
    share = extra.get_total_flops() / step.get_total_flops()
    print(f"{side} x {side}, batch of {rows}: Newton-Schulz takes {share:.3g} times the work of forward and backward")
print(f"5 * side / rows: {5 * 64 / 64:.3g}, {5 * 512 / 64:.3g}, {5 * 512 / 4096:.3g}")
print(f"a layer of 4096 x 4096, a batch of a million words: {5 * 4096 / 1e6:.1%}")

# %% [markdown]
# The work of Newton-Schulz depends on the size of the matrix alone, that of the gradient grows with the batch. For a
# square matrix the ratio is about 5 times the side over the rows of the batch (five iterations of three products, over
# the three products of a forward and backward pass; the author's write-up has the same estimate). Small batches on wide
# layers make Muon dear, the large batches of language models make it cheap.
#
# **When to use what.** What was measured here, and what others report, which we did not check:
#
# - **AdamW.** *Here:* level with the best on digits, and its rate hardly matters over a factor of 16; two more numbers
#   for each weight. *Reported:* the default nearly everywhere. Start with it.
# - **Muon**, with AdamW for what is no matrix. *Here:* level with AdamW on the test images, at one or two rates of
#   five; later on the training images; one more number for each weight; work that a small batch feels. *Reported:* for
#   large language models half the work of AdamW (Liu et al. 2025); where AdamW was tuned as carefully, 1.4 times as
#   fast for small models and 1.1 times for larger ones (Wen et al. 2025). Its author leaves the first and the last
#   layer to AdamW too; here Muon had all matrices.
# - **Lion.** *Here:* behind on digits; one more number for each weight; never at rest without a schedule. *Reported:*
#   gains over AdamW that grow with the batch (Chen et al. 2023). Worth a try where memory is short.
# - **Schedule-free.** *Here:* with a tuned $\beta$ best at every stop on a noisy convex problem; on digits level with
#   heavy ball, without a schedule. *Reported:* its form for AdamW, which is not the one measured here, won the
#   self-tuning track of the AlgoPerf contest of 2024 (Defazio et al.). For training that nobody knows the end of.
# - **Heavy ball.** *Here:* level on digits too, with half of AdamW's memory, in a narrower valley than AdamW's. It is
#   the rival that new rules forget.
#
# ## 10. Your turn
#
# In `exercises/14_modern.ipynb`, in this order:
#
# 1. `lion`: the sign of one mean, and another that is kept (2 points). It trains on digits beside AdamW.
# 2. `newton_schulz`: a polynomial of a matrix, applied again and again (2 points). It levels the singular values of a
#    matrix whose directions are unequally strong.
# 3. `muon`: momentum, made orthogonal (2 points). You may call your `newton_schulz`. It trains on digits, with AdamW
#    for the biases.
# 4. `schedule_free`: three points, and which is which (2 points). It walks on a parabola with noise.
#
# `check` names the mistake when there is one.
#
# **To remember:** Lion is a sign, so it hovers at the distance of its rate, and takes a smaller rate than AdamW. Muon
# gives every direction of a matrix the same length. Schedule-free returns the mean of its path and needs no end. Before
# you believe that a rule wins, ask how many settings its rival was given.
#
# ## 11. Sources
#
# - Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", *NeurIPS*, arXiv:2302.06675: Algorithm 2 (Lion)
#   and the advice on rate and decay.
# - Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon:
#   the coefficients, the estimate of the cost, and which layers are left to AdamW.
# - Liu et al. (2025), "Muon is Scalable for LLM Training", arXiv:2502.16982: the decay, and steps of AdamW's size.
# - Defazio et al. (2024), "The Road Less Scheduled", *NeurIPS*, arXiv:2405.15682, and the code at
#   github.com/facebookresearch/schedule_free.
# - The documentation of `torch.optim.Muon`.
# - **To read next:** Wen, Hall, Ma and Liang (2025), "Fantastic Pretraining Optimizers and Where to Find Them",
#   arXiv:2509.02046, because it tunes ten rules with the same care, AdamW among them, up to 1.2 billion weights,
#   and finds how much of the reported lead remains.
