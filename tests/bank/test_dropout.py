"""Chapter 11: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.judge import judge, prepare
from coursekit.probe.running import run
from coursekit.reference.dropout import dropout, dropout_mask
from tests.bank.judged import (
    assert_both_named,
    verdict_on_parts,
)

CHAPTER = index.chapter("11_dropout")
FORM, CHANCE, SHARE, ALONE = (law.id for law in index.exercise("dropout_mask").probe.laws)


def test_the_chapter_asks_what_it_should():
    assert [e.name for e in CHAPTER.exercises] == ["dropout_mask", "dropout", "dropout_backward"]
    assert all(len(e.slips) >= 6 and len(e.also_right) >= 2 for e in CHAPTER.exercises)
    assert len(CHAPTER.quizzes) >= 2


# ---- the mask: by its laws


def uniform(shape, generator):
    return torch.rand(shape, generator=generator)


def fixed_in_each_row(shape, p, generator):
    numbers, count = uniform(shape, generator), p * shape[-1]
    return numbers.argsort(-1) >= count if count.is_integer() else numbers >= p


def in_pairs(shape, p, generator):
    half = uniform((*shape[:-1], shape[-1] // 2 + 1), generator)
    return (half >= p).repeat_interleave(2, -1)[..., : shape[-1]]


def always_the_same(shape, p, generator):
    return torch.arange(math.prod(shape)).reshape(shape) % 10 >= 10 * p


def first_is_kept(shape, p, generator):
    mask = (uniform(shape, generator) >= p).float()
    mask[0] = 1
    return mask


def reseeded(shape, p, generator):
    generator.manual_seed(5)
    return uniform(shape, generator) >= p


CALLS = itertools.count()


def some_from_elsewhere(shape, p, generator):
    other = torch.Generator().manual_seed(next(CALLS))
    return (uniform(shape, generator) + uniform(shape, other)) % 1 >= p


@pytest.mark.parametrize(
    "wrong, law, words",
    [
        (lambda shape, p, generator: uniform(shape, generator) < p, SHARE, "That is p: a 1 stands for kept"),
        (lambda shape, p, generator: uniform(shape, generator) * 100 >= p, SHARE, "0.997 of 24,000 entries are 1"),
        (lambda shape, p, generator: uniform(shape, generator) >= p + 0.04, SHARE, "it should be 0.7"),
        (first_is_kept, SHARE, "at index 0 of dimension 0 1.000 of the entries are 1"),
        (lambda shape, p, generator: (uniform(shape, generator) >= p) * 2, FORM, "holds 2; only zeros and ones"),
        (lambda shape, p, generator: (uniform(shape, generator) < 1 - p) / (1 - p), FORM, "which is 1 / (1 - p)"),
        (lambda shape, p, generator: uniform(math.prod(shape), generator) >= p, FORM, "a tensor of shape (600,)"),
        (lambda shape, p, generator: (uniform(shape, generator) >= p).tolist(), FORM, "it returned a list of 20"),
        (lambda shape, p, generator: None, FORM, "it returned None"),
        (lambda shape, p, generator: torch.rand(tuple(shape)) >= p, CHANCE, "torch's global generator"),
        (always_the_same, CHANCE, "nothing was drawn from it"),
        (reseeded, CHANCE, "the same mask, as if they were seeded anew inside"),
        (some_from_elsewhere, CHANCE, "some of the chance comes from elsewhere"),
        (fixed_in_each_row, ALONE, "a fixed number is dropped"),
        (in_pairs, ALONE, "entries share their fate"),
    ],
)
def test_a_mask_that_breaks_a_law(wrong, law, words):
    verdict = check(wrong, "dropout_mask")
    assert (verdict.status, verdict.diagnosis) == ("wrong", law)
    assert words in verdict.message


@pytest.mark.parametrize(
    "right",
    [
        lambda shape, p, generator: torch.ones(shape) if p == 0 else uniform(shape, generator) > p,
        lambda shape, p, generator: (uniform(tuple(shape), generator) + 0.5 - p).round(),
        lambda shape, p, generator: 1 - torch.bernoulli(torch.full(shape, p, dtype=torch.float64), generator=generator),
        lambda shape, p, generator: torch.stack([uniform(shape, generator), uniform(shape, generator)])[1] < 1 - p,
    ],
)
def test_masks_of_any_make(right):
    assert check(right, "dropout_mask").status == "passed"


def test_right_masks_pass_on_many_seeds():
    for seed in range(10):
        prepared = prepare("dropout_mask", seed)
        for right in (dropout_mask, *index.exercise("dropout_mask").also_right[:2]):
            assert judge(prepared, run(right, prepared.cases, states=prepared.states)).passed


# ---- forward and back


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("dropout", "divided_by_p", "dropped_and_kept_exchanged"),
        ("dropout", "mask_not_used", "scaled_down_in_training"),
        ("dropout_backward", "sign_turned", "factor_forgotten"),
        ("dropout_backward", "factor_twice", "dropped_and_kept_exchanged"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def test_both_scales_at_once_is_the_notes_mistake():
    def both(h, mask, *, p, training):
        gamma = 1 / (1 - p)
        return gamma * mask * h if training else (1 - p) * h

    verdict = check(both, "dropout")
    assert (verdict.status, verdict.diagnosis) == ("wrong", "scaled_in_training_and_at_test")


def test_the_first_form_earns_half_and_converts():
    verdict = verdict_on_parts("dropout", "scaled_at_test")
    assert (verdict.status, verdict.points) == ("convention", 1)
    h, mask = torch.tensor([0.5, -2.0]), torch.tensor([1.0, 0.0])
    for training, first_form in ((True, h * mask), (False, h * (1 - 0.2))):
        torch.testing.assert_close(first_form / (1 - 0.2), dropout(h, mask, p=0.2, training=training))


@pytest.mark.parametrize(
    "name, library",
    [
        ("dropout_mask", lambda shape, p, generator: F.dropout(torch.ones(tuple(shape)), p)),
        ("dropout", lambda h, mask, *, p, training: F.dropout(h, p, training)),
        ("dropout", lambda h, mask, *, p, training: torch.nn.Dropout(p).train(training)(h)),
        ("dropout", lambda h, mask, *, p, training: torch.native_dropout(h, p, training)[0]),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


def test_a_mask_drawn_inside_is_wrong():
    def own(h, mask, *, p, training):
        return h * (torch.rand(h.shape) >= p) / (1 - p) if training else h

    assert check(own, "dropout").status == "wrong"


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["what_a_kept_activation_becomes"] == pytest.approx(2 / 0.4)
    assert answers["scaled_twice"] == pytest.approx(0.7)
    assert answers["spread_of_an_activation"] == pytest.approx(math.sqrt(0.8 / 0.2))
    assert answers["number_of_networks"] == len(list(itertools.product((0, 1), repeat=10)))


def test_the_spread_is_what_is_drawn():
    mask = dropout_mask((200_000,), 0.8, torch.Generator().manual_seed(0))
    drawn = dropout(torch.ones(200_000), mask, p=0.8, training=True)
    assert float(drawn.std()) == pytest.approx(2, rel=0.02)
