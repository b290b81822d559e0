"""Reading submissions: definitions by name, broken cells one by one, magics, quiz answers, chapters."""

from __future__ import annotations

import ast
import json
import linecache

import pytest

from coursekit.classroom.sandbox.source import Unreadable, answers, defined, read


def notebook(*cells: str | list[str], metadata: dict | None = None) -> bytes:
    made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": made, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def test_definitions_of_every_kind_are_found_by_name():
    data = notebook(
        "def adam(): pass", "other = lambda x: x\nclass K: pass", "mine = adam\nthird = 3", ["def f():\n", "  pass"]
    )
    source = read(data, ".ipynb", "a.ipynb")
    assert defined(source, {"adam", "other", "K", "mine", "f", "third", "absent"}) == [
        "adam",
        "other",
        "K",
        "mine",
        "f",
    ]


def test_a_broken_cell_is_skipped_alone_and_says_which_names_it_would_define():
    source = read(notebook("def a(): return 1", "x = 1\ndef b(:\n  return 2", "def c(): pass"), ".ipynb", "n")
    assert defined(source, {"a", "b", "c"}) == ["a", "c"]
    (broken,) = source.broken
    assert broken["names"] == ["b"]
    assert broken["where"].startswith("code cell 2, line 2: ") and "def b(:" in broken["where"]


def test_magics_and_shell_lines_go_and_line_numbers_stay():
    magics = "%matplotlib inline\nfiles = !ls\nif True:\n    !pip install it's (x\n?adam\nadam??\n"
    text = magics + "def f(a, b):\n    return (a\n  % b)"
    source = read(notebook(text, "%%bash\nls -l", "%%time\ndef g(): pass"), ".ipynb", "n")
    assert source.broken == []
    assert defined(source, {"f", "g"}) == ["f", "g"]
    f = next(s for s, _ in source.statements if getattr(s, "name", "") == "f")
    assert f.lineno == 7 and linecache.getline("n cell 1", 7) == "def f(a, b):\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[]", "no list of cells"),
        (b"{}", "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b'{"cells": [1]}', "no list of cells"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "no list of cells"),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_what_is_no_notebook_says_why(data, words):
    with pytest.raises(Unreadable, match=words):
        read(data, ".ipynb", "a")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = 1\ndef f(:\n", r"line 2: .*def f\(:"),
        (b"x = '\xff'\n", "encoding"),
        (b"# coding: nonsense\nx = 1\n", "parse|not text"),
        (b"x = 1\x00", "null bytes"),
        (b"x = " + b"(" * 5000 + b")" * 5000, "too (many )?(deep|nested)"),
    ],
)
def test_a_script_that_does_not_parse_says_where(data, words):
    with pytest.raises(Unreadable, match=words):
        read(data, ".py", "a")


def test_a_script_may_be_in_its_declared_encoding_and_have_a_byte_order_mark():
    assert defined(read("# coding: latin-1\nä = 'ü'\ndef f(): pass".encode("latin-1"), ".py", "a"), {"f"}) == ["f"]
    assert defined(read("\ufeffdef f(): pass".encode(), ".py", "a"), {"f"}) == ["f"]


def test_the_last_answer_to_each_quiz_counts():
    source = read(
        notebook(
            'answer("one", 3.5)\nanswer("two", ...)',
            'answer("one", -4)\ncoursekit.answer("three", "b")\nx = answer("four", 1)',
            'answer("other", 1)\nanswer("one")\nanswer(name, 1)\nprint("one", 1)',
        ),
        ".ipynb",
        "n",
    )
    found = answers(source, {"one", "two", "three", "four"})
    assert {name: (ast.unparse(node), label) for name, (node, label) in found.items()} == {
        "one": ("-4", "n cell 2"),
        "three": ("'b'", "n cell 2"),
        "four": ("1", "n cell 2"),
    }


@pytest.mark.parametrize(
    ("metadata", "chapter"),
    [
        ({"coursekit": {"chapter": "08_adam"}}, "08_adam"),
        ({"coursekit": {"chapter": "../x"}}, None),
        ({"coursekit": {"chapter": 8}}, None),
        ({"coursekit": 1}, None),
        ({}, None),
    ],
)
def test_the_chapter_that_the_metadata_names(metadata, chapter):
    assert read(notebook(metadata=metadata), ".ipynb", "n").chapter == chapter
