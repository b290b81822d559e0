"""The one training loop of the course: seeded, with a history, early stopping, checkpoints and resume."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.engine.augment import Augment
from coursekit.engine.bar import bar_of
from coursekit.engine.data import Data
from coursekit.reference.checks import need_whole

ROWS_AT_ONCE = 4096  # of the validation data, so that a large set does not fill the memory


@dataclass(repr=False)
class History:
    """What a training run left behind; epochs and steps count from 0."""

    train_loss: list[float] = field(default_factory=list)  # per epoch: mean over its rows, as they were trained on
    validation_loss: list[float] = field(default_factory=list)  # per epoch, after it
    accuracy: list[float] | None = None  # per epoch, of the validation part; None for a regression
    step_loss: list[float] = field(default_factory=list)  # per step, before it
    seconds: float = 0.0
    best_epoch: int | None = None  # the one of the lowest validation loss
    stopped: str | None = None  # why the run ended before its last epoch; None when it did not

    def add(self, train_loss: float, validation_loss: float, accuracy: float | None) -> bool:
        """Note an epoch; whether its validation loss is the lowest so far."""
        best = math.inf if self.best_epoch is None else self.validation_loss[self.best_epoch]
        self.train_loss.append(train_loss)
        self.validation_loss.append(validation_loss)
        if accuracy is not None:
            self.accuracy = [*(self.accuracy or []), accuracy]
        if validation_loss < best:
            self.best_epoch = len(self.validation_loss) - 1
        return validation_loss < best

    def __repr__(self) -> str:
        if not self.validation_loss:
            return f"0 epochs, {len(self.step_loss)} steps; {self.stopped or 'nothing to do'}"
        lines = [f"{len(self.train_loss)} epochs, {len(self.step_loss):,} steps, {self.seconds:.1f} s"]
        rows = [("last", len(self.validation_loss) - 1)]
        if self.best_epoch is not None:
            rows.insert(0, ("best", self.best_epoch))
        for name, epoch in rows:
            line = f"{name} epoch {epoch}: training loss {self.train_loss[epoch]:.4g}, "
            line += f"validation loss {self.validation_loss[epoch]:.4g}"
            lines.append(line + (f", accuracy {self.accuracy[epoch]:.1%}" if self.accuracy else ""))
        return "\n".join(lines + ([f"stopped: {self.stopped}"] if self.stopped else []))


class _NotFiniteError(Exception):
    """Leaves the middle of an optimizer's step, before it changes a weight."""


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Data,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch_size: int,
    seed: int = 0,
    scheduler: Any = None,
    early_stop: int | None = None,
    augment: Augment | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> History:
    """Train `model` on `data` and keep what happened.

    Two runs with the same model, data and seed are equal to the last bit on one machine, dropout included; the global
    random state is put back afterwards. Each step is `optimizer.step(closure)`, which every optimizer of torch takes.
    Ctrl-C and a loss that is not finite end the run, with the history so far and the weights before that step. The
    model is left in evaluation mode.

    Args:
        model: on the device of the data.
        optimizer: of the parameters of `model`, the course's or torch's. Under `schedule_free` the validation part is
            measured at the mean; the model ends at the parameters, see `Optimizer.averaged`.
        data: its training part is trained on, its validation part is measured after each epoch.
        loss: from (prediction, target) to a 0-d tensor, the mean over the rows.
        epochs: how often to go through the training part.
        batch_size: rows of a step; the last step of an epoch takes what is left.
        seed: of the order of the rows and of dropout.
        scheduler: of torch; `scheduler.step()` is called after each epoch; `ReduceLROnPlateau` gets the
            validation loss.
        early_stop: stop at the first epoch that is so many after the one of the lowest validation loss; the model ends
            with the weights of that best epoch.
        augment: changes each batch before its step, (x, y, generator) -> (x, y), see `engine.augment`; what it draws
            comes from `generator`, which is that of the order of the rows.
        checkpoint: a file, written after each epoch. When it exists the run continues from it, and ends with the same
            numbers, to the last bit, as a run without a break.
        progress: show a bar, if tqdm is installed.

    Raises:
        ValueError: a number out of range, data on another device, a checkpoint of another run.
        TypeError: an argument of another kind, or an `augment` that does not return a batch.

    >>> from coursekit.engine import blobs, mlp
    >>> data = blobs(device="cpu")
    >>> model = mlp([2, 8, 3], device="cpu")
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> history = train(model, sgd, data, loss=nn.functional.cross_entropy, epochs=3, batch_size=32, progress=False)
    >>> len(history.validation_loss), len(history.step_loss), history.validation_loss[-1] < history.validation_loss[0]
    (3, 36, True)
    """
    _need_parts(model, optimizer, data, loss=loss, augment=augment, scheduler=scheduler)
    need_whole("train", "seed", seed)
    need_counts("train", epochs=epochs, batch_size=batch_size)
    if early_stop is not None:
        need_counts("train", early_stop=early_stop)
    one_device("train", model, data)
    run = _Run(model, optimizer, data, loss, batch_size, seed, scheduler, early_stop, augment)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"train: the folder of the checkpoint {path} does not exist; make it first")
    with seeded(seed, data.x_train.device):
        if path is not None and path.exists():
            run.load(path)
        run.train(epochs, path, progress)
    return run.history


def _need_parts(model: Any, optimizer: Any, data: Any, **functions: Any) -> None:
    """Refuse what is of another kind, above all the name of an optimizer or of a loss."""
    for what, value, kind, such in (
        ("model", model, nn.Module, "a network, such as mlp([64, 32, 10])"),
        (
            "optimizer",
            optimizer,
            torch.optim.Optimizer,
            "made, as Optimizer(model.parameters(), RULES['adam'], lr=0.01) is",
        ),
        ("data", data, Data, "a data set, such as digits()"),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"train: {what} must be {such}; got {value if isinstance(value, str) else type(value).__name__}"
            )
    for what, value in functions.items():
        there = callable(getattr(value, "step", None)) if what == "scheduler" else callable(value)
        if not there and not (value is None and what != "loss"):
            such = "a scheduler of torch" if what == "scheduler" else "a function"
            raise TypeError(f"train: {what} must be {such}; got {value!r}")


def need_counts(who: str, **counts: Any) -> None:
    """Refuse what is no whole number, or below 1."""
    for name, value in counts.items():
        need_whole(who, name, value, low=1)


def one_device(name: str, model: nn.Module, data: Data) -> None:
    """Refuse a model that is elsewhere than its data."""
    places = {str(p.device) for p in model.parameters()} | {str(data.x_train.device)}
    if len(places) > 1:
        raise ValueError(
            f"{name}: model and data must be on one device, got {', '.join(sorted(places))}; "
            "move the model with model.to(data.x_train.device) before making its optimizer"
        )


class _Run:
    """A run of `train`: everything that a checkpoint must hold to go on."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, data: Data, loss: Callable[[Tensor, Tensor], Tensor],
        batch_size: int, seed: int, scheduler: Any, early_stop: int | None, augment: Augment | None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.averaged = getattr(optimizer, "averaged", nullcontext)
        self.data, self.loss, self.early_stop, self.augment = data, loss, early_stop, augment
        self.settings = {"seed": seed, "batch_size": batch_size, "rows": len(data.x_train)}
        self.order = torch.Generator().manual_seed(seed)  # on the CPU, so that every device sees the same order
        self.history = History()
        self.best: dict[str, Tensor] | None = None

    def train(self, epochs: int, path: Path | None, progress: bool) -> None:
        history, started = self.history, time.perf_counter() - self.history.seconds
        steps = math.ceil(len(self.data.x_train) / self.settings["batch_size"])
        history.stopped = None
        with bar_of(epochs * steps, len(history.train_loss) * steps, progress) as bar:
            try:
                for epoch in range(len(history.train_loss), epochs):
                    if self.patience_is_over():
                        break
                    self.epoch(epoch, bar)
                    history.seconds = time.perf_counter() - started
                    if path is not None:
                        self.save(path)
            except _NotFiniteError as error:
                history.stopped = str(error)
            except KeyboardInterrupt:
                history.stopped = f"interrupted in epoch {len(history.train_loss)}"
        history.seconds = time.perf_counter() - started
        if self.early_stop is not None and self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()

    def patience_is_over(self) -> bool:
        best, patience = self.history.best_epoch, self.early_stop
        if patience is None or best is None or len(self.history.train_loss) - 1 - best < patience:
            return False
        self.history.stopped = f"no lower validation loss for {patience} epochs after epoch {best}"
        return True

    def epoch(self, epoch: int, bar: Any) -> None:
        x, y, history = self.data.x_train, self.data.y_train, self.history
        losses = []
        self.model.train()
        rows = torch.randperm(len(x), generator=self.order).to(x.device)
        for index in rows.split(self.settings["batch_size"]):
            value = self.step(epoch, *self.augmented(x[index], y[index]))
            losses.append(value * len(index))
            bar.update()
        with self.averaged():
            validation, accuracy = self.measure(self.data.x_validation, self.data.y_validation)
        if self.scheduler is not None:
            plateau = isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
            self.scheduler.step(*([validation] if plateau else []))
        if history.add(math.fsum(losses) / len(x), validation, accuracy) and self.early_stop is not None:
            with self.averaged():
                self.best = {key: value.detach().clone() for key, value in self.model.state_dict().items()}
        bar.set_postfix(train=f"{history.train_loss[-1]:.4g}", validation=f"{validation:.4g}")

    def augmented(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The batch as it is trained on."""
        batch = self.augment(x, y, self.order) if self.augment else (x, y)
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            got = f"a {type(batch).__name__}"
            raise TypeError(f"train: augment must return the batch (x, y), both of them; got {got}")
        return batch[0], batch[1]

    def step(self, epoch: int, x: Tensor, y: Tensor) -> float:
        values: list[float] = []

        def closure() -> Any:
            self.optimizer.zero_grad()
            value = self.loss(self.model(x), y)
            if not isinstance(value, Tensor) or value.ndim:
                got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"train: loss must return a 0-d tensor, the mean over the rows; got {got}")
            values.append(value.item())
            if not math.isfinite(values[-1]):
                raise _NotFiniteError(f"the loss is {values[-1]} at step {len(self.history.step_loss)}, epoch {epoch}")
            value.backward()
            return value

        try:
            self.optimizer.step(closure)
        finally:
            self.history.step_loss.extend(values[:1])
        return values[0]

    @torch.no_grad()
    def measure(self, x: Tensor, y: Tensor) -> tuple[float, float | None]:
        """Loss and, for class numbers, the share that is right."""
        self.model.eval()
        losses, right = [], []
        for some, target in zip(x.split(ROWS_AT_ONCE), y.split(ROWS_AT_ONCE), strict=True):
            prediction = self.model(some)
            losses.append(self.loss(prediction, target).item() * len(some))
            if not target.is_floating_point():
                right.append(share_right(prediction, target).item() * len(some))
        return math.fsum(losses) / len(x), math.fsum(right) / len(x) if right else None

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place and move it there, so that a kill leaves the old one or the new one."""
        cuda = self.data.x_train.device.type == "cuda"
        part = path.with_name(path.name + ".part")
        with open(part, "wb") as file:
            torch.save(
                {
                    "settings": self.settings,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
                    "history": asdict(self.history),
                    "best": self.best,
                    "order": self.order.get_state(),
                    "random": torch.get_rng_state(),
                    "random_cuda": torch.cuda.get_rng_state(self.data.x_train.device) if cuda else None,
                },
                file,
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)

    def load(self, path: Path) -> None:
        try:
            saved = torch.load(path, weights_only=True, map_location="cpu")
            settings = saved["settings"]
        except Exception as error:
            raise ValueError(f"train: {path} is no checkpoint of train ({type(error).__name__}); remove it") from error
        if settings != self.settings:
            raise ValueError(f"train: {path} is of another run, with {settings}; this one has {self.settings}")
        if (saved["scheduler"] is None) != (self.scheduler is None):
            raise ValueError(
                f"train: {path} is of another run, one {'with' if saved['scheduler'] else 'without'} a scheduler"
            )
        here, there = (
            {k: tuple(v.shape) for k, v in state.items()} for state in (self.model.state_dict(), saved["model"])
        )
        if here != there:
            raise ValueError(f"train: {path} is of another model, with {there}; this one has {here}")
        try:
            self.optimizer.load_state_dict(saved["optimizer"])
        except ValueError as error:
            raise ValueError(f"train: {path} is of another optimizer: {error}") from error
        self.model.load_state_dict(saved["model"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(saved["scheduler"])
        self.history, self.best = History(**saved["history"]), saved["best"]
        self.order.set_state(saved["order"])
        torch.set_rng_state(saved["random"])
        if saved["random_cuda"] is not None and self.data.x_train.device.type == "cuda":
            torch.cuda.set_rng_state(saved["random_cuda"], self.data.x_train.device)


def share_right(prediction: Tensor, target: Tensor) -> Tensor:
    """The share of rows whose class is guessed: the largest of several scores, or the sign of the one there is."""
    if prediction.ndim > target.ndim:
        return (prediction.argmax(-1) == target).double().mean()
    return ((prediction > 0) == (target > 0)).double().mean()


@contextmanager
def seeded(seed: int, place: torch.device) -> Iterator[None]:
    """The global random numbers (dropout draws them) start from `seed` inside, and go on as before afterwards."""
    cuda = place.type == "cuda"
    with torch.random.fork_rng(devices=[place] if cuda else []):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which would reach other devices too
        if cuda:
            with torch.cuda.device(place):
                torch.cuda.manual_seed(seed)
        yield
