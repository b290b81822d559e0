"""Quizzes: numbers within their tolerance, letters, beliefs with their own words, and what is no answer at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.exercise import Quiz
from coursekit.judging.check import NotPassed, answer
from coursekit.judging.quiz import judge_quiz

NUMBER = Quiz("third", "What is 1/3?", lambda: 1 / 3, "It repeats.", beliefs=((3.0, "upside down: one over it."),))
CHOICE = Quiz(
    "letter", "Which?", lambda: "b", "It is b.", choices={"a": "one", "b": "two", "c": "three"}, beliefs=(("a", "no."),)
)


@pytest.mark.parametrize("value", [1 / 3, 0.33, 0.339, np.float32(0.333), torch.tensor(0.333), np.array(0.333)])
def test_a_number_within_the_tolerance_passes(value):
    verdict = judge_quiz(NUMBER, value)
    assert (verdict.status, verdict.points, verdict.message) == ("passed", 1, "It repeats.")


@pytest.mark.parametrize("value", [0.32, 0.35, 0, -1 / 3, float("nan"), float("inf")])
def test_another_number_is_wrong(value):
    verdict = judge_quiz(NUMBER, value)
    assert (verdict.status, verdict.points, verdict.diagnosis) == ("wrong", 0, None)


@pytest.mark.parametrize("value", ["0.333", "a", True, [0.333], torch.ones(2), 1j, object, 10**400])
def test_what_is_no_number_is_said(value):
    verdict = judge_quiz(NUMBER, value)
    assert verdict.status == "wrong"
    assert verdict.message.startswith("The answer is a number; got ")


def test_a_belief_gets_its_own_words():
    verdict = judge_quiz(NUMBER, 3)
    assert (verdict.status, verdict.diagnosis) == ("wrong", "third_3_0")
    assert verdict.message == "upside down: one over it."
    assert verdict.title == "answered 3.0"


@pytest.mark.parametrize("value, status", [("b", "passed"), (" B ", "passed"), ("a", "wrong"), ("c", "wrong")])
def test_a_letter(value, status):
    assert judge_quiz(CHOICE, value).status == status


@pytest.mark.parametrize("value", ["d", "", 2, object, ["b"]])
def test_what_is_no_letter_is_said(value):
    assert judge_quiz(CHOICE, value).message.startswith("The answer is one of a, b, c; got ")


@pytest.mark.parametrize("blank", [..., None])
def test_a_blank_shows_the_question(blank):
    verdict = judge_quiz(CHOICE, blank)
    assert verdict.status == "not_attempted"
    assert (
        " ".join(verdict.message.split()) == "Which? (a) one. (b) two. (c) three. Answer with answer(\"letter\", 'a')."
    )


def test_answer_finds_the_quiz():
    assert answer("loss_times_1000", "a").passed
    assert answer("loss_times_1000").status == "not_attempted"
    with pytest.raises(ValueError, match="no quiz is called 'loss_times_100': did you mean 'loss_times_1000'"):
        answer("loss_times_100", "a")


def test_strict_takes_no_wrong_answer(monkeypatch):
    monkeypatch.setenv("COURSEKIT_STRICT", "1")
    with pytest.raises(NotPassed):
        answer("loss_times_1000", "b")
