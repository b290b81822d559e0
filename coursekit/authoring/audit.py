"""The proof that the bank works: right answers pass, a blank is blank, each mistake is caught and named as itself."""

from __future__ import annotations

import collections
import inspect
import math
import statistics
import string
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from coursekit.authoring.beside import each
from coursekit.authoring.cells import answer_literal
from coursekit.authoring.notebooks import ROOT, build
from coursekit.bank import index
from coursekit.exercise import Chapter, Convention, Exercise, Quiz, Slip
from coursekit.judging import evidence
from coursekit.judging.check import locked, one_thread
from coursekit.judging.compare import Difference, differences
from coursekit.judging.judge import Prepared, judge, prepare
from coursekit.judging.quiz import judge_quiz
from coursekit.judging.source import made, solution_source, stub
from coursekit.judging.verdict import Verdict
from coursekit.probe.cases import Outcome
from coursekit.probe.running import run, used_names
from coursekit.reference import RULES
from coursekit.reference.docs import parts

SEEDS = (0, 1, 2)  # practice uses 0; grading uses others
HEAD = f"{'exercise':<28} {'slips':>9} {'conventions':>11} {'rights':>7} {'right':>8} {'wrong':>8} {'in all':>7}"


def author_check(
    chapters: Iterable[Chapter] | None = None, root: Path | None = ROOT, seeds: tuple[int, ...] = SEEDS
) -> list[str]:
    """Every complaint about the chapters (the whole bank unless given) and about notebooks that are out of step.

    Prints a row for each exercise: how many of its slips are told apart, conventions known and right answers passed,
    and the median time of judging a right and a wrong answer, the running of it left out. An exercise is tried on
    each of the seeds, up to the first that shows a fault. Without a `root` the notebooks are not looked at.
    """
    chosen = list(index.chapters().values() if chapters is None else chapters)
    complaints = list(_names(chosen))
    print(HEAD)
    for found, row in each(partial(_examined, seeds=seeds), [e for c in chosen for e in c.exercises]):
        complaints += found
        print(row, flush=True)
    for quiz in (q for chapter in chosen for q in chapter.quizzes):
        complaints += [f"{quiz.name}: {words}" for words in _guarded(_quiz, quiz)]
    if root is not None:
        complaints += build(root, check=True, chapters=chosen)
    return list(dict.fromkeys(complaints))


def _examined(exercise: Exercise, seeds: tuple[int, ...]) -> tuple[list[str], str]:
    """The complaints about an exercise, and its row."""
    audit = Audit(exercise)
    with one_thread():
        return audit.complaints(seeds), audit.row()


def check_named(names: Iterable[str] = ()) -> list[str]:
    """The same for some chapters, or for the whole bank when none is named; the notebooks are all looked at.

    Raises:
        UnknownName: there is no such chapter.
    """
    if not (chosen := [index.chapter(name) for name in names]):
        return author_check()
    return author_check(chosen, root=None) + build(check=True)


def _names(chapters: list[Chapter]) -> Iterator[str]:
    """No two things in the course have one name: a learner says `check(adam)`, and nothing else."""
    names = [e.name for c in chapters for e in c.exercises] + [q.name for c in chapters for q in c.quizzes]
    for name, count in collections.Counter([*names, *(c.id for c in chapters)]).items():
        if count > 1:
            yield f"{name}: this is the name of {count} exercises, quizzes or chapters"


def _guarded(check: Callable[..., Iterable[str]], *args: Any) -> list[str]:
    """The complaints of one check; what it raises is one more complaint, and the next check goes on."""
    found: list[str] = []
    try:
        found.extend(check(*args))
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
    return found


def _quiz(quiz: Quiz) -> Iterator[str]:
    """Its answer passes, its blank is blank, and every belief is wrong and answered in its own words."""
    if not quiz.why.strip() or not quiz.question.strip():
        yield "the question or the reason is empty"
    if judge_quiz(quiz, ...).status != "not_attempted":
        yield "`...` is not 'not attempted'"
    literal = answer_literal(quiz)
    if not judge_quiz(quiz, literal.strip('"') if quiz.choices else float(literal)).passed:
        yield f"its own answer, {literal}, does not pass"
    for belief, words in quiz.beliefs:
        verdict = judge_quiz(quiz, belief)
        if verdict.status != "wrong":
            yield f"the belief {belief!r} is {verdict.status}, not wrong"
        elif not words.strip() or verdict.message != words:
            yield f"the belief {belief!r} does not get its own words: {verdict.message!r}"
    letters = [letter for letter, _ in quiz.beliefs]
    for letter in quiz.choices:
        if letter not in (quiz.answer(), *letters):
            yield f"the wrong choice {letter!r} is not answered by a belief"


@dataclass
class Audit:
    """One exercise under examination, with what was counted and measured on the way."""

    exercise: Exercise
    named: set[str] = field(default_factory=set)  # ids of slips; one that fails is taken out
    accepted: set[str] = field(default_factory=set)  # ids of conventions, likewise
    passed: set[int] = field(default_factory=set)  # places in also_right, likewise
    right_ms: list[float] = field(default_factory=list)
    wrong_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def complaints(self, seeds: tuple[int, ...]) -> list[str]:
        start, exercise = time.perf_counter(), self.exercise
        self.named = {slip.id for slip in exercise.slips}
        self.accepted = {convention.id for convention in exercise.conventions}
        self.passed = set(range(len(exercise.also_right)))
        found = _guarded(self._declared)
        for seed in seeds:
            if wrong := _guarded(self._judged, seed):  # the next seed would say most of it again
                found += [f"{words} (seed {seed})" if seed else words for words in wrong]
                break
        self.seconds = time.perf_counter() - start
        return [f"{exercise.name}: {words}" for words in found]

    # ---- what can be seen without running anything

    def _declared(self) -> Iterator[str]:
        e = self.exercise
        if getattr(sys.modules.get(e.answer.__module__), e.name, None) is not e.answer:
            yield f"the answer is not {e.answer.__module__}.{e.name}"
        if len(e.hints) != 3 or len({hint.strip() for hint in e.hints} - {""}) != 3:
            yield "three different hints are wanted"
        if len(e.also_right) < 2:
            yield f"two right answers that are written differently are wanted; there are {len(e.also_right)}"
        ids = collections.Counter([slip.id for slip in e.slips] + [convention.id for convention in e.conventions])
        yield from (f"{count} mistakes or conventions have the id {id!r}" for id, count in ids.items() if count > 1)
        for slip in e.slips:
            if slip.hint not in (1, 2, 3):
                yield f"{slip.id}: there is no hint {slip.hint}"
        for convention in e.conventions:
            if not 0 < convention.credit < 1:
                yield f"{convention.id}: the credit must be above 0 and below 1; got {convention.credit}"
        yield from self._documented()

    def _documented(self) -> Iterator[str]:
        said = parts(self.exercise.answer)
        for part in ("sentence", "returns"):
            if not getattr(said, part):
                yield f"the reference's docstring has no {part}"
        for name in inspect.signature(self.exercise.answer).parameters:
            if not said.args.get(name):
                yield f"the reference's docstring says nothing of {name}"

    # ---- what running shows

    def _judged(self, seed: int) -> Iterator[str]:
        prepared = prepare(self.exercise, seed)
        for case, outcome in zip(prepared.cases, prepared.expected, strict=True):
            if outcome.fault:
                yield f"the reference itself fails on {case.label or case}: {outcome.fault.message}"
        yield from self._written(prepared)
        for i, right in enumerate(self.exercise.also_right):
            verdict, _ = _learners(prepared, right)
            if not verdict.passed:
                self.passed.discard(i)
                yield f"also_right {right.__name__} does not pass: {verdict.status}, {_short(verdict)}"
        for slip in self.exercise.slips:
            yield from self._part(prepared, slip, "wrong", self.named)
        for convention in self.exercise.conventions:
            yield from self._part(prepared, convention, "convention", self.accepted)

    def _written(self, prepared: Prepared) -> Iterator[str]:
        """The stub is blank and the solution passes, each as a learner has it: with little more than torch and math."""
        for kind, text, wanted in (("stub", stub, "not_attempted"), ("solution", solution_source, "passed")):
            function = learned(self.exercise.name, text(self.exercise.answer), self.exercise.needs)
            heads = [
                [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
                for f in (function, self.exercise.answer)
            ]
            if heads[0] != heads[1]:
                yield f"the {kind} has another signature than the reference"
            verdict, ms = _learners(prepared, function)
            if verdict.status != wanted:
                yield f"the {kind} is {verdict.status}, wanted {wanted}: {_short(verdict)}"
            elif verdict.passed:
                self.right_ms.append(ms)

    def _part(self, prepared: Prepared, part: Slip | Convention, status: str, good: set[str]) -> Iterator[str]:
        if found := _guarded(self._apart, prepared, part, status):
            good.discard(part.id)
        yield from (f"{part.id}: {words}" for words in found)

    def _apart(self, prepared: Prepared, part: Slip | Convention, status: str) -> Iterator[str]:
        """A slip or a convention applies, is caught, and is named as itself, with every number that its words use."""
        function = made(self.exercise.answer, part.change)
        outcomes = run(function, prepared.cases, states=prepared.states)
        if missing := _missing(prepared, part.message, outcomes):
            yield f"its words use {{{missing}}}, which has no value there"
            return
        verdict, ms = _timed(prepared, outcomes)
        self.wrong_ms.append(ms)
        if (verdict.status, verdict.diagnosis) != (status, part.id):
            named = f" and named {verdict.diagnosis}" if verdict.diagnosis else ""
            yield f"it is {verdict.status}{named}, wanted {status} and named itself: {_short(verdict)}"
        elif verdict.points != (wanted := round(getattr(part, "credit", 0) * self.exercise.points, 2)):
            yield f"it earns {verdict.points:g} points, wanted {wanted:g}"

    def row(self) -> str:
        e = self.exercise
        slips = f"{len(self.named)} of {len({s.id for s in e.slips})}"
        conventions = f"{len(self.accepted)} of {len(e.conventions)}"
        rights = f"{len(self.passed)} of {len(e.also_right)}"
        right, wrong = (f"{statistics.median(ms):.1f} ms" if ms else "-" for ms in (self.right_ms, self.wrong_ms))
        return f"{e.name:<28} {slips:>9} {conventions:>11} {rights:>7} {right:>8} {wrong:>8} {self.seconds:>5.1f} s"


def learned(name: str, text: str, needs: Iterable[Callable[..., Any]] = ()) -> Callable[..., Any]:
    """A function as it is compiled from a learner's cell, with the names that every submission has.

    Answers to other exercises that it needs stand before it, as they do in a notebook.
    """
    states = {rule.State.__name__: rule.State for rule in RULES.values()}
    names: dict[str, Any] = {"__name__": "__main__", "torch": torch, "math": math, **states}
    for part in (*map(solution_source, needs), text):
        exec(compile(part, f"<{name}, in a notebook>", "exec"), names)
    return names[name]


def _learners(prepared: Prepared, function: Callable[..., Any]) -> tuple[Verdict, float]:
    """The verdict on a function as on a learner's, which must not hand its work to torch or to the reference."""
    exercise = prepared.exercise
    with locked(exercise.answer):
        outcomes = run(function, prepared.cases, states=prepared.states, refuse=exercise.refuse)
    return _timed(prepared, outcomes, used_names(function))


def _timed(prepared: Prepared, outcomes: list[Outcome], used: Set[str] = frozenset()) -> tuple[Verdict, float]:
    """The verdict, and the milliseconds that it took."""
    start = time.perf_counter()
    verdict = judge(prepared, outcomes, frozenset(used))
    return verdict, 1e3 * (time.perf_counter() - start)


def _missing(prepared: Prepared, message: str, outcomes: list[Outcome]) -> str | None:
    """The first field of a message that has no value on these outcomes, or that no message can have."""
    found = differences(prepared.cases, prepared.expected, outcomes) if prepared.by_value else [Difference("value", "")]
    if not found:
        return None  # it is not caught, which is another complaint
    known = evidence.facts(prepared, found)
    unreal = any(d.check == "finite" for d in found)  # NaN may then be what the learner has, and is worth saying
    for _, name, _, _ in string.Formatter().parse(message):
        value = known.get(name) if name else 0
        nan = isinstance(value, float) and math.isnan(value)
        if value is None or value == "" or (nan and not (name == "yours" and unreal)):
            return name
    return None


def _short(verdict: Verdict) -> str:
    return verdict.message if len(verdict.message) <= 200 else f"{verdict.message[:199]}…"
