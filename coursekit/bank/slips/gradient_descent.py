"""The mistakes that are made in a step of gradient descent."""

from __future__ import annotations

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

STEP = (
    Slip(
        "sign turned",
        ("param - lr", "param + lr"),
        "You step along the gradient: {yours:.3g} at step {step}, expected {expected:.3g}. The gradient points to "
        "where the loss grows fastest, so every step of yours climbs. Subtract it.",
    ),
    Slip(
        "lr forgotten",
        ("lr * grad", "grad"),
        "lr is not used: you move {ratio:.3g} times as far as you should, which is 1/lr. The gradient says which way, "
        "and lr how far; without it a steep loss throws the parameter out at once.",
        hint=FORM,
    ),
    Slip(
        "divided by lr",
        ("lr * grad", "grad / lr"),
        "You divide by lr, so a smaller rate makes a longer step. Here it is {ratio:.3g} times the right one, which "
        "is 1/lr**2. The gradient is multiplied by lr.",
        hint=FORM,
    ),
    Slip(
        "lr twice",
        ("lr * grad", "lr * lr * grad"),
        "lr is multiplied in twice: you move {ratio:.3g} times as far as you should, which is lr. A rate ten times "
        "smaller would then make steps a hundred times smaller.",
        hint=FORM,
    ),
    Slip(
        "parentheses around param - lr",
        ("param - lr * grad", "(param - lr) * grad"),
        "Your parentheses take lr from the parameter and multiply what is left by the gradient: where the gradient is "
        "zero, the parameter becomes zero. Only lr and the gradient are multiplied: `lr * grad`.",
        hint=LINE,
    ),
    Slip(
        "difference turned around",
        ("param - lr * grad", "lr * grad - param"),
        "You subtract the parameter from the step. With a gradient of zero nothing should move, and yours turns the "
        "parameter's sign: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=LINE,
    ),
)

RESULT = (
    Slip(
        "old param returned",
        ("param = param", "moved = param"),
        "The parameter comes back as it went in: the step was computed, perhaps, and not returned. No tensor is "
        "changed in place here, so the new one has to be handed back.",
        hint=LINE,
    ),
    Slip(
        "step returned without the parameter",
        ("param - lr", "-lr"),
        "What comes back is the step alone, `-lr * grad`; the point it starts from is lost. The new parameter is the "
        "old one plus that step.",
        hint=LINE,
    ),
    Slip(
        "lr * grad returned",
        ("param - lr", "lr"),
        "What comes back is `lr * grad`, how far to go. The new parameter is wanted: the old one, minus that.",
        hint=LINE,
    ),
)

GRADIENT = (
    Slip(
        "sign of the gradient alone",
        ("lr * grad", "lr * grad.sign()"),
        "Only the sign of the gradient is used, so every step is lr long, near the minimum too, where it then jumps "
        "to and fro. Gradient descent slows down as the slope gets flat: {yours:.3g} at step {step}, expected "
        "{expected:.3g}.",
    ),
    Slip(
        "gradient divided by its norm",
        ("lr * grad", "lr * grad / grad.norm()"),
        "The gradient is divided by its norm, so every step is lr long, however flat the loss is. Gradient descent "
        "takes the gradient as it is, and its steps shrink towards the minimum by themselves.",
    ),
    Slip(
        "absolute value of the gradient",
        ("lr * grad", "lr * grad.abs()"),
        "The absolute value of the gradient is subtracted, so every coordinate can only fall. The sign says which way "
        "is downhill: keep it.",
    ),
    Slip(
        "gradient clipped",
        ("lr * grad", "lr * grad.clamp(-1, 1)"),
        "The gradient is cut off at -1 and 1: right where it is small, too short where it is large. Clipping is a "
        "choice of its own, made before the rule; the rule takes the gradient as it comes.",
    ),
    Slip(
        "mean over the elements",
        ("lr * grad", "lr * grad.mean()"),
        "The mean of the gradient over its elements is taken, so all elements move by the same {yours:.3g}. Each "
        "element has a slope of its own and moves by lr times that. A mean over examples, where one is wanted, is in "
        "the loss.",
        hint=FORM,
    ),
    Slip(
        "sum over the elements",
        ("lr * grad", "lr * grad.sum()"),
        "The gradient is summed over its elements, so all elements move by the same {yours:.3g}. Each has a slope of "
        "its own, and moves by lr times that.",
        hint=FORM,
    ),
    Slip(
        "divided by the number of elements",
        ("lr * grad", "lr * grad / grad.numel()"),
        "The step is divided by the number of elements in the parameter: {ratio:.3g} of the right one in the first "
        "case. A mean over examples is in the loss already; the number of parameters has no say in the step.",
        hint=FORM,
    ),
    Slip(
        "multiplied by the parameter",
        ("lr * grad", "lr * grad * param"),
        "The step is multiplied by the parameter as well: a parameter of 0 can never move, and a negative one moves "
        "uphill. The step is lr times the gradient, wherever the parameter stands.",
        hint=FORM,
    ),
    Slip(
        "parameter in place of the gradient",
        ("lr * grad", "lr * param"),
        "lr times the parameter is subtracted, and the gradient is not used: whatever the loss, everything shrinks "
        "towards 0. That is weight decay; the step goes against the gradient.",
    ),
)

GRADIENT_DESCENT = STEP + RESULT + GRADIENT
