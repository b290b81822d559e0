"""Seeing at run time whether an answer hands its work to a library: however the function was imported or reached."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Watch(TorchFunctionMode):
    """Notes which of some torch functions are called while it is on; nothing is kept from running."""

    def __init__(self, names: frozenset[str]):
        super().__init__()
        self.names = names
        self.seen: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.names:
            self.seen.add(name)
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def optimizers_seen() -> Iterator[list[str]]:
    """The names of the torch optimizers that are made or unpickled inside, as they come."""
    kind, seen = torch.optim.Optimizer, []
    made, unpickled = kind.__init__, kind.__setstate__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        seen.append(f"torch.optim.{type(self).__name__}")
        made(self, *args, **kwargs)

    def setstate(self: Any, state: Any) -> None:
        seen.append(f"torch.optim.{type(self).__name__}")
        unpickled(self, state)

    kind.__init__, kind.__setstate__ = init, setstate  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        kind.__init__, kind.__setstate__ = made, unpickled  # type: ignore[method-assign]
