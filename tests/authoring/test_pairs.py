"""The report on pairs of slips: each pair that can be made is counted once, for what becomes of it."""

from __future__ import annotations

import dataclasses

from coursekit.authoring.pairs import pairs, report
from coursekit.bank import index
from coursekit.exercise import Slip

IDENTITY = dataclasses.replace(
    index.exercise("identity"),
    slips=(
        Slip("turned", ("return x", "return -x"), "."),
        Slip("doubled", ("    return", "    x = 2 * x\n    return"), "."),
        Slip("halved", ("Tensor:\n", "Tensor:\n    x = x / 2\n"), "."),
        Slip("zero", lambda x: 0 * x, "."),  # a whole function is in no pair
    ),
)


def test_every_pair_is_counted():
    counts = pairs(IDENTITY)
    assert counts.total() == 3
    assert counts["both"] == 2  # turned with doubled, turned with halved
    assert counts["hidden"] == 1  # doubled and halved undo each other
    [line] = report([IDENTITY])
    assert line.startswith("identity: 3 pairs: 2 named as that pair; 1 not wrong")


def test_exercises_without_pairs_have_no_line():
    assert list(report([dataclasses.replace(IDENTITY, slips=())])) == []


def test_nearly_every_pair_of_the_correction_is_named():
    counts = pairs(index.exercise("bias_correction"))
    assert counts["both"] >= 0.9 * counts.total() > 0
    assert counts["unnamed"] == counts["stopped"] == 0
