"""What a board shows: the exercises and questions of its chapters, where each is taught, what can be said of it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.classroom.submission import Bad
from coursekit.exercise import Chapter
from coursekit.judging import mistakes
from coursekit.judging.verdict import STATUSES

REPORTED = tuple(status for status in STATUSES if status != "not_attempted")  # a stub that was run is no try
NO_TEACHING = ("Your turn", "Sources")  # sections of a lesson that only name the exercises
NAMING = ("wrong", "convention", "refused")  # the statuses that may come with a diagnosis


@dataclass(frozen=True)
class Item:
    """One exercise or question."""

    name: str
    chapter: str
    question: bool
    section: str  # of the chapter's lesson, where it is taught; empty where that is not known
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What the board says of one mistake."""

    title: str
    words: str = ""  # what its card says, without one learner's numbers
    hint: str = ""  # the hint that opens first
    where: str = ""  # chapter and section of the lesson


class Items:
    """The exercises and questions of some chapters, in the course's order."""

    def __init__(self, chapters: Sequence[str], lessons: Path | None = None):
        try:
            found = [index.chapter(name) for name in chapters] or list(index.chapters().values())
        except index.UnknownName as error:
            raise Bad(str(error)) from None
        found = sorted({chapter.id: chapter for chapter in found}.values(), key=lambda chapter: chapter.number)
        self.chapters = [chapter.id for chapter in found]
        self.all = [item for chapter in found for item in _of_chapter(chapter, lessons)]
        self.at = {item.name: i for i, item in enumerate(self.all)}

    def valid(self, exercise: Any, status: Any, diagnosis: Any) -> str:
        """What is wrong with these three in an event, as one line; empty when nothing is."""
        if not isinstance(exercise, str) or exercise not in self.at:
            return "this board has no such exercise"
        if not isinstance(status, str) or status not in REPORTED:
            return f"there is no such status; there are {', '.join(REPORTED)}"
        if diagnosis is None:
            return ""
        known = isinstance(diagnosis, str) and status in NAMING and len(diagnosis) <= 1000
        return "" if known and mistakes.find(exercise, diagnosis) else "there is no such mistake in this exercise"

    def said(self, exercise: str, diagnosis: str) -> Said:
        """The plain words of a mistake, and where it is taught."""
        item, mistake = self.all[self.at[exercise]], mistakes.find(exercise, diagnosis)
        if mistake is None:
            return Said(diagnosis)
        hint = item.hints[mistake.hint - 1] if mistake.hint and item.hints else ""
        where = f"Lesson {item.chapter}" + (f", “{item.section}”" if item.section else "")
        return Said(mistake.title, mistake.words, hint, where)

    def to_list(self) -> list[dict[str, Any]]:
        """For the page: names, chapters, kinds."""
        return [{key: x for key, x in asdict(item).items() if key != "hints"} for item in self.all]


def _of_chapter(chapter: Chapter, lessons: Path | None) -> Iterable[Item]:
    lines = list(_lines(lessons / f"{chapter.id}.ipynb")) if lessons else []
    for exercise in chapter.exercises:
        # shown as a formula, or else first spoken of
        shown, named = rf"show\.formula\({exercise.name}\b", rf"\b{exercise.name}\b"
        yield Item(exercise.name, chapter.id, False, _section(lines, shown, named), exercise.hints)
    for quiz in chapter.quizzes:
        yield Item(quiz.name, chapter.id, True, _section(lines, rf'"{quiz.name}"'))


def _lines(lesson: Path) -> Iterator[tuple[str, str]]:
    """Each line of a lesson's sections, but for imports, and the heading that it stands under."""
    cells: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    heading = ""
    for cell in cells:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and (found := re.fullmatch(r"##+ (.+)", line)):
                heading = found[1].replace("`", "")
            elif heading and not heading.endswith(NO_TEACHING) and not re.match(r"(from|import) ", line):
                yield heading, line


def _section(lines: Iterable[tuple[str, str]], *patterns: str) -> str:
    """The heading above the first line that holds the first of the patterns that is found at all."""
    for pattern in patterns:
        for heading, line in lines:
            if re.search(pattern, line):
                return heading
    return ""
