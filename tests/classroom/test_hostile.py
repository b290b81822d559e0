"""Submissions that set out to cheat or to harm, graded through the real walls among those of honest students.

Where this system has no user namespaces these tests are skipped, with the reason in the summary (`pytest -rs`);
COURSEKIT_WALLS=required makes that a failure, for a machine that is to have them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from coursekit.bank import index
from coursekit.classroom import run
from coursekit.classroom.demo import script
from coursekit.classroom.sandbox import walls, wire
from coursekit.classroom.sandbox.host import lacking
from coursekit.judging.judge import prepare
from coursekit.judging.source import solution_source
from coursekit.probe.cases import Outcome

TASK = "bias_correction"
HEAD = f"""def leak(what):
    raise RuntimeError("LEAK " + str(what)[:200])

def {TASK}(average, t, *, beta):
"""
RIGHT = solution_source(index.exercise(TASK).answer)
ROOT = Path(__file__).resolve().parents[2]
REAL = ("reference_file", "bank", "neighbour", "canary_read", "canary_write", "connect_raw", "fork", "stat")


def attacks() -> dict[str, str]:
    """Every attack of the corpus by its name."""
    found: dict[str, str] = {}
    for name in ("reading", "cheating", "exhausting"):
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("hostile") / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert not found.keys() & module.ATTACKS.keys()
        found |= module.ATTACKS
    return found


ATTACKS = attacks()


class Scene:
    """A class with attacks among honest answers, a file that anyone may write, and an open port."""

    def __init__(self, names: tuple[str, ...]):
        self.place = Path(tempfile.mkdtemp(prefix="hostile-"))
        self.place.chmod(0o755)  # so that nothing but the walls is in the way
        self.folder, self.out, self.canary = self.place / "class", self.place / "out", self.place / "canary"
        self.folder.mkdir()
        self.canary.write_text("alive")
        self.canary.chmod(0o666)
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._count, daemon=True).start()
        for i, name in enumerate(names):
            (self.folder / f"{name}.py").write_bytes(self.written(ATTACKS[name]))
            if i % 10 == 0:
                (self.folder / f"{name}_honest.py").write_bytes(script([RIGHT]))
        (self.folder / "victim.py").write_bytes(script([RIGHT, "def victim_only_mine(): pass"]))

    def written(self, body: str) -> bytes:
        """An attack as a submission of this scene."""
        results = [Outcome(value={"result": 0.0})] * len(prepare(TASK, 1).cases)
        frame = wire.encode({"outcomes": results, "used": []})
        places = {"ROOT": ROOT, "CLASS": self.folder, "OUT": self.out, "CANARY": self.canary, "JUDGE": os.getpid()}
        places |= {"PORT": self._server.getsockname()[1], "FORGED": len(frame).to_bytes(8, "big") + frame}
        for name, value in places.items():
            body = body.replace(name, str(value))
        return script([HEAD + "\n".join(f"    {line}" for line in body.splitlines())])

    def _count(self) -> None:
        while True:
            try:
                self._server.accept()[0].close()
            except OSError:
                return
            self.visits += 1

    def grade(self, **options) -> dict[str, dict]:
        """The row of each submission."""
        assert run.grade(self.folder, out=self.out, jobs=3, only=TASK, seed=1, seconds=1, **options) == 0
        found = json.loads((self.out / "results.json").read_text(encoding="utf-8"))["submissions"]
        return {s["student"]: s["exercises"][0] for s in found}

    def close(self) -> None:
        self._server.close()
        shutil.rmtree(self.place)


@pytest.fixture(scope="module")
def scene():
    """The whole corpus, graded once within walls."""
    if missing := lacking():
        if os.environ.get("COURSEKIT_WALLS") == "required":
            pytest.fail(f"COURSEKIT_WALLS=required, and there are {missing}")
        pytest.skip(f"NO WALLS, NOT TESTED: {missing}")
    os.environ["COURSEKIT_SECRET"] = "secret"
    made = Scene(tuple(ATTACKS))
    made.before = set(walls.children_of(os.getpid()))
    made.rows = made.grade()
    yield made
    made.close()
    del os.environ["COURSEKIT_SECRET"]


def test_the_corpus_is_large_enough():
    assert len(ATTACKS) >= 60


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing(scene, name):
    row = scene.rows[name]
    assert row["points"] == 0 and row["status"] not in ("passed", "convention", "internal"), row
    assert "LEAK" not in json.dumps(row), row
    assert row["walls"] == "full"


def test_the_honest_have_their_points(scene):
    honest = {name: row for name, row in scene.rows.items() if name.endswith("_honest") or name == "victim"}
    assert len(honest) > len(ATTACKS) / 10 and len(scene.rows) == len(honest) + len(ATTACKS)
    assert [row for row in honest.values() if row["status"] != "passed" or row["walls"] != "full"] == []


def test_the_host_is_as_it_was(scene):
    assert scene.canary.read_text() == "alive" and scene.visits == 0
    assert set(walls.children_of(os.getpid())) == scene.before, "no process is left"
    assert {path.name for path in scene.place.iterdir()} == {"class", "out", "canary"}


def test_the_attacks_are_real():
    """Without walls some of the same attacks get what they want: else a corpus that fails would prove nothing."""
    bare = Scene(REAL)
    try:
        rows = bare.grade(practice=True)
        got = {name for name in REAL if rows[name]["points"] or "LEAK" in rows[name]["message"]}
        assert got == set(REAL)
        assert {row["walls"] for row in rows.values()} == {"practice"} and bare.canary.read_text() != "alive"
    finally:
        bare.close()
