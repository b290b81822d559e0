"""A figure that moves where anywidget is installed, and stands still where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture


def moving(
    name: str,
    data: Callable[[], dict[str, Any]],
    words: Callable[[dict[str, Any]], str],
    still: Callable[[], Picture],
    respond: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Movable | Picture:
    """The `Movable` of `data()`; without anywidget the picture of `still()`, which then says why it stands still."""
    try:
        from coursekit.show.movable.base import Movable
    except ModuleNotFoundError as missing:
        if missing.name not in ("anywidget", "traitlets"):
            raise
        picture = still()
        return picture.say(
            f"{picture.describe()} This picture stands still because anywidget is not installed; "
            "pip install 'coursekit[lab]' brings it."
        )
    return Movable(name, data(), words, respond, still)
