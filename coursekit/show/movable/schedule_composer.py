"""Learning-rate schedules put together from warm-up, hold and decay, with the line of Python that gives each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from coursekit.reference.rule import check_hyperparameters
from coursekit.reference.schedules import (
    constant,
    cosine_decay,
    exponential_decay,
    one_cycle,
    step_decay,
    warmup_cosine,
)
from coursekit.show import style
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

WARMUPS = [0, 10, 20, 50, 100]
HOLDS = [0, 50, 100]
TOTALS = [250, 300, 400, 500]
FLOORS = [0.0, 0.001, 0.01, 0.1]  # shares of the peak
DROPS = [0.9, 0.7, 0.5, 0.3, 0.1]
DECAYS = [0.002, 0.005, 0.01, 0.02, 0.05]
EVERY = 50
LENGTHS = sorted({total - warmup - hold for total in TOTALS for warmup in WARMUPS for hold in HOLDS})


def schedule_composer(lr: float = 0.1) -> Movable | Picture:
    """Compose a schedule: sliders for warm-up, hold, length and floor, a choice of the decay and its strength.

    The warm-up rises to the peak in equal steps, the hold stays there, and the decay leads down: none, by a factor
    every 50 steps, exponential, or a cosine; it goes no lower than the floor. One-cycle rises and falls by itself, and
    has only a length. Every rate is computed by a function of `coursekit.reference.schedules`, and the caption ends in
    the line that computes it for a step t. Without anywidget one schedule of each kind is drawn.

    Args:
        lr: the peak, above 0.

    Raises:
        ValueError: a peak that is not above 0.

    >>> print(schedule_composer().describe())
    Warm-up of 20 steps, then a cosine down to 0: the rate reaches its peak of 0.1 at step 19, averages 0.0503 over
    300 steps, and is 3.15e-6 at the last step.
    In Python: rate = warmup_cosine(t, lr=0.1, warmup=20, total=300)
    """
    check_hyperparameters("schedule_composer", {"lr": lr})
    if lr == 0:
        raise ValueError("lr must be above 0, as it is the peak of the schedules; got 0")
    return moving("schedule_composer", lambda: _data(float(lr)), words, lambda: _still(float(lr)))


def decays(lr: float, floor: float) -> Iterator[tuple[str, int, int, list[float]]]:
    """The rates from the start of each decay on: (kind, strength, length, rates); some depend on their length."""
    longest = LENGTHS[-1]
    yield "constant", 0, longest, [constant(t, lr=lr) for t in range(longest)]
    for s, drop in enumerate(DROPS):
        yield "step", s, longest, [max(floor, step_decay(t, lr=lr, drop=drop, every=EVERY)) for t in range(longest)]
    for s, decay in enumerate(DECAYS):
        yield "exponential", s, longest, [max(floor, exponential_decay(t, lr=lr, decay=decay)) for t in range(longest)]
    for length in LENGTHS:
        yield "cosine", 0, length, [cosine_decay(t, lr=lr, lr_min=floor, total=length) for t in range(length)]
    for total in TOTALS:
        yield "one-cycle", 0, total, [one_cycle(t, lr=lr, total=total) for t in range(total)]


def _data(lr: float) -> dict[str, Any]:
    floors = [float(f"{share * lr:.3g}") for share in FLOORS]  # as they are written in the line
    rates: list[float] = []
    places = {}
    for f, floor in enumerate(floors):
        for kind, strength, length, piece in decays(lr, floor):
            places[f"{kind} {strength} {f} {length}"] = len(rates)
            rates += piece
    return {
        "title": "A schedule of the learning rate",
        "lr": lr,
        "warmups": WARMUPS,
        "holds": HOLDS,
        "totals": TOTALS,
        "floors": floors,
        "longest": LENGTHS[-1],
        "ramps": [[warmup_cosine(t, lr=lr, warmup=w, total=TOTALS[-1]) for t in range(w)] for w in WARMUPS],
        "rates": np.array(rates, "<f4").tobytes(),
        "places": places,
        "kinds": _kinds(lr),
        "line": style.series(0)._asdict(),
        "at": {"kind": 3, "strength": 0, "warmup": 2, "hold": 0, "total": 1, "floor": 0},
    }


def _kinds(lr: float) -> list[dict[str, Any]]:
    """The kinds of decay, in words and as a call; the places in braces are filled by what the sliders say."""

    def kind(name: str, said: str, call: str, knob: str | None = None, strengths: Any = (0.0,), **rest: Any) -> Any:
        return {"name": name, "said": said, "call": call, "knob": knob, "strengths": list(strengths), **rest}

    constant_call = f"constant(t, lr={lr!r})"
    step = f"step_decay({{at}}, lr={lr!r}, drop={{strength}}, every={EVERY})"
    exponential = f"exponential_decay({{at}}, lr={lr!r}, decay={{strength}})"
    cosine = f"cosine_decay({{at}}, lr={lr!r}, lr_min={{floor}}, total={{length}})"
    cycle = f"one_cycle(t, lr={lr!r}, total={{total}})"
    up_and_down = "One cycle, half a cosine up from 1/25 of the peak and half a cosine down"
    whole = f"warmup_cosine(t, lr={lr!r}, warmup={{warmup}}, total={{total}})"
    return [
        kind("constant", "then constant", constant_call, floored=False),
        kind("step", f"then times {{strength}} every {EVERY} steps", step, "drop", DROPS, floored=True),
        kind("exponential", "then falling by e^(-{strength}) a step", exponential, "decay", DECAYS, floored=True),
        kind("cosine", "then a cosine down to {floor}", cosine, floored=False, whole=whole),
        kind("one-cycle", up_and_down, cycle, floored=False, alone=True),
    ]


def composed(data: dict[str, Any], at: dict[str, int]) -> list[float]:
    """The rates of the schedule at a place of the sliders; static/schedule_composer.js puts the same together."""
    warmup, hold, total = _spans(data, at)
    kind = data["kinds"][at["kind"]]
    rest = total - warmup - hold
    length = rest if kind["name"] in ("cosine", "one-cycle") else data["longest"]
    place = data["places"][f"{kind['name']} {at['strength']} {at['floor']} {length}"]
    rates = np.frombuffer(data["rates"], "<f4")[place : place + rest].tolist()
    return [*data["ramps"][data["warmups"].index(warmup)], *[data["lr"]] * hold, *rates]


def _spans(data: dict[str, Any], at: dict[str, int]) -> tuple[int, int, int]:
    """The steps of the warm-up, of the hold and in all; a kind that stands alone has neither of the first two."""
    warmup, hold, total = (data[f"{name}s"][at[name]] for name in ("warmup", "hold", "total"))
    return (0, 0, total) if data["kinds"][at["kind"]].get("alone") else (warmup, hold, total)


def call(data: dict[str, Any], at: dict[str, int]) -> str:
    """The line of Python that gives the rate of step t at a place of the sliders."""
    kind, says = data["kinds"][at["kind"]], _says(data, at)
    floor = data["floors"][at["floor"]]
    if "whole" in kind and says["warmup"] and not says["hold"] and not floor:
        return kind["whole"].format(**says)
    line = kind["call"].format(**says)
    if kind["floored"] and floor:
        line = f"max({says['floor']}, {line})"
    return f"min(1, (t + 1) / {says['warmup']}) * {line}" if says["warmup"] else line


def _says(data: dict[str, Any], at: dict[str, int]) -> dict[str, Any]:
    """What fills the places in words and calls."""
    warmup, hold, total = _spans(data, at)
    start = warmup + hold
    return {
        "warmup": warmup,
        "hold": hold,
        "total": total,
        "length": total - start,
        "at": f"max(t - {start}, 0)" if start else "t",
        "strength": style.number(data["kinds"][at["kind"]]["strengths"][at["strength"]]),
        "floor": style.number(data["floors"][at["floor"]]),
    }


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with; static/schedule_composer.js says the same."""
    at, say = data["at"], style.number
    kind, says = data["kinds"][at["kind"]], _says(data, at)
    rates = composed(data, at)
    peak = rates.index(max(rates)) if kind.get("alone") else max(says["warmup"] - 1, 0)
    parts = [f"Warm-up of {says['warmup']} steps" if says["warmup"] else "No warm-up"]
    parts = [] if kind.get("alone") else parts
    parts += [f"{says['hold']} steps at the peak"] if says["hold"] else []
    parts += [kind["said"].format(**says)]
    parts += [f"not below {says['floor']}"] if kind["floored"] and data["floors"][at["floor"]] else []
    return (
        f"{', '.join(parts)}: the rate reaches its peak of {say(data['lr'])} at step {peak}, "
        f"averages {say(sum(rates) / len(rates))} over {len(rates)} steps, and is {say(rates[-1])} at the last step.\n"
        f"In Python: rate = {call(data, at)}"
    )


def _still(lr: float) -> Picture:
    from coursekit.show.plots import lines

    data = _data(lr)
    at = {**data["at"], "hold": 1}
    curves = {
        kind["name"]: composed(data, {**at, "kind": k, "strength": len(kind["strengths"]) // 2})
        for k, kind in enumerate(data["kinds"])
    }
    steps = range(data["totals"][at["total"]])
    return lines(list(steps), curves, "step", "learning rate", log=False, title=data["title"])
