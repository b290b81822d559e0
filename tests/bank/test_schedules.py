"""Chapter 05: what the words and the conventions say is true, strangers are judged fairly, the predictions hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.source import made
from coursekit.reference.schedules import exponential_decay, reduce_on_plateau, warmup_cosine
from tests.bank.judged import assert_both_named, part_of

CHAPTER = index.chapter("05_schedules")


def test_the_chapter_asks_what_it_should():
    names = ["step_decay", "exponential_decay", "cosine_decay", "warmup_cosine", "reduce_on_plateau"]
    assert [e.name for e in CHAPTER.exercises] == names
    assert all(len(e.slips) >= 12 and len(e.also_right) >= 2 for e in CHAPTER.exercises)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("cosine_decay", "rises_again_past_the_end", "half_forgotten"),
        ("warmup_cosine", "rises_again_past_the_end", "cosine_started_at_step_0"),
        ("reduce_on_plateau", "one_epoch_too_impatient", "equal_taken_for_better"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def _scheduler(make, steps, lr):
    """What torch's scheduler gives at each of these steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


TORCH = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    "name, library",
    [
        (
            "step_decay",
            lambda t, *, lr, drop, every: _scheduler(lambda o: TORCH.StepLR(o, every, drop), t + 1, lr)[-1],
        ),
        (
            "exponential_decay",
            lambda t, *, lr, decay: _scheduler(lambda o: TORCH.ExponentialLR(o, math.exp(-decay)), t + 1, lr)[-1],
        ),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


@pytest.mark.parametrize("kind", [float, torch.tensor, np.float64])
def test_a_rate_may_be_any_kind_of_number(kind):
    def rate(t, *, lr, decay):
        return kind(lr * math.exp(-decay * t))

    assert check(rate, "exponential_decay").status == "passed"


def test_warmup_may_call_the_learners_cosine():
    def cosine_decay(t, *, lr, lr_min, total):
        return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * min(t, total) / total)) / 2

    def warmup_cosine(t, *, lr, warmup, total):
        if t < warmup:
            return lr * (t + 1) / warmup
        return cosine_decay(t - warmup, lr=lr, lr_min=0.0, total=total - warmup)

    assert check(warmup_cosine).status == "passed"


def test_a_mistake_that_nobody_foresaw_is_wrong_and_not_our_fault():
    def reduce_on_plateau(losses, *, lr, factor, patience):
        rates, best, bad = [], math.inf, 0
        for loss in losses:
            rates.append(lr)
            bad = 0 if loss < best else bad + 1
            best = min(best, loss)
            if bad > patience:
                lr, bad = lr * factor**1.1, 0
        return rates

    assert check(reduce_on_plateau).status == "wrong"


# ---- what the conventions claim


def _from(name, part):
    exercise = index.exercise(name)
    return made(exercise.answer, part_of(exercise, part).change)


def test_the_conversions_are_exact():
    share, rise = _from("exponential_decay", "a_share_lost_at_each_step"), _from("warmup_cosine", "rise_from_zero")
    decay = 0.05
    for t in range(40):
        assert share(t, lr=0.4, decay=1 - math.exp(-decay)) == pytest.approx(
            exponential_decay(t, lr=0.4, decay=decay), rel=1e-12
        )
        assert share(t, lr=0.4, decay=decay) == pytest.approx(
            exponential_decay(t, lr=0.4, decay=-math.log(1 - decay)), rel=1e-12
        )
    for t in range(9):
        assert rise(t + 1, lr=0.4, warmup=10, total=30) == warmup_cosine(t, lr=0.4, warmup=10, total=30)


def test_the_threshold_is_torchs_default():
    losses = [1.0, 0.99999, 0.99998, 0.99997, 0.9, 0.9, 0.89999, 0.89998]
    ours = _from("reduce_on_plateau", "torch_s_threshold")(losses, lr=0.8, factor=0.5, patience=1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.8)
    scheduler, rates = TORCH.ReduceLROnPlateau(optimizer, factor=0.5, patience=1), []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    assert ours == rates
    assert ours != reduce_on_plateau(losses, lr=0.8, factor=0.5, patience=1)


# ---- the predictions


def test_the_floor_is_where_the_noise_and_the_pull_balance():
    for lr, floor in ((0.1, 0.02632), (0.01, 0.002513)):  # the variance after a step is that before it
        assert (1 - lr) ** 2 * 2 * floor + lr**2 == pytest.approx(2 * floor, rel=1e-3)


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["floor_at_a_tenth_of_the_rate"] == pytest.approx(0.02632 / 0.002513, rel=1e-3)
    assert answers["first_rate_of_a_warm_up"] == pytest.approx(0.05)
    assert answers["gone_after_a_tenth"] == pytest.approx(0.0245, abs=5e-5)
    assert answers["gamma_for_a_decay"] == pytest.approx(0.9512, abs=5e-5)
    assert answers["first_lower_epoch"] == 5
    torchs = _scheduler(lambda o: TORCH.CosineAnnealingLR(o, T_max=100), 151, 0.1)
    assert answers["torchs_cosine_past_its_end"] == pytest.approx(torchs[150]) == pytest.approx(0.05)
    assert (0.95**200, math.exp(-10)) == pytest.approx((3.5e-5, 4.54e-5), rel=0.01)
