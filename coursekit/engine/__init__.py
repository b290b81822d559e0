"""What runs a rule: the optimizer, the training loop, grids of paths on surfaces, and data to try them on."""

from __future__ import annotations

from coursekit.engine.data import Data, blobs, breast_cancer, diabetes, digits, linear, spirals, two_moons, wine
from coursekit.engine.device import device
from coursekit.engine.grid import Grid, grid
from coursekit.engine.leaderboard import enter, leaderboard
from coursekit.engine.networks import mlp
from coursekit.engine.optimizer import Optimizer
from coursekit.engine.rules import as_rule
from coursekit.engine.stacked import Stack, stacked
from coursekit.engine.surfaces import SURFACES, Surface
from coursekit.engine.sweep import Sweep, sweep
from coursekit.engine.text import Text, python_text, text_loss, train_text
from coursekit.engine.training import History, train
from coursekit.engine.transformer import Transformer, write

__all__ = [
    "SURFACES",
    "Data",
    "Grid",
    "History",
    "Optimizer",
    "Stack",
    "Surface",
    "Sweep",
    "Text",
    "Transformer",
    "as_rule",
    "blobs",
    "breast_cancer",
    "device",
    "diabetes",
    "digits",
    "enter",
    "grid",
    "leaderboard",
    "linear",
    "mlp",
    "python_text",
    "spirals",
    "stacked",
    "sweep",
    "text_loss",
    "train",
    "train_text",
    "two_moons",
    "wine",
    "write",
]
