"""What a learner has done: one readable JSON file beside the course, written whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.judging.verdict import STATUSES, Verdict

NAME = "progress.json"


def path() -> Path | None:
    """Where progress is kept: COURSEKIT_PROGRESS, or beside the course's folders; None when it is "off"."""
    if asked := os.environ.get("COURSEKIT_PROGRESS"):
        return None if asked == "off" else Path(asked)
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / NAME).is_file() or (folder / "exercises").is_dir():
            return folder / NAME
    return here / NAME


def load() -> dict[str, Any]:
    """What is remembered: name to status, tries and times. A file that cannot be read is set aside, not lost."""
    where = path()
    if where is None or not where.is_file():
        return {}
    try:
        found = json.loads(where.read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(map(_is_entry, found.values())):
            return found
    except ValueError:
        pass
    except OSError:
        return {}
    with contextlib.suppress(OSError):
        where.replace(where.with_suffix(f".unreadable-{int(time.time())}.json"))
    return {}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("tries", 0), int) and entry.get("status") in STATUSES


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
    if entry.get("status") != "passed":
        entry["status"] = verdict.status


def _remember(name: str, change: Callable[[dict[str, Any], str], None]) -> None:
    """Change one entry of the file: read, changed and written whole under the lock."""
    where = path()
    if where is None:
        return
    with contextlib.suppress(OSError), _locked(where):
        known = load()
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        change(known.setdefault(name, {"tries": 0, "first": now}), now)
        draft = where.with_name(f".{NAME}.{os.getpid()}")
        draft.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(draft, where)


@contextlib.contextmanager
def _locked(where: Path) -> Iterator[None]:
    """One writer at a time, so that two notebooks lose nothing of each other; a lock left behind yields after 2 s."""
    lock = where.with_name(f"{NAME}.lock")
    for _ in range(200):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


class Progress:
    """The course as a list: chapters, exercises and quizzes, done, tried or not tried, and what comes next."""

    def __init__(self, known: dict[str, Any]):
        self.known = known

    def status(self, name: str) -> str:
        return self.known.get(name, {}).get("status", "not_attempted")

    @property
    def rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Chapter title and its (name, status) pairs."""
        named = {
            f"{c.id} {c.title}": [e.name for e in c.exercises] + [q.name for q in c.quizzes]
            for c in index.chapters().values()
        }
        return [(title, [(name, self.status(name)) for name in names]) for title, names in named.items()]

    @property
    def next(self) -> str | None:
        """The first exercise that is not passed."""
        return next((n for _, items in self.rows for n, status in items if status != "passed"), None)

    def __repr__(self) -> str:
        lines = []
        for title, items in self.rows:
            done = sum(status == "passed" for _, status in items)
            lines.append(f"{title}: {done} of {len(items)} done")
            lines += [f"  {STATUSES[status][0]} {name} ({STATUSES[status][1].lower()})" for name, status in items]
        lines.append(f"Next: {self.next}" if self.next else "All done.")
        return "\n".join(lines)


def progress() -> Progress:
    """How far you are."""
    return Progress(load())
