"""Chapter 01: five losses, the mistakes that are made in them, and the chapter's predictions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.quizzes.losses import QUIZZES
from coursekit.bank.slips.binary_cross_entropy import BINARY, BINARY_CONVENTIONS
from coursekit.bank.slips.cross_entropy import CROSS_ENTROPY, CROSS_ENTROPY_CONVENTIONS, LOG_SOFTMAX
from coursekit.bank.slips.errors_and_margins import HINGE, HINGE_CONVENTIONS, MSE, MSE_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function, numbers
from coursekit.probe.cases import Call
from coursekit.reference import losses as reference

DOUBLE = torch.float64


def _call(name: str, what: str, *args: Tensor, dtype: torch.dtype = DOUBLE, gradient: bool = False) -> Call:
    placed = tuple(x.to(dtype) if x.is_floating_point() else x for x in args)
    label = f"{name}, {what}{', float32' if dtype == torch.float32 else ''}"
    return Call(placed, gradient_of=(0,) if gradient else (), label=label)


# ---- the mean squared error


def _mse_cases(generator: torch.Generator) -> list[Call]:
    def case(*shape: int, scale: float = 1.0, **more) -> Call:
        pair = (scale * numbers(generator, *shape) for _ in range(2))
        return _call("mse_loss", f"shape {shape}", *pair, **more)

    return [
        case(5, gradient=True),
        case(3, 4, gradient=True),
        case(2, 3, 2, scale=100.0),
        case(7, scale=0.01),
        case(4, 3, dtype=torch.float32),
    ]


def _mse_by_dot(prediction, target):
    error = (prediction - target).reshape(-1)
    return torch.dot(error, error) / error.numel()


def _mse_opened(prediction, target):
    return (prediction * prediction - 2 * prediction * target + target.square()).sum().div(target.numel())


REGRESSION = """\
diabetes, curves = engine.diabetes(), {}
for name, loss in (("torch", torch.nn.functional.mse_loss), ("yours", yours(mse_loss))):
    model = torch.nn.Sequential(engine.mlp([10, 1]), torch.nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    run = engine.train(model, optimizer, diabetes, loss=loss, epochs=10, batch_size=32, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves, ylabel="mean squared error")"""

mse_loss = Exercise(
    answer=reference.mse_loss,
    probe=Function(_mse_cases),
    points=1,
    hints=(
        "Three things happen, as the equation is read from the inside out: an error, its square, a mean.",
        "`prediction - target` is the error of every element at once; `** 2` squares each. What makes one number of "
        "them, divided by how many there are?",
        "`return (... ** 2).mean()`, with the error in its own parentheses.",
    ),
    slips=MSE,
    conventions=MSE_CONVENTIONS,
    also_right=(_mse_by_dot, _mse_opened),
    refuse=frozenset({"mse_loss", "MSELoss"}),
    use=(
        "# %% [markdown]\n**Your loss at work.** A line through the diabetes data, trained with torch's loss and with "
        "yours. `Flatten(0)` makes shape (n,) of the model's (n, 1), the shape of the target; the lesson shows what "
        "happens without it. The two curves should lie on top of each other.",
        REGRESSION,
    ),
)


# ---- scores of classes


EXTREME = torch.tensor([[1000.0, -1000, 0, 300], [-4000, 0, 100, 4000], [10000, 9999, -10000, 0]], dtype=DOUBLE)
LEVELS = torch.tensor([[10000.0], [-10000], [0]], dtype=DOUBLE)  # of whole rows


def _log_softmax_cases(generator: torch.Generator) -> list[Call]:
    def case(*shape: int, **more) -> Call:
        return _call("log_softmax", f"logits of shape {shape}", 2 * numbers(generator, *shape), **more)

    return [
        case(3, 4, gradient=True),
        case(5),
        case(2, 3, 4),
        case(4, 3, dtype=torch.float32),
        _call("log_softmax", "logits up to 10000", EXTREME + numbers(generator, 3, 4), gradient=True),
        _call("log_softmax", "rows around 10000, -10000 and 0", LEVELS + numbers(generator, 3, 4)),
        _call("log_softmax", "logits up to 1000", EXTREME[0].float(), dtype=torch.float32),
    ]


def _log_softmax_by_logsumexp(logits):
    return logits - torch.logsumexp(logits, -1, keepdim=True)


def _log_softmax_by_logaddexp(logits):
    total = logits[..., 0]
    for k in range(1, logits.shape[-1]):
        total = torch.logaddexp(total, logits[..., k])
    return logits - total[..., None]


SHIFT = """\
mine = yours(log_softmax)
scores = torch.tensor([2.0, 1.0, -1.0])
for shift in (0.0, 10.0, 1000.0, -1000.0):
    print(f"scores + {shift:6g}: probabilities", [f"{p:.6f}" for p in mine(scores + shift).exp()])"""

log_softmax = Exercise(
    answer=reference.log_softmax,
    probe=Function(_log_softmax_cases),
    points=2,
    hints=(
        "Simplify on paper before you compute: the logarithm of a quotient is a difference, and log(e^z) is z. Then "
        "ask what happens to `exp` at a score of 10,000.",
        "Take the largest score of each row off all scores of that row: `logits.max(dim=-1, keepdim=True).values`. "
        "The probabilities do not change. Use the shifted scores from there on, everywhere.",
        "`shifted - shifted.exp().sum(...).log()`, where the sum goes along the last dimension and keeps it "
        "(`dim=-1, keepdim=True`).",
    ),
    slips=LOG_SOFTMAX,
    also_right=(_log_softmax_by_logsumexp, _log_softmax_by_logaddexp),
    refuse=frozenset({"log_softmax", "_log_softmax", "LogSoftmax", "cross_entropy"}),
    task="Scores of 10,000 and of -10,000 must give finite numbers.",
    use=("# %% [markdown]\n**Your function at work.** A shift of all scores changes no probability:", SHIFT),
)


def _labels(generator: torch.Generator, rows: int, classes: int) -> Tensor:
    """Every class in turn, in random order: the first and the last class are there."""
    return (torch.arange(rows) % classes)[torch.randperm(rows, generator=generator)]


def _cross_entropy_cases(generator: torch.Generator) -> list[Call]:
    def case(rows: int, classes: int, **more) -> Call:
        labels = _labels(generator, rows, classes)
        logits = 2 * numbers(generator, rows, classes)
        return _call("cross_entropy_loss", f"logits of shape ({rows}, {classes})", logits, labels, **more)

    def extreme(what: str, logits: Tensor, labels: Tensor, **more) -> Call:
        logits = logits + numbers(generator, *logits.shape)
        return _call("cross_entropy_loss", f"logits up to 10000, {what}", logits, labels, **more)

    positive = numbers(generator, 6, 4).abs() + 0.5
    return [
        case(5, 3, gradient=True),
        case(8, 5),
        _call("cross_entropy_loss", "positive logits", positive, _labels(generator, 6, 4), gradient=True),
        case(4, 3, dtype=torch.float32),
        extreme("the largest is right", EXTREME, EXTREME.argmax(1), gradient=True),
        extreme("the largest is wrong", EXTREME, EXTREME.argmin(1), gradient=True),
        extreme("each row elsewhere", LEVELS.expand(3, 4), _labels(generator, 3, 4)),
    ]


def _cross_entropy_by_index(logits, labels):
    return (torch.logsumexp(logits, 1) - logits[torch.arange(len(labels)), labels]).mean()


def _cross_entropy_by_einsum(logits, labels):
    z = logits - logits.amax(1, keepdim=True)
    one_hot = torch.nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    log_p = z - z.exp().sum(1, keepdim=True).log()
    return -torch.einsum("nk,nk->", one_hot, log_p) / len(logits)


def _cross_entropy_by_differences(logits, labels):
    return torch.logsumexp(logits - logits.gather(1, labels.unsqueeze(1)), 1).mean()


CLASSES = """\
digits, curves = engine.digits(), {}
for name, loss in (("torch", torch.nn.functional.cross_entropy), ("yours", yours(cross_entropy_loss))):
    model = engine.mlp([64, 10])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
    print(f"{name}: {run.accuracy[-1]:.1%} of the validation images right")
show.loss_curves(curves, ylabel="cross-entropy in nats")"""

cross_entropy_loss = Exercise(
    answer=reference.cross_entropy_loss,
    probe=Function(_cross_entropy_cases),
    points=2,
    hints=(
        "First the logarithms of all probabilities, then those of the right classes, then their mean, with a minus.",
        "Your `log_softmax` does the first part. To pick one number in each row, index with two tensors, "
        "`[torch.arange(len(labels)), labels]`, or use `gather(1, labels[:, None])`.",
        "`return -log_p.gather(1, labels[:, None]).mean()`, with `log_p` from the logits, not from probabilities.",
    ),
    slips=CROSS_ENTROPY,
    conventions=CROSS_ENTROPY_CONVENTIONS,
    also_right=(_cross_entropy_by_index, _cross_entropy_by_einsum, _cross_entropy_by_differences),
    refuse=frozenset(
        {
            "cross_entropy",
            "cross_entropy_loss",
            "CrossEntropyLoss",
            "nll_loss",
            "NLLLoss",
            "log_softmax",
            "_log_softmax",
        }
        | {"LogSoftmax"}
    ),
    task="You may call the `log_softmax` that you wrote above. Logits of 10,000 must give a finite loss.",
    use=(
        "# %% [markdown]\n**Your loss at work.** Softmax regression on digits: one linear layer, and your loss next to "
        "torch's. The two curves should lie on top of each other.",
        CLASSES,
    ),
)


# ---- two classes


def _binary_cases(generator: torch.Generator) -> list[Call]:
    def soft(*shape: int) -> Tensor:
        return (0.05 + 0.9 * torch.rand(shape, generator=generator, dtype=DOUBLE)).round(decimals=2)

    def case(targets: Tensor, what: str, **more) -> Call:
        logits, label = 2 * numbers(generator, *targets.shape), f"{what}, shape {tuple(targets.shape)}"
        return _call("binary_cross_entropy_loss", label, logits, targets, **more)

    hard = torch.tensor([[1.0, 0, 0], [1, 0, 1]], dtype=DOUBLE)
    large = torch.tensor([1000.0, -1000, 10000, -10000, 40, -50], dtype=DOUBLE)
    right = (large > 0).to(DOUBLE)
    return [
        case(soft(6), "targets between 0 and 1", gradient=True),
        case(hard, "targets 0 and 1", gradient=True),
        case(soft(4), "targets between 0 and 1", dtype=torch.float32),
        case(soft(2, 2, 3), "targets between 0 and 1"),
        _call("binary_cross_entropy_loss", "logits up to 10000, all wrong", large, 1 - right, gradient=True),
        _call("binary_cross_entropy_loss", "logits up to 10000, some wrong", large, (right - hard[0].repeat(2)).abs()),
    ]


def _binary_by_softplus(logits, targets):
    return (torch.nn.functional.softplus(logits) - targets * logits).mean()


def _binary_by_logsigmoid(logits, targets):
    right, wrong = (torch.nn.functional.logsigmoid(z) for z in (logits, -logits))
    return -(targets * right + (1 - targets) * wrong).sum() / logits.numel()


def _binary_by_cases(logits, targets):
    return torch.mean(logits.clamp(min=0) - logits * targets + torch.log1p(torch.exp(-logits.abs())))


TWO_CLASSES = """\
cancer, curves = engine.breast_cancer(), {}
theirs = torch.nn.functional.binary_cross_entropy_with_logits
for name, loss in (("torch", theirs), ("yours", yours(binary_cross_entropy_loss))):
    model = torch.nn.Sequential(engine.mlp([30, 1]), torch.nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    on_floats = lambda logits, y, loss=loss: loss(logits, y.to(logits.dtype))
    run = engine.train(model, optimizer, cancer, loss=on_floats, epochs=10, batch_size=32, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves, ylabel="binary cross-entropy in nats")"""

binary_cross_entropy_loss = Exercise(
    answer=reference.binary_cross_entropy_loss,
    probe=Function(_binary_cases),
    points=2,
    hints=(
        "Put the sigmoid into the two logarithms on paper and simplify: one logarithm and the product y z are left.",
        "The logarithm is log(1 + e^z), and 1 is e^0. `torch.logaddexp(a, b)` of two tensors is log(e^a + e^b) without "
        "overflow.",
        "`(torch.logaddexp(logits, torch.zeros_like(logits)) - ...).mean()`, with the product of targets and logits.",
    ),
    slips=BINARY,
    conventions=BINARY_CONVENTIONS,
    also_right=(_binary_by_softplus, _binary_by_logsigmoid, _binary_by_cases),
    refuse=frozenset(
        {"binary_cross_entropy_with_logits", "binary_cross_entropy", "BCEWithLogitsLoss", "BCELoss"}
        | {"soft_margin_loss", "SoftMarginLoss"}
    ),
    task="Logits of 10,000 and of -10,000 must give a finite loss.",
    use=(
        "# %% [markdown]\n**Your loss at work.** Logistic regression on the tumours: is one benign (1) or not (0)?",
        TWO_CLASSES,
    ),
)


# ---- the hinge


def _hinge_cases(generator: torch.Generator) -> list[Call]:
    def case(*shape: int, whole: bool = False, **more) -> Call:
        """Margins that are wrong, right by too little, and right by enough, in turn; none is near the kink at 1."""
        kind = torch.arange(math.prod(shape)).reshape(shape) % 3
        size = (0.1 + 0.8 * torch.rand(shape, generator=generator, dtype=DOUBLE)).round(decimals=2)
        margin = torch.stack((-2 * size, size, 1.2 + 9 * size)).gather(0, kind[None])[0]
        labels = 1 - 2 * ((torch.randperm(math.prod(shape), generator=generator) % 2).reshape(shape))
        labels = labels if whole else labels.to(DOUBLE)
        kinds = f"shape {shape}{', labels of int64' if whole else ''}"
        return _call("hinge_loss", kinds, margin * labels, labels, **more)

    return [
        case(7, gradient=True),
        case(3, 4, gradient=True),
        case(6, dtype=torch.float32),
        case(5, whole=True),
        case(2, 2, 3),
    ]


def _hinge_by_relu(scores, labels):
    return torch.relu(1 - labels * scores).mean()


def _hinge_by_where(scores, labels):
    margin = torch.einsum("...,...->...", scores, labels.to(scores.dtype))
    return torch.where(margin < 1, 1 - margin, 0.0 * margin).sum() / scores.numel()


MARGINS = """\
cancer, mine = engine.breast_cancer(), yours(hinge_loss)
signs = lambda scores, y: mine(scores, 2 * y - 1)  # labels 0 and 1 become -1 and +1
model = torch.nn.Sequential(engine.mlp([30, 1]), torch.nn.Flatten(0))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epochs in (1, 9, 40):
    run = engine.train(model, optimizer, cancer, loss=signs, epochs=epochs, batch_size=32, progress=False)
    margin = (2 * cancer.y_train - 1) * model(cancer.x_train)
    short = int((margin < 1).sum())
    print(f"after {epochs:2} more epochs: loss {run.train_loss[-1]:.3f}, {short} of {len(margin)} still pull")"""

hinge_loss = Exercise(
    answer=reference.hinge_loss,
    probe=Function(_hinge_cases),
    points=1,
    hints=(
        "The margin is label times score: positive when the sign is right. The loss is what it lacks to 1, and never "
        "less than 0.",
        "`1 - labels * scores` is what each example lacks. `max(0, x)` of a tensor is `x.clamp(min=0)`.",
        "`return (1 - ...).clamp(min=0).mean()`: cut off each example first, then take the mean.",
    ),
    slips=HINGE,
    conventions=HINGE_CONVENTIONS,
    also_right=(_hinge_by_relu, _hinge_by_where),
    refuse=frozenset({"margin_ranking_loss", "MarginRankingLoss"} | {"multi_margin_loss", "MultiMarginLoss"}),
    use=(
        "# %% [markdown]\n**Your loss at work.** The tumours again, with -1 for malignant and +1 for benign. Watch how "
        "many examples still pull: past the margin the hinge has no gradient.",
        MARGINS,
    ),
)


chapter = Chapter(
    number=1,
    topic="losses",
    title="Losses",
    exercises=(mse_loss, log_softmax, cross_entropy_loss, binary_cross_entropy_loss, hinge_loss),
    quizzes=QUIZZES,
    intro="Write five losses, each a line or three. The lesson `notebooks/01_losses.ipynb` has the equations, with "
    "pictures.",
    setup="from coursekit import engine, show",
)
