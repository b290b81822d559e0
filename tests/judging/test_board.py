"""A learner's side of the board: what is told and what never, and what becomes of it when the board is away."""

from __future__ import annotations

import http.server
import json
import os
import stat
import threading
import time
from collections.abc import Callable

import pytest

from coursekit import answer, check, join, leave
from coursekit.judging import board

ITEMS = ["identity", "adam", "start_too_long"]


class Fake(http.server.ThreadingHTTPServer):
    """A board that notes what it is asked; `answers` are given to events first, as (status, headers)."""

    daemon_threads = True

    def __init__(self, port: int = 0):
        self.asked: list[tuple[str, str, dict]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.tokens: list[str] = []
        self.strange = False  # another kind of server
        self.hold = threading.Event()
        self.hold.set()
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def events(self) -> list[dict]:
        return [body for method, path, body in self.asked if path == "/event"]

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        self.hold.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Fake
    protocol_version = "HTTP/1.0"  # a connection each: the client is to cope with closed ones anyway

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.hold.wait()
        self.server.asked.append((self.command, self.path, body))
        self.server.tokens.append(self.headers.get("Authorization", ""))
        status, headers, said = 200, {}, {}
        if self.path == "/join":
            right = body["code"] == "k7m4qx"
            status = 200 if right else 403
            said = {"token": body.get("token", "T"), "name": body["name"] or "teal owl", "items": ITEMS}
        elif self.server.answers:
            status, headers = self.server.answers.pop(0)
        text = json.dumps(said) if status == 200 else "one line"
        if self.server.strange:
            status, text = 404, "<html>"
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if self.server.strange else "text/plain")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    do_DELETE = do_POST

    def log_message(self, *args: object) -> None:
        pass


def until(condition: Callable[[], object]) -> None:
    """Wait for a thread of the board to have done its part."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def fake(monkeypatch):
    server = Fake()
    monkeypatch.setattr(board, "_memory", {})
    yield server
    if board._link is not None:
        leave()
    server.stop()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Progress, and so the token, is kept in a folder."""
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / board.MEMORY


def identity(x):
    secret_name = 3.71
    return secret_name * x


# ---- what is told


def test_a_check_tells_exercise_status_and_mistake_and_nothing_else(fake):
    join(f"k7m4qx@{fake.place}")
    check(identity)
    check(lambda x: x, "identity")
    until(lambda: len(fake.events) == 2)
    first, second = fake.events
    assert (first["exercise"], first["status"], first["diagnosis"]) == ("identity", "wrong", "factor")
    assert (second["exercise"], second["status"], second["diagnosis"]) == ("identity", "passed", None)
    assert set(first) == {"id", "exercise", "status", "diagnosis", "ago"}
    assert 0 <= first["ago"] < 30
    assert first["id"] != second["id"]
    assert fake.tokens[1:] == ["Bearer T", "Bearer T"]
    assert "secret" not in json.dumps(fake.asked) and "3_71" not in json.dumps(fake.asked)


def test_an_answer_to_a_question_is_told(fake):
    join(f"k7m4qx@{fake.place}")
    answer("start_too_long", "no letter")
    until(lambda: fake.events)
    assert fake.events[0]["exercise"] == "start_too_long"
    assert "no letter" not in json.dumps(fake.asked)


def test_a_stub_and_what_the_board_does_not_show_are_not_told(fake):
    def mse_loss(prediction, target):
        return prediction

    def stub(x):
        raise NotImplementedError

    join(f"k7m4qx@{fake.place}")
    check(mse_loss)
    check(stub, "identity")
    answer("start_too_long", ...)
    check(identity)
    until(lambda: fake.events)
    assert [event["exercise"] for event in fake.events] == ["identity"]


def test_nothing_is_told_before_joining_and_after_leaving(fake):
    check(identity)
    join(f"k7m4qx@{fake.place}")
    leave()
    check(identity)
    leave()
    assert fake.events == []


def test_joining_says_what_is_told(fake, capsys):
    join(f"K7M-4qx @{fake.place}", name="Ada")
    said = capsys.readouterr().out
    assert f"You are “Ada” on the board at {fake.place}." in said
    assert "Never your code" in said and "leave()" in said
    assert fake.asked == [("POST", "/join", {"code": "k7m4qx", "name": "Ada"})]


# ---- when it cannot be told


def test_what_was_not_acknowledged_is_sent_again_once_it_is_back(fake):
    join(f"k7m4qx@{fake.place}")
    port = fake.server_port
    fake.stop()
    for _ in range(3):
        check(identity)
    link = board._link
    until(lambda: not link._reached)
    assert link.waiting() == 3
    assert link.flush(60) is False  # at once: a notebook that ends does not wait for a dead board
    again = Fake(port)
    until(lambda: not link.waiting())
    assert len({event["id"] for event in again.events}) == 3
    assert all(event["ago"] > 0 for event in again.events)
    again.stop()


def test_an_event_keeps_its_id_until_it_is_taken(fake):
    fake.answers = [(503, {}), (429, {"Retry-After": "0"}), (500, {})]
    join(f"k7m4qx@{fake.place}")
    check(identity)
    until(lambda: len(fake.events) == 4)
    assert len({event["id"] for event in fake.events}) == 1
    until(lambda: not board._link.waiting())


def test_what_a_proxy_says_meanwhile_is_no_answer(fake):
    join(f"k7m4qx@{fake.place}")
    fake.strange = True
    check(identity)
    until(lambda: not board._link._reached)
    assert board._link.waiting() == 1
    fake.strange = False
    until(lambda: not board._link.waiting())
    assert len({event["id"] for event in fake.events}) == 1


def test_an_event_that_is_refused_for_good_is_given_up(fake):
    fake.answers = [(422, {})]
    join(f"k7m4qx@{fake.place}")
    check(identity)
    check(identity)
    until(lambda: len(fake.events) == 2)
    assert fake.events[0]["id"] != fake.events[1]["id"]


def test_a_board_that_does_not_know_the_learner_any_more_is_left_with_a_line(fake, capsys):
    fake.answers = [(401, {})]
    join(f"k7m4qx@{fake.place}")
    check(identity)
    until(lambda: board._link.lost)
    capsys.readouterr()
    check(identity)
    assert "does not take this notebook's events any more" in capsys.readouterr().out
    check(identity)
    assert capsys.readouterr().out == ""
    assert len(fake.events) == 1


def test_a_check_never_waits_for_a_board_that_hangs(fake):
    join(f"k7m4qx@{fake.place}")
    fake.hold.clear()
    link = board._link
    for _ in range(2 * board.KEPT):  # all of it returns while the board answers nothing
        link.put("identity", "wrong", None)
    assert link.waiting() == board.KEPT
    assert fake.events == []
    fake.hold.set()
    link.put("identity", "passed", None)
    until(lambda: fake.events and fake.events[-1]["status"] == "passed")


def test_leaving_drops_what_waits(fake):
    join(f"k7m4qx@{fake.place}")
    fake.hold.clear()
    link = board._link
    for _ in range(5):
        check(identity)
    leave()
    fake.hold.set()
    until(lambda: not [t for t in threading.enumerate() if t.name == "coursekit-board"])
    assert link.waiting() == 0
    assert len(fake.events) <= 1, "what was on its way may arrive"


# ---- joining


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("k7m4qx", "join takes code@host"),
        ("@host", "join takes code@host"),
        ("k7m4qx@", "join takes code@host"),
        ("", "what the instructor hands out"),
        ("k7m4qx@host:port", "the board's address is"),
        ("k7m4qx@ftp://host", "the board's address is"),
        ("k7m4qx@a@b", "the board's address is"),
        ("k7m4qx@127.0.0.1:9", "no board answers at 127.0.0.1:9"),
        ("k7m4qx@" + "x" * 300, "no board answers at"),
    ],
)
def test_what_cannot_be_joined_is_one_line(where, words, fake):
    with pytest.raises(board.NotJoined, match=words) as error:
        join(where)
    assert isinstance(error.value, ValueError)
    assert error.value._render_traceback_() == [str(error.value)]
    assert board._link is None


def test_a_wrong_code_is_one_line(fake):
    with pytest.raises(board.NotJoined, match="one line"):
        join(f"wrong1@{fake.place}")


def test_something_else_that_answers_is_no_board(fake):
    fake.strange = True
    with pytest.raises(board.NotJoined, match="no board answers there, but something else"):
        join(f"k7m4qx@{fake.place}")


def test_the_next_notebook_is_the_same_learner(fake, kept):
    join(f"k7m4qx@{fake.place}", name="Ada")
    if os.name == "posix":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    board._link.close()
    board._link = None
    board._memory.clear()  # a new kernel
    join()
    assert fake.asked[-1][2] == {"code": "k7m4qx", "name": "", "token": "T"}
    leave()
    assert not kept.exists()
    with pytest.raises(board.NotJoined):
        join()


def test_another_board_is_not_shown_the_token(fake, kept):
    join(f"k7m4qx@{fake.place}")
    other = Fake()
    join(f"k7m4qx@{other.place}")
    assert "token" not in other.asked[0][2]
    leave()
    other.stop()


def test_a_damaged_memory_is_as_none(fake, kept):
    kept.write_text("[]")
    with pytest.raises(board.NotJoined, match="what the instructor hands out"):
        join()


def test_leaving_may_take_back_what_was_told(fake, capsys):
    join(f"k7m4qx@{fake.place}")
    leave(erase=True)
    assert fake.asked[-1][:2] == ("DELETE", "/learner")
    assert fake.tokens[-1] == "Bearer T"
    assert "taken out" in capsys.readouterr().out
    with pytest.raises(board.NotJoined, match="none was joined"):
        leave(erase=True)


def test_addresses():
    parts = {
        "host": ("host", board.PORT, ""),
        "host:80": ("host", 80, ""),
        "[::1]:99": ("::1", 99, ""),
        "https://host": ("host", 443, ""),
        "https://host:8443/hub/board/": ("host", 8443, "/hub/board"),
    }
    found = {text: board.Address(text) for text in parts}
    assert {text: (a.host, a.port, a.path) for text, a in found.items()} == parts
