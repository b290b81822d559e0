"""The board and the projector in a real browser: live, by keyboard, on a phone, with hostile names, after a break."""

from __future__ import annotations

import time

import pytest

from tests.classroom.board.conftest import Served

pytestmark = pytest.mark.browser

HOSTILE = [
    "<script>alert(1)</script>"[:24],
    "<img src=x onerror=a()>",
    '"onclick="alert(1)" \'',
    "&lt;b&gt; &amp; `${1}`",
    "\u202e\u2067evil\u2066",
    "\u05d0\u05d1\u05d2 \u0627\u0628",
    "</td></tr></table>",
    "Z" + "\u0335\u0336\u0337" * 5,
]


FOCUSED = "() => document.activeElement.id || document.activeElement.className || document.activeElement.localName"


class Screen:
    """One of the instructor's pages; `errors` and `requests` collect what must not be there."""

    def __init__(self, browser, served: Served, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        self.page = self.context.new_page()
        self.served = served
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.goto(served.address)
        self.page.get_by_role("heading", name="Class progress").wait_for()

    def projector(self) -> Screen:
        self.page.goto(f"http://127.0.0.1:{self.served.port}/projector")
        self.page.get_by_text("Where we are").wait_for()
        return self

    def says(self, *words: str):
        for some in words:
            self.page.get_by_text(some).first.wait_for()

    @property
    def table(self) -> list[list[str]]:
        rows = self.page.locator("#grid tbody tr").all()
        return [row.locator("th, td").all_inner_texts() for row in rows]


@pytest.fixture
def opened(chromium, served):
    """`opened()` is a `Screen`; at the end it must have said nothing on its console and asked nobody else."""
    screens = []

    def open_(**options) -> Screen:
        screens.append(Screen(chromium, served, **options))
        return screens[-1]

    yield open_
    for screen in screens:
        screen.context.close()
        assert screen.errors == []
        assert not [url for url in screen.requests if not url.startswith((f"http://127.0.0.1:{served.port}/", "data:"))]


def test_what_learners_do_appears(opened, served):
    screen = opened()
    screen.says("Nobody has joined yet.", f'join("{served.store.code}@here")')
    ada, bo = served.join("Ada"), served.join("Bo")
    screen.says("2 joined")
    served.post(ada["token"], diagnosis="m_not_corrected")
    served.post(ada["token"], status="passed", exercise="update_moments")
    served.post(bo["token"], status="error", ago=400)
    screen.says("1 × m not corrected", "✗ 1", "! 1")
    names = screen.page.locator("#grid thead th").all_inner_texts()
    assert names == ["pseudonym", "update_moments", "bias_correction", "adam"]
    assert sorted(screen.table) == [["Ada", "✓ 1", "", "✗ 1"], ["Bo", "", "", "! 1"]]
    screen.page.reload()  # what is stuck is looked at every ten seconds, and at once on a new page
    screen.says("6 min Bo adam, 1 try, last 6 min ago", "Who is stuck (1)")
    assert screen.table[0][0] == "Bo", "stuck longest comes first"
    screen.page.get_by_text("m not corrected").click()
    screen.says("Divide by that", "Hint: ", "Lesson 08_adam. 1 met it so far.")
    screen.page.get_by_label("questions, too").check()
    assert "?\u00a0first_step_length" in screen.page.locator("#grid thead th").all_inner_texts()


def test_a_hostile_name_is_text(opened, served):
    given = [served.join(name) for name in HOSTILE]
    for learner in given:
        served.post(learner["token"], ago=300)
    screen = opened()
    screen.says("✗ 1")
    names = sorted(learner["name"] for learner in given)
    assert sorted(row[0] for row in screen.table) == names
    assert sorted(screen.page.locator("#stuck bdi").all_inner_texts()) == names
    heights = [row.bounding_box()["height"] for row in screen.page.locator("#grid tbody th").all()]
    assert max(heights) < 45, "marks that pile up stay in their row"
    assert screen.page.locator("main script, main img, td table").count() == 0


def test_it_works_by_keyboard(opened, served):
    for name in ("Ada", "Bo"):
        token = served.join(name)["token"]
        served.post(token, status="passed" if name == "Bo" else "wrong", diagnosis=None)
    served.post(token, exercise="bias_correction", diagnosis="not_corrected")
    screen = opened()
    screen.says("not corrected")
    reached, page = [], screen.page
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] == "order":
            page.keyboard.press("End")  # fewest passed first
            assert [row[0] for row in screen.table] == ["Ada", "Bo"]
        if reached[-1] == "summary":
            page.keyboard.press("Enter")
            screen.says("Hint: ")
    assert {"theme", "columns", "questions", "order", "wide", "summary"} <= set(reached)


def test_light_and_dark(opened):
    screen = opened(color_scheme="dark")
    paper = "() => getComputedStyle(document.body).backgroundColor"
    dark = screen.page.evaluate(paper)
    screen.page.get_by_role("button", name="Light or dark").click()
    light = screen.page.evaluate(paper)
    assert (dark, light) == ("rgb(18, 18, 21)", "rgb(255, 255, 255)")
    screen.page.reload()
    screen.says("Live.")
    assert screen.page.evaluate(paper) == light, "as it was chosen"


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_phone(width, opened, served):
    token = served.join("A" * 24)["token"]
    for item in served.board.items.all[:3]:
        served.post(token, exercise=item.name)
    screen = opened(viewport={"width": width, "height": 800})
    screen.says("✗ 1")
    fits = "() => document.documentElement.scrollWidth <= innerWidth"
    assert screen.page.evaluate(fits)
    assert screen.projector().page.evaluate(fits)


def test_the_projector_shows_counts_and_no_names(opened, served):
    screen = opened().projector()
    tokens = [served.join(f"Secret{i}")["token"] for i in range(2)]
    for token in tokens:
        served.post(token, diagnosis="m_not_corrected", ago=300)
    screen.says("2 joined", "0 passed, 2 not yet, 2 stuck", "2 × m not corrected")
    assert "Secret" not in screen.page.content()
    screen.says(f'join("{served.store.code}@here")')
    screen.page.get_by_role("button", name="Code").click()
    screen.page.get_by_role("button", name="Mistakes").press("Enter")
    assert not screen.page.get_by_text("In a notebook:").is_visible()
    assert not screen.page.get_by_text("m not corrected").is_visible()


def test_a_screen_comes_again_after_a_break(opened, served):
    token = served.join("Ada")["token"]
    screen = opened()
    screen.says("Live.")  # else there may be no stream yet that could break
    served.loop.call_soon_threadsafe(served.board.close_screens)
    served.post(token)
    screen.says("✗ 1", "Live.")
    deadline = time.monotonic() + 20
    while len([url for url in screen.requests if "stream?" in url]) < 2:
        assert time.monotonic() < deadline
        screen.page.wait_for_timeout(50)
    served.post(token, status="passed")
    screen.says("✓ 2")


def test_without_the_key_it_does_not_open(chromium, served):
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{served.port}/#wrong")
    page.get_by_text("Not opened: this is not the board's key").wait_for()
    assert page.goto(f"http://127.0.0.1:{served.port}/board").status == 403
    page.close()
