"""Every small change that can be made to an answer's source: what a slip of the hand or of the mind may have done."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coursekit.judging.changes import method, of_call, of_constant, of_operation, of_result

Path = tuple[tuple[str, int | None], ...]  # from the function's node to one node: fields and list positions

# Numbers that learners write in place of a hyperparameter.
FIXED = {
    "lr": (1e-3, 1e-2, 0.1, 1.0),
    "beta": (0.9, 0.99, 0.5),
    "beta1": (0.9,),
    "beta2": (0.999, 0.99),
    "eps": (1e-8, 1e-10, 1e-7, 1e-6, 0.0),
    "weight_decay": (0.01, 0.0),
    "p": (0.5,),
    "lam": (0.01,),
}


@dataclass(frozen=True, eq=False)
class Edit:
    """One change: nodes put in other nodes' places, or a line left out or moved. `words` end in no full stop."""

    words: str
    line: str  # which line of the answer, in words
    places: tuple[tuple[Path, ast.expr], ...] = ()
    order: tuple[int, ...] | None = None  # the body's statements that stay, in their new order

    @cached_property
    def by_line(self) -> dict[int, list[tuple[Path, ast.expr]]]:
        """The places by the statement they are in, each with its way from there."""
        found: dict[int, list[tuple[Path, ast.expr]]] = {}
        for path, node in self.places:
            found.setdefault(path[0][1] or 0, []).append((path[1:], node))
        return found

    def fits(self, other: Edit) -> bool:
        """Whether both can be made at once: they touch different nodes, and at most one moves lines."""
        if self.order is not None and other.order is not None:
            return False
        mine, theirs = [p for p, _ in self.places], [p for p, _ in other.places]
        return not any(a[: len(b)] == b or b[: len(a)] == a for a in mine for b in theirs)


class Sheet:
    """An answer's source as a tree to edit: its body begins with the old values kept under names of their own."""

    def __init__(self, text: str):
        tree = ast.parse(text).body[0]
        assert isinstance(tree, ast.FunctionDef)
        self.tree, self.name = tree, tree.name
        self.fixed = self._keep_old()
        self._touched: dict[tuple[Edit, int], ast.stmt] = {}
        arguments = tree.args
        self.scalars = {a.arg for a in arguments.kwonlyargs} | {"t", "old_t"}
        self.arguments = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
        self.assigned = [_targets(statement) for statement in tree.body]
        ast.fix_missing_locations(tree)

    def _keep_old(self) -> int:
        """After `m, v, t = state`: `old_m = m` and so on, for mistakes that use the value before an update.

        Likewise `param`, and any other argument that gets a new value.
        """
        body = self.tree.body
        first = body[0]
        names: list[str] = []
        unpacked = False
        if isinstance(first, ast.Assign) and isinstance(first.value, ast.Name) and first.value.id == "state":
            names, unpacked = sorted(_targets(first)), True
        given = {n for statement in body for n in _targets(statement)} | {"param"}
        names += [a.arg for a in self.tree.args.args if a.arg in given]
        kept = [ast.parse(f"old_{n} = {n}").body[0] for n in names]
        at = 1 if unpacked else 0
        body[at:at] = kept
        return at + len(kept)

    def made(self, *edits: Edit) -> ast.FunctionDef:
        """The tree after these edits; what is not touched is shared with this sheet's own tree."""
        return _copy(self.tree, body=self.lines(*edits))

    def lines(self, *edits: Edit) -> list[ast.stmt]:
        """The body after these edits; a line that only one of them touches is the same node each time."""
        body = list(self.tree.body)
        for edit in edits:
            for i, places in edit.by_line.items():
                if body[i] is self.tree.body[i]:
                    key = (edit, i)
                    if key not in self._touched:
                        self._touched[key] = _edited(body[i], places)
                    body[i] = self._touched[key]
                else:
                    body[i] = _edited(body[i], places)
        for edit in edits:
            if edit.order is not None:
                body = [body[i] for i in edit.order]
        return body

    def line(self, i: int) -> str:
        """A statement in words that do not show it: by what it computes."""
        statement = self.tree.body[i]
        if isinstance(statement, ast.Return):
            return "in what is returned"
        names = sorted(self.assigned[i])
        return f"in the line that computes {' and '.join(f'`{n}`' for n in names)}" if names else f"in line {i + 1}"

    def edits(self) -> list[Edit]:
        """Every edit, in one place first, then everywhere, then of lines; none twice."""
        found: dict[tuple, Edit] = {}
        for edit in (*self._places(), *self._everywhere(), *self._lines()):
            key = (tuple((p, ast.dump(n)) for p, n in edit.places), edit.order)
            found.setdefault(key, edit)
        return list(found.values())

    # ---- in one place

    def _places(self) -> Iterator[Edit]:
        for i in range(self.fixed, len(self.tree.body)):
            known = self._known(i)
            for path, node in _expressions(self.tree.body[i], (("body", i),)):
                for words, new in self._changes(node, known):
                    yield Edit(words, self.line(i), ((path, new),))
                if self._is_result(path):
                    yield from (Edit(words, self.line(i), ((path, new),)) for words, new in of_result(node))

    def _is_result(self, path: Path) -> bool:
        """Whether the expression is all that a statement computes, or one part of a returned tuple."""
        return (path[-1] == ("value", None) and len(path) == 2) or (len(path) == 3 and path[-1][0] == "elts")

    def _known(self, i: int) -> set[str]:
        """The names that have a value before statement i, old values included."""
        return self.arguments.union(*self.assigned[:i]) - {"state"}

    def _changes(self, node: ast.expr, known: set[str]) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(node, ast.BinOp):
            yield from of_operation(node)
            yield from self._of_rest(node, known)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield "the minus sign were left out", node.operand
        elif isinstance(node, ast.Constant):
            yield from of_constant(node)
        elif isinstance(node, ast.Call):
            yield from of_call(node)
        elif isinstance(node, ast.Name) and node.id in known:
            yield from self._of_name(node, known)

    def _of_rest(self, node: ast.BinOp, known: set[str]) -> Iterator[tuple[str, ast.expr]]:
        """What stands in place of `1 - beta`: another number that is at hand."""
        one = isinstance(node.left, ast.Constant) and node.left.value == 1
        if one and isinstance(node.op, ast.Sub) and isinstance(node.right, ast.Name):
            for other in sorted(known & self.scalars - {"t", "old_t"}):
                yield f"`{other}` stood where `1 - {node.right.id}` belongs", ast.Name(other, ast.Load())

    def _of_name(self, node: ast.Name, known: set[str]) -> Iterator[tuple[str, ast.expr]]:
        scalar = node.id in self.scalars
        for other in sorted(known - {node.id}):
            if (other in self.scalars) == scalar:
                yield f"{_named(other)} stood where {_named(node.id)} belongs", ast.Name(other, ast.Load())
        for value in FIXED.get(node.id, ()):
            yield f"`{value:g}` stood where {_named(node.id)} belongs", ast.Constant(value)
        if node.id == "t":
            for sign, words in ((ast.Add(), "one too many"), (ast.Sub(), "one too few")):
                yield f"`t` were {words}", ast.BinOp(node, sign, ast.Constant(1))
        if node.id not in ("t", "old_t"):
            yield f"{_named(node.id)} were squared", ast.BinOp(node, ast.Pow(), ast.Constant(2))
        if not scalar:
            yield f"only the sign of {_named(node.id)} were taken", method(node, "sign")
            yield f"the absolute value of {_named(node.id)} were taken", method(node, "abs")
            for words, factor in self._factors(known):
                yield f"{_named(node.id)} were multiplied by {words} as well", ast.BinOp(factor, ast.Mult(), node)

    def _factors(self, known: set[str]) -> Iterator[tuple[str, ast.expr]]:
        """What a learner may multiply by once too often: a rate, or the share of a mean."""
        for name in sorted(known & self.scalars):
            if name == "lr" or name == "weight_decay":
                yield f"`{name}`", ast.Name(name, ast.Load())
            if name.startswith("beta"):
                yield f"`{name}`", ast.Name(name, ast.Load())
                share = ast.BinOp(ast.Constant(1), ast.Sub(), ast.Name(name, ast.Load()))
                yield f"`1 - {name}`", share

    # ---- everywhere, and whole lines

    def _everywhere(self) -> Iterator[Edit]:
        uses: dict[str, list[Path]] = {}
        for i in range(self.fixed, len(self.tree.body)):
            for path, node in _expressions(self.tree.body[i], (("body", i),)):
                if isinstance(node, ast.Name) and node.id in self.arguments | {"t"}:
                    uses.setdefault(node.id, []).append(path)
        corrections = [p for p in uses.get("t", []) if not self._counts(p)]
        for sign, words in ((ast.Add(), "one too many"), (ast.Sub(), "one too few")) if len(corrections) > 1 else ():
            later = ast.BinOp(ast.Name("t", ast.Load()), sign, ast.Constant(1))
            yield Edit(f"`t` were {words} wherever it corrects", "", tuple((p, later) for p in corrections))
        for a in sorted(uses.keys() & self.scalars):
            for value in FIXED.get(a, ()):
                words = f"`{a}` were {value:g}, whatever is asked for"
                yield Edit(words, "", tuple((p, ast.Constant(value)) for p in uses[a]))
        for a in sorted(uses.keys() & self.arguments):
            for b in sorted(self.arguments - {a, "state", "grad_fn"}):
                if (a in self.scalars) != (b in self.scalars):
                    continue
                swap = tuple((p, ast.Name(b, ast.Load())) for p in uses[a])
                yield Edit(f"`{b}` stood everywhere in place of `{a}`", "", swap)
                if b in uses and a < b:
                    back = tuple((p, ast.Name(a, ast.Load())) for p in uses[b])
                    yield Edit(f"`{a}` and `{b}` were exchanged", "", swap + back)

    def _counts(self, path: Path) -> bool:
        """Whether a use of `t` stands where it is counted or returned."""
        i = path[0][1] or 0
        return "t" in self.assigned[i] or isinstance(self.tree.body[i], ast.Return)

    def _lines(self) -> Iterator[Edit]:
        count = len(self.tree.body)
        movable = range(self.fixed, count - 1)
        whole = tuple(range(count))
        for i in movable:
            what = self.line(i).removeprefix("in ")
            yield Edit(f"{what} were left out", "", order=tuple(k for k in whole if k != i))
            for j in movable:
                if j != i:
                    rest = [k for k in whole if k != i]
                    rest.insert(j, i)
                    place = "later" if j > i else "earlier"
                    yield Edit(f"{what} came {place} than it should", "", order=tuple(rest))


def _named(name: str) -> str:
    return f"the old `{name[4:]}`" if name.startswith("old_") else f"`{name}`"


def _targets(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _expressions(node: ast.AST, path: Path) -> Iterator[tuple[Path, ast.expr]]:
    """Every expression below a statement that is read, with its path; functions called and targets are left out."""
    for name, value in ast.iter_fields(node):
        if name in ("targets", "ctx", "op", "func") and not (name == "func" and isinstance(value, ast.Attribute)):
            continue
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            here = (*path, (name, i))
            if isinstance(child, ast.expr) and name != "func":
                yield here, child
            yield from _expressions(child, here)


def _edited(statement: ast.stmt, places: list[tuple[Path, ast.expr]]) -> ast.stmt:
    for path, node in places:
        statement = _with_node(statement, path, node)
    return statement


def _with_node(tree: Any, path: Path, new: ast.expr) -> Any:
    """The tree with another node at the path: only the nodes on the way are copied."""
    if not path:
        return new
    (name, i), rest = path[0], path[1:]
    child = getattr(tree, name)
    if i is None:
        return _copy(tree, **{name: _with_node(child, rest, new)})
    return _copy(tree, **{name: [*child[:i], _with_node(child[i], rest, new), *child[i + 1 :]]})


def _copy(node: Any, **changed: Any) -> Any:
    new = copy.copy(node)
    for name, value in changed.items():
        setattr(new, name, value)
    return new
