"""What every movable figure shares on the side of Python: the widget, its text form, and its form as a page alone."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from coursekit.show import style

if TYPE_CHECKING:
    from coursekit.show.picture import Picture

STATIC = Path(__file__).with_name("static")


class Movable(anywidget.AnyWidget):
    """A figure drawn by `static/<name>.js` from `data`, a dict of plain values and bytes.

    `data["title"]` says what the figure is. `words(data)` is the caption that it opens with, in the browser and as
    text. `respond(message)`, where there is one, makes new data from what the browser asks for. `still()` draws the
    picture that a front end shows which has no widgets, or does not trust the notebook.
    """

    data = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        name: str,
        data: dict[str, Any],
        words: Callable[[dict[str, Any]], str],
        respond: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        still: Callable[[], Picture] | None = None,
    ) -> None:
        self._name = name
        self._esm = script(name) + "export default { render };\n"
        self._css = css()
        self._words, self._respond, self._still = words, respond, still
        super().__init__(data=data)
        self.on_msg(self._answer)

    def describe(self) -> str:
        """What the figure shows as it opens, in words."""
        return self._words(self.data)

    def standalone_html(self) -> str:
        """The figure as a page of its own, which loads nothing and needs no kernel."""
        title, words = html.escape(self.data["title"]), html.escape(self.describe())
        plain = json.dumps(self.data, default=_as_base64, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{css()}</style></head>\n'
            f'<body class="ck-page"><noscript><p>{words}</p></noscript>\n<script type="module">\n{script(self._name)}'
            f"render({{ model: savedModel({plain}), el: document.body }});\n</script></body></html>\n"
        )

    def _answer(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
        if self._respond is None:
            return  # no answer keeps what needs one switched off
        if message.get("kind") != "hello":
            self.data = self._respond(message)
        self.send({"kind": "answer"})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/plain"] = self.describe()
            if self._still is not None:
                bundle[0]["text/html"] = self._still()._repr_mimebundle_()["text/html"]
        return bundle

    def __repr__(self) -> str:
        return self.describe()


def script(name: str) -> str:
    """The figure's module without its export: what figures share, then its own part, which defines `render`."""
    return "\n".join((STATIC / f"{part}.js").read_text("utf-8") for part in ("movable", "pen", "ground", name))


def css() -> str:
    """The style sheet, with the inks of the house style for light and dark pages."""
    light, dark = (
        f"color-scheme: {name};" + "".join(f" --ck-{key}: {ink};" for key, ink in style.THEMES[name]._asdict().items())
        for name in ("light", "dark")
    )
    hosts = ('[data-jp-theme-light="false"]', 'html[data-theme="dark"]', ".vscode-dark")
    return (
        f".ck-figure, .ck-page {{{light}}}\n"
        f"{', '.join(f'{host} .ck-figure' for host in hosts)} {{{dark}}}\n"
        f"@media (prefers-color-scheme: dark) {{ .ck-page, .ck-page .ck-figure {{{dark}}} }}\n"
        + (STATIC / "movable.css").read_text("utf-8")
    )


def _as_base64(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"the data of a movable figure must be plain values and bytes; got {value!r:.60}")
    return {"base64": base64.b64encode(value).decode()}
