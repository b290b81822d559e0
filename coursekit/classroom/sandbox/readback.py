"""Every wall is tried from inside after it was put up: the first that does not stand is named, and no grade given."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

from coursekit.classroom.sandbox import namespaces
from coursekit.classroom.sandbox.walls import NOBODY, Limits

HIDDEN = ("bank", "reference", "judging", "authoring", "cli.py")  # of the package
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_libc = ctypes.CDLL(None, use_errno=True)


def outer(before: dict[str, int]) -> str:
    """What the warm parent lacks, or nothing."""
    return _first(
        {
            "namespaces of its own": lambda: _apart(before),
            "process numbers of its own": lambda: os.getpid() == 1,
            "unprivileged user": lambda: _unprivileged(_status()),
            "network of its own": _no_interface,
            "read-only view": lambda: _read_only({"/proc"}),
            "view without the course's answers": _hidden,
        }
    )


def child(limits: Limits, keep: int, before: dict[str, int]) -> str:
    """What a child lacks, or nothing."""
    return _first(
        {
            "namespaces of its own": lambda: _apart(before),
            "process numbers of its own": lambda: os.getpid() == 1 and _processes() == ["1"],
            "unprivileged user": lambda: _unprivileged(_status()),
            "filter of system calls": lambda: _status()["Seccomp"] == "2" and _calls_refused(),
            "wall against the network": lambda: _raises(PermissionError, socket.socket),
            "wall against new processes": lambda: _raises(PermissionError, _fork),
            "read-only view": lambda: _read_only({"/proc", namespaces.scratch_place()}),
            "view without the course's answers": _hidden,
            "scratch of fixed size": _scratch,
            "limits": lambda: _limited(limits),
            "wall against open files": lambda: _descriptors() <= {0, 1, 2, keep},
        }
    )


def _first(checks: dict[str, Callable[[], bool]]) -> str:
    for name, stands in checks.items():
        try:
            if not stands():
                return name
        except (OSError, KeyError, ValueError) as error:
            return f"{name} ({type(error).__name__}: {error})"
    return ""


def _apart(before: dict[str, int]) -> bool:
    now = namespaces.identities()
    return all(now[kind] != before[kind] for kind in now)


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _status() -> dict[str, str]:
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _unprivileged(status: dict[str, str]) -> bool:
    nobody = set(status["Uid"].split()) == {str(NOBODY)} == set(status["Gid"].split())
    return nobody and status["NoNewPrivs"] == "1" and all(int(status[name], 16) == 0 for name in CAPABILITIES)


def _calls_refused() -> bool:
    """Whether the calls that would open the other walls fail, each for want of permission."""
    calls: list[Callable[[], int]] = [
        lambda: _libc.unshare(namespaces.NEW["user"]),
        lambda: _libc.mount(b"x", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        lambda: _libc.ptrace(ctypes.c_long(0), 0, None, None),
        lambda: _libc.setns(0, 0),
        lambda: _libc.memfd_create(b"x", 0),
    ]
    for call in calls:
        ctypes.set_errno(0)
        if call() != -1 or ctypes.get_errno() != 1:  # EPERM
            return False
    return True


def _raises(kind: type[BaseException], function: Callable[[], object]) -> bool:
    try:
        function()
    except kind:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _no_interface() -> bool:
    """Whether there is no network interface but the loopback, which is down."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    flags = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with flags:
        reached = _raises(OSError, lambda: flags.connect(("127.0.0.1", 9)))
    return reached and all(line.partition(":")[0].strip() == "lo" for line in lines)


def _read_only(writable: set[str]) -> bool:
    """Whether the mount table says so of every mount but these, and a write fails."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, options = line.split()[4:6]
        if place not in writable and "ro" not in options.split(","):
            return False
    place = os.path.join("/", "written")
    return _raises(OSError, lambda: os.open(place, os.O_CREAT | os.O_WRONLY)) and _raises(
        OSError, lambda: os.open(__file__, os.O_WRONLY)
    )


def _hidden() -> bool:
    there = [str(namespaces.PACKAGE / name) for name in HIDDEN] + ["/etc/passwd", "/old", "/sys"]
    package = ["__init__.py", "classroom", "probe"]
    return not any(map(os.path.exists, there)) and sorted(os.listdir(namespaces.PACKAGE)) == package


def _scratch() -> bool:
    place = namespaces.scratch_place()
    if not os.path.ismount(place):
        return False
    size = os.statvfs(place)
    return size.f_blocks * size.f_frsize <= namespaces.SCRATCH and os.listdir(place) == []


def _limited(limits: Limits) -> bool:
    """Whether the limits that hold memory, time, files and threads are as asked for, or lower."""
    wanted = limits.wanted(namespaces.SCRATCH)
    return all(resource.getrlimit(getattr(resource, name))[1] <= most for name, (_, most) in wanted.items())


def _descriptors() -> set[int]:
    """The open files of this process: those of the listing that are still there after it."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            os.fstat(int(name))
            found.add(int(name))
    return found
