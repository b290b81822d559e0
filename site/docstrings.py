"""Docstrings of the course as Sphinx reads them: dollars become mathematics, backticks code, last lines paragraphs."""

from __future__ import annotations

import re
from typing import Any

CLOSING = re.compile(r"^(Sources?|Where torch differs): ", re.MULTILINE)
# what stays as it is: a doctest up to its blank line
DOCTEST = re.compile(r"^ *>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
MARKS = re.compile(
    r"\$\$(?P<block>.+?)\$\$|\$(?P<math>[^$]+?)\$|(?<![`:\w])`(?P<code>[^`]+)`(?!`)"
    r"|(?P<plain>\||@|(?<![*\w])\*(?=\w+(?![\w*])))",  # what says nothing special here: |w|, code@host, (*grid, 2)
    re.DOTALL,
)


def to_rst(text: str) -> str:
    """A docstring of the course as reStructuredText, before napoleon reads its Args and Returns."""
    kept = DOCTEST.findall(text)
    parts = [MARKS.sub(_mark, CLOSING.sub(r"\n**\1:** ", part)) for part in DOCTEST.split(text)]
    return "".join(part + (kept[i] if i < len(kept) else "") for i, part in enumerate(parts))


def _mark(found: re.Match[str]) -> str:
    if block := found["block"]:
        start = found.string.rfind("\n", 0, found.start()) + 1
        indent = re.match(" *", found.string[start:])[0]
        return f"\n\n{indent}.. math:: {' '.join(block.split())}\n\n{indent}"
    if math := found["math"]:
        return f":math:`{' '.join(math.split())}`"
    if plain := found["plain"]:
        return f"\\{plain}"
    return f"``{' '.join(found['code'].split())}``"


def on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = to_rst("\n".join(lines)).split("\n")


def on_member(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """The fields of a named tuple stand in its signature; Python's own words about them say nothing."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None
