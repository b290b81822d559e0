"""What stands on the board now: learners by exercises, the mistakes of the moment, what changed since last shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from coursekit.classroom.board.items import Items
from coursekit.classroom.board.store import Event, Learner

DONE = ("convention", "passed")  # reached once, these stay; the later one is better
STUCK = 180.0  # seconds without success at one exercise before somebody counts as stuck
AWAY = 1800.0  # seconds without a try after which one is thought to have gone on to something else
MISTAKES = 12

Key = tuple[int, bool, str]  # item, whether it is an accepted convention, diagnosis


@dataclass
class Cell:
    """One learner at one exercise: tries until it passed, since when, and the mistake that stands."""

    status: str = ""
    tries: int = 0
    since: float = 0.0
    last: float = 0.0
    mistake: Key | None = None


class State:
    """Made anew from the events; every change notes what a screen has to show anew."""

    def __init__(self, items: Items):
        self.items = items
        self.names: dict[int, str] = {}
        self.cells: dict[tuple[int, int], Cell] = {}
        self._latest: dict[int, int] = {}  # learner: the item tried last
        self._bars = [Counter[str]() for _ in items.all]
        self._now: Counter[Key] = Counter()
        self._ever: dict[Key, set[int]] = {}
        self.changed: set[tuple[int, int]] = set()
        self.joined: set[int] = set()
        self.left: set[int] = set()
        self._shown: list[Any] = []

    def join(self, learner: Learner) -> None:
        self.names[learner.id] = learner.name
        self.joined.add(learner.id)

    def leave(self, learner: int) -> None:
        """Take out a learner with everything told."""
        self.names.pop(learner, None)
        self._latest.pop(learner, None)
        for item in [item for who, item in self.cells if who == learner]:
            cell = self.cells.pop((learner, item))
            self._bars[item][_kind(cell.status)] -= 1
            self._stands(learner, cell, None)
            self.changed.add((learner, item))
        for learners in self._ever.values():
            learners.discard(learner)
        self.joined.discard(learner)
        self.left.add(learner)

    def add(self, event: Event) -> None:
        """Take in one event. Items that the board does not show (any more) are passed over."""
        item = self.items.at.get(event.exercise)
        if item is None or event.learner not in self.names:
            return
        at = (event.learner, item)
        cell = self.cells.setdefault(at, Cell(since=event.at))
        self._latest[event.learner] = item
        self.changed.add(at)
        cell.last = max(cell.last, event.at)
        if cell.status == "passed":
            return
        cell.tries += 1
        if cell.status not in DONE or event.status in DONE:
            self._bars[item][_kind(cell.status)] -= 1
            cell.status = event.status
            self._bars[item][_kind(cell.status)] += 1
            mistake = (item, event.status == "convention", event.diagnosis) if event.diagnosis else None
            self._stands(event.learner, cell, mistake)

    def _stands(self, learner: int, cell: Cell, mistake: Key | None) -> None:
        """The mistake that this cell shows from now on."""
        if cell.mistake:
            self._now[cell.mistake] -= 1
        if mistake:
            self._now[mistake] += 1
            self._ever.setdefault(mistake, set()).add(learner)
        cell.mistake = mistake

    # ---- for the screens

    def bars(self, items: Any = None) -> list[list[int]]:
        """Items (all of them) with how many passed, have another convention, and tried."""
        found = ((i, self._bars[i]) for i in (range(len(self._bars)) if items is None else items))
        return [[i, bar["passed"], bar["convention"], bar["tried"]] for i, bar in found]

    def mistakes(self, least: int = 1) -> list[dict[str, Any]]:
        """The commonest that stand now, from `least` learners on, with how many have met them so far."""
        common = sorted(((n, key) for key, n in self._now.items() if n >= least), key=lambda x: (-x[0], x[1]))
        return [self._words(key, n) for n, key in common[:MISTAKES]]

    def _words(self, key: Key, count: int) -> dict[str, Any]:
        item, convention, diagnosis = key
        said = self.items.said(self.items.all[item].name, diagnosis)
        ever = len(self._ever[key])
        words = {"title": said.title, "words": said.words, "hint": said.hint, "where": said.where}
        return {"item": item, "convention": convention, "now": count, "ever": ever} | words

    def stuck(self, now: float) -> list[int]:
        """For each item how many are stuck on it."""
        counts = [0] * len(self.items.all)
        for learner, item in self._latest.items():
            cell = self.cells[learner, item]
            if cell.status not in DONE and now - cell.since >= STUCK and now - cell.last < AWAY:
                counts[item] += 1
        return counts

    def rows(self, cells: Any) -> list[list[Any]]:
        """Cells as a page takes them: learner, item, status, tries, since, last."""
        found = ((at, self.cells[at]) for at in cells if at in self.cells)
        return [[*at, c.status, c.tries, round(c.since, 3), round(c.last, 3)] for at, c in found]

    def whole(self) -> dict[str, Any]:
        """All of it, with names: for the instructor."""
        names = list(self.names.items())
        both = {"bars": self.bars(), "mistakes": self.mistakes()}
        return {"names": names, "cells": self.rows(self.cells), **both}

    def change(self) -> dict[str, Any] | None:
        """What changed since this was last asked; None when nothing did."""
        if not (self.changed or self.joined or self.left):
            return None
        names = [(i, self.names[i]) for i in sorted(self.joined)]
        bars = self.bars(sorted({item for _, item in self.changed}))
        found: dict[str, Any] = {"names": names, "cells": self.rows(sorted(self.changed)), "bars": bars}
        if (mistakes := self.mistakes()) != self._shown:
            found["mistakes"] = self._shown = mistakes
        if self.left:
            found["left"] = sorted(self.left)
        self.changed, self.joined, self.left = set(), set(), set()
        return found

    def aggregate(self, now: float) -> dict[str, Any]:
        """What a projector may show: counts, no names, and no mistake that one learner alone has."""
        counts = {"joined": len(self.names), "bars": self.bars(), "stuck": self.stuck(now)}
        return counts | {"mistakes": self.mistakes(least=2)}


def _kind(status: str) -> str:
    """Which part of a bar a cell counts for."""
    return status if status in DONE else "tried" if status else ""
