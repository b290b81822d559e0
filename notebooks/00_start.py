# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# Ten minutes that show how the course works: run a cell, read a check, use a hint, answer a question, move a figure.
# Nothing here is graded.
#
# A notebook is a list of cells. Click on one and press <kbd>Shift</kbd>+<kbd>Enter</kbd>: it runs, and the next one is
# ready. Go through this page from top to bottom that way.

# %%
import torch

import coursekit
from coursekit import answer, check, engine, hint, progress, show, solution

print(f"coursekit {coursekit.__version__}, torch {torch.__version__}, computing on: {engine.device()}")

# %% [markdown]
# The last word says where the course computes. `cuda` is a GPU, `cpu` the processor; every lesson runs on either. It
# computes with torch, whose *tensors* are tables of numbers on which `+` and `*` work element by element, as on NumPy's
# arrays.
#
# ## 1. You write a function, a check judges it
#
# That is most of the work in this course: an equation stands in the text, you write it as a short Python function, and
# `check` tells you what comes of it. Here is the easiest exercise there can be. `identity(x)` gives back what it is
# given:
#
# $$f(x) = x$$
#
# Somebody has written it like this.


# %%
def identity(x):
    """Give back what came in."""
    return -x


check(identity)

# %% [markdown]
# Read the card from the top:
#
# 1. **The first line** is the verdict, as a sign and a word.
# 2. **The sentence under it** says what the numbers show. When they are exactly those of a mistake that the course
#    knows, it names the mistake. When they are not, it says where the first difference is and no more. It does not
#    guess.
# 3. **The list** is what was looked at, in order, up to the first thing that failed.
# 4. **The call that shows it**, folded up, is Python: copy it into a cell to see the difference yourself.
# 5. **Three hints**, folded up as well, go from a nudge to nearly the line.
#
# Now mend it. Take the minus sign out of the cell below, then run it.


# %%
def identity(x):
    """Give back what came in."""
    return -x


check(identity)

# %% [markdown]
# Two more ways out of a corner: `hint("identity", 1)` shows one hint, and `solution("identity")` shows the answer. They
# cost nothing, however often you ask.

# %%
hint("identity", 2)

# %%
solution("identity")

# %% [markdown]
# A check runs in your own notebook, on your own function. It cannot spoil anything of yours, and a function that never
# ends is stopped after some seconds. If a check itself fails, it says so; that is never held against you.
#
# ## 2. You predict before you see
#
# Lessons ask questions. Run the cell below as it is, and you see one. Put your answer in the place of the three dots, a
# number, or a letter in quotes, run the cell again, and only then go on. A wrong prediction is worth more than none:
# you will remember the cell that shows you why.
#
# Gradient descent takes steps downhill. A number, the *learning rate*, says how long they are. On the surface in the
# next section it goes ever closer to the lowest point, as long as its steps are not too long.

# %%
answer("start_too_long", ...)

# %% [markdown]
# ## 3. You move a figure
#
# The figure below shows a valley from above, dark where it is deep, and the path of gradient descent through it. The
# curve beside it is the height, step by step. **Find out one thing: at about which learning rate does the path stop
# going down?** Drag the slider, or click on it and use the arrow keys. The sentence under the figure says in words what
# you see.

# %%
show.playground("ravine", ("gradient_descent",), lr=(0.01, 0.2), steps=60)

# %% [markdown]
# You have just met the largest stable learning rate. Where it comes from is computed in chapter 03. For this valley it
# is 2 over the largest *curvature*, which says how fast the slope grows along the way:

# %%
curvature = torch.func.hessian(engine.SURFACES["ravine"])(torch.zeros(2))
print(f"curvatures {curvature.diagonal().tolist()}, so the limit is {2 / curvature.diagonal().max():.3g}")

# %% [markdown]
# ## 4. Your function goes to work
#
# A function of yours fits wherever the course's own, the *reference*, stands: in an optimizer, in a figure, in a
# training run. Here is gradient descent as you might write it, and its path, dashed, on the same surface. (`state` is
# what a rule remembers from step to step; this one remembers nothing.)


# %%
def gradient_descent(param, grad, state, *, lr):
    """Step downhill."""
    return param - lr * grad, state


show.playground("ravine", (gradient_descent,), lr=(0.01, 0.2), steps=60)

# %% [markdown]
# It lies on the reference, so you see one line with dashes on it. Change the function (take `0.5 * grad`, say), run the
# cell again, and the two part.
#
# ## 5. Where you are, and where to go
#
# `progress()` lists what you have done. It is kept in one file beside the course, `progress.json`, and two open
# notebooks do not disturb each other.

# %%
progress()

# %% [markdown]
# Each chapter has three notebooks of the same name: the lesson in `notebooks`, what you write in `exercises`, and the
# answers in `solutions` (in a folder of your own only if you asked for them: `coursekit start --solutions`). Go on with
# **`notebooks/01_losses.ipynb`**: before anything can be optimised, someone has to say what is good and what is bad.
#
# Keys that help: <kbd>Shift</kbd>+<kbd>Enter</kbd> runs a cell, <kbd>Esc</kbd> then <kbd>B</kbd> makes a new one below,
# <kbd>Tab</kbd> completes a name, and `show.playground?` shows what a function does. If the notebook is in a muddle:
# *Kernel*, *Restart Kernel and Run All Cells*.
