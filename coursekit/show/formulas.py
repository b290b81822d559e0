"""A formula as it is taught: its sentence, its equation and its code, all read from the reference itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coursekit.reference.docs import body, parts


@dataclass(frozen=True)
class Formula:
    """Shows itself: as Markdown with mathematics in a notebook, as plain text elsewhere."""

    sentence: str
    equations: tuple[str, ...]
    code: str

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *(f"    {equation}" for equation in self.equations), "", self.code])

    def _repr_markdown_(self) -> str:
        lines = "\n\n".join(f"$${equation}$$" for equation in self.equations)
        return f"{self.sentence}\n\n{lines}\n\n```python\n{self.code}\n```"


def formula(function: Callable[..., Any]) -> Formula:
    """The sentence, the equations and the code of a reference function, so that a lesson never retypes them.

    Raises:
        TypeError: what came is no function with a source.

    >>> from coursekit.reference.adam import bias_correction
    >>> formula(bias_correction)
    Undo the pull towards zero of a running mean that started at zero.
        \\hat a_t = \\frac{a_t}{1 - \\beta^t}
    <BLANKLINE>
    def bias_correction(average: Tensor, t: int, *, beta: float):
        return average / (1 - beta**t)
    """
    try:
        code = body(function)
    except TypeError:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"formula takes a function that Python can show the source of; got {name}") from None
    found = parts(function)
    return Formula(found.sentence, found.equations, code)
