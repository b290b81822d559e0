"""Makes every generated notebook, always the same way: lessons from their sources, the rest from the bank."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from coursekit.authoring.cells import exercise_cells, solution_cells, source_of
from coursekit.bank import index
from coursekit.exercise import Chapter

ROOT = Path(__file__).parents[2]
FOLDERS = ("notebooks", "exercises", "solutions")


def build(root: Path = ROOT, check: bool = False, chapters: Iterable[Chapter] | None = None) -> list[str]:
    """Write every generated notebook below `root`; one line for each that was written, or for each complaint.

    With `check` nothing is written, and each notebook that is missing or out of step with its source is a line. A
    notebook that nothing generates is always one: it may be somebody's copy, so it is never deleted here.
    """
    wanted = generated(root, index.chapters().values() if chapters is None else chapters)
    lines = []
    for name, text in wanted.items():
        path, new = root / name, text.encode()
        old = path.read_bytes() if path.is_file() else None
        if old == new:
            continue
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(new)
        differs = "missing" if old is None else "out of step with its source"
        lines.append(f"{name}: {differs if check else 'written'}")
    found = {f"{folder}/{path.name}" for folder in FOLDERS for path in (root / folder).glob("*.ipynb")}
    return lines + [f"{name}: nothing generates it; delete or rename it" for name in sorted(found - set(wanted))]


def generated(root: Path, chapters: Iterable[Chapter]) -> dict[str, str]:
    """Every generated notebook by its path below `root`, as the text of its file."""
    made = {f"notebooks/{source.stem}.ipynb": _lesson(source) for source in sorted((root / "notebooks").glob("*.py"))}
    for chapter in chapters:
        if chapter.exercises or chapter.quizzes:
            name, marks = f"{chapter.id}.ipynb", {"chapter": chapter.id, "generated_from": source_of(chapter)}
            lesson = f"notebooks/{name}" in made
            made[f"exercises/{name}"] = _text(exercise_cells(chapter, lesson), marks)
            made[f"solutions/{name}"] = _text(solution_cells(chapter, lesson), marks)
    return made


def _lesson(source: Path) -> str:
    """A lesson's cells; each has an id from its own content, so that an edit elsewhere does not change it."""
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    seen: dict[str, int] = {}
    for cell in cells:
        key = hashlib.sha256(f"{source.stem}\0{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        cell.id = key if seen[key] == 1 else f"{key}-{seen[key]}"
    return _text(cells, {"chapter": source.stem})


def _text(cells: list[NotebookNode], marks: dict[str, Any]) -> str:
    """A notebook as it stands in its file: valid, without outputs, keys in order."""
    metadata = {
        "coursekit": marks,
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5  # not the newest that is installed: the same file everywhere
    nbformat.validate(notebook)
    return f"{nbformat.writes(notebook)}\n"
