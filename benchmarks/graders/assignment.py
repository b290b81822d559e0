"""The assignment that every grader gets: five functions of the course, and the tests a teacher would write for them."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import torch

from coursekit.bank import index
from coursekit.exercise import settings
from coursekit.judging.source import solution_source, stub

HYPER: dict[str, dict[str, float]] = {
    "bias_correction": {"beta": 0.8},
    "momentum": {"lr": 0.1, "beta": 0.8},
    "adagrad": {"lr": 0.1, "eps": 1e-3},
    "rmsprop": {"lr": 0.1, "beta": 0.9, "eps": 1e-3},
    "adam": {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3},
}
NAMES = tuple(HYPER)
ANSWERS = {name: solution_source(index.exercise(name).answer) for name in NAMES}
STUBS = {name: stub(index.exercise(name).answer) for name in NAMES}
STATES = {name: index.exercise(name).answer.State for name in NAMES if name != "bias_correction"}
HEAD = "from collections import namedtuple\n\nimport torch\nfrom torch import Tensor\n\n" + "\n".join(
    f'{state.__name__} = namedtuple("{state.__name__}", "{" ".join(state._fields)}")' for state in STATES.values()
)

ONCE = """\
average = torch.linspace(-2, 3, 6, dtype=torch.float64)
expected = torch.tensor({expected}, dtype=torch.float64)
found = bias_correction(average, 3, {hyper})
torch.testing.assert_close(found, expected)
"""
STEPS = """\
generator = torch.Generator().manual_seed(8)
param = torch.randn(6, generator=generator, dtype=torch.float64)
grads = torch.randn(20, 6, generator=generator, dtype=torch.float64)
expected = torch.tensor({expected}, dtype=torch.float64)
state = {state}({start})
for grad in grads:
    param, state = {name}(param, grad, state, {hyper})
torch.testing.assert_close(param, expected)
"""


def test(name: str) -> str:
    """The lines of one test: the result of 20 steps, or of one call, beside numbers that the teacher wrote down."""
    nothing = _filled(name, [0.0] * 6).rpartition("torch.testing")[0]
    names: dict[str, Any] = {"torch": torch, name: index.exercise(name).answer}
    names |= {state.__name__: state for state in STATES.values()}
    exec(nothing, names)
    return _filled(name, names["found" if name == "bias_correction" else "param"].tolist())


def _filled(name: str, expected: list[float]) -> str:
    hyper = settings(HYPER[name])
    if name == "bias_correction":
        return ONCE.format(expected=expected, hyper=hyper)
    state = STATES[name]
    start = ", ".join("0" if field == "t" else "torch.zeros_like(param)" for field in state._fields)
    return STEPS.format(name=name, expected=expected, state=state.__name__, start=start, hyper=hyper)


def defined(cell: str) -> str | None:
    """The exercise that a cell defines, if any."""
    return next((name for name in NAMES if re.search(rf"^def {name}\(", cell, re.MULTILINE)), None)


def script(cells: list[str]) -> str:
    return "\n\n\n".join([HEAD, *cells, ""])


def pytest_file() -> str:
    """The tests for pytest: they import the student's file as `submission`."""
    tests = []
    for name in NAMES:
        taken = f"{name} = submission.{name}\n"
        if name in STATES:
            taken += f"{STATES[name].__name__} = submission.{STATES[name].__name__}\n"
        tests.append(f"def test_{name}():\n" + textwrap.indent(taken + test(name), "    "))
    return "\n\n".join(["import submission\nimport torch\n", *tests])


# ---- notebooks


def _cell(source: str, kind: str = "code", **metadata: Any) -> dict[str, Any]:
    cell = {"cell_type": kind, "metadata": metadata, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    numbered = [{"id": f"c{i}", **cell} for i, cell in enumerate(cells)]
    return {"cells": numbered, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def plain(cells: list[str]) -> dict[str, Any]:
    """A student's notebook as it is handed in to otter and to coursekit."""
    return notebook([_cell(source) for source in (HEAD, *cells)])


def _nbgrader(name: str, **own: Any) -> dict[str, Any]:
    kept = {"schema_version": 3, "grade_id": name, "grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": kept | own}


def for_nbgrader(cells: list[str], solutions: bool = False) -> dict[str, Any]:
    """A student's notebook with nbgrader's marks in its cells, or the teacher's with solutions and tests."""
    made = [_cell(HEAD)]
    for source in cells:
        name = defined(source)
        own = _nbgrader(name, solution=True) if name else {}
        if solutions and name:
            head, body = source.split(":\n", 1)
            source = f"{head}:\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        made.append(_cell(source, **own))
    for name in NAMES:
        hidden = f"### BEGIN HIDDEN TESTS\n{test(name)}### END HIDDEN TESTS" if solutions else ""
        made.append(_cell(hidden, **_nbgrader(f"test_{name}", grade=True, locked=True, points=1)))
    return notebook(made)


def for_otter() -> dict[str, Any]:
    """The teacher's notebook for `otter assign`."""
    config = "# ASSIGNMENT CONFIG\ninit_cell: false\nexport_cell: false\ncheck_all_cell: false\n"
    made = [_cell(config + "generate: true\ntests:\n  ok_format: false\n", "raw"), _cell(HEAD)]
    for name in NAMES:
        needs = ", ".join([name, *([STATES[name].__name__] if name in STATES else [])])
        body = textwrap.indent(test(name), "    ")
        head, lines = ANSWERS[name].split(":\n", 1)
        answer = f"{head}:\n    # BEGIN SOLUTION\n{lines}\n    # END SOLUTION"
        made += [
            _cell(f"# BEGIN QUESTION\nname: {name}\npoints: 1\n", "raw"),
            _cell(f"Write `{name}`.", "markdown"),
            _cell("# BEGIN SOLUTION", "raw"),
            _cell(answer),
            _cell("# END SOLUTION", "raw"),
            _cell("# BEGIN TESTS", "raw"),
            _cell(f"# HIDDEN\ndef test_{name}({needs}):\n    import torch\n\n{body}"),
            _cell("# END TESTS", "raw"),
            _cell("# END QUESTION", "raw"),
        ]
    return notebook(made)
