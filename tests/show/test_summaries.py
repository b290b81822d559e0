"""The concepts of the last chapter."""

from __future__ import annotations

import pytest

from coursekit.reference.adam import adam
from coursekit.reference.docs import parts
from coursekit.show import summary


def test_a_row_has_the_reference_s_own_words_and_equation():
    shown = summary({"08_adam": [adam]})
    text, shown_in_lab = repr(shown), shown._repr_markdown_()
    assert parts(adam).sentence in text
    assert all(equation in text and f"$${equation}$$" in shown_in_lab for equation in parts(adam).equations)
    assert "[08_adam](08_adam.ipynb)" in shown_in_lab
    assert parts(adam).torch.split("`")[1] in shown_in_lab


def test_nothing_to_show_is_said():
    with pytest.raises(ValueError, match="at least one function"):
        summary({"01_losses": []})
    with pytest.raises(ValueError, match="has no docstring"):
        summary({"01_losses": [lambda x: x]})
    with pytest.raises(TypeError, match="a dict of chapters with their functions; got list"):
        summary([adam])
