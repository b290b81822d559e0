"""Movable figures on a page without a kernel: the script and the data that a widget holds are written into the page."""

from __future__ import annotations

import hashlib
import html
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from docutils import nodes

EXPORT = "export default { render };\n"  # how the module of a movable figure ends
SCRIPTS = "figures"  # the folder of their scripts, below _static
WIDGET = "application/vnd.jupyter.widget-view+json"
# Ends the figure's own script: draws in each place once, also where a page with two figures of a kind runs it twice.
DRAW = """
for (const el of document.querySelectorAll('[data-figure="{name}"]')) {{
  el.removeAttribute("data-figure");
  render({{ model: savedModel(JSON.parse(el.querySelector("script").textContent)), el }});
}}
"""


def part(esm: str, data: dict[str, Any], words: str, static: Path, depth: int) -> str:
    """The figure as a part of a page that lies `depth` folders below the site's root; `words` where no script runs."""
    if not esm.endswith(EXPORT):
        raise ValueError(f"the module of a movable figure ends in {EXPORT!r}; this one ends in {esm[-40:]!r}")
    name = hashlib.sha256(esm.encode()).hexdigest()[:12]
    script = static / SCRIPTS / f"{name}.js"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f"(() => {{\n{esm.removesuffix(EXPORT)}{DRAW.format(name=name)}}})();\n", encoding="utf-8")
    plain = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<div class="ck-place" data-figure="{name}"><noscript><p>{html.escape(words)}</p></noscript>'
        f'<script type="application/json">{plain}</script></div>'
        f'<script defer src="{"../" * depth}_static/{SCRIPTS}/{name}.js"></script>'
    )


def front(static: Path) -> str:
    """The figure of the front page."""
    from coursekit import show

    figure = show.playground("ravine", ("gradient_descent", "momentum", "rmsprop", "adam"), steps=60)
    data = {k: {"base64": b64encode(v).decode()} if isinstance(v, bytes) else v for k, v in figure.data.items()}
    return part(figure._esm, data, figure.describe(), static, 0)


def on_read(app: Any, doctree: nodes.document) -> None:
    """Put each widget's own figure where the notebook only refers to it, and leave the widget's state out of the page.

    Connected to Sphinx's doctree-read, after myst-nb has kept the state as a script of the page.
    """
    docname = app.env.docname
    kept = getattr(app.env, "nb_metadata", {}).get(docname, {}).get("js_files", {})
    state = json.loads(kept["ipywidgets_state"][1]["body"])["state"] if "ipywidgets_state" in kept else {}
    for key in [key for key in kept if key.startswith("ipywidgets")]:
        del kept[key]
    for bundle in doctree.findall(lambda node: isinstance(node, nodes.container) and "mime_type" in node):
        if bundle["mime_type"] != WIDGET:
            continue
        view = json.loads(bundle.astext().partition(">")[2].rpartition("<")[0])
        widget = state[view["model_id"]]
        if "_esm" not in widget["state"]:
            raise ValueError(f"{docname}: a widget that is no movable figure, {widget['model_name']}, needs a kernel")
        data = widget["state"]["data"]
        for buffer in widget.get("buffers", ()):
            _, key = buffer["path"]
            data[key] = {"base64": buffer["data"]}
        plain = next((b.astext() for b in bundle.parent if b["mime_type"] == "text/plain"), data["title"])
        static = Path(app.srcdir).parent / "static"
        made = part(widget["state"]["_esm"], data, plain, static, docname.count("/"))
        bundle.children = [nodes.raw("", made, format="html", classes=["output", "text_html"])]
