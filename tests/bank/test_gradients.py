"""Chapter 02: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.source import made
from coursekit.reference.gradients import cross_entropy_gradient, linear_regression_gradient, numerical_gradient
from tests.bank.judged import (
    assert_both_named,
    part_of,
    verdict_on_parts,
)

CHAPTER = index.chapter("02_gradients")
DOUBLE = torch.float64


def test_the_chapter_asks_what_it_should():
    names = ["numerical_gradient", "linear_regression_gradient", "cross_entropy_gradient"]
    assert [e.name for e in CHAPTER.exercises] == names
    assert all(len(e.slips) >= 12 and len(e.also_right) >= 2 for e in CHAPTER.exercises)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("numerical_gradient", "divided_by_h", "h_not_used"),
        ("numerical_gradient", "sign_turned", "all_elements_moved_at_once"),
        ("linear_regression_gradient", "sign_turned", "divided_by_the_columns"),
        ("linear_regression_gradient", "target_left_out", "of_the_sum"),
        ("cross_entropy_gradient", "sign_turned", "divided_by_rows_and_classes"),
        ("cross_entropy_gradient", "no_max_subtracted", "of_the_sum"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def test_the_numbers_in_the_words():
    assert "2 times what is right" in verdict_on_parts("numerical_gradient", "divided_by_h").message
    assert "0.333 of what is right" in verdict_on_parts("cross_entropy_gradient", "divided_by_rows_and_classes").message
    message = verdict_on_parts("linear_regression_gradient", "divided_by_the_columns").message
    assert "1.33 times what is right" in message  # four rows, three columns


def _by_autograd(f, x, h=1e-5):
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(f(x), x)[0]


def _by_backward(w, X, y):
    with torch.enable_grad():
        w = w.clone().requires_grad_()
        ((X @ w - y) ** 2).mean().backward()
    return w.grad


@pytest.mark.parametrize(
    "name, library",
    [
        ("numerical_gradient", _by_autograd),
        ("numerical_gradient", lambda f, x, h=1e-5: torch.func.jacrev(f)(x)),
        ("linear_regression_gradient", _by_backward),
        ("linear_regression_gradient", lambda w, X, y: torch.func.grad(lambda v: ((X @ v - y) ** 2).mean())(w)),
        ("cross_entropy_gradient", lambda z, y: torch.func.grad(F.cross_entropy)(z, y)),
        ("cross_entropy_gradient", cross_entropy_gradient),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


def test_the_card_shows_a_call_that_can_be_made():
    verdict = verdict_on_parts("numerical_gradient", "forward_difference")
    double = SimpleNamespace(tensor=lambda values: torch.tensor(values, dtype=DOUBLE), exp=torch.exp)
    found = eval(verdict.call, {"torch": double, "numerical_gradient": numerical_gradient})
    assert f"{found[0].item():.6g}" in verdict.message


def test_a_single_number_is_tried_too():
    def only_vectors(f, x, h=1e-5):
        gradient = torch.zeros_like(x)
        for i in range(len(x)):
            step = torch.zeros_like(x)
            step[i] = h
            gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
        return gradient

    assert check(only_vectors, "numerical_gradient").status == "error"


# ---- what the conventions claim


def _from(name, part):
    exercise = index.exercise(name)
    return made(exercise.answer, part_of(exercise, part).change)


def test_the_conversions_are_exact():
    generator = torch.Generator().manual_seed(0)
    w, X, y = (torch.randn(shape, generator=generator, dtype=DOUBLE) for shape in ((3,), (5, 3), (5,)))
    right = linear_regression_gradient(w, X, y)
    for part, factor in (("of_half_the_mean", 2), ("of_the_sum", 1 / 5), ("of_half_the_sum", 2 / 5)):
        torch.testing.assert_close(factor * _from("linear_regression_gradient", part)(w, X, y), right)
    logits, labels = X, torch.tensor([0, 2, 1, 1, 0])
    summed = _from("cross_entropy_gradient", "of_the_sum")(logits, labels)
    torch.testing.assert_close(summed / 5, cross_entropy_gradient(logits, labels))


def test_the_conversions_of_h_are_exact():
    def f(x):
        return (x.exp() * x.flip(0)).sum()

    x = torch.tensor([0.3, -0.7], dtype=DOUBLE)
    near, far = numerical_gradient(f, x, 0.1), numerical_gradient(f, x, 0.2)
    torch.testing.assert_close(_from("numerical_gradient", "h_as_the_whole_distance")(f, x, 0.2), near)
    torch.testing.assert_close(_from("numerical_gradient", "five_point_formula")(f, x, 0.1), (4 * near - far) / 3)


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["best_h"] == "b"
    assert answers["error_at_a_tenth_of_h"] == pytest.approx(100, rel=1e-3)
    assert answers["calls_of_f"] == 20_000
    assert answers["parabola_with_a_large_h"] == pytest.approx(6, abs=1e-12)
    assert answers["slope_of_the_right_score"] == pytest.approx(-0.9)
    assert answers["every_row_twice"] == pytest.approx(1)
    assert answers["metres_to_millimetres"] == pytest.approx(1000)


def test_what_is_said_of_the_best_h():
    one = torch.ones((), dtype=DOUBLE)
    assert abs(float(numerical_gradient(torch.exp, one, 0.1)) - math.e) == pytest.approx(0.0045, abs=5e-5)
    assert torch.finfo(DOUBLE).eps ** (1 / 3) == pytest.approx(6e-6, rel=0.02)
