"""The mistakes that are made between scores, probabilities, their logarithms, and the class that is right."""

from __future__ import annotations

import math

import torch

from coursekit.bank.slips.errors_and_margins import FORM, LINE, MEAN_FORGOTTEN, NO_GRADIENT
from coursekit.exercise import Convention, Slip

MAX = "logits.max(dim=-1, keepdim=True).values"
LOG_P = "shifted - shifted.exp().sum(dim=-1, keepdim=True).log()"

# What both `log_softmax` and `cross_entropy_loss` can get wrong on the way to the logarithms of the probabilities.
ON_THE_WAY = (
    Slip(
        "no max subtracted",
        (f"logits - {MAX}", "logits"),
        "Right for small scores. But `exp` overflows to inf at 709 in float64 and at 88 in float32, and one such "
        "score makes the result inf or NaN. Subtract the largest score of the row first: the probabilities do not "
        "change, and no exponential is above 1.",
        hint=FORM,
    ),
    Slip(
        "one maximum for all rows",
        (MAX, "logits.max()"),
        "You subtract one maximum for the whole tensor. A row far below it underflows: all its exponentials are 0, "
        "and the logarithm of 0 is -inf. Each row needs its own, `dim=-1`.",
        hint=FORM,
    ),
    Slip(
        "mean for maximum",
        (MAX, "logits.mean(dim=-1, keepdim=True)"),
        "You subtract the mean of the row. Any shift gives the same probabilities, but only the maximum makes sure "
        "that no exponential overflows: a score 710 above the mean still does.",
        hint=FORM,
    ),
    Slip(
        "maximum taken off once only",
        (LOG_P, LOG_P.replace("shifted -", "logits -")),
        "The maximum is taken off inside the `exp` and not outside: what comes out is wrong by the largest score of "
        "the row. Either use the shifted scores in both places, or add the maximum back to the logarithm.",
        hint=LINE,
    ),
    Slip(
        "maximum taken off outside only",
        (LOG_P, LOG_P.replace("shifted.exp", "logits.exp")),
        "The maximum is taken off outside the `exp` and not inside, where it is needed: the result is wrong by the "
        "largest score, and large scores overflow still.",
        hint=LINE,
    ),
    Slip(
        "along the wrong dimension",
        [("max(dim=-1", "max(dim=0"), ("sum(dim=-1", "sum(dim=0")],
        "Maximum and sum go along dimension 0, over the examples; the classes stand along the last dimension. The "
        "probabilities of each *row* must add up to 1: `dim=-1`.",
        hint=LINE,
    ),
    Slip(
        "sum along the wrong dimension",
        ("sum(dim=-1", "sum(dim=0"),
        "The sum goes along dimension 0, over the examples; it belongs to the classes of one row: `dim=-1`.",
        hint=LINE,
    ),
    Slip(
        "log of the sum forgotten",
        (".sum(dim=-1, keepdim=True).log()", ".sum(dim=-1, keepdim=True)"),
        "You subtract the sum of the exponentials; its logarithm is wanted, since log(a / b) = log a - log b: "
        "{yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "mean for sum",
        ("exp().sum(", "exp().mean("),
        "You take the mean of the exponentials, not their sum, and so miss log K: {yours:.3g} for {expected:.3g}. "
        "The probabilities would add up to K.",
        hint=FORM,
    ),
)


# ---- the logarithms of the probabilities

OVERFLOWS = (
    "First the probabilities, then their logarithm: right for small scores, but the exponentials overflow "
    "(inf / inf is NaN), and a probability that underflows to 0 has the logarithm -inf. Simplify log(e^z / sum) on "
    "paper first, and subtract the maximum."
)
UNDERFLOWS = (
    "You subtract the maximum, so nothing overflows. But a class 745 below the largest (104 in float32) gets the "
    "probability 0, and its logarithm is -inf. Take log(a / b) apart into log a - log b: the logarithm of e^z is z."
)


def _log_of_softmax(logits):
    exponentials = logits.exp()
    return (exponentials / exponentials.sum(dim=-1, keepdim=True)).log()


def _log_of_stable_softmax(logits):
    exponentials = (logits - logits.max(dim=-1, keepdim=True).values).exp()
    return (exponentials / exponentials.sum(dim=-1, keepdim=True)).log()


LOG_SOFTMAX = (
    *ON_THE_WAY,
    Slip(
        "softmax without the logarithm",
        (LOG_P, "shifted.exp() / shifted.exp().sum(dim=-1, keepdim=True)"),
        "These are the probabilities; their logarithms are wanted: {yours:.3g} for {expected:.3g}. A log-probability "
        "is never above 0.",
    ),
    Slip(
        "logarithm after the softmax",
        _log_of_softmax,
        OVERFLOWS,
        hint=FORM,
    ),
    Slip(
        "logarithm after a shifted softmax",
        _log_of_stable_softmax,
        UNDERFLOWS,
        hint=FORM,
    ),
    Slip(
        "sign turned",
        ("return shifted -", "return -shifted +"),
        "Every sign is turned: {yours:.3g} for {expected:.3g}. The logarithm of a probability is at most 0; the minus "
        "of the cross-entropy comes later.",
        hint=LINE,
    ),
    Slip(
        "one sum for the whole tensor",
        [("max(dim=-1, keepdim=True).values", "max()"), ("sum(dim=-1, keepdim=True)", "sum()")],
        "Maximum and sum are taken over the whole tensor, so all rows share one normalisation: {yours:.3g} for "
        "{expected:.3g}. The probabilities of each row must add up to 1: `dim=-1, keepdim=True`.",
        hint=LINE,
    ),
    Slip(
        "logarithm to base 2",
        (".log()", ".log2()"),
        "`log2` stands where the natural logarithm belongs. The exponential is the natural one, so the two no longer "
        "undo each other: {yours:.3g} for {expected:.3g}, and the probabilities do not add up to 1.",
        hint=LINE,
    ),
    Slip(
        "added for subtracted",
        ("return shifted -", "return shifted +"),
        "You add the logarithm of the sum; log(a / b) is log a *minus* log b: {yours:.3g} for {expected:.3g}.",
        hint=LINE,
    ),
)


# ---- the cross-entropy


def _log_of_softmax_loss(logits, labels):
    return -_log_of_softmax(logits)[torch.arange(len(labels)), labels].mean()


def _log_of_stable_softmax_loss(logits, labels):
    return -_log_of_stable_softmax(logits)[torch.arange(len(labels)), labels].mean()


PICKED = "log_p.gather(1, labels[:, None])"

CROSS_ENTROPY = (
    Slip(
        "mean forgotten",
        (".mean()", ".squeeze(1)"),
        MEAN_FORGOTTEN.message,
        hint=LINE,
    ),
    *ON_THE_WAY,
    Slip(
        "sign forgotten",
        ("return -log_p", "return log_p"),
        "The minus sign is missing: {yours:.3g} for {expected:.3g}. The logarithm of a probability is negative; "
        "training makes the loss small, so this one would make the right class ever less likely.",
    ),
    Slip(
        "logarithm forgotten",
        (LOG_P, "shifted.exp() / shifted.exp().sum(dim=-1, keepdim=True)"),
        "You average the probability of the right class, without its logarithm: {yours:.3g} for {expected:.3g}. "
        "It is never below -1, so a confident mistake costs hardly more than an honest doubt.",
    ),
    Slip(
        "softmax twice",
        ("shifted = ", "logits = torch.softmax(logits, dim=-1)\n    shifted = "),
        "The scores go through softmax, and the probabilities through softmax again, as if they were scores. They all "
        "lie between 0 and 1, so even a perfect prediction is told that it is unsure: with 5 classes it still costs "
        "0.905. Here {yours:.3g} for {expected:.3g}.",
    ),
    Slip(
        "scores taken for probabilities",
        (LOG_P, "logits.log()"),
        "You take the logarithm of the scores. They are no probabilities yet: they may be negative (the logarithm is "
        "NaN), and they do not add up to 1. Softmax comes first.",
    ),
    Slip(
        "logarithm taken twice",
        (f"-{PICKED}", f"-{PICKED.replace('log_p', 'log_p.log()')}"),
        "You take the logarithm of what is a logarithm already; it is negative, and the result is NaN. log_softmax "
        "has done that part.",
        hint=LINE,
    ),
    Slip(
        "largest in place of right class",
        (PICKED, "log_p.max(dim=1).values"),
        "You take the class with the largest score, whatever the label says: {yours:.3g} for {expected:.3g}. Such a "
        "loss rewards being sure, right or wrong.",
        hint=FORM,
    ),
    Slip(
        "classes of all rows for each row",
        (PICKED, "log_p[:, labels]"),
        "`[:, labels]` takes from every row the right classes of *all* rows: N times N numbers, and each row answers "
        "for the others too: {yours:.3g} for {expected:.3g}. One number per row: `gather`, or "
        "`[torch.arange(n), labels]`.",
        hint=LINE,
    ),
    Slip(
        "right class not picked",
        (PICKED, "log_p"),
        "You average over all classes; the labels are not used: {yours:.3g} for {expected:.3g}. Only the logarithm at "
        "the right class of each row counts.",
        hint=FORM,
    ),
    Slip(
        "summed over all classes",
        (PICKED, "log_p.sum(dim=1)"),
        "You sum over all classes of a row; the labels are not used: {yours:.3g} for {expected:.3g}. In the sum of "
        "the textbooks a one-hot label is 0 for all classes but the right one.",
        hint=FORM,
    ),
    Slip(
        "mean over rows and classes",
        (".mean()", ".mean() / logits.shape[1]"),
        "You divide by rows times classes: {ratio:.3g} of the right number, which is 1/K. With one-hot labels, sum "
        "over the classes and take the mean over the rows only.",
        hint=FORM,
    ),
    Slip(
        "labels counted from 1",
        (PICKED, "log_p[torch.arange(len(labels)), labels - 1]"),
        "You take the class before the right one: {yours:.3g} for {expected:.3g}. Labels count from 0, as the columns "
        "do; with `labels - 1` class 0 becomes the last one, without an error.",
        hint=LINE,
    ),
    Slip(
        "logarithm after the softmax",
        _log_of_softmax_loss,
        OVERFLOWS,
        hint=FORM,
    ),
    Slip(
        "logarithm after a shifted softmax",
        _log_of_stable_softmax_loss,
        UNDERFLOWS,
        hint=FORM,
    ),
    *NO_GRADIENT,
)

CROSS_ENTROPY_CONVENTIONS = (
    Convention(
        "summed over the rows",
        (".mean()", ".sum()"),
        "This is the sum over the rows, as textbooks write it (Bishop 2006, equation 4.108). Yours divided by the "
        "number of rows is the mean of this course and of torch. A learning rate that fits the mean is too large for "
        "the sum, by the number of rows: {ratio:.3g} here.",
    ),
    Convention(
        "in bits",
        (".mean()", f".mean() / {math.log(2)!r}"),
        "This is the cross-entropy in bits, with the logarithm to base 2; deep learning counts in nats, with the "
        "natural one. Yours times log 2 = 0.693 is this course's and torch's.",
    ),
)
