"""What the course runs on: the device, the compiler, the folder, JupyterLab, the walls, the browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from pathlib import Path
from typing import Any

from coursekit.doctor.packages import Found, first_line, installed, pip, tested

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
COMPILERS = {  # what torch.compile calls, and how it is got
    "win32": ("cl", "winget install Microsoft.VisualStudio.2022.BuildTools"),
    "darwin": ("clang++", "xcode-select --install"),
    "linux": ("g++", "sudo apt install g++"),
}
RICH = re.compile(r'"(?:text/html|image/svg\+xml|application/(?:javascript|vnd\.jupyter\.widget-view\+json))"')
INSTALL = {"darwin": "brew install", "win32": "winget install"}.get(sys.platform, "sudo apt install")
WIDGETS = {"anywidget": "anywidget", "jupyterlab_widgets": "@jupyter-widgets/jupyterlab-manager"}


def device() -> Found:
    """Where the numbers live, and why not on a card that is there."""
    if not installed("torch"):
        return  # said with the packages
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            import torch
        except Exception as error:
            again = pip("--force-reinstall", f"torch=={tested().get('torch', installed('torch'))}")
            yield "fault", f"torch does not load: {first_line(error)}", again
            return
        usable = torch.cuda.is_available()
    if not usable and (card := nvidia()):
        if torch.version.cuda:
            why = str(said[-1].message).splitlines()[0] if said else "torch finds no driver that serves it"
            mend = f"install a driver for CUDA {torch.version.cuda} or later, or go on with the CPU"
        else:
            why = "this torch is built for the CPU alone"
            mend = "pytorch.org/get-started says the line for the build with CUDA"
        yield "note", f"{card} is not used: {why}", mend
    from coursekit.engine.device import device as chosen

    try:
        yield "ok", _described(chosen()), ""
    except ValueError as error:
        yield "fault", str(error), "set COURSEKIT_DEVICE=" if os.name == "nt" else "unset COURSEKIT_DEVICE"


def _described(where: Any) -> str:
    import torch

    if where.type == "cuda":
        card = torch.cuda.get_device_properties(where)
        return f"computes on {where}: {card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    return f"computes on {where}, with {torch.get_num_threads()} of {os.cpu_count()} processors"


def nvidia() -> str:
    """The NVIDIA card and its driver, where there is one that answers."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    asked = [command, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name, _, driver = done.stdout.partition("\n")[0].partition(", ")
    return f"{name} (driver {driver})" if done.returncode == 0 and driver else ""


def compiler() -> Found:
    """What `torch.compile` needs on the CPU: a C++ compiler, and Python's headers."""
    usual, mend = COMPILERS.get(sys.platform, COMPILERS["linux"])
    name = os.environ.get("CXX") or usual
    slower = "compiled=True runs eagerly, slower and with the same numbers"
    if (where := shutil.which(name)) is None:
        yield "note", f"no C++ compiler ({name}): {slower}", mend
    elif not Path(sysconfig.get_path("include"), "Python.h").is_file():
        yield "note", f"{where}, and no headers of Python: {slower}", "sudo apt install python3-dev"
    else:
        yield "ok", f"compiled=True compiles with {where}", ""


def folder() -> Found:
    """Whether a notebook can be saved here, and where progress is kept."""
    from coursekit.judging import progress

    where = progress.path()
    place = where.parent if where else Path.cwd()
    start = "coursekit start my-course, then: cd my-course"
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield "fault", f"{place} cannot be written to: {error.strerror}", start
        return
    if where is None:
        yield "note", "progress is not kept: COURSEKIT_PROGRESS is off", ""
    elif not (place / "exercises").is_dir():
        yield "note", f"there are no exercises here; progress is kept in {where}", start
    else:
        yield "ok", f"progress is kept in {where}", ""


def extensions() -> Found:
    """Whether the browser's half of the movable figures is the one that belongs to Python's half."""
    if not all(map(installed, ("jupyterlab", *WIDGETS))):
        return  # said with the packages
    from importlib.metadata import files

    from jupyter_core.paths import jupyter_path

    for package, name in WIDGETS.items():
        end = f"labextensions/{name}/package.json"
        own = [Path(str(file.locate())) for file in files(package) or () if file.as_posix().endswith(end)]
        places = [Path(place, name, "package.json") for place in jupyter_path("labextensions")]
        seen = next((place for place in places if place.is_file()), None)
        if seen is None:
            again = pip("--force-reinstall", "--no-deps", f"{package}=={installed(package)}")
            yield "fault", f"JupyterLab does not find the figures' half in the browser ({name})", again
        elif own and own[0].is_file() and _version(own[0]) != _version(seen):
            text = f"JupyterLab takes {name} {_version(seen)} from {seen.parent}; {package} here has {_version(own[0])}"
            yield "fault", text, f"remove the folder {seen.parent}"
        else:
            yield "ok", f"{name} {_version(seen)} for {package} {installed(package)}", ""


def _version(package: Path) -> str:
    return str(json.loads(package.read_text(encoding="utf-8")).get("version"))


def trust() -> Found:
    """Whether Jupyter can remember what was run here, and which notebooks it would show without their figures."""
    if not installed("jupyterlab"):
        return  # said with the packages
    from jupyter_core.paths import jupyter_data_dir

    data = Path(jupyter_data_dir())
    there = next(place for place in (data, *data.parents) if place.exists())
    if not os.access(there, os.W_OK):
        text = f"{data} cannot be written to: in a notebook opened again, a figure shows when its cell is run again"
        yield "note", text, "set JUPYTER_DATA_DIR to a folder of yours"
    elif (data / "nbsignatures.db").is_file() and (strange := _untrusted(data)):  # without it JupyterLab never ran
        some = ", ".join(path.name for path in strange[:3]) + (f" and {len(strange) - 3} more" if strange[3:] else "")
        folders = sorted({str(path.parent / "*.ipynb") for path in strange})
        text = f"not run here, so their figures show when their cells are run: {some}"
        yield "note", text, f"jupyter trust {' '.join(folders)}"


def _untrusted(data: Path) -> list[Path]:
    """The course's notebooks here that hold figures which Jupyter would not show."""
    from coursekit.judging.progress import path as of

    here = (of(Path.cwd()) or Path()).parent
    paths = [path for kind in ("notebooks", "exercises", "solutions") for path in sorted((here / kind).glob("*.ipynb"))]
    paths = [path for path in paths if RICH.search(path.read_text(encoding="utf-8", errors="replace"))]
    if not paths:
        return []  # nbformat takes two seconds to load
    from nbformat import read
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary(data_dir=str(data))
    try:
        return [path for path in paths if not notary.check_signature(read(path, 4))]
    finally:
        notary.store.close()


def walls() -> Found:
    """Whether answers can be run within walls."""
    if not installed("torch") or not installed("safetensors"):
        return  # said with the packages
    from coursekit.classroom.sandbox.host import lacking

    if not (reason := lacking()):
        yield "ok", "answers run within full walls", ""
        return
    mend = "sudo sysctl user.max_user_namespaces=15000"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_file():
        mend += " kernel.apparmor_restrict_unprivileged_userns=0"
    if sys.platform != "linux":
        mend = "grade on Linux, in WSL or in a virtual machine"
    yield "fault", f"only --practice can grade here: {reason}", mend


def tools() -> Found:
    """The commands beside Python."""
    for name in ("make", "git"):
        where = shutil.which(name)
        yield ("ok", f"{name}: {where}", "") if where else ("note", f"no {name}", f"{INSTALL} {name}")


def chromium() -> Found:
    """The browser for the tests of figures."""
    if where := next(filter(None, map(shutil.which, CHROMIUM)), None):
        yield "ok", f"browser tests use {where}", ""
    else:
        yield "note", "no Chromium: the browser tests are skipped", f"{INSTALL} chromium"
