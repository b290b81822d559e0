r"""Learning-rate schedules: the rate as a function of the steps taken so far, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from coursekit.reference.checks import checked_by, need_number, need_whole


def _need_step(name: str, t: Any, **rest: Any) -> None:
    """Refuse steps, spans and rates that are out of range."""
    need_whole(name, "t", t, low=0)
    for what in ("every", "total", "warmup"):
        least = 0 if what == "warmup" else 1
        need_whole(name, what, rest.get(what, least), low=least)
    if rest.get("warmup", 0) >= rest.get("total", math.inf):
        raise ValueError(f"{name}: warmup must be below total; got {rest['warmup']} and {rest['total']}")
    for what in ("lr", "lr_min", "drop", "decay"):
        need_number(name, what, rest.get(what, 0.0))


def _need_cycle(name: str, t: Any, lr: Any, total: Any, **rest: Any) -> None:
    _need_step(name, t, lr=lr, total=total)
    for what in ("div_factor", "final_div_factor"):
        need_number(name, what, rest.get(what, 1.0), low=1)
    share = rest.get("pct_start", 0.3)
    need_number(name, "pct_start", share, high=1)
    if not 1 < share * total < total:
        raise ValueError(f"{name}: the rise, pct_start * total, must be longer than 1 step; got {share * total:g}")


def _need_losses(name: str, losses: Any, lr: Any, factor: Any, patience: Any) -> None:
    need_number(name, "lr", lr)
    need_number(name, "factor", factor, high=1)
    need_whole(name, "patience", patience, low=0)
    if not isinstance(losses, Sequence) or isinstance(losses, str):
        raise TypeError(f"{name}: losses must be a list of numbers, one per epoch; got {type(losses).__name__}")


@checked_by(_need_step)
def constant(t: int, *, lr: float) -> float:
    r"""The same rate at every step.

    $$\eta_t = \eta$$

    Args:
        t: steps taken so far, counted from 0.
        lr: the rate $\eta \ge 0$.

    Returns:
        The rate of this step.

    Raises:
        ValueError: a `t` or a rate below 0.

    >>> [constant(t, lr=0.1) for t in range(3)]
    [0.1, 0.1, 0.1]

    Where torch differs: it is `ConstantLR(optimizer, factor=1.0)`, or no scheduler.
    """
    return lr


@checked_by(_need_step)
def step_decay(t: int, *, lr: float, drop: float, every: int) -> float:
    r"""Multiply the rate by a factor each time that a number of steps has passed.

    $$\eta_t = \eta_0\, d^{\lfloor t/k \rfloor}$$

    Args:
        t: steps taken so far, counted from 0.
        lr: the first rate $\eta_0 \ge 0$.
        drop: the factor $d \ge 0$ that is kept at each drop: 0.5 halves the rate.
        every: steps $k \ge 1$ from one drop to the next; steps 0 to `every - 1` run at `lr`.

    Returns:
        The rate of this step.

    Raises:
        ValueError: a number outside its range, or a step that is not whole.

    >>> [step_decay(t, lr=0.8, drop=0.5, every=2) for t in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]

    Where torch differs: nowhere in the numbers; it is `StepLR(optimizer, step_size=every, gamma=drop)`.
    """
    return lr * drop ** (t // every)


@checked_by(_need_step)
def exponential_decay(t: int, *, lr: float, decay: float) -> float:
    r"""Let the rate fall by the same share at every step.

    $$\eta_t = \eta_0\, e^{-\lambda t}$$

    Args:
        t: steps taken so far, counted from 0.
        lr: the first rate $\eta_0 \ge 0$.
        decay: $\lambda \ge 0$, per step; after $0.693/\lambda$ steps the rate is halved.

    Returns:
        The rate of this step.

    Raises:
        ValueError: a number outside its range, or a step that is not whole.

    >>> import math
    >>> exponential_decay(0, lr=0.1, decay=0.05), math.isclose(exponential_decay(20, lr=0.1, decay=0.05), 0.1 / math.e)
    (0.1, True)

    Where torch differs: `ExponentialLR(optimizer, gamma=math.exp(-decay))`; its `gamma` is the factor, not the decay.
    """
    return lr * math.exp(-decay * t)


@checked_by(_need_step)
def cosine_decay(t: int, *, lr: float, lr_min: float, total: int) -> float:
    r"""Let the rate fall along half a cosine, and stay at its end.

    $$\eta_t = \eta_{\min} + \tfrac12(\eta_0 - \eta_{\min})\left(1 + \cos\frac{\pi\min(t, T)}{T}\right)$$

    Args:
        t: steps taken so far, counted from 0.
        lr: the first rate $\eta_0 \ge 0$.
        lr_min: the last rate $\eta_{\min} \ge 0$.
        total: the step $T \ge 1$ at which the last rate is reached.

    Returns:
        The rate of this step; `lr_min` from `total` on.

    Raises:
        ValueError: a number outside its range, or a step that is not whole.

    >>> [round(cosine_decay(t, lr=1.0, lr_min=0.0, total=4), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    Source: Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without
    the restarts.
    Where torch differs: up to `total` it is `CosineAnnealingLR(optimizer, T_max=total, eta_min=lr_min)`, which rises
    again after that.
    """
    t = min(t, total)
    return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * t / total)) / 2


@checked_by(_need_step)
def warmup_cosine(t: int, *, lr: float, warmup: int, total: int) -> float:
    r"""Let the rate rise along a line, then fall to zero along half a cosine, and stay there.

    $$\eta_t = \eta\,\frac{t+1}{W} \;\text{ for } t < W, \qquad
    \eta_t = \frac{\eta}{2}\left(1 + \cos\frac{\pi\min(t - W, T - W)}{T - W}\right) \;\text{ from } W \text{ on}$$

    Args:
        t: steps taken so far, counted from 0.
        lr: the highest rate $\eta \ge 0$.
        warmup: steps $W \ge 0$ of the rise, 0 for none; the first of them already moves.
        total: the step $T > W$ at which the rate is zero.

    Returns:
        The rate of this step; 0 from `total` on.

    Raises:
        ValueError: a number outside its range, a step that is not whole, or a `warmup` that is not below `total`.

    >>> [round(warmup_cosine(t, lr=1.0, warmup=2, total=6), 3) for t in range(8)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    Source: the rise is that of Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
    section 2.2; the cosine that of Loshchilov and Hutter (2017).
    Where torch differs: it has no such scheduler; `SequentialLR` puts a `LinearLR` and a `CosineAnnealingLR` together,
    and `LambdaLR` takes this function as it is (with `lr=1.0`, since it multiplies).
    """
    if t < warmup:
        return lr * (t + 1) / warmup
    share = min((t - warmup) / (total - warmup), 1)
    return lr * (1 + math.cos(math.pi * share)) / 2


@checked_by(_need_cycle)
def one_cycle(
    t: int, *, lr: float, total: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> float:
    r"""Let the rate rise along half a cosine to its peak, then fall along another one to nearly zero, and stay there.

    $$\eta_t = a + \frac{b - a}{2}\left(1 - \cos\frac{\pi (t - s)}{e - s}\right)
    \quad\text{from } a \text{ at step } s \text{ to } b \text{ at step } e$$

    It rises from $\eta/25$ at step 0 to $\eta$ at step $0.3\,T - 1$, and falls to $\eta/250000$ at step $T - 1$.

    Args:
        t: steps taken so far, counted from 0.
        lr: the highest rate $\eta \ge 0$.
        total: steps $T$ in all.
        pct_start: share of the steps in which the rate rises, above $1/T$ and below 1.
        div_factor: the peak over the first rate, at least 1.
        final_div_factor: the first rate over the last, at least 1.

    Returns:
        The rate of this step; from `total - 1` on the last one.

    Raises:
        ValueError: a number outside its range, or a step that is not whole.

    >>> [round(one_cycle(t, lr=1.0, total=10, pct_start=0.5), 3) for t in range(11)]
    [0.04, 0.181, 0.52, 0.859, 1.0, 0.905, 0.655, 0.345, 0.095, 0.0, 0.0]

    Source: Smith and Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", whose cycle is made of straight lines.
    Where torch differs: nowhere in the rates up to the last step; it is `OneCycleLR(optimizer, max_lr=lr,
    total_steps=total)`, which also moves the momentum the other way, and fails past the end.
    """
    first, peak, end = lr / div_factor, pct_start * total - 1, total - 1
    if t <= peak:
        return first + (lr - first) * (1 - math.cos(math.pi * t / peak)) / 2
    share, last = min((t - peak) / (end - peak), 1), first / final_div_factor
    return lr + (last - lr) * (1 - math.cos(math.pi * share)) / 2


@checked_by(_need_losses)
def reduce_on_plateau(losses: Sequence[float], *, lr: float, factor: float, patience: int) -> list[float]:
    r"""Multiply the rate by a factor when the loss has not fallen for some epochs.

    An epoch is bad unless its loss is below the best before it. After more than `patience` bad epochs in a row the
    next epoch runs at `factor` times the rate, and the count starts anew.

    Args:
        losses: the loss of each epoch, a list of numbers.
        lr: the first rate, 0 or above.
        factor: what is kept of the rate, $0 \le f < 1$.
        patience: bad epochs in a row that are let pass.

    Returns:
        The rate that each epoch ran with, a list as long as `losses`: a loss acts on the epochs after it.

    Raises:
        ValueError: a number outside its range.
        TypeError: losses that are no list.

    >>> reduce_on_plateau([3.0, 2.0, 2.0, 2.5, 1.0, 1.0], lr=0.8, factor=0.5, patience=1)
    [0.8, 0.8, 0.8, 0.8, 0.4, 0.4]

    Where torch differs: it is `ReduceLROnPlateau(optimizer, factor=factor, patience=patience, threshold=0)`, whose
    default threshold asks for a loss that is lower by a share of 1e-4.
    """
    rates: list[float] = []
    best, bad = math.inf, 0
    for loss in losses:
        rates = [*rates, lr]
        bad = 0 if loss < best else bad + 1
        best = min(best, loss)
        if bad > patience:
            lr, bad = lr * factor, 0
    return rates
