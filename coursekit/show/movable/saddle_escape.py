"""Runs that start on the line into a saddle: how noise in the gradient, and momentum, get them away from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coursekit.engine.surfaces import SURFACES
from coursekit.reference import RULES
from coursekit.reference.checks import need_whole
from coursekit.reference.rule import Rule, check_hyperparameters, hyperparameters
from coursekit.show import style
from coursekit.show.movable import table
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

SURFACE = SURFACES["saddle"]
AWAY = -0.125  # half way down from the saddle, at 0, to the minima, at -0.25
NOISES = [0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0]
BETAS = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95]
HEIGHTS = (-0.25, 2.0)  # losses that the codes can tell apart
RUNS = 10
# how a run stands at the chosen step: gone to one side, gone to the other, or not gone
GROUPS = (
    ("away upwards", style.Series(style.COLORS[1], ())),
    ("away downwards", style.Series(style.COLORS[5], style.DASHES[1])),
    ("still at the saddle", style.Series("", style.DASHES[3])),
)


def saddle_escape(
    rule: str = "heavy_ball", lr: float = 0.05, offset: float = 0.0, steps: int = 150, seed: int = 0
) -> Movable | Picture:
    """Show ten runs that start on the line into a saddle, with sliders for noise, momentum's beta and the step.

    The surface is `SURFACES["saddle"]`: on y = 0 its gradient leads into the saddle at (0, 0); the minima lie above
    and below. To each component of each gradient a normal number is added, of standard deviation 0 to 1; the gradient
    at the start has a length of 1.5. The ten strings of noise are the same at every place of the sliders. A run has
    got away at its first step below a loss of -0.125, half way to the minima. Without anywidget the losses under
    four noises are drawn.

    Args:
        rule: the name of a rule with a `beta`.
        lr: learning rate, above 0.
        offset: how far from the line the runs start: at (-1.5, offset).
        steps: how many steps to take.
        seed: of the noise.

    Raises:
        ValueError: a rule without a `beta`, a rate, offset or number of steps outside its range.

    >>> print(saddle_escape().describe())
    Noise of 0.01 in each gradient, beta 0, 150 steps: 7 of 10 runs got away from the saddle, half of all runs by step
    132; 4 upwards and 3 downwards. The median loss is -0.232; at the minima it is -0.25.
    """
    _check(rule, lr, offset, steps)
    paths, heights = walk(RULES[rule], lr, offset, steps, seed)
    return moving("saddle_escape", lambda: _data(paths, heights, offset), words, lambda: _still(heights))


def _check(rule: Any, lr: Any, offset: Any, steps: Any) -> None:
    able = [name for name, known in RULES.items() if "beta" in hyperparameters(known) and not known.matrices]
    if rule not in able:
        raise ValueError(f"rule must be the name of one with a beta: {', '.join(able)}; got {rule!r}")
    check_hyperparameters("saddle_escape", {"lr": lr})
    if lr == 0:
        raise ValueError("lr must be above 0, or no run moves; got 0")
    low, high = SURFACE.domain[1]
    if not (isinstance(offset, (int, float)) and low <= offset <= high):
        raise ValueError(f"offset must be a number from {low:g} to {high:g}, as the picture is; got {offset!r}")
    need_whole("saddle_escape", "steps", steps, low=1)


def walk(rule: Rule, lr: float, offset: float, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """All runs at once: paths (noises, betas, runs, steps + 1, 2) and heights (noises, betas, runs, steps + 1)."""
    draws = torch.randn((steps, 2, 1, 1, RUNS), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    size = torch.tensor(NOISES, dtype=torch.float64)[:, None, None]
    beta = torch.tensor(BETAS, dtype=torch.float64)[:, None]
    start = torch.tensor([-1.5, offset], dtype=torch.float64)
    param = start[:, None, None, None].expand(2, len(NOISES), len(BETAS), RUNS)
    state, path = rule.init(param), [param]
    for draw in draws:

        def gradient(at: Tensor, noise: Tensor = size * draw) -> Tensor:
            return torch.stack(SURFACE.slopes(at[0], at[1])[1:]) + noise

        grad = gradient if rule.takes_grad_fn else gradient(param)
        param, state = rule(param, grad, state, lr=lr, beta=beta)
        path.append(param)
    paths = torch.stack(path).movedim((0, 1), (-2, -1))
    return paths, SURFACE(paths)


def _data(paths: Tensor, heights: Tensor, offset: float) -> dict[str, Any]:
    return {
        **table.ground(SURFACE),
        "title": "Escape from a saddle",
        "saddle": list(SURFACE.saddles[0]),
        "noises": NOISES,
        "betas": BETAS,
        "runs": RUNS,
        "steps": heights.shape[-1] - 1,
        "offset": offset,
        "limit": AWAY,
        "paths": table.encode_points(paths, SURFACE).tobytes(),
        "losses": _encode(heights),
        "medians": _encode(heights.nan_to_num(nan=math.inf).quantile(0.5, dim=2)),
        "range": list(HEIGHTS),
        "escapes": escapes(paths, heights).tolist(),
        "groups": [{**line._asdict(), "name": name} for name, line in GROUPS],
        "at": [NOISES.index(0.01), 0],
    }


def escapes(paths: Tensor, heights: Tensor) -> Tensor:
    """The first step at which each run is away, (noises, betas, runs): below 0 when it left downwards, 0 for never."""
    away = heights < AWAY
    first = away.int().argmax(-1)
    side = paths[..., 1].gather(-1, first[..., None])[..., 0].sign()
    return (first * side * away.any(-1)).int()


def _encode(heights: Tensor) -> bytes:
    low, high = HEIGHTS
    return table.encode_share(((heights - low) / (high - low)).nan_to_num(nan=1.0)).tobytes()


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with, after all steps; static/saddle_escape.js says the same."""
    noise, beta = data["at"]
    runs, steps = data["runs"], data["steps"]
    first = data["escapes"][noise][beta]
    gone = sorted(abs(step) for step in first if step)
    head = f"Noise of {style.number(data['noises'][noise])} in each gradient, "
    head += f"beta {style.number(data['betas'][beta])}, {steps} step{'' if steps == 1 else 's'}: "
    said = f"{len(gone) or 'none'} of {runs} runs got away from the saddle"
    if len(gone) >= runs / 2:
        said += f", half of all runs by step {gone[math.ceil(runs / 2) - 1]}"
    if gone:
        said += f"; {sum(step > 0 for step in first)} upwards and {sum(step < 0 for step in first)} downwards"
    elif not data["noises"][noise] and not data["offset"]:
        said += ": on the line the gradient never points off it"
    codes = np.frombuffer(data["medians"], "<u2").reshape(len(data["noises"]), len(data["betas"]), steps + 1)
    low, high = data["range"]
    code = int(codes[noise, beta, -1])
    median = style.fixed(low + code / data["top"] * (high - low), 3) if code < data["top"] else f"above {high:g}"
    return f"{head}{said}. The median loss is {median}; at the minima it is {style.number(low)}."


def _still(heights: Tensor) -> Picture:
    from coursekit.show.plots import loss_curves

    chosen = [NOISES.index(noise) for noise in (0.0, 1e-4, 1e-2, 1.0)]
    curves = {f"noise {style.number(NOISES[i])}": heights[i, 0] for i in chosen}
    return loss_curves(curves, log=False, title="Escape from a saddle, beta 0")
