"""Effective rates: those of the formulas for known gradients, and torch's own optimizers come as far."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.show.movable.effective_rates import BETAS, CHANGE, COORDINATES, EVERY, RATIOS, SHOWN, STEPS, walk, words

LR = 0.1
RATIO, BETA = RATIOS.index(100), BETAS.index(0.9)


@pytest.fixture(scope="module")
def figure():
    return show.effective_rates()


def gradients(ratio):
    """(steps, coordinates), written down anew."""
    made = np.ones((STEPS, 3))
    made[:CHANGE, 1] = ratio
    made[:, 2] = [1 if step % EVERY == 1 else 0 for step in range(1, STEPS + 1)]
    return made


def by_formula(name, grads, beta):
    """lr / (sqrt(s) + eps) from sums over all gradients so far, without a recurrence."""
    if name == "gradient_descent":
        return np.full_like(grads, LR)
    age = np.arange(STEPS)[:, None] - np.arange(STEPS)
    if name == "adagrad":
        weights, eps = (age >= 0) * 1.0, 1e-10
    else:
        weights, eps = np.where(age >= 0, (1 - beta) * beta ** np.maximum(age, 0.0), 0), 1e-8
    if name == "adam":
        weights = weights / weights.sum(1, keepdims=True)
    return LR / (np.sqrt(weights @ grads**2) + eps)


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize(("ratio", "beta"), [(0, 0), (RATIO, BETA), (len(RATIOS) - 1, len(BETAS) - 1)])
def test_the_rates_are_those_of_the_formulas(name, ratio, beta):
    rates, _ = walk(name, LR)
    wanted = by_formula(name, gradients(RATIOS[ratio]), BETAS[beta])
    np.testing.assert_allclose(rates[ratio, beta].T, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", SHOWN)
def test_the_distance_is_that_of_torch(name):
    param = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    beta = BETAS[BETA]
    optimizer = {
        "gradient_descent": lambda: torch.optim.SGD([param], lr=LR),
        "adagrad": lambda: torch.optim.Adagrad([param], lr=LR, eps=1e-10),
        "rmsprop": lambda: torch.optim.RMSprop([param], lr=LR, alpha=beta, eps=1e-8),
        "adam": lambda: torch.optim.Adam([param], lr=LR, betas=(0.9, beta), eps=1e-8),
    }[name]()
    wanted = []
    for grad in gradients(100):
        param.grad = torch.from_numpy(grad.copy())
        optimizer.step()
        wanted.append(-param.detach().numpy().copy())
    _, places = walk(name, LR)
    np.testing.assert_allclose(places[RATIO, BETA].T, wanted, rtol=1e-6)  # TINY gradients move next to nothing


@pytest.mark.parametrize("lr", [0.1, 3e-4])
def test_the_table_keeps_the_numbers_to_a_part_in_a_thousand(lr):
    data = show.effective_rates(lr).data
    shape = (len(SHOWN), 2, len(RATIOS), len(BETAS), len(COORDINATES), STEPS)
    low, high = data["decades"]
    drawn = 10 ** (low + np.frombuffer(data["table"], "<u2").reshape(shape) / data["top"] * (high - low))
    for index, name in enumerate(SHOWN):
        np.testing.assert_allclose(drawn[index], torch.stack(walk(name, lr)), rtol=1e-3)
    np.testing.assert_array_equal(np.array(data["gradients"][RATIO]).T, gradients(100))


def test_the_words_say_rates_and_distances(figure):
    said = words({**figure.data, "at": [0, RATIO, BETA, 0]})
    assert said.startswith(
        "gradient_descent, first gradients 100 against 1, 1 step: rate 0.1 and distance 0.1 for steady"
    )
    assert "rate 0.1 and distance 10 for large at first;" in said
    assert said.endswith("The farthest has come 100 times as far as the nearest.")
    said = words({**figure.data, "at": [1, RATIO, BETA, 39]})
    assert said.startswith(
        "adagrad, first gradients 100 against 1, 40 steps: rate 0.0158 and distance 1.13 for steady;"
    )
    assert words({**figure.data, "at": [2, 0, 0, 9]}).startswith("rmsprop, beta 0.5, first gradients 1 against 1, 10 ")


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), "fast", None])
def test_a_rate_that_is_none_is_refused(lr):
    with pytest.raises(ValueError, match=r"lr must be (above 0|at least 0).*; got "):
        show.effective_rates(lr)


def test_without_anywidget_the_rates_stand_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.effective_rates().describe()
    assert "Effective rate against step on a log axis: steady goes from 0.1 to 0.1; large at first goes from" in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_every_rule_is_said_as_in_python(figure, opened):
    page = opened(figure.standalone_html())
    for index, name in enumerate(SHOWN):
        page.page.get_by_label(name, exact=True).check()
        assert page.caption == words({**figure.data, "at": [index, *figure.data["at"][1:]]})
        assert page.slider("beta").is_disabled() == (SHOWN[name] is None)


@pytest.mark.browser
def test_keyboard_and_mouse_choose_gradients_beta_and_step(figure, opened):
    page = opened(figure.standalone_html())
    for label, key, at, changed in (
        ("first gradients", "Home", [3, 0, 5, 119], [0, 1, 2]),
        ("beta", "Home", [3, 0, 0, 119], [1, 2]),
        ("step", "Home", [3, 0, 0, 0], [0, 1, 2]),
    ):
        before = [page.pixels(canvas) for canvas in range(3)]
        page.slider(label).focus()
        page.page.keyboard.press(key)
        assert page.caption == words({**figure.data, "at": at})
        assert [canvas for canvas in range(3) if page.pixels(canvas) != before[canvas]] == changed
    for canvas in range(3):
        box = page.page.locator(".ck-pictures canvas").nth(canvas).bounding_box()
        page.page.mouse.click(box["x"] + 70, box["y"] + 60)
        page.page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 60)
        assert page.caption == words({**figure.data, "at": [3, 0, 0, 119]})


@pytest.mark.browser
def test_a_box_takes_a_coordinate_out_of_pictures_and_words(figure, opened):
    page = opened(figure.standalone_html())
    before = [page.pixels(canvas) for canvas in range(3)]
    for name in COORDINATES[:2]:
        page.page.get_by_label(name).uncheck()
    assert all(page.pixels(canvas) != before[canvas] for canvas in range(3))
    assert page.caption.endswith("120 steps: rate 0.324 and distance 3.79 for sparse.")
    page.page.get_by_label("sparse").uncheck()
    assert page.caption.endswith("no coordinate is shown.")
