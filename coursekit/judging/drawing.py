"""The picture on a card: where the learner's path leaves the reference, as SVG."""

from __future__ import annotations

import math
from html import escape

from coursekit.judging.verdict import Picture

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 224, 52, 132, 22, 34  # of the drawing, and its margins
FAR = 10 * HEIGHT  # what is further outside is cut off all the same
BOLD = ";font-weight:600"


class Scale:
    """From steps and values to places in the drawing."""

    def __init__(self, picture: Picture):
        reference = [x for x in picture.reference if math.isfinite(x)] or [0.0]
        inside = [x for x in (*reference, *picture.yours) if abs(x) < 1e6] or [0.0]
        reach = 3 * ((max(reference) - min(reference)) or 1.0)  # a path that runs away must not flatten the other
        self.low, self.high = max(min(inside), min(reference) - reach), min(max(inside), max(reference) + reach)
        self.steps = max(len(picture.reference) - 1, 1)

    def x(self, step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / self.steps

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return min(max(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), -FAR), FAR)

    def inside(self, value: float) -> bool:
        return self.low <= value <= self.high


def draw(picture: Picture, words: str) -> str:
    """Both paths against the step: the reference solid and wide, the learner's dashed, the first difference marked.

    A path ends where it is not a number any more, and is cut off where it leaves the scale of the reference.
    """
    scale = Scale(picture)
    reference = "stroke:var(--ref-wide);stroke-width:6;stroke-linejoin:round"
    yours = "stroke:var(--yours);stroke-width:2.5;stroke-dasharray:7 4"
    frame = f'x="{LEFT - 4}" y="{TOP - 4}" width="{WIDTH - LEFT - RIGHT + 8}" height="{HEIGHT - TOP - BOTTOM + 8}"'
    view = " ".join(part.split('"')[1] for part in frame.split())
    return (
        # an untrusted notebook drops the style and the drawing but not its labels: without the style they are hidden
        f'<figure><p hidden="hidden"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(words)}</title>'
        f"{_axes(scale)}"
        f'<svg {frame} viewBox="{view}">{_line(scale, picture.reference, reference)}'
        f"{_line(scale, picture.yours, yours)}</svg>"
        f"{_first(scale, picture)}{_names(scale, picture)}</svg></p><figcaption>{escape(words)}</figcaption></figure>"
    )


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{words}</text>'


def _axes(scale: Scale) -> str:
    parts = []
    for value in (scale.low, (scale.low + scale.high) / 2, scale.high):
        y = scale.y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" style="stroke:var(--line)"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:.3g}".replace("-", "−"), anchor="end"))
    for step in range(0, scale.steps + 1, max(1, scale.steps // 4)):
        parts.append(_text(scale.x(step), HEIGHT - 18, str(step), anchor="middle"))
    return "".join(parts) + _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "step", anchor="middle")


def _line(scale: Scale, values: tuple[float, ...], style: str) -> str:
    end = next((i for i, value in enumerate(values) if value != value), len(values))
    points = " ".join(f"{scale.x(i):.1f},{scale.y(value):.1f}" for i, value in enumerate(values[:end]))
    return f'<polyline points="{points}" fill="none" style="{style}"/>'


def _first(scale: Scale, picture: Picture) -> str:
    """An upright at the first step that differs, a ring where the learner's path is then, and the words."""
    first = picture.first_difference or 0
    x, value = scale.x(first), picture.yours[first]
    ring = (
        f'<circle cx="{x:.1f}" cy="{scale.y(value):.1f}" r="6" fill="none" style="stroke:var(--bad);stroke-width:2"/>'
    )
    near_end = first > 0.7 * scale.steps
    words = f"first difference: step {first}{', not a number' if value != value else ''}"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{HEIGHT - BOTTOM}" '
        'style="stroke:var(--bad);stroke-dasharray:3 3"/>'
        + (ring if scale.inside(value) else "")
        + _text(x, TOP - 9, words, f"fill:var(--bad){BOLD}", "end" if near_end else "start")
    )


def _names(scale: Scale, picture: Picture) -> str:
    """The names beside the ends of the two lines, moved apart where they would stand on each other."""
    last = picture.yours[-1]
    state = ": NaN" if last != last else " (dashed)" if scale.inside(last) else ": off scale"
    named = [(picture.reference[-1], "ref", "reference (solid)"), (last, "yours", f"yours{state}")]
    low, high = scale.y(scale.low), scale.y(scale.high)
    ends = sorted((min(max(scale.y(v), high), low) if v == v else low, colour, words) for v, colour, words in named)
    second = max(ends[1][0], ends[0][0] + 15)
    up = max(second - low, 0)  # not into the numbers below
    heights = [ends[0][0] - up, second - up]
    return "".join(
        _text(WIDTH - RIGHT + 8, y + 4, words, f"fill:var(--{colour}){BOLD}")
        for y, (_, colour, words) in zip(heights, ends, strict=True)
    )
