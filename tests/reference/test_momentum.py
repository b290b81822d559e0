"""Laws of momentum: the three forms, gradient descent, and torch's form, tied together."""

from __future__ import annotations

import pytest
import torch

from coursekit.reference.gradient_descent import gradient_descent
from coursekit.reference.momentum import MomentumState, heavy_ball, momentum, momentum_to_torch, nesterov
from tests.reference.rules_table import Problem, walk

RULES = (momentum, heavy_ball, nesterov)


def constant(rule, grad, steps, **hyper):
    """Parameter and memory after some steps from zero under one gradient."""
    param = torch.zeros_like(grad)
    state = rule.init(param)
    for _ in range(steps):
        param, state = rule(param, (lambda point: grad) if rule.takes_grad_fn else grad, state, **hyper)
    return param, state.v


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_without_memory_it_is_gradient_descent(rule):
    problem = Problem.draw(32)
    path, _ = walk(rule, problem, lr=0.3, beta=0.0)
    torch.testing.assert_close(path, walk(gradient_descent, problem, lr=0.3)[0], rtol=0, atol=0)


def test_the_average_is_the_sum_at_a_smaller_rate():
    problem = Problem.draw(32, start="zero")
    averaged, averaged_state = walk(momentum, problem, lr=0.5, beta=0.75)
    summed, summed_state = walk(heavy_ball, problem, lr=0.125, beta=0.75)
    torch.testing.assert_close(averaged, summed, rtol=1e-11, atol=1e-14)
    torch.testing.assert_close(averaged_state.v, 0.25 * summed_state.v, rtol=1e-11, atol=1e-14)


def test_a_constant_gradient_fills_the_average_and_multiplies_the_sum():
    grad = torch.tensor([2.0, -0.5], dtype=torch.float64)
    for steps in (1, 2, 7):
        share = 1 - 0.9**steps
        torch.testing.assert_close(constant(momentum, grad, steps, beta=0.9)[1], share * grad)
        torch.testing.assert_close(constant(heavy_ball, grad, steps, beta=0.9)[1], share / 0.1 * grad)


def test_looking_ahead_sees_nothing_new_where_the_gradient_is_the_same_everywhere():
    grad = torch.tensor([2.0, -0.5], dtype=torch.float64)
    ahead, here = (constant(rule, grad, 5, lr=0.1, beta=0.8) for rule in (nesterov, heavy_ball))
    torch.testing.assert_close(ahead, here, rtol=0, atol=0)


def test_nesterov_asks_once_and_ahead():
    asked = []

    def grad_fn(point):
        asked.append(point)
        return 2 * point

    nesterov(torch.tensor([1.0]), grad_fn, MomentumState(torch.tensor([4.0])), lr=0.125, beta=0.5)
    assert len(asked) == 1
    torch.testing.assert_close(asked[0], torch.tensor([0.75]))


def test_dampening_is_not_the_average():
    """The trap of the convention box: torch leaves the dampening out of its first step."""
    param = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    param.grad = torch.ones_like(param)
    torch.optim.SGD([param], lr=0.1, momentum=0.9, dampening=0.9).step()
    first, _ = constant(momentum, torch.ones(1, dtype=torch.float64), 1, lr=0.1, beta=0.9)
    torch.testing.assert_close(param.detach(), first / (1 - 0.9))


def test_momentum_to_torch_walks_the_same_path():
    problem = Problem.draw(16, start="zero")
    lr, mu = momentum_to_torch(0.1, 0.7)
    param = torch.nn.Parameter(problem.start.clone())
    optimizer = torch.optim.SGD([param], lr=lr, momentum=mu)
    for step in range(20):
        param.grad = problem.gradient(step, param.detach())
        optimizer.step()
    torch.testing.assert_close(param.detach(), walk(momentum, problem, lr=0.1, beta=0.7)[0][-1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("lr", "beta", "message"), [(-1.0, 0.5, "lr .*; got -1.0"), (1.0, 1.0, "beta .*; got 1.0")])
def test_momentum_to_torch_refuses_what_momentum_refuses(lr, beta, message):
    with pytest.raises(ValueError, match=f"momentum_to_torch: {message}"):
        momentum_to_torch(lr, beta)


def test_the_velocity_form_needs_another_mu_under_a_schedule():
    """u = mu u - lr g has heavy_ball's path at a changing rate when mu is beta times the ratio of the rates."""
    generator = torch.Generator().manual_seed(0)
    param, state = torch.zeros(3, dtype=torch.float64), MomentumState(torch.zeros(3, dtype=torch.float64))
    other, velocity, before = param, param, 0.1
    for step in range(10):
        grad = torch.randn(3, dtype=torch.float64, generator=generator)
        lr = 0.1 / (1 + step)
        param, state = heavy_ball(param, grad, state, lr=lr, beta=0.9)
        velocity = 0.9 * lr / before * velocity - lr * grad
        other, before = other + velocity, lr
    torch.testing.assert_close(other, param)
