"""Chapter 08: every mistake is caught and named as itself, right answers pass however written, predictions hold."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.reference.adam import adam
from tests.bank.judged import assert_both_named, verdict_on_parts

CHAPTER = index.chapter("08_adam")

# Two mistakes that one person makes at once.
PAIRS = (
    ("m_not_corrected", "sign_turned"),
    ("no_bias_correction", "root_forgotten"),
    ("no_bias_correction", "1_beta2_forgotten"),
    ("no_bias_correction", "eps_inside_the_root"),
    ("t_from_0", "beta1_and_beta2_exchanged"),
    ("t_not_handed_on", "eps_forgotten"),
    ("corrected_means_stored", "parentheses_around_the_denominator"),
    ("corrected_m_stored", "v_averaged_with_beta1"),
    ("correction_with_beta_t", "1_beta1_forgotten"),
    ("1_beta1_forgotten", "1_beta2_forgotten"),
    ("old_state_returned", "lr_forgotten"),
    ("v_corrected_with_beta1", "eps_forgotten"),
    ("weights_of_m_exchanged", "weights_of_v_exchanged"),
    ("m_averaged_with_beta2", "gradient_not_squared"),
)


@pytest.mark.parametrize("first, second", PAIRS)
def test_two_mistakes_at_once_are_both_named(first, second):
    assert_both_named("adam", first, second)


def test_there_are_mistakes_enough():
    counts = {e.name: len(e.slips) for e in CHAPTER.exercises}
    assert counts["update_moments"] >= 6 and counts["bias_correction"] >= 6 and counts["adam"] >= 14


def test_the_message_says_what_the_numbers_are():
    """In the first case m without its correction is 1 - beta1 = 0.3 of what it should be."""
    verdict = verdict_on_parts("adam", "m_not_corrected")
    assert "at step 1 you move 0.3 times as far" in verdict.message
    assert verdict.hint == 2


def test_a_library_that_is_the_answer_is_refused():
    def delegated(param, grad, state, *, lr, beta1, beta2, eps):
        weight = torch.nn.Parameter(param)
        weight.grad = grad
        torch.optim.Adam([weight], lr=lr, betas=(beta1, beta2), eps=eps).step()
        return weight.detach(), (state.m, state.v, state.t + 1)

    assert check(delegated, "adam").status == "refused"
    assert check(adam).status == "refused"


@pytest.mark.parametrize(
    "function, words",
    [
        (lambda param, grad, state, *, lr, beta1, beta2, eps: param - lr * grad, "wanted (param, state)"),
        (lambda param, grad, state, *, lr, beta1, beta2, eps: (param, state[:2]), "wanted (m, v, t)"),
        (lambda param, grad, state, *, lr, beta1, beta2, eps: None, "None"),
    ],
)
def test_what_cannot_be_an_answer_is_said_in_words(function, words):
    verdict = check(function, "adam")
    assert verdict.status == "wrong" and words in verdict.message


# ---- what the conventions claim


def denominators(v, eps, t=1, beta2=0.96):
    """Adam's own, with eps under the root, and in the short form of section 2; from the corrected v."""
    root = math.sqrt(1 - beta2**t)
    return math.sqrt(v) + eps, math.sqrt(v + eps), (math.sqrt(v) * root + eps) / root


@pytest.mark.parametrize("v", [0.0, 1e-6, 1e-4, 1e-2, 1.0])
def test_eps_squared_under_the_root_is_near_eps_beside_it(v):
    outside, inside = denominators(v, 1e-2)[0], denominators(v, 1e-2**2)[1]
    assert 1 <= outside / inside <= math.sqrt(2) + 1e-12
    assert outside / inside == pytest.approx(1) if v == 0 else outside / inside > 1


def test_eps_hat_is_a_larger_eps_at_first():
    short = denominators(1e-4, 1e-2)[2]
    assert short == pytest.approx(denominators(1e-4, 1e-2 / math.sqrt(1 - 0.96))[0])


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["first_step_without_correction"] == pytest.approx(0.1 / math.sqrt(0.001))
    assert answers["first_step_length"] == pytest.approx(0.01)
    assert answers["eps_as_large_as_the_gradient"] == pytest.approx(0.005)


def test_after_a_spike_the_steps_are_short_for_about_a_thousand_steps():
    grads = torch.ones(20_000, dtype=torch.float64)
    grads[10_000] = 100
    param, short = torch.zeros((), dtype=torch.float64), 0
    state = adam.init(param)
    for grad in grads:
        new, state = adam(param, grad, state, lr=1.0)
        short += bool((param - new).abs() < 0.5)
        param = new
    assert 800 < short < 1300


def test_a_loss_times_1000_leaves_the_path_where_it_was():
    grads = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = []
    for factor in (1, 1000):
        param = torch.zeros(3, dtype=torch.float64)
        state = adam.init(param)
        for grad in grads:
            param, state = adam(param, factor * grad, state, eps=0.0)
        ends.append(param)
    torch.testing.assert_close(*ends, rtol=1e-12, atol=0)
