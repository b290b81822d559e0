"""What a learner has done: one readable JSON file beside the course, written whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coursekit.judging.verdict import STATUSES, Verdict

NAME = "progress.json"
PATIENCE = 10.0  # seconds to wait for another notebook's write, which takes milliseconds
BEST = ("convention", "passed")  # reached once, these stay; the later one is better

Known = dict[str, dict[str, Any]]


def path(start: Path | None = None) -> Path | None:
    """Where progress is kept: COURSEKIT_PROGRESS, or beside the course's folders; None when it is "off".

    The course's folders are looked for from `start` (the current folder) upwards: they lie in a checkout, and in what
    `coursekit start` makes.
    """
    if start is None and (asked := os.environ.get("COURSEKIT_PROGRESS")):
        return None if asked == "off" else Path(asked)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / NAME).is_file() or (folder / "exercises").is_dir():
            return folder / NAME
    return here / NAME


def load(where: Path | None) -> Known:
    """What is remembered, by name; nothing where there is no file or it may not be read."""
    with contextlib.suppress(OSError):
        return _read(where)[0] if where else {}
    return {}


def set_aside(where: Path) -> list[Path]:
    """The damaged files that lie beside the file, oldest first."""
    return sorted(where.parent.glob(f"{where.stem}.unreadable-*.json"))


def record(verdict: Verdict) -> None:
    """Remember a verdict; what is passed stays passed. Without a place to write it does nothing: a check goes on."""
    if verdict.status not in ("not_attempted", "internal"):
        _remember(verdict.exercise, functools.partial(_add_verdict, verdict=verdict))


def record_hint(exercise: str, number: int) -> None:
    """Remember that a hint was looked at: for the learner's own eyes; it never costs points."""
    _remember(exercise, lambda entry, now: entry.update(hints=sorted({*entry.get("hints", []), number})))


def _add_verdict(entry: dict[str, Any], now: str, verdict: Verdict) -> None:
    entry["tries"] = entry.get("tries", 0) + 1
    entry["last"], entry["last_status"], entry["diagnosis"] = now, verdict.status, verdict.diagnosis
    if _rank(verdict.status) >= _rank(entry.get("status", "")):
        entry["status"] = verdict.status


def _rank(status: str) -> int:
    return BEST.index(status) if status in BEST else -1


def _remember(name: str, change: Callable[[dict[str, Any], str], None]) -> None:
    """Change one entry of the file: read, changed and written whole under the lock."""
    where = path()
    if where is None:
        return
    with contextlib.suppress(OSError), _locked(where):
        known, damaged = _read(where)
        if damaged is not None:
            _set_aside(where, damaged)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        change(known.setdefault(name, {"tries": 0, "first": now}), now)
        _write(where, (json.dumps(known, indent=1, ensure_ascii=False) + "\n").encode())


def _read(where: Path) -> tuple[Known, bytes | None]:
    """The entries that can be read; and the file's bytes, where there is more in it than these."""
    try:
        raw = where.read_bytes()
    except FileNotFoundError:
        return {}, None
    try:
        found = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    entries = found if isinstance(found, dict) else {}
    known = {name: entry for name, entry in entries.items() if _is_entry(entry)}
    return known, None if known == found else raw


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    tries, hints = entry.get("tries", 0), entry.get("hints", [])
    whole = type(tries) is int and isinstance(hints, list) and all(type(hint) is int for hint in hints)
    moments = all(isinstance(entry.get(key, ""), str) for key in ("first", "last"))
    return whole and moments and entry.get("status", "wrong") in tuple(STATUSES)  # no status yet: a hint was asked for


def _set_aside(where: Path, damaged: bytes) -> None:
    """Keep a copy of what cannot all be read, before it is written over, and say so."""
    for number in range(int(time.time()), sys.maxsize):
        aside = where.with_name(f"{where.stem}.unreadable-{number}.json")
        if not aside.exists():
            break
    _write(aside, damaged)
    print(f"{where.name} was damaged. As it was, it is kept in {aside.name}; what could be read of it still counts.")


def _write(where: Path, content: bytes) -> None:
    draft = where.with_name(f".{NAME}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        os.replace(draft, where)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(where: Path) -> Iterator[None]:
    """One writer at a time, so that two notebooks lose nothing of each other. A process that ends lets go of it."""
    with where.with_name(f".{NAME}.lock").open("ab") as lock:
        deadline = time.monotonic() + PATIENCE
        while not _taken(lock.fileno()) and time.monotonic() < deadline:
            time.sleep(random.uniform(0.001, 0.02))
        yield


def _taken(file: int) -> bool:
    """Whether the lock of an open file is ours now; a disk without locks has none to wait for."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True
