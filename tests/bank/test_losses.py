"""Chapter 01: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.reference.losses import hinge_loss, mse_loss
from tests.bank.judged import (
    assert_both_named,
    verdict_on,
    verdict_on_parts,
)

CHAPTER = index.chapter("01_losses")


def test_the_chapter_asks_what_it_should():
    names = ["mse_loss", "log_softmax", "cross_entropy_loss", "binary_cross_entropy_loss", "hinge_loss"]
    assert [e.name for e in CHAPTER.exercises] == names
    assert all(len(e.slips) >= 6 and len(e.also_right) >= 2 for e in CHAPTER.exercises)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("mse_loss", "divided_by_the_rows_only", "errors_not_squared"),
        ("mse_loss", "sign_turned", "half_the_mean"),
        ("cross_entropy_loss", "sign_forgotten", "mean_over_rows_and_classes"),
        ("cross_entropy_loss", "no_max_subtracted", "sign_forgotten"),
        ("binary_cross_entropy_loss", "exponential_overflows", "y_z_added"),
        ("hinge_loss", "sign_turned", "margin_0"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def test_the_numbers_in_the_words():
    assert "the sum of the squared" in verdict_on_parts("mse_loss", "summed_over_the_elements").message
    assert "0.333 of the right number" in verdict_on_parts("cross_entropy_loss", "mean_over_rows_and_classes").message
    assert "7 here" in verdict_on_parts("hinge_loss", "summed_over_the_examples").message


@pytest.mark.parametrize(
    "name, library",
    [
        ("mse_loss", F.mse_loss),
        ("log_softmax", lambda logits: logits.log_softmax(-1)),
        ("log_softmax", lambda logits: getattr(F, "log_" + "softmax")(logits, -1)),
        ("cross_entropy_loss", lambda logits, labels: torch.nn.CrossEntropyLoss()(logits, labels)),
        ("cross_entropy_loss", lambda logits, labels: F.nll_loss(F.log_softmax(logits, 1), labels)),
        ("binary_cross_entropy_loss", lambda z, y: F.binary_cross_entropy_with_logits(z, y)),
        ("hinge_loss", lambda s, y: F.margin_ranking_loss(s, torch.zeros_like(s), y, margin=1)),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


def test_another_exercise_of_the_chapter_may_be_called():
    def log_softmax(logits):
        return logits - torch.logsumexp(logits, -1, keepdim=True)

    def cross_entropy_loss(logits, labels):
        return -log_softmax(logits)[torch.arange(len(labels)), labels].mean()

    assert check(cross_entropy_loss).status == "passed"


@pytest.mark.parametrize("lost", [lambda logits: (logits.exp() / logits.exp().sum(-1, keepdim=True) + 1e-9).log()])
def test_a_small_number_in_the_logarithm_is_no_cure(lost):
    verdict = verdict_on(index.exercise("log_softmax"), lost)
    assert verdict.status == "wrong"


# ---- what the conventions claim


def test_the_conversions_are_exact():
    prediction, target = torch.randn(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    half_sum = ((prediction - target) ** 2).sum() / 2
    torch.testing.assert_close(half_sum * 2 / 7, mse_loss(prediction, target), rtol=1e-14, atol=0)
    labels = target.sign()
    summed = (1 - labels * prediction).clamp(min=0).sum()
    torch.testing.assert_close(summed / 7, hinge_loss(prediction, labels), rtol=1e-14, atol=0)


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["best_single_guess"] == pytest.approx((1 + 2 + 3 + 4 + 100) / 5)
    assert answers["largest_score_for_exp"] == pytest.approx(88.72, abs=0.01)
    below, above = (torch.tensor(answers["largest_score_for_exp"] + d).exp() for d in (-0.01, 0.01))
    assert below.isfinite() and above.isinf()
    assert answers["slope_of_a_confident_mistake"] == pytest.approx(1 / (1 + math.exp(10)) - 1)
    assert answers["hinge_of_a_right_answer"] == pytest.approx(0.7)
    assert answers["perfect_probabilities"] == pytest.approx(0.905, abs=5e-4)
    assert answers["perfect_probabilities"] == pytest.approx(float(F.cross_entropy(torch.eye(5), torch.arange(5))))
    assert answers["loss_before_training"] == pytest.approx(math.log(10))


def test_one_confident_mistake_is_more_than_nine_tenths_of_the_loss():
    share = -math.log(1e-6) / (-math.log(1e-6) - 99 * math.log(0.99))
    assert 0.9 < share < 1
