"""What is true of every epoch that is dealt out in random batches, however it was shuffled."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import torch
from torch import Tensor

from coursekit.exercise import Law
from coursekit.probe.cases import Draws
from coursekit.probe.values import describe

DOUBLE = torch.float64
SIGMAS = 7  # so far off that a right answer is never there
MANY = 100  # rows: of so many not every order can be counted
UNREADABLE = "this can be said only of epochs in which every row comes once, in batches of the right size"


def _epochs(value: dict) -> list:
    return [epoch for draw in value["draws"] for epoch in draw]


def _not_batches(value: dict, case: Draws) -> str | None:
    n = case.args[0]
    for epoch in _epochs(value):
        if not isinstance(epoch, tuple | list):
            return f"it gave {describe(epoch)}, wanted one batch after the other: by `yield`, or in a list"
        if len(epoch) >= case.most:
            return f"more than {n} batches came, and there are {n} rows: does it come to an end?"
        for index in epoch:
            if not isinstance(index, Tensor) or index.dim() != 1:
                return f"a batch is {describe(index)}, wanted a 1-D tensor of rows"
            if index.dtype != torch.int64:
                return f"a batch has dtype {index.dtype}, wanted torch.int64"
    return None


def _not_once(value: dict, case: Draws) -> str | None:
    n = case.args[0]
    if _not_batches(value, case):
        return "this can be said only of batches that are 1-D tensors of torch.int64"
    for epoch in _epochs(value):
        times = Counter(torch.cat(epoch).tolist() if epoch else [])
        missing = [row for row in range(n) if row not in times]
        for row, count in sorted(times.items()):
            if not 0 <= row < n:
                return f"row {row} came; of {n} rows the last is {n - 1}"
            if count > 1:
                other = f", and row {missing[0]} not at all" if missing else ""
                return f"in one epoch row {row} came {count} times{other}"
        if missing:
            which = f"row {missing[0]} did" if len(missing) == 1 else f"{len(missing)} of {n} rows did"
            return f"{which} not come in the epoch"
    return None


def _other_sizes(value: dict, case: Draws) -> str | None:
    n, size = case.args
    if _not_once(value, case):
        return "this can be said only of epochs in which every row comes once"
    wanted = [min(size, n - start) for start in range(0, n, size)]
    for epoch in _epochs(value):
        got = [len(index) for index in epoch]
        if got != wanted:
            return f"the batches had {_listed(got)} rows, wanted {_listed(wanted)}"
    return None


def _listed(sizes: list[int]) -> str:
    """Sizes in words; of many the last ones.

    >>> _listed([4, 4, 3]), _listed([64] * 16 + [54])
    ('4, 4 and 3', '…, 64, 64 and 54')
    """
    words = [str(size) for size in sizes[-3:]] if len(sizes) > 6 else [str(size) for size in sizes]
    words = ["…", *words] if len(sizes) > 6 else words
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:]) or "no"


def _other_chance(value: dict, case: Draws) -> str | None:
    if not value["global_untouched"]:
        return (
            "numbers were drawn from torch's global generator; hand yours on: `torch.randperm(n, generator=generator)`"
        )
    if case.args[0] <= case.args[1]:
        return None  # one batch of all rows: nothing needs to be drawn
    if not value["moved"]:
        return "the generator stands where it stood: nothing was drawn from it"
    if _other_sizes(value, case):
        return UNREADABLE
    orders = [[torch.cat(epoch).tolist() for epoch in draw] for draw in value["draws"]]
    if [torch.cat(epoch).tolist() for epoch in value["again"]] != orders[0]:
        return "from the same state of the generator came another order: some of the chance comes from elsewhere"
    if case.args[0] < 10:
        return None  # equal orders are no wonder
    if all(draw[0] == draw[1] for draw in orders):
        return "a second epoch with the same generator had the order of the first"
    if all(draw == orders[0] for draw in orders):
        return "generators with different seeds gave the same order, as if they were seeded anew inside"
    return None


def _other_orders(value: dict, case: Draws) -> str | None:
    """Whether all orders of a few rows come equally often, and of many rows as many come early as late."""
    (n, size), epochs = case.args, _epochs(value)
    if n < MANY and (size > 1 or n > 4 or len(epochs) < 200):
        return None
    if _other_sizes(value, case):
        return UNREADABLE
    return _late(epochs, n, size) if n >= MANY else _uneven(epochs, n)


def _late(epochs: list, n: int, size: int) -> str | None:
    """Exchanging each row with *any* other is no fair shuffle: more rows then come early than late."""
    own = torch.arange(n) // size
    moved = torch.stack([(own - torch.cat(epoch) // size).sign() for epoch in epochs]).to(DOUBLE)
    later = moved.sum(1)
    if abs(float(later.mean())) > SIGMAS * float(later.std()) / math.sqrt(len(epochs)):
        late, early = float((moved > 0).to(DOUBLE).mean()), float((moved < 0).to(DOUBLE).mean())
        return (
            f"over {len(epochs)} epochs {late:.1%} of the rows came in a later batch than without a shuffle and "
            f"{early:.1%} in an earlier one; it should be as many: some orders come more often than others"
        )
    return None


def _uneven(epochs: list, n: int) -> str | None:
    times = Counter(tuple(torch.cat(epoch).tolist()) for epoch in epochs)
    expected, freedom = len(epochs) / math.factorial(n), math.factorial(n) - 1
    squares = sum((times[order] - expected) ** 2 for order in permutations(range(n))) / expected
    chance = 2 / (9 * freedom)  # Wilson and Hilferty: the cube root of chi squared is nearly normal
    if (squares / freedom) ** (1 / 3) - 1 + chance > SIGMAS * chance**0.5:
        (often, most), least = times.most_common(1)[0], min(times[order] for order in permutations(range(n)))
        return (
            f"over {len(epochs)} epochs of {n} rows the order {', '.join(map(str, often))} came {most} times and "
            f"another {least} times; each should come about {expected:.0f} times"
        )
    return None


def _in_company(value: dict, case: Draws) -> str | None:
    """Whether each row is as often in each batch, and with each other row, as chance has it."""
    (n, size), epochs = case.args, _epochs(value)
    if n % size or n == size or len(epochs) < 200:
        return None
    if _other_sizes(value, case):
        return UNREADABLE
    number = torch.empty(len(epochs), n, dtype=torch.int64)  # of the batch in which each row is
    for places, epoch in zip(number, epochs, strict=True):
        places[torch.cat(epoch)] = torch.arange(n) // size
    by_chance = size / n
    for k in range(n // size):
        share = (number == k).to(DOUBLE).mean(0)
        row = int((share - by_chance).abs().argmax())
        if _far(float(share[row]), by_chance, len(epochs)):
            return f"row {row} was in batch {k + 1} in {share[row]:.0%} of the epochs; by chance it is {by_chance:.0%}"
    by_chance = (size - 1) / (n - 1)
    share = (number[:, :, None] == number[:, None, :]).to(DOUBLE).mean(0).fill_diagonal_(by_chance)
    row, other = divmod(int((share - by_chance).abs().argmax()), n)
    if _far(float(share[row, other]), by_chance, len(epochs)):
        together = f"rows {row} and {other} were in the same batch in {share[row, other]:.0%} of the epochs"
        return f"{together}; by chance it is {by_chance:.0%}"
    return None


def _far(share: float, expected: float, count: int) -> bool:
    return abs(share - expected) > SIGMAS * math.sqrt(expected * (1 - expected) / count)


EPOCHS = (
    Law("batches that are 1-D tensors of torch.int64", _not_batches),
    Law("every row once in an epoch", _not_once),
    Law("every batch full but the last", _other_sizes),
    Law("all chance comes from the generator, and each epoch draws anew", _other_chance),
    Law("any order is as likely as any other", _other_orders),
    Law("rows share a batch by chance alone", _in_company),
)
