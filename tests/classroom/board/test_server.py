"""The board's server: who may do what, what is refused and how, and that nothing counts twice or is lost."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from coursekit.classroom.board import server as server_module
from coursekit.classroom.board.limits import Buckets
from coursekit.classroom.board.server import LONGEST_BODY, POLICY
from tests.classroom.board.conftest import Served

PRIVATE = ["board", "projector", "stream", "stream?view=projector", "export/events.csv", "export/workshop.json"]


def messages(served: Served, view: str = "") -> Iterator[dict]:
    """What the instructor's stream says, from the whole on."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
        connection.request("GET", f"/stream?view={view}", headers={"Cookie": served.cookie})
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "text/event-stream"
        kind = ""
        while line := answer.readline().decode():
            if line.startswith("event: "):
                kind = line.split()[1]
            elif line.startswith("data: "):
                yield {"kind": kind} | json.loads(line.removeprefix("data: "))


def whole(served: Served, view: str = "") -> dict:
    """The first message: everything."""
    with closing(messages(served, view)) as stream:
        return next(stream)


# ---- learners


def test_an_event_reaches_the_table(served):
    ada = served.join("Ada")
    assert served.post(ada["token"], diagnosis="m_not_corrected") == (200, "{}")
    assert served.post(ada["token"], status="passed")[0] == 200
    found = whole(served)
    assert found["kind"] == "whole"
    assert found["names"] == [[1, "Ada"]]
    item = [item["name"] for item in found["items"]].index("adam")
    assert [row[:4] for row in found["cells"]] == [[1, item, "passed", 2]]


def test_a_change_reaches_an_open_stream(served):
    ada = served.join("Ada")
    with closing(messages(served)) as stream:
        assert next(stream)["cells"] == []
        served.post(ada["token"], diagnosis="m_not_corrected")
        change = next(said for said in stream if said.get("cells"))
    assert change["kind"] == "change"
    assert [row[2:4] for row in change["cells"]] == [["wrong", 1]]
    (mistake,) = change["mistakes"]
    assert (mistake["title"], mistake["now"]) == ("m not corrected", 1)
    assert "Divide by that" in mistake["words"]
    assert mistake["where"] == "Lesson 08_adam"


def test_the_same_event_twice_counts_once(served):
    ada, bo = served.join("Ada"), served.join("Bo")
    same = "0" * 32
    for token in (ada["token"], ada["token"], bo["token"]):
        assert served.post(token, id=same)[0] == 200
    cells = whole(served)["cells"]
    assert [(row[0], row[3]) for row in cells] == [(1, 1), (2, 1)]


def test_a_token_is_the_same_learner_again_and_survives_a_restart(tmp_path):
    first = Served(tmp_path / "board.sqlite")
    ada = first.join("Ada")
    assert first.join("Other", token=ada["token"])["name"] == "Ada"
    first.post(ada["token"])
    code, key = first.store.code, first.store.key
    first.stop()
    second = Served(tmp_path / "board.sqlite")
    try:
        assert (second.store.code, second.store.key) == (code, key)
        assert second.post(ada["token"], status="passed")[0] == 200
        assert second.join(token=ada["token"])["name"] == "Ada"
        assert [row[2:4] for row in whole(second)["cells"]] == [["passed", 2]]
    finally:
        second.stop()


def test_names_are_given_or_kept_apart(served):
    names = [served.join(name)["name"] for name in ("", "Ada", "Ada", "Ada 2")]
    assert re.fullmatch(r"\w+ \w+", names[0])
    assert names[1:] == ["Ada", "Ada 2", "Ada 2 2"]


def test_who_leaves_for_good_leaves_nothing(served):
    ada, bo = served.join("Ada"), served.join("Bo")
    for token in (ada["token"], bo["token"]):
        served.post(token, diagnosis="m_not_corrected")
    assert served.ask("DELETE", "learner", Authorization=f"Bearer {ada['token']}")[0] == 200
    assert served.post(ada["token"])[0] == 401
    found = whole(served)
    assert found["names"] == [[2, "Bo"]]
    assert found["mistakes"][0]["ever"] == 1
    with closing(sqlite3.connect(served.store.path)) as db:
        assert db.execute("SELECT DISTINCT learner FROM events").fetchall() == [(2,)]


# ---- refused


FORGED = {
    "another board's exercise": ({"exercise": "mse_loss"}, 422),
    "no exercise": ({"exercise": ["adam"]}, 422),
    "an unknown status": ({"status": "brilliant"}, 422),
    "a stub": ({"status": "not_attempted"}, 422),
    "an unknown mistake": ({"diagnosis": "m_not_corrected+<b>"}, 422),
    "a mistake of another exercise": ({"diagnosis": "not_the_mean"}, 422),
    "a mistake of one who passed": ({"status": "passed", "diagnosis": "m_not_corrected"}, 422),
    "an endless mistake": ({"diagnosis": "+".join(["m_not_corrected"] * 9)}, 422),
    "a mistake that is a number": ({"diagnosis": 7}, 422),
    "another's pseudonym": ({"name": "Bo"}, 400),
    "code": ({"code": "def adam(): ..."}, 400),
    "an id of its own kind": ({"id": "1"}, 400),
    "the future": ({"ago": -5}, 400),
    "no number of seconds": ({"ago": float("nan")}, 400),
    "true as a number": ({"ago": True}, 400),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_event_is_refused_with_one_line(name, served):
    fields, status = FORGED[name]
    token = served.join("Ada")["token"]
    found, said = served.post(token, **fields)
    assert found == status
    assert len(said.splitlines()) == 1
    assert whole(served)["cells"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 1500, b'{"id": 1}'])
def test_what_is_no_event_is_refused(body, served):
    token = served.join("Ada")["token"]
    status, said, _ = served.ask("POST", "event", body, Authorization=f"Bearer {token}")
    assert (status, len(said.splitlines())) == (400, 1)


def test_what_is_too_long_is_refused(served):
    token = served.join("Ada")["token"]
    assert served.post(token, diagnosis="x" * LONGEST_BODY)[0] == 413
    status, said, _ = served.ask("POST", "join", {"code": served.store.code, "name": "x" * 10_000})
    assert (status, said) == (413, f"that is too long: at most {LONGEST_BODY} bytes are taken\n")
    assert served.ask("POST", "event", b"x" * 500_000, Authorization=f"Bearer {token}")[0] == 413
    with contextlib.suppress(ConnectionError):  # what is larger still is not even read
        assert served.ask("POST", "event", b"x" * 3_000_000, Authorization=f"Bearer {token}")[0] == 400
    assert served.post(token)[0] == 200
    assert served.ask("POST", "join", {"code": served.store.code, "name": "x" * 25})[0] == 400


@pytest.mark.parametrize("token", ["", "x", "é", "null", "A" * 32])
def test_nobody_posts_without_a_token(token, served):
    served.join("Ada")
    assert served.ask("POST", "event", {}, Authorization=f"Bearer {token}".encode().decode("latin-1"))[0] == 401


@pytest.mark.parametrize("code", ["", "k7m4qx", None, 7, "ü", ["x"]])
def test_nobody_joins_without_the_code(code, served):
    status, said, _ = served.ask("POST", "join", {"code": code})
    assert (status, said) == (403, "this is not the board's code\n")


def test_a_learner_who_posts_too_fast_is_to_wait(served):
    served.board.posts = Buckets(rate=0.1, burst=2)
    ada, bo = served.join("Ada"), served.join("Bo")
    statuses = [served.post(ada["token"])[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert served.post(bo["token"])[0] == 200
    answer = served.ask(
        "POST",
        "event",
        {"id": "0" * 32, "exercise": "adam", "status": "passed", "diagnosis": None, "ago": 0},
        Authorization=f"Bearer {ada['token']}",
    )
    assert 1 <= int(answer[2]["Retry-After"]) <= 10


def test_an_address_that_guesses_is_to_wait(served):
    served.board.guesses = Buckets(rate=0.01, burst=3)
    statuses = [served.ask("POST", "open", {"key": f"guess{i}"})[0] for i in range(5)]
    assert statuses == [403, 403, 403, 429, 429]


def test_an_address_that_floods_is_to_wait(served):
    served.board.everybody = Buckets(rate=0.01, burst=3)
    assert [served.ask("GET", "")[0] for _ in range(4)] == [200, 200, 200, 429]


def test_a_board_is_full_some_day(served, monkeypatch):
    monkeypatch.setattr(server_module, "MOST_LEARNERS", 1)
    monkeypatch.setattr(server_module, "MOST_EVENTS", 1)
    token = served.join("Ada")["token"]
    assert served.ask("POST", "join", {"code": served.store.code})[0] == 403
    assert [served.post(token)[0] for _ in range(2)] == [200, 403]


def test_a_file_that_cannot_be_written_is_no_acknowledgement(served):
    token = served.join("Ada")["token"]
    with closing(sqlite3.connect(served.store.path, isolation_level=None)) as db:
        db.execute("DROP TABLE events")
    assert served.post(token)[0] == 503


# ---- the instructor's pages


@pytest.mark.parametrize("page", PRIVATE)
def test_the_instructors_pages_need_the_key(page, served):
    token = served.join("Ada")["token"]
    for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Cookie": f"{served.cookie}x"}):
        assert served.ask("GET", page, **headers)[0] == 403


@pytest.mark.parametrize("page", ["board", "projector", "export/events.csv", "export/learners.csv"])
def test_they_open_with_the_cookie_for_the_key(page, served):
    status, said, headers = served.ask("GET", page, Cookie=served.cookie)
    assert status == 200
    assert served.store.key not in said
    assert headers["Content-Security-Policy"] == POLICY


def test_the_cookie_is_for_no_script_and_no_other_site(served):
    cookie = served.ask("POST", "open", {"key": served.store.key})[2]["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie


@pytest.mark.parametrize("path", ["board.html", "../store.py", "%2e%2e/store.py", "static/board.js", "x", "learner/1"])
def test_there_is_nothing_else(path, served):
    assert served.ask("GET", path)[0] in (400, 404)


@pytest.mark.parametrize("path", ["", "board.css", "board.js", "stream.js", "projector.js", "open.js"])
def test_public_files_hold_no_secret(path, served):
    served.join("Ada")
    status, said, headers = served.ask("GET", path)
    assert status == 200
    assert served.store.key not in said and served.store.code not in said and "Ada" not in said
    assert headers["Content-Security-Policy"] == POLICY
    assert "Server" not in headers


def test_a_projector_hears_no_names(served):
    tokens = [served.join(f"Secret{i}")["token"] for i in range(3)]
    for token in tokens[:2]:
        served.post(token, diagnosis="m_not_corrected")
    served.post(tokens[2], diagnosis="v_not_corrected")
    found = whole(served, "projector")
    assert "Secret" not in json.dumps(found)
    assert "cells" not in found and "names" not in found
    assert found["joined"] == 3
    assert [m["title"] for m in found["mistakes"]] == ["m not corrected"], "one learner alone is nobody's business"
