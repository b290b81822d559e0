"""A progress bar where tqdm is installed, and nothing where it is not."""

from __future__ import annotations

from typing import Any


class _NoBar:
    """Takes the calls of a progress bar and shows nothing."""

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, n: int = 1) -> None: ...

    def set_postfix(self, **values: str) -> None: ...


def bar_of(total: int, done: int, wanted: bool) -> Any:
    """A bar over `total` steps, of which some are `done`; none if it is not wanted or tqdm is missing."""
    if wanted:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return _NoBar()
        return tqdm(total=total, initial=done, unit="step")
    return _NoBar()
