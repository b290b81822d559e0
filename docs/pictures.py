"""Makes the README's pictures anew: `python docs/pictures.py`. Needs the dev tools and Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from coursekit import show
from coursekit.judging.judge import judge, prepare
from coursekit.probe.running import run

HERE = Path(__file__).parent


def adam(param, grad, state, *, lr, beta1, beta2, eps):
    """The README's example: the bias correction is missing."""
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    param = param - lr * m / (v.sqrt() + eps)
    return param, (m, v, t)


def main() -> None:
    prepared = prepare("adam")
    card = judge(prepared, run(adam, prepared.cases, states=prepared.states))._repr_html_()
    playground = show.playground("ravine", ("gradient_descent", "momentum", "rmsprop", "adam"), steps=100)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 760, "height": 640})
        page.set_content(f"<body style='margin:8px'>{card}</body>")
        page.locator("section").screenshot(path=HERE / "card.png")
        page = browser.new_page(viewport={"width": 980, "height": 560})
        page.set_content(playground.standalone_html())
        page.wait_for_timeout(500)
        page.screenshot(path=HERE / "playground.png")
        browser.close()


if __name__ == "__main__":
    main()
