"""Chapter 03: gradient descent, the rule that all others start from; a walk with it, and how far a step may go."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.quizzes.gradient_descent import QUIZZES
from coursekit.bank.slips.gradient_descent import GRADIENT_DESCENT
from coursekit.bank.slips.max_stable_lr import MAX_STABLE_LR
from coursekit.bank.slips.minimize import MINIMIZE
from coursekit.exercise import Chapter, Exercise, Function, Trajectory
from coursekit.probe.cases import Call
from coursekit.probe.values import Quadratic
from coursekit.reference import gradient_descent as reference

DOUBLE = torch.float64
TORCHS_OWN = frozenset({"SGD", "_fused_sgd", "_fused_sgd_"})


# ---- one step


def _by_sub(param, grad, state, *, lr):
    return param.sub(grad, alpha=lr), state


def _by_adding(param, grad, state, *, lr=0.001):
    step = -lr * grad
    return [step + param, []]


TRAIN = """\
digits, curves = engine.digits(), {}
mine = yours(gradient_descent)
for name in ("torch.optim.SGD", "yours"):
    model = engine.mlp([64, 32, 10])
    if name == "yours":
        optimizer = engine.Optimizer(model.parameters(), mine, lr=0.1)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

WALK = """\
ravine, rates = engine.SURFACES["ravine"], (0.079, 0.04, 0.01)
walks = engine.sweep(mine, ravine, steps=20, lr=rates)
show.trajectories(ravine, {f"lr={lr}": path for lr, path in zip(rates, walks.paths)})"""

PLAY = """\
show.playground("ravine", rules=("gradient_descent", mine), lr=(0.01, 0.1))"""

gradient_descent = Exercise(
    answer=reference.gradient_descent,
    probe=Trajectory(hyper=({"lr": 0.3}, {"lr": 1.7})),
    points=1,
    hints=(
        "The gradient points uphill, and is longer where the slope is steeper. Go the other way.",
        "How far to go is the gradient times `lr`: the parameter minus that. The state is empty; hand it on as it "
        "came.",
        "`param = param - lr * grad`, and return `param, state`.",
    ),
    slips=GRADIENT_DESCENT,
    also_right=(_by_sub, _by_adding),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\n**Your rule at work.** It trains a network on digits, next to `torch.optim.SGD`: the two "
        "curves should lie on top of each other.",
        TRAIN,
        "# %% [markdown]\nThree rates down a ravine that is 25 times as steep across as along. Which of the three "
        "creeps, which one zigzags, and what would a rate of 0.081 do?",
        WALK,
        "# %% [markdown]\nNow move the rate yourself; your rule is drawn dashed over the reference. Find the rate at "
        "which the path no longer comes down, then answer the first prediction below.",
        PLAY,
    ),
)


# ---- a walk of many


def _sizes(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers between two others with two decimals, so that the call which a card shows is the call that was made."""
    return (low + (high - low) * torch.rand(shape, generator=generator, dtype=DOUBLE)).round(decimals=2)


def _walk_cases(generator: torch.Generator) -> list[Call]:
    def case(*shape: int, lr: float, steps: int, dtype=DOUBLE, at_rest: bool = False) -> Call:
        """The gradient of a bowl, from a start whose every coordinate is 1 or more from its lowest point."""
        scale, center = _sizes(generator, 0.5, 2.0, *shape), _sizes(generator, -1.0, 1.0, *shape)
        side = torch.tensor([-1.0, 1.0], dtype=DOUBLE).repeat(center.numel())[: center.numel()].view(shape)
        start = center if at_rest else center + side * _sizes(generator, 1.0, 3.0, *shape)
        what = ", at the minimum" if at_rest else ", float32" if dtype is torch.float32 else ""
        label = f"minimize, shape {shape}{what}, lr={lr:g}, steps={steps}"
        bowl = Quadratic(scale.to(dtype), center.to(dtype))
        return Call((bowl, start.to(dtype)), {"lr": lr, "steps": steps}, label=label)

    return [
        case(3, lr=0.3, steps=4),
        case(2, 3, lr=0.1, steps=7),
        case(lr=0.25, steps=3),
        case(4, lr=0.05, steps=1),
        case(2, lr=5.0, steps=10),
        case(3, lr=0.2, steps=6, dtype=torch.float32),
        case(2, lr=0.3, steps=5, at_rest=True),
    ]


def _walk_into_a_table(grad_fn, start, *, lr, steps):
    path = start.new_zeros(steps + 1, *start.shape)
    path[0] = start
    for t in range(steps):
        path[t + 1] = path[t] - lr * grad_fn(path[t])
    return path


def _walk_of_copies(grad_fn, start, *, lr, steps):
    x, path = start.clone(), []
    for t in range(steps + 1):
        path += [x.clone()]
        if t < steps:
            x -= lr * grad_fn(x)
    return torch.stack(path)


def _walk_by_the_rule(grad_fn, start, *, lr, steps):
    def rule(param, grad, state, *, lr):
        return param.add(grad, alpha=-lr), state

    points, state = start.unsqueeze(0), ()
    while len(points) <= steps:
        param, state = rule(points[-1], grad_fn(points[-1]), state, lr=lr)
        points = torch.cat((points, param.unsqueeze(0)))
    return points


VALLEYS = """\
surface, walk = engine.SURFACES["himmelblau"], yours(minimize)
starts = [(0.0, -0.5), (-0.5, -0.5), (-0.5, -1.5), (0.0, -1.5)]  # around the top of a hill
paths = {f"from {s}": walk(surface.gradient, torch.tensor(s), lr=0.01, steps=60) for s in starts}
show.trajectories(surface, paths)"""

minimize = Exercise(
    answer=reference.minimize,
    probe=Function(_walk_cases),
    points=2,
    hints=(
        "The same step again and again, each from where the last one ended, with the gradient of that place. Every "
        "point is kept, and the first is `start`.",
        "Begin with a list that holds `start`. In a loop that runs `steps` times, make a new point from the last one "
        "and add it. `torch.stack` makes one tensor of a list of tensors.",
        "`path = [start]`; in the loop `path.append(path[-1] - lr * grad_fn(...))`; then `return torch.stack(path)`.",
    ),
    slips=MINIMIZE,
    also_right=(_walk_into_a_table, _walk_of_copies, _walk_by_the_rule),
    refuse=TORCHS_OWN,
    task="You may call the `gradient_descent` that you wrote above.",
    use=(
        "# %% [markdown]\n**Your walk at work.** Four valleys of the same depth, and four starts that lie close "
        "together. Before you run it: do neighbours end in the same valley?",
        VALLEYS,
    ),
)


# ---- how far a step may go


def _hessian(generator: torch.Generator, *eigenvalues: float) -> Tensor:
    """A symmetric matrix with nearly these eigenvalues, its numbers with two decimals."""
    size = len(eigenvalues)
    axes = torch.linalg.qr(torch.randn((size, size), generator=generator, dtype=DOUBLE)).Q
    matrix = (axes @ torch.diag(torch.tensor(eigenvalues, dtype=DOUBLE)) @ axes.T).round(decimals=2)
    return matrix.triu() + matrix.triu(1).T


def _hessian_cases(generator: torch.Generator) -> list[Call]:
    def call(what: str, hessian: Tensor) -> Call:
        return Call((hessian,), label=f"max_stable_lr, {what}")

    between = _sizes(generator, 3.0, 5.0).item()
    return [
        call("3 x 3", _hessian(generator, 6.0, 2.0, 0.5)),
        call("4 x 4, at a saddle", _hessian(generator, 3.0, -9.0, 1.0, 0.4)),
        call("2 x 2", _hessian(generator, 30.0, 40.0)),
        call("2 x 2, steepest between the axes", torch.tensor([[1.0, between], [between, 0.5]], dtype=DOUBLE)),
        call("1 x 1", _sizes(generator, 0.2, 0.9, 1, 1)),
        call("2 x 2, float32", torch.tensor([[2.0, 0.0], [0.0, 8.0]])),
    ]


def _rate_by_vectors(hessian):
    values, _ = torch.linalg.eigh(hessian)
    return float(2 / values[-1])


def _rate_in_any_order(hessian):
    return 2.0 / torch.linalg.eigvals(hessian).real.max()


def _rate_by_a_loop(hessian):
    steepest = -math.inf
    for value in torch.linalg.eigvalsh(hessian).tolist():
        steepest = value if value > steepest else steepest
    return 2 / steepest


EDGE = """\
diabetes, curves = engine.diabetes(dtype=torch.float64), {}
X, y = diabetes.x_train, diabetes.y_train
limit = yours(max_stable_lr)(2 * X.T @ X / len(y))  # the Hessian of the mean squared error
print(f"the largest rate for a line through these data: {limit:.4f}")
for share in (0.5, 0.98, 1.02):
    slope = lambda w: 2 * X.T @ (X @ w - y) / len(y)
    path = yours(minimize)(slope, torch.zeros(10, dtype=torch.float64), lr=share * limit, steps=100)
    curves[f"{share} of it"] = ((path @ X.T - y) ** 2).mean(dim=1)
show.loss_curves(curves, ylabel="mean squared error")"""

BOWLS = """\
show.stability()"""

max_stable_lr = Exercise(
    answer=reference.max_stable_lr,
    probe=Function(_hessian_cases),
    points=1,
    hints=(
        "Along an eigenvector a step multiplies the distance to the minimum by 1 - lr * eigenvalue. Between which two "
        "numbers must that stay? Which eigenvalue breaks out first?",
        "The factor reaches -1 at lr = 2 / eigenvalue, for the largest eigenvalue first. `torch.linalg.eigvalsh` gives "
        "the eigenvalues of a symmetric matrix.",
        "`return 2 / torch.linalg.eigvalsh(hessian)...`, with the largest of them.",
    ),
    slips=MAX_STABLE_LR,
    also_right=(_rate_by_vectors, _rate_in_any_order, _rate_by_a_loop),
    use=(
        "# %% [markdown]\n**Your rate at work.** A line through the diabetes data at half your rate, just below it and "
        "just above:",
        EDGE,
        "# %% [markdown]\nNow move the rate, at a ratio of 1 and then of 39. Does the limit move? And just below it, "
        "in how many steps does each direction halve?",
        BOWLS,
    ),
)

chapter = Chapter(
    number=3,
    topic="gradient_descent",
    title="Gradient descent",
    exercises=(gradient_descent, minimize, max_stable_lr),
    quizzes=QUIZZES,
    intro="Write the rule that all others start from, walk with it, and find out how far a step may go. The lesson is "
    "`notebooks/03_gradient_descent.ipynb`.",
    setup="from coursekit import engine, show",
)
