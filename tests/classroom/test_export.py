"""grades.csv, results.json, feedback pages and the table on the terminal, from verdicts made by hand."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from coursekit.classroom import export, feedback, summary
from coursekit.classroom.batch import WHOLE_FILE, Graded
from coursekit.judging.verdict import Verdict

EVIL = "<script>alert(1)</script>\"&'"
CLASS = [
    Graded(
        "ada",
        "ada.ipynb",
        (
            Verdict("update_moments", "passed", 1, 1, "right"),
            Verdict(
                "adam", "wrong", 0, 3, f"yours is {EVIL}", "eps", "eps forgotten", text=EVIL, hints=("a", "b", "c")
            ),
        ),
        fresh=True,
    ),
    Graded("=cmd|' /C calc'!A0", "@x.py", (Verdict("adam", "convention", 1.5, 3, "m", "c", "eps inside"),), fresh=True),
    Graded("bo", "bo.py", (Verdict(WHOLE_FILE, "error", 0, 0, "It does not parse."),), "it does not parse", fresh=True),
    Graded("cy" + EVIL, "cy/", note="the folder holds no .ipynb or .py file"),
    Graded("ada", "ada.py", (Verdict("adam", "internal", 0, 3, "our mistake"),)),
]


def test_the_csv(tmp_path):
    export.write_csv(tmp_path / "g.csv", CLASS)
    rows = list(csv.reader(io.StringIO((tmp_path / "g.csv").read_text(encoding="utf-8"))))
    assert rows[0] == ["student", "file", "update_moments", "adam", "total", "max", "percent", "note"]
    assert rows[1] == ["ada", "ada.ipynb", "1", "0", "1", "4", "25", ""]
    assert rows[2][:4] == ["'=cmd|' /C calc'!A0", "'@x.py", "", "1.5"]
    assert rows[3] == ["bo", "bo.py", "", "", "0", "0", "0", "it does not parse"]
    assert len(rows) == 6
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_the_json_has_the_agreed_form(tmp_path):
    export.write_json(tmp_path / "r.json", CLASS, version="1", seed=3, seconds=0.5)
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (found["version"], found["seed"], found["seconds"]) == ("1", 3, 0.5)
    assert [s["student"] for s in found["submissions"]] == [g.student for g in CLASS]
    row = found["submissions"][0]["exercises"][1]
    wanted = {"exercise": "adam", "status": "wrong", "points": 0, "max_points": 3, "diagnosis": "eps"}
    assert wanted.items() <= row.items() and row["walls"] == "practice" and EVIL in row["message"]
    assert found["submissions"][3]["exercises"] == []


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.words += data


def parsed(path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    return tags


def test_pages_are_escaped_self_contained_and_linked(tmp_path):
    feedback.write_pages(tmp_path, CLASS, "about")
    pages = sorted((tmp_path / "feedback").glob("*.html"))
    assert len(pages) == 4 and len(list((tmp_path / "feedback").glob("*.txt"))) == 4
    for path in [*pages, tmp_path / "index.html"]:
        page = parsed(path)
        assert "script" not in page.tags and "link" not in page.tags
        assert all((tmp_path / link).is_file() for link in page.links)
    assert len(parsed(tmp_path / "index.html").links) == 5
    ada = parsed(tmp_path / "feedback" / "ada.html")
    assert EVIL in ada.words and "ada.ipynb" in ada.words and "ada.py" in ada.words and "about" in ada.words
    text = (tmp_path / "feedback" / "ada.txt").read_text(encoding="utf-8")
    assert EVIL in text and "✗ Not yet: adam" in text and "1 of 4 points (25 %)" in text


def test_one_card_where_all_say_the_same(tmp_path):
    rows = tuple(Verdict(name, "error", 0, 2, "It does not parse: line 1.") for name in ("a", "b"))
    page = feedback.student_page("ada", [Graded("ada", "a.py", rows, "it does not parse: line 1")], "")
    assert page.count("It does not parse") == 1 and "a, b" in page and "0 of 4 points" in page


def test_the_terminal_table():
    out = io.StringIO()
    summary.show(Console(file=out, width=120), CLASS, 2.0)
    text = out.getvalue()
    for words in ("✓ passed", "✗ eps forgotten", "≈ eps inside", "1.5/3", "1 x adam: eps forgotten"):
        assert words in text
    assert "bo.py: it does not parse." in text and "not held against ada" in text
    assert "3 submissions graded in 2.0 s, 1.5 submissions per second; 2 were in the gradebook already." in text
    assert "\x1b" not in text


def test_progress_is_plain_where_there_is_no_terminal():
    out = io.StringIO()
    with summary.progress(Console(file=out), 30) as tell:
        for _ in range(30):
            tell(CLASS[0])
    assert out.getvalue().splitlines()[0] == "graded 3 of 30" and len(out.getvalue().splitlines()) == 10


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_or_not(terminal):
    out = io.StringIO()
    with summary.progress(Console(file=out, force_terminal=terminal), 2) as tell:
        tell(CLASS[0])
        tell(CLASS[0])
    assert ("\x1b" in out.getvalue()) is terminal
