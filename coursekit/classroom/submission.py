"""Finds submissions in a folder. Nothing of a submitted file is read here except its bytes: parsing is the child's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from coursekit.probe.values import cut

SUFFIXES = (".ipynb", ".py")
GRADEBOOK = "gradebook.sqlite"  # a folder that holds it is an earlier run's output
MAX_BYTES = 16 * 2**20
OWN = {"__pycache__", "node_modules", "venv"}  # besides everything whose name begins with a dot


class Bad(ValueError):
    """Bad input of the person who grades: one clear line."""


@dataclass(frozen=True)
class File:
    """One file of a submission; `name` is its path inside the graded folder, fit for any output."""

    path: Path
    name: str

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    def data(self) -> bytes:
        """Its bytes; ValueError says why not."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                size = self.path.stat().st_size / 2**20
                raise ValueError(f"the file has {size:.0f} MB, at most {MAX_BYTES / 2**20:.0f} MB are read")
            return self.path.read_bytes()
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror}") from None

    def chapter(self, known: Collection[str]) -> str | None:
        """The chapter whose name stands in the file's name, or in that of a folder of it."""
        return next((c for c in known if re.search(rf"(?<![0-9a-z]){re.escape(c)}(?![0-9a-z])", self.name)), None)


@dataclass(frozen=True)
class Submission:
    """What one student handed in: one file, or the files of the student's folder."""

    student: str
    files: tuple[File, ...]

    @property
    def file(self) -> str:
        """The file, or the folder where there are several."""
        if len(self.files) == 1:
            return self.files[0].name
        return f"{self.student}/"


def key(student: str, file: File, data: bytes) -> str:
    """What identifies one file of one student with this content: the same again is the same submission."""
    parts = (student.encode(), file.name.encode(), data)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def shown(name: str) -> str:
    r"""A name of theirs, fit for a terminal: cut to length, valid UTF-8, nothing in it that does not print.

    >>> shown("a\x1b[31mb")
    'a�[31mb'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in cut(name))


def find(place: Path, out: Path | None = None) -> tuple[list[Submission], int]:
    """The submissions of a folder (or the one file), in the order of their names, and how many files were passed over.

    A file at the top is one submission, named like its student; a folder is one student's, with all files inside.
    """
    if not place.exists():
        raise Bad(f"there is no {place}")
    if place.is_file():
        if place.suffix.lower() not in SUFFIXES:
            raise Bad(f"{place} is neither a notebook (.ipynb) nor a Python file (.py)")
        return [Submission(shown(place.stem), (File(place, shown(place.name)),))], 0
    try:
        found, ignored = _folder(place, out.resolve() if out else None)
    except OSError as error:
        raise Bad(f"{place} cannot be read: {error.strerror}") from None
    if not found:
        raise Bad(f"{place} holds no submission: wanted .ipynb or .py files, or one folder per student")
    return found, ignored


def _folder(place: Path, out: Path | None) -> tuple[list[Submission], int]:
    found: list[Submission] = []
    ignored = 0
    for entry in sorted(place.iterdir()):
        if _passed_over(entry, out):
            ignored += entry.is_file()
        elif entry.is_dir():
            inside, others = _inside(entry, out)
            ignored += others
            files = tuple(File(path, shown(path.relative_to(place).as_posix())) for path in inside)
            found.append(Submission(shown(entry.name), files))
        elif entry.suffix.lower() in SUFFIXES:
            found.append(Submission(shown(entry.stem), (File(entry, shown(entry.name)),)))
        else:
            ignored += 1
    return found, ignored


def _inside(folder: Path, out: Path | None) -> tuple[list[Path], int]:
    """The files of a student's folder at any depth, and how many others there are. Links are not followed."""
    files: list[Path] = []
    others = 0
    for entry in sorted(folder.iterdir()):
        if _passed_over(entry, out):
            others += entry.is_file()
        elif entry.is_dir():
            deeper, more = _inside(entry, out)
            files, others = files + deeper, others + more
        elif entry.suffix.lower() in SUFFIXES:
            files.append(entry)
        else:
            others += 1
    return files, others


def _passed_over(entry: Path, out: Path | None) -> bool:
    hidden = entry.name.startswith(".") or entry.name in OWN or entry.is_symlink()
    return hidden or (out is not None and entry.resolve() == out) or (entry / GRADEBOOK).is_file()
