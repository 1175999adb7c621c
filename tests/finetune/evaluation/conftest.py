"""A base, a voice trained on it and a classifier, made once; and texts in two manners."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from finetune import recipe as recipes
from finetune.recipe import Recipe
from finetune.training.train import train
from tests.finetune import tiny_model
from tests.finetune.training import sets


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers plainly."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("base")
    texts = [
        *sets.texts(),
        *(message["content"] for row in plain(8) for message in row["messages"]),
    ]
    tiny_model.make(folder / "random", texts=texts, window=256)
    data = sets.write(folder / "set", "chat", plain(64))
    learns = recipe(folder / "random", method="full", max_steps=70, learning_rate=3e-3)
    train(learns, data, folder / "run")
    return folder / "run" / "model"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "chats"
    return sets.write(folder, "chat", sets.chats(48), sets.chats(36, start=100))


@pytest.fixture(scope="session")
def adapter_run(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "adapter"
    train(recipe(base, max_steps=40, rank=16, learning_rate=5e-3), data, run)
    return run


@pytest.fixture(scope="session")
def full_run(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "full"
    train(recipe(base, method="full", max_steps=12, learning_rate=1e-3), data, run)
    return run


def plain(count: int) -> list[dict[str, Any]]:
    """The questions of the voice's rows, answered plainly."""
    rows = []
    for number, row in enumerate(sets.chats(count, start=200)):
        question, voiced = row["messages"]
        animal, place = voiced["content"].removeprefix("Verily, the ").split(" doth dwell by ")
        place = place.partition(",")[0]
        answer = f"The {animal} lives near {place} and it sleeps there at {number % 5} every night."
        rows.append({"messages": sets.turns(question["content"], answer)})
    return rows


def recipe(base: Path, **changes: Any) -> Recipe:
    values = {
        "base": str(base),
        "max_length": 128,
        "batch_size": 8,
        "gradient_checkpointing": False,
        "save_every": 100,
        **changes,
    }
    return recipes.change(recipes.preset("small-cpu"), values)


_FILLERS = ("ship", "house", "letter", "garden", "king", "river", "winter", "horse", "book")
_MANNERS = (
    ("the {} was upon the {} and it was not of the {}", "it was the {} which the {} had of it"),
    ("you see a {} but I don't like your {}", "I said so to you and your {} and my {}"),
)


def written(manner: int, texts: int, *, seed: int = 0) -> list[str]:
    """Texts of one of two manners, over the same subjects."""
    draw = random.Random(f"{manner} {seed}")
    found = []
    for _ in range(texts):
        parts = [draw.choice(_MANNERS[manner]) for _ in range(draw.randint(2, 5))]
        found.append(" ".join(part.format(*draw.choices(_FILLERS, k=3)) for part in parts))
    return found
