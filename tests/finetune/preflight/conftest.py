from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune import recipe as recipes
from finetune.preflight import Finding, Report
from finetune.recipe import Recipe
from tests.finetune import tiny_model
from tests.finetune.training import sets

MAKE_BASE = Callable[..., Path]
MAKE_SET = Callable[..., Path]
MAKE_RECIPE = Callable[..., Recipe]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("base") / "tiny", texts=sets.texts(), window=128)


@pytest.fixture
def base_with(base: Path, tmp_path: Path) -> MAKE_BASE:
    """A copy of the base whose tokenizer is another one in some respect."""

    def make(template: str = "", **special: str) -> Path:
        from transformers import AutoTokenizer

        folder = tmp_path / "other-base"
        shutil.copytree(base, folder)
        tokenizer = AutoTokenizer.from_pretrained(base)
        for name, token in special.items():
            setattr(tokenizer, name, token)
        if template:
            tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def set_of(tmp_path: Path) -> MAKE_SET:
    """A set of good rows, with these beside them from the given line on."""

    def make(
        *rows: dict[str, Any], line: int = 3, kind: str = "chat", name: str = "set", good: int = 120
    ) -> Path:
        makers = {"chat": sets.chats, "preference": sets.pairs, "classify": sets.labelled}
        train = makers[kind](good)
        train[line - 1 : line - 1] = rows
        valid = sets.chats(4, start=500) if kind == "chat" else []
        return sets.write(tmp_path / name, kind, train, valid)

    return make


@pytest.fixture
def recipe_of(base: Path) -> MAKE_RECIPE:
    def build(**changes: Any) -> Recipe:
        values = {"base": str(base), "max_length": 128, **changes}
        return recipes.change(recipes.preset("small-cpu"), values)

    return build


def chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": sets.turns(question, answer)}


def of_code(report: Report, code: str) -> Finding:
    """The finding of this code: there must be one."""
    found = [one for one in report.findings if one.code == code]
    assert len(found) == 1, [one.code for one in report.findings]
    return found[0]


def lines(finding: Finding) -> list[str]:
    return [str(place) for place in finding.where]
