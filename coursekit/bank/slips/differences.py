"""The mistakes that are made when a gradient is estimated by difference quotients."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

DIFFERENCE = "(f(x + step) - f(x - step))"
QUOTIENT = f"{DIFFERENCE} / (2 * h)"


def _left_behind(f, x, h=1e-5):
    moved, gradient = x.clone().flatten(), torch.zeros_like(x).flatten()
    for i in range(x.numel()):
        moved[i] += h
        ahead = f(moved.view(x.shape))
        moved[i] -= 2 * h
        gradient[i] = (ahead - f(moved.view(x.shape))) / (2 * h)
    return gradient.view(x.shape)


def _moved_in_place(f, x, h=1e-5):
    every, gradient = x.view(-1), torch.zeros_like(x)
    for i in range(x.numel()):
        every[i] += h
        ahead = f(x)
        every[i] -= 2 * h
        gradient.view(-1)[i] = (ahead - f(x)) / (2 * h)
        every[i] += h
    return gradient


def _two_names_of_x(f, x, h=1e-5):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        ahead = x
        ahead.view(-1)[i] += h
        behind = x
        behind.view(-1)[i] -= h
        gradient.view(-1)[i] = (f(ahead) - f(behind)) / (2 * h)
    return gradient


def _whole_rows(f, x, h=1e-5):
    gradient = torch.zeros_like(x)
    for i in range(len(x)) if x.dim() else [()]:
        step = torch.zeros_like(x)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def _one_element_alone(f, x, h=1e-5):
    each = [(f(one + h) - f(one - h)) / (2 * h) for one in x.flatten()]
    return torch.stack(each).view(x.shape)


def _by_a_complex_step(f, x, h=1e-5):
    gradient = torch.zeros_like(x).flatten()
    for i in range(x.numel()):
        step = torch.zeros_like(gradient)
        step[i] = h
        gradient[i] = f(x + 1j * step.view(x.shape)).imag / h
    return gradient.view(x.shape)


POINTS = (
    Slip(
        "forward difference",
        (QUOTIENT, "(f(x + step) - f(x)) / h"),
        "You compare the point ahead with `x` itself: {yours:.6g} for {expected:.6g}. That chord leans to one side, "
        "and its error falls only as h. With a point on both sides the lean cancels, and the error falls as h squared.",
    ),
    Slip(
        "backward difference",
        (QUOTIENT, "(f(x) - f(x - step)) / h"),
        "You compare `x` with the point behind it: {yours:.6g} for {expected:.6g}. That chord leans to one side, and "
        "its error falls only as h. With a point on both sides the lean cancels, and the error falls as h squared.",
    ),
    Slip(
        "one side, divided by 2h",
        (DIFFERENCE, "(f(x + step) - f(x))"),
        "The second point is `x` itself, not `x - h`, and you divide by 2h all the same: about half of what is right. "
        "If you move `x` by h and come back by h, you are where you started; the other side is 2h away.",
        hint=FORM,
    ),
    Slip(
        "one side behind, divided by 2h",
        (DIFFERENCE, "(f(x) - f(x - step))"),
        "The first point is `x` itself, not `x + h`, and you divide by 2h all the same: about half of what is right.",
        hint=FORM,
    ),
    Slip(
        "same point on both sides",
        (DIFFERENCE, "(f(x + step) - f(x + step))"),
        "Both values of `f` are taken at the same point, so their difference is 0. One belongs at x + h, the other at "
        "x - h. Are both names for one tensor? `a = x` copies nothing; `a = x.clone()` does.",
        hint=FORM,
    ),
    Slip(
        "two names for one tensor",
        _two_names_of_x,
        "`a = x` copies nothing: it is a second name for `x`. What is added to `a` is added to `x`, and to every other "
        "name for it, so both values of `f` are taken at one point, and the caller's `x` is changed. `x.clone()` makes "
        "a copy, and `x + step` a new tensor.",
        hint=FORM,
    ),
    Slip(
        "all elements moved at once",
        ("step[i] = h", "step[:] = h"),
        "Every element is moved at once, so that all of them get the same number, {yours:.4g}: the slope along the "
        "diagonal, which is the sum of all the partial derivatives. Move one at a time, and leave the others.",
    ),
    Slip(
        "whole rows moved",
        _whole_rows,
        "Right for vectors. But `len(x)` counts the rows of a matrix, and `[i]` is a whole row, which you move at "
        "once: all its elements get the sum of their slopes. Go through `range(x.numel())` and a flat view.",
        hint=FORM,
    ),
    Slip(
        "moved elements stay moved",
        ("step[i] = h", "step[: i + 1] = h"),
        "The elements that had their turn stay moved when the next is tried: right at the first one, and from then on "
        "the slopes add up, {yours:.4g} for {expected:.4g} at element {element}. Begin each turn from `x` as it came.",
        hint=FORM,
    ),
    Slip(
        "x left behind",
        _left_behind,
        "After its turn an element stays at x - h, where you left it: the first element is right, the next ones are "
        "measured from another point, {yours:.6g} for {expected:.6g}. Put it back, or begin each turn from a fresh "
        "copy of `x`.",
        hint=FORM,
    ),
    Slip(
        "x moved in place",
        _moved_in_place,
        "The estimate is right, but the caller's own `x` is moved and put back: + h, - 2h, + h does not always end "
        "where it began, since each sum is rounded. Work on `x.clone()`, or on `x + step`, a new tensor.",
        hint=FORM,
    ),
    Slip(
        "f of one element alone",
        _one_element_alone,
        "`f` is given one element at a time. It is a function of the whole of `x`: {yours:.4g} for {expected:.4g}. "
        "Give it all of `x`, with that one element moved.",
        hint=FORM,
    ),
    Slip(
        "h not used",
        ("    gradient = torch", "    h = 1e-05\n    gradient = torch"),
        "The same small number is used whatever `h` is: {yours:.6g} for {expected:.6g}, at another `h`. It comes as an "
        "argument, and 1e-5 only where nobody says otherwise.",
        hint=LINE,
    ),
    Slip(
        "step of 1, divided by 2h",
        ("step[i] = h", "step[i] = 1"),
        "You go 1 to each side, whatever h is, and divide by 2h: {yours:.4g} for {expected:.4g}. The step has h where "
        "it is not 0.",
        hint=LINE,
    ),
    Slip(
        "step held in float32",
        ("step = torch.zeros_like(gradient)", "step = torch.zeros(x.numel(), device=x.device)"),
        "The step is made by `torch.zeros(...)`, which is float32 unless told otherwise: there 0.1 is 0.10000000149, "
        "and you divide by another h than you went: {yours:.9g} for {expected:.9g}. `torch.zeros_like(x)` takes the "
        "dtype of `x`.",
        hint=LINE,
    ),
    Slip(
        "half a step, divided by 2h",
        ("step[i] = h", "step[i] = h / 2"),
        "You go h/2 to each side, so the points are h apart, and you divide by 2h: about half of what is right. "
        "Go h to each side.",
        hint=LINE,
    ),
    Slip(
        "two steps, divided by 2h",
        ("step[i] = h", "step[i] = 2 * h"),
        "You go 2h to each side, so the points are 4h apart, and you divide by 2h: about twice what is right. Go h to "
        "each side.",
        hint=LINE,
    ),
)

QUOTIENTS = (
    Slip(
        "divided by h",
        ("(2 * h)", "h"),
        "You divide by h, but the two points are 2h apart: from x - h to x + h. Yours is {ratio:.3g} times what is "
        "right.",
        hint=FORM,
    ),
    Slip(
        "not divided",
        (" / (2 * h)", ""),
        "The difference of the two values is not divided by anything: {yours:.3g} for {expected:.3g}. A slope is a "
        "rise over a run, and the run is 2h.",
        hint=FORM,
    ),
    Slip(
        "divided by 2, times h",
        ("(2 * h)", "2 * h"),
        "`/ 2 * h` divides by 2 and then *multiplies* by h, from left to right: {yours:.3g} for {expected:.3g}. Put "
        "parentheses around what stands below the line: `/ (2 * h)`.",
        hint=LINE,
    ),
    Slip(
        "second value alone divided",
        (DIFFERENCE, "f(x + step) - f(x - step)"),
        "Only the second value is divided by 2h, since `/` binds more tightly than `-`: {yours:.3g} for "
        "{expected:.3g}. Put parentheses around the difference.",
        hint=LINE,
    ),
    Slip(
        "sign turned",
        (DIFFERENCE, "(f(x - step) - f(x + step))"),
        "Every sign is turned: {yours:.4g} for {expected:.4g}. The value ahead comes first, minus the value behind: "
        "where `f` rises, the slope is positive.",
        hint=LINE,
    ),
    Slip(
        "values added",
        (DIFFERENCE, "(f(x + step) + f(x - step))"),
        "The two values of `f` are added: {yours:.3g} for {expected:.3g}. A slope is their difference over 2h.",
        hint=LINE,
    ),
    Slip(
        "absolute value of the difference",
        (DIFFERENCE, "(f(x + step) - f(x - step)).abs()"),
        "The sign is lost: {yours:.4g} for {expected:.4g}. Where `f` falls as the element grows, the slope is "
        "negative, and a step of gradient descent has to know it.",
    ),
    Slip(
        "second derivative",
        (QUOTIENT, "(f(x + step) - 2 * f(x) + f(x - step)) / h**2"),
        "This is the second derivative, the curvature along each element: {yours:.4g} for {expected:.4g}. The slope "
        "needs no value in the middle: the value ahead minus the value behind, over 2h.",
    ),
)

RESULT = (
    Slip(
        "return inside the loop",
        ("    return gradient", "        return gradient"),
        "Only the first element is computed, the others are 0: `return` stands inside the loop and ends it at its "
        "first turn. Move it back by one level.",
        hint=LINE,
    ),
    Slip(
        "flat result",
        ("return gradient.view(x.shape)", "return gradient"),
        "The numbers are right, but in one row, whatever the shape of `x` is. Each stands for one element of `x` and "
        "belongs in its place: `.view(x.shape)`.",
        hint=LINE,
    ),
    Slip(
        "a list returned",
        ("return gradient.view(x.shape)", "return gradient.tolist()"),
        "The numbers are right, but they come as a list. A gradient is a tensor in the shape of `x`, so that a step "
        "can be subtracted from it: begin with `torch.zeros_like(x)` and fill it.",
        hint=LINE,
    ),
    Slip(
        "float32 whatever x is",
        ("torch.zeros_like(x)", "torch.zeros(x.shape, device=x.device)"),
        "`torch.zeros(...)` makes float32 unless it is told otherwise, and the slopes of a float64 point are cut to 7 "
        "digits when they are written into it. `torch.zeros_like(x)` takes the dtype of `x`.",
        hint=LINE,
    ),
    Slip(
        "slopes added up everywhere",
        ("return gradient.view(x.shape)", "return torch.full_like(x, float(gradient.sum()))"),
        "Every element holds the sum of all slopes: `gradient += ...` adds to all elements at once. Write each slope "
        "into its own place, `gradient.view(-1)[i] = ...`.",
        hint=LINE,
    ),
    Slip(
        "length of the gradient",
        ("return gradient.view(x.shape)", "return gradient.norm()"),
        "One number comes back, the length of the gradient. Its direction is wanted as well: one slope for each "
        "element, in the shape of `x`.",
        hint=FORM,
    ),
    Slip(
        "one number, all elements moved at once",
        [("step[i] = h", "step[:] = h"), ("return gradient.view(x.shape)", "return gradient[0]")],
        "`f(x + h)` moves every element at once, and one number comes back: the slope along the diagonal, which is the "
        "sum of all the partial derivatives. Move one element at a time, in a loop, and keep the slopes apart.",
    ),
    Slip(
        "slopes added up",
        ("return gradient.view(x.shape)", "return gradient.sum()"),
        "The slopes are added up to one number. Each belongs to an element of its own: return all of them, in the "
        "shape of `x`.",
        hint=FORM,
    ),
    Slip(
        "complex step",
        _by_a_complex_step,
        "This is the complex step, a good method of its own: no difference, so nothing cancels, and h may be 1e-30. "
        "But `f` must then bear complex numbers, and its error has the other sign: {yours:.6g} for {expected:.6g}. "
        "Central differences are asked for here.",
    ),
)

NUMERICAL = POINTS + QUOTIENTS + RESULT

NUMERICAL_CONVENTIONS = (
    Convention(
        "h as the whole distance",
        [("step[i] = h", "step[i] = h / 2"), ("(2 * h)", "h")],
        "Your two points are h apart, h/2 to each side: a central difference too, with another meaning of h. Yours at "
        "2h is this course's at h. Here h is the way to each side, and 2h stands below the line.",
    ),
    Convention(
        "five-point formula",
        (
            QUOTIENT,
            "(8 * f(x + step) - 8 * f(x - step) - f(x + 2 * step) + f(x - 2 * step)) / (12 * h)",
        ),
        "This is the formula with two points on each side, whose error falls as h to the fourth power, for twice the "
        "calls of `f`. Two of your estimates of this course's kind give it: (4 D(h) - D(2h)) / 3. Here D(h) itself is "
        "asked for, with one point on each side.",
    ),
)
