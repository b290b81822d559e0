"""The course on a page: what each function does, its equation and its form in torch, read from the references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coursekit.reference.docs import parts


@dataclass(frozen=True)
class Summary:
    """Concepts, one under the other: as Markdown with mathematics in a notebook, as plain text elsewhere."""

    rows: tuple[tuple[str, str, tuple[str, ...], str, str], ...]

    def __repr__(self) -> str:
        blocks = []
        for name, sentence, equations, torch, chapter in self.rows:
            lines = [f"{name} ({chapter}): {sentence}", *(f"    {e}" for e in equations)]
            blocks.append("\n".join([*lines, *([f"    Beside torch: {torch}"] if torch else [])]))
        return "\n\n".join(blocks)

    def _repr_markdown_(self) -> str:
        blocks = []
        for name, sentence, equations, torch, chapter in self.rows:
            lines = [f"**`{name}`** · [{chapter}]({chapter}.ipynb) · {sentence}", *(f"$${e}$$" for e in equations)]
            blocks.append("\n\n".join([*lines, *([f"Beside torch: {torch}"] if torch else [])]))
        return "\n\n<hr>\n\n".join(blocks)


def summary(chapters: Mapping[str, Sequence[Callable[..., Any]]]) -> Summary:
    """The sentence, the equations and the torch form of reference functions, one concept after the other.

    Args:
        chapters: the functions of each chapter under its name, such as "08_adam".

    Raises:
        ValueError: no function, or one whose docstring has no sentence.
        TypeError: no dict.

    >>> from coursekit.reference.losses import mse_loss
    >>> print(repr(summary({"01_losses": [mse_loss]})).splitlines()[0])
    mse_loss (01_losses): The mean of the squared errors.
    """
    if not isinstance(chapters, Mapping):
        raise TypeError(f"summary: needs a dict of chapters with their functions; got {type(chapters).__name__}")
    rows = []
    for chapter, functions in chapters.items():
        for function in functions:
            found, name = parts(function), getattr(function, "__name__", repr(function))
            if not found.sentence:
                raise ValueError(f"summary: {name} has no docstring; give it a sentence and an equation")
            rows.append((name, found.sentence, found.equations, found.torch, chapter))
    if not rows:
        raise ValueError("summary: needs at least one function of a chapter; got none")
    return Summary(tuple(rows))
