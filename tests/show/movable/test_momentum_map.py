"""The map of momentum: its factors are the roots of the recurrence, its values those of a loop."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.show.movable.momentum_map import BETAS, HIGHEST, RATES, best_beta, eigenvalue, periods, words


@pytest.fixture(scope="module")
def figure():
    return show.momentum_map()


def roots(rate, beta):
    """Of x[t+1] = (1 - rate + beta) x[t] - beta x[t-1], the recurrence without the velocity."""
    return np.roots([1, -(1 - rate + beta), beta])


def cells():
    return [(i, j) for i in range(0, len(BETAS), 7) for j in range(0, len(RATES), 6)]


def test_the_factors_are_the_roots_of_the_recurrence(figure):
    for i, j in cells():
        wanted = np.abs(roots(RATES[j], BETAS[i])).max()
        assert figure.data["factors"][i][j] == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_the_periods_are_the_angles_of_the_roots():
    rates, betas = (torch.tensor(values, dtype=torch.float64) for values in (RATES, BETAS))
    found = periods(eigenvalue(rates, betas))
    for i, j in cells():
        larger = max(roots(RATES[j], BETAS[i]), key=abs)
        angle = abs(np.angle(larger))
        assert found[i, j] == pytest.approx(2 * np.pi / angle if angle > 1e-6 else np.inf), (RATES[j], BETAS[i])


def test_the_values_are_those_of_a_loop(figure):
    data = figure.data
    shape = (len(BETAS), len(RATES), data["steps"] + 1)
    shares = np.frombuffer(data["values"], "<u2").reshape(shape) / data["top"]
    drawn = (2 * shares - 1) * data["reach"]
    for i, j in cells():
        x, v, wanted = 1.0, 0.0, [1.0]
        for _ in range(data["steps"]):
            v = BETAS[i] * v + x
            x -= RATES[j] * v
            wanted.append(x)
        wanted = np.clip(wanted, -data["reach"], data["reach"])
        np.testing.assert_allclose(drawn[i, j], wanted, atol=1.01 * data["reach"] / data["top"])


def test_every_second_place_of_the_map_is_a_cell(figure):
    data = figure.data
    shares = np.frombuffer(data["heights"], "<u2").reshape(data["rows"], data["columns"]) / data["top"]
    factors = np.cbrt(shares) * HIGHEST
    np.testing.assert_allclose(factors[::2, ::2], np.minimum(data["factors"], HIGHEST), atol=0.02)
    np.testing.assert_allclose(np.cbrt(data["levels"]) * HIGHEST, data["named"])


def test_no_beta_is_better_than_the_best(figure):
    rates = torch.tensor([rate for rate in RATES if rate < 4], dtype=torch.float64)
    best = eigenvalue(rates, best_beta(rates)).abs().diagonal()
    betas = torch.linspace(0, 0.999, 1000, dtype=torch.float64)
    assert (eigenvalue(rates, betas).abs().min(0).values >= best - 1e-6).all()
    torch.testing.assert_close(best, (1 - rates.sqrt()).abs(), rtol=0, atol=1e-6)
    along = dict(figure.data["best"])
    for rate, beta in along.items():
        assert beta == pytest.approx((1 - rate**0.5) ** 2)


def test_it_converges_below_twice_one_plus_beta(figure):
    factors = np.array(figure.data["factors"])
    below = np.array(RATES) < 2 * (1 + np.array(BETAS)[:, None])
    limit = np.isclose(np.array(RATES), 2 * (1 + np.array(BETAS)[:, None]))
    assert (factors[below & ~limit] < 1).all()
    assert (factors[~below & ~limit] > 1).all()


@pytest.mark.parametrize(
    ("rate", "beta", "said"),
    [
        (0.1, 0.0, "0.9 per step: it does not oscillate and halves every 6.58 steps. Without momentum it is 0.9."),
        (0.1, 0.9, "0.949 per step: it oscillates, there and back in 19.5 steps, and halves every 13.2 steps."),
        (1.0, 0.0, "0 per step: it is there after one step."),
        (1.58, 0.0, "0.58 per step: it jumps from side to side and halves every 1.27 steps."),
        (2.0, 0.0, "1 per step: it jumps from side to side and neither shrinks nor grows."),
        (2.51, 0.1, "1.34 per step: it jumps from side to side and diverges: it doubles every 2.4 steps."),
        (5.01, 0.5, "Without momentum it is 4.01. From 4 on no beta below 1 converges."),
    ],
)
def test_the_words_say_the_cell(rate, beta, said, figure):
    caption = words({**figure.data, "at": [BETAS.index(beta), RATES.index(rate)]})
    assert caption.startswith(f"Rate times curvature {rate:g}, beta {beta:g}: ")
    assert said in caption


def test_without_anywidget_the_map_stands_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.momentum_map().describe()
    assert "Factor per step over rate times curvature (across) and beta (up); the frame marks the lowest, 0, at" in said
    assert "hatched. In those it diverges." in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_the_keyboard_chooses_the_cell(figure, opened):
    page = opened(figure.standalone_html())
    for label, key, at in (
        ("lr × curvature", "End", [35, 54]),
        ("beta", "Home", [0, 54]),
        ("lr × curvature", "Home", [0, 0]),
    ):
        before = page.pixels(0), page.pixels(1)
        page.slider(label).focus()
        page.page.keyboard.press(key)
        assert page.caption == words({**figure.data, "at": at})
        assert page.pixels(0) != before[0]
        assert page.pixels(1) != before[1]
    page.page.locator(".ck-pictures canvas[tabindex]").focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.page.keyboard.press(key)
    assert page.caption == words({**figure.data, "at": [0, 2]})


@pytest.mark.browser
def test_the_crosshair_is_dragged_and_stays_in_the_map(figure, opened):
    page = opened(figure.standalone_html())
    box = page.page.locator(".ck-pictures canvas").first.bounding_box()
    middle = page.pixels(0)
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.page.mouse.down()
    assert page.pixels(0) != middle
    page.page.mouse.move(box["x"] + 5000, box["y"] - 300, steps=5)
    page.page.mouse.up()
    assert page.caption == words({**figure.data, "at": [49, 54]})
