"""Momentum: the step follows an average (or a sum) of past gradients; three forms, and the way to torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from coursekit.reference.checks import checked_by
from coursekit.reference.rule import check_hyperparameters, rule


class MomentumState(NamedTuple):
    """What the three forms of momentum remember between two steps."""

    v: Tensor  # running mean (momentum) or decaying sum (heavy_ball, nesterov) of the gradients, shape of param


@rule(MomentumState)
def momentum(param: Tensor, grad: Tensor, state: MomentumState, *, lr: float = 1e-3, beta: float = 0.9):
    r"""Step along the running mean of the gradients.

    $$v_t = \beta v_{t-1} + (1-\beta)\, g_t \qquad \theta_t = \theta_{t-1} - \eta\, v_t$$

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `MomentumState(v)`: the running mean, shape of `param`, in units of the gradient.
        lr: learning rate $\eta \ge 0$, in units of the parameter over units of the gradient.
        beta: share of the old mean that is kept, $0 \le \beta < 1$; about $1/(1-\beta)$ gradients count.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> momentum(torch.tensor([1.0]), torch.tensor([4.0]), momentum.init(torch.zeros(1)), lr=0.25, beta=0.5)
    (tensor([0.5000]), MomentumState(v=tensor([2.])))

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", Algorithm 1: the running mean $m_t$,
    here without its correction for the zero start.
    Where torch differs: torch sums instead of averaging. The same path is
    `torch.optim.SGD(params, lr=lr * (1 - beta), momentum=beta)`, see `momentum_to_torch`, and `v` is
    `(1 - beta) * momentum_buffer`. `dampening=beta` at an equal `lr` is not the same: torch leaves it out of its first
    step, which is then $1/(1-\beta)$ times too long.
    """
    (v,) = state
    v = beta * v + (1 - beta) * grad
    param = param - lr * v
    return param, MomentumState(v)


@rule(MomentumState)
def heavy_ball(param: Tensor, grad: Tensor, state: MomentumState, *, lr: float = 1e-3, beta: float = 0.9):
    r"""Step along the decaying sum of the gradients.

    $$v_t = \beta v_{t-1} + g_t \qquad \theta_t = \theta_{t-1} - \eta\, v_t$$

    Under a constant gradient the sum grows to $1/(1-\beta)$ times the gradient: ten times at $\beta = 0.9$.

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `MomentumState(v)`: the decaying sum, shape of `param`, in units of the gradient.
        lr: learning rate $\eta \ge 0$, in units of the parameter over units of the gradient.
        beta: share of the old sum that is kept, $0 \le \beta < 1$.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> heavy_ball(torch.tensor([1.0]), torch.tensor([4.0]), heavy_ball.init(torch.zeros(1)), lr=0.125, beta=0.5)
    (tensor([0.5000]), MomentumState(v=tensor([4.])))

    Source: Polyak (1964), "Some methods of speeding up the convergence of iteration methods"; in this notation
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning",
    section 2, equations 1 and 2.
    Where torch differs: nowhere; it is `torch.optim.SGD(params, lr=lr, momentum=beta)`. The velocity form of Sutskever
    et al., $u_t = \mu u_{t-1} - \eta g_t$ and $\theta_t = \theta_{t-1} + u_t$, has the same path at a constant rate
    ($\mu = \beta$); under a schedule its $\mu$ must be $\beta\,\eta_t/\eta_{t-1}$.
    """
    (v,) = state
    v = beta * v + grad
    param = param - lr * v
    return param, MomentumState(v)


@rule(MomentumState)
def nesterov(
    param: Tensor, grad_fn: Callable[[Tensor], Tensor], state: MomentumState, *, lr: float = 1e-3, beta: float = 0.9
):
    r"""Step along the decaying sum of gradients that are taken ahead, where the old sum is about to lead.

    $$v_t = \beta v_{t-1} + \nabla L(\theta_{t-1} - \eta\beta v_{t-1}) \qquad \theta_t = \theta_{t-1} - \eta\, v_t$$

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad_fn: the gradient $\nabla L$ as a function: from a point, shape of `param`, to the gradient there.
        state: `MomentumState(v)`: the decaying sum, shape of `param`, in units of the gradient.
        lr: learning rate $\eta \ge 0$, in units of the parameter over units of the gradient.
        beta: share of the old sum that is kept, $0 \le \beta < 1$.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a `grad_fn` that cannot be called, or a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> state = MomentumState(torch.tensor([2.0]))
    >>> nesterov(torch.tensor([1.0]), lambda point: 4 * point, state, lr=0.25, beta=0.5)
    (tensor([0.]), MomentumState(v=tensor([4.])))

    Source: Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep
    learning", section 2, equations 3 and 4, with their velocity written as $-\eta v_t$ (the same at a constant rate).
    Where torch differs: the parameter of `torch.optim.SGD(params, lr=lr, momentum=beta, nesterov=True)` is the point
    ahead, where it takes its gradients. At a constant rate
    `param = torch_param + lr * beta * momentum_buffer`, and `v` is `momentum_buffer`.
    """
    (v,) = state
    v = beta * v + grad_fn(param - lr * beta * v)
    param = param - lr * v
    return param, MomentumState(v)


@checked_by(lambda name, **hyper: check_hyperparameters(name, hyper))
def momentum_to_torch(lr: float, beta: float) -> tuple[float, float]:
    r"""What `torch.optim.SGD` must be given to walk the path of `momentum`.

    $$\eta_\text{torch} = \eta\,(1-\beta) \qquad \mu = \beta$$

    Args:
        lr: learning rate $\eta \ge 0$ of `momentum`.
        beta: share of the old mean that `momentum` keeps, $0 \le \beta < 1$.

    Returns:
        `(lr, momentum)` for `torch.optim.SGD(params, lr=lr, momentum=momentum)`, with its `dampening=0`.

    Raises:
        ValueError: a hyperparameter outside its range.

    >>> momentum_to_torch(0.5, 0.75)
    (0.125, 0.75)

    Source: the two rules themselves: by induction torch's buffer is $v_t/(1-\beta)$.
    """
    return lr * (1 - beta), beta
