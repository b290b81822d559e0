"""What can be said when no known mistake gives the numbers: how arguments, state and cases are treated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from coursekit.exercise import Slip
from coursekit.judging.compare import compare
from coursekit.judging.ranges import always_same, coarse, some_inputs
from coursekit.judging.ratios import Said, close, factor, numbers, offset, shape_of
from coursekit.probe.cases import Outcome, Steps
from coursekit.probe.running import run_case, state_names

if TYPE_CHECKING:
    from coursekit.judging.judge import Prepared


def find(prepared: Prepared, outcomes: list[Outcome]) -> Slip | None:
    """The first relation that holds, as a slip with its words; None when there is none."""
    if not prepared.by_value:
        return None
    for relation in RELATIONS:
        if found := relation(prepared, outcomes):
            return Slip(found[0], [], found[1].replace("{", "{{").replace("}", "}}"))
    return None


def nothing_done(prepared: Prepared, outcomes: list[Outcome]) -> Slip | None:
    """An update rule with a state that gives both back as they were given."""
    judged = [(case, o) for case, o in zip(prepared.cases, outcomes, strict=True) if case.judged]
    for case, outcome in judged:
        if (
            not isinstance(case, Steps)
            or not case.state
            or outcome.fault
            or not bool((outcome.value["path"] == case.param).all())
        ):
            return None
        if any(
            not torch.equal(torch.as_tensor(outcome.value["state"][n]), torch.as_tensor(x))
            for n, x in case.state.items()
        ):
            return None
    words = "What comes back is what came in: nothing is computed yet. The new parameter and the new state are wanted."
    return Slip("nothing computed", [], words) if judged else None


def _not_repeatable(prepared: Prepared, outcomes: list[Outcome]) -> Said:
    """The first case is run once more as the last: does it give the same?"""
    first, last = outcomes[0], outcomes[-1]
    if compare(prepared.cases[0], first, last, nan=True) is None or not (first.fault is None or last.fault is None):
        return None
    words = "The same call gives another result the second time: something is kept between calls (a global name, an "
    return (
        "kept between calls",
        words + "attribute, a changed default argument). Everything it needs must come in as arguments.",
    )


def _ignored(prepared: Prepared, outcomes: list[Outcome]) -> Said:
    """Cases that differ from the first in one hyperparameter alone: does the answer see it?"""
    first = prepared.cases[0]
    if not isinstance(first, Steps) or outcomes[0].fault:
        return None
    names = []
    for case, want, have in zip(prepared.cases, prepared.expected, outcomes, strict=True):
        if not isinstance(case, Steps) or case.varies not in first.hyper or have.fault or want.fault:
            continue
        n = case.steps + 1
        same = torch.equal(have.value["path"], outcomes[0].value["path"][:n])
        if _right_elsewhere(prepared, outcomes, case.varies, first.hyper[case.varies]):
            continue
        if same and not torch.equal(want.value["path"], prepared.expected[0].value["path"][:n]):
            names.append((case.varies, f"{first.hyper[case.varies]:g} to {case.hyper[case.varies]:g}"))
    if not names:
        return None
    which = " and ".join(f"`{name}`" for name, _ in names)
    words = f"The result does not depend on {which}: it stays the same when `{names[0][0]}` goes from {names[0][1]}. "
    title = f"{' and '.join(name for name, _ in names)} not used"
    return title, words + "Is it left out, or is a number in its place?"


def _right_elsewhere(prepared: Prepared, outcomes: list[Outcome], name: str, value: float) -> bool:
    """Whether a judged case with another value of this hyperparameter is right: then it is used there."""
    for case, want, have in zip(prepared.cases, prepared.expected, outcomes, strict=True):
        if case.judged and isinstance(case, Steps) and case.hyper[name] != value and compare(case, want, have) is None:
            return True
    return False


def _state_lost(prepared: Prepared, outcomes: list[Outcome]) -> Said:
    """The reference with its state lost or mixed up between steps: does it give these numbers?"""
    answer = prepared.exercise.answer
    State = getattr(answer, "State", None)
    if State is None or not State._fields:
        return None

    def forgetful(param: Tensor, grad: Any, state: Any, **hyper: Any):
        return answer(param, grad, state, **hyper)[0], state

    def fresh_every_step(param: Tensor, grad: Any, state: Any, **hyper: Any):
        return answer(param, grad, answer.init(param), **hyper)

    words = "The state that comes back is the one that went in, so every step forgets the last. Return the new one."
    if _gives(prepared, forgetful, outcomes):
        return "state not carried", words
    words = "The state that comes in is not used: each step is computed as if it were the first."
    if _gives(prepared, fresh_every_step, outcomes):
        return "state not read", words
    tensors = [name for name in State._fields if name != "t"]
    for a, b in ((a, b) for i, a in enumerate(tensors) for b in tensors[i + 1 :]):
        order = ", ".join(State._fields)
        words = f"The new `{a}` and `{b}` come back in each other's places: the state's fields are ({order})."
        if _gives(prepared, _exchanged(answer, a, b), outcomes):
            return f"{a} and {b} returned in exchanged order", words
    return None


def _exchanged(answer: Any, a: str, b: str) -> Callable[..., Any]:
    def exchanged(param: Tensor, grad: Any, state: Any, **hyper: Any):
        param, new = answer(param, grad, state, **hyper)
        return param, new._replace(**{a: getattr(new, b), b: getattr(new, a)})

    return exchanged


def _gives(prepared: Prepared, function: Callable[..., Any], outcomes: list[Outcome]) -> bool:
    names = state_names(prepared.states)
    pairs = [(c, o) for c, o in zip(prepared.cases, outcomes, strict=True) if c.judged]
    return all(compare(case, run_case(function, case, names), outcome, nan=True) is None for case, outcome in pairs)


VARIED = {
    "shape": ("wrong for two dimensions", "Right for a vector, and wrong for the same numbers as a matrix"),
    "0-d": ("wrong for a single number", "Right for a vector, and wrong for one of its elements as a 0-d tensor"),
    "float32": ("wrong in float32", "Right in float64, and wrong for the same numbers in float32"),
    "state": ("wrong from a later state", "Right from a fresh start, and wrong from a state in which steps were taken"),
    "cuda": ("wrong on the GPU", "Right on the CPU, and wrong for the same numbers on the GPU"),
}


REVERSED = {
    "shape": ("wrong for a vector", "Right for a matrix, and wrong for the same numbers as a vector"),
    "state": ("wrong from a fresh start", "Right from a state in which steps were taken, and wrong from a fresh start"),
}


def _only_some(prepared: Prepared, outcomes: list[Outcome]) -> Said:
    """Right in the first case, wrong in the same case with one thing about it changed, or the other way round."""
    first = compare(prepared.cases[0], prepared.expected[0], outcomes[0])
    for case, want, have in zip(prepared.cases, prepared.expected, outcomes, strict=True):
        if not isinstance(case, Steps) or case.varies not in VARIED:
            continue
        apart = compare(case, want, have)
        if first and not apart and case.varies in REVERSED:
            name, words = REVERSED[case.varies]
            return name, f"{words}: {first.message}."
        if apart and not first:
            name, words = VARIED[case.varies]
            return name, f"{words}: {apart.message}."
    return None


def _first_step(prepared: Prepared, outcomes: list[Outcome]) -> Said:
    pairs = [(c, y, r) for c, y, r in numbers(prepared, outcomes) if isinstance(c, Steps)]
    fresh = [(y, r) for c, y, r in pairs if c.state.get("t", 0) == 0]
    if not fresh or not all(close(y[0], r[0]) and not close(y, r) for y, r in fresh):
        return None
    words = "The first step from a fresh start is right in every case, and the second is not: look at what is kept in "
    words += "the state, and at what depends on `t`." if "t" in prepared.exercise.answer.State._fields else "the state."
    return "wrong from the second step", words


RELATIONS = (
    _not_repeatable,
    always_same,
    coarse,
    _state_lost,
    _ignored,
    _only_some,
    factor,
    offset,
    shape_of,
    some_inputs,
    _first_step,
)
