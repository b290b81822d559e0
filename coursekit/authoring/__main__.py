"""`python -m coursekit.authoring check`, `build` or `pairs`: exit status 1 where there is a complaint."""

from __future__ import annotations

import argparse
import sys

from coursekit.authoring.audit import author_check
from coursekit.authoring.notebooks import build
from coursekit.authoring.pairs import report
from coursekit.bank import index


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three; the number of the exit status."""
    parser = argparse.ArgumentParser(prog="python -m coursekit.authoring", description=__doc__)
    parser.add_argument("what", choices=("check", "build", "pairs"))
    what = parser.parse_args(arguments).what
    if what == "pairs":
        lines = report([*index.exercises().values()])
    else:
        lines = author_check() if what == "check" else build()
    print("\n".join(lines) if lines else "nothing to complain of" if what == "check" else "nothing to do")
    return 1 if what == "check" and lines else 0


if __name__ == "__main__":
    sys.exit(main())
