"""The record: what it holds goes through JSON and back, and it is never mistaken for true or false."""

from __future__ import annotations

import json

import pytest

from coursekit.judging.check import check
from coursekit.judging.verdict import Check, Picture, Verdict


def back(record) -> Verdict:
    picture = record["picture"]
    made = {
        "checks": tuple(Check(**c) for c in record["checks"]),
        "hints": tuple(record["hints"]),
        "picture": picture and Picture(**picture | {k: tuple(picture[k]) for k in ("reference", "yours")}),
    }
    return Verdict(**record | made)


def without_root(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return param - lr * (m / (1 - beta1 ** (t + 1))) / (v / (1 - beta2 ** (t + 1)) + eps), (m, v, t + 1)


def failing(x):
    raise ValueError("\ud800 \x00 </script>")


@pytest.mark.parametrize("name, function", [("adam", without_root), ("identity", failing), ("identity", lambda x: x)])
def test_a_verdict_goes_through_json_and_back(name, function):
    verdict = check(function, name)
    written = json.dumps(verdict.to_dict(), ensure_ascii=False).encode()  # what they raised is valid UTF-8 by now
    assert back(json.loads(written)) == verdict


def test_a_verdict_is_neither_true_nor_false():
    with pytest.raises(TypeError, match=r"ask for verdict\.passed or verdict\.status"):
        bool(Verdict("adam", "passed", 3, 3))
