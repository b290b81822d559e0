"""The stationary points are stationary, of the kind they are said to be, and none inside the domain is missing."""

from __future__ import annotations

import pytest
import torch

from coursekit.engine.surfaces import SURFACES, Surface

KINDS = [
    (surface, kind, point)
    for surface in SURFACES.values()
    for kind in ("minima", "saddles", "maxima")
    for point in getattr(surface, kind)
]
ALL = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


def hessian(surface: Surface, point: torch.Tensor) -> torch.Tensor:
    """Second derivatives at points of shape (..., 2), shape (..., 2, 2), by differentiating twice."""
    point = point.detach().requires_grad_()
    (slope,) = torch.autograd.grad(surface(point).sum(), point, create_graph=True)
    rows = [torch.autograd.grad(slope[..., i].sum(), point, retain_graph=True)[0] for i in range(2)]
    return torch.stack(rows, dim=-2)


def test_there_are_at_least_eight():
    assert len(SURFACES) >= 8
    assert all(name == surface.name and surface.equation.startswith("f(x, y) =") for name, surface in SURFACES.items())


@pytest.mark.parametrize("surface, kind, point", KINDS, ids=[f"{s.name}-{k}-{p}" for s, k, p in KINDS])
def test_stationary_points(surface, kind, point):
    place = torch.tensor(point, dtype=torch.float64)
    assert surface.gradient(place).abs().max() < 1e-8
    low, high = torch.linalg.eigvalsh(hessian(surface, place)).tolist()
    assert {"minima": low > 0, "saddles": low < 0 < high, "maxima": high < 0}[kind]


@ALL
def test_newton_from_everywhere_finds_no_other_stationary_point(surface):
    (x0, x1), (y0, y1) = surface.domain
    axes = (torch.linspace(x0, x1, 25, dtype=torch.float64), torch.linspace(y0, y1, 25, dtype=torch.float64))
    points = torch.cartesian_prod(*axes)
    for _ in range(25):
        step = torch.linalg.pinv(hessian(surface, points)) @ surface.gradient(points)[:, :, None]
        points = points - step[:, :, 0].clamp(-1, 1)
    inside = (points[:, 0] >= x0) & (points[:, 0] <= x1) & (points[:, 1] >= y0) & (points[:, 1] <= y1)
    found = points[inside & (surface.gradient(points).abs().amax(-1) < 1e-9)]
    known = torch.tensor((*surface.minima, *surface.saddles, *surface.maxima), dtype=torch.float64)
    assert torch.cdist(found, known).amin(1).max() < 1e-5


@ALL
def test_gradient_is_the_central_difference_and_start_is_inside(surface):
    (x0, x1), (y0, y1) = surface.domain
    assert x0 < surface.start[0] < x1 and y0 < surface.start[1] < y1
    generator = torch.Generator().manual_seed(0)
    low, size = torch.tensor([x0, y0]).double(), torch.tensor([x1 - x0, y1 - y0]).double()
    point = low + size * torch.rand(4, 5, 2, generator=generator, dtype=torch.float64)
    assert surface(point).shape == (4, 5)
    h = 1e-6
    steps = torch.eye(2, dtype=torch.float64) * h
    differences = [(surface(point + step) - surface(point - step)) / (2 * h) for step in steps]
    torch.testing.assert_close(surface.gradient(point), torch.stack(differences, -1), rtol=1e-5, atol=1e-5)


@ALL
def test_a_point_counts_the_same_wherever_it_stands(surface):
    points = 4 * torch.rand(67, 2, generator=torch.Generator().manual_seed(1)) - 2
    for function in (surface, surface.gradient):
        assert torch.equal(function(points), torch.stack([function(point) for point in points]))


def test_height_carries_a_gradient_and_a_constant_surface_has_none():
    point = torch.tensor([1.0, 2.0], requires_grad=True)
    SURFACES["bowl"](point).backward()
    assert point.grad.tolist() == [1.0, 2.0]
    sideways = Surface("slope", "f(x, y) = x", lambda x, y: x * 1.0, ((0, 1), (0, 1)), (0.5, 0.5))
    assert sideways.gradient(point).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("point", [torch.ones(3), torch.tensor(1.0), torch.ones(2, dtype=torch.int64), (1.0, 2.0)])
def test_a_point_of_another_shape_is_refused(point):
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\)"):
        SURFACES["bowl"](point)
