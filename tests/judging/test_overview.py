"""The list of the course: what is done and what comes next, the same as text and in a notebook."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser

import pytest

import coursekit
from coursekit.bank import index
from coursekit.judging import progress as kept
from coursekit.judging.overview import Progress, progress

DONE = {"tries": 1, "status": "passed"}
EVERYTHING = [*index.exercises(), *index.quizzes()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    where = tmp_path / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
    return where


class Words(HTMLParser):
    """The words of a page, and the attributes of each tag that stands open around them."""

    def __init__(self, source: str):
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.unfolded: list[bool] = []
        self.links: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "details":
            self.unfolded.append(("open", None) in attrs)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def shown(view: Progress) -> str:
    return " ".join(" ".join(Words(view._repr_html_()).words).split())


def test_it_is_what_the_course_calls_progress(place):
    assert coursekit.progress is progress
    assert progress().known == {}


def test_nothing_done_begins_at_the_start():
    text = repr(Progress({}))
    chapter = index.chapter("08_adam")
    assert f"08_adam Adam: 0 of {len(chapter.exercises) + len(chapter.quizzes)} done" in text
    assert f"0 of {len(EVERYTHING)} done, 0 tried, {len(EVERYTHING)} not tried." in text
    assert "Next: identity, in exercises/00_start.ipynb" in text
    assert all(re.search(rf"\b{name}\b", text) for name in EVERYTHING)


def test_every_state_has_a_sign_and_a_word_in_both_forms():
    known = {
        "update_moments": {"tries": 2, "status": "passed", "hints": [3]},
        "bias_correction": {"tries": 3, "status": "convention"},
        "adam": {"tries": 1, "status": "error", "hints": [2, 1]},
        "loss_times_1000": {"tries": 0, "hints": [1]},
    }
    view = Progress(known)
    text, page = repr(view), shown(view)
    for line in (
        "✓ done                update_moments (2 tries, hint 3)",
        "≈ another convention  bias_correction (3 tries)",
        "! tried               adam (1 try, hints 1, 2)",
        "○ not tried           first_step_length, ",
    ):
        assert f"  {line}" in text
    for words in (
        "✓ done update_moments 2 tries, hint 3",
        "≈ another convention bias_correction 3 tries",
        "! tried adam 1 try, hints 1, 2",
        "○ not tried loss_times_1000 (question) hint 1",
    ):
        assert words in page
    for form in (text, page):
        assert f"1 of {len(EVERYTHING)} done, 1 in another convention, 1 tried, {len(EVERYTHING) - 3} not tried" in form
        assert "08_adam Adam: 1 of " in form


def test_lines_fit_a_terminal():
    assert max(map(len, repr(Progress({})).splitlines())) <= 100


def test_what_comes_next_is_where_one_worked_last():
    known = {"adagrad": DONE | {"last": "2026-01-02T00:00:00+00:00"}, "adam": DONE | {"last": "2026-01-01"}}
    chapter, name = Progress(known).next
    assert (chapter.id, name) == ("07_adaptive", "rmsprop")


def test_then_the_rest_and_other_conventions_last():
    last = DONE | {"last": "2026-01-02"}
    known = dict.fromkeys(EVERYTHING, last) | {"adam": last | {"status": "convention"}}
    assert Progress(known | {"identity": {"tries": 1, "status": "wrong", "last": "2026"}}).next[1] == "identity"
    assert Progress(known).next[1] == "adam"
    done = Progress(dict.fromkeys(EVERYTHING, DONE))
    assert done.next is None
    for form in (repr(done), shown(done)):
        assert "All done." in form and f"{len(EVERYTHING)} of {len(EVERYTHING)} done, 0 tried, 0 not tried" in form


def test_chapters_unfold_where_there_is_something_to_do():
    begun = {"adam": {"tries": 1, "status": "wrong", "last": "2026-01-01"}, "identity": DONE, "start_too_long": DONE}
    ids = [chapter.id for chapter in index.chapters().values()]
    unfolded = dict(zip(ids, Words(Progress(begun)._repr_html_()).unfolded, strict=True))
    assert [name for name in ids if unfolded[name]] == ["08_adam"]
    fresh = dict(zip(ids, Words(Progress({})._repr_html_()).unfolded, strict=True))
    assert [name for name in ids if fresh[name]] == ["00_start"]


def test_what_comes_next_is_a_link_from_where_the_notebook_is(place, monkeypatch):
    assert Words(progress()._repr_html_()).links == []
    for folder in ("exercises", "notebooks"):
        (place.parent / folder).mkdir()
    (place.parent / "exercises" / "00_start.ipynb").touch()
    monkeypatch.chdir(place.parent / "notebooks")
    assert Words(progress()._repr_html_()).links == [f"..{os.sep}exercises{os.sep}00_start.ipynb".replace(os.sep, "/")]
    assert "Next: identity, in exercises/00_start.ipynb" in shown(progress()).replace(" ,", ",")


def test_where_it_is_kept_is_said(place, monkeypatch):
    assert f"Kept in {place} There is no such file yet" in " ".join(repr(progress()).split())
    place.write_text('{"identity": {"status": "passed"}, "x": 3}', encoding="utf-8")
    kept.record_hint("adam", 1)
    [aside] = kept.set_aside(place)
    for form in (repr(progress()), shown(progress())):
        assert "no such file" not in form
        assert f"damaged once: as it was then, it is kept beside it in {aside.name}" in " ".join(form.split())
    monkeypatch.setenv("COURSEKIT_PROGRESS", "off")
    assert "Nothing is kept: COURSEKIT_PROGRESS is off." in repr(progress())


def test_a_place_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "none" / "progress.json"))
    assert "It cannot be written there, so nothing new is kept." in repr(progress())


def test_a_name_that_the_course_no_longer_has_is_left_alone():
    assert "0 of " in repr(Progress({"retired": DONE}))


def test_lists_on_one_page_have_ids_of_their_own():
    ids = [re.search(r'id="(\w+)"', Progress({})._repr_html_())[1] for _ in range(2)]
    assert ids[0] != ids[1]
