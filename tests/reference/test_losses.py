"""The losses against torch's own, in value and gradient; their laws; what they refuse."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coursekit.reference.losses import (
    binary_cross_entropy_loss,
    cross_entropy_loss,
    hinge_loss,
    log_softmax,
    mse_loss,
)
from tests.reference.rules_table import DEVICES


@dataclass(frozen=True)
class Row:
    loss: Callable[..., Tensor]
    twin: Callable[..., Tensor]
    targets: Callable[[Tensor], Tensor]  # seeded targets that fit the scores
    flat: bool = True  # whether the scores may have any shape, not only (N, K)


def seeded(scores: Tensor) -> Tensor:
    return torch.rand(scores.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(scores)


TABLE = (
    Row(mse_loss, F.mse_loss, lambda scores: 3 * seeded(scores)),
    Row(
        cross_entropy_loss,
        F.cross_entropy,
        lambda scores: (seeded(scores[:, 0]) * scores.shape[1]).long(),
        flat=False,
    ),
    Row(binary_cross_entropy_loss, F.binary_cross_entropy_with_logits, seeded),
    Row(
        hinge_loss,
        lambda scores, labels: F.margin_ranking_loss(scores, torch.zeros_like(scores), labels, margin=1),
        lambda scores: 1 - 2 * (seeded(scores) < 0.5).to(scores),
    ),
)
every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.loss.__name__)
PAIRS = [row for row in TABLE if row.flat]
every_pair = pytest.mark.parametrize("row", PAIRS, ids=lambda row: row.loss.__name__)


def draw(*shape: int, scale: float = 3.0, seed: int = 0, dtype=torch.float64, device="cpu") -> Tensor:
    scores = scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return scores.to(device=device, dtype=dtype)


def value_and_gradient(loss, scores, targets):
    scores = scores.clone().requires_grad_()
    value = loss(scores, targets)
    value.backward()
    return value.detach(), scores.grad


@every_loss
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [1e-3, 3.0, 1e4])
def test_value_and_gradient_are_torchs(row, scale, device):
    for seed in range(3):
        scores = draw(40, 5, scale=scale, seed=seed, device=device)
        targets = row.targets(scores)
        ours, theirs = (value_and_gradient(loss, scores, targets) for loss in (row.loss, row.twin))
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)
        assert ours[0].shape == () and all(part.isfinite().all() for part in ours)


@every_pair
@pytest.mark.parametrize("shape", [(), (1,), (7,), (7, 1), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_any_shape_and_dtype(row, shape, dtype):
    scores = draw(*shape, dtype=dtype)
    loss = row.loss(scores, row.targets(scores))
    torch.testing.assert_close(loss, row.twin(scores, row.targets(scores)))
    assert (loss.shape, loss.dtype) == ((), dtype)


@every_loss
def test_the_gradient_is_that_of_finite_differences(row):
    scores = draw(6, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda scores: row.loss(scores, row.targets(scores)), scores)


@every_loss
def test_nothing_is_changed_in_place(row):
    scores = draw(6, 3)
    targets = row.targets(scores)
    before = scores.clone(), targets.clone()
    row.loss(scores, targets)
    torch.testing.assert_close((scores, targets), before, rtol=0, atol=0)
    assert scores._version == 0


@every_loss
def test_under_vmap_each_row_is_a_loss_of_its_own(row):
    scores = draw(4, 6, 3)
    targets = torch.stack([row.targets(one) for one in scores])
    together = torch.func.vmap(torch.func.grad(row.loss))(scores, targets)
    alone = [value_and_gradient(row.loss, *pair)[1] for pair in zip(scores, targets, strict=True)]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-12, atol=1e-15)


@every_loss
def test_it_compiles_as_one_graph(row):
    scores = draw(6, 3)
    compiled = torch.compile(row.loss.__wrapped__, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(scores, row.targets(scores)), row.loss(scores, row.targets(scores)))


# --- laws ---


@settings(max_examples=50)
@given(shift=st.floats(-1e3, 1e3))
def test_softmax_does_not_see_a_shift(shift):
    logits = draw(5, 4)
    torch.testing.assert_close(log_softmax(logits + shift), log_softmax(logits), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1), (2, 3, 4), (0, 3)], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_probabilities_sum_to_one_and_are_torchs(shape, scale):
    log_p = log_softmax(draw(*shape, scale=scale))
    torch.testing.assert_close(log_p.exp().sum(dim=-1), torch.ones(shape[:-1], dtype=torch.float64))
    torch.testing.assert_close(log_p, F.log_softmax(draw(*shape, scale=scale), dim=-1), rtol=1e-13, atol=0)


def test_softmax_lets_a_class_be_ruled_out():
    log_p = log_softmax(torch.tensor([0.0, -math.inf, 0.0]))
    torch.testing.assert_close(log_p.exp(), torch.tensor([0.5, 0.0, 0.5]))


def test_cross_entropy_is_minus_the_log_probability_of_the_one_hot_class():
    logits, labels = draw(9, 4), torch.arange(9) % 4
    one_hot = F.one_hot(labels, 4)
    torch.testing.assert_close(cross_entropy_loss(logits, labels), -(one_hot * log_softmax(logits)).sum(dim=1).mean())


def test_cross_entropy_of_no_opinion_is_log_k():
    loss = cross_entropy_loss(torch.zeros(3, 10, dtype=torch.float64), torch.tensor([0, 5, 9]))
    torch.testing.assert_close(loss.item(), math.log(10))


def test_a_perfect_prediction_given_as_probabilities_still_costs():
    """The trap of the convention box."""
    loss = cross_entropy_loss(torch.eye(5), torch.arange(5))
    torch.testing.assert_close(loss, torch.tensor(0.9048), rtol=1e-4, atol=0)


def test_two_classes_are_the_binary_case():
    logits, targets = draw(20), (draw(20, seed=1) > 0).long()
    two = torch.stack([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(cross_entropy_loss(two, targets), binary_cross_entropy_loss(logits, targets))


def test_the_binary_gradient_is_right_at_zero_where_training_starts():
    targets = torch.tensor([0.0, 1.0, 0.25], dtype=torch.float64)
    _, gradient = value_and_gradient(binary_cross_entropy_loss, torch.zeros(3, dtype=torch.float64), targets)
    torch.testing.assert_close(gradient, (0.5 - targets) / 3)


def test_mse_grows_with_the_square_and_sees_only_the_difference():
    prediction, target = draw(8), draw(8, seed=1)
    torch.testing.assert_close(mse_loss(5 * prediction, 5 * target), 25 * mse_loss(prediction, target))
    torch.testing.assert_close(mse_loss(prediction + 7, target + 7), mse_loss(prediction, target))


def test_hinge_is_nothing_beyond_the_margin():
    labels = torch.tensor([1, -1])
    value, gradient = value_and_gradient(hinge_loss, torch.tensor([1.5, -40.0]), labels)
    torch.testing.assert_close((value, gradient), (torch.tensor(0.0), torch.zeros(2)))
    assert hinge_loss(torch.tensor([-1.0, 1.0]), labels) == 2


# --- what is refused ---

LOGITS = torch.zeros(4, 3)
CLASSES = torch.tensor([0, 1, 2, 0])


@every_pair
def test_two_shapes_are_refused(row):
    with pytest.raises(ValueError) as caught:
        row.loss(torch.zeros(4, 1), torch.ones(4))
    scores, targets = inspect.signature(row.loss).parameters
    assert str(caught.value) == (
        f"{row.loss.__name__}: {scores} and {targets} must have the same shape; got (4, 1) and (4,): "
        f"use {scores}.reshape({targets}.shape)"
    )
    with pytest.raises(ValueError, match=r"must have the same shape; got \(4,\) and \(3,\)$"):
        row.loss(torch.zeros(4), torch.ones(3))


@every_loss
def test_what_a_mean_cannot_be_taken_of_is_refused(row):
    scores = torch.zeros(0, 3)
    with pytest.raises(ValueError, match=rf"{row.loss.__name__}: a mean needs at least one .*; got the shape \(0, 3\)"):
        row.loss(scores, row.targets(scores))


@every_loss
@pytest.mark.parametrize("given", [None, 0.5, [[1.0, 2.0]]], ids=repr)
def test_what_is_no_tensor_is_refused(row, given):
    scores, targets = inspect.signature(row.loss).parameters
    got = f"must be a tensor; got {type(given).__name__}"
    with pytest.raises(TypeError, match=f"{row.loss.__name__}: {scores} {got}"):
        row.loss(given, CLASSES)
    with pytest.raises(TypeError, match=f"{row.loss.__name__}: {targets} {got}"):
        row.loss(LOGITS, given)


@every_loss
def test_whole_numbers_are_refused(row):
    with pytest.raises(ValueError, match=r"must hold floating-point numbers; got torch.int64: use \.float\(\)"):
        row.loss(LOGITS.long(), CLASSES)


@every_loss
def test_a_missing_argument_is_named(row):
    with pytest.raises(
        TypeError, match=f"missing a required argument: '{list(inspect.signature(row.loss).parameters)[1]}'"
    ):
        row.loss(LOGITS)


@pytest.mark.parametrize("label", [-1, 3])
def test_classes_outside_are_refused(label):
    with pytest.raises(ValueError, match=f"cross_entropy_loss: labels must be classes from 0 to 2; got {label}"):
        cross_entropy_loss(LOGITS, torch.tensor([0, 1, label, 2]))


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (LOGITS, F.one_hot(CLASSES)),
        (LOGITS, CLASSES[:3]),
        (LOGITS, CLASSES[:, None]),
        (LOGITS, CLASSES.float()),
        (LOGITS[0], CLASSES[0]),
        (LOGITS[None], CLASSES[None]),
    ],
    ids=["one-hot", "too few", "a column", "floats", "one row", "three dimensions"],
)
def test_labels_that_do_not_fit_are_refused(logits, labels):
    with pytest.raises(ValueError) as caught:
        cross_entropy_loss(logits, labels)
    assert str(caught.value) == (
        "cross_entropy_loss: logits must be (N, K) and labels (N,) of torch.int64; "
        f"got {tuple(logits.shape)} and {tuple(labels.shape)} of {labels.dtype}"
    )


@pytest.mark.parametrize("label", [0, 0.5, 2, math.nan])
def test_hinge_labels_are_signs(label):
    with pytest.raises(ValueError, match=rf"hinge_loss: labels must be -1 or \+1; got {label}: .* by 2 \* labels - 1"):
        hinge_loss(torch.zeros(3), torch.tensor([1, label, -1]))


@pytest.mark.parametrize("target", [-1, 1.5, math.nan])
def test_binary_targets_are_between_zero_and_one(target):
    with pytest.raises(ValueError, match=f"binary_cross_entropy_loss: targets must be between 0 and 1; got {target}"):
        binary_cross_entropy_loss(torch.zeros(3), torch.tensor([0.0, target, 1.0]))


@pytest.mark.parametrize("logits", [torch.tensor(1.0), torch.zeros(3, 0)], ids=["0-d", "no classes"])
def test_softmax_needs_classes(logits):
    with pytest.raises(ValueError, match=r"log_softmax: logits must have a last dimension of classes; got the shape"):
        log_softmax(logits)


@pytest.mark.parametrize("function", [mse_loss, log_softmax, cross_entropy_loss, binary_cross_entropy_loss, hinge_loss])
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
