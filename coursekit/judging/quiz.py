"""Judging a prediction: a number within its tolerance, or a choice; known wrong beliefs are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coursekit.exercise import Quiz, identifier
from coursekit.judging.verdict import Verdict
from coursekit.probe.values import describe, plain


def judge_quiz(quiz: Quiz, value: Any) -> Verdict:
    """The verdict on an answer to a quiz; `...` and None are "not attempted", and show the question."""
    blank = Verdict(quiz.name, "wrong", 0, quiz.points)
    if value is ... or value is None:
        return replace(blank, status="not_attempted", message=question(quiz))
    value = plain(value.item() if getattr(value, "ndim", None) == 0 else value)  # torch or NumPy may have computed it
    wanted = quiz.answer()
    right = _same(quiz, value, wanted)
    if right is None:
        kind = f"one of {', '.join(quiz.choices)}" if quiz.choices else "a number"
        got = f"{value!r:.60}" if isinstance(value, str) else describe(value)
        return replace(blank, message=f"The answer is {kind}; got {got}.")
    if right:
        return replace(blank, status="passed", points=quiz.points, message=quiz.why)
    for belief, words in quiz.beliefs:
        if _same(quiz, value, belief):
            return replace(
                blank, message=words, diagnosis=identifier(f"{quiz.name} {belief}"), title=f"answered {belief}"
            )
    return replace(blank, message="Not this one. Try it in a cell, look at what comes out, and answer again.")


def question(quiz: Quiz) -> str:
    """The question with its choices, as text."""
    choices = "".join(f"\n({letter}) {words}." for letter, words in quiz.choices.items())
    example = next(iter(quiz.choices), "3.5")
    return f'{quiz.question}{choices} Answer with answer("{quiz.name}", {example!r}).'.replace("'3.5'", "3.5")


def _same(quiz: Quiz, value: Any, wanted: Any) -> bool | None:
    """Whether an answer is this letter, or this number within the tolerance; None when it can be no answer."""
    if quiz.choices:
        letter = value.strip().lower() if isinstance(value, str) else None
        return letter == wanted if letter in quiz.choices else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return abs(value - wanted) <= quiz.tolerance * max(abs(wanted), 1e-12)
