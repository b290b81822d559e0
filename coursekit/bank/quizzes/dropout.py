"""What is predicted in chapter 11, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import torch

from coursekit.exercise import Quiz
from coursekit.reference.dropout import dropout

ONE = torch.ones(1, dtype=torch.float64)


def _kept(p: float, h: float) -> float:
    return float(dropout(h * ONE, ONE, p=p, training=True))


def _mean(p: float) -> float:
    """The mean of an activation of 1 in training: over the two masks that there are."""
    return (1 - p) * _kept(p, 1.0) + p * float(dropout(ONE, 0 * ONE, p=p, training=True))


def _scaled_twice(p: float) -> float:
    return float(dropout(ONE, ONE, p=p, training=False)) * (1 - p) / _mean(p)


def _spread(p: float) -> float:
    squares = (1 - p) * _kept(p, 1.0) ** 2
    return (squares - _mean(p) ** 2) ** 0.5


QUIZZES = (
    Quiz(
        "what_a_kept_activation_becomes",
        "An activation is 2 and p, the probability of dropping, is 0.6. It is kept. What does the next layer get in "
        "training?",
        lambda: _kept(0.6, 2.0),
        "5: it is divided by 1 - p = 0.4, so that on average, kept in 4 of 10 steps, it is still 2.",
        beliefs=(
            (2.0, "as it is: then the next layer would see 0.8 on average in training, and 2 at test."),
            (0.8, "times 1 - p: the first form of dropout does that at test. In training what is kept is scaled up."),
            (3.33, "divided by p: the share that is *kept* is 1 - p = 0.4."),
            (1.2, "times p: what is kept has to make up for what is dropped, so it gets larger."),
            (3.2, "times 1 + p: on average that is 0.4 * 3.2 = 1.28, not 2."),
        ),
    ),
    Quiz(
        "scaled_twice",
        "A network divides by 1 - p in training and also multiplies by 1 - p at test; p is 0.3. What is the mean of a "
        "layer's output at test, divided by the mean in training?",
        lambda: _scaled_twice(0.3),
        "0.7. Each of the two scales is enough alone; with both, every layer at test is 1 - p times too small. Some "
        "notes ask for both.",
        beliefs=(
            (1.0, "that is what either scale alone is for: dividing in training has made the means equal already."),
            (1.43, "1 / 0.7: it is the test that is scaled once too often, and down."),
            (0.3, "1 - p is the share kept, 0.7; p is the share dropped."),
            (0.49, "0.7 twice: in training the division and the dropping cancel, so one factor is left."),
        ),
    ),
    Quiz(
        "spread_of_an_activation",
        "An activation that is always 1 goes through dropout with p = 0.8 in training. What is the standard deviation "
        "of what comes out?",
        lambda: _spread(0.8),
        "2: it is 5 in one step of five and 0 in the others. The mean is 1 and the mean of the squares 5, so the "
        "variance is 4, p / (1 - p). The noise grows without bound as p comes near 1.",
        beliefs=(
            (0.0, "it is always 1 before dropout: after it, it is 0 or 5."),
            (0.4, "of the mask alone, sqrt(0.8 * 0.2): what is kept is also scaled, by 5."),
            (4.0, "the variance: the standard deviation is its root."),
            (0.5, "with p and 1 - p exchanged: it is kept in one step of five."),
            (5.0, "what it is when it is kept; the spread is taken around the mean of 1."),
        ),
    ),
    Quiz(
        "forgotten_eval",
        "A trained network with dropout is used on new images, and `model.eval()` is forgotten. What happens?",
        lambda: "c",
        "Dropout goes on: every call draws new masks, so one image gets another answer each time, and more of them are "
        "wrong. The mean is right, and nothing fails: this mistake is silent.",
        choices={
            "a": "nothing: without a call to backward() dropout does nothing",
            "b": "all outputs are 1 - p times too small",
            "c": "the same image gets another answer each time",
            "d": "an error says that the network is still in training",
        },
        beliefs=(
            ("a", "no backward, no dropout: it is `training` that decides, and it is True until eval() is called."),
            ("b", "too small on average: in training what is kept is scaled up, so the mean is right. It is noisy."),
            ("d", "torch cannot know what you want: a call in training mode is nothing unusual."),
        ),
    ),
    Quiz(
        "number_of_networks",
        "A hidden layer has ten units, each dropped or kept. How many different networks does dropout train?",
        lambda: float(2**10),
        "1024: each unit is kept or not, two to the tenth. They share their weights; in each step each "
        "image trains one of them.",
        beliefs=(
            (10.0, "one unit dropped at a time: any number of them may be dropped together."),
            (20.0, "two for each unit: the choices multiply, they do not add."),
            (100.0, "ten squared: it is two choices, ten times: two to the tenth."),
            (252.0, "those with exactly five units: the number dropped is not fixed."),
            (3628800.0, "the orders of ten units: the order plays no part, only who is there."),
        ),
        tolerance=0.002,
    ),
)
