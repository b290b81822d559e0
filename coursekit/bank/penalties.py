"""Chapter 09: penalties on large weights, the gradient of one and the step that the other needs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.quizzes.penalties import QUIZZES
from coursekit.bank.slips.penalties import GRADIENT, GRADIENT_CONVENTIONS, L1, L2, L2_CONVENTIONS
from coursekit.bank.slips.shrinking import ISTA, SOFT
from coursekit.exercise import Chapter, Exercise, Function, signed_numbers
from coursekit.probe.cases import Call
from coursekit.reference import penalties as reference

DOUBLE = torch.float64
LIST = "`params` comes as a list of tensors, `[w1, b1, w2, ...]`, also when there is only one."


# ---- the two penalties


def _penalty_cases(name: str):
    def make(generator: torch.Generator) -> list[Call]:
        def case(lam: float, *shapes: tuple[int, ...], dtype=DOUBLE, sign: int = 1) -> Call:
            params = [sign * signed_numbers(generator, *shape).to(dtype) for shape in shapes]
            single = "float32, " if dtype is torch.float32 else ""
            label = f"{name}, {single}shapes {' and '.join(map(str, shapes))}, lam={lam:g}"
            return Call((params,), {"lam": lam}, gradient_of=(0,), label=label)

        zeros = [torch.zeros(2, dtype=DOUBLE), signed_numbers(generator, 3)]
        return [
            case(0.3, (3,), (2, 2)),
            case(0.07, (3, 2), (3,), (2, 3), (2,)),
            case(2.5, (5,), sign=-1),
            case(1.7, (2, 2, 3), ()),
            case(0.3, (3,), (2, 2), dtype=torch.float32),
            Call((zeros,), {"lam": 0.4}, label=f"{name}, some weights are 0, lam=0.4"),
        ]

    return make


def _squares_by_dot(params, *, lam):
    every = torch.cat([w.flatten() for w in params])
    return lam * torch.dot(every, every)


def _squares_by_norm(params, *, lam=0.01):
    total = 0
    for w in params:
        total += torch.linalg.vector_norm(w).square()
    return total * lam


def _sizes_by_norm(params, *, lam):
    return torch.stack([torch.linalg.vector_norm(w, 1) for w in params]).sum().mul(lam)


def _sizes_by_sign(params, *, lam=0.01):
    total = torch.zeros((), dtype=params[0].dtype)
    for w in params:
        total = total + torch.sum(w * torch.sign(w))
    return lam * total


DECAY = """\
diabetes, lam, finals = engine.diabetes(), 0.05, {}
penalty, mse = yours(l2_penalty), torch.nn.functional.mse_loss
for name in ("penalty", "weight_decay=2 * lam", "weight_decay=lam"):
    model = torch.nn.Sequential(engine.mlp([10, 1]), torch.nn.Flatten(0))
    params = list(model.parameters())
    decay = {"penalty": 0.0, "weight_decay=2 * lam": 2 * lam, "weight_decay=lam": lam}[name]
    optimizer = torch.optim.SGD(params, lr=0.05, weight_decay=decay)
    punished = lambda prediction, y, params=params: mse(prediction, y) + penalty(params, lam=lam)
    loss = punished if name == "penalty" else mse
    engine.train(model, optimizer, diabetes, loss=loss, epochs=5, batch_size=32, progress=False)
    finals[name] = torch.cat([w.detach().flatten() for w in params])
for name in ("weight_decay=2 * lam", "weight_decay=lam"):
    apart = (finals[name] - finals["penalty"]).abs().max()
    print(f"{name:<22} largest difference from the weights with your penalty: {apart:.1e}")"""

l2_penalty = Exercise(
    answer=reference.l2_penalty,
    probe=Function(_penalty_cases("l2_penalty")),
    points=1,
    hints=(
        "Every weight of every tensor is squared, and everything is added up to one number. lam stands before the sum.",
        "`(w**2).sum()` is the sum for one tensor. A generator inside Python's `sum(... for w in params)`, or a loop "
        "that adds to a total, goes through the list.",
        "`return lam * sum(... for w in params)`, with the sum of the squares of `w` in place of the dots.",
    ),
    slips=L2,
    conventions=L2_CONVENTIONS,
    also_right=(_squares_by_dot, _squares_by_norm),
    task=LIST,
    use=(
        "# %% [markdown]\n**Your penalty at work.** A line through the diabetes data, three times: with your penalty "
        "added to the loss, and with torch's `weight_decay` at 2 lam and at lam. Which of the two is the same?",
        DECAY,
    ),
)

ZEROS = """\
diabetes, penalty = engine.diabetes(), yours(l1_penalty)
mse = torch.nn.functional.mse_loss
for lam in (0.0, 0.05, 0.2):
    model = torch.nn.Sequential(engine.mlp([10, 1]), torch.nn.Flatten(0))
    weight = model[0][0].weight  # the bias is not punished
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loss = lambda prediction, y: mse(prediction, y) + penalty([weight], lam=lam)
    engine.train(model, optimizer, diabetes, loss=loss, epochs=30, batch_size=len(diabetes.x_train), progress=False)
    sizes = weight.detach().abs().flatten()
    small, zero = int((sizes < 0.01).sum()), int((sizes == 0).sum())
    print(f"lam = {lam:.2f}: {small} of 10 weights below 0.01, {zero} exactly 0")"""

l1_penalty = Exercise(
    answer=reference.l1_penalty,
    probe=Function(_penalty_cases("l1_penalty")),
    points=1,
    hints=(
        "The size of every weight, without its sign, all added up. lam stands before the sum.",
        "`w.abs()` is the size of every weight of one tensor; sum it, then go through the list as in `l2_penalty`.",
        "`return lam * sum(... for w in params)`, with the sum of the sizes of `w` in place of the dots.",
    ),
    slips=L1,
    also_right=(_sizes_by_norm, _sizes_by_sign),
    task=LIST,
    use=(
        "# %% [markdown]\n**Your penalty at work.** The same line, with your L1 penalty and plain gradient descent. It "
        "brings weights near 0. Does it make one exactly 0?",
        ZEROS,
    ),
)


# ---- the gradient of the squared one


def _gradient_cases(generator: torch.Generator) -> list[Call]:
    def case(lam: float, *shape: int, dtype: torch.dtype = DOUBLE) -> Call:
        label = f"l2_penalty_gradient, shape {shape}{', float32' if dtype is torch.float32 else ''}, lam={lam:g}"
        return Call((signed_numbers(generator, *shape).to(dtype),), {"lam": lam}, label=label)

    some = signed_numbers(generator, 4) * torch.tensor([0, 1, 0, 1])
    return [
        case(0.3, 5),
        case(0.07, 3, 4),
        case(2.5),
        case(1.7, 2, 1, 3),
        case(0.3, 4, dtype=torch.float32),
        Call((some,), {"lam": 0.3}, label="l2_penalty_gradient, some weights are 0, lam=0.3"),
    ]


def _twice_by_adding(w, *, lam):
    return lam * w + lam * w


def _twice_in_place(w, *, lam=0.01):
    out = w.clone()
    out *= lam
    out *= 2
    return out


CHAIN = """\
w, lam, lr = torch.tensor([1.0, -2.0, 0.5], requires_grad=True), 0.3, 0.1
by_hand = yours(l2_penalty_gradient)(w.detach(), lam=lam)
(by_autograd,) = torch.autograd.grad(yours(l2_penalty)([w], lam=lam), w)
print("by hand    ", by_hand)
print("by autograd", by_autograd)
print("one step shrinks every weight by the factor", ((w.detach() - lr * by_hand) / w.detach()), "= 1 - 2 lr lam")"""

l2_penalty_gradient = Exercise(
    answer=reference.l2_penalty_gradient,
    probe=Function(_gradient_cases),
    points=1,
    hints=(
        "Take one weight at a time: it stands in one term of the sum only. What is the derivative of lam w^2?",
        "The power comes down as a factor: w^2 becomes 2 w. lam stays.",
        "`return ... * lam * w`, with the factor that came down.",
    ),
    slips=GRADIENT,
    conventions=GRADIENT_CONVENTIONS,
    also_right=(_twice_by_adding, _twice_in_place),
    use=("# %% [markdown]\n**Your gradient at work.** Beside the one that autograd takes of your penalty:", CHAIN),
)


# ---- the soft threshold


def _around(generator: torch.Generator, threshold: float, *shape: int) -> Tensor:
    """Numbers beyond the threshold and within it, in turn, of both signs, with two decimals."""
    kind = torch.arange(math.prod(shape)).reshape(shape) % 4
    share = 0.1 + 0.8 * torch.rand(shape, generator=generator, dtype=DOUBLE)
    size = threshold * torch.where(kind < 2, 1.1 + 3 * share, share)
    return size.round(decimals=2) * (1 - 2 * (kind % 2))


def _soft_cases(generator: torch.Generator) -> list[Call]:
    def case(x: Tensor, threshold: float, what: str) -> Call:
        return Call((x, threshold), label=f"soft_threshold, {what}, threshold {threshold:g}")

    edge = torch.tensor([0.5, -0.5, 0, 0.25, -0.75, 2], dtype=DOUBLE)
    return [
        case(_around(generator, 0.7, 6), 0.7, "shape (6,)"),
        case(_around(generator, 2.0, 3, 4), 2.0, "shape (3, 4)"),
        case(edge, 0.5, "0 and exactly at the threshold"),
        case(_around(generator, 0.2, 5), 0.0, "shape (5,)"),
        case(_around(generator, 0.3, 2, 2, 2), 0.3, "shape (2, 2, 2)"),
        case(torch.tensor(-1.25, dtype=DOUBLE), 0.5, "a single number"),
        case(torch.tensor(0.25, dtype=DOUBLE), 0.5, "a single number"),
        case(_around(generator, 0.7, 4).float(), 0.7, "float32"),
    ]


def _soft_by_relu(x, threshold):
    return torch.relu(x - threshold) - torch.relu(-x - threshold)


def _soft_by_clipping(x, threshold):
    return x - x.clamp(-threshold, threshold)


def _soft_by_where(x, threshold):
    out = torch.zeros_like(x)
    out = torch.where(x > threshold, x - threshold, out)
    return torch.where(x < -threshold, x + threshold, out)


SHAPE = """\
x, mine = torch.linspace(-3, 3, 241), yours(soft_threshold)
shrunk = {f"threshold {t:g}": mine(x, t) for t in (0.5, 1.0, 2.0)}
show.lines(x, {"x itself": x, **shrunk}, "x", "soft threshold of x")"""

NOISE = """\
noise = 0.3 * torch.randn(200, generator=torch.Generator().manual_seed(0))
signal = torch.zeros(200)
signal[[20, 70, 110, 160]] = torch.tensor([2.0, -1.5, 3.0, 1.0])
cleaned = yours(soft_threshold)(signal + noise, 0.8)
print(f"error before: {(noise**2).sum():.2f}, after: {((cleaned - signal) ** 2).sum():.2f}")
show.lines(torch.arange(200), {"with noise": signal + noise, "thresholded": cleaned}, "place", "value", log=False)"""

SHRINK = frozenset({"softshrink", "Softshrink"})

soft_threshold = Exercise(
    answer=reference.soft_threshold,
    probe=Function(_soft_cases),
    points=2,
    hints=(
        "Take one number apart into its size and its sign. The size loses the threshold, but is never less than 0; the "
        "sign stays.",
        "`x.abs()` is the size and `x.sign()` the sign; `max(y, 0)` of a tensor is `y.clamp(min=0)`.",
        "`return x.sign() * (...).clamp(min=0)`, with what is left of the size in the parentheses.",
    ),
    slips=SOFT,
    also_right=(_soft_by_relu, _soft_by_clipping, _soft_by_where),
    refuse=SHRINK,
    use=(
        "# %% [markdown]\n**Your function at work.** Three thresholds: flat at 0 in the middle, and parallel to x "
        "outside.",
        SHAPE,
        "# %% [markdown]\nFour spikes in noise. Most of what is only noise is within the threshold; the spikes come "
        "through, each shorter by the threshold.",
        NOISE,
    ),
)


# ---- the step


def _ista_cases(generator: torch.Generator) -> list[Call]:
    def case(lr: float, lam: float, *shape: int, dtype: torch.dtype = DOUBLE) -> Call:
        """The step ends beyond the threshold and within it, on both sides; a third of the weights start at 0."""
        z = _around(generator, lr * lam, *shape)
        start = signed_numbers(generator, *shape).roll(1)
        w = torch.where(torch.arange(z.numel()).reshape(shape) % 3 == 2, 0.0, start)
        grad = ((w - z) / lr).round(decimals=3)
        label = f"ista_step, shape {shape}{', float32' if dtype is torch.float32 else ''}, lr={lr:g}, lam={lam:g}"
        return Call((w.to(dtype), grad.to(dtype)), {"lr": lr, "lam": lam}, label=label)

    return [
        case(0.25, 2.5, 8),
        case(0.5, 0.6, 3, 4),
        case(0.04, 20.0, 6),
        case(0.5, 0.6),
        case(0.25, 2.5, 8, dtype=torch.float32),
    ]


def _ista_in_one_line(w, grad, *, lr, lam):
    return torch.relu(w - lr * grad - lr * lam) - torch.relu(lr * grad - w - lr * lam)


def _ista_by_clipping(w, grad, *, lr=0.1, lam=0.01):
    z = torch.add(w, grad, alpha=-lr)
    return z - z.clamp(-lr * lam, lr * lam)


LASSO = """\
diabetes, step = engine.diabetes(), yours(ista_step)
generator = torch.Generator().manual_seed(0)


def with_noise(x):
    "The ten measurements, and thirty columns that say nothing."
    return torch.cat([x, torch.randn(len(x), 30, generator=generator).to(x)], dim=1)


X, V, y = with_noise(diabetes.x_train), with_noise(diabetes.x_validation), diabetes.y_train
print("lam    measurements kept   noise columns kept   validation error")
for lam in (0.0, 0.05, 0.1, 0.2, 0.5):
    w = torch.zeros(40).to(X)
    for _ in range(500):
        w = step(w, 2 * X.T @ (X @ w - y) / len(y), lr=0.05, lam=lam)
    error = ((V @ w - diabetes.y_validation) ** 2).mean()
    print(f"{lam:<6g} {int((w[:10] != 0).sum()):>8} of 10 {int((w[10:] != 0).sum()):>17} of 30 {error:>17.3f}")"""

ista_step = Exercise(
    answer=reference.ista_step,
    probe=Function(_ista_cases),
    points=2,
    hints=(
        "Two moves, one after the other: a step of gradient descent on the loss alone, then a soft threshold on what "
        "came out.",
        "`z = w - lr * grad`. The penalty pulls every weight towards 0 with lam, and a step goes lr times a pull: that "
        "is the threshold. Use the size and the sign of z, not of w.",
        "`return z.sign() * (z.abs() - ...).clamp(min=0)`, with lr times lam in place of the dots.",
    ),
    slips=ISTA,
    also_right=(_ista_in_one_line, _ista_by_clipping),
    refuse=SHRINK,
    task="You may call the `soft_threshold` that you wrote above.",
    use=(
        "# %% [markdown]\n**Your step at work.** The lasso: a line through the diabetes data, to which thirty columns "
        "of noise were added. Watch which columns keep a weight that is not exactly 0, and the error on patients that "
        "were not trained on.",
        LASSO,
    ),
)

chapter = Chapter(
    number=9,
    topic="penalties",
    title="Penalties",
    exercises=(l2_penalty, l1_penalty, l2_penalty_gradient, soft_threshold, ista_step),
    quizzes=QUIZZES,
    intro="A penalty on large weights, added to the loss, in its two usual forms; then the step that makes weights "
    "exactly 0. In this course the L2 penalty is lam times the sum of squares, without a half.",
    setup="from coursekit import engine, show",
)
