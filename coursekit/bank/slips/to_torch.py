"""The mistakes that are made on the way from averaged momentum to torch's numbers."""

from __future__ import annotations

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FACTOR, LINE = 1, 2, 3

TO_TORCH = (
    Slip(
        "lr unchanged",
        ("lr * (1 - beta)", "lr"),
        "The rate is handed over as it is. torch's buffer is a sum, `1 / (1 - beta)` times the mean, so its steps "
        "would be that much longer: ten times at 0.9. The rate has to make up for it: {yours:.4g} here, expected "
        "{expected:.4g}.",
    ),
    Slip(
        "divided by 1 - beta",
        ("lr * (1 - beta)", "lr / (1 - beta)"),
        "You divide by `1 - beta`, and the sum is larger by that already: the steps come out `1 / (1 - beta)**2` "
        "times too long. That is the way back, from torch's rate to the averaged one: {yours:.4g} for {expected:.4g}.",
        hint=FACTOR,
    ),
    Slip(
        "multiplied by beta",
        ("lr * (1 - beta)", "lr * beta"),
        "The rate is multiplied by beta: {yours:.4g} for {expected:.4g}. What the averaged form has before each "
        "gradient, and the sum has not, is `1 - beta`.",
        hint=FACTOR,
    ),
    Slip(
        "1 - beta for the momentum",
        ("beta), beta", "beta), 1 - beta"),
        "torch's momentum is `1 - beta` in yours, {yours:.4g} for {expected:.4g}. In both forms beta is the share of "
        "the old `v` that is kept; torch calls it momentum.",
        hint=FACTOR,
    ),
    Slip(
        "beta and 1 - beta exchanged",
        ("lr * (1 - beta), beta", "lr * beta, 1 - beta"),
        "beta and `1 - beta` have changed places in both: {yours:.4g} for {expected:.4g}. The momentum is what is "
        "kept of the old, beta; the rate takes over the factor of the new, `1 - beta`.",
        hint=FACTOR,
    ),
    Slip(
        "factor on the momentum",
        ("lr * (1 - beta), beta", "lr, beta * (1 - beta)"),
        "The factor `1 - beta` went to the momentum, not to the rate: {yours:.4g} for {expected:.4g}. What is kept of "
        "the old `v` is beta in both forms; the rate makes up for the longer sum.",
        hint=FACTOR,
    ),
    Slip(
        "returned in the other order",
        ("lr * (1 - beta), beta", "beta, lr * (1 - beta)"),
        "They come back as (momentum, lr); (lr, momentum) was wanted. Passed on as they stand, a rate of beta would "
        "throw the parameters out at once.",
        hint=LINE,
    ),
    Slip(
        "1 - beta without parentheses",
        ("(1 - beta)", "1 - beta"),
        "Python reads `lr * 1 - beta` as `(lr * 1) - beta`: {yours:.4g} for {expected:.4g}. Put `1 - beta` in "
        "parentheses.",
        hint=LINE,
    ),
    Slip(
        "divided by beta",
        ("lr * (1 - beta)", "lr / beta"),
        "The rate is divided by beta: {yours:.4g} for {expected:.4g}. What the averaged form has before each "
        "gradient, and the sum has not, is `1 - beta`.",
        hint=FACTOR,
    ),
    Slip(
        "1 - beta squared",
        ("(1 - beta)", "(1 - beta) ** 2"),
        "The rate is multiplied by `(1 - beta)**2`: {ratio:.4g} times the right one. The sum is larger than the mean "
        "by one factor `1 / (1 - beta)`, not two.",
        hint=FACTOR,
    ),
    Slip(
        "root of 1 - beta",
        ("(1 - beta)", "(1 - beta) ** 0.5"),
        "The rate is multiplied by the root of `1 - beta`: {ratio:.4g} times the right one. A root comes in where "
        "squares are averaged, as in RMSprop; here it is the gradients themselves.",
        hint=FACTOR,
    ),
    Slip(
        "dampening returned as well",
        ("beta), beta", "beta), beta, beta"),
        "Three numbers come back; with the rate changed to `lr * (1 - beta)` the dampening stays 0. It is the one or "
        "the other, and dampening is not exact: torch leaves it out of the first step, which is `1 / (1 - beta)` "
        "times too long.",
        hint=LINE,
    ),
    Slip(
        "dampening in place of a new rate",
        ("return lr * (1 - beta), beta", "return lr, beta, beta"),
        "You hand over the rate as it is, with beta as momentum and as dampening. torch leaves dampening out of its "
        "first step, which is then `1 / (1 - beta)` times too long, and fades only slowly. Change the rate: two "
        "numbers are wanted, and dampening stays 0.",
        hint=FACTOR,
    ),
    Slip(
        "the rate alone",
        ("return lr * (1 - beta), beta", "return lr * (1 - beta)"),
        "The rate is right, and comes back alone. torch needs its momentum as well: return both, (lr, momentum).",
        hint=LINE,
    ),
)
