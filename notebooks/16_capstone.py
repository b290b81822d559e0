# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Capstone: everything at once, and a model that writes
#
# You have written the loss, the gradient, the schedule, the clipping and AdamW, each for itself. Now they work
# together on one task: a small transformer reads Python's own documentation, letter by letter, and learns to say what
# comes next. Which of the parts does it need, and how would you know?
#
# About 40 minutes. You need the cross-entropy (chapter 01), warm-up and cosine (05), AdamW (10), dropout (11), early
# stopping (12) and clipping (13). What a transformer is, section 3 says as far as it is needed here.

# %%
import dataclasses
import itertools
import math
import statistics
import tempfile

import torch
from torch import nn
from torch.nn.functional import cross_entropy

# %%
from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.engine.transformer import Block
from coursekit.judging.source import made
from coursekit.reference.adamw import adamw
from coursekit.reference.capstone import Settings, decay_groups, starting_state, training_step
from coursekit.reference.generalization import early_stopping
from coursekit.reference.schedules import warmup_cosine

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time
small = engine.device().type == "cpu"  # on a GPU the main run below is larger

# %% [markdown]
# ## 1. What comes next?
#
# The text is what `help()` knows about the language: English with code in it, some 370,000 characters that every
# Python brings along. (How many, and which, differs a little from one Python to the next, and with it the numbers
# below.) Nothing is downloaded. Here is its size, and a piece of the part that is trained on:

# %%
text = engine.python_text()
print(text)
print(text.decode(text.train[100_000:100_500]))

# %% [markdown]
# A *language model* gives a probability to every character that could come next. Its loss is the cross-entropy of
# chapter 01: minus the logarithm of the probability that it gave to what did come, averaged over all places. The unit
# is the *nat*, since the logarithm is the natural one. **Predict, then run:** what is the loss of a model that knows
# nothing? (The question takes the 96 characters that can be typed and printed; the text may lack one or two.)

# %%
answer("loss_without_knowledge", ...)

# %% [markdown]
# Without any network one can count. Which characters are frequent? And which follow which? Both counts are made on
# the training part, with one added to each, so that nothing is thought impossible, and measured on the validation
# part. Each count becomes a table: in the row of a character stand the logarithms of the probabilities of what comes
# next. An `nn.Embedding` is such a table; given a character, it hands out its row.

# %%
kinds = len(text.characters)
single = torch.bincount(text.train, minlength=kinds) + 1.0
pairs = torch.bincount(text.train[:-1] * kinds + text.train[1:], minlength=kinds**2).view(kinds, kinds) + 1.0
inputs, labels = text.windows("validation", 64)
known = {"nothing known": math.log(kinds)}
for name, counts in {"characters counted": single.expand(kinds, kinds), "pairs counted": pairs}.items():
    table = nn.Embedding.from_pretrained((counts / counts.sum(dim=1, keepdim=True)).log())
    known[name] = engine.text_loss(table, inputs, labels)[0]
for name, loss in known.items():
    print(f"{name:19} {loss:.3f} nats a character, as if it chose among {math.exp(loss):.0f}")

# %% [markdown]
# Who knows the pairs is as unsure as someone who chooses among 13 characters ($e$ to the loss). What does text look
# like in which only the pairs are right?

# %%
generator, place, written = torch.Generator().manual_seed(0), text.encode("T")[0], "T"
for _ in range(200):
    place = torch.multinomial(pairs[place].cpu(), 1, generator=generator)[0]
    written += text.decode(place.view(1))
print(written)

# %% [markdown]
# Hardly a word of it is one. The question of this chapter: **can everything that you have written make a network that
# knows more than pairs?**
#
# ## 2. One step of training
#
# **Loss, gradients, clip, rate, AdamW: five things, one after the other, and each has had its chapter.**

# %%
show.formula(training_step)

# %% [markdown]
# | line | chapter | what it does here |
# |---|---|---|
# | `cross_entropy` | 01 | minus the logarithm of the probability of the right character; all places count alike |
# | `torch.autograd.grad` | 02 | one gradient for each parameter; nothing is left over from the step before |
# | `clip_by_global_norm` | 13 | all gradients together are made no longer than `max_norm` |
# | `warmup_cosine` | 05 | the rate of this step, from the number of steps taken so far |
# | `adamw` | 10 | the new parameter and its state |
# | `decay_groups` | here | who decays, and who is left alone |
#
# Nothing of it knows what the model is. It takes any `nn.Module` that gives *logits*, one number for each possible
# answer. `state` has $m$, $v$ and $t$ of AdamW for each parameter; `starting_state` makes the zeros of the beginning.
# `settings` is a `Settings`: the rate, the steps of its warm-up and of the whole run, and what AdamW and clipping need.
#
# What decays? Matrices, whose numbers multiply the signal, but no biases, and no gains of norms (section 3). A gain
# begins at 1 and not at 0, so a pull towards 0 is not a pull towards doing nothing. The number of dimensions tells:

# %%
show.formula(decay_groups)

# %% [markdown]
# ## 3. The model, as far as an optimizer sees it
#
# A transformer keeps a vector of `width` numbers for every place of the text. It begins as the *embedding* of the
# character, a row of a table, plus a row for the place. Then come blocks, each of two parts whose result is *added*
# to the vector:
#
# - **attention** lets a place look back. Each place makes a query $q$, a key $k$ and a value $v$, three products of its
#   vector with matrices; what it takes is a mean of the values of the places up to itself (`is_causal`), with the
#   weights $\text{softmax}(q \cdot k / \sqrt{d})$, where $d$ is how many numbers $q$ has. Later places are hidden,
#   since they hold the answer. Several *heads* do that side by side, each with its own part of the `width`;
# - **a network** of two layers, the same for every place.
#
# A *layer norm* before each part shifts and scales the vector to mean 0 and variance 1, then by a gain and a shift of
# its own. At the end the vector is compared with every row of the embedding: the logits.

# %%
show.formula(Block.attention)

# %%
size = {"width": 64, "heads": 4, "depth": 2, "context": 64}
if not small:
    size = {"width": 256, "heads": 8, "depth": 6, "context": 256}
model = engine.Transformer(kinds, **size)
decay, no_decay = decay_groups(model)
for name, group in {"decay": decay, "are left alone": no_decay}.items():
    print(f"{len(group):2} tensors, {sum(p.numel() for p in group):,} numbers {name}")
print("the last layer is the embedding itself:", model.output.weight is model.character.weight)

# %% [markdown]
# `context` is how far back a place can see. One table serves at both ends, so one tensor appears in two places of the
# model. `decay_groups` names it once; a step taken twice on it would be a mistake that no curve shows.
#
# **Predict, then run.** How much of a model is it that does not decay?

# %%
answer("share_that_does_not_decay", ...)

# %%
block = Block(64, 4, 0.0)
counts = [sum(p.numel() for p in group) for group in decay_groups(block)]
print(
    f"one block: {counts[1]} of {sum(counts)} numbers are left alone, {100 * counts[1] / sum(counts):.2f} in a hundred"
)

# %% [markdown]
# ## 4. The run
#
# A *window* is a piece of text as long as the context, from a random place. Each step takes a few of them, and each
# window asks as many questions as it has characters: what follows the first one, the first two, and so on. The rate
# is set for this model; the rest of `Settings` stays at its defaults, which section 10 explains.

# %%
steps, rows = (1200, 16) if small else (3000, 64)
settings = Settings(lr=0.006 if small else 0.002, warmup=steps // 10, total=steps)
how = {"steps": steps, "batch_size": rows, "context": size["context"], "every": 100}
history = engine.train_text(model, training_step, starting_state(model), settings, text, **how, progress=False)
print(f"loss of the first step {history.step_loss[0]:.3f}")
print(history)

# %%
curves = {"validation": history.validation_loss, "training": history.train_loss}
curves |= {name: [loss] * len(history.train_loss) for name, loss in known.items() if name != "nothing known"}
show.loss_curves(curves, xlabel="hundreds of steps", ylabel="loss, in nats a character", first=1, log=False)

# %% [markdown]
# (What is printed as *epochs* are the measurements, one in 100 steps.) After a few hundred steps the curve falls below
# the counted pairs. The last character alone does not say that much: from there on the model must be looking further
# back. And now it writes:

# %%
generator = torch.Generator().manual_seed(0)
made_up = engine.write(model, text, "The ", 500, temperature=0.7, generator=generator)
print(made_up, end="\n\n")
words = set(text.decode(text.train).split())
for name, sample in {"from pairs": written, "from the model": made_up}.items():
    print(f"{name:14} {statistics.mean(word in words for word in sample.split()):.0%} of its words are in the text")

# %% [markdown]
# Most of it is words. It does not know what it is talking about: that takes more text and a larger model. The
# `temperature` divides the logits before a character is drawn; below 1 the likely ones are drawn more often. Try 0.1
# and 1.5.
#
# ## 5. Move it
#
# The rate of each step came from warm-up and cosine. The composer of chapter 05 opens with these two. **Find out:**
# with a warm-up of a tenth of all steps (50 of 500), at which step has the rate come down to half of its highest value?
# What share of all steps runs above half? And with 100 of 500? The next cell counts it, last of all for the run above.

# %%
show.schedule_composer()

# %%
for warmup, total in ((50, 500), (100, 500), (settings.warmup, settings.total)):
    high = [t for t in range(total) if warmup_cosine(t, lr=1.0, warmup=warmup, total=total) > 0.5]
    share = len(high) / total
    print(f"warm-up {warmup} of {total} steps: above half from step {high[0]} to step {high[-1]}, {share:.0%} of all")
print(f"a text of {len(text.train):,} characters, {steps * rows * size['context']:,} questions asked in the run")

# %% [markdown]
# It is half of all steps, whatever the warm-up: what a longer rise takes away, the fall that begins later gives back.
#
# ## 6. Does it need all of that?
#
# Each part has a reason. What happens when one of them is left out? The usual way to ask is an *ablation*: the
# same run without the part. Two things make it fair. Each variant gets its own best rate, since the part that is left
# out may be what made a high rate possible. And each is run from several seeds. So this is a grid: four variants, three
# rates, each four times the one before, and three seeds, on a smaller model with windows of 12 characters.

# %%
little = {"width": 48, "heads": 2, "depth": 1, "context": 32}
run = {"steps": 200, "batch_size": 48, "context": 12, "every": 200, "progress": False}
rates, whole = (0.0025, 0.01, 0.04), Settings(lr=0.01, warmup=20, total=200)
variants = {
    "all of it": whole,
    "without warm-up": whole._replace(warmup=1),
    "without clipping": whole._replace(max_norm=1e9),
    "Adam + L2": whole._replace(weight_decay=0.0),
}

# %% [markdown]
# **Predict, then run.** Clipping shortens the gradients. What does AdamW make of that?

# %%
answer("half_of_max_norm", ...)

# %%
noise = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for scale in (1.0, 0.5):
    param, state = torch.zeros(5, dtype=torch.float64), adamw.init(torch.zeros(5, dtype=torch.float64))
    for grad in scale * noise:
        param, state = adamw(param, grad, state, lr=0.01, weight_decay=0.0)
    print(f"gradients times {scale}: 20 steps go {param.norm():.6f} far")

# %% [markdown]
# So clipping cannot make AdamW's steps shorter; it keeps one long gradient from ruling the means of many steps.
#
# *Adam + L2* puts the decay into the gradient, where the penalty $\frac\lambda2 \sum w^2$ would put it (chapter 10).
# A *hook* does that without touching `training_step`: a function that torch calls with the gradient of a tensor, and
# whose result it takes instead.

# %%
grid, losses = {}, {}
for name, lr, seed in itertools.product(variants, rates, range(3)):
    one = engine.Transformer(kinds, **little, seed=seed)
    for p in decay_groups(one)[0] if name == "Adam + L2" else ():
        p.register_hook(lambda grad, p=p: grad + 0.0003 * p.detach())
    chosen = variants[name]._replace(lr=lr)
    result = engine.train_text(one, training_step, starting_state(one), chosen, text, seed=seed, **run)
    grid.setdefault((name, lr), []).append(result.validation_loss[-1])
    losses.setdefault((name, lr), []).append(result.step_loss)

# %%
best = {name: min(rates, key=lambda lr, name=name: statistics.median(grid[name, lr])) for name in variants}
for (name, lr), found in grid.items():
    mark = "best rate" if lr == best[name] else ""
    print(f"{name:17} lr {lr:<5} {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})  {mark}")
smooth = {name: torch.tensor(losses[name, lr]).unflatten(1, (-1, 10)).mean(dim=2) for name, lr in best.items()}
show.loss_curves(smooth, xlabel="tens of steps", ylabel="training loss, in nats a character", first=1, log=False)

# %% [markdown]
# Read the best rates first; they lie inside the grid. There the run without warm-up and the one with L2 end within
# the seeds of the whole one. Without clipping every seed ends above all of the whole one's, by some hundredths of a
# nat. So at this size, and in 200 steps, **hardly a part is missed.** The largest rate says what the warm-up is good
# for: there the run without it ends far above the rest, with every seed. At the smallest it ends *below* the whole
# one: a warm-up then makes steps shorter that are too short already. (The two decays are not compared fairly here: L2
# has one value, and 200 steps are few. Chapter 10 does that.)
#
# So a part need not lower the best loss. The warm-up widens the range of rates that work, and saves tuning. And a
# small run does not speak for a large one: in chapter 05 a transformer of twelve layers learned nothing without a
# warm-up at the rate 0.01, at which it learned with one.
#
# ## 7. Too little text: dropout and early stopping
#
# The run of section 4 went through its text about four times, and at its end training and validation loss were a
# tenth of a nat apart: dropout has little to mend there. With 3,000 characters it is another matter: 450 steps of 16
# windows of 32 characters go through them some 77 times.
#
# `early_stopping` (chapter 12) then reads the validation losses and says where a patience of three measurements would
# have stopped, and whose weights it would have kept:

# %%
few = dataclasses.replace(text, train=text.train[:3000])
long = {"steps": 450, "batch_size": 16, "context": 32, "every": 50, "progress": False}
curves = {}
for p in (0.0, 0.2):
    one = engine.Transformer(kinds, **little, dropout=p)
    chosen = Settings(lr=0.01, warmup=45, total=450)
    result = engine.train_text(one, training_step, starting_state(one), chosen, few, **long)
    curves[f"dropout {p:g}"] = result.validation_loss
    stop, found = early_stopping(result.validation_loss, patience=3)
    last = f"training loss {result.train_loss[-1]:.2f}, validation loss {result.validation_loss[-1]:.2f} at the end"
    kept = (
        f"patience 3 stops after {stop + 1} measurements, keeps number {found + 1}: {result.validation_loss[found]:.2f}"
    )
    print(f"dropout {p:g}: {last};", kept, sep="\n    ")
show.loss_curves(curves, xlabel="measurements, one in 50 steps", ylabel="validation loss, in nats", first=1, log=False)

# %% [markdown]
# Without dropout the training loss goes on falling while the validation loss turns and rises: the run learns its text
# by heart. A patience of three stops it soon after, and hands back the weights from before the turn. With dropout
# there is less of a turn; the best measurement is not lower, though, in this one run. Early stopping costs nothing
# but the validation text, so it is always worth having. Dropout is for the case that data are short and the model is
# not.
#
# ## 8. How it fails
#
# The loss falls in each of the following runs. The names are those of `check`:

# %%
known_mistakes = exercise("training_step").slips
wrong = {part.name: made(training_step, part.change) for part in known_mistakes}
windows = text.windows("validation", 12)
for name in ("right", "inputs as labels", "state begun anew", "each tensor clipped alone", "all parameters decay"):
    one = engine.Transformer(kinds, **little)
    step = wrong.get(name, training_step)
    result = engine.train_text(one, step, starting_state(one), whole, text, **run)
    gains = statistics.mean(float(m.weight.detach().mean()) for m in one.modules() if isinstance(m, nn.LayerNorm))
    ends = f"says {statistics.mean(result.step_loss[-10:]):.2f} at the end; measured on new text"
    print(f"{name:27} {ends} {engine.text_loss(one, *windows)[0]:.2f}; mean gain {gains:.3f}")

# %% [markdown]
# - *inputs as labels*: the model is asked for the character that it sees. A loss near 0 is too good to be true, since
#   nobody knows what comes next that well. On the real question it is worse than knowing nothing.
# - *state begun anew*: every step is a first step of AdamW, with the rate of the warm-up's beginning and no memory.
#   The loss still falls, more slowly. Its curve looks like a run whose rate is too small.
# - *each tensor clipped alone* ends hardly above the right run. It is another rule: the direction of the clipped
#   gradient is not that of the gradient any more. No curve would tell; `check` compares the numbers.
# - *all parameters decay*: the gains of the layer norms are pulled from 1 towards 0. In 200 steps that moves them
#   little and does no harm; the pull goes on for as long as the run does.
#
# ## 9. Convention box
#
# - **Here:** a step is a function. Model, batch, state and settings go in; loss and new state come out.
# - **torch:** an optimizer keeps the state and, in two groups, the decay; `clip_grad_norm_` changes the gradients where
#   they are; a scheduler changes the rate in the optimizer. The order is `zero_grad`, `backward`, clip,
#   `optimizer.step`, `scheduler.step`.
# - **The trap:** `clip_grad_norm_` divides by the norm plus 1e-6, so its clipped gradients are a little shorter than
#   `max_norm`. AdamW hardly sees that: a factor common to all gradients cancels in its step.
# - **Another one:** `LambdaLR` counts from 0 and sets the rate *before* the first step, so its function is
#   `warmup_cosine` with the same `t`. What it returns multiplies the optimizer's `lr`, which is therefore 1 below.

# %%
trained = [engine.Transformer(kinds, **little).double() for _ in range(2)]
decay, no_decay = decay_groups(trained[1])
groups = [{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.95), eps=1e-8)
rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: warmup_cosine(t, lr=0.01, warmup=5, total=30))
state, generator = starting_state(trained[0]), torch.Generator().manual_seed(0)
for _ in range(20):
    inputs, labels = text.batch(8, 32, generator)
    _, state = training_step(trained[0], (inputs, labels), state, Settings(lr=0.01, warmup=5, total=30))
    optimizer.zero_grad()
    cross_entropy(trained[1](inputs).flatten(0, 1), labels.flatten()).backward()
    norm = nn.utils.clip_grad_norm_(trained[1].parameters(), 1.0)
    for p in trained[1].parameters() if norm > 1 else ():
        p.grad *= (norm + 1e-6) / norm  # without torch's 1e-6
    optimizer.step(), rate.step()

# %%
both = list(zip(*(model.parameters() for model in trained), strict=True))
print(f"largest difference after 20 steps {max(float((p - q).detach().abs().max()) for p, q in both):.0e}")

# %% [markdown]
# That is rounding, and nothing else: a step put together from your functions is torch's training loop.
#
# ## 10. In practice
#
# - **Before any tuning**, look at two numbers. The loss of the first step has to be near $\log$ of the number of
#   kinds. And a hundred steps on one single batch, again and again, have to bring it near 0. Who skips this
#   tunes a mistake.

# %%
one = engine.Transformer(kinds, **little)
batch, state = text.batch(4, 32, torch.Generator().manual_seed(0)), starting_state(one)
seen = []
for _ in range(100):
    loss, state = training_step(one, batch, state, Settings(lr=0.01, warmup=10, total=100))
    seen.append(float(loss))
print(
    f"log of {kinds} kinds {math.log(kinds):.2f}; first loss {seen[0]:.2f}, after 100 steps on one batch {seen[-1]:.2f}"
)

# %% [markdown]
# - **What to tune first:** the rate, by factors of about 3, with everything else as it is here. Then the number of
#   steps, since the schedule ends with them: half a run of 1,000 steps is not a run of 500.
# - **Defaults from the large ones:** GPT-3 took $\beta_1 = 0.9$, $\beta_2 = 0.95$, $\epsilon = 10^{-8}$, a decay of
#   0.1, clipping at 1.0, and a linear warm-up before the cosine, which ended at a tenth of its rate (Brown et al. 2020,
#   appendix B). They are the defaults of `Settings`, but for that tenth.
# - **What it costs:** AdamW keeps two numbers for each parameter. What a batch leaves behind for its gradient is more,
#   here. (torch hands every tensor that it keeps to a hook; the parameters among them are not counted.)

# %%
numbers = sum(p.numel() for p in model.parameters())
print(f"parameters {4 * numbers / 1e6:.2f} MB, state of AdamW {8 * numbers / 1e6:.2f} MB", end=", ")
kept, own = {}, {p.untyped_storage().data_ptr() for p in model.parameters()}
with torch.autograd.graph.saved_tensors_hooks(
    lambda x: kept.update({x.untyped_storage().data_ptr(): x}) or x, lambda x: x):  # fmt: skip
    out = model(text.batch(rows, size["context"], torch.Generator().manual_seed(0))[0])
left = sum(x.untyped_storage().nbytes() for place, x in kept.items() if place not in own)
print(f"kept for the gradient {left / 1e6:.2f} MB")
print(f"seconds a step {history.seconds / len(history.step_loss):.3f}, characters a second", end=" ")
print(f"{len(history.step_loss) * rows * size['context'] / history.seconds:,.0f}, measuring included")

# %% [markdown]
# - **On a GPU** this notebook takes a larger model and more steps by itself (section 4).
# - **What others use it for:** the same step trains models a million times as large. What they add is how the work is
#   shared among machines, numbers of fewer bits, and the care of section 8.
#
# ## 11. The leaderboard
#
# A single number from a single seed is no result. An entry of the board has a name, a loss for each seed, and all
# settings, so that anyone can run it again. The board is a file of one line for each entry; send it round, and merge
# by copying lines. Here are the variants of section 6, each at its best rate, in a folder that is thrown away:

# %%
with tempfile.TemporaryDirectory() as folder:
    for name, lr in best.items():
        entry = variants[name]._replace(lr=lr)._asdict() | {"l2": 0.0003 if name == "Adam + L2" else 0.0}
        entry |= little | {"batch_size": run["batch_size"], "window": run["context"]}
        board = engine.enter(f"{folder}/leaderboard.jsonl", name, grid[name, lr], [0, 1, 2], entry)
print(board)

# %% [markdown]
# ## 12. Your turn
#
# In `exercises/16_capstone.ipynb`, in this order:
#
# 1. `decay_groups`: who decays (2 points).
# 2. `training_step`: the five things of section 2, one after the other (5 points). It then trains a transformer of
#    yours, whose loss goes onto the board.
#
# **To remember:** a step is loss, gradients, clip, rate, AdamW; it does not know the model. Look at the first loss,
# and at how counting does, before you believe a curve. A part has earned its place when the run without it, at its
# own best rate and from several seeds, is worse.
#
# ## 13. Sources
#
# - Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2 (attention), 3.4 (one table for
#   embedding and output), 5.3 (warm-up).
# - Radford et al. (2019), "Language Models are Unsupervised Multitask Learners": norms before each part.
# - Brown et al. (2020), "Language Models are Few-Shot Learners", arXiv:2005.14165, appendix B.
# - Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101.
# - Press and Wolf (2017), "Using the Output Embedding to Improve Language Models", arXiv:1608.05859.
# - Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", arXiv:1211.5063:
#   clipping by the norm.
# - Further: Karpathy (2015), "The Unreasonable Effectiveness of Recurrent Neural Networks", because it shows how much
#   one can read off what such models write; and Shannon (1951), "Prediction and Entropy of Printed English", in which
#   people did the guessing.
