"""Text that ships with Python, letter by letter, and the loop that trains a language model on it."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from coursekit.engine.bar import bar_of
from coursekit.engine.device import device as default_device
from coursekit.engine.training import History, need_counts, seeded

PIECE = 1500  # characters of one piece, about; eight pieces of ten are for training
ROWS_AT_ONCE = 64  # windows, when a part is measured


@dataclass(frozen=True, repr=False)
class Text:
    """A text in three parts, each a row of character numbers, int64."""

    train: Tensor
    validation: Tensor
    test: Tensor
    characters: tuple[str, ...]  # the character of each number
    source: str  # where the text comes from, a sentence

    def encode(self, words: str) -> Tensor:
        """The numbers of the characters of `words`, shape (characters,).

        Raises:
            ValueError: a character that the text does not have.
        """
        numbers = {character: i for i, character in enumerate(self.characters)}
        if strange := sorted(set(words) - set(numbers)):
            raise ValueError(f"encode: the text has no {', '.join(map(repr, strange[:5]))}; leave them out")
        return torch.tensor([numbers[c] for c in words], dtype=torch.int64, device=self.train.device)

    def decode(self, numbers: Tensor) -> str:
        """The characters of a row of numbers, which `encode` gave."""
        if not isinstance(numbers, Tensor) or numbers.dim() != 1 or numbers.is_floating_point():
            got = f"shape {tuple(numbers.shape)}" if isinstance(numbers, Tensor) else type(numbers).__name__
            raise ValueError(f"decode: needs a row of whole numbers as a tensor; got {got}")
        return "".join(self.characters[i] for i in numbers.tolist())

    def batch(self, size: int, context: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Windows from random places of the training part, and what follows each of their characters.

        Args:
            size: windows.
            context: characters of each.
            generator: draws the places, on the CPU, so that every device sees the same ones.

        Returns:
            Inputs and labels, (size, context) each; `labels[i, j]` is the character after `inputs[i, : j + 1]`.
        """
        last = len(self.train) - context
        if size < 1 or not 1 <= context < len(self.train):
            raise ValueError(f"batch: needs size >= 1 and 1 <= context < {len(self.train)}; got {size} and {context}")
        starts = torch.randint(last, (size, 1), generator=generator).to(self.train.device)
        places = starts + torch.arange(context, device=self.train.device)
        return self.train[places], self.train[places + 1]

    def windows(self, part: str, context: int) -> tuple[Tensor, Tensor]:
        """A part ("train", "validation" or "test") cut into windows one after the other: inputs and labels."""
        if part not in ("train", "validation", "test"):
            raise ValueError(f'windows: part must be "train", "validation" or "test"; got {part!r}')
        row: Tensor = getattr(self, part)
        count = (len(row) - 1) // context if context >= 1 else 0
        if not count:
            raise ValueError(f"windows: context must be from 1 to {len(row) - 1}; got {context}")
        return row[: count * context].view(count, context), row[1 : count * context + 1].view(count, context)

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} + {len(self.validation):,} + {len(self.test):,} characters"
        return f"<Text: {sizes} (train, validation, test), {len(self.characters)} kinds. {self.source}>"


def python_text(device: Any = None) -> Text:
    """What `help()` says of Python's language: some 80 pages of English and code, from the standard library.

    Paragraphs that stand in several pages are kept once, and the parts are made of whole paragraphs, so that no part
    repeats another. The pages differ a little between versions of Python.

    Args:
        device: where the rows live; `engine.device()` when left out.

    >>> text = python_text(device="cpu")
    >>> len(text.train) > 250_000, text.decode(text.encode("def f(x):"))
    (True, 'def f(x):')
    """
    pages = importlib.import_module("pydoc_data.topics").topics
    plain = "\n\n".join("".join(c for c in pages[name] if c == "\n" or " " <= c <= "~") for name in sorted(pages))
    pieces = [""]
    for paragraph in dict.fromkeys(p.strip("\n") for p in plain.split("\n\n") if p.strip()):
        if len(pieces[-1]) >= PIECE:
            pieces.append("")
        pieces[-1] += paragraph + "\n\n"
    parts = [[piece for i, piece in enumerate(pieces) if i % 10 in kept] for kept in (range(8), (8,), (9,))]
    characters = tuple(sorted(set("".join(pieces))))
    numbers = {character: i for i, character in enumerate(characters)}
    place = default_device() if device is None else device
    train, validation, test = (torch.tensor([numbers[c] for c in "".join(part)], device=place) for part in parts)
    source = "Documentation of the Python language (PSF licence), as Python ships it."
    return Text(train, validation, test, characters, source)


def train_text(
    model: nn.Module,
    step: Callable[[nn.Module, tuple[Tensor, Tensor], Any, Any], tuple[Any, Any]],
    state: Any,
    settings: Any,
    text: Text,
    *,
    steps: int,
    batch_size: int,
    context: int,
    every: int = 50,
    early_stop: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train `model` on `text` with a function for one step, such as `training_step` or a learner's.

    The history counts `every` steps as an epoch. Two runs with the same seed are equal, dropout included.

    Args:
        model: from character numbers (rows, context) to logits (rows, context, kinds).
        step: `step(model, (inputs, labels), state, settings)`, which changes the model's parameters and returns the
            loss before the step and the new state.
        state, settings: what the first step is given.
        steps: how many to take.
        batch_size: windows of a step.
        context: characters of a window.
        every: steps between two measurements of the validation part.
        early_stop: stop at the first measurement that is so many after the best; the model ends with the weights of
            the best.
        seed: of the windows drawn and of dropout.
        progress: show a bar, if tqdm is installed.

    Raises:
        ValueError: a number out of range; a step that returns something else than (loss, state).

    >>> from coursekit.engine import Transformer
    >>> from coursekit.reference.capstone import Settings, starting_state, training_step
    >>> text = python_text(device="cpu")
    >>> model = Transformer(len(text.characters), width=8, heads=1, depth=1, context=16, device="cpu")
    >>> settings = Settings(lr=0.01, warmup=5, total=40)
    >>> history = train_text(model, training_step, starting_state(model), settings, text, steps=40, batch_size=8,
    ...                      context=16, every=20, progress=False)
    >>> len(history.step_loss), len(history.validation_loss), history.validation_loss[1] < history.validation_loss[0]
    (40, 2, True)
    """
    need_counts("train_text", steps=steps, batch_size=batch_size, every=every)
    if early_stop is not None:
        need_counts("train_text", early_stop=early_stop)
    history, order, best = History(), torch.Generator().manual_seed(seed), None
    validation, started = text.windows("validation", context), time.perf_counter()
    with seeded(seed, text.train.device), bar_of(steps, 0, progress) as bar:
        for count in range(1, steps + 1):
            model.train()
            answer = step(model, text.batch(batch_size, context, order), state, settings)
            if not isinstance(answer, tuple | list) or len(answer) != 2:
                raise ValueError(f"train_text: a step must return (loss, state); got {type(answer).__name__}")
            loss, state = float(answer[0]), answer[1]
            history.step_loss.append(loss)
            bar.update()
            if not math.isfinite(loss):
                history.stopped = f"the loss is {loss} at step {count - 1}"
                break
            if count % every and count < steps:
                continue
            recent = history.step_loss[-every:]
            lowest = history.add(math.fsum(recent) / len(recent), *text_loss(model, *validation))
            if early_stop is not None and lowest:
                best = {key: value.detach().clone() for key, value in model.state_dict().items()}
            waited = len(history.validation_loss) - 1 - (history.best_epoch or 0)
            if early_stop is not None and waited >= early_stop:
                history.stopped = f"no lower validation loss in {early_stop * every} steps"
                break
    if best is not None:
        model.load_state_dict(best)
    history.seconds = time.perf_counter() - started
    model.eval()
    return history


@torch.no_grad()
def text_loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy, in nats a character, and the share of characters that are guessed.

    >>> knows_nothing = nn.Embedding(5, 5, _weight=torch.zeros(5, 5))
    >>> text_loss(knows_nothing, torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, 0]]))  # log(5)
    (1.6094379425048828, 0.3333333333333333)
    """
    model.eval()
    total = right = 0.0
    for some, target in zip(inputs.split(ROWS_AT_ONCE), labels.split(ROWS_AT_ONCE), strict=True):
        logits = model(some)
        total += nn.functional.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="sum").item()
        right += (logits.argmax(-1) == target).sum().item()
    return total / labels.numel(), right / labels.numel()
