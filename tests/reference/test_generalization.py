"""Stopping early against the definition and torch; changed images pixel by pixel; mixing; what is refused."""

from __future__ import annotations

import inspect
import math
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.engine import blobs, mlp, train
from coursekit.reference.generalization import cutout, early_stopping, mixup, shift_images
from tests.reference.rules_table import DEVICES

LOSSES = st.lists(st.integers(0, 12).map(lambda n: n / 8), min_size=1, max_size=25)
SHIFTS = st.integers(-9, 9)


def draw(*shape, seed=0, dtype=torch.float64, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(device=device, dtype=dtype)


# --- stopping early ---


def by_definition(losses, patience, min_delta):
    """Every epoch looked at anew: was it better than the best before it, which was better than the best before it..."""

    def best(epoch):
        found = 0
        for later in range(1, epoch + 1):
            found = later if losses[later] < losses[found] - min_delta else found
        return found

    ends = [e for e in range(len(losses)) if e - best(e) >= patience]
    stop = ends[0] if ends else len(losses) - 1
    return stop, best(stop)


@settings(max_examples=50)
@given(LOSSES, st.integers(1, 6), st.sampled_from([0.0, 0.125, 0.25, 0.5]))
def test_it_is_the_definition(losses, patience, min_delta):
    assert early_stopping(losses, patience=patience, min_delta=min_delta) == by_definition(losses, patience, min_delta)


@settings(max_examples=50)
@given(LOSSES, st.integers(1, 6))
def test_without_min_delta_the_best_epoch_is_the_first_of_the_lowest_up_to_the_stop(losses, patience):
    stop, best = early_stopping(losses, patience=patience)
    assert best == losses.index(min(losses[: stop + 1]))
    assert stop - best == patience or stop == len(losses) - 1


@settings(max_examples=50)
@given(LOSSES, st.integers(1, 6), st.lists(st.floats(-5, 5), max_size=5))
def test_what_comes_after_the_stop_is_not_seen(losses, patience, more):
    stop, best = early_stopping(losses, patience=patience)
    if stop - best == patience:
        assert early_stopping(losses[: stop + 1] + more, patience=patience) == (stop, best)


@settings(max_examples=50)
@given(LOSSES, st.integers(1, 5))
def test_it_is_the_plateau_of_torch_that_waits_for_one_epoch_less(losses, patience):
    """The rate is reduced when more than `patience` epochs in a row were bad."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience - 1, threshold=0)
    reduced = len(losses) - 1
    for epoch, loss in enumerate(losses):
        plateau.step(loss)
        if optimizer.param_groups[0]["lr"] < 1:
            reduced = epoch
            break
    assert early_stopping(losses, patience=patience)[0] == reduced


def test_the_training_loop_stops_where_it_says():
    data = blobs(device="cpu")
    runs = []
    for early_stop in (None, 3):
        model = mlp([2, 32, 3], device="cpu")
        how = {"loss": F.cross_entropy, "epochs": 40, "batch_size": 10, "early_stop": early_stop, "progress": False}
        runs.append(train(model, torch.optim.Adam(model.parameters(), lr=0.1), data, **how))
    whole, stopped = runs
    stop, best = early_stopping(whole.validation_loss, patience=3)
    assert (len(stopped.validation_loss) - 1, stopped.best_epoch) == (stop, best)
    assert stop < 39


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "expected"),
    [
        ([1.0], 1, 0.0, (0, 0)),
        ([4.0, 3.0, 2.0, 1.0], 1, 0.0, (3, 3)),  # never
        ([2.0, 1.0, 1.5, 1.5], 2, 0.0, (3, 1)),  # at the last epoch
        ([2.0, 2.0, 2.0], 2, 0.0, (2, 0)),  # equal is not better
        ([2.0, 1.75, 1.5, 1.25], 3, 0.25, (3, 2)),  # the 1.75 is not more than 0.25 lower, the 1.5 is
        ([1.0, 0.9, 0.8, 0.7], 3, 0.5, (3, 0)),  # lower and lower, and never by enough
        ([2.0, math.nan, 1.0, math.nan, math.nan, 0.5], 2, 0.0, (4, 2)),
        ([math.nan, 3.0, 2.0, 4.0, 4.0], 2, 0.0, (4, 2)),
        ([math.nan] * 5, 3, 0.0, (3, 0)),
        ([math.inf, 3.0, 2.0], 2, 0.5, (2, 2)),
        ([-1.0, -2.0, -1.5], 5, 0.5, (2, 1)),
    ],
    ids=str,
)
def test_by_hand(losses, patience, min_delta, expected):
    assert early_stopping(losses, patience=patience, min_delta=min_delta) == expected


# --- shifted and partly blanked ---


def moved_pixel_by_pixel(image, dy, dx):
    out = torch.zeros_like(image)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if 0 <= i + dy < image.shape[0] and 0 <= j + dx < image.shape[1]:
                out[i + dy, j + dx] = image[i, j]
    return out


def blanked_pixel_by_pixel(image, top, left, size):
    out = image.clone()
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if top <= i < top + size and left <= j < left + size:
                out[i, j] = 0
    return out


@settings(max_examples=50)
@given(SHIFTS, SHIFTS)
def test_each_pixel_goes_where_it_should(dy, dx):
    image = draw(4, 6)
    torch.testing.assert_close(shift_images(image, dy, dx), moved_pixel_by_pixel(image, dy, dx), rtol=0, atol=0)


@settings(max_examples=50)
@given(st.integers(-4, 4), st.integers(-6, 6))
def test_it_is_the_pad_of_torch(dy, dx):
    images = draw(3, 2, 4, 6)
    torch.testing.assert_close(shift_images(images, dy, dx), F.pad(images, (dx, -dx, dy, -dy)), rtol=0, atol=0)


def test_there_and_back_loses_a_border():
    images = draw(2, 5, 7)
    back = shift_images(shift_images(images, 2, -1), -2, 1)
    torch.testing.assert_close(back[:, :3, 1:], images[:, :3, 1:], rtol=0, atol=0)
    assert int((back == 0).sum()) == 2 * (35 - 3 * 6)


@settings(max_examples=50)
@given(SHIFTS, SHIFTS, st.integers(0, 9))
def test_each_pixel_of_the_square_is_zero(top, left, size):
    image = draw(4, 6)
    expected = blanked_pixel_by_pixel(image, top, left, size)
    torch.testing.assert_close(cutout(image, top, left, size), expected, rtol=0, atol=0)


def test_a_square_moved_is_the_image_moved_under_it():
    """Cut, then shift, is shift, then cut where the square has gone to."""
    images = draw(2, 6, 5)
    one = shift_images(cutout(images, 1, 2, 2), 1, -1)
    torch.testing.assert_close(one, cutout(shift_images(images, 1, -1), 2, 1, 2), rtol=0, atol=0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 6), (2, 3, 4, 6), (0, 4, 6)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.uint8], ids=str)
@pytest.mark.parametrize(("change", "args"), [(shift_images, (1, -2)), (cutout, (1, -1, 3))])
def test_any_leading_shape_and_dtype_and_nothing_in_place(change, args, dtype, shape, device):
    images = (10 * draw(*shape, device=device).abs()).to(dtype)
    before = images.clone()
    out = change(images, *args)
    assert (out.shape, out.dtype, out.device) == (images.shape, dtype, images.device)
    assert torch.equal(images, before)
    assert not images.numel() or out.data_ptr() != images.data_ptr()
    pixel_by_pixel = {shift_images: moved_pixel_by_pixel, cutout: blanked_pixel_by_pixel}[change]
    for new, old in zip(out.reshape(-1, 4, 6), images.reshape(-1, 4, 6), strict=True):
        assert torch.equal(new.cpu(), pixel_by_pixel(old.cpu(), *args))


def test_the_gradient_goes_back_to_the_pixels_that_stay():
    images = draw(2, 3, 4).requires_grad_()
    (grad,) = torch.autograd.grad(cutout(shift_images(images, 1, 1), 1, 1, 1).sum(), images)
    torch.testing.assert_close(grad[0].sum(), torch.tensor(5.0, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda x: cutout(shift_images(x, 1, 1), 1, 1, 1), images)


@pytest.mark.parametrize(("change", "args"), [(shift_images, (1, -2)), (cutout, (1, -1, 3))])
def test_it_compiles_as_one_graph(change, args):
    compiled = torch.compile(change, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(draw(2, 4, 6), *args), change(draw(2, 4, 6), *args))


# --- mixed ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("row", "target"), [((3,), (4,)), ((), ()), ((2, 3, 3), (4,)), ((5,), (2, 2))], ids=str)
def test_it_is_torchs_lerp(row, target, dtype, device):
    x, y = draw(5, *row, dtype=dtype, device=device), draw(5, *target, seed=1, dtype=dtype, device=device)
    before, permutation = (x.clone(), y.clone()), torch.tensor([3, 0, 2, 4, 1], device=device)
    mixed = mixup(x, y, 0.3, permutation)
    torch.testing.assert_close(mixed, (x[permutation].lerp(x, 0.3), y[permutation].lerp(y, 0.3)))
    torch.testing.assert_close((x, y), before, rtol=0, atol=0)


def test_all_or_nothing():
    x, y, permutation = draw(4, 3), draw(4, seed=1), torch.tensor([2, 3, 1, 0])
    torch.testing.assert_close(mixup(x, y, 1, permutation), (x, y), rtol=0, atol=0)
    torch.testing.assert_close(mixup(x, y, 0.0, permutation), (x[permutation], y[permutation]), rtol=0, atol=0)


@settings(max_examples=50)
@given(st.floats(0, 1), st.permutations(range(6)))
def test_the_mean_and_the_shares_stay(lam, order):
    x, y = draw(6, 3), F.one_hot(torch.arange(6) % 3).double()
    new, shares = mixup(x, y, lam, torch.tensor(order))
    torch.testing.assert_close(new.mean(0), x.mean(0))
    torch.testing.assert_close(shares.sum(1), torch.ones(6, dtype=torch.float64))


def test_the_loss_of_mixed_targets_is_the_mixed_loss():
    """The form of most programs: two losses with whole labels, weighted by lam."""
    x, labels, permutation, lam = draw(6, 3), torch.tensor([0, 2, 1, 1, 0, 2]), torch.tensor([5, 3, 0, 1, 4, 2]), 0.3
    mixed, shares = mixup(x, F.one_hot(labels, 3).double(), lam, permutation)
    two = lam * F.cross_entropy(mixed, labels) + (1 - lam) * F.cross_entropy(mixed, labels[permutation])
    torch.testing.assert_close(F.cross_entropy(mixed, shares), two)


# --- what is refused ---


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: early_stopping([], patience=1), ValueError, "early_stopping: losses must hold at least one epoch"),
        (lambda: early_stopping([1.0], patience=0), ValueError, "patience must be a whole number, at least 1; got 0"),
        (
            lambda: early_stopping([1.0], patience=1.5),
            ValueError,
            "patience must be a whole number, at least 1; got 1",
        ),
        (lambda: early_stopping([1.0], patience=2, min_delta=-0.1), ValueError, "min_delta must be at least 0"),
        (lambda: early_stopping(iter([1.0]), patience=1), TypeError, "losses must be a list of numbers, one per epoch"),
        (lambda: shift_images(draw(5), 1, 1), ValueError, "shift_images: images must have shape (..., height, width);"),
        (lambda: shift_images(draw(5, 5), 0.5, 1), ValueError, "dy must be a whole number; got 0.5"),
        (lambda: shift_images([[1.0]], 1, 1), TypeError, "images must be a tensor; got list"),
        (lambda: cutout(draw(5, 5), 0, True, 1), ValueError, "cutout: left must be a whole number; got True"),
        (lambda: cutout(draw(5, 5), 0, 0, -1), ValueError, "size must be a whole number, at least 0; got -1"),
        (lambda: mixup(draw(2, 3), torch.tensor([0, 1]), 0.5, torch.tensor([1, 0])), ValueError, "one_hot(y, classes)"),
        (lambda: mixup(draw(2, 3), draw(3), 0.5, torch.tensor([1, 0])), ValueError, "got the shapes (2, 3) and (3,)"),
        (
            lambda: mixup(draw(2), draw(2), 1.1, torch.tensor([1, 0])),
            ValueError,
            "lam must be at least 0 and at most 1",
        ),
        (lambda: mixup(draw(2), draw(2), math.nan, torch.tensor([1, 0])), ValueError, "at most 1; got nan"),
        (lambda: mixup(draw(2), draw(2), 0.5, torch.tensor([1, 1])), ValueError, "each number from 0 to 1 once; got"),
        (lambda: mixup(draw(2), draw(2), 0.5, torch.tensor([1])), ValueError, "each number from 0 to 1 once; got"),
        (lambda: mixup(draw(2), draw(2), 0.5, [1, 0]), TypeError, "mixup: permutation must be a tensor; got list"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


@pytest.mark.parametrize("function", [early_stopping, shift_images, cutout, mixup])
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
