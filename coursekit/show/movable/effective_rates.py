"""The rate that each coordinate has in effect, under rules that scale every coordinate by its own gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coursekit.reference import RULES
from coursekit.reference.adam import bias_correction
from coursekit.reference.checks import need_number
from coursekit.reference.rule import hyperparameters
from coursekit.show import style
from coursekit.show.movable import table
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

SHOWN = {"gradient_descent": None, "adagrad": None, "rmsprop": "beta", "adam": "beta2"}  # and what it forgets by
COORDINATES = ("steady", "large at first", "sparse")
STEPS, CHANGE, EVERY = 120, 40, 10
RATIOS = [1, 3, 10, 30, 100, 300, 1000]
BETAS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999]
TINY = 1e-9  # a gradient that moves nothing, by which a rate can be read where there is none
DECADES = (-6.0, 6.0)  # powers of ten, times the learning rate, that the codes can tell apart


def effective_rates(lr: float = 0.1) -> Movable | Picture:
    r"""Show the effective rate of three coordinates under four rules, with sliders for gradients, beta and step.

    Three coordinates are given gradients: one is 1 at every step, one is larger for 40 steps and then 1, one is 1 at
    every tenth step and 0 between (1e-9 in fact: it moves nothing, but shows the rate). The effective rate is the step
    of a coordinate over the gradient that the rule follows: the last one, or for `adam` its mean $\hat m_t$. For
    `gradient_descent` it is $\eta$ everywhere, for the others $\eta/(\sqrt{s_t} + \epsilon)$ with their own $s_t$, for
    `adam` $\hat v_t$. It is read off the steps of the rules. Beside it stands how far each coordinate has come. Without
    anywidget the rates under adam are drawn alone.

    Args:
        lr: the learning rate of all rules, above 0.

    Raises:
        ValueError: a rate that is not above 0.

    >>> print(effective_rates().describe())
    adam, beta2 0.99, first gradients 100 against 1, 120 steps: rate 0.1 and distance 12 for steady; rate 0.00217 and
    distance 5.14 for large at first; rate 0.324 and distance 3.79 for sparse. The farthest has come 3.2 times as far
    as the nearest.
    """
    need_number("effective_rates", "lr", lr)
    if lr == 0:
        raise ValueError("effective_rates: lr must be above 0, or nothing moves; got 0")
    walks = {name: walk(name, lr) for name in SHOWN}
    return moving("effective_rates", lambda: _data(lr, walks), words, lambda: _still(walks))


def gradients() -> Tensor:
    """The gradients at each step, (steps, ratios, coordinates)."""
    large = torch.ones((STEPS, len(RATIOS)), dtype=torch.float64)
    large[:CHANGE] = torch.tensor(RATIOS, dtype=torch.float64)
    sparse = torch.zeros_like(large)
    sparse[::EVERY] = 1
    return torch.stack((torch.ones_like(large), large, sparse), dim=-1)


def walk(name: str, lr: float) -> tuple[Tensor, Tensor]:
    """The effective rates, and how far each coordinate has come: both (ratios, betas, coordinates, steps)."""
    rule, forgets = RULES[name], SHOWN[name]
    hyper: dict[str, Any] = {"lr": lr}
    if forgets:
        hyper[forgets] = torch.tensor(BETAS, dtype=torch.float64)[:, None]
    zero = torch.zeros((len(RATIOS), len(BETAS), len(COORDINATES)), dtype=torch.float64)
    state, rates, places = rule.init(zero), [], [zero]
    for grad in gradients():
        followed = grad.where(grad != 0, TINY)[:, None].expand_as(zero)
        step, state = rule(zero, followed, state, **hyper)  # from 0: no rule here looks at the parameter
        if "m" in state._fields:
            followed = bias_correction(state.m, state.t, beta=hyperparameters(rule)["beta1"])
        rates.append((step / followed).abs())
        places.append(places[-1] + step)
    return torch.stack(rates, dim=-1), torch.stack(places[1:], dim=-1).abs()


def _data(lr: float, walks: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Any]:
    both = torch.stack([torch.stack(pair) for pair in walks.values()])  # (rules, 2, ratios, betas, coordinates, steps)
    decades = (DECADES[0] + math.log10(lr), DECADES[1] + math.log10(lr))
    return {
        "title": "Effective rates of coordinates",
        "lr": lr,
        "rules": [{"name": name, "forgets": forgets} for name, forgets in SHOWN.items()],
        "ratios": RATIOS,
        "betas": BETAS,
        "steps": STEPS,
        "gradients": gradients().permute(1, 2, 0).tolist(),
        "table": table.encode_powers(both, decades).tobytes(),
        "decades": list(decades),
        "top": table.TOP,
        "lines": [{**style.series(index)._asdict(), "name": name} for index, name in enumerate(COORDINATES)],
        "at": [list(SHOWN).index("adam"), RATIOS.index(100), BETAS.index(0.99), STEPS - 1],
    }


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with; static/effective_rates.js says the same."""
    rule, ratio, beta, step = data["at"]
    shape = (len(data["rules"]), 2, len(data["ratios"]), len(data["betas"]), len(data["lines"]), data["steps"])
    codes = np.frombuffer(data["table"], "<u2").reshape(shape)[rule, :, ratio, beta, :, step].astype(np.float64)
    low, high = data["decades"]
    rates, places = (10 ** (low + codes / data["top"] * (high - low))).tolist()
    name, forgets = data["rules"][rule]["name"], data["rules"][rule]["forgets"]
    head = name + (f", {forgets} {style.number(data['betas'][beta])}" if forgets else "")
    said = [
        f"rate {style.number(rate)} and distance {style.number(place)} for {line['name']}"
        for line, rate, place in zip(data["lines"], rates, places, strict=True)
    ]
    plural = "s" if step else ""
    times = style.number(max(places) / min(places), 2)
    head += f", first gradients {data['ratios'][ratio]} against 1, {step + 1} step{plural}: {'; '.join(said)}."
    return f"{head} The farthest has come {times} times as far as the nearest."


def _still(walks: dict[str, tuple[Tensor, Tensor]]) -> Picture:
    from coursekit.show.plots import lines

    rates = walks["adam"][0][RATIOS.index(100), BETAS.index(0.99)]
    curves = dict(zip(COORDINATES, rates, strict=True))
    title = "Effective rates under adam, beta2 0.99"
    return lines(range(1, STEPS + 1), curves, "step", "effective rate", log=True, title=title)
