"""Adam and its two parts: running means of the gradient and of its square, and the correction of their zero start."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from coursekit.reference.checks import checked_by, need_tensor, need_whole
from coursekit.reference.rule import check_gradient, check_hyperparameters, rule


class AdamState(NamedTuple):
    """What Adam remembers between two steps."""

    m: Tensor  # running mean of the gradient, shape of param
    v: Tensor  # running mean of the squared gradient, shape of param
    t: int  # steps taken so far (an int, or a 0-d tensor)


def _need_moments(name: str, m: Any, v: Any, grad: Any, **hyper: Any) -> None:
    check_hyperparameters(name, hyper)
    need_tensor(name, "m", m)
    need_tensor(name, "v", v)
    if v.shape != m.shape:
        raise ValueError(f"{name}: v must have the shape of m, {tuple(m.shape)}; got {tuple(v.shape)}")
    check_gradient(name, m, grad)


def _need_steps(name: str, average: Any, t: Any, beta: Any) -> None:
    check_hyperparameters(name, {"beta": beta})
    need_tensor(name, "average", average)
    if not isinstance(t, Tensor):
        need_whole(name, "t", t)
    if isinstance(t, int) and t < 1:
        raise ValueError(f"{name}: t counts the steps from 1, since 1 - beta**0 is 0; got {t}")


@checked_by(_need_moments)
def update_moments(m: Tensor, v: Tensor, grad: Tensor, *, beta1: float = 0.9, beta2: float = 0.999):
    r"""Take one gradient into Adam's two running means.

    $$m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2$$

    Args:
        m: running mean of the gradient so far, any shape.
        v: running mean of the squared gradient so far, shape of `m`.
        grad: the new gradient $g_t$, shape of `m`.
        beta1: share of the old mean that is kept, $0 \le \beta_1 < 1$.
        beta2: the same for the squares, $0 \le \beta_2 < 1$.

    Returns:
        The new `(m, v)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a mean or a gradient of another shape.
        TypeError: a mean or a gradient that is not a tensor.

    >>> import torch
    >>> update_moments(torch.zeros(1), torch.zeros(1), torch.tensor([2.0]), beta1=0.5, beta2=0.75)
    (tensor([1.]), tensor([1.]))

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", Algorithm 1.
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return m, v


@checked_by(_need_steps)
def bias_correction(average: Tensor, t: int, *, beta: float):
    r"""Undo the pull towards zero of a running mean that started at zero.

    After $t$ steps the weights of the gradients in the mean sum to $1 - \beta^t$, not to 1; dividing makes them do so.

    $$\hat a_t = \frac{a_t}{1 - \beta^t}$$

    Args:
        average: running mean after `t` steps, any shape.
        t: steps taken, counted from 1.
        beta: share of the old mean that was kept at each step, $0 \le \beta < 1$.

    Returns:
        The corrected mean, shape of `average`.

    Raises:
        ValueError: a `beta` outside its range, or a `t` that is below 1 or not whole.
        TypeError: a mean that is not a tensor.

    >>> import torch
    >>> bias_correction(torch.tensor([1.0]), 1, beta=0.5)
    tensor([2.])

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", section 3.
    """
    return average / (1 - beta**t)


@rule(AdamState)
def adam(
    param: Tensor,
    grad: Tensor,
    state: AdamState,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
):
    r"""Step along the running mean of the gradient, divided by the root of the running mean of its square.

    $$m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2$$
    $$\hat m_t = \frac{m_t}{1-\beta_1^t} \qquad \hat v_t = \frac{v_t}{1-\beta_2^t}$$
    $$\theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}$$

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `AdamState(m, v, t)`: the two running means, shape of `param`, and the steps taken so far.
        lr: learning rate $\eta \ge 0$, in units of the parameter: the first step is about `lr` in every coordinate.
        beta1: share of the old mean of gradients that is kept, $0 \le \beta_1 < 1$.
        beta2: share of the old mean of squares that is kept, $0 \le \beta_2 < 1$.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> param, state = adam(torch.tensor([1.0]), torch.tensor([4.0]), adam.init(torch.zeros(1)), lr=0.5)
    >>> param, state.t
    (tensor([0.5000]), 1)

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", Algorithm 1.
    Where torch differs: nowhere in the numbers; `torch.optim.Adam` takes `betas=(beta1, beta2)`, and adds
    `weight_decay` times the parameter to the gradient when asked.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    param = param - lr * m_hat / (v_hat.sqrt() + eps)
    return param, AdamState(m, v, t)
