"""Laws of Adam and of its two parts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference.adam import AdamState, adam, bias_correction, update_moments
from tests.reference.rules_table import Problem, walk

betas = st.floats(0, 0.999)


@settings(max_examples=50)
@given(lr=st.floats(1e-4, 10), beta1=betas, beta2=betas, scale=st.floats(1e-8, 1e8))
def test_the_first_step_is_the_rate_long_whatever_the_gradient(lr, beta1, beta2, scale):
    grad = scale * torch.tensor([3.0, -0.25, 1.0], dtype=torch.float64)
    param = torch.zeros_like(grad)
    moved, _ = adam(param, grad, adam.init(param), lr=lr, beta1=beta1, beta2=beta2, eps=0.0)
    torch.testing.assert_close(moved, -lr * grad.sign(), rtol=1e-10, atol=0)


@settings(max_examples=30)
@given(scale=st.floats(1e-6, 1e6))
def test_without_eps_the_size_of_the_gradients_does_not_matter(scale):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20, 8, dtype=torch.float64, generator=generator)
    zero = torch.zeros(8, dtype=torch.float64)
    paths = [walk(adam, Problem(zero, size * noise, zero), lr=0.1, eps=0.0)[0] for size in (1.0, scale)]
    torch.testing.assert_close(paths[1], paths[0], rtol=1e-9, atol=1e-12)


def test_its_parts_make_adam():
    problem, hyper = Problem.draw(16), {"beta1": 0.7, "beta2": 0.9}
    param, m, v = problem.start, torch.zeros_like(problem.start), torch.zeros_like(problem.start)
    for t in range(1, 11):
        m, v = update_moments(m, v, problem.gradient(t - 1, param), **hyper)
        m_hat, v_hat = bias_correction(m, t, beta=0.7), bias_correction(v, t, beta=0.9)
        param = param - 0.1 * m_hat / (v_hat.sqrt() + 0.03)
    path, state = walk(adam, problem, steps=10, lr=0.1, eps=0.03, **hyper)
    torch.testing.assert_close((param, m, v), (path[-1], state.m, state.v), rtol=0, atol=0)


@settings(max_examples=30)
@given(beta=betas, steps=st.integers(1, 30))
def test_a_corrected_mean_of_one_value_is_that_value(beta, steps):
    value = torch.tensor([4.0, -0.5], dtype=torch.float64)
    mean = square = torch.zeros_like(value)
    for _ in range(steps):
        mean, square = update_moments(mean, square, value, beta1=beta, beta2=beta)
    torch.testing.assert_close(bias_correction(mean, steps, beta=beta), value, rtol=1e-11, atol=0)
    torch.testing.assert_close(bias_correction(square, steps, beta=beta), value**2, rtol=1e-11, atol=0)


def test_without_correction_the_first_step_would_be_longer_not_shorter():
    """The trap of the lesson: (1 - beta1) / sqrt(1 - beta2) = 3.162 at torch's defaults."""
    m, v = update_moments(torch.zeros(1), torch.zeros(1), torch.ones(1))
    torch.testing.assert_close(m / v.sqrt(), torch.tensor([3.1622777]), rtol=1e-4, atol=0)


def test_the_parts_change_nothing_that_they_were_given():
    m, v, grad = (torch.tensor([value, 2.0]) for value in (0.5, 1.0, 3.0))
    update_moments(m, v, grad)
    bias_correction(m, 2, beta=0.9)
    assert [tensor._version for tensor in (m, v, grad)] == [0, 0, 0]
    assert (m[0], v[0], grad[0]) == (0.5, 1.0, 3.0)


@pytest.mark.parametrize("t", [0, -1])
def test_steps_are_counted_from_one(t):
    with pytest.raises(ValueError, match=rf"bias_correction: t counts the steps from 1, .*; got {t}"):
        bias_correction(torch.ones(1), t, beta=0.9)


def test_the_parts_refuse_bad_input():
    one = torch.ones(1)
    with pytest.raises(ValueError, match=r"bias_correction: beta must be at least 0 and below 1; got 1\.0"):
        bias_correction(one, 1, beta=1.0)
    with pytest.raises(ValueError, match=r"update_moments: beta2 must be at least 0 and below 1; got -0\.5"):
        update_moments(one, one, one, beta2=-0.5)
    with pytest.raises(ValueError, match=r"update_moments: the gradient must have .*\(1,\); got \(2,\)"):
        update_moments(one, one, torch.ones(2))
    with pytest.raises(ValueError, match=r"update_moments: v must have the shape of m, \(2,\); got \(1,\)"):
        update_moments(torch.ones(2), one, torch.ones(2))
    with pytest.raises(TypeError, match="update_moments: v must be a tensor; got float"):
        update_moments(one, 0.0, one)
    with pytest.raises(TypeError, match="bias_correction: average must be a tensor; got float"):
        bias_correction(0.5, 1, beta=0.9)
    with pytest.raises(ValueError, match=r"bias_correction: t must be a whole number; got 1\.5"):
        bias_correction(one, 1.5, beta=0.9)


def test_a_plain_tuple_is_a_state_too():
    param = torch.ones(2)
    plain = adam(param, param, (param, param, 3))
    torch.testing.assert_close(plain, adam(param, param, AdamState(param, param, 3)), rtol=0, atol=0)
