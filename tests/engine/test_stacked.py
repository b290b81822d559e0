"""Copies trained together beside the same ones trained alone; the grid over them; what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from coursekit.engine import Optimizer, blobs, compiling, grid, linear, mlp, stacked, train
from coursekit.reference import RULES
from tests.engine.compiler import needs_compiler

DATA = blobs(device="cpu")
LOSS = nn.functional.cross_entropy
SEEDS, RATES = [0, 1, 2, 0], [0.001, 0.003, 0.01, 0.03]


def network(seed=0):
    return mlp([2, 8, 3], seed, device="cpu")


def normalised(seed=0):
    torch.manual_seed(seed)
    bare = nn.Linear(2, 8, bias=False)  # the gradient of a bias here would be nothing but rounding, and Adam divides
    return nn.Sequential(bare, nn.BatchNorm1d(8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))


def matrices(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8, bias=False), nn.Tanh(), nn.Linear(8, 3, bias=False))


def convolutional(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3))


def half_frozen(seed=0):
    model = network(seed)
    model[0].weight.requires_grad_(False)
    return model


def alone(make, rule, seed, data=DATA, loss=LOSS, epochs=2, **hyper):
    model = make(seed)
    optimizer = Optimizer([p for p in model.parameters() if p.requires_grad], rule, **hyper)
    history = train(model, optimizer, data, loss=loss, epochs=epochs, batch_size=50, seed=seed, progress=False)
    with optimizer.averaged():  # of rules that keep a mean
        return copy.deepcopy(model), history


def together(make, rule, seeds=SEEDS, data=DATA, loss=LOSS, epochs=2, **how):
    return stacked(make, rule, data, loss=loss, epochs=epochs, batch_size=50, seeds=seeds, **how)


def assert_alone(stack, k, model, history):
    for name, value in model.state_dict().items():
        torch.testing.assert_close(stack.model(k).state_dict()[name], value, rtol=1e-5, atol=1e-5)
    assert stack.train_loss[k].tolist() == pytest.approx(history.train_loss, rel=1e-5)
    assert stack.validation_loss[k].tolist() == pytest.approx(history.validation_loss, rel=1e-5)
    if history.accuracy is None:
        assert stack.accuracy is None
    else:
        assert stack.accuracy[k].tolist() == pytest.approx(history.accuracy)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.takes_grad_fn])
def test_each_copy_ends_where_it_ends_alone(name):
    make = matrices if RULES[name].matrices else network
    stack = together(make, RULES[name], lr=RATES)
    for k, (seed, lr) in enumerate(zip(SEEDS, RATES, strict=True)):
        assert_alone(stack, k, *alone(make, RULES[name], seed, lr=lr))


@pytest.mark.parametrize("make", [normalised, convolutional, half_frozen])
def test_any_module(make):
    stack = together(make, RULES["adamw"], lr=RATES, weight_decay=[0.0, 0.1, 0.2, 0.3])
    for k in (1, 3):
        assert_alone(
            stack, k, *alone(make, RULES["adamw"], SEEDS[k], lr=RATES[k], weight_decay=[0.0, 0.1, 0.2, 0.3][k])
        )


def test_one_seed_for_all_shares_the_rows():
    stack = together(network, RULES["momentum"], seeds=3, lr=RATES)
    assert stack.seeds.tolist() == [3, 3, 3, 3]
    assert_alone(stack, 2, *alone(network, RULES["momentum"], 3, lr=RATES[2]))


def test_a_network_gives_every_copy_its_weights_and_keeps_them():
    model = network(5)
    before = [p.detach().clone() for p in model.parameters()]
    stack = together(model, RULES["momentum"], seeds=[1, 2], lr=0.1)
    assert_alone(stack, 1, *alone(lambda _: network(5), RULES["momentum"], 2, lr=0.1))
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_a_regression_has_no_accuracy():
    data = linear(device="cpu")
    inputs = data.x_train.shape[1]

    def make(seed):
        return nn.Sequential(mlp([inputs, 1], seed, device="cpu"), nn.Flatten(0))

    stack = together(make, RULES["adam"], data=data, loss=nn.functional.mse_loss, lr=RATES)
    assert_alone(stack, 3, *alone(make, RULES["adam"], 0, data, nn.functional.mse_loss, lr=RATES[3]))


def test_dropout_draws_for_each_copy_on_its_own():
    def make(seed):
        return nn.Sequential(mlp([2, 64], 0, device="cpu"), nn.Dropout(0.5), mlp([64, 3], 0, device="cpu"))

    state = torch.get_rng_state()
    one, again = (together(make, RULES["momentum"], seeds=[4] * 3, lr=0.1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)  # the global random numbers go on as before
    assert torch.equal(one.train_loss, again.train_loss)
    assert len(set(one.train_loss[:, 0].tolist())) == 3
    model = one.model(0)
    assert torch.equal(model(DATA.x_test), model(DATA.x_test))  # evaluation mode


def test_a_copy_that_diverges_harms_no_other():
    stack = together(network, RULES["gradient_descent"], seeds=0, lr=[0.1, 1e30, 0.01])
    assert not stack.validation_loss[1, -1].isfinite()
    assert_alone(stack, 2, *alone(network, RULES["gradient_descent"], 0, lr=0.01))
    assert stack.best() == 0
    lost = together(network, RULES["gradient_descent"], seeds=0, lr=[1e30, 1e31])
    with pytest.raises(ValueError, match="every copy diverged"):
        lost.best()


def test_a_learners_function_sees_each_copy_alone():
    def gradient_descent(param, grad, state, *, lr):
        return param - lr * grad / (1 + grad.norm()), state

    stack = together(network, gradient_descent, lr=RATES)
    assert_alone(stack, 1, *alone(network, gradient_descent, 1, lr=RATES[1]))


def test_a_step_count_used_in_another_way():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        return param - lr * grad / (t + 1) ** 0.5, (m, v, t + 1)

    stack = together(network, adam, lr=RATES)
    assert_alone(stack, 1, *alone(network, adam, 1, lr=RATES[1]))


@needs_compiler
def test_compiled_ends_at_the_same_place():
    stack = together(network, RULES["adamw"], lr=RATES, compiled=True)
    assert_alone(stack, 1, *alone(network, RULES["adamw"], 1, lr=RATES[1]))


@needs_compiler
def test_what_cannot_be_compiled_says_so_once(monkeypatch):
    def momentum(param, grad, state, *, lr, beta):
        return param - lr * grad / (1 + grad.norm()), state

    monkeypatch.setattr(compiling, "_warned", set())
    with pytest.warns(RuntimeWarning, match="momentum runs eagerly.*in company"):
        stack = together(network, momentum, lr=RATES, compiled=True)
    assert stack.validation_loss.isfinite().all()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"lr": [0.1, 0.2]}, ValueError, "seeds has 3.*lr has 2|lr has 2.*seeds has 3"),
        ({"lr": []}, ValueError, "lr must be a number, or a sequence with one for each copy"),
        ({"lr": "fast"}, ValueError, "lr must be a number.*'fast'"),
        ({"lr": [0.1, -0.1, 0.1]}, ValueError, "lr must be at least 0"),
        ({"beta": 0.5}, TypeError, "no hyperparameter 'beta'"),
        ({"epochs": 0}, ValueError, "epochs must be a whole number"),
        ({"batch_size": 1.5}, ValueError, "batch_size must be a whole number"),
        ({"function": RULES["nesterov"]}, ValueError, "nesterov takes its gradients at a point ahead"),
        ({"function": "adam"}, TypeError, "a rule must be a function"),
        ({"make": 3}, TypeError, "make must be a function from a seed"),
        ({"make": lambda seed: 3}, TypeError, "must return a network; got int"),
        ({"function": RULES["muon"]}, ValueError, r"muon works on matrices, but 0.bias has shape \(8,\)"),
        ({"make": lambda seed: mlp([2, 4 + seed, 3], seed, device="cpu")}, ValueError, "networks of the same shapes"),
    ],
)
def test_bad_input(change, error, words):
    call = {"make": network, "function": RULES["gradient_descent"], "lr": 0.1, "epochs": 1, "batch_size": 50} | change
    with pytest.raises(error, match=words):
        stacked(call.pop("make"), call.pop("function"), DATA, loss=LOSS, seeds=[0, 1, 2], **call)


def test_only_copies_that_are_there():
    stack = together(network, RULES["gradient_descent"], lr=RATES)
    assert "4 copies" in repr(stack)
    with pytest.raises(ValueError, match="there are 4 copies, 0 to 3; got 4"):
        stack.model(4)


def test_a_grid_is_every_combination_with_every_seed():
    how = {"loss": LOSS, "epochs": 2, "batch_size": 50}
    rates, betas = [0.01, 0.1, 1e30], [0.5, 0.9]
    found = grid(network, RULES["momentum"], DATA, seeds=(3, 4, 5), lr=rates, beta=betas, **how)
    parts = grid(network, RULES["momentum"], DATA, seeds=(3, 4, 5), lr=rates, beta=betas, block=5, **how)
    torch.testing.assert_close(parts.validation_loss, found.validation_loss, equal_nan=True)
    assert found.validation_loss.shape == found.accuracy.shape == found.train_loss.shape == (3, 2, 3)
    _, history = alone(network, RULES["momentum"], 4, lr=0.1, beta=0.5)
    assert found.validation_loss[1, 0, 1].item() == pytest.approx(history.validation_loss[-1], rel=1e-5)
    assert found.accuracy[1, 0, 1].item() == pytest.approx(history.accuracy[-1])
    median = found.median()
    assert median.shape == (3, 2) and not median[2].isfinite().any()
    best = found.best()
    place = (rates.index(best["lr"]), betas.index(best["beta"]))
    assert median[place] == median.min()
    assert found.spread() == (found.validation_loss[place].min(), found.validation_loss[place].max())
    assert "lr (3) x beta (2) x 3 seeds" in repr(found)


def test_a_grid_refuses():
    how = {"loss": LOSS, "epochs": 1, "batch_size": 50}
    for change, words in (
        ({"lr": []}, "lr must be"),
        ({"block": 0}, "block must be"),
        ({"seeds": []}, "seeds must be"),
    ):
        with pytest.raises(ValueError, match=words):
            grid(network, RULES["momentum"], DATA, **{"lr": [0.1], **how, **change})
    lost = grid(network, RULES["gradient_descent"], DATA, seeds=[0], lr=[1e30], **how)
    assert "all diverged" in repr(lost)
    with pytest.raises(ValueError, match="every combination"):
        lost.best()
    with pytest.raises(ValueError, match="got 'speed'"):
        lost.median("speed")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_compiler)])
def test_each_copy_ends_where_it_ends_alone_on_a_gpu(compiled):
    data = blobs(device="cuda")

    def make(seed):
        return mlp([2, 8, 3], seed, device="cuda")

    stack = together(make, RULES["momentum"], data=data, lr=RATES, compiled=compiled)
    assert_alone(stack, 1, *alone(make, RULES["momentum"], 1, data, lr=RATES[1]))
