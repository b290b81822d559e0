"""A module around one function of a submission: what the function uses, and nothing else of the file.

Imports, definitions and plain assignments that the function uses, directly or through others, are executed in the
file's order; top-level code that trains or plots does not run. What fails is left out, and named when it is missed.
"""

from __future__ import annotations
import __future__

import ast
import dis
import linecache
import types
from collections.abc import Iterator
from typing import Any

from coursekit.classroom.sandbox.source import Source, definition
from coursekit.probe.values import cut

# what a top-level value may be made with: nothing of these trains or plots
MODULES = {"torch", "math", "numpy", "collections", "functools", "itertools", "operator", "typing", "fractions"}
BUILTINS = {"abs", "bool", "complex", "dict", "float", "frozenset", "int", "len", "list", "max", "min", "pow", "range"}
BUILTINS |= {"reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip"}
NOT_PLAIN = "outside functions only plain values and calls of torch and math are run"
FLAGS = __future__.annotations.compiler_flag  # a type hint that cannot be resolved is no reason to fail


def build(source: Source, name: str, namespace: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """The last definition of `name`, made in `namespace` with what it uses; and why each name left out is missing."""
    known: dict[str, None] = {}
    last = None
    for i, (statement, _) in enumerate(source.statements):
        if found := definition(statement, known):
            known[found] = None
            last = i if found == name else last
    if last is None:
        return None, {}
    missing = _execute_needed(source, last, namespace)
    return None if name in missing else namespace.get(name), missing


def evaluate(source: Source, node: ast.expr, label: str, namespace: dict[str, Any]) -> Any:
    """The value of an expression at the top level of the file, or None where it is not plain or fails."""
    statement = ast.copy_location(ast.Assign([ast.Name("value", ast.Store())], node), node)
    source = Source([*source.statements, (ast.fix_missing_locations(statement), label)])
    missing = _execute_needed(source, len(source.statements) - 1, namespace)
    return None if "value" in missing else namespace.get("value")


def _execute_needed(source: Source, last: int, namespace: dict[str, Any]) -> dict[str, str]:
    """Execute a statement after what it uses; each name that could not be made, with the reason."""
    missing: dict[str, str] = {}
    aliases = {alias: module for s, _ in source.statements for alias, module in _imports(s)}
    for i in _needed(source, last):
        statement, label = source.statements[i]
        reason = _execute(statement, label, namespace) if _plain(statement, aliases) else NOT_PLAIN
        if reason:
            line = cut(linecache.getline(label, statement.lineno).strip())
            why = f"`{line}` ({label}, line {statement.lineno}) was left out: {reason}"
            missing |= dict.fromkeys(_binds(statement), why)
    return missing


def _needed(source: Source, last: int) -> list[int]:
    """The statements that bind what the last one uses, directly or through others, in the file's order."""
    binding: dict[str, list[int]] = {}
    needed = {last}
    for i, (statement, _) in enumerate(source.statements):
        for bound in _binds(statement):
            binding.setdefault(bound, []).append(i)
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            needed.add(i)
    seen: set[str] = set()
    todo = list(_uses(*source.statements[last]))
    while todo:
        wanted = todo.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        for i in set(binding.get(wanted, ())) - needed:
            needed.add(i)
            todo += _uses(*source.statements[i])
    return sorted(needed)


def _binds(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement gives a value to; nothing for those that are never run."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias for alias, _ in _imports(statement))
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and not isinstance(getattr(target, "slice", None), ast.Name):
                    yield node.id


def _imports(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, with the top-level module that it comes from."""
    if isinstance(statement, ast.Import):
        yield from ((a.asname or a.name.partition(".")[0], a.name.partition(".")[0]) for a in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        yield from ((a.asname or a.name, (statement.module or "").partition(".")[0]) for a in statement.names)


def _uses(statement: ast.stmt, label: str) -> set[str]:
    """The global names that a statement uses, in its functions' bodies too: exact, read from the byte code."""
    try:
        todo = [compile(ast.Module([statement], []), label, "exec", FLAGS, dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found: set[str] = set()
    while todo:
        code = todo.pop()
        todo += [const for const in code.co_consts if isinstance(const, types.CodeType)]
        found |= {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found


def _plain(statement: ast.stmt, aliases: dict[str, str]) -> bool:
    """Whether a statement may run: an import, a definition, or an assignment that calls only makers of values."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return True
    todo: list[ast.AST | None] = [statement.value]
    while todo:
        node = todo.pop()
        if node is None or (isinstance(node, ast.Call) and not _maker(node.func, aliases)):
            return False
        todo += [] if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    return True


def _maker(function: ast.expr, aliases: dict[str, str]) -> bool:
    """Whether a called expression is torch.*, math.*, ... or a method of a plain value."""
    while isinstance(function, ast.Attribute):
        function = function.value
    if isinstance(function, ast.Name):
        module = aliases.get(function.id, function.id)
        return module in MODULES or function.id in BUILTINS
    return isinstance(function, ast.Call | ast.Constant)  # their own parts are looked at as well


def _execute(statement: ast.stmt, label: str, namespace: dict[str, Any]) -> str | None:
    """Run one statement in the namespace; the reason when it fails."""
    try:
        exec(compile(ast.Module([statement], []), label, "exec", FLAGS, dont_inherit=True), namespace)
    except BaseException as error:  # SystemExit too: it is their code
        if isinstance(statement, ast.ImportFrom) and all(alias.name in namespace for alias in statement.names):
            namespace |= {alias.asname or alias.name: namespace[alias.name] for alias in statement.names}
            return None  # the state types are there, wherever they were to come from
        return cut(f"{type(error).__name__}: {error}")
    return None
