"""Gradient descent on a bowl of two curvatures, at learning rates from 0 to beyond 2/L."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coursekit.engine.surfaces import Surface
from coursekit.engine.sweep import sweep
from coursekit.reference.checks import need_number, need_whole
from coursekit.reference.gradient_descent import gradient_descent, max_stable_lr
from coursekit.show import style
from coursekit.show.movable import table
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

PLACES = 40  # of the slider from 0 to 2/L; it goes on for a quarter more
CONDITIONS = [1, 3, 4, 7, 9, 19, 39]  # the best rate of each, 2/(L + μ), is one of the slider's places
LINES = ("whole loss", "steep direction", "flat direction")


def stability(steep: float = 10.0, steps: int = 40) -> Movable | Picture:
    r"""Show gradient descent on a quadratic bowl, with sliders for the learning rate and the condition number.

    The curvature is L along y and $\mu = L/\kappa$ along x. One step multiplies the distance to the minimum by
    $1 - \eta L$ along the steep direction and by $1 - \eta\mu$ along the flat one; beside the path stand the loss and
    the sizes of both factors against the rate, with 1/L, 2/L and $2/(L + \mu)$ marked. The factors are read off the
    path. Without anywidget the sizes of the factors are drawn alone.

    Args:
        steep: the larger curvature L, above 0.
        steps: how many steps to take.

    Raises:
        ValueError: a curvature that is not above 0, or a number of steps that is not whole or below 1.

    >>> print(stability().describe())
    Learning rate 0.19, 0.95 of 2/L, L/μ = 9: it rings and converges. Each step multiplies the distance to the minimum
    by -0.9 along the steep direction, so that it halves every 6.58 steps, and by 0.789 along the flat one, so that it
    halves every 2.92 steps. In 40 steps the loss goes from 8.47 to 0.00109.
    """
    need_number("stability", "steep", steep)
    if steep == 0:
        raise ValueError("stability: steep must be above 0, or there is no bowl; got 0")
    need_whole("stability", "steps", steps, low=1)
    limit = max_stable_lr(torch.diag(torch.tensor([steep, steep / max(CONDITIONS)], dtype=torch.float64)))
    rates = [limit * k / PLACES for k in range(PLACES + PLACES // 4 + 1)]
    bowls = [bowl(steep, steep / condition) for condition in CONDITIONS]
    paths = [walk(surface, rates, steps) for surface in bowls]
    return moving("stability", lambda: _data(steep, rates, bowls, paths), words, lambda: _still(rates, paths))


def bowl(steep: float, flat: float) -> Surface:
    """The surface with these curvatures along y and x."""
    return Surface(
        "bowl",
        rf"f(x, y) = \tfrac{{1}}{{2}}\left({flat:g}\, x^2 + {steep:g}\, y^2\right)",
        lambda x, y: (flat * x**2 + steep * y**2) / 2,
        ((-3.0, 3.0), (-2.0, 2.0)),
        (-2.5, 1.0),
        minima=((0.0, 0.0),),
    )


def walk(surface: Surface, rates: list[float], steps: int) -> Tensor:
    """The path of gradient descent for each rate, (rates, steps + 1, 2)."""
    start = torch.tensor(surface.start, dtype=torch.float64)
    return sweep(gradient_descent, surface, start, steps=steps, lr=rates).paths


def factors(path: Tensor) -> Tensor:
    """What a step multiplies x and y by, (rates, 2): the first step says it, as all are alike on a quadratic."""
    return path[:, 1] / path[:, 0]


def _data(steep: float, rates: list[float], bowls: list[Surface], paths: list[Tensor]) -> dict[str, Any]:
    only = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)  # whole, along y, along x
    grounds, points, losses, captions = [], [], [], []
    for condition, surface, path in zip(CONDITIONS, bowls, paths, strict=True):
        heights = surface(path[:, None] * only[:, None])
        grounds.append(table.ground(surface, columns=91, rows=61))
        points.append(table.encode_points(path, surface))
        losses.append(table.encode_heights(heights, surface))
        numbers = zip(rates, factors(path).tolist(), heights[:, 0].tolist(), strict=True)
        captions.append([_said(steep, condition, *one) for one in numbers])
    return {
        **grounds[0],
        "heights": b"".join(ground["heights"] for ground in grounds),
        "title": "Learning rates up to 2/L and beyond",
        "start": list(bowls[0].start),
        "rates": rates,
        "conditions": CONDITIONS,
        "steps": paths[0].shape[1] - 1,
        "paths": np.stack(points).tobytes(),
        "losses": np.stack(losses).tobytes(),
        "decades": list(table.DECADES),
        "factors": [factors(path).abs().flip(-1).tolist() for path in paths],  # steep before flat, as in LINES
        "limits": {"1/L": 1 / steep, "2/L": rates[PLACES]},
        "best": [2 / (steep + steep / condition) for condition in CONDITIONS],
        "lines": [{**style.series(index)._asdict(), "name": name} for index, name in enumerate(LINES)],
        "captions": captions,
        "at": [CONDITIONS.index(9), 38],
    }


def _said(steep: float, condition: float, rate: float, factor: list[float], losses: list[float]) -> str:
    """The caption at one place of the sliders; the browser has it from here."""
    say = style.number
    flat, along = (round(value, 9) for value in factor)  # 1 - 2/L·L may miss -1 by rounding
    head = f"Learning rate {say(rate)}, {say(rate * steep / 2)} of 2/L, L/μ = {condition:g}"
    if along == 1:
        return f"{head}: no step is taken, and the loss stays at {say(losses[0])}."
    if abs(along) > 1:
        verdict = "it diverges"
    elif along == -1:
        verdict = "it neither converges nor diverges"
    else:
        verdict = "it rings and converges" if along < 0 else "it converges"
    each = f"Each step multiplies the distance to the minimum by {say(along)}"
    if condition > 1:
        each += f" along the steep direction{_time(along)}, and by {say(flat)} along the flat one{_time(flat)}"
    else:
        each += _time(along)
    plural = "" if len(losses) == 2 else "s"
    end = f"In {len(losses) - 1} step{plural} the loss goes from {say(losses[0])} to {say(losses[-1])}."
    return f"{head}: {verdict}. {each}. {end}"


def _time(factor: float) -> str:
    """How soon a distance halves or doubles under this factor."""
    if factor == 0:
        return ", so that one step is enough"
    if factor == -1:
        return ", so that it stays the same"
    steps = style.number(math.log(2) / abs(math.log(abs(factor))))
    return f", so that it {'halves' if abs(factor) < 1 else 'doubles'} every {steps} steps"


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with."""
    condition, rate = data["at"]
    return data["captions"][condition][rate]


def _still(rates: list[float], paths: list[Tensor]) -> Picture:
    from coursekit.show.plots import lines

    flat, steep = factors(paths[CONDITIONS.index(9)]).abs().T
    curves = {"steep direction": steep, "flat direction": flat}
    return lines(
        rates, curves, "learning rate", "size of the factor per step", title="Curvatures in the ratio 9", log=False
    )
