"""Every combination of a grid of hyperparameters at once: one path down a surface for each, by broadcasting."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from coursekit.engine import chunks
from coursekit.engine.bar import bar_of
from coursekit.engine.compiling import Plan, plan, warn_once
from coursekit.engine.device import device
from coursekit.engine.rules import as_rule, outcome, settings
from coursekit.engine.surfaces import Surface
from coursekit.reference import RULES
from coursekit.reference.checks import need_whole
from coursekit.reference.rule import Rule, check_hyperparameters

PAYS = 10**9  # steps of paths from which on compiling, which takes seconds, is sooner done
BLOCK = {"cpu": 2**16, "cuda": 2**20}  # paths at once; on a CPU more leave its cache, fewer are slowed by calls


@dataclass(frozen=True, repr=False)
class Sweep:
    """The paths of one rule on one surface, for every combination of the hyperparameters on its axes."""

    rule: str
    surface: str
    paths: Tensor  # (*grid, steps + 1, 2); (*grid, 1, 2) when only the last point is kept
    losses: Tensor  # (*grid, steps + 1): the height at each point of the path; nan or inf where it diverged
    axes: dict[str, Tensor]  # hyperparameter -> its values, float64 on the CPU, in the order of the grid
    fixed: dict[str, float]  # the hyperparameters that are the same for all paths

    def best(self) -> dict[str, float]:
        """The hyperparameters of the path that ends lowest, ready to be passed on: `Optimizer(..., **sweep.best())`.

        Raises:
            ValueError: every path diverged.
        """
        last = self.losses[..., -1]
        last = last.where(last.isfinite(), math.inf)
        place = torch.unravel_index(last.argmin(), last.shape)
        if last[place].isinf():
            raise ValueError(f"every path of {self.rule} on {self.surface} diverged; try smaller learning rates")
        chosen = {name: float(self.axes[name][i.cpu()]) for name, i in zip(self.axes, place, strict=True)}
        return {**chosen, **self.fixed}

    def __repr__(self) -> str:
        grid = " x ".join(f"{name} ({len(values)})" for name, values in self.axes.items()) or "one path"
        ended = self.losses[..., -1].isfinite()
        return f"<Sweep of {self.rule} on {self.surface}: {grid}; {int(ended.sum())} of {ended.numel()} stayed finite>"


def sweep(
    function: Callable[..., Any],
    surface: Surface,
    start: Any = None,
    *,
    steps: int,
    block: int | None = None,
    keep: Literal["all", "last"] | int = "all",
    compiled: bool | Literal["auto"] = False,
    progress: bool = False,
    max_bytes: int = 2**31,
    **grids: Any,
) -> Sweep:
    """Walk down `surface` with every combination of the given hyperparameters.

    All paths take a step together, each in its place of one large tensor, so the rule must be elementwise, as those of
    the course up to AdamW are; one whose paths influence each other is refused. The numbers are those of a loop over
    the combinations in the dtype of `start`, to its rounding: in float32 so are the hyperparameters on an axis.
    A path is that of the parameter, where the rule takes its gradients; of `schedule_free` that is y, not the mean x.

    Args:
        function: an update rule, or a learner's function (see `as_rule`).
        surface: where to walk.
        start: the first point of every path, (x, y) or a tensor of shape (2,), which then gives dtype and device; the
            surface's own start when left out.
        steps: how many steps to take.
        block: at most so many paths at once, to save memory; the result is the same to the last bit.
        keep: `"all"` points of each path, only the `"last"`, or with a number k every k-th, from the start on.
        compiled: whether the rule goes through `torch.compile`, 10 to 25 steps in one loop: some 5 times as fast, after
            seconds to compile; `"auto"` compiles from a thousand million steps of paths on. Where that cannot be done
            the sweep runs eagerly, after one warning.
        progress: show a bar, if tqdm is installed.
        max_bytes: refuse a sweep whose result is larger than this.
        grids: hyperparameters; each a number, or a 1-D sequence, which is an axis of the grid. Axes in the order given.

    Raises:
        ValueError: an empty axis, a value out of range, a result too large, a rule that is not elementwise or for
            matrices only.
        TypeError: a hyperparameter that the rule does not have, or one that is no number and no sequence of numbers;
            something that is no rule or no surface.

    >>> from coursekit.engine.surfaces import SURFACES
    >>> from coursekit.reference import RULES
    >>> result = sweep(RULES["gradient_descent"], SURFACES["bowl"], (1.0, 0.0), steps=2, lr=[0.25, 0.5, 3.0])
    >>> result.paths[..., 0].tolist()
    [[1.0, 0.75, 0.5625], [1.0, 0.5, 0.25], [1.0, -2.0, 4.0]]
    >>> result, result.best()
    (<Sweep of gradient_descent on bowl: lr (3); 3 of 3 stayed finite>, {'lr': 0.5})
    """
    rule = as_rule(function)
    name = rule.__name__
    if not isinstance(surface, Surface):
        raise TypeError(f"sweep: surface must be a Surface, such as SURFACES['ravine']; got {surface!r:.60}")
    if rule.matrices:
        raise ValueError(f"sweep: {name} works on matrices, and a point of a surface is none; try it on a network")
    point = _start(surface.start if start is None else start)
    axes = {key: _axis(name, key, values) for key, values in grids.items() if not isinstance(values, Real)}
    hyper = settings(rule, {**grids, **axes})
    shape = tuple(len(values) for values in axes.values())
    block = BLOCK.get(point.device.type, BLOCK["cuda"]) if block is None else block
    stride = _stride(steps, keep)
    kept = 1 if keep == "last" else steps // stride + 1
    _check_sizes(shape, kept, block, max_bytes, point.element_size())

    _check_elementwise(rule, surface, point, {key: float(v.max()) if key in axes else v for key, v in hyper.items()})
    how = _how(rule, compiled, math.prod(shape) * steps)
    task = _Task(rule, surface, point, axes, hyper, shape, steps, stride, kept, block, progress)
    paths, losses = _fill(task) if how is None else _fill_compiled(task, how)
    return Sweep(
        name,
        surface.name,
        paths.movedim((0, 1), (-2, -1)),
        losses.movedim(0, -1),
        axes,
        {key: value for key, value in hyper.items() if key not in axes},
    )


class _Task(NamedTuple):
    rule: Rule
    surface: Surface
    point: Tensor  # where every path starts; gives dtype and device
    axes: dict[str, Tensor]
    hyper: dict[str, Any]
    shape: tuple[int, ...]  # of the grid
    steps: int
    stride: int  # steps between two points that are kept
    kept: int  # points of each path
    block: int
    progress: bool

    def row(self, t: int) -> int | None:
        """Where the points after step `t` are kept, or None if they are not."""
        row = t // self.stride + self.kept - self.steps // self.stride - 1
        return None if t % self.stride or row < 0 else row


def _fill(task: _Task) -> tuple[Tensor, Tensor]:
    """All kept points, (kept, 2, *grid), and heights, (kept, *grid)."""
    point, shape, kept = task.point, task.shape, task.kept
    paths, losses = point.new_empty((kept, 2, *shape)), point.new_empty((kept, *shape))
    columns = {key: _column(values, len(shape) - i, point) for i, (key, values) in enumerate(task.axes.items())}
    places = list(_blocks(shape, task.block))
    with bar_of(len(places) * task.steps, 0, task.progress) as bar:
        for place in places:
            hyper = {**task.hyper, **{key: column[place[i]] for i, (key, column) in enumerate(columns.items())}}
            begin = point.view(2, *(1 for _ in shape)).expand_as(paths[0])[:, *place].contiguous()
            for t, (at, height) in enumerate(_walk(task.rule, task.surface, begin, hyper, task.steps)):
                if (row := task.row(t)) is not None:
                    paths[row, :, *place], losses[row, *place] = at, height
                bar.update(t > 0)
    return paths, losses


def _fill_compiled(task: _Task, how: Plan) -> tuple[Tensor, Tensor]:
    """The same through chunks of compiled steps: the grid as one row of paths, filled up to whole bundles of them."""
    point, shape, kept = task.point, task.shape, task.kept
    cells = math.prod(shape)
    full = -(-cells // chunks.WHOLE) * chunks.WHOLE
    block = max(task.block // chunks.WHOLE, 1) * chunks.WHOLE
    paths, losses = point.new_empty((kept, 2, full)), point.new_empty((kept, full))
    index = {}
    for i, (key, values) in enumerate(task.axes.items()):
        along = torch.arange(len(values), device=point.device).view(-1, *(1 for _ in shape[i + 1 :]))
        index[key] = torch.cat((along.expand(shape).reshape(-1), along.new_zeros(full - cells)))
    hyper = {key: value for key, value in task.hyper.items() if key not in task.axes}
    with bar_of(-(-full // block) * task.steps, 0, task.progress) as bar:
        for low in range(0, full, block):
            place = slice(low, min(low + block, full))
            x, y = (coordinate.repeat(place.stop - low) for coordinate in point)
            axes = {key: (values.to(point.device), index[key][place]) for key, values in task.axes.items()}
            walk = chunks.walk(task.rule, how, task.surface, x, y, hyper, axes, task.steps, task.stride)
            for t, at_x, at_y, height in walk:
                if (row := task.row(t)) is not None:
                    paths[row, 0, place], paths[row, 1, place], losses[row, place] = at_x, at_y, height
                bar.update(task.stride if t else 0)
    return paths[..., :cells].view(kept, 2, *shape), losses[..., :cells].view(kept, *shape)


def _how(rule: Rule, compiled: Any, work: int) -> Plan | None:
    """How to compile, or None for a sweep that runs eagerly."""
    if compiled not in (True, False, "auto"):
        raise ValueError(f'sweep: compiled must be True, False or "auto"; got {compiled!r:.60}')
    if not compiled or (compiled == "auto" and work < PAYS):
        return None
    how = plan(rule)
    if isinstance(how, str):
        warn_once(rule.__name__, how)
        return None
    return how


def _walk(rule: Rule, surface: Surface, param: Tensor, hyper: dict, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the points, shape (2, ...), and heights, shape (...), before each step and after the last."""
    name, state = rule.__name__, rule.init(param)
    formula = getattr(rule, "__wrapped__", rule)  # the hyperparameters are checked; not again at every step
    trusted = RULES.get(name) is rule  # a learner's `lr *= 0.5` must not reach the next step

    def gradient(at: Tensor) -> Tensor:
        return torch.stack(surface.slopes(at[0], at[1])[1:])

    for _ in range(steps):
        grad: Any = gradient
        if rule.takes_grad_fn:
            height = surface.formula(param[0], param[1])
        else:
            height, *slopes = surface.slopes(param[0], param[1])
            grad = torch.stack(slopes)
        yield param, height
        given = hyper if trusted else {k: v.clone() if isinstance(v, Tensor) else v for k, v in hyper.items()}
        param, state = outcome(name, formula(param, grad, state, **given), param, state)
    yield param, surface.formula(param[0], param[1])


def _start(start: Any) -> Tensor:
    at = start if isinstance(start, Tensor) else torch.as_tensor(start, device=device())
    if at.shape != (2,) or at.is_complex():
        raise ValueError(f"start must be a point (x, y), a tensor of shape (2,); got shape {tuple(at.shape)}")
    return at.detach() if at.is_floating_point() else at.to(torch.get_default_dtype())


def _axis(rule: str, name: str, values: Any) -> Tensor:
    """The values of one axis as they were given: float64, on the CPU."""
    try:
        axis = torch.as_tensor(values, dtype=torch.float64, device="cpu").detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"sweep: {name} must be a number or a sequence of numbers; got {values!r:.60}") from None
    if axis.ndim != 1 or not len(axis):
        raise ValueError(f"sweep: {name} must be a number or a 1-D sequence with values; got shape {tuple(axis.shape)}")
    for value in (axis.min().item(), axis.max().item()):  # what is allowed is an interval; NaN comes out of both
        check_hyperparameters(rule, {name: value})
    return axis


def _column(values: Tensor, dims: int, point: Tensor) -> Tensor:
    """The axis as a tensor that broadcasts along `dims` axes of the grid, itself the first of them.

    Every second place of its memory stays unused. On the CPU a function such as `beta**t` takes other code, and may
    round differently, at the end of a contiguous tensor; with gaps, a value comes out the same wherever a block ends.
    """
    values = values.to(point)
    return torch.stack((values, values), dim=-1)[:, 0].view(-1, *(1 for _ in range(dims - 1)))


def _blocks(shape: tuple[int, ...], block: int) -> Iterator[tuple[Any, ...]]:
    """Rectangles of the grid of at most `block` cells, whole along the last axes as far as that goes."""
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:])
    rows = max(1, block // inner)
    rests = list(_blocks(shape[1:], block))
    for low, rest in itertools.product(range(0, shape[0], rows), rests):
        yield (slice(low, low + rows), *rest)


def _stride(steps: Any, keep: Any) -> int:
    need_whole("sweep", "steps", steps, low=0)
    if keep in ("all", "last"):
        return 1 if keep == "all" else max(steps, 1)
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1 or steps % keep:
        raise ValueError(
            f'sweep: keep must be "all", "last" or a whole number that divides the {steps} steps; got {keep!r}'
        )
    return keep


def _check_sizes(shape: tuple[int, ...], kept: int, block: Any, max_bytes: int, size: int) -> None:
    need_whole("sweep", "block", block, low=1)
    wanted = math.prod(shape) * kept * 3 * size
    if wanted > max_bytes:
        raise ValueError(
            f"sweep: {math.prod(shape):,} paths of {kept:,} points would take {wanted / 1e9:,.1f} GB, more than "
            f'max_bytes={max_bytes:,}; ask for fewer values or steps, or keep="last"'
        )


def _check_elementwise(rule: Rule, surface: Surface, point: Tensor, hyper: dict[str, float]) -> None:
    """Refuse a rule that gives a path other numbers in company than alone: a grid would be wrong without a word."""
    elsewhere = point.new_tensor([high for _, high in surface.domain])
    *_, (alone, _) = _walk(rule, surface, point.clone(), hyper, 3)
    *_, (together, _) = _walk(rule, surface, torch.stack((point, elsewhere), dim=-1), hyper, 3)
    if not torch.allclose(alone, together[:, 0], rtol=1e-3, atol=1e-6, equal_nan=True):
        raise ValueError(
            f"sweep takes all paths in one tensor, so a rule must treat every element on its own; {rule.__name__} "
            "gives a path other numbers in company than alone (does it take a norm, a mean or a maximum?)"
        )
