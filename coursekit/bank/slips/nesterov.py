"""The mistakes that are made in Nesterov's momentum, and the other forms in which it is written."""

from __future__ import annotations

from coursekit.bank.slips.momentum_forms import AVERAGED, SAME_PATH, SCHEDULE
from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, AHEAD, LINE = 1, 2, 3

LINE_OF_V = "    v = beta * v + grad_fn(param - lr * beta * v)\n"
HERE = "    grad = grad_fn(param)\n"

TORCHS = (
    "This is torch's form: the gradient is taken at the parameter, and the step goes along `grad + beta * v`. It is "
    "the same method seen from the point ahead: your parameter is where the other form takes its gradients, so the "
    "other one's is `param + lr * beta * v`, exactly, at a constant rate and from a fresh start, and `v` is the same."
)

FORMS = (
    Convention(
        "torch's form",
        [(LINE_OF_V, HERE + "    v = beta * v + grad\n"), ("param - lr * v", "param - lr * (grad + beta * v)")],
        TORCHS,
    ),
    Convention(
        "torch's form, with lr inside v",
        [(LINE_OF_V, HERE + "    v = beta * v + lr * grad\n"), ("param - lr * v", "param - (lr * grad + beta * v)")],
        f"{TORCHS.replace('lr * beta * v', 'beta * v').replace('and `v` is the same', 'and your `v` has lr inside')} "
        f"{SCHEDULE}",
    ),
    Convention(
        "Keras's form",
        [(LINE_OF_V, HERE + "    v = beta * v - lr * grad\n"), ("param - lr * v", "param + beta * v - lr * grad")],
        "This is Keras's form: the gradient is taken at the parameter, and `v` is a step, lr and sign included. The "
        "same method seen from the point ahead: the other form's parameter is `param - beta * v` in yours, exactly, "
        "at a "
        f"constant rate and from a fresh start. {SCHEDULE}",
    ),
    Convention(
        "velocity form",
        [("+ grad_fn(param - lr * beta * v)", "- lr * grad_fn(param + beta * v)"), ("param - lr * v", "param + v")],
        "This is the form of Sutskever et al. (2013), equations 3 and 4: your `v` is the step itself, `-lr` times the "
        f"one wanted. {SAME_PATH} {SCHEDULE}",
    ),
    Convention(
        "lr inside v",
        [("+ grad_fn(param - lr * beta * v)", "+ lr * grad_fn(param - beta * v)"), ("param - lr * v", "param - v")],
        f"Your `v` has lr inside: it is `lr` times the one wanted. {SAME_PATH} {SCHEDULE}",
    ),
    Convention("averaged", ("+ grad_fn", "+ (1 - beta) * grad_fn"), AVERAGED),
)

LOOKING = (
    Slip(
        "no look-ahead (heavy ball)",
        ("param - lr * beta * v", "param"),
        "The gradient is taken at the parameter itself: that is the heavy ball. From a fresh start the first step is "
        "the same, at step {step} you move {ratio:.3g} times as far as you should. Nesterov asks for the gradient "
        "where the old `v` is about to lead, and so brakes before it has gone too far.",
    ),
    Slip(
        "beta missing in the look-ahead",
        ("lr * beta * v", "lr * v"),
        "You look ahead by `lr * v`; the old `v` will only be kept to the share beta, so it leads to `param - lr * "
        "beta * v`. Right at step 1, where `v` is zero; at step {step} you move {ratio:.3g} times as far as you "
        "should.",
        hint=AHEAD,
    ),
    Slip(
        "lr missing in the look-ahead",
        ("lr * beta * v", "beta * v"),
        "You look ahead by `beta * v`, without lr: 1/lr times too far. `v` is in units of the gradient, and a "
        "parameter moves by lr times that. Step {step} shows it: {yours:.3g} for {expected:.3g}.",
        hint=AHEAD,
    ),
    Slip(
        "look-ahead by v alone",
        ("lr * beta * v", "v"),
        "You look ahead by the whole `v`: neither lr nor beta stands there. `v` is in units of the gradient; what it "
        "moves the parameter by, before any new gradient, is `lr * beta * v`.",
        hint=AHEAD,
    ),
    Slip(
        "1 - beta in the look-ahead",
        ("lr * beta * v", "lr * (1 - beta) * v"),
        "You look ahead by `lr * (1 - beta) * v`. The share of `v` that is kept is beta: it leads to `param - lr * "
        "beta * v`. At step {step} you move {ratio:.3g} times as far as you should.",
        hint=AHEAD,
    ),
    Slip(
        "look-ahead behind",
        ("param - lr * beta", "param + lr * beta"),
        "You look behind: `v` is subtracted in the step, so what it leads to is `param - lr * beta * v`, and yours "
        "has a plus. It speeds up where it should brake: {ratio:.3g} times the right step at step {step}.",
        hint=AHEAD,
    ),
    Slip(
        "step from the point ahead",
        [
            ("    v = beta", "    ahead = param - lr * beta * v\n    v = beta"),
            ("grad_fn(param - lr * beta * v)", "grad_fn(ahead)"),
            ("param - lr * v", "ahead - lr * v"),
        ],
        "The step starts from the point ahead, and `v` holds that way already, so `lr * beta * v` is walked twice: at "
        "step {step} you move {ratio:.3g} times as far as you should. Look ahead for the gradient, then step from the "
        "parameter. (From the point ahead the step would be lr times the gradient alone.)",
        hint=LINE,
    ),
    Slip(
        "look-ahead along the gradient",
        ("param - lr * beta * v", "param - lr * grad_fn(param)"),
        "You look ahead by a step of gradient descent (the extragradient method), and ask for a second gradient "
        "there. Nesterov looks ahead along the old `v`, which costs nothing: {yours:.3g} at step {step}, expected "
        "{expected:.3g}.",
        hint=AHEAD,
    ),
    Slip(
        "look-ahead with the new gradient",
        ("param - lr * beta * v", "param - lr * (beta * v + grad_fn(param))"),
        "You look ahead by the whole step of the heavy ball, its gradient at the parameter included. Before the new "
        "gradient is known only the old `v` can lead: `param - lr * beta * v`. Step {step} shows it.",
        hint=AHEAD,
    ),
    Slip(
        "looked ahead twice",
        [
            (LINE_OF_V, "    grad = grad_fn(param - lr * beta * v)\n    v = beta * v + grad\n"),
            ("param - lr * v", "param - lr * (grad + beta * v)"),
        ],
        "The two forms are mixed: the gradient is taken ahead, and the step goes along torch's `grad + beta * v` as "
        "well. One of them is enough; at step {step} you move {ratio:.3g} times as far as you should. With the "
        "gradient taken ahead the step is `lr * v`.",
        hint=LINE,
    ),
    Slip(
        "torch's step without its gradient",
        [(LINE_OF_V, HERE + "    v = beta * v + grad\n"), ("param - lr * v", "param - lr * beta * v")],
        "You step along `beta * v`, with the new `v` and the gradient at the parameter: torch's form without the "
        "gradient that it adds. At step {step} you move {ratio:.3g} times as far as you should.",
        hint=LINE,
    ),
)

STEPPING = (
    Slip(
        "sign turned",
        ("param - lr * v", "param + lr * v"),
        "You step along `v`, uphill: {yours:.3g} at step {step}, expected {expected:.3g}. `v` is made of gradients; "
        "subtract it.",
        hint=LINE,
    ),
    Slip(
        "lr forgotten",
        ("lr * v\n", "v\n"),
        "The step is not multiplied by lr: you move {ratio:.3g} times as far as you should at step {step}, which is "
        "1/lr. What is in `v` says which way and how steep, lr how far.",
        hint=LINE,
    ),
    Slip(
        "lr twice",
        ("+ grad_fn", "+ lr * grad_fn"),
        "lr stands in `v` and in the step: you move {ratio:.3g} times as far as you should at step {step}, which is "
        "lr. Keep it in the step and in the look-ahead.",
        hint=LINE,
    ),
    Slip(
        "old v in the step",
        ("lr * v\n", "lr * state[0]\n"),
        "The step uses the `v` of the state, before the gradient ahead went in: {yours:.3g} at step {step}, expected "
        "{expected:.3g}. Take that gradient into `v` first, then step along the new one.",
        hint=LINE,
    ),
    Slip(
        "gradient in place of v",
        [
            (LINE_OF_V, "    grad = grad_fn(param - lr * beta * v)\n    v = beta * v + grad\n"),
            ("lr * v\n", "lr * grad\n"),
        ],
        "The step goes along the gradient ahead alone, and what was gathered in `v` does not move you. The first step "
        "cannot tell; at step {step} you move {ratio:.3g} times as far as you should. Step along `v`.",
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

GATHERING = (
    Slip(
        "old v not damped",
        ("v = beta * v +", "v = v +"),
        "The old `v` is added whole, so no gradient is ever forgotten; beta stands only in the look-ahead. `v` keeps "
        "the share beta of itself: right at step 1, {ratio:.3g} times as far as it should be at step {step}.",
        hint=LINE,
    ),
    Slip(
        "old v forgotten",
        ("v = beta * v +", "v ="),
        "The old `v` does not enter the new one, only the look-ahead: at step {step} you move {ratio:.3g} times as "
        "far as you should. `v` keeps beta of itself and takes the new gradient in.",
    ),
    Slip(
        "1 - beta for beta",
        ("v = beta * v +", "v = (1 - beta) * v +"),
        "The old `v` is kept with the share `1 - beta`; beta itself is the share that is kept. With 0.9 yours forgets "
        "nine tenths at each step: {ratio:.3g} times the right step at step {step}.",
        hint=LINE,
    ),
    Slip(
        "beta around the sum",
        [("v = beta * v + grad_fn", "v = beta * (v + grad_fn"), ("lr * beta * v)", "lr * beta * v))")],
        "beta multiplies the new gradient as well as the old `v`: you move {ratio:.3g} times as far as you should at "
        "step {step}. Only the old fades.",
        hint=LINE,
    ),
    Slip(
        "memory subtracted",
        ("v = beta * v +", "v = -beta * v +"),
        "The old `v` is subtracted from the new gradient: each step takes back part of the last, where it should go "
        "on. Right at step 1, {yours:.3g} for {expected:.3g} at step {step}. Add `beta * v`.",
        hint=LINE,
    ),
    Slip(
        "gradient subtracted in v",
        ("+ grad_fn", "- grad_fn"),
        "The gradient is subtracted in `v`, and `v` is subtracted from the parameter: two minus signs, and the step "
        "goes uphill. At step {step} you have {yours:.3g}, expected {expected:.3g}.",
        hint=LINE,
    ),
    Slip(
        "old state returned",
        ("MomentumState(v)", "state"),
        "The state comes back as it went in, so `v` starts anew at each step, and there is nothing to look ahead "
        "along. The first step is right; at step {step} you move {ratio:.3g} times as far as you should. Return the "
        "new `v`.",
        hint=LINE,
    ),
    Slip(
        "step kept for v",
        ("MomentumState(v)", "MomentumState(lr * v)"),
        "The state gets `lr * v`, the step, and not `v`; next time lr is multiplied in once more, so that the past "
        "counts `lr` times too little. Step {step} shows it. Keep `v` as it is.",
        hint=LINE,
    ),
)

VELOCITY = (
    Slip(
        "velocity form, no look-ahead",
        [("+ grad_fn(param - lr * beta * v)", "- lr * grad_fn(param)"), ("param - lr * v", "param + v")],
        "The gradient is taken at the parameter itself: that is the heavy ball, with a `v` that is the step. Nesterov "
        "takes it ahead, where the old `v` is about to lead, at `param + beta * v` in your form: {yours:.3g} at step "
        "{step}, expected {expected:.3g}.",
    ),
    Slip(
        "lr inside v, no look-ahead",
        [("+ grad_fn(param - lr * beta * v)", "+ lr * grad_fn(param)"), ("param - lr * v", "param - v")],
        "The gradient is taken at the parameter itself: that is the heavy ball, with lr inside `v`. Nesterov takes it "
        "ahead, where the old `v` is about to lead, at `param - beta * v` in your form: {yours:.3g} at step {step}, "
        "expected {expected:.3g}.",
    ),
    Slip(
        "velocity form, look-ahead behind",
        [("+ grad_fn(param - lr * beta * v)", "- lr * grad_fn(param - beta * v)"), ("param - lr * v", "param + v")],
        "Your `v` is a step and is added, so it leads to `param + beta * v`; you take the gradient at `param - beta * "
        "v`, behind. Right at step 1, where `v` is zero; at step {step} {yours:.3g} came for {expected:.3g}.",
        hint=AHEAD,
    ),
    Slip(
        "lr inside v, look-ahead behind",
        [("+ grad_fn(param - lr * beta * v)", "+ lr * grad_fn(param + beta * v)"), ("param - lr * v", "param - v")],
        "Your `v` has lr inside and is subtracted, so it leads to `param - beta * v`; you take the gradient at `param "
        "+ beta * v`, behind. Right at step 1, where `v` is zero; at step {step} {yours:.3g} came for {expected:.3g}.",
        hint=AHEAD,
    ),
    Slip(
        "velocity form, from the point ahead",
        [
            ("    v = beta", "    ahead = param + beta * v\n    v = beta"),
            ("+ grad_fn(param - lr * beta * v)", "- lr * grad_fn(ahead)"),
            ("param - lr * v", "ahead + v"),
        ],
        "The step starts from the point ahead, and your `v` holds the way to it already, so `beta * v` is walked "
        "twice: {yours:.3g} at step {step}, expected {expected:.3g}. Look ahead for the gradient, then step from the "
        "parameter.",
        hint=LINE,
    ),
    Slip(
        "velocity form, subtracted",
        [("+ grad_fn(param - lr * beta * v)", "- lr * grad_fn(param + beta * v)"), ("param - lr * v", "param - v")],
        "Two forms are mixed: your `v` is made as a step downhill, with `- lr`, and then subtracted. So the step goes "
        "uphill, {yours:.3g} at step {step}, expected {expected:.3g}. Make `v` of gradients as they are, and subtract "
        "`lr * v`.",
        hint=LINE,
    ),
)

NESTEROV = LOOKING + STEPPING + GATHERING + VELOCITY
