"""A new chapter, or one more exercise in a chapter: files that work at once, a small example to be turned into more."""

from __future__ import annotations

import ast
import builtins
import contextlib
import keyword
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from coursekit.authoring.notebooks import FOLDERS, ROOT

TEMPLATES = Path(__file__).with_name("templates")
FUTURE = "from __future__ import annotations\n"
LONGEST = 400  # lines, as the tests want it of every file
FIRST_PARTY = 'lint.isort.known-first-party = ["coursekit", "tests"]'  # also what is not written yet
SORT = ["check", "--select", "I", "--fix", "--config", FIRST_PARTY]
# What stands ready in every exercise notebook, or is the course's own there.
RESERVED = {"answer", "chapter", "check", "coursekit", "curves", "digits", "double", "engine", "exercise"}
RESERVED |= {"hint", "index", "made", "math", "mine", "progress", "reference", "scores"}
RESERVED |= {"show", "solution", "theirs", "torch", "value", "wrong", "yours"}


class Bad(ValueError):
    """Something that cannot be made as asked: one clear line, and nothing is written."""


def new(
    topic: str, exercise: str | None = None, *, number: int | None = None, title: str | None = None, root: Path = ROOT
) -> str:
    """Make a chapter with one working exercise, or add one to a chapter that there is; what was written, in words.

    Everything is made in memory first: either all files are written or none.

    Raises:
        Bad: a name that is taken or cannot be one, a number that is taken, a file that is there already or has changes
            which git does not have yet, a folder that is no checkout of the course.
    """
    lessons = {path.stem for path in (root / "notebooks").glob("[0-9][0-9]_*.py")}
    if not lessons:
        raise Bad(f"{root} is no checkout of the course: chapters are made where notebooks/*.py and tests/ are")
    numbers = {name[3:]: int(name[:2]) for name in lessons}
    known = (root / f"coursekit/bank/{topic}.py").is_file() and topic in numbers
    if known and exercise is None:
        raise Bad(f"the chapter {numbers[topic]:02d}_{topic} exists; --exercise NAME adds an exercise to it")
    if known and (number is not None or title is not None):
        raise Bad(f"--number and --title are for a new chapter; {numbers[topic]:02d}_{topic} exists")
    if topic in numbers and not known:
        raise Bad(f"notebooks/{numbers[topic]:02d}_{topic}.py exists, a lesson without exercises: take another name")
    name = topic if exercise is None else exercise
    check_name(topic, "a chapter")
    check_name(name, "an exercise")
    check_free(name, *(() if known else (f"{topic}_at_one", f"{topic}_with_a_large_beta")))
    number = numbers[topic] if known else _number(number, set(numbers.values()))
    words = {"topic": topic, "name": name, "NAME": name.upper(), "int": str(number), "number": f"{number:02d}"}
    words |= {"id": f"{number:02d}_{topic}", "title": _title(topic, title)}

    def filled(template: str) -> str:
        text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
        return re.sub(r"@(\w+)@", lambda found: words[found[1]], text)

    files = _more(root, words, filled) if known else _chapter(root, words, filled)
    _write({path: _laid_out(root, path, text) for path, text in files.items()})
    return _said(root, words, [*files], known)


# ---- what may be made


def check_name(name: str, what: str) -> None:
    """Refuse what cannot be the name of a function, a file and a chapter alike."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name) or name.endswith("_"):
        raise Bad(f"{name!r} cannot be the name of {what}: 2 to 30 small letters, digits and _, such as weight_noise")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name) or name in RESERVED:
        raise Bad(f"{name!r} cannot be the name of {what}: it means something else in Python or in the notebooks")


def check_free(*names: str) -> None:
    """Refuse the name of an exercise or quiz that the bank has."""
    from coursekit.bank import index

    for name in names:
        for kind, there in (("an exercise", index.exercises()), ("a quiz", index.quizzes())):
            if name in there:
                chapter = next(c.id for c in index.chapters().values() if there[name] in (*c.exercises, *c.quizzes))
                raise Bad(f"there is {kind} called {name!r}, in chapter {chapter}; --exercise NAME gives another name")


def _number(wanted: int | None, taken: set[int]) -> int:
    if wanted is None:
        wanted = max(taken) + 1
    if not 0 <= wanted <= 99:
        raise Bad(f"a chapter's number is 0 to 99; got {wanted}")
    if wanted in taken:
        free = min(set(range(100)) - taken, default=None)
        raise Bad(f"the chapter number {wanted:02d} is taken; the lowest that is free is {free}")
    return wanted


def _title(topic: str, title: str | None) -> str:
    title = topic.replace("_", " ").capitalize() if title is None else " ".join(title.split())
    if not title or len(title) > 60 or not title.isprintable() or set(title) & set('"\\@'):
        raise Bad(f'a title has 1 to 60 characters, without ", \\ and @; got {title!r}')
    return title


def _unsaved(root: Path, paths: list[Path]) -> list[str]:
    """Which of these files have changes that git does not have yet; none where there is no git."""
    command = ["git", "-C", str(root), "status", "--porcelain", "-z", "--", *map(str, paths)]
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return [line[3:] for line in done.stdout.split("\0") if line]
    return []


# ---- the files


def _chapter(root: Path, words: dict[str, str], filled: Callable[[str], str]) -> dict[Path, str]:
    """Every file of a new chapter; none of them may be there."""
    topic, name = words["topic"], words["name"]
    head = f'"""{words["title"]}: say in one sentence what is computed here."""\n\n{FUTURE}'
    tests = f'"""`{name}` beside torch\'s own, a law that it obeys, and bad input."""\n\n{FUTURE}'
    files = {
        f"coursekit/reference/{topic}.py": _joined(head, filled("formula")),
        f"coursekit/bank/{topic}.py": _declared(filled("chapter"), filled("exercise"), name),
        f"coursekit/bank/slips/{name}.py": filled("slips"),
        f"notebooks/{words['id']}.py": filled("lesson"),
        f"tests/reference/test_{topic}.py": _joined(tests, filled("test_formula")),
        f"tests/bank/test_{topic}.py": filled("test_chapter"),
    }
    made = [f"{folder}/{words['id']}.ipynb" for folder in FOLDERS]
    packages = [f"coursekit/{part}/{topic}" for part in ("reference", "bank")]
    for place in (*files, *packages, *made):
        if (root / place).exists():
            raise Bad(f"{place} is there already, and nothing is overwritten: take another name, or move it away")
    return {root / place: text for place, text in files.items()}


def _more(root: Path, words: dict[str, str], filled: Callable[[str], str]) -> dict[Path, str]:
    """The files of a chapter with one more exercise, and the exercise's own."""
    topic, name = words["topic"], words["name"]
    slips = root / f"coursekit/bank/slips/{name}.py"
    if slips.exists():
        raise Bad(f"coursekit/bank/slips/{name}.py is there already, and nothing is overwritten: take another name")
    reference, bank, tests = (
        root / place
        for place in (
            f"coursekit/reference/{topic}.py", f"coursekit/bank/{topic}.py", f"tests/reference/test_{topic}.py"
        )
    )  # fmt: skip
    if unsaved := _unsaved(root, [reference, bank, tests]):
        raise Bad(f"{unsaved[0]} has changes that git does not have yet: commit them first")
    parts = {reference: filled("formula"), bank: filled("exercise"), tests: filled("test_formula")}
    files = {slips: filled("slips")}
    for path, part in parts.items():
        text = _read(root, path)
        if both := _defined(part) & (_defined(text) | _imported(text)):
            raise Bad(f"{path.relative_to(root).as_posix()} has a {sorted(both)[0]!r} already: take another name")
        files[path] = _declared(text, part, name) if path == bank else _joined(text, part)
    return files


def _read(root: Path, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Bad(f"cannot read {path.relative_to(root).as_posix()}: {error.strerror}") from None


def _defined(text: str) -> set[str]:
    """The names that the top level of a file gives to functions, classes and values."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names


def _imported(text: str) -> set[str]:
    found = (node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in found for alias in node.names}


def _joined(text: str, part: str, at: int | None = None) -> str:
    """A file with a part of another in it: imports on top, where ruff merges them, the rest at a line or the end."""
    if FUTURE not in text:
        raise Bad(f"a file of the chapter does not begin with {FUTURE.strip()!r}: mend that first")
    imports, _, rest = part.partition("\n\n\n")
    lines = text.splitlines(keepends=True)
    at = len(lines) if at is None else at
    text = "".join([*lines[:at], f"\n\n{rest.strip()}\n\n\n", *lines[at:]])
    return text.replace(FUTURE, f"{FUTURE}\n{imports}\n", 1)


def _declared(text: str, part: str, name: str) -> str:
    """A bank's file with one more exercise: declared above the chapter, and named in it."""
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or ast.unparse(node.targets[0]) != "chapter":
            continue
        listed = next((k.value for k in getattr(node.value, "keywords", ()) if k.arg == "exercises"), None)
        old = f"exercises={ast.get_source_segment(text, listed)}" if listed else ""
        if isinstance(listed, ast.Tuple) and text.count(old) == 1:
            names = ", ".join([*map(ast.unparse, listed.elts), name]) + "," * (not listed.elts)
            return _joined(text, part, node.lineno - 1).replace(old, f"exercises=({names})")
    raise Bad("the bank's file has no `chapter = Chapter(..., exercises=(...), ...)` to add to: mend that first")


def _laid_out(root: Path, path: Path, text: str) -> str:
    """The text as ruff lays it out: imports merged and in order."""
    for command in (SORT, ["format"]):
        command = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(path), "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", cwd=root)
        if done.returncode:
            why = " ".join(done.stderr.split())[:200]
            raise Bad(f"ruff cannot lay out {path.name} ({why}); make setup installs ruff")
        text = done.stdout
    if (count := text.count("\n")) > LONGEST and "notebooks" not in path.parts:
        place = path.relative_to(root).as_posix()
        raise Bad(f"{place} would have {count} lines; {LONGEST} is the most: move a part of it out first")
    return text


def _write(files: dict[Path, str]) -> None:
    """All of the files, or none of them."""
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    try:
        for path, text in files.items():
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                draft.write_text(text, encoding="utf-8", newline="\n")
                os.replace(draft, path)
            finally:
                draft.unlink(missing_ok=True)
    except OSError as error:
        for path, old in before.items():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True) if old is None else path.write_bytes(old)
        raise Bad(f"cannot write {error.filename}: {error.strerror}; nothing was changed") from None


# ---- what to do with them


def _said(root: Path, words: dict[str, str], files: list[Path], known: bool) -> str:
    name, chapter = words["name"], words["id"]
    head = f"{name} is added to chapter {chapter}" if known else f"Chapter {chapter}, with one exercise, {name}"
    lines = [f"{head}. It works as it is: a small example to turn into yours, file by file, in this order."]
    wide = max(len(path.relative_to(root).as_posix()) for path in files)
    lines += [f"  {place:<{wide}}  {what}" for place, what in _order(root, files)]
    lines.append(f"Then: coursekit author build; coursekit author check {chapter}; coursekit author audit {name}")
    return "\n".join(lines)


def _order(root: Path, files: list[Path]) -> Iterator[tuple[str, str]]:
    what = {
        "coursekit/reference/": "the formula and its docstring",
        "tests/reference/": "what it is compared with",
        "coursekit/bank/slips/": "the mistakes, and what to say to each",
        "coursekit/bank/": "cases, hints, other right answers, predictions",
        "tests/bank/": "what the words claim",
        "notebooks/": "the lesson: every section says what belongs there",
    }
    places = [path.relative_to(root).as_posix() for path in files]
    for folder, words in what.items():
        yield from ((place, words) for place in places if place.rpartition("/")[0] == folder.rstrip("/"))
