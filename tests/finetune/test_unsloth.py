"""What we use of unsloth is as we use it. Runs in its own environment only: `make check-unsloth`.

Without a GPU unsloth loads no model; its import, its signatures and its data functions can be held
to what our code expects of them (`UNSLOTH_ALLOW_CPU=1`).
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import pytest

from finetune.recipe import Recipe
from finetune.training import arguments, encode, unsloth_weights
from finetune.training.weights import Device
from tests.finetune import tiny_model

pytestmark = pytest.mark.skipif(
    not unsloth_weights.is_installed(), reason="unsloth has an environment of its own"
)

TEXTS = ("What is a saint? A dead sinner revised and edited.", "Define: lawyer, liar, love.")
CHAT = [
    {"role": "user", "content": "What is a saint?"},
    {"role": "assistant", "content": "A dead sinner revised and edited."},
    {"role": "user", "content": "And a lawyer?"},
    {"role": "assistant", "content": "One skilled in circumvention of the law."},
]


@pytest.fixture(scope="module", autouse=True)
def patched() -> None:
    """unsloth is imported before trl, as training does it."""
    os.environ.setdefault("UNSLOTH_ALLOW_CPU", "1")
    unsloth_weights.prepare()


class Recorder:
    """Takes the calls of a function as the function itself would."""

    def __init__(self, function: Any) -> None:
        self.named = inspect.signature(function).parameters
        self.given: dict[str, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        unknown = kwargs.keys() - self.named.keys()
        assert not unknown, f"swallowed by **kwargs: {unknown}"
        self.given = kwargs
        return "model", "tokenizer"


def recipe(**changes: Any) -> Recipe:
    return Recipe(name="check", base="base", **changes)


def test_every_argument_that_loading_passes_has_a_name_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from unsloth import FastLanguageModel

    load = Recorder(FastLanguageModel.from_pretrained)
    adapt = Recorder(FastLanguageModel.get_peft_model)
    monkeypatch.setattr(FastLanguageModel, "from_pretrained", load)
    monkeypatch.setattr(FastLanguageModel, "get_peft_model", adapt)
    unsloth_weights.chat_model(recipe(method="qlora"))
    assert load.given["load_in_4bit"] is True
    assert adapt.given["r"] == recipe().rank


def test_the_trainers_settings_stand_with_trl_as_unsloth_has_patched_it(tmp_path: Path) -> None:
    from trl import DPOConfig, SFTConfig

    on = Device("cpu", "a test", 8 << 30, bf16=False, count=1)
    plan = arguments.Plan(8, 1.0, 0, 1e-4, measured=True)
    common = arguments.common(recipe(), plan, on, tmp_path)
    sft = SFTConfig(**common, max_length=128, packing=False, completion_only_loss=False)
    assert sft.max_length == 128
    assert DPOConfig(**common, beta=0.1).beta == 0.1


def test_its_mask_of_the_assistants_turns_is_ours_but_for_their_ends(tmp_path: Path) -> None:
    from transformers import AutoTokenizer
    from unsloth.chat_templates import train_on_responses_only

    tokenizer = AutoTokenizer.from_pretrained(tiny_model.make(tmp_path / "base", texts=TEXTS))
    (ours,) = encode.chats(tokenizer, [{"messages": CHAT}], 256).rows
    mask = train_on_responses_only(
        None,
        instruction_part="<|im_start|>user\n",
        response_part="<|im_start|>assistant\n",
        tokenizer=tokenizer,
        return_function=True,
    )
    theirs = mask({"input_ids": [ours["input_ids"]]})["labels"][0]
    said = [
        tokenizer.decode([label for label in labels if label != encode.NO_LOSS])
        for labels in (ours["labels"], [int(label) for label in theirs])
    ]
    # It counts the newline behind an answer to the answer; a template's marks need not.
    assert said[0].replace("\n", "") == said[1].replace("\n", "")
    assert said[0].count(tiny_model.END_OF_TURN) == 2
