from __future__ import annotations

from pathlib import Path

import pytest

from tests.finetune.export import models


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make(tmp_path_factory.mktemp("base") / "smollm", "smollm")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    return models.run(tmp_path_factory.mktemp("run") / "Old Salt", base)
