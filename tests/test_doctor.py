"""`coursekit doctor`: it starts with Python alone, names each fault with the line that mends it, never traces back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from coursekit.doctor import machine, packages, report

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


def said(look, *arguments):
    """What a check says: state, text, mend."""
    return list(look(*arguments))


def faults(look, *arguments):
    return [(text, mend) for state, text, mend in look(*arguments) if state == "fault"]


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "coursekit.doctor"],
        ["-c", "import sys; sys.argv = ['coursekit', 'doctor']; from coursekit.cli import main; main()"],
    ],
    ids=["module", "command"],
)
def test_with_python_alone_it_says_what_is_missing(command):
    """-S: nothing that was installed is found, not even the command line's own library."""
    done = subprocess.run([sys.executable, "-S", *command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert "To learn: not ready" in done.stdout
    line = next(line for line in done.stdout.splitlines() if "pip install" in line)
    assert f"torch=={packages.tested()['torch']}" in line and "jupyterlab==" in line


def test_where_the_tests_run_a_learner_can_work(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert report.main(["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ready"]["learner"] is True
    assert {finding["group"] for finding in answer["findings"]} == set(report.GROUPS) == set(answer["ready"])
    assert {finding["state"] for finding in answer["findings"]} <= {"ok", "note", "fault"}
    assert not [f for f in answer["findings"] if "could not be looked at" in f["text"]]
    assert not [f for f in answer["findings"] if f["state"] == "fault" and not f["mend"]]


def test_as_text_each_finding_has_its_word_and_the_line_that_mends_it(monkeypatch, capsys):
    found = [report.Finding("learner", "folder", "fault", "cannot be written to " * 9, "mend " * 40)]
    monkeypatch.setattr(report, "examine", lambda: found)
    assert report.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "To learn: not ready, see FAULT" in lines and "To grade a class: ready" in lines
    assert lines[-1] == "A learner cannot work here yet."
    assert any(line.startswith("  FAULT  folder: cannot be") for line in lines)
    assert f"         -> {'mend ' * 40}" in lines, "what is to be copied stays on one line"


def test_what_cannot_be_looked_at_is_a_note(monkeypatch):
    def broken():
        yield "ok", "the first half", ""
        raise RuntimeError("and then\nnothing")

    monkeypatch.setattr(report, "checks", lambda: [("learner", "device", broken)])
    assert [(f.state, f.text) for f in report.examine()] == [("note", "could not be looked at: RuntimeError: and then")]


def test_looking_loads_nothing_heavy_beforehand():
    code = "import sys, coursekit.doctor.report; sys.exit(bool({'torch', 'numpy', 'nbformat'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


# ---- packages


def versions(monkeypatch, **changed: str) -> None:
    """Every package as it is tested, but for these."""
    tested = packages.tested()
    monkeypatch.setattr(packages, "installed", lambda name: changed.get(name.replace("-", "_"), tested[name.lower()]))


def test_the_tested_versions_are_as_tested(monkeypatch):
    versions(monkeypatch, torch=f"{packages.tested()['torch']}+cpu")
    for extra in ("", "lab", "grade", "dev"):
        assert [state for state, *_ in packages.packages(extra)] == ["ok"]


def test_what_is_missing_or_out_of_range_is_installed_by_one_line(monkeypatch):
    versions(monkeypatch, matplotlib="", scikit_learn="1.4.2")
    ((text, mend),) = faults(packages.packages, "", "lab")
    assert "matplotlib is not installed" in text and "scikit-learn 1.4.2 (wanted: >=1.5,<2)" in text
    pins = packages.tested()
    wanted = f"-m pip install matplotlib=={pins['matplotlib']} scikit-learn=={pins['scikit-learn']}"
    assert mend.endswith(wanted) and sys.executable in mend


def test_another_version_within_the_range_is_a_note(monkeypatch):
    versions(monkeypatch, numpy="2.0.2")
    states = {state: text for state, text, _ in packages.packages("")}
    assert set(states) == {"ok", "note"}
    assert f"numpy 2.0.2 (tested: {packages.tested()['numpy']})" in states["note"]


def test_a_wheel_says_the_same_as_the_checkout(monkeypatch):
    here = packages.required()
    lines = [f"{line}; extra == '{extra}'" if extra else line for extra, of in EXTRAS.items() for line in of]
    monkeypatch.setattr(packages, "checkout", lambda: None)
    monkeypatch.setattr(packages.metadata, "requires", lambda name: lines)
    assert packages.required() == here
    assert packages.install("bench").endswith('-m pip install "coursekit[bench]"')


def test_an_extra_of_one_part_is_never_a_fault(monkeypatch):
    assert "bench" in packages.others() and not {"", "lab", "grade", "dev"} & set(packages.others())
    monkeypatch.setattr(packages, "installed", lambda name: "")
    ((state, text, mend),) = packages.optional("bench")
    assert state == "note" and "jax" in text and mend.endswith(f'-e "{ROOT}[bench]"')


def test_an_old_python_is_a_fault(monkeypatch):
    monkeypatch.setattr(packages, "OLDEST", (99, 0))
    assert faults(packages.python)


# ---- the machine


def test_a_device_that_is_not_there_is_a_fault(monkeypatch):
    monkeypatch.setenv("COURSEKIT_DEVICE", "teapot")
    ((text, mend),) = faults(machine.device)
    assert "'teapot'" in text and "COURSEKIT_DEVICE" in mend


@pytest.mark.parametrize(("built", "words"), [("13.0", "CUDA 13.0"), (None, "pytorch.org")])
def test_a_card_that_is_not_used_is_said(monkeypatch, built, words):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(machine, "nvidia", lambda: "A card (driver 1.2)")
    note, device = said(machine.device)
    assert note[0] == "note" and "A card (driver 1.2) is not used" in note[1] and words in note[2]
    assert device[0] == "ok" and "computes on cpu" in device[1]


def test_a_card_that_is_used_is_named(monkeypatch):
    import torch

    card = type("Card", (), {"name": "A card", "total_memory": 24 * 2**30})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda where: card)
    assert machine._described(torch.device("cuda:0")).startswith("computes on cuda:0: A card, 24 GiB, CUDA ")


def test_a_torch_that_does_not_load_is_a_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    ((text, mend),) = faults(machine.device)
    assert "torch does not load" in text and "--force-reinstall torch==" in mend


def test_without_a_compiler_it_says_what_that_costs(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    ((state, text, mend),) = said(machine.compiler)
    assert state == "note" and "no-such-compiler" in text and "eagerly" in text and mend


def test_a_folder_without_exercises_or_progress_is_a_note(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert [state for state, *_ in machine.folder()] == ["note"]  # for every test, COURSEKIT_PROGRESS is off
    monkeypatch.delenv("COURSEKIT_PROGRESS")
    (tmp_path / "progress.json").write_text("{}", encoding="utf-8")
    ((state, text, mend),) = said(machine.folder)
    assert state == "note" and str(tmp_path / "progress.json") in text and "coursekit start" in mend
    (tmp_path / "exercises").mkdir()
    assert said(machine.folder) == [("ok", f"progress is kept in {tmp_path / 'progress.json'}", "")]


def test_a_folder_that_cannot_be_written_to_is_a_fault(monkeypatch):
    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    ((text, mend),) = faults(machine.folder)
    assert "Permission denied" in text and "coursekit start" in mend


def test_another_half_of_the_figures_in_the_way_is_a_fault(monkeypatch, tmp_path):
    pytest.importorskip("jupyterlab")
    assert [state for state, *_ in machine.extensions()] == ["ok", "ok"]
    old = tmp_path / "labextensions" / "anywidget"
    old.mkdir(parents=True)
    (old / "package.json").write_text('{"version": "0.1.0"}', encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    ((text, mend),) = faults(machine.extensions)
    assert "anywidget 0.1.0" in text and str(old) in mend


def test_figures_that_jupyter_would_not_show_are_said(monkeypatch, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    from nbformat.sign import NotebookNotary
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exercises").mkdir()
    shown = new_output("display_data", data={"text/html": "<b>a card</b>"})
    book = new_notebook(cells=[new_code_cell("check(adam)", outputs=[shown])])
    nbformat.write(book, tmp_path / "exercises" / "08_adam.ipynb")
    assert said(machine.trust) == []  # JupyterLab was never used
    (tmp_path / "data").mkdir()
    notary = NotebookNotary(data_dir=str(tmp_path / "data"))
    notary.sign(new_notebook())
    ((state, text, mend),) = said(machine.trust)
    assert state == "note" and "08_adam.ipynb" in text and mend == f"jupyter trust {tmp_path / 'exercises' / '*.ipynb'}"
    notary.sign(book)
    notary.store.close()
    assert said(machine.trust) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="grading forks: Linux, macOS, WSL")
def test_walls_that_cannot_be_had_are_a_fault(monkeypatch):
    from coursekit.classroom.sandbox import host

    monkeypatch.setattr(host, "lacking", lambda: "no user namespaces")
    ((text, mend),) = faults(machine.walls)
    assert "no user namespaces" in text and "--practice" in text and mend
    monkeypatch.setattr(host, "lacking", lambda: "")
    assert [state for state, *_ in machine.walls()] == ["ok"]


def test_what_an_author_can_do_without_is_a_note(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert {state for state, *_ in (*machine.tools(), *machine.chromium())} == {"note"}
    assert machine.nvidia() == ""
