"""Seeing at run time whether an answer hands its work to a library: however the function was imported or reached."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

from torch.overrides import TorchFunctionMode


class Watch(TorchFunctionMode):
    """Notes which of some torch functions are called while it is on; nothing is kept from running."""

    def __init__(self, names: frozenset[str]):
        super().__init__()
        self.names = names
        self.seen: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.names or name.startswith("_fused_"):
            self.seen.add(name)
        return func(*args, **(kwargs or {}))


@functools.cache
def _workers() -> tuple[tuple[types.ModuleType, str], ...]:
    """Where the functions in torch.optim stand that do the work: every update of torch's goes through one of them."""
    homes = [m for name, m in sorted(sys.modules.items()) if name.startswith("torch.optim.") and m is not None]
    kinds = ("_single_tensor_", "_multi_tensor_", "_fused_")
    return tuple((home, n) for home in homes for n, f in vars(home).items() if n.startswith(kinds) and callable(f))


@contextlib.contextmanager
def optimizers_seen() -> Iterator[list[str]]:
    """The names of torch's updates that are called inside, as they come; they run as ever."""
    seen: list[str] = []

    def watched(name: str, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return function(*args, **kwargs)

        return call

    before = [(home, name, getattr(home, name)) for home, name in _workers()]
    for home, name, function in before:
        setattr(home, name, watched(home.__name__, function))
    try:
        yield seen
    finally:
        for home, name, function in before:
            setattr(home, name, function)
