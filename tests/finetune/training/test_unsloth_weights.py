"""Where unsloth trains, and what it leaves behind; it need not be installed."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import unsloth_weights

MakeRecipe = Callable[..., Recipe]


def test_what_unsloth_compiles_lies_neither_where_the_user_works_nor_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[tuple[Any, ...]] = []
    seen: list[Path] = []
    monkeypatch.setenv("UNSLOTH_COMPILE_LOCATION", "")  # so that it is put back as it was
    monkeypatch.delenv("UNSLOTH_COMPILE_LOCATION")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(atexit, "register", lambda *what, **how: at_exit.append(what))
    monkeypatch.setattr(
        unsloth_weights,
        "_import",
        lambda: seen.append(Path(os.environ["UNSLOTH_COMPILE_LOCATION"])),
    )
    unsloth_weights.prepare()
    assert [path.parent for path in seen] == [tmp_path]
    assert seen[0].stat().st_mode & 0o077 == 0
    ((remove, folder),) = at_exit
    remove(folder)
    assert not seen[0].exists()


def test_unsloth_trains_only_where_it_can(
    recipe_of: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsloth_weights, "find_spec", lambda name: name)
    assert unsloth_weights.chosen(recipe_of(), cuda=True)
    assert unsloth_weights.chosen(recipe_of(engine="unsloth"), cuda=True)
    assert not unsloth_weights.chosen(recipe_of(), cuda=False)
    assert not unsloth_weights.chosen(recipe_of(task="classify"), cuda=True)
    with pytest.raises(FinetuneError, match="needs a CUDA device"):
        unsloth_weights.chosen(recipe_of(engine="unsloth"), cuda=False)
    monkeypatch.setattr(unsloth_weights, "find_spec", lambda name: None)
    assert not unsloth_weights.chosen(recipe_of(), cuda=True)
    assert not unsloth_weights.chosen(recipe_of(engine="trl"), cuda=True)
    with pytest.raises(FinetuneError, match="not installed") as caught:
        unsloth_weights.chosen(recipe_of(engine="unsloth"), cuda=True)
    assert "constraints-unsloth.txt" in caught.value.hint
    with pytest.raises(FinetuneError, match="trains chats only"):
        unsloth_weights.chosen(recipe_of(engine="unsloth", task="classify"), cuda=True)
