"""The container of a GGUF file: facts, the list of tensors, and their bytes, little-endian.

The form, version 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. What the facts mean
to llama.cpp is for `shapes.py` and `vocabulary.py` to say.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ALIGNMENT = 32
"""Bytes at whose multiples the tensors begin."""
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9

Fact = str | bool | int | float | Sequence[str] | Sequence[int]
"""A value of the head. Whole numbers are of 32 bits: unsigned alone, signed in a list."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor to be written; its bytes are made when it is its turn."""

    name: str
    """As llama.cpp calls it."""
    shape: tuple[int, ...]
    """Outermost first, as in numpy; the file has it the other way round."""
    kind: int
    """The number of its ggml type."""
    size: int
    """Its bytes."""
    data: Callable[[], bytes]
    """Makes them."""


def write(path: Path, facts: Mapping[str, Fact], tensors: Sequence[Tensor]) -> None:
    """Write a file; it is whole and on the disk when this returns.

    Args:
        path: Of the file; what stands there goes. Give it a name that nobody reads yet.
        facts: The head, in its order.
        tensors: In the order of the file. One at a time is held in memory.

    Raises:
        OSError: It cannot be written.
        ValueError: A tensor's bytes are not as many as it said.
    """
    with path.open("wb") as file:
        file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(facts)))
        for key, value in facts.items():
            file.write(_text(key) + _value(value))
        at = 0
        for tensor in tensors:
            file.write(_text(tensor.name))
            file.write(struct.pack("<I", len(tensor.shape)))
            file.write(struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape)))
            file.write(struct.pack("<IQ", tensor.kind, at))
            at += tensor.size + -tensor.size % ALIGNMENT
        _pad(file)
        for tensor in tensors:
            data = tensor.data()
            if len(data) != tensor.size:
                raise ValueError(f"{tensor.name}: {len(data)} bytes, and {tensor.size} were said.")
            file.write(data)
            _pad(file)
        file.flush()
        os.fsync(file.fileno())


def _pad(file: BinaryIO) -> None:
    file.write(bytes(-file.tell() % ALIGNMENT))


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(value: Fact) -> bytes:
    """The value's type and bytes."""
    if isinstance(value, bool):
        return struct.pack("<IB", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    kind = _STRING if value and isinstance(value[0], str) else _INT32
    head = struct.pack("<IIQ", _ARRAY, kind, len(value))
    if kind == _STRING:
        return head + b"".join(_text(str(item)) for item in value)
    return head + struct.pack(f"<{len(value)}i", *value)
