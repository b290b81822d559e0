"""The mistakes that are made in going through the data: in the order, in the batches, in what is handed on."""

from __future__ import annotations

import math

import torch

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

DRAWN = "torch.randperm(n, generator=generator, device=generator.device)"  # how the answer writes it
STARTS, BATCH = "range(0, n, batch_size)", "yield order[start : start + batch_size]"


def _seeded_inside(n, batch_size, generator):
    generator.manual_seed(0)
    order = torch.randperm(n, generator=generator)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def _returned_in_the_loop(n, batch_size, generator):
    order = torch.randperm(n, generator=generator)
    for start in range(0, n, batch_size):
        return order[start : start + batch_size]


def _for_ever(n, batch_size, generator):
    while True:
        order = torch.randperm(n, generator=generator)
        for start in range(0, n, batch_size):
            yield order[start : start + batch_size]


def _even_parts(n, batch_size, generator):
    order = torch.randperm(n, generator=generator)
    yield from order.tensor_split(math.ceil(n / batch_size))


def _batches_shuffled(n, batch_size, generator):
    batches = torch.arange(n).split(batch_size)
    for k in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[k]


def _shuffled_inside(n, batch_size, generator):
    for batch in torch.arange(n).split(batch_size):
        yield batch[torch.randperm(len(batch), generator=generator)]


def _merged(n, batch_size, generator):
    order = torch.randperm(n, generator=generator)
    whole = max(n // batch_size, 1)
    for k in range(whole):
        yield order[k * batch_size : (k + 1) * batch_size if k < whole - 1 else n]


BATCHES = (
    Slip(
        "not shuffled",
        (DRAWN, "torch.arange(n)"),
        "The rows come in the order in which they lie, 0, 1, 2 and so on, the same in each epoch. Data often lie "
        "sorted, by class or by date; then a batch holds one class only. Shuffle first: `torch.randperm`.",
    ),
    Slip(
        "order drawn and not used",
        (BATCH, "yield torch.arange(start, min(start + batch_size, n))"),
        "A random order is drawn and then left alone: the batches hold the *places* 0, 1, 2 and so on. The rows of a "
        "batch are what stands at these places of the order, `order[start : start + batch_size]`.",
        hint=FORM,
    ),
    Slip(
        "generator of its own",
        (DRAWN, "torch.randperm(n, generator=torch.Generator().manual_seed(0))"),
        "A new generator with a fixed seed is made in each call, so every epoch has the same order. Draw from the "
        "generator that comes in: it moves on, and the next epoch differs.",
        hint=FORM,
    ),
    Slip(
        "generator seeded inside",
        _seeded_inside,
        "The generator is seeded inside the function, so every epoch has the same order. Who calls has seeded it; only "
        "draw from it.",
        hint=FORM,
    ),
    Slip(
        "last batch left out",
        (STARTS, "range(0, n - batch_size + 1, batch_size)"),
        "The rows that do not fill a whole batch are left out (torch's `drop_last=True`). Here every row comes once in "
        "an epoch: the last batch is smaller. With fewer rows than `batch_size` yours has no batch at all.",
        hint=LINE,
    ),
    Slip(
        "last batch never begun",
        (STARTS, "range(0, n - batch_size, batch_size)"),
        "The last batch is left out, even where it would be a whole one: the starts end too early. `range(0, n, "
        "batch_size)` goes on as long as there is a row to start at, and a slice past the end takes what is there.",
        hint=LINE,
    ),
    Slip(
        "starts one row apart",
        (STARTS, "range(-(-n // batch_size))"),
        "There are as many batches as there should be, but each starts one row after the one before, so that most rows "
        "come again and the last never. Batch k starts at `k * batch_size`.",
        hint=LINE,
    ),
    Slip(
        "drawn with replacement",
        (BATCH, "yield torch.randint(n, (batch_size,), generator=generator)"),
        "Each row of a batch is drawn from all rows, so in an epoch some come twice and others not at all. Shuffle "
        "once, and then deal out what was shuffled.",
    ),
    Slip(
        "drawn with replacement, in the right sizes",
        (BATCH, "yield torch.randint(n, (min(batch_size, n - start),), generator=generator)"),
        "The sizes are right, but each row is drawn from all rows, so in an epoch some come twice and others not at "
        "all. Shuffle once, and then deal out what was shuffled.",
    ),
    Slip(
        "a new order for each batch",
        (BATCH, f"yield {DRAWN}[:batch_size]"),
        "A new order is drawn for each batch: within a batch no row comes twice, but over the epoch some do and others "
        "are missed. One order for the whole epoch, drawn before the loop.",
        hint=FORM,
    ),
    Slip(
        "a new order for each batch, cut at the start",
        (BATCH, f"yield {DRAWN}[start : start + batch_size]"),
        "The sizes are right, but a new order is drawn for each batch, so over the epoch some rows come twice and "
        "others are missed. One order for the whole epoch, drawn before the loop.",
        hint=FORM,
    ),
    Slip(
        "windows that overlap",
        (STARTS, "range(n)"),
        "A batch starts at every row, so that each shares most of its rows with the one before. The next batch starts "
        "where the last one ended, `batch_size` further.",
        hint=LINE,
    ),
    Slip(
        "whole windows that overlap",
        (STARTS, "range(n - batch_size + 1)"),
        "A batch starts at every row, so that each shares most of its rows with the one before. The next batch starts "
        "where the last one ended, `batch_size` further, also where less than a whole one is left.",
        hint=LINE,
    ),
    Slip(
        "end of the slice without its start",
        (BATCH, "yield order[start:batch_size]"),
        "The slice ends at `batch_size` every time, so after the first batch nothing is left in it. The end counts "
        "from the front of the whole order: `start + batch_size`.",
        hint=LINE,
    ),
    Slip(
        "one row too many",
        (BATCH, "yield order[start : start + batch_size + 1]"),
        "Each batch holds the first row of the next one as well: the end of a slice is not in it, so `start + "
        "batch_size` is already right.",
        hint=LINE,
    ),
    Slip(
        "one row too few",
        (BATCH, "yield order[start : start + batch_size - 1]"),
        "Each batch lacks its last row: the end of a slice is not in it, so `start + batch_size` is already right.",
        hint=LINE,
    ),
    Slip(
        "last batch filled up",
        [(STARTS, "range(0, n, batch_size)"), (BATCH, "yield order[torch.arange(start, start + batch_size) % n]")],
        "The last batch is filled up with rows from the start of the order, which so come twice. It takes what is left "
        "and may be smaller.",
        hint=LINE,
    ),
    Slip(
        "last batch begun earlier",
        (BATCH, "yield order[max(min(start, n - batch_size), 0) :][:batch_size]"),
        "The last batch begins earlier, so that it is full, and some rows come twice. It takes what is left and may be "
        "smaller.",
        hint=LINE,
    ),
    Slip(
        "rest in the last whole batch",
        _merged,
        "The rows that are left over go into the last whole batch, which is then larger than `batch_size`. They make a "
        "smaller batch of their own.",
        hint=LINE,
    ),
    Slip(
        "even parts",
        _even_parts,
        "The rows are shared out evenly, so no batch need have `batch_size` rows. Every batch is full but the last, "
        "which takes what is left.",
        hint=FORM,
    ),
    Slip(
        "so many batches",
        ("for start in range(0, n, batch_size):\n        " + BATCH, "yield from order.tensor_split(batch_size)"),
        "`batch_size` is taken for the number of batches. It is the number of rows in one.",
        hint=FORM,
    ),
    Slip(
        "only the batches shuffled",
        _batches_shuffled,
        "The batches come in random order, but each holds neighbours, always the same: if the data lie sorted by "
        "class, it holds one class. Shuffle the rows, then cut.",
    ),
    Slip(
        "shuffled inside the batches only",
        _shuffled_inside,
        "The rows are shuffled inside their batch, so each batch holds the same rows in every epoch, and its gradient "
        "is the same. Shuffle all rows, then cut.",
    ),
    Slip(
        "started at a random place",
        (DRAWN, "torch.arange(n).roll(int(torch.randint(n, (1,), generator=generator)))"),
        "The order is turned to a random start, but neighbours stay neighbours. Any order of the rows may come: "
        "`torch.randperm`.",
        hint=FORM,
    ),
    Slip(
        "counted from 1",
        (BATCH, "yield order[start : start + batch_size] + 1"),
        "The rows are counted from 1 to n. They are counted from 0 here: row 0 never comes, and row n is not there.",
        hint=LINE,
    ),
    Slip(
        "first batch returned",
        _returned_in_the_loop,
        "`return` inside the loop ends the function at the first batch, and one tensor comes back. `yield` hands it "
        "over and goes on; or collect the batches in a list and return that after the loop.",
        hint=FORM,
    ),
    Slip(
        "without an end",
        _for_ever,
        "Epoch follows epoch and it never stops, so `for index in minibatches(...)` would run for ever. One call is "
        "one epoch.",
        hint=FORM,
    ),
    Slip(
        "whole order in one",
        ("for start in range(0, n, batch_size):\n        " + BATCH, "yield order"),
        "The whole order comes as one batch: `batch_size` is not used. Cut it into pieces.",
        hint=FORM,
    ),
    Slip(
        "lists for tensors",
        (BATCH, BATCH + ".tolist()"),
        "The batches are lists of numbers; wanted are tensors. A slice of a tensor is one: leave out `.tolist()`.",
        hint=LINE,
    ),
    Slip(
        "floating-point rows",
        (BATCH, BATCH + ".float()"),
        "The rows are floating-point numbers, and a tensor of those is no index: `X[index]` would fail. Keep them "
        "`torch.int64`, as `torch.randperm` gives them.",
        hint=LINE,
    ),
    Slip(
        "one row at a time",
        (BATCH, "yield order[start]"),
        "One row comes from each batch, a single number. A batch is `batch_size` of them: take a slice, `order[start : "
        "start + batch_size]`.",
        hint=LINE,
    ),
)
