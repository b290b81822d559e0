"""Chapter 07: every mistake is named as itself, right answers pass, conversions and predictions hold."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.source import made
from coursekit.reference.adaptive import adagrad, rmsprop
from tests.bank.judged import (
    assert_both_named,
    part_of,
    walk,
)

CHAPTER = index.chapter("07_adaptive")
GRADS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("adagrad", "mean_of_the_old_and_the_new", "sign_turned"),
        ("adagrad", "old_s_forgotten", "root_forgotten"),
        ("adagrad", "eps_inside_the_root", "lr_forgotten"),
        ("rmsprop", "s_started_at_the_first_square", "eps_inside_the_root"),
        ("rmsprop", "1_beta_forgotten", "eps_forgotten"),
        ("rmsprop", "weights_exchanged", "old_state_returned"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


@pytest.mark.parametrize("name, hyper", [("Adagrad", {}), ("RMSprop", {"alpha": 0.7})])
def test_a_library_that_is_the_answer_is_refused(name, hyper):
    def delegated(param, grad, state, *, lr, eps, beta=0.7):
        weight = torch.nn.Parameter(param)
        weight.grad = grad
        getattr(torch.optim, name)([weight], lr=lr, eps=eps, **hyper).step()
        return weight.detach(), state

    assert check(delegated, name.lower()).status == "refused"
    assert check(index.exercise(name.lower()).answer).status == "refused"


# ---- what the words claim


def steps_of(rule, hyper):
    return walk(rule, GRADS, hyper).diff(dim=0)


@pytest.mark.parametrize("s", [0.0, 1e-6, 1e-4, 1e-2, 1.0])
def test_eps_squared_under_the_root_is_near_eps_beside_it(s):
    outside, inside = math.sqrt(s) + 1e-2, math.sqrt(s + 1e-2**2)
    assert 1 <= outside / inside <= math.sqrt(2) + 1e-12


@pytest.mark.parametrize("name, hyper", [("adagrad", {}), ("rmsprop", {"beta": 0.7})])
def test_eps_inside_the_root_is_the_rule_with_eps_inside(name, hyper):
    exercise = index.exercise(name)
    inside = made(exercise.answer, part_of(exercise, "eps_inside_the_root").change)
    zero = torch.zeros(1, dtype=torch.float64)
    moved, _ = inside(zero, zero + 1e-9, (zero,), lr=1.0, eps=1e-8, **hyper)
    assert float(-moved) == pytest.approx(1e-9 / 1e-4)


def test_a_mean_from_the_first_square_starts_shorter_by_the_root_of_its_share():
    exercise = index.exercise("rmsprop")
    started = made(exercise.answer, part_of(exercise, "s_started_at_the_first_square").change)
    started.State, hyper = rmsprop.State, {"lr": 0.1, "beta": 0.99, "eps": 0.0}
    ratio = steps_of(started, hyper)[0] / steps_of(rmsprop, hyper)[0]
    torch.testing.assert_close(ratio, torch.full_like(ratio, math.sqrt(1 - 0.99)))


def test_a_sum_shrinks_the_steps_and_a_mean_does_not():
    exercise = index.exercise("adagrad")
    halved = made(exercise.answer, part_of(exercise, "mean_of_the_old_and_the_new").change)
    halved.State, hyper = adagrad.State, {"lr": 0.1, "eps": 0.0}
    constant = torch.ones(100, 1, dtype=torch.float64)
    last = {rule: float(-walk(rule, constant, hyper).diff(dim=0)[-1]) for rule in (adagrad, halved)}
    assert last[adagrad] == pytest.approx(0.1 / math.sqrt(100))
    assert last[halved] == pytest.approx(0.1)


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["hundredth_step_of_adagrad"] == pytest.approx(0.1 / math.sqrt(100))
    assert answers["first_step_of_rmsprop"] == pytest.approx(0.01 / math.sqrt(1 - 0.99), rel=1e-6)
    assert answers["smallest_divisor_with_eps_inside"] == pytest.approx(1e-4)


def test_after_loud_steps_the_sum_stays_and_the_mean_forgets():
    grads = torch.cat([torch.full((1000, 1), 10.0), torch.full((2000, 1), 0.1)]).double()
    of_sum = float(-walk(adagrad, grads, {"lr": 1.0}).diff(dim=0)[-1])
    of_mean = float(-walk(rmsprop, grads, {"lr": 1.0}).diff(dim=0)[-1])
    assert of_sum == pytest.approx(3e-4, rel=0.1)
    assert of_mean == pytest.approx(1, rel=1e-3)


def test_the_unit_of_the_loss_cancels():
    for rule in (adagrad, rmsprop):
        torch.testing.assert_close(walk(rule, 1000 * GRADS, {"eps": 0.0}), walk(rule, GRADS, {"eps": 0.0}))
