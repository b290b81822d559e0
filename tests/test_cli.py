"""The command line: one clear line and exit status 2 for every bad input, no traceback, and a light start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import __version__, cli
from coursekit.classroom.sandbox.host import lacking

ROOT = Path(__file__).parents[1]
RIGHT = "def identity(x):\n    return x\n"
WRONG = "def identity(x):\n    return 2 * x\n"
WALLS = ["--practice"] if lacking() else []  # where there are none, the same is held of grading without them
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading forks: Linux, macOS, WSL")


def run(*arguments: object) -> int:
    """The exit status of `coursekit ...`."""
    sys.argv = ["coursekit", *map(str, arguments)]
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def arguments(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "class"
    place.mkdir()
    (place / "ada.py").write_text(RIGHT)
    (place / "bo.py").write_text(WRONG)
    return place


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade", "{tmp}/nowhere"], "there is no "),
        (["grade", "{tmp}/empty"], "holds no submission"),
        (["grade", "{tmp}/notes.txt"], "neither a notebook (.ipynb) nor a Python file (.py)"),
        (["grade", "{class}", "--only", "identiy"], "no exercise is called 'identiy': did you mean 'identity'?"),
        (["grade", "{class}", "--chapter", "08_adm"], "no chapter is called '08_adm': did you mean '08_adam'?"),
        (["grade", "{class}", "--jobs", "-1"], "--jobs is how many submissions run at once"),
        (["grade", "{class}", "--jobs", "1000"], "--jobs is how many submissions run at once"),
        (["grade", "{class}", "--jobs", "many"], "'--jobs'"),
        (["grade", "{class}", "--time", "0"], "--time is the seconds"),
        (["grade", "{class}", "--time", "nan"], "--time is the seconds"),
        (["grade", "{class}", "--seed", "-3"], "--seed is a whole number"),
        (["grade", "{class}", "--out", "{tmp}/notes.txt"], "cannot write to"),
        (["grade", "{class}", "--out", "{tmp}/notes.txt/deeper"], "cannot write to"),
        (["grade", "{class}", "--nonsense"], "--nonsense"),
        (["grade"], "folder"),
        (["nonsense"], "nonsense"),
        (["author"], "Missing command"),
        (["author", "audit", "adan"], "adam"),
        (["author", "pairs", "adan"], "adam"),
        (["author", "check", "08_adm"], "no chapter is called '08_adm': did you mean '08_adam'?"),
        (["author", "new", "adam"], "the chapter 08_adam exists; --exercise NAME adds an exercise to it"),
        (["demo", "--out", "{tmp}/notes.txt"], "cannot write to"),
        (["start"], "folder"),
        (["start", "{tmp}/notes.txt"], "notes.txt is a file; name a folder"),
        (["start", f"{ROOT}/work"], "lies inside the course itself"),
        (["progress", "{tmp}/nowhere"], "there is no folder"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("notes")
    assert run(*(a.replace("{tmp}", str(tmp_path)).replace("{class}", str(folder)) for a in arguments)) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and "Traceback" not in said.err
    assert said.err.startswith("coursekit: ")


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root (and on Windows anyone) may write anywhere")
def test_no_permission_to_write(folder, tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert run("grade", folder, "--out", tmp_path / "locked" / "grades") == 2
    assert "cannot write to" in capsys.readouterr().err


@forks
def test_a_folder_is_graded_beside_itself(folder, capsys):
    assert run("grade", folder, "--only", "identity", "--jobs", 2, *WALLS) == 0
    out = folder.parent / "grades"
    assert {p.name for p in out.iterdir()} >= {"grades.csv", "results.json", "index.html", "feedback"}
    said = capsys.readouterr().out
    assert "✓ passed" in said and "✗ doubled" in said and str(out) in said


@forks
def test_one_file_decides_the_exit_status(folder):
    out = folder.parent / "out"
    assert run("grade", folder / "ada.py", "--only", "identity", "--out", out, *WALLS) == 0
    assert run("grade", folder / "bo.py", "--only", "identity", "--out", out, *WALLS) == 1
    assert run("grade", folder / "bo.py", "--only", "adam", "--out", out, *WALLS) == 1


def test_help_and_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"coursekit {__version__}\n"
    for arguments in ((), ("--help",), ("grade", "--help")):
        assert run(*arguments) == 0
        assert "grade" in capsys.readouterr().out


def test_a_folder_of_ones_own_and_the_progress_in_it(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "mine"
    assert run("start", folder) == 0
    assert "New (" in capsys.readouterr().out and (folder / "exercises" / "08_adam.ipynb").is_file()
    (folder / "progress.json").write_text('{"adam": {"status": "passed", "tries": 2}}', encoding="utf-8")
    assert run("progress", folder) == 0
    assert "adam (2 tries)" in capsys.readouterr().out
    monkeypatch.delenv("COURSEKIT_PROGRESS")
    monkeypatch.chdir(folder / "exercises")
    assert run("progress") == 0
    assert "adam (2 tries)" in capsys.readouterr().out


def test_a_start_that_is_stopped_says_that_nothing_is_lost(tmp_path, monkeypatch, capsys):
    from coursekit import workfolder

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(workfolder, "start", stopped)
    assert run("start", tmp_path) == 130
    assert "Nothing is lost; the same command goes on from here." in capsys.readouterr().err


def test_a_terminal_without_the_signs_still_has_the_words():
    command = [sys.executable, "-c", "from coursekit.cli import main; main()", "progress"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "COURSEKIT_PROGRESS": "off"}
    done = subprocess.run(command, capture_output=True, text=True, env=ascii_only, timeout=100)
    assert done.returncode == 0 and "? not tried" in done.stdout


def test_authors_commands(monkeypatch, capsys):
    from coursekit.authoring import audit, holes, notebooks

    monkeypatch.setattr(audit, "author_check", lambda: [])
    assert run("author", "check") == 0
    monkeypatch.setattr(audit, "author_check", lambda: ["adam: a slip passes"])
    assert run("author", "check") == 1
    monkeypatch.setattr(holes, "audit", lambda names, details: [f"{name}: a hole" for name in names])
    assert run("author", "audit") == 0
    assert run("author", "audit", "adam", "--details") == 1
    monkeypatch.setattr(notebooks, "build", lambda: ["exercises/x.ipynb: written"])
    assert run("author", "build") == 0
    assert run("author", "pairs", "bias_correction") == 0
    said = capsys.readouterr().out
    assert "adam: a slip passes" in said and "adam: a hole" in said and "x.ipynb: written" in said
    assert "bias_correction: " in said


@pytest.mark.parametrize(("missing", "extra"), [("typer", "grade"), ("rich", "grade"), ("safetensors", "grade")])
def test_a_missing_extra_says_how_to_install_it(missing, extra, folder):
    code = f"import sys; sys.modules[{missing!r}] = None; from coursekit.cli import main; main()"
    command = [sys.executable, "-c", code, "grade", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and f'".[{extra}]"' in done.stderr and missing in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_help_does_not_import_torch():
    code = (
        "import sys\nfrom coursekit.cli import main\nsys.argv = ['coursekit', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=100)
