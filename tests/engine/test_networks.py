"""Networks of linear layers: their weights come from the seed alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from coursekit.engine import mlp


def weights(model):
    return parameters_to_vector(model.parameters())


def test_mlp_is_seeded_and_leaves_the_global_random_numbers_alone():
    state = torch.get_rng_state()
    one, same, other = mlp([4, 3, 2], seed=1), mlp((4, 3, 2), seed=1), mlp([4, 3, 2], seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(other))
    assert [type(layer) for layer in mlp([4, 3, 3, 2], activation=nn.Tanh)] == [
        nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear,
    ]  # fmt: skip
    assert mlp([4, 2], dtype=torch.float64)(torch.ones(5, 4).double()).shape == (5, 2)
    for sizes in ([4], [4, 0], [4, 2.0]):
        with pytest.raises(ValueError, match="sizes must be two or more whole numbers"):
            mlp(sizes)
    for activation in (nn.ReLU(), torch.relu, 3, dict):
        with pytest.raises(TypeError, match=r"activation must make a layer when it is called, as nn\.Tanh does"):
            mlp([4, 3, 2], activation=activation)
