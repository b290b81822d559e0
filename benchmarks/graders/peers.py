"""Each grader as its documentation has it, on two cores: a class goes in, credited exercises come out.

`otter`: its `grade_submission`, called in a loop by two processes, an exception of one submission caught; this is
faster than `otter run`, a process each, and `otter grade` needs Docker. `nbgrader`: two `nbgrader autograde`, each with
half of the class and a gradebook of its own. `pytest`: a process each with a time limit, two at once. `coursekit`: the
command.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from benchmarks.graders import assignment, processes

Class = dict[str, list[str]]  # the cells of each student

OTTER = """
import sys
from otter.api import grade_submission
for path in sys.argv[2:]:
    try:
        found = grade_submission(path, sys.argv[1], quiet=True)
        print("graded", path, found.total, flush=True)
    except Exception as error:
        print("failed", path, type(error).__name__, flush=True)
"""
PYTEST = """
import os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
def grade(path):
    folder = os.path.dirname(path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={folder}/result.xml", TESTS]
    try:
        subprocess.run(command, cwd=folder, timeout=SECONDS, env=os.environ | {"PYTHONPATH": folder})
    except subprocess.TimeoutExpired:
        pass
TESTS, SECONDS = sys.argv[1], float(sys.argv[2])
with ThreadPoolExecutor(2) as pool:
    list(pool.map(grade, sys.argv[3:]))
"""
SCORES = """
SELECT submitted_assignment.student_id, sum(grade.auto_score), count(grade.auto_score) FROM grade
JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
GROUP BY submitted_assignment.student_id
"""


@dataclass(frozen=True)
class Run:
    """A class graded: exercises credited, None where no grade came back; seconds; whether the limit ended it."""

    credited: dict[str, int | None]
    seconds: float
    over: bool
    memory: int = 0  # the largest process, in bytes


class Grader:
    """One of the four; `python` is the interpreter of its environment, `place` a new folder for its use.

    `seconds` is the time limit: of one answer (coursekit), one cell (nbgrader) or one submission (pytest, which gets
    it twice); otter has none.
    """

    name = ""
    package = ""
    seconds = 60

    def __init__(self, place: Path, python: str):
        self.place, self.python = place, python
        self._runs = itertools.count()
        tools = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by its name
        self.environment = {"PATH": tools, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        place.mkdir(parents=True)
        self.prepare()

    def prepare(self) -> None:
        """What a teacher does once."""

    def write(self, place: Path, students: Class) -> list[list[str]]:
        """Put the submissions into the folder; the commands that grade them, to be run there side by side."""
        raise NotImplementedError

    def read(self, place: Path, outputs: list[str]) -> dict[str, int]:
        """The exercises credited, of those who have a grade."""
        raise NotImplementedError

    def grade(self, students: Class, limit: float = 3600.0, watched: bool = False) -> Run:
        """Grade a class; the largest process is looked for where `watched` asks for it, which costs some time."""
        place = self.place / f"run{next(self._runs)}"
        place.mkdir()
        commands = self.write(place, students)
        largest = 0

        def watch(pids: list[int]) -> None:
            nonlocal largest
            largest = max(largest, *map(processes.resident, pids))

        done = processes.run(commands, place, limit=limit, env=self.environment, watch=watch if watched else None)
        found = self.read(place, done.output)
        if not found and not watched:
            raise RuntimeError(f"{self.name} graded nothing:\n{done.output[0][-3000:]}")
        shutil.rmtree(place, ignore_errors=True)
        return Run({student: found.get(student) for student in students}, done.seconds, done.over, largest)

    def once(self, *command: str) -> None:
        """A command of the preparation, which has to go well."""
        env = os.environ | self.environment
        done = subprocess.run([self.python, "-m", *command], cwd=self.place, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-3000:]}")


class Coursekit(Grader):
    name = "coursekit"
    package = "coursekit"

    def prepare(self) -> None:
        self.environment["PYTHONPATH"] = processes.ROOT

    def write(self, place: Path, students: Class) -> list[list[str]]:
        folder = place / "class"
        folder.mkdir()
        for student, cells in students.items():
            (folder / f"{student}.ipynb").write_text(json.dumps(assignment.plain(cells)))
        command = [sys.executable, "-m", "coursekit.cli", "grade", str(folder), "--out", str(place / "out")]
        return [[*command, "--time", str(self.seconds), "--seed", "1"]]

    def read(self, place: Path, outputs: list[str]) -> dict[str, int]:
        results = place / "out" / "results.json"
        rows = json.loads(results.read_text())["submissions"] if results.exists() else []
        return {s["student"]: sum(e["status"] == "passed" for e in s["exercises"]) for s in rows}


class Pytest(Grader):
    name = "pytest"
    package = "pytest"

    def prepare(self) -> None:
        tests = self.place / "tests"
        tests.mkdir()
        (tests / "test_hw.py").write_text(assignment.pytest_file())
        (tests / "solution.py").write_text(assignment.script(list(assignment.ANSWERS.values())))

    def write(self, place: Path, students: Class) -> list[list[str]]:
        paths = []
        for student, cells in students.items():
            path = place / student / "submission.py"
            path.parent.mkdir()
            path.write_text(assignment.script(cells))
            paths.append(str(path))
        return [[self.python, "-c", PYTEST, str(self.place / "tests" / "test_hw.py"), str(2 * self.seconds), *paths]]

    def read(self, place: Path, outputs: list[str]) -> dict[str, int]:
        found = {}
        for path in place.glob("*/result.xml"):
            cases = xml.parse(path).iter("testcase")
            found[path.parent.name] = sum(len(case) == 0 for case in cases)
        return found


class Otter(Grader):
    name = "otter"
    package = "otter"

    def prepare(self) -> None:
        (self.place / "hw.ipynb").write_text(json.dumps(assignment.for_otter()))
        self.once("otter", "assign", "hw.ipynb", "dist", "--no-run-tests", "--no-pdfs")

    def write(self, place: Path, students: Class) -> list[list[str]]:
        (archive,) = (self.place / "dist" / "autograder").glob("*.zip")
        paths = []
        for student, cells in students.items():
            paths.append(str(place / f"{student}.ipynb"))
            Path(paths[-1]).write_text(json.dumps(assignment.plain(cells)))
        return [[self.python, "-c", OTTER, str(archive), *half] for half in (paths[::2], paths[1::2]) if half]

    def read(self, place: Path, outputs: list[str]) -> dict[str, int]:
        lines = [line.split() for output in outputs for line in output.splitlines()]
        graded = [line for line in lines if len(line) == 3 and line[0] == "graded"]
        return {Path(path).stem: round(float(points)) for _, path, points in graded}


class Nbgrader(Grader):
    name = "nbgrader"
    package = "nbgrader"

    def prepare(self) -> None:
        source = self.place / "course" / "source" / "hw" / "hw.ipynb"
        source.parent.mkdir(parents=True)
        teachers = assignment.for_nbgrader(list(assignment.ANSWERS.values()), solutions=True)
        source.write_text(json.dumps(teachers))
        self.once("nbgrader", "generate_assignment", "hw", f"--course-dir={source.parents[2]}")

    def write(self, place: Path, students: Class) -> list[list[str]]:
        commands = []
        names = list(students)
        for half in filter(None, (names[::2], names[1::2])):
            course = place / f"course{len(commands)}"
            shutil.copytree(self.place / "course", course)
            for student in half:
                path = course / "submitted" / student / "hw" / "hw.ipynb"
                path.parent.mkdir(parents=True)
                path.write_text(json.dumps(assignment.for_nbgrader(students[student])))
            command = [self.python, "-m", "nbgrader", "autograde", "hw", f"--course-dir={course}"]
            commands.append([*command, f"--Execute.timeout={self.seconds}"])
        return commands

    def read(self, place: Path, outputs: list[str]) -> dict[str, int]:
        found = {}
        for path in place.glob("course*/gradebook.db"):
            book = sqlite3.connect(path)
            for student, points, graded in book.execute(SCORES):
                if graded == len(assignment.NAMES):
                    found[student] = round(points)
            book.close()
        return found


PEERS = (Otter, Nbgrader, Pytest)


def installed(python: str, package: str) -> bool:
    return subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode == 0
