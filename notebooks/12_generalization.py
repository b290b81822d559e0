# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Generalisation: what the training loss does not say
#
# A network gets every training image right. What does that say about the next image? And what can be done so that it
# says more: stop in time, or make more images out of those there are?
#
# About 40 minutes. You need cross-entropy (chapter 01), mini-batches (04), Adam (08), weight decay (10), dropout (11).

# %%
import dataclasses
import itertools
import math
import statistics

import torch
from torch import nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, one_hot

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.engine.augment import mixed, placed
from coursekit.judging.source import made
from coursekit.reference import RULES
from coursekit.reference.generalization import cutout, early_stopping, mixup, shift_images

# %% [markdown]
# ## 1. A network that learns nonsense
#
# Three hundred handwritten digits, and a network with 256 hidden units, which has many more weights than there are
# images. It learns them twice: once with their labels, and once after the labels have been *shuffled*, so that each
# image has the label of some other one. In the second set there is nothing to learn.
#
# **Predict, then run.** Put a letter, such as `"a"`, in place of `...`, run the cell, and read what it says. (Labels
# drawn at random and shuffled labels come to the same here.)

# %%
answer("labels_drawn_at_random", ...)

# %%
torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time
digits = engine.digits()
true = dataclasses.replace(digits, x_train=digits.x_train[:300], y_train=digits.y_train[:300])
order = torch.randperm(300, generator=torch.Generator().manual_seed(0)).to(true.y_train.device)
shuffled = dataclasses.replace(true, y_train=true.y_train[order])

# %%
curves, setting = {}, {"loss": cross_entropy, "epochs": 50, "batch_size": 64}
for name, data in {"true labels": true, "shuffled labels": shuffled}.items():
    stack = engine.stacked(
        lambda seed: engine.mlp([64, 256, 10], seed), RULES["adam"], data, lr=0.005, seeds=range(3), **setting
    )
    curves |= {f"{name}, training": stack.train_loss, f"{name}, new": stack.validation_loss}
    for part, x, y in (("training", data.x_train, data.y_train), ("new", data.x_test, data.y_test)):
        shares = [float((stack.model(k)(x).argmax(dim=1) == y).float().mean()) for k in range(3)]
        print(f"{name}, {part} images: {min(shares):.1%} to {max(shares):.1%} right")
print(sum(p.numel() for p in stack.model(0).parameters()), "weights")
show.loss_curves(curves, xlabel="epoch", ylabel="cross-entropy, in nats", first=1)

# %% [markdown]
# **It learns the nonsense too.** All 300 shuffled labels are given back, and on new images the network is right about
# one time in ten, which is what guessing does. Same network, same rule, every training image right; one of them knows
# digits, the other has a list of 300 answers. Both training losses fall and fall; only the new images tell them apart.
# (After Zhang and others 2017, who did this with far larger networks.)
#
# So a network of this size *can* learn anything by heart. That it learns something about digits when the labels are
# true is not forced by the training loss. This lesson is about telling which it was, and about helping it.
#
# ## 2. The idea
#
# **What counts is the loss on data that had no part in the training, so measure that; and let the network see what may
# be different without the answer being different.**
#
# $$\text{gap} = L_\text{new} - L_\text{train}$$
#
# | symbol | what it is |
# |---|---|
# | $L_\text{train}$ | the mean loss over the examples that the weights were fitted to |
# | $L_\text{new}$ | the mean loss over new examples from the same source; nobody knows it, one estimates it |
# | gap | what was learnt by heart and helps nobody. A large one is called *overfitting* |
#
# Three parts of the data, three uses. The **training** part moves the weights. The **validation** part chooses: the
# rate, when to stop, which method. It is new to the weights, but not to you, and by choosing often enough one fits it
# too (section 8). The **test** part decides nothing: it is looked at when all is chosen.
#
# ### How exactly can that be known?
#
# A share $a$ of right answers among $m$ images is itself a random number: other images, another share. It is like the
# share of heads among $m$ tosses of a coin that shows heads with the chance $a$, whose standard deviation is
# $\sqrt{a(1-a)/m}$ (where the images are drawn independently). To see this, draw many validation sets of 100 images
# from the 359 there are, with repeats, and look at one network on each:

# %%
model = engine.mlp([64, 256, 10], 0)
optimizer = engine.Optimizer(model.parameters(), RULES["adam"], lr=0.005)
engine.train(model, optimizer, true, progress=False, **(setting | {"epochs": 10}))
right = (model(true.x_validation).argmax(dim=1) == true.y_validation).double().cpu()
draws = right[torch.randint(len(right), (10_000, 100), generator=torch.Generator().manual_seed(0))].mean(dim=1)
share = float(right.mean())
print(f"right {share:.1%}; in samples of 100 images the standard deviation is {draws.std():.1%}", end="")
print(f", by the formula {(share * (1 - share) / 100) ** 0.5:.1%}")
for m in (100, 359, 10_000):
    print(f"of {m:5} images: 90 % right is known to {(0.9 * 0.1 / m) ** 0.5:.1%}")

# %% [markdown]
# So "90.5 % is better than 90.0 %" says nothing on a few hundred images. (Two networks on the *same* images can be
# compared somewhat more closely, for a hard image is hard for both.) The loss tells more than the share of right
# answers does, as it also counts how sure the network was. Keep this in mind for section 7.
#
# ## 3. Stop in time
#
# Now the data of chapter 11: 200 digits, and 50 of them have a label drawn at random, so most of these are false.
# (From here on a pixel stays what it is, from 0 for white to 1 for black, so that the zeros of section 5 are white.)

# %%
parts = {part: digits.images(getattr(digits, part)).flatten(1) / 16 for part in ("x_train", "x_validation", "x_test")}
scale = {"mean": torch.zeros_like(digits.mean), "scale": torch.full_like(digits.scale, 16)}
pixels = dataclasses.replace(digits, **parts, **scale)
labels = pixels.y_train[:200].clone()
labels[:50] = torch.randint(10, (50,), generator=torch.Generator().manual_seed(1)).to(labels)
noisy = dataclasses.replace(pixels, x_train=pixels.x_train[:200], y_train=labels)

# %%
setting = {"loss": cross_entropy, "epochs": 60, "batch_size": 50}
stack = engine.stacked(
    lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], noisy, lr=0.02, seeds=range(5), **setting
)
curves = {"training": stack.train_loss, "validation": stack.validation_loss}
show.loss_curves(curves, xlabel="epoch, counted from 0", ylabel="cross-entropy, in nats", log=False)

# %% [markdown]
# First the network learns what many images have in common; later it learns the false labels (chapter 11 counted them).
# In between the validation loss has its lowest point, and the best network of the run is the one that was there.
# **Early stopping** keeps it: after each epoch measure the validation loss, remember the weights of the best epoch, and
# stop when there has been no better one for some epochs, the *patience*.

# %%
show.formula(early_stopping)

# %% [markdown]
# | symbol | code | what it is |
# |---|---|---|
# | $L_e$ | `loss` | the validation loss after epoch $e$, counted from 0 |
# | $L_\text{best}$, $e_\text{best}$ | `best`, `best_epoch` | the lowest one so far, and its epoch |
# | $\delta$ | `min_delta` | by how much a loss must be lower to count as better |
# | $e_\text{stop}$ | `epoch` at the end | the last epoch that is run |
#
# **Predict, then run.**

# %%
answer("which_weights_to_keep", ...)

# %%
answer("one_epoch_of_patience_more", ...)

# %%
losses = [0.9, 0.6, 0.5, 0.55, 0.52, 0.51, 0.4, 0.3]
for patience in (1, 2, 3, 4):
    stop, best = early_stopping(losses, patience=patience)
    print(f"patience {patience}: stops after epoch {stop}, keeps epoch {best} with loss {losses[best]}")

# %% [markdown]
# What does patience cost, and what does it bring? The five runs above, each stopped with several patiences; and five
# more at a fifth of the rate, which fall more slowly:

# %%
slow = engine.stacked(
    lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], noisy, lr=0.004, seeds=range(5), **setting
)
for (lr, runs), patience in itertools.product({0.02: stack, 0.004: slow}.items(), (1, 2, 5, 20)):
    rows = runs.validation_loss.tolist()
    found = [early_stopping(row, patience=patience) for row in rows]
    kept = statistics.median(row[best] for row, (_, best) in zip(rows, found, strict=True))
    lowest = statistics.median(min(row) for row in rows)
    ran = statistics.median(stop + 1 for stop, _ in found)
    print(f"lr {lr:<5}  patience {patience:2}: {ran:2} epochs run, loss kept {kept:.3f}, lowest {lowest:.3f}")

# %% [markdown]
# Waiting longer never keeps a higher loss: the best epoch is remembered. It costs epochs, and it pays where the curve
# has bumps. A patience of 1 or 2 gives a little away, for it ends some runs at a bump on the way down; one of 5 keeps
# the lowest loss there is. Here more only costs. No patience makes a bad run good: the lowest point is all there is.
#
# `engine.train(..., early_stop=5)` does this, and puts the best weights back. It stops where the function says:

# %%
model = engine.mlp([64, 64, 10], 0)
optimizer = engine.Optimizer(model.parameters(), RULES["adam"], lr=0.02)
run = engine.train(model, optimizer, noisy, early_stop=5, progress=False, **setting)
print(run)
print("early_stopping says", early_stopping(stack.validation_loss[0].tolist(), patience=5))

# %% [markdown]
# ## 4. Move it
#
# The figure has whole runs on 50 to 400 images, with true labels or with one in four drawn at random. Epochs after the
# stop are never run; they are drawn to show what one misses. **Find out: (1) Which is the smallest patience with which
# none of the eight runs misses its lowest loss? (2) About how many images with true labels are worth as much as 200
# with one label in four at random? (3) With how many images is the gap largest, and why can it be below zero?**

# %%
figure = show.capacity()
figure

# %%
data = figure.data
runs = [pair for kind in data["kinds"] for pair in zip(kind["validation"], kind["stops"], strict=True)]
for patience in (1, 2, 3, 4, 5):
    missed = sum(losses[stops[patience - 1][1]] > min(losses) for losses, stops in runs)
    print(f"(1) patience {patience}: {missed} of {len(runs)} runs miss their lowest loss")
for kind in data["kinds"]:
    lowest = {n: round(min(losses), 2) for n, losses in zip(data["sizes"], kind["validation"], strict=True)}
    print(f"(2) {kind['name']:22} lowest loss by images: {lowest}")
    rows = zip(data["sizes"], kind["train"], kind["validation"], kind["stops"], strict=True)
    gaps = {n: [round(new[e] - seen[e], 2) for e in (stops[4][1], -1)] for n, seen, new, stops in rows}
    print(f"(3) {kind['name']:22} gap in the epoch kept with patience 5, and in the last: {gaps}")

# %% [markdown]
# (1) With 5. (2) A few more than 100: here, with one run of each, the false labels cost nearly half of the data. (3)
# With 50, which are soonest known by heart. It is below zero where training labels are false and those of the
# validation are all true: a network that knows digits and nothing else then has the higher loss in training. Early in a
# run there is another reason: the training loss is the mean over the steps of the epoch, the other is measured after.
#
# ## 5. More images out of those there are
#
# For a network like this the 64 pixels are 64 numbers, in no order; it does not know that one lies beside another. Here
# are ten test images, changed in seven ways. (`affine_grid` and `grid_sample` are torch's way to turn and scale.) After
# which of them would you still give each digit its label?

# %%
images = pixels.x_test.view(-1, 8, 8)
changed = {"as it is": images, "right 1": shift_images(images, 0, 1), "down 1": shift_images(images, 1, 0)}
c, s, shape = math.cos(0.25), math.sin(0.25), [len(images), 1, 8, 8]
matrices = {"turned": [[c, s, 0], [-s, c, 0]], "smaller": [[1.25, 0, 0], [0, 1.25, 0]]}
for name, matrix in matrices.items():
    where = affine_grid(images.new_tensor(matrix).expand(len(images), 2, 3), shape, align_corners=False)
    changed[name] = grid_sample(images[:, None], where, align_corners=False)[:, 0]
changed["cut out"] = cutout(images, 3, 3, 2)
changed |= {"flipped": images.flip(-1), "top down": images.flip(-2)}
ten = [int((pixels.y_test == digit).nonzero()[0]) for digit in range(10)]
show.digits_grid(torch.cat([x[ten] for x in changed.values()]), [name for name in changed for _ in ten])

# %% [markdown]
# Three networks with 64 hidden units, trained on 400 digits with true labels, look at all test images, changed in these
# ways. The columns are the digits 0 to 9:

# %%
clean = dataclasses.replace(pixels, x_train=pixels.x_train[:400], y_train=pixels.y_train[:400])
y, small = pixels.y_test, {"loss": cross_entropy, "epochs": 30, "batch_size": 50, "lr": 0.01, "seeds": range(3)}
plain = engine.stacked(lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], clean, **small)
print(f"{'right, in %':12}  all", "".join(f"{digit:5}" for digit in range(10)))
for name, x in changed.items():
    hits = torch.stack([(plain.model(k)(x.flatten(1)).argmax(dim=1) == y).float() for k in range(3)]).mean(dim=0)
    shares = [100 * float(hits[y == digit].mean()) for digit in range(10)]
    print(f"{name:12} {100 * hits.mean():4.0f}", "".join(f"{share:5.0f}" for share in shares))

# %% [markdown]
# A reader keeps the label in the first five, hardly where a digit is flipped. The network is not so sure: moved by a
# single pixel, most images are not recognised. All training images were in the middle, and nothing told the network
# that this does not matter. One could wait for more data. Or one says it, with what there is: **each time an image
# comes up, change it in a way that leaves its label true.** That is *data augmentation*.
#
# ### The three changes of this chapter

# %%
show.formula(shift_images)

# %%
show.formula(cutout)

# %% [markdown]
# A shift says that the place does not matter; what moves in is background. Cutout (DeVries and Taylor 2017) says that
# no single part may decide. In both the label stays, or nearly: in the table no 8 without its middle is recognised, as
# it looks like a 0. And in both there are zeros. Is a zero always background?

# %%
answer("behind_the_square", ...)

# %%
scaled = torch.full((1, 1), (12 - 6) / 3)  # a pixel of 12, where the mean is 6 and the standard deviation 3
print("blank, in the image's own units:", float(cutout(scaled, 0, 0, 1) * 3 + 6))
first = (shift_images(digits.images(digits.x_train), 0, 1).flatten(1) - digits.mean) / digits.scale
print(f"largest number among the standardised images: {digits.x_train.abs().max():.0f}")
print(f"shifted first, then standardised by the old means and deviations: {first.abs().max():.0f}")

# %% [markdown]
# So decide what the zero is to be, and change the images before they are standardised. The last line is the other side:
# at the border most pixels are white in all training images, with a standard deviation near zero, and ink that moves
# there becomes a very large number. One deviation for all pixels avoids that. Here nothing is standardised.
#
# The third change mixes two images, and their labels with them:

# %%
show.formula(mixup)

# %% [markdown]
# | symbol | code | what it is |
# |---|---|---|
# | $x_i$, $y_i$ | `x`, `y` | an example and its label, as ten shares: 1 for its class, 0 for the others (*one-hot*) |
# | $\pi(i)$ | `permutation` | the example with which example $i$ is mixed |
# | $\lambda$ | `lam` | the share that stays; for each batch one is drawn |
#
# Mixup (Zhang and others 2018) asks for a straight line between any two examples: an image that is seven tenths a 3 and
# three tenths a 5 is to be called that.

# %%
answer("smallest_loss_of_mixed_targets", ...)

# %%
for lam in (0.75, 0.5, 1.0):
    _, share = mixup(torch.zeros(2, 1), torch.eye(2), lam, torch.tensor([1, 0]))
    grid = torch.linspace(0.0001, 0.9999, 9999)  # the probability that is given to the first class
    losses = -(share[0, 0] * grid.log() + share[0, 1] * (1 - grid).log())
    print(f"lam {lam:<4}: lowest cross-entropy {losses.min():.3f} nats, at probability {grid[losses.argmin()]:.2f}")

# %%
permutation, lam = torch.arange(10).roll(-2), 0.7
mixed_images, shares = mixup(images[ten], one_hot(y[ten], 10).to(images), lam, permutation)
print("the fourth image is", {digit: round(float(v), 2) for digit, v in enumerate(shares[3]) if v})
show.digits_grid(mixed_images, [f"{lam} · {k}\n+ {1 - lam:.1f} · {(k + 2) % 10}" for k in range(10)])

# %% [markdown]
# `placed` draws a place for each image of a batch, `mixed` a share and partners (at `alpha=1.0` all shares are equally
# likely); they return the `augment` of `engine.train` and `engine.stacked`. Three networks, each way alone, one rate:

# %%
four, squares = [(0, 1), (1, 0), (0, -1), (-1, 0)], list(itertools.product(range(-1, 8, 2), range(-1, 8, 2), [3]))
augments = {
    "shift": placed(shift_images, [(0, 0)] * 4 + four, (8, 8)),  # every second image is moved
    "cutout": placed(cutout, squares, (8, 8)),
    "mixup": mixed(mixup, alpha=1.0, classes=10),
    "flip": placed(lambda x, yes: x.flip(-1) if yes else x, [(0,), (1,)], (8, 8)),
}
stacks = {"nothing": plain}
for name, augment in augments.items():
    stacks[name] = engine.stacked(
        lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], clean, augment=augment, **small
    )

# %%
print("test images right, in %; trained with:", "".join(f"{name:>9}" for name in stacks))
for change, x in changed.items():
    shares = []
    for stack in stacks.values():
        hits = [stack.model(k)(x.flatten(1)).argmax(dim=1) == y for k in range(3)]
        shares.append(100 * float(torch.stack(hits).float().mean()))
    print(f"{change:>38}", "".join(f"{share:9.1f}" for share in shares))

# %% [markdown]
# Read it by rows. Each way helps against the change that it shows: a network that saw shifts knows shifted digits, one
# that saw squares cut out is hurt least by them, and one that saw flips knows flipped ones. (No row has mixed images.)
# It may cost elsewhere: with shifts, squares hurt more than with nothing. On the images as they are, shifts bring two
# points, flips cost nearly as many, hardly more than 360 images can show (section 2); cutout and mixup do little.
#
# So augmentation tells the network something about the data that the data do not say. It helps on new images if that is
# true of them, and if the network had not found it out itself.
#
# ### Why no flips?

# %%
answer("change_that_keeps_the_label", ...)

# %%
print("test images right, in %      ", "".join(f"{digit:5}" for digit in range(10)))
for name in ("nothing", "shift", "flip"):
    hits = [(stacks[name].model(k)(pixels.x_test).argmax(dim=1) == y).float() for k in range(3)]
    shares = [100 * float(torch.stack(hits)[:, y == digit].mean()) for digit in range(10)]
    print(f"{'trained with ' + name:>29}", "".join(f"{share:5.0f}" for share in shares))

# %% [markdown]
# Only the 5 loses clearly: 3 points are one image of some 36. What does a network that never saw one take them for?

# %%
taken = torch.zeros(10, 10)
for k in range(3):
    answers = stacks["nothing"].model(k)(changed["flipped"].flatten(1)).argmax(dim=1)
    for digit in range(10):
        taken[:, digit] += torch.bincount(answers[y == digit], minlength=10).cpu() / (3 * int((y == digit).sum()))
axes = {"what the network says": range(10), "digit, flipped from left to right": range(10)}
show.heatmap(taken, axes, label="share of the images", best=None)

# %% [markdown]
# Each column is a digit, and the cells say what it is taken for, flipped. A 0 or 4 is nearly always taken for what it
# was (the images are so coarse that a 4 hardly changes), a 1, 2 or 8 mostly. A 3 is most often taken for an 8, a 6 for
# a 4, a 7 for a 5. Who trains with flips has the network call these shapes a 3, a 6 and a 7. It learns that, and the
# digits that look like them may pay: here the 5. For photographs of cats the same change is a good one. No formula says
# which: it is knowledge about the data.
#
# ## 6. How many images is a shift worth?
#
# *Learning curves*: the same network, trained on more and more images, three draws of each size, with and without
# shifts. Each point is the better one of two rates, with the weights of the best epoch. (The optimiser is torch's,
# which is the same to rounding and needs less time.)

# %%
sizes, errors, rates = [50, 100, 200, 400, 800], {}, (0.005, 0.015)
ways = {"as they are": None, "every second one shifted": augments["shift"]}
for (name, augment), seed, n in itertools.product(ways.items(), range(3), sizes):
    order = torch.randperm(len(pixels.y_train), generator=torch.Generator().manual_seed(seed))
    rows, epochs = order[:n], 20 + 4000 // n
    part = dataclasses.replace(pixels, x_train=pixels.x_train[rows], y_train=pixels.y_train[rows])
    how = {"epochs": epochs, "early_stop": epochs, "augment": augment, "seed": seed, "progress": False}
    best = (math.inf, None)
    for lr in rates:
        model = engine.mlp([64, 64, 10], seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        run = engine.train(model, optimizer, part, loss=cross_entropy, batch_size=50, **how)
        best = min(best, (run.validation_loss[run.best_epoch], model), key=lambda pair: pair[0])
    errors.setdefault(name, {}).setdefault(seed, []).append(float(cross_entropy(best[1](pixels.x_test).detach(), y)))

# %%
curves = {name: torch.tensor(list(rows.values())) for name, rows in errors.items()}
for name, rows in curves.items():
    pairs = zip(sizes, rows.median(dim=0).values, strict=True)
    print(f"{name:25}", "  ".join(f"{n} images {loss:.3f}" for n, loss in pairs))
at = torch.arange(5.0)
show.lines(at, curves, "doublings (0: 50 training images, 4: 800)", "test loss, in nats", log=True)

# %% [markdown]
# On these axes both lines are not far from straight: each doubling of the images takes about a fifth to two fifths off
# the loss. With shifts the line lies lower: 100 shifted images do about what 200 do without. **Here a shift is worth
# between a half and a whole doubling of the data**, and less at 800, where the lines come together. It is paid for in
# steps: put `15 + 3000 // n` for the epochs, and at 400 and 800 images the lead is gone. (One thing is not real: all
# have a validation set of 359 images. Who has 50 images in all does not.)
#
# ## 7. All of them, tuned alike
#
# What can be done about the 50 false labels of section 3? Nine ways, each with fifteen settings: three strengths, each
# at five rates. Whoever does nothing gets fifteen rates.
#
# | way | what is tuned beside the rate |
# |---|---|
# | stop in time | the patience |
# | weight decay | `weight_decay` of AdamW (chapter 10) |
# | dropout | `p`, on the hidden layer (chapter 11) |
# | label smoothing | the share $s$ of each label that is spread evenly over the ten classes |
# | input noise | the standard deviation of what is added to each pixel |
# | shift, cutout | how many images are moved; the side of the square |
# | mixup | $\alpha$: the higher, the nearer to half and half |

# %%
drop = {p: lambda seed, p=p: engine.mlp([64, 64, 10], seed, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(p)))
        for p in (0.0, 0.3, 0.5, 0.8)}  # fmt: skip
smooth = {s: lambda x, y, _, s=s: (x, (1 - s) * one_hot(y, 10).to(x) + s / 10) for s in (0.03, 0.1, 0.3)}
noise = {s: lambda x, y, draw, s=s: (x + s * torch.randn(x.shape, generator=draw).to(x), y) for s in (0.1, 0.3, 0.6)}
corners = {size: list(itertools.product(range(-1, 8, 2), range(-1, 8, 2), [size])) for size in (4, 6, 7)}

# %%
ways = {
    "nothing": [{"rates": [0.002 * 1.22**k for k in some]} for some in (range(5), range(5, 10), range(10, 15))],
    "stop in time": [{"patience": k} for k in (2, 5, 10)],
    "weight decay": [{"weight_decay": decay} for decay in (0.03, 0.1, 1.0)],
    "dropout": [{"p": p} for p in (0.3, 0.5, 0.8)],
    "label smoothing": [{"augment": change} for change in smooth.values()],
    "input noise": [{"augment": change} for change in noise.values()],
    "shift": [{"augment": placed(shift_images, [(0, 0)] * k + four, (8, 8))} for k in (16, 8, 2)],
    "cutout": [{"augment": placed(cutout, places, (8, 8))} for places in corners.values()],
    "mixup": [{"augment": mixed(mixup, alpha, 10)} for alpha in (1.0, 10.0, 100.0)],
}

# %%
usual = {"rates": (0.002, 0.004, 0.01, 0.02, 0.03), "p": 0.0, "weight_decay": 0.0, "augment": None, "patience": None}
setting, chosen = {"loss": cross_entropy, "epochs": 30, "batch_size": 50}, {}
for (way, settings), strength in itertools.product(ways.items(), range(3)):
    how = usual | settings[strength]
    if how["patience"] in (None, 2):  # other patiences stop the same runs
        stack = engine.stacked(
            drop[how["p"]], RULES["adamw"], noisy, augment=how["augment"], weight_decay=how["weight_decay"],
            lr=[lr for lr in how["rates"] for _ in range(3)], seeds=[*range(3)] * 5, **setting)  # fmt: skip
    rows, patience = stack.validation_loss.tolist(), how["patience"]
    kept = [row[early_stopping(row, patience=patience)[1] if patience else -1] for row in rows]
    for k, lr in enumerate(how["rates"]):
        low, middle, high = sorted(kept[3 * k : 3 * k + 3])
        if way not in chosen or middle < chosen[way][0]:
            chosen[way] = middle, low, high, stack.validation_loss[3 * k : 3 * k + 3], how, lr, strength

# %% [markdown]
# Of each way the setting with the lowest validation loss is kept (the middle of three seeds). Here are their curves:

# %%
names = ("nothing", "weight decay", "dropout", "input noise", "shift", "mixup")
curves = {way: chosen[way][3] for way in names}
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss, in nats", first=1, log=True)

# %% [markdown]
# These were chosen on the validation images, and for these 200 training images. What are they worth on others? Each is
# trained on four *other* sets of 200 images, 50 of them labelled at random, and tested on some 1,000 images with true
# labels, on which nothing was trained, stopped or chosen. (The strengths are counted from left to right.)

# %%
tests = {way: [] for way in ways}
for (way, (*_, how, lr, _)), k in itertools.product(chosen.items(), range(1, 5)):
    rows = torch.arange(200, len(pixels.y_train)).roll(-200 * (k - 1))
    labels = pixels.y_train[rows[:200]].clone()
    labels[:50] = torch.randint(10, (50,), generator=torch.Generator().manual_seed(k)).to(labels)
    part = dataclasses.replace(pixels, x_train=pixels.x_train[rows[:200]], y_train=labels)
    model = drop[how["p"]](k)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=how["weight_decay"], fused=True)
    more = {"augment": how["augment"], "early_stop": how["patience"], "seed": k, "progress": False}
    engine.train(model, optimizer, part, **more, **setting)
    x, y = pixels.x_train[rows[200:]], pixels.y_train[rows[200:]]
    scores = model(torch.cat([pixels.x_test, x])).detach()
    y = torch.cat([pixels.y_test, y])
    tests[way].append([float(cross_entropy(scores, y)), float((scores.argmax(dim=1) == y).float().mean())])

# %%
print("                strength, lr   validation loss         the mean of four other sets of 200 images")
base = torch.tensor(tests["nothing"])
for way, (middle, low, high, *_, lr, strength) in chosen.items():
    found = torch.tensor(tests[way])
    (loss, share), lower, more = found.mean(dim=0), (found < base)[:, 0].sum(), (found > base)[:, 1].sum()
    print(f"{way:16}{strength + 1} of 3, {lr:.3f}  {middle:.3f} ({low:.3f} to {high:.3f})", end="")
    print(f"  loss {loss:.3f}, lower in {lower} of 4; right {share:.1%}, more in {more} of 4")

# %% [markdown]
# No best rate is at an end of its range. Of weight decay and label smoothing the weakest strength is the best, the one
# nearest to "nothing"; mixup has the highest $\alpha$, with which it is always half and half, so there is none beyond.
#
# - **By the loss**, input noise, shifts, cutout and mixup are ahead of doing nothing on every one of the four sets,
#   stopping in time and dropout on three, weight decay and label smoothing on none.
# - **By the share of right answers** only input noise is clearly ahead, by about five points, and mixup by two. The
#   others are about a point off or less: weight decay, here nearly the same as "nothing", is ahead on three sets, too.
# - **Cutout** has a lower loss than "nothing" each time, and more right answers only once. What counts as better
#   depends on what is counted. (Label smoothing teaches never to be sure, and the loss makes it pay for that.)
#
# With noise no image comes twice, so it is hard to learn by heart. Other data may have another order. What stays: equal
# tuning, "nothing" among the rivals, several sets of data, no winner where the spread is as large as the lead.
#
# ## 8. How it fails
#
# ### In the functions
#
# `made` gives a wrong form, by the name that `check` has for it. First early stopping: the slower validation curves of
# section 3, and the loss of the weights that each form keeps, with patience 5.

# %%
wrong = {slip.name: made(early_stopping, slip.change) for slip in exercise("early_stopping").slips}
rows = slow.validation_loss.tolist()
for name in ("right", "stop for the best", "stopped at the first bad epoch", "patience counted from the start"):
    found = [wrong.get(name, early_stopping)(row, patience=5) for row in rows]
    kept = [row[best] for row, (_, best) in zip(rows, found, strict=True)]
    ran = statistics.median(stop + 1 for stop, _ in found)
    print(f"{name:32} stops after {ran:2} epochs, keeps a loss of {statistics.median(kept):.3f}")

# %%
wrong = {slip.name: made(mixup, slip.change) for slip in exercise("mixup").slips}
wrong |= {slip.name: made(shift_images, slip.change) for slip in exercise("shift_images").slips}
names = ("mixup", "targets not mixed", "other partners for the targets")
forms = {name: mixed(wrong.get(name, mixup), 1.0, 10) for name in names}
for name in ("shift", "rolled round", "blanked, not moved"):
    forms[name] = placed(wrong.get(name, shift_images), [(0, 0)] * 4 + four, (8, 8))
short = small | {"epochs": 20}
for name, augment in forms.items():
    stack = engine.stacked(lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], clean, augment=augment, **short)
    loss, right = stack.validation_loss[:, -1].median(), stack.accuracy[:, -1].median()
    print(f"{name:32} validation loss {loss:.3f}, right {right:.1%}")

# %% [markdown]
# - *stop for the best*: the stop is right, the weights are those after all the waiting.
# - *stopped at the first bad epoch*: patience is not used; each bump ends the run.
# - *patience counted from the start* ends every run after `patience` + 1 epochs, long before anything is learnt.
# - *targets not mixed*, *other partners for the targets*: an image is called what it is not. The network still learns,
#   more slowly and less surely, and the share of right answers falls by little. The loss shows it.
# - *rolled round* and *blanked, not moved* **cannot be told from the right one by their result here**: the digits have
#   mostly white edges, so what is rolled in is mostly white; and a blanked edge is a change like another.
#
# ### A leak
#
# Someone makes five noisy copies of each of 200 images and splits afterwards: a random fifth of the 1,000 is set aside
# for validation. Someone else sets aside 40 of the 200 images, and makes copies after that:

# %%
noisy_copies = [noise[0.1](pixels.x_train[:200], None, torch.Generator().manual_seed(k))[0] for k in range(5)]
many, labels = torch.stack(noisy_copies), pixels.y_train[:200]  # (5, 200, 64)
mix = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
x, y = many.flatten(0, 1)[mix], labels.repeat(5)[mix]
leaky = {"x_train": x[:800], "y_train": y[:800], "x_validation": x[800:], "y_validation": y[800:]}
tight = {"x_train": many[:, :160].flatten(0, 1), "y_train": labels[:160].repeat(5)}
tight |= {"x_validation": many[:, 160:].flatten(0, 1), "y_validation": labels[160:].repeat(5)}
for name, sets in {"copied, then split": leaky, "split, then copied": tight}.items():
    data, how = dataclasses.replace(pixels, **sets), small | {"epochs": 15}
    stack = engine.stacked(lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], data, **how)
    hits = [(stack.model(k)(pixels.x_test).argmax(dim=1) == pixels.y_test).float().mean() for k in range(3)]
    print(
        f"{name}: validation {stack.accuracy[:, -1].median():.1%} right, test {statistics.median(map(float, hits)):.1%}"
    )

# %% [markdown]
# The first validation share is far above the test's. Each validation image had copies of itself in the training, so it
# asks what was learnt by heart. The second is a fair estimate, though a rough one: five copies of 40 images are 40
# images, not 200, so by the formula of section 2 it is known to about 4 points.
#
# ### Chosen on the test set
#
# Fifty networks that differ in nothing but the seed, trained on 100 images. Take the best one, by its share of right
# answers on 100 images. What will it be worth on others?

# %%
part = dataclasses.replace(pixels, x_train=pixels.x_train[:100], y_train=pixels.y_train[:100])
how = {"loss": cross_entropy, "epochs": 20, "batch_size": 50, "lr": 0.01, "seeds": range(50)}
stack = engine.stacked(lambda seed: engine.mlp([64, 64, 10], seed), RULES["adam"], part, **how)
every = torch.stack([stack.model(k)(pixels.x_test).argmax(dim=1) == pixels.y_test for k in range(50)]).double()
shown, rest = every[:, :100].mean(dim=1), every[:, 100:].mean(dim=1)
best = int(shown.argmax())
print(f"the best of 50 on these 100 images: {shown[best]:.1%}, the middle one {shown.median():.1%}")
print(f"the same network on 260 others:     {rest[best]:.1%}, the middle one {rest.median():.1%}")

# %% [markdown]
# Part of what made it the best was luck with these 100 images, and the luck does not come along. The more one compares,
# the larger that part. So a set on which one has chosen is used up: it is a validation set then, whatever its name.
#
# ## 9. Convention box
#
# | | here | torch and others |
# |---|---|---|
# | patience | acts when `patience` epochs have passed | `ReduceLROnPlateau`: when *more* than `patience` have |
# | `min_delta` | in the units of the loss | its `threshold`: a share of the best loss, unless `threshold_mode="abs"` |
# | which weights | those of the best epoch | many programs keep the last ones unless asked |
# | shift | zeros move in | `torch.roll` brings back at one edge what left over the other |
# | cutout | `top`, `left`: the first row and column | the paper gives the middle: `top = y - size // 2` |
# | mixup | one mixed label | the authors' program adds two losses, $\lambda$ and $1-\lambda$ |
#
# **The exact conversions.** Torch has no early stopping, but `early_stopping(losses, patience=k, min_delta=d)` stops in
# the epoch in which `ReduceLROnPlateau(patience=k - 1, threshold=d, threshold_mode="abs")` first lowers the rate. The
# cross-entropy is linear in its label, so the loss of the mixed label *is* the mixed loss. And label smoothing in the
# label is that of `cross_entropy(..., label_smoothing=s)`:

# %%
draw = torch.Generator().manual_seed(0)
agree, walks = 0, torch.randn(200, 40, generator=draw, dtype=torch.float64).cumsum(dim=1).div(10).add(3).tolist()
for losses, (k, d) in itertools.product(walks, ((1, 0.0), (3, 0.0), (5, 0.1))):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    plateau = {"patience": k - 1, "threshold": d, "threshold_mode": "abs"}
    scheduler, rates = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **plateau), []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    lowered = next((epoch for epoch, lr in enumerate(rates) if lr < 1), 39)
    agree += lowered == early_stopping(losses, patience=k, min_delta=d)[0]
print(f"the same epoch in {agree} of {3 * len(walks)} runs")

# %%
scores, x = (torch.randn(50, n, generator=draw, dtype=torch.float64) for n in (10, 64))
y, permutation, lam, s = torch.randint(10, (50,), generator=draw), torch.randperm(50, generator=draw), 0.3, 0.1
hot = one_hot(y, 10).double()
two = lam * cross_entropy(scores, y) + (1 - lam) * cross_entropy(scores, y[permutation])
print(f"mixup     {abs(cross_entropy(scores, mixup(x, hot, lam, permutation)[1]) - two):.0e}")
smoothed = cross_entropy(scores, (1 - s) * hot + s / 10)
print(f"smoothing {abs(smoothed - cross_entropy(scores, y, label_smoothing=s)):.0e}")
images = x.view(-1, 8, 8)
print(f"shift     {(shift_images(images, 2, -1) - nn.functional.pad(images, (-1, 1, 2, -2))).abs().max():.0e}", end="")
print(f", torch.roll instead {(shift_images(images, 2, -1) - images.roll((2, -1), (-2, -1))).abs().max():.1f}")

# %% [markdown]
# ## 10. In practice
#
# **First set data aside.** Split before anything is fitted, standardised or made from the images; rows that belong
# together (the same patient, the same page) go to the same part.
#
# **Then look at the two curves.** Training loss high too: the network is too small, or not trained to the end; nothing
# of this chapter helps with that. Training loss low and validation loss high: more data, if they can be had; else
# augmentation that says something true about them; then weight decay and dropout. Early stopping costs next to nothing;
# its patience should be longer than the bumps of the validation loss.
#
# **What it costs.** Early stopping: a pass over the validation data each epoch, one copy of the weights, and `patience`
# epochs. Shift, cutout, mixup: one pass over the batch each, no weights; more epochs until the training loss is down.
# **Where it is used.** Crops and flips for photographs, mixup and label smoothing for large image classifiers.
#
# ## 11. Your turn
#
# In `exercises/12_generalization.ipynb`, in this order:
#
# 1. `early_stopping`: when to stop, and which weights to keep (2 points).
# 2. `shift_images`: zeros move in (2 points).
# 3. `cutout`: a blank square, cut off at the edge (2 points).
# 4. `mixup`: images and labels, by the same shares (1 point).
#
# `check` names the mistake when there is one. Your stopping ends the run of a network that learns false labels, your
# shift asks another one what a pixel does to it, and your square and your mixing change digits before your eyes.
#
# **To remember:** the training loss cannot tell learning from a list of answers; set data aside, and choose on one part
# and report on another; stop when the validation loss has not fallen for `patience` epochs and keep the best weights;
# augment with what leaves the label true, which is knowledge about the data; tune "nothing" as well as the rest.
#
# ## 12. Sources
#
# - Zhang, Bengio, Hardt, Recht and Vinyals (2017), "Understanding deep learning requires rethinking generalization",
#   ICLR, arXiv:1611.03530.
# - Goodfellow, Bengio and Courville (2016), "Deep Learning", sections 7.4 (augmentation) and 7.8 (early stopping).
# - DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv:1708.04552.
# - Zhang, Cisse, Dauphin and Lopez-Paz (2018), "mixup: Beyond Empirical Risk Minimization", ICLR, arXiv:1710.09412.
# - Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception Architecture for Computer Vision",
#   CVPR, arXiv:1512.00567: label smoothing.
# - Further: Prechelt (1998), "Early Stopping - But When?", because it measures what waiting longer costs and brings.
