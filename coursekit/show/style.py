"""The house style: one table of colours, dashes and inks, which the static and the movable figures both draw from."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple


class Series(NamedTuple):
    """How one curve is told from the others: by colour and by dashes, never by colour alone."""

    color: str
    dashes: tuple[float, ...]  # lengths of ink and gap in line widths; empty for a line without gaps


class Theme(NamedTuple):
    """The inks of a light or a dark page."""

    page: str
    ink: str
    quiet: str  # axes, ticks and what else should stand back
    grid: str
    accent: str  # controls


# Okabe and Ito's colours, the ones that stand out on white and on black first
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

THEMES = {
    "light": Theme(page="#ffffff", ink="#1f2328", quiet="#59636e", grid="#dfe3e8", accent=COLORS[0]),
    "dark": Theme(page="#14171a", ink="#e8eaed", quiet="#a3abb4", grid="#33393f", accent=COLORS[5]),
}

# one more than there are colours: the pairs repeat only after the 42nd curve
DASHES = ((), (4.0, 1.6), (5.0, 1.4, 1.2, 1.4), (1.2, 1.2), (8.0, 2.0), (6.0, 1.2, 1.2, 1.2, 1.2, 1.2), (2.4, 1.2))
OWN_DASHES = (3.0, 3.0)  # a learner's own rule: as much gap as ink, so that what lies beneath is seen

# cividis: from dark blue to yellow, even in lightness, the same to colour-blind eyes
CIVIDIS = (
    "#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78", "#948e77", "#aea371", "#c8b866", "#e5cf52",
    "#fee838",
)  # fmt: skip


def series(index: int) -> Series:
    """The colour and dashes of the curve of this index.

    >>> series(0), series(1)
    (Series(color='#0072B2', dashes=()), Series(color='#D55E00', dashes=(4.0, 1.6)))
    """
    return Series(COLORS[index % len(COLORS)], DASHES[index % len(DASHES)])


def theme(name: str) -> Theme:
    """The theme of this name, "light" or "dark"."""
    if name not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)}; got {name!r}")
    return THEMES[name]


def number(value: float, digits: int = 3) -> str:
    """A number as the captions say it, to `digits` significant digits; static/movable.js has the same rule.

    >>> number(0.5), number(1234.5), number(2.5e-7), number(-0.0), number(float("inf"))
    ('0.5', '1235', '2.5e-7', '0', 'inf')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{float(fixed(value, places)):g}" if abs(value) < 1e3 else fixed(value, places)


def fixed(value: float, places: int = 2) -> str:
    """A number with this many decimals, halves away from zero as browsers round, and without a negative zero.

    >>> fixed(0.125), fixed(-0.001), fixed(-1.5, 0)
    ('0.13', '0.00', '-2')
    """
    text = str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    return text.lstrip("-") if not text.strip("-0.") else text


def context(name: str = "light") -> Any:
    """A matplotlib context in which figures are made in the house style, on a "light" or a "dark" page."""
    import matplotlib

    inks = theme(name)
    return matplotlib.rc_context(
        {
            "figure.facecolor": inks.page,
            "axes.facecolor": inks.page,
            "text.color": inks.ink,
            "axes.labelcolor": inks.ink,
            "axes.titlecolor": inks.ink,
            "axes.edgecolor": inks.quiet,
            "xtick.color": inks.quiet,
            "ytick.color": inks.quiet,
            "xtick.labelcolor": inks.ink,
            "ytick.labelcolor": inks.ink,
            "grid.color": inks.grid,
            "grid.linewidth": 0.8,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.8,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10.5,
            "font.size": 10,
            "lines.linewidth": 2.0,
            "lines.dash_capstyle": "butt",
            "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same picture everywhere
        }
    )
