# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Losses: what counts as wrong?
#
# Training makes one number small, the loss. Everything that you want from a model has to be in that number. What should
# it be, and what happens when the choice is wrong?
#
# About 40 minutes. You need to know what a mean, a logarithm and a derivative are. All losses here are means over the
# examples, as torch's are, and the losses for classes take what torch's take (*scores*, section 3). The other forms
# that you will meet stand in section 9.

# %%
import dataclasses
import math
import statistics

import torch
from torch.nn.functional import one_hot

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.losses import binary_cross_entropy_loss, cross_entropy_loss, hinge_loss, log_softmax, mse_loss

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Two forecasts, one question
#
# Two services forecast the temperature for ten days. **Which one is better?**

# %%
days = torch.arange(1, 11)
measured = torch.tensor([12.0, 14, 13, 15, 17, 16, 18, 17, 19, 18])
forecasts = {"A": measured + 2 * (-1.0) ** days, "B": measured - 9 * (days == 7)}
show.lines(days, {"measured": measured, **forecasts}, "day", "temperature in °C", log=False)

# %% [markdown]
# A is always wrong, by 2 degrees. B is exact on nine days and 9 degrees off on the seventh. Here are two ways to make
# one number of ten errors:

# %%
for name, forecast in forecasts.items():
    absolute = (forecast - measured).abs().mean()
    print(f"{name}: mean absolute error {absolute:.2f}   mean squared error {mse_loss(forecast, measured):.2f}")

# %% [markdown]
# By the first number B is better, by the second A. Neither number is a mistake. If you choose a coat in the morning,
# take B; if one cold night kills your seedlings, take A. **A loss is an answer to the question what an error costs
# you.**
#
# For a model the answer is final. A model is a function with numbers in it, its *weights*, that training changes. The
# loss makes one number of the predictions and the truth, smaller when they agree better, and its derivative says for
# each prediction which way it should move and how hard. Nothing else reaches the weights. So of every loss in this
# lesson we ask two things: *what does it cost?* and *how does it pull?*
#
# ## 2. Numbers: the squared error

# %%
show.formula(mse_loss)

# %% [markdown]
# | symbol | in the code | what it is |
# |---|---|---|
# | $\hat y_i$ | `prediction` | what the model says for example $i$ |
# | $y_i$ | `target` | what is true |
# | $n$ | | how many there are: `.mean()` sums and divides by it |
#
# In words: the errors, squared, averaged. Its unit is that of the target, squared.
#
# **Predict, then run.** Five houses were sold. Run the cell to read the question, put a number in place of `...`, and
# run it again.

# %%
answer("best_single_guess", ...)

# %%
prices, guesses = torch.tensor([1.0, 2, 3, 4, 100]), torch.linspace(0, 60, 601)
costs = {
    "squared": torch.stack([mse_loss(guess.expand(5), prices) for guess in guesses]),
    "absolute": torch.stack([(guess - prices).abs().mean() for guess in guesses]),
}
for name, cost in costs.items():
    print(f"{name} error: the best guess is {guesses[cost.argmin()]:.1f}")
curves = {f"{name} error": cost / cost.min() for name, cost in costs.items()}
show.lines(guesses, curves, "guess", "loss, over its smallest value", log=False)

# %% [markdown]
# The squared error is lowest at the mean, the absolute error at the median, the third of the five prices. The
# derivatives say why. Here is the *pull* of each house on the guess, minus the derivative of the loss by the guess for
# this house, at 22 for the squared error and at 3 for the absolute one. (`loss.backward()` has torch compute the
# derivatives; they are then in `prediction.grad`. `torch.autograd.grad(loss, prediction)`, further down, hands them
# over instead.)

# %%
for name, guess in (("squared", 22.0), ("absolute", 3.0)):
    prediction = torch.full((5,), guess, requires_grad=True)
    loss = mse_loss(prediction, prices) if name == "squared" else (prediction - prices).abs().mean()
    loss.backward()
    print(f"{name:8} error at {guess:2g}: pulls", "  ".join(f"{0 - pull:+.1f}" for pull in prediction.grad))

# %% [markdown]
# A plus pulls the guess up. With the squared error a house pulls as hard as it is far away, and one house holds the
# four others in balance. With the absolute error all pull alike, so the guess goes where as many are above as below.
#
# So the squared error fits where large errors are real and ought to count, and where errors are the sum of many small
# causes: if they follow the bell curve (are *Gaussian*), the model with the least squared error is the one under which
# the data are most likely (Goodfellow and others, section 5.5.1). It does not fit where some targets are false. Section
# 7 tries that on real data.
#
# ## 3. Classes: the cross-entropy
#
# Which digit is this? A *linear layer* looks at images of handwritten digits, 64 pixels each, and gives ten numbers for
# each image, one for each digit: ten weighted sums of the pixels. These numbers are **scores**, also called *logits*:
# they may be any numbers, and the largest wins. Training looks for the weights, with the loss that this section is
# about. (`engine.mlp([64, 10])` is the layer. `engine.Optimizer` moves its weights, here by gradient descent, with
# steps as long as the learning rate `lr` says; that is chapter 03. `engine.train` goes through all training images 20
# times, which is 20 *epochs*, numbered from 0, 64 images in each step. What it prints as *validation* is measured on
# images that are set aside from training, and *accuracy* is the share of them that it puts right.)

# %%
digits = engine.digits()
model = engine.mlp([64, 10])
optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=0.3)
engine.train(model, optimizer, digits, loss=cross_entropy_loss, epochs=20, batch_size=64, progress=False)

# %%
scores = model(digits.x_test[:1]).detach()  # detach: no derivatives are wanted here
p = log_softmax(scores).exp()  # the probabilities; section 4 says why by way of their logarithms
print("scores       ", "  ".join(f"{z:5.1f}" for z in scores[0]))
print("probabilities", "  ".join(f"{share:5.3f}" for share in p[0]), f"  sum {p.sum():.3f}")
show.digits_grid(digits.images(digits.x_test[:1]), [f"a {digits.y_test[0]}"])

# %% [markdown]
# Above the image stand its ten scores, for the digits 0 to 9, and the probabilities that they stand for. The one comes
# from the other by **softmax**: make each score positive with $e^z$, then divide by the sum.
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}$$
#
# Now the loss. **The cross-entropy asks one thing: what probability did you give to what happened?** It takes the
# logarithm of that one probability, with a minus, and averages over the images.

# %%
show.formula(cross_entropy_loss)

# %% [markdown]
# | symbol | in the code | what it is |
# |---|---|---|
# | $z_{ik}$ | `logits` | the score of class $k$ for example $i$: one row for each example |
# | $y_i$ | `labels` | the number of the right class, counted from 0 |
# | $p_{ik}$ | | the probability; only its logarithm, `log_p`, is computed |
# | $\log p_{i,y_i}$ | `log_p.gather(...)` | in each row the number at the right class |
#
# The first line of the code, with `max`, does not stand in the equation. Section 4 is about it.
#
# **Predict, then run.** What does a confident mistake cost?

# %%
answer("one_confident_mistake", ...)

# %%
p = torch.linspace(0.001, 1, 1000)
curves = {"cross-entropy": -p.log(), "squared error of p": (1 - p) ** 2}
print(f"99 images at 0.99 cost {-99 * math.log(0.99):.3f} in all, one at 0.000001 costs {-math.log(1e-6):.3f}")
for i in (99, 9, 0):
    print(f"p = {p[i]:.3f}: ", "   ".join(f"{name} {curve[i]:.3f}" for name, curve in curves.items()))
show.lines(p, curves, "probability given to the right class", "loss of one example", log=False)

# %% [markdown]
# Both are 0 when the right class gets everything. But the squared error of the probability never exceeds 1, and hardly
# tells 0.1 from 0.001. The cross-entropy charges 2.303 more each time the probability is a tenth of what it was:
# whoever says *impossible* of something that happens pays without limit.
#
# Back to the digits. These are the test images that cost most, with their true digit and the probability that it got:

# %%
scores = model(digits.x_test).detach()
each = -log_softmax(scores).gather(1, digits.y_test[:, None])[:, 0]
worst = each.argsort(descending=True)[:8]
captions = [f"{digits.y_test[i]}: {math.exp(-each[i]):.3f}" for i in worst]
print(f"{len(each)} images; these eight carry {each[worst].sum() / each.sum():.0%} of the loss")
print(f"median {each.median():.4f}, mean {each.mean():.3f}, largest {each.max():.2f}")
show.digits_grid(digits.images(digits.x_test[worst]), captions, columns=8)

# %% [markdown]
# Half of the images cost next to nothing, and a few carry the loss: those where the model is sure and wrong. There the
# learning goes on. But suppose that one of these labels were false: it would pull as hard as the true ones.
#
# ## 4. The same number, without overflow
#
# `exp` grows fast. **Predict, then run.**

# %%
answer("largest_score_for_exp", ...)

# %% [markdown]
# So the equations as they stand, first the probabilities and then the logarithm, must fail at some score. Take two
# classes with the scores $z$ and 0, of which the second is right. The loss is $\log(1 + e^z)$, nearly $z$ when $z$ is
# large.

# %%
largest = torch.finfo(torch.float32).max
print(f"the largest float32 is {largest:.3g}, and its logarithm {math.log(largest):.2f}")
label = torch.tensor([1])
print("    z   first p, then log   with the maximum taken off")
for z in (1.0, 10.0, 80.0, 90.0, 200.0, 1e4):
    scores = torch.tensor([[z, 0.0]])
    p = scores.exp() / scores.exp().sum()
    print(f"{z:5g}   {-p[0, 1].log():17.4f}   {cross_entropy_loss(scores, label):26.4f}")

# %% [markdown]
# From 90 on $e^z$ is inf, the probability 1/inf = 0, and its logarithm minus infinity. The cure is two steps on paper.
# First: $\log(a/b) = \log a - \log b$, and the logarithm of $e^z$ is $z$, so the probability itself is never needed.
# Second: the same number may be taken off all scores, since it cancels in the quotient. Take off the largest of them,
# and the largest exponential is $e^0 = 1$. That is the line with `max`:

# %%
show.formula(log_softmax)

# %% [markdown]
# Does it happen in practice? We train the layer on digits again, with a large learning rate and two losses that differ
# in the maximum alone. The mistakes in this lesson are the ones that `check` knows: each is the reference, the course's
# own function, with one edit (`made` makes it), and has the name that your check would give it.

# %%
known = exercise("cross_entropy_loss")
wrong = {part.name: made(cross_entropy_loss, part.change) for part in (*known.slips, *known.conventions)}
for name in ("right", "no max subtracted"):
    model = engine.mlp([64, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=10.0)
    loss = wrong.get(name, cross_entropy_loss)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=10, batch_size=64, progress=False)
    print(f"{name}: {run.stopped or f'{run.accuracy[-1]:.1%} of the validation images right'}")

# %% [markdown]
# A loss that is suddenly inf or NaN (*not a number*, such as 0/0) often is this: somewhere an exponential overflowed,
# or a logarithm was given a 0. A small number inside the logarithm, `log(p + 1e-9)`, is no cure. It hides the worst
# mistakes:

# %%
z = torch.tensor([[90.0, 0.0]], requires_grad=True)
shifted = (z - z.max()).exp()
patched = -(shifted[0, 1] / shifted.sum() + 1e-9).log()
for name, loss in (("log(p + 1e-9)", patched), ("from the scores", cross_entropy_loss(z, label))):
    slope = torch.autograd.grad(loss, z)[0][0, 1]
    print(f"{name:16} loss {loss:.1f}, slope by the right score {slope:.2g}")

# %% [markdown]
# The patched loss neither says how wrong the model is nor pulls it back. Compute from the scores.
#
# ## 5. Two classes: one score is enough
#
# A tumour is malignant or not, a mail is spam or not. With two classes only the difference of the scores matters, so
# one score $z$ will do, and the other may be 0. The first probability in the softmax of $(z, 0)$ is the **sigmoid**,
# $\sigma(z) = 1/(1 + e^{-z})$, and the cross-entropy becomes:

# %%
show.formula(binary_cross_entropy_loss)

# %% [markdown]
# $y$ is 1 or 0, so one of the two terms of the first form drops out. Written out, $\log\sigma(z)$ is
# $z - \log(1 + e^z)$ and $\log(1 - \sigma(z))$ is $-\log(1 + e^z)$, which leaves the second form;
# `torch.logaddexp(z, 0)` is $\log(e^z + e^0)$ with the larger of the two taken off, as in section 4. Is it the loss of
# section 3, for two classes?

# %%
z = torch.linspace(-30, 30, 7, dtype=torch.float64)
y = torch.tensor([0, 1, 0, 1, 0, 1, 1])
two_scores = torch.stack((0 * z, z), dim=1)  # of class 0 and of class 1
print(f"{binary_cross_entropy_loss(z, y):.15f}  one score")
print(f"{cross_entropy_loss(two_scores, y):.15f}  two scores, one of them 0")

# %% [markdown]
# Now its pull. **Predict, then run:**

# %%
answer("slope_of_a_confident_mistake", ...)

# %%
z = torch.linspace(-10, 10, 201, dtype=torch.float64, requires_grad=True)
one, slopes = torch.ones_like(z), {}
for name, loss in (("binary cross-entropy", binary_cross_entropy_loss(z, one)),
                   ("squared error of the probability", mse_loss(torch.sigmoid(z), one))):  # fmt: skip
    slopes[name] = torch.autograd.grad(loss, z)[0] * len(z)  # of each example alone, not of the mean
    print(f"{name}: slope {slopes[name][0]:.2g} at z = -10, {slopes[name][100]:.2g} at z = 0")
show.lines(z, slopes, "score z of the right class", "derivative of the loss by z", log=False)

# %% [markdown]
# At the left the model is sure and wrong. There the cross-entropy pulls at full strength, and the squared error of the
# probability hardly at all: it is multiplied by the slope of the sigmoid, which is flat. The derivative of the
# cross-entropy is $\sigma(z) - y$, the probability minus the truth. The logarithm undoes the sigmoid's flatness; the
# two are made for each other.
#
# ## 6. Margins: the hinge
#
# Write the label as $y = -1$ or $+1$ and let the sign of a score $s$ decide. Then $y\,s$ is the **margin**: positive
# when the answer is right, and the larger, the surer. The hinge asks for a margin of 1 and charges what is missing:

# %%
show.formula(hinge_loss)

# %% [markdown]
# **Predict, then run.** Right, but barely:

# %%
answer("hinge_of_a_right_answer", ...)

# %%
for s in (-1.0, 0.3, 1.0, 5.0):
    print(f"score {s:4g}, label +1: hinge loss {hinge_loss(torch.tensor([s]), torch.tensor([1])):.1f}")

# %% [markdown]
# Below are four losses against the margin. The *0-1 loss* counts mistakes. That is often what one wants in the end, and
# one cannot train with it: its slope is 0 wherever it has one. *Logistic* is the binary cross-entropy of section 5, and
# *squared* is the squared error of the score itself, against the label.
#
# **Find out: from which margin on does each of the three others no longer ask for more?** Drag the score from left to
# right, or use the arrow keys, read the slopes in the sentence below, and write down where each stops. One never does,
# and one does worse than stopping.

# %%
show.margins()

# %%
for margin in (-2.0, 0.5, 0.99, 1.01, 3.0):
    s, plus = torch.tensor([margin], dtype=torch.float64, requires_grad=True), torch.ones(1, dtype=torch.float64)
    three = {"hinge": hinge_loss, "logistic": binary_cross_entropy_loss, "squared": mse_loss}
    slopes = {name: 0 + float(torch.autograd.grad(loss(s, plus), s)[0]) for name, loss in three.items()}
    print(f"margin {margin:5g}, slopes: ", "   ".join(f"{name} {slope:+.3f}" for name, slope in slopes.items()))

# %% [markdown]
# A minus asks for more margin. The hinge stops at 1: an example that is right by enough has no say any more, and what
# is learned rests on the others, the *support vectors* of the support vector machine. The logistic loss never stops, it
# only gets quieter. The squared error turns round at 1: **it punishes answers for being too right.** Keep that in mind
# for section 7.
#
# At exactly 1 the hinge has a kink and no derivative. Any slope from that on the left to that on the right will do
# there (each is a *subgradient*). torch picks one, and which one depends on how you write $\max(0, x)$:

# %%
x = torch.zeros(4, requires_grad=True)
ways = torch.stack((x[0].clamp(min=0), torch.relu(x[1]), torch.maximum(x[2], torch.zeros(())), x[3].abs()))
slopes = torch.autograd.grad(ways.sum(), x)[0]
names = ("x.clamp(min=0)", "torch.relu(x)", "torch.maximum(x, 0)", "x.abs(), another kink")
for name, slope in zip(names, slopes, strict=True):
    print(f"{name:22} slope at 0: {slope:g}")

# %% [markdown]
# Training does not mind, since a margin is hardly ever exactly 1. A check that compares two right answers at a kink
# would, so the checks of this course stay away from it.
#
# ## 7. Past the toy
#
# ### False targets: diabetes
#
# 442 patients, ten measurements each; the target is how far the disease had gone a year later, standardised: mean 0 and
# standard deviation (sd) 1. In some of the training rows we add 18 sd, as if someone had typed a zero too many.
# Validation and test rows stay as they are. A linear layer learns by the squared error and by the absolute one. (It
# gives the shape (n, 1); `Flatten(0)` makes (n,) of it, the shape of the targets. Section 8 says why.) Five *seeds*
# each (the numbers that random draws start from): another split, other false rows. For each loss and each share of
# false rows that one of seven rates counts at which this loss is lowest on the validation rows. The test rows, which
# nothing has looked at so far, are then measured by both errors.

# %%
rates, shares, errors = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1), (0.0, 0.05, 0.1), {}
settings = {"epochs": 20, "batch_size": 32, "progress": False}
for share in shares:
    for seed in range(5):
        data = engine.diabetes(seed)
        false = torch.rand(len(data.y_train), generator=torch.Generator().manual_seed(seed)) < share
        data = dataclasses.replace(data, y_train=data.y_train + 18 * false.to(data.y_train))
        for name, loss in (("squared", mse_loss), ("absolute", torch.nn.functional.l1_loss)):
            for lr in rates:
                model = torch.nn.Sequential(engine.mlp([10, 1], seed), torch.nn.Flatten(0))
                optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=lr)
                run = engine.train(model, optimizer, data, loss=loss, seed=seed, **settings)
                off = (model(data.x_test) - data.y_test).detach()
                tests = float(off.abs().mean()), float(off.square().mean())
                errors.setdefault((name, share, lr), []).append((run.validation_loss[-1], *tests))

# %%
curves = {"squared": [], "absolute": []}
for name, curve in curves.items():
    for share in shares:
        lr = min(rates, key=lambda lr: statistics.median(loss for loss, _, _ in errors[name, share, lr]))
        _, tests, squares = zip(*errors[name, share, lr], strict=True)
        curve.append(tests)
        print(f"{name:8} error, {share:3.0%} false, best rate {lr:<6g}: off by {statistics.median(tests):.2f},",
              f"from {min(tests):.2f} to {max(tests):.2f}; squared {statistics.median(squares):.2f}")  # fmt: skip
percent = [100 * share for share in shares]
curves = {f"by the {name} error": torch.tensor(curve).T for name, curve in curves.items()}
show.lines(percent, curves, "false training targets in %", "mean absolute error of test rows, in sd", log=False)

# %% [markdown]
# Without false targets the two are level by the absolute error, and by the squared error the squared one is a little
# ahead. With one in twenty, the worst seed of the absolute error is better than the best of the squared error, which is
# dragged towards numbers that nobody measured. Even when the test rows are measured by the squared error (the last
# number), training by the absolute one ends lower. Look at the best rates of the squared error: they are so small that
# the layer hardly begins to learn, and of the seven that is the best it can do. It is a matter of the data and not of
# rank: these false targets are far away and all on one side, which is hard on the squared error. In between stands the
# *Huber loss*, squared near 0 and absolute further out.
#
# ### Which loss for classes? Digits
#
# Four losses for one task. The cross-entropy compares the ten scores of an image with each other. The other three treat
# each score as a question of its own, *is it this digit or not?*, with `one_hot` labels: 1 for the right digit, else 0.
# Values of different losses cannot be compared, so we compare what all of them are for: how many images get their
# largest score at the right digit. Each loss gets the same eight rates (with seed 0), for the linear layer and for a
# network with a *hidden layer*: 32 weighted sums of the pixels, negative ones set to 0, and the ten scores are weighted
# sums of these.

# %%
tasks = {
    "cross-entropy": cross_entropy_loss,
    "ten binary": lambda scores, y: binary_cross_entropy_loss(scores, one_hot(y, 10)),
    "ten hinges": lambda scores, y: hinge_loss(scores, 2 * one_hot(y, 10) - 1),
    "ten squares": lambda scores, y: mse_loss(scores, 2 * one_hot(y, 10) - 1),
}
networks = {"linear": [64, 10], "one hidden layer": [64, 32, 10]}
rates, settings, reached = [10 ** (k / 2) for k in range(-4, 4)], {"epochs": 20, "batch_size": 64}, {}
for network, sizes in networks.items():
    for name, loss in tasks.items():
        for lr in rates:
            model = engine.mlp(sizes)
            optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=lr)
            run = engine.train(model, optimizer, digits, loss=loss, progress=False, **settings)
            reached[network, name, lr] = 0.0 if run.stopped else run.accuracy[-1]

# %%
x = [math.log10(lr) for lr in rates]
curves = {name: [100 * max(reached["linear", name, lr], 0.7) for lr in rates] for name in tasks}
ylabel = "validation images right, in % (floor: 70)"
show.lines(x, curves, "log10 of the learning rate", ylabel, title="Linear layer", log=False)

# %% [markdown]
# Each loss wants a rate of its own: at one common rate the outcome would depend on which rate that is. Now each loss at
# its best rate, with five other seeds (other first weights, other order of the images), on the test images:

# %%
for network, sizes in networks.items():
    for name, loss in tasks.items():
        best, right = max(rates, key=lambda lr: reached[network, name, lr]), []
        for seed in range(1, 6):
            model = engine.mlp(sizes, seed)
            optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=best)
            engine.train(model, optimizer, digits, loss=loss, seed=seed, progress=False, **settings)
            right.append((model(digits.x_test).argmax(dim=1) == digits.y_test).float().mean().item())
        low, _, middle, _, high = sorted(right)
        print(f"{network:16} {name:14} rate {best:<5.2g} {middle:.1%} right, from {low:.1%} to {high:.1%}")

# %% [markdown]
# **For the linear layer the cross-entropy wins**, beyond the spread of the seeds: it wants the right score above the
# other nine, and not that each score answer a question alone. The squared error comes last, as section 6 leads one to
# expect. **With a hidden layer the order disappears**: the four ranges overlap. Hui and Belkin (2021) found the same
# with large networks, the squared error as good as the cross-entropy or better on language and speech, and slightly
# behind on images. So for the share of right answers the loss mattered where the model was weak. Where you want
# probabilities, take a cross-entropy: its scores stand for them.
#
# ## 8. How it fails
#
# ### Probabilities where scores are wanted
#
# **Predict, then run.**

# %%
answer("perfect_probabilities", ...)

# %%
curves = {}
for name in ("right", "softmax twice"):
    model = engine.mlp([64, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=0.3)
    loss = wrong.get(name, cross_entropy_loss)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=30, batch_size=64, progress=False)
    curves[name] = run.validation_loss
    print(f"{name:14} loss {run.validation_loss[-1]:.3f}, {run.accuracy[-1]:.1%} of the validation images right")
for k in (5, 10):
    least = cross_entropy_loss(torch.eye(k), torch.arange(k))
    print(f"perfect probabilities of {k} classes, read as scores: {least:.3f}")
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, log=False)

# %% [markdown]
# The loss comes down a little and gets stuck far from 0, and below the last number above it cannot go. Yet the accuracy
# is nearly as good, because the largest probability is still in the right place. A loss that will not fall while the
# accuracy is fine: look for a softmax too many in the model's last layer.
#
# ### A column against a row
#
# A model gives shape (n, 1), the targets have shape (n,). Here every prediction is perfect:

# %%
prediction, target = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 3.0])
print("shape of the difference:", tuple((prediction - target).shape))
print("torch says:", torch.nn.functional.mse_loss(prediction, target))
try:
    mse_loss(prediction, target)
except ValueError as error:
    print("this course says:", error)

# %% [markdown]
# Broadcasting pairs each prediction with every target, and torch only warns. On the diabetes data, with the mistake as
# `check` knows it:

# %%
wrong |= {part.name: made(mse_loss, part.change) for part in exercise("mse_loss").slips}
data, curves = engine.diabetes(), {}
for name in ("right", "each with every other"):
    model = torch.nn.Sequential(engine.mlp([10, 1]), torch.nn.Flatten(0))
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=0.03)
    loss = wrong.get(name, mse_loss)
    run = engine.train(model, optimizer, data, loss=loss, epochs=30, batch_size=32, progress=False)
    predictions = model(data.x_validation).detach()
    curves[name] = run.train_loss
    print(f"{name:22} predictions spread by {predictions.std():.2f}; the targets by {data.y_validation.std():.2f}")
show.loss_curves(curves, xlabel="epoch", ylabel="training loss", first=1, log=False)

# %% [markdown]
# A model that is compared with everybody's target learns the mean of all targets and says it of everyone. The curve
# falls at first and then stays near 1, the variance of a standardised target. Predictions that hardly differ from each
# other: look at the shapes.
#
# ### A sum for a mean
#
# The sum over a batch of 64 is 64 times the mean, and so is its gradient. What happens at the rate that suited the
# mean?

# %%
for name, lr in (("right", 0.3), ("summed over the rows", 0.3), ("summed over the rows", 0.3 / 64)):
    model = engine.mlp([64, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES["gradient_descent"], lr=lr)
    loss = wrong.get(name, cross_entropy_loss)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=20, batch_size=64, progress=False)
    per_row = cross_entropy_loss(model(digits.x_validation), digits.y_validation)
    print(f"{name:22} lr {lr:<7.2g} validation loss per image {per_row:.3f}, {run.accuracy[-1]:.1%} right")

# %% [markdown]
# Steps that are 64 times too long: most images still come out right, but the loss says how sure the model is of the
# others. With the rate divided by 64 the two runs are nearly one (the last batch of an epoch is smaller, and there the
# sum pulls less). The sum is no error, but its rate must change with the batch size.
#
# ### Read the first number
#
# **Predict, then run.** The cheapest test of a training run needs no training.

# %%
answer("loss_before_training", ...)

# %%
model = engine.mlp([64, 32, 10])
print(f"log 10 = {math.log(10):.3f}")
print(f"standardised pixels: {cross_entropy_loss(model(digits.x_train), digits.y_train):.3f}")
raw = digits.x_train * digits.scale + digits.mean
print(f"pixels from 0 to 16: {cross_entropy_loss(model(raw), digits.y_train):.3f}")
print(f"last layer 10 x:     {cross_entropy_loss(10 * model(digits.x_train), digits.y_train):.3f}")

# %% [markdown]
# A fresh network should be undecided. If its first loss is well above $\log K$, its scores are too large: it is already
# sure, and the first steps go into taking that back. Here inputs that are not standardised do it, or weights ten times
# too large in the last layer.
#
# ## 9. Conventions: textbooks, torch, and this course
#
# The textbook form of the cross-entropy is a sum with a one-hot label (1 for the right class, 0 for the others), over
# classes and often over the examples too: $-\sum_i \sum_k y_{ik} \log p_{ik}$. It takes probabilities. This course and
# torch take scores and the number of the class, and average over the examples. **The sum is N times the mean; nothing
# else differs.**

# %%
generator = torch.Generator().manual_seed(0)
scores, labels = torch.randn(8, 5, dtype=torch.float64, generator=generator), torch.arange(8) % 5
p, y = torch.softmax(scores, dim=1), one_hot(labels, 5)
forms = {
    "textbook sum / N": -(y * p.log()).sum() / 8,
    "torch, class numbers": torch.nn.functional.cross_entropy(scores, labels),
    "torch, one-hot labels": torch.nn.functional.cross_entropy(scores, y.double()),
    "torch, log_softmax and nll_loss": torch.nn.functional.nll_loss(torch.log_softmax(scores, 1), labels),
}
for name, value in forms.items():
    torch.testing.assert_close(value, cross_entropy_loss(scores, labels), rtol=1e-12, atol=0)
    print(f"{value:.15f}  {name}")

# %% [markdown]
# The trap is the one of section 8: torch cannot see that it was given probabilities, and reads them as scores.
# `nll_loss` has one of its own: it takes the *logarithms* of probabilities and only picks and averages.
#
# | this course (and torch) | elsewhere | conversion |
# |---|---|---|
# | `mse_loss`: mean of squares | half the mean; half the sum | times 2; times 2/n |
# | `cross_entropy_loss`: mean, in *nats* (natural logarithm) | sum; in *bits* (base 2) | divide by N; times $\log 2$ |
# | `binary_cross_entropy_loss`: labels 0 and 1 | $\log(1 + e^{-y s})$, labels -1 and +1 | $2y - 1$ for the labels |
# | `hinge_loss`: labels -1 and +1, mean | the sum; the squared hinge | divide by n; none, it is another loss |
#
# In torch the hinge goes by another name, and something else has its name:

# %%
functional = torch.nn.functional
s, y = torch.randn(9, dtype=torch.float64, generator=generator), 1.0 - 2 * (torch.arange(9) % 2).double()
ours, zero = hinge_loss(s, y), torch.zeros_like(s)
torch.testing.assert_close(functional.margin_ranking_loss(s, zero, y, margin=1), ours, rtol=1e-12, atol=0)
print(f"hinge_loss {ours:.6f}, margin_ranking_loss {functional.margin_ranking_loss(s, zero, y, margin=1):.6f},",
      f"hinge_embedding_loss {functional.hinge_embedding_loss(s, y):.6f}")  # fmt: skip
logistic, half_sum = torch.log1p(torch.exp(-y * s)).mean(), ((s - y) ** 2).sum() / 2
torch.testing.assert_close(logistic, binary_cross_entropy_loss(s, (y + 1) / 2), rtol=1e-12, atol=0)
torch.testing.assert_close(half_sum * 2 / len(s), mse_loss(s, y), rtol=1e-12, atol=0)

# %%
far, one = torch.tensor([-1000.0], requires_grad=True), torch.ones(1)
cut_off = functional.binary_cross_entropy(torch.sigmoid(far), one)
for name, loss in (("from the score", binary_cross_entropy_loss(far, one)), ("from the probability", cut_off)):
    print(f"score -1000, label 1, {name:20}: loss {loss:4g}, slope {torch.autograd.grad(loss, far)[0].item():g}")
s, y = torch.tensor([2.0, -3.0]), torch.tensor([1, 0])
print("hinge with labels 0 and 1, each example:", (1 - y * s).clamp(min=0).tolist())
try:
    hinge_loss(s, y)
except ValueError as error:
    print("this course says:", error)

# %% [markdown]
# The first two lines: `torch.nn.functional.binary_cross_entropy` takes probabilities, cuts each logarithm off at -100,
# and has no slope there. Take `binary_cross_entropy_with_logits`. The third: with labels 0 and 1 in a hinge the class 0
# costs 1 whatever its score is, and nothing pulls at it.
#
# ## 10. In practice
#
# | task | last layer gives | loss | in torch |
# |---|---|---|---|
# | a number | one number | squared error | `mse_loss` |
# | a number, some targets false | one number | absolute, or Huber | `l1_loss`, `huber_loss` |
# | one of K classes | K scores, no softmax | cross-entropy | `cross_entropy` |
# | yes or no | one score, no sigmoid | binary cross-entropy | `binary_cross_entropy_with_logits` |
# | several of K labels at once | K scores, no sigmoid | binary cross-entropy of each | the same |
# | yes or no, no probability wanted | one score | hinge | `margin_ranking_loss` |
#
# - **What to check first:** shapes of prediction and target; scores, not probabilities; the first loss near $\log K$.
# - **What to look at:** beside the loss, the number that you want in the end, such as the share of right answers.
#   Section 8 has two runs in which they disagree.
# - **When some classes are rare:** every example counts the same in a mean, so the frequent classes weigh most.
#   torch's losses can count the rare ones more (`weight`, `pos_weight`); the probabilities are then no longer those of
#   the data.
# - **What it costs:** one pass over the scores, N times K of them.
# - **Inputs:** standardise them, and the targets of a regression too. Then scores and losses start at a size near 1.
#
# ## 11. Your turn
#
# `exercises/01_losses.ipynb`, in this order: `mse_loss`, `log_softmax`, `cross_entropy_loss` (which may call your
# `log_softmax`), `binary_cross_entropy_loss`, `hinge_loss`. Each is a line or three and returns what `.mean()` gives, a
# tensor without dimensions (*0-d*): through a Python number no derivative flows. The checks try scores of 10,000, so an
# overflow is found. Your losses then train models on real data, next to torch's, and the curves should lie on top of
# each other. The predictions of this lesson can be answered there too.
#
# What to remember: a loss says what an error costs, and its slope how hard it pulls. Give a loss of classes scores.
# Look at the first number.
#
# ## Sources
#
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*: section 5.5 (a loss as a likelihood), 6.2.1.2 (mean and
#   median), 6.2.2.2 and 6.2.2.3 (sigmoid and softmax units, and why the squared error saturates with them), 4.1
#   (overflow).
# - Bishop (2006), *Pattern Recognition and Machine Learning*: sections 1.5.5 (losses for regression), 4.3.2 and 4.3.4
#   (both cross-entropies), 7.1.2 with figure 7.5 (hinge and logistic loss, equations 7.45 and 7.48).
# - Blanchard, Higham and Higham (2021), "Accurately computing the log-sum-exp and softmax functions", *IMA Journal of
#   Numerical Analysis* 41(4): what the shift does to the rounding errors.
# - Cortes and Vapnik (1995), "Support-vector networks", *Machine Learning* 20: the hinge as slack, summed, times C.
# - Hui and Belkin (2021), "Evaluation of neural architectures trained with square loss vs cross-entropy in
#   classification tasks", ICLR: the comparison of section 7, large.
# - The documentation of `torch.nn.CrossEntropyLoss`: "unnormalized logits", class numbers or probabilities as target.
# - **To read next:** Hastie, Tibshirani and Friedman (2009), *The Elements of Statistical Learning*, section 10.6,
#   because it draws the figure of section 6 for many more losses and says what each does to outliers.
