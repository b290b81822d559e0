"""Chapter 07: AdaGrad and RMSprop, a rate for every element, and the chapter's predictions."""

from __future__ import annotations

import math

import torch

from coursekit.bank.slips.adaptive import ADAGRAD, FORMS, RMSPROP
from coursekit.exercise import Chapter, Exercise, Quiz, Trajectory
from coursekit.reference import adaptive as reference

TORCHS_OWN = frozenset({"Adagrad", "RMSprop", "_fused_adagrad", "_fused_adagrad_"})


# ---- the sum


def _adagrad_by_torch(param, grad, state, *, lr, eps):
    s = state.s.addcmul(grad, grad)
    return param.addcdiv(grad, s.sqrt().add(eps), value=-lr), state._replace(s=s)


def _adagrad_by_rates(param, grad, state, *, lr=0.01, eps=1e-10):
    s = state[0] + grad.square()
    rate = lr / (torch.pow(s, 0.5) + eps)
    return [param - rate * grad, [s]]


WALK = """\
from coursekit import engine, reference, show, yours

ravine, plain = engine.SURFACES["ravine"], reference.RULES["gradient_descent"]
walks = {
    "gradient_descent": engine.sweep(plain, ravine, steps=60, lr=0.06),
    "yours": engine.sweep(yours(adagrad), ravine, steps=60, lr=0.6),
}
show.trajectories(ravine, {name: walk.paths for name, walk in walks.items()})"""

adagrad = Exercise(
    answer=reference.adagrad,
    probe=Trajectory(hyper=({"lr": 0.2, "eps": 0.05}, {"lr": 0.6, "eps": 0.3}), picture={"lr": 1.0}),
    points=2,
    hints=(
        "Every element is to get a rate of its own: small where its gradients have been large. Keep a measure of how "
        "large they have been.",
        "`s` is the old `s` plus the square of this gradient, nothing is forgotten. Divide the step by the root of "
        "the new `s`, to which eps is added.",
        "`param - lr * grad / (s.sqrt() + eps)`, with the parentheses; return it with `AdagradState(s)`.",
    ),
    slips=ADAGRAD,
    conventions=FORMS,
    also_right=(_adagrad_by_torch, _adagrad_by_rates),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\n**Your rule at work**, in a ravine that is 25 times as steep across as along. Why does it go "
        "down slantwise, as if both slopes were equal?",
        WALK,
    ),
)


# ---- the running mean


def _rmsprop_by_torch(param, grad, state, *, lr, beta, eps):
    s = (beta * state.s).addcmul(grad, grad, value=1 - beta)
    return param.addcdiv(grad, s.sqrt().add(eps), value=-lr), (s,)


def _rmsprop_by_difference(param, grad, state, *, lr=0.01, beta=0.99, eps=1e-8):
    s = state[0] - (1 - beta) * (state[0] - grad * grad)
    step = lr / (s**0.5 + eps) * grad
    return [-step + param, [s]]


TRAIN = """\
import torch

digits, curves = engine.digits(), {}
mine = yours(rmsprop)
for name in ("torch.optim.RMSprop", "yours"):
    model = engine.mlp([64, 32, 10])
    if name == "yours":
        optimizer = engine.Optimizer(model.parameters(), mine, lr=0.005)
    else:
        optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

TIRED = """\
curves, grad = {}, torch.ones(())
for rule, hyper in ((yours(adagrad), {"lr": 0.1, "eps": 0.0}), (mine, {"lr": 0.1, "beta": 0.9, "eps": 0.0})):
    param, state, lengths = torch.zeros(()), (torch.zeros(()),), []
    for _ in range(60):
        moved, state = rule(param, grad, state, **hyper)
        lengths.append(float(param - moved))
        param = moved
    curves[rule.__name__] = lengths
show.lines(range(1, 61), curves, "step", "length of the step (gradient 1, lr 0.1)")"""

rmsprop = Exercise(
    answer=reference.rmsprop,
    probe=Trajectory(
        hyper=({"lr": 0.1, "beta": 0.7, "eps": 0.03}, {"lr": 0.35, "beta": 0.85, "eps": 0.2}), picture={"lr": 0.2}
    ),
    points=2,
    hints=(
        "As AdaGrad, but what was long ago is to be forgotten: a running mean of the squares in place of their sum.",
        "A share beta of the old `s` stays, and `1 - beta` of the new square comes in. The division is AdaGrad's, "
        "with eps outside the root.",
        "`s = beta * s + (1 - beta) * grad**2`, then `param - lr * grad / (s.sqrt() + eps)`; return it with "
        "`RMSpropState(s)`.",
    ),
    slips=RMSPROP,
    conventions=FORMS,
    also_right=(_rmsprop_by_torch, _rmsprop_by_difference),
    refuse=TORCHS_OWN,
    task="eps is added to the root, as torch does it; many textbooks put it under the root.",
    use=(
        "# %% [markdown]\nYour rule trains a network on digits, next to `torch.optim.RMSprop`: the two curves should "
        "lie on top of each other.",
        TRAIN,
        "# %% [markdown]\nThe gradient is 1 at every step. Which of the two rules gets tired, and which one starts "
        "with a leap? Two of the predictions below ask for such lengths.",
        TIRED,
    ),
)


# ---- the predictions


def _resting_place(lr: float) -> float:
    """How far from the minimum of 25 x**2 / 2 RMSprop is after 3000 steps from 2."""
    param = torch.full((), 2.0, dtype=torch.float64)
    state = reference.rmsprop.init(param)
    for _ in range(3000):
        param, state = reference.rmsprop(param, 25 * param, state, lr=lr)
    return abs(float(param))


def _step_length(rule, grad: float, steps: int = 1, **hyper: float) -> float:
    """How long the last of some steps under a constant gradient is."""
    param = torch.zeros((), dtype=torch.float64)
    before, state = param, rule.init(param)
    for _ in range(steps):
        before = param
        param, state = rule(param, param * 0 + grad, state, **hyper)
    return abs(float(param - before))


QUIZZES = (
    Quiz(
        "hundredth_step_of_adagrad",
        "AdaGrad with lr = 0.1. The gradient of a weight is 3 at every step. How long is the 100th step?",
        lambda: _step_length(reference.adagrad, 3.0, 100, lr=0.1),
        "0.01. The sum of squares is 100 * 9, its root 30, and 0.1 * 3 / 30 = 0.1 / sqrt(100). The gradient cancels: "
        "step t is lr / sqrt(t) long, whatever the constant gradient is.",
        beliefs=(
            (0.1, "a mean of the squares: then every step would be lr long; AdaGrad adds them up."),
            (0.001, "lr over t: the root of the sum is below the line, and the sum has grown by t."),
            (0.3, "gradient descent: lr times the gradient; here it is divided by the root of all the squares."),
            (0.03, "the gradient kept: it stands above and below the line, and cancels."),
            (0.000333, "the root forgotten: 0.1 * 3 / 900."),
        ),
    ),
    Quiz(
        "first_step_of_rmsprop",
        "RMSprop with lr = 0.01 and beta = 0.99, and a tiny eps. The first gradient of a weight is 5. How long is the "
        "first step?",
        lambda: _step_length(reference.rmsprop, 5.0, lr=0.01, beta=0.99),
        "0.1, ten times lr. The mean starts at zero and holds `1 - beta` of the square, a hundredth; its root is a "
        "tenth of the gradient. Adam's correction is there to take this leap away.",
        beliefs=(
            (0.01, "lr, as if the mean held the whole square: it starts at zero, and takes in a hundredth of it."),
            (0.001, "a tenth of lr: the root is ten times too small, but it stands below the line."),
            (0.05, "gradient descent: here the gradient is divided by the root of its own square."),
            (1.0, "the root forgotten: s is a hundredth of the square, its root a tenth of the gradient."),
            (0.0101, "divided by beta: the new square has the weight 1 - beta, not beta."),
        ),
        tolerance=0.005,
    ),
    Quiz(
        "smallest_divisor_with_eps_inside",
        "Someone writes RMSprop as in many textbooks, with sqrt(s + eps), and takes eps = 1e-8. What is the smallest "
        "number that the gradient can be divided by?",
        lambda: math.sqrt(1e-8),
        "1e-4. Under the root eps is a square: the floor is its root. For the floor of torch's 1e-8 beside the root "
        "it would have to be 1e-16.",
        beliefs=(
            (1e-8, "eps beside the root, as torch has it: here it is under the root, with the squares."),
            (1e-16, "squared: the root is taken of it, and 1e-16 is what would give a floor of 1e-8."),
            (0.01, "two roots: the root of 1e-8 is 1e-4, and one is taken."),
        ),
    ),
    Quiz(
        "quiet_steps_after_loud_ones",
        "The gradient of a weight is 10 for a thousand steps, and 0.1 from then on. Both rules have the same lr. "
        "After another two thousand steps, whose steps are longer: AdaGrad's or RMSprop's (beta = 0.99)?",
        lambda: "b",
        "RMSprop's, by far: it has forgotten the large gradients, and its steps are lr long again. AdaGrad's sum "
        "still holds a thousand times 100; its steps are about 0.0003 lr long, for ever.",
        choices={
            "a": "AdaGrad's",
            "b": "RMSprop's",
            "c": "both are the same: the gradient is constant again",
            "d": "neither's: both have come to rest",
        },
        beliefs=(
            ("a", "AdaGrad is the one that adapts: it does, but only downwards; its sum can never fall."),
            ("c", "the last gradients decide: for RMSprop they do, AdaGrad's sum still holds the first thousand."),
            ("d", "steps die out: AdaGrad's do; RMSprop's are lr long for as long as there is a gradient."),
        ),
    ),
    Quiz(
        "where_rmsprop_ends",
        "RMSprop with lr = 0.1 walks down 25 x**2 / 2, whose gradient is 25 x, from x = 2. After thousands of steps, "
        "how far from the minimum at 0 is it?",
        lambda: _resting_place(0.1),
        "0.05, half of lr, for ever. It comes far nearer, and is thrown out again: where the gradients are next to "
        "nothing s fades, and the effective rate grows past 2/25. In the end it jumps from half of lr on one side to "
        "half of it on the other, a step of lr each time, whatever the curvature.",
        beliefs=(
            (0, "the gradient goes to 0, so the steps do: for some hundred steps; then s has faded, and out it goes."),
            (0.1, "a step is lr long: yes, and it goes across the minimum, half of it on either side."),
            (0.004, "the curvature: 0.1 / 25; it stands above and below the line, and cancels."),
            (0.002, "half of lr over the curvature: the curvature stands above and below the line, and cancels."),
        ),
    ),
    Quiz(
        "units_of_lr",
        "Gradient descent is given a loss in metres, and then the same in millimetres, so that every gradient is 1000 "
        "times larger. RMSprop too, both from a fresh start. Whose lr has to be changed to walk the same path?",
        lambda: "a",
        "Only gradient descent's, to a thousandth. RMSprop's step is the gradient over a mean of its sizes, so the "
        "unit of the loss cancels (as long as eps is small beside it), and lr is a length in the parameter's units.",
        choices={
            "a": "only gradient descent's",
            "b": "only RMSprop's",
            "c": "both",
            "d": "neither",
        },
        beliefs=(
            ("b", "the one that squares: the square is undone by the root, and the quotient has no unit of the loss."),
            ("c", "a new loss, new rates: the quotient of RMSprop stays what it was."),
            ("d", "the minimum is where it was: yes, but gradient descent's steps are 1000 times longer."),
        ),
    ),
)

chapter = Chapter(
    number=7,
    topic="adaptive",
    title="AdaGrad and RMSprop",
    exercises=(adagrad, rmsprop),
    quizzes=QUIZZES,
    intro="Write the two rules that give every element a rate of its own. The lesson is `notebooks/07_adaptive.ipynb`.",
)
