"""Starts the process that loads torch once and becomes one or several warm parents. Nothing here needs torch."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

START = "import sys; sys.path.insert(0, sys.argv[1]); from coursekit.classroom.sandbox.outer import main; main()"
ROOT = Path(__file__).resolve().parents[3]
MEMORY = 2**30  # bytes that a child may have beyond what its warm parent has
SLACK = 3.0  # seconds beyond the time limit, for starting and sending, before a child is ended from outside


class NotHere(RuntimeError):
    """Grading cannot run on this system; the message says what can be done."""


@dataclass
class Link:
    """The two ends of pipes that lead to a warm parent, and the process that holds it, with others or alone."""

    process: subprocess.Popen[bytes]
    jobs: int
    results: int
    errors: IO[bytes]
    links: list[Link]  # those of the process that are in use

    def last_words(self) -> str:
        """The last line that the process wrote before it ended."""
        self.errors.seek(0)
        return _last_line(self.errors.read()) or "no reason given"

    def close(self) -> None:
        """End the warm parent, and with the last one the process."""
        for fd in (self.jobs, self.results):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.links.remove(self)
        if not self.links:
            self.errors.close()
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Host:
    """Gives links to warm parents: so many of one process, started at the first, and any further of one each."""

    def __init__(self, count: int, *, seconds: float, memory: int = MEMORY, jobs: int, practice: bool):
        self._count, self._practice = count, practice
        self._command = command(
            practice, seconds, memory, 32 + 4 * jobs
        )  # children of all parents are counted together
        self._free: list[Link] = []
        self._lock = threading.Lock()

    def take(self) -> Link:
        """A link that nobody has; NotHere where no process can be forked."""
        with self._lock:
            self._free = [link for link in self._free if link.process.poll() is None]
            if not self._free:
                self._free, self._count = self._start(self._count), 1
            return self._free.pop()

    def begin(self) -> None:
        """Start now what the first link would start; where that cannot be, the first link says so."""
        with self._lock, contextlib.suppress(NotHere):
            self._free, self._count = self._start(self._count), 1

    def close(self) -> None:
        """End what nobody took; at once, where nobody took any."""
        with self._lock:
            while self._free:
                link = self._free.pop()
                if len(link.links) == 1:
                    link.process.terminate()
                link.close()

    def _start(self, count: int) -> list[Link]:
        if not self._practice and sys.platform != "linux":
            raise NotHere(refusal(lacking()))
        if not hasattr(os, "fork"):
            raise NotHere("grading needs Linux, macOS or, on Windows, WSL: here no process can be forked")
        pipes = [(*os.pipe(), *os.pipe()) for _ in range(count)]  # jobs: there, here; results: here, there
        there = [(jobs, results) for jobs, _, _, results in pipes]
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (the links close it)
        process = subprocess.Popen(
            [*self._command, json.dumps(there)],
            env=environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[fd for pair in there for fd in pair],
            start_new_session=True,  # Ctrl-C is the judge's alone
        )
        for pair in there:
            for fd in pair:
                os.close(fd)
        links: list[Link] = []
        links += [Link(process, jobs, results, errors, links) for _, jobs, results, _ in pipes]
        return list(links)


_begun: dict[tuple[int, float, bool], Host] = {}


def begin(jobs: int, seconds: float, practice: bool) -> None:
    """Begin to load torch in another process, while this one loads it too: a small class is graded in half the time."""
    jobs = jobs or processors()
    if 0 < jobs <= 256 and 0.1 <= seconds <= 3600:  # else it is refused soon, and in words
        _begun[jobs, seconds, practice] = host = Host(jobs, seconds=seconds, jobs=jobs, practice=practice)
        host.begin()


def begun(jobs: int, seconds: float, practice: bool) -> Host:
    """The host for so many jobs: the one that was begun, where there is one like it."""
    found = _begun.pop((jobs, seconds, practice), None)
    return found or Host(jobs, seconds=seconds, jobs=jobs, practice=practice)


def end() -> None:
    """End what was begun and not needed."""
    while _begun:
        _begun.popitem()[1].close()


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command(practice: bool, seconds: float, memory: int, processes: int) -> list[str]:
    """What starts the process; a further argument names its ends of the pipes, and none is a trial of the walls."""
    asked = {"full": not practice, "seconds": seconds, "memory": memory, "processes": processes}
    return [sys.executable, "-I", "-c", START, str(ROOT), json.dumps(asked | {"wall": seconds + SLACK})]


def environment() -> dict[str, str]:
    """All that the process finds in its environment."""
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    env |= {"CUDA_VISIBLE_DEVICES": "", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # large pages for tensors and for what torch keeps
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
    done = subprocess.run(command(False, 10.0, 2**30, 32), env=environment(), cwd="/", capture_output=True, timeout=60)
    said = done.stdout[8:].decode("utf-8", "replace")
    return "" if said == "ready" else said or _last_line(done.stderr) or "walls"


def _last_line(written: bytes) -> str:
    return written.decode("utf-8", "replace").strip().rpartition("\n")[2]
