"""Losses: how wrong a prediction is, as one number through which a gradient flows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from coursekit.reference.checks import checked_by, holds, need_classes, need_floats, need_tensor


def _need_pair(name: str, **pair: Any) -> None:
    """Refuse two tensors of different shapes, of which broadcasting would pair each value with all others."""
    (first, a), (second, b) = pair.items()
    need_floats(name, first, a)
    need_tensor(name, second, b)
    if a.shape != b.shape:
        mend = f": use {first}.reshape({second}.shape)" if a.numel() == b.numel() else ""
        raise ValueError(
            f"{name}: {first} and {second} must have the same shape; got {tuple(a.shape)} and {tuple(b.shape)}{mend}"
        )
    if a.numel() == 0:
        raise ValueError(f"{name}: a mean needs at least one value; got the shape {tuple(a.shape)}")


def _need_targets(name: str, logits: Any, targets: Any) -> None:
    _need_pair(name, logits=logits, targets=targets)
    good = (targets >= 0) & (targets <= 1)
    if not holds(good):
        raise ValueError(f"{name}: targets must be between 0 and 1; got {targets[~good][0].item():g}")


def _need_signs(name: str, scores: Any, labels: Any) -> None:
    _need_pair(name, scores=scores, labels=labels)
    good = (labels == 1) | (labels == -1)
    if not holds(good):
        got = labels[~good][0].item()
        raise ValueError(f"{name}: labels must be -1 or +1; got {got:g}: labels 0 and 1 become these by 2 * labels - 1")


def _need_rows(name: str, logits: Any) -> None:
    need_floats(name, "logits", logits)
    if logits.dim() == 0 or logits.shape[-1] == 0:
        raise ValueError(f"{name}: logits must have a last dimension of classes; got the shape {tuple(logits.shape)}")


@checked_by(_need_pair)
def mse_loss(prediction: Tensor, target: Tensor) -> Tensor:
    r"""The mean of the squared errors.

    $$L = \frac1n \sum_{i=1}^n (\hat y_i - y_i)^2$$

    Args:
        prediction: $\hat y$, any shape but empty.
        target: $y$, shape of `prediction`, in the same units.

    Returns:
        The loss, a 0-d tensor, in units of the target squared.

    Raises:
        ValueError: two shapes, as `(n, 1)` and `(n,)`; a prediction that is empty or holds whole numbers.
        TypeError: what is not a tensor.

    >>> mse_loss(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 2.0]))
    tensor(2.)

    Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 5.1.4, equation 5.4.
    Where torch differs: `torch.nn.functional.mse_loss` has the same numbers, but takes `(n, 1)` with `(n,)`: with a
    warning alone it averages the n x n differences of each with all.
    """
    return ((prediction - target) ** 2).mean()


@checked_by(_need_rows)
def log_softmax(logits: Tensor) -> Tensor:
    r"""The logarithms of the probabilities that scores stand for, along the last dimension.

    $$\log p_k = z_k - \log \sum_j e^{z_j} = (z_k - z_\text{max}) - \log \sum_j e^{z_j - z_\text{max}}$$

    The second form is the one that is computed: its exponentials are at most 1, so that none overflows.

    Args:
        logits: the scores $z$, shape (..., K), without units.

    Returns:
        The logarithms of the probabilities, shape of `logits`; their exponentials sum to 1 along the last dimension.

    Raises:
        ValueError: logits without a last dimension of classes, or of whole numbers.
        TypeError: logits that are not a tensor.

    >>> log_softmax(torch.tensor([1000.0, 1000.0])).exp()
    tensor([0.5000, 0.5000])

    Source: Blanchard, Higham and Higham (2021), "Accurately computing the log-sum-exp and softmax functions", IMA
    Journal of Numerical Analysis 41(4), section 1.
    Where torch differs: nowhere in the numbers; it is `torch.nn.functional.log_softmax(logits, dim=-1)`.
    """
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()


@checked_by(need_classes)
def cross_entropy_loss(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Minus the logarithm of the probability given to the right class, averaged over the rows.

    $$L = -\frac1N \sum_{i=1}^N \log p_{i,y_i} \qquad \log p_{ik} = z_{ik} - \log \sum_j e^{z_{ij}}$$

    Args:
        logits: the scores $z$, shape (N, K), without units: one row for each example, not yet probabilities.
        labels: the right classes $y$, shape (N,), `torch.int64`, from 0 to K - 1.

    Returns:
        The loss, a 0-d tensor, in nats: log K when all classes are thought equally likely.

    Raises:
        ValueError: shapes that do not fit, no rows, labels outside 0 to K - 1 or not `torch.int64`.
        TypeError: what is not a tensor.

    >>> cross_entropy_loss(torch.tensor([[0.0, 0.0], [9.0, -9.0]]), torch.tensor([0, 0]))
    tensor(0.3466)

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", section 4.3.4, equation 4.108, as a mean.
    Where torch differs: nowhere in the numbers; it is `torch.nn.functional.cross_entropy(logits, labels)`. Textbooks
    write the sum $-\sum_k y_k \log p_k$ over probabilities and a one-hot $y$. Probabilities must not be given as
    logits: with 5 classes a perfect prediction would still cost $\log(1 + 4/e) = 0.905$.
    """
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    return -log_p.gather(1, labels[:, None]).mean()


@checked_by(_need_targets)
def binary_cross_entropy_loss(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Minus the logarithm of the probability given to the right one of two classes, averaged.

    $$L = -\frac1n \sum_i \left[ y_i \log \sigma(z_i) + (1 - y_i) \log(1 - \sigma(z_i)) \right]
        = \frac1n \sum_i \left[ \log(e^{z_i} + e^0) - y_i z_i \right]$$

    The second form is the one that is computed: `torch.logaddexp` takes that logarithm without overflow.

    Args:
        logits: the scores $z$, any shape but empty, without units; $\sigma(z) = 1/(1 + e^{-z})$ is the probability
            of class 1.
        targets: $y$, shape of `logits`: 0 or 1, or a probability between them.

    Returns:
        The loss, a 0-d tensor, in nats.

    Raises:
        ValueError: two shapes, targets outside 0 to 1, logits that are empty or hold whole numbers.
        TypeError: what is not a tensor.

    >>> binary_cross_entropy_loss(torch.tensor([0.0, 1000.0]), torch.tensor([1.0, 1.0]))
    tensor(0.3466)

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", section 4.3.2, equation 4.90, as a mean.
    Where torch differs: nowhere in the numbers; it is `torch.nn.functional.binary_cross_entropy_with_logits`. The
    one without `_with_logits` takes probabilities, and cuts their logarithms off at -100.
    """
    return (torch.logaddexp(logits, torch.zeros_like(logits)) - targets * logits).mean()


@checked_by(_need_signs)
def hinge_loss(scores: Tensor, labels: Tensor) -> Tensor:
    r"""How far the margins fall short of 1, averaged.

    $$L = \frac1n \sum_{i=1}^n \max(0,\; 1 - y_i s_i)$$

    Args:
        scores: $s$, any shape but empty; the sign says the class, the size how sure of it.
        labels: $y$, shape of `scores`, each -1 or +1.

    Returns:
        The loss, a 0-d tensor, in units of the scores.

    Raises:
        ValueError: two shapes, labels other than -1 and +1, scores that are empty or hold whole numbers.
        TypeError: what is not a tensor.

    >>> hinge_loss(torch.tensor([3.0, 0.5, -1.0]), torch.tensor([1, 1, 1]))
    tensor(0.8333)

    Source: Deisenroth, Faisal and Ong (2020), "Mathematics for Machine Learning", section 12.2.5, equation 12.28.
    Where torch differs: it is `torch.nn.functional.margin_ranking_loss(scores, torch.zeros_like(scores), labels,
    margin=1)`; `hinge_embedding_loss` is another loss.
    """
    return (1 - labels * scores).clamp(min=0).mean()
