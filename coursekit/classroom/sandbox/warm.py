"""The judge's side of the sandbox: starts a warm parent, gives it jobs, and reads what comes back with care."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from coursekit.classroom.sandbox import wire
from coursekit.classroom.sandbox.host import MEMORY, SLACK, Host, Link, NotHere, refusal
from coursekit.probe.cases import Case, Outcome
from coursekit.probe.values import cut

FAULTS = {"delegated", "attempted", "runs", "time", "memory", "type", "structure", "shape", "dtype"}
PATIENCE = 30.0  # more seconds until the parent itself is taken for dead: ending a hundred processes takes some
TOGETHER = 1.0  # seconds for the functions of a file that are tried in one child


@dataclass(frozen=True)
class Reading:
    """What a file says of itself."""

    chapter: str | None = None
    functions: tuple[str, ...] = ()
    answers: dict[str, Any] = field(default_factory=dict)  # quiz to value; None where it could not be read
    broken: dict[str, str] = field(default_factory=dict)  # a name that a cell defines which does not parse, and where
    unreadable: str = ""  # why the whole file could not be read
    status: str = "error"  # and what that means for its exercises


@dataclass(frozen=True)
class Ran:
    """What a function gave on the cases, and the library names that it uses."""

    outcomes: list[Outcome]
    used: frozenset[str]


@dataclass(frozen=True)
class Failed:
    """A job that gave nothing: a status of the verdicts, and the reason in words."""

    status: str  # "timeout", "memory", "crashed"
    reason: str


class Stopped(Exception):
    """The grader is ending; the job has no result."""


class WarmParent:
    """One warm parent process, started when it is first needed and again whenever it dies. Use it in one thread."""

    def __init__(
        self,
        *,
        seconds: float = 10.0,
        memory: int = MEMORY,
        jobs: int = 1,
        practice: bool = False,
        host: Host | None = None,
    ):
        self.seconds, self.memory, self.practice = seconds, memory, practice
        self._host = host or Host(1, seconds=seconds, memory=memory, jobs=jobs, practice=practice)
        self._link: Link | None = None
        self._stopped = False
        self.walls = "practice" if practice else "full"  # how every verdict on what it ran is marked
        self.likely: list[str] = []  # the exercises of the file before, and so most likely of the next
        self.unreadable = False  # whether the children's user may not read the interpreter's folder

    def __enter__(self) -> WarmParent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, data: bytes, suffix: str, label: str, wanted: list[str], quizzes: list[str]) -> Reading:
        """What a submitted file defines and answers, of the names asked for."""
        job = {"kind": "read", "wanted": wanted, "quizzes": quizzes}
        found = self._perform(job, data, suffix, label, _reading)
        if isinstance(found, Failed):
            return Reading(unreadable=f"reading it did not end well: {found.reason}", status=found.status)
        return found

    def attempt(
        self,
        data: bytes,
        suffix: str,
        label: str,
        wanted: list[str],
        quizzes: list[str],
        trials: dict[str, bytes],
        states: dict[str, tuple[str, ...]],
        refuse: Collection[str],
    ) -> tuple[Reading, dict[str, Ran]] | Failed:
        """What a file defines, and what its functions gave that ran without a fault or are not written, in one child.

        `trials` holds for each function its cases as `wire.encode` made them, none of which is to tell why an answer
        is wrong. The functions share a process and the time: whoever is wrong there is to be run alone.
        """
        sent = {name: torch.frombuffer(bytearray(cases), dtype=torch.uint8) for name, cases in trials.items()}
        job: dict[str, Any] = {"kind": "try", "wanted": wanted, "quizzes": quizzes, "trials": sent, "states": states}
        job |= {"refuse": sorted(refuse), "seconds": min(self.seconds / 4, TOGETHER)}
        return self._perform(job, data, suffix, label, lambda tree: _tried(tree, set(trials)))

    def run(
        self,
        data: bytes,
        suffix: str,
        label: str,
        name: str,
        cases: list[Case],
        states: dict[str, tuple[str, ...]],
        refuse: Collection[str] = (),
    ) -> Ran | Failed:
        """What the file's function `name` gives on the cases; the torch functions in `refuse` count as delegated."""
        job = {"kind": "run", "exercise": name, "cases": cases, "states": states, "refuse": sorted(refuse)}
        return self._perform(job, data, suffix, label, lambda tree: _ran(tree, len(cases)))

    def stop(self) -> None:
        """End the process from another thread: the job under way raises Stopped, and no other is begun."""
        self._stopped = True
        if (link := self._link) is not None:
            link.process.terminate()

    def close(self) -> None:
        """End the process; a later job starts a new one."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _perform(self, job: dict[str, Any], data: bytes, suffix: str, label: str, read: Any) -> Any:
        source = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
        job |= {"source": source, "suffix": suffix, "label": cut(label)}
        job.setdefault("seconds", self.seconds)
        frame = wire.encode(job)
        for _ in range(2):  # a parent that was ended gets one more try
            answer = (
                None if self._stopped else self._exchange(frame, time.monotonic() + self.seconds + SLACK + PATIENCE)
            )
            if self._stopped:
                raise Stopped
            if answer is not None:
                return self._understood(answer, read)
            self.close()
        return Failed("crashed", "it ended the process that runs the answers, twice")

    def _exchange(self, frame: bytes, until: float) -> bytes | None:
        link = self._link or self._start()
        if self._stopped:
            return None
        try:
            wire.write_frame(link.jobs, frame)
            return wire.read_frame(link.results, wire.MAX_FRAME + 1, until)
        except (OSError, TimeoutError, ValueError):
            return None

    def _understood(self, answer: bytes, read: Any) -> Any:
        kind, rest = answer[:1], answer[1:]
        if kind == b"f":
            try:
                return read(wire.decode(rest))
            except ValueError as error:
                return Failed("crashed", cut(f"what its process sent back cannot be read: {error}"))
        if kind == b"t":
            words = f"It was still running after {self.seconds:g} s: is there a loop that never ends?"
            return Failed("timeout", words)
        if kind == b"w":
            raise NotHere(refusal(f"{cut(rest.decode('utf-8', 'replace'))} did not stand"))
        if kind == b"m":
            return Failed("memory", f"it asked for more than {self.memory / 2**30:.1f} GB of memory")
        return Failed("crashed", cut(rest.decode("utf-8", "replace")) or "its process ended")

    def _start(self) -> Link:
        self._link = link = self._host.take()
        try:
            ready = wire.read_frame(link.results, 4000, time.monotonic() + 120)
        except (OSError, TimeoutError, ValueError):
            ready = None
        self.unreadable = ready == b"unreadable"
        if ready not in (b"ready", b"unreadable"):
            words = "" if ready else link.last_words()
            self.close()
            if ready:
                raise NotHere(refusal(ready.decode("utf-8", "replace")))
            raise NotHere(f"the process that runs the answers does not start: {words}")
        return link


# ---- what came back, checked: it was written by a process that ran a learner's code


def _reading(tree: Any) -> Reading:
    if not isinstance(tree, dict):
        raise ValueError("no reading")
    if "unreadable" in tree:
        return Reading(unreadable=_text(tree["unreadable"]))
    chapter, answers = tree.get("chapter"), tree.get("answers")
    if not isinstance(answers, dict) or not all(v is None or type(v) in (int, float, str) for v in answers.values()):
        raise ValueError("no answers")
    broken: dict[str, str] = {}
    for entry in _list(tree.get("broken")):
        if not isinstance(entry, dict):
            raise ValueError("no entry on a broken cell")
        broken |= dict.fromkeys(map(_text, _list(entry.get("names"))), _text(entry.get("where")))
    functions = tuple(map(_text, _list(tree.get("functions"))))
    return Reading(None if chapter is None else _text(chapter), functions, answers, broken)


def _tried(tree: Any, names: set[str]) -> tuple[Reading, dict[str, Ran]]:
    if not isinstance(tree, dict) or not isinstance(tree.get("ran"), dict) or not tree["ran"].keys() <= names:
        raise ValueError("nothing that was tried")
    if not isinstance(reading := tree.get("reading"), torch.Tensor) or reading.dtype is not torch.uint8:
        raise ValueError("no reading")
    return _reading(wire.decode(bytes(reading.numpy()))), {name: _ran(ran, None) for name, ran in tree["ran"].items()}


def _ran(tree: Any, count: int | None) -> Ran:
    outcomes = _list(tree.get("outcomes") if isinstance(tree, dict) else None)
    if count is not None and len(outcomes) != count:
        raise ValueError("not one outcome for each case")
    return Ran([_outcome(x) for x in outcomes], frozenset(map(_text, _list(tree.get("used")))))


def _outcome(x: Any) -> Outcome:
    if not isinstance(x, Outcome):
        raise ValueError(f"a {type(x).__name__} where an outcome was wanted")
    if (fault := x.fault) is not None:
        if fault.check not in FAULTS:
            raise ValueError("a fault of an unknown kind")
        fault = replace(fault, message=cut(fault.message), text=cut(fault.text))
    return replace(x, fault=fault, changed=tuple(map(cut, x.changed)))


def _text(x: Any) -> str:
    if not isinstance(x, str):
        raise ValueError(f"a {type(x).__name__} where a text was wanted")
    return cut(x)


def _list(x: Any) -> list[Any]:
    if not isinstance(x, list):
        raise ValueError(f"a {type(x).__name__} where a list was wanted")
    return x
