"""Chapter 04: mini-batches, from the order of an epoch to how noisy the gradients of single examples are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.laws.epochs import EPOCHS
from coursekit.bank.quizzes.minibatches import QUIZZES
from coursekit.bank.slips.batch_gradient import GRADIENT, GRADIENT_CONVENTIONS
from coursekit.bank.slips.minibatches import BATCHES
from coursekit.bank.slips.noise_scale import SCALE, SCALE_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function, Stochastic, numbers
from coursekit.probe.cases import Call, Draws
from coursekit.reference import minibatches as reference

DOUBLE = torch.float64
# What deals out batches by itself.
LOADERS = frozenset(
    {"DataLoader", "BatchSampler", "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler", "random_split"}
)
# What takes a gradient by itself, and torch's own gradient of the loss.
AUTOGRAD = frozenset(
    {"autograd", "backward", "grad", "grad_and_value", "requires_grad", "requires_grad_", "jacrev", "jacfwd"}
    | {"jacobian", "vjp", "jvp", "mse_loss", "MSELoss", "mse_loss_backward"}
)


# ---- the batches


def _batch_cases(generator: torch.Generator) -> list[Draws]:
    def case(n: int, batch_size: int, seeds: int = 6) -> Draws:
        drawn = torch.randint(2**31, (seeds,), generator=generator).tolist()
        label = f"minibatches({n}, {batch_size}, generator), {2 * seeds} epochs"
        return Draws((n, batch_size), tuple(drawn), label=label, calls=2, most=2 * n + 2)

    several = [case(11, 4), case(12, 4), case(13, 5), case(10, 1), case(5, 5), case(3, 8), case(1, 1), case(1, 7)]
    return [*several, case(300, 32, 20), case(12, 3, 150), case(4, 1, 200)]


def _batches_in_a_list(n, batch_size, generator):
    return list(torch.randperm(n, generator=generator).split(batch_size))


def _batches_by_sorting(n, batch_size, generator):
    numbers = torch.rand(n, generator=generator)
    order = torch.argsort(numbers)
    return tuple(order[k * batch_size : (k + 1) * batch_size] for k in range(math.ceil(n / batch_size)))


def _batches_by_drawing(n, batch_size, generator):
    left, batch = list(range(n)), []
    while left:
        batch.append(left.pop(int(torch.randint(len(left), (1,), generator=generator))))
        if len(batch) == batch_size or not left:
            yield torch.tensor(batch)
            batch = []


def _batches_by_swapping(n, batch_size, generator):
    order = torch.arange(n)
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i + 1, (1,), generator=generator))
        order[[i, j]] = order[[j, i]]
    start = 0
    while start < n:
        yield order[start : min(start + batch_size, n)].clone()
        start += batch_size


SORTED = """\
digits, deal = engine.digits(), yours(minibatches)
X, y = digits.x_train, digits.y_train
sort = y.argsort(stable=True)
X, y = X[sort], y[sort]  # all zeros first, all nines last
for shuffled in (False, True):
    torch.manual_seed(0)
    model, generator = torch.nn.Linear(64, 10).to(X), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for epoch in range(3):
        for index in deal(len(X), 32, generator) if shuffled else torch.arange(len(X)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[index]), y[index]).backward()
            optimizer.step()
        guess = model(digits.x_validation).argmax(dim=1)
        right = (guess == digits.y_validation).float().mean()
        nines = (guess == 9).float().mean()
        name = "shuffled" if shuffled else "sorted"
        print(f"{name:8} epoch {epoch + 1}: {right:5.1%} right, {nines:5.1%} called 9")"""

minibatches = Exercise(
    answer=reference.minibatches,
    probe=Stochastic(_batch_cases, EPOCHS),
    points=2,
    hints=(
        "It is a deck of cards: shuffle it once, then deal out `batch_size` cards at a time until none is left.",
        "`torch.randperm(n, generator=generator)` is the shuffled deck. `range(0, n, batch_size)` gives the places "
        "where the batches start. A slice that reaches past the end takes what is there.",
        "After `order = torch.randperm(...)`: `for start in range(0, n, batch_size):` and in it "
        "`yield order[start : ...]`. (`yield` hands over one batch and goes on with the loop when the next is wanted.)",
    ),
    slips=BATCHES,
    also_right=(_batches_in_a_list, _batches_by_sorting, _batches_by_drawing, _batches_by_swapping),
    refuse=LOADERS,
    task="One call is one epoch. The order must come from `generator` alone, so that the same seed gives the same "
    "order, and a second call with the same generator another one. The check looks at many epochs: which rows came, "
    "how many in each batch, and which came together. How you shuffle is up to you.",
    use=(
        "# %% [markdown]\n**Your batches at work.** The digits lie sorted by their label, and a classifier reads them "
        "in batches of 32, first as they lie, then as you deal them out. Before you run it: what will the one that "
        "read the nines last say most often?",
        SORTED,
    ),
)


# ---- the gradient of a batch


def _gradient_cases(generator: torch.Generator) -> list[Call]:
    def case(rows: int, columns: int, index: list[int], what: str, dtype: torch.dtype = DOUBLE) -> Call:
        w, X, y = (numbers(generator, *shape) for shape in ((columns,), (rows, columns), (rows,)))
        batch = f"{len(index)} of {rows} rows" + (f", {what}" if what else "")
        label = f"minibatch_gradient, {batch}, {columns} weight{'s' if columns > 1 else ''}"
        return Call((*(x.to(dtype) for x in (w, X, y)), torch.tensor(index)), label=label)

    return [
        case(7, 3, [5, 1, 6, 2], ""),
        case(6, 2, [4, 0, 4, 4, 1], "one of them three times"),
        case(5, 3, [3], ""),
        case(4, 2, [2, 0, 3, 1], "in another order"),
        case(3, 3, [2, 0, 1], "in another order"),
        case(6, 1, [5, 2, 3], ""),
        case(9, 2, [0, 8, 8, 1, 8, 0, 5, 3], "some of them more than once"),
        case(8, 4, [7, 3, 4, 6], "float32", torch.float32),
    ]


def _by_rows(w, X, y, index):
    total = torch.zeros_like(w)
    for i in index.tolist():
        total += 2 * ((X[i] * w).sum() - y[i]) * X[i]
    return total / index.numel()


def _by_weights_of_rows(w, X, y, index):
    share = torch.bincount(index, minlength=len(X)).to(X) / len(index)  # of each row in the batch
    return 2 * (share * (X @ w - y)) @ X


def _by_einsum(w, X, y, index):
    rows, targets = X.index_select(0, index), torch.take(y, index)
    return torch.einsum("bd,b->bd", rows, torch.mv(rows, w) - targets).mean(0).mul(2)


LINE_BY_BATCHES = """\
diabetes = engine.diabetes(dtype=torch.float64, device="cpu")
deal, gradient = yours(minibatches), yours(minibatch_gradient)
X, y = diabetes.x_train, diabetes.y_train
curves = {}
for size, lr in ((1, 0.002), (16, 0.02), (len(X), 0.1)):
    w, generator, losses = torch.zeros(10, dtype=torch.float64), torch.Generator().manual_seed(0), []
    for epoch in range(10):
        for index in deal(len(X), size, generator):
            w = w - lr * gradient(w, X, y, index)
        losses.append(float(((X @ w - y) ** 2).mean()))
    curves[f"batches of {size}, rate {lr:g}"] = losses
best = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
print(f"the smallest loss there is: {((X @ best - y) ** 2).mean():.4f}")
show.loss_curves(curves, xlabel="epoch", ylabel="mean squared error", first=1)"""

minibatch_gradient = Exercise(
    answer=reference.minibatch_gradient,
    probe=Function(_gradient_cases),
    points=2,
    hints=(
        "Take the rows of the batch out of `X` and `y` first. What is left is the gradient of chapter 02, with these "
        "rows for all the data.",
        "A tensor of whole numbers is an index: `X[index]` are the rows that it names, in its order, as often as it "
        "names them. The mean goes over as many rows as are in the batch.",
        "`X_batch, y_batch = X[index], y[index]`, then `error = X_batch @ w - y_batch`, then "
        "`return ... * X_batch.T @ error / ...`.",
    ),
    slips=GRADIENT,
    conventions=GRADIENT_CONVENTIONS,
    also_right=(_by_rows, _by_weights_of_rows, _by_einsum),
    refuse=AUTOGRAD,
    use=(
        "# %% [markdown]\n**Your gradient at work.** A line through the diabetes data in ten epochs, with your batches "
        "and your gradient, one row at a time, 16 at a time, and all at once:",
        LINE_BY_BATCHES,
    ),
)


# ---- how noisy


def _scale_cases(generator: torch.Generator) -> list[Call]:
    def call(what: str, grads: Tensor) -> Call:
        return Call((grads,), label=f"gradient_noise_scale, {what}")

    def case(rows: int, columns: int, dtype: torch.dtype = DOUBLE) -> Call:
        """Around a mean that is not 0 and differs from weight to weight."""
        mean = 0.4 * (1 + torch.arange(columns, dtype=DOUBLE)) * (1 - 2 * (torch.arange(columns) % 2))
        single = ", float32" if dtype is torch.float32 else ""
        what = f"{rows} examples, {columns} weight{'s' if columns > 1 else ''}{single}"
        return call(what, (numbers(generator, rows, columns) + mean).round(decimals=2).to(dtype))

    agree = torch.tensor([[1.5, -2.0, 0.25]], dtype=DOUBLE).repeat(4, 1)
    cancel = torch.tensor([[1.5, -2.0], [-1.5, 2.0], [0.5, 3.0], [-0.5, -3.0]], dtype=DOUBLE)
    return [
        case(5, 3),
        case(4, 4),
        case(2, 3),
        case(6, 1),
        case(30, 7),
        case(6, 2, torch.float32),
        call("all gradients equal", agree),
        call("gradients that cancel", cancel),
    ]


def _by_variances(per_example_grads):
    return per_example_grads.var(dim=0).sum() / per_example_grads.mean(dim=0).norm() ** 2


def _by_covariance(per_example_grads):
    covariance = torch.atleast_2d(torch.cov(per_example_grads.T))
    mean = per_example_grads.mean(0)
    return torch.trace(covariance) / torch.dot(mean, mean)


def _by_loops(per_example_grads):
    rows = list(per_example_grads)
    mean = sum(rows) / len(rows)
    squares = sum(torch.sum((g - mean) ** 2) for g in rows)
    return squares / (len(rows) - 1) / torch.sum(mean * mean)


def _by_squares(per_example_grads):
    n = per_example_grads.shape[0]
    below = (per_example_grads.mean(0) ** 2).sum()
    return n / (n - 1) * ((per_example_grads**2).sum(1).mean() - below) / below


ON_THE_WAY_DOWN = """\
diabetes = engine.diabetes(dtype=torch.float64, device="cpu")
scale, gradient = yours(gradient_noise_scale), yours(minibatch_gradient)
X, y, w = diabetes.x_train, diabetes.y_train, torch.zeros(10, dtype=torch.float64)
everything = torch.arange(len(X))
for step in range(101):
    if step in (0, 3, 10, 30, 100):
        each = torch.stack([gradient(w, X, y, torch.tensor([i])) for i in everything])
        loss = ((X @ w - y) ** 2).mean()
        print(f"step {step:3}: loss {loss:.3f}, noise scale {scale(each):8.1f} rows")
    w = w - 0.1 * gradient(w, X, y, everything)"""

gradient_noise_scale = Exercise(
    answer=reference.gradient_noise_scale,
    probe=Function(_scale_cases),
    points=2,
    hints=(
        "Two numbers, one over the other. Above: how far the rows are from their mean, squared, all weights together. "
        "Below: how long the mean is, squared.",
        "The trace of the covariance is the sum of the variances, one for each weight. The mean over the examples is "
        "`.mean(dim=0)`; a variance divides by N - 1. The square of a length is the sum of the squares.",
        "`mean = per_example_grads.mean(dim=0)`, `deviations = per_example_grads - mean`, then `trace = "
        "(...).sum() / (len(per_example_grads) - ...)` and `return trace / ...`.",
    ),
    slips=SCALE,
    conventions=SCALE_CONVENTIONS,
    also_right=(_by_variances, _by_covariance, _by_loops, _by_squares),
    task="Where all gradients are equal it is 0; where their mean is 0 it is infinite, and needs no guard.",
    use=(
        "# %% [markdown]\n**Your noise scale at work.** A line through the diabetes data again, by the gradient of all "
        "rows. How many rows would have been worth their work at each point? Before you run it: more at the start, or "
        "more near the end?",
        ON_THE_WAY_DOWN,
    ),
)

chapter = Chapter(
    number=4,
    topic="minibatches",
    title="Mini-batches",
    exercises=(minibatches, minibatch_gradient, gradient_noise_scale),
    quizzes=QUIZZES,
    intro="Which rows a step looks at, what their gradient is, and how much noise there is in it. The lesson is "
    "`notebooks/04_minibatches.ipynb`.",
    setup="from coursekit import engine, show",
)
