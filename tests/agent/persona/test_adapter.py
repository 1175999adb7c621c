"""Trained voices on local weights: the adapter changes the answer, and its scale how much."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.errors import UnknownModel
from agent.messages import Message, TextDelta
from agent.models.local import Local
from tests.agent.models import tiny

WHO = (Message("user", "Who lit the lamp in Norwich?"),)
Open = Callable[..., Local]


def lora(folder: Path, where: Path) -> Path:
    """An adapter of random weights, as PEFT saves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(5)
    base = AutoModelForCausalLM.from_pretrained(folder)
    targets = ["q_proj", "v_proj", "down_proj"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks for what transformers is about to drop
        model = get_peft_model(base, LoraConfig(r=4, lora_alpha=16, target_modules=targets))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(where)
    return where


def lora_gguf(where: Path) -> Path:
    """The same kind of adapter for llama.cpp, in its converter's form."""
    import numpy as np

    draw = np.random.default_rng(5)
    rank, width = 4, tiny.HIDDEN
    shapes = {}
    for n in range(tiny.LAYERS):
        shapes[f"blk.{n}.attn_q.weight.lora_a"] = (rank, width)
        shapes[f"blk.{n}.attn_q.weight.lora_b"] = (width, rank)
        shapes[f"blk.{n}.ffn_down.weight.lora_a"] = (rank, tiny.INNER)
        shapes[f"blk.{n}.ffn_down.weight.lora_b"] = (width, rank)
    facts = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 16.0,
        "general.alignment": 32,
    }
    out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(facts)))
    for key, value in facts.items():
        out += tiny._text(key) + tiny._value(value)
    data = bytearray()
    for name, shape in shapes.items():
        out += tiny._text(name) + struct.pack("<I2Q", 2, *reversed(shape))
        out += struct.pack("<IQ", 0, len(data))
        data += draw.normal(0, 0.5, shape).astype("<f4").tobytes()
        data += bytes(-len(data) % 32)
    out += bytes(-len(out) % 32)
    where.write_bytes(bytes(out + data))
    return where


@pytest.fixture(scope="module", params=["safetensors", "gguf"])
def weights(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Weights, and an adapter for them."""
    place = tmp_path_factory.mktemp("adapter")
    if request.param == "gguf":
        return tiny.gguf(place / "tiny.gguf"), lora_gguf(place / "voice.gguf")
    folder = tiny.folder(place / "tiny")
    return folder, lora(folder, place / "voice")


@pytest.fixture
async def open_(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Local] = []

    def make(path: Path, **settings: object) -> Local:
        opened.append(Local(path, prefixes=tmp_path / "prefixes", **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for model in opened:
        await model.aclose()


async def said(model: Local) -> str:
    deltas = [delta async for delta in model.stream(WHO, max_tokens=12)]
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def test_an_adapter_changes_the_answer_by_its_scale(
    weights: tuple[Path, Path], open_: Open
) -> None:
    path, adapter = weights
    plain = await said(open_(path))
    assert await said(open_(path, adapter=adapter, scale=0.0)) == plain
    voiced = await said(open_(path, adapter=adapter))
    assert voiced != plain
    assert await said(open_(path, adapter=adapter)) == voiced


def test_weights_with_an_adapter_share_no_kept_cache_with_those_without(
    weights: tuple[Path, Path], open_: Open
) -> None:
    path, adapter = weights
    models = [
        open_(path),
        open_(path, adapter=adapter),
        open_(path, adapter=adapter, scale=0.5),
    ]
    assert len({model._found().digest for model in models}) == 3


def test_no_code_is_fetched_for_an_adapter_and_nothing_is_said(tmp_path: Path) -> None:
    # On some processors bitsandbytes, which peft imports, asks this package for a kernel.
    fetched = tmp_path / "fetched"
    (tmp_path / "kernels.py").write_text(f"open({str(fetched)!r}, 'w').close()\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from agent.models import local_lora\n"
        "print(local_lora._library().__name__, 'kernels' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("peft False\n", "")
    assert not fetched.exists()


async def test_what_is_no_adapter_is_named(weights: tuple[Path, Path], open_: Open) -> None:
    path, adapter = weights
    with pytest.raises(UnknownModel, match="is no adapter"):
        await open_(path, adapter=adapter.with_name("gone")).warm()


async def test_a_pickled_adapter_is_not_loaded(tmp_path: Path, open_: Open) -> None:
    folder = tiny.folder(tmp_path / "tiny")
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (tmp_path / "voice" / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(UnknownModel, match=r"adapter_model\.safetensors"):
        await open_(folder, adapter=tmp_path / "voice").warm()
