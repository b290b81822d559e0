"""A whole class: its list, its due date, its one gradebook; grades set by hand, and grades given again."""

from __future__ import annotations

import datetime
import difflib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.classroom import batch, export, gradebook, report, roster, run, similar, submission, summary
from coursekit.classroom.gradebook import Change, Gradebook
from coursekit.classroom.submission import Bad, File, Submission
from coursekit.judging import card

NOTHING = "nothing was handed in"
CHANGED = 20  # so many are named on the terminal


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
    """Grade a folder or an archive under the names of a class list; the same command goes on where it was."""
    settings = replace(run.checked(jobs, only, chapter, seed, seconds, practice), scheduler=scheduler)
    deadline = roster.due_time(due) if due else None
    listed = roster.read(people) if people else []
    out = (folder.absolute().parent / "grades") if out is None else out
    submissions, ignored = submission.find(folder, out)
    own = roster.assign(submissions, listed) if listed else roster.Sorted(submissions, [], [])
    run.make(out)
    db = db or out / submission.GRADEBOOK
    console = run.terminal()
    started = time.monotonic()
    with Gradebook(db, seed, seconds) as book:
        done = run.work(console, own.submissions, book, settings)
        if done is None:
            return run.INTERRUPTED
        graded, unreadable = done
        took = time.monotonic() - started
        graded = [_remarked(g, s, deadline) for g, s in zip(graded, own.submissions, strict=True)]
        missing = [batch.Graded(person.student, "", note=NOTHING) for person in own.missing]
        run.write(out, [*graded, *missing], book, took)
        changes = book.changes()
    alike = similar.similar(own.submissions)
    export.extend_json(out / "results.json", similar=alike)
    summary.show(console, graded, took)
    for line in (*_said(own, graded, ignored), *_changed(changes), *_alike(alike)):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if unreadable:
        print(run.UNREADABLE)
    words = f"Written to {out}: grades.csv, results.json, index.html, feedback/. Kept in {db}."
    console.print(words, highlight=False, soft_wrap=True, markup=False)
    return report.report(out)


def _remarked(graded: batch.Graded, one: Submission, due: datetime.datetime | None) -> batch.Graded:
    late = roster.lateness(one, due)
    said = (late, *(r for r in one.remarks if not (late and r.startswith("late")))) if late else one.remarks
    when = one.when.isoformat(timespec="seconds") if one.when else ""
    return replace(graded, remarks=said, when=when, late=any(r.startswith("late") for r in said))


def _said(own: roster.Sorted, graded: Sequence[batch.Graded], ignored: int) -> Iterator[str]:
    """What the list and the date say of the class."""
    late = [g.student for g in graded if g.late]
    for count, words in (
        (late, "late"),
        ([p.student for p in own.missing], "handed in nothing"),
        (own.strangers, "not on the roster"),
    ):
        if count:
            yield f"{len(count)} {words}: {'; '.join(count)}."
    if ignored:
        yield run.passed_over(ignored)


def _changed(changes: Sequence[Change]) -> Iterator[str]:
    """Whose grade is another since the course was changed."""
    if changes:
        yield f"Since the course was changed, {len(changes)} grades are others; the old ones are kept:"
    for c in changes[:CHANGED]:
        yield f"  {c.student}, {c.exercise}: {c.before:g} ({c.status_before}) -> {c.now:g} ({c.status})"
    if len(changes) > CHANGED:
        yield f"  and {len(changes) - CHANGED} more"


def _alike(pairs: Sequence[dict[str, Any]]) -> Iterator[str]:
    if pairs:
        yield f"{len(pairs)} pairs are alike in what few others wrote, a hint to look and no verdict: see report.html."


# ---- one grade


def override(student: str, exercise: str, points: float | None, *, reason: str, db: Path) -> int:
    """Set a grade by hand, or take that back with None; the next grading run writes it everywhere."""
    if not reason.strip():
        raise Bad("--reason must say why: it is kept, and shown to the student")
    most = _points(exercise)
    if points is not None and not 0 <= points <= most:
        raise Bad(f"{exercise} has 0 to {most:g} points; got {points:g}")
    with _opened(db) as book:
        _known(book, student)
        book.override(student, exercise, points, submission.shown(reason.strip()))
    done = f"has {points:g} of {most:g} points by hand" if points is not None else "is left to the grader again"
    print(f"{student}, {exercise}: {done}. Grade again with the same command to have it in every file.")
    return 0


def replay(name: str, *, db: Path) -> int:
    """Give a grade again, from the bytes and the seed that are kept: 0 where the verdict is the same, 1 where not."""
    exercise, _, student = name.partition("@")
    if not student:
        raise Bad(f"a grade is named EXERCISE@STUDENT, such as adam@ada; got {name!r}")
    _points(exercise)
    with _opened(db) as book:
        _known(book, student)
        kept = book.kept(student, exercise)
        now = book.version
    if kept is None:
        raise Bad(f"{student} has no grade in {exercise}")
    if kept.data is None:
        raise Bad(f"the bytes of {kept.file} are not in the gradebook: it could not be read when it was graded")
    print(f"{kept.exercise} of {kept.student}, {kept.file}: seed {kept.seed}, graded by {kept.version}")
    if kept.version.removesuffix("+practice") != now:
        print(f"The course has changed since: this is {now}.")
    with tempfile.TemporaryDirectory(prefix="coursekit-replay-") as place:
        path = Path(place, f"submission{Path(kept.file).suffix.lower()}")
        path.write_bytes(kept.data)
        one = Submission(kept.student, (File(path, kept.file),))
        with Gradebook(Path(place, "again.sqlite"), kept.seed, kept.time_limit) as book:
            settings = batch.Settings(1, kept.time_limit, exercise, practice=kept.version.endswith("+practice"))
            (graded,), _ = batch.run([one], book, settings, lambda _: None)
    (verdict,) = graded.verdicts
    print(card.text(verdict))
    before = kept.verdict
    same = (verdict.status, verdict.points, verdict.diagnosis) == (before.status, before.points, before.diagnosis)
    was = f"{before.status}, {before.points:g} points, {before.title or 'no name'}"
    print("The same verdict as is kept." if same else f"Not the verdict that is kept: {was}.")
    return 0 if same else 1


def _points(exercise: str) -> float:
    try:
        return (index.quizzes().get(exercise) or index.exercise(exercise)).points
    except index.UnknownName as error:
        raise Bad(str(error)) from None


def _opened(db: Path) -> gradebook.Gradebook:
    if not db.is_file():
        raise Bad(f"there is no gradebook {db}; --db says where it is")
    return gradebook.Gradebook(db)


def _known(book: Gradebook, student: str) -> None:
    students = book.students()
    if student not in students:
        near = difflib.get_close_matches(student, students, 1, 0.4)
        raise Bad(f"nobody called {student!r} is in the gradebook{f': did you mean {near[0]!r}?' if near else ''}")
