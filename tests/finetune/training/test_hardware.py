from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finetune.recipe import Recipe
from finetune.training import hardware
from finetune.training.hardware import Shape
from finetune.training.memory import advice, is_out_of_memory
from finetune.training.quiet import quiet

LLAMA_8B = Shape(layers=32, hidden=4096, inner=14336, key_value=1024, vocabulary=128256, tied=False)


def test_the_shape_of_a_base_gives_its_number_of_weights(base: Path) -> None:
    from transformers import AutoModelForCausalLM

    shape = hardware.read_shape(base)
    assert shape is not None
    model = AutoModelForCausalLM.from_pretrained(base)
    assert shape.weights == sum(weight.numel() for weight in model.parameters())
    assert LLAMA_8B.weights == pytest.approx(8.03e9, rel=0.001)


def test_the_trained_weights_of_an_adapter_are_those_that_peft_makes(base: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with quiet():
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    shape = hardware.read_shape(base)
    assert shape is not None
    trained, _ = adapted.get_nb_trainable_parameters()
    assert hardware.trained_weights(Recipe(rank=8), shape) == trained


def test_less_memory_is_needed_from_full_to_lora_to_qlora() -> None:
    needs = [
        hardware.need(Recipe(method=method, batch_size=1), LLAMA_8B).total / 1e9
        for method in ("full", "lora", "qlora")
    ]
    assert needs == sorted(needs, reverse=True)
    assert 6 < needs[2] < 10 < needs[1] < 25 < 100 < needs[0]


def test_checkpointing_and_shorter_rows_need_less_memory_and_more_or_less_time() -> None:
    recipe = Recipe(gradient_checkpointing=False)
    plain, spared = recipe, Recipe(gradient_checkpointing=True)
    assert hardware.need(spared, LLAMA_8B).total < hardware.need(plain, LLAMA_8B).total / 2
    assert hardware.operations(spared, LLAMA_8B, 100) > hardware.operations(plain, LLAMA_8B, 100)
    short = Recipe(max_length=512)
    assert (
        hardware.need(short, LLAMA_8B).activations < hardware.need(Recipe(), LLAMA_8B).activations
    )


def test_a_training_takes_the_time_of_its_arithmetic_at_a_share_of_the_devices_speed() -> None:
    work = hardware.operations(Recipe(), LLAMA_8B, 1000)
    assert hardware.seconds(Recipe(), LLAMA_8B, 1000, 1e12) == pytest.approx(work / 0.4e12)


def test_the_published_figure_is_of_the_next_size_and_of_no_other() -> None:
    assert hardware.published(Recipe(method="qlora"), 8.03e9) == 6
    assert hardware.published(Recipe(), 6.7e9) == 19
    assert hardware.published(Recipe(), 1e6) is None
    assert hardware.published(Recipe(), 400e9) is None
    assert hardware.published(Recipe(method="full"), 8e9) is None


def test_a_folder_that_tells_no_shape_has_none(tmp_path: Path) -> None:
    assert hardware.read_shape(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 8}))
    assert hardware.read_shape(tmp_path) is None
    (tmp_path / "config.json").write_text("[]")
    assert hardware.read_shape(tmp_path) is None


def test_the_advice_begins_with_what_changes_nothing_that_is_learnt() -> None:
    assert advice(Recipe(batch_size=5, gradient_accumulation=4)).startswith(
        "--set batch_size=2 --set gradient_accumulation=10"
    )
    small: dict[str, Any] = {"batch_size": 1}
    assert "gradient_checkpointing=true" in advice(Recipe(**small, gradient_checkpointing=False))
    assert "method=lora" in advice(Recipe(**small, method="full"))
    assert "method=qlora" in advice(Recipe(**small))
    assert "max_length=1024" in advice(Recipe(**small, method="qlora"))
    assert advice(Recipe(**small, method="qlora", max_length=128)) == "Take a smaller base."


def test_only_errors_of_memory_are_taken_for_such() -> None:
    import torch

    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))
