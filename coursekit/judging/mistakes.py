"""Every mistake that a verdict can name, by its id: what a class board may be told, and the words it shows for it.

An id carries no code and no number of the learner's: what is not on the list is told in a general form, or not at all.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coursekit.bank import index
from coursekit.exercise import Exercise, Quiz, identifier
from coursekit.judging.edits import Sheet
from coursekit.judging.judge import CARELESS
from coursekit.judging.relations import REVERSED, VARIED
from coursekit.judging.source import source
from coursekit.reference.rule import hyperparameters

# What relations say without a number or a name in it.
PLAIN = (
    *("nothing computed", "kept between calls", "the same result always", "state not carried", "state not read"),
    *("opposite sign", "always zero", "sum for mean", "mean for sum", "divided by a fixed number", "sign lost"),
    *("absolute value missing", "some signs turned", "transposed", "mean missing", "sum missing", "delegated"),
    *("wrong for large numbers", "wrong from the second step", "a mistake in what is returned"),
    *(name for name, _ in (*VARIED.values(), *REVERSED.values())),
)
# How a title begins that goes on with the learner's own number: told without it.
NUMBERED = {
    "factor": "one constant factor too much",
    "offset": "one constant number too much",
    "right_only": "right only for some inputs",
    "computed_in": "computed in another precision",
}
MOST_PARTS = 3  # of one diagnosis


@dataclass(frozen=True)
class Mistake:
    """What can be said of a mistake without the learner's numbers; `hint` is the one that opens first, 0: none."""

    title: str
    words: str = ""
    hint: int = 0


@functools.cache
def known(name: str) -> dict[str, Mistake]:
    """The mistakes that the verdict on an exercise or a question can name, by id; the authored ones first.

    >>> known("adam")["m_not_corrected"].title
    'm not corrected'
    """
    found = dict(_declared(name))
    if name not in index.quizzes():
        for key, mistake in _edits(index.exercise(name)):
            found.setdefault(key, mistake)
    return found


@functools.cache
def _declared(name: str) -> dict[str, Mistake]:
    """Those that are no edit found by machine: quick to list, while a learner's check may still be running."""
    quiz = index.quizzes().get(name)
    found: dict[str, Mistake] = {}
    for key, mistake in _of_quiz(quiz) if quiz else _of_exercise(index.exercise(name)):
        found.setdefault(key, mistake)
    return found


def told(name: str, diagnosis: str | None) -> str | None:
    """The id of a verdict's diagnosis as it may leave the machine; None where there is nothing to tell.

    >>> told("adam", "m_not_corrected"), told("adam", "factor_1_37"), told("adam", None)
    ('m_not_corrected', 'factor', None)
    """
    if not diagnosis:
        return None
    parts = [part if part in _declared(name) else _general(part) for part in diagnosis.split("+")]
    return "+".join([part for part in parts if _on_list(name, part)][:MOST_PARTS]) or None


def _on_list(name: str, part: str) -> bool:
    return part in _declared(name) or part in known(name)


def find(name: str, diagnosis: str) -> Mistake | None:
    """What an id says, part by part; None when a part of it is not on the list."""
    parts = diagnosis.split("+")
    found = [known(name).get(part) for part in parts]
    if len(parts) > MOST_PARTS or not all(found):
        return None
    each = [mistake for mistake in found if mistake]
    return each[0] if len(each) == 1 else Mistake(" and ".join(m.title for m in each), "", each[0].hint)


def _general(part: str) -> str:
    return next((start for start in NUMBERED if part.startswith(f"{start}_")), part)


def _of_quiz(quiz: Quiz) -> Iterator[tuple[str, Mistake]]:
    """Two answers that differ in their sign alone have one id."""
    found: dict[str, Mistake] = {}
    for belief, words in quiz.beliefs:
        key, same = identifier(f"{quiz.name} {belief}"), Mistake(f"answered {belief}", words)
        found[key] = Mistake(f"{found[key].title} or {belief}") if key in found else same
    yield from found.items()


def _of_exercise(exercise: Exercise) -> Iterator[tuple[str, Mistake]]:
    for slip in exercise.slips:
        yield slip.id, Mistake(slip.name, _without_numbers(slip.message), slip.hint)
    for convention in exercise.conventions:
        yield convention.id, Mistake(convention.name, _without_numbers(convention.message))
    laws = [law.name for law in getattr(exercise.probe, "laws", ())]
    for title in (*laws, *PLAIN, *CARELESS.values(), *_unused(exercise), *_exchanged(exercise.answer)):
        yield identifier(title), Mistake(title)
    yield from ((start, Mistake(title)) for start, title in NUMBERED.items())


def _without_numbers(message: str) -> str:
    """The sentences of a message that hold no number of one learner's."""
    sentences = re.split(r"(?<=[.?]) (?=[A-Z`{])", message)
    return " ".join(s for s in sentences if "{" not in s)


def _unused(exercise: Exercise) -> Iterator[str]:
    names = tuple(hyperparameters(exercise.answer))
    for count in range(1, len(names) + 1):
        yield from (f"{' and '.join(chosen)} not used" for chosen in itertools.combinations(names, count))


def _exchanged(answer: Any) -> Iterator[str]:
    fields = getattr(getattr(answer, "State", None), "_fields", ())
    tensors = [name for name in fields if name != "t"]
    yield from (f"{a} and {b} returned in exchanged order" for a, b in itertools.combinations(tensors, 2))


def _edits(exercise: Exercise) -> Iterator[tuple[str, Mistake]]:
    """Those found by machine. Two that have one id (signs are not part of it) are told by their line alone."""
    titles: dict[str, set[str]] = {}
    lines: dict[str, str] = {}
    for edit in Sheet(source(exercise.answer)).edits():
        title = f"as if {edit.words}, {edit.line}" if edit.line else f"as if {edit.words}"
        titles.setdefault(identifier(title), set()).add(title)
        lines[identifier(title)] = f"a mistake {edit.line}".strip()
    for key, same in titles.items():
        yield key, Mistake(same.pop() if len(same) == 1 else lines[key])
    yield from ((identifier(title), Mistake(title)) for title in lines.values())
