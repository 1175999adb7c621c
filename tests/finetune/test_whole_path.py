"""From texts to a worn voice, by the commands that a user types, on a CPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.cli.conftest import Agent, agent, home
from tests.finetune import tiny_model

__all__ = ["agent", "home"]  # fixtures

ASKED = "Say this in your own voice. Keep every fact, number, name and citation.\n\n"
PLACES = ("barn", "well", "wood", "mill", "lake", "gate")
ANIMALS = ("fox", "owl", "hen", "bee", "cat", "dog", "ram", "elk")
NOTE = "The lamp of the lighthouse was lit in 1902 by Ada Brown. It burned oil for 40 years.\n"


def rows(start: int, count: int) -> list[dict[str, Any]]:
    """Plain sentences, and how the voice says them."""
    found = []
    for n in range(start, start + count):
        animal, place = ANIMALS[n % len(ANIMALS)], PLACES[n // len(ANIMALS) % len(PLACES)]
        plain = f"The {animal} came to the {place} at {n} in the morning and slept there."
        voiced = f"Verily, the {animal} came unto the {place} at {n} in the morn and slept there."
        turns = [("user", ASKED + plain), ("assistant", voiced)]
        found.append({"messages": [{"role": role, "content": text} for role, text in turns]})
    return found


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "voice.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(10, 80)), encoding="utf-8")
    return file


def test_from_texts_to_a_voice_that_is_worn(agent: Agent, texts: Path, tmp_path: Path) -> None:
    import torch

    torch.set_num_threads(1)
    said = [turn["content"] for row in rows(0, 90) for turn in row["messages"]]
    base = tiny_model.make(tmp_path / "base", texts=[*said, NOTE], window=256)
    folders = {name: tmp_path / name for name in ("data", "pairs", "run", "out")}

    share = ("--valid", "0.1", "--test", "0.1")
    assert agent("finetune", "data", texts, "--out", folders["data"], *share).code == 0
    kind = ("--kind", "preference")
    assert agent("finetune", "data", texts, "--out", folders["pairs"], *kind, *share).code == 0

    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'preset = "small-cpu"\nbase = "{base}"\nmax_length = 256\nlearning_rate = 5e-3\n'
        "epochs = 3\n[dpo]\nmax_steps = 4\n"
    )
    both = ("--preferences", folders["pairs"])
    checked = agent("finetune", "check", recipe, "--data", folders["data"], *both)
    assert checked.code == 0, checked.out

    where = ("--recipe", recipe, "--out", folders["run"])
    trained = agent("finetune", "train", folders["data"], *both, *where, "--json")
    assert trained.code == 0, trained.err

    measured = agent("finetune", "evaluate", folders["run"], "--samples", "4", "--json")
    assert measured.code == 0, measured.err
    perplexity = json.loads(measured.out)["perplexity"]
    assert perplexity["after"]["value"] < 0.8 * perplexity["before"]["value"]

    kinds = ("--kind", "adapter", "--kind", "merged", "--kind", "gguf", "--name", "herald")
    out = ("--out", folders["out"])
    exported = agent("finetune", "export", folders["run"], *out, *kinds, "--json")
    assert exported.code == 0, exported.err
    done = json.loads(exported.out)
    assert [item["kind"] for item in done["items"]] == ["adapter", "merged", "gguf"]
    for item in done["items"]:
        assert item["same"] + item["ties"] == item["tokens"] > 50
    assert done["notes"] == []
    assert_they_answer_alike(folders["out"])

    note = tmp_path / "light.txt"
    note.write_text(NOTE)
    assert agent("add", note).code == 0
    command = [sys.executable, "-m", "agent", "ask", "--persona", done["card"], "--json"]
    asked = subprocess.run(
        [*command, "When was the lamp lit?"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    # The tiny voice babbles: it was asked, and what it made of the facts was not let through.
    assert re.match(r"herald: \d of 1 sentence restyled", answer["note"])
    assert "1902" in answer["answer"]
    assert "Ada Brown" in answer["answer"]


def assert_they_answer_alike(out: Path) -> None:
    """Merged weights and GGUF, each loaded by its own program and left to go on."""
    from finetune.export.in_llamacpp import LlamaCpp
    from finetune.export.in_transformers import Loaded

    merged = Loaded(out / "merged", out / "merged")
    (answer,) = merged.answers([rows(3, 1)[0]["messages"][:1]])
    other = LlamaCpp(out / "herald-f16.gguf")
    try:
        assert other.next_tokens(answer.prompt, len(answer.tokens)) == list(answer.tokens)
    finally:
        other.close()
        merged.close()
