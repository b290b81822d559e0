"""The mistakes that are made in Adam's two parts: the running means, and the correction of their start at zero."""

from __future__ import annotations

from coursekit.exercise import Slip

IDEA, FORM, LINE = 1, 2, 3

UPDATE_MOMENTS = (
    Slip(
        "1 - beta1 forgotten",
        ("(1 - beta1) * grad", "grad"),
        "The factor `1 - beta1` before the gradient is forgotten, so `m` is a sum and not a mean: under a constant "
        "gradient it would settle at `1 / (1 - beta1)` times the gradient. Yours {yours:.3g}, expected {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "1 - beta2 forgotten",
        ("(1 - beta2) * grad", "grad"),
        "The factor `1 - beta2` before the squared gradient is forgotten, so `v` is a sum and not a mean: it would "
        "settle at `1 / (1 - beta2)` times the square. Yours {yours:.3g}, expected {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "gradient not squared",
        ("grad**2", "grad"),
        "`v` takes the gradient itself, not its square: {yours:.3g} for {expected:.3g}. `v` measures size, whatever "
        "the sign, and its root is taken later; a negative one would make NaN there.",
        hint=FORM,
    ),
    Slip(
        "absolute value for square",
        ("grad**2", "grad.abs()"),
        "`v` takes `|grad|`, not `grad**2`: {yours:.3g} for {expected:.3g}. Both are sizes, but Adam divides by the "
        "root of `v`, which is in units of the gradient only when `v` holds squares.",
        hint=FORM,
    ),
    Slip(
        "1 - beta2 squared too",
        ("(1 - beta2) * grad**2", "((1 - beta2) * grad) ** 2"),
        "The square goes around `1 - beta2` as well: each gradient enters `v` with the weight `(1 - beta2)**2`. "
        "Python's `**` comes before `*`, so `(1 - beta2) * grad**2` squares the gradient alone.",
        hint=LINE,
    ),
    Slip(
        "beta1 and beta2 exchanged",
        [
            ("beta1 * m + (1 - beta1)", "beta2 * m + (1 - beta2)"),
            ("beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)"),
        ],
        "beta1 and beta2 are exchanged: `beta1` belongs to `m` and `beta2` to `v`. With the usual 0.9 and 0.999 the "
        "direction would then lag a thousand steps behind, and the size would follow every jump.",
    ),
    Slip(
        "v averaged with beta1",
        ("beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)"),
        "`v` is averaged with `beta1` and not with `beta2`: a line copied from `m`? Yours {yours:.3g}, expected "
        "{expected:.3g}. The size has a memory of its own, usually the longer one.",
    ),
    Slip(
        "m averaged with beta2",
        ("beta1 * m + (1 - beta1)", "beta2 * m + (1 - beta2)"),
        "`m` is averaged with `beta2` and not with `beta1`: {yours:.3g} for {expected:.3g}. The direction has a memory "
        "of its own, usually the shorter one.",
    ),
    Slip(
        "weights of m exchanged",
        ("beta1 * m + (1 - beta1) * grad", "(1 - beta1) * m + beta1 * grad"),
        "In `m` the weights are exchanged: `beta1` is the share of the old mean that is kept, `1 - beta1` that of the "
        "new gradient. With 0.9 yours would forget nine tenths at each step.",
        hint=FORM,
    ),
    Slip(
        "weights of v exchanged",
        ("beta2 * v + (1 - beta2) * grad**2", "(1 - beta2) * v + beta2 * grad**2"),
        "In `v` the weights are exchanged: `beta2` is the share of the old mean that is kept, `1 - beta2` that of the "
        "new square. With 0.999 yours would be nearly the last square alone.",
        hint=FORM,
    ),
    Slip(
        "old m not damped",
        ("beta1 * m", "m"),
        "The old `m` is kept whole, not the share `beta1` of it: the weights sum to more than 1, and `m` grows and "
        "grows under a constant gradient. Yours {yours:.3g}, expected {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "old v not damped",
        ("beta2 * v", "v"),
        "The old `v` is kept whole, not the share `beta2` of it: nothing is ever forgotten, as in AdaGrad. Yours "
        "{yours:.6g}, expected {expected:.6g}.",
        hint=FORM,
    ),
    Slip(
        "old means returned",
        [("m = beta1", "new_m = beta1"), ("v = beta2", "new_v = beta2")],
        "What comes back are the means that came in: the new ones are computed and dropped. Return the new `m` and "
        "`v`.",
        hint=LINE,
    ),
    Slip(
        "one sum of squares for all elements",
        ("grad**2", "(grad**2).sum()"),
        "`v` takes one number for all elements, the sum of the squares: {yours:.3g} for {expected:.3g}. Each element "
        "keeps its own; that is what gives each its own step length.",
        hint=FORM,
    ),
    Slip(
        "v from m",
        ("grad**2", "m**2"),
        "`v` takes the square of the new `m`, not of the gradient: {yours:.3g} for {expected:.3g}. Noise cancels in "
        "`m`; `v` is there to see it.",
        hint=FORM,
    ),
    Slip(
        "v around m (AdaBelief)",
        ("grad**2", "(grad - m) ** 2"),
        "`v` takes `(grad - m)**2`, the spread around the mean; that is AdaBelief. Adam's `v` is the plain second "
        "moment, `grad**2`, with nothing subtracted.",
        hint=FORM,
    ),
    Slip(
        "m and v returned in the other order",
        ("return m, v", "return v, m"),
        "They come back as (v, m); (m, v) was wanted. Unpacked by the caller, each would stand under the other's name.",
        hint=LINE,
    ),
)

BIAS_CORRECTION = (
    Slip(
        "not corrected",
        (" / (1 - beta**t)", ""),
        "The mean comes back as it went in. It started at zero, so after t steps it is `1 - beta**t` of what it "
        "should be: here {ratio:.3g}. Divide by that.",
    ),
    Slip(
        "correction multiplies",
        ("average / (1", "average * (1"),
        "You multiply by `1 - beta**t`. The mean is too small by that factor already; dividing undoes it, yours makes "
        "it smaller still: {yours:.3g} for {expected:.3g}.",
    ),
    Slip(
        "beta * t for beta**t",
        ("beta**t", "beta * t"),
        "`beta * t` stands where the power `beta**t` belongs. Each step keeps the share beta of what was there, t "
        "times over. The two agree at t = 1 only: {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "(1 - beta)**t",
        ("(1 - beta**t)", "((1 - beta) ** t)"),
        "`(1 - beta)**t` runs to 0 as t grows, and the result without bound; `1 - beta**t` runs to 1, and the "
        "correction fades. They agree at t = 1 only: {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
    Slip(
        "t not used",
        ("beta**t", "beta"),
        "You divide by `1 - beta` whatever t is. That is right at t = 1; later the mean has filled up, and "
        "`1 - beta**t` is nearer to 1. Here yours is {ratio:.3g} times too large.",
        hint=FORM,
    ),
    Slip(
        "t counted from 0",
        ("beta**t", "beta ** (t - 1)"),
        "You correct for t - 1 steps. t is the number of steps taken, from 1: with t - 1 the first correction divides "
        "by 1 - 1 = 0, and the first step is {yours}.",
        hint=FORM,
    ),
    Slip(
        "one step too many",
        ("beta**t", "beta ** (t + 1)"),
        "You correct for t + 1 steps. t counts the steps already, from 1: add nothing to it here. Yours is {ratio:.3g} "
        "times the right number.",
        hint=FORM,
    ),
    Slip(
        "divided by beta**t",
        ("(1 - beta**t)", "beta**t"),
        "You divide by `beta**t`, the share of the zero start that is left. What the gradients weigh is the rest of "
        "it, `1 - beta**t`.",
        hint=FORM,
    ),
    Slip(
        "parentheses around the denominator",
        ("(1 - beta**t)", "1 - beta**t"),
        "Python reads `average / 1 - beta**t` as `(average / 1) - beta**t`: the power is subtracted from the mean. "
        "Put the whole denominator in parentheses.",
        hint=LINE,
    ),
    Slip(
        "sign in the denominator",
        ("1 - beta**t", "1 + beta**t"),
        "You divide by `1 + beta**t`, which makes the mean smaller; it is too small already. The weights of the "
        "gradients sum to `1 - beta**t`.",
        hint=LINE,
    ),
    Slip(
        "1 - beta taken out twice",
        ("average / (1 - beta**t)", "(1 - beta) * average / (1 - beta**t)"),
        "The result is `1 - beta` times the right one: {ratio:.3g}. That factor is in the mean already, from each of "
        "its updates; here only the division is wanted.",
    ),
    Slip(
        "root of the denominator",
        ("(1 - beta**t)", "(1 - beta**t) ** 0.5"),
        "You divide by the root of `1 - beta**t`. The root belongs to `v` as a whole and comes after the correction; "
        "here the mean itself is corrected: {yours:.3g} for {expected:.3g}.",
        hint=FORM,
    ),
)
