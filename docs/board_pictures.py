"""Makes the pictures of the workshop's board anew: `python docs/board_pictures.py [FOLDER]`. Needs Chromium.

With a folder every picture goes there: 30 and 300 learners, light and dark, wide and as on a phone.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from coursekit.classroom.board import names
from coursekit.classroom.board.items import Items
from coursekit.classroom.board.store import Event, Store
from coursekit.judging import mistakes

HERE = Path(__file__).parent
CHAPTERS = ("06_momentum", "08_adam")
PORT = 8771
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


def fill(db: Path, count: int) -> str:
    """A class an hour into its work; the key of its board."""
    chance = random.Random(7)
    store, items, now = Store(db), Items(CHAPTERS), time.time()
    for number in range(count):
        colour, bird = chance.choice(names.COLOURS.split(",")), chance.choice(names.BIRDS.split(","))
        learner, _ = store.add_learner(f"{colour} {bird}", now - 3600)
        for place, event in enumerate(worked(items, chance, now)):
            store.add(Event(learner.id, f"{number:016x}{place:016x}", *event)).result()
    key = store.key
    store.close()
    return key


def worked(items: Items, chance: random.Random, now: float) -> Iterator[tuple[Any, ...]]:
    """One learner's events: through the exercises in order, each with some tries, until the hour is over."""
    at = now - chance.uniform(3000, 3600)
    pace = chance.lognormvariate(5.5, 0.5)
    for item in items.all:
        if item.question and chance.random() < 0.4:
            continue
        known = list(mistakes.known(item.name))[:6]
        tries = 1 if item.question else chance.choice((1, 1, 2, 2, 3, 4, 6))
        for k in range(tries):
            at += chance.expovariate(1 / pace)
            if at > now - 5:
                return
            last = k == tries - 1
            status = "passed" if last else chance.choice(("wrong",) * 6 + ("error",))
            if last and not item.question and chance.random() < 0.05:
                status = "convention"
            of = [name for name in known if status == "wrong"] + [None] * (not known or status != "wrong")
            yield at, item.name, status, of[min(int(chance.expovariate(0.9)), len(of) - 1)]


def main(folder: Path | None) -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as place:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for count in (30, 300) if folder else (30,):
            db = Path(place) / f"{count}.sqlite"
            key = fill(db, count)
            command = [sys.executable, "-m", "coursekit.cli", "workshop", "start", "--db", str(db)]
            command += [f"--port={PORT}", "--bind=127.0.0.1", "--address=192.168.1.5"]
            board = subprocess.Popen([*command, *(f"--chapter={name}" for name in CHAPTERS)], stdout=subprocess.PIPE)
            try:
                for line in board.stdout or ():
                    if b"Stop:" in line:
                        break
                pictures(browser, key, count, folder)
            finally:
                board.terminate()
                board.wait()
        browser.close()


def pictures(browser: Any, key: str, count: int, folder: Path | None) -> None:
    for theme in ("light", "dark") if folder else ("light",):
        for size, viewport in SIZES.items() if folder else (("wide", {"width": 1280, "height": 800}),):
            context = browser.new_context(viewport=viewport, color_scheme=theme)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{PORT}/#{key}")
            page.get_by_text("Live.").wait_for()
            for name in ("board", "projector"):
                page.goto(f"http://127.0.0.1:{PORT}/{name}")
                page.get_by_text("Live.").wait_for()
                page.wait_for_timeout(500)
                path = folder / f"{name}-{count}-{size}-{theme}.png" if folder else HERE / f"{name}.png"
                page.screenshot(path=path)
            context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
