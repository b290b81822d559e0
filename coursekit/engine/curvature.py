"""How a network's loss curves where its weights are: the whole Hessian, or its largest eigenvalue without it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap

from coursekit.reference.checks import need_whole

Loss = Callable[[Tensor, Tensor], Tensor]
Product = Callable[[Tensor], Tensor]


def hessian(model: nn.Module, loss: Loss, x: Tensor, y: Tensor, *, block: int = 64) -> Tensor:
    r"""All second derivatives of `loss(model(x), y)` by the weights of a network.

    $$H_{ij} = \frac{\partial^2 L}{\partial w_i\, \partial w_j}$$

    Weights are those that are trained, in the order of `torch.nn.utils.parameters_to_vector(model.parameters())`.

    Args:
        model: as it is, in training or in evaluation mode; it is not changed.
        loss: from (prediction, target) to a 0-d tensor.
        x, y: on the device of the model.
        block: so many columns at once; fewer need less memory.

    Returns:
        A symmetric matrix of shape (weights, weights).

    Raises:
        ValueError: a network without weights to train, a loss that is not 0-d, a block below 1.

    >>> H = hessian(nn.Linear(1, 1), nn.functional.mse_loss, torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    >>> H  # of (3 w + b - 1)^2
    tensor([[18.,  6.],
            [ 6.,  2.]])
    """
    need_whole("hessian", "block", block, low=1)
    product, weights = _product("hessian", model, loss, x, y)
    columns = torch.eye(len(weights), dtype=weights.dtype, device=weights.device)
    H = vmap(product, chunk_size=block)(columns)
    return (H + H.T) / 2  # symmetric to the last bit


def sharpness(
    model: nn.Module, loss: Loss, x: Tensor, y: Tensor, *, start: Tensor | None = None, rtol: float = 1e-4,
    products: int = 200,
) -> tuple[float, Tensor]:  # fmt: skip
    r"""The largest curvature of `loss(model(x), y)` over all directions in weight space, and its direction.

    It is found by the method of Lanczos. $H v$ is had without $H$, for about twice the cost of a gradient; from
    $v, Hv, H^2v, \dots$ an orthonormal basis $Q$ is made, and the largest eigenvalue of the small matrix
    $Q^\top H Q$ rises to that of $H$.

    Args:
        model, loss, x, y: as in `hessian`.
        start: the direction to begin with, shape (weights,): that of a moment ago saves products. Drawn, always the
            same, when left out.
        rtol: stop once $\lVert H v - \lambda v \rVert \le$ `rtol` $\lvert\lambda\rvert$.
        products: at most so many $Hv$; what is found by then is returned.

    Returns:
        $\lambda$ and a vector $v$ of length 1, in the order of the weights in `hessian`.

    Raises:
        ValueError: as in `hessian`; a start of another shape, or of length 0; `products` below 1.

    >>> value, direction = sharpness(nn.Linear(1, 1), nn.functional.mse_loss, torch.tensor([[3.0]]), torch.ones(1, 1))
    >>> round(value, 4), (direction / direction[1]).round(decimals=4)  # of (3 w + b - 1)^2
    (20.0, tensor([3., 1.]))

    Source: Golub and Van Loan, "Matrix Computations", the chapter on Lanczos methods; Pearlmutter (1994), "Fast Exact
    Multiplication by the Hessian", for the product.
    """
    need_whole("sharpness", "products", products, low=1)
    product, weights = _product("sharpness", model, loss, x, y)
    if start is None:
        start = torch.randn(len(weights), generator=torch.Generator().manual_seed(0))
    if start.shape != weights.shape or not start.norm() > 0:
        raise ValueError(f"sharpness: start must be a vector of {len(weights)} numbers, not all 0; got {start!r:.60}")
    start = start.to(weights)
    basis, images = [start / start.norm()], []
    while True:
        images.append(product(basis[-1]))
        Q = torch.stack(basis)
        values, vectors = torch.linalg.eigh(Q @ torch.stack(images).T)
        curvature, share = float(values[-1]), vectors[:, -1]
        rest = images[-1]
        for _ in range(2):  # once leaves what rounding brought in
            rest = rest - Q.T @ (Q @ rest)
        length = float(rest.norm())
        # rest and the last share are what is missing from H v = lambda v
        if length * abs(float(share[-1])) <= rtol * abs(curvature) or len(basis) == min(products, len(weights)):
            return curvature, share @ Q
        basis.append(rest / length)


def _product(name: str, model: nn.Module, loss: Loss, x: Tensor, y: Tensor) -> tuple[Product, Tensor]:
    """The function that multiplies a vector by the Hessian, and the weights as one vector."""
    trained = {key: p.detach() for key, p in model.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError(f"{name}: the network has no weights that are trained")
    weights = torch.cat([p.flatten() for p in trained.values()])
    sizes = [p.numel() for p in trained.values()]

    def value(flat: Tensor) -> Tensor:
        parts = zip(trained.items(), flat.split(sizes), strict=True)
        out = loss(functional_call(model, {key: part.view_as(p) for (key, p), part in parts}, (x,)), y)
        if out.ndim:
            raise ValueError(f"{name}: loss must return a 0-d tensor, the mean over the rows; got {tuple(out.shape)}")
        return out

    # backward through the gradient: H is symmetric, and forward mode makes torch warn of its own code
    back = vjp(grad(value), weights)[1]
    return lambda vector: back(vector)[0], weights
