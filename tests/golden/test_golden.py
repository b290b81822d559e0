"""Answers written without knowing the catalogue: each gets the verdict that was agreed to, in both ways to run.

`fresh.json` holds the agreed status and diagnosis of every answer. `python -m tests.golden.test_golden` writes it anew;
read the difference before keeping it.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
import types
import warnings

import pytest
import torch

from coursekit.bank import index
from coursekit.classroom.sandbox.warm import Ran, WarmParent
from coursekit.judging.check import _run, _unusable
from coursekit.judging.judge import judge, prepare
from coursekit.reference import RULES
from tests.golden.corpus import HERE, Golden, read

ANSWERS = read("fresh")
AGREED = HERE / "fresh.json"
STATES = {rule.State.__name__: rule.State for rule in RULES.values()}
# What is run in the tests' own process; the rest patches torch, prints floods or ends the process: sandbox only.
TAME = [a for a in ANSWERS if a.kind != "hostile" and a.status not in ("timeout", "refused")]


def in_practice(answer: Golden) -> tuple[str, str | None]:
    module = types.ModuleType("answer")
    sys.modules["answer"] = module  # a data class looks its own module up
    names = vars(module)
    names |= {"torch": torch, "math": math, **STATES}
    exec(compile(answer.source, f"<{answer.exercise}>", "exec"), names)
    function, exercise = names[answer.exercise], index.exercise(answer.exercise)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about what the answers do
        unusable = _unusable(function, exercise)
        verdict = unusable if unusable is not None else _run(function, exercise, 5.0)
    return verdict.status, verdict.diagnosis


def in_the_sandbox(parent: WarmParent, answer: Golden) -> tuple[str, str | None]:
    exercise = index.exercise(answer.exercise)
    prepared = prepare(exercise)
    source = answer.source.encode()
    ran = parent.run(source, ".py", "answer.py", answer.exercise, prepared.cases, prepared.states, set(exercise.refuse))
    if not isinstance(ran, Ran):
        return ran.status, None
    verdict = judge(prepared, ran.outcomes, ran.used)
    return verdict.status, verdict.diagnosis


def agreed() -> dict[str, dict[str, list[str | None]]]:
    return json.loads(AGREED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("exercise", sorted({a.exercise for a in TAME}))
def test_in_practice(exercise: str):
    known = agreed()["practice"]
    found = {a.id: list(in_practice(a)) for a in TAME if a.exercise == exercise}
    assert found == {name: known[name] for name in found}


def test_in_the_sandbox():
    known = agreed()["sandbox"]
    with WarmParent(seconds=3.0) as parent:
        found = {a.id: list(in_the_sandbox(parent, a)) for a in ANSWERS}
    assert found == known


def test_no_right_answer_fails_and_no_wrong_one_passes():
    """What is agreed to is fair: by the labels of those who wrote the answers."""
    label = {a.id: a.status for a in ANSWERS}
    for way in agreed().values():
        assert not [name for name, (status, _) in way.items() if label[name] == "passed" and status != "passed"]
        passed = [name for name, (status, _) in way.items() if status == "passed" and label[name] != "passed"]
        # the graded run executes no top-level statement: a patch or an exit that stands there never happens
        assert all("for everyone" in name or "when the module is read" in name for name in passed), passed


def test_most_mistakes_are_named():
    label = {a.id: a.kind for a in ANSWERS if a.status == "wrong"}
    known = agreed()["practice"]
    for kind, least in (("single", 0.9), ("double", 0.6)):
        named = [known[name][1] is not None for name, k in label.items() if k == kind and name in known]
        assert sum(named) >= least * len(named), f"{sum(named)} of {len(named)} {kind} mistakes have a name"


if __name__ == "__main__":
    with WarmParent(seconds=3.0) as warm:
        both = {
            "practice": {a.id: in_practice(a) for a in TAME},
            "sandbox": {a.id: in_the_sandbox(warm, a) for a in ANSWERS},
        }
    AGREED.write_text(json.dumps(both, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(ANSWERS)} answers written to {AGREED.name}", file=sys.stderr)
