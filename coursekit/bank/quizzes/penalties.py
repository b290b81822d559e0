"""What is predicted in chapter 09, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import torch

from coursekit.exercise import Quiz
from coursekit.reference.penalties import ista_step, l2_penalty, l2_penalty_gradient, soft_threshold

ONE = torch.ones(1, dtype=torch.float64)


def _weight_decay(lam: float) -> float:
    """What torch's SGD must be given so that a step on a loss of 0 is the step on the penalty."""
    penalised, decayed = ONE.clone().requires_grad_(), ONE.clone().requires_grad_()
    l2_penalty([penalised], lam=lam).backward()
    decayed.grad = torch.zeros_like(decayed)
    torch.optim.SGD([penalised], lr=1.0).step()
    torch.optim.SGD([decayed], lr=1.0, weight_decay=1.0).step()
    return float((1 - penalised.detach()) / (1 - decayed.detach()))


def _left_after(steps: int, lr: float, lam: float) -> float:
    w = ONE
    for _ in range(steps):
        w = w - lr * l2_penalty_gradient(w, lam=lam)
    return float(w)


def _steps_to_zero(lr: float, lam: float) -> float:
    w, steps = ONE, 0
    while float(w) != 0:
        w, steps = ista_step(w, torch.zeros_like(w), lr=lr, lam=lam), steps + 1
    return float(steps)


def _best_weight() -> float:
    return float(soft_threshold(3 * ONE, 1.0))


QUIZZES = (
    Quiz(
        "weight_decay_for_lam",
        "A book adds 0.01 times the sum of the squared weights to its loss. You train with `torch.optim.SGD` and the "
        "loss alone. Which `weight_decay` walks the same path?",
        lambda: _weight_decay(0.01),
        "0.02. The gradient of 0.01 w^2 is 0.02 w, and `weight_decay` is the number that torch multiplies w by.",
        beliefs=(
            (0.01, "the same lam: torch adds weight_decay times w to the gradient; the derivative of w^2 has a 2."),
            (0.005, "the 2 on the other side: the derivative of 0.01 w^2 is 0.02 w, larger and not smaller."),
            (0.0001, "squared: lam is not in the square, only the weight is."),
            (0.1, "the root: lam is not in the square, only the weight is."),
        ),
    ),
    Quiz(
        "left_after_ten_steps",
        "A weight of 1 that the loss does not care about, lr = 0.1 and an L2 penalty of 0.5 w^2. What is left of it "
        "after ten steps of gradient descent?",
        lambda: _left_after(10, 0.1, 0.5),
        "0.349: each step multiplies it by 1 - 2 lr lam = 0.9, and 0.9**10 is 0.349. It gets small and never 0.",
        beliefs=(
            (0.0, "0.1 less at each step: that is 0.1 of what is left, less each time. The L1 penalty does that."),
            (0.9, "one step: there are ten of them."),
            (0.599, "without the 2: each step would multiply by 0.95. The derivative of 0.5 w^2 is w."),
            (0.107, "the factor 0.8: 2 lr is not it. The gradient is 2 lam w = w, and the step lr times that."),
            (0.5, "each step takes less than the one before, but not that much less: 0.9**10."),
        ),
    ),
    Quiz(
        "steps_to_exactly_zero",
        "The same weight of 1 that the loss does not care about, lr = 0.1, now with an L1 penalty of 0.4 |w| and the "
        "ISTA step. After how many steps is it exactly 0?",
        lambda: _steps_to_zero(0.1, 0.4),
        "25: each step takes off lr lam = 0.04, the same amount at any size, and what is left within that becomes 0.",
        beliefs=(
            (10.0, "lr alone at each step: the pull is lam, so a step takes off lr times lam."),
            (3.0, "lam at each step: a step goes lr times the pull."),
            (2.5, "lam at each step: a step goes lr times the pull, and steps are whole."),
            (12.5, "2 lr lam at each step: the 2 belongs to the square. The slope of |w| is 1."),
            (12.0, "2 lr lam at each step: the 2 belongs to the square. The slope of |w| is 1."),
            (13.0, "2 lr lam at each step: the 2 belongs to the square. The slope of |w| is 1."),
            (0.0, "never: true of the L2 penalty, whose pull fades with the weight. This one keeps pulling."),
        ),
        tolerance=0.001,
    ),
    Quiz(
        "best_weight_under_l1",
        "A loss of (w - 3)^2 / 2, smallest at 3, plus a penalty of |w|. At which w is their sum smallest?",
        _best_weight,
        "2: above 0 the slopes are w - 3 and 1, which cancel there. It is the soft threshold of 3 at 1: the weights "
        "that an L1 penalty leaves are too small by the threshold.",
        beliefs=(
            (3.0, "the penalty decides only what becomes 0: it pulls at large weights as hard."),
            (1.0, "with w^2 in place of |w|: there the slopes are w - 3 and 2 w."),
            (1.5, "halfway to 0: that is what a penalty of w^2 / 2 does."),
            (2.5, "half the threshold: that would be right for (w - 3)^2 without the half."),
            (0.0, "the penalty is smallest there, but the loss is 4.5: the pull of the loss is stronger until 2."),
        ),
    ),
    Quiz(
        "why_zeros",
        "Why does an L1 penalty make weights exactly 0, and an L2 penalty does not?",
        lambda: "b",
        "Near 0 the square is flat: its pull, 2 lam w, fades with the weight, so any pull of the loss keeps it away "
        "from 0. The pull of lam |w| stays lam until 0, and holds a weight there against any pull below lam.",
        choices={
            "a": "because the L1 penalty is larger",
            "b": "because its pull does not fade as a weight gets small",
            "c": "because small numbers are rounded to 0",
            "d": "because the L1 penalty is smaller for large weights",
        },
        beliefs=(
            ("a", "larger lam, more zeros: but no lam makes an L2 penalty give one, however large."),
            ("c", "a float gets as small as 1e-45 before it is 0: a weight of 0.001 is far from that."),
            ("d", "for large weights it is: but what decides about a zero is the pull near 0."),
        ),
    ),
)
