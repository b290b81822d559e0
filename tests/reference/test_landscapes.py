"""Initialisation and clipping against torch's own, critical points against their curvatures, gradients by autograd."""

from __future__ import annotations

import inspect
import itertools
import math

import pytest
import torch

from coursekit.reference.landscapes import (
    classify_critical_point,
    clip_by_global_norm,
    gradient_norms,
    kaiming_std,
    xavier_std,
)
from tests.reference.rules_table import DEVICES

DOUBLE = torch.float64


def numbers(*shape, seed=0, dtype=DOUBLE, device="cpu"):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    return drawn.to(device=device, dtype=dtype)


# --- initialisation ---


@pytest.mark.parametrize("fan_in, fan_out", [(400, 500), (1000, 100), (50, 4000)])
def test_they_are_the_spreads_that_torch_draws_with(fan_in, fan_out):
    W, generator = torch.empty(fan_out, fan_in, dtype=DOUBLE), torch.Generator().manual_seed(0)
    tolerance = 6 / math.sqrt(2 * W.numel())
    torch.nn.init.kaiming_normal_(W, nonlinearity="relu", generator=generator)
    assert kaiming_std(fan_in) == pytest.approx(float(W.std()), rel=tolerance)
    torch.nn.init.xavier_normal_(W, generator=generator)
    assert xavier_std(fan_in, fan_out) == pytest.approx(float(W.std()), rel=tolerance)


def test_the_gains_of_torch():
    assert kaiming_std(7) == pytest.approx(torch.nn.init.calculate_gain("relu") / math.sqrt(7), rel=1e-15)
    W = torch.empty(300, 200)
    torch.nn.init.xavier_normal_(
        W, gain=torch.nn.init.calculate_gain("tanh"), generator=torch.Generator().manual_seed(0)
    )
    assert float(W.std()) == pytest.approx(5 / 3 * xavier_std(200, 300), rel=6 / math.sqrt(2 * W.numel()))


def test_how_a_linear_layer_starts_by_itself():
    torch.manual_seed(0)
    W = torch.nn.Linear(200, 300).weight.detach()
    assert float(W.abs().max()) <= 1 / math.sqrt(200)
    assert float(W.std()) == pytest.approx(1 / math.sqrt(600), rel=6 / math.sqrt(2 * W.numel()))


@pytest.mark.parametrize("activation, std", [(torch.relu, kaiming_std), (torch.tanh, lambda n: xavier_std(n, n))])
def test_signals_live_through_thirty_layers(activation, std):
    h = numbers(200, 300)
    for layer in range(30):
        h = activation(h @ (std(300) * numbers(300, 300, seed=layer + 1)))
    assert 0.1 < float(h.square().mean().sqrt()) < 10 / 3


def test_in_a_square_layer_forward_and_backward_agree():
    assert xavier_std(64, 64) == pytest.approx(1 / 8)
    assert xavier_std(3, 5) == xavier_std(5, 3)
    assert kaiming_std(64) == pytest.approx(math.sqrt(2) * xavier_std(64, 64))


# --- clipping ---


def norm(grads):
    return float(torch.cat([g.double().flatten() for g in grads]).norm())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, DOUBLE], ids=str)
def test_it_is_torchs_but_for_the_millionth(dtype, device):
    grads = [numbers(*shape, seed=i, dtype=dtype, device=device) for i, shape in enumerate([(3, 4), (), (5,), (2, 0)])]
    clipped = clip_by_global_norm(grads, 1.5)
    assert isinstance(clipped, list)
    for g, ours in zip(grads, clipped, strict=True):
        assert (ours.shape, ours.dtype, ours.device) == (g.shape, g.dtype, g.device)
    if dtype is DOUBLE:
        params = [torch.nn.Parameter(g.clone()) for g in grads]
        for p, g in zip(params, grads, strict=True):
            p.grad = g.clone()
        total = float(torch.nn.utils.clip_grad_norm_(params, 1.5))
        assert norm(clipped) == pytest.approx(1.5, rel=1e-14)
        assert norm([p.grad for p in params]) == pytest.approx(1.5 * total / (total + 1e-6), rel=1e-14)
        for p, ours in zip(params, clipped, strict=True):
            torch.testing.assert_close(p.grad, ours * total / (total + 1e-6), rtol=1e-14, atol=0)


def test_the_direction_stays():
    grads = [numbers(4), numbers(2, 3, seed=1)]
    clipped = clip_by_global_norm(grads, 0.1)
    ratios = torch.cat([(a / b).flatten() for a, b in zip(clipped, grads, strict=True)])
    torch.testing.assert_close(ratios, torch.full_like(ratios, 0.1 / norm(grads)), rtol=1e-14, atol=0)


@pytest.mark.parametrize("max_norm", [5.0, 5.1, 1e9])
def test_what_is_short_enough_stays_to_the_last_bit_and_is_new(max_norm):
    grads = [torch.tensor([3.0]), torch.tensor([[4.0]])]
    clipped = clip_by_global_norm(grads, max_norm)
    for g, ours in zip(grads, clipped, strict=True):
        assert torch.equal(g, ours) and g.data_ptr() != ours.data_ptr()


@pytest.mark.parametrize("max_norm", [0.0, 1.0])
def test_gradients_of_zero_stay_zero(max_norm):
    for g in clip_by_global_norm([torch.zeros(3), torch.zeros(())], max_norm):
        assert torch.equal(g, torch.zeros_like(g))


def test_nothing_is_left_of_a_length_of_zero():
    assert norm(clip_by_global_norm([torch.ones(3)], 0.0)) == 0


@pytest.mark.parametrize("dtype, size", [(torch.float16, 6e4), (torch.float32, 1e38), (DOUBLE, 1e150)], ids=str)
def test_a_huge_gradient_is_cut_like_any_other(dtype, size):
    """Its square overflows in its own dtype; a norm of inf would leave zeros."""
    grads = [torch.tensor([size, size], dtype=dtype), torch.ones(3, dtype=dtype)]
    clipped = clip_by_global_norm(grads, 1.0)
    assert clipped[0].tolist() == pytest.approx([math.sqrt(0.5)] * 2, rel=1e-3)
    assert norm(clipped) == pytest.approx(1.0, rel=1e-3)


def test_nothing_is_changed_in_place():
    grads = [numbers(3), numbers(2, 2)]
    before = [g.clone() for g in grads]
    clip_by_global_norm(grads, 0.5)
    torch.testing.assert_close(grads, before, rtol=0, atol=0)


# --- critical points ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=str)
@pytest.mark.parametrize(
    "curvatures, kind",
    [
        ([3.0, 1.0, 0.5], "minimum"),
        ([-3.0, -1.0], "maximum"),
        ([3.0, -1.0, 2.0], "saddle"),
        ([3.0, 0.0, -1.0], "saddle"),
        ([3.0, 1.0, 0.0], "degenerate"),
        ([-3.0, 0.0], "degenerate"),
        ([0.0, 0.0], "degenerate"),
        ([0.0], "degenerate"),
        ([2.0], "minimum"),
        ([-2.0], "maximum"),
        ([1.0, 1e-6], "minimum"),
        ([1.0, -1e-6], "saddle"),
        ([1.0, -1e-9], "degenerate"),
        ([1e12, 1e3], "degenerate"),
        ([1e-20, 2e-20], "minimum"),
    ],
)
def test_kinds(curvatures, kind, dtype, device):
    assert classify_critical_point(torch.diag(torch.tensor(curvatures, dtype=dtype, device=device))) == kind


@pytest.mark.parametrize("seed", range(5))
def test_axes_do_not_matter_and_signs_turn(seed):
    axes = torch.linalg.qr(numbers(4, 4, seed=seed)).Q
    turned = {"minimum": "maximum", "maximum": "minimum", "saddle": "saddle", "degenerate": "degenerate"}
    for curvatures in ([1.0, 2, 3, 4], [-1.0, -2, -3, -4], [1.0, 2, 3, -4], [1.0, 2, 3, 0], [1.0, 0, 0, -1]):
        H = axes @ torch.diag(torch.tensor(curvatures, dtype=DOUBLE)) @ axes.T
        H = (H + H.T) / 2
        kind = classify_critical_point(torch.diag(torch.tensor(curvatures, dtype=DOUBLE)))
        assert classify_critical_point(H) == classify_critical_point(1e6 * H) == kind
        assert classify_critical_point(-H) == turned[kind]


def test_a_singular_matrix_of_single_precision_is_degenerate():
    """In single precision the zero of this matrix comes out at 1e-7 of the largest curvature."""
    row = torch.tensor([1.0, 2.0, 3.0])
    assert classify_critical_point(torch.outer(row, row)) == "degenerate"


@pytest.mark.parametrize(
    "f, at, kind",
    [
        (lambda p: p[0] ** 2 + 2 * p[1] ** 2, (0.0, 0.0), "minimum"),
        (lambda p: p[0] ** 2 - p[1] ** 2, (0.0, 0.0), "saddle"),
        (lambda p: p[0] * p[1], (0.0, 0.0), "saddle"),
        (lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2, (0.0, 0.0), "degenerate"),
        (lambda p: p[0] ** 2 + p[1] ** 4, (0.0, 0.0), "degenerate"),
        (lambda p: p.cos().sum(), (0.0, 0.0), "maximum"),
    ],
)
def test_points_of_functions(f, at, kind):
    hessian = torch.autograd.functional.hessian(f, torch.tensor(at, dtype=DOUBLE))
    assert classify_critical_point(hessian) == kind


# --- gradients by layer ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("activation", [torch.tanh, torch.relu, torch.sigmoid, lambda h: h])
def test_they_are_what_backward_leaves_in_a_network(activation, device):
    widths = (4, 6, 5, 3)
    layers = [torch.nn.Linear(a, b, bias=False, dtype=DOUBLE, device=device) for a, b in itertools.pairwise(widths)]
    for i, layer in enumerate(layers):
        layer.weight.data = numbers(*layer.weight.shape, seed=i, device=device)
    x = numbers(7, 4, seed=9, device=device)
    h = x
    for layer in layers:
        h = activation(layer(h))
    h.sum().backward()
    found = gradient_norms([layer.weight.T for layer in layers], x, activation)
    assert found == pytest.approx([float(layer.weight.grad.norm()) for layer in layers], rel=1e-13)
    assert all(type(norm) is float for norm in found)


def test_of_a_linear_network_by_hand():
    x, A, B = numbers(5, 3), numbers(3, 4, seed=1), numbers(4, 2, seed=2)
    ones = torch.ones(5, 2, dtype=DOUBLE)
    by_hand = [float((x.T @ ones @ B.T).norm()), float(((x @ A).T @ ones).norm())]
    assert gradient_norms([A, B], x, lambda h: h) == pytest.approx(by_hand, rel=1e-13)


def test_they_vanish_and_explode_with_the_size_of_the_weights():
    x, depth = numbers(20, 50), 20
    matrices = [numbers(50, 50, seed=i + 1) for i in range(depth)]
    for factor, low, high in ((0.5, 0.0, 1e-4), (1.0, 0.05, 20.0), (2.0, 1e4, math.inf)):
        norms = gradient_norms([factor * kaiming_std(50) * W for W in matrices], x, torch.relu)
        assert low <= norms[0] / (20 * 50) <= high


def test_the_weights_are_left_as_they_are():
    W = torch.nn.Parameter(numbers(3, 3))
    plain = numbers(3, 3)
    gradient_norms([W, plain, W], numbers(2, 3), torch.tanh)
    assert W.grad is None and not plain.requires_grad and plain.grad is None


# --- what is refused ---

ONES = torch.ones(2, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: kaiming_std(0), ValueError, "^kaiming_std: fan_in must be a whole number, at least 1; got 0$"),
        (lambda: kaiming_std(3.0), ValueError, "got 3.0$"),
        (lambda: xavier_std(3, True), ValueError, "^xavier_std: fan_out must be a whole number, at least 1; got True$"),
        (lambda: clip_by_global_norm(ONES, 1.0), TypeError, "grads must be a list of tensors; got Tensor"),
        (lambda: clip_by_global_norm([], 1.0), ValueError, "at least one tensor; got an empty list"),
        (lambda: clip_by_global_norm([ONES, None], 1.0), TypeError, r"grads\[1\] must be a tensor; got NoneType"),
        (lambda: clip_by_global_norm([torch.arange(3)], 1.0), ValueError, r"grads\[0\] must hold floating-point"),
        (lambda: clip_by_global_norm([ONES], -1.0), ValueError, "max_norm must be at least 0 and finite; got -1.0"),
        (lambda: clip_by_global_norm([ONES], math.nan), ValueError, "max_norm must be at least 0"),
        (lambda: clip_by_global_norm([ONES, ONES / 0], 1.0), ValueError, r"inf or NaN; grads\[1\] is not$"),
        (lambda: clip_by_global_norm([ONES * math.nan], 1.0), ValueError, r"inf or NaN; grads\[0\] is not$"),
        (lambda: classify_critical_point([[1.0]]), TypeError, "hessian must be a tensor; got list"),
        (lambda: classify_critical_point(torch.ones(2, 3)), ValueError, r"square matrix; got the shape \(2, 3\)"),
        (lambda: classify_critical_point(torch.ones(0, 0)), ValueError, "square matrix"),
        (lambda: classify_critical_point(torch.ones(2)), ValueError, "square matrix"),
        (lambda: classify_critical_point(torch.tensor([[1.0, 2.0], [0.0, 1.0]])), ValueError, r"use \(H \+ H.T\) / 2"),
        (lambda: classify_critical_point(ONES * math.nan), ValueError, "inf or NaN"),
        (lambda: classify_critical_point(ONES.long()), ValueError, "floating-point"),
        (lambda: gradient_norms([], ONES, torch.tanh), ValueError, "weights must hold at least one tensor"),
        (lambda: gradient_norms(ONES, ONES, torch.tanh), TypeError, "weights must be a list of tensors; got Tensor"),
        (lambda: gradient_norms([ONES], ONES, "tanh"), TypeError, "activation must be a function of a tensor; got str"),
        (lambda: gradient_norms([ONES], ONES[0], torch.tanh), ValueError, r"x must have shape \(examples, in\); got"),
        (
            lambda: gradient_norms([torch.ones(2, 3), torch.ones(2, 3)], ONES, torch.tanh),
            ValueError,
            r"weights\[1\] must have shape \(3, out\); got \(2, 3\)$",
        ),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "function", [kaiming_std, xavier_std, clip_by_global_norm, classify_critical_point, gradient_norms]
)
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
