"""Classes made up from the bank: right and wrong answers to the assignment, or everything that students hand in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.graders import assignment
from benchmarks.graders.peers import Class
from coursekit.bank import index
from coursekit.classroom import demo
from coursekit.exercise import Chapter, Exercise
from coursekit.judging.source import apply, solution_source, source, stub

KINDS = ("right", "slips", "blank", "cut off", "no Python", "loop", "exit", "memory")
BODIES = {"loop": "while True: pass", "exit": "import os; os._exit(0)", "memory": "return [0.0] * 10**12"}


def simple(count: int) -> Class:
    """Students of the assignment; every third has one exercise wrong, by a slip of the bank. No two files are alike."""
    made = {}
    for i in range(count):
        cells = [f'AUTHOR = "student {i}"']
        for k, name in enumerate(assignment.NAMES):
            wrong = i % 3 == 2 and i // 3 % len(assignment.NAMES) == k
            cell = demo.slip(index.exercise(name), i // 3) if wrong else assignment.ANSWERS[name]
            cells.append(f"{cell.rstrip()}\n    # written by student {i}")
        made[f"student{i:05d}"] = cells
    return made


def credited(count: int) -> dict[str, int]:
    """The exercises that each of `simple(count)` has right."""
    return {f"student{i:05d}": len(assignment.NAMES) - (i % 3 == 2) for i in range(count)}


# ---- everything that students hand in


@dataclass(frozen=True)
class Made:
    """One submission: what the file is called, its bytes, and what is to be found: right exercises, slips by name."""

    student: str
    kind: str
    file: str
    data: bytes
    right: tuple[str, ...] = ()  # to be credited
    slips: dict[str, str] = field(default_factory=dict)  # not to be credited; the slip's id


def mixed(count: int) -> Iterator[Made]:
    """Of every hundred one loop, three exits, one eater of memory and nine broken files; of the rest, the bank's slips.

    Every slip that is an edit stands in one submission, if the class is large enough, beside the next exercise's slips.
    """
    slips = itertools.chain(_slips(), itertools.repeat(None))
    chapters = itertools.cycle([c for c in index.chapters().values() if c.exercises])
    for i in range(count):
        kind = _kind(i)
        chapter = next(chapters)
        if kind == "slips":
            found = next(slips)
            if found:
                yield _handed(i, kind, found[0], cells=found[1], slips=found[2])
                continue
            kind = "right"
        yield _other(i, kind, chapter)


def _kind(i: int) -> str:
    place = i % 100
    special = {7: "loop", 19: "exit", 43: "exit", 71: "exit", 31: "memory"}
    if place in special:
        return special[place]
    if place % 11 == 4:
        return ("blank", "cut off", "no Python")[place // 11 % 3]
    return "slips" if place % 5 < 3 else "right"


def _edits(exercise: Exercise) -> list[tuple[str, str]]:
    """Each slip that is an edit: its id and the answer with it."""
    text = source(exercise.answer)
    return [(s.id, apply(text, s.change)) for s in exercise.slips if not callable(s.change)]


def _slips() -> Iterator[tuple[Chapter, dict[str, str], dict[str, str]]]:
    """Every slip of the bank once: the k-th of each exercise of a chapter, in one file."""
    for chapter in index.chapters().values():
        edits = {e.name: _edits(e) for e in chapter.exercises}
        for k in range(max(map(len, edits.values()), default=0)):
            here = {name: found[k] for name, found in edits.items() if k < len(found)}
            yield chapter, {n: text for n, (_, text) in here.items()}, {n: slip for n, (slip, _) in here.items()}


def _handed(i: int, kind: str, chapter: Chapter, cells: dict[str, str], slips: dict[str, str]) -> Made:
    """A notebook or a script with these cells in place of the answers, all others right."""
    own = {e.name: cells.get(e.name) or solution_source(e.answer) for e in chapter.exercises}
    needed = {n.__name__: solution_source(n) for e in chapter.exercises for n in e.needs if n.__name__ not in own}
    written = [f'from torch import Tensor\n\nAUTHOR = "student {i}"', *needed.values(), *own.values()]
    data = demo.script(written) if i % 4 == 1 else demo.notebook(chapter, written)
    alone = {n: text for n, text in (needed | own).items() if n not in cells}  # what calls a wrong one is wrong as well
    right = tuple(n for n, text in alone.items() if not any(f"{wrong}(" in text for wrong in cells))
    return Made(f"student{i:05d}", kind, ".py" if i % 4 == 1 else ".ipynb", data, right, slips)


def _other(i: int, kind: str, chapter: Chapter) -> Made:
    """A submission that is no slip."""
    last = chapter.exercises[-1]
    if kind == "blank":
        return _handed(i, kind, chapter, {e.name: stub(e.answer) for e in chapter.exercises}, {})
    if kind in BODIES:
        head = stub(last.answer).partition(":\n")[0]
        return _handed(i, kind, chapter, {last.name: f"{head}:\n    {BODIES[kind]}"}, {})
    made = _handed(i, kind, chapter, {}, {})
    if kind == "right":
        return made
    data = made.data[: len(made.data) // 2] if kind == "cut off" else b"\xff\xfe\x00 def adam(:\n" * 20
    return Made(made.student, kind, made.file, data)


def write(made: Iterator[Made], folder: Path) -> list[Made]:
    """Put the submissions into a folder."""
    folder.mkdir(parents=True)
    kept = []
    for one in made:
        (folder / f"{one.student}{one.file}").write_bytes(one.data)
        kept.append(one)
    return kept


def write_simple(count: int, folder: Path) -> None:
    folder.mkdir(parents=True)
    for student, cells in simple(count).items():
        (folder / f"{student}.ipynb").write_text(json.dumps(assignment.plain(cells)))
