"""Where the numbers live: a CUDA device where there is one, else the CPU, or what the environment asks for."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """The device that everything in `engine` uses unless told otherwise.

    CUDA where there is one, else the CPU. The environment variable `COURSEKIT_DEVICE` overrides: `cpu`, `cuda`,
    `cuda:1` and so on.

    Raises:
        ValueError: `COURSEKIT_DEVICE` names no device that can be used here.

    >>> device().type in ("cpu", "cuda")
    True
    """
    wanted = os.environ.get("COURSEKIT_DEVICE", "").strip()
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(wanted)
        torch.zeros(1, device=chosen).item()  # a device may have a name and still not be there
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"COURSEKIT_DEVICE must name a device of this machine, such as cpu or cuda; got {wanted!r} ({reason})"
        ) from None
    return chosen
