"""The site: what its pages say, that its checks see what is wrong, and the first chapter in a real browser."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WIDTHS = (390, 768, 1280)

for needed in ("sphinx", "myst_nb", "sphinx_book_theme"):
    pytest.importorskip(needed, reason="the site's tools are not installed; pip install -e '.[site]' brings them")

sys.path.insert(0, str(ROOT / "site"))
import checks  # noqa: E402
import docstrings  # noqa: E402
import figures  # noqa: E402
import pages  # noqa: E402

sys.path.remove(str(ROOT / "site"))


# ---- the pages as they are written


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "source"
    pages.write(folder, ["08"])
    return folder


def test_an_exercise_has_statement_signature_equation_and_folded_hints_but_no_answer(written):
    text = (written / "exercises" / "08_adam.md").read_text(encoding="utf-8")
    assert r"$$\theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}$$" in text
    assert "def adam(param, grad, state, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08):" in text
    assert text.count('<details class="hint">') == 9
    assert "solution" not in text
    assert "m_hat = m / (1 - beta1**t)\n" not in text


def test_answers_come_where_they_are_asked_for(tmp_path):
    pages.write(tmp_path / "source", ["08"], solutions=True)
    text = (tmp_path / "source" / "exercises" / "08_adam.md").read_text(encoding="utf-8")
    assert "    m_hat = m / (1 - beta1**t)\n" in text
    assert text.count('<details class="solution">') == 3 + 5


def test_a_lesson_keeps_its_code_and_its_name_leads_to_its_exercises(written):
    text = (written / "notebooks" / "08_adam.ipynb").read_text(encoding="utf-8")
    assert "[`exercises/08_adam.ipynb`](/exercises/08_adam.md)" in text
    assert "{download}`Notebook </files/notebooks/08_adam.ipynb>`" in text
    assert (written / "files/notebooks/08_adam.ipynb").read_bytes() == (ROOT / "notebooks/08_adam.ipynb").read_bytes()


def test_what_an_earlier_build_wrote_is_gone(tmp_path):
    pages.write(tmp_path, ["00"])
    pages.write(tmp_path, ["08"])
    assert not list(tmp_path.rglob("00_start*"))


def test_a_chapter_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no chapter has the number 99; there are 00 to"):
        pages.write(tmp_path, ["99"])


def test_links_of_a_text_lead_to_pages_or_name_the_file(written):
    site = pages.Site(written, ["08"], False)
    left = "[d](https://arxiv.org) [e](gone.md) `[f](../SECURITY.md)`"
    text = f"[`a`](../SECURITY.md) [b](../coursekit/cli.py) [c](../exercises/08_adam.ipynb) {left}"
    linked = f"[`a`](/teaching/security.md) b (`coursekit/cli.py`) [c](/exercises/08_adam.md) {left}"
    assert pages.relink(site, text, "docs/x.md") == linked


def test_docstrings_become_restructured_text():
    text = "A $m_t$, `grad`, (*n,).\n\n$$a\n  = b$$\n\n>>> f('`x`')\n1\n\nSource: X.\nWhere torch differs: |w|, a@b."
    wanted = "A :math:`m_t`, ``grad``, (\\*n,). .. math:: a = b >>> f('`x`') 1 "
    wanted += "**Source:** X. **Where torch differs:** \\|w\\|, a\\@b."
    assert docstrings.to_rst(text).split() == wanted.split()


def test_a_figure_brings_its_script_once_and_its_words(tmp_path):
    esm = f"const render = 1;\n{figures.EXPORT}"
    made = figures.part(esm, {"title": "</script>"}, "a < b", tmp_path, depth=1)
    (script,) = (tmp_path / figures.SCRIPTS).iterdir()
    assert f'src="../_static/{figures.SCRIPTS}/{script.name}"' in made
    assert "<noscript><p>a &lt; b</p></noscript>" in made
    assert made.count("</script>") == 2
    assert "export" not in script.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="ends in"):
        figures.part("no module", {}, "", tmp_path, 0)


# ---- the checks of a built site


def test_the_checks_see_what_is_wrong(tmp_path):
    (tmp_path / "b.html").write_text('<h1 id="there"></h1>', encoding="utf-8")
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><a href="https://x.org/">4</a>'
        '<img src="data:image/png;base64,AA" alt=" "><script src="//x.org/y.js"></script><img alt="a" src="b.html">',
        encoding="utf-8",
    )
    found = checks.check(tmp_path)
    assert found.faults == [
        "a.html: a picture without words: data:image/png;base64,AA",
        "a.html: loaded from another host: //x.org/y.js",
        "a.html: b.html#gone leads nowhere",
        "a.html: c.html leads nowhere",
    ]
    assert (found.pages, found.external) == (2, ["//x.org/y.js", "https://x.org/"])


# ---- one chapter, built and looked at


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built")
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine, which brings MathJax: apt install npm")
    command = [sys.executable, ROOT / "site" / "build.py", "--only", "00", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if "npm could not bring MathJax" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_the_site_is_built_without_a_fault(built):
    assert checks.check(built).faults == []
    lesson = (built / "notebooks" / "00_start.html").read_text(encoding="utf-8")
    assert lesson.count('class="ck-place"') == 2, "the movable figures"
    assert 'aria-label="Not yet: identity"' in lesson, "the card"
    assert "widget-state" not in lesson


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def browse(chromium, built) -> Iterator[Any]:
    """`browse("index.html", 390)` is an open page; at the end nothing went wrong, and no request left the site."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here, opened, wrong = f"http://127.0.0.1:{server.server_port}/", [], []

    def open_(name: str, width: int, scheme: str = "light") -> Any:
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on(
            "request", lambda request: None if request.url.startswith((here, "data:")) else wrong.append(request.url)
        )
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(here + name)
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()
    server.shutdown()
    server.server_close()
    assert wrong == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_their_width_in_both_themes(browse, width, scheme):
    for name in ("index.html", "notebooks/00_start.html", "exercises/00_start.html", "api/reference.adam.html"):
        page = browse(name, width, scheme)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.browser
def test_a_figure_moves_without_a_kernel_by_the_keyboard(browse):
    page = browse("notebooks/00_start.html", 1280)
    page.locator(".ck-figure canvas").last.wait_for()
    assert page.locator(".ck-figure").count() == page.locator(".ck-place").count() == 2
    figure = page.locator(".ck-figure").first
    before = figure.locator("figcaption").text_content()
    figure.locator("input[type=range]").first.press("ArrowRight")
    figure.locator("figcaption", has_not_text=before).wait_for()


@pytest.mark.browser
def test_mathematics_search_and_a_small_first_page(browse):
    page = browse("exercises/00_start.html", 1280)
    page.locator("mjx-container").first.wait_for()
    page = browse("search.html?q=identity", 1280)
    page.locator("#search-results li a", has_text="exercises").first.wait_for()
    page = browse("index.html", 1280)
    page.locator(".ck-figure canvas").first.wait_for()
    loaded = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
    assert page.evaluate(f"{loaded}.reduce((sum, entry) => sum + entry.transferSize, 0)") < 2e6
