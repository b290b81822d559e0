"""Counts the mistakes for docs/teaching.md: `python docs/mistakes.py` writes its table anew.

With `--check` it writes nothing, and ends with status 1 where the table is out of date.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from coursekit.bank import index
from coursekit.exercise import Chapter

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "teaching.md"
BEGIN, END = "<!-- from here on written by docs/mistakes.py -->\n", "<!-- to here -->\n"
ROW = "| {} | {} | {} | {} | {} | {} | {} |\n"
HEAD = ROW.format("chapter", "points", "exercises", "questions", "slips", "wrong answers", "most often among them")


def wrong_answers() -> list[tuple[str, list[str]]]:
    """Each wrong answer of the two collections: its exercise, and the ids of what it is named as."""
    found = []
    for name in ("fresh", "second"):
        agreed = json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text(encoding="utf-8"))["practice"]
        for answer, (status, diagnosis) in agreed.items():
            if status == "wrong":
                found.append((answer.split(":")[0], (diagnosis or "").split("+")))
    return found


def row(chapter: Chapter, wrong: list[tuple[str, list[str]]]) -> str:
    """A chapter: what it has, and which of its slips came up most, twice at least."""
    slips = {(e.name, slip.id): slip.name for e in chapter.exercises for slip in e.slips}
    here = [(name, ids) for name, ids in wrong if name in {e.name for e in chapter.exercises}]
    counts = Counter((name, one) for name, ids in here for one in ids if (name, one) in slips)
    often = sorted((-count, key) for key, count in counts.items() if count > 1)[:3]
    said = "; ".join(f"`{key[0]}`: {slips[key]} ({-count})" for count, key in often)
    return ROW.format(
        chapter.id,
        chapter.points,
        len(chapter.exercises),
        len(chapter.quizzes),
        len(slips),
        len(here) or "-",
        said or "-",
    )


def table() -> str:
    """A row for each chapter, one for all, and the slips that came up most in the whole course."""
    wrong, chapters = wrong_answers(), list(index.chapters().values())
    exercises = list(index.exercises().values())
    total = ROW.format(
        "all",
        sum(chapter.points for chapter in chapters),
        len(exercises),
        len(index.quizzes()),
        sum(len(e.slips) for e in exercises),
        len(wrong),
        "",
    )
    slips = {(e.name, slip.id): slip.name for e in exercises for slip in e.slips}
    counts = Counter(slips[name, one] for name, ids in wrong for one in ids if (name, one) in slips)
    often = sorted((-count, name) for name, count in counts.items())[:10]
    said = ", ".join(f"{name} ({-count})" for count, name in often)
    rows = HEAD + "|---" * 7 + "|\n" + "".join(row(chapter, wrong) for chapter in chapters) + total
    return f"{rows}\nOver all exercises, two at once counted as two: {said}.\n"


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    new = before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
    if new == page:
        return 0
    if "--check" in sys.argv[1:]:
        print("the table in docs/teaching.md is out of date: python docs/mistakes.py writes it anew")
        return 1
    PAGE.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
