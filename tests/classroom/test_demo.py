"""The sample class: thirty students, the same each time, every status among their verdicts."""

from __future__ import annotations

import json

from coursekit.classroom import demo
from coursekit.judging.verdict import STATUSES


def test_the_class_is_graded_as_it_was_made(tmp_path, capsys):
    assert demo.demo(tmp_path, jobs=2) == 0
    found = json.loads((tmp_path / "grades" / "results.json").read_text(encoding="utf-8"))["submissions"]
    assert len(found) == 30 and found == sorted(found, key=lambda s: s["student"])
    rows = {s["student"].partition("_")[0]: s["exercises"] for s in found}
    statuses = {r["status"] for own in rows.values() for r in own}
    assert statuses == set(STATUSES) - {"internal"}
    for student in ("ada", "bruno", "chiara", "dario", "elif"):
        assert {r["status"] for r in rows[student]} == {"passed"}, student
    named = [r for own in rows.values() for r in own if r["status"] in ("wrong", "convention")]
    assert all(r["diagnosis"] for r in named), "a mistake of the bank is named"
    out = capsys.readouterr().out
    assert "30 submissions graded" in out and "eps inside the root" in out


def test_it_is_the_same_each_time():
    assert demo.sample() == demo.sample()
