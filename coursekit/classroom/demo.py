"""A sample class, made from the bank: right answers, known mistakes, and files as students really hand them in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.classroom import run, submission
from coursekit.classroom.sandbox import host
from coursekit.classroom.submission import Bad
from coursekit.exercise import Chapter, Exercise, Quiz
from coursekit.judging.source import apply, solution_source, source, stub

MAIN, OTHER = "08_adam", "01_losses"
SEED = 8
SECONDS = 3.0
NAMES = """
ada bruno chiara dario elif farid greta hana ivo jana kofi lena mateo nadia oskar priya quentin rosa sami tilda umar
vera wanja xenia yusuf zoe anouk boris celia dmitri
"""
Handed = tuple[str, bytes]  # what the file's name ends in, after the student's; and the file

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nfor epoch in range(10**9):\n    pass\n"


def demo(out: Path, *, jobs: int = 0) -> int:
    """Make the class in `out/submissions` and grade it into `out/grades`, from the beginning each time."""
    place, grades = out / "submissions", out / "grades"
    try:
        for name, data in sample().items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for ending in ("", "-wal", "-shm"):
            (grades / f"{submission.GRADEBOOK}{ending}").unlink(missing_ok=True)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}; --out says where else") from None
    print(f"A made-up class of {len(NAMES.split())} is in {place}.")
    practice = bool(host.lacking())  # nobody in this class is out to cheat: it can be looked at on every system
    return run.grade(place, out=grades, jobs=jobs, seed=SEED, seconds=SECONDS, practice=practice)


def sample() -> dict[str, bytes]:
    """Every submission by its path; the same each time."""
    main, other = index.chapter(MAIN), index.chapter(OTHER)
    made = itertools.chain(_right(main), _wrong(main), _stopped(main), _broken(main), _other(main, other))
    files: dict[str, bytes] = {}
    for student, handed in zip(NAMES.split(), made, strict=True):
        for ending, data in handed:
            files[f"{student}{ending}"] = data
    return files


# ---- the pieces that submissions are made of


def answers(chapter: Chapter, **instead: str) -> list[str]:
    """A cell for each exercise: the right answer, or what stands instead of it."""
    return [instead.get(e.name) or solution_source(e.answer) for e in chapter.exercises]


def slip(exercise: Exercise, number: int) -> str:
    """The answer with one of its known mistakes, of those that are edits."""
    edits = [s.change for s in exercise.slips if not callable(s.change)]
    return apply(source(exercise.answer), edits[number % len(edits)])


def predicted(chapter: Chapter, right: bool = True) -> list[str]:
    """A cell for each quiz: the right answer, or a belief that people have."""
    return [f'answer("{q.name}", {_literal(q, right)})' for q in chapter.quizzes]


def _literal(quiz: Quiz, right: bool) -> str:
    value = quiz.answer() if right or not quiz.beliefs else quiz.beliefs[0][0]
    return repr(value) if isinstance(value, str) else f"{value:.6g}"


def notebook(chapter: Chapter | None, cells: list[str]) -> bytes:
    """A notebook of code cells, with the chapter in its metadata as ours have it, or without."""
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
        for i, cell in enumerate(["import torch\nfrom coursekit import answer, check", *cells])
    ]
    metadata = {"coursekit": {"chapter": chapter.id}} if chapter else {}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def script(cells: list[str]) -> bytes:
    return "\n\n\n".join(["import torch", *cells, ""]).encode()


# ---- the students


def _right(chapter: Chapter) -> Iterator[list[Handed]]:
    """Right, in every form that a file can have."""
    own, quizzes = answers(chapter), predicted(chapter)
    doubled = [*[stub(e.answer) for e in chapter.exercises], *own[::-1], *own]
    with_helpers = [PLOT, "HALF = 0.5\n\n\ndef root(x):\n    return x**HALF", *own]
    with_helpers[-1] = with_helpers[-1].replace("v_hat.sqrt()", "root(v_hat)")
    yield [(".ipynb", notebook(chapter, own + quizzes))]
    yield [(f"/{chapter.id}.py", script(own + quizzes))]
    yield [(f"/homework/{chapter.id}.ipynb", notebook(None, own + quizzes)), ("/notes.txt", b"see the notebook\n")]
    yield [(".ipynb", notebook(chapter, ["%matplotlib inline\n!pip list", *doubled, "this is no Python", *quizzes]))]
    yield [(".ipynb", notebook(None, with_helpers))]


def _wrong(chapter: Chapter) -> Iterator[list[Handed]]:
    """A known mistake, another convention, a wrong belief."""
    rule = chapter.exercises[-1]
    for number in (0, 1, 2, 3, 7, 14, 25, 32):
        cells = answers(chapter, **{rule.name: slip(rule, number)}) + predicted(chapter, right=number % 3 > 0)
        yield [(".ipynb", notebook(chapter, cells))] if number % 2 else [(f"/{chapter.id}.py", script(cells))]
    for convention in rule.conventions[:2]:
        changed = apply(source(rule.answer), convention.change)  # type: ignore[arg-type]
        yield [(".ipynb", notebook(chapter, answers(chapter, **{rule.name: changed}) + predicted(chapter)))]
    others = {e.name: slip(e, i + 2) for i, e in enumerate(chapter.exercises)}
    yield [(f"/{chapter.id}.ipynb", notebook(chapter, answers(chapter, **others) + predicted(chapter, right=False)))]


def _stopped(chapter: Chapter) -> Iterator[list[Handed]]:
    """Answers that do not come to an end as they should, in one exercise."""
    rule = chapter.exercises[-1]
    head = f"def {rule.name}(param, grad, state, **hyper):\n    "
    bodies = (
        "while True:\n        pass",
        "import os\n    os._exit(0)",
        "return torch.zeros(10**10), state",
        "return param - learning_rate * grad, state",
        "optimizer = torch.optim.Adam([param])\n    optimizer.step()\n    return param, state",
        "return param",
    )
    for body in bodies:
        yield [(".ipynb", notebook(chapter, answers(chapter, **{rule.name: head + body}) + predicted(chapter)))]


def _broken(chapter: Chapter) -> Iterator[list[Handed]]:
    """Nothing written, and files that are none."""
    yield [(".ipynb", notebook(chapter, [stub(e.answer) for e in chapter.exercises]))]
    yield [(".ipynb", notebook(chapter, answers(chapter))[:-200])]
    yield [(f"_{chapter.id}.py", script([*answers(chapter), "def unfinished(x:\n    return x"]))]


def _other(main: Chapter, chapter: Chapter) -> Iterator[list[Handed]]:
    """The other chapter: right, wrong throughout, half done, and a folder with both."""
    wrong = {e.name: slip(e, i) for i, e in enumerate(chapter.exercises)}
    half = {e.name: stub(e.answer) for e in chapter.exercises[::2]}
    yield [(".ipynb", notebook(chapter, answers(chapter) + predicted(chapter)))]
    yield [(f"/{chapter.id}.py", script(answers(chapter, **wrong) + predicted(chapter, right=False)))]
    yield [(".ipynb", notebook(chapter, answers(chapter, **half)))]
    both = (main, answers(main)), (chapter, answers(chapter, **dict(list(wrong.items())[:1])))
    yield [(f"/{c.id}.ipynb", notebook(c, cells + predicted(c))) for c, cells in both]
    yield [(f"/{c.id}.py", script(answers(c, **half) + predicted(c, right=False))) for c in (main, chapter)]
