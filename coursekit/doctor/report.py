"""Everything looked at, in groups: what a learner, an instructor and an author need."""

from __future__ import annotations

import argparse
import functools
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from coursekit import __version__
from coursekit.doctor import machine, packages
from coursekit.doctor.packages import Found, first_line

GROUPS = {"learner": "to learn", "instructor": "to grade a class", "author": "to write for the course and test it"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `ok`, `note` (it works, but ...) or `fault`, and the line that mends it."""

    group: str
    about: str
    state: str
    text: str
    mend: str = ""


def checks() -> list[tuple[str, str, Callable[[], Found]]]:
    """What is looked at: for whom, what about, and how."""
    of = functools.partial
    return [
        ("learner", "Python", packages.python),
        ("learner", "packages", of(packages.packages, "", "lab")),
        ("learner", "device", machine.device),
        ("learner", "compiler", machine.compiler),
        ("learner", "folder", machine.folder),
        ("learner", "JupyterLab", machine.extensions),
        ("learner", "trust", machine.trust),
        ("instructor", "packages", of(packages.packages, "", "grade")),
        ("instructor", "walls", machine.walls),
        ("author", "packages", of(packages.packages, "dev")),
        ("author", "tools", machine.tools),
        ("author", "Chromium", machine.chromium),
        *(("author", extra, of(packages.optional, extra)) for extra in packages.others()),
    ]


def examine() -> list[Finding]:
    """Everything looked at, here and now; what cannot be looked at is a note."""
    found = []
    for group, about, look in checks():
        try:
            found += [Finding(group, about, *said) for said in look()]
        except Exception as error:  # a broken installation breaks in any way
            found.append(Finding(group, about, "note", f"could not be looked at: {first_line(error)}"))
    return found


def ready(found: list[Finding], group: str) -> bool:
    """Whether nothing of a group is at fault.

    >>> ready([Finding("learner", "folder", "note", "progress is not kept")], "learner")
    True
    """
    return all(one.state != "fault" for one in found if one.group == group)


def main(arguments: list[str] | None = None) -> int:
    """Print what was found, as text or JSON; 0 when a learner can work here, 1 when not."""
    parser = argparse.ArgumentParser(prog="coursekit doctor", description="What is installed, and what mends the rest.")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    asked = parser.parse_args(arguments)
    found = examine()
    if asked.json:
        groups = {group: ready(found, group) for group in GROUPS}
        print(json.dumps({"coursekit": __version__, "ready": groups, "findings": list(map(asdict, found))}, indent=1))
    else:
        print("\n".join(lines(found)))
    return 0 if ready(found, "learner") else 1


def lines(found: list[Finding]) -> Iterator[str]:
    """The findings in their groups, each with its state as a word and the line that mends it."""
    yield f"coursekit {__version__}"
    for group, purpose in GROUPS.items():
        yield ""
        yield f"{purpose.capitalize()}: {'ready' if ready(found, group) else 'not ready, see FAULT'}"
        for one in (one for one in found if one.group == group):
            state = "FAULT" if one.state == "fault" else one.state
            yield from textwrap.wrap(
                f"  {state:5}  {one.about}: {one.text}",
                110,
                subsequent_indent=" " * 9,
                break_long_words=False,
                break_on_hyphens=False,
            )
            if one.mend:  # never wrapped: it is to be copied
                yield f"         -> {one.mend}"
    yield ""
    yield "A learner can work here." if ready(found, "learner") else "A learner cannot work here yet."
