"""Grades a batch on a Dask cluster: each worker reads, runs and judges whole submissions, one after the other.

The grading process sends files as bytes, and writes what comes back into the one gradebook. It keeps the count
itself: Dask would try a submission that ends its worker again by rules of its own, and blame those that waited beside
it. A worker has two parcels of submissions at a time, so that it need not wait for the next. Where it ends, all in
them are tried once more, each alone on a worker; whoever ends a worker again is set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from coursekit.classroom.batch import Graded, Grader, Settings
from coursekit.classroom.gradebook import Gradebook
from coursekit.classroom.sandbox.host import NotHere
from coursekit.classroom.sandbox.warm import Reading, Stopped
from coursekit.classroom.submission import Bad, Submission, key
from coursekit.classroom.worker import Call, Pages, Reborn, look, packed, perform, plain, read_record

DEPTH = 2  # parcels that a worker has: one under way, one that waits
PARCEL = 8  # submissions in one, at most: a task costs Dask as much as grading costs a worker
HEAVY = 4 * 2**20  # bytes after which no further submission goes into a parcel
TRIES = 2
CONNECT = 10.0  # seconds
POLL = 0.25  # seconds between two looks at which workers there are
PATIENCE = 30.0  # seconds without any worker
ERRORS = {"NotHere": NotHere, "Reborn": Reborn}  # a worker's, which mean something here


def run(
    submissions: list[Submission], book: Gradebook, settings: Settings, tell: Callable[[Graded], None]
) -> tuple[list[Graded], bool]:
    """Grade on the cluster at `settings.scheduler` what the gradebook does not have yet; as `batch.run` otherwise."""
    import dask

    large = {"distributed.admin.large-graph-warning-threshold": "1 GB"}  # a submission may have many MB
    with dask.config.set(large), _quiet():
        return asyncio.run(_run(submissions, book, settings, tell))


async def _run(
    submissions: list[Submission], book: Gradebook, settings: Settings, tell: Callable[[Graded], None]
) -> tuple[list[Graded], bool]:
    from distributed import Client

    client = Client(settings.scheduler, asynchronous=True, timeout=CONNECT, set_as_default=False)
    try:
        await client
    except (OSError, ValueError, TypeError, ImportError) as error:
        await client.close()
        said = " ".join(str(error).split()) or type(error).__name__
        raise Bad(f"no Dask scheduler answers at {settings.scheduler}: {said}") from None
    async with client:
        return await Dispatcher(client, submissions, book, settings, tell).run()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own words are left out: what matters of them is said here, in one line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"


def _say(line: str) -> None:
    print(f"coursekit: {line}", file=sys.stderr)


# ---- in the grading process


class Elsewhere:
    """Stands where a warm parent would, in the grading process: whatever it is asked for is a worker's to do."""

    def __init__(self, practice: bool):
        self.walls = "practice" if practice else "full"

    def __getattr__(self, name: str) -> Any:
        raise Stopped


@dataclass(eq=False)
class Worker:
    """A worker that may grade, and the parcels of submissions that it has."""

    address: str
    pid: int
    flying: dict[tuple[int, ...], asyncio.Task[None]] = field(default_factory=dict)
    alone: bool = False  # it has one whose worker ended


@dataclass(frozen=True)
class Errand:
    """A submission on its way: its files read, and what the gradebook knows of it."""

    one: Submission
    pages: Pages


class Dispatcher:
    """Gives submissions to workers, and keeps count of what came of each."""

    def __init__(
        self,
        client: Any,
        submissions: list[Submission],
        book: Gradebook,
        settings: Settings,
        tell: Callable[[Graded], None],
    ):
        self.client, self.submissions, self.book, self.settings, self.tell = client, submissions, book, settings, tell
        self.todo = deque(range(len(submissions)))
        self.suspects: deque[int] = deque()  # their worker ended; they come last, each alone
        self.errands: dict[int, Errand] = {}
        self.failures: dict[int, list[str]] = {}
        self.graded: dict[int, Graded] = {}
        self.workers: dict[str, Worker] = {}
        self.passed_over: dict[str, str] = {}
        self.events: asyncio.Queue[Callable[[], None] | BaseException] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()  # whatever is under way
        self.meeting: dict[str, asyncio.Task[None]] = {}
        self.began = self.unreadable = False

    async def run(self) -> tuple[list[Graded], bool]:
        """Until every submission is graded or set aside."""
        self._start(self._watch())
        try:
            while len(self.graded) < len(self.submissions):
                event = await self._event()
                if isinstance(event, BaseException):
                    raise event
                event()
                for worker in list(self.workers.values()):
                    await self._fill(worker)
        finally:
            for task in self.tasks:
                task.cancel()
        return [self.graded[i] for i in range(len(self.submissions))], self.unreadable

    async def _event(self) -> Callable[[], None] | BaseException:
        """What happens next; Bad when there has been no worker for a while."""
        where = self.settings.scheduler
        while True:
            if self.passed_over and not (self.began or self.meeting):
                address, why = next(iter(self.passed_over.items()))
                raise Bad(f"no worker of {where} can grade. {address}: {why}")
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self.events.get(), PATIENCE)
            if self.workers or self.meeting:
                continue
            if self.began:
                raise Bad(f"every worker of {where} is gone; what was graded is kept, and the same command goes on")
            raise Bad(f"{where} has no worker; start some: dask worker {where} --nthreads 1")

    def _start(self, work: Any) -> asyncio.Task[None]:
        self.tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.events.put_nowait(error)

    # ---- workers

    async def _watch(self) -> None:
        """Tell which workers came and which went."""
        known: set[str] = set()
        while True:
            try:
                now = set(await asyncio.wait_for(self.client.scheduler.ncores(), CONNECT))
            except (OSError, TimeoutError):
                raise self._gone() from None
            for address in known - now:
                self.events.put_nowait(partial(self._left, address))
            for address in now - known:
                self.meeting[address] = self._start(self._meet(address))
            known = now
            await asyncio.sleep(POLL)

    def _gone(self) -> Bad:
        where = self.settings.scheduler
        return Bad(f"the scheduler {where} is gone; what was graded is kept, and the same command goes on")

    async def _meet(self, address: str) -> None:
        """Ask a new worker what it is; it is passed over where it cannot grade as this process would."""
        mine = self.book.version.removesuffix("+practice")
        try:
            found = await self._call(address, look, self.settings.seconds, self.settings.practice)
            if found["version"] != mine:
                raise NotHere(f"it has coursekit {found['version']}, and {mine} is wanted")
        except Bad:
            raise
        except Exception as error:
            self.events.put_nowait(partial(self._pass_over, address, _words(error)))
        else:
            self.events.put_nowait(partial(self._welcome, address, found))

    async def _call(self, address: str, function: Callable[..., Any], *args: Any) -> Any:
        """Have a worker make a call, and wait for what it gives, or the error."""
        payload = pickle.dumps(Call(function, *args))
        future = self.client.submit(pickle.loads, payload, workers=[address], pure=False)
        try:
            kind, found = await future
        except CancelledError:  # Dask's: it lost the scheduler, or all its work was called off
            raise self._gone() from None
        finally:
            future.release()
        if kind in ERRORS:
            raise ERRORS[kind](found)
        if kind:
            raise RuntimeError(f"{kind}: {found}")
        return found

    def _welcome(self, address: str, found: dict[str, Any]) -> None:
        self.meeting.pop(address, None)
        self.workers[address] = Worker(address, found["pid"])
        self.began = True
        self.unreadable |= found["unreadable"]

    def _pass_over(self, address: str, why: str) -> None:
        """Grade without this worker; what it has goes to the others."""
        self.meeting.pop(address, None)
        self.passed_over[address] = why
        _say(f"{address} is passed over: {why}")
        for parcel in self._given_up(address):
            self.todo.extendleft(parcel)

    def _left(self, address: str) -> None:
        if (meeting := self.meeting.pop(address, None)) is not None:
            meeting.cancel()
        self.passed_over.pop(address, None)
        for parcel in self._given_up(address):
            self._failed(parcel, f"its worker {address} ended")

    def _given_up(self, address: str) -> list[tuple[int, ...]]:
        """What the worker had, and whose result, should it still come, is left out."""
        if (worker := self.workers.pop(address, None)) is None:
            return []
        parcels = list(worker.flying)
        while worker.flying:
            worker.flying.popitem()[1].cancel()
        return parcels

    # ---- submissions

    async def _fill(self, worker: Worker) -> None:
        """Give a worker what it has room for."""
        while len(worker.flying) < DEPTH and not worker.alone and (parcel := await self._parcel(worker)):
            worker.flying[parcel] = self._start(self._send(worker, parcel))

    async def _parcel(self, worker: Worker) -> tuple[int, ...]:
        """The next submissions to send. What the gradebook has already needs no worker."""
        size = max(1, min(PARCEL, len(self.todo) // (2 * DEPTH * len(self.workers))))
        chosen: list[int] = []
        weight = 0
        while self.todo and len(chosen) < size and weight < HEAVY:
            i = self.todo.popleft()
            if i not in self.errands:
                self.errands[i] = errand = self._errand(i)
                with contextlib.suppress(Stopped):
                    self._finish(i, errand, fresh=False)
                    await asyncio.sleep(0)
                    continue
            chosen.append(i)
            weight += sum(len(f.data()) for f in self.errands[i].one.files if not f.problem)
        if not chosen and self.suspects and not worker.flying:
            worker.alone = True
            return (self.suspects.popleft(),)
        return tuple(chosen)

    def _errand(self, i: int) -> Errand:
        one, pages = packed(self.submissions[i]), Pages(self.book.seed, self.book.version)
        for file in one.files:
            if not file.problem:
                this = key(one.student, file, file.data())
                pages.know(this, self.book.reading(this), self.book.grades(this).values())
        return Errand(one, pages)

    async def _send(self, worker: Worker, parcel: tuple[int, ...]) -> None:
        """Have a worker grade submissions, and tell what came of them."""
        s = self.settings
        same = {"pid": worker.pid, "seed": self.book.seed, "version": self.book.version}
        same |= {"seconds": s.seconds, "only": s.only, "chapter": s.chapter, "practice": s.practice}
        errands = [self.errands[i] for i in parcel]
        jobs = [{"known": e.pages.known(), **plain(e.one)} for e in errands]
        try:
            found = await self._call(worker.address, perform, same, jobs)
        except Exception as error:
            self.events.put_nowait(partial(self._stumbled, worker, parcel, error))
        else:
            self.events.put_nowait(partial(self._came_back, worker, parcel, found))

    def _came_back(self, worker: Worker, parcel: tuple[int, ...], found: list[list[dict[str, Any]]]) -> None:
        """Keep what a worker found; what it had no time for goes out again."""
        if worker.flying.pop(parcel, None) is None:
            return  # the worker was given up before, and these went to another
        worker.alone = False
        for i, records in zip(parcel, found, strict=False):
            errand = self.errands[i]
            own = {key(errand.one.student, f, f.data()): f for f in errand.one.files if not f.problem}
            for record in records:
                this, reading, verdicts = read_record(record)
                assert reading is not None
                errand.pages.keep(this, errand.one.student, own[this].name, reading, verdicts, own[this].data())
            self._finish(i, errand)
        self.todo.extendleft(reversed(parcel[len(found) :]))

    def _stumbled(self, worker: Worker, parcel: tuple[int, ...], error: Exception) -> None:
        if parcel not in worker.flying:
            return
        if isinstance(error, Bad):
            raise error
        if isinstance(error, NotHere):
            self._pass_over(worker.address, str(error))
        elif isinstance(error, Reborn):
            self._left(worker.address)
            self.meeting[worker.address] = self._start(self._meet(worker.address))
        else:
            worker.flying.pop(parcel)
            worker.alone = False
            self._failed(parcel, _words(error))

    def _failed(self, parcel: tuple[int, ...], why: str) -> None:
        """Try submissions once more, each alone; after that set them aside."""
        for i in parcel:
            self.failures.setdefault(i, []).append(why)
            if len(self.failures[i]) < TRIES:
                self.suspects.append(i)
            else:
                self._set_aside(i, f"set aside after {TRIES} tries: {'; then '.join(self.failures[i])}")

    def _set_aside(self, i: int, words: str) -> None:
        """No grade, with the reason, held against nobody and not kept."""
        errand = self.errands[i]
        _say(f"{errand.one.file}: {words}")
        words += ". Nothing is held against the answer; the same command tries it again"
        for file in errand.one.files:
            if not file.problem:
                this = key(errand.one.student, file, file.data())
                errand.pages.know(this, Reading(unreadable=words, status="internal"), ())
        errand.pages.new.clear()
        self._finish(i, errand, keep=False)

    def _finish(self, i: int, errand: Errand, *, fresh: bool = True, keep: bool = True) -> None:
        """The submission's verdicts, from what is known of its files; Stopped where that is not enough."""
        elsewhere = Elsewhere(self.settings.practice)
        graded = Grader(errand.pages, self.settings).grade(elsewhere, errand.one)  # type: ignore[arg-type]
        if keep:
            for page in errand.pages.new:
                self.book.keep(*page)
        rows = self.book.by_hand(graded.student, graded.verdicts)
        self.graded[i] = graded = replace(graded, verdicts=rows, fresh=graded.fresh or fresh)
        self.errands.pop(i)
        self.tell(graded)
