"""What an exercise is: the answer, its probe, the mistakes it knows, the hints; and what a quiz and a chapter are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from coursekit.probe.cases import Call, Case, Draws, Groups, Steps, Training
from coursekit.probe.values import Cubic, Quadratic, Seed, State
from coursekit.reference.rule import hyperparameters

# An edit of the answer's source (old text, new text), where the old stands exactly once; several; or a whole function.
Change = tuple[str, str] | list[tuple[str, str]] | Callable[..., Any]


def identifier(name: str) -> str:
    """The id of a slip or convention: its name in small letters and underscores.

    >>> identifier("m not corrected")
    'm_not_corrected'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True)
class Slip:
    """A mistake that learners make, as an edit of the answer, and what to say when the numbers are exactly its numbers.

    The message may use `{call}`, `{step}`, `{element}`, `{yours}`, `{expected}` and `{ratio}` of the first difference.
    """

    name: str  # short, as a class board shows it: "m not corrected"
    change: Change
    message: str
    hint: int = 1  # which hint opens first after it, from 1

    @property
    def id(self) -> str:
        return identifier(self.name)


@dataclass(frozen=True)
class Convention:
    """Another accepted form of the same method: some of the points, and how the two forms convert."""

    name: str
    change: Change
    message: str
    credit: float = 0.5

    @property
    def id(self) -> str:
        return identifier(self.name)


@dataclass(frozen=True)
class Law:
    """Something every right result obeys; `broken(value, case)` says how it is broken, or returns None."""

    name: str
    broken: Callable[[Any, Any], str | None]

    @property
    def id(self) -> str:
        return identifier(self.name)


# ---- probes: how an exercise makes its cases from a seed


@dataclass(frozen=True)
class Function:
    """A function of its arguments: called once per case; result (and gradient, if a case asks) as the reference's."""

    make: Callable[[torch.Generator], Sequence[Call | Groups | Training]]
    laws: tuple[Law, ...] = ()

    def cases(self, answer: Any, generator: torch.Generator, device: torch.device) -> list[Case]:
        """All cases on the CPU; on another device the first one, unless it draws random numbers there."""
        cases = list(self.make(generator))
        if device.type == "cpu":
            return list(cases)
        first = cases[0]
        if not isinstance(first, Call):
            return [first.to(device)]
        seeded = any(isinstance(x, Seed) for x in first.args)
        args = tuple(_placed(x, device) for x in first.args)
        return [] if seeded else [replace(first, args=args, label=f"{first.label} on {device.type}".strip())]


def _placed(x: Any, device: torch.device) -> Any:
    """An argument on a device: a tensor, a function of tensors, or a list of them; anything else as it is."""
    if isinstance(x, list):
        return [_placed(item, device) for item in x]
    return x.to(device) if isinstance(x, Tensor | Quadratic | Cubic | State) else x


@dataclass(frozen=True)
class Structure(Function):
    """A function with many right results (an order, a split): judged by laws, not by the reference's own numbers."""


@dataclass(frozen=True)
class Stochastic:
    """A random function: judged by laws over its draws, and by what it does to the generator."""

    make: Callable[[torch.Generator], list[Draws]]
    laws: tuple[Law, ...]

    def cases(self, answer: Any, generator: torch.Generator, device: torch.device) -> list[Case]:
        return list(self.make(generator)) if device.type == "cpu" else []


@dataclass(frozen=True)
class Trajectory:
    """An update rule, run from given states over given gradients with hostile hyperparameters.

    `hyper` holds at least two settings in which every hyperparameter matters; defaults would hide half of the mistakes.
    """

    hyper: tuple[dict[str, float], ...]
    steps: int = 20
    picture: dict[str, float] = field(
        default_factory=lambda: {"lr": 0.3}
    )  # in place of defaults, in the card's picture
    shapes: tuple[tuple[int, ...], ...] = ((6,), (2, 3), (4,), ())  # at first, from a later state, in float32, others
    exponents: tuple[float, ...] = (0.0, -1.5, 2.0, -4.0, 0.5, -8.0)  # of ten: the sizes of gradients along a parameter
    still: bool = False  # whether the very first gradient has a zero
    follows: Callable[[dict[str, Any], dict[str, float]], Tensor] | None = (
        None  # the parameter, where its state fixes it
    )

    def cases(self, answer: Any, generator: torch.Generator, device: torch.device) -> list[Case]:
        def case(shape: tuple[int, ...], steps: int, hyper: dict[str, float], t: int = 0, dtype=torch.float64) -> Case:
            param, grads = self._param(shape, generator, dtype), self._grads(shape, steps, generator, dtype)
            state = {n: t if n == "t" else self._mean(shape, t, generator, dtype) for n in answer.State._fields}
            if not t:
                state = answer.init(param)._asdict()
            elif self.follows:
                param = self.follows(state, hyper)
            return self._steps(answer, device, param, grads, steps, hyper, state)

        first, second = self.hyper[0], self.hyper[1]
        if device.type != "cpu":
            return [case(self.shapes[2], 3, first)]
        start, later, single, *others = self.shapes
        return [
            case(start, self.steps, first),
            case(later, 5, second, t=9),
            case(single, 3, first, dtype=torch.float32),
            *(case(shape, 3, second) for shape in others),
            self._picture(answer),
        ]

    def _steps(self, answer: Any, device: torch.device, param: Tensor, grads: Any, steps: int, hyper, state) -> Steps:
        if answer.takes_grad_fn and isinstance(grads, Tensor):
            grads = Quadratic(grads[0].abs().clamp(0.1, 1.5), grads[-1].clamp(-1, 1))
        return Steps(
            param.to(device),
            grads.to(device),
            steps,
            hyper,
            {name: x if name == "t" else x.to(device) for name, x in state.items()},
            answer.State.__name__,
            answer.takes_grad_fn,
            label=f"{answer.__name__}({settings(hyper)})" + ("" if device.type == "cpu" else f" on {device.type}"),
        )

    def _param(self, shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Around 1, with some at 0: there even the smallest displacement keeps all its digits."""
        param = torch.randn(shape, generator=generator, dtype=torch.float64)
        if param.dim():
            param.view(-1)[1::2] = 0
        return param.to(dtype)

    def _grads(self, shape: tuple[int, ...], steps: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Both signs, sizes from 1e-8 to 1e2 along the elements, and one exact zero, in a later step or the first."""
        grads = torch.randn((steps, *shape), generator=generator, dtype=torch.float64)
        if grads.dim() > 1:
            sizes = 10.0 ** torch.tensor(self.exponents, dtype=torch.float64)
            grads = grads * sizes.repeat(grads[0].numel() // 6 + 1)[: grads[0].numel()].view(shape)
            grads[0 if self.still else 1].view(-1)[0] = 0
        return grads.to(dtype)

    def _mean(self, shape: tuple[int, ...], t: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """A state's tensor: zeros at the start, positive later (so that it may be a mean of squares)."""
        later = 0.1 + torch.rand(shape, generator=generator, dtype=torch.float64)
        return (later if t else torch.zeros_like(later)).to(dtype)

    def _picture(self, answer: Any) -> Case:
        """One coordinate going down a parabola from 5, for the picture only; never judged."""
        one = torch.ones((1, 1) if answer.matrices else 1, dtype=torch.float64)
        hyper, state = hyperparameters(answer) | self.picture, answer.init(5 * one)._asdict()
        case = self._steps(answer, torch.device("cpu"), 5 * one, Quadratic(0.3 * one, 0 * one), 40, hyper, state)
        return replace(case, judged=False, label=f"{case.label} on 0.15 x², from 5")


def numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Random numbers with two decimals, so that the call which a card shows is the call that was made.

    >>> numbers(torch.Generator().manual_seed(0), 2)
    tensor([ 1.5400, -0.2900], dtype=torch.float64)
    """
    return torch.randn(shape, generator=generator, dtype=torch.float64).round(decimals=2)


def signed_numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Random numbers with two decimals, of both signs in turn, none nearer to 0 than 0.1.

    >>> signed_numbers(torch.Generator().manual_seed(0), 2)
    tensor([ 2.0400, -1.5200], dtype=torch.float64)
    """
    sizes = (0.1 + 2 * torch.rand(shape, generator=generator, dtype=torch.float64)).round(decimals=2)
    return sizes * (1 - 2 * (torch.arange(math.prod(shape)).reshape(shape) % 2))


def settings(hyper: dict[str, float]) -> str:
    """Hyperparameters as they stand in a call.

    >>> settings({"lr": 0.1, "beta": 0.9})
    'lr=0.1, beta=0.9'
    """
    return ", ".join(f"{name}={value:g}" for name, value in hyper.items())


Probe = Function | Stochastic | Trajectory


# ---- exercise, quiz, chapter


@dataclass(frozen=True)
class Exercise:
    """One function for the learner to write. Statement, signature, equation, stub and solution come from `answer`."""

    answer: Any
    probe: Probe
    hints: tuple[str, str, str]  # from a nudge to nearly the line
    points: int = 1
    slips: tuple[Slip, ...] = ()
    conventions: tuple[Convention, ...] = ()
    also_right: tuple[Callable[..., Any], ...] = ()  # the same, written differently: they must pass
    refuse: frozenset[str] = frozenset()  # library functions that are the answer itself
    task: str = ""  # what the statement adds to the docstring, Markdown
    needs: tuple[Callable[..., Any], ...] = ()  # answers to other exercises that it is put together from
    use: tuple[str, ...] = ()  # cells that put the learner's function to work, after its check

    @property
    def name(self) -> str:
        return self.answer.__name__


@dataclass(frozen=True)
class Quiz:
    """A prediction: a number (computed, with a tolerance) or a choice; wrong answers that people give are answered."""

    name: str
    question: str
    answer: Callable[[], float | str]  # computed, so that it cannot go stale; the letter for a choice
    why: str  # what is said after the right answer
    choices: dict[str, str] = field(default_factory=dict)  # letter to text; empty for a number
    beliefs: tuple[tuple[float | str, str], ...] = ()  # a wrong answer and what to say to it
    tolerance: float = 0.02  # relative
    points: int = 1


@dataclass(frozen=True)
class Chapter:
    """The exercises and quizzes of one chapter, and what its exercise notebook says around them."""

    number: int
    topic: str
    title: str
    exercises: tuple[Exercise, ...]
    quizzes: tuple[Quiz, ...] = ()
    intro: str = ""  # Markdown at the head of the exercise notebook
    setup: str = ""  # the code of its first cell, after the imports every notebook has
    closing: tuple[str, ...] = ()  # last cells: Markdown when they begin with "# %% [markdown]", else code

    @property
    def id(self) -> str:
        return f"{self.number:02d}_{self.topic}"

    @property
    def points(self) -> int:
        return sum(e.points for e in self.exercises) + sum(q.points for q in self.quizzes)
