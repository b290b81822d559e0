# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # AdaGrad and RMSprop: a rate for every weight
#
# Some weights hear from the data at every step, others once in a hundred. One learning rate has to serve both. What
# gets lost, how does a rule give each weight a rate of its own, and what does that cost later on?
#
# About 40 minutes. You need to know gradient descent, `param - lr * grad` (chapter 03), and the cross-entropy of
# chapter 01. AdaGrad here is that of Duchi, Hazan and Singer (2011), RMSprop that of Hinton's lecture (2012), both in
# the form of `torch.optim`. Many notes and Keras write RMSprop a little differently: section 8.

# %%
import dataclasses
import itertools
import math
import re
import statistics
from collections import Counter

import torch
from torch.nn.functional import cross_entropy, mse_loss

from coursekit import answer, engine, show
from coursekit.reference import RULES
from coursekit.reference.adaptive import AdagradState, RMSpropState, adagrad, rmsprop

torch.set_num_threads(1)  # these models are too small to be shared between cores

# %% [markdown]
# ## 1. The words that hardly anyone uses
#
# Python brings its own manual along, as text. We take eight parts of it, cut them into paragraphs, and ask of each
# paragraph: **which part is it from?** What a model sees is how often each word stands in it. The next cell does no
# more than count; you need not read it. (Another version of Python has a slightly other manual, so your numbers may
# differ a little from your neighbour's.)

# %%
from pydoc_data.topics import topics

parts = ("compound", "debugger", "formatstrings", "specialnames", "string-methods", "types", "typesmapping", "typesseq")
cut = [(paragraph.lower(), k) for k, part in enumerate(parts) for paragraph in topics[part].split("\n\n")]
found = [(Counter(re.findall("[a-z_]+", paragraph)), k) for paragraph, k in cut]  # how often each word is there
found = [(words, k) for words, k in found if len(words) >= 5]
y = torch.tensor([k for _, k in found])
rows = engine.data.split(len(y), torch.Generator().manual_seed(0), y)
vocabulary = sorted({word for row in rows[0].tolist() for word in found[row][0]})  # of the training paragraphs
x = torch.tensor([[float(words[word]) for word in vocabulary] for words, _ in found])
named = zip(("train", "validation", "test"), rows, strict=True)
tensors = {f"{c}_{part}": v[row].to(engine.device()) for part, row in named for c, v in (("x", x), ("y", y))}
one = torch.ones(len(vocabulary))
text = engine.Data(**tensors, classes=parts, features=vocabulary, source="Python's manual.", mean=0 * one, scale=one)

# %%
print(text)
often = (text.x_train > 0).sum(dim=0)  # the number of training paragraphs that have the word
print("\n".join(f"{vocabulary[i]:8} in {often[i]:3} of {len(text.x_train)} paragraphs" for i in often.topk(3).indices))
print(f"{(often < 10).sum()} of the {len(often)} words are in fewer than ten, {(often == 1).sum()} in one")
print(f"of each paragraph's counts {(text.x_train == 0).double().mean():.1%} are zero")

# %% [markdown]
# Such inputs are called *sparse*. We train one linear layer: it gives each part of the manual a score, a weighted sum
# of the counts, so each word has eight weights. A step looks at 16 paragraphs, and we go through the training
# paragraphs once. Gradient descent and AdaGrad, the rule of this lesson, each get the same ten rates, from 0.001 to 32,
# and the one that ends at the lowest *validation loss* counts, that on paragraphs set aside from training. First the
# layer may only see words that are in 30 paragraphs or more, then all words. (`engine.mlp` makes the layer,
# `engine.Optimizer` applies a rule to all of its weights, `engine.train` goes through the data `epochs` times.)

# %%
rates, trials, moved = [10 ** (k / 2) for k in range(-6, 4)], {}, {}
for least, name, lr in itertools.product((30, 1), ("gradient_descent", "adagrad"), rates):
    x_train, x_validation = text.x_train * (often >= least), text.x_validation * (often >= least)
    known = dataclasses.replace(text, x_train=x_train, x_validation=x_validation)
    model = engine.mlp([len(vocabulary), 8])
    before = model[0].weight.detach().clone()
    optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
    run = engine.train(model, optimizer, known, loss=cross_entropy, epochs=1, batch_size=16, progress=False)
    trials[least, name, lr] = (math.inf, 0) if run.stopped else (run.validation_loss[-1], run.accuracy[-1])
    moved[least, name, lr] = (model[0].weight.detach() - before).abs().mean(dim=0)
for least, name in itertools.product((30, 1), ("gradient_descent", "adagrad")):
    lr = min(rates, key=lambda lr: trials[least, name, lr])
    (loss, right), which = trials[least, name, lr], "all words" if least == 1 else f"words in {least} or more"
    print(f"{which:20} {name:17} best rate {lr:<5.2g} validation loss {loss:.3f}, {right:.1%} right")
print(f"one pass is {len(run.step_loss)} steps")

# %% [markdown]
# The rare words matter: with them many more paragraphs are put in the right part. And **gradient descent gets less out
# of them**: AdaGrad is ahead in any case, but further ahead with the rare words than without. (This is one seed; five
# are in section 6.) How far did the weights of a word move, against how many paragraphs it is in?

# %%
curves = {}
for name in ("gradient_descent", "adagrad"):
    lr = min(rates, key=lambda lr: trials[1, name, lr])
    groups = [moved[1, name, lr][(often >= 2**k) & (often < 2 ** (k + 1))] for k in range(9)]
    curves[name] = [float(group.mean()) for group in groups]
    print(f"{name}: words in one paragraph {curves[name][0]:.3f}, words in 64 to 127 {curves[name][6]:.3f}")
xlabel = "log2 of the number of training paragraphs with the word (0: one, 1: two or three)"
show.lines(range(9), curves, xlabel, "mean distance moved by its weights")

# %% [markdown]
# A weight has a gradient only when its word is there. Under gradient descent the weights of a word in two paragraphs
# take two short steps, and those of *the* take one at nearly every step of the pass. A larger rate would move the rare
# words further, but the common ones too, and at larger rates the loss ends higher (section 6 draws it). Under AdaGrad
# the curve is far flatter, and the most common words even move less than those in the middle. How?
#
# ## 2. The idea
#
# **Give each weight a rate that falls with the gradients that this weight has had: divide by the root of the sum of
# their squares.**
#
# In equations, and in the code that all of this course runs:

# %%
show.formula(adagrad)

# %% [markdown]
# From left to right:
#
# - $g_t$, `grad`: the gradient of this step.
# - $s_t$, `s`: the sum of the squares of all gradients so far, from 0. It is the `state`, what a step remembers for the
#   next.
# - $\eta$, `lr`: the learning rate, in units of the *weight*.
# - $\epsilon$, `eps`: keeps the division from $0/0$; in units of the *gradient*.
# - $\theta_t$, `param`: the weight.
#
# All of it, the square, the root and the division, is done for each weight on its own. What the gradient is multiplied
# by, $\eta/(\sqrt{s_t}+\epsilon)$, is called the **effective rate** of the weight. Squares, so that plus and minus do
# not cancel; the root, so that below the line there is a size like the gradient's own, and not a square.
#
# **Predict, then run.** Run the cell as it is to read the question. Put your answer in place of `...`, run it again,
# and read what it says. Then run the next cell.

# %%
answer("hundredth_step_of_adagrad", ...)

# %%
grad = torch.tensor([3.0, 0.03], dtype=torch.float64)  # two weights
param, path = torch.zeros_like(grad), [torch.zeros_like(grad)]
state = adagrad.init(param)
for _ in range(100):
    param, state = adagrad(param, grad, state, lr=0.1)
    path.append(param)
lengths = -torch.stack(path).diff(dim=0)
for t in (1, 4, 25, 100):
    print(f"step {t:3}: gradient 3 moves {lengths[t - 1, 0]:.4f}, gradient 0.03 moves {lengths[t - 1, 1]:.4f}")

# %% [markdown]
# Two things are in these lines. The size of the gradient cancels: both weights walk alike. And step $t$ is
# $\eta/\sqrt t$ long, since a sum of $t$ equal squares has a root of $\sqrt t\,|g|$. For a word, $t$ counts the steps
# in which the word was there. A rare word is still at its first, long steps when *the* is at its fortieth.
#
# ## 3. Move it
#
# Three weights get gradients for 120 steps. *Steady* gets 1 at every step, *sparse* gets 1 at every tenth step and
# nothing between. (The third, *large at first*, gets large gradients for 40 steps and then 1; it is for section 4.) The
# figure opens with `adam`, the rule of chapter 08. Set it to `gradient_descent`, then to `adagrad`. **Find out: at the
# last step, how many times as far as *sparse* has *steady* come under each of the two?** The distances are in the
# sentence below the figure. Write both down; is there a rule to them?

# %%
show.effective_rates()

# %% [markdown]
# Here are the same two, for more steps and rarer gradients:

# %%
every = torch.tensor([1, 10, 100])  # three weights: a gradient of 1 at every step, every tenth, every hundredth
for name in ("gradient_descent", "adagrad"):
    param = torch.zeros(3, dtype=torch.float64)
    state = RULES[name].init(param)
    for t in range(4000):
        param, state = RULES[name](param, (t % every == 0).to(param), state, lr=0.1)
    print(f"{name:17} the first has come", ", ".join(f"{float(param[0] / p):.3g}" for p in param), "times as far")

# %% [markdown]
# Gradient descent moves a weight in proportion to how often it hears something. AdaGrad moves it by about the *root* of
# that: $1 + 1/\sqrt 2 + 1/\sqrt 3 + \dots + 1/\sqrt n$ is near $2\sqrt n$. A word in one paragraph of a hundred gets
# about a tenth of the way of a word that is everywhere, and not a hundredth. That is not equal shares, but it is the
# difference that you saw in section 1.
#
# ## 4. The sum never forgets
#
# A sum of squares can only grow, so an effective rate can only fall. It falls for a gradient of long ago as for one of
# now. **RMSprop** puts a running mean in place of the sum:

# %%
show.formula(rmsprop)

# %% [markdown]
# $\beta$, `beta`, is the share of the old mean that is kept. A gradient that is $k$ steps old has the weight
# $(1-\beta)\,\beta^k$ in it, so the mean remembers about $1/(1-\beta)$ steps: a hundred at the default of 0.99. The
# rest is AdaGrad's. Some notes write $v_t$ or $E[g^2]_t$ for $s_t$, and $\beta_2$ for $\beta$.
#
# **Predict, then run.** Two questions before the picture: what becomes of the steps, and how do they begin?

# %%
answer("quiet_steps_after_loud_ones", ...)

# %%
answer("first_step_of_rmsprop", ...)

# %%
grads = torch.tensor([10.0] * 1000 + [0.1] * 2000, dtype=torch.float64)
lengths = {}
for name in ("adagrad", "rmsprop"):
    param, path = torch.zeros((), dtype=torch.float64), [torch.zeros((), dtype=torch.float64)]
    state = RULES[name].init(param)
    for grad in grads:
        param, state = RULES[name](param, grad, state, lr=1.0)
        path.append(param)
    lengths[name] = -torch.stack(path).diff()
    print(f"{name:8} in lr: step 1000 {lengths[name][999]:.2g}, step 1001 {lengths[name][1000]:.2g},",
          f"step 3000 {lengths[name][-1]:.2g}")  # fmt: skip
show.lines(range(1, 3001), lengths, "step", "step length, in units of lr")

# %% [markdown]
# Where the gradient falls from 10 to 0.1, at step 1001, both steps fall to a hundredth of what they were. RMSprop's
# come back once the large squares are forgotten. AdaGrad's stay where they are: it is *tired*. Set the figure of
# section 3 to `adagrad` and `rmsprop` and look at *large at first*: it is the same there.
#
# RMSprop begins high. Here are the numbers of the second question:

# %%
param, path = torch.zeros((), dtype=torch.float64), [torch.zeros((), dtype=torch.float64)]
state = rmsprop.init(param)
for _ in range(500):
    param, state = rmsprop(param, torch.full_like(param, 5.0), state, lr=0.01, beta=0.99)
    path.append(param)
lengths = -torch.stack(path).diff()
print("gradient 5, lr 0.01:", ", ".join(f"step {t} is {lengths[t - 1]:.4f} long" for t in (1, 2, 10, 100, 500)))

# %% [markdown]
# The mean starts at 0, and after one step it holds only a hundredth of the square. So RMSprop begins with a leap of
# $1/\sqrt{1-\beta}$ rates and settles at one. Adam, in chapter 08, takes the leap away.
#
# That first step is also the longest that RMSprop can ever take: the newest square is in the mean with the weight
# $1-\beta$, so the root is at least $\sqrt{1-\beta}\,|g|$. Weights with rare gradients come near it again and again,
# since the mean fades while they hear nothing:

# %%
every = torch.tensor([1, 10, 100, 1000])
param = torch.zeros(4, dtype=torch.float64)
states = {name: RULES[name].init(param) for name in ("adagrad", "rmsprop")}
for t in range(5001):
    grad = (t % every == 0).to(param)
    for name, state in states.items():
        after, states[name] = RULES[name](param, grad, state, lr=1.0)
        if t == 5000:
            steps = ", ".join(f"every {k}: {float(step):.2f}" for k, step in zip(every, (param - after), strict=True))
            print(f"{name:8} step in lr for a gradient at {steps}")

# %% [markdown]
# Both rules favour the weights that hear little: AdaGrad by what it has counted so far, RMSprop by how long the silence
# was. Now two questions about what the quotient does with units and with noise.

# %%
answer("units_of_lr", ...)

# %%
noise = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
param = torch.zeros(4, dtype=torch.float64)
state, ends = rmsprop.init(param), []
for draw in noise:  # four weights: the mean gradient is 1, 1000, 1 and 1, the noise is of the size 0, 0, 3 and 10
    grad = torch.tensor([1.0, 1000.0, 1.0, 1.0]) + torch.tensor([0.0, 0.0, 3.0, 10.0]) * draw
    param, state = rmsprop(param, grad, state, lr=0.01)
    ends.append(param)
mean = -(ends[-1] - ends[999]) / 1000 / 0.01
for what, step in zip(("mean 1", "mean 1000", "mean 1, noise 3", "mean 1, noise 10"), mean, strict=True):
    print(f"{what:17} mean step {step:.2f} lr")

# %% [markdown]
# The unit of the loss is gone: a gradient of 1000 moves the weight as far as one of 1. (Gradient descent would need
# another rate.) Noise counts as size, since the squares do not know it from the rest. With noise of the size 3 the root
# is near $\sqrt{1+3^2}$, and the mean step about a third of `lr`. So where gradients are mostly noise, RMSprop goes
# slowly, without anyone having told it to.
#
# ## 5. Where does it end?
#
# A rule whose steps do not depend on the size of the gradient: what does it do at a minimum, where the gradient is 0?
# **Predict, then run.**

# %%
answer("where_rmsprop_ends", ...)

# %%
curves = {}
for name in ("adagrad", "rmsprop"):
    param, curves[name] = torch.full((), 2.0, dtype=torch.float64), []
    state = RULES[name].init(param)
    for t in range(1, 2001):
        param, state = RULES[name](param, 25 * param, state, lr=0.1)
        curves[name].append(float(param))
        if t in (100, 300, 500, 600, 2000):
            print(f"{name:8} step {t:4}: at {float(param):9.2g}, effective rate {0.1 / float(state.s.sqrt()):.3g}")
show.lines(range(1, 2001), curves, "step", "place (the minimum is at 0)", log=False)

# %%
for curvature, lr, fades in ((25, 0.1, False), (1, 0.1, False), (25, 0.01, False), (25, 0.1, True)):
    param = torch.full((), 2.0, dtype=torch.float64)
    state = rmsprop.init(param)
    for t in range(1, 5001):
        param, state = rmsprop(param, curvature * param, state, lr=lr / math.sqrt(t) if fades else lr)
    rate = f"{lr:g}{' / root of t' if fades else ''}"
    print(f"curvature {curvature:2}, lr {rate:15} after 5000 steps {abs(float(param)):.2g} from the minimum")

# %% [markdown]
# AdaGrad comes to rest. RMSprop seems to, and a few hundred steps later it is **thrown out of the minimum**. While it
# lies there, gradients are next to nothing, the mean fades, and the effective rate grows. Beyond $2/25$, two over the
# curvature (the second derivative), gradient descent diverges (chapter 03). So does RMSprop once its effective rate is
# past 0.08: each jump is longer than the last until `s` has grown again. In the end it jumps from one side to the other
# for ever, half of `lr` from the minimum whatever the curvature, at an effective rate of two over it. This is a **limit
# cycle**.
#
# What was AdaGrad's weakness in section 4 is its strength here. Its sum does not fall when the gradients do, so the
# effective rate does not grow. RMSprop can be led to rest by a rate that falls (chapter 05; the last line above). Is it
# so on data? A linear layer on the diabetes data, all patients in every step; for the squared error the least possible
# loss can be computed, so we can print how far above it a run ends:

# %%
data = engine.diabetes(dtype=torch.float64)
inputs = torch.cat((data.x_train, torch.ones_like(data.x_train[:, :1])), dim=1)
fit = torch.linalg.lstsq(inputs, data.y_train[:, None]).solution
least = float(mse_loss((inputs @ fit)[:, 0], data.y_train))
for name, lr in (("rmsprop", 0.1), ("rmsprop", 0.01), ("rmsprop", 0.001), ("adagrad", 0.1)):
    model = torch.nn.Sequential(engine.mlp([10, 1], dtype=torch.float64), torch.nn.Flatten(0))
    optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
    run = engine.train(model, optimizer, data, loss=mse_loss, epochs=1500, batch_size=1000, progress=False)
    print(f"{name:8} lr {lr:<6g} above the least loss: {run.step_loss[-1] - least:.2g}")

# %% [markdown]
# RMSprop is left at a height that falls a hundredfold when the rate falls tenfold: a tenth of the distance, and near a
# minimum a loss is about a parabola. AdaGrad is far lower.
#
# ## 6. Past the toy: text and digits, each rule at its own best rate
#
# Four tasks: the text of section 1, with one pass through the training paragraphs and with ten; and images of
# handwritten digits, once with a *shallow* network of one hidden layer, once with a *deep* one of three hidden layers
# of sigmoid units, whose first layers have far smaller gradients than its last (chapter 08 prints them). First each
# rule gets the ten rates of section 1 on each task. (A pass through the training data is also called an *epoch*.)

# %%
digits = engine.digits()
tasks = {  # data, units of each layer, activation, epochs, batch size
    "text, 1 pass": (text, [len(vocabulary), 8], torch.nn.ReLU, 1, 16),
    "text, 10 passes": (text, [len(vocabulary), 8], torch.nn.ReLU, 10, 16),
    "shallow digits": (digits, [64, 32, 10], torch.nn.ReLU, 6, 64),
    "deep digits": (digits, [64, 32, 32, 32, 10], torch.nn.Sigmoid, 15, 64),
}
rules, reached = ("gradient_descent", "adagrad", "rmsprop"), {}
for (task, (data, sizes, activation, epochs, size)), name, lr in itertools.product(tasks.items(), rules, rates):
    model = engine.mlp(sizes, activation=activation)
    optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
    run = engine.train(model, optimizer, data, loss=cross_entropy, epochs=epochs, batch_size=size, progress=False)
    reached[task, name, lr] = math.inf if run.stopped else run.validation_loss[-1]

# %%
x = [math.log10(lr) for lr in rates]
curves = {name: [min(reached["text, 1 pass", name, lr], 5.0) for lr in rates] for name in rules}
show.lines(x, curves, "log10 of the learning rate", "validation loss (5 and more drawn at 5)", title="Text, one pass")

# %% [markdown]
# The valleys of AdaGrad and RMSprop are deeper, and lie at other rates: a rate for one rule says nothing about another.
# One seed proves little. So each rule now gets, on each task, its best rate and one to either side, 1.8 times smaller
# and larger, with five other *seeds* each (other first weights, another order of the rows). The validation loss chooses
# among the three rates, and test rows, which nothing has looked at so far, give the verdict.

# %%
chosen = {}
for (task, (data, sizes, activation, epochs, size)), name in itertools.product(tasks.items(), rules):
    middle, runs = min(rates, key=lambda lr: reached[task, name, lr]), {}
    for lr, seed in itertools.product((middle / 10**0.25, middle, middle * 10**0.25), range(1, 6)):
        model = engine.mlp(sizes, seed, activation)
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
        settings = {"loss": cross_entropy, "epochs": epochs, "batch_size": size, "seed": seed, "progress": False}
        run = engine.train(model, optimizer, data, **settings)
        losses = [math.inf] * epochs if run.stopped else run.validation_loss
        right = float((model(data.x_test).argmax(dim=1) == data.y_test).double().mean())
        runs.setdefault(lr, []).append((losses, right))
    lr = min(runs, key=lambda lr: statistics.median(losses[-1] for losses, _ in runs[lr]))
    chosen[task, name] = (lr, runs[lr])

# %%
for (task, name), (lr, runs) in chosen.items():
    low, _, middle, _, high = sorted(right for _, right in runs)
    loss = statistics.median(losses[-1] for losses, _ in runs)
    print(f"{task:15} {name:17} lr {lr:<6.2g} validation loss {loss:.3f}, test {middle:.1%}, {low:.1%} to {high:.1%}")

# %%
curves = {name: [losses for losses, _ in chosen["text, 10 passes", name][1]] for name in rules}
show.loss_curves(curves, xlabel="pass", ylabel="validation loss", first=1, title="Text, ten passes, five seeds")

# %% [markdown]
# **On the sparse data AdaGrad and RMSprop win**: with each of them the worst seed puts more test paragraphs right than
# the best seed of gradient descent. **With ten passes the lead is far smaller than with one.** A rare word has then
# been seen ten times as often, and gradient descent has had the time to move its weights. What the own rates buy is
# mostly speed: see where the curves are after the first pass. Where data stream by once, or each pass is dear, that is
# a lot. Between AdaGrad and RMSprop there is nothing to choose here.

# %%
curves = {name: [losses for losses, _ in chosen["deep digits", name][1]] for name in rules}
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss", first=1, title="Deep digits, five seeds")

# %% [markdown]
# Images of digits are not sparse, and **on the shallow network there is nothing to choose**: the test accuracies
# overlap. On the deep network the layers differ, as the words did, and both rules that divide do better: their loss
# falls from the first epochs on, and their seeds end close together, those of gradient descent far apart. That AdaGrad
# gets tired cannot be seen here. Fifteen epochs are no long time, and its tuned `lr` is ten times RMSprop's, which
# makes up for the shrinking.
#
# Would it not do to prepare the counts? Here are two common ways: every count above 1 becomes 1, or each column is
# divided by its standard deviation, which makes rare words large. One pass, the same ten rates; compare the validation
# losses with the last two of section 1, of the counts as they are:

# %%
sd = text.x_train.std(dim=0)
ways = {"above 1 is 1": (1.0, 1.0), "divided by sd": (math.inf, sd)}
for way, name in itertools.product(ways, ("gradient_descent", "adagrad")):
    most, unit = ways[way]
    x_train, x_validation = text.x_train.clamp(max=most) / unit, text.x_validation.clamp(max=most) / unit
    prepared, losses = dataclasses.replace(text, x_train=x_train, x_validation=x_validation), {}
    for lr in rates:
        model = engine.mlp([len(vocabulary), 8])
        optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=lr)
        run = engine.train(model, optimizer, prepared, loss=cross_entropy, epochs=1, batch_size=16, progress=False)
        losses[lr] = math.inf if run.stopped else run.validation_loss[-1]
    lr = min(losses, key=losses.get)
    print(f"{way:14} {name:17} best rate {lr:<6.2g} validation loss {losses[lr]:.3f}")

# %% [markdown]
# With this seed both help gradient descent, and neither takes it to where AdaGrad is. Such preparation does what
# AdaGrad does, by hand, beforehand, and only at the inputs.
#
# ## 7. How it fails
#
# ### AdaGrad after a loud start
#
# Someone forgets to scale the images for one epoch: they are 100 times too large. Then the mistake is mended and
# training goes on, with the same optimizer. *Fresh* keeps the weights and starts a new AdaGrad, with `s` at 0.

# %%
loud, curves = dataclasses.replace(digits, x_train=100 * digits.x_train), {}
for label, name, hyper in (
    ("adagrad", "adagrad", {"lr": 0.1}), ("adagrad, fresh", "adagrad", {"lr": 0.1}),
    ("rmsprop, beta 0.99", "rmsprop", {"lr": 0.01}), ("rmsprop, beta 0.9", "rmsprop", {"lr": 0.01, "beta": 0.9}),
):  # fmt: skip
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES[name], **hyper)
    engine.train(model, optimizer, loud, loss=cross_entropy, epochs=1, batch_size=64, progress=False)
    if "fresh" in label:
        optimizer = engine.Optimizer(model.parameters(), RULES[name], **hyper)
    run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=15, batch_size=64, progress=False)
    curves[label] = run.validation_loss
show.loss_curves(curves, xlabel="epoch after the loud one", ylabel="validation loss", first=1)

# %% [markdown]
# The weights were not spoilt: with a fresh `s` they learn at once. It is the sum that holds them, and it will for as
# long as the run lasts. RMSprop forgets: sooner with `beta` 0.9, which remembers ten steps, later with 0.99, which
# remembers a hundred, and squares as large as these take many times that to fade. **A curve that falls ever more slowly
# from early on, and falls at once when the optimizer is made anew: that is a tired AdaGrad.**
#
# ### A ravine that lies slantwise
#
# Both rules have one rate for each *coordinate*. The ravine of chapter 03 is steep in y and flat in x, so that suits
# them. Turn it by 45 degrees, and turn the start with it. How many of 200 steps is each rule above a loss of 0.01, at
# the best of 31 rates, from 0.001 to 1?

# %%
ravine, paths = engine.SURFACES["ravine"], {}
slanted = dataclasses.replace(
    ravine, name="slanted ravine", equation=r"f(x, y) = \tfrac{1}{4}\left((x + y)^2 + 25\,(y - x)^2\right)",
    formula=lambda x, y: ((x + y) ** 2 + 25 * (y - x) ** 2) / 4, domain=((-3.0, 1.0), (-2.8, 1.0)),
)  # fmt: skip
for name in rules:
    for surface, start in ((ravine, (-2.5, 1.0)), (slanted, (-3.5 / math.sqrt(2), -1.5 / math.sqrt(2)))):
        tried = engine.sweep(RULES[name], surface, start, steps=200, lr=[10 ** (k / 10) for k in range(-30, 1)])
        above = 201 - (tried.losses <= 0.01).sum(dim=-1)
        best = int(above.argmin())
        first, lr = int((tried.losses[best] <= 0.01).float().argmax()), float(tried.axes["lr"][best])
        print(f"{name:17} {surface.name:15} {int(above[best]):3} steps, the first below is {first:2}, lr {lr:.2g}")
    paths[name] = tried.paths[best]
show.trajectories(slanted, paths)

# %% [markdown]
# Gradient descent does not notice the turn: its steps look at directions, not at axes. AdaGrad and RMSprop lose their
# lead altogether. (The bar across the minimum is RMSprop, thrown out as in section 5. It loses its lead on the way,
# before that.) On the slant the gradient is large in x and in y alike, so both coordinates get the same small rate,
# and what is left is gradient descent with a rate that changes. Own rates help where the axes themselves differ: words,
# layers, measurements in different units.
#
# ### Mistakes that train
#
# The mistakes in this lesson are the ones that `check` knows: each is the course's `rmsprop` with one edit, made here
# by `made`, and has the name that your check would give it. On the shallow digits, all at `lr=0.01`:

# %%
from coursekit.bank.index import exercise
from coursekit.judging.source import made

known = exercise("rmsprop")
wrong = {part.name: made(rmsprop, part.change) for part in (*known.slips, *known.conventions)}
curves = {}
for name in ("right", "s is a sum (AdaGrad)", "1 - beta forgotten", "mean over the elements",
             "root forgotten", "old s in the step", "eps forgotten"):  # fmt: skip
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), wrong.get(name, rmsprop), lr=0.01)
    run = engine.train(model, optimizer, digits, loss=cross_entropy, epochs=6, batch_size=64, progress=False)
    print(f"{name:23} {run.stopped or f'validation loss {run.validation_loss[-1]:.3g}'}")
    curves[name] = run.validation_loss

# %%
trained = {name: curve for name, curve in curves.items() if curve and curve[-1] < 100}
show.loss_curves(trained, xlabel="epoch", ylabel="validation loss", first=1, title="Shallow digits, lr 0.01")

# %% [markdown]
# - *eps forgotten* is the loudest. Some pixels are blank in every image of the first batch, their gradient is 0, and
#   0/0 is not a number.
# - *root forgotten* and *old s in the step* throw the weights away in the first steps: the one divides by a square of
#   small numbers, the other by `eps` alone.
# - *s is a sum* and *1 - beta forgotten* train, and look like a rate that is too small. The second *is* one: its `s` is
#   $1/(1-\beta)$ times the right one in every step, so at ten times the rate it is the right rule.
# - *mean over the elements* trains too. It has one rate for each weight matrix in place of one for each weight, and
#   where the weights of a layer are alike that does little harm. Where are they not? On the text, one pass, each at the
#   best of the ten rates:

# %%
for name in ("right", "mean over the elements"):
    losses = {}
    for lr in rates:
        model = engine.mlp([len(vocabulary), 8])
        optimizer = engine.Optimizer(model.parameters(), wrong.get(name, rmsprop), lr=lr)
        run = engine.train(model, optimizer, text, loss=cross_entropy, epochs=1, batch_size=16, progress=False)
        losses[lr] = math.inf if run.stopped else run.validation_loss[-1]
    print(f"text, {name:23} validation loss {min(losses.values()):.3f}")

# the second mistake, at ten times the rate
start, grad = torch.zeros(3, dtype=torch.float64), torch.tensor([3.0, -0.2, 0.01], dtype=torch.float64)
one, _ = rmsprop(start, grad, rmsprop.init(start), lr=0.01)
other, _ = wrong["1 - beta forgotten"](start, grad, rmsprop.init(start), lr=0.1)
print(f"1 - beta forgotten, ten times the rate: a step of {other[0]:.6f}; the right rule: {one[0]:.6f}")

# %% [markdown]
# There the rule is nearer to gradient descent (section 1) than to the right one: a rate for every weight was the point.
#
# ## 8. Convention box
#
# - **Here and in `torch.optim`**: $\eta\, g/(\sqrt s+\epsilon)$, with `s` from 0. For AdaGrad that is the paper's form
#   too, and `torch.optim.Adagrad(params, lr, eps=eps)` the same rule. `torch.optim.RMSprop(params, lr, alpha, eps)` is
#   ours with `alpha = beta`.
# - **In most lecture notes, and in Keras**: $\eta\, g/\sqrt{s+\epsilon}$, with `eps` *inside* the root. No constant
#   converts it. `eps**2` inside comes nearest to `eps` outside: their steps differ by at most a factor $\sqrt 2$.
# - **Other starts**: $s_0 = g_1^2$ in some notes, $s_0 = 1$ in TensorFlow 1 and in `RMSpropTF` of timm, 0.1 for AdaGrad
#   in Keras. In torch `initial_accumulator_value` sets it for AdaGrad; RMSprop always starts at 0.
# - **More knobs in torch**: `lr_decay` of AdaGrad divides the rate of step $t$ by $1 + (t-1)\,$`lr_decay`. `momentum`
#   and `centered` of RMSprop make other rules.
#
# The largest difference from torch after 200 steps with noisy gradients, in double precision:

# %%
grads = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
zero = torch.zeros(6, dtype=torch.float64)
for eps in (1e-8, 1e-3):
    weight = zero.clone().requires_grad_()
    torchs = torch.optim.RMSprop([weight], lr=0.1, alpha=0.9, eps=eps)
    forms = dict.fromkeys(("ours", "eps inside the root"), (zero, rmsprop.init(zero)))
    forms |= {"from the first square": (zero, RMSpropState(grads[0] ** 2)), "from 1": (zero, RMSpropState(zero + 1))}
    for grad in grads:
        weight.grad = grad.clone()
        torchs.step()
        for name, (param, state) in forms.items():
            forms[name] = wrong.get(name, rmsprop)(param, grad, state, lr=0.1, beta=0.9, eps=eps)
    print(f"eps {eps:g}:", "; ".join(f"{name} {(p - weight).abs().max():.1e}" for name, (p, _) in forms.items()))
    torch.testing.assert_close(forms["ours"][0], weight.detach(), rtol=0, atol=1e-12)

# %%
cases = {"as it is": (0, 0, 0), "lr_decay 0.05, from 0.1": (0.05, 0.1, 0), "a mean for the sum": (0, 0, 0.5)}
for case, (decay, first, power) in cases.items():
    weight, param, state = zero.clone().requires_grad_(), zero, AdagradState(zero + first)
    torchs = torch.optim.Adagrad([weight], lr=0.1, lr_decay=decay, initial_accumulator_value=first)
    for t, grad in enumerate(grads):
        weight.grad = grad.clone()
        torchs.step()
        param, state = adagrad(param, grad, state, lr=0.1 * (t + 1) ** power / (1 + t * decay))
    print(f"AdaGrad, {case}: {(param - weight).abs().max():.1e}")
    if case != "a mean for the sum":
        torch.testing.assert_close(param, weight.detach(), rtol=0, atol=1e-12)

# %% [markdown]
# "ours" and the first two lines of AdaGrad agree with torch to rounding. Another start changes the first steps, and
# these gradients do not bring the weights back. The last line is a common misreading of AdaGrad, a *mean* of the
# squares in place of their sum, which is a rate that grows with $\sqrt t$.
#
# **The trap is `eps` inside the root.** At 1e-8 and gradients of about 1 it cannot be seen. When can it?

# %%
answer("smallest_divisor_with_eps_inside", ...)

# %%
sizes, activation, _, size = tasks["deep digits"][1:]
tried, curves = (1e-8, 1e-6, 1e-4, 1e-2), {"eps outside (torch)": [], "eps inside (notes, Keras)": []}
for (form, curve), seed in itertools.product(curves.items(), (1, 2, 3)):
    curve.append([])
    for eps in tried:
        rule = rmsprop if "torch" in form else wrong["eps inside the root"]
        model = engine.mlp(sizes, seed, activation)
        optimizer = engine.Optimizer(model.parameters(), rule, lr=0.01, eps=eps)
        settings = {"loss": cross_entropy, "epochs": 10, "batch_size": size, "seed": seed, "progress": False}
        curve[-1].append(engine.train(model, optimizer, digits, **settings).validation_loss[-1])
for form, rows in curves.items():
    losses = zip(tried, torch.tensor(rows).median(dim=0).values, strict=True)
    print(f"{form:25} validation loss", ", ".join(f"{loss:.2f} at {eps:g}" for eps, loss in losses))
print(f"1e-7 inside the root is a floor of {math.sqrt(1e-7):.1g}")
show.lines([math.log10(eps) for eps in tried], curves, "log10 of eps", "validation loss", title="Deep, three seeds")

# %% [markdown]
# Inside the root `eps` bites where its *root* reaches the size of the gradients, outside where it does so itself: the
# same rise, at the square. In the deep network the gradients of the first layers are small, and inside even 1e-8 trains
# about as badly as 1e-4 outside, which has the same floor. So take care when you bring settings over: the default of
# Keras is 1e-7, inside. In torch, for the same floor, `eps` has to be the root of that.
#
# ## 9. In practice
#
# **Defaults**, and what the rules keep in memory, over the bytes of the weights:

# %%
for name, torchs in (("adagrad", torch.optim.Adagrad), ("rmsprop", torch.optim.RMSprop)):
    optimizer = torchs([torch.zeros(1)])
    print(name, {key: optimizer.defaults[key] for key in ("lr", "alpha", "eps") if key in optimizer.defaults})
for name in rules:
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), RULES[name], lr=0.01)
    engine.train(model, optimizer, digits, loss=cross_entropy, epochs=1, batch_size=64, progress=False)
    kept = sum(x.nbytes for p in model.parameters() for x in optimizer.state[p].values())
    print(f"{name:17} remembers {kept / sum(p.nbytes for p in model.parameters()):.1f} times the bytes of the weights")

# %% [markdown]
# Hinton's lecture has `beta` 0.9; Keras has 0.9 and a rate of 0.001, torch 0.99 and 0.01.
#
# **What to tune first:** `lr`, in steps of half a power of ten. Do not carry it over from another rule: in section 6
# the best rates of the three are far apart on most tasks. Then `beta`, lower when the gradients change fast. With
# RMSprop let the rate fall towards the end.
#
# **When to use which.** *AdaGrad* when features are rare and the data go by once or a few times: word vectors (GloVe)
# and early large networks were trained with it. `torch.optim.Adagrad` also takes the sparse gradients of
# `torch.nn.Embedding(..., sparse=True)`, so that a step touches only the words that occurred; `torch.optim.RMSprop`
# does not. *RMSprop* when the sizes of gradients change while training goes on, as in reinforcement learning: Mnih and
# others (2015) trained the network that learned Atari games with it. Notes also recommend it for recurrent networks and
# for noisy objectives; what it does with noise is at the end of section 4. Adam (chapter 08) is RMSprop along a running
# mean of the gradients, with a correction that takes the leap out of the first steps. *Neither* when one rate fits all
# weights, as on the shallow network: gradient descent remembers nothing.
#
# ## 10. Your turn
#
# In `exercises/07_adaptive.ipynb`, in this order:
#
# 1. `adagrad`: two lines (2 points). Your rule then walks down the ravine.
# 2. `rmsprop`: one of the lines changes (2 points). Your rule then trains a network on digits next to
#    `torch.optim.RMSprop`, the two curves on top of each other, and shows which of your two rules gets tired.
#
# `check` names the mistake when there is one. The predictions of this lesson can be answered there too.
#
# **To remember:** divide each weight's gradient by its own size, and the weights that hear little get to move; AdaGrad
# adds up and so gets tired, and comes to rest; RMSprop forgets and so does neither; the rate is a length; both work
# along the axes only; ask on which side of the root `eps` is.
#
# ## 11. Sources
#
# - Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
#   *Journal of Machine Learning Research* 12, section 3 (the rule for each coordinate). Their bounds say when sparse
#   features make it better.
# - Hinton, Srivastava and Swersky (2012), "Neural Networks for Machine Learning", lecture 6e (RMSprop, with 0.9).
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*, sections 8.5.1 and 8.5.2, algorithms 8.4 (AdaGrad, `eps`
#   outside the root) and 8.5 (RMSprop, `eps` inside).
# - The sources of `keras.optimizers.RMSprop` and `Adagrad` (`eps` inside; the defaults) and of `RMSpropTF` in timm
#   (what TensorFlow does otherwise).
# - Pennington, Socher and Manning (2014), "GloVe: Global Vectors for Word Representation", EMNLP, section 4.2; Dean and
#   others (2012), "Large Scale Distributed Deep Networks", NIPS; Mnih and others (2015), "Human-level control through
#   deep reinforcement learning", *Nature* 518, Methods: who used which.
# - **To read next:** Wilson and others (2017), "The Marginal Value of Adaptive Gradient Methods in Machine Learning",
#   NeurIPS, arXiv:1705.08292, because it shows cases in which the rules of this lesson lose.
