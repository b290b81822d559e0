"""A workshop as files: every event, learners by exercises, and both as JSON. Pseudonyms, no other names."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from coursekit.classroom.board.items import Items
from coursekit.classroom.board.state import State
from coursekit.classroom.board.store import Store
from coursekit.classroom.export import harmless, replace
from coursekit.classroom.submission import Bad


def export(db: Path, out: Path) -> int:
    """Write `events.csv`, `learners.csv` and `workshop.json` of a board's file to a folder."""
    if not db.is_file():
        raise Bad(f"there is no board's file {db}")
    store = Store(db)
    try:
        found = files(store, Items(()))
        out.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            replace(out / name, text)
    except OSError as error:
        raise Bad(f"cannot write to {out}: {error.strerror}") from None
    finally:
        store.close()
    print(f"Written to {out}: {', '.join(found)}.")
    return 0


def files(store: Store, items: Items) -> dict[str, str]:
    """The files by name."""
    state, events = State(items), list(store.events())
    for learner in store.learners().values():
        state.join(learner)
    for event in events:
        state.add(event)
    rows = [_event(state, event) for event in events if event.learner in state.names]
    return {
        "events.csv": _csv(["time", "learner", "exercise", "status", "mistake"], (row.values() for row in rows)),
        "learners.csv": _learners(state),
        "workshop.json": json.dumps(_all(state, rows), indent=1, ensure_ascii=False) + "\n",
    }


def _event(state: State, event: Any) -> dict[str, Any]:
    time, name = _time(event.at), state.names[event.learner]
    return {"time": time, "learner": name} | {k: getattr(event, k) for k in ("exercise", "status", "diagnosis")}


def _learners(state: State) -> str:
    """One line a learner: for each exercise that was tried the status, and the tries until it passed."""
    tried = sorted({item for _, item in state.cells})
    names = [state.items.all[item].name for item in tried]
    head = ["learner", *(column for name in names for column in (name, f"{name} tries"))]
    lines = []
    for learner, name in state.names.items():
        cells = [state.cells.get((learner, item)) for item in tried]
        lines.append([name, *(value for c in cells for value in ((c.status, c.tries) if c else ("", "")))])
    return _csv(head, lines)


def _all(state: State, rows: list[dict[str, Any]]) -> dict[str, Any]:
    learners = [
        {
            "learner": name,
            "exercises": [
                {"exercise": state.items.all[item].name, "status": c.status, "tries": c.tries, "last": _time(c.last)}
                for (who, item), c in state.cells.items()
                if who == learner
            ],
        }
        for learner, name in state.names.items()
    ]
    return {"learners": learners, "events": rows}


def _time(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="seconds")


def _csv(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([harmless(x) if isinstance(x, str) else x for x in row] for row in rows)
    return text.getvalue()
