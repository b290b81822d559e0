"""Frames: what goes in comes out, and a hostile frame does nothing but raise ValueError."""

from __future__ import annotations

import json
import math
import os
import threading

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from coursekit.classroom.sandbox.wire import MAX_DEPTH, decode, encode, read_frame, write_frame
from coursekit.probe.cases import Call, Draws, Fault, Groups, Model, Outcome, Steps, Training
from coursekit.probe.values import Bend, Cubic, Huge, Other, Quadratic, Seed

DTYPES = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64]
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
tensors = st.builds(lambda shape, dtype: torch.ones(shape).to(dtype), shapes, st.sampled_from(DTYPES))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**1000), 2**1000) | st.floats() | texts
faults = st.builds(Fault, texts, texts, st.none() | st.integers(), texts, st.none() | st.integers())
leaves = scalars | tensors | faults | st.builds(Seed, st.integers()) | st.builds(Other, texts)
trees = st.recursive(
    leaves,
    lambda x: (
        st.lists(x, max_size=4)
        | st.lists(x, max_size=4).map(tuple)
        | st.dictionaries(texts, x, max_size=4)
        | st.builds(Outcome, x, st.none() | faults, st.lists(texts, max_size=2).map(tuple))
    ),
    max_leaves=10,
)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return type(b) is torch.Tensor and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, float):
        return type(b) is float and (a == b or (math.isnan(a) and math.isnan(b))) and repr(a) == repr(b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and same(vars(a), vars(b))
    return type(a) is type(b) and a == b


@settings(max_examples=150)
@given(trees)
def test_what_goes_in_comes_out(tree):
    assert same(tree, decode(encode(tree)))


def test_every_kind_of_case_crosses():
    x = torch.randn(2, 3, dtype=torch.float64).T  # not contiguous
    cases = [
        Call((x, 1, Seed(3)), {"beta": 0.9}, (0,), label="label"),
        Call((Cubic(x), x, 0.1)),
        Call(([x], Bend(0.5, -1.0)), differentiates=True),
        Steps(x, Quadratic(x, x), 3, {"lr": 0.1, "t": 1}, {"v": x, "t": 0}, "AdamState", True),
        Draws(((3, 4), 0.5), (1, 2), {"training": True}),
        Groups(
            Model((("a", (("b", "Linear", 2, 1, False),)),), {"a.b.weight": x}, ("a.b.weight",), {"c": "a.b.weight"})
        ),
        Training(Model((), {}), ((x, x),), {"lr": 0.1, "warmup": 2}, ({"m": x, "v": x, "t": 0},), "AdamState"),
        Outcome({"gradient": [None, x]}, Fault("runs", "ValueError", 3, "raise", None), ("grad",)),
        Huge((10, 0), "torch.float32"),
    ]
    assert same(cases, decode(encode(cases)))


def test_tensors_of_other_kinds():
    z = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex128)
    assert same(decode(encode(z.conj())), z.conj().resolve_conj())
    assert decode(encode(torch.eye(2).to_sparse())) == Huge((2, 2), "torch.float32")
    shared = torch.arange(4.0)
    a, b = decode(encode([shared, shared[1:]]))
    a.zero_()
    assert b.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "tree",
    [
        Seed("3"),
        Fault("runs", 3),
        object(),
        {1: 2},
        "\ud800",
        {"\udfff": 1},
        1 << 2000,
        "x" * 5000,
        b"bytes",
        {1, 2},
        [0] * 2_000_000,
        DTYPES,
    ],
    ids=lambda tree: f"{tree!r:.20}".encode("ascii", "replace").decode(),
)
def test_what_has_no_place_is_refused_when_written(tree):
    with pytest.raises(ValueError, match=r"."):
        encode(tree)


def test_nesting_is_limited():
    deep: list = []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        encode(deep)


def frame(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(4, "big") + text + body


one = save({"0": torch.ones(2)})
HOSTILE = {
    "empty": b"",
    "short": b"\0\0",
    "length beyond the end": b"\x00\x00\xff\xff{}",
    "length of 4 GB": b"\xff\xff\xff\xff" + b"1" * 100,
    "not json": frame(b"{{"),
    "not utf-8": frame(b'"\xff\xfe"'),
    "an object": frame({"a": 1}),
    "empty node": frame([]),
    "a number as kind": frame([1, 2]),
    "unknown kind": frame(["os.system", "true"]),
    "a class that is none of ours": frame(["Popen", "true"]),
    "deep brackets": frame(b"[" * 100_000),
    "deep lists": frame(b'["list",' * 500 + b"1" + b"]" * 500),
    "a long int": frame(b"9" * 5000),
    "a wide int": frame(1 << 1100),
    "a lone surrogate": frame(b'"\\ud800"'),
    "a surrogate as key": frame(b'["dict",["\\udfff"],1]'),
    "a long text": frame("x" * 5000),
    "keys without values": frame(["dict", ["a", "b"], 1]),
    "a key twice": frame(["dict", ["a", "a"], 1, 2]),
    "a key that is no text": frame(["dict", [1], 1]),
    "no keys": frame(["dict"]),
    "tensor without body": frame(["tensor"]),
    "tensor with an index": frame(["tensor", 0], one),
    "tensor twice": frame(["list", ["tensor"], ["tensor"]], one),
    "tensor not used": frame(1, one),
    "tensor of another name": frame(["tensor"], save({"x": torch.ones(2)})),
    "tensors 0 and 00": frame(["list", ["tensor"], ["tensor"]], save({"0": torch.ones(2), "00": torch.ones(2)})),
    "body that is none": frame(["tensor"], b"\0" * 40),
    "body cut short": frame(["tensor"], one[:-1]),
    "body too long": frame(["tensor"], one + b"0"),
    "float8": frame(["tensor"], save({"0": torch.ones(2).to(torch.float8_e5m2)})),
    "complex of one number": frame(["complex"], save({"0": torch.ones(())})),
    "too few fields": frame(["Fault", "runs"]),
    "a field of another type": frame(["Fault", "runs", "text", "3", "", None]),
    "a bool for an int": frame(["Fault", "runs", "text", True, "", None]),
    "an outcome with a text for a fault": frame(["Outcome", None, "fault", ["tuple"]]),
    "a quadratic without tensors": frame(["Quadratic", 1, 2]),
    "a list for a tuple": frame(["Outcome", None, None, ["list"]]),
    "body of 0 elements and 2**63": frame(
        ["tensor"],
        (lambda h: len(h).to_bytes(8, "little") + h)(
            json.dumps({"0": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}).encode()
        ),
    ),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_frame_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"."):
        decode(data)


good = encode({"a": [torch.ones(2), Fault("runs", "x")], "b": Outcome(1.5)})


@settings(max_examples=400)
@given(st.integers(0, len(good) - 1), st.binary(max_size=6), st.integers(0, 8))
@example(0, b"", 0)
def test_a_changed_frame_is_read_or_refused(at, new, cut):
    """Whatever bytes are changed: plain data comes out, or ValueError; nothing else."""
    try:
        tree = decode(good[:at] + new + good[at + cut :])
    except ValueError:
        return
    encode(tree)  # only what could have been sent


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_plain(data):
    try:
        encode(decode(frame(data)))
    except ValueError:
        return


def test_frames_on_a_pipe():
    r, w = os.pipe()
    data = os.urandom(300_000)
    writer = threading.Thread(target=write_frame, args=(w, data))
    writer.start()
    assert read_frame(r, 2**20) == data
    writer.join()
    write_frame(w, b"abc")
    with pytest.raises(ValueError, match="at most 2"):
        read_frame(r, 2)
    os.close(w)
    os.read(r, 10)
    assert read_frame(r, 2) is None
    os.close(r)


def test_a_frame_that_does_not_come_in_time():
    r, w = os.pipe()
    os.write(w, (100).to_bytes(8, "big") + b"only these")
    with pytest.raises(TimeoutError):
        read_frame(r, 1000, until=0.0)
    os.close(w)
    assert read_frame(r, 1000) is None  # and one that is cut off is none
    os.close(r)
