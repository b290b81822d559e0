"""One grading run from start to end: find, grade, write, show. Returns the exit status of `coursekit grade`."""

from __future__ import annotations

import datetime
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from coursekit import __version__
from coursekit.bank import index
from coursekit.classroom import batch, export, feedback, gradebook, report, roster, similar, submission, summary
from coursekit.classroom.sandbox.host import processors
from coursekit.classroom.submission import Bad, Submission

INTERRUPTED = 130
NOTHING = "nothing was handed in"
PRACTICE = "Graded without walls, and marked so: an answer that sets out to cheat may have done so."
UNREADABLE = (
    "Note: the answers ran as the user nobody, who may not read this Python's folder: imports beyond torch, NumPy and "
    "the commonest of the standard library fail. Grade as a plain user, or with a Python that all may read."
)


def grade(
    folder: Path,
    *,
    people: Path | None = None,
    due: str | None = None,
    db: Path | None = None,
    out: Path | None = None,
    jobs: int = 0,
    only: str | None = None,
    chapter: str | None = None,
    seed: int | None = None,
    seconds: float = 10.0,
    practice: bool = False,
    scheduler: str | None = None,
) -> int:
    """Grade a folder, an archive or one file, under the names of a class list where there is one.

    The same command goes on where it was. For one file 0 says that all passed, 1 that not. Where this system lacks a
    wall it is NotHere, unless `practice` asks for grading without walls.
    """
    settings = replace(checked(jobs, only, chapter, seed, seconds, practice), scheduler=scheduler)
    deadline = roster.due_time(due) if due else None
    listed = roster.read(people) if people else []
    out = (folder.absolute().parent / "grades") if out is None else out
    submissions, ignored = submission.find(folder, out)
    own = roster.assign(submissions, listed) if listed else roster.Sorted(submissions, [], [])
    make(out)
    console = terminal()
    started = time.monotonic()
    with gradebook.Gradebook(db or out / submission.GRADEBOOK, seed, seconds) as book:
        done = work(console, own.submissions, book, settings)
        if done is None:
            return INTERRUPTED
        graded, unreadable = done
        took = time.monotonic() - started
        graded = [_remarked(g, s, deadline) for g, s in zip(graded, own.submissions, strict=True)]
        missing = [batch.Graded(person.student, "", note=NOTHING) for person in own.missing]
        write(out, [*graded, *missing], book, took, alike := similar.similar(own.submissions))
        changes = book.changes()
    summary.show(console, graded, took)
    lines = [*summary.people(own, graded), *summary.changed(changes), *summary.alike(alike)]
    notes = {PRACTICE: practice, UNREADABLE: unreadable, f"Other files, passed over: {ignored}.": ignored}
    lines += [words for words, there in notes.items() if there]
    for line in (*lines, f"Written to {out}: grades.csv, results.json, index.html, feedback/, report.html."):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    passed = all(v.passed for g in graded for v in g.verdicts) and any(g.verdicts for g in graded)
    one = folder.is_file() and folder.suffix.lower() in submission.SUFFIXES
    return 0 if passed or not one else 1


def _remarked(graded: batch.Graded, one: Submission, due: datetime.datetime | None) -> batch.Graded:
    late = roster.lateness(one, due)
    said = (late, *(r for r in one.remarks if not (late and r.startswith("late")))) if late else one.remarks
    when = one.when.isoformat(timespec="seconds") if one.when else ""
    return replace(graded, remarks=said, when=when, late=any(r.startswith("late") for r in said))


def terminal() -> Console:
    """Where results are shown; held, since the judge turns standard output away while it works."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = 120
    return console


def work(
    console: Console, submissions: list[submission.Submission], book: gradebook.Gradebook, settings: batch.Settings
) -> tuple[list[batch.Graded], bool] | None:
    """Grade with a bar; None after Ctrl-C, when it has been said that all that was graded is kept."""
    try:
        with summary.progress(console, len(submissions)) as tell:
            return batch.run(submissions, book, settings, tell)
    except KeyboardInterrupt:
        print("\nStopped. What was graded is kept; the same command goes on from here.", file=sys.stderr)
        return None


def checked(
    jobs: int, only: str | None, chapter: str | None, seed: int | None, seconds: float, practice: bool
) -> batch.Settings:
    """The options, checked; Bad says what was wanted."""
    if jobs < 0 or jobs > 256:
        raise Bad(f"--jobs is how many submissions run at once, 1 to 256, or 0 for one a processor; got {jobs}")
    if not 0.1 <= seconds <= 3600:
        raise Bad(f"--time is the seconds that an exercise may take, 0.1 to 3600; got {seconds:g}")
    if seed is not None and not 0 <= seed < 2**31:
        raise Bad(f"--seed is a whole number from 0 to {2**31 - 1}; got {seed}")
    try:
        if only is not None and only not in index.quizzes():
            index.exercise(only)
        if chapter is not None:
            chapter = index.chapter(chapter).id
    except index.UnknownName as error:
        raise Bad(str(error)) from None
    return batch.Settings(jobs or processors(), seconds, only, chapter, practice)


def make(out: Path) -> None:
    """The folder for results; Bad when nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        draft = out / f".write-{os.getpid()}"
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}; --out says where else") from None


def write(
    out: Path, graded: list[batch.Graded], book: gradebook.Gradebook, took: float, alike: list[dict[str, Any]]
) -> None:
    """Everything that is left on disk."""
    walls = "practice" if book.version.endswith("+practice") else "full"
    about = f"Graded by coursekit {__version__}, seed {book.seed}, with {walls} walls."
    try:
        export.write_csv(out / "grades.csv", graded)
        run = {"version": book.version, "seed": book.seed, "seconds": round(took, 2), "similar": alike}
        export.write_json(out / "results.json", graded, **run)
        feedback.write_pages(out, graded, about)
        report.write(out)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}; the grades are kept in {book.path}") from None
