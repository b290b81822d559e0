"""Speed: how many bytes a step has to move, and Adam's step over a whole list of tensors at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from coursekit.reference.adam import AdamState
from coursekit.reference.checks import checked_by, need_whole
from coursekit.reference.rule import check_gradient, check_hyperparameters


def _need_sizes(name: str, rule_name: Any, **sizes: Any) -> None:
    if not isinstance(rule_name, str):
        raise TypeError(f"{name}: rule_name must be a rule's name, such as 'adam'; got {type(rule_name).__name__}")
    for what, size in sizes.items():
        need_whole(name, what, size, low=1)


def _need_lists(name: str, params: Any, grads: Any, states: Any, **hyper: Any) -> None:
    check_hyperparameters(name, hyper)
    for what, given in (("params", params), ("grads", grads), ("states", states)):
        if not isinstance(given, list | tuple) or isinstance(given, AdamState):
            raise TypeError(f"{name}: {what} must be a list; got {type(given).__name__}")
    if not len(params) == len(grads) == len(states) or not params:
        raise ValueError(
            f"{name}: params, grads and states must have one entry for each tensor, at least one; "
            f"got {len(params)}, {len(grads)} and {len(states)}"
        )
    for i, (param, grad, state) in enumerate(zip(params, grads, states, strict=True)):
        check_gradient(name, param, grad)
        shapes = [getattr(getattr(state, field, None), "shape", None) for field in ("m", "v")]
        if shapes != [param.shape] * 2 or not hasattr(state, "t"):
            raise ValueError(
                f"{name}: states[{i}] must be an AdamState(m, v, t) in the shape of params[{i}], {tuple(param.shape)}: "
                "begin with adam.init(param)"
            )


@checked_by(_need_sizes)
def bytes_moved(rule_name: str, n: int, bytes_per_value: int) -> int:
    r"""Count the bytes that one step of an update rule must move between memory and processor.

    $$B = (2 + 1 + 2k)\, n\, b$$

    The parameter is read and written, the gradient is read, and each of the $k$ tensors of the rule's state is read and
    written, all of them once: what the step works out in between never leaves the processor.

    Args:
        rule_name: which rule: `"gradient_descent"` keeps no state, $k = 0$; `"momentum"`, `"heavy_ball"`, `"adagrad"`,
            `"rmsprop"` and `"lion"` keep one tensor; `"adam"`, `"adam_l2"` and `"adamw"` keep two, and
            `"schedule_free"` two (the step count t is a number, no tensor).
        n: how many values the parameter has, 1 or above.
        bytes_per_value: $b$, the bytes of one value: 4 in float32, 8 in float64, 2 in bfloat16.

    Returns:
        The number of bytes $B$, a whole number.

    Raises:
        ValueError: another name. `"muon"` is not elementwise: its matrix products read what they have written many
            times over. `"nesterov"` asks for a gradient in the middle of its step, at a point that it must first write
            down: it takes two passes, not one. Sizes that are not whole numbers, or below 1.
        TypeError: a name that is no text.

    >>> bytes_moved("adam", 1_000_000, 4)
    28000000

    Source: Williams, Waterman and Patterson (2009), "Roofline: An Insightful Visual Performance Model for Multicore
    Architectures", for the limit that memory sets.
    Where torch differs: nowhere for its fused optimizers, which move about this much; its other forms write down what
    they work out in between, and read it again.
    """
    if rule_name == "gradient_descent":
        k = 0
    elif rule_name in ("momentum", "heavy_ball", "adagrad", "rmsprop", "lion"):
        k = 1
    elif rule_name in ("adam", "adam_l2", "adamw", "schedule_free"):
        k = 2
    else:
        raise ValueError(f"bytes_moved: {rule_name!r} is not the name of an elementwise rule")
    return (2 + 1 + 2 * k) * n * bytes_per_value


@checked_by(_need_lists)
def adam_foreach(
    params: list[Tensor],
    grads: list[Tensor],
    states: list[AdamState],
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
):
    r"""Take Adam's step for a whole list of tensors: one call for each operation, not one for each tensor.

    $$m_{k,t} = \beta_1 m_{k,t-1} + (1-\beta_1)\, g_{k,t} \qquad
        v_{k,t} = \beta_2 v_{k,t-1} + (1-\beta_2)\, g_{k,t}^2 \qquad \text{for every tensor } k$$
    $$\theta_{k,t} = \theta_{k,t-1} - \eta\, \frac{m_{k,t} / (1-\beta_1^t)}
        {\sqrt{v_{k,t} / (1-\beta_2^t)} + \epsilon}$$

    Args:
        params: the parameters $\theta_k$, a list of tensors of any shapes; they are not changed.
        grads: the gradients $g_k$, a list with one tensor for each parameter, in its shape; they are not changed.
        states: a list with one `AdamState(m, v, t)` for each parameter. Each has its own count t of the steps taken so
            far: a tensor that joined later, or was left out for a while, has taken fewer. They are not changed.
        lr: learning rate $\eta \ge 0$, in units of the parameter.
        beta1: share of the old mean of gradients that is kept, $0 \le \beta_1 < 1$.
        beta2: share of the old mean of squares that is kept, $0 \le \beta_2 < 1$.
        eps: $\epsilon \ge 0$, added to the root, in units of the gradient.

    Returns:
        Two lists, `(params, states)`: for each tensor what `adam` gives for it alone, the new parameter and its new
        `AdamState`, in the order of `params`.

    Raises:
        ValueError: lists of different lengths or none at all, shapes that do not fit, a hyperparameter outside its
            range.
        TypeError: something that is no list, or holds something that is no tensor.

    >>> params = [torch.tensor([1.0]), torch.tensor([[2.0], [3.0]])]
    >>> states = [AdamState(torch.zeros_like(p), torch.zeros_like(p), 0) for p in params]
    >>> params, states = adam_foreach(params, [torch.ones_like(p) for p in params], states, lr=0.5)
    >>> params
    [tensor([0.5000]), tensor([[1.5000],
            [2.5000]])]

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", Algorithm 1.
    Where torch differs: `torch.optim.Adam(params, foreach=True)` has the same numbers, made with the same functions in
    place: `torch._foreach_add_` and its relatives, whose names begin with an underscore since torch may change them.
    """
    t = [state.t + 1 for state in states]
    m = torch._foreach_add(torch._foreach_mul([s.m for s in states], beta1), grads, alpha=1 - beta1)
    v = torch._foreach_addcmul(torch._foreach_mul([s.v for s in states], beta2), grads, grads, value=1 - beta2)
    m_hat = torch._foreach_div(m, [1 - beta1**count for count in t])
    v_hat = torch._foreach_div(v, [1 - beta2**count for count in t])
    root = torch._foreach_add(torch._foreach_sqrt(v_hat), eps)
    new = torch._foreach_addcdiv(params, m_hat, root, value=-lr)
    return list(new), [AdamState(*fields) for fields in zip(m, v, t, strict=True)]
