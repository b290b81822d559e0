"""What is predicted in chapter 01, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import math

import torch

from coursekit.exercise import Quiz
from coursekit.reference.losses import binary_cross_entropy_loss, cross_entropy_loss, hinge_loss, mse_loss

PRICES = (1.0, 2.0, 3.0, 4.0, 100.0)


def _best_constant() -> float:
    """Where the gradient of the squared error is 0: it is linear, so two points of it are enough."""
    target = torch.tensor(PRICES, dtype=torch.float64)
    guess = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    losses = torch.stack([mse_loss(one.expand_as(target), target) for one in guess])
    at_0, at_1 = torch.autograd.grad(losses.sum(), guess)[0].tolist()
    return at_0 / (at_0 - at_1)


def _slope_of_a_confident_mistake() -> float:
    logit = torch.tensor([-10.0], dtype=torch.float64, requires_grad=True)
    loss = binary_cross_entropy_loss(logit, torch.ones(1, dtype=torch.float64))
    return float(torch.autograd.grad(loss, logit)[0])


def _perfect_probabilities() -> float:
    return float(cross_entropy_loss(torch.eye(5, dtype=torch.float64), torch.arange(5)))


def _right_by_too_little() -> float:
    return float(hinge_loss(torch.tensor([0.3], dtype=torch.float64), torch.ones(1, dtype=torch.float64)))


QUIZZES = (
    Quiz(
        "best_single_guess",
        "Five houses sold for 1, 2, 3, 4 and 100. You must guess one and the same price for all five. Which guess has "
        "the smallest mean squared error?",
        _best_constant,
        "22, the mean, though no house sold for anything like it. Where the squared error is smallest its gradient, "
        "twice the mean of (guess - price), is 0: the errors above and below balance, and 100 weighs as much as its "
        "distance.",
        beliefs=(
            (3.0, "the median: that is best for the mean *absolute* error, which asks only how many are on each side."),
            (2.5, "without the outlier: the squared error does not leave it out; it minds it the most."),
            (50.5, "halfway between the ends: that makes the *largest* error as small as possible."),
            (100.0, "the outlier itself: then four errors of nearly 100 are left, and one weighs less than four."),
        ),
    ),
    Quiz(
        "one_confident_mistake",
        "A model gives the right class the probability 0.99 in 99 images out of 100, and 0.000001 in the last one. "
        "How much of the sum of the 100 cross-entropies comes from that one image?",
        lambda: "c",
        "More than nine tenths: -log 0.000001 is 13.8, and the 99 others are 0.01 each, 0.995 in all. Cross-entropy "
        "asks what probability the model gave to what happened, and this answer was close to: impossible.",
        choices={"a": "about 1 %", "b": "about a tenth", "c": "more than nine tenths", "d": "about half"},
        beliefs=(
            ("a", "one image, one vote: that is accuracy, which does not ask how sure the model was."),
            ("b", "ten times its share: -log 0.000001 = 13.8 is far more than ten times -log 0.99 = 0.01."),
            ("d", "the squared error of the probability would be 1 at most; -log p has no largest value."),
        ),
    ),
    Quiz(
        "largest_score_for_exp",
        "In float32, which torch uses unless told otherwise: from about which score on is `exp(score)` inf?",
        lambda: math.log(torch.finfo(torch.float32).max),
        "88.7, the logarithm of the largest float32, 3.4e38. Scores of that size are nothing rare: one input that was "
        "not standardised is enough.",
        beliefs=(
            (709.8, "float64, whose largest number is 1.8e308. The default in torch is float32."),
            (709.0, "float64, whose largest number is 1.8e308. The default in torch is float32."),
            (3.4e38, "the largest float32 itself: exp grows faster than that. Take its logarithm."),
            (128.0, "2**128 is where float32 ends, but this is e to the power: 128 times log 2."),
            (38.0, "10**38 is near where float32 ends, but this is e to the power: 38.5 times log 10."),
        ),
    ),
    Quiz(
        "slope_of_a_confident_mistake",
        "The score is -10, so the model gives class 1 the probability 0.000045. But class 1 is right. What is the "
        "derivative of the binary cross-entropy with respect to the score?",
        _slope_of_a_confident_mistake,
        "Nearly -1: it is sigmoid(z) - y, the probability minus the truth. The logarithm takes the flatness of the "
        "sigmoid away, so the worst mistakes get the strongest pull.",
        beliefs=(
            (
                0.0,
                "the sigmoid is flat there: it is, and with the squared error nothing would move. The logarithm's "
                "slope, 1/p = 22,000, makes up for it.",
            ),
            (1.0, "the size is right: but the loss falls when the score rises, so the slope is negative."),
            (0.9999546, "the size is right: but the loss falls when the score rises, so the slope is negative."),
            (-10.0, "the loss itself is nearly 10 there; its slope is the same all along that line."),
            (-22026.5, "the slope to the *probability*, -1/p. To the score it is multiplied by p (1 - p)."),
            (-22027.0, "the slope to the *probability*, -1/p. To the score it is multiplied by p (1 - p)."),
            (4.54e-5, "the sigmoid's own slope, p (1 - p): it is multiplied by that of the logarithm, -1/p."),
        ),
    ),
    Quiz(
        "hinge_of_a_right_answer",
        "The score is 0.3 and the label +1, so the sign is right. What is the hinge loss?",
        _right_by_too_little,
        "0.7: the hinge wants a margin of 1, and 0.3 of it is there.",
        beliefs=(
            (0.0, "right is right: that is the 0-1 loss, or a margin of 0. The hinge also asks by how much."),
            (0.3, "the margin itself: the loss is what is missing, 1 minus that."),
            (1.3, "1 plus the margin: a right sign must make the loss smaller."),
            (0.49, "squared: that is the squared hinge."),
        ),
    ),
    Quiz(
        "perfect_probabilities",
        "Five classes, and a model that is perfect: it gives the right class the probability 1. You pass these "
        "*probabilities* to a cross-entropy that expects scores. What loss does it report?",
        _perfect_probabilities,
        "0.905: taken as scores, 1 against four times 0 is a mild preference, log(1 + 4/e). Training cannot go below "
        "that, and no error is raised.",
        beliefs=(
            (0.0, "-log 1 = 0: if it took probabilities. It takes scores, and puts a softmax over your 1 and 0."),
            (1.609, "log 5 is the loss when all five classes are thought equally likely: the 1 does say something."),
            (0.405, "the probability it reads, e / (e + 4) = 0.405: the loss is minus its logarithm."),
            (-1.0, "-p of the right class: that is what torch's `nll_loss` makes of probabilities."),
        ),
    ),
    Quiz(
        "loss_before_training",
        "A network with ten classes is fresh: it has learned nothing yet. What should its cross-entropy be, about?",
        lambda: math.log(10),
        "log 10 = 2.3: each class gets about a tenth. Look at the first number of every training run: a loss far above "
        "log K means that the scores start too large.",
        beliefs=(
            (
                0.9,
                "nine of ten guesses are wrong: that is the error rate. This loss is -log of the probability.",
            ),
            (0.1, "the probability itself: the loss is minus its logarithm."),
            (1.0, "log 10 to base 10: losses use the natural logarithm."),
            (10.0, "the number of classes: the loss is its logarithm."),
        ),
        tolerance=0.05,
    ),
)
