"""Laws that tie Adam, Adam with a penalty, and AdamW together."""

from __future__ import annotations

import pytest
import torch

from coursekit.reference.adam import adam
from coursekit.reference.adamw import adam_l2, adamw
from tests.reference.rules_table import Problem, walk

HYPER = {"lr": 0.1, "beta1": 0.7, "beta2": 0.9, "eps": 0.03}


@pytest.mark.parametrize("rule", [adam_l2, adamw], ids=lambda rule: rule.__name__)
def test_without_decay_it_is_adam(rule):
    problem = Problem.draw(32)
    path, state = walk(rule, problem, **HYPER, weight_decay=0.0)
    expected, expected_state = walk(adam, problem, **HYPER)
    torch.testing.assert_close((path, tuple(state)), (expected, tuple(expected_state)), rtol=0, atol=0)


def test_the_penalty_is_adam_on_the_penalised_gradient():
    problem = Problem.draw(32)
    penalised = Problem(problem.start, problem.noise, problem.curvature + 0.3)
    path, _ = walk(adam_l2, problem, **HYPER, weight_decay=0.3)
    torch.testing.assert_close(path, walk(adam, penalised, **HYPER)[0], rtol=1e-10, atol=1e-13)


def test_the_decoupled_decay_comes_on_top_of_adams_step_and_is_not_remembered():
    problem = Problem.draw(32)
    path, state = walk(adam, problem, steps=3, **HYPER)
    param, grad = path[-1], problem.noise[3]
    decayed, decayed_state = adamw(param, grad, state, **HYPER, weight_decay=0.3)
    stepped, stepped_state = adam(param, grad, state, **HYPER)
    torch.testing.assert_close(decayed, stepped - 0.1 * 0.3 * param)
    torch.testing.assert_close(tuple(decayed_state), tuple(stepped_state), rtol=0, atol=0)


def test_without_gradients_adamw_shrinks_all_weights_by_one_share_and_the_penalty_does_not():
    start = torch.tensor([100.0, 1.0, -0.01], dtype=torch.float64)
    quiet = Problem(start, torch.zeros(20, 3, dtype=torch.float64), torch.zeros_like(start))
    path, _ = walk(adamw, quiet, lr=0.1, weight_decay=0.3)
    torch.testing.assert_close(path[-1], start * (1 - 0.1 * 0.3) ** 20)
    first, _ = walk(adam_l2, quiet, steps=1, lr=0.001, eps=0.0, weight_decay=0.3)
    torch.testing.assert_close(first[-1], start - 0.001 * start.sign())
