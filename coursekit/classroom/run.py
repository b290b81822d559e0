"""One grading run from start to end: find, grade, write, show. Returns the exit status of `coursekit grade`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from coursekit import __version__
from coursekit.bank import index
from coursekit.classroom import batch, export, feedback, gradebook, submission, summary
from coursekit.classroom.submission import Bad

INTERRUPTED = 130
UNREADABLE = (
    "Note: the answers ran as the user nobody, who may not read this Python's folder: imports beyond torch, NumPy and "
    "the commonest of the standard library fail. Grade as a plain user, or with a Python that all may read."
)


def grade(
    folder: Path,
    *,
    out: Path | None = None,
    jobs: int = 0,
    only: str | None = None,
    chapter: str | None = None,
    seed: int | None = None,
    seconds: float = 10.0,
    practice: bool = False,
    scheduler: str | None = None,
) -> int:
    """Grade a folder, or one file: for one file 0 says that all passed, 1 that not.

    Where this system lacks a wall it is NotHere, unless `practice` asks for grading without walls.
    """
    settings = replace(checked(jobs, only, chapter, seed, seconds, practice), scheduler=scheduler)
    out = (folder.absolute().parent / "grades") if out is None else out
    submissions, ignored = submission.find(folder, out)
    make(out)
    console = terminal()
    started = time.monotonic()
    with gradebook.Gradebook(out / submission.GRADEBOOK, seed, seconds) as book:
        done = work(console, submissions, book, settings)
        if done is None:
            return INTERRUPTED
        graded, unreadable = done
        took = time.monotonic() - started
        write(out, graded, book, took)
    summary.show(console, graded, took)
    if practice:
        print("Graded without walls, and marked so: an answer that sets out to cheat may have done so.")
    if unreadable:
        print(UNREADABLE)
    if ignored:
        print(passed_over(ignored))
    console.print(
        f"Written to {out}: grades.csv, results.json, index.html, feedback/.", highlight=False, soft_wrap=True
    )
    passed = all(v.passed for g in graded for v in g.verdicts) and any(g.verdicts for g in graded)
    return 0 if passed or folder.is_dir() else 1


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


def passed_over(ignored: int) -> str:
    return "1 other file was passed over." if ignored == 1 else f"{ignored} other files were passed over."


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
    return batch.Settings(jobs or _processors(), seconds, only, chapter, practice)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make(out: Path) -> None:
    """The folder for results; Bad when nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        draft = out / f".write-{os.getpid()}"
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}; --out says where else") from None


def write(out: Path, graded: list[batch.Graded], book: gradebook.Gradebook, took: float) -> None:
    """Everything that is left on disk."""
    walls = "practice" if book.version.endswith("+practice") else "full"
    about = f"Graded by coursekit {__version__}, seed {book.seed}, with {walls} walls."
    try:
        export.write_csv(out / "grades.csv", graded)
        export.write_json(out / "results.json", graded, version=book.version, seed=book.seed, seconds=round(took, 2))
        feedback.write_pages(out, graded, about)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}; the grades are kept in {book.path}") from None
