"""Throughput against the workers of a Dask cluster on this machine, beside grading without one; 100,000 on paper.

    python -m benchmarks.cluster [--students N] [--workers 1 2 3 4] [--out FOLDER]

Real `dask scheduler` and `dask worker` processes on loopback; a class of five exercises a submission, every third with
a mistake. Everything is warm: workers have graded before, and the first quarter of the class is not counted. Beside it
stands what the grading process and the scheduler do for one submission, which is what limits a cluster of many workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from distributed import Client

from benchmarks.graders import assignment, classes
from benchmarks.speed.measure import machine, table
from coursekit.classroom import batch, gradebook, submission, worker
from coursekit.classroom.sandbox.host import lacking
from coursekit.show import style

RESULTS = Path(__file__).parent / "results"
MANY = 100_000
ON_PAPER = (2, 8, 32, 128)
SECONDS = 10.0
LOCAL = "without a cluster"


@contextlib.contextmanager
def scheduler(place: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler's address, and the list of processes that are ended with it."""
    file = place / "scheduler.json"
    started = [start("scheduler", "--port", "0", "--scheduler-file", str(file))]
    try:
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], started
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait()


def start(kind: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", "--no-dashboard", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Timed(gradebook.Gradebook):
    """A gradebook that knows how long it waited for the disk."""

    waited = 0.0

    def keep(self, *args: Any) -> None:
        began = time.perf_counter() - time.process_time()
        super().keep(*args)
        self.waited += time.perf_counter() - time.process_time() - began


def graded(folder: Path, settings: batch.Settings) -> dict[str, float]:
    """Submissions a second, and milliseconds of the grading process for each: processor and disk."""
    found, _ = submission.find(folder)
    told: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as place, Timed(Path(place, "book.sqlite"), 1, SECONDS) as book:
        rows, _ = batch.run(
            found,
            book,
            settings,
            lambda _: told.append((time.perf_counter(), time.process_time() + book.waited)),
        )
    assert all(row.verdicts and row.fresh for row in rows)
    counted = told[len(told) // 4 :]
    (begun, busy), (ended, then) = counted[0], counted[-1]
    count = len(counted) - 1
    return {"rate": count / (ended - begun), "here": 1e3 * (then - busy) / count}


def on_cluster(
    counts: list[int], folders: dict[str, Path], place: Path, options: dict[str, Any]
) -> dict[int, dict[str, float]]:
    """The same class with one worker, then with more."""
    found = {}
    with scheduler(place) as (address, started), Client(address, set_as_default=False) as client:
        settings = batch.Settings(scheduler=address, **options)
        process = psutil.Process(started[0].pid)
        for count in counts:
            while len(started) <= count:
                started.append(start("worker", address, "--nthreads", "1", "--local-directory", str(place)))
            client.wait_for_workers(count, 60)
            looks = (SECONDS, settings.practice)
            client.gather([client.submit(worker.look, *looks, workers=[w], pure=False) for w in client.nthreads()])
            graded(folders["few"], settings)
            before = sum(process.cpu_times()[:2])
            found[count] = graded(folders["class"], settings)
            spent = sum(process.cpu_times()[:2]) - before
            found[count]["scheduler"] = 1e3 * spent / len(list(folders["class"].iterdir()))
            print(f"{count} workers: {found[count]['rate']:.1f} submissions a second", flush=True)
    return found


def here(counts: list[int], folder: Path, options: dict[str, Any]) -> dict[int, dict[str, float]]:
    found = {}
    for count in counts:
        found[count] = graded(folder, batch.Settings(jobs=count, **options))
        print(f"{LOCAL}, {count} jobs: {found[count]['rate']:.1f} submissions a second", flush=True)
    return found


def write(folder: Path, count: int) -> Path:
    folder.mkdir()
    for name, cells in classes.simple(count).items():
        (folder / f"{name}.py").write_text(assignment.script(cells))
    return folder


# ---- the tables and the figure


def cost(found: dict[str, Any]) -> tuple[float, float, float]:
    """Milliseconds a submission: of one worker, of the grading process and of the scheduler, while they had room."""
    alone = found["cluster"]["1"]
    return 1e3 / alone["rate"], alone["here"], alone["scheduler"]


def seconds(found: dict[str, Any], workers: int) -> float:
    """How long MANY submissions take on paper: by the workers, or by what only one process does."""
    own, grading, scheduling = cost(found)
    return MANY * max(own / workers, grading, scheduling) / 1e3


def tables(found: dict[str, Any]) -> str:
    cluster, local = found["cluster"], found["local"]
    rows = [["workers or jobs", LOCAL, "Dask workers", "a worker", "grading process", "scheduler"]]
    for count, row in cluster.items():
        speed = [f"{local[count]['rate']:.1f}/s", f"{row['rate']:.1f}/s", f"{row['rate'] / int(count):.1f}/s"]
        rows.append([count, *speed, f"{row['here']:.1f} ms", f"{row['scheduler']:.1f} ms"])
    measured = table(
        f"{found['students']} submissions of five exercises, {found['cores']} cores, {found['walls']}", rows
    )
    own, grading, scheduling = cost(found)
    words = (
        f"One worker takes {own:.0f} ms for a submission; the grading process {grading:.1f} ms, processor and disk; "
        f"the scheduler {scheduling:.1f} ms. So {MANY:,} submissions take {MANY * own / 3.6e6:.1f} hours of one "
        f"worker, and no less than {MANY * max(grading, scheduling) / 6e4:.0f} minutes however many there are; "
        f"that limit is met at {own / max(grading, scheduling):.0f} workers, each with a core of its own.\n"
    )
    paper = [["workers, a core each", f"{MANY:,} submissions, on paper"]]
    paper += [[str(count), f"{seconds(found, count) / 60:.0f} minutes"] for count in ON_PAPER]
    return "\n".join([measured, words, table("On paper", paper)])


def draw(found: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    from coursekit.show.picture import dashes

    with style.context("light"):
        figure = Figure(figsize=(9.6, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        for i, (name, kind) in enumerate({"Dask workers": "cluster", LOCAL: "local"}.items()):
            line, rows = style.series(i), found[kind]
            counts = [int(count) for count in rows]
            rates = [row["rate"] for row in rows.values()]
            left.plot(counts, rates, label=name, color=line.color, ls=dashes(line), marker="os"[i])
        one = found["cluster"]["1"]["rate"]
        cores = min(found["cores"], max(counts))
        left.plot([1, cores, max(counts)], [one, one * cores, one * cores], lw=1, ls=":", color="black")
        left.annotate(f"one worker's rate, times {cores} cores", (max(counts), one * cores), (0, 4),
                      textcoords="offset points", ha="right", fontsize=8)  # fmt: skip
        left.set(
            xlabel="workers, or jobs, on this machine",
            ylabel="submissions a second",
            xticks=counts,
            ylim=(0, 1.15 * max(*rates, one * cores)),
        )
        left.legend(fontsize=8, loc="lower right")
        line = style.series(2)
        many = [2**k for k in range(9)]
        hours = [seconds(found, count) / 3600 for count in many]
        right.plot(many, hours, color=line.color, ls=dashes(line), marker="^")
        right.annotate("the grading process\nand the scheduler limit", (many[-1], hours[-1]), (0, 10),
                       textcoords="offset points", ha="right", fontsize=8)  # fmt: skip
        right.set(xlabel="workers, a core each", ylabel=f"hours for {MANY:,} submissions, on paper")
        right.set(xscale="log", yscale="log", xticks=many, xticklabels=map(str, many))
        right.minorticks_off()
        figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__.partition("\n")[0])
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON, the tables and the figure")
    chosen = parser.parse_args()
    counts = sorted({1, *chosen.workers})
    options = {"seconds": SECONDS, "practice": bool(lacking())}
    about = machine(torch.device("cpu"), ("torch", "dask", "distributed", "numpy")) | {"load": os.getloadavg()[0]}
    found: dict[str, Any] = {"machine": about, "students": chosen.students}
    found |= {"cores": os.cpu_count() or 1, "walls": "without walls" if options["practice"] else "full walls"}
    with tempfile.TemporaryDirectory(prefix="cluster-") as name:
        place = Path(name)
        folders = {"class": write(place / "class", chosen.students), "few": write(place / "few", 8 * max(counts))}
        found["cluster"] = on_cluster(counts, folders, place, options)
        found["local"] = here(counts, folders["class"], options)
    found = json.loads(json.dumps(found))
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / f"cluster-{about['date']}"
    path.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    text = tables(found)
    path.with_suffix(".md").write_text(f"{json.dumps(about)}\n\n{text}")
    draw(found, path.with_suffix(".png"))
    print(f"\n{text}\nwritten to {path}.md")


if __name__ == "__main__":
    main()
