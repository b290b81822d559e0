"""Set-up: ranges, pins and conda's names agree; make says what it needs; JupyterLab starts without a question."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lab.server import TOKEN, ask

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines]
# What conda-forge calls by another name.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "playwright": "playwright-python"}
WINDOWS = {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"}
MACOS = {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"([\w.-]+)==([\w.+]+)", line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def test_every_line_of_the_constraints_is_a_pin_and_comes_once():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(pins()) == sum(not line.startswith("#") for line in lines)


def test_what_is_asked_for_is_pinned_within_its_range():
    assert not {str(r): pins().get(r.name) for r in DIRECT if not r.specifier.contains(pins().get(r.name, "0"))}
    assert not [str(r) for r in DIRECT if {"<", ">="} != {s.operator for s in r.specifier}], "a range has both bounds"
    assert pins()["torch"] == "2.13.0"


@pytest.mark.parametrize("platform", [{}, WINDOWS, MACOS], ids=["here", "windows", "macos"])
def test_what_comes_along_is_pinned(platform):
    """Every requirement of a requirement; what its parent pins itself (pydantic-core, CUDA for torch) is left to it."""
    environment = {**default_environment(), **platform}
    waiting, seen = [(r.name, set(r.extras)) for r in DIRECT], set()
    while waiting:
        name, extras = waiting.pop()
        if (canonicalize_name(name), frozenset(extras)) in seen:
            continue
        seen.add((canonicalize_name(name), frozenset(extras)))
        for line in _requires(name):
            r = Requirement(line)
            wanted = r.marker is None or any(r.marker.evaluate({**environment, "extra": e}) for e in extras | {""})
            if wanted and not any(s.operator == "==" for s in r.specifier):
                waiting.append((r.name, set(r.extras)))
    assert not {name for name, _ in seen} - set(pins())


def _requires(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []  # another platform's; its pin is looked at all the same


def test_environment_yml_says_what_pyproject_says():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = {r.name: r.specifier for r in (Requirement(line) for line in listed if isinstance(line, str))}
    pip = next(line["pip"] for line in listed if isinstance(line, dict))
    wanted = {CONDA.get(r.name, r.name): r.specifier for r in DIRECT}
    wanted |= {
        "python": Requirement("python" + PROJECT["requires-python"]).specifier,
        "pip": Requirement("pip").specifier,
    }
    assert conda == wanted
    assert pip == ["--editable ."], "what conda-forge lacks is the course alone"


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    if os.name == "nt":
        pytest.skip("the stand-ins for make's tools are shell scripts")
    ours = re.compile("MAKE|MFLAGS|PYTHON$|PORT$|BROWSER$|WORKERS$")  # set where these tests run from make
    environment = {k: v for k, v in os.environ.items() if not ours.match(k)}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with the files that make reads, and no environment."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def test_make_alone_lists_what_there_is(checkout):
    targets = re.findall(r"^make (\w+) +\w", make(folder=checkout).stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert sorted(targets) == sorted(phony[1].split())


def test_a_fresh_checkout_installs_through_the_constraints(checkout):
    planned = make("-n", "test", f"PYTHON={sys.executable}", folder=checkout).stdout
    installs = [line for line in planned.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("-c constraints.txt" in line for line in installs)
    assert planned.index("-m venv") < planned.index(installs[0])
    for step in ("ruff check", "ruff format --check", "mypy", "pytest", "coursekit author check", "--nbval-lax"):
        assert step in planned


def test_windows_has_its_own_folders(checkout):
    planned = make("-n", "test", f"PYTHON={sys.executable}", "OS=Windows_NT", folder=checkout).stdout
    assert ".venv/Scripts/python -m pytest" in planned and not re.search(r"(?<!/)\.venv/bin", planned)
    (checkout / ".venv" / "Scripts").mkdir(parents=True)
    (checkout / ".venv" / "Scripts" / "python.exe").touch()
    assert "-m venv" not in make("-n", "test", "OS=Windows_NT", folder=checkout).stdout


def test_a_made_environment_is_made_once(checkout):
    binaries = checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for made in (binaries / "python", checkout / ".venv/lab.stamp", checkout / ".venv/dev.stamp"):
        made.touch()
    assert "pip" not in make("-n", "test", folder=checkout).stdout
    os.utime(checkout / "constraints.txt", (time.time() + 60,) * 2)
    assert "pip install" in make("-n", "lab", folder=checkout).stdout


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [("sys.version_info = (3, 10, 2)", "it is Python 3.10"), ("sys.modules['ensurepip'] = None", "ensurepip")],
)
def test_a_python_that_will_not_do_is_one_line(checkout, spoilt, reason):
    python = checkout / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; {spoilt}; exec(sys.argv[1])" "$2"\n')
    python.chmod(0o755)
    done = make("lab", "PYTHON=./python", folder=checkout)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "needs Python 3.11 or later" in done.stderr
    assert reason in done.stderr


def test_a_python_that_is_missing_is_one_line(checkout):
    done = make("setup", "PYTHON=no-such-python", folder=checkout)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "no-such-python" in done.stderr


def test_the_servers_port_and_browser_are_passed_on():
    assert "--port=8899 --ServerApp.port_retries=0 --no-browser" in make("-n", "lab", "PORT=8899", "BROWSER=no").stdout
    assert "--no-browser" not in make("-n", "lab").stdout
    assert "--port" not in make("-n", "lab").stdout


def test_a_failing_step_is_named(checkout):
    """Stand-ins for the tools: the second fails, and what comes after it does not start."""
    binaries = checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, status in (("python", 0), ("ruff", 0), ("mypy", 1), ("coursekit", 0)):
        (binaries / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (binaries / name).chmod(0o755)
    for stamp in ("lab.stamp", "dev.stamp"):
        (checkout / ".venv" / stamp).touch()
    done = make("test", folder=checkout)
    assert done.returncode == 2
    assert re.search(r"^== lint: \d+ s$", done.stdout, re.MULTILINE)
    assert re.search(r"^== types FAILED after \d+ s; this step alone: make types$", done.stderr, re.MULTILINE)
    assert "unit" not in done.stdout


def test_ci_runs_the_readmes_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "\nmake test\n" in script.read_text(encoding="utf-8")


def test_the_server_wants_its_token(lab):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{lab}/api/contents", timeout=30)


def test_the_server_shows_the_whole_course(lab):
    shown = {entry["name"] for entry in ask(lab, "/api/contents")["content"]}
    assert {"notebooks", "exercises", "solutions"} <= shown


def test_the_overrides_are_of_settings_that_jupyterlab_has(lab):
    """An override under a name that JupyterLab no longer knows would do nothing, and nobody would see it."""
    overrides = json.loads((ROOT / "jupyter/settings/overrides.json").read_text(encoding="utf-8"))
    for plugin, values in overrides.items():
        known = ask(lab, f"/lab/api/settings/{plugin}")["schema"]["properties"]
        assert {name: known[name]["default"] for name in values} == values


@pytest.mark.browser
def test_the_first_start_opens_the_start_and_asks_nothing(lab, chromium):
    page = chromium.new_page()
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if request.url.startswith("http") else None)
    page.goto(f"{lab}/?token={TOKEN}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.wait_for_timeout(1000)  # a question comes after all else is there
    assert page.locator(".lm-TabBar-tab.jp-mod-current .lm-TabBar-tabLabel").first.inner_text() == "00_start.ipynb"
    assert page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts() == []
    assert [url for url in foreign if not url.startswith(lab)] == []
