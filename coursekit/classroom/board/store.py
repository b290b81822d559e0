"""What a board keeps: who joined, and every event once. SQLite with a write-ahead log, on disk before it is answered.

Kept of a learner are the pseudonym and a digest of the token; of an event the time, exercise, status and mistake's id.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.classroom.board.names import free
from coursekit.classroom.submission import Bad

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # of join codes: nothing that is read as something else
TABLES = """
CREATE TABLE IF NOT EXISTS board (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS learners (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token TEXT NOT NULL UNIQUE, joined REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, learner INTEGER NOT NULL REFERENCES learners, id TEXT NOT NULL, at REAL NOT NULL,
    exercise TEXT NOT NULL, status TEXT NOT NULL, diagnosis TEXT, UNIQUE (learner, id)
);
"""
GROUP = 500  # events that one transaction takes at most


class Event(NamedTuple):
    """One verdict of one learner."""

    learner: int
    id: str
    at: float  # seconds since 1970, by the board's clock
    exercise: str
    status: str
    diagnosis: str | None


class Learner(NamedTuple):
    id: int
    name: str
    joined: float


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def connect(path: Path) -> sqlite3.Connection:
    """Open a board's file, made if it is not there, readable by its owner alone.

    Raises:
        Bad: it cannot be written, or is no board.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA wal_autocheckpoint=10000")  # pages, 40 MB: moving them over holds up whoever posts then
            db.executescript(TABLES)
            db.execute("SELECT seq, learner, id, at, exercise, status, diagnosis FROM events LIMIT 1")
            db.execute("SELECT id, name, token, joined FROM learners LIMIT 1")
        except sqlite3.Error:
            db.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise Bad(f"the board's file {path} cannot be used: {error}; --db names another") from None
    return db


class Store:
    """A board's file. Events go through one thread, which writes all that wait in one transaction."""

    def __init__(self, path: Path):
        self.path, self._db = path, connect(path)
        self._lock = threading.Lock()
        self.code = self._once("code", lambda: "".join(secrets.choice(ALPHABET) for _ in range(6)))
        self.key = self._once("key", lambda: secrets.token_urlsafe(24))
        self._names = {learner.name for learner in self.learners().values()}
        self._queue: queue.SimpleQueue[tuple[Event, Future[bool]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="board's writer", daemon=True)
        self._writer.start()

    def _once(self, name: str, make: Callable[[], str]) -> str:
        """A value drawn when the board was begun."""
        self._db.execute("INSERT OR IGNORE INTO board VALUES (?, ?)", (name, make()))
        return str(self._db.execute("SELECT value FROM board WHERE name = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._queue.put(None)
        self._writer.join()
        self._db.close()

    # ---- learners

    def learners(self) -> dict[str, Learner]:
        """Everybody who joined, by the digest of the token."""
        with self._lock:
            rows = self._db.execute("SELECT token, id, name, joined FROM learners ORDER BY id").fetchall()
        return {token: Learner(*rest) for token, *rest in rows}

    def add_learner(self, name: str, at: float) -> tuple[Learner, str]:
        """A new learner, under this name or (where it is taken) this with a number, and the token of that learner."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            own = free(name, self._names)
            row = self._db.execute("INSERT INTO learners VALUES (NULL, ?, ?, ?)", (own, digest(token), at))
            self._names.add(own)
        return Learner(int(row.lastrowid or 0), own, at), token

    def erase(self, learner: int) -> None:
        """Take out a learner with all events."""
        with self._lock, _transaction(self._db):
            self._db.execute("DELETE FROM events WHERE learner = ?", (learner,))
            self._db.execute("DELETE FROM learners WHERE id = ?", (learner,))

    # ---- events

    def events(self) -> Iterator[Event]:
        """Every event, in the order in which it came."""
        with self._lock:
            query = "SELECT learner, id, at, exercise, status, diagnosis FROM events ORDER BY seq"
            rows = self._db.execute(query).fetchall()
        return (Event(*row) for row in rows)

    def add(self, event: Event) -> Future[bool]:
        """Keep an event. The future holds, once it is on disk, whether it is new."""
        kept: Future[bool] = Future()
        self._queue.put((event, kept))
        return kept

    def _write(self) -> None:
        while first := self._queue.get():
            group = [first]
            over = False
            while len(group) < GROUP and not self._queue.empty():
                if (more := self._queue.get()) is None:
                    over = True
                    break
                group.append(more)
            self._write_group(group)
            if over:
                return

    def _write_group(self, group: list[tuple[Event, Future[bool]]]) -> None:
        # one who has been erased meanwhile has no events any more
        query = """INSERT OR IGNORE INTO events (learner, id, at, exercise, status, diagnosis)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM learners WHERE id = ?1)"""
        try:
            with self._lock, _transaction(self._db):
                new = [self._db.execute(query, event).rowcount == 1 for event, _ in group]
        except sqlite3.Error as error:
            for _, kept in group:
                kept.set_exception(error)
            return
        for (_, kept), is_new in zip(group, new, strict=True):
            kept.set_result(is_new)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[Any]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
