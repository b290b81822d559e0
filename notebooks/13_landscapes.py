# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Landscapes: where training stands still, and why
#
# The loss stops falling, far above where it should end. Is it a local minimum, a saddle, a plateau, or does the
# gradient never arrive? In a loss curve all four look the same. This lesson has a measurement for each, and the cures.
#
# About 45 minutes. You need the gradient and the chain rule (chapter 02), the curvature and the Hessian, the matrix of
# second derivatives (03), mini-batches (04), momentum (06) and Adam (08).

# %%
import copy
import itertools
import math

import torch
from torch import nn
from torch.func import grad, grad_and_value, jacrev, vmap
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, one_hot
from torch.nn.utils import parameters_to_vector, vector_to_parameters

# %%
from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.engine.curvature import hessian, sharpness
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.gradient_descent import minimize
from coursekit.reference.landscapes import classify_critical_point, clip_by_global_norm, gradient_norms
from coursekit.reference.minibatches import minibatches
from coursekit.show.movable.saddle_escape import BETAS, NOISES, escapes, walk

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Twenty layers that learn nothing
#
# Two networks get the same images of handwritten digits and the same Adam. One has a single *hidden* layer (between
# the pixels and the ten scores) of 32 ReLU units, the other has twenty of them, one behind the other. Each starts with
# the weights that torch gives it.

# %%
digits, curves = engine.digits(), {}
for depth in (1, 20):
    model = engine.mlp([64] + [32] * depth + [10])
    optimizer = engine.Optimizer(model.parameters(), RULES["adam"], lr=0.001)
    run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=8, batch_size=64, progress=False)
    curves[f"{depth} hidden"] = run.step_loss
    slope = torch.autograd.grad(cross_entropy(model(digits.x_train), digits.y_train), list(model.parameters()))
    length = parameters_to_vector(slope).norm()
    print(f"{depth:2} hidden: {run.accuracy[-1]:.0%} of new images right; the gradient at the end is {length:.2g} long")
show.loss_curves(curves, ylabel="training loss, in nats", log=False)

# %% [markdown]
# The deep network never gets away from guessing, one right in ten, and its gradient is short. "Stuck in a local
# minimum" is what most people say at this point. There are four suspects: a **local minimum**, where every way leads
# up; a **saddle**, where some ways lead up and some down, and at the point itself it is level; a **plateau**, level all
# around; and a **vanishing gradient**, which is lost on its way back through the layers.
#
# ## 2. The idea
#
# **Where training stands still, ask two things: which way does the loss curve, and how much of the gradient arrives in
# each layer?**
#
# A point where the gradient is zero is called *critical*. The slope says no more there, so the curvatures have to: the
# eigenvalues $\lambda_i$ of the Hessian $H$, each with its direction $v_i$.

# %%
show.formula(classify_critical_point)

# %% [markdown]
# `eigvalsh` gives the eigenvalues of a symmetric matrix, in rising order. A computer seldom finds an exact 0, so what
# is below 1e-8 of the largest counts as 0. Some critical points, and one where the Hessian does not say:

# %%
for surface in (engine.SURFACES[name] for name in ("saddle", "himmelblau", "six_hump_camel")):
    for place in (*surface.minima[:2], *surface.saddles[:2], *surface.maxima[:1]):
        H = torch.func.hessian(surface)(torch.tensor(place, dtype=torch.float64))
        low, high = torch.linalg.eigvalsh(H).tolist()
        said = f"{low:7.2f} and {high:6.2f}  {classify_critical_point(H)}"
        print(f"{surface.name:15} ({place[0]:5.2f}, {place[1]:5.2f}): {said}")
H = torch.func.hessian(lambda w: w[0] ** 2 + w[1] ** 3)(torch.zeros(2).double())
print(f"x^2 + y^3 at 0: {H.diagonal().tolist()}, {classify_critical_point(H)}: y^3 goes down on one side all the same")

# %% [markdown]
# **Predict, then run.** Put your answer in place of `...` and run the cell; then run the one below it.

# %%
answer("up_flat_and_down", ...)

# %%
for third in (-1.0, 1.0):
    print(f"curvatures 3, 0, {third:g}:", classify_critical_point(torch.diag(torch.tensor([3.0, 0.0, third]))))

# %% [markdown]
# ## 3. A saddle delays
#
# Along a direction of curvature $\lambda$ a step of gradient descent multiplies the distance from the critical point by
# $1 - \eta\lambda$ (chapter 03; $\eta$ is `lr`). For $\lambda < 0$ that is $1 + \eta\,|\lambda|$: **the distance
# grows**, a little more each step. So a saddle lets go by itself, unless one starts exactly on the line that leads into
# it. The saddle here has the curvatures 1 in $x$ and $-1$ in $y$; "away" means a height below $-0.125$, half way down
# to the minima, which is reached at $y = 0.54$:

# %%
saddle, lr = engine.SURFACES["saddle"], 0.05
for beside in (0.0, 1e-1, 1e-3, 1e-6, 1e-9):
    path = minimize(saddle.gradient, torch.tensor([-1.5, beside], dtype=torch.float64), lr=lr, steps=600)
    away = saddle(path) < -0.125
    said = f"away at step {int(away.int().argmax())}" if away.any() else "not away after 600 steps"
    expected = f"; log(0.54 / start) / log(1 + lr) = {math.log(0.54 / beside) / math.log(1 + lr):.0f}" if beside else ""
    print(f"starts {beside:g} beside the line: {said}{expected}")

# %% [markdown]
# A start a thousand times nearer to the line costs as many steps more each time: the time grows with the *logarithm*.
# So noise is welcome, and need not be large: it pushes the walk off the line, and the saddle does the rest.
#
# **Move it.** Ten runs start exactly on the line. The first slider adds noise to each gradient, as mini-batches do; the
# second is the $\beta$ of `heavy_ball`, at one and the same rate. **Find out: (1) who gets away without noise? (2) With
# beta 0, by which step are half of the runs away at noise 0.1, and at 0.01? What does a tenth of the noise cost?
# (3) Now beta 0.9 at noise 0.01: by which step?**

# %%
show.saddle_escape(steps=300)

# %%
first = escapes(*walk(RULES["heavy_ball"], 0.05, 0.0, 300, 0)).abs()  # (noises, betas, runs); 0 for never
for noise, beta in ((0.0, 0.0), (0.1, 0.0), (0.01, 0.0), (0.001, 0.0), (0.01, 0.9)):
    gone = sorted(int(step) for step in first[NOISES.index(noise), BETAS.index(beta)] if step)
    said = f"half of them by step {gone[4]}" if len(gone) > 4 else ""
    print(f"noise {noise:g}, beta {beta:g}: {len(gone)} of 10 away in 300 steps {said}")
print(f"a tenth of the start costs log(10) / log(1.05) = {math.log(10) / math.log(1.05):.0f} steps more")

# %% [markdown]
# Momentum leaves several times sooner here. But at `beta` 0.9 the sum of `heavy_ball` makes steps that are ten times as
# long (chapter 06). Is it the memory that helps, or the longer step? A narrow saddle, with curvatures 100 and $-1$, so
# that the rate is limited; 1e-6 beside the line:

# %%
narrow = engine.Surface("narrow saddle", r"f(x, y) = 50 x^2 - \tfrac{1}{2} y^2 + \tfrac{1}{4} y^4",
                        lambda x, y: 50 * x**2 - y**2 / 2 + y**4 / 4, ((-2, 2), (-2, 2)), (-1.0, 1e-6))  # fmt: skip
limit = 0.95 * 2 / 100
for said, beta, lr in (("gradient descent, near its largest rate", 0.0, limit),
                       ("beta 0.9, the same effective rate", 0.9, 0.1 * limit),
                       ("beta 0.9, near its own largest rate", 0.9, 1.9 * limit)):  # fmt: skip
    heights = engine.sweep(RULES["heavy_ball"], narrow, steps=2000, lr=[lr], beta=[beta]).losses.flatten()
    print(f"{said}, lr {lr:.4f}: away at step {int((heights < -0.125).int().argmax())}")

# %% [markdown]
# At the same effective rate, `lr / (1 - beta)`, momentum is a little slower, since its mean lags behind a growing
# distance. What helps is that it *bears* a larger rate, as in a ravine.
#
# ## 4. Many dimensions: who has seen a local minimum?
#
# A minimum needs *all* curvatures to be positive. **Predict, then run:**

# %%
answer("share_of_minima", ...)

# %%
generator, shares = torch.Generator().manual_seed(0), {"random matrices": [], "coins": []}
for d in range(1, 6):
    A = torch.randn(100_000, d, d, generator=generator)
    minima = (torch.linalg.eigvalsh(A + A.mT)[:, 0] > 0).double().mean()
    shares["random matrices"].append(float(minima))
    shares["coins"].append(0.5**d)
    print(f"{d} dimensions: {minima:.3%} minima among random symmetric matrices; coins would give {0.5**d:.3%}")
A = torch.randn(500, 500, generator=generator)
print(f"one matrix, 500 dimensions: {(torch.linalg.eigvalsh(A + A.T) < 0).double().mean():.0%} negative")
show.lines(range(1, 6), shares, "dimensions", "share of minima", log=True)

# %% [markdown]
# Random matrices are stricter than coins: their eigenvalues keep a distance from each other, so it is hard to have
# all on one side. (Of the last 500, half are on each.) What do the critical points of a network look like?
#
# ### All we can find in a tiny network
#
# Two half moons of points, to be told apart by 2, 3 or 4 tanh units and one score; a small penalty (chapter 09) keeps
# the weights finite. The first three quarters of the vector `p` are the weights of the units, the rest those of the
# score. *Newton's method* divides the slope in each direction by the curvature there. It steps towards a gradient of
# zero and does not care about up or down: it finds saddles as well as minima. (The damping keeps a step from being
# wild where a curvature is near 0; a step that makes the gradient no shorter is not taken.) From 40 random places, all
# at once: `slopes` has a row for each, `curvatures` a Hessian.

# %%
moons, found = engine.two_moons(n=200, dtype=torch.float64), {}
X, y = torch.cat([moons.x_train, torch.ones_like(moons.x_train[:, :1])], dim=1), moons.y_train.double()
losses = {w: lambda p, w=w: 0.01 * (p**2).sum() + binary_cross_entropy_with_logits(
    torch.tanh(X @ p[:3 * w].view(3, w)) @ p[3 * w:], y) for w in (2, 3, 4)}  # fmt: skip
for w, loss in losses.items():
    slopes, curvatures = vmap(grad_and_value(loss)), vmap(jacrev(grad(loss)))
    p = 2 * torch.randn(40, 4 * w, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(X)
    damping = torch.full_like(p[:, :1], 0.01)
    for _ in range(60):
        (e, V), (g, _) = torch.linalg.eigh(curvatures(p)), slopes(p)
        q = p - (V @ (e / (e**2 + damping) * (V.mT @ g[..., None])[..., 0])[..., None])[..., 0]
        shorter = slopes(q)[0].norm(dim=1, keepdim=True) < g.norm(dim=1, keepdim=True)
        p, damping = torch.where(shorter, q, p), torch.where(shorter, damping / 3, 4 * damping).clamp(1e-14, 1e3)
    found[w] = p[slopes(p)[0].norm(dim=1) < 1e-10], slopes, curvatures

# %%
for w, (p, slopes, curvatures) in found.items():
    H, heights = curvatures(p), slopes(p)[1]
    down = (torch.linalg.eigvalsh(H) < 0).sum(dim=1)
    print(f"{w} units, {p.shape[1]} weights, {len(p)} of 40 starts came to a critical point:")
    for k in sorted(set(down.tolist())):
        some, off = heights[down == k], (p[down == k].view(-1, 4, w).norm(dim=1) < 1e-6).sum(dim=1)
        kinds = {classify_critical_point(h) for h in H[down == k]}
        said = f"   {k} directions down: {len(some):2} times, loss {some.min():.4f} to {some.max():.4f},"
        print(said, *kinds, end=f", units switched off: {set(off.tolist())}\n")

# %% [markdown]
# Three things stand in this table. No maximum was found. **The higher a critical point lies, the more directions lead
# down from it.** And follow one loss from block to block: the *minimum* of the network with 2 units stands in the block
# of 3 units as a saddle with one direction down, and in that of 4 units with two. There the units that were added are
# switched off (all four weights of each are 0), and each of them is a way down: switch it on. **More weights turn
# minima into saddles.** Dauphin and others (2014) found the second of the three in larger networks.
#
# ### So does it get stuck or not?
#
# The same moons with less noise, no penalty, Adam, and 40 seeds for each width:

# %%
moons = engine.two_moons(n=300, noise=0.1)
for w in (2, 3, 4, 8):
    stack = engine.stacked(
        lambda seed, w=w: engine.mlp([2, w, 2], seed, nn.Tanh), RULES["adam"], moons, loss=cross_entropy, lr=0.1,
        epochs=150, batch_size=len(moons.x_train), seeds=range(40))  # fmt: skip
    low, *_, high = ends = sorted(stack.train_loss[:, -1].tolist())
    stuck = sum(loss > 0.1 for loss in ends)
    print(f"{w} units: {stuck:2} of 40 starts end above 0.1; best {low:.4f}, middle {ends[20]:.4f}, worst {high:.4f}")

# %% [markdown]
# **In a network that is barely large enough, nearly every start ends badly; with a few units to spare, none does.**
# (Whether a bad end is a minimum or a slow stretch, 150 steps do not say; with 2 units, too, one can do better.)
#
# ### A real network on its way
#
# 760 weights learn 400 digits by gradient descent. Its whole Hessian can still be written down (`hessian` of
# `coursekit.engine.curvature`). How many of the 760 curvatures are negative along the way? Counted are those beyond a
# thousandth of the largest, the rest is called flat:

# %%
X, y = engine.digits(dtype=torch.float64).x_train[:400], digits.y_train[:400]
model, curves, at = engine.mlp([64, 10, 10], activation=nn.Tanh, dtype=torch.float64), {}, []
for step in range(401):
    loss = cross_entropy(model(X), y)
    if step in (0, 5, 10, 20, 50, 100, 200, 400):
        e = torch.linalg.eigvalsh(hessian(model, cross_entropy, X, y))
        for name, sign in (("negative", -1), ("positive", 1)):
            curves.setdefault(name, []).append(100 * float((sign * e > 1e-3 * e[-1]).double().mean()))
        at.append(-math.log10(loss.item()))
        print(f"step {step:3}, loss {loss.item():.3f}: {curves['negative'][-1]:4.1f} % negative,", end=" ")
        print(f"lowest {e[0]:6.3f}, highest {e[-1]:.3f}")
    for p, g in zip(model.parameters(), torch.autograd.grad(loss, [*model.parameters()]), strict=True):
        p.data -= 0.5 * g
show.lines(at, curves, "-log10 of the loss: lower to the right", "share of the 760 curvatures, in %", log=False)

# %% [markdown]
# At the start a third goes down. The share falls as the loss falls, and what is left is small beside the largest
# curvature. But even at the end some directions still lead down: at none of these steps was the network in a minimum,
# and it learnt. So the first suspect of section 1 is not a likely one, and the second only delays.
#
# ## 5. Plateaus
#
# On a plateau slope *and* curvature are small. The usual way to make one is to measure a saturated unit by the squared
# error. A sigmoid unit says $\sigma(z)$, the target is 1, and at $z = -8$ it is quite sure of the opposite. By the
# chain rule the slope of $(\sigma(z) - 1)^2$ is $2\,(\sigma - 1)\,\sigma\,(1 - \sigma)$: the two last factors are the
# slope of the sigmoid, nearly 0 at both of its ends. The cross-entropy's is $\sigma - 1$ (chapter 02):

# %%
start, paths = torch.tensor(-8.0, dtype=torch.float64), {}
slopes = {"squared error": lambda z: 2 * (z.sigmoid() - 1) * z.sigmoid() * (1 - z.sigmoid()),
          "cross-entropy": lambda z: z.sigmoid() - 1}  # fmt: skip
for name, slope in slopes.items():
    path = minimize(slope, start, lr=1.0, steps=2000)
    curvature = torch.func.grad(slope)(start)
    paths[name] = path
    right = int((path > 0).int().argmax())
    print(f"{name}: slope {slope(start):.5f}, curvature {curvature:.5f}; right from step {right} on")
show.lines(range(2001), paths, "step", "z: below 0 the unit is wrong", log=False)

# %% [markdown]
# The mistake is as large as can be, and slope and curvature are nearly zero, because the unit is *sure*. The same on
# digits: the weights of the last layer start 30 times too large, so that the ten outputs are sure from the first step.
# Each loss gets its own best rate of seven, three seeds:

# %%
sure, rates = {seed: engine.mlp([64, 32, 10], seed) for seed in range(3)}, [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
for model in sure.values():
    model[2].weight.data *= 30
how = {"epochs": 6, "batch_size": 64, "lr": rates}
losses = {"squared error": lambda s, y: mse_loss(s.sigmoid(), one_hot(y, 10).to(s)),
          "cross-entropy": lambda s, y: binary_cross_entropy_with_logits(s, one_hot(y, 10).to(s))}  # fmt: skip
for name, loss in losses.items():
    grid = engine.grid(sure.get, RULES["gradient_descent"], digits, loss=loss, **how)
    best = int(grid.median("accuracy").argmax())
    low, high = grid.accuracy[best].min(), grid.accuracy[best].max()
    print(f"{name}: best at lr {rates[best]:g}, {low:.1%} to {high:.1%} of the validation images right")

# %% [markdown]
# At its own best rate the squared error still puts fewer images right, at every seed, and differs more between seeds.
#
# ## 6. Gradients that do not arrive
#
# Now the fourth suspect: the gradient of the deep network of section 1 at its start, layer by layer, and of others:

# %%
from coursekit.reference.landscapes import kaiming_std, xavier_std

norms = {}
for depth in (5, 10, 20):
    model = engine.mlp([64] + [32] * depth + [10])
    weights = [layer.weight for layer in model[::2]]
    grads = torch.autograd.grad(cross_entropy(model(digits.x_train), digits.y_train), weights)
    norms[f"{depth} hidden"] = lengths = [float(g.norm()) for g in grads]
    factor = (lengths[-5] / lengths[-1]) ** (1 / 4)
    print(f"{depth:2} hidden: first {lengths[0]:.1e}, last {lengths[-1]:.1e}; {factor:.2f} a layer in the last five")
show.gradient_norms(norms)

# %% [markdown]
# There it is. On a log axis a straight slope means **one factor a layer**: on its way back a gradient is multiplied
# at each layer, by the weights and by the slope of the activation, and twenty factors make a twentieth power. The
# last layer learns to guess, and the first ones hear nothing. A gradient that shrinks like this *vanishes*; one that
# grows *explodes*. Adam is no way out: it divides by the size of a gradient *plus* $\epsilon = 10^{-8}$, and here
# 2,048 numbers together are hardly longer. (The next picture explains the level part.) Now without biases:

# %%
show.formula(gradient_norms)

# %% [markdown]
# $h_l$ is what layer $l$ hands on, $W_l$ its weights, $\phi$ any activation. $L$ stands in for a loss: the sum of the
# last outputs, which sends the same gradient, 1, into each. In the next pictures the weights are drawn in two ways that
# are meant to keep a signal's size, named after Kaiming He and Xavier Glorot: with the spread `kaiming_std` for ReLU
# and `xavier_std` else. Section 7 says where they come from. **Predict, then run:**

# %%
answer("sigmoid_over_ten_layers", ...)

# %%
inputs = digits.x_train[:100].double().cpu()
starts = {"ReLU, torch's own": (torch.relu, 1 / math.sqrt(3 * 64)), "ReLU, kaiming": (torch.relu, kaiming_std(64)),
          "ReLU, 1.5 kaiming": (torch.relu, 1.5 * kaiming_std(64)), "tanh, xavier": (torch.tanh, xavier_std(64, 64)),
          "sigmoid, xavier": (torch.sigmoid, xavier_std(64, 64))}  # fmt: skip
norms = {}
for (name, (activation, std)), seed in itertools.product(starts.items(), range(5)):
    torch.manual_seed(seed)
    weights = [std * torch.randn(64, 64, dtype=torch.float64) for _ in range(20)]
    norms.setdefault(name, []).append(gradient_norms(weights, inputs, activation))
print(f"0.25 ** 10 = {0.25**10:.1e}")
for name, factor in (("ReLU, torch's own", 1 / math.sqrt(6)), ("ReLU, 1.5 kaiming", 1.5)):
    times = norms[name][0][0] / norms["ReLU, kaiming"][0][0]
    print(f"{name}: {times:.2g} times kaiming's; {factor:.3f} ** 19 = {factor**19:.2g}")
show.gradient_norms(norms)

# %% [markdown]
# The sigmoid has the slope of the first picture. The ReLU networks do not slope, and still the factor is there, in
# their *heights*: 19 times over, as a layer's gradient has all weights as factors but its own. All layers get equally
# little or too much: an early one loses on the way back what a late one lacks in its input. (Biases keep a signal
# from shrinking for ever: hence level *and* slope, above.)
#
# How exact must the weights be? **Predict, then run:**

# %%
answer("weights_a_tenth_too_small", ...)

# %%
depths, gains, maps = [2, 5, 10, 20, 40], [0.5, 0.7, 0.9, 1.0, 1.1, 1.4, 2.0], {}
stds = {"relu": kaiming_std(64), "tanh": xavier_std(64, 64), "sigmoid": xavier_std(64, 64)}
for (name, std), depth, gain in itertools.product(stds.items(), depths, gains):
    activation = getattr(torch, name)
    torch.manual_seed(0)
    weights = [std * torch.randn(64, 64, dtype=torch.float64) for _ in range(depth)]
    alone = gradient_norms(weights[:1], inputs, activation)[0]
    first = gradient_norms([gain * W for W in weights], inputs, activation)[0]
    maps.setdefault(name, []).append(math.log10(first / alone))
maps = {name: torch.tensor(values).view(5, 7).round(decimals=1) for name, values in maps.items()}
axes, label = {"layers": depths, "factor": gains}, "first layer's gradient, log10, one layer is 0"
print(f"0.9 ** 50 = {0.9**50:.4f}")
show.heatmap(maps["relu"], axes, label=label, best=None, title="ReLU, factor times kaiming_std")

# %%
show.heatmap(maps["tanh"], axes, label=label, best=None, title="tanh, factor times xavier_std")

# %%
show.heatmap(maps["sigmoid"], axes, label=label, best=None, title="sigmoid, factor times xavier_std")

# %% [markdown]
# Each cell is a power of ten: $-3$ means that the first layer gets a thousandth of what it would get if it were alone.
# With ReLU there is one column in which depth hardly matters, and to either side each layer costs its factor. Tanh
# forgives weights that are too large, up to a point, since it cuts the signal off. The sigmoid vanishes in every
# column: **no weights in this map cure it.**
#
# ## 7. The cures
#
# ### Weights that keep the signal
#
# A unit adds up $n_\text{in}$ inputs with random weights of variance $\sigma^2$. The variances add up, to
# $n_\text{in}\,\sigma^2$ times the mean square of an input. A ReLU sets half of that to zero. To keep it, take:

# %%
show.formula(kaiming_std)

# %% [markdown]
# On the way back the same holds with $n_\text{out}$, since a unit hears from all units that it feeds. Where no half is
# cut off, as in the middle of tanh, the two wishes are $1/n_\text{in}$ and $1/n_\text{out}$; between them lies:

# %%
show.formula(xavier_std)

# %% [markdown]
# Is one as good as the other? **Predict, then run:**

# %%
answer("signal_after_50_tanh_layers", ...)

# %%
torch.manual_seed(0)
for name, std, activation in (("tanh, xavier", xavier_std(512, 512), torch.tanh),
                              ("ReLU, kaiming", kaiming_std(512), torch.relu),
                              ("ReLU, xavier", xavier_std(512, 512), torch.relu)):  # fmt: skip
    h, said = torch.randn(200, 512), []
    for layer in range(1, 51):
        h = activation(h @ (std * torch.randn(512, 512)))
        if layer in (1, 5, 20, 50):
            said.append(f"{layer}: {h.square().mean().sqrt():.2g}")
    print(f"{name:14} root of the mean square behind layer", ", ".join(said))

# %% [markdown]
# Each to its own: Xavier's weights lose half of the square at every ReLU. Now the network of section 1, with weights
# drawn in four ways, each with five rates of Adam and three seeds, 8 epochs. (All sixty at once; a seed of
# `engine.stacked` is here a place in `starts`.) Was only the rate wrong in section 1?

# %%
nets, rates = {}, [0.001, 0.003, 0.01, 0.03, 0.1]
stds = {"kaiming": lambda n, m: kaiming_std(n), "xavier": xavier_std, "1.5 kaiming": lambda n, m: 1.5 * kaiming_std(n)}
for name, seed in itertools.product(("torch's own", *stds), range(3)):
    nets[name, seed] = engine.mlp([64] + [32] * 20 + [10], seed)
    torch.manual_seed(seed)
    for layer in nets[name, seed][::2] if name in stds else ():
        nn.init.normal_(layer.weight, std=stds[name](layer.in_features, layer.out_features))
        nn.init.zeros_(layer.bias)
for name in ("torch's own", *stds):
    print(f"{name:12} loss before the first step {cross_entropy(nets[name, 0](digits.x_train), digits.y_train):.2f}")

# %%
starts, curves = list(nets.values()), {}
tried = [(lr, 3 * i + k) for i in range(4) for lr in rates for k in range(3)]
how = {"loss": cross_entropy, "epochs": 8, "batch_size": 64, "lr": [lr for lr, _ in tried]}
stack = engine.stacked(starts.__getitem__, RULES["adam"], digits, seeds=[place for _, place in tried], **how)
for i, (name, losses) in enumerate(zip(("torch's own", *stds), stack.validation_loss.view(4, 5, 3, 8), strict=True)):
    ends = losses[:, :, -1].median(dim=1).values
    best = int(ends.argmin())
    answers = [stack.model(15 * i + 3 * best + k)(digits.x_test).argmax(dim=1) for k in range(3)]
    low, _, high = sorted(float((guess == digits.y_test).double().mean()) for guess in answers)
    print(f"{name:12} loss at the five rates {' '.join(f'{v:.2f}' for v in ends)};", end=" ")
    print(f"at lr {rates[best]:g} {low:.0%} to {high:.0%} of the test images right")
    curves[name] = losses[best]
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss, in nats", first=1, log=True)

# %% [markdown]
# With torch's own weights no rate helps in this time. With `kaiming_std` the same network, rule and data learn; with
# Xavier's, too small by $\sqrt 2$, later; and 1.5 times Kaiming's starts from a loss in the thousands.
#
# ### Steps that cannot be too long
#
# First weights are right at the start only. On its way a deep network meets places where the gradient is suddenly
# long, and a step there throws away what was learnt. *Clipping* shortens such a gradient.

# %%
show.formula(clip_by_global_norm)

# %% [markdown]
# The length $\lVert g\rVert$ is that of all parameters together, hence "global". **Predict, then run:**

# %%
answer("a_hundred_gradients_of_length_1", ...)

# %%
print(f"each after clipping: {clip_by_global_norm([torch.tensor([0.6, 0.8])] * 100, 1.0)[0].norm():.2f} long")

# %% [markdown]
# Twenty layers, Kaiming's weights, gradient descent, clipped to 1 and not at all (`inf`): five rates each, three seeds.
# The loop is written out, to see where the clipping goes: after the gradient, before the step.

# %%
ends, lengths, size = {}, {}, len(digits.x_train)
for most, lr, seed in itertools.product((math.inf, 1.0), (0.01, 0.03, 0.1, 0.3, 1.0), range(3)):
    model, order = copy.deepcopy(nets["kaiming", seed]), torch.Generator().manual_seed(seed)
    params, seen = list(model.parameters()), lengths.setdefault((most, lr, seed), [])
    for rows in itertools.chain.from_iterable(minibatches(size, 64, order) for _ in range(8)):
        grads = torch.autograd.grad(cross_entropy(model(digits.x_train[rows]), digits.y_train[rows]), params)
        seen.append(parameters_to_vector(grads).norm().item())
        if not math.isfinite(seen[-1]):
            break
        for p, g in zip(params, clip_by_global_norm(grads, most) if seen[-1] > most else grads, strict=True):
            p.data -= lr * g
    loss = cross_entropy(model(digits.x_validation), digits.y_validation).item()
    ends.setdefault((most, lr), []).append(loss if math.isfinite(seen[-1]) else math.inf)

# %%
for (most, lr), three in ends.items():
    said = " ".join(f"{loss:5.2f}" for loss in sorted(three))
    print(f"clipped to {most:<3g} lr {lr:<5g} validation loss {said}", end="")
    print(f"   longest gradient of seed 0: {max(lengths[most, lr, 0]):.3g}")
curves = {"without": lengths[math.inf, 0.1, 0], "clipped to 1": lengths[1.0, 0.1, 0]}
show.loss_curves(curves, ylabel="length of the gradient, before clipping", title="lr 0.1, seed 0")

# %% [markdown]
# Without clipping the best rate is 0.03. At 0.1 the gradient is suddenly tens of times longer than at the start, a few
# steps throw everything away, and the network is near guessing again. Clipped, it bears ten times the rate, and at its
# best rate it ends far below, at every seed. Adam with the same weights ended lower still, again at every seed:
# clipping is no replacement for a tuned rule.
#
# ## 8. Sharpness
#
# ### Along a run
#
# The largest curvature of the loss is called its *sharpness*. Chapter 03 has it that gradient descent diverges where
# it is above $2/\eta$. In a bowl it is the same everywhere. In a network it changes as one walks. It can be had without
# the whole Hessian: a product $Hv$ costs about two gradients, and some tens of products give the largest eigenvalue
# (`sharpness`, the method of Lanczos). Now 600 steps of gradient descent with all digits: the squared error at four
# rates, and the cross-entropy at one. The curves show the sharpness in units of $2/\eta$: 1 is the limit of chapter 03.

# %%
target, curves, falls = one_hot(digits.y_train, 10).float(), {}, {}
runs = {f"lr {lr:g}": (lr, mse_loss, target) for lr in (0.5, 1.0, 2.0, 4.0)}
for name, (lr, loss_of, wanted) in {**runs, "cross-entropy, lr 1": (1.0, cross_entropy, digits.y_train)}.items():
    model, direction = engine.mlp([64, 32, 10], activation=nn.Tanh), None
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for step in range(601):
        optimizer.zero_grad()
        loss = loss_of(model(digits.x_train), wanted)
        loss.backward()
        falls.setdefault(name, []).append(loss.item())
        if step % 10 == 0:
            value, direction = sharpness(model, loss_of, digits.x_train, wanted, start=direction, rtol=0.01)
            curves.setdefault(name, []).append(value * lr / 2)
        optimizer.step()

# %%
for name, losses in falls.items():
    up, last = sum(b > a for a, b in itertools.pairwise(losses)), sorted(curves[name][-10:])
    print(f"{name:20} loss {losses[0]:.3f} to {losses[-1]:.4f}, up in {up:3} of 600 steps;", end=" ")
    print(f"sharpness {curves[name][0]:.2f}, at the end {last[0]:.2f} to {last[-1]:.2f}")
show.lines(range(0, 601, 10), curves, "step", "sharpness, in units of 2/lr", log=False)

# %% [markdown]
# At the two small rates the sharpness soon grows while the loss falls. At 2 it grows until $2/\eta$, at 4 it began
# above and falls to it, **and then it stays there**. The loss goes up in many steps and down over many. Cohen and
# others (2021) call this the *edge of stability*. A bowl would have diverged. In a network a walk that is thrown back
# and forth along the steepest direction drifts to where that is less steep (Damian, Nichani and Lee 2023): the rate
# has a say in where the walk can be. With the cross-entropy it is another story: what is learnt curves less and less.
#
# ### Across
#
# Where two walks end, what lies between? The loss on the straight line from the solution of one seed to that of
# another, and to *itself with its 32 hidden units in another order*, which computes the same:

# %%
pair = engine.stacked(lambda seed: engine.mlp([64, 32, 10], seed, nn.Tanh), RULES["adam"], digits, loss=cross_entropy,
                      epochs=15, batch_size=64, seeds=[0, 1], lr=0.01)  # fmt: skip
W, b, V, c = [p.detach() for p in pair.model(0).parameters()]
order = torch.randperm(32, generator=torch.Generator().manual_seed(0)).to(W.device)
ends = {"another seed": parameters_to_vector(pair.model(1).parameters()),
        "itself, reordered": torch.cat([W[order].flatten(), b[order], V[:, order].flatten(), c])}  # fmt: skip
start, probe, curves, shares = parameters_to_vector((W, b, V, c)), pair.model(0), {}, torch.linspace(0, 1, 41)
for (name, end), t in itertools.product(ends.items(), shares.tolist()):
    vector_to_parameters(start + t * (end.detach() - start), probe.parameters())
    curves.setdefault(name, []).append(cross_entropy(probe(digits.x_train), digits.y_train).item())
for name, losses in curves.items():
    print(f"{name}: {losses[0]:.4f} and {losses[-1]:.4f} at the ends, up to {max(losses):.3f} between them")
show.lines(shares, curves, "share of the way", "training loss, in nats", log=False)

# %% [markdown]
# A hill lies between the two solutions, and one nearly as high between a solution and itself. So a hill does not say
# that the two found something different: 32 units can stand in $32!$ orders, and every solution has that many copies.
# Nor is a flat place always better than a sharp one: multiply weights and biases into a ReLU layer by ten, divide the
# weights out of it by ten, and the network answers the same with another sharpness (Dinh and others, 2017).
#
# ## 9. How it fails
#
# The names are those of `check`; each is the course's function with one edit. First the spread, in 20 layers of ReLU:

# %%
wrong = {}
for function in (kaiming_std, clip_by_global_norm):
    known = exercise(function.__name__)
    wrong |= {part.name: made(function, part.change) for part in (*known.slips, *known.conventions)}
for name in ("right", "2 forgotten", "2 outside the root", "variance", "bound of a uniform draw"):
    std = wrong.get(name, kaiming_std)(64)
    torch.manual_seed(0)
    weights = [std * torch.randn(64, 64, dtype=torch.float64) for _ in range(20)]
    print(f"{name:24} std {std:.4f}, first layer's gradient {gradient_norms(weights, inputs, torch.relu)[0]:.1e}")

# %% [markdown]
# A factor of 1.4 in a layer is more than 700 in twenty. Then clipping, on the gradient of Kaiming's network at its
# start, to a hundredth of its length. The cosine to the true gradient is 1 where the direction stays:

# %%
model, most = nets["kaiming", 0], 0.01
grads = torch.autograd.grad(cross_entropy(model(digits.x_train), digits.y_train), list(model.parameters()))
whole = parameters_to_vector(grads)
for name in ("right", "each on its own", "numbers cut, not the length", "lengths added up"):
    cut = parameters_to_vector(wrong.get(name, clip_by_global_norm)(list(grads), most * float(whole.norm())))
    cosine = nn.functional.cosine_similarity(cut, whole, dim=0)
    print(f"{name:28} {cut.norm() / whole.norm() / most:6.2f} times the wanted length, cosine {cosine:.3f}")

# %% [markdown]
# *each on its own* turns the step and leaves it too long. So does *numbers cut*: of many numbers few are large, and
# only these are cut. *lengths added up* keeps the direction but steps too short, as a smaller rate: no curve tells.
#
# ## 10. Convention box
#
# | | here | torch | conversion |
# |---|---|---|---|
# | shape of $W$ | (in, out), $h W$ | (out, in), $h W^\top$ | transpose; a fan is taken from the shape |
# | Kaiming | $\sqrt{2/n_\text{in}}$ | `kaiming_normal_(W, nonlinearity="relu")` | the same |
# | | | `kaiming_uniform_`: from $-b$ to $b$ | $b = \sqrt 3\,\sigma$ |
# | Xavier | $\sqrt{2/(n_\text{in}+n_\text{out})}$ | `xavier_normal_(W)`; `gain=5/3` for tanh | times the gain |
# | start of `nn.Linear` | | $b = 1/\sqrt{n_\text{in}}$ | $\sigma = 1/\sqrt{3n_\text{in}}$, ours over $\sqrt 6$ |
# | clipping | to $c$, new tensors | `clip_grad_norm_`, in place, to $c\,n/(n + 10^{-6})$ | $n$ is the length before |
#
# **The traps:** a weight of shape (in, out) handed to torch has its fans exchanged; `nn.Linear` starts too small for a
# deep ReLU network, by $\sqrt 6$ in each layer; and `clip_grad_value_` is not clipping by norm.

# %%
W, relu = torch.empty(30, 200, dtype=torch.float64), {"nonlinearity": "relu"}  # torch's shape: 200 in, 30 out
for name, options, std in (("kaiming_normal_", relu, kaiming_std(200)), ("xavier_normal_", {}, xavier_std(200, 30)),
                           ("xavier_normal_", {"gain": 5 / 3}, 5 / 3 * xavier_std(200, 30))):  # fmt: skip
    torch.manual_seed(0)
    ours = std * torch.randn_like(W)
    torch.manual_seed(0)
    off = (getattr(nn.init, name)(W, **options) - ours).abs().max()
    print(f"{name} {options or ''} {off:.0e} off ours")
    assert off < 1e-12
turned, bound = nn.init.kaiming_normal_(W.T.contiguous()).std(), nn.init.kaiming_uniform_(W, **relu).max()
print(f"kaiming_normal_ of the transpose: std {turned:.3f}, not {kaiming_std(200):.3f}")
print(f"kaiming_uniform_ up to {bound:.4f}, sqrt(3) times our std is {math.sqrt(3) * kaiming_std(200):.4f}")
print(f"nn.Linear: std {nn.Linear(200, 30).weight.std():.4f}, ours / sqrt(6) is {kaiming_std(200) / math.sqrt(6):.4f}")

# %%
grads = [torch.randn(5, 4, dtype=torch.float64), torch.randn(7, dtype=torch.float64)]
params = [torch.zeros_like(g).requires_grad_() for g in grads]
for p, g in zip(params, grads, strict=True):
    p.grad = g.clone()
length = nn.utils.clip_grad_norm_(params, 0.5)
torchs, ours = (parameters_to_vector(v) for v in ([p.grad for p in params], clip_by_global_norm(grads, 0.5)))
off = (ours * length / (length + 1e-6) - torchs).abs().max()
print(f"off torch: ours {(ours - torchs).abs().max():.0e}, times n / (n + 1e-6) {off:.0e}")
assert off < 1e-12

# %% [markdown]
# ## 11. In practice
#
# **When training stands still:** print the length of the gradient layer by layer: a slope on a log axis, or all layers
# tiny, is a matter of weights and activation. Look at what the loss does with a sure mistake. Try a larger rate or
# smaller batches, since a saddle lets go. A local minimum comes last.
#
# **Defaults.** Kaiming's weights for ReLU, Xavier's for tanh, biases 0. Brown and others (2020, appendix B) clipped
# GPT-3's gradient to 1. **What to tune first:** the rate, then `max_norm`, above the lengths that are usual in your
# run. **What it costs:** the weights nothing, clipping one pass over the gradients, sharpness some tens of gradients.
# **What else is used:** layers that standardise what goes through them, and connections around a layer, make deep
# networks less sensitive to their first weights. The transformer of chapter 16 has both.
#
# ## 12. Your turn
#
# In `exercises/13_landscapes.ipynb`, in this order; `check` names the mistake when there is one:
#
# 1. `kaiming_std`, `xavier_std`: one line each (1 point each). Your spreads carry a signal through 30 layers.
# 2. `clip_by_global_norm`: one length, one factor (2 points). It saves a recurrent network.
# 3. `classify_critical_point`: the signs (2 points). It looks for minima among random matrices.
# 4. `gradient_norms`: by autograd (2 points). It draws a picture as in section 6, from your own weights.
#
# **To remember:** where the slope is zero the signs of the curvatures decide. A minimum needs all of them, so in many
# dimensions it is rare, and a saddle only delays. A sure unit with the squared error makes a plateau. Depth makes
# powers, so first weights must keep the signal. Clip by one length for all. Sharpness settles at $2/\eta$, or below.
#
# ## 13. Sources
#
# - Goodfellow, Bengio and Courville (2016), "Deep Learning", section 4.3.1 (second derivatives), section 8.2 (saddles).
# - Dauphin et al. (2014), "Identifying and attacking the saddle point problem in high-dimensional non-convex
#   optimization", NeurIPS, arXiv:1406.2572: critical points that lie higher have more directions down.
# - Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS,
#   section 4.2 (gradients layer by layer), section 4.2.1, equation 12 (Xavier).
# - He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", ICCV, arXiv:1502.01852, section 2.2, equation 10.
# - Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", ICML,
#   arXiv:1211.5063, section 3.2, algorithm 1. Brown et al. (2020), arXiv:2005.14165, appendix B: clipping at 1.
# - Cohen et al. (2021), "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability", ICLR,
#   arXiv:2103.00065. Damian, Nichani and Lee (2023), "Self-Stabilization: The Implicit Bias of Gradient Descent at the
#   Edge of Stability", ICLR, arXiv:2209.15594.
# - Dinh, Pascanu, Bengio and Bengio (2017), "Sharp Minima Can Generalize For Deep Nets", ICML, arXiv:1703.04933.
# - Further: Li, Xu, Taylor, Studer and Goldstein (2018), "Visualizing the Loss Landscape of Neural Nets", NeurIPS,
#   arXiv:1712.09913, because it takes the lines of section 8 to planes, and says what scale does to such pictures.
