"""A notebook of the course, open in JupyterLab, in a real browser."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.lab.server import TOKEN, ask

PATIENCE = 120_000  # milliseconds; a limit for what hangs, not a wish: two cores may be busy with other tests
CELLS = ".jp-Notebook .jp-Cell"


class Notebook:
    """An open notebook with a kernel of its own; `errors` and `requests` collect what must not be there."""

    def __init__(self, chromium: Any, lab: str, path: Path):
        self.cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        place = f"workspaces/{uuid.uuid4().hex}/tree/{path.parent.name}/{path.name}"  # no other test's tabs
        self.page.goto(f"{lab}/lab/{place}?token={TOKEN}")
        self.wait(f"(count) => document.querySelectorAll('{CELLS}').length === count", len(self.cells))
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def wait(self, condition: str, argument: Any = None) -> None:
        self.page.wait_for_function(condition, arg=argument)

    def menu(self, *names: str) -> None:
        self.page.get_by_role("menuitem", name=names[0], exact=True).click()
        for name in names[1:-1]:
            self.page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).hover()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(names[-1], exact=True).click()

    def find(self, words: str) -> int:
        """The place of the first code cell that holds `words`."""
        return next(i for i, c in enumerate(self.cells) if c["cell_type"] == "code" and words in "".join(c["source"]))

    def cell(self, place: int) -> Any:
        return self.page.locator(CELLS).nth(place)

    def write(self, place: int, source: str) -> None:
        """Put `source` in the cell, as one who pastes it."""
        editor = self.cell(place).locator(".cm-content")
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.wait("([editor, words]) => editor.innerText.includes(words)", [editor.element_handle(), source[-20:]])

    def run(self, place: int) -> Any:
        """Run one cell by Ctrl+Enter, and give it once it is done; the keyboard is then on the cell."""
        cell = self.cell(place)
        before = self.counts()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        last = max((int(count) for count in before if count.isdigit()), default=0)
        self.wait(
            "([prompt, last]) => Number(prompt.textContent.replace(/\\D/g, '')) > last",
            [cell.locator(".jp-InputPrompt").element_handle(), last],
        )
        return cell

    def counts(self) -> list[str]:
        """What stands in the brackets before each code cell: its number, a star while it runs, or nothing."""
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all_text_contents()
        return [re.sub(r"[\[\]:\s]", "", prompt) for prompt in prompts]

    def wait_for_all_run(self) -> None:
        """All code cells have run from top to bottom, in a kernel that ran nothing before."""
        count = sum(cell["cell_type"] == "code" for cell in self.cells)
        self.wait(
            "(wanted) => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')]"
            ".map((prompt) => prompt.textContent).join('') === wanted",
            "".join(f"[{i}]:" for i in range(1, count + 1)),
        )

    def chosen(self) -> list[int]:
        """The places of the cells that are selected or active."""
        marked = "cell.matches('.jp-mod-selected, .jp-mod-active')"
        return self.page.locator(CELLS).evaluate_all(f"(all) => all.flatMap((cell, i) => ({marked} ? [i] : []))")


@pytest.fixture
def opened(chromium, lab, course):
    """`opened("notebooks/00_start.ipynb")` is a `Notebook`; at the end nothing went wrong, and no request left."""
    notebooks: list[Notebook] = []

    def open_(name: str) -> Notebook:
        notebooks.append(Notebook(chromium, lab, course / name))
        return notebooks[-1]

    yield open_
    for notebook in notebooks:
        notebook.page.close()
    for session in ask(lab, "/api/sessions"):
        ask(lab, f"/api/sessions/{session['id']}", "DELETE")
    here = (f"{lab}/", f"{lab.replace('http', 'ws', 1)}/", "data:", f"blob:{lab}/")
    for notebook in notebooks:
        assert notebook.errors == []
        assert [url for url in notebook.requests if not url.startswith(here)] == []
