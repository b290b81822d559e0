"""Sweeps in compiled chunks of steps beside eager ones: the same paths, whatever the block and whatever is kept."""

from __future__ import annotations

import sys

import pytest
import torch

from coursekit.engine import SURFACES, Surface, chunks, compiling, sweep
from coursekit.reference import RULES
from tests.engine.compiler import needs_compiler

pytestmark = needs_compiler
ROSENBROCK = SURFACES["rosenbrock"]
HYPER = {"beta": 0.7, "beta1": 0.7, "beta2": 0.9, "eps": 0.03, "weight_decay": 0.3}
RATES = [0.0001, 0.0003, 0.001, 0.002]


def both(rule, *, steps=10, surface=ROSENBROCK, start=None, **how):
    start = torch.tensor(surface.start if start is None else start, dtype=torch.float64)
    return [sweep(rule, surface, start, steps=steps, compiled=c, **how) for c in (True, False)]


def assert_same(compiled, eager):
    assert compiled.axes.keys() == eager.axes.keys() and compiled.fixed == eager.fixed
    for one, other in ((compiled.paths, eager.paths), (compiled.losses, eager.losses)):
        assert one.shape == other.shape and one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adagrad", "adamw", "lion", "schedule_free"])
def test_the_same_paths(name):
    rule = RULES[name]
    hyper = {key: value for key, value in HYPER.items() if key in compiling.hyperparameters(rule)}
    assert_same(*both(rule, lr=RATES, **hyper))


def test_the_same_paths_with_every_hyperparameter_on_an_axis():
    assert_same(*both(RULES["adam"], lr=RATES, beta1=[0.0, 0.9], beta2=[0.9, 0.99, 0.999], eps=[1e-8, 0.1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_change_no_bit(dtype):
    start, rates = torch.tensor(ROSENBROCK.start, dtype=dtype), torch.linspace(1e-4, 0.02, 777)
    results = [
        sweep(RULES["adam"], ROSENBROCK, start, steps=10, compiled=True, block=block, lr=rates, eps=0.03)
        for block in (10**6, 64, 200, 1)
    ]
    for one in results[1:]:
        assert torch.equal(one.paths, results[0].paths) and torch.equal(one.losses, results[0].losses)


def test_every_kth_point_or_the_last_is_that_of_all():
    everything = sweep(RULES["momentum"], ROSENBROCK, steps=20, lr=RATES)
    for compiled in (False, True):
        some = sweep(RULES["momentum"], ROSENBROCK, steps=20, lr=RATES, keep=10, compiled=compiled)
        torch.testing.assert_close(some.paths, everything.paths[:, ::10], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(some.losses, everything.losses[:, ::10], rtol=1e-4, atol=1e-5)
        last = sweep(RULES["momentum"], ROSENBROCK, steps=20, lr=RATES, keep="last", compiled=compiled)
        torch.testing.assert_close(last.paths, everything.paths[:, -1:], rtol=1e-4, atol=1e-5)
        none = sweep(RULES["momentum"], ROSENBROCK, steps=0, lr=RATES, keep="last", compiled=compiled)
        assert none.paths[:, 0].tolist() == [pytest.approx(list(ROSENBROCK.start))] * 4


def test_no_axis_is_one_path():
    assert_same(*both(RULES["momentum"], lr=0.001, beta=0.5))


def test_a_path_that_runs_away_is_the_same_and_harms_no_neighbour():
    one, other = both(RULES["momentum"], steps=10, lr=[*RATES, 50.0], beta=0.7)
    assert not one.losses[-1, -1].isfinite()
    assert_same(one, other)


@pytest.mark.parametrize("steps", [1, 7, 10, 24, 25, 26, 47, 97, 200, 500, 1009])
def test_chunks_make_up_the_steps_in_at_most_two_kinds(steps):
    made = list(chunks.lengths(steps))
    assert sum(made) == steps
    assert max(made) <= chunks.LONGEST and len(set(made)) <= 2
    assert len(set(made)) == 1 or all(steps % n for n in range(8, 26))


def test_auto_compiles_only_what_is_large(monkeypatch):
    made = []
    monkeypatch.setattr(chunks, "walk", lambda *args: made.append(args) or iter(()))
    sweep(RULES["momentum"], ROSENBROCK, steps=10, lr=RATES, compiled="auto")
    assert not made
    sweep(RULES["momentum"], ROSENBROCK, steps=10**9, lr=RATES, keep="last", compiled="auto")
    assert made


def test_a_rule_that_cannot_be_compiled_runs_eagerly_after_one_warning(monkeypatch):
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        return param - lr * grad / (t + 1) ** 0.5, (m, v, t + 1)

    monkeypatch.setattr(compiling, "_warned", set())
    with pytest.warns(RuntimeWarning, match="adam runs eagerly.*step count") as seen:
        one, other = both(adam, lr=RATES)
        both(adam, lr=RATES)
    assert len(seen) == 1
    assert_same(one, other)


def test_a_surface_of_someones_own():
    bowl = Surface("mine", "x^2", lambda x, y: x**2 + 3 * torch.cos(y), ((-1, 1), (-1, 1)), (0.5, 0.5), (), ())
    assert_same(*both(RULES["momentum"], surface=bowl, lr=[0.1, 0.2], beta=0.9))


@pytest.mark.parametrize("compiled", ["yes", 2, None])
def test_compiled_is_yes_no_or_auto(compiled):
    with pytest.raises(ValueError, match='compiled must be True, False or "auto"'):
        sweep(RULES["momentum"], ROSENBROCK, steps=2, lr=RATES, compiled=compiled)


def test_k_divides_the_steps():
    with pytest.raises(ValueError, match="divides the 10 steps; got 3"):
        sweep(RULES["momentum"], ROSENBROCK, steps=10, lr=RATES, keep=3)


def test_a_bar_counts_every_step(monkeypatch):
    counted = []

    class Bar:
        __enter__, __exit__ = (lambda self: self), (lambda self, *_: None)

        def update(self, n=1):
            counted.append(n)

    totals = []
    module = sys.modules["coursekit.engine.sweep"]  # the package's `sweep` is the function
    monkeypatch.setattr(module, "bar_of", lambda total, *_: totals.append(total) or Bar())
    for compiled in (False, True):
        counted.clear()
        sweep(RULES["momentum"], ROSENBROCK, steps=10, lr=RATES, compiled=compiled, progress=True)
        assert sum(counted) == totals[-1] == 10


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.matrices])
def test_the_same_paths_on_a_gpu(name):
    rule = RULES[name]
    hyper = {key: value for key, value in HYPER.items() if key in compiling.hyperparameters(rule)}
    start = torch.tensor(ROSENBROCK.start, dtype=torch.float64, device="cuda")
    assert_same(*[sweep(rule, ROSENBROCK, start, steps=10, compiled=c, lr=RATES, **hyper) for c in (True, False)])
