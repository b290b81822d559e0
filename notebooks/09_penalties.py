# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Penalties: a price on large weights
#
# A model with many weights fits its training data, and with them their noise. What does it help to ask for small
# weights, why do some of them then become exactly 0, and which weights should be left alone?
#
# About 40 minutes. You need the mean squared error of chapter 01, the gradient of chapter 02, and gradient descent,
# `w - lr * gradient`. The penalty on squares is $\lambda \sum w^2$ here, without a half; torch and some books have it
# with one, and section 9 converts.

# %%
import dataclasses
import statistics

import torch
from torch.nn.functional import cross_entropy, mse_loss, softshrink

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference.gradient_descent import GradientDescentState, max_stable_lr
from coursekit.reference.penalties import ista_step, l1_penalty, l2_penalty, l2_penalty_gradient, soft_threshold
from coursekit.reference.rule import rule

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Forty weights, four of them true
#
# These data were made: each target is a sum of four columns, times 3, -2, 1.5 and 1, plus noise. Thirty-six more
# columns have nothing to do with it. There are 60 rows to learn from. *Least squares* finds the 40 weights with the
# smallest training error:

# %%
true = [3.0, -2.0, 1.5, 1.0] + [0.0] * 36
sparse = engine.linear(n=500, noise=1.0, weights=true, dtype=torch.float64)
X, y = sparse.x_train[:60], sparse.y_train[:60]
least_squares = torch.linalg.lstsq(X, y).solution
ways = {"true weights": sparse.weights, "least squares": least_squares}
ways["its first four"] = least_squares * (sparse.weights != 0)
for name, w in ways.items():
    error = mse_loss(sparse.x_test @ w, sparse.y_test)
    print(f"{name:14}  training error {mse_loss(X @ w, y):.2f}, error on rows never seen {error:.2f}")
show.lines(range(1, 41), {"true": sparse.weights, "least squares": least_squares}, "column", "weight", log=False)

# %% [markdown]
# On the training rows least squares beats the truth. On new rows it is more than twice as bad. Its first four weights
# are about right: alone, with the rest set to 0, they are as good as the truth. The harm comes from the other 36. None
# of them is large, but each is there because it helped to fit the noise of these 60 rows. This is *overfitting*.
# Nothing in the training error says that such a weight is unwanted. So we shall say it.
#
# ## 2. The idea
#
# **Add a price for the size of the weights to the loss, so that a weight stays only if it earns more than it costs.**
#
# $$L_{\text{total}} = L + \Omega$$
#
# $L$ is the loss of before and $\Omega$ the price, the *penalty*. Two prices are in use. The first is called *L2*, and
# *ridge* when the loss is the squared error of a line:

# %%
show.formula(l2_penalty)

# %% [markdown]
# The second is *L1*, with the name *lasso*:

# %%
show.formula(l1_penalty)

# %% [markdown]
# | symbol | in the code | what it is |
# |---|---|---|
# | $w_i$ | the numbers in `params` | the weights: every number of every tensor in the list |
# | $\lambda$ | `lam` | the price: how much loss a unit of size is worth (`lambda` is a word of Python's own) |
# | $\Omega$ | what is returned | one number, added to the loss |
#
# $\lambda = 0$ is no penalty; a very large $\lambda$ leaves hardly any weight. Which one in between is right the
# training error cannot say, since every price makes it larger. Rows that were not trained on decide, in section 6.
#
# ## 3. How a price pulls
#
# Training feels a penalty through its slope only. For the squares it is

# %%
show.formula(l2_penalty_gradient)

# %% [markdown]
# (Of the sum only one term has $w_i$ in it, and the slope of $w^2$ is $2w$.) A step of gradient descent on the penalty
# alone is $w - \eta \cdot 2\lambda w = (1 - 2\eta\lambda)\, w$: it multiplies each weight by a number a little below 1.
# Hence the other name of this penalty, *weight decay*.
#
# **Predict, then run.** Put your answer in place of `...`, run the cell and read what it says. Then run the next one.

# %%
answer("left_after_ten_steps", ...)

# %%
w, lr, lam = torch.ones(1, dtype=torch.float64), 0.1, 0.5
for step in range(1, 1001):
    w = w - lr * l2_penalty_gradient(w, lam=lam)
    if step in (1, 2, 10, 100, 1000):
        print(f"after {step:4} steps: {w.item():.4g}")

# %% [markdown]
# A thousand steps, and it is a small number, but still not 0. Now the other penalty:

# %%
answer("why_zeros", ...)

# %%
w = torch.linspace(-2, 2, 201, dtype=torch.float64, requires_grad=True)
penalties, slopes = {"L2, w^2": l2_penalty, "L1, |w|": l1_penalty}, {}
for name, penalty in penalties.items():
    (slopes[name],) = torch.autograd.grad(penalty([w], lam=1.0), w)
    print(f"{name}: slope {slopes[name][-1]:g} at w = 2, {slopes[name][101]:.2g} at w = 0.02")
show.lines(w.detach(), slopes, "weight", "slope of the penalty, at lam = 1", log=False)

# %% [markdown]
# The slope of the square goes through 0 in a straight line: it pulls hard at large weights and hardly at small ones.
# The slope of $|w|$ is $\lambda$ for every positive weight and $-\lambda$ for every negative one, however small. At 0
# it jumps: $|w|$ has a kink there. A straight line through the kink stays below $\lambda |w|$ if its slope is from
# $-\lambda$ to $\lambda$. Each of these numbers is called a *subgradient* there; torch takes 0.
#
# So what does gradient descent do with it? The weight is 1 again, and the loss does not care about it:

# %%
w, lr, lam = torch.ones(1, dtype=torch.float64, requires_grad=True), 0.1, 0.5
for step in range(1, 26):
    (slope,) = torch.autograd.grad(l1_penalty([w], lam=lam), w)
    w = (w - lr * slope).detach().requires_grad_()
    if step in (1, 2, 3) or step > 18:
        print(f"after {step:2} steps: {w.item():+.3g}")

# %% [markdown]
# It comes down by the same amount, $\eta\lambda = 0.05$, at each step, and then it does not stop. It misses 0 by a
# rounding error, the pull is at full strength there, and so it steps back and forth for ever.
#
# ## 4. The step that stops at 0
#
# The cure: when the step of the penalty would carry a weight past 0, leave it at 0.

# %%
show.formula(soft_threshold)

# %% [markdown]
# - $x$, `x`: a number, and `x.sign()`, `x.abs()` its sign and its size.
# - $\tau$, `threshold`: what is taken off the size. Of what would be less than 0, $\max(\cdot, 0)$ makes 0.
#
# The *soft threshold* is the exact answer to a small question: which $z$ makes $\tfrac12 (z - x)^2 + \tau |z|$
# smallest, a $z$ that is to be near $x$ but pays for its size? Above 0 the slopes are $z - x$ and $\tau$, which
# cancel at $z = x - \tau$. If that is below 0, there is no such place above 0 and the best is 0 itself. (Below 0 it
# is the same, mirrored.)

# %%
answer("best_weight_under_l1", ...)

# %%
z, x = torch.linspace(-4, 4, 8001, dtype=torch.float64), torch.linspace(-3, 3, 61, dtype=torch.float64)
loss = (z - x[:, None]) ** 2 / 2
best = {"no penalty": x, "with z^2": z[(loss + z**2).argmin(dim=1)], "with |z|": z[(loss + z.abs()).argmin(dim=1)]}
print(f"best z at x = 3: with z^2 {best['with z^2'][-1]:.3f}, with |z| {best['with |z|'][-1]:.3f}")
apart = (best["with |z|"] - soft_threshold(x, 1.0)).abs().max()
print(f"with |z|, the best of 8001 values and soft_threshold are {apart:.0e} apart")
show.lines(x, best, "x, where the loss alone is lowest", "z, where the sum is lowest", log=False)

# %% [markdown]
# These are the two penalties in one picture. The square makes every weight smaller by the same *factor*. The absolute
# value makes every weight smaller by the same *amount*, and what has less than this amount becomes 0. It shrinks the
# large ones too.
#
# In a step of training, the loss comes first and the penalty second: a step of gradient descent on the loss alone, then
# the soft threshold. As a step is $\eta$ times a pull, the threshold is $\eta\lambda$:

# %%
show.formula(ista_step)

# %% [markdown]
# - $g$, `grad`: the gradient of the loss *without* the penalty. $\eta$, `lr`: the learning rate.
# - $z$, `z`: where the loss alone would send the weight. $w'$, the returned line: the soft threshold of $z$.
#
# Its name is ISTA, *iterative shrinkage-thresholding algorithm*; a step of this kind is called *proximal*.

# %%
answer("steps_to_exactly_zero", ...)

# %%
w = torch.ones(1, dtype=torch.float64)
for step in range(1, 31):
    w = ista_step(w, torch.zeros_like(w), lr=0.1, lam=0.4)
    if step in (1, 2, 3) or step > 23:
        print(f"after {step:2} steps: {w.item():+.3g}")

# %% [markdown]
# And on the 40 weights of section 1, where the loss pulls as well. "Slope" adds $\lambda \operatorname{sign}(w)$ to the
# gradient (the *subgradient method*), "ISTA" takes the step above. The rate is half of the largest stable one
# (chapter 03). Drawn is the weight of column 9, which is one of the 36:

# %%
lam, lr = 0.3, float(max_stable_lr(2 * X.T @ X / len(X))) / 2
slope_path, ista_path = [X.new_zeros(40)], [X.new_zeros(40)]
for _ in range(100):
    w, v = slope_path[-1], ista_path[-1]
    slope_path.append(w - lr * (2 * X.T @ (X @ w - y) / len(X) + lam * w.sign()))
    ista_path.append(ista_step(v, 2 * X.T @ (X @ v - y) / len(X), lr=lr, lam=lam))
w, v = slope_path[-1], ista_path[-1]
print(f"slope: {int((w == 0).sum())} of 40 weights are 0; ISTA: {int((v == 0).sum())}")
print(f"the largest of these with slope: {w[v == 0].abs().max():.3f}; a step of the penalty: {lr * lam:.3f}")
curves = {"slope": torch.stack(slope_path)[:, 8], "ISTA": torch.stack(ista_path)[:, 8]}
show.lines(range(101), curves, "step", "weight of column 9", log=False)

# %% [markdown]
# ISTA brings the weight to 0 within twenty steps and holds it there. With the slope not one weight is 0. Those that
# should be are never at rest: they jump about 0, by steps of the length $\eta\lambda$ and what the loss adds to them.
# A smaller rate makes the jumps smaller, and does not end them.
#
# ## 5. Move it
#
# Two weights can be drawn. We take 265 patients with diabetes, two measurements of each (body mass index and a value
# of the blood serum, *s1*), and how far the disease had gone a year later. All three are standardised, so the mean
# squared error needs three numbers only: in the formula below, $b$ is the mean product of the two measurements, $c$
# and $d$ are those of each with the target. To be drawn, both ways of section 4 become update rules:


# %%
@rule(GradientDescentState)
def ista(param, grad, state, *, lr, lam=0.0):
    return ista_step(param, grad, lr=lr, lam=lam), state


@rule(GradientDescentState)
def slope(param, grad, state, *, lr, lam=0.0):
    return param - lr * (grad + lam * param.sign()), state


# %%
diabetes = engine.diabetes(dtype=torch.float64)
print(diabetes)
A = diabetes.x_train[:, [diabetes.features.index(name) for name in ("bmi", "s1")]]
bmi, s1 = (A.T @ diabetes.y_train / len(A)).tolist()
both = float(A[:, 0] @ A[:, 1]) / len(A)
surface = engine.Surface(
    "two weights",
    r"f(x, y) = x^2 + y^2 + 2\,b\,x\,y - 2\,(c\,x + d\,y) + 1",
    lambda x, y: x**2 + y**2 + 2 * both * x * y - 2 * (bmi * x + s1 * y) + 1,
    ((-0.2, 1.0), (-0.35, 0.55)),
    (0.9, 0.45),
    minima=(((bmi - both * s1) / (1 - both**2), (s1 - both * bmi) / (1 - both**2)),),
)

# %% [markdown]
# x is the weight of the body mass index, y that of *s1*. Colours and the curve at the right show the loss without the
# penalty; `gradient_descent`, which knows no penalty, goes to its minimum. **Find out, with the slider of lam: (1) at
# which value does the path of `ista` first end with y = 0? (2) At which is everything 0? (3) Then set lam in between
# and raise the rate: what does `slope` do that `ista` does not?** (Rules written in a notebook are "yours".)

# %%
show.playground(surface, rules=("gradient_descent", ista, slope), lr=(0.01, 0.5), hyper=("lam", (0.0, 1.2)), steps=60)

# %%
lams = [0.1, 0.15, 0.2, 1.1, 1.15, 1.2]
ends = engine.sweep(ista, surface, steps=300, lr=0.1, lam=lams).paths[:, -1]
for lam, (first, second) in zip(lams, ends, strict=True):
    print(f"lam {lam:4.2f}: ends at ({first:.4f}, {second:.4f})")
steepest = -surface.gradient(torch.zeros(2, dtype=torch.float64))
print(f"pull of the loss on the two weights at (0, 0): {steepest[0]:.3f} and {steepest[1]:.3f}")

# %% [markdown]
# (3) `slope` jumps to and fro across y = 0, further at a larger rate; `ista` lies still. And all is 0 from the
# $\lambda$ on at which the price is above the strongest pull of the loss at 0. That gives the upper end for any search:
# *the largest slope at zero weights*. The weight of *s1* goes earlier, and earlier than its own pull at (0, 0) says:
# once the body mass index has its weight, it has said most of what *s1* has to say.
#
# ## 6. All prices at once: the path of the weights
#
# Back to the 40 weights, and to all ten measurements of the patients, with 41 values of $\lambda$ from 0.001 to 10. For
# the squares there is a formula: where the slope of the sum is 0, $\tfrac{2}{n} X^\top (Xw - y) + 2\lambda w = 0$, a
# system of linear equations (`gram` is $X^\top X/n$, `pulls` is $X^\top y/n$). For $|w|$ there is none; ISTA runs for
# all 41 at once, a column of `W` each. What is left of the slope, and of ISTA's motion, says that both are there:

# %%
lams, paths = 10 ** torch.linspace(-3, 1, 41, dtype=torch.float64).to(X), {}
sets = {"sparse": (X, y, sparse), "diabetes": (diabetes.x_train, diabetes.y_train, diabetes)}
for name, (rows, target, _) in sets.items():
    gram, pulls, eye = rows.T @ rows / len(rows), rows.T @ target / len(rows), torch.eye(rows.shape[1]).to(X)
    ridge = torch.linalg.solve(gram + lams[:, None, None] * eye, pulls.expand(41, -1)).T
    W, lr = torch.zeros_like(ridge), float(max_stable_lr(2 * gram)) / 2
    for _ in range(8000):
        before, W = W, ista_step(W, 2 * (gram @ W - pulls[:, None]), lr=lr, lam=lams)
    left = 2 * (gram @ ridge - pulls[:, None]) + l2_penalty_gradient(ridge, lam=lams)
    print(f"{name}: slope left with L2 {left.abs().max():.0e}; last step of ISTA {(W - before).abs().max():.0e}")
    paths[name] = {"L2": ridge, "L1": W}

# %%
x, named = lams.log10(), {"L2": {}, "L1": {}}
for name, path in paths["sparse"].items():
    named[name] = {f"column {i + 1}": path[i] for i in range(4)}
    named[name] |= {"highest of the 36": path[4:].amax(dim=0), "lowest of the 36": path[4:].amin(dim=0)}
    print(f"{name}, zeros at lam 0.001, 0.01, 0.1, 1 and 10:", (path[:, ::10] == 0).sum(dim=0).tolist())
show.lines(x, named["L2"], "log10 of lam", "weight", title="Sparse, L2", log=False)

# %%
show.lines(x, named["L1"], "log10 of lam", "weight", title="Sparse, L1", log=False)

# %% [markdown]
# Read both from left to right, as the price rises. **With L2 all weights go down together and none arrives.** The true
# and the false shrink alike. **With L1 the false ones go to exactly 0 one after the other**, and for some prices the
# four true ones stand alone. Now the patients, with L1:

# %%
curves = dict(zip(diabetes.features, paths["diabetes"]["L1"], strict=True))
print(f"correlation of s1 and s2: {(diabetes.x_train[:, 4] * diabetes.x_train[:, 5]).mean():.2f}")
show.lines(x, curves, "log10 of lam", "weight", title="Diabetes, L1", log=False)

# %% [markdown]
# The last to leave are the body mass index and *s5*. *s1* begins as the largest in size, and is gone, as *s2* is, while
# the body mass index has hardly moved: the two say nearly the same, and at a low price they stand against each other.
# Which price is right? We look at the error on the validation rows, and mark the lowest:

# %%
pictures = {}
for task, (rows, target, data) in sets.items():
    errors, marks = {}, []
    for name, path in paths[task].items():
        errors[f"{name}, training"] = (rows @ path - target[:, None]).square().mean(dim=0)
        error = (data.x_validation @ path - data.y_validation[:, None]).square().mean(dim=0)
        errors[f"{name}, validation"], best = error, int(error.argmin())
        test, kept = mse_loss(data.x_test @ path[:, best], data.y_test), int((path[:, best] != 0).sum())
        print(f"{task}, {name}: best lam {lams[best]:.3f}, test error {test:.2f}, {kept} weights kept")
        marks.append((float(x[best]), float(error[best])))
    picture = show.lines(x, errors, "log10 of lam", "mean squared error", title=task.capitalize())
    picture.axes[0].plot(*zip(*marks, strict=True), "o", ms=11, mfc="none", mec="black", mew=2)
    pictures[task] = picture.say(f"{picture.describe()} Circles mark the lowest validation errors.")
pictures["sparse"]

# %%
pictures["diabetes"]

# %% [markdown]
# The training error rises with every price, so it cannot choose. The validation error of the sparse task falls, has a
# lowest place, and rises when the true weights are crushed as well. The best L1 line keeps more than the four true
# weights: to throw out more of the false ones it would have to shrink the true ones further. On the patients there is
# no valley: with this split of the data the lowest price tried is the best.
#
# ## 7. Past the toy
#
# ### When does which penalty help?
#
# Four tasks, ten seeds each (other rows, other noise, another split). *Sparse* is the task above. *Dense* is the same
# with 40 true weights of one size, and about the same sum of squares. Then there are the diabetes data, first as they
# are: ten measurements, 265 patients. Last, the same patients with all products of two measurements as further columns.
# Each penalty gets the same 25 values of $\lambda$, and each seed takes the one with the lowest validation error. Then
# the test rows, which nothing has looked at, are predicted. Printed: the median over the seeds, and the range.

# %%
tasks = {"sparse": [], "dense": [], "diabetes": [], "diabetes, products": []}
for seed in range(10):
    for name, weights in (("sparse", true), ("dense", [0.637, -0.637] * 20)):
        data = engine.linear(seed, n=500, noise=1.0, weights=weights, dtype=torch.float64)
        tasks[name].append(dataclasses.replace(data, x_train=data.x_train[:60], y_train=data.y_train[:60]))
    data = engine.diabetes(seed, dtype=torch.float64)
    tasks["diabetes"].append(data)
    pairs = torch.triu_indices(10, 10)
    i, j = pairs[:, (pairs != 1).any(dim=0)]  # without sex times sex: the square of two values says nothing new
    wide = [torch.cat((x, x[:, i] * x[:, j]), 1) for x in (data.x_train, data.x_validation, data.x_test)]
    mean, std = wide[0].mean(0), wide[0].std(0, correction=0)
    x_train, x_validation, x_test = ((x - mean) / std for x in wide)
    data = dataclasses.replace(data, x_train=x_train, x_validation=x_validation, x_test=x_test)
    tasks["diabetes, products"].append(data)

# %%
lams, tested, kept = 10 ** torch.linspace(-3, 1, 25, dtype=torch.float64).to(X), {}, {}
for name, sets in tasks.items():
    for data in sets:
        gram, pulls = (data.x_train.T @ part / len(data.x_train) for part in (data.x_train, data.y_train[:, None]))
        lr, W = float(max_stable_lr(2 * gram)) / 2, pulls.new_zeros(len(pulls), 25)
        for _ in range(500):
            W = ista_step(W, 2 * (gram @ W - pulls), lr=lr, lam=lams)
        ridge = torch.linalg.solve(gram + lams[:, None, None] * torch.eye(len(gram)).to(X), pulls.expand(25, -1, 1))
        plain = torch.linalg.lstsq(data.x_train, data.y_train[:, None]).solution
        for way, path in (("no penalty", plain), ("L2", ridge[:, :, 0].T), ("L1", W)):
            best = (data.x_validation @ path - data.y_validation[:, None]).square().mean(dim=0).argmin()
            tested.setdefault((name, way), []).append(float(mse_loss(data.x_test @ path[:, best], data.y_test)))
            kept.setdefault((name, way), []).append(int((path[:, best] != 0).sum()))

# %%
for (name, way), errors in tested.items():
    better = sum(error < other for error, other in zip(errors, tested[name, "no penalty"], strict=True))
    size = f"{statistics.median(kept[name, way]):4g} of {tasks[name][0].x_train.shape[1]} kept"
    spread = f"{statistics.median(errors):.2f} ({min(errors):.2f} to {max(errors):.2f})"
    print(f"{name:18} {way:10} test error {spread}; {size}; better than none in {better:2}")
for name in tasks:
    wins = sum(one < two for one, two in zip(tested[name, "L1"], tested[name, "L2"], strict=True))
    print(f"{name:18} L1 below L2 in {wins} of 10 seeds")

# %% [markdown]
# - **Sparse: L1 wins**, at every seed.
# - **Dense: L2 wins.** Here L1 has nothing to throw out, and does little or no good. (Without a penalty the errors
#   are those of the sparse task: what least squares adds to the noise does not depend on the true weights.)
# - **Diabetes as they are: neither wins.** Ten weights for 265 patients hardly overfit, so there is hardly anything to
#   gain; the ranges lie on top of each other.
# - **With the products:** now there are 64 weights, and without a penalty the extra columns do harm. Both penalties
#   help at every seed, L1 more than L2 in nine of ten. It brings the error back to about that of the ten columns alone.
#
# A penalty is a bet on what the true weights are like. It cannot win where the bet is wrong, or where the data are
# enough by themselves.
#
# ### A network
#
# A hundred images of digits, a network with 64 x 64 + 64 x 10 weights: it can learn them by heart. Five prices for each
# penalty, five seeds, all at one rate, since the rule is the same; L2 by torch's `weight_decay` (section 9), L1 by
# `ista` on the weights; the biases are left alone (section 8).

# %%
digits = engine.digits()
small = dataclasses.replace(digits, x_train=digits.x_train[:100], y_train=digits.y_train[:100])
settings, results = {"loss": cross_entropy, "epochs": 100, "batch_size": 25, "progress": False}, {}

# %%
for lam in (0.0, 3e-4, 1e-3, 3e-3, 1e-2):
    for way in ("L2", "L1"):
        for seed in range(5):
            model = engine.mlp([64, 64, 10], seed)
            weights, biases = ([p for p in model.parameters() if (p.dim() > 1) == big] for big in (True, False))
            price = {"lam": lam} if way == "L1" else {"weight_decay": 2 * lam}
            groups = [{"params": weights, **price}, {"params": biases}]
            optimizer = engine.Optimizer(groups, ista, lr=0.1) if way == "L1" else torch.optim.SGD(groups, lr=0.1)
            run = engine.train(model, optimizer, small, seed=seed, **settings)
            zeros = sum(int((p == 0).sum()) for p in weights) / sum(p.numel() for p in weights)
            right = (model(digits.x_test).argmax(dim=1) == digits.y_test).double().mean()
            results.setdefault((way, lam), []).append((run.validation_loss[-1], zeros, float(right)))

# %%
for (way, lam), runs in results.items():
    (_, loss, _), (_, zeros, _), (low, right, high) = (
        (min(column), statistics.median(column), max(column)) for column in zip(*runs, strict=True)
    )
    said = f"validation loss {loss:.3f}; {zeros:4.0%} of the weights 0"
    print(f"{way} lam {lam:<6g} {said}; test {right:.1%} right, from {low:.1%} to {high:.1%}")

# %% [markdown]
# **Here the penalties do not win.** With L2 the accuracy stays where it was without a penalty, within the spread of the
# seeds. With L1 it falls as the price rises, slowly at first. What L1 does bring is zeros: at 0.003 they are more than
# half of the weights, for about one answer in a hundred. For better answers small weights are not enough; chapters 11
# and 12 try other ways.
#
# ## 8. How it fails
#
# ### The bias is punished too
#
# A line has a bias, which says where 0 is. Let us write the same targets on a scale whose zero lies 2 lower. Nothing
# about the patients has changed. With $\lambda = 0.3$, the bias in the penalty or not:

# %%
ones = [torch.cat((x, torch.ones_like(x[:, :1])), 1) for x in (diabetes.x_train, diabetes.x_test)]
for moved in (0.0, 2.0):
    target = diabetes.y_train + moved
    for who in ("bias left alone", "bias punished"):
        price = 0.3 * torch.eye(11).to(X)
        price[10, 10] *= who == "bias punished"
        w = torch.linalg.solve(ones[0].T @ ones[0] / len(target) + price, ones[0].T @ target / len(target))
        off = (ones[1] @ w - diabetes.y_test - moved).mean()
        error = mse_loss(ones[1] @ w, diabetes.y_test + moved)
        print(f"targets + {moved:g}, {who:15}: test error {error:.3f}, predictions off by {off:+.3f} on average")

# %% [markdown]
# Left alone, the bias takes up the shift. Punished, it is drawn to 0, and all predictions are too low. No price for
# *large* weights was meant to say that the mean is 0.
#
# ### The norms are punished too
#
# *Batch norm* standardises each unit within the batch, multiplies it by a weight of its own, $\gamma$, which starts
# at 1, and adds a bias. What stands before it may have any size:

# %%
layer = engine.mlp([64, 32], dtype=torch.float64)
norm = torch.nn.BatchNorm1d(32, eps=1e-12, dtype=torch.float64, device=engine.device())
weight, images = layer[0].weight.detach().clone(), digits.x_train.double()
for factor in (1.0, 0.1):
    layer[0].weight.data = factor * weight
    outputs = norm(layer(images)).detach()
    cost, first = l2_penalty([layer[0].weight.detach()], lam=0.01), outputs[0, :5].tolist()
    print(f"weights x {factor}: penalty {cost:.5f}, outputs", "  ".join(f"{value:+.6f}" for value in first))

# %% [markdown]
# A tenth of the weights, a hundredth of the penalty, and the same outputs. Before a norm a penalty does not hold the
# function back. (It changes how large a step is, compared with the weights: van Laarhoven 2017.) $\gamma$ is the number
# that does have a say, and it gives way when punished too. Digits, two hidden layers with batch norm, three seeds:

# %%
lowest = {}
for who in ("weights", "weights, norms and biases"):
    for lam in (0.001, 0.003, 0.01, 0.03):
        for seed in range(3):
            parts, norms = engine.mlp([64, 32, 32, 10], seed), [torch.nn.BatchNorm1d(32) for _ in range(2)]
            model = torch.nn.Sequential(parts[0], norms[0], *parts[1:3], norms[1], *parts[3:]).to(engine.device())
            groups = [{"params": [p for p in model.parameters() if (p.dim() > 1) == big]} for big in (True, False)]
            groups[1]["weight_decay"] = 0.0 if who == "weights" else 2 * lam
            optimizer = torch.optim.SGD(groups, lr=0.1, weight_decay=2 * lam)
            run = engine.train(model, optimizer, digits, seed=seed, **settings | {"epochs": 20, "batch_size": 64})
            gamma = float(model[1].weight.detach().abs().mean())
            ended = run.train_loss[-1], run.validation_loss[-1], run.accuracy[-1], gamma
            lowest.setdefault((who, lam), []).append(ended)

# %%
print("punished                      lam    training loss  validation loss  accuracy  gamma")
for (who, lam), runs in lowest.items():
    loss, validation, right, gamma = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"{who:26} {lam:6g} {loss:14.3f} {validation:16.3f} {right:10.1%} {gamma:6.2f}")

# %% [markdown]
# At the small prices, which suit this network best, there is hardly a difference. At the largest, $\gamma$ has shrunk
# to a small part of its 1, what passes through the layers with it, and the losses of *both* parts are far higher than
# with the weights alone: that is not less overfitting but a network that may not be sure. (The accuracy hardly changes,
# as the largest score stays the largest.) So leave biases and norms out: punish what has two dimensions or more,
# `p.dim() > 1`.
#
# ### Mistakes in the code
#
# Four mistakes in the penalty, by the names that `check` gives them (`made` edits the reference). The line
# of section 1 gets 300 steps of gradient descent on the error plus the penalty. For each, the size of the weights
# (the root of the sum of squares) and the error on the test rows:

# %%
known = exercise("l2_penalty")
wrong = {part.name: made(l2_penalty, part.change) for part in (*known.slips, *known.conventions)}
gram, pulls = X.T @ X / len(X), X.T @ y / len(X)
for name in ("right", "gradient cut off", "mean over all weights", "weights not squared", "sign turned"):
    w = X.new_zeros(40, requires_grad=True)
    for _ in range(300):
        total = mse_loss(X @ w, y) + wrong.get(name, l2_penalty)([w], lam=0.05)
        (grad,) = torch.autograd.grad(total, w)
        w = (w - 0.1 * grad).detach().requires_grad_()
    test = mse_loss(sparse.x_test @ w, sparse.y_test)
    print(f"{name:22} total {total.item():6.3f}   size of the weights {w.norm().item():.2f}   test error {test:.2f}")

# %% [markdown]
# - *gradient cut off* (`.detach()`, `.item()`) adds the right number to the loss, and the weights never hear of it:
#   they are those without any penalty. The total looks as it should.
# - *mean over all weights* is a penalty with a $\lambda$ 40 times smaller. Nothing breaks; it hardly acts.
# - *weights not squared* pulls every weight down by the same amount, the negative ones away from 0.
# - *sign turned* pays for large weights. Along directions where the data say little, nothing holds them.
#
# Now the step. The right one comes to the same weights at any stable rate, since the rate decides how fast one walks
# and not where to. 300 steps at two rates:

# %%
known = exercise("ista_step")
wrong = {part.name: made(ista_step, part.change) for part in known.slips}
for name in ("right", "threshold without lr", "shrunk before the step", "slope of the penalty", "hard threshold"):
    said = []
    for lr in (0.15, 0.05):
        w = X.new_zeros(40)
        for _ in range(300):
            w = wrong.get(name, ista_step)(w, 2 * (gram @ w - pulls), lr=lr, lam=0.3)
        said.append(f"lr {lr}: {int((w == 0).sum()):2} zeros, first weight {w[0]:.3f}")
    print(f"{name:23} {';  '.join(said)}")

# %% [markdown]
# A *hard threshold* sets to 0 what is within it and takes nothing off the rest. It and *threshold without lr* end
# elsewhere at another rate: they answer a question that contains the rate. *shrunk before the step* and *slope of the
# penalty* have no zeros, since the last thing that happens to a weight is a step that moves it.
#
# ### Columns in other units
#
# A penalty compares weights with each other, so they must be comparable. Let *s5* be written in units ten times as
# large, so that its numbers are a tenth: its weight must be ten times as large, and costs that much more.

# %%
place, lam = diabetes.features.index("s5"), 0.2
for factor in (1.0, 0.1):
    scale = torch.ones(10).to(X)
    scale[place] = factor
    x, target = diabetes.x_train * scale, diabetes.y_train
    lr, w = float(max_stable_lr(2 * x.T @ x / len(x))) / 2, x.new_zeros(10)
    for _ in range(2000):
        w = ista_step(w, 2 * x.T @ (x @ w - target) / len(x), lr=lr, lam=lam)
    test = mse_loss(diabetes.x_test * scale @ w, diabetes.y_test)
    names = ", ".join(name for name, weight in zip(diabetes.features, w, strict=True) if weight != 0)
    print(f"s5 times {factor:g}: test error {test:.3f}, kept {names}")

# %% [markdown]
# The price has thrown out *s5* because of its unit, two other measurements stand in for it, and the error is higher.
# Without a penalty the unit makes no difference to the predictions. So: standardise the inputs first.
#
# ## 9. Convention box
#
# - **Here** and in many lecture notes: $\lambda \sum w^2$, slope $2\lambda w$.
# - **Goodfellow and others**: $\tfrac{\alpha}{2} \sum w^2$, slope $\alpha w$.
# - **torch** has no penalty but `weight_decay`: it adds `weight_decay * w` to the gradient.

# %%
answer("weight_decay_for_lam", ...)

# %% [markdown]
# The largest difference after 200 steps with noisy gradients in double precision, without and with momentum. With
# momentum it matters that torch adds the decay *before* the running sum, as a penalty in the loss does; "decay after"
# shrinks the weight beside the momentum step:

# %%
noise, lam, lr = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)).double(), 0.5, 0.1
decays = {"penalty": 0.0, "2 lam": 2 * lam, "lam": lam, "decay after": 0.0}
for beta in (0.0, 0.9):
    ends = {}
    for name, decay in decays.items():
        w = torch.ones(6, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=lr, momentum=beta, weight_decay=decay)
        for grad in noise:
            before = w.detach().clone()
            w.grad = grad + l2_penalty_gradient(before, lam=lam) * (name == "penalty")
            optimizer.step()
            w.data -= lr * 2 * lam * before * (name == "decay after")
        ends[name] = w.detach()
    torch.testing.assert_close(ends["2 lam"], ends["penalty"], rtol=0, atol=1e-12)
    print(f"momentum {beta}:", {name: f"{float((w - ends['penalty']).abs().max()):.1e}" for name, w in ends.items()})

# %% [markdown]
# `weight_decay = 2 * lam` is the penalty to rounding. "decay after" is the same without momentum, and another rule with
# it. In `torch.optim.Adam` the decay is divided by the size of the gradient like everything else, and `AdamW` is a
# third rule; chapter 10 is about these two.
#
# Other libraries count the loss otherwise. scikit-learn's `Ridge` takes the *sum* of squared errors plus
# $\alpha \sum w^2$; its `Lasso` takes half the mean plus $\alpha \sum |w|$. So:
#
# | here (mean of the squared errors) | elsewhere | conversion |
# |---|---|---|
# | `l2_penalty`, `lam` | torch, `weight_decay` | 2 lam |
# | | Goodfellow's $\alpha$ | 2 lam |
# | | scikit-learn `Ridge(alpha)` | n lam, with n rows |
# | `l1_penalty`, `lam` | scikit-learn `Lasso(alpha)` | lam / 2 |
# | `soft_threshold(x, threshold)` | torch, `softshrink(x, lambd)` | the same number |

# %%
from sklearn.linear_model import Lasso, Ridge

rows, targets, lam = X.cpu(), y.cpu(), 0.3
n, gram, pulls = len(rows), rows.T @ rows / len(rows), rows.T @ targets / len(rows)
ridge, lasso = torch.linalg.solve(gram + lam * torch.eye(40).double(), pulls), torch.zeros(40, dtype=torch.float64)
for _ in range(3000):
    lasso = ista_step(lasso, 2 * (gram @ lasso - pulls), lr=0.15, lam=lam)
theirs = Ridge(alpha=n * lam, fit_intercept=False).fit(rows.numpy(), targets.numpy()).coef_
other = Lasso(alpha=lam / 2, fit_intercept=False, tol=1e-14).fit(rows.numpy(), targets.numpy()).coef_
pairs = {"Ridge": (ridge, theirs), "Lasso": (lasso, other)}
pairs["softshrink"] = soft_threshold(noise, 0.7), softshrink(noise, 0.7)
for name, (ours, others) in pairs.items():
    torch.testing.assert_close(ours, torch.as_tensor(others), rtol=0, atol=1e-12)
    print(f"{name:10} largest difference {(ours - torch.as_tensor(others)).abs().max():.0e}")

# %% [markdown]
# The traps: `weight_decay=lam` is half the penalty, and raises no error. `Ridge` has $n\lambda$, so an $\alpha$ that
# suits 60 rows is another price for 600.
#
# ## 10. In practice
#
# - **Which?** L2 as a habit: it is smooth and costs next to nothing. L1 when you want to know which inputs matter, or
#   zeros that can be left out, and believe that few of many count. Both at once are called *elastic net*.
# - **What to tune:** $\lambda$, in factors of about three, by the error on validation rows, without the penalty in
#   it: sums at different prices cannot be compared. For L1 start at the largest slope at zero weights (section 5) and
#   go down.
# - **What to leave alone:** biases and norms.
# - **What it costs:** a multiplication for each weight, with ISTA a comparison too, and no memory.
#
# ## 11. Your turn
#
# In `exercises/09_penalties.ipynb`, in this order:
#
# 1. `l2_penalty` and `l1_penalty`: one line each (1 point each). They go into a loss on the diabetes data: does your L2
#    penalty do what `weight_decay` does, and does your L1 penalty give a zero?
# 2. `l2_penalty_gradient`: one line (1 point), beside autograd's.
# 3. `soft_threshold`: one line, if you like (2 points). It takes the noise out of a signal.
# 4. `ista_step`: two lines (2 points). It looks for ten measurements among thirty columns of noise.
#
# **To remember:** L2 shrinks by a factor and makes nothing 0. L1 takes off an amount, and makes zeros when the step
# stops there. `weight_decay = 2 * lam`. Standardise, leave biases and norms alone, and choose $\lambda$ on rows that
# were not trained on.
#
# ## 12. Sources
#
# - Hastie, Tibshirani and Friedman (2009), *The Elements of Statistical Learning*, 2nd edition: section 3.4.1 (ridge;
#   why inputs are standardised and the intercept is left out), 3.4.2 (lasso), 3.4.3 (the two compared, with the factor,
#   the amount, and the classic figure of contours).
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*: section 7.1 (penalties, and why biases are left alone),
#   7.1.1 (L2), 7.1.2 (L1).
# - Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso", *Journal of the Royal Statistical Society B*
#   58(1). Hoerl and Kennard (1970), "Ridge Regression", *Technometrics* 12(1).
# - Beck and Teboulle (2009), "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems", *SIAM
#   Journal on Imaging Sciences* 2(1), section 1 (ISTA).
# - van Laarhoven (2017), "L2 Regularization versus Batch and Weight Normalization", arXiv:1706.05350.
# - Efron, Hastie, Johnstone and Tibshirani (2004), "Least Angle Regression", *Annals of Statistics* 32(2): the diabetes
#   data, with the products too.
# - **To read next:** Hastie, Tibshirani and Wainwright (2015), *Statistical Learning with Sparsity*, chapter 2, because
#   it shows how soft thresholds, one weight after the other, find the lasso without a rate to choose.
