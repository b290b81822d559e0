"""Namespaces by system call: a process with its own users, processes, network and mounts, and the view it has.

Nothing here needs root. Sources: Linux's clone(2), user_namespaces(7), pivot_root(2), mount_setattr(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import site
import struct
import sys
import sysconfig
from pathlib import Path

from coursekit.classroom.sandbox.walls import NOBODY

NEW = {
    "user": 1 << 28,
    "pid": 1 << 29,
    "net": 1 << 30,
    "ipc": 1 << 27,
    "mnt": 1 << 17,
    "uts": 1 << 26,
    "cgroup": 1 << 25,
}
SCRATCH = 32 * 2**20  # bytes
PACKAGE = Path(__file__).resolve().parents[2]
OWN = ("__init__.py", "probe", "classroom/__init__.py", "classroom/sandbox")  # of the package: what a child imports
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
DEVICES = ("null", "zero", "random", "urandom")

CLONE3, MOUNT_SETATTR, CAPSET = 435, 442, {"x86_64": 126, "aarch64": 91}
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2  # umount2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
CHILD_SETTID, CHILD_CLEARTID = 0x01000000, 0x00200000
PR_GET_TID_ADDRESS, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_DUMPABLE = 40, 24, 47, 4

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: the interpreter's lock is kept, as os.fork keeps it
_libc.syscall.restype = ctypes.c_long


def _done(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


# ---- a process of its own


def fork(kinds: tuple[str, ...] = tuple(NEW)) -> int:
    """As os.fork, the child in new namespaces of these kinds."""
    tid = ctypes.c_ulong()
    known = _libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(tid), 0, 0, 0) == 0  # where the C library keeps it
    flags = sum(NEW[kind] for kind in kinds) | (CHILD_SETTID | CHILD_CLEARTID if known else 0)
    sigchld = 17
    words = struct.pack("=11Q", flags, 0, tid.value if known else 0, 0, sigchld, 0, 0, 0, 0, 0, 0)
    arguments = ctypes.create_string_buffer(words, len(words))
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = _libc.syscall(ctypes.c_long(CLONE3), arguments, ctypes.c_ulong(len(words)))
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Child() if pid == 0 else ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, f"no new namespaces: {os.strerror(error)}")
    return pid


def map_users(pid: int | str, inside_root: bool = False) -> None:
    """In its namespace a process is nobody; with `inside_root`, for a grader that is root, root at first."""

    def line(outside: int) -> str:
        return f"0 0 1\n{NOBODY} {NOBODY} 1\n" if inside_root else f"{NOBODY} {outside} 1\n"

    if not inside_root:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
    Path(f"/proc/{pid}/uid_map").write_text(line(os.geteuid()))
    Path(f"/proc/{pid}/gid_map").write_text(line(os.getegid()))


def become_nobody() -> None:
    """Give up every capability of this namespace for good, and be its nobody where it was its root."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # there are no more
    _libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _done(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # else its children could not write their maps
    header, nothing = struct.pack("=II", 0x20080522, 0), bytes(24)
    _done(_libc.syscall(ctypes.c_long(CAPSET[os.uname().machine]), header, nothing), "capset")


# ---- what it sees


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    words = [word.encode() or None for word in (source, target, kind)]
    _done(_libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def minimal_view() -> None:
    """Let this process and its children see the interpreter, torch and the sandbox's own source, all read-only.

    Everything else of the file system is not there: homes, the course's answers, submissions, the gradebook.
    """
    wanted = [(path, os.path.realpath(path)) for path in _visible()]
    mount("", "/", flags=REC | PRIVATE)
    mount("view", "/tmp", "tmpfs", NOSUID | NODEV, "size=4m,mode=755")
    os.mkdir("/tmp/old", 0o700)
    machine = os.uname().machine
    _done(_libc.syscall(ctypes.c_long(PIVOT_ROOT[machine]), b"/tmp", b"/tmp/old"), "pivot_root")
    os.chdir("/")
    for path, source in wanted:
        _bind(f"/old{source}", path)
    _cover_package()
    for name in DEVICES:
        _bind(f"/old/dev/{name}", f"/dev/{name}", NOSUID | NOEXEC)
    for name in ("/proc", scratch_place()):
        os.makedirs(name, 0o755, exist_ok=True)
    own_proc()
    _done(_libc.umount2(b"/old", DETACH), "leave the old root")
    os.rmdir("/old")
    mount("", "/", flags=REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def own_proc() -> None:
    """/proc of this process's own pid namespace."""
    mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)


@functools.cache
def scratch_place() -> str:
    """Where a child may write: /tmp, unless what it has to see lies below that and would be hidden."""
    return "/scratch" if any(path.startswith("/tmp/") for path in (*_visible(), str(PACKAGE))) else "/tmp"


def own_scratch() -> None:
    """A few megabytes of its own to write in; gone with the process."""
    mount("scratch", scratch_place(), "tmpfs", NOSUID | NODEV | NOEXEC, f"size={SCRATCH},nr_inodes=1024,mode=700")


def _visible() -> list[str]:
    """What torch and Python need; of each path the outermost alone."""
    names = sysconfig.get_paths()
    wanted = {*SYSTEM, os.path.join(sys.base_prefix, "lib"), *site.getsitepackages()}
    wanted |= {names[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    wanted = {path for path in map(os.path.normpath, wanted) if os.path.exists(path)}
    return sorted(path for path in wanted if not any(path.startswith(f"{other}/") for other in wanted))


def _cover_package() -> None:
    """Of this package only what a child imports, wherever it is installed."""
    os.makedirs(PACKAGE, 0o755, exist_ok=True)
    mount("package", str(PACKAGE), "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    for name in OWN:
        _bind(f"/old{PACKAGE}/{name}", f"{PACKAGE}/{name}")
    mount("", str(PACKAGE), flags=REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def _bind(source: str, target: str, hard: int = NOSUID | NODEV) -> None:
    """Show a file or folder at a place, read-only with everything that is mounted in it."""
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444))
    mount(source, target, flags=BIND | REC)
    words = struct.pack("=4Q", RDONLY | hard, 0, 0, 0)
    arguments = (
        ctypes.c_int(AT_FDCWD),
        target.encode(),
        ctypes.c_uint(AT_RECURSIVE),
        words,
        ctypes.c_size_t(len(words)),
    )
    _done(_libc.syscall(ctypes.c_long(MOUNT_SETATTR), *arguments), f"read-only {target}")


def identities() -> dict[str, int]:
    """Which namespaces this process is in: the number of each."""
    return {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in NEW}
