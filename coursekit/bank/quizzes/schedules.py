"""What is predicted in chapter 05, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import math

from coursekit.exercise import Quiz
from coursekit.reference.schedules import cosine_decay, exponential_decay, reduce_on_plateau, warmup_cosine


def _floor(lr: float) -> float:
    """Where the mean loss of w <- w - lr (w + noise) stays, the noise of standard deviation 1."""
    return lr / (2 * (2 - lr))


def _gone_after_a_tenth() -> float:
    return 1 - cosine_decay(10, lr=1.0, lr_min=0.0, total=100)


def _gamma(decay: float) -> float:
    return exponential_decay(1, lr=1.0, decay=decay)


def _half_a_period_too_long(lr: float) -> float:
    """What torch's cosine, which goes on, has come back to at one and a half times its length."""
    return lr * (1 + math.cos(1.5 * math.pi)) / 2


def _first_lower_epoch() -> float:
    rates = reduce_on_plateau([3, 2, 2, 2, 2, 2, 2], lr=1.0, factor=0.5, patience=2)
    return float(rates.index(0.5))


QUIZZES = (
    Quiz(
        "floor_at_a_tenth_of_the_rate",
        "Gradient descent with noisy slopes at the constant rate 0.1 has come to its floor. You lower the rate to 0.01 "
        "and wait. How many times lower is the loss in the end?",
        lambda: _floor(0.1) / _floor(0.01),
        "10.5 times, from 0.0263 to 0.00251: the floor is nearly proportional to the rate. The waiting takes about ten "
        "times as many steps, too.",
        beliefs=(
            (1.0, "the noise is the same, but each step takes in only lr times as much of it."),
            (100.0, "each step takes in 1/100 of the noise's variance; but it also undoes ten times less of the old."),
            (3.16, "that is the distance from the minimum, which is the root: the loss is its square."),
            (0.0, "not lower at all? A smaller rate averages over more batches before it moves as far."),
        ),
        tolerance=0.06,
    ),
    Quiz(
        "first_rate_of_a_warm_up",
        "`warmup_cosine` with lr=0.5, warmup=10, total=100. What is the rate of the very first step, t=0?",
        lambda: warmup_cosine(0, lr=0.5, warmup=10, total=100),
        "0.05: the rise is (t + 1)/warmup, so that the first step moves by a tenth of the rate.",
        beliefs=(
            (0.0, "that is a rise by t/warmup: its first step moves nothing, and a batch is spent on it."),
            (0.5, "that is the rate without a warm-up; the rise takes ten steps to get there."),
            (0.0455, "0.5/11: ten steps are enough, the tenth runs at 0.5."),
            (0.1, "that is the second step, t=1: t counts from 0."),
        ),
    ),
    Quiz(
        "gone_after_a_tenth",
        "A cosine falls from `lr` to 0 over 100 steps. Which share of the rate is gone after 10 of them?",
        _gone_after_a_tenth,
        "0.0245: a cosine is flat at the top. It spends its first tenth near the full rate and its last tenth near 0; "
        "in the middle it falls 1.57 times as fast as a line would.",
        beliefs=(
            (0.1, "that would be a line: a cosine starts flat."),
            (0.05, "that is a half of what a line would lose; the cosine is flatter still."),
            (0.0123, "that is a quarter of a wave, cos(pi t / 2T); this one is half a wave, raised by 1 and halved."),
            (0.0245**0.5, "the root of it: near the top the cosine falls with the square of t."),
        ),
    ),
    Quiz(
        "gamma_for_a_decay",
        "You want e^(-0.05 t), and torch's `ExponentialLR` multiplies by `gamma` at each step. Which gamma? (Four "
        "digits.)",
        lambda: _gamma(0.05),
        "0.9512, which is e^(-0.05). `gamma` is the factor that stays.",
        beliefs=(
            (0.05, "gamma is what each step *keeps*: 0.05 would leave a twentieth after one step."),
            (0.95, "nearly: 1 - 0.05 is where e^(-0.05) begins. After 200 steps it leaves 3.5e-5 in place of 4.5e-5."),
            (1.0513, "e^(+0.05): the rate would grow."),
            (0.6065, "e^(-0.5): ten steps at once."),
        ),
        tolerance=0.0005,
    ),
    Quiz(
        "torchs_cosine_past_its_end",
        "A run with torch's `CosineAnnealingLR(T_max=100)` and lr=0.1 goes on to step 150, because someone added "
        "epochs. What is the rate there?",
        lambda: _half_a_period_too_long(0.1),
        "0.05: the cosine is on its way up again, and at step 200 it is back at 0.1. `cosine_decay` here stays at its "
        "end; with torch, set `T_max` to the steps that you really run.",
        beliefs=(
            (0.0, "that is what `cosine_decay` of this course does. torch's cosine goes on, and rises."),
            (0.1, "it is back there at step 200; at 150 it is half-way up."),
            (-0.05, "1 + cos is never below 0, so the rate is not either."),
        ),
    ),
    Quiz(
        "first_lower_epoch",
        "`reduce_on_plateau` with patience=2, and the losses 3, 2, 2, 2, 2, 2, 2 of epochs 0 to 6. Which is the first "
        "epoch that runs at the lower rate?",
        _first_lower_epoch,
        "5. Epochs 2, 3 and 4 are bad: none is *below* 2. Two of them are let pass, the third is too many; it is known "
        "when epoch 4 is over.",
        beliefs=(
            (4.0, "epoch 4 has the third bad loss; but a loss is known only when its epoch is over."),
            (3.0, "patience=2 lets two bad epochs pass, 2 and 3; and a loss acts on the epochs after it."),
            (2.0, "epoch 2 is the first bad one; two are let pass."),
            (6.0, "epoch 1 is better (2 after 3); the bad ones are 2, 3 and 4."),
        ),
        tolerance=0.001,
    ),
)
