"""A surface to turn: its numbers are those of the surface, and both views can be moved by mouse and by key."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.engine.surfaces import SURFACES
from coursekit.reference.gradients import numerical_gradient
from coursekit.show.movable.hillside import GRID, words


@pytest.fixture(scope="module")
def figure():
    return show.hillside()


def places(figure):
    return np.frombuffer(figure.data["places"], "<f4").reshape(GRID, GRID, 3)


@pytest.mark.parametrize("name", ["saddle", "himmelblau", "ravine"])
def test_heights_and_gradients_are_those_of_the_surface(name):
    surface = SURFACES[name]
    shown = places(show.hillside(name, surface.start))
    (x0, x1), (y0, y1) = surface.domain
    for column, row in ((0, 0), (13, 62), (80, 40)):
        x, y = x0 + (x1 - x0) * column / (GRID - 1), y0 + (y1 - y0) * row / (GRID - 1)
        point = torch.tensor([x, y], dtype=torch.float64)
        wanted = [float(surface(point)), *numerical_gradient(surface, point).tolist()]
        np.testing.assert_allclose(shown[row, column], wanted, rtol=1e-5, atol=1e-6)


def test_heights_are_drawn_true_and_not_squeezed(figure):
    heights = places(figure)[..., 0].astype(float)
    low, high = figure.data["range"]
    codes = np.frombuffer(figure.data["heights"], "<u2").reshape(GRID, GRID)
    np.testing.assert_allclose(codes / figure.data["top"], (heights - low) / (high - low), atol=1e-5)


def test_the_slope_that_is_said_is_the_one_measured():
    said = words({**show.hillside(at=(0.5, -0.5)).data, "at": [50, 30, 9]})
    point, u = torch.tensor([0.5, -0.5], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64).sqrt()
    slope = numerical_gradient(lambda s: SURFACES["saddle"](point + s * u), torch.zeros((), dtype=torch.float64))
    assert said.startswith("At (0.50, -0.50): ")
    assert f"In the direction of 45° the slope is {slope:.3g}: " in said


@pytest.mark.parametrize("at", [(0.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_where_the_ground_is_level_no_direction_is_said(at):
    said = show.hillside(at=at).describe()
    assert said.endswith("The gradient is 0, and so is the slope in every direction.")
    assert "°" not in said


@pytest.mark.parametrize("at", [(3.0, 0.0), (0.0, float("nan")), (1.0,), (1.0, 0.0, 0.0), 1.0, None, ("a", 0.0)])
def test_a_point_outside_the_surface_is_refused(at):
    with pytest.raises(ValueError, match="two numbers within -2 to 2 and -2 to 2, the domain of saddle; got"):
        show.hillside(at=at)


def test_a_surface_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no surface is called 'hill'; there are bowl, "):
        show.hillside("hill")


def test_without_anywidget_it_is_drawn_from_three_sides(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    picture = show.hillside()
    assert picture.describe().startswith("The saddle surface from three sides; its heights go from -0.25 to 4.")
    assert len(picture.axes) == 3


@pytest.mark.browser
def test_mouse_and_keys_move_the_point(figure, opened):
    page = opened(figure.standalone_html())
    space, map_ = page.pixels(0), page.pixels(1)
    canvas = page.page.locator(".ck-pictures canvas").nth(1)
    canvas.focus()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("ArrowUp")
    assert page.caption == words({**figure.data, "at": [59, 53, 0]})
    assert page.pixels(0) != space
    assert page.pixels(1) != map_
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] - 20, "y": 30})  # near a corner of the map
    x, y = map(float, re.search(r"At \((.*?), (.*?)\)", page.caption).groups())
    assert x > 1.8
    assert y > 1.8


@pytest.mark.browser
def test_the_slider_turns_the_direction(figure, opened):
    page = opened(figure.standalone_html())
    page.slider("direction").focus()
    page.page.keyboard.press("End")
    assert page.caption == words({**figure.data, "at": [60, 52, 71]})
    assert page.slider("direction").get_attribute("aria-valuetext") == "355°"


@pytest.mark.browser
def test_mouse_and_keys_turn_the_surface_alone(figure, opened):
    page = opened(figure.standalone_html())
    map_, caption = page.pixels(1), page.caption
    seen = [page.pixels(0)]
    canvas = page.page.locator(".ck-pictures canvas").first
    canvas.focus()
    for key in ("ArrowLeft", "ArrowUp"):
        page.page.keyboard.press(key)
        seen.append(page.pixels(0))
    box = canvas.bounding_box()
    page.page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 160, box["y"] + 120, steps=3)
    page.page.mouse.up()
    seen.append(page.pixels(0))
    page.page.mouse.move(box["x"] + 30, box["y"] + 60)  # let go: this turns nothing
    assert len(set(seen)) == 4
    assert page.pixels(0) == seen[-1]
    assert (page.pixels(1), page.caption) == (map_, caption)


@pytest.mark.browser
def test_the_other_gradients_can_be_taken_off_the_map(figure, opened):
    page = opened(figure.standalone_html())
    space, map_, caption = page.pixels(0), page.pixels(1), page.caption
    page.page.get_by_label("gradients all over the map").uncheck()
    assert page.pixels(1) != map_
    assert (page.pixels(0), page.caption) == (space, caption)
