"""The mistakes that are made in rates that fall with the step: in drops, exponentially, along a cosine."""

from __future__ import annotations

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

STEP = (
    Slip(
        "step not floored",
        ("t // every", "t / every"),
        "The exponent is t / every with its fraction, so the rate falls a little at every step: {yours:.4g} for "
        "{expected:.4g}. Between two drops it stays where it is: only whole drops count, `t // every`.",
        hint=FORM,
    ),
    Slip(
        "rounded to the nearest",
        ("t // every", "round(t / every)"),
        "The number of drops is rounded to the nearest, so each drop comes half of `every` too early. A drop counts "
        "when it has happened: round down, `t // every`.",
        hint=FORM,
    ),
    Slip(
        "rounded up",
        ("t // every", "-(-t // every)"),
        "The number of drops is rounded up: the first one comes at step 1 already. It comes once `every` steps have "
        "passed: round down, `t // every`.",
        hint=FORM,
    ),
    Slip(
        "drop taken as the share that goes",
        ("drop **", "(1 - drop) **"),
        "You take `drop` for what is lost at each drop, and keep 1 - drop: {yours:.4g} for {expected:.4g}. Here it is "
        "the factor itself, as torch's `gamma`: drop = 0.3 leaves 0.3 of the rate.",
    ),
    Slip(
        "one step too early",
        ("t // every", "(t + 1) // every"),
        "Each drop comes one step too early: {yours:.4g} for {expected:.4g}. Steps count from 0, so `every` steps have "
        "passed at step t = every, not before.",
        hint=FORM,
    ),
    Slip(
        "one step too late",
        ("t // every", "max(t - 1, 0) // every"),
        "Each drop comes one step too late: {yours:.4g} for {expected:.4g}. At step t = every, as many steps have "
        "passed, and the drop is due: is there a `>` where `>=` belongs?",
        hint=FORM,
    ),
    Slip(
        "only the first drop",
        ("drop ** (t // every)", "(drop if t >= every else 1)"),
        "The rate drops once, and never again: {yours:.4g} for {expected:.4g}. It drops at every multiple of `every`: "
        "how many of them lie behind step t?",
    ),
    Slip(
        "lower at the multiples only",
        ("drop ** (t // every)", "(drop if t and t % every == 0 else 1)"),
        "The rate is lower at the steps that are multiples of `every` themselves, and back at `lr` after them. A drop "
        "stays, and the next one comes on top of it.",
    ),
    Slip(
        "remainder for quotient",
        ("t // every", "t % every"),
        "`t % every` is what is left over, the steps since the last drop: the rate falls at every step and jumps back "
        "up. The number of drops is the quotient, `t // every`.",
        hint=FORM,
    ),
    Slip(
        "a drop at every step",
        ("t // every", "t"),
        "`every` is not used: the rate drops at every step, {yours:.4g} for {expected:.4g}. Drops come every `every` "
        "steps; count those, not the steps.",
    ),
    Slip(
        "drop multiplied, not raised",
        ("drop ** (t // every)", "drop * (t // every)"),
        "You multiply by the number of drops: before the first one the rate is 0, and later it rises. Each drop "
        "multiplies by `drop` anew, so after k of them it stands k times: `drop ** k`.",
        hint=FORM,
    ),
    Slip(
        "dropped from the start",
        ("t // every", "t // every + 1"),
        "There is one drop too many, from the very first step: {yours:.4g} for {expected:.4g}. Steps 0 to every - 1 "
        "run at `lr`.",
    ),
    Slip(
        "subtracted at each drop",
        ("drop ** (t // every)", "(1 - drop * (t // every))"),
        "The same amount goes at each drop, so that the rate falls along a line and below 0 in the end. Each drop "
        "multiplies what is left: `drop` to the power of the number of drops.",
        hint=FORM,
    ),
    Slip(
        "divided by the drop",
        ("lr * drop", "lr / drop"),
        "You divide at each drop, so the rate grows: {yours:.4g} for {expected:.4g}. `drop` is a factor below 1: "
        "multiply.",
        hint=LINE,
    ),
    Slip(
        "lr inside the power",
        ("lr * drop **", "(lr * drop) **"),
        "`lr` is raised to the power with `drop`: {yours:.4g} for {expected:.4g}. Only the drop repeats; without "
        "parentheses `**` comes before `*`.",
        hint=LINE,
    ),
    Slip(
        "lr left out",
        ("lr * drop", "drop"),
        "This is the factor alone, {yours:.4g} for {expected:.4g}: `lr` is not used. Some schedulers want the factor "
        "(torch's `LambdaLR`); here the rate is wanted.",
        hint=LINE,
    ),
)

EXPONENTIAL = (
    Slip(
        "sign of the exponent",
        ("math.exp(-decay", "math.exp(decay"),
        "The exponent has no minus: the rate grows, {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "decay taken for the factor",
        ("math.exp(-decay * t)", "decay**t"),
        "`decay` is used as the factor that each step keeps: {yours:.4g} for {expected:.4g}. That is torch's `gamma`; "
        "here it stands in the exponent, and the factor of a step is e^(-decay). In torch this schedule is "
        "`ExponentialLR(gamma=math.exp(-decay))`; gamma=0.05 for decay=0.05 would leave 0.005 of 0.1 after one step in "
        "place of 0.0951.",
    ),
    Slip(
        "a line for the exponential",
        ("math.exp(-decay * t)", "(1 - decay * t)"),
        "The rate falls along a line, 1 - decay t, and below 0 in the end: {yours:.4g} for {expected:.4g}. That is the "
        "exponential near t = 0 only.",
    ),
    Slip(
        "one over t",
        ("math.exp(-decay * t)", "1 / (1 + decay * t)"),
        "This is another schedule, 1 / (1 + decay t), which falls ever more slowly: {yours:.4g} for {expected:.4g}. An "
        "exponential loses the same share at every step.",
    ),
    Slip(
        "t left out",
        ("-decay * t", "-decay"),
        "`t` is not used: the rate is the same at every step, {yours:.4g} for {expected:.4g}.",
    ),
    Slip(
        "t outside the exponent",
        ("math.exp(-decay * t)", "math.exp(-decay) * t"),
        "`t` multiplies from outside the exponential: the rate is 0 at step 0, and grows. It belongs in the exponent.",
        hint=FORM,
    ),
    Slip(
        "decay as a number of steps",
        ("-decay * t", "-t / decay"),
        "You divide by `decay`, as if it were the number of steps after which 1/e is left: {yours:.4g} for "
        "{expected:.4g}. Here it is per step, the inverse of that: multiply.",
    ),
    Slip(
        "powers of 2",
        ("math.exp(-decay * t)", "2 ** (-decay * t)"),
        "You take powers of 2, with 1/decay as the time in which the rate halves: {yours:.4g} for {expected:.4g}. The "
        "base is e: `math.exp`.",
        hint=FORM,
    ),
    Slip(
        "powers of 10",
        ("math.exp(-decay * t)", "10 ** (-decay * t)"),
        "You take powers of 10: {yours:.4g} for {expected:.4g}. The base is e: `math.exp`.",
        hint=FORM,
    ),
    Slip(
        "e cut to 2.718",
        ("math.exp(-decay * t)", "2.718 ** (-decay * t)"),
        "e is written as 2.718: right to four digits, {yours:.8g} for {expected:.8g}. `math.exp(x)`, or `math.e`, has "
        "all of them.",
        hint=FORM,
    ),
    Slip(
        "discounted",
        ("math.exp(-decay * t)", "(1 + decay) ** -t"),
        "You divide by 1 + decay at each step: {yours:.4g} for {expected:.4g}. That is near e^decay for a small decay, "
        "and is not the same: `math.exp`.",
        hint=FORM,
    ),
    Slip(
        "one step ahead",
        ("decay * t", "decay * (t + 1)"),
        "The rate is one step ahead: {yours:.4g} for {expected:.4g}, which is lower by one factor e^(-decay). t counts "
        "from 0, and step 0 runs at `lr`.",
        hint=LINE,
    ),
    Slip(
        "one step behind",
        ("decay * t", "decay * (t - 1)"),
        "The rate is one step behind: {yours:.4g} for {expected:.4g}, higher by one factor e^decay. t counts from 0, "
        "and step 0 runs at `lr`, not above it.",
        hint=LINE,
    ),
    Slip(
        "lr in the exponent",
        ("decay * t", "lr * decay * t"),
        "`lr` is multiplied into the exponent as well: {yours:.4g} for {expected:.4g}. How fast the rate falls does "
        "not depend on where it starts.",
        hint=LINE,
    ),
    Slip(
        "decay as a per cent",
        ("decay * t", "decay * t / 100"),
        "You divide `decay` by 100, as if it were a per cent: {yours:.4g} for {expected:.4g}. It is a share already.",
    ),
    Slip(
        "t squared",
        ("decay * t", "decay * t**2"),
        "The exponent has the square of t, the shape of a bell: {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "lr left out",
        ("lr * math.exp", "math.exp"),
        "This is the factor alone, {yours:.4g} for {expected:.4g}: `lr` is not used. torch's `LambdaLR` wants the "
        "factor; here the rate is wanted.",
        hint=LINE,
    ),
    Slip(
        "exponential subtracted",
        ("lr * math.exp(-decay * t)", "lr * (1 - math.exp(-decay * t))"),
        "The rate starts at 0 and grows towards `lr`: {yours:.4g} for {expected:.4g}. The exponential is the share "
        "that is left, not the share that is gone.",
    ),
)

EXPONENTIAL_CONVENTIONS = (
    Convention(
        "a share lost at each step",
        ("math.exp(-decay * t)", "(1 - decay) ** t"),
        "This multiplies by 1 - decay at each step; the schedule here by e^(-decay). Both are exponentials, and near "
        "each other for a small decay; over many steps they part: {yours:.4g} for {expected:.4g}. They are the same "
        "for yours at 1 - e^(-decay), or for the one here at -log(1 - decay). torch's `gamma` is the factor itself.",
    ),
)

WHOLE = "lr_min + (lr - lr_min) * (1 + math.cos(math.pi * t / total)) / 2"

COSINE = (
    Slip(
        "rises again past the end",
        ("    t = min(t, total)\n", ""),
        "Right up to `total`. After it the cosine rises again, {yours:.4g} for {expected:.4g}, as torch's "
        "`CosineAnnealingLR` does: a run that goes on a little longer is shaken by a large rate. Stay at the end: "
        "`min(t, total)`.",
    ),
    Slip(
        "restarted at the end",
        ("t = min(t, total)", "t = t % total"),
        "At `total` it starts again from `lr`: {yours:.4g} for {expected:.4g}. That is SGDR, the same cosine with warm "
        "restarts; without them the rate stays at `lr_min`: `min(t, total)`.",
    ),
    Slip(
        "zero past the end",
        (f"return {WHOLE}", f"return {WHOLE} if t < total else 0.0"),
        "From `total` on the rate is 0, and nothing is learned any more. It stays at its end, which is `lr_min`.",
    ),
    Slip(
        "the first rate past the end",
        ("    t = min(t, total)\n    return", "    if t > total:\n        return lr\n    return"),
        "Past `total` the rate is back at `lr`: {yours:.4g} for {expected:.4g}. It stays at its end, `lr_min`.",
    ),
    Slip(
        "held one step before the end",
        ("t = min(t, total)", "t = min(t, total - 1)"),
        "From `total` on the rate is `lr_min`. Yours stays at that of the step before: `min(t, total)`, not total - 1.",
    ),
    Slip(
        "floor as a cut-off",
        (WHOLE, "max(lr_min, lr * (1 + math.cos(math.pi * t / total)) / 2)"),
        "The cosine goes to 0, and is cut off at `lr_min`: {yours:.4g} for {expected:.4g}. It is the cosine itself "
        "that ends at `lr_min`: scale its height to lr - lr_min, and add `lr_min`.",
        hint=FORM,
    ),
    Slip(
        "height not reduced",
        ("(lr - lr_min)", "lr"),
        "The cosine has the height `lr`, and `lr_min` comes on top: the rate starts at lr + lr_min. Its height is "
        "what lies between the two, lr - lr_min.",
        hint=FORM,
    ),
    Slip(
        "lr_min not added",
        ("lr_min + (lr - lr_min)", "(lr - lr_min)"),
        "`lr_min` is taken off and not put back: the rate starts at lr - lr_min and ends at 0, everywhere too low by "
        "`lr_min`.",
        hint=FORM,
    ),
    Slip(
        "lr_min not used",
        ("lr_min + (lr - lr_min)", "lr"),
        "`lr_min` is not used: the rate goes down to 0, {yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "half forgotten",
        (" / 2", ""),
        "1 + cos goes from 2 to 0: without the half the rate starts near 2 lr, {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "half of the cosine alone",
        ("(1 + math.cos(math.pi * t / total)) / 2", "(1 + math.cos(math.pi * t / total) / 2)"),
        "Only the cosine is halved, not the 1 beside it: the rate goes from 1.5 to 0.5 of its height, {yours:.4g} for "
        "{expected:.4g}. Look at the parentheses.",
        hint=LINE,
    ),
    Slip(
        "1 forgotten",
        ("(1 + math.cos(math.pi * t / total)) / 2", "math.cos(math.pi * t / total)"),
        "The cosine itself goes from 1 to -1, so the rate falls below `lr_min`: {yours:.4g} for {expected:.4g}. "
        "(1 + cos) / 2 goes from 1 to 0.",
        hint=FORM,
    ),
    Slip(
        "turned over",
        ("(1 + math.cos", "(1 - math.cos"),
        "The rate rises from `lr_min` to `lr`: {yours:.4g} for {expected:.4g}. 1 - cos goes up and 1 + cos down; or "
        "are `lr` and `lr_min` exchanged?",
        hint=LINE,
    ),
    Slip(
        "quarter of a wave",
        ("(1 + math.cos(math.pi * t / total)) / 2", "math.cos(math.pi * t / (2 * total))"),
        "This is a quarter of a wave, steepest at its end: {yours:.4g} for {expected:.4g}. Half a wave, raised by 1 "
        "and halved, is flat at both ends.",
        hint=FORM,
    ),
    Slip(
        "whole wave",
        ("math.pi * t", "2 * math.pi * t"),
        "The angle goes to 2 pi: the rate is at `lr_min` half-way, and back at `lr` at the end. Half a wave ends at "
        "pi.",
        hint=LINE,
    ),
    Slip(
        "pi left out",
        ("math.pi * t / total", "t / total"),
        "The angle goes from 0 to 1, without pi, so the rate ends far above `lr_min`: {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "pi cut to 3.14",
        ("math.pi", "3.14"),
        "pi is written as 3.14: right to three digits, {yours:.8g} for {expected:.8g}. `math.pi` has all of them.",
        hint=LINE,
    ),
    Slip(
        "sine for cosine",
        ("math.cos", "math.sin"),
        "The sine starts at 0, rises and comes back: the rate is the same at both ends, {yours:.4g} for "
        "{expected:.4g}. The cosine goes from 1 to -1.",
        hint=LINE,
    ),
    Slip(
        "degrees",
        ("math.pi * t", "180 * t"),
        "The angle is in degrees; `math.cos` takes radians, half a turn being `math.pi`: {yours:.4g} for "
        "{expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "a line for the cosine",
        ("(1 + math.cos(math.pi * t / total)) / 2", "(1 - t / total)"),
        "The rate falls along a line from `lr` to `lr_min`: {yours:.4g} for {expected:.4g}. It ends where it should, "
        "but the way is half a cosine, flat at both ends.",
    ),
    Slip(
        "an end one step too early",
        ("    t = min(t, total)\n", "    total = total - 1\n    t = min(t, total)\n"),
        "The end is reached one step too early: {yours:.4g} for {expected:.4g}. The last rate belongs to step `total`, "
        "and step 0 is the first: divide by `total`.",
        hint=LINE,
    ),
    Slip(
        "an end one step too late",
        ("    t = min(t, total)\n", "    total = total + 1\n    t = min(t, total)\n"),
        "The end is reached one step too late: {yours:.4g} for {expected:.4g}. At step `total` the rate is `lr_min`: "
        "divide by `total`.",
        hint=LINE,
    ),
    Slip(
        "one step ahead",
        ("t = min(t, total)", "t = min(t + 1, total)"),
        "The rate is one step ahead: {yours:.4g} for {expected:.4g}. t counts from 0, and step 0 runs at `lr`.",
        hint=LINE,
    ),
)
