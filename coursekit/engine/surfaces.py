"""Functions of two variables to walk down: their equations, and where their minima, saddles and maxima lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

Point = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    r"""A function of two variables, $f(x, y)$, with its known stationary points.

    `formula(x, y)` works elementwise on two tensors of one shape, so that one call takes a point or a million.
    Write even powers as squares of squares: `x**4` may differ in the last bit with the place of `x` in its tensor.

    >>> bowl = Surface("bowl", r"f(x, y) = x^2 + y^2", lambda x, y: x**2 + y**2, ((-2, 2), (-2, 2)), (1.0, 1.0))
    >>> bowl(torch.tensor([1.0, 2.0])), bowl.gradient(torch.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """

    name: str
    equation: str  # LaTeX, without dollar signs
    formula: Callable[[Tensor, Tensor], Tensor]
    domain: tuple[Point, Point]  # ((x0, x1), (y0, y1)): the part worth drawing
    start: Point  # a good place to start from
    minima: tuple[Point, ...] = ()
    saddles: tuple[Point, ...] = ()
    maxima: tuple[Point, ...] = ()
    source: str = ""

    def __call__(self, point: Tensor) -> Tensor:
        """The height at `point`, shape (..., 2) to (...)."""
        return self.formula(*_coordinates(point))

    def gradient(self, point: Tensor) -> Tensor:
        """The gradient at `point`, shape (..., 2) to (..., 2)."""
        _, dx, dy = self.slopes(*_coordinates(point))
        return torch.stack((dx, dy), dim=-1)

    def slopes(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The heights and both partial derivatives at `x` and `y`, all of one shape.

        Each height depends on its own point only, so the gradient of their sum holds every point's gradient.
        """
        with torch.enable_grad():
            x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
            height = self.formula(x, y)
            dx, dy = torch.autograd.grad(height.sum(), (x, y), materialize_grads=True)
        return height.detach(), dx, dy


def _coordinates(point: Tensor) -> tuple[Tensor, Tensor]:
    if not (isinstance(point, Tensor) and point.is_floating_point() and point.ndim and point.shape[-1] == 2):
        got = f"{point.dtype} of shape {tuple(point.shape)}" if isinstance(point, Tensor) else type(point).__name__
        raise ValueError(f"a point must be a floating point tensor of shape (..., 2), x before y; got {got}")
    return point[..., 0], point[..., 1]


def _himmelblau(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _beale(x: Tensor, y: Tensor) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _six_hump_camel(x: Tensor, y: Tensor) -> Tensor:
    x2, y2 = x**2, y**2
    return (4 - 2.1 * x2 + x2**2 / 3) * x2 + x * y + 4 * (y2 - 1) * y2


def _styblinski_tang(x: Tensor, y: Tensor) -> Tensor:
    return ((x**2) ** 2 - 16 * x**2 + 5 * x + (y**2) ** 2 - 16 * y**2 + 5 * y) / 2


def _saddle(x: Tensor, y: Tensor) -> Tensor:
    return x**2 / 2 - y**2 / 2 + (y**2) ** 2 / 4


def _plateau(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y**2) / (1 + x**2 + y**2)


def _rastrigin(x: Tensor, y: Tensor) -> Tensor:
    return 20 + x**2 - 10 * torch.cos(2 * torch.pi * x) + y**2 - 10 * torch.cos(2 * torch.pi * y)


def _mixed(low: tuple[float, ...], high: tuple[float, ...]) -> tuple[Point, ...]:
    """The saddles of a sum f(x) + f(y): one coordinate at a minimum of f, the other at a maximum."""
    return (*product(low, high), *product(high, low))


# Stationary points without a closed form are roots of the gradient, found by Newton's method in float64.
_STYBLINSKI_LOW, _STYBLINSKI_HIGH = (-2.903534027771177, 2.746802770990837), (0.1567312567803401,)
_RASTRIGIN_LOW = (-1.9899122337085497, -0.9949586376523348, 0.0, 0.9949586376523348, 1.9899122337085497)
_RASTRIGIN_HIGH = (-1.5076407318703584, -0.5025460365546747, 0.5025460365546747, 1.5076407318703584)
_CAMEL_MINIMA = (
    (0.08984201310031806, -0.7126564030207396),
    (1.7036067149699807, -0.7960835686726251),
    (1.6071047529201974, 0.5686514548841314),
)
_CAMEL_SADDLES = (
    (1.1092053368047865, -0.7682680925095398),
    (1.6380679841897785, 0.22867406904439402),
    (1.2960702671671092, 0.6050843880386585),
)
_CAMEL_MAXIMUM = (1.2302298765166526, 0.16233458445899496)


def _with_mirror(*points: Point) -> tuple[Point, ...]:
    return (*points, *((-x, -y) for x, y in points))


_ALL = (
    Surface(
        "bowl",
        r"f(x, y) = \tfrac{1}{2}\left(x^2 + y^2\right)",
        lambda x, y: (x**2 + y**2) / 2,
        ((-3.0, 3.0), (-3.0, 3.0)),
        (-2.5, 1.5),
        minima=((0.0, 0.0),),
    ),
    Surface(
        "ravine",
        r"f(x, y) = \tfrac{1}{2}\left(x^2 + 25\, y^2\right)",
        lambda x, y: (x**2 + 25 * y**2) / 2,
        ((-3.0, 3.0), (-1.5, 1.5)),
        (-2.5, 1.0),
        minima=((0.0, 0.0),),
    ),
    Surface(
        "rosenbrock",
        r"f(x, y) = (1 - x)^2 + 100\left(y - x^2\right)^2",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        ((-2.0, 2.0), (-1.0, 3.0)),
        (-1.2, 1.0),
        minima=((1.0, 1.0),),
        source='Rosenbrock (1960), "An automatic method for finding the greatest or least value of a function".',
    ),
    Surface(
        "himmelblau",
        r"f(x, y) = \left(x^2 + y - 11\right)^2 + \left(x + y^2 - 7\right)^2",
        _himmelblau,
        ((-5.0, 5.0), (-5.0, 5.0)),
        (-0.5, -1.0),
        minima=(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644036),
        ),
        saddles=(
            (3.385154183607021, 0.07385187983774928),
            (0.08667750455539634, 2.884254701174776),
            (-3.0730257507643897, -0.08135304428796751),
            (-0.12796134673068005, -1.9537149802445766),
        ),
        maxima=((-0.2708445906673476, -0.9230385564799813),),
        source='Himmelblau (1972), "Applied Nonlinear Programming".',
    ),
    Surface(
        "beale",
        r"f(x, y) = (1.5 - x + xy)^2 + \left(2.25 - x + xy^2\right)^2 + \left(2.625 - x + xy^3\right)^2",
        _beale,
        ((-4.5, 4.5), (-4.5, 4.5)),
        (1.0, 1.5),
        minima=((3.0, 0.5),),
        saddles=((0.0, 1.0), (0.10053793732415846, -2.644513585023124)),
        source='Beale (1958), "On an iterative method for finding a local minimum of a function of more than one '
        'variable".',
    ),
    Surface(
        "six_hump_camel",
        r"f(x, y) = \left(4 - 2.1 x^2 + \tfrac{1}{3} x^4\right) x^2 + xy + \left(4 y^2 - 4\right) y^2",
        _six_hump_camel,
        ((-2.0, 2.0), (-1.2, 1.2)),
        (-1.3, 1.0),
        minima=_with_mirror(*_CAMEL_MINIMA),
        saddles=((0.0, 0.0), *_with_mirror(*_CAMEL_SADDLES)),
        maxima=_with_mirror(_CAMEL_MAXIMUM),
        source='Dixon and Szegö (1978), "Towards Global Optimisation 2".',
    ),
    Surface(
        "saddle",
        r"f(x, y) = \tfrac{1}{2} x^2 - \tfrac{1}{2} y^2 + \tfrac{1}{4} y^4",
        _saddle,
        ((-2.0, 2.0), (-2.0, 2.0)),
        (-1.5, 0.001),
        minima=((0.0, -1.0), (0.0, 1.0)),
        saddles=((0.0, 0.0),),
    ),
    Surface(
        "styblinski_tang",
        r"f(x, y) = \tfrac{1}{2}\left(x^4 - 16 x^2 + 5x + y^4 - 16 y^2 + 5y\right)",
        _styblinski_tang,
        ((-4.5, 4.5), (-4.5, 4.5)),
        (0.5, -0.5),
        minima=tuple(product(_STYBLINSKI_LOW, _STYBLINSKI_LOW)),
        saddles=_mixed(_STYBLINSKI_LOW, _STYBLINSKI_HIGH),
        maxima=tuple(product(_STYBLINSKI_HIGH, _STYBLINSKI_HIGH)),
        source='Styblinski and Tang (1990), "Experiments in nonconvex optimization", Neural Networks 3.',
    ),
    Surface(
        "plateau",
        r"f(x, y) = \frac{x^2 + y^2}{1 + x^2 + y^2}",
        _plateau,
        ((-6.0, 6.0), (-6.0, 6.0)),
        (-4.0, 3.0),
        minima=((0.0, 0.0),),
    ),
    Surface(
        "rastrigin",
        r"f(x, y) = 20 + x^2 - 10\cos 2\pi x + y^2 - 10\cos 2\pi y",
        _rastrigin,
        ((-2.2, 2.2), (-2.2, 2.2)),
        (-1.8, 1.3),
        minima=tuple(product(_RASTRIGIN_LOW, _RASTRIGIN_LOW)),
        saddles=_mixed(_RASTRIGIN_LOW, _RASTRIGIN_HIGH),
        maxima=tuple(product(_RASTRIGIN_HIGH, _RASTRIGIN_HIGH)),
        source='Rastrigin (1974), "Systems of Extremal Control", in the form with the factor 10.',
    ),
)

SURFACES: dict[str, Surface] = {surface.name: surface for surface in _ALL}
