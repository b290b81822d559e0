# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # AdamW: decay beside the step
#
# A penalty keeps the weights of a network from growing larger than they need to. Added to the gradient, as in chapter
# 09, it shrinks all weights alike under gradient descent. Under Adam it does not. What goes wrong, what does AdamW do
# about it, and are the networks better for it?
#
# About 35 minutes. You need Adam (chapter 08). Of chapter 09 you need one thing: a penalty on the squares of the
# weights pulls each weight towards 0 in proportion to its size. Here it is written with torch's half,
# $\tfrac{\lambda}{2}\sum w^2$, so that its gradient is $\lambda w$: chapter 09's $\lambda$ is half of this one. In code
# it is called `weight_decay`.

# %%
import dataclasses
import math
import statistics

import torch
from torch.nn.functional import cross_entropy

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.adamw import adam_l2, adamw

torch.set_num_threads(1)  # these networks are too small to be shared between cores

# %% [markdown]
# ## 1. One penalty, two weights
#
# Two weights start at 1. The loss pulls neither of them anywhere: its gradient changes its sign at every step, as that
# of mini-batches does where there is nothing left to learn. For one weight it is 10 and -10 in turn, for the other 0.1
# and -0.1. Both have the same penalty, whose gradient is added to that of the loss. Gradient descent makes both
# smaller. And Adam? Call it `adam_l2` when the gradient of the penalty is added to that of the loss. **Predict, then
# run.** Put your answer in place of `...`, run the cell, and read what it says. Then run the next one.

# %%
answer("which_weight_decays_under_adam_l2", ...)

# %%
curves, decay = {}, 0.1
for name in ("gradient_descent", "adam"):
    rule, path = RULES[name], []
    param = torch.ones(2, dtype=torch.float64)
    state = rule.init(param)
    for step in range(400):
        grad = (-1) ** step * torch.tensor([10.0, 0.1], dtype=torch.float64) + decay * param
        param, state = rule(param, grad, state, lr=0.01)
        path.append(param)
    for size, weight in zip(("10", "0.1"), torch.stack(path).T, strict=True):
        curves[f"{name}, gradients of {size}"] = weight
show.lines(range(1, 401), curves, "step", "size of the weight", log=False)

# %%
for name, weight in curves.items():
    print(f"{name}: {weight[-2:].mean():.3f} in the last two steps")

# %% [markdown]
# Gradient descent takes the same share from both, $\eta\lambda = 0.001$ at each step. (The weight with the large
# gradients jumps to and fro by 0.1 meanwhile, which is the loss's doing: the band. Its first jump goes down, so its
# middle starts at 0.95.) Adam nearly spares one of them and takes the other almost whole. It spares the one with the
# large gradients. Why?
#
# ## 2. The idea
#
# **Adam divides the gradient of each weight by its usual size, and what was added to the gradient is divided with it.
# AdamW takes the decay out of the gradient, and shrinks every weight by the same share beside Adam's step.**
#
# $$\theta_t = (1 - \eta\lambda)\, \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}$$
#
# | symbol | code | what it is |
# |---|---|---|
# | $\theta$ | `param` | the weights |
# | $\eta$ | `lr` | the learning rate |
# | $\lambda$ | `weight_decay` | the decay: a step takes the share $\eta\lambda$ of each weight |
# | $\hat m_t$, $\hat v_t$ | `m_hat`, `v_hat` | Adam's running means of the gradient and of its square, corrected |
# | $\epsilon$ | `eps` | keeps the division from being one by 0 |
#
# In the code, look for the place where `weight_decay` stands. First the penalty in the gradient, called `adam_l2` here,
# then AdamW:

# %%
show.formula(adam_l2)

# %%
show.formula(adamw)

# %% [markdown]
# One line has gone and one has changed. In `adam_l2` the decay enters at the top and passes through both means and the
# division. In `adamw` the means know of the loss alone.
#
# ## 3. How much is taken?
#
# A weight that the loss leaves alone, first for one step under both rules:

# %%
answer("first_step_of_decay_through_adam", ...)

# %%
for rule in (adam_l2, adamw):
    param = torch.ones((), dtype=torch.float64)
    param, _ = rule(param, 0 * param, rule.init(param), lr=0.1, weight_decay=0.01)
    print(f"{rule.__name__}: {param:.4f}")

# %%
answer("left_after_a_thousand_steps", ...)

# %%
param = torch.ones((), dtype=torch.float64)
state = adamw.init(param)
for step in range(1, 2001):
    param, state = adamw(param, 0 * param, state, lr=0.01, weight_decay=0.1)
    if step in (500, 1000, 2000):
        print(f"after {step} steps {param:.3f} is left; exp(-0.001 * {step}) = {math.exp(-0.001 * step):.3f}")

# %% [markdown]
# So a decay has a clock of its own: after $1/(\eta\lambda)$ steps, about a third is left of what the loss does not
# renew. And where the loss does pull, as in section 1? Thirty-one weights of 1, with gradients from 0.001 to 1000 that
# change their sign at every step, walk a hundred steps with the decay and without it. By how much do the two differ,
# for each step?

# %%
sizes = torch.logspace(-3, 3, 31, dtype=torch.float64)
taken = {}
for rule in (adam_l2, adamw):
    ends = []
    for decay in (0.0, 0.1):
        param = torch.ones_like(sizes)
        state = rule.init(param)
        for step in range(100):
            param, state = rule(param, (-1) ** step * sizes, state, lr=0.001, weight_decay=decay)
        ends.append(param)
    taken[rule.__name__] = (ends[0] - ends[1]) / 100
show.lines(sizes.log10(), taken, "log10 of the size of the gradients", "taken by the decay in a step", log=True)

# %%
for place in (0, 10, 15, 20, 25):
    size = float(sizes[place])
    print(f"gradients of {size:5g}: adam_l2 takes {taken['adam_l2'][place]:.1e} a step, "
          f"lr * weight_decay / size = {0.0001 / size:.1e}; adamw takes {taken['adamw'][place]:.1e}")  # fmt: skip

# %% [markdown]
# Under AdamW the line is flat: every weight loses the share $\eta\lambda$. Under `adam_l2`, where the gradients are
# larger than the penalty's own, it is about $\eta\lambda$ **divided by their size**: one falls as the other grows. On
# the far left the penalty is all that the gradient holds, and Adam makes a step of length $\eta$ of it, however small
# it is. So with `adam_l2` the number that you chose, `weight_decay`, says little about what happens to a weight.
#
# ## 4. Move it
#
# Himmelblau's surface has four minima of the same depth; none lies at the origin. Both rules start from one place, and
# the second slider is the decay. It opens with a decay of 1, where AdamW does not come to a minimum. **Find out: (1)
# with no decay, do the two paths differ? (2) How small must the decay be for AdamW to come near its minimum too? (3)
# Where does it end at the largest rate and the largest decay, and what is 1 / weight_decay there?**

# %%
show.playground("himmelblau", ("adam_l2", "adamw"), lr=(0.02, 0.2), hyper=("weight_decay", (0.0, 2.0)), steps=150)

# %%
surface = engine.SURFACES["himmelblau"]
start = torch.tensor(surface.start, dtype=torch.float64)
print("weight_decay                 0               0.2             0.3             2")
for rule in (adam_l2, adamw):
    for steps in (1000, 16000):
        ends = engine.sweep(rule, surface, start, steps=steps, keep="last", lr=0.02, weight_decay=[0.0, 0.2, 0.3, 2.0])
        places = "  ".join(f"({x:5.2f}, {y:5.2f})" for x, y in ends.paths[:, -1].tolist())
        print(f"{rule.__name__:7}, {steps:5} steps, at {places}")

# %% [markdown]
# `adam_l2` walks down to where loss *and penalty* together are lowest. The surface is steep, with slopes of tens, and a
# penalty of this size hardly moves its minimum. AdamW does not minimise that sum. It rests where Adam's step and the
# shrinking cancel: where $|\hat m|/\sqrt{\hat v} = \lambda\,|\theta|$. When a weight has stood still for long, both
# means are those of one and the same gradient, and the left side is 1, however steep or flat the loss is. So it stands
# either where the loss has no slope at all, or where $|\theta| = 1/\lambda$. **A weight at rest is not beyond
# $1/\lambda$.** With a decay of 0.2 this is 5: the minimum at -3.78 lies within, and AdamW comes to the minimum of the
# loss *alone*, but slowly, as $\hat v$ forgets the steep slopes of the way. With 0.3 it is 3.33, with 2 it is 0.5:
# there it stops. A decay above 1 / 3.78 = 0.26 shuts this minimum out. The same for a loss that pulls without end:

# %%
for pull in (0.01, 100.0):
    for decay in (0.1, 0.5):
        param = torch.zeros((), dtype=torch.float64)
        state = adamw.init(param)
        for _ in range(5000):
            param, state = adamw(param, torch.full_like(param, -pull), state, lr=0.02, weight_decay=decay)
        print(f"pulled by {pull:g}, weight_decay {decay:g}: rests at {param:.3f}; 1 / weight_decay = {1 / decay:g}")

# %% [markdown]
# Xie and Li (2024) prove it for gradients without noise: where AdamW converges, it does so within the box
# $|\theta_i| \le 1/\lambda$, at a place from which no direction inside the box leads downhill. A penalty makes large
# weights dear; AdamW's decay draws a fence.
#
# ## 5. Past the toy: 540 networks
#
# Does it make better networks? A network with one hidden layer learns digits from 200 images only, so that it can learn
# them by heart and needs a brake. We train it with every combination of nine rates and ten decays, with three seeds
# each, under both rules. (`engine.grid` trains them all at once; each ends where it would have ended alone.)

# %%
digits = engine.digits()
few = dataclasses.replace(digits, x_train=digits.x_train[:200], y_train=digits.y_train[:200])
how = {"loss": cross_entropy, "epochs": 30, "batch_size": 50}
rates, decays = torch.logspace(-3.5, -0.5, 9), torch.logspace(-4, 1, 10)
grids = {}
for rule in (adam_l2, adamw):
    grids[rule.__name__] = engine.grid(
        lambda seed: engine.mlp([64, 64, 10], seed), rule, few, seeds=[0, 1, 2], lr=rates, weight_decay=decays, **how
    )
    print(grids[rule.__name__])

# %%
show.heatmap(grids["adam_l2"], title="Adam, the decay in the gradient (adam_l2)")

# %%
show.heatmap(grids["adamw"], title="AdamW, the decay beside the step")

# %% [markdown]
# Both axes go up by about the same factor from cell to cell. Look at where the dark cells lie, and which decay is best
# for each rate:

# %%
for name, found in grids.items():
    best = found.median().min(dim=1)
    print(name)
    for lr, loss, place in zip(rates, best.values, best.indices, strict=True):
        print(f"   lr {lr:.4f}: best decay {decays[place]:.4f}, validation loss {loss:.3f}")

# %% [markdown]
# (At the lowest rates nothing is learned by heart in 30 epochs, and no brake is wanted.) Two things can be read here.
# **The useful decays are other numbers.** From a rate of 0.004 to one of 0.06 those of `adam_l2` are some fifty to six
# hundred times smaller, since they are divided by gradients that get small as the images are learned. So a setting from
# a paper on one of the two is of no use for the other. **And from a rate of 0.004 on, the best decay of AdamW stays
# where it is to a factor of 4,** while that of `adam_l2` wanders over a factor of more than 40. (It does so at the two
# highest rates, where `adam_l2` does badly and AdamW with its decay still does well. Up to 0.06 both stay within a
# factor of 4.) That was the promise of AdamW's authors (their figures 1 and 2): the two can be tuned one after the
# other.
#
# Which is better? Each rule takes its best cell, which was chosen on the validation images, and trains with ten seeds
# that the choice has not seen; the test images are used for this only. Beside them Adam without any decay, at the rate
# that is best with the smallest decay of the grid:

# %%
contenders = {name: found.best() for name, found in grids.items()}
none = grids["adamw"].median()[:, 0]
contenders["adam"] = {"lr": float(rates[int(none.argmin())])}
final = dataclasses.replace(few, x_validation=digits.x_test, y_validation=digits.y_test)
for name, hyper in contenders.items():
    runs = engine.stacked(
        lambda seed: engine.mlp([64, 64, 10], seed), RULES[name], final, seeds=range(10, 20), **hyper, **how
    )
    loss, right = runs.validation_loss[:, -1].tolist(), (100 * runs.accuracy[:, -1]).tolist()
    print(f"{name:8} test loss {statistics.median(loss):.3f} ({min(loss):.3f} to {max(loss):.3f}); "
          f"{statistics.median(right):.1f}% right ({min(right):.1f} to {max(right):.1f})")  # fmt: skip

# %% [markdown]
# In the median a brake helps the loss, by either rule. But it is not AdamW that is ahead here: the medians are close,
# the ranges overlap, and AdamW's best cell lies at so high a rate that a seed can go wrong there. (The grid's own line
# says so, with the range of its three seeds; a median of three hides it.) Under `adam_l2` a size that all gradients
# have in common is only a factor in the decay, and tuning makes up for that. What AdamW gives for certain is a decay
# that is the same share for every weight and every loss.
#
# ## 6. How it fails
#
# Four mistakes, by the names under which `check` knows them, with five seeds, at a good setting of AdamW at an everyday
# rate:

# %%
known = exercise("adamw")
wrong = {part.name: made(adamw, part.change) for part in (*known.slips, *known.conventions)}
hyper, best = {"lr": 0.01, "weight_decay": 0.8}, {}
for name in ("right", "decay without lr", "decay in the gradient (L2)", "twice the decay", "decay after the step"):
    rule = wrong.get(name, adamw)
    runs = engine.stacked(lambda seed: engine.mlp([64, 64, 10], seed), rule, few, seeds=range(10, 15), **hyper, **how)
    size = statistics.median(float(runs.model(k)[0].weight.detach().norm()) for k in range(5))
    best[name] = runs.train_loss
    print(f"{name:27} validation loss {runs.validation_loss[:, -1].median():.3f}, length of the first layer {size:.2f}")
show.loss_curves(best, xlabel="epoch", first=1, ylabel="training loss")

# %% [markdown]
# - *decay without lr*: a step takes the share $\lambda$, four fifths of every weight, and not $\eta\lambda$. What was
#   learned is gone after a few steps.
# - *decay in the gradient (L2)*: AdamW's setting in `adam_l2`. This is what one gets from
#   `torch.optim.Adam(..., weight_decay=...)` in place of `torch.optim.AdamW`.
# - *twice the decay*: a factor of 2 from the derivative of $w^2$. The validation loss hardly tells, and the curve only
#   beside the right one; the check sees it at once.
# - *decay after the step*: next section.
#
# ## 7. Convention box
#
# - **Here and in torch:** the old weight is shrunk, and Adam's step is then subtracted.
# - **After the step:** the weight that has moved is shrunk. The step too is smaller by the share $\eta\lambda$, so at
#   the same setting it is another rule. **The exact conversion:** it is AdamW with `lr` $\eta\,(1-\eta\lambda)$ and
#   `weight_decay` $\lambda/(1-\eta\lambda)$. For small $\eta\lambda$ they hardly differ.
# - **The paper** (Algorithm 2) writes $\theta_t = \theta_{t-1} - \eta_t(\alpha\hat m_t/(\sqrt{\hat v_t}+\epsilon) +
#   \lambda\theta_{t-1})$. Its $\lambda$ is not multiplied by the learning rate $\alpha$, only by the schedule $\eta_t$.
#   Here and in torch it is: `weight_decay` is the paper's $\lambda/\alpha$. **The trap:** who halves torch's `lr`
#   halves the decay of a step too.
# - **`torch.optim.Adam(..., weight_decay=...)`** is `adam_l2`: another rule, under the same word.

# %%
generator = torch.Generator().manual_seed(0)
grads = torch.randn(100, 6, generator=generator, dtype=torch.float64)
hyper = {"lr": 0.1, "weight_decay": 0.3}
pairs = {"adamw and torch's AdamW": (adamw, torch.optim.AdamW), "adam_l2 and torch's Adam": (adam_l2, torch.optim.Adam)}
for name in ("after the step, same setting", "after the step, converted"):
    pairs[name] = (wrong["decay after the step"], torch.optim.AdamW)

# %%
for name, (rule, theirs) in pairs.items():
    param = torch.ones(6, dtype=torch.float64)
    weight, state = param.clone().requires_grad_(), adamw.init(param)
    kept = 1 - hyper["lr"] * hyper["weight_decay"] if "converted" in name else 1.0
    optimizer = theirs([weight], lr=hyper["lr"] * kept, weight_decay=hyper["weight_decay"] / kept)
    for grad in grads:
        param, state = rule(param, grad, state, **{"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, **hyper})
        weight.grad = grad.clone()
        optimizer.step()
    apart = float((param - weight.detach()).abs().max())
    assert apart < 1e-12 or "same setting" in name
    print(f"{name:28} largest difference after 100 steps {apart:.1e}")

# %% [markdown]
# All but the third agree to rounding, below 1e-12.
#
# ## 8. In practice
#
# - **Default:** AdamW when there is a decay at all. torch's default is `weight_decay=0.01`; large language models often
#   take 0.1 (GPT-3: Brown et al. 2020, appendix B). With `lr` = 1e-3 that is a clock of 100,000 and of 10,000 steps. A
#   decay whose clock is much longer than the training does hardly anything.
# - **What decays:** the matrices. Biases and the scales of normalisation layers are left alone: they are few, and to
#   shrink a scale towards 0 shuts its layer. Parameter groups do that:

# %%
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.LayerNorm(64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
matrices = [p for p in model.parameters() if p.ndim > 1]
others = [p for p in model.parameters() if p.ndim <= 1]
optimizer = engine.Optimizer(
    [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], adamw, lr=0.001
)
for group in optimizer.param_groups:
    print(f"weight_decay {group['weight_decay']}: {sum(p.numel() for p in group['params'])} numbers")

# %% [markdown]
# - **What to tune first:** the rate with a decay of 0.01 to 0.1, then the decay by factors of about 3. If you change
#   the rate afterwards, keep $\eta\lambda$ in mind: it is what a step takes.
# - **What it costs:** nothing beside Adam; one multiplication for each weight.
# - **A schedule** of the rate (chapter 05) lowers the decay of a step along with it, since $\lambda$ is multiplied by
#   $\eta$.
#
# ## 9. Your turn
#
# In `exercises/10_adamw.ipynb`, in this order:
#
# 1. `adam_l2`: the penalty in the gradient (2 points). Your rule draws the figure of section 1.
# 2. `adamw`: the decay beside the step (2 points). It draws the same figure, and trains a network on digits next to
#    torch's.
#
# **To remember:** what is added to the gradient under Adam is divided like the gradient: large gradients, little decay.
# AdamW shrinks every weight by the share $\eta\lambda$. It is easier to set; it is not always better.
#
# ## 10. Sources
#
# - Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", *ICLR*: Algorithm 2 (both rules side by
#   side), section 2 (why they differ), figures 1 and 2 (rate and decay as heat maps).
# - Xie and Li (2024), "Implicit Bias of AdamW: l-infinity Norm Constrained Optimization", *ICML*: the fence.
# - Brown et al. (2020), "Language Models are Few-Shot Learners", appendix B: a decay of 0.1.
# - The documentation of `torch.optim.AdamW` and of `torch.optim.Adam`, for the two meanings of `weight_decay`.
# - **To read next:** Zhang, Wang, Xu and Grosse (2019), "Three Mechanisms of Weight Decay Regularization", *ICLR*,
#   because it asks what a decay does in networks whose layers are normalised, where the size of a weight makes no
#   difference.
