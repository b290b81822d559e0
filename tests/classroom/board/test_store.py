"""The board's file: what is acknowledged is kept, once; nothing in it names anybody; the exports."""

from __future__ import annotations

import csv
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from coursekit.classroom.board import export
from coursekit.classroom.board.items import Items
from coursekit.classroom.board.names import fit, free, given
from coursekit.classroom.board.store import Event, Store
from coursekit.classroom.submission import Bad


def event(learner: int, number: int, exercise: str = "adam", status: str = "wrong") -> Event:
    return Event(learner, f"{number:032x}", 1000.0 + number, exercise, status, None)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "board.sqlite")
    yield store
    store.close()


def test_many_at_once_are_each_kept_once(store):
    learners = [store.add_learner(f"L{i}", 0)[0].id for i in range(4)]
    wanted = [event(learner, number) for learner in learners for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(store.add, wanted + wanted))
    new = [future.result() for future in futures]
    assert sum(new) == len(wanted)
    assert sorted(store.events()) == sorted(wanted)


def test_what_is_acknowledged_is_there_for_another_process_at_once(store):
    learner = store.add_learner("Ada", 0)[0].id
    store.add(event(learner, 1)).result()
    other = Store(store.path)
    assert list(other.events()) == [event(learner, 1)]
    other.close()


def test_an_event_of_one_who_was_erased_is_not_kept(store):
    learner = store.add_learner("Ada", 0)[0].id
    store.erase(learner)
    assert store.add(event(learner, 1)).result() is False
    assert list(store.events()) == []


def test_what_waits_is_written_when_it_closes(tmp_path):
    store = Store(tmp_path / "board.sqlite")
    learner = store.add_learner("Ada", 0)[0].id
    futures = [store.add(event(learner, i)) for i in range(1000)]
    store.close()
    assert all(future.result() for future in futures)


def test_the_file_holds_no_token_and_is_its_owners(store):
    _, token = store.add_learner("Ada", 0)
    assert token not in store.path.read_bytes().decode("latin-1")
    assert token not in store.path.with_name("board.sqlite-wal").read_bytes().decode("latin-1")
    if os.name == "posix":
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"x" * 500])
def test_a_file_that_is_no_board_is_one_line(content, tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_bytes(content)
    with pytest.raises(Bad, match="cannot be used"):
        Store(path)
    assert path.read_bytes() == content


def test_another_databases_file_is_one_line(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "other.sqlite") as db:
        db.execute("CREATE TABLE events (what TEXT)")
    db.close()
    with pytest.raises(Bad, match="cannot be used"):
        Store(tmp_path / "other.sqlite")


# ---- names


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("<script>", "<script>"),  # shown as it is: the pages never make HTML of it
        ("Zoë \u05d0\u05d1", "Zoë \u05d0\u05d1"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("\ud800", ""),
        ("a\x00\x1b[31mb", "a[31mb"),
        ("\u00a0 \u2003", ""),
        ("Z" + "\u0300\u0301\u0302\u0303\u0304", "Z\u0300\u0301"),
    ],
)
def test_a_name_keeps_what_can_stand_in_a_table(name, fits):
    assert fit(name) == fits


def test_a_class_finds_names():
    taken: set[str] = set()
    for _ in range(1000):
        taken.add(free(given(), taken))
    assert len(taken) == 1000


# ---- export


def test_the_exports(store, tmp_path):
    ada, bo = (store.add_learner(name, 0)[0].id for name in ("=cmd()", 'Bo "quote", comma'))
    for one in (event(ada, 1), event(ada, 2, status="passed"), event(bo, 3, "bias_correction")):
        store.add(one).result()
    out = tmp_path / "out"
    assert export.export(store.path, out) == 0
    events = list(csv.DictReader((out / "events.csv").read_text(encoding="utf-8").splitlines()))
    assert [(e["learner"], e["exercise"], e["status"]) for e in events] == [
        ("'=cmd()", "adam", "wrong"),
        ("'=cmd()", "adam", "passed"),
        ('Bo "quote", comma', "bias_correction", "wrong"),
    ]
    learners = list(csv.reader((out / "learners.csv").read_text(encoding="utf-8").splitlines()))
    assert learners == [
        ["learner", "bias_correction", "bias_correction tries", "adam", "adam tries"],
        ["'=cmd()", "", "", "passed", "2"],
        ['Bo "quote", comma', "wrong", "1", "", ""],
    ]
    whole = json.loads((out / "workshop.json").read_text(encoding="utf-8"))
    assert [e["learner"] for e in whole["events"]] == ["=cmd()", "=cmd()", 'Bo "quote", comma']
    assert whole["learners"][0]["exercises"][0]["tries"] == 2
    assert store.key not in json.dumps(whole)


def test_an_export_of_nothing_is_one_line(tmp_path):
    with pytest.raises(Bad, match="there is no board's file"):
        export.export(tmp_path / "nothing.sqlite", tmp_path)


# ---- what is shown


def test_every_lesson_says_where_its_exercises_are_taught():
    from coursekit.workfolder import lessons

    items = Items((), lessons())
    assert not [item.name for item in items.all if not item.question and not item.section]
    adam = items.all[items.at["adam"]]
    assert (adam.chapter, adam.section) == ("08_adam", "2. The idea")
    said = items.said("adam", "m_not_corrected")
    assert (said.title, said.where) == ("m not corrected", "Lesson 08_adam, “2. The idea”")


def test_an_unknown_chapter_is_one_line():
    with pytest.raises(Bad, match="did you mean '08_adam'"):
        Items(("08_adm",))
