"""A learner's own folder: copies of the notebooks, which a later version brings up to date where nobody has written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RECORD = ".coursekit.json"  # in the folder: what each copy was when it was made
COPIED = ("notebooks/*.ipynb", "exercises/*.ipynb", "jupyter/*.py", "jupyter/settings/*.json")
SOLUTIONS = "solutions/*.ipynb"
OTHERWISE = "The course has them otherwise by now: to have both, rename yours and run this again."
LINK = re.compile(r"(?: · )?\[Solutions\]\(\.\./solutions/[^)]*\)")  # in an exercise notebook's head


class Bad(ValueError):
    """A folder that will not do: one clear line."""


@dataclass
class Report:
    """What `start` did with each file, and what it left alone."""

    folder: Path
    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # by the learner, the course's is as it was: left
    newer: list[str] = field(default_factory=list)  # by the learner, and the course has another by now: left
    gone: list[str] = field(default_factory=list)  # no longer in the course: left
    same: list[str] = field(default_factory=list)
    solutions: bool = False

    def __str__(self) -> str:
        groups = (
            ("New", self.new, ""),
            ("Brought up to date", self.updated, ""),
            ("Left as you changed them", self.changed, ""),
            ("Left as you changed them", self.newer, f" {OTHERWISE}"),
            ("Left, though the course no longer has them", self.gone, ""),
        )
        said = [f"{head} ({len(names)}): {', '.join(names)}.{more}" for head, names, more in groups if names]
        if self.same:
            said.append(f"Already as in the course: {len(self.same)} files.")
        lines = [str(self.folder), *(f"  {line}" for words in said for line in textwrap.wrap(words, 100))]
        if not self.solutions:
            lines.append("Solutions are left out; --solutions brings them.")
        lines.append(f"Progress is kept in {self.folder / 'progress.json'}")
        config = self.folder / "jupyter" / "jupyter_lab_config.py"
        lines.append(f"To work in it: {shlex.quote(sys.executable)} -m jupyterlab --config={shlex.quote(str(config))}")
        return "\n".join(lines)


def start(folder: Path, *, solutions: bool = False) -> Report:
    """Copy the course's notebooks to `folder`, or bring the copies there up to date.

    What the learner has changed stays as it is; running a cell is no change. The solutions come when they are asked
    for, and from then on. Stopped at any moment, it has lost nothing, and run again it goes on.

    Raises:
        Bad: the folder is a file, cannot be written, or lies inside the course.
    """
    root = course()
    folder = folder.absolute()
    try:
        _check_outside(folder, root)
        return _copy(folder, root, solutions)
    except OSError as error:
        where = folder if RECORD in str(error.filename) else error.filename or folder
        raise Bad(f"cannot write to {where}: {error.strerror}; what is there stays as it is") from None


def course() -> Path:
    """The folder with the course's notebooks: in an installed package, or the checkout around it."""
    for root in (Path(__file__).with_name("course"), Path(__file__).parents[1]):
        if (root / "exercises").is_dir():
            return root
    raise Bad("this coursekit was installed without its notebooks: install it from a wheel, or from a checkout with -e")


def lessons() -> Path | None:
    """The folder with the lessons; None where coursekit was installed without."""
    try:
        return course() / "notebooks"
    except Bad:
        return None


def _check_outside(folder: Path, root: Path) -> None:
    kinds = {pattern.split("/")[0] for pattern in (*COPIED, SOLUTIONS)}
    for place in (folder, *(folder / kind for kind in kinds)):
        if Path(os.path.realpath(place)).is_relative_to(root.resolve()):
            raise Bad(f"{place} lies inside the course itself; name a folder outside of {root.resolve()}")
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise Bad(f"{place} is a file; name a folder, which need not be there yet")


def _copy(folder: Path, root: Path, solutions: bool) -> Report:
    folder.mkdir(parents=True, exist_ok=True)
    made = _record(folder)
    report = Report(folder, solutions=solutions or any(name.startswith("solutions/") for name in made))
    known = {}
    for name, content in _contents(root, report.solutions):
        target, digest = folder / name, _digest(name, content)
        known[name] = digest
        present = _digest(name, target.read_bytes()) if target.exists() else None
        if present not in (None, digest, made.get(name)):
            (report.newer if made.get(name) != digest else report.changed).append(name)
            continue
        if present != digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(folder, target, content)
        (report.new if present is None else report.same if present == digest else report.updated).append(name)
        if made.get(name) != digest:
            made[name] = digest
            _write(folder, folder / RECORD, (json.dumps(made, indent=1) + "\n").encode())
    report.gone = [name for name in made if name not in known and (folder / name).exists()]
    return report


def _contents(root: Path, solutions: bool) -> Iterator[tuple[str, bytes]]:
    """What is to be in the folder: each file's path in it, and its bytes."""
    for pattern in (*COPIED, SOLUTIONS) if solutions else COPIED:
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(root).as_posix(), (text if solutions else LINK.sub("", text)).encode()


def _record(folder: Path) -> dict[str, str]:
    """The digest of each copy as it was made. Without it, a file unlike the course's counts as changed."""
    with contextlib.suppress(FileNotFoundError, ValueError, RecursionError):
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {name: digest for name, digest in found.items() if isinstance(digest, str)}
    return {}


def _digest(name: str, content: bytes) -> str:
    """What a learner can change of a file: of a notebook its cells' sources, not what running them leaves behind."""
    if name.endswith(".ipynb"):
        with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
            cells = json.loads(content)["cells"]
            content = json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells]).encode()
    return hashlib.sha256(content).hexdigest()


def _write(folder: Path, target: Path, content: bytes) -> None:
    """Put a file in its place whole: stopped before that, the one that was there is still there."""
    draft = folder / f"{RECORD}.{os.getpid()}"
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
