"""Tables that figures on a surface draw from: its heights and the paths of rules down it, as 16-bit numbers."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from coursekit.engine.surfaces import Surface
from coursekit.engine.sweep import sweep
from coursekit.reference.rule import Rule, hyperparameters
from coursekit.show import style
from coursekit.show.relief import LEVELS, relief

T = TypeVar("T")

TOP = 65534  # the highest code of a number; one more stands for what is not a number
DECADES = (-12.0, 9.0)  # heights above the lowest are kept as powers of ten in this range
PATIENCE = 5.0  # seconds for a learner's rule


class Line(NamedTuple):
    """One rule of the playground."""

    name: str
    rule: Rule
    own: bool  # a learner's rule: run under a time limit, and its errors are shown in place


class Sliders(NamedTuple):
    """The places of the sliders."""

    lrs: list[float]
    hyper: str | None
    values: list[float]  # of the hyperparameter; one place where there is none


def ground(surface: Surface, columns: int = 181, rows: int = 121) -> dict[str, Any]:
    """The part of a figure's data that static/ground.js paints, and the codes that its paths are read by."""
    heights = relief(surface, columns, rows)
    return {
        "domain": [list(ends) for ends in surface.domain],
        "heights": (heights.height * TOP).round().astype("<u2").tobytes(),
        "rows": rows,
        "columns": columns,
        "levels": list(LEVELS),
        "colors": list(style.CIVIDIS),
        "minima": [list(point) for point in surface.minima],
        "box": box(surface),
        "top": TOP,
    }


def box(surface: Surface) -> list[list[float]]:
    """The region whose points the codes can tell apart: three times the picture's width and height."""
    return [[2 * low - high, 2 * high - low] for low, high in surface.domain]


def lowest(surface: Surface) -> float:
    """The height of the deepest known minimum, from which the loss panel counts."""
    points = torch.tensor(surface.minima or [surface.start], dtype=torch.float64)
    return float(surface(points).min())


def paths(
    line: Line, surface: Surface, start: tuple[float, float], sliders: Sliders, steps: int
) -> tuple[Tensor, Tensor]:
    """The paths (rates, values, steps + 1, 2) and heights (rates, values, steps + 1) of one rule, in float32."""
    grids: dict[str, Any] = {"lr": sliders.lrs}
    if sliders.hyper in hyperparameters(line.rule):
        grids[sliders.hyper] = sliders.values  # type: ignore[index]

    def run() -> Any:
        return sweep(line.rule, surface, torch.tensor(start, dtype=torch.float32), steps=steps, **grids)

    found = within(PATIENCE, run) if line.own else run()
    shape = (len(sliders.lrs), len(sliders.values), steps + 1)
    walked, heights = found.paths.detach(), found.losses.detach()  # a learner may have switched gradients on
    if len(grids) == 1:
        walked, heights = walked[:, None], heights[:, None]
    return walked.expand(*shape, 2), heights.expand(shape)


def encode_points(points: Tensor, surface: Surface) -> np.ndarray:
    """Points as codes: 0 to 65534 from edge to edge of the box, clamped at its edges; 65535 for nan."""
    low, high = torch.tensor(box(surface), dtype=torch.float64).T
    return encode_share((points.double().cpu() - low) / (high - low))


def encode_heights(heights: Tensor, surface: Surface) -> np.ndarray:
    """Heights above the lowest as codes of powers over DECADES."""
    return encode_powers(heights.double().cpu() - lowest(surface), DECADES)


def encode_powers(values: Tensor, decades: tuple[float, float]) -> np.ndarray:
    """Values as codes: 0 to 65534 for powers of ten from the first decade to the last, clamped; 65535 for nan."""
    low, high = decades
    return encode_share((values.clamp(10**low, 10**high).log10() - low) / (high - low))


def encode_share(share: Tensor) -> np.ndarray:
    """Shares from 0 to 1 as codes: 0 to 65534, clamped; 65535 for nan."""
    codes = (share.clamp(0, 1) * TOP).round()
    return torch.where(codes.isnan(), TOP + 1, codes).numpy().astype("<u2")


def within(seconds: float, function: Callable[[], T]) -> T:
    """The value of `function()`, which may be a learner's and never end; TimeoutError when it takes longer.

    A thread works on every platform and in every place a notebook calls from; what runs on in it is told to stop.
    """
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result["value"] = function()
        except BaseException as error:  # a learner's code may raise anything, SystemExit too
            result["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        late = thread.is_alive()
        if late and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    if late:
        raise TimeoutError(f"it takes longer than {seconds:g} s")
    error = result.get("error")
    if error is None:
        return result["value"]
    if isinstance(error, Exception):
        raise error
    raise RuntimeError(f"it raises {type(error).__name__}")  # not passed on: it would end the kernel
