# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Summary: the course on a page
#
# Every concept with its equation, its form in torch, a picture, and the chapter that explains it. Nothing here is typed
# a second time: sentences, equations and remarks are read from the functions themselves, and the pictures are drawn by
# them. Most figures move: try the question above each; its answer is in the chapter, whose name stands beside each
# function. About 25 minutes, or a minute when you look something up.

# %%
import torch

from coursekit import engine, show
from coursekit.reference import (
    adam,
    adamw,
    adaptive,
    capstone,
    dropout,
    generalization,
    gradient_descent,
    gradients,
    landscapes,
    losses,
    minibatches,
    modern,
    momentum,
    penalties,
    schedules,
    speed,
)

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## Losses: what is to become small
#
# Move the score. Which loss goes on pushing when the answer is right by a wide margin, and which stops?

# %%
show.margins()

# %%
some = ("mse_loss", "log_softmax", "cross_entropy_loss", "binary_cross_entropy_loss", "hinge_loss")
show.summary({"01_losses": [getattr(losses, name) for name in some]})

# %% [markdown]
# ## Gradients: which way is up
#
# Turn the surface. The arrow at the point lies in the plane of $x$ and $y$: where does it point, seen from above?

# %%
show.hillside()

# %%
some = (gradients.numerical_gradient, gradients.linear_regression_gradient, gradients.cross_entropy_gradient)
show.summary({"02_gradients": some})

# %% [markdown]
# ## Gradient descent: how far to go
#
# Move the rate past $2/L$, where $L$ is the largest eigenvalue of the Hessian. What does the path do just below it, and
# just above?

# %%
show.stability()

# %%
some = (gradient_descent.gradient_descent, gradient_descent.minimize, gradient_descent.max_stable_lr)
show.summary({"03_gradient_descent": some})

# %% [markdown]
# ## Mini-batches: a gradient from a sample
#
# Change the batch size. By how much must it grow for the cloud to become half as wide?

# %%
show.gradient_cloud()

# %%
some = (minibatches.minibatches, minibatches.minibatch_gradient, minibatches.gradient_noise_scale)
show.summary({"04_minibatches": some})

# %% [markdown]
# ## Schedules: a rate that changes
#
# Five of them with the same highest rate, 0.1, over 100 steps. In the composer of chapter 05 they can be moved.

# %%
steps = range(100)
curves = {
    "step": [schedules.step_decay(t, lr=0.1, drop=0.5, every=25) for t in steps],
    "exponential": [schedules.exponential_decay(t, lr=0.1, decay=0.03) for t in steps],
    "cosine": [schedules.cosine_decay(t, lr=0.1, lr_min=0.0, total=100) for t in steps],
    "warm-up, cosine": [schedules.warmup_cosine(t, lr=0.1, warmup=10, total=100) for t in steps],
    "on a plateau": schedules.reduce_on_plateau(
        [1 / (t + 1) for t in range(20)] + [0.05] * 80, lr=0.1, factor=0.5, patience=10
    ),
}
show.lines(list(steps), curves, "step", "learning rate", log=False)

# %%
some = ("step_decay", "exponential_decay", "cosine_decay", "warmup_cosine", "one_cycle", "reduce_on_plateau")
show.summary({"05_schedules": [getattr(schedules, name) for name in some]})

# %% [markdown]
# ## Momentum, adaptive steps, Adam: the same gradient, used better
#
# Six rules on one ravine. Move the rate. Which of them zigzag, which run past, and which do not care much?

# %%
show.playground("ravine", ("gradient_descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam"))

# %%
show.summary({
    "06_momentum": [momentum.momentum, momentum.heavy_ball, momentum.nesterov, momentum.momentum_to_torch],
    "07_adaptive": [adaptive.adagrad, adaptive.rmsprop],
    "08_adam": [adam.update_moments, adam.bias_correction, adam.adam],
})  # fmt: skip

# %% [markdown]
# ## Penalties: weights that stay small
#
# What each adds to the loss of one weight, and what the step of L1, `soft_threshold`, makes of it: small ones become
# exactly zero.

# %%
w = torch.arange(-20, 21, dtype=torch.float64) / 10
curves = {
    "L2 penalty, 0.5 w²": [float(penalties.l2_penalty([x], lam=0.5)) for x in w],
    "L1 penalty, 0.5 |w|": [float(penalties.l1_penalty([x], lam=0.5)) for x in w],
    "soft threshold at 0.5": penalties.soft_threshold(w, 0.5),
}
show.lines(w, curves, "weight w", "penalty, or new weight", log=False)

# %%
some = ("l2_penalty", "l1_penalty", "l2_penalty_gradient", "soft_threshold", "ista_step")
show.summary({"09_penalties": [getattr(penalties, name) for name in some]})

# %% [markdown]
# ## AdamW: a decay that does not ask for the gradient
#
# A weight of 1 under gradients that are noise around zero, 300 steps, decay 0.1. What is left of it, by the size of the
# gradients? Under Adam with L2 it depends on them; under AdamW it does not.

# %%
powers, left = torch.linspace(-2, 2, 9), {"Adam + L2": [], "AdamW": []}
noise = torch.randn(300, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for size in 10**powers:
    for name, rule in (("Adam + L2", adamw.adam_l2), ("AdamW", adamw.adamw)):
        param = torch.ones(200, dtype=torch.float64)
        state = rule.init(param)
        for grad in size * noise:
            param, state = rule(param, grad, state, lr=0.01, weight_decay=0.1)
        left[name].append(float(param.mean()))
show.lines(powers, left, "size of the gradients, power of 10", "mean of 200 weights after 300 steps", log=False)

# %%
show.summary({"10_adamw": [adamw.adam_l2, adamw.adamw]})

# %% [markdown]
# ## Dropout: learning with units switched off
#
# Move the probability. Which scaling keeps the mean of the layer the same in training and at test?

# %%
show.dropout_statistics()

# %%
show.summary({"11_dropout": [dropout.dropout_mask, dropout.dropout, dropout.dropout_backward]})

# %% [markdown]
# ## Generalisation: images that are new and still right
#
# A digit as it is, moved down and right by one pixel, with a square cut out, and mixed with another one:

# %%
digits = engine.digits()
images = digits.images(digits.x_train[:2])
mixed, _ = generalization.mixup(images, torch.eye(2, device=images.device), 0.6, torch.tensor([1, 0]))
changed = [images[0], generalization.shift_images(images, 1, 1)[0], generalization.cutout(images, 2, 2, 3)[0], mixed[0]]
show.digits_grid(torch.stack(changed), ["as is", "shift", "cut", "mix"])

# %%
some = ("early_stopping", "shift_images", "cutout", "mixup")
show.summary({"12_generalization": [getattr(generalization, name) for name in some]})

# %% [markdown]
# ## Landscapes: signals that fade and signals that explode
#
# Twenty layers of `tanh`, three ways to begin. Whose gradients are small in every layer, and whose grow from the last
# layer to the first?

# %%
generator = torch.Generator().manual_seed(0)
x, norms = torch.randn(100, 64, generator=generator), {}
for name, std in {"half of Xavier's": 0.5, "Xavier's": 1.0, "three times Xavier's": 3.0}.items():
    std *= landscapes.xavier_std(64, 64)
    weights = [std * torch.randn(64, 64, generator=generator) for _ in range(20)]
    norms[name] = landscapes.gradient_norms(weights, x, torch.tanh)
show.gradient_norms(norms)

# %%
some = ("kaiming_std", "xavier_std", "clip_by_global_norm", "classify_critical_point", "gradient_norms")
show.summary({"13_landscapes": [getattr(landscapes, name) for name in some]})

# %% [markdown]
# ## Modern optimizers: a sign, a matrix, an average
#
# Muon's step is a matrix. What Newton and Schulz's steps do to its singular values, the largest first: far apart as
# they were, five steps bring them between about 0.7 and 1.2.

# %%
matrix = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
values = {"before": torch.linalg.svdvals(matrix / matrix.norm())}
values["after 5 steps"] = torch.linalg.svdvals(modern.newton_schulz(matrix))
show.lines(list(range(1, 33)), values, "number of the singular value", "singular value", log=False)

# %%
show.summary({"14_modern": [modern.lion, modern.newton_schulz, modern.muon, modern.schedule_free]})

# %% [markdown]
# ## Speed: a step is as long as its way through the memory
#
# An optimizer does little arithmetic with each number. On large models its step takes as long as it takes to read and
# write these:

# %%
for name in ("gradient_descent", "momentum", "lion", "rmsprop", "adam", "adamw"):
    print(f"{name:17} {speed.bytes_moved(name, 1, 4):2} bytes for each float32 parameter and step")

# %%
show.summary({"15_speed": [speed.bytes_moved, speed.adam_foreach]})

# %% [markdown]
# ## Capstone: all of it in one step
#
# Loss, gradients, clipping, the rate of this step, AdamW; and what is left out of the decay:

# %%
show.summary({"16_capstone": [capstone.decay_groups, capstone.training_step]})

# %% [markdown]
# ## What goes wrong, and where to read about it
#
# | what one sees | what it may be | chapter |
# |---|---|---|
# | the first loss is far from $\log$ of the number of classes | first weights too large, wrong labels | [01], [16] |
# | a loss too good to be true | the answer is among the inputs | [16] |
# | the loss grows by a factor in every step | the rate is above $2/L$ | [03] |
# | the path zigzags across a valley | a large condition number | [03], [06] |
# | the loss jitters and does not settle | noise of small batches at a constant rate | [04], [05] |
# | the first steps blow up, later ones would not | no warm-up, no bias correction | [05], [08] |
# | the loss stands still for long, then falls | a saddle or a plateau | [13] |
# | deep layers learn, the first ones do not | vanishing gradients | [13] |
# | the loss becomes NaN after a large gradient | exploding gradients, no clipping | [13] |
# | training loss falls, validation loss rises | overfitting | [09], [11], [12] |
# | another decay is best after each change of the rate | L2 inside Adam | [10] |
# | worse at test than the curve promised | dropout left on, or scaled twice | [11] |
# | the curve is right, but each step takes long | bytes moved more often than needed | [15] |
#
# `progress()` says which exercises are still open.
#
# [01]: 01_losses.ipynb
# [03]: 03_gradient_descent.ipynb
# [04]: 04_minibatches.ipynb
# [05]: 05_schedules.ipynb
# [06]: 06_momentum.ipynb
# [08]: 08_adam.ipynb
# [09]: 09_penalties.ipynb
# [10]: 10_adamw.ipynb
# [11]: 11_dropout.ipynb
# [12]: 12_generalization.ipynb
# [13]: 13_landscapes.ipynb
# [15]: 15_speed.ipynb
# [16]: 16_capstone.ipynb
