"""Bytes between processes: a tree of plain data and tensors as a JSON header and a safetensors body, never pickle.

A frame on a pipe is an 8-byte length and that many bytes. Inside: a 4-byte header length, the header, the body. The
header holds the tree; a tensor stands there as `["tensor"]` and is the next one of the body, so that none can be used
twice. Whoever decodes trusts nothing: what is not exactly of this form is a ValueError.
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import time
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from coursekit.probe.cases import DATA
from coursekit.probe.values import Huge

MAX_FRAME = 16 * 2**20  # bytes, of a result
MAX_HEADER = 2 * 2**20
MAX_STRING = 4_000  # characters
MAX_DEPTH = 24
MAX_BITS = 1024  # of an int

_KINDS = {kind.__name__: kind for kind in DATA}
_HINTS = {kind.__name__: get_type_hints(kind) for kind in DATA}
_DTYPES = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_DTYPES |= {torch.float16, torch.bfloat16, torch.float32, torch.float64}


# ---- a tree as bytes


def encode(tree: Any) -> bytes:
    """The tree as bytes; ValueError where it holds something that has no place here or is too large.

    >>> decode(encode({"path": torch.tensor([1.0, 2.0]), "t": (3, None, float("inf"))}))
    {'path': tensor([1., 2.]), 't': (3, None, inf)}
    """
    tensors: list[Tensor] = []
    try:
        header = json.dumps(_node(tree, tensors, 0), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text that is not valid UTF-8: {error.reason}") from None
    if len(header) > MAX_HEADER:
        raise ValueError(f"too much to send: a header of {len(header):,} bytes, at most {MAX_HEADER:,}")
    body = save({str(i): x for i, x in enumerate(tensors)}) if tensors else b""
    return len(header).to_bytes(4, "big") + header + body


def _node(x: Any, tensors: list[Tensor], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if x is None or type(x) in (bool, float):
        return x
    if type(x) is int:
        if x.bit_length() > MAX_BITS:
            raise ValueError(f"an int of {x.bit_length()} bits, at most {MAX_BITS}")
        return x
    if type(x) is str:
        if len(x) > MAX_STRING:
            raise ValueError(f"a text of {len(x)} characters, at most {MAX_STRING}")
        return x
    if type(x) is Tensor:
        return _tensor_node(x, tensors, depth)
    if type(x) in (list, tuple):
        return ["list" if type(x) is list else "tuple", *(_node(item, tensors, depth + 1) for item in x)]
    if type(x) is dict:
        if not all(type(key) is str for key in x):
            raise ValueError("a dict whose keys are not all texts")
        keys = [_node(key, tensors, depth + 1) for key in x]
        return ["dict", keys, *(_node(value, tensors, depth + 1) for value in x.values())]
    if type(x) in DATA:
        values = [getattr(x, field.name) for field in dataclasses.fields(x)]
        _check(type(x).__name__, values)
        return [type(x).__name__, *(_node(value, tensors, depth + 1) for value in values)]
    raise ValueError(f"a {type(x).__qualname__} cannot be sent")


def _tensor_node(x: Tensor, tensors: list[Tensor], depth: int) -> Any:
    x = x.detach()
    kind = "tensor"
    if x.layout is torch.strided and x.is_complex():
        kind, x = "complex", torch.view_as_real(x.resolve_conj())
    if x.layout is not torch.strided or x.dtype not in _DTYPES:
        return _node(Huge(tuple(x.shape), str(x.dtype)), tensors, depth)
    tensors.append(x.resolve_neg().cpu().clone(memory_format=torch.contiguous_format))
    return [kind]


# ---- bytes as a tree


def decode(frame: bytes) -> Any:
    """The tree of a frame, with every dataclass's fields of their declared types; ValueError for anything else."""
    size = int.from_bytes(frame[:4], "big")
    if len(frame) < 4 or size > MAX_HEADER or size > len(frame) - 4:
        raise ValueError("not a frame: the header's length is wrong")
    body = frame[4 + size :]
    try:
        node = json.loads(frame[4 : 4 + size].decode())
        tensors = [tensor for _, tensor in _tensors(body)] if body else []
    except (ValueError, TypeError, ArithmeticError, RuntimeError, AssertionError, SafetensorError) as error:
        raise ValueError(f"not a frame: {type(error).__name__}: {str(error)[:200]}") from None
    tensors.reverse()
    tree = _tree(node, tensors, 0)
    if tensors:
        raise ValueError("a frame with tensors that its header does not use")
    return tree


def _tensors(body: bytes) -> list[tuple[str, Tensor]]:
    """The body's tensors in order; their names must be 0, 1, 2, ..."""
    loaded = load(body)
    if loaded.keys() != {str(i) for i in range(len(loaded))}:
        raise ValueError("tensors that are not numbered from 0")
    return sorted(loaded.items(), key=lambda item: int(item[0]))


def _tree(node: Any, tensors: list[Tensor], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if node is None or type(node) in (bool, float):
        return node
    if type(node) is int and node.bit_length() <= MAX_BITS:
        return node
    if type(node) is str:
        return _text(node)
    if type(node) is not list or not node or type(node[0]) is not str:
        raise ValueError("a header with something that is no node")
    kind, *rest = node
    if kind in ("tensor", "complex") and not rest:
        return _next_tensor(kind, tensors)
    if kind == "dict" and rest and type(rest[0]) is list:
        keys = rest.pop(0)
        if len(keys) != len(rest) or not all(type(key) is str for key in keys) or len(set(keys)) != len(keys):
            raise ValueError("a dict whose keys and values do not match")
        return {_text(key): _tree(item, tensors, depth + 1) for key, item in zip(keys, rest, strict=True)}
    if kind == "list":
        return [_tree(item, tensors, depth + 1) for item in rest]
    if kind == "tuple":
        return tuple(_tree(item, tensors, depth + 1) for item in rest)
    if kind in _KINDS:
        values = [_tree(item, tensors, depth + 1) for item in rest]
        _check(kind, values)
        return _KINDS[kind](*values)
    raise ValueError(f"a header with the unknown kind {kind[:40]!r}")


def _text(text: str) -> str:
    if len(text) > MAX_STRING:
        raise ValueError(f"a text of {len(text)} characters, at most {MAX_STRING}")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("a text with a lone surrogate")
    return text


def _next_tensor(kind: str, tensors: list[Tensor]) -> Tensor:
    if not tensors:
        raise ValueError("a header with more tensors than the body")
    x = tensors.pop()
    if x.dtype not in _DTYPES:
        raise ValueError(f"a tensor of {x.dtype}")
    if kind == "tensor":
        return x
    if x.dtype not in (torch.float32, torch.float64) or x.dim() == 0 or x.shape[-1] != 2:
        raise ValueError("a complex tensor that is not pairs of floats")
    return torch.view_as_complex(x)


def _check(kind: str, values: list[Any]) -> None:
    """Every field of its declared type, or ValueError."""
    hints = _HINTS[kind]
    if len(values) != len(hints):
        raise ValueError(f"a {kind} with {len(values)} fields, wanted {len(hints)}")
    for (name, hint), value in zip(hints.items(), values, strict=True):
        if not _fits(value, hint):
            raise ValueError(f"a {kind} whose {name} is a {type(value).__name__}, wanted {hint}")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type: the few forms that the dataclasses of `probe` use."""
    if hint is Any:
        return True
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is tuple:
        return type(value) is tuple and all(_fits(item, args[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(_fits(item, args[1]) for item in value.values())
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


# ---- frames on a pipe


def write_frame(fd: int, payload: bytes) -> None:
    """Write the whole frame; BrokenPipeError when nobody reads any more."""
    view = memoryview(len(payload).to_bytes(8, "big") + payload)
    while view:
        view = view[os.write(fd, view) :]


def read_frame(fd: int, limit: int, until: float = float("inf")) -> bytes | None:
    """One frame, or None at the end of the stream; ValueError above `limit`, TimeoutError after `until` (monotonic)."""
    head = _read(fd, 8, until)
    if head is None:
        return None
    size = int.from_bytes(head, "big")
    if size > limit:
        raise ValueError(f"a frame of {size:,} bytes, at most {limit:,}")
    return _read(fd, size, until)


def _read(fd: int, size: int, until: float) -> bytes | None:
    parts, left = [], size
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while left:
        wait = None if until == float("inf") else max(0.0, until - time.monotonic()) * 1000
        if not poll.poll(wait):
            raise TimeoutError("no frame in time")
        part = os.read(fd, min(left, 2**20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
