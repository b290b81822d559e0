"""What heavy-ball momentum makes of one direction of a quadratic, for every rate and every beta."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from coursekit.reference.momentum import MomentumState, heavy_ball
from coursekit.show import style
from coursekit.show.movable import table
from coursekit.show.movable.moving import moving

if TYPE_CHECKING:
    from coursekit.show.movable.base import Movable
    from coursekit.show.picture import Picture

RATES = [float(f"{10 ** (k / 20 - 2):.3g}") for k in range(55)]  # learning rate times curvature, from 0.01 to 5
BETAS = [round(0.02 * k, 2) for k in range(50)]
STEPS = 40
REACH = 4.0  # values that the codes can tell apart go from -4 to 4
HIGHEST = 1.1  # factor from which on the colour stays the same
LEVELS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
LINES = ("with momentum", "without (beta 0)", "the factor alone")


def momentum_map() -> Movable | Picture:
    r"""Show how fast `heavy_ball` converges, by learning rate times curvature and by beta, with a cell to choose.

    On a quadratic each direction has a curvature $\lambda$, and a step maps its (value, velocity) linearly:

    $$\begin{pmatrix} x_t \\ v_t \end{pmatrix} = M \begin{pmatrix} x_{t-1} \\ v_{t-1} \end{pmatrix}$$

    The larger size of M's two eigenvalues, its spectral radius, is what a step multiplies the value by in the long run;
    it depends on $\eta\lambda$ and $\beta$ alone. M is found by a step of the rule from (1, 0) and from (0, 1). The
    best beta is $\left(1 - \sqrt{\eta\lambda}\right)^2$. Beside the map stands the value of the chosen cell against the
    step, from 1 at rest. Without anywidget the map stands alone.

    >>> print(momentum_map().describe())
    Rate times curvature 0.1, beta 0.7: 0.837 per step: it oscillates, there and back in 21.1 steps, and halves every
    3.89 steps. Without momentum it is 0.9. The best beta here is 0.468, with 0.684.
    """
    return moving("momentum_map", _data, words, _still)


def eigenvalue(rates: Tensor, betas: Tensor) -> Tensor:
    """The larger eigenvalue of heavy_ball's step on a curvature of 1, complex, (betas, rates)."""
    basis = torch.eye(2, dtype=torch.float64)
    shape = (len(betas), len(rates), 2)
    param, v = (row.expand(shape) for row in basis)  # the last axis: from (1, 0) and from (0, 1)
    moved, state = heavy_ball(param, param, MomentumState(v), lr=rates[:, None], beta=betas[:, None, None])
    both = torch.linalg.eigvals(torch.stack((moved, state.v), dim=-2))
    return both.gather(-1, both.abs().argmax(-1, keepdim=True))[..., 0]


def walk(rates: Tensor, betas: Tensor, steps: int = STEPS) -> Tensor:
    """The value at each step from 1, at rest, on a curvature of 1, (betas, rates, steps + 1)."""
    param = torch.ones((len(betas), len(rates)), dtype=torch.float64)
    state, path = heavy_ball.init(param), [param]
    for _ in range(steps):
        param, state = heavy_ball(param, param, state, lr=rates, beta=betas[:, None])
        path.append(param)
    return torch.stack(path, dim=-1)


def best_beta(rates: Tensor) -> Tensor:
    """The beta with the smallest spectral radius."""
    return (1 - rates.sqrt()) ** 2


def _between(values: list[float], log: bool = False) -> Tensor:
    """The values, and one more in the middle of each two: the map is drawn from twice as many places."""
    tensor = torch.tensor(values, dtype=torch.float64)
    middle = (tensor[1:] * tensor[:-1]).sqrt() if log else (tensor[1:] + tensor[:-1]) / 2
    return torch.cat((tensor, middle)).sort().values


def periods(eigenvalue: Tensor) -> Tensor:
    """After how many steps the value swings back to its side: 2 from side to side, infinite when it stays on one."""
    angle = eigenvalue.angle().abs()
    return 2 * math.pi / angle.where(eigenvalue.abs() * angle > 1e-6, 0.0)


def _data() -> dict[str, Any]:
    rates, betas = torch.tensor(RATES, dtype=torch.float64), torch.tensor(BETAS, dtype=torch.float64)
    fine = eigenvalue(_between(RATES, log=True), _between(BETAS)).abs()
    chosen = eigenvalue(rates, betas)
    factors = chosen.abs()
    along = torch.logspace(math.log10(RATES[0]), math.log10(RATES[-1]), 200, dtype=torch.float64)
    cells = zip(factors.tolist(), periods(chosen).tolist(), strict=True)
    return {
        "title": "Momentum along one direction of a quadratic",
        "rates": RATES,
        "betas": BETAS,
        "steps": STEPS,
        "rows": fine.shape[0],
        "columns": fine.shape[1],
        "heights": table.encode_share(_shade(fine)).tobytes(),
        "levels": _shade(torch.tensor(LEVELS, dtype=torch.float64)).tolist(),
        "named": list(LEVELS),
        "colors": list(style.CIVIDIS),
        "top": table.TOP,
        "best": torch.stack((along, best_beta(along)), dim=-1).tolist(),
        "factors": [[float(f"{factor:.4g}") for factor in row] for row in factors.tolist()],
        "values": table.encode_share((walk(rates, betas) / REACH + 1) / 2).tobytes(),
        "reach": REACH,
        "lines": [{**style.series(index)._asdict(), "name": name} for index, name in enumerate(LINES)],
        "said": [[_said(*cell) for cell in zip(*row, strict=True)] for row in cells],
        "without": [f"Without momentum it is {style.number(factor)}." for factor in factors[0].tolist()],
        "rivals": _rivals(rates),
        "at": [BETAS.index(0.7), RATES.index(0.1)],
    }


def _shade(factor: Tensor) -> Tensor:
    """The share of the colours at which a factor stands: the cube shows what lies near 1."""
    return (factor.clamp(max=HIGHEST) / HIGHEST) ** 3


def _said(factor: float, period: float) -> str:
    head = f"{style.number(factor if factor > 1e-6 else 0.0)} per step: "
    if factor < 1e-6:
        return f"{head}it is there after one step."
    if math.isinf(period):
        way = "does not oscillate"
    else:
        way = (
            f"oscillates, there and back in {style.number(period)} steps,"
            if period > 2.0001
            else "jumps from side to side"
        )
    if abs(factor - 1) < 1e-6:
        return f"{head}it {way} and neither shrinks nor grows."
    steps = style.number(math.log(2) / abs(math.log(factor)))
    return f"{head}it {way} and {'halves' if factor < 1 else 'diverges: it doubles'} every {steps} steps."


def _rivals(rates: Tensor) -> list[str]:
    """The best beta for each rate and what it does; from 4 on the best would be 1."""
    able = rates[rates < 4]
    factors = eigenvalue(able, best_beta(able)).abs().diagonal()
    pairs = zip(best_beta(able).tolist(), factors.tolist(), strict=True)
    said = [f"The best beta here is {style.number(beta)}, with {style.number(factor)}." for beta, factor in pairs]
    return said + ["From 4 on no beta below 1 converges."] * (len(rates) - len(able))


def words(data: dict[str, Any]) -> str:
    """The caption that the figure opens with; static/momentum_map.js puts it together in the same way."""
    beta, rate = data["at"]
    head = f"Rate times curvature {style.number(data['rates'][rate])}, beta {style.number(data['betas'][beta])}: "
    return head + " ".join((data["said"][beta][rate], data["without"][rate], data["rivals"][rate]))


def _still() -> Picture:
    from coursekit.show.plots import heatmap

    rates, betas = torch.tensor(RATES, dtype=torch.float64), torch.tensor(BETAS, dtype=torch.float64)
    factors = eigenvalue(rates, betas).abs()
    axes = {"beta": BETAS, "rate times curvature": RATES}
    picture = heatmap(factors.where(factors < 1, math.nan), axes, label="factor per step", title="Momentum")
    return picture.say(f"{picture.describe()} In those it diverges.")
