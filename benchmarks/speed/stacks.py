"""Many small networks trained at once on digits, beside one by one and JAX."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn

from benchmarks.speed.measure import table
from coursekit.engine import Data, Optimizer, digits, grid, mlp, stacked, train
from coursekit.reference import RULES

SIZES, BATCH = [64, 32, 10], 64
HOW: dict[str, Any] = {"loss": nn.functional.cross_entropy, "batch_size": BATCH}


def make(seed: int) -> nn.Module:
    return mlp(SIZES, seed)


def one_by_one(data: Data, epochs: int) -> list[float]:
    """Seconds of each epoch of one network, the faster of torch's fused AdamW and the course's rule."""
    best: list[float] = []
    for optimizer in (
        lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
        lambda p: Optimizer(p, RULES["adamw"], lr=0.01),
    ):
        model = make(0)
        seconds = (
            train(model, optimizer(model.parameters()), data, epochs=epochs, progress=False, **HOW).seconds / epochs
        )
        best = [seconds] if not best or seconds < best[0] else best
    return best


def together(data: Data, copies: int, epochs: int, *, compiled: bool) -> list[float]:
    rates = torch.logspace(-4, -1, copies) if copies > 1 else [0.01]
    return stacked(make, RULES["adamw"], data, seeds=0, lr=rates, epochs=epochs, compiled=compiled, **HOW).seconds


def with_jax(data: Data, copies: int, epochs: int) -> list[float]:
    """The same networks, rows and rule by `vmap` of optax's AdamW, one jitted step; seconds of each epoch."""
    try:
        import jax
        import jax.numpy as jnp
        import optax
    except ImportError:
        return []
    weights = [jnp.asarray(p.detach().cpu().numpy()) for p in make(0).parameters()]
    params = [jnp.repeat(w[None], copies, axis=0) for w in weights]
    lr = jnp.logspace(-4, -1, copies, dtype="float32")
    adam, decay = optax.scale_by_adam(), 0.01
    x, y, xv, yv = (
        jnp.asarray(t.cpu().numpy()) for t in (data.x_train, data.y_train, data.x_validation, data.y_validation)
    )

    def loss(params: Any, x: Any, y: Any) -> Any:
        hidden = jax.nn.relu(x @ params[0].T + params[1])
        return optax.softmax_cross_entropy_with_integer_labels(hidden @ params[2].T + params[3], y).mean()

    def step(params: Any, state: Any, lr: Any, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, x, y)
        moves, state = adam.update(grads, state, params)
        return [p * (1 - lr * decay) - lr * u for p, u in zip(params, moves, strict=True)], state, value

    fast = jax.jit(jax.vmap(step, in_axes=(0, 0, 0, None, None)), donate_argnums=(0, 1))
    measure = jax.jit(jax.vmap(loss, in_axes=(0, None, None)))
    state, order, seconds = jax.vmap(adam.init)(params), torch.Generator().manual_seed(0), []
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(x), generator=order).split(BATCH):
            index = rows.numpy()
            params, state, _ = fast(params, state, lr, x[index], y[index])
        jax.block_until_ready(measure(params, xv, yv))
        seconds.append(time.perf_counter() - start)
    return seconds


def run(place: torch.device, most: int, epochs: int) -> tuple[dict[str, Any], str]:
    """Networks trained in a second, from one copy to `most`, and a grid of 16 x 16 in one go."""
    data = digits(device=place)
    found: dict[str, Any] = {"growth": {}}
    rows = [["copies", "contender", "epochs of one network/s", "over one by one", "first epoch, s"]]
    copies = 1
    while copies <= most:
        alone = statistics.median(one_by_one(data, epochs) for _ in range(3))[0]
        found["growth"][copies] = {"one by one": 1 / alone}
        rows.append([str(copies), "one by one", f"{1 / alone:.3g}", "1.0", ""])
        for name, seconds in {
            "coursekit, eager": together(data, copies, epochs, compiled=False),
            "coursekit, compiled": together(data, copies, epochs, compiled=True),
            "jax, vmap": with_jax(data, copies, epochs),
        }.items():
            if seconds:
                rate = copies / statistics.median(seconds[1:])
                found["growth"][copies][name] = rate
                rows.append([str(copies), name, f"{rate:.3g}", f"{rate * alone:.1f}", f"{seconds[0]:.1f}"])
        copies *= 4
    result = grid(
        make,
        RULES["adamw"],
        data,
        seeds=[0],
        epochs=20,
        lr=torch.logspace(-4, -1, 16),
        weight_decay=torch.logspace(-4, 0, 16),
        **HOW,
    )
    found["grid_16_by_16_seconds"] = result.seconds
    return found, table("Networks on digits, 64-32-10, AdamW", rows) + f"\n{result}\n"
