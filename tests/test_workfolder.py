"""A learner's own folder: theirs stays, the rest keeps up, nothing is lost, also from an installed wheel."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from coursekit import workfolder
from coursekit.workfolder import RECORD, Bad, start

ROOT = Path(__file__).parents[1]
EXERCISE, LESSON = "exercises/01_losses.ipynb", "notebooks/01_losses.ipynb"


def notebook(*sources: str, outputs: tuple = ()) -> str:
    cells = [{"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A small course in the place of the real one."""
    root = tmp_path / "course"
    files = {
        EXERCISE: notebook("[Lesson](../notebooks/01_losses.ipynb) · [Solutions](../solutions/01_losses.ipynb)", "..."),
        LESSON: notebook("a lesson"),
        "notebooks/01_losses.py": "# its source, for authors",
        "solutions/01_losses.ipynb": notebook("the answer"),
        "jupyter/jupyter_lab_config.py": "c = 1",
        "jupyter/settings/overrides.json": "{}",
        "exercises/.ipynb_checkpoints/01_losses-checkpoint.ipynb": notebook("an author's"),
    }
    for name, text in files.items():
        put(root / name, text)
    monkeypatch.setattr(workfolder, "course", lambda: root)
    return root


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_lessons_and_exercises_are_copied_without_solutions(course, tmp_path):
    folder = tmp_path / "deep" / "work"
    report = start(folder)
    wanted = {EXERCISE, LESSON, "jupyter/jupyter_lab_config.py", "jupyter/settings/overrides.json"}
    assert set(report.new) == wanted == set(files(folder)) - {RECORD}
    assert (folder / LESSON).read_bytes() == (course / LESSON).read_bytes()
    assert "../notebooks/" in (folder / EXERCISE).read_text(encoding="utf-8")
    assert "solutions" not in (folder / EXERCISE).read_text(encoding="utf-8").lower()  # no link that leads nowhere
    for words in ("New (4): ", "Solutions are left out; --solutions brings them.", f"{folder / 'progress.json'}"):
        assert words in str(report)


def test_solutions_come_when_asked_for_and_from_then_on(course, tmp_path):
    start(tmp_path / "work")
    report = start(tmp_path / "work", solutions=True)
    assert (report.new, report.updated) == (["solutions/01_losses.ipynb"], [EXERCISE])
    assert "left out" not in str(report)
    assert (tmp_path / "work" / EXERCISE).read_bytes() == (course / EXERCISE).read_bytes()
    put(course / "solutions/01_losses.ipynb", notebook("a better answer"))
    assert start(tmp_path / "work").updated == ["solutions/01_losses.ipynb"]


def test_a_second_run_changes_nothing(course, tmp_path):
    start(tmp_path / "work")
    before = files(tmp_path / "work")
    report = start(tmp_path / "work")
    assert (report.new, report.updated, report.changed, len(report.same)) == ([], [], [], 4)
    assert "Already as in the course: 4 files." in str(report)
    assert files(tmp_path / "work") == before


def test_what_the_learner_changed_stays_and_the_rest_is_brought_up_to_date(course, tmp_path):
    folder = tmp_path / "work"
    start(folder)
    mine = notebook("mine")
    put(folder / EXERCISE, mine)
    put(folder / "exercises/notes.ipynb", mine)
    assert start(folder).changed == [EXERCISE]
    put(course / EXERCISE, notebook("corrected"))
    put(course / LESSON, notebook("a better lesson"))
    put(course / "exercises/02_gradients.ipynb", notebook("..."))
    report = start(folder)
    assert (report.new, report.updated, report.newer) == (["exercises/02_gradients.ipynb"], [LESSON], [EXERCISE])
    assert "rename yours and run this again" in " ".join(str(report).split())
    assert (folder / EXERCISE).read_text(encoding="utf-8") == mine
    assert (folder / "exercises/notes.ipynb").read_text(encoding="utf-8") == mine
    (folder / EXERCISE).rename(folder / "exercises/mine.ipynb")
    assert start(folder).new == [EXERCISE]
    assert (folder / "exercises/mine.ipynb").read_text(encoding="utf-8") == mine


def test_running_a_cell_is_no_change(course, tmp_path):
    folder = tmp_path / "work"
    start(folder)
    put(folder / LESSON, notebook("a lesson", outputs=({"output_type": "stream", "name": "stdout", "text": "1"},)))
    assert LESSON in start(folder).same
    put(course / LESSON, notebook("a better lesson"))
    assert start(folder).updated == [LESSON]


@pytest.mark.parametrize("theirs", ["", "{", "[]", '{"cells": 3}', '{"cells": [{"source": 3}]}', "[" * 100_000])
def test_a_file_that_is_no_notebook_any_more_is_theirs(course, tmp_path, theirs):
    start(tmp_path / "work")
    put(tmp_path / "work" / LESSON, theirs)
    assert start(tmp_path / "work").changed == [LESSON]
    assert (tmp_path / "work" / LESSON).read_text(encoding="utf-8") == theirs


def test_a_folder_that_has_such_files_already_keeps_them(course, tmp_path):
    put(tmp_path / "work" / EXERCISE, notebook("from last year"))
    report = start(tmp_path / "work")
    assert report.newer == [EXERCISE] and LESSON in report.new
    assert (tmp_path / "work" / EXERCISE).read_text(encoding="utf-8") == notebook("from last year")


def test_what_the_course_no_longer_has_is_left_and_said(course, tmp_path):
    start(tmp_path / "work")
    (course / LESSON).unlink()
    report = start(tmp_path / "work")
    assert report.gone == [LESSON] and (tmp_path / "work" / LESSON).exists()
    assert f"Left, though the course no longer has them (1): {LESSON}." in str(report)


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"exercises/01_losses.ipynb": 3}'])
def test_without_its_record_it_overwrites_nothing_that_differs(course, tmp_path, damaged):
    folder = tmp_path / "work"
    start(folder)
    put(folder / EXERCISE, notebook("mine"))
    put(folder / RECORD, damaged)
    put(course / LESSON, notebook("a better lesson"))
    assert set(start(folder).newer) == {EXERCISE, LESSON}
    assert (folder / LESSON).read_text(encoding="utf-8") == notebook("a lesson")


@pytest.mark.parametrize("stop", range(1, 12))
def test_stopped_at_any_write_it_has_lost_nothing_and_goes_on(course, tmp_path, monkeypatch, stop):
    folder, mine = tmp_path / "work", notebook("mine")
    start(folder)
    put(folder / LESSON, mine)
    put(course / EXERCISE, notebook("corrected"))
    for n in range(4):
        put(course / f"exercises/1{n}.ipynb", notebook(str(n)))
    replace, count = os.replace, 0

    def stopping(source, target):
        nonlocal count
        count += 1
        if count == stop:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stopping)
    try:
        start(folder)
    except KeyboardInterrupt:
        assert stop <= 10  # five files and the record after each
    monkeypatch.undo()
    monkeypatch.setattr(workfolder, "course", lambda: course)
    assert json.loads((folder / EXERCISE).read_text(encoding="utf-8"))  # the old one or the new one, whole
    start(folder)
    assert (folder / LESSON).read_text(encoding="utf-8") == mine
    assert (folder / EXERCISE).read_text(encoding="utf-8") == notebook("corrected")
    assert start(folder).new == start(folder).updated == []
    assert not list(folder.glob(f"{RECORD}.*"))


def test_a_full_disk_is_said_and_the_old_copy_stays(course, tmp_path, monkeypatch):
    start(tmp_path / "work")
    put(course / LESSON, notebook("a better lesson"))

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Bad, match="No space left on device; what is there stays as it is"):
        start(tmp_path / "work")
    assert (tmp_path / "work" / LESSON).read_text(encoding="utf-8") == notebook("a lesson")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("file", "file is a file; name a folder"),
        ("file/deeper", "file is a file; name a folder"),
        ("course", "course lies inside the course itself; name a folder outside of"),
        ("course/work", "course/work lies inside the course itself"),
        ("course/../course/work", "lies inside the course itself"),
        ("link/work", "link/work lies inside the course itself"),
        ("linked", "linked/exercises lies inside the course itself"),
        ("busy", "cannot write to .*01_losses.ipynb: Is a directory"),
        ("loop", "cannot write to .*loop"),
    ],
)
def test_a_folder_that_will_not_do(course, tmp_path, place, words):
    put(tmp_path / "file", "")
    (tmp_path / "link").symlink_to(course)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "exercises").symlink_to(course / "exercises")
    (tmp_path / "busy" / EXERCISE).mkdir(parents=True)
    before = files(course)
    with pytest.raises(Bad, match=words):
        start(tmp_path / place)
    assert files(course) == before


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root (and on Windows anyone) may write anywhere")
def test_no_permission(course, tmp_path):
    (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(Bad, match="Permission denied"):
        start(tmp_path / "locked" / "work")


def test_no_permission_is_said(course, tmp_path, monkeypatch):
    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(Bad, match=r"cannot write to .*work: Permission denied"):
        start(tmp_path / "work")


def test_the_checkouts_own_notebooks_are_found():
    assert workfolder.course() == ROOT


def test_a_package_without_notebooks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(workfolder, "__file__", str(tmp_path / "site-packages" / "coursekit" / "workfolder.py"))
    with pytest.raises(Bad, match="installed without its notebooks"):
        workfolder.course()


# ---- from an installed wheel

FROM_THE_WHEEL = """
import coursekit, sys
from coursekit import check, show
from coursekit.judging.overview import progress
assert coursekit.__file__.startswith(sys.prefix), coursekit.__file__
check(lambda x: x, "identity")
print(progress().where)
for card in (check(lambda x: -x, "identity"), progress()):
    assert "light-dark" in card._repr_html_()
for figure in (show.margins(), show.playground(steps=5)):
    assert "ck-figure" in figure.standalone_html()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The bin folder of an environment into which the wheel alone is installed; what it needs is lent from here."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("wheel")
    for name in ("coursekit", "exercises", "jupyter", "notebooks", "solutions"):
        shutil.copytree(ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    for name in ("constraints.txt", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-deps", "--no-index"]
    binaries = place / "env" / ("Scripts" if os.name == "nt" else "bin")
    made = ["wheel", "--no-build-isolation", *offline, "-w", str(place), str(place / "source")]
    for command in (
        [*pip, *made],
        [sys.executable, "-m", "venv", "--without-pip", str(place / "env")],
        [*pip, f"--python={binaries / 'python'}", "install", *offline, "--find-links", place, "coursekit"],
    ):
        subprocess.run(command, check=True, timeout=300, stdout=subprocess.DEVNULL)
    return binaries


def test_the_wheel_has_every_file_of_the_package(installed):
    source = installed.parents[1] / "source" / "coursekit"
    inside = next(installed.parent.glob("[Ll]ib/**/site-packages/coursekit"))
    wanted = {path.relative_to(source) for path in source.rglob("*")}
    assert {".py", ".js", ".css"} <= {path.suffix for path in wanted}
    assert wanted <= {path.relative_to(inside) for path in inside.rglob("*")}


def test_the_wheel_starts_a_folder_and_counts_in_it(installed, tmp_path):
    lent = os.environ | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}
    lent = {key: value for key, value in lent.items() if key != "COURSEKIT_PROGRESS"}

    def run(*command: object, cwd: Path = tmp_path, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=lent, cwd=cwd, timeout=300)
        assert done.returncode == status, done.stderr
        return done

    folder = tmp_path / "work"
    assert "New (" in run(installed / "coursekit", "start", folder).stdout
    here = {p.relative_to(ROOT).as_posix() for kind in ("notebooks", "exercises") for p in ROOT.glob(f"{kind}/*.ipynb")}
    assert {name for name in files(folder) if name.endswith(".ipynb")} == here
    assert "Already as in the course" in run(installed / "coursekit", "start", folder, "--solutions").stdout
    assert len(list(folder.glob("solutions/*.ipynb"))) == len(list(ROOT.glob("solutions/*.ipynb")))
    inside = next(installed.parent.glob("[Ll]ib/**/site-packages/coursekit/course"))
    refused = run(installed / "coursekit", "start", inside / "work", status=2).stderr
    assert "lies inside the course itself" in refused and refused.count("\n") == 1
    kernel = folder / "exercises"  # where a notebook's kernel stands
    assert run(installed / "python", "-c", FROM_THE_WHEEL, cwd=kernel).stdout.strip() == str(folder / "progress.json")
    assert "1 of " in run(installed / "coursekit", "progress", folder).stdout
