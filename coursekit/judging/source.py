"""The reference's source: edited into a slip, cut down to a stub, or shown as the solution."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from coursekit.exercise import Change
from coursekit.reference.docs import body, parts

WIDTH = 80  # of the sentence in a cell: JupyterLab shows about 95 characters beside its panel


class NotApplicable(ValueError):
    """An edit whose old text does not stand exactly once in the source."""


@functools.cache
def source(function: Callable[..., Any]) -> str:
    """The function as it is taught: no decorator, no docstring."""
    return body(function)


def apply(text: str, change: Change) -> str:
    """The source after one or several replacements, each of which must apply exactly once.

    >>> apply("m = beta1 * m", ("beta1", "beta2"))
    'm = beta2 * m'
    >>> apply("m * m", ("m", "v"))
    Traceback (most recent call last):
    coursekit.judging.source.NotApplicable: 'm' stands 2 times in the source, wanted once
    """
    for old, new in [change] if isinstance(change, tuple) else change:  # type: ignore[union-attr]
        if (count := text.count(old)) != 1:
            raise NotApplicable(f"{old!r} stands {count} times in the source, wanted once")
        text = text.replace(old, new)
    return text


def made(answer: Callable[..., Any], *changes: Change) -> Callable[..., Any]:
    """The function that the answer becomes under these changes: compiled in its own module's names."""
    text = source(answer)
    for change in changes:
        if callable(change):
            return change
        text = apply(text, change)
    return _compiled(answer, text)


def names_of(answer: Callable[..., Any]) -> dict[str, Any]:
    """A copy of the names that the answer's own module has, to run an edited answer in."""
    module = inspect.getmodule(answer)
    return dict(vars(module)) if module else {}


@functools.lru_cache(maxsize=10_000)
def _compiled(answer: Callable[..., Any], text: str) -> Callable[..., Any]:
    names = names_of(answer)
    exec(compile(text, f"<{answer.__name__}, edited>", "exec"), names)
    return names[answer.__name__]


def signature(answer: Callable[..., Any]) -> str:
    """The head that a learner starts from: names and defaults, no annotations.

    >>> from coursekit.reference.adam import bias_correction
    >>> signature(bias_correction)
    'bias_correction(average, t, *, beta)'
    """
    node = ast.parse(source(answer)).body[0]
    assert isinstance(node, ast.FunctionDef)
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        argument.annotation = None
    return f"{node.name}({ast.unparse(node.args)})"


def stub(answer: Callable[..., Any]) -> str:
    """What stands in the exercise notebook before the learner has written anything."""
    sentence = "\n    ".join(textwrap.wrap(parts(answer).sentence, WIDTH))
    head = f'def {signature(answer)}:\n    """{sentence}"""\n'
    unpack = ""
    if (State := getattr(answer, "State", None)) is not None and State._fields:
        fields = State._fields
        unpack = f"    {', '.join(fields) if len(fields) > 1 else f'({fields[0]},)'} = state\n"
    return f'{head}{unpack}    raise NotImplementedError("write {answer.__name__} here, in place of this line")'


def solution_source(answer: Callable[..., Any]) -> str:
    """The answer as a notebook cell: the stub's head over the reference's own lines."""
    text = source(answer)
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = text.splitlines()[node.body[0].lineno - 1 :]
    sentence = "\n    ".join(textwrap.wrap(parts(answer).sentence, WIDTH))
    return f'def {signature(answer)}:\n    """{sentence}"""\n' + "\n".join(lines).rstrip()
