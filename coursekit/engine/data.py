"""Data sets to try things on: split without leakage, standardised by the training part only."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from coursekit.engine.device import device as default_device

SPLIT = (0.6, 0.2, 0.2)  # training, validation, test


@dataclass(frozen=True, repr=False)
class Data:
    """A data set in three parts; the inputs standardised by the mean and standard deviation of the training part.

    Inputs have shape (rows, features). Labels are int64 class numbers, shape (rows,); targets of a regression have the
    dtype of the inputs, shape (rows,).
    """

    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[str, ...] | None  # the name of each class; None for a regression
    features: tuple[str, ...]
    source: str  # where the data come from, a sentence
    mean: Tensor  # (features,): what was taken off each input, in its own units
    scale: Tensor  # (features,): what it was divided by then; 1 where the training part is constant
    image_shape: tuple[int, int] | None = None  # of a row, when it is a picture
    weights: Tensor | None = None  # (features,): the true ones, of `linear`

    def images(self, x: Tensor) -> Tensor:
        """Rows of standardised inputs as pictures in their own units, shape (rows, height, width).

        Raises:
            ValueError: the data set has no pictures.
        """
        if self.image_shape is None:
            raise ValueError(f"these data are no pictures; {self.source}")
        return (x * self.scale + self.mean).reshape(-1, *self.image_shape)

    def __repr__(self) -> str:
        sizes = f"{len(self.x_train)} + {len(self.x_validation)} + {len(self.x_test)} rows (train, validation, test)"
        kind = f"{len(self.classes)} classes" if self.classes else "regression"
        return f"<Data: {sizes}, {len(self.features)} features, {kind}, {self.x_train.device}. {self.source}>"


def digits(seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32) -> Data:
    """1,797 pictures of handwritten digits, 8 x 8 pixels from 0 to 16, ten classes.

    Args:
        seed: of the split.
        device: where the tensors live; `engine.device()` when left out.
        dtype: of the inputs.

    >>> digits(device="cpu").x_train.shape
    torch.Size([1078, 64])
    """
    source = "Optical Recognition of Handwritten Digits, UCI (Alpaydin and Kaynak, 1998), the copy of scikit-learn."
    return _from_sklearn("digits", source, seed, device, dtype, image_shape=(8, 8))


def breast_cancer(seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32) -> Data:
    """569 tumours, 30 measurements of cell nuclei each; malignant (0) or benign (1). Arguments as `digits`.

    >>> breast_cancer(device="cpu").x_train.shape
    torch.Size([341, 30])
    """
    source = "Breast Cancer Wisconsin (Diagnostic), UCI (Wolberg, Street and Mangasarian, 1995), from scikit-learn."
    return _from_sklearn("breast_cancer", source, seed, device, dtype)


def wine(seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32) -> Data:
    """178 wines of three growers, 13 chemical measurements each. Arguments as `digits`.

    >>> wine(device="cpu").x_train.shape
    torch.Size([107, 13])
    """
    source = "Wine recognition, UCI (Aeberhard and Forina, 1991), the copy of scikit-learn."
    return _from_sklearn("wine", source, seed, device, dtype)


def diabetes(seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32) -> Data:
    """442 patients, ten measurements each, and how far the disease had gone a year later: a regression.

    The target, too, is standardised by the training part. Arguments as `digits`.

    >>> diabetes(device="cpu").x_train.shape
    torch.Size([265, 10])
    """
    source = 'Efron, Hastie, Johnstone and Tibshirani (2004), "Least Angle Regression", from scikit-learn.'
    return _from_sklearn("diabetes", source, seed, device, dtype)


def two_moons(
    seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32, *, n: int = 600, noise: float = 0.2
) -> Data:
    """Two half circles that reach into each other: two classes of `n` points in all, two features.

    Args:
        seed: of the points and the split.
        device: where the tensors live; `engine.device()` when left out.
        dtype: of the inputs.
        n: points, at least 10.
        noise: standard deviation of what is added to each coordinate, in radii of a half circle.

    >>> two_moons(device="cpu").x_train.shape
    torch.Size([360, 2])
    """
    generator = _generator(seed, n, noise)
    y = torch.arange(n) % 2
    angle = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    x = torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)
    x = torch.where(y[:, None] == 0, x, torch.tensor([1.0, 0.5]).double() - x)
    return _synthetic("two half circles", x, y, noise, generator, device, dtype)


def spirals(
    seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32, *, n: int = 600, noise: float = 0.05,
    classes: int = 2,
) -> Data:  # fmt: skip
    """Spirals wound into each other, one turn each: `classes` classes of `n` points in all, two features.

    Arguments as `two_moons`; `noise` is in radii of the whole.

    >>> spirals(device="cpu").x_train.shape
    torch.Size([360, 2])
    """
    generator = _generator(seed, n, noise, classes)
    y = torch.arange(n) % classes
    radius = torch.rand(n, generator=generator, dtype=torch.float64).sqrt()  # as many points outside as inside
    angle = 2 * math.pi * (radius + y / classes)
    x = radius[:, None] * torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)
    return _synthetic(f"{classes} spirals", x, y, noise, generator, device, dtype)


def blobs(
    seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32, *, n: int = 600, noise: float = 0.5,
    classes: int = 3,
) -> Data:  # fmt: skip
    """Round clouds with their centres on a circle of radius 1: `classes` classes of `n` points in all, two features.

    Arguments as `two_moons`; `noise` is the standard deviation of a cloud in each direction.

    >>> blobs(device="cpu").x_train.shape
    torch.Size([360, 2])
    """
    generator = _generator(seed, n, noise, classes)
    y = torch.arange(n) % classes
    angle = 2 * math.pi * y.double() / classes
    x = torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)
    return _synthetic(f"{classes} round clouds", x, y, noise, generator, device, dtype)


def linear(
    seed: int = 0, device: Any = None, dtype: torch.dtype = torch.float32, *, n: int = 600, noise: float = 0.1,
    weights: Sequence[float] = (1.0, -2.0, 0.5),
) -> Data:  # fmt: skip
    r"""A regression with known weights: $y = Xw + \text{noise}$, with X the standardised inputs.

    Arguments as `two_moons`; `weights` has one number for each feature.

    >>> data = linear(noise=0.0, device="cpu", dtype=torch.float64)
    >>> torch.allclose(data.x_test @ data.weights, data.y_test)
    True
    """
    generator = _generator(seed, n, noise)
    true = torch.as_tensor(weights, dtype=torch.float64, device="cpu")
    if true.ndim != 1 or not len(true):
        raise ValueError(f"weights must be a sequence of numbers, one for each feature; got {weights!r}")
    x = torch.randn(n, len(true), generator=generator, dtype=torch.float64)
    error = noise * torch.randn(n, generator=generator, dtype=torch.float64)
    parts = split(n, generator)
    z, mean, scale = standardized(x, parts[0])
    y = z @ true + error
    names = tuple(f"x{i}" for i in range(len(true)))
    source = f"Synthetic: a line with noise {noise:g}, seed {seed}."
    return _data(z, y, parts, mean, scale, None, names, source, device, dtype, weights=true)


def split(n: int, generator: torch.Generator, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of the training, validation and test part, in random order; every class in its share when given labels.

    >>> [len(part) for part in split(10, torch.Generator().manual_seed(0))]
    [6, 2, 2]
    """
    groups = [torch.arange(n)] if labels is None else [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    parts: tuple[list[Tensor], ...] = ([], [], [])
    for group in groups:
        shuffled = group[torch.randperm(len(group), generator=generator)]
        first, second = round(SPLIT[0] * len(group)), round((SPLIT[0] + SPLIT[1]) * len(group))
        for part, rows in zip(parts, shuffled.tensor_split((first, second)), strict=True):
            part.append(rows)
    whole = [torch.cat(part) for part in parts]
    train, validation, test = (rows[torch.randperm(len(rows), generator=generator)] for rows in whole)
    return train, validation, test


def standardized(x: Tensor, train: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All rows of `x` by the mean and standard deviation of its rows `train`, and these two.

    A column that is constant in the training part is only shifted.
    """
    mean, scale = x[train].mean(0), x[train].std(0, correction=0)
    # a constant column has a deviation of rounding size, which must not be blown up to one
    scale = torch.where(scale > 1e-12 * x[train].abs().amax(0), scale, 1.0)
    return (x - mean) / scale, mean, scale


def _generator(seed: int, n: int, noise: float, classes: int = 2) -> torch.Generator:
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes must be a whole number, at least 2; got {classes!r}")
    if not isinstance(n, int) or n < max(10, 5 * classes):
        raise ValueError(f"n must be a whole number, at least {max(10, 5 * classes)}, so no part is empty; got {n!r}")
    if not (isinstance(noise, (int, float)) and 0 <= noise < math.inf):
        raise ValueError(f"noise must be at least 0 and finite; got {noise!r}")
    return torch.Generator().manual_seed(seed)


def _synthetic(
    what: str, x: Tensor, y: Tensor, noise: float, generator: torch.Generator, device: Any, dtype: torch.dtype
) -> Data:
    x = x + noise * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    parts = split(len(x), generator, y)
    x, mean, scale = standardized(x, parts[0])
    classes = tuple(f"class {label}" for label in y.unique().tolist())
    source = f"Synthetic: {what} with noise {noise:g}, seed {generator.initial_seed()}."
    return _data(x, y, parts, mean, scale, classes, ("x", "y"), source, device, dtype)


def _from_sklearn(
    name: str, source: str, seed: int, device: Any, dtype: torch.dtype, image_shape: tuple[int, int] | None = None
) -> Data:
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError(
            f"the data set {name} comes with scikit-learn, which is not installed: pip install scikit-learn"
        ) from error
    bunch = getattr(datasets, f"load_{name}")()
    x, y = torch.from_numpy(bunch.data).double(), torch.from_numpy(bunch.target)
    classes = tuple(str(label) for label in bunch.target_names) if "target_names" in bunch else None
    generator = torch.Generator().manual_seed(seed)
    parts = split(len(x), generator, y if classes else None)
    x, mean, scale = standardized(x, parts[0])
    if classes:
        y = y.long()
    else:
        y = standardized(y.double()[:, None], parts[0])[0][:, 0]
    features = tuple(str(feature) for feature in bunch.feature_names)
    return _data(x, y, parts, mean, scale, classes, features, source, device, dtype, image_shape=image_shape)


def _data(
    x: Tensor, y: Tensor, parts: tuple[Tensor, ...], mean: Tensor, scale: Tensor, classes: tuple[str, ...] | None,
    features: tuple[str, ...], source: str, device: Any, dtype: torch.dtype, *, weights: Tensor | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Data:  # fmt: skip
    where = default_device() if device is None else torch.device(device)

    def placed(values: Tensor) -> Tensor:
        return values.to(where, dtype if values.is_floating_point() else None)

    tensors: dict[str, Any] = {
        f"{letter}_{part}": placed(values[rows])
        for part, rows in zip(("train", "validation", "test"), parts, strict=True)
        for letter, values in (("x", x), ("y", y))
    }
    return Data(
        **tensors,
        classes=classes,
        features=features,
        source=source,
        mean=placed(mean),
        scale=placed(scale),
        image_shape=image_shape,
        weights=None if weights is None else placed(weights),
    )
