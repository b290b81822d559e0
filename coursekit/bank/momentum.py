"""Chapter 06: momentum in its three forms, the way to torch's, and the chapter's predictions."""

from __future__ import annotations

import torch

from coursekit.bank.slips.momentum import HEAVY_BALL, MOMENTUM
from coursekit.bank.slips.momentum_forms import HEAVY_BALL_FORMS, MOMENTUM_FORMS
from coursekit.bank.slips.nesterov import FORMS, NESTEROV
from coursekit.bank.slips.to_torch import TO_TORCH
from coursekit.exercise import Chapter, Exercise, Function, Quiz, Trajectory
from coursekit.probe.cases import Call
from coursekit.reference import momentum as reference

TORCHS_OWN = frozenset({"SGD", "_fused_sgd", "_fused_sgd_"})

# lr is none of beta, 1 - beta and their products, so that no two of them have one value
HOSTILE = ({"lr": 0.2, "beta": 0.7}, {"lr": 0.45, "beta": 0.85})


# ---- the averaged form


def _momentum_by_lerp(param, grad, state, *, lr, beta):
    v = torch.lerp(state.v, grad, 1 - beta)
    return param.sub(v, alpha=lr), state._replace(v=v)


def _momentum_by_difference(param, grad, state, *, lr=0.001, beta=0.9):
    v = state[0] + (1 - beta) * (grad - state[0])
    return [param + v * -lr, [v]]


WALK = """\
from coursekit import engine, reference, show, yours

mine, ravine = yours(momentum), engine.SURFACES["ravine"]
plain = reference.RULES["gradient_descent"]
paths = {"gradient_descent": engine.sweep(plain, ravine, steps=40, lr=0.077).paths}
for beta in (0.8, 0.95):
    paths[f"yours, beta={beta}"] = engine.sweep(mine, ravine, steps=40, lr=0.3, beta=beta).paths
show.trajectories(ravine, paths)"""

momentum = Exercise(
    answer=reference.momentum,
    probe=Trajectory(hyper=HOSTILE, picture={"lr": 1.0}),
    points=2,
    hints=(
        "The step does not follow the gradient but a running mean of it. First bring the mean up to date, then step "
        "along the new one.",
        "A share beta of the old `v` stays, and `1 - beta` of the new gradient comes in: the two shares add up to 1. "
        "The new `v` goes into the state as well.",
        "`v = beta * v + (1 - beta) * grad`, then `param - lr * v`; return it with `MomentumState(v)`.",
    ),
    slips=MOMENTUM,
    conventions=MOMENTUM_FORMS,
    also_right=(_momentum_by_lerp, _momentum_by_difference),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\n**Your rule at work**, in the ravine, where gradient descent zigzags at its best rate. "
        "What does a longer memory (beta nearer to 1) change?",
        WALK,
    ),
)


# ---- the summed form


def _heavy_ball_by_torch(param, grad, state, *, lr, beta):
    v = torch.add(grad, state.v, alpha=beta)
    return torch.add(param, v, alpha=-lr), (v,)


def _heavy_ball_from_the_mean(param, grad, state, *, lr=0.001, beta=0.9):
    mean = beta * (1 - beta) * state.v + (1 - beta) * grad
    return [param - lr / (1 - beta) * mean, [mean / (1 - beta)]]


PLAY = """\
rules = ("gradient_descent", "heavy_ball", yours(heavy_ball))
show.playground("ravine", rules=rules, lr=(0.005, 0.16), hyper=("beta", (0.5, 0.98)))"""

heavy_ball = Exercise(
    answer=reference.heavy_ball,
    probe=Trajectory(hyper=HOSTILE),
    points=1,
    hints=(
        "Like `momentum`, but what is kept is a sum that fades, not a mean.",
        "Keep the share beta of the old `v` and add the whole new gradient. Nothing makes up for the sum being larger "
        "than a mean: that is left to lr.",
        "`v = beta * v + grad`, then `param - lr * v`; return it with `MomentumState(v)`.",
    ),
    slips=HEAVY_BALL,
    conventions=HEAVY_BALL_FORMS,
    also_right=(_heavy_ball_by_torch, _heavy_ball_from_the_mean),
    refuse=TORCHS_OWN,
    task="This is `torch.optim.SGD` with `momentum=beta`.",
    use=(
        "# %% [markdown]\nYour rule is drawn dashed over the reference. Gradient descent leaves the ravine at a rate "
        "above 0.08. Up to which rate does the heavy ball stay, with beta = 0.9?",
        PLAY,
    ),
)


# ---- the look-ahead


def _nesterov_from_ahead(param, grad_fn, state, *, lr, beta):
    ahead = param - lr * beta * state.v
    grad = grad_fn(ahead)
    return ahead - lr * grad, (beta * state.v + grad,)


def _nesterov_by_velocity(param, grad_fn, state, *, lr=0.001, beta=0.9):
    coast = -lr * beta * state[0]
    grad = grad_fn(param + coast)
    return [param + coast + grad * -lr, [torch.add(grad, state[0], alpha=beta)]]


AHEAD = """\
paths, ball = {}, reference.RULES["heavy_ball"]
for name, rule in {"heavy_ball": ball, "yours, looking ahead": yours(nesterov)}.items():
    paths[name] = engine.sweep(rule, ravine, steps=60, lr=0.03, beta=0.95).paths
show.trajectories(ravine, paths)"""

nesterov = Exercise(
    answer=reference.nesterov,
    probe=Trajectory(hyper=HOSTILE),
    points=2,
    hints=(
        "The second argument is a function here: you choose the point at which you ask for the gradient. Before you "
        "ask you know already where the old `v` is going to take you.",
        "Without a new gradient the step would be `lr * beta * v`. Ask for the gradient at the parameter minus that, "
        "put it into the sum as in `heavy_ball`, and step from the parameter, not from the point ahead.",
        "`v = beta * v + grad_fn(...)` with the point ahead in the parentheses, then `param - lr * v`, as in "
        "`heavy_ball`.",
    ),
    slips=NESTEROV,
    conventions=FORMS,
    also_right=(_nesterov_from_ahead, _nesterov_by_velocity),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\nThe same rate and the same long memory, with and without looking ahead. Which one swings "
        "less across the ravine?",
        AHEAD,
    ),
)


# ---- the way to torch


def _conversion_cases(generator: torch.Generator) -> list[Call]:
    def case(lr: float, beta: float) -> Call:
        return Call((lr, beta), label=f"momentum_to_torch({lr:g}, {beta:g})")

    drawn = torch.rand((3, 2), generator=generator, dtype=torch.float64).mul(0.8).add(0.1)
    return [case(*(round(x, 3) for x in pair.tolist())) for pair in drawn] + [case(0.01, 0.9)]


def _to_torch_expanded(lr, beta):
    return lr - lr * beta, beta


def _to_torch_as_list(lr, beta):
    kept = 1 - beta
    return [kept * lr, 1 - kept]


TRAIN = """\
import torch

digits, curves = engine.digits(), {}
rate, share = yours(momentum_to_torch)(0.5, 0.9)
for name in ("torch.optim.SGD, at your rate", "yours"):
    model = engine.mlp([64, 32, 10])
    if name == "yours":
        optimizer = engine.Optimizer(model.parameters(), mine, lr=0.5, beta=0.9)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=share)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=3, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

momentum_to_torch = Exercise(
    answer=reference.momentum_to_torch,
    probe=Function(_conversion_cases),
    points=1,
    hints=(
        "Write down `v` after one step and after two, in the averaged form and in the summed one. By which factor do "
        "they differ?",
        "The sum is `1 / (1 - beta)` times the mean, at every step. The share that is kept is the same in both, and "
        "the rate can make up for the factor.",
        "Two numbers: lr times what the averaged form has before the gradient, and beta as it is.",
    ),
    slips=TO_TORCH,
    also_right=(_to_torch_expanded, _to_torch_as_list),
    task="torch's `dampening` stays at 0.",
    use=(
        "# %% [markdown]\nYour `momentum` at the rate 0.5, and torch at the rate that you computed, train the same "
        "network on digits: the two curves should lie on top of each other.",
        TRAIN,
    ),
)


# ---- the predictions

ONE = torch.ones((), dtype=torch.float64)


def _step_length(rule, steps: int, **hyper: float) -> float:
    """How long the last of some steps under the constant gradient 1 is."""
    param, state = 0 * ONE, rule.init(ONE)
    for _ in range(steps):
        before = param
        param, state = rule(param, ONE, state, **hyper)
    return float(before - param)


def _first_step_of_dampening() -> float:
    """torch's first step with dampening is that of the sum: over that of the averaged form at the same rate."""
    whole = _step_length(reference.heavy_ball, 1, lr=0.1, beta=0.9)
    return whole / _step_length(reference.momentum, 1, lr=0.1, beta=0.9)


def _largest_rate(curvature: float, beta: float) -> float:
    """The largest of a thousand rates at which a start of 1 on a parabola stays near after 5000 steps."""
    rates = torch.linspace(0, 8 / curvature, 1001, dtype=torch.float64)
    x = torch.ones_like(rates)
    state = reference.heavy_ball.init(x)
    for _ in range(5000):
        x, state = reference.heavy_ball(x, curvature * x, state, lr=rates, beta=beta)
    return float(rates[x.abs() < 10].max())


QUIZZES = (
    Quiz(
        "first_step_of_momentum",
        "The averaged form, `momentum`, with lr = 0.1 and beta = 0.9; `v` starts at zero, and the first gradient is 1. "
        "How long is the first step?",
        lambda: _step_length(reference.momentum, 1, lr=0.1, beta=0.9),
        "0.01. The mean is still mostly its zero start: it holds `1 - beta` of the gradient. After some twenty steps "
        "under the same gradient the step is near 0.1, that of gradient descent.",
        beliefs=(
            (
                0.1,
                "the step of gradient descent, or of the summed form: the averaged one takes in a tenth of the "
                "gradient.",
            ),
            (0.09, "beta of the gradient: beta is the share of the old mean, `1 - beta` that of the new gradient."),
            (1.0, "ten times gradient descent: that is where the summed form ends, after many equal gradients."),
            (0.001, "the share counted twice: `1 - beta` stands in the mean, and only lr in the step."),
        ),
    ),
    Quiz(
        "speed_of_the_heavy_ball",
        "The summed form, `heavy_ball`, with lr = 0.1 and beta = 0.9. The gradient is 1 at every step. How long do the "
        "steps become in the end?",
        lambda: _step_length(reference.heavy_ball, 500, lr=0.1, beta=0.9),
        "1.0. The sum 1 + 0.9 + 0.81 + ... is 1 / (1 - 0.9) = 10, so the step is ten times that of gradient descent. "
        "The averaged form would end at 0.1.",
        beliefs=(
            (
                0.1,
                "the averaged form, or gradient descent: the sum keeps nine tenths of all that was there, and grows.",
            ),
            (0.19, "two steps: 1 + 0.9 is the sum after the second; it goes on growing, up to 10."),
            (0.9, "beta of the limit: the new gradient is added whole, so that 0.9 v + 1 = v gives v = 10."),
            (10.0, "v itself: the step is lr times v."),
            (
                0.01,
                "one tenth of a tenth: the first step of the averaged form; the sum starts with the whole gradient.",
            ),
        ),
    ),
    Quiz(
        "dampening_for_averaging",
        "To have the averaged form in torch, someone writes SGD(lr=0.1, momentum=0.9, dampening=0.9), at the lr of the "
        "averaged form. How many times as long as the right one is the first step?",
        _first_step_of_dampening,
        "10 times. torch leaves dampening out when it makes its buffer: the first gradient goes in whole, the others "
        "with `1 - dampening`. SGD(lr=0.01, momentum=0.9) is exact from the first step.",
        beliefs=(
            (1.0, "dampening is the factor 1 - beta: it is, in every step but the first."),
            (0.1, "too short: it is too long, as the first gradient is not damped at all."),
            (0.9, "dampening as the factor of the gradient: the factor is 1 - dampening, and the first step has none."),
            (100.0, "both factors: only dampening is missing, 1 / (1 - 0.9)."),
        ),
    ),
    Quiz(
        "largest_rate_with_momentum",
        "On 25 y²/2 gradient descent stays stable up to lr = 0.08. Up to which lr does `heavy_ball` with beta = 0.9?",
        lambda: _largest_rate(25.0, 0.9),
        "0.152, which is 2 (1 + beta) / 25. At the edge each gradient has the opposite sign of the last, and what is "
        "remembered works against the new one: the ball bears a larger rate, not a smaller one.",
        beliefs=(
            (0.08, "the same as gradient descent: what is remembered takes part, and pulls back from each overshoot."),
            (0.008, "ten times smaller, as the steps are ten times longer: that is so downhill, not in a zigzag."),
            (0.8, "ten times larger: the averaged form bears even 1.52, but for the sum the factor is 1 + beta."),
            (1.52, "the averaged form: it bears 1 / (1 - beta) times the rate of the sum."),
            (0.16, "twice: it is 1 + beta times."),
        ),
    ),
    Quiz(
        "rate_cut_under_the_velocity_form",
        "The velocity form, v = 0.9 v - lr * grad and param + v, has run for long at lr = 0.1 under a constant "
        "gradient. Now lr is cut to 0.01. How long is the next step, beside that of `heavy_ball` after the same cut?",
        lambda: "c",
        "About nine times as long. The velocity still holds the old rate in all that it remembers: it becomes "
        "0.9 * 1 + 0.01 = 0.91, where torch's sum gives 0.01 * 10 = 0.1. It takes some twenty steps to forget.",
        choices={
            "a": "the same: the two forms walk one path",
            "b": "a tenth",
            "c": "about nine times",
            "d": "a hundred times",
        },
        beliefs=(
            ("a", "they do walk one path, at a constant rate: here the rate has changed."),
            ("b", "the wrong way round: it is the velocity that keeps the old, longer steps."),
            ("d", "the square of the cut: the rate stands once in the velocity, so at most ten times."),
        ),
    ),
    Quiz(
        "torchs_nesterov_beside_the_look_ahead",
        "Look-ahead Nesterov and torch's SGD(nesterov=True) run from one start, with the same lr and beta. After ten "
        "steps their parameters differ. Why?",
        lambda: "b",
        "torch keeps the point ahead as its parameter, and takes its gradients there. The other one's parameter is "
        "torch's plus `lr * momentum * momentum_buffer`, to the last digits.",
        choices={
            "a": "torch's is the averaged form, so its rate has to be converted",
            "b": "torch's parameter is the point ahead; both take their gradients at the same points",
            "c": "torch does not look ahead: it is the heavy ball under another name",
            "d": "torch's is an approximation, and its error grows with every step",
        },
        beliefs=(
            ("a", "the averaging: both sum, and at the same rate."),
            ("c", "no look-ahead: its step along grad + momentum * buffer is the look-ahead, seen from ahead."),
            ("d", "an approximation: it is exact, only another point of the same method is kept."),
        ),
    ),
)

chapter = Chapter(
    number=6,
    topic="momentum",
    title="Momentum",
    exercises=(momentum, heavy_ball, nesterov, momentum_to_torch),
    quizzes=QUIZZES,
    intro="Write momentum as a mean, as a sum and looking ahead, and find torch's numbers for the first of them. The "
    "lesson is `notebooks/06_momentum.ipynb`.",
)
