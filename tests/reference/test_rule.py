"""What makes a function a rule, and what the checks around a formula promise."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from coursekit.reference.adam import AdamState, adam
from coursekit.reference.checks import checked_by, holds
from coursekit.reference.momentum import nesterov
from coursekit.reference.rule import hyperparameters, rule


class CountState(NamedTuple):
    total: Tensor
    t: int


@rule(CountState)
def plain(param, grad, state, *, lr, warmth=3):
    """A rule of somebody's own."""
    return param - lr * grad, CountState(state.total + grad, state.t + 1)


def test_a_decorated_function_stays_the_function():
    assert plain.__name__ == "plain" and plain.__doc__ == "A rule of somebody's own."
    assert plain.State is CountState and plain.takes_grad_fn is False
    bare, _ = plain.__wrapped__(torch.ones(2), torch.ones(1), plain.init(torch.ones(2)), lr=-1.0)
    torch.testing.assert_close(bare, 2 * torch.ones(2))


def test_hyperparameters_in_order_with_their_defaults():
    assert list(hyperparameters(plain).items())[1] == ("warmth", 3)
    assert list(hyperparameters(plain)) == ["lr", "warmth"]


def test_a_hyperparameter_without_bounds_is_left_alone():
    plain(torch.ones(2), torch.ones(2), plain.init(torch.ones(2)), lr=0.1, warmth=-7)


def test_the_first_state_is_zero_like_the_parameter():
    param = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    state = plain.init(param)
    assert state == (state.total, 0) and type(state.t) is int
    torch.testing.assert_close(state.total, torch.zeros(2, 3, dtype=torch.float64))
    assert not state.total.requires_grad


def test_a_missing_hyperparameter_is_pythons_own_error():
    with pytest.raises(TypeError, match=r"plain\(\) missing 1 required keyword-only argument: 'lr'"):
        plain(torch.ones(2), torch.ones(2), plain.init(torch.ones(2)))


def test_a_look_ahead_rule_wants_a_function():
    with pytest.raises(TypeError, match=r"nesterov: the second argument must be a function.*; got Tensor"):
        nesterov(torch.ones(2), torch.ones(2), nesterov.init(torch.ones(2)))


def test_a_look_ahead_gradient_may_be_as_wide_as_the_point_it_was_asked_at():
    lr = torch.tensor([[0.1], [0.2]])
    param, _ = nesterov(torch.ones(3), lambda point: 2 * point, nesterov.init(torch.ones(3)), lr=lr, beta=0.5)
    torch.testing.assert_close(param, (1 - 2 * lr).expand(2, 3))


def test_rates_under_vmap_are_let_through():
    def step(lr):
        return adam(torch.ones(2), torch.ones(2), adam.init(torch.ones(2)), lr=lr, eps=0.0)[0]

    stepped = torch.func.vmap(step)(torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(stepped, torch.tensor([[0.75, 0.75], [0.5, 0.5]]))


@pytest.mark.parametrize("state", [None, (), [torch.zeros(2)] * 2 + [0], nesterov.init(torch.ones(2))], ids=repr)
def test_the_state_of_another_rule_is_refused(state):
    with pytest.raises(TypeError, match=r"^adam: the state must be \(m, v, t\); got .*: begin with adam\.init"):
        adam(torch.ones(2), torch.ones(2), state)


def test_a_checked_rule_compiles_too():
    compiled = torch.compile(adam, fullgraph=True, backend="eager")
    param, grad = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -4.0])
    lr = torch.tensor(0.1)
    result = compiled(param, grad, AdamState(param, param, 3), lr=lr)
    torch.testing.assert_close(result, adam(param, grad, AdamState(param, param, 3), lr=lr))


def test_holds_does_not_hide_other_errors():
    with pytest.raises(RuntimeError, match="meta"):
        holds(torch.ones(2, device="meta") > 0)


def test_a_check_sees_the_arguments_by_name_and_wrong_calls_are_told_plainly():
    seen = {}

    @checked_by(lambda name, **arguments: seen.update(arguments, name=name))
    def ratio(a, b, *, scale=1):
        return scale * a / b

    assert ratio(6, b=3, scale=2) == 4
    assert seen == {"name": "ratio", "a": 6, "b": 3, "scale": 2}
    with pytest.raises(TypeError, match="missing a required argument: 'b'"):
        ratio(1)
