"""The mistakes that are made in the cross-entropy of two classes, from scores."""

from __future__ import annotations

import torch

from coursekit.bank.slips.errors_and_margins import FORM, LINE, MEAN_FORGOTTEN, NO_GRADIENT
from coursekit.exercise import Convention, Slip


def _log_of_sigmoid(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


def _clamped(logits, targets):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


def _no_sigmoid(logits, targets):
    return -(targets * logits.log() + (1 - targets) * (1 - logits).log()).mean()


def _exchanged(logits, targets):
    p = torch.sigmoid(logits)
    return -(p * targets.log() + (1 - p) * (1 - targets).log()).mean()


SOFTPLUS = "torch.logaddexp(logits, torch.zeros_like(logits))"

BINARY = (
    Slip(
        "targets rounded",
        ("targets * logits", "(targets > 0.5).to(logits.dtype) * logits"),
        "The targets are rounded to 0 or 1: {yours:.3g} for {expected:.3g}. A target may lie between them (smoothed "
        "labels, shares of a vote), and the formula holds for it as it is.",
    ),
    MEAN_FORGOTTEN,
    Slip(
        "logarithm of the sigmoid",
        _log_of_sigmoid,
        "Right for small scores. But the sigmoid rounds to exactly 1 from a score of 37 on (17 in float32), and the "
        "logarithm of 1 - 1 is -inf; 0 times that is NaN. Put the sigmoid into the logarithm on paper: "
        "log(1 + e^z) - y z is left.",
        hint=FORM,
    ),
    Slip(
        "exponential overflows",
        (SOFTPLUS, "(1 + logits.exp()).log()"),
        "Right for small scores. But `exp` overflows to inf at 709 in float64 and at 88 in float32. "
        "`torch.logaddexp(z, 0)` is the same logarithm without the overflow; both arguments must be tensors.",
        hint=LINE,
    ),
    Slip(
        "probabilities clamped",
        _clamped,
        "You keep the probabilities 1e-7 away from 0 and 1. Nothing is inf, but no mistake can cost more than 16.1, "
        "and past that the gradient is 0: the worst mistakes are not corrected any more. Computed from the scores, "
        "nothing needs a clamp.",
        hint=FORM,
    ),
    Slip(
        "sigmoid forgotten",
        _no_sigmoid,
        "You take the logarithms of the scores themselves. They are no probabilities: below 0 or above 1 the result is "
        "NaN. The sigmoid makes a probability of a score.",
    ),
    Slip(
        "sigmoid twice",
        ("return (", "logits = logits.sigmoid()\n    return ("),
        "The scores go through the sigmoid, and then through the one that is in the formula: {yours:.3g} for "
        "{expected:.3g}. The second one only ever sees numbers from 0 to 1, so the model can never be sure of class 0.",
    ),
    Slip(
        "second term forgotten",
        (f"{SOFTPLUS} - targets * logits", f"targets * {SOFTPLUS.replace('(logits, ', '(-logits, ')}"),
        "Only the term of class 1 is there: examples of class 0 cost nothing, {yours:.3g} for {expected:.3g}. A model "
        "that always says 1 would be perfect. The other term is (1 - y) log(1 - p).",
    ),
    Slip(
        "targets the wrong way round",
        ("- targets", "- (1 - targets)"),
        "Class 1 is treated as class 0 and the other way round: {yours:.3g} for {expected:.3g}. The score stands for "
        "the probability of class 1, so its logarithm goes with y, not with 1 - y.",
        hint=FORM,
    ),
    Slip(
        "labels -1 and +1 expected",
        (f"{SOFTPLUS} - targets * logits", SOFTPLUS.replace("(logits, ", "(-targets * logits, ")),
        "log(1 + e^(-y z)) is the same loss for labels -1 and +1. These are 0 and 1: with 0 the score drops out, and "
        "class 0 costs log 2 whatever you predict.",
        hint=FORM,
    ),
    Slip(
        "targets not used",
        (" - targets * logits", ""),
        "The term `y z` is missing, so the targets play no part: {yours:.3g} for {expected:.3g}. This costs least when "
        "every score is minus infinity.",
        hint=LINE,
    ),
    Slip(
        "y z added",
        ("- targets", "+ targets"),
        "`y z` is added; it is to be subtracted: {yours:.3g} for {expected:.3g}. The larger the score of a true class "
        "1, the smaller its loss.",
        hint=LINE,
    ),
    Slip(
        "sign turned",
        ("return (", "return -("),
        "The loss has the wrong sign: {yours:.3g} for {expected:.3g}. The logarithm of a probability is negative, and "
        "the minus in front makes it a cost.",
        hint=LINE,
    ),
    Slip(
        "prediction and target exchanged",
        _exchanged,
        "Prediction and target stand in each other's places: you take the logarithm of the targets. With targets of 0 "
        "and 1 that is -inf. What is predicted goes into the logarithm, and the truth weighs it.",
    ),
    Slip(
        "squared error of the probability",
        (f"({SOFTPLUS} - targets * logits)", "((torch.sigmoid(logits) - targets) ** 2)"),
        "This is the squared error of the probability, {yours:.3g} for {expected:.3g}. It is never above 1, and where "
        "the sigmoid is flat its gradient is nearly 0: it does not learn from its worst mistakes.",
    ),
    *NO_GRADIENT,
)

BINARY_CONVENTIONS = (
    Convention(
        "summed over the examples",
        (".mean()", ".sum()"),
        "This is the sum over the examples, as textbooks write it (Bishop 2006, equation 4.90). Yours divided by their "
        "number is the mean of this course and of torch. A learning rate that fits the mean is too large for the sum, "
        "by that number: {ratio:.3g} here.",
    ),
)
