"""What a board can be told of a mistake: everything that a verdict names, and nothing of the learner's."""

from __future__ import annotations

import json

import pytest

from coursekit.bank import index
from coursekit.judging import mistakes
from tests.golden.corpus import HERE

NAMED = sorted(
    {
        (key.split(":")[0], diagnosis)
        for corpus in ("fresh", "second")
        for kept in json.loads((HERE / f"{corpus}.json").read_text(encoding="utf-8")).values()
        for key, (_, diagnosis) in kept.items()
        if diagnosis
    }
)


def test_every_slip_and_convention_is_told_as_itself_with_its_name():
    for exercise in index.exercises().values():
        for part in (*exercise.slips, *exercise.conventions):
            assert mistakes.told(exercise.name, part.id) == part.id
            assert mistakes.known(exercise.name)[part.id].title == part.name


def test_every_known_answer_to_a_question_is_told():
    for quiz in index.quizzes().values():
        titles = [m.title.removeprefix("answered ").split(" or ") for m in mistakes.known(quiz.name).values()]
        assert sorted(b for title in titles for b in title) == sorted(str(belief) for belief, _ in quiz.beliefs)


def test_every_diagnosis_of_answers_written_without_knowing_the_catalogue_is_told():
    assert len(NAMED) > 300
    told = {(name, diagnosis): mistakes.told(name, diagnosis) for name, diagnosis in NAMED}
    assert not [key for key, found in told.items() if not found]
    assert all(mistakes.find(name, found) for (name, _), found in told.items())
    assert sum(found == diagnosis for (_, diagnosis), found in told.items()) > 0.95 * len(told)


@pytest.mark.parametrize(
    ("diagnosis", "told"),
    [
        ("factor_1_37", "factor"),  # a number of the learner's
        ("m_not_corrected+factor_2", "m_not_corrected+factor"),
        ("my_secret_variable", None),
        ("m_not_corrected+my_secret_variable", "m_not_corrected"),
        ("beta1_and_eps_not_used", "beta1_and_eps_not_used"),
        ("", None),
        (None, None),
    ],
)
def test_what_is_not_on_the_list_is_left_out(diagnosis, told):
    assert mistakes.told("adam", diagnosis) == told


def test_no_words_on_the_list_wait_for_a_learners_numbers():
    for name in (*index.exercises(), *index.quizzes()):
        assert not [
            m for m in mistakes.known(name).values() if m.words and "{" in m.words and name not in index.quizzes()
        ]
