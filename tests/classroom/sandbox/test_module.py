"""A module around one function: what it uses comes along, what trains or plots does not run."""

from __future__ import annotations

import math
import re

import pytest
import torch

from coursekit.classroom.sandbox.module import build, evaluate
from coursekit.classroom.sandbox.source import answers, read


def built(text: str, name: str = "f"):
    return build(read(text.encode(), ".py", "a.py"), name, {"torch": torch, "math": math})


@pytest.mark.parametrize(
    "text",
    [
        "import torch as t\ndef f():\n    return t.tensor(3.0).item()",
        "from math import sqrt as root\ndef f(): return root(9)",
        "from math import *\ndef f(): return floor(3.5)",
        "def g(): return 3\ndef h(): return g()\ndef f(): return h()",
        "A = 1\nB = A + 2\ndef f(): return B",
        "A = 1\nA += 2\ndef f(): return A",
        "a, (b, c) = 1, (3, 2)\ndef f(): return b",
        "A: float = 3.0\ndef f(): return A",
        "T = {}\nT['x'] = 3\ndef f(): return T['x']",
        "T = torch.linspace(0, 3, 4).double().tolist()\ndef f(): return T[3]",
        "import numpy as np\nT = np.arange(4)\ndef f(): return int(T[3])",
        "T = [x * x for x in range(3)]\ndef f(): return T[2] - 1",
        "g = lambda x: x + 1\nf = lambda: g(2)",
        "def g(): return 3\nf = g",
        "def f(): return 1\ndef f(): return 3",
        "class G:\n    def __call__(self): return 3\ndef f(): return G()()",
        "from typing import NamedTuple\nclass S(NamedTuple):\n    x: int\ndef f(): return S(3).x",
        "from functools import partial\ndef g(x): return x\nh = partial(g, 3)\ndef f(): return h()",
        "def f(x: Unknown = None) -> Missing: return 3",
        "def d(g): return g\n@d\ndef f(): return 3",
        "def f(n=2): return 1 if n == 0 else 1 + f(n - 1)",
    ],
)
def test_what_a_function_uses_comes_along(text):
    function, missing = built(text)
    assert function() == 3
    assert missing == {}


@pytest.mark.parametrize(
    "text",
    [
        "ran.append(1)",
        "for i in range(3): ran.append(1)",
        "if True: ran.append(1)",
        "with open('x'): ran.append(1)",
        "train(model)",
        "history = train(model)",
        "x = ran.append(1)",
        "import antigravity",
        "from nowhere import thing",
        "def g(x=ran.append(1)): pass",
    ],
)
def test_nothing_else_of_the_file_runs(text):
    ran: list[int] = []
    namespace = {"ran": ran, "train": ran.append, "model": 1}
    function, missing = build(read(f"{text}\ndef f(): return 3\n{text}".encode(), ".py", "a"), "f", namespace)
    assert function() == 3 and ran == [] and missing == {}


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (
            "import nowhere as n\ndef f(): return n.x",
            "n",
            r"`import nowhere as n` \(a.py, line 1\).*ModuleNotFoundError",
        ),
        ("C = helper(3)\ndef f(): return C", "C", "only plain values"),
        ("C = model.fit(3)\ndef f(): return C", "C", "only plain values"),
        ("C = [helper(i) for i in range(3)]\ndef f(): return C", "C", "only plain values"),
        ("C = 1 / 0\ndef f(): return C", "C", "ZeroDivisionError"),
        ("C = 1 + D\ndef f(): return C", "C", "NameError"),
        ("class S:\n    raise SystemExit(1)\ndef f(): return S", "S", "SystemExit"),
    ],
)
def test_what_was_left_out_is_named_when_it_is_missed(text, name, words):
    function, missing = built(text)
    with pytest.raises(NameError):
        function()
    assert re.search(words, missing[name])


def test_state_types_are_there_wherever_they_were_to_come_from():
    source = read(b"from nowhere import State as S\ndef f(): return S", ".py", "a.py")
    assert build(source, "f", {"State": tuple})[0]() is tuple


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.5", 3.5),
        ("-4", -4),
        ("'b'", "b"),
        ("(1 - 0.9) / math.sqrt(0.001)", (1 - 0.9) / math.sqrt(0.001)),
        ("steps", 7),
        ("compute()", None),
        ("1 / 0", None),
        ("nowhere", None),
    ],
)
def test_an_expression_at_the_top(text, value):
    source = read(f"steps = 7\ndef compute(): return 3\nanswer('q', {text})".encode(), ".py", "a.py")
    node, label = answers(source, {"q"})["q"]
    assert evaluate(source, node, label, {"torch": torch, "math": math}) == value


def test_a_definition_that_fails_is_no_function():
    function, missing = built("@nowhere\ndef f(): return 3")
    assert function is None and "NameError" in missing["f"]
    assert built("f = 3") == (None, {})
    assert built("x = 3", "g") == (None, {})
