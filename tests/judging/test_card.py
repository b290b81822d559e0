"""Cards: the same content as text and as HTML, whatever a learner's texts hold, many of them on one page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from coursekit.judging.card import html, text
from coursekit.judging.check import check
from coursekit.judging.verdict import STATUSES, Check, Picture, Verdict

HOSTILE = '</p></section><script>alert("x")</script><img src=x onerror=y> \' " & `a` ` {m} %s \ud800 \x1b[31m ∑'
PICTURE = Picture((5.0, 4.0, 3.0), (5.0, 3.0, float("nan")), 1, HOSTILE)
EVERYTHING = Verdict(
    HOSTILE, "wrong", 0, 3, HOSTILE, HOSTILE, HOSTILE, (Check(HOSTILE, False, HOSTILE), Check(HOSTILE, None)),
    HOSTILE, 2, (HOSTILE, "second hint", HOSTILE), PICTURE, "practice", 3, HOSTILE,
)  # fmt: skip


class Page(HTMLParser):
    """Which tags and ids there are, and whether every tag is closed where it should be."""

    EMPTY = frozenset({"circle", "line", "polyline", "br", "img", "input"})

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def words_of(page: Page) -> str:
    return " ".join(" ".join(page.words).split())


def test_hostile_texts_are_shown_and_do_nothing():
    page = Page(html(EVERYTHING))
    words = {"section", "style", "h4", "p", "code", "ul", "li", "b", "details", "summary", "pre"}
    assert set(page.tags) <= words | {"figure", "svg", "title", "line", "text", "polyline", "circle", "figcaption"}
    assert '<script>alert("x")</script><img src=x onerror=y>' in words_of(page)


def test_every_card_has_ids_of_its_own():
    cards = [html(EVERYTHING) for _ in range(3)]
    pages = [Page(card) for card in cards]
    ids = [one for page in pages for one in page.ids]
    assert len(ids) == len(set(ids)) == 3
    assert all(f"#{page.ids[0]} {{" in card for page, card in zip(pages, cards, strict=True))  # its style is its own


@pytest.mark.parametrize("status", STATUSES)
def test_sign_and_word_stand_together_in_both_forms(status):
    sign, word = STATUSES[status]
    verdict = Verdict("adam", status, 1.5, 3, "What is said of it.", hints=("a", "b", "c"))
    for form in (text(verdict), words_of(Page(html(verdict)))):
        assert sign in form and word in form and "adam" in form
        assert "What is said of it." in form
        assert ("1.5 of 3 points" in form) == (status != "internal")  # a fault of the course's own costs nobody points


def test_both_forms_say_the_same():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        return param - lr * m / (v.sqrt() + eps), (m, v, t + 1)

    verdict = check(adam)
    assert verdict.diagnosis == "no_bias_correction"
    card, plain = words_of(Page(verdict._repr_html_())), " ".join(repr(verdict).split())
    for words in (*[row.name for row in verdict.checks], *verdict.call.splitlines(), verdict.picture.caption):
        assert " ".join(words.split()) in card
        assert " ".join(words.split()) in plain
    assert " ".join(verdict.message.replace("`", " ").split()[:12]) in card.replace("  ", " ")
    assert "first difference: step 1" in card
    assert 'hint("adam", 2)' in plain
    assert card.index("Hint 2 of 3") < card.index("Hint 1 of 3")  # the one that fits the mistake comes first


def test_no_hint_is_offered_for_what_is_passed():
    card, plain = (show(Verdict("adam", "passed", 3, 3, hints=("a", "b", "c"))) for show in (html, text))
    assert "Hint" not in card and "hint" not in plain


def test_a_card_may_leave_out_picture_and_hints():
    card = html(EVERYTHING, picture=False, hints=False)
    assert "<figure>" not in card and "Hint" not in card


def test_a_path_that_runs_away_does_not_flatten_the_other():
    reference = tuple(5 - 0.1 * i for i in range(41))
    yours = tuple((-3.0) ** i for i in range(41))
    card = html(Verdict("adam", "wrong", 0, 3, picture=Picture(reference, yours, 1, "down a parabola")))
    first = re.search(r'<polyline points="([^"]+)"', card)[1]
    heights = [float(point.split(",")[1]) for point in first.split()]
    assert max(heights) - min(heights) > 20


@pytest.mark.parametrize("values", [(1.0, float("nan")), (float("inf"), float("-inf")), (1e300, -1e300), (2.0, 2.0)])
def test_any_path_can_be_drawn(values):
    card = html(Verdict("adam", "wrong", 0, 3, picture=Picture((2.0, 2.0), values, 0, "flat")))
    numbers = re.findall(r'points="([^"]+)"', card)
    assert "nan" not in "".join(numbers) and "inf" not in "".join(numbers)
    Page(card)


def test_asterisks_are_emphasis_around_words_and_no_others():
    words = "These *two probabilities* and `a *b* c`, 2 * x * y, beta**t and *.py"
    shown = html(Verdict("adam", "wrong", 0, 1, words))
    assert "<em>two probabilities</em>" in shown and shown.count("<em>") == 1
    assert "<code>a *b* c</code>" in shown and "2 * x * y, beta**t and *.py" in shown
