"""The board's web server: learners post events with their own tokens, the instructor's pages need its key."""

from __future__ import annotations

import asyncio
import hmac
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from tornado import web

from coursekit.classroom.board import export, names
from coursekit.classroom.board.items import Items
from coursekit.classroom.board.limits import Buckets
from coursekit.classroom.board.state import STUCK, State
from coursekit.classroom.board.store import Event, Learner, Store, digest

HOME = Path(__file__).with_name("static")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LONGEST_BODY = 2048  # bytes of a request
LONGEST_AGO = 86400.0  # seconds that an event may have waited for the board
MOST_LEARNERS = 2000
MOST_EVENTS = 5000  # of one learner
PAUSE = 0.04  # seconds in which changes are gathered for the screens
BEAT = 10.0  # seconds after which a screen hears that the board is there
BEHIND = 250  # messages that a screen may be behind before it is let go, to come again
FIELDS = {"id", "exercise", "status", "diagnosis", "ago"}


class Board:
    """What all requests share."""

    def __init__(self, store: Store, items: Items, join_line: str = ""):
        self.store, self.items, self.join_line = store, items, join_line
        self.screens: set[Stream] = set()
        self.everybody = Buckets(1000, 3000)  # requests of one address: a whole class may come from one
        self.joins = Buckets(50, 400)  # of one address
        self.guesses = Buckets(2, 200)  # wrong codes and keys of one address: a class mistypes, too
        self.posts = Buckets(10, 60)  # events of one learner
        self.learners = store.learners()
        self.state = State(items)
        self.counts: dict[int, int] = {}
        for learner in self.learners.values():
            self.state.join(learner)
        for event in store.events():
            self.take_in(event)

    def take_in(self, event: Event) -> None:
        self.counts[event.learner] = self.counts.get(event.learner, 0) + 1
        self.state.add(event)

    def whole(self, projector: bool) -> dict[str, Any]:
        """Everything that a screen shows, as it is when it connects."""
        about = {"items": self.items.to_list(), "join": self.join_line, "stuck_after": STUCK}
        found = self.state.aggregate(time.time()) if projector else self.state.whole()
        return about | found

    async def show(self) -> None:
        """Tell the screens what changed, gathered over a moment; and now and then that the board is there."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(PAUSE)
            change = self.state.change()
            beat = time.monotonic() - told > BEAT
            if change is None and not beat:
                continue
            told = time.monotonic()
            board = message("change", change or {})
            watched = any(screen.projector for screen in self.screens)
            aggregate = message("change", self.state.aggregate(time.time())) if watched else ""
            for screen in list(self.screens):
                screen.send(aggregate if screen.projector else board)

    def close_screens(self) -> None:
        for screen in list(self.screens):
            screen.over.set()


def message(kind: str, data: dict[str, Any]) -> str:
    """One server-sent event, with the board's clock."""
    return f"event: {kind}\ndata: {json.dumps({'time': round(time.time(), 3)} | data, separators=(',', ':'))}\n\n"


class Refusal(web.HTTPError):
    """A request that is not taken: its status, and one line that says why."""

    def __init__(self, status: int, line: str, wait: int = 0):
        super().__init__(status, reason=None)
        self.line, self.wait = line, wait


class Base(web.RequestHandler):
    """Headers for every answer, limits for every request."""

    board: Board

    def initialize(self, board: Board) -> None:
        self.board = board

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in {
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Content-Type": "text/plain; charset=utf-8",
        }.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        self.slow(self.board.everybody, self.request.remote_ip)
        if len(self.request.body) > LONGEST_BODY:
            raise Refusal(413, f"that is too long: at most {LONGEST_BODY} bytes are taken")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Refusal) and error.wait:
            self.set_header("Retry-After", str(error.wait))
        self.finish((error.line if isinstance(error, Refusal) else self._reason) + "\n")

    def slow(self, buckets: Buckets, key: Any, count: int = 1) -> None:
        """Refuse what comes too fast."""
        if wait := buckets.take(key, time.monotonic(), count):
            raise Refusal(429, f"too many requests: come again in {wait} s", wait)

    def body(self, *allowed: str) -> dict[str, Any]:
        """The request's JSON object, with no field but these."""
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Refusal(400, "a JSON object was wanted")
        if more := found.keys() - set(allowed):
            raise Refusal(400, f"only {', '.join(allowed)} are taken; there is {len(more)} field more")
        return found

    def matches(self, given: Any, secret: str) -> bool:
        """Whether a code or key is right; whoever guesses has only so many tries."""
        right = isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
        if not right:
            self.slow(self.board.guesses, self.request.remote_ip)
        return right

    def learner(self) -> Learner:
        """Who posts: by the token alone, which is each learner's own."""
        given = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if (found := self.board.learners.get(digest(given))) is None:
            raise Refusal(401, "nobody with this token is on the board")
        return found


# ---- for learners


class Join(Base):
    async def post(self) -> None:
        """A new learner, or (with the token) one who is here already: the pseudonym and what the board shows."""
        body, board = self.body("code", "name", "token"), self.board
        self.slow(board.joins, self.request.remote_ip)
        self.slow(board.guesses, self.request.remote_ip, 0)  # a code is short: where many were wrong, none is looked at
        if not self.matches(body.get("code"), board.store.code):
            raise Refusal(403, "this is not the board's code")
        token = body.get("token")
        found = board.learners.get(digest(token)) if isinstance(token, str) and token.isascii() else None
        if found is None:
            found, token = await self.new(body.get("name") or "")
        self.set_header("Content-Type", "application/json")
        self.finish({"token": token, "name": found.name, "items": [item.name for item in board.items.all]})

    async def new(self, name: Any) -> tuple[Learner, str]:
        board = self.board
        if not isinstance(name, str) or len(name) > names.LONGEST:
            raise Refusal(400, f"a name has at most {names.LONGEST} characters")
        if len(board.learners) >= MOST_LEARNERS:
            raise Refusal(403, f"the board is full: {MOST_LEARNERS} have joined")
        wanted = names.fit(name) or names.given()
        try:  # in a thread: the disk may take its time, and a whole class joins at once
            learner, token = await asyncio.to_thread(board.store.add_learner, wanted, time.time())
        except sqlite3.Error:
            raise Refusal(503, "the board cannot write it down now", 5) from None
        board.learners[digest(token)] = learner
        board.state.join(learner)
        return learner, token


class Post(Base):
    async def post(self) -> None:
        """One event. It is answered once it is on disk, and counts once however often it comes."""
        board, learner, event = self.board, self.learner(), self.event()
        self.slow(board.posts, learner.id)
        if board.counts.get(learner.id, 0) >= MOST_EVENTS:
            raise Refusal(403, f"the board takes {MOST_EVENTS} events of one learner")
        at = time.time() - event["ago"]
        row = Event(learner.id, event["id"], at, event["exercise"], event["status"], event["diagnosis"])
        try:
            if await asyncio.wrap_future(board.store.add(row)):
                board.take_in(row)
        except sqlite3.Error:
            raise Refusal(503, "the board cannot write it down now", 5) from None
        self.set_header("Content-Type", "application/json")
        self.finish("{}")

    def event(self) -> dict[str, Any]:
        """The event, every field of which is what it should be."""
        body = self.body(*sorted(FIELDS))
        if missing := FIELDS - body.keys():
            raise Refusal(400, f"an event has {', '.join(sorted(FIELDS))}; there is no {min(missing)}")
        if not isinstance(body["id"], str) or len(body["id"]) != 32 or set(body["id"]) - set("0123456789abcdef"):
            raise Refusal(400, "an event's id is 32 hexadecimal digits")
        ago = body["ago"]
        if isinstance(ago, bool) or not isinstance(ago, int | float) or not 0 <= ago <= LONGEST_AGO:
            raise Refusal(400, "ago is how many seconds ago it was, at most a day")
        if wrong := self.board.items.valid(body["exercise"], body["status"], body["diagnosis"]):
            raise Refusal(422, wrong)
        return body


class Leave(Base):
    async def delete(self) -> None:
        """Take out a learner with everything told."""
        learner, board = self.learner(), self.board
        try:
            await asyncio.to_thread(board.store.erase, learner.id)
        except sqlite3.Error:
            raise Refusal(503, "the board cannot write it down now", 5) from None
        board.learners = {token: one for token, one in board.learners.items() if one.id != learner.id}
        board.state.leave(learner.id)
        self.set_header("Content-Type", "application/json")
        self.finish("{}")


# ---- for the instructor


class File(Base):
    """The public files: a way in that says nothing, and the pages' style and scripts."""

    def get(self, name: str) -> None:
        path = HOME / (name or "index.html")
        if path.name not in {p.name for p in HOME.iterdir()} or (path.suffix == ".html" and name):
            raise Refusal(404, "there is no such page")
        send_file(self, path)


def send_file(handler: web.RequestHandler, path: Path) -> None:
    handler.set_header("Content-Type", f"{TYPES[path.suffix]}; charset=utf-8")
    handler.finish(path.read_bytes())


class Private(Base):
    """Whoever has the key, given once, in a cookie that no script reads."""

    @property
    def cookie(self) -> str:
        return f"board-{digest(self.board.store.key)[:8]}"  # cookies do not know ports: two boards, two names

    def prepare(self) -> None:
        super().prepare()
        if not self.matches(self.get_cookie(self.cookie), self.board.store.key):
            raise Refusal(403, "this page is the instructor's: open it with the address that the board printed")


class Open(Private):
    def prepare(self) -> None:
        Base.prepare(self)

    def post(self) -> None:
        """Take the key, and give the cookie for it."""
        if not self.matches(self.body("key").get("key"), self.board.store.key):
            raise Refusal(403, "this is not the board's key")
        secure = self.request.protocol == "https"
        self.set_cookie(self.cookie, self.board.store.key, path="", httponly=True, samesite="Strict", secure=secure)
        self.finish("open\n")


class Page(Private):
    def get(self, name: str) -> None:
        send_file(self, HOME / f"{name}.html")


class Export(Private):
    async def get(self, name: str) -> None:
        """The whole board as a file."""
        text = (await asyncio.to_thread(export.files, self.board.store, self.board.items))[name]
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(text)


class Stream(Private):
    """What a screen listens to: first everything, then changes."""

    def initialize(self, board: Board) -> None:
        super().initialize(board)
        self.over, self.behind = asyncio.Event(), 0
        self.projector = self.get_query_argument("view", "") == "projector"

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")  # a proxy is to pass every event on at once
        self.send("retry: 1000\n" + message("whole", self.board.whole(self.projector)))
        self.board.screens.add(self)
        await self.over.wait()
        self.board.screens.discard(self)

    def send(self, text: str) -> None:
        """Write without waiting; a screen that does not keep up is let go, and comes again."""
        if self.over.is_set() or self.behind > BEHIND:
            self.over.set()
            return
        self.write(text)
        self.behind += 1
        asyncio.ensure_future(self.flush()).add_done_callback(self.sent)

    def sent(self, done: asyncio.Future[None]) -> None:
        self.behind -= 1
        if done.cancelled() or done.exception():  # the screen has gone
            self.over.set()

    def on_connection_close(self) -> None:
        self.over.set()


def application(board: Board) -> web.Application:
    """The board's addresses."""
    shared = {"board": board}
    return web.Application(
        [
            (r"/join", Join, shared),
            (r"/event", Post, shared),
            (r"/learner", Leave, shared),
            (r"/open", Open, shared),
            (r"/(board|projector)", Page, shared),
            (r"/stream", Stream, shared),
            (r"/export/(events\.csv|learners\.csv|workshop\.json)", Export, shared),
            (r"/([a-z]*(?:\.[a-z]+)?)", File, shared),
        ],
        default_handler_class=Missing,
        default_handler_args=shared,
        log_function=lambda handler: None,  # addresses of learners are not kept
    )


class Missing(Base):
    def prepare(self) -> None:
        raise Refusal(404, "there is no such page")
