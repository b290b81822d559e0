"""Finding submissions: files and student folders, what is passed over, and names fit for any output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coursekit.classroom import submission
from coursekit.classroom.submission import Bad, File, find, key


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def test_files_and_folders_become_submissions(tmp_path):
    names = ["zoe.ipynb", "ada.py", "bo/08_adam.ipynb", "bo/deep/er/x.PY", "bo/notes.txt", "readme.md"]
    names += [
        ".hidden.py",
        ".git/a.py",
        "__pycache__/a.py",
        ".ipynb_checkpoints/ada.ipynb",
        "bo/.ipynb_checkpoints/x.py",
    ]
    touch(*(tmp_path / name for name in names))
    found, ignored = find(tmp_path)
    assert [(s.student, [f.name for f in s.files]) for s in found] == [
        ("ada", ["ada.py"]),
        ("bo", ["bo/08_adam.ipynb", "bo/deep/er/x.PY"]),
        ("zoe", ["zoe.ipynb"]),
    ]
    assert [s.file for s in found] == ["ada.py", "bo/", "zoe.ipynb"]
    assert ignored == 3  # readme.md, notes.txt, .hidden.py


def test_a_folder_without_files_is_still_a_student(tmp_path):
    touch(tmp_path / "ada" / "notes.txt")
    assert [(s.student, s.files) for s in find(tmp_path)[0]] == [("ada", ())]


def test_results_of_earlier_runs_are_no_submission(tmp_path):
    touch(
        tmp_path / "ada.py", tmp_path / "here" / "x.py", tmp_path / "old" / submission.GRADEBOOK, tmp_path / "old/y.py"
    )
    assert [s.student for s in find(tmp_path, tmp_path / "here")[0]] == ["ada"]


def test_links_are_not_followed(tmp_path):
    touch(tmp_path / "class" / "ada.py", tmp_path / "secret.py", tmp_path / "other" / "x.py")
    os.symlink(tmp_path / "secret.py", tmp_path / "class" / "eve.py")
    os.symlink(tmp_path / "other", tmp_path / "class" / "mallory")
    assert [s.student for s in find(tmp_path / "class")[0]] == ["ada"]


def test_names_are_made_printable(tmp_path):
    touch(tmp_path / "a\x1b[31m\nb.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_text("")
    for s in find(tmp_path)[0]:
        assert s.student.isprintable() and s.file.isprintable()
        s.student.encode()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "nowhere", "there is no"),
        (lambda p: p, "holds no submission"),
        (lambda p: (touch(p / "x.txt"), p / "x.txt")[1], "neither a notebook"),
    ],
)
def test_bad_places(tmp_path, make, words):
    with pytest.raises(Bad, match=words):
        find(make(tmp_path))


def test_one_file(tmp_path):
    touch(tmp_path / "ada.py")
    found, ignored = find(tmp_path / "ada.py")
    assert (found[0].student, found[0].file, ignored) == ("ada", "ada.py", 0)


def test_the_chapter_in_a_name():
    known = ["01_losses", "08_adam", "10_adamw"]
    names = {"ada_08_adam.py": "08_adam", "08_adam (2).ipynb": "08_adam", "ada/01_losses/x.py": "01_losses"}
    names |= {"10_adamw.py": "10_adamw", "adam.py": None, "108_adam.py": None, "08_adamant.py": None}
    assert {name: File(Path(name), name).chapter(known) for name in names} == names


def test_data_says_why_not(tmp_path, monkeypatch):
    touch(tmp_path / "ada.py")
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        File(tmp_path / "gone.py", "gone.py").data()
    monkeypatch.setattr(submission, "MAX_BYTES", 3)
    with pytest.raises(ValueError, match="at most"):
        File(tmp_path / "ada.py", "ada.py").data()


def test_the_key_knows_student_name_and_content():
    a, b = File(Path("a.py"), "a.py"), File(Path("b.py"), "b.py")
    keys = {key("ada", a, b"1"), key("ada", a, b"2"), key("ada", b, b"1"), key("bo", a, b"1"), key("adaa.py", a, b"1")}
    assert len(keys) == 5 and key("ada", a, b"1") in keys
