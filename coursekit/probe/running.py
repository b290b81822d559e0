"""Running a learner's function over cases: time limit, faults with their own line, prints cut to length."""

from __future__ import annotations

import contextlib
import ctypes
import dis
import inspect
import io
import linecache
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

import torch

from coursekit.probe.cases import Case, Fault, Outcome, Stopped
from coursekit.probe.values import Huge, cut, state_type
from coursekit.probe.watch import Watch, optimizers_seen


def run(
    function: Callable[..., Any],
    cases: list[Case],
    *,
    states: dict[str, tuple[str, ...]],
    seconds: float = 5.0,
    refuse: frozenset[str] = frozenset(),
) -> list[Outcome]:
    """Run every case within `seconds` in all; a fault in one does not keep the others from running.

    An answer that makes a torch optimizer, or calls a torch function in `refuse` in its shortest case, gets the fault
    "delegated" there.

    Prints of theirs are kept, and shown up to a length once. Default dtype, grad mode and the global random state are
    set for the run and put back after it.
    """
    if unwritten(function):
        return [Outcome(fault=Fault("attempted", "it is not written yet"))] * len(cases)
    names = state_names(states)
    printed = Capped()
    dtype, world = torch.get_default_dtype(), torch.random.get_rng_state()
    outcomes: list[Outcome] = []
    watched = min(cases, key=lambda case: getattr(case, "steps", 0), default=None) if refuse else None
    try:
        torch.set_default_dtype(torch.float32)
        with time_limit(seconds), contextlib.redirect_stdout(printed), optimizers_seen() as optimizers:
            for case in cases:
                torch.default_generator.manual_seed(0)  # torch.manual_seed keeps a stack for CUDA: 3 ms a check
                with Watch(refuse) if case is watched else contextlib.nullcontext() as watch:
                    outcomes.append(run_case(function, case, names))
                if called := [*optimizers, *(sorted(watch.seen) if watch else [])]:
                    outcomes[-1] = Outcome(fault=Fault("delegated", called[0]))
                    break
                if _ends_it(outcomes[-1]):
                    break
    except TimeUp:
        message = f"It was still running after {seconds:g} s: is there a loop that never ends?"
        outcomes.append(Outcome(fault=Fault("time", message)))
    finally:
        torch.set_default_dtype(dtype)
        torch.random.set_rng_state(world)
    if text := printed.getvalue():
        print(text, end="")
    return outcomes + [outcomes[-1]] * (len(cases) - len(outcomes))


def _ends_it(outcome: Outcome) -> bool:
    """Whether more cases would only cost time: nothing written, no memory, or a result too large to look at."""
    huge = isinstance(outcome.value, dict) and isinstance(outcome.value.get("result"), Huge)
    return huge or (outcome.fault is not None and outcome.fault.check in ("attempted", "memory"))


def unwritten(function: Callable[..., Any]) -> bool:
    """Whether a function's body is nothing but `...`, `pass` or a docstring.

    >>> def blank(x): ...
    >>> unwritten(blank), unwritten(lambda x: x)
    (True, False)
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or code.co_name == "<lambda>" or code.co_names:
        return False  # a body of nothing names nothing
    empty = {"NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP"}
    steps = [i for i in dis.get_instructions(code) if i.opname != "RESUME"]
    return all(i.opname in empty and i.argval is None for i in steps)


def state_names(states: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The state types by name, made from their fields alone: whoever runs an answer needs no reference for them."""
    return {name: state_type(name, tuple(keys)) for name, keys in states.items()}


def run_case(function: Callable[..., Any], case: Case, names: dict[str, Any]) -> Outcome:
    """What one case gives; every exception of theirs is a fault with the line of theirs where it arose."""
    try:
        with torch.no_grad():
            return case.run(function, names)
    except Stopped as stopped:
        return Outcome(fault=stopped.fault)
    except (TimeUp, KeyboardInterrupt):  # the second is the learner's own wish
        raise
    except NotImplementedError as error:
        line, text = their_line(error, function)
        if _raised_by(error, function):
            return Outcome(fault=Fault("attempted", "it is not written yet", line, text))
        return Outcome(fault=Fault("runs", cut(said(error)), line, text))  # or torch's, of an operation on this dtype
    except MemoryError as error:
        line, text = their_line(error, function)
        return Outcome(fault=Fault("memory", "it asked for more memory than there is", line, text))
    except BaseException as error:  # SystemExit too: their code ended, not the course
        line, text = their_line(error, function)
        check = "memory" if "can't allocate memory" in str(error) else "runs"
        return Outcome(fault=Fault(check, cut(said(error)), line, text))


def said(error: BaseException) -> str:
    """The error in Python's own words, with its "Did you mean"."""
    lines = traceback.TracebackException.from_exception(error, limit=0).format_exception_only()
    return "".join(lines).strip() or type(error).__name__


def _raised_by(error: BaseException, function: Callable[..., Any]) -> bool:
    """Whether a `raise` statement of the function itself made the error, as in a stub.

    torch raises the same kind from C; and a function that is called may be the one that is not written yet.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or last.tb_frame.f_code is not getattr(inspect.unwrap(function), "__code__", None):
        return False
    here = last.tb_lasti
    return any(i.offset == here and i.opname == "RAISE_VARARGS" for i in dis.get_instructions(last.tb_frame.f_code))


def their_line(error: BaseException, function: Callable[..., Any]) -> tuple[int | None, str]:
    """The last line of the learner's own code that the exception passed through."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    found: tuple[int | None, str] = (None, "")
    frame = error.__traceback__
    while frame is not None:
        if code is not None and frame.tb_frame.f_code.co_filename == code.co_filename:
            text = linecache.getline(code.co_filename, frame.tb_lineno).strip()
            found = (frame.tb_lineno, cut(text))
        frame = frame.tb_next
    return found


def used_names(function: Callable[..., Any]) -> set[str]:
    """Attributes a function reads and library functions it calls by a global name, in its own helpers too.

    Read from the byte code, so that nothing is parsed. A helper of the learner's own is not named: it is followed.

    >>> sorted(used_names(lambda x: torch.nn.functional.log_softmax(x, -1)))
    ['functional', 'log_softmax', 'nn', 'torch']
    """
    found: set[str] = set()
    seen: set[types.CodeType] = set()
    todo = [(function.__code__, function.__globals__)] if isinstance(function, types.FunctionType) else []
    while todo:
        code, world = todo.pop()
        if code in seen or len(seen) > 1000:
            continue
        seen.add(code)
        todo += [(c, world) for c in code.co_consts if isinstance(c, types.CodeType)]
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "IMPORT_NAME"):
                found.add(str(name))
            elif instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                value = world.get(name)
                if isinstance(value, type) and value.__module__ == world.get("__name__"):
                    todo += [(f.__code__, world) for f in vars(value).values() if isinstance(f, types.FunctionType)]
                elif isinstance(value, types.FunctionType) and value.__globals__ is world:
                    todo.append((value.__code__, world))
                else:
                    found |= _library_names(name, value) | _answers_from(value)
    return found | _answers_from(function)


def _library_names(name: str, value: Any) -> set[str]:
    """What a global name of theirs stands for: itself and its own name, when it is torch's; "optim" for all of that."""
    home = value.__name__ if isinstance(value, types.ModuleType) else str(getattr(value, "__module__", "") or "")
    if value is not None and not home.startswith("torch"):
        return set()
    own = str(getattr(value, "__name__", name)).rpartition(".")[2]
    return {name, own} | ({"optim"} if home.startswith("torch.optim") else set())


def _answers_from(value: Any) -> set[str]:
    """`coursekit.reference` for a module or function of it (its state types are anyone's to use)."""
    if isinstance(value, types.ModuleType | types.FunctionType):
        home = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
        if str(home).startswith("coursekit.reference"):
            return {"coursekit.reference"}
    return set()


class Capped(io.StringIO):
    """Standard output that keeps the first 2,000 characters."""

    def write(self, text: str) -> int:
        room = 2000 - self.tell()
        if room > 0:
            super().write(text[:room])
            if len(text) >= room:
                super().write("\n… (the rest of what your function prints is left out)\n")
        return len(text)


class TimeUp(BaseException):
    """Raised in the thread that runs a learner's function when its time is up; `except Exception` does not catch it."""


def _importing(thread: int) -> bool:
    """Whether a module is being loaded in a thread: stopped half-way it would stay broken until the kernel restarts."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def time_limit(seconds: float):
    """Raise TimeUp in this thread after `seconds`, again and again until it is heard.

    An asynchronous exception rather than a signal: works on every system and outside the main thread. It ends Python
    loops; one long call into C is ended only when it returns (the grader's child has a wall-clock limit as well).
    """
    target, done = ctypes.c_ulong(threading.get_ident()), threading.Event()
    lock, sent = threading.Lock(), threading.Event()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set() and not _importing(target.value):
                    sent.set()
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(TimeUp))
            wait = 0.05

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        with lock, contextlib.suppress(TimeUp):
            if sent.is_set():
                # One that was not heard yet is heard here. To take it back with None would leave Python 3.11 believing
                # that something is still to come, and every debugger in this process would hang.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(TimeUp))
                for _ in range(1000):
                    done.is_set()
