"""The pages that Sphinx reads, written below build/site/source from the notebooks, the bank, the package and docs/."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
from pathlib import Path

import figures

import coursekit
from coursekit import engine, reference, show
from coursekit.authoring.cells import answer_literal, exercise_cells
from coursekit.bank import index
from coursekit.exercise import Chapter
from coursekit.judging.source import solution_source

ROOT = Path(__file__).parents[1]
INNER = ("checks", "docs")  # modules of the reference that teach nothing
# what teachers and authors read; those in docs/ are found by themselves
PAPERS = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
# a link or a picture, where it is none within code
LINK = re.compile(r"^```.*?^```|(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^()\s]+)\)|`[^`\n]+`", re.M | re.S)
NOTEBOOK = re.compile(r"`((?:notebooks|exercises)/(\d\d_\w+))\.ipynb`")

FOLD = '<details class="{kind}">\n<summary>{title}</summary>\n\n{words}\n\n</details>'


class Site:
    """What is written and where, with the chapters that are asked for."""

    def __init__(self, source: Path, only: list[str] | None, solutions: bool) -> None:
        self.source, self.solutions = source, solutions
        lessons = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
        self.lessons = [name for name in lessons if only is None or name[:2] in only]
        if not self.lessons:
            raise ValueError(f"no chapter has the number {' '.join(only or ())}; there are 00 to {lessons[-1][:2]}")
        self.chapters = {name: index.chapters()[name] for name in self.lessons if name in index.chapters()}
        self.papers = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
        self.papers += [name for name in PAPERS if (ROOT / name).is_file()]
        self.modules = {
            module.name: importlib.import_module(f"coursekit.reference.{module.name}")
            for module in pkgutil.iter_modules(reference.__path__)
            if module.name not in INNER
        }

    def put(self, name: str, text: str) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copy(self, name: str) -> str:
        """Take a file of the course along as it is; its name below the source."""
        path = self.source / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
        return f"/files/{name}"


def write(source: Path, only: list[str] | None = None, solutions: bool = False) -> None:
    """Write every page below `source`: the course's text files and notebooks as they are now."""
    site = Site(source, only, solutions)
    shutil.rmtree(source, ignore_errors=True)
    for name in site.lessons:
        _lesson(site, name)
    for chapter in site.chapters.values():
        _exercises(site, chapter)
    _api(site)
    for name in site.papers:
        site.put(_paper(name) + ".md", relink(site, (ROOT / name).read_text(encoding="utf-8"), name))
    _lists(site)


def _title(lesson: str) -> str:
    """The heading of a lesson."""
    text = (ROOT / "notebooks" / f"{lesson}.py").read_text(encoding="utf-8")
    return re.search(r"^# # (.+)", text, re.MULTILINE)[1]


# ---- lessons and exercises


def _lesson(site: Site, name: str) -> None:
    """The lesson's notebook, with a line of links under its heading; the code stays as it is."""
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    links = [f"[Exercises](/exercises/{name}.md)"] if name in site.chapters else []
    links += [f"[Formulas](/api/reference.{name[3:]}.rst)"] if name[3:] in site.modules else []
    links += [f"{{download}}`Notebook <{site.copy(f'notebooks/{name}.ipynb')}>`"]
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            if number == 0:
                heading, _, rest = text.partition("\n")
                text = f"{heading}\n\n{' · '.join(links)}\n{rest}"
            cell["source"] = relink(site, _named(site, text, here=f"notebooks/{name}"), f"notebooks/{name}.ipynb")
    site.put(f"notebooks/{name}.ipynb", json.dumps(notebook, ensure_ascii=False, indent=1))


def _named(site: Site, text: str, here: str) -> str:
    """A notebook that a text names by its file becomes a link to its page, but for the page that we are on."""

    def link(found: re.Match[str]) -> str:
        folder, _, name = found[1].partition("/")
        there = found[1] != here and name in (site.lessons if folder == "notebooks" else site.chapters)
        page = f"/notebooks/{name}.ipynb" if folder == "notebooks" else f"/exercises/{name}.md"
        return f"[{found[0]}]({page})" if there else found[0]

    return NOTEBOOK.sub(link, text)


def _exercises(site: Site, chapter: Chapter) -> None:
    """Statement, signature, equation and hints of each exercise, and the questions, from the notebook's own cells."""
    links = [f"[Lesson](/notebooks/{chapter.id}.ipynb)"] if chapter.id in site.lessons else []
    links += [f"[Formulas](/api/reference.{chapter.topic}.rst)"] if chapter.topic in site.modules else []
    links += [f"{{download}}`Notebook to work in <{site.copy(f'exercises/{chapter.id}.ipynb')}>`"]
    parts = [f"# {chapter.title}: exercises", " · ".join(links), chapter.intro]
    parts += [f"To work on them, open `exercises/{chapter.id}.ipynb`: there `check` says what is right."]
    exercises, quizzes = ({x.name: x for x in some} for some in (chapter.exercises, chapter.quizzes))
    for cell in exercise_cells(chapter, lesson=False):
        marks = cell.metadata["coursekit"]
        if marks["role"] in ("statement", "question"):
            parts.append(cell.source)
        elif marks["role"] == "heading":
            parts.append("## Predict")
        elif marks["role"] == "stub":
            parts += [f"```python\n{cell.source}\n```", *_folds(site, exercises[marks["exercise"]])]
        elif marks["role"] == "answer" and site.solutions:
            quiz = quizzes[marks["quiz"]]
            words = f"`{answer_literal(quiz)}`\n\n{quiz.why}"
            parts.append(FOLD.format(kind="solution", title="Answer", words=words))
    text = _named(site, "\n\n".join(part for part in parts if part), here=f"exercises/{chapter.id}")
    site.put(f"exercises/{chapter.id}.md", relink(site, text, f"exercises/{chapter.id}.ipynb") + "\n")


def _folds(site: Site, exercise) -> list[str]:
    hints = [
        FOLD.format(kind="hint", title=f"Hint {number} of {len(exercise.hints)}", words=words)
        for number, words in enumerate(exercise.hints, 1)
    ]
    if site.solutions:
        code = f"```python\n{solution_source(exercise.answer)}\n```"
        hints.append(FOLD.format(kind="solution", title="Solution", words=code))
    return hints


# ---- the package


def _api(site: Site) -> None:
    """A page for each topic of the reference, and one for each other part that a notebook uses."""
    for name in site.modules:
        chapter = next((c for c in site.lessons if c[3:] == name), None)
        see = f":doc:`Lesson </notebooks/{chapter}>`" if chapter else ""
        see += f" · :doc:`Exercises </exercises/{chapter}>`" if chapter in site.chapters else ""
        title = f"reference.{name}"
        body = f".. automodule:: coursekit.reference.{name}\n   :members:\n"
        site.put(f"api/reference.{name}.rst", "\n\n".join(filter(None, (_heading(title), see, body))))
    for title, module, names in (
        ("check, hint, progress: in a notebook", coursekit, [n for n in coursekit.__all__ if n != "__version__"]),
        ("engine", engine, engine.__all__),
        ("show", show, show.__all__),
    ):
        body = "\n".join(_directive(module, name) for name in names)
        about = "" if module is coursekit else f"{module.__doc__}\n\n"
        page = "notebook" if module is coursekit else title
        site.put(f"api/{page}.rst", f"{_heading(title)}\n\n.. currentmodule:: {module.__name__}\n\n{about}{body}")


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}"


def _directive(module, name: str) -> str:
    value = getattr(module, name)
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:\n"
    if callable(value):
        return f".. autofunction:: {name}\n"
    return f".. py:data:: {name}\n\n   {', '.join(f'``{key}``' for key in value)}\n"


# ---- papers, and the pages that list the others


def _paper(name: str) -> str:
    """The page of a paper, below teaching/."""
    return "teaching/" + name.removeprefix("docs/").removesuffix(".md").replace("/", "_").lower()


def relink(site: Site, text: str, name: str) -> str:
    """The links of a text of the course made to lead to pages of the site, or to name a file that is no page."""

    def link(found: re.Match[str]) -> str:
        picture, words, target = found["picture"], found["words"], found["target"] or "#"
        place, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(name), place)).replace(os.sep, "/")
        if re.match(r"[a-z]+:|/|#", target) or not (ROOT / path).exists():
            return found[0]  # Sphinx says so where it leads nowhere
        page = _page(site, path)
        if picture:
            return f"![{words}]({site.copy(path)})"
        return f"[{words}](/{page}{'#' + anchor if anchor else ''})" if page else f"{words} (`{path}`)"

    return LINK.sub(link, text)


def _page(site: Site, path: str) -> str:
    if path in site.papers:
        return f"{_paper(path)}.md"
    if path == "README.md":
        return "index.md"
    folder, _, file = path.partition("/")
    name = file.removesuffix(".ipynb")
    if folder == "notebooks" and name in site.lessons:
        return path
    return f"exercises/{name}.md" if folder == "exercises" and name in site.chapters else ""


def _lists(site: Site) -> None:
    """The front page, the tables of contents, and the index of names."""
    chapters = "\n".join(f"- {name[:2]} [{_title(name)}](/notebooks/{name}.ipynb)" for name in site.lessons)
    lessons = _toctree([f"{name[:2]} {_title(name)} </notebooks/{name}>" for name in site.lessons], "Lessons")
    others = _toctree(["/exercises/index", "/api/index", "/names", "/teaching/index"], "Beside the lessons")
    page = (ROOT / "site" / "index.md").read_text(encoding="utf-8").replace("%CHAPTERS%", chapters)
    figure = figures.front(site.source.parent / "static")
    site.put("index.md", page.replace("%FIGURE%", figure).replace("%CONTENTS%", f"{lessons}\n{others}"))
    exercises = [f"{name[:2]} {chapter.title} </exercises/{name}>" for name, chapter in site.chapters.items()]
    modules = ["/api/notebook", *(f"/api/reference.{name}" for name in site.modules), "/api/engine", "/api/show"]
    for name, title, listed in (
        ("exercises", "Exercises", exercises),
        ("api", "Functions and classes", modules),
        ("teaching", "For teachers and authors", [f"/{_paper(name)}" for name in site.papers]),
    ):
        site.put(f"{name}/index.md", f"# {title}\n\n{_toctree(listed)}")
    site.put("names.md", _names(site))


def _toctree(names: list[str], caption: str = "") -> str:
    options = f":caption: {caption}\n:hidden:" if caption else ":maxdepth: 1"
    lines = "\n".join(names)
    return f"```{{toctree}}\n{options}\n\n{lines}\n```\n"


def _names(site: Site) -> str:
    """Every exercise, rule and formula by its name, with all places where it stands."""
    places: dict[str, list[str]] = {}
    for module in site.modules.values():
        for name, value in vars(module).items():
            public = not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
            if public and callable(value) and value.__doc__:
                places[name] = [f"{{py:obj}}`{module.__name__.removeprefix('coursekit.')} <{module.__name__}.{name}>`"]
    for name, chapter in site.chapters.items():
        for exercise in chapter.exercises:
            links = [f"[lesson {name[:2]}](/notebooks/{name}.ipynb)"] if name in site.lessons else []
            links += [f"[exercise](/exercises/{name}.md)"]
            places[exercise.name] = links + places.get(exercise.name, [])
    for part, module in (("engine", engine), ("show", show), ("", coursekit)):
        for name in module.__all__:
            if name != "__version__":
                where = f"{{py:obj}}`{part or 'in a notebook'} <{module.__name__}.{name}>`"
                places.setdefault(name, []).append(where)
    rows = "\n".join(f"`{name}`\n: {' · '.join(places[name])}\n" for name in sorted(places, key=str.lower))
    about = "Every function of the course, with the places where it is taught, asked for and documented."
    return f"# Names\n\n{about}\n\n{rows}"
