"""Schedules against torch's schedulers, and the laws they keep: where they start, join and end."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from coursekit.reference.schedules import (
    constant,
    cosine_decay,
    exponential_decay,
    one_cycle,
    reduce_on_plateau,
    step_decay,
    warmup_cosine,
)


def rates(scheduler, steps: int, lr: float = 0.3) -> list[float]:
    """The rates that a scheduler of torch gives at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    made, found = scheduler(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    return found


TWINS = {
    "constant": (lambda t: constant(t, lr=0.3), lambda o: lr_scheduler.ConstantLR(o, factor=1.0), 20),
    "step": (lambda t: step_decay(t, lr=0.3, drop=0.3, every=4), lambda o: lr_scheduler.StepLR(o, 4, 0.3), 20),
    "exponential": (
        lambda t: exponential_decay(t, lr=0.3, decay=0.1),
        lambda o: lr_scheduler.ExponentialLR(o, math.exp(-0.1)),
        20,
    ),
    "cosine": (
        lambda t: cosine_decay(t, lr=0.3, lr_min=0.02, total=15),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 15, 0.02),
        16,
    ),
    "warm-up and cosine": (
        lambda t: warmup_cosine(t, lr=0.3, warmup=5, total=15),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.LinearLR(o, 1 / 5, 1.0, 4), lr_scheduler.CosineAnnealingLR(o, 10)],
            [5],
        ),
        16,
    ),
    "one cycle": (
        lambda t: one_cycle(t, lr=0.3, total=40, pct_start=0.25, div_factor=10.0, final_div_factor=100.0),
        lambda o: lr_scheduler.OneCycleLR(
            o, 0.3, 40, pct_start=0.25, div_factor=10.0, final_div_factor=100.0, cycle_momentum=False
        ),
        40,
    ),
    "one cycle, torch's settings": (
        lambda t: one_cycle(t, lr=0.3, total=25),
        lambda o: lr_scheduler.OneCycleLR(o, 0.3, 25, cycle_momentum=False),
        25,
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", TWINS)
def test_against_torch(name):
    mine, theirs, steps = TWINS[name]
    assert [mine(t) for t in range(steps)] == pytest.approx(rates(theirs, steps), rel=1e-12, abs=1e-15)


def test_past_the_end_torch_rises_and_these_do_not():
    theirs = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 5), 12)
    assert theirs[10] > 0.25
    assert [cosine_decay(t, lr=0.3, lr_min=0.1, total=5) for t in (5, 6, 10)] == pytest.approx([0.1] * 3)
    assert [warmup_cosine(t, lr=0.3, warmup=2, total=5) for t in (5, 6, 10)] == pytest.approx([0.0] * 3)


def test_the_one_cycle_ends_where_it_says_and_stays():
    found = [one_cycle(t, lr=0.5, total=20) for t in range(25)]
    assert found[0] == pytest.approx(0.5 / 25) and max(found) == pytest.approx(0.5) == found[5]
    assert found[19:] == pytest.approx([0.5 / 25 / 1e4] * 6)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(0, 4), st.floats(0.1, 0.9))
def test_the_plateau_against_torch(losses, patience, factor):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience, threshold=0, eps=0)
    found = []
    for loss in losses:
        found.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    assert reduce_on_plateau(losses, lr=0.3, factor=factor, patience=patience) == pytest.approx(found, rel=1e-12)


def test_a_loss_that_is_not_a_number_is_bad():
    assert reduce_on_plateau([1.0, math.nan, math.nan, 0.5], lr=1.0, factor=0.5, patience=1) == [1.0, 1.0, 1.0, 0.5]


@given(st.integers(0, 20), st.integers(1, 30))
def test_warm_up_meets_the_cosine_at_the_highest_rate(warmup, more):
    total = warmup + more
    found = [warmup_cosine(t, lr=0.7, warmup=warmup, total=total) for t in range(total + 3)]
    assert found[warmup] == pytest.approx(0.7) and max(found) <= 0.7 + 1e-12
    assert found[0] > 0  # the first step moves
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(found[:warmup]))
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(found[warmup:]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: constant(-1, lr=0.1), "t must be a whole number"),
        (lambda: step_decay(1.5, lr=0.1, drop=0.5, every=2), "t must be a whole number"),
        (lambda: step_decay(1, lr=0.1, drop=0.5, every=0), "every must be a whole number, at least 1; got 0"),
        (lambda: exponential_decay(1, lr=0.1, decay=-1), "decay must be at least 0"),
        (lambda: cosine_decay(1, lr=-0.1, lr_min=0.0, total=3), "lr must be at least 0"),
        (lambda: warmup_cosine(1, lr=0.1, warmup=3, total=3), "warmup must be below total; got 3 and 3"),
        (lambda: one_cycle(1, lr=0.1, total=10, pct_start=1.0), "pct_start must be at least 0 and below 1; got 1.0"),
        (lambda: one_cycle(1, lr=0.1, total=10, pct_start=0.1), "must be longer than 1 step; got 1"),
        (lambda: one_cycle(1, lr=0.1, total=10, div_factor=0.5), "div_factor must be at least 1"),
        (lambda: one_cycle(1.5, lr=0.1, total=10), "t must be a whole number"),
        (lambda: reduce_on_plateau([1.0], lr=0.1, factor=1.0, patience=1), "factor must be at least 0 and below 1"),
        (lambda: reduce_on_plateau([1.0], lr=0.1, factor=0.5, patience=-1), "patience must be a whole number"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_losses_that_are_no_list():
    with pytest.raises(TypeError, match="losses must be a list of numbers, one per epoch; got float"):
        reduce_on_plateau(1.0, lr=0.1, factor=0.5, patience=1)
