"""A chapter as an assignment of nbgrader or otter-grader: the notebook to take over, and what its tests call.

`notebook` makes the instructor's version from the bank. `points` and `demand` run in the kernel of nbgrader or otter,
beside the learner's code: the one place in this folder where that is so, and why docs/takeover.md says what is lost.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit.bank import index
from coursekit.classroom.submission import Bad
from coursekit.exercise import Chapter, Exercise, Quiz
from coursekit.judging import card, check
from coursekit.judging.quiz import judge_quiz
from coursekit.judging.verdict import Verdict

if TYPE_CHECKING:
    from nbformat import NotebookNode

KINDS = ("nbgrader", "otter")

# ---- what the tests of a notebook call


def answer(name: str, value: Any = ...) -> Any:
    """An answer to a question, as it is: the test below it judges. A name that no question has is said at once."""
    index.quiz(name)
    return value


def points(name: str, env: Mapping[str, Any]) -> float:
    """Print the verdict on what `env` has under this name, and return its points: nbgrader reads them off the cell.

    >>> points("first_step_length", {"first_step_length": 0.01})
    ✓ Passed: first_step_length (1 of 1 point)
      0.01, the learning rate. In the first step m_hat is the gradient and sqrt(v_hat) its size: what is
      left of the gradient is its sign. A gradient of 0.001 gives the same step.
    1.0
    """
    verdict = judged(name, env)
    print(card.text(verdict))
    return float(verdict.points)


def demand(name: str, env: Mapping[str, Any], least: float) -> None:
    """Raise NotPassed with the verdict where it has fewer points than `least`: otter reads that off its test cases."""
    verdict = judged(name, env)
    if verdict.points < least:
        raise check.NotPassed(card.text(verdict))


def judged(name: str, env: Mapping[str, Any]) -> Verdict:
    """The verdict on an exercise or a question; a fault of the course's own is raised, for a person to see."""
    if name in index.quizzes():
        return judge_quiz(index.quiz(name), env.get(name, ...))
    exercise = index.exercise(name)
    if name not in env:
        return Verdict(name, "not_attempted", 0, exercise.points, f"There is no function {name}.")
    with contextlib.redirect_stderr(sys.stdout):  # nbgrader takes all points for one warning on stderr
        verdict = check.judged(env[name], exercise)
    if verdict.status == "internal":
        raise RuntimeError(verdict.message)
    return verdict


# ---- the notebook

HOW = {
    "nbgrader": "Write each function where `YOUR CODE HERE` stands, and each answer in place of `...`; take out the "
    "line that raises. The cell below it says what is right or names the mistake, and ends in your points; run it as "
    "often as you like.",
    "otter": "Write each function in place of the line that raises, and each answer in place of `...`. The cell below "
    "it says what is right or names the mistake; run it as often as you like.",
}
NBGRADER_TEST = 'from coursekit.classroom import takeover\n\ntakeover.points("{name}", globals())'
OTTER_TEST = '''""" # BEGIN TEST CONFIG
points: {points:g}
""" # END TEST CONFIG
def test_{name}_{number}(env):
    from coursekit.classroom import takeover
    takeover.demand("{name}", env, {least:g})'''
OTTER_CONFIG = """# ASSIGNMENT CONFIG
name: {chapter}
tests:
    ok_format: false
export_cell:
    pdf: false"""


def is_chapter(out: Path) -> bool:
    """Whether what nbgrader is to have is a chapter: a bare word; the file for its grades has an ending or a folder.

    >>> is_chapter(Path("08_adam")), is_chapter(Path("grades.csv")), is_chapter(Path("out/grades"))
    (True, False, False)
    """
    return out.name == str(out) and not out.suffix


def text(kind: str, chapter: str) -> str:
    """`notebook`, as it stands in its file."""
    made = notebook(kind, chapter)
    import nbformat  # not before it is known to be there

    return f"{nbformat.writes(made)}\n"


def notebook(kind: str, chapter: str) -> NotebookNode:
    """The instructor's version of a chapter's assignment, for `nbgrader generate_assignment` or `otter assign`.

    Raises:
        Bad: there is no such tool or chapter, or nothing in the chapter gives points; or nbformat is not installed.
    """
    if kind not in KINDS:
        raise Bad(f"no assignment is made for {kind!r}: wanted one of {', '.join(KINDS)}")
    try:
        found = index.chapter(chapter)
    except index.UnknownName as error:
        raise Bad(f"{error} (grades go to a file, such as grades.csv)" if kind == "nbgrader" else str(error)) from None
    if not found.points:
        raise Bad(f"{found.id} has no points to give, so there is nothing to grade")
    try:
        from nbformat.v4 import new_notebook
    except ModuleNotFoundError:
        raise Bad("nbformat is not installed; it comes with nbgrader, with otter-grader and with JupyterLab") from None
    made = new_notebook(cells=list(_cells(kind, found)))
    made.nbformat_minor = 5
    made.metadata = {
        "coursekit": {"chapter": found.id, "takeover": kind},
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return made


def _cells(kind: str, chapter: Chapter) -> Iterator[NotebookNode]:
    from nbformat.v4 import new_markdown_cell

    blank, solved = _sources(chapter, solved=False), _sources(chapter, solved=True)
    if kind == "otter":
        yield _raw("config", OTTER_CONFIG.format(chapter=chapter.id))
    yield new_markdown_cell("\n\n".join(filter(None, (f"# {chapter.title}", chapter.intro, HOW[kind]))), id="title")
    yield _code("imports", _imports(blank["", "imports"]), **{"locked": True} if kind == "nbgrader" else {})
    items: tuple[Exercise | Quiz, ...] = (*chapter.exercises, *chapter.quizzes)
    for item in items:
        if isinstance(item, Exercise):
            text, answers = blank[item.name, "statement"], _function(kind, item, blank, solved)
        else:
            text, answers = blank[item.name, "question"], _prediction(kind, item, blank, solved)
        question = new_markdown_cell(text, id=f"{item.name}-question"[:64])
        yield from (_in_nbgrader if kind == "nbgrader" else _in_otter)(item, question, answers)


def _sources(chapter: Chapter, *, solved: bool) -> dict[tuple[str, str], str]:
    """The cells of the chapter's own exercise or solution notebook: what they say, by whose they are and their role."""
    from coursekit.authoring.cells import exercise_cells, solution_cells

    cells = (solution_cells if solved else exercise_cells)(chapter, lesson=False)
    marks = [(cell, cell.metadata["coursekit"]) for cell in cells]
    return {(m.get("exercise") or m.get("quiz") or "", m["role"]): cell.source for cell, m in marks}


def _imports(own: str) -> str:
    """The imports of the exercise notebook, with the names that an assignment has instead of `check` and `solution`."""
    lines = own.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("from coursekit import answer"))
    lines[at : at + 1] = ["from coursekit import hint", "from coursekit.classroom.takeover import answer"]
    return "\n".join(lines)


def _function(kind: str, exercise: Exercise, blank: dict, solved: dict) -> Iterator[str]:
    """What the learner writes: the functions to bring from earlier chapters, then the stub with the answer in it."""
    if (earlier := (exercise.name, "earlier")) in blank:
        yield f"{blank[earlier]}\n{_solution(kind, solved[earlier])}"
    head, raises, last = blank[exercise.name, "stub"].rpartition("    raise NotImplementedError")
    body = solved[exercise.name, "solution"].removeprefix(head)
    # nbgrader puts a line that raises where the answer was; under otter the stub's own stays, never reached until then
    yield f"{head}{_solution(kind, body, '    ')}" + (f"\n{raises}{last}" if kind == "otter" else "")


def _prediction(kind: str, quiz: Quiz, blank: dict, solved: dict) -> Iterator[str]:
    """The answer under the question's name, first as the learner finds it."""
    own = f"{quiz.name} = "
    yield f"{own}{blank[quiz.name, 'answer']}\n{_solution(kind, own + solved[quiz.name, 'answer'])}"


def _solution(kind: str, text: str, indent: str = "") -> str:
    """A solution between the marks that the tool cuts it out by; otter is not to leave `...` in its place."""
    begin = "# BEGIN SOLUTION" + (" NO PROMPT" if kind == "otter" else "")
    return f"{indent}{begin}\n{text}\n{indent}# END SOLUTION"


def _in_nbgrader(item: Exercise | Quiz, question: NotebookNode, answers: Iterator[str]) -> Iterator[NotebookNode]:
    """Question, answer cells, and a locked test cell whose last expression is the points."""
    yield question
    for number, text in enumerate(answers):
        yield _code(f"{item.name}-answer" + f"-{number + 1}" * (number > 0), text, solution=True)
    yield _code(item.name, NBGRADER_TEST.format(name=item.name), grade=True, locked=True, points=item.points)


def _in_otter(item: Exercise | Quiz, question: NotebookNode, answers: Iterator[str]) -> Iterator[NotebookNode]:
    """Question, answer and tests between otter's marks; each convention's share of the points is a test case."""
    name = item.name
    yield _raw(f"{name}-begin", f"# BEGIN QUESTION\nname: {name}\npoints: {item.points:g}")
    yield question
    yield _raw(f"{name}-begin-solution", "# BEGIN SOLUTION")
    yield from (_code(f"{name}-answer-{number}", text) for number, text in enumerate(answers, 1))
    yield _raw(f"{name}-end-solution", "# END SOLUTION")
    yield _raw(f"{name}-begin-tests", "# BEGIN TESTS")
    before = 0.0
    for number, least in enumerate(_levels(item), 1):
        test = OTTER_TEST.format(name=name, number=number, least=least, points=least - before)
        yield _code(f"{name}-test-{number}", test)
        before = least
    yield _raw(f"{name}-end-tests", "# END TESTS")
    yield _raw(f"{name}-end", "# END QUESTION")


def _levels(item: Exercise | Quiz) -> list[float]:
    """The points that an answer may get, above nothing: those of its conventions, then all."""
    credits = {c.credit for c in item.conventions if c.credit > 0} if isinstance(item, Exercise) else set()
    return sorted({round(credit * item.points, 2) for credit in credits} | {float(item.points)})


def _raw(identity: str, text: str) -> NotebookNode:
    from nbformat.v4 import new_raw_cell

    return new_raw_cell(text, id=identity[:64])


def _code(identity: str, text: str, **nbgrader: Any) -> NotebookNode:
    """A cell of code; with nbgrader's marks, schema 3, where any are given."""
    from nbformat.v4 import new_code_cell

    marks = {"schema_version": 3, "grade_id": identity}
    marks |= dict.fromkeys(("grade", "solution", "locked", "task"), False) | nbgrader
    return new_code_cell(text, id=identity[:64], metadata={"nbgrader": marks} if nbgrader else {})
