"""The movable figures in a real browser: keyboard, mouse, themes, and no request that leaves."""

from __future__ import annotations

import json
import re

import pytest

from coursekit import show
from coursekit.reference.gradient_descent import GradientDescentState
from coursekit.reference.rule import rule
from coursekit.show import style
from coursekit.show.movable import base
from coursekit.show.movable.playground import words
from tests.show.figures import FIGURES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def playground():
    return show.playground("ravine", ("gradient_descent", "momentum", "adam"), hyper=("beta", (0.0, 0.95)))


@pytest.mark.parametrize("name", FIGURES)
def test_the_caption_opens_with_the_text_form(name, opened):
    figure = FIGURES[name]()
    assert opened(figure.standalone_html()).caption.startswith(figure.describe())


def test_every_end_is_said_as_in_python(opened):
    """Rates from too small to far too large: each way in which a path can end."""

    def adam(param, grad, state, *, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        return param * (float("nan") if state[2] > 3 else 1), (*state[:2], state[2] + 1)

    figure = show.playground("six_hump_camel", (adam, "heavy_ball", "gradient_descent"), lr=(0.001, 1e4), steps=30)
    page = opened(figure.standalone_html())
    page.slider("learning rate").focus()
    page.page.keyboard.press("Home")
    captions = []
    for place in range(len(figure.data["lrs"])):
        captions.append(page.caption)
        assert captions[-1].startswith(words({**figure.data, "at": [place, 0]}))
        page.page.keyboard.press("ArrowRight")
    for end in ("not a number from", "outside the picture from", "), outside the picture, loss", "), loss"):
        assert any(end in caption for caption in captions), end


def test_the_keyboard_moves_a_slider(opened, playground):
    page = opened(playground.standalone_html())
    caption, path, losses = page.caption, page.pixels(0), page.pixels(1)
    page.slider("learning rate").focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    rate = style.number(playground.data["lrs"][len(playground.data["lrs"]) // 2 + 4])
    assert page.caption.startswith(f"Learning rate {rate}, beta 0.475, 100 steps from")
    assert page.caption != caption
    assert page.pixels(0) != path
    assert page.pixels(1) != losses
    assert page.slider("learning rate").get_attribute("aria-valuetext") == rate


@pytest.mark.parametrize("label", ["learning rate", "beta", "step"])
def test_the_mouse_moves_a_slider(label, opened, playground):
    page = opened(playground.standalone_html())
    caption, path = page.caption, page.pixels()
    box = page.slider(label).bounding_box()
    page.page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    assert page.caption != caption
    assert page.pixels() != path


def test_the_table_is_drawn_at_the_place_of_both_sliders(opened, playground):
    """The corner of the table: a wrong order of its axes would show another path."""
    page = opened(playground.standalone_html())
    for label in ("learning rate", "beta"):
        page.slider(label).focus()
        page.page.keyboard.press("End")
    corner = {**playground.data, "at": [len(playground.data["lrs"]) - 1, len(playground.data["values"]) - 1]}

    assert page.caption.startswith(words(corner))


def test_a_box_takes_a_path_away(opened, playground):
    page = opened(playground.standalone_html())
    path = page.pixels()
    page.page.get_by_label("momentum").uncheck()
    assert "momentum" not in page.caption
    assert page.pixels() != path
    for name in ("gradient_descent", "adam"):
        page.page.get_by_label(name).uncheck()
    assert "no path is shown" in page.caption


def test_play_runs_through_the_steps_and_pauses(opened, playground):
    page = opened(playground.standalone_html())
    page.page.get_by_label("play the steps").click()
    page.page.wait_for_function("Number(document.querySelectorAll('.ck-slider input')[2].value) % 100 > 0")
    page.page.get_by_label("pause").click()
    stopped = page.slider("step").input_value()
    assert f", {stopped} step" in page.caption
    page.page.get_by_label("play the steps").wait_for()
    assert page.slider("step").input_value() == stopped


def test_a_mistake_is_said_where_the_line_would_be(opened):
    def adam(param, grad, state, *, lr):
        raise KeyError("no <such> velocity")

    page = opened(show.playground(rules=[adam], steps=5).standalone_html())
    assert re.search(r"your adam is not drawn: it raises KeyError in line \d+: 'no <such> velocity'\.", page.caption)
    assert page.page.get_by_label("your adam (not drawn: raises KeyError)").is_disabled()
    assert page.page.get_by_label("adam", exact=True).is_enabled()
    alone = opened(show.playground(rules=["adam"], steps=5).standalone_html())
    assert [page.pixels(0), page.pixels(1)] == [alone.pixels(0), alone.pixels(1)]


def test_the_legend_says_where_a_line_is_lost(opened):
    def gradient_descent(param, grad, state, *, lr):
        return param - (lr * grad).where(lr * grad.abs() < 1.2, float("nan")), state

    page = opened(show.playground(rules=[gradient_descent], steps=5).standalone_html())
    remarks = []
    page.slider("learning rate").focus()
    for key in ("Home", "End"):
        page.page.keyboard.press(key)
        page.settle()
        remarks.append(page.page.locator(".ck-checks .ck-note").all_text_contents())
    assert remarks == [["", ""], ["(outside the picture)", "(not a number)"]]
    assert "your gradient_descent diverges: not a number from step 1 on" in page.caption


def test_the_ground_is_drawn_where_no_rule_works(opened):
    def broken(param, grad, state, *, lr=0.1):
        raise ValueError

    page = opened(show.playground(rules=[rule(GradientDescentState)(broken)], steps=5).standalone_html())
    assert "your broken is not drawn: it raises ValueError in line" in page.caption
    assert page.page.get_by_label("your broken (not drawn: raises ValueError)").is_disabled()
    colors = page.page.evaluate(
        "() => { const canvas = document.querySelector('.ck-pictures canvas');"
        "return new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size; }"
    )
    assert colors > 50


def test_without_a_kernel_the_start_stays_and_the_text_says_so(opened, playground):
    page = opened(playground.standalone_html())
    assert page.caption.endswith("Moving the start needs a running kernel.")
    canvas = page.page.locator(".ck-pictures canvas").first
    assert canvas.get_attribute("tabindex") is None
    before = page.pixels()
    canvas.click(position={"x": 300, "y": 100})
    assert page.pixels() == before


def answering(figure) -> str:
    """A page whose model answers as a kernel would, and keeps what it was asked in `asked`."""
    data = json.dumps(figure.data, default=base._as_base64)
    return (
        f"<style>{base.css()}</style><body class='ck-page'><script type='module'>{base.script('playground')}\n"
        f"const data = {data};\nconst model = savedModel(data);\nconst handlers = {{}};\nwindow.asked = [];\n"
        "model.on = (event, handler) => (handlers[event] = handler);\n"
        "model.send = (message) => { asked.push(message); if (message.start) data.start = message.start;\n"
        "  setTimeout(() => { handlers['change:data'](); handlers['msg:custom']({ kind: 'answer' }); }, 30); };\n"
        "render({ model, el: document.body });</script></body>"
    )


def test_with_a_kernel_the_start_is_dragged(opened, playground):
    page = opened(answering(playground))
    canvas = page.page.locator(".ck-pictures canvas[tabindex]")
    canvas.wait_for()
    assert "Drag the white square" in page.caption
    box = canvas.bounding_box()
    page.page.mouse.move(box["x"] + 120, box["y"] + 80)
    page.page.mouse.down()
    many = """(canvas) => { for (let x = 120; x < 5000; x += 10) canvas.dispatchEvent(
        new PointerEvent("pointermove", { clientX: x, clientY: canvas.getBoundingClientRect().y + 90 })) }"""
    canvas.evaluate(many)  # faster than any answer can come
    page.page.mouse.move(box["x"] + 5000, box["y"] + 90)
    page.page.mouse.up()
    page.page.wait_for_function("document.querySelector('.ck-caption').textContent.includes('from (3.00')")
    asked = page.page.evaluate("asked")
    assert asked[0] == {"kind": "hello"}
    assert asked[-1]["start"][0] == 3.0  # held at the edge of the picture
    assert len(asked) < 20  # one question at a time, not one for each of hundreds of moves


def test_with_a_kernel_the_arrow_keys_move_the_start(opened, playground):
    page = opened(answering(playground))
    canvas = page.page.locator(".ck-pictures canvas[tabindex]")
    canvas.focus()
    for key in ("ArrowRight", "ArrowUp"):
        page.page.keyboard.press(key)
    page.page.wait_for_function("document.querySelector('.ck-caption').textContent.includes('from (-2.40, 1.05)')")


def test_margins_move_by_slider_by_mouse_and_by_label(opened):
    page = opened(show.margins().standalone_html())
    before = page.pixels()
    page.slider("score s").focus()
    page.page.keyboard.press("Home")
    assert page.caption.startswith("Score -3.00 with label +1: margin -3.00. hinge 4, slope -1;")
    assert page.pixels() != before
    page.page.get_by_label("-1", exact=True).check()
    assert page.caption.startswith("Score -3.00 with label -1: margin 3.00. hinge 0, slope 0;")
    box = page.page.locator(".ck-pictures canvas").bounding_box()
    page.page.mouse.click(box["x"] + (62 + box["width"] - 16) / 2, box["y"] + 100)
    assert "with label -1: margin 0.00. hinge 1, slope -1;" in page.caption
    assert "where it jumps from 1 to 0" in page.caption


@pytest.mark.parametrize("name", FIGURES)
def test_the_theme_of_the_page_is_followed(name, opened):
    html = FIGURES[name]().standalone_html()
    shown = {}
    for theme, inks in style.THEMES.items():
        page = opened(html, color_scheme=theme)
        shown[theme] = page.pixels()
        page_color, ink = page.page.evaluate(
            "[document.body, document.querySelector('figcaption')].map((node) => getComputedStyle(node))"
            ".map((css, i) => (i ? css.color : css.backgroundColor))"
        )
        assert (page_color, ink) == (rgb(inks.page), rgb(inks.ink))
    assert shown["light"] != shown["dark"]


def test_a_change_of_theme_is_followed_at_once(opened):
    page = opened(show.margins().standalone_html().replace('class="ck-page"', ""), color_scheme="dark")
    light = page.pixels()  # a host in a light theme decides, not the system
    page.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert page.pixels() != light
    page.page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    assert page.pixels() == light


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize("name", FIGURES)
def test_a_narrow_page_does_not_scroll_sideways(name, opened):
    page = opened(FIGURES[name]().standalone_html(), viewport={"width": 420, "height": 800})
    page.settle()
    assert page.page.evaluate("document.scrollingElement.scrollWidth") <= 420


def test_numbers_are_said_as_in_python(opened):
    values = [0, 0.5, -0.05, 12.345, 999.4, 1234.5, 99999.4, 1e5, 2.5e-7, -3.14159e12, 0.001, 0.0999951, 1.125, -2.5]
    page = opened(show.margins().standalone_html())
    source = (base.STATIC / "movable.js").read_text("utf-8")
    said = page.page.evaluate(f"(values) => {{ {source}; return values.map((v) => [number(v), fixed(v)]); }}", values)
    assert said == [[style.number(v), style.fixed(v)] for v in values]
