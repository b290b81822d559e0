"""The input of a unit under dropout: means and deviations are those that the formulas give."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.show.movable.dropout_statistics import MASKS, RATES, WAYS, inputs, layer, words


@pytest.fixture(scope="module")
def figure():
    return show.dropout_statistics()


@pytest.fixture(scope="module")
def network():
    return layer(3, 0)


def test_the_network_has_learnt_its_digit(network):
    h, w = network
    assert h.shape == (110, 32) and w.shape == (32,)
    assert (h >= 0).all() and (h == 0).any()
    assert float((h @ w).mean()) > 3  # against pictures of other digits


def test_inputs_are_those_of_masks_and_weights(network):
    h, w = network
    found = inputs(h, w, 0)
    i = RATES.index(0.3)
    uniform = torch.rand((MASKS, *h.shape), generator=torch.Generator().manual_seed(0))
    kept = (h * (uniform >= 0.3)).numpy() @ w.numpy()
    np.testing.assert_allclose(found["train"][i].reshape(MASKS, -1), kept)
    np.testing.assert_allclose(found["train scaled"][i].reshape(MASKS, -1), kept / 0.7)
    np.testing.assert_allclose(found["test"][i], (h @ w))
    np.testing.assert_allclose(found["test scaled"][i], 0.7 * (h @ w))


def test_mean_and_deviation_in_training_are_those_of_the_formulas(network, figure):
    r"""E = z and Var = Var(z) + p/(1-p) E[sum (w h)^2], over pictures."""
    h, w = (values.numpy() for values in network)
    z, squares = h @ w, ((h * w) ** 2).sum(1).mean()
    part = figure.data["parts"]["train scaled"]
    for p, mean, sd in zip(RATES, part["mean"], part["sd"], strict=True):
        spread = np.sqrt(z.var() + p / (1 - p) * squares)
        assert sd == pytest.approx(spread, rel=0.03)
        assert abs(mean - z.mean()) < 4 * np.sqrt(p / (1 - p) * squares / (MASKS * len(z))) + 1e-9
    assert figure.data["parts"]["test"]["sd"] == pytest.approx([z.std()] * len(RATES))


RATIOS = dict(zip(WAYS, (lambda p: 1, lambda p: 1, lambda p: 1 - p, lambda p: 1 / (1 - p)), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_the_ratio_of_the_means_says_which_way_is_a_mistake(way, figure):
    data, ratio = figure.data, RATIOS[way]
    train, test = next(found["parts"] for found in data["ways"] if found["name"] == way)
    for i, p in enumerate(RATES[:15]):
        found = data["parts"][test]["mean"][i] / data["parts"][train]["mean"][i]
        assert found == pytest.approx(ratio(p), rel=0.02)
        said = data["captions"][list(WAYS).index(way)][i]
        assert f"p {p:.2f}, scaled {way}: " in said
        assert f"Test over train mean is {found:.2f}" in said
        assert ("a mistake" in said) == (ratio(p) != 1)


def test_the_bars_are_shares_of_all_draws(figure, network):
    low, high = figure.data["range"]
    for name, values in inputs(*network, 0).items():
        for i in (0, 6, 18):
            bars = figure.data["parts"][name]["shares"][i]
            inside = ((values[i] >= low) & (values[i] <= high)).double().mean()
            assert sum(bars) == pytest.approx(float(inside))
            counts, _ = np.histogram(values[i], len(bars), (low, high))
            np.testing.assert_allclose(bars, counts / len(values[i]), atol=2 / len(values[i]))


def test_the_text_form_opens_with_inverted_dropout(figure):
    assert figure.describe() == figure.data["captions"][0][RATES.index(0.3)]
    assert "Test over train mean is 1.00, as it should be." in figure.describe()
    twice = words({**figure.data, "at": [2, RATES.index(0.3)]})
    assert "Test over train mean is 0.70, a mistake: scaled twice, the unit gets 1 - p = 0.70 of what" in twice
    assert "is 1.00: nothing is dropped." in words({**figure.data, "at": [3, 0]})


@pytest.mark.parametrize("digit", [-1, 10, 3.0, "3", None])
def test_a_digit_that_is_none_is_refused(digit):
    with pytest.raises(ValueError, match="digit must be a whole number from 0 to 9; got "):
        show.dropout_statistics(digit)


def test_without_anywidget_the_means_stand_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.dropout_statistics().describe()
    assert "Mean input of the unit for 3 against probability p of dropping: train, scaled goes from 6.6 to 6." in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_keyboard_mouse_and_choice_change_pictures_and_caption(figure, opened):
    page = opened(figure.standalone_html())
    counts, means = page.pixels(0), page.pixels(1)
    page.slider("p").focus()
    page.page.keyboard.press("End")
    assert page.caption == words({**figure.data, "at": [0, 18]})
    assert page.pixels(0) != counts
    assert page.pixels(1) != means
    for way, name in enumerate(WAYS):
        page.page.get_by_label(name, exact=True).check()
        assert page.caption == words({**figure.data, "at": [way, 18]})
    box = page.page.locator(".ck-pictures canvas").nth(1).bounding_box()
    page.page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 62, box["y"] + 100, steps=4)
    page.page.mouse.up()
    assert page.caption == words({**figure.data, "at": [3, 0]})


@pytest.mark.browser
def test_a_box_takes_a_distribution_away(figure, opened):
    page = opened(figure.standalone_html())
    for name in ("in training", "at test"):
        counts, means = page.pixels(0), page.pixels(1)
        page.page.locator("label", has=page.page.locator("canvas")).filter(has_text=name).locator("input").uncheck()
        assert page.pixels(0) != counts
        assert page.pixels(1) != means
