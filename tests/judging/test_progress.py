"""Progress: kept whole whatever happens, and never what stops a check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from coursekit.bank import index
from coursekit.judging import progress
from coursekit.judging.check import answer, check
from coursekit.judging.verdict import Verdict


@pytest.fixture
def place(tmp_path, monkeypatch):
    where = tmp_path / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
    return where


def test_tries_are_counted_and_what_is_passed_stays_passed(place):
    check(lambda x: -x, "identity")
    check(lambda x: x, "identity")
    check(lambda x: 2 * x, "identity")
    entry = json.loads(place.read_text(encoding="utf-8"))["identity"]
    assert (entry["tries"], entry["status"], entry["last_status"]) == (3, "passed", "wrong")
    assert entry["diagnosis"] == "doubled"
    assert entry["first"] <= entry["last"]
    assert progress.progress().status("identity") == "passed"


def test_blanks_are_no_tries(place):
    answer("loss_times_1000")
    progress.record(Verdict("adam", "internal", 0, 3))
    assert not place.exists()


def test_the_list_names_what_comes_next(place):
    shown = repr(progress.progress())
    chapter = index.chapter("08_adam")
    assert f"08_adam Adam: 0 of {len(chapter.exercises) + len(chapter.quizzes)} done" in shown
    assert shown.endswith("Next: identity")
    for name in [*index.exercises(), *index.quizzes()]:
        progress.record(Verdict(name, "passed", 1, 1))
    assert repr(progress.progress()).endswith("All done.")
    assert "✓ adam (passed)" in repr(progress.progress())


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"adam": 3}', '{"adam": {"status": "passed", "tries": "x"}}', '{"adam": {"status": "?"}}']
)
def test_an_unreadable_file_is_set_aside(place, text):
    place.write_text(text, encoding="utf-8")
    assert check(lambda x: x, "identity").passed
    assert json.loads(place.read_text(encoding="utf-8"))["identity"]["tries"] == 1
    [aside] = place.parent.glob("progress.unreadable-*.json")
    assert aside.read_text(encoding="utf-8") == text


def test_bytes_that_are_no_text_are_set_aside(place):
    place.write_bytes(b"\xff\xfe\x00")
    assert "Next: identity" in repr(progress.progress())
    assert not place.exists()


def test_no_place_to_write_does_not_stop_a_check(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for where in (tmp_path / "file" / "progress.json", tmp_path / "none" / "progress.json", tmp_path):
        monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
        assert check(lambda x: x, "identity").passed
        assert "Next: identity" in repr(progress.progress())


def test_no_permission_does_not_stop_a_check(place, monkeypatch):
    place.write_text("{", encoding="utf-8")  # it cannot even be set aside

    def denied(*args, **kwargs):
        raise PermissionError("read-only")

    for name in ("open", "replace"):
        monkeypatch.setattr(os, name, denied)
    assert check(lambda x: x, "identity").passed
    assert "Next: identity" in repr(progress.progress())
    monkeypatch.undo()
    assert place.read_text(encoding="utf-8") == "{"


def test_a_write_that_fails_leaves_the_old_file(place, monkeypatch):
    check(lambda x: x, "identity")
    before = place.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert check(lambda x: -x, "identity").status == "wrong"
    assert place.read_bytes() == before


def test_a_lock_left_behind_is_passed_by(place):
    place.with_name("progress.json.lock").touch()
    check(lambda x: x, "identity")
    assert json.loads(place.read_text(encoding="utf-8"))["identity"]["status"] == "passed"


WRITER = """
import pathlib, sys, time
from coursekit.judging.progress import record
from coursekit.judging.verdict import Verdict

who, start = sys.argv[1], pathlib.Path(sys.argv[2])
start.with_name(f"ready-{who}").touch()
while not start.exists():
    time.sleep(0.001)
for i in range(40):
    record(Verdict(f"{who}-{i}", "wrong", 0, 1))
    record(Verdict("both", "wrong", 0, 1))
"""


def test_two_processes_at_once_lose_nothing(place):
    start = place.with_name("start")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, who, str(start)]) for who in ("a", "b")]
    try:
        while not all(start.with_name(f"ready-{who}").exists() for who in ("a", "b")):
            assert all(writer.poll() is None for writer in writers)
            time.sleep(0.01)
        start.touch()
        assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    known = json.loads(place.read_text(encoding="utf-8"))
    assert set(known) == {"both", *(f"{who}-{i}" for who in ("a", "b") for i in range(40))}
    assert known["both"]["tries"] == 80
    assert sorted(path.name for path in place.parent.iterdir()) == ["progress.json", "ready-a", "ready-b", "start"]


def test_progress_lies_beside_the_courses_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSEKIT_PROGRESS")
    (tmp_path / "exercises").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert progress.path() == tmp_path / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", "off")
    assert progress.path() is None
