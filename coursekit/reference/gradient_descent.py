"""Gradient descent: a step against the gradient, as long as the learning rate says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, need_floats, need_hessian, need_number, need_whole
from coursekit.reference.rule import rule


class GradientDescentState(NamedTuple):
    """What gradient descent remembers between two steps: nothing."""


@rule(GradientDescentState)
def gradient_descent(param: Tensor, grad: Tensor, state: GradientDescentState, *, lr: float = 1e-3):
    r"""Step against the gradient.

    $$\theta_t = \theta_{t-1} - \eta\, g_t$$

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `GradientDescentState()`, which is empty.
        lr: learning rate $\eta \ge 0$, in units of the parameter over units of the gradient.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> gradient_descent(torch.tensor([1.0]), torch.tensor([4.0]), gradient_descent.init(torch.zeros(1)), lr=0.125)
    (tensor([0.5000]), GradientDescentState())

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 4.3, equation 4.5.
    Where torch differs: nowhere; it is `torch.optim.SGD(params, lr=lr)`. Whether the gradient is that of all the data
    or of a minibatch is decided by who calls.
    """
    param = param - lr * grad
    return param, state


def _need_walk(name: str, grad_fn: Any, start: Any, lr: Any, steps: Any) -> None:
    if not callable(grad_fn):
        raise TypeError(f"{name}: grad_fn must be a function that gives the gradient; got {type(grad_fn).__name__}")
    need_floats(name, "start", start)
    need_number(name, "lr", lr)
    need_whole(name, "steps", steps, low=0)


def _need_bowl(name: str, hessian: Any) -> None:
    need_hessian(name, hessian)
    if not torch.linalg.eigvalsh(hessian).max() > 0:
        raise ValueError(f"{name}: the Hessian must have an eigenvalue above 0; this one curves upwards nowhere")


@checked_by(_need_walk)
def minimize(grad_fn: Callable[[Tensor], Tensor], start: Tensor, *, lr: float, steps: int) -> Tensor:
    r"""Walk down by gradient descent, and give every point on the way.

    $$\theta_{t} = \theta_{t-1} - \eta\, \nabla f(\theta_{t-1})$$

    Args:
        grad_fn: gives the gradient at a point, shape of the point.
        start: the first point $\theta_0$, any shape; it is not changed.
        lr: learning rate $\eta \ge 0$.
        steps: how many steps to take, 0 or above.

    Returns:
        The path, shape `(steps + 1, *start.shape)`, dtype of `start`; it begins with `start`.

    Raises:
        TypeError: a `grad_fn` that cannot be called, or a `start` that is no tensor.
        ValueError: a rate below 0, or steps that are not a whole number.

    >>> import torch
    >>> minimize(lambda x: 2 * x, torch.tensor([1.0]), lr=0.25, steps=3).flatten()
    tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - lr * grad_fn(path[-1]))
    return torch.stack(path)


@checked_by(_need_bowl)
def max_stable_lr(hessian: Tensor) -> float:
    r"""Give the learning rate at which gradient descent on a quadratic stops converging.

    Along an eigenvector of the Hessian with eigenvalue $\lambda$ a step multiplies the distance to the minimum by
    $1 - \eta\lambda$. That stays below 1 in size up to

    $$\eta_{\max} = \frac{2}{\lambda_{\max}}$$

    Args:
        hessian: a symmetric matrix, shape (d, d), with an eigenvalue above 0; others may be negative, as at a saddle.

    Returns:
        The rate, one number: below it no direction that curves upwards grows, above it the steepest one does.

    Raises:
        ValueError: a matrix that is not square or not symmetric, holds whole numbers, inf or NaN, or has no eigenvalue
            above 0.
        TypeError: something that is no tensor.

    >>> import torch
    >>> max_stable_lr(torch.tensor([[8.0, 0.0], [0.0, 1.0]]))
    0.25

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 4.3.1, for the step along an eigenvector.
    """
    return 2 / torch.linalg.eigvalsh(hessian).max().item()
