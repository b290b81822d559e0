"""The playground on the side of Python: what it computes, what it says, and what it does with a learner's mistakes."""

from __future__ import annotations

import html
import re
import sys

import numpy as np
import pytest
import torch

from coursekit import show
from coursekit.engine.surfaces import SURFACES
from coursekit.engine.sweep import sweep
from coursekit.reference import RULES
from coursekit.reference.gradient_descent import GradientDescentState
from coursekit.reference.rule import rule
from coursekit.show.movable import table

RAVINE = SURFACES["ravine"]


def adam(param, grad, state, *, lr, beta1=0.9, beta2=0.999, eps=1e-8):  # without bias correction
    m, v, t = state
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return param - lr * m / (v.sqrt() + eps), (m, v, t + 1)


def table_of(figure):
    data = figure.data
    shape = (len(data["lines"]), len(data["lrs"]), len(data["values"]), data["steps"] + 1, 2)
    codes = np.frombuffer(data["paths"], "<u2").reshape(shape).astype(float)
    low, high = np.array(data["box"]).T
    return low + codes / table.TOP * (high - low)


def names(figure):
    return [line["name"] for line in figure.data["lines"]]


def test_the_table_holds_every_path_of_the_sliders():
    figure = show.playground("ravine", ("adam", "momentum"), lr=(0.01, 0.1), hyper=("beta", (0.0, 0.9)), steps=15)
    data, points = figure.data, table_of(figure)
    assert (data["lrs"][0], data["lrs"][-1], data["values"][0], data["values"][-1]) == (0.01, 0.1, 0, 0.9)
    found = sweep(RULES["momentum"], RAVINE, steps=15, lr=data["lrs"], beta=data["values"]).paths
    np.testing.assert_allclose(points[1], np.clip(found.numpy(), *np.array(data["box"]).T), atol=2e-4)
    alone = sweep(RULES["adam"], RAVINE, steps=15, lr=data["lrs"])
    np.testing.assert_allclose(points[0], alone.paths[:, None].expand(*points[0].shape), atol=2e-4)


def test_the_text_form_says_where_each_path_ends():
    figure = show.playground("ravine", ["gradient_descent"], lr=(0.01, 0.04), steps=20)
    rate = figure.data["lrs"][30]
    x, y = sweep(RULES["gradient_descent"], RAVINE, steps=20, lr=rate).paths[-1].tolist()
    said = figure.describe()
    assert said.startswith(
        f"Learning rate {rate}, 20 steps from (-2.50, 1.00): gradient_descent ends at ({x:.2f}, {y:.2f})"
    )
    bundle = figure._repr_mimebundle_()[0]
    assert bundle["text/plain"] == said
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_what_diverges_is_said():
    figure = show.playground("ravine", ["gradient_descent", "adam"], lr=(0.5, 0.6))
    assert re.search(
        r"gradient_descent diverges: outside the picture from step [1-9] on; adam ends at", figure.describe()
    )


def test_a_learners_function_stands_beside_the_reference_of_its_name():
    figure = show.playground("ravine", [adam, "momentum"], steps=10)
    assert names(figure) == ["adam", "your adam", "momentum"]
    reference, own, other = figure.data["lines"]
    assert own["dashes"] and not reference["dashes"]
    assert len({reference["color"], own["color"], other["color"]}) == 3
    points = table_of(figure)
    found = sweep(adam, RAVINE, steps=10, lr=figure.data["lrs"])
    np.testing.assert_allclose(points[1, :, 0], found.paths, atol=2e-4)
    assert np.abs(points[0] - points[1]).max() > 0.1


def test_the_reference_is_not_drawn_twice():
    assert names(show.playground(rules=[adam, "adam", adam], steps=3)) == ["adam", "your adam", "your adam (2)"]


def test_a_learners_own_rule_needs_no_reference():
    @rule(GradientDescentState)
    def sign_descent(param, grad, state, *, lr=0.1):
        return param - lr * grad.sign(), state

    assert names(show.playground(rules=sign_descent, steps=3)) == ["your sign_descent"]


def raises(param, grad, state, *, lr):
    velocity = state[0]["no such velocity"]
    return param - lr * velocity, state


def leaves(param, grad, state, *, lr):
    sys.exit(1)


class Silent(Exception):
    def __str__(self):
        raise ValueError


def raises_without_words(param, grad, state, *, lr):
    raise Silent


def raises_what_no_page_can_hold(param, grad, state, *, lr):
    raise ValueError("\x1b[31m" + "\ud800" + "<b>" + 300 * "x")


def wrong_shape(param, grad, state, *, lr):
    return param.sum(), state


def nothing(param, grad, state, *, lr):
    pass


def norm(param, grad, state, *, lr):
    return param - lr * grad / grad.norm(), state


def blank(param, grad, state, *, lr):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "brief", "message"),
    [
        (raises, "raises IndexError", "it raises IndexError in line %d: tuple index out of range"),
        (raises_without_words, "raises Silent", "it raises Silent in line %d; adam"),
        (raises_what_no_page_can_hold, "raises ValueError", "in line %d: [31m <b>xxx"),
        (leaves, "", "it raises SystemExit"),
        (wrong_shape, "wrong result", "must keep its shape (2,); it has ()"),
        (nothing, "wrong result", "it returned None"),
        (norm, "", "a rule must treat every element on its own"),
        (blank, "not written yet", "it is not written yet; adam"),
    ],
)
def test_a_mistake_is_said_in_place_and_the_others_are_drawn(function, brief, message, monkeypatch):
    monkeypatch.setattr(function, "__name__", "gradient_descent")
    figure = show.playground("ravine", [function, "adam"], steps=5)
    assert names(figure) == ["gradient_descent", "your gradient_descent", "adam"]
    said = figure.describe()
    assert said.isprintable() and html.escape(said) in figure.standalone_html()
    assert "; your gradient_descent is not drawn: " in said
    assert message.replace("%d", str(function.__code__.co_firstlineno + 1)) in said
    assert "; adam ends at" in said
    assert [line["brief"] for line in figure.data["lines"]] == ["", brief, ""]
    alone = show.playground("ravine", ["gradient_descent", "adam"], steps=5)
    np.testing.assert_array_equal(table_of(figure)[[0, 2]], table_of(alone))


def test_a_learner_may_leave_gradients_on():
    def gradient_descent(param, grad, state, *, lr):
        return (param - lr * grad).clone().requires_grad_(), state

    own, reference = table_of(show.playground(rules=[gradient_descent], steps=5))
    np.testing.assert_array_equal(own, reference)


def test_when_no_rule_can_be_drawn_the_ground_is():
    @rule(GradientDescentState)
    def broken(param, grad, state, *, lr=0.1):
        raise ValueError("not today")

    figure = show.playground(rules=broken, steps=5)
    assert figure.describe().endswith(": not today.")
    assert figure.data["heights"] == show.playground(rules=["adam"], steps=5).data["heights"]


def test_a_learners_nan_is_said_with_its_step():
    def gradient_descent(param, grad, state, *, lr):
        return param * float("nan"), state

    said = show.playground("ravine", [gradient_descent], steps=5).describe()
    assert "your gradient_descent diverges: not a number from step 1 on" in said


def test_a_rule_that_does_not_end_is_said_and_not_tried_again(monkeypatch):
    calls = []

    def gradient_descent(param, grad, state, *, lr):
        calls.append(1)
        while True:
            pass

    monkeypatch.setattr(table, "PATIENCE", 0.2)
    figure = show.playground("ravine", [gradient_descent, "adam"], steps=5)
    assert "your gradient_descent is not drawn: it takes longer than 0.2 s; adam ends" in figure.describe()
    figure._handle_custom_msg({"kind": "start", "start": [1, 1]}, [])
    assert "your gradient_descent is not drawn: it takes longer" in figure._repr_mimebundle_()[0]["text/html"]
    assert len(calls) == 1
    assert "your gradient_descent is not drawn: it takes longer than 0.2 s; adam ends" in figure.describe()
    assert figure.data["lines"][1]["brief"] == "too slow"


def test_a_new_start_from_the_browser_makes_the_table_anew(monkeypatch):
    figure = show.playground("ravine", ["adam"], steps=5)
    sent = []
    monkeypatch.setattr(figure, "send", sent.append)
    figure._handle_custom_msg({"kind": "start", "start": [2.0, -9.0]}, [])
    assert figure.data["start"] == [2.0, -1.5]  # held inside the picture
    assert figure.data == show.playground("ravine", ["adam"], start=(2.0, -1.5), steps=5).data
    assert sent == [{"kind": "answer"}]


def test_hello_is_answered_without_new_data(monkeypatch):
    figure = show.playground("ravine", ["adam"], steps=5)
    before, sent = figure.data, []
    monkeypatch.setattr(figure, "send", sent.append)
    figure._handle_custom_msg({"kind": "hello"}, [])
    assert figure.data is before
    assert sent == [{"kind": "answer"}]


def test_without_anywidget_the_picture_stands_still_and_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    monkeypatch.setattr(raises, "__name__", "adam")
    figure = show.playground(
        "ravine", ["gradient_descent", raises], lr=(0.01, 0.04), hyper=("beta1", (0, 0.9)), steps=20
    )
    assert "gradient_descent ends after 20 steps" in figure.describe()
    assert "your adam is not drawn: it raises IndexError in line" in figure.describe()
    assert "Learning rate 0.02, beta1 0.45. This picture stands still because anywidget" in figure.describe()


def test_without_anywidget_and_with_no_rule_that_works_the_ground_stands(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    wrong = rule(GradientDescentState)(wrong_shape)
    said = show.playground(rules=wrong, steps=5).describe()
    assert said.startswith(
        "Contours of the ravine surface without a path. your wrong_shape is not drawn: wrong_shape: the"
    )


def test_any_surface_is_drawn_from_any_start():
    for name, surface in SURFACES.items():
        said = show.playground(name, ["adam"], start=surface.start, steps=3).describe()
        assert "3 steps from" in said


def test_a_range_over_decades_is_log_spaced():
    figure = show.playground("ravine", ["adam"], hyper=("eps", (1e-8, 1.0)), steps=2)
    ratios = np.diff(np.log(figure.data["values"]))
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"surface": "hill"}, "no surface is called 'hill'"),
        ({"rules": ["adamm"]}, "no rule is called 'adamm'; there are gradient_descent, momentum"),
        ({"rules": []}, "one to 6 rules; got 0"),
        ({"rules": ["adam"] * 7}, "one to 6 rules; got 7"),
        ({"rules": [raises]}, "raises is not the name of a rule of the course"),
        ({"start": (1, 2, 3)}, r"two numbers \(x, y\); got \(1, 2, 3\)"),
        ({"start": (1, float("nan"))}, "two finite numbers"),
        ({"lr": (0, 1)}, "above 0, as its slider is log-spaced"),
        ({"lr": 0.1}, r"lr must be a range of two numbers \(low, high\); got 0.1"),
        ({"lr": (1, 0.1)}, "low below high"),
        ({"hyper": "beta"}, r'hyper must be a name and a range, such as \("beta"'),
        ({"hyper": ("gamma", (0, 1))}, "none of the rules has a hyperparameter 'gamma'.*beta, beta1"),
        ({"hyper": ("lr", (0, 1))}, "none of the rules has a hyperparameter 'lr'"),
        ({"hyper": ("beta", (0, 1))}, "beta must be at least 0 and below 1; got 1"),
        ({"steps": 0}, "steps must be a whole number, at least 1; got 0"),
        ({"steps": 2.5}, "got 2.5"),
    ],
)
def test_bad_input_is_refused_with_what_was_wanted(arguments, message):
    with pytest.raises(ValueError, match=message):
        show.playground(**arguments)


def test_a_class_is_no_rule():
    with pytest.raises(TypeError, match="a rule must be a function"):
        show.playground(rules=[torch.optim.Adam])
