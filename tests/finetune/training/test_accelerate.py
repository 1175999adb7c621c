"""Training in several processes: the command that is printed, run for real, over gloo."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from finetune import recipe as recipes
from finetune.recipe import Recipe
from finetune.training import launch, runs

MakeRecipe = Callable[..., Recipe]


def _run(words: list[str], home: Path) -> str:
    env = {
        **os.environ,
        "AGENT_HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, "-m", *words], env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_printed_command_trains_in_two_processes_as_one_run(
    recipe_of: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    file, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe = recipe_of(batch_size=4, epochs=2, save_every=2)
    file.write_text(recipes.dumps(recipe))
    asked = ["finetune", "train", str(data), "--recipe", str(file), "--out", str(run)]
    printed = shlex.split(_run(["agent", *asked, "--devices", "2"], tmp_path / "home"))
    assert printed == launch.command(asked, devices=2)

    _run(["accelerate.commands.launch", *printed[2:]], tmp_path / "home")

    finished = runs.read(run)
    assert finished.state == "done"
    # 32 rows, 2 epochs, batches of 4 in each of 2 processes.
    rows = runs.metrics(run)
    assert max(row["step"] for row in rows) == 32 * 2 // (4 * 2)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < losses[0]
    assert (run / "adapter" / "adapter_model.safetensors").exists()
    assert [entry["step"] for entry in rows] == sorted(entry["step"] for entry in rows)


def test_several_machines_are_given_their_rank_and_the_firsts_address() -> None:
    words = launch.command(["finetune", "train", "data"], devices=4, machines=2)
    line = " ".join(words)
    assert "--num_processes 8 --num_machines 2" in line
    assert "--machine_rank 0 --main_process_ip ADDRESS" in line
    assert line.endswith("--module agent finetune train data")
