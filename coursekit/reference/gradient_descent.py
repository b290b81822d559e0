"""Gradient descent: a step against the gradient, as long as the learning rate says."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

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
