"""One job in a child process: read a submission, run one function of it on cases that came as bytes, or try several."""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import inspect
import math
import re
import sys
import time
import types
import warnings
from typing import Any

import torch

from coursekit.classroom.sandbox import wire
from coursekit.classroom.sandbox.module import build, evaluate
from coursekit.classroom.sandbox.source import Source, Unreadable, answers, defined, read
from coursekit.probe.cases import Fault, Outcome
from coursekit.probe.running import TimeUp, run, state_names, their_line, time_limit, used_names
from coursekit.probe.values import cut
from coursekit.probe.watch import optimizers_seen


def perform(job: dict[str, Any]) -> bytes:
    """The result of a job as a frame."""
    warnings.simplefilter("ignore")
    sys.meta_path.insert(0, NoAnswers())
    data = bytes(job["source"].numpy())
    try:
        if job["kind"] == "run":
            return _run(data, job)
        return wire.encode(_read(data, job)[1]) if job["kind"] == "read" else _try(data, job)
    except MemoryError:
        raise
    except Exception as error:  # nothing of theirs has run: it is their source that cannot be looked at
        words = cut(f"it cannot be looked at: {type(error).__name__}: {error}")
        if job["kind"] != "run":
            unreadable = wire.encode({"unreadable": words})
            return unreadable if job["kind"] == "read" else wire.encode({"reading": _bytes(unreadable), "ran": {}})
        return _fitted([Outcome(fault=Fault("runs", words))] * len(job["cases"]), [])


class NoAnswers(importlib.abc.MetaPathFinder):
    """Keeps the course's own answers from being imported by what is graded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        room = [*name.split("."), ""][1]
        if name.partition(".")[0] == "coursekit":
            answers = room in ("reference", "bank", "judging")
            words = "this is the course's own answer" if answers else "not there while grading"
            raise ModuleNotFoundError(f"{name}: {words}", name=name)


def _read(data: bytes, job: dict[str, Any]) -> tuple[Source | None, dict[str, Any]]:
    """A file parsed, and what it asks for and defines, or why it cannot be read."""
    try:
        source = read(data, job["suffix"], job["label"])
    except Unreadable as error:
        return None, {"unreadable": cut(str(error))}
    return source, {
        "chapter": source.chapter,
        "functions": defined(source, set(job["wanted"])),
        "answers": {name: _answer(source, *found) for name, found in answers(source, set(job["quizzes"])).items()},
        "broken": source.broken[:50],
    }


def _try(data: bytes, job: dict[str, Any]) -> bytes:
    """What a file defines, and what its functions give, one after the other within one time limit; no faults."""
    source, reading = _read(data, job)
    kept = wire.encode(reading)  # before anything of theirs runs
    ran: dict[str, Any] = {}
    until = time.monotonic() + job["seconds"]
    with optimizers_seen() as seen:  # for all: one function could keep the next from being seen
        for name, cases in job["trials"].items():
            left = until - time.monotonic()
            if source is not None and name in reading["functions"] and left > 0:
                own = job | {"exercise": name, "cases": wire.decode(bytes(cases.numpy())), "seconds": left}
                with contextlib.suppress(Exception):  # it is run alone then, and what it does is told
                    outcomes, used = _ran(source, own)
                    if all(outcome.fault is None or outcome.fault.check == "attempted" for outcome in outcomes):
                        ran[name] = {"outcomes": outcomes, "used": used}
    ran = {} if seen else ran
    with contextlib.suppress(ValueError):
        frame = wire.encode({"reading": _bytes(kept), "ran": ran})
        if len(frame) <= wire.MAX_FRAME:
            return frame
    return wire.encode({"reading": _bytes(kept), "ran": {}})


def _bytes(frame: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(frame), dtype=torch.uint8)


def _answer(source: Source, node: ast.expr, label: str) -> Any:
    """A quiz's answer as a number or a text, written out or computed; None where it is neither."""
    try:
        with time_limit(1.0):
            value = evaluate(source, node, label, {"torch": torch, "math": math})
    except TimeUp:
        return None
    if getattr(value, "ndim", None) == 0:  # torch or NumPy computed it
        value = value.item()
    if isinstance(value, str):
        return cut(value)
    return value if type(value) in (int, float) and abs(value) < 1e300 else None


def _run(data: bytes, job: dict[str, Any]) -> bytes:
    return _fitted(*_ran(read(data, job["suffix"], job["label"]), job))


def _ran(source: Source, job: dict[str, Any]) -> tuple[list[Outcome], list[str]]:
    """What a function of the file gives on the cases, and the library names that it uses."""
    name = job["exercise"]
    module = types.ModuleType("submission")
    sys.modules["submission"] = module  # a data class looks its own module up
    namespace = vars(module)
    namespace |= {"torch": torch, "math": math, **state_names(job["states"])}
    function, missing = build(source, name, namespace)
    if not inspect.isclass(function) and callable(function):
        used = sorted(cut(found) for found in used_names(inspect.unwrap(function)))[:2000]
        outcomes = [_with_reason(outcome, missing) for outcome in _outcomes(function, job)]
    else:
        kind = "a class" if inspect.isclass(function) else f"a {type(function).__name__}"
        words = missing.get(name) or f"a function was wanted, def {name}(...); this is {kind}"
        used, outcomes = [], [Outcome(fault=Fault("runs", cut(words)))] * len(job["cases"])
    return outcomes, used


def _outcomes(function: Any, job: dict[str, Any]) -> list[Outcome]:
    """What the function gives; an interrupt that it raised itself is a fault of its own too."""
    try:
        return run(
            function, job["cases"], states=job["states"], seconds=job["seconds"], refuse=frozenset(job["refuse"])
        )
    except BaseException as error:
        line, text = their_line(error, function)
        return [Outcome(fault=Fault("runs", cut(f"{type(error).__name__}: {error}"), line, text))] * len(job["cases"])


def _with_reason(outcome: Outcome, missing: dict[str, str]) -> Outcome:
    """A fault about an unknown name says why the name is unknown, when something of theirs was left out."""
    fault = outcome.fault
    found = re.match(r"NameError: name '(\w+)'", fault.message) if fault else None
    if fault is None or found is None or found[1] not in missing:
        return outcome
    words = cut(f"{fault.message}; {missing[found[1]]}")
    return Outcome(fault=Fault(fault.check, words, fault.line, fault.text, fault.step))


def _fitted(outcomes: list[Outcome], used: list[str]) -> bytes:
    """The frame; where it cannot be, or is too large, the outcomes that are to blame become faults."""
    with contextlib.suppress(ValueError):
        frame = wire.encode({"outcomes": outcomes, "used": used})
        if len(frame) <= wire.MAX_FRAME:
            return frame
    room = wire.MAX_FRAME - 2**20
    kept: list[Outcome] = []
    for outcome in outcomes:
        try:
            size = len(wire.encode(outcome))
        except ValueError as error:
            outcome, size = Outcome(fault=Fault("type", cut(f"what it returned cannot be read: {error}"))), 0
        if size > room:
            words = f"what it returned is too large: {size:,} bytes"
            outcome, size = Outcome(fault=Fault("memory", words)), 0
        room -= size
        kept.append(outcome)
    return wire.encode({"outcomes": kept, "used": used})
