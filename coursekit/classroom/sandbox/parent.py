"""The warm parent: has imported torch, knows no answers, and forks one child per job.

Started by `warm.WarmParent` with a clean environment. Reads a job frame, forks, and answers with one letter and what
the child wrote: `f` its frame, `t` time was up, `c` and how it ended. Only the first frame of a child counts; at its
end every process that it started is ended too. Fork after several threads were at work in torch hangs: there is one
thread here, and that is asserted before each fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any

import torch

from coursekit.classroom.sandbox import child, walls, wire

MAX_JOB = 64 * 2**20
# what submissions import: loaded once, and there also for a user who may not read the interpreter's folder
PRELOADED = ["numpy", "decimal", "doctest", "fractions", "secrets", "statistics", "sysconfig", "torch.func"]
PRELOADED += [f"encodings.{name}" for name in ("utf_8_sig", "latin_1", "cp1252", "utf_16", "utf_32")]
OUT_OF_MEMORY = 77  # exit status of a child that could not even answer


def main() -> None:
    """Answer jobs on standard input until it ends."""
    jobs, results = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what a job has begun is cleared away
    torch.set_num_threads(1)
    walls.prctl(walls.PR_SET_CHILD_SUBREAPER, 1)
    root = os.geteuid() == 0
    tasks = walls.tasks_of(walls.NOBODY if root else os.getuid()) + (0 if root else 256)  # a person's own come and go
    _warm_up()
    wire.write_frame(results, b"ready" if _readable() else b"unreadable")
    while (frame := wire.read_frame(jobs, MAX_JOB)) is not None:
        wire.write_frame(results, _one(wire.decode(frame), jobs, tasks))


def _warm_up() -> None:
    """What children would otherwise each do first; then everything is frozen, so that forks share its memory."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    (x * 2).sum().backward()
    wire.decode(wire.encode({"x": torch.ones(2)}))
    gc.collect()
    gc.freeze()


def _readable() -> bool:
    """Whether the user whom children run as may read the interpreter: else what is not loaded yet is not there."""
    pid = os.fork()
    if pid == 0:
        walls.another_user()
        os._exit(0 if os.access(os.__file__, os.R_OK) and os.access(torch.__file__, os.R_OK) else 1)
    return os.waitpid(pid, 0)[1] == 0


def _one(job: dict[str, Any], jobs: int, tasks: int) -> bytes:
    """Run one job in a child; its whole process tree is gone when this returns."""
    if threading.active_count() != 1 or walls.threads() != 1:
        sys.exit("the warm parent has more than one thread: a fork would hang")
    scratch = tempfile.mkdtemp(prefix=f"coursekit-{os.getpid()}-")
    if os.geteuid() == 0:
        os.chown(scratch, walls.NOBODY, walls.NOBODY)
    read, write = os.pipe()
    until = time.monotonic() + job["wall"]
    pid = os.fork()
    if pid == 0:
        _child(job, write, scratch, tasks)
    os.close(write)
    try:
        frame, ended = _first_frame(read, jobs, until, pid)
    finally:
        os.close(read)
        status = _end(pid)
        shutil.rmtree(scratch, ignore_errors=True)
    return frame if frame else _how_it_ended(status, ended)


def _child(job: dict[str, Any], write: int, scratch: str, tasks: int) -> None:
    """The child's whole life. It never returns."""
    code = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        limits = walls.Limits(job["seconds"], job["memory"], job["processes"])
        walls.put_up(limits, write, scratch, tasks)
        wire.write_frame(write, child.perform(job))
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _first_frame(read: int, jobs: int, until: float, pid: int) -> tuple[bytes, bool]:
    """The answer when the child's first frame came, else nothing; and whether the child had ended by itself."""
    got = bytearray()
    over = False
    poll = select.poll()
    poll.register(read, select.POLLIN)
    poll.register(jobs, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        ready = {fd for fd, _ in poll.poll(min(left, 0.02) * 1000)}
        if jobs in ready:  # nothing is sent during a job: the judge is gone
            sys.exit(0)
        if read in ready:
            part = os.read(read, 2**20)
            got += part
            size = int.from_bytes(got[:8], "big")
            if len(got) >= 8 and size > wire.MAX_FRAME:
                return b"c" + f"it sent {size:,} bytes".encode(), False
            if len(got) >= 8 + size and len(got) >= 8:
                return b"f" + bytes(got[8 : 8 + size]), False
            if not part:
                return b"", True
        elif over:  # and nothing more in the pipe, which a process that it left behind may hold open
            return b"", True
        else:
            over = _is_over(pid)
    return b"t", False


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


if __name__ == "__main__":
    main()
