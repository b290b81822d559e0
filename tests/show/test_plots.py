"""Figures that stand still: what they draw, what they say, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from coursekit import show
from coursekit.engine.grid import Grid
from coursekit.engine.surfaces import SURFACES
from coursekit.engine.sweep import sweep
from coursekit.reference import RULES
from coursekit.show import style

RAVINE = SURFACES["ravine"]


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


@pytest.fixture
def path():
    return sweep(RULES["gradient_descent"], RAVINE, steps=10, lr=0.02).paths


def test_a_figure_is_not_in_pyplots_list(path):
    import matplotlib.pyplot as plt

    show.trajectories("ravine", {"a": path})
    assert plt.get_fignums() == []


def test_a_figure_shows_itself_with_its_words_as_alternative_and_caption():
    figure = show.lines([0, 1], {"a<b": [1, 2]}, "x", "y")
    bundle = figure._repr_mimebundle_()
    assert bundle["text/plain"] == figure.describe() == "Y against x: a<b goes from 1 to 2."
    assert bundle["text/html"].count("a&lt;b goes from 1 to 2") == 2
    assert "data:image/png;base64," in bundle["text/html"]


@pytest.mark.parametrize("theme", style.THEMES)
def test_the_page_has_the_themes_color(theme, path):
    corner = pixels(show.trajectories("ravine", {"a": path}, theme=theme))[-1, -1, :3]
    assert "#" + bytes(corner).hex() == style.THEMES[theme].page


def test_ticks_that_are_made_late_have_the_themes_color():
    figure = show.loss_curves({"a": [1.0, 0.01], "b": [1, 2]}, theme="dark")
    pixels(figure)
    axis = figure.axes[0].yaxis
    marks = [tick.tick1line.get_color() for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]]
    assert set(marks) == {style.THEMES["dark"].quiet}


def test_trajectories_draw_the_path_and_say_where_it_ends(path):
    figure = show.trajectories("ravine", {"slow": path})
    drawn = [line.get_xydata() for line in figure.axes[0].lines]
    assert any(np.array_equal(points, path.double()) for points in drawn if len(points) == 11)
    x, y = path[-1].tolist()
    loss = style.number(float(RAVINE(path[-1].double())))
    assert f"slow ends after 10 steps at ({x:.2f}, {y:.2f}), loss {loss}" in figure.describe()


def test_trajectories_say_which_path_diverges():
    path = torch.tensor([[-2.5, 1.0], [5.0, 5.0], [float("inf"), 0.0], [float("nan"), 0.0]])
    figure = show.trajectories(RAVINE, {"fast": path, "out": path[:2]})
    assert "fast diverges: not a finite number from step 2 on" in figure.describe()
    assert "out ends after 1 step at (5.00, 5.00), outside the picture" in figure.describe()
    pixels(figure)


def test_a_path_without_a_single_point_is_said_and_does_not_break_the_figure():
    figure = show.trajectories(RAVINE, {"lost": torch.full((3, 2), float("nan"))})
    assert "lost diverges: not a finite number from step 0 on" in figure.describe()
    pixels(figure)


def test_paths_are_told_apart_by_color_and_dashes(path):
    figure = show.trajectories("ravine", {name: path for name in "abcdef"})
    drawn = [line for line in figure.axes[0].lines if line.get_label() in set("abcdef")]
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in drawn}
    assert len(looks) == len({color for color, _ in looks}) == len({dash for _, dash in looks}) == 6


def test_lines_label_every_end_and_keep_them_apart():
    figure = show.lines(np.arange(5), {name: np.zeros(5) for name in "abcd"}, "step", "value")
    texts = figure.axes[0].texts
    assert {text.get_text() for text in texts} == set("abcd")
    heights = sorted(text.get_position()[1] for text in texts)
    assert min(np.diff(heights)) > 0.04


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1, 2, 10], "linear"), ([0.01, 1, 2], "log"), ([0, 1, 100], "linear"), ([-1, 1, 99], "linear")],
)
def test_the_log_axis_comes_where_it_pays(values, scale):
    assert show.loss_curves({"a": values}).axes[0].get_yscale() == scale


def test_seeds_become_a_median_and_a_band():
    seeds = torch.tensor([[4.0, 1.0], [5.0, 2.0], [9.0, 3.0]])
    figure = show.loss_curves({"a": seeds}, first=1)
    line, band = figure.axes[0].lines[0], figure.axes[0].collections[0]
    assert line.get_xydata().tolist() == [[1, 5], [2, 2]]
    corners = {tuple(point) for point in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1, 4), (1, 9), (2, 1), (2, 3)}
    assert "medians of 3 seeds" in figure.describe()


def test_a_run_that_explodes_does_not_flatten_the_others():
    figure = show.loss_curves({"good": [2.0, 1.0, 0.01], "bad": [2.0, 1e9, float("inf")]})
    assert figure.axes[0].get_ylim()[1] <= 200
    assert "bad is not a finite number from step 2 on" in figure.describe()
    pixels(figure)


def test_a_curve_that_is_never_a_number_is_said_and_does_not_break_the_figure():
    figure = show.loss_curves({"good": [2.0, 1.0], "bad": [float("nan")] * 2})
    assert "bad is not a finite number from step 0 on" in figure.describe()
    pixels(figure)


def test_a_lowest_value_before_the_end_is_said():
    figure = show.loss_curves({"a": [3.0, 1.0, 2.5]}, xlabel="epoch", first=1)
    assert "lowest 1 at epoch 2" in figure.describe()


def test_a_rounding_error_is_no_lowest_value():
    figure = show.loss_curves({"x": [0.1, np.nextafter(0.1, 0), 0.1]})
    assert figure.describe().endswith("x goes from 0.1 to 0.1.")


def test_a_curve_that_needs_a_gradient_is_drawn():
    show.lines(torch.arange(2), {"a": torch.ones(2, requires_grad=True)}, "x", "y")


def test_the_heat_map_of_a_sweep_frames_the_best_cell():
    found = sweep(RULES["momentum"], RAVINE, steps=30, lr=[0.01, 0.1, 4.0], beta=[0.0, 0.5])
    figure = show.heatmap(found)
    best = found.best()
    assert f"at beta {style.number(best['beta'])} and lr {style.number(best['lr'])}" in figure.describe()
    row, column = [found.axes[name].tolist().index(best[name]) for name in ("lr", "beta")]
    frame = figure.axes[0].patches[-1]
    assert (frame.get_x(), frame.get_y()) == (column - 0.5, row - 0.5)
    pixels(figure)


def test_the_heat_map_hatches_and_counts_what_is_not_finite():
    matrix = [[1.0, float("nan")], [float("inf"), 2.0]]
    figure = show.heatmap(matrix, {"a": [1, 2], "b": [3, 4]}, best="max", label="accuracy")
    assert "the frame marks the highest, 2, at b 4 and a 2; 2 of 4 cells are not finite" in figure.describe()
    pixels(figure)


def test_a_heat_map_of_nothing_finite_is_drawn():
    figure = show.heatmap([[float("nan")]], {"a": [1], "b": [2]})
    assert figure.describe().endswith("1 of 1 cells are not finite, hatched.")
    pixels(figure)


def test_digits_are_drawn_with_their_labels():
    images = torch.arange(3 * 64).reshape(3, 64)
    figure = show.digits_grid(images, torch.tensor([3, 1, 4]), columns=2)
    drawn = [ax.images[0].get_array().tolist() for ax in figure.axes]
    assert drawn == images.reshape(3, 8, 8).tolist()
    assert [ax.get_xlabel() for ax in figure.axes] == ["3", "1", "4"]
    assert figure.describe() == "3 images of 8 by 8 pixels, dark where the value is high, labelled 3, 1, 4."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: show.trajectories("ravine", {}), "the paths must come as a dict with a name for each"),
        (lambda: show.trajectories("ravine", [[0, 0]]), "the paths must come as a dict"),
        (lambda: show.trajectories("ravine", {"a": torch.zeros(3, 3)}), r"\(steps \+ 1, 2\); got \(3, 3\)"),
        (lambda: show.lines([1, 2], {"a": [1]}, "x", "y"), "'a' must have 2 values, as x has; got 1"),
        (lambda: show.loss_curves({"a": torch.zeros(1, 1, 1)}), r"1 or 2 dimension.*got shape \(1, 1, 1\)"),
        (lambda: show.loss_curves({"a": []}), "none of length 0"),
        (lambda: show.loss_curves({"a": [1]}, theme="sepia"), "got 'sepia'"),
        (lambda: show.heatmap([[1.0]]), "two named axes"),
        (lambda: show.heatmap([[1.0]], {"a": [1], "b": [1, 2]}), r"lengths \(1, 1\); got a 1, b 2"),
        (lambda: show.heatmap([[1.0]], {"a": [1], "b": [1]}, best="low"), 'best must be "min", "max" or None'),
        (lambda: show.digits_grid(torch.zeros(2, 7)), r"\(n, side, side\).*got \(2, 7\)"),
        (lambda: show.digits_grid(torch.zeros(2, 4), [1]), "2 images need as many labels; got 1"),
    ],
)
def test_bad_input_is_refused_with_what_was_wanted(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_number_is_a_type_error():
    with pytest.raises(TypeError, match="must be numbers"):
        show.loss_curves({"a": ["low", "high"]})


def test_gradient_norms_count_layers_from_the_input_and_say_what_arrives_there():
    figure = show.gradient_norms({"tanh": [[1e-6, 1e-3, 1.0], [3e-6, 3e-3, 3.0]], "relu": [0.5, 1.0, 1.0, 0.25]})
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[1, 2, 3], [1, 2, 3, 4]]
    assert all(tick == int(tick) for tick in axes.get_xticks())
    assert figure.describe() == (
        "Norm of the gradient by layer: tanh, layer 1 has 1e-6 times that of layer 3; "
        "relu, layer 1 has 2 times that of layer 4."
    )


def test_gradient_norms_say_where_nothing_or_no_number_arrives():
    figure = show.gradient_norms({"dead": [0.0, 0.0, 1.0], "burst": [float("inf"), 1e30, 1.0]})
    pixels(figure)
    assert "dead, layer 2 has 0" in figure.describe()
    assert "burst, layer 1 has inf" in figure.describe()


@pytest.mark.parametrize(
    ("norms", "words"),
    [({"a": [1.0, -1.0]}, "0 or more"), ({}, "at least one"), ({"a": [[[1.0]]]}, "shape"), ([1.0], "dict")],
)
def test_gradient_norms_refuse(norms, words):
    with pytest.raises(ValueError, match=words):
        show.gradient_norms(norms)


def test_a_grid_of_networks_is_drawn_by_its_medians():
    values = torch.tensor([[[1.0, 2.0, 9.0], [0.5, 0.4, 0.6]], [[3.0, 3.0, 3.0], [float("nan")] * 3]])
    axes = {"weight_decay": torch.tensor([0.0, 0.1]), "lr": torch.tensor([0.01, 0.1])}
    figure = show.heatmap(Grid("adamw", axes, {}, (0, 1, 2), values, values, None, 1.0))
    assert figure.describe() == (
        "Validation loss, median of 3 seeds over lr (across) and weight_decay (up); the frame marks the lowest, 0.5, "
        "at lr 0.1 and weight_decay 0; 1 of 4 cells are not finite, hatched."
    )
