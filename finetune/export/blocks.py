"""Weights as the bytes of ggml's types: f32, f16, and blocks of 32 with one scale (q8_0, q4_0).

The forms are those of `block_q8_0` and `block_q4_0` in ggml's `ggml-common.h`, the rounding that of
`quantize_row_*_ref` in its `ggml-quants.c`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Bytes = npt.NDArray[np.uint8]

BLOCK = 32
"""Weights that share a scale."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a weight is stored."""

    name: str
    """As llama.cpp writes it."""
    number: int
    """Of its ggml type."""
    bytes_per_block: int
    """Of 32 weights."""

    def size(self, count: int) -> int:
        """The bytes of so many weights."""
        return count * self.bytes_per_block // BLOCK


F32 = Form("f32", 0, 128)
F16 = Form("f16", 1, 64)
Q8_0 = Form("q8_0", 8, 34)
Q4_0 = Form("q4_0", 2, 18)


def encode(weights: Floats, form: Form) -> bytes:
    """The bytes of a tensor.

    Args:
        weights: Any shape; for a form of blocks the last axis is a multiple of 32.
        form: One of this module's.

    Raises:
        OverflowError: A weight is not finite, or too large for 16 bits.
    """
    import numpy as np

    if not np.isfinite(weights).all():
        raise OverflowError("a weight is not a finite number")
    if form is F32:
        return weights.astype("<f4").tobytes()
    if form is F16:
        with np.errstate(over="ignore"):
            narrow = weights.astype("<f2")
        if not np.isfinite(narrow).all():
            raise OverflowError("a weight is too large for 16 bits")
        return narrow.tobytes()
    rows = np.ascontiguousarray(weights, dtype=np.float32).reshape(-1, BLOCK)
    return (_q8_0(rows) if form is Q8_0 else _q4_0(rows)).tobytes()


def _q8_0(rows: Floats) -> Bytes:
    """A scale of 16 bits and 32 signed bytes; the largest weight becomes 127."""
    import numpy as np

    scale = np.abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    scaled = rows * _inverse(scale)
    # Half goes away from zero, as C's roundf has it; numpy's own goes to the even number.
    whole = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    return np.concatenate([_half(scale), whole.view(np.uint8)], axis=1)


def _q4_0(rows: Floats) -> Bytes:
    """A scale of 16 bits and 16 bytes; the weight furthest from zero becomes -8 of -8 to 7.

    A byte holds a weight of the block's first half in its low bits, one of the second in its high.
    """
    import numpy as np

    at = np.abs(rows).argmax(axis=1, keepdims=True)
    scale = np.take_along_axis(rows, at, axis=1) / np.float32(-8)
    levels = np.trunc(rows * _inverse(scale) + np.float32(8.5)).clip(0, 15).astype(np.uint8)
    pairs = levels[:, : BLOCK // 2] | (levels[:, BLOCK // 2 :] << np.uint8(4))
    return np.concatenate([_half(scale), pairs], axis=1)


def _inverse(scale: Floats) -> Floats:
    import numpy as np

    return np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)


def _half(scale: Floats) -> Bytes:
    import numpy as np

    if np.abs(scale).max(initial=0) > np.finfo(np.float16).max:
        raise OverflowError("a weight is too large for this form")
    return scale.astype("<f2").view(np.uint8)
