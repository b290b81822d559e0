"""Laws of AdaGrad and RMSprop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference.adam import adam
from coursekit.reference.adaptive import adagrad, rmsprop
from tests.reference.rules_table import Problem, walk

GRAD = torch.tensor([2.0, -0.5, 1e-6], dtype=torch.float64)
ZERO = torch.zeros_like(GRAD)


def steps_under(rule, grads, **hyper):
    """The length and sign of each step under the given gradients."""
    param, state = torch.zeros_like(grads[0]), rule.init(grads[0])
    moves = []
    for grad in grads:
        new, state = rule(param, grad, state, **hyper)
        moves.append(new - param)
        param = new
    return moves


def test_adagrads_steps_under_one_gradient_shrink_with_the_root_of_t():
    for t, move in enumerate(steps_under(adagrad, [GRAD] * 9, lr=0.3, eps=0.0), start=1):
        torch.testing.assert_close(move, -0.3 / t**0.5 * GRAD.sign())


def test_adagrad_does_not_see_the_order_of_past_gradients():
    generator = torch.Generator().manual_seed(0)
    grads = list(torch.randn(6, 4, dtype=torch.float64, generator=generator))
    last = steps_under(adagrad, [*grads, torch.ones(4, dtype=torch.float64)])[-1]
    mixed = steps_under(adagrad, [*reversed(grads), torch.ones(4, dtype=torch.float64)])[-1]
    torch.testing.assert_close(mixed, last)


def test_rmsprop_without_memory_is_the_sign():
    for move in steps_under(rmsprop, [GRAD, 7 * GRAD, -GRAD / 3], lr=0.3, beta=0.0, eps=0.0):
        torch.testing.assert_close(move.abs(), torch.full_like(GRAD, 0.3))


def test_rmsprops_first_step_is_too_long_by_the_missing_correction():
    (move,) = steps_under(rmsprop, [GRAD], lr=0.3, beta=0.99, eps=0.0)
    torch.testing.assert_close(move, -0.3 / (1 - 0.99) ** 0.5 * GRAD.sign())


def test_rmsprop_is_adam_without_momentum_and_without_correction():
    problem = Problem.draw(16)
    param, state = problem.start, rmsprop.init(problem.start)
    other, adam_state = problem.start, adam.init(problem.start)
    for t in range(1, 11):
        grad = problem.noise[t] + 0.1
        param, state = rmsprop(param, grad, state, lr=0.1 * (1 - 0.9**t) ** 0.5, beta=0.9, eps=0.0)
        other, adam_state = adam(other, grad, adam_state, lr=0.1, beta1=0.0, beta2=0.9, eps=0.0)
    torch.testing.assert_close(param, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [adagrad, rmsprop], ids=lambda rule: rule.__name__)
@settings(max_examples=30)
@given(scale=st.floats(1e-6, 1e6))
def test_without_eps_the_size_of_the_gradients_does_not_matter(rule, scale):
    grads = [GRAD, -3 * GRAD, GRAD / 7]
    moves = steps_under(rule, [scale * grad for grad in grads], lr=0.1, eps=0.0)
    torch.testing.assert_close(moves, steps_under(rule, grads, lr=0.1, eps=0.0), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", [adagrad, rmsprop], ids=lambda rule: rule.__name__)
def test_a_coordinate_without_gradient_stays(rule):
    path, _ = walk(rule, Problem(GRAD, torch.zeros(20, 3, dtype=torch.float64), ZERO))
    torch.testing.assert_close(path[-1], GRAD, rtol=0, atol=0)
