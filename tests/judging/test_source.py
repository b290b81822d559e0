"""The answer's source: stubs, solutions and edits of it."""

from __future__ import annotations

import inspect

import pytest
import torch

from coursekit.bank import index
from coursekit.judging.source import NotApplicable, apply, made, signature, solution_source, stub
from coursekit.reference import RULES
from coursekit.reference.adam import AdamState, adam

ANSWERS = {exercise.name: exercise.answer for exercise in index.exercises().values()} | RULES


def heads(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", ANSWERS)
def test_stub_and_solution_have_the_references_head(name):
    answer = ANSWERS[name]
    for text in (stub(answer), solution_source(answer)):
        names = {}
        exec(text, names)
        assert heads(names[name]) == heads(answer)
        assert names[name].__doc__
        assert "Tensor" not in text and "@" not in text.split(":")[0]
    assert signature(answer) in stub(answer)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stub_may_be_run_and_raises_only_when_called(name):
    names = {}
    exec(stub(ANSWERS[name]), names)
    State = getattr(ANSWERS[name], "State", None)
    one = torch.ones(1)
    count = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in inspect.signature(ANSWERS[name]).parameters.values())
    arguments = [one, one, ANSWERS[name].init(one)] if State else [one] * count
    keywords = {p: 0.5 for p, kind, _ in heads(ANSWERS[name]) if kind is inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(NotImplementedError, match=f"write {name} here, in place of this line"):
        names[name](*arguments, **keywords)


def test_an_edit_applies_exactly_once():
    text = "m = beta1 * m\nv = beta2 * v"
    assert apply(text, [("beta1", "b"), ("beta2", "b")]) == "m = b * m\nv = b * v"
    with pytest.raises(NotApplicable, match="'zeta' stands 0 times in the source, wanted once"):
        apply(text, ("zeta", "b"))
    with pytest.raises(NotApplicable, match="stands 2 times"):
        apply(text, [("beta1", "beta2"), ("beta2", "b")])


def test_an_edited_answer_runs_in_its_own_modules_names():
    ascent = made(adam, ("param - lr", "param + lr"))
    one = torch.ones(1)
    for function, sign in ((adam, -1), (ascent, 1)):
        param, state = function(one, one, adam.init(one), lr=0.5, beta1=0.9, beta2=0.9, eps=0.0)
        assert isinstance(state, AdamState)
        torch.testing.assert_close(param, one + sign * 0.5)
    assert made(adam, ("param - lr", "param + lr")) is ascent
    assert made(adam, len) is len
