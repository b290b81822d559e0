"""What a learner calls in a notebook: check, yours, hint, solution, answer."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from coursekit.bank import index
from coursekit.exercise import Exercise
from coursekit.judging import board, progress
from coursekit.judging.judge import judge, prepare
from coursekit.judging.quiz import judge_quiz
from coursekit.judging.source import signature, solution_source
from coursekit.judging.verdict import Check, Verdict
from coursekit.probe.running import run, used_names

SECONDS = 5.0  # for all cases of one check


class NotPassed(AssertionError):
    """Raised where a check must pass (COURSEKIT_STRICT=1, as CI runs the solutions); the message is the card's text."""


def check(function: Callable[..., Any], name: str | None = None, *, seconds: float = SECONDS) -> Verdict:
    """Judge a function that you wrote, and say what is right or name the mistake.

    The exercise is the one that the function is named after; `name` says it where it is called otherwise. The result is
    shown as a card; `verdict.passed` and `verdict.status` are there for code. It runs in your own process, with your
    helpers, within a time limit; nothing you have is changed.

    Raises:
        ValueError: there is no exercise of that name; the nearest one is offered.

    >>> from coursekit.bank import index
    >>> def identity(x):
    ...     return x
    >>> check(identity).status
    'passed'
    """
    return _told(judged(function, index.exercise(name or _name_of(function)), seconds))


def judged(function: Any, exercise: Exercise, seconds: float = SECONDS) -> Verdict:
    """The verdict on what should be a function for an exercise; neither shown nor remembered."""
    unusable = _unusable(function, exercise)
    return unusable if unusable is not None else _run(function, exercise, seconds)


def _run(function: Callable[..., Any], exercise: Exercise, seconds: float) -> Verdict:
    try:
        prepared = prepare(exercise)
    except Exception as error:  # a fault of the course must never be held against the learner
        words = f"This check could not be made ({type(error).__name__}: {error}). Please report it; your work is kept."
        return Verdict(exercise.name, "internal", 0, exercise.points, words)
    with one_thread(), locked(exercise.answer):
        outcomes = run(function, prepared.cases, states=prepared.states, seconds=seconds, refuse=exercise.refuse)
    try:
        with one_thread():
            return judge(prepared, outcomes, used_names(inspect.unwrap(function)))
    except Exception as error:
        words = f"This check failed on our side ({type(error).__name__}: {error}). Please report it; your work is kept."
        return Verdict(exercise.name, "internal", 0, exercise.points, words)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """No second thread while it lasts: small tensors need none, and on a busy machine each wait for one is 10 ms."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


@contextlib.contextmanager
def locked(answer: Callable[..., Any]) -> Iterator[None]:
    """While it lasts the course's own answer refuses to run, however a learner's function reached it."""
    formula = inspect.unwrap(answer)
    code = formula.__code__
    formula.__code__ = _refuse_to_run.__code__
    try:
        yield
    finally:
        formula.__code__ = code


def _refuse_to_run(*args: Any, **kwargs: Any) -> Any:
    raise PermissionError("this is the course's own answer")  # the words of judge.LOCKED


def _told(verdict: Verdict) -> Verdict:
    """Remember the verdict, tell a board that was joined, and raise where a check must pass."""
    progress.record(verdict)
    board.tell(verdict)
    if os.environ.get("COURSEKIT_STRICT") == "1" and not verdict.passed:
        raise NotPassed(repr(verdict))
    return verdict


def _name_of(function: Any) -> str:
    if isinstance(function, str):
        raise index.UnknownName(f"check takes the function itself: check({function}), not check({function!r})")
    name = getattr(function, "__name__", None)
    if not callable(function):
        raise index.UnknownName(f"check takes the function that you wrote; this is {function!r:.80}")
    if not isinstance(name, str) or name == "<lambda>":
        kind = "a lambda" if name == "<lambda>" else f"an object of type {type(function).__name__}"
        raise index.UnknownName(f'check cannot tell the exercise from {kind}: say it, check(..., "adam")')
    return name


def _unusable(function: Any, exercise: Exercise) -> Verdict | None:
    """The verdict on what is no function, or takes other arguments; None when it can be called."""
    wanted = signature(exercise.answer)
    if inspect.isclass(function) or not callable(function):
        kind = "a class" if inspect.isclass(function) else f"{function!r:.80}"
        words = f"A function was wanted, def {wanted}; this is {kind}."
    else:
        words = _arity(function, exercise, wanted)
    if not words:
        return None
    rows = (Check("it can be called", False, words),)
    return Verdict(exercise.name, "error", 0, exercise.points, words, checks=rows, hints=exercise.hints)


def _arity(function: Callable[..., Any], exercise: Exercise, wanted: str) -> str:
    try:
        theirs = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    parameters = inspect.signature(exercise.answer).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    try:
        theirs.bind(*positional, **dict.fromkeys(keywords))
    except TypeError as error:
        return f"It must take {wanted}; yours is {getattr(function, '__name__', 'f')}{theirs} ({error})."
    return ""


def yours(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """The function that you wrote, when its check passes; else the reference, so that what follows still runs.

    It says in one line when the reference stands in. Another convention of the same method is as good here.

    >>> yours(lambda x: -x, "identity")(1)
    identity does not pass its check yet, so the reference stands in for it here.
    1
    """
    exercise = index.exercise(name or _name_of(function))
    if _unusable(function, exercise) is None:
        with contextlib.redirect_stdout(io.StringIO()):  # what it prints, its check has shown
            if _run(function, exercise, SECONDS).status in ("passed", "convention"):
                return function
    print(f"{exercise.name} does not pass its check yet, so the reference stands in for it here.")
    return exercise.answer


def hint(name: str | Callable[..., Any], number: int = 1) -> Shown:
    """One of the three hints of an exercise, from a nudge (1) to nearly the line (3)."""
    exercise = index.exercise(name if isinstance(name, str) else _name_of(name))
    if number not in range(1, len(exercise.hints) + 1):
        raise index.UnknownName(f"{exercise.name} has hints 1 to {len(exercise.hints)}; got {number!r}")
    progress.record_hint(exercise.name, number)
    return Shown(f"Hint {number} of {len(exercise.hints)} for {exercise.name}: {exercise.hints[number - 1]}")


def solution(name: str | Callable[..., Any]) -> Shown:
    """The course's own answer to an exercise, as you could have written it."""
    exercise = index.exercise(name if isinstance(name, str) else _name_of(name))
    return Shown(solution_source(exercise.answer), code=True)


def answer(name: str, value: Any = ...) -> Verdict:
    """Answer a quiz with a number or with the letter of a choice; `...` shows the question."""
    quiz = index.quiz(name)
    verdict = judge_quiz(quiz, value)
    if os.environ.get("COURSEKIT_STRICT") == "1" and value is ...:
        return verdict
    return _told(verdict)


@dataclass(frozen=True)
class Shown:
    """A text that shows itself: as Markdown in a notebook, as it is elsewhere."""

    words: str
    code: bool = False

    def __repr__(self) -> str:
        return self.words

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.words}\n```" if self.code else self.words
