"""Chapter 00: one warm-up check, not graded."""

from __future__ import annotations

import torch

from coursekit.exercise import Chapter, Exercise, Function, Quiz, Slip
from coursekit.probe.cases import Call
from coursekit.reference import start


def _cases(generator: torch.Generator) -> list[Call]:
    shapes = [(4,), (2, 3), ()]
    return [Call((torch.randn(shape, generator=generator, dtype=torch.float64),)) for shape in shapes]


def _through_a_list(x):
    return torch.tensor(x.tolist(), dtype=x.dtype)


def _plus_zero(x):
    y = x + 0
    return y


identity = Exercise(
    answer=start.identity,
    probe=Function(_cases),
    points=0,
    hints=(
        "The function gets a tensor and gives back the same tensor.",
        "One line is enough: a `return` statement.",
        "Write `return x`.",
    ),
    slips=(
        Slip("sign turned", ("return x", "return -x"), "Every sign is turned: {yours:.3g} for {expected:.3g}."),
        Slip("doubled", ("return x", "return 2 * x"), "Every number is {ratio:.3g} times what came in."),
    ),
    also_right=(_through_a_list, _plus_zero),
)

too_long = Quiz(
    name="start_too_long",
    question="What happens to the path of gradient descent when its learning rate is much too large?",
    choices={
        "a": "it goes down as before, in fewer steps",
        "b": "it steps over the lowest point, each time farther, and leaves the picture",
        "c": "it jumps to and fro across the lowest point, always equally far",
    },
    answer=lambda: "b",
    why="Beyond a limit every step overshoots by more than the last. The next figure shows where the limit is.",
    beliefs=(
        (
            "a",
            "Faster, up to a limit: a longer step helps until it carries across the valley to a place as high.",
        ),
        (
            "c",
            "Only at one rate exactly: below it each jump is shorter than the last, above it longer.",
        ),
    ),
    points=0,
)

chapter = Chapter(number=0, topic="start", title="Start here", exercises=(identity,), quizzes=(too_long,))
