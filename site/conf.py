"""Sphinx's settings; `build.py` writes the pages and calls Sphinx with them."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import docstrings  # noqa: E402
import figures  # noqa: E402

from coursekit import __version__  # noqa: E402
from coursekit.show.movable import base  # noqa: E402

project = "coursekit"
author = "the authors of coursekit"
version = release = __version__
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["files"]

# ---- lessons


def _runs_on() -> str:
    """A hash of all that a lesson runs: where it changes, the outputs that are kept are not used any more."""
    folders = ("bank", "engine", "judging", "probe", "reference", "show")
    files = sorted(
        p for f in folders for p in (ROOT / "coursekit" / f).rglob("*") if p.suffix in (".py", ".js", ".css")
    )
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

# ---- the package

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False
nitpick_ignore_regex = [("py:(class|exc)", ".*")]  # types of torch and of Python have no page here
napoleon_use_ivar = True

# ---- looks

html_theme = "sphinx_book_theme"
html_title = "coursekit"
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["movable.css", "site.css"]
html_theme_options = {
    "show_navbar_depth": 1,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],
}
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_copyright = False
html_search_scorer = str(HERE / "scorer.js")  # read as it stands, from where Sphinx was started
mathjax_path = "mathjax/tex-chtml.js"


def _say(app, docname: str, source: list[str]) -> None:
    if docname.startswith("notebooks/"):
        print(f"site: {docname}", flush=True)  # a lesson that is to be run takes its time


def setup(app) -> None:
    out = Path(app.srcdir).parent  # where build.py keeps what need not be made again
    (out / "static").mkdir(parents=True, exist_ok=True)
    (out / "static" / "movable.css").write_text(base.css(), encoding="utf-8")
    app.config.html_static_path = [*app.config.html_static_path, str(out / "static")]
    app.config.nb_execution_cache_path = str(out / ".jupyter_cache" / _runs_on())
    app.connect("source-read", _say)
    app.connect("doctree-read", figures.on_read)
    app.connect("autodoc-process-docstring", docstrings.on_docstring, priority=1)  # before napoleon
    app.connect("autodoc-skip-member", docstrings.on_member)
