"""A board that serves in a thread of the test's own process, and what asks it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from coursekit.classroom.board.items import Items
from coursekit.classroom.board.server import Board, application
from coursekit.classroom.board.store import Store
from coursekit.classroom.board.workshop import LARGEST


class Served:
    """A board on a free port."""

    def __init__(self, db: Path, chapters: tuple[str, ...] = ("08_adam",)):
        self.store = Store(db)
        self.board = Board(self.store, Items(chapters), f'join("{self.store.code}@here")')
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._ready.wait()

    async def _serve(self) -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(application(self.board), max_body_size=LARGEST, max_header_size=2**14)
        server.add_sockets(sockets)
        show = asyncio.create_task(self.board.show())
        self._ready.set()
        await self._over.wait()
        server.stop()
        show.cancel()
        self.board.close_screens()
        await server.close_all_connections()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self.store.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the answer; `body` goes as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, f"/{path}", data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())

    def join(self, name: str = "", **more: Any) -> dict[str, Any]:
        status, said, _ = self.ask("POST", "join", {"code": self.store.code, "name": name, **more})
        assert status == 200, said
        return json.loads(said)

    def post(self, token: str, **fields: Any) -> tuple[int, str]:
        """Post an event; the fields are those of a usual one, or what is given."""
        usual = {"id": uuid.uuid4().hex, "exercise": "adam", "status": "wrong", "diagnosis": None, "ago": 0}
        return self.ask("POST", "event", usual | fields, Authorization=f"Bearer {token}")[:2]

    @property
    def cookie(self) -> str:
        """What a browser has once it has given the key."""
        return self.ask("POST", "open", {"key": self.store.key})[2]["Set-Cookie"].split(";")[0]

    @property
    def address(self) -> str:
        """What the instructor opens."""
        return f"http://127.0.0.1:{self.port}/#{self.store.key}"


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    board = Served(tmp_path / "board.sqlite")
    yield board
    board.stop()
