"""What holds in every chapter of the bank beyond what `author check` proves: enough is there, a convention is half."""

from __future__ import annotations

import pytest

from coursekit.bank import index

CHAPTERS = list(index.chapters().values())


@pytest.mark.parametrize("chapter", CHAPTERS[1:], ids=lambda chapter: chapter.id)
def test_there_is_enough(chapter):
    for exercise in chapter.exercises:
        rule = hasattr(exercise.answer, "State")
        assert len(exercise.slips) >= (12 if rule else 6)
    assert len(chapter.quizzes) >= 2 and all(len(quiz.beliefs) >= 3 for quiz in chapter.quizzes)


@pytest.mark.parametrize("exercise", index.exercises().values(), ids=lambda exercise: exercise.name)
def test_a_convention_earns_half(exercise):
    assert all(convention.credit == 0.5 for convention in exercise.conventions)
