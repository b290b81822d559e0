"""What stands on the terminal: progress while grading, and at the end a table of the class."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from coursekit.bank import index
from coursekit.classroom.batch import Graded
from coursekit.classroom.export import words
from coursekit.classroom.gradebook import Change
from coursekit.classroom.roster import Sorted
from coursekit.exercise import Chapter
from coursekit.judging.verdict import STATUSES, Verdict

ROWS = 60  # of a large class so many stand on the terminal
CHANGED = 20  # so many are named
COLOURS = {"passed": "green", "convention": "yellow", "not_attempted": "dim", "internal": "magenta"}


@contextlib.contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[Graded], None]]:
    """A bar with the time left on a terminal; elsewhere a line now and then."""
    if not console.is_terminal:
        yield _lines(console, total)
        return
    parts = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("about"), TimeRemainingColumn())
    with Progress(TextColumn("Grading"), *parts, TextColumn("left"), console=console, transient=True) as bar:
        task = bar.add_task("grading", total=total)
        yield lambda graded: bar.advance(task)


def _lines(console: Console, total: int) -> Callable[[Graded], None]:
    done = 0

    def tell(graded: Graded) -> None:
        nonlocal done
        done += 1
        if done == total or done % max(1, total // 10) == 0:
            console.print(f"graded {done} of {total}", highlight=False)

    return tell


def show(console: Console, graded: Sequence[Graded], seconds: float) -> None:
    """The class as a table a chapter, the commonest named mistakes, and how fast it went."""
    for chapter in index.chapters().values():
        if table := _table(chapter, graded[:ROWS]):
            console.print(table)
    if len(graded) > ROWS:
        console.print(f"These are the first {ROWS} of {len(graded)}; report.html has them all.", highlight=False)
    for line in (*_mistakes(graded), *_notes(graded)):
        console.print(line, highlight=False, soft_wrap=True)
    fresh = sum(g.fresh for g in graded)
    count = "1 submission" if fresh == 1 else f"{fresh} submissions"
    rate = f", {fresh / seconds:.1f} submissions per second" if fresh and seconds else ""
    kept = f"; {len(graded) - fresh} were in the gradebook already" if fresh < len(graded) else ""
    console.print(f"{count} graded in {seconds:.1f} s{rate}{kept}.", highlight=False, soft_wrap=True)


def _table(chapter: Chapter, graded: Sequence[Graded]) -> Table | None:
    """Students by exercises of one chapter, with a sign and a word each; quizzes by how many are right."""
    there = {v.exercise for g in graded for v in g.verdicts}
    exercises = [e.name for e in chapter.exercises if e.name in there]
    quizzes = {q.name for q in chapter.quizzes if q.name in there}
    table = Table(title=f"{chapter.id}: {chapter.title}", title_justify="left")
    table.add_column("student", overflow="fold", min_width=8)
    for name in exercises:
        table.add_column(name.replace("_", "_\n"), overflow="fold", min_width=9)
    if quizzes:
        table.add_column("quizzes", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    for g in graded:
        own = {v.exercise: v for v in g.verdicts if v.exercise in quizzes or v.exercise in exercises}
        if not own:
            continue
        asked = quizzes & own.keys()
        right = [f"{sum(own[q].passed for q in asked)} of {len(asked)}" if asked else ""] if quizzes else []
        points = f"{sum(v.points for v in own.values()):g}/{sum(v.max_points for v in own.values()):g}"
        table.add_row(escape(g.student), *(_cell(own.get(name)) for name in exercises), *right, points)
    return table if table.row_count else None


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    sign, _ = STATUSES[verdict.status]
    colour = COLOURS.get(verdict.status, "red")
    return f"[{colour}]{sign}[/] {escape(words(verdict))}"


def _mistakes(graded: Sequence[Graded]) -> Iterator[str]:
    """The mistakes that were named, the commonest first."""
    counts = Counter((v.exercise, v.title) for g in graded for v in g.verdicts if v.title and not v.passed)
    if counts:
        yield "The commonest named mistakes:"
    for (exercise, title), count in counts.most_common(8):
        yield f"  {count} x {escape(exercise)}: {escape(title)}"


def _notes(graded: Sequence[Graded]) -> Iterator[str]:
    for g in graded:
        if g.note:
            yield f"{escape(g.file)}: {escape(g.note)}."
        ours = [v.exercise for v in g.verdicts if v.status == "internal"]
        if ours:
            yield f"{escape(g.file)}: our mistake in {', '.join(ours)}; not held against {escape(g.student)}."


def people(own: Sorted, graded: Sequence[Graded]) -> Iterator[str]:
    """What the list and the date say of the class."""
    late = [g.student for g in graded if g.late]
    for those, what in (
        (late, "late"),
        ([p.student for p in own.missing], "handed in nothing"),
        (own.strangers, "not on the roster"),
    ):
        if those:
            yield f"{len(those)} {what}: {'; '.join(those)}."


def changed(changes: Sequence[Change]) -> Iterator[str]:
    """Whose grade is another since the course was changed."""
    if changes:
        yield f"Since the course was changed, {len(changes)} grades are others; the old ones are kept:"
    for c in changes[:CHANGED]:
        yield f"  {c.student}, {c.exercise}: {c.before:g} ({c.status_before}) -> {c.now:g} ({c.status})"
    if len(changes) > CHANGED:
        yield f"  and {len(changes) - CHANGED} more"


def alike(pairs: Sequence[dict[str, Any]]) -> Iterator[str]:
    if pairs:
        yield f"{len(pairs)} pairs are alike in what few others wrote, a hint to look and no verdict: see report.html."
