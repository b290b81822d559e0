"""A surface to turn, with the gradient at a point and the slope in a direction that one chooses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from coursekit.show import style
from coursekit.show.movable.moving import moving
from coursekit.show.movable.table import encode_share, ground
from coursekit.show.relief import find_surface

if TYPE_CHECKING:
    from coursekit.engine.surfaces import Surface
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

GRID = 81  # places in x and in y that the point can take
LEVELS = tuple(k / 16 for k in range(1, 16))  # contours, evenly spaced in height
DIRECTIONS = list(range(0, 360, 5))  # degrees, counted from the x axis towards the y axis
VIEWS = (-60, 30, 120)  # degrees by which the still picture is turned


def hillside(surface: Surface | str = "saddle", at: tuple[float, float] = (1.0, 0.6)) -> Movable | Picture:
    r"""Show a surface that can be turned, the gradient at a point, and the slope in a direction.

    Drag the surface, or use the arrow keys on it, to turn it; drag the point on the map beside it, or use the arrow
    keys there; a slider turns the direction. The slope in the direction of a vector $u$ of length 1 is

    $$\nabla f \cdot u = \lVert\nabla f\rVert \cos\varphi$$

    with $\varphi$ the angle between the two. Heights are the true ones, on a scale of their own. Without anywidget
    the surface is drawn from three sides.

    Args:
        surface: a `Surface`, or its name.
        at: the point that the figure opens with, inside the surface's domain; the nearest place of a grid is taken.

    Raises:
        ValueError: a surface that there is not, or a point outside its domain.

    >>> print(hillside().describe())
    At (1.00, 0.60): height 0.352, gradient (1, -0.384) of length 1.07, pointing at 339°. In the direction of 0° the
    slope is 1: 1.07 times the cosine of 21°, the angle to the gradient.
    """
    surface = find_surface(surface)
    point = _place(surface, at)
    return moving("hillside", lambda: _data(surface, point), words, lambda: _still(surface))


def _place(surface: Surface, at: Any) -> list[int]:
    """Column and row of the place of the grid nearest to a point."""
    try:
        shares = [(v - low) / (high - low) for v, (low, high) in zip(at, surface.domain, strict=True)]
    except (TypeError, ValueError):
        shares = [math.nan]
    if not all(0 <= share <= 1 for share in shares):
        sides = " and ".join(f"{low:g} to {high:g}" for low, high in surface.domain)
        raise ValueError(f"at must be two numbers within {sides}, the domain of {surface.name}; got {at!r}")
    return [round(share * (GRID - 1)) for share in shares]


def _data(surface: Surface, at: list[int]) -> dict[str, Any]:
    sides = [torch.linspace(low, high, GRID, dtype=torch.float64) for low, high in surface.domain]
    x, y = torch.meshgrid(*sides, indexing="xy")
    height, dx, dy = surface.slopes(x, y)
    slope = torch.stack((dx, dy), dim=-1)
    slope[slope.norm(dim=-1) < 1e-9 * slope.norm(dim=-1).max()] = 0  # 1e-16 has a direction, and means none
    share = (height - height.min()) / (height.max() - height.min()).clamp_min(1e-300)
    return {
        **ground(surface, GRID, GRID),
        "title": f"The {surface.name.replace('_', ' ')} surface and its slopes",
        "heights": encode_share(share).tobytes(),  # true heights, not squeezed ones
        "levels": list(LEVELS),
        "places": torch.cat((height[..., None], slope), dim=-1).numpy().astype("<f4").tobytes(),
        "range": [float(height.min()), float(height.max())],
        "steep": float(slope.norm(dim=-1).quantile(0.9)),
        "directions": DIRECTIONS,
        "lines": [{**style.series(2)._asdict(), "dashes": [], "name": "gradients all over the map"}],
        "at": [*at, 0],
    }


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with; static/hillside.js says the same."""
    column, row, turn = data["at"]
    height, dx, dy = map(float, np.frombuffer(data["places"], "<f4").reshape(GRID, GRID, 3)[row, column])
    point = ", ".join(
        style.fixed(low + (high - low) * k / (GRID - 1))
        for k, (low, high) in zip((column, row), data["domain"], strict=True)
    )
    say, chosen = style.number, data["directions"][turn]
    length = math.hypot(dx, dy)
    if not length:
        return f"At ({point}): height {say(height)}. The gradient is 0, and so is the slope in every direction."
    heading = math.degrees(math.atan2(dy, dx)) % 360
    apart = abs((chosen - heading + 180) % 360 - 180)
    slope = length * math.cos(math.radians(apart))
    return (
        f"At ({point}): height {say(height)}, gradient ({say(dx)}, {say(dy)}) of length {say(length)}, pointing at "
        f"{style.fixed(heading, 0)}°. In the direction of {chosen}° the slope is {say(slope)}: {say(length)} times the "
        f"cosine of {style.fixed(apart, 0)}°, the angle to the gradient."
    )


def _still(surface: Surface) -> Picture:
    import mpl_toolkits.mplot3d  # noqa: F401  (it adds the projection)

    from coursekit.show.picture import Picture

    sides = [torch.linspace(low, high, GRID, dtype=torch.float64) for low, high in surface.domain]
    x, y = torch.meshgrid(*sides, indexing="xy")
    height = surface(torch.stack((x, y), dim=-1))
    with style.context():
        figure = Picture(figsize=(9.6, 3.6), layout="constrained")
        for k, turn in enumerate(VIEWS):
            axes: Any = figure.add_subplot(1, 3, k + 1, projection="3d", xlabel="x", ylabel="y")
            axes.plot_surface(x.numpy(), y.numpy(), height.numpy(), cmap="cividis", rcount=40, ccount=40, lw=0)
            axes.view_init(elev=35, azim=turn)
    name = surface.name.replace("_", " ")
    low, high = style.number(float(height.min())), style.number(float(height.max()))
    return figure.say(f"The {name} surface from three sides; its heights go from {low} to {high}.")
