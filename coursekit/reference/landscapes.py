"""Landscapes: weights that keep signals alive, gradients cut to length or layer by layer, kinds of critical points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, holds, need_floats, need_hessian, need_number, need_whole


def _need_fans(name: str, **fans: Any) -> None:
    for what, fan in fans.items():
        need_whole(name, what, fan, low=1)


def _need_list(name: str, what: str, values: Any) -> None:
    """Refuse anything but a list or tuple of at least one tensor of floating-point numbers."""
    if not isinstance(values, list | tuple):
        raise TypeError(f"{name}: {what} must be a list of tensors; got {type(values).__name__}")
    if not values:
        raise ValueError(f"{name}: {what} must hold at least one tensor; got an empty {type(values).__name__}")
    for i, value in enumerate(values):
        need_floats(name, f"{what}[{i}]", value)


def _need_grads(name: str, grads: Any, max_norm: Any) -> None:
    _need_list(name, "grads", grads)
    need_number(name, "max_norm", max_norm)
    if not holds(torch.stack([g.isfinite().all() for g in grads])):
        first = next(i for i, g in enumerate(grads) if not g.isfinite().all())
        raise ValueError(f"{name}: grads must be finite, since no factor mends inf or NaN; grads[{first}] is not")


def _need_network(name: str, weights: Any, x: Any, activation: Any) -> None:
    _need_list(name, "weights", weights)
    need_floats(name, "x", x)
    if not callable(activation):
        raise TypeError(f"{name}: activation must be a function of a tensor; got {type(activation).__name__}")
    if x.dim() != 2:
        raise ValueError(f"{name}: x must have shape (examples, in); got {tuple(x.shape)}: use x[None] for one example")
    width = x.shape[1]
    for i, W in enumerate(weights):
        if W.dim() != 2 or W.shape[0] != width:
            raise ValueError(f"{name}: weights[{i}] must have shape ({width}, out); got {tuple(W.shape)}")
        width = W.shape[1]


@checked_by(_need_fans)
def kaiming_std(fan_in: int) -> float:
    r"""The standard deviation of random weights before a ReLU, with which signals keep their size from layer to layer.

    $$\sigma = \sqrt{\frac{2}{n_\text{in}}}$$

    A sum of $n_\text{in}$ terms has $n_\text{in}\,\sigma^2$ times their mean square, and a ReLU lets half of that
    through: $\frac12 n_\text{in}\,\sigma^2 = 1$.

    Args:
        fan_in: $n_\text{in}$, how many values go into each unit, 1 or above.

    Returns:
        The standard deviation $\sigma$, a plain number.

    Raises:
        ValueError: a fan that is not a whole number, or below 1.

    >>> kaiming_std(50)
    0.2

    Source: He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", section 2.2, equation 10.
    Where torch differs: `torch.nn.init.kaiming_normal_(W, nonlinearity="relu")` draws with this $\sigma$, and takes W
    of shape (out, in): its fan is the second number of the shape. `torch.nn.Linear` starts smaller by itself: from
    $-1/\sqrt{n_\text{in}}$ to $1/\sqrt{n_\text{in}}$, a standard deviation of $1/\sqrt{3 n_\text{in}}$.
    """
    return math.sqrt(2 / fan_in)


@checked_by(_need_fans)
def xavier_std(fan_in: int, fan_out: int) -> float:
    r"""The standard deviation of random weights between signals that keep their size forward and gradients backward.

    $$\sigma = \sqrt{\frac{2}{n_\text{in} + n_\text{out}}}$$

    Forward $n_\text{in}\,\sigma^2 = 1$ is wanted, backward $n_\text{out}\,\sigma^2 = 1$; this is the middle of the two,
    for an activation like tanh, whose slope at 0 is 1.

    Args:
        fan_in: $n_\text{in}$, how many values go into each unit, 1 or above.
        fan_out: $n_\text{out}$, how many units there are, 1 or above.

    Returns:
        The standard deviation $\sigma$, a plain number.

    Raises:
        ValueError: a fan that is not a whole number, or below 1.

    >>> xavier_std(30, 20)
    0.2

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
    section 4.2.1, equation 12.
    Where torch differs: nowhere in the numbers; it is that of `torch.nn.init.xavier_normal_(W)`. For tanh torch
    recommends `gain=torch.nn.init.calculate_gain("tanh")`, 5/3 times as much.
    """
    return math.sqrt(2 / (fan_in + fan_out))


@checked_by(_need_grads)
def clip_by_global_norm(grads: Sequence[Tensor], max_norm: float) -> list[Tensor]:
    r"""Shorten gradients to a largest length, all by one factor, so that the direction of the step stays.

    $$\lVert g \rVert = \sqrt{\sum_k \sum_i g_{k,i}^2} \qquad
        \hat g_k = g_k \cdot \begin{cases} c / \lVert g \rVert & \text{if } \lVert g \rVert > c \\ 1 & \text{else}
        \end{cases}$$

    Args:
        grads: the gradients $g_k$, a list of tensors of any shapes, one for each parameter; they are not changed.
        max_norm: the largest length $c \ge 0$ of all of them together.

    Returns:
        A list of new tensors, one for each gradient, with its shape and dtype: as they were where the length of all
        together is at most `max_norm`, also where it is 0; else of this length together.

    Raises:
        ValueError: an empty list, a `max_norm` below 0, gradients that hold whole numbers, inf or NaN.
        TypeError: something that is no list, or holds something that is no tensor.

    >>> clip_by_global_norm([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])], 1.0)  # together of length 5
    [tensor([0.6000]), tensor([[0.0000, 0.8000]])]

    Source: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", section 3.2,
    algorithm 1.
    Where torch differs: `torch.nn.utils.clip_grad_norm_` changes the `.grad` of parameters in place, and divides by
    $\lVert g \rVert + 10^{-6}$: what it cuts ends up shorter than `max_norm` by the share $10^{-6}/\lVert g \rVert$. It
    lets inf and NaN through, unless told `error_if_nonfinite=True`.
    """
    norm = torch.stack([(g.double() ** 2).sum() for g in grads]).sum().sqrt()  # in double: no square overflows
    factor = torch.where(norm > max_norm, max_norm / norm, 1.0)
    return [(factor * g.double()).to(g.dtype) for g in grads]


@checked_by(need_hessian)
def classify_critical_point(hessian: Tensor) -> str:
    r"""Say what lies around a point without slope, by the signs of the curvatures there.

    $$\nabla f = 0, \quad H v_i = \lambda_i v_i: \qquad
        \begin{cases} \text{minimum} & \text{all } \lambda_i > 0 \\ \text{maximum} & \text{all } \lambda_i < 0 \\
        \text{saddle} & \text{some above and some below } 0 \\ \text{degenerate} & \text{else} \end{cases}$$

    Degenerate is where one sign comes with a zero, or there are zeros alone: then the Hessian does not decide.

    Args:
        hessian: the second derivatives $H$ at a critical point, a symmetric matrix, shape (d, d). A curvature
            $\lambda_i$ counts as 0 when its size is at most 1e-8 of the largest size.

    Returns:
        `"minimum"`, `"maximum"`, `"saddle"` or `"degenerate"`.

    Raises:
        ValueError: a matrix that is not square or not symmetric, that holds whole numbers, inf or NaN.
        TypeError: something that is no tensor.

    >>> classify_critical_point(torch.tensor([[2.0, 0.0], [0.0, -3.0]]))
    'saddle'

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 4.3.1, the second derivative test.
    Where torch differs: it has no such test; `torch.func.hessian` gives the matrix, `torch.linalg.eigvalsh` the
    curvatures.
    """
    curvatures = torch.linalg.eigvalsh(hessian.double())
    zero = 1e-8 * curvatures.abs().max()
    up, down = bool((curvatures > zero).any()), bool((curvatures < -zero).any())
    if up and down:
        return "saddle"
    if (curvatures.abs() <= zero).any():
        return "degenerate"
    return "minimum" if up else "maximum"


@checked_by(_need_network)
def gradient_norms(weights: Sequence[Tensor], x: Tensor, activation: Callable[[Tensor], Tensor]) -> list[float]:
    r"""How long the gradient is that reaches each layer of a network.

    $$h_0 = x \qquad h_l = \phi(h_{l-1} W_l) \qquad L = \sum h_n \qquad
        \text{norm}_l = \left\lVert \frac{\partial L}{\partial W_l} \right\rVert$$

    Args:
        weights: $W_1$ to $W_n$, a list of matrices of shape (in, out), the first layer's first; they are not changed.
        x: the input, shape (examples, in), one example in each row.
        activation: $\phi$, after every layer, also the last: a function of a tensor, such as `torch.tanh`.

    Returns:
        One number for each layer, in the order of `weights`: the length of the gradient of its matrix, the square root
        of the sum of the squares.

    Raises:
        ValueError: an empty list, shapes that do not fit, whole numbers.
        TypeError: something that is no list, holds something that is no tensor, or an activation that is no function.

    >>> W = torch.tensor([[0.5]])
    >>> gradient_norms([W, W, W], torch.tensor([[1.0]]), torch.relu)  # L = W1 W2 W3
    [0.25, 0.25, 0.25]

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
    section 4.2, for gradients that shrink or grow layer by layer.
    Where torch differs: nowhere in the numbers; it is the norm of what `backward` leaves in the `.grad` of each layer.
    `torch.nn.Linear` keeps its weight as (out, in).
    """
    weights, h = [W.detach().requires_grad_() for W in weights], x
    for W in weights:
        h = activation(h @ W)
    return [float(grad.norm()) for grad in torch.autograd.grad(h.sum(), weights)]
