"""Newer rules: the sign of a mean (Lion), orthogonalised steps (Muon), and an average that needs no schedule."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from coursekit.reference.checks import checked_by, need_floats, need_whole
from coursekit.reference.rule import rule


class LionState(NamedTuple):
    """What Lion remembers between two steps."""

    m: Tensor  # running mean of the gradient, shape of param


class MuonState(NamedTuple):
    """What Muon remembers between two steps."""

    m: Tensor  # running mean of the gradient, shape of param


class ScheduleFreeState(NamedTuple):
    """What schedule-free gradient descent remembers between two steps; the parameter itself is the third point, y."""

    z: Tensor  # where plain steps lead, shape of param
    x: Tensor  # the mean of z_1 to z_t: the point to evaluate and to keep, shape of param
    t: int  # steps taken so far


@rule(LionState)
def lion(
    param: Tensor,
    grad: Tensor,
    state: LionState,
    *,
    lr: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 1e-2,
):
    r"""Step by the sign of a mean of the gradients: every element moves by the learning rate, up or down.

    $$c_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t$$
    $$\theta_t = (1 - \eta\lambda)\, \theta_{t-1} - \eta\, \operatorname{sign}(c_t)$$
    $$m_t = \beta_2 m_{t-1} + (1-\beta_2)\, g_t$$

    The sign is taken of a mean that leans towards the newest gradient; what is kept is a longer one. An element whose
    $c_t$ is 0 does not step.

    Args:
        param: the parameter $\theta_{t-1}$, any shape.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `LionState(m)`: the running mean, shape of `param`, in units of the gradient.
        lr: learning rate $\eta \ge 0$, in units of the parameter: the length of every element's step.
        beta1: share of the old mean in what the sign is taken of, $0 \le \beta_1 < 1$.
        beta2: share of the old mean that is kept, $0 \le \beta_2 < 1$.
        weight_decay: $\lambda \ge 0$, in one over units of the parameter: a step takes the share `lr * weight_decay`.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> start = lion.init(torch.zeros(3))
    >>> lion(torch.ones(3), torch.tensor([8.0, -0.5, 0.0]), start, lr=0.25, beta2=0.5, weight_decay=0.0)
    (tensor([0.7500, 1.2500, 1.0000]), LionState(m=tensor([ 4.0000, -0.2500,  0.0000])))

    Source: Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", Algorithm 2.
    Where torch differs: it has no Lion. Beside AdamW every element's step is lr long, not only about lr, so the paper
    takes lr 3 to 10 times smaller than AdamW's, and weight_decay as many times larger, to keep their product.
    """
    (m,) = state
    c = beta1 * m + (1 - beta1) * grad
    param = (1 - lr * weight_decay) * param - lr * c.sign()
    m = beta2 * m + (1 - beta2) * grad
    return param, LionState(m)


def _need_matrix(name: str, matrix: Any, steps: Any = 5) -> None:
    need_floats(name, "the matrix", matrix)
    if matrix.dim() != 2:
        raise ValueError(f"{name}: the matrix must have two dimensions; got shape {tuple(matrix.shape)}")
    need_whole(name, "steps", steps, low=0)


@checked_by(_need_matrix)
def newton_schulz(matrix: Tensor, steps: int = 5) -> Tensor:
    r"""Bring the singular values of a matrix near 1, by matrix products alone, and leave its singular vectors.

    $$X_0 = \frac{M}{\max(\lVert M \rVert_F,\, 10^{-7})}$$
    $$A = X_k X_k^\top \qquad X_{k+1} = a X_k + (b A + c A^2)\, X_k$$

    with $a = 3.4445$, $b = -4.7750$, $c = 2.0315$. Every singular value $\sigma \le 1$ of $X_k$ becomes
    $a\sigma + b\sigma^3 + c\sigma^5$. Small ones grow 3.4 times a step; five steps bring all that are above 0.002 in
    $X_0$ to between 0.68 and 1.21, not to 1 itself. A tall matrix is transposed at first and at last, so that $A$ is
    the smaller of two: the same numbers for less work. A matrix of zeros stays one.

    Args:
        matrix: the matrix $M$, shape `(rows, columns)`, floating-point; only its direction counts, not its size.
        steps: how many times the polynomial is applied, 0 or above.

    Returns:
        The matrix $X$ after the last step, shape of `matrix`; nothing is changed in place.

    Raises:
        ValueError: not two dimensions, not floating-point, steps that are no whole number or below 0.
        TypeError: a matrix that is not a tensor.

    >>> import torch
    >>> newton_schulz(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), steps=0)
    tensor([[0.6000, 0.0000],
            [0.0000, 0.8000]])
    >>> torch.linalg.svdvals(newton_schulz(torch.tensor([[3.0, 0.0], [0.0, 0.04]])))
    tensor([0.9308, 0.6965])

    Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io,
    whose coefficients these are.
    Where torch differs: inside `torch.optim.Muon` the same steps run in bfloat16, two to three digits. The exact answer
    to the same question is `U @ Vh` of `U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)`.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = X / X.norm().clamp(min=1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X.T if tall else X


@rule(MuonState, matrices=True)
def muon(
    param: Tensor,
    grad: Tensor,
    state: MuonState,
    *,
    lr: float = 0.02,
    beta: float = 0.95,
    weight_decay: float = 1e-2,
):
    r"""Momentum for a matrix, whose step is made orthogonal: about as long in every direction.

    $$m_t = \beta m_{t-1} + (1-\beta)\, g_t$$
    $$\theta_t = (1 - \eta\lambda)\, \theta_{t-1} - \eta\, \operatorname{NS}(m_t)$$

    where NS is `newton_schulz` with its five steps. Its singular values are near 1 whatever those of $m_t$ are, so that
    neither the size of the gradient nor one strong direction in it decides.

    Args:
        param: the parameter $\theta_{t-1}$, a matrix, shape `(rows, columns)`.
        grad: the gradient $g_t$ at `param`, shape of `param`.
        state: `MuonState(m)`: the running mean, shape of `param`, in units of the gradient.
        lr: learning rate $\eta \ge 0$, in units of the parameter: about the step's largest singular value.
        beta: share of the old mean that is kept, $0 \le \beta < 1$.
        weight_decay: $\lambda \ge 0$, in one over units of the parameter: a step takes the share `lr * weight_decay`.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a parameter that is no matrix, a hyperparameter outside its range, a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> start = muon.init(torch.zeros(1, 2))
    >>> muon(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 8.0]]), start, lr=0.5, beta=0.75, weight_decay=0.5)
    (tensor([[ 0.7500, -0.3482]]), MuonState(m=tensor([[0., 2.]])))

    Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io; the
    decay is that of Liu et al. (2025), "Muon is Scalable for LLM Training".
    Where torch differs: `torch.optim.Muon` looks ahead unless told not to, and multiplies the step (not the decay) by
    $s = \sqrt{\max(1, \text{rows}/\text{columns})}$. The same rule is
    `torch.optim.Muon(params, lr=lr / s, weight_decay=weight_decay * s, momentum=beta, nesterov=False)`, and `m` is its
    `momentum_buffer`; equal to two digits or so, since torch takes its products in bfloat16.
    """
    (m,) = state
    m = beta * m + (1 - beta) * grad
    param = (1 - lr * weight_decay) * param - lr * newton_schulz(m)
    return param, MuonState(m)


@rule(ScheduleFreeState)
def schedule_free(param: Tensor, grad: Tensor, state: ScheduleFreeState, *, lr: float = 1e-3, beta: float = 0.9):
    r"""Plain steps, their mean, and gradients taken between the two: no schedule, and no end that must be known.

    $$z_t = z_{t-1} - \eta\, \nabla L(y_{t-1})$$
    $$x_t = \left(1 - \tfrac{1}{t}\right) x_{t-1} + \tfrac{1}{t}\, z_t$$
    $$y_t = (1-\beta)\, z_t + \beta\, x_t$$

    The parameter is $y$, where gradients are taken. The point to evaluate and to keep is $x$, the plain mean of
    $z_1$ to $z_t$. All three begin at the same point.

    Args:
        param: the parameter $y_{t-1}$, any shape. It is made anew from `z` and `x`, so its own numbers are not used.
        grad: the gradient at `param`, shape of `param`.
        state: `ScheduleFreeState(z, x, t)`: the point of the plain steps and the mean of these points, shape of
            `param`, and the steps taken so far.
        lr: learning rate $\eta \ge 0$, in units of the parameter over units of the gradient.
        beta: how far the parameter lies from $z$ towards $x$, $0 \le \beta < 1$; at 0 it is gradient descent on $z$.

    Returns:
        The new `(param, state)`; nothing is changed in place.

    Raises:
        ValueError: a hyperparameter outside its range, or a gradient of another shape.
        TypeError: a parameter or a gradient that is not a tensor.

    >>> import torch
    >>> y = torch.tensor([4.0])
    >>> state = schedule_free.init(y)
    >>> for _ in range(2):
    ...     y, state = schedule_free(y, torch.tensor([2.0]), state, lr=0.5, beta=0.75)
    >>> y, state
    (tensor([2.3750]), ScheduleFreeState(z=tensor([2.]), x=tensor([2.5000]), t=2))

    Source: Defazio et al. (2024), "The Road Less Scheduled", the method for SGD. There the starting point counts as the
    first of those averaged, so that the newest has the weight $1/(t+1)$; in the authors' code it does not, as here.
    Where torch differs: it has no schedule-free rule. The authors' code weighs each $z_t$ by the square of the largest
    rate so far, which is the plain mean here while the rate is constant.
    """
    z, x, t = state
    t = t + 1
    z = z - lr * grad
    x = (1 - 1 / t) * x + 1 / t * z
    param = (1 - beta) * z + beta * x
    return param, ScheduleFreeState(z, x, t)
