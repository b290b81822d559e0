"""The class on one page: scores, students by exercises, the commonest mistakes, who needs help, when it came in.

Made from the results.json of a grading run; figures are part of the page, and nothing is fetched.
"""

from __future__ import annotations

import datetime
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from coursekit.bank import index
from coursekit.classroom import feedback, figures
from coursekit.classroom.batch import WHOLE_FILE
from coursekit.classroom.export import WORDS, replace
from coursekit.classroom.submission import Bad
from coursekit.judging.verdict import STATUSES

Row = dict[str, Any]
KINDS = {"passed": "good", "convention": "half", "not_attempted": "none"}  # all else is "bad"
LEGEND = (
    ("good", "✓", "passed"),
    ("half", "≈", "another convention"),
    ("bad", "✗", "not yet"),
    ("none", "○", "no try"),
)
HELP = 50.0  # percent below which somebody is named
MISTAKES = 12
STYLE = """
:root { --good: #00664f; --half: #8a5a00; --bad: #b3261e; --none: #6a6a74; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --good: #4fc3a1; --half: #f0b84a; --bad: #ff8a80; --none: #9a9aa6; --bar: #56b4e9; }
}
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26em), 1fr)); gap: 1.5em 2.5em; }
figure { margin: .5em 0; overflow-x: auto; } svg { width: 100%; min-width: 30em; height: auto; max-width: 46em; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); } svg line { stroke: var(--dim); }
svg rect { fill: var(--bar); }
svg rect.good { fill: var(--good); } svg rect.half { fill: var(--half); }
svg rect.bad { fill: var(--bad); } svg rect.none { fill: var(--none); }
svg text.in { fill: var(--paper); font-weight: 600; } figcaption { color: var(--dim); font-size: .9em; }
dl { display: flex; flex-wrap: wrap; gap: .5em 2.5em; } dl div { min-width: 6em; }
dt { color: var(--dim); } dd { margin: 0; font-size: 1.5em; font-variant-numeric: tabular-nums; }
table.grid td { white-space: nowrap; } table.grid thead th { font-size: .85em; }
table.grid th[scope=row] { position: sticky; left: 0; background: var(--paper); max-width: 14em; }
.good b { color: var(--good); } .half b { color: var(--half); }
.bad b { color: var(--bad); } .none { color: var(--dim); }
"""


def report(out: Path) -> int:
    """`coursekit report`: write the page anew, and say so."""
    print(f"Written to {write(out)}.")
    return 0


def write(out: Path) -> Path:
    """Write `report.html` into the folder of results."""
    path = out / "results.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        text = page(found)
    except OSError as error:
        raise Bad(f"there are no results in {out} ({error.strerror}): coursekit grade writes them") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Bad(f"{path} is not as coursekit grade writes it: {type(error).__name__}: {error}") from None
    try:
        replace(out / "report.html", text)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}") from None
    return out / "report.html"


def page(results: dict[str, Any]) -> str:
    """The whole report, from what is in results.json."""
    rows: list[Row] = results["submissions"]
    handed = [row for row in rows if row["file"]]
    parts = [
        "<h1>The class</h1>",
        _numbers(rows, handed, results),
        '<div class="figures">',
        f"<section><h2>Scores</h2>{_scores(handed)}</section>" if handed else "",
        f"<section><h2>When it came in</h2>{_times(handed)}</section>",
        f"<section><h2>Exercises</h2>{_exercises(handed)}</section>",
        f"<section><h2>The commonest named mistakes</h2>{_mistakes(handed)}</section>",
        "</div>",
        f"<h2>Who needs help</h2>{_help(rows)}",
        f"<h2>Students and exercises</h2>{_grid(rows)}",
        _similar(results.get("similar", [])),
    ]
    about = f"Graded by coursekit {results.get('version', '')}, seed {results.get('seed', '')}."
    return feedback.page("Report of the class", "\n".join(parts), about, STYLE)


def percent(row: Row) -> float:
    """Points of what there was to get, in percent; 0 where there was nothing."""
    most = sum(e["max_points"] for e in row["exercises"])
    return round(100 * sum(e["points"] for e in row["exercises"]) / most, 1) if most else 0.0


def kind(exercise: Row) -> str:
    return KINDS.get(exercise["status"], "bad")


def _words(exercise: Row) -> str:
    return str(exercise["title"] or WORDS.get(exercise["status"], exercise["status"]))


def _numbers(rows: Sequence[Row], handed: Sequence[Row], results: dict[str, Any]) -> str:
    scores = [percent(row) for row in handed]
    facts = {
        "students": len({row["student"] for row in rows}),
        "handed in": len(handed),
        "late": sum(bool(row.get("late")) for row in rows),
        "median": f"{statistics.median(scores):g} %" if scores else "none",
        "all right": sum(score == 100 for score in scores),
        "last run": f"{results.get('seconds', 0):g} s",
    }
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts.items())}</dl>"


def _scores(handed: Sequence[Row]) -> str:
    counts = Counter(min(9, int(percent(row) // 10)) for row in handed)
    labels = [f"{10 * i}–{10 * i + 9 if i < 9 else 100}" for i in range(10)]
    most = max(counts, key=lambda i: counts[i])
    title = f"Submissions by percent of their points; {counts[most]} of {len(handed)} lie at {labels[most]} %."
    return figures.columns([counts[i] for i in range(10)], labels, title=title)


def _times(handed: Sequence[Row]) -> str:
    """How many came on each day, the last fourteen at most; by hours where it was one day."""
    times = sorted(datetime.datetime.fromisoformat(row["handed_in"]) for row in handed if row.get("handed_in"))
    if not times:
        return "<p>The files do not say when they were handed in.</p>"
    by_day = times[0].date() != times[-1].date()
    names = [t.strftime("%d.%m." if by_day else "%H h") for t in times]
    shown = list(dict.fromkeys(names))[-14:]
    counts = Counter(names)
    span = f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M}"
    late = sum(bool(row.get("late")) for row in handed)
    title = f"Handed in by {'day' if by_day else 'hour'}, from {span}; {late} late."
    return figures.columns([counts[name] for name in shown], shown, title=title)


def _names(rows: Sequence[Row]) -> list[str]:
    """Every exercise and quiz that occurs, in the course's order, what has no such name last."""
    there = dict.fromkeys(e["exercise"] for row in rows for e in row["exercises"])
    known = [name for name in (*index.exercises(), *index.quizzes()) if name in there]
    return [*known, *(name for name in there if name not in known)]


def _exercises(handed: Sequence[Row]) -> str:
    counts: dict[str, Counter[str]] = {name: Counter() for name in _names(handed)}
    for row in handed:
        for exercise in row["exercises"]:
            counts[exercise["exercise"]][kind(exercise)] += 1
    counts.pop(WHOLE_FILE, None)
    rows = [(name, [(k, sign, c[k]) for k, sign, _ in LEGEND]) for name, c in counts.items()]
    if not rows:
        return "<p>Nothing was graded.</p>"
    worst = min(counts, key=lambda name: counts[name]["good"] / sum(counts[name].values()))
    passed = f"{counts[worst]['good']} of {sum(counts[worst].values())}"
    order = ", ".join(word for _, _, word in LEGEND)
    title = f"From left to right: {order}. Fewest passed {worst}: {passed}."
    return figures.shares(rows, title=title)


def _mistakes(handed: Sequence[Row]) -> str:
    counts = Counter(
        f"{e['exercise']}: {e['title']}" for row in handed for e in row["exercises"] if e["title"] and kind(e) != "good"
    )
    if not counts:
        return "<p>None was named.</p>"
    common = counts.most_common(MISTAKES)
    title = f"{sum(counts.values())} mistakes with a name, {len(counts)} different; the most frequent {len(common)}."
    return figures.bars(common, title=title)


def _help(rows: Sequence[Row]) -> str:
    """Those below half of the points, the lowest first, and what did not pass."""
    low = sorted((row for row in rows if percent(row) < HELP), key=percent)
    if not low:
        return f"<p>Nobody has less than {HELP:g} %.</p>"
    lines = []
    for row in low:
        said = [f"{e['exercise']} ({_words(e)})" for e in row["exercises"] if kind(e) in ("bad", "none")]
        what = "; ".join([*said[:6], *([f"and {len(said) - 6} more"] if len(said) > 6 else [])]) or row["note"]
        lines.append(
            f'<tr><th scope="row">{escape(row["student"])}</th><td class="number">{percent(row):g} %</td>'
            f"<td>{escape(what)}</td></tr>"
        )
    head = '<th scope="col">student</th><th scope="col" class="number">percent</th><th scope="col">what is open</th>'
    return _table(f"Less than {HELP:g} % of their points: {len(low)}.", head, lines, "Who needs help")


def _grid(rows: Sequence[Row]) -> str:
    names = _names(rows)
    links = feedback.file_names(list(dict.fromkeys(row["student"] for row in rows)))
    head = '<th scope="col">student</th><th scope="col" class="number">percent</th>'
    head += (
        "".join(f'<th scope="col">{escape(name).replace("_", "_<wbr>")}</th>' for name in names)
        + '<th scope="col">note</th>'
    )
    lines = []
    for row in rows:
        own = {e["exercise"]: e for e in row["exercises"]}
        link = f'<a href="feedback/{escape(links[row["student"]])}.html">{escape(row["student"])}</a>'
        cells = "".join(_cell(own.get(name)) for name in names)
        lines.append(
            f'<tr><th scope="row">{link}</th><td class="number">{percent(row):g} %</td>{cells}'
            f"<td>{escape(row['note'])}</td></tr>"
        )
    legend = ", ".join(f"{sign} {word}" for _, sign, word in LEGEND)
    return _table(f"{legend}. A name leads to the feedback page.", head, lines, "Students and exercises", "grid")


def _cell(exercise: Row | None) -> str:
    if exercise is None:
        return "<td></td>"
    sign, word = STATUSES[exercise["status"]]
    points = f"{exercise['points']:g}/{exercise['max_points']:g}"
    title = escape(f"{word}: {_words(exercise)}")
    return f'<td class="{kind(exercise)}" title="{title}"><b>{sign}</b> {points}</td>'


def _similar(pairs: Sequence[Row]) -> str:
    if not pairs:
        return ""
    lines = [
        f'<tr><th scope="row">{escape(pair["first"])}</th><td>{escape(pair["second"])}</td>'
        f'<td class="number">{100 * pair["share"]:.0f} %</td><td class="number">{pair["common"]}</td></tr>'
        for pair in pairs
    ]
    columns = '<th scope="col">one</th><th scope="col">another</th><th scope="col" class="number">alike</th>'
    columns += '<th scope="col" class="number">rare pieces in common</th>'
    words = "Alike in what few others wrote. A hint to look, never a verdict: friends and books write alike, too."
    return f"<h2>Similar submissions</h2>{_table(words, columns, lines, 'Similar submissions')}"


def _table(caption: str, head: str, lines: Iterator[str] | list[str], label: str, style: str = "") -> str:
    rows = "\n".join(lines)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table class="{style}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )
