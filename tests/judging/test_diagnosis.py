"""Diagnosis: known mistakes, conventions and pairs by their numbers; then what machine and relations can tell; then
nothing is claimed."""

from __future__ import annotations

import ast
import dataclasses
import itertools

import pytest
import torch

from coursekit.bank import index
from coursekit.exercise import Convention, Exercise, Function, Law, Slip, Structure
from coursekit.judging import changes
from coursekit.judging.judge import judge, prepare
from coursekit.judging.tables import numbers
from coursekit.probe.cases import Call
from coursekit.probe.running import run
from coursekit.reference import adam as reference
from coursekit.reference.losses import mse_loss

ADAM = index.exercise("adam")


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path))


def verdict_on(exercise, function, seed=0):
    prepared = prepare(exercise, seed)
    return judge(prepared, run(function, prepared.cases, states=prepared.states))


def adam(**other):
    """The right adam with some of its parts replaced: each part is a function of what is known before it."""
    parts = {
        "t": lambda old: old + 1,
        "m": lambda m, grad, beta1: beta1 * m + (1 - beta1) * grad,
        "step": lambda lr, m, v, eps: lr * m / (v.sqrt() + eps),
        "result": lambda param, new, m, v, t, state: (new, (m, v, t)),
    } | other

    def written(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        t = parts["t"](t)
        m = parts["m"](m, grad, beta1)
        v = beta2 * v + (1 - beta2) * grad**2
        new = param - parts["step"](lr, m / (1 - beta1**t), v / (1 - beta2**t), eps)
        return parts["result"](param, new, m, v, t, state)

    return written


def test_the_parts_make_the_right_adam():
    assert verdict_on(ADAM, adam()).passed


# ---- what the bank knows


@pytest.mark.parametrize(
    "function, named, words",
    [
        (adam(t=lambda old: old), "t_not_advanced", "1 - beta**0"),
        (adam(step=lambda lr, m, v, eps: lr * m / (v + eps)), "root_forgotten", "not by its root"),
        (adam(m=lambda m, g, beta1: beta1 * m + g), "1_beta1_forgotten", "is forgotten"),
    ],
)
def test_a_known_mistake_is_named_however_it_is_written(function, named, words):
    verdict = verdict_on(ADAM, function)
    assert (verdict.status, verdict.diagnosis, verdict.points) == ("wrong", named, 0)
    assert words in verdict.message
    assert verdict.call and verdict.title


def test_the_hint_is_the_one_of_the_mistake():
    hints = {slip.id: slip.hint for slip in ADAM.slips}
    verdict = verdict_on(ADAM, adam(step=lambda lr, m, v, eps: lr * m / (v + eps)))
    assert verdict.hint == hints["root_forgotten"] == 3
    assert verdict.hints == ADAM.hints


def test_a_convention_earns_a_part_and_says_the_conversion():
    verdict = verdict_on(ADAM, adam(step=lambda lr, m, v, eps: lr * m / (v + eps).sqrt()))
    assert (verdict.status, verdict.diagnosis, verdict.points) == ("convention", "eps_inside_the_root", 1.5)
    assert "eps**2" in verdict.message
    generous = dataclasses.replace(
        ADAM, conventions=tuple(dataclasses.replace(c, credit=0.9) for c in ADAM.conventions)
    )
    assert verdict_on(generous, adam(step=lambda lr, m, v, eps: lr * m / (v + eps).sqrt())).points == 2.7


def test_a_convention_with_a_mistake_earns_nothing():
    verdict = verdict_on(ADAM, adam(step=lambda lr, m, v, eps: -lr * m / (v + eps).sqrt()))
    assert (verdict.status, verdict.points) == ("wrong", 0)
    assert set(verdict.diagnosis.split("+")) == {"eps_inside_the_root", "sign_turned"}


@pytest.mark.parametrize("seed", [0, 7])
def test_two_mistakes_at_once_are_both_named(seed):
    function = adam(t=lambda old: 1, step=lambda lr, m, v, eps: lr * m / v.sqrt())
    verdict = verdict_on(ADAM, function, seed)
    assert set(verdict.diagnosis.split("+")) == {"t_always_1", "eps_forgotten"}
    assert verdict.title == "t always 1 and eps forgotten"
    assert ") t always 1." in verdict.message and ") eps forgotten: " in verdict.message


# ---- what nobody wrote down: relations, proved on every case


def wrong_for(condition):
    return adam(result=lambda param, new, m, v, t, state: (new + 1 if condition(param) else new, (m, v, t)))


counted = itertools.count(1)
RELATIONS = {
    "factor_2": adam(step=lambda lr, m, v, eps: 2 * lr * m / (v.sqrt() + eps)),
    "old_state_returned": adam(result=lambda param, new, m, v, t, state: (new, state)),
    "wrong_for_two_dimensions": wrong_for(lambda param: param.dim() == 2),
    "wrong_in_float32": wrong_for(lambda param: param.dtype == torch.float32),
    "kept_between_calls": adam(result=lambda param, new, m, v, t, state: (new + next(counted), (m, v, t))),
    "lr_not_used": adam(step=lambda lr, m, v, eps: 0.1 * m / (v.sqrt() + eps)),
}


@pytest.mark.parametrize("named", RELATIONS)
def test_a_relation_is_said_of_a_rule(named):
    assert verdict_on(ADAM, RELATIONS[named]).diagnosis == named


def test_a_shape_that_fails_is_said_with_its_numbers():
    words = verdict_on(ADAM, RELATIONS["wrong_for_two_dimensions"]).message
    assert words.startswith(
        "Right for a vector, and wrong for the same numbers as a matrix: at step 1, element [0, 0]: "
    )


def pairs(generator):
    return [Call(tuple(torch.randn(2, *shape, generator=generator).double())) for shape in [(4,), (3, 5), (2, 2)]]


LOSS = Exercise(mse_loss, Function(pairs), ("a", "b", "c"), points=2)


@pytest.mark.parametrize(
    "function, named",
    [
        (lambda p, y: ((p - y) ** 2).mean() * len(p), "sum_for_mean"),
        (lambda p, y: ((p - y) ** 2).mean() / len(p), "mean_for_sum"),
        (lambda p, y: (p - y) ** 2, "mean_missing"),
        (lambda p, y: -3 * ((p - y) ** 2).mean(), "factor_3"),
        (lambda p, y: ((p - y) ** 2).mean() + 1, "offset_1"),
        (lambda p, y: ((p - y) ** 2).mean(), None),
    ],
)
def test_a_relation_is_said_of_a_function(function, named):
    verdict = verdict_on(LOSS, function)
    assert verdict.diagnosis == named
    assert verdict.passed is (named is None)


def test_an_edit_found_by_machine_is_said_as_such():
    plain = Exercise(reference.bias_correction, index.exercise("bias_correction").probe, ("a", "b", "c"))
    verdict = verdict_on(plain, lambda average, t, *, beta: average / (1 + beta**t))
    assert verdict.status == "wrong"
    assert verdict.message.startswith("It is as if there were a `+` where a `-` belongs")
    verdict = verdict_on(LOSS, lambda p, y: ((p - y) ** 2).sum())
    assert verdict.message.startswith("It is as if `sum` stood where `mean` belongs")


def test_nothing_is_claimed_that_does_not_match():
    verdict = verdict_on(ADAM, adam(step=lambda lr, m, v, eps: lr * m.sin() / (v.cos().abs() + eps)))
    assert (verdict.status, verdict.diagnosis, verdict.title) == ("wrong", None, "")
    assert "at step 1, element [0]: param moved by" in verdict.message
    assert verdict.picture.first_difference == 1


# ---- laws


def odd_entries(value, case):
    return "some entries are even" if any(x % 2 == 0 for x in value["result"]) else None


def test_a_structure_is_judged_by_its_laws():
    law = Law("every entry is odd", odd_entries)
    structure = Structure(lambda generator: [Call((3,)), Call((5,))], (law,))
    exercise = dataclasses.replace(LOSS, probe=structure, slips=(), conventions=())
    assert verdict_on(exercise, lambda n: [1] * n).passed
    verdict = verdict_on(exercise, lambda n: [n, n + 1])
    assert (verdict.status, verdict.diagnosis) == ("wrong", "every_entry_is_odd")
    assert "some entries are even" in verdict.message
    assert verdict_on(exercise, lambda n: None).status == "wrong"  # the law cannot even be asked


def test_ids_are_made_from_names():
    assert Slip("m not corrected", ("a", "b"), "").id == "m_not_corrected"
    assert Convention("eps (inside)", ("a", "b"), "").id == "eps_inside"


def test_a_mistake_without_an_end_is_given_up():
    def grows(losses):
        for loss in losses:
            losses.append(loss)
        return losses

    assert numbers(grows, Call(([1.0, 2.0],), {}, label="two losses")) is None


def test_what_is_starred_is_no_value_to_be_changed():
    (starred,) = ast.parse("[*rates]", mode="eval").body.elts
    assert not list(changes.of_result(starred))
