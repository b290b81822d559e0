# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Dropout: learning with half of the network switched off
#
# In each step of training, switch off a random part of the units. At test, use all of them. What is that good for, what
# has to be scaled so that it comes out right, and how does one notice that it did not?
#
# About 35 minutes. You need the cross-entropy (chapter 01), the gradient and the chain rule (02), and that a network is
# trained in mini-batches (04), here with Adam (08). Here $p$ is the probability of *dropping*, as in torch; section 9
# has the other form.

# %%
import dataclasses
import itertools
import statistics

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.dropout import dropout, dropout_backward, dropout_mask
from coursekit.show.movable.dropout_statistics import RATES, inputs, layer

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Fifty labels drawn at random
#
# Two hundred handwritten digits to learn from, and somebody was careless: fifty of them got a label drawn at random, so
# that most of these are false. A network with 128 hidden units learns them, from five *seeds* (the numbers that random
# draws start from: first weights, order of the images). Then the same again, but in each step each hidden unit is
# switched off with probability 0.8:

# %%
digits = engine.digits()
clean = dataclasses.replace(digits, x_train=digits.x_train[:200], y_train=digits.y_train[:200])
labels = clean.y_train.clone()
labels[:50] = torch.randint(10, (50,), generator=torch.Generator().manual_seed(1)).to(labels)
noisy = dataclasses.replace(clean, y_train=labels)

# %%
setting, curves = {"loss": cross_entropy, "batch_size": 50, "epochs": 40}, {}
for p in (0.0, 0.8):
    stack = engine.stacked(
        lambda seed, p=p: engine.mlp([64, 128, 10], seed, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(p))),
        RULES["adam"], noisy, lr=0.003, seeds=range(5), **setting)  # fmt: skip
    curves[f"p = {p:g}"] = stack.validation_loss
    false = [float((stack.model(k)(noisy.x_train[:50]).argmax(1) == labels[:50]).float().mean()) for k in range(5)]
    right = statistics.median(stack.accuracy[:, -1].tolist())
    print(
        f"p = {p:g}: gives {statistics.median(false):.0%} of the 50 back as labelled; {right:.1%} of new images right"
    )
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss, in nats", first=1, log=False)

# %% [markdown]
# The validation loss, on images not trained on and rightly labelled (in *nats*, the unit of natural logarithms), falls
# at first in both. Then, without dropout, the network begins to learn the false labels by heart, and the loss rises.
# With four of five units switched off at every step it learns more slowly, knows fewer of the false labels, and does
# better on new images. (In the code, `engine.stacked` trains five networks at once, one for each seed, and the last
# argument of `engine.mlp` makes what follows a hidden layer. `nn.Dropout` is torch's; section 9 shows that it does what
# is explained here.)
#
# How can it help to break a network while it learns? And does it help always? Section 6 asks that again, fairly.
#
# ## 2. The idea
#
# **In training, set each activation to 0 with probability p and scale up what is left, so that the mean stays; at test,
# do nothing.**
#
# An *activation* is the number that a hidden unit hands on. First, who is dropped is drawn: each unit on its own, and
# anew for each image and each step.

# %%
show.formula(dropout_mask)

# %% [markdown]
# `torch.rand` draws numbers evenly between 0 and 1. Such a number is below `p` with probability `p`. All chance comes
# from `generator`, so that a run can be repeated. Then the mask is used:

# %%
show.formula(dropout)

# %% [markdown]
# | symbol | code | what it is |
# |---|---|---|
# | $h$ | `h` | the activations of a layer |
# | $d$ | `mask` | the mask: 1 where kept, 0 where dropped |
# | $\circ$ | `*` | the product entry by entry |
# | $p$ | `p` | the probability of dropping |
# | $\gamma$ | `/ (1 - p)` | the factor that makes up for what is dropped |
# | $\mathbb{E}$ | | the mean over all masks, each with its probability |
#
# **Predict, then run.** Put a number in place of `...`, run the cell, and read what it says:

# %%
answer("what_a_kept_activation_becomes", ...)

# %% [markdown]
# Five activations with $p = 0.6$ and a mask that keeps the first and the fourth:

# %%
h = torch.tensor([0.33, -1.18, 0.7, -1.8, 0.21], dtype=torch.float64)
mask, p = torch.tensor([1.0, 0, 0, 1, 0], dtype=torch.float64), 0.6
print("h           ", h.tolist())
print(f"in training  {[round(v, 3) for v in dropout(h, mask, p=p, training=True).tolist()]}, factor {1 / (1 - p):g}")
print("at test     ", dropout(h, mask, p=p, training=False).tolist())
print("an activation of 2, kept:", float(dropout(2 * mask, mask, p=p, training=True)[0]))

# %% [markdown]
# (-0.0 is 0.) A single step is far off: three activations are gone, two are 2.5 times too large. It is the *mean* that
# is right. Five entries have $2^5 = 32$ masks, few enough to go through all of them:

# %%
masks = torch.tensor(list(itertools.product([0.0, 1.0], repeat=5)), dtype=torch.float64)
chance = (masks * (1 - p) + (1 - masks) * p).prod(dim=1)  # of each of the 32 masks
outs = dropout(h.expand(32, 5), masks, p=p, training=True)
print(f"the chances of the 32 masks add up to {chance.sum():.3f}")
print("mean over all masks", [round(v, 3) for v in (chance @ outs).tolist()])
print(f"largest difference from h: {(chance @ outs - h).abs().max():.0e}")

# %% [markdown]
# The mean of one entry is $(1-p) \cdot \frac{h}{1-p} + p \cdot 0 = h$. So the next layer sees on average what it will
# see at test, when nothing is dropped. The mean is not everything, though:

# %%
answer("spread_of_an_activation", ...)

# %%
for rate in (0.2, 0.5, 0.8, 0.95):
    ones = torch.ones(100_000, dtype=torch.float64)
    out = dropout(ones, dropout_mask((100_000,), rate, torch.Generator().manual_seed(0)), p=rate, training=True)
    expected = (rate / (1 - rate)) ** 0.5
    print(f"p {rate:<4}  mean {out.mean():.2f}, standard deviation {out.std():.2f}; sqrt(p / (1 - p)) = {expected:.2f}")

# %% [markdown]
# Dropout is noise that multiplies. Its standard deviation is $\sqrt{p/(1-p)}$ times the activation: none at $p = 0$, as
# large as the activation at 0.5, and without bound towards 1.
#
# ### And back
#
# Dropout multiplies each entry by a number, 0 or $\gamma$. By the chain rule its gradient is multiplied by the same
# number. A unit that was dropped had no part in the loss, so it learns nothing from this image in this step.

# %%
show.formula(dropout_backward)

# %%
leaf = h.clone().requires_grad_()
out = dropout(leaf, mask, p=p, training=True)
(by_autograd,) = torch.autograd.grad(((out - 1) ** 2).sum(), leaf)
by_hand = dropout_backward(2 * (out.detach() - 1), mask, p=p)
print("gradient at h:", [round(v, 3) for v in by_hand.tolist()])
print(f"largest difference from autograd: {(by_hand - by_autograd).abs().max():.0e}")

# %% [markdown]
# ## 3. Move it
#
# A unit of the next layer adds up many activations, each times a weight. The figure shows this sum for the unit that
# says "3", in a small network that has learnt the digits: each time with another mask ("in training"), and with all
# activations ("at test"). The slider, or dragging in the right picture, sets `p`; the menu says where one scales.
# **Find out: (1) scaled in training, as it opens, the two means agree at p = 0.3. In which other way do they, and do
# both at every p? (2) With scaling in training, at which p is the spread in training twice that at test? (3) With both
# scales, how far is the mean at test off, at p = 0.3?** For the third, predict first:

# %%
answer("scaled_twice", ...)

# %%
show.dropout_statistics()

# %%
found = inputs(*layer(digit=3, seed=0), seed=0)
spread = {name: values.std(dim=1) for name, values in found.items()}
twice = (spread["train scaled"] >= 2 * spread["test"]).nonzero()[0]
print(f"(2) twice the spread is reached between p = {RATES[twice - 1]} and {RATES[twice]}")
ways = {"in training": ("train scaled", "test"), "at test": ("train", "test scaled"),
        "in both": ("train scaled", "test scaled"), "in neither": ("train", "test")}  # fmt: skip
for way, (train, test) in ways.items():
    over = [float(found[test][RATES.index(p)].mean() / found[train][RATES.index(p)].mean()) for p in (0.3, 0.6)]
    print(f"scaled {way:11}  test over train mean: {over[0]:.2f} at p = 0.3, {over[1]:.2f} at p = 0.6")

# %% [markdown]
# (1) Two ways keep the means equal: scale up in training, or scale down at test. (3) With both, every sum at test is
# $1-p$ times what the layer learnt with. The noise belongs to training only, and no scale removes it.
#
# ## 4. Scale once
#
# Many notes say two things on one page: that $\gamma$ is *chosen so that the mean of* $h_\text{drop}$ *is* $h$, and
# that at test, with dropout off, the activations are *scaled down by* $1-p$. Can both be right? Here are the four ways
# once more, with one activation of 1 and its variance:

# %%
known = exercise("dropout")
wrong = {part.name: made(dropout, part.change) for part in (*known.slips, *known.conventions)}
p, ones = 0.3, torch.ones(100_000, dtype=torch.float64)
mask = dropout_mask((100_000,), p, torch.Generator().manual_seed(0)).double()
forms = ("right", "scaled at test", "scaled in training and at test", "not scaled")
print(f"{'an activation of 1, p = 0.3':32} in training: mean, variance     at test: mean, variance")
for name in forms:
    train, test = (wrong.get(name, dropout)(ones, mask, p=p, training=on) for on in (True, False))
    numbers = [float(v) for v in (train.mean(), train.var(), test.mean(), test.var())]
    print(f"{name:32} {numbers[0]:13.2f}   {numbers[1]:7.2f} {numbers[2]:20.2f}   {numbers[3]:7.2f}")

# %% [markdown]
# (The names are those that `check` gives. Each form is the reference with one edit, which `made` makes.)
#
# The sentence about the test is the mistake, once $\gamma = 1/(1-p)$ has been chosen in training. It comes from the
# first form of dropout, which has no $\gamma$ in training (the row *scaled at test*): there it is needed. One or the
# other. The form here is called *inverted* dropout.
#
# ## 5. Units that lean on each other
#
# Why should noise help? Two units see the same input, 1, and their outputs $w_1 + w_2$ should add up to 1. Let them
# start at 3 and -2. The loss is 0: each makes up for what the other does wrong. That is *co-adaptation*. Here is what
# gradient descent does with the mean loss over the four masks of two units:

# %%
masks = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
curves = {}
for p in (0.0, 0.2, 0.5):
    chance, w, path = (masks * (1 - p) + (1 - masks) * p).prod(dim=1), torch.tensor([3.0, -2.0]).double(), []
    for _ in range(151):
        path.append(w)
        w = w.clone().requires_grad_()
        sums = dropout(w.expand(4, 2), masks, p=p, training=True).sum(dim=1)
        w = (w - 0.1 * torch.autograd.grad(chance @ (sums - 1) ** 2, w)[0]).detach()
    curves |= {f"unit {k + 1}, p = {p:g}": torch.stack(path)[:, k] for k in (0, 1)}
    same = 1 / (2 + p / (1 - p))
    print(f"p = {p}: from (3, -2) to ({w[0]:.2f}, {w[1]:.2f}); 1 / (2 + p / (1 - p)) is {same:.2f}")
show.lines(range(151), curves, "step", "weight", log=False)

# %% [markdown]
# Without dropout nothing moves: the loss is 0 already. With it, a unit cannot count on the other, so that 3 and -2 are
# a bad pair: whenever one is dropped, the sum is far off. What is best for the mean is two units that each do an equal
# part. One can do the mean on paper:
#
# $$\mathbb{E}\big[(d_1 \gamma w_1 + d_2 \gamma w_2 - 1)^2\big] = (w_1 + w_2 - 1)^2 + \frac{p}{1-p}\,(w_1^2 + w_2^2)$$
#
# The first part is the loss without dropout. The second is the variance, that of section 2, and it is a penalty on
# squares (chapter 09) with $\lambda = p/(1-p)$. It shrinks, too: at $p = 0.5$ the two add up to 2/3, not 1. For a
# linear layer with the squared error dropout *is* such a penalty, with each weight's square times the mean square of
# its input (Srivastava et al. 2014, section 9.1). For deeper networks it is only like one.
#
# Now real units. Two networks with 64 hidden units learn all training digits, without dropout and with $p = 0.5$. Then
# a random share of the hidden units is switched off for good, and the rest scaled up, as if they had broken:

# %%
shares, curves, nets = [0.1 * k for k in range(10)], {}, {}
X, y = digits.x_validation, digits.y_validation
for p in (0.0, 0.5):
    stack = engine.stacked(
        lambda seed, p=p: engine.mlp([64, 64, 10], seed, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(p))),
        RULES["adam"], digits, loss=cross_entropy, epochs=20, batch_size=64, lr=0.005, seeds=range(5))  # fmt: skip
    nets[f"p = {p:g}"] = [stack.model(seed) for seed in range(5)]

# %%
for (name, five), (seed, share) in itertools.product(nets.items(), itertools.product(range(5), shares)):
    hidden, generator, hits = five[seed][0](X).relu().detach(), torch.Generator().manual_seed(seed), []
    for _ in range(30):
        mask = dropout_mask((64,), share, generator).to(hidden).expand_as(hidden)
        scores = five[seed][2](dropout(hidden, mask, p=share, training=True))
        hits.append(float((scores.argmax(dim=1) == y).float().mean()))
    curves.setdefault(name, {}).setdefault(seed, []).append(100 * statistics.mean(hits))
curves = {name: torch.tensor(list(rows.values())) for name, rows in curves.items()}
for name, rows in curves.items():
    print(
        f"trained with {name}: {rows[:, 0].median():.1f} % right with all units, {rows[:, 5].median():.1f} % with half"
    )
show.lines(shares, curves, "share of hidden units switched off", "validation images right, in %", log=False)

# %% [markdown]
# With all units there is nothing to choose between the two. Then the network trained without dropout loses more with
# each unit that goes. It was never asked to do without one. That is co-adaptation in a network, measured as in the toy:
# by what happens when a partner is missing. (And dropout was trained on just this, so it proves no more than that.)
#
# ## 6. The limit of the toy: does it help on new images?
#
# Section 1 was not fair: the rate and the number of epochs were those at which the network without dropout learns by
# heart. Now the false labels and the clean ones, with $p$ = 0, 0.5 and 0.8, at five rates, five seeds each. Each $p$
# gets its own best rate, chosen by the validation loss of the middle seed, once after all 40 epochs, and once at the
# best epoch of the run ("stopped in time", chapter 12):

# %%
rates, results, tests = [0.0003, 0.001, 0.003, 0.01, 0.03], {}, {}
columns = {"lr": [lr for lr in rates for _ in range(5)], "seeds": [*range(5)] * 5}
for (name, data), p in itertools.product({"clean": clean, "false labels": noisy}.items(), (0.0, 0.5, 0.8)):
    stack = engine.stacked(
        lambda seed, p=p: engine.mlp([64, 128, 10], seed, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(p))),
        RULES["adam"], data, **columns, **setting)  # fmt: skip
    losses = results[name, p] = stack.validation_loss.view(5, 5, 40)
    best = int(losses[:, :, -1].median(dim=1).values.argmin())
    five = [stack.model(5 * best + k)(digits.x_test).argmax(dim=1) == digits.y_test for k in range(5)]
    tests[name, p] = sorted(float(hits.float().mean()) for hits in five)

# %%
print("                    loss after 40 epochs   test images right         loss stopped in time")
for (name, p), losses in results.items():
    last, lowest = losses[:, :, -1].median(dim=1).values, losses.min(dim=2).values.median(dim=1).values
    low, _, middle, _, high = tests[name, p]
    print(f"{name:12} p {p:<3}  {last.min():.3f} at lr {rates[int(last.argmin())]:<6}", end="")
    print(f"     {middle:.1%} ({low:.1%} to {high:.1%})", end="")
    print(f"    {lowest.min():.3f} at lr {rates[int(lowest.argmin())]}")

# %%
at = torch.tensor(rates).log10()
curves = {f"p = {p:g}": results["false labels", p][:, :, -1].T for p in (0.0, 0.5, 0.8)}
show.lines(at, curves, "log10 of the learning rate", "validation loss after 40 epochs, in nats", log=True)

# %% [markdown]
# **Nobody wins clearly.** On clean labels the test accuracies of all three overlap. With false labels, $p = 0.8$ ends
# with the lowest loss after 40 epochs, but on the test images it and no dropout cannot be told apart, and $p = 0.5$,
# tuned in the same way, is worse than no dropout. When each is stopped in time, no dropout and $p = 0.5$ come out
# nearly alike, and 0.8 a little behind.
#
# The figure says what dropout did in section 1. At `lr` 0.003 and 0.01 (-2.5 and -2), where 40 epochs are long enough
# to learn the false labels by heart, more dropout means a lower loss. At the two smaller rates it means a higher one,
# for it slows learning down. The largest, 0.03, is too large for all, and worst with the most noise. So here dropout
# does about what a smaller rate or an earlier stop does. This is one small network on small images. The paper's
# successes are on far larger networks, and nothing here speaks for or against those.
#
# ## 7. An ensemble of all its parts
#
# Each mask leaves another, smaller network: those units that are kept. All of them share their weights. An *ensemble*
# of networks is several whose answers are averaged. Here is a network so small that one can ask all its parts:

# %%
d = engine.digits(dtype=torch.float64)
model = engine.mlp([64, 10, 10], 0, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.5)), dtype=torch.float64)
optimizer = engine.Optimizer(model.parameters(), RULES["adam"], lr=0.01)
engine.train(model, optimizer, d, loss=cross_entropy, epochs=30, batch_size=64, progress=False)

# %%
answer("number_of_networks", ...)

# %% [markdown]
# Each of these networks alone, on the test images, and all of them averaged in two ways:

# %%
masks = torch.tensor(list(itertools.product([0.0, 1.0], repeat=10)), dtype=torch.float64).to(d.x_test)
with torch.no_grad():
    hidden = model[0](d.x_test).relu().expand(len(masks), -1, -1)
    every = model[2](dropout(hidden, masks[:, None].expand_as(hidden), p=0.5, training=True)).log_softmax(dim=-1)
    scaled = model(d.x_test).log_softmax(dim=-1)
alone = (every.argmax(dim=-1) == d.y_test).double().mean(dim=1)
print(f"{len(masks)} networks: right alone {alone.median():.1%} in the middle, {alone.max():.1%} the best")
forms = {"all units, no mask": scaled, "mean of the logs": every.mean(dim=0).log_softmax(dim=-1),
         "mean of the probabilities": every.exp().mean(dim=0).log()}  # fmt: skip
for name, log_p in forms.items():
    loss, right = cross_entropy(log_p, d.y_test), (log_p.argmax(dim=1) == d.y_test).double().mean()
    print(
        f"{name:26} loss {loss:.3f}, {right:.1%} right; log p at most {(log_p - scaled).abs().max():.0e} off the first"
    )

# %% [markdown]
# The middle one of these networks is right far less often than all together. And here is why a single pass is enough at
# test: **the network without a mask is the ensemble.** The scores are linear in $h$, so the mean of the scores over all
# masks is the score of the mean, $h$. Averaging the logarithms of the probabilities, and making the probabilities add
# up to 1 again (a *geometric* mean), then gives the same answer, to rounding. (At $p = 0.5$ all masks are equally
# likely; at another $p$ each counts with its chance.) This is exact for one layer of dropout before the softmax (Baldi
# and Sadowski 2013); with more layers the one pass is an approximation. The mean of the probabilities themselves is
# another ensemble: here it is right a little more often, with a higher loss.
#
# Who cannot go through all masks draws some. How many does it take?

# %%
counts = [1, 2, 4, 8, 16, 32, 64, 128, 256]
curves = {"some masks": [], "no mask": [float(cross_entropy(scaled, d.y_test))] * 9}
for seed in range(20):
    drawn = every[torch.randint(1024, (256,), generator=torch.Generator().manual_seed(seed)).to(d.y_test)]
    means = [drawn[:count].mean(dim=0).log_softmax(dim=-1) for count in counts]
    curves["some masks"].append([float(cross_entropy(log_p, d.y_test)) for log_p in means])
middle = torch.tensor(curves["some masks"]).quantile(0.5, dim=0)
print("masks: loss ", "  ".join(f"{count}: {loss:.3f}" for count, loss in zip(counts, middle, strict=True)))
show.lines(range(9), curves, "log2 of the number of masks averaged", "test loss, in nats", log=False)

# %% [markdown]
# The middle of twenty draws and the band from the lowest to the highest. The mean over more and more masks comes near
# the one pass with all units, which costs as much as a single mask. That is why the scale is used.
#
# ## 8. How it fails
#
# ### At test

# %%
answer("forgotten_eval", ...)

# %% [markdown]
# One of the networks of section 5, trained rightly with $p = 0.5$, used in four ways at test. The names are those of
# `check`:

# %%
net, p = nets["p = 0.5"][0], 0.5
hidden = net[0](X).relu().detach()
for name in ("right", "dropped at test too", "scaled in training and at test", "scaled up at test"):
    answers = []
    for seed in range(20):
        mask = dropout_mask(tuple(hidden.shape), p, torch.Generator().manual_seed(seed)).to(hidden)
        answers.append(net[2](wrong.get(name, dropout)(hidden, mask, p=p, training=False)).detach())
    loss = statistics.mean(float(cross_entropy(scores, y)) for scores in answers)
    right = statistics.mean(float((scores.argmax(dim=1) == y).float().mean()) for scores in answers)
    moved = (torch.stack(answers).argmax(dim=-1) != answers[0].argmax(dim=-1)).any(dim=0).float().mean()
    print(f"{name:31} loss {loss:.3f}, right {right:.1%}; images whose answer changes: {moved:.0%}")

# %% [markdown]
# - *dropped at test too* is the forgotten `eval()`: worse, and another answer each time.
# - *scaled in training and at test*: the scores shrink (apart from the last bias), and their order stays nearly the
#   same. **The share of right answers hides this mistake**; only the loss, which asks for the probabilities, shows it.
# - *scaled up at test* does the opposite, and makes the network surer than it should be.
#
# ### In training
#
# A layer made of the two functions, so that they can be exchanged for wrong ones:


# %%
class Dropout(nn.Module):
    def __init__(self, p, draw=dropout_mask, drop=dropout):
        super().__init__()
        self.p, self.draw, self.drop, self.generator = p, draw, drop, torch.Generator().manual_seed(0)

    def forward(self, h):
        mask = self.draw(tuple(h.shape), self.p, self.generator).to(h)
        return self.drop(h, mask, p=self.p, training=self.training)


# %%
draws = {part.name: made(dropout_mask, part.change) for part in exercise("dropout_mask").slips}
curves = {}
for name in ("right", "p taken for the share that is kept", "generator seeded inside", "not scaled"):
    for seed in range(3):
        parts = {"draw": draws.get(name, dropout_mask), "drop": wrong.get(name, dropout)}
        model = engine.mlp([64, 128, 10], seed, lambda parts=parts: nn.Sequential(nn.ReLU(), Dropout(0.8, **parts)))
        optimizer = engine.Optimizer(model.parameters(), RULES["adam"], lr=0.003)
        run = engine.train(model, optimizer, noisy, seed=seed, progress=False, **setting)
        curves.setdefault(name, []).append(run.validation_loss)
    print(
        f"{name:35} validation loss {statistics.median(losses[-1] for losses in curves[name]):.3f}, median of 3 seeds"
    )
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss, in nats", first=1, log=False)

# %% [markdown]
# - *p taken for the share that is kept*: the mask of $p = 0.8$ drops one unit of five instead of four, but `dropout`
#   still divides by 0.2. So the mean in training is $0.8 \cdot 5 = 4$ times that at test. In the paper $p$ is the share
#   kept, so this is soon done.
# - *not scaled*: training sees a fifth of what the test brings. Loss and curve look quite usual.
# - *generator seeded inside* **does not look worse here.** Each place in the batch has one mask for ever; but the
#   images change places from epoch to epoch, so they meet 50 masks, and that is noise enough for this network. A batch
#   of one image would always drop the same units.
#
# A loss that falls proves nothing, as ever. `check(dropout_mask)` therefore looks at many masks and at the generator,
# and `check(dropout)` at single numbers.
#
# ## 9. Convention box
#
# | | here and torch | first form (Srivastava et al. 2014, section 4) |
# |---|---|---|
# | $p$ | probability of dropping | probability of *keeping*: theirs is 1 minus ours |
# | in training | $d \circ h / (1 - p)$ | $d \circ h$ |
# | at test | $h$ | $(1 - p)\, h$, by scaling the weights that come after |
#
# **The exact conversion:** divide the first form by $1 - p$, in training and at test, and it is ours. A network trained
# in the first form becomes one of ours when the weights after the dropped layer are multiplied by $1-p$, once, and
# nothing is scaled at test. **The traps:** $p = 0.8$ of the paper for "keep 80 %" is `nn.Dropout(0.2)`; and both scales
# at once (section 4).
#
# Torch draws its mask inside. Dropping a tensor of ones from the same seed shows which one it was:

# %%
h = torch.randn(1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
for p in (0.2, 0.6):
    torch.manual_seed(0)
    mask = (nn.functional.dropout(torch.ones_like(h), p) != 0).double()
    torch.manual_seed(0)
    theirs = nn.functional.dropout(h, p, training=True), nn.functional.dropout(h, p, training=False)
    for when, training, torchs in zip(("in training", "at test"), (True, False), theirs, strict=True):
        ours = dropout(h, mask, p=p, training=training)
        first = wrong["scaled at test"](h, mask, p=p, training=training)
        off = [float((form - torchs).abs().max()) for form in (ours, first, first / (1 - p))]
        assert off[0] < 1e-12 and off[2] < 1e-12
        print(f"p {p}, {when:11}  off torch: ours {off[0]:.0e}, first form {off[1]:.2f}, converted {off[2]:.0e}")

# %% [markdown]
# ## 10. In practice
#
# **Where and how much.** After the activation of hidden layers, not on the scores at the end. The paper's appendix A
# has what they used: hidden units dropped with 0.2 to 0.5, inputs that are real numbers with 0.2. Torch's default:

# %%
print("nn.Dropout() drops with p =", nn.Dropout().p)

# %% [markdown]
# The transformer of Vaswani et al. (2017, section 5.4) drops with 0.1.
#
# **What to tune first:** $p$, together with the learning rate and the number of epochs, since dropout slows learning
# down (section 6). Where data are plenty and the network does not overfit, try without.
#
# **What it costs:** one random number for each activation and step, the mask until the way back has passed, and more
# epochs. At test nothing. There are no weights to store.
#
# **What else it is used for.** Leaving it on at test, on purpose, and averaging many answers: their spread says how
# unsure the network is (Gal and Ghahramani 2016).
#
# ## 11. Your turn
#
# In `exercises/11_dropout.ipynb`, in this order:
#
# 1. `dropout_mask`: who is kept (2 points).
# 2. `dropout`: forward, in training and at test (2 points).
# 3. `dropout_backward`: the gradient (1 point).
#
# `check` names the mistake when there is one. Your mask drops pixels from digits, your `dropout` trains a network on
# images with false labels, and your gradient is laid beside that of autograd.
#
# **To remember:** drop with $p$ and divide by $1-p$ in training, do nothing at test, scale once; the mean is kept and
# the noise is $\sqrt{p/(1-p)}$; a unit learns to do without any other one; the network without a mask averages them
# all; tune the network without dropout too before you say that it helps.
#
# ## 12. Sources
#
# - Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
#   Networks from Overfitting", Journal of Machine Learning Research 15. Section 4 (the first form), section 9.1 (linear
#   regression), section 10 (scaled in training), appendix A (what to try first).
# - Hinton et al. (2012), "Improving neural networks by preventing co-adaptation of feature detectors", arXiv:1207.0580.
# - Baldi and Sadowski (2013), "Understanding Dropout", NeurIPS: the geometric mean.
# - Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 5.4.
# - Gal and Ghahramani (2016), "Dropout as a Bayesian Approximation", ICML, arXiv:1506.02142.
# - Further: Wager, Wang and Liang (2013), "Dropout Training as Adaptive Regularization", arXiv:1307.1493, because it
#   takes the penalty of section 5 beyond the linear layer.
