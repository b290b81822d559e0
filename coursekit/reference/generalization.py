"""Generalisation: when to stop, and training examples made from others: shifted, partly blanked, or mixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, holds, need_floats, need_number, need_tensor, need_whole


def _need_epochs(name: str, losses: Any, patience: Any, min_delta: Any = 0.0) -> None:
    if not isinstance(losses, Sequence) or isinstance(losses, str):
        raise TypeError(f"{name}: losses must be a list of numbers, one per epoch; got {type(losses).__name__}")
    if not losses:
        raise ValueError(f"{name}: losses must hold at least one epoch; got none")
    need_whole(name, "patience", patience, low=1)
    need_number(name, "min_delta", min_delta)


def _need_images(name: str, images: Any, **numbers: Any) -> None:
    need_tensor(name, "images", images)
    if images.dim() < 2:
        shape = tuple(images.shape)
        raise ValueError(f"{name}: images must have shape (..., height, width); got {shape}: reshape rows of pixels")
    for what, value in numbers.items():
        need_whole(name, what, value, low=0 if what == "size" else -math.inf)


def _need_pairs(name: str, x: Any, y: Any, lam: Any, permutation: Any) -> None:
    need_floats(name, "x", x)
    need_tensor(name, "y", y)
    if not y.is_floating_point():
        raise ValueError(f"{name}: y must be numbers that can be mixed; got {y.dtype}: one_hot(y, classes).float()")
    if not x.dim() or not y.dim() or len(x) != len(y):
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"{name}: x and y must have one row for each example; got the shapes {shapes}")
    if not isinstance(lam, int | float) or not 0 <= lam <= 1:
        raise ValueError(f"{name}: lam must be at least 0 and at most 1; got {lam!r}")
    need_tensor(name, "permutation", permutation)
    order = torch.arange(len(x), device=permutation.device)
    whole = permutation.dtype == torch.int64 and permutation.shape == order.shape
    if not whole or not holds(permutation.sort().values == order):
        raise ValueError(f"{name}: permutation must hold each number from 0 to {len(x) - 1} once; got {permutation}")


@checked_by(_need_epochs)
def early_stopping(losses: Sequence[float], *, patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    r"""Stop when the validation loss has not fallen for some epochs, and say which epoch's weights to keep.

    $$\text{epoch } e \text{ is better:}\quad L_e < L_\text{best} - \delta \qquad
        e_\text{stop} = \text{the first } e \text{ with } e - e_\text{best} = \text{patience}$$

    Args:
        losses: the validation loss $L_e$ of each epoch, a list of numbers, the first that of epoch 0. Epoch 0 is the
            first best one. NaN is never better.
        patience: epochs after the best one that are waited for a better one, 1 or above.
        min_delta: $\delta \ge 0$: a loss is better only when it lies more than this below that of the best epoch.

    Returns:
        `(stop_epoch, best_epoch)`, both counted from 0: the last epoch that is run, and the last better one up to it.
        Where the patience never runs out, `stop_epoch` is the last epoch there is.

    Raises:
        ValueError: no losses, a patience below 1, a `min_delta` below 0.
        TypeError: losses that are no list.

    >>> early_stopping([3.0, 2.0, 1.0, 1.5, 1.2, 0.5], patience=2)  # the 0.5 is never seen
    (4, 2)
    >>> early_stopping([3.0, 2.0, 1.0, 1.5, 1.2, 0.5], patience=3)
    (5, 5)

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 7.8, algorithm 7.1.
    Where torch differs: it has no early stopping; `ReduceLROnPlateau` waits for more than `patience` epochs, and its
    `threshold` is a share of the best loss.
    """
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss < best - min_delta:
            best, best_epoch = loss, epoch
        if epoch - best_epoch == patience:
            break
    return epoch, best_epoch


@checked_by(_need_images)
def shift_images(images: Tensor, dy: int, dx: int) -> Tensor:
    r"""Move images by whole pixels, down and to the right; zeros move in, and what is pushed over the edge is lost.

    $$x'_{i,j} = \begin{cases} x_{i-dy,\,j-dx} & \text{where there is such a pixel} \\ 0 & \text{else} \end{cases}$$

    Args:
        images: $x$, shape (..., height, width): one image, a batch, or a batch with channels; not changed.
        dy: pixels down; a negative number moves up. It may be larger than the image.
        dx: pixels to the right; a negative number moves to the left.

    Returns:
        The moved images $x'$, a new tensor, shape and dtype of `images`.

    Raises:
        ValueError: a tensor without height and width, a shift that is not whole.
        TypeError: images that are no tensor.

    >>> shift_images(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1, -1)  # down and to the left
    tensor([[0, 0, 0],
            [2, 3, 0]])

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 7.4, on translating training images.
    Where torch differs: `torch.roll` brings back at one edge what leaves over the other.
    `torch.nn.functional.pad(images, (dx, -dx, dy, -dy))` is the same for shifts below the size of the image.
    """
    height, width = images.shape[-2:]
    row = torch.arange(height, device=images.device) - dy  # where each row comes from
    column = torch.arange(width, device=images.device) - dx
    found = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))
    return images.roll((dy, dx), (-2, -1)).masked_fill(~found, 0)


@checked_by(_need_images)
def cutout(images: Tensor, top: int, left: int, size: int) -> Tensor:
    r"""Blank a square of each image, so that no part of it can be relied on alone.

    $$x'_{i,j} = \begin{cases} 0 & \text{if } t \le i < t + s \text{ and } l \le j < l + s \\
        x_{i,j} & \text{else} \end{cases}$$

    Args:
        images: $x$, shape (..., height, width): one image, a batch, or a batch with channels; not changed.
        top: $t$, the first row of the square, counted from 0 at the top; it may be negative or past the last row.
        left: $l$, the first column of the square, counted from 0 at the left; it may lie outside as well.
        size: $s \ge 0$, the square's side in pixels. What of it lies outside of the image is cut off.

    Returns:
        The images $x'$, the same square blank in each of them; a new tensor, shape and dtype of `images`.

    Raises:
        ValueError: a tensor without height and width, a number that is not whole, a size below 0.
        TypeError: images that are no tensor.

    >>> cutout(torch.ones(3, 4), -1, 2, 2)  # only the square's lower row lies in the image
    tensor([[1., 1., 0., 0.],
            [1., 1., 1., 1.],
            [1., 1., 1., 1.]])

    Source: DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with Cutout",
    section 3; they draw the middle of the square, anywhere in the image, so that it may reach over the edge.
    Where torch differs: it has no such function; in a slice, `images[..., -1:1, :]`, a negative number counts from the
    end.
    """
    height, width = images.shape[-2:]
    row = torch.arange(height, device=images.device)
    column = torch.arange(width, device=images.device)
    inside = ((row >= top) & (row < top + size))[:, None] & ((column >= left) & (column < left + size))
    return images.masked_fill(inside, 0)


@checked_by(_need_pairs)
def mixup(x: Tensor, y: Tensor, lam: float, permutation: Tensor) -> tuple[Tensor, Tensor]:
    r"""Mix each example with another one, and their targets by the same shares.

    $$x'_i = \lambda\,x_i + (1 - \lambda)\,x_{\pi(i)} \qquad y'_i = \lambda\,y_i + (1 - \lambda)\,y_{\pi(i)}$$

    Args:
        x: the inputs, shape (N, ...), one example in each row; not changed.
        y: the targets, shape (N, K) for shares of K classes (one-hot), or (N,) or any (N, ...) for numbers; not
            changed.
        lam: $\lambda$, from 0 to 1: the share of the example itself.
        permutation: $\pi$, shape (N,): the number of the row that each row is mixed with, each number once.

    Returns:
        `(x', y')`, new tensors, with the shapes and dtypes of `x` and `y`.

    Raises:
        ValueError: a `lam` outside its range, another number of rows in `x` and `y`, targets that are whole numbers, no
            permutation.
        TypeError: what is not a tensor.

    >>> x, y = torch.tensor([[0.0, 8.0], [4.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> mixup(x, y, 0.75, torch.tensor([1, 0]))
    (tensor([[1., 6.],
            [3., 2.]]), tensor([[0.7500, 0.2500],
            [0.2500, 0.7500]]))

    Source: Zhang, Cisse, Dauphin and Lopez-Paz (2018), "mixup: Beyond Empirical Risk Minimization", section 2; they
    draw $\lambda \sim \mathrm{Beta}(\alpha, \alpha)$ for each batch.
    Where torch differs: it has no such function; `cross_entropy` takes the mixed shares of classes as they are.
    """
    return lam * x + (1 - lam) * x[permutation], lam * y + (1 - lam) * y[permutation]
