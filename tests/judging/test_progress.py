"""Progress: kept whole whatever happens, and never what stops a check."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from coursekit.judging import progress
from coursekit.judging.check import answer, check, hint
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


def test_blanks_are_no_tries(place):
    answer("loss_times_1000")
    progress.record(Verdict("adam", "internal", 0, 3))
    assert not place.exists()


def test_what_is_right_in_another_convention_stays_until_it_is_passed(place):
    for status, kept in (
        ("wrong", "wrong"),
        ("convention", "convention"),
        ("error", "convention"),
        ("passed", "passed"),
    ):
        progress.record(Verdict("adam", status, 0, 3))
        assert progress.load(place)["adam"]["status"] == kept


def test_a_hint_before_the_first_try_is_kept_and_spoils_nothing(place):
    check(lambda x: x, "identity")
    hint("adam", 2)
    hint("adam")
    check(lambda x: -x, "identity")
    known = progress.load(place)
    assert (known["identity"]["tries"], known["adam"]["tries"], known["adam"]["hints"]) == (2, 0, [1, 2])
    assert progress.set_aside(place) == []


DAMAGED = [
    "",
    "{",
    "[]",
    "[" * 100_000,
    '{"adam": 3}',
    '{"adam": {"status": "passed", "tries": "x"}}',
    '{"adam": {"status": "?"}}',
    '{"adam": {"status": []}}',
    '{"adam": {"status": "wrong", "hints": 1}}',
    '{"adam": {"status": "wrong", "last": 1}}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_set_aside_and_said(place, text, capsys):
    place.write_text(text, encoding="utf-8")
    assert check(lambda x: x, "identity").passed
    assert json.loads(place.read_text(encoding="utf-8"))["identity"]["tries"] == 1
    [aside] = progress.set_aside(place)
    assert aside.read_text(encoding="utf-8") == text
    assert f"progress.json was damaged. As it was, it is kept in {aside.name}" in capsys.readouterr().out
    check(lambda x: x, "identity")
    assert "damaged" not in capsys.readouterr().out


def test_the_entries_that_can_be_read_stay(place):
    good = {"tries": 2, "status": "passed", "a_note": "by hand"}
    text = json.dumps({"adam": good, "adamw": {"tries": -1.5}})
    place.write_text(text, encoding="utf-8")
    progress.record(Verdict("identity", "wrong", 0, 1))
    known = json.loads(place.read_text(encoding="utf-8"))
    assert known["adam"] == good and set(known) == {"adam", "identity"}
    assert progress.set_aside(place)[0].read_text(encoding="utf-8") == text


def test_two_files_damaged_in_one_second_are_both_kept(place, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1e9)
    for text in ("one", "two"):
        place.write_text(text, encoding="utf-8")
        progress.record(Verdict("adam", "wrong", 0, 3))
    assert [path.read_text(encoding="utf-8") for path in progress.set_aside(place)] == ["one", "two"]


def test_bytes_that_are_no_text_are_set_aside(place):
    place.write_bytes(b"\xff\xfe\x00")
    assert progress.load(place) == {}
    assert place.read_bytes() == b"\xff\xfe\x00"  # looking changes nothing
    progress.record(Verdict("adam", "wrong", 0, 3))
    assert progress.set_aside(place)[0].read_bytes() == b"\xff\xfe\x00"


def test_a_file_that_may_not_be_read_is_not_written_over(place, monkeypatch):
    check(lambda x: x, "identity")
    before = place.read_bytes()

    def denied(*args, **kwargs):
        raise PermissionError("not yours")

    with monkeypatch.context() as patched:
        patched.setattr(type(place), "read_bytes", denied)
        assert progress.load(place) == {}
        assert check(lambda x: -x, "identity").status == "wrong"
    assert place.read_bytes() == before


def test_no_place_to_write_does_not_stop_a_check(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for where in (tmp_path / "file" / "progress.json", tmp_path / "none" / "progress.json", tmp_path):
        monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
        assert check(lambda x: x, "identity").passed
        assert progress.load(progress.path()) == {}


def test_no_permission_does_not_stop_a_check(place, monkeypatch):
    place.write_text("{", encoding="utf-8")  # it cannot even be set aside

    def denied(*args, **kwargs):
        raise PermissionError("read-only")

    for name in ("open", "replace"):
        monkeypatch.setattr(os, name, denied)
    assert check(lambda x: x, "identity").passed
    assert progress.load(place) == {}
    monkeypatch.undo()
    assert place.read_text(encoding="utf-8") == "{"


def test_a_write_that_fails_leaves_the_old_file(place, monkeypatch):
    check(lambda x: x, "identity")
    before = place.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert check(lambda x: -x, "identity").status == "wrong"
    monkeypatch.undo()
    assert place.read_bytes() == before
    assert {path.name for path in place.parent.iterdir()} == {"progress.json", ".progress.json.lock"}  # no draft


HOLDER = """
import pathlib, sys, time
from coursekit.judging import progress

where = pathlib.Path(sys.argv[1])
with progress._locked(where):
    where.with_name("held").touch()
    time.sleep(600)
"""


def wait_for(*paths, processes):
    while not all(path.exists() for path in paths):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


@pytest.fixture
def started():
    """`started(code, *arguments)` is a Python process, which does not outlive the test."""
    processes = []

    def start(code, *arguments):
        processes.append(subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)]))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_one_writer_at_a_time_and_a_killed_one_holds_up_nobody(place, started):
    holder = started(HOLDER, place)
    wait_for(place.with_name("held"), processes=[holder])
    with place.with_name(".progress.json.lock").open("ab") as lock:
        assert not progress._taken(lock.fileno())
        holder.kill()
        holder.wait()
        assert progress._taken(lock.fileno())
    progress.record(Verdict("adam", "wrong", 0, 3))
    assert progress.load(place)["adam"]["tries"] == 1


def test_one_that_never_lets_go_does_not_hold_up_a_check_for_ever(place, started, monkeypatch):
    wait_for(place.with_name("held"), processes=[started(HOLDER, place)])
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    progress.record(Verdict("adam", "wrong", 0, 3))
    assert progress.load(place)["adam"]["tries"] == 1


def test_a_disk_without_locks_is_written_all_the_same(place, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", none)
    progress.record(Verdict("adam", "wrong", 0, 3))
    assert progress.load(place)["adam"]["tries"] == 1


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


def test_processes_at_once_lose_nothing(place, started):
    start, names = place.with_name("start"), ("a", "b", "c")
    writers = [started(WRITER, who, start) for who in names]
    wait_for(*(start.with_name(f"ready-{who}") for who in names), processes=writers)
    start.touch()
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    known = json.loads(place.read_text(encoding="utf-8"))
    assert set(known) == {"both", *(f"{who}-{i}" for who in names for i in range(40))}
    assert known["both"]["tries"] == 120
    left = {path.name for path in place.parent.iterdir()} - {f"ready-{who}" for who in names}
    assert left == {"progress.json", ".progress.json.lock", "start"}


def test_progress_lies_beside_the_courses_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSEKIT_PROGRESS")
    (tmp_path / "exercises").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert progress.path() == tmp_path / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", "off")
    assert progress.path() is None
    assert progress.path(tmp_path / "exercises") == tmp_path / "progress.json"
