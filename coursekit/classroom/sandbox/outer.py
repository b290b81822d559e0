"""The first process of the sandbox: makes the namespaces that the warm parent lives in, and waits for it.

It runs before torch is there, in a process with one thread. With walls, the warm parent is the first process of its
own pid namespace: when either of the two ends, the kernel ends everything in it.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Setting:
    """What every job of a warm parent has in common: its limits, seconds by the clock, and whether there are walls."""

    full: bool
    wall: float
    limits: walls.Limits
    before: dict[str, int] | None = None  # the namespaces outside
    filter: bytes = b""


def main() -> None:
    """Start a warm parent, with the walls that argv asks for; `trial` ends when they have stood once."""
    asked: dict[str, Any] = json.loads(sys.argv[2])
    limits = walls.Limits(asked["seconds"], asked["memory"], asked["processes"])
    if not asked["full"]:
        _warm_parent(Setting(False, asked["wall"], limits))
        return
    try:
        code = seccomp.program()
        os.environ["TMPDIR"] = namespaces.scratch_place()
        outside = namespaces.identities()
        go, told = os.pipe()
        pid = namespaces.fork()
    except (OSError, ValueError, AttributeError) as error:
        _refuse(f"namespaces of a process's own ({error})", USERS)
    if pid:
        os.close(go)
        try:
            namespaces.map_users(pid, inside_root=os.geteuid() == 0)
        except OSError as error:
            _refuse(f"user map ({error})", USERS)
        os.write(told, b"x")
        os.close(told)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) and 1)
    os.close(told)
    walls.prctl(walls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.read(go, 1) != b"x":
        os._exit(1)
    os.close(go)
    _enter(outside)
    inside = Setting(True, asked["wall"], limits, namespaces.identities(), code)
    if complaint := _trial(inside):
        _refuse(*complaint)
    if asked.get("trial"):
        _say(b"ready")
    else:
        _warm_parent(inside)


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


def _warm_parent(setting: Setting) -> None:
    sys.modules["dill"] = None  # type: ignore[assignment]  # torch loads it where there is one, and it wants to write
    from coursekit.classroom.sandbox import parent  # torch: only now, and within the walls

    parent.main(setting)


def _refuse(what: str, how: str = "") -> NoReturn:
    _say(f"no {what} here{f' ({how})' if how else ''}".encode())
    os._exit(0)


def _say(words: bytes) -> None:
    os.write(1, len(words).to_bytes(8, "big") + words)
