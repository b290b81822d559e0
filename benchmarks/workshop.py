"""The board of a workshop under a class: `python benchmarks/workshop.py`. Two minutes; a table, and results/.

On a machine that does other work, too, `chrt -r 1 python benchmarks/workshop.py` measures the board and not the queue.

300 learners send 300 events a second to a real server process over loopback. Measured are the time from an event to its
answer, the time from an event to the instructor's stream (which is what a screen shows next), what joining costs a
check, and whether anything is lost or counted twice when the board is killed (SIGKILL) in the middle and started again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import gc
import http.client
import io
import json
import os
import platform
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coursekit import check, judging
from coursekit.classroom.board.items import Items
from coursekit.classroom.board.store import digest
from coursekit.judging import board as client
from coursekit.judging import mistakes

RESULTS = Path(__file__).with_name("results")
CHAPTERS = ("06_momentum", "07_adaptive", "08_adam")
HOOK = ("the hook in it, median", "the hook, longest", "the hook, longest time of the processor")
DOWN = 2.0  # seconds that the board is away


class Server:
    """A board in a process of its own, on a port that stays the same when it is started again."""

    def __init__(self, folder: Path):
        self.db = folder / "board.sqlite"
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "coursekit.cli", "workshop", "start", "--db", str(self.db)]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", *(f"--chapter={name}" for name in CHAPTERS)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not self.answers():
            assert self.process.poll() is None, "the board did not start"
            time.sleep(0.05)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "")[0] == 200
        return False

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, f"/{path}", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Set-Cookie", "")

    def secret(self, name: str) -> str:
        return self.rows("SELECT value FROM board WHERE name = ?", name)[0][0]

    def rows(self, query: str, *values: Any) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            return db.execute(query, values).fetchall()

    def join(self, count: int) -> list[str]:
        """That many learners' tokens."""
        code = self.secret("code")
        return [json.loads(self.ask("POST", "join", {"code": code})[1])["token"] for _ in range(count)]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


# ---- a class at work: one open connection a learner, events at times fixed beforehand (a slow board meets a queue)


class Class:
    def __init__(self, server: Server, tokens: list[str], seconds: float, rate: float):
        self.server, self.tokens, self.seconds, self.rate = server, tokens, seconds, rate
        self.items = Items(CHAPTERS)
        self.posts: list[float] = []
        self.shown: list[float] = []
        self.waiting: dict[tuple[int, int, int], float] = {}
        self.ids = {token: i for i, token in server.rows("SELECT id, token FROM learners")}

    async def run(self) -> None:
        watching = asyncio.create_task(self.watch())
        await asyncio.sleep(0.5)
        begin = time.perf_counter() + 1
        await asyncio.gather(*(self.learner(token, begin) for token in self.tokens))
        await asyncio.sleep(1)
        watching.cancel()

    async def learner(self, token: str, begin: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        chance = random.Random(token)
        each = len(self.tokens) / self.rate
        at = begin + chance.uniform(0, each)
        tries: dict[int, int] = {}
        while at < begin + self.seconds:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            item = chance.randrange(len(self.items.all))
            tries[item] = tries.get(item, 0) + 1
            self.waiting[self.ids[digest(token)], item, tries[item]] = at
            writer.write(request(token, event(self.items, item, chance)))
            await answered(reader)
            self.posts.append(time.perf_counter() - at)
            at += chance.uniform(0.5 * each, 1.5 * each)
        writer.close()

    async def watch(self) -> None:
        """The instructor's stream, read as the page reads it."""
        cookie = self.server.ask("POST", "open", {"key": self.server.secret("key")})[2].split(";")[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=2**24)
        writer.write(f"GET /stream HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        while line := await reader.readline():
            if not line.startswith(b"data: "):
                continue
            now = time.perf_counter()
            for learner, item, _, tries, *_ in json.loads(line[6:]).get("cells", ()):
                while (sent := self.waiting.pop((learner, item, tries), None)) is not None:
                    self.shown.append(now - sent)
                    tries -= 1  # two tries within one change come as one


def event(items: Items, item: int, chance: random.Random) -> bytes:
    """A mistake of the exercise: what stays open changes with every try."""
    name = items.all[item].name
    known = list(mistakes.known(name))[:8]
    body = {"id": uuid.UUID(int=chance.getrandbits(128)).hex, "exercise": name, "status": "wrong", "ago": 0}
    return json.dumps(body | {"diagnosis": chance.choice(known) if known else None}).encode()


def request(token: str, body: bytes) -> bytes:
    head = f"POST /event HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))


# ---- killed in the middle: the course's own client, one thread a learner


def killed(server: Server, tokens: list[str], seconds: float, rate: float) -> dict[str, Any]:
    before = server.rows("SELECT count(*) FROM events")[0][0]
    names = [item.name for item in Items(CHAPTERS).all]
    place = client.Address(f"127.0.0.1:{server.port}")
    links = [client.Link(place, token, "", names) for token in tokens]
    sent = killed_at = 0
    begin = time.perf_counter()
    while sent < seconds * rate:
        random.choice(links).put(random.choice(names), "wrong", None)
        sent += 1
        if not killed_at and sent >= seconds * rate / 2:
            killed_at = sent
            server.kill()
            waited = time.perf_counter()
        if killed_at and server.process.poll() is not None and time.perf_counter() - waited > DOWN:
            server.start()
        time.sleep(max(0.0, begin + sent / rate - time.perf_counter()))
    if server.process.poll() is not None:
        server.start()
    deadline = time.monotonic() + 90
    while any(link.waiting() for link in links) and time.monotonic() < deadline:
        time.sleep(0.1)
    done = time.perf_counter()
    for link in links:
        link.close()
    kept, different = server.rows("SELECT count(*), count(DISTINCT id) FROM events")[0]
    return {
        "sent": sent,
        "kept": kept - before,
        "twice": kept - different,
        "all in after the end": round(done - begin - seconds, 1),
    }


# ---- what it costs a check


def adam(param, grad, state, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return param - lr * m / (v.sqrt() + eps), (m, v, t)


def checks(server: Server, repeat: int) -> dict[str, float]:
    """Median milliseconds of check(adam): without a board, with one, and with one that is dead; taken in turns."""
    token = server.join(1)[0]
    live = client.Link(client.Address(f"127.0.0.1:{server.port}"), token, "", ["adam"])
    dead = client.Link(client.Address("192.0.2.1:9"), token, "", ["adam"])  # packets go there and nothing comes back
    gone = client.Link(client.Address("127.0.0.1:9"), token, "", ["adam"])  # refused at once
    kinds = {"no board": None, "a board": live, "a board that does not answer": dead, "a board that is gone": gone}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    hook: list[float] = []
    busy: list[float] = []
    tell = client.tell

    def timed(verdict: Any) -> None:
        start, work = time.perf_counter(), time.thread_time()
        tell(verdict)
        hook.append(1e3 * (time.perf_counter() - start))
        busy.append(1e3 * (time.thread_time() - work))

    judging.check.board.tell = timed
    for turn in range(repeat + 3):
        for kind, link in kinds.items():
            client._link = link
            start = time.perf_counter()
            check(adam)
            if turn >= 3:
                times[kind].append(1e3 * (time.perf_counter() - start))
            time.sleep(0.12)  # a learner reads the card; at most 10 events a second are taken
    client._link = None
    judging.check.board.tell = tell
    for link in (live, dead, gone):
        link.close()
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    return medians | {HOOK[0]: statistics.median(hook), HOOK[1]: max(hook), HOOK[2]: max(busy)}


# ---- the report


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1e3 * s for s in seconds)
    places = {"median": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(p * len(ordered)))], 1) for name, p in places.items()}


def report(found: dict[str, Any]) -> Iterator[str]:
    post, shown, lost, cost = found["post"], found["check to screen"], found["killed"], found["check"]
    yield f"{found['date']}, {found['machine']}. {found['learners']} learners, {found['rate']:g} events a second for "
    yield f"{found['seconds']:g} s: {found['events']} events. Load of the machine before: {found['load before']:.1f}. "
    yield "Milliseconds.\n"
    yield "| what | goal | median | p95 | p99 | longest |"
    yield "|---|---|---|---|---|---|"
    for name, row, goal in (("post", post, "median 5"), ("check to screen", shown, "p99 100")):
        yield f"| {name} | {goal} | {row['median']} | {row['p95']} | {row['p99']} | {row['longest']} |"
    yield ""
    yield "| board killed in the middle, started again after 2 s | |"
    yield "|---|---|"
    yield f"| events sent / kept / counted twice | {lost['sent']} / {lost['kept']} / {lost['twice']} |"
    yield f"| seconds from the last event until all were in | {lost['all in after the end']} |"
    yield ""
    yield "| check(adam), median; goal: at most 2 more | ms | more than without |"
    yield "|---|---|---|"
    for name, ms in cost.items():
        more = "" if name in ("no board", *HOOK) else f"{ms - cost['no board']:+.2f}"
        yield f"| {name} | {ms:.2f} | {more} |"


def main(learners: int, rate: float, seconds: float, repeat: int, out: Path) -> None:
    os.environ["COURSEKIT_PROGRESS"] = "off"
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            tokens = server.join(learners)
            group = Class(server, tokens, seconds, rate)
            gc.freeze()  # this process is to measure, not to pause
            asyncio.run(group.run())
            assert not group.waiting, f"{len(group.waiting)} events never reached the screen"
            found = {
                "date": datetime.date.today().isoformat(),
                "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
                "load before": os.getloadavg()[0],
                "learners": learners,
                "rate": rate,
                "seconds": seconds,
                "events": len(group.posts),
                "post": percentiles(group.posts),
                "check to screen": percentiles(group.shown),
            }
            with contextlib.redirect_stdout(io.StringIO()):
                found["check"] = checks(server, repeat)
            found["killed"] = killed(server, tokens, seconds, rate)
        finally:
            server.kill()
    text = "\n".join(report(found)) + "\n"
    print(text)
    name = f"workshop-{found['date']}"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(f"# The board of a workshop\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--learners", type=int, default=300)
    parser.add_argument("--rate", type=float, default=300, help="events a second, of all learners together")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeat", type=int, default=40, help="checks of each kind")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    main(asked.learners, asked.rate, asked.seconds, asked.repeat, asked.out)
