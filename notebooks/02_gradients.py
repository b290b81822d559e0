# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Gradients: which way is down?
#
# A model has many weights and one loss. In which direction should the weights move, how does one find out, and how does
# one know that the answer is right?
#
# About 40 minutes. You need derivatives from school (the slope of $x^2$ is $2x$) and the two losses of chapter 01, the
# mean squared error and the cross-entropy. A gradient here has the shape of its weights, as in torch; other forms stand
# in section 9.

# %%
import math
import statistics
import time

import torch
from torch.nn.functional import cross_entropy, mse_loss

from coursekit import answer, engine, show
from coursekit.bank.index import exercise
from coursekit.judging.source import made
from coursekit.reference.gradients import cross_entropy_gradient, linear_regression_gradient, numerical_gradient

torch.set_num_threads(1)  # for tensors as small as these a second thread only costs time

# %% [markdown]
# ## 1. Guess, probe, or know
#
# A linear layer reads handwritten digits: 64 pixels in, ten scores out, 640 weights. (`X @ W`, a *matrix product*, is
# the ten weighted sums of each image.) All that you can do at first is *run* it: choose weights, look at the loss.

# %%
digits = engine.digits()
X, y = digits.x_train, digits.y_train


def loss(W):
    return cross_entropy(X @ W, y)


print(digits)
print(f"all weights 0: loss {loss(X.new_zeros(64, 10)):.3f}")

# %% [markdown]
# You may run it 2560 times, which is enough for two probes. Here are three ways to spend that:
#
# - **Guess:** change all weights at random by a certain size; keep the change if the loss fell.
# - **Probe:** move each weight a little ahead and a little back, and see what that does to the loss: 1280 runs for 640
#   numbers. Then take one step: to each weight subtract its number, times a rate `lr`.
# - **Know:** take the same steps, but let *backpropagation* compute the 640 numbers (`torch.func.grad`). We charge 3
#   runs for that; section 6 explains it, and measures what it costs.
#
# Each way may try three sizes or rates, of which the best is drawn, and guessing gets three seeds for its luck:

# %%
runs, best = 2560, {}
for size in (0.01, 0.03, 0.1):
    tries = []
    for seed in range(3):
        generator, W, losses = torch.Generator().manual_seed(seed), X.new_zeros(64, 10), [math.inf]
        for _ in range(runs):
            guess = W + size * torch.randn(64, 10, generator=generator).to(W)
            tried = float(loss(guess))
            W = guess if tried < losses[-1] else W
            losses.append(min(tried, losses[-1]))
        tries.append(losses[1:])
    best["guess"] = min(best.get("guess", tries), tries, key=lambda three: sum(one[-1] for one in three))

# %%
ways = {"probe": (1280, lambda W: numerical_gradient(loss, W, 0.01)), "know": (3, torch.func.grad(loss))}
for name, (price, gradient) in ways.items():
    for lr in (3.0, 10.0, 30.0):
        W, losses = X.new_zeros(64, 10), []
        while len(losses) <= runs:
            losses += [float(loss(W))] * price
            W = W - lr * gradient(W)
        losses = losses[1 : runs + 1]
        best[name] = min(best.get(name, losses), losses, key=lambda run: run[-1])
show.lines(range(1, runs + 1), best, "runs of the model", "loss")

# %% [markdown]
# Probing has taken two steps by then (the second shows at the right edge only), and even guessing gets lower. But look
# at what one of these steps does: a drop for which guessing needs hundreds of runs. Backpropagation makes such steps as
# cheap as three runs. So two things are to be understood: what these 640 numbers are, which are worth so much, and how
# all of them can come at once.
#
# ## 2. The idea
#
# **The gradient has one number for each weight: how much the loss rises for each unit by which this weight alone moves.
# Together they point in the direction in which the loss rises most steeply.**
#
# $$\nabla f = \left(\frac{\partial f}{\partial x_1}, \dots, \frac{\partial f}{\partial x_n}\right)
# \qquad f(x + d) \approx f(x) + \sum_i \frac{\partial f}{\partial x_i}\, d_i$$
#
# | symbol | what it is |
# |---|---|
# | $f$ | a function of $n$ numbers that gives one number: a loss |
# | $x_i$ | one of the numbers: a weight |
# | $\partial f/\partial x_i$ | the *partial derivative*: the slope when $x_i$ moves and the others stay |
# | $\nabla f$ | the gradient: all of these, in the shape of $x$ |
# | $d$ | a small step, with one number for each weight |
#
# The signs already say where to go. Where a partial derivative is positive, the loss falls when this weight is made
# *smaller*; where it is negative, when it is made larger. Going down means to go against the gradient. The sum on the
# right says more: for a small step, each weight contributes its slope times its own part of the step, and the parts add
# up. A smooth function seen from near is a plane.
#
# To measure a slope, move one number a little to both sides, and divide the rise by the run. This is the *central
# difference*, and what "probe" did:

# %%
show.formula(numerical_gradient)

# %% [markdown]
# - $x$, `x`: the point, and $f$, `f`: the function.
# - $e_i$: a 1 in place $i$ and 0 elsewhere. So $h\,e_i$ is `step`, which moves one number only.
# - $h$, `h`: how far it is moved to each side. The two points are $2h$ apart, which is the run.
#
# ## 3. Move it
#
# With two weights, a loss is a landscape with $x$, $y$ and a height. The gradient has two numbers then, and is an arrow
# on the map. **Predict, then run.** Run the cell: it asks a question. Put your number in place of `...`, run it again,
# and read what it says:

# %%
answer("steepest_slope", ...)

# %% [markdown]
# Here is the hillside of that question, with the slope in every direction. It is a plane, $3x + 4y$:

# %%
angles, slopes, origin = range(361), [], torch.zeros((), dtype=torch.float64)
for angle in angles:
    along_x, along_y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    slopes.append(numerical_gradient(lambda s, x=along_x, y=along_y: 3 * (s * x) + 4 * (s * y), origin))
top = max(angles, key=lambda angle: slopes[angle])
print(f"steepest: {slopes[top]:.3f} at {top}°; along x (0°) {slopes[0]:.3f}, along y (90°) {slopes[90]:.3f}")
show.lines(angles, {"slope": torch.stack(slopes)}, "direction in degrees, from x towards y", "slope", log=False)

# %% [markdown]
# One wave: up, level, down, level. Now on curved ground. The contour lines join places of equal height. Drag the
# landscape to turn it. Drag the black point over the map, or use the arrow keys there. The slider turns the dashed
# line, a direction in which one might walk. **Find out, at any point: (1) in which direction is the slope largest, and
# how large is it? (2) In which two directions is it 0, and how do they lie to the contour lines? (3) Where is the
# gradient 0? There are three such places.**

# %%
show.hillside("saddle")

# %%
saddle = engine.SURFACES["saddle"]
point = torch.tensor([1.0, 0.6], dtype=torch.float64)
gradient = saddle.gradient(point)
print(f"gradient ({gradient[0]:.3f}, {gradient[1]:.3f}), length {gradient.norm():.3f}")
for name, turn in (("with the gradient", 0), ("at 60° to it", 60), ("at right angles", 90), ("against it", 180)):
    angle = math.atan2(gradient[1], gradient[0]) + math.radians(turn)
    u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    measured = numerical_gradient(lambda s, u=u: saddle(point + s * u), origin)
    print(f"{name:18} slope {measured:+.3f};  gradient times direction, summed: {(gradient * u).sum():+.3f}")
for place in (*saddle.minima, *saddle.saddles):
    print(f"length of the gradient at {place}: {saddle.gradient(torch.tensor(place, dtype=torch.float64)).norm():g}")

# %% [markdown]
# A step in the direction of a $u$ of length 1 multiplies each slope by that part of $u$, and adds up, as the equation
# of section 2 says: the slope is $\nabla f \cdot u$. That is the length of the gradient times the cosine of the angle
# between them. The cosine is 1 along the gradient: there it is steepest, and the slope is the length. It is 0 at right
# angles: there one stays on the contour line. And it is -1 straight against it, the way of gradient descent (chapter
# 03).
#
# The gradient knows the ground at this one point and nothing of the landscape. Two warnings follow. The arrow points up
# the *steepest* slope, and not away from the lowest place: go straight backwards along the green arrows, which are the
# gradients all over the map, and the middle row leads to (0, 0), and the corners past the minima. And a gradient of 0
# says level, not lowest: (0, 0) is a *saddle*, from which the ground falls to two sides and rises to two (chapter 13).
#
# And how near is "near", for the ground to be a plane? Ten times shorter a step, a hundred times less error:

# %%
for size in (0.1, 0.01, 0.001):
    d = size * torch.tensor([0.6, 0.8], dtype=torch.float64)
    rise, plane = saddle(point + d) - saddle(point), (gradient * d).sum()
    print(f"a step of {size:<5g} rises {rise:.7f}, the plane {plane:.7f}; difference {rise - plane:.1e}")

# %% [markdown]
# ## 4. How small should h be?
#
# A derivative is the limit for $h \to 0$. So the smaller the better? First a large one, by hand:

# %%
answer("parabola_with_a_large_h", ...)

# %%
three = torch.tensor(3.0, dtype=torch.float64)
known = exercise("numerical_gradient")
wrong = {part.name: made(numerical_gradient, part.change) for part in (*known.slips, *known.conventions)}
for name, estimate in (("two sides", numerical_gradient), ("one side", wrong["forward difference"])):
    square, cube = (float(estimate(lambda x, n=n: x**n, three, 1.0)) for n in (2, 3))
    print(f"{name:9} with h = 1: slope of x^2 at 3 is {square:g} (exact 6), of x^3 {cube:g} (exact 27)")

# %% [markdown]
# "One side" is the slope from $x$ to $x + h$, the textbook's first definition. (It is one of the mistakes that `check`
# knows, by the name *forward difference*. Each of them is the reference with one edit, which `made` makes; we shall use
# more of them.) Around a point a smooth function is a sum of powers of $h$ (*Taylor's series*; for $x^2$ at 3 with
# $h = 1$ it reads $16 = 9 + 6 + 1$):
#
# $$f(x + h) = f(x) + h f'(x) + \tfrac{h^2}{2} f''(x) + \tfrac{h^3}{6} f'''(x) + \dots$$
#
# For $f(x - h)$ the odd powers change their sign. So in $f(x+h) - f(x-h)$ the $f''$ cancels, and after division by $2h$
# the error begins with $\tfrac{h^2}{6} f'''$. On one side $f''$ stays, and the error is about $\tfrac{h}{2} f''$.

# %%
answer("error_at_a_tenth_of_h", ...)

# %%
one = torch.tensor(1.0, dtype=torch.float64)
for name, estimate in (("two sides", numerical_gradient), ("one side", wrong["forward difference"])):
    far, near = (abs(float(estimate(torch.exp, one, h)) - math.e) for h in (0.01, 0.001))
    print(
        f"{name:9} e^x at 1: error {far:.2e} with h = 0.01, {near:.2e} with h = 0.001, {far / near:.1f} times smaller"
    )

# %% [markdown]
# And now all the way down. **Predict:**

# %%
answer("best_h", ...)

# %%
places = torch.linspace(0.5, 1.5, 41, dtype=torch.float64)
sizes, errors = [10 ** (k / 4) for k in range(-56, 1)], {}
for side, estimate in (("two sides", numerical_gradient), ("one side", wrong["forward difference"])):
    for dtype in (torch.float64, torch.float32):
        rows = [[abs(float(estimate(torch.exp, x, h)) - math.exp(x)) for x in places.to(dtype)] for h in sizes]
        errors[f"{side}, {str(dtype).removeprefix('torch.')}"] = torch.tensor(rows).median(dim=1).values
ylabel = "error of the slope (median of 41 places)"
show.lines([math.log10(h) for h in sizes], errors, "log10 of h", ylabel, log=True, title="The slope of e^x, estimated")

# %% [markdown]
# Read it from right to left: $h$ gets smaller. At first every line falls, as the formula says it must. Then it turns
# and rises. Both axes are logarithmic, so a straight line is a power of $h$, and its steepness is the exponent. The
# next cell measures it on both sides of the two valleys in float64, then prints where each of the four lines is lowest.
# ("Expected" is a rule of thumb, which follows below.)

# %%
at = {round(4 * math.log10(h)): i for i, h in enumerate(sizes)}  # h = 10 ** (k / 4) stands in place at[k]
for name, low, high in (("two sides, float64", -12, -4), ("one side, float64", -20, -4),
                        ("two sides, float64", -48, -28), ("one side, float64", -52, -36)):  # fmt: skip
    error = errors[name]
    steepness = (error[at[high]] / error[at[low]]).log10() / ((high - low) / 4)
    print(f"{name}, from h = 1e{low // 4} to 1e{high // 4}: error like h to the power {steepness:+.2f}")
for name, error in errors.items():
    eps = torch.finfo(getattr(torch, name[-7:])).eps
    root = eps ** (1 / 3 if name.startswith("two") else 1 / 2)
    lowest = int(error.argmin())
    print(f"{name}: best h {sizes[lowest]:.0e}, error {error[lowest]:.0e}; expected near {root:.0e}")

# %% [markdown]
# On the right is the error of the **formula**: $h^2$ with two sides, $h$ with one. What is it on the left? Here are the
# two values whose difference is taken, for the best $h$ and for a very small one:

# %%
for h in (1e-5, 1e-12):
    slope = numerical_gradient(torch.exp, one, h)
    print(f"h = {h:.0e}:  {math.exp(1 + h):.15f}  {math.exp(1 - h):.15f}  slope {slope:.11f}, exact {math.e:.11f}")
for dtype in (torch.float64, torch.float32):
    print(f"{dtype}: from 1 to the next number it is {torch.finfo(dtype).eps:.1e}")

# %% [markdown]
# It is **rounding**. The digits in which the two values agree cancel, and what is left of sixteen are the last few,
# which are partly wrong. Each value is off by up to about $\varepsilon f$, where $\varepsilon$ is the distance from 1
# to the next number, and the difference is divided by $2h$. So the error of rounding grows as $1/h$.
#
# The best $h$ is where the two meet: with $h^2 \approx \varepsilon/h$ near $\varepsilon^{1/3}$, and on one side, with
# $h \approx \varepsilon/h$, near $\varepsilon^{1/2}$. That is where the default `h=1e-5` comes from: it is for float64
# and for an `x` of size about 1. In float32 the same $h$ is a bad one: look for -5 at the line of "two sides, float32".
# At the far left those of float32 are flat: there $x + h$ rounds to $x$, and the estimate is 0.
#
# ## 5. By hand: the chain rule
#
# The loss of a network is a chain of small functions, each of which has a slope that one can look up. **The slopes of a
# chain multiply.** If $z$ moves twice as fast as $w$, and $p$ a fifth as fast as $z$, then $p$ moves two fifths as fast
# as $w$. That is the chain rule:
#
# $$\frac{dL}{dw} = \frac{dL}{dp} \cdot \frac{dp}{dz} \cdot \frac{dz}{dw}$$

# %%
links = {"z = 2 w": lambda w: 2 * w, "p = sigmoid(z)": torch.sigmoid, "L = -log p": lambda p: -p.log()}
w = value = torch.tensor(0.5, dtype=torch.float64)
product = 1.0
for name, link in links.items():
    slope = float(numerical_gradient(link, value))
    value, product = link(value), product * slope
    print(f"{name:15} value {value:.4f}   slope {slope:+.4f}   product so far {product:+.4f}")
whole = numerical_gradient(lambda w: -torch.sigmoid(2 * w).log(), w)
print(f"the whole chain at once:                              {whole:+.4f}")

# %% [markdown]
# (On paper the three slopes are $2$, $p\,(1-p)$ and $-1/p$, and the product is $-2\,(1-p)$.)
#
# The second rule: **where several paths lead from a weight to the loss, their products add up.** A weight of a linear
# model is used in every row, so there are as many paths as rows. For the mean squared error, each path has three links:
# the weight is multiplied by its input $X_{ik}$ (slope $X_{ik}$), the target is subtracted (slope 1), the error is
# squared (slope 2 times the error). Multiply, add over the rows, divide by how many there are:

# %%
show.formula(linear_regression_gradient)

# %% [markdown]
# $N$ is the number of rows, and $\lVert\cdot\rVert^2$ the sum of the squares. `X @ w - y` holds the errors;
# `X.T @ error`, on paper $X^\top(Xw - y)$, multiplies each by its input and adds over the rows, for all weights at
# once. Two questions to this formula. **Predict, then run** (the last of the three cells tries both on ten measurements
# of patients with diabetes):

# %%
answer("every_row_twice", ...)

# %%
answer("metres_to_millimetres", ...)

# %%
diabetes = engine.diabetes(dtype=torch.float64)
A, target = diabetes.x_train, diabetes.y_train
w = torch.ones_like(A[0])
once = linear_regression_gradient(w, A, target)
twice = linear_regression_gradient(w, torch.cat((A, A)), torch.cat((target, target)))
print(f"every row twice: the gradient is {float((twice / once).mean()):.3f} times what it was")
unit = torch.ones_like(w)
unit[0] = 1000.0
ratio = linear_regression_gradient(w / unit, A * unit, target) / once
print("first input in thousandths, its weight too: slopes times", ", ".join(f"{r:.3g}" for r in ratio[:3]), "...")

# %% [markdown]
# The second is the reason for standardised inputs: slopes depend on units.
#
# Now the cross-entropy, whose loss for one row is $\log \sum_k e^{z_k} - z_y$. The slope of the logarithm is one over
# its argument, that of $e^{z_k}$ is $e^{z_k}$ itself, so the first part gives $e^{z_k} / \sum_j e^{z_j}$, which is the
# probability $p_k$. The second part gives -1 for the right class and 0 for the others. Both are divided by the
# number of rows, as the loss is a mean:

# %%
show.formula(cross_entropy_gradient)

# %% [markdown]
# $[k = y_i]$ is 1 for the right class and 0 elsewhere, `one_hot` in the code. `shifted` keeps `exp` from overflowing
# (chapter 01). So the slope is *probability minus truth*:

# %%
answer("slope_of_the_right_score", ...)

# %%
print([round(v, 3) for v in cross_entropy_gradient(torch.zeros(1, 10), torch.tensor([3]))[0].tolist()])

# %% [markdown]
# With these pieces a network is a walk backwards. Here are one hidden layer and its gradient by hand; every line of the
# second half is one link, multiplied onto what came before. (The slope of $\tanh$ is $1 - \tanh^2$. For `b = a @ W`,
# what arrives at `b` goes on to `W` as `a.T @ ...` and to `a` as `... @ W.T`.)

# %%
X, y = digits.x_train.double(), digits.y_train
generator = torch.Generator().manual_seed(0)
W1 = (torch.randn(64, 16, generator=generator, dtype=torch.float64) / 8).to(X)
W2 = (torch.randn(16, 10, generator=generator, dtype=torch.float64) / 4).to(X)
hidden = torch.tanh(X @ W1)
scores = hidden @ W2

to_scores = cross_entropy_gradient(scores, y)
to_W2 = hidden.T @ to_scores
to_hidden = to_scores @ W2.T
to_sums = to_hidden * (1 - hidden**2)
to_W1 = X.T @ to_sums

# %% [markdown]
# Three ways to the same numbers: by hand, by autograd (next section), and estimated. Do they agree?

# %%
for a in (W1, W2):
    a.requires_grad_()
by_autograd = torch.autograd.grad(cross_entropy(torch.tanh(X @ W1) @ W2, y), (W1, W2))
with torch.no_grad():
    estimated = (numerical_gradient(lambda W: cross_entropy(torch.tanh(X @ W) @ W2, y), W1.detach()),
                 numerical_gradient(lambda W: cross_entropy(torch.tanh(X @ W1) @ W, y), W2.detach()))  # fmt: skip
for name, hand, auto, estimate in zip(("W1", "W2"), (to_W1, to_W2), by_autograd, estimated, strict=True):
    size = auto.norm()
    print(f"{name}: by hand against autograd {(hand - auto).norm() / size:.0e};",
          f"estimated against autograd {(estimate - auto).norm() / size:.0e}, relative to its length")  # fmt: skip

# %% [markdown]
# By hand and autograd agree to rounding. The estimate is less exact, for the reasons of section 4, but that is enough:
# a mistake in a gradient shows in its first digits, as section 8 tries out.
#
# A chain can also be too long. Ten sigmoids in a row:

# %%
value = torch.tensor(1.0, dtype=torch.float64)
product, seen = 1.0, []
for _ in range(10):
    slope = float(numerical_gradient(torch.sigmoid, value))
    value, product = torch.sigmoid(value), product * slope
    seen.append(slope)
print(f"largest of the ten slopes {max(seen):.3f}; their product {product:.1e}")

# %% [markdown]
# No slope of a sigmoid is above a quarter, so the product *vanishes*. With factors above 1 it would *explode*. Chapter
# 13 is about both.
#
# ## 6. Autograd: the same walk, kept by torch
#
# torch does what section 5 did. In the run *forward* it writes down every operation; `backward` walks that record from
# the loss to the weights and, at each operation, multiplies by its slope. The record can be read:

# %%
node = cross_entropy(torch.tanh(X @ W1) @ W2, y).grad_fn
while node is not None:
    print(node.name())
    node = next((before for before, _ in node.next_functions if before is not None), None)

# %% [markdown]
# From top to bottom: the cross-entropy (two operations), the product with `W2`, the tanh, the product with `W1`, and at
# last the weight itself, where the gradient is put. (At each product the record forks; we followed one branch.) Why
# backwards? There is *one* loss and there are many weights: what arrives at a layer, `to_hidden` above, is computed
# once and serves all weights before it. A probe starts anew for each weight.

# %%
answer("calls_of_f", ...)

# %%
inputs, labels = digits.x_train.cpu(), digits.y_train.cpu()
for width in (16, 64, 256):
    model = engine.mlp([64, width, 10], device="cpu")
    forward, both = [], []
    for _ in range(20):
        began = time.perf_counter()
        value = cross_entropy(model(inputs), labels)
        forward.append(time.perf_counter() - began)
        value.backward()
        both.append(time.perf_counter() - began)
    count, ratio = sum(p.numel() for p in model.parameters()), min(both) / min(forward)
    print(f"{count:6} weights: backpropagation costs {ratio:.1f} runs in all, difference quotients {2 * count}")

# %% [markdown]
# The price of backpropagation stays at a few runs while the number of weights grows. Why did section 1 charge three?
# A layer is one product forwards and two backwards, one for its weights and one for what lies before it: three in all.
# (The first layer does without the last of them, which is one reason to find less than three here.) For every function
# made of such operations the price is bounded by a small number, whatever the number of weights (Griewank and Walther
# 2008). Without that there would be no large networks.
#
# ## 7. Past the toy
#
# ### Does the valley look the same in a real network?
#
# The network of section 5 on digits, with five seeds for its first weights. In each, 20 weights of the first layer are
# estimated, in float64 and in float32, and compared with backpropagation in float64:

# %%
sizes, errors = [10.0**-k for k in range(11, -1, -1)], {"float64": [], "float32": []}
for seed in range(5):
    generator = torch.Generator().manual_seed(seed)
    W1 = (torch.randn(64, 16, generator=generator, dtype=torch.float64) / 8).to(X)
    W2 = (torch.randn(16, 10, generator=generator, dtype=torch.float64) / 4).to(X)
    at = torch.randperm(64, generator=generator)[:20].to(y), torch.randint(16, (20,), generator=generator).to(y)
    exact = torch.func.grad(lambda W, W2=W2: cross_entropy(torch.tanh(X @ W) @ W2, y))(W1)[at]
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        x, a, b = X.to(dtype), W1.to(dtype), W2.to(dtype)
        found = [numerical_gradient(lambda v, x=x, a=a, b=b, at=at: cross_entropy(
            torch.tanh(x @ a.index_put(at, v)) @ b, y), a[at], h) for h in sizes]  # fmt: skip
        errors[name].append([float((estimate - exact).norm() / exact.norm()) for estimate in found])
show.lines([math.log10(h) for h in sizes], errors, "log10 of h", "error, relative to the gradient", log=True)

# %%
for name, runs_of in errors.items():
    middle = torch.tensor(runs_of).median(dim=0).values
    print(f"{name}: smallest relative error {middle.min():.0e}, at h = {sizes[int(middle.argmin())]:.0e}")

# %% [markdown]
# The same valley, at nearly the same places. In float32 not even the best $h$ gives more than about three digits. So a
# gradient is checked in float64, whatever the network is trained in.
#
# ### How exact must a gradient be to train with it?
#
# Wine has 13 inputs and three classes: 39 weights, few enough to probe. We train in float32, with the exact gradient
# and with estimates for ever smaller $h$. Everything else is the same, the rate too, since only the exactness of one
# gradient is in question; the band is over five ways to split the data.

# %%
curves, off = {}, {}
for name, h in (("exact", 0), ("h = 1e-2", 1e-2), ("h = 1e-6", 1e-6), ("h = 1e-7", 1e-7), ("h = 1e-8", 1e-8)):
    for seed in range(5):
        wine = engine.wine(seed)
        x, t, W, losses = wine.x_train, wine.y_train, wine.x_train.new_zeros(13, 3), []
        for _ in range(40):
            losses.append(float(cross_entropy(x @ W, t)))
            exact = x.T @ cross_entropy_gradient(x @ W, t)
            used = numerical_gradient(lambda W, x=x, t=t: cross_entropy(x @ W, t), W, h) if h else exact
            off.setdefault(name, []).append(float((used - exact).norm() / exact.norm()))
            W = W - 0.5 * used
        curves.setdefault(name, []).append(losses)
for name, share in off.items():
    print(f"{name:8} error of the gradient, over its length: {statistics.median(share):.0e} in the median step")
show.loss_curves(curves, ylabel="training loss")

# %% [markdown]
# **Training forgives a lot.** At $h = 10^{-6}$ the error is a good part of the gradient, and the curve still lies on
# that of the exact one: the errors of rounding point here and there, and the steps average over them. At $10^{-7}$,
# where the error is as long as the gradient, some of the five get stuck; at $10^{-8}$ nothing moves, since all
# estimates are 0. (The weights start at 0, so they do move by $h$; it is the loss, near 1, that does not change in
# the seven digits of float32.) This is good news for training and bad news for testing: *that the loss falls does not
# show that the gradient is right.*
#
# ## 8. How it fails
#
# ### A wrong gradient that trains
#
# Here are four mistakes in `cross_entropy_gradient`, by the names that `check` gives them. First the *gradient check*:
# each is compared with the estimate on six random rows of scores, and the difference divided by the sum of the two
# lengths. Then each trains the linear layer on digits for 100 steps, at whichever of three rates suits it best on the
# validation images.

# %%
known = exercise("cross_entropy_gradient")
wrong = {part.name: made(cross_entropy_gradient, part.change) for part in (*known.slips, *known.conventions)}
rivals = ["right", "divided by the classes", "right class only", "softmax twice", "sigmoid for softmax"]
rows = torch.randn(6, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = torch.arange(6)
estimate = numerical_gradient(lambda z: cross_entropy(z, labels), rows)
for name in rivals:
    found = wrong.get(name, cross_entropy_gradient)(rows, labels)
    print(f"{name:23} gradient check {(found - estimate).norm() / (found.norm() + estimate.norm()):.0e}")

# %%
curves = {}
for name in rivals:
    gradient, trials = wrong.get(name, cross_entropy_gradient), []
    for lr in (0.03, 0.3, 3.0):
        W, hits = X.new_zeros(64, 10), []
        for _ in range(100):
            W = W - lr * X.T @ gradient(X @ W, y)
            right = (digits.x_validation.double() @ W).argmax(dim=1) == digits.y_validation
            hits.append(100 * float(right.double().mean()))
        trials.append(hits)
    curves[name] = max(trials, key=lambda hits: hits[-1])
    print(f"{name:23} {curves[name][-1]:.1f}% of the validation images right")
show.lines(range(1, 101), curves, "step", "validation images right, in %", log=False)

# %% [markdown]
# *Right class only* leaves the slopes of all other scores at 0, *softmax twice* takes the softmax of the probabilities,
# *sigmoid for softmax* looks at each score alone. Every one of them learns something, and from its curve alone one
# would blame the rate or the model. The check leaves no doubt: the right gradient is below 1e-9, the wrong ones are
# above a tenth. (*divided by the classes* divides by how many classes there are and not by how many rows. It is the
# right gradient times a number, which the rate can make good; the check sees it all the same.)
#
# ### A broken chain
#
# Autograd follows the operations of torch. What leaves them, through `.detach()` or `.item()`, is a constant to it, and
# it says nothing. (NumPy refuses such a tensor until one writes `.detach()`, and then it is the same.) Here both terms
# are the same square:

# %%
w = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
(by_torch,) = torch.autograd.grad(w**2 + w.detach() ** 2, w)
print(f"autograd {by_torch:g}, estimated {numerical_gradient(lambda w: w**2 + w.detach() ** 2, w.detach()):.6f}")

# %% [markdown]
# ### Gradients of two runs
#
# **Predict, then run:**

# %%
answer("backward_twice", ...)

# %%
w = torch.tensor(3.0, requires_grad=True)
for _ in range(2):
    (w**2).backward()
    print(f"w.grad is {w.grad:g}")

# %% [markdown]
# That is on purpose: one can add up the gradients of several batches. Where it is not wanted, clear first:
# `optimizer.zero_grad()`.
#
# ### A kink
#
# At a kink there is no slope: on one side it is one number, on the other side another. Autograd gives a number all the
# same, by a rule that each function has for itself:

# %%
kinks = {
    "abs at 0": (torch.abs, 0.0),
    "relu at 0": (torch.relu, 0.0),
    "clamp(min=0) at 0": (lambda x: x.clamp(min=0), 0.0),
    "maximum(x, 0) at 0": (lambda x: torch.maximum(x, torch.zeros_like(x)), 0.0),
    "relu at 1e-6": (torch.relu, 1e-6),
}
for name, (f, x) in kinks.items():
    x = torch.tensor(x, dtype=torch.float64)
    print(f"{name:19} autograd {torch.func.grad(f)(x):.1f}, estimated with h = 1e-5 {numerical_gradient(f, x):.2f}")

# %% [markdown]
# Three spellings of one function have three slopes at 0. Each is fit for training, as a sum over many inputs is hardly
# ever exactly 0. But the estimate reaches over a kink that is *near*, as in the last line, and differs there though
# autograd is right. When a check of a ReLU network fails in a few weights only, try a smaller $h$ on those.
#
# ## 9. Convention box
#
# - **The loss decides the factor.** Books often take half the mean, or the sum, of the squared errors. Here and in
#   torch it is the mean. Gradient of half the mean: times 2 gives ours. Of the sum: divided by the number of rows. A
#   learning rate is converted by the inverse factor.
# - **Shape.** In torch and here a gradient has the shape of its weights. In many books the derivative of a function
#   with one value is a *row*, the Jacobian of shape (1, n), and the gradient is that row stood up as a column.
# - **$h$** is the way to each side. Who calls the whole distance $h$ has our estimate at $h/2$.
# - **`torch.gradient` is another thing:** difference quotients between neighbours of a list of samples. Derivatives
#   come from `backward`, `torch.autograd.grad` and `torch.func.grad`.

# %%
forms = {}
for ours in (linear_regression_gradient, numerical_gradient):
    for part in exercise(ours.__name__).conventions:
        forms[part.name] = made(ours, part.change)
w = torch.ones_like(A[0], requires_grad=True)
mse_loss(A @ w, target).backward()

# %%
v, z, rows_of = w.detach(), torch.linspace(-2, 2, 12, dtype=torch.float64).view(4, 3), torch.tensor([0, 2, 1, 1])
pairs = {
    "ours and torch's w.grad": (linear_regression_gradient(v, A, target), w.grad),
    "half the mean, times 2": (2 * forms["of half the mean"](v, A, target), w.grad),
    "the sum, over the rows": (forms["of the sum"](v, A, target) / len(A), w.grad),
    "the Jacobian, a row": (torch.func.jacrev(lambda w: mse_loss(A @ w, target)[None])(v), w.grad[None]),
    "cross-entropy, ours and torch's": (cross_entropy_gradient(z, rows_of), torch.func.grad(cross_entropy)(z, rows_of)),
    "2h as the whole distance": (
        forms["h as the whole distance"](torch.exp, z[0, 0], 0.2), numerical_gradient(torch.exp, z[0, 0], 0.1)),
}  # fmt: skip
for name, (one, other) in pairs.items():
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    print(f"{name:32} {tuple(one.shape)!s:8} largest difference {float((one - other).abs().max()):.0e}")

# %%
samples = torch.tensor([1.0, 4.0, 9.0, 16.0])
print("torch.gradient of the samples 1, 4, 9, 16:", torch.gradient(samples)[0].tolist())

# %% [markdown]
# The samples are the squares of 1 to 4, whose slopes are 2, 4, 6 and 8: right inside, off by 1 at the two ends, where
# there is a neighbour on one side only.
#
# `torch.autograd.gradcheck` is the gradient check of section 8 ready made, for every input that requires a gradient. It
# wants float64, for the reason of section 7:

# %%
print(torch.autograd.gradcheck(cross_entropy, (z.clone().requires_grad_(), rows_of)))

# %% [markdown]
# ## 10. In practice
#
# - **Compute** gradients with autograd. Derive one by hand to understand it, to save memory, or for an operation of
#   your own (`torch.autograd.Function`).
# - **Check** every gradient that was derived by hand, and every loss that you wrote yourself: float64, two sides, $h$
#   near 1e-5 times the size of $x$, a few rows and a few weights, random weights and not zeros. Compare
#   $\lVert a - b\rVert / (\lVert a\rVert + \lVert b\rVert)$: below 1e-7 is right, above 1e-2 is a mistake; between
#   them look for kinks first.
# - **What it costs:** time as in section 6. Memory too: backpropagation keeps what the forward run computed until it
#   has walked back over it. Where no gradient is wanted, `with torch.no_grad():` saves that.
# - **When autograd cannot help:** a simulator that one can only call, a loss with steps. Then there are difference
#   quotients, for few numbers, or guessing: section 1 had it ahead of the probe.
# - **Look at the length** of the gradient when training goes wrong: 0 is a broken or a vanished chain or level ground,
#   a huge one an explosion, NaN often an overflow further up.
#
# ## 11. Your turn
#
# In `exercises/02_gradients.ipynb`, in this order:
#
# 1. `numerical_gradient`: two sides, any shape (2 points). It then draws the valley of section 4 for a classifier of
#    wines.
# 2. `linear_regression_gradient`: one line (2 points). It fits the diabetes data without autograd.
# 3. `cross_entropy_gradient`: probability minus truth (2 points). It trains on digits, and your first function checks
#    it.
#
# **To remember:** one slope for each weight; together they point up the steepest way, at right angles to the contour.
# Slopes of a chain multiply, those of several paths add. Two sides, float64, $h$ near 1e-5. A falling loss does not
# show that a gradient is right; compare it with difference quotients.
#
# ## 12. Sources
#
# - Goodfellow, Bengio and Courville (2016), *Deep Learning*: section 4.3 (the gradient as the direction of steepest
#   slope), 6.5 (backpropagation), 11.5 (checking a gradient with differences).
# - Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors", *Nature* 323: the
#   walk backwards.
# - Nocedal and Wright (2006), *Numerical Optimization*, 2nd edition: section 8.1 (difference quotients, their errors
#   and the best $h$), 8.2 (automatic differentiation).
# - The notes of Stanford's course CS231n, "Neural Networks Part 3: Learning and Evaluation", on gradient checks: the
#   limits in section 10 follow it, though it divides by the larger of the two lengths and not by their sum.
# - Griewank and Walther (2008), *Evaluating Derivatives*, 2nd edition: the bound on the price of a gradient.
# - The documentation of `torch.autograd.gradcheck`, and "Autograd mechanics", which lists the rules at kinks.
# - **To read next:** Baydin, Pearlmutter, Radul and Siskind (2018), "Automatic Differentiation in Machine Learning: a
#   Survey", *JMLR* 18(153), because it tells forwards from backwards, and both from what they are taken for.
