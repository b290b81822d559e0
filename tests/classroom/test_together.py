"""The functions of a file are tried in one child first: no grade may differ from that of each function run alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.bank import index
from coursekit.classroom import batch
from coursekit.classroom.demo import script
from coursekit.classroom.gradebook import Gradebook
from coursekit.classroom.sandbox.host import lacking
from coursekit.classroom.sandbox.warm import WarmParent
from coursekit.classroom.submission import File, Submission
from coursekit.judging.source import solution_source

NAMES = ("update_moments", "bias_correction", "adam")  # in the order in which they run
RIGHT = {name: solution_source(index.exercise(name).answer) for name in NAMES}
WRONG = RIGHT["adam"].replace("v_hat.sqrt()", "v.sqrt()").replace("torch.sqrt(v_hat)", "torch.sqrt(v)")
BY_TORCH = """
def adam(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    p, m, v, steps = param.clone(), m.clone(), v.clone(), torch.tensor(float(t))
    betas = {"beta1": beta1, "beta2": beta2}
    rest = {"amsgrad": False, "weight_decay": 0, "maximize": False, "foreach": False}
    by_torch = getattr(__import__("torch.op" + "tim._functional", fromlist=["adam"]), "adam")
    by_torch([p], [grad], [m], [v], [], [steps], lr=lr, eps=eps, **betas, **rest)
    return p, (m, v, t + 1)
"""
FIRST = "def update_moments(m, v, grad, *, beta1, beta2):\n    "


@pytest.fixture(scope="module")
def parent():
    with WarmParent(practice=bool(lacking()), seconds=4) as made:
        yield made


@pytest.fixture
def grade(parent, tmp_path):
    """The verdicts on some functions in one file; alone: each exercise graded by itself."""

    def graded(*sources: str, alone: bool = False) -> dict[str, tuple]:
        path = Path(tmp_path, f"08_adam_{len(list(tmp_path.iterdir()))}.py")
        path.write_bytes(script(list(sources)))
        with Gradebook(path.with_suffix(".sqlite"), 1) as book:
            verdicts = []
            for only in NAMES if alone else [None]:
                grader = batch.Grader(book, batch.Settings(only=only))
                verdicts += grader.grade(parent, Submission("ada", (File(path, path.name),))).verdicts
        return {v.exercise: (v.status, v.points, v.diagnosis, v.message) for v in verdicts if v.exercise in NAMES}

    return graded


def statuses(found: dict[str, tuple]) -> list[str]:
    return [found[name][0] for name in NAMES]


@pytest.mark.parametrize(
    "sources",
    [
        RIGHT.values(),
        [RIGHT["update_moments"], RIGHT["bias_correction"], WRONG],
        [RIGHT["update_moments"], "def bias_correction(average, t, *, beta):\n    raise NotImplementedError"],
        [RIGHT["update_moments"], "def bias_correction(average, t, *, beta):\n    return averag", RIGHT["adam"]],
        [RIGHT["bias_correction"], "def adam(param, grad, state, *, lr, beta1, beta2, eps):\n    while True: pass"],
    ],
    ids=["right", "one wrong", "one blank", "one raises", "one never ends"],
)
def test_together_is_as_alone(grade, sources):
    assert grade(*sources) == grade(*sources, alone=True)


def test_another_seed_tries_a_file_at_once_too(parent, tmp_path, monkeypatch):
    monkeypatch.setattr(parent, "run", lambda *given, **options: pytest.fail("a function was run alone"))
    path = Path(tmp_path, "08_adam.py")
    path.write_bytes(script(list(RIGHT.values())))
    for seed in (1, 2):
        with Gradebook(tmp_path / "book.sqlite", seed) as book:
            grader = batch.Grader(book, batch.Settings())
            graded = grader.grade(parent, Submission("ada", (File(path, path.name),)))
            assert graded.fresh and [v.status for v in graded.verdicts if v.exercise in NAMES] == ["passed"] * 3
            assert not grader.grade(parent, Submission("ada", (File(path, path.name),))).fresh


@pytest.mark.parametrize(
    "body",
    [
        "import os; os._exit(0)",
        "import ctypes; ctypes.string_at(0)",
        "while True: pass",
        "torch.sqrt = torch.Tensor.sqrt = torch.Tensor.__pow__ = lambda *a: 1 / 0",
        "torch.set_default_device('meta'); torch.autograd.set_grad_enabled(False)",
        "import sys; sys.modules['submission'] = None; sys.setrecursionlimit(60)",
        "import builtins; builtins.isinstance = lambda *a: True; builtins.len = lambda x: 1",
        "import gc; [o.clear() for o in gc.get_objects() if type(o) is list]",
    ],
)
def test_who_breaks_things_harms_nobody_else(grade, body):
    found = grade(FIRST + body, RIGHT["bias_correction"], RIGHT["adam"])
    assert statuses(found)[0] not in ("passed", "internal") and statuses(found)[1:] == ["passed", "passed"], found


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "import torch.overrides as o; o.TorchFunctionMode.__enter__ = lambda self: self",
        "from coursekit.probe import watch; watch.optimizers_seen.__wrapped__.__code__ = (lambda: (yield [])).__code__",
        "from coursekit.probe import running; running.used_names.__code__ = (lambda function: set()).__code__",
        "import sys; w = sys.modules['coursekit.probe.watch']; w._workers = lambda: ()",
        "import torch.optim.adam as a; a._multi_tensor_adam = a._single_tensor_adam",
    ],
)
def test_nobody_is_credited_for_what_another_hid(grade, body):
    """The first function disarms what would see that the last one hands its work to torch: it is seen alone."""
    found = grade(FIRST + body, RIGHT["bias_correction"], BY_TORCH)
    assert statuses(found)[1:] == ["passed", "refused"], found
