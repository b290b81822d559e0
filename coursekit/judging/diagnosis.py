"""Naming the mistake from the numbers alone: slips, known conventions, pairs of slips; never named unless proved."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from coursekit.exercise import Convention, Exercise, Slip, Trajectory
from coursekit.judging.compare import compare
from coursekit.judging.edits import Edit
from coursekit.judging.source import NotApplicable, made
from coursekit.judging.variants import Variant, Variants
from coursekit.probe.cases import Case, Draws, Outcome, Steps
from coursekit.probe.running import run_case, state_names
from coursekit.probe.values import Quadratic

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

    def complete(self) -> int:
        """Make the tables of machine-found mistakes where they are not kept yet; how many they hold."""
        return 0 if isinstance(self._cases[0], Draws) else self._variants.complete()

    @cached_property
    def _variants(self) -> Variants:
        return Variants(self._exercise, self._cases[0])

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
        return self._by_machine(outcomes)

    def _by_machine(self, outcomes: list[Outcome]) -> Named | None:
        """The plainest variant that gives the learner's numbers on every case; of two as plain, what they share."""
        if outcomes[0].fault or isinstance(self._cases[0], Draws):
            return None
        value = outcomes[0].value
        value = value["path"][1:] - value["path"][0] if isinstance(self._cases[0], Steps) else value["result"]
        proved: list[Variant] = []
        for variant in self._variants.matching(value):
            if proved and variant.rank > proved[0].rank:
                break
            suspect = Suspect(Named(()), self._variants.function(variant), self._cases, self._names)
            if all(self._same(suspect, i, outcomes) for i in self._judged):
                proved.append(variant)
        return _named(proved) if proved else None

    def _same(self, suspect: Suspect, i: int, outcomes: list[Outcome]) -> bool:
        return compare(self._cases[i], suspect.outcome(i), outcomes[i], nan=True) is None

    def _suspects(self) -> Iterator[Suspect]:
        yield from self.singles
        yield from self.conventions
        yield from self.pairs


def _named(variants: list[Variant]) -> Named | None:
    """The words for a machine-found variant; of several as plain as each other only the line they share."""
    variants = [v for v in variants if all(e.line for e in v.edits)] or variants  # a place says more than a move
    first = variants[0]
    slips = (first.slip,) if first.slip else ()
    if len({tuple((e.words, e.line) for e in v.edits) for v in variants}) == 1:
        return Named((*slips, *(_as_slip(edit) for edit in first.edits)))
    lines = {v.edits[0].line for v in variants}
    if len(first.edits) > 1 or len(lines) > 1 or not first.edits[0].line:
        return None
    where = lines.pop()
    return Named((*slips, Slip(f"a mistake {where}", [], f"The mistake is {where}.")))


def _as_slip(edit: Edit) -> Slip:
    words = f"{edit.words}, {edit.line}" if edit.line else edit.words
    return Slip(f"as if {words}", [], f"It is as if {words}: that gives exactly your numbers.".replace("{", "{{"))


def diagnosis_case(exercise: Exercise) -> Case:
    """The inputs that mistakes are known by: the probe's first case, cut short, the same for every seed."""
    generator = torch.Generator().manual_seed(SEED)
    case = exercise.probe.cases(exercise.answer, generator, torch.device("cpu"))[0]
    if isinstance(case, Steps):
        return replace(case, steps=min(STEPS, case.steps), judged=False)
    return replace(case, judged=False)


def varied(exercise: Exercise, first: Case) -> list[Case]:
    """The first steps of the diagnosis case again, each with one thing changed: what does the answer make of it?"""
    if not isinstance(first, Steps) or not isinstance(exercise.probe, Trajectory):
        return []
    other, short = exercise.probe.hyper[1], replace(first, steps=2)
    cases: list[Case] = [replace(short, hyper=first.hyper | {n: other[n]}, varies=n) for n in first.hyper if n in other]
    cases.append(_each(short, "shape", lambda x: x.unflatten(-1, (2, -1))))
    cases.append(_each(short, "0-d", lambda x: x[..., 0]))
    cases.append(_each(short, "float32", lambda x: x.float()))
    if first.state:
        later = {n: 5 if n == "t" else x + 0.5 for n, x in first.state.items()}
        cases.append(replace(short, state=later, varies="state"))
    if torch.cuda.is_available():
        cases.append(_each(short, "cuda", lambda x: x.cuda()))
    return cases


def _each(case: Steps, varies: str, change: Callable[[Tensor], Tensor]) -> Steps:
    """The case with every tensor in it changed."""
    grads = case.grads
    grads = Quadratic(change(grads.scale), change(grads.center)) if isinstance(grads, Quadratic) else change(grads)
    state = {n: change(x) if isinstance(x, Tensor) else x for n, x in case.state.items()}
    return replace(case, param=change(case.param), grads=grads, state=state, varies=varies)
