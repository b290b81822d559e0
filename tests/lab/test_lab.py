"""The course in JupyterLab: its notebooks run, figures move, cards are read, themes followed, and nothing leaves."""

from __future__ import annotations

import json
import re

import pytest
from IPython.core.formatters import DisplayFormatter
from nbformat.v4 import new_code_cell, new_output

from coursekit import check, show
from coursekit.show import style
from tests.lab.conftest import CELLS
from tests.show.test_browser import rgb

pytestmark = pytest.mark.browser


class Figure:
    """A movable figure in the output of a cell."""

    def __init__(self, notebook, cell):
        self.page = notebook.page
        self.root = cell.locator(".ck-figure")
        self.canvas = self.root.locator(".ck-pictures canvas").first
        self.caption = self.root.locator("figcaption")

    def slider(self, label: str):
        return self.root.get_by_label(label, exact=True)

    def pixels(self) -> str:
        return self.canvas.evaluate("(canvas) => canvas.toDataURL()")

    def wait_for_another(self, pixels: str, caption: str) -> None:
        """Picture and caption are no longer those."""
        self.page.wait_for_function(
            "([canvas, pixels, words, caption]) => canvas.toDataURL() !== pixels && words.textContent !== caption",
            arg=[self.canvas.element_handle(), pixels, self.caption.element_handle(), caption],
        )

    def wait_for_a_kernel(self) -> None:
        self.caption.get_by_text("Drag the white square").wait_for()


@pytest.fixture
def figure(opened):
    """A lesson with its first figure, and the place of its cell."""
    notebook = opened("notebooks/00_start.ipynb")
    notebook.run(notebook.find("import torch"))
    place = notebook.find("show.playground(")
    shown = Figure(notebook, notebook.run(place))
    shown.wait_for_a_kernel()
    return notebook, place, shown


def test_a_slider_is_dragged_by_the_mouse(figure):
    notebook, place, shown = figure
    pixels, caption = shown.pixels(), shown.caption.text_content()
    shown.slider("learning rate").scroll_into_view_if_needed()
    box = shown.slider("learning rate").bounding_box()
    height = box["y"] + box["height"] / 2
    notebook.page.mouse.move(box["x"] + box["width"] / 2, height)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.9 * box["width"], height, steps=5)
    notebook.page.mouse.up()
    shown.wait_for_another(pixels, caption)
    assert "diverges" in shown.caption.text_content()
    assert notebook.chosen() == [place]


def test_a_slider_keeps_the_keys_that_jupyterlab_would_take(figure):
    notebook, place, shown = figure
    pixels, caption = shown.pixels(), shown.caption.text_content()
    slider = shown.slider("learning rate")
    for _ in range(10):  # from the cell to the slider without the mouse
        notebook.page.keyboard.press("Tab")
        if slider.evaluate("(slider) => slider === document.activeElement"):
            break
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "Home", "ArrowRight"):
        notebook.page.keyboard.press(key)
    shown.wait_for_another(pixels, caption)
    assert slider.input_value() == "1"
    notebook.cell(place).focus()
    notebook.page.keyboard.press("ArrowDown")  # JupyterLab's own now; had it taken an earlier key, it would show
    notebook.wait(f"() => document.activeElement === document.querySelectorAll('{CELLS}')[{place + 1}]")
    assert notebook.chosen() == [place + 1]


def test_a_card_is_read_out_and_its_hints_open_by_keyboard(opened):
    notebook = opened("exercises/01_losses.ipynb")
    notebook.run(notebook.find("import torch"))
    stub, place = notebook.find("def mse_loss"), notebook.find("check(mse_loss)")
    notebook.write(stub, "def mse_loss(prediction, target):\n    return (prediction - target).abs().mean()")
    notebook.run(stub)
    said = check(lambda prediction, target: (prediction - target).abs().mean(), "mse_loss")
    card = notebook.run(place).get_by_role("region", name="Not yet: mse_loss")
    assert card.get_by_role("heading").text_content() == "✗ Not yet — mse_loss"
    assert card.get_by_role("paragraph").first.text_content() == said.message.replace("`", "")
    assert f"✗ {said.checks[-1].name}" in card.get_by_role("listitem").last.text_content()
    for number, hint in enumerate(said.hints, start=1):
        words = max(hint.split("`")[::2], key=len).strip()
        assert words not in card.aria_snapshot()
        card.get_by_text(f"Hint {number} of 3").focus()
        notebook.page.keyboard.press("Enter")
        card.get_by_text(words).wait_for()
    notebook.write(stub, "def mse_loss(prediction, target):\n    return ((prediction - target) ** 2).mean()")
    notebook.run(stub)
    cell = notebook.run(place)
    cell.get_by_role("region", name="Passed: mse_loss").get_by_role("heading").get_by_text("✓ Passed").wait_for()
    assert cell.get_by_role("region").count() == 1


def colors(figure, card) -> list[str]:
    """Of the figure's caption, and of the card's ground."""
    css = "(node) => (({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(node))"
    return [figure.caption.evaluate(css)[0], card.evaluate(css)[1]]


def test_figure_and_card_follow_the_theme(figure):
    notebook, _, shown = figure
    card = notebook.run(notebook.find("check(identity)")).get_by_role("region")
    light = shown.pixels()
    assert colors(shown, card) == [rgb(style.THEMES["light"].ink), "rgb(255, 255, 255)"]
    notebook.menu("Settings", "Theme", "JupyterLab Dark")
    notebook.wait("() => document.body.dataset.jpThemeLight === 'false'")
    notebook.wait("([canvas, light]) => canvas.toDataURL() !== light", [shown.canvas.element_handle(), light])
    assert colors(shown, card) == [rgb(style.THEMES["dark"].ink), "rgb(28, 28, 32)"]
    notebook.menu("Settings", "Theme", "JupyterLab Light")
    notebook.wait("([canvas, light]) => canvas.toDataURL() === light", [shown.canvas.element_handle(), light])


def wrong_adam(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return param - lr * m / (v.sqrt() + eps), (m, v, t + 1)


def test_an_untrusted_notebook_shows_what_was_saved_as_text(opened, course):
    """Without script, style and drawing: the card's words, a figure's sentence, a still figure with its own."""
    shown = {
        "check(adam)": check(wrong_adam, "adam"),
        "show.margins()": show.margins(),
        "show.lines(...)": show.lines([1, 2], {"a line": [1.0, 2.0]}, "x", "y"),
    }
    saved = json.loads((course / "notebooks/00_start.ipynb").read_text(encoding="utf-8"))
    saved["cells"] = [new_code_cell(source, outputs=[saved_output(value)]) for source, value in shown.items()]
    (course / "notebooks/saved.ipynb").write_text(json.dumps(saved), encoding="utf-8")
    notebook = opened("notebooks/saved.ipynb")
    card, movable, still = (notebook.cell(i).locator(".jp-OutputArea-output") for i in range(3))
    verdict = shown["check(adam)"]
    assert card.get_by_role("heading").text_content() == "✗ Not yet — adam"
    assert card.get_by_role("paragraph").first.text_content() == verdict.message.replace("`", "")
    assert card.locator("svg, style").count() == 0
    assert card.get_by_text("first difference").is_hidden()  # of a picture that is not there, only its sentence stays
    assert card.get_by_text(verdict.picture.caption).last.is_visible()
    for output, picture in ((movable, show.margins()._still()), (still, shown["show.lines(...)"])):
        assert output.locator("figcaption").inner_text() == picture.describe()
        assert output.get_by_role("img", name=picture.describe()).evaluate("(image) => image.naturalWidth") > 500


def saved_output(value):
    data, metadata = DisplayFormatter().format(value)
    return new_output("execute_result", data=data, metadata=metadata, execution_count=1)


@pytest.mark.parametrize("name", ["notebooks/00_start.ipynb", "exercises/00_start.ipynb"])
def test_all_cells_run_and_run_again_after_a_restart(name, opened):
    notebook = opened(name)
    failed = notebook.page.locator("[data-mime-type='application/vnd.jupyter.error'], [data-mime-type*='stderr']")
    notebook.menu("Run", "Run All Cells")
    notebook.wait_for_all_run()
    assert failed.all_inner_texts() == []
    notebook.run(notebook.find("import torch"))  # now the numbers are another kernel's only after a restart
    notebook.menu("Kernel", "Restart Kernel and Run All Cells…")
    notebook.page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    notebook.wait_for_all_run()
    assert failed.all_inner_texts() == []
    movable = any("show.playground(" in "".join(cell["source"]) for cell in notebook.cells)
    assert (notebook.page.locator(".ck-figure canvas").count() > 0) == movable


def test_the_table_of_contents_lists_the_headings(opened):
    notebook = opened("notebooks/08_adam.ipynb")
    markdown = ["".join(cell["source"]) for cell in notebook.cells if cell["cell_type"] == "markdown"]
    headings = [line for text in markdown for line in re.findall(r"^#+ (.+)$", text.replace("`", ""), re.MULTILINE)]
    notebook.page.get_by_role("tab", name="Table of Contents").click()
    items = notebook.page.locator("#table-of-contents .jp-tocItem-content")
    notebook.wait("(last) => document.querySelector('#table-of-contents')?.textContent.includes(last)", headings[-1])
    assert items.all_text_contents() == headings
