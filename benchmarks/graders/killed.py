"""A class of everything that students hand in, its grader ended by SIGKILL at random moments, and begun again."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.graders import classes, processes
from benchmarks.speed.measure import table

KILLS = 5
SECONDS = 3  # the time limit of an exercise


def _grades(book: Path) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every grade that is kept, by its key: where it stands and what it says."""
    if not book.exists():
        return {}
    query = "SELECT submission, exercise, version, seed, rowid, status, points, graded, student FROM grades"
    with contextlib.closing(sqlite3.connect(book, timeout=30)) as opened:
        try:
            return {row[:4]: row[4:] for row in opened.execute(query)}
        except sqlite3.OperationalError:  # not made yet
            return {}


def _counted(book: Path) -> int:
    """Files that are graded: what is read of one is kept together with its grades."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(book, timeout=30)) as opened:
        return opened.execute("SELECT count(*) FROM readings").fetchone()[0]
    return 0


def _begin(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "coursekit.cli", "grade", str(folder), "--out", str(out), "--time", str(SECONDS)]
    log = open(out.parent / "log", "ab")  # noqa: SIM115
    env = os.environ | processes.QUIET | {"PYTHONPATH": processes.ROOT}
    return subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)


def _left(pids: list[int]) -> int:
    """How many of these processes are still there after some seconds."""
    until = time.monotonic() + 5
    while (left := sum(processes.alive(pid) for pid in pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def run(count: int, seed: int | None = None) -> dict[str, Any]:
    """Grade the class, kill on the way, go on, and count what came of it."""
    seed = random.randrange(10**6) if seed is None else seed
    moments = sorted(random.Random(seed).sample(range(1, count), min(KILLS, count - 1)))
    with tempfile.TemporaryDirectory(prefix="graders-") as name:
        place = Path(name)
        folder, out = place / "class", place / "out"
        made = classes.write(classes.mixed(count), folder)
        out.mkdir()
        book = out / "gradebook.sqlite"
        kills: list[dict[str, float]] = []
        kept: list[dict[Any, Any]] = []
        left = 0
        started = time.perf_counter()
        for moment in moments:
            grader = _begin(folder, out)
            while grader.poll() is None and _counted(book) < moment:
                time.sleep(0.05)
            below = processes.tree(grader.pid)
            grader.kill()
            grader.wait()
            kept.append(_grades(book))
            kills.append({"after_seconds": time.perf_counter() - started, "submissions": _counted(book)})
            left += _left(below)
        if _begin(folder, out).wait():
            raise RuntimeError(f"the grader failed: {(place / 'log').read_text()[-2000:]}")
        seconds = time.perf_counter() - started
        rows = json.loads((out / "results.json").read_text())["submissions"]
        grades = _grades(book)
    return {
        "submissions": count,
        "seed": seed,
        "seconds": seconds,
        "kills": kills,
        "processes_left": left,
        "regraded": sum(grades.get(key) != row for before in kept for key, row in before.items()),
        **_outcome(made, rows, grades),
    }


def _outcome(made: list[classes.Made], rows: list[dict[str, Any]], grades: dict[Any, Any]) -> dict[str, Any]:
    """What the results and the gradebook say, beside what was made."""
    found = {row["student"]: {e["exercise"]: e for e in row["exercises"]} for row in rows}
    in_book = Counter((row[-1], *key[1:]) for key, row in grades.items())  # student, exercise, version, seed
    there = {(student, exercise) for student, exercise, *_ in in_book}
    versions = {version for _, _, version, _ in in_book}
    right = [(one.student, name) for one in made for name in one.right]
    slips = [(one.student, name, slip) for one in made for name, slip in one.slips.items()]
    said = {(s, e): row for s, own in found.items() for e, row in own.items()}
    lacking = [said.get(key, {}) for key in right if said.get(key, {}).get("status") != "passed"]
    bad = {one.student: one.kind for one in made if one.kind not in ("right", "slips")}
    return {
        "kinds": dict(Counter(one.kind for one in made)),
        "in_results": len(found),
        "not_in_results": sorted({one.student for one in made} - found.keys()),
        "rows_twice": len(rows) - len(found) + sum(len(r["exercises"]) for r in rows) - len(said),
        "grades": len(grades),
        "versions": len(versions),
        "grades_twice": sum(n - 1 for n in in_book.values()),
        "grades_missing": sum(key not in there for key in said),
        "right": len(right),
        "right_credited": len(right) - len(lacking),
        "right_not_credited": [[e.get("exercise"), e.get("status"), e.get("message")] for e in lacking],
        "slips": len(slips),
        "slips_credited": sum(said.get((s, e), {}).get("status") == "passed" for s, e, _ in slips),
        "slips_named": sum(said.get((s, e), {}).get("diagnosis") == slip for s, e, slip in slips),
        "statuses": {
            kind: dict(Counter(r["status"] for s, own in found.items() if bad.get(s) == kind for r in own.values()))
            for kind in dict.fromkeys(bad.values())
        },
    }


def text(found: dict[str, Any]) -> str:
    """The outcome as a table."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in found["kinds"].items())
    kills = ", ".join(f"{k['submissions']:.0f} ({k['after_seconds']:.0f} s)" for k in found["kills"])
    rows = [["what", "found"], ["the class", f"{found['submissions']:,}: {kinds}"]]
    rows += [["killed when so many were graded", kills], ["processes left by a killed grader", found["processes_left"]]]
    rows.append(["seconds, from the first start to the end", f"{found['seconds']:.0f}"])
    rows.append(["submissions in the results", f"{found['in_results']:,}"])
    lost = len(found["not_in_results"]) + found["grades_missing"]
    twice = found["rows_twice"] + found["grades_twice"]
    rows.append(["lost; twice; graded again after a kill", f"{lost}; {twice}; {found['regraded']}"])
    rows.append(["right answers credited", f"{found['right_credited']:,} of {found['right']:,}"])
    rows.append(["slips of the bank credited", f"{found['slips_credited']:,} of {found['slips']:,}"])
    rows.append(["slips named as themselves", f"{found['slips_named']:,}"])
    if found["versions"] > 1:
        rows.append(["versions of the grader, which was changed while this ran", found["versions"]])
    title = f"A class of {found['submissions']:,}, its grader killed {len(found['kills'])} times (seed {found['seed']})"
    return table(title, [[str(x) for x in row] for row in rows])
