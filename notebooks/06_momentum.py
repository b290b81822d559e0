# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Momentum: steps that remember
#
# Gradient descent looks at one gradient, steps, and forgets it. What is lost by that, what does a memory bring, and
# what does it cost?
#
# About 40 minutes. You need the gradient, gradient descent, `param - lr * grad`, where `lr` is the learning rate, and
# from section 6 on the cross-entropy of chapter 01.
#
# Momentum is written in several forms that do not mean the same by the same numbers. This lesson starts with the one of
# most lecture notes, a *mean* of gradients, called `momentum` here. `heavy_ball`, a *sum*, is the form of
# `torch.optim.SGD`, and comes in section 3. Section 8 has the exact conversions.

# %%
import itertools
import math

import torch
from torch.nn.functional import cross_entropy

from coursekit import answer, engine, show
from coursekit.reference import RULES
from coursekit.reference.momentum import heavy_ball, momentum, momentum_to_torch, nesterov

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Two directions, one rate
#
# A ravine: the loss is $\frac12 (x^2 + 25 y^2)$. Its *curvature*, the second derivative, is 1 along x and 25 along y. A
# step of gradient descent multiplies $x$ by $1 - \eta$ and $y$ by $1 - 25\,\eta$, where $\eta$ is the learning rate.
# What is the best that it can do here? We try 80 rates up to 0.08, the limit $2/25$ (`engine.sweep` walks with all of
# them at once), and count the steps at which the loss is still above a millionth of the first.

# %%
ravine = engine.SURFACES["ravine"]
start = torch.tensor(ravine.start, dtype=torch.float64)
rates = [k / 1000 for k in range(1, 81)]
descent = engine.sweep(RULES["gradient_descent"], ravine, start, steps=1000, lr=rates)
steps = (descent.losses > 1e-6 * descent.losses[:, :1]).sum(dim=-1)
for lr in (0.01, 0.04, 0.08):
    print(f"lr {lr:.3f}: {steps[rates.index(lr)]} steps" + (" and more" if steps[rates.index(lr)] > 1000 else ""))
print(f"lr {rates[steps.argmin()]:.3f}: {steps.min()} steps, the best")

# %%
paths = {f"lr {lr}": descent.paths[rates.index(lr)][:31] for lr in (0.01, 0.076)}
show.trajectories(ravine, paths)

# %% [markdown]
# A small rate walks in along a curve, and creeps. The best rate is close below the limit, and it zigzags: most of each
# step leads from wall to wall, and only a little of it along the floor. Here are the two parts of its gradient, step by
# step:

# %%
slopes = ravine.gradient(descent.paths[rates.index(0.076)][:31])
show.lines(range(31), {"along x": slopes[:, 0], "along y": slopes[:, 1]}, "step", "gradient at lr 0.076", log=False)

# %% [markdown]
# Along y each gradient takes back most of what the last one did. Along x they all agree, and each is followed as if it
# were the first. **The floor needs a larger rate, and the walls forbid it. Is there a way out?** One gradient alone
# cannot tell the two directions apart. Several can.
#
# ## 2. The idea
#
# **Step along a running mean of the gradients: what they agree on stays, and what changes its sign cancels.**

# %%
show.formula(momentum)

# %% [markdown]
# - $g_t$, `grad`: the gradient of this step.
# - $v_t$, `v`: the running mean. It starts at 0 and is kept from step to step, in the `state` (`momentum.init(param)`
#   is the state before the first step). Some call it the *velocity*, and some notes write $m_t$.
# - $\beta$, `beta`: the share of the old mean that is kept, often 0.9. The rest, $1-\beta$, is the share of the new
#   gradient. A gradient that came in $k$ steps ago has the weight $(1-\beta)\,\beta^k$, so about the last
#   $1/(1-\beta)$ count.
# - $\eta$, `lr`: the learning rate. $\theta_t$, `param`: the parameter.
#
# With $\beta = 0$ it is gradient descent. Here is what the mean makes of a gradient that is always 1, and of one that
# jumps between 1 and -1:

# %%
seen = {"steady": torch.ones(40, dtype=torch.float64), "alternating": (-1.0) ** torch.arange(40).double()}
for name, grads in list(seen.items()):
    param, state, means = grads[0], momentum.init(grads[0]), []
    for grad in grads:
        param, state = momentum(param, grad, state, lr=0.1, beta=0.9)
        means.append(float(state.v))
    seen[f"v of {name}"] = means
    print(f"{name:11} v after 1, 2, 10 and 40 steps:", "  ".join(f"{means[t - 1]:+.4f}" for t in (1, 2, 10, 40)))
print(f"(1 - 0.9) / (1 + 0.9) = {0.1 / 1.9:.4f}, one part in {1.9 / 0.1:.0f}")
show.lines(range(1, 41), seen, "step", "gradient, and its running mean v", log=False)

# %% [markdown]
# What is steady passes whole, after a delay: after $1/(1-\beta) = 10$ steps, nearly two thirds of it. What alternates
# is cut down to $(1-\beta)/(1+\beta)$ of itself: with $\beta = 0.9$ to one part in 19. (In the end `v` is $a$ and $-a$
# in turn, so $a = -\beta a + (1-\beta)$.) Keep that 19 in mind; it comes back twice.
#
# ## 3. How long is a step, and how large may the rate be?
#
# **Predict, then run.** Run the cell as it is to read the question. Put your answer in place of `...`, run it again,
# and read what it says. Then run the next cell.

# %%
answer("first_step_of_momentum", ...)

# %%
zero = torch.zeros((), dtype=torch.float64)
lengths = {}
for rule in (momentum, heavy_ball):
    path, state = [zero], rule.init(zero)
    for _ in range(60):
        param, state = rule(path[-1], zero + 1, state, lr=0.1, beta=0.9)
        path.append(param)
    lengths[rule.__name__] = -torch.stack(path).diff()
print("step  ", "  ".join(f"{t:6}" for t in (1, 2, 5, 10, 20, 60)))
print("length", "  ".join(f"{lengths['momentum'][t - 1]:6.4f}" for t in (1, 2, 5, 10, 20, 60)))

# %% [markdown]
# The mean starts at 0 and has to fill up. In the end the step under a steady gradient is that of gradient descent, no
# longer: **by itself, the mean makes no step longer.**
#
# The other form, torch's, leaves out the factor $1-\beta$:

# %%
show.formula(heavy_ball)

# %% [markdown]
# The name is Polyak's (1964): a ball that rolls downhill and keeps some of its speed, with friction. **Predict, then
# run:**

# %%
answer("speed_of_the_heavy_ball", ...)

# %%
print("step      ", "  ".join(f"{t:6}" for t in (1, 2, 5, 10, 20, 60)))
for name, length in lengths.items():
    print(f"{name:10}", "  ".join(f"{length[t - 1]:6.4f}" for t in (1, 2, 5, 10, 20, 60)))
quotient = lengths["heavy_ball"] / lengths["momentum"]
print(f"the quotient of the two: from {quotient.min():.4f} to {quotient.max():.4f} in the 60 steps")
show.lines(range(1, 61), lengths, "step", "step length at lr 0.1, gradient 1", log=False)

# %% [markdown]
# The sum is $1/(1-\beta)$ times the mean, in every step: ten times at 0.9. So `heavy_ball` with the rate
# $\eta\,(1-\beta)$ walks the path of `momentum` with $\eta$. To compare them with each other, and with gradient
# descent, we take the rate of the mean. For `heavy_ball` it is `lr / (1 - beta)`, the *effective rate*.
#
# If the mean makes no step longer, what is gained? The rate may be larger. **Predict, then run:**

# %%
answer("largest_rate_with_momentum", ...)

# %%
tries = {"gradient_descent": [0.079, 0.081], "heavy_ball": [0.151, 0.153], "momentum": [1.51, 1.53]}
for name, pair in tries.items():
    beta = {} if name == "gradient_descent" else {"beta": 0.9}
    tried = engine.sweep(RULES[name], ravine, start, steps=2000, lr=pair, **beta)
    for lr, loss in zip(pair, tried.losses[:, -1], strict=True):
        print(f"{name:17} lr {lr:5g}: loss after 2000 steps {loss:9.2g}")
print(f"2 / 25 = {2 / 25}, times 1.9 = {1.9 * 2 / 25:.3f}, times 19 = {19 * 2 / 25:.2f}")

# %% [markdown]
# At the limit, $y$ jumps from wall to wall, so its gradients alternate, and the mean cuts them to one part in 19. So
# the rate may be 19 times as large before a jump ends as high as it began. That is the 19 of section 2 for the second
# time, and it is what momentum buys: **the steep direction bears a larger rate, and the flat one needs it.**
# (For the sum the factor is $19 / 10 = 1 + \beta$.)
#
# ## 4. Move it: the price of memory
#
# A memory also brings what it ought to have forgotten. The ball arrives at the floor with speed, and rolls up the other
# side. How much memory is right?
#
# Along one direction with curvature $\lambda$ all depends on two numbers, $\eta\lambda$ and $\beta$. The map below
# shows by which factor `heavy_ball` shrinks the distance to the minimum in each step, in the long run. Above 1 it
# diverges. Every direction of a quadratic is a column of this map: at `lr` 0.11 the floor of the ravine stands at 0.11,
# and its walls, with 25 times the curvature, at about 2.8.
#
# **Find out: with lr × curvature at 0.112, the floor, which beta gives the smallest factor per step? Then set beta to
# 0.7, write the factor down, and go to the walls, 2.82, without touching beta. What do you notice?**

# %%
show.momentum_map()

# %%
betas = torch.tensor([0.0, 0.2, 0.4, 0.5, 0.7, 0.9], dtype=torch.float64)  # one walker for each
print("beta                ", "  ".join(f"{beta:.3f}" for beta in betas))
for rate in (0.112, 2.82):
    param, sizes = torch.ones_like(betas), []
    state = heavy_ball.init(param)
    for _ in range(600):
        param, state = heavy_ball(param, param, state, lr=rate, beta=betas)  # curvature 1: the gradient is param
        sizes.append(param.abs() + state.v.abs())
    factors = (sizes[599] / sizes[299]) ** (1 / 300)
    print(f"factor at rate {rate:5}", "  ".join(f"{factor:.3f}" for factor in factors))
print("root of beta        ", "  ".join(f"{beta.sqrt():.3f}" for beta in betas))
print("(1 - sqrt(rate))**2 ", "  ".join(f"{(1 - math.sqrt(rate)) ** 2:.3f} at {rate}" for rate in (0.112, 2.82)))

# %% [markdown]
# More memory helps up to the dashed line of the map, $\beta = (1-\sqrt{\eta\lambda})^2$, in the last row. Above it the
# value swings through the minimum, and the factor is $\sqrt\beta$, **whatever the rate and the curvature**: see 0.5 and
# beyond. (Why: three places in a row are tied by
# $\theta_{t+1} = (1+\beta-\eta\lambda)\,\theta_t - \beta\,\theta_{t-1}$. Powers $r^t$ solve that if
# $r^2 - (1+\beta-\eta\lambda)\,r + \beta = 0$. The two roots have the product $\beta$, and where they are complex, both
# have the same size, $\sqrt\beta$.)
#
# So the floor and the walls, once both lie on the line or above it, are equally fast. Take the lowest beta for which
# that holds. For curvatures from $\mu$ to $L$, with $\kappa = L/\mu$ (the *condition number*, 25 in the ravine), that
# is
#
# $$\eta = \frac{4}{(\sqrt L + \sqrt\mu)^2} \qquad \beta = \left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^2$$
#
# for `heavy_ball`: rate $1/9$, beta $4/9$, and the factor is $2/3$. (Of a network nobody knows $\mu$ and $L$. There one
# takes 0.9 and tunes the rate: section 9.) Does a search find the same?

# %%
lrs, betas = [0.01 * k for k in range(1, 17)], [0.05 * k for k in range(20)]
search = engine.sweep(heavy_ball, ravine, start, steps=60, beta=betas, lr=lrs)
best, chosen = search.best(), engine.sweep(heavy_ball, ravine, start, steps=200, lr=1 / 9, beta=4 / 9)
print(f"best of {len(lrs) * len(betas)} pairs: lr {best['lr']:.2f}, beta {best['beta']:.2f}")
print(f"by the equations: lr {1 / 9:.3f}, beta {4 / 9:.3f}")
print(f"steps above a millionth: {(chosen.losses > 1e-6 * chosen.losses[0]).sum()}")
show.heatmap(search, label="loss after 60 steps, heavy_ball on the ravine")

# %% [markdown]
# Gradient descent needed 78 steps at its best. The wedge in the picture leans to the right: with more memory a larger
# rate is borne, up to the limit $2(1+\beta)/25$, beyond which the ball diverges. The best place is the wedge's tip.
#
# ## 5. Look ahead
#
# The ball cannot brake before it is past the floor. But where the old `v` will carry it is known before the new
# gradient is asked for. *Nesterov's* momentum takes the gradient there:

# %%
show.formula(nesterov)

# %% [markdown]
# $\theta_{t-1} - \eta\beta v_{t-1}$ is the point ahead. The gradient there is a forecast: if the walls rise again at
# that point, it says so a step early. So the second argument is no gradient but `grad_fn`, a function that gives it at
# any point. The rest is `heavy_ball`, and `v` is a sum. Both at one rate and with a long memory:

# %%
hyper, ahead = {"lr": 0.03, "beta": 0.95}, {}
for rule in (heavy_ball, nesterov):
    ahead[rule.__name__] = engine.sweep(rule, ravine, start, steps=100, **hyper)
show.trajectories(ravine, {name: walk.paths[:51] for name, walk in ahead.items()})

# %%
for name, walk in ahead.items():
    print(f"{name:10} lr 0.03: loss after 50 steps {walk.losses[50]:.2g}, after 100 {walk.losses[100]:.2g}")
for lr in (0.054, 0.055, 0.151):
    for rule in (heavy_ball, nesterov):
        walk = engine.sweep(rule, ravine, start, steps=2000, lr=lr, beta=0.9)
        print(f"{rule.__name__:10} lr {lr}, beta 0.9: loss after 2000 steps {walk.losses[-1]:.2g}")
print(f"0.95 * (1 - 0.03 * curvature): floor {0.95 * (1 - 0.03):.2f}, walls {0.95 * (1 - 0.03 * 25):.2f}")
print(f"2 * (1 + 0.9) / (1 + 2 * 0.9) / 25 = {2 * 1.9 / 2.8 / 25:.4f}")

# %% [markdown]
# Across the ravine the forecast brakes: the swings die out early. Along the floor, where the slope hardly changes in a
# step, it says little that is new. In one direction of curvature $\lambda$ the gradient ahead is
# $\lambda\,(\theta - \eta\beta v)$, so the old `v` comes into the new one with $\beta\,(1 - \eta\lambda)$ in place of
# $\beta$: here 0.92 along the floor, and 0.24 between the walls. **The steeper the direction, the shorter its memory.**
#
# It has a price. Where $\eta\lambda$ is above 1 that factor is negative: the forecast itself overshoots. The largest
# rate falls to $2(1+\beta)/(1+2\beta)$ over the curvature, 0.054 in the ravine with $\beta = 0.9$. That is below the
# limit of plain gradient descent.
#
# So which is better? A comparison is fair when each rule has its own best setting. For quadratics there are equations
# (Lessard, Recht and Packard 2016, Proposition 1). Gradient descent: $\eta = 2/(L+\mu)$. The heavy ball: see section
# 4. Nesterov: $\eta = 4/(3L + \mu)$ and $\beta = (\sqrt{3\kappa+1} - 2)/(\sqrt{3\kappa+1} + 2)$. Here they are in
# ravines from round to narrow, always started at 1 in both directions:

# %%
kappas, tuned = [10 ** (k / 2) for k in range(2, 9)], {}
for kappa in kappas:
    root, other = math.sqrt(kappa), math.sqrt(3 * kappa + 1)
    tuned["gradient_descent", kappa] = {"lr": 2 / (kappa + 1)}
    tuned["heavy_ball", kappa] = {"lr": 4 / (root + 1) ** 2, "beta": ((root - 1) / (root + 1)) ** 2}
    tuned["nesterov", kappa] = {"lr": 4 / (3 * kappa + 1), "beta": (other - 2) / (other + 2)}

# %%
counts = {"gradient_descent": [], "heavy_ball": [], "nesterov": []}
for (name, kappa), hyper in tuned.items():
    rule, curvature, x = RULES[name], torch.tensor([1.0, kappa]).double(), torch.ones(2).double()
    state, steps = rule.init(x), 0
    while (curvature * x**2).sum() > 1e-6 * curvature.sum():
        grad = (lambda point, by=curvature: by * point) if rule.takes_grad_fn else curvature * x
        x, state = rule(x, grad, state, **hyper)
        steps += 1
    counts[name].append(steps)
for name, found in counts.items():
    print(f"{name:17} kappa 10: {found[0]:5}   100: {found[2]:5}   10,000: {found[6]:5}")
where = [math.log10(kappa) for kappa in kappas]
show.lines(where, counts, "log10 of the condition number", "steps to a millionth of the loss", log=True)

# %% [markdown]
# Make the ravine a hundred times narrower, and gradient descent needs about a hundred times the steps. The two others
# need about ten times as many: the condition number has become its root. **That is what momentum brings, in one
# picture.** Between themselves they are close; the heavy ball is ahead in the rounder ravines, Nesterov in the narrower
# ones.
#
# All this was for quadratics, whose curvature is the same everywhere, and with exact gradients. Neither holds for a
# network.
#
# ## 6. Past the toy
#
# ### What momentum does to noise
#
# A gradient from a *mini-batch*, a few rows of the data, is the true one plus noise. The mean takes noise out of the
# step. Does that bring the parameter closer to the minimum? We let 1000 walkers stand on a parabola of curvature 1,
# each with its own noise of standard deviation 1, and measure after they have settled.

# %%
noise = torch.randn(2000, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for lr in (0.01, 0.1):
    for name in ("gradient_descent", "momentum"):
        x, path = noise[0] * 0, []
        state = RULES[name].init(x)
        for shock in noise:
            x, state = RULES[name](x, x + shock, state, lr=lr)
            path.append(x)
        settled = torch.stack(path[1000:])
        step, away = settled.diff(dim=0).square().mean(), settled.square().mean()
        print(f"{name:17} lr {lr}: mean square of a step {step:.2e}, of the distance {away:.2e}")

# %% [markdown]
# The square of a step is about one part in 19 of what it was: the third 19, this time for noise, drawn anew in each
# step. **But the distance from the minimum is nearly the same.** A push to the wrong side comes in at a tenth, and then
# is followed for about ten steps. So the path looks calmer, and where it settles is no better. For that you need a
# smaller rate (chapter 05) or a larger batch (chapter 04).
#
# Hence a guess for networks. Where the *curvature* limits the rate, momentum should win; where the *noise* limits it,
# there is nothing to win.
#
# ### Digits, all at once
#
# A network gives each image of a handwritten digit ten scores. Between the 64 pixels and the scores it has a *hidden
# layer*, 32 weighted sums of which negative ones are set to 0. All 1,078 training images in every step: no noise. Four
# betas, the same eight rates of the averaged form, 50 steps. With beta 0 it is gradient descent. (`engine.mlp` makes
# the network, `engine.Optimizer` applies a rule to all of its weights, `engine.train` goes through the data `epochs`
# times.) Runs that end above 10 are hatched.

# %%
print(engine.digits())
digits, rates, betas = engine.digits(), [10 ** (k / 4) for k in range(-3, 5)], [0.0, 0.5, 0.9, 0.97]
whole, reached = len(digits.x_train), torch.full((4, 8), math.nan)
for row, beta in enumerate(betas):
    for column, lr in enumerate(rates):
        model = engine.mlp([64, 32, 10])
        optimizer = engine.Optimizer(model.parameters(), momentum, lr=lr, beta=beta)
        run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=50, batch_size=whole, progress=False)
        reached[row, column] = run.step_loss[-1] if run.step_loss[-1] < 10 else math.nan
show.heatmap(reached, {"beta": betas, "lr": rates}, label="training loss after 50 steps")

# %% [markdown]
# Read a column from below. At a rate of 1 the lower three betas end at nearly the same loss: **at a rate that gradient
# descent bears, momentum adds nothing.** Now go to the right. Where gradient descent is no longer stable, momentum goes
# on, and its lowest loss is far below. With 0.97 the mean reaches $1/(1-\beta) = 33$ steps back, and for most of the
# 50 steps it is still filling.
#
# ### The three rivals, with noise and without
#
# Now with seeds (other first weights, other batches), and twice: 50 steps with all images, and three epochs of 68 steps
# with batches of 16. Each rule gets eight rates in steps of $10^{1/4}$, beta stays at 0.9, and the rate chosen is the
# one whose *worst* of three seeds is lowest. (`nesterov` gets `lr * (1 - beta)`, so that the rates compare.)

# %%
hyper = {"gradient_descent": {}, "momentum": {"beta": 0.9}, "nesterov": {"beta": 0.9}}
unit = {"gradient_descent": 1.0, "momentum": 1.0, "nesterov": 1 - 0.9}
batches = {"all": ({"epochs": 50, "batch_size": whole}, range(8)),
           "16": ({"epochs": 3, "batch_size": 16}, range(-5, 3))}  # fmt: skip
common, trials, best = {"loss": cross_entropy, "progress": False}, {}, {}
for (batch, (size, ks)), name in itertools.product(batches.items(), hyper):
    for k, seed in itertools.product(ks, range(3)):
        model = engine.mlp([64, 32, 10], seed)
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=unit[name] * 10 ** (k / 4), **hyper[name])
        run = engine.train(model, optimizer, digits, seed=seed, **size, **common)
        loss = math.inf if run.stopped else cross_entropy(model(digits.x_train), digits.y_train).item()
        trials[batch, name, k] = max(loss, trials.get((batch, name, k), 0.0))
    best[batch, name] = min(ks, key=lambda k: trials[batch, name, k])
    print(f"{batch:3} {name:17} best effective rate {10 ** (best[batch, name] / 4):.2g}")

# %%
xlabel, ylabel = "log10 of the effective learning rate", "training loss, worst of 3 seeds (cut at 10)"
curves = {name: [min(trials["all", name, k], 10.0) for k in range(8)] for name in hyper}
show.lines([k / 4 for k in range(8)], curves, xlabel, ylabel, title="All images in every step", log=True)

# %%
curves = {name: [min(trials["16", name, k], 10.0) for k in range(-5, 3)] for name in hyper}
show.lines([k / 4 for k in range(-5, 3)], curves, xlabel, ylabel, title="Batches of 16", log=True)

# %% [markdown]
# With all images the curves lie on each other at first, and then momentum goes on down where gradient descent breaks.
# With batches of 16 they stay together to the bottom of the valley, and momentum finds none that is much deeper. Five
# other seeds give the verdict: on the training loss, which the rule is there to lower, and on the test images, which
# nothing has looked at so far.

# %%
ends, walks = {}, {}
for (batch, name), k in best.items():
    for seed in range(3, 8):
        model = engine.mlp([64, 32, 10], seed)
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=unit[name] * 10 ** (k / 4), **hyper[name])
        run = engine.train(model, optimizer, digits, seed=seed, **batches[batch][0], **common)
        loss = cross_entropy(model(digits.x_train), digits.y_train).item()
        hits = (model(digits.x_test).argmax(dim=1) == digits.y_test).float().mean().item()
        ends.setdefault((batch, name), []).append((loss, hits))
        walks.setdefault((batch, name), []).append(run.step_loss)

# %%
for (batch, name), found in ends.items():
    (low, _, loss, _, high), hits = (sorted(column) for column in zip(*found, strict=True))
    said = f"{batch:3} {name:17} {len(walks[batch, name][0]):3} steps: loss {loss:.2g}, from {low:.2g} to {high:.2g}"
    print(f"{said}; test images right {hits[2]:.1%}, {hits[0]:.1%} to {hits[-1]:.1%}")
curves = {name: walks["all", name] for name in hyper}
show.loss_curves(curves, ylabel="training loss", title="All images in every step, five seeds")

# %% [markdown]
# **With all images momentum wins the task it was given**, and by orders of magnitude: it bears ten times the effective
# rate. **With batches of 16 nobody wins**: the ranges overlap. Shallue and others (2019) found the same with large
# networks: momentum as good as plain gradient descent with small batches, and better the larger the batch.
#
# **Nesterov does not beat plain momentum here.** At one rate they hardly differ; at high rates Nesterov breaks earlier,
# as it did in the ravine. **And the test images gain nothing.** A training loss that is a thousand times lower does not
# make the network right more often. Chapter 12 is about that.
#
# ## 7. How it fails
#
# The mistakes in this lesson are the ones that `check` knows: each is the course's rule with one edit (`made` makes
# it), under the name that your check would give it.
#
# ### The rate of another form
#
# Someone reads a good rate for the mean, 0.5, and hands it to a rule that sums. That and three real mistakes, on
# digits, with batches of 64. (The *validation loss* printed is that on images set aside from training.)

# %%
from coursekit.bank.index import exercise
from coursekit.judging.source import made

known = exercise("momentum")
wrong = {part.name: made(momentum, part.change) for part in (*known.slips, *known.conventions)}
curves = {}
for name in ("right", "summed (heavy ball)", "old v not damped", "old v forgotten", "weights exchanged"):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), wrong.get(name, momentum), lr=0.5, beta=0.9)
    run = engine.train(model, optimizer, digits, epochs=3, batch_size=64, **common)
    curves[name] = run.step_loss
    print(f"{name:20} validation loss {run.validation_loss[-1]:.3f}")
show.loss_curves(curves, title="lr 0.5, beta 0.9, batches of 64", log=True)

# %% [markdown]
# - *summed (heavy ball)*: steps ten times too long. It is no mistake in the rule, but in the rate.
# - *old v not damped*: nothing is ever forgotten, a ball without friction. It is fast downhill, and then it does not
#   rest.
# - *old v forgotten*: gradient descent at a tenth of the rate. It looks like a rate that is too small.
# - *weights exchanged*: the mean keeps a tenth and takes in nine tenths. That is nearly gradient descent, and it ends
#   **no worse than the right one**. You would not see it in a loss curve. `check` does, since it compares the path step
#   by step.
#
# ### Too much memory

# %%
curves = {}
for beta in (0.9, 0.99, 0.999):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), momentum, lr=1.0, beta=beta)
    run = engine.train(model, optimizer, digits, epochs=150, batch_size=whole, **common)
    curves[f"beta {beta}"] = run.step_loss
    print(f"beta {beta}: training loss {run.step_loss[20]:.3f} at step 20, {run.step_loss[149]:.3f} at step 149")
show.loss_curves(curves, ylabel="training loss", title="All images in every step, lr 1")

# %% [markdown]
# A mean over $1/(1-\beta)$ steps needs that many to fill. At one effective rate a long memory starts late, and it turns
# late as well. The sign of it: a loss that hardly moves at first, then falls fast, then slows down in waves (0.99 shows
# the first).
#
# ### The rate is cut while the ball rolls
#
# Many papers write momentum with the rate inside: $u_t = \beta u_{t-1} - \eta\, g_t$, then
# $\theta_t = \theta_{t-1} + u_t$. The check calls it *velocity form*. At a constant rate it walks the path of
# `heavy_ball`. Under a schedule? **Predict, then run:**

# %%
answer("rate_cut_under_the_velocity_form", ...)

# %%
forms = {form.name: made(heavy_ball, form.change) for form in exercise("heavy_ball").conventions}
velocity_form, lengths = forms["velocity form"], {}
for name, rule in (("heavy_ball", heavy_ball), ("velocity form", velocity_form)):
    path, state = [zero], heavy_ball.init(zero)
    for t in range(160):
        param, state = rule(path[-1], zero + 1, state, lr=0.1 if t < 100 else 0.01, beta=0.9)
        path.append(param)
    lengths[name] = -torch.stack(path).diff()[90:]
    print(f"{name:13} step before the cut {lengths[name][9]:.3f}, after it {lengths[name][10]:.3f}")
show.lines(range(-9, 61), lengths, "step after the cut from lr 0.1 to 0.01", "step length, gradient 1", log=False)

# %% [markdown]
# With the rate in the step, as here and in torch, a cut acts at once. With the rate in the memory the old rate fades
# only as the memory does.
#
# ### The heavy ball need not arrive
#
# All good settings above were found for quadratics. Here is a function of $x$ that is convex, which means that its
# slope only grows: $25x$ up to 1, $x + 24$ up to 2, and $25x - 24$ beyond. So the curvature is 25, then 1, then 25
# again. All three rules get settings for curvatures from 1 to 25: the first two those of section 5, Nesterov the usual
# $1/L$ and $(\sqrt\kappa-1)/(\sqrt\kappa+1)$. (The example is that of Lessard, Recht and Packard, 2016.)

# %%
bend = engine.Surface("bend", r"f'(x) = 25x, \; x + 24, \; 25x - 24",
                      lambda x, y: 12.5 * x**2 - 12 * (x - 1).clamp(0, 1) ** 2 - 24 * (x - 2).clamp(min=0) + 0 * y,
                      domain=((-4.0, 4.0), (-1.0, 1.0)), start=(3.3, 0.0))  # fmt: skip
settings = {"gradient_descent": {"lr": 2 / 26}, "heavy_ball": {"lr": 1 / 9, "beta": 4 / 9},
            "nesterov": {"lr": 1 / 25, "beta": 2 / 3}}  # fmt: skip
paths = {}
for name, hyper in settings.items():
    path = engine.sweep(RULES[name], bend, torch.tensor(bend.start).double(), steps=1000, **hyper).paths[:, 0]
    print(f"{name:17} the last of 1000 steps:", "  ".join(f"{x:8.1e}" for x in path[-4:]))
    paths[name] = path[:41]
show.lines(range(41), paths, "step", "x, with the minimum at 0", log=False)

# %% [markdown]
# The heavy ball goes round three points for ever. The two others arrive, and for settings like theirs there are proofs
# that they always do, on every convex function whose curvature stays between $\mu$ and $L$. That speaks for Nesterov,
# more than speed on a quadratic.
#
# ## 8. Convention box
#
# | form | memory | step | walks the path of `momentum` with `lr`, `beta` |
# |---|---|---|---|
# | **mean**: `momentum`, most notes, Adam's $m$ | $v = \beta v + (1-\beta)\, g$ | $\theta - \eta v$ | |
# | **sum**: `heavy_ball`, `torch.optim.SGD` | $v = \beta v + g$ | $\theta - \eta v$ | at the rate `lr * (1 - beta)` |
# | **velocity**: Sutskever et al. (2013) | $u = \mu u - \eta g$ | $\theta + u$ | the same, while the rate is constant |
# | **torch with `dampening=beta`** | as the mean, but the first $g$ whole | $\theta - \eta v$ | never |
# | **Nesterov**: `nesterov` | $v = \beta v + \nabla L(\theta - \eta\beta v)$ | $\theta - \eta v$ | another rule |
# | **Nesterov in torch**: `nesterov=True` | $v = \beta v + g$ | $\theta - \eta\,(g + \beta v)$ | as the row above |
#
# (From here on $\mu$ is the share that is kept, as in that paper and in torch, and no curvature.)
#
# ### From the mean to torch

# %%
show.formula(momentum_to_torch)

# %% [markdown]
# torch has an argument that looks as if it made a mean of the sum: `dampening`. **Predict, then run:**

# %%
answer("dampening_for_averaging", ...)

# %%
grads = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
lr, beta = momentum_to_torch(0.1, 0.9)
ways = {"converted": (lr, 0.0), "the same lr": (0.1, 0.0), "dampening=0.9": (0.1, 0.9)}
for name, (lr, dampening) in ways.items():
    param, weight = torch.zeros(6).double(), torch.zeros(6).double().requires_grad_()
    sgd = torch.optim.SGD([weight], lr=lr, momentum=beta, dampening=dampening)
    state, apart = momentum.init(param), []
    for grad in grads:
        weight.grad = grad.clone()
        sgd.step()
        param, state = momentum(param, grad, state, lr=0.1, beta=0.9)
        apart.append((param - weight).detach().abs().max())
    assert name != "converted" or max(apart) < 1e-12
    print(f"{name:14} apart by {apart[0]:.1e} after the first step, at most by {max(apart):.1e} in 200")

# %% [markdown]
# Only the first is exact. Since the factor stands outside of the memory, it holds under a schedule for `lr` too. Not so
# the velocity form: there $\mu$ has to become $\beta\,\eta_t/\eta_{t-1}$ whenever the rate changes.

# %%
for name in ("mu = beta", "mu = beta * lr / last lr"):
    param, last, weight = torch.zeros(6).double(), 0.1, torch.zeros(6).double().requires_grad_()
    sgd = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    schedule, state, apart = torch.optim.lr_scheduler.ExponentialLR(sgd, 0.98), heavy_ball.init(param), []
    for grad in grads:
        lr = schedule.get_last_lr()[0]
        mu = 0.9 if name == "mu = beta" else 0.9 * lr / last
        param, state = velocity_form(param, grad, state, lr=lr, beta=mu)
        weight.grad, last = grad.clone(), lr
        sgd.step()
        schedule.step()
        apart.append((param - weight).detach().abs().max())
    print(f"{name:25} at most {max(apart):.1e} apart from torch.optim.SGD in 200 steps")

# %% [markdown]
# ### Where Nesterov's parameter is
#
# **Predict, then run:**

# %%
answer("torchs_nesterov_beside_the_look_ahead", ...)

# %%
lr, beta, weight = 0.03, 0.9, start.clone().requires_grad_()
sgd = torch.optim.SGD([weight], lr=lr, momentum=beta, nesterov=True)
param, state, paths, apart = start, nesterov.init(start), {"nesterov": [start], "torch's parameter": [start]}, []
for _ in range(10):
    param, state = nesterov(param, ravine.gradient, state, lr=lr, beta=beta)
    weight.grad = ravine.gradient(weight.detach())
    sgd.step()
    paths["nesterov"].append(param)
    paths["torch's parameter"].append(weight.detach().clone())
    back = weight.detach() + lr * beta * sgd.state[weight]["momentum_buffer"]
    apart.append(float((param - back).abs().max()))
assert max(apart) < 1e-12
print(f"nesterov against torch's parameter + lr * beta * buffer: at most {max(apart):.1e} apart")
show.trajectories(ravine, {name: torch.stack(path) for name, path in paths.items()})

# %% [markdown]
# torch keeps the point *ahead*, since that is where the gradient is taken: so an ordinary `loss.backward()` will do,
# and no function is needed. When you evaluate or save a model in the middle of training, these are the weights that you
# get.
#
# ## 9. In practice

# %%
defaults = torch.optim.SGD([torch.zeros(1)]).defaults
print({key: defaults[key] for key in ("lr", "momentum", "dampening", "nesterov")})
kept = {key: tuple(value.shape) for key, value in sgd.state[weight].items()}
print(f"{kept} for a weight of shape {tuple(weight.shape)}")

# %% [markdown]
# - **Defaults.** In torch the momentum is *off* until you ask for it. The usual choice is 0.9: He and others (2016,
#   section 3.4) trained residual networks with it.
# - **What to tune first:** the rate. When you change `beta` in torch, keep `lr / (1 - beta)` where it was and go from
#   there: in the heat map of section 6, beta 0 to 0.9 nearly agree at rates from 0.56 to 1.8.
# - **Coming from gradient descent** to `SGD(momentum=0.9)`: start with a tenth of the rate. Then try larger ones; that
#   is where the gain is.
# - **What it costs:** the buffer in the last line, one tensor of the size of the weights.
# - **When to use it:** where the gradients are exact enough for the rate to be limited by curvature: large batches, or
#   all the data. With small batches it does no harm at the right rate. **What it does not do:** give every weight its
#   own rate (chapters 07 and 08), or make a model generalise.
#
# ## 10. Your turn
#
# In `exercises/06_momentum.ipynb`, in this order:
#
# 1. `momentum`: the mean (2 points). It then walks through the ravine, next to gradient descent.
# 2. `heavy_ball`: the sum (1 point). It stands in the playground, dashed over the course's own.
# 3. `nesterov`: looking ahead (2 points). Your second argument is a function.
# 4. `momentum_to_torch`: two numbers (1 point). With them your `momentum` and `torch.optim.SGD` train one network on
#    digits, and the two curves should lie on top of each other.
#
# **To remember:** a mean of gradients keeps what they agree on. It makes no step longer; it lets the rate be larger, by
# $(1+\beta)/(1-\beta)$. The gain is the root of the condition number, where noise does not set the limit. A mean and a
# sum differ by $1-\beta$ in the rate: ask which one you have.
#
# ## 11. Sources
#
# - Polyak (1964), "Some methods of speeding up the convergence of iteration methods", *USSR Computational Mathematics
#   and Mathematical Physics* 4(5): the heavy ball, and its best setting for quadratics.
# - Nesterov (1983), "A method of solving a convex programming problem with convergence rate $O(1/k^2)$", *Soviet
#   Mathematics Doklady* 27: the look-ahead, with a beta that grows from step to step.
# - Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning",
#   ICML: section 2, equations 1 to 4 (both velocity forms) and Theorem 2.1 ($\beta\,(1-\eta\lambda)$ in each
#   direction).
# - Lessard, Recht and Packard (2016), "Analysis and Design of Optimization Algorithms via Integral Quadratic
#   Constraints", *SIAM Journal on Optimization* 26(1), arXiv:1408.3595: Proposition 1 (the best settings), and the
#   function on which the heavy ball cycles.
# - Shallue and others (2019), "Measuring the Effects of Data Parallelism on Neural Network Training", *JMLR* 20:
#   momentum and batch size.
# - He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition", CVPR: section 3.4 (momentum 0.9).
# - Kingma and Ba (2015), "Adam", Algorithm 1: its $m$ is the mean of this lesson; chapter 08 corrects its start at 0.
# - The documentation of `torch.optim.SGD`, which says in a note how its form differs from that of Sutskever et al.
# - **To read next:** Goh (2017), "Why Momentum Really Works", *Distill*, because it takes section 4 further, with
#   figures to move: rate and beta, direction by direction.
