"""The mistakes that are made in the gradient of the cross-entropy, between probabilities, labels and rows."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

SOFTMAX = "shifted.exp() / shifted.exp().sum(dim=-1, keepdim=True)"
RESULT = "(p - one_hot) / len(labels)"


IN_PROBABILITIES = (
    "This is the gradient in the *probabilities*, -1/p for the right class. Wanted is that in the scores: the chain "
    "rule goes on through the softmax, and all fractions cancel, to p - 1 for the right class and p for the others. "
    "That is also safe: -1/p overflows where p is 0."
)


def _by_the_jacobian(logits, labels):
    p, rows = torch.softmax(logits, dim=-1), torch.arange(len(labels))
    slope = torch.zeros_like(p)
    slope[rows, labels] = -1 / p[rows, labels]
    jacobian = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return (jacobian @ slope[:, :, None])[:, :, 0] / len(labels)


def _from_one(logits, labels):
    p = torch.softmax(logits, dim=-1)
    p[torch.arange(len(labels)), labels - 1] -= 1
    return p / len(labels)


def _whole_columns(logits, labels):
    p = torch.softmax(logits, dim=-1)
    p[:, labels] -= 1
    return p / len(labels)


ENTROPY = (
    Slip(
        "sign turned",
        ("(p - one_hot)", "(one_hot - p)"),
        "Every sign is turned: {yours:.4g} for {expected:.4g}. A step of gradient descent subtracts the gradient, so "
        "the right class must get a negative number, p - 1, for its score to rise.",
    ),
    Slip(
        "one-hot not subtracted",
        ("(p - one_hot)", "p"),
        "These are the probabilities alone; the labels are not used. In the column of the right class 1 is subtracted: "
        "p - 1 is negative, so that its score rises, and each row adds up to 0.",
    ),
    Slip(
        "right class only",
        ("(p - one_hot)", "((p - one_hot) * one_hot)"),
        "Only the right class gets a number; the others are 0. The loss has the sum over all classes in it, below the "
        "line of the softmax, so every score has a slope: its probability.",
        hint=FORM,
    ),
    Slip(
        "wrong classes only",
        ("(p - one_hot)", "(p * (1 - one_hot))"),
        "The right class gets 0: it is pulled nowhere. Its slope is p - 1, the strongest of its row: {expected:.4g} "
        "belongs where you have {yours:.4g}.",
        hint=FORM,
    ),
    Slip(
        "divided by rows and classes",
        ("len(labels)", "logits.numel()"),
        "You divide by rows times classes: {ratio:.3g} of what is right, which is 1/K. The loss is a mean over the "
        "rows; over the classes it is a sum.",
        hint=LINE,
    ),
    Slip(
        "divided by the classes",
        ("len(labels)", "logits.shape[1]"),
        "You divide by the number of classes; the mean of the loss goes over the rows: {ratio:.3g} times what is right "
        "here. Divide by `len(labels)`.",
        hint=LINE,
    ),
    Slip(
        "softmax forgotten",
        (SOFTMAX, "logits"),
        "The scores themselves stand where the probabilities belong: {yours:.4g} for {expected:.4g}. Softmax comes "
        "first; a gradient of this loss is never above 1/N in size.",
    ),
    Slip(
        "exponentials not normalised",
        (SOFTMAX, "shifted.exp()"),
        "The exponentials are not divided by their sum, so they are no probabilities: {yours:.4g} for {expected:.4g}. "
        "The numbers of each row must add up to 0.",
        hint=FORM,
    ),
    Slip(
        "log-probabilities",
        (SOFTMAX, "shifted - shifted.exp().sum(dim=-1, keepdim=True).log()"),
        "The logarithms of the probabilities stand where the probabilities belong. The logarithm is gone when the "
        "derivative is taken: what is left is p, less 1 for the right class.",
        hint=FORM,
    ),
    Slip(
        "gradient in the probabilities",
        (RESULT, "torch.where(one_hot > 0, -1 / p, 0.0) / len(labels)"),
        IN_PROBABILITIES,
    ),
    Slip(
        "one-hot over the probabilities",
        (RESULT, "-one_hot / p / len(labels)"),
        IN_PROBABILITIES,
    ),
    Slip(
        "chain rule through -1/p",
        _by_the_jacobian,
        "The chain rule is right, and so are the numbers for small scores. But where the right class has the "
        "probability 0, -1/p is infinite, and infinity times 0 is NaN. Multiply the two derivatives on paper first: p "
        "cancels, and p less the one-hot label is left.",
        hint=FORM,
    ),
    Slip(
        "1 subtracted everywhere",
        ("(p - one_hot)", "(p - 1)"),
        "1 is subtracted in every column: {yours:.4g} for {expected:.4g}. It belongs in the column of the right class "
        "alone; the others keep their probabilities.",
        hint=LINE,
    ),
    Slip(
        "one number for each row",
        (RESULT, "(p.gather(1, labels[:, None])[:, 0] - 1) / len(labels)"),
        "Only the slope in the score of the right class comes back, one number for each row. The other scores have "
        "slopes as well, their probabilities: keep the shape of `logits`.",
        hint=FORM,
    ),
    Slip(
        "small number added to the sum",
        (SOFTMAX, f"shifted.exp() / ({SOFTMAX.removeprefix('shifted.exp() / ')} + 1e-8)"),
        "A small number is added below the line, 1e-8 or so, and every probability is a little too small: {yours:.10g} "
        "for {expected:.10g}. It guards against nothing: once the maximum is subtracted, the sum is at least 1.",
        hint=LINE,
    ),
    Slip(
        "slope of a sigmoid as well",
        ("(p - one_hot)", "((p - one_hot) * p * (1 - p))"),
        "p (1 - p) is multiplied in as well: {yours:.4g} for {expected:.4g}. That is what a *squared* error of "
        "probabilities would have; the logarithm in the cross-entropy cancels it, and a confident mistake keeps its "
        "full pull.",
    ),
    Slip(
        "labels for the one-hot",
        ("(p - one_hot)", "(p - labels[:, None])"),
        "The number of the class is subtracted from all of its row: {yours:.4g} for {expected:.4g}. A label says in "
        "*which* column 1 is subtracted: make it one-hot, or index `p[torch.arange(n), labels]`.",
        hint=LINE,
    ),
    Slip(
        "labels counted from 1",
        _from_one,
        "1 is subtracted one column too far to the left: {yours:.4g} for {expected:.4g}. Labels count from 0, as the "
        "columns do; with `labels - 1` class 0 becomes the last one, without an error.",
        hint=LINE,
    ),
    Slip(
        "whole columns lowered",
        _whole_columns,
        "`p[:, labels] -= 1` takes 1 from the right classes of *all* rows, in every row: {yours:.4g} for "
        "{expected:.4g}. One place in each row: `p[torch.arange(n), labels]`.",
        hint=LINE,
    ),
    Slip(
        "largest in place of right class",
        ("labels[:, None]", "p.argmax(1)[:, None]"),
        "1 is subtracted where the largest probability stands, whatever the label says: {yours:.4g} for "
        "{expected:.4g}. A model that learns from this becomes ever surer of what it thinks already.",
    ),
    Slip(
        "no max subtracted",
        ("logits - logits.max(dim=-1, keepdim=True).values", "logits"),
        "Right for small scores. But `exp` overflows to inf at 709 in float64 and at 88 in float32, and inf / inf is "
        "NaN. Subtract the largest score of the row first: the probabilities do not change.",
        hint=FORM,
    ),
    Slip(
        "one maximum for all rows",
        ("logits.max(dim=-1, keepdim=True).values", "logits.max()"),
        "You subtract one maximum for the whole tensor. In a row far below it all exponentials are 0, and 0 / 0 is "
        "NaN. Each row needs its own, `dim=-1`.",
        hint=FORM,
    ),
    Slip(
        "sum along the wrong dimension",
        ("sum(dim=-1", "sum(dim=0"),
        "The sum goes along dimension 0, over the examples; it belongs to the classes of one row, `dim=-1`. Look at "
        "whether each row of yours adds up to 0.",
        hint=LINE,
    ),
    Slip(
        "softmax over the rows",
        [("max(dim=-1", "max(dim=0"), ("sum(dim=-1", "sum(dim=0")],
        "The softmax goes along dimension 0, over the examples, which then compete with each other. The classes of one "
        "row do, `dim=-1`: each row of the gradient adds up to 0.",
        hint=LINE,
    ),
    Slip(
        "one sum for all rows",
        ("shifted.exp().sum(dim=-1, keepdim=True)", "shifted.exp().sum()"),
        "One sum is taken for the whole tensor, so that all probabilities together add up to 1: {yours:.4g} for "
        "{expected:.4g}. Those of each row must: `dim=-1, keepdim=True`.",
        hint=LINE,
    ),
    Slip(
        "sigmoid for softmax",
        (SOFTMAX, "logits.sigmoid()"),
        "Each score goes through a sigmoid of its own: {yours:.4g} for {expected:.4g}. That is for classes which do "
        "not exclude each other. Here they share one probability of 1: softmax.",
        hint=FORM,
    ),
    Slip(
        "softmax twice",
        (SOFTMAX, f"torch.softmax({SOFTMAX}, dim=-1)"),
        "The probabilities go through softmax again, as if they were scores: {yours:.4g} for {expected:.4g}. They lie "
        "between 0 and 1, so that even a perfect prediction would look unsure.",
    ),
    Slip(
        "averaged over the rows",
        (RESULT, "(p - one_hot).mean(dim=0)"),
        "The rows are averaged away, and one number for each class is left. Each score of each row has a slope of its "
        "own: keep the shape of `logits`, and divide by the number of rows.",
        hint=FORM,
    ),
    Slip(
        "loss returned",
        (RESULT, "-(p * one_hot).sum(dim=1).log().mean()"),
        "This is the loss itself, one number. Its slope in every score is wanted, in the shape of `logits`.",
    ),
)

ENTROPY_CONVENTIONS = (
    Convention(
        "of the sum",
        (" / len(labels)", ""),
        "This is the gradient of the *sum* over the rows, torch's `reduction='sum'`. Yours divided by the number of "
        "rows is that of the mean: {expected:.4g} for your {yours:.4g}. A learning rate that fits the mean is too "
        "large for the sum, by that number.",
    ),
)
