"""Losses of a two-class score against its margin, with a score that can be moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from coursekit.reference.losses import binary_cross_entropy_loss, hinge_loss, mse_loss
from coursekit.show import style
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

SCORES = torch.arange(-60, 61, dtype=torch.float64) / 20  # -3 to 3, the same on both sides of 0


def zero_one_loss(score: Tensor, label: Tensor) -> Tensor:
    """The share of scores whose sign is not the label's; a score of 0 has chosen neither and counts as wrong."""
    return (label * score <= 0).to(score.dtype).mean()


# what each loss makes of one score and its label, -1 or +1
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hinge": hinge_loss,
    "logistic": lambda score, label: binary_cross_entropy_loss(score, (label + 1) / 2),
    "squared": mse_loss,
    "0-1 loss": zero_one_loss,
}


def margins() -> Movable | Picture:
    """Show the hinge, logistic, squared and 0-1 loss of a score against its margin y·s, with a score to move.

    Every value and slope is computed from the losses of `coursekit.reference.losses`; the slope is the one against
    the margin. Without anywidget the curves are drawn alone.

    >>> print(margins().describe())
    Score -1.00 with label +1: margin -1.00. hinge 2, slope -1; logistic 1.31, slope -0.731; squared 4, slope -4;
    0-1 loss 1, slope 0.
    """
    curves = {name: _values(loss, SCORES) for name, loss in LOSSES.items()}
    return moving("margins", lambda: _data(curves), words, lambda: _still(curves))


def _data(curves: dict[str, Tensor]) -> dict[str, Any]:
    lines = [
        {**style.series(index)._asdict(), "name": name, "values": values.tolist(), "said": _said(LOSSES[name], values)}
        for index, (name, values) in enumerate(curves.items())
    ]
    return {"title": "Losses against the margin", "scores": SCORES.tolist(), "lines": lines, "at": 40}


def _values(loss: Callable[[Tensor, Tensor], Tensor], scores: Tensor) -> Tensor:
    """The loss of each score alone under the label +1, where the margin is the score."""
    return torch.stack([loss(score[None], torch.ones(1, dtype=score.dtype)) for score in scores])


def _slopes(loss: Callable[[Tensor, Tensor], Tensor], scores: Tensor) -> Tensor:
    scores = scores.clone().requires_grad_()
    values = _values(loss, scores)
    if not values.requires_grad:  # constant but for its jumps
        return torch.zeros_like(scores)
    return torch.autograd.grad(values.sum(), scores)[0]


def _said(loss: Callable[[Tensor, Tensor], Tensor], values: Tensor) -> list[str]:
    """Value and slope at each score, in words: at a kink or a jump there is a slope, or a value, on either side."""
    near = 1e-7
    sides = torch.stack([_slopes(loss, SCORES - near), _slopes(loss, SCORES + near)])
    around = torch.stack([_values(loss, SCORES - near), _values(loss, SCORES + near)])
    return [_at_one(*v) for v in zip(values.tolist(), *sides.tolist(), *around.tolist(), strict=True)]


def _at_one(value: float, left: float, right: float, before: float, after: float) -> str:
    say = style.number
    if abs(before - after) > 0.01:
        return f"{say(value)}, where it jumps from {say(before)} to {say(after)}"
    if abs(left - right) > 0.01:
        return f"{say(value)}, at its kink: slope {say(left)} to the left and {say(right)} to the right"
    slope = (left + right) / 2
    return f"{say(value)}, slope {say(slope if abs(slope) > 1e-6 else 0.0)}"


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with, under the label +1; static/margins.js says the same."""
    at = data["at"]
    score = style.fixed(data["scores"][at])
    ends = "; ".join(f"{line['name']} {line['said'][at]}" for line in data["lines"])
    return f"Score {score} with label +1: margin {score}. {ends}."


def _still(curves: dict[str, Tensor]) -> Picture:
    from coursekit.show.plots import lines

    return lines(SCORES, curves, "margin y·s", "loss", title="Losses against the margin")
