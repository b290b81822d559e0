"""The mistakes that are made in the gradient of a line through data."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

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
        "Only the sign of each error is used: {yours:.4g} for {expected:.4g}. Of a square the derivative is 2 times "
        "the error, so that large errors pull harder.",
    ),
    Slip(
        "of the absolute error",
        [("2 * X.T", "X.T"), ("@ error", "@ error.sign()")],
        "This is the gradient of the mean *absolute* error: {yours:.4g} for {expected:.4g}. There every error pulls "
        "with the same force; of a square the derivative is 2 times the error, so that large errors pull harder.",
    ),
    Slip(
        "of the root",
        (WHOLE, "X.T @ error / len(y) / (error**2).mean().sqrt()"),
        "This is the gradient of the *root* of the mean squared error: {yours:.4g} for {expected:.4g}. Without the "
        "root nothing stands below the line but the number of rows.",
    ),
    Slip(
        "of length 1",
        (WHOLE, f"torch.nn.functional.normalize({WHOLE}, dim=0)"),
        "Yours is divided by its own length, so that it always has length 1: {yours:.4g} for {expected:.4g}. The "
        "length says how steep the loss is, and goes to 0 at the minimum.",
        hint=FORM,
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
        "products not summed",
        ("@ error", "* error"),
        "`*` multiplies each input by its error and stops there: a matrix, one column for each example. `@` sums over "
        "the examples as well, so that one number for each weight is left.",
        hint=LINE,
    ),
    Slip(
        "last row only",
        (WHOLE, "2 * X[-1] * error[-1] / len(y)"),
        "Only the last row counts: {yours:.4g} for {expected:.4g}. In a loop over the rows `g = ...` forgets what was "
        "there; `g = g + ...` adds up.",
        hint=LINE,
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
        "each with every other, averaged",
        [("X @ w - y", "X @ w[:, None] - y"), (WHOLE, f"({WHOLE}).mean(dim=1)")],
        "Each prediction is compared with every target: a column, (n, 1), less a row, (n,), broadcasts to n x n. The "
        "mean then hides it: {yours:.4g} for {expected:.4g}, as if every target were the mean of all. Keep `w` as it "
        "is; `X @ w` has the shape of `y`.",
        hint=LINE,
    ),
    Slip(
        "squeezed away",
        (WHOLE, f"({WHOLE}).squeeze()"),
        "Right where there are two weights or more. Where there is one, `squeeze()` takes its dimension away too, and "
        "shape () is not the shape of `w`, (1,). Say which dimension is to go, `squeeze(1)`, or make no column of `w`.",
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
