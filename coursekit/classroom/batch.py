"""Grades many submissions: one warm parent per thread, every finished file into the gradebook at once."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from coursekit.bank import index
from coursekit.classroom.gradebook import Gradebook
from coursekit.classroom.sandbox import wire
from coursekit.classroom.sandbox.host import NotHere, begun
from coursekit.classroom.sandbox.warm import Failed, Ran, Reading, Stopped, WarmParent
from coursekit.classroom.submission import File, Submission, key
from coursekit.judging.judge import Prepared, judge, prepare, right
from coursekit.judging.quiz import judge_quiz
from coursekit.judging.verdict import Verdict
from coursekit.probe.cases import Case, Fault, Groups, Outcome, Steps, Training

WHOLE_FILE = "(file)"  # stands where the exercise would, when a file cannot be read and no chapter is asked for
NOTHING = "it defines no function of the course and names no chapter: --chapter says which was asked for"
CHECKS = {"timeout": "time", "memory": "memory", "crashed": "crashed"}


@dataclass(frozen=True)
class Settings:
    """How to grade: threads, seconds an exercise, one exercise alone, a chapter for files without one, or no walls."""

    jobs: int = 1
    seconds: float = 10.0
    only: str | None = None
    chapter: str | None = None
    practice: bool = False  # without the walls that need Linux
    scheduler: str | None = None  # address of a Dask cluster that grades instead of this machine


@dataclass(frozen=True)
class Graded:
    """A submission with its verdicts in the course's order, and a note on what could not be read or asked for."""

    student: str
    file: str
    verdicts: tuple[Verdict, ...] = ()
    note: str = ""
    fresh: bool = False  # whether something of it was graded now, and not before
    remarks: tuple[str, ...] = ()  # of the class list: late, not on the roster, the newest of two
    when: str = ""  # handed in, as ISO 8601
    late: bool = False

    @property
    def points(self) -> float:
        return sum(v.points for v in self.verdicts)

    @property
    def max_points(self) -> float:
        return sum(v.max_points for v in self.verdicts)


def run(
    submissions: list[Submission], book: Gradebook, settings: Settings, tell: Callable[[Graded], None]
) -> tuple[list[Graded], bool]:
    """Grade what the gradebook does not have yet, and tell of each submission as it is done.

    An exception, Ctrl-C too, ends the run; all that is finished is kept. The second value says whether the answers ran
    as a user who may not read the interpreter's folder.
    """
    if settings.practice and not book.version.endswith("+practice"):
        book.version += "+practice"  # such grades never stand for those given within walls
    if settings.scheduler:
        from coursekit.classroom import cluster

        return cluster.run(submissions, book, settings, tell)
    todo: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Graded] | BaseException] = queue.SimpleQueue()
    for i in [*range(len(submissions)), *[None] * settings.jobs]:
        todo.put(i)
    grader = Grader(book, settings)
    host = begun(settings.jobs, settings.seconds, settings.practice)
    options = {"seconds": settings.seconds, "practice": settings.practice, "host": host}
    parents = [WarmParent(**options) for _ in range(min(settings.jobs, len(submissions)))]  # type: ignore[arg-type]

    def work(parent: WarmParent) -> None:
        try:
            with parent:
                while (i := todo.get()) is not None:
                    done.put((i, grader.grade(parent, submissions[i])))
        except Stopped:
            return
        except BaseException as error:
            done.put(error)

    threads = [threading.Thread(target=work, args=(parent,), daemon=True) for parent in parents]
    graded: dict[int, Graded] = {}
    try:
        for thread in threads:
            thread.start()
        while len(graded) < len(submissions):
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            graded[found[0]] = found[1]
            tell(found[1])
    finally:
        for parent in parents:
            parent.stop()
        for thread in threads:
            thread.join(5)
        host.close()
    return [graded[i] for i in range(len(submissions))], any(parent.unreadable for parent in parents)


class Grader:
    """Grades one submission after the other, in several threads at once."""

    def __init__(self, book: Gradebook, settings: Settings):
        self.book, self.settings = book, settings
        self._judging = threading.Lock()  # the judge sets torch's defaults and standard output while it works
        self._order = [*index.exercises(), *index.quizzes()]

    def grade(self, parent: WarmParent, submission: Submission) -> Graded:
        """The verdicts on a submission; of several files with the same exercise the best counts."""
        best: dict[str, Verdict] = {}
        notes, fresh = [], False
        for file in submission.files:
            reading, verdicts, new = self._file(parent, submission.student, file)
            fresh |= new
            if reading.unreadable:
                notes.append(reading.unreadable if len(submission.files) == 1 else f"{file.name}: {reading.unreadable}")
            for name, v in verdicts.items():
                if name not in best or (v.points, v.passed) > (best[name].points, best[name].passed):
                    best[name] = v
        if len(best) > 1:
            best.pop(WHOLE_FILE, None)
        if not submission.files:
            notes.append("the folder holds no .ipynb or .py file")
        elif not best:
            notes.append(NOTHING)
        rows = self.book.by_hand(submission.student, (best[n] for n in [*self._order, WHOLE_FILE] if n in best))
        return Graded(submission.student, submission.file, rows, "; ".join(notes), fresh)

    def _file(self, parent: WarmParent, student: str, file: File) -> tuple[Reading, dict[str, Verdict], bool]:
        """What one file says of itself, the verdicts on it, and whether any is new."""
        try:
            data = file.data()
        except ValueError as error:
            none = Reading(unreadable=str(error))
            return none, {name: self._unreadable(name, none) for name in self._asked(file, none)}, True
        this = key(student, file, data)
        reading, kept = self.book.reading(this), self.book.grades(this)
        first, settled = reading is None, dict[str, Verdict]()
        if reading is None or (not kept and not reading.unreadable and self._asked(file, reading)):
            reading, settled = self._at_once(parent, file, data)
        asked = self._asked(file, reading)
        todo = [name for name in asked if name not in kept]
        new = {n: settled[n] if n in settled else self._verdict(parent, file, data, reading, n) for n in todo}
        new = {name: replace(verdict, walls=parent.walls) for name, verdict in new.items()}
        if new or first:
            self.book.keep(this, student, file.name, reading, new.values(), data)
            parent.likely = [name for name in asked if name in index.exercises()]
        return reading, {name: (kept | new)[name] for name in asked}, bool(new or first)

    def _at_once(self, parent: WarmParent, file: File, data: bytes) -> tuple[Reading, dict[str, Verdict]]:
        """What a file says of itself, and the verdicts on what is right in it, or blank: of a class the most.

        One child does for that. Whoever is not right in it is run again, in a child of its own.
        """
        wanted = (data, file.suffix, file.name, list(index.exercises()), list(index.quizzes()))
        prepared: dict[str, Prepared] = {}
        settled: dict[str, Verdict] = {}
        for name in self._likely(parent, file):
            with contextlib.suppress(Exception):  # ours: it is told where the exercise is run alone
                prepared[name] = self._prepared(name)
        trials = {name: _encoded(one) for name, one in prepared.items()}
        refuse = frozenset[str]().union(*(one.exercise.refuse for one in prepared.values()))
        found = parent.attempt(*wanted, trials, index.state_types(), refuse)
        if isinstance(found, Failed):
            return parent.read(*wanted), {}
        reading, ran = found
        for name, one in ran.items():
            with contextlib.suppress(Exception):
                if (verdict := self._settled(prepared[name], one)) is not None:
                    settled[name] = verdict
        return reading, settled

    def _likely(self, parent: WarmParent, file: File) -> list[str]:
        """The exercises that a file will be asked for, as far as can be said before it is read."""
        if self.settings.only:
            return [name for name in index.exercises() if name == self.settings.only]
        chapters = index.chapters()
        chapter = chapters.get(file.chapter(chapters) or self.settings.chapter or "")
        return [e.name for e in chapter.exercises] if chapter else parent.likely

    def _prepared(self, name: str) -> Prepared:
        with self._judging:
            return prepare(name, self.book.seed)

    def _settled(self, prepared: Prepared, ran: Ran) -> Verdict | None:
        """The verdict that needs no second look: right, or not written."""
        telling = [_telling(case) for case in prepared.cases]
        if len(ran.outcomes) != sum(telling):
            return None
        with self._judging:
            if ran.outcomes[0].fault:
                verdict = judge(prepared, ran.outcomes[:1] * len(telling), ran.used)
                return verdict if verdict.status == "not_attempted" else None
            return right(prepared, _spread(ran.outcomes, telling, prepared.expected), ran.used)

    def _asked(self, file: File, reading: Reading) -> list[str]:
        """What is graded: the one thing asked for, or what the chapter asks for and the file defines."""
        if self.settings.only:
            return [self.settings.only]
        chapters = index.chapters()
        named = reading.chapter if reading.chapter in chapters else file.chapter(chapters)
        chapter = chapters.get(named or self.settings.chapter or "")
        asked = {*reading.functions, *reading.answers}
        if chapter:
            asked |= {e.name for e in chapter.exercises} | {q.name for q in chapter.quizzes}
        if not asked and reading.unreadable:
            return [WHOLE_FILE]
        return [name for name in self._order if name in asked]

    def _verdict(self, parent: WarmParent, file: File, data: bytes, reading: Reading, name: str) -> Verdict:
        if reading.unreadable:
            return self._unreadable(name, reading)
        try:
            if name in index.quizzes():
                return _quiz(name, reading)
            prepared = self._prepared(name)
            outcomes, used = _outcomes(parent, file, data, reading, prepared)
            with self._judging:
                verdict = judge(prepared, outcomes, used)
        except (Stopped, NotHere):
            raise
        except Exception as error:  # ours: never held against the learner
            words = f"This could not be graded: our mistake ({type(error).__name__}: {error}). Please report it."
            return Verdict(name, "internal", 0, _points(name), words)
        if verdict.status == "not_attempted" and name not in reading.functions:
            return replace(verdict, message=f"{name} is not there: no function of this name was found.")
        return verdict

    def _unreadable(self, name: str, reading: Reading) -> Verdict:
        words = reading.unreadable[:1].upper() + reading.unreadable[1:]
        return Verdict(name, reading.status, 0, _points(name), f"{words}.")


def _points(name: str) -> float:
    found = index.exercises().get(name) or index.quizzes().get(name)
    return found.points if found else 0


def _quiz(name: str, reading: Reading) -> Verdict:
    quiz = index.quiz(name)
    if name in reading.answers and reading.answers[name] is None:
        words = f'The value in answer("{name}", ...) cannot be read: write the number or the letter itself.'
        return Verdict(name, "error", 0, quiz.points, words)
    return judge_quiz(quiz, reading.answers.get(name))


def _outcomes(
    parent: WarmParent, file: File, data: bytes, reading: Reading, prepared: Prepared
) -> tuple[list[Outcome], frozenset[str]]:
    """What the file's function gives on the cases; why there is nothing, where there is nothing."""
    name, cases = prepared.exercise.name, prepared.cases
    if name in reading.functions:
        sent = [case for case in cases if _on_cpu(case)]  # a child has no GPU
        refuse = prepared.exercise.refuse
        ran = parent.run(data, file.suffix, file.name, name, sent, prepared.states, refuse)
        if isinstance(ran, Ran):
            return _spread(ran.outcomes, [_on_cpu(case) for case in cases], prepared.expected), ran.used
        fault = Fault(CHECKS[ran.status], ran.reason)
    elif name in reading.broken:
        fault = Fault("runs", f"the cell that defines it does not parse: {reading.broken[name]}")
    else:
        fault = Fault("attempted", "no function of this name")
    return [Outcome(fault=fault)] * len(cases), frozenset()


def _on_cpu(case: Case) -> bool:
    if isinstance(case, Groups | Training):
        tensors = list(case.model.weights.values())
    else:
        tensors = [case.param] if isinstance(case, Steps) else [x for x in case.args if isinstance(x, Tensor)]
    return all(x.device.type == "cpu" for x in tensors)


def _telling(case: Case) -> bool:
    """Whether a case is needed to know that an answer is right."""
    return case.judged and _on_cpu(case)


@functools.lru_cache(maxsize=256)
def _encoded(prepared: Prepared) -> bytes:
    """Those cases as bytes: the same for every submission."""
    return wire.encode([case for case in prepared.cases if _telling(case)])


def _spread(outcomes: list[Outcome], sent: list[bool], expected: list[Outcome]) -> list[Outcome]:
    """One outcome for every case: those that were not sent count as right."""
    ran = iter(outcomes)
    return [next(ran) if there else known for there, known in zip(sent, expected, strict=True)]
