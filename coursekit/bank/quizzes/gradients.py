"""What is predicted in chapter 02, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import torch

from coursekit.exercise import Quiz
from coursekit.reference.gradients import cross_entropy_gradient, linear_regression_gradient, numerical_gradient

ONE = torch.ones((), dtype=torch.float64)
STEPS = {"a": 1e-1, "b": 1e-5, "c": 1e-10, "d": 1e-15}  # the choices of the quiz about the best h


def _error(h: float) -> float:
    """How far the estimate of the slope of e^x at 1 is from e."""
    return abs(float(numerical_gradient(torch.exp, ONE, h) - ONE.exp()))


def _calls(n: int) -> float:
    """How often the difference quotients of n numbers call their function."""
    called: list[int] = []

    def f(x):
        called.append(1)
        return x.sum()

    numerical_gradient(f, torch.ones(n))
    return float(len(called))


def _at_a_parabola() -> float:
    return float(numerical_gradient(lambda x: x**2, 3 * ONE, 1.0))


def _undecided() -> float:
    return float(cross_entropy_gradient(torch.zeros(1, 10), torch.tensor([3]))[0, 3])


def _when_rows_are_doubled() -> float:
    """The largest ratio of the gradient with all rows twice to that with all rows once."""
    generator = torch.Generator().manual_seed(0)
    w, X, y = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((2,), (5, 2), (5,)))
    twice = linear_regression_gradient(w, torch.cat((X, X)), torch.cat((y, y)))
    return float((twice / linear_regression_gradient(w, X, y)).max())


def _in_millimetres() -> float:
    """The slope with an input in millimetres over that in metres, at weights that predict the same."""
    w, X, y = 2 * ONE.view(1), torch.tensor([[1.0], [3.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    return float(linear_regression_gradient(w / 1000, 1000 * X, y) / linear_regression_gradient(w, X, y))


def _steepest() -> float:
    """The largest slope of 3x + 4y over all directions."""
    gradient = numerical_gradient(lambda x: 3 * x[0] + 4 * x[1], torch.zeros(2, dtype=torch.float64))
    angle = torch.linspace(0, 2 * torch.pi, 100_001, dtype=torch.float64)
    return float((gradient[0] * angle.cos() + gradient[1] * angle.sin()).max())


def _backward_twice() -> float:
    """What w.grad holds after two runs of w squared at 3, with nothing cleared between them."""
    w = torch.tensor(3.0, requires_grad=True)
    for _ in range(2):
        (w**2).backward()
    assert w.grad is not None
    return float(w.grad)


QUIZZES = (
    Quiz(
        "steepest_slope",
        "At a point of a hillside the slope along x is 3 and along y it is 4. You may walk in any direction. How steep "
        "is the steepest?",
        _steepest,
        "5, the length of the gradient (3, 4). In its direction, a step of 1 goes 0.6 along x and 0.8 along y, and "
        "rises 0.6 · 3 + 0.8 · 4 = 5.",
        beliefs=(
            (4.0, "the larger of the two: but a direction between x and y gets a share of both slopes."),
            (7.0, "3 + 4 is the rise of a step of 1 along x *and* 1 along y, which is 1.41 long."),
            (3.5, "the mean of the two: no direction has to take it. Between x and y it gets steeper than either."),
            (25.0, "the length squared: the length of (3, 4) is the root of 3² + 4²."),
        ),
        tolerance=1e-6,
    ),
    Quiz(
        "backward_twice",
        "w is 3, with `requires_grad=True`. You call `(w**2).backward()`, and later once more. What "
        "does `w.grad` hold?",
        _backward_twice,
        "12: `backward` *adds* to `.grad`. The slope is 6, and 6 was there already. So a training loop has to clear it "
        "before each run: `optimizer.zero_grad()`.",
        beliefs=(
            (6.0, "the slope of w² at 3 is 6, but `backward` adds it to what is there; nobody cleared it."),
            (0.0, "nothing clears `.grad` by itself: that is what `zero_grad()` is for."),
            (36.0, "the slopes of the two runs are added, not multiplied."),
            (2.0, "the second derivative: both runs take the first."),
        ),
    ),
    Quiz(
        "best_h",
        "You estimate the slope of e^x at 1 by central differences in float64. Which h comes closest to the truth?",
        lambda: min(STEPS, key=lambda letter: _error(STEPS[letter])),
        "1e-5. With a larger h the chord is too coarse: the error is 0.0045 at 0.1, and falls as h squared. With a "
        "smaller one the two values agree in nearly all digits, and what is left of their difference is rounding, "
        "divided by a tiny number. The best h is near the third root of the rounding error, 6e-6.",
        choices={letter: f"{h:.0e}".replace("e-0", "e-") for letter, h in STEPS.items()},
        beliefs=(
            ("a", "far from rounding: it is, but the chord over so long a way has an error of 0.0045."),
            ("c", "the smaller the better, until rounding: at 1e-10 rounding has taken nine of the sixteen digits."),
            ("d", "the smaller the better: a derivative is a limit on paper; here the difference has one digit left."),
        ),
    ),
    Quiz(
        "error_at_a_tenth_of_h",
        "h goes from 0.01 to 0.001, where rounding does not matter yet. By what number is the error of the central "
        "difference divided?",
        lambda: _error(1e-2) / _error(1e-3),
        "100: the error falls as h squared. The part that would fall as h itself has opposite signs on the two sides "
        "and cancels; a difference to one side keeps it, and would gain a factor of 10 only.",
        beliefs=(
            (10.0, "as h itself: that is the difference to one side. With both sides the leading term cancels."),
            (1000.0, "as h cubed: the term in h cubed is divided by h at the end, and h squared is left."),
            (1.0, "no change: the error that comes from rounding is still far below."),
            (0.01, "the error gets smaller, not larger: it is divided by 100."),
        ),
    ),
    Quiz(
        "calls_of_f",
        "A small network has 10,000 weights. How often does `numerical_gradient` run it for one gradient?",
        lambda: 10_000 / 100 * _calls(100),
        "20,000 times: two points for each weight. Backpropagation gives the same gradient, exactly, for about the "
        "price of three runs. So difference quotients are for checking, on a few weights.",
        beliefs=(
            (10000.0, "one for each weight: each has a point on both sides, two runs."),
            (10001.0, "one for each weight and one in the middle: that is the difference to one side."),
            (2.0, "all weights moved together give one number, the slope in one direction."),
            (1.0, "one run gives one number, the loss; a slope needs two for each weight."),
            (1e8, "every weight against every other: that would be for the second derivatives."),
        ),
        tolerance=1e-5,
    ),
    Quiz(
        "parabola_with_a_large_h",
        "The central difference of x² at 3, with h = 1. What comes out?",
        _at_a_parabola,
        "6, exactly: (16 - 4) / 2. The error of the central difference begins with the third derivative, and a "
        "parabola has none. Every h is right there, up to rounding.",
        beliefs=(
            (7.0, "(16 - 9) / 1 is the difference to one side, which is off by h."),
            (5.0, "(9 - 4) / 1 is the difference to one side, which is off by h."),
            (12.0, "16 - 4, not divided: the points are 2 apart."),
            (9.0, "the value at 3: the slope is asked for."),
        ),
    ),
    Quiz(
        "slope_of_the_right_score",
        "Ten classes, one example, and all ten scores are 0. What is the derivative of the cross-entropy with respect "
        "to the score of the right class?",
        _undecided,
        "-0.9: its probability is 0.1, less 1. The other nine get +0.1 each, so the row adds up to 0: what the right "
        "class gains the others lose.",
        beliefs=(
            (0.1, "the probability alone: for the right class 1 is subtracted."),
            (0.9, "the size is right: but the loss falls when this score rises, so the slope is negative."),
            (-10.0, "-1/p is the slope to the *probability*. The softmax multiplies it by p (1 - p) = 0.09."),
            (-0.09, "p (1 - p) is the slope of the softmax; the logarithm divides it by p again."),
            (-1.0, "p - 1 with p = 0: p is 0.1 here."),
            (0.0, "all scores are equal, but the label says which one should not be."),
            (2.3026, "the loss itself, log 10."),
        ),
    ),
    Quiz(
        "every_row_twice",
        "Every row of a data set is there twice by mistake. By what number is the gradient of the mean squared error "
        "multiplied?",
        _when_rows_are_doubled,
        "1: the mean over twice the rows is the same mean. That is why a learning rate need not change with the size "
        "of the data or of the batch when the loss is a mean; with a sum it must.",
        beliefs=(
            (2.0, "twice the rows, twice the sum: but the mean divides by twice as many."),
            (0.5, "divided by twice as many: but there are twice as many terms to add."),
            (4.0, "squared: neither the errors nor the inputs have changed."),
        ),
    ),
    Quiz(
        "metres_to_millimetres",
        "An input of a linear model is given in millimetres in place of metres; its weight is made 1000 times smaller, "
        "so that every prediction stays what it was. By what number is the slope in that weight multiplied?",
        _in_millimetres,
        "1000: the errors are the same, and each is multiplied by an input that is 1000 times larger. So the weight "
        "that should take steps 1000 times *smaller* takes steps 1000 times larger. That is why inputs are "
        "standardised.",
        beliefs=(
            (1.0, "the predictions are the same, and so are the errors: but each is multiplied by its input."),
            (0.001, "as the weight: the slope is loss per unit of weight, so it goes the other way."),
            (1e6, "that is the curvature: in it the input is squared."),
        ),
    ),
)
