"""`coursekit workshop start`: opens a board on the local network and says how to reach it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import gc
import os
import signal
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from tornado.httpserver import HTTPServer

from coursekit.classroom.board.items import Items
from coursekit.classroom.board.server import Board, application
from coursekit.classroom.board.store import Store
from coursekit.classroom.submission import Bad
from coursekit.judging.board import PORT

IDLE = 120.0  # seconds after which a silent connection is closed; a notebook opens another one when it needs it
LARGEST = 2**20  # bytes of a body that are read at all, to be refused in words


def start(
    chapters: Sequence[str] = (),
    *,
    db: Path | None = None,
    bind: str = "",
    port: int = PORT,
    address: str = "",
    certificate: Path | None = None,
    key: Path | None = None,
    lessons: Path | None = None,
) -> int:
    """Serve a board until it is stopped (Ctrl+C, SIGTERM).

    Raises:
        Bad: an unknown chapter, a port in use, a certificate or a file that cannot be read.
    """
    tls = _tls(certificate, key)
    items = Items(chapters, lessons)
    db = db or Path(f"workshop-{datetime.date.today().isoformat()}.sqlite")
    listening = _socket(port, bind)
    port = listening.getsockname()[1]
    try:
        store = Store(db)
    except Bad:
        listening.close()
        raise
    place = _place(address or bind or lan_address(), port, tls is not None)
    board = Board(store, items, f'join("{store.code}@{place}")')
    own = place if tls else f"http://{_bracketed(bind or 'localhost')}:{port}"
    print(_words(board, db, own), flush=True)
    server = HTTPServer(
        application(board),
        ssl_options=tls,
        max_body_size=LARGEST,
        max_header_size=2**14,
        idle_connection_timeout=IDLE,
    )
    _many_connections()
    gc.freeze()  # the course's own objects stay: looking through them again held up posts for a tenth of a second
    try:
        asyncio.run(_serve(server, listening, board))
    finally:
        store.close()
    print(f"\nStopped. Everything is kept in {db}: the same command goes on from there, and")
    print(f"coursekit workshop export {db} OUT writes it as CSV and JSON.", flush=True)
    return 0


def _many_connections() -> None:
    """Three hundred learners with three notebooks each: have as many connections as the system allows."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most if 0 < most < 10_000 else 10_000, most))


async def _serve(server: HTTPServer, listening: socket.socket, board: Board) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    server.add_socket(listening)
    show = asyncio.create_task(board.show())
    while not stop.is_set():  # a signal on Windows is seen when something happens
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
        if show.done():
            show.result()
    show.cancel()
    server.stop()
    board.close_screens()
    await server.close_all_connections()


def lan_address() -> str:
    """This machine's address on the local network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: which way would it go?
            return str(probe.getsockname()[0])
        except OSError:
            return "localhost"


def _place(host: str, port: int, secure: bool) -> str:
    """The board's address as join takes it."""
    host = _bracketed(host)
    if secure:
        return f"https://{host}:{port}"
    return host if port == PORT else f"{host}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _words(board: Board, db: Path, own: str) -> str:
    joined = len(board.learners)
    kept = f"{db} (goes on: {joined} learners, {sum(board.counts.values())} events)" if joined else f"{db}"
    return "\n".join(
        [
            f"The board is open for {', '.join(board.items.chapters)}.",
            "",
            "  Learners run in a notebook:",
            "      from coursekit import join",
            f"      {board.join_line}",
            "",
            "  You open, and keep to yourself (the key is in it):",
            f"      {own}/#{board.store.key}",
            "",
            f"  Kept in:  {kept}",
            "  Stop:     Ctrl+C; nothing is lost, and the same command goes on",
        ]
    )


def _socket(port: int, bind: str) -> socket.socket:
    if not 0 <= port <= 65535:
        raise Bad(f"--port is a number from 0 (any that is free) to 65535; got {port}")
    found = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET)
    try:
        if os.name != "nt":  # there it would let two boards share a port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setblocking(False)
        found.bind((bind, port))
        found.listen(512)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise Bad(f"port {port} is in use, perhaps by another board: --port names another") from None
        raise Bad(f"cannot serve on {bind or 'this machine'}, port {port}: {error.strerror}") from None
    return found


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise Bad("--key belongs to a --certificate; there is none")
        return None
    for path in filter(None, (certificate, key)):
        if not path.is_file():
            raise Bad(f"there is no file {path}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # nobody is asked for one
    except (ssl.SSLError, OSError) as error:
        raise Bad(f"the certificate {certificate} and its key cannot be used: {error}") from None
    return context
