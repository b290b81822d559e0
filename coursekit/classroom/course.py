"""Grades set by hand, and grades given again."""

from __future__ import annotations

import difflib
import tempfile
from pathlib import Path

from coursekit.bank import index
from coursekit.classroom import batch, gradebook, submission
from coursekit.classroom.gradebook import Gradebook
from coursekit.classroom.submission import Bad, File, Submission
from coursekit.judging import card


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
