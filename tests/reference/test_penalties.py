"""The penalties against autograd and torch's weight decay; the soft threshold against torch's; what they refuse."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference.penalties import ista_step, l1_penalty, l2_penalty, l2_penalty_gradient, soft_threshold
from tests.reference.rules_table import DEVICES

PENALTIES = pytest.mark.parametrize("penalty", [l2_penalty, l1_penalty])
ALL = (l2_penalty, l1_penalty, l2_penalty_gradient, soft_threshold, ista_step)


def draw(*shape, seed=0, dtype=torch.float64, device="cpu"):
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.to(device=device, dtype=dtype)


def weights(device="cpu"):
    return [draw(3, 4, device=device), draw(4, seed=1, device=device), draw(seed=2, device=device)]


# --- the two penalties ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("penalty, p", [(l2_penalty, 2), (l1_penalty, 1)])
def test_it_is_the_norm_of_all_weights_in_one_vector(penalty, p, device):
    flat = torch.cat([w.reshape(-1) for w in weights(device)])
    value = penalty(weights(device), lam=0.7)
    torch.testing.assert_close(value, 0.7 * torch.linalg.vector_norm(flat, p) ** p, rtol=1e-14, atol=0)
    assert value.shape == () and value.dtype == torch.float64


@PENALTIES
def test_a_gradient_flows_to_every_weight(penalty):
    params = [w.requires_grad_() for w in weights()]
    assert torch.autograd.gradcheck(lambda *params: penalty(params, lam=0.7), params)


@PENALTIES
def test_it_takes_the_parameters_of_a_model(penalty):
    model = torch.nn.Linear(3, 2)
    torch.testing.assert_close(penalty(model.parameters(), lam=0.1), penalty(list(model.parameters()), lam=0.1))


@PENALTIES
def test_it_grows_with_lam_and_is_nothing_without(penalty):
    torch.testing.assert_close(penalty(weights(), lam=3.0), 3 * penalty(weights(), lam=1.0))
    assert penalty(weights(), lam=0) == 0


@pytest.mark.parametrize("penalty, power", [(l2_penalty, 2), (l1_penalty, 1)])
@settings(max_examples=30)
@given(scale=st.floats(-50, 50))
def test_its_power_of_a_scale(penalty, power, scale):
    scaled = penalty([scale * w for w in weights()], lam=0.3)
    torch.testing.assert_close(scaled, abs(scale) ** power * penalty(weights(), lam=0.3))


@pytest.mark.parametrize("device", DEVICES)
def test_the_gradient_is_autograds(device):
    w = draw(5, 2, device=device).requires_grad_()
    l2_penalty([w], lam=0.7).backward()
    torch.testing.assert_close(l2_penalty_gradient(w.detach(), lam=0.7), w.grad, rtol=1e-15, atol=0)


def test_torchs_weight_decay_is_twice_lam():
    """The trap of the convention box: the same lam in both is another penalty."""
    paths = {}
    for name, decay in (("penalty", 0.0), ("twice", 2 * 0.3), ("same", 0.3)):
        w = draw(6).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=decay)
        for step in range(20):
            optimizer.zero_grad()
            loss = ((w - draw(6, seed=step)) ** 2).sum()
            (loss + l2_penalty([w], lam=0.3) if name == "penalty" else loss).backward()
            optimizer.step()
        paths[name] = w.detach()
    torch.testing.assert_close(paths["penalty"], paths["twice"], rtol=1e-12, atol=1e-14)
    assert float((paths["penalty"] - paths["same"]).abs().max()) > 0.01


# --- the soft threshold ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 2)], ids=str)
def test_it_is_torchs_softshrink(shape, threshold, device):
    x = 2 * draw(*shape, device=device)
    torch.testing.assert_close(soft_threshold(x, threshold), F.softshrink(x, threshold), rtol=0, atol=0)


def test_exactly_at_the_threshold_it_is_zero():
    assert soft_threshold(torch.tensor([0.5, -0.5, 0.0]), 0.5).tolist() == [0, 0, 0]


@settings(max_examples=50)
@given(x=st.floats(-5, 5), threshold=st.floats(0, 3))
def test_it_is_the_smallest_of_what_it_minimises(x, threshold):
    z = torch.linspace(-6, 6, 2001, dtype=torch.float64)

    def cost(z):
        return (z - x) ** 2 / 2 + threshold * z.abs()

    best = soft_threshold(torch.tensor(x, dtype=torch.float64), threshold)
    assert float(cost(best)) <= float(cost(z).min()) + 1e-12


def test_it_brings_no_two_numbers_apart():
    x, y = draw(100), draw(100, seed=1)
    apart = (soft_threshold(x, 0.7) - soft_threshold(y, 0.7)).abs()
    assert bool((apart <= (x - y).abs() + 1e-12).all())


# --- the step ---


@pytest.mark.parametrize("device", DEVICES)
def test_it_is_a_gradient_step_and_a_soft_threshold(device):
    w, grad = draw(4, 3, device=device), draw(4, 3, seed=1, device=device)
    expected = soft_threshold(w - 0.1 * grad, 0.1 * 3.0)
    torch.testing.assert_close(ista_step(w, grad, lr=0.1, lam=3.0), expected, rtol=0, atol=0)
    torch.testing.assert_close(ista_step(w, grad, lr=0.1, lam=0), w - 0.1 * grad)
    torch.testing.assert_close(ista_step(w, 0 * grad, lr=0.0, lam=3.0), w)


def lasso(lam, steps=3000):
    """A lasso solved by `ista_step`, with the gradient of its squared error at the end."""
    X, w = draw(40, 8), torch.zeros(8, dtype=torch.float64)
    y = X[:, :3] @ torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64) + 0.1 * draw(40, seed=3)
    lr = 1 / float(torch.linalg.eigvalsh(X.T @ X).max())
    for _ in range(steps):
        w = ista_step(w, X.T @ (X @ w - y), lr=lr, lam=lam)
    return w, X.T @ (X @ w - y)


def test_it_comes_to_rest_where_the_lasso_has_its_minimum():
    """There the gradient is -lam times the sign of every weight that is not 0, and no longer than lam elsewhere."""
    w, grad = lasso(5.0)
    kept = w != 0
    assert 0 < int(kept.sum()) < len(w)
    torch.testing.assert_close(grad[kept], -5.0 * w[kept].sign(), rtol=1e-9, atol=1e-9)
    assert bool((grad[~kept].abs() <= 5.0).all())


def test_it_is_what_scikit_learn_finds():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, w = draw(40, 8), lasso(5.0)[0]
    y = X[:, :3] @ torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64) + 0.1 * draw(40, seed=3)
    theirs = linear_model.Lasso(alpha=5.0 / 40, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(X, y)
    torch.testing.assert_close(w, torch.tensor(theirs.coef_), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dtype_and_inputs_stay(dtype):
    w, grad = draw(4, dtype=dtype), draw(4, seed=1, dtype=dtype)
    before = w.clone(), grad.clone()
    results = (
        ista_step(w, grad, lr=0.1, lam=1.0),
        soft_threshold(w, 0.5),
        l2_penalty_gradient(w, lam=0.5),
        l2_penalty([w], lam=0.5),
        l1_penalty([w], lam=0.5),
    )
    assert {x.dtype for x in results} == {dtype}
    torch.testing.assert_close((w, grad), before, rtol=0, atol=0)


def test_they_compile_as_one_graph():
    w, grad = draw(4), draw(4, seed=1)

    def all_of_them(w, grad):
        step = ista_step(w, grad, lr=0.1, lam=1.0) + l2_penalty_gradient(w, lam=0.5)
        return step + l2_penalty([w], lam=0.5) + l1_penalty([w], lam=0.5)

    compiled = torch.compile(all_of_them, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(w, grad), all_of_them(w, grad))


# --- what is refused ---


@PENALTIES
def test_a_single_tensor_is_refused(penalty):
    with pytest.raises(TypeError, match=rf"^{penalty.__name__}: params must be a list of tensors; .*: use \[w\]$"):
        penalty(draw(3), lam=0.1)


@PENALTIES
def test_a_list_without_weights_is_refused(penalty):
    with pytest.raises(ValueError, match=f"^{penalty.__name__}: params must hold at least one tensor; got none$"):
        penalty([], lam=0.1)
    with pytest.raises(TypeError, match=f"^{penalty.__name__}: each of params must be a tensor; got float$"):
        penalty([draw(3), 0.5], lam=0.1)


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "1"], ids=repr)
def test_a_number_outside_its_range_is_refused(value):
    w, words = draw(3), "must be at least 0 and finite; got"
    for name, call in (
        ("l2_penalty: lam", lambda: l2_penalty([w], lam=value)),
        ("l1_penalty: lam", lambda: l1_penalty([w], lam=value)),
        ("l2_penalty_gradient: lam", lambda: l2_penalty_gradient(w, lam=value)),
        ("soft_threshold: threshold", lambda: soft_threshold(w, value)),
        ("ista_step: lr", lambda: ista_step(w, w, lr=value, lam=0.1)),
        ("ista_step: lam", lambda: ista_step(w, w, lr=0.1, lam=value)),
    ):
        with pytest.raises(ValueError, match=f"^{name} {words}"):
            call()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^ista_step: grad must have the shape of w, \(3,\); got \(3, 1\)$"):
        ista_step(draw(3), draw(3, 1), lr=0.1, lam=0.1)
    with pytest.raises(TypeError, match=r"^soft_threshold: x must be a tensor; got float$"):
        soft_threshold(0.5, 0.1)
    with pytest.raises(ValueError, match=r"^l2_penalty_gradient: w must hold floating-point numbers; got torch.int64"):
        l2_penalty_gradient(torch.arange(3), lam=0.1)


@pytest.mark.parametrize("function", ALL)
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
