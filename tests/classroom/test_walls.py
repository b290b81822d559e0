"""The walls: each is said to be missing when it is; without all of them nothing is graded."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from coursekit.classroom.sandbox import host, namespaces, outer, readback, seccomp, walls
from coursekit.classroom.sandbox.host import NotHere
from coursekit.classroom.sandbox.warm import Failed, Ran, WarmParent
from coursekit.probe.cases import Call

CASES = [Call((torch.tensor([1.0, 2.0]),))]
needs_walls = pytest.mark.skipif(bool(host.lacking()), reason=f"NO WALLS, NOT TESTED: {host.lacking()}")


def simulate(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the filter answers, by the rules of classic BPF."""
    record = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", code))
    at = value = 0
    while True:
        kind, if_true, if_false, operand = steps[at]
        at += 1
        if kind == seccomp.LOAD:
            value = int.from_bytes(record[operand : operand + 4], sys.byteorder)
        elif kind == seccomp.RETURN:
            return operand
        else:
            yes = {
                seccomp.EQUAL: value == operand,
                seccomp.AT_LEAST: value >= operand,
                seccomp.ANY_BIT: bool(value & operand),
            }[kind]
            at += if_true if yes else if_false


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_on_both_machines(machine):
    """Allowed, refused, and looked into, by number; every jump ends at an answer."""
    architecture, column = seccomp.MACHINES[machine]
    code = seccomp.program(machine)

    def answer(number: int, *arguments: int) -> int:
        return simulate(code, architecture, number, *arguments)

    known = dict(re.findall(r"(\w+) (?:\d+) (\d+|-)" if column == 2 else r"(\w+) (\d+)", seccomp.ALLOWED))
    allowed = {int(number) for number in known.values() if number != "-"}
    special = {pair[column - 1] for pair in (seccomp.CLONE, seccomp.CLONE3, seccomp.PRCTL, seccomp.IOCTL)}
    for number in set(range(500)) - special:
        assert answer(number) == (seccomp.ALLOW if number in allowed else seccomp.REFUSE), number
    clone = seccomp.CLONE[column - 1]
    assert answer(clone, 0x3D0F00) == seccomp.ALLOW, "a thread"
    for flags in (17, 0, 0x3D0F00 | namespaces.NEW["user"], 0x3D0F00 | 0x80):
        assert answer(clone, flags) == seccomp.REFUSE
    assert answer(435) == seccomp.NOT_THERE
    assert answer(seccomp.PRCTL[column - 1], 22) == seccomp.REFUSE
    assert answer(seccomp.PRCTL[column - 1], 15) == seccomp.ALLOW
    assert answer(seccomp.IOCTL[column - 1], 3, 0x5412) == seccomp.REFUSE
    assert answer(seccomp.IOCTL[column - 1], 3, 0x5401) == seccomp.ALLOW
    assert simulate(code, 0x40000003, 1) == seccomp.KILL, "another architecture"
    if machine == "x86_64":
        assert answer(seccomp.X32 + 1) == seccomp.KILL


def test_no_filter_for_another_machine():
    with pytest.raises(ValueError, match="riscv64"):
        seccomp.program("riscv64")


@pytest.mark.skipif(not Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").exists(), reason="no kernel headers here")
def test_the_numbers_are_the_kernels():
    text = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read_text()
    kernel = dict(re.findall(r"#define __NR_(\w+) (\d+)", text))
    for name, number in re.findall(r"(\w+) (\d+) (?:\d+|-);", seccomp.ALLOWED):
        assert kernel[name] == number, name


@pytest.fixture(scope="module")
def parent():
    with WarmParent(seconds=1) as made:
        yield made


def run(parent: WarmParent, body: str) -> Ran | Failed:
    return parent.run(f"def f(x):\n    {body}\n".encode(), ".py", "a.py", "f", CASES, {})


@needs_walls
def test_what_a_child_is_and_sees(parent):
    answer = run(
        parent,
        "import os, resource as r\n"
        "    NAMES = ('CPU', 'CORE', 'FSIZE', 'NOFILE', 'MEMLOCK')\n"
        "    limits = [r.getrlimit(getattr(r, 'RLIMIT_' + n))[0] for n in NAMES]\n"
        "    ids = os.getpid(), os.getppid(), os.getuid()\n"
        "    return limits, *ids, sorted(os.environ), os.listdir('.'), os.uname()[1]",
    )
    assert isinstance(answer, Ran) and answer.outcomes[0].fault is None
    limits, pid, ppid, uid, environment, scratch, host = answer.outcomes[0].value["result"]
    assert limits == [2, 0, namespaces.SCRATCH, 64, 0]
    assert (pid, ppid, uid, scratch, host) == (1, 0, walls.NOBODY, [], "grading")
    assert not any("COURSEKIT" in name or "HOME" in name for name in environment)


@needs_walls
def test_scratch_can_be_written_and_is_gone_for_the_next(parent):
    write = "import os\n    open('own', 'w').write('x' * 1000)\n    return os.path.getsize('own'), os.listdir('.')"
    for _ in range(2):
        assert run(parent, write).outcomes[0].value["result"] == (1000, ["own"])


@needs_walls
def test_threads_work_and_a_loop_in_c_ends(parent):
    body = "import concurrent.futures as c\n    return list(c.ThreadPoolExecutor(4).map(lambda i: i * x, range(3)))"
    assert len(run(parent, body).outcomes[0].value["result"]) == 3
    answer = run(parent, "return 10 ** 10 ** 9")
    assert isinstance(answer, Failed) and answer.status == "timeout"
    assert isinstance(run(parent, "return x"), Ran)


@needs_walls
def test_everything_ends_with_its_first_process():
    with WarmParent(seconds=30) as own:
        own.read(b"", ".py", "a", [], [])
        first = own._link.process.pid
        (inner,) = walls.children_of(first)
        os.kill(first, signal.SIGKILL)
        for _ in range(200):
            if not os.path.exists(f"/proc/{inner}"):
                break
            time.sleep(0.05)
        assert not os.path.exists(f"/proc/{inner}")
        assert isinstance(run(own, "return x"), Ran), "and is started again"


# how a wall is left out, and what is then said to be missing
BREAKS = {
    "namespaces.own_proc = lambda: None": "namespaces of its own",
    "namespaces.own_scratch = lambda: None": "scratch of fixed size",
    "seccomp.install = lambda code: None": "filter of system calls",
    "seccomp.ALLOWED += 'socket 41 198;'": "wall against the network",
    "seccomp.CLONE_THREAD = 0xffffffff": "wall against new processes",
    "seccomp.ALLOWED += 'memfd_create 319 279;'": "filter of system calls",
    "namespaces.OWN += ('bank',)": "view without the course's answers",
    "namespaces.RDONLY = 0": "read-only view",
    "namespaces.become_nobody = lambda: None": "unprivileged user",
    "walls._limit = lambda *a: None": "limits",
    "os.closerange = lambda *a: None": "wall against open files",
    "namespaces.NEW['net'] = 0": "namespaces of its own",
}


@needs_walls
@pytest.mark.parametrize("change", BREAKS)
def test_a_wall_that_is_not_there_is_missed(change):
    """Each wall is left out in turn: the reading back finds it, by its name, and nothing starts."""
    code = host.START.replace("; main()", f"; import os; from coursekit.classroom.sandbox import *; {change}; main()")
    names = "namespaces, seccomp, walls"
    code = code.replace("import *", f"import {names}")
    command = host.command(False, 1.0, 2**30, 32)
    command[3] = code
    done = subprocess.run(command, env=host.environment(), cwd="/", capture_output=True, timeout=60)
    assert BREAKS[change].encode() in done.stdout, (done.stdout, done.stderr)
    assert b"ready" not in done.stdout


def test_what_is_missing_is_one_line(monkeypatch, tmp_path, capsys):
    """Without namespaces nothing is graded: status 2, one line with the way out."""
    from coursekit import cli

    monkeypatch.setattr(outer, "USERS", "how")
    monkeypatch.setattr(WarmParent, "_start", _refused)
    (tmp_path / "ada.py").write_text("def identity(x):\n    return x\n")
    arguments = ["coursekit", "grade", str(tmp_path), "--only", "identity", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("coursekit: refused: no walls here") and "--practice grades without walls" in line


def _refused(self):
    raise NotHere(host.refusal("no walls here"))


def test_the_reading_back_names_the_first_that_fails():
    assert readback._first({"a": lambda: True, "b": lambda: False, "c": lambda: 1 / 0}) == "b"
    assert readback._first({"a": lambda: bool(os.stat("/nowhere/at/all"))}).startswith("a (FileNotFoundError")
    assert readback._first({}) == ""
