"""Makes the site: `make site`, or `python site/build.py --only 00 08` for some of its chapters."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import checks
import pages

HERE = Path(__file__).parent
ROOT = HERE.parent
MATHJAX = (
    "tex-chtml.js",
    "input/tex/extensions/*.js",  # loaded when an equation needs one
    "output/chtml/fonts/woff-v2/*.woff",
)


def main() -> int:
    ask = argparse.ArgumentParser(description="Build the course's site.")
    ask.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="where; the pages lie in html/ there")
    ask.add_argument("--only", nargs="*", metavar="NN", help="these chapters only, by number")
    ask.add_argument("--solutions", action="store_true", help="with the course's answers, folded")
    asked = ask.parse_args()
    out, started = asked.out.resolve(), time.monotonic()
    try:
        mathjax(out)
        pages.write(out / "source", asked.only, asked.solutions)
    except (FileNotFoundError, ValueError, subprocess.CalledProcessError) as error:
        print(f"site: {error}", file=sys.stderr)
        return 2
    for made in ("doctrees", "html"):  # whole each time: only the lessons' results are kept
        shutil.rmtree(out / made, ignore_errors=True)
    os.environ["COURSEKIT_PROGRESS"] = "off"  # the lessons are executed without a mark in anyone's progress
    if status := sphinx(out):
        return status
    found = checks.check(out / "html")
    (out / "external-links.txt").write_text("".join(f"{link}\n" for link in found.external), encoding="utf-8")
    for line in found.faults:
        print(f"site: {line}", file=sys.stderr)
    print(f"site: {found.pages} pages in {time.monotonic() - started:.0f} s: {out / 'html' / 'index.html'}")
    return 1 if found.faults else 0


def sphinx(out: Path) -> int:
    """Call Sphinx; every warning is an error, but the kernels' remark that a machine's own ports are not encrypted."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going", "-c", str(HERE)]
    command += ["-d", str(out / "doctrees"), str(out / "source"), str(out / "html")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as running:
        for line in running.stderr or ():
            if "Kernel is running over TCP without encryption" not in line:
                sys.stderr.write(line)
    return running.returncode


def mathjax(out: Path) -> None:
    """Put MathJax into `out/static`, from npm, once; its version and its hash stand in package.json and its lock."""
    npm, target = out / "npm", out / "static" / "mathjax"
    packed = npm / "node_modules" / "mathjax" / "es5"
    lock = (HERE / "package-lock.json").read_bytes()
    if not packed.is_dir() or (npm / "package-lock.json").read_bytes() != lock:
        command = shutil.which("npm")
        if command is None:
            raise FileNotFoundError("the equations need MathJax, which npm brings: install Node.js (apt install npm)")
        npm.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, npm / name)
        options = ["--ignore-scripts", "--no-audit", "--omit-lockfile-registry-resolved", "--loglevel=error"]
        done = subprocess.run([command, "ci", *options], cwd=npm, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.splitlines() or ["no reason given"])[0].removeprefix("npm error ")
            raise FileNotFoundError(f"npm could not bring MathJax, for which the first build needs the network: {said}")
        shutil.rmtree(target, ignore_errors=True)
    for pattern in MATHJAX:
        for file in packed.glob(pattern):
            place = target / file.relative_to(packed)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


if __name__ == "__main__":
    sys.exit(main())
