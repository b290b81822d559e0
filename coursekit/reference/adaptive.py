"""AdaGrad and RMSprop: every coordinate has a rate of its own, from the squares of its past gradients."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from coursekit.reference.rule import rule


class AdagradState(NamedTuple):
    """What AdaGrad remembers between two steps."""

    s: Tensor  # sum of the squared gradients, shape of param


class RMSpropState(NamedTuple):
    """What RMSprop remembers between two steps."""

    s: Tensor  # running mean of the squared gradients, shape of param


@rule(AdagradState)
def adagrad(param: Tensor, grad: Tensor, state: AdagradState, *, lr: float = 1e-2, eps: float = 1e-10):
    r"""Step against the gradient, divided by the root of the sum of all its squares so far.

    $$s_t = s_{t-1} + g_t^2 \qquad \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t} + \epsilon}$$

    The sum only grows, so the steps only shrink: under a constant gradient step $t$ is $\eta/\sqrt t$ long.

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `AdagradState(s)`: the sum of squares, shape of `param`, in units of the gradient squared.
        lr: learning rate $\eta \ge 0$, in units of the parameter: the first step is `lr` long in every coordinate.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> adagrad(torch.tensor([1.0]), torch.tensor([4.0]), AdagradState(torch.tensor([9.0])), lr=0.5)
    (tensor([0.6000]), AdagradState(s=tensor([25.])))

    Source: Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", section 3; with eps outside the root Goodfellow, Bengio and Courville (2016), "Deep Learning",
    Algorithm 8.4.
    Where torch differs: nowhere; it is `torch.optim.Adagrad(params, lr=lr, eps=eps)`, with its `lr_decay=0` and
    `initial_accumulator_value=0`. A mean of the squares in place of their sum is another rule.
    """
    (s,) = state
    s = s + grad**2
    param = param - lr * grad / (s.sqrt() + eps)
    return param, AdagradState(s)


@rule(RMSpropState)
def rmsprop(
    param: Tensor, grad: Tensor, state: RMSpropState, *, lr: float = 1e-2, beta: float = 0.99, eps: float = 1e-8
):
    r"""Step against the gradient, divided by the root of the running mean of its square.

    $$s_t = \beta s_{t-1} + (1-\beta)\, g_t^2 \qquad \theta_t = \theta_{t-1} - \eta\,\frac{g_t}{\sqrt{s_t}+\epsilon}$$

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `RMSpropState(s)`: the running mean of squares, shape of `param`, in units of the gradient squared.
        lr: learning rate $\eta \ge 0$, in units of the parameter: the first step is `lr / sqrt(1 - beta)` long in every
            coordinate, since the mean starts at zero and is not corrected for it.
        beta: share of the old mean that is kept, $0 \le \beta < 1$.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> rmsprop(torch.tensor([1.0]), torch.tensor([4.0]), rmsprop.init(torch.zeros(1)), lr=0.5, beta=0.75)
    (tensor([0.]), RMSpropState(s=tensor([4.])))

    Source: Hinton, Srivastava and Swersky (2012), "Neural Networks for Machine Learning", lecture 6e.
    Where torch differs: nowhere in the numbers; `torch.optim.RMSprop(params, lr=lr, alpha=beta, eps=eps)` calls beta
    alpha. Textbooks often put eps inside the root, $g_t/\sqrt{s_t + \epsilon}$ (Goodfellow, Bengio and Courville 2016,
    "Deep Learning", Algorithm 8.5): no constant converts the one into the other.
    """
    (s,) = state
    s = beta * s + (1 - beta) * grad**2
    param = param - lr * grad / (s.sqrt() + eps)
    return param, RMSpropState(s)
