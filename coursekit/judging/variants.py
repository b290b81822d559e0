"""Edits found by machine, one or two at a time and together with slips: their numbers kept, the learner's looked up."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.exercise import Exercise, Slip
from coursekit.judging import edits as edits_module
from coursekit.judging.edits import Edit, Sheet
from coursekit.judging.source import NotApplicable, apply, names_of, source
from coursekit.probe.cases import Call, Case, Steps
from coursekit.probe.values import Quadratic, fresh

Table = tuple[np.ndarray, np.ndarray]  # places (n, 3) and numbers (n, length)
MOST_PAIRED = 150  # edits that take part in pairs, of those with numbers of their own, the plainest first
NOT_A_NUMBER = 1e150  # stands for NaN in a fingerprint, so that NaN equals NaN


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


def numbers(function: Callable[..., Any], case: Case) -> np.ndarray | None:
    """What a function gives on the diagnosis case as one row of numbers; None when it fails or gives none."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            parts = _path(function, case) if isinstance(case, Steps) else _result(function, case)
            return row(parts)
    except Exception:
        return None


def _path(function: Callable[..., Any], case: Steps) -> list[Any]:
    param, state, path = case.param, tuple(case.state.values()), []
    for step in range(case.steps):
        if case.takes_grad_fn:
            second: Any = case.grads.make()
        else:
            second = case.grads.make()(param) if isinstance(case.grads, Quadratic) else case.grads[step]
        param, state = function(param, second, state, **case.hyper)
        state = tuple(int(x) if name == "t" else x for name, x in zip(case.state, state, strict=True))
        if param.shape != case.param.shape:
            raise ValueError("another shape")
        path.append(param - case.param)
    return path


def _result(function: Callable[..., Any], case: Case) -> list[Any]:
    assert isinstance(case, Call)
    return [function(*fresh(case.args), **fresh(case.kwargs))]


def row(value: Any) -> np.ndarray | None:
    """The numbers of a plain value in one row, NaN replaced; None when it holds anything else."""
    flat: list[Tensor] = []

    def walk(x: Any) -> None:
        if isinstance(x, Tensor):
            flat.append(x.detach().to("cpu", torch.float64).reshape(-1))
        elif isinstance(x, list | tuple):
            for item in x:
                walk(item)
        elif isinstance(x, int | float):
            flat.append(torch.tensor([float(x)], dtype=torch.float64))
        else:
            raise TypeError

    try:
        walk(value)
        return torch.nan_to_num(torch.cat(flat), NOT_A_NUMBER, NOT_A_NUMBER, -NOT_A_NUMBER).numpy()
    except (TypeError, RuntimeError):
        return None


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
            self._tables[kind] = self._kept(kind) or self._make(kind)
        return self._tables[kind]

    def _kept(self, kind: str) -> Table | None:
        try:
            with np.load(self._file(kind), allow_pickle=False) as kept:
                return kept["places"], kept["rows"]
        except (OSError, ValueError, KeyError):
            return None

    def _make(self, kind: str) -> Table:
        places, rows = self._numbers(self._singles() if kind == "singles" else self._pairs())
        where = self._file(kind)
        with contextlib.suppress(OSError):  # without a place to keep them they are made anew in each process
            where.parent.mkdir(parents=True, exist_ok=True)
            draft = where.with_name(f"{where.stem}.{os.getpid()}.npz")
            np.savez(draft, places=places, rows=rows)
            os.replace(draft, where)
        return places, rows

    def _file(self, kind: str) -> Path:
        """Named by whatever the numbers depend on: the answer, its slips, the code of the edits, the case, torch."""
        code = [
            Path(module.__file__ or "").read_text(encoding="utf-8") for module in (edits_module, sys.modules[__name__])
        ]
        parts = [*(text for _, text in self._slips), *code, repr(self._case), torch.__version__]
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        return cache_folder() / f"{self._exercise.name}-{kind}-{key}.npz"

    def _numbers(self, places: Iterable[tuple[int, ...]]) -> Table:
        """The numbers of each variant that runs and gives others than the answer's own."""
        own = numbers(self._exercise.answer, self._case)
        kept: list[tuple[int, ...]] = []
        rows: list[np.ndarray] = []
        if own is None:  # the answer gives no plain numbers here: nothing can be known by them
            return np.empty((0, 3), np.int32), np.empty((0, 0))
        for at in places:
            found = numbers(self.function(self.variant(at)), self._case)
            if found is not None and found.shape == own.shape and not near(found[None], own)[0]:
                kept.append((*at, -1)[:3])
                rows.append(found)
        return np.array(kept, dtype=np.int32).reshape(-1, 3), np.array(rows).reshape(-1, len(own))

    # ---- looking up

    def matching(self, value: Any) -> list[Variant]:
        """The variants that give these numbers on the diagnosis case, the plainest first."""
        wanted = row(value)
        if wanted is None:
            return []
        found = self._found(self._table("singles"), wanted)
        if not found and "pairs" not in self._tables:
            if (kept := self._kept("pairs")) is not None:
                self._tables["pairs"] = kept
            else:
                _complete_elsewhere(self._exercise.name)
        if not found and "pairs" in self._tables:
            found = self._found(self._tables["pairs"], wanted)
        return sorted(found, key=lambda v: v.rank)

    def _found(self, table: Table, wanted: np.ndarray) -> list[Variant]:
        places, rows = table
        if not len(rows) or wanted.shape != rows.shape[1:]:
            return []
        return [self.variant(tuple(int(k) for k in at)) for at in places[near(rows, wanted)]]


@functools.cache
def _complete_elsewhere(name: str) -> None:
    """Start a process, once, that makes the tables of an exercise; nobody waits for it."""
    if os.environ.get("COURSEKIT_VARIANTS") != "off":
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen([sys.executable, "-m", "coursekit.judging.prepare", name], **quiet)  # type: ignore[call-overload]


def near(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which rows agree with the wanted one in every number."""
    scale = np.abs(wanted[np.abs(wanted) < NOT_A_NUMBER]).max(initial=0.0)
    return (np.abs(rows - wanted) <= 1e-7 * np.abs(wanted) + 1e-13 * scale).all(axis=1)


def cache_folder() -> Path:
    """Where numbers are kept between processes: COURSEKIT_CACHE, or the system's place for caches."""
    if asked := os.environ.get("COURSEKIT_CACHE"):
        return Path(asked)
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "coursekit"
