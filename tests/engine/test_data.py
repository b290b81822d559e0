"""Data sets: nothing of the validation and test parts reaches the training part, and seeds mean what they say."""

from __future__ import annotations

import dataclasses
import math
import sys

import pytest
import torch
from sklearn import datasets

from coursekit.engine import blobs, breast_cancer, diabetes, digits, linear, spirals, two_moons, wine
from coursekit.engine.data import split, standardized

BUNDLED = {"digits": digits, "breast_cancer": breast_cancer, "wine": wine, "diabetes": diabetes}
SYNTHETIC = {"two_moons": two_moons, "spirals": spirals, "blobs": blobs, "linear": linear}
ALL = {**BUNDLED, **SYNTHETIC}
EVERY = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def tensors(data):
    return {f.name: v for f in dataclasses.fields(data) if isinstance(v := getattr(data, f.name), torch.Tensor)}


@EVERY
def test_shapes_dtypes_and_what_is_said_about_them(make):
    data = make(dtype=torch.float64, device="cpu")
    for x, y in ((data.x_train, data.y_train), (data.x_validation, data.y_validation), (data.x_test, data.y_test)):
        assert x.shape == (len(y), len(data.features)) and y.ndim == 1 and len(y) > 0
        assert x.dtype == torch.float64 and y.dtype == (torch.int64 if data.classes else torch.float64)
    assert data.source.endswith(".") and data.source in repr(data)
    if data.classes:
        for y in (data.y_train, data.y_validation, data.y_test):
            assert y.unique().tolist() == list(range(len(data.classes)))
    assert make().x_train.dtype == torch.float32


@EVERY
def test_a_seed_gives_the_same_and_another_seed_another(make):
    torch.manual_seed(1)
    first = tensors(make(seed=3, device="cpu"))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, other = tensors(make(seed=3, device="cpu")), tensors(make(seed=4, device="cpu"))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["x_train"], other["x_train"])


@EVERY
def test_training_inputs_have_mean_zero_and_deviation_one(make):
    x = make(dtype=torch.float64, device="cpu").x_train
    torch.testing.assert_close(x.mean(0), torch.zeros_like(x[0]), rtol=0, atol=1e-12)
    deviation = x.std(0, correction=0)
    assert ((deviation - 1).abs() < 1e-9).logical_or(deviation < 1e-12).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_the_parts_are_the_whole_set_once_in_its_own_units(name):
    bunch = getattr(datasets, f"load_{name}")()
    data = BUNDLED[name](dtype=torch.float64, device="cpu")
    x = torch.cat((data.x_train, data.x_validation, data.x_test)) * data.scale + data.mean
    y = torch.cat((data.y_train, data.y_validation, data.y_test))
    raw = torch.from_numpy(bunch.data).double()
    distance = torch.cdist(x, raw, compute_mode="donot_use_mm_for_euclid_dist")
    place = distance.argmin(1)
    assert distance.amin(1).max() < 1e-9 and place.sort().values.tolist() == list(range(len(raw)))
    target = torch.from_numpy(bunch.target)[place]
    if data.classes:
        assert torch.equal(y, target)
        assert data.classes == tuple(map(str, bunch.target_names))
    else:
        known = target[: len(data.y_train)].double()
        torch.testing.assert_close(y, (target - known.mean()) / known.std(correction=0))
    known = raw[place[: len(data.x_train)]]
    torch.testing.assert_close(data.mean, known.mean(0))


@pytest.mark.parametrize("name", BUNDLED)
def test_nothing_leaks_into_the_training_part(name, monkeypatch):
    before = BUNDLED[name](device="cpu")
    labels = torch.from_numpy(getattr(datasets, f"load_{name}")().target) if before.classes else None
    _, *others = split(sum(len(y) for y in (before.y_train, before.y_validation, before.y_test)),
                       torch.Generator().manual_seed(0), labels)  # fmt: skip
    loader = getattr(datasets, f"load_{name}")

    def spoiled():
        bunch = loader()
        for rows in others:
            bunch.data[rows.numpy()] = 1e6
            if labels is None:
                bunch.target[rows.numpy()] = -1e6
        return bunch

    monkeypatch.setattr(datasets, f"load_{name}", spoiled)
    after = BUNDLED[name](device="cpu")
    for field in ("x_train", "y_train", "mean", "scale"):
        assert torch.equal(getattr(before, field), getattr(after, field))
    assert after.x_test.min() > 1e3  # the spoiling reached the other parts


def test_split_takes_each_row_once_and_each_class_in_its_share():
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat((torch.zeros(50), torch.ones(200), torch.full((10,), 2)))
    parts = split(260, generator, labels)
    assert torch.cat(parts).sort().values.tolist() == list(range(260))
    assert [labels[part].unique(return_counts=True)[1].tolist() for part in parts] == [
        [30, 120, 6],
        [10, 40, 2],
        [10, 40, 2],
    ]
    assert labels[parts[0]].tolist() != labels[parts[0]].sort().values.tolist()  # not class by class


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, 1e-30, -1e20])
def test_a_constant_column_is_safe(constant):
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[:15, 1] = constant
    z, _, scale = standardized(x, torch.arange(15))
    assert z.isfinite().all() and scale[1] == 1 and z[:15, 1].abs().max() <= 1e-14 * abs(constant)
    torch.testing.assert_close(z[:15, 0].std(correction=0), torch.tensor(1.0).double())


def test_a_column_of_small_numbers_is_not_constant():
    x = 1e-20 * torch.randn(20, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(standardized(x, torch.arange(20))[0].std(correction=0), torch.tensor(1.0).double())


def test_digits_are_pictures():
    data = digits(device="cpu", dtype=torch.float64)
    assert data.image_shape == (8, 8) and data.features[9] == "pixel_1_1"
    pictures = data.images(data.x_train[:5])
    assert pictures.shape == (5, 8, 8) and pictures.min() > -1e-9 and pictures.max() < 16 + 1e-9
    torch.testing.assert_close(pictures, pictures.round(), rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="no pictures"):
        wine(device="cpu").images(data.x_train)


def test_linear_has_the_weights_it_says():
    data = linear(n=5000, noise=0.5, weights=[3.0, 0.0, -1.0, 2.0], device="cpu", dtype=torch.float64)
    assert data.weights.tolist() == [3.0, 0.0, -1.0, 2.0]
    error = data.y_train - data.x_train @ data.weights
    assert abs(error.std().item() - 0.5) < 0.03
    found = torch.linalg.lstsq(data.x_train, data.y_train[:, None]).solution[:, 0]
    torch.testing.assert_close(found, data.weights, rtol=0, atol=0.05)


def test_synthetic_classes_lie_where_they_should():
    moons = two_moons(noise=0.0, device="cpu", dtype=torch.float64)
    x, y = moons.x_train * moons.scale + moons.mean, moons.y_train
    centre = torch.tensor([[0.0, 0.0], [1.0, 0.5]]).double()[y]
    torch.testing.assert_close((x - centre).norm(dim=1), torch.ones(len(x)).double())
    assert ((x - centre)[:, 1] * (1 - 2 * y) >= 0).all()  # one arch up, one down
    wound = spirals(noise=0.0, classes=3, device="cpu", dtype=torch.float64)
    x, y = wound.x_train * wound.scale + wound.mean, wound.y_train
    turn = (torch.atan2(x[:, 1], x[:, 0]) / (2 * math.pi) - x.norm(dim=1) - y / 3 + 0.5) % 1 - 0.5
    assert turn.abs().max() < 1e-9
    cloud = blobs(noise=0.0, classes=4, device="cpu", dtype=torch.float64)
    assert (cloud.x_train * cloud.scale + cloud.mean).round(decimals=6).unique(dim=0).shape == (4, 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: two_moons(n=3), "n must be a whole number, at least 10.*got 3"),
        (lambda: blobs(n=10, classes=5), "n must be a whole number, at least 25.*got 10"),
        (lambda: spirals(noise=-1), "noise must be at least 0 and finite; got -1"),
        (lambda: two_moons(noise=math.nan), "noise must be at least 0 and finite; got nan"),
        (lambda: blobs(classes=1), "classes must be a whole number, at least 2; got 1"),
        (lambda: spirals(classes=2.5), "classes must be a whole number, at least 2; got 2.5"),
        (lambda: linear(weights=[]), r"weights must be a sequence of numbers.*got \[\]"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"the data set digits comes with scikit-learn.*pip install scikit-learn"):
        digits()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_same_data_on_a_gpu():
    here, there = tensors(spirals(device="cpu")), tensors(spirals(device="cuda"))
    assert all(there[name].is_cuda and torch.equal(there[name].cpu(), here[name]) for name in here)
