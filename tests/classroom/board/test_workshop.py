"""`coursekit workshop`: a real process, killed and started again; TLS; what cannot be served is one line."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coursekit import cli
from coursekit.classroom.board import workshop
from coursekit.classroom.board.store import Store
from coursekit.judging import board as client

needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows knows neither SIGTERM nor SIGKILL")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run(*arguments: object) -> int:
    """The exit status of `coursekit workshop ...`."""
    sys.argv = ["coursekit", "workshop", *map(str, arguments)]
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.chdir(tmp_path)


@contextlib.contextmanager
def started(*arguments: object):
    """The process, and what it said when it was ready."""
    command = [sys.executable, "-m", "coursekit.cli", "workshop", "start", "--bind", "127.0.0.1", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Stop:" in line:
                break
        assert "Stop:" in said, said
        yield process, said
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@needs_signals
def test_no_event_is_lost_when_it_is_killed_and_started_again(tmp_path):
    port, db = free_port(), tmp_path / "board.sqlite"
    usual = ("--chapter", "08_adam", "--db", db, "--port", port)
    with started(*usual) as (process, said):
        assert "open for 08_adam" in said
        code = re.search(r'join\("(\w+)@127.0.0.1:', said)[1]
        address = client.Address(f"127.0.0.1:{port}")
        joined = [client._ask_once(address, "POST", "join", {"code": code}) for _ in range(3)]
        links = [client.Link(address, found["token"], found["name"], found["items"]) for found in joined]
        for i in range(60):
            links[i % 3].put("adam", "wrong", None)
            if i == 30:
                process.kill()  # no farewell
    with started(*usual, "--address", "board.example") as (process, said):
        assert f'join("{code}@board.example:{port}")' in said
        assert "goes on: 3 learners" in said
        deadline = time.monotonic() + 60
        while any(link.waiting() for link in links):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Stopped. Everything is kept in" in rest
    for link in links:
        link.close()
    store = Store(db)
    assert len(list(store.events())) == 60
    store.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate that signs itself, for localhost, with its key in the same file."""
    place = tmp_path_factory.mktemp("tls") / "board.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", place.with_name("key.pem")]
    command += ["-out", place.with_name("cert.pem"), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl on this machine to make a certificate with")
    place.write_bytes(place.with_name("key.pem").read_bytes() + place.with_name("cert.pem").read_bytes())
    return place


def test_a_key_that_needs_a_password_asks_nobody(certificate, tmp_path, capsys):
    locked = tmp_path / "locked.pem"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", certificate, "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    assert run("start", "--certificate", certificate.with_name("cert.pem"), "--key", locked) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_over_tls(certificate, tmp_path, monkeypatch):
    port = free_port()
    with started("--chapter", "08", "--port", port, "--certificate", certificate) as (_, said):
        where = re.search(r'join\("(.+)"\)', said)[1]
        assert where.endswith(f"@https://127.0.0.1:{port}")
        monkeypatch.setattr(client, "_memory", {})
        with pytest.raises(client.NotJoined, match="certificate verify failed"):
            client.join(where)
        client.join(where, "Ada", certificate=str(certificate))
        assert client._link.name == "Ada"
        client._link.put("adam", "passed", None)
        assert client._link.flush(30)
        client.leave(erase=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start", "--chapter", "08_adm"], "did you mean '08_adam'"),
        (["start", "--port", "{taken}"], "is in use"),
        (["start", "--port", "70000"], "--port is a number"),
        (["start", "--bind", "203.0.113.7"], "cannot serve on 203.0.113.7"),
        (["start", "--certificate", "no.pem"], "there is no file no.pem"),
        (["start", "--certificate", "notes.txt"], "cannot be used"),
        (["start", "--key", "notes.txt"], "--key belongs to a --certificate"),
        (["start", "--port", "0", "--db", "notes.txt"], "cannot be used"),
        (["start", "--port", "0", "--db", "nowhere/board.sqlite"], "cannot be used"),
        (["export", "nothing.sqlite", "out"], "there is no board's file"),
        (["export", "notes.txt", "out"], "cannot be used"),
        (["export"], "DB"),
        (["stop"], "stop"),
    ],
    ids=lambda x: " ".join(x[:2]) if isinstance(x, list) else "",
)
def test_bad_input_is_one_line_and_status_2(arguments, words, tmp_path, capsys):
    Path("notes.txt").write_text("no board, no certificate")
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(*(argument.format(taken=port) for argument in arguments)) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert words.lower() in said.lower()


def test_export_by_command(tmp_path, capsys):
    store = Store(tmp_path / "board.sqlite")
    store.add_learner("Ada", 0)
    store.close()
    assert run("export", "board.sqlite", "out") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["events.csv", "learners.csv", "workshop.json"]
    Path("file").write_text("")
    assert run("export", "board.sqlite", "file") == 2


def test_the_address_to_hand_out_is_an_address():
    assert re.fullmatch(r"[\d.]+|localhost", workshop.lan_address())


def test_an_ipv6_address_is_handed_out_in_brackets():
    assert workshop._place("fe80::1", 9000, False) == "[fe80::1]:9000"
    assert client.Address(workshop._place("fe80::1", client.PORT, False)).host == "fe80::1"
    assert workshop._place("board.example", 8443, True) == "https://board.example:8443"
