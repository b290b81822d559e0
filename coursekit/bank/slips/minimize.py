"""The mistakes that are made on a walk of many steps: where it begins, what it is made of, how many points it has."""

from __future__ import annotations

import torch

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3


def _one_tensor_throughout(grad_fn, start, *, lr, steps):
    x = start.clone()
    path = [x]
    for _ in range(steps):
        x -= lr * grad_fn(x)
        path.append(x)
    return torch.stack(path)


def _one_tensor_after_the_start(grad_fn, start, *, lr, steps):
    x, path = start.clone(), [start]
    for _ in range(steps):
        x -= lr * grad_fn(x)
        path.append(x)
    return torch.stack(path)


def _start_itself_moved(grad_fn, start, *, lr, steps):
    x, path = start, [start]
    for _ in range(steps):
        x -= lr * grad_fn(x)
        path.append(x)
    return torch.stack(path)


def _gradients_kept(grad_fn, start, *, lr, steps):
    x, path = start, [start]
    for _ in range(steps):
        grad = grad_fn(x)
        x = x - lr * grad
        path.append(grad)
    return torch.stack(path)


def _steps_kept(grad_fn, start, *, lr, steps):
    x, path = start, [start]
    for _ in range(steps):
        step = -lr * grad_fn(x)
        x = x + step
        path.append(step)
    return torch.stack(path)


POINTS = (
    Slip(
        "start left out",
        ("torch.stack(path)", "torch.stack(path[1:])"),
        "The path begins after the first step: it has `steps` points, and `start` is not among them. A walk of 10 "
        "steps has 11 points; the first is where it begins.",
        hint=FORM,
    ),
    Slip(
        "one step too few",
        ("range(steps)", "range(steps - 1)"),
        "The last step is missing: the path has `steps` points, `start` among them. Take a step `steps` times; with "
        "`start` that makes `steps + 1` points.",
        hint=FORM,
    ),
    Slip(
        "one step too many",
        ("range(steps)", "range(steps + 1)"),
        "One step too many is taken: the path has `steps + 2` points. Take a step `steps` times; `start` is the one "
        "point more.",
        hint=FORM,
    ),
    Slip(
        "start left out, one step more",
        [("range(steps)", "range(steps + 1)"), ("torch.stack(path)", "torch.stack(path[1:])")],
        "The path has the right length, but begins after the first step and ends one step too late: every point stands "
        "one place too early. Put `start` in before the first step.",
        hint=FORM,
    ),
    Slip(
        "start twice",
        ("path = [start]", "path = [start, start]"),
        "`start` stands in the path twice: before the loop, and as the first point that the loop adds. Either begin "
        "with it, or add each point before its step.",
        hint=LINE,
    ),
    Slip(
        "start twice, one step fewer",
        [("path = [start]", "path = [start, start]"), ("range(steps)", "range(steps - 1)")],
        "The path has the right length, but `start` stands in it twice and the last step is missing: every point "
        "comes one place too late. Put the point in after its step.",
        hint=LINE,
    ),
    Slip(
        "return inside the loop",
        ("    return torch", "        return torch"),
        "The walk ends after one step: `return` stands inside the loop. Move it back by one level.",
        hint=LINE,
    ),
    Slip(
        "last point only",
        ("return torch.stack(path)", "return path[-1]"),
        "Only the last point comes back. The whole path is wanted, from `start` on: collect the points in a list, and "
        "`torch.stack` makes one tensor of them.",
        hint=FORM,
    ),
    Slip(
        "same tensor at every place",
        _one_tensor_throughout,
        "Every row of the path is the last point. `x -= ...` changes the one tensor `x`, and the list holds that same "
        "tensor many times. `x = x - ...` makes a new one at each step.",
        hint=LINE,
    ),
    Slip(
        "same tensor after the start",
        _one_tensor_after_the_start,
        "Every row after the first is the last point. `x -= ...` changes the one tensor `x`, and the list holds that "
        "same tensor many times. `x = x - ...` makes a new one at each step.",
        hint=LINE,
    ),
    Slip(
        "start itself moved",
        _start_itself_moved,
        "`x = start` copies nothing, and `x -= ...` moves it in place: the caller's `start` is changed, and every row "
        "of the path is that one tensor, at the last point. `x = x - ...` makes a new one at each step.",
        hint=LINE,
    ),
    Slip(
        "gradients kept",
        _gradients_kept,
        "After `start` your path holds the gradients that were met on the way, not the points: {yours:.4g} for "
        "{expected:.4g}. Keep `x` after each step.",
        hint=LINE,
    ),
    Slip(
        "steps kept",
        _steps_kept,
        "After `start` your path holds the steps, `-lr * gradient`, not the points that they lead to: {yours:.4g} for "
        "{expected:.4g}. Keep `x` after each step.",
        hint=LINE,
    ),
    Slip(
        "a list returned",
        ("torch.stack(path)", "path"),
        "The points are right, but they come as a list. One tensor is wanted, with a row for each point: "
        "`torch.stack(path)`.",
        hint=LINE,
    ),
    Slip(
        "points in columns",
        ("torch.stack(path)", "torch.stack(path, dim=-1)"),
        "The points stand along the last dimension; the first is for the steps, so that `path[t]` is the point after t "
        "steps. `torch.stack(path)` puts them there.",
        hint=LINE,
    ),
    Slip(
        "points flattened",
        ("torch.stack(path)", "torch.stack([x.flatten() for x in path])"),
        "Each point has lost its shape and lies flat in its row. The path has shape (steps + 1, *start.shape), so that "
        "`path[t]` looks like `start`.",
        hint=LINE,
    ),
    Slip(
        "float32 whatever start is",
        ("torch.stack(path)", "torch.stack(path).float()"),
        "The path is float32 though `start` is float64, and each point is cut to 7 digits. `torch.zeros(...)` is "
        "float32 unless told otherwise: `dtype=start.dtype`.",
        hint=LINE,
    ),
)

STEPS = (
    Slip(
        "sign turned",
        ("path[-1] - lr", "path[-1] + lr"),
        "You step along the gradient, uphill: {yours:.4g} for {expected:.4g}. Subtract it.",
    ),
    Slip(
        "lr not used",
        ("lr * grad_fn", "grad_fn"),
        "lr is not used: the whole gradient is subtracted, {yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "divided by lr",
        ("lr * grad_fn(path[-1])", "grad_fn(path[-1]) / lr"),
        "You divide by lr, so a smaller rate makes a longer step: {yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "gradient of the start throughout",
        ("grad_fn(path[-1])", "grad_fn(start)"),
        "The gradient is taken at `start` and used for every step: the walk is a straight line that never slows down. "
        "The first step is right; ask `grad_fn` anew at each point.",
    ),
    Slip(
        "every step from the start",
        ("path[-1] - lr", "start - lr"),
        "Every step sets out from `start` again, and not from where the last one ended. The first is right; then "
        "{yours:.4g} came for {expected:.4g}.",
    ),
    Slip(
        "lr falls with the steps",
        [("for _ in", "for k in"), ("lr * grad_fn", "lr / (k + 1) * grad_fn")],
        "The rate falls with each step, lr / (t + 1). That is a schedule, chapter 05; here lr stays as it is. The "
        "first step is right; then {yours:.4g} came for {expected:.4g}.",
    ),
    Slip(
        "gradient divided by its norm",
        ("lr * grad_fn(path[-1])", "lr * grad_fn(path[-1]) / grad_fn(path[-1]).norm()"),
        "The gradient is divided by its norm, so every step is lr long, and the walk jumps to and fro around the "
        "minimum. Take the gradient as it is: near the minimum its steps shrink by themselves.",
    ),
    Slip(
        "gradient clipped",
        ("grad_fn(path[-1])", "grad_fn(path[-1]).clamp(-1, 1)"),
        "The gradient is cut off at -1 and 1: {yours:.4g} for {expected:.4g}. Clipping is a choice of its own; here "
        "the gradient is taken as it comes.",
    ),
    Slip(
        "stopped where the gradient is 0",
        ("        path.append(", "        if not grad_fn(path[-1]).any():\n            break\n        path.append("),
        "Where the gradient is small the walk stops early, and the path is shorter than `steps + 1`. A good idea in "
        "practice, but the shape is promised here: stay there, and go on adding the point.",
        hint=FORM,
    ),
    Slip(
        "stopped where nothing moves",
        (
            "        path.append(path[-1] - lr * grad_fn(path[-1]))",
            "        path.append(path[-1] - lr * grad_fn(path[-1]))\n        if path[-1].equal(path[-2]):\n"
            "            break",
        ),
        "Where a step changes hardly anything the walk stops early, and the path is shorter than `steps + 1`. A good "
        "idea in practice, but the shape is promised here: stay there, and go on adding the point.",
        hint=FORM,
    ),
)

MINIMIZE = POINTS + STEPS
