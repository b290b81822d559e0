"""The cloud of mini-batch gradients: every point is the gradient of a batch, every number that of a formula."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.engine.data import diabetes
from coursekit.show.movable.gradient_cloud import BATCHES, ROWS, SIZES, WAY, row_gradients, words


@pytest.fixture(scope="module")
def figure():
    return show.gradient_cloud()


@pytest.fixture(scope="module")
def rows():
    table = diabetes(device="cpu", dtype=torch.float64)
    X = table.x_train[:ROWS, [table.features.index("bmi"), table.features.index("s5")]]
    return X, table.y_train[:ROWS]


def clouds(figure):
    data = figure.data
    codes = np.frombuffer(data["cloud"], "<u2").reshape(len(WAY), len(SIZES), BATCHES, 2).astype(float)
    return (2 * codes / data["top"] - 1) * data["span"]


def by_hand(w, X, y):
    """The gradient of each row's squared error, from the formula."""
    return 2 * (X @ w - y)[:, None] * X


@pytest.mark.parametrize("w", [(0.0, 0.0), (0.4, -2.0)])
def test_the_gradients_of_rows_are_those_of_the_formula(w, rows):
    w = torch.tensor(w, dtype=torch.float64)
    torch.testing.assert_close(row_gradients(w, *rows), by_hand(w, *rows))


def test_every_point_is_the_gradient_of_a_batch(figure, rows):
    """Drawn anew as documented: the first B rows of 300 shuffled epochs."""
    X, y = rows
    least = torch.linalg.solve(X.T @ X, X.T @ y)
    shuffled = torch.rand(BATCHES, ROWS, generator=torch.Generator().manual_seed(0)).argsort(1)
    for place, k in ((0, 0), (5, 3), (10, 7)):
        w = (WAY[place] * least).requires_grad_()
        made = []
        for batch in shuffled[:, : SIZES[k]]:
            loss = ((X[batch] @ w - y[batch]) ** 2).mean()
            made.append(torch.autograd.grad(loss, w)[0].tolist())
        drawn = clouds(figure)[place, k]
        width = figure.data["span"] / figure.data["top"]  # of half a code
        np.testing.assert_allclose(sorted(drawn[:, 0]), sorted(np.array(made)[:, 0]), atol=1.01 * width)
        np.testing.assert_allclose(sorted(drawn[:, 1]), sorted(np.array(made)[:, 1]), atol=1.01 * width)


def test_the_gradient_of_all_rows_shrinks_to_nothing_on_the_way(figure):
    lengths = [place["length"] for place in figure.data["places"]]
    np.testing.assert_allclose(lengths, lengths[0] * (1 - np.array(WAY)), atol=1e-12)  # the loss is a parabola
    assert lengths[-1] == 0


def test_the_spread_is_the_one_predicted(figure):
    """300 draws know a standard deviation to a few parts in a hundred; with few rows the tails are heavy."""
    for place in figure.data["places"]:
        np.testing.assert_allclose(place["spread"][2:-1], place["predicted"][2:-1], rtol=0.08)
        np.testing.assert_allclose(place["spread"][:2], place["predicted"][:2], rtol=0.2)
        assert place["spread"][-1] < 1e-12 and place["predicted"][-1] == 0


def test_the_prediction_is_that_of_drawing_without_repeats(figure, rows):
    X, y = rows
    g = by_hand(torch.zeros(2, dtype=torch.float64), X, y).numpy()
    variance = np.square(g - g.mean(0)).sum() / ROWS  # over N, with the correction for finite populations
    wanted = [np.sqrt(variance / size * (ROWS - size) / (ROWS - 1)) for size in SIZES]
    np.testing.assert_allclose(figure.data["places"][0]["predicted"], wanted)
    assert figure.data["places"][0]["root"][0] == pytest.approx(np.sqrt(np.trace(np.cov(g.T))))


def test_the_batches_that_lead_uphill_come_first(figure):
    for p, k in ((0, 0), (5, 3), (9, 0)):
        place = figure.data["places"][p]
        along = clouds(figure)[p, k] @ place["full"]
        count = place["uphill"][k]
        assert 0 < count < BATCHES
        assert (along[:count] < 1e-3).all() and (along[count:] > -1e-3).all()
    assert figure.data["places"][-1]["uphill"] == [BATCHES] * (len(SIZES) - 1) + [0]


def test_the_words_say_the_place_of_the_sliders(figure):
    place = figure.data["places"][5]
    said = figure.describe()
    assert said.startswith("Batches of 8 of 256 rows, 50 % of the way to the minimum: 300 gradients have a spread of ")
    assert f"spread of {place['spread'][3]:.3g}, predicted {place['predicted'][3]:.3g};" in said
    assert f"For {place['uphill'][3]} of 300 batches (9 %) a small step raises the loss." in said
    assert "no batch knows it" in words({**figure.data, "at": [10, 0]})
    last = words({**figure.data, "at": [10, 8]})
    assert "spread of 0, predicted 0; the gradient of all rows has a length of 0." in last
    assert "a batch of all rows knows it" in last


def test_another_seed_draws_other_batches(figure):
    other = show.gradient_cloud(seed=1)
    assert other.data["cloud"] != figure.data["cloud"]
    assert other.data["places"][0]["predicted"] == figure.data["places"][0]["predicted"]


@pytest.mark.parametrize(
    "features", [("bmi",), ("bmi", "weight"), ("bmi", "bmi"), "bmi", None, (1, 2), ("bmi", ["s5"])]
)
def test_features_that_are_not_two_inputs_are_refused(features):
    with pytest.raises(ValueError, match=r"two different names out of age, sex, bmi, .*; got "):
        show.gradient_cloud(features)


def test_without_anywidget_the_spread_stands_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.gradient_cloud().describe()
    assert "measured goes from 1.92 to 0.126; predicted goes from 2.08 to 0.13" in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_keyboard_and_mouse_choose_size_and_place(figure, opened):
    page = opened(figure.standalone_html())
    for label, key, at in (
        ("batch size", "Home", [5, 0]),
        ("way down", "End", [10, 0]),
        ("batch size", "End", [10, 8]),
    ):
        cloud, spread = page.pixels(0), page.pixels(1)
        page.slider(label).focus()
        page.page.keyboard.press(key)
        assert page.caption.startswith(words({**figure.data, "at": at}))
        assert page.pixels(0) != cloud
        assert page.pixels(1) != spread
    box = page.page.locator(".ck-pictures canvas").nth(1).bounding_box()
    page.page.mouse.click(box["x"] + 70, box["y"] + 100)
    assert page.slider("batch size").get_attribute("aria-valuetext") == "1"


@pytest.mark.browser
def test_close_up_changes_the_axes_of_the_cloud_alone(figure, opened):
    page = opened(figure.standalone_html())
    page.slider("batch size").focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    cloud, spread, caption = page.pixels(0), page.pixels(1), page.caption
    page.page.get_by_label("close up").check()
    assert page.pixels(0) != cloud
    assert (page.pixels(1), page.caption) == (spread, caption)


@pytest.mark.browser
def test_points_outside_a_narrow_picture_are_counted(figure, opened):
    page = opened(figure.standalone_html(), viewport={"width": 420, "height": 800})
    page.slider("batch size").focus()
    page.page.keyboard.press("Home")
    assert "of the points lie outside the picture." in page.caption
