"""Training and validation loss of a network that could learn its images by heart, and where patience stops it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from coursekit.engine.data import digits
from coursekit.engine.networks import mlp
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.training import History, train
from coursekit.reference.adam import adam
from coursekit.reference.generalization import early_stopping
from coursekit.reference.losses import cross_entropy_loss
from coursekit.show import style
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

SIZES = (50, 100, 200, 400)  # training images
PATIENCES = range(1, 21)
EPOCHS = 40
FALSE = {"all labels true": 0.0, "one in four at random": 0.25}  # the share of the labels that is drawn anew
LINES = ("training", "validation", *(f"kept, {kind}" for kind in FALSE))

Runs = dict[str, list[History]]  # of each kind of labels, one for each size


def capacity(seed: int = 0) -> Movable | Picture:
    """Show when early stopping ends a run, with sliders for the number of images and the patience.

    A network with 64 hidden units learns 50 to 400 digits, with true labels or with one label in four drawn at random.
    The left picture has its training and validation loss, with the best epoch and the stop; the right one the
    validation loss that is kept, against the number of images. Without anywidget the validation losses are drawn.

    Args:
        seed: of the network and of the labels that are drawn.

    >>> print(capacity().describe())
    200 images, one in four at random, patience 5: the run stops after epoch 16 and keeps epoch 11, with validation loss
    0.49 and training loss 0.54, a gap of -0.05. None of all 40 epochs has a lower one; the last has 0.86.
    """
    runs = learnt(seed)
    return moving("capacity", lambda: _data(runs), words, lambda: _still(runs))


def learnt(seed: int) -> Runs:
    """The whole run for each kind of labels and each number of images, on the CPU: the same on every machine."""
    whole = digits(device="cpu", dtype=torch.float64)
    pixels: dict[str, Any] = {
        part: whole.images(getattr(whole, part)).flatten(1) / 16 for part in ("x_train", "x_validation")
    }
    found: Runs = {}
    for kind, share in FALSE.items():
        for n in SIZES:
            labels = whole.y_train[:n].clone()
            some = int(share * n)
            labels[:some] = torch.randint(10, (some,), generator=torch.Generator().manual_seed(seed))
            data = dataclasses.replace(whole, **{**pixels, "x_train": pixels["x_train"][:n]}, y_train=labels)
            model = mlp([64, 64, 10], seed, device="cpu", dtype=torch.float64)
            optimizer = Optimizer(model.parameters(), adam, lr=0.02)
            how: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 25, "seed": seed, "progress": False}
            found.setdefault(kind, []).append(train(model, optimizer, data, loss=cross_entropy_loss, **how))
    return found


def _data(runs: Runs) -> dict[str, Any]:
    stops = {
        kind: [[early_stopping(run.validation_loss, patience=p) for p in PATIENCES] for run in some]
        for kind, some in runs.items()
    }
    kinds = [
        {
            "name": kind,
            "train": [run.train_loss for run in some],
            "validation": [run.validation_loss for run in some],
            "stops": [[list(pair) for pair in row] for row in stops[kind]],
            "captions": [
                [_said(n, kind, p, pair, run) for p, pair in zip(PATIENCES, row, strict=True)]
                for n, run, row in zip(SIZES, some, stops[kind], strict=True)
            ],
        }
        for kind, some in runs.items()
    ]
    return {
        "title": "When early stopping ends a run",
        "sizes": list(SIZES),
        "patiences": list(PATIENCES),
        "kinds": kinds,
        "lines": [{**style.series(i)._asdict(), "name": name} for i, name in enumerate(LINES)],
        "at": [1, SIZES.index(200), PATIENCES.index(5)],
    }


def _said(n: int, kind: str, patience: int, pair: tuple[int, int], run: History) -> str:
    (stop, best), say, losses = pair, style.fixed, run.validation_loss
    ends = f"stops after epoch {stop}" if stop - best == patience else f"goes to its end, epoch {stop},"
    low = min(range(len(losses)), key=losses.__getitem__)
    missed = f"Epoch {low} would have {say(losses[low])}, and is never run"
    return (
        f"{n} images, {kind}, patience {patience}: the run {ends} and keeps epoch {best}, with validation loss "
        f"{say(losses[best])} and training loss {say(run.train_loss[best])}, a gap of "
        f"{say(losses[best] - run.train_loss[best])}. "
        f"{missed if low > stop else f'None of all {len(losses)} epochs has a lower one'}; the last has "
        f"{say(losses[-1])}."
    )


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with."""
    kind, size, patience = data["at"]
    return data["kinds"][kind]["captions"][size][patience]


def _still(runs: Runs) -> Picture:
    from coursekit.show.plots import loss_curves

    kind = list(FALSE)[1]
    curves = {f"{n} images": run.validation_loss for n, run in zip(SIZES, runs[kind], strict=True)}
    return loss_curves(curves, xlabel="epoch", ylabel=f"validation loss in nats, {kind}", log=False)
