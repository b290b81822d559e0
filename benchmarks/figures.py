"""How movable figures move, beside others: `python -m benchmarks.figures [--rounds 3]`. Tables in Markdown.

The same picture (three rules on the ravine, and their losses) is moved by the same slider of 61 learning rates: as
`show.playground()` alone on a page and in JupyterLab; in JupyterLab with `ipywidgets.interact`, which makes a PNG with
matplotlib; and there with ipympl, which keeps its axes and moves the lines. All look their paths up in a table that is
computed beforehand: what differs is the drawing and the way to it. Needs Chromium and the extras lab, dev and bench.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import torch
from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.speed.measure import machine
from coursekit import show
from tests.lab.server import ROOT, TOKEN, serve
from tests.show.figures import FIGURES

# Writes down when a new picture stands: ours and ipympl's on a canvas, interact's as an image in the output. A time is
# taken when the function that draws has returned. The browser shows the picture with its next frame, in all cases.
WATCH = """
window.pictures = [];
let waiting = false;
const stands = () => {
  if (!waiting) queueMicrotask(() => { waiting = false; pictures.push(performance.now()); });
  waiting = true;
};
for (const name of ["clearRect", "drawImage"]) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...all) {
    if (this.canvas.isConnected && this.canvas.matches(".ck-pictures canvas, .jupyter-matplotlib canvas")) stands();
    return draw.apply(this, all);
  };
}
document.addEventListener("load", (e) => e.target.matches(".jp-OutputArea-output img") && stands(), true);
addEventListener("keydown", (event) => (window.pressed = event.timeStamp), true);
"""

PLAYGROUND = """
from coursekit import show
show.playground()
"""

TABLE = """
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import SelectionSlider, interact
from coursekit.engine.surfaces import SURFACES
from coursekit.engine.sweep import sweep
from coursekit.reference import RULES
from coursekit.show.relief import LEVELS, relief

surface = SURFACES["ravine"]
lrs = [float(f"{lr:.3g}") for lr in np.geomspace(0.005, 0.5, 61)]
found = {name: sweep(RULES[name], surface, steps=100, lr=lrs) for name in ("gradient_descent", "momentum", "adam")}
(x0, x1), (y0, y1) = surface.domain
heights = relief(surface, 181, 121).height

def picture():
    figure, (map, loss) = plt.subplots(1, 2, figsize=(9.6, 3.6), width_ratios=(3, 2), layout="constrained")
    map.imshow(heights, origin="lower", extent=(x0, x1, y0, y1), cmap="cividis")
    map.contour(heights, LEVELS, extent=(x0, x1, y0, y1), colors="black", linewidths=0.5)
    map.set(xlim=(x0, x1), ylim=(y0, y1))
    loss.set(yscale="log", xlim=(0, 100), ylim=(1e-6, 1e3), xlabel="step", ylabel="loss")
    figure.curves = {name: (map.plot([], [])[0], loss.plot([], [], label=name)[0]) for name in found}
    loss.legend()
    return figure

def put(figure, lr):
    for name, (path, loss) in figure.curves.items():
        path.set_data(*found[name].paths[lrs.index(lr)].T)
        loss.set_data(range(101), found[name].losses[lrs.index(lr)])

slider = SelectionSlider(options=lrs, value=0.05, description="lr", layout={"width": "640px"})
"""

INTERACT = """
%matplotlib inline
{table}
@interact(lr=slider)
def draw(lr):
    put(picture(), lr)
    plt.show()
"""

IPYMPL = """
%matplotlib widget
{table}
with plt.ioff():
    figure = picture()

def moved(change):
    put(figure, change["new"])
    figure.canvas.draw_idle()

slider.observe(moved, "value")
put(figure, slider.value)
display(slider, figure.canvas)
"""


class Contender(NamedTuple):
    """A figure that is open on a page, with the slider of its learning rate."""

    name: str
    page: Page
    bar: Locator  # along which the mouse moves
    handle: Locator  # what takes the keys


class Measured(NamedTuple):
    """What was measured of one contender."""

    rates: list[float]  # pictures a second while the slider is dragged, of each round
    delays: list[float]  # milliseconds from the press of a key to the picture


def drag(it: Contender, seconds: float) -> float:
    """Pictures a second while the mouse drags the slider to and fro, at some 80 of its places a second."""
    bar, handle = it.bar.bounding_box(), it.handle.bounding_box()
    assert bar is not None and handle is not None
    middle = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    it.page.mouse.move(*middle)
    it.page.mouse.down()
    start = it.page.evaluate("performance.now()")
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        share = abs((passed / 0.75 + 0.5) % 2 - 1)
        it.page.mouse.move(bar["x"] + share * bar["width"], middle[1])
    stop = it.page.evaluate("performance.now()")
    it.page.mouse.up()
    still(it.page)
    count = it.page.evaluate("([from, to]) => pictures.filter((t) => t >= from && t < to).length", [start, stop])
    return 1000 * count / (stop - start)


def press(it: Contender, count: int) -> list[float]:
    """Milliseconds from each press of an arrow key to the first picture after it."""
    it.handle.evaluate("(handle) => handle.setAttribute('data-lm-suppress-shortcuts', 'true')")  # else they are lost
    it.handle.focus()
    delays = []
    for i in range(count):
        it.page.wait_for_timeout(random.uniform(100, 120))  # any place between two frames
        it.page.evaluate("window.pressed = Infinity")
        it.page.keyboard.press("ArrowRight" if i % 2 else "ArrowLeft")
        it.page.wait_for_function("pictures.at(-1) > pressed", polling=20)
        delays.append(it.page.evaluate("pictures.find((t) => t > pressed) - pressed"))
        still(it.page)
    return delays


def still(page: Page, quiet: int = 300) -> None:
    """Wait until no new picture has come for a while."""
    page.wait_for_function(f"performance.now() - (pictures.at(-1) ?? 0) > {quiet}", polling=20)


@contextlib.contextmanager
def contenders(browser: Any) -> Iterator[list[Contender]]:
    """All that is measured, open at once."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        course, home = Path(place) / "course", Path(place) / "home"
        home.mkdir()
        shutil.copytree(ROOT / "jupyter", course / "jupyter")
        notebooks = {
            "playground, JupyterLab": PLAYGROUND,
            "interact + matplotlib, JupyterLab": INTERACT.format(table=TABLE),
            "ipympl, JupyterLab": IPYMPL.format(table=TABLE),
        }
        for i, source in enumerate(notebooks.values()):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip())])
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
            nbformat.write(notebook, course / f"{i}.ipynb")
        page = watched(browser)
        alone = Path(place) / "playground.html"
        alone.write_text(show.playground().standalone_html(), encoding="utf-8")
        page.goto(alone.as_uri())
        still(page)
        ours = page.get_by_label("learning rate", exact=True)
        found = [Contender("playground, page without a kernel", page, ours, ours)]
        address = stack.enter_context(serve(course, home))
        for i, name in enumerate(notebooks):
            found.append(in_lab(watched(browser), f"{address}/lab/workspaces/{i}/tree/{i}.ipynb?token={TOKEN}", name))
        yield found


def watched(browser: Any) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    return page


def in_lab(page: Page, address: str, name: str) -> Contender:
    """Open the notebook, run its cell and wait for its picture."""
    page.goto(address)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.locator(".jp-CodeCell .cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("pictures.length")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    if name.startswith("playground"):
        ours = page.get_by_label("learning rate", exact=True)
        bar, handle = ours, ours
    else:
        bar, handle = page.locator(".noUi-target"), page.locator(".noUi-handle")
    bar.scroll_into_view_if_needed()
    still(page, 1000)
    return Contender(name, page, bar, handle)


def compare(browser: Any, rounds: int, seconds: float, presses: int) -> dict[str, Measured]:
    """Drag and press in turns: what else the machine does then meets all of them."""
    with contenders(browser) as all_:
        measured = {it.name: Measured([], []) for it in all_}
        for _ in range(rounds):
            for it in all_:
                it.page.bring_to_front()
                measured[it.name].rates.append(drag(it, seconds))
                measured[it.name].delays.extend(press(it, presses))
        for it in all_:
            it.page.close()
    return measured


def print_comparison(measured: dict[str, Measured]) -> None:
    best = next(iter(measured.values()))
    rate, delay = statistics.median(best.rates), statistics.median(best.delays)
    print("| figure | frames/s while dragging | times ours | key press to drawing, ms (95 % within) | times ours |")
    print("|---|---|---|---|---|")
    for name, (rates, delays) in measured.items():
        its, waits = statistics.median(rates), statistics.median(delays)
        most = statistics.quantiles(delays, n=20)[-1]
        print(f"| {name} | {its:.1f} | {its / rate:.2f} | {waits:.1f} ({most:.1f}) | {waits / delay:.1f} |")


def print_sizes(browser: Any, rounds: int) -> None:
    """For each movable figure: its data, its page, and how long until its first picture stands."""
    print("| figure | data, kB | page, kB (gzip) | made in Python, ms | page to first picture, ms |")
    print("|---|---|---|---|---|")
    for name in FIGURES:
        made, opened = [], []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            figure = getattr(show, name)()
            made.append(1000 * (time.perf_counter() - start))
        html = figure.standalone_html().encode()
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "figure.html"
            path.write_bytes(html)
            for _ in range(rounds + 1):
                page = watched(browser)
                page.goto(path.as_uri())
                page.wait_for_function("pictures.length")
                opened.append(page.evaluate("pictures[0]"))  # counted from the start of the navigation
                page.close()
        sizes = [data_size(figure.data), len(html), len(gzip.compress(html))]
        data, whole, packed = (f"{size / 1000:.0f}" for size in sizes)
        times = [statistics.median(values[1:]) for values in (made, opened)]  # the first warms up
        print(f"| {name} | {data} | {whole} ({packed}) | {times[0]:.0f} | {times[1]:.0f} |")


def data_size(data: dict[str, Any]) -> int:
    """Bytes that go to the browser: the plain values as JSON, and the tables as they are."""
    tables = [value for value in data.values() if isinstance(value, bytes)]
    plain = {key: value for key, value in data.items() if not isinstance(value, bytes)}
    return len(json.dumps(plain, ensure_ascii=False).encode()) + sum(map(len, tables))


def about(browser: Any) -> str:
    """The date, the hardware and the software of a run."""
    found = machine(torch.device("cpu"), ("jupyterlab", "ipywidgets", "matplotlib", "ipympl", "anywidget", "torch"))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['date']}, {found['processor']}, {os.cpu_count()} cores, {found['system']}, headless Chromium "
        f"{browser.version}, {versions}. Load of the machine at the start: {os.getloadavg()[0]:.1f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement")
    parser.add_argument("--seconds", type=float, default=3.0, help="of dragging in a round")
    parser.add_argument("--presses", type=int, default=15, help="of a key in a round")
    given = parser.parse_args()
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        parser.error("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        print(about(browser), end="\n\n", flush=True)
        print_comparison(compare(browser, given.rounds, given.seconds, given.presses))
        print()
        print_sizes(browser, given.rounds)
        browser.close()


if __name__ == "__main__":
    main()
