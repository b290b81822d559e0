"""The graders beside each other: speed, cheats, and what one bad submission costs the others."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.graders import assignment, cheats, classes
from benchmarks.graders.peers import Class, Coursekit, Grader
from benchmarks.speed.measure import table

EATEN = 3 * 2**30  # bytes that the eater of memory asks for before it goes on: nobody's machine is to fall over
BODIES = {
    "exit call": "import os\n    os._exit(0)",
    "endless loop": "while True:\n        pass",
    "memory eater": f"eaten = [b'x' * 2**26 for _ in range({EATEN} // 2**26)]\n    return param, state",
}


def throughput(graders: list[Grader], sizes: tuple[int, ...], few: int) -> dict[str, Any]:
    """Seconds of whole commands for classes of right and wrong answers: these sizes for coursekit, `few` for others."""
    found: dict[str, Any] = {}
    for grader in graders:
        for size in sizes if isinstance(grader, Coursekit) else (few,):
            ran = grader.grade(classes.simple(size))
            wrong = sum(ran.credited[student] != points for student, points in classes.credited(size).items())
            found.setdefault(grader.name, {})[str(size)] = {"seconds": ran.seconds, "wrongly_graded": wrong}
    return found


def rates(found: dict[str, Any]) -> dict[str, float]:
    """Submissions a second of each grader's largest class; of coursekit also without its start, from two classes."""
    made = {}
    for name, rows in found.items():
        (*_, size) = sizes = sorted(map(int, rows))
        made[name] = size / rows[str(size)]["seconds"]
        if len(sizes) > 1:
            first, second = sizes[:2]
            made[f"{name}, warm"] = (second - first) / (rows[str(second)]["seconds"] - rows[str(first)]["seconds"])
    return made


def throughput_text(found: dict[str, Any]) -> str:
    per_second = rates(found)
    best = max((rate for name, rate in per_second.items() if not name.startswith("coursekit")), default=None)
    rows = [["grader", "submissions", "seconds", "submissions a second", "over the best peer", "graded wrongly"]]
    for name, classes_ in found.items():
        for size, row in classes_.items():
            rate = int(size) / row["seconds"]
            over = f"{rate / best:.1f}" if best else ""
            rows.append([name, f"{int(size):,}", f"{row['seconds']:.1f}", f"{rate:.2f}", over, row["wrongly_graded"]])
        if f"{name}, warm" in per_second:
            rate = per_second[f"{name}, warm"]
            rows.append([f"{name}, warm", "further ones", "", f"{rate:.2f}", f"{rate / best:.1f}" if best else "", ""])
    title = "Submissions a second: five exercises each, two cores, whole commands"
    return table(title, [list(map(str, row)) for row in rows])


# ---- cheats


def cheating(graders: list[Grader]) -> dict[str, Any]:
    """The exercises that each cheat is credited with."""
    return {grader.name: grader.grade(cheats.submissions(), limit=600).credited for grader in graders}


def cheating_text(found: dict[str, Any]) -> str:
    rows = [["submission", *found]]
    for name in (*cheats.CHEATS, "honest_wrong"):
        shown = [points[name] for points in found.values()]
        rows.append([name.replace("_", " "), *("no grade" if x is None else f"{x} of 5" for x in shown)])
    full = [sum(points[name] == len(assignment.NAMES) for name in cheats.CHEATS) for points in found.values()]
    rows.append(["**cheats with full points**", *(f"**{n} of {len(cheats.CHEATS)}**" for n in full)])
    return table("Five functions which compute nothing, and a trick", rows)


# ---- what one costs the others


def _class(kind: str, others: int) -> Class:
    """Right answers, and in the middle one that is not as the others."""
    right = list(assignment.ANSWERS.values())
    bad = list(right)
    if kind == "doubled cell":
        bad.insert(1, bad[0])
    else:
        bad[-1] = assignment.STUBS["adam"].partition(":\n")[0] + f":\n    {BODIES[kind]}"
    made = {f"student{i}": right for i in range(others)}
    return dict(sorted({**made, f"student{others // 2 - 1}b": bad}.items()))


def losses(graders: list[Grader], others: int, speed: dict[str, Any]) -> dict[str, Any]:
    """For each bad submission: what became of the others, of itself, and how long it took."""
    found: dict[str, Any] = {}
    per_second = rates(speed) if speed else {}
    for kind in (*BODIES, "doubled cell"):
        students = _class(kind, others)
        (bad,) = (student for student in students if student.endswith("b"))
        for grader in graders:
            usual = len(students) / per_second.get(grader.name, 0.1)
            ran = grader.grade(students, limit=max(60.0, 2.5 * usual + 15), watched=True)
            good = sum(ran.credited[s] == len(assignment.NAMES) for s in students if s != bad)
            row = {"others": others, "others_graded": good, "itself": ran.credited[bad]}
            found.setdefault(kind, {})[grader.name] = row | _kept(ran)
    return found


def _kept(ran: Any) -> dict[str, Any]:
    kept = dataclasses.asdict(ran)
    return {name: kept[name] for name in ("seconds", "over", "memory")}


def losses_text(found: dict[str, Any]) -> str:
    rows = [["one submission has", "grader", "others graded", "itself", "seconds", "largest process, MB"]]
    for kind, graders in found.items():
        for name, row in graders.items():
            seconds = f"ended from outside after {row['seconds']:.0f}" if row["over"] else f"{row['seconds']:.0f}"
            itself = "no grade" if row["itself"] is None else f"{row['itself']} of 5"
            good = f"{row['others_graded']} of {row['others']}"
            rows.append([kind, name, good, itself, seconds, f"{row['memory'] / 1e6:.0f}"])
    return table("One bad submission among good ones", rows)
