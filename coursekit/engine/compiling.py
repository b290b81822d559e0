"""A rule through `torch.compile`: what may be compiled, with what in the place of the step count, and what if not."""

from __future__ import annotations

import functools
import inspect
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coursekit.engine.rules import outcome
from coursekit.reference.rule import Rule, hyperparameters

DOUBLE = torch.float64


class Steps:
    """The step count `t` as a compiled rule sees it: already counted up, and `beta**t` worked out beforehand.

    A power inside the compiled loop would be taken anew for every element, and a whole number that grows would be
    compiled anew at every step. So `t + 1` is `t`, and `beta**t` one tensor without dimensions, filled once a step;
    the rule goes on saying `1 - beta1**t`.
    """

    def __init__(self, powers: dict[float, Any]) -> None:
        self.powers = powers

    def __add__(self, one: int) -> Steps:
        return self

    __radd__ = __add__

    def __rpow__(self, base: float) -> Any:
        return self.powers[base]


class _Recorder(dict):
    """Powers for a trial run, which notes the bases that the rule asks for."""

    def __init__(self, t: int) -> None:
        self.t = t

    def __missing__(self, base: float) -> float:
        self[base] = base**self.t
        return self[base]


class Plan(NamedTuple):
    """How a rule is compiled."""

    fields: tuple[str, ...]  # of its state, without the step count
    bases: tuple[str, ...]  # the hyperparameters `beta` of which it asks for the power `beta**t`


@functools.lru_cache(maxsize=64)
def plan(rule: Rule) -> Plan | str:
    """How `rule` is compiled, or the reason in words why it is not.

    The rule is tried on a few numbers: it must treat every element on its own, since all parameters stand in one
    vector, and must give the same with `Steps` in the place of its step count.

    Raises:
        ValueError: a rule that changes its inputs.
    """
    names = tuple(rule.State._fields)  # type: ignore[attr-defined]
    if rule.takes_grad_fn:
        return "it takes its gradients at a point of its own choosing"
    hyper = {key: 0.3 + 0.07 * k for k, key in enumerate(hyperparameters(rule))}  # no two alike: a base has a name
    bases: set[str] = set()
    changed: list[str] = []
    for t, inputs in _trials(rule):
        try:
            kept = [x.clone() for x in inputs]
            wanted = _call(rule, inputs, t, hyper)
            if changed := _changed(names, kept, inputs):
                break
            alone = [torch.cat(parts) for parts in zip(*_apart(rule, inputs, t, hyper), strict=True)]
            powers = _Recorder(t + 1)
            counted = _call(rule, inputs, Steps(powers), hyper)
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            return f"its step count is used in another way than `beta**t` ({type(error).__name__}: {error})"
        if not powers.keys() <= set(hyper.values()):
            return "the base of a power of its step count is no hyperparameter"
        bases |= {key for key, value in hyper.items() if value in powers}
        if not all(map(_same, wanted, alone)):
            return "it gives an element other numbers in company than alone"
        if not all(map(_same, wanted, counted)):
            return "it counts its steps in another way than by one"
    if changed:
        raise ValueError(
            f"{rule.__name__} changes {' and '.join(changed)} in place; to be compiled it must make new tensors "
            "(`m = beta * m` for `m *= beta`), or leave compiled=True out"
        )
    return Plan(tuple(n for n in names if n != "t"), tuple(bases))


def _trials(rule: Rule) -> Iterator[tuple[int, list[Tensor]]]:
    """A first step and a later one: the step count before, and parameter, gradient and fields of the state."""
    numbers = torch.linspace(-1.5, 2.0, 4, dtype=DOUBLE)
    fresh = rule.init(numbers)
    fields = [x for x in fresh if isinstance(x, Tensor)]
    yield 0, [numbers.clone(), numbers.flip(0) * 0.7, *(x.clone() for x in fields)]
    yield 4, [numbers.clone(), numbers.flip(0) * 0.7, *(x + 0.3 + 0.1 * numbers**2 for x in fields)]


def _call(rule: Rule, inputs: list[Tensor], t: Any, hyper: dict[str, Any]) -> list[Tensor]:
    """New parameter and fields of a step; the fields must come in their places, and the count one higher."""
    param, grad, *fields = inputs
    new, state = _formula(rule)(param, grad, _state(rule, fields, t), **hyper)
    if not isinstance(t, Steps):
        outcome(rule.__name__, (new, state), param, _state(rule, fields, t))
        if any(name == "t" and int(x) != t + 1 for name, x in zip(rule.State._fields, state, strict=True)):  # type: ignore[attr-defined]
            raise TypeError("the count must rise by one")
    return [new, *(x for x in state if isinstance(x, Tensor))]


def _apart(rule: Rule, inputs: list[Tensor], t: int, hyper: dict[str, Any]) -> list[list[Tensor]]:
    return [_call(rule, [x[i : i + 1] for x in inputs], t, hyper) for i in range(len(inputs[0]))]


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)


def _changed(fields: tuple[str, ...], before: list[Tensor], after: list[Tensor]) -> list[str]:
    """The names of the inputs that are not what they were."""
    words = ("param", "grad", *(f"state.{field}" for field in fields if field != "t"))
    return [word for word, old, new in zip(words, before, after, strict=True) if not torch.equal(old, new)]


def _formula(rule: Rule) -> Callable[..., Any]:
    return inspect.unwrap(rule)  # without the checks around it, which want plain numbers


def _state(rule: Rule, fields: list[Tensor], t: Any) -> Any:
    left = iter(fields)
    return rule.State(*(t if name == "t" else next(left) for name in rule.State._fields))  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=64)
def step_of(rule: Rule) -> Callable[..., None]:
    """A function that takes one step in place, all of it one loop once it is compiled.

    It is called as `step(param, grad, fields, hyper, powers)`: vectors, the list of the state's fields, and dicts of
    the hyperparameters and of the powers `base**t`.
    """

    def step(param: Tensor, grad: Tensor, fields: list[Tensor], hyper: dict[str, Any], powers: dict) -> None:
        new, state = _formula(rule)(param, grad, _state(rule, fields, Steps(powers)), **hyper)
        param.copy_(new)
        for field, value in zip(fields, [x for x in state if isinstance(x, Tensor)], strict=True):
            field.copy_(value)

    return compiled(step, f"step_of_{rule.__name__}")


def compiled(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function through `torch.compile`; where that fails, the function as it is, after one warning.

    The compiler keeps what it made with the code of a function and makes only a few versions of each, so every
    function gets code of its own, under `name`.
    """
    code = function.__code__.replace(co_name=name)
    own = types.FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)
    fast = torch.compile(own, fullgraph=True, dynamic=True)
    failed = False

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        nonlocal failed
        if not failed:
            try:
                return fast(*args)
            except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError, ImportError) as error:
                failed = True
                warn_once(name, f"could not be compiled ({_first_line(error)})")
        return own(*args)

    return call


_warned: set[str] = set()


def warn_once(name: str, reason: str) -> None:
    """Say once for each name that it runs eagerly, and why."""
    if name not in _warned:
        _warned.add(name)
        warnings.warn(f"{name} runs eagerly, slower and with the same numbers: {reason}", RuntimeWarning, stacklevel=3)


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {next(iter(str(cause).strip().splitlines()), '')}"[:200]
