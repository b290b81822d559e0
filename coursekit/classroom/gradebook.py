"""The gradebook: every grade once, kept at any moment. SQLite with a write-ahead log, on disk before it counts."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import coursekit
from coursekit.classroom.sandbox.warm import Reading
from coursekit.classroom.submission import Bad
from coursekit.judging.verdict import Check, Picture, Verdict

ROOMS = ("exercise.py", "probe", "reference", "bank", "judging", "classroom/sandbox")  # what a grade depends on
TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS readings (
    submission TEXT, version TEXT, reading TEXT NOT NULL, PRIMARY KEY (submission, version)
);
CREATE TABLE IF NOT EXISTS grades (
    submission TEXT, exercise TEXT, version TEXT, seed INTEGER,
    student TEXT NOT NULL, file TEXT NOT NULL, status TEXT NOT NULL, points REAL NOT NULL, verdict TEXT NOT NULL,
    time_limit REAL NOT NULL, graded TEXT NOT NULL,
    PRIMARY KEY (submission, exercise, version, seed)
);
"""


def version() -> str:
    """The grader's version: the package's, and a digest of the source that a grade depends on."""
    home = Path(coursekit.__file__).parent
    digest = hashlib.sha256()
    for room in ROOMS:
        place = home / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{coursekit.__version__}+{digest.hexdigest()[:12]}"


class Gradebook:
    """Grades under the key (submission, exercise, grader version, seed). A context manager; threads may share it."""

    def __init__(self, path: Path, seed: int | None = None, time_limit: float = 10.0):
        self.path, self.version, self.time_limit = path, version(), time_limit
        try:
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
            self._lock = threading.Lock()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(TABLES)
            self.seed = self._seed(seed)
        except sqlite3.Error as error:
            raise Bad(f"the gradebook {path} cannot be used: {error}; move it away to start a new one") from None

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _seed(self, asked: int | None) -> int:
        """The seed asked for; else the one drawn when the gradebook was begun."""
        drawn = secrets.randbelow(2**31) if asked is None else asked
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('seed', ?)", (str(drawn),))
        kept = int(self._db.execute("SELECT value FROM meta WHERE name = 'seed'").fetchone()[0])
        return kept if asked is None else asked

    def reading(self, submission: str) -> Reading | None:
        """What a file was found to define, if it was read before."""
        query = "SELECT reading FROM readings WHERE submission = ? AND version = ?"
        with self._lock:
            row = self._db.execute(query, (submission, self.version)).fetchone()
        if row is None:
            return None
        kept = json.loads(row[0])
        return Reading(**(kept | {"functions": tuple(kept["functions"])}))

    def grades(self, submission: str) -> dict[str, Verdict]:
        """The verdicts kept for a file; one that ran out of a shorter time than is given now is to be tried again."""
        query = """SELECT exercise, verdict FROM grades WHERE submission = ? AND version = ? AND seed = ?
                   AND NOT (status = 'timeout' AND time_limit < ?)"""
        with self._lock:
            rows = self._db.execute(query, (submission, self.version, self.seed, self.time_limit)).fetchall()
        return {name: verdict_of(json.loads(record)) for name, record in rows}

    def keep(self, submission: str, student: str, file: str, reading: Reading, verdicts: Iterable[Verdict]) -> None:
        """Keep what was found of one file, all of it or nothing. What is our own mistake is not kept."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._lock, self._db:
            row = (submission, self.version, json.dumps(asdict(reading)))
            self._db.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", row)
            for v in verdicts:
                if v.status == "internal":
                    continue
                key = (submission, v.exercise, self.version, self.seed)
                values = (*key, student, file, v.status, v.points, json.dumps(v.to_dict()), self.time_limit, now)
                self._db.execute("INSERT OR REPLACE INTO grades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def verdict_of(record: dict[str, Any]) -> Verdict:
    """The verdict whose `to_dict()` this is."""
    picture = record["picture"]
    if picture is not None:
        picture = Picture(**picture | {name: tuple(picture[name]) for name in ("reference", "yours")})
    checks = tuple(Check(**check) for check in record["checks"])
    return Verdict(**record | {"picture": picture, "checks": checks, "hints": tuple(record["hints"])})
