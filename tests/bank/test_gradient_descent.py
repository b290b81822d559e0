"""Chapter 03: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.reference.gradient_descent import gradient_descent
from tests.bank.judged import assert_answered, assert_named_as_itself, known, label, verdict_on_parts

CHAPTER = index.chapter("03_gradient_descent")
(EXERCISE,) = (e for e in CHAPTER.exercises if e.name == "gradient_descent")


@pytest.mark.parametrize("exercise, part", known(CHAPTER), ids=label)
def test_each_mistake_is_named_as_itself(exercise, part):
    assert_named_as_itself(exercise, part)


@pytest.mark.parametrize("function", EXERCISE.also_right)
def test_right_answers_pass_however_they_are_written(function):
    assert check(function, "gradient_descent").status == "passed"


@pytest.mark.parametrize("second", ["lr_forgotten", "gradient_clipped", "divided_by_the_number_of_elements"])
def test_two_mistakes_at_once_are_both_named(second):
    verdict = verdict_on_parts("gradient_descent", "sign_turned", second)
    assert verdict.diagnosis == f"sign_turned+{second}"


def test_the_numbers_in_the_words():
    assert "0.3" in verdict_on_parts("gradient_descent", "lr_twice").message
    assert "11.1 times the right one" in verdict_on_parts("gradient_descent", "divided_by_lr").message


def test_a_library_that_is_the_answer_is_refused():
    def delegated(param, grad, state, *, lr):
        weight = torch.nn.Parameter(param)
        weight.grad = grad
        torch.optim.SGD([weight], lr=lr).step()
        return weight.detach(), ()

    assert check(delegated, "gradient_descent").status == "refused"
    assert check(gradient_descent).status == "refused"


# ---- the predictions


@pytest.mark.parametrize("quiz", CHAPTER.quizzes, ids=label)
def test_predictions(quiz):
    assert_answered(quiz)


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["largest_rate_in_the_ravine"] == pytest.approx(2 / 25, rel=1e-3)
    steps = answers["steps_along_the_ravine"]
    assert 0.96**steps <= 0.01 < 0.96 ** (steps - 1)
    factor = answers["rate_after_loss_times_1000"]
    param, grad = torch.tensor([1.0]), torch.tensor([3.0])
    before, _ = gradient_descent(param, grad, (), lr=0.1)
    after, _ = gradient_descent(param, 1000 * grad, (), lr=0.1 * factor)
    torch.testing.assert_close(after, before)
