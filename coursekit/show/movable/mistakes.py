"""What a figure says in place of a learner's function that it cannot draw."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from coursekit.engine.rules import outcome


class Mistake(NamedTuple):
    """Why a learner's rule is not drawn."""

    brief: str  # for the legend; empty where only the note can say it
    note: str  # for the caption


def mistake(error: Exception, function: Callable[..., Any]) -> Mistake:
    """What went wrong with a learner's `function`: `error` as it came out of `table.within`.

    >>> def adam(param, grad, state, *, lr):
    ...     raise KeyError("velocity")
    >>> try:
    ...     adam(1, 2, 3, lr=4)
    ... except KeyError as error:
    ...     mistake(error, adam)
    Mistake(brief='raises KeyError', note="it raises KeyError in line 2: 'velocity'")
    """
    if isinstance(error, NotImplementedError):
        return Mistake("not written yet", "it is not written yet")  # an exercise as it is handed out
    said = _plain(error, 200)
    places = {frame.f_code: number for frame, number in traceback.walk_tb(error.__traceback__)}
    theirs = getattr(inspect.unwrap(function), "__code__", None)
    if theirs in places:
        raised = f"raises {_plain(type(error).__name__, 40)}"
        return Mistake(raised, f"it {raised} in line {places[theirs]}: {said}".rstrip(": "))
    if isinstance(error, TimeoutError):
        return Mistake("too slow", said)
    return Mistake("wrong result" if outcome.__code__ in places else "", said or type(error).__name__)


def _plain(what: object, most: int) -> str:
    """`str(what)`, which may be a learner's, in one line that every page and terminal can show."""
    try:
        text = str(what)
    except Exception:
        return ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(".")
    return text if len(text) <= most else f"{text[:most]}…"
