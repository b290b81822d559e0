"""Draws docs/house.svg, the rooms of the house and which imports which: `python docs/house.py`.

With `--check` it writes nothing, and ends with status 1 where the picture is out of date.
"""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"

# Every room, by the modules whose names begin so (the longest fits), and what it is.
ROOMS = {
    "notebooks": "the lessons",
    "coursekit.reference": "the formulas",
    "coursekit.probe": "cases, and running them",
    "coursekit.exercise": "what an exercise is",
    "coursekit.engine": "what runs a rule",
    "coursekit.show": "figures",
    "coursekit.bank": "the exercises, declared",
    "coursekit.judging": "one answer, judged",
    "coursekit.authoring": "notebooks and the audit",
    "coursekit.classroom": "many answers, graded",
    "coursekit.classroom.sandbox": "the walls",
    "coursekit.classroom.board": "a workshop, live",
    "coursekit.doctor": "what is installed",
    "coursekit.workfolder": "a learner's own folder",
    "coursekit.cli": "the command line",
}
WIDE, HIGH, GAP, FLOOR, THREAD = 190, 50, 24, 92, 26  # of a box, between boxes, of a floor, of an arrow passing by

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1b1b; text-anchor: middle }
.name { font-weight: 600; font-size: 15px }
rect { fill: #ffffff; stroke: #0072b2; stroke-width: 1.5 }
path { fill: none; stroke: #666666; stroke-width: 1.4 }
.paper { fill: #ffffff; stroke: none }
.head { fill: #666666; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #eeeeee } .paper { fill: #16181c } rect { fill: #22262c; stroke: #56b4e9 }
  path { stroke: #a8a8a8 } .head { fill: #a8a8a8 }
}
"""


def room(module: str) -> str | None:
    """The room that a module is in: the longest of `ROOMS` that its name begins with."""
    fits = [name for name in ROOMS if module == name or module.startswith(f"{name}.")]
    return max(fits, key=len, default=None)


def trees() -> dict[str, ast.Module]:
    """The syntax tree of every module of coursekit, and of every lesson."""
    paths = [*sorted((ROOT / "coursekit").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in zip(names, paths, strict=True)}


def imported(tree: ast.Module, known: set[str], lent: dict[str, str]) -> Iterator[str]:
    """The modules of the course that a module imports; `lent` says where coursekit itself has a name from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else lent.get(whole, node.module)


def stands_on() -> dict[str, set[str]]:
    """Every room, and the rooms that it imports."""
    found = trees()
    if strange := [name for name in found if room(name) is None and name != "coursekit"]:
        raise SystemExit(f"docs/house.py: {strange[0]} is in no room; name its room in ROOMS, and what it is")
    where = next(n.value for n in found["coursekit"].body if isinstance(n, ast.Assign) and "_WHERE" in ast.unparse(n))
    lent = {f"coursekit.{name}": module for name, module in ast.literal_eval(where).items()}
    below: dict[str, set[str]] = {name: set() for name in ROOMS}
    for name, tree in found.items():
        here = room(name)
        if here is not None:
            below[here] |= {there for other in imported(tree, set(found), lent) if (there := room(other))} - {here}
    return below


def all_below(name: str, below: dict[str, set[str]], way: tuple[str, ...] = ()) -> set[str]:
    """Everything that a room stands on, at once or through others."""
    if name in way:
        raise SystemExit(f"docs/house.py: imports run in a circle: {' -> '.join((*way, name))}")
    return below[name].union(*(all_below(other, below, (*way, name)) for other in sorted(below[name])))


def arrows(below: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without those that follow from others: where a stands on b and b on c, that a imports c too is not drawn."""
    deep = {name: all_below(name, below) for name in below}
    return {name: {x for x in there if not any(x in deep[y] for y in there)} for name, there in below.items()}


def floors(below: dict[str, set[str]]) -> dict[str, int]:
    """Each room one floor above the highest that it stands on; one that stands on nothing right below who needs it."""

    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in below[name]), default=-1)

    users = {name: [other for other in below if name in below[other]] for name in below}
    return {n: floor(n) if below[n] else min((floor(u) - 1 for u in users[n]), default=0) for n in below}


Spot = tuple[str, ...]  # a room, or a place where an arrow passes a floor: (from, to, floor)


def places(below: dict[str, set[str]]) -> tuple[dict[Spot, tuple[float, float]], list[list[Spot]]]:
    """Where each room's middle is, and each arrow as the spots that it leads through."""
    level = floors(below)
    storeys: list[list[Spot]] = [[] for _ in range(max(level.values()) + 1)]
    for name in below:
        storeys[level[name]].append((name,))
    ways = []
    for name in below:
        for other in sorted(below[name]):
            between = [(name, other, str(k)) for k in range(level[name] - 1, level[other], -1)]
            for spot in between:
                storeys[int(spot[2])].append(spot)
            ways.append([(name,), *between, (other,)])
    near: dict[Spot, list[Spot]] = {spot: [] for storey in storeys for spot in storey}
    for way in ways:
        for one, two in itertools.pairwise(way):
            near[one].append(two)
            near[two].append(one)
    at = {spot: float(i * WIDE) for storey in storeys for i, spot in enumerate(storey)}
    for _ in range(40):  # each to the middle of what it is tied to, then as far aside as the neighbours need
        for storey in storeys:
            want = {
                spot: sum(at[n] for n in near[spot]) / len(near[spot]) if near[spot] else at[spot] for spot in storey
            }
            storey.sort(key=lambda spot: (want[spot], spot))
            _spread(storey, want, at)
    left = min(x - _half(spot) for spot, x in at.items())
    top = len(storeys) - 1
    height = {spot: GAP + HIGH / 2 + (top - k) * FLOOR for k, storey in enumerate(storeys) for spot in storey}
    return {spot: (round(x - left + GAP, 1), height[spot]) for spot, x in at.items()}, ways


def _half(spot: Spot) -> float:
    return (WIDE + GAP) / 2 if len(spot) == 1 else THREAD / 2


def _spread(storey: list[Spot], want: dict[Spot, float], at: dict[Spot, float]) -> None:
    """Put a floor's spots in their order, none over another, with the mean where it is wanted."""
    edge = -1e9
    for spot in storey:
        at[spot] = max(want[spot], edge + _half(spot))
        edge = at[spot] + _half(spot)
    shift = sum(want[spot] - at[spot] for spot in storey) / max(len(storey), 1)
    for spot in storey:
        at[spot] += shift


def picture() -> str:
    """The whole drawing, the same each time."""
    below = arrows(stands_on())
    at, ways = places(below)
    wide = max(x + _half(spot) for spot, (x, _) in at.items()) + GAP / 2
    high = max(y for _, y in at.values()) + HIGH / 2 + GAP
    said = "; ".join(f"{short(n)} on {' and '.join(map(short, sorted(there)))}" for n, there in below.items() if there)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" role="img">',
        f"<title>The rooms of coursekit</title><desc>What stands on what: {escape(said)}.</desc>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{wide:.0f}" height="{high:.0f}"/>',
    ]
    lines += [_arrow([at[spot] for spot in way]) for way in ways]
    for name, words in ROOMS.items():
        x, y = at[(name,)]
        lines += [
            f'<rect x="{x - WIDE / 2:.1f}" y="{y - HIGH / 2:.1f}" width="{WIDE}" height="{HIGH}" rx="7"/>',
            f'<text class="name" x="{x:.1f}" y="{y - 4:.1f}">{escape(short(name))}</text>',
            f'<text x="{x:.1f}" y="{y + 15:.1f}">{escape(words)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _arrow(points: list[tuple[float, float]]) -> str:
    """From the lower edge of a room down to the upper edge of another, upright past the rooms of the floors between."""
    x, y = points[0][0], points[0][1] + HIGH / 2
    drawn = f"M{x:.1f} {y:.1f}"
    for k, (to, middle) in enumerate(points[1:], 2):
        last = k == len(points)
        edge = middle - HIGH / 2 - 7 * last
        bend = (y + edge) / 2
        drawn += f"C{x:.1f} {bend:.1f} {to:.1f} {bend:.1f} {to:.1f} {edge:.1f}" + f"v{HIGH}" * (not last)
        x, y = to, edge + HIGH * (not last)
    return f'<path d="{drawn}"/><path class="head" d="M{x - 4.5:.1f} {y - 2:.1f}h9l-4.5 9z"/>'


def short(name: str) -> str:
    return name.removeprefix("coursekit.")


def main() -> int:
    drawn = picture()
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(drawn, encoding="utf-8", newline="\n")
        return 0
    if PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == drawn:
        return 0
    print("docs/house.svg is out of date: python docs/house.py draws it anew; then read docs/design.md again")
    return 1


if __name__ == "__main__":
    sys.exit(main())
