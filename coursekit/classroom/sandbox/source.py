"""A submission's source: which functions it defines and its quiz answers.

Runs in the child only: hostile source can exhaust a parser. Functions are found by name in the syntax tree of every
code cell, so that lost metadata, moved, split or doubled cells cost nothing.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import linecache
import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from coursekit.probe.values import cut

MAGIC = re.compile(r"^([ \t]*)(?:(?:[\w, ]+=[ \t]*)?[%!].*|\?{1,2}[\w.]+|[\w.]+\?{1,2})[ \t]*$")
MAX_MAGICS = 100  # a cell
DEFINES = re.compile(r"^(?:async )?(?:def|class) +(\w+)|^(\w+) *= *lambda\b", re.MULTILINE)
CHAPTER = re.compile(r"\d\d_[a-z0-9_]{1,40}")


class Unreadable(Exception):
    """The whole file cannot be read; the text says why and where."""


@dataclass
class Source:
    """The statements of a file in order, each with the name of its cell; and the cells that do not parse."""

    statements: list[tuple[ast.stmt, str]] = field(default_factory=list)
    broken: list[dict[str, Any]] = field(default_factory=list)
    chapter: str | None = None


# ---- reading


def read(data: bytes, suffix: str, label: str) -> Source:
    """The statements of a notebook or a .py file; Unreadable when it is neither."""
    if suffix != ".ipynb":
        return _read_script(data, label)
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        cells = notebook["cells"]
        texts = ["".join(c.get("source", "")) for c in cells if c.get("cell_type") == "code"]
    except json.JSONDecodeError as error:
        raise Unreadable(f"not a notebook: it is not JSON (line {error.lineno}: {error.msg})") from None
    except UnicodeDecodeError:
        raise Unreadable("not a notebook: it is not UTF-8 text") from None
    except (RecursionError, MemoryError):
        raise Unreadable("not a notebook: it is nested too deep") from None
    except (LookupError, TypeError, AttributeError, ValueError):
        raise Unreadable("not a notebook: it has no list of cells as nbformat 4 has it") from None
    source = Source(chapter=_chapter(notebook))
    for number, text in enumerate(texts, 1):
        name = f"{label} cell {number}"
        try:
            _add(source, text, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            names = [a or b for a, b in DEFINES.findall(text)]
            source.broken.append({"where": f"code cell {number}, {_where(error)}", "names": names[:50]})
    return source


def _read_script(data: bytes, label: str) -> Source:
    source = Source()
    try:
        text = importlib.util.decode_source(data)
        _add(source, text, label)
    except (UnicodeDecodeError, LookupError):
        raise Unreadable("not a Python file: it is not text in UTF-8 or its declared encoding") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"it does not parse: {_where(error)}") from None
    return source


def _add(source: Source, text: str, name: str) -> None:
    tree, text = _parsed(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    source.statements += [(statement, name) for statement in tree.body]


def _parsed(text: str) -> tuple[ast.Module, str]:
    """The tree, with IPython's own lines replaced by `pass` where they stand in the way: line numbers stay."""
    if text.lstrip().startswith("%%") and not re.match(r"\s*%%(?:time|timeit|capture|prun)\b", text):
        return ast.Module([], []), ""  # the cell is in another language
    for _ in range(MAX_MAGICS):
        try:
            return ast.parse(text), text
        except SyntaxError as error:
            lines = text.split("\n")
            at = (error.lineno or 0) - 1
            found = MAGIC.match(lines[at]) if 0 <= at < len(lines) else None
            if found is None:  # not a line of IPython's (and no continued line that begins with %): theirs
                raise
            lines[at] = f"{found[1]}pass"
            text = "\n".join(lines)
    raise SyntaxError("too many lines that are not Python")


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return cut(f"line {error.lineno}: {error.msg}: `{(error.text or '').strip()}`")
    if isinstance(error, RecursionError | MemoryError):
        return "line 1: nested too deep"
    return cut(f"line 1: {error}")


def _chapter(notebook: dict[str, Any]) -> str | None:
    """The chapter that the notebook's own metadata names."""
    try:
        chapter = notebook["metadata"]["coursekit"]["chapter"]
    except (LookupError, TypeError):
        return None
    return chapter if isinstance(chapter, str) and CHAPTER.fullmatch(chapter) else None


# ---- what it defines


def defined(source: Source, wanted: set[str]) -> list[str]:
    """The wanted names that some top-level statement defines."""
    found: dict[str, None] = {}
    for statement, _ in source.statements:
        name = definition(statement, found)
        if name:
            found[name] = None
    return [name for name in found if name in wanted]


def definition(statement: ast.stmt, known: Container[str]) -> str | None:
    """The name that a statement defines as a function, a class, a lambda, or as another name for a known one."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement.name
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        value = statement.value
        other = isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in known)
        if other and isinstance(targets[0], ast.Name):
            return targets[0].id
    return None


def answers(source: Source, quizzes: set[str]) -> dict[str, tuple[ast.expr, str]]:
    """The value in the last answer("name", value) of each quiz, with the name of its cell; none where it is `...`."""
    found: dict[str, tuple[ast.expr, str]] = {}
    for statement, label in source.statements:
        call = getattr(statement, "value", None)
        if not (isinstance(call, ast.Call) and len(call.args) == 2 and not call.keywords):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        name = getattr(call.args[0], "value", None)
        blank = getattr(call.args[1], "value", None) is ...  # as the stub has it
        if called == "answer" and isinstance(name, str) and name in quizzes and not blank:
            found[name] = call.args[1], label
    return found
