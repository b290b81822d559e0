"""Learning rates through 2/L: the paths are powers of 1 - lr·λ, and the words are those of the factors."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from coursekit import show
from coursekit.show.movable.stability import CONDITIONS, LINES, words

STEEP = 10.0


@pytest.fixture(scope="module")
def figure():
    return show.stability()


def curvatures():
    """μ and L for each condition number, in the order x, y."""
    return np.array([[STEEP / condition, STEEP] for condition in CONDITIONS])


def paths_by_hand(data):
    """(conditions, rates, steps + 1, 2) from the closed form."""
    factors = 1 - np.array(data["rates"])[:, None] * curvatures()[:, None]
    powers = np.arange(data["steps"] + 1)[:, None]
    return np.array(data["start"]) * factors[:, :, None] ** powers


def test_the_paths_are_powers_of_the_factors(figure):
    data = figure.data
    wanted = paths_by_hand(data)
    low, high = np.array(data["box"]).T
    drawn = np.frombuffer(data["paths"], "<u2").reshape(wanted.shape) / data["top"] * (high - low) + low
    np.testing.assert_allclose(drawn, wanted.clip(low, high), atol=(high - low).max() / data["top"])


def test_the_loss_has_a_steep_and_a_flat_part(figure):
    data = figure.data
    parts = paths_by_hand(data) ** 2 * curvatures()[:, None, None] / 2
    wanted = np.stack([parts.sum(-1), parts[..., 1], parts[..., 0]], axis=2)
    codes = np.frombuffer(data["losses"], "<u2").reshape(wanted.shape)
    first, last = data["decades"]
    drawn = 10 ** (first + codes / data["top"] * (last - first))
    np.testing.assert_allclose(drawn, wanted.clip(10**first, 10**last), rtol=1e-3)
    assert [line["name"] for line in data["lines"]] == list(LINES)


def test_the_factors_are_those_of_the_curvatures(figure):
    rates = np.array(figure.data["rates"])[:, None]
    wanted = np.abs(1 - rates * curvatures()[:, None, ::-1])
    np.testing.assert_allclose(figure.data["factors"], wanted, atol=1e-12)


def test_the_marked_rates_are_places_of_the_slider_and_the_best_is_the_best(figure):
    data = figure.data
    rates = np.array(data["rates"])
    for mark in (*data["limits"].values(), *data["best"]):
        assert np.abs(rates - mark).min() < 1e-12
    worst = np.array(data["factors"]).max(-1)
    np.testing.assert_allclose(rates[worst.argmin(1)], data["best"])
    limit = int(np.abs(rates - data["limits"]["2/L"]).argmin())
    assert (worst[:, 1:limit] < 1).all() and (worst[:, limit + 1 :] > 1).all()


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [
        (0, "no step is taken, and the loss stays at 8.47."),
        (10, "it converges. Each step multiplies the distance to the minimum by 0.5 along the steep direction, "),
        (20, "by 0 along the steep direction, so that one step is enough, and by 0.889 along the flat one, "),
        (36, "it rings and converges. Each step multiplies the distance to the minimum by -0.8 along the steep "),
        (40, "it neither converges nor diverges. Each step multiplies the distance to the minimum by -1 along the "),
        (42, "it diverges. Each step multiplies the distance to the minimum by -1.1 along the steep direction, so that "
             "it doubles every 7.27 steps, and by 0.767 along the flat one, so that it halves every 2.61 steps."),
    ],
)  # fmt: skip
def test_the_words_say_what_the_rate_does(rate, verdict, figure):
    said = words({**figure.data, "at": [CONDITIONS.index(9), rate]})
    assert said.startswith(f"Learning rate {figure.data['rates'][rate]:.3g}, {rate / 40:.3g} of 2/L, L/μ = 9: ")
    assert verdict in said


def test_a_round_bowl_has_one_factor(figure):
    said = words({**figure.data, "at": [0, 42]})
    assert "L/μ = 1: it diverges. Each step multiplies the distance to the minimum by -1.1, so that it doubles" in said
    assert "along" not in said


def test_other_curvatures_and_steps_are_said():
    said = show.stability(steep=3, steps=1).describe()
    assert said.startswith("Learning rate 0.633, 0.95 of 2/L, L/μ = 9: it rings and converges.")
    assert "In 1 step the loss goes from 2.54 to" in said
    limit = show.stability(steep=0.3).data  # 2/L is not a number of the machine here
    assert "it neither converges nor diverges" in words({**limit, "at": [0, 40]})


@pytest.mark.parametrize("steep", [0, -1.0, float("nan"), float("inf"), "steep", None])
def test_a_curvature_that_makes_no_bowl_is_refused(steep):
    with pytest.raises(ValueError, match=r"steep must be (above 0|at least 0).*; got "):
        show.stability(steep=steep)


@pytest.mark.parametrize("steps", [0, -3, 2.5, "ten"])
def test_steps_that_are_no_number_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps must be a whole number, at least 1; got "):
        show.stability(steps=steps)


def test_without_anywidget_the_factors_stand_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.stability().describe()
    assert "steep direction goes from 1 to 1.5, lowest 0 at learning rate 0.1; flat direction goes from 1 to" in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_keyboard_and_mouse_choose_rate_and_condition(figure, opened):
    page = opened(figure.standalone_html())
    for label, key, at in (
        ("learning rate", "End", [4, 50]),
        ("condition L/μ", "End", [6, 50]),
        ("learning rate", "Home", [6, 0]),
    ):
        before = [page.pixels(canvas) for canvas in range(3)]
        page.slider(label).focus()
        page.page.keyboard.press(key)
        assert page.caption == words({**figure.data, "at": at})
        assert all(page.pixels(canvas) != before[canvas] for canvas in range(3))
    box = page.page.locator(".ck-pictures canvas").nth(2).bounding_box()
    page.page.mouse.move(box["x"] + 62, box["y"] + 100)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 5000, box["y"] + 100, steps=5)
    page.page.mouse.up()
    assert page.caption == words({**figure.data, "at": [6, 50]})


@pytest.mark.browser
def test_a_box_takes_a_direction_away_from_both_charts(figure, opened):
    page = opened(figure.standalone_html())
    before = [page.pixels(canvas) for canvas in range(3)]
    page.page.get_by_label("flat direction").uncheck()
    assert [page.pixels(canvas) == before[canvas] for canvas in range(3)] == [True, False, False]
