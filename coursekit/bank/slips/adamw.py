"""The mistakes that are made with weight decay under Adam: in the gradient, beside it, and in the rule around it."""

from __future__ import annotations

from dataclasses import replace

from coursekit.bank.slips.adam import SLIPS as ADAMS
from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, DECAY, LINE = 1, 2, 3

# Adam's mistakes that are made again where decay is added to it.
AGAIN = frozenset(
    {
        "no_bias_correction",
        "m_not_corrected",
        "v_not_corrected",
        "t_from_0",
        "t_not_advanced",
        "t_not_handed_on",
        "t_always_1",
        "correction_with_beta_t",
        "correction_without_t",
        "v_corrected_with_beta1",
        "v_corrected_outside_the_root",
        "m_corrected_with_beta2",
        "corrected_means_stored",
        "old_state_returned",
        "beta1_and_beta2_exchanged",
        "v_averaged_with_beta1",
        "m_averaged_with_beta2",
        "weights_of_m_exchanged",
        "weights_of_v_exchanged",
        "1_beta1_forgotten",
        "1_beta2_forgotten",
        "gradient_not_squared",
        "root_forgotten",
        "parentheses_around_the_denominator",
        "sign_turned",
    }
)
OF_ADAM = tuple(slip for slip in ADAMS if slip.id in AGAIN)

# Beside a decay, which moves the parameter as well, the ratio of two moves says nothing of Adam's step.
RATIO = "you move {ratio:.3g} times as far as you should"
NUMBERS = "you have moved by {yours:.3g}, not by {expected:.3g}"

# ---- the decay in the gradient

PENALTY = "    grad = grad + weight_decay * param\n"
STEP = "param - lr * m_hat / (v_hat.sqrt() + eps)"

TWICE = (
    Convention(
        "penalty without the half",
        ("+ weight_decay", "+ 2 * weight_decay"),
        "You add `2 * weight_decay * param`, the gradient of the penalty `weight_decay * sum(param**2)`; torch's "
        "`weight_decay` is that of half of it, `weight_decay / 2 * sum(param**2)`. Both are in use: yours at a value "
        "of lam is this rule, and torch's, at `weight_decay = 2 * lam`, exactly.",
    ),
)

BESIDE = (
    Slip(
        "decoupled (AdamW)",
        [(PENALTY, ""), ("param - lr", "(1 - lr * weight_decay) * param - lr")],
        "The decay stands beside the step, as `1 - lr * weight_decay`, and the gradient does not have it: that is "
        "AdamW. Here it is part of the gradient, goes through both means and is divided with them: {ratio:.3g} times "
        "the right step at step {step}.",
    ),
    Slip(
        "decoupled, after the step",
        [(PENALTY, ""), (STEP, f"(1 - lr * weight_decay) * ({STEP})")],
        "The parameter is shrunk by `1 - lr * weight_decay` after Adam's step: decoupled decay, nearly AdamW. Here "
        "the decay is part of the gradient, goes through both means and is divided with them.",
    ),
    Slip(
        "decay both ways",
        ("param - lr", "(1 - lr * weight_decay) * param - lr"),
        "The decay is in the gradient and beside the step as well: L2 and AdamW at once. At step {step} you move "
        "{ratio:.3g} times as far as you should. This rule has it in the gradient alone.",
        hint=DECAY,
    ),
    Slip(
        "decay after the means",
        [(PENALTY, ""), ("lr * m_hat /", "lr * (m_hat + weight_decay * param) /")],
        "The decay is added to `m_hat`, after the means were made, so neither `m` nor `v` knows of it. The gradient "
        "of the penalty is added first, in torch too, before anything is averaged. Yours makes {ratio:.3g} times the "
        "right step at step {step}.",
        hint=DECAY,
    ),
    Slip(
        "decay in m alone",
        [(PENALTY, ""), ("(1 - beta1) * grad", "(1 - beta1) * (grad + weight_decay * param)")],
        "The decay goes into `m`, and `v` averages the squares of the bare gradient. The penalty's gradient is part "
        "of the gradient for both means: {ratio:.3g} times the right step at step {step}.",
        hint=DECAY,
    ),
    Slip(
        "decay in v alone",
        [(PENALTY, ""), ("grad**2", "(grad + weight_decay * param) ** 2")],
        "The decay goes into `v`, and `m` averages the bare gradient: the step gets shorter where the weight is "
        "large, and nothing pulls it to 0. The penalty's gradient is part of the gradient for both means.",
        hint=DECAY,
    ),
    Slip(
        "decay added to m whole",
        [(PENALTY, ""), ("(1 - beta1) * grad", "(1 - beta1) * grad + weight_decay * param")],
        "The decay is added to `m` beside the gradient, without its share `1 - beta1`: in the end it counts `1 / (1 - "
        "beta1)` times as much, and `v` does not have it. Add it to the gradient, before the means.",
        hint=DECAY,
    ),
    Slip(
        "no decay (Adam)",
        (PENALTY, ""),
        "weight_decay is not used: this is Adam. The penalty pulls every weight towards 0, with a gradient of its "
        "own, which is added to that of the loss: {ratio:.3g} times the right step at step {step}.",
    ),
)

GRADIENT = (
    Slip(
        "sign of the decay turned",
        ("+ weight_decay", "- weight_decay"),
        "The decay is subtracted from the gradient, so that the step pushes every weight away from 0. It is a slope "
        "of its own, uphill where the weight is large: add it, the step goes against it.",
        hint=DECAY,
    ),
    Slip(
        "half of the decay",
        ("weight_decay * param", "weight_decay / 2 * param"),
        "Half of the decay is added. The half stands in the penalty, `weight_decay / 2 * sum(param**2)`, and its "
        "gradient has lost it to the 2 of the square: `weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "lr in the decay",
        ("+ weight_decay", "+ lr * weight_decay"),
        "The decay is multiplied by lr before it goes into the gradient, and with the whole step once more. So yours "
        "hardly decays: {ratio:.3g} times the right step at step {step}. The rate belongs to the step alone.",
        hint=DECAY,
    ),
    Slip(
        "penalty in place of its gradient",
        ("weight_decay * param", "weight_decay * (param**2).sum()"),
        "The penalty itself, one number, is added to every element of the gradient. What is wanted is its slope, for "
        "each element its own: `weight_decay * param`. Yours pushes weights down that are at 0 already.",
        hint=DECAY,
    ),
    Slip(
        "square of the parameter",
        ("weight_decay * param", "weight_decay * param**2"),
        "The square of the parameter is added, the penalty before the derivative is taken. A square has no sign: a "
        "negative weight would be pushed further down. The derivative is `weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "sign of the parameter (L1)",
        ("weight_decay * param", "weight_decay * param.sign()"),
        "The sign of the parameter is added: that is the L1 penalty, which pulls at small and large weights alike. L2 "
        "pulls in proportion to the weight: `weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "parameter missing in the decay",
        ("weight_decay * param", "weight_decay"),
        "weight_decay alone is added, the same pull for every weight, and always downwards. It is a share of the "
        "weight: `weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "gradient lost",
        ("grad + weight_decay", "weight_decay"),
        "The gradient is replaced by that of the penalty, so the loss has no say, and every weight runs to 0. The two "
        "are added: {yours:.3g} at step {step}, expected {expected:.3g}.",
        hint=DECAY,
    ),
    Slip(
        "gradient in place of the parameter",
        ("weight_decay * param", "weight_decay * grad"),
        "weight_decay multiplies the gradient, which makes it `1 + weight_decay` times as long; dividing by its size "
        "takes that away again, and nothing decays. The pull comes from the parameter: `weight_decay * param`.",
        hint=DECAY,
    ),
)

LR = Slip(
    "lr forgotten",
    ("lr * m_hat", "m_hat"),
    "Adam's step is not multiplied by lr: {yours:.3g} at step {step}, expected {expected:.3g}. After the division a "
    "step is about 1 long in every coordinate; lr brings it to the scale of the parameter.",
    hint=LINE,
)

EPS = Slip(
    "eps forgotten",
    (" + eps)", ")"),
    "eps is forgotten. It shows where the gradient is not large beside it: {yours:.3g} at step {step}, expected "
    "{expected:.3g}. And where a gradient has always been zero, 0/0 makes the weight NaN.",
    hint=LINE,
)

ADAM_L2 = (*BESIDE, *GRADIENT, LR, EPS, *OF_ADAM)

# ---- the decay beside the gradient

SHRUNK = "(1 - lr * weight_decay) * param"
INTO_GRAD = ("    m = beta1", f"{PENALTY}    m = beta1")

AFTER = (
    Convention(
        "decay after the step",
        [(f"{SHRUNK} - lr", "(1 - lr * weight_decay) * (param - lr"), ("+ eps)", "+ eps))")],
        "You shrink the parameter after the step, and so the step with it; the paper and torch shrink the old "
        "parameter alone. The difference is small, and exact numbers convert it: yours is AdamW with its lr at `lr * "
        "(1 - lr * weight_decay)` and its weight_decay at `weight_decay / (1 - lr * weight_decay)`.",
    ),
)

COUPLED = (
    Slip(
        "decay in the gradient (L2)",
        [INTO_GRAD, (SHRUNK, "param")],
        "The decay is added to the gradient: that is Adam with L2, `adam_l2`. It then goes through both means and is "
        "divided by the root of `v_hat`, so that a weight with large gradients hardly decays. AdamW shrinks every "
        "weight by the same share, beside the step: `1 - lr * weight_decay`.",
    ),
    Slip(
        "decay both ways",
        INTO_GRAD,
        "The decay is in the gradient and beside the step as well: L2 and AdamW at once. At step {step} you move "
        "{ratio:.3g} times as far as you should. Decoupled means that the gradient does not have it.",
    ),
    Slip(
        "decay divided as well",
        [(SHRUNK, "param"), ("lr * m_hat /", "lr * (m_hat + weight_decay * param) /")],
        "The decay is added to `m_hat` and then divided by the root of `v_hat` with it, so it is no longer the same "
        "share for every weight. It stands beside that quotient: {ratio:.3g} times the right step at step {step}.",
        hint=DECAY,
    ),
    Slip(
        "decay in m alone",
        [("(1 - beta1) * grad", "(1 - beta1) * (grad + weight_decay * param)"), (SHRUNK, "param")],
        "The decay goes into `m` with the gradient, though not into `v`. In AdamW neither of the means has it: the "
        "parameter is shrunk beside the step, by `1 - lr * weight_decay`.",
    ),
    Slip(
        "no decay (Adam)",
        (SHRUNK, "param"),
        "weight_decay is not used: this is Adam. AdamW first shrinks the old parameter, by the factor `1 - lr * "
        "weight_decay`: {ratio:.3g} times the right step at step {step}.",
    ),
)

SHARE = (
    Slip(
        "decay without lr",
        ("lr * weight_decay", "weight_decay"),
        "The parameter is shrunk by `1 - weight_decay`, without lr: 1/lr times as much, a thousand times at lr = "
        "1e-3, and a schedule of lr does not reach it. The paper's own lambda is meant so: yours at a value of lam is "
        "AdamW, and torch's, at `weight_decay = lam / lr`.",
        hint=DECAY,
    ),
    Slip(
        "lr twice in the decay",
        ("lr * weight_decay", "lr * lr * weight_decay"),
        "lr stands twice in the decay, `lr * lr * weight_decay`, so at lr = 1e-3 a thousandth of it is left. Was the "
        "decay multiplied by lr, and then with the step once more? Once is right.",
        hint=DECAY,
    ),
    Slip(
        "exponential for the share",
        ("1 - lr * weight_decay", "2.718281828459045 ** (-lr * weight_decay)"),
        "The parameter is multiplied by `exp(-lr * weight_decay)`. That is close to `1 - lr * weight_decay` while the "
        "share is small, and is another number: {yours:.6g} for {expected:.6g}. A step takes the share, once.",
        hint=DECAY,
    ),
    Slip(
        "decay of m",
        [("(1 - lr * weight_decay) * param", "param"), ("beta1 * m", "beta1 * m * (1 - lr * weight_decay)")],
        "The running mean of the gradient is shrunk, and the parameter is not. Decay is for the weights: they are what "
        "is to stay small.",
        hint=DECAY,
    ),
    Slip(
        "decay corrected for bias",
        ("lr * weight_decay", "lr / (1 - beta1**t) * weight_decay"),
        "The corrected rate `lr / (1 - beta1**t)` multiplies the decay too: in the first step the weights shrink "
        "`1 / (1 - beta1)` times as much as they should. The decay takes plain lr.",
        hint=DECAY,
    ),
    Slip(
        "twice the decay",
        ("lr * weight_decay", "2 * lr * weight_decay"),
        "The decay is doubled, as in the gradient of `weight_decay * sum(param**2)`. Decoupled decay is the "
        "derivative of no penalty: it is the share that a step takes, `lr * weight_decay`. Yours at a value of lam is "
        "AdamW at `weight_decay = 2 * lam`.",
        hint=DECAY,
    ),
    Slip(
        "sign of the decay turned",
        ("1 - lr * weight_decay", "1 + lr * weight_decay"),
        "The parameter grows by `1 + lr * weight_decay` at every step: growth in place of decay, without bound where "
        "the gradient is small. What is left is `1 - lr * weight_decay`.",
        hint=DECAY,
    ),
    Slip(
        "what is taken for what is left",
        (SHRUNK, "lr * weight_decay * param"),
        "The parameter is multiplied by `lr * weight_decay`, the share that is to be taken away: nearly all of it is "
        "lost at once. What is left is one minus that share.",
        hint=DECAY,
    ),
    Slip(
        "parentheses around 1 - lr * weight_decay",
        (SHRUNK, "1 - lr * weight_decay * param"),
        "Without its parentheses the factor falls apart: 1 is added and `lr * weight_decay * param` subtracted, and "
        "the old parameter itself is lost. At step {step} you have {yours:.3g}, expected {expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "parameter missing in the decay",
        (SHRUNK, "param - lr * weight_decay"),
        "`lr * weight_decay` is subtracted from every weight, large or small, positive or negative. The decay is a "
        "share of the weight: `lr * weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "sign of the parameter (L1)",
        (SHRUNK, "param - lr * weight_decay * param.sign()"),
        "Every weight is moved towards 0 by the same length, `lr * weight_decay`: that is L1 decay. AdamW takes the "
        "same share of every weight: `lr * weight_decay * param`.",
        hint=DECAY,
    ),
    Slip(
        "decay of the step",
        (f"{SHRUNK} - lr", "param - (1 - lr * weight_decay) * lr"),
        "The factor `1 - lr * weight_decay` stands before the step, so the step is shortened and the weight does not "
        "decay: with a gradient of zero nothing moves. It belongs before the old parameter.",
        hint=DECAY,
    ),
)

ADAMW = (*COUPLED, *SHARE, LR, EPS, *(replace(slip, message=slip.message.replace(RATIO, NUMBERS)) for slip in OF_ADAM))
