"""The playground: update rules walking down a surface, with a slider for the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from coursekit.engine.rules import as_rule
from coursekit.engine.surfaces import Surface
from coursekit.reference import RULES
from coursekit.reference.checks import need_whole
from coursekit.reference.rule import check_hyperparameters, hyperparameters
from coursekit.show import style
from coursekit.show.movable import table
from coursekit.show.movable.mistakes import Mistake, mistake
from coursekit.show.movable.moving import moving
from coursekit.show.movable.table import Line, Sliders
from coursekit.show.relief import find_surface

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

MOST = 6  # rules: as many as there are colours


def playground(
    surface: Surface | str = "ravine",
    rules: Sequence[str | Callable[..., Any]] = ("gradient_descent", "momentum", "adam"),
    start: tuple[float, float] | None = None,
    lr: tuple[float, float] = (0.005, 0.5),
    hyper: tuple[str, tuple[float, float]] | None = None,
    steps: int = 100,
) -> Movable | Picture:
    """Show how rules walk down a surface, with sliders for the learning rate, one more hyperparameter and the step.

    A learner's own function stands beside the reference of its name, dashed. Where it raises an error, returns the
    wrong thing or takes longer than 5 s, the figure says so and draws the others. The start can be moved by the
    pointer or the arrow keys while a kernel runs. Without anywidget the paths in the middle of the sliders are drawn.

    Args:
        surface: a `Surface`, or its name.
        rules: up to six: names of the course's rules, rules, or a learner's own functions.
        start: the first point, (x, y); the surface's own when left out.
        lr: the lowest and the highest learning rate of the slider, which is log-spaced.
        hyper: a second slider: the name of a hyperparameter with its lowest and highest value; rules without it stay.
        steps: how many steps to take.

    Returns:
        The movable figure; `.describe()` says what it opens with, `.standalone_html()` is a page without a kernel.

    Raises:
        ValueError: an unknown surface or rule, more than six rules, a range that is none.

    >>> print(playground(rules=["gradient_descent"], lr=(0.01, 0.04), steps=50).describe())
    Learning rate 0.02, 50 steps from (-2.50, 1.00): gradient_descent ends at (-0.91, 0.00), loss 0.414.
    """
    surface = find_surface(surface)
    begin = _start(surface, start)
    lines = _lines(rules)
    need_whole("playground", "steps", steps, low=1)
    sliders = _sliders(lines, lr, hyper)
    late: dict[str, Mistake] = {}  # lines that took too long: not tried again when the start moves

    def data(point: tuple[float, float]) -> dict[str, Any]:
        return {**_scene(surface, sliders, steps), **_walks(lines, surface, point, sliders, steps, late)}

    def still() -> Picture:
        return _still(surface, lines, begin, sliders, steps, late)

    def respond(message: dict[str, Any]) -> dict[str, Any]:
        return data(_clamped(surface, message["start"]))

    return moving("playground", lambda: data(begin), words, still, respond)


def _start(surface: Surface, start: Any) -> tuple[float, float]:
    try:
        x, y = (float(v) for v in (surface.start if start is None else start))
    except (TypeError, ValueError):
        raise ValueError(f"start must be two numbers (x, y); got {start!r}") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"start must be two finite numbers (x, y); got {start!r}")
    return x, y


def _clamped(surface: Surface, start: Sequence[float]) -> tuple[float, float]:
    x, y = (min(max(float(v), low), high) for v, (low, high) in zip(start, surface.domain, strict=True))
    return x, y


def _lines(rules: Any) -> list[Line]:
    given = [rules] if isinstance(rules, str) or callable(rules) else list(rules)
    if not 1 <= len(given) <= MOST:
        raise ValueError(f"the playground takes one to {MOST} rules; got {len(given)}")
    lines: list[Line] = []
    for item in given:
        if isinstance(item, str) and item not in RULES:
            raise ValueError(f"no rule is called {item!r}; there are {', '.join(RULES)}, and your own functions")
        rule = RULES[item] if isinstance(item, str) else as_rule(item)
        reference = RULES.get(rule.__name__)
        if reference is not None and all(line.rule is not reference for line in lines):
            lines.append(Line(rule.__name__, reference, own=False))
        if rule is not reference:
            own = sum(line.own and line.rule.__name__ == rule.__name__ for line in lines)
            lines.append(Line(f"your {rule.__name__}" + (f" ({own + 1})" if own else ""), rule, own=True))
    return lines


def _sliders(lines: list[Line], lr: Any, hyper: Any) -> Sliders:
    low, high = _range("lr", lr)
    if low <= 0:
        raise ValueError(f"lr must be a lowest and a highest rate above 0, as its slider is log-spaced; got {lr!r}")
    if hyper is None:
        return Sliders(_rounded(np.geomspace(low, high, 61)), None, [0.0])
    try:
        name, ends = hyper
    except (TypeError, ValueError):
        raise ValueError(f'hyper must be a name and a range, such as ("beta", (0, 0.99)); got {hyper!r}') from None
    takers = [line.rule for line in lines if name in hyperparameters(line.rule) and name != "lr"]
    if not takers:
        known = sorted({key for line in lines for key in hyperparameters(line.rule)} - {"lr"})
        has = f"besides lr they have {', '.join(known) or 'none'}"
        raise ValueError(f"none of the rules has a hyperparameter {name!r} for a second slider; {has}")
    low_value, high_value = _range(name, ends)
    for value in (low_value, high_value):
        check_hyperparameters("playground", {name: value})
    log = low_value > 0 and high_value / low_value >= 100
    values = (np.geomspace if log else np.linspace)(low_value, high_value, 13)
    return Sliders(_rounded(np.geomspace(low, high, 41)), name, _rounded(values))


def _range(name: str, ends: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a range of two numbers (low, high); got {ends!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} must be a range (low, high) with low below high, both finite; got {ends!r}")
    return low, high


def _rounded(values: np.ndarray) -> list[float]:
    """To three digits, so that a rate that is read off the slider is the rate that was used."""
    return [float(f"{value:.3g}") for value in values]


def _scene(surface: Surface, sliders: Sliders, steps: int) -> dict[str, Any]:
    name = surface.name.replace("_", " ")
    return {
        **table.ground(surface),
        "title": f"Update rules on the {name} surface",
        "surface": name,
        "decades": list(table.DECADES),
        "lowest": table.lowest(surface),
        "lrs": sliders.lrs,
        "hyper": sliders.hyper,
        "values": sliders.values,
        "steps": steps,
        "at": [len(sliders.lrs) // 2, len(sliders.values) // 2],
    }


def _walks(
    lines: list[Line],
    surface: Surface,
    start: tuple[float, float],
    sliders: Sliders,
    steps: int,
    late: dict[str, Mistake],
) -> dict[str, Any]:
    """The part of the data that depends on the start: each line with its look, its paths, or why it has none."""
    shown, points, losses = [], [], []
    references = own = 0
    blank = torch.full((len(sliders.lrs), len(sliders.values), steps + 1), math.nan)
    for line in lines:
        wrong, walked, heights = late.get(line.name), blank[..., None].expand(*blank.shape, 2), blank
        try:
            if not wrong:
                walked, heights = table.paths(line, surface, start, sliders, steps)
        except Exception as error:
            if not line.own:
                raise
            wrong = mistake(error, line.rule)
            if isinstance(error, TimeoutError):
                late[line.name] = wrong
        look = _own_look(own) if line.own else style.series(references)
        own, references = own + line.own, references + (not line.own)
        said = wrong or Mistake("", "")
        shown.append({**look._asdict(), "name": line.name, "own": line.own, **said._asdict()})
        points.append(table.encode_points(walked, surface))
        losses.append(table.encode_heights(heights, surface))
    return {
        "start": list(start),
        "lines": shown,
        "paths": np.stack(points).tobytes(),
        "losses": np.stack(losses).tobytes(),
    }


def _own_look(index: int) -> style.Series:
    """A learner's line: dashes in the ink of the page (no colour), or in the last colours for a second and third."""
    return style.Series(("", *reversed(style.COLORS))[index], (style.OWN_DASHES[0] + index, style.OWN_DASHES[1]))


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with, from its data alone; static/playground.js says the same."""
    rate, value = data["at"]
    shape = (len(data["lines"]), len(data["lrs"]), len(data["values"]), data["steps"] + 1)
    points = np.frombuffer(data["paths"], "<u2").reshape(*shape, 2)[:, rate, value]
    losses = np.frombuffer(data["losses"], "<u2").reshape(shape)[:, rate, value, -1]
    second = f", {data['hyper']} {style.number(data['values'][value])}" if data["hyper"] else ""
    plural = "s" if data["steps"] > 1 else ""
    start = ", ".join(style.fixed(v) for v in data["start"])
    head = f"Learning rate {style.number(data['lrs'][rate])}{second}, {data['steps']} step{plural} from ({start}): "
    ends = [_end(data, *drawn) for drawn in zip(data["lines"], points, losses, strict=True)]
    return head + "; ".join(ends) + "."


def _end(data: dict[str, Any], line: dict[str, Any], codes: np.ndarray, loss: int) -> str:
    if line["note"]:
        return f"{line['name']} is not drawn: {line['note']}"
    top = data["top"]
    low, high = np.array(data["box"]).T
    points = low + codes.astype(np.float64) / top * (high - low)
    inside = ((points >= np.array(data["domain"])[:, 0]) & (points <= np.array(data["domain"])[:, 1])).all(axis=1)
    left = int(inside.nonzero()[0].max(initial=-1)) + 1  # the first step from which on it is outside
    if ((codes[-1] == 0) | (codes[-1] >= top)).any():
        how = "not a number" if (codes[left] > top).any() else "outside the picture"
        return f"{line['name']} diverges: {how} from step {left} on"
    first, last = data["decades"]
    height = data["lowest"] + (10 ** (first + loss / top * (last - first)) if loss else 0.0)
    outside = "" if inside[-1] else ", outside the picture"
    x, y = (style.fixed(v) for v in points[-1])
    return f"{line['name']} ends at ({x}, {y}){outside}, loss {style.number(height)}"


def _still(
    surface: Surface,
    lines: list[Line],
    start: tuple[float, float],
    sliders: Sliders,
    steps: int,
    late: dict[str, Mistake],
) -> Picture:
    from coursekit.show.plots import trajectories

    rate, value = len(sliders.lrs) // 2, len(sliders.values) // 2
    middle = Sliders([sliders.lrs[rate]], sliders.hyper, [sliders.values[value]])
    drawn, notes = {}, [f" {name} is not drawn: {wrong.note}." for name, wrong in late.items()]
    for line in lines:
        if line.name in late:
            continue
        try:
            drawn[line.name] = table.paths(line, surface, start, middle, steps)[0][0, 0]
        except Exception as error:
            if not line.own:
                raise
            notes.append(f" {line.name} is not drawn: {mistake(error, line.rule).note}.")
    second = f", {sliders.hyper} {style.number(middle.values[0])}" if sliders.hyper else ""
    title = f"learning rate {style.number(middle.lrs[0])}{second}"
    figure = trajectories(surface, drawn or {"start": np.array([start])}, title=title)
    said = figure.describe() if drawn else f"Contours of the {surface.name.replace('_', ' ')} surface without a path."
    return figure.say(f"{said}{''.join(notes)} Learning rate {style.number(middle.lrs[0])}{second}.")
