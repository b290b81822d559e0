"""How far a learner is, as a list: chapters with their exercises and questions, and what comes next."""

from __future__ import annotations

import itertools
import os
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.exercise import Chapter, Exercise
from coursekit.judging import card
from coursekit.judging import progress as kept
from coursekit.judging.verdict import STATUSES

# The word beside the sign of its status; whatever else was tried is "tried".
WORDS = {"passed": "done", "convention": "another convention", "not_attempted": "not tried"}
ORDER = ("done", "another convention", "tried", "not tried")
_ids = itertools.count(1)


STYLE = card.style("overview.css")


@dataclass(frozen=True)
class Row:
    """One exercise or question, and what the learner has done with it."""

    name: str
    question: bool
    status: str
    tries: int
    hints: tuple[int, ...]  # the numbers of the hints that were looked at

    @property
    def word(self) -> str:
        return WORDS.get(self.status, "tried")

    @property
    def heading(self) -> str:
        """Its sign and word."""
        return f"{STATUSES[self.status][0]} {self.word}"

    @property
    def detail(self) -> str:
        """What is to be said beside its name, where there is anything."""
        hints = f"hint{'s' * (len(self.hints) > 1)} {', '.join(map(str, self.hints))}"
        tries = f"{self.tries} {'try' if self.tries == 1 else 'tries'}"
        return ", ".join([tries] * bool(self.tries) + [hints] * bool(self.hints))


class Progress:
    """The course as a list: each exercise and question done, in another convention, tried or not; and what is next.

    Prints as text and shows itself as HTML in a notebook, with the same content.
    """

    def __init__(self, known: kept.Known, where: Path | None = None):
        self.known, self.where = known, where
        self.chapters = list(index.chapters().values())

    def status(self, name: str) -> str:
        """The best status that was reached, a key of `verdict.STATUSES`."""
        return self.known.get(name, {}).get("status", "not_attempted")

    def rows(self, chapter: Chapter) -> list[Row]:
        """The exercises and then the questions of a chapter, in its order."""
        return [self._row(item) for item in (*chapter.exercises, *chapter.quizzes)]

    def _row(self, item: Any) -> Row:
        entry = self.known.get(item.name, {})
        hints = tuple(sorted(entry.get("hints", ())))
        return Row(item.name, not isinstance(item, Exercise), self.status(item.name), entry.get("tries", 0), hints)

    @property
    def next(self) -> tuple[Chapter, str] | None:
        """What comes next: the first not done, from the chapter on that was worked in last, then from the start."""
        latest = [max((self._last(row.name) for row in self.rows(chapter)), default="") for chapter in self.chapters]
        begin = latest.index(max(latest, default="")) if latest else 0
        ordered = [(c, row) for c in self.chapters[begin:] + self.chapters[:begin] for row in self.rows(c)]
        for finished in (("passed", "convention"), ("passed",)):  # another convention is last: it is right, too
            for chapter, row in ordered:
                if row.status not in finished:
                    return chapter, row.name
        return None

    def _last(self, name: str) -> str:
        return self.known.get(name, {}).get("last", "")

    # ---- in words

    @property
    def total(self) -> str:
        """The whole course in one line."""
        rows = [row for chapter in self.chapters for row in self.rows(chapter)]
        count = Counter(row.word for row in rows)
        convention = [f"{count['another convention']} in another convention"] * bool(count["another convention"])
        parts = [f"{count['done']} of {len(rows)} done", *convention]
        return ", ".join([*parts, f"{count['tried']} tried, {count['not tried']} not tried"])

    def _heading(self, chapter: Chapter) -> str:
        rows = self.rows(chapter)
        done = sum(row.status == "passed" for row in rows)
        return f"{chapter.id} {chapter.title}: {done} of {len(rows)} done"

    def _next_words(self) -> str:
        if self.next is None:
            return "All done."
        chapter, name = self.next
        return f"Next: {name}, in exercises/{chapter.id}.ipynb"

    def notes(self) -> Iterator[str]:
        """Where progress is kept, and what is wrong with that."""
        if self.where is None:
            yield "Nothing is kept: COURSEKIT_PROGRESS is off."
            return
        yield f"Kept in {self.where}"
        if not os.access(self.where if self.where.exists() else self.where.parent, os.W_OK):
            yield "It cannot be written there, so nothing new is kept."
        elif not self.known and not self.where.exists():
            yield "There is no such file yet: the first check or hint makes it."
        if damaged := kept.set_aside(self.where):
            names = ", ".join(path.name for path in damaged)
            yield f"It was damaged once: as it was then, it is kept beside it in {names}."

    def __repr__(self) -> str:
        lines = []
        for chapter in self.chapters:
            lines.append(self._heading(chapter))
            lines += _groups(self.rows(chapter))
        notes = [line for note in self.notes() for line in textwrap.wrap(note, 100, break_long_words=False)]
        return "\n".join([*lines, "", f"{self.total}.", self._next_words(), *notes])

    # ---- in a notebook

    def _repr_html_(self) -> str:
        name = f"ckp{next(_ids)}"
        here = self.next
        parts = [
            f"<h4>Your progress: {escape(self.total)}</h4>",
            f'<p class="next">{self._next_html()}</p>',
            *(self._chapter_html(chapter, bool(here and here[0] is chapter)) for chapter in self.chapters),
            *(f'<p class="off">{escape(note)}</p>' for note in self.notes()),
        ]
        css = STYLE.replace("#card", f"#{name}")
        return f'<section id="{name}" aria-label="Your progress"><style>{css}</style>{"".join(parts)}</section>'

    def _next_html(self) -> str:
        words = escape(self._next_words())
        if self.next is None or self.where is None:
            return words
        notebook = self.where.parent / "exercises" / f"{self.next[0].id}.ipynb"
        if not notebook.is_file():
            return words
        link = Path(os.path.relpath(notebook)).as_posix()
        shown = f"exercises/{notebook.name}"
        return words.replace(shown, f'<a href="{escape(link)}">{shown}</a>')

    def _chapter_html(self, chapter: Chapter, here: bool) -> str:
        """A chapter, unfolded where it is begun and not done, or comes next."""
        rows = self.rows(chapter)
        done = sum(row.status == "passed" for row in rows)
        unfolded = here or (done < len(rows) and any(row.word != "not tried" for row in rows))
        bar = f'<progress max="{len(rows)}" value="{done}" aria-hidden="true"></progress>'
        head = f"<summary>{bar} {escape(self._heading(chapter))}</summary>"
        body = "".join(_row_html(row) for row in rows)
        columns = "".join(f'<th scope="col">{word}</th>' for word in ("status", "exercise", "tries and hints"))
        table = f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
        return f"<details{' open' * unfolded}>{head}{table}</details>"


def _groups(rows: list[Row]) -> Iterator[str]:
    """What is in the same state stands together, in lines that fit a terminal."""
    for heading in sorted({row.heading for row in rows}, key=lambda heading: ORDER.index(heading[2:])):
        names = [f"{row.name} ({row.detail})" if row.detail else row.name for row in rows if row.heading == heading]
        first = f"  {heading:<22}"
        yield from textwrap.wrap(", ".join(names), 100, initial_indent=first, subsequent_indent=" " * len(first))


def _row_html(row: Row) -> str:
    sign, word = row.heading.split(" ", 1)
    kind = {"passed": "yes", "convention": "half", "not_attempted": "off"}.get(row.status, "no")
    name = f"<code>{escape(row.name)}</code>{' (question)' * row.question}"
    return f'<tr><td class="{kind}"><b>{sign}</b> {word}</td><th scope="row">{name}</th><td>{row.detail}</td></tr>'


def progress(folder: Path | None = None) -> Progress:
    """How far you are: chapters, exercises and questions, done, tried or not tried, and what comes next.

    `folder` is a folder of the course, or one inside; the current one when left out.
    """
    where = kept.path(folder)
    return Progress(kept.load(where), where)
