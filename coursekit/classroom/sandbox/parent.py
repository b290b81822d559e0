"""The warm parent: has imported torch, knows no answers, and forks one child per job.

Started by `outer`, with walls or without. When a job comes it forks a child, which reads the job itself, and answers
with one letter and what the child wrote: `f` its frame, `t` time was up, `m` memory, `c` and how it ended, `w` and
which wall did not stand. Only the first frame of a child counts; at its end every process that it started is ended
too. Fork after several threads were at work in torch hangs: there is one thread here, and that is asserted before
each fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import mmap
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time

import torch

from coursekit.classroom.sandbox import child, namespaces, outer, walls, wire
from coursekit.classroom.sandbox.module import build
from coursekit.classroom.sandbox.outer import Setting
from coursekit.classroom.sandbox.source import read
from coursekit.probe.cases import Call
from coursekit.probe.running import run, used_names

MAX_JOB = 64 * 2**20
ROOM = 8 + wire.MAX_FRAME + 2**16
LATE = 1.0  # seconds before the end of a job's time when the kernel ends it for its processor time
# what submissions import: loaded once, and there also for a user who may not read the interpreter's folder
PRELOADED = ["numpy", "decimal", "doctest", "fractions", "secrets", "statistics", "sysconfig", "torch.func"]
PRELOADED += [f"encodings.{name}" for name in ("utf_8_sig", "latin_1", "cp1252", "utf_16", "utf_32")]
OUT_OF_MEMORY = 77  # exit status of a child that could not even answer


def main(setting: Setting, jobs: int, results: int) -> None:
    """Answer the jobs of a pipe until it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what a job has begun is cleared away
    walls.prctl(walls.PR_SET_CHILD_SUBREAPER, 1)
    tasks = 0
    if not setting.full:
        root = os.geteuid() == 0
        tasks = walls.tasks_of(walls.NOBODY if root else os.getuid()) + (0 if root else 256)  # a person's come and go
    answer = Answer()
    wire.write_frame(results, b"ready" if setting.full or _readable() else b"unreadable")
    poll = select.poll()
    poll.register(jobs, select.POLLIN)
    while poll.poll()[0][1] & select.POLLIN:
        _one(setting, answer, jobs, tasks)
        answer.send(results)


class Answer:
    """Room for one child's frame, kept where no later child can see it: it may be another's right answer."""

    def __init__(self) -> None:
        self._room = mmap.mmap(-1, ROOM)
        if hasattr(mmap, "MADV_DONTFORK"):
            self._room.madvise(mmap.MADV_DONTFORK)
        self.clear()

    def clear(self) -> None:
        """Forget what was read, and what is to be sent."""
        self._got = 0
        self.words = b""  # instead of the frame

    def read(self, fd: int) -> bool:
        """Read some of the frame; False at the end of the pipe."""
        with memoryview(self._room) as view, view[self._got :] as free:
            count = os.readv(fd, [free])
        self._got += count
        return count > 0

    @property
    def size(self) -> int | None:
        """How long the frame says that it is, once that is known."""
        return int.from_bytes(self._room[:8], "big") if self._got >= 8 else None

    @property
    def whole(self) -> bool:
        """Whether the frame is all there."""
        return self.size is not None and self._got >= 8 + self.size

    def refuse(self) -> None:
        """The frame says which wall does not stand."""
        self.words = b"w" + self._room[8 : self._got]

    def send(self, fd: int) -> None:
        """Send `f` and the frame, or the words."""
        if self.words:
            wire.write_frame(fd, self.words)
            return
        size = self.size or 0
        os.write(fd, (size + 1).to_bytes(8, "big") + b"f")
        with memoryview(self._room) as view:
            done = 8
            while done < 8 + size:
                with view[done : 8 + size] as rest:
                    done += os.write(fd, rest)


def warm_up() -> None:
    """What children would otherwise each do first; then everything is frozen, so that forks share its memory."""
    torch.set_num_threads(1)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    (x * 2).sum().backward()
    case = Call((torch.ones(2),))
    text = read(b"import torch\n\ndef double(x):\n    return 2 * torch.clone(x)\n", ".py", "warm.py")
    double, _ = build(text, "double", {"torch": torch})
    outcomes = run(double, [case] * 3, states={}, refuse=frozenset({"nothing"}))
    wire.decode(wire.encode({"outcomes": outcomes, "case": case, "used": sorted(used_names(double))}))
    while walls.threads() > 1:  # the one that watched the time
        time.sleep(0.001)
    gc.collect()
    gc.freeze()


def _readable() -> bool:
    """Whether the user whom children run as may read the interpreter: else what is not loaded yet is not there."""
    pid = os.fork()
    if pid == 0:
        walls.another_user()
        os._exit(0 if os.access(os.__file__, os.R_OK) and os.access(torch.__file__, os.R_OK) else 1)
    return os.waitpid(pid, 0)[1] == 0


def _one(setting: Setting, answer: Answer, jobs: int, tasks: int) -> None:
    """Run one job in a child; its whole process tree is gone when this returns."""
    if threading.active_count() != 1 or walls.threads() != 1:
        sys.exit("the warm parent has more than one thread: a fork would hang")
    answer.clear()
    scratch = "" if setting.full else _scratch()
    read, write = os.pipe()
    until = time.monotonic() + setting.wall
    pid = namespaces.fork() if setting.full else os.fork()
    if pid == 0:
        _child(setting, jobs, write, scratch, tasks)
    os.close(write)
    by_itself = False
    try:
        by_itself = _first_frame(answer, read, jobs, until, pid)
    finally:
        os.close(read)
        status = _end(pid)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    if not answer.words and not answer.whole:
        answer.words = _how_it_ended(status, by_itself and not (setting.full and time.monotonic() > until - LATE))


def _scratch() -> str:
    made = tempfile.mkdtemp(prefix=f"coursekit-{os.getpid()}-")
    if os.geteuid() == 0:
        os.chown(made, walls.NOBODY, walls.NOBODY)
    return made


def _child(setting: Setting, jobs: int, write: int, scratch: str, tasks: int) -> None:
    """The child's whole life. It never returns.

    It reads its job itself: the warm parent, whose memory every child inherits, never holds a submission.
    """
    code = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        frame = wire.read_frame(jobs, MAX_JOB)
        os.close(jobs)
        complaint = ""
        if setting.full:
            complaint = outer.walls_of_a_child(setting, write)
        else:
            walls.put_up(setting.limits, write, scratch, tasks)
        os.write(write, b"w" if complaint else b"+")
        wire.write_frame(write, complaint.encode() if complaint else child.perform(wire.decode(frame or b"")))
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _first_frame(answer: Answer, read: int, jobs: int, until: float, pid: int) -> bool:
    """Read the child's first frame, or why there is none; whether the child had ended by itself."""
    over, stand = False, b""
    poll = select.poll()
    poll.register(read, select.POLLIN)
    poll.register(jobs, 0)
    while (left := until - time.monotonic()) > 0:
        ready = dict(poll.poll(min(left, 0.02) * 1000))
        if ready.get(jobs, 0) & select.POLLHUP:  # the judge is gone
            sys.exit(0)
        if read in ready:
            if not stand:
                if not (stand := os.read(read, 1)):
                    sys.exit("a child's walls did not stand, and it could not say which")
            elif not answer.read(read):
                return True
            if answer.size is not None and answer.size > wire.MAX_FRAME:
                answer.words = b"c" + f"it sent {answer.size:,} bytes".encode()
                return False
            if answer.whole:
                if stand != b"+":
                    answer.refuse()
                return False
        elif over:  # and nothing more in the pipe, which a process that it left behind may hold open
            return True
        else:
            over = _is_over(pid)
    answer.words = b"t"
    return False


def _is_over(pid: int) -> bool:
    if not hasattr(os, "waitid"):  # macOS: then its pipe must end, or the time be up
        return False
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(pid: int) -> int:
    """End the child, its process group and whatever it left to us; its exit status as wait gives it."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    until = time.monotonic() + 2
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                for left in walls.children_of(os.getpid()):
                    os.kill(left, signal.SIGKILL)
                time.sleep(0.001)
    return status


def _how_it_ended(status: int, by_itself: bool) -> bytes:
    """The answer for a child that gave no frame."""
    code = os.waitstatus_to_exitcode(status)
    if code == OUT_OF_MEMORY:
        return b"m"
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and not by_itself):
        return b"t"
    if code < 0:
        return b"c" + f"its process was ended by {signal.Signals(-code).name}".encode()
    return b"c" + f"it ended its process with exit status {code}".encode()
