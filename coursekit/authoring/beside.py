"""Exercises looked at side by side, one process for each processor."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from coursekit.bank import index
from coursekit.exercise import Exercise

Found = TypeVar("Found")


def each(look: Callable[[Exercise], Found], exercises: Sequence[Exercise]) -> Iterator[Found]:
    """What is found of each exercise, in their order; in this process where there are few, or the bank lacks one."""
    workers = min(os.cpu_count() or 1, len(exercises) // 4)
    if workers < 2 or any(index.find(exercise.name) is not exercise for exercise in exercises):
        yield from map(look, exercises)
        return
    started = multiprocessing.get_context("spawn")  # a fork after torch has had threads at work would hang
    with ProcessPoolExecutor(workers, mp_context=started) as pool:
        begun = {}
        for exercise in sorted(exercises, key=lambda exercise: -len(exercise.slips)):  # the longest not at the end
            begun[exercise.name] = pool.submit(_named, look, exercise.name)
        yield from (begun[exercise.name].result() for exercise in exercises)


def _named(look: Callable[[Exercise], Found], name: str) -> Found:
    return look(index.exercise(name))
