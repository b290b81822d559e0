"""The course in a JupyterLab of its own, for the tests of the set-up and those in the browser."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.server import copy_course, serve


@pytest.fixture(scope="session")
def course(tmp_path_factory) -> Path:
    return copy_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def lab(course, tmp_path_factory) -> Iterator[str]:
    """The address of one server for all tests of a run; each opens notebooks in a workspace of its own."""
    with serve(course, tmp_path_factory.mktemp("home")) as address:
        yield address


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Why tests were skipped, a line for each reason: without Chromium nobody is to think that figures were tried."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"== {count} tests skipped: {reason.removeprefix('Skipped: ')}", yellow=True)
    if not hasattr(os, "fork"):
        terminalreporter.write_line("== grading is not tested: it forks (Linux, macOS, WSL)", yellow=True)
