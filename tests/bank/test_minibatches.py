"""Chapter 04: every mistake is caught and named as itself, right answers pass, the predictions hold."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
import torch.nn.functional as F

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.judge import judge, prepare
from coursekit.judging.source import made
from coursekit.probe.running import run
from coursekit.reference.minibatches import gradient_noise_scale, minibatch_gradient
from tests.bank.judged import (
    assert_both_named,
    part_of,
)

CHAPTER = index.chapter("04_minibatches")
FORM, ONCE, SIZES, CHANCE, ORDER, COMPANY = (law.id for law in index.exercise("minibatches").probe.laws)
DOUBLE, SCALE = torch.float64, "gradient_noise_scale"


def test_the_chapter_asks_what_it_should():
    names = ["minibatches", "minibatch_gradient", "gradient_noise_scale"]
    assert [e.name for e in CHAPTER.exercises] == names
    assert all(len(e.slips) >= 12 and len(e.also_right) >= 2 for e in CHAPTER.exercises)
    assert len(CHAPTER.quizzes) >= 2


# ---- the batches: by their laws


def shuffled(n, generator):
    return torch.randperm(n, generator=generator)


def sorted_inside(n, batch_size, generator):
    return [batch.sort().values for batch in shuffled(n, generator).split(batch_size)]


def drawn_only_where_it_matters(n, batch_size, generator):
    if n <= batch_size:
        yield torch.arange(n)
    else:
        yield from shuffled(n, generator).split(batch_size)


def by_weights(n, batch_size, generator):
    order = torch.multinomial(torch.ones(n), n, generator=generator)
    return map(torch.tensor, [order.tolist()[k : k + batch_size] for k in range(0, n, batch_size)])


@pytest.mark.parametrize("right", [sorted_inside, drawn_only_where_it_matters, by_weights])
def test_epochs_of_any_make(right):
    for seed in range(3):
        prepared = prepare("minibatches", seed)
        assert judge(prepared, run(right, prepared.cases, states=prepared.states)).passed


def naive_shuffle(n, batch_size, generator):
    order = list(range(n))
    for i in range(n):
        j = int(torch.randint(n, (1,), generator=generator))
        order[i], order[j] = order[j], order[i]
    return torch.tensor(order).split(batch_size)


def never_in_its_place(n, batch_size, generator):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i, (1,), generator=generator))
        order[i], order[j] = order[j], order[i]
    return torch.tensor(order).split(batch_size)


def halves_kept_apart(n, batch_size, generator):
    if n != 12:
        return shuffled(n, generator).split(batch_size)
    first, second = shuffled(6, generator), 6 + shuffled(6, generator)
    return torch.cat([first, second] if torch.rand((), generator=generator) < 0.5 else [second, first]).split(
        batch_size
    )


def first_row_first(n, batch_size, generator):
    if n != 12:
        return shuffled(n, generator).split(batch_size)
    return torch.cat([torch.tensor([0]), 1 + shuffled(n - 1, generator)]).split(batch_size)


def without_the_last(n, batch_size, generator):
    return shuffled(n - 1, generator).split(batch_size) if n > 1 else [torch.tensor([0])]


def with_an_empty_one(n, batch_size, generator):
    return [*shuffled(n, generator).split(batch_size), torch.empty(0, dtype=torch.int64)]


def small_one_first(n, batch_size, generator):
    return shuffled(n, generator).split(batch_size)[::-1]


def seeded_as_it_was(n, batch_size, generator):
    generator.manual_seed(generator.initial_seed())
    return shuffled(n, generator).split(batch_size)


def by_pythons_random(n, batch_size, generator):
    return torch.tensor(random.sample(range(n), n)).split(batch_size)


CALLS = itertools.count()


def some_from_elsewhere(n, batch_size, generator):
    order = shuffled(n, generator)[shuffled(n, torch.Generator().manual_seed(next(CALLS)))]
    return order.split(batch_size)


@pytest.mark.parametrize(
    "wrong, law, words",
    [
        (lambda n, batch_size, generator: None, FORM, "it gave None (is there a return?), wanted one batch after"),
        (lambda n, batch_size, generator: shuffled(n, generator), FORM, "it gave a tensor of shape (11,)"),
        (lambda n, batch_size, generator: shuffled(n, generator).int().split(batch_size), FORM, "dtype torch.int32"),
        (lambda n, batch_size, generator: shuffled(n, generator)[:, None].split(batch_size), FORM, "of shape (4, 1)"),
        (lambda n, batch_size, generator: itertools.repeat(shuffled(n, generator)), FORM, "does it come to an end"),
        (lambda n, batch_size, generator: [], ONCE, "11 of 11 rows did not come"),
        (without_the_last, ONCE, "row 10 did not come in the epoch"),
        (lambda n, batch_size, generator: (shuffled(n, generator) - 1).split(batch_size), ONCE, "row -1 came"),
        (with_an_empty_one, SIZES, "the batches had 4, 4, 3 and 0 rows, wanted 4, 4 and 3"),
        (small_one_first, SIZES, "the batches had 3, 4 and 4 rows"),
        (lambda n, batch_size, generator: torch.randperm(n).split(batch_size), CHANCE, "torch's global generator"),
        (by_pythons_random, CHANCE, "nothing was drawn from it"),
        (seeded_as_it_was, CHANCE, "a second epoch with the same generator had the order of the first"),
        (some_from_elsewhere, CHANCE, "some of the chance comes from elsewhere"),
        (naive_shuffle, ORDER, "some orders come more often than others"),
        (never_in_its_place, ORDER, "and another 0 times"),
        (first_row_first, COMPANY, "row 0 was in batch 1 in 100% of the epochs; by chance it is 25%"),
        (halves_kept_apart, COMPANY, "of the epochs; by chance it is 18%"),
    ],
)
def test_epochs_that_break_a_law(wrong, law, words):
    verdict = check(wrong, "minibatches")
    assert (verdict.status, verdict.diagnosis) == ("wrong", law)
    assert words in verdict.message


def test_right_batches_pass_on_many_seeds():
    exercise = index.exercise("minibatches")
    for seed in range(5):
        prepared = prepare(exercise, seed)
        for right in (exercise.answer, *exercise.also_right[:2]):
            assert judge(prepared, run(right, prepared.cases, states=prepared.states)).passed


def test_what_goes_wrong_while_batches_are_dealt_is_the_learners_line():
    def late(n, batch_size, generator):
        yield shuffled(n, generator)[:batch_size]
        raise IndexError("beyond the end")

    verdict = check(late, "minibatches")
    assert verdict.status == "error" and "beyond the end" in verdict.message and "raise" in verdict.text


# ---- the gradient and the noise


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("minibatch_gradient", "sign_turned", "divided_by_all_rows"),
        ("minibatch_gradient", "first_rows", "of_the_sum"),
        ("gradient_noise_scale", "mean_not_taken_off", "not_divided"),
        ("gradient_noise_scale", "n_for_n_1", "length_not_squared"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def test_a_number_of_plain_python_is_no_tensor():
    def as_float(per_example_grads):
        return float(per_example_grads.var(0).sum() / per_example_grads.mean(0).square().sum())

    verdict = check(as_float, SCALE)
    assert (verdict.status, verdict.diagnosis) == ("wrong", "another_type_returned")


def by_autograd(w, X, y, index):
    with torch.enable_grad():
        w = w.clone().requires_grad_()
        return torch.autograd.grad(((X[index] @ w - y[index]) ** 2).mean(), w)[0]


@pytest.mark.parametrize(
    "name, library",
    [
        ("minibatches", lambda n, b, g: torch.utils.data.DataLoader(torch.arange(n), b, shuffle=True, generator=g)),
        ("minibatches", lambda n, b, g: map(torch.tensor, torch.utils.data.BatchSampler(shuffled(n, g), b, False))),
        ("minibatch_gradient", by_autograd),
        ("minibatch_gradient", lambda w, X, y, i: torch.func.grad(lambda v: F.mse_loss(X[i] @ v, y[i]))(w)),
        ("minibatch_gradient", minibatch_gradient),
    ],
)
def test_a_library_that_is_the_answer_is_refused(name, library):
    assert check(library, name).status == "refused"


# ---- what the conventions claim


def converted(name, part):
    exercise = index.exercise(name)
    return made(exercise.answer, part_of(exercise, part).change)


def test_the_conversions_of_the_gradient_are_exact():
    generator = torch.Generator().manual_seed(0)
    w, X, y = (torch.randn(shape, generator=generator, dtype=DOUBLE) for shape in ((3,), (5, 3), (5,)))
    rows = torch.tensor([4, 0, 4])
    right = minibatch_gradient(w, X, y, rows)
    factors = {
        "of_half_the_mean": 2,
        "of_the_sum": 1 / 3,
        "of_half_the_sum": 2 / 3,
        "an_estimate_of_the_sum_over_all_rows": 1 / 5,
    }
    for part, factor in factors.items():
        torch.testing.assert_close(factor * converted("minibatch_gradient", part)(w, X, y, rows), right)


def test_the_conversions_of_the_noise_scale_are_exact():
    grads = 1 + torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    right = gradient_noise_scale(grads)
    torch.testing.assert_close(converted(SCALE, "n_for_n_1")(grads) * 7 / 6, right)
    b = converted(SCALE, "of_a_sample_of_many_more")(grads)
    torch.testing.assert_close(b / (1 + b / 7), right)


# ---- the predictions
