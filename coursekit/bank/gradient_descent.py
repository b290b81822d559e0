"""Chapter 03: gradient descent, the rule that all others start from, and the chapter's predictions."""

from __future__ import annotations

import torch

from coursekit.exercise import Chapter, Exercise, Quiz, Slip, Trajectory
from coursekit.reference import gradient_descent as reference

TORCHS_OWN = frozenset({"SGD", "_fused_sgd", "_fused_sgd_"})

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

STEP = (
    Slip(
        "sign turned",
        ("param - lr", "param + lr"),
        "You step along the gradient: {yours:.3g} at step {step}, expected {expected:.3g}. The gradient points to "
        "where the loss grows fastest, so every step of yours climbs. Subtract it.",
    ),
    Slip(
        "lr forgotten",
        ("lr * grad", "grad"),
        "lr is not used: you move {ratio:.3g} times as far as you should, which is 1/lr. The gradient says which way, "
        "and lr how far; without it a steep loss throws the parameter out at once.",
        hint=FORM,
    ),
    Slip(
        "divided by lr",
        ("lr * grad", "grad / lr"),
        "You divide by lr, so a smaller rate makes a longer step. Here it is {ratio:.3g} times the right one, which "
        "is 1/lr**2. The gradient is multiplied by lr.",
        hint=FORM,
    ),
    Slip(
        "lr twice",
        ("lr * grad", "lr * lr * grad"),
        "lr is multiplied in twice: you move {ratio:.3g} times as far as you should, which is lr. A rate ten times "
        "smaller would then make steps a hundred times smaller.",
        hint=FORM,
    ),
    Slip(
        "parentheses around param - lr",
        ("param - lr * grad", "(param - lr) * grad"),
        "Your parentheses take lr from the parameter and multiply what is left by the gradient: where the gradient is "
        "zero, the parameter becomes zero. Only lr and the gradient are multiplied: `lr * grad`.",
        hint=LINE,
    ),
    Slip(
        "difference turned around",
        ("param - lr * grad", "lr * grad - param"),
        "You subtract the parameter from the step. With a gradient of zero nothing should move, and yours turns the "
        "parameter's sign: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=LINE,
    ),
)

RESULT = (
    Slip(
        "old param returned",
        ("param = param", "moved = param"),
        "The parameter comes back as it went in: the step was computed, perhaps, and not returned. No tensor is "
        "changed in place here, so the new one has to be handed back.",
        hint=LINE,
    ),
    Slip(
        "step returned without the parameter",
        ("param - lr", "-lr"),
        "What comes back is the step alone, `-lr * grad`; the point it starts from is lost. The new parameter is the "
        "old one plus that step.",
        hint=LINE,
    ),
    Slip(
        "lr * grad returned",
        ("param - lr", "lr"),
        "What comes back is `lr * grad`, how far to go. The new parameter is wanted: the old one, minus that.",
        hint=LINE,
    ),
)

GRADIENT = (
    Slip(
        "sign of the gradient alone",
        ("lr * grad", "lr * grad.sign()"),
        "Only the sign of the gradient is used, so every step is lr long, near the minimum too, where it then jumps "
        "to and fro. Gradient descent slows down as the slope gets flat: {yours:.3g} at step {step}, expected "
        "{expected:.3g}.",
    ),
    Slip(
        "gradient divided by its norm",
        ("lr * grad", "lr * grad / grad.norm()"),
        "The gradient is divided by its norm, so every step is lr long, however flat the loss is. Gradient descent "
        "takes the gradient as it is, and its steps shrink towards the minimum by themselves.",
    ),
    Slip(
        "absolute value of the gradient",
        ("lr * grad", "lr * grad.abs()"),
        "The absolute value of the gradient is subtracted, so every coordinate can only fall. The sign says which way "
        "is downhill: keep it.",
    ),
    Slip(
        "gradient clipped",
        ("lr * grad", "lr * grad.clamp(-1, 1)"),
        "The gradient is cut off at -1 and 1: right where it is small, too short where it is large. Clipping is a "
        "choice of its own, made before the rule; the rule takes the gradient as it comes.",
    ),
    Slip(
        "mean over the elements",
        ("lr * grad", "lr * grad.mean()"),
        "The mean of the gradient over its elements is taken, so all elements move by the same {yours:.3g}. Each "
        "element has a slope of its own and moves by lr times that. A mean over examples, where one is wanted, is in "
        "the loss.",
        hint=FORM,
    ),
    Slip(
        "sum over the elements",
        ("lr * grad", "lr * grad.sum()"),
        "The gradient is summed over its elements, so all elements move by the same {yours:.3g}. Each has a slope of "
        "its own, and moves by lr times that.",
        hint=FORM,
    ),
    Slip(
        "divided by the number of elements",
        ("lr * grad", "lr * grad / grad.numel()"),
        "The step is divided by the number of elements in the parameter: {ratio:.3g} of the right one in the first "
        "case. A mean over examples is in the loss already; the number of parameters has no say in the step.",
        hint=FORM,
    ),
    Slip(
        "multiplied by the parameter",
        ("lr * grad", "lr * grad * param"),
        "The step is multiplied by the parameter as well: a parameter of 0 can never move, and a negative one moves "
        "uphill. The step is lr times the gradient, wherever the parameter stands.",
        hint=FORM,
    ),
    Slip(
        "parameter in place of the gradient",
        ("lr * grad", "lr * param"),
        "lr times the parameter is subtracted, and the gradient is not used: whatever the loss, everything shrinks "
        "towards 0. That is weight decay; the step goes against the gradient.",
    ),
)


def _by_sub(param, grad, state, *, lr):
    return param.sub(grad, alpha=lr), state


def _by_adding(param, grad, state, *, lr=0.001):
    step = -lr * grad
    return [step + param, []]


TRAIN = """\
import torch
from coursekit import engine, show, yours

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
ravine, rates = engine.SURFACES["ravine"], (0.01, 0.04, 0.079)
walks = engine.sweep(mine, ravine, steps=60, lr=rates)
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
    slips=STEP + RESULT + GRADIENT,
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


# ---- the predictions


def _largest_rate(curvature: float) -> float:
    """The largest of a thousand rates at which a start of 1 on a parabola has not grown after 1000 steps."""
    rates = torch.linspace(0, 4 / curvature, 1001, dtype=torch.float64)
    x = torch.ones_like(rates)
    for _ in range(1000):
        x, _ = reference.gradient_descent(x, curvature * x, (), lr=rates)
    return float(rates[x.abs() <= 1 + 1e-9].max())


def _steps_to_a_hundredth(curvature: float, lr: float) -> float:
    x, steps = torch.ones((), dtype=torch.float64), 0
    while x > 0.01:
        x, _ = reference.gradient_descent(x, curvature * x, (), lr=lr)
        steps += 1
    return float(steps)


QUIZZES = (
    Quiz(
        "largest_rate_in_the_ravine",
        "A ravine has the loss x²/2 + 25 y²/2. What is the largest learning rate at which gradient descent does not "
        "diverge on it?",
        lambda: _largest_rate(25.0),
        "0.08, which is 2/25. Across the ravine a step turns y into (1 - 25 lr) y; its size stays below 1 while lr is "
        "below 2/25. The steepest direction alone decides.",
        beliefs=(
            (
                0.04,
                "the rate that is best across: at 1/25 one step lands on the floor; up to twice that still shrinks.",
            ),
            (
                2.0,
                "the flat direction: x alone would bear a rate of 2, but y has to bear the same rate, and is steeper.",
            ),
            (0.16, "25/2 taken for the curvature: the second derivative of 25 y²/2 is 25, the 2 cancels."),
            (1.0, "the usual bound for a slope of 1: what counts is the curvature, which is 25 across the ravine."),
            (
                0.077,
                "2/(1 + 25), the best rate for both directions together: a little more still converges, up to 2/25.",
            ),
        ),
        tolerance=0.01,
    ),
    Quiz(
        "steps_along_the_ravine",
        "In the same ravine, x²/2 + 25 y²/2, the rate is 0.04: one step and y is done. After how many steps is x down "
        "to a hundredth of its start?",
        lambda: _steps_to_a_hundredth(1.0, 0.04),
        "113. Every step leaves 0.96 of x, and 0.96**113 is the first power below 0.01. The rate is held down by the "
        "steep direction, and the flat one pays: with the ratio of the two curvatures as factor.",
        beliefs=(
            (1.0, "y only: x is 25 times flatter, and a step takes away 4 % of it."),
            (25.0, "25 times flatter, 25 times as many steps: after 25 of them 0.96**25 = 36 % of x is left."),
            (100.0, "4 % of the start at each step: it is 4 % of what is left, less each time, so never done."),
        ),
    ),
    Quiz(
        "rate_after_loss_times_1000",
        "Someone multiplies the loss by 1000. By what must lr be multiplied so that gradient descent walks the path "
        "it walked before?",
        lambda: 1 / 1000,
        "0.001. Every gradient is 1000 times longer, and the step is lr times the gradient. A good rate therefore "
        "says something about the loss as much as about the rule.",
        beliefs=(
            (1.0, "the minimum has not moved, so nothing changes: the steps have, they are 1000 times longer."),
            (1000.0, "a larger loss needs a larger rate: its gradients are larger already, by 1000."),
            (0.0316, "the root of 1000: that is for a rule that divides by the root of something; here it is plain."),
            (1e-6, "squared: the rate stands once beside the gradient, so 1/1000 undoes it."),
        ),
    ),
    Quiz(
        "where_the_gradient_is_zero",
        "Gradient descent comes to a point where the gradient is exactly zero. What can be said?",
        lambda: "d",
        "It stays there for ever, whatever kind of point it is: lr times zero is zero. Only noise, memory (momentum) "
        "or a rounding error moves it on from a saddle.",
        choices={
            "a": "it has found the global minimum",
            "b": "it has found a minimum, perhaps only a local one",
            "c": "it goes on, since lr is not zero",
            "d": "it stays, and the point may be a minimum, a saddle or a maximum",
        },
        beliefs=(
            ("a", "zero slope means lowest: it means flat there, and there may be lower places elsewhere."),
            ("b", "flat means minimum: the top of a hill and the middle of a saddle are flat as well."),
            ("c", "lr keeps it going: the step is lr times the gradient, and that is zero."),
        ),
    ),
)

chapter = Chapter(
    number=3,
    topic="gradient_descent",
    title="Gradient descent",
    exercises=(gradient_descent,),
    quizzes=QUIZZES,
    intro="Write the rule that all others start from. The lesson is `notebooks/03_gradient_descent.ipynb`.",
)
