"""The verdict on one answer: one plain record that feeds every view (card, text, tables, reports)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# status: (sign, word). Sign and word always stand together, so that no view needs colour to be read.
STATUSES = {
    "passed": ("✓", "Passed"),
    "convention": ("≈", "Another convention"),
    "wrong": ("✗", "Not yet"),
    "error": ("!", "Your code stopped with an error"),
    "timeout": ("…", "Still running when the time was up"),
    "memory": ("!", "Asked for too much memory"),
    "crashed": ("!", "The process ended"),
    "refused": ("⊘", "To be written by hand"),
    "not_attempted": ("○", "Not done yet"),
    "internal": ("?", "Our mistake, not yours"),
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `ok` is None where an earlier failure kept it from being looked at."""

    name: str
    ok: bool | None
    detail: str = ""


@dataclass(frozen=True)
class Picture:
    """The learner's and the reference's path of one coordinate, over the same steps."""

    reference: tuple[float, ...]
    yours: tuple[float, ...]
    first_difference: int | None  # index into both
    caption: str


@dataclass(frozen=True)
class Verdict:
    """What is said of one answer: `message` is the diagnosis in words, `diagnosis` its id (None: none is known)."""

    exercise: str
    status: str
    points: float
    max_points: float
    message: str = ""
    diagnosis: str | None = None
    title: str = ""  # the diagnosis in a few words, for a board
    checks: tuple[Check, ...] = ()
    call: str = ""  # Python that shows the difference
    hint: int = 1  # which hint opens first, from 1
    hints: tuple[str, ...] = ()
    picture: Picture | None = None
    walls: str = "practice"
    line: int | None = None
    text: str = ""  # the line of theirs

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    def __bool__(self) -> bool:
        raise TypeError("a verdict is neither true nor false: ask for verdict.passed or verdict.status")

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)

    def __repr__(self) -> str:
        from coursekit.judging.card import text

        return text(self)

    def _repr_html_(self) -> str:
        from coursekit.judging.card import html

        return html(self)
