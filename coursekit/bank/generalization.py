"""Chapter 12: stopping early, and training examples made from others: shifted, partly blanked, mixed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.quizzes.generalization import QUIZZES
from coursekit.bank.slips.augmentation import CUT, CUT_CONVENTIONS, SHIFT
from coursekit.bank.slips.early_stopping import STOPPING, STOPPING_CONVENTIONS
from coursekit.bank.slips.mixup import MIX, MIX_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function
from coursekit.probe.cases import Call
from coursekit.reference import generalization as reference

DOUBLE = torch.float64


# ---- when to stop

UNEVEN = [5.0, 4.0, 3.0, 3.5, 2.75, 2.875, 2.625, 2.5, 2.75, 3.0, 2.25]  # once lower by exactly 0.25
WITH_PAUSES = [4.0, 4.5, 3.0, 3.5, 2.0, 2.5, 1.0, 1.5, 1.25, 1.125, 0.5]
CREEPING = [2.0, 1.9375, 1.875, 1.8125, 1.75, 1.6875, 1.625, 1.5625]


def _stopping_cases(generator: torch.Generator) -> list[Call]:
    def case(losses: list[float], patience: int, min_delta: float | None = None) -> Call:
        """Losses in steps of 1/64, which floating-point numbers hold exactly: every way to compare them agrees."""
        given = {"patience": patience} | ({} if min_delta is None else {"min_delta": min_delta})
        words = f"{len(losses)} losses, " + ", ".join(f"{name}={value:g}" for name, value in given.items())
        return Call((losses,), given, label=f"early_stopping, {words}")

    def drawn(epochs: int) -> list[float]:
        falling = 3 / (1 + torch.arange(epochs) / 4) + torch.randn(epochs, generator=generator).abs()
        return (falling.double() * 64).round().div(64).tolist()

    nan, inf = math.nan, math.inf
    return [
        case(UNEVEN, 3, 0.25),
        case(UNEVEN, 4, 0.25),
        case(UNEVEN, 2),
        case(UNEVEN, 1),
        case(UNEVEN, 3, 0.0625),
        case(WITH_PAUSES, 1),
        case(WITH_PAUSES, 3),
        case(WITH_PAUSES, 2, 0.5),
        case([3.0, 2.5, 2.0, 1.5, 1.0], 1),
        case([3.0, 2.0, 2.5, 2.25, 1.0], 2),
        case([3.0, 2.0, 2.5, 2.25], 2),
        case([3.0, 2.0, 2.5, 2.25], 3),
        case([2.0] * 6, 4),
        case([1.0, 1 - 2**-15, 1 - 2**-14, 1.0], 1),
        case(CREEPING, 7, 0.25),
        case(CREEPING, 4, 0.25),
        case([-1.0, -2.0, -2.25, -2.125, -3.0, -3.125, -3.25], 2, 0.5),
        case([3.0, nan, 2.0, nan, nan, 1.0], 2),
        case([3.0, 2.0, nan, nan, 1.0, 1.5, 1.25], 3),
        case([inf, 3.0, 2.0, 2.5, 2.25, 1.0], 2, 0.5),
        case([1.5], 1),
        case(drawn(20), 2),
        case(drawn(40), 5, 0.125),
    ]


def _stopping_by_counting(losses, *, patience, min_delta=0.0):
    best, best_epoch, bad = losses[0], 0, 0
    for epoch in range(1, len(losses)):
        if best - losses[epoch] > min_delta:
            best, best_epoch, bad = losses[epoch], epoch, 0
        else:
            bad += 1
            if bad >= patience:
                return epoch, best_epoch
    return len(losses) - 1, best_epoch


def _stopping_in_jumps(losses, *, patience, min_delta=0):
    best = 0
    while True:
        ahead = range(best + 1, min(best + patience + 1, len(losses)))
        better = [e for e in ahead if losses[e] < losses[best] - min_delta]
        if not better:
            return [min(best + patience, len(losses) - 1), best]
        best = better[0]


OVERGROWN = """\
import dataclasses

stop_early, digits = yours(early_stopping), engine.digits()
labels = digits.y_train[:300].clone()
labels[:75] = torch.randint(10, (75,), generator=torch.Generator().manual_seed(1)).to(labels)
few = dataclasses.replace(digits, x_train=digits.x_train[:300], y_train=labels)
model = engine.mlp([64, 256, 256, 10])
optimizer, loss = torch.optim.Adam(model.parameters(), lr=1e-3), torch.nn.functional.cross_entropy
run = engine.train(model, optimizer, few, loss=loss, epochs=40, batch_size=25, progress=False)
print(f"after all 40 epochs  : validation loss {run.validation_loss[-1]:.2f}, accuracy {run.accuracy[-1]:.1%}")
for patience in (1, 3, 10):
    stop, best = stop_early(run.validation_loss, patience=patience)
    kept = f"validation loss {run.validation_loss[best]:.2f}, accuracy {run.accuracy[best]:.1%}"
    print(f"patience {patience:<2}, stop at {stop:2}: {kept} with the weights of epoch {best}")
show.loss_curves(
    {"training": run.train_loss, "validation": run.validation_loss}, xlabel="epoch", ylabel="loss in nats"
)"""

early_stopping = Exercise(
    answer=reference.early_stopping,
    probe=Function(_stopping_cases),
    points=2,
    hints=(
        "Go through the losses once, and carry along two things: the best loss so far, and its epoch. How long have "
        "you waited when the epoch is 7 and the best was 4?",
        "An epoch is better when its loss lies below `best - min_delta`; then both things change, and only then. It "
        "is time to stop when `epoch - best_epoch` has come to `patience`.",
        "In `for epoch, loss in enumerate(losses):` first `if loss < best - min_delta: best, best_epoch = loss, "
        "epoch`, then `if ... == patience: break`. After the loop `return epoch, best_epoch`.",
    ),
    slips=STOPPING,
    conventions=STOPPING_CONVENTIONS,
    also_right=(_stopping_by_counting, _stopping_in_jumps),
    task="`losses` is a list of at least one number, and the first of them is never NaN; later ones may be.",
    use=(
        "# %% [markdown]\n**Your stopping at work.** A large network learns 300 digits, of which 75 carry labels drawn "
        "at random. Before you run it: will the training loss and the validation loss turn at the same epoch?",
        OVERGROWN,
    ),
)


# ---- images


def _images(*shape: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    """Pixels numbered from 1: what stands where can be read off."""
    return torch.arange(1, 1 + math.prod(shape), dtype=dtype).reshape(shape)


def _drawn_images(generator: torch.Generator, *shape: int) -> Tensor:
    """Of both signs, as standardised pixels are."""
    return torch.randn(shape, generator=generator, dtype=DOUBLE).round(decimals=2)


def _image_call(name: str, images: Tensor, *args: int) -> Call:
    single = ", float32" if images.dtype is torch.float32 else ""
    return Call((images, *args), label=f"{name}, images of shape {tuple(images.shape)}{single}, {args}")


def _shift_cases(generator: torch.Generator) -> list[Call]:
    def case(images: Tensor, dy: int, dx: int) -> Call:
        return _image_call("shift_images", images, dy, dx)

    moves = torch.randint(-4, 5, (2, 2), generator=generator).tolist()
    return [
        case(_images(3, 4), 1, -2),
        case(_images(3, 4), 0, 0),
        case(_images(2, 4, 3), 2, 1),
        case(_images(2, 3, 4), -1, 0),
        case(_images(2, 3, 4), 0, 3),
        case(_images(2, 3, 5, 4), -2, -1),
        case(_images(3, 4), 3, 0),
        case(_images(3, 4), 0, -4),
        case(_images(3, 5), -7, 1),
        case(_images(2, 3, 4), 1, 9),
        case(_images(4, 4, dtype=torch.float32), 1, 2),
        *(case(_drawn_images(generator, 3, 6, 5), dy, dx) for dy, dx in moves),
    ]


def _shift_by_slices(images, dy, dx):
    height, width = images.shape[-2:]
    out = torch.zeros_like(images)
    if abs(dy) < height and abs(dx) < width:
        rows, columns = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
        from_rows, from_columns = slice(max(-dy, 0), height - max(dy, 0)), slice(max(-dx, 0), width - max(dx, 0))
        out[..., rows, columns] = images[..., from_rows, from_columns]
    return out


def _shift_pixel_by_pixel(images, dy, dx):
    new = images.clone()
    height, width = new.shape[-2], new.shape[-1]
    for i in range(height):
        for j in range(width):
            there = 0 <= i - dy < height and 0 <= j - dx < width
            new[..., i, j] = images[..., i - dy, j - dx] if there else 0.0
    return new


def _shift_by_padding(images, dy, dx):
    h, w = images.shape[-2:]
    dy, dx = min(max(dy, -h), h), min(max(dx, -w), w)
    return torch.nn.functional.pad(images, (dx, -dx, dy, -dy))


SHIFTED = """\
shift, digits = yours(shift_images), engine.digits()
model = engine.mlp([64, 64, 10])
optimizer, loss = torch.optim.Adam(model.parameters(), lr=1e-3), torch.nn.functional.cross_entropy
engine.train(model, optimizer, digits, loss=loss, epochs=30, batch_size=50, progress=False)
images, shown = digits.images(digits.x_validation), []
for dx in (0, 1, 2, 3):
    moved = shift(images, 0, dx)
    x = (moved.reshape(len(moved), -1) - digits.mean) / digits.scale  # as the network knows its inputs
    right = (model(x).argmax(1) == digits.y_validation).float().mean()
    print(f"{dx} pixels to the right: {right:.1%} of the digits are read correctly")
    shown.append(moved[:8])
show.digits_grid(torch.cat(shown), [f"dx={dx}" for dx in range(4) for _ in range(8)], columns=8)"""

ANY_LEADING = "The images may have any dimensions before the last two: none, a batch, a batch and channels."

shift_images = Exercise(
    answer=reference.shift_images,
    probe=Function(_shift_cases),
    points=2,
    hints=(
        "Ask of each place where its pixel comes from: what stands at row i afterwards stood at row i - dy before. "
        "Where there is no such row, or no such column, it is 0.",
        "Either move everything round with `images.roll((dy, dx), (-2, -1))` and blank what came round, or copy one "
        "slice of the images into another slice of `torch.zeros_like(images)`. A slice must not begin below 0.",
        "`row = torch.arange(height) - dy` is where each row comes from, and `(row >= 0) & (row < height)` says "
        "whether there is one; the same for the columns. Then `images.roll(...).masked_fill(~(rows[:, None] & "
        "columns), 0)`.",
    ),
    slips=SHIFT,
    also_right=(_shift_by_slices, _shift_pixel_by_pixel, _shift_by_padding),
    task=f"{ANY_LEADING} A shift may be larger than the image: then nothing of it is left.",
    use=(
        "# %% [markdown]\n**Your shift at work.** A network has learned digits that all stand in the middle. What does "
        "one pixel do to it?",
        SHIFTED,
    ),
)


# ---- a square


def _cut_cases(generator: torch.Generator) -> list[Call]:
    def case(images: Tensor, *args: int) -> Call:
        return _image_call("cutout", images, *args)

    top, left, size = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((0, 4), (0, 3), (2, 4)))
    image, edges = _images(5, 6), ((-1, 2), (3, 1), (2, -2), (1, 4), (-2, -1), (-1, 5), (4, -1), (3, 4))
    return [
        case(_images(3, 4), -1, 1, 3),
        case(_images(3, 4), 1, 2, 2),
        *(case(image, *place, 3) for place in edges),
        case(_images(3, 4), 0, 1, 2),
        case(_images(2, 4, 5), 1, 3, 1),
        case(_images(2, 3, 4, 5), 2, 1, 2),
        case(_images(3, 4), -1, -2, 9),
        case(_images(3, 4), 3, 0, 2),
        case(_images(3, 4), -2, -2, 2),
        case(_images(3, 4), -4, 1, 3),
        case(_images(3, 4), 1, -3, 2),
        case(_images(3, 4), 1, 1, 0),
        case(_images(4, 3, dtype=torch.float32), 1, 0, 2),
        case(_drawn_images(generator, 3, 6, 5), top, left, size),
    ]


def _cut_by_slices(images, top, left, size):
    out = images.clone()
    out[..., max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 0
    return out


def _cut_pixel_by_pixel(images, top, left, size):
    out = images.clone()
    for i in range(top, top + size):
        for j in range(left, left + size):
            if 0 <= i < images.shape[-2] and 0 <= j < images.shape[-1]:
                out[..., i, j] = 0
    return out


def _cut_by_factors(images, top, left, size):
    keep = torch.ones_like(images)
    ends = (max(top + size, 0), max(left + size, 0))
    keep[..., max(top, 0) :, max(left, 0) :][..., : ends[0] - max(top, 0), : ends[1] - max(left, 0)] = 0
    return images * keep


CUTS = """\
cut, digits = yours(cutout), engine.digits()
images = digits.images(digits.x_train[:8])
places = ((0, 0, 0), (2, 2, 3), (-1, 3, 4), (4, -2, 5), (0, 0, 5))
labels = [f"{top}, {left}, {size}" for top, left, size in places for _ in images]
show.digits_grid(torch.cat([cut(images, *place) for place in places]), labels, columns=8)"""

cutout = Exercise(
    answer=reference.cutout,
    probe=Function(_cut_cases),
    points=2,
    hints=(
        "The square's rows are `top` to `top + size - 1`, its columns `left` to `left + size - 1`. Some of those may "
        "not exist; the others are blank.",
        "With a slice: a negative number would count from the end, so begin at `max(top, 0)` and end at "
        "`max(top + size, 0)`; past the last row a slice ends by itself. Work on `images.clone()`.",
        "`out[..., max(top, 0) : ..., max(left, 0) : ...] = 0`, with the two ends in place of the dots, and "
        "`return out`.",
    ),
    slips=CUT,
    conventions=CUT_CONVENTIONS,
    also_right=(_cut_by_slices, _cut_pixel_by_pixel, _cut_by_factors),
    task=f"{ANY_LEADING} The square may reach over any edge, or lie outside altogether.",
    use=(
        "# %% [markdown]\n**Your squares at work.** Under each digit stand top, left and size. Which of them can you "
        "still read, and which could be two digits?",
        CUTS,
    ),
)


# ---- mixed


def _mix_cases(generator: torch.Generator) -> list[Call]:
    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=DOUBLE).mul(3).round(decimals=2)

    def classes(*labels: int) -> Tensor:
        return torch.eye(3, dtype=DOUBLE)[list(labels)]

    def case(x: Tensor, y: Tensor, lam: float, *order: int, dtype: torch.dtype = DOUBLE) -> Call:
        single = ", float32" if dtype is torch.float32 else ""
        label = f"mixup, x {tuple(x.shape)}, y {tuple(y.shape)}{single}, lam={lam:g}"
        return Call((x.to(dtype), y.to(dtype), lam, torch.tensor(order)), label=label)

    return [
        case(numbers(4, 3), classes(0, 2, 1, 0), 0.3, 2, 0, 3, 1),
        case(numbers(4, 3), classes(1, 2, 0, 1), 0.8, 1, 2, 3, 0),
        case(numbers(5, 2, 3), numbers(5), 0.6, 4, 0, 3, 1, 2),
        case(numbers(6), numbers(6, 2), 0.1, 3, 1, 4, 0, 5, 2),
        case(numbers(3, 1, 4, 4), classes(2, 0, 1), 0.45, 1, 2, 0),
        case(numbers(3, 2), classes(0, 1, 2), 0.0, 2, 0, 1),
        case(numbers(3, 2), classes(0, 1, 2), 1.0, 1, 2, 0),
        case(numbers(1, 4), classes(1), 0.5, 0),
        case(numbers(4, 2), classes(2, 1, 0, 0), 0.7, 3, 0, 1, 2, dtype=torch.float32),
    ]


def _mix_by_lerp(x, y, lam, permutation):
    def mixed(own):
        return torch.lerp(own.index_select(0, permutation), own, lam)

    return mixed(x), mixed(y)


def _mix_row_by_row(x, y, lam, permutation):
    order = permutation.tolist()
    new_x = [lam * x[i] + (1 - lam) * x[j] for i, j in enumerate(order)]
    new_y = [lam * y[i] + (1 - lam) * y[j] for i, j in enumerate(order)]
    return torch.stack(new_x), torch.stack(new_y)


MIXED = r"""mix, digits = yours(mixup), engine.digits()
images, names = digits.images(digits.x_train[:8]), digits.y_train[:8].tolist()
classes, order = torch.nn.functional.one_hot(digits.y_train[:8], 10).to(images), torch.arange(8).roll(-1)
shown, labels = [], []
for lam in (1.0, 0.7, 0.5, 0.3, 0.0):
    x, y = mix(images, classes, lam, order.to(images.device))
    shown.append(x)
    labels += ["\n".join(f"{v:.0%} {k}" for k, v in enumerate(row.tolist()) if v > 0.001) for row in y]
show.digits_grid(torch.cat(shown), labels, columns=8)"""

mixup = Exercise(
    answer=reference.mixup,
    probe=Function(_mix_cases),
    hints=(
        "Each row is mixed with one other row of the same batch. `x[permutation]` has these partners in the right "
        "order, all at once.",
        "`lam` times the batch plus `1 - lam` times its partners. The targets are mixed in the same way, by the same "
        "`lam` and the same `permutation`.",
        "`return lam * x + (1 - lam) * ..., lam * y + (1 - lam) * ...`, with the partners in place of the dots.",
    ),
    slips=MIX,
    conventions=MIX_CONVENTIONS,
    also_right=(_mix_by_lerp, _mix_row_by_row),
    use=(
        "# %% [markdown]\n**Your mixing at work.** Each digit is mixed with the one to its right; beneath stand the "
        "shares of the classes. At which `lam` does your eye go over to the other digit?",
        MIXED,
    ),
)

chapter = Chapter(
    number=12,
    topic="generalization",
    title="Generalisation",
    exercises=(early_stopping, shift_images, cutout, mixup),
    quizzes=QUIZZES,
    intro="When to stop, which weights to keep, and how to make more training examples out of those there are. The "
    "lesson is `notebooks/12_generalization.ipynb`.",
    setup="from coursekit import engine, show",
)
