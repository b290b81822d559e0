"""The mistakes that are made in two gradients taken by hand: of a line through data, and of the cross-entropy."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

# ---- a line through data

WHOLE = "2 * X.T @ error / len(y)"


def _best_weights(w, X, y):
    return torch.linalg.lstsq(X, y[:, None]).solution[:, 0]


LINEAR = (
    Slip(
        "sign turned",
        ("X @ w - y", "y - X @ w"),
        "Every sign is turned: {yours:.4g} for {expected:.4g}. The gradient points to where the loss grows; with the "
        "error as target minus prediction a minus comes down from the inner derivative. Take prediction minus target, "
        "`X @ w - y`, or put the minus in front.",
    ),
    Slip(
        "target left out",
        ("X @ w - y", "X @ w"),
        "The targets are not used: {yours:.4g} for {expected:.4g}. The prediction stands where its error belongs, so "
        "this gradient pulls every prediction to 0.",
    ),
    Slip(
        "target added",
        ("X @ w - y", "X @ w + y"),
        "Prediction and target are added; the error is their difference: {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "errors squared",
        ("X @ w - y", "(X @ w - y) ** 2"),
        "The errors are squared still: {yours:.4g} for {expected:.4g}. The square belongs to the loss; its derivative "
        "is 2 times the error, with its sign.",
    ),
    Slip(
        "sign of the error alone",
        ("@ error", "@ error.sign()"),
        "Only the sign of each error is used: {yours:.4g} for {expected:.4g}. That belongs to the mean *absolute* "
        "error (without the 2). Of a square the derivative is 2 times the error, so large errors pull harder.",
    ),
    Slip(
        "absolute errors",
        ("X @ w - y", "(X @ w - y).abs()"),
        "The errors have lost their signs: {yours:.4g} for {expected:.4g}. A prediction that is too high has to come "
        "down and one that is too low has to go up; the sign says which.",
        hint=FORM,
    ),
    Slip(
        "divided by the columns",
        ("len(y)", "len(w)"),
        "You divide by the number of columns, the weights. The mean of the loss goes over the rows, one error for "
        "each: {ratio:.3g} times what is right here. Divide by `len(y)`.",
        hint=LINE,
    ),
    Slip(
        "divided by all entries of X",
        ("len(y)", "X.numel()"),
        "You divide by rows times columns: {ratio:.3g} of what is right. The loss is a mean over the rows, one error "
        "for each; the columns are summed over in the prediction.",
        hint=LINE,
    ),
    Slip(
        "n - 1 for n",
        ("len(y)", "(len(y) - 1)"),
        "You divide by n - 1. That is for a variance; the loss is the plain mean over n rows, and with one row there "
        "would be nothing to divide by.",
        hint=LINE,
    ),
    Slip(
        "means multiplied",
        (WHOLE, "2 * X.mean(dim=0) * error.mean()"),
        "You take the mean of the inputs times the mean of the errors: {yours:.4g} for {expected:.4g}. Each error "
        "belongs to its own row: multiply row by row first, then take the mean. That is what `X.T @ error` does.",
        hint=FORM,
    ),
    Slip(
        "inputs left out",
        (WHOLE, "2 * error / len(y)"),
        "This is the gradient in the *predictions*, one number for each row. The chain rule goes on: a prediction "
        "depends on weight k through column k of X, so that column is multiplied in and summed over, `X.T @ ...`.",
        hint=FORM,
    ),
    Slip(
        "mean error alone",
        (WHOLE, "2 * error.mean()"),
        "One number comes back, 2 times the mean error: the slope in a weight whose input is always 1. Each weight "
        "has an input of its own, a column of X, that multiplies the errors: `X.T @ error`.",
        hint=FORM,
    ),
    Slip(
        "one gradient for each row",
        (WHOLE, "2 * X * error[:, None]"),
        "One gradient for each example comes back, a matrix in the shape of X. The gradient of the mean is their mean "
        "over the rows, `.mean(dim=0)`.",
        hint=FORM,
    ),
    Slip(
        "mean over the columns",
        (WHOLE, "(2 * X * error[:, None]).mean(dim=1)"),
        "The mean is taken along each row, over the weights, and a number for each example is left. Take it over the "
        "examples, `dim=0`: a number for each weight.",
        hint=LINE,
    ),
    Slip(
        "one mean for all weights",
        (WHOLE, "(2 * X * error[:, None]).mean()"),
        "The mean goes over everything, and one number is left for all weights. Take it over the examples only, "
        "`.mean(dim=0)`: each weight has a slope of its own.",
        hint=LINE,
    ),
    Slip(
        "each with every other",
        ("X @ w - y", "X @ w[:, None] - y"),
        "Each prediction is compared with every target: a column, (n, 1), less a row, (n,), broadcasts to n x n, and "
        "a matrix comes out where one slope for each weight belongs. Keep `w` as it is; `X @ w` has the shape of `y`.",
        hint=LINE,
    ),
    Slip(
        "a column returned",
        ("X @ w - y", "X @ w[:, None] - y[:, None]"),
        "The numbers are right, but they come as a column, (columns, 1), where `w` has shape (columns,). A step `w - "
        "lr * gradient` would then broadcast to a matrix. Keep `w` and `y` one-dimensional.",
        hint=LINE,
    ),
    Slip(
        "loss returned",
        (WHOLE, "(error**2).mean()"),
        "This is the loss itself, one number. Its slope in each weight is wanted: `2 * X.T @ error / len(y)` says how "
        "much the loss grows for each unit of each weight.",
    ),
    Slip(
        "best weights returned",
        _best_weights,
        "These are the weights at which the loss is smallest, where the gradient is 0. Wanted is the gradient at the "
        "`w` that comes in: {yours:.4g} for {expected:.4g}.",
    ),
)

LINEAR_CONVENTIONS = (
    Convention(
        "of half the mean",
        ("2 * X.T", "X.T"),
        "This is the gradient of *half* the mean squared error, which many books take so that the 2 cancels. Yours "
        "times 2 is that of this course's loss, and of torch's. The learning rate that fits yours is twice that for "
        "theirs.",
    ),
    Convention(
        "of the sum",
        (" / len(y)", ""),
        "This is the gradient of the *sum* of the squared errors, torch's `reduction='sum'`. Yours divided by the "
        "number of rows is that of the mean: {expected:.4g} for your {yours:.4g}. It grows with the data, so a "
        "learning rate that fits the mean is too large for it by that number.",
    ),
    Convention(
        "of half the sum",
        [("2 * X.T", "X.T"), (" / len(y)", "")],
        "This is the gradient of half the *sum* of the squared errors, as in Bishop (2006), section 3.1.1. Yours times "
        "2/n is that of the mean, with n the number of rows: {expected:.4g} for your {yours:.4g}.",
    ),
)


# ---- the cross-entropy

SOFTMAX = "shifted.exp() / shifted.exp().sum(dim=-1, keepdim=True)"
RESULT = "(p - one_hot) / len(labels)"


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
        (RESULT, "(p.log() - one_hot) / len(labels)"),
        "The logarithms of the probabilities stand where the probabilities belong. The logarithm is gone when the "
        "derivative is taken: what is left is p, less 1 for the right class.",
        hint=FORM,
    ),
    Slip(
        "gradient in the probabilities",
        (RESULT, "-one_hot / p / len(labels)"),
        "This is the gradient in the *probabilities*, -1/p for the right class. Wanted is that in the scores: the "
        "chain rule goes on through the softmax, and all fractions cancel to p - 1 and p. It is also safe there: -1/p "
        "overflows where p is 0.",
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
