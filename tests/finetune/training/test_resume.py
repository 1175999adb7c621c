from __future__ import annotations

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
from finetune.training.runs import RunError
from finetune.training.train import train
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
