"""Chapter 05: five schedules of the learning rate, the mistakes that are made in them, and the predictions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from coursekit.bank.quizzes.schedules import QUIZZES
from coursekit.bank.slips.schedules import COSINE, EXPONENTIAL, EXPONENTIAL_CONVENTIONS, STEP
from coursekit.bank.slips.warmup_and_plateau import PLATEAU, PLATEAU_CONVENTIONS, WARMUP, WARMUP_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function, settings
from coursekit.probe.cases import Call
from coursekit.reference import schedules as reference

NUMBER = "`t` is a whole number. Return a plain number; a 0-d tensor is as good."

Settings = tuple[tuple[int, ...], dict[str, float]]  # steps, and the hyperparameters that they are asked at


def _asked(name: str, *fixed: Settings, drawn: Callable[[Callable[[int, int], int]], Settings]) -> Function:
    """Steps at fixed settings, the first of which tells most mistakes apart, then at settings that are drawn."""

    def make(generator: torch.Generator) -> list[Call]:
        def whole(low: int, high: int) -> int:
            return int(torch.randint(low, high, (), generator=generator))

        asked = [*fixed, drawn(whole)]
        return [
            Call((t,), hyper, label=f"{name} at step {t}, {settings(hyper)}") for steps, hyper in asked for t in steps
        ]

    return Function(make)


def _curve(title: str, name: str, calls: str, steps: int, *, log: bool = False) -> tuple[str, str]:
    """A cell of words and one that draws the learner's schedule at several settings."""
    code = f"""\
rate, steps = yours({name}), range({steps})
curves = {{
{calls}
}}
show.lines(list(steps), curves, "step", "learning rate", log={log})"""
    return f"# %% [markdown]\n**Your schedule at work.** {title}", code


# ---- drops


def _step_by_loop(t, *, lr, drop, every):
    rate = lr
    for step in range(1, t + 1):
        if step % every == 0:
            rate *= drop
    return rate


def _step_by_floor(t, *, lr=0.1, drop=0.5, every=10):
    return lr * math.pow(drop, math.floor(t / every))


def _step_by_subtraction(t, *, lr, drop, every):
    while t >= every:
        t, lr = t - every, lr * drop
    return lr


step_decay = Exercise(
    answer=reference.step_decay,
    probe=_asked(
        "step_decay",
        ((11, 0, 1, 3, 4, 5, 7, 8, 14), {"lr": 0.4, "drop": 0.3, "every": 4}),
        ((6,), {"lr": 0.05, "drop": 0.9, "every": 1}),
        ((9, 10, 29, 30, 300), {"lr": 2.0, "drop": 0.5, "every": 10}),
        drawn=lambda whole: ((whole(15, 100),), {"lr": whole(1, 100) / 100, "drop": 0.7, "every": whole(3, 13)}),
    ),
    hints=(
        "How many drops lie behind step t? Each of them has multiplied the rate by `drop` once.",
        "`t // every` divides and rounds down: the number of drops. Multiplying k times by the same factor is a power.",
        "`return lr * drop ** (...)`, with the number of drops in the parentheses.",
    ),
    slips=STEP,
    also_right=(_step_by_loop, _step_by_floor, _step_by_subtraction),
    refuse=frozenset({"StepLR"}),
    task=NUMBER,
    use=_curve(
        "Three ways down from the same rate. Before you run it: which of them is lowest after 150 steps?",
        "step_decay",
        '    f"drop={drop}, every={every}": [rate(t, lr=0.1, drop=drop, every=every) for t in steps]\n'
        "    for drop, every in ((0.5, 30), (0.1, 60), (0.9, 5))",
        150,
    ),
)


# ---- exponential


def _exponential_by_power(t, *, lr, decay):
    return lr * math.e ** (-decay * t)


def _exponential_by_factor(t, *, lr=0.1, decay=0.01):
    gamma = math.exp(-decay)
    return lr * gamma**t


def _exponential_by_torch(t, *, lr, decay):
    return lr * torch.exp(torch.tensor(-decay * t))


exponential_decay = Exercise(
    answer=reference.exponential_decay,
    probe=_asked(
        "exponential_decay",
        ((7, 0, 1, 2, 40), {"lr": 0.4, "decay": 0.05}),
        ((3, 10), {"lr": 0.02, "decay": 0.3}),
        drawn=lambda whole: ((whole(2, 50),), {"lr": whole(1, 100) / 100, "decay": whole(5, 99) / 1000}),
    ),
    hints=(
        "Read the equation from the left: the first rate, times e to a power that falls with t.",
        "e to a power is `math.exp(...)`. The power is minus decay times t.",
        "`return lr * math.exp(...)`, with the power in the parentheses.",
    ),
    slips=EXPONENTIAL,
    conventions=EXPONENTIAL_CONVENTIONS,
    also_right=(_exponential_by_power, _exponential_by_factor, _exponential_by_torch),
    refuse=frozenset({"ExponentialLR"}),
    task=NUMBER,
    use=_curve(
        "On a log axis an exponential is a straight line; the decay is its slope.",
        "exponential_decay",
        '    f"decay={decay}": [rate(t, lr=0.1, decay=decay) for t in steps]\n    for decay in (0.01, 0.02, 0.05)',
        150,
        log=True,
    ),
)


# ---- cosine


def _cosine_by_branch(t, *, lr, lr_min, total):
    if t >= total:
        return lr_min
    return lr_min + 0.5 * (lr - lr_min) * (1 + math.cos(t / total * math.pi))


def _cosine_by_square(t, *, lr=0.1, lr_min=0.0, total=100):
    share = min(t / total, 1.0)
    up = math.cos(math.pi / 2 * share) ** 2  # (1 + cos x) / 2 is the square of cos(x / 2)
    return lr * up + lr_min * (1 - up)


def _cosine_by_torch(t, *, lr, lr_min, total):
    angle = torch.pi * torch.clamp(torch.tensor(t / total), max=1)
    return (lr + lr_min) / 2 + (lr - lr_min) / 2 * torch.cos(angle)


cosine_decay = Exercise(
    answer=reference.cosine_decay,
    probe=_asked(
        "cosine_decay",
        ((7, 0, 1, 12, 24, 25, 26, 40, 75), {"lr": 0.4, "lr_min": 0.03, "total": 25}),
        ((0, 30, 99, 100, 130), {"lr": 0.1, "lr_min": 0.0, "total": 100}),
        ((0, 1, 2), {"lr": 0.5, "lr_min": 0.2, "total": 2}),
        drawn=lambda whole: (
            (whole(10, 40), whole(60, 100)),
            {"lr": 0.5 + whole(0, 100) / 100, "lr_min": whole(1, 50) / 100, "total": whole(41, 60)},
        ),
    ),
    points=2,
    hints=(
        "Build it in three layers: an angle from 0 to pi, then (1 + cos)/2, which goes from 1 to 0, then stretch that "
        "to the height between `lr` and `lr_min`.",
        "The angle is `math.pi * t / total`. The height is lr - lr_min, and `lr_min` is added. Past `total` the angle "
        "must stay at pi: `min(t, total)`.",
        "`t = min(t, total)`, then `return lr_min + (lr - lr_min) * (1 + math.cos(...)) / 2`.",
    ),
    slips=COSINE,
    also_right=(_cosine_by_branch, _cosine_by_square, _cosine_by_torch),
    refuse=frozenset({"CosineAnnealingLR", "CosineAnnealingWarmRestarts"}),
    task=f"Past `total` the rate stays at `lr_min`. {NUMBER}",
    use=_curve(
        "Beside a line, and past its end. Where does the cosine fall as fast as the line?",
        "cosine_decay",
        '    "cosine": [rate(t, lr=0.1, lr_min=0.01, total=100) for t in steps],\n'
        '    "line": [0.1 - 0.09 * min(t / 100, 1) for t in steps],',
        130,
    ),
)


# ---- warm-up and cosine


def _warmup_by_branches(t, *, lr, warmup, total):
    if t >= total:
        return 0
    elif t >= warmup:
        done = (t - warmup) / (total - warmup)
        return 0.5 * lr * (1 + math.cos(math.pi * done))
    else:
        return lr / warmup * (t + 1)


def _warmup_by_square(t, *, lr=0.1, warmup=10, total=100):
    if t < warmup:
        return lr * (t + 1) / warmup
    left = max(total - t, 0) / (total - warmup)
    return lr * math.sin(math.pi / 2 * left) ** 2


def _warmup_by_torch(t, *, lr, warmup, total):
    t = torch.tensor(float(t))
    angle = torch.pi * ((t - warmup) / (total - warmup)).clamp(0, 1)
    return torch.where(t < warmup, lr * (t + 1) / max(warmup, 1), lr * (1 + angle.cos()) / 2)


TRAINED = """\
schedule, digits, curves = yours(warmup_cosine), engine.digits(), {}
steps = 12 * math.ceil(len(digits.x_train) / 32)
for name, warmup in (("constant", None), ("cosine", 0), ("warm-up and cosine", steps // 10)):
    model = engine.mlp([64, 64, 64, 64, 64, 10])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    factor = lambda t, warmup=warmup: 1.0 if warmup is None else schedule(t, lr=1.0, warmup=warmup, total=steps)
    per_step = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    optimizer.register_step_post_hook(lambda *_, s=per_step: s.step())  # after each step, not each epoch
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=12, batch_size=32, progress=False)
    print(f"{name:<20} validation loss {run.validation_loss[-1]:.3f}, accuracy {run.accuracy[-1]:.1%}")
    curves[name] = run.train_loss
show.loss_curves(curves, xlabel="epoch", ylabel="training loss in nats")"""

warmup_cosine = Exercise(
    answer=reference.warmup_cosine,
    probe=_asked(
        "warmup_cosine",
        ((9, 0, 1, 3, 4, 5, 10, 11, 19, 20, 21, 30, 52), {"lr": 0.4, "warmup": 5, "total": 20}),
        ((0, 1, 30, 99, 140), {"lr": 0.1, "warmup": 1, "total": 100}),
        ((1, 6, 12), {"lr": 2.0, "warmup": 0, "total": 12}),
        drawn=lambda whole: (
            (whole(0, 8), whole(12, 40), whole(60, 100)),
            {"lr": whole(1, 100) / 100, "warmup": whole(8, 12), "total": whole(41, 60)},
        ),
    ),
    points=2,
    hints=(
        "Two pieces: `if t < warmup` a line, and after it a cosine. Draw them on paper with warmup=2 and total=6, step "
        "by step, and write the rates beside the dots.",
        "The line: (t + 1)/warmup of `lr`, so that step 0 moves. The cosine: its steps are t - warmup, and it has "
        "total - warmup of them; the share of the way that is done must not go above 1.",
        "`share = min((t - warmup) / (total - warmup), 1)`, then `return lr * (1 + math.cos(...)) / 2`.",
    ),
    slips=WARMUP,
    conventions=WARMUP_CONVENTIONS,
    also_right=(_warmup_by_branches, _warmup_by_square, _warmup_by_torch),
    refuse=frozenset({"CosineAnnealingLR", "LinearLR", "SequentialLR", "OneCycleLR"}),
    task=f"Past `total` the rate stays at 0. You may call your `cosine_decay`. {NUMBER}",
    use=(
        *_curve(
            "Three lengths of the warm-up, all ending at the same step.",
            "warmup_cosine",
            '    f"warmup={warmup}": [rate(t, lr=0.1, warmup=warmup, total=100) for t in steps]\n'
            "    for warmup in (0, 10, 40)",
            120,
        ),
        "# %% [markdown]\nAnd in training: four hidden layers on the digits, with Adam at a rate that is too high to "
        "stay at. `LambdaLR` multiplies the optimiser's rate by your function, here at every step.",
        TRAINED,
    ),
)


# ---- the plateau


def _plateau_by_branches(losses, *, lr, factor, patience):
    rates = []
    best = None
    waited = 0
    for loss in losses:
        rates += [lr]
        if best is None or loss < best:
            best = loss
            waited = 0
            continue
        waited += 1
        if waited == patience + 1:
            lr = lr * factor
            waited = 0
    return rates


def _plateau_by_index(losses, *, lr=0.1, factor=0.1, patience=10):
    rates, bad = torch.full((len(losses),), float(lr), dtype=torch.float64), 0
    for epoch in range(1, len(losses)):
        bad = 0 if losses[epoch] < min(losses[:epoch]) else bad + 1
        if bad > patience:
            rates[epoch + 1 :] *= factor
            bad = 0
    return rates.tolist()


def _plateau_by_recursion(losses, *, lr, factor, patience, best=math.inf, bad=0):
    if not losses:
        return []
    first, *rest = losses
    bad, best = (0, first) if first < best else (bad + 1, best)
    then, bad = (lr * factor, 0) if bad > patience else (lr, bad)
    return [lr, *_plateau_by_recursion(rest, lr=then, factor=factor, patience=patience, best=best, bad=bad)]


# Every way to count wrongly shows here: bad first epochs, equal losses, less bad ones, better ones between bad ones.
UNEVEN = [5.0, 6.0, 5.5, 5.0, 4.0, 4.5, 4.2, 3.9, 4.0, 3.95, 3.9, 4.1, 5.0, 3.8, 3.8, 3.85, 3.84, 3.9, 3.5, 3.6]
CREEPING = [1.0, 0.99999, 0.99998, 0.99997, 0.99996, 0.99995, 0.99994, 0.99993]


def _plateau_cases(generator: torch.Generator) -> list[Call]:
    def case(losses: list[float], patience: int, lr: float = 0.8, factor: float = 0.3) -> Call:
        hyper = {"lr": lr, "factor": factor, "patience": patience}
        return Call((losses,), hyper, label=f"reduce_on_plateau, {len(losses)} losses, {settings(hyper)}")

    drawn = (3 / (1 + torch.arange(40) / 10) + torch.randn(40, generator=generator).abs()).double()
    return [
        case([*UNEVEN, 3.7, 3.6, 3.4, 3.5, 3.5, 3.5], 1),
        case(UNEVEN, 2),
        case(UNEVEN, 0, lr=0.05, factor=0.5),
        case([2.0] * 9, 3),
        case([3.0, 2.0, 1.0, 0.5], 0),
        case(CREEPING, 1),
        case([-1.0, -2.0, -1.5, -1.9, -2.5, -2.4, -2.3], 1),
        case(drawn.round(decimals=1).tolist(), 2, lr=0.1, factor=0.7),
    ]


WATCHED = """\
digits, reduce = engine.digits(), yours(reduce_on_plateau)
torch.manual_seed(0)
model = engine.mlp([64, 64, 10]).to(digits.x_train)
optimizer, losses = torch.optim.SGD(model.parameters(), lr=1.0), []
for epoch in range(40):
    rates = reduce([*losses, math.inf], lr=1.0, factor=0.3, patience=3)  # the last is of this epoch, still to run
    optimizer.param_groups[0]["lr"] = rates[-1]
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=1, batch_size=64, seed=epoch, progress=False)
    losses += run.validation_loss
print("epochs at a new rate:", {e: f"{rates[e]:.3g}" for e in range(40) if e == 0 or rates[e] != rates[e - 1]})
curves = {"learning rate": rates, "validation loss in nats": losses}
show.lines(list(range(40)), curves, "epoch", "rate, loss", log=True)"""

reduce_on_plateau = Exercise(
    answer=reference.reduce_on_plateau,
    probe=Function(_plateau_cases),
    points=3,
    hints=(
        "Go through the losses once, and carry along the rate, the best loss so far, and how many epochs in a row were "
        "bad. Note the rate first: the loss is known only when the epoch is over.",
        "A loss below the best sets the count back to 0, any other adds 1. When the count is above `patience`, the "
        "rate is multiplied by `factor` and the count is 0 again. The best starts at `math.inf`.",
        "In the loop: `rates.append(lr)`, `bad = 0 if loss < best else bad + 1`, `best = min(best, loss)`, and then "
        "`if bad > patience:` what has to happen.",
    ),
    slips=PLATEAU,
    conventions=PLATEAU_CONVENTIONS,
    also_right=(_plateau_by_branches, _plateau_by_index, _plateau_by_recursion),
    refuse=frozenset({"ReduceLROnPlateau"}),
    task="An epoch is bad unless its loss is below the best one before it; the first epoch is never bad. After *more* "
    "than `patience` bad epochs in a row the next epoch runs at `factor` times the rate, and the count starts anew; "
    "the best loss is kept.",
    use=(
        "# %% [markdown]\n**Your schedule at work.** It steers a training run: after each epoch it is asked for the "
        "rate of the next one.",
        WATCHED,
    ),
)

chapter = Chapter(
    number=5,
    topic="schedules",
    title="Schedules",
    exercises=(step_decay, exponential_decay, cosine_decay, warmup_cosine, reduce_on_plateau),
    quizzes=QUIZZES,
    intro="A schedule is a function from the step to the learning rate. Here t counts the steps taken so far, from 0, "
    "and each function gives the rate itself, not a factor.",
    setup="from coursekit import engine, show",
)
