"""The house as it is drawn: imports run one way, loading is light, files are small, what is public is documented."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Each part, and the parts it stands on directly; what those stand on is allowed as well.
STANDS_ON = {
    "reference": "",
    "engine": "reference",
    "show": "engine",
    "probe": "",
    "exercise": "reference probe",
    "bank": "exercise",
    "judging": "bank engine",
    "authoring": "judging",
    "classroom": "authoring",
    "workfolder": "",
    "doctor": "classroom",
    "cli": "show authoring classroom workfolder doctor",
}
DRAWING = {"matplotlib", "anywidget", "ipywidgets"}
# Imported where they are used, so that nobody else waits for them. (torch itself imports tqdm.)
LATE = DRAWING | {"IPython", "jupyterlab", "sklearn"}
# What has its docstring but no example in it.
NO_EXAMPLE = {
    "reference.checks": "keeps bad input out of the formulas, is not taught",
    "reference.rule": "makes a function a rule, is not taught",
    "reference.docs": "takes docstrings apart, is not taught",
    "engine.data": "data sets: tests/engine looks at each one's shapes, split and source",
    "show.plots": "draws: tests/show looks at each figure and at its sentence",
}


def files(*endings: str, folder: Path = ROOT) -> list[Path]:
    """The project's own files, without what is installed, cached, made or a learner's."""
    made = {"__pycache__", "build", "demo", "dist", "node_modules", "work"}
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f == ".ci" or (f not in made and not f.startswith("."))]
        found += [Path(here, name) for name in names if name.endswith(endings)]
    return sorted(found)


def parse(path: Path) -> tuple[str, ast.Module]:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(parse(path) for path in files(".py", folder=ROOT / "coursekit"))


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """The modules that import statements name; `from coursekit import bank` names coursekit.bank."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides which part it comes from"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else str(node.module) for name in whole}
    return names


IMPORTS = {name: imported(ast.walk(tree)) for name, tree in MODULES.items()}


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def allowed(name: str) -> set[str]:
    return {name}.union(*(allowed(below) for below in STANDS_ON[name].split()))


def reached(module: str) -> set[str]:
    """Every module of coursekit that importing this one may run, packages on the way included."""
    seen: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        parents = {name.rsplit(".", k)[0] for k in range(1, name.count(".") + 1)}
        waiting |= {other for other in IMPORTS[name] | parents if other in MODULES} - seen
    return seen


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def modules_of(*parts: str) -> list[str]:
    return [name for name in MODULES if part(name) in parts]


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after running this code."""
    code += "\nimport sys; print('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


# What runs beside a learner's code: it holds no answers. `warm` is the judge's side of the same folder.
SANDBOX = [name for name in MODULES if "sandbox." in name and not name.endswith(".warm")]


def test_every_part_has_its_place():
    assert {part(name) for name in MODULES} == {"", *STANDS_ON}


def test_imports_run_one_way():
    up = {name: {part(other) for other in IMPORTS[name] if other in MODULES} for name in modules_of(*STANDS_ON)}
    assert not {name: wrong for name, parts in up.items() if (wrong := parts - allowed(part(name)) - {""})}


def test_reference_needs_torch_alone():
    fine = {"torch", "coursekit", *sys.stdlib_module_names}
    assert not {name: more for name in modules_of("reference") if (more := roots(IMPORTS[name]) - fine)}


def test_judging_and_classroom_draw_nothing():
    names = modules_of("judging", "classroom")
    assert not {name: drawn for name in names if (drawn := roots(IMPORTS[name]) & DRAWING)}


def test_extras_are_imported_late():
    """Inside a function, or in a module of `show`, which is itself imported late."""
    names = set(MODULES) - set(modules_of("show")) | {"coursekit.show"}
    assert not {name: early for name in names if (early := roots(imported(MODULES[name].body)) & LATE)}


def test_no_answers_beside_a_learners_code():
    answers = {"reference", "bank", "judging"}
    assert not {name: near for name in SANDBOX if (near := {part(other) for other in reached(name)} & answers)}
    loaded = loaded_by("\n".join(f"import {name}" for name in SANDBOX))
    assert not {part(name) for name in loaded if name.startswith("coursekit.")} & answers


def test_importing_coursekit_is_light():
    assert "torch" not in loaded_by("import coursekit")


def test_the_command_line_answers_without_torch():
    loaded = loaded_by(
        "import contextlib, sys\n"
        "from coursekit.cli import main\n"
        "sys.argv = ['coursekit', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert "torch" not in loaded


def test_a_check_and_the_figures_names_load_no_extras():
    loaded = loaded_by("import coursekit.judging.check, coursekit.show")
    assert not {name for name in loaded if name in LATE | {"typer", "rich"}}


def test_no_file_is_long():
    """Lessons are mostly prose, read once from top to bottom: they may be longer."""
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in files(".py", ".js", ".css", ".md")}
    most = {path: 700 if path.parent.name == "notebooks" else 400 for path in lines}
    assert not {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > most[path]}


def test_no_file_names_a_machine_or_a_registry():
    """A path of one person's machine works nowhere else; where packages come from is pip's own setting."""
    homes = [r"/(home|Users)/[a-z]\w*/", r"[A-Z]:\\Users", re.escape(f"{ROOT}/"), re.escape(f"{Path.home()}/")]
    registries = ["pypi[.]", "pythonhosted[.]", "registry[.]npm", "download[.]pytorch", "(extra-)?index-[u]rl"]
    wrong = re.compile("|".join(homes + registries))
    endings = (".py", ".js", ".css", ".md", ".ipynb", ".toml", ".yml", ".json", ".txt", "Makefile", "run")
    texts = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in files(*endings)}
    assert not {str(path): hit[0] for path, text in texts.items() if (hit := wrong.search(text))}


def public(module: str) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    body = MODULES[module].body
    yield from (n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_"))


def test_what_is_public_is_documented():
    assert not [name for name, tree in MODULES.items() if not ast.get_docstring(tree)]
    names = modules_of("reference", "engine", "show")
    assert not [f"{name}.{n.name}" for name in names for n in public(name) if not ast.get_docstring(n)]


def offered(package: str) -> set[str]:
    """The names in the package's `__all__`."""
    lists = [n for n in MODULES[f"coursekit.{package}"].body if isinstance(n, ast.Assign)]
    return {name for n in lists if ast.unparse(n.targets[0]) == "__all__" for name in ast.literal_eval(n.value)}


def test_what_is_offered_has_an_example():
    """In reference every public function is taught; engine and show offer what they name in `__all__`."""
    names = [n for n in modules_of("reference", "engine", "show") if n.removeprefix("coursekit.") not in NO_EXAMPLE]
    functions = {f"{name}.{n.name}": n for name in names for n in public(name) if isinstance(n, ast.FunctionDef)}
    known = offered("engine") | offered("show")
    functions = {key: n for key, n in functions.items() if "coursekit.reference." in key or n.name in known}
    assert len(functions) > 15
    assert not [name for name, n in functions.items() if ">>>" not in str(ast.get_docstring(n))]
