"""Chapter 11: dropout, from the mask that is drawn to the gradient that goes back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.bank.quizzes.dropout import QUIZZES
from coursekit.bank.slips.dropout import BACKWARD, DROPOUT, DROPOUT_CONVENTIONS, MASK
from coursekit.exercise import Chapter, Exercise, Function, Law, Stochastic, signed_numbers
from coursekit.probe.cases import Call, Draws
from coursekit.probe.values import describe
from coursekit.reference import dropout as reference

DOUBLE = torch.float64
TORCHS_OWN = frozenset(
    {"dropout", "dropout_", "native_dropout", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_"}
    | {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}
    | {"dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"}
)


# ---- the mask: what is true of all its draws

SIGMAS = 7  # so far off that a right answer is never there
UNREADABLE = "this can be said only of masks of zeros and ones, in the shape that was asked for"


def _not_a_mask(value: dict, case: Draws) -> str | None:
    shape, p = tuple(case.args[0]), case.args[1]
    for draw in value["draws"]:
        if not isinstance(draw, Tensor) or tuple(draw.shape) != shape:
            return f"it returned {describe(draw)}, wanted a tensor of shape {shape}"
        other = draw[(draw != 0) & (draw != 1)]
        if len(other):
            first = float(other[0].real)
            scaled = abs(first - 1 / (1 - p)) < 1e-3
            why = ", which is 1 / (1 - p): `dropout` scales, the mask does not" if scaled else ""
            return f"the mask holds {first:.3g}{why}; only zeros and ones belong there"
    return None


def _other_chance(value: dict, case: Draws) -> str | None:
    if not value["global_untouched"]:
        return "numbers were drawn from torch's global generator; hand yours on: `torch.rand(..., generator=generator)`"
    if case.args[1] == 0:
        return None  # nothing needs to be drawn
    if not value["moved"]:
        return "the generator stands where it stood: nothing was drawn from it"
    if _not_a_mask(value, case):
        return UNREADABLE
    first, again = value["draws"][0], value["again"]
    if not isinstance(again, Tensor) or not torch.equal(first, again):
        return "from the same state of the generator came another mask: some of the chance comes from elsewhere"
    if 0 < first.double().mean() < 1 and all(torch.equal(first, draw) for draw in value["draws"]):
        return "generators with different seeds gave the same mask, as if they were seeded anew inside"
    return None


def _another_share(value: dict, case: Draws) -> str | None:
    """The share of ones, in all and at every index of every dimension."""
    if _not_a_mask(value, case):
        return UNREADABLE
    masks, p = torch.stack(value["draws"]).to(DOUBLE), case.args[1]
    share = float(masks.mean())
    if _far(masks.flatten(1).mean(1), p, masks[0].numel()):
        why = ". That is p: a 1 stands for kept, and p is for dropping" if abs(share - p) < 0.02 else ""
        return f"{share:.3f} of {masks.numel():,} entries are 1; at p={p:g} it should be {1 - p:g}{why}"
    for d in range(1, masks.dim()):
        for i, there in enumerate(masks.unbind(d)):
            if _far(there.reshape(len(masks), -1).mean(1), p, there[0].numel()):
                share, place = float(there.mean()), f"at index {i} of dimension {d - 1}"
                return f"{place} {share:.3f} of the entries are 1; at p={p:g} it should be {1 - p:g} at every index"
    return None


def _far(shares: Tensor, p: float, size: int) -> bool:
    """Whether shares, one from each mask, are around another value than 1 - p; they may vary more than by chance."""
    spread = max(p * (1 - p) / size, float(shares.var()))
    return abs(float(shares.mean()) - (1 - p)) > SIGMAS * math.sqrt(spread / len(shares)) + 1e-12


def _together(value: dict, case: Draws) -> str | None:
    """How much the number of entries kept varies, against the binomial's: in whole masks, and along each dimension."""
    if _not_a_mask(value, case):
        return UNREADABLE
    masks = torch.stack(value["draws"]).to(DOUBLE)
    kept = float(masks.mean())
    for dims in [tuple(range(1, masks.dim())), *((d,) for d in range(1, masks.dim()))]:
        counts, size = masks.sum(dims).flatten(), math.prod(masks.shape[d] for d in dims)
        if not kept * (1 - kept):
            return None
        ratio = float(counts.var()) / (size * kept * (1 - kept))
        chance = 2 / (9 * len(counts))  # Wilson and Hilferty: the cube root of a variance is nearly normal
        if abs(ratio ** (1 / 3) - 1 + chance) > SIGMAS * chance**0.5:
            where = "in a mask" if len(dims) == masks.dim() - 1 else f"along dimension {dims[0] - 1}"
            why = "entries share their fate" if ratio > 1 else "a fixed number is dropped"
            return f"the number kept {where} varies {ratio:.2g} times as much as by chance alone: {why}"
    return None


LAWS = (
    Law("a mask of zeros and ones, in the shape asked for", _not_a_mask),
    Law("all chance comes from the generator", _other_chance),
    Law("each entry is dropped with probability p", _another_share),
    Law("each entry is drawn on its own", _together),
)


def _mask_cases(generator: torch.Generator) -> list[Draws]:
    def case(p: float, *shape: int, draws: int = 40) -> Draws:
        seeds = torch.randint(2**31, (draws,), generator=generator).tolist()
        return Draws((shape, p), tuple(seeds), label=f"dropout_mask, {draws} masks of shape {shape}, p={p:g}")

    return [case(0.3, 20, 30), case(0.8, 150), case(0.05, 6, 5, 10), case(0.0, 4, 5, draws=3)]


def _mask_by_bernoulli(shape, p, generator):
    return torch.bernoulli(torch.full(tuple(shape), 1.0 - p), generator=generator)


def _mask_of_truths(shape, p, generator):
    return torch.empty(shape).uniform_(generator=generator) > p


def _mask_one_by_one(shape, p, generator):
    out = torch.ones(shape, dtype=torch.int64)
    for i in range(out.numel()):
        if torch.rand((), generator=generator).item() < p:
            out.view(-1)[i] = 0
    return out


PIXELS = """\
digits, generator = engine.digits(), torch.Generator().manual_seed(0)
draw, images = yours(dropout_mask), digits.images(digits.x_train[:8])
shown, labels = [], []
for p in (0.0, 0.25, 0.5, 0.75):
    mask = draw(tuple(images.shape), p, generator).to(images)
    print(f"p={p}: {mask.mean():.3f} of {mask.numel()} pixels are kept")
    shown.append(images * mask)
    labels += [f"p={p}"] * len(images)
show.digits_grid(torch.cat(shown), labels, columns=8)"""

dropout_mask = Exercise(
    answer=reference.dropout_mask,
    probe=Stochastic(_mask_cases, LAWS),
    points=2,
    hints=(
        "A number drawn evenly between 0 and 1 is below p with probability p. Draw one for each entry.",
        "`torch.rand(shape, generator=generator)` draws them. A comparison of that tensor with p gives True and False, "
        "and `.float()` makes 1 and 0 of those.",
        "`return (torch.rand(shape, generator=generator) ... p).float()`, with the comparison that is true for what is "
        "kept.",
    ),
    slips=MASK,
    also_right=(_mask_by_bernoulli, _mask_of_truths, _mask_one_by_one),
    refuse=TORCHS_OWN,
    task="The check looks at many masks: how many entries are kept, whether each is drawn on its own, and whether all "
    "chance comes from `generator`. True and False, or whole numbers, are as good as floating-point ones and zeros.",
    use=(
        "# %% [markdown]\n**Your mask at work.** Pixels dropped from the same eight digits. At which p can you no "
        "longer read them?",
        PIXELS,
    ),
)


# ---- forward


def _mask(generator: torch.Generator, *shape: int) -> Tensor:
    """Two of three kept, in random places: another share than 1 - p in every case below."""
    places = torch.randperm(math.prod(shape), generator=generator).reshape(shape)
    return (places % 3 != 1).to(DOUBLE)


def _dropout_cases(generator: torch.Generator) -> list[Call]:
    def case(h: Tensor, mask: Tensor, p: float, training: bool, dtype=DOUBLE, gradient: bool = False) -> Call:
        when = "training" if training else "at test"
        single = ", float32" if dtype is torch.float32 else ""
        label = f"dropout {when}, shape {tuple(h.shape)}{single}, p={p:g}"
        given = {"p": p, "training": training}
        return Call((h.to(dtype), mask.to(dtype)), given, gradient_of=(0,) if gradient else (), label=label)

    def random(*shape: int) -> tuple[Tensor, Tensor]:
        return signed_numbers(generator, *shape), _mask(generator, *shape)

    notes = torch.tensor([0.33, -1.18, 0.7, -1.8, 0.21], dtype=DOUBLE)
    kept = torch.tensor([1.0, 0, 0, 1, 0], dtype=DOUBLE)
    return [
        case(*random(6), 0.6, True, gradient=True),
        case(*random(6), 0.6, False, gradient=True),
        case(*random(3, 4), 0.2, True, gradient=True),
        case(*random(3, 4), 0.2, False),
        case(notes, kept, 0.6, True),
        case(*random(2, 2, 3), 0.85, True),
        case(signed_numbers(generator, 4), torch.zeros(4, dtype=DOUBLE), 0.6, True),
        case(*random(), 0.6, True),
        case(*random(5), 0.6, True, dtype=torch.float32),
        case(*random(5), 0.2, False, dtype=torch.float32),
    ]


def _dropout_by_where(h, mask, *, p, training):
    if training:
        return torch.where(mask == 1, h / (1 - p), torch.zeros_like(h))
    else:
        return h


def _dropout_in_place(h, mask, *, p=0.5, training=True):
    out = h.clone()
    if training is True:
        out[mask == 0] = 0.0
        out *= 1.0 / (1.0 - p)
    return out


def _dropout_by_filling(h, mask, *, p, training):
    gamma = 1 / (1 - p) if training else 1.0
    return gamma * (h.masked_fill(~mask.bool(), 0) if training else h)


REGULARISED = """\
import dataclasses

draw, drop, digits = yours(dropout_mask), yours(dropout), engine.digits()
labels = digits.y_train[:300].clone()
labels[:75] = torch.randint(10, (75,), generator=torch.Generator().manual_seed(1)).to(labels)
few = dataclasses.replace(digits, x_train=digits.x_train[:300], y_train=labels)


class Dropout(torch.nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p, self.generator = p, torch.Generator().manual_seed(0)

    def forward(self, h):
        mask = draw(tuple(h.shape), self.p, self.generator).to(h)
        return drop(h, mask, p=self.p, training=self.training)


curves = {}
for p in (0.0, 0.5):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 128), torch.nn.ReLU(), Dropout(p),
        torch.nn.Linear(128, 128), torch.nn.ReLU(), Dropout(p), torch.nn.Linear(128, 10),
    ).to(digits.x_train)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, few, loss=loss, epochs=60, batch_size=50, progress=False)
    print(f"p={p}: training loss {run.train_loss[-1]:.3f}, validation accuracy {run.accuracy[-1]:.1%}")
    curves[f"p={p}"] = run.validation_loss
show.loss_curves(curves, xlabel="epoch", ylabel="validation loss in nats")"""

dropout = Exercise(
    answer=reference.dropout,
    probe=Function(_dropout_cases),
    points=2,
    hints=(
        "Two cases. At test nothing happens to `h`. In training some of it becomes 0, and what is kept is scaled up, "
        "so that the mean stays.",
        "In training multiply by the mask. On average a share of 1 - p is then left: divide by that.",
        "`if not training: return h`, and otherwise `return h * mask / (...)`.",
    ),
    slips=DROPOUT,
    conventions=DROPOUT_CONVENTIONS,
    also_right=(_dropout_by_where, _dropout_in_place, _dropout_by_filling),
    refuse=TORCHS_OWN,
    task="The mask comes in `h`'s dtype. At test it must play no part.",
    use=(
        "# %% [markdown]\n**Your dropout at work.** A network learns 300 digits, of which 75 carry labels drawn at "
        "random. Without dropout it learns these by heart as well. `engine.train` switches to `training=False` for the "
        "validation data, as `model.eval()` does.",
        REGULARISED,
    ),
)


# ---- back


def _backward_cases(generator: torch.Generator) -> list[Call]:
    def case(p: float, *shape: int, dtype: torch.dtype = DOUBLE) -> Call:
        grad, mask = signed_numbers(generator, *shape).to(dtype), _mask(generator, *shape).to(dtype)
        single = ", float32" if dtype is torch.float32 else ""
        return Call((grad, mask), {"p": p}, label=f"dropout_backward, shape {shape}{single}, p={p:g}")

    return [case(0.6, 6), case(0.2, 3, 4), case(0.85, 2, 2, 3), case(0.6), case(0.6, 5, dtype=torch.float32)]


def _backward_by_where(grad, mask, *, p):
    gamma = 1 / (1 - p)
    return torch.where(mask > 0, gamma * grad, 0.0 * grad)


def _backward_in_place(grad, mask, *, p=0.5):
    out = torch.zeros_like(grad)
    out[mask == 1] = grad[mask == 1] / (1 - p)
    return out


BY_AUTOGRAD = """\
h, p = torch.tensor([0.33, -1.18, 0.7, -1.8, 0.21], requires_grad=True), 0.6
mask = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])
forward, back = yours(dropout), yours(dropout_backward)
out = forward(h, mask, p=p, training=True)
loss = ((out - 1) ** 2).sum()
(by_autograd,) = torch.autograd.grad(loss, h)
from_above = 2 * (out.detach() - 1)  # the gradient of the loss with respect to what dropout handed on
print("from above ", from_above)
print("by hand    ", back(from_above, mask, p=p))
print("by autograd", by_autograd)"""

dropout_backward = Exercise(
    answer=reference.dropout_backward,
    probe=Function(_backward_cases),
    points=1,
    hints=(
        "On the way forward each activation was multiplied by a number. Which one, for those kept and those dropped?",
        "By the chain rule the gradient is multiplied by the same number: 0 where dropped, 1 / (1 - p) where kept.",
        "`return grad * mask / (...)`.",
    ),
    slips=BACKWARD,
    also_right=(_backward_by_where, _backward_in_place),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\n**Your gradient at work.** Beside the one that autograd takes of your dropout:",
        BY_AUTOGRAD,
    ),
)

chapter = Chapter(
    number=11,
    topic="dropout",
    title="Dropout",
    exercises=(dropout_mask, dropout, dropout_backward),
    quizzes=QUIZZES,
    intro="In this course p is the probability of *dropping*, a 1 in the mask stands for kept, and what is kept is "
    "scaled up in training (inverted dropout, as in torch): at test there is nothing left to do.",
    setup="from coursekit import engine, show",
)
