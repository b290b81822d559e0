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
    codes: list[int]


def end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def run(
    commands: list[list[str]],
    cwd: Path,
    *,
    limit: float,
    env: dict[str, str] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Done:
    """Run commands side by side; `watch` is called with the process ids, some ten times a second."""
    logs = [tempfile.TemporaryFile("w+") for _ in commands]
    started = time.perf_counter()
    processes = [
        subprocess.Popen(
            c, cwd=cwd, env=os.environ | QUIET | (env or {}), stdout=log, stderr=log, start_new_session=True
        )
        for c, log in zip(commands, logs, strict=True)
    ]
    over = False
    seen: set[int] = set()
    while any(p.poll() is None for p in processes):
        over = time.perf_counter() - started > limit
        alive = [pid for p in processes if p.poll() is None for pid in tree(p.pid)]
        seen.update(alive)
        if over:
            end(alive)
            break
        for pid in alive if watch else []:
            watch(pid)  # type: ignore[misc]
        time.sleep(0.1)
    for p in processes:
        p.wait()
    seconds = time.perf_counter() - started
    end([pid for p in processes for pid in tree(p.pid)[1:]])
    output = []
    for log in logs:
        log.seek(0)
        output.append(log.read())
        log.close()
    return Done(seconds, over, output, [p.returncode for p in processes])
