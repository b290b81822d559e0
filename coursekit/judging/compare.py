"""Comparing what came with what was expected: the first difference, in the order in which a learner should hear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from coursekit.probe.cases import Case, Outcome, Steps
from coursekit.probe.values import Huge, Other, describe

# Taken hold of before any code of a learner runs, so that a patched torch does not judge.
_subtract, _abs, _isfinite, _maximum, _nonzero = torch.sub, torch.abs, torch.isfinite, torch.max, torch.nonzero
_equal = torch.equal

ORDER = (
    "delegated",
    "attempted",
    "runs",
    "time",
    "memory",
    "crashed",
    "type",
    "structure",
    "gradient",
    "shape",
    "dtype",
    "unchanged",
    "finite",
    "value",
)

# rtol: share of the expected number; atol: share of the largest number in the same tensor.
TOLERANCE = {torch.float64: (1e-9, 1e-13), torch.float32: (1e-4, 1e-6), torch.float16: (1e-2, 1e-3)}

NO_GRADIENT = (
    "no gradient flows back through the result; something on the way cuts it off: `.item()`, `float()`, `.detach()`, "
    "NumPy, a new `torch.tensor(...)`"
)
NOISE = 1e-14  # of a plain number, and between two wrong results: what is 0 on paper is anything of this size


@dataclass(frozen=True)
class Difference:
    """Where an outcome first departs from the expected one."""

    check: str
    message: str
    case: int = 0
    step: int | None = None
    element: tuple[int, ...] | None = None
    yours: float | None = None
    expected: float | None = None
    ratio: float | None = None
    line: int | None = None
    text: str = ""
    law: str = ""  # the id of the law that is broken


def differences(cases: list[Case], expected: list[Outcome], got: list[Outcome]) -> list[Difference]:
    """The difference of every judged case that has one, in the order of `ORDER`, then of the cases."""
    found = []
    for i, (case, want, have) in enumerate(zip(cases, expected, got, strict=True)):
        if case.judged and (difference := compare(case, want, have, i)):
            found.append(difference)
    return sorted(found, key=lambda d: (ORDER.index(d.check), d.case))


def compare(case: Case, expected: Outcome, got: Outcome, index: int = 0, *, nan: bool = False) -> Difference | None:
    """The first difference between two outcomes of a case, or None. With `nan`, NaN equals NaN (for diagnosis)."""
    if got.fault or expected.fault:
        return _faults(expected, got, index)
    if set(got.changed) != set(expected.changed):
        return Difference("unchanged", in_place(sorted(set(got.changed) - set(expected.changed))), index)
    if isinstance(case, Steps):
        return _paths(expected.value, got.value, index, nan)
    want, have = expected.value, got.value
    if want.get("gradient") is not None and have.get("gradient", 0) is None:
        return Difference("gradient", NO_GRADIENT, index)
    if nan and want.get("gradient") and have.get("gradient"):
        want, have = _without_unreal(want, have)
    return values(want, have, "", index, nan)


def _without_unreal(want: dict[str, Any], have: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two wrong results, their gradients as they are where both are finite: which of them is NaN hangs on a hair."""
    pairs = list(zip(want["gradient"], have["gradient"], strict=False))
    if any(a is None or b is None or a.shape != b.shape for a, b in pairs):
        return want, have
    real = [(a, b, _isfinite(a) & _isfinite(b)) for a, b in pairs]
    return (
        want | {"gradient": [a.where(ok, torch.zeros_like(a)) for a, _, ok in real]},
        have | {"gradient": [b.where(ok, torch.zeros_like(b)) for _, b, ok in real]},
    )


def in_place(names: Sequence[str]) -> str:
    """Which inputs were changed, in words.

    >>> in_place(["m", "param"])
    'm and param were changed in place; make new tensors instead (x = x - y, not x -= y)'
    """
    many = len(names) > 1
    what = "were changed in place; make new tensors" if many else "was changed in place; make a new tensor"
    return f"{' and '.join(names) or 'nothing'} {what} instead (x = x - y, not x -= y)"


def _faults(expected: Outcome, got: Outcome, index: int) -> Difference | None:
    fault = got.fault
    if fault is None:  # only when a slip is compared: the slip fails where the learner's does not
        return Difference("runs", "it runs", index)
    if expected.fault and (fault.check, fault.step) == (expected.fault.check, expected.fault.step):
        same_words = fault.message.split("at step")[-1] == expected.fault.message.split("at step")[-1]
        if fault.check not in ("runs", "time", "memory", "attempted") and same_words:
            return None
    return Difference(fault.check, fault.message, index, fault.step, line=fault.line, text=fault.text)


def _paths(expected: Any, got: Any, index: int, nan: bool) -> Difference | None:
    """The first step and element whose displacement from the start differs; then the state."""
    want, have = (_subtract(x["path"], x["path"][0]) for x in (expected, got))
    place = _first(want, have, expected["path"], nan)
    if place is not None:
        step, element = place[0], tuple(place[1:])
        yours, wanted = have[place].item(), want[place].item()
        moved = [(x[place] - x[(step - 1, *element)]).item() for x in (have, want)]
        check = "value" if _isfinite(have[place]) or nan else "finite"
        moves = f"param moved by {apart(yours, wanted)}, expected {apart(wanted, yours)}"
        words = f"at step {step}, element {list(element)}: {moves}"
        return Difference(check, words, index, step, element, yours, wanted, _ratio(*moved))
    for name, wanted in expected["state"].items():
        if difference := values(wanted, got["state"][name], f"state.{name}", index, nan):
            return difference
    return None


def apart(x: float, other: float) -> str:
    """A number with 6 digits, or with as many as it takes to tell it from another.

    >>> apart(2.5, 1.0), apart(2.3455001, 2.3455)
    ('2.5', '2.3455001')
    """
    digits = next((n for n in range(6, 17) if f"{x:.{n}g}" != f"{other:.{n}g}"), 6)
    return f"{x + 0.0:.{digits}g}"  # + 0.0: no minus zero


def values(expected: Any, got: Any, where: str, index: int, nan: bool) -> Difference | None:
    """The first difference between two plain values; a 0-d tensor may stand where a number is wanted."""
    at = f"{where}: " if where else ""

    def differs(check: str, message: str, **more: Any) -> Difference:
        return Difference(check, f"{at}{message}", index, **more)

    dtype = torch.float64
    number = isinstance(expected, int | float) and not isinstance(expected, bool)
    if number and isinstance(got, Tensor) and got.dim() == 0:
        dtype = torch.float32 if got.dtype is torch.float32 else dtype  # as exact as torch computed it
        got = got.item()
    if isinstance(expected, Tensor):
        if isinstance(got, Huge):
            return differs("shape", f"the result has shape {got.shape}, wanted {tuple(expected.shape)}")
        if not isinstance(got, Tensor):
            return differs("type", f"it is {describe(got)}, wanted a tensor of shape {tuple(expected.shape)}")
        return _tensors(expected, got, differs, nan)
    if isinstance(expected, dict | list | tuple):
        if not isinstance(got, dict | list | tuple) or isinstance(got, dict) != isinstance(expected, dict):
            return differs("type", f"it returned {describe(got)}, wanted {describe(expected)}")
        if len(got) != len(expected) or (isinstance(got, dict) and set(got) != set(expected)):
            return differs("structure", f"it has {len(got)} parts, wanted {len(expected)}")
        keys = list(expected) if isinstance(expected, dict) else range(len(expected))
        named = [(f"{where}.{k}" if where else str(k)) if isinstance(k, str) else f"{where}[{k}]" for k in keys]
        hidden = [name.removeprefix("result.").removeprefix("result") for name in named]
        found = [values(expected[k], got[k], w, index, nan) for k, w in zip(keys, hidden, strict=True)]
        return min((d for d in found if d), key=lambda d: ORDER.index(d.check), default=None)
    if isinstance(expected, Huge | Other):  # only where two wrong results are compared
        return None if got == expected else differs("value", f"it is {describe(got)}, and was {describe(expected)}")
    if isinstance(expected, bool | str) or expected is None:
        if type(got) is not type(expected):
            return differs("type", f"it is {describe(got)}, wanted {expected!r}")
        return None if got == expected else differs("value", f"it is {got!r}, wanted {expected!r}")
    if isinstance(got, bool) or not isinstance(got, int | float):
        return differs("type", f"it returned {describe(got)}, wanted a number")
    want, have = torch.tensor(expected, dtype=dtype), torch.tensor(got, dtype=dtype)
    return _tensors(want, have, differs, nan, NOISE)


def _tensors(expected: Tensor, got: Tensor, differs: Any, nan: bool, noise: float = 0.0) -> Difference | None:
    if got.shape != expected.shape:
        return differs("shape", f"it has shape {tuple(got.shape)}, wanted {tuple(expected.shape)}")
    if got.dtype != expected.dtype:
        return differs("dtype", f"it has dtype {got.dtype}, wanted {expected.dtype}")
    if got.device != expected.device:
        return differs("dtype", f"it is on {got.device}, wanted {expected.device}")
    place = _first(expected, got, expected, nan, NOISE if nan else noise)
    if place is None:
        return None
    yours, wanted = got[place].item(), expected[place].item()
    check = "value" if nan or _isfinite(got[place]) else "finite"
    element = f"element {list(place)}: " if place else ""
    words = f"{element}yours {apart(yours, wanted)}, expected {apart(wanted, yours)}"
    return differs(check, words, element=place, yours=yours, expected=wanted, ratio=_ratio(yours, wanted))


def _first(expected: Tensor, got: Tensor, scale: Tensor, nan: bool, noise: float = 0.0) -> tuple[int, ...] | None:
    """The index of the first number that differs by more than the tolerance of its dtype, and by more than noise."""
    if not expected.numel():
        return None
    rtol, atol = TOLERANCE.get(expected.dtype, (0.0, 0.0))
    wide = torch.complex128 if expected.is_complex() else torch.float64  # complex: only where two mistakes are compared
    want, have = (x.to("cpu", wide) for x in (expected, got))
    if _equal(want, have):
        return None
    sizes = scale.to("cpu", wide)
    sizes = _abs(sizes[_isfinite(sizes)])
    largest = _maximum(sizes).item() if sizes.numel() else 0.0
    near = _abs(_subtract(want, have)) <= rtol * _abs(want) + atol * largest
    near = near & _isfinite(want) | (want == have)  # rtol * inf is inf: only itself is near an infinity
    near |= _abs(_subtract(want, have)) <= noise
    if nan:
        near |= want.isnan() & have.isnan()
    if near.all():
        return None
    return tuple(_nonzero(~near)[0].tolist())


def _ratio(yours: float, expected: float) -> float | None:
    return yours / expected if expected not in (0.0, -0.0) and abs(expected) < float("inf") else None
