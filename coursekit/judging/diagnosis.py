"""Naming the mistake from the numbers alone: slips, known conventions, pairs of slips; never named unless proved."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from coursekit.exercise import Convention, Exercise, Slip
from coursekit.judging.compare import compare
from coursekit.judging.source import NotApplicable, made
from coursekit.probe.cases import Case, Outcome, Steps
from coursekit.probe.running import run_case, state_names

SEED, STEPS = 20_000_001, 4  # of the diagnosis case: enough to know a mistake by; the proof on every case follows


@dataclass(frozen=True)
class Named:
    """A mistake that gives exactly the learner's numbers: one slip or convention, or a pair of slips."""

    parts: tuple[Slip | Convention, ...]

    @property
    def id(self) -> str:
        return "+".join(part.id for part in self.parts)

    @property
    def title(self) -> str:
        return " and ".join(part.name for part in self.parts)


class Suspect:
    """One possible mistake, as a function, with its outcomes on the cases (computed when first asked for)."""

    def __init__(self, named: Named, function: Callable[..., Any], cases: list[Case], names: dict[str, Any]):
        self.named, self._function, self._cases, self._names = named, function, cases, names
        self._outcomes: dict[int, Outcome] = {}

    def outcome(self, i: int) -> Outcome:
        if i not in self._outcomes:
            self._outcomes[i] = run_case(self._function, self._cases[i], self._names)
        return self._outcomes[i]


class Catalogue:
    """The known mistakes of one exercise on one set of cases."""

    def __init__(self, exercise: Exercise, cases: list[Case], states: dict[str, tuple[str, ...]]):
        self._exercise, self._cases, self._names = exercise, cases, state_names(states)
        self._judged = [i for i, case in enumerate(cases) if case.judged]

    @cached_property
    def singles(self) -> list[Suspect]:
        return [s for part in self._exercise.slips if (s := self._suspect(part))]

    @cached_property
    def conventions(self) -> list[Suspect]:
        return [s for part in self._exercise.conventions if (s := self._suspect(part))]

    @cached_property
    def pairs(self) -> list[Suspect]:
        """Every two slips that can both be made; those that undo or hide each other drop out by themselves."""
        known: list[Slip | Convention] = [*self._exercise.slips, *self._exercise.conventions]
        edits = [part for part in known if not callable(part.change)]
        return [s for two in itertools.combinations(edits, 2) if (s := self._suspect(*two))]

    def _suspect(self, *parts: Slip | Convention) -> Suspect | None:
        for order in (parts, parts[::-1]):  # the second edit may only apply before the first
            try:
                function = made(self._exercise.answer, *(part.change for part in order))
                return Suspect(Named(parts), function, self._cases, self._names)
            except (NotApplicable, SyntaxError):
                continue
        return None

    def find(self, outcomes: list[Outcome]) -> Named | None:
        """The first suspect, in order of trust, whose numbers are the learner's on every judged case."""
        for suspect in self._suspects():
            if self._same(suspect, 0, outcomes) and all(self._same(suspect, i, outcomes) for i in self._judged):
                return suspect.named
        return None

    def _same(self, suspect: Suspect, i: int, outcomes: list[Outcome]) -> bool:
        return compare(self._cases[i], suspect.outcome(i), outcomes[i], nan=True) is None

    def _suspects(self) -> Iterator[Suspect]:
        yield from self.singles
        yield from self.conventions
        yield from self.pairs


def diagnosis_case(exercise: Exercise) -> Case:
    """The inputs that mistakes are known by: the probe's first case, cut short, the same for every seed."""
    generator = torch.Generator().manual_seed(SEED)
    case = exercise.probe.cases(exercise.answer, generator, torch.device("cpu"))[0]
    if isinstance(case, Steps):
        return replace(case, steps=min(STEPS, case.steps), judged=False)
    return replace(case, judged=False)
