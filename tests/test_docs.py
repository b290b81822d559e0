"""What the pages of docs/ say about the code: pictures and tables made from it are up to date, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# what a page of text points at: [words](place#part), and places in backticks that begin with a folder of the project
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PLACE = re.compile(r"`((?:coursekit|tests|docs|benchmarks|notebooks)/[\w./]+)`")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["house", "mistakes"])
def test_what_is_made_from_the_code_is_up_to_date(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--check"])
    status = script(name).main()
    assert status == 0, capsys.readouterr().out


def test_an_arrow_that_follows_from_others_is_not_drawn():
    house = script("house")
    below = {"top": {"middle", "bottom"}, "middle": {"bottom"}, "bottom": set(), "aside": set()}
    assert house.arrows(below) == {"top": {"middle"}, "middle": {"bottom"}, "bottom": set(), "aside": set()}
    assert house.floors(house.arrows(below)) == {"top": 2, "middle": 1, "bottom": 0, "aside": 0}


def test_a_circle_of_imports_is_said():
    with pytest.raises(SystemExit, match="imports run in a circle: one -> two -> one"):
        script("house").arrows({"one": {"two"}, "two": {"one"}})


def test_the_design_says_what_every_room_is():
    said = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rooms = [name.removeprefix("coursekit.").replace(".", "/") for name in script("house").ROOMS]
    assert not [
        name for name in rooms if f"`{name}/`" not in said and f"`{name}.py`" not in said and name != "notebooks"
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_points_at_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    assert not [link for link in links if not (page.parent / link).exists()]
    topics = ("topic", "NN_", "gating", "NAME", "directional_derivative")  # any chapter, or made on the way
    places = [place for place in PLACE.findall(text) if not any(word in place for word in topics)]
    assert not [place for place in places if not (ROOT / place).exists()]
