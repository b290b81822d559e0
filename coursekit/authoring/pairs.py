"""How many pairs of an exercise's slips, made both at once, are named for what they are."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from coursekit.exercise import Exercise
from coursekit.judging.check import one_thread
from coursekit.judging.judge import judge, prepare
from coursekit.judging.source import NotApplicable, made
from coursekit.probe.running import run

KINDS = {
    "both": "named as that pair",
    "equal": "named as something else with the same numbers",
    "unnamed": "wrong, without a name",
    "stopped": "stopped with an error",
    "hidden": "not wrong: they undo each other, or make another convention",
}


def pairs(exercise: Exercise, seed: int = 0) -> Counter[str]:
    """How often each of `KINDS` comes out over all pairs of slips that can be made together."""
    prepared, counts = prepare(exercise, seed), Counter(dict.fromkeys(KINDS, 0))
    for two in itertools.combinations([slip for slip in exercise.slips if not callable(slip.change)], 2):
        function = None
        for first, second in (two, two[::-1]):
            try:
                function = function or made(exercise.answer, first.change, second.change)
            except (NotApplicable, SyntaxError):
                continue
        if function is None:
            continue
        verdict = judge(prepared, run(function, prepared.cases, states=prepared.states))
        if verdict.status != "wrong":
            kind = "hidden" if verdict.status in ("passed", "convention") else "stopped"
        elif verdict.diagnosis is None:
            kind = "unnamed"
        else:
            kind = "both" if {slip.id for slip in two} == set(verdict.diagnosis.split("+")) else "equal"
        counts[kind] += 1
    return counts


def report(exercises: list[Exercise]) -> Iterator[str]:
    """One line for each exercise that has pairs."""
    for exercise in exercises:
        with one_thread():
            counts = pairs(exercise)
        if total := counts.total():
            said = "; ".join(f"{counts[kind]} {words}" for kind, words in KINDS.items() if counts[kind])
            yield f"{exercise.name}: {total} pairs: {said}"
