"""The audit: silent on a good exercise, and of a spoilt one it says what is spoilt and nothing else."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from coursekit.authoring.audit import author_check
from coursekit.authoring.notebooks import build
from coursekit.exercise import Chapter, Convention, Exercise, Function, Quiz, Slip
from coursekit.probe.cases import Call

replace = dataclasses.replace


def line(x, *, slope=2.0):
    r"""Go up by a slope from 1.

    $$f(x) = 1 + a x$$

    Args:
        x: a tensor of any shape.
        slope: $a$, a number.

    Returns:
        The height, shape of `x`.
    """
    rise = slope * x
    return 1 + rise


def undocumented(x, *, slope=2.0):
    """Go up by a slope from 1.

    Args:
        x: a tensor of any shape.
    """
    return 1 + slope * x


def leaning(x, *, slope=2.0):
    """Go up by a slope from 1, with the help of a name that learners do not have.

    Args:
        x: a tensor of any shape.
        slope: a number.

    Returns:
        The height.
    """
    return line(x, slope=slope)


def picky(x, *, slope=2.0):
    """Go up by a slope from 1, where x is positive.

    Args:
        x: a tensor of any shape.
        slope: a number.

    Returns:
        The height.
    """
    if (x < 0).any():
        raise ValueError("x must be positive")
    return 1 + slope * x


def hidden():
    def line(x, *, slope=2.0):
        """Go up by a slope from 1.

        Args:
            x: a tensor of any shape.
            slope: a number.

        Returns:
            The height.
        """
        rise = slope * x
        return 1 + rise

    return line


def cases(generator):
    draws = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in [(3,), (2, 2)]]
    return [Call((x,), {"slope": slope}, label="line(x)") for x, slope in zip(draws, (0.7, 3.0), strict=True)]


def by_torch(x, *, slope):
    return torch.ones_like(x).add(x, alpha=slope)


def by_parts(x, *, slope):
    return x * slope + 1.0


def flat(x, *, slope):
    return 1 + 0 * x


def by_the_answer(x, *, slope):
    return line(x, slope=slope)


SIGN = Slip("sign turned", ("1 + rise", "1 - rise"), "{call}: {yours} for {expected} at {element}, {ratio:.3g} times.")
SQUARE = Slip("slope squared", ("slope * x", "slope**2 * x"), "The slope counts twice.", hint=2)
FROM_ZERO = Convention("from 0", ("1 + rise", "rise"), "This line starts at 0.")
GOOD = Exercise(
    answer=line,
    probe=Function(cases),
    hints=("think", "think again", "write it"),
    points=2,
    slips=(SIGN, SQUARE),
    conventions=(FROM_ZERO,),
    also_right=(by_torch, by_parts),
)
QUIZ = Quiz("height", "How high at 3?", lambda: 7.0, "1 + 2 * 3.", beliefs=((6.0, "from 0: it starts at 1."),))
CHOICE = Quiz(
    "steeper", "Which is steeper?", lambda: "a", "2 is more than 1.",
    choices={"a": "slope 2", "b": "slope 1"}, beliefs=(("b", "the smaller: no."),),
)  # fmt: skip


def chapter(*exercises, quizzes=(QUIZ, CHOICE), number=99):
    return Chapter(number, f"made_up_{number}", "Made up", exercises, quizzes)


def complaints(exercise=GOOD, quizzes=(QUIZ, CHOICE), seeds=(0,)):
    return author_check([chapter(exercise, quizzes=quizzes)], root=None, seeds=seeds)


def test_a_good_exercise_is_left_alone(capsys):
    assert complaints(seeds=(0, 1, 2)) == []
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["exercise", "slips", "conventions", "rights"]
    assert row.split()[:10] == ["line", "2", "of", "2", "1", "of", "1", "2", "of", "2"]


def slip(change, message="Words.", name="another", **more):
    return replace(GOOD, slips=(SIGN, SQUARE, Slip(name, change, message, **more)))


TWICE = ("return 1 + rise", "return 1 + -rise")
SPOILT = {
    "a slip like another": (slip(TWICE), "another: it is wrong and named sign_turned, wanted wrong and named itself"),
    "a slip like a convention": (slip(("1 + rise", "0 + rise")), "from_0: it is wrong and named another, wanted conv"),
    "a slip that is right": (slip(("slope * x", "x * slope")), "another: it is passed, wanted wrong"),
    "a slip that crashes": (slip(("slope * x", "slope * z")), "another: it is error, wanted wrong"),
    "a slip that does not apply": (slip(("rise", "x")), "another: NotApplicable: 'rise' stands 2 times in the source"),
    "a slip that is no Python": (slip(("1 + rise", "1 +")), "another: SyntaxError: "),
    "a number that is not there": (slip(("1 +", "2 +"), "At step {step}."), "another: its words use {step}, which has"),
    "an unknown number": (slip(("1 +", "2 +"), "{mine}"), "another: its words use {mine}, which has no value there"),
    "an open brace": (slip(("1 +", "2 +"), "{"), "another: ValueError: Single '{' encountered"),
    "no such hint": (slip(("1 +", "2 +"), hint=4), "another: there is no hint 4"),
    "one id twice": (slip(("1 +", "2 +"), name="Sign: turned"), "2 mistakes or conventions have the id 'sign_turned'"),
    "an empty hint": (replace(GOOD, hints=("think", " ", "write")), "three different hints are wanted"),
    "one hint twice": (replace(GOOD, hints=("think", "think", "write")), "three different hints are wanted"),
    "one right answer": (replace(GOOD, also_right=(by_torch,)), "two right answers that are written differently are w"),
    "a wrong right answer": (
        replace(GOOD, also_right=(by_torch, by_parts, flat)), "also_right flat does not pass: wrong, "
    ),
    "a right answer that leans on the course": (
        replace(GOOD, also_right=(by_torch, by_parts, by_the_answer)), "by_the_answer does not pass: refused"
    ),
    "a right answer that is refused": (
        replace(GOOD, refuse=frozenset({"ones_like"})), "also_right by_torch does not pass: refused, line is"
    ),
    "full credit": (replace(GOOD, conventions=(replace(FROM_ZERO, credit=1.0),)), "from_0: the credit must be above 0"),
    "words missing in the docstring": (replace(GOOD, answer=undocumented), "says nothing of slope"),
    "a solution that learners cannot run": (replace(GOOD, answer=leaning), "the solution is error, wanted passed: N"),
    "cases that the reference refuses": (replace(GOOD, answer=picky), "the reference itself fails on line(x): Value"),
    "cases that cannot be made": (replace(GOOD, probe=Function(lambda generator: 1 / 0)), "ZeroDivisionError"),
    "an answer that nobody can import": (replace(GOOD, answer=hidden()), "test_audit.line"),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_said(what):
    exercise, words = SPOILT[what]
    found = complaints(exercise)
    assert [line for line in found if words in line], found
    assert all(line.startswith(f"{exercise.name}: ") for line in found)
    if exercise.answer is line:  # nothing else is complained of (an id, once for each of the two that have it)
        assert len(found) <= 1 + (what == "one id twice"), found


def test_every_seed_counts():
    def some(generator):
        x = torch.randn(3, generator=generator, dtype=torch.float64)
        return [Call((x,), {"slope": 1.0 if generator.initial_seed() == 7 else 2.0}, label="line(x)")]

    exercise = replace(GOOD, probe=Function(some))
    assert complaints(exercise, seeds=(0, 1)) == []
    [said] = complaints(exercise, seeds=(0, 7, 1))
    assert said.startswith("line: slope_squared: it is passed, wanted wrong") and said.endswith(" (seed 7)")


@pytest.mark.parametrize(
    "quiz, words",
    [
        (replace(QUIZ, why=""), "height: the question or the reason is empty"),
        (replace(QUIZ, answer=lambda: float("nan")), "height: its own answer, nan, does not pass"),
        (replace(QUIZ, answer=lambda: 1 / 0), "height: ZeroDivisionError: division by zero"),
        (replace(QUIZ, beliefs=((7.05, "near"),)), "height: the belief 7.05 is passed, not wrong"),
        (replace(QUIZ, beliefs=((6.0, "a"), (6.01, "b"))), "height: the belief 6.01 does not get its own words: 'a'"),
        (replace(CHOICE, beliefs=()), "steeper: the wrong choice 'b' is not answered by a belief"),
        (replace(CHOICE, answer=lambda: "c"), 'steeper: its own answer, "c", does not pass'),
        (replace(CHOICE, beliefs=(("b", "no."), ("z", "what?"))), "steeper: the belief 'z' does not get its own words"),
    ],
)
def test_a_spoilt_quiz_is_said(quiz, words):
    found = complaints(quizzes=(quiz,))
    assert [line for line in found if line.startswith(words)], found


def test_a_name_is_given_once():
    found = author_check([chapter(GOOD), chapter(GOOD, quizzes=(), number=98)], root=None, seeds=(0,))
    assert found == ["line: this is the name of 2 exercises, quizzes or chapters"]


def test_notebooks_out_of_step_are_said(tmp_path):
    chapters = [chapter(GOOD)]
    build(tmp_path, chapters=chapters)
    assert author_check(chapters, tmp_path, seeds=(0,)) == []
    place = tmp_path / "exercises" / "99_made_up_99.ipynb"
    place.write_text(place.read_text(encoding="utf-8").replace("Made up", "Mad up"), encoding="utf-8")
    assert author_check(chapters, tmp_path, seeds=(0,)) == [
        "exercises/99_made_up_99.ipynb: out of step with its source"
    ]
