"""Every way into the course takes the same versions; releases, workflows and forms name what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from coursekit import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(set((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) - {ROOT / ".github/ISSUE_TEMPLATE/config.yml"})


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(path: str | Path) -> dict[Any, Any]:
    return yaml.safe_load(text(path))


DEVCONTAINER = json.loads(text(".devcontainer/devcontainer.json"))
WAYS = [
    ".binder/postBuild",
    ".ci/release",
    ".ci/run",
    ".devcontainer/devcontainer.json",
    "README.md",
    "docs/ways_in.md",
]
WAYS += [str(path.relative_to(ROOT)) for path in WORKFLOWS]


@pytest.mark.parametrize("name", WAYS)
def test_every_installation_goes_through_the_constraints(name):
    """`make setup` and `make lab` do (test_setup.py); on Colab the versions that are there stay."""
    installs = [line for line in text(name).splitlines() if re.search(r"pip install .*(\[lab|-e )", line)]
    assert all("-c constraints.txt" in line for line in installs), installs


def test_no_way_has_a_version_of_its_own():
    pins = dict(line.split("==") for line in text("constraints.txt").splitlines() if "==" in line and line[0] != "#")
    named = [pair for name in WAYS for pair in re.findall(r"\b([\w-]+)==([\w.]+)", text(name))]
    assert [pair for pair in named if pins.get(pair[0]) != pair[1]] == []


def test_containers_take_the_tested_python_and_torch_for_the_cpu():
    assert DEVCONTAINER["image"].endswith("python:3.11-bookworm")
    assert text(".binder/runtime.txt").strip() == "python-3.11"
    assert "--torch-backend cpu " in text(".binder/postBuild")
    assert PROJECT["requires-python"] == ">=3.11"


def test_where_packages_come_from_is_the_setting_of_whoever_installs():
    name = "PIP_EXTRA_INDEX_URL"
    assert DEVCONTAINER["containerEnv"] == {name: f"${{localEnv:{name}}}"}
    jobs = [job for path in WORKFLOWS for job in parsed(path)["jobs"].values()]
    assert {job["env"][name] for job in jobs if "env" in job} == {f"${{{{ vars.{name} }}}}"}
    assert not [name for name in WAYS if re.search(r"https://(download|pypi|files)\.", text(name))]


def test_the_dev_container_makes_what_the_editor_opens():
    assert DEVCONTAINER["postCreateCommand"].startswith("make setup")
    vscode = DEVCONTAINER["customizations"]["vscode"]
    assert vscode["settings"]["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    assert all((ROOT / name).is_file() for name in DEVCONTAINER["customizations"]["codespaces"]["openFiles"])


@pytest.mark.parametrize("name", [".binder/postBuild", ".ci/release"])
def test_scripts_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / name]).returncode == 0


def test_one_version_everywhere():
    assert PROJECT["version"] == __version__
    assert f"\n## {__version__}\n" in text("CHANGELOG.md")
    citation = parsed("CITATION.cff")
    assert str(citation["version"]) == __version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_a_tag_of_another_version_is_no_release():
    done = subprocess.run(["bash", ROOT / ".ci" / "release", "v99.0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "release: pyproject.toml has no line 'version = \"99.0\"'\n"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_ask_for_what_there_is(path):
    workflow = parsed(path)
    assert workflow["permissions"] == {"contents": "read"}, "what a job writes, it asks for itself"
    for job in workflow["jobs"].values():
        assert set(job.get("needs", ())) <= set(workflow["jobs"])
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()
            continue
        assert 0 < job["timeout-minutes"] <= 90
        assert all(
            re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", step["uses"]) for step in job["steps"] if "uses" in step
        )
        runs = [step["run"].split() for step in job["steps"] if "run" in step]
        targets = [words[1] for words in runs if words[0] == "make"]
        assert all(re.search(rf"^{target}:", text("Makefile"), re.MULTILINE) for target in targets)
        assert all((ROOT / words[0]).is_file() for words in runs if words[0].startswith(".ci/"))


def test_three_systems_run_the_readmes_command():
    job = parsed(".github/workflows/test.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"]["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert [step["run"] for step in job["steps"] if step.get("run", "").startswith("make")] == [
        "make setup",
        "make test",
    ]


def test_only_what_was_tested_and_built_is_published_and_without_a_password():
    workflow = parsed(".github/workflows/release.yml")
    publish = workflow["jobs"]["publish"]
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML reads the key `on` as true
    assert publish["needs"] == ["test", "build"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets" not in text(".github/workflows/release.yml")


def test_hooks_use_the_projects_own_tools():
    hooks = [hook for repo in parsed(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert [repo["repo"] for repo in parsed(".pre-commit-config.yaml")["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    targets = [word for hook in hooks if hook["entry"].startswith("make ") for word in hook["entry"].split()[1:]]
    assert targets and all(re.search(rf"^{target}:", text("Makefile"), re.MULTILINE) for target in targets)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_ask_each_thing_once(path):
    form = parsed(path)
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 1
    assert all(field["attributes"]["label"] for field in form["body"] if field["type"] != "markdown")


def test_a_wrong_verdict_comes_with_card_call_and_answer():
    fields = {field.get("id"): field for field in parsed(".github/ISSUE_TEMPLATE/verdict.yml")["body"]}
    assert {"exercise", "card", "answer"} <= set(fields)
    assert "call" in fields["card"]["attributes"]["description"]


def test_the_source_distribution_is_the_repository_and_nothing_of_a_learner(tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"LICENSE", "notebooks/08_adam.py", "exercises/08_adam.ipynb", "tests/test_cli.py", ".ci/run"} <= names
    assert not [
        name for name in names if re.search(r"^\.venv|\.git/|progress.*json|^demo/|__pycache__|checkpoint", name)
    ]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    assert set(listed.stdout.split()) - names == set(), "a new file at the top is named in pyproject.toml, at sdist"
