"""For every run of pytest: no mark in anyone's own progress (nor from a kernel that a test starts), the same
examples in each, and one browser."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

settings.load_profile("ci")  # the same examples in every run, and no limit of time for one
os.environ["COURSEKIT_PROGRESS"] = "off"
if "COURSEKIT_CACHE" not in os.environ:  # tables that a machine happens to keep must not decide a test
    os.environ["COURSEKIT_CACHE"] = tempfile.mkdtemp(prefix="coursekit-cache-")
    atexit.register(shutil.rmtree, os.environ["COURSEKIT_CACHE"], ignore_errors=True)

# What grades runs answers in forked processes. On Windows none of it can be imported; tests/conftest.py says so.
collect_ignore_glob = [] if hasattr(os, "fork") else ["coursekit/classroom/*", "tests/classroom/*", "tests/golden/*"]


@pytest.fixture(scope="module")  # while one is open, its event loop is in the way of asyncio.run
def chromium() -> Iterator[Any]:
    """A headless Chromium, the machine's own, driven by Playwright; tests that ask for it are marked `browser`."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()
