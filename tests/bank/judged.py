"""What the tests of every chapter's bank do: judge a function, and walk a rule."""

from __future__ import annotations

import torch

from coursekit.bank import index
from coursekit.judging.judge import judge, prepare
from coursekit.judging.source import made
from coursekit.probe.running import run


def part_of(exercise, name):
    return next(part for part in (*exercise.slips, *exercise.conventions) if part.id == name)


def verdict_on(exercise, function):
    prepared = prepare(exercise)
    return judge(prepared, run(function, prepared.cases, states=prepared.states))


def verdict_on_parts(name, *ids):
    """The verdict on an exercise's answer with these slips or conventions in it."""
    exercise = index.exercise(name)
    return verdict_on(exercise, made(exercise.answer, *(part_of(exercise, one).change for one in ids)))


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
