"""How long a check takes, by what it finds: `python benchmarks/checks.py [--repeat 30]`. Medians in milliseconds.

Beside each verdict stands the time of running the answer on the cases alone. "First" is the first check of the kind in
this process; with `COURSEKIT_CACHE` set to an empty folder it includes making the tables of machine-found mistakes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from coursekit.authoring.audit import learned
from coursekit.bank import index
from coursekit.judging.check import one_thread
from coursekit.judging.judge import judge, prepare
from coursekit.judging.source import apply, source
from coursekit.probe.running import run

# What is found in an answer to adam, and the edits of the reference that make it.
ANSWERS: dict[str, list[tuple[str, str]]] = {
    "right": [],
    "a slip": [("m / (1 - beta1**t)", "m")],
    "a convention": [("v_hat.sqrt() + eps", "(v_hat + eps).sqrt()")],
    "two slips": [("m / (1 - beta1**t)", "m"), ("grad**2", "grad.abs()")],
    "an edit by machine": [("m_hat / (v_hat.sqrt() + eps)", "m_hat / (v_hat.sqrt() + lr)")],
    "two edits by machine": [("(v_hat.sqrt() + eps)", "(v_hat.sqrt() + lr)"), ("1 - beta1**t", "1 - beta2**t")],
    "a relation": [("param - lr * m_hat", "param - 1.37 * lr * m_hat")],
    "nothing known": [("v_hat.sqrt() + eps", "v_hat.sqrt() + eps + 0.1 * grad.sin()")],
}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return 1e3 * (time.perf_counter() - start), result


def main(repeat: int) -> None:
    exercise = index.exercise("adam")
    ready, prepared = timed(lambda: prepare(exercise))
    print(f"adam: {len(prepared.cases)} cases, made and run by the reference in {ready:.0f} ms\n")
    print(f"{'found':<22} {'run':>7} {'first':>9} {'verdict':>8}  diagnosis")
    for found, edits in ANSWERS.items():
        function = learned("adam", apply(source(exercise.answer), edits))
        runs, verdicts = [], []
        for _ in range(repeat):
            ms, outcomes = timed(lambda f=function: run(f, prepared.cases, states=prepared.states))  # type: ignore[misc]
            runs.append(ms)
            ms, verdict = timed(lambda o=outcomes: judge(prepared, o))  # type: ignore[misc]
            verdicts.append(ms)
        median, again = statistics.median(runs), statistics.median(verdicts[1:])
        print(f"{found:<22} {median:>7.1f} {verdicts[0]:>9.1f} {again:>8.1f}  {verdict.diagnosis or verdict.status}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--repeat", type=int, default=30, help="checks of each kind")
    with one_thread():
        main(parser.parse_args().repeat)
