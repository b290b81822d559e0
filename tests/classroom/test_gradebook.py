"""The gradebook: one grade per key, kept at any moment, the same verdict when read again."""

from __future__ import annotations

import json
import sqlite3

import pytest

from coursekit.classroom import gradebook
from coursekit.classroom.gradebook import Gradebook, verdict_of
from coursekit.classroom.sandbox.warm import Reading
from coursekit.classroom.submission import Bad
from coursekit.judging.verdict import Check, Picture, Verdict

FULL = Verdict(
    "adam", "wrong", 0, 3, "m\u0308 <b>", "slip", "title", (Check("runs", True), Check("value", None, "x")), "f()", 2,
    ("a", "b", "c"), Picture((1.0, float("inf")), (1.0, float("nan")), 1, "caption"), line=3, text="x = 1",
)  # fmt: skip


def test_a_verdict_survives_the_database():
    again = verdict_of(json.loads(json.dumps(FULL.to_dict())))
    assert repr(again.picture) == repr(FULL.picture)  # NaN is not equal to itself
    assert again.to_dict().keys() == FULL.to_dict().keys()
    assert {**again.to_dict(), "picture": 0} == {**FULL.to_dict(), "picture": 0}


def test_what_is_kept_is_found_again(tmp_path):
    path, reading = tmp_path / "g.sqlite", Reading("08_adam", ("adam",), {"q": 1.5, "r": None}, {"f": "cell 2"})
    with Gradebook(path) as book:
        seed = book.seed
        assert book.reading("k") is None and book.grades("k") == {}
        book.keep("k", "ada", "a.py", reading, [FULL, Verdict("other", "internal", 0, 1)])
    with Gradebook(path) as book:
        assert book.seed == seed, "drawn once"
        assert book.reading("k") == reading
        assert list(book.grades("k")) == ["adam"], "our own mistakes are tried again"
        assert book.grades("other") == {}
        book.keep("k", "ada", "a.py", reading, [FULL])
        assert book._db.execute("SELECT count(*) FROM grades").fetchone() == (1,)
    with Gradebook(path, seed=seed + 1) as book:
        assert book.seed == seed + 1 and book.grades("k") == {}, "another seed is another grade"
    with Gradebook(path) as book:
        assert book.seed == seed


def test_another_version_of_the_grader_grades_anew(tmp_path, monkeypatch):
    with Gradebook(tmp_path / "g") as book:
        book.keep("k", "ada", "a.py", Reading(), [FULL])
    monkeypatch.setattr(gradebook, "version", lambda: "0.0+other")
    with Gradebook(tmp_path / "g") as book:
        assert book.grades("k") == {} and book.reading("k") is None


def test_a_timeout_is_tried_again_with_more_time(tmp_path):
    slow = Verdict("adam", "timeout", 0, 3)
    with Gradebook(tmp_path / "g", time_limit=2) as book:
        book.keep("k", "ada", "a.py", Reading(), [slow])
        assert book.grades("k") == {"adam": slow}
    with Gradebook(tmp_path / "g", time_limit=1) as book:
        assert book.grades("k") == {"adam": slow}
    with Gradebook(tmp_path / "g", time_limit=3) as book:
        assert book.grades("k") == {}


def test_it_is_on_disk_before_it_counts(tmp_path):
    with Gradebook(tmp_path / "g") as book:
        assert book._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert book._db.execute("PRAGMA synchronous").fetchone() == (2,)
        book.keep("k", "ada", "a.py", Reading(), [FULL])
        other = sqlite3.connect(tmp_path / "g")
        assert other.execute("SELECT student, exercise FROM grades").fetchall() == [("ada", "adam")]
        other.close()


def test_a_file_that_is_no_gradebook(tmp_path):
    (tmp_path / "g").write_text("no database " * 1000)
    with pytest.raises(Bad, match="cannot be used"):
        Gradebook(tmp_path / "g")


def test_the_version_changes_with_the_source(tmp_path, monkeypatch):
    before = gradebook.version()
    assert before == gradebook.version()
    monkeypatch.setattr(gradebook, "ROOMS", gradebook.ROOMS[:-1])
    assert gradebook.version() != before
