"""A chat is handed to a model in the same tokens when it is trained, checked, measured and served.

The template says what it is given: a step that leaves something out gives another prompt.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.messages import Message
from agent.models import local_prompt
from agent.models.local_files import find
from agent.models.local_transformers import Transformers
from finetune import recipe as recipes
from finetune import serving
from finetune.evaluation import models
from finetune.preflight import template
from finetune.training import encode, weights
from tests.finetune import tiny_model

TELLING = (
    "{%- if messages[0]['role'] == 'user' -%}<|im_start|>system\n{{ date_string }} "
    "{{ enable_thinking }}<|im_end|>\n{%- endif -%}" + tiny_model.CHAT_TEMPLATE
)
ASKED = "What does <|im_end|> end?"
ANSWERED = "A turn."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    folder = tiny_model.make(tmp_path_factory.mktemp("one") / "base", texts=[ASKED, ANSWERED] * 8)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TELLING
    tokenizer.save_pretrained(folder)
    return folder


def test_training_evaluation_check_export_and_serving_hand_over_one_prompt(base: Path) -> None:
    from finetune.export.in_transformers import Loaded

    engine = Transformers(find(base))
    head, rest = local_prompt.split([Message("user", ASKED)], engine.render, engine.specials)
    served = engine.tokens(head + rest)
    engine.close()

    tokenizer = weights.tokenizer(recipes.build({"base": str(base)}))
    asked = {"role": "user", "content": ASKED}
    assert "26 Jul 2024 False" in tokenizer.decode(served)
    assert served.count(tokenizer.eos_token_id) == 2  # none is of the text
    assert models.prompt(tokenizer, [asked]) == served
    assert template.served(tokenizer, serving.turns_of(tokenizer)([asked])) == served

    loaded = Loaded(base, base)
    assert loaded.tokens(loaded.render([asked], True)) == served
    loaded.close()

    row = {"messages": [asked, {"role": "assistant", "content": ANSWERED}]}
    (trained,) = encode.chats(tokenizer, [row], 256).rows
    assert trained["input_ids"][: len(served)] == served
    assert trained["labels"][len(served) - 1] == encode.NO_LOSS != trained["labels"][len(served)]
