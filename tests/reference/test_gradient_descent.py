"""Laws of gradient descent."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference.gradient_descent import GradientDescentState, gradient_descent


@settings(deadline=None, max_examples=50)
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
