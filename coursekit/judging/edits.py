"""Every small change that can be made to an answer's source: what a slip of the hand or of the mind may have done."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Path = tuple[tuple[str, int | None], ...]  # from the function's node to one node: fields and list positions

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
TWINS = {
    "mean": ("sum",),
    "sum": ("mean",),
    "amax": ("amin", "mean"),
    "max": ("min",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "log": ("exp",),
    "exp": ("log",),
    "log1p": ("log",),
}
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
LEFT_OUT = {ast.Add: "term", ast.Sub: "term", ast.Mult: "factor", ast.Div: "division", ast.Pow: "power"}


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
        """After `m, v, t = state`: `old_m = m` and so on, for mistakes that use the value before an update."""
        body = self.tree.body
        first = body[0]
        names: list[str] = []
        if isinstance(first, ast.Assign) and isinstance(first.value, ast.Name) and first.value.id == "state":
            names = sorted(_targets(first))
        names += [a.arg for a in self.tree.args.args if a.arg == "param"]
        kept = [ast.parse(f"old_{n} = {n}").body[0] for n in names]
        at = 1 if names and names != ["param"] else 0
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
                    yield from (Edit(words, self.line(i), ((path, new),)) for words, new in _of_result(node))

    def _is_result(self, path: Path) -> bool:
        """Whether the expression is all that a statement computes, or one part of a returned tuple."""
        return (path[-1] == ("value", None) and len(path) == 2) or (len(path) == 3 and path[-1][0] == "elts")

    def _known(self, i: int) -> set[str]:
        """The names that have a value before statement i, old values included."""
        return self.arguments.union(*self.assigned[:i]) - {"state"}

    def _changes(self, node: ast.expr, known: set[str]) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(node, ast.BinOp):
            yield from _of_operation(node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield "the minus sign were left out", node.operand
        elif isinstance(node, ast.Constant):
            yield from _of_constant(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Name) and node.id in known:
            yield from self._of_name(node, known)

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
        if not scalar:
            yield f"{_named(node.id)} were squared", ast.BinOp(node, ast.Pow(), ast.Constant(2))
            yield f"the absolute value of {_named(node.id)} were taken", _method(node, "abs")
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


def _of_result(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Name | ast.Tuple):
        return  # a name has its own changes
    yield "the square root were taken of all of it", ast.BinOp(node, ast.Pow(), ast.Constant(0.5))
    yield "all of it were squared", ast.BinOp(node, ast.Pow(), ast.Constant(2))
    yield "the absolute value were taken of all of it", _method(node, "abs")
    yield "all of it had the other sign", ast.UnaryOp(ast.USub(), node)


def _of_operation(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    kind = type(node.op)
    for other in OPERATORS.get(kind, ()):
        yield (
            f"there were a `{SIGNS[other]}` where a `{SIGNS[kind]}` belongs",
            ast.BinOp(node.left, other(), node.right),
        )
    if kind in (ast.Sub, ast.Div, ast.Pow):
        yield f"the two sides of the `{SIGNS[kind]}` were exchanged", ast.BinOp(node.right, node.op, node.left)
    yield from _of_parentheses(node)
    out = LEFT_OUT.get(kind, "part")
    yield f"the {out}{_with(node.right)} were left out", node.left
    if kind is ast.Pow:
        yield "the absolute value stood where the power belongs", _method(node.left, "abs")
    if kind in (ast.Add, ast.Mult):
        yield f"the {out}{_with(node.left)} were left out", node.right
    if kind is ast.Sub:
        yield f"only what is subtracted were used{_with(node.right)}", node.right
    if kind is ast.Div:
        yield (
            "the root were taken of the denominator",
            ast.BinOp(node.left, node.op, ast.BinOp(node.right, ast.Pow(), ast.Constant(0.5))),
        )


def _of_parentheses(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """`a / (b + c)` read as `a / b + c`, and `(a + b) * c` as `a + b * c`."""
    if not isinstance(node.op, ast.Mult | ast.Div):
        return
    sign, left, right = SIGNS[type(node.op)], node.left, node.right
    if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Add | ast.Sub):
        inner = ast.BinOp(left, node.op, right.left)
        yield f"the parentheses after the `{sign}` were missing", ast.BinOp(inner, right.op, right.right)
    if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add | ast.Sub):
        inner = ast.BinOp(left.right, node.op, right)
        yield f"the parentheses before the `{sign}` were missing", ast.BinOp(left.left, left.op, inner)


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return
    for value in (0, 1, 2, 3, 0.5, -1):
        if value != node.value:
            yield f"`{value}` stood where another number belongs", ast.Constant(value)


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    library = (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
    )
    inner = (
        node.args[0]
        if (library or isinstance(node.func, ast.Name)) and node.args
        else getattr(node.func, "value", None)
    )
    if (
        name
        and name[0].islower()
        and isinstance(inner, ast.expr)
        and not (isinstance(inner, ast.Name) and inner.id == "torch")
    ):
        yield f"`{name}` were left out", inner
        yield f"`{name}` were applied to the absolute value", _put_inner(node, _method(inner, "abs"), library)
    if isinstance(node.func, ast.Attribute):
        for other in TWINS.get(name, ()):
            twin = copy.deepcopy(node)
            assert isinstance(twin.func, ast.Attribute)
            twin.func.attr = other
            yield f"`{other}` stood where `{name}` belongs", twin
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "dim":
            for dim in (0, -1):
                other_dim = copy.deepcopy(node)
                other_dim.keywords[i].value = ast.Constant(dim)
                yield f"`{name}` went along dimension {dim}", other_dim
            bare = copy.deepcopy(node)
            bare.keywords = [k for k in bare.keywords if k.arg not in ("dim", "keepdim")]
            yield f"`{name}` went over all dimensions", bare


def _put_inner(node: ast.Call, inner: ast.expr, library: bool) -> ast.expr:
    new = copy.deepcopy(node)
    if library or isinstance(new.func, ast.Name):
        new.args[0] = inner
    else:
        assert isinstance(new.func, ast.Attribute)
        new.func.value = inner
    return new


def _method(node: ast.expr, name: str) -> ast.expr:
    return ast.Call(ast.Attribute(node, name, ast.Load()), [], [])


def _named(name: str) -> str:
    return f"the old `{name[4:]}`" if name.startswith("old_") else f"`{name}`"


def _with(node: ast.expr) -> str:
    """' with `beta1` and `t`': the names in a part, so that the part is known without being shown."""
    names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id != "torch"})
    return f" with {' and '.join(f'`{n}`' for n in names)}" if names else ""


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
