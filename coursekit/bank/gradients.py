"""Chapter 02: gradients, estimated by difference quotients and taken by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit.bank.quizzes.gradients import QUIZZES
from coursekit.bank.slips.cross_entropy_gradient import ENTROPY, ENTROPY_CONVENTIONS
from coursekit.bank.slips.differences import NUMERICAL, NUMERICAL_CONVENTIONS
from coursekit.bank.slips.linear_regression_gradient import LINEAR, LINEAR_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function, numbers
from coursekit.probe.cases import Call
from coursekit.probe.values import Cubic
from coursekit.reference import gradients as reference

DOUBLE = torch.float64
# What takes a gradient by itself, and torch's own gradients of the two losses.
AUTOGRAD = frozenset(
    {"autograd", "backward", "grad", "grad_and_value", "requires_grad", "requires_grad_", "jacrev", "jacfwd"}
    | {"jacobian", "vjp", "jvp", "gradcheck", "mse_loss", "MSELoss", "cross_entropy", "CrossEntropyLoss", "nll_loss"}
    | {"mse_loss_backward", "nll_loss_backward", "_softmax_backward_data", "_log_softmax_backward_data"}
)


# ---- by difference quotients


def _point(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Sizes between two numbers, with two decimals, of both signs in turn."""
    sizes = (low + (high - low) * torch.rand(shape, generator=generator, dtype=DOUBLE)).round(decimals=2)
    return sizes * (1 - 2 * (torch.arange(sizes.numel()).view(shape) % 2))


def _numerical_cases(generator: torch.Generator) -> list[Call]:
    def case(*shape: int, h: float | None = None, dtype: torch.dtype = DOUBLE) -> Call:
        """No slope is near 0, where all digits would be rounding: f couples the elements, and its terms agree."""
        x, weight = _point(generator, 0.3, 0.6, *shape), _point(generator, 1.0, 2.0, *shape)
        label = f"numerical_gradient, shape {shape}{', float32' if dtype is torch.float32 else ''}, "
        args = (Cubic(weight.to(dtype)), x.to(dtype), *([] if h is None else [h]))
        return Call(args, label=label + ("h left out" if h is None else f"h={h:g}"))

    return [
        case(4, h=0.1),
        case(2, 3, h=0.03),
        case(3),
        case(h=0.2),
        case(2, 1, 2, h=0.5),
        case(3, h=0.25, dtype=torch.float32),
    ]


def _by_unit_vectors(f, x, h=1e-5):
    units = torch.eye(x.numel(), dtype=x.dtype, device=x.device)
    slopes = [(f(x + h * e.reshape(x.shape)) - f(x - h * e.reshape(x.shape))) / (2 * h) for e in units]
    return torch.stack(slopes).reshape(x.shape)


def _by_moving_a_copy(f, x, h=1e-5):
    moved, gradient = x.clone(), torch.empty_like(x)
    for i in (torch.ones_like(x) > 0).nonzero():
        place = tuple(i.tolist())
        moved[place] = x[place] + h
        gradient[place] = f(moved)
        moved[place] = x[place] - h
        gradient[place] -= f(moved)
        moved[place] = x[place]
    return gradient / 2 / h


def _by_two_one_sided(f, x, h=1e-5):
    here, gradient = float(f(x)), torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] += h
        ahead, behind = float(f(x + step)), float(f(x - step))
        gradient.view(-1)[i] = 0.5 * ((ahead - here) / h + (here - behind) / h)
    return gradient


VALLEY = """\
wine, estimate = engine.wine(dtype=torch.float64), yours(numerical_gradient)
errors, sizes = {}, [10.0**k for k in range(-12, 0)]
for dtype in (torch.float64, torch.float32):
    X, y = wine.x_train.to(dtype), wine.y_train
    loss = lambda W: torch.nn.functional.cross_entropy(X @ W, y)
    W = torch.linspace(-1, 1, 39).to(dtype).reshape(13, 3).requires_grad_()
    (exact,) = torch.autograd.grad(loss(W), W)
    with torch.no_grad():
        errors[str(dtype)] = [float((estimate(loss, W.detach(), h) - exact).abs().max()) for h in sizes]
show.lines([math.log10(h) for h in sizes], errors, xlabel="log10 of h", ylabel="largest error", log=True)"""

numerical_gradient = Exercise(
    answer=reference.numerical_gradient,
    probe=Function(_numerical_cases),
    points=2,
    hints=(
        "For each element: move it a little ahead, ask `f`; move it as far behind, ask again. The rise over the run is "
        "the slope. The other elements stay where they were.",
        "A tensor of zeros with h in one place is the step: `f(x + step)` and `f(x - step)`. The two points are 2h "
        "apart. To go through the elements of any shape, use `range(x.numel())` and a flat view.",
        "In a loop over i: `step = torch.zeros_like(x)`, `step.view(-1)[i] = h`, then "
        "`gradient.view(-1)[i] = (f(...) - f(...)) / (2 * h)`. Return the gradient after the loop.",
    ),
    slips=NUMERICAL,
    conventions=NUMERICAL_CONVENTIONS,
    also_right=(_by_unit_vectors, _by_moving_a_copy, _by_two_one_sided),
    refuse=AUTOGRAD,
    task="`x` may have any shape, none (a single number) included; `f` wants its argument in that shape.",
    use=(
        "# %% [markdown]\n**Your estimate at work.** The loss of a classifier of wines has 39 weights; your estimate "
        "stands beside the exact gradient, for ever smaller h. Before you run it: does a smaller h always help, and is "
        "float32 any good here?",
        VALLEY,
    ),
)


# ---- a line through data


def _linear_cases(generator: torch.Generator) -> list[Call]:
    def case(rows: int, columns: int, dtype: torch.dtype = DOUBLE, scale: float = 1.0) -> Call:
        w, X, y = (numbers(generator, *shape) for shape in ((columns,), (rows, columns), (rows,)))
        single = ", float32" if dtype is torch.float32 else ""
        label = f"linear_regression_gradient, X of shape ({rows}, {columns}){single}"
        return Call(tuple(x.to(dtype) for x in (w, scale * X, y)), label=label)

    return [
        case(4, 3),
        case(7, 2, scale=10.0),
        case(3, 3),
        case(5, 1),
        case(1, 3),
        case(6, 2, dtype=torch.float32),
    ]


def _by_rows(w, X, y):
    total = torch.zeros_like(w)
    for x, target in zip(X, y, strict=True):
        total = total + 2 * (torch.dot(w, x) - target) * x
    return total / X.shape[0]


def _opened(w, X, y):
    return 2 / len(X) * (X.T @ X @ w - X.T @ y)


def _by_einsum(w, X, y):
    return torch.einsum("nd,n->nd", X, (X * w).sum(-1) - y).mean(0).mul(2)


LINE_THROUGH_DATA = """\
diabetes, gradient = engine.diabetes(dtype=torch.float64), yours(linear_regression_gradient)
X, y = diabetes.x_train, diabetes.y_train
X = torch.cat((X, torch.ones_like(y)[:, None]), dim=1)  # a column of ones: its weight is the bias
best = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
w = torch.zeros_like(best)
for step in range(1001):
    if step in (0, 1, 10, 100, 1000):
        loss, slope = ((X @ w - y) ** 2).mean(), gradient(w, X, y).norm()
        print(f"step {step:4}: loss {loss:.5f}, length of the gradient {slope:.5f}")
    w = w - 0.1 * gradient(w, X, y)
print(f"the smallest loss there is: {((X @ best - y) ** 2).mean():.5f}; the gradient there: ", end="")
print(f"{gradient(best, X, y).norm():.1e}")"""

linear_regression_gradient = Exercise(
    answer=reference.linear_regression_gradient,
    probe=Function(_linear_cases),
    points=2,
    hints=(
        "Take one row and one weight first: the derivative of (w x - y)^2 in w is 2 times the error times x. Then "
        "add up over the rows, and divide by how many there are.",
        "`X @ w - y` holds all errors, shape (rows,). Column k of X times the errors, summed over the rows, belongs to "
        "weight k: for all columns at once that is `X.T @ error`.",
        "`error = X @ w - y`, then `return ... * X.T @ error / ...`, with the factor that came down from the square, "
        "and the number of rows.",
    ),
    slips=LINEAR,
    conventions=LINEAR_CONVENTIONS,
    also_right=(_by_rows, _opened, _by_einsum),
    refuse=AUTOGRAD,
    use=(
        "# %% [markdown]\n**Your gradient at work.** A line through the diabetes data by gradient descent, with your "
        "gradient and without autograd, beside the exact solution:",
        LINE_THROUGH_DATA,
    ),
)


# ---- the cross-entropy

EXTREME = torch.tensor([[1000.0, -1000, 0, 300], [-4000, 0, 100, 4000], [10000, 9999, -10000, 0]], dtype=DOUBLE)
LEVELS = torch.tensor([[10000.0], [-10000], [0]], dtype=DOUBLE)  # of whole rows


def _labels(generator: torch.Generator, rows: int, classes: int) -> Tensor:
    """Every class in turn, in random order: the first and the last class are there."""
    return (torch.arange(rows) % classes)[torch.randperm(rows, generator=generator)]


def _entropy_cases(generator: torch.Generator) -> list[Call]:
    def call(what: str, logits: Tensor, labels: Tensor) -> Call:
        return Call((logits, labels), label=f"cross_entropy_gradient, {what}")

    def case(rows: int, classes: int, dtype: torch.dtype = DOUBLE) -> Call:
        logits = (2 * numbers(generator, rows, classes)).to(dtype)
        single = ", float32" if dtype is torch.float32 else ""
        return call(f"logits of shape ({rows}, {classes}){single}", logits, _labels(generator, rows, classes))

    return [
        case(4, 3),
        case(7, 5),
        case(3, 3),
        case(1, 4),
        case(4, 3, dtype=torch.float32),
        call("the last class does not occur", 2 * numbers(generator, 5, 4), _labels(generator, 5, 3)),
        call("logits up to 10000", EXTREME + numbers(generator, 3, 4), EXTREME.argmin(1)),
        call("rows around 10000, -10000 and 0", LEVELS + numbers(generator, 3, 4), _labels(generator, 3, 4)),
    ]


def _by_index(logits, labels):
    gradient = torch.softmax(logits, dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


def _by_one_hot(logits, labels):
    p = (logits - torch.logsumexp(logits, 1, keepdim=True)).exp()
    return (p - torch.nn.functional.one_hot(labels, logits.shape[1])).div(logits.shape[0])


def _one_by_one(logits, labels):
    rows = []
    for z, label in zip(logits, labels.tolist(), strict=True):
        e = torch.exp(z - torch.max(z))
        p = e / torch.sum(e)
        p[label] = p[label] - 1
        rows.append(p / len(labels))
    return torch.stack(rows)


BY_HAND = """\
digits, gradient = engine.digits(), yours(cross_entropy_gradient)
X, y = digits.x_train, digits.y_train
W = torch.zeros(64, 10)
for step in range(201):
    if step % 50 == 0:
        right = ((digits.x_validation @ W).argmax(1) == digits.y_validation).float().mean()
        print(f"step {step:3}: {right:.1%} of the validation images right")
    W = W - 0.5 * X.T @ gradient(X @ W, y)  # the chain rule: scores are X @ W"""

CHECKED = """\
logits, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 2, 1, 2])
loss = lambda z: torch.nn.functional.cross_entropy(z, labels)
apart = yours(numerical_gradient)(loss, logits) - gradient(logits, labels)
print(f"largest difference of your two gradients: {apart.abs().max():.1e}")"""

cross_entropy_gradient = Exercise(
    answer=reference.cross_entropy_gradient,
    probe=Function(_entropy_cases),
    points=2,
    hints=(
        "The loss of a row is log(sum of e^z) minus the score of the right class. Take the derivative of each part in "
        "one score: what is e^z over the sum?",
        "Probabilities by softmax, row by row, after the largest score of the row is subtracted. Then 1 is taken off "
        "in the column of the right class, and everything is divided by the number of rows.",
        "With `p` the probabilities: `one_hot = torch.zeros_like(p).scatter(1, labels[:, None], 1)`, then "
        "`return (... - ...) / len(labels)`.",
    ),
    slips=ENTROPY,
    conventions=ENTROPY_CONVENTIONS,
    also_right=(_by_index, _by_one_hot, _one_by_one),
    refuse=AUTOGRAD,
    task="Scores of 10,000 must give finite numbers. `torch.softmax` may be used.",
    use=(
        "# %% [markdown]\n**Your gradient at work.** Softmax regression on digits, trained by your gradient alone:",
        BY_HAND,
        "# %% [markdown]\nYour two ways to a gradient, the estimate and the formula, check each other. This is how a "
        "gradient written by hand is tested in practice:",
        CHECKED,
    ),
)

chapter = Chapter(
    number=2,
    topic="gradients",
    title="Gradients",
    exercises=(numerical_gradient, linear_regression_gradient, cross_entropy_gradient),
    quizzes=QUIZZES,
    intro="A gradient in two ways: estimated from values alone, and taken by hand. Each checks the other. The lesson "
    "is `notebooks/02_gradients.ipynb`.",
    setup="from coursekit import engine, show",
)
