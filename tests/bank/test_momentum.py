"""Chapter 06: every mistake is named as itself, right answers pass, conversions and predictions hold."""

from __future__ import annotations

import pytest
import torch

from coursekit.bank import index
from coursekit.judging.check import check
from coursekit.judging.source import made
from coursekit.reference.momentum import MomentumState, heavy_ball, momentum, nesterov
from tests.bank.judged import (
    assert_both_named,
    part_of,
    walk,
)

CHAPTER = index.chapter("06_momentum")
LR, BETA = 0.2, 0.7
HYPER = {"lr": LR, "beta": BETA}
GRADS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
START = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("momentum", "sign_turned", "weights_exchanged"),
        ("momentum", "lr_forgotten", "old_v_not_damped"),
        ("momentum", "summed_heavy_ball", "old_state_returned"),
        ("heavy_ball", "sign_turned", "beta_before_the_gradient"),
        ("heavy_ball", "dampening_after_the_first_step", "gradient_added_to_the_step"),
        ("nesterov", "no_look_ahead_heavy_ball", "old_v_not_damped"),
        ("nesterov", "look_ahead_behind", "lr_forgotten"),
        ("momentum_to_torch", "1_beta_for_the_momentum", "lr_unchanged"),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, first, second):
    assert_both_named(name, first, second)


def dampened(param, grad, state, *, lr, beta):
    v = grad if torch.all(state.v == 0) else beta * state.v + (1 - beta) * grad
    return param - lr * v, (v,)


def late(param, grad, state, *, lr, beta):
    moved = param - lr * state.v
    return moved, (beta * state.v + (1 - beta) * grad,)


def coasting(param, grad_fn, state, *, lr, beta):
    grad = grad_fn(param)
    v = beta * state.v + grad
    return param - lr * (grad + beta * state.v), (v,)


def sutskever(param, grad_fn, state, *, lr, beta):
    u = beta * state.v - lr * grad_fn(param + beta * state.v)
    return param + u, (u,)


@pytest.mark.parametrize(
    "function, name, diagnosis",
    [
        (dampened, "momentum", "first_gradient_whole_dampening"),
        (late, "momentum", "old_v_in_the_step"),
        (coasting, "nesterov", "no_look_ahead_heavy_ball"),
        (sutskever, "nesterov", "velocity_form"),
    ],
)
def test_mistakes_are_known_however_they_are_written(function, name, diagnosis):
    assert check(function, name).diagnosis == diagnosis


@pytest.mark.parametrize("name", ["momentum", "heavy_ball", "nesterov"])
def test_a_library_that_is_the_answer_is_refused(name):
    def delegated(param, grad, state, *, lr, beta):
        weight = torch.nn.Parameter(param)
        weight.grad = grad(param) if callable(grad) else grad
        torch.optim.SGD([weight], lr=lr, momentum=beta).step()
        return weight.detach(), state

    assert check(delegated, name).status == "refused"
    assert check(index.exercise(name).answer).status == "refused"


# ---- what the conventions claim


def form(name, part):
    """An exercise's answer in another form, which knows its state."""
    answer = index.exercise(name).answer
    function = made(answer, part_of(index.exercise(name), part).change)
    function.State = MomentumState
    return function


def torch_path(**hyper):
    weight = torch.nn.Parameter(START.clone())
    sgd, path = torch.optim.SGD([weight], **hyper), [START]
    for grad in GRADS:
        weight.grad = grad
        sgd.step()
        path.append(weight.detach().clone())
    return torch.stack(path)


def same(a, b):
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_the_sum_at_a_smaller_rate_is_the_mean_and_the_other_way_round():
    mean = walk(momentum, GRADS, HYPER, START)
    same(walk(form("momentum", "summed_heavy_ball"), GRADS, {"lr": LR * (1 - BETA), "beta": BETA}, START), mean)
    same(torch_path(lr=LR * (1 - BETA), momentum=BETA), mean)
    larger = {"lr": LR / (1 - BETA), "beta": BETA}
    same(walk(form("heavy_ball", "averaged"), GRADS, larger, START), walk(heavy_ball, GRADS, HYPER, START))


@pytest.mark.parametrize("name, part", [(e.name, c.id) for e in CHAPTER.exercises[:2] for c in e.conventions])
def test_other_forms_walk_the_same_path_at_a_constant_rate(name, part):
    other = {"summed_heavy_ball": 1 - BETA, "averaged": 1 / (1 - BETA)}
    rate = LR * next((factor for start, factor in other.items() if part.startswith(start)), 1.0)
    wanted = walk(index.exercise(name).answer, GRADS, HYPER, START)
    same(walk(form(name, part), GRADS, {"lr": rate, "beta": BETA}, START), wanted)


@pytest.mark.parametrize("part", ["velocity_form", "lr_inside_v"])
def test_under_a_schedule_beta_is_replaced(part):
    rates = [0.2, 0.2, 0.1, 0.1, 0.4, 0.05]
    mine, theirs, plain = (START, (0 * START,)), (START, (0 * START,)), (START, (0 * START,))
    for grad, before, now in zip(GRADS, rates[:1] + rates, rates, strict=False):
        mine = heavy_ball(mine[0], grad, mine[1], lr=now, beta=BETA)
        theirs = form("heavy_ball", part)(theirs[0], grad, theirs[1], lr=now, beta=BETA * now / before)
        plain = form("heavy_ball", part)(plain[0], grad, plain[1], lr=now, beta=BETA)
    same(theirs[0], mine[0])
    assert not torch.allclose(plain[0], mine[0])


def slope(point):
    return torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64) * point


@pytest.mark.parametrize(
    "part, ahead",
    [
        ("torch_s_form", lambda v: LR * BETA * v),
        ("torch_s_form_with_lr_inside_v", lambda v: BETA * v),
        ("keras_s_form", lambda v: -BETA * v),
    ],
)
def test_nesterov_seen_from_the_point_ahead(part, ahead):
    weight = torch.nn.Parameter(START.clone())
    sgd = torch.optim.SGD([weight], lr=LR, momentum=BETA, nesterov=True)
    looking, other = (START, (0 * START,)), (START, (0 * START,))
    for _ in range(12):
        looking = nesterov(looking[0], slope, looking[1], **HYPER)
        other = form("nesterov", part)(other[0], slope, other[1], **HYPER)
        weight.grad = slope(weight.detach())
        sgd.step()
        same(other[0] + ahead(other[1][0]), looking[0])
        same(other[0], weight.detach())


@pytest.mark.parametrize("part, rate", [("velocity_form", LR), ("lr_inside_v", LR), ("averaged", LR / (1 - BETA))])
def test_other_forms_of_looking_ahead_walk_the_same_path(part, rate):
    looking, other = (START, (0 * START,)), (START, (0 * START,))
    for _ in range(12):
        looking = nesterov(looking[0], slope, looking[1], **HYPER)
        other = form("nesterov", part)(other[0], slope, other[1], lr=rate, beta=BETA)
        same(other[0], looking[0])


def test_the_first_gradient_whole_is_torchs_dampening():
    for name, part in (
        ("momentum", "first_gradient_whole_dampening"),
        ("heavy_ball", "dampening_after_the_first_step"),
    ):
        dampened = torch_path(lr=LR, momentum=BETA, dampening=BETA)
        same(walk(form(name, part), GRADS, HYPER, START), dampened)


# ---- the predictions


def test_the_numbers_of_the_predictions():
    answers = {quiz.name: quiz.answer() for quiz in CHAPTER.quizzes}
    assert answers["first_step_of_momentum"] == pytest.approx(0.01)
    assert answers["speed_of_the_heavy_ball"] == pytest.approx(0.1 / (1 - 0.9))
    assert answers["dampening_for_averaging"] == pytest.approx(10)
    assert answers["largest_rate_with_momentum"] == pytest.approx(2 * 1.9 / 25, rel=5e-3)


def test_a_velocity_keeps_the_old_rate_for_about_nine_steps_worth():
    velocity, one = form("heavy_ball", "velocity_form"), torch.ones(1, dtype=torch.float64)
    runs = {}
    for name, rule in (("velocity", velocity), ("sum", heavy_ball)):
        param, state = 0 * one, (0 * one,)
        for _ in range(300):
            param, state = rule(param, one, state, lr=0.1, beta=0.9)
        runs[name] = float(param - rule(param, one, state, lr=0.01, beta=0.9)[0])
    assert runs["velocity"] / runs["sum"] == pytest.approx(9.1)
