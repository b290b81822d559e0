"""A whole class from an archive: names of its list, late and missing ones, grades by hand, given again, and killed."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile

import pytest

from coursekit.classroom import course, run
from coursekit.classroom.sandbox.host import lacking
from coursekit.classroom.submission import Bad

PRACTICE = bool(lacking())  # where there are no walls, the same is held of grading without them

RIGHT = b"def bias_correction(average, t, *, beta):\n    return average / (1 - beta**t)\n"
WRONG = RIGHT.replace(b"/", b"*")
LIST = 'Student,ID,Section\n"Lovelace, Ada",1,\n"Diddley, Bo",2,\n"Twombly, Cy",3,\n'
ZIP = {"lovelaceada_1_5_a.py": RIGHT, "diddleybo_LATE_2_6_b.py": WRONG, "eve_9_7_../../x.py": RIGHT}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded once: the options of the command, and where things are."""
    place = tmp_path_factory.mktemp("class")
    (place / "roster.csv").write_text(LIST)
    with zipfile.ZipFile(place / "submissions.zip", "w") as archive:
        for name, data in ZIP.items():
            archive.writestr(name, data)
    options = {
        "people": place / "roster.csv",
        "db": place / "book.sqlite",
        "out": place / "out",
        "only": "bias_correction",
        "practice": PRACTICE,
    }
    assert run.grade(place / "submissions.zip", **options, seed=5) == 0
    return place, options


def results(out) -> dict:
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))["submissions"]
    return {s["student"]: s for s in found}


def test_under_the_names_of_the_list(graded):
    found = results(graded[0] / "out")
    assert list(found) == ["Diddley, Bo", "eve", "Lovelace, Ada", "Twombly, Cy"]
    points = {name: [r["points"] for r in s["exercises"]] for name, s in found.items()}
    assert points == {"Lovelace, Ada": [1], "Diddley, Bo": [0], "eve": [0], "Twombly, Cy": []}
    assert found["Diddley, Bo"]["late"] and "late, as Canvas says" in found["Diddley, Bo"]["note"]
    assert not found["Lovelace, Ada"]["late"] and found["Lovelace, Ada"]["handed_in"]
    assert found["Twombly, Cy"]["note"] == run.NOTHING
    assert "leads out of the archive" in found["eve"]["note"] and "not on the roster" in found["eve"]["note"]
    table = list(csv.DictReader((graded[0] / "out" / "grades.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["student"]: row["bias_correction"] for row in table}["Lovelace, Ada"] == "1"


def test_by_hand_with_a_reason(graded, capsys):
    place, options = graded
    db = options["db"]
    course.override("Diddley, Bo", "bias_correction", 0.5, reason="showed it <b>orally</b>", db=db)
    run.grade(place / "submissions.zip", **options)
    (row,) = results(place / "out")["Diddley, Bo"]["exercises"]
    assert row["points"] == 0.5 and row["status"] == "wrong" and "showed it <b>orally</b>" in row["message"]
    assert "&lt;b&gt;orally" in (place / "out" / "feedback" / "Diddley-Bo.html").read_text(encoding="utf-8")
    course.override("Diddley, Bo", "bias_correction", None, reason="a mistake", db=db)
    run.grade(place / "submissions.zip", **options)
    (row,) = results(place / "out")["Diddley, Bo"]["exercises"]
    assert row["points"] == 0 and "orally" not in row["message"]
    kept = sqlite3.connect(db).execute("SELECT points, reason FROM overrides ORDER BY id").fetchall()
    assert kept == [(0.5, "showed it <b>orally</b>"), (None, "a mistake")], "nothing is forgotten"
    assert "1 handed in nothing: Twombly, Cy." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Diddley, Bo", "bias_correction", 0.5, ""), "--reason"),
        (("Diddley, Bo", "bias_correction", 7, "x"), "0 to 1 points"),
        (("Diddley, Bo", "bias_corection", 1, "x"), "did you mean 'bias_correction'"),
        (("Diddly, Bo", "bias_correction", 1, "x"), "did you mean 'Diddley, Bo'"),
    ],
)
def test_a_wrong_override_is_one_line(graded, arguments, words):
    *positional, reason = arguments
    with pytest.raises(Bad, match=words):
        course.override(*positional, reason=reason, db=graded[1]["db"])


def test_a_grade_is_given_again(graded, capsys):
    db = graded[1]["db"]
    for student in ("Lovelace, Ada", "Diddley, Bo"):
        assert course.replay(f"bias_correction@{student}", db=db) == 0
    said = capsys.readouterr().out
    assert "seed 5" in said and said.count("The same verdict as is kept.") == 2
    for name, words in (
        ("bias_correction", "EXERCISE@STUDENT"),
        ("bias_correction@zoe", "nobody called"),
        ("adam@Diddley, Bo", "no grade"),
    ):
        with pytest.raises(Bad, match=words):
            course.replay(name, db=db)
    with pytest.raises(Bad, match="no gradebook"):
        course.replay("bias_correction@eve", db=graded[0] / "none.sqlite")


def test_a_course_that_changes_keeps_the_old_grades_and_says_who_changes(graded, capsys):
    """A new version grades anew; where that gives something else it is said, and the old grade is still there."""
    place, options = graded
    run.grade(place / "submissions.zip", **options)
    assert "the course was changed" not in capsys.readouterr().out
    db = sqlite3.connect(options["db"])
    with db:  # as if an earlier version had given Ada nothing
        earlier = "earlier+practice" if PRACTICE else "earlier"
        db.execute(
            "UPDATE grades SET version = ?, points = 0, status = 'wrong' WHERE student = 'Lovelace, Ada'", (earlier,)
        )
    run.grade(place / "submissions.zip", **options)
    said = capsys.readouterr().out
    assert "Since the course was changed, 1 grades are others" in said
    assert "Lovelace, Ada, bias_correction: 0 (wrong) -> 1 (passed)" in said
    assert db.execute("SELECT count(*) FROM grades WHERE student = 'Lovelace, Ada'").fetchone() == (2,)


SERVER = """
import os, sys
from pathlib import Path
from coursekit.classroom import run
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.setsid()
        place, db, out = map(Path, sys.argv[1:4])
        practice = sys.argv[4] == "True"
        os._exit(run.grade(place, db=db, out=out, jobs=1, only="bias_correction", practice=practice))
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


def test_killed_25_times_nothing_is_lost_and_nothing_doubled(tmp_path):
    """SIGKILL at random moments, before, between and within grades; then the same call to its end."""
    place, db, out, count = tmp_path / "class", tmp_path / "book.sqlite", tmp_path / "out", 200
    place.mkdir()
    for i in range(count):
        (place / f"s{i:03}.py").write_bytes((RIGHT if i % 3 else WRONG) + f"# {i}\n".encode())
    moments = random.Random(25)
    seen: list[tuple] = []
    arguments = [sys.executable, "-c", SERVER, place, db, out, PRACTICE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([str(a) for a in arguments], **pipes) as server:
        for turn in range(25):
            server.stdin.write("go\n")
            pid = int(server.stdout.readline())
            until = time.monotonic() + 60
            while turn % 2 and len(rows(db)) <= len(seen) and time.monotonic() < until:
                time.sleep(0.005)  # every other time it is under way, so that the class comes to an end
            time.sleep(moments.uniform(0, 0.4))
            os.kill(pid, signal.SIGKILL)
            assert server.stdout.readline() == "ended\n"
            now = rows(db)
            assert now[: len(seen)] == seen, "what was there is as it was"
            seen = now
        server.stdin.close()
    assert 0 < len(seen) < count, "killed in the middle"
    assert run.grade(place, db=db, out=tmp_path / "again", jobs=1, only="bias_correction", practice=PRACTICE) == 0
    after = rows(db)
    assert after[: len(seen)] == seen and len(after) == len({row[1] for row in after}) == count
    points = {student: s["exercises"][0]["points"] for student, s in results(tmp_path / "again").items()}
    assert points == {f"s{i:03}": 1.0 if i % 3 else 0.0 for i in range(count)}


def rows(db) -> list[tuple]:
    """The grades in the order in which they came."""
    if not db.exists():
        return []
    book = sqlite3.connect(db, timeout=30)
    try:
        return book.execute("SELECT rowid, student, status, graded FROM grades ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:  # the tables are not there yet
        return []
    finally:
        book.close()
