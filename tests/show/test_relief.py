"""Heights of a surface, squeezed for drawing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.engine.surfaces import SURFACES
from coursekit.show.relief import LEVELS, find_surface, relief


@pytest.mark.parametrize("name", SURFACES)
def test_the_order_of_heights_is_kept(name):
    surface = SURFACES[name]
    x, y, height = relief(surface, 41, 31)
    grid = torch.tensor(np.stack(np.meshgrid(x, y), axis=-1))
    order = np.argsort(surface(grid).numpy(), axis=None)
    assert (np.diff(height.ravel()[order]) >= 0).all()
    assert (height.min(), height.max()) == (0, 1)
    assert ((x[0], x[-1]), (y[0], y[-1])) == surface.domain


@pytest.mark.parametrize("name", SURFACES)
def test_contours_are_spread_over_the_picture(name):
    heights = relief(SURFACES[name]).height
    crossed = [level for level in LEVELS if (heights < level).mean() > 0.001]
    assert len(crossed) >= 8  # enough to see a shape in every surface


def test_rows_are_y():
    surface = SURFACES["ravine"]
    height = relief(surface, 7, 5).height
    assert height.shape == (5, 7)
    assert height[0, 3] > height[2, 0]  # the ravine is steep in y


def test_a_flat_surface_has_no_heights():
    from dataclasses import replace

    flat = replace(SURFACES["bowl"], formula=lambda x, y: x * 0 + 3)
    assert (relief(flat).height == 0).all()


def test_an_unknown_surface_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no surface is called 'hill'; there are bowl, ravine"):
        find_surface("hill")
    with pytest.raises(ValueError, match="no surface is called 3; there are bowl, ravine"):
        find_surface(3)
