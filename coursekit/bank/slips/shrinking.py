"""The mistakes that are made in the soft threshold and in the step that uses it."""

from __future__ import annotations

import torch

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

SHRUNK = "x.sign() * (x.abs() - threshold).clamp(min=0)"  # how the answer writes it


def _small_ones_kept(x, threshold):
    return torch.where(x.abs() > threshold, x - threshold * x.sign(), x)


def _whole_tensor(x, threshold):
    return x * (1 - threshold / x.norm().clamp(min=1e-12)).clamp(min=0)


SOFT = (
    Slip(
        "hard threshold",
        (SHRUNK, "x * (x.abs() > threshold)"),
        "This is the hard threshold: small numbers become 0, large ones stay as they are, {yours:.3g} for "
        "{expected:.3g}. The soft one takes the threshold off the large ones too, so that nothing jumps where it sets "
        "in.",
    ),
    Slip(
        "nothing cut off at 0",
        (".clamp(min=0)", ""),
        "Numbers within the threshold are carried past 0 to the other side, {yours:.3g} for {expected:.3g}: what is "
        "left of the size is negative there. It stops at 0: that is where the zeros come from.",
        hint=FORM,
    ),
    Slip(
        "sign lost",
        ("x.sign() * ", ""),
        "The sizes are right, and every sign is positive: {yours:.3g} for {expected:.3g}. A negative number comes "
        "closer to 0 from below: give each size its sign back.",
        hint=FORM,
    ),
    Slip(
        "only positive numbers",
        ("x.sign() * (x.abs() - threshold)", "(x - threshold)"),
        "Every negative number becomes 0: the threshold is taken off x, and not off its size. Both sides come closer "
        "to 0 by the threshold.",
    ),
    Slip(
        "threshold subtracted",
        (SHRUNK, "x - threshold"),
        "The threshold is taken off every number, so the negative ones move away from 0: {yours:.3g} for "
        "{expected:.3g}. Each number comes closer to 0, and stops there.",
    ),
    Slip(
        "threshold subtracted on both sides",
        (SHRUNK, "(x - threshold) * (x.abs() > threshold)"),
        "Below, the threshold must be added: yours takes it off there too, which moves large negative numbers away "
        "from 0, {yours:.3g} for {expected:.3g}. Both sides come closer to 0.",
        hint=FORM,
    ),
    Slip(
        "clipped",
        (SHRUNK, "x.clamp(-threshold, threshold)"),
        "This clips: large numbers become the threshold and small ones stay, {yours:.3g} for {expected:.3g}. It is the "
        "other half of x: what you return is what the soft threshold takes away.",
    ),
    Slip(
        "small ones kept",
        _small_ones_kept,
        "What is beyond the threshold is right; what is within it stays as it was, {yours:.3g} for {expected:.3g}. "
        "There the result is 0.",
        hint=FORM,
    ),
    Slip(
        "threshold added",
        ("x.abs() - threshold", "x.abs() + threshold"),
        "The threshold is added to the sizes: every number moves away from 0, {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "min for max",
        ("clamp(min=0)", "clamp(max=0)"),
        "You keep what is below 0 and cut off what is above: {yours:.3g} for {expected:.3g}. `max(y, 0)` is "
        "`y.clamp(min=0)`: the *smallest* value allowed is 0.",
        hint=LINE,
    ),
    Slip(
        "cut off at the threshold",
        ("clamp(min=0)", "clamp(min=threshold)"),
        "What is left is cut off at the threshold, not at 0: no result is smaller than that, {yours:.3g} for "
        "{expected:.3g}. The threshold has been taken off already.",
        hint=LINE,
    ),
    Slip(
        "threshold twice",
        ("- threshold", "- 2 * threshold"),
        "The threshold is taken off twice: {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "half the threshold",
        ("- threshold", "- threshold / 2"),
        "Half the threshold is taken off: {yours:.3g} for {expected:.3g}. That is the minimum of (z - x)^2 + "
        "threshold |z|; with 1/2 before the square, as here, the whole threshold is taken off.",
        hint=FORM,
    ),
    Slip(
        "threshold not used",
        (" - threshold", ""),
        "Size times sign is x again: the threshold is not used, {yours:.3g} for {expected:.3g}.",
    ),
    Slip(
        "shrunk as a whole",
        _whole_tensor,
        "The tensor is shrunk as a whole, by its norm: {yours:.3g} for {expected:.3g}. That sets all numbers to 0 or "
        "none. Here each number is looked at alone.",
        hint=FORM,
    ),
    Slip(
        "sign only",
        (SHRUNK, "x.sign() * (x.abs() > threshold)"),
        "What is beyond the threshold becomes 1 or -1, {yours:.3g} for {expected:.3g}. Keep what is left of the size.",
        hint=FORM,
    ),
)


# ---- the step


def _shrunk_before(w, grad, *, lr, lam):
    return w.sign() * (w.abs() - lr * lam).clamp(min=0) - lr * grad


def _gradient_shrunk(w, grad, *, lr, lam):
    return w - lr * grad.sign() * (grad.abs() - lam).clamp(min=0)


def _ridge(w, grad, *, lr, lam):
    return (w - lr * grad) / (1 + 2 * lr * lam)


RETURNED = "z.sign() * (z.abs() - lr * lam).clamp(min=0)"  # how the answer writes it

ISTA = (
    Slip(
        "threshold without lr",
        ("- lr * lam", "- lam"),
        "The threshold is lam; it should be lr * lam: {yours:.3g} for {expected:.3g}. The penalty pulls with lam, and "
        "a step goes lr times a pull. With yours a smaller rate would not make smaller steps, and the weights come to "
        "rest elsewhere.",
        hint=FORM,
    ),
    Slip(
        "threshold without lam",
        ("- lr * lam", "- lr"),
        "The threshold is lr; it should be lr * lam: {yours:.3g} for {expected:.3g}. lam, which says how much the "
        "penalty counts, is not used.",
        hint=FORM,
    ),
    Slip(
        "lam divided by lr",
        ("- lr * lam", "- lam / lr"),
        "The threshold is lam / lr; it should be lr * lam: {yours:.3g} for {expected:.3g}. A small step must take "
        "little away.",
        hint=FORM,
    ),
    Slip(
        "threshold twice",
        ("- lr * lam", "- 2 * lr * lam"),
        "The threshold is 2 lr lam, {yours:.3g} for {expected:.3g}. The 2 belongs to the square of the L2 penalty; the "
        "slope of lam |w| is lam.",
        hint=FORM,
    ),
    Slip(
        "half the threshold",
        ("- lr * lam", "- lr * lam / 2"),
        "The threshold is lr lam / 2, {yours:.3g} for {expected:.3g}. The half belongs to a penalty with a square; the "
        "slope of lam |w| is lam.",
        hint=FORM,
    ),
    Slip(
        "step uphill",
        ("w - lr * grad", "w + lr * grad"),
        "The step goes along the gradient: {yours:.3g} for {expected:.3g}. Subtract it, then shrink.",
        hint=FORM,
    ),
    Slip(
        "lr forgotten in the step",
        ("lr * grad", "grad"),
        "The gradient is subtracted whole, without lr: {yours:.3g} for {expected:.3g}. lr stands twice: before the "
        "gradient and in the threshold.",
        hint=FORM,
    ),
    Slip(
        "gradient not used",
        ("w - lr * grad", "w"),
        "The gradient is not used: the weights are only shrunk, {yours:.3g} for {expected:.3g}. First a step of "
        "gradient descent, then the threshold.",
    ),
    Slip(
        "penalty not used",
        (RETURNED, "z"),
        "This is plain gradient descent on the loss: {yours:.3g} for {expected:.3g}. The penalty comes in by the soft "
        "threshold after the step.",
    ),
    Slip(
        "shrunk before the step",
        _shrunk_before,
        "The weights are shrunk first and moved afterwards: {yours:.3g} for {expected:.3g}. What was set to 0 is moved "
        "off it again, so no weight ever rests at 0. Step first, shrink last.",
    ),
    Slip(
        "slope of the penalty",
        [("lr * grad", "lr * (grad + lam * w.sign())"), (RETURNED, "z")],
        "You add the slope of the penalty, lam * sign(w), to the gradient: {yours:.3g} for {expected:.3g}. That is "
        "gradient descent on |w|, which steps over 0 to and fro. The soft threshold stops there.",
    ),
    Slip(
        "slope of the squared penalty",
        [("lr * grad", "lr * (grad + 2 * lam * w)"), (RETURNED, "z")],
        "You add 2 lam w to the gradient, the slope of the L2 penalty: {yours:.3g} for {expected:.3g}. It fades as a "
        "weight gets small and makes none 0. The penalty here is lam |w|.",
    ),
    Slip(
        "gradient shrunk",
        _gradient_shrunk,
        "The soft threshold is put on the gradient, before the step: {yours:.3g} for {expected:.3g}. It belongs on the "
        "weights, after it: they are what the penalty pulls to 0.",
    ),
    Slip(
        "slope and threshold",
        ("lr * grad", "lr * (grad + lam * w.sign())"),
        "The penalty comes in twice: its slope is added to the gradient, and the result is shrunk as well: "
        "{yours:.3g} for {expected:.3g}. The gradient is that of the loss alone; the threshold is the whole penalty.",
    ),
    Slip(
        "nothing cut off at 0",
        (".clamp(min=0)", ""),
        "What is within the threshold is carried past 0 to the other side: {yours:.3g} for {expected:.3g}. It stops at "
        "0: that is where the zeros come from.",
        hint=LINE,
    ),
    Slip(
        "sign lost",
        ("z.sign() * ", ""),
        "The sizes are right, and no result is negative: {yours:.3g} for {expected:.3g}. Give each size the sign of z "
        "back.",
        hint=LINE,
    ),
    Slip(
        "sign of the old weight",
        ("z.sign()", "w.sign()"),
        "The sign is that of the weight before the step: {yours:.3g} for {expected:.3g}. The step may have changed it, "
        "and a weight at 0 has no sign: it could never leave. Take the sign of z.",
        hint=LINE,
    ),
    Slip(
        "size of the old weight",
        ("z.abs()", "w.abs()"),
        "The threshold is taken off the size of the old weight, not of z: {yours:.3g} for {expected:.3g}. What the "
        "step changed is lost but for its sign.",
        hint=LINE,
    ),
    Slip(
        "only positive weights",
        ("z.sign() * (z.abs() - lr * lam)", "(z - lr * lam)"),
        "Every negative weight becomes 0: {yours:.3g} for {expected:.3g}. Both sides come closer to 0 by the "
        "threshold.",
        hint=FORM,
    ),
    Slip(
        "hard threshold",
        (RETURNED, "z * (z.abs() > lr * lam)"),
        "This is the hard threshold: what is beyond it stays as it is, {yours:.3g} for {expected:.3g}. The soft one "
        "takes the threshold off there too: that is how the penalty shrinks large weights.",
    ),
    Slip(
        "share in place of the threshold",
        (RETURNED, "z * (1 - lr * lam)"),
        "A share of each weight is taken off, lr lam times its size: {yours:.3g} for {expected:.3g}. A factor makes no "
        "weight 0. Take off the fixed amount lr lam, whatever the size.",
    ),
    Slip(
        "decay in place of the threshold",
        (RETURNED, "z * (1 - 2 * lr * lam)"),
        "The weights are multiplied by 1 - 2 lr lam: {yours:.3g} for {expected:.3g}. That is a step on the L2 penalty; "
        "a factor makes no weight 0. For |w| a fixed amount is taken off.",
    ),
    Slip(
        "step for the squared penalty",
        _ridge,
        "The weights are divided by 1 + 2 lr lam: {yours:.3g} for {expected:.3g}. That is the exact step for the L2 "
        "penalty; it makes no weight 0. For |w| a fixed amount is taken off.",
    ),
)
