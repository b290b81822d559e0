"""What keeps bad input out of a formula, so that the formula itself stays the equation."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Formula = TypeVar("Formula", bound=Callable[..., Any])


def checked_by(check: Callable[..., None]) -> Callable[[Formula], Formula]:
    """Let `check(name, **arguments)` look at a formula's arguments before it runs.

    The formula as it was written is `.__wrapped__`.

    >>> def positive(name, x):
    ...     if x <= 0:
    ...         raise ValueError(f"{name}: x must be above 0; got {x}")
    >>> @checked_by(positive)
    ... def inverse(x):
    ...     return 1 / x
    >>> inverse(0)
    Traceback (most recent call last):
    ValueError: inverse: x must be above 0; got 0
    """

    def decorate(formula: Formula) -> Formula:
        name, signature = formula.__name__, inspect.signature(formula)

        @functools.wraps(formula)
        def checked(*args: Any, **kwargs: Any) -> Any:
            check(name, **signature.bind(*args, **kwargs).arguments)
            return formula(*args, **kwargs)

        return cast(Formula, checked)

    return decorate


def need_tensor(name: str, what: str, value: Any) -> None:
    """Refuse what is not a tensor with a TypeError that says what it is."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: {what} must be a tensor; got {type(value).__name__}")


def need_floats(name: str, what: str, value: Any) -> None:
    """Refuse what is not a tensor of floating-point numbers."""
    need_tensor(name, what, value)
    if not value.is_floating_point():
        raise ValueError(f"{name}: {what} must hold floating-point numbers; got {value.dtype}: use .float()")


def need_classes(name: str, logits: Any, labels: Any) -> None:
    """Refuse scores and labels that are no rows of scores with the number of a class each."""
    need_floats(name, "logits", logits)
    need_tensor(name, "labels", labels)
    if logits.dim() != 2 or labels.shape != logits.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"{name}: logits must be (N, K) and labels (N,) of torch.int64; got {tuple(logits.shape)} "
            f"and {tuple(labels.shape)} of {labels.dtype}"
        )
    if logits.numel() == 0:
        raise ValueError(f"{name}: a mean needs at least one row and one class; got the shape {tuple(logits.shape)}")
    good = (labels >= 0) & (labels < logits.shape[1])
    if not holds(good):
        got = labels[~good][0].item()
        raise ValueError(f"{name}: labels must be classes from 0 to {logits.shape[1] - 1}; got {got}")


def need_number(name: str, what: str, value: Any, low: float = 0.0, high: float = math.inf) -> None:
    """Refuse a number below `low`, or at `high` and above, with a ValueError that says it; tensors are looked at whole.

    >>> need_number("dropout", "p", 1.0, high=1)
    Traceback (most recent call last):
    ValueError: dropout: p must be at least 0 and below 1; got 1.0
    """
    if isinstance(value, Tensor):
        good = holds((value >= low) & (value < high))
    else:
        good = isinstance(value, (int, float)) and low <= value < high
    if not good:
        above = "finite" if math.isinf(high) else f"below {high:g}"
        raise ValueError(f"{name}: {what} must be at least {low:g} and {above}; got {value!r}")


def need_whole(name: str, what: str, value: Any, low: float = -math.inf) -> None:
    """Refuse what is no whole number, as True is none, and one below `low`, with a ValueError that says it.

    >>> need_whole("train", "epochs", 0, low=1)
    Traceback (most recent call last):
    ValueError: train: epochs must be a whole number, at least 1; got 0
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        least = "" if math.isinf(low) else f", at least {low:g}"
        raise ValueError(f"{name}: {what} must be a whole number{least}; got {value!r}")


def need_generator(name: str, value: Any) -> None:
    """Refuse what random numbers cannot be drawn from."""
    if not isinstance(value, torch.Generator):
        raise TypeError(f"{name}: generator must be a torch.Generator; got {type(value).__name__}")


def need_hessian(name: str, hessian: Any) -> None:
    """Refuse what is no symmetric matrix of finite numbers."""
    need_floats(name, "hessian", hessian)
    if hessian.dim() != 2 or hessian.shape[0] != hessian.shape[1] or not len(hessian):
        raise ValueError(f"{name}: the Hessian must be a square matrix; got the shape {tuple(hessian.shape)}")
    if not holds(hessian.isfinite()):
        raise ValueError(f"{name}: the Hessian must be finite; it holds inf or NaN")
    if not holds((hessian - hessian.T).abs() <= 1e-5 * hessian.abs().max()):
        raise ValueError(f"{name}: a Hessian is symmetric; this matrix is not: use (H + H.T) / 2")


def holds(condition: Tensor) -> bool:
    """Whether a condition is true everywhere; taken as true where no value can be read, in torch.compile and vmap.

    >>> holds(torch.tensor([1, 2]) > 1)
    False
    """
    if torch.compiler.is_compiling():
        return True
    try:
        return bool(condition.all())
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return True
