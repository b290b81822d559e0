"""The compiled optimizer beside the eager one: the same numbers, whatever happens to parameters and state."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from coursekit.engine import Optimizer, compiling
from coursekit.reference import RULES
from coursekit.reference.rule import hyperparameters
from tests.engine.compiler import needs_compiler

pytestmark = needs_compiler
HYPER = {"lr": 0.03, "beta": 0.7, "beta1": 0.7, "beta2": 0.9, "eps": 0.03, "weight_decay": 0.3}
ELEMENTWISE = [name for name, rule in RULES.items() if not rule.takes_grad_fn and not rule.matrices]
ADAM = {key: HYPER[key] for key in hyperparameters(RULES["adam"])}


def parameters(dtype=torch.float64) -> list[torch.nn.Parameter]:
    """Shapes with and without dimensions, empty, and one laid out column by column."""
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(shape, generator=generator, dtype=dtype) for shape in [(3, 5), (), (7,), (0, 2), (4, 3)]]
    made[-1] = made[-1].t()
    return [torch.nn.Parameter(x) for x in made]


def pair(name="adam", dtype=torch.float64, **hyper):
    """The same parameters twice, under a compiled and an eager optimizer."""
    settings = {key: HYPER[key] for key in hyperparameters(RULES[name])} | hyper
    mine, theirs = parameters(dtype), parameters(dtype)
    return (
        mine,
        theirs,
        Optimizer(mine, RULES[name], compiled=True, **settings),
        Optimizer(theirs, RULES[name], **settings),
    )


def give_gradients(step, *lists, skip=()):
    generator = torch.Generator().manual_seed(100 + step)
    for i, same in enumerate(zip(*lists, strict=True)):
        grad = torch.randn(same[0].shape, generator=generator, dtype=same[0].dtype)
        for p in same:
            p.grad = None if i in skip else grad.clone()


def walk(mine, theirs, one, other, steps=3, **how):
    for step in range(steps):
        give_gradients(step, mine, theirs, **how)
        one.step()
        other.step()


def assert_same(mine, theirs, one, other, rtol=1e-12):
    for p, q in zip(mine, theirs, strict=True):
        torch.testing.assert_close(p.detach(), q.detach(), rtol=rtol, atol=rtol)
        assert p.stride() == q.stride() or p.numel() == 0
        assert one.state[p].keys() == other.state[q].keys()
        for field in one.state[p]:
            torch.testing.assert_close(one.state[p][field], other.state[q][field], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_elementwise_rule_takes_the_same_steps(name):
    both = pair(name)
    walk(*both)  # without a warning, which would be an error here
    assert_same(*both)


def test_in_float32_to_its_rounding():
    both = pair("adamw", torch.float32, weight_decay=0.1)
    walk(*both)
    assert_same(*both, rtol=1e-5)


def test_a_parameter_without_a_gradient_stays_and_counts_its_own_steps():
    both = mine, _, one, _ = pair()
    walk(*both, steps=2, skip={1})
    walk(*both, steps=2, skip={3, 4})
    walk(*both, steps=1)
    assert_same(*both)
    assert [one.state[p]["t"] for p in mine] == [5, 3, 5, 3, 3]


def test_gradients_that_stay_are_views_and_need_no_copy():
    mine, _, one, _ = pair()
    give_gradients(0, mine)
    one.step()
    kept = [p.grad for p in mine]
    one.zero_grad(set_to_none=False)
    for p in mine:
        (p**2).sum().backward()
    one.step()
    assert all(p.grad is grad for p, grad in zip(mine, kept, strict=True))
    assert len({p.grad.untyped_storage().data_ptr() for p in mine if p.numel()}) == 1
    assert len({p.untyped_storage().data_ptr() for p in mine if p.numel()}) == 1
    torch.testing.assert_close(kept[0], 2 * mine[0].detach(), rtol=0.2, atol=0.2)  # left as backward made them


def test_frozen_later_and_freed_again():
    both = mine, theirs, *_ = pair()
    walk(*both, steps=1)
    for frozen in (True, False):
        for p in (mine[0], theirs[0]):
            p.requires_grad_(not frozen)
        walk(*both, steps=1, skip={0} if frozen else ())
    assert_same(*both)


def test_a_parameter_that_someone_replaced_is_taken_in_again():
    both = mine, theirs, *_ = pair()
    walk(*both, steps=1)
    for p in (mine[2], theirs[2]):
        p.data = torch.arange(7, dtype=p.dtype)
    walk(*both, steps=1)
    assert_same(*both)


@pytest.mark.parametrize("loader", [True, False])
def test_a_checkpoint_loads_into_either_kind(loader):
    mine, theirs, one, other = pair()
    walk(mine, theirs, one, other, steps=2)
    file = io.BytesIO()
    torch.save(one.state_dict() if loader else other.state_dict(), file)
    file.seek(0)
    saved = torch.load(file)
    assert [list(v) for v in saved["state"].values()] == [["m", "v", "t"]] * 5
    assert [v["m"].shape for v in saved["state"].values()] == [p.shape for p in mine]
    fresh = Optimizer(mine, RULES["adam"], compiled=not loader, lr=0.5)
    fresh.load_state_dict(saved)
    walk(mine, theirs, fresh, other, steps=2)
    assert_same(mine, theirs, fresh, other)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_alone(again):
    mine, theirs, one, other = pair()
    walk(mine, theirs, one, other, steps=1)
    kept, optimizer = again((mine, one))
    before = [p.detach().clone() for p in mine]
    walk(kept, theirs, optimizer, other, steps=2)
    assert_same(kept, theirs, optimizer, other)
    assert all(torch.equal(p, q) for p, q in zip(mine, before, strict=True))


def test_groups_with_settings_of_their_own_and_one_that_comes_later():
    mine, theirs = parameters(), parameters()
    made = []
    for params, compiled in ((mine, True), (theirs, False)):
        groups = [{"params": params[:2]}, {"params": params[2:4], "lr": 0.3, "beta1": 0.2}]
        made.append(Optimizer(groups, RULES["adam"], compiled=compiled, **ADAM))
    one, other = made
    walk(mine[:4], theirs[:4], one, other)
    one.add_param_group({"params": mine[4:], "eps": 0.5})
    other.add_param_group({"params": theirs[4:], "eps": 0.5})
    walk(mine, theirs, one, other)
    assert_same(mine, theirs, one, other)


def test_dtypes_side_by_side():
    mine, theirs = ([*parameters(), *parameters(torch.float32)] for _ in range(2))
    one, other = (
        Optimizer(p, RULES["momentum"], compiled=c, lr=0.1, beta=0.5) for p, c in ((mine, 1 > 0), (theirs, 1 < 0))
    )
    walk(mine, theirs, one, other)
    assert_same(mine, theirs, one, other, rtol=1e-6)
    assert [p.dtype for p in mine] == [p.dtype for p in theirs]


def test_a_schedule_and_clipping_work_and_compile_nothing_again():
    both = mine, theirs, *optimizers = pair()
    walk(*both, steps=1)
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=5) for o in optimizers]
    with torch.compiler.set_stance("fail_on_recompile"):
        for step in range(4):
            give_gradients(step, mine, theirs)
            for params, optimizer, scheduler in zip((mine, theirs), optimizers, schedulers, strict=True):
                torch.nn.utils.clip_grad_norm_(params, 0.5)
                optimizer.step()
                scheduler.step()
    assert_same(*both)


def test_gradients_that_are_no_numbers_go_where_torch_lets_them_go():
    mine, theirs = parameters(), parameters()
    one, other = Optimizer(mine, RULES["adam"], compiled=True, **ADAM), torch.optim.Adam(theirs, 0.03, (0.7, 0.9), 0.03)
    give_gradients(0, mine, theirs)
    for p in (mine[0], theirs[0]):
        p.grad[0, 1], p.grad[1, 1] = float("nan"), float("inf")
    one.step()
    other.step()
    for p, q in zip(mine, theirs, strict=True):
        torch.testing.assert_close(p.detach(), q.detach(), equal_nan=True)


def test_a_graph_whose_weights_have_moved_goes_backward_no_more():
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = Optimizer([w], RULES["adam"], compiled=True)
    loss = (w**2).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="inplace operation"):
        loss.backward()


def test_a_learners_function_is_compiled_as_it_is():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        step = 1 + t
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * torch.square(grad)
        return param - lr * (m / (1 - beta1**step)) / (torch.sqrt(v / (1 - beta2**step)) + eps), (m, v, step)

    mine, theirs = parameters(), parameters()
    one, other = Optimizer(mine, adam, compiled=True, **ADAM), Optimizer(theirs, RULES["adam"], **ADAM)
    walk(mine, theirs, one, other)
    assert_same(mine, theirs, one, other)


def twice(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    return param - lr * grad / (1 - beta1 ** (t + 2)), (m, v, t + 1)


def normed(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    return param - lr * grad / grad.norm(), (m, v, t + 1)


def rooted(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    return param - lr * grad / (t + 1) ** 0.5, (m, v, t + 1)


def complement(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    return param - lr * grad * (1 - beta1) ** (t + 1), (m, v, t + 1)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (RULES["nesterov"], "a point ahead"),
        (twice, "another way than by one"),
        (normed, "in company"),
        (rooted, "another way"),
        (complement, "another way"),
    ],
)
def test_what_cannot_be_compiled_runs_eagerly_after_one_warning(function, words, monkeypatch):
    monkeypatch.setattr(compiling, "_warned", set())
    name = function.__name__
    if function is not RULES["nesterov"]:
        function.__name__ = "adam"
    settings = ADAM if function is not RULES["nesterov"] else {"lr": 0.1, "beta": 0.5}
    mine, theirs = parameters(), parameters()
    with pytest.warns(RuntimeWarning, match=f"same numbers.*{words}") as seen:
        one = Optimizer(mine, function, compiled=True, **settings)
        Optimizer(mine, function, compiled=True, **settings)
    assert len(seen) == 1
    function.__name__ = name
    if name != "nesterov":
        other = Optimizer(theirs, as_adam(function), **settings)
        walk(mine, theirs, one, other)
        assert_same(mine, theirs, one, other)


def as_adam(function):
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        return function(param, grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps)

    return adam


def test_without_a_compiler_one_warning_and_the_same_numbers(monkeypatch):
    def broken(*args, **kwargs):
        raise torch._dynamo.exc.TorchDynamoException("No working C++ compiler found")

    monkeypatch.setattr(compiling, "_warned", set())
    monkeypatch.setattr(torch, "compile", lambda function, **how: broken)
    compiling.step_of.cache_clear()
    try:
        both = pair()
        with pytest.warns(RuntimeWarning, match=r"step_of_adam runs eagerly.*No working C\+\+ compiler") as seen:
            walk(*both)
        assert len(seen) == 1
        assert_same(*both)
    finally:
        compiling.step_of.cache_clear()


def test_a_rule_that_changes_its_inputs_is_refused_by_name():
    def adam(param, grad, state, *, lr, beta1, beta2, eps):
        m, v, t = state
        m.mul_(beta1).add_(grad, alpha=1 - beta1)
        grad *= 2
        return param - lr * m, (m, v, t + 1)

    with pytest.raises(ValueError, match=r"adam changes grad and state\.m in place.*beta \* m"):
        Optimizer(parameters(), adam, compiled=True, **ADAM)


@pytest.mark.parametrize("params", [[], [torch.nn.Parameter(torch.ones(2, dtype=torch.cfloat))]])
def test_what_the_eager_one_refuses_is_refused(params):
    for compiled in (True, False):
        with pytest.raises(ValueError, match=r"empty parameter list|complex64"):
            Optimizer(params, RULES["adam"], compiled=compiled)


def test_compiled_is_true_or_false():
    with pytest.raises(TypeError, match="True or False; got 'yes'"):
        Optimizer(parameters(), RULES["adam"], compiled="yes")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_same_steps_on_a_gpu(name):
    settings = {key: HYPER[key] for key in hyperparameters(RULES[name])}
    mine, theirs = ([torch.nn.Parameter(p.detach().cuda()) for p in parameters()] for _ in range(2))
    one = Optimizer(mine, RULES[name], compiled=True, **settings)
    other = Optimizer(theirs, RULES[name], **settings)
    for step in range(3):
        for i, (p, q) in enumerate(zip(mine, theirs, strict=True)):
            torch.manual_seed(10 * step + i)
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        one.step()
        other.step()
    assert_same(mine, theirs, one, other, rtol=1e-10)
