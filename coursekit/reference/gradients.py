"""Gradients: by difference quotients, and by hand for a line through data and for the cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, need_classes, need_floats, need_number


def _need_point(name: str, f: Any, x: Any, h: Any = 1e-5) -> None:
    if not callable(f):
        raise TypeError(f"{name}: f must be a function of a tensor; got {type(f).__name__}")
    need_floats(name, "x", x)
    need_number(name, "h", h)
    if h == 0:
        raise ValueError(f"{name}: h must be above 0; got 0")


def _need_table(name: str, w: Any, X: Any, y: Any) -> None:
    for what, value in (("w", w), ("X", X), ("y", y)):
        need_floats(name, what, value)
    if X.dim() != 2 or len(X) == 0 or w.shape != X.shape[1:] or y.shape != X.shape[:1]:
        raise ValueError(
            f"{name}: X must have shape (rows, columns), w (columns,) and y (rows,), with at least one row; "
            f"got {tuple(X.shape)}, {tuple(w.shape)} and {tuple(y.shape)}"
        )


@checked_by(_need_point)
def numerical_gradient(f: Callable[[Tensor], Tensor], x: Tensor, h: float = 1e-5) -> Tensor:
    r"""Estimate a gradient by moving each element a little to both sides.

    $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h e_i)}{2h}$$

    The error of the formula falls as $h^2$; that of rounding grows as $1/h$, so there is a best `h` between.

    Args:
        f: a function of a tensor like `x`, in its shape, that gives one number as a 0-d tensor.
        x: the point, any shape, also 0-d; it is not changed.
        h: half the distance between the two points, above 0, in units of `x`.

    Returns:
        The estimate, shape and dtype of `x`.

    Raises:
        TypeError: an `f` that cannot be called, or an `x` that is no tensor.
        ValueError: an `x` of whole numbers, or an `h` that is not above 0.

    >>> import torch
    >>> numerical_gradient(lambda x: (x**2).sum(), torch.tensor([1.0, -2.0], dtype=torch.float64))
    tensor([ 2.0000, -4.0000], dtype=torch.float64)

    Where torch differs: `torch.autograd.grad` is exact to rounding, and costs a few evaluations instead of two for
    every element; `torch.autograd.gradcheck` compares the two.
    """
    gradient = torch.zeros_like(x).flatten()
    for i in range(x.numel()):
        step = torch.zeros_like(gradient)
        step[i] = h
        step = step.view(x.shape)
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient.view(x.shape)


@checked_by(_need_table)
def linear_regression_gradient(w: Tensor, X: Tensor, y: Tensor) -> Tensor:
    r"""Give the gradient of the mean squared error of a linear model in its weights.

    $$L(w) = \frac1N \lVert Xw - y \rVert^2 \qquad \nabla L = \frac2N X^\top (Xw - y)$$

    Args:
        w: weights, shape (columns,).
        X: one example in each row, shape (rows, columns).
        y: targets, shape (rows,).

    Returns:
        The gradient, shape of `w`.

    Raises:
        ValueError: shapes that do not fit, no row, or whole numbers.
        TypeError: something that is no tensor.

    >>> import torch
    >>> X = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> linear_regression_gradient(torch.tensor([1.0, 1.0]), X, torch.tensor([0.0, 0.0]))
    tensor([1., 4.])

    Where torch differs: nowhere in the numbers; it is what `backward` leaves in `w.grad` after
    `torch.nn.functional.mse_loss(X @ w, y)`.
    """
    error = X @ w - y
    return 2 * X.T @ error / len(y)


@checked_by(need_classes)
def cross_entropy_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Give the gradient of the mean cross-entropy in the scores: probabilities less the one-hot labels.

    $$\frac{\partial L}{\partial z_{ik}} = \frac1N \left(p_{ik} - [k = y_i]\right) \qquad p_i = \mathrm{softmax}(z_i)$$

    Args:
        logits: scores $z$, shape (rows, classes).
        labels: the right class of each row, whole numbers from 0, shape (rows,).

    Returns:
        The gradient, shape of `logits`; each row sums to 0.

    Raises:
        ValueError: shapes that do not fit, no row, or labels that are not of int64 or no column.
        TypeError: something that is no tensor.

    >>> import torch
    >>> cross_entropy_gradient(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor([[ 0.5000, -0.5000]])

    Where torch differs: nowhere in the numbers; it is what `backward` leaves in `logits.grad` after
    `torch.nn.functional.cross_entropy(logits, labels)`.
    """
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    p = shifted.exp() / shifted.exp().sum(dim=-1, keepdim=True)
    one_hot = torch.zeros_like(p).scatter(1, labels[:, None], 1)
    return (p - one_hot) / len(labels)
