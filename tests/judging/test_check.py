"""check: right answers however they are written, and one clear word for everything else that can be handed in."""

from __future__ import annotations

import contextlib
import inspect
import sys

import pytest
import torch

import coursekit
from coursekit.judging.check import check
from coursekit.reference.adam import AdamState
from coursekit.reference.adam import adam as reference


def adam(param, grad, state, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return param - lr * m_hat / (v_hat.sqrt() + eps), AdamState(m, v, t)


def returning(change):
    """The right adam, whose (param, m, v, t) goes through `change`."""

    def changed(param, grad, state, *, lr, beta1, beta2, eps):
        param, new = adam(param, grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
        return change(param, *new)

    return changed


# ---- right


@pytest.mark.parametrize(
    "change",
    [
        lambda p, m, v, t: (p, AdamState(m, v, t)),
        lambda p, m, v, t: (p, (m, v, t)),
        lambda p, m, v, t: [p, [m, v, t]],
        lambda p, m, v, t: (p, (m, v, torch.tensor(t))),
        lambda p, m, v, t: (p, (m, v, float(t))),
        lambda p, m, v, t: (torch.nn.Parameter(p), (m, v, t)),
    ],
    ids=["state", "plain tuple", "lists", "t a tensor", "t a float", "a parameter"],
)
def test_any_form_of_the_right_state_passes(change):
    verdict = check(returning(change), "adam")
    assert (verdict.status, verdict.points, verdict.passed) == ("passed", 3, True)
    assert "same path as the reference over 31 steps" in verdict.message
    assert all(row.ok for row in verdict.checks)


def test_helpers_of_their_own_may_be_called():
    def mean(old, new, beta):
        return beta * old + (1 - beta) * new

    def update_moments(m, v, grad, *, beta1, beta2):
        return mean(m, grad, beta1), mean(v, grad**2, beta2)

    assert check(update_moments).passed


def test_what_they_have_is_left_as_it_was():
    torch.manual_seed(3)
    before, dtype = torch.get_rng_state(), torch.get_default_dtype()

    def identity(x):
        torch.manual_seed(99)
        torch.set_default_dtype(torch.float64)
        return x + 0 * torch.rand(()).to(x.dtype)

    assert check(identity).passed
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == dtype
    assert torch.is_grad_enabled()


def test_small_tensors_wait_for_no_second_thread():
    """torch starts its threads even for the maximum of five numbers; on a busy machine that is 10 ms a call."""
    seen, before = [], torch.get_num_threads()

    def identity(x):
        seen.append(torch.get_num_threads())
        return x

    torch.set_num_threads(2)
    try:
        assert check(identity).passed
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_course_offers_what_the_notebooks_import():
    names = ("check", "yours", "hint", "solution", "answer", "progress")
    assert all(callable(getattr(coursekit, name)) for name in names)


# ---- nothing that can be judged: the learner is told what to hand in


def test_an_unknown_name_offers_the_nearest():
    def adan(param, grad, state):
        return param, state

    with pytest.raises(ValueError, match="no exercise is called 'adan': did you mean 'adam'"):
        check(adan)
    with pytest.raises(ValueError, match="no exercise is called 'zzz': there are identity"):
        check(adan, "zzz")


@pytest.mark.parametrize(
    "thing, words",
    [
        (lambda x: x, r"cannot tell the exercise from a lambda: say it, check\(..., \"adam\"\)"),
        ("adam", r"takes the function itself: check\(adam\), not check\('adam'\)"),
        (None, "takes the function that you wrote; this is None"),
        (torch.ones(2), "takes the function that you wrote; this is tensor"),
    ],
    ids=["lambda", "name", "None", "tensor"],
)
def test_no_function_and_no_name(thing, words):
    with pytest.raises(ValueError, match=words):
        check(thing)


def test_a_lambda_with_a_name_is_judged():
    assert check(lambda x: x, "identity").passed


class Adam:
    def __init__(self, param, grad, state, *, lr, beta1, beta2, eps):
        pass


@pytest.mark.parametrize(
    "thing, words",
    [
        (Adam, "A function was wanted, def adam(param, grad, state, *, lr=0.001"),
        (3, "this is 3"),
        (lambda param, grad: (param, ()), "yours is <lambda>(param, grad) (too many positional arguments)"),
        (lambda p, g, s, *, lr: (p, s), "got an unexpected keyword argument 'beta1'"),
        (lambda p, g, s, hat, **hyper: (p, s), "missing a required argument: 'hat'"),
    ],
    ids=["class", "number", "too few", "no beta1", "one too many"],
)
def test_what_cannot_be_called_as_asked(thing, words):
    verdict = check(thing, "adam")
    assert (verdict.status, verdict.points) == ("error", 0)
    assert words in verdict.message
    assert [(row.name, row.ok) for row in verdict.checks] == [("it can be called", False)]


# ---- a function that goes wrong


def in_place(x):
    x += 1
    return x - 1


def endless(x):
    while True:
        yield x


def missing(x):
    return x if x.dim() > 5 else None


STOPPED = {
    "None": (missing, "wrong", "it is None (is there a return?), wanted a tensor of shape (4,)"),
    "NumPy": (lambda x: x.numpy(), "wrong", "it is a numpy.ndarray, wanted a tensor of shape (4,)"),
    "generator": (endless, "wrong", "wanted a tensor of shape (4,)"),
    "NaN": (lambda x: x * float("nan"), "wrong", "yours nan, expected 1.5"),
    "huge": (lambda x: torch.zeros(1).expand(10**9), "wrong", "the result has shape (1000000000,), wanted (4,)"),
    "huge number": (lambda x: 10**5000, "wrong", "it is a very large int, wanted a tensor of shape (4,)"),
    "huge list": (lambda x: [0] * 10**6, "wrong", "wanted a tensor"),
    "float32": (lambda x: x.float(), "wrong", "it has dtype torch.float32, wanted torch.float64"),
    "(4,1)-(4,)": (lambda x: (x[..., None] - x).abs() if x.dim() == 1 else x, "wrong", "shape (4, 4), wanted (4,)"),
    "in place": (in_place, "wrong", "x was changed in place; make a new tensor instead"),
    "exit": (lambda x: sys.exit(3), "error", "SystemExit: 3"),
    "too much": (lambda x: torch.empty(10**15), "memory", "can't allocate memory"),
    "MemoryError": (lambda x: bytearray(10**15), "memory", "more memory than there is"),
    "recursion": (lambda x: again(x), "error", "RecursionError: maximum recursion depth exceeded"),
}


def again(x):
    return again(x)


@pytest.mark.parametrize("name", STOPPED)
def test_each_way_of_going_wrong_is_said(name):
    function, status, words = STOPPED[name]
    verdict = check(function, "identity")
    assert verdict.status == status, repr(verdict)
    assert words in verdict.message
    assert verdict.points == 0


@pytest.mark.parametrize(
    "function, words",
    [
        (lambda p, g, s, **k: None, "at step 1 it returned None (is there a return?), wanted (param, state)"),
        (lambda p, g, s, **k: p, "at step 1 it returned a tensor of shape (6,), wanted (param, state)"),
        (lambda p, g, s, **k: (p.numpy(), s), "at step 1 the new param is a numpy.ndarray, wanted a tensor"),
        (lambda p, g, s, **k: (p, (s.m, s.v)), "at step 1 the new state is a tuple of 2, wanted (m, v, t)"),
        (lambda p, g, s, **k: (p, (s.m.numpy(), s.v, s.t)), "state.m is a numpy.ndarray, wanted a tensor"),
        (
            lambda p, g, s, **k: (p, (s.m, s.v, None)),
            "state.t is None (is there a return?), wanted the number of",
        ),
        (lambda p, g, s, **k: (p, (s.m, s.v[..., None], s.t)), "state.v has shape (6, 1), wanted (6,)"),
        (lambda p, g, s, **k: (p.float(), s), "param has dtype torch.float32, wanted torch.float64"),
        (lambda p, g, s, **k: (p.reshape(-1, 1) - p.reshape(-1), s), "param has shape (6, 6), wanted (6,)"),
        (lambda p, g, s, **k: (torch.zeros(1).expand(10**9), s), "param has shape (1000000000,), wanted (6,)"),
    ],
)
def test_what_a_rule_must_return(function, words):
    verdict = check(function, "adam")
    assert verdict.status == "wrong"
    assert words in verdict.message
    assert verdict.call.startswith("adam(torch.tensor(")


def test_an_endless_loop_ends_when_the_time_is_up():
    def identity(x):
        while True:
            with contextlib.suppress(Exception):
                x = x + 0

    verdict = check(identity, seconds=0.5)
    assert verdict.status == "timeout"
    assert verdict.message == "It was still running after 0.5 s: is there a loop that never ends?"


def test_a_stub_is_not_attempted_and_costs_nothing():
    def adam(param, grad, state, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        raise NotImplementedError("write adam here")

    verdict = check(adam)
    assert (verdict.status, verdict.message) == ("not_attempted", "adam is not written yet.")


def test_an_error_has_the_line_of_theirs():
    def identity(x):
        y = x + 1
        return helper(y)

    def helper(y):
        return y[7, 7, 7]

    verdict = check(identity)
    first = inspect.getsourcelines(helper)[1]
    assert (verdict.status, verdict.line, verdict.text) == ("error", first + 1, "return y[7, 7, 7]")
    assert f"(your line {first + 1}: `return y[7, 7, 7]`)" in verdict.message
    assert "IndexError: too many indices" in verdict.message


def test_an_error_inside_torch_has_the_line_that_called_it():
    def identity(x):
        return torch.linalg.cholesky(x)

    verdict = check(identity)
    assert verdict.text == "return torch.linalg.cholesky(x)"


def test_changes_in_place_are_named_and_do_not_spoil_the_path():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        m.mul_(beta1).add_(grad, alpha=1 - beta1)
        v = beta2 * v + (1 - beta2) * grad**2
        param -= lr * (m / (1 - beta1 ** (t + 1))) / ((v / (1 - beta2 ** (t + 1))).sqrt() + eps)
        return param, (m, v, t + 1)

    verdict = check(adam)
    assert verdict.status == "wrong"
    assert "m and param were changed in place; make new tensors instead" in verdict.message
    assert verdict.diagnosis == "inputs_changed_in_place"
    assert verdict.picture is None  # the numbers themselves are right


def test_prints_are_shown_once_and_cut(capsys):
    def identity(x):
        for i in range(100_000):
            print("line", i)
        return x

    assert check(identity).passed
    out = capsys.readouterr().out
    assert out.startswith("line 0\nline 1\n")
    assert len(out) < 2100
    assert out.endswith("(the rest of what your function prints is left out)\n")


def test_the_courses_own_answer_is_refused_however_it_is_reached():
    def adam(param, grad, state, **hyper):
        return reference(param, grad, state, **hyper)

    kept = {"f": reference}

    def by_a_table(param, grad, state, **hyper):
        return kept["f"](param, grad, state, **hyper)

    for function in (adam, by_a_table):
        verdict = check(function, "adam")
        assert (verdict.status, verdict.points) == ("refused", 0)
        assert "calls the course's own answer" in verdict.message
    one = torch.ones(1)
    reference(one, one, reference.init(one))  # it runs again afterwards


def test_torchs_own_optimizer_is_refused():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        maker = getattr(torch, "op" + "tim").Adam
        weight = torch.nn.Parameter(param.clone())
        weight.grad = grad
        maker([weight], lr=lr, betas=(beta1, beta2), eps=eps).step()
        return weight.detach(), state

    assert check(adam).status == "refused"


def test_a_fault_of_the_course_is_not_held_against_the_learner(monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr("coursekit.judging.check.judge", broken)
    verdict = check(adam)
    assert verdict.status == "internal"
    assert "on our side (RuntimeError: a bug)" in verdict.message
