"""Bytes against the rules' own states; Adam over a list against `adam` on each tensor, and against torch's."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.reference import RULES
from coursekit.reference.adam import AdamState, adam
from coursekit.reference.speed import adam_foreach, bytes_moved

DOUBLE = torch.float64
DEVICES = ["cpu", *["cuda"] * torch.cuda.is_available()]
HYPER = {"lr": 0.3, "beta1": 0.7, "beta2": 0.9, "eps": 0.03}
NOT_ELEMENTWISE = {"muon", "nesterov"}


# ---- bytes


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_counted_by_the_tensors_of_its_state(name):
    if name in NOT_ELEMENTWISE:
        with pytest.raises(ValueError, match=f"^bytes_moved: '{name}' is not the name of an elementwise rule$"):
            bytes_moved(name, 10, 4)
        return
    start = torch.zeros(7, dtype=DOUBLE)
    kept = [x for x in RULES[name].init(start) if isinstance(x, torch.Tensor)]
    read = [start, start, *kept]  # parameter, gradient, state
    written = [start, *kept]
    assert bytes_moved(name, 7, 8) == sum(x.numel() * x.element_size() for x in read + written)


def test_bytes_grow_with_both_sizes():
    assert bytes_moved("adam", 1, 1) == 7
    assert bytes_moved("adam", 5, 2) == 5 * bytes_moved("adam", 1, 2) == 2 * bytes_moved("adam", 5, 1)
    assert isinstance(bytes_moved("momentum", 3, 4), int)


@pytest.mark.parametrize("n, size", [(0, 4), (-1, 4), (2.5, 4), (True, 4), (3, 0), (3, None)])
def test_sizes_that_are_none_are_refused(n, size):
    with pytest.raises(ValueError, match=r"^bytes_moved: \w+ must be a whole number, at least 1; got"):
        bytes_moved("adam", n, size)


def test_names_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"^bytes_moved: 'Adam' is not the name"):
        bytes_moved("Adam", 1, 4)
    with pytest.raises(TypeError, match=r"^bytes_moved: rule_name must be a rule's name, such as 'adam'; got function"):
        bytes_moved(adam, 1, 4)


# ---- a list at a time


def draw(shapes, t=(0, 0, 0, 0), dtype=DOUBLE, device="cpu"):
    """Parameters, gradients and states for these shapes, after so many steps."""
    generator = torch.Generator().manual_seed(0)

    def numbers(shape):
        return torch.randn(shape, generator=generator, dtype=dtype).to(device)

    params, grads = [numbers(shape) for shape in shapes], [numbers(shape) for shape in shapes]
    states = [
        AdamState(numbers(shape) * (count > 0), numbers(shape).abs() * (count > 0), count)
        for shape, count in zip(shapes, t, strict=False)
    ]
    return params, grads, states


SHAPES = [(5,), (2, 3), (), (1, 1, 2)]


def assert_each_is_adams(params, grads, states, hyper, rtol=1e-12):
    new, after = adam_foreach(params, grads, states, **hyper)
    assert type(new) is list and type(after) is list and len(new) == len(after) == len(params)
    for param, grad, state, got, kept in zip(params, grads, states, new, after, strict=True):
        wanted, wanted_state = adam(param, grad, state, **hyper)
        torch.testing.assert_close(got, wanted, rtol=rtol, atol=rtol)
        torch.testing.assert_close(tuple(kept), tuple(wanted_state), rtol=rtol, atol=rtol)
        assert isinstance(kept, AdamState)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("t", [(0, 0, 0, 0), (9, 9, 9, 9), (3, 0, 12, 1)])
def test_every_tensor_is_what_adam_makes_of_it(t, device):
    assert_each_is_adams(*draw(SHAPES, t, device=device), HYPER)


def test_float32_and_mixed_dtypes():
    assert_each_is_adams(*draw(SHAPES, (4, 4, 4, 4), torch.float32), HYPER, rtol=1e-6)
    one, other = draw([(3,)], (2,)), draw([(2,)], (2,), torch.float32)
    assert_each_is_adams(*(a + b for a, b in zip(one, other, strict=True)), HYPER, rtol=1e-6)


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.floats(0, 2),
    st.floats(0, 0.99),
    st.floats(0, 0.99),
    st.floats(1e-8, 1),
)
def test_any_hyperparameters(sizes, lr, beta1, beta2, eps):
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
    assert_each_is_adams(*draw([(size,) for size in sizes], (2, 0, 5, 1)), hyper)


def test_twenty_steps_are_those_of_torch():
    params, _, states = draw(SHAPES)
    theirs = [p.clone().requires_grad_() for p in params]
    optimizer = torch.optim.Adam(theirs, lr=0.3, betas=(0.7, 0.9), eps=0.03, foreach=True)
    for step in range(20):
        grads = [torch.sin(p + step) for p in params]
        for p, grad in zip(theirs, grads, strict=True):
            p.grad = grad.clone()
        optimizer.step()
        params, states = adam_foreach(params, grads, states, **HYPER)
    torch.testing.assert_close(params, [p.detach() for p in theirs], rtol=1e-12, atol=1e-12)


def test_nothing_of_the_callers_is_changed_or_shared():
    given_ = draw(SHAPES, (3, 3, 3, 3))
    before = [[tuple(x) if isinstance(x, AdamState) else x.clone() for x in part] for part in given_]
    kept = [(m.clone(), v.clone(), t) for m, v, t in before[2]]
    new, after = adam_foreach(*given_, **HYPER)
    torch.testing.assert_close(given_[0], before[0], rtol=0, atol=0)
    torch.testing.assert_close(given_[1], before[1], rtol=0, atol=0)
    for state, (m, v, t) in zip(given_[2], kept, strict=True):
        assert torch.equal(state.m, m) and torch.equal(state.v, v) and state.t == t
    memory = {x.data_ptr() for x in [*given_[0], *given_[1], *(x for s in given_[2] for x in s[:2])]}
    assert not memory & {x.data_ptr() for x in [*new, *(x for s in after for x in s[:2])]}


def test_tuples_are_as_good_as_lists():
    params, grads, states = draw(SHAPES)
    new, _ = adam_foreach(tuple(params), tuple(grads), tuple(states), **HYPER)
    assert type(new) is list


# ---- what is refused


def test_lists_that_do_not_fit_are_refused():
    params, grads, states = draw(SHAPES)
    with pytest.raises(ValueError, match=r"one entry for each tensor, at least one; got 4, 3 and 4$"):
        adam_foreach(params, grads[:3], states)
    with pytest.raises(ValueError, match=r"got 0, 0 and 0$"):
        adam_foreach([], [], [])
    with pytest.raises(ValueError, match=r"^adam_foreach: the gradient must have the parameter's shape \(5,\)"):
        adam_foreach(params, grads[::-1], states)
    with pytest.raises(ValueError, match=r"states\[0\] must be an AdamState\(m, v, t\) in the shape of params\[0\]"):
        adam_foreach(params, grads, states[::-1])
    with pytest.raises(ValueError, match=r"states\[0\] must be an AdamState"):
        adam_foreach(params, grads, [(m, v, t) for m, v, t in states])


def test_what_is_no_list_is_refused():
    params, grads, states = draw([(5,)])
    with pytest.raises(TypeError, match=r"^adam_foreach: params must be a list; got Tensor$"):
        adam_foreach(params[0], grads, states)
    with pytest.raises(TypeError, match=r"^adam_foreach: states must be a list; got AdamState$"):
        adam_foreach(params, grads, states[0])
    with pytest.raises(TypeError, match=r"the gradient must be a tensor; got NoneType$"):
        adam_foreach(params, [None], states)


@pytest.mark.parametrize("name, value", [("lr", -1.0), ("beta1", 1.0), ("beta2", math.nan), ("eps", -1e-8)])
def test_hyperparameters_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^adam_foreach: {name} must be at least 0"):
        adam_foreach(*draw([(5,)]), **{name: value})


@pytest.mark.parametrize("function", [bytes_moved, adam_foreach])
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
