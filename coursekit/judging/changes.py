"""What may be wrong with one part of an expression: every small change of it, in words and as a tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

Change = tuple[str, ast.expr]  # in words that end in no full stop, and what stands there instead

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
TWINS = {
    "mean": ("sum", "median"),
    "sum": ("mean",),
    "amax": ("amin", "mean"),
    "max": ("min",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "log": ("exp", "log2", "log10", "log1p"),
    "exp": ("log",),
    "log1p": ("log",),
}
LEFT_OUT = {ast.Add: "term", ast.Sub: "term", ast.Mult: "factor", ast.Div: "division", ast.Pow: "power"}


def of_result(node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.Name | ast.Tuple | ast.Starred):
        return  # a name has its own changes, and what is starred is no value
    yield "the square root were taken of all of it", ast.BinOp(node, ast.Pow(), ast.Constant(0.5))
    yield "all of it were squared", ast.BinOp(node, ast.Pow(), ast.Constant(2))
    yield "the absolute value were taken of all of it", method(node, "abs")
    yield "all of it had the other sign", ast.UnaryOp(ast.USub(), node)


def of_operation(node: ast.BinOp) -> Iterator[Change]:
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
        yield "the absolute value stood where the power belongs", method(node.left, "abs")
        for name in ("sum", "mean"):
            yield f"the {name} over all elements were taken of the power", method(node, name)
    if kind in (ast.Add, ast.Mult):
        yield f"the {out}{_with(node.left)} were left out", node.right
    if kind is ast.Sub:
        yield f"only what is subtracted were used{_with(node.right)}", node.right
    if kind is ast.Div:
        yield (
            "the root were taken of the denominator",
            ast.BinOp(node.left, node.op, ast.BinOp(node.right, ast.Pow(), ast.Constant(0.5))),
        )


def _of_parentheses(node: ast.BinOp) -> Iterator[Change]:
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


def of_constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return
    for value in (0, 1, 2, 3, 0.5, -1):
        if value != node.value:
            yield f"`{value}` stood where another number belongs", ast.Constant(value)


def of_call(node: ast.Call) -> Iterator[Change]:
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
        yield f"`{name}` were applied to the absolute value", _put_inner(node, method(inner, "abs"), library)
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


def method(node: ast.expr, name: str) -> ast.expr:
    return ast.Call(ast.Attribute(node, name, ast.Load()), [], [])


def _with(node: ast.expr) -> str:
    """' with `beta1` and `t`': the names in a part, so that the part is known without being shown."""
    names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id != "torch"})
    return f" with {' and '.join(f'`{n}`' for n in names)}" if names else ""
