"""Answers written without knowing the catalogue: each gets the verdict that was agreed to, in both ways to run.

Two people wrote them, one after the other: `fresh` and `second`. `fresh.json` and `second.json` hold the agreed status
and diagnosis of every answer. `python -m tests.golden.test_golden` writes them anew and prints the share of mistakes
that have a name, with each name beside the writer's words (`--names`); read the difference before keeping it.
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
from coursekit.classroom.sandbox.host import lacking
from coursekit.classroom.sandbox.warm import Ran, WarmParent
from coursekit.judging.check import _run, _unusable
from coursekit.judging.judge import judge, prepare
from coursekit.reference import RULES
from tests.golden.corpus import HERE, Golden, read


def readable(answer: Golden) -> bool:
    try:
        compile(answer.source, answer.id, "exec")
    except SyntaxError:
        return False
    return True


CORPORA = {name: read(name) for name in ("fresh", "second")}
STATES = {rule.State.__name__: rule.State for rule in RULES.values()}
# What is run in the tests' own process; the rest patches torch, prints floods or ends the process: sandbox only. So is
# what Python cannot read: in a notebook its cell does not run.
TAME = {
    name: [a for a in answers if a.kind != "hostile" and a.status not in ("timeout", "refused") and readable(a)]
    for name, answers in CORPORA.items()
}


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


def agreed(corpus: str) -> dict[str, dict[str, list[str | None]]]:
    return json.loads((HERE / f"{corpus}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("corpus", "exercise"), sorted({(name, a.exercise) for name in CORPORA for a in TAME[name]}))
def test_in_practice(corpus: str, exercise: str):
    known = agreed(corpus)["practice"]
    found = {a.id: list(in_practice(a)) for a in TAME[corpus] if a.exercise == exercise}
    assert found == {name: known[name] for name in found}


@pytest.mark.parametrize("corpus", CORPORA)
def test_in_the_sandbox(corpus: str):
    known = agreed(corpus)["sandbox"]
    with WarmParent(seconds=3.0, practice=bool(lacking())) as parent:
        found = {a.id: list(in_the_sandbox(parent, a)) for a in CORPORA[corpus]}
    assert found == known


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_right_answer_fails_and_no_wrong_one_passes(corpus: str):
    """What is agreed to is fair: by the labels of those who wrote the answers."""
    label = {a.id: a.status for a in CORPORA[corpus]}
    for way in agreed(corpus).values():
        assert not [name for name, (status, _) in way.items() if label[name] == "passed" and status != "passed"]
        passed = [name for name, (status, _) in way.items() if status == "passed" and label[name] != "passed"]
        # the graded run executes no top-level statement: a patch or an exit that stands there never happens; and a
        # state in a list is taken
        fine = ("for everyone", "when the module is read", "(opinion: the fields are right)")
        assert all(any(words in name for words in fine) for name in passed), passed


def shares(corpus: str) -> dict[str, tuple[int, int]]:
    """For each kind of wrong answer, how many have a name and how many there are."""
    known, found = agreed(corpus)["practice"], {}
    for answer in TAME[corpus]:
        if answer.status == "wrong" and answer.id in known:
            named, count = found.get(answer.kind, (0, 0))
            found[answer.kind] = (named + (known[answer.id][1] is not None), count + 1)
    return found


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize(("kind", "least"), [("single", 0.9), ("double", 0.6)])
def test_most_mistakes_are_named(corpus: str, kind: str, least: float):
    named, count = shares(corpus)[kind]
    assert named >= least * count, f"{named} of {count} {kind} mistakes have a name"


def main(names: bool) -> None:
    for corpus, answers in CORPORA.items():
        with WarmParent(seconds=3.0, practice=bool(lacking())) as warm:
            both = {
                "practice": {a.id: in_practice(a) for a in TAME[corpus]},
                "sandbox": {a.id: in_the_sandbox(warm, a) for a in answers},
            }
        text = json.dumps(both, indent=0, ensure_ascii=False) + "\n"
        (HERE / f"{corpus}.json").write_text(text, encoding="utf-8")
        said = ", ".join(f"{kind} {named} of {count}" for kind, (named, count) in sorted(shares(corpus).items()))
        print(f"{corpus}: {len(answers)} answers; named: {said}")
        for name, (status, diagnosis) in both["practice"].items() if names else ():
            print(f"  {name} -> {status}{f': {diagnosis}' if diagnosis else ''}")


if __name__ == "__main__":
    main("--names" in sys.argv)
