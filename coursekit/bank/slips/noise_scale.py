"""The mistakes that are made in the noise scale: above the line, below it, and in the mean between."""

from __future__ import annotations

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

ROWS, MEAN = "per_example_grads", "per_example_grads.mean(dim=0)"
TRACE, LENGTH = "(deviations**2).sum() / (len(per_example_grads) - 1)", "(mean**2).sum()"
RESULT = f"trace / {LENGTH}"

SCALE = (
    Slip(
        "mean not taken off",
        (f"{ROWS} - mean", ROWS),
        "The squares are of the gradients themselves, {yours:.4g} for {expected:.4g}. The covariance is about their "
        "mean: take it off first. Otherwise gradients that all agree would count as noise.",
        hint=FORM,
    ),
    Slip(
        "root of it",
        (RESULT, f"({RESULT}).sqrt()"),
        "This is the root, length of the noise over length of the gradient: {yours:.4g} for {expected:.4g}. The noise "
        "scale has the squares of both, since noise falls with the *root* of the batch size.",
        hint=FORM,
    ),
    Slip(
        "upside down",
        (RESULT, f"{LENGTH} / trace"),
        "It is the other way round, signal over noise. The noise is above the line: the noisier the gradients, the "
        "more rows pay, and where they all agree it is 0.",
    ),
    Slip(
        "length not squared",
        (LENGTH, f"{LENGTH}.sqrt()"),
        "Below the line is the length of the mean gradient, not its square: {yours:.4g} for {expected:.4g}. A variance "
        "is a square; over a length it would change with the units of the loss.",
        hint=FORM,
    ),
    Slip(
        "length squared twice",
        (LENGTH, f"{LENGTH} ** 2"),
        "The length of the mean gradient is squared twice: {yours:.4g} for {expected:.4g}. The sum of the squares is "
        "already the square of the length.",
        hint=LINE,
    ),
    Slip(
        "standard deviations for variances",
        (TRACE, f"{ROWS}.std(dim=0).sum()"),
        "You add up the standard deviations, {yours:.4g} for {expected:.4g}. On the diagonal of the covariance stand "
        "their squares, the variances.",
        hint=FORM,
    ),
    Slip(
        "deviations not squared",
        ("(deviations**2)", "deviations.abs()"),
        "You add up the sizes of the deviations, {yours:.4g} for {expected:.4g}. A variance is the mean of their "
        "squares.",
        hint=FORM,
    ),
    Slip(
        "one mean for all weights",
        (MEAN, f"{ROWS}.mean()"),
        "The mean goes over examples and weights, and one number is left: {yours:.4g} for {expected:.4g}. The mean "
        "gradient has a number for each weight: `.mean(dim=0)`.",
        hint=LINE,
    ),
    Slip(
        "one variance for all weights",
        (TRACE, f"{ROWS}.var()"),
        "The variance goes over all numbers at once, {yours:.4g} for {expected:.4g}: that weights differ from each "
        "other counts as noise in it. Take it over the examples, for each weight by itself, and add up: "
        "`.var(dim=0).sum()`.",
        hint=FORM,
    ),
    Slip(
        "rows and columns exchanged",
        [("mean(dim=0)", "mean(dim=1, keepdim=True)"), (f"len({ROWS})", f"{ROWS}.shape[1]")],
        "Rows and columns are exchanged. An example is a row here, so the mean over the examples is along `dim=0`, and "
        "with one weight there is nothing to take a variance of along the other. (`torch.cov` wants the examples in "
        "the columns.)",
        hint=LINE,
    ),
    Slip(
        "mean along each row",
        ("mean(dim=0)", "mean(dim=1, keepdim=True)"),
        "The mean is taken along each row, over the weights: {yours:.4g} for {expected:.4g}. Over the examples it is "
        "`dim=0`, and a number for each weight is left.",
        hint=LINE,
    ),
    Slip(
        "variances along the rows",
        (TRACE, f"(({ROWS} - {ROWS}.mean(dim=1, keepdim=True)) ** 2).sum() / ({ROWS}.shape[1] - 1)"),
        "The variances are taken along the rows, over the weights, and not over the examples; with one weight there is "
        "nothing to take them of. (`torch.cov` takes each row for a variable: hand it `per_example_grads.T`.)",
        hint=FORM,
    ),
    Slip(
        "mean of the squares below",
        (LENGTH, "(mean**2).mean()"),
        "Below the line is the *mean* of the squares, so yours is {ratio:.3g} times what is right, the number of "
        "weights. The square of a length is the sum of the squares.",
        hint=LINE,
    ),
    Slip(
        "mean of the variances above",
        (TRACE, f"({TRACE}) / len(mean)"),
        "Above the line is the *mean* of the variances, {yours:.4g} for {expected:.4g}. The trace is their sum: one "
        "for each weight.",
        hint=LINE,
    ),
    Slip(
        "divided by the weights",
        (f"(len({ROWS}) - 1)", "len(mean)"),
        "You divide by the number of weights, {yours:.4g} for {expected:.4g}. A variance is a mean over the examples, "
        "N - 1 of them; over the weights the trace is a sum.",
        hint=LINE,
    ),
    Slip(
        "not divided",
        (f" / (len({ROWS}) - 1)", ""),
        "The squared deviations are added up and not divided, so yours is {ratio:.3g} times what is right, N - 1. A "
        "variance is a mean: with twice the data it must not be twice as large.",
        hint=FORM,
    ),
    Slip(
        "noise of the mean over all rows",
        (TRACE, f"{TRACE} / len({ROWS})"),
        "You divide by the number of examples once more, {yours:.4g} for {expected:.4g}. That is how noisy the mean "
        "over all rows is. The noise scale begins with the noise of *one* row.",
        hint=FORM,
    ),
    Slip(
        "divided by N + 1",
        (f"(len({ROWS}) - 1)", f"(len({ROWS}) + 1)"),
        "You divide by N + 1, {yours:.4g} for {expected:.4g}. With the mean taken from the same rows it is N - 1.",
        hint=LINE,
    ),
    Slip(
        "mean squared length below",
        (LENGTH, f"({ROWS}**2).sum(dim=1).mean()"),
        "Below the line is the mean of the squared lengths, {yours:.4g} for {expected:.4g}; there the noise counts "
        "too. Take the mean of the gradients first, then the square of its length.",
        hint=FORM,
    ),
    Slip(
        "mean length below",
        (LENGTH, f"{ROWS}.norm(dim=1).mean() ** 2"),
        "Below the line is the mean of the lengths, squared: {yours:.4g} for {expected:.4g}. Gradients that point "
        "against each other cancel in the mean, but their lengths do not. Take the mean of the gradients first.",
        hint=FORM,
    ),
    Slip(
        "sum of the gradients below",
        (LENGTH, f"({ROWS}.sum(dim=0) ** 2).sum()"),
        "Below the line is the squared length of the *sum* of the gradients: {yours:.4g} for {expected:.4g}, N * N "
        "times too small. It is that of their mean.",
        hint=LINE,
    ),
    Slip(
        "squared after the sum",
        (LENGTH, "mean.sum() ** 2"),
        "Below the line the numbers of the mean gradient are added up, then squared: {yours:.4g} for {expected:.4g}. "
        "Numbers of both signs cancel so. Square each, then add up.",
        hint=LINE,
    ),
    Slip(
        "one mean for all weights below",
        (LENGTH, f"{ROWS}.mean() ** 2"),
        "Below the line is the mean over examples *and* weights, squared: {yours:.4g} for {expected:.4g}. Numbers of "
        "both signs cancel so. Take the mean over the examples, `.mean(dim=0)`, square each number, then add up.",
        hint=LINE,
    ),
    Slip(
        "each weight by itself",
        (RESULT, f"{ROWS}.var(dim=0) / mean**2"),
        "One number for each weight comes back, its variance over its squared mean. The noise scale is one number: the "
        "sum of all variances over the sum of all squares.",
        hint=FORM,
    ),
    Slip(
        "mean of the ratios",
        (RESULT, f"({ROWS}.var(dim=0) / mean**2).mean()"),
        "You divide for each weight by itself and take the mean, {yours:.4g} for {expected:.4g}; one weight with a "
        "slope near 0 then outweighs all others. Sum above, sum below, and divide once.",
        hint=FORM,
    ),
    Slip(
        "sum of the ratios",
        (RESULT, f"({ROWS}.var(dim=0) / mean**2).sum()"),
        "You divide for each weight by itself and add up, {yours:.4g} for {expected:.4g}; one weight with a slope "
        "near 0 then outweighs all others. Sum above, sum below, and divide once.",
        hint=FORM,
    ),
    Slip(
        "whole covariance summed",
        (TRACE, f"torch.cov({ROWS}.T).sum()"),
        "You add up the whole covariance matrix, {yours:.4g} for {expected:.4g}. The trace is the sum of its diagonal, "
        "the variances.",
        hint=FORM,
    ),
    Slip(
        "norm of the covariance",
        (TRACE, f"torch.cov({ROWS}.T).norm()"),
        "You take the norm of the covariance matrix, {yours:.4g} for {expected:.4g}. The trace is the sum of its "
        "diagonal, the variances.",
        hint=FORM,
    ),
    Slip(
        "variance of the lengths",
        (TRACE, f"{ROWS}.norm(dim=1).var()"),
        "You take the variance of the gradients' *lengths*, {yours:.4g} for {expected:.4g}. Gradients of the same "
        "length that point elsewhere are noise too.",
        hint=FORM,
    ),
    Slip(
        "noise alone",
        (RESULT, "trace"),
        "This is the trace of the covariance, the noise alone. It has yet to be compared with the gradient: divide by "
        "the squared length of the mean.",
        hint=FORM,
    ),
    Slip(
        "sign turned",
        (RESULT, f"-{RESULT}"),
        "The sign is turned: {yours:.4g} for {expected:.4g}. Squares over squares are never negative.",
        hint=LINE,
    ),
    Slip(
        "something added below",
        (LENGTH, f"({LENGTH} + 1e-8)"),
        "A small number is added below the line. Where the mean gradient is 0 the noise scale is infinite: no batch is "
        "large enough. That is an answer and needs no guard.",
        hint=LINE,
    ),
)

SCALE_CONVENTIONS = (
    Convention(
        "N for N - 1",
        (f"(len({ROWS}) - 1)", f"len({ROWS})"),
        "This is the covariance over N, as NumPy's `var` has it: yours times N/(N - 1) is ours, {expected:.4g} for "
        "your {yours:.4g}. Of all the data there are, N is right; of a sample of them, N - 1 makes up for the mean "
        "that comes from the same rows.",
    ),
    Convention(
        "of a sample of many more",
        (LENGTH, f"({LENGTH} - trace / len({ROWS}))"),
        "You take off the noise that is still in the mean gradient, as McCandlish and others (2018, appendix A.1) do "
        "for a sample of many more examples. With b for yours, ours is b/(1 + b/N): {expected:.4g} for your "
        "{yours:.4g}. Here the rows are all there are.",
    ),
)
