"""What is predicted in chapter 13, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import math

import torch

from coursekit.exercise import Quiz
from coursekit.reference.landscapes import classify_critical_point, clip_by_global_norm

KINDS = {"a": "minimum", "b": "maximum", "c": "saddle", "d": "degenerate"}


def _after_tanh_layers(depth: int) -> float:
    """The spread of the signal in a very wide tanh network with Xavier's weights, from a spread of 1.

    What goes into a unit is then normal, with the variance of what came out before: one integral for each layer.
    """
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2)
    density, std = density / density.sum(), torch.ones((), dtype=torch.float64)
    for _ in range(depth):
        std = (density * torch.tanh(std * z) ** 2).sum().sqrt()
    return float(std)


def _kind(*curvatures: float) -> str:
    kind = classify_critical_point(torch.diag(torch.tensor(curvatures)))
    return next(letter for letter, name in KINDS.items() if name == kind)


def _each_after_clipping(count: int) -> float:
    grads = [torch.tensor([0.6, 0.8], dtype=torch.float64)] * count
    return float(clip_by_global_norm(grads, 1.0)[0].norm())


QUIZZES = (
    Quiz(
        "share_of_minima",
        "At a critical point of a loss in 100 dimensions, suppose that each of the 100 curvatures is up or down by the "
        "toss of a coin. The share of minima among such points is 10 to the power of what?",
        lambda: 100 * math.log10(0.5),
        "-30.1: all hundred coins must fall the same side, 2 to the minus 100. Nearly every critical point is then a "
        "saddle. For random symmetric matrices it is less still, since their eigenvalues push each other apart: of "
        "2 x 2 some 15 % are minima, not 25 %.",
        beliefs=(
            (-0.301, "one half, as in one dimension: with every direction more another coin has to fall right."),
            (
                -0.477,
                "a third, for three kinds of points: the kinds are not equally likely, a minimum needs all signs.",
            ),
            (-2.0, "1 in 100: the chances multiply, they do not add: a half, a hundred times."),
            (-100.0, "a tenth for each direction: each coin costs a factor of 2, not of 10."),
            (-29.8, "minima and maxima together: a maximum is as rare, and not asked for."),
        ),
        tolerance=0.005,
    ),
    Quiz(
        "signal_after_50_tanh_layers",
        "A signal of standard deviation 1 goes through 50 wide layers with tanh, whose weights were drawn with "
        "`xavier_std`. What is its standard deviation behind the last one?",
        lambda: _after_tanh_layers(50),
        "About 0.1. Each layer keeps the variance and tanh takes a little away, less and less as the signal gets "
        "smaller, where tanh is nearly a line: it falls like 1 over the root of twice the depth, and not by a "
        "factor at each layer.",
        beliefs=(
            (1.0, "the matrix alone keeps it at 1: tanh is flatter than a line, and takes something at each layer."),
            (0.63, "after one layer: the next forty-nine go on."),
            (0.5, "it settles somewhere: there is no such place but 0, though it comes near more and more slowly."),
            (0.02, "1 over the depth: the variance falls like that, the standard deviation like its root."),
            (0.0, "it vanishes: only as a root of the depth. A few per cent more in the weights would hold it up."),
        ),
        tolerance=0.1,
    ),
    Quiz(
        "weights_a_tenth_too_small",
        "A ReLU network has 50 layers. Its first weights are drawn with 0.9 times `kaiming_std`. What is the signal "
        "behind the last layer, as a share of what it would be with `kaiming_std` itself?",
        lambda: 0.9**50,
        "0.0052: a ReLU hands on a factor, so every layer multiplies by 0.9, and 0.9 to the power of 50 is that. The "
        "gradient in the first layer is as much smaller. A small mistake in one layer is a large one in fifty.",
        beliefs=(
            (0.9, "once: every layer has weights of its own, and each of them is too small."),
            (0.81, "0.9 squared is what one layer does to the variance: this is about the signal, and fifty layers."),
            (0.00003, "0.81 to the power of 50: that is the variance."),
            (0.02, "1 over the depth: the factors multiply, layer by layer."),
            (0.072, "0.9 to the power of 25, as if half of the layers let all through: a ReLU hands on every factor."),
        ),
        tolerance=0.03,
    ),
    Quiz(
        "a_hundred_gradients_of_length_1",
        "A network has 100 parameter tensors, and the gradient of each has length 1. They are clipped by the global "
        "norm to `max_norm=1`. How long is each of them then?",
        lambda: _each_after_clipping(100),
        "0.1: together they are 10 long, the root of a hundred ones, so all are multiplied by 1/10. `max_norm` is for "
        "the whole network: a larger one is clipped sooner.",
        beliefs=(
            (1.0, "none of them is longer than 1: it is the length of all together that counts, which is 10."),
            (0.01, "the lengths added up: what is added up are the squares, and then comes the root: 10."),
            (10.0, "that is how long they are together, before: each is multiplied by 1/10."),
        ),
    ),
    Quiz(
        "up_flat_and_down",
        "The gradient is zero, and the eigenvalues of the Hessian are 3, 0 and -1. What is this point?",
        lambda: _kind(3.0, 0.0, -1.0),
        "A saddle: one direction goes up and one goes down, and that settles it. What the flat one does changes "
        "nothing.",
        choices=KINDS,
        beliefs=(
            ("a", "the largest is positive, so a minimum: one direction goes down, so there are lower places nearby."),
            ("b", "one goes down, so a maximum: another goes up, so there are higher places nearby."),
            ("d", "the zero leaves it open: it would if the others had one sign. With both, the flat one has no say."),
        ),
    ),
    Quiz(
        "sigmoid_over_ten_layers",
        "The slope of the sigmoid is at most 1/4. Ten layers have matrices that keep every length as it is, each with "
        "a sigmoid behind it. What share of a gradient arrives in front of the first one, at most?",
        lambda: 0.25**10,
        "Less than a millionth, 0.25 to the power of 10, and that only where every unit sits at 0, its steepest place. "
        "This is why deep networks of sigmoids did not learn.",
        beliefs=(
            (0.25, "once: the chain rule multiplies by a slope at every layer."),
            (0.025, "1/4 divided by 10: the slopes multiply."),
            (2.5, "ten times 1/4: the chain rule multiplies the slopes, it does not add them."),
            (1.0, "the matrices keep every length, but the sigmoid's slope stands between them."),
            (0.000977, "a half at each layer: that is the sigmoid's value at 0; its slope there is a quarter."),
        ),
    ),
)
