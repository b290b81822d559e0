"""Gradients by hand and by difference quotients against autograd, and what they say to bad input."""

from __future__ import annotations

import pytest
import torch

from coursekit.reference.gradients import cross_entropy_gradient, linear_regression_gradient, numerical_gradient

DOUBLE = torch.float64


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def autograd(f, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_the_difference_quotient_is_the_gradient(shape):
    def f(x):
        return (x.sin() * x.exp()).sum() + x.sum() ** 3

    x = numbers(*shape)
    before = x.clone()
    assert torch.allclose(numerical_gradient(f, x), autograd(f, x), rtol=1e-8, atol=1e-8)
    assert torch.equal(x, before)


def test_a_point_in_another_order_of_memory():
    x = numbers(2, 3).T
    assert torch.allclose(numerical_gradient(lambda x: (x**3).sum(), x), 3 * x**2)


def test_the_error_falls_as_the_square_of_h():
    x = torch.tensor(0.7, dtype=DOUBLE)
    errors = [abs(float(numerical_gradient(torch.exp, x, h) - x.exp())) for h in (1e-2, 1e-3)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=1e-3)


def test_a_line_through_data():
    X, w, y = numbers(7, 3), numbers(3, seed=1), numbers(7, seed=2)
    torch.testing.assert_close(
        linear_regression_gradient(w, X, y), autograd(lambda w: torch.nn.functional.mse_loss(X @ w, y), w)
    )
    best = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    assert linear_regression_gradient(best, X, y).abs().max() < 1e-12


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_cross_entropy(scale):
    logits, labels = scale * numbers(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    found = cross_entropy_gradient(logits, labels)
    torch.testing.assert_close(found, autograd(lambda z: torch.nn.functional.cross_entropy(z, labels), logits))
    assert found.sum(dim=1).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: numerical_gradient(3, torch.ones(2)), TypeError, "f must be a function"),
        (lambda: numerical_gradient(torch.sum, torch.ones(2), 0.0), ValueError, "h must be above 0"),
        (lambda: numerical_gradient(torch.sum, torch.ones(2, dtype=torch.int64)), ValueError, "floating-point"),
        (
            lambda: linear_regression_gradient(torch.ones(2), torch.ones(3, 2), torch.ones(3, 1)),
            ValueError,
            "y .rows,.",
        ),
        (lambda: cross_entropy_gradient(torch.ones(2, 3), torch.tensor([0, 3])), ValueError, "from 0 to 2"),
        (lambda: cross_entropy_gradient(torch.ones(2, 3), torch.ones(2)), ValueError, "of torch.int64"),
        (lambda: cross_entropy_gradient(torch.ones(2, 3), torch.tensor([0])), ValueError, "labels .N,."),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
