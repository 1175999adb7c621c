from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune.training import runs
from tests.agent.cli.conftest import Agent
from tests.finetune import tiny_model
from tests.finetune.training import sets

SETTINGS = ("--preset", "small-cpu", "--set", "learning_rate=5e-3", "--set", "save_every=2")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("base") / "tiny", texts=sets.texts(), window=128)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "chats"
    return sets.write(folder, "chat", sets.chats(16), sets.chats(4, start=100))


def test_a_voice_is_trained_and_its_curve_is_shown(
    agent: Agent, base: Path, data: Path, tmp_path: Path
) -> None:
    words = ("finetune", "train", data, "--out", tmp_path / "run", "--base", base, *SETTINGS)
    ran = agent(*words, "--set", "epochs=2", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["weights"] == str(tmp_path / "run" / "adapter")
    assert told["steps"] == 8
    assert "learning 8/8 · loss" in ran.err
    assert "held out" in ran.err
    assert "Loss over 8 steps (sft):" in ran.err
    assert "┤" in ran.err
    assert runs.read(tmp_path / "run").command[:3] == ("agent", "finetune", "train")
    again = agent(*words, "--set", "epochs=2")
    assert again.code == 1
    assert "is finished" in again.err


def test_the_recipe_is_shown_with_what_was_changed(
    agent: Agent, base: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "voice"\nrank = 4\n')
    ran = agent(
        "finetune", "train", "--recipe", file, "--base", base, "--set", "alpha=8", "--show-recipe"
    )
    shown = tomllib.loads(ran.out)
    assert (shown["rank"], shown["alpha"], shown["base"]) == (4, 8, str(base))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "rnak=8", "--show-recipe"), "There is no key rnak"),
        (("--set", "rank", "--show-recipe"), "no key and value"),
        (("--preset", "vioce"), "Did you mean voice?"),
        (("--recipe", "x.toml", "--preset", "voice"), "exclude each other"),
        ((), "Name the data set"),
        (("--resume", "run", "--base", "x"), "with the recipe and the data"),
    ],
)
def test_what_cannot_be_trained_is_a_mistake_of_the_command_line(
    agent: Agent, words: tuple[str, ...], said: str
) -> None:
    ran = agent("finetune", "train", *words)
    assert ran.code == 2
    assert said in ran.err


def test_a_file_that_is_no_set_yet_is_told_how_to_become_one(
    agent: Agent, base: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my chats.jsonl"
    file.write_text("{}\n")
    ran = agent("finetune", "train", file, "--out", tmp_path / "run", "--base", base)
    assert ran.code == 1
    assert "is a file, and no data set yet" in ran.err
    assert f"agent finetune data '{file}' --out FOLDER" in ran.err


def test_ctrl_c_twice_before_the_training_begins_tells_no_run_to_go_on_with(
    agent: Agent, base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **settings: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("finetune.training.train.train", interrupted)
    ran = agent("finetune", "train", data, "--out", tmp_path / "run", "--base", base)
    assert ran.code == 130
    assert "before the training began" in ran.err
    assert "--resume" not in ran.err


def test_a_folder_that_is_no_run_is_not_resumed(agent: Agent, tmp_path: Path) -> None:
    ran = agent("finetune", "train", "--resume", tmp_path)
    assert ran.code == 1
    assert "is no run" in ran.err


def test_the_memory_is_told_before_training(agent: Agent, base: Path) -> None:
    told = agent("finetune", "train", "--base", base, "--estimate")
    assert told.code == 0
    assert "million weights" in told.out
    figures = json.loads(agent("finetune", "train", "--base", base, "--estimate", "--json").out)
    assert figures["need"] == sum(
        figures[f"need_{part}"] for part in ("weights", "trained", "activations")
    )
    assert agent("finetune", "train", "--base", "no/where", "--estimate").code == 2


def test_for_several_machines_of_one_device_the_command_is_printed_too(
    monkeypatch: pytest.MonkeyPatch, agent: Agent, tmp_path: Path
) -> None:
    words = ["finetune", "train", "set", "--out", str(tmp_path / "run"), "--machines", "2"]
    monkeypatch.setattr(sys, "argv", ["agent", *words])
    ran = agent(*words)
    assert ran.code == 0
    assert "--num_processes 2 --num_machines 2" in ran.out


def test_without_its_packages_it_is_said_what_to_install(
    agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = agent("finetune", "train", "--preset", "small-cpu", "--base", base, "--estimate")
    assert ran.code == 1
    assert "Training needs torch, which is not installed" in ran.err
    assert "'.[finetune,local]'" in ran.err


def test_the_command_for_two_devices_is_printed_and_trains_over_gloo(
    agent: Agent, base: Path, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("finetune", "train", data, "--out", run, "--base", base, *SETTINGS)
    printed = agent(*words, "--set", "epochs=1", "--devices", "2").out
    command = shlex.split(printed)
    assert command[:2] == ["accelerate", "launch"]
    assert "--devices" not in command
    command[0] = str(Path(sys.executable).with_name("accelerate"))
    ran = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("Trained") == 1
    # 16 rows in batches of 4, shared by two.
    assert runs.read(run).steps == 2
    several = agent(*words, "--devices", "4", "--machines", "2")
    assert "--num_processes 8 --num_machines 2" in several.out
    assert "--main_process_ip ADDRESS" in several.out
    assert "its own --machine_rank" in several.err
    assert "the run's folder must be on a disk that all of them have" in several.err
    assert agent(*words, "--devices", "2").err == ""


def test_ctrl_c_ends_in_order_and_the_run_goes_on_as_told(
    agent: Agent, base: Path, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["finetune", "train", data, "--out", run, "--base", base, *SETTINGS]
    words += ["--set", "epochs=6", "--set", "early_stop=0", "--set", "save_every=20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", *map(str, words)],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_until(lambda: bool(runs.metrics(run)), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert out == ""
    assert "Stopping after this step" in err
    hint = next(line for line in err.splitlines() if line.startswith("hint: "))
    assert runs.read(run).state == "interrupted"
    reached = runs.metrics(run)[-1]["step"]
    ran = agent(*shlex.split(hint.removeprefix("hint: agent ")))
    assert ran.code == 0
    assert f"Going on after step {reached} of 24." in ran.err
    assert runs.read(run).steps == 24
    assert not (run / "adapter.partial").exists()


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
