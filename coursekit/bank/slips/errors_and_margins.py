"""The mistakes that are made in the losses of one number against another: the squared error and the hinge."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

MEAN_FORGOTTEN = Slip(
    "mean forgotten",
    (".mean()", ""),
    "It returns one number for each element, and a loss is one number in all. `backward()` needs one number to go down "
    "from: take the mean at the end.",
    hint=LINE,
)

# What a loss must not do with its own result: both have the right value, and nothing can be trained with them.
NO_GRADIENT = (
    Slip(
        "gradient cut off",
        (".mean()", ".mean().detach()"),
        "The value is right, but no gradient flows back to the prediction: `.detach()`, `.data` or `torch.no_grad()` "
        "cuts it off, and training would stand still without a word. Compute with the tensors as they come in.",
        hint=LINE,
    ),
    Slip(
        "a Python number returned",
        (".mean()", ".mean().item()"),
        "The value is right, but it is a Python number and no tensor: `.item()` or `float(...)` cuts it off from the "
        "prediction, and no gradient can flow back. Return the 0-d tensor; use `.item()` only to print.",
        hint=LINE,
    ),
)


# ---- the mean squared error

MSE = (
    MEAN_FORGOTTEN,
    Slip(
        "errors not squared",
        (" ** 2", ""),
        "The errors are not squared, so those above and those below cancel: {yours:.3g} for {expected:.3g}. A loss of "
        "zero would only say that the errors balance, and its minimum would be at minus infinity.",
    ),
    Slip(
        "doubled for squared",
        ("** 2", "* 2"),
        "`* 2` doubles the errors, `** 2` squares them: {yours:.3g} for {expected:.3g}. Doubled errors still cancel.",
        hint=LINE,
    ),
    Slip(
        "absolute value for square",
        ("((prediction - target) ** 2)", "(prediction - target).abs()"),
        "This is the mean absolute error, {yours:.3g}; the mean of the squares is {expected:.3g}. The two agree on "
        "what is perfect and on little else: outliers pull the square far more than the absolute value.",
    ),
    Slip(
        "root taken",
        (".mean()", ".mean().sqrt()"),
        "You return the root of the mean squared error, {yours:.3g} for {expected:.3g}. It is good to read, in the "
        "units of the target, but its gradient is another one, and it has none at a perfect prediction.",
        hint=FORM,
    ),
    Slip(
        "square of the mean error",
        ("((prediction - target) ** 2).mean()", "(prediction - target).mean() ** 2"),
        "You square after taking the mean: errors above and below cancel before they are squared, {yours:.3g} for "
        "{expected:.3g}. Square each error first, then take the mean.",
        hint=FORM,
    ),
    Slip(
        "difference of the squares",
        ("(prediction - target) ** 2", "prediction**2 - target**2"),
        "You subtract the squares; the square of the difference is wanted: {yours:.3g} for {expected:.3g}. `a**2 - "
        "b**2` is negative where the target is the larger one.",
        hint=LINE,
    ),
    Slip(
        "variance of the errors",
        ("((prediction - target) ** 2).mean()", "(prediction - target).var(correction=0)"),
        "This is the variance of the errors, {yours:.3g} for {expected:.3g}: their mean is taken out first, so a "
        "prediction that is always 10 too high would cost nothing.",
    ),
    Slip(
        "added for subtracted",
        ("prediction - target", "prediction + target"),
        "Prediction and target are added. The error is their difference, which is 0 when they agree: {yours:.3g} for "
        "{expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "sign turned",
        ("return ((", "return -(("),
        "The loss has a minus sign: {yours:.3g} for {expected:.3g}. Training makes the loss small, so this one would "
        "drive the prediction away from the target, without end.",
    ),
    Slip(
        "mean over the first dimension only",
        (".mean()", ".mean(dim=0)"),
        "The mean goes over dimension 0 alone and leaves one number per column where there are columns. Without `dim` "
        "it goes over everything.",
        hint=LINE,
    ),
    Slip(
        "divided by the rows only",
        (".mean()", ".sum() / len(prediction)"),
        "You divide by the number of rows, `len(...)`; where there are columns too, the mean divides by all elements: "
        "yours is {ratio:.3g} times too large there. `numel()` counts them all.",
        hint=LINE,
    ),
    Slip(
        "n - 1 for n",
        (".mean()", ".sum() / (prediction.numel() - 1)"),
        "You divide by n - 1. That is for a variance around a mean which was estimated from the same numbers; a loss "
        "is the plain mean of n squares: {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "relative errors",
        ("(prediction - target)", "((prediction - target) / target)"),
        "Each error is divided by its target before it is squared: {yours:.3g} for {expected:.3g}. That is a relative "
        "error; it has no value where the target is 0.",
        hint=FORM,
    ),
    Slip(
        "median for mean",
        (".mean()", ".median()"),
        "You take the median of the squares, {yours:.3g}, not their mean, {expected:.3g}. The median does not see how "
        "far off the far half is, and its gradient reaches one element alone.",
        hint=FORM,
    ),
    Slip(
        "each with every other",
        ("prediction - target", "prediction.reshape(-1, 1) - target.reshape(-1)"),
        "Each prediction is compared with every target, not with its own: a column, (n, 1), against a row, (n,), "
        "broadcasts to n x n: {yours:.3g} for {expected:.3g}. A model trained with it learns the mean of all targets. "
        "Give both the same shape.",
        hint=LINE,
    ),
    *NO_GRADIENT,
)

MSE_CONVENTIONS = (
    Convention(
        "half the mean",
        (".mean()", ".mean() / 2"),
        "This is half the mean squared error; some books write the 1/2 so that it cancels the 2 of the derivative. The "
        "minimum is in the same place. Yours times 2 is this course's and torch's; your gradient is half of theirs, "
        "so the learning rate that fits yours is twice that for theirs.",
    ),
    Convention(
        "summed over the elements",
        (".mean()", ".sum()"),
        "This is the sum of the squared errors, torch's `reduction='sum'`. Yours divided by the number of elements is "
        "the mean of this course: here {expected:.3g} for your {yours:.3g}. A learning rate that fits the mean is too "
        "large for the sum, by that number.",
    ),
    Convention(
        "half the sum",
        (".mean()", ".sum() / 2"),
        "This is half the sum of the squared errors, as in Bishop (2006), equation 1.2. Yours times 2/n is this "
        "course's and torch's, with n the number of elements: here {expected:.3g} for your {yours:.3g}. A learning "
        "rate that fits the mean is too large for the sum, by n/2.",
    ),
)


# ---- the hinge loss


def _over_violating(scores, labels):
    missing = (1 - labels * scores).clamp(min=0)
    return missing.sum() / (missing > 0).sum().clamp(min=1)


def _hinge_embedding(scores, labels):
    return torch.where(labels > 0, scores, (1 - scores).clamp(min=0)).mean()


HINGE = (
    MEAN_FORGOTTEN,
    Slip(
        "max forgotten",
        (".clamp(min=0)", ""),
        "Nothing keeps the loss at 0: an example that is right by more than the margin brings it down, {yours:.3g} for "
        "{expected:.3g}, and a few such can pay for mistakes. Below zero each example's loss must be cut off.",
    ),
    Slip(
        "margin 0",
        ("1 - labels * scores", "-labels * scores"),
        "The margin is 0: an answer that is right by a hair costs nothing, {yours:.3g} for {expected:.3g}. This is the "
        "perceptron's loss; all scores 0 would be perfect for it. The hinge asks for a margin of 1.",
        hint=FORM,
    ),
    Slip(
        "labels 0 and 1 expected",
        ("labels * scores", "(2 * labels - 1) * scores"),
        "You turn labels 0 and 1 into -1 and +1, but they are -1 and +1 already: -1 becomes -3, and that class counts "
        "three times. Use the labels as they come.",
    ),
    Slip(
        "sign of the margin turned",
        ("1 - labels", "1 + labels"),
        "You add the margin `labels * scores` to 1: then the surest right answers cost the most, {yours:.3g} for "
        "{expected:.3g}. The margin is what there is, 1 is what is wanted: the loss is what is missing.",
        hint=LINE,
    ),
    Slip(
        "min for max",
        ("clamp(min=0)", "clamp(max=0)"),
        "You keep what is below 0 and cut off what is above: the loss is negative, {yours:.3g} for {expected:.3g}. "
        "`max(0, x)` is `x.clamp(min=0)`: the *smallest* value allowed is 0.",
        hint=LINE,
    ),
    Slip(
        "absolute value for max",
        (".clamp(min=0)", ".abs()"),
        "`abs` punishes an answer for being right by more than 1, {yours:.3g} for {expected:.3g}. Past the margin the "
        "hinge is 0: there it has nothing more to ask.",
        hint=FORM,
    ),
    Slip(
        "mean inside the max",
        (".clamp(min=0).mean()", ".mean().clamp(min=0)"),
        "You cut off the mean at 0, and not each example: the sure ones pay for the wrong ones, {yours:.3g} for "
        "{expected:.3g}. First `max(0, ...)` for each, then the mean.",
        hint=FORM,
    ),
    Slip(
        "labels not used",
        ("labels * scores", "scores"),
        "The labels play no part: every example is treated as if its label were +1, {yours:.3g} for {expected:.3g}.",
    ),
    Slip(
        "only the sign of the score",
        ("* scores", "* scores.sign()"),
        "Only the sign of the score is used, which counts mistakes: {yours:.3g} for {expected:.3g}. The sign is flat "
        "wherever it does not jump, so its gradient is 0 and nothing can be learned from it.",
        hint=FORM,
    ),
    Slip(
        "sum of label and score",
        ("labels * scores", "(labels + scores)"),
        "Label and score are added; the margin is their product, which is positive when their signs agree: {yours:.3g} "
        "for {expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "hinge embedding loss",
        _hinge_embedding,
        "This is torch's `hinge_embedding_loss`, which is made for distances: with label +1 it costs the score itself, "
        "so it makes the scores of that class small. {yours:.3g} for {expected:.3g}.",
    ),
    Slip(
        "sign turned",
        ("return (", "return -("),
        "The loss has a minus sign: {yours:.3g} for {expected:.3g}. Training makes the loss small, so this one would "
        "make every mistake worse.",
        hint=LINE,
    ),
    Slip(
        "mean over the violating examples",
        _over_violating,
        "The sum is divided by the number of examples that cost something, not by all of them: {yours:.3g} for "
        "{expected:.3g}. The loss then does not fall when an example gets to the right side of its margin.",
        hint=FORM,
    ),
    *NO_GRADIENT,
)

HINGE_CONVENTIONS = (
    Convention(
        "squared hinge",
        ("(1 - labels * scores).clamp(min=0)", "((1 - labels * scores).clamp(min=0) ** 2)"),
        "This is the squared hinge, which scikit-learn's LinearSVC uses unless told otherwise. It is 0 for the same "
        "examples, and 1 at a score of 0 as well; elsewhere no constant turns one into the other: it grows with the "
        "square of what is missing, so it has no kink and minds outliers more. Leave out the square for the hinge.",
    ),
    Convention(
        "summed over the examples",
        (".mean()", ".sum()"),
        "This is the sum over the examples, as in C times the sum of Cortes and Vapnik (1995). Yours divided by n is "
        "the mean. A learning rate that fits the mean is too large for the sum, by n: {ratio:.3g} here.",
    ),
)
