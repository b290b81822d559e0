"""Laws of gradient descent, its walk beside torch's, the largest rate, and what they say to bad input."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference.gradient_descent import GradientDescentState, gradient_descent, max_stable_lr, minimize

DOUBLE = torch.float64


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@settings(max_examples=50)
@given(lr=st.floats(0, 1), curvature=st.floats(0.1, 3), steps=st.integers(0, 30))
def test_on_a_parabola_each_step_multiplies_by_one_minus_rate_times_curvature(lr, curvature, steps):
    param, state = torch.tensor([1.0, -3.0], dtype=torch.float64), GradientDescentState()
    start = param
    for _ in range(steps):
        param, state = gradient_descent(param, curvature * param, state, lr=lr)
    torch.testing.assert_close(param, start * (1 - lr * curvature) ** steps, rtol=1e-10, atol=1e-12)


def test_a_rate_of_zero_stays():
    param = torch.tensor([1.0, -3.0])
    torch.testing.assert_close(gradient_descent(param, param, (), lr=0)[0], param, rtol=0, atol=0)


def test_the_walk_is_that_of_torch():
    scale, start = torch.tensor([1.0, 5.0], dtype=DOUBLE), numbers(2)
    path = minimize(lambda x: scale * x, start, lr=0.1, steps=20)
    param = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([param], lr=0.1)
    for t in range(21):
        torch.testing.assert_close(path[t], param.detach(), rtol=1e-14, atol=0)
        optimizer.zero_grad()
        (scale * param**2 / 2).sum().backward()
        optimizer.step()
    assert minimize(torch.sin, numbers(2, 3), lr=0.1, steps=0).shape == (1, 2, 3)


def test_a_direction_that_curves_downwards_has_no_say():
    assert max_stable_lr(torch.diag(torch.tensor([-10.0, 4.0, 1.0]))) == 0.5


def test_below_the_largest_rate_it_converges_and_above_it_does_not():
    root = numbers(4, 4)
    hessian = root @ root.T
    rate, start = max_stable_lr(hessian), numbers(4, seed=3)
    sizes = [float(minimize(lambda x: hessian @ x, start, lr=c * rate, steps=4000)[-1].norm()) for c in (0.99, 1.01)]
    assert sizes[0] < float(start.norm()) < sizes[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: minimize(1.0, torch.ones(2), lr=0.1, steps=2), TypeError, "grad_fn must be a function"),
        (lambda: minimize(torch.sin, torch.ones(2), lr=0.1, steps=-1), ValueError, "steps must be a whole number"),
        (lambda: max_stable_lr(torch.ones(2, 3)), ValueError, "square matrix"),
        (lambda: max_stable_lr(torch.tensor([[1.0, 2.0], [0.0, 1.0]])), ValueError, "symmetric"),
        (lambda: max_stable_lr(torch.full((2, 2), torch.nan)), ValueError, "inf or NaN"),
        (lambda: max_stable_lr(-torch.eye(2)), ValueError, "an eigenvalue above 0"),
        (lambda: max_stable_lr(torch.zeros(2, 2)), ValueError, "an eigenvalue above 0"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
