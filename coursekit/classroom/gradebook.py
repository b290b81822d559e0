"""The gradebook: every grade once, kept at any moment. SQLite with a write-ahead log, on disk before it counts."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
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
CREATE TABLE IF NOT EXISTS files (submission TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS overrides (
    id INTEGER PRIMARY KEY, student TEXT NOT NULL, exercise TEXT NOT NULL,
    points REAL, reason TEXT NOT NULL, made TEXT NOT NULL
);
"""
# for each grade of this version and seed the latest that the same file had from another version
CHANGES = """
SELECT n.student, n.exercise, o.points, o.status, n.points, n.status FROM grades n JOIN grades o
    ON o.submission = n.submission AND o.exercise = n.exercise AND o.version <> n.version
WHERE n.version = ? AND n.seed = ? AND (o.points <> n.points OR o.status <> n.status) AND o.rowid = (
    SELECT max(rowid) FROM grades x
    WHERE x.submission = n.submission AND x.exercise = n.exercise AND x.version <> n.version
    AND (x.version LIKE '%+practice') = (n.version LIKE '%+practice'))
ORDER BY n.student, n.exercise
"""
MAX_KEPT = 64 * 2**20  # bytes of a file, unpacked


@dataclass(frozen=True)
class Change:
    """A grade that another version of the course gave otherwise."""

    student: str
    exercise: str
    before: float
    status_before: str
    now: float
    status: str


@dataclass(frozen=True)
class Kept:
    """A grade as it stands in the gradebook, with everything that is needed to give it again."""

    student: str
    file: str
    exercise: str
    version: str
    seed: int
    time_limit: float
    verdict: Verdict
    data: bytes | None


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
        return reading_of(json.loads(row[0]))

    def grades(self, submission: str) -> dict[str, Verdict]:
        """The verdicts kept for a file; one that ran out of a shorter time than is given now is to be tried again."""
        query = """SELECT exercise, verdict FROM grades WHERE submission = ? AND version = ? AND seed = ?
                   AND NOT (status = 'timeout' AND time_limit < ?)"""
        with self._lock:
            rows = self._db.execute(query, (submission, self.version, self.seed, self.time_limit)).fetchall()
        return {name: verdict_of(json.loads(record)) for name, record in rows}

    def keep(
        self,
        submission: str,
        student: str,
        file: str,
        reading: Reading,
        verdicts: Iterable[Verdict],
        data: bytes | None = None,
    ) -> None:
        """Keep what was found of one file, all of it or nothing. What is our own mistake is not kept."""
        now = _now()
        with self._lock, self._db:
            if data is not None:
                self._db.execute("INSERT OR IGNORE INTO files VALUES (?, ?)", (submission, zlib.compress(data, 1)))
            row = (submission, self.version, json.dumps(asdict(reading)))
            self._db.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", row)
            for v in verdicts:
                if v.status == "internal":
                    continue
                key = (submission, v.exercise, self.version, self.seed)
                values = (*key, student, file, v.status, v.points, json.dumps(v.to_dict()), self.time_limit, now)
                self._db.execute("INSERT OR REPLACE INTO grades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    # ---- by hand, before and again

    def override(self, student: str, exercise: str, points: float | None, reason: str) -> None:
        """Set a grade by hand, or (None) leave it to the grader again. Nothing is forgotten: the latest counts."""
        row = (student, exercise, points, reason, _now())
        with self._lock, self._db:
            self._db.execute("INSERT INTO overrides VALUES (NULL, ?, ?, ?, ?, ?)", row)

    def students(self) -> list[str]:
        """Everybody who has a grade."""
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT DISTINCT student FROM grades ORDER BY student")]

    def by_hand(self, student: str, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        """The verdicts with the points that were set by hand, and the reason first in their message."""
        query = "SELECT exercise, points, reason FROM overrides WHERE student = ? ORDER BY id"
        with self._lock:
            latest = {row[0]: row[1:] for row in self._db.execute(query, (student,))}
        made = []
        for v in verdicts:
            points, reason = latest.get(v.exercise, (None, ""))
            if points is not None:
                said = f"Set by hand to {points:g} of {v.max_points:g} points (the grader: {v.points:g}): {reason}"
                v = replace(v, points=points, message=f"{said}\n{v.message}".strip())
            made.append(v)
        return tuple(made)

    def changes(self) -> list[Change]:
        """What another version of the course graded otherwise, file by file."""
        with self._lock:
            return [Change(*row) for row in self._db.execute(CHANGES, (self.version, self.seed))]

    def kept(self, student: str, exercise: str) -> Kept | None:
        """The latest grade of a student in an exercise."""
        query = """SELECT student, file, exercise, version, seed, time_limit, verdict, data FROM grades
                   LEFT JOIN files USING (submission) WHERE student = ? AND exercise = ?
                   ORDER BY points DESC, grades.rowid DESC"""
        with self._lock:
            rows = self._db.execute(query, (student, exercise)).fetchall()
        if not rows:
            return None
        own = [row for row in rows if row[3] == self.version] or rows
        row = own[0]
        unpacked = None if row[7] is None else zlib.decompressobj().decompress(row[7], MAX_KEPT)
        return Kept(row[0], row[1], row[2], row[3], row[4], row[5], verdict_of(json.loads(row[6])), unpacked)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def reading_of(record: dict[str, Any]) -> Reading:
    """The reading that `asdict` made this of."""
    return Reading(**record | {"functions": tuple(record["functions"])})


def verdict_of(record: dict[str, Any]) -> Verdict:
    """The verdict whose `to_dict()` this is."""
    picture = record["picture"]
    if picture is not None:
        picture = Picture(**picture | {name: tuple(picture[name]) for name in ("reference", "yours")})
    checks = tuple(Check(**check) for check in record["checks"])
    return Verdict(**record | {"picture": picture, "checks": checks, "hints": tuple(record["hints"])})
