"""Whether the checks have holes: every small edit of an answer must be caught, and every slip named as itself."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from coursekit.authoring.beside import each
from coursekit.bank import index
from coursekit.exercise import Exercise, Slip
from coursekit.judging.check import one_thread
from coursekit.judging.compare import compare
from coursekit.judging.edits import Edit, Sheet
from coursekit.judging.judge import Prepared, judge, prepare
from coursekit.judging.source import made, source
from coursekit.judging.variants import function_of
from coursekit.probe.cases import Case, Outcome
from coursekit.probe.running import run, run_case, state_names

FURTHER = tuple(range(101, 109))  # seeds that no check uses: what passes these too is held to be the same function
HEAD = f"{'exercise':<28} {'slips':>9} {'edits':>6} {'caught':>6} {'same':>5} {'missed':>6}  cases needed"


@dataclass
class Holes:
    """One exercise: which edits its cases catch, which they miss, and which cases it takes."""

    exercise: Exercise
    caught: list[frozenset[int]] = field(default_factory=list)  # for each edit that is caught: by which judged cases
    same: list[Edit] = field(default_factory=list)  # no case shows a difference, nor does any further draw
    missed: list[Edit] = field(default_factory=list)  # a further draw shows one
    named: dict[str, str] = field(default_factory=dict)  # each slip and what it is diagnosed as

    def look(self) -> Holes:
        prepared = prepare(self.exercise)
        for slip in self.exercise.slips:
            self.named[slip.id] = _diagnosed(prepared, slip)
        sheet = Sheet(source(self.exercise.answer))
        for edit in sheet.edits():
            function = function_of(self.exercise.answer, sheet.made(edit))
            if by := caught_by(prepared, function):
                self.caught.append(by)
            elif any(caught_by(prepare(self.exercise, seed), function) for seed in FURTHER):
                self.missed.append(edit)
            else:
                self.same.append(edit)
        return self

    @property
    def needed(self) -> list[tuple[int, int]]:
        """The fewest judged cases that catch all, as far as greed finds them, and how many edits each adds."""
        left, found = list(self.caught), []
        while left:
            case, count = Counter(case for by in left for case in by).most_common(1)[0]
            found.append((case, count))
            left = [by for by in left if case not in by]
        return found

    def complaints(self) -> list[str]:
        name = self.exercise.name
        confused = [(slip, as_) for slip, as_ in self.named.items() if slip != as_]
        found = [f"{name}: the slip {slip} is {as_}" for slip, as_ in confused]
        return found + [f"{name}: not caught: as if {_words(edit)}" for edit in self.missed]

    def row(self) -> str:
        right = sum(slip == as_ for slip, as_ in self.named.items())
        judged = sum(case.judged for case in prepare(self.exercise).cases)
        edits = len(self.caught) + len(self.same) + len(self.missed)
        needed = f"{len(self.needed)} of {judged} ({', '.join(f'+{count}' for _, count in self.needed)})"
        return (
            f"{self.exercise.name:<28} {f'{right} of {len(self.named)}':>9} {edits:>6} {len(self.caught):>6} "
            f"{len(self.same):>5} {len(self.missed):>6}  {needed}"
        )


def _diagnosed(prepared: Prepared, slip: Slip) -> str:
    outcomes = run(made(prepared.exercise.answer, slip.change), prepared.cases, states=prepared.states)
    verdict = judge(prepared, outcomes)
    return verdict.diagnosis or verdict.status


def caught_by(prepared: Prepared, function: object) -> frozenset[int]:
    """The judged cases in which a function is seen to be wrong."""
    names = state_names(prepared.states)
    found = set()
    for i, (case, expected) in enumerate(zip(prepared.cases, prepared.expected, strict=True)):
        if case.judged and _wrong(prepared, case, expected, run_case(function, case, names)):  # type: ignore[arg-type]
            found.add(i)
    return frozenset(found)


def _wrong(prepared: Prepared, case: Case, expected: Outcome, outcome: Outcome) -> bool:
    if outcome.fault or (prepared.by_value and compare(case, expected, outcome)):
        return True
    try:
        return any(law.broken(outcome.value, case) for law in prepared.laws)
    except Exception:  # a law that cannot even be asked is broken
        return True


def audit(names: Iterable[str] = (), details: bool = False) -> list[str]:
    """Print a row for each exercise (all unless named); every complaint.

    `same` counts edits that pass every case and eight further draws as well: they compute the same thing. One that
    passes the cases and fails a further draw is missed, which is a complaint, as is a slip that is not named as itself.
    With `details` what each slip is named as, and what the edits of `same` are.
    """
    complaints: list[str] = []
    chosen = [index.exercise(name) for name in names] or list(index.exercises().values())
    print(HEAD)
    for row, more, found in each(_looked, chosen):
        print("\n".join([row, *more] if details else [row]), flush=True)
        complaints += found
    return complaints


def _looked(exercise: Exercise) -> tuple[str, list[str], list[str]]:
    """The row of an exercise, the details, and the complaints."""
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of what an edit does
        holes = Holes(exercise).look()
    more = [f"    slip {slip}: named {as_}" for slip, as_ in holes.named.items()]
    return holes.row(), [*more, *(f"    the same: as if {_words(edit)}" for edit in holes.same)], holes.complaints()


def _words(edit: Edit) -> str:
    return f"{edit.words}, {edit.line}" if edit.line else edit.words
