"""What is predicted in chapter 04, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import math

import torch

from coursekit.exercise import Quiz
from coursekit.reference.minibatches import gradient_noise_scale, minibatch_gradient, minibatches

NOISE_SCALE = 64.0  # of the quiz about a batch that is ten times as large
ROWS = torch.tensor([[-3.0], [5.0], [4.0], [-2.0], [1.0], [1.0]], dtype=torch.float64)  # gradients of six rows


def _batch_for_half_the_noise() -> float:
    """How many rows, each drawn from all, have half the noise of one."""
    noise = {size: math.sqrt(float(ROWS.var(correction=0)) / size) for size in range(1, 100)}
    return float(next(size for size in noise if noise[size] <= noise[1] / 2))


def _half_of_a_hundred_rows() -> float:
    """The noise of 50 of 100 rows when that of one row is 10."""
    n, size = 100, 50
    trace = 10.0**2 / (1 - 1 / n)
    return math.sqrt(trace / size * (1 - size / n))


def _steps() -> float:
    generator = torch.Generator().manual_seed(0)
    return float(sum(len(list(minibatches(1078, 64, generator))) for _ in range(10)))


def _mean_of_three_batches() -> float:
    """The mean of the gradients of batches of 2, 2 and 1 rows whose own gradients are 1, 1, 1, 1 and 11."""
    w, X = torch.zeros(1, dtype=torch.float64), torch.ones(5, 1, dtype=torch.float64)
    y = -torch.tensor([1.0, 1.0, 1.0, 1.0, 11.0], dtype=torch.float64) / 2
    return float(torch.stack([minibatch_gradient(w, X, y, index) for index in torch.arange(5).split(2)]).mean())


def _gain_of_ten_times_the_batch() -> float:
    """How much more a step with 640 rows does than one with 64, when the noise scale is 64."""
    done = [1 / (1 + NOISE_SCALE / size) for size in (64, 640)]
    return done[1] / done[0]


def _noise_of_the_six() -> float:
    return float(gradient_noise_scale(ROWS))


def _after_sorted_rows() -> float:
    """Where a weight that fits the mean of 50 zeros and 50 ones is after one epoch in this order."""
    w, X = torch.tensor([0.5], dtype=torch.float64), torch.ones(100, 1, dtype=torch.float64)
    y = torch.arange(100).ge(50).double()
    for index in torch.arange(100).split(10):
        w = w - 0.25 * minibatch_gradient(w, X, y, index)
    return float(w)


def _wandering(lr: float) -> float:
    """The mean excess of w squared over 2 where w takes steps of the rate lr with noise of variance 1 for ever."""
    return lr / (2 - lr) / 2


QUIZZES = (
    Quiz(
        "batch_for_half_the_noise",
        "The gradient of one row, drawn at random, is off from that of all rows by a certain length, in the root mean "
        "square. How many rows must a batch have, each drawn at random from all, so that its mean gradient is off by "
        "half as much?",
        _batch_for_half_the_noise,
        "4. The errors of rows point here and there; the mean of B of them is shorter by the root of B. So noise is "
        "dear: half of it for four times the work, a tenth for a hundred times.",
        beliefs=(
            (2.0, "twice the rows, half the noise: two errors seldom cancel, and with 2 rows it is 0.71 of it."),
            (1.41, "the root is the other way round: B rows divide the noise by the root of B."),
            (3.0, "nearly: with 3 rows it is 0.58 of it."),
            (8.0, "more than is needed: with 8 rows it is 0.35 of it."),
            (16.0, "with 16 rows it is a quarter."),
            (0.5, "a number of rows, at least 1."),
        ),
    ),
    Quiz(
        "half_of_a_hundred_rows",
        "There are 100 rows. The gradient of one row is off from that of all by 10, in the root mean square. A batch "
        "of 50 *different* rows: by how much is it off?",
        _half_of_a_hundred_rows,
        "1.005. By the root of 50 it would be 1.41; but the rows that were drawn cannot come again, and the batch "
        "already knows half of all there is. That is the factor root(1 - B/N), 0.71 here, and 0 for a batch of all.",
        beliefs=(
            (1.4142, "10 over the root of 50 is for rows that may come twice. These are different, half of all."),
            (0.2, "10 / 50: errors seldom cancel that well; they shrink by a root."),
            (5.0, "half the rows, half the noise: but one row of 100 was off by 10, and this is 50 of them."),
            (7.0711, "root(1 - 50/100) is right, but the mean over 50 rows divides by the root of 50 besides."),
            (0.0, "only a batch of all 100 is without noise."),
        ),
        tolerance=0.01,
    ),
    Quiz(
        "steps_of_ten_epochs",
        "1078 images, batches of 64, ten epochs, and no row is left out. How many steps?",
        _steps,
        "170: 16 batches of 64, and a 17th of the 54 rows that are left; ten times.",
        beliefs=(
            (
                160.0,
                "16 whole batches an epoch: the 54 rows that are left make a 17th. (`drop_last=True` of torch "
                "leaves them out.)",
            ),
            (168.4375, "1078 / 64 is not whole: an epoch ends with a smaller batch."),
            (169.0, "as if the epochs were one long row: each epoch ends with a smaller batch of its own."),
            (17.0, "that is one epoch."),
            (640.0, "64 is how many rows are in a step."),
            (10780.0, "that many rows; a step takes 64 of them."),
            (10.0, "one step an epoch is a batch of all rows."),
        ),
        tolerance=0.001,
    ),
    Quiz(
        "mean_of_three_batches",
        "Five rows have the slopes 1, 1, 1, 1 and 11; their mean is 3. They are handed out in this order in batches of "
        "2, 2 and 1. What is the mean of the three batches' slopes?",
        _mean_of_three_batches,
        "4.33, from 1, 1 and 11. In a batch of one a row has the whole step to itself, in a batch of two it has half. "
        "Over a random order every row has its turn in the small batch; in one that stays the same, the last row "
        "counts double for ever.",
        beliefs=(
            (3.0, "the mean over rows. But each *batch* counts once, and the last has one row only."),
            (13.0, "their sum; divide by three batches."),
            (2.6, "the sum over five: there are three batches."),
            (5.0, "15 / 3: that adds the rows, but a batch is the mean of its rows."),
            (1.0, "as if the smaller batch were left out; here it is not."),
        ),
        tolerance=0.01,
    ),
    Quiz(
        "noise_scale_of_six_rows",
        "One weight, six rows, and the gradients of the rows are -3, 5, 4, -2, 1 and 1. What is the noise scale?",
        _noise_of_the_six,
        "10. The mean is 1, the squared deviations are 16, 16, 9, 9, 0 and 0, together 50; over N - 1 = 5 that is 10, "
        "and over the squared mean still 10. A batch of ten rows has as much noise as gradient.",
        beliefs=(
            (8.3333, "50 / 6: the covariance here is over N - 1, as the mean was taken from the same rows."),
            (50.0, "the sum of the squared deviations; it has yet to be divided by N - 1."),
            (3.1623, "the standard deviation over the mean: the noise scale has the squares of both."),
            (9.3333, "56 / 6, the mean of the squares: first take the mean off."),
            (11.2, "56 / 5: first take the mean off."),
            (0.1, "the other way round: noise over gradient."),
        ),
        tolerance=0.01,
    ),
    Quiz(
        "ten_times_the_batch",
        "The noise scale is 64. You take batches of 640 rows in place of 64. By what number does it "
        "predict the progress of one step to be multiplied, if each has the rate that suits it best?",
        _gain_of_ten_times_the_batch,
        "1.82: a batch of 64 does half of what a step without noise would, 1/(1 + 64/64); one of 640 does 0.91 of it. "
        "Ten times the work for less than twice the progress.",
        beliefs=(
            (10.0, "ten times the rows: that is nearly so far *below* the noise scale. At it, half is already done."),
            (3.1623, "the noise is smaller by the root of 10; but at 64 it is no longer all that holds the step back."),
            (1.0, "no gain at all: at 64 the noise still takes half of the step."),
            (0.9091, "that is the share of a step without noise; divide by the share at 64, a half."),
            (2.0, "that would be a step without noise; 640 rows still have some."),
        ),
        tolerance=0.01,
    ),
    Quiz(
        "after_sorted_rows",
        "A weight w is to fit the mean of 100 rows, 50 zeros and then 50 ones, by the squared error; the best w is "
        "0.5, and there it starts. One epoch in this order, batches of 10, rate 0.25, so that each step goes half of "
        "the way from w to the batch's mean. Where is w at the end?",
        _after_sorted_rows,
        "0.97. Five steps towards 0 leave 0.016 of it, then five towards 1 bring it there. Each row came once, and "
        "still w holds only the rows that came last.",
        beliefs=(
            (0.5, "each row came once: but a step forgets half of what was before, and the ones came last."),
            (0.015625, "there it is after the zeros; the ones are still to come."),
            (1.0, "near: 0.031 of the way is left after five steps."),
            (0.75, "one step from 0.5 towards 1; there are five of each kind."),
            (0.98438, "that starts the ones from 0.5; the zeros came before."),
        ),
        tolerance=0.005,
    ),
    Quiz(
        "tenth_of_the_rate",
        "With a small rate that never changes, w has come down and wanders about the minimum, driven by the noise of "
        "its batches, each drawn anew from all rows. The rate is made ten times smaller. By what number is the mean "
        "loss above the minimum divided, in the long run?",
        lambda: _wandering(0.01) / _wandering(0.001),
        "About 10. A step brings in noise of the square of the rate, and takes off a share of the rate itself: the one "
        "over the other is the rate. So a rate that falls is a cure (chapter 05), and a larger batch is another.",
        beliefs=(
            (
                100.0,
                "one step's noise, squared, is 100 times smaller: but more steps' noise is still there, ten times "
                "as many.",
            ),
            (3.1623, "that is how much nearer w is; the loss goes with the square of that."),
            (1.0, "it settles at the minimum, and the rate decides only how fast: not with noise in each step."),
            (0.1, "the smaller rate wanders less, not more."),
        ),
        tolerance=0.03,
    ),
)
