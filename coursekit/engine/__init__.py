"""What runs a rule: the optimizer, the training loop, grids of paths on surfaces, and data to try them on."""

from __future__ import annotations

from coursekit.engine.device import device
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.rules import as_rule
from coursekit.engine.surfaces import SURFACES, Surface
from coursekit.engine.sweep import Sweep, sweep

__all__ = ["SURFACES", "Optimizer", "Surface", "Sweep", "as_rule", "device", "sweep"]
