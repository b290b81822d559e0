"""What an update rule is: a pure function from (param, grad, state) to (param, state), and how its state starts."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from coursekit.reference.checks import need_number, need_tensor

# What every hyperparameter of the course may be: the lowest value allowed, and the first one above that is not.
BOUNDS = {
    "lr": (0.0, math.inf),
    "beta": (0.0, 1.0),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


class Rule(Protocol):
    """An update rule: callable as `rule(param, grad, state, *, lr=..., ...)`, with the type of its state."""

    __name__: str
    State: type[tuple]
    takes_grad_fn: bool  # True for a look-ahead rule, which asks for gradients at a point of its own choosing
    matrices: bool  # True for a rule that works on matrices only

    def __call__(self, param: Tensor, grad: Any, state: Any, **hyper: Any) -> tuple[Tensor, Any]: ...
    def init(self, param: Tensor) -> Any: ...
    def __hash__(self) -> int: ...


def rule(State: type[tuple], *, matrices: bool = False) -> Callable[[Callable[..., Any]], Rule]:
    """Make a pure function an update rule: the same function, which also knows how its state starts.

    The decorated function refuses hyperparameters outside their range, the state of another rule, and a gradient whose
    shape is not the parameter's (broadcasting would silently make a larger parameter); with `matrices=True` also a
    parameter that is no matrix. `rule.init(param)` is the state before the first step: every field zero, in the shape,
    dtype and device of `param`; points of their own, `z` and `x`, begin at `param`; the step count `t` is the int 0.
    The function as it was written is `rule.__wrapped__`.

    >>> from coursekit.reference.adam import adam
    >>> adam.init(torch.ones(2))
    AdamState(m=tensor([0., 0.]), v=tensor([0., 0.]), t=0)
    >>> adam(torch.ones(2), torch.ones(2), adam.init(torch.ones(2)), beta1=1.5)
    Traceback (most recent call last):
    ValueError: adam: beta1 must be at least 0 and below 1; got 1.5
    """

    def decorate(formula: Callable[..., Any]) -> Rule:
        name = formula.__name__
        takes_grad_fn = list(inspect.signature(formula).parameters)[1] == "grad_fn"

        @functools.wraps(formula)
        def checked(param: Tensor, grad: Any, state: Any, **hyper: Any) -> tuple[Tensor, Any]:
            check_hyperparameters(name, hyper)
            need_tensor(name, "the parameter", param)
            if matrices:
                need_matrix(name, param)
            check_state(name, State, state)
            if takes_grad_fn:
                grad = checked_grad_fn(name, grad)
            else:
                check_gradient(name, param, grad)
            return formula(param, grad, state, **hyper)

        made = cast(Any, checked)
        made.State = State
        made.takes_grad_fn = takes_grad_fn
        made.matrices = matrices
        made.init = functools.partial(initial_state, State)
        return cast(Rule, made)

    return decorate


def initial_state(State: type[tuple], param: Tensor) -> Any:
    """The state before the first step: zeros like `param`, itself for `z` and `x`, and the int 0 for `t`."""

    def first(field: str) -> Any:
        if field == "t":
            return 0
        return param.clone() if field in ("z", "x") else torch.zeros_like(param)

    return cast(Any, State)(*(first(field) for field in cast(Any, State)._fields))


def hyperparameters(function: Callable[..., Any]) -> dict[str, Any]:
    """The hyperparameters of a rule and their defaults, in the order of its signature.

    >>> from coursekit.reference.adam import adam
    >>> hyperparameters(adam)
    {'lr': 0.001, 'beta1': 0.9, 'beta2': 0.999, 'eps': 1e-08}
    """
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_hyperparameters(name: str, hyper: dict[str, Any]) -> None:
    """Refuse a hyperparameter outside its range with a ValueError that says the value; tensors are looked at whole."""
    for key, value in hyper.items():
        if key not in BOUNDS:
            continue  # a wrong name is Python's own TypeError, which says it best
        need_number(name, key, value, *BOUNDS[key])


def need_matrix(name: str, param: Tensor) -> None:
    """Refuse a parameter that is no matrix, and say what becomes of the others."""
    if param.dim() != 2:
        raise ValueError(
            f"{name} works on matrices, parameters of two dimensions; got shape {tuple(param.shape)}: leave the others "
            "to another rule, such as adamw, in a parameter group of its own"
        )


def check_state(name: str, State: Any, state: Any) -> None:
    """Refuse a state that has not the fields of this rule's, in a tuple of any type."""
    if not isinstance(state, tuple) or len(state) != len(State._fields):
        wanted = f"({', '.join(State._fields)})" if State._fields else "the empty tuple"
        got = f"{type(state).__name__} of {len(state)}" if isinstance(state, tuple) else type(state).__name__
        raise TypeError(f"{name}: the state must be {wanted}; got {got}: begin with {name}.init(param)")


def check_gradient(name: str, point: Tensor, grad: Any) -> None:
    """Refuse a gradient that is no tensor or has not the shape of the point that it was taken at."""
    need_tensor(name, "the gradient", grad)
    if grad.shape != point.shape:
        raise ValueError(
            f"{name}: the gradient must have the parameter's shape {tuple(point.shape)}; got {tuple(grad.shape)}"
        )


def checked_grad_fn(name: str, grad_fn: Any) -> Callable[[Tensor], Tensor]:
    """The same function, whose gradients are checked when they come."""
    if not callable(grad_fn):
        raise TypeError(
            f"{name}: the second argument must be a function from a point to the gradient there; "
            f"got {type(grad_fn).__name__}"
        )

    def checked(point: Tensor) -> Tensor:
        grad = grad_fn(point)
        check_gradient(name, point, grad)
        return grad

    return checked
