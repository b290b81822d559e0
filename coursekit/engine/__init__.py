"""What runs a rule: the optimizer, the training loop, grids of paths on surfaces, and data to try them on."""

from __future__ import annotations

from coursekit.engine.data import Data, blobs, breast_cancer, diabetes, digits, linear, spirals, two_moons, wine
from coursekit.engine.device import device
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.rules import as_rule
from coursekit.engine.surfaces import SURFACES, Surface
from coursekit.engine.sweep import Sweep, sweep
from coursekit.engine.training import History, mlp, train

__all__ = [
    "SURFACES",
    "Data",
    "History",
    "Optimizer",
    "Surface",
    "Sweep",
    "as_rule",
    "blobs",
    "breast_cancer",
    "device",
    "diabetes",
    "digits",
    "linear",
    "mlp",
    "spirals",
    "sweep",
    "train",
    "two_moons",
    "wine",
]
