"""The mistakes that are made in a warm-up with a cosine after it, and in a rate that waits for a plateau."""

from __future__ import annotations

import math

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

COSINE = "lr * (1 + math.cos(math.pi * share)) / 2"


def _product(t, *, lr, warmup, total):
    rise = min(1, (t + 1) / max(warmup, 1))
    return rise * lr * (1 + math.cos(math.pi * min(t / total, 1))) / 2


WARMUP = (
    Slip(
        "rises again past the end",
        ("min((t - warmup) / (total - warmup), 1)", "(t - warmup) / (total - warmup)"),
        "Right up to `total`. After it the cosine rises again: {yours:.4g} for {expected:.4g}. Stay at the end: the "
        "share of the way must not go above 1.",
    ),
    Slip(
        "the first rate past the end",
        (f"return {COSINE}", f"return {COSINE} if t < total else lr"),
        "Past the cosine the rate is back at `lr`: {yours:.4g} for {expected:.4g}. It stays at its end, 0.",
    ),
    Slip(
        "started again at the end",
        (", 1)", ", 1) if t <= total else (t - warmup) / (total - warmup) % 1"),
        "Past `total` the cosine starts again from `lr`: {yours:.4g} for {expected:.4g}. It stays at its end, 0.",
    ),
    Slip(
        "held where the clock stops",
        ("min((t - warmup) / (total - warmup), 1)", "(min(t, total - 1) - warmup) / (total - warmup)"),
        "From `total` on the rate is 0: the cosine has come to its end there. Yours stays at the rate of the step "
        "before, {yours:.4g}: cut t off at `total`, not at total - 1.",
        hint=FORM,
    ),
    Slip(
        "cosine started at step 0",
        ("(t - warmup) / (total - warmup)", "t / total"),
        "The cosine is counted from step 0, so the rate jumps down when the warm-up ends: {yours:.4g} for "
        "{expected:.4g}. It starts where the warm-up ends: count its steps from there, and as many as are left.",
        hint=FORM,
    ),
    Slip(
        "length of the cosine",
        ("/ (total - warmup)", "/ total"),
        "The cosine takes `total` steps of its own after the warm-up, though only total - warmup are left: at `total` "
        "the rate is not 0 yet. {yours:.4g} for {expected:.4g}. `total` is counted from step 0, the warm-up included.",
        hint=FORM,
    ),
    Slip(
        "steps of the cosine",
        ("(t - warmup) / (total", "t / (total"),
        "The cosine has the right length, but its steps are counted from step 0: the rate jumps down when the warm-up "
        "ends, and is 0 too early. Its first step is t - warmup = 0.",
        hint=FORM,
    ),
    Slip(
        "cosine one step ahead",
        ("(t - warmup) /", "(t - warmup + 1) /"),
        "The cosine is one step ahead: {yours:.4g} for {expected:.4g}. Only the rise counts with t + 1. The first step "
        "of the cosine, t = warmup, still runs at `lr`, and its end is at `total`.",
        hint=FORM,
    ),
    Slip(
        "an end one step too early",
        ("/ (total - warmup)", "/ (total - warmup - 1)"),
        "The rate is 0 one step too early: {yours:.4g} for {expected:.4g}. The cosine has total - warmup steps.",
        hint=FORM,
    ),
    Slip(
        "warm-up one step too long",
        ("t < warmup", "t <= warmup"),
        "Step `warmup` still belongs to your rise, so it goes above `lr`: {yours:.4g} for {expected:.4g}. The rise "
        "takes steps 0 to warmup - 1: `t < warmup`.",
        hint=LINE,
    ),
    Slip(
        "no warm-up",
        ("lr * (t + 1) / warmup", "lr"),
        "During the warm-up the rate is `lr` already: {yours:.4g} for {expected:.4g}. It rises in equal steps.",
    ),
    Slip(
        "rise not divided",
        ("lr * (t + 1) / warmup", "lr * (t + 1)"),
        "The rise is not divided by `warmup`: it goes to warmup times `lr`, {yours:.4g} for {expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "rise divided by the total",
        ("(t + 1) / warmup", "(t + 1) / total"),
        "The rise is divided by `total`, and jumps when the warm-up ends: {yours:.4g} for {expected:.4g}. It reaches "
        "`lr` after `warmup` steps.",
        hint=LINE,
    ),
    Slip(
        "rise without lr",
        ("lr * (t + 1) / warmup", "(t + 1) / warmup"),
        "The rise goes to 1, whatever `lr` is: {yours:.4g} for {expected:.4g}. It is a share of `lr`.",
        hint=LINE,
    ),
    Slip(
        "parentheses around t + 1 forgotten",
        ("lr * (t + 1) / warmup", "lr * t + 1 / warmup"),
        "Without parentheses `lr * t + 1 / warmup` is two terms: {yours:.4g} for {expected:.4g}. Write "
        "`lr * (t + 1) / warmup`.",
        hint=LINE,
    ),
    Slip(
        "one step more below the line",
        ("(t + 1) / warmup", "(t + 1) / (warmup + 1)"),
        "The rise is divided by warmup + 1, so its last step is below `lr`: {yours:.4g} for {expected:.4g}. After "
        "`warmup` steps it is at its top: (t + 1) / warmup.",
        hint=LINE,
    ),
    Slip(
        "cosine within the rise",
        (
            "        return lr * (t + 1) / warmup\n",
            "        return lr * (t + 1) / warmup * (1 + math.cos(math.pi * t / total)) / 2\n",
        ),
        "The cosine lowers the rate during the warm-up already: {yours:.4g} for {expected:.4g}. One after the other: "
        "first the line, then the cosine.",
    ),
    Slip(
        "rise times a cosine from step 0",
        _product,
        "The rise is multiplied with a cosine that runs from step 0: the rate never reaches `lr`, {yours:.4g} for "
        "{expected:.4g}. One after the other: the cosine starts when the warm-up ends, with total - warmup steps.",
        hint=FORM,
    ),
    Slip(
        "half forgotten",
        (" / 2", ""),
        "1 + cos goes from 2 to 0: without the half the rate doubles when the warm-up ends, {yours:.4g} for "
        "{expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "1 forgotten",
        (COSINE, "lr * math.cos(math.pi * share)"),
        "The cosine itself goes from 1 to -1, so the rate turns negative and you walk uphill: {yours:.4g} for "
        "{expected:.4g}. (1 + cos) / 2 goes from 1 to 0.",
        hint=LINE,
    ),
    Slip(
        "turned over",
        ("(1 + math.cos", "(1 - math.cos"),
        "1 - cos goes up: after the warm-up the rate falls to 0 at once and rises again, {yours:.4g} for "
        "{expected:.4g}.",
        hint=LINE,
    ),
    Slip(
        "pi left out",
        ("math.pi * share", "share"),
        "The angle goes from 0 to 1, without pi, so the rate ends at 0.77 lr and not at 0.",
        hint=LINE,
    ),
    Slip(
        "pi cut to 3.14",
        ("math.pi", "3.14"),
        "pi is written as 3.14: right to three digits, {yours:.8g} for {expected:.8g}. `math.pi` has all of them.",
        hint=LINE,
    ),
    Slip(
        "quarter of a wave",
        (COSINE, "lr * math.cos(math.pi * share / 2)"),
        "This is a quarter of a wave, steepest at its end: {yours:.4g} for {expected:.4g}. Half a wave, raised by 1 "
        "and halved, is flat at both ends.",
        hint=LINE,
    ),
    Slip(
        "a line after the warm-up",
        (COSINE, "lr * (1 - share)"),
        "After the warm-up the rate falls along a line: {yours:.4g} for {expected:.4g}. It ends where it should, but "
        "the way down is half a cosine.",
    ),
    Slip(
        "constant after the warm-up",
        (COSINE, "lr"),
        "After the warm-up the rate stays at `lr`: {yours:.4g} for {expected:.4g}. There it falls to 0 along a cosine.",
    ),
)

WARMUP_CONVENTIONS = (
    Convention(
        "rise from zero",
        ("(t + 1) / warmup", "t / warmup"),
        "This rise starts at 0, as that of Hugging Face's `get_cosine_schedule_with_warmup`, and reaches `lr` one step "
        "later. Its first step moves nothing: {yours:.4g} for {expected:.4g}. Here the rise is (t + 1) / warmup: that "
        "is yours a step later, at t + 1.",
    ),
)


# ---- the plateau


def _from_the_first_rate(losses, *, lr, factor, patience):
    rates, best, bad, first = [], math.inf, 0, lr
    for loss in losses:
        rates.append(lr)
        bad = 0 if loss < best else bad + 1
        best = min(best, loss)
        if bad > patience:
            lr, bad = first * factor, 0
    return rates


PLATEAU = (
    Slip(
        "one epoch too impatient",
        ("bad > patience", "bad >= patience"),
        "You reduce at `patience` bad epochs in a row. That many are let pass; one *more* is too many: `bad > "
        "patience`. With patience = 0 a single bad epoch reduces the rate, as it does in torch.",
        hint=FORM,
    ),
    Slip(
        "one epoch too patient",
        ("bad > patience", "bad > patience + 1"),
        "You wait for two bad epochs more than `patience`; one more is enough: `bad > patience`. Does your count start "
        "at 0, and does the epoch itself count?",
        hint=FORM,
    ),
    Slip(
        "equal taken for better",
        ("loss < best", "loss <= best"),
        "A loss that equals the best so far counts as better in yours. Only a *lower* loss does: a plateau is where it "
        "stays the same. `loss < best`.",
        hint=LINE,
    ),
    Slip(
        "compared with the epoch before",
        ("best = min(best, loss)", "best = loss"),
        "Each loss is compared with the one before it. It has to be below the *best so far*: after a bad epoch a loss "
        "that is merely less bad is still no progress.",
    ),
    Slip(
        "compared with the first loss",
        ("best = min(best, loss)", "best = min(best, losses[0])"),
        "Every loss is compared with that of the first epoch: the best so far has to be kept up to date.",
        hint=FORM,
    ),
    Slip(
        "count not started anew after a reduction",
        ("lr, bad = lr * factor, 0", "lr = lr * factor"),
        "After a reduction your count goes on, as if you counted the epochs since the best one: the rate falls again "
        "at every bad epoch that follows. Set it to 0: the lower rate gets the same patience.",
        hint=FORM,
    ),
    Slip(
        "bad epochs not in a row",
        ("bad = 0 if loss < best else bad + 1", "bad = bad if loss < best else bad + 1"),
        "A better epoch does not set your count back to 0, so bad epochs add up over the whole run. They have to come "
        "in a row.",
        hint=FORM,
    ),
    Slip(
        "better epochs counted",
        ("loss < best else", "loss > best else"),
        "The comparison is turned: higher losses count as better. A loss is to fall: `loss < best`. (torch's "
        "`mode='max'` is for accuracies.)",
        hint=LINE,
    ),
    Slip(
        "the largest kept as the best",
        ("best = min(best, loss)", "best = loss if best == math.inf else max(best, loss)"),
        "The *largest* loss so far is kept as the best. The best loss is the lowest.",
        hint=LINE,
    ),
    Slip(
        "best starts at 0",
        ("math.inf, 0", "0.0, 0"),
        "The best loss starts at 0, and no loss is below that: every epoch counts as bad. Start at `math.inf`, so "
        "that the first epoch is better.",
        hint=LINE,
    ),
    Slip(
        "every epoch counted as bad",
        ("math.inf, 0", "-math.inf, 0"),
        "Every epoch counts as bad, whatever its loss, so the rate falls after every patience + 1 epochs. A loss below "
        "the best so far is progress: it sets the count back to 0.",
        hint=FORM,
    ),
    Slip(
        "count starts at 1 after a reduction",
        ("lr, bad = lr * factor, 0", "lr, bad = lr * factor, 1"),
        "After a reduction your count starts at 1: the lower rate gets one epoch less than the first one did. Start "
        "it at 0.",
        hint=FORM,
    ),
    Slip(
        "first epoch counted as bad",
        ("math.inf, 0", "losses[0], 0"),
        "The best starts as the first loss, and then the first epoch is compared with itself: it is not lower, so it "
        "counts as bad. Start at `math.inf`, or go on from the second epoch.",
        hint=LINE,
    ),
    Slip(
        "best forgotten after a reduction",
        ("lr, bad = lr * factor, 0", "lr, bad, best = lr * factor, 0, math.inf"),
        "After a reduction you forget the best loss, so the next epoch counts as better, whatever it is. Only the "
        "count starts anew; the best of the whole run stays.",
        hint=FORM,
    ),
    Slip(
        "rate noted after the loss",
        [
            ("        rates = [*rates, lr]\n", ""),
            (
                "            lr, bad = lr * factor, 0\n",
                "            lr, bad = lr * factor, 0\n        rates = [*rates, lr]\n",
            ),
        ],
        "You note the rate after its epoch's loss was looked at: every change comes one epoch too early. A loss is "
        "known when its epoch is over, so it can only change the epochs after it.",
        hint=FORM,
    ),
    Slip(
        "one rate more",
        ("return rates", "return rates + [lr]"),
        "There is one rate more than there are losses: the last is that of an epoch which has not run. Wanted is the "
        "rate of each epoch that has a loss.",
        hint=LINE,
    ),
    Slip(
        "last rate alone",
        ("return rates", "return lr"),
        "Only the rate at the end comes back. Wanted is the rate of every epoch, a list as long as `losses`.",
        hint=FORM,
    ),
    Slip(
        "always the first rate reduced",
        _from_the_first_rate,
        "Each reduction starts from the first rate, so all after the first one change nothing. Reduce the rate that "
        "there is: `lr = lr * factor`.",
        hint=FORM,
    ),
    Slip(
        "divided by the factor",
        ("lr * factor", "lr / factor"),
        "You divide by `factor`, which is below 1: the rate grows on a plateau. Multiply.",
        hint=LINE,
    ),
    Slip(
        "factor taken as the share that goes",
        ("lr * factor", "lr * (1 - factor)"),
        "You take `factor` for what is lost: the rate becomes 1 - factor times what it was. It is what is *kept*, as "
        "in torch: {expected:.4g} for your {yours:.4g}.",
    ),
    Slip(
        "factor subtracted",
        ("lr * factor", "lr - factor"),
        "`factor` is subtracted from the rate, which becomes negative: {yours:.4g} for {expected:.4g}. Multiply.",
        hint=LINE,
    ),
    Slip(
        "never reduced",
        ("bad > patience", "bad > len(losses)"),
        "The rate never changes: {yours:.4g} for {expected:.4g}. It is to fall when more than `patience` epochs in a "
        "row were bad.",
    ),
)

PLATEAU_CONVENTIONS = (
    Convention(
        "torch's threshold",
        ("loss < best", "loss < best * (1 - 1e-4)"),
        "This is torch's default: an epoch is better only if its loss is lower by a share of 1e-4, "
        "`ReduceLROnPlateau(threshold=1e-4)`. It is right in itself; here every lower loss counts, which is "
        "`threshold=0`. The two part where a loss creeps down.",
    ),
)
