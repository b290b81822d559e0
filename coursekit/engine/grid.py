"""Every combination of hyperparameters on a real network, over several seeds, with the copies trained together."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.engine.augment import Augment
from coursekit.engine.bar import bar_of
from coursekit.engine.data import Data
from coursekit.engine.stacked import stacked
from coursekit.reference.checks import need_whole


@dataclass(frozen=True, repr=False)
class Grid:
    """Where the training of every combination ended; the last dimension of the results counts the seeds."""

    rule: str
    axes: dict[str, Tensor]  # hyperparameter -> its values, in the order of the grid
    fixed: dict[str, float]  # the hyperparameters given as one number
    seeds: tuple[int, ...]
    train_loss: Tensor  # (*grid, seeds), of the last epoch
    validation_loss: Tensor  # (*grid, seeds), after the last epoch
    accuracy: Tensor | None  # (*grid, seeds), of the validation part; None for a regression
    seconds: float

    def median(self, what: str = "validation_loss") -> Tensor:
        """The median over the seeds, (*grid); a combination of which a seed diverged may have an infinite one."""
        if what not in ("train_loss", "validation_loss", "accuracy") or getattr(self, what) is None:
            raise ValueError(f'"train_loss", "validation_loss" or, for classes, "accuracy"; got {what!r}')
        worst = -math.inf if what == "accuracy" else math.inf
        return getattr(self, what).nan_to_num(nan=worst).quantile(0.5, dim=-1, interpolation="nearest")

    def best(self) -> dict[str, float]:
        """The combination of the lowest median validation loss, ready to be passed on: `Optimizer(..., **grid.best())`.

        Raises:
            ValueError: every combination diverged.
        """
        place = self._best_place()
        chosen = {name: float(values[i]) for (name, values), i in zip(self.axes.items(), place, strict=True)}
        return {**chosen, **self.fixed}

    def spread(self) -> tuple[float, float]:
        """The lowest and the highest validation loss over the seeds at the best combination."""
        seeds = self.validation_loss[self._best_place()]
        return float(seeds.min()), float(seeds.max())

    def _best_place(self) -> tuple[int, ...]:
        median = self.median()
        if not median.isfinite().any():
            raise ValueError(f"every combination of {self.rule} diverged; try smaller learning rates")
        return tuple(int(i) for i in torch.unravel_index(median.argmin(), median.shape))

    def __repr__(self) -> str:
        shape = " x ".join(f"{name} ({len(values)})" for name, values in self.axes.items()) or "one combination"
        words = f"<Grid of {self.rule}: {shape} x {len(self.seeds)} seeds in {self.seconds:.1f} s"
        if not self.median().isfinite().any():
            return f"{words}; all diverged>"
        low, high = self.spread()
        best = ", ".join(f"{name}={value:g}" for name, value in self.best().items())
        return f"{words}; best {best}: validation loss {low:.4g} to {high:.4g} over the seeds>"


def grid(
    make: Callable[[int], nn.Module] | nn.Module,
    function: Callable[..., Any],
    data: Data,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch_size: int,
    seeds: Sequence[int] = (0, 1, 2),
    augment: Augment | None = None,
    block: int = 256,
    compiled: bool = False,
    progress: bool = False,
    **hyper: Any,
) -> Grid:
    """Train a network with every combination of the given hyperparameters and every seed.

    Args:
        make, function, data, loss, epochs, batch_size, augment, compiled: as in `stacked`.
        seeds: of weights, order of the rows, what `augment` draws and dropout; every combination is trained with each.
        block: at most so many networks at once, to save memory; the result is the same to rounding.
        progress: show a bar, if tqdm is installed.
        hyper: hyperparameters; each a number, or a 1-D sequence, which is an axis of the grid. Axes in the order given.

    Raises:
        ValueError, TypeError: as `stacked`; an empty axis.

    >>> from coursekit.engine import blobs, mlp
    >>> from coursekit.reference import RULES
    >>> result = grid(lambda seed: mlp([2, 8, 3], seed, device="cpu"), RULES["momentum"], blobs(device="cpu"),
    ...               loss=nn.functional.cross_entropy, epochs=2, batch_size=32, lr=[0.001, 0.1], beta=[0.5, 0.9])
    >>> result.validation_loss.shape, result.best()["lr"]
    (torch.Size([2, 2, 3]), 0.1)
    """
    axes = {key: _axis(key, values) for key, values in hyper.items() if not isinstance(values, Real)}
    fixed = {key: float(value) for key, value in hyper.items() if key not in axes}
    chosen = [int(seed) for seed in _axis("seeds", seeds)]
    need_whole("grid", "block", block, low=1)
    # networks of one seed stand together: those of a block that see the same rows in the same order share them
    cells = [(seed, *values) for seed in chosen for values in itertools.product(*(a.tolist() for a in axes.values()))]
    started, parts = time.perf_counter(), []
    with bar_of(len(cells), 0, progress) as bar:
        for low in range(0, len(cells), block):
            some = list(zip(*cells[low : low + block], strict=True))
            how: Any = {"loss": loss, "epochs": epochs, "batch_size": batch_size, "compiled": compiled}
            how |= {"augment": augment, **fixed, **dict(zip(axes, some[1:], strict=True))}
            parts.append(stacked(make, function, data, seeds=some[0], **how))
            bar.update(len(some[0]))
    shape = (len(chosen), *(len(values) for values in axes.values()))
    results = {
        name: torch.cat([getattr(part, name)[:, -1] for part in parts]).view(shape).movedim(0, -1)
        for name in ("train_loss", "validation_loss", "accuracy")
        if getattr(parts[0], name) is not None
    }
    return Grid(
        parts[0].rule,
        axes,
        fixed,
        tuple(chosen),
        results["train_loss"],
        results["validation_loss"],
        results.get("accuracy"),
        time.perf_counter() - started,
    )


def _axis(name: str, values: Any) -> Tensor:
    try:
        axis = torch.as_tensor(values, dtype=torch.float64, device="cpu").detach().clone()
    except (TypeError, ValueError, RuntimeError):
        axis = torch.empty(0)
    if axis.ndim != 1 or not len(axis):
        raise ValueError(f"grid: {name} must be a number or a 1-D sequence with values; got {values!r:.60}")
    return axis
