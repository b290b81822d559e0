"""coursekit, otter-grader, nbgrader and pytest on one assignment: tables, a figure and a JSON file of the results."""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.graders import alone, beside, killed
from benchmarks.graders.peers import PEERS, Coursekit, Grader, installed
from benchmarks.speed.measure import machine, table
from coursekit.classroom.sandbox.host import lacking

RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = ("torch", "otter-grader", "nbgrader", "pytest")
PARTS = {"throughput": beside.throughput_text, "cheats": beside.cheating_text, "losses": beside.losses_text}
PARTS |= {"alone": alone.text, "killed": killed.text}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graders", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be given again")
    parser.add_argument("--class", type=int, dest="size", metavar="N", help="only the killed class, of N submissions")
    parser.add_argument("--many", action="store_true", help="10,000 submissions as well (some minutes)")
    parser.add_argument("--others", type=int, default=4, help="good submissions beside each bad one (default: 4)")
    parser.add_argument("--quick", action="store_true", help="small classes: to see that it runs")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the interpreter that has the peers")
    parser.add_argument("--seed", type=int, help="of the moments when the grader is killed")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON, the tables and the figure")
    chosen = parser.parse_args()
    if missing := lacking():
        sys.exit(f"nothing to measure: {missing}")
    parts = ["killed"] if chosen.size else chosen.only or list(PARTS)
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / f"graders-{time.strftime('%Y-%m-%d')}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found["machine"] = machine(torch.device("cpu"), PACKAGES) | {"load": os.getloadavg()[0]}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="graders-") as place:
        for name in parts:
            try:
                found[name] = measured(name, found, Path(place), chosen)
            except RuntimeError as error:  # the other parts are measured all the same
                print(f"{name} was not measured: {error}", flush=True)
                continue
            print(PARTS[name](found[name]), flush=True)
            write(found, path)
    print(f"{time.perf_counter() - started:.0f} s; written to {path.with_suffix('.md')}")


def measured(name: str, found: dict[str, Any], place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """The results of one part."""
    if name == "killed":
        return killed.run(chosen.size or (60 if chosen.quick else 1000), chosen.seed)
    graders = ready(place, chosen.peers)
    for grader in graders:
        grader.seconds = 10 if name == "losses" else 60  # where nothing hangs a slow machine is to cost nobody a grade
    if name == "alone":
        own, ours = (20, 1, 30) if chosen.quick else (200, 3, 150), graders[0]
        return {"checks": alone.checks(own[0]), "cold": alone.cold(ours, own[1]), "memory": alone.memory(ours, own[2])}
    if name == "throughput":
        sizes = (10, 30) if chosen.quick else (100, 1000, 10_000) if chosen.many else (100, 1000)
        return beside.throughput(graders, sizes, 2 if chosen.quick else 8)
    if name == "cheats":
        return beside.cheating(graders)
    return beside.losses(graders, chosen.others, found.get("throughput", {}))


@functools.cache
def ready(place: Path, python: str) -> list[Grader]:
    """coursekit, and those of the others that this interpreter has, each with the assignment prepared."""
    graders: list[Grader] = [Coursekit(place / "coursekit", python)]
    for peer in PEERS:
        if installed(python, peer.package):
            graders.append(peer(place / peer.name, python))
        else:
            print(f"{peer.name} is not installed: pip install -c constraints.txt -e '.[takeover]', or --peers PYTHON")
    return graders


def goals(found: dict[str, Any]) -> str:
    """What was wanted, and what was measured."""
    rows = [["what", "wanted", "measured"]]
    if speed := found.get("throughput"):
        per_second = beside.rates(speed)
        peers = [rate for name, rate in per_second.items() if not name.startswith("coursekit")]
        warm, whole = per_second["coursekit, warm"], per_second["coursekit"]
        rows.append(["submissions a second, warm", "30", f"{warm:.1f} (whole commands {whole:.1f})"])
        if peers:
            rows.append(["over the best peer", "50", f"{warm / max(peers):.0f} ({whole / max(peers):.0f})"])
        sizes = sorted(map(int, speed["coursekit"]))
        each = [1e3 * speed["coursekit"][str(size)]["seconds"] / size for size in sizes]
        said = ", ".join(f"{ms:.0f} ms ({size:,})" for ms, size in zip(each, sizes, strict=True))
        rows.append(["seconds in proportion to submissions", "yes", f"each {said}"])
    if points := found.get("cheats"):
        full = [f"{name} {sum(points[name][cheat] == 5 for cheat in beside.cheats.CHEATS)}" for name in points]
        rows.append(["cheats of 6 with full points", "coursekit 0", ", ".join(full)])
    if own := found.get("alone"):
        check = own["checks"]
        said = f"{check['walls_median']:.1f} ms, {check['walls_p95']:.1f} ms"
        rows.append(["one check behind walls, median and 95 %", "30 ms, 60 ms", said])
        rows.append(["a class of 10 from nothing", "2.5 s", f"{statistics.median(own['cold']):.2f} s"])
        rows.append(["judge and warm parents", "300 MB", f"{sum(own['memory']['stay']) / 1e6:.0f} MB"])
    return table("Goals", rows)


def write(found: dict[str, Any], path: Path) -> None:
    """The results so far, as JSON, as tables and as a figure."""
    path.write_text(json.dumps(found, indent=1) + "\n")
    tables = [goals(found), *(text(found[name]) for name, text in PARTS.items() if name in found)]
    path.with_suffix(".md").write_text("\n".join([json.dumps(found["machine"]), "", *tables]))
    if "throughput" in found:
        alone.draw(found["throughput"], path.with_suffix(".png"))


if __name__ == "__main__":
    main()
