"""What the tests of every chapter's bank do: judge a function, and walk a rule."""

from __future__ import annotations

import re

import torch

from coursekit.bank import index
from coursekit.judging.judge import judge, prepare
from coursekit.judging.quiz import judge_quiz
from coursekit.judging.source import made
from coursekit.probe.running import run


def known(chapter):
    """Every slip and convention of a chapter, beside its exercise."""
    return [(e, part) for e in chapter.exercises for part in (*e.slips, *e.conventions)]


def label(x):
    return getattr(x, "id", None) or x.name


def part_of(exercise, name):
    return next(part for part in (*exercise.slips, *exercise.conventions) if part.id == name)


def verdict_on(exercise, function):
    prepared = prepare(exercise)
    return judge(prepared, run(function, prepared.cases, states=prepared.states))


def verdict_on_parts(name, *ids):
    """The verdict on an exercise's answer with these slips or conventions in it."""
    exercise = index.exercise(name)
    return verdict_on(exercise, made(exercise.answer, *(part_of(exercise, one).change for one in ids)))


def assert_named_as_itself(exercise, part):
    verdict = verdict_on(exercise, made(exercise.answer, part.change))
    assert verdict.diagnosis == part.id
    assert "{" not in verdict.message
    if "{yours}" not in part.message:  # without a format it says NaN on purpose
        assert not re.search(r"\bnan\b", verdict.message)
    assert verdict.points == (round(part.credit * exercise.points, 2) if hasattr(part, "credit") else 0)


def assert_answered(quiz):
    assert judge_quiz(quiz, quiz.answer()).status == "passed"
    assert judge_quiz(quiz, ...).status == "not_attempted"
    assert len(quiz.beliefs) >= 3
    for belief, words in quiz.beliefs:
        verdict = judge_quiz(quiz, belief)
        assert (verdict.status, verdict.message) == ("wrong", words)


def walk(rule, grads, hyper, start=None):
    """The path of a rule from `start` (zero unless given) over given gradients, shape (steps + 1, n)."""
    param = torch.zeros_like(grads[0]) if start is None else start
    path = [param]
    state = rule.State(*(0 if name == "t" else torch.zeros_like(param) for name in rule.State._fields))
    for grad in grads:
        param, state = rule(param, grad, state, **hyper)
        path.append(param)
    return torch.stack(path)


def assert_both_named(name, first, second):
    """Two mistakes at once are named as those two, and earn nothing."""
    verdict = verdict_on_parts(name, first, second)
    assert set(str(verdict.diagnosis).split("+")) == {first, second}
    assert verdict.points == 0
