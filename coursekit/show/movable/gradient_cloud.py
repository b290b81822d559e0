"""The cloud of mini-batch gradients around the gradient of all rows, by batch size and place on the way down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coursekit.engine.data import diabetes
from coursekit.reference.losses import mse_loss
from coursekit.show import style
from coursekit.show.movable.moving import moving
from coursekit.show.movable.table import TOP

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

ROWS = 256  # of the training part: a power of two, so that the largest batch is all of them
SIZES = [2**k for k in range(9)]
WAY = [k / 10 for k in range(11)]  # shares of the straight way from weights of 0 to the minimum
BATCHES = 300


def gradient_cloud(features: Sequence[str] = ("bmi", "s5"), seed: int = 0) -> Movable | Picture:
    r"""Show gradients of mini-batches around the gradient of all rows, with sliders for batch size and weights.

    A line without intercept is fitted to the diabetes data with two inputs, by the mean squared error. Its weights
    stand on the way from 0 to the minimum. 300 batches are drawn, each without a row twice. Beside them stands their
    spread, the root of the mean squared distance to the gradient of all N rows, which is predicted to be

    $$\sqrt{\frac{S}{B}\left(1 - \frac{B}{N}\right)}$$

    for batches of B rows, with S the trace of the covariance (over N - 1) of the gradients of single rows. Without
    anywidget the spread is drawn alone.

    Args:
        features: the names of two inputs.
        seed: of the batches.

    Raises:
        ValueError: other than two different inputs of the diabetes data.

    >>> print(gradient_cloud().describe())
    Batches of 8 of 256 rows, 50 % of the way to the minimum: 300 gradients have a spread of 0.71, predicted 0.725;
    the gradient of all rows has a length of 0.763. For 26 of 300 batches (9 %) a small step raises the loss.
    """
    data = _data(*_rows(features), tuple(features), seed)
    return moving("gradient_cloud", lambda: data, words, lambda: _still(data))


def _rows(features: Any) -> tuple[Tensor, Tensor]:
    table = diabetes(device="cpu", dtype=torch.float64)  # the same numbers on every machine
    names = list(features) if isinstance(features, (list, tuple)) else [features]
    if len(names) != 2 or len(set(map(str, names))) != 2 or any(name not in table.features for name in names):
        raise ValueError(f"features must be two different names out of {', '.join(table.features)}; got {features!r}")
    return table.x_train[:ROWS, [table.features.index(name) for name in names]], table.y_train[:ROWS]


def row_gradients(w: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """The gradient of each row's own squared error at the weights w, (N, 2): every row has weights to itself."""
    each = w.expand(len(X), 2).clone().requires_grad_()
    return torch.autograd.grad(len(X) * mse_loss((X * each).sum(1), y), each)[0]


def _data(X: Tensor, y: Tensor, features: tuple[str, ...], seed: int) -> dict[str, Any]:
    least = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    drawn = torch.rand(BATCHES, ROWS, generator=torch.Generator().manual_seed(seed)).argsort(1)
    sizes = torch.tensor(SIZES)
    places = []
    for share in WAY:
        rows = row_gradients(share * least, X, y)
        full = rows.mean(0) if share < 1 else torch.zeros(2, dtype=rows.dtype)  # not 1e-16, which has a direction
        cloud = rows[drawn].cumsum(1)[:, sizes - 1] / sizes[:, None]  # a batch is the start of a shuffled epoch
        places.append(_place(cloud.transpose(0, 1), full, rows))
    clouds = np.stack([place.pop("cloud") for place in places])
    span = float(np.abs(clouds).max())
    return {
        "title": "Gradients of mini-batches",
        "features": list(features),
        "rows": ROWS,
        "batches": BATCHES,
        "sizes": SIZES,
        "way": WAY,
        "places": places,
        "captions": [[_said(place, way, size) for size in SIZES] for place, way in zip(places, WAY, strict=True)],
        "cloud": ((clouds + span) / (2 * span) * TOP).round().astype("<u2").tobytes(),
        "span": span,
        "top": TOP,
        "reach": float(np.quantile(np.abs(clouds[0, 0]), 0.97)),
        "lines": [
            {**style.series(index)._asdict(), "name": name}
            for index, name in enumerate(("spread predicted", "1/√B alone", "length of the gradient of all rows"))
        ],
        "at": [WAY.index(0.5), SIZES.index(8)],
    }


def _place(cloud: Tensor, full: Tensor, rows: Tensor) -> dict[str, Any]:
    """What there is to know at one place: the cloud, (sizes, batches, 2), has the batches that lead uphill first."""
    at_minimum = not full.any()  # from there every step leads up, but for the one of all rows, which is none
    uphill = cloud.norm(dim=2) > 1e-9 if at_minimum else cloud @ full < 0
    order = uphill.int().argsort(dim=1, descending=True, stable=True)
    trace = float(rows.var(0).sum())
    return {
        "cloud": cloud.gather(1, order[..., None].expand_as(cloud)).numpy(),
        "full": full.tolist(),
        "length": float(full.norm()),
        "uphill": uphill.sum(1).tolist(),
        "spread": (cloud - full).square().sum(2).mean(1).sqrt().tolist(),
        "predicted": [math.sqrt(trace / size * (1 - size / ROWS)) for size in SIZES],
        "root": [math.sqrt(trace / size) for size in SIZES],
    }


def _said(place: dict[str, Any], way: float, size: int) -> str:
    k = SIZES.index(size)
    spread, predicted = (style.number(round(place[key][k], 6)) for key in ("spread", "predicted"))
    return (
        f"Batches of {size} of {ROWS} rows, {round(100 * way)} % of the way to the minimum: {BATCHES} gradients have a "
        f"spread of {spread}, predicted {predicted}; the gradient of all rows has a length of "
        f"{style.number(place['length'])}. {_uphill(place, k)}"
    )


def _uphill(place: dict[str, Any], size: int) -> str:
    if not place["length"]:
        if SIZES[size] == ROWS:
            return "This is the minimum, and a batch of all rows knows it."
        return "This is the minimum, but no batch knows it: a step of any of them raises the loss."
    count = place["uphill"][size]
    return f"For {count} of {BATCHES} batches ({style.fixed(100 * count / BATCHES, 0)} %) a small step raises the loss."


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with."""
    way, size = data["at"]
    return data["captions"][way][size]


def _still(data: dict[str, Any]) -> Picture:
    from coursekit.show.plots import lines

    place = data["places"][data["at"][0]]
    few = len(SIZES) - 1  # all rows have no spread, which a log axis cannot show
    curves = {
        "measured": place["spread"][:few],
        "predicted": place["predicted"][:few],
        "1/√B alone": place["root"][:few],
    }
    labels = ("batch size as a power of 2", "spread of the gradient")
    return lines([math.log2(size) for size in SIZES[:few]], curves, *labels, log=True, title=data["title"])
