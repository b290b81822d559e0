"""Five hundred random faults in a row: every submission is graded, and every good one has its points."""

from __future__ import annotations

import json
import random

from coursekit.bank import index
from coursekit.classroom import run
from coursekit.classroom.demo import script
from coursekit.classroom.sandbox.host import lacking
from coursekit.judging.source import solution_source

TASK, COUNT, LOOPS = "bias_correction", 500, 10
RIGHT = solution_source(index.exercise(TASK).answer)
HEAD = f"def {TASK}(average, t, *, beta):\n    "

# What a right answer may have about it, and still be right.
NOISE = (
    "print('x' * 3000)",
    "import warnings; warnings.warn('careful')",
    "import threading, time; threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
    "import atexit; atexit.register(lambda: 1 / 0)",
    "import gc; gc.disable()",
    "import sys; sys.setrecursionlimit(9000)",
    "torch.manual_seed(7); torch.set_default_dtype(torch.float64)",
    "open('notes', 'a').write('x')",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "import os; os.environ.clear(); os.chdir('/')",
)
FAULTS = (
    "raise ValueError('no')",
    "raise SystemExit(0)",
    "import os; os._exit({n} % 3)",
    "import os, signal; os.kill(os.getpid(), {n} % 15 + 1); return average * {n}",
    "import ctypes; ctypes.string_at({n})",
    "import os; os.abort()",
    "import os; os.closerange(0, 9); raise SystemExit",
    "return average / (1 - beta)",
    "return average * float('nan')",
    "return [average] * {n}",
    "return 'x' * {n}",
    "return lambda: {n}",
    "return torch.zeros({n}, {n})",
    "return torch.zeros(10**5, 10**5)",
    "return b'x' * 10**11",
    "return bias_correction(average, t, beta=beta)",
    "return averag",
    "x = []; x.append(x); return x",
    "for i in range({n}): print('x' * 1000)\n    return average + 1",
    "import torch as t; t.equal = t.sub = lambda *a: True; return average",
    "average.zero_(); return average",
    "return average.to_sparse()",
    "return type('T', (torch.Tensor,), {{'__eq__': lambda *a: True}})({n})",
    "import os; [os.fork() for _ in range({n})]; return average",
    "import threading; threading.stack_size(2**27); [threading.Thread(target=print).start() for _ in range({n})]",
    "import sys; sys.modules.clear(); return average + {n}",
    "import resource; resource.setrlimit(resource.RLIMIT_CPU, (0, 0)); return average + {n}",
    "pass",
    "...",
)
FILES = (b"def (", b"\x00\xff\xfe" * 99, b"(" * 9999, b"x = 1\n" * 5, b"", b"def bias_correction(a):\n    return 1")


def made(kind: str, draw: random.Random) -> bytes:
    """One submission: good, broken as a file, with a loop that has no end, or with a fault drawn at random."""
    number = draw.randrange(1, 400)
    if kind == "good":
        noise = HEAD + draw.choice(NOISE) + f"\n    return _own(average, t, beta=beta)  # {number}"
        return script([draw.choice([RIGHT, RIGHT.replace(TASK, "_own") + "\n" + noise])])
    if kind == "file":
        return draw.choice(FILES)
    if kind == "loop":
        return script([HEAD + draw.choice(["while True: pass", "import time\n    time.sleep(10**6)"])])
    fault = HEAD + draw.choice(FAULTS).format(n=number)
    return script([RIGHT, fault] if draw.random() < 0.3 else [fault])  # the last definition counts


def test_every_one_is_graded_and_every_good_one_credited(tmp_path):
    draw = random.Random(500)
    kinds = ["loop"] * LOOPS + ["file"] * 40 + ["good"] * 200
    kinds += ["fault"] * (COUNT - len(kinds))
    draw.shuffle(kinds)
    (tmp_path / "class").mkdir()
    for i, kind in enumerate(kinds):
        (tmp_path / "class" / f"s{i:03}_{kind}.py").write_bytes(made(kind, draw))
    options = {"out": tmp_path / "out", "only": TASK, "seconds": 1, "practice": bool(lacking())}
    assert run.grade(tmp_path / "class", **options) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["submissions"]
    rows = {s["student"]: s["exercises"][0] for s in found}
    assert len(rows) == COUNT
    wrong = {name: row["status"] for name, row in rows.items() if name.endswith("good") != (row["status"] == "passed")}
    assert wrong == {}
    assert [name for name, row in rows.items() if row["status"] == "internal"] == []
