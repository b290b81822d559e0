"""Parameter groups with rules of their own, and the mean of schedule-free descent in the place of the parameters."""

from __future__ import annotations

import copy

import pytest
import torch

from coursekit.engine import Optimizer, blobs, mlp, train
from coursekit.reference import RULES
from tests.engine.compiler import needs_compiler
from tests.engine.test_optimizer import assert_same_walk, closure_of, network, run, weights

MUON = {"lr": 0.05, "beta": 0.7, "weight_decay": 0.3}
ADAMW = {"lr": 0.03, "beta1": 0.7, "beta2": 0.9, "eps": 0.03, "weight_decay": 0.1}


def split(model):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    return matrices, [p for p in model.parameters() if p.dim() != 2]


def both(model, **how):
    """Muon for the matrices, AdamW for the rest, in one optimizer."""
    matrices, rest = split(model)
    return Optimizer(
        [{"params": matrices, "rule": RULES["muon"], **MUON}, {"params": rest}], RULES["adamw"], **ADAMW, **how
    )


def apart(model):
    matrices, rest = split(model)
    return Optimizer(matrices, RULES["muon"], **MUON), Optimizer(rest, RULES["adamw"], **ADAMW)


def run_apart(model, optimizers, steps):
    for _ in range(steps):
        model.zero_grad()
        closure_of(model, optimizers[0])()
        for optimizer in optimizers:
            optimizer.step()


def test_two_rules_in_one_optimizer_are_two_optimizers():
    mine, theirs = network(), network()
    start = weights(mine)
    optimizer = both(mine)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    run(mine, optimizer, 10, scheduler)
    optimizers = apart(theirs)
    run_apart(theirs, optimizers, 5)
    for other in optimizers:
        other.param_groups[0]["lr"] *= 0.5
    run_apart(theirs, optimizers, 5)
    assert_same_walk(mine, theirs, start)


@needs_compiler
@pytest.mark.filterwarnings("ignore:muon runs eagerly:RuntimeWarning")
def test_compiled_where_a_rule_can_be():
    mine, theirs = network(), network()
    run(mine, both(mine, compiled=True), 3)
    run(theirs, both(theirs), 3)
    torch.testing.assert_close(weights(mine), weights(theirs), rtol=1e-12, atol=1e-12)


def test_each_group_has_the_hyperparameters_of_its_rule_and_nothing_else():
    matrices, rest = split(network())
    optimizer = Optimizer(
        [{"params": matrices, "rule": RULES["muon"]}, {"params": rest, "lr": 0.5}], RULES["adamw"], lr=0.1
    )
    first, second = optimizer.param_groups
    assert first.keys() == {"params", "rule", "lr", "beta", "weight_decay"}
    assert (first["rule"], first["lr"], first["beta"]) == ("muon", 0.02, 0.95)  # its own defaults, not 0.1
    assert second.keys() == {"params", "lr", "beta1", "beta2", "eps", "weight_decay"} and second["lr"] == 0.5


def test_a_learners_function_may_stand_in_a_group():
    def muon(param, grad, state, *, lr, beta, weight_decay):
        return RULES["muon"](param, grad, state, lr=lr, beta=beta, weight_decay=weight_decay)

    mine, theirs = network(), network()
    matrices, rest = split(mine)
    groups = [{"params": matrices, "rule": muon, **MUON}, {"params": rest}]
    run(mine, Optimizer(groups, RULES["adamw"], **ADAMW), 5)
    run(theirs, both(theirs), 5)
    assert torch.equal(weights(mine), weights(theirs))
    assert groups[0]["rule"] is muon  # what was given stays


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: x])
def test_a_saved_state_and_a_copy_go_on(again):
    whole, first = network(), network()
    run(whole, both(whole), 6)
    optimizer = both(first)
    run(first, optimizer, 3)
    second = copy.deepcopy(first)
    fresh = both(second)
    fresh.load_state_dict(again(optimizer.state_dict()))
    assert [group.get("rule") for group in fresh.param_groups] == ["muon", None]
    run(second, fresh, 3)
    first, optimizer = copy.deepcopy((first, optimizer))
    run(first, optimizer, 3)
    assert torch.equal(weights(second), weights(whole)) and torch.equal(weights(first), weights(whole))


def test_a_state_of_another_rule_is_refused():
    one, other = torch.ones(2, 2, requires_grad=True), torch.ones(3, requires_grad=True)

    def optimizer(rule):
        return Optimizer([{"params": [one], "rule": RULES[rule]}, {"params": [other]}], RULES["adamw"])

    with pytest.raises(ValueError, match="lion needs lr, beta1, beta2, weight_decay in each group"):
        optimizer("lion").load_state_dict(optimizer("muon").state_dict())
    with pytest.raises(ValueError, match="adam cannot go on from what adamw left"):
        optimizer("adam").load_state_dict(optimizer("adamw").state_dict())


VECTOR, MATRIX = torch.ones(3, requires_grad=True), torch.ones(2, 2, requires_grad=True)


@pytest.mark.parametrize(
    "groups, rule, error, message",
    [
        ([VECTOR], "muon", ValueError, r"muon works on matrices, .*got shape \(3,\): leave the others to another rule"),
        ([{"params": [VECTOR], "rule": RULES["muon"]}], "adamw", ValueError, r"muon works on matrices.*\(3,\)"),
        ([{"params": [MATRIX], "rule": RULES["muon"], "eps": 1e-8}], "adamw", TypeError, "muon has no hyper.*'eps'"),
        ([{"params": [MATRIX], "rule": "muon"}], "adamw", TypeError, "a rule must be a function .*; got 'muon'"),
        (
            [{"params": [MATRIX], "rule": RULES["nesterov"]}, {"params": [VECTOR]}],
            "adamw",
            ValueError,
            "nesterov looks",
        ),
    ],
)
def test_what_is_refused(groups, rule, error, message):
    with pytest.raises(error, match=message):
        Optimizer(groups, RULES[rule])


def test_a_refused_group_leaves_the_optimizer_as_it_was():
    optimizer = Optimizer([MATRIX], RULES["muon"])
    with pytest.raises(ValueError, match="muon works on matrices"):
        optimizer.add_param_group({"params": [VECTOR]})
    assert len(optimizer.param_groups) == len(optimizer.rules) == 1
    optimizer.add_param_group({"params": [VECTOR], "rule": RULES["lion"]})
    assert [rule.__name__ for rule in optimizer.rules] == ["muon", "lion"]


# ---- the mean of schedule-free descent


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_compiler)])
def test_inside_the_block_the_parameters_are_the_mean_and_afterwards_themselves(compiled):
    model, plain = network(), network()
    optimizer = Optimizer(model.parameters(), RULES["schedule_free"], lr=0.1, compiled=compiled)
    run(model, optimizer, 5)
    before = weights(model)
    with optimizer.averaged():
        for p in model.parameters():
            assert torch.equal(p.detach(), optimizer.state[p]["x"])
        assert not torch.equal(weights(model), before)
    assert torch.equal(weights(model), before)
    run(model, optimizer, 5)
    other = Optimizer(plain.parameters(), RULES["schedule_free"], lr=0.1)
    run(plain, other, 10)
    torch.testing.assert_close(weights(model), weights(plain), rtol=1e-12, atol=1e-12)


def test_an_error_inside_brings_the_parameters_back_and_a_step_is_refused():
    model = network()
    optimizer = Optimizer(model.parameters(), RULES["schedule_free"], lr=0.1)
    run(model, optimizer, 3)
    before = weights(model)
    with pytest.raises(ValueError, match=r"no step inside .*averaged\(\)"), optimizer.averaged():
        optimizer.step()
    assert torch.equal(weights(model), before)
    run(model, optimizer, 1)


def test_other_rules_stay_where_they_are():
    model = network()
    matrices, rest = split(model)
    groups = [{"params": matrices}, {"params": rest, "rule": RULES["schedule_free"], "lr": 0.1}]
    optimizer = Optimizer(groups, RULES["muon"])
    before = weights(model)
    with optimizer.averaged():
        assert torch.equal(weights(model), before)  # no step yet
    run(model, optimizer, 3)
    before = [p.detach().clone() for p in matrices]
    with optimizer.averaged():
        assert all(map(torch.equal, matrices, before))
        assert all(torch.equal(p, optimizer.state[p]["x"]) for p in rest)


def test_training_measures_the_mean():
    data, model = blobs(device="cpu"), mlp([2, 8, 3], device="cpu")
    optimizer = Optimizer(model.parameters(), RULES["schedule_free"], lr=0.5, beta=0.5)
    loss = torch.nn.functional.cross_entropy
    history = train(model, optimizer, data, loss=loss, epochs=2, batch_size=32, early_stop=5, progress=False)
    here = loss(model(data.x_validation), data.y_validation).item()
    with optimizer.averaged():
        there = loss(model(data.x_validation), data.y_validation).item()
    assert history.validation_loss[-1] == pytest.approx(there, rel=1e-6)
    assert here == pytest.approx(min(history.validation_loss), rel=1e-6)  # the weights of the best epoch are the mean's
