"""One step of an optimizer over many floats, beside torch's own and optax, and the time to move the bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.measure import Time, copy_seconds, in_turns, table
from coursekit.engine import Optimizer
from coursekit.reference import RULES

TENSORS = 60  # as many as a small transformer has
BYTES = {"gradient_descent": 12, "momentum": 20, "heavy_ball": 20, "adagrad": 20, "rmsprop": 20}  # a float; else 28
TORCH: dict[str, tuple[Any, dict[str, Any]]] = {
    "gradient_descent": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9, "dampening": 0.1}),
    "heavy_ball": (torch.optim.SGD, {"momentum": 0.9}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adam_l2": (torch.optim.Adam, {"weight_decay": 0.01}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.01}),
}


def shapes(floats: int) -> list[tuple[int, int]]:
    side = max(int(math.sqrt(floats / TENSORS)), 1)
    return [(side, max(floats // TENSORS // side, 1))] * TENSORS


def parameters(floats: int, place: torch.device) -> list[torch.nn.Parameter]:
    made = [torch.nn.Parameter(torch.randn(shape, device=place)) for shape in shapes(floats)]
    for p in made:
        p.grad = torch.randn_like(p)
    return made


def contenders(name: str, floats: int, place: torch.device, *, slow: bool) -> dict[str, Callable[[], Any]]:
    maker, settings = TORCH[name]
    kinds = ["fused", "foreach", *(["for-loop"] if slow else [])]
    made: dict[str, Callable[[], Any]] = {
        "coursekit, compiled": Optimizer(parameters(floats, place), RULES[name], compiled=True, lr=1e-3).step
    }
    for kind in kinds:
        how: dict[str, Any] = {"foreach": False} if kind == "for-loop" else {kind: True}
        if kind != "fused" or maker is not torch.optim.RMSprop:  # which has no fused form
            made[f"torch, {kind}"] = maker(parameters(floats, place), lr=1e-3, **settings, **how).step
    if slow:
        made["coursekit, eager"] = Optimizer(parameters(floats, place), RULES[name], lr=1e-3).step
    if (optax_step := _optax(name, floats)) is not None:
        made["jax + optax, jit, donated"] = optax_step
    return made


def _optax(name: str, floats: int) -> Callable[[], Any] | None:
    try:
        import jax
        import optax
    except ImportError:
        return None
    made = {"adamw": lambda: optax.adamw(1e-3, weight_decay=0.01), "rmsprop": lambda: optax.rmsprop(1e-3)}
    if name not in made:
        return None
    rule = made[name]()
    params = [jax.numpy.ones(shape, "float32") for shape in shapes(floats)]
    grads = [jax.numpy.ones(shape, "float32") for shape in shapes(floats)]

    def update(params: Any, state: Any, grads: Any) -> Any:
        moves, state = rule.update(grads, state, params)
        return optax.apply_updates(params, moves), state

    fast = jax.jit(update, donate_argnums=(0, 1))
    kept = [params, rule.init(params)]

    def step() -> None:
        kept[:] = fast(*kept, grads)
        jax.block_until_ready(kept)

    return step


def run(place: torch.device, floats: int, rounds: int) -> tuple[dict[str, Any], str]:
    """Every elementwise rule at one size, then AdamW from small to large."""
    copied = copy_seconds(place, floats) / 8 / floats  # seconds for a byte
    found: dict[str, Any] = {"floats": floats, "copy_bytes_per_second": 1 / copied, "rules": {}, "growth": {}}
    rows = [["rule", "contender", "ms (min to max)", "over moving the bytes", "coursekit over it", "first call, s"]]
    for name in TORCH:
        times = in_turns(contenders(name, floats, place, slow=name == "adamw"), rounds)
        floor = BYTES.get(name, 28) * floats * copied
        found["rules"][name] = {"floor": floor, **{key: vars(time) for key, time in times.items()}}
        rows += [[name, *_row(key, time, floor, times)] for key, time in times.items()]
    size = 10_000
    while size <= floats:
        times = in_turns(contenders("adamw", size, place, slow=False), max(rounds, 20 if size < 10**6 else 0))
        found["growth"][size] = {key: time.median for key, time in times.items()}
        size *= 10
    return found, table(f"One step over {floats:,} floats in {TENSORS} tensors", rows)


def _row(name: str, time: Time, floor: float, times: dict[str, Time]) -> list[str]:
    ours = times["coursekit, compiled"].median
    spread = f"{1e3 * time.median:.2f} ({1e3 * time.low:.2f} to {1e3 * time.high:.2f})"
    return [name, spread, f"{time.median / floor:.2f}", f"{ours / time.median:.2f}", f"{time.first:.1f}"]
