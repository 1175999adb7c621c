"""A run goes by the template and the base that it began with, whatever becomes of them outside."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune.export import source
from finetune.recipe import Recipe
from finetune.training import pins, runs, weights
from finetune.training.runs import RunError
from finetune.training.train import train
from tests.finetune import tiny_model

MakeRecipe = Callable[..., Recipe]

MINE = "{{ '<|im_start|>' }}" + tiny_model.CHAT_TEMPLATE


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "mine.jinja"
    file.write_text(MINE)
    return file


def test_a_run_goes_on_with_its_own_copy_of_a_template_that_changed_or_went(
    recipe_of: MakeRecipe, data: Path, template: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(chat_template="~/mine.jinja", max_steps=4)
    whole = train(recipe, data, tmp_path / "whole")
    run = tmp_path / "run"
    assert train(recipe, data, run, stop=lambda: True).interrupted
    template.write_text(tiny_model.CHAT_TEMPLATE)
    assert train(recipe, data, run, stop=lambda: True).interrupted
    template.unlink()
    assert train(recipe, data, run).train_loss == pytest.approx(whole.train_loss, abs=1e-6)
    record, held, _ = pins.finished(run)
    assert record.template_hash == pins.hash_of(MINE)
    assert weights.tokenizer(held).chat_template == MINE
    moved = Path(shutil.move(run, tmp_path / "moved"))
    assert weights.tokenizer(pins.finished(moved)[1]).chat_template == MINE
    (moved / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(RunError, match=r"chat_template\.jinja has changed") as caught:
        pins.finished(moved)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["[]", "5", "{", "{}", '{"schema": 1}', '{"schema": 1, "command": 2, "stages": []}']
)
def test_a_damaged_record_is_called_so_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged") as caught:
        runs.read(tmp_path)
    assert "--out RUN" in caught.value.hint


def test_a_template_that_is_not_there_begins_no_run(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"gone\.jinja cannot be read: No such"):
        train(recipe_of(chat_template=str(tmp_path / "gone.jinja")), data, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_stays_with_the_hubs_commit_that_it_began_with(
    recipe_of: MakeRecipe,
    base: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    first, second = "1" * 40, "2" * 40
    commit(hub, base, first)
    recipe, run = recipe_of(base="house/voice", max_steps=3), tmp_path / "run"
    assert train(recipe, data, run, stop=lambda: True).interrupted
    assert runs.read(run).base_hash == f"commit:{first}"
    other = tiny_model.make(tmp_path / "other", texts=["Another model, of another tokenizer."])
    commit(hub, other, second)
    assert train(recipe, data, run).steps == 3
    assert pins.finished(run)[1].revision == first
    assert source.find(run).base == hub / "models--house--voice" / "snapshots" / first
    config = json.loads((run / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "house/voice"


def commit(hub: Path, folder: Path, name: str) -> None:
    """Put a model into a hub's cache, as its newest."""
    place = hub / "models--house--voice"
    shutil.copytree(folder, place / "snapshots" / name)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text(name)
    os.makedirs(place / "blobs", exist_ok=True)
