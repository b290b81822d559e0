"""A learner's side of a workshop's board: `join("code@host")` in a notebook, and from then on each verdict is told.

Told are the exercise, the status and the id of the named mistake: never code, never a number from it, never a name
but the pseudonym. A check only puts an event into a short queue; a thread sends it, keeps it until the board has
acknowledged it, and sends it again after a break. An event has an id, so that it counts once however often it is sent.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import random
import re
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from coursekit.judging import progress

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from coursekit.judging.verdict import Verdict

PORT = 8765  # of a board, where the address names none
KEPT = 500  # events that wait for a board; of more the oldest are given up
PATIENCE = 5.0  # seconds that one request may take
LONGEST_PAUSE = 5.0  # seconds between two tries to reach a board
SOMETHING = "no board answers there, but something else"
MEMORY = ".coursekit-board.json"  # beside progress.json: the token, so that the next notebook is the same learner
TOLD = """You are “{name}” on the board at {host}. From now on check() and answer() in this notebook tell it, each time:
the exercise, the status (such as "passed"), the id of the named mistake (of a question: which known wrong answer it
was), and when. Never your code, nor a number from it. The instructor sees this beside “{name}”, and may keep it after
the workshop. Nothing else about you is sent or kept.
join() joins again in another notebook, leave() ends it, leave(erase=True) also takes back what was told."""


class NotJoined(ValueError):
    """Joining or leaving did not work; says why, and shows no traceback in a notebook."""

    def _render_traceback_(self) -> list[str]:
        return [f"{self}"]


class Refused(Exception):
    """The board's answer to a request that it does not take: its status and its line."""

    def __init__(self, status: int, line: str, wait: float = 0.0):
        super().__init__(line)
        self.status, self.wait = status, wait


class Address:
    """Where a board is: taken from host, host:port, or https://host:port/path."""

    def __init__(self, text: str, certificate: str | None = None):
        wanted = f'the board\'s address is host, host:port or https://host:port; got "{text:.80}"'
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            port = parts.port
        except ValueError:
            raise NotJoined(wanted) from None
        if not parts.hostname or parts.scheme not in ("http", "https") or "@" in parts.netloc:
            raise NotJoined(wanted)
        self.text, self.certificate, self.secure = text, certificate, parts.scheme == "https"
        self.host, self.path = parts.hostname, parts.path.rstrip("/")
        self.port = port or (PORT if "://" not in text else 443 if self.secure else 80)

    def connect(self) -> HTTPConnection:
        """A connection of its own, not opened yet."""
        from http import client

        if not self.secure:
            return client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        import ssl

        trust = ssl.create_default_context(cafile=self.certificate)
        return client.HTTPSConnection(self.host, self.port, timeout=PATIENCE, context=trust)

    def ask(self, connection: HTTPConnection, method: str, path: str, body: Any, token: str = "") -> Any:
        """What the board answers, from JSON; Refused where it does not take it, OSError where it does not answer."""
        from http.client import HTTPException

        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            connection.request(method, f"{self.path}/{path}", json.dumps(body).encode(), headers)
            response = connection.getresponse()
            said = response.read(100_000)
        except HTTPException as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from None
        if response.status != 200:
            if not response.getheader("Content-Type", "").startswith("text/plain"):  # a proxy's page, no line of ours
                raise Refused(502, f"{SOMETHING} ({response.status})")
            wait = response.getheader("Retry-After", "")
            line = said.decode("utf-8", "replace").strip()[:200]
            raise Refused(response.status, line, min(float(wait), 60.0) if wait.isdecimal() else 0.0)
        try:
            return json.loads(said)
        except ValueError:
            raise Refused(502, SOMETHING) from None


class Link:
    """A joined board: a queue of events and the thread that sends them."""

    def __init__(self, address: Address, token: str, name: str, items: list[str]):
        self.address, self.token, self.name, self.items = address, token, name, frozenset(items)
        self.lost = ""  # why the board does not take events of ours any more
        self._waiting: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._change = threading.Condition()
        self._over = threading.Event()
        self._reached = True
        threading.Thread(target=self._run, name="coursekit-board", daemon=True).start()

    def put(self, exercise: str, status: str, diagnosis: str | None) -> None:
        """Have an event sent. Takes microseconds, whatever became of the board."""
        event = {"exercise": exercise, "status": status, "diagnosis": diagnosis}
        with self._change:
            self._waiting.append(event | {"id": uuid.uuid4().hex, "at": time.monotonic()})
            self._change.notify_all()

    def waiting(self) -> int:
        """How many events the board has not acknowledged."""
        return len(self._waiting)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is acknowledged; at once False where the board was not reached the last time."""
        with self._change:
            return self._change.wait_for(lambda: not self._waiting or not self._reached, seconds) and not self._waiting

    def close(self) -> None:
        """Send nothing more."""
        self._over.set()
        with self._change:
            self._waiting.clear()
            self._change.notify_all()

    def _run(self) -> None:
        connection = self.address.connect()
        fails = 0
        while event := self._next():
            wait = self._send(connection, event)
            if wait is None:
                fails = 0
                continue
            fails += 1
            with self._change:
                self._reached = False
                self._change.notify_all()
            longest = min(LONGEST_PAUSE, 0.25 * 2 ** min(fails, 10))
            self._over.wait(wait or longest * random.uniform(0.5, 1))  # a class is not to come back all at once
        connection.close()

    def _next(self) -> dict[str, Any] | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._over.is_set())
            return None if self._over.is_set() else self._waiting[0]

    def _send(self, connection: HTTPConnection, event: dict[str, Any]) -> float | None:
        """Send one event. None: it is off the queue. Else the seconds to wait before again; 0: the board names none."""
        from coursekit.judging import mistakes

        told = mistakes.told(event["exercise"], event["diagnosis"])
        body = event | {"diagnosis": told, "ago": round(time.monotonic() - event["at"], 3)}
        del body["at"]
        for idle in (connection.sock is not None, False):
            try:
                self.address.ask(connection, "POST", "event", body, self.token)
            except OSError:
                connection.close()
                if not idle:  # else the board may have closed it meanwhile: over a new one at once
                    return 0.0
                continue
            except Refused as error:
                connection.close()
                if error.status == 429 or error.status >= 500:
                    return error.wait
                if error.status == 401:
                    self.lost = self.lost or str(error)
            break
        self._done(event)
        return None

    def _done(self, event: dict[str, Any]) -> None:
        with self._change:
            self._reached = True
            if self._waiting and self._waiting[0] is event:
                self._waiting.popleft()
            self._change.notify_all()


_link: Link | None = None


def tell(verdict: Verdict) -> None:
    """Tell the board of a verdict, where this notebook has joined one; it never waits and never fails."""
    link = _link
    if link is None or verdict.status == "not_attempted" or verdict.exercise not in link.items:
        return
    if link.lost:
        leave()
        print(
            f'The board does not take this notebook\'s events any more ({link.lost}). To be on it, join("...") again.'
        )
        return
    link.put(verdict.exercise, verdict.status, verdict.diagnosis)


def join(where: str = "", name: str = "", *, certificate: str | None = None) -> None:
    """Join a workshop's board: `join("code@host")`. From then on it is told how each check went, and never your code.

    Args:
        where: what the instructor hands out: code@host, code@host:port or code@https://host:port. Left out: the board
            joined last, as in the next notebook.
        name: a pseudonym of yours, of at most 24 characters. Left out: the board gives you one.
        certificate: a file with the board's certificate, where no authority that this machine trusts has signed it.

    Raises:
        NotJoined (a ValueError): the code is wrong or no board answers there; it says which.
    """
    global _link
    kept = _remembered()
    if not where and not kept:
        raise NotJoined('join takes what the instructor hands out: join("code@host")')
    code, _, place = where.partition("@") if where else (kept["code"], "@", kept["address"])
    code, certificate = re.sub(r"[\s-]", "", code).lower(), certificate or (None if where else kept["certificate"])
    if not code or not place:
        raise NotJoined(f'join takes code@host, such as join("k7m4qx@192.168.1.5"); got "{where:.80}"')
    address = Address(place.strip(), certificate)
    same = kept.get("address") == address.text and kept.get("code") == code
    body = {"code": code, "name": name} | ({"token": kept["token"]} if same else {})
    found = _ask_once(address, "POST", "join", body)
    if _link is not None:
        _link.close()
    _link = Link(address, found["token"], found["name"], found["items"])
    _remember({"address": address.text, "code": code, "token": found["token"], "certificate": certificate})
    print(TOLD.format(name=found["name"], host=address.text))


def leave(*, erase: bool = False) -> None:
    """Leave the board: nothing more is told. `erase=True` has the board take out all that you told it, too."""
    global _link
    link, _link = _link, None
    kept = _remembered()
    if link is not None:
        link.close()
    if erase and not kept:
        raise NotJoined("there is no board to take anything back from: none was joined here")
    if erase:
        address = Address(kept["address"], kept["certificate"])
        _ask_once(address, "DELETE", "learner", {}, kept["token"])
    _forget()
    if link is not None and not link.lost:
        print("You have left the board." + (" It has taken out all that you told it." if erase else ""))


def _ask_once(address: Address, method: str, path: str, body: Any, token: str = "") -> Any:
    """One request over a connection of its own; what goes wrong is one line."""
    try:
        connection = address.connect()
    except OSError as error:  # the certificate's file
        raise NotJoined(f"the certificate {address.certificate} cannot be used: {error}") from None
    with contextlib.closing(connection):
        try:
            return address.ask(connection, method, path, body, token)
        except Refused as error:
            raise NotJoined(f"{address.text}: {error}") from None
        except (OSError, UnicodeError) as error:
            line = f"no board answers at {address.text} ({error}). Is the address right, and the board open?"
            raise NotJoined(line) from None


# ---- which board was joined last, beside the learner's progress; in memory alone where progress is kept nowhere

_memory: dict[str, Any] = {}


def _place() -> Path | None:
    where = progress.path()
    return None if where is None else where.with_name(MEMORY)


def _remembered() -> dict[str, Any]:
    place = _place()
    found: Any = None
    if place is not None:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(place.read_text(encoding="utf-8"))
    fields = {"address", "code", "token", "certificate"}
    return found if isinstance(found, dict) and fields <= found.keys() else dict(_memory)


def _remember(board: dict[str, Any]) -> None:
    """Keep it in a file that only its owner may read; without a place to write it lasts as long as the notebook."""
    _forget()
    _memory.update(board)
    if (place := _place()) is not None:
        with contextlib.suppress(OSError):
            file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(file, "w", encoding="utf-8") as out:
                json.dump(board, out)


def _forget() -> None:
    _memory.clear()
    if (place := _place()) is not None:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


@atexit.register
def _last_words() -> None:
    """A notebook that ends has a second to deliver its last event, where the board was there a moment ago."""
    if _link is not None:
        _link.flush(1.0)
