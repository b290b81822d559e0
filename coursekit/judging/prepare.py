"""`python -m coursekit.judging.prepare [NAME ...]`: make the tables of machine-found mistakes ahead of their use."""

from __future__ import annotations

import sys
import time

from coursekit.bank import index
from coursekit.judging.judge import prepare


def main(names: list[str]) -> None:
    for name in names or list(index.exercises()):
        start = time.perf_counter()
        count = prepare(name).catalogue.complete()
        print(f"{name}: {count} variants, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
