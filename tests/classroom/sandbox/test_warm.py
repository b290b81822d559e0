"""The sandbox without the walls that need Linux: every way of going wrong is one answer, and the next job runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch

from coursekit.classroom.sandbox import walls, warm
from coursekit.classroom.sandbox.warm import Failed, Ran, Reading, WarmParent
from coursekit.probe.cases import Call, Steps

BOMB = """import os
    while True:
        try: os.fork()
        except OSError: pass"""
DAEMON = """import os, time
    if os.fork() == 0:
        os.setsid()
        os.fork()
        time.sleep(99)
    return x"""
WRITES = """import os
    for fd in range(3, 64):
        try: os.write(fd, {bytes})
        except OSError: pass
    return x"""
CASES = [Call((torch.tensor([1.0, 2.0]),)), Call((torch.tensor(3.0),))]


@pytest.fixture(scope="module")
def parent():
    with WarmParent(seconds=1, practice=True) as made:
        yield made


def run(parent: WarmParent, body: str, before: str = "", cases=CASES, states=None) -> Ran | Failed:
    text = f"{before}\ndef f(x, *rest, **hyper):\n    {body}\n"
    return parent.run(text.encode(), ".py", "a.py", "f", cases, states or {})


def fault(answer: Ran | Failed):
    assert isinstance(answer, Ran), answer
    assert answer.outcomes[0].fault is not None, answer
    return answer.outcomes[0].fault


def alive(parent: WarmParent) -> bool:
    answer = run(parent, "return 2 * x")
    return isinstance(answer, Ran) and answer.outcomes[0].value["result"].tolist() == [2.0, 4.0]


def test_values_and_used_names_come_back(parent):
    answer = run(parent, "return torch.exp(x)")
    assert isinstance(answer, Ran)
    assert torch.equal(answer.outcomes[1].value["result"], torch.tensor(3.0).exp())
    assert {"torch", "exp"} <= answer.used


def test_an_update_rule_with_its_state(parent):
    x = torch.zeros(2, dtype=torch.float64)
    case = Steps(x, torch.ones(3, 2, dtype=torch.float64), 3, {"lr": 0.5}, {"v": x, "t": 0}, "SState")
    body = "v, t = rest[1]\n    return x - hyper['lr'] * rest[0], SState(v + 1, t + 1)"
    answer = run(parent, body, cases=[case], states={"SState": ("v", "t")})
    assert isinstance(answer, Ran)
    assert answer.outcomes[0].value["path"][-1].tolist() == [-1.5, -1.5]
    assert answer.outcomes[0].value["state"]["t"] == 3


def test_what_is_refused_is_seen(parent):
    text = "def f(x): return getattr(torch, 'log_' + 'softmax')(x, -1)"
    answer = parent.run(text.encode(), ".py", "a.py", "f", CASES, {}, {"log_softmax"})
    assert fault(answer).check == "delegated" and fault(answer).message == "log_softmax"


def test_a_data_class_finds_its_module(parent):
    text = (
        "from __future__ import annotations\nimport dataclasses\n\n@dataclasses.dataclass(frozen=True)\nclass Twice:\n"
        "    x: torch.Tensor\n\ndef f(x):\n    return Twice(x).x * 2\n"
    )
    answer = parent.run(text.encode(), ".py", "a.py", "f", CASES, {})
    assert isinstance(answer, Ran) and answer.outcomes[0].fault is None


def test_reading_a_file(parent):
    text = 'def adam(): pass\ndef other(): pass\nanswer("q", 2.5)\nanswer("r", torch.tensor(3))\nanswer("s", adam)\n'
    values = {"q": 2.5, "r": 3, "s": None, "t": None, "u": "x" * 499 + "…"}
    text += 'answer("t", [i for i in range(10**10)])\nanswer("u", "x" * 10**6)\n'
    assert parent.read(text.encode(), ".py", "a.py", ["adam"], list(values)) == Reading(None, ("adam",), values)
    broken = parent.read(b"def f(:\n", ".py", "a.py", [], [])
    assert isinstance(broken, Reading) and "line 1" in broken.unreadable
    assert parent.read(b"", ".py", "a.py", [], []) == Reading()


@pytest.mark.parametrize(
    ("body", "check", "words"),
    [
        ("raise NotImplementedError", "attempted", "not written"),
        ("return x / nothing", "runs", "NameError"),
        ("import sys; sys.exit(3)", "runs", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "runs", "KeyboardInterrupt"),
        ("return f(x)", "runs", "RecursionError"),
        ("return torch.zeros(10**9)", "memory", "memory"),
        ("return [0] * 10**9", "memory", "memory"),
        ("from coursekit.reference.adam import adam", "runs", "the course's own answer"),
        ("import coursekit.engine", "runs", "not there while grading"),
        ("with open('file', 'w') as f: f.write('x' * 10)", "runs", "OSError"),
        ("return 'x' * 3, [x] * 3, {object(): list(range(10**5))}", None, ""),
        ("return (i for i in iter(int, 1))", None, ""),
        ("return torch.zeros(1).expand(10**9)", None, ""),
        ("return {'deep': [[[[[[[[[[1]]]]]]]]]]}", None, ""),
        ("return torch.ones(1500, 1000, dtype=torch.float64).repeat(1, 1)", "memory", "too large"),
        ("return [10 ** 5000]", None, ""),
        ("return '\\udc00'", None, ""),
        ("return x.to_sparse(), x + 1j, None, float('nan')", None, ""),
    ],
)
def test_what_goes_wrong_inside_a_function(parent, body, check, words):
    """Each is an outcome with its line, not the end of the process."""
    cases = CASES * 2  # so that large results do not all fit
    answer = run(parent, body, cases=cases)
    assert isinstance(answer, Ran) and len(answer.outcomes) == len(cases)
    faults = [outcome.fault for outcome in answer.outcomes if outcome.fault]
    if check is None:
        assert faults == []
    else:
        assert faults and faults[-1].check == check and words in faults[-1].message
        if check == "runs":
            assert faults[0].line is not None and faults[0].text in body + "def f(x, *rest, **hyper):"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("import os; os._exit(0)", "crashed", "exit status 0"),
        ("import os; os.killpg(0, 9)", "crashed", "SIGKILL"),
        ("import os; os.abort()", "crashed", "SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("10 ** (10 ** 9)", "timeout", "still running"),
        ("import signal, time; signal.alarm(1); time.sleep(9)", "crashed", "SIGALRM"),
    ],
)
def test_what_ends_the_process(parent, body, status, words):
    answer = run(parent, body)
    assert isinstance(answer, Failed) and answer.status == status and words in answer.reason
    assert alive(parent)


def test_a_fork_bomb(parent):
    """Whether the first process still answers or not: it had no end, and what it started is gone."""
    answer = run(parent, BOMB)
    assert answer.status == "timeout" if isinstance(answer, Failed) else fault(answer).check == "time"
    assert alive(parent) and walls.children_of(parent._link.process.pid) == []


def test_an_endless_loop(parent):
    assert fault(run(parent, "while True: pass")).check == "time"
    answer = run(parent, "return x", before="class Loop:\n    while True: pass\ndef g(): return Loop")
    assert isinstance(answer, Ran), "not used, so not run"
    answer = run(parent, "return Loop", before="class Loop:\n    while True: pass")
    assert isinstance(answer, Failed) and answer.status == "timeout"


def test_a_hundred_thousand_printed_lines(parent):
    body = "import os\n    for i in range(100_000): print('line', i)\n    os.write(1, b'x' * 100_000)\n    return x"
    answer = run(parent, body)
    assert isinstance(answer, Ran) and answer.outcomes[0].fault is None


def test_no_process_is_left_behind(parent):
    assert isinstance(run(parent, DAEMON), Ran)
    assert walls.children_of(parent._link.process.pid) == []


def test_forged_and_later_frames(parent):
    """Only the first frame counts, and it must be one: a function that writes to every descriptor gains a crash."""
    for data in (b"\0" * 7 + b"\4null", b"\xff" * 8, b"\0" * 8):
        answer = run(parent, WRITES.replace("{bytes}", repr(data)))
        assert isinstance(answer, Failed) and answer.status == "crashed"
    forged = warm.wire.encode({"outcomes": [], "used": []})
    answer = run(parent, WRITES.replace("{bytes}", repr(len(forged).to_bytes(8, "big") + forged)))
    assert isinstance(answer, Failed) and "not one outcome for each case" in answer.reason
    assert alive(parent)


def test_what_cannot_be_looked_at_is_said(parent):
    """A source that breaks the reading of it, in a way that was not foreseen."""
    odd = b'{"cells": [{"cell_type": "code", "source": "x = 1"}], "metadata": {"coursekit": {"chapter": 3}}}'
    assert parent.read(odd, ".ipynb", "a", [], []) == Reading()
    text = "def f(x): return " + "-" * 3000 + "x"
    answer = parent.run(text.encode(), ".py", "a.py", "f", CASES, {})
    assert isinstance(answer, Ran) and fault(answer).check == "runs"


def scratch(pid: int) -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"coursekit-{pid}-*"))


def test_stopping_leaves_nothing_behind(tmp_path):
    with WarmParent(seconds=30, practice=True) as own:
        own.read(b"", ".py", "a", [], [])
        pid = own._link.process.pid
        stopper = threading.Timer(0.5, own.stop)
        stopper.start()
        with pytest.raises(warm.Stopped):
            run(own, "while True: pass")
        stopper.join()
    assert not os.path.exists(f"/proc/{pid}") and not scratch(pid)


@pytest.mark.parametrize("text", ["x = 3", "class f: pass", "f = None", "@nowhere\ndef f(x): return x"])
def test_a_name_that_is_no_function(parent, text):
    answer = parent.run(text.encode(), ".py", "a.py", "f", CASES, {})
    assert fault(answer).check == "runs"


def test_the_parent_is_started_again_when_it_dies(parent):
    assert alive(parent)
    os.kill(parent._link.process.pid, signal.SIGKILL)
    assert alive(parent)


def test_a_function_that_ends_the_parent(parent):
    """As root the children are another user and may not; else it is tried once more, and then it is theirs."""
    answer = run(parent, "import os; os.kill(os.getppid(), 9)")
    if os.geteuid() == 0:
        assert "not permitted" in fault(answer).message
    else:
        assert isinstance(answer, Failed) and answer.status == "crashed" and "twice" in answer.reason
    assert alive(parent)


def test_a_parent_that_ends_at_each_try(parent, monkeypatch):
    exchange = WarmParent._exchange

    def ended(self, frame, until):
        process = (self._link or self._start()).process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return exchange(self, frame, until)

    monkeypatch.setattr(WarmParent, "_exchange", ended)
    answer = run(parent, "return x")
    assert isinstance(answer, Failed) and answer.status == "crashed" and "twice" in answer.reason


def test_the_parent_ends_with_the_judge_and_takes_the_job_with_it(tmp_path: Path):
    """The judge is killed while a job runs: a few moments later neither parent nor child is there."""
    script = tmp_path / "judge.py"
    script.write_text(
        "from coursekit.classroom.sandbox.warm import WarmParent\n"
        "p = WarmParent(seconds=60, practice=True)\n"
        "p.read(b'', '.py', 'a', [], [])\n"
        "print(p._link.process.pid, flush=True)\n"
        "p.run(b'def f():\\n  while True: pass', '.py', 'a', 'f', [], {})\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        pid = int(judge.stdout.readline())
        judge.kill()
    for _ in range(200):
        if not os.path.exists(f"/proc/{pid}") and walls.children_of(pid) == []:
            return
        time.sleep(0.05)
    pytest.fail("the warm parent outlived its judge")


def test_a_parent_knows_no_answers_and_has_one_thread():
    code = (
        "import sys, coursekit.classroom.sandbox.parent as p, coursekit.classroom.sandbox.walls as w\n"
        "import torch; torch.set_num_threads(1); p.warm_up()\n"
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('coursekit.')}\n"
        "assert rooms <= {'probe', 'classroom'}, rooms\n"
        "assert w.threads() == 1\n"
        "assert not {'matplotlib', 'sklearn', 'sqlite3', 'rich', 'typer'} & set(sys.modules)\n"
    )
    env = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | env)


def test_a_child_is_another_user_with_limits_and_nothing_open(parent):
    body = (
        "import os, resource as r\n"
        "    names = ['CPU', 'CORE', 'FSIZE', 'NOFILE']\n"
        "    limits = [r.getrlimit(getattr(r, 'RLIMIT_' + n))[0] for n in names]\n"
        "    return limits, os.getuid(), os.getsid(0) == os.getpid(), os.listdir('/proc/self/fd'), sorted(os.environ)"
    )
    answer = run(parent, body)
    assert isinstance(answer, Ran)
    limits, uid, leads, files, environment = answer.outcomes[0].value["result"]
    assert limits == [2, 0, 0, 64] and leads
    assert uid == (walls.NOBODY if os.geteuid() == 0 else os.geteuid())
    assert len(files) <= 5  # the standard three, its own pipe, and the listing itself
    assert not any("COURSEKIT" in name or "HOME" in name for name in environment)
