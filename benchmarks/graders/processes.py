"""Processes as a benchmark needs them: run to the end or to a limit, watched, and nothing of them left afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])  # so that the coursekit of this folder is run, whichever is installed
QUIET = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "COURSEKIT_PROGRESS": "off", "PYTHONUNBUFFERED": "1"}


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                below.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def shared(pid: int) -> int:
    """Bytes of memory of a process; what it shares with others is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


@dataclass(frozen=True)
class Done:
    """What became of some commands: seconds until the last ended, whether the limit ended them, what they printed."""

    seconds: float
    over: bool
    output: list[str]


def run(
    commands: list[list[str]],
    cwd: Path,
    *,
    limit: float = 3600.0,
    env: dict[str, str] | None = None,
    watch: Callable[[list[int]], None] | None = None,
) -> Done:
    """Run commands side by side; `watch` is given the ids of all their processes, some five times a second."""
    env = os.environ | QUIET | (env or {})
    logs = [tempfile.TemporaryFile("w+") for _ in commands]  # noqa: SIM115
    started = time.perf_counter()
    begun = [
        subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log, start_new_session=True)
        for command, log in zip(commands, logs, strict=True)
    ]
    seen: dict[int, str] = {}  # when each process was born: an id may be given again
    over = False
    while any(p.poll() is None for p in begun) and not over:
        over = time.perf_counter() - started > limit
        if over or watch:
            alive = [pid for p in begun if p.poll() is None for pid in tree(p.pid)]
            seen |= {pid: _born(pid) for pid in alive if pid not in seen}
            if watch and not over:
                watch(alive)
        time.sleep(0.2 if watch else 0.01)
    for p in begun:
        p.kill() if over else p.wait()
    seconds = time.perf_counter() - started
    end([pid for pid, born in seen.items() if born and _born(pid) == born])
    output = []
    for p, log in zip(begun, logs, strict=True):
        p.wait()
        log.seek(0)
        output.append(log.read())
        log.close()
    return Done(seconds, over, output)


def end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _born(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
