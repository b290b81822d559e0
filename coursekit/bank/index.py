"""Finds what the bank declares: chapters, exercises and quizzes by name."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil

from coursekit import bank
from coursekit.exercise import Chapter, Exercise, Quiz


class UnknownName(ValueError):
    """A name that the bank does not have; says the nearest one, and shows no traceback in a notebook."""

    def _render_traceback_(self) -> list[str]:
        return [f"{self}"]


@functools.cache
def chapters() -> dict[str, Chapter]:
    """Every chapter by its id, such as "08_adam", in the course's order."""
    topics = [m.name for m in pkgutil.iter_modules(bank.__path__) if m.name != "index" and not m.ispkg]
    found = [importlib.import_module(f"coursekit.bank.{topic}").chapter for topic in topics]
    return {chapter.id: chapter for chapter in sorted(found, key=lambda c: c.number)}


@functools.cache
def exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the course's order."""
    return {e.name: e for chapter in chapters().values() for e in chapter.exercises}


@functools.cache
def quizzes() -> dict[str, Quiz]:
    """Every quiz by its name, in the course's order."""
    return {q.name: q for chapter in chapters().values() for q in chapter.quizzes}


def find(name: str) -> Exercise | None:
    return exercises().get(name)


def exercise(name: str) -> Exercise:
    """The exercise of this name; UnknownName (a ValueError) with the nearest name where there is none."""
    return _get(exercises(), name, "exercise")


def quiz(name: str) -> Quiz:
    """The quiz of this name; UnknownName (a ValueError) with the nearest name where there is none."""
    return _get(quizzes(), name, "quiz")


def chapter(name: str) -> Chapter:
    """The chapter with this id, topic or number."""
    short = {key: c for c in chapters().values() for key in (c.id, c.topic, str(c.number), f"{c.number:02d}")}
    return short[name] if name in short else _get(chapters(), name, "chapter")


def _get(known: dict, name: str, kind: str):
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, 1, 0.4)
    nearest = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise UnknownName(f"no {kind} is called {name!r}: {nearest}")


@functools.cache
def state_types() -> dict[str, tuple[str, ...]]:
    """The state types of the course's rules, as plain data: name to fields."""
    from coursekit.reference import RULES

    return {r.State.__name__: r.State._fields for r in RULES.values()}  # type: ignore[attr-defined]
