"""The mistakes that are made in AdaGrad and RMSprop: in what is gathered, in the division, in the state."""

from __future__ import annotations

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, GATHER, LINE = 1, 2, 3

FORMS = (
    Convention(
        "eps inside the root",
        ("s.sqrt() + eps", "(s + eps).sqrt()"),
        "You put eps under the root, `sqrt(s + eps)`, as many textbooks do; torch adds it to the root, `sqrt(s) + "
        "eps`. No constant turns the one into the other: where `s` is 0 yours divides by `sqrt(eps)` and torch by "
        "eps, so that 1e-8 acts as 1e-4. Take `eps**2` inside for eps outside: then they agree where either term is "
        "alone, and differ most where both count, by a factor of sqrt(2).",
    ),
    Convention(
        "eps squared inside the root",
        ("s.sqrt() + eps", "(s + eps**2).sqrt()"),
        "You put `eps**2` under the root; torch adds eps to the root, `sqrt(s) + eps`. The two agree where either "
        "term is alone, and differ most where both count: there yours divides by less, by up to a factor of sqrt(2). "
        "No constant turns the one into the other.",
    ),
)

# ---- in both rules

SQUARE = (
    Slip(
        "gradient not squared",
        ("grad**2", "grad"),
        "`s` takes in the gradient itself, not its square. Signs then cancel, and where `s` gets negative its root is "
        "not a number. `s` is there to measure size, whatever the sign: square the gradient.",
        hint=GATHER,
    ),
    Slip(
        "absolute value for square",
        ("grad**2", "grad.abs()"),
        "`s` takes in `|grad|`, not `grad**2`. Its root is then in units of the root of the gradient, and the step "
        "would depend on the scale of the loss: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=GATHER,
    ),
    Slip(
        "mean over the elements",
        ("grad**2", "(grad**2).mean()"),
        "The squares are averaged over the elements, so all elements are divided by one number and the rule adapts to "
        "none: {ratio:.3g} times the right step at step {step}. Each element keeps the squares of its own gradients.",
        hint=GATHER,
    ),
    Slip(
        "sum over the elements",
        ("grad**2", "(grad**2).sum()"),
        "The squares are summed over the elements, so all elements are divided by one number, the norm of the whole "
        "gradient: {ratio:.3g} times the right step at step {step}. Each element keeps the squares of its own "
        "gradients.",
        hint=GATHER,
    ),
)

DIVISION = (
    Slip(
        "root forgotten",
        ("s.sqrt()", "s"),
        "You divide by `s` and not by its root: {yours:.3g} at step {step}, expected {expected:.3g}. Without the root "
        "the step is in units of 1/gradient: small gradients give giant steps.",
        hint=LINE,
    ),
    Slip(
        "eps forgotten",
        (" + eps)", ")"),
        "eps is forgotten. It shows where the root is not large beside it: you move {ratio:.3g} times as far as you "
        "should at step {step}. And where a gradient has always been zero, 0/0 makes the parameter NaN.",
        hint=LINE,
    ),
    Slip(
        "eps outside the fraction",
        ("lr * grad / (s.sqrt() + eps)", "lr * (grad / s.sqrt() + eps)"),
        "eps is added to the fraction and not to the root below it: a pair of parentheses around `s.sqrt() + eps` is "
        "missing. It then protects from no division by zero, and pushes every parameter down by `lr * eps` a step.",
        hint=LINE,
    ),
    Slip(
        "eps as a floor",
        ("s.sqrt() + eps", "s.sqrt().clamp(min=eps)"),
        "You take the larger of the root and eps; they are added. Nobody sees it at eps = 1e-8, but with a large eps "
        "it is another rule: at step {step} you move {ratio:.3g} times as far as you should.",
        hint=LINE,
    ),
    Slip(
        "eps gathered in s",
        [("grad**2", "grad**2 + eps"), (" + eps)", ")")],
        "eps is added to the squares and so becomes part of `s`: it is gathered again at every step, and stands under "
        "the root, where 1e-8 acts as 1e-4 or more. Add it to the root, and leave the state without it.",
        hint=LINE,
    ),
    Slip(
        "parentheses around the denominator",
        ("(s.sqrt() + eps)", "s.sqrt() + eps"),
        "Without parentheses Python divides by the root alone and then adds eps to the parameter: {yours:.3g} at step "
        "{step}, expected {expected:.3g}. Write `/ (s.sqrt() + eps)`.",
        hint=LINE,
    ),
    Slip(
        "no division",
        (" / (s.sqrt() + eps)", ""),
        "The step is not divided by the root of `s`: this is gradient descent, {yours:.3g} at step {step} for "
        "{expected:.3g}. The division is what gives every element a rate of its own.",
    ),
    Slip(
        "multiplied by the root",
        ("grad / (s", "grad * (s"),
        "You multiply by the root of `s`, so that large gradients make the step longer still: {yours:.3g} at step "
        "{step}, expected {expected:.3g}. Divide: what has been steep gets a smaller rate.",
    ),
    Slip(
        "gradient missing in the step",
        ("lr * grad / ", "lr / "),
        "The rate is divided by the root, and the gradient itself is left out: every element moves down, whatever its "
        "slope, the flat ones farthest. At step {step} you have {yours:.3g}, expected {expected:.3g}. Multiply by the "
        "gradient.",
        hint=LINE,
    ),
    Slip(
        "eps added to the rate",
        ("lr * grad / (s.sqrt() + eps)", "(lr / s.sqrt() + eps) * grad"),
        "eps is added to the rate, after the division, so that it protects from no division by zero, and every "
        "element gets a little gradient descent on top. It belongs to the root: {yours:.3g} at step {step}, expected "
        "{expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "old s in the step",
        ("(s.sqrt()", "(state[0].sqrt()"),
        "The step divides by the root of the old `s`, before this gradient went in. At the start that is 0, and only "
        "eps is left below the line: {yours:.3g} at step {step} for {expected:.3g}. Update `s` first.",
        hint=LINE,
    ),
    Slip(
        "gradient squared in the step",
        ("lr * grad / ", "lr * grad**2 / "),
        "The square goes into the step as well: its sign is lost, so that every coordinate can only fall. At step "
        "{step} you have {yours:.3g}, expected {expected:.3g}. Only `s` takes the square; the step goes along the "
        "gradient.",
        hint=LINE,
    ),
)

STEP = (
    Slip(
        "sign turned",
        ("param - lr", "param + lr"),
        "You step along the gradient, uphill: {yours:.3g} at step {step}, expected {expected:.3g}. Subtract.",
        hint=LINE,
    ),
    Slip(
        "lr forgotten",
        ("lr * grad", "grad"),
        "lr is not used: you move {ratio:.3g} times as far as you should, which is 1/lr. After the division a step is "
        "about 1 long in every coordinate; lr brings it to the scale of the parameter.",
        hint=LINE,
    ),
)

# ---- AdaGrad

SUM = (
    Slip(
        "mean of the old and the new",
        ("s + grad**2", "(s + grad**2) / 2"),
        "`s` is halved at every step: a mean of the old and the new, which forgets. AdaGrad adds up all squares and "
        "never divides, so that under a constant gradient step t is `lr / sqrt(t)` long; yours would stay near lr.",
        hint=GATHER,
    ),
    Slip(
        "running mean (RMSprop at 0.9)",
        ("s + grad**2", "0.9 * s + 0.1 * grad**2"),
        "`s` is a running mean with 0.9 and 0.1: that is RMSprop. AdaGrad adds up all squares and forgets none, so "
        "its steps only shrink; at step {step} you move {ratio:.3g} times as far as it does.",
        hint=GATHER,
    ),
    Slip(
        "running mean (RMSprop at 0.99)",
        ("s + grad**2", "0.99 * s + 0.01 * grad**2"),
        "`s` is a running mean with 0.99 and 0.01: that is RMSprop. AdaGrad adds up all squares and forgets none, so "
        "its steps only shrink; at step {step} you move {ratio:.3g} times as far as it does.",
        hint=GATHER,
    ),
    Slip(
        "old s forgotten",
        ("s + grad**2", "grad**2"),
        "`s` is the newest square alone, so its root is the size of the gradient and only the sign is left: every "
        "step is about lr long. Step 1 is right; at step {step} {yours:.3g} came for {expected:.3g}. Add to the old "
        "`s`.",
    ),
    Slip(
        "largest square for the sum",
        ("s + grad**2", "s.maximum(grad**2)"),
        "`s` keeps the largest square so far, not their sum: the steps shrink only when a steeper gradient comes. "
        "AdaGrad adds every square, also the small ones: right at step 1, not at step {step}.",
        hint=GATHER,
    ),
    Slip(
        "square around the sum",
        ("s + grad**2", "(s + grad) ** 2"),
        "The old `s` and the gradient are added and then squared: a square of a square at every step, which grows "
        "without bound. Square the gradient alone, and add it: right at step 1, not at step {step}.",
        hint=GATHER,
    ),
    Slip(
        "square subtracted",
        ("s + grad**2", "s - grad**2"),
        "The square is subtracted, so `s` gets negative and its root is not a number. The squares are added up.",
        hint=GATHER,
    ),
)

ADAGRAD_STATE = (
    Slip(
        "old state returned",
        ("AdagradState(s)", "state"),
        "The state comes back as it went in, so each step knows its own gradient alone and is about lr long. Step 1 "
        "is right; at step {step} {yours:.3g} came for {expected:.3g}. Return the new `s`.",
        hint=LINE,
    ),
    Slip(
        "root of s kept",
        ("AdagradState(s)", "AdagradState(s.sqrt())"),
        "The state gets the root of `s`, to which the next square is then added. Step 1 is right, step {step} is not: "
        "keep the sum itself, and take the root where you divide.",
        hint=LINE,
    ),
    Slip(
        "gradient kept for s",
        ("AdagradState(s)", "AdagradState(grad)"),
        "The state gets the gradient and not the new `s`. The next square is added to that, and all before it is "
        "lost: right at step 1, not at step {step}.",
        hint=LINE,
    ),
)

ADAGRAD = SUM + SQUARE + DIVISION + STEP + ADAGRAD_STATE

# ---- RMSprop

MEAN = (
    Slip(
        "s started at the first square",
        ("beta * s + (1 - beta) * grad**2", "beta * s + (1 - beta) * grad**2 if s.any() else grad**2"),
        "The first square goes into `s` whole. The mean starts at 0 here, and in torch, and takes in `1 - beta` of "
        "it: where eps is small its first step is `1 / sqrt(1 - beta)` times as long as yours, ten times at 0.99. At "
        "step {step} you move {ratio:.3g} times as far as you should.",
        hint=GATHER,
    ),
    Slip(
        "s is a sum (AdaGrad)",
        ("beta * s + (1 - beta) * grad**2", "s + grad**2"),
        "`s` adds up all squares and forgets none: that is AdaGrad, whose steps shrink as 1/sqrt(t). RMSprop keeps "
        "the share beta of the old and takes `1 - beta` of the new, so that its steps do not die out.",
        hint=GATHER,
    ),
    Slip(
        "1 - beta forgotten",
        ("(1 - beta) * grad", "grad"),
        "The factor `1 - beta` before the square is forgotten, so `s` is a fading sum, `1 / (1 - beta)` times the "
        "mean. At step {step} you move {ratio:.3g} times as far as you should.",
        hint=GATHER,
    ),
    Slip(
        "old s not damped",
        ("beta * s +", "s +"),
        "The old `s` is kept whole and the new square added to it, so nothing is ever forgotten, as in AdaGrad, and "
        "the steps only shrink. Keep the share beta of the old: step {step} shows it.",
        hint=GATHER,
    ),
    Slip(
        "old s forgotten",
        ("beta * s + ", ""),
        "The old `s` does not enter the new one: the root is then the size of the newest gradient, and all steps are "
        "about equally long. Step 1 is right; at step {step} {yours:.3g} came for {expected:.3g}. Keep beta of the "
        "old `s`.",
    ),
    Slip(
        "weights exchanged",
        ("beta * s + (1 - beta) * grad**2", "(1 - beta) * s + beta * grad**2"),
        "The weights are exchanged: beta is the share of the old mean that is kept, `1 - beta` that of the new "
        "square. With 0.99 yours is nearly the newest square alone: {ratio:.3g} times the right step at step {step}.",
        hint=GATHER,
    ),
    Slip(
        "beta before both",
        ("(1 - beta) * grad", "beta * grad"),
        "Both parts are multiplied by beta, so the weights do not sum to 1: at step {step} you move {ratio:.3g} times "
        "as far as you should. The new square gets the rest, `1 - beta`.",
        hint=GATHER,
    ),
    Slip(
        "beta around the sum",
        ("beta * s + (1 - beta) * grad**2", "beta * (s + (1 - beta) * grad**2)"),
        "beta multiplies the new square as well as the old `s`: at step {step} you move {ratio:.3g} times as far as "
        "you should. Only the old fades; the weights beta and `1 - beta` sum to 1.",
        hint=GATHER,
    ),
    Slip(
        "1 - beta squared too",
        ("(1 - beta) * grad**2", "((1 - beta) * grad) ** 2"),
        "The square goes around `1 - beta` as well, so each gradient enters `s` with `(1 - beta)**2`, too little: at "
        "step {step} you move {ratio:.3g} times as far as you should. Square the gradient alone.",
        hint=LINE,
    ),
    Slip(
        "1 - beta without parentheses",
        ("(1 - beta) * grad", "1 - beta * grad"),
        "Python reads `beta * s + 1 - beta * grad**2` as adding 1 and subtracting beta times the square. Put `1 - "
        "beta` in parentheses: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "s never falls",
        ("beta * s + (1 - beta) * grad**2", "s.maximum(beta * s + (1 - beta) * grad**2)"),
        "Your `s` never falls: the largest mean so far is kept, as AMSGrad does. RMSprop forgets, so that an element "
        "which becomes quiet gets its full step again. Step {step} shows it.",
        hint=GATHER,
    ),
    Slip(
        "divided by 1 - beta",
        ("s.sqrt()", "(s / (1 - beta)).sqrt()"),
        "The mean is divided by `1 - beta` in every step: {ratio:.3g} times the right step at step {step}. It is too "
        "small only at first, by `1 - beta**t`; that correction is Adam's and needs t. Here none is made.",
        hint=LINE,
    ),
    Slip(
        "momentum",
        [("grad**2", "grad"), ("lr * grad / (s.sqrt() + eps)", "lr * s")],
        "`s` averages the gradients, and the step goes along it: that is momentum, {yours:.3g} at step {step} for "
        "{expected:.3g}. RMSprop averages the squares and divides by their root; direction and length are two things.",
    ),
)

RMSPROP_STATE = (
    Slip(
        "old state returned",
        ("RMSpropState(s)", "state"),
        "The state comes back as it went in, so each step knows its own gradient alone, and all are about `lr / "
        "sqrt(1 - beta)` long. Step 1 is right; at step {step} {yours:.3g} came for {expected:.3g}. Return the new "
        "`s`.",
        hint=LINE,
    ),
    Slip(
        "root of s kept",
        ("RMSpropState(s)", "RMSpropState(s.sqrt())"),
        "The state gets the root of `s`, which is then averaged with the next square. Step 1 is right, step {step} is "
        "not: keep the mean of the squares itself, and take the root where you divide.",
        hint=LINE,
    ),
    Slip(
        "gradient kept for s",
        ("RMSpropState(s)", "RMSpropState(grad)"),
        "The state gets the gradient and not the new `s`: the next mean is made from that, and all before it is lost. "
        "Right at step 1, not at step {step}.",
        hint=LINE,
    ),
)

RMSPROP = MEAN + SQUARE + DIVISION + STEP + RMSPROP_STATE
