"""Companion of the course: rules to read and run, figures to move, and `check`, which names the mistake.

Importing it loads nothing heavy; each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "check": "coursekit.judging.check",
    "yours": "coursekit.judging.check",
    "hint": "coursekit.judging.check",
    "solution": "coursekit.judging.check",
    "answer": "coursekit.judging.check",
    "progress": "coursekit.judging.overview",
    "join": "coursekit.judging.board",
    "leave": "coursekit.judging.board",
}
__all__ = ["__version__", "answer", "check", "hint", "join", "leave", "progress", "solution", "yours"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in ("reference", "engine", "show", "bank", "judging"):
        return importlib.import_module(f"coursekit.{name}")
    raise AttributeError(f"coursekit has no {name!r}; it has {', '.join(__all__)}, and reference, engine, show")
