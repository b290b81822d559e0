"""Grades in the forms that other systems read: Gradescope, Canvas, Moodle, nbgrader, GitHub Classroom.

Made from the results.json of a grading run, and for those that know people by numbers, from the class list.
"""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coursekit
from coursekit.bank import index
from coursekit.classroom import feedback, roster, takeover
from coursekit.classroom.export import WORDS, harmless, replace
from coursekit.classroom.roster import SURE, Person
from coursekit.classroom.submission import Bad
from coursekit.exercise import Chapter
from coursekit.judging.verdict import STATUSES

Row = dict[str, Any]
NBGRADER = "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty"
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS_POSSIBLE = "    Points Possible"


@dataclass(frozen=True)
class Job:
    """What is to be written: the submissions, where to, the people, the assignment's title, a file to be filled."""

    rows: list[Row]
    people: list[Person]
    title: str
    due: str = ""
    into: Path | None = None


def score(row: Row) -> float:
    return sum(e["points"] for e in row["exercises"])


def most(rows: Sequence[Row]) -> float:
    """What there was to get: the most that anybody was asked for."""
    return max((sum(e["max_points"] for e in row["exercises"]) for row in rows), default=0.0)


def words(row: Row) -> str:
    """A submission in one line."""
    said = [f"{e['exercise']} {e['points']:g}/{e['max_points']:g}{_why(e)}" for e in row["exercises"]]
    return "; ".join([*said, *([row["note"]] if row["note"] else [])])


def _why(exercise: Row) -> str:
    if exercise["status"] == "passed":
        return ""
    return f" ({exercise['title'] or WORDS.get(exercise['status'], exercise['status'])})"


# ---- Gradescope


def gradescope(rows: Sequence[Row], seconds: float = 0.0) -> dict[str, Any]:
    """The results.json of one student: an entry for each exercise, numbered chapter by chapter."""
    numbers = {e.name: f"{c.number}.{i}" for c in index.chapters().values() for i, e in enumerate(_items(c), 1)}
    exercises = [e for row in rows for e in row["exercises"]]
    tests = [
        {
            "score": e["points"],
            "max_score": e["max_points"],
            "status": "passed" if e["status"] == "passed" else "failed",
            "name": e["exercise"],
            "name_format": "text",
            "number": numbers.get(e["exercise"], f"0.{i}"),
            "output": f"{' '.join(STATUSES[e['status']])}\n{e['message']}".strip(),
            "output_format": "text",
            "tags": [t for t in (e["status"], e["diagnosis"]) if t],
            "visibility": "visible",
            "extra_data": {"walls": e["walls"]},
        }
        for i, e in enumerate(exercises, 1)
    ]
    return {
        "score": sum(e["points"] for e in exercises),
        "execution_time": seconds,
        "output": "; ".join(row["note"] for row in rows if row["note"]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {},
        "tests": tests,
        "leaderboard": [],
    }


def _items(chapter: Chapter) -> list[Any]:
    return [*chapter.exercises, *chapter.quizzes]


SETUP = """#!/usr/bin/env bash
set -euo pipefail
apt-get update
apt-get install -y python3 python3-venv
python3 -m venv /autograder/venv
/autograder/venv/bin/python -m pip install -r /autograder/source/requirements.txt
"""
RUN = """#!/usr/bin/env bash
set -uo pipefail
export PYTHONPATH=/autograder/source
mkdir -p /autograder/class /autograder/results
rm -rf /autograder/class/student
cp -r /autograder/submission /autograder/class/student
course="/autograder/venv/bin/python -m coursekit.cli"
$course grade /autograder/class --out /autograder/grades --chapter {chapter} --jobs 1{practice} &&
  $course export gradescope /autograder/results/results.json --results /autograder/grades
"""


def autograder(chapter: Chapter, *, practice: bool = False) -> bytes:
    """Gradescope's autograder.zip for a chapter: how to install, how to grade, and the grader itself."""
    home = Path(coursekit.__file__).parent
    wanted = importlib.metadata.requires("coursekit") or []
    needed = [w.partition(";")[0].strip() for w in wanted if "extra" not in w or re.search(r"extra == ['\"]grade", w)]
    script = RUN.format(chapter=chapter.id, practice=" --practice" if practice else "")
    files = {"setup.sh": SETUP, "run_autograder": script, "requirements.txt": "\n".join([*needed, ""])}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100644 if name.endswith(".txt") else 0o100755) << 16
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
        for path in sorted(home.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, f"coursekit/{path.relative_to(home).as_posix()}")
    return out.getvalue()


# ---- tables


def canvas(job: Job) -> str:
    """Canvas's table: a new one from the class list, or a column of the one that was exported there, filled."""
    scores = _by_person(job)
    if job.into is None:
        points = ["", "", "", "", f"{most(job.rows):.2f}"]
        lines = [[p.name, p.id, p.sis, p.login, p.section, _two(scores.get(p.student))] for p in job.people]
        return _csv([[*CANVAS, job.title], [POINTS_POSSIBLE, *points], *lines])
    table = list(csv.reader(io.StringIO(job.into.read_text(encoding="utf-8-sig"))))
    column = _column(table, job.title)
    find = roster.finder(roster.read(job.into))
    own = {find(_known(job, row["student"])): score(row) for row in job.rows if row["file"]}
    for line in table[1:]:
        cells = dict(zip(table[0], line, strict=False))
        person = find([cells.get(name, "") for name in (*CANVAS[1:4], "Student") if cells.get(name)])
        if person is not None and person in own and line[column] != "EX":  # an excused student stays so
            line[column] = _two(own[person])
    return _csv(table)


def _column(table: list[list[str]], title: str) -> int:
    """The column of an assignment: `Title`, or `Title (id)` as Canvas writes it."""
    titles = table[0] if table else []
    found = [i for i, name in enumerate(titles) if name == title or re.fullmatch(re.escape(title) + r" \(\d+\)", name)]
    if len(found) != 1:
        raise Bad(f"the table to fill has {len(found)} columns called {title!r}; --title takes one of: {titles[5:]}")
    return found[0]


def moodle(job: Job) -> str:
    """Moodle's import: email, idnumber, the assignment and its feedback."""
    own = {row["student"]: row for row in job.rows if row["file"]}
    lines = []
    for person in _everybody(job):
        row = own.get(person.student)
        said = [_two(score(row)), harmless(words(row))] if row else ["", ""]
        lines.append([harmless(person.email), harmless(person.sis or person.id), *said])
    return _csv([["email", "idnumber", job.title, f"{job.title} feedback"], *lines])


def nbgrader(job: Job) -> str:
    """The table that nbgrader exports; who handed in nothing has 0, as there."""
    own = {row["student"]: row for row in job.rows if row["file"]}
    lines = [[*NBGRADER.split(), "score", "max_score"]]
    for person in _everybody(job):
        row = own.get(person.student)
        points = str(float(score(row))) if row else "0.0"
        last, _, first = person.name.partition(", ")
        who = [person.login or person.id or person.student, person.last or last, person.first or first, person.email]
        when = _utc(row.get("handed_in", "")) if row else ""
        start = [job.title, _utc(job.due), when, *map(harmless, who)]
        lines.append([*start, points, "0.0", points, str(float(most(job.rows)))])
    return _csv(lines, csv.QUOTE_ALL)


def _utc(text: str) -> str:
    """nbgrader writes times without a zone, in UTC."""
    return str(datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).replace(tzinfo=None)) if text else ""


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _by_person(job: Job) -> dict[str, float]:
    return {row["student"]: score(row) for row in job.rows if row["file"]}


def _everybody(job: Job) -> list[Person]:
    """The people of the list; without one, those who handed in, by their names alone."""
    names = dict.fromkeys(row["student"] for row in job.rows)
    return job.people or [Person(name=name, student=name) for name in names]


def _known(job: Job, student: str) -> list[str]:
    """All that the class list has on a student, the surest first."""
    person = next((p for p in job.people if p.student == student), None)
    return [getattr(person, kind) for kind in SURE if getattr(person, kind)] if person else [student]


def _csv(lines: Sequence[Sequence[str]], quoting: Any = csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(lines)
    return text.getvalue()


# ---- GitHub Classroom


def github(chapter: Chapter) -> str:
    """A workflow for GitHub Classroom: one command an exercise, exit status 0 or 1, and the points."""
    steps, ids = [], []
    for item in _items(chapter):
        name = item.name.replace("_", "-")
        ids.append(name)
        steps.append(
            f"      - name: {item.name}\n        id: {name}\n"
            "        uses: classroom-resources/autograding-command-grader@v1\n        with:\n"
            f"          test-name: {item.name}\n          setup-command: ''\n"
            f"          command: coursekit grade exercises/{chapter.id}.ipynb --only {item.name}\n"
            f"          timeout: 10\n          max-score: {item.points:g}\n"
        )
    env = "".join(f"          {i.upper()}_RESULTS: ${{{{ steps.{i}.outputs.result }}}}\n" for i in ids)
    return (
        f"name: Grade {chapter.id}\non: [push, repository_dispatch]\n"
        "permissions: {checks: write, actions: read, contents: read}\n"
        "jobs:\n  grade:\n    runs-on: ubuntu-latest\n    if: github.actor != 'github-classroom[bot]'\n    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - uses: actions/setup-python@v5\n        with: {python-version: '3.11'}\n"
        '      - run: python -m pip install -c constraints.txt ".[grade]"\n'
        f"{''.join(steps)}"
        "      - name: Report\n        uses: classroom-resources/autograding-grading-reporter@v1\n        env:\n"
        f"{env}        with:\n          runners: {','.join(ids)}\n"
    )


# ---- the command

TABLES: dict[str, Callable[[Job], str]] = {"canvas": canvas, "moodle": moodle, "nbgrader": nbgrader}
KINDS = ("gradescope", "autograder", *TABLES, "otter", "github")


def export(
    kind: str,
    out: Path,
    *,
    results: Path = Path("grades"),
    people: Path | None = None,
    into: Path | None = None,
    title: str = "coursekit",
    due: str | None = None,
    chapter: str | None = None,
    practice: bool = False,
    to: Path | None = None,
) -> int:
    """Write grades, or what another system grades with, to `out`; for nbgrader and otter `out` may be a chapter."""
    if kind not in KINDS:
        raise Bad(f"there is no format {kind!r}: wanted one of {', '.join(KINDS)}")
    if kind == "otter" or (kind == "nbgrader" and takeover.is_chapter(out)):
        return _taken_over(kind, str(out), to)
    if to is not None:
        raise Bad("--to names the notebook of a chapter that nbgrader or otter takes over; here OUT is the file")
    if kind in ("autograder", "github"):
        return _written(out, _for_chapter(kind, chapter, practice))
    try:
        found = json.loads((results / "results.json").read_text(encoding="utf-8"))
        rows = found["submissions"]
        listed = roster.read(people) if people else []
        if kind == "gradescope":
            return _gradescope(out, rows, found.get("seconds", 0.0))
        if kind == "canvas" and not listed and into is None:
            raise Bad("Canvas knows people by their numbers: --into names the file exported there, or --roster a list")
        when = roster.due_time(due).isoformat() if due else ""
        return _written(out, TABLES[kind](Job(rows, listed, title, when, into)))
    except OSError as error:
        raise Bad(f"{error.filename} cannot be read: {error.strerror}") from None
    except (LookupError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise Bad(f"{results}/results.json is not as coursekit grade writes it: {error!r}") from None


def _for_chapter(kind: str, chapter: str | None, practice: bool) -> bytes | str:
    if chapter is None:
        raise Bad(f"{kind} is made for one chapter: --chapter says which, such as 08_adam")
    try:
        found = index.chapter(chapter)
    except index.UnknownName as error:
        raise Bad(str(error)) from None
    return autograder(found, practice=practice) if kind == "autograder" else github(found)


def _taken_over(kind: str, chapter: str, to: Path | None) -> int:
    """Write a chapter's assignment; one that stands there already may have been worked on, and is kept."""
    made = takeover.text(kind, chapter)
    out = to or Path(f"{index.chapter(chapter).id}_{kind}.ipynb")
    if out.is_file() and out.read_bytes() != made.encode():
        raise Bad(f"{out} is there already, and is another: --to FILE writes beside it")
    return _written(out, made)


def _gradescope(out: Path, rows: Sequence[Row], seconds: float) -> int:
    """One student's file; of a class a folder with one for each."""
    own: dict[str, list[Row]] = {}
    for row in rows:
        own.setdefault(row["student"], []).append(row)
    if len(own) == 1:
        return _written(out, json.dumps(gradescope(rows, seconds), indent=1) + "\n")
    if out.suffix:
        raise Bad(f"Gradescope's results.json is one student's, here are {len(own)}: name a folder, to have one each")
    names = feedback.file_names(list(own))
    for student, mine in own.items():
        _written(out / names[student] / "results.json", json.dumps(gradescope(mine), indent=1) + "\n", quiet=True)
    print(f"Written to {out}: {len(own)} folders, each with its results.json.")
    return 0


def _written(out: Path, content: bytes | str, *, quiet: bool = False) -> int:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content) if isinstance(content, bytes) else replace(out, content)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}") from None
    if not quiet:
        print(f"Written to {out}.")
    return 0
