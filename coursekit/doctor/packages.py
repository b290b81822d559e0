"""Which packages are there, whether they are the tested ones, and the line that installs what is missing."""

from __future__ import annotations

import importlib.metadata as metadata
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
USED = ("", "lab", "grade", "dev")  # the extras that a learner, an instructor and an author need; "": always needed
OLDEST = (3, 11)

Found = Iterator[tuple[str, str, str]]  # state, text, and the line that mends it


def first_line(error: Exception) -> str:
    """What went wrong, on one line.

    >>> first_line(OSError("no such file\\nmore of it"))
    'OSError: no such file'
    """
    return f"{type(error).__name__}: {error}".splitlines()[0]


def python() -> Found:
    """Which Python, where."""
    state = "ok" if sys.version_info >= OLDEST else "fault"
    text = f"Python {platform.python_version()} ({sys.executable}), {platform.system()} {platform.machine()}"
    yield state, text, "" if state == "ok" else "install Python 3.11 or later, and make the environment with it"
    if sys.prefix == sys.base_prefix and not Path(sys.prefix, "conda-meta").is_dir():
        mend = (
            f"make setup, then: {ROOT / '.venv' / 'bin' / 'coursekit'} doctor" if checkout() else "python3 -m venv mine"
        )
        yield "note", "this Python is the system's, no environment of its own", mend


def packages(*extras: str) -> Found:
    """What of these extras is there, in which versions, and whether these are the tested ones."""
    pins, wanted = tested(), required()
    same, other, lacking = [], [], {}
    for name, bounds in sorted(pair for extra in extras for pair in wanted.get(extra, {}).items()):
        version, pin = installed(name), pins.get(name.lower(), "")
        if not version or not within(version, bounds):
            lacking[f"{name}=={pin}" if pin else name] = f"{name} {version or 'is not installed'} (wanted: {bounds})"
        elif pin and version.partition("+")[0] != pin:
            other.append(f"{name} {version} (tested: {pin})")
        else:
            same.append(f"{name} {version}")
    if lacking:
        yield "fault", "; ".join(lacking.values()), pip(*lacking)
    if same:
        yield "ok", "as tested: " + ", ".join(same), ""
    if other:
        yield "note", "within the range, and not what was tested: " + ", ".join(other), ""


def optional(extra: str) -> Found:
    """Whether an extra is there that only one part of the project asks for."""
    names = sorted(required()[extra])
    if lacking := [name for name in names if not installed(name)]:
        yield "note", f"not installed: {', '.join(lacking)}; nothing else needs them", install(extra)
    else:
        yield "ok", f"installed: {', '.join(names)}", ""


def others() -> list[str]:
    """The extras for one part of the project alone, such as what the benchmarks compare with."""
    return sorted(set(required()) - set(USED))


def required() -> dict[str, dict[str, str]]:
    """The packages of each extra with their ranges: as the checkout says it, or the installed wheel."""
    lines: dict[str, list[str]] = {}
    if here := checkout():
        import tomllib

        project = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = {"": project["dependencies"], **project["optional-dependencies"]}
    else:
        for line in metadata.requires("coursekit") or ():
            requirement, _, marker = line.partition(";")
            extra = re.search(r"extra *== *['\"](.+?)['\"]", marker)
            lines.setdefault(extra[1] if extra else "", []).append(requirement)
    return {extra: dict(filter(None, map(_parts, of))) for extra, of in lines.items()}


def _parts(requirement: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"\s*([\w.-]+)\s*(.*?)\s*", requirement)
    return (found[1], found[2]) if found else None


def checkout() -> Path | None:
    """The checkout that this runs from; None for an installed wheel."""
    return ROOT if (ROOT / "constraints.txt").is_file() and (ROOT / "pyproject.toml").is_file() else None


def tested() -> dict[str, str]:
    """The versions that the course is tested with, by the packages' names in lower case."""
    for place in (ROOT, ROOT / "coursekit" / "course"):  # the second: in a wheel
        if (place / "constraints.txt").is_file():
            lines = (place / "constraints.txt").read_text(encoding="utf-8").lower().splitlines()
            return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {}


def installed(name: str) -> str:
    """A package's version; "" where there is none."""
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def within(version: str, wanted: str) -> bool:
    """Whether a version lies between a lower and an upper bound, the only ones that the course has.

    >>> within("2.13.0+cpu", ">=2.6,<3"), within("2.5.1", ">=2.6,<3"), within("3.0", "<3,>=2.6")
    (True, False, False)
    """
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", wanted)
    number = _numbers(version)
    return all(number >= _numbers(n) if sign == ">=" else number < _numbers(n) for sign, n in bounds)


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(n) for n in re.findall(r"\d+", version.partition("+")[0])]
    return tuple([*found, 0, 0, 0][:3])


def pip(*arguments: str) -> str:
    """The line that installs into this very environment."""
    command = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return " ".join((command, "-m pip install", *arguments))


def install(extra: str) -> str:
    """The line that installs an extra, from the checkout or for the wheel."""
    if here := checkout():
        return pip("-c", f'"{here / "constraints.txt"}"', "-e", f'"{here}[{extra}]"')
    return pip(f'"coursekit[{extra}]"')
