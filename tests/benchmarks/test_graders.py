"""The classes that the benchmark of graders makes up are what it says they are."""

from __future__ import annotations

import ast
import json
import types
from collections import Counter

from benchmarks.graders import assignment, cheats, classes
from coursekit.bank import index


def code(one: classes.Made) -> str:
    if one.file == ".py":
        return one.data.decode()
    return "\n".join("".join(cell["source"]) for cell in json.loads(one.data)["cells"])


def test_every_slip_of_the_bank_is_in_one_submission():
    made = list(classes.mixed(1000))
    slips = [(name, slip) for one in made for name, slip in one.slips.items()]
    edits = {(e.name, s.id) for e in index.exercises().values() for s in e.slips if not callable(s.change)}
    assert len(slips) == len(set(slips)) and set(slips) == edits
    assert len({one.student for one in made}) == 1000
    kinds = Counter(one.kind for one in made)
    assert set(kinds) == set(classes.KINDS) and kinds["loop"] == 10 and kinds["exit"] == 30


def test_a_submission_holds_what_is_said_of_it():
    for one in classes.mixed(100):
        if one.kind in ("cut off", "no Python"):
            assert not one.right and not one.slips
            continue
        defined = {node.name for node in ast.parse(code(one)).body if isinstance(node, ast.FunctionDef)}
        assert {*one.right, *one.slips} <= defined
        assert (one.kind == "slips") == bool(one.slips) and not set(one.right) & set(one.slips)


def test_the_assignment_is_the_same_for_every_grader():
    students = classes.simple(30)
    assert {len(cells) for cells in students.values()} == {6}
    assert len({tuple(cells) for cells in students.values()}) == 30
    for cells in (*students.values(), *cheats.submissions().values()):
        made = [assignment.defined(cell) for cell in cells]
        assert made == [None, *assignment.NAMES]
        ast.parse(assignment.script(cells))
    submission = types.ModuleType("submission")
    exec(assignment.script(list(assignment.ANSWERS.values())), vars(submission))
    tests = {"submission": submission}
    exec(assignment.pytest_file().replace("import submission", ""), tests)
    for name in assignment.NAMES:
        tests[f"test_{name}"]()
