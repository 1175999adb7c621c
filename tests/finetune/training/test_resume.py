from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune import recipe as recipes
from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import runs
from finetune.training.memory import OutOfMemory
from finetune.training.progress import Progress
from finetune.training.runs import RunError
from finetune.training.stages import Stages
from finetune.training.train import train
from finetune.training.watch import Diverged, Outcome, diverged
from tests.finetune.training import sets

MakeRecipe = Callable[..., Recipe]


def test_a_killed_run_resumes_to_the_loss_of_an_uninterrupted_one(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    # Dropout, so that the state of the random numbers counts; more steps than are waited for.
    recipe = recipe_of(dropout=0.1, epochs=5, save_every=4, early_stop=50)
    whole = train(recipe, data, tmp_path / "whole")
    run, file = tmp_path / "killed", tmp_path / "recipe.toml"
    file.write_text(recipes.dumps(recipe))
    process = _in_a_process(file, data, run)
    _wait_until(lambda: _step(run) >= 4, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert runs.read(run).state == "running"
    reached = _step(run)
    assert reached < whole.steps
    resumed = train(recipe, data, run)
    assert resumed.steps == whole.steps
    assert resumed.train_loss == pytest.approx(whole.train_loss, abs=1e-6)
    assert resumed.valid_loss == pytest.approx(whole.valid_loss, abs=1e-6)
    expected = runs.metrics(tmp_path / "whole")
    found = runs.metrics(run)
    assert [row["step"] for row in found] == [row["step"] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_a_run_stopped_in_order_resumes_where_it_was(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(save_every=3)
    whole = train(recipe, data, tmp_path / "whole")
    run, asked = tmp_path / "run", []
    # The fifth step is between two checkpoints: stopping writes one of its own.
    stopped = train(recipe, data, run, stop=lambda: asked.append(1) or len(asked) == 5)  # type: ignore[func-returns-value]
    assert (stopped.interrupted, stopped.steps, stopped.weights) == (True, 5, None)
    assert runs.read(run).state == "interrupted"
    resumed = train(recipe, data, run)
    assert resumed.valid_loss == pytest.approx(whole.valid_loss, abs=1e-6)
    assert len(runs.metrics(run)) == len(runs.metrics(tmp_path / "whole"))


@pytest.mark.parametrize("ends_early", [False, True])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_killed_while_its_end_was_written_ends_the_same_when_resumed(
    method: str, ends_early: bool, recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    recipe = recipe_of(method=method, max_steps=5)
    if ends_early:
        other = [{"messages": sets.turns("ζ?", "ψ" * (number + 1))} for number in range(4)]
        data = sets.write(tmp_path / "data", "chat", sets.chats(16), other)
        recipe = recipe_of(method=method, epochs=40, early_stop=2, save_every=2, learning_rate=0.02)
    whole = train(recipe, data, run)
    assert whole.weights is not None
    shutil.move(whole.weights, whole.weights.with_suffix(".partial"))
    runs.update(run, state="running", stages=())
    resumed = train(recipe, data, run)
    assert (resumed.steps, resumed.weights) == (whole.steps, whole.weights)
    assert resumed.valid_loss == pytest.approx(whole.valid_loss, abs=1e-6)
    assert whole.weights.is_dir()
    assert not whole.weights.with_suffix(".partial").exists()


def test_a_checkpoint_that_was_being_written_is_passed_over(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(recipe_of(), data, run, stop=_after(4))
    newest = runs.newest_checkpoint(run, "sft")
    assert newest is not None
    broken = newest.with_name("checkpoint-5")
    shutil.copytree(newest, broken)
    (broken / "trainer_state.json").write_text('{"cut": ')
    assert runs.newest_checkpoint(run, "sft") == newest
    assert not broken.exists()


def test_a_run_interrupted_in_its_second_stage_keeps_the_first(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(12))
    recipe = recipe_of(max_steps=2, dpo={"max_steps": 4, "learning_rate": 1e-3})
    whole = train(recipe, data, tmp_path / "whole", preferences=pairs)
    run = tmp_path / "run"
    stopped = train(recipe, data, run, preferences=pairs, stop=_after(3))
    assert stopped.interrupted
    first = (run / "sft" / "adapter" / "adapter_model.safetensors").read_bytes()
    resumed = train(recipe, data, run, preferences=pairs)
    assert runs.read(run).stages == ("sft", "dpo")
    assert (run / "sft" / "adapter" / "adapter_model.safetensors").read_bytes() == first
    assert resumed.train_loss == pytest.approx(whole.train_loss, abs=1e-6)


def test_a_finished_or_foreign_folder_is_left_alone(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run, recipe = tmp_path / "run", recipe_of(max_steps=1)
    train(recipe, data, run)
    with pytest.raises(RunError, match="is finished"):
        train(recipe, data, run)
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "to_mother.txt").write_text("Dear")
    with pytest.raises(RunError, match="is not empty"):
        train(recipe, data, letters)
    assert [entry.name for entry in letters.iterdir() if entry.name != ".lock"] == ["to_mother.txt"]


def test_a_run_does_not_go_on_with_another_recipe_or_other_data(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(recipe_of(), data, run, stop=_after(2))
    with pytest.raises(RunError, match="another recipe"):
        train(recipe_of(seed=7), data, run)
    other = sets.write(tmp_path / "other", "chat", sets.chats(9))
    with pytest.raises(RunError, match="data set is another"):
        train(recipe_of(), other, run)


def test_a_run_that_failed_before_its_first_checkpoint_may_be_tried_with_another_recipe(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(
        FinetuneError, match="target_modules: the base has no layer w_pack"
    ) as caught:
        train(recipe_of(target_modules=["w_pack"]), data, run)
    assert "q_proj" in caught.value.hint
    assert runs.read(run).state == "failed"
    assert train(recipe_of(max_steps=1), data, run).steps == 1


def test_a_second_stage_that_diverged_is_tried_with_what_its_hint_says_in_the_same_folder(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(12))
    run, recipe = tmp_path / "run", recipe_of(max_steps=2, dpo={"max_steps": 4})

    def break_it(stages: Stages, first: Path) -> Outcome:
        sitting = stages._sitting("dpo")
        raise diverged(math.nan, 3, sitting.stage, stages.recipe.dpo.learning_rate)  # type: ignore[union-attr]

    with monkeypatch.context() as patch:
        patch.setattr(Stages, "_preferences", break_it)
        with pytest.raises(Diverged) as caught:
            train(recipe, data, run, preferences=pairs)
    assert caught.value.hint.endswith("--set dpo.learning_rate=1.25e-06")
    first = (run / "sft" / "adapter" / "adapter_model.safetensors").read_bytes()
    less = recipe_of(max_steps=2, dpo={"max_steps": 4, "learning_rate": 1.25e-6})
    assert train(less, data, run, preferences=pairs).steps == 4
    assert runs.read_recipe(run).dpo == less.dpo
    assert (run / "sft" / "adapter" / "adapter_model.safetensors").read_bytes() == first
    steps = [(row["stage"], row["step"]) for row in runs.metrics(run) if "loss" in row]
    assert steps == [("sft", 1), ("sft", 2), *(("dpo", step) for step in range(1, 5))]


def test_a_second_stage_tried_anew_begins_at_its_first_step(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    pairs = sets.write(tmp_path / "pairs", "preference", sets.pairs(12))
    run, recipe = tmp_path / "run", recipe_of(max_steps=2, dpo={"max_steps": 4})
    assert train(recipe, data, run, preferences=pairs, stop=_after(3)).interrupted
    other = recipe_of(max_steps=2, dpo={"max_steps": 4, "beta": 0.5})
    with pytest.raises(RunError, match="has another recipe"):
        train(other, data, run, preferences=pairs)
    runs.update(run, state="failed")
    with pytest.raises(RunError, match="has another recipe"):
        train(recipe_of(max_steps=3, dpo={"max_steps": 4}), data, run, preferences=pairs)
    assert train(other, data, run, preferences=pairs).steps == 4
    steps = [row["step"] for row in runs.metrics(run) if row["stage"] == "dpo" and "loss" in row]
    assert steps == [1, 2, 3, 4]


def test_a_hint_to_change_the_recipe_names_a_new_folder_where_this_one_keeps_the_old(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    import torch

    def fills_up(report: Progress) -> None:
        if report.step == 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(OutOfMemory) as caught:
        train(recipe_of(batch_size=4), data, tmp_path / "run", progress=fills_up)
    assert caught.value.hint.endswith(
        "; and another folder, since this one keeps what was trained so far: --out RUN"
    )
    assert "--set batch_size=2" in caught.value.hint


def test_two_processes_do_not_train_in_one_folder(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    with (
        runs.hold(tmp_path / "run"),
        pytest.raises(RunError, match="Another process is training"),
    ):
        train(recipe_of(), data, tmp_path / "run")


def _after(step: int) -> Callable[[], bool]:
    seen: list[int] = []

    def stop() -> bool:
        seen.append(1)
        return len(seen) == step

    return stop


def _in_a_process(*arguments: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.finetune.training.killed", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, env=environment, cwd=Path(__file__).parents[3])


def _step(run: Path) -> int:
    checkpoints = (run / "checkpoints" / "sft").glob("checkpoint-*/trainer_state.json")
    return max((int(path.parent.name.partition("-")[2]) for path in checkpoints), default=0)


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the training ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
