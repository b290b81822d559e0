"""The command line: `coursekit start`, `progress`, `grade`, `demo`, `workshop`, `author`. Thin, its imports late."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from coursekit import __version__

INSTALL = 'python -m pip install "coursekit[{extra}]"'
if (Path(__file__).parents[1] / "constraints.txt").is_file():  # a checkout
    INSTALL = 'python -m pip install -e ".[{extra}]"   (in the course\'s folder, or: make setup)'

try:
    import typer
except ModuleNotFoundError as error:
    if sys.argv[1:2] == ["doctor"]:  # it needs nothing but Python
        from coursekit.doctor.report import main as look

        sys.exit(look(sys.argv[2:]))
    print(f"coursekit: {error.name} is not installed. {INSTALL.format(extra='grade')}", file=sys.stderr)
    sys.exit(2)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
author = typer.Typer(help="For authors: keep the bank two-sided and the notebooks in step.")
app.add_typer(author, name="author")
workshop = typer.Typer(help="For instructors in a room: a live board of the class (docs/workshop.md).")
app.add_typer(workshop, name="workshop")


def main() -> None:
    """The entry point: an expected failure is one line and exit status 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a sign; its word stands beside it
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except ModuleNotFoundError as error:
        extra = "lab" if error.name in ("matplotlib", "sklearn", "anywidget", "tqdm") else "grade"
        extra = "cluster" if error.name in ("dask", "distributed") else extra
        fail(f"{error.name} is not installed. {INSTALL.format(extra=extra)}")
    except Exception as error:
        said = getattr(error, "format_message", None)  # typer's own way to say that the command line is wrong
        if said is None:
            raise
        fail(f"{' '.join(said().split())} (coursekit --help says more)")


def fail(line: str) -> NoReturn:
    """One clear line on standard error, exit status 2."""
    print(f"coursekit: {line}", file=sys.stderr)
    sys.exit(2)


def _jobs(text: str | int) -> int:
    """A number of jobs, or `auto`."""
    if str(text) == "auto":
        return 0
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a whole number nor auto") from None


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """A course on optimisation and regularisation: start, see your progress, grade a class, keep the course in step."""
    if version:
        print(f"coursekit {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def start(
    folder: Annotated[Path, typer.Argument(help="A folder of your own, outside the course; made if it is not there.")],
    solutions: Annotated[bool, typer.Option("--solutions", help="The solutions as well.")] = False,
) -> None:
    """Copy lessons and exercises to FOLDER, to work in. Run again, it updates there what you have not changed."""
    from coursekit import workfolder

    try:
        print(workfolder.start(folder, solutions=solutions))
    except workfolder.Bad as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("\nStopped. Nothing is lost; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)


@app.command()
def progress(
    folder: Annotated[Path | None, typer.Argument(help="A folder of the course. Default: the one you are in.")] = None,
) -> None:
    """Show how far you are: chapters and exercises, done, tried or not tried, and what comes next."""
    from coursekit.judging.overview import progress as how_far

    if folder is not None and not folder.is_dir():
        fail(f"there is no folder {folder}")
    print(how_far(folder))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say what is installed, which device is used, what is missing and the line that mends it. Status 1: a fault."""
    from coursekit.doctor.report import main as look

    sys.exit(look(["--json"] if as_json else []))


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="Submissions: .ipynb or .py files, or one folder per student.")],
    out: Annotated[Path | None, typer.Option(help="Where results go. Default: grades/ beside FOLDER.")] = None,
    jobs: Annotated[
        int, typer.Option(parser=_jobs, metavar="N", help="Submissions at once. auto or 0: one for each processor.")
    ] = 0,
    only: Annotated[str | None, typer.Option(help="Grade this exercise alone.")] = None,
    chapter: Annotated[str | None, typer.Option(help="For files that name no chapter, such as 08_adam.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the cases. Default: drawn once per gradebook.")] = None,
    time: Annotated[float, typer.Option(help="Seconds that an exercise may take.")] = 10.0,
    practice: Annotated[bool, typer.Option("--practice", help="Without walls; every grade is marked so.")] = False,
    roster: Annotated[Path | None, typer.Option(help="The class list, a CSV file: names, emails, ids.")] = None,
    due: Annotated[str | None, typer.Option(help='When it was due, such as "2026-11-20 23:59".')] = None,
    db: Annotated[Path | None, typer.Option(help="The gradebook. Default: gradebook.sqlite in OUT.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="A Dask cluster to grade on (docs/cluster.md).")
    ] = None,
) -> None:
    """Grade a folder of submissions: grades.csv, results.json, feedback pages. The same command goes on where it was.

    FOLDER may be a zip archive of Canvas, Moodle or Gradescope, or nbgrader's course folder. It may be one file: then
    the exit status is 0 when everything asked for passed, 1 when not.
    """
    from coursekit.classroom.sandbox import host

    if not scheduler and folder.exists():
        host.begin(jobs, time, practice)
    from coursekit.classroom import run

    options = {"out": out, "jobs": jobs, "only": only, "chapter": chapter, "seed": seed, "seconds": time}
    options |= {"practice": practice, "scheduler": scheduler}
    try:
        finish(run.grade, folder, people=roster, due=due, db=db, **options)
    finally:
        host.end()


DB = Annotated[Path, typer.Option(help="The gradebook.")]


@app.command()
def override(
    student: Annotated[str, typer.Argument(help="As the results call them.")],
    exercise: Annotated[str, typer.Argument(help="An exercise or a question.")],
    points: Annotated[float | None, typer.Argument(help="Leave out to take an earlier override back.")] = None,
    reason: Annotated[str, typer.Option(help="Why; the student sees it.")] = "",
    db: DB = Path("grades/gradebook.sqlite"),
) -> None:
    """Set a grade by hand, with the reason. The next `coursekit grade` writes it into every file."""
    from coursekit.classroom import course

    finish(course.override, student, exercise, points, reason=reason, db=db)


@app.command()
def replay(
    grade: Annotated[str, typer.Argument(help="EXERCISE@STUDENT, such as adam@ada.")],
    db: DB = Path("grades/gradebook.sqlite"),
) -> None:
    """Give a grade again, from the bytes and the seed that the gradebook keeps. Status 0: the same verdict."""
    from coursekit.classroom import course

    finish(course.replay, grade, db=db)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="A folder to make the class and its grades in.")] = Path("demo"),
    jobs: Annotated[int, typer.Option(help="Submissions at once. 0: one for each processor.")] = 0,
) -> None:
    """Make a sample class of 30 submissions, right, wrong and broken, and grade it."""
    from coursekit.classroom import demo as sample

    finish(sample.demo, out, jobs=jobs)


@app.command()
def report(
    out: Annotated[Path, typer.Argument(help="The folder of results that `coursekit grade` wrote.")] = Path("grades"),
) -> None:
    """Write OUT/report.html: the class on one page, with its figures, the commonest mistakes and who needs help."""
    from coursekit.classroom import report as page

    finish(page.report, out)


@app.command()
def export(
    kind: Annotated[str, typer.Argument(help="gradescope, autograder, canvas, moodle, nbgrader, otter or github.")],
    out: Annotated[Path, typer.Argument(help="The file to write; nbgrader, otter: or the chapter, such as 08_adam.")],
    results: Annotated[Path, typer.Option(help="The folder that `coursekit grade` wrote.")] = Path("grades"),
    roster: Annotated[Path | None, typer.Option(help="The class list, a CSV file.")] = None,
    into: Annotated[Path | None, typer.Option(help="Canvas: the file exported there, to fill a column of.")] = None,
    title: Annotated[str, typer.Option(help="The assignment's title there.")] = "coursekit",
    due: Annotated[str | None, typer.Option(help="When it was due.")] = None,
    chapter: Annotated[str | None, typer.Option(help="autograder, github: for which chapter.")] = None,
    practice: Annotated[bool, typer.Option("--practice", help="autograder: without walls.")] = False,
    to: Annotated[Path | None, typer.Option(help="nbgrader, otter: the notebook to write, of that chapter.")] = None,
) -> None:
    """Grades for another system, or (autograder, github, nbgrader and otter with a chapter) what it grades with."""
    from coursekit.classroom import formats

    options = {"results": results, "into": into, "title": title, "due": due, "chapter": chapter, "practice": practice}
    options |= {"to": to}
    finish(formats.export, kind, out, people=roster, **options)


@author.command("new")
def author_new(
    topic: Annotated[str, typer.Argument(help="The chapter's one word, such as adam.")],
    exercise: Annotated[str | None, typer.Option(help="The exercise's name. Default: TOPIC, in a new chapter.")] = None,
    number: Annotated[int | None, typer.Option(help="The new chapter's number. Default: the next.")] = None,
    title: Annotated[str | None, typer.Option(help="The new chapter's title.")] = None,
) -> None:
    """Make the files of a new chapter, or of one more exercise in chapter TOPIC: a small example that works."""
    from coursekit.authoring import new

    try:
        print(new.new(topic, exercise, number=number, title=title))
    except new.Bad as error:
        fail(str(error))


@workshop.command("start")
def workshop_start(
    chapter: Annotated[list[str] | None, typer.Option(help="Chapters to show, such as 08_adam. Default: all.")] = None,
    db: Annotated[Path | None, typer.Option(help="Where it is kept. Default: workshop-DATE.sqlite.")] = None,
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8765,
    bind: Annotated[str, typer.Option(help="Serve on this address of the machine alone. Default: on all.")] = "",
    address: Annotated[str, typer.Option(help="The name or address to hand out. Default: the one found.")] = "",
    certificate: Annotated[Path | None, typer.Option(help="For https: the certificate, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, PEM, where it is not in the same file.")] = None,
) -> None:
    """Open a board of the class: learners join from their notebooks, you see where they are and what they trip over."""
    from coursekit import workfolder
    from coursekit.classroom.board import workshop as board

    tls = {"certificate": certificate, "key": key}
    places = {"db": db, "port": port, "bind": bind, "address": address, "lessons": workfolder.lessons()}
    finish(board.start, chapter or (), **places, **tls)


@workshop.command("export")
def workshop_export(
    db: Annotated[Path, typer.Argument(help="The board's file, workshop-DATE.sqlite.")],
    out: Annotated[Path, typer.Argument(help="A folder to write to.")],
) -> None:
    """Write a workshop as CSV and JSON: events and learners, under their pseudonyms."""
    from coursekit.classroom.board import export as board

    finish(board.export, db, out)


@author.command("build")
def author_build() -> None:
    """Write the generated notebooks anew, from the bank and the lessons' sources."""
    from coursekit.authoring import notebooks

    print("\n".join(notebooks.build()) or "Every generated notebook is in step.")


@author.command("check")
def author_check(
    chapters: Annotated[list[str] | None, typer.Argument(help="Chapters, such as adam. Default: all.")] = None,
) -> None:
    """Prove every exercise two-sided, and the generated notebooks in step with the bank."""
    from coursekit.authoring import audit
    from coursekit.bank.index import UnknownName

    try:
        complaints = audit.check_named(chapters or ())
    except UnknownName as error:
        fail(str(error))
    every = "Every exercise of these chapters" if chapters else "Every exercise"
    print("\n".join(complaints) or f"{every} is two-sided, and every generated notebook is in step.")
    sys.exit(1 if complaints else 0)


@author.command("audit")
def author_audit(
    names: Annotated[list[str] | None, typer.Argument(help="Exercises. Default: all.")] = None,
    details: Annotated[
        bool, typer.Option("--details", help="What each slip is named as, and what changes nothing.")
    ] = False,
) -> None:
    """Show that the checks have no holes: every small edit of an answer is caught, every slip named as itself."""
    from coursekit.authoring import holes
    from coursekit.bank.index import UnknownName

    try:
        complaints = holes.audit(names or (), details=details)
    except UnknownName as error:
        fail(str(error))
    print("\n".join(complaints) or "Every edit that matters is caught, and every slip is named as itself.")
    sys.exit(1 if complaints else 0)


@author.command("pairs")
def author_pairs(
    names: Annotated[list[str] | None, typer.Argument(help="Exercises. Default: all, some minutes.")] = None,
) -> None:
    """Say how many pairs of slips, made both at once, are named as that pair."""
    from coursekit.authoring import pairs
    from coursekit.bank.index import UnknownName, exercise, exercises

    try:
        asked = [exercise(name) for name in names or exercises()]
    except UnknownName as error:
        fail(str(error))
    for line in pairs.report(asked):
        print(line, flush=True)


def finish(command: Any, *args: Any, **options: Any) -> NoReturn:
    """Run a command of the classroom and end with its exit status; expected failures are one line."""
    from coursekit.classroom.sandbox.host import NotHere
    from coursekit.classroom.submission import Bad

    try:
        code = command(*args, **options)
        sys.stdout.flush()
    except (Bad, NotHere) as error:
        fail(str(error))
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 141
    sys.exit(code)


if __name__ == "__main__":
    main()
