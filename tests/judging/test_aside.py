"""What a result has to do with its inputs: changed behind torch's back, sharing their memory, carrying a graph."""

from __future__ import annotations

import pytest
import torch

from coursekit.judging.check import check
from coursekit.reference.momentum import MomentumState


def momentum(param, grad, state, *, lr, beta):
    v = beta * state.v + (1 - beta) * grad
    return param - lr * v, MomentumState(v)


def through_data(param, grad, state, *, lr, beta):
    v = beta * state.v + (1 - beta) * grad
    param.data -= lr * v
    return param, MomentumState(v)


def through_numpy(param, grad, state, *, lr, beta):
    v = state.v.numpy()
    v *= beta
    v += (1 - beta) * grad.numpy()
    return param - lr * torch.from_numpy(v), MomentumState(torch.from_numpy(v))


@pytest.mark.parametrize(("answer", "changed"), [(through_data, "param"), (through_numpy, "v")])
def test_a_change_in_place_that_leaves_no_mark(answer, changed):
    verdict = check(answer, "momentum")
    assert verdict.status == "wrong" and verdict.diagnosis == "inputs_changed_in_place"
    assert f"{changed} was changed in place" in verdict.message


def test_memory_in_common_is_said_and_not_held_against_the_learner():
    def heavy_ball(param, grad, state, *, lr, beta):
        v = beta * state.v + grad if state.v.any() else grad
        return param - lr * v, MomentumState(v)

    verdict = check(heavy_ball)
    assert verdict.passed and "memory in common with `grad`" in verdict.message


def test_a_graph_is_said_and_not_held_against_the_learner():
    def hinge_loss(scores, labels):
        return (1 - labels * scores).clamp(min=0).mean()

    def graphed(param, grad, state, *, lr):
        with torch.enable_grad():
            return param.clone().requires_grad_() - lr * grad, state

    verdict = check(graphed, "gradient_descent")
    assert verdict.passed and "carries a gradient graph" in verdict.message
    assert "graph" not in check(hinge_loss).message  # there it is what the loss is for
    assert "One thing more" not in check(momentum).message


def test_a_reference_that_shares_memory_lets_others_share():
    def identity(x):
        return x

    assert check(identity).passed and "memory" not in check(identity).message


def test_a_buffer_used_for_every_answer():
    kept = {}

    def one_buffer(param, grad, state, *, lr, beta):
        v = beta * state.v + (1 - beta) * grad
        out = kept.setdefault((param.shape, param.dtype), torch.empty_like(param))
        return torch.sub(param, lr * v, out=out), MomentumState(v)

    verdict = check(one_buffer, "momentum")
    assert verdict.status == "wrong" and "the result of the call before was changed in place" in verdict.message


def test_a_generator_is_no_tuple():
    def momentum_to_torch(lr, beta):
        yield lr * (1 - beta)
        yield beta

    verdict = check(momentum_to_torch)
    assert verdict.status == "wrong" and "generator" in verdict.message
