"""The mistakes that are made in the gradient of a batch: in which rows count, and in the gradient itself."""

from __future__ import annotations

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

ROWS, WHOLE = "X[index], y[index]", "2 * X_batch.T @ error / len(index)"
COUNT = ("len(index)", "len(index.unique())")

GRADIENT = (
    Slip(
        "index not used",
        [(ROWS, "X, y"), ("len(index)", "len(y)")],
        "This is the gradient over all rows: {yours:.4g} for {expected:.4g}. Only the rows in `index` count, "
        "`X[index]` and `y[index]`; that is what makes it cheap.",
    ),
    Slip(
        "all rows, divided by the batch",
        (ROWS, "X, y"),
        "All rows are summed over, and only the number of those in the batch divides: {yours:.4g} for {expected:.4g}. "
        "Take the rows first: `X[index]`, `y[index]`.",
    ),
    Slip(
        "divided by all rows",
        ("len(index)", "len(y)"),
        "You divide by the number of all rows, N: yours is {ratio:.3g} times what is right here, |I|/N. The mean goes "
        "over the rows of the batch, `len(index)`: else a small batch takes small steps, only because it is small.",
        hint=LINE,
    ),
    Slip(
        "first rows",
        (ROWS, "X[: len(index)], y[: len(index)]"),
        "You take the first rows, as many as the batch has, whichever rows `index` names: {yours:.4g} for "
        "{expected:.4g}. `X[index]` takes the rows that it names.",
        hint=FORM,
    ),
    Slip(
        "targets of other rows",
        ("y[index]", "y[: len(index)]"),
        "The inputs are those of the batch, the targets those of the first rows: {yours:.4g} for {expected:.4g}. Both "
        "must be taken with the same `index`.",
        hint=FORM,
    ),
    Slip(
        "inputs of other rows",
        ("= X[index]", "= X[: len(index)]"),
        "The targets are those of the batch, the inputs those of the first rows: {yours:.4g} for {expected:.4g}. Both "
        "must be taken with the same `index`.",
        hint=FORM,
    ),
    Slip(
        "rows sorted in the targets",
        ("y[index]", "y[index.sort().values]"),
        "Inputs and targets are in different order: {yours:.4g} for {expected:.4g}. Each input belongs to its own "
        "target: `X[index]` and `y[index]` keep them together.",
        hint=FORM,
    ),
    Slip(
        "a row counted once that came twice",
        [(ROWS, "X[index.unique()], y[index.unique()]"), COUNT],
        "Right where all rows differ. Where a row comes twice in `index` it counts once in yours, {yours:.4g} for "
        "{expected:.4g}; it must count twice, as with a batch that is drawn with replacement. `X[index]` does so.",
        hint=FORM,
    ),
    Slip(
        "a row added once that came twice",
        (ROWS, "X[index.unique()], y[index.unique()]"),
        "Right where all rows differ. Where a row comes twice in `index` it is added once, and divided by as if it "
        "came twice: {yours:.4g} for {expected:.4g}. A mask of True and False knows no twice; `X[index]` does.",
        hint=FORM,
    ),
    Slip(
        "last row only",
        (WHOLE, "2 * X_batch[-1] * error[-1] / len(index)"),
        "Only the last row of the batch counts: {yours:.4g} for {expected:.4g}. In a loop over the rows `g = ...` "
        "forgets what was there; `g = g + ...` adds up.",
        hint=LINE,
    ),
    Slip(
        "last row alone",
        (WHOLE, "2 * X_batch[-1] * error[-1]"),
        "This is the gradient of the last row of the batch: {yours:.4g} for {expected:.4g}. In a loop over the rows "
        "`g = ...` forgets what was there; `g = g + ...` adds up, and after the loop the sum is divided by the number "
        "of rows.",
        hint=LINE,
    ),
    Slip(
        "first row only",
        (WHOLE, "2 * X_batch[0] * error[0]"),
        "Only the first row of the batch counts: {yours:.4g} for {expected:.4g}. The gradient is the mean over all "
        "rows of the batch.",
        hint=FORM,
    ),
    Slip(
        "sign turned",
        ("X_batch @ w - y_batch", "y_batch - X_batch @ w"),
        "Every sign is turned: {yours:.4g} for {expected:.4g}. The gradient points to where the loss grows; the error "
        "is prediction minus target, `X_batch @ w - y_batch`.",
    ),
    Slip(
        "target left out",
        ("X_batch @ w - y_batch", "X_batch @ w"),
        "The targets are not used: {yours:.4g} for {expected:.4g}. The prediction stands where its error belongs.",
    ),
    Slip(
        "errors squared",
        ("X_batch @ w - y_batch", "(X_batch @ w - y_batch) ** 2"),
        "The errors are squared still: {yours:.4g} for {expected:.4g}. The square belongs to the loss; its derivative "
        "is 2 times the error, with its sign.",
    ),
    Slip(
        "absolute errors",
        ("X_batch @ w - y_batch", "(X_batch @ w - y_batch).abs()"),
        "The errors have lost their signs: {yours:.4g} for {expected:.4g}. A prediction that is too high has to come "
        "down and one that is too low has to go up; the sign says which.",
        hint=FORM,
    ),
    Slip(
        "divided by the columns",
        ("len(index)", "len(w)"),
        "You divide by the number of weights. The mean of the loss goes over the rows of the batch, one error for "
        "each: {ratio:.3g} times what is right here. Divide by `len(index)`.",
        hint=LINE,
    ),
    Slip(
        "divided by all entries of the batch",
        ("len(index)", "X_batch.numel()"),
        "You divide by rows times columns: {ratio:.3g} of what is right. The loss is a mean over the rows of the "
        "batch, one error for each; over the columns the prediction has summed already.",
        hint=LINE,
    ),
    Slip(
        "n - 1 for n",
        ("len(index)", "(len(index) - 1)"),
        "You divide by one less than the number of rows. That is for a variance; the loss is the plain mean, and with "
        "one row there would be nothing to divide by.",
        hint=LINE,
    ),
    Slip(
        "means multiplied",
        (WHOLE, "2 * X_batch.mean(dim=0) * error.mean()"),
        "You take the mean of the inputs times the mean of the errors: {yours:.4g} for {expected:.4g}. Each error "
        "belongs to its own row: multiply row by row first, then take the mean. That is what `X_batch.T @ error` does.",
        hint=FORM,
    ),
    Slip(
        "inputs left out",
        (WHOLE, "2 * error / len(index)"),
        "This is the gradient in the *predictions*, one number for each row. The chain rule goes on: a prediction "
        "depends on weight k through column k, so that column is multiplied in and summed over, `X_batch.T @ ...`.",
        hint=FORM,
    ),
    Slip(
        "mean error alone",
        (WHOLE, "2 * error.mean()"),
        "One number comes back, 2 times the mean error: the slope in a weight whose input is always 1. Each weight has "
        "an input of its own that multiplies the errors: `X_batch.T @ error`.",
        hint=FORM,
    ),
    Slip(
        "one gradient for each row",
        (WHOLE, "2 * X_batch * error[:, None]"),
        "One gradient for each row of the batch comes back, a matrix. The gradient of the batch is their mean over the "
        "rows, `.mean(dim=0)`.",
        hint=FORM,
    ),
    Slip(
        "products not summed",
        ("@ error", "* error"),
        "`*` multiplies each input by its error and stops there: a matrix, one column for each row of the batch. `@` "
        "sums over them as well, so that one number for each weight is left.",
        hint=LINE,
    ),
    Slip(
        "mean over the columns",
        (WHOLE, "(2 * X_batch * error[:, None]).mean(dim=1)"),
        "The mean is taken along each row, over the weights, and a number for each row of the batch is left. Take it "
        "over the rows, `dim=0`: a number for each weight.",
        hint=LINE,
    ),
    Slip(
        "one mean for all weights",
        (WHOLE, "(2 * X_batch * error[:, None]).mean()"),
        "The mean goes over everything, and one number is left for all weights. Take it over the rows only, "
        "`.mean(dim=0)`: each weight has a slope of its own.",
        hint=LINE,
    ),
    Slip(
        "squeezed away",
        (WHOLE, f"({WHOLE}).squeeze()"),
        "Right where there are two weights or more. Where there is one, `squeeze()` takes its dimension away too, and "
        "shape () is not the shape of `w`, (1,).",
        hint=LINE,
    ),
    Slip(
        "loss returned",
        (WHOLE, "(error**2).mean()"),
        "This is the loss of the batch, one number. Its slope in each weight is wanted: how much the loss grows for "
        "each unit of that weight.",
    ),
)

GRADIENT_CONVENTIONS = (
    Convention(
        "of half the mean",
        ("2 * X_batch.T", "X_batch.T"),
        "This is the gradient of *half* the mean squared error, which many books take so that the 2 cancels. Yours "
        "times 2 is that of this course's loss, and of torch's. The learning rate that fits yours is twice that for "
        "theirs.",
    ),
    Convention(
        "of the sum",
        (" / len(index)", ""),
        "This is the gradient of the *sum* over the batch, torch's `reduction='sum'`. Yours divided by the number of "
        "rows in the batch is that of the mean: {expected:.4g} for your {yours:.4g}. It grows with the batch, so a "
        "learning rate that fits one batch size is wrong for another.",
    ),
    Convention(
        "of half the sum",
        [("2 * X_batch.T", "X_batch.T"), (" / len(index)", "")],
        "This is the gradient of half the *sum* over the batch. Yours times 2/|I| is that of the mean, with |I| the "
        "rows in the batch: {expected:.4g} for your {yours:.4g}.",
    ),
    Convention(
        "an estimate of the sum over all rows",
        ("return 2", "return len(y) * 2"),
        "This estimates the gradient of the *sum* over all rows: the batch's mean times N. Yours divided by N, the "
        "number of all rows, is that of the mean. It does not depend on the batch size, but on how much data there is.",
    ),
)
