"""The judge's side of the sandbox: starts a warm parent, gives it jobs, and reads what comes back with care."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from coursekit.classroom.sandbox import wire
from coursekit.probe.cases import Case, Outcome
from coursekit.probe.values import cut

START = "import sys; sys.path.insert(0, sys.argv[1]); from coursekit.classroom.sandbox.outer import main; main()"
ROOT = Path(__file__).resolve().parents[3]
FAULTS = {"delegated", "attempted", "runs", "time", "memory", "type", "structure", "shape", "dtype"}
PATIENCE = 30.0  # more seconds until the parent itself is taken for dead: ending a hundred processes takes some
TOGETHER = 1.0  # seconds for the functions of a file that are tried in one child
SLACK = 3.0  # seconds beyond the time limit, for starting and sending, before a child is ended from outside


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


class NotHere(RuntimeError):
    """Grading cannot run on this system; the message says what can be done."""


class Stopped(Exception):
    """The grader is ending; the job has no result."""


class WarmParent:
    """One warm parent process, started when it is first needed and again whenever it dies. Use it in one thread."""

    def __init__(self, *, seconds: float = 10.0, memory: int = 2**30, jobs: int = 1, practice: bool = False):
        self.seconds, self.memory, self.practice = seconds, memory, practice
        self._processes = 32 + 4 * jobs  # the system counts the children of all warm parents together
        self._process: subprocess.Popen[bytes] | None = None
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
        if (process := self._process) is not None:
            process.terminate()

    def close(self) -> None:
        """End the process; a later job starts a new one."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

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
        process = self._process or self._start()
        if self._stopped:
            return None
        try:
            wire.write_frame(process.stdin.fileno(), frame)  # type: ignore[union-attr]
            return wire.read_frame(process.stdout.fileno(), wire.MAX_FRAME + 1, until)  # type: ignore[union-attr]
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

    def _start(self) -> subprocess.Popen[bytes]:
        if not self.practice and sys.platform != "linux":
            raise NotHere(refusal(lacking()))
        if not hasattr(os, "fork"):
            raise NotHere("grading needs Linux, macOS or, on Windows, WSL: here no process can be forked")
        with tempfile.TemporaryFile() as errors:
            self._process = process = subprocess.Popen(
                _command(self.practice, self.seconds, self.memory, self._processes),
                env=_environment(self.practice),
                cwd="/",
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is the judge's alone
            )
            try:
                ready = wire.read_frame(process.stdout.fileno(), 4000, time.monotonic() + 120)  # type: ignore[union-attr]
            except (OSError, TimeoutError, ValueError):
                ready = None
            self.unreadable = ready == b"unreadable"
            if ready not in (b"ready", b"unreadable"):
                self.close()
                if ready:
                    raise NotHere(refusal(ready.decode("utf-8", "replace")))
                errors.seek(0)
                last = errors.read().decode("utf-8", "replace").strip().rpartition("\n")[2] or "no reason given"
                raise NotHere(f"the process that runs the answers does not start: {last}")
        return process


def _command(practice: bool, seconds: float, memory: int, processes: int, trial: bool = False) -> list[str]:
    asked = {"full": not practice, "seconds": seconds, "memory": memory, "processes": processes, "trial": trial}
    return [sys.executable, "-I", "-c", START, str(ROOT), json.dumps(asked | {"wall": seconds + SLACK})]


def _environment(practice: bool) -> dict[str, str]:
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    env |= {"CUDA_VISIBLE_DEVICES": "", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # large pages: a fork costs half
    return env | {"TMPDIR": tempfile.gettempdir()}  # within walls it is set to the scratch that is there


def refusal(reason: str) -> str:
    """The one line for walls that cannot be had.

    >>> refusal("no filter of system calls here")
    'refused: no filter of system calls here; --practice grades without walls and marks every grade so'
    """
    return f"refused: {reason}; --practice grades without walls and marks every grade so"


@functools.cache
def lacking() -> str:
    """Which wall this system lacks, in words; nothing where all can be put up. They are put up once, to see."""
    if sys.platform != "linux":
        return "no walls here (they need Linux: a virtual machine, WSL or a server)"
    command = _command(False, 10.0, 2**30, 32, trial=True)
    done = subprocess.run(command, env=_environment(False), cwd="/", capture_output=True, timeout=60)
    said = done.stdout[8:].decode("utf-8", "replace")
    return (
        "" if said == "ready" else said or done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "walls"
    )


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
