"""The schedule composer: the curve, the caption and the line of Python say the same schedule."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest

from coursekit import show
from coursekit.reference import schedules
from coursekit.show.movable.schedule_composer import call, composed, words

OPENING = {"kind": 3, "strength": 0, "warmup": 2, "hold": 0, "total": 1, "floor": 0}
CONSTANT, STEP, EXPONENTIAL, COSINE, ONE_CYCLE = range(5)


@pytest.fixture(scope="module")
def figure():
    return show.schedule_composer()


def places(data):
    """Every place of the sliders."""
    sizes = [range(len(data[f"{name}s"])) for name in ("warmup", "hold", "total", "floor")]
    for k, kind in enumerate(data["kinds"]):
        for strength, warmup, hold, total, floor in itertools.product(range(len(kind["strengths"])), *sizes):
            yield {"kind": k, "strength": strength, "warmup": warmup, "hold": hold, "total": total, "floor": floor}


def by_hand(data, at):
    """The rates of all steps from the formulas, with the peak 0.1."""
    warmup, hold, total, floor = (data[f"{name}s"][at[name]] for name in ("warmup", "hold", "total", "floor"))
    if at["kind"] == ONE_CYCLE:
        top = 0.3 * total - 1
        fall = [math.cos(math.pi * max(t - top, 0) / (total - 1 - top)) for t in range(total)]
        rise = [math.cos(math.pi * min(t, top) / top) for t in range(total)]
        return [
            (0.004 + 0.048 * (1 - up)) if t <= top else 0.1 + (4e-7 - 0.1) / 2 * (1 - down)
            for t, (up, down) in enumerate(zip(rise, fall, strict=True))
        ]
    strength, start = data["kinds"][at["kind"]]["strengths"][at["strength"]], warmup + hold
    decay = {
        CONSTANT: lambda s: 0.1,
        STEP: lambda s: max(floor, 0.1 * strength ** (s // 50)),
        EXPONENTIAL: lambda s: max(floor, 0.1 * math.exp(-strength * s)),
        COSINE: lambda s: floor + (0.1 - floor) / 2 * (1 + math.cos(math.pi * s / (total - start))),
    }[at["kind"]]
    ramp = [0.1 * (t + 1) / warmup for t in range(warmup)]
    return [*ramp, *[0.1] * hold, *[decay(t - start) for t in range(start, total)]]


def test_every_schedule_is_that_of_the_formulas(figure):
    checked = list(places(figure.data))
    assert len(checked) == 3120
    for at in checked[::7]:
        np.testing.assert_allclose(composed(figure.data, at), by_hand(figure.data, at), rtol=1e-6, atol=1e-9)


def test_the_line_of_python_gives_the_curve(figure):
    names = {name: getattr(schedules, name) for name in dir(schedules) if not name.startswith("_")}
    lines = set()
    for at in list(places(figure.data))[::31]:
        line = call(figure.data, at)
        rates = [eval(line, {**names, "t": t}) for t in range(figure.data["totals"][at["total"]])]
        np.testing.assert_allclose(composed(figure.data, at), rates, rtol=1e-6, atol=1e-9, err_msg=line)
        lines.add(line.split("(t")[0].split("(max")[0])
    assert len(lines) > 4


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({}, "warmup_cosine(t, lr=0.1, warmup=20, total=300)"),
        ({"warmup": 0}, "cosine_decay(t, lr=0.1, lr_min=0, total=300)"),
        ({"kind": STEP, "strength": 2, "warmup": 0}, "step_decay(t, lr=0.1, drop=0.5, every=50)"),
        (
            {"kind": EXPONENTIAL, "strength": 2, "hold": 1, "floor": 1},
            "min(1, (t + 1) / 20) * max(1e-4, exponential_decay(max(t - 70, 0), lr=0.1, decay=0.01))",
        ),
        ({"kind": CONSTANT, "hold": 2, "floor": 3}, "min(1, (t + 1) / 20) * constant(t, lr=0.1)"),
        ({"kind": ONE_CYCLE, "hold": 1, "floor": 2}, "one_cycle(t, lr=0.1, total=300)"),
        ({"floor": 2}, "min(1, (t + 1) / 20) * cosine_decay(max(t - 20, 0), lr=0.1, lr_min=0.001, total=280)"),
    ],
)
def test_the_line_is_as_short_as_the_schedule_allows(place, line, figure):
    assert call(figure.data, {**OPENING, **place}) == line


@pytest.mark.parametrize("lr", [0.3, 1.2345e-4, 7])
def test_another_peak_is_in_the_line_to_the_last_digit(lr):
    data = show.schedule_composer(lr).data
    for kind, floor in ((COSINE, 2), (STEP, 1)):
        at = {**OPENING, "kind": kind, "floor": floor}
        line = call(data, at)
        assert f"lr={float(lr)!r}" in line
        rates = [eval(line, {**vars(schedules), "t": t}) for t in range(300)]
        np.testing.assert_allclose(composed(data, at), rates, rtol=1e-6)


def test_the_words_say_peak_mean_and_end(figure):
    rates = by_hand(figure.data, OPENING)
    said = figure.describe()
    assert said.startswith(
        "Warm-up of 20 steps, then a cosine down to 0: the rate reaches its peak of 0.1 at step 19, "
    )
    assert f"averages {np.mean(rates):.3g} over 300 steps, and is 3.15e-6 at the last step.\nIn Python: rate = " in said
    assert rates[-1] == pytest.approx(3.15e-6, rel=1e-3)
    other = words({**figure.data, "at": {**OPENING, "kind": STEP, "warmup": 0, "hold": 1, "floor": 3}})
    assert other.startswith(
        "No warm-up, 50 steps at the peak, then times 0.9 every 50 steps, not below 0.01: the rate reaches its peak of "
        "0.1 at step 0, averages "
    )
    cycle = words({**figure.data, "at": {**OPENING, "kind": ONE_CYCLE, "hold": 1}})
    assert cycle.startswith(
        "One cycle, half a cosine up from 1/25 of the peak and half a cosine down: the rate reaches its peak of 0.1 at "
        "step 89, averages "
    )
    assert "and is 4e-7 at the last step." in cycle


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), "fast", None])
def test_a_peak_that_is_none_is_refused(lr):
    with pytest.raises((ValueError, TypeError), match=r"lr must be "):
        show.schedule_composer(lr)


def test_without_anywidget_schedules_stand_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.schedule_composer().describe()
    assert "Learning rate against step: constant goes from 0.005 to 0.1; step goes from 0.005 to " in said
    assert "anywidget is not installed" in said


@pytest.mark.browser
def test_the_caption_is_that_of_python_at_every_kind_and_end_of_a_slider(figure, opened):
    page = opened(figure.standalone_html())
    sliders = {"warm-up": "warmup", "hold": "hold", "total": "total", "floor": "floor"}
    for k, kind in enumerate(figure.data["kinds"]):
        page.page.get_by_label(kind["name"], exact=True).check()
        for label, name in sliders.items():
            unused = name == "floor" if kind["name"] == "constant" else kind.get("alone") and name != "total"
            page.slider(label).wait_for(state="hidden" if unused else "visible")  # with the next frame
            if unused:
                continue
            for key, place in (("End", len(figure.data[f"{name}s"]) - 1), ("Home", 0), ("ArrowRight", 1)):
                before = page.pixels()
                page.slider(label).focus()
                page.page.keyboard.press(key)
                at = {setting: int(page.slider(text).input_value()) for text, setting in sliders.items()}
                assert at[name] == place
                at |= {"kind": k, "strength": len(kind["strengths"]) // 2}
                assert page.caption == words({**figure.data, "at": at})
                assert page.pixels() != before or key != "End"  # the lowest floors are too low to be seen


@pytest.mark.browser
def test_the_strength_is_shown_where_there_is_one(figure, opened):
    page = opened(figure.standalone_html())
    page.slider("drop").wait_for(state="hidden")
    page.page.get_by_label("step", exact=True).check()
    page.settle()
    page.slider("drop").wait_for(state="visible")
    page.slider("decay").wait_for(state="hidden")
    page.slider("drop").focus()
    page.page.keyboard.press("End")
    assert page.caption == words({**figure.data, "at": {**OPENING, "kind": STEP, "strength": 4}})
    page.page.get_by_label("exponential", exact=True).check()
    page.settle()
    box = page.slider("decay").bounding_box()
    page.page.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    assert page.caption == words({**figure.data, "at": {**OPENING, "kind": EXPONENTIAL}})


@pytest.mark.browser
def test_the_axis_can_be_logarithmic(figure, opened):
    page = opened(figure.standalone_html())
    before, caption = page.pixels(), page.caption
    page.page.get_by_label("logarithmic").check()
    assert page.pixels() != before
    assert page.caption == caption
