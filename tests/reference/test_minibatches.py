"""Mini-batches: the laws of an epoch, the gradient against autograd, the noise against what batches do."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.reference.gradients import linear_regression_gradient
from coursekit.reference.minibatches import gradient_noise_scale, minibatch_gradient, minibatches
from tests.reference.rules_table import DEVICES


def generator(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def draw(*shape, seed=0, dtype=torch.float64, device="cpu"):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).to(device=device, dtype=dtype)


def table(device="cpu", rows=12):
    return draw(3, seed=1, device=device), draw(rows, 3, seed=2, device=device), draw(rows, seed=3, device=device)


# --- an epoch ---


@given(st.integers(1, 60), st.integers(1, 70))
def test_every_index_comes_once(n, batch_size):
    batches = list(minibatches(n, batch_size, generator()))
    assert sorted(torch.cat(batches).tolist()) == list(range(n))
    assert len(batches) == math.ceil(n / batch_size)
    assert all(len(index) == batch_size for index in batches[:-1]) and 1 <= len(batches[-1]) <= batch_size


@pytest.mark.parametrize("device", DEVICES)
def test_the_indices_are_whole_numbers_where_the_generator_is(device):
    for index in minibatches(7, 3, generator(device=device)):
        assert index.dtype == torch.int64 and index.device.type == device


def test_it_is_the_order_of_torchs_loader():
    sampler = torch.utils.data.RandomSampler(range(50), generator=generator(3))
    theirs = list(torch.utils.data.BatchSampler(sampler, 8, drop_last=False))
    assert [index.tolist() for index in minibatches(50, 8, generator(3))] == theirs


def test_each_epoch_has_its_own_order_and_the_generator_alone_decides():
    world, one = torch.random.get_rng_state(), generator(5)
    first, second = (torch.cat(list(minibatches(40, 8, one))) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat(list(minibatches(40, 8, generator(5)))))
    assert torch.equal(world, torch.random.get_rng_state())


def test_every_index_comes_first_as_often():
    one = generator()
    firsts = torch.stack([next(iter(minibatches(5, 2, one)))[0] for _ in range(4000)])
    assert float((firsts.bincount(minlength=5) / 4000 - 0.2).abs().max()) < 6 * math.sqrt(0.2 * 0.8 / 4000)


# --- the gradient of a batch ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rows", [[0], [3, 1, 7], list(range(12)), [4, 4, 0]], ids=str)
def test_it_is_what_autograd_takes_of_the_rows(rows, device):
    w, X, y = table(device)
    index = torch.tensor(rows, device=device)
    w = w.requires_grad_()
    (expected,) = torch.autograd.grad(torch.nn.functional.mse_loss(X[index] @ w, y[index]), w)
    torch.testing.assert_close(minibatch_gradient(w.detach(), X, y, index), expected)


def test_all_rows_are_the_full_gradient():
    w, X, y = table()
    torch.testing.assert_close(minibatch_gradient(w, X, y, torch.arange(12)), linear_regression_gradient(w, X, y))


def test_over_an_epoch_of_equal_batches_the_mean_is_the_full_gradient():
    w, X, y = table()
    grads = torch.stack([minibatch_gradient(w, X, y, index) for index in minibatches(12, 4, generator())])
    torch.testing.assert_close(grads.mean(0), linear_regression_gradient(w, X, y))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dtype_and_inputs_stay(dtype):
    w, X, y = (x.to(dtype) for x in table())
    before = w.clone(), X.clone(), y.clone()
    assert minibatch_gradient(w, X, y, torch.tensor([1, 2])).dtype == dtype
    torch.testing.assert_close((w, X, y), before, rtol=0, atol=0)


# --- the noise scale ---


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(2, 1), (5, 3), (40, 7)], ids=str)
def test_it_is_the_trace_of_the_covariance_over_the_squared_mean(shape, device):
    grads = draw(*shape, device=device) + 0.5
    trace = torch.trace(torch.cov(grads.T).reshape(shape[1], shape[1]))
    torch.testing.assert_close(gradient_noise_scale(grads), trace / grads.mean(0).square().sum())
    assert gradient_noise_scale(grads).shape == ()


def test_it_sees_neither_a_factor_nor_the_order_nor_a_rotation():
    grads = draw(20, 4) + 1
    expected = gradient_noise_scale(grads)
    rotation = torch.linalg.qr(draw(4, 4, seed=1)).Q
    for other in (7.0 * grads, -grads, grads.flip(0), grads @ rotation):
        torch.testing.assert_close(gradient_noise_scale(other), expected)


def test_equal_gradients_have_no_noise_and_opposite_ones_nothing_else():
    assert gradient_noise_scale(torch.ones(4, 2)) == 0
    assert gradient_noise_scale(torch.tensor([[1.0], [-1.0]])) == math.inf


def test_at_that_batch_size_the_noise_is_as_long_as_the_gradient():
    grads = draw(200, 5) + 0.5
    size = round(float(gradient_noise_scale(grads)))
    picks = torch.randint(200, (20_000, size), generator=generator(1))
    noise = (grads[picks].mean(1) - grads.mean(0)).square().sum(1).mean()
    assert float(noise / grads.mean(0).square().sum()) == pytest.approx(1, abs=0.1)


def test_they_compile_as_one_graph():
    w, X, y = table()

    def both(w, X, y, index):
        return minibatch_gradient(w, X, y, index) + gradient_noise_scale(X)

    compiled, index = torch.compile(both, fullgraph=True, backend="eager"), torch.tensor([1, 2])
    torch.testing.assert_close(compiled(w, X, y, index), both(w, X, y, index))


# --- what is refused ---


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None], ids=repr)
def test_a_count_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"^minibatches: n must be a whole number, at least 1; got"):
        minibatches(value, 2, generator())
    with pytest.raises(ValueError, match=r"^minibatches: batch_size must be a whole number, at least 1; got"):
        minibatches(4, value, generator())


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match=r"^minibatches: generator must be a torch\.Generator; got int$"):
        minibatches(4, 2, 0)


def test_rows_that_do_not_fit_are_refused():
    w, X, y = table()
    index = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"^minibatch_gradient: X must have shape \(N, d\), w \(d,\) and y \(N,\)"):
        minibatch_gradient(w, X, y[:, None], index)
    for wrong in (index[:0], index.double(), index[:, None], torch.ones(12, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r"^minibatch_gradient: index must be 1-D, of torch\.int64"):
            minibatch_gradient(w, X, y, wrong)
    with pytest.raises(ValueError, match=r"^minibatch_gradient: index must hold rows from 0 to 11; got 0 to 12$"):
        minibatch_gradient(w, X, y, torch.tensor([0, 12]))
    with pytest.raises(TypeError, match=r"^minibatch_gradient: index must be a tensor; got list$"):
        minibatch_gradient(w, X, y, [0, 1])


@pytest.mark.parametrize("grads", [draw(5), draw(1, 5), draw(2, 2, 2)], ids=lambda x: str(tuple(x.shape)))
def test_gradients_of_another_shape_are_refused(grads):
    with pytest.raises(ValueError, match=r"^gradient_noise_scale: per_example_grads must have shape \(N, d\)"):
        gradient_noise_scale(grads)


@pytest.mark.parametrize("function", [minibatches, minibatch_gradient, gradient_noise_scale])
def test_the_docstring_says_all(function):
    text = inspect.getdoc(function)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
