"""Networks of linear layers, the same for the same seed on any device."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from coursekit.engine.device import device as default_device
from coursekit.engine.training import seeded


def mlp(
    sizes: list[int] | tuple[int, ...],
    seed: int = 0,
    activation: Callable[[], nn.Module] = nn.ReLU,
    device: Any = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """A network of linear layers with an activation between them, the same weights for the same seed on any device.

    Args:
        sizes: units of each layer, inputs first: `[64, 32, 10]` has one hidden layer.
        seed: of the weights; the global random state is not touched.
        activation: makes the layer between two linear ones, such as `nn.Tanh`.
        device: where it lives; `engine.device()`, as that of the data sets, when left out.
        dtype: of the weights.

    Raises:
        ValueError: fewer than two sizes, or one below 1.
        TypeError: an activation that makes no layer.

    >>> mlp([2, 3, 1], device="cpu")
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """
    whole = isinstance(sizes, list | tuple) and all(isinstance(size, int) and size >= 1 for size in sizes)
    if not whole or len(sizes) < 2:
        raise ValueError(f"mlp: sizes must be two or more whole numbers, at least 1, inputs first; got {sizes!r}")
    layers: list[nn.Module] = []
    with seeded(seed, torch.device("cpu")):
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs, dtype=dtype, device="cpu"), _layer(activation)]
    return nn.Sequential(*layers[:-1]).to(default_device() if device is None else device)


def _layer(activation: Any) -> nn.Module:
    try:
        layer = None if isinstance(activation, nn.Module) else activation()
    except TypeError:
        layer = None
    if not isinstance(layer, nn.Module):
        raise TypeError(f"mlp: activation must make a layer when it is called, as nn.Tanh does; got {activation!r}")
    return layer
