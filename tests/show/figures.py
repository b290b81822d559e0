"""The movable figures, small where that saves time: what is asked of all of them runs over this table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coursekit import show

FIGURES: dict[str, Callable[[], Any]] = {
    "playground": lambda: show.playground(steps=20, hyper=("beta", (0, 0.9))),
    "margins": show.margins,
    "gradient_cloud": show.gradient_cloud,
    "hillside": show.hillside,
    "dropout_statistics": show.dropout_statistics,
    "schedule_composer": show.schedule_composer,
    "saddle_escape": lambda: show.saddle_escape(steps=20),
    "stability": show.stability,
    "momentum_map": show.momentum_map,
    "effective_rates": show.effective_rates,
}
