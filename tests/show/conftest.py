"""A page with one movable figure in a real browser, for the tests of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest


class Page:
    """A page with one figure; `errors` and `requests` collect what must not be there."""

    def __init__(self, browser, path: Path, **options):
        self.page = browser.new_page(**{"viewport": {"width": 1000, "height": 900}, **options})
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("document.querySelector('.ck-caption')?.textContent")
        self.url = path.as_uri()

    @property
    def caption(self) -> str:
        self.settle()
        return self.page.inner_text(".ck-caption")

    def settle(self) -> None:
        """Two frames: what was asked for is drawn."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixels(self, canvas: int = 0) -> str:
        self.settle()
        return self.page.evaluate(f"document.querySelectorAll('.ck-pictures canvas')[{canvas}].toDataURL()")

    def slider(self, label: str):
        return self.page.get_by_label(label, exact=True)


@pytest.fixture
def opened(chromium, tmp_path):
    """`opened(html)` is a `Page`; at the end it must have said nothing on its console and asked for nothing."""
    pages = []

    def open_(html: str, **options) -> Page:
        path = tmp_path / f"{len(pages)}.html"
        path.write_text(html, encoding="utf-8")
        pages.append(Page(chromium, path, **options))
        return pages[-1]

    yield open_
    for page in pages:
        page.page.close()
        assert page.errors == []
        assert page.requests == [page.url]
