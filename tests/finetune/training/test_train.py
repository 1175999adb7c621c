from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune.errors import FinetuneError
from finetune.evaluation.models import predicted
from finetune.recipe import Recipe
from finetune.training import rounding, runs, weights
from finetune.training.memory import DiskFull, OutOfMemory
from finetune.training.progress import Progress
from finetune.training.quiet import quiet
from finetune.training.train import train
from tests.finetune.training import sets

MakeRecipe = Callable[..., Recipe]


def test_an_adapter_is_trained_and_the_run_says_where_it_came_from(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path, base: Path
) -> None:
    told: list[Progress] = []
    run = tmp_path / "run"
    result = train(recipe_of(), data, run, progress=told.append, command=("agent", "x"))
    assert result.weights == run / "adapter"
    assert (run / "adapter" / "adapter_model.safetensors").is_file()
    assert (run / "adapter" / "tokenizer.json").is_file()
    record = runs.read(run)
    assert (record.state, record.steps, record.stages) == ("done", 16, ("sft",))
    assert record.base_hash == runs.hash_folder(base)
    assert record.data_digest == json.loads((data / "manifest.json").read_text())["digest"]
    assert record.command == ("agent", "x")
    assert {"python", "torch", "trl", "peft"} <= set(record.versions)
    assert runs.read_recipe(run) == recipe_of()
    rows = runs.metrics(run)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == 16
    assert losses[-1] < losses[0]
    assert result.valid_loss == min(row["valid_loss"] for row in rows if "valid_loss" in row)
    assert [report.step for report in told if report.loss is not None] == list(range(1, 17))
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_keeps_the_words_in_which_its_set_hands_over_a_text(
    recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    data = sets.write(tmp_path / "data", "chat", sets.chats(4))
    manifest = json.loads((data / "manifest.json").read_text())
    manifest["options"] = {"instruction": "Sing: {text}", "system": "You are a bard."}
    (data / "manifest.json").write_text(json.dumps(manifest))
    train(recipe_of(max_steps=1), data, tmp_path / "run")
    record = runs.read(tmp_path / "run")
    assert (record.instruction, record.system) == ("Sing: {text}", "You are a bard.")


def test_the_same_seed_gives_the_same_weights_and_another_one_others(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    def weights(name: str, seed: int) -> bytes:
        train(recipe_of(seed=seed, dropout=0.1, max_steps=3), data, tmp_path / name)
        return (tmp_path / name / "adapter" / "adapter_model.safetensors").read_bytes()

    one = weights("one", 1)
    assert weights("again", 1) == one
    assert weights("other", 2) != one


def test_all_weights_are_trained_in_place_of_an_adapter(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(method="full", max_steps=4, gradient_checkpointing=True)
    result = train(recipe, data, tmp_path / "run")
    assert result.weights == tmp_path / "run" / "model"
    assert (result.weights / "model.safetensors").is_file()
    config = json.loads((result.weights / "config.json").read_text())
    assert config["use_cache"]
    assert not (result.weights / "training_args.bin").exists()


def test_an_adapter_is_trained_on_weights_of_four_bits(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    bitsandbytes: Any = pytest.importorskip("bitsandbytes")
    import torch

    recipe = recipe_of(method="qlora", max_steps=6, gradient_checkpointing=True)
    run = tmp_path / "run"
    result = train(recipe, data, run)
    losses = [row["loss"] for row in runs.metrics(run) if "loss" in row]
    assert losses[-1] < losses[0]
    assert result.weights == run / "adapter"
    with quiet():
        model = weights.chat_model(recipe, weights.device(), adapter=result.weights)
    linear = bitsandbytes.nn.Linear4bit
    held: list[Any] = [layer.weight for layer in model.modules() if isinstance(layer, linear)]
    assert len(held) == 4 * 7
    assert {weight.quant_type for weight in held} == {"nf4"}
    assert {weight.dtype for weight in held} == {torch.uint8}


@pytest.mark.parametrize("modules", [["q_proj", "query"], ["layers.0.self_attn.q_proj", "proj"]])
@pytest.mark.parametrize("task", ["chat", "classify"])
def test_a_layer_to_train_that_the_base_lacks_is_named_with_those_it_has(
    modules: list[str], task: str, recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    if task == "classify":
        data = sets.write(tmp_path / "data", "classify", sets.labelled(4))
    recipe = recipe_of(target_modules=modules, task=task)
    with pytest.raises(FinetuneError, match=f"the base has no layer {modules[1]}.$") as caught:
        train(recipe, data, tmp_path / "run")
    assert "down_proj, gate_proj, k_proj" in caught.value.hint
    assert "lm_head" not in caught.value.hint


def test_a_second_stage_on_what_is_held_out_is_refused(
    recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    data = sets.write(tmp_path / "data", "chat", sets.chats(8), sets.chats(2, start=8))
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(10))
    recipe = recipe_of(dpo={"max_steps": 4})
    with pytest.raises(FinetuneError, match=r"hold what .* holds out \(lines 9, 10\)"):
        train(recipe, data, tmp_path / "run", preferences=pairs)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_second_stage_learns_preferences(
    method: str, recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(12), sets.pairs(4))
    recipe = recipe_of(
        method=method, max_steps=2, dpo={"max_steps": 4, "learning_rate": 1e-3, "beta": 0.5}
    )
    run = tmp_path / "run"
    result = train(recipe, data, run, preferences=pairs)
    assert runs.read(run).stages == ("sft", "dpo")
    losses = [row["loss"] for row in runs.metrics(run) if row["stage"] == "dpo" and "loss" in row]
    # Before the first step the model is its own reference: the loss is that of a coin.
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses[-1] < losses[0]
    assert result.weights is not None
    assert (run / "sft" / result.weights.name).is_dir()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_classifier_learns_its_labels(method: str, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    from transformers import AutoConfig

    rows = sets.labelled(32)
    data = sets.write(tmp_path / "data", "classify", rows, sets.labelled(8, start=32))
    recipe = recipe_of(task="classify", method=method, batch_size=8)
    result = train(recipe, data, tmp_path / "run")
    assert result.valid_loss is not None
    assert result.valid_loss < math.log(2)
    assert runs.read_recipe(tmp_path / "run").labels == ("tame", "wild")
    if method == "full":
        assert result.weights is not None
        assert AutoConfig.from_pretrained(result.weights).id2label == {0: "tame", 1: "wild"}


@pytest.mark.parametrize("task", ["chat", "classify"])
def test_what_is_trained_beside_weights_of_16_bits_has_32(
    task: str, recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    import torch
    from peft import load_peft_weights

    if task == "classify":
        data = sets.write(
            tmp_path / "data", "classify", sets.labelled(32), sets.labelled(8, start=32)
        )
    recipe = recipe_of(task=task, precision="bf16", batch_size=4, epochs=4)
    with quiet():
        model = (
            weights.classifier(recipe, weights.device(), ("tame", "wild"), 0)
            if task == "classify"
            else weights.chat_model(recipe, weights.device())
        )
    kinds = {one.requires_grad: one.dtype for one in model.parameters()}
    assert kinds == {False: torch.bfloat16, True: torch.float32}
    assert all(one.dtype == kinds[one.requires_grad] for one in model.parameters())
    result = train(recipe, data, tmp_path / "run")
    assert result.weights is not None
    stored = load_peft_weights(str(result.weights), device="cpu")
    assert {one.dtype for one in stored.values()} == {torch.float32}
    if task == "classify":
        assert result.valid_loss is not None
        assert result.valid_loss < math.log(2)
        labels = ("tame", "wild")
        rows = sets.labelled(8)
        with quiet():
            found = predicted(recipe, result.weights, labels, rows, lambda done: None)
        assert found == [row["label"] for row in rows]


def test_training_ends_early_where_the_held_out_loss_no_longer_falls(
    recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    other = [{"messages": sets.turns("ζ?", "ψ" * (number + 1))} for number in range(4)]
    data = sets.write(tmp_path / "data", "chat", sets.chats(16), other)
    recipe = recipe_of(epochs=40, early_stop=2, save_every=2, learning_rate=0.02)
    result = train(recipe, data, tmp_path / "run")
    valid = [row["valid_loss"] for row in runs.metrics(tmp_path / "run") if "valid_loss" in row]
    assert result.steps < 160
    assert result.valid_loss == pytest.approx(min(valid), abs=1e-6)
    assert valid[-1] > min(valid)


def test_a_loss_that_is_no_number_ends_the_run_with_a_lower_rate_to_try(
    recipe_of: MakeRecipe, base: Path, data: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    model.model.norm.weight.data.fill_(math.nan)
    model.save_pretrained(tmp_path / "broken")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "broken")
    recipe = recipe_of(base=str(tmp_path / "broken"), learning_rate=1.0)
    with pytest.raises(FinetuneError, match="diverged") as caught:
        train(recipe, data, tmp_path / "run")
    assert "learning_rate=0.25" in caught.value.hint
    assert runs.read(tmp_path / "run").state == "failed"


def test_out_of_memory_names_the_key_to_change_and_the_same_folder_may_be_used_again(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    import torch

    def full(report: Progress) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(OutOfMemory, match="Out of memory on CPU") as caught:
        train(recipe_of(batch_size=4), data, tmp_path / "run", progress=full)
    assert caught.value.hint.startswith("--set batch_size=2 --set gradient_accumulation=2")
    less = recipe_of(batch_size=2, gradient_accumulation=2, max_steps=1)
    assert train(less, data, tmp_path / "run").steps == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    ],
)
def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(
    error: Exception,
    recipe_of: MakeRecipe,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise error

    def no_record(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(weights, "save", full)
        patch.setattr(runs, "update", no_record)
        with pytest.raises(DiskFull, match=r"The disk is full, where .*run is") as caught:
            train(recipe_of(max_steps=4), data, run)
    assert "goes on at the last checkpoint" in caught.value.hint
    told: list[Progress] = []
    assert train(recipe_of(max_steps=4), data, run, progress=told.append).steps == 4
    assert [report.step for report in told if report.loss is not None] == []


def test_rows_that_are_cut_or_dropped_are_told(recipe_of: MakeRecipe, tmp_path: Path) -> None:
    long = [{"messages": sets.turns("where " * 60, "There.")}]
    data = sets.write(tmp_path / "data", "chat", sets.chats(4) + long)
    told: list[Progress] = []
    train(recipe_of(max_length=60, max_steps=1), data, tmp_path / "run", progress=told.append)
    notes = [report.note for report in told if report.note]
    assert notes == [
        "1 of 5 rows cut at max_length = 60.",
        "1 of 5 rows dropped: no answer within max_length = 60.",
    ]


def test_a_set_without_one_trainable_row_is_refused(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(FinetuneError, match="No row has anything to train") as caught:
        train(recipe_of(max_length=8), data, tmp_path / "run")
    assert "max_length=16" in caught.value.hint


def test_what_does_not_fit_together_is_refused_before_anything_is_written(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(FinetuneError, match="names no base"):
        train(recipe_of(base=""), data, run)
    with pytest.raises(FinetuneError, match=r"no folder \./nowhere"):
        train(recipe_of(base="./nowhere"), data, run)
    with pytest.raises(FinetuneError, match="is a chat set, and a classify set is wanted"):
        train(recipe_of(task="classify"), data, run)
    labelled = sets.write(tmp_path / "labelled", "classify", sets.labelled(4))
    with pytest.raises(FinetuneError, match="a chat set is wanted") as caught:
        train(recipe_of(), labelled, run)
    assert caught.value.hint.startswith("--set task=classify")
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(4))
    with pytest.raises(FinetuneError, match="is a preference set") as caught:
        train(recipe_of(), pairs, run)
    assert f"--preferences {pairs}" in caught.value.hint
    with pytest.raises(FinetuneError, match="there is no preference set"):
        train(recipe_of(dpo={}), data, run)
    with pytest.raises(FinetuneError, match="no stage for it"):
        train(recipe_of(), data, run, preferences=data)
    with pytest.raises(FinetuneError, match="is a chat set, and a preference set"):
        train(recipe_of(dpo={}), data, run, preferences=data)
    alike = sets.write(tmp_path / "alike", "classify", sets.labelled(1))
    with pytest.raises(FinetuneError, match="have the label 'wild'"):
        train(recipe_of(task="classify"), alike, run)
    empty = sets.write(tmp_path / "empty", "chat", [])
    with pytest.raises(FinetuneError, match="has no training rows"):
        train(recipe_of(), empty, run)
    assert not run.exists()


def test_a_base_that_cannot_be_loaded_is_named(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FinetuneError, match="nothing cannot be loaded"):
        train(recipe_of(base=str(tmp_path / "nothing")), data, tmp_path / "run")


def test_one_process_with_several_gpus_is_told_the_command_for_them(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = weights.Device("cuda", "Two of them", 2**40, True, 2)
    monkeypatch.setattr(weights, "device", lambda: two)
    command = ("agent", "finetune", "train", "data", "--out", "my run")
    with pytest.raises(FinetuneError, match="There are 2 GPUs") as caught:
        train(recipe_of(), data, tmp_path / "run", command=command)
    assert "accelerate launch --num_processes 2" in caught.value.hint
    assert "--module agent finetune train data --out 'my run'" in caught.value.hint


def test_a_machine_that_seems_too_small_is_told_of_and_tried(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = weights.Device("cpu", "A small CPU", 2**20, False, 1)
    monkeypatch.setattr(weights, "device", lambda: small)
    told: list[Progress] = []
    train(recipe_of(max_steps=1), data, tmp_path / "run", progress=told.append)
    assert told[0].note.startswith("This may not fit: about")
    assert "--set batch_size=2" in told[0].note


def test_an_extra_that_is_missing_is_named(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"bitsandbytes", "torchao"}
    monkeypatch.setattr(weights, "find_spec", lambda name: None if name in missing else name)
    monkeypatch.setattr(rounding, "find_spec", lambda name: None if name in missing else name)
    with pytest.raises(FinetuneError, match="needs the package bitsandbytes"):
        train(recipe_of(method="qlora"), data, tmp_path / "one")
    recipe = recipe_of(method="full", engine="trl", quantization_aware="int4")
    with pytest.raises(FinetuneError, match="needs the package torchao"):
        train(recipe, data, tmp_path / "two")
    with pytest.raises(FinetuneError, match="packing needs a CUDA device"):
        train(recipe_of(packing=True), data, tmp_path / "three")
