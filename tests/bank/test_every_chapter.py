"""What holds in every chapter of the bank: mistakes are named as themselves, right answers pass, enough is there."""

from __future__ import annotations

import pytest

from coursekit.bank import index
from coursekit.judging.check import check
from tests.bank.judged import assert_answered, assert_named_as_itself, known, label, verdict_on_parts

CHAPTERS = list(index.chapters().values())
KNOWN = [pair for chapter in CHAPTERS for pair in known(chapter)]
RIGHT = [(e, function) for chapter in CHAPTERS for e in chapter.exercises for function in e.also_right]


@pytest.mark.parametrize("exercise, part", KNOWN, ids=label)
def test_each_mistake_is_named_as_itself(exercise, part):
    assert_named_as_itself(exercise, part)


@pytest.mark.parametrize("exercise, function", RIGHT, ids=lambda x: getattr(x, "name", None) or x.__name__)
def test_right_answers_pass_however_they_are_written(exercise, function):
    assert check(function, exercise.name).status == "passed"


@pytest.mark.parametrize("exercise", [e for chapter in CHAPTERS for e in chapter.exercises if e.conventions], ids=label)
def test_a_convention_earns_half(exercise):
    for convention in exercise.conventions:
        verdict = verdict_on_parts(exercise.name, convention.id)
        assert (verdict.status, verdict.points) == ("convention", exercise.points / 2)


@pytest.mark.parametrize("quiz", [quiz for chapter in CHAPTERS[1:] for quiz in chapter.quizzes], ids=label)
def test_predictions(quiz):
    assert_answered(quiz)


@pytest.mark.parametrize("chapter", CHAPTERS[1:], ids=lambda chapter: chapter.id)
def test_there_is_enough(chapter):
    for exercise in chapter.exercises:
        rule = hasattr(exercise.answer, "State")
        assert len(exercise.slips) >= (12 if rule else 6) and len(exercise.also_right) >= 2
    assert len(chapter.quizzes) >= 2
