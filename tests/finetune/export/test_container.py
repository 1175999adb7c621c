from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from agent.models.local_files import gguf_facts
from finetune.export import blocks, container
from finetune.export.blocks import F16, F32, Q4_0, Q8_0
from finetune.export.container import Fact, Tensor


def test_the_facts_of_a_file_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts: dict[str, Fact] = {
        "text": "naïve",
        "number": 7,
        "share": 0.5,
        "yes": True,
        "words": ["a", "é"],
        "kinds": [1, 3],
    }
    container.write(tmp_path / "x.gguf", facts, [])
    assert dict(gguf_facts(tmp_path / "x.gguf")) == facts


def test_tensors_begin_where_the_head_says(tmp_path: Path) -> None:
    parts = [bytes([1] * 20), bytes([2] * 64), bytes([3] * 4)]
    tensors = [
        Tensor(f"t{n}", (len(part) // 4,), F32.number, len(part), partial(bytes, part))
        for n, part in enumerate(parts)
    ]
    container.write(tmp_path / "x.gguf", {}, tensors)
    data = (tmp_path / "x.gguf").read_bytes()
    assert len(data) % container.ALIGNMENT == 0
    begin = len(data) - (32 + 64 + 32)
    for name, offset, part in zip(("t0", "t1", "t2"), (0, 32, 96), parts, strict=True):
        said = (
            struct.pack("<Q", 2)
            + name.encode()
            + struct.pack("<IQIQ", 1, len(part) // 4, 0, offset)
        )
        assert said in data[:begin]
        assert data[begin + offset :].startswith(part)


def test_a_tensor_of_another_size_than_it_said_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="t: 3 bytes, and 4 were said"):
        container.write(tmp_path / "x", {}, [Tensor("t", (1,), 0, 4, lambda: b"abc")])


def test_a_block_of_8_bits_is_a_scale_and_32_signed_bytes() -> None:
    row = np.arange(-16, 16, dtype=np.float32) * 4
    data = blocks.encode(row, Q8_0)
    (scale,) = np.frombuffer(data[:2], "<f2")
    assert len(data) == Q8_0.size(32) == 34
    assert scale == np.float16(64 / 127)
    whole = np.frombuffer(data[2:], np.int8)
    assert (whole[0], whole[16], whole[31]) == (-127, 0, 119)


def test_a_block_of_4_bits_holds_its_halves_side_by_side() -> None:
    row = np.zeros(32, dtype=np.float32)
    row[0], row[1], row[16] = -8, 7, 3
    data = blocks.encode(row, Q4_0)
    assert len(data) == Q4_0.size(32) == 18
    assert np.frombuffer(data[:2], "<f2") == [1.0]
    assert data[2] == (3 + 8) << 4 | 0
    assert data[3] == 8 << 4 | 15
    assert set(data[4:]) == {8 << 4 | 8}


@pytest.mark.parametrize(("form", "step"), [(Q8_0, 1 / 127), (Q4_0, 1 / 8)])
def test_rounding_moves_no_weight_by_more_than_a_step(form: blocks.Form, step: float) -> None:
    weights = np.random.default_rng(1).normal(0, 3, (16, 64)).astype(np.float32)
    weights[2] = 0
    data = np.frombuffer(blocks.encode(weights, form), np.uint8).reshape(-1, form.bytes_per_block)
    scales = data[:, :2].copy().view("<f2").astype(np.float32)
    if form is Q8_0:
        whole = data[:, 2:].copy().view(np.int8).astype(np.float32)
    else:
        whole = np.concatenate([data[:, 2:] & 15, data[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    rows = weights.reshape(-1, 32)
    room = np.abs(rows).max(axis=1, keepdims=True) * step * 1.01
    assert (np.abs(whole * scales - rows) <= room).all()
    assert (whole * scales)[4:6].max() == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_weight_that_16_bits_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(OverflowError):
        blocks.encode(np.full(32, value, dtype=np.float32), F16)
