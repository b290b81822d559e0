"""The other forms in which momentum is written: summed or averaged, with lr and the sign in the step or in v."""

from __future__ import annotations

from coursekit.exercise import Convention, Slip

SUMMED = (
    "The gradient goes into your `v` whole: the summed form, torch's. The averaged form takes `(1 - beta) * grad`. At "
    "the rate `lr * (1 - beta)` yours walks the averaged path at `lr`; at an equal rate its steps are `1 / (1 - "
    "beta)` times as long."
)
AVERAGED = (
    "The gradient goes into your `v` with the factor `1 - beta`: the averaged form, that of `momentum`. The summed "
    "form takes `grad` whole. At the rate `lr / (1 - beta)` yours walks the summed path at `lr`; at an equal rate its "
    "steps are `1 - beta` times as long."
)
SAME_PATH = "At a constant rate the path from a fresh start is the same."
SCHEDULE = (
    "When lr changes, what is in `v` keeps the lr that it came in with, unless the beta before the old `v` is "
    "replaced by `beta * lr_now / lr_before`."
)
DOWNHILL = (
    "Your `v` points downhill, and is added. The path from a fresh start is the same; your `v` is `-1` times the one "
    "that is wanted, which is made of gradients as they are."
)
# Name, sign and factor before the gradient, what is done with v, words.
FORMS = (
    (
        "velocity form",
        "- lr * ",
        "param + v",
        f"Your `v` is the step itself: `-lr` times the one wanted. {SAME_PATH} {SCHEDULE}",
    ),
    (
        "lr inside v",
        "+ lr * ",
        "param - v",
        f"Your `v` has lr inside: it is `lr` times the one wanted. {SAME_PATH} {SCHEDULE}",
    ),
    ("v points downhill", "- ", "param + lr * v", DOWNHILL),
)


def other_forms(own: str, other: str, name: str, words: str) -> tuple[Convention, ...]:
    """Seven other ways to write a form of momentum, which takes `own` into v where the other form takes `other`."""
    found = [Convention(name, (f"+ {own}", f"+ {other}"), words)]
    for share, prefix, more in ((own, "", ""), (other, f"{name}, ", f"{words} Besides: ")):
        for form, sign, step, about in FORMS:
            change = [(f"+ {own}", f"{sign}{share}"), ("param - lr * v", step)]
            about = about[0].lower() + about[1:] if more else about
            found.append(Convention(prefix + form, change, more + about))
    return tuple(found)


def scaled(own: str, other: str, name: str, factor: str, size: str) -> Convention:
    """The other form's v, with a step that makes up for it."""
    words = (
        f"Your `v` is {size} times the one that is wanted, and the step makes up for it with `lr {factor}`. The path "
        "from a fresh start is the same; the state that comes back is not."
    )
    return Convention(name, [(f"+ {own}", f"+ {other}"), ("lr * v", f"lr {factor} * v")], words)


MOMENTUM_FORMS = (
    *other_forms("(1 - beta) * grad", "grad", "summed (heavy ball)", SUMMED),
    scaled("(1 - beta) * grad", "grad", "sum, scaled in the step", "* (1 - beta)", "a sum, `1 / (1 - beta)`"),
)
HEAVY_BALL_FORMS = (
    *other_forms("grad", "(1 - beta) * grad", "averaged", AVERAGED),
    scaled("grad", "(1 - beta) * grad", "mean, scaled in the step", "/ (1 - beta)", "a mean, `1 - beta`"),
)


def uphill(own: str) -> tuple[Slip, ...]:
    """Two forms mixed, so that the signs no longer fit; `own` is what the form takes into v."""
    return (
        Slip(
            "velocity form, subtracted",
            [(f"+ {own}", f"- lr * {own}"), ("param - lr * v", "param - v")],
            "Two forms are mixed: your `v` is made as a step downhill, with `- lr`, and then subtracted, so the step "
            "goes uphill: {yours:.3g} at step {step}, expected {expected:.3g}. Make `v` of gradients as they are, and "
            "subtract `lr * v`.",
            hint=3,
        ),
        Slip(
            "lr inside v, added",
            [(f"+ {own}", f"+ lr * {own}"), ("param - lr * v", "param + v")],
            "Two forms are mixed: your `v` holds lr times the gradients, which point uphill, and is then added: "
            "{yours:.3g} at step {step}, expected {expected:.3g}. Make `v` of gradients as they are, and subtract `lr "
            "* v`.",
            hint=3,
        ),
    )
