"""What a worker of a Dask cluster does: read, run and judge one submission after the other, in one warm parent.

What goes to it and what comes back is plain data: a submission's files as bytes, what the gradebook knows of them, and
what is new. A worker is trusted as the judge is: it makes the cases from the seed, and its word is the grade.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from coursekit.classroom import gradebook
from coursekit.classroom.batch import Grader, Settings
from coursekit.classroom.gradebook import reading_of, verdict_of
from coursekit.classroom.sandbox.warm import Reading, WarmParent
from coursekit.classroom.submission import File, Submission
from coursekit.judging.verdict import Verdict
from coursekit.probe.values import cut

ENOUGH = 0.5  # seconds after which a worker gives back the rest of a parcel: no result waits long for others
IDLE = 60.0  # seconds after which a worker ends its warm parent
VERSION = gradebook.version()  # of what is loaded, also where the files are changed while a worker runs
HOST = 64  # warm parents on one host, at most: the system counts their children together


# ---- what the two sides tell each other


@dataclass(frozen=True)
class Sent(File):
    """A file that has been read: its bytes go with it."""

    content: bytes = b""

    def data(self) -> bytes:
        if self.problem:
            raise ValueError(self.problem)
        return self.content


def packed(one: Submission) -> Submission:
    """The submission with its files read."""
    return replace(one, files=tuple(_packed(file) for file in one.files))


def _packed(file: File) -> Sent:
    place = Path(f"submission{file.suffix}")
    try:
        return Sent(place, file.name, content=file.data())
    except ValueError as error:
        return Sent(place, file.name, problem=str(error))


def plain(one: Submission) -> dict[str, Any]:
    """A packed submission as plain data."""
    files = [
        {"name": f.name, "suffix": f.suffix, "problem": f.problem, "data": b"" if f.problem else f.data()}
        for f in one.files
    ]
    return {"student": one.student, "files": files}


def unpacked(job: dict[str, Any]) -> Submission:
    """The submission that such data are of."""
    files = [Sent(Path(f"submission{f['suffix']}"), f["name"], (), f["problem"], f["data"]) for f in job["files"]]
    return Submission(job["student"], tuple(files))


class Pages:
    """Stands where the gradebook would: what is known of one submission's files, and what was found of them now."""

    def __init__(self, seed: int, version: str):
        self.seed, self.version = seed, version
        self._readings: dict[str, Reading | None] = {}
        self._verdicts: dict[str, dict[str, Verdict]] = {}
        self.new: list[tuple[str, str, str, Reading, list[Verdict], bytes | None]] = []

    def know(self, this: str, reading: Reading | None, verdicts: Iterable[Verdict]) -> None:
        """Take in what was known before."""
        self._readings[this] = reading
        self._verdicts.setdefault(this, {}).update({v.exercise: v for v in verdicts})

    def reading(self, this: str) -> Reading | None:
        return self._readings.get(this)

    def grades(self, this: str) -> dict[str, Verdict]:
        return dict(self._verdicts.get(this, {}))

    def keep(
        self,
        this: str,
        student: str,
        file: str,
        reading: Reading,
        verdicts: Iterable[Verdict],
        data: bytes | None = None,
    ) -> None:
        made = list(verdicts)
        self.know(this, reading, made)
        self.new.append((this, student, file, reading, made, data))

    def by_hand(self, student: str, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        return tuple(verdicts)

    def known(self) -> list[dict[str, Any]]:
        """What is known before, as plain data."""
        return [_record(this, reading, self._verdicts[this].values()) for this, reading in self._readings.items()]

    def found(self) -> list[dict[str, Any]]:
        """What is new, as plain data."""
        return [_record(this, reading, verdicts) for this, _, _, reading, verdicts, _ in self.new]


def _record(this: str, reading: Reading | None, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    plain = None if reading is None else asdict(reading)
    return {"submission": this, "reading": plain, "verdicts": [v.to_dict() for v in verdicts]}


def read_record(record: dict[str, Any]) -> tuple[str, Reading | None, list[Verdict]]:
    reading = None if record["reading"] is None else reading_of(record["reading"])
    return record["submission"], reading, [verdict_of(v) for v in record["verdicts"]]


class Call:
    """Pickled, it is a call that is made where it is unpickled: a scheduler that passes it on needs no coursekit.

    What comes of it is what `answer` gives.
    """

    def __init__(self, function: Callable[..., Any], *args: Any):
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return answer, (self.function, *self.args)


# ---- at work


def answer(function: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """`""` and what a call gives, or the kind and the words of its error: not every error can be sent as it is."""
    try:
        return "", function(*args)
    except Exception as error:
        return type(error).__name__, cut(str(error))


class Reborn(RuntimeError):
    """At this worker's address is another process now."""


_one_at_a_time = threading.Lock()  # however many threads the worker has: the judge sets what all of them share
_parents: dict[tuple[float, bool], WarmParent] = {}
_ends: list[threading.Timer] = []


@contextlib.contextmanager
def _warm(seconds: float, practice: bool) -> Iterator[WarmParent]:
    """This worker's warm parent. It is ended when it was not needed for a while, also where nobody says goodbye."""
    with _one_at_a_time:
        while _ends:
            _ends.pop().cancel()
        if (seconds, practice) not in _parents:
            _close()
            _parents[seconds, practice] = WarmParent(seconds=seconds, jobs=HOST, practice=practice)
        try:
            yield _parents[seconds, practice]
        finally:
            _ends.append(timer := threading.Timer(IDLE, release))
            timer.daemon = True
            timer.start()


def _close() -> None:
    while _parents:
        _parents.popitem()[1].close()


def release() -> None:
    """End this worker's warm parent."""
    with _one_at_a_time:
        _close()


def look(seconds: float, practice: bool) -> dict[str, Any]:
    """What a worker is, told once its warm parent stands."""
    with _warm(seconds, practice) as parent:
        parent.read(b"", ".py", "", [], [])
        return {"version": VERSION, "pid": os.getpid(), "unreadable": parent.unreadable}


def perform(same: dict[str, Any], jobs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Grade submissions, as many as there is time for: what is new of their files, as plain data."""
    if same["pid"] != os.getpid():
        raise Reborn
    settings = Settings(seconds=same["seconds"], only=same["only"], chapter=same["chapter"], practice=same["practice"])
    until = time.monotonic() + ENOUGH
    found: list[list[dict[str, Any]]] = []
    with _warm(settings.seconds, settings.practice) as parent:
        while len(found) < len(jobs) and (not found or time.monotonic() < until):
            job = jobs[len(found)]
            pages = Pages(same["seed"], same["version"])
            for record in job["known"]:
                pages.know(*read_record(record))
            Grader(pages, settings).grade(parent, unpacked(job))  # type: ignore[arg-type]
            found.append(pages.found())
    return found
