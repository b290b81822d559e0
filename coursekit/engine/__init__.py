"""What runs a rule: the optimizer, the training loop, grids of paths on surfaces, and data to try them on."""

from __future__ import annotations

from coursekit.engine.data import Data, blobs, breast_cancer, diabetes, digits, linear, spirals, two_moons, wine
from coursekit.engine.device import device
from coursekit.engine.grid import Grid, grid
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.rules import as_rule
from coursekit.engine.stacked import Stack, stacked
from coursekit.engine.surfaces import SURFACES, Surface
from coursekit.engine.sweep import Sweep, sweep
from coursekit.engine.training import History, mlp, train

__all__ = [
    "SURFACES",
    "Data",
    "Grid",
    "History",
    "Optimizer",
    "Stack",
    "Surface",
    "Sweep",
    "as_rule",
    "blobs",
    "breast_cancer",
    "device",
    "diabetes",
    "digits",
    "grid",
    "linear",
    "mlp",
    "spirals",
    "stacked",
    "sweep",
    "train",
    "two_moons",
    "wine",
]
