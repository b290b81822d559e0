"""Dropout: a random mask, the activations that it leaves, and the gradient that it lets back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import (
    checked_by,
    holds,
    need_floats,
    need_generator,
    need_number,
    need_tensor,
    need_whole,
)


def _need_draw(name: str, shape: Any, p: Any, generator: Any) -> None:
    for size in shape if isinstance(shape, tuple | list) else (shape,):
        need_whole(name, "each number of shape", size, low=0)
    need_number(name, "p", p, high=1)
    need_generator(name, generator)


def _need_mask(name: str, what: str, value: Any, mask: Any, p: Any) -> None:
    need_floats(name, what, value)
    need_number(name, "p", p, high=1)
    need_tensor(name, "mask", mask)
    if mask.shape != value.shape:
        raise ValueError(f"{name}: mask must have the shape of {what}, {tuple(value.shape)}; got {tuple(mask.shape)}")
    good = (mask == 0) | (mask == 1)
    if not holds(good):
        raise ValueError(f"{name}: mask must hold zeros and ones, unscaled; got {mask[~good][0].item():g}")


def _need_forward(name: str, h: Any, mask: Any, p: Any, training: Any) -> None:
    if training:
        _need_mask(name, "h", h, mask, p)
    need_floats(name, "h", h)
    need_number(name, "p", p, high=1)


def _need_backward(name: str, grad: Any, mask: Any, p: Any) -> None:
    _need_mask(name, "grad", grad, mask, p)


@checked_by(_need_draw)
def dropout_mask(shape: tuple[int, ...], p: float, generator: torch.Generator) -> Tensor:
    r"""Draw which activations are kept: each on its own is dropped with probability p.

    $$d_i = \begin{cases} 0 & \text{with probability } p \\ 1 & \text{with probability } 1 - p \end{cases}$$

    Args:
        shape: the shape of the mask, a tuple of whole numbers.
        p: the probability of dropping, $0 \le p < 1$.
        generator: the `torch.Generator` that all random numbers are drawn from; drawing moves it on.

    Returns:
        The mask $d$, of this shape, on the generator's device: floating-point, 1 where kept and 0 where dropped.

    Raises:
        ValueError: a shape of anything but whole numbers, a `p` outside its range.
        TypeError: a generator that is not a `torch.Generator`.

    >>> dropout_mask((2, 3), 0.0, torch.Generator())
    tensor([[1., 1., 1.],
            [1., 1., 1.]])

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting", Journal of Machine Learning Research 15, section 4; their p is the probability of
    keeping.
    Where torch differs: `torch.nn.functional.dropout` draws its mask inside, from the global generator, and does not
    show it. It takes p = 1 as well, where nothing is kept.
    """
    return (torch.rand(shape, generator=generator, device=generator.device) >= p).float()


@checked_by(_need_forward)
def dropout(h: Tensor, mask: Tensor, *, p: float, training: bool) -> Tensor:
    r"""Drop activations in training, and scale up those that are kept so that the mean stays; at test do nothing.

    $$h_\text{drop} = \gamma\,(d \circ h) \qquad \gamma = \frac{1}{1 - p} \qquad
        \mathbb{E}[h_\text{drop}] = h \qquad\text{in training}$$
    $$h_\text{drop} = h \qquad\text{at test}$$

    Args:
        h: the activations $h$, any shape.
        mask: $d$, shape of `h`: 1 where kept and 0 where dropped; not looked at when not training.
        p: the probability $p$ with which `mask` was drawn to drop, $0 \le p < 1$.
        training: True in training, False at test.

    Returns:
        What is handed on to the next layer, shape of `h`; a gradient flows through it to `h`.

    Raises:
        ValueError: a `p` outside its range, a mask of another shape or with other values than 0 and 1, activations that
            hold whole numbers.
        TypeError: what is not a tensor.

    >>> h = torch.tensor([0.33, -1.18, 0.7, -1.8, 0.21])
    >>> mask = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])
    >>> dropout(h, mask, p=0.6, training=True)  # 1 / (1 - 0.6) = 2.5
    tensor([ 0.8250, -0.0000,  0.0000, -4.5000,  0.0000])
    >>> dropout(h, mask, p=0.6, training=False)
    tensor([ 0.3300, -1.1800,  0.7000, -1.8000,  0.2100])

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting", Journal of Machine Learning Research 15, sections 4 and 10.
    Where torch differs: nowhere in the numbers; `torch.nn.functional.dropout(h, p, training)` draws the mask itself.
    The first form (section 4) does not scale in training and multiplies by the share kept at test; its network sees
    activations 1 - p times as large. Do one or the other: scaled in training *and* at test, the test mean is 1 - p
    times the mean of training.
    """
    if not training:
        return h
    return h * mask / (1 - p)


@checked_by(_need_backward)
def dropout_backward(grad: Tensor, mask: Tensor, *, p: float) -> Tensor:
    r"""Hand the gradient back through dropout, to the activations that were kept, by the same mask and factor.

    $$\frac{\partial L}{\partial h} = \gamma\left(d \circ \frac{\partial L}{\partial h_\text{drop}}\right)
        \qquad \gamma = \frac{1}{1 - p}$$

    Args:
        grad: the gradient $\partial L / \partial h_\text{drop}$ that arrives from above, any shape.
        mask: $d$, the mask of the forward pass, shape of `grad`: 1 where kept and 0 where dropped.
        p: the probability $p$ of dropping in the forward pass, $0 \le p < 1$.

    Returns:
        The gradient $\partial L / \partial h$, shape of `grad`.

    Raises:
        ValueError: a `p` outside its range, a mask of another shape or with other values than 0 and 1, a gradient that
            holds whole numbers.
        TypeError: what is not a tensor.

    >>> dropout_backward(torch.tensor([1.0, 1.0, -2.0]), torch.tensor([1.0, 0.0, 1.0]), p=0.6)
    tensor([ 2.5000,  0.0000, -5.0000])

    Source: the chain rule: each kept activation is multiplied by $\gamma$, each dropped one by 0.
    Where torch differs: nowhere in the numbers; autograd does this step by itself.
    """
    return grad * mask / (1 - p)
