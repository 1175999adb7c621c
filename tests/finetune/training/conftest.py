from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune import recipe as recipes
from finetune.recipe import Recipe
from tests.finetune import tiny_model
from tests.finetune.training import sets


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("base") / "tiny", texts=sets.texts(), window=128)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "chats"
    return sets.write(folder, "chat", sets.chats(32), sets.chats(8, start=100))


@pytest.fixture
def recipe_of(base: Path) -> Callable[..., Recipe]:
    def build(**changes: Any) -> Recipe:
        values = {
            "base": str(base),
            "max_length": 128,
            "learning_rate": 5e-3,
            "epochs": 2,
            "save_every": 3,
            "gradient_checkpointing": False,
            "gradient_accumulation": 1,
            **changes,
        }
        return recipes.change(recipes.preset("small-cpu"), values)

    return build
