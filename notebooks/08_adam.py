# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Adam: every weight its own step
#
# One learning rate serves all weights of a network, and their gradients can differ by a factor of a thousand. What goes
# wrong then, what does Adam do about it, and what does it cost?
#
# About 40 minutes. You need to know the cross-entropy of chapter 01, and three words. The *gradient* holds, for each
# weight, the slope of the loss. *Gradient descent* steps against it, `param - lr * grad`, where `lr` is the *learning
# rate*. "The paper" is that of Kingma and Ba (2015), which brought Adam. The rule here is its Algorithm 1 (with $\eta$
# for its $\alpha$), which `torch.optim.Adam` computes too; the other forms that you will meet stand in section 8.

# %%
import dataclasses
import itertools
import math
import statistics

import torch
from torch.nn.functional import cross_entropy

from coursekit import answer, engine, show
from coursekit.reference import RULES
from coursekit.reference.adam import adam, bias_correction, update_moments

torch.set_num_threads(1)  # these networks are too small to be shared between cores

# %% [markdown]
# ## 1. One rate for all?
#
# Thirteen measurements were taken of each wine, and the question is which of three growers it comes from. The
# measurements come in the units of the laboratory, so their sizes differ. Here are two of the thirteen:

# %%
wine = engine.wine()
print(wine)
raw = dataclasses.replace(
    wine,
    x_train=wine.x_train * wine.scale + wine.mean,
    x_validation=wine.x_validation * wine.scale + wine.mean,
)
for feature in ("hue", "proline"):
    column = raw.x_train[:, raw.features.index(feature)]
    print(f"{feature}: from {column.min():.4g} to {column.max():.4g}")

# %% [markdown]
# We train one linear layer on these numbers as they are: it gives each grower a score, a weighted sum of the
# measurements. Gradient descent and Adam each get the same 13 learning rates, from 1e-6 to 1, and 150 *epochs*, which
# are passes through the training data. All wines are taken at once, so an epoch is one step here. Each rule is drawn at
# the rate that ended lowest. (`engine.mlp` makes the layer, `engine.Optimizer` applies a rule to all of its weights,
# and `engine.train` goes through the data with it.)

# %%
rates, runs, curves = [10 ** (k / 2) for k in range(-12, 1)], {}, {}
for name in ("gradient_descent", "adam"):
    for lr in rates:
        model = engine.mlp([13, 3])
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
        size = len(raw.x_train)
        run = engine.train(model, optimizer, raw, loss=cross_entropy, epochs=150, batch_size=size, progress=False)
        runs[name, lr] = run.step_loss
    best = min(rates, key=lambda lr: runs[name, lr][-1])
    curves[f"{name}, lr {best:.2g}"] = runs[name, best]
show.loss_curves(curves, ylabel="training loss")

# %% [markdown]
# The best that gradient descent does with these rates is to come down and then lie flat, far above where Adam gets. The
# gradient says why. Each weight multiplies one measurement, and its gradient grows with the size of that measurement
# (below: the mean over the three growers' weights, before training):

# %%
model = engine.mlp([13, 3])
cross_entropy(model(raw.x_train), raw.y_train).backward()
sizes = model[0].weight.grad.abs().mean(dim=0)
for feature, size in zip(raw.features, sizes, strict=True):
    print(f"{feature:30}{size:9.3g}")
print(f"largest over smallest: {sizes.max() / sizes.min():.0f}")

# %% [markdown]
# The step of gradient descent is the rate times these numbers. A rate at which the weight of proline does not fly off
# leaves most others nearly where they are.
#
# Here there is a plain cure: *standardise*, that is bring every measurement to mean 0 and standard deviation 1 before
# training, as `engine.wine()` does unless one undoes it, as above. But that reaches only the inputs, not the layers
# *inside* a network. In the next cell gradient descent gets the standardised wines. Then a network gets standardised
# images of handwritten digits. It has three *hidden* layers, which lie between the inputs and the scores; each of their
# units passes its weighted sum through a curve, here the sigmoid, then ReLU, `max(0, x)`. How large are the gradients
# in each layer?

# %%
size = len(wine.x_train)
model = engine.mlp([13, 3])
optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=1.0)
run = engine.train(model, optimizer, wine, loss=cross_entropy, epochs=150, batch_size=size, progress=False)
print(f"gradient descent on standardised wine: training loss {run.step_loss[-1]:.3g}")

digits = engine.digits()
for activation in (torch.nn.Sigmoid, torch.nn.ReLU):
    model = engine.mlp([64, 32, 32, 32, 10], activation=activation)
    cross_entropy(model(digits.x_train), digits.y_train).backward()
    sizes = [float(layer.weight.grad.square().mean().sqrt()) for layer in model if hasattr(layer, "weight")]
    print(f"{activation.__name__}: gradient sizes, first layer to last:", "  ".join(f"{size:.2g}" for size in sizes))
    print(f"last over first: {sizes[-1] / sizes[0]:.1f}")

# %% [markdown]
# Standardised, the wines are no trouble: the loss ends below both curves above. In the sigmoid network the same
# sickness is back, in a place where no preparation of the data reaches it. ReLU hardly has it: another cure is to build
# the network otherwise. Section 6 comes back to the sigmoid network, which was chosen because it is a hard case.
#
# ## 2. The idea
#
# **Step along an average of the recent gradients, and divide each coordinate by the typical size of its own gradient:
# then every weight moves by about the learning rate, whatever its units.**
#
# In equations, and in the code that all of this course runs:

# %%
show.formula(adam)

# %% [markdown]
# From top to bottom:
#
# - $g_t$, `grad`: the gradient of this step.
# - $m_t$, `m`: the *direction*, a running mean of the gradients. $\beta_1$, `beta1`, is the share of the old mean that
#   is kept, so it remembers about $1/(1-\beta_1)$ steps.
# - $v_t$, `v`: the *size*, squared: a running mean of the squared gradients, which remembers about $1/(1-\beta_2)$
#   steps.
# - $\hat m_t$ and $\hat v_t$, `m_hat` and `v_hat`: the same two, corrected because both start at 0 (section 4).
# - $\eta$, `lr`: the learning rate, in units of the *weight*: about how far it moves in a step.
# - $\epsilon$, `eps`: keeps the division from $0/0$; in units of the *gradient*.
# - $\theta_t$, `param`: the weight.
#
# What a step remembers for the next is its `state`: `m`, `v` and `t`, the number of steps taken. All of it is kept for
# each weight on its own; no weight sees another's gradient. Two older rules have one half each: *momentum* steps along
# `m`, `param - lr * m` (chapter 06), and *RMSprop* along `grad`, divided by the root of `v` (chapter 07). The
# correction is new.
#
# What do the two means see when the gradient is noisy? It is when each step looks at one *batch* only, a few rows of
# the data. Here it is 1 on average, with noise of three times that size:

# %%
noise = torch.randn(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
m = v = torch.zeros((), dtype=torch.float64)
seen = {"gradient": 1 + 3 * noise, "m_hat": torch.zeros(300), "root of v_hat": torch.zeros(300)}
for i, grad in enumerate(seen["gradient"]):
    m, v = update_moments(m, v, grad, beta1=0.9, beta2=0.999)
    seen["m_hat"][i] = bias_correction(m, i + 1, beta=0.9)
    seen["root of v_hat"][i] = bias_correction(v, i + 1, beta=0.999).sqrt()
root, step = seen["root of v_hat"][100:].mean(), (seen["m_hat"] / seen["root of v_hat"])[100:].mean()
print(f"from step 100 on, on average: root of v_hat {root:.2f}, the step {step:.2f} lr")
show.lines(range(1, 301), seen, "step", "in units of the mean gradient", log=False)

# %% [markdown]
# `m_hat` swings about the true mean, 1, far less than the gradient does. The root of `v_hat` settles near the root of
# $1 + 3^2$, since it counts the noise as size. So "about the learning rate" is for gradients that agree; where they are
# mostly noise Adam takes shorter steps. The paper calls $\hat m/\sqrt{\hat v}$ a signal-to-noise ratio (section 2.1).
#
# ## 3. How long is a step?
#
# **Predict, then run.** Run the cell as it is to read the question. Put your answer in place of `...`, run it again,
# and read what it says. Then run the next cell. (`adam.init(param)` is the state before the first step: `m` and `v`
# zero, `t = 0`.)

# %%
answer("first_step_length", ...)

# %%
zero = torch.zeros((), dtype=torch.float64)
for size in (1000.0, 1.0, 0.001):
    moved, _ = adam(zero, zero + size, adam.init(zero), lr=0.01)
    print(f"gradient {size:6g}: the first step is {moved.abs():.6f} long; gradient descent's {0.01 * size:g}")

# %% [markdown]
# So what would happen if someone measured the loss in other units, say multiplied by 1000?

# %%
answer("loss_times_1000", ...)

# %%
losses = {1: cross_entropy, 1000: lambda prediction, y: 1000 * cross_entropy(prediction, y)}
for name, lr in (("gradient_descent", 0.1), ("adam", 0.01)):
    for factor, loss in losses.items():
        model = engine.mlp([64, 32, 10])
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
        run = engine.train(model, optimizer, digits, loss=loss, epochs=3, batch_size=64, progress=False)
        said = run.stopped or f"loss / {factor} after 3 epochs: {run.train_loss[-1] / factor:.4g}"
        print(f"{name:17} loss x {factor:<5} {said}")

# %% [markdown]
# Gradient descent flies off. Adam does not notice; what `eps` and rounding change is past the digits shown. Its
# learning rate is a length in weight space, and not a factor on something whose size you do not know.
#
# ## 4. The start at zero
#
# `m` and `v` start at 0. Feed them the gradient 4 again and again: `m` should read 4, and the root of `v` too.

# %%
m = v = torch.zeros((), dtype=torch.float64)
print("   t      m   m_hat   root of v   root of v_hat")
for t in range(1, 1001):
    m, v = update_moments(m, v, zero + 4, beta1=0.9, beta2=0.999)
    m_hat, v_hat = bias_correction(m, t, beta=0.9), bias_correction(v, t, beta=0.999)
    if t in (1, 2, 10, 100, 1000):
        print(f"{t:4} {m:6.3f} {m_hat:7.3f} {v.sqrt():11.3f} {v_hat.sqrt():15.3f}")

# %% [markdown]
# After $t$ steps the gradients in `m` have the weights $1-\beta_1$ (the newest), $(1-\beta_1)\,\beta_1$,
# $(1-\beta_1)\,\beta_1^2$ and so on. They add up to $1-\beta_1^t$; the rest, $\beta_1^t$, is the weight of the 0 at the
# start. Dividing by $1-\beta_1^t$ takes the 0 out. That is the whole correction, and it fades by itself, since
# $\beta_1^t$ goes to 0.
#
# Is it worth a line of code? `m` stands above the line and the root of `v` below it; both are too small at first.

# %%
answer("first_step_without_correction", ...)

# %% [markdown]
# Now see it. The mistakes in this lesson are the ones that `check` knows: each is the course's `adam` with one edit,
# made here by `made`, and has the name that your check would give it. The gradient is 4 in every step, so every step of
# the right Adam is one `lr` long.

# %%
from coursekit.bank.index import exercise
from coursekit.judging.source import made

known = exercise("adam")
wrong = {part.name: made(adam, part.change) for part in (*known.slips, *known.conventions)}
lengths = {}
for name in ("right", "no bias correction", "m not corrected", "v not corrected"):
    rule, param, state, path = wrong.get(name, adam), zero, adam.init(zero), [zero]
    for _ in range(1000):
        param, state = rule(param, zero + 4, state, lr=1.0)
        path.append(param)
    lengths[name] = -torch.stack(path).diff()
first = {name: length[:150] for name, length in lengths.items()}
show.lines(range(1, 151), first, "step", "step length, in units of lr")

# %%
steps = lengths["no bias correction"]
print(f"no bias correction: {steps[0]:.3f} lr in step 1")
print(f"the longest is step {int(steps.argmax()) + 1}, {steps.max():.2f} lr; step 1000 is still {steps[-1]:.2f} lr")
print(f"only v not corrected: {lengths['v not corrected'][0]:.1f} lr in step 1")

# %% [markdown]
# Without the correction the first steps are too *long*, at the moment when Adam knows least about the gradients, and it
# takes `v` more than $1/(1-\beta_2) = 1000$ steps to fill up. Of the two corrections, that of `v` is the one that must
# not be missing.
#
# ## 5. Move it
#
# A ravine: flat in x, and in y its curvature (the second derivative) is 25 times as large. The figure opens at a rate
# at which gradient descent has left the picture. **Lower the rate until gradient descent stays inside, and write down
# where the border is. Then go to the right end of the slider: does Adam leave the picture, too?**

# %%
show.playground("ravine", rules=("gradient_descent", "momentum", "rmsprop", "adam"), lr=(0.01, 2.0))

# %%
ravine = engine.SURFACES["ravine"]
print(f"2 over the largest curvature: {2 / 25}")
for name, lrs in (("gradient_descent", [0.07, 0.079, 0.081]), ("adam", [0.081, 2.0])):
    result = engine.sweep(RULES[name], ravine, steps=100, lr=lrs)
    for lr, path, loss in zip(lrs, result.paths, result.losses[:, -1], strict=True):
        longest = path.diff(dim=0).abs().max() / lr
        print(f"{name:17} lr {lr:<6g} loss after 100 steps {loss:10.3g}   longest step {longest:.3g} lr")

# %% [markdown]
# Gradient descent has a cliff. The slope in y is $25y$, so a step multiplies $y$ by $1 - 25\,\eta$, and above a rate of
# $2/25$ that is below $-1$: each step overshoots by more than the last. Adam has no such cliff here. In each coordinate
# its steps are at most about one `lr` long, however steep the wall is, so at a large rate it does not fly off; it
# strides about. That does not make it the winner here: at 0.07 gradient descent ends lower than Adam at either rate,
# and RMSprop in the figure goes straight in.
#
# "About one `lr`" has a limit. A gradient that comes after a long silence brings `m` to $(1-\beta_1)\, g$ and the root
# of `v` to $\sqrt{1-\beta_2}\, g$. The paper (section 2.1) gives their ratio as a bound for the steps. Is it one when
# more gradients follow?

# %%
path, state = [zero], adam.init(zero)
for grad in [0.0] * 10_000 + [1.0] * 100:
    param, state = adam(path[-1], zero + grad, state, lr=1.0)
    path.append(param)
lengths = -torch.stack(path[10_000:]).diff()
print(f"after 10,000 gradients of 0, a gradient of 1 moves the weight by {lengths[0]:.3f} lr")
print(f"when more of them follow, the longest step is number {int(lengths.argmax()) + 1}, {lengths.max():.2f} lr")

# %% [markdown]
# It is no bound: `m` fills up faster than `v`, so the steps go on growing for a while. And these are the numbers of
# section 4 again: without its correction, Adam starts as if after a long silence.
#
# ## 6. Past the toy: digits, four rules, each at its own best rate
#
# Two networks on the images of digits: a *shallow* one, with one hidden layer of ReLU units, and the *deep* one of
# section 1, with sigmoid units, whose first layer has gradients far smaller than its last. A step looks at a batch of
# 64 images. A comparison is fair when every rival has its own tuned rate. So first, each of four rules gets the same
# nine rates, for 6 epochs on the shallow network and 15 on the deep one; everything else stays at its default. What
# counts is the *validation loss*, that on images set aside from training. This takes a while.

# %%
print(digits)
rules, rates = ("gradient_descent", "momentum", "rmsprop", "adam"), [10 ** (k / 2) for k in range(-5, 4)]
networks = {"shallow": ([64, 32, 10], torch.nn.ReLU, 6), "deep": ([64, 32, 32, 32, 10], torch.nn.Sigmoid, 15)}
settings, reached, best = {"loss": cross_entropy, "batch_size": 64, "progress": False}, {}, {}
for network, (sizes, activation, epochs) in networks.items():
    for name in rules:
        for lr in rates:
            model = engine.mlp(sizes, seed=0, activation=activation)
            optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
            run = engine.train(model, optimizer, digits, epochs=epochs, **settings)
            reached[network, name, lr] = math.inf if run.stopped else run.validation_loss[-1]
        best[network, name] = min(rates, key=lambda lr: reached[network, name, lr])
        loss = reached[network, name, best[network, name]]
        print(f"{network:8} {name:17} best of the nine: {best[network, name]:7.2g}, validation loss {loss:.3f}")

# %%
x = [math.log10(lr) for lr in rates]
curves = {name: [min(reached["shallow", name, lr], 5.0) for lr in rates] for name in rules}
show.lines(x, curves, "log10 of the learning rate", "validation loss (5 and more drawn at 5)", title="Shallow network")

# %% [markdown]
# On the shallow network each rule has its valley, and the valleys are about equally deep. RMSprop and Adam have theirs
# at far smaller rates, because their rate is a length, and not a factor on the gradient.

# %%
curves = {name: [min(reached["deep", name, lr], 5.0) for lr in rates] for name in rules}
show.lines(x, curves, "log10 of the learning rate", "validation loss (5 and more drawn at 5)", title="Deep network")

# %% [markdown]
# On the deep network the valleys differ. Those of gradient descent and momentum are narrow, right below the rates that
# break them, and less deep.
#
# One seed proves little, and nine rates are coarse. So each rule now gets its best rate and one to either side, 1.8
# times smaller and larger, with five other *seeds* each, the numbers that random draws start from (new first weights,
# new order of the images). The validation loss chooses among the three rates; the test images, which nothing has looked
# at so far, give the verdict.

# %%
chosen = {}
for (network, name), middle in best.items():
    (sizes, activation, epochs), trials = networks[network], {}
    for lr in (middle / 10**0.25, middle, middle * 10**0.25):
        for seed in range(1, 6):
            model = engine.mlp(sizes, seed=seed, activation=activation)
            optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
            run = engine.train(model, optimizer, digits, epochs=epochs, seed=seed, **settings)
            losses = [math.inf] * epochs if run.stopped else run.validation_loss
            hits = model(digits.x_test).argmax(dim=1) == digits.y_test
            trials.setdefault(lr, []).append((losses, float(hits.float().mean())))
    lr = min(trials, key=lambda lr: statistics.median(losses[-1] for losses, _ in trials[lr]))
    chosen[network, name] = [losses for losses, _ in trials[lr]]
    low, _, middle, _, high = sorted(accuracy for _, accuracy in trials[lr])
    print(f"{network:8} {name:17} lr {lr:<6.2g} test accuracy {middle:.1%}, from {low:.1%} to {high:.1%}")

# %%
curves = {name: chosen["shallow", name] for name in rules}
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Shallow network, five seeds")

# %% [markdown]
# **On the shallow network Adam does not win.** The test accuracies overlap from seed to seed. The inputs are
# standardised, there are two layers, and one rate fits all weights.

# %%
curves = {name: chosen["deep", name] for name in rules}
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Deep network, five seeds")

# %% [markdown]
# **On the deep network Adam and RMSprop win**: they learn from the first epochs on, at every seed, and their worst seed
# ends above the middle seed of the other two. Gradient descent and momentum spend the first epochs on a *plateau*,
# where the loss hardly falls. Their curves still fall at the end, so with more epochs they may come nearer. What
# decides here is the division by the size of the gradient, which both winners have, and not the memory in `m`, which
# momentum has too.
#
# ## 7. How it fails
#
# ### A mistake in the correction
#
# Four mistakes by the names that `check` gives them, training the shallow network at `lr=0.01`. Which ones would you
# notice in a loss curve?

# %%
curves = {}
for name in ("right", "no bias correction", "v not corrected", "corrected means stored", "t from 0"):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), wrong.get(name, adam), lr=0.01)
    run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=2, batch_size=64, progress=False)
    curves[name] = run.step_loss
    print(f"{name}: {run.stopped or f'loss {run.train_loss[-1]:.3g} in the second epoch'}")
show.loss_curves(curves, title="Shallow network, lr 0.01")

# %% [markdown]
# - *t from 0* is the loud one: $1-\beta^0 = 0$, and after one step every weight is NaN.
# - *corrected means stored* is corrected again at each step, the root of `v` grows and grows, and training stands
#   still.
# - *v not corrected* takes a first step 31.6 times too long, throws the loss up, and has to find its way back.
# - *no bias correction* **falls faster than the right one at first.** Its first steps are 3 to 7 times too long, which
#   is a larger learning rate under another name. And later? Three seeds, at this rate and at three times it:

# %%
for lr, name in itertools.product((0.01, 0.03), ("right", "no bias correction")):
    ended = []
    for seed in range(3):
        model = engine.mlp([64, 32, 10], seed)
        optimizer = engine.Optimizer(model.parameters(), wrong.get(name, adam), lr=lr)
        ended.append(engine.train(model, optimizer, digits, epochs=15, seed=seed, **settings).validation_loss[-1])
    print(f"lr {lr}, {name:18} validation loss after 15 epochs {min(ended):.3f} to {max(ended):.3f}")

# %% [markdown]
# It ends worse at both rates, with every seed. A loss that falls at first is no proof that a rule is right. This is why
# `check(adam)` compares the path step by step, with values of `lr`, `beta1`, `beta2` and `eps` that show every term,
# and looks at no loss.
#
# ### `eps` too large
#
# `eps` is in units of the gradient. Where it is above the root of `v_hat`, the division no longer equalises anything.

# %%
answer("eps_as_large_as_the_gradient", ...)

# %%
sizes, activation, epochs = networks["deep"]
curves = {}
for eps in (1e-8, 1e-4, 1e-2):
    model = engine.mlp(sizes, activation=activation)
    optimizer = engine.Optimizer(model.parameters(), adam, lr=0.01, eps=eps)
    curves[f"eps {eps:g}"] = engine.train(model, optimizer, digits, epochs=epochs, **settings).validation_loss
    if eps == 1e-8:
        roots = [(optimizer.state[p]["v"] / (1 - 0.999 ** optimizer.state[p]["t"])).sqrt() for p in model.parameters()]
        print("median root of v_hat, per layer:", "  ".join(f"{float(root.median()):.2g}" for root in roots[::2]))
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Deep network, lr 0.01")

# %% [markdown]
# At `eps=0.01`, above the typical root of `v_hat` in all layers but the last, Adam is close to momentum with the rate
# `lr / eps`, and the deep network lies on the plateau as it did with momentum. In half precision, numbers of 16 bits,
# the other end bites: there 1e-8 is rounded to 0, and a weight whose gradient is 0 becomes 0/0.

# %%
print(torch.tensor(1e-8, dtype=torch.float16))

# %% [markdown]
# ### `beta2` too large, or too small
#
# The paper's default is `beta2=0.999`; some lecture notes say 0.99. Both are Adam; they differ in how long `v`
# remembers.

# %%
answer("after_a_spike", ...)

# %%
beta2 = torch.tensor([0.5, 0.9, 0.99, 0.999], dtype=torch.float64)  # four weights, each with a beta2 of its own
param, path = torch.zeros(4, dtype=torch.float64), []
state = adam.init(param)
for t in range(5000):
    path.append(param)
    param, state = adam(param, torch.full_like(param, 100.0 if t == 3000 else 1.0), state, lr=1.0, beta2=beta2)
lengths = -torch.stack(path).diff(dim=0)
for value, length in zip(beta2, lengths.T, strict=True):
    print(f"beta2 {value:g}: {(length < 0.5).sum()} steps shorter than half; the longest {length.max():.2f} lr")
curves = {f"beta2 {value:g}": length[2990:3250] for value, length in zip(beta2, lengths.T, strict=True)}
show.lines(range(-10, 250), curves, "steps since the spike", "step length, in units of lr", log=False)

# %% [markdown]
# All gradients are 1 but one, which is 100. *Too large* a `beta2`: with 0.999 the spike first makes some steps longer,
# since `m` jumps, and then over a thousand steps are too short, because `v` does not forget it. *Too small*: with 0.5,
# `v` forgets the spike before `m` does, and the memory of it in `m` is followed at more than full length. That happens
# whenever $\sqrt{\beta_2} < \beta_1$: once gradients have become small, $m/\sqrt v$ grows by $\beta_1/\sqrt{\beta_2}$
# at each step. On digits, with the shallow network, the one run with $\sqrt{\beta_2} < \beta_1$ is far worse than the
# others:

# %%
for beta1, beta2 in ((0.9, 0.5), (0.9, 0.9), (0.9, 0.99), (0.9, 0.999)):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), adam, lr=0.01, beta1=beta1, beta2=beta2)
    run = engine.train(model, optimizer, digits, epochs=15, **settings)
    root = math.sqrt(beta2)
    print(f"beta1 {beta1}, root of beta2 {root:.3f} (beta2 {beta2:g}): validation loss {run.validation_loss[-1]:.3g}")

# %% [markdown]
# ### It need not converge
#
# The gradient is 3, then twice -1, and so on: the slopes of a loss that falls to the left, since three steps add up to
# +1. The weight has to go *down*. With a short memory each gradient is divided by about its own size, so each step is
# about one `lr` long whatever the gradient: one down, two up. This is the example of Reddi, Kale and Kumar (2018,
# section 3); their mend, AMSGrad, never lets the size fall. A longer memory also helps in this example:

# %%
for beta2 in (0.1, 0.999):
    param, state = zero, adam.init(zero)
    for t in range(3000):
        param, state = adam(param, zero + (3.0 if t % 3 == 0 else -1.0), state, lr=0.01, beta1=0.0, beta2=beta2)
    print(f"beta2 {beta2}: from 0 to {param:+.2f} in 3000 steps, {'up' if param > 0 else 'down'}")

# %% [markdown]
# ## 8. Convention box
#
# - **Here**, in Algorithm 1 of the paper and in `torch.optim.Adam`: $\eta\,\hat m/(\sqrt{\hat v}+\epsilon)$. Torch
#   writes `betas=(beta1, beta2)`.
# - **The short form** at the end of the paper's section 2, which TensorFlow has:
#   $\eta\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\, m/(\sqrt{v}+\hat\epsilon)$. It equals the first with
#   $\hat\epsilon = \epsilon\sqrt{1-\beta_2^t}$, a new one at each step.
# - **`eps` inside the root**: $\eta\,\hat m/\sqrt{\hat v+\epsilon}$. No constant converts it. With $\epsilon^2$ inside
#   it comes nearest: the steps then differ by at most a factor $\sqrt 2$.
# - **Notes with $\beta_2 = 0.99$**: the same rule with another setting.
#
# **The trap:** the second and third form can hardly be told from the first where `eps` is far below the gradients, and
# are other rules where it is not. `eps` is sometimes large: the documentation of TensorFlow 1 advised 1.0 or 0.1 for
# one network. The largest difference from `torch.optim.Adam` after 200 steps with noisy gradients, in double precision:

# %%
grads = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for eps in (1e-8, 1e-3):
    start = torch.zeros(6, dtype=torch.float64)
    weight = start.clone().requires_grad_()
    torchs = torch.optim.Adam([weight], lr=0.1, betas=(0.9, 0.99), eps=eps)
    forms = dict.fromkeys(("ours", "eps inside the root", "eps hat", "eps hat, converted"), (start, adam.init(start)))
    for t, grad in enumerate(grads, start=1):
        weight.grad = grad.clone()
        torchs.step()
        for name, (param, state) in forms.items():
            rule = wrong.get(name.removesuffix(", converted"), adam)
            at = eps * math.sqrt(1 - 0.99**t) if "converted" in name else eps
            forms[name] = rule(param, grad, state, lr=0.1, beta1=0.9, beta2=0.99, eps=at)
    print(f"eps {eps:g}:", "; ".join(f"{n} {(p - weight).abs().max():.1e}" for n, (p, _) in forms.items()))
    assert all((forms[name][0] - weight).abs().max() < 1e-12 for name in ("ours", "eps hat, converted"))

# %% [markdown]
# "ours" and "eps hat, converted" agree with torch to rounding, below 1e-12; the other two as far as `eps` lets them. A
# penalty on the weights is a trap of its own: `weight_decay` of `torch.optim.Adam` and of `torch.optim.AdamW` are two
# different rules. Chapter 10 is about them (Loshchilov and Hutter 2019).
#
# ## 9. In practice
#
# **Defaults.** The paper gives them beside Algorithm 1, and torch has the same:

# %%
print({key: torch.optim.Adam([torch.zeros(1)]).defaults[key] for key in ("lr", "betas", "eps")})

# %% [markdown]
# **What to tune first:** `lr`, in steps of half a power of ten, as in section 6. Then `beta2`, downwards, when the loss
# has spikes. Two networks that read and write language: the transformer of Vaswani et al. (2017, section 5.3) has 0.98,
# and GPT-3 (Brown et al. 2020, appendix B) 0.95. `beta1` and `eps` are left alone by most, but see section 7 for `eps`
# in half precision.
#
# **What it costs:** two more tensors of the size of the weights. In bytes, over the bytes of the weights:

# %%
for name in ("gradient_descent", "momentum", "rmsprop", "adam"):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=0.01)
    engine.train(model, optimizer, digits, loss=cross_entropy, epochs=1, batch_size=64, progress=False)
    kept = [x for p in model.parameters() for x in optimizer.state[p].values() if isinstance(x, torch.Tensor)]
    weights = sum(p.nbytes for p in model.parameters())
    print(f"{name:17} remembers {sum(x.nbytes for x in kept if x.dim()) / weights:.1f} times the bytes of the weights")

# %% [markdown]
# **When to use it:** when the sizes of the gradients differ from weight to weight, as in the deep network, or when one
# rate has to do for several networks: in section 6 the best of the nine is the same for both with Adam, and not with
# gradient descent. **When not:** when memory is short, or when a plain rule at a tuned rate is as good, as on the
# shallow network.
#
# **Is a network trained with Adam worse on new data?** Wilson and others (2017) found so. Choi and others (2019) tuned
# more of the settings, and found Adam never behind. In section 6 the test accuracies do not put it behind either.
#
# ## 10. Your turn
#
# In `exercises/08_adam.ipynb`, in this order:
#
# 1. `update_moments`: the two running means (1 point).
# 2. `bias_correction`: one line (1 point).
# 3. `adam`: the whole rule (3 points). You may call the first two.
#
# `check` names the mistake when there is one. At the end your own `adam` trains a network on digits next to
# `torch.optim.Adam`, the two curves on top of each other, and walks through the playground dashed beside the reference.
#
# **To remember:** direction from `m`, size from `v`; the step is about `lr` long while the gradients agree, and does
# not depend on the scale of the loss; without the correction the first steps are too long; `eps` is in units of the
# gradient; tune `lr` for the rivals too before you say that Adam wins.
#
# ## 11. Sources
#
# - Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", ICLR, arXiv:1412.6980. Algorithm 1 (the rule and
#   its defaults); section 2, last lines (the short form); section 2.1 (length of the steps, signal-to-noise ratio);
#   section 3 (the correction); section 6.4 (what it does in experiments).
# - Reddi, Kale and Kumar (2018), "On the Convergence of Adam and Beyond", ICLR, arXiv:1904.09237. Section 3 (the
#   example).
# - Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 5.3. Brown et al. (2020), "Language
#   Models are Few-Shot Learners", arXiv:2005.14165, appendix B.
# - TensorFlow 1, documentation of `tf.train.AdamOptimizer` (the short form, "epsilon hat", and its advice on it).
# - Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", ICLR, arXiv:1711.05101: for chapter 10.
# - Wilson et al. (2017), "The Marginal Value of Adaptive Gradient Methods in Machine Learning", NeurIPS,
#   arXiv:1705.08292: cases in which the rules that divide lose.
# - Further: Choi et al. (2019), "On Empirical Comparisons of Optimizers for Deep Learning", arXiv:1910.05446, because
#   it shows how the way of tuning decides who wins a comparison such as the one in section 6.
