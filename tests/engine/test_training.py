"""The training loop against one written by hand; runs that repeat, stop, break off and go on."""

from __future__ import annotations

import copy
import math
import os
import sys

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from coursekit.engine import Optimizer, blobs, linear, mlp, train
from coursekit.reference import RULES

DATA = blobs(n=100, device="cpu", dtype=torch.float64)
LINE = linear(n=100, device="cpu", dtype=torch.float64)
cross_entropy = nn.functional.cross_entropy


def setting(optimizer="adam", dropout=False, sizes=(2, 8, 3), **hyper):
    model = mlp(sizes, seed=1, activation=nn.Tanh, device="cpu", dtype=torch.float64)
    if dropout:
        model.insert(2, nn.Dropout(0.5))
    if optimizer == "torch":
        return model, torch.optim.Adam(model.parameters(), lr=0.05)
    return model, Optimizer(model.parameters(), RULES[optimizer], **{"lr": 0.05, **hyper})


def fit(model, optimizer, data=DATA, **options):
    settings = {"loss": cross_entropy, "epochs": 5, "batch_size": 16, "progress": False}
    return train(model, optimizer, data, **(settings | options))


def numbers(history):
    return {key: value for key, value in vars(history).items() if key != "seconds"}


def weights(model):
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def squared(prediction, target):
    return ((prediction[:, 0] - target) ** 2).mean()


def test_is_the_loop_written_by_hand():
    model, optimizer = setting()
    scheduler = lr_scheduler.StepLR(optimizer, 2, 0.5)
    history = fit(model, optimizer, scheduler=scheduler, seed=7)

    model_, optimizer_ = setting("torch")
    optimizer_.param_groups[0]["lr"] = 0.05
    order, steps, epochs, validation, accuracy = torch.Generator().manual_seed(7), [], [], [], []
    for epoch in range(5):
        optimizer_.param_groups[0]["lr"] = 0.05 * 0.5 ** (epoch // 2)
        rows, total = torch.randperm(len(DATA.x_train), generator=order), 0.0
        for low in range(0, len(rows), 16):
            index = rows[low : low + 16]
            optimizer_.zero_grad()
            loss = cross_entropy(model_(DATA.x_train[index]), DATA.y_train[index])
            loss.backward()
            optimizer_.step()
            steps.append(loss.item())
            total += loss.item() * len(index)
        epochs.append(total / len(rows))
        with torch.no_grad():
            scores = model_(DATA.x_validation)
            validation.append(cross_entropy(scores, DATA.y_validation).item())
            accuracy.append((scores.argmax(1) == DATA.y_validation).double().mean().item())
    for mine, expected in (
        (history.step_loss, steps),
        (history.train_loss, epochs),
        (history.validation_loss, validation),
    ):
        assert mine == pytest.approx(expected, rel=1e-9)
    assert history.accuracy == accuracy and history.stopped is None
    assert history.best_epoch == validation.index(min(validation)) and history.seconds > 0
    torch.testing.assert_close(weights(model), weights(model_), rtol=1e-9, atol=1e-12)
    assert not model.training


@pytest.mark.parametrize("optimizer", ["adam", "nesterov", "torch"])
def test_a_seed_repeats_to_the_last_bit_and_leaves_the_global_one_alone(optimizer):
    results = []
    for seed, noise in ((3, 1), (3, 2), (4, 1)):
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        model, rule = setting(optimizer, dropout=True)
        history = fit(model, rule, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        results.append((numbers(history), weights(model)))
    assert results[0][0] == results[1][0] and torch.equal(results[0][1], results[1][1])
    assert results[0][0]["step_loss"] != results[2][0]["step_loss"]


def test_regression_has_no_accuracy_and_finds_the_weights():
    model, optimizer = setting(sizes=(3, 1), lr=0.1)
    history = fit(model, optimizer, LINE, loss=squared, epochs=60)
    assert history.accuracy is None and history.validation_loss[-1] < 0.02
    torch.testing.assert_close(model[0].weight[0].detach(), LINE.weights, rtol=0, atol=0.1)
    assert "accuracy" not in repr(history)


def test_accuracy_of_one_score_a_row_is_that_of_its_sign():
    data = blobs(n=100, classes=2, noise=0.1, device="cpu", dtype=torch.float64)
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = lambda score, label: nn.functional.binary_cross_entropy_with_logits(score, label.double())  # noqa: E731
    assert fit(model, optimizer, data, loss=loss, epochs=20).accuracy[-1] == 1.0


def test_validation_in_pieces_is_the_mean_over_all_rows(monkeypatch):
    whole = fit(*setting())
    monkeypatch.setattr(sys.modules["coursekit.engine.training"], "ROWS_AT_ONCE", 7)
    parts = fit(*setting())
    assert parts.validation_loss == pytest.approx(whole.validation_loss, rel=1e-12)
    assert parts.accuracy == pytest.approx(whole.accuracy)


class Scripted(nn.Module):
    """A model whose validation losses are given: each is the only output in evaluation mode."""

    def __init__(self, losses):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.losses = iter(losses)
        self.register_buffer("epochs", torch.zeros(1))

    def forward(self, x):
        if self.training:
            return self.w.expand(len(x), 1) + 1
        self.epochs += 1
        return torch.full((len(x), 1), next(self.losses), dtype=torch.float64)


@pytest.mark.parametrize(
    "losses, patience, ran, best",
    [
        ([5, 4, 3, 3, 6, 1], 2, 5, 2),  # a tie is not better
        ([5, 4, 3, 3, 6, 1], 3, 6, 5),
        ([1, 2, 3, 4, 5, 6], 1, 2, 0),
        ([6, 5, 4, 3, 2, 1], 1, 6, 5),
        ([math.nan, 5, math.nan, 4, 6, 7], 2, 6, 3),
        ([5, math.inf, math.nan, 4, 6, 7], 2, 3, 0),
    ],
)
def test_early_stopping(losses, patience, ran, best):
    model = Scripted(losses)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    target = type(LINE)(**{**vars(LINE), "y_validation": torch.zeros_like(LINE.y_validation)})
    history = fit(model, optimizer, target, loss=lambda p, y: p.mean(), epochs=6, early_stop=patience)
    assert len(history.validation_loss) == ran and history.best_epoch == best
    assert model.epochs.item() == best + 1  # the weights and buffers after the best epoch
    if ran < 6:
        assert history.stopped == f"no lower validation loss for {patience} epochs after epoch {best}"
        assert history.stopped in repr(history)
    else:
        assert history.stopped is None


class Break(Exception):
    pass


class Bell:
    """A loss function that raises at its n-th call."""

    def __init__(self, n, error):
        self.left, self.error = n, error

    def __call__(self, prediction, target):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return cross_entropy(prediction, target)


SCHEDULES = {
    "none": lambda o: None,
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "milestones": lambda o: lr_scheduler.MultiStepLR(o, [2, 3], 0.5),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 6),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5),
    "chain": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1), lr_scheduler.ExponentialLR(o, 0.9)], [3]
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")  # torch's own, from inside SequentialLR
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["adam", "nesterov", "torch"])
def test_a_broken_run_goes_on_to_the_same_end(tmp_path, optimizer, schedule):
    path = tmp_path / "run.pt"
    options = {"epochs": 6, "early_stop": 4, "seed": 2}
    whole_model, rule = setting(optimizer, dropout=True)
    whole = fit(whole_model, rule, scheduler=SCHEDULES[schedule](rule), **options)

    model, rule = setting(optimizer, dropout=True)
    with pytest.raises(Break):  # in the middle of the fourth epoch
        fit(model, rule, scheduler=SCHEDULES[schedule](rule), checkpoint=path, loss=Bell(18, Break()), **options)
    assert os.listdir(tmp_path) == ["run.pt"]
    torch.manual_seed(99)
    model, rule = setting(optimizer, dropout=True)
    with torch.no_grad():
        model[0].weight += 1  # all that counts is in the file
    history = fit(model, rule, scheduler=SCHEDULES[schedule](rule), checkpoint=path, **options)
    assert numbers(history) == numbers(whole) and torch.equal(weights(model), weights(whole_model))

    again = fit(model, rule, scheduler=SCHEDULES[schedule](rule), checkpoint=str(path), **options)
    assert numbers(again) == numbers(whole) and torch.equal(weights(model), weights(whole_model))


def test_a_run_that_stopped_early_stays_stopped_and_more_epochs_go_on(tmp_path):
    short, long = ({"epochs": n, "checkpoint": tmp_path / f"{n}.pt"} for n in (3, 6))
    whole, rule = setting()
    expected = numbers(fit(whole, rule, **long))
    model, rule = setting()
    fit(model, rule, **short)
    model, rule = setting()
    assert numbers(fit(model, rule, **{**short, "epochs": 6})) == expected
    assert torch.equal(weights(model), weights(whole))

    losses = {"loss": lambda p, y: p.mean(), "early_stop": 1, "epochs": 9, "checkpoint": tmp_path / "stopped.pt"}
    model = Scripted([2.0, 3.0])
    first = fit(model, torch.optim.SGD(model.parameters(), lr=0.01), LINE, **losses)
    model = Scripted([])  # would fail if it were asked for a further epoch
    assert numbers(fit(model, torch.optim.SGD(model.parameters(), lr=0.01), LINE, **losses)) == numbers(first)
    assert model.epochs.item() == 1


@pytest.mark.parametrize("optimizer", ["adam", "nesterov", "torch"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_before_its_step(optimizer, bad):
    model, rule = setting(optimizer)
    seen = []

    def loss(prediction, target):
        seen.append(weights(model))
        value = cross_entropy(prediction, target)
        return value * bad if len(seen) == 7 else value

    history = fit(model, rule, loss=loss)
    assert len(history.train_loss) == 1 and len(history.step_loss) == 6
    assert not math.isfinite(history.step_loss[-1])
    assert history.stopped == f"the loss is {bad} at step 5, epoch 1" and history.stopped in repr(history)
    if optimizer != "nesterov":  # which was at its point ahead
        assert torch.equal(weights(model), seen[-1])
    assert weights(model).isfinite().all()


def test_ctrl_c_keeps_the_history_so_far(tmp_path):
    model, rule = setting()
    history = fit(model, rule, loss=Bell(10, KeyboardInterrupt()), checkpoint=tmp_path / "run.pt", early_stop=9)
    assert len(history.train_loss) == 2 and len(history.step_loss) == 8
    assert history.stopped == "interrupted in epoch 2" and not model.training
    whole, rule = setting()
    expected = fit(whole, rule, early_stop=9)
    model, rule = setting()
    assert numbers(fit(model, rule, checkpoint=tmp_path / "run.pt", early_stop=9)) == numbers(expected)
    early = fit(*setting(), loss=Bell(0, KeyboardInterrupt()))
    assert "0 epochs, 0 steps; interrupted in epoch 0" in repr(early)


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    fit(*setting(), epochs=2, checkpoint=path)
    kept = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        fit(*setting(), epochs=3, checkpoint=path)
    assert path.read_bytes() == kept


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    fit(*setting(), checkpoint=path)
    model, rule = setting()
    with pytest.raises(ValueError, match=r"of another run, with \{'seed': 0, .*this one has \{'seed': 1"):
        fit(model, rule, checkpoint=path, seed=1)
    with pytest.raises(ValueError, match="of another run, one without a scheduler"):
        fit(model, rule, checkpoint=path, scheduler=lr_scheduler.StepLR(rule, 2))
    other, other_rule = setting(sizes=(2, 9, 3))
    before = weights(other)
    with pytest.raises(
        ValueError, match=r"of another model, with \{'0.weight': \(8, 2\).*one has \{'0.weight': \(9, 2\)"
    ):
        fit(other, other_rule, checkpoint=path)
    with pytest.raises(ValueError, match="of another optimizer: heavy_ball keeps"):
        fit(*setting("heavy_ball"), checkpoint=path)
    assert torch.equal(weights(other), before)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"run.pt is no checkpoint of train \(\w+\); remove it"):
        fit(model, rule, checkpoint=path)
    with pytest.raises(ValueError, match=r"the folder of the checkpoint .* does not exist"):
        fit(model, rule, checkpoint=tmp_path / "nowhere" / "run.pt")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 0}, "epochs must be a whole number, at least 1; got 0"),
        ({"epochs": None}, "epochs must be a whole number, at least 1; got None"),
        ({"epochs": True}, "epochs must be a whole number, at least 1; got True"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, at least 1; got 2.5"),
        ({"early_stop": -1}, "early_stop must be a whole number, at least 1; got -1"),
        ({"loss": lambda p, y: (p[:, 0] - y) ** 2}, r"loss must return a 0-d tensor.*got shape \(16,\)"),
        ({"loss": lambda p, y: 1.0}, "loss must return a 0-d tensor.*got float"),
        ({"seed": "a"}, "seed must be a whole number; got 'a'"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        fit(*setting(), **change)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model": len}, r"model must be a network, such as mlp\(\[64, 32, 10\]\); got builtin_function_or_method"),
        ({"optimizer": "adam"}, r"optimizer must be made, as Optimizer\(model.parameters\(\), .* is; got adam"),
        ({"data": [1]}, r"data must be a data set, such as digits\(\); got list"),
        ({"loss": None}, "loss must be a function; got None"),
        ({"augment": 3}, "augment must be a function; got 3"),
        ({"augment": lambda x, y, generator: x}, "augment must return the batch .* got a Tensor"),
        ({"scheduler": 3}, "scheduler must be a scheduler of torch; got 3"),
    ],
)
def test_what_is_of_another_kind_is_refused(change, message):
    given = dict(zip(("model", "optimizer"), setting(), strict=True)) | {"data": DATA} | change
    with pytest.raises(TypeError, match=message):
        fit(**given)


def test_a_model_elsewhere_is_refused():
    model, rule = setting()
    with pytest.raises(ValueError, match=r"must be on one device, got cpu, meta; move the model with"):
        fit(copy.deepcopy(model).to("meta"), rule)


def test_progress_is_shown_or_silent_and_needs_no_tqdm(capsys, monkeypatch):
    fit(*setting(), progress=True, epochs=2)
    out = capsys.readouterr()
    assert "8/8" in out.err and "validation=" in out.err and out.out == ""
    fit(*setting())
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    fit(*setting(), progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_trains_and_resumes_too(tmp_path):
    data = blobs(n=100, device="cuda", dtype=torch.float64)

    def model():
        net = mlp((2, 8, 3), seed=1, device="cuda", dtype=torch.float64)
        net.insert(2, nn.Dropout(0.5))
        return net, Optimizer(net.parameters(), RULES["adam"], lr=0.05)

    state = torch.cuda.get_rng_state()
    whole = fit(*model(), data, epochs=4)
    fit(*model(), data, epochs=2, checkpoint=tmp_path / "run.pt")
    assert numbers(fit(*model(), data, epochs=4, checkpoint=tmp_path / "run.pt")) == numbers(whole)
    assert torch.equal(torch.cuda.get_rng_state(), state)
