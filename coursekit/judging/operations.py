"""A line of an answer taken apart into operations, so that thousands of edited answers can do each of them together."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

STATE, RETURNED = "state.", "return."  # how the places of a state's fields and of returned values are named


class NotALine(ValueError):
    """A statement that is no chain of operations, such as a loop or a branch: answers with it are run one by one."""


class Operation(NamedTuple):
    """Python text with `_0`, `_1` and so on for the values at the places `reads`; the result goes to `writes`."""

    text: str
    reads: tuple[int, ...]
    writes: int


class Places:
    """Every name, constant and intermediate result of an exercise's answers has a place: its number in `at`."""

    def __init__(self, names: Iterable[str], state: Sequence[str] | None):
        self.at: dict[str, int] = {}
        self.constants: dict[int, Any] = {}
        self._names, self._state = set(names), state  # no state: not an update rule

    def of(self, name: str) -> int:
        return self.at.setdefault(name, len(self.at))

    def operations(self, statement: ast.stmt) -> list[Operation]:
        """What a statement does, one operation after the other.

        Raises:
            NotALine: it holds other statements, or returns what cannot be taken apart.
        """
        if isinstance(statement, ast.Return) and statement.value is not None:
            return self._all(self._returned(statement.value))
        names = written(statement)
        assert isinstance(statement, ast.Assign)
        if not isinstance(statement.targets[0], ast.Tuple):
            return self._all([(names[0], statement.value)])
        parts = self._parts(statement.value)
        if parts is None or len(parts) != len(names):
            raise NotALine(ast.unparse(statement))
        first = self._all([(f"part {i}", part) for i, part in enumerate(parts)])  # all before a name gets its new value
        moves = [Operation("_0", (self.of(f"part {i}"),), self.of(name)) for i, name in enumerate(names)]
        return first + moves

    def _returned(self, node: ast.expr) -> list[tuple[str, ast.expr]]:
        """What is returned, by place: the parameter and the state's fields, or one value after the other."""
        parts = self._parts(node)
        if self._state is None:
            return [(f"{RETURNED}{i}", part) for i, part in enumerate([node] if parts is None else parts)]
        fields = self._parts(parts[1]) if parts is not None and len(parts) == 2 else None
        if parts is None or fields is None or len(fields) != len(self._state):
            raise NotALine(ast.unparse(node))
        return [(f"{RETURNED}param", parts[0]), *((RETURNED + n, x) for n, x in zip(self._state, fields, strict=True))]

    def _parts(self, node: ast.expr) -> list[ast.expr] | None:
        """The parts of a tuple, of the state, or of a new state."""
        if isinstance(node, ast.Tuple):
            return node.elts
        if isinstance(node, ast.Name) and node.id == "state" and self._state is not None:
            return [ast.Name(f"{STATE}{name}", ast.Load()) for name in self._state]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("State"):
            return None if node.keywords else node.args
        return None

    def _all(self, wanted: list[tuple[str, ast.expr]]) -> list[Operation]:
        found: list[Operation] = []
        for name, node in wanted:
            at = self._value(node, 0, found)
            if found and found[-1].writes == at and node is not None and not isinstance(node, ast.Name | ast.Constant):
                found[-1] = found[-1]._replace(writes=self.of(name))
            else:
                found.append(Operation("_0", (at,), self.of(name)))
        return found

    def _value(self, node: ast.expr, depth: int, found: list[Operation]) -> int:
        """Where the value of an expression is, after the operations that make it."""
        if isinstance(node, ast.Name) and (node.id in self._names or node.id.startswith(STATE)):
            return self.of(node.id)
        if (field := self._field(node)) is not None:
            return self.of(STATE + field)
        if isinstance(node, ast.Constant):
            at = self.of(f"constant {node.value!r}")
            self.constants[at] = node.value
            return at
        text, children = self._pattern(node)
        reads = tuple(self._value(child, depth + i, found) for i, child in enumerate(children))
        found.append(Operation(text, reads, self.of(f"depth {depth}")))
        return found[-1].writes

    def _field(self, node: ast.expr) -> str | None:
        """Which field of the state `state.v` or `state[0]` is."""
        whole = getattr(node, "value", None)
        if not self._state or not isinstance(whole, ast.Name) or whole.id != "state":
            return None
        if isinstance(node, ast.Attribute):
            return node.attr if node.attr in self._state else None
        at = node.slice.value if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) else None
        return self._state[at] if isinstance(at, int) and at < len(self._state) else None

    def _pattern(self, node: ast.expr) -> tuple[str, list[ast.expr]]:
        """An expression with its parts taken out, and those parts."""
        if isinstance(node, ast.BinOp):
            return _text(type(node.op).__name__), [node.left, node.right]
        if isinstance(node, ast.UnaryOp):
            return _text(type(node.op).__name__), [node.operand]
        if self._looks_into(node):
            inner: list[ast.expr] = [node.value]  # type: ignore[attr-defined]
            text = "_0"
            if isinstance(inner[0], ast.Call):  # `x.max(dim=0).values`: between the two is no tensor
                text, inner = self._pattern(inner[0])
            return ast.unparse(node).replace(ast.unparse(node.value), text, 1), inner  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and _plain_call(node):
            return self._call(node)
        if "state" in (read := sorted(self._reads(node))):
            raise NotALine(ast.unparse(node))
        names = {name: f"_{i}" for i, name in enumerate(read)}
        return ast.unparse(_renamed(node, names)), [ast.Name(name, ast.Load()) for name in read]

    def _looks_into(self, node: ast.expr) -> bool:
        """Whether it is an attribute or an item of one of the answer's values."""
        fixed = isinstance(node, ast.Attribute) or (isinstance(node, ast.Subscript) and not self._reads(node.slice))
        return fixed and bool(self._reads(node.value))  # type: ignore[attr-defined]

    def _call(self, node: ast.Call) -> tuple[str, list[ast.expr]]:
        children: list[ast.expr] = []

        def part(child: ast.expr) -> str:
            if not self._reads(child):
                return ast.unparse(child)
            children.append(child)
            return f"_{len(children) - 1}"

        method = isinstance(node.func, ast.Attribute) and self._reads(node.func.value)
        name = f"{part(node.func.value)}.{node.func.attr}" if method else part(node.func)  # type: ignore[attr-defined]
        args = [part(a) for a in node.args] + [f"{k.arg}={part(k.value)}" for k in node.keywords]
        return f"{name}({', '.join(args)})", children

    def _reads(self, node: ast.AST) -> set[str]:
        """The answer's own names in an expression."""
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return {n for n in names if n in self._names or n.startswith(STATE)}


def written(statement: ast.stmt) -> list[str]:
    """The names that a statement gives values to; none for a `return`.

    Raises:
        NotALine: the statement is neither.
    """
    if isinstance(statement, ast.Return):
        return []
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        nodes = target.elts if isinstance(target, ast.Tuple) else [target]
        if all(isinstance(n, ast.Name) for n in nodes):
            return [n.id for n in nodes]  # type: ignore[attr-defined]
    raise NotALine(ast.unparse(statement))


def _plain_call(node: ast.Call) -> bool:
    """Whether every argument stands for one value: no `*x`, no `**x`, no generator."""
    odd = any(isinstance(a, ast.Starred | ast.GeneratorExp) for a in node.args)
    return not odd and all(keyword.arg for keyword in node.keywords)


@functools.cache
def _text(sign: str) -> str:
    """The operation that a sign, such as "Add", stands for."""
    kind = getattr(ast, sign)
    if issubclass(kind, ast.unaryop):
        return ast.unparse(ast.UnaryOp(kind(), ast.Name("_0")))
    return ast.unparse(ast.BinOp(ast.Name("_0"), kind(), ast.Name("_1")))


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)


def _renamed(node: ast.expr, names: dict[str, str]) -> ast.expr:
    try:
        return _Renamer(names).visit(ast.parse(ast.unparse(node), mode="eval").body)
    except SyntaxError:  # a part that cannot stand alone, such as `*rates`
        raise NotALine(ast.unparse(node)) from None
