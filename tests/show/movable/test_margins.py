"""The figure of losses against the margin: its numbers are those of the reference."""

from __future__ import annotations

import math
import sys

import pytest
import torch

from coursekit import show
from coursekit.reference.losses import binary_cross_entropy_loss, hinge_loss, mse_loss
from coursekit.show.movable.margins import LOSSES, SCORES


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_depends_on_the_margin_alone(name):
    """What lets the figure turn the picture round for the label -1."""
    one = torch.ones(1, dtype=torch.float64)
    for score in SCORES[:, None]:
        torch.testing.assert_close(LOSSES[name](score, one), LOSSES[name](-score, -one))


def test_the_curves_are_the_references_numbers():
    lines = {line["name"]: line for line in show.margins().data["lines"]}
    one = torch.ones(1)
    for i in (0, 40, 77, 120):
        score = SCORES[i : i + 1].float()
        assert lines["hinge"]["values"][i] == pytest.approx(float(hinge_loss(score, one)), abs=1e-6)
        assert lines["logistic"]["values"][i] == pytest.approx(float(binary_cross_entropy_loss(score, one)), abs=1e-6)
        assert lines["squared"]["values"][i] == pytest.approx(float(mse_loss(score, one)), abs=1e-5)
        assert lines["0-1 loss"]["values"][i] == float(score <= 0)


def test_slopes_are_those_of_the_equations():
    for line in show.margins().data["lines"]:
        said = line["said"][40]  # a margin of -1
        slope = float(said.split("slope ")[1])
        true = {"hinge": -1, "logistic": -1 / (1 + math.exp(-1)), "squared": -4, "0-1 loss": 0}[line["name"]]
        assert slope == pytest.approx(true, abs=5e-4), line["name"]


def test_a_kink_and_a_jump_are_said():
    lines = {line["name"]: line["said"] for line in show.margins().data["lines"]}
    assert lines["hinge"][80] == "0, at its kink: slope -1 to the left and 0 to the right"
    assert lines["0-1 loss"][60] == "1, where it jumps from 1 to 0"
    assert lines["squared"][80] == "0, slope 0"


def test_without_anywidget_the_picture_stands_still_and_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "coursekit.show.movable.base", raising=False)
    said = show.margins().describe()
    assert "hinge goes from 4 to 0" in said
    assert "anywidget is not installed" in said
