"""The mistakes that are made in the penalties on the weights and in the gradient of the squared one."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3


def _mean_over_all(params, *, lam):
    return lam * sum((w**2).sum() for w in params) / sum(w.numel() for w in params)


def _mean_size_over_all(params, *, lam):
    return lam * sum(w.abs().sum() for w in params) / sum(w.numel() for w in params)


def _squares_not_added_up(params, *, lam):
    return torch.stack([lam * (w**2).sum() for w in params])


def _sizes_not_added_up(params, *, lam):
    return torch.stack([lam * w.abs().sum() for w in params])


def _of_both(not_added_up, mean_over_all) -> tuple[Slip, ...]:
    """Mistakes of either penalty: in the strength, in which weights count, in what comes back."""
    return (
        Slip(
            "lam forgotten",
            ("lam * sum", "sum"),
            "lam is not used: yours is {ratio:.3g} times the penalty, which is 1/lam. Without it nobody can say how "
            "much small weights are worth against a small loss.",
            hint=FORM,
        ),
        Slip(
            "lam squared",
            ("lam * sum", "lam**2 * sum"),
            "lam is multiplied in twice: yours is {ratio:.3g} times the penalty, which is lam. Does it stand inside "
            "the power, or before every term and before the sum as well?",
            hint=FORM,
        ),
        Slip(
            "divided by lam",
            ("lam * sum", "1 / lam * sum"),
            "You divide by lam, so a larger lam would punish large weights less: {yours:.3g} for {expected:.3g}. "
            "Multiply by it.",
            hint=FORM,
        ),
        Slip(
            "sign turned",
            ("lam * sum", "-lam * sum"),
            "The penalty is negative, {yours:.3g} for {expected:.3g}: added to a loss it would reward large weights, "
            "and training would drive them to infinity.",
        ),
        Slip(
            "first tensor only",
            ("for w in params", "for w in params[:1]"),
            "Only the first tensor of the list is counted. A `return` inside the loop does that, and so does "
            "`params[0]`. Add up all of them first.",
            hint=FORM,
        ),
        Slip(
            "last tensor only",
            ("for w in params", "for w in params[-1:]"),
            "Only the last tensor of the list is counted. A total that is set anew in each turn of a loop does that: "
            "add to it, `total = total + ...`.",
            hint=FORM,
        ),
        Slip(
            "vectors left out",
            ("in params)", "in params if w.dim() > 1)"),
            "Tensors with fewer than two dimensions are left out. It is good practice not to punish biases, but then "
            "they are not put into the list: this function counts all that it is given.",
        ),
        Slip(
            "mean of each tensor",
            (".sum() for", ".mean() for"),
            "Each tensor is averaged, not summed: {yours:.3g} for {expected:.3g}. A weight in a large layer would then "
            "count for less than one in a small layer.",
            hint=FORM,
        ),
        Slip(
            "mean over all weights",
            mean_over_all,
            "The sum is divided by the number of weights: {yours:.3g} for {expected:.3g}. A loss is a mean over "
            "examples; a penalty is a sum over weights, so that lam means the same for each of them.",
            hint=FORM,
        ),
        Slip(
            "mean over the tensors",
            ("for w in params)", "for w in params) / len(params)"),
            "The sum is divided by the number of tensors in the list: {yours:.3g} for {expected:.3g}. How the weights "
            "are packed into tensors must not matter.",
            hint=FORM,
        ),
        Slip(
            "not added up",
            not_added_up,
            "One number comes back for each tensor of the list. A penalty is one number in all, to be added to a loss: "
            "sum over the tensors too.",
            hint=LINE,
        ),
        Slip(
            "gradient cut off",
            [("return lam * sum", "return (lam * sum"), ("in params)", "in params)).detach()")],
            "The value is right, but no gradient flows back to the weights: `.detach()`, `.data` or `torch.no_grad()` "
            "cuts it off. Added to a loss this penalty would change nothing. Compute with the tensors as they come in.",
            hint=LINE,
        ),
        Slip(
            "a Python number returned",
            [("return lam * sum", "return (lam * sum"), ("in params)", "in params)).item()")],
            "The value is right, but it is a Python number and no tensor: `.item()` or `float(...)` cuts it off from "
            "the weights, and no gradient can flow back. Return the 0-d tensor; use `.item()` only to print.",
            hint=LINE,
        ),
    )


L2 = (
    *_of_both(_squares_not_added_up, _mean_over_all),
    Slip(
        "absolute values for squares",
        ("(w**2)", "w.abs()"),
        "This is the L1 penalty, the sum of the absolute values: {yours:.3g} for {expected:.3g}. The L2 penalty "
        "squares each weight.",
    ),
    Slip(
        "weights not squared",
        ("(w**2)", "w"),
        "The weights are summed as they are, so positive and negative ones cancel: {yours:.3g} for {expected:.3g}. "
        "Square each first.",
    ),
    Slip(
        "doubled for squared",
        ("w**2", "w * 2"),
        "`* 2` doubles the weights, `** 2` squares them: {yours:.3g} for {expected:.3g}. Doubled weights still cancel.",
        hint=LINE,
    ),
    Slip(
        "square of the sum",
        ("(w**2).sum()", "w.sum() ** 2"),
        "The weights of a tensor are added first and their sum is squared: positive and negative ones cancel, "
        "{yours:.3g} for {expected:.3g}. Square each, then sum.",
        hint=FORM,
    ),
    Slip(
        "root of the sum",
        ("in params)", "in params) ** 0.5"),
        "You take the root of the sum of squares, which is the norm: {yours:.3g} for {expected:.3g}. The L2 penalty is "
        "the norm *squared*; its slope, 2 lam w, fades as a weight gets small.",
        hint=FORM,
    ),
    Slip(
        "norm of each tensor",
        ("(w**2).sum()", "w.norm()"),
        "The norms of the tensors are added, each a root: {yours:.3g} for {expected:.3g}. The L2 penalty adds the "
        "squares of all weights: the square of each norm.",
        hint=FORM,
    ),
)

L2_CONVENTIONS = (
    Convention(
        "half the sum",
        ("lam * sum", "lam / 2 * sum"),
        "This is lam/2 times the sum of squares, as in Goodfellow, Bengio and Courville (2016), section 7.1.1: the 1/2 "
        "cancels the 2 of the derivative, so that the gradient is lam w, and lam is what torch calls `weight_decay`. "
        "Here lam comes without the half: yours at 2 lam is this course's at lam.",
    ),
)

L1 = (
    *_of_both(_sizes_not_added_up, _mean_size_over_all),
    Slip(
        "absolute value forgotten",
        ("w.abs()", "w"),
        "The weights are summed with their signs, so positive and negative ones cancel: {yours:.3g} for "
        "{expected:.3g}. Training would make this one small by sending weights to minus infinity.",
    ),
    Slip(
        "absolute value of the sum",
        ("w.abs().sum()", "w.sum().abs()"),
        "The absolute value is taken after the sum, when positive and negative weights have cancelled: {yours:.3g} for "
        "{expected:.3g}. First the size of each weight, then the sum.",
        hint=FORM,
    ),
    Slip(
        "absolute value of the whole sum",
        [("w.abs()", "w"), ("in params)", "in params).abs()")],
        "The absolute value is taken of the whole sum, when positive and negative weights have cancelled: {yours:.3g} "
        "for {expected:.3g}. First the size of each weight, then the sum.",
        hint=FORM,
    ),
    Slip(
        "smoothed",
        ("w.abs()", "(w**2 + 1e-8).sqrt()"),
        "Your root of w^2 + 1e-8 is |w| without its kink: a little too large everywhere, and 1e-4 at a weight of 0. "
        "The penalty is |w| itself; `abs()` has a slope at 0 too, torch takes 0 there.",
        hint=LINE,
    ),
    Slip(
        "squares for absolute values",
        ("w.abs()", "(w**2)"),
        "This is the L2 penalty, the sum of the squares: {yours:.3g} for {expected:.3g}. The difference is near 0: "
        "the slope of a square fades there, the slope of |w| stays lam and drives weights to 0.",
    ),
    Slip(
        "norm of each tensor",
        ("w.abs().sum()", "w.norm()"),
        "`norm()` is the root of the sum of squares unless told otherwise: {yours:.3g} for {expected:.3g}. Summed over "
        "tensors it drives whole tensors to 0, never single weights. The L1 penalty adds the sizes.",
        hint=FORM,
    ),
    Slip(
        "largest for sum",
        ("w.abs().sum()", "w.abs().max()"),
        "Only the largest weight of each tensor is counted: {yours:.3g} for {expected:.3g}. All others would be free "
        "to grow up to it.",
        hint=FORM,
    ),
    Slip(
        "half the sum",
        ("lam * sum", "lam / 2 * sum"),
        "This is half the penalty. A half belongs to a square, where it cancels the 2 of the derivative; the slope of "
        "|w| is 1 already.",
        hint=FORM,
    ),
)


# ---- the gradient of the squared penalty

GRADIENT = (
    Slip(
        "lam forgotten",
        ("2 * lam * w", "2 * w"),
        "lam is not used: yours is {ratio:.3g} times the gradient, which is 1/lam.",
        hint=FORM,
    ),
    Slip(
        "lam squared",
        ("lam * w", "lam**2 * w"),
        "lam is multiplied in twice: yours is {ratio:.3g} times the gradient, which is lam.",
        hint=FORM,
    ),
    Slip(
        "divided by 2",
        ("2 * lam * w", "lam * w / 2"),
        "You divide by 2 where the derivative multiplies by it: yours is {ratio:.3g} of the gradient. Each w^2 gives "
        "2 w.",
        hint=FORM,
    ),
    Slip(
        "the 2 twice",
        ("2 * lam", "4 * lam"),
        "Yours is {ratio:.3g} times the gradient: the 2 of the derivative stands twice.",
        hint=FORM,
    ),
    Slip(
        "penalty of each weight",
        ("2 * lam * w", "lam * w**2"),
        "This is what each weight costs, lam w^2: {yours:.3g} for {expected:.3g}. The gradient says how that changes "
        "with the weight: take the derivative.",
    ),
    Slip(
        "penalty in all",
        ("2 * lam * w", "lam * (w**2).sum()"),
        "This is the penalty itself, one number. Its gradient has one number for each weight: how the penalty changes "
        "with it.",
    ),
    Slip(
        "square kept",
        ("lam * w", "lam * w**2"),
        "The square stays in the derivative: {yours:.3g} for {expected:.3g}. The power goes down by one, w^2 gives "
        "2 w, which also keeps the sign: a negative weight must be pushed up.",
        hint=FORM,
    ),
    Slip(
        "sign of the weight",
        ("2 * lam * w", "lam * w.sign()"),
        "This is the gradient of the L1 penalty: the same push for every weight, {yours:.3g} for {expected:.3g}. That "
        "of the L2 penalty is in proportion to the weight.",
    ),
    Slip(
        "absolute value of the weight",
        ("* w", "* w.abs()"),
        "The sizes are right, and every sign is positive: {yours:.3g} for {expected:.3g}. Where a weight is negative "
        "the penalty falls as it rises, so its gradient is negative.",
        hint=FORM,
    ),
    Slip(
        "sign turned",
        ("return 2", "return -2"),
        "The sign is turned: {yours:.3g} for {expected:.3g}. This is where to go; the gradient points to where the "
        "penalty grows, and the optimizer subtracts it.",
        hint=FORM,
    ),
    Slip(
        "weights after a step",
        ("2 * lam * w", "w - 2 * lam * w"),
        "You return the weights after a step, w - 2 lam w. The gradient alone is wanted; the step is the optimizer's, "
        "with its own rate.",
        hint=FORM,
    ),
    Slip(
        "gradient of the norm",
        ("2 * lam * w", "lam * w / w.norm()"),
        "This is the gradient of lam times the norm, the root of the sum of squares: {yours:.3g} for {expected:.3g}. "
        "The penalty has no root.",
        hint=FORM,
    ),
    Slip(
        "divided by the number of weights",
        ("lam * w", "lam * w / w.numel()"),
        "The gradient is divided by the number of weights: {ratio:.3g} of the right one in the first case. The "
        "penalty is a sum over the weights, not a mean.",
        hint=FORM,
    ),
    Slip(
        "summed over the weights",
        ("* w", "* w.sum()"),
        "The weights are summed: one number comes back. The penalty is a sum, but each weight stands in one term of it "
        "only, so the gradient keeps the shape of w.",
        hint=FORM,
    ),
)

GRADIENT_CONVENTIONS = (
    Convention(
        "without the 2",
        ("2 * lam * w", "lam * w"),
        "This is lam w, what torch's `weight_decay` adds to a gradient: the derivative of *half* of lam times the sum "
        "of squares. The penalty here has no half, so its derivative keeps the 2. Yours at 2 lam is this course's at "
        "lam: `weight_decay = 2 * lam`.",
    ),
)
