"""What is predicted in chapter 03, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import torch

from coursekit.exercise import Quiz
from coursekit.reference import gradient_descent as reference


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
            (0.0785, "half-way between the lesson's 0.076 and 0.081: it lies between them, at 2 over the curvature."),
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
