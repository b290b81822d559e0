"""Chapter 10: every mistake is named as itself, right answers pass, conversions and predictions hold."""

from __future__ import annotations

import pytest
import torch

from coursekit.bank import index
from coursekit.bank.slips.adamw import AGAIN, OF_ADAM
from coursekit.judging.check import check
from coursekit.judging.source import made
from coursekit.reference.adam import AdamState
from coursekit.reference.adamw import adam_l2, adamw
from tests.bank.judged import (
    assert_both_named,
    part_of,
    verdict_on_parts,
    walk,
)

CHAPTER = index.chapter("10_adamw")
HYPER = {"lr": 0.1, "beta1": 0.7, "beta2": 0.96, "eps": 0.03, "weight_decay": 0.35}
GRADS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
START = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
NAN = {"t_from_0", "t_not_advanced"}  # these do give NaN, and their words say so


@pytest.mark.parametrize("part", sorted(NAN))
@pytest.mark.parametrize("name", ["adam_l2", "adamw"])
def test_mistakes_that_divide_by_zero_say_what_came(name, part):
    verdict = verdict_on_parts(name, part)
    assert verdict.diagnosis == part and "you get nan" in verdict.message


def test_the_mistakes_of_adam_are_all_found():
    assert {slip.id for slip in OF_ADAM} == AGAIN


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("adam_l2", "decoupled_adamw", "no_bias_correction"),
        ("adam_l2", "sign_of_the_decay_turned", "eps_forgotten"),
        ("adam_l2", "penalty_without_the_half", "t_always_1"),
        ("adamw", "decay_in_the_gradient_l2", "m_not_corrected"),
        ("adamw", "decay_after_the_step", "decay_without_lr"),
        ("adamw", "decay_without_lr", "lr_forgotten"),
        ("adamw", "twice_the_decay", "eps_inside_the_root"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


@pytest.mark.parametrize("name, library", [("adam_l2", "Adam"), ("adamw", "AdamW")])
def test_a_library_that_is_the_answer_is_refused(name, library):
    def delegated(param, grad, state, *, lr, beta1, beta2, eps, weight_decay):
        weight = torch.nn.Parameter(param)
        weight.grad = grad
        chosen = getattr(torch.optim, library)
        chosen([weight], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay).step()
        return weight.detach(), (state.m, state.v, state.t + 1)

    assert check(delegated, name).status == "refused"
    assert check(index.exercise(name).answer).status == "refused"


# ---- what the words claim


def form(name, part):
    answer = index.exercise(name).answer
    function = made(answer, part_of(index.exercise(name), part).change)
    function.State = AdamState
    return function


def same(name, part, changed, other=None):
    """An exercise's form walks the path of the rule itself (or of another) at changed hyperparameters."""
    wanted = walk(other or index.exercise(name).answer, GRADS, HYPER | changed, START)
    torch.testing.assert_close(walk(form(name, part), GRADS, HYPER, START), wanted, rtol=1e-12, atol=1e-13)


def test_what_converts_exactly():
    lr, decay = HYPER["lr"], HYPER["weight_decay"]
    same("adam_l2", "penalty_without_the_half", {"weight_decay": 2 * decay})
    left = 1 - lr * decay
    same("adamw", "decay_after_the_step", {"lr": lr * left, "weight_decay": decay / left})
    same("adamw", "decay_without_lr", {"weight_decay": decay / lr})
    same("adamw", "twice_the_decay", {"weight_decay": 2 * decay})


def test_each_of_the_two_is_a_mistake_in_the_other():
    same("adamw", "decay_in_the_gradient_l2", {}, adam_l2)
    same("adam_l2", "decoupled_adamw", {}, adamw)


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["first_step_of_decay_through_adam"] == pytest.approx(1 - 0.1, abs=1e-6)
    assert answers["left_after_a_thousand_steps"] == pytest.approx((1 - 0.01 * 0.1) ** 1000)
    assert answers["torchs_number_for_lam"] == pytest.approx(0.02)
    assert answers["decay_without_the_rate"] == pytest.approx(1000)


def test_loud_gradients_keep_the_decay_of_adam_l2_away_and_not_that_of_adamw():
    grads = torch.tensor([[10.0, 0.1], [-10.0, -0.1]], dtype=torch.float64).repeat(200, 1)
    hyper = {"lr": 0.01, "beta2": 0.99, "weight_decay": 0.1}
    ends = [walk(rule, grads, hyper, torch.ones(2, dtype=torch.float64))[-1] for rule in (adam_l2, adamw)]
    assert ends[0][0] > 0.9 and ends[0][1] < 0.1
    torch.testing.assert_close(ends[1][0], ends[1][1], rtol=1e-6, atol=0)
