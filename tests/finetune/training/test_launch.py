"""Processes that train together, on one machine or on several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from finetune.training import launch

_MEMBER = """
import sys
from pathlib import Path
import torch
from finetune.errors import FinetuneError
from finetune.training import launch
torch.distributed.init_process_group(
    "gloo", init_method="file://" + sys.argv[1], rank=launch.rank(), world_size=2
)
try:
    launch.meet_in(Path(sys.argv[2]), torch.device("cpu"))
    print("met")
except FinetuneError as error:
    print(error, error.hint)
torch.distributed.destroy_process_group()
"""


def members(place: Path, *folders: Path) -> list[str]:
    """What two processes say that meet, each in a folder."""
    for folder in folders:
        folder.mkdir(exist_ok=True)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _MEMBER, str(place / "meeting"), str(folder)],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for rank, folder in enumerate(folders)
    ]
    return [process.communicate(timeout=120)[0].strip() for process in started]


def test_processes_that_share_the_runs_folder_go_on_and_leave_nothing_in_it(
    tmp_path: Path,
) -> None:
    assert members(tmp_path, tmp_path / "run", tmp_path / "run") == ["met", "met"]
    assert list((tmp_path / "run").iterdir()) == []


def test_a_machine_that_does_not_see_the_first_ones_folder_stops_all_of_them(
    tmp_path: Path,
) -> None:
    here, there = members(tmp_path, tmp_path / "here", tmp_path / "there")
    for said, folder in ((here, "here"), (there, "there")):
        assert f"do not share the folder {tmp_path / folder}" in said
        assert "--out RUN" in said
    assert list((tmp_path / "here").iterdir()) == []


def test_one_process_meets_nobody(tmp_path: Path) -> None:
    launch.meet_in(tmp_path / "nowhere", None)


def test_machines_are_counted_from_what_accelerate_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (launch.devices(), launch.machines()) == (1, 1)
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (launch.devices(), launch.machines()) == (4, 2)
