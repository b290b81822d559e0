"""The parts of a reference's docstring, so that a formula and its words are written once and shown everywhere."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parts:
    """What a docstring of the course says, part by part."""

    sentence: str
    equations: tuple[str, ...]  # LaTeX, without the dollar signs
    args: dict[str, str]
    returns: str
    source: str
    torch: str


def parts(function: Callable[..., Any]) -> Parts:
    """Read the docstring of a reference function.

    >>> from coursekit.reference.adam import bias_correction
    >>> parts(bias_correction).equations
    ('\\\\hat a_t = \\\\frac{a_t}{1 - \\\\beta^t}',)
    """
    text = inspect.getdoc(function) or ""
    args = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.M)
    return Parts(
        sentence=" ".join(text.split("\n\n")[0].split()),
        equations=tuple(" ".join(e.split()) for e in re.findall(r"\$\$(.+?)\$\$", text, re.S)),
        args=_arguments(textwrap.dedent(args[1])) if args else {},
        returns=_paragraph(text, r"^Returns:\n"),
        source=_paragraph(text, r"^Sources?: "),
        torch=_paragraph(text, r"^Where torch differs: "),
    )


def _arguments(block: str) -> dict[str, str]:
    found = re.findall(r"^(\w+): (.*(?:\n {4,}.*)*)", block, re.M)
    return {name: " ".join(words.split()) for name, words in found}


def _paragraph(text: str, head: str) -> str:
    """What follows a heading, up to a blank line or the next heading."""
    found = re.search(head + r"((?:.+\n?)+?)(?=\n|\Z|^[A-Z][\w ]+: ?)", text, re.M)
    return " ".join(found[1].split()) if found else ""


def body(function: Callable[..., Any]) -> str:
    """The source of a function as it is taught: no decorator, no docstring, no annotations beyond its signature.

    >>> from coursekit.reference.adam import bias_correction
    >>> print(body(bias_correction))
    def bias_correction(average: Tensor, t: int, *, beta: float):
        return average / (1 - beta**t)
    """
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    skip = range(first.lineno, (first.end_lineno or first.lineno) + 1) if documented else range(0)
    return "\n".join(line for n, line in enumerate(lines, 1) if n >= node.lineno and n not in skip)
