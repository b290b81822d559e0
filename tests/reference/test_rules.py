"""Every rule of the course, in one way: against its twin in torch, and what all rules promise."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch

from coursekit.reference import RULES
from coursekit.reference.rule import hyperparameters
from tests.engine.compiler import needs_compiler
from tests.reference.rules_table import BAD, DEVICES, TABLE, Problem, walk, walk_torch

every_rule = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
SETTINGS = [pytest.param(row, hyper, id=f"{row.name}-{i}") for row in TABLE for i, hyper in enumerate(row.settings)]
ELEMENTWISE = pytest.mark.parametrize("row", [row for row in TABLE if not row.rule.matrices], ids=lambda row: row.name)
SHAPES = [
    pytest.param(row, shape, id=f"{row.name}-{shape}")
    for row in TABLE
    for shape in ([(2, 3), (3, 1), (0, 2), (2, 0)] if row.rule.matrices else [(), (3,), (2, 3, 2), (0,), (2, 0)])
]


def tensors(param, state):
    return [param, *(field for field in state if isinstance(field, torch.Tensor))]


def direction(rule, grad):
    """What the rule takes in the place of a gradient: the gradient, or a function that says it everywhere."""
    return (lambda point: grad.expand_as(point)) if rule.takes_grad_fn else grad


def test_the_table_has_every_rule():
    assert [row.name for row in TABLE] == list(RULES)
    assert all(rule.__name__ == name for name, rule in RULES.items())


@every_rule
def test_names_of_states_and_hyperparameters_are_the_curriculums(row):
    assert row.rule.State._fields == row.fields
    assert [*hyperparameters(row.rule)] == [*row.hostile[0]]
    assert row.rule.takes_grad_fn == (row.name == "nesterov")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("start", ["zero", "random"])
@pytest.mark.parametrize(("row", "hyper"), SETTINGS)
def test_twenty_steps_are_those_of_torch(row, hyper, start, device):
    problem = Problem.draw(*row.shape, start=start, device=device)
    path, state = walk(row.rule, problem, **hyper)
    expected, expected_state = walk_torch(row, problem, **hyper)

    # The displacement, not the parameter, which would hide small steps behind its own size; to 1e-12 of the longest way
    # that the coordinate went, and the rounding of a start that is not zero (20 steps of 2.2e-16).
    moved = (expected - expected[0]).abs().amax(dim=0)
    scale = moved + 20 * torch.finfo(path.dtype).eps / 1e-12 * expected[0].abs()
    scale = torch.where(scale == 0, 1.0, scale)
    torch.testing.assert_close((path - path[0]) / scale, (expected - expected[0]) / scale, rtol=0, atol=1e-12)
    assert moved.count_nonzero() == 64

    for ours, theirs in zip(state, expected_state, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=0)


@every_rule
def test_a_step_changes_nothing_that_it_was_given(row):
    problem = Problem.draw(2, 3)
    path, state = walk(row.rule, problem, steps=2, **row.hostile[0])
    param, grad = path[-1].clone(), problem.noise[2].clone()
    given = [grad, *tensors(param, state)]
    before = [(tensor.clone(), tensor._version) for tensor in given]

    new_param, new_state = row.rule(param, direction(row.rule, grad), state, **row.hostile[0])

    for tensor, (value, version) in zip(given, before, strict=True):
        torch.testing.assert_close(tensor, value, rtol=0, atol=0)
        assert tensor._version == version
    stored = {tensor.untyped_storage().data_ptr() for tensor in given}
    assert not any(tensor.untyped_storage().data_ptr() in stored for tensor in tensors(new_param, new_state))
    assert not torch.equal(new_param, param)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("row", "shape"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_shape_dtype_and_device_stay(row, shape, dtype, device):
    problem = Problem.draw(*shape, dtype=dtype, device=device)
    path, state = walk(row.rule, problem, steps=3, **row.hostile[0])
    assert type(state) is row.rule.State
    for tensor in tensors(path[-1], state):
        assert (tensor.shape, tensor.dtype, tensor.device) == (shape, dtype, problem.start.device)
        assert tensor.isfinite().all()
    if "t" in row.fields:
        assert state.t == 3 and type(state.t) is int


@every_rule
@pytest.mark.parametrize("device", DEVICES)
def test_float32_follows_float64(row, device):
    single = walk(row.rule, Problem.draw(*row.shape, dtype=torch.float32, device=device), **row.hostile[0])[0]
    double = walk(row.rule, Problem.draw(*row.shape, device=device), **row.hostile[0])[0]
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@ELEMENTWISE
@pytest.mark.parametrize("device", DEVICES)
def test_a_column_of_hyperparameters_walks_as_one_by_one(row, device):
    wide = Problem.draw(1, 16, device=device)
    names = list(row.hostile[0])
    ways = [{name: (0.5 + i / 4) * value for name, value in row.hostile[0].items()} for i in range(3)]
    column = {name: torch.tensor([[way[name]] for way in ways], dtype=torch.float64, device=device) for name in names}
    path, state = walk(row.rule, wide, steps=5, **column)
    assert path.shape == (6, 3, 16)
    for i, way in enumerate(ways):
        alone, alone_state = walk(row.rule, wide, steps=5, **way)
        torch.testing.assert_close(path[:, i], alone[:, 0], rtol=1e-12, atol=1e-15)
        for together, single in zip(state, alone_state, strict=True):
            if isinstance(together, torch.Tensor):
                torch.testing.assert_close(together.expand(3, 16)[i], single[0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("row", [row for row in TABLE if "t" in row.fields], ids=lambda row: row.name)
def test_t_may_be_a_tensor(row):
    problem = Problem.draw(8)
    path, _ = walk(row.rule, problem, steps=3, **row.hostile[0])
    param, state = problem.start, row.rule.init(problem.start)._replace(t=torch.tensor(0.0, dtype=torch.float64))
    for step in range(3):
        param, state = row.rule(param, problem.gradient(step, param), state, **row.hostile[0])
    torch.testing.assert_close(param, path[-1], rtol=1e-14, atol=1e-14)
    assert state.t == 3


@pytest.mark.parametrize(
    ("row", "name", "value"),
    [
        pytest.param(row, name, value, id=f"{row.name}-{name}-{value!r}")
        for row in TABLE
        for name in hyperparameters(row.rule)
        for value in BAD[name][0]
    ],
)
def test_a_bad_hyperparameter_is_refused_with_its_value(row, name, value):
    param = torch.ones(2)
    with pytest.raises(ValueError) as caught:
        row.rule(param, direction(row.rule, param), row.rule.init(param), **{name: value})
    assert str(caught.value) == f"{row.name}: {name} must be {BAD[name][1]}; got {value!r}"


@every_rule
def test_an_unknown_hyperparameter_is_refused(row):
    param = torch.ones(row.small)
    with pytest.raises(TypeError, match=f"{row.name}.*learning_rate"):
        row.rule(param, direction(row.rule, param), row.rule.init(param), learning_rate=0.1)


@every_rule
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)], ids=str)
def test_a_gradient_of_another_shape_is_refused(row, shape):
    param, grad = torch.ones(row.small), torch.ones(shape)
    given = (lambda point: grad) if row.rule.takes_grad_fn else grad
    with pytest.raises(ValueError) as caught:
        row.rule(param, given, row.rule.init(param))
    assert str(caught.value) == f"{row.name}: the gradient must have the parameter's shape {row.small}; got {shape}"


@every_rule
@pytest.mark.parametrize("given", [None, 0.5, [1.0, 1.0]], ids=repr)
def test_what_is_no_tensor_is_refused(row, given):
    param = torch.ones(row.small)
    grad = (lambda point: given) if row.rule.takes_grad_fn else given
    with pytest.raises(TypeError, match=f"{row.name}: the gradient must be a tensor; got {type(given).__name__}"):
        row.rule(param, grad, row.rule.init(param))
    with pytest.raises(TypeError, match=f"{row.name}: the parameter must be a tensor; got {type(given).__name__}"):
        row.rule(given, direction(row.rule, param), row.rule.init(param))


@every_rule
def test_the_body_works_under_vmap_and_grad(row):
    problem = Problem.draw(4, *row.small)
    body, hyper = row.rule.__wrapped__, row.hostile[0]
    state = row.rule.init(problem.start)
    t = {"t": 0} if "t" in row.fields else {}

    def step(param, noise, *fields):
        start = row.rule.State(*fields, **t)
        new, _ = body(param, direction(row.rule, noise), start, **hyper)
        return new

    fields = tensors(problem.start, state)[1:]
    rows = torch.func.vmap(step)(problem.start, problem.noise[0], *fields)
    alone = [step(*inputs) for inputs in zip(problem.start, problem.noise[0], *fields, strict=True)]
    torch.testing.assert_close(rows, torch.stack(alone), rtol=1e-13, atol=1e-14)

    # through the step runs the gradient: a small change of the parameter, by the chain rule and by differences
    noise = torch.linspace(0.5, 2.0, 6, dtype=torch.float64).view(row.small)
    at = [torch.full(row.small, 0.3, dtype=torch.float64) for _ in fields]
    inputs = (problem.start[0].requires_grad_(), noise.requires_grad_())
    assert torch.autograd.gradcheck(lambda param, grad: step(param, grad, *at), inputs)


@every_rule
def test_the_body_compiles_as_one_graph(row):
    problem = Problem.draw(*row.shape)
    body = torch.compile(row.rule.__wrapped__, fullgraph=True, backend="eager")
    param, state = problem.start, row.rule.init(problem.start)
    grad = direction(row.rule, problem.noise[0])
    for _ in range(3):
        param, state = body(param, grad, state, **row.hostile[0])
    expected, expected_state = problem.start, row.rule.init(problem.start)
    for _ in range(3):
        expected, expected_state = row.rule(expected, grad, expected_state, **row.hostile[0])
    torch.testing.assert_close((param, state), (expected, expected_state), rtol=1e-14, atol=1e-14)


@needs_compiler
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own, when its compiler is imported
def test_compiled_adam_is_adam():
    problem, rule = Problem.draw(64), RULES["adam"]
    body = torch.compile(rule.__wrapped__, fullgraph=True)
    state = rule.State(*problem.noise[:2].abs(), t=torch.tensor(3.0, dtype=torch.float64))
    hyper = next(row.hostile[0] for row in TABLE if row.rule is rule)
    compiled = body(problem.start, problem.noise[2], state, **hyper)
    torch.testing.assert_close(compiled, rule(problem.start, problem.noise[2], state, **hyper), rtol=1e-12, atol=0)


@every_rule
def test_a_rule_and_its_state_survive_pickle(row):
    state = row.rule.init(torch.ones(2))
    assert pickle.loads(pickle.dumps(row.rule)) is row.rule
    torch.testing.assert_close(pickle.loads(pickle.dumps(state)), state)


@every_rule
def test_the_docstring_says_all(row):
    text = inspect.getdoc(row.rule)
    for part in ("$$", "Args:", "Returns:", "Raises:", ">>>", "Source: ", "Where torch differs: "):
        assert part in text, part
    for name in inspect.signature(row.rule).parameters:
        assert f"\n    {name}: " in text, name
