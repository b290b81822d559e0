"""Mini-batches: an order drawn anew for each epoch, the gradient of a few rows, and how noisy such gradients are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, holds, need_floats, need_generator, need_tensor, need_whole


def _need_counts(name: str, n: Any, batch_size: Any, generator: Any) -> None:
    need_whole(name, "n", n, low=1)
    need_whole(name, "batch_size", batch_size, low=1)
    need_generator(name, generator)


def _need_batch(name: str, w: Any, X: Any, y: Any, index: Any) -> None:
    for what, value in (("w", w), ("X", X), ("y", y)):
        need_floats(name, what, value)
    need_tensor(name, "index", index)
    if X.dim() != 2 or w.shape != X.shape[1:] or y.shape != X.shape[:1]:
        raise ValueError(
            f"{name}: X must have shape (N, d), w (d,) and y (N,); "
            f"got {tuple(X.shape)}, {tuple(w.shape)} and {tuple(y.shape)}"
        )
    if index.dim() != 1 or index.dtype != torch.int64 or len(index) == 0:
        raise ValueError(
            f"{name}: index must be 1-D, of torch.int64, with at least one row; "
            f"got the shape {tuple(index.shape)}, {index.dtype}"
        )
    if not holds((index >= 0) & (index < len(X))):
        raise ValueError(f"{name}: index must hold rows from 0 to {len(X) - 1}; got {index.min()} to {index.max()}")


def _need_rows(name: str, per_example_grads: Any) -> None:
    need_floats(name, "per_example_grads", per_example_grads)
    if per_example_grads.dim() != 2 or len(per_example_grads) < 2:
        raise ValueError(
            f"{name}: per_example_grads must have shape (N, d) with N at least 2, one row for each example; "
            f"got {tuple(per_example_grads.shape)}"
        )


@checked_by(_need_counts)
def minibatches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    r"""Go through n examples once, in random order, some at a time.

    $$\pi \text{ a random order of } 0, \ldots, n - 1 \qquad
        I_k = (\pi_{kB},\; \ldots,\; \pi_{kB + B - 1}), \quad k = 0, 1, \ldots$$

    Args:
        n: how many examples there are, $n \ge 1$.
        batch_size: how many of them a batch holds, $B \ge 1$; the last batch takes what is left and may be smaller.
        generator: the `torch.Generator` that the order is drawn from; drawing moves it on.

    Returns:
        One batch after the other (a generator, or a list of them): each a 1-D tensor of `torch.int64`, the rows of its
        examples. Every number from 0 to n - 1 comes once.

    Raises:
        ValueError: `n` or `batch_size` below 1, or not whole.
        TypeError: a generator that is not a `torch.Generator`.

    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = list(minibatches(5, 2, generator))
    >>> [len(index) for index in batches], sorted(torch.cat(batches).tolist())
    ([2, 2, 1], [0, 1, 2, 3, 4])

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 8.1.3, on shuffling and on going through
    the data once before any example comes again.
    Where torch differs: `torch.utils.data.DataLoader(data, batch_size, shuffle=True, generator=generator)` hands out
    the examples themselves; `drop_last=True` leaves a smaller last batch out.
    """
    order = torch.randperm(n, generator=generator, device=generator.device)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


@checked_by(_need_batch)
def minibatch_gradient(w: Tensor, X: Tensor, y: Tensor, index: Tensor) -> Tensor:
    r"""The gradient of the mean squared error of a linear model, over the rows of one batch.

    $$g_I = \frac{2}{|I|} \sum_{i \in I} (x_i^\top w - y_i)\, x_i
        = \frac{2}{|I|}\, X_I^\top (X_I w - y_I)$$

    Over random batches its mean is the gradient over all rows.

    Args:
        w: the weights, shape (d,).
        X: all inputs, shape (N, d), one example in each row.
        y: all targets, shape (N,).
        index: the rows $I$ of the batch, shape (B,), `torch.int64`; a row may come more than once, and then counts
            each time.

    Returns:
        The gradient with respect to `w`, shape (d,), in units of the target squared over units of `w`.

    Raises:
        ValueError: shapes that do not fit, an empty batch, rows that are not there, whole numbers for `w`, `X` or `y`.
        TypeError: what is not a tensor.

    >>> X, y = torch.tensor([[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]), torch.tensor([0.0, 1.0, 0.0])
    >>> minibatch_gradient(torch.tensor([1.0, 1.0]), X, y, torch.tensor([0, 1]))
    tensor([1., 2.])

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 8.1.3, for the gradient over a batch.
    Where torch differs: nowhere in the numbers; it is what `backward` leaves in `w.grad` after
    `torch.nn.functional.mse_loss(X[index] @ w, y[index])`.
    """
    X_batch, y_batch = X[index], y[index]
    error = X_batch @ w - y_batch
    return 2 * X_batch.T @ error / len(index)


@checked_by(_need_rows)
def gradient_noise_scale(per_example_grads: Tensor) -> Tensor:
    r"""How noisy the gradients of single examples are: the trace of their covariance over their squared mean.

    $$\bar g = \frac1N \sum_{i=1}^N g_i \qquad
        \mathcal{B} = \frac{\operatorname{tr} \Sigma}{|\bar g|^2}
        = \frac{\frac{1}{N - 1} \sum_{i=1}^N |g_i - \bar g|^2}{|\bar g|^2}$$

    It is the batch size at which the noise in a gradient is as long as the gradient itself.

    Args:
        per_example_grads: the gradients $g_i$, shape (N, d) with $N \ge 2$: one example in each row.

    Returns:
        The noise scale $\mathcal{B}$, a 0-d tensor, in examples; infinite where the mean gradient is 0.

    Raises:
        ValueError: another shape, fewer than two examples, gradients that are whole numbers.
        TypeError: gradients that are not a tensor.

    >>> gradient_noise_scale(torch.tensor([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]]))
    tensor(0.3077)

    Source: McCandlish, Kaplan, Amodei and the OpenAI Dota team (2018), "An Empirical Model of Large-Batch Training",
    section 2.2, equation 2.9, the simple noise scale.
    Where torch differs: torch has no such function. `torch.var` divides by N - 1, as here; NumPy's `var` by N.
    """
    mean = per_example_grads.mean(dim=0)
    deviations = per_example_grads - mean
    trace = (deviations**2).sum() / (len(per_example_grads) - 1)
    return trace / (mean**2).sum()
