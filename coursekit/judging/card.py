"""A verdict as a person sees it: as text, and as an HTML card that carries its own style."""

from __future__ import annotations

import itertools
import re
import textwrap
from html import escape
from importlib import resources

from coursekit.judging.drawing import draw
from coursekit.judging.verdict import STATUSES, Check, Picture, Verdict

SIGNS = {True: "✓", False: "✗", None: "·"}
KINDS = {True: ("yes", "holds"), False: ("no", "fails"), None: ("off", "open")}  # class, and the sign in a word
EMPHASIS = re.compile(r"(?<![\w*])\*([^\s*](?:[^*]*[^\s*])?)\*(?![\w*])")
LATER = " (not looked at yet)"
_ids = itertools.count(1)


def style(sheet: str) -> str:
    """A style sheet of this folder, after the inks that all of them share; `#card` stands for the id it is for."""
    return "".join(resources.files(__package__).joinpath(f).read_text(encoding="utf-8") for f in ("inks.css", sheet))


STYLE = style("card.css")


def text(verdict: Verdict) -> str:
    """The card in plain text, the same content in the same order."""
    sign, word = STATUSES[verdict.status]
    points = f" ({_points(verdict)})" if _points(verdict) else ""
    lines = [f"{sign} {word}: {verdict.exercise}{points}"]
    for line in verdict.message.splitlines():
        lines += textwrap.wrap(line, 100, initial_indent="  ", subsequent_indent="  ")
    for check in _shown(verdict):
        line = f"    {SIGNS[check.ok]} {_check_text(check)}"
        lines += textwrap.wrap(line, 100, subsequent_indent=" " * 6, break_long_words=False)
    if verdict.picture:
        lines += textwrap.wrap(_picture_words(verdict.picture), 100, initial_indent="  ", subsequent_indent="  ")
    if verdict.call:
        lines += ["  The call that shows it:", *(f"    {line}" for line in verdict.call.splitlines())]
    if _hint_order(verdict):
        lines.append(f'  A hint: hint("{verdict.exercise}", {verdict.hint})')
    return "\n".join(lines)


def html(verdict: Verdict, *, picture: bool = True, hints: bool = True) -> str:
    """The card as self-contained HTML; every text of a learner's is escaped."""
    name = f"ck{next(_ids)}"
    sign, word = STATUSES[verdict.status]
    parts = [
        f"<h4>{sign} {escape(word)} — {escape(verdict.exercise)}</h4>",
        f"<p>{_inline(verdict.message)}</p>" if verdict.message else "",
        _checks(verdict),
        draw(verdict.picture, _picture_words(verdict.picture)) if picture and verdict.picture else "",
        f"<details><summary>The call that shows it</summary><pre>{escape(verdict.call)}</pre></details>"
        if verdict.call
        else "",
        _hints(verdict) if hints else "",
        f'<p class="off">{_points(verdict)}</p>' if _points(verdict) else "",
    ]
    style = STYLE.replace("#card", f"#{name}")  # ids of its own: many cards stand in one notebook
    head = f'<section id="{name}" class="{verdict.status}" aria-label="{escape(word)}: {escape(verdict.exercise)}">'
    return f"{head}<style>{style}</style>{''.join(parts)}</section>"


def _points(verdict: Verdict) -> str:
    """The points, where there are any to be had; a fault of the course's own says nothing about them."""
    if not verdict.max_points or verdict.status == "internal":
        return ""
    return f"{verdict.points:g} of {verdict.max_points:g} point{'s' * (verdict.max_points != 1)}"


def _shown(verdict: Verdict) -> tuple[Check, ...]:
    return () if verdict.status in ("not_attempted", "refused", "internal") else verdict.checks


def _check_text(check: Check) -> str:
    return f"{check.name}{': ' + check.detail if check.detail else ''}{LATER if check.ok is None else ''}"


def _checks(verdict: Verdict) -> str:
    rows = []
    for check in _shown(verdict):
        kind, word = KINDS[check.ok]
        sign = f'<b role="img" aria-label="{word}">{SIGNS[check.ok]}</b>'
        rows.append(f'<li class="{kind}">{sign} {escape(_check_text(check))}</li>')
    return f"<ul>{''.join(rows)}</ul>" if rows else ""


def _hint_order(verdict: Verdict) -> list[int]:
    """The hints by number, the one that fits the mistake first."""
    if verdict.status in ("passed", "internal") or not verdict.hints:
        return []
    first = min(max(verdict.hint, 1), len(verdict.hints))
    return [first, *(n for n in range(1, len(verdict.hints) + 1) if n != first)]


def _hints(verdict: Verdict) -> str:
    fold = "<details><summary>Hint {n} of {all}</summary><p>{text}</p></details>"
    order = _hint_order(verdict)
    return "".join(fold.format(n=n, all=len(order), text=_inline(verdict.hints[n - 1])) for n in order)


def _inline(words: str) -> str:
    """Escaped text with `code` in backticks kept as code, and *words* between asterisks as emphasis."""
    pieces = escape(words).split("`")
    made = (f"<code>{p}</code>" if i % 2 else EMPHASIS.sub(r"<em>\1</em>", p) for i, p in enumerate(pieces))
    return "".join(made).replace("\n", "<br>")


def _picture_words(p: Picture) -> str:
    ends = f"it is {_place(p.yours[-1])}, the reference {_place(p.reference[-1])}"
    return f"{p.caption}: yours is elsewhere from step {p.first_difference} on; after {len(p.yours) - 1} steps {ends}."


def _place(value: float) -> str:
    return "not a number" if value != value else f"at {value:.3g}"
