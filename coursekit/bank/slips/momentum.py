"""The mistakes that are made in the two plain forms of momentum: in the step, in the state, in what is gathered."""

from __future__ import annotations

from coursekit.bank.slips.momentum_forms import uphill
from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, MEMORY, LINE = 1, 2, 3

# ---- what goes wrong with the step and the state, in both forms

STEP = (
    Slip(
        "sign turned",
        ("param - lr", "param + lr"),
        "You step along `v`, uphill: {yours:.3g} at step {step}, expected {expected:.3g}. `v` is made of gradients, "
        "which point to where the loss grows; subtract it.",
        hint=LINE,
    ),
    Slip(
        "lr forgotten",
        ("lr * v", "v"),
        "lr is not used: you move {ratio:.3g} times as far as you should, which is 1/lr. `v` says which way and how "
        "steep, lr how far.",
        hint=LINE,
    ),
    Slip(
        "old v in the step",
        ("lr * v", "lr * state[0]"),
        "The step uses the `v` of the state, before this gradient went in: {yours:.3g} at step {step}, expected "
        "{expected:.3g}. Everything comes one step late. Take the gradient into `v` first, then step along the new "
        "one.",
        hint=LINE,
    ),
    Slip(
        "gradient in place of v",
        ("lr * v", "lr * grad"),
        "The step goes along the gradient, and `v` is kept for nothing: this is gradient descent, {yours:.3g} at step "
        "{step} for {expected:.3g}. Step along `v`, which remembers the gradients before.",
        hint=LINE,
    ),
    Slip(
        "sign of v alone",
        ("lr * v", "lr * v.sign()"),
        "Only the sign of `v` is used, so every step is lr long in every coordinate: {yours:.3g} at step {step}, "
        "expected {expected:.3g}. Momentum steps by `v` itself, and gets slower where the loss gets flat.",
        hint=LINE,
    ),
    Slip(
        "gradient added to the step",
        ("lr * v", "lr * (v + grad)"),
        "The gradient goes into `v` and then into the step once more: you move {ratio:.3g} times as far as you should "
        "at step {step}. The newest gradient is in `v` already.",
        hint=LINE,
    ),
    Slip(
        "parentheses around param - lr",
        ("param - lr * v", "(param - lr) * v"),
        "Your parentheses take lr from the parameter and multiply what is left by `v`: where `v` is zero the "
        "parameter becomes zero. Only lr and `v` are multiplied: `lr * v`.",
        hint=LINE,
    ),
)

STATE = (
    Slip(
        "old state returned",
        ("MomentumState(v)", "state"),
        "The state comes back as it went in, so `v` starts anew at each step and nothing gathers. The first step is "
        "right; at step {step} you move {ratio:.3g} times as far as you should. Return the new `v`.",
        hint=MEMORY,
    ),
    Slip(
        "gradient kept for v",
        ("MomentumState(v)", "MomentumState(grad)"),
        "The state gets the gradient and not the new `v`: one gradient back is remembered, and none before it. The "
        "first step is right, and step {step} is not.",
        hint=MEMORY,
    ),
    Slip(
        "step kept for v",
        ("MomentumState(v)", "MomentumState(lr * v)"),
        "The state gets `lr * v`, the step, and not `v`: next time it is damped and multiplied by lr once more, so "
        "that the past counts `lr` times too little. Step {step} shows it. Keep `v` as it is.",
        hint=MEMORY,
    ),
    Slip(
        "v damped when it is kept",
        ("MomentumState(v)", "MomentumState(beta * v)"),
        "`v` is multiplied by beta when it is returned and again when it is used: the past fades as beta**2 at each "
        "step. Step 1 is right, at step {step} you move {ratio:.3g} times as far as you should. Damp it once.",
        hint=MEMORY,
    ),
)

# ---- what goes wrong with the averaged v

MEAN = (
    Slip(
        "first gradient whole (dampening)",
        ("beta * v + (1 - beta) * grad", "beta * v + (1 - beta) * grad if v.any() else grad"),
        "The first gradient goes into `v` whole, the later ones with `1 - beta`: that is `torch.optim.SGD` with "
        "`dampening=beta`. The first step is `1 / (1 - beta)` times as long, here {ratio:.3g} times, and what is too "
        "much in `v` fades only by beta at each step. A mean from zero takes `1 - beta` of the first as well.",
        hint=MEMORY,
    ),
    Slip(
        "weights exchanged",
        ("beta * v + (1 - beta) * grad", "(1 - beta) * v + beta * grad"),
        "The weights are exchanged: beta is the share of the old mean that is kept, `1 - beta` that of the new "
        "gradient. With 0.9 yours forgets nine tenths at each step, and hardly smooths at all: {yours:.3g} at step "
        "{step}, expected {expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "beta before both",
        ("(1 - beta) * grad", "beta * grad"),
        "Both parts are multiplied by beta, so the weights sum to `beta / (1 - beta)` in the end and not to 1: you "
        "move {ratio:.3g} times as far as you should at step {step}. The new gradient gets the rest, `1 - beta`.",
        hint=MEMORY,
    ),
    Slip(
        "old v not damped",
        ("beta * v +", "v +"),
        "The old `v` is kept whole and the new gradient added to it, so nothing is ever forgotten: under a constant "
        "gradient `v` grows without end. Keep the share beta of it: step {step} shows the difference.",
        hint=MEMORY,
    ),
    Slip(
        "old v forgotten",
        ("beta * v + ", ""),
        "The old `v` does not enter the new one: this is gradient descent with the rate `lr * (1 - beta)`. The first "
        "step cannot tell, step {step} does. What makes it momentum is `beta` times the old `v`.",
    ),
    Slip(
        "beta around the sum",
        ("beta * v + (1 - beta) * grad", "beta * (v + (1 - beta) * grad)"),
        "beta multiplies the new gradient as well as the old `v`: you move {ratio:.3g} times as far as you should at "
        "step {step}, which is beta. Only what is old fades; the weights beta and `1 - beta` sum to 1.",
        hint=MEMORY,
    ),
    Slip(
        "1 - beta without parentheses",
        ("(1 - beta) * grad", "1 - beta * grad"),
        "Python reads `beta * v + 1 - beta * grad` as adding 1 and subtracting beta times the gradient. Put `1 - "
        "beta` in parentheses: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "1 - beta twice",
        ("lr * v", "lr * (1 - beta) * v"),
        "`1 - beta` stands in the mean and before lr as well: you move {ratio:.3g} times as far as you should, which "
        "is `1 - beta`. The change of rate belongs to the summed form; a mean needs none.",
        hint=LINE,
    ),
    Slip(
        "divided by 1 - beta",
        ("lr * v", "lr * v / (1 - beta)"),
        "The mean is divided by `1 - beta` in the step: you move {ratio:.3g} times as far as you should, in every "
        "step. It is too small only at first, by `1 - beta**t`; that correction is Adam's and needs t. Here none is "
        "made.",
        hint=LINE,
    ),
    Slip(
        "lr twice",
        [("(1 - beta) * grad", "lr * (1 - beta) * grad")],
        "lr stands in `v` and in the step: you move {ratio:.3g} times as far as you should, which is lr. Keep it in "
        "the step, so that a new lr acts at once.",
        hint=LINE,
    ),
    Slip(
        "gradient subtracted in v",
        ("+ (1 - beta) * grad", "- (1 - beta) * grad"),
        "The gradient is subtracted in `v`, and `v` is subtracted from the parameter: two minus signs, and the step "
        "goes uphill. At step {step} you have {yours:.3g}, expected {expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "gradient squared",
        ("(1 - beta) * grad", "(1 - beta) * grad**2"),
        "`v` averages the squares of the gradients, which is what RMSprop keeps to measure their size. Momentum "
        "averages the gradients themselves, whose signs cancel where they zigzag: {yours:.3g} at step {step} for "
        "{expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "Nesterov's step",
        ("lr * v", "lr * (beta * v + (1 - beta) * grad)"),
        "The step goes along `beta * v + (1 - beta) * grad`, with the new `v`: the gradient is taken in twice, as in "
        "Nesterov's momentum. You move {ratio:.3g} times as far as you should at step {step}. Here the step is `lr * "
        "v`.",
        hint=LINE,
    ),
)

# ---- what goes wrong with the summed v

SUM = (
    Slip(
        "dampening after the first step",
        ("beta * v + grad", "beta * v + (1 - beta) * grad if v.any() else grad"),
        "The first gradient goes in whole, the later ones with `1 - beta`: that is `torch.optim.SGD` with "
        "`dampening=beta`, neither the sum nor the mean. The first step is right; at step {step} you move {ratio:.3g} "
        "times as far as you should. The sum takes every gradient whole.",
        hint=MEMORY,
    ),
    Slip(
        "old v not damped",
        ("beta * v +", "v +"),
        "beta is not used: all gradients since the start are summed, and none fades. A ball without friction rolls "
        "through the minimum and never rests. Keep the share beta of the old `v`.",
        hint=MEMORY,
    ),
    Slip(
        "old v forgotten",
        ("beta * v + ", ""),
        "The old `v` does not enter the new one, so this is gradient descent. The first step cannot tell; at step "
        "{step} {yours:.3g} came, expected {expected:.3g}. What makes it momentum is `beta` times the old `v`.",
    ),
    Slip(
        "beta before the gradient",
        ("beta * v + grad", "v + beta * grad"),
        "beta stands before the new gradient and not before the old `v`: nothing fades, and each new gradient counts "
        "too little, {ratio:.3g} times at step {step}. The old is damped, the new goes in whole.",
        hint=MEMORY,
    ),
    Slip(
        "beta around the sum",
        ("beta * v + grad", "beta * (v + grad)"),
        "beta multiplies the new gradient as well as the old `v`: you move {ratio:.3g} times as far as you should at "
        "step {step}, which is beta. Only the old fades.",
        hint=MEMORY,
    ),
    Slip(
        "1 - beta for beta",
        ("beta * v", "(1 - beta) * v"),
        "The old `v` is kept with the share `1 - beta`; beta itself is the share that is kept. With 0.9 yours forgets "
        "nine tenths at each step: right at step 1, {ratio:.3g} times as far as it should be at step {step}.",
        hint=MEMORY,
    ),
    Slip(
        "weights exchanged",
        ("beta * v + grad", "(1 - beta) * v + beta * grad"),
        "This is a mean with its weights exchanged: `1 - beta` of the old, beta of the new. The summed form keeps "
        "beta of the old and takes the new gradient whole: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "lr twice",
        [("+ grad", "+ lr * grad")],
        "lr stands in `v` and in the step: you move {ratio:.3g} times as far as you should, which is lr. Keep it in "
        "the step, so that a new lr acts at once.",
        hint=LINE,
    ),
    Slip(
        "gradient subtracted in v",
        ("+ grad", "- grad"),
        "The gradient is subtracted in `v`, and `v` is subtracted from the parameter: two minus signs, and the step "
        "goes uphill. At step {step} you have {yours:.3g}, expected {expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "gradient squared",
        ("+ grad", "+ grad**2"),
        "`v` sums the squares of the gradients, which is what AdaGrad keeps to measure their size. Momentum sums the "
        "gradients themselves, whose signs cancel where they zigzag: {yours:.3g} at step {step} for {expected:.3g}.",
        hint=MEMORY,
    ),
    Slip(
        "Nesterov's step",
        ("lr * v", "lr * (grad + beta * v)"),
        "The step goes along `grad + beta * v`, with the new `v`: that is `torch.optim.SGD(..., nesterov=True)`. You "
        "move {ratio:.3g} times as far as you should at step {step}; the heavy ball steps along `v` alone.",
        hint=LINE,
    ),
    Slip(
        "lr missing before the memory",
        ("param - lr * v", "param - lr * grad - beta * state[0]"),
        "The new gradient is multiplied by lr and what is remembered is not. Step 1 is right, as there is nothing to "
        "remember; at step {step} {yours:.3g} came for {expected:.3g}. All of `v` is multiplied by lr.",
        hint=LINE,
    ),
)

MEMORY_SUBTRACTED = Slip(
    "memory subtracted",
    ("v = beta * v +", "v = -beta * v +"),
    "The old `v` is subtracted from the new gradient: each step takes back part of the last, where it should go on. "
    "Right at step 1, {yours:.3g} for {expected:.3g} at step {step}. Add `beta * v`.",
    hint=MEMORY,
)

MOMENTUM = (*MEAN, *STEP, *STATE, MEMORY_SUBTRACTED, *uphill("(1 - beta) * grad"))
HEAVY_BALL = (*SUM, *STEP, *STATE, MEMORY_SUBTRACTED, *uphill("grad"))
