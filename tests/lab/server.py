"""JupyterLab as `make lab PORT=... BROWSER=no` starts it, for someone who never started it before."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOKEN = "for-the-test"


def copy_course(folder: Path) -> Path:
    """What JupyterLab shows of the course, with its settings, in `folder`: what is saved there harms nobody."""
    for name in ("jupyter", "notebooks", "exercises", "solutions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder


@contextlib.contextmanager
def serve(course: Path, home: Path) -> Iterator[str]:
    """The address of a JupyterLab on the folder `course`; `home` is empty, and holds its log."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--config=jupyter/jupyter_lab_config.py", f"--port={port}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON", "XDG"))}
    environment |= {"HOME": str(home), "JUPYTER_TOKEN": TOKEN}
    with (home / "log").open("w") as log:
        server = subprocess.Popen([*command, "--no-browser"], cwd=course, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://localhost:{port}"
        deadline = time.monotonic() + 60
        while not _answers(address):
            assert server.poll() is None and time.monotonic() < deadline, (home / "log").read_text()
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)


def _answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"{address}/api", timeout=5).status == 200
    except OSError:
        return False


def ask(address: str, path: str, method: str = "GET") -> Any:
    """What the server answers to whoever has its token, from JSON; None where it answers nothing."""
    request = urllib.request.Request(f"{address}{path}", headers={"Authorization": f"token {TOKEN}"}, method=method)
    return json.loads(urllib.request.urlopen(request, timeout=30).read() or "null")
