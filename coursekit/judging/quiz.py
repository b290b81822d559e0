"""Judging a prediction: a number within its tolerance, or a choice; known wrong beliefs are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coursekit.exercise import Quiz, identifier
from coursekit.judging.verdict import Verdict


def judge_quiz(quiz: Quiz, value: Any) -> Verdict:
    """The verdict on an answer to a quiz; `...` and None are "not attempted", and show the question."""
    blank = Verdict(quiz.name, "wrong", 0, quiz.points)
    if value is ... or value is None:
        return replace(blank, status="not_attempted", message=question(quiz))
    wanted = quiz.answer()
    right = _letter(value) == wanted if quiz.choices else _near(value, wanted, quiz.tolerance)
    if right is None:
        kind = f"one of {', '.join(quiz.choices)}" if quiz.choices else "a number"
        return replace(blank, message=f"The answer is {kind}; got {value!r:.60}.")
    if right:
        return replace(blank, status="passed", points=quiz.points, message=quiz.why)
    for belief, words in quiz.beliefs:
        held = _letter(value) == belief if quiz.choices else _near(value, belief, quiz.tolerance)
        if held:
            return replace(
                blank, message=words, diagnosis=identifier(f"{quiz.name} {belief}"), title=words.split(":")[0]
            )
    return replace(blank, message="Not this one. Run the cell that follows, look at the number, and answer again.")


def question(quiz: Quiz) -> str:
    """The question with its choices, as text."""
    choices = "".join(f" ({letter}) {words}." for letter, words in quiz.choices.items())
    example = next(iter(quiz.choices), "3.5")
    return f'{quiz.question}{choices} Answer with answer("{quiz.name}", {example!r}).'.replace("'3.5'", "3.5")


def _letter(value: Any) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


def _near(value: Any, wanted: Any, tolerance: float) -> bool | None:
    """Whether two numbers agree within the relative tolerance; None when the value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return abs(value - wanted) <= tolerance * max(abs(wanted), 1e-12)
