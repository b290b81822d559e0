"""What dropout does to the mean and the spread of a unit's input, in training and at test, by where one scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from coursekit.engine.data import digits
from coursekit.engine.networks import mlp
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.training import train
from coursekit.reference.adam import adam
from coursekit.reference.dropout import dropout, dropout_mask
from coursekit.reference.losses import cross_entropy_loss
from coursekit.show import style
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

RATES = [k / 20 for k in range(19)]  # 0 to 0.9
MASKS = 100  # of each picture
BINS = 48
# where the activations are scaled: (in training, at test)
WAYS = {
    "in training (inverted)": (True, False),
    "at test only": (False, True),
    "in both": (True, True),
    "in neither": (False, False),
}


def dropout_statistics(digit: int = 3, seed: int = 0) -> Movable | Picture:
    r"""Show the input of a unit under dropout, in training and at test, with a slider for p and a choice of scaling.

    A small network learns the digits. Then its 32 hidden activations h are dropped with probability p, 100 times
    for each training picture of one digit, and the input $\sum_j w_j h_j$ of that digit's output unit is taken, without
    its bias. Kept activations are scaled by 1/(1 - p) in training (inverted dropout), or all activations by 1 - p at
    test; to do both, or neither, are the two mistakes. Without anywidget the means are drawn against p.

    Args:
        digit: which pictures and which output unit, 0 to 9.
        seed: of the network and of the masks.

    Raises:
        ValueError: no such digit.

    >>> print(dropout_statistics().describe())
    p 0.30, scaled in training (inverted): the input of the unit for 3 has the mean 6.59 in training and 6.60 at test.
    Test over train mean is 1.00, as it should be. Its standard deviation is 3.04 in training, where the masks add to
    it, and 2.10 at test.
    """
    if not isinstance(digit, int) or not 0 <= digit <= 9:
        raise ValueError(f"digit must be a whole number from 0 to 9; got {digit!r}")
    h, w = layer(digit, seed)
    found = inputs(h, w, seed)
    return moving("dropout_statistics", lambda: _data(found, digit), words, lambda: _still(found, digit))


def layer(digit: int, seed: int) -> tuple[Tensor, Tensor]:
    """Hidden activations of the digit's pictures, (pictures, 32), and the weights into its output unit, (32,)."""
    data = digits(device="cpu", dtype=torch.float64)  # the same numbers on every machine
    model = mlp([64, 32, 10], seed, device="cpu", dtype=torch.float64)
    optimizer = Optimizer(model.parameters(), adam, lr=0.01)
    train(model, optimizer, data, loss=cross_entropy_loss, epochs=3, batch_size=64, seed=seed, progress=False)
    *_, weight, _ = model.parameters()
    return model[:2](data.x_train[data.y_train == digit]).detach(), weight[digit].detach()


def inputs(h: Tensor, w: Tensor, seed: int) -> dict[str, Tensor]:
    """The unit's inputs for each p: "train" (rates, draws), "test" (rates, pictures), each also without its scale.

    The masks of all p come from the same random numbers, so that the picture moves evenly.
    """
    found: dict[str, list[Tensor]] = {"train scaled": [], "train": [], "test scaled": [], "test": []}
    for p in RATES:
        generator = torch.Generator().manual_seed(seed)
        many = h.expand(MASKS, *h.shape)
        kept = dropout(many, dropout_mask(tuple(many.shape), p, generator), p=p, training=True) @ w
        whole = dropout(h, torch.ones_like(h), p=p, training=False) @ w
        values = (kept.flatten(), (1 - p) * kept.flatten(), (1 - p) * whole, whole)
        for name, value in zip(found, values, strict=True):
            found[name].append(value)
    return {name: torch.stack(values) for name, values in found.items()}


def _data(found: dict[str, Tensor], digit: int) -> dict[str, Any]:
    widest = found["train scaled"][RATES.index(0.8)]
    low, high = widest.quantile(0.01).item(), widest.quantile(0.99).item()
    ways = {way: (f"train{' scaled' * first}", f"test{' scaled' * second}") for way, (first, second) in WAYS.items()}
    captions = [
        [_said(way, p, digit, found[train][i], found[test][i]) for i, p in enumerate(RATES)]
        for way, (train, test) in ways.items()
    ]
    return {
        "title": "Dropout in training and at test",
        "digit": digit,
        "rates": RATES,
        "ways": [{"name": way, "parts": list(parts)} for way, parts in ways.items()],
        "parts": {name: _part(values, low, high) for name, values in found.items()},
        "range": [low, high],
        "captions": captions,
        "lines": [{**style.series(i)._asdict(), "name": name} for i, name in enumerate(("in training", "at test"))],
        "at": [0, RATES.index(0.3)],
    }


def _part(values: Tensor, low: float, high: float) -> dict[str, Any]:
    """Mean, standard deviation and the shares of the bins, for each p; what lies outside the bins is in none."""
    return {
        "mean": values.mean(1).tolist(),
        "sd": values.std(1, correction=0).tolist(),
        "shares": [(torch.histc(row, BINS, low, high) / len(row)).tolist() for row in values],
    }


def _said(way: str, p: float, digit: int, train: Tensor, test: Tensor) -> str:
    say = style.fixed
    means = [float(values.mean()) for values in (train, test)]
    spreads = [float(values.std(correction=0)) for values in (train, test)]
    return (
        f"p {say(p)}, scaled {way}: the input of the unit for {digit} has the mean {say(means[0])} in training and "
        f"{say(means[1])} at test. Test over train mean is {say(means[1] / means[0])}{_why(way, p)} Its standard "
        f"deviation is {say(spreads[0])} in training, where the masks add to it, and {say(spreads[1])} at test."
    )


def _why(way: str, p: float) -> str:
    if p == 0:
        return ": nothing is dropped."
    if way == "in both":
        return f", a mistake: scaled twice, the unit gets 1 - p = {style.fixed(1 - p)} of what it learnt with."
    if way == "in neither":
        times = style.fixed(1 / (1 - p))
        return f", a mistake: never scaled, the unit gets 1/(1 - p) = {times} times what it learnt with."
    return ", as it should be."


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with."""
    way, rate = data["at"]
    return data["captions"][way][rate]


def _still(found: dict[str, Tensor], digit: int) -> Picture:
    from coursekit.show.plots import lines

    curves = {name.replace(" ", ", "): values.mean(1) for name, values in found.items()}
    return lines(RATES, curves, "probability p of dropping", f"mean input of the unit for {digit}", log=False)
