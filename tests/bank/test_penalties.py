"""Chapter 09: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.reference.penalties import l2_penalty, l2_penalty_gradient
from tests.bank.judged import (
    assert_both_named,
    verdict_on_parts,
)

CHAPTER = index.chapter("09_penalties")


def test_the_chapter_asks_what_it_should():
    names = ["l2_penalty", "l1_penalty", "l2_penalty_gradient", "soft_threshold", "ista_step"]
    assert [e.name for e in CHAPTER.exercises] == names
    assert all(len(e.slips) >= 6 and len(e.also_right) >= 2 for e in CHAPTER.exercises)
    assert len(CHAPTER.quizzes) >= 2


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("l2_penalty", "lam_forgotten", "mean_of_each_tensor"),
        ("l2_penalty", "sign_turned", "first_tensor_only"),
        ("l2_penalty_gradient", "sign_turned", "absolute_value_of_the_weight"),
        ("soft_threshold", "threshold_twice", "sign_lost"),
        ("ista_step", "step_uphill", "threshold_without_lr"),
        ("ista_step", "threshold_twice", "nothing_cut_off_at_0"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def loop(params, *, lam):
    total = 0.0
    for w in params:
        for number in w.flatten():
            total = total + number * number
    return lam * total


def chained(params, *, lam):
    return lam * torch.nn.utils.parameters_to_vector(params).pow(2).sum()


def of_arrays(params, *, lam):
    return sum(lam * torch.einsum("i,i->", w.reshape(-1), w.reshape(-1)) for w in params)


@pytest.mark.parametrize("right", [loop, chained, of_arrays])
def test_sums_of_squares_of_any_make(right):
    assert check(right, "l2_penalty").status == "passed"


def in_place(x, threshold):
    out = x.clone()
    out[x.abs() <= threshold] = 0
    out[x > threshold] -= threshold
    out[x < -threshold] += threshold
    return out


def one_by_one(x, threshold):
    numbers = [max(abs(v) - threshold, 0) * (1 if v > 0 else -1) for v in x.flatten().tolist()]
    return torch.tensor(numbers, dtype=x.dtype).reshape(x.shape)


@pytest.mark.parametrize("right", [in_place, one_by_one])
def test_thresholds_of_any_make(right):
    assert check(right, "soft_threshold").status == "passed"


def test_another_exercise_of_the_chapter_may_be_called():
    def soft_threshold(x, threshold):
        return torch.sign(x) * torch.clamp(torch.abs(x) - threshold, min=0)

    def ista_step(w, grad, *, lr, lam):
        return soft_threshold(w - lr * grad, lr * lam)

    assert check(ista_step).status == "passed"


@pytest.mark.parametrize(
    "name, library",
    [
        ("soft_threshold", lambda x, threshold: F.softshrink(x, threshold)),
        ("soft_threshold", lambda x, threshold: torch.nn.Softshrink(threshold)(x)),
        ("ista_step", lambda w, grad, *, lr, lam: F.softshrink(w - lr * grad, lr * lam)),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


def test_weights_changed_in_place_are_seen():
    def in_place(w, grad, *, lr, lam):
        w -= lr * grad
        return w.sign() * (w.abs() - lr * lam).clamp(min=0)

    verdict = check(in_place, "ista_step")
    assert (verdict.status, verdict.diagnosis) == ("wrong", "inputs_changed_in_place")


def test_the_conversions_are_exact():
    w = torch.tensor([1.5, -0.25], dtype=torch.float64)
    torch.testing.assert_close(l2_penalty([w], lam=0.3), (2 * 0.3) / 2 * (w**2).sum())
    torch.testing.assert_close(l2_penalty_gradient(w, lam=0.3), (2 * 0.3) * w)


@pytest.mark.parametrize("name, part", [("l2_penalty", "half_the_sum"), ("l2_penalty_gradient", "without_the_2")])
def test_torchs_form_earns_half(name, part):
    verdict = verdict_on_parts(name, part)
    assert (verdict.status, verdict.points) == ("convention", 0.5)
    assert "weight_decay" in verdict.message


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["weight_decay_for_lam"] == pytest.approx(0.02)
    assert answers["left_after_ten_steps"] == pytest.approx(0.9**10)
    assert answers["steps_to_exactly_zero"] == 25
    assert answers["best_weight_under_l1"] == 2
    w = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
    assert w[((w - 3) ** 2 / 2 + w.abs()).argmin()] == pytest.approx(2)
