# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Gradient descent: how far to go?
#
# The gradient says which way is up, so a step against it goes down. One number is left to choose: how long the step is.
# Why is there a largest one, why does a good one still zigzag, and where does the walk end?
#
# About 40 minutes. You need the gradient of chapter 02: one slope for each weight, and together the direction in which
# the loss rises most steeply.

# %%
import math
from functools import partial

import torch
from torch.nn.functional import cross_entropy, mse_loss

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference.gradient_descent import gradient_descent, max_stable_lr, minimize
from coursekit.reference.gradients import linear_regression_gradient

torch.set_num_threads(1)  # these tensors are too small to be shared between cores

# %% [markdown]
# ## 1. Down a ravine
#
# Here is a ravine, $f(x, y) = \tfrac12 (x^2 + 25\,y^2)$: 25 times as steep across as along. Three walks from the same
# start, at three *learning rates*, which say how long a step is. First the way of the first 12 steps, then the loss
# over 40:

# %%
ravine = engine.SURFACES["ravine"]
start = torch.tensor(ravine.start, dtype=torch.float64)
rates = (0.081, 0.076, 0.004)
paths = {f"rate {lr}": minimize(ravine.gradient, start, lr=lr, steps=40) for lr in rates}
show.trajectories(ravine, {name: path[:13] for name, path in paths.items()})

# %%
show.loss_curves({name: ravine(path) for name, path in paths.items()})

# %% [markdown]
# At 0.004 the walk creeps. At 0.076, nineteen times as much, it jumps from wall to wall, and gets on. At 0.081 each
# jump lands higher than the one before. The step from 0.076 to 0.081 is all that lies between the best of the three and
# disaster. What decides where that is?
#
# ## 2. The idea
#
# **Take a step against the gradient, as long as the gradient times the learning rate; look at the gradient there, and
# go on.**
#
# $$\theta_t = \theta_{t-1} - \eta\, g_t$$
#
# | symbol | code | what it is |
# |---|---|---|
# | $\theta$ | `param` | the weights; here $x$ and $y$ |
# | $g_t$ | `grad` | the gradient of the loss at $\theta_{t-1}$ |
# | $\eta$ | `lr` | the learning rate |
#
# One step is a *rule*, and a loop of steps is a walk:

# %%
show.formula(gradient_descent)

# %%
show.formula(minimize)

# %% [markdown]
# The rule has a `state` that stays empty: gradient descent remembers nothing. The rules of the next chapters do, and
# take the same form. Note that the *length* of a step is not $\eta$ but $\eta$ times the length of the gradient: long
# steps on steep ground, short ones on flat ground, none at all where the gradient is 0.
#
# ## 3. How far may a step go?
#
# **Predict, then run.** Section 1 shows that the largest rate lies between 0.076 and 0.081. Where, exactly? Put a
# number in place of `...`, run the cell, and read what it says:

# %%
answer("largest_rate_in_the_ravine", ...)

# %% [markdown]
# One weight is enough to see it. Take a parabola $\tfrac12 L x^2$; $L$ is its *curvature*, by how much the slope grows
# with each unit of $x$. The slope is $Lx$, so a step goes from $x$ to $x - \eta L x = (1 - \eta L)\,x$. Each step
# multiplies $x$ by the same number:

# %%
L = 25.0
for lr in (0.01, 0.02, 0.04, 0.06, 0.079, 0.081, 0.12):
    path = minimize(lambda x: L * x, torch.ones((), dtype=torch.float64), lr=lr, steps=4)
    print(f"lr {lr:5}: 1 - lr * L = {1 - lr * L:6.3f};  x: ", ", ".join(f"{x:7.3f}" for x in path.tolist()))

# %% [markdown]
# - Up to $1/L = 0.04$ the factor is between 1 and 0: $x$ shrinks from one side.
# - At $1/L$ it is 0: one step, and done.
# - From there to $2/L = 0.08$ it is negative and above $-1$: $x$ jumps over the minimum, and is nearer each time.
# - Beyond $2/L$ it is below $-1$: each jump is longer than the one before. The walk *diverges*.
#
# With many weights there is a curvature for every direction. They stand in the *Hessian* $H$, the matrix of second
# derivatives: over a step $d$ the gradient changes by $Hd$. In some directions, at right angles to each other, this
# change is the step itself times a number $\lambda$. They are the *eigenvectors* of $H$, in the ravine the two axes,
# and the numbers are its *eigenvalues*, the curvatures along them. Along each of them the walk is that of a parabola.
# The steepest is the first to diverge, so the largest eigenvalue decides:

# %%
show.formula(max_stable_lr)

# %%
hessian = torch.func.hessian(ravine)(start)
print(hessian.tolist(), f"largest rate {max_stable_lr(hessian):.3f}")
for lr in (0.0799, 0.0801):
    end = minimize(ravine.gradient, start, lr=lr, steps=2000)[-1]
    print(f"lr {lr}: after 2000 steps x is {end[0]:.1e}, y is {end[1]:.1e}")

# %% [markdown]
# And the other direction?

# %%
answer("steps_along_the_ravine", ...)

# %%
path = minimize(ravine.gradient, start, lr=0.04, steps=200)
print(f"y after one step: {path[1, 1]:.1e}")
print(
    f"x is below a hundredth of its start after {int((path[:, 0].abs() < 0.01 * abs(start[0])).int().argmax())} steps"
)

# %% [markdown]
# That is the trouble with one rate for all directions: the steep one sets the limit, and the flat one has to live with
# it.
#
# ## 4. Move it
#
# A bowl with curvature $L = 10$ one way and less the other; the second slider is the ratio $L/\mu$ of the larger to the
# smaller. **Find out: (1) at which rate does the path first diverge? Write it down, then compute 2/L. Does it depend on
# the ratio? (2) At ratio 9, at which rate do both directions shrink equally fast? (3) And at ratio 39? How many times
# as many steps does it then take to halve the distance?**

# %%
show.stability()

# %%
for ratio in (9, 39):
    flat = 10 / ratio
    best, limit = 2 / (10 + flat), max_stable_lr(torch.diag(torch.tensor([10.0, flat])))
    factor = 1 - best * flat
    print(f"ratio {ratio}: diverges from {limit:.3f} on; equally fast at {best:.3f}, there a step leaves {factor:.3f}")
    print(f"   of the distance, and it halves every {math.log(0.5) / math.log(factor):.2f} steps")

# %% [markdown]
# ## 5. The zigzag, and what it costs
#
# The ratio $\kappa = L/\mu$ is the **condition number**. At the rate that suits both ends best, $2/(L + \mu)$, where
# $1 - \eta\mu$ and $\eta L - 1$ are equal, each step multiplies the distance by $(\kappa - 1)/(\kappa + 1)$. Let us
# count how many steps it takes to bring the distance to a thousandth, on bowls that are more and more narrow, and
# compare:

# %%
conditions = [2.0**k for k in range(1, 11)]
counted, expected = [], []
for kappa in conditions:
    curvature = torch.tensor([1.0, kappa], dtype=torch.float64)
    path = minimize(lambda x, c=curvature: c * x, torch.ones_like(curvature), lr=2 / (1 + kappa), steps=8000)
    near = path.norm(dim=1) < 1e-3 * path[0].norm()
    counted.append(float(near.int().argmax()))
    expected.append(math.log(1e-3) / math.log((kappa - 1) / (kappa + 1)))
curves = {"counted": counted, "from the factor": expected}
show.lines(
    [math.log2(k) for k in conditions], curves, "log2 of the condition number", "steps to a thousandth", log=True
)

# %% [markdown]
# The two lines lie on each other: **the number of steps grows in proportion to the condition number**, twice as narrow,
# twice as long. (Nearly $\kappa/2$ steps for each factor of $e$.) The zigzag is that number made visible: against the
# gradient is straight down the wall, and hardly along the ravine:

# %%
for kappa in (1.0, 4.0, 25.0, 1000.0):
    at = torch.tensor([-1.0, 0.3], dtype=torch.float64)
    downhill = -torch.tensor([1.0, kappa], dtype=torch.float64) * at
    cosine = torch.nn.functional.cosine_similarity(downhill, -at, dim=0)
    angle = math.degrees(math.acos(min(1.0, float(cosine))))
    print(f"condition number {kappa:6g}: the step points {angle:.0f}° away from the minimum")

# %% [markdown]
# Three cures follow in this course: momentum (06) remembers the direction along the ravine, adaptive methods (07, 08)
# give every weight a rate of its own, and good units make the ravine rounder, which is next.
#
# ## 6. Past the toy: diabetes
#
# Ten measurements of each of 442 patients, and how far the disease had gone a year later. A linear model with the mean
# squared error: its loss *is* a bowl. The gradient is $2 X^\top (Xw - y) / n$ (chapter 02), so the Hessian is
# $2 X^\top X / n$, the same everywhere. And there is a *closed form*, which gives the lowest point without any walk. So
# everything can be checked:

# %%
diabetes = engine.diabetes(dtype=torch.float64)
X, y = diabetes.x_train, diabetes.y_train
closed = torch.linalg.lstsq(X, y.unsqueeze(1)).solution.squeeze(1)
hessian = 2 * X.T @ X / len(X)
curvatures = torch.linalg.eigvalsh(hessian)
limit = max_stable_lr(hessian)
print(diabetes)
print("curvatures", ", ".join(f"{c:.3f}" for c in curvatures.tolist()))
print(f"condition number {curvatures[-1] / curvatures[0]:.0f}, largest rate {limit:.4f}")

# %%
gradient = partial(linear_regression_gradient, X=X, y=y)
losses = {}
for share in (0.1, 0.5, 0.95, 1.05):
    path = minimize(gradient, torch.zeros_like(closed), lr=share * limit, steps=300)
    losses[f"{share} of 2/L"] = torch.stack([mse_loss(X @ w, y) for w in path]) - mse_loss(X @ closed, y)
show.loss_curves(losses, ylabel="loss above the lowest")

# %% [markdown]
# The limit is where the Hessian says. And the three lines that come down bend: fast at first, while the steep
# directions shrink, and slow afterwards, when only the flat one is left. At first 0.5 of the limit is ahead of 0.95,
# where the steepest direction still rings; later the larger rate is. How long until the *weights* are those of the
# closed form?

# %%
path = minimize(gradient, torch.zeros_like(closed), lr=0.95 * limit, steps=2000)
slowest = 1 - 0.95 * limit * float(curvatures[0])
for step in (10, 100, 1000, 2000):
    loss = float(mse_loss(X @ path[step], y) / mse_loss(X @ closed, y)) - 1
    off = float((path[step] - closed).norm() / closed.norm())
    print(f"step {step:5}: loss {100 * loss:.4f}% above the lowest, weights off by {100 * off:.4f}% of their length")
late = float((path[2000] - closed).norm() / (path[1000] - closed).norm())
print(f"from step 1000 to 2000 the distance shrinks to {late:.4f} of it; slowest factor ** 1000: {slowest**1000:.4f}")

# %% [markdown]
# After a hundred steps the loss is within half a per cent of the lowest, and the weights are still half their length
# away. Along a flat direction one may be far off, and the loss hardly knows. In the end it is the flattest direction
# alone that shrinks, by its own factor. Is what the last steps bring worth it on patients that the model has not seen?
# Five ways to split them, the loss on the test part, the closed form beside it:

# %%
rows = {10: [], 100: [], 1000: []}
for seed in range(5):
    data = engine.diabetes(seed, dtype=torch.float64)
    A, b = data.x_train, data.y_train
    rate = 0.95 * max_stable_lr(2 * A.T @ A / len(A))
    walk = minimize(
        lambda w, A=A, b=b: linear_regression_gradient(w, A, b), torch.zeros_like(A[0]), lr=rate, steps=1000
    )
    best = mse_loss(data.x_test @ torch.linalg.lstsq(A, b.unsqueeze(1)).solution.squeeze(1), data.y_test)
    for step, ratios in rows.items():
        ratios.append(float(mse_loss(data.x_test @ walk[step], data.y_test) / best))
for step, ratios in rows.items():
    print(f"step {step:4}: test loss {min(ratios):.3f} to {max(ratios):.3f} times that of the closed form")

# %% [markdown]
# Ten steps are too few in some splits. But after a hundred the model is as good as the exact one, to a per cent to
# either side, with weights that are half their length off: to walk on pays for nothing there (chapter 12 makes a method
# of that). For ten weights the closed form is the better tool all the same: it is exact and has no rate. But it needs a
# matrix with a row and a column for each weight, and a loss that is a bowl. A network has neither.
#
# ### Units are curvature
#
# The ten inputs had been standardised. Here are 13 measurements of wines, in the units of the laboratory and
# standardised. The Hessian of the squared error needs the inputs only:

# %%
wine = engine.wine(dtype=torch.float64)
raw = wine.x_train * wine.scale + wine.mean
for name, inputs in (("standardised", wine.x_train), ("as measured", raw)):
    eigenvalues = torch.linalg.eigvalsh(2 * inputs.T @ inputs / len(inputs))
    print(f"{name:13} condition number {eigenvalues[-1] / eigenvalues[0]:.2g}, largest rate {2 / eigenvalues[-1]:.2g}")

# %% [markdown]
# In other units, and counted from another zero, the condition number is two million times as large: the first thing to
# do for gradient descent is done before it starts. The rate itself has units, too. **Predict, then run:**

# %%
answer("rate_after_loss_times_1000", ...)

# %%
for factor, lr in ((1, 0.04), (1000, 0.04), (1000, 0.04 / 1000)):
    end = minimize(lambda x, factor=factor: factor * ravine.gradient(x), start, lr=lr, steps=10)[-1]
    print(f"loss times {factor}, lr {lr:g}: after 10 steps at ({end[0]:.4g}, {end[1]:.4g})")

# %% [markdown]
# ## 7. Where does the walk end?
#
# A bowl has one lowest point, and every walk that converges ends there. Such a surface, where a straight line between
# two of its points never runs below it, is called *convex*. The loss of a linear model is convex, that of a network is
# not. What changes? First, what can the end of a walk be? **Predict, then run:**

# %%
answer("where_the_gradient_is_zero", ...)

# %%
saddle = engine.SURFACES["saddle"]
for first in ((0.0, 0.0), (1.0, 0.0), (1.0, 1e-6), (0.0, 1.0)):
    at = torch.tensor(first, dtype=torch.float64)
    end = minimize(saddle.gradient, at, lr=0.05, steps=1000)[-1]
    print(f"from {first}: gradient of length {saddle.gradient(at).norm():.0f}, ends at ({end[0]:.3f}, {end[1]:.3f})")

# %% [markdown]
# On the saddle, as in the minimum, nothing moves. One line leads to it, and a walk on this line ends there; a millionth
# beside it, the walk leaves. (A computer's rounding is often enough to make that millionth.) Now 14,400 walks at once
# from a grid of starts, on each of three surfaces. Every start is coloured by where its walk ends:

# %%
ends = {}
for name, lr in (("bowl", 0.05), ("styblinski_tang", 0.01), ("himmelblau", 0.01)):
    surface = engine.SURFACES[name]
    xs, ys = (torch.linspace(low, high, 120) for low, high in surface.domain)
    starts = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1)
    last = minimize(surface.gradient, starts, lr=lr, steps=150)[-1]
    minima = torch.tensor(surface.minima)
    ends[name] = (xs, ys, (last.unsqueeze(-2) - minima).norm(dim=-1).argmin(dim=-1))
    heights = surface(minima).tolist()
    for k, (place, height) in enumerate(zip(surface.minima, heights, strict=True)):
        share = float((ends[name][2] == k).double().mean())
        where = f"({place[0]:.2f}, {place[1]:.2f})"
        print(f"{name:15} minimum {k} at {where}, height {height:.2f}: {100 * share:.0f}% of the starts")

# %%
xs, ys, which = ends["himmelblau"]
axes = {"y of the start": ys, "x of the start": xs}
show.heatmap(which.double(), axes, label="number of the minimum where it ends", best=None, title="Himmelblau")

# %%
xs, ys, which = ends["styblinski_tang"]
axes = {"y of the start": ys, "x of the start": xs}
show.heatmap(which.double(), axes, label="number of the minimum where it ends", best=None, title="Styblinski and Tang")

# %% [markdown]
# Each picture has four fields, one around each minimum, numbered as in the list; those of the first have curved
# borders, those of the second meet at right angles, since x and y do not know of each other there. From the bowl every
# walk ends at one place. The others are divided into *basins of attraction*, and the start alone decides. On
# Himmelblau's surface that does not matter, since its four minima have the same height. On the other, three of four are
# **local minima**: lowest in their neighbourhood and not of all, and most starts end in one of them. The walk has no
# way to know. A walk that starts exactly on the border of two basins goes into neither: it ends on a saddle, as above.
#
# A network's loss has many minima. Does the start decide there, too? The same network on digits, from ten starts
# (`engine.stacked` trains all ten at once):

# %%
digits = engine.digits()
how = {"loss": cross_entropy, "epochs": 300, "batch_size": len(digits.x_train), "seeds": range(10)}
stack = engine.stacked(lambda seed: engine.mlp([64, 32, 10], seed), gradient_descent, digits, lr=0.5, **how)
losses, right = stack.train_loss[:, -1], stack.accuracy[:, -1]
first = stack.weights["0.weight"].flatten(1)
before = stack.train_loss[:, -51]
print(f"training loss {losses.min():.4f} to {losses.max():.4f}")
print(f"50 steps before: {before.min():.4f} to {before.max():.4f}")
print(f"right on the validation images: {right.min():.1%} to {right.max():.1%}")
apart = (first[0] - first[1]).norm() / first[0].norm()
print(f"first layers of two of them: {100 * apart:.0f}% of their length apart")

# %% [markdown]
# Ten different places (two vectors of one length that have nothing to do with each other are 141% of it apart), and
# nearly one and the same loss. The start decides where the walk goes, and here hardly how low. (All images are used at
# each step, 300 steps in all, and the loss still falls.)
#
# ## 8. How it fails
#
# Five mistakes by the names that `check` gives them, on the bowl of diabetes at half of $2/L$:

# %%
known = exercise("gradient_descent")
wrong = {part.name: made(gradient_descent, part.change) for part in (*known.slips, *known.conventions)}
names = ["sign turned", "lr forgotten", "sign of the gradient alone", "gradient divided by its norm", "lr twice"]
curves = {}
for name in ("right", *names):
    rule, w, curve = wrong.get(name, gradient_descent), torch.zeros_like(closed), []
    for _ in range(60):
        curve.append(float(mse_loss(X @ w, y)))
        w, _ = rule(w, gradient(w), (), lr=0.5 * limit)
    curves[name] = torch.tensor(curve).clamp(max=100)
    print(f"{name:29} loss {curves[name][-1]:.4f} after 60 steps{' or more' if curves[name][-1] == 100 else ''}")
show.loss_curves(curves)

# %% [markdown]
# - *sign turned* walks uphill, *lr forgotten* takes steps beyond $2/L$: both leave the picture, and it is easy to see.
# - *lr twice* only looks like a small rate. The curve alone does not show it.
# - *sign of the gradient alone* and *gradient divided by its norm* take steps of one length, however near the minimum
#   is: they come down fast and then jump to and fro across it.
#
# And the two ways to get the *rate* wrong: too small is a curve that still falls when the training ends; too large is
# one that rises, or becomes `nan` (past the largest number that the computer can write), or, in a network, stays high
# and noisy. When in doubt, try rates at factors of 3, and look for the one at which it breaks.
#
# ## 9. Convention box
#
# - **Here and in torch:** `param - lr * grad`; `torch.optim.SGD(params, lr=lr)` is this rule, whatever part of the data
#   the gradient is from. The S, for *stochastic*, is about the data, and is chapter 04.
# - **Half the mean** of the squared errors, in many books: its gradient is half of ours, so twice the rate walks the
#   same path. **The sum** over $n$ rows: the rate divided by $n$.
# - **$L$** is the largest curvature here; books on optimisation define it as the Lipschitz constant of the gradient,
#   which on a bowl is the same number. Some state the safe rate as $1/L$, where no step jumps over; the limit is $2/L$.

# %%
start_w, lr = torch.zeros_like(closed), 0.5 * limit
ours = minimize(gradient, start_w, lr=lr, steps=100)[-1]
w = start_w.clone().requires_grad_()
optimizer = torch.optim.SGD([w], lr=lr)
for _ in range(100):
    optimizer.zero_grad()
    mse_loss(X @ w, y).backward()
    optimizer.step()
others = {"torch.optim.SGD": w.detach()}
half, whole = (lambda w: X.T @ (X @ w - y) / len(X)), (lambda w: 2 * X.T @ (X @ w - y))
others["half the mean, twice the rate"] = minimize(half, start_w, lr=2 * lr, steps=100)[-1]
others["the sum, the rate over n"] = minimize(whole, start_w, lr=lr / len(X), steps=100)[-1]
for name, end in others.items():
    torch.testing.assert_close(end, ours, rtol=1e-12, atol=1e-12)
    print(f"{name:30} largest difference after 100 steps {float((end - ours).abs().max()):.0e}")

# %% [markdown]
# ## 10. In practice
#
# - **Standardise** the inputs first.
# - **The rate** is what to tune first, always. There is no good default: it has the units of the weights over those of
#   the gradient. Where the Hessian is known, $2/L$ is the limit; in a network it changes as one walks.
# - **What it costs:** one gradient a step, and no memory beside the weights.
# - **What it is used for as it stands:** convex problems of moderate size. Networks are trained with parts of the data
#   (chapter 04), a rate that changes (05), memory (06) and a rate for each weight (07, 08), all of which are this rule
#   with something added.
#
# ## 11. Your turn
#
# In `exercises/03_gradient_descent.ipynb`, in this order:
#
# 1. `gradient_descent`: one line (1 point). It trains a network beside `torch.optim.SGD`, and you can move its rate.
# 2. `minimize`: the loop, and every point kept (2 points). It then walks from four neighbours into four valleys.
# 3. `max_stable_lr`: the limit, from the Hessian (1 point).
#
# **To remember:** each step multiplies the distance along a direction of curvature $\lambda$ by $1 - \eta\lambda$. The
# steepest direction sets the limit $2/L$, the flattest one the time, their ratio the price. Where there is more than
# one minimum, the start decides.
#
# ## 12. Sources
#
# - Cauchy (1847), "Méthode générale pour la résolution des systèmes d'équations simultanées", *Comptes Rendus* 25: the
#   method's first appearance.
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*: section 4.3 (gradient descent, and the step along an
#   eigenvector), 8.2 (what is hard about networks' losses).
# - Boyd and Vandenberghe (2004), *Convex Optimization*: section 9.3 (gradient descent, and its rate by the condition
#   number).
# - Efron, Hastie, Johnstone and Tibshirani (2004), "Least Angle Regression", *Annals of Statistics* 32: the data on
#   diabetes.
# - **To read next:** Goh (2017), "Why Momentum Really Works", *Distill*, because its first half takes the quadratic
#   apart direction by direction, in figures that move.
