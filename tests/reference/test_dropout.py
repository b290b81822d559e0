"""Dropout against torch's own and autograd; what its draws obey; what it refuses."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.reference.dropout import dropout, dropout_backward, dropout_mask
from tests.reference.rules_table import DEVICES

NOTES = torch.tensor([0.33, -1.18, 0.7, -1.8, 0.21], dtype=torch.float64)
NOTES_MASK = torch.tensor([1.0, 0, 0, 1, 0], dtype=torch.float64)


def generator(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def draw(*shape, seed=0, dtype=torch.float64, device="cpu"):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).to(device=device, dtype=dtype)


def mask_like(h, p=0.3):
    return dropout_mask(h.shape, p, generator(7)).to(h)


# --- the mask ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.8])
def test_the_share_that_is_kept(p, device):
    mask = dropout_mask((400, 500), p, generator(device=device))
    assert mask.shape == (400, 500) and mask.device.type == device
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert float(mask.mean()) == pytest.approx(1 - p, abs=6 * math.sqrt(p * (1 - p) / mask.numel()))


def test_each_entry_is_drawn_on_its_own():
    """As many kept as a coin would: their number varies with the binomial's spread, by row and by column."""
    mask = dropout_mask((2000, 200), 0.3, generator())
    for dim in (0, 1):
        kept = mask.sum(dim)
        assert float(kept.var()) == pytest.approx(mask.shape[dim] * 0.3 * 0.7, rel=6 * math.sqrt(2 / len(kept)))


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 0, 3), torch.Size([4])], ids=str)
def test_the_shape_asked_for(shape):
    assert dropout_mask(shape, 0.5, generator()).shape == shape


def test_all_chance_comes_from_the_generator():
    world, one = torch.random.get_rng_state(), generator(3)
    first, second = dropout_mask((50,), 0.5, one), dropout_mask((50,), 0.5, one)
    torch.testing.assert_close(first, dropout_mask((50,), 0.5, generator(3)), rtol=0, atol=0)
    assert not torch.equal(first, second)
    assert not torch.equal(first, dropout_mask((50,), 0.5, generator(4)))
    assert torch.equal(world, torch.random.get_rng_state())


# --- forward ---


def test_the_worked_example():
    expected = torch.tensor([0.825, 0, 0, -4.5, 0], dtype=torch.float64)
    torch.testing.assert_close(dropout(NOTES, NOTES_MASK, p=0.6, training=True), expected)
    torch.testing.assert_close(dropout(NOTES, NOTES_MASK, p=0.6, training=False), NOTES, rtol=0, atol=0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("p", [0.0, 0.3, 0.6])
def test_it_is_torchs_with_the_mask_that_torch_drew(p, device):
    h = draw(40, 5, device=device).abs() + 1
    theirs = F.dropout(h, p)
    torch.testing.assert_close(dropout(h, (theirs != 0).to(h), p=p, training=True), theirs, rtol=1e-14, atol=0)
    torch.testing.assert_close(dropout(h, mask_like(h), p=p, training=False), F.dropout(h, p, False), rtol=0, atol=0)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_the_mean_stays(p):
    h = torch.full((400, 500), 3.0, dtype=torch.float64)
    mean = float(dropout(h, dropout_mask(h.shape, p, generator()), p=p, training=True).mean())
    assert mean == pytest.approx(3, abs=6 * 3 * math.sqrt(p / (1 - p) / h.numel()))


def test_scaled_in_training_and_at_test_the_mean_is_off():
    """The trap: the mean at test over that in training is then 1 - p."""
    h = torch.ones(200_000)
    trained = dropout(h, dropout_mask(h.shape, 0.3, generator()), p=0.3, training=True).mean()
    at_test = dropout(h, None, p=0.3, training=False).mean()
    assert float(at_test / trained) == pytest.approx(1, abs=0.01)
    assert float(at_test * (1 - 0.3) / trained) == pytest.approx(0.700, abs=0.01)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
def test_any_shape_and_dtype(shape, dtype):
    h = draw(*shape, dtype=dtype)
    for mask in (mask_like(h), mask_like(h).bool()):
        for training in (True, False):
            out = dropout(h, mask, p=0.3, training=training)
            assert (out.shape, out.dtype) == (h.shape, dtype)


def test_nothing_is_changed_in_place():
    h = draw(6, 3)
    mask = mask_like(h)
    before = h.clone(), mask.clone()
    dropout(h, mask, p=0.3, training=True)
    dropout_backward(h, mask, p=0.3)
    torch.testing.assert_close((h, mask), before, rtol=0, atol=0)


def test_it_compiles_as_one_graph():
    h = draw(6, 3)
    compiled = torch.compile(dropout, fullgraph=True, backend="eager")
    args = {"mask": mask_like(h), "p": 0.3, "training": True}
    torch.testing.assert_close(compiled(h, **args), dropout(h, **args))


# --- backward ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("p", [0.0, 0.3, 0.6])
def test_backward_is_what_autograd_says(p, device):
    h, grad = draw(6, 3, device=device).requires_grad_(), draw(6, 3, seed=1, device=device)
    mask = mask_like(grad)
    dropout(h, mask, p=p, training=True).backward(grad)
    torch.testing.assert_close(dropout_backward(grad, mask, p=p), h.grad, rtol=1e-14, atol=0)


def test_the_gradient_is_that_of_finite_differences():
    h = draw(4, 3).requires_grad_()
    mask = mask_like(h)
    assert torch.autograd.gradcheck(lambda h: dropout(h, mask, p=0.3, training=True), h)


def test_backward_is_the_transpose_of_forward():
    h, grad = draw(30), draw(30, seed=1)
    mask = mask_like(h)
    forward, backward = dropout(h, mask, p=0.3, training=True), dropout_backward(grad, mask, p=0.3)
    torch.testing.assert_close((forward * grad).sum(), (h * backward).sum())


# --- what is refused ---


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan, "0.5", None], ids=repr)
def test_a_probability_outside_its_range_is_refused(p):
    words = "p must be at least 0 and below 1; got"
    with pytest.raises(ValueError, match=f"^dropout_mask: {words}"):
        dropout_mask((3,), p, generator())
    with pytest.raises(ValueError, match=f"^dropout: {words}"):
        dropout(NOTES, NOTES_MASK, p=p, training=True)
    with pytest.raises(ValueError, match=f"^dropout_backward: {words}"):
        dropout_backward(NOTES, NOTES_MASK, p=p)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"^dropout: mask must have the shape of h, \(5,\); got \(5, 1\)$"):
        dropout(NOTES, NOTES_MASK[:, None], p=0.6, training=True)
    with pytest.raises(ValueError, match=r"^dropout_backward: mask must have the shape of grad, \(5,\); got \(4,\)$"):
        dropout_backward(NOTES, NOTES_MASK[:4], p=0.6)


@pytest.mark.parametrize("value", [2.5, -1.0, math.nan])
def test_a_scaled_mask_is_refused(value):
    with pytest.raises(ValueError, match=f"^dropout: mask must hold zeros and ones, unscaled; got {value:g}$"):
        dropout(torch.ones(2), torch.tensor([0.0, value]), p=0.6, training=True)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match=r"^dropout_mask: generator must be a torch.Generator; got int$"):
        dropout_mask((3,), 0.5, 0)
    with pytest.raises(TypeError, match=r"^dropout: h must be a tensor; got list$"):
        dropout([1.0], NOTES_MASK, p=0.5, training=True)
    with pytest.raises(TypeError, match=r"^dropout_backward: mask must be a tensor; got NoneType$"):
        dropout_backward(NOTES, None, p=0.5)
    with pytest.raises(ValueError, match=r"^dropout: h must hold floating-point numbers; got torch.int64"):
        dropout(torch.arange(3), torch.ones(3), p=0.5, training=True)


@pytest.mark.parametrize("function", [dropout_mask, dropout, dropout_backward])
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
