"""Penalties on large weights: squared and absolute, the gradient of one, and the step that the other needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from coursekit.reference.checks import checked_by, need_floats, need_number, need_tensor


def _need_weights(name: str, params: Any, lam: Any) -> None:
    need_number(name, "lam", lam)
    if isinstance(params, Tensor):
        raise TypeError(f"{name}: params must be a list of tensors; got a tensor: use [w]")
    if isinstance(params, list | tuple):  # an iterator, as model.parameters(), can be walked only once
        if not params:
            raise ValueError(f"{name}: params must hold at least one tensor; got none")
        for w in params:
            need_floats(name, "each of params", w)


def _need_weight(name: str, w: Any, lam: Any) -> None:
    need_number(name, "lam", lam)
    need_floats(name, "w", w)


def _need_threshold(name: str, x: Any, threshold: Any) -> None:
    need_number(name, "threshold", threshold)
    need_floats(name, "x", x)


def _need_step(name: str, w: Any, grad: Any, lr: Any, lam: Any) -> None:
    need_number(name, "lr", lr)
    _need_weight(name, w, lam)
    need_tensor(name, "grad", grad)
    if grad.shape != w.shape:
        raise ValueError(f"{name}: grad must have the shape of w, {tuple(w.shape)}; got {tuple(grad.shape)}")


@checked_by(_need_weights)
def l2_penalty(params: Iterable[Tensor], *, lam: float):
    r"""lam times the sum of the squares of all weights.

    $$\Omega = \lambda \sum_i w_i^2$$

    Args:
        params: the weight tensors, a list of any shapes; the sum goes over every number in every one of them.
        lam: strength $\lambda \ge 0$ of the penalty, in units of the loss over units of the weights squared.

    Returns:
        The penalty, a 0-d tensor to be added to a loss; a gradient flows through it to every weight.

    Raises:
        ValueError: `lam` below 0, no weights, weights that are whole numbers.
        TypeError: a single tensor in place of a list, or what is not a tensor in it.

    >>> import torch
    >>> l2_penalty([torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])], lam=0.5)
    tensor(7.)

    Source: Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", section 3.4.1, equation
    3.41.
    Where torch differs: torch has no penalty; `weight_decay` of its optimizers adds `weight_decay * w` to the gradient,
    which is the gradient of half of `weight_decay` times the sum of squares. So this penalty is
    `torch.optim.SGD(params, lr=lr, weight_decay=2 * lam)`. Goodfellow et al. write the half into the penalty.
    """
    return lam * sum((w**2).sum() for w in params)


@checked_by(_need_weights)
def l1_penalty(params: Iterable[Tensor], *, lam: float):
    r"""lam times the sum of the absolute values of all weights.

    $$\Omega = \lambda \sum_i |w_i|$$

    Args:
        params: the weight tensors, a list of any shapes; the sum goes over every number in every one of them.
        lam: strength $\lambda \ge 0$ of the penalty, in units of the loss over units of the weights.

    Returns:
        The penalty, a 0-d tensor to be added to a loss; a gradient flows through it to every weight.

    Raises:
        ValueError: `lam` below 0, no weights, weights that are whole numbers.
        TypeError: a single tensor in place of a list, or what is not a tensor in it.

    >>> import torch
    >>> l1_penalty([torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])], lam=0.5)
    tensor(3.)

    Source: Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", section 3.4.2.
    Where torch differs: torch has no such penalty. At a weight of 0 the absolute value has a kink, and torch takes the
    slope 0 there. Everywhere else the slope is $\pm\lambda$, so gradient descent steps over 0 to and fro: see
    `ista_step`.
    """
    return lam * sum(w.abs().sum() for w in params)


@checked_by(_need_weight)
def l2_penalty_gradient(w: Tensor, *, lam: float) -> Tensor:
    r"""The gradient of `l2_penalty` with respect to one tensor of weights.

    $$\frac{\partial}{\partial w}\, \lambda \sum_i w_i^2 = 2 \lambda w$$

    Args:
        w: the weights, any shape.
        lam: strength $\lambda \ge 0$ of the penalty.

    Returns:
        The gradient, shape of `w`.

    Raises:
        ValueError: `lam` below 0, weights that are whole numbers.
        TypeError: weights that are not a tensor.

    >>> import torch
    >>> l2_penalty_gradient(torch.tensor([1.0, -2.0]), lam=0.25)
    tensor([ 0.5000, -1.0000])

    Source: the derivative of $\lambda w^2$; compare Goodfellow, Bengio and Courville (2016), "Deep Learning", section
    7.1.1, whose penalty is half as large.
    Where torch differs: `weight_decay` of torch's optimizers adds `weight_decay * w`, without the 2:
    `weight_decay = 2 * lam`.
    """
    return 2 * lam * w


@checked_by(_need_threshold)
def soft_threshold(x: Tensor, threshold: float) -> Tensor:
    r"""Bring every number closer to 0 by the threshold; what is within the threshold becomes 0.

    $$S_\tau(x) = \operatorname{sign}(x)\,\max(|x| - \tau,\; 0)$$

    It is the $z$ for which $\frac12 (z - x)^2 + \tau |z|$ is smallest.

    Args:
        x: any shape.
        threshold: $\tau \ge 0$, in units of `x`.

    Returns:
        The shrunken numbers, shape of `x`.

    Raises:
        ValueError: a threshold below 0, an `x` of whole numbers.
        TypeError: an `x` that is not a tensor.

    >>> import torch
    >>> soft_threshold(torch.tensor([3.0, 0.5, -2.0]), 1.0)
    tensor([ 2.,  0., -1.])

    Source: Hastie, Tibshirani and Wainwright (2015), "Statistical Learning with Sparsity", section 2.4.1.
    Where torch differs: nowhere in the numbers; it is `torch.nn.functional.softshrink(x, lambd=threshold)`.
    """
    return x.sign() * (x.abs() - threshold).clamp(min=0)


@checked_by(_need_step)
def ista_step(w: Tensor, grad: Tensor, *, lr: float, lam: float) -> Tensor:
    r"""One step on a loss plus lam times the sum of |w|: down the gradient of the loss, then a soft threshold.

    $$z = w - \eta\, g \qquad w' = \operatorname{sign}(z)\,\max(|z| - \eta\lambda,\; 0)$$

    Args:
        w: the weights, any shape.
        grad: the gradient $g$ at `w` of the loss alone, without the penalty, shape of `w`.
        lr: learning rate $\eta \ge 0$, in units of the weights over units of the gradient.
        lam: strength $\lambda \ge 0$ of the penalty, in units of the gradient.

    Returns:
        The new weights, shape of `w`; nothing is changed in place.

    Raises:
        ValueError: `lr` or `lam` below 0, a gradient of another shape, weights that are whole numbers.
        TypeError: what is not a tensor.

    >>> import torch
    >>> ista_step(torch.tensor([1.0, 0.25]), torch.tensor([-2.0, 0.5]), lr=0.5, lam=0.5)
    tensor([1.7500, 0.0000])

    Source: Beck and Teboulle (2009), "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems",
    SIAM Journal on Imaging Sciences 2(1), section 1.
    Where torch differs: torch has no such step. `torch.optim.SGD` on a loss plus `l1_penalty` follows the slope
    $\pm\lambda$ and steps over 0 to and fro, where this step comes to rest.
    """
    z = w - lr * grad
    return z.sign() * (z.abs() - lr * lam).clamp(min=0)
