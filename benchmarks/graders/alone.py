"""What only coursekit has: one check behind walls, the first result of a class, memory, and how the cost grows."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.graders import assignment, classes, processes
from benchmarks.graders.peers import Coursekit
from benchmarks.speed.measure import table
from coursekit.classroom.sandbox.warm import Ran, WarmParent
from coursekit.judging.judge import judge, prepare
from coursekit.show import style

COLD = 10


def checks(rounds: int) -> dict[str, float]:
    """Milliseconds of one exercise: to a child behind walls and back, and judged; without walls in turns with it."""
    source = assignment.script(list(assignment.ANSWERS.values())).encode()
    prepared = prepare("adam", 1)
    refuse = prepared.exercise.refuse
    taken: dict[str, list[float]] = {"walls": [], "bare": []}
    with WarmParent() as walled, WarmParent(practice=True) as bare:
        for turn in range(rounds + 3):
            for kind, parent in (("walls", walled), ("bare", bare)):
                started = time.perf_counter()
                ran = parent.run(source, ".py", "a.py", "adam", prepared.cases, prepared.states, refuse)
                assert isinstance(ran, Ran) and judge(prepared, ran.outcomes, ran.used).passed
                if turn >= 3:
                    taken[kind].append(1e3 * (time.perf_counter() - started))
    found = {}
    for kind, times in taken.items():
        found |= {f"{kind}_median": statistics.median(times), f"{kind}_p95": sorted(times)[int(0.95 * rounds)]}
    return found


def cold(grader: Coursekit, rounds: int) -> list[float]:
    """Seconds of the whole command for a class of ten."""
    return [grader.grade(classes.simple(COLD)).seconds for _ in range(rounds)]


def memory(grader: Coursekit, size: int) -> dict[str, Any]:
    """Bytes of the judge and the warm parents, which are those processes that stay, and of all processes, at most.

    Each process has its share of what it has in common with others, so that the sum is what the machine gives.
    """
    samples: list[dict[int, int]] = []
    place = grader.place / "memory"
    place.mkdir()
    commands = grader.write(place, classes.simple(size))

    def watch(pids: list[int]) -> None:
        samples.append({pid: processes.shared(pid) for pid in pids})

    processes.run(commands, place, env=grader.environment, watch=watch)
    often = Counter(pid for sample in samples for pid in sample)
    stay = sorted(pid for pid, times in often.items() if times > len(samples) / 4)  # a child is gone sooner
    largest = max(samples, key=lambda sample: sum(sample.get(pid, 0) for pid in stay))
    return {"stay": [largest.get(pid, 0) for pid in stay], "all": max(sum(s.values()) for s in samples)}


def text(found: dict[str, Any]) -> str:
    check, kept = found["checks"], found["memory"]
    rows = [["what", "measured"]]
    for kind, words in (("walls", "behind walls"), ("bare", "without walls")):
        said = f"{check[f'{kind}_median']:.1f} ms, {check[f'{kind}_p95']:.1f} ms"
        rows.append([f"one check {words}, median and 95 %", said])
    rows.append([f"a class of {COLD}, whole command", ", ".join(f"{s:.2f} s" for s in found["cold"])])
    each = ", ".join(f"{size / 1e6:.0f}" for size in kept["stay"])
    rows.append(["judge, then the processes of the warm parents", f"{each} MB"])
    rows.append(["all processes with the children", f"{kept['all'] / 1e6:.0f} MB"])
    return table("coursekit alone", rows)


def draw(speed: dict[str, Any], path: Path) -> None:
    """Seconds of the whole command against the class."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    from coursekit.show.picture import dashes

    with style.context("light"):
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel="submissions", ylabel="seconds of the whole command", xscale="log", yscale="log")
        for i, (name, rows) in enumerate(speed.items()):
            line = style.series(i)
            sizes = sorted(map(int, rows))
            seconds = [rows[str(size)]["seconds"] for size in sizes]
            axes.plot(sizes, seconds, label=name, color=line.color, ls=dashes(line), marker="os^D"[i])
            if name == "coursekit":
                ideal = [seconds[-1] * size / sizes[-1] for size in sizes]
                axes.plot(sizes, ideal, lw=1, ls=":", color="black", label="in proportion")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter(NullFormatter())
        axes.legend(fontsize=8)
        figure.savefig(path, dpi=130)
