"""Chapters taken over: what the real nbgrader and the real otter make of the notebook, and how they grade it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

from coursekit.bank import index
from coursekit.classroom import formats, run, takeover
from coursekit.classroom.submission import Bad
from coursekit.judging import check
from coursekit.judging.source import apply, solution_source, stub
from coursekit.judging.verdict import Verdict

ROOT = Path(__file__).parents[2]
CHAPTERS = [c.id for c in index.chapters().values() if c.points]
MISSING = [name for name in ("nbgrader", "otter") if importlib.util.find_spec(name) is None]
both = pytest.mark.skipif(bool(MISSING), reason=f'not installed: {MISSING} (pip install -e ".[takeover]")')

# One notebook with a stub, a slip, a convention, a right and a wrong answer, and questions that are left out.
WANTED = {"update_moments": 0, "bias_correction": 0, "adam": 1.5, "first_step_length": 1, "loss_times_1000": 0}
SLIP, CONVENTION = "It started at zero, so after t steps", "This is Adam with eps under the root"


def named(kind: str, exercise: str, name: str) -> str:
    """An answer with one of its slips or conventions in it."""
    known = index.exercise(exercise)
    change = next(k.change for k in getattr(known, kind) if k.name == name)
    return apply(solution_source(known.answer), change)


def filled(path: Path) -> str:
    """The learner's version of chapter 08, as somebody handed it in."""
    warned = 'import warnings\n\n\n{}\n    warnings.warn("slow")\n    m, v, t = state{}'
    adam = named("conventions", "adam", "eps inside the root").partition("\n    m, v, t = state")
    answers = {
        "def bias_correction(": named("slips", "bias_correction", "not corrected"),
        "def adam(": warned.format(adam[0], adam[2]),  # nbgrader gives 0 for one word on stderr
        "first_step_length =": 'first_step_length = answer("first_step_length", 0.01)',
        "loss_times_1000 =": 'loss_times_1000 = answer("loss_times_1000", "b")',
    }
    notebook = nbformat.read(path, as_version=4)
    for start, text in answers.items():
        (cell,) = (c for c in notebook.cells if c.source.startswith(start))
        cell.source = text
    return nbformat.writes(notebook)


def tool(folder: Path, *command: str) -> str:
    """What a command of the environment says; it has a home of its own, and must end well."""
    own = {"HOME": str(folder), "OMP_NUM_THREADS": "1", "COURSEKIT_PROGRESS": "off", "PYTHONPATH": str(ROOT)}
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic
    done = subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@both
def test_nbgrader_makes_it_and_grades_it_right(tmp_path):
    source = tmp_path / "source" / "08_adam" / "08_adam.ipynb"
    assert formats.export("nbgrader", Path("08_adam"), to=source) == 0
    tool(tmp_path, "nbgrader", "generate_assignment", "08_adam", "--create")
    release = tmp_path / "release" / "08_adam" / "08_adam.ipynb"
    assert "bias_correction(average, t, *, beta)" in release.read_text(encoding="utf-8")
    assert "average / " not in release.read_text(encoding="utf-8")
    for student, text in (("right", source.read_text(encoding="utf-8")), ("mixed", filled(release))):
        (tmp_path / "submitted" / student / "08_adam").mkdir(parents=True)
        (tmp_path / "submitted" / student / "08_adam" / "08_adam.ipynb").write_text(text, encoding="utf-8")
    tool(tmp_path, "nbgrader", "autograde", "08_adam")
    scores = nbgrader_scores(tmp_path / "gradebook.db")
    chapter = index.chapter("08_adam")
    assert scores["right"] == {item.name: item.points for item in (*chapter.exercises, *chapter.quizzes)}
    assert scores["mixed"] == dict.fromkeys(scores["right"], 0) | WANTED
    graded = nbformat.read(tmp_path / "autograded" / "mixed" / "08_adam" / "08_adam.ipynb", as_version=4)
    tests = [cell for cell in graded.cells if "takeover.points(" in cell.source]
    said = {c.source.split('"')[1]: "".join(o.get("text", "") for o in c.outputs) for c in tests}
    assert SLIP in said["bias_correction"]
    assert CONVENTION in said["adam"] and "UserWarning: slow" in said["adam"]
    assert "Not done yet" in said["update_moments"]


def nbgrader_scores(gradebook: Path) -> dict[str, dict[str, float]]:
    """The points of every test cell of every student, as nbgrader keeps them."""
    query = """select a.student_id, c.name, g.auto_score
               from grade g join base_cell c on c.id = g.cell_id join submitted_notebook n on n.id = g.notebook_id
               join submitted_assignment a on a.id = n.assignment_id"""
    scores: dict[str, dict[str, float]] = {}
    with contextlib.closing(sqlite3.connect(gradebook)) as connection:
        for student, cell, score in connection.execute(query):
            scores.setdefault(student, {})[cell] = score
    return scores


@both
def test_otter_makes_it_and_grades_it_right(tmp_path, capsys):
    master = tmp_path / "08_adam.ipynb"
    assert formats.export("otter", Path("adam"), to=master) == 0
    tool(tmp_path, "otter", "assign", "08_adam.ipynb", "made")  # grades the instructor's answers, and fails below full
    student = tmp_path / "made" / "student" / "08_adam.ipynb"
    assert "average / " not in student.read_text(encoding="utf-8")
    (tmp_path / "mixed.ipynb").write_text(filled(student), encoding="utf-8")
    (grader,) = (tmp_path / "made" / "autograder").glob("*.zip")
    tool(tmp_path, "otter", "run", "-a", str(grader), "mixed.ipynb")
    tests = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tests"]
    tests = {test["name"]: test for test in tests if "score" in test}
    chapter = index.chapter("08_adam")
    most = {item.name: item.points for item in (*chapter.exercises, *chapter.quizzes)}
    assert {name: test["max_score"] for name, test in tests.items()} == most
    assert {name: test["score"] for name, test in tests.items()} == dict.fromkeys(most, 0) | WANTED
    assert SLIP in " ".join(tests["bias_correction"]["output"].split())
    assert CONVENTION in " ".join(tests["adam"]["output"].split())
    assert "Not done yet" in tests["update_moments"]["output"]
    # the same file through the course's own grader: functions and answers are found in it, the points are the same
    assert run.grade(tmp_path / "mixed.ipynb", out=tmp_path / "own", practice=True, jobs=1) == 1
    (own,) = json.loads((tmp_path / "own" / "results.json").read_text(encoding="utf-8"))["submissions"]
    assert {e["exercise"]: e["points"] for e in own["exercises"]} == dict.fromkeys(most, 0) | WANTED


# ---- every chapter, without a kernel


@both
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nbgrader_leaves_the_learner_the_stub(chapter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tool's own, as it is loaded
        from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions
    made = takeover.notebook("nbgrader", chapter)
    nbformat.validate(made)
    CheckCellMetadata().preprocess(made, {})
    cells = {c.metadata.nbgrader.grade_id: c for c in made.cells if "nbgrader" in c.metadata}
    items = (*index.chapter(chapter).exercises, *index.chapter(chapter).quizzes)
    assert {name: c.metadata.nbgrader.points for name, c in cells.items() if c.metadata.nbgrader.grade} == {
        item.name: item.points for item in items
    }
    functions = [e.answer for e in index.chapter(chapter).exercises]
    own = [[c for name, c in cells.items() if name.startswith(f"{f.__name__}-answer")][-1] for f in functions]
    for function, cell in zip(functions, own, strict=True):
        lines = cell.source.splitlines()
        assert "\n".join(line for line in lines if "SOLUTION" not in line) == solution_source(function)
    ClearSolutions().preprocess(made, {})
    for function, cell in zip(functions, own, strict=True):
        head, line, _ = stub(function).rpartition("    raise NotImplementedError")
        assert cell.source == f"{head}    # YOUR CODE HERE\n{line}()"
    for quiz in index.chapter(chapter).quizzes:
        assert cells[f"{quiz.name}-answer"].source.startswith(f'{quiz.name} = answer("{quiz.name}", ...)\n# YOUR')


@both
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_otter_leaves_the_learner_the_stub(chapter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from otter.assign import Assignment
        from otter.assign.notebook_transformer import NotebookTransformer
        from otter.assign.solutions import strip_solutions_and_output
        from otter.assign.tests_manager import AssignmentTestsManager
    made = takeover.notebook("otter", chapter)
    nbformat.validate(made)
    assignment = Assignment({}, require_valid_keys=True)
    assignment.lang, assignment.master = "python", Path(f"{chapter}.ipynb")
    tests = AssignmentTestsManager(assignment)
    whole = NotebookTransformer(assignment, tests).transform_notebook(made).transformed_nb
    found = index.chapter(chapter)
    points = {name: tests.determine_question_point_value(q) for name, q in tests._questions.items()}
    assert points == {item.name: item.points for item in (*found.exercises, *found.quizzes)}
    sources = [c.source for c in strip_solutions_and_output(assignment, whole).cells]
    assert not [s for e in found.exercises if (s := stub(e.answer)) not in sources]
    assert not [s for q in found.quizzes if (s := f'{q.name} = answer("{q.name}", ...)') not in sources]


def test_the_instructors_answers_get_every_point(capsys):
    """The cells of the chapter that is put together from earlier ones, run in order, as the tools run them."""
    env: dict[str, Any] = {}
    total = 0.0
    for cell in takeover.notebook("nbgrader", "16_capstone").cells:
        if cell.cell_type == "code" and cell.metadata.nbgrader.grade:
            head, _, last = cell.source.rpartition("\n")
            exec(head, env)
            total += eval(last, env)
        elif cell.cell_type == "code":
            exec(cell.source, env)
    assert total == index.chapter("16_capstone").points


# ---- what the tests of a notebook call


def test_what_they_write_to_stderr_goes_to_stdout(capsys):
    def bias_correction(average, t, *, beta):
        print("of theirs", file=sys.stderr)
        return average / (1 - beta**t)

    assert takeover.points("bias_correction", {"bias_correction": bias_correction}) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "of theirs" in out


def test_what_is_missing_is_not_attempted(capsys):
    assert takeover.points("adam", {}) == 0
    assert "There is no function adam." in capsys.readouterr().out
    assert takeover.points("first_step_length", {}) == 0
    assert takeover.points("adam", {"adam": 3}) == 0
    with pytest.raises(check.NotPassed, match="Not done yet"):
        takeover.demand("adam", {}, 1.5)


def test_the_courses_own_answer_gets_nothing(capsys):
    assert takeover.points("adam", {"adam": index.exercise("adam").answer}) == 0
    assert "the course's own answer" in capsys.readouterr().out


def test_a_fault_of_the_courses_own_is_no_grade(monkeypatch):
    broken = Verdict("adam", "internal", 0, 3, "This check could not be made.")
    monkeypatch.setattr(check, "judged", lambda function, exercise: broken)
    with pytest.raises(RuntimeError, match="could not be made"):
        takeover.points("adam", {"adam": abs})


def test_a_name_that_no_question_has():
    assert takeover.answer("first_step_length", 3) == 3
    with pytest.raises(ValueError, match="did you mean 'first_step_length'"):
        takeover.answer("first_step_lenght", 3)


# ---- the command


@pytest.mark.parametrize(
    "kind, out, words",
    [
        ("otter", "adma", "did you mean '08_adam'"),
        ("nbgrader", "grade", r"grades go to a file, such as grades\.csv"),
        ("otter", "00_start", "no points to give"),
        ("nbgrade", "08_adam", "there is no format 'nbgrade'"),
    ],
)
def test_what_cannot_be_taken_over_is_said(kind, out, words):
    with pytest.raises(Bad, match=words):
        formats.export(kind, Path(out))


def test_a_file_of_grades_is_no_chapter(tmp_path):
    with pytest.raises(Bad, match=r"results\.json cannot be read"):
        formats.export("nbgrader", Path("08_adam.csv"), results=tmp_path)
    with pytest.raises(Bad, match="here OUT is the file"):
        formats.export("nbgrader", Path("08_adam.csv"), results=tmp_path, to=tmp_path / "x.ipynb")


def test_it_has_a_name_of_its_own_and_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # the same again changes nothing
        assert formats.export("otter", Path("adam")) == 0
    place = tmp_path / "08_adam_otter.ipynb"
    place.write_text(place.read_text(encoding="utf-8").replace("# Adam", "# Our Adam"), encoding="utf-8")
    with pytest.raises(Bad, match="is there already"):
        formats.export("otter", Path("adam"))
    assert "# Our Adam" in place.read_text(encoding="utf-8")
