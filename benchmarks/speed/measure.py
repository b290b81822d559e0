"""Contenders timed in turns, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import gc
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Time:
    """Seconds of one contender: its first call, which may compile, and the later ones."""

    first: float
    median: float
    low: float
    high: float


def sync() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(work: Callable[[], Any]) -> float:
    sync()
    start = time.perf_counter()
    work()
    sync()
    return time.perf_counter() - start


def in_turns(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Time]:
    """Call each contender once, then all of them in turns."""
    first = {name: timed(work) for name, work in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    for _ in range(rounds):
        for name, work in contenders.items():
            seconds[name].append(timed(work))
    return {name: Time(first[name], statistics.median(s), min(s), max(s)) for name, s in seconds.items()}


def bandwidth(place: torch.device, floats: int) -> float:
    """Bytes a second between memory and processor: the best of copying float32 and of scaling them where they are."""
    source = torch.ones(floats, device=place)
    target = torch.empty_like(source)
    ways = (lambda: target.copy_(source), lambda: target.mul_(1.0))
    return 8 * floats / min(timed(way) for _ in range(15) for way in ways)


def arithmetic(place: torch.device) -> float:
    """Float32 operations a second, by the best of multiplying two matrices: the most that this machine does."""
    side = 8192 if place.type == "cuda" else 1024
    matrix = torch.randn(side, side, device=place)
    return 2 * side**3 / min(timed(lambda: matrix @ matrix) for _ in range(15))


def machine(
    place: torch.device, packages: tuple[str, ...] = ("torch", "jax", "optax", "numba", "numpy")
) -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": names[0] if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": versions,
    }


def table(title: str, rows: list[list[str]]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *body = rows
    lines = [f"**{title}**", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body), ""])
