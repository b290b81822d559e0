"""Grades as files for other programs: grades.csv for a spreadsheet, results.json for everything else."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.classroom.batch import Graded
from coursekit.judging.verdict import Verdict

WORDS = {"not_attempted": "not written", "internal": "our mistake", "timeout": "time was up"}
FIELDS = ("exercise", "status", "points", "max_points", "diagnosis", "title", "message", "line", "walls")


def words(verdict: Verdict) -> str:
    """A verdict in a few words, as they fit into a table."""
    return verdict.title or WORDS.get(verdict.status, verdict.status)


def columns(graded: Iterable[Graded]) -> list[str]:
    """Every exercise and quiz that occurs, in the course's order."""
    found = {v.exercise for g in graded for v in g.verdicts}
    return [name for name in (*index.exercises(), *index.quizzes()) if name in found]


def percent(graded: Graded) -> float:
    """Points in percent of what there was to get; 0 where there was nothing."""
    return round(100 * graded.points / graded.max_points, 1) if graded.max_points else 0.0


def write_csv(path: Path, graded: Sequence[Graded]) -> None:
    """One line a submission: student, file, points of each exercise (empty: not asked), total, max, percent, note."""
    names = columns(graded)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "file", *names, "total", "max", "percent", "note"])
    for g in graded:
        points = {v.exercise: f"{v.points:g}" for v in g.verdicts}
        row = [harmless(g.student), harmless(g.file), *(points.get(name, "") for name in names)]
        writer.writerow([*row, f"{g.points:g}", f"{g.max_points:g}", f"{percent(g):g}", harmless(remarks(g))])
    replace(path, text.getvalue())


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("ada")
    ("'=1+1", 'ada')
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_json(path: Path, graded: Sequence[Graded], **run: Any) -> None:
    """Every verdict as a record, under what the run says of itself (seed, version, seconds, similar)."""
    submissions = [
        {"student": g.student, "file": g.file, "note": remarks(g), "handed_in": g.when, "late": g.late}
        | {"exercises": [record(v) for v in g.verdicts]}
        for g in graded
    ]
    replace(path, json.dumps(run | {"submissions": submissions}, indent=1, ensure_ascii=False) + "\n")


def remarks(graded: Graded) -> str:
    """What is to be said of a submission as a whole."""
    return "; ".join(filter(None, (graded.note, *graded.remarks)))


def record(verdict: Verdict) -> dict[str, Any]:
    """What of a verdict goes into results.json."""
    return {name: getattr(verdict, name) for name in FIELDS}


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
