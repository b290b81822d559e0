"""The mistakes that are made in Adam: in the correction, in what is remembered, in the means, in the step."""

from __future__ import annotations

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
MEANS, COUNT, STEP = 1, 2, 3


def _adamax(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = (beta2 * v).maximum(grad.abs())
    return param - lr * m / (1 - beta1**t) / (v + eps), (m, v, t)


CORRECTION = (
    Slip(
        "no bias correction",
        [("m / (1 - beta1**t)", "m"), ("v / (1 - beta2**t)", "v")],
        "Neither mean is corrected for its start at zero: at step {step} you move {ratio:.3g} times as far as you "
        "should. After one step `m` holds `1 - beta1` of the gradient and `sqrt(v)` holds `sqrt(1 - beta2)` of its "
        "size, so where eps is small the first step is `(1 - beta1) / sqrt(1 - beta2)` times as long. With 0.9 and "
        "0.999 that is 3.162 times too long, at the moment when the least is known.",
        hint=COUNT,
    ),
    Slip(
        "m not corrected",
        ("m / (1 - beta1**t)", "m"),
        "`m` is not corrected: at step {step} you move {ratio:.3g} times as far as you should. `m` starts at zero, so "
        "after t steps the gradients in it weigh `1 - beta1**t` together, not 1. Divide by that, or the first steps "
        "are too short.",
        hint=COUNT,
    ),
    Slip(
        "v not corrected",
        ("v / (1 - beta2**t)", "v"),
        "`v` is not corrected: at step {step} you move {ratio:.3g} times as far as you should. `v` starts at zero and "
        "is `1 - beta2**t` of what it should be; its root stands below the line, so the first steps are up to "
        "`1 / sqrt(1 - beta2)` times too long.",
        hint=COUNT,
    ),
    Slip(
        "v corrected outside the root",
        ("v_hat.sqrt() + eps", "v.sqrt() / (1 - beta2**t) + eps"),
        "The root of `v` is divided by `1 - beta2**t` itself, not by its root: at step {step} you move {ratio:.3g} "
        "times as far as you should. Correct `v` first and take the root then, or divide the root by the root of "
        "`1 - beta2**t`.",
        hint=STEP,
    ),
    Slip(
        "gradient added to m_hat (NAdam)",
        ("m / (1 - beta1**t)", "(beta1 * m + (1 - beta1) * grad) / (1 - beta1**t)"),
        "The new gradient goes into `m` a second time before the step: Nesterov's look-ahead, as NAdam has it. At step "
        "{step} you move {ratio:.3g} times as far as Adam, which takes the new `m` as it is.",
        hint=STEP,
    ),
    Slip(
        "t from 0",
        [("    t = t + 1\n", ""), (", t)", ", t + 1)")],
        "The correction uses t before it is counted up: in the first step `1 - beta**0` is 0, and you get {yours}. "
        "`state.t` says how many steps were taken before; the step being taken is number `t + 1`.",
        hint=COUNT,
    ),
    Slip(
        "t not advanced",
        ("    t = t + 1\n", ""),
        "t is never counted up. It comes in as 0, `1 - beta**0` is 0, and you get {yours}; the next step would start "
        "from 0 again. Add 1 first, use the new t, and return it.",
        hint=COUNT,
    ),
    Slip(
        "t not handed on",
        (", t)", ", state[2])"),
        "t is counted up but the old one is returned, so every step is corrected as if it were the first: right at "
        "step 1, and at step {step} you move {ratio:.3g} times as far as you should. Return the new t.",
        hint=COUNT,
    ),
    Slip(
        "t always 1",
        ("t = t + 1", "t = 1"),
        "t is 1 in every step, so the correction of the first step is used for ever: at step {step} you move "
        "{ratio:.3g} times as far as you should. t has to grow from the one in the state: `t + 1`.",
        hint=COUNT,
    ),
    Slip(
        "correction with beta * t",
        [("beta1**t", "beta1 * t"), ("beta2**t", "beta2 * t")],
        "The correction divides by `1 - beta * t`; the power is wanted, `beta**t`: each step keeps the share beta of "
        "what was there, t times over. The two agree at t = 1 only, and yours turns negative once beta * t is above 1.",
        hint=COUNT,
    ),
    Slip(
        "correction with (1 - beta)**t",
        [("(1 - beta1**t)", "((1 - beta1) ** t)"), ("(1 - beta2**t)", "((1 - beta2) ** t)")],
        "The correction divides by `(1 - beta)**t`, a number that runs to 0, so the means are blown up more at each "
        "step; `1 - beta**t` runs to 1, and the correction fades. They agree at t = 1 only: step {step} differs.",
        hint=COUNT,
    ),
    Slip(
        "correction without t",
        [("beta1**t", "beta1"), ("beta2**t", "beta2")],
        "The correction divides by `1 - beta` in every step. That is right at t = 1; later the means have filled up "
        "and need less of it, `1 - beta**t`. At step {step} you move {ratio:.3g} times as far as you should.",
        hint=COUNT,
    ),
    Slip(
        "correction multiplies",
        [("m / (1", "m * (1"), ("v / (1", "v * (1")],
        "The means are multiplied by `1 - beta**t`. They are too small by that factor already, so divide by it: at "
        "step {step} you move {ratio:.3g} times as far as you should.",
        hint=COUNT,
    ),
    Slip(
        "correction without parentheses",
        [("m / (1 - beta1**t)", "m / 1 - beta1**t"), ("v / (1 - beta2**t)", "v / 1 - beta2**t")],
        "Python reads `m / 1 - beta1**t` as `(m / 1) - beta1**t`: the power is subtracted from the mean. Put the "
        "whole denominator in parentheses. Without them `v_hat` is below 0 at once, and its root is not a number.",
        hint=COUNT,
    ),
    Slip(
        "v corrected with beta1",
        ("1 - beta2**t", "1 - beta1**t"),
        "`v` is corrected with `beta1`. It was averaged with `beta2`, so its weights sum to `1 - beta2**t`: at step "
        "{step} you move {ratio:.3g} times as far as you should.",
        hint=COUNT,
    ),
    Slip(
        "m corrected with beta2",
        ("1 - beta1**t", "1 - beta2**t"),
        "`m` is corrected with `beta2`. It was averaged with `beta1`, so its weights sum to `1 - beta1**t`: at step "
        "{step} you move {ratio:.3g} times as far as you should.",
        hint=COUNT,
    ),
)

MEMORY = (
    Slip(
        "corrected means stored",
        [("AdamState(m,", "AdamState(m_hat,"), (", v, t)", ", v_hat, t)")],
        "The corrected means go into the state and are corrected again next time: step 1 is right, step {step} is "
        "not. The correction is for this step's use only; return `m` and `v` as they were before it.",
        hint=COUNT,
    ),
    Slip(
        "corrected m stored",
        ("AdamState(m,", "AdamState(m_hat,"),
        "The corrected `m` goes into the state and is corrected again next time: right until step {step}, where you "
        "move {ratio:.3g} times as far as you should. Return `m` as it was before the correction.",
        hint=COUNT,
    ),
    Slip(
        "corrected v stored",
        (", v, t)", ", v_hat, t)"),
        "The corrected `v` goes into the state and is corrected again next time: right until step {step}, where you "
        "move {ratio:.3g} times as far as you should. Return `v` as it was before the correction.",
        hint=COUNT,
    ),
    Slip(
        "old state returned",
        ("AdamState(m, v, t)", "state"),
        "The state comes back as it went in: nothing is remembered, and each step is a first step, with `m_hat` the "
        "gradient and `v_hat` its square. Step {step} shows it. Return the new `m`, `v` and `t`.",
        hint=COUNT,
    ),
    Slip(
        "m and v exchanged in the state",
        ("AdamState(m, v, t)", "AdamState(v, m, t)"),
        "The state comes back as (v, m, t); its order is (m, v, t). Step 1 is right; from step {step} on each mean "
        "continues from the other's.",
        hint=COUNT,
    ),
    Slip(
        "old m in the step",
        ("m_hat = m /", "m_hat = state[0] /"),
        "The step uses the `m` of the state, before this gradient went in: expected {expected:.3g} at step {step}, "
        "yours is {yours:.3g}. Take the gradient into `m` first, then step along the new one.",
        hint=MEANS,
    ),
    Slip(
        "old v in the step",
        ("v_hat = v /", "v_hat = state[1] /"),
        "The step divides by the root of the old `v`, before this gradient went in. At the start that is 0, only eps "
        "is left below the line, and the step is {yours:.3g} for {expected:.3g}. Update `v` first.",
        hint=MEANS,
    ),
)

AVERAGES = (
    Slip(
        "beta1 and beta2 exchanged",
        [
            ("beta1 * m + (1 - beta1)", "beta2 * m + (1 - beta2)"),
            ("beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)"),
            ("m / (1 - beta1**t)", "m / (1 - beta2**t)"),
            ("v / (1 - beta2**t)", "v / (1 - beta1**t)"),
        ],
        "beta1 and beta2 are exchanged throughout: `beta1` belongs to `m`, `beta2` to `v`. The first step hides it, "
        "since both corrections are then complete; the state does not, and step {step} differs.",
    ),
    Slip(
        "v averaged with beta1",
        ("beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)"),
        "`v` is averaged with `beta1` and not with `beta2`: a line copied from `m`? At step {step} you move "
        "{ratio:.3g} times as far as you should. `v` has to remember longer than `m`.",
    ),
    Slip(
        "m averaged with beta2",
        ("beta1 * m + (1 - beta1)", "beta2 * m + (1 - beta2)"),
        "`m` is averaged with `beta2` and not with `beta1`: at step {step} you move {ratio:.3g} times as far as you "
        "should, and later `m` would lag far behind the gradient.",
    ),
    Slip(
        "weights of m exchanged",
        ("beta1 * m + (1 - beta1) * grad", "(1 - beta1) * m + beta1 * grad"),
        "In `m` the weights are exchanged: `beta1` is the share of the old mean that is kept, `1 - beta1` that of the "
        "new gradient. With 0.9 yours would forget nine tenths at each step.",
    ),
    Slip(
        "weights of v exchanged",
        ("beta2 * v + (1 - beta2) * grad**2", "(1 - beta2) * v + beta2 * grad**2"),
        "In `v` the weights are exchanged: `beta2` is the share of the old mean that is kept, `1 - beta2` that of the "
        "new square. With 0.999 yours would be nearly the last square alone.",
    ),
    Slip(
        "1 - beta1 forgotten",
        ("(1 - beta1) * grad", "grad"),
        "The factor `1 - beta1` before the gradient is forgotten, so `m` is a sum and not a mean, `1 / (1 - beta1)` "
        "times too large: at step {step} you move {ratio:.3g} times as far as you should.",
    ),
    Slip(
        "1 - beta2 forgotten",
        ("(1 - beta2) * grad", "grad"),
        "The factor `1 - beta2` before the squared gradient is forgotten, so `v` is a sum and not a mean, "
        "`1 / (1 - beta2)` times too large: at step {step} you move {ratio:.3g} times as far as you should.",
    ),
    Slip(
        "gradient not squared",
        ("grad**2", "grad"),
        "`v` averages the gradient, not its square. Where that is negative the root is not a number. `v` is there to "
        "measure size, whatever the sign: square the gradient.",
    ),
    Slip(
        "absolute value for square",
        ("grad**2", "grad.abs()"),
        "`v` averages `|grad|`, not `grad**2`. Its root is then in units of the root of the gradient, and the step "
        "would depend on the scale of the loss: {yours:.3g} at step {step}, expected {expected:.3g}.",
    ),
    Slip(
        "1 - beta2 squared too",
        ("(1 - beta2) * grad**2", "((1 - beta2) * grad) ** 2"),
        "The square goes around `1 - beta2` as well, so each gradient enters `v` with `(1 - beta2)**2`, too little: "
        "at step {step} you move {ratio:.3g} times as far as you should. Square the gradient alone.",
    ),
    Slip(
        "v from m",
        ("grad**2", "m**2"),
        "`v` averages the square of `m`, not of the gradient. Noise cancels in `m`, so `v` no longer sees it, and "
        "noisy coordinates get steps that are too long: {ratio:.3g} times at step {step}.",
    ),
    Slip(
        "v around m (AdaBelief)",
        ("grad**2", "(grad - m) ** 2"),
        "`v` averages `(grad - m)**2`, the spread around the mean; that is AdaBelief. Adam's is the plain second "
        "moment, `grad**2`: at step {step} you move {ratio:.3g} times as far as Adam does.",
    ),
    Slip(
        "v is a sum (AdaGrad)",
        ("beta2 * v + (1 - beta2) * grad**2", "v + grad**2"),
        "`v` adds up all squares and forgets none; that is AdaGrad's sum, and steps shrink as 1/sqrt(t). Adam's is a "
        "running mean: keep `beta2` of the old, add `1 - beta2` of the new.",
    ),
    Slip(
        "v never falls (AMSGrad)",
        ("beta2 * v + (1 - beta2) * grad**2", "v.maximum(beta2 * v + (1 - beta2) * grad**2)"),
        "Your `v` never falls: a maximum is kept, as AMSGrad does (with one more tensor). Adam's forgets, so that a "
        "coordinate which becomes quiet gets its full step again. Step {step} shows it.",
    ),
    Slip(
        "Adamax",
        _adamax,
        "This is Adamax, section 7.1 of the same paper: `v` is the larger of `beta2 * v` and `|grad|`, with no root "
        "and no correction. Adam averages the squares.",
    ),
)

DIVISION = (
    Slip(
        "root forgotten",
        ("v_hat.sqrt()", "v_hat"),
        "You divide by `v_hat` and not by its root: {yours:.3g} at step {step}, expected {expected:.3g}. Without the "
        "root the step is in units of 1/gradient: small gradients give giant steps.",
        hint=STEP,
    ),
    Slip(
        "eps forgotten",
        (" + eps)", ")"),
        "eps is forgotten. It shows where the gradient is not large beside it: you move {ratio:.3g} times as far as "
        "you should at step {step}. And where a gradient has always been zero, 0/0 makes the weight NaN.",
        hint=STEP,
    ),
    Slip(
        "eps as a floor",
        ("v_hat.sqrt() + eps", "v_hat.sqrt().clamp(min=eps)"),
        "You take the larger of the root and eps; Adam adds them. Nobody sees it at eps = 1e-8, but with a large eps "
        "it is another rule: at step {step} you move {ratio:.3g} times as far as you should.",
        hint=STEP,
    ),
    Slip(
        "eps in v before the correction",
        [(" + eps)", ")"), ("v / (1 - beta2**t)", "(v + eps) / (1 - beta2**t)")],
        "eps is added to `v` before the correction, so it is divided by `1 - beta2**t` and then stands under the "
        "root, where 1e-8 acts as 1e-4 or more. Add it to the root of `v_hat`.",
        hint=STEP,
    ),
    Slip(
        "parentheses around the denominator",
        ("(v_hat.sqrt() + eps)", "v_hat.sqrt() + eps"),
        "Without parentheses Python divides by the root alone and then adds eps to the parameter: expected "
        "{expected:.3g} at step {step}, yours is {yours:.3g}. Write `/ (v_hat.sqrt() + eps)`.",
        hint=STEP,
    ),
    Slip(
        "sign turned",
        ("param - lr", "param + lr"),
        "You step along the gradient, uphill: {yours:.3g} at step {step}, expected {expected:.3g}. Subtract.",
        hint=STEP,
    ),
    Slip(
        "gradient in place of m_hat",
        ("lr * m_hat", "lr * grad"),
        "The step goes along the gradient itself and `m_hat` is not used: RMSprop with a correction. The two agree in "
        "a first step, where `m_hat` is the gradient; at step {step} you move {ratio:.3g} times as far as Adam, which "
        "remembers the gradients before.",
        hint=STEP,
    ),
    Slip(
        "no division",
        (" / (v_hat.sqrt() + eps)", ""),
        "The step is not divided by the root of `v_hat`: momentum with a correction. Large gradients give long steps "
        "again, {yours:.3g} at step {step} for {expected:.3g}.",
        hint=STEP,
    ),
    Slip(
        "lr forgotten",
        ("lr * m_hat", "m_hat"),
        "lr is not used: at step {step} you move {ratio:.3g} times as far as you should, which is 1/lr.",
        hint=STEP,
    ),
    Slip(
        "lr inside m",
        [("(1 - beta1) * grad", "lr * (1 - beta1) * grad"), ("lr * m_hat", "m_hat")],
        "lr is multiplied into `m` and left out of the step. From zero and at a constant lr the path is the same; the "
        "state is not, and under a schedule old gradients would keep the old lr. Keep lr in the last line.",
        hint=STEP,
    ),
)

SLIPS = CORRECTION + MEMORY + AVERAGES + DIVISION
