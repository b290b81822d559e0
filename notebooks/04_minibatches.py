# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Mini-batches: how many rows for one step?
#
# The gradient of the loss is a mean over all rows of the data. A step needs one gradient. Must it look at every row
# first? What does it lose when it looks at 32 of them, or at one?
#
# About 40 minutes. You need gradient descent, `param - lr * grad` (chapter 03), and the cross-entropy of chapter 01.
# One word has several meanings, so here is ours: *stochastic gradient descent*, SGD, is gradient descent with the
# gradient of some rows, however many. Section 8 has the other uses.

# %%
import itertools
import math
import statistics
import time

import torch
from torch.nn.functional import cross_entropy, mse_loss

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.minibatches import gradient_noise_scale, minibatch_gradient, minibatches

torch.set_num_threads(1)  # these networks are too small to be shared between cores

# %% [markdown]
# ## 1. Three ways to read the same images
#
# A small network learns to read handwritten digits. An *epoch* is one pass through the training images, each of which
# is looked at once. Three ways to go through it:
#
# - **all at once:** one gradient from all images, one step;
# - **in batches of 32:** a gradient from 32 images, a step, the next 32;
# - **one at a time:** a step after each image.
#
# All three compute the gradients of equally many images. Each may try the same nine learning rates, with five *seeds*,
# the numbers that random draws start from (other first weights, other order of the images). For each way the rate
# counts whose loss, the median of the five seeds, is lowest after three epochs on the *validation images*, set aside.
# (`engine.stacked` trains all 45 networks at once. Still, this is one of the longer cells.)

# %%
digits = engine.digits()
print(digits)
n = len(digits.x_train)
rates, seeds, runs = [10 ** (k / 3) for k in range(-6, 3)], range(5), {}
every = {
    "make": lambda seed: engine.mlp([64, 32, 10], seed),
    "function": RULES["gradient_descent"],
    "data": digits,
    "loss": cross_entropy,
    "lr": [lr for lr in rates for _ in seeds],
    "seeds": [*seeds] * len(rates),
}
for size, epochs in ((1, 3), (32, 3), (n, 40)):  # three epochs for this section, the rest for section 6
    stack = engine.stacked(epochs=epochs, batch_size=size, **every)
    runs[size] = stack.validation_loss.view(len(rates), len(seeds), epochs).nan_to_num(nan=math.inf)

# %%
best, curves = {}, {}
for size, name in ((n, "all at once"), (32, "batches of 32"), (1, "one at a time")):
    ends = runs[size][:, :, 2].median(dim=1).values
    best[size] = int(ends.argmin())
    curves[name] = runs[size][best[size], :, :3]
    steps = 3 * math.ceil(n / size)
    print(f"{name:14} best rate {rates[best[size]]:6.2g}: {steps:5} steps, validation loss {ends.min():.3f}")
picture = show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Three epochs, five seeds")
picture.axes[0].set_xticks((1, 2, 3))
picture

# %% [markdown]
# All at once has taken three steps by then, and has hardly begun. That is no wonder. But look at the other two. **A
# step from 32 images does about as much as 32 steps from one image each**, with a rate some twenty times larger. And a
# step from all 1078 does *not* do as much as 34 steps from 32.
#
# So there is a number of rows, above 32 here and below 1078, up to which looking at more rows pays. What decides where
# it is? And if 32 are as good as one, per image: why does nobody take one?
#
# ## 2. The idea
#
# **The mean over a few rows drawn at random is right on average, and its error shrinks with the root of their number:
# so take a few, step, and take others.**
#
# Here is the gradient of a few rows, for a linear model with the squared error. For a network it is the same, with
# autograd in place of the formula:

# %%
show.formula(minibatch_gradient)

# %% [markdown]
# - $x_i$ and $y_i$, rows of `X` and `y`: the input and the target of one row; $w$, `w`: the weights.
# - $I$, `index`: which rows are in the batch, and $|I|$ how many. We also write $B$, the *batch size*.
# - $g_I$: the gradient of the batch. The gradient of all rows, $\bar g$, is the same with all of them in $I$.
#
# And here is who decides which rows:

# %%
show.formula(minibatches)

# %% [markdown]
# $\pi$, `order`, is a shuffled deck. It is dealt out $B$ cards at a time until it is used up; then comes the next epoch
# and a new shuffle. So each row comes once in an epoch. **Predict, then run.** Run the cell as it is to read the
# question. Put your answer in place of `...`, run it again, and read what it says. Then run the next cell.

# %%
answer("steps_of_ten_epochs", ...)

# %%
generator = torch.Generator().manual_seed(0)
batches = list(minibatches(n, 64, generator))
print(f"one epoch: {len(batches)} batches, of {[len(index) for index in batches]} rows")
print(f"rows that came: {len(torch.cat(batches))}, different ones: {len(torch.cat(batches).unique())}")
again = torch.randint(n, (n,), generator=generator)
print(f"{n} rows drawn from all each time: {len(again.unique())} different ones, {len(again.unique()) / n:.1%}")

# %% [markdown]
# The last line is the other way to draw: *with replacement*, where a row may come again before others have come at all.
# In $n$ such draws a row is missed with the probability $(1 - 1/n)^n$, near $1/e$ or 37%.
#
# ## 3. How wrong is the gradient of a batch?
#
# The *noise* of batches is how far their gradients are off from that of all rows. We take the length of the difference
# in the *root mean square* over many batches: square it, take the mean, take the root. First a hundred rows with one
# weight, then the diabetes data, a regression with ten inputs, at weights of 0. **Predict, then run:**

# %%
answer("batch_for_half_the_noise", ...)

# %%
answer("half_of_a_hundred_rows", ...)

# %%
slopes = torch.randn(100, generator=generator, dtype=torch.float64)  # a hundred rows, each with its own gradient
slopes = 10 * (slopes - slopes.mean()) / slopes.std(correction=0)  # one row is off by 10
decks = torch.rand(20_000, 100, generator=generator).argsort(dim=1)
for size in (1, 4, 50):
    print(f"{size:2} different rows of 100: off by {slopes[decks[:, :size]].mean(dim=1).square().mean().sqrt():.3f}")

# %% [markdown]
# (Four are off by a little less than half, as they are different.) Now real rows, batches of 1 to 256, drawn both ways:

# %%
diabetes = engine.diabetes(dtype=torch.float64, device="cpu")
X, y, w = diabetes.x_train, diabetes.y_train, torch.zeros(10, dtype=torch.float64)
N, full = len(X), minibatch_gradient(w, X, y, torch.arange(len(X)))
sizes, noise = [2**k for k in range(9)], {"rows may come again": [], "different rows": []}
for size in sizes:
    for name, seen in noise.items():
        off = []
        for _ in range(300):
            row = torch.randint(N, (size,), generator=generator) if "again" in name else next(
                minibatches(N, size, generator))  # fmt: skip
            off.append((minibatch_gradient(w, X, y, row) - full).square().sum())
        seen.append(float(torch.stack(off).mean().sqrt()))
    if size in (1, 4, 16, 64, 256):
        print(f"B = {size:3}: " + ", ".join(f"{name} {seen[-1]:.3f}" for name, seen in noise.items()))

# %% [markdown]
# Four times the rows, half the noise. On average nothing is wrong: each row is as likely as any other, and the mean of
# the rows' gradients is that of all rows (the first line below). With both axes logarithmic a power of $B$ is a
# straight line, and the exponent is its slope. The two lines beside the measured ones are computed from the gradients
# $g_i$ of the single rows. Their *covariance* is a matrix with the variance of each coordinate on its diagonal; the sum
# of these is its *trace*, $\operatorname{tr}\Sigma$, and the noise of one row is its root:
#
# $$\text{rows may come again: } \sqrt{\frac{\operatorname{tr}\Sigma}{B}}
# \qquad \text{different rows: } \sqrt{\frac{\operatorname{tr}\Sigma}{B}\left(1-\frac BN\right)}$$

# %%
rows = torch.stack([minibatch_gradient(w, X, y, torch.tensor([i])) for i in range(N)])
print(f"the mean of the single rows' gradients is off from that of all by {(rows.mean(dim=0) - full).norm():.0e}")
trace = float(rows.var(dim=0).sum())
drawn = {"rows may come again": "1/√B", "different rows": "1/√B, with 1 - B/N"}
lines = {
    drawn["rows may come again"]: [math.sqrt(trace / size) for size in sizes],
    drawn["different rows"]: [math.sqrt(trace / size * (1 - size / N)) for size in sizes],
}
for name, line in drawn.items():
    seen, line = torch.tensor(noise[name]), torch.tensor(lines[line])
    slope = torch.cov(torch.stack((torch.tensor(sizes).log2(), seen.log2())))  # of the line: covariance over variance
    print(f"{name:20} slope {slope[0, 1] / slope[0, 0]:+.2f}; at most {(seen / line - 1).abs().max():.1%} off its line")

# %%
labels = ("batch size (rows)", "noise of the gradient")
picture = show.lines(sizes, noise | lines, *labels, log=True, title=f"Diabetes, {N} rows, 300 batches for each point")
picture.axes[0].set_xscale("log", base=2)
picture

# %% [markdown]
# Drawn with replacement the noise falls as $1/\sqrt B$, to the end. Drawn without, it falls faster once a batch is a
# good part of the data: $1 - B/N$ is the share of the rows that the batch has *not* seen, and a batch of all rows has
# no noise. For batches that are small against the data the two are the same.
#
# The root is why small batches are worth so much: of the noise of one row, 16 rows leave a quarter, and the next 16
# take away only a little more.
#
# ## 4. Move it
#
# A linear model with two of the inputs has two weights, so its gradients are points in a plane. Each point is one batch
# out of 300, the arrow is the gradient of all rows. (What the figure calls *spread* is our noise.) A small step against
# a gradient in the shaded half makes the loss *larger*. **Find out: at 0 % of the way to the minimum, from which batch
# size on does less than one batch in ten lead up? Write it down. Then at 50 %, and at 90 %.**

# %%
show.gradient_cloud()

# %%
two = [diabetes.features.index(name) for name in ("bmi", "s5")]
X2, y2 = X[:256, two], y[:256]
least = torch.linalg.lstsq(X2, y2[:, None]).solution[:, 0]
decks = torch.rand(5000, 256, generator=generator).argsort(dim=1)  # 5000 shuffled decks
for share in (0.0, 0.5, 0.9):
    rows = torch.stack([minibatch_gradient(share * least, X2, y2, torch.tensor([i])) for i in range(256)])
    mean = rows.mean(dim=0)
    print(f"{share:.0%} of the way: gradient {mean.norm():.3f}, noise of one row {rows.var(dim=0).sum().sqrt():.2f};")
    up = {size: ((rows[decks[:, :size]].mean(dim=1) @ mean) < 0).double().mean() for size in (1, 2, 4, 8, 64, 128)}
    print("    leading up:", ", ".join(f"B = {size}: {part:.1%}" for size, part in up.items()))

# %% [markdown]
# Of these sizes it is 4, then 8, then 128. On the way down the arrow becomes ten times shorter, the cloud by less than
# a third. So a batch that knew the way at the start knows little near the minimum, where the gradients of single rows
# do not become 0 but cancel. How many rows are enough depends on the noise *divided by the length of the gradient*.
#
# ## 5. The noise scale
#
# That ratio has a name. It is squared, because then it is a number of rows:

# %%
show.formula(gradient_noise_scale)

# %% [markdown]
# The noise scale is the curly $\mathcal B$; the plain $B$ stays the batch size. Above the line is the squared noise of
# one row, below it the squared length of the gradient. A batch of $B$ rows has the squared noise
# $\operatorname{tr}\Sigma/B$; where $B = \mathcal B$, that is as much as $|\bar g|^2$. **Predict, then run:**

# %%
answer("noise_scale_of_six_rows", ...)

# %%
six = torch.tensor([[-3.0], [5.0], [4.0], [-2.0], [1.0], [1.0]])
print(f"mean {six.mean():g}, variance {six.var():g}, noise scale {gradient_noise_scale(six):g}")

# %% [markdown]
# **What it predicts.** Take one step from a batch of $B$ rows, at the rate that suits such steps best. If the loss is
# curved alike in all directions, McCandlish and others (2018) derive that on average it falls by the share
#
# $$\frac{1}{1 + \mathcal B/B}$$
#
# of what a step without noise could do. (A step takes off $\eta\,|\bar g|^2$; the curvature $L$ puts back
# $\tfrac12 L\,\eta^2$ times the mean squared length of its gradient, $|\bar g|^2 + \operatorname{tr}\Sigma/B$. Take the
# best $\eta$.) Far below $\mathcal B$ that is $B/\mathcal B$: twice the rows, twice the progress, nothing is lost. At
# $\mathcal B$ it is a half. Far above it more rows bring nothing.

# %%
answer("ten_times_the_batch", ...)

# %%
share = {size: 1 / (1 + 64 / size) for size in (64, 640)}
print(f"{share}: {share[640] / share[64]:.3f} times as much")

# %% [markdown]
# A network is not curved alike in all directions. Does it hold there? We need the gradient of each single image, one
# row of 2410 numbers for each, which torch computes for all images at once (`vmap`). We train with batches of 32 and
# measure the noise scale on the way:

# %%
x_all, y_all = digits.x_train, digits.y_train
model = engine.mlp([64, 32, 10])
one_row = torch.func.grad(lambda p, x, t: cross_entropy(torch.func.functional_call(model, p, x[None]), t[None]))
optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=rates[best[32]])
kept, scales = {}, {}
for epoch in range(9):
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    by_row = torch.func.vmap(one_row, (None, 0, 0))(weights, x_all, y_all)
    scales[epoch] = float(gradient_noise_scale(torch.cat([g.flatten(1) for g in by_row.values()], dim=1)))
    kept[epoch], loss = (weights, by_row), float(cross_entropy(model(x_all), y_all).detach())
    print(f"after {epoch} epochs: training loss {loss:.3f}, noise scale {scales[epoch]:.0f} images")
    engine.train(model, optimizer, digits, loss=cross_entropy, epochs=1, batch_size=32, seed=epoch, progress=False)

# %% [markdown]
# As in the cloud, it grows while the loss falls, though not evenly. Now the prediction. At two of these places we draw
# 120 batches of each size, take one step with each at 16 rates, and look at how far the loss of *all* training images
# falls. The mean over the batches, at the best rate, is what a step of this size can do. We divide it by what a step
# with all images does. (Batches are without repetition, so the $1 - B/N$ of section 3 stands beside $\mathcal B/B$.)

# %%
loss_of = torch.func.vmap(lambda p: cross_entropy(torch.func.functional_call(model, p, x_all), y_all))
tried, sizes, curves = torch.logspace(-2.5, 1.25, 16).to(x_all), (1, 4, 16, 64, 256, n), {}
for epoch in (0, 2):
    (weights, by_row), done = kept[epoch], []
    for size in sizes:
        after = []
        for _ in range(120 if size < n else 1):
            index = next(minibatches(n, size, generator)).to(x_all.device)
            grad = {name: g[index].mean(dim=0) for name, g in by_row.items()}
            moved = {name: p - torch.einsum("r,...->r...", tried, grad[name]) for name, p in weights.items()}
            after.append(loss_of(moved))
        done.append(float((loss_of({k: p[None] for k, p in weights.items()}) - torch.stack(after).mean(dim=0)).max()))
    curves[f"after {epoch} epochs"] = [fall / done[-1] for fall in done]
    curves[f"after {epoch}, predicted"] = [1 / (1 + scales[epoch] * (1 / size - 1 / n)) for size in sizes]

# %%
for name, shares in curves.items():
    print(f"{name:19}", ", ".join(f"B = {size}: {share:.3f}" for size, share in zip(sizes, shares, strict=True)))
picture = show.lines(sizes, curves, "batch size (images)", "share of a step with all images", log=True)
picture.axes[0].set_xscale("log", base=2)
picture

# %% [markdown]
# The prediction has the right place and about the right shape, from one number that was measured before any step was
# taken. After two epochs it is low from 16 images on, by up to a factor of 1.5; below that even 120 batches leave the
# mean uncertain. It leaves out that the curvature is not the same in all directions (the paper, section 2.2, calls this
# $\mathcal B$ the *simple* noise scale), and that the best of 16 rates is picked with hindsight.
#
# So here is the answer to section 1. Where the noise scale is in the hundreds, 32 images in one step do about as much
# as 32 steps, and 1078 do not do as much as 34 batches of 32.
#
# ## 6. Past the toy: epochs, rates and seconds
#
# ### The rate that goes with a batch
#
# In section 1 the best rate grew with the batch. Here it is for more sizes, each with three epochs and five seeds:

# %%
for size, epochs in ((4, 3), (16, 3), (128, 10), (512, 3)):
    stack = engine.stacked(epochs=epochs, batch_size=size, **every)
    runs[size] = stack.validation_loss.view(len(rates), len(seeds), epochs).nan_to_num(nan=math.inf)

# %%
sizes, ends = sorted(runs), []
for size in sizes:
    median = runs[size][:, :, 2].median(dim=1).values
    k = int(median.argmin())
    ends.append(runs[size][k, :, 2])
    print(f"B = {size:4}: best rate {rates[k]:6.2g}, rate / B {rates[k] / size:.4f}, validation loss {median[k]:.3f}")
after = {"three epochs": torch.stack(ends, dim=1)}
picture = show.lines(
    sizes, after, "batch size (images)", "validation loss", log=False, title="Three epochs, five seeds"
)
picture.axes[0].set_xscale("log", base=2)
picture

# %% [markdown]
# From 1 to 32 the best rate grows about in step with $B$: twice the rows in a step, half as many steps, each about
# twice as long. That is the *linear scaling rule* (Goyal and others 2017). It holds as long as the noise decides what
# is a good rate. For large batches the curvature decides, as in chapter 03: of these nine rates the best is the same
# for 512 rows and for all, and the loss at equal epochs goes up.
#
# ### And in seconds?
#
# At equal epochs one at a time is as good as 32. What does a step cost?

# %%
many, many_y = x_all.repeat(50, 1), y_all.repeat(50)  # the images 50 times over: as if there were more data
model, price = engine.mlp([64, 32, 10]), {}
optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=1e-3)
for size in (1, 8, 32, 128, 512, n, 50 * n):
    took = []
    for _ in range(30):
        started = time.process_time()  # the processor's time, so that other programs do not count
        optimizer.zero_grad()
        cross_entropy(model(many[:size]), many_y[:size]).backward()
        optimizer.step()
        model[0].bias[0].item()  # waits for a GPU to be done
        took.append(time.process_time() - started)
    price[size] = 1000 * statistics.median(took)
    print(f"B = {size:5}: {price[size]:7.3f} ms a step, {1000 * price[size] / size:7.2f} µs a row")

# %% [markdown]
# A step has a price of its own, whatever it looks at: Python, torch's calls, the update of the weights. Here 32 rows
# cost hardly more than one. (Where there is a GPU, this cell has measured it.) And a step with all rows grows with the
# data, while a step with 32 does not.
#
# Now the two curves can be put together: what a step does, by the noise scale, over what it costs.

# %%
for epoch in (0, 1, 2):
    gains = {}
    for size, ms in price.items():
        copies = 50 if size == 50 * n else 1
        gains[size] = 1 / (1 + scales[epoch] * max(copies / size - 1 / n, 0)) / ms
    top = max(gains.values())
    told = ", ".join(f"{size}: {gain / top:.2f}" for size, gain in gains.items())
    print(f"noise scale {scales[epoch]:4.0f}, progress per second, of the best size: {told}")

# %% [markdown]
# The best size in seconds is above 32 here, and moves up with the noise scale. With 1078 rows to the data, taking all
# of them becomes one of the best choices; with 50 times as many it is among the worst. That is the prediction, from the
# noise scale and a clock.
#
# Now the race. Each way gets the rate that was best after its 3, 10 or 40 epochs above (one epoch for one at a time),
# and then 0.32 seconds of steps. What counts is the loss on the *test images*, which nothing has looked at so far. This
# is the whole loop of training with mini-batches:

# %%
rate_of = {size: rates[int(runs[size][:, :, -1].median(dim=1).values.argmin())] for size in (32, 128, n)}
rate_of[1] = rates[int(runs[1][:, :, 0].median(dim=1).values.argmin())]
marks = [0.0025 * 2**k for k in range(8)]
ways = {"one at a time": (1, 1), "32": (32, 1), "128": (128, 1), "all 1078": (n, 1), "all of 50 times 1078": (n, 50)}
print("rates:", ", ".join(f"{size} {lr:.2g}" for size, lr in sorted(rate_of.items())))

# %%
timed = {name: [] for name in ways}
for (name, (size, times)), seed in itertools.product(ways.items(), seeds):
    model, order, clock, seen = engine.mlp([64, 32, 10], seed), torch.Generator().manual_seed(seed), 0.0, []
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=rate_of[size])
    stream = (index for _ in itertools.count() for index in minibatches(times * n, times * size, order))
    while len(seen) < len(marks):
        loss = float(cross_entropy(model(digits.x_test), digits.y_test).detach())
        index, started = next(stream), time.process_time()
        optimizer.zero_grad()
        cross_entropy(model(many[index]), many_y[index]).backward()
        optimizer.step()
        model[0].bias[0].item()
        clock += time.process_time() - started
        seen.extend(loss for mark in marks[len(seen) :] if mark < clock)  # this step was not done by then
    timed[name].append(seen)

# %%
for name, losses in timed.items():
    middle = [statistics.median(now) for now in zip(*losses, strict=True)]
    told = ", ".join(f"{1000 * t:g} ms {loss:.3f}" for t, loss in list(zip(marks, middle, strict=True))[1::2])
    print(f"{name:21} test loss after {told}")
labels = ("milliseconds spent on steps", "test loss")
picture = show.lines([1000 * mark for mark in marks], timed, *labels, log=True, title="Equal time, five seeds")
picture.axes[0].set_xscale("log")
picture

# %% [markdown]
# **In seconds, mini-batches do not win on these data.** All 1078 rows at once and batches of 128 are about equal, and
# both are ahead of 32. (What gets that far in the time gets a little worse again: overfitting, chapter 09.) One at a
# time is far behind: it pays the price of a step for each image. And with the same images 50 times over, all at once is
# as far behind, as predicted. Data sets with millions of rows are on that side. (The seconds are of the machine that
# ran this; on another, with a GPU above all, the best size moves.)
#
# ## 7. How it fails
#
# ### No shuffling
#
# Data often lie in some order: by class, by date, by customer. **Predict, then run:**

# %%
answer("after_sorted_rows", ...)

# %%
zeros_then_ones, place = torch.arange(100).ge(50).double(), torch.tensor([0.5], dtype=torch.float64)
for k, index in enumerate(torch.arange(100).split(10), start=1):
    place = place - 0.25 * minibatch_gradient(place, torch.ones(100, 1).double(), zeros_then_ones, index)
    print(f"after {k} steps: {float(place):.3f}", end="\n" if k % 5 == 0 else "; ")

# %% [markdown]
# Each row came once, and the weight knows only those that came last. Now digits, sorted by their label: first all
# zeros, at the end all nines. Here are three mistakes in `minibatches` by the names that `check` gives them. Each of
# them is the reference with one edit, which `made` makes. *Not shuffled* takes the rows as they lie, *generator seeded
# inside* has one random order for all epochs, and *drawn with replacement* was in section 2. Each may try four rates,
# with three seeds; what counts is the loss after 8 epochs.

# %%
wrong = {part.name: made(minibatches, part.change) for part in exercise("minibatches").slips}
by_label = y_all.cpu().argsort(stable=True)
x_sorted, y_sorted, ends = x_all[by_label], y_all[by_label], {}
names = ("right", "not shuffled", "generator seeded inside", "drawn with replacement")
for name, lr, seed in itertools.product(names, rates[3:7], range(3)):
    generator, model, losses = torch.Generator().manual_seed(seed), engine.mlp([64, 32, 10], seed), []
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=lr)
    for _ in range(8):
        for index in wrong.get(name, minibatches)(n, 32, generator):
            optimizer.zero_grad()
            cross_entropy(model(x_sorted[index]), y_sorted[index]).backward()
            optimizer.step()
        losses.append(float(cross_entropy(model(digits.x_validation), digits.y_validation).detach()))
    ends.setdefault((name, lr), []).append(losses)

# %%
curves = {}
for name in names:
    lr = min(rates[3:7], key=lambda lr: statistics.median(losses[-1] for losses in ends[name, lr]))
    curves[name] = ends[name, lr]
    first, last = (statistics.median(losses[k] for losses in ends[name, lr]) for k in (0, -1))
    print(f"{name:24} best rate {lr:.2g}: validation loss {first:.3f} after one epoch, {last:.3f} after 8")
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Sorted digits, three seeds")

# %% [markdown]
# After its first epoch *not shuffled* is worse than guessing, $\ln 10 = 2.30$, and it needs several epochs for what one
# shuffled epoch does. In the end it comes near. So one may not notice: the loss falls, only later than it should. **The
# other two cannot be told from the right one by these curves.** The harm on sorted data is in the order of the labels,
# and any shuffle removes that; where drawing with replacement does cost something, we shall see below. `check` looks at
# which rows come, and not at a loss.
#
# What goes on within an epoch? Here is the loss on the *zeros* among the validation images, after each step, and with
# it how many of the validation images the network takes for each digit in the middle and at the end of the first epoch:

# %%
orders, curves = {"not shuffled": by_label, "right": torch.cat(list(minibatches(n, 32, generator)))}, {}
zeros = digits.y_validation == 0
for name, order in orders.items():
    model, curves[name] = engine.mlp([64, 32, 10]), []
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=rates[4])
    for step, index in enumerate(3 * order.split(32), start=1):
        optimizer.zero_grad()
        cross_entropy(model(x_all[index]), y_all[index]).backward()
        optimizer.step()
        scores = model(digits.x_validation).detach()
        curves[name].append(float(cross_entropy(scores[zeros], digits.y_validation[zeros])))
        if step in (17, 34):
            counts = scores.argmax(dim=1).bincount(minlength=10).tolist()
            print(f"{name:12} after step {step}, images taken for 0 to 9: {counts}")

# %%
steps, labels = range(1, 103), ("step (an epoch is 34)", "loss on the zeros among the validation images")
show.lines(steps, curves, *labels, log=True, title=f"Three epochs, lr {rates[4]:.2g}")

# %% [markdown]
# In each epoch the run that is not shuffled learns the zeros in the first steps, and then forgets them while it sees
# the other digits. After half an epoch no image at all is taken for a 5 or more; after a whole one a third of them are
# taken for a 9.
#
# ### It does not settle
#
# At the minimum the gradient of all rows is 0. That of a batch is not. With a rate that stays the same the weights
# wander about the minimum for ever. **Predict, then run:**

# %%
answer("tenth_of_the_rate", ...)

# %%
least = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]  # the minimum, for all ten inputs
for size, lr in ((1, 0.02), (4, 0.02), (16, 0.02), (1, 0.005), (4, 0.005), (1, 0.002)):
    above = {}
    for name in ("rows may come again", "each once an epoch"):
        weight, seen, generator = least.clone(), [], torch.Generator().manual_seed(0)
        while len(seen) < 3000:
            again = torch.randint(N, (math.ceil(N / size), size), generator=generator)
            for index in again if "again" in name else minibatches(N, size, generator):
                weight = weight - lr * minibatch_gradient(weight, X, y, index)
                seen.append((X @ (weight - least)).square().mean())  # the loss above its minimum
        above[name] = float(torch.stack(seen[500:]).mean()) / (lr / size)
    times = ", ".join(f"{name} {value:.2f}" for name, value in above.items())
    print(f"lr {lr:<5} B {size:2}: lr/B is {lr / size:.5f}; the loss above the minimum, over lr/B: {times}")

# %% [markdown]
# When rows may come again, the loss stays above its minimum by five to seven times the rate over $B$: a tenth of the
# rate leaves about a tenth, and four times the batch helps as much as a quarter of the rate. With each row once it
# stays lower, and more so the smaller the rate: what the rows of an epoch do wrong cancels by its end. So *drawn with
# replacement* has a cost, and we deal from a deck. The cure that costs nothing is a rate that falls: chapter 05.
#
# ### Rows that do not count alike
#
# **Predict, then run:**

# %%
answer("mean_of_three_batches", ...)

# %%
ones, target = torch.ones(5, 1).double(), -torch.tensor([1.0, 1.0, 1.0, 1.0, 11.0]).double() / 2
zero = torch.zeros(1, dtype=torch.float64)
slopes = [float(minibatch_gradient(zero, ones, target, index)) for index in torch.arange(5).split(2)]
print(f"slopes of the batches {slopes}, their mean {statistics.mean(slopes):.3f}")
print(f"slope of all rows {float(minibatch_gradient(zero, ones, target, torch.arange(5))):.3f}")

# %% [markdown]
# Over many shuffled epochs every row is in the small batch equally often, and the mean is right again. Where it is not,
# weight each batch by its number of rows (section 8). The mistake *last batch left out* is the other extreme: there
# some rows never count in an epoch. (`drop_last=True` of torch does it on purpose.)
#
# Two mistakes in `minibatch_gradient` make the length of the step depend on the size of the batch. Both point the right
# way, so with a rate tuned for one size no curve gives them away. The length of the gradient, over the right one:

# %%
known = exercise("minibatch_gradient")
off = {part.name: made(minibatch_gradient, part.change) for part in (*known.slips, *known.conventions)}
for name in ("of the sum", "divided by all rows"):
    for size in (1, 16, N):
        index = torch.arange(size)
        ratio = off[name](w, X, y, index).norm() / minibatch_gradient(w, X, y, index).norm()
        print(f"{name:20} B = {size:3}: {ratio:8.4f}", end="\n" if size == N else "; ")

# %% [markdown]
# ## 8. Convention box
#
# - **Names.** In many books *SGD* is one row at a time and *mini-batch gradient descent* some rows; in most papers SGD
#   is any number of rows. `torch.optim.SGD` is only the rule `param - lr * grad` (with momentum if wanted): it takes
#   whatever gradient it gets, that of all rows too.
# - **Batches.** `torch.utils.data.DataLoader` hands out the rows themselves. **The trap: it does not shuffle unless
#   told so**, `shuffle=True`. It keeps the smaller last batch unless told `drop_last=True`. With the same seed its
#   order is not ours, since it draws a number of its own first; hand it ours as `batch_sampler`.
# - **Parts of a gradient.** The gradients of an epoch's batches, at the same weights, weighted by $|I|/N$, add up to
#   that of all rows. So a batch that does not fit in memory can be taken in parts (*gradient accumulation*): call
#   `backward` on each part's mean loss times its share of the rows, and step once.
# - **Sum or mean.** Some books sum over the batch: divide by $B$ to have ours, and multiply the rate by $B$.
# - **Noise scale.** With $N$ in place of $N - 1$ it is $(N-1)/N$ times ours. Who takes the rows as a sample of many
#   more subtracts from $|\bar g|^2$ the noise that is still in it, $\operatorname{tr}\Sigma/N$, and gets
#   $\mathcal B/(1 - \mathcal B/N)$.

# %%
from torch.utils.data import DataLoader, TensorDataset

deck = list(minibatches(N, 64, torch.Generator().manual_seed(0)))
loader = DataLoader(TensorDataset(X, y), batch_sampler=[index.tolist() for index in deck])
leaf = w.clone().requires_grad_()
for x_part, y_part in loader:
    (mse_loss(x_part @ leaf, y_part) * len(y_part) / N).backward()
index, alone = deck[0], w.clone().requires_grad_()
mse_loss(X[index] @ alone, y[index]).backward()
rows = torch.stack([minibatch_gradient(w, X, y, torch.tensor([i])) for i in range(N)])
by_n = rows.var(dim=0, correction=0).sum() / full.square().sum()
sample = rows.var(dim=0).sum() / (full.square().sum() - rows.var(dim=0).sum() / N)

# %%
scale = gradient_noise_scale(rows)
pairs = {
    "one batch, and torch's w.grad": (minibatch_gradient(w, X, y, index), alone.grad),
    "weighted by |I|/N, and all rows": (sum(minibatch_gradient(w, X, y, i) * len(i) / N for i in deck), full),
    "accumulated from a DataLoader": (leaf.grad, full),
    "the loader's batch, and ours": (next(iter(loader))[0], X[index]),
    "of the sum, over B": (off["of the sum"](w, X, y, index) / len(index), alone.grad),
    "noise scale with N": (by_n, scale * (N - 1) / N),
    "noise scale of a sample": (sample, scale / (1 - scale / N)),
}
for name, (one, other) in pairs.items():
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    print(f"{name:32} largest difference {float((one - other).abs().max()):.0e}")

# %%
numbers = TensorDataset(torch.arange(12))
for settings in ({}, {"shuffle": True}, {"shuffle": True, "drop_last": True}):
    loader = DataLoader(numbers, batch_size=5, generator=torch.Generator().manual_seed(0), **settings)
    print(f"{settings!s:36}", [batch.tolist() for (batch,) in loader])
print(f"{'minibatches, same seed':36}", [i.tolist() for i in minibatches(12, 5, torch.Generator().manual_seed(0))])

# %% [markdown]
# ## 9. In practice
#
# - **Batch size:** start where a row stops getting cheaper on your machine (the table of section 6; powers of two are
#   a habit, not a law). More than the noise scale buys little. In big networks the memory for a batch sets the limit;
#   then accumulate.
# - **Rate:** when you change the batch, tune the rate again. While batches are small, as many times larger a batch, as
#   many times larger a rate is a good first try.
# - **Noise scale without the gradients of single rows:** two batch sizes are enough. The mean squared length of a
#   batch's gradient is $|\bar g|^2 + \operatorname{tr}\Sigma/B$; two such numbers give both terms (McCandlish and
#   others 2018, appendix A.1):

# %%
small, large = 8, 64
lengths = {size: [] for size in (small, large)}
for size, seen in lengths.items():
    for _ in range(4000):
        index = torch.randint(N, (size,), generator=generator)
        seen.append(minibatch_gradient(w, X, y, index).square().sum())
short, long = (float(torch.stack(seen).mean()) for seen in lengths.values())
spread = (short - long) / (1 / small - 1 / large)
by_two = spread / (long - spread / large)
print(f"from batches of {small} and {large}: {by_two:.1f} rows; from all rows: {float(scale):.1f}")

# %% [markdown]
# - **Order:** shuffle the training data anew for each epoch, with a seeded generator, so that a run can be repeated.
# - **Count in the right unit:** "after 10 epochs" is another number of steps for each batch size. Schedules (chapter
#   05) and the memory of momentum (chapter 06) count steps.
# - **Does a small batch find better minima?** It has been reported (Keskar and others 2017). Shallue and others (2019)
#   found no such difference when every batch size was tuned on its own. This lesson does not decide it.
#
# ## 10. Your turn
#
# In `exercises/04_minibatches.ipynb`, in this order:
#
# 1. `minibatches`: the deck (2 points). Then a classifier reads sorted digits, as they lie and as you deal them out.
# 2. `minibatch_gradient`: one line (2 points). With your batches it fits the diabetes data, one row at a time, 16 at a
#    time and all at once.
# 3. `gradient_noise_scale`: a trace over a squared length (2 points). It is measured on the way down.
#
# Batches are checked by their statistics over many epochs: any way to shuffle that uses the generator will do.
#
# **To remember:** a batch is right on average; its noise falls as $1/\sqrt B$. The noise scale says how many rows pay,
# and it grows on the way down. Below it a batch of $B$ does as much as $B$ steps of one, for hardly more time. Shuffle.
# With a rate that stays the same the loss stays above its minimum, in proportion to the rate over $B$.
#
# ## 11. Sources
#
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*, section 8.1.3: batch and mini-batch methods, the root, the
#   shuffle.
# - McCandlish, Kaplan, Amodei and the OpenAI Dota team (2018), "An Empirical Model of Large-Batch Training",
#   arXiv:1812.06162: section 2.2 (what a step of a batch can do; equation 2.9 is the simple noise scale), appendix A.1
#   (measuring it).
# - Goyal and others (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv:1706.02677, section 2.1
#   (the linear scaling rule).
# - Robbins and Monro (1951), "A Stochastic Approximation Method", *Annals of Mathematical Statistics* 22: where it
#   began, with the rates that must fall.
# - Keskar and others (2017), "On Large-Batch Training for Deep Learning", ICLR, arXiv:1609.04836.
# - **To read next:** Bottou, Curtis and Nocedal (2018), "Optimization Methods for Large-Scale Machine Learning", *SIAM
#   Review* 60: section 4 derives that with a rate that stays the same the loss keeps a distance, and how it grows with
#   the rate. Shallue and others (2019), "Measuring the Effects of Data Parallelism on Neural Network Training", *JMLR*
#   20(112), because it measures on many tasks where larger batches stop paying.
