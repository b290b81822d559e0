# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Schedules: fast first, careful later
#
# A learning rate that is good at the start of a run need not be good at its end. A *schedule* says which rate each step
# gets. When does that help, which shape should it have, and why do many runs begin with a rate that *rises*?
#
# About 40 minutes. You need to know what a *step* is: `param - lr * grad`, where `grad` is the slope of the loss,
# measured on a *batch* of a few rows, and `lr` is the learning rate. An *epoch* is one pass through the training rows.
# Sections 5 to 7 use Adam, the rule of chapter 08; what you need to know of it stands in section 6.

# %%
import copy
import dataclasses
import functools
import math
import statistics

import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import schedules
from coursekit.reference.adam import bias_correction, update_moments
from coursekit.reference.losses import mse_loss
from coursekit.reference.schedules import (
    constant,
    cosine_decay,
    exponential_decay,
    one_cycle,
    step_decay,
    warmup_cosine,
)

torch.set_num_threads(1)  # these models are too small to be shared between cores

# %% [markdown]
# ## 1. No constant rate is right
#
# Ten measurements were taken of each of 442 people with diabetes, and a line is to say from them how the disease went
# on. For a line the lowest possible loss is known: least squares gives it. So we can see how far above it a run is.
# Each step looks at 4 rows. Three plans keep their rate, and the fourth lets it fall to 0. Each is run with three
# *seeds*, the numbers that the first weights and the order of the rows come from.

# %%
diabetes = engine.diabetes()
rows, target = diabetes.x_train, diabetes.y_train
watched = dataclasses.replace(diabetes, x_validation=rows, y_validation=target)  # the loss on all training rows
X = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
lowest = float(mse_loss(X @ torch.linalg.lstsq(X, target).solution, target))
print(f"the lowest possible loss of a line: {lowest:.3f}")

# %% [markdown]
# `engine.mlp([10, 1])` is that line: ten numbers in, one out, nothing between. `LambdaLR` is torch's: it multiplies the
# optimiser's rate by what a function says, here once an epoch.

# %%
first_rates = {"constant 0.03": 0.03, "constant 0.01": 0.01, "constant 0.003": 0.003, "0.03 to 0": 0.03}
above, settings = {}, {"epochs": 25, "batch_size": 4, "progress": False}
for (name, lr), seed in ((plan, seed) for plan in first_rates.items() for seed in range(3)):
    model = engine.mlp([10, 1], seed=seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    falling = LambdaLR(optimizer, lambda epoch: cosine_decay(epoch, lr=1.0, lr_min=0.0, total=25))
    settings |= {"seed": seed, "scheduler": None if "constant" in name else falling}
    run = engine.train(model, optimizer, watched, loss=lambda out, y: mse_loss(out.squeeze(1), y), **settings)
    above.setdefault(name, []).append([loss - lowest for loss in run.validation_loss])
for name, runs in above.items():
    after = [", ".join(f"{run[epoch - 1]:.4f}" for run in runs) for epoch in (1, 25)]
    print(f"{name:15} after 1 epoch {after[0]}, after 25 {after[1]} above the lowest loss")

# %%
show.loss_curves(above, xlabel="epoch", ylabel="loss above the lowest possible", first=1)

# %% [markdown]
# After one epoch the smallest rate is far behind. After 25 it is ahead of the two other constant ones: at each seed,
# the smaller the rate, the lower it ends. The largest only jumps about. The plan whose rate falls starts like the
# largest, and ends below all of them. (The lines are medians over the seeds, the bands go from lowest to highest.)
#
# ## 2. The idea
#
# **Long steps while the way is long; short ones at the end, so that the noise of the batches averages out.**
#
# In equations only one letter changes: the rate $\eta$ gets the number of the step, $t$, counted from 0. ($\theta$ is
# `param`, $g_t$ the `grad` of that step.)
#
# $$\theta_{t+1} = \theta_t - \eta_t\, g_t$$
#
# Why does a constant rate stop short? Take the plainest case: the loss is $\frac12 w^2$, so the slope is $w$, and each
# batch adds noise of mean 0 and standard deviation 1. A step is $w \leftarrow w - \eta\,(w + \text{noise})$, which is
# $(1-\eta)\,w - \eta\cdot\text{noise}$: what is left of $w$ shrinks, and fresh noise comes in. Far out the shrinking
# counts for more, near 0 the noise.
#
# In the end the two balance: the mean of $w^2$, call it $V$, is the same after a step as before it. Square the step and
# take the mean. The mixed term drops out, as the fresh noise has mean 0 whatever $w$ is, and this is left:
# $V = (1-\eta)^2\, V + \eta^2$. So $V\,(2\eta - \eta^2) = \eta^2$, and $V = \frac{\eta}{2-\eta}$. The mean loss is half
# of it. We call this the *floor* of the rate.
#
# **Predict, then run:** run the cell to read the question, put a number in place of `...`, and run it again.

# %%
answer("floor_at_a_tenth_of_the_rate", ...)

# %%
rates = {
    "constant 0.5": lambda t: 0.5,
    "constant 0.1": lambda t: 0.1,
    "constant 0.01": lambda t: 0.01,
    "cosine from 0.5": lambda t: cosine_decay(t, lr=0.5, lr_min=0.0, total=300),
    "1 / (t + 1)": lambda t: 1 / (t + 1),
}

# %%
curves = {name: [] for name in rates}
for name, rate in rates.items():
    w, generator = torch.full((5000,), 10.0), torch.Generator().manual_seed(0)  # 5000 runs at once
    for t in range(300):
        w = w - rate(t) * (w + torch.randn(5000, generator=generator))
        curves[name].append(float((w**2).mean() / 2))
    if "constant" in name:
        print(f"{name}: ends at {curves[name][-1]:.4g}, its floor is {0.5 * rate(0) / (2 - rate(0)):.4g}")
show.loss_curves(curves, ylabel="mean loss of 5000 runs", first=1)

# %%
for name in ("cosine from 0.5", "1 / (t + 1)"):
    print(f"{name}: {curves[name][9]:.2g} after 10 steps, {curves[name][-1]:.2g} after 300")
w, generator = torch.full((5000,), 10.0), torch.Generator().manual_seed(0)
for _ in range(1000):
    w = w - 0.01 * (w + torch.randn(5000, generator=generator))
print(f"constant 0.01, for 1000 steps: ends at {float((w**2).mean() / 2):.4g}")

# %% [markdown]
# The floor is nearly proportional to the rate. A rate ten times smaller has one about ten times lower, and takes about
# ten times as long to get there: 0.01 is on its way after 300 steps, and has arrived after 1000. A rate that falls to 0
# has no floor, and both of these end, after 300 steps, below all that the constant rates have reached by then.
#
# On this parabola $1/(t+1)$ is hard to beat. Each batch says that the minimum is at $w$ minus its slope, which is
# $-\text{noise}$, and with these rates $w$ is the mean of all that the batches said so far. But that is so because the
# curvature is 1. In a network the curvatures are not known, and they differ from direction to direction.
#
# **How fast may a rate fall?** Robbins and Monro (1951) gave two conditions under which such a walk arrives: the
# *squares* of the rates have a finite sum, so that the noise dies out, and the rates themselves have an *infinite* one,
# so that any distance can be walked. $1/(t+1)$ satisfies both. But they speak of walks without an end. In a run of
# known length what counts is the shape.
#
# ## 3. The shapes
#
# ### Down

# %%
show.formula(step_decay)

# %%
show.formula(exponential_decay)

# %%
show.formula(cosine_decay)

# %% [markdown]
# | symbol | in the code | what it is |
# |---|---|---|
# | $t$ | `t` | steps taken so far: 0 for the first step |
# | $\eta_0$ | `lr` | the rate of the first step |
# | $d$, $k$ | `drop`, `every` | the factor that is kept at a drop, and the steps between two drops |
# | $\lfloor t/k \rfloor$ | `t // every` | divided and rounded down: the drops so far |
# | $\lambda$ | `decay` | the share that is lost at each step, nearly: a step keeps $e^{-\lambda}$ of the rate |
# | $T$, $\eta_{\min}$ | `total`, `lr_min` | the step at which the cosine arrives, and where it arrives |
#
# All of them are functions of `t` alone. None remembers anything, so a run can be resumed at any step, and any of them
# can be drawn without training.

# %%
answer("gone_after_a_tenth", ...)

# %%
steps = range(101)
curves = {
    "constant": [constant(t, lr=0.1) for t in steps],
    "step": [step_decay(t, lr=0.1, drop=0.5, every=20) for t in steps],
    "exponential": [exponential_decay(t, lr=0.1, decay=0.03) for t in steps],
    "cosine": [cosine_decay(t, lr=0.1, lr_min=0.0, total=100) for t in steps],
}
for name, curve in curves.items():
    print(f"{name:12} gone at step 10: {1 - curve[10] / 0.1:.4f}   sum of the rates: {sum(curve):.2f}")
show.lines(steps, curves, "step", "learning rate", log=False)

# %% [markdown]
# The exponential loses most at the start and never arrives. The cosine stays high for long, falls in the middle, and is
# flat again at the end, where it spends many steps near 0. The sum of the rates is the distance that a walk can cover
# whose slopes stay at 1; the cosine keeps half of the constant's.
#
# ### Up first

# %%
show.formula(warmup_cosine)

# %% [markdown]
# $W$ is `warmup`, the steps in which the rate rises along a line; the cosine has the $T - W$ steps that are left. `lr`,
# here $\eta$, is now the *peak*, the highest rate. Why anyone would start slowly is the question of section 6.

# %%
answer("first_rate_of_a_warm_up", ...)

# %% [markdown]
# The *one-cycle* schedule of Smith and Topin (2019) takes longer to rise; they made it for short runs with a very large
# peak. This is torch's form of it, two pieces of the same kind: the first goes from $a = \eta/25$ up to $b = \eta$ in
# the first three tenths of the steps (from $s = 0$ to $e = 0.3\,T - 1$), the second from there down to nearly 0 at the
# last step.

# %%
show.formula(one_cycle)

# %%
curves = {
    "warm-up and cosine": [warmup_cosine(t, lr=0.1, warmup=10, total=100) for t in steps],
    "one-cycle": [one_cycle(t, lr=0.1, total=100) for t in steps],
}
for name, curve in curves.items():
    print(f"{name}: {curve[0]:.3g} at step 0, {curve[1]:.3g} at step 1, its peak at step {curve.index(max(curve))}")
show.lines(steps, curves, "step", "learning rate", log=False)

# %% [markdown]
# ### When the loss asks for it
#
# The last one does not look at `t` but at the losses so far. An epoch is *bad* unless its loss is below the best before
# it. `patience` bad epochs in a row are let pass; one more, and the rate is multiplied by `factor`.
#
# Some call this an adaptive rate. AdaGrad, RMSprop and Adam (chapters 07 and 08) are called so too, and are something
# else: there each weight has a rate of its own.

# %%
show.formula(schedules.reduce_on_plateau)

# %%
answer("first_lower_epoch", ...)

# %%
losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
rates = schedules.reduce_on_plateau(losses, lr=1.0, factor=0.5, patience=2)
for epoch, (rate, loss) in enumerate(zip(rates, losses, strict=True)):
    print(f"epoch {epoch} runs at {rate}, and its loss is {loss}")

# %% [markdown]
# ## 4. Move it
#
# The figure opens with a warm-up of 20 steps and a cosine. Its text gives the mean rate and the last one; write both
# down. **Now choose *exponential*, and find the decay whose mean comes nearest to that of the cosine. What is its last
# rate? Then find a decay whose last rate is below the cosine's. What is its mean?**

# %%
show.schedule_composer()

# %%
curve = [warmup_cosine(t, lr=0.1, warmup=20, total=300) for t in range(300)]
print(f"cosine                    mean {statistics.mean(curve):.4f}, last {curve[-1]:.2g}")
for decay in (0.002, 0.005, 0.01, 0.02, 0.05):
    curve = [min(1, (t + 1) / 20) * exponential_decay(max(t - 20, 0), lr=0.1, decay=decay) for t in range(300)]
    print(f"exponential, decay {decay:<5}  mean {statistics.mean(curve):.4f}, last {curve[-1]:.2g}")

# %% [markdown]
# An exponential that is as fast on the whole ends at a quarter of the peak, with a floor to match; one that ends low is
# slow from early on. The cosine has both: a high mean and a low end. That it needs to know the end, `total`, is the
# price.
#
# ## 5. Past the toy: seven schedules on digits, each at its own best rate
#
# Images of handwritten digits, a network with four hidden layers, Adam, 8 epochs of batches of 64. A comparison is
# fair when every rival has its own tuned rate: each of the seven schedules gets the same five peaks, and three seeds at
# each. The peak whose median loss is lowest on the *validation* images, which are set aside from training, counts.
# What else a schedule can be told (how far it drops, how long it warms up) is a usual value, and not tuned for any.
#
# `LambdaLR` multiplies the optimiser's rate, here 1, by what our function says, this time at every step: the *hook*
# calls it each time that the optimiser has stepped. The plateau is asked once an epoch, and gets times 0.3 after one
# bad epoch. These are 105 trainings, the longest wait of this lesson.

# %%
digits, epochs = engine.digits(), 8
total = epochs * math.ceil(len(digits.x_train) / 64)
plans = {
    "constant": constant,
    "step": functools.partial(step_decay, drop=0.1, every=total // 3 + 1),
    "exponential": functools.partial(exponential_decay, decay=math.log(20) / total),
    "cosine": functools.partial(cosine_decay, lr_min=0.0, total=total),
    "warm-up and cosine": functools.partial(warmup_cosine, warmup=total // 10, total=total),
    "one-cycle": functools.partial(one_cycle, total=total),
    "plateau": None,  # torch's, below
}
print(f"{digits}\n{total} steps")

# %%
peaks, ended, tested = [0.0003, 0.001, 0.003, 0.01, 0.03], {}, {}
for (name, plan), lr, seed in ((p, lr, seed) for p in plans.items() for lr in peaks for seed in range(3)):
    model = engine.mlp([64, 64, 64, 64, 64, 10], seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0 if plan else lr)
    if plan:
        per_step = LambdaLR(optimizer, functools.partial(plan, lr=lr))
        optimizer.register_step_post_hook(lambda *_, s=per_step: s.step())
    plateau = None if plan else ReduceLROnPlateau(optimizer, factor=0.3, patience=0, threshold=0)
    settings = {"epochs": epochs, "batch_size": 64, "seed": seed, "scheduler": plateau, "progress": False}
    run = engine.train(model, optimizer, digits, loss=cross_entropy, **settings)
    ended.setdefault((name, lr), []).append(run.validation_loss[-1])
    hits = model(digits.x_test).argmax(dim=1) == digits.y_test
    tested.setdefault((name, lr), []).append(float(hits.float().mean()))

# %%
for name in plans:
    lr = min(peaks, key=lambda lr: statistics.median(ended[name, lr]))
    losses, hits = sorted(ended[name, lr]), sorted(tested[name, lr])
    print(
        f"{name:18} best peak {lr:<6g} validation loss {losses[1]:.3f} ({losses[0]:.3f} to {losses[2]:.3f}), "
        f"test accuracy {hits[1]:.1%} ({hits[0]:.1%} to {hits[2]:.1%})"
    )

# %% [markdown]
# **No schedule wins here.** On the validation images the constant rate is behind and the cosine ahead. But these images
# also chose the peaks, and the lead is gone on the test images, which no choice has looked at: there the ranges of all
# seven overlap. Three seeds and 359 images cannot tell such differences from chance. (Put 10 in place of 8 for
# `epochs`, and look who is ahead then.) What a schedule does on this easy task is seen elsewhere:

# %%
x = [math.log10(lr) for lr in peaks]
names = ("constant", "step", "cosine", "one-cycle")
curves = {name: [[ended[name, lr][seed] for lr in peaks] for seed in range(3)] for name in names}
show.lines(x, curves, "log10 of the peak rate", "validation loss, in nats", log=True)

# %% [markdown]
# The best peak of a falling schedule is above the best constant rate. And to the right of it the constant rate gets
# worse fast, while the others lose much less: **a rate that is too large to end with does little harm if it is left in
# time.** So a schedule is an insurance against a rate that is too large. To the left it is the other way round: when
# the rate is too small, lowering it makes things worse.
#
# ## 6. Why begin slowly?
#
# Warm-up is for the other end of the run. Adam, the rule of chapter 08, divides each weight's averaged gradient `m_hat`
# by its typical size, the root of `v_hat`: so each weight moves by about `lr` or less, however large its gradient. But
# at step 1 "typical" is a guess from one batch. `m_hat` is that batch's gradient, the root of `v_hat` is its size, and
# the one divided by the other is 1 or -1. **Every weight takes a full step in a direction that one batch chose.**
#
# Let us measure it. A *transformer* of twelve layers reads an image as eight rows of eight pixels. (What a transformer
# is does not matter here; it is the kind of network that made warm-up a habit.) Its weights stay where they are, and
# two Adams see 20 batches each, different ones. How long is the step that they want to take, and do they agree?

# %%
sizes = {"d_model": 16, "nhead": 4, "dim_feedforward": 32, "dropout": 0.0, "batch_first": True}
networks = []
for seed in range(3):
    torch.manual_seed(seed)
    layers = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(**sizes), 12, enable_nested_tensor=False)
    first, last = torch.nn.Linear(8, 16), torch.nn.Linear(8 * 16, 10)
    network = torch.nn.Sequential(torch.nn.Unflatten(1, (8, 8)), first, layers, torch.nn.Flatten(), last)
    networks.append(network.to(digits.x_train.device))
weights = list(networks[0].parameters())
print(f"{sum(w.numel() for w in weights):,} weights")

# %%
batches = torch.randint(len(digits.x_train), (2, 20, 32), generator=torch.Generator().manual_seed(0))
m = v = torch.zeros(2, sum(w.numel() for w in weights), device=digits.x_train.device)
print("step   length in lr   agreement   root of v_hat, one Adam over the other: for 90 weights in 100 between")
for t in range(1, 21):
    both = [cross_entropy(networks[0](digits.x_train[i]), digits.y_train[i]) for i in batches[:, t - 1]]
    grads = [torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)]) for loss in both]
    m, v = update_moments(m, v, torch.stack(grads), beta1=0.9, beta2=0.999)
    root = bias_correction(v, t, beta=0.999).sqrt() + 1e-8
    step = bias_correction(m, t, beta=0.9) / root
    if t in (1, 2, 3, 5, 10, 20):
        agree = torch.cosine_similarity(step[0], step[1], dim=0)
        low, high = (root[0] / root[1]).quantile(torch.tensor([0.05, 0.95]).to(root))
        print(f"{t:4} {step.square().mean().sqrt():12.2f} {agree:13.2f} {low:12.2f} and {high:.2f}")

# %% [markdown]
# The first step is the longest, and the least agreed upon. (Length: the root of the mean square over the weights; not
# quite 1, as a few weights have gradients as small as `eps`, the 1e-8 that Adam adds to the root. Agreement: the cosine
# of the angle between the two steps, 1 for the same direction.) Later steps are shorter because `m_hat` is then a mean
# over several batches, in which what they do not share cancels. In the last column the two guesses of the typical size
# are compared: at step 1, from a single batch each, they differ by a factor of ten and more for one weight in ten.
# After 20 steps they agree far better. A warm-up keeps the steps short for as long as this lasts.
#
# Does it matter? Four ways to start the same transformer, three seeds each. *Waiting* is a test of the explanation:
# Adam sees the first 50 batches and fills its averages, but the rate is 0, so the weights stand still; then it starts
# at the full rate. If the badly known `v` were all, that should do as well as a warm-up.

# %%
starts = {
    "0.003, at once": lambda t: 0.003,
    "0.01, at once": lambda t: 0.01,
    "0.01, waiting": lambda t: 0.0 if t < 50 else 0.01,
    "0.01, warm-up": lambda t: 0.01 * min(1, (t + 1) / 50),
}

# %%
paths = {}
for (name, rate), seed in ((start, seed) for start in starts.items() for seed in range(3)):
    model = copy.deepcopy(networks[seed])
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    per_step = LambdaLR(optimizer, rate)
    optimizer.register_step_post_hook(lambda *_, s=per_step: s.step())
    settings = {"epochs": 3, "batch_size": 32, "seed": seed, "progress": False}
    run = engine.train(model, optimizer, digits, loss=cross_entropy, **settings)
    paths.setdefault(name, []).append(run.step_loss)
    print(f"{name}, seed {seed}: validation accuracy {run.accuracy[-1]:.0%}")
print(f"guessing costs ln 10 = {math.log(10):.2f}")
show.loss_curves(paths, ylabel="loss of the batch, in nats", log=False)

# %% [markdown]
# At 0.01 the transformer learns nothing when it starts at once: at every seed its loss stays at that of guessing. With
# a warm-up of 50 steps, and the same rate after it, all three learn. What do these runs say, and what not?
#
# - **Warm-up lets a network start that would fail at this rate.** That is shown.
# - **Waiting is no cure here.** With `v` well known, at the place where it waited, two of the three runs stay at
#   guessing, and the third gets less than half of the images right. (It is not for want of steps: about 50 are left to
#   it, and in so many the run at 0.003 has come below a loss of 1.) So the explanation by the early second moment (Liu
#   and others 2020, who found that filling `v` first did help a network for translation) is not the whole story in this
#   one. It also matters that the weights *move* slowly at first. Xiong and others (2020) find large gradients at the
#   start of this kind of transformer; Gilmer and others (2021) a large curvature at the start of many networks, which
#   small steps lead out of.
# - **They do not say that warm-up is best.** At 0.003 the same network needs none, and does at least as well in these
#   three epochs. A warm-up widens the range of rates that work. Whether the large rate is worth having is another
#   question.
#
# ## 7. How it fails
#
# The mistakes in this lesson are the ones that `check` knows: each is the course's function with one edit, made here by
# `made`, and has the name that your check would give it.
#
# ### Not at the end where you think
#
# A cosine of `total` steps, in a run that goes on after them, as someone added epochs:

# %%
answer("torchs_cosine_past_its_end", ...)

# %%
wrong = {
    part.name: made(known.answer, part.change)
    for known in (exercise("cosine_decay"), exercise("exponential_decay"))
    for part in (*known.slips, *known.conventions)
}
rising, optimizer = wrong["rises again past the end"], torch.optim.SGD([torch.zeros(1)], lr=0.1)
torchs, late = CosineAnnealingLR(optimizer, T_max=100), {"lr": 0.1, "lr_min": 0.0, "total": 100}
for _ in range(150):
    optimizer.step()
    torchs.step()
print(f"at step 150 of 100: torch {torchs.get_last_lr()[0]:.3f}, here {cosine_decay(150, **late):.3f},", end=" ")
print(f"rises again past the end {rising(150, **late):.3f}")

# %%
above = {}
for name, rate in (("stays at its end", cosine_decay), ("rises again past the end", rising)):
    model = engine.mlp([10, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
    per_epoch = LambdaLR(optimizer, functools.partial(rate, lr=1.0, lr_min=0.0, total=12))
    settings = {"epochs": 24, "batch_size": 4, "scheduler": per_epoch, "progress": False}
    run = engine.train(model, optimizer, watched, loss=lambda out, y: mse_loss(out.squeeze(1), y), **settings)
    above[name] = [loss - float(lowest) for loss in run.validation_loss]
    print(f"{name:25} {above[name][11]:.4f} after 12 epochs, {above[name][-1]:.4f} after 24")
show.loss_curves(above, xlabel="epoch", ylabel="loss above the lowest possible", first=1, title="Diabetes")

# %% [markdown]
# *Rises again past the end* is what torch's own scheduler does. The first half is the same. After that the one run
# stays where it was. The other gains a little for as long as its rate is still small, and then throws away what it had.
# A loss that goes up again late in a run, for no reason that the data give, is the sign of it.
#
# ### Dead after a few steps
#
# There are two ways to get there: *decay taken for the factor*, as the check calls it, and a decay that was meant for
# each epoch, of 17 steps here, applied at each step.

# %%
mistakes = {
    "decay 0.02": lambda t: exponential_decay(t, lr=0.01, decay=0.02),
    "decay taken for the factor": lambda t: wrong["decay taken for the factor"](t, lr=0.01, decay=0.02),
    "decay per epoch, at each step": lambda t: exponential_decay(t, lr=0.01, decay=0.02 * 17),
}
for name, rate in mistakes.items():
    print(f"{name:30} all rates to come add up to {sum(rate(t) for t in range(10_000)):.3f}")

# %%
curves = {}
for name, rate in mistakes.items():
    model = engine.mlp([64, 64, 64, 64, 64, 10])
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    per_step = LambdaLR(optimizer, rate)
    optimizer.register_step_post_hook(lambda *_, s=per_step: s.step())
    run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=4, batch_size=64, progress=False)
    curves[name] = run.step_loss
    print(f"{name:30} training loss {run.train_loss[-1]:.2f} in epoch 4")
show.loss_curves(curves, ylabel="loss of the batch, in nats", title="Digits", log=False)

# %% [markdown]
# The factor 0.02 leaves next to nothing after two steps, the other after twenty or so, and the loss stays where it was
# then. It looks like a rate that is much too small, and it is one. What can be walked is the sum of the rates, and an
# exponential bounds it. Whether `t` counts steps or epochs stands in no formula: ask it of every schedule that you read
# about.
#
# ## 8. Convention box
#
# torch's schedulers are objects beside an optimiser. Each holds the count itself, and changes the optimiser's rate when
# `scheduler.step()` is called, after `optimizer.step()`. **Predict, then run:**

# %%
answer("gamma_for_a_decay", ...)

# %%
for gamma in (0.05, 0.95, math.exp(-0.05)):
    print(f"gamma {gamma:.4f}: 0.1 becomes {0.1 * gamma:.4f} after one step and {0.1 * gamma**200:.2g} after 200")

# %% [markdown]
# That is the trap: **`gamma` is the factor $e^{-\lambda}$, not the decay** $\lambda$. The conversions are exact, and
# the cells below the table have all the arguments:
#
# | here | torch |
# |---|---|
# | `step_decay(t, lr, drop, every)` | `StepLR(optimizer, step_size=every, gamma=drop)` |
# | `exponential_decay(t, lr, decay)` | `ExponentialLR(optimizer, gamma=math.exp(-decay))` |
# | `cosine_decay(t, lr, lr_min, total)` | `CosineAnnealingLR(optimizer, T_max=total, eta_min=lr_min)`, up to `total` |
# | `warmup_cosine(t, lr, warmup, total)` | `SequentialLR` of `LinearLR` and `CosineAnnealingLR`, up to `total` |
# | `one_cycle(t, lr, total)` | `OneCycleLR(optimizer, max_lr=lr, total_steps=total)` |
# | `reduce_on_plateau(losses, lr, factor, patience)` | `ReduceLROnPlateau(..., factor, patience, threshold=0)` |
# | any function of `t` | `LambdaLR(optimizer, function)`; it *multiplies*: give the optimiser or the function `lr=1` |

# %%
up = {"lr": 1.0, "warmup": 10, "total": 100}
twins = {
    "StepLR": lambda o: StepLR(o, step_size=20, gamma=0.5),
    "ExponentialLR": lambda o: ExponentialLR(o, gamma=math.exp(-0.05)),
    "ExponentialLR, gamma=decay": lambda o: ExponentialLR(o, gamma=0.05),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, T_max=100, eta_min=0.01),
    "SequentialLR": lambda o: SequentialLR(o, [LinearLR(o, 1 / 10, total_iters=9), CosineAnnealingLR(o, 90)], [10]),
    "LambdaLR": lambda o: LambdaLR(o, lambda t: warmup_cosine(t, **up)),
    "OneCycleLR": lambda o: OneCycleLR(o, max_lr=0.1, total_steps=101),
}

# %%
ours = {
    "StepLR": lambda t: step_decay(t, lr=0.1, drop=0.5, every=20),
    "ExponentialLR": lambda t: exponential_decay(t, lr=0.1, decay=0.05),
    "CosineAnnealingLR": lambda t: cosine_decay(t, lr=0.1, lr_min=0.01, total=100),
    "SequentialLR": lambda t: warmup_cosine(t, **(up | {"lr": 0.1})),
    "LambdaLR": lambda t: warmup_cosine(t, **(up | {"lr": 0.1})),
    "OneCycleLR": lambda t: one_cycle(t, lr=0.1, total=101),
}

# %%
for name, twin in twins.items():
    optimizer, apart = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9), []
    scheduler = twin(optimizer)
    for t in range(100):
        apart.append(abs(optimizer.param_groups[0]["lr"] - ours[name.split(",")[0]](t)))
        optimizer.step()
        scheduler.step()
    print(f"{name:27} largest difference in 100 steps {max(apart):.1e}, at step 1 {apart[1]:.1e}")

# %% [markdown]
# All agree to 1e-12 and better, but the third, which is the trap. The plateau has two of its own. `patience` is the
# number of bad epochs that are *let pass*: the rate falls after one more, here and in torch. And torch asks by default
# for a loss that is lower by a share of 1e-4 (`threshold`), so a loss that creeps down counts as a plateau:

# %%
losses = [1.0, 0.99995, 0.9999, 0.99985, 0.9998, 0.99975, 0.9997, 0.99965]
print("here               ", schedules.reduce_on_plateau(losses, lr=0.1, factor=0.5, patience=1))
for threshold in (0, 1e-4):
    optimizer, rates = torch.optim.SGD([torch.zeros(1)], lr=0.1), []
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=threshold)
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    print(f"torch, threshold {threshold:g}:", rates)

# %% [markdown]
# Three more differences. `CosineAnnealingLR` rises again past `T_max` (section 7), and with warm restarts, where the
# cosine jumps back to the top, it is another scheduler: `CosineAnnealingWarmRestarts`. `OneCycleLR` also moves the
# momentum the other way, unless told `cycle_momentum=False`, and fails past its end. And some warm-ups rise as $t/W$
# (Hugging Face's do): the first step then moves nothing, and each later one has the rate of our step before it. `check`
# calls that *rise from zero*, gives half the points, and says how to convert it.
#
# ## 9. In practice
#
# - **The end is known:** a warm-up over the first few per cent of the steps, and a cosine or a line down to 0 or
#   nearly 0. Set `total` to the steps that you really run; the last, smaller batch of each epoch is a step too.
# - **The end is not known:** a constant rate, kept as long as you like, and then a fall over the last part of the run
#   (Hägele and others 2024 compare it with the cosine); or the plateau, if the validation loss is not too noisy to tell
#   a plateau from bad luck.
# - **What to tune first:** the peak. The shape comes after; in section 5 none stood out on the test images. A falling
#   schedule wants a higher peak than a constant rate, so changing the schedule means tuning the peak again.
# - **Warm-up:** with Adam on deep networks and transformers, and with very large batches (Goyal and others 2017,
#   section 2.2). Where a run trains without it, as at 0.003 in section 6, leave it out or keep it short.
# - **What it costs:** one function call a step, and no memory. What it takes is a decision: the length of the run.
# - **With momentum** written as $v \leftarrow \mu v - \eta g$, a changing rate makes it another rule than torch's
#   (chapter 06).
#
# ## 10. Your turn
#
# In `exercises/05_schedules.ipynb`, in this order:
#
# 1. `step_decay` and `exponential_decay`: one line each (1 point each).
# 2. `cosine_decay`: mind what comes after `total` (2 points).
# 3. `warmup_cosine`: two pieces that have to meet (2 points). You may call your `cosine_decay`.
# 4. `reduce_on_plateau`: the only one that remembers something (3 points).
#
# `check` names the mistake when there is one. Your `warmup_cosine` then drives Adam on digits through `LambdaLR`, next
# to a constant rate, and your `reduce_on_plateau` decides during a run when to slow down.
#
# **To remember:** the rate sets the floor, so it has to fall for the loss to fall on; which shape matters less than the
# peak and the end; give each schedule its own tuned peak before you compare; a warm-up lets a network start at a rate
# that would break it; `t` in steps or in epochs, and `total` as long as the run.
#
# ## 11. Sources
#
# - Robbins and Monro (1951), "A Stochastic Approximation Method", Annals of Mathematical Statistics 22: the two
#   conditions on the rates.
# - Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR, arXiv:1608.03983.
#   Equation 5 (the cosine).
# - Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv:1706.02677. Section 2.2
#   (warm-up).
# - Smith and Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
#   arXiv:1708.07120 (one cycle, of straight lines).
# - Liu et al. (2020), "On the Variance of the Adaptive Learning Rate and Beyond", ICLR, arXiv:1908.03265: the early
#   second moment as the reason for warm-up. Ma and Yarats (2021), "On the Adequacy of Untuned Warmup for Adaptive
#   Optimization", AAAI, arXiv:1910.04209, who doubt it and look at the size of the steps, as section 6 does.
# - Xiong et al. (2020), "On Layer Normalization in the Transformer Architecture", ICML, arXiv:2002.04745. Gilmer et al.
#   (2021), "A Loss Curvature Perspective on Training Instability in Deep Learning", arXiv:2110.04369.
# - Hägele et al. (2024), "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", arXiv:2405.18392.
# - Further: Bottou, Curtis and Nocedal (2018), "Optimization Methods for Large-Scale Machine Learning", SIAM Review,
#   arXiv:1606.04838, section 4.2, because it proves what section 2 shows here: the floor of a constant rate (theorem
#   4.6), and that rates that fall have none (theorem 4.7).
