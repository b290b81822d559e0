"""A class of every bad input, graded through the real sandbox; and the grader killed in the middle."""

from __future__ import annotations

import csv
import functools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coursekit.bank import index
from coursekit.classroom import batch, run, submission
from coursekit.classroom.demo import notebook, predicted, script, slip
from coursekit.classroom.sandbox import wire
from coursekit.classroom.sandbox.host import lacking
from coursekit.classroom.sandbox.warm import Reading
from coursekit.judging.judge import prepare
from coursekit.judging.source import solution_source, stub

FULL = not lacking()  # where there are no walls, the same is held of grading without them
grade = functools.partial(run.grade, practice=not FULL)
KILLED = ("wrong", "None") if FULL else ("crashed", "SIGKILL")  # the first process of its own namespace cannot
ADAM = index.chapter("08_adam")
RIGHT = [solution_source(e.answer) for e in ADAM.exercises]
HEAD = "def adam(param, grad, state, *, lr, beta1, beta2, eps):\n    "
PRINTS = """def bias_correction(average, t, *, beta):
    for i in range(20_000): print("line", i)
    return average / (1 - beta**t)"""
AS_NUMPY = "import numpy as np\ndef bias_correction(average, t, *, beta): return np.asarray(average) / (1 - beta**t)"

# what the file holds, the exercise looked at, its status, and words of its message
BAD = {
    "blank": (notebook(ADAM, [stub(e.answer) for e in ADAM.exercises]), "adam", "not_attempted", "not written yet"),
    "empty": (notebook(ADAM, []), "adam", "not_attempted", "no function of this name"),
    "class": (notebook(ADAM, ["class adam:\n    pass"]), "adam", "error", "this is a class"),
    "arity": (script(["def adam(param):\n    return param"]), "adam", "error", "could not be called"),
    "none": (script([HEAD + "m = 1"]), "adam", "wrong", "None"),
    "numpy": (script([AS_NUMPY]), "bias_correction", "wrong", "numpy"),
    "generator": (script([HEAD + "yield param"]), "adam", "wrong", "generator"),
    "nan": (script([HEAD + "return param * float('nan'), state"]), "adam", "wrong", ""),
    "huge": (script([HEAD + "return torch.zeros(10**9), state"]), "adam", "memory", "memory"),
    "long_list": (script([HEAD + "return [0] * 10**9"]), "adam", "memory", "memory"),
    "loop": (script([HEAD + "while True: pass"]), "adam", "timeout", "loop that never ends"),
    "c_loop": (script([HEAD + "10 ** 10 ** 9"]), "adam", "timeout", "loop that never ends"),
    "sys_exit": (script([HEAD + "import sys; sys.exit(0)"]), "adam", "error", "SystemExit"),
    "os_exit": (script([HEAD + "import os; os._exit(0)"]), "adam", "crashed", "exit status 0"),
    "group": (script([HEAD + "import os; os.killpg(0, 9)"]), "adam", *KILLED),
    "prints": (script([PRINTS]), "bias_correction", "passed", ""),
    "optimizer": (script([HEAD + "torch.optim.Adam([param])\n    return param, state"]), "adam", "refused", "optim"),
    "answer_book": (script(["from coursekit.reference.adam import adam as a", HEAD + "return a(param, grad, state)"]),
                    "adam", "refused", "own answer"),
    "broken_cell": (notebook(ADAM, [RIGHT[0], "def adam(:\n  pass"]), "adam", "error", "code cell 3, line 1"),
    "slip": (script([slip(ADAM.exercises[-1], 0)]), "adam", "wrong", ""),
    "quiz": (script(['answer("first_step_length", compute())']), "first_step_length", "error", "cannot be read"),
    "sums": (script(['rate = 0.1\nanswer("first_step_length", rate * 0.1)']), "first_step_length", "passed", ""),
    "_08_adam": (b"def adam(:\n", "adam", "error", "line 1"),
}  # fmt: skip
UNREADABLE = {
    "text.ipynb": (b"this is no JSON", "not JSON"),
    "array.ipynb": (b"[1, 2]", "no list of cells"),
    "bytes.ipynb": (b"\xff\x00\xfe", "not UTF-8"),
    "deep.ipynb": (b"[" * 10**6, "nested too deep"),
    "syntax.py": (b"x = 1\ndef f(:\n", "line 2"),
    "nulls.py": (b"\x00\x00", "null bytes"),
    "latin.py": (b"x = '\xe9'", "line 1"),
    "bomb.py": (b"x = " + b"-" * 10**6 + b"1", ""),
}
GOOD = {
    "zz_right.ipynb": notebook(ADAM, RIGHT + predicted(ADAM)),
    "zz_right.py": script(RIGHT),
    "zz_folder/deep/08_adam.ipynb": notebook(None, RIGHT + predicted(ADAM)),
    "zz_folder/older_08_adam.py": script([stub(e.answer) for e in ADAM.exercises]),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded once: the folder with its results."""
    place = tmp_path_factory.mktemp("class")
    for name, (data, *_) in BAD.items():
        (place / f"{name}{'.ipynb' if data[:1] == b'{' else '.py'}").write_bytes(data)
    for name, (data, _) in UNREADABLE.items():
        (place / name).write_bytes(data)
    for name, data in GOOD.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    (place / "picture.png").write_bytes(b"")
    (place / "nothing.py").write_bytes(b"x = 1\n")
    out = place.parent / "out"
    assert grade(place, out=out, jobs=2, seconds=4) == 0
    return place, out


@pytest.fixture(scope="module")
def results(graded):
    found = json.loads((graded[1] / "results.json").read_text(encoding="utf-8"))
    assert len({s["file"] for s in found["submissions"]}) == len(found["submissions"])
    return {s["file"]: s for s in found["submissions"]}


def test_every_submission_is_there(results):
    assert len(results) == len(BAD) + len(UNREADABLE) + 4


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_its_own_row_with_its_reason(results, name):
    data, exercise, status, words = BAD[name]
    found = results[f"{name}{'.ipynb' if data[:1] == b'{' else '.py'}"]
    row = next(r for r in found["exercises"] if r["exercise"] == exercise)
    assert row["status"] == status and words in row["message"], row
    assert row["points"] == (row["max_points"] if status == "passed" else 0) and row["walls"] == (
        "full" if FULL else "practice"
    )


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_row_with_its_reason(results, name):
    (row,) = results[name]["exercises"]
    assert row["exercise"] == batch.WHOLE_FILE and row["points"] == 0
    assert row["status"] == "error" if name != "bomb.py" else row["status"] in ("error", "crashed", "memory", "timeout")
    assert UNREADABLE[name][1] in row["message"]


def test_the_good_ones_have_their_points(results):
    for file in ("zz_right.ipynb", "zz_folder/"):
        rows = results[file]["exercises"]
        assert {r["status"] for r in rows} == {"passed"} and sum(r["points"] for r in rows) == ADAM.points
    assert [r["status"] for r in results["zz_right.py"]["exercises"]] == ["passed"] * 3


def test_a_file_that_asks_for_nothing_says_so(results):
    assert results["nothing.py"]["exercises"] == [] and "--chapter" in results["nothing.py"]["note"]


def test_the_mistake_is_named_on_the_page_and_in_the_table(results, graded):
    row = results["slip.py"]["exercises"][0]
    assert row["diagnosis"] and row["title"]
    assert row["title"] in (graded[1] / "index.html").read_text(encoding="utf-8")
    table = list(csv.DictReader((graded[1] / "grades.csv").read_text(encoding="utf-8").splitlines()))
    assert {r["file"]: r["adam"] for r in table}["zz_right.py"] == "3"


def test_a_second_run_grades_nothing_and_says_the_same(graded, monkeypatch, results):
    place, out = graded
    monkeypatch.setattr(batch, "WarmParent", _NoParent)
    assert grade(place, out=out, jobs=2, seconds=4) == 0
    again = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert {s["file"]: s for s in again["submissions"]} == results


class _NoParent:
    """Stands where a warm parent would: may be opened and closed, but not asked."""

    unreadable = False

    def __init__(self, **_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def stop(self):
        pass


def test_our_own_mistake_is_not_held_against_anyone(tmp_path, monkeypatch, capsys):
    (tmp_path / "ada.py").write_bytes(script(["def identity(x):\n    return x"]))
    for name in ("judge", "right"):
        monkeypatch.setattr(batch, name, lambda *_: 1 / 0)
    assert grade(tmp_path / "ada.py", out=tmp_path / "out", only="identity") == 1
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["submissions"][0]["exercises"]
    assert row["status"] == "internal" and "ZeroDivisionError" in row["message"]
    monkeypatch.undo()
    assert grade(tmp_path / "ada.py", out=tmp_path / "out", only="identity") == 0, "and it is tried again"


def test_ctrl_c_keeps_what_is_graded_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    for name in ("ada", "bo", "cy", "di"):
        (tmp_path / f"{name}.py").write_bytes(script(["def identity(x):\n    return x"]))
    out, told = tmp_path / "out", []

    def stop(graded):
        told.append(graded)
        raise KeyboardInterrupt

    monkeypatch.setattr(run.summary, "_lines", lambda *_: stop)
    assert grade(tmp_path, out=out, jobs=1) == 130
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.undo()
    assert grade(tmp_path, out=out, jobs=1) == 0
    assert [s for s in capsys.readouterr().out.splitlines() if "were in the gradebook already" in s]
    assert not (tmp_path / "out" / "results.json").read_text().count("internal")


def test_killed_in_the_middle_every_submission_is_graded_once(tmp_path):
    """SIGKILL after the third grade; then the same command. Nothing is lost, nothing is graded twice."""
    place, out, count = tmp_path / "class", tmp_path / "out", 25
    place.mkdir()
    for i in range(count):
        (place / f"student{i:02}.py").write_bytes(script(["def identity(x):\n    return x"]))
    command = [sys.executable, "-m", "coursekit.cli", "grade", str(place), "--out", str(out), "--jobs", "1"]
    command += [] if FULL else ["--practice"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as grader:
        while len(before := _grades(out)) < 3 and grader.poll() is None:
            time.sleep(0.01)
        os.kill(grader.pid, signal.SIGKILL)
    before = _grades(out)
    assert 3 <= len(before) < count, "killed in the middle"
    assert grade(place, out=out, jobs=1) == 0
    after = _grades(out)
    assert len(after) == count and after[: len(before)] == before, "what was there is as it was"
    assert len({student for _, student, *_ in after}) == count
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))["submissions"]
    assert [s["exercises"][0]["status"] for s in found] == ["passed"] * count


def _grades(out) -> list[tuple]:
    """The rows of the gradebook, in the order in which they came."""
    path = out / submission.GRADEBOOK
    if not path.exists():
        return []
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT rowid, student, exercise, status, graded FROM grades ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:  # the tables are not there yet
        return []
    finally:
        db.close()


def test_cases_of_a_gpu_are_not_sent(monkeypatch):
    """What a child cannot run counts as right; the rest is sent in order."""
    prepared = prepare("adam", 3)
    monkeypatch.setattr(batch, "_on_cpu", lambda case: case is not prepared.cases[1])
    sent = [batch._on_cpu(case) for case in prepared.cases]
    ran = [x for x, there in zip(prepared.expected, sent, strict=True) if there]
    assert batch._spread(ran, sent, prepared.expected) == prepared.expected
    assert len(wire.decode(batch._encoded.__wrapped__(prepared))) == sum(c.judged for c in prepared.cases) - 1


@pytest.mark.parametrize(
    ("name", "reading", "only", "asked"),
    [
        ("ada.py", Reading(), None, "identity"),
        ("ada_08_adam.py", Reading(), None, "adam"),
        ("ada_08_adam.py", Reading(chapter="00_start"), None, "identity"),
        ("ada.py", Reading(chapter="99_unknown"), None, "identity"),
        ("ada_08_adam.py", Reading(functions=("identity",)), None, "identity adam"),
        ("ada_08_adam.py", Reading(functions=("identity",)), "bias_correction", "bias_correction"),
        ("ada_08_adam.py", Reading(unreadable="why"), None, "adam"),
    ],
)
def test_what_is_asked_for(name, reading, only, asked):
    """The metadata's chapter, else the file name's, else --chapter; and what the file defines."""
    grader = batch.Grader(None, batch.Settings(only=only, chapter="00_start"))
    found = grader._asked(submission.File(Path(name), name), reading)
    assert [n for n in found if n in ("identity", "adam", only)] == asked.split()
