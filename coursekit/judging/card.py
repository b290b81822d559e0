"""A verdict as a person sees it: as text, and as an HTML card that carries its own style."""

from __future__ import annotations

import itertools
import textwrap
from html import escape
from importlib import resources

from coursekit.judging.verdict import STATUSES, Check, Picture, Verdict

SIGNS = {True: "✓", False: "✗", None: "·"}
_ids = itertools.count(1)


def style(sheet: str) -> str:
    """A style sheet of this folder, after the inks that all of them share; `#card` stands for the id it is for."""
    return "".join(resources.files(__package__).joinpath(f).read_text(encoding="utf-8") for f in ("inks.css", sheet))


STYLE = style("card.css")


def text(verdict: Verdict) -> str:
    """The card in plain text, the same content in the same order."""
    sign, word = STATUSES[verdict.status]
    lines = [f"{sign} {word}: {verdict.exercise} ({verdict.points:g} of {verdict.max_points:g} points)"]
    for line in verdict.message.splitlines():
        lines += textwrap.wrap(line, 100, initial_indent="  ", subsequent_indent="  ")
    if verdict.status not in ("not_attempted", "refused", "internal"):
        lines += [f"    {_check_text(check)}" for check in verdict.checks]
    if verdict.call:
        lines += ["  The call that shows it:", *(f"    {line}" for line in verdict.call.splitlines())]
    if verdict.picture:
        lines += [f"  {_picture_words(verdict.picture)}"]
    if verdict.hints and verdict.status != "passed":
        lines.append(f'  A hint: hint("{verdict.exercise}", {verdict.hint})')
    return "\n".join(lines)


def html(verdict: Verdict, *, picture: bool = True, hints: bool = True) -> str:
    """The card as self-contained HTML; every text of a learner's is escaped."""
    name = f"ck{next(_ids)}"
    sign, word = STATUSES[verdict.status]
    points = f"{verdict.points:g} of {verdict.max_points:g} points" if verdict.max_points else ""
    parts = [
        f"<h4>{sign} {escape(word)} — {escape(verdict.exercise)}</h4>",
        f"<p>{_inline(verdict.message)}</p>" if verdict.message else "",
        _checks(verdict),
        _picture(verdict.picture) if picture and verdict.picture else "",
        f"<details><summary>The call that shows it</summary><pre>{escape(verdict.call)}</pre></details>"
        if verdict.call
        else "",
        _hints(verdict) if hints else "",
        f'<p class="off">{points}</p>' if points else "",
    ]
    style = STYLE.replace("#card", f"#{name}")  # ids of its own: many cards stand in one notebook
    head = f'<section id="{name}" class="{verdict.status}" aria-label="{escape(word)}: {escape(verdict.exercise)}">'
    return f"{head}<style>{style}</style>{''.join(parts)}</section>"


def _check_text(check: Check) -> str:
    return f"{SIGNS[check.ok]} {check.name}{': ' + check.detail if check.detail else ''}"


def _checks(verdict: Verdict) -> str:
    if verdict.status in ("not_attempted", "refused", "internal"):
        return ""
    kinds = {True: "yes", False: "no", None: "off"}
    rows = []
    for c in verdict.checks:
        words = escape(_check_text(c)[2:]) + (" (not looked at yet)" if c.ok is None else "")
        rows.append(f'<li class="{kinds[c.ok]}"><b>{SIGNS[c.ok]}</b> {words}</li>')
    return f"<ul>{''.join(rows)}</ul>"


def _hints(verdict: Verdict) -> str:
    """Hints folded, the one that fits the mistake first."""
    if verdict.status in ("passed", "internal") or not verdict.hints:
        return ""
    first = min(max(verdict.hint, 1), len(verdict.hints))
    order = [first, *(n for n in range(1, len(verdict.hints) + 1) if n != first)]
    fold = "<details><summary>Hint {n} of {all}</summary><p>{text}</p></details>"
    return "".join(fold.format(n=n, all=len(order), text=_inline(verdict.hints[n - 1])) for n in order)


def _inline(words: str) -> str:
    """Escaped text with `code` in backticks kept as code."""
    pieces = escape(words).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces)).replace("\n", "<br>")


def _picture_words(p: Picture) -> str:
    ends = f"it is at {p.yours[-1]:.3g}, the reference at {p.reference[-1]:.3g}"
    return f"{p.caption}: yours is elsewhere from step {p.first_difference} on; after {len(p.yours) - 1} steps {ends}."


def _picture(picture: Picture) -> str:
    """Both paths against the step: the reference solid and wide, the learner's dashed, the first difference ringed."""
    width, height, left, right, top, bottom = 640, 216, 52, 132, 12, 34
    ref, yours = picture.reference, picture.yours
    inside = [x for x in (*ref, *yours) if abs(x) < 1e6]
    low, high = min(inside), max(inside)
    reach = 3 * ((max(ref) - min(ref)) or 1.0)
    low, high = max(low, min(ref) - reach), min(high, max(ref) + reach)  # a diverging path must not flatten the other
    span = (high - low) or 1.0

    def at(step: int, value: float) -> tuple[float, float]:
        value = min(max(value, low), high) if value == value else low
        x = left + (width - left - right) * step / (len(ref) - 1)
        return x, top + (height - top - bottom) * (1 - (value - low) / span)

    def line(values: tuple[float, ...], style: str) -> str:
        points = " ".join("{:.1f},{:.1f}".format(*at(i, v)) for i, v in enumerate(values))
        return f'<polyline points="{points}" fill="none" style="{style}"/>'

    first = picture.first_difference or 0
    fx, fy = at(first, yours[first])
    labels = _end_labels(at(len(ref) - 1, ref[-1])[1], at(len(ref) - 1, yours[-1])[1], width - right + 8)
    grid = "".join(_gridline(v, at(0, v)[1], left, width - right) for v in (low, (low + high) / 2, high))
    ticks = "".join(
        f'<text x="{at(s, low)[0]:.1f}" y="{height - 18}" text-anchor="middle">{s}</text>'
        for s in range(0, len(ref), max(1, (len(ref) - 1) // 4))
    )
    words = escape(_picture_words(picture))
    return (
        # an untrusted notebook drops the style and the drawing but not its labels: without the style they are hidden
        f'<figure><p hidden="hidden"><svg viewBox="0 0 {width} {height}" role="img">'
        f"<title>{words}</title>"
        f"{grid}{ticks}"
        f"{line(ref, 'stroke:var(--ref-wide);stroke-width:6;stroke-linejoin:round')}"
        f"{line(yours, 'stroke:var(--yours);stroke-width:2.5;stroke-dasharray:7 4')}"
        f'<circle cx="{fx:.1f}" cy="{fy:.1f}" r="6" fill="none" style="stroke:var(--bad);stroke-width:2"/>'
        f'<text x="{fx + 10:.1f}" y="{max(fy - 6, top + 6):.1f}" style="fill:var(--bad);font-weight:600">'
        f"first difference: step {first}</text>{labels}"
        f'<text x="{(left + width - right) / 2}" y="{height - 3}" text-anchor="middle">step</text></svg></p>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _end_labels(reference: float, yours: float, x: int) -> str:
    """The names at the ends of the two lines, moved apart where they would stand on each other."""
    ends = sorted([(reference, "ref", "reference (solid)"), (yours, "yours", "yours (dashed)")])
    heights = [ends[0][0], max(ends[1][0], ends[0][0] + 15)]
    return "".join(
        f'<text x="{x}" y="{y + 4:.1f}" style="fill:var(--{colour});font-weight:600">{words}</text>'
        for y, (_, colour, words) in zip(heights, ends, strict=True)
    )


def _gridline(value: float, y: float, left: int, right: int) -> str:
    return (
        f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" style="stroke:var(--line)"/>'
        f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    )
