"""Text in three parts, and the loop over a function for one step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from coursekit.engine import Text, Transformer, python_text, text_loss, train_text, write
from coursekit.engine.device import device

CPU = torch.device("cpu")


def letters(n: int = 400) -> Text:
    """The letters a, b and c in turn: what comes next is never in doubt."""
    row = torch.arange(n) % 3
    return Text(row, row[:100], row[:100], ("a", "b", "c"), "Made here.")


def sgd(model: nn.Module, batch: tuple, state: int, settings: float) -> tuple:
    inputs, labels = batch
    loss = nn.functional.cross_entropy(model(inputs).flatten(0, -2), labels.flatten())
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= settings * p.grad
    return loss.item(), state + 1


def small(text: Text, **kw: float) -> Transformer:
    return Transformer(len(text.characters), width=8, heads=2, depth=1, context=6, device=CPU, **kw)


def run(text: Text, model: nn.Module, step=sgd, **kw):
    how = {"steps": 30, "batch_size": 8, "context": 6, "every": 10, "progress": False, **kw}
    return train_text(model, step, 0, 0.5, text, **how)


def test_parts_share_no_paragraph_and_every_character_has_a_number():
    text = python_text(device=CPU)
    parts = [text.decode(part) for part in (text.train, text.validation, text.test)]
    paragraphs = [{p.strip("\n") for p in part.split("\n\n") if p.strip()} for part in parts]
    assert not (paragraphs[0] & paragraphs[1]) | (paragraphs[0] & paragraphs[2]) | (paragraphs[1] & paragraphs[2])
    assert set("".join(parts)) == set(text.characters)
    assert torch.equal(text.encode(parts[2]), text.test)


def test_a_batch_is_followed_by_its_labels_and_drawn_by_the_generator():
    text = python_text(device=CPU)
    draws = [text.batch(5, 7, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    for inputs, labels in draws:
        assert inputs.shape == labels.shape == (5, 7)
        assert torch.equal(inputs[:, 1:], labels[:, :-1])
        assert text.decode(inputs[0]) in text.decode(text.train)
    assert torch.equal(draws[0][0], draws[1][0])
    assert not torch.equal(draws[0][0], draws[2][0])


def test_windows_are_the_part_without_gaps():
    text = letters()
    inputs, labels = text.windows("validation", 7)
    assert torch.equal(inputs.flatten(), text.validation[:98])
    assert torch.equal(labels.flatten(), text.validation[1:99])


def test_the_measured_loss_is_that_of_all_places_at_once():
    text = python_text(device=CPU)
    model = Transformer(len(text.characters), width=8, heads=1, depth=1, context=16, device=CPU)
    inputs, labels = (x[:130] for x in text.windows("test", 16))
    loss, right = text_loss(model, inputs, labels)
    logits = model(inputs)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits.transpose(1, 2), labels).item(), rel=1e-5)
    assert right == pytest.approx((logits.argmax(-1) == labels).double().mean().item())


def test_training_learns_measures_and_repeats():
    text = letters()
    first, second = (run(text, small(text, dropout=0.2), steps=100) for _ in range(2))
    assert first.step_loss == second.step_loss
    assert len(first.step_loss) == 100
    assert len(first.validation_loss) == 10
    assert first.validation_loss[-1] < 0.5 * math.log(3)
    assert first.train_loss[0] == pytest.approx(sum(first.step_loss[:10]) / 10)


def test_it_stops_when_nothing_gets_better_and_keeps_the_best_weights():
    text = letters()

    def worse(model: nn.Module, batch: tuple, state: int, settings: float) -> tuple:
        if state < 20:
            return sgd(model, batch, state, settings)
        with torch.no_grad():
            model.character.weight.neg_().mul_(1.5)
        return 1.0, state + 1

    model = small(text)
    history = run(text, model, worse, steps=200, early_stop=3)
    assert history.best_epoch == 1
    assert len(history.validation_loss) == 5
    assert history.stopped == "no lower validation loss in 30 steps"
    assert text_loss(model, *text.windows("validation", 6))[0] == pytest.approx(history.validation_loss[1])


def test_a_loss_that_is_no_number_ends_the_run():
    text = letters()
    history = run(text, small(text), lambda model, batch, state, settings: (math.nan, state))
    assert history.stopped == "the loss is nan at step 0"


def test_a_place_sees_nothing_of_what_comes_after_it():
    model = Transformer(5, width=8, heads=2, depth=3, context=10, device=CPU)
    numbers = torch.randint(5, (2, 10), generator=torch.Generator().manual_seed(0))
    other = numbers.clone()
    other[:, 6:] = 4 - other[:, 6:]
    assert torch.allclose(model(numbers)[:, :6], model(other)[:, :6], atol=1e-6)
    assert not torch.allclose(model(numbers)[:, 6:], model(other)[:, 6:], atol=1e-3)


def test_the_embedding_is_the_last_layer_and_seeds_make_weights():
    one, same, other = (Transformer(5, width=8, heads=2, depth=1, context=4, seed=s, device=CPU) for s in (0, 0, 1))
    assert one.output.weight is one.character.weight
    assert torch.equal(one.place.weight, same.place.weight)
    assert not torch.equal(one.place.weight, other.place.weight)


def test_writing_goes_on_from_the_beginning_and_repeats_with_the_generator():
    text = letters()
    model = small(text)
    run(text, model, steps=150)
    written = [write(model, text, "ab", 20, temperature=0.1, generator=torch.Generator().manual_seed(0)) for _ in "12"]
    assert written == ["abcabcabcabcabcabcabca"] * 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.encode("abé"), "has no 'é'"),
        (lambda t: t.decode("ab"), "a row of whole numbers as a tensor; got str"),
        (lambda t: t.decode(torch.ones(3)), r"a row of whole numbers as a tensor; got shape \(3,\)"),
        (lambda t: t.batch(0, 5, torch.Generator()), "size >= 1"),
        (lambda t: t.batch(2, 400, torch.Generator()), "context < 400"),
        (lambda t: t.windows("valid", 5), '"train", "validation" or "test"'),
        (lambda t: t.windows("test", 200), "context must be from 1 to 99"),
        (lambda t: small(t, dropout=1.0), r"dropout in \[0, 1\)"),
        (lambda t: Transformer(3, width=8, heads=3, depth=1, context=4), "multiple of heads"),
        (lambda t: Transformer(3, width=8, heads=2, depth=0, context=4), "depth must be a whole number"),
        (lambda t: small(t)(torch.zeros(1, 7, dtype=torch.int64)), "at most 6 characters"),
        (lambda t: write(small(t), t, "", 3, generator=torch.Generator()), "needs a beginning"),
        (lambda t: run(t, small(t), steps=0), "steps must be a whole number"),
        (lambda t: run(t, small(t), lambda *given: None), r"must return \(loss, state\); got NoneType"),
    ],
)
def test_bad_input_is_answered_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call(letters())


def test_the_default_device_is_the_course_s():
    assert python_text().train.device.type == device().type
