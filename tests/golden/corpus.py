"""Golden answers as data: `# %% STATUS KIND: what was done`, then the source, in files named like the exercise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
HEAD = re.compile(r"^# %% (\w+) (\w+): (.*)$", re.M)


@dataclass(frozen=True)
class Golden:
    """One answer: what a fair check says of it, and in a teacher's words what the learner did."""

    exercise: str
    status: str
    kind: str
    words: str
    source: str
    diagnosis: str | None  # the id that is expected, where the file says one (`# diagnosis: id`)

    @property
    def id(self) -> str:
        return f"{self.exercise}: {self.status} {self.kind}: {self.words}"


def read(folder: str) -> list[Golden]:
    """Every answer in the text files of a folder beside this module."""
    found = []
    for path in sorted((HERE / folder).glob("*.txt")):
        pieces = HEAD.split(path.read_text(encoding="utf-8"))[1:]
        for status, kind, words, source in zip(*(pieces[i::4] for i in range(4)), strict=True):
            named = re.search(r"^# diagnosis: (\S+)$", source, re.M)
            found.append(Golden(path.stem, status, kind, words, source, named[1] if named else None))
    return found
