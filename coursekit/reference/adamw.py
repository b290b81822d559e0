"""Two ways to shrink weights under Adam: through the gradient (`adam_l2`), and beside it (`adamw`)."""

from __future__ import annotations

from torch import Tensor

from coursekit.reference.adam import AdamState
from coursekit.reference.rule import rule


@rule(AdamState)
def adam_l2(
    param: Tensor,
    grad: Tensor,
    state: AdamState,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
):
    r"""Adam on the loss plus a penalty: the parameter, times the weight decay, is added to the gradient first.

    $$g_t \leftarrow g_t + \lambda\, \theta_{t-1}$$
    $$m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2$$
    $$\hat m_t = \frac{m_t}{1-\beta_1^t} \qquad \hat v_t = \frac{v_t}{1-\beta_2^t}$$
    $$\theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}$$

    The penalty passes through the division as well, so a weight with large gradients is shrunk less.

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ of the loss alone at `param`, shape of `param`.
        state: `AdamState(m, v, t)`: the two running means, shape of `param`, and the steps taken so far.
        lr: learning rate $\eta \ge 0$, in units of the parameter.
        beta1: share of the old mean of gradients that is kept, $0 \le \beta_1 < 1$.
        beta2: share of the old mean of squares that is kept, $0 \le \beta_2 < 1$.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.
        weight_decay: $\lambda \ge 0$, in units of the gradient over units of the parameter.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> start = adam_l2.init(torch.zeros(1))
    >>> param, state = adam_l2(torch.tensor([2.0]), torch.tensor([0.0]), start, lr=0.5, weight_decay=0.25)
    >>> param, state.m
    (tensor([1.5000]), tensor([0.0500]))

    Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", Algorithm 2, with L2 regularization.
    Where torch differs: nowhere in the numbers; it is
    `torch.optim.Adam(params, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)`, whose `weight_decay`
    is 0 unless given. A penalty written as $\lambda \sum_i \theta_i^2$ has the gradient $2\lambda\theta$: there
    `weight_decay` is twice its $\lambda$.
    """
    m, v, t = state
    t = t + 1
    grad = grad + weight_decay * param
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    param = param - lr * m_hat / (v_hat.sqrt() + eps)
    return param, AdamState(m, v, t)


@rule(AdamState)
def adamw(
    param: Tensor,
    grad: Tensor,
    state: AdamState,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
):
    r"""Adam's step, taken from a parameter that has first been shrunk by a fixed share.

    $$m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2$$
    $$\hat m_t = \frac{m_t}{1-\beta_1^t} \qquad \hat v_t = \frac{v_t}{1-\beta_2^t}$$
    $$\theta_t = (1 - \eta\lambda)\, \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}$$

    The decay meets neither the running means nor the division: every weight shrinks by the same share.

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ of the loss alone at `param`, shape of `param`.
        state: `AdamState(m, v, t)`: the two running means, shape of `param`, and the steps taken so far.
        lr: learning rate $\eta \ge 0$, in units of the parameter.
        beta1: share of the old mean of gradients that is kept, $0 \le \beta_1 < 1$.
        beta2: share of the old mean of squares that is kept, $0 \le \beta_2 < 1$.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.
        weight_decay: $\lambda \ge 0$, in one over units of the parameter: a step takes the share `lr * weight_decay`.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> start = adamw.init(torch.zeros(1))
    >>> param, state = adamw(torch.tensor([2.0]), torch.tensor([0.0]), start, lr=0.5, weight_decay=0.25)
    >>> param, state.m
    (tensor([1.7500]), tensor([0.]))

    Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", Algorithm 2, decoupled.
    Where torch differs: nowhere in the numbers; it is
    `torch.optim.AdamW(params, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)`. The paper's own
    $\lambda$ is not multiplied by the learning rate $\alpha$: `weight_decay` is its $\lambda/\alpha$ (and `lr` its
    $\eta_t\alpha$, where it has a schedule $\eta_t$).
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    param = (1 - lr * weight_decay) * param - lr * m_hat / (v_hat.sqrt() + eps)
    return param, AdamState(m, v, t)
