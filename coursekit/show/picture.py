"""A figure that stands still: a matplotlib figure that carries, and shows, a sentence of what is drawn."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.show import style


class Picture(Figure):
    """A matplotlib Figure with its description; pyplot does not know it, so a notebook shows it only once.

    >>> picture = Picture(figsize=(3, 2))
    >>> picture.say("A line.").describe()
    'A line.'
    """

    _words = ""

    def say(self, words: str) -> Picture:
        """Keep the sentence of what is drawn; returns the figure."""
        self._words = words
        return self

    def describe(self) -> str:
        """What is drawn, in words."""
        return self._words

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=200)
        data = base64.b64encode(png.getvalue()).decode()
        words = html.escape(self._words)
        width = round(100 * self.get_size_inches()[0])
        return {
            "text/html": f'<figure style="margin: 0.3em 0; max-width: {width}px">'
            f'<img alt="{words}" src="data:image/png;base64,{data}" style="width: 100%; height: auto">'
            f'<figcaption style="font-size: 90%; opacity: 0.85">{words}</figcaption></figure>',
            "text/plain": self._words,
        }


def array(values: Any, name: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """`values` as a float64 array, wherever they live; a ValueError names what has another number of dimensions."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    try:
        made = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, as a tensor, an array or a list; got {values!r}") from error
    if made.ndim not in dimensions or 0 in made.shape:
        wanted = " or ".join(f"{n}" for n in dimensions)
        raise ValueError(f"{name} must have {wanted} dimension(s), none of length 0; got shape {made.shape}")
    return made


def end_labels(axes: Any, ends: list[tuple[str, style.Series, float, float]]) -> None:
    """Name each curve at the right of the axes, at the height where it ends, moved apart where names would touch.

    `ends` holds (name, series, x, y) of each curve's last point. Call it once the limits and scales are final.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    height = axes.figure.get_size_inches()[1] * 72 * 0.8
    gap = 14 / height
    marks = sorted(((*to_axes.transform((x, y)), label, line) for label, line, x, y in ends), key=lambda mark: mark[1])
    places = spread([min(max(mark[1], 0), 1) for mark in marks], gap)
    quiet = axes.xaxis.get_ticklabels()[0].get_color()
    for (x, y, label, line), place in zip(marks, places, strict=True):
        if x > 0.97 and -0.01 <= y <= 1.01:
            axes.plot([1.003, 1.03], [y, place], transform=axes.transAxes, clip_on=False, color=quiet, lw=0.7)
        draw = {"color": line.color, "linestyle": dashes(line), "clip_on": False, "lw": 2.2}
        axes.plot([1.035, 1.105], [place, place], transform=axes.transAxes, **draw)
        axes.text(1.118, place, label, transform=axes.transAxes, va="center", fontsize=9.5)


def spread(places: list[float], gap: float) -> list[float]:
    """The rising `places`, moved as little as a simple rule can so that neighbours are at least `gap` apart.

    >>> spread([0.0, 0.0, 1.0], 0.25)
    [0.0, 0.25, 1.0]
    >>> spread([0.9, 1.0, 1.0], 0.25)
    [0.5, 0.75, 1.0]
    """
    spaced: list[float] = []
    for place in places:
        spaced.append(max(place, spaced[-1] + gap) if spaced else place)
    ceiling = max(1.0, gap * (len(places) - 1))
    for i in reversed(range(len(spaced))):
        spaced[i] = min(spaced[i], ceiling - gap * (len(spaced) - 1 - i))
    return spaced


def dashes(line: style.Series) -> Any:
    """The dashes of a series as matplotlib's linestyle."""
    return (0, line.dashes) if line.dashes else "-"
