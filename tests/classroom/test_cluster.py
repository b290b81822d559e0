"""A class graded on a Dask cluster of real processes: the same grades, workers that end, workers that will not do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from unittest.mock import Mock

import pytest

from coursekit.bank import index
from coursekit.classroom import batch, cluster, demo, gradebook, run, submission, worker
from coursekit.classroom.demo import notebook, predicted, script, slip
from coursekit.classroom.sandbox.host import lacking
from coursekit.classroom.submission import Bad

distributed = pytest.importorskip("distributed", reason="needs distributed: pip install -e '.[grade,cluster]'")

PRACTICE = bool(lacking())  # where there are no walls, the same is held of grading without them
ADAM = index.chapter("08_adam")
IDENTITY = script(["def identity(x):\n    return x"])
DEADLY = b"# ends its worker\n"
# Learner's code cannot reach a worker; so workers are started which end by themselves when they get such a file.
HOOKS = {
    "deadly": f"""
import os
from coursekit.classroom import worker
def deadly(same, jobs, perform=worker.perform):
    if any({DEADLY!r} in file["data"] for job in jobs for file in job["files"]):
        os.kill(os.getpid(), 9)
    return perform(same, jobs)
worker.perform = deadly
""",
    "older": "from coursekit.classroom import gradebook\ngradebook.version = lambda: 'older'",
    "without": "import sys\nsys.modules['coursekit'] = None",
    "no walls": """
from coursekit.classroom.sandbox import warm
def lacks(*_):
    raise warm.NotHere("refused: no walls here")
warm.WarmParent.read = lacks
""",
}


class Processes:
    """`dask scheduler` and `dask worker` as a user starts them, on loopback; all are ended at the end."""

    def __init__(self, place, scheduler=None):
        self.place, self.started, self.scheduler = place, [], scheduler
        if scheduler is None:
            file = place / "scheduler.json"
            self.start("scheduler", "--port", "0", "--scheduler-file", str(file))
            self.scheduler = _soon(lambda: json.loads(file.read_text())["address"])

    def worker(self, hook: str) -> None:
        path = self.place / f"{hook}.py"
        path.write_text(HOOKS[hook])
        options = ["--nthreads", "1", "--preload", str(path), "--local-directory", str(self.place / "scratch")]
        self.start("worker", self.scheduler, "--name", f"{hook} {len(self.started)}", *options)

    def start(self, kind: str, *options: str) -> None:
        command = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", "--no-dashboard", *options]
        with (self.place / "log").open("ab") as log:
            self.started.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _soon(look):
    until = time.monotonic() + 120
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return look()
        assert time.monotonic() < until, "it does not start"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """A scheduler with two workers, each started again by its nanny when it ends."""
    with Processes(tmp_path_factory.mktemp("dask")) as started:
        for _ in range(2):
            started.worker("deadly")
        yield started


@pytest.fixture(scope="module")
def two(processes):
    return processes.scheduler


def grade(place, scheduler=None, **options) -> int:
    """Grade `place/class` into `place/out`."""
    return run.grade(place / "class", out=place / "out", seed=8, practice=PRACTICE, scheduler=scheduler, **options)


def results(place) -> dict[str, dict]:
    found = json.loads((place / "out" / "results.json").read_text(encoding="utf-8"))["submissions"]
    return {s["student"]: s for s in found}


def rows(place) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(place / "out" / submission.GRADEBOOK)) as book:
        return book.execute("SELECT student, exercise, status FROM grades ORDER BY rowid").fetchall()


def a_class(place, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = place / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def at_the_third(monkeypatch, act) -> None:
    """Do something in the grading process when it tells of the third submission."""
    told = []

    def tell(graded):
        told.append(graded)
        if len(told) == 3:
            act()

    monkeypatch.setattr(run.summary, "_lines", lambda *_: tell)


def test_the_same_grades_as_on_this_machine(tmp_path):
    """LocalCluster: two workers with a warm parent each; right, wrong, broken, empty, and a folder of two files."""
    own = demo.answers(ADAM)
    wrong = [slip(e, 1) for e in ADAM.exercises]
    files = {
        "ada.ipynb": notebook(ADAM, own + predicted(ADAM)),
        "bo/08_adam.ipynb": notebook(ADAM, own[:1]),
        "bo/again/08_adam.py": script(wrong),
        "cy.ipynb": notebook(ADAM, own)[:-100],
        "di_08_adam.py": b"def adam(:\n",
        "ed.ipynb": notebook(ADAM, wrong + predicted(ADAM, right=False)),
        "fay.py": script(["def adam(param, grad, state, **hyper):\n    import os; os._exit(0)"]),
        "gus.py": b"x = 1\n",
        "hal.py": b"#" * (submission.MAX_BYTES + 1),
    }
    for place in ("here", "there"):
        a_class(tmp_path / place, files)
    assert grade(tmp_path / "here", jobs=2) == 0
    local = {"host": "127.0.0.1", "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **local) as made:
        assert grade(tmp_path / "there", made.scheduler_address) == 0
        assert results(tmp_path / "there") == results(tmp_path / "here")
        assert sorted(rows(tmp_path / "there")) == sorted(rows(tmp_path / "here"))
        before = rows(tmp_path / "there")
        assert grade(tmp_path / "there", made.scheduler_address) == 0, "again: there is nothing to do"
        assert rows(tmp_path / "there") == before and results(tmp_path / "there") == results(tmp_path / "here")


def test_a_worker_killed_in_the_middle_loses_nothing(two, tmp_path, monkeypatch, capsys):
    a_class(tmp_path, {f"student{i:02}.py": IDENTITY for i in range(16)})
    with distributed.Client(two, set_as_default=False) as client:
        client.wait_for_workers(2, 120)
        workers = client.run(os.getpid)
        at_the_third(monkeypatch, lambda: os.kill(next(iter(workers.values())), signal.SIGKILL))
        assert grade(tmp_path, two) == 0
        now = _soon(lambda: dict(client.run(os.getpid)))
    assert set(now) != set(workers), "it was killed"
    assert sorted(rows(tmp_path)) == [(f"student{i:02}", "identity", "passed") for i in range(16)]
    assert {s["exercises"][0]["status"] for s in results(tmp_path).values()} == {"passed"}
    assert "set aside" not in capsys.readouterr().err


def test_a_submission_that_ends_its_worker_is_set_aside_after_two_tries(two, tmp_path, capsys):
    a_class(tmp_path, {f"student{i}.py": IDENTITY for i in range(6)} | {"a_deadly_00_start.py": DEADLY + IDENTITY})
    assert grade(tmp_path, two) == 0
    found = results(tmp_path)
    for row in found.pop("a_deadly_00_start")["exercises"]:
        assert row["status"] == "internal" and row["points"] == 0
        assert "after 2 tries" in row["message"] and row["message"].count("ended") == 2
    assert {s["exercises"][0]["status"] for s in found.values()} == {"passed"} and len(found) == 6
    assert len(rows(tmp_path)) == 6, "it is not in the gradebook, and the same command tries it again"
    said = capsys.readouterr()
    assert said.err.count("a_deadly_00_start.py: set aside after 2 tries") == 1 and "set aside" in said.out


def test_ctrl_c_keeps_what_is_graded(two, tmp_path, monkeypatch, capsys):
    a_class(tmp_path, {f"student{i}.py": IDENTITY for i in range(8)})
    at_the_third(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert grade(tmp_path, two) == run.INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err
    kept = rows(tmp_path)
    assert 3 <= len(kept) < 8
    monkeypatch.undo()
    assert grade(tmp_path, two) == 0
    assert rows(tmp_path)[: len(kept)] == kept and len(rows(tmp_path)) == len({s for s, *_ in rows(tmp_path)}) == 8
    assert f"{len(kept)} were in the gradebook already" in capsys.readouterr().out


def test_where_no_worker_can_grade_it_ends_with_one_line(tmp_path, capsys):
    """Of another version, without coursekit, without walls."""
    a_class(tmp_path, {"ada.py": IDENTITY})
    local = {"host": "127.0.0.1", "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with (
        distributed.LocalCluster(n_workers=0, **local) as made,
        Processes(tmp_path, made.scheduler_address) as processes,
        distributed.Client(made.scheduler_address, set_as_default=False) as client,
    ):
        for hook in ("older", "without", "no walls"):
            processes.worker(hook)
        client.wait_for_workers(3, 120)
        with pytest.raises(Bad, match=r"no worker of tcp://127.0.0.1:\d+ can grade. tcp://"):
            grade(tmp_path, made.scheduler_address)
        said = capsys.readouterr().err
    assert said.count("is passed over") == 3 and "ModuleNotFoundError" in said and "coursekit" in said
    assert f"it has coursekit older, and {gradebook.version()} is wanted" in said and "refused: no walls" in said


def test_a_worker_that_cannot_grade_is_passed_over_and_the_others_go_on(two, processes, tmp_path, capsys):
    a_class(tmp_path, {f"student{i}.py": IDENTITY for i in range(8)})
    processes.worker("without")
    with distributed.Client(two, set_as_default=False) as client:
        client.wait_for_workers(3, 120)
    assert grade(tmp_path, two) == 0
    assert sorted(rows(tmp_path)) == [(f"student{i}", "identity", "passed") for i in range(8)]
    assert "ModuleNotFoundError" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "smoke://127.0.0.1:8786"])
def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, monkeypatch, address):
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    a_class(tmp_path, {"ada.py": IDENTITY})
    with pytest.raises(Bad, match=f"no Dask scheduler answers at {address}: ") as error:
        grade(tmp_path, address)
    assert "\n" not in str(error.value)


def test_a_scheduler_without_workers_says_how_to_start_some(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    a_class(tmp_path, {"ada.py": IDENTITY})
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0") as made,
        pytest.raises(Bad, match=f"{made.scheduler_address} has no worker; start some: dask worker"),
    ):
        grade(tmp_path, made.scheduler_address)


def test_a_scheduler_that_goes_leaves_what_was_graded(processes, two, tmp_path, monkeypatch):
    """The last of them: it ends the scheduler that the others share."""
    a_class(tmp_path, {f"student{i:02}.py": IDENTITY for i in range(30)})
    at_the_third(monkeypatch, processes.started[0].kill)
    with pytest.raises(Bad, match=f"the scheduler {two} is gone; what was graded is kept"):
        grade(tmp_path, two)
    assert 3 <= len(rows(tmp_path)) < 30


def test_a_result_that_comes_after_its_worker_was_given_up_is_left_out(tmp_path):
    a_class(tmp_path, {"ada.py": IDENTITY})
    found, _ = submission.find(tmp_path / "class")
    with gradebook.Gradebook(tmp_path / "book.sqlite") as book:
        dispatcher = cluster.Dispatcher(None, found, book, batch.Settings(scheduler="x"), lambda _: None)
        dispatcher.errands[0] = dispatcher._errand(0)
        dispatcher.workers["a"] = given_up = cluster.Worker("a", 1, {(0,): Mock()})
        dispatcher._left("a")
        dispatcher._came_back(given_up, (0,), [[]])
        dispatcher._stumbled(given_up, (0,), ValueError("late"))
    assert list(dispatcher.suspects) == [0] and not dispatcher.graded
    assert dispatcher.failures == {0: ["its worker a ended"]}


def test_what_travels_is_plain(tmp_path, monkeypatch):
    """What comes back of a worker can be JSON, and holds neither the seed nor what was expected."""
    data = script([slip(ADAM.exercises[-1], 0)])
    (tmp_path / "ada.py").write_bytes(data)
    (one,), _ = submission.find(tmp_path / "ada.py")
    jobs = [{"known": [], **worker.plain(worker.packed(one))}] * 2
    same = {"pid": os.getpid(), "seed": 123454321, "version": gradebook.version()}
    same |= {"seconds": 10.0, "only": "adam", "chapter": None, "practice": PRACTICE}
    monkeypatch.setattr(worker, "ENOUGH", 0.0)
    try:
        (found,) = worker.perform(same, jobs)
        with pytest.raises(worker.Reborn):
            worker.perform(same | {"pid": 1}, jobs)
        monkeypatch.undo()
        again = worker.perform(same, [job | {"known": found} for job in jobs])
    finally:
        worker.release()
    this, reading, (verdict,) = worker.read_record(json.loads(json.dumps(found[0])))
    own = submission.key("ada", one.files[0], data)
    assert (this, reading.functions, verdict.status) == (own, ("adam",), "wrong") and verdict.diagnosis
    assert "123454321" not in json.dumps(found)
    assert again == [[], []], "what is known is not graded again"
