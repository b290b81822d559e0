"""A new chapter, and one more exercise: what is made works at once, what cannot be made leaves all as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.authoring.new import Bad, new
from coursekit.authoring.notebooks import ROOT

LONG = "an_exercise_with_a_long_name_x"  # 30 letters: no line may grow too long
LIVED_WITH = """\
import contextlib, io, json
import pytest
from coursekit.authoring.audit import author_check
from coursekit.authoring.holes import audit
from coursekit.authoring.notebooks import build
from coursekit.bank import index
from pathlib import Path

chapter, names = index.chapter("gating"), {names}
assert [e.name for e in chapter.exercises] == names and chapter.id == "18_gating"
with contextlib.redirect_stdout(io.StringIO()):
    assert author_check([chapter], root=None, seeds=(0, 1)) == []
    assert audit(names) == []
made = build(Path.cwd(), chapters=[chapter])
assert {{f"{{folder}}/18_gating.ipynb: written" for folder in ("notebooks", "exercises", "solutions")}} <= set(made)
for folder, status in (("exercises", "not_attempted"), ("solutions", "passed")):
    space, shown = {{"__name__": "__main__"}}, []
    for cell in json.loads(Path(folder, "18_gating.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["metadata"]["coursekit"].get("role") in ("check", "answer"):
            shown.append(eval(source, space).status)
        elif cell["cell_type"] == "code":
            exec(source, space)
    assert shown == [status] * len(shown) and len(shown) == len(names) + 2, shown
lesson = json.loads(Path("notebooks", "18_gating.ipynb").read_text(encoding="utf-8"))["cells"]
space = {{"__name__": "__main__"}}
for cell in lesson:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), space)
late = "ignore::pytest.PytestAssertRewriteWarning"  # what is loaded already, as the cells above were run
made = ["tests/reference/test_gating.py", "tests/bank/test_gating.py", "coursekit/reference/gating.py"]
assert pytest.main(["-W", late, *made]) == 0
"""


@pytest.fixture
def course(tmp_path):
    """As much of the course as an author touches."""
    shutil.copytree(ROOT / "coursekit", tmp_path / "coursekit", ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    lessons = ["notebooks/02_gradients.py", "notebooks/08_adam.py", "notebooks/17_summary.py"]
    tests = ["tests/bank/judged.py", "tests/reference/test_adam.py", "tests/reference/test_gradients.py"]
    for name in ("pyproject.toml", *lessons, *tests):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    kept = (p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts and ".git" not in p.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in kept}


def run(root: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=os.environ | {"COURSEKIT_PROGRESS": "off"},
        capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    assert set(before) <= set(after)
    return {name for name, content in after.items() if before.get(name) != content}


def test_what_is_made_works_at_once(course):
    before = files(course)
    said = new("gating", title="Gates, and what goes through", root=course)
    made = changed(before, files(course))
    assert made == {
        "coursekit/reference/gating.py", "coursekit/bank/gating.py", "coursekit/bank/slips/gating.py",
        "notebooks/18_gating.py", "tests/reference/test_gating.py", "tests/bank/test_gating.py",
    }  # fmt: skip
    assert all(f"  {name} " in said for name in made)
    assert "author check 18_gating; coursekit author audit gating" in said
    before = files(course)
    said = new("gating", LONG, root=course)
    more = changed(before, files(course))
    assert more == {
        "coursekit/reference/gating.py", "coursekit/bank/gating.py", f"coursekit/bank/slips/{LONG}.py",
        "tests/reference/test_gating.py",
    }  # fmt: skip
    assert f"{LONG} is added to chapter 18_gating" in said
    places = sorted(made | more)
    run(course, "-m", "ruff", "check", "--quiet", "coursekit", *places)
    run(course, "-m", "ruff", "format", "--check", "--quiet", "coursekit", *places)
    run(course, "-c", LIVED_WITH.format(names=["gating", LONG]))


BY_THE_PAGE = """\
import contextlib, dataclasses, io
import pytest
from coursekit.authoring.audit import author_check
from coursekit.authoring.holes import audit
from coursekit.bank import index

name = "directional_derivative"
chapter = dataclasses.replace(index.chapter("gradients"), exercises=(index.exercise(name),), quizzes=())
with contextlib.redirect_stdout(io.StringIO()):
    assert author_check([chapter], root=None) == []
    assert audit([name]) == []
late = "ignore::pytest.PytestAssertRewriteWarning"
places = ["tests/reference/test_gradients.py", "coursekit/reference/gradients.py"]
assert pytest.main(["-W", late, "-k", name, *places]) == 0
"""


def test_the_exercise_of_the_authors_page_works(course):
    """Every block of Python in docs/authoring.md, put where the page says."""
    new("gradients", "directional_derivative", root=course)
    page = (ROOT / "docs" / "authoring.md").read_text(encoding="utf-8")
    formula, tests, slips, declared = re.findall(r"```python\n(.*?)```", page, re.S)
    parts = {
        "coursekit/reference/gradients.py": ("def _need_directional_derivative", formula, ""),
        "tests/reference/test_gradients.py": ("def test_directional_derivative", tests, ""),
        "coursekit/bank/slips/directional_derivative.py": ('"""', slips, ""),
        "coursekit/bank/gradients.py": ("def _directional_derivative_cases", declared, "\nchapter = "),
    }
    for place, (first, new_part, then) in parts.items():
        head, _, rest = (course / place).read_text(encoding="utf-8").partition(first)
        text = head + new_part + (then + rest.split(then)[1] if then else "")
        (course / place).write_text(text, encoding="utf-8")
    run(course, "-m", "ruff", "check", "--quiet", *parts)
    run(course, "-m", "ruff", "format", "--check", "--quiet", *parts)
    run(course, "-c", BY_THE_PAGE)


def test_a_number_is_the_next_or_the_one_that_is_asked_for(course):
    new("gating", number=3, root=course)
    assert "number=3" in (course / "coursekit/bank/gating.py").read_text(encoding="utf-8")
    new("gates", root=course)
    assert (course / "notebooks/18_gates.py").is_file() and (course / "notebooks/03_gating.py").is_file()


def git(root: Path, *command: str) -> None:
    who = ["-c", "user.name=author", "-c", "user.email=author@example.org"]
    subprocess.run(["git", *who, *command], cwd=root, check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git")
def test_changes_that_git_does_not_have_are_left_alone(course):
    git(course, "init")
    git(course, "add", ".")
    git(course, "commit", "-m", "as it was")
    path = course / "coursekit/reference/adam.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    before = files(course)
    with pytest.raises(Bad, match=r"^coursekit/reference/adam.py has changes that git does not have yet"):
        new("adam", "gating", root=course)
    assert files(course) == before


def test_nothing_is_half_written(course, monkeypatch):
    before, replace = files(course), os.replace

    def full(source, target):
        if Path(target).name == "test_adam.py":
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr("coursekit.authoring.new.os.replace", full)
    with pytest.raises(Bad, match=r"^cannot write .*test_adam.py: No space left on device; nothing was changed"):
        new("adam", "gating", root=course)
    assert files(course) == before


REFUSED = {
    "a chapter that exists": (("adam",), {}, "the chapter 08_adam exists; --exercise NAME adds an exercise to it"),
    "its number": (("adam", "gating"), {"number": 9}, "--number and --title are for a new chapter; 08_adam exists"),
    "its title": (("adam", "gating"), {"title": "Gates"}, "--number and --title are for a new chapter; 08_adam exists"),
    "a lesson alone": (("summary",), {}, "notebooks/17_summary.py exists, a lesson without exercises"),
    "an exercise's name": (("gates", "adam"), {}, "there is an exercise called 'adam', in chapter 08_adam"),
    "a chapter named as an exercise": (("adamw",), {}, "there is an exercise called 'adamw', in chapter 10_adamw"),
    "a quiz's name": (("gates", "first_step_length"), {}, "there is a quiz called 'first_step_length', in chapter 08_"),
    "no identifier": (("weight-noise",), {}, "'weight-noise' cannot be the name of a chapter"),
    "a path": (("../adam",), {}, "'../adam' cannot be the name of a chapter"),
    "a capital": (("Gates",), {}, "'Gates' cannot be the name of a chapter"),
    "too long a name": (("gates", LONG + "x"), {}, "cannot be the name of an exercise: 2 to 30 small letters"),
    "a word of Python": (("lambda",), {}, "it means something else in Python or in the notebooks"),
    "a function of Python": (("gates", "sum"), {}, "it means something else in Python or in the notebooks"),
    "a word of the notebooks": (("gates", "check"), {}, "it means something else in Python or in the notebooks"),
    "a number that is taken": (("gates",), {"number": 8}, "the chapter number 08 is taken; the lowest that is free"),
    "no number": (("gates",), {"number": 100}, "a chapter's number is 0 to 99; got 100"),
    "a title that would break the file": (("gates",), {"title": 'So """'}, "a title has 1 to 60 characters"),
    "a file that is there": (("rule",), {}, "coursekit/reference/rule.py is there already, and nothing is overwritten"),
    "a folder that is there": (("quizzes",), {}, "coursekit/bank/quizzes is there already"),
    "mistakes that are there": (("adam", "moments"), {}, "coursekit/bank/slips/moments.py is there already"),
    "a name that the file has": (("adam", "settings"), {}, "coursekit/bank/adam.py has a 'settings' already"),
}  # fmt: skip


def test_what_cannot_be_made_is_said_and_nothing_is_written(course):
    before = files(course)
    for what, (names, options, words) in REFUSED.items():
        with pytest.raises(Bad) as refused:
            new(*names, **options, root=course)
        assert words in str(refused.value) and "\n" not in str(refused.value), what
    assert files(course) == before


def test_a_file_may_not_grow_too_long(course):
    path = course / "coursekit/bank/adam.py"
    path.write_text(path.read_text(encoding="utf-8") + "# more\n" * 80, encoding="utf-8")
    before = files(course)
    with pytest.raises(Bad, match=r"^coursekit/bank/adam.py would have \d+ lines; 400 is the most"):
        new("adam", "gating", root=course)
    assert files(course) == before


def test_there_is_nothing_to_add_to_where_no_lessons_are(tmp_path):
    with pytest.raises(Bad, match="is no checkout of the course"):
        new("gating", root=tmp_path)
