"""Chapter 03: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.reference.gradient_descent import gradient_descent, minimize
from tests.bank.judged import (
    assert_both_named,
    verdict_on_parts,
)

CHAPTER = index.chapter("03_gradient_descent")


def test_the_chapter_asks_what_it_should():
    assert [e.name for e in CHAPTER.exercises] == ["gradient_descent", "minimize", "max_stable_lr"]
    assert all(len(e.slips) >= 12 and len(e.also_right) >= 2 for e in CHAPTER.exercises)


@pytest.mark.parametrize("second", ["lr_forgotten", "gradient_clipped", "divided_by_the_number_of_elements"])
def test_two_mistakes_at_once_are_both_named(second):
    verdict = verdict_on_parts("gradient_descent", "sign_turned", second)
    assert verdict.diagnosis == f"sign_turned+{second}"


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("minimize", "sign_turned", "start_left_out"),
        ("minimize", "gradient_of_the_start_throughout", "one_step_too_many"),
        ("max_stable_lr", "1_over_the_eigenvalue", "largest_in_size"),
    ],
)
def test_two_mistakes_in_the_other_exercises_are_both_named(name, first, second):
    assert_both_named(name, first, second)


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


def test_a_walk_may_call_the_rule_and_torch_may_not_walk():
    def stepping(param, grad, state, *, lr):
        return param - lr * grad, state

    def minimize(grad_fn, start, *, lr, steps):
        path, state = [start], ()
        for _ in range(steps):
            param, state = stepping(path[-1], grad_fn(path[-1]), state, lr=lr)
            path.append(param)
        return torch.stack(path)

    def delegated(grad_fn, start, *, lr, steps):
        weight, path = torch.nn.Parameter(start), [start]
        optimizer = torch.optim.SGD([weight], lr=lr)
        for _ in range(steps):
            weight.grad = grad_fn(weight)
            optimizer.step()
            path.append(weight.detach().clone())
        return torch.stack(path)

    assert check(minimize).status == "passed"
    assert check(delegated, "minimize").status == "refused"


def test_the_card_shows_a_walk_that_can_be_made():
    verdict = verdict_on_parts("minimize", "sign_turned")
    double = SimpleNamespace(tensor=lambda values: torch.tensor(values, dtype=torch.float64))
    found = eval(verdict.call, {"torch": double, "minimize": minimize})
    assert f"for {found[1, 0].item():.4g}" in verdict.message


@pytest.mark.parametrize("kind", [float, torch.tensor, np.float64])
def test_a_rate_may_be_any_kind_of_number(kind):
    def rate(hessian):
        return kind(2 / float(torch.linalg.eigvalsh(hessian)[-1]))

    assert check(rate, "max_stable_lr").status == "passed"


# ---- the predictions


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
