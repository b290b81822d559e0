"""A surface as a picture: its heights on a grid, squeezed so that a deep valley and a high wall both show contours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from coursekit.engine.surfaces import Surface

LEVELS = tuple(float(level) for level in np.linspace(0, 1, 16)[1:-1])  # contours, evenly spaced in the squeezed height


class Relief(NamedTuple):
    """Squeezed heights of a surface over its domain."""

    x: np.ndarray  # (columns,)
    y: np.ndarray  # (rows,), upwards
    height: np.ndarray  # (rows, columns), from 0 at the lowest point of the grid to 1 at the highest


def relief(surface: Surface, columns: int = 181, rows: int = 121) -> Relief:
    r"""Heights of `surface` on a grid over its domain, squeezed to 0 … 1 by a logarithm.

    $$h = \frac{\log(1 + (f - f_{\min})/s)}{\log(1 + (f_{\max} - f_{\min})/s)}$$

    with $s$ the height that a tenth of the grid stays below. The order of heights is kept: lines of equal $h$ are
    contours of $f$.
    """
    (x0, x1), (y0, y1) = surface.domain
    x = torch.linspace(x0, x1, columns, dtype=torch.float64)
    y = torch.linspace(y0, y1, rows, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    above = surface(points) - surface(points).min()
    scale = above.quantile(0.1).clamp_min(1e-12 * float(above.max()) + 1e-300)
    height = torch.log1p(above / scale)
    return Relief(x.numpy(), y.numpy(), (height / height.max().clamp_min(1e-300)).numpy())


def find_surface(surface: Surface | str) -> Surface:
    """The surface of this name, or the surface itself."""
    from coursekit.engine.surfaces import SURFACES, Surface

    if isinstance(surface, Surface):
        return surface
    if surface not in SURFACES:
        raise ValueError(f"no surface is called {surface!r}; there are {', '.join(SURFACES)}")
    return SURFACES[surface]
