"""The first process of the sandbox: makes the namespaces that the warm parents live in, and waits for them.

It runs before torch is there, in a process with one thread. With walls, the warm parent is the first process of its
own pid namespace: when either of the two ends, the kernel ends everything in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from coursekit.classroom.sandbox import namespaces, readback, seccomp, walls

USERS = (
    "as a plain user: sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1 "
    "kernel.apparmor_restrict_unprivileged_userns=0, whichever there are; in a container: seccomp profile unconfined "
    "and nothing of /proc masked"
)


told: list[int] = [1]  # whoever hears why nothing starts


@dataclass(frozen=True)
class Setting:
    """What every job of a warm parent has in common: its limits, seconds by the clock, and whether there are walls."""

    full: bool
    wall: float
    limits: walls.Limits
    before: dict[str, int] | None = None  # the namespaces outside
    filter: bytes = b""


Pipes = list[tuple[int, int]]  # of each warm parent: where its jobs come from, and where results go


def main() -> None:
    """Start warm parents, with the walls that argv asks for: as many as it names pipes. With none, try the walls."""
    asked: dict[str, Any] = json.loads(sys.argv[2])
    pipes: Pipes = [(jobs, results) for jobs, results in json.loads(sys.argv[3])] if len(sys.argv) > 3 else []
    told[:] = [results for _, results in pipes] or [1]
    limits = walls.Limits(asked["seconds"], asked["memory"], asked["processes"])
    if not asked["full"]:
        _warm_parents(Setting(False, asked["wall"], limits), pipes)
        return
    try:
        code = seccomp.program()
        os.environ["TMPDIR"] = namespaces.scratch_place()
        outside = namespaces.identities()
        go, mapped = os.pipe()
        pid = namespaces.fork()
    except (OSError, ValueError, AttributeError) as error:
        _refuse(f"namespaces of a process's own ({error})", USERS)
    if pid:
        os.close(go)
        try:
            namespaces.map_users(pid, inside_root=os.geteuid() == 0)
        except OSError as error:
            _refuse(f"user map ({error})", USERS)
        os.write(mapped, b"x")
        os.close(mapped)
        _close(pipes)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) and 1)
    os.close(mapped)
    walls.prctl(walls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.read(go, 1) != b"x":
        os._exit(1)
    os.close(go)
    _enter(outside)
    inside = Setting(True, asked["wall"], limits, namespaces.identities(), code)
    if complaint := _trial(inside):
        _refuse(*complaint)
    if pipes:
        _warm_parents(inside, pipes)
    else:
        _say(b"ready")


def _enter(outside: dict[str, int]) -> None:
    """Put up the outer walls, be nobody, and read them back."""
    try:
        namespaces.minimal_view()
        socket.sethostname("grading")
        namespaces.become_nobody()
    except OSError as error:
        _refuse(f"view of the file system of its own ({error})", USERS)
    walls.prctl(walls.PR_SET_NO_NEW_PRIVS, 1)
    walls.prctl(walls.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user had taken it back
    if complaint := readback.outer(outside):
        _refuse(complaint)


def _trial(setting: Setting) -> tuple[str, str] | None:
    """Put up a child's walls once, without a job: what is missing, and how to get it."""
    read, write = os.pipe()
    try:
        pid = namespaces.fork()
    except OSError as error:
        return f"namespaces within namespaces ({error})", USERS
    if pid == 0:
        try:
            complaint = walls_of_a_child(setting, write)
        except BaseException as error:
            complaint = f"{type(error).__name__}: {error}"
        os.write(write, complaint.encode() or b"ok")
        os._exit(0)
    os.close(write)
    said = os.read(read, 4000).decode()
    os.close(read)
    os.waitpid(pid, 0)
    return None if said == "ok" else (said or "walls: the trial ended at once", USERS)


def walls_of_a_child(setting: Setting, keep: int) -> str:
    """Put up every wall around this process, just forked by `namespaces.fork`; the first that does not stand."""
    namespaces.map_users("self")
    namespaces.own_proc()
    namespaces.own_scratch()
    walls.put_up(setting.limits, keep, namespaces.scratch_place(), 0, namespaces.SCRATCH)
    namespaces.become_nobody()
    seccomp.install(setting.filter)
    return readback.child(setting.limits, keep, setting.before or {})


def _warm_parents(setting: Setting, pipes: Pipes) -> None:
    """Load torch once, and be the warm parent, or the parent of several, which share its memory."""
    sys.modules["dill"] = None  # type: ignore[assignment]  # torch loads it where there is one, and it wants to write
    from coursekit.classroom.sandbox import parent  # torch: only now, and within the walls

    parent.warm_up()
    if len(pipes) == 1:
        parent.main(setting, *pipes[0])
        return
    workers = []
    for mine in pipes:
        if (pid := os.fork()) == 0:
            walls.prctl(walls.PR_SET_PDEATHSIG, signal.SIGKILL)
            _close([other for other in pipes if other is not mine])
            parent.main(setting, *mine)
            return
        workers.append(pid)
    _close(pipes)

    def end(*_: object) -> None:
        for pid in workers:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _close(pipes: Pipes) -> None:
    for pair in pipes:
        for fd in pair:
            os.close(fd)


def _refuse(what: str, how: str = "") -> NoReturn:
    _say(f"no {what} here{f' ({how})' if how else ''}".encode())
    os._exit(0)


def _say(words: bytes) -> None:
    for fd in told:
        os.write(fd, len(words).to_bytes(8, "big") + words)
