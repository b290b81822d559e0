"""The audit of holes: silent where the cases catch every edit that matters, and it names what they miss."""

from __future__ import annotations

import dataclasses

import torch

from coursekit.authoring.holes import Holes, audit
from coursekit.bank import index
from coursekit.exercise import Exercise, Function, Slip
from coursekit.probe.cases import Call

HINTS = ("Think.", "Think of a line.", "1 + slope * x")


def line(x, *, slope=2.0):
    """Go up by a slope from 1, never below 0."""
    rise = slope * x
    return (1 + rise).clamp(min=0)


def cases(generator):
    return [Call((torch.rand(4, generator=generator, dtype=torch.float64),), {"slope": s}) for s in (0.5, 2.0)]


def cases_with_negative(generator):
    far = 10 * torch.randn(5, generator=generator, dtype=torch.float64)
    return [*cases(generator), Call((far,), {"slope": 3.0})]


SLIPS = (Slip("no slope", ("slope * x", "x"), "The slope is missing."), Slip("no one", ("1 + rise", "rise"), "No 1."))


def test_an_edit_that_only_other_inputs_show_is_missed():
    narrow = Holes(Exercise(line, Function(cases), HINTS, slips=SLIPS)).look()
    assert not narrow.missed  # no draw of this probe reaches below 0: to its own inputs `clamp` changes nothing
    assert "`clamp` were left out" in [edit.words for edit in narrow.same]

    def rarely(generator):  # below 0 with some seeds only
        shift = 0.0 if generator.initial_seed() < 100 else 30.0
        return [dataclasses.replace(c, args=(c.args[0] - shift,)) for c in cases(generator)]

    missed = Holes(Exercise(line, Function(rarely), HINTS, slips=SLIPS)).look()
    assert "line: not caught: as if `clamp` were left out, in what is returned" in missed.complaints()

    wide = Holes(Exercise(line, Function(cases_with_negative), HINTS, slips=SLIPS)).look()
    assert wide.complaints() == []
    assert "`clamp` were left out" not in [edit.words for edit in wide.same]
    assert sum(count for _, count in wide.needed) == len(wide.caught)
    assert "2 of 2" in wide.row()


def test_two_slips_with_the_same_numbers_are_a_complaint():
    twins = (SLIPS[0], Slip("slope of one", ("slope * x", "1.0 * x"), "The slope is 1."))
    found = Holes(Exercise(line, Function(cases_with_negative), HINTS, slips=twins)).look()
    assert found.complaints() == ["line: the slip slope_of_one is no_slope"]
    harmless = (Slip("harmless", ("slope * x", "x * slope"), "The other way round."),)
    found = Holes(Exercise(line, Function(cases_with_negative), HINTS, slips=harmless)).look()
    assert found.complaints() == ["line: the slip harmless is passed"]


def test_the_table_and_its_details(capsys):
    assert audit(["bias_correction", "mse_loss"], details=True) == []
    said = capsys.readouterr().out
    slips = index.exercise("bias_correction").slips
    assert f"{len(slips)} of {len(slips)}" in said
    assert f"slip {slips[0].id}: named {slips[0].id}" in said
    assert "the same: as if `prediction` and `target` were exchanged" in said
