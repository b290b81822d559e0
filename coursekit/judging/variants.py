"""Edits found by machine, one or two at a time and together with slips: their numbers kept, the learner's looked up."""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.exercise import Exercise, Slip
from coursekit.judging import edits as edits_module
from coursekit.judging.edits import Edit, Sheet
from coursekit.judging.source import NotApplicable, apply, names_of, source
from coursekit.judging.tables import Table, keep, made, near, numbers, place, read
from coursekit.probe.cases import Case

MOST_PAIRED = 150  # edits that take part in pairs, of those with numbers of their own, the plainest first


@dataclass(frozen=True)
class Variant:
    """An answer with a slip (or none) and up to two edits in it."""

    slip: Slip | None
    edits: tuple[Edit, ...]
    tree: ast.FunctionDef

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller is plainer: fewer changes, then the shorter source."""
        return (len(self.edits) + 2 * (self.slip is not None), sum(1 for _ in ast.walk(self.tree)))


def function_of(answer: Callable[..., Any], tree: ast.FunctionDef) -> Callable[..., Any]:
    """The function that a tree is, in the names of the answer's own module."""
    names = names_of(answer)
    exec(compile(ast.Module([tree], []), f"<{answer.__name__}, edited>", "exec"), names)
    return names[answer.__name__]


class Variants:
    """All variants of one exercise with the numbers they give, in two tables kept in the cache folder.

    Single edits take a fraction of a second and are made when first needed. Pairs take some seconds: they are made by
    `complete`, in a process of their own when a learner is waiting, and are known from then on.
    """

    def __init__(self, exercise: Exercise, case: Case):
        self._exercise, self._case = exercise, case
        self._text = source(exercise.answer)
        self._tables: dict[str, Table] = {}

    # ---- what there is

    @cached_property
    def _slips(self) -> list[tuple[Slip | None, str]]:
        """The answer's own source, and that with each slip that is an edit of it."""
        texts: list[tuple[Slip | None, str]] = [(None, self._text)]
        for slip in self._exercise.slips:
            if not callable(slip.change):
                with contextlib.suppress(NotApplicable):
                    texts.append((slip, apply(self._text, slip.change)))
        return texts

    @functools.cache  # noqa: B019 - as many entries as slips, gone with the exercise
    def _sheet(self, at: int) -> tuple[Sheet, list[Edit]]:
        sheet = Sheet(self._slips[at][1])
        return sheet, sheet.edits()

    def variant(self, at: tuple[int, ...]) -> Variant:
        """The variant at (slip, edit) or (slip, edit, edit)."""
        sheet, edits = self._sheet(at[0])
        chosen = tuple(edits[i] for i in at[1:] if i >= 0)
        return Variant(self._slips[at[0]][0], chosen, sheet.made(*chosen))

    def function(self, variant: Variant) -> Callable[..., Any]:
        return function_of(self._exercise.answer, variant.tree)

    def _singles(self) -> Iterator[tuple[int, ...]]:
        """Every edit of the answer."""
        yield from ((0, i) for i in range(len(self._sheet(0)[1])))

    def _pairs(self) -> Iterator[tuple[int, ...]]:
        """Every edit of every slip; then every two of the plainest edits of the answer."""
        for s in range(1, len(self._slips)):
            yield from ((s, i) for i in range(len(self._sheet(s)[1])))
        edits = self._sheet(0)[1]
        chosen = self._plainest()
        for k, i in enumerate(chosen):
            yield from ((0, i, j) for j in chosen[:k] if edits[i].fits(edits[j]))

    def _plainest(self) -> list[int]:
        """Of the edits that give the same numbers the plainest; of those as many as are worth pairing."""
        places, rows = self._table("singles")
        best: dict[bytes, tuple[tuple[int, int], int]] = {}
        for at, found in zip(places, rows, strict=True):
            i = int(at[1])
            key, value = np.round(found, 9).tobytes(), (self.variant((0, i)).rank, i)
            best[key] = min(best.get(key, value), value)
        return [i for _, i in sorted(best.values())[:MOST_PAIRED]]

    # ---- their numbers

    def complete(self) -> int:
        """Make both tables where they are not kept yet; how many variants they hold."""
        return len(self._table("singles")[0]) + len(self._table("pairs")[0])

    def _table(self, kind: str) -> Table:
        if kind not in self._tables:
            self._tables[kind] = keep(self._file(kind), lambda: self._make(kind))
        return self._tables[kind]

    def _make(self, kind: str) -> Table:
        places = self._singles() if kind == "singles" else self._pairs()
        own = numbers(self._exercise.answer, self._case)
        found = ((at, numbers(self.function(self.variant(at)), self._case)) for at in places)
        table, rows = made(found, own)
        others = ~near(rows, own) if own is not None else slice(0)  # an edit that changes nothing explains nothing
        return table[others], rows[others]

    @functools.cache  # noqa: B019 - two entries
    def _file(self, kind: str) -> Path:
        modules = (edits_module, sys.modules[__name__])
        code = [Path(module.__file__ or "").read_text(encoding="utf-8") for module in modules]
        texts = [text for _, text in self._slips]
        return place(f"{self._exercise.name}-{kind}", [*texts, *code, repr(self._case)])

    # ---- looking up

    def matching(self, wanted: np.ndarray) -> list[Variant]:
        """The variants that give these numbers on the diagnosis case, the plainest first."""
        found = self._found(self._table("singles"), wanted)
        if not found and "pairs" not in self._tables:
            if (kept := read(self._file("pairs"))) is not None:
                self._tables["pairs"] = kept
            else:
                _complete_elsewhere(self._exercise.name)
        if not found and "pairs" in self._tables:
            found = self._found(self._tables["pairs"], wanted)
        return sorted(found, key=lambda v: v.rank)

    def _found(self, table: Table, wanted: np.ndarray) -> list[Variant]:
        places, rows = table
        if wanted.shape != rows.shape[1:]:
            return []
        return [self.variant(tuple(int(k) for k in at)) for at in places[near(rows, wanted)]]


_elsewhere: list[subprocess.Popen] = []  # kept, so that Python does not complain of processes nobody waits for


@functools.cache
def _complete_elsewhere(name: str) -> None:
    """Start a process, once, that makes the tables of an exercise; nobody waits for it."""
    if os.environ.get("COURSEKIT_VARIANTS") != "off":
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        _elsewhere.append(subprocess.Popen([sys.executable, "-m", "coursekit.judging.prepare", name], **quiet))  # type: ignore[call-overload]
