from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune.errors import FinetuneError
from finetune.training import encode
from tests.finetune.training.sets import turns


@pytest.fixture
def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def test_loss_falls_on_the_answers_and_their_end_of_turn_and_on_nothing_else(
    tokenizer: Any,
) -> None:
    row = {"messages": [*turns("Where?", "By the hill."), *turns("And then?", "It sleepeth.")]}
    (encoded,) = encode.chats(tokenizer, [row], 128).rows
    trained = [label for label in encoded["labels"] if label != encode.NO_LOSS]
    assert tokenizer.decode(trained) == "By the hill.<|im_end|>It sleepeth.<|im_end|>"
    rendered = tokenizer.apply_chat_template(row["messages"], tokenize=False)
    assert tokenizer.decode(encoded["input_ids"]) == rendered


def test_cut_and_dropped_rows_are_counted(tokenizer: Any) -> None:
    rows = [
        {"messages": turns("Where?", "There.")},
        {"messages": turns("Where?", "verily " * 60)},
        {"messages": turns("where " * 60, "There.")},
    ]
    encoded = encode.chats(tokenizer, rows, 40)
    assert (len(encoded.rows), encoded.cut, encoded.dropped) == (2, 2, 1)
    assert [len(row["input_ids"]) <= 40 for row in encoded.rows] == [True, True]
    assert encoded.tokens == sum(len(row["labels"]) for row in encoded.rows)


def test_a_template_without_marks_is_refused_with_what_to_write(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(FinetuneError, match="does not mark the assistant's turns") as caught:
        encode.chats(tokenizer, [], 40)
    assert "{% generation %}" in caught.value.hint


def test_a_template_that_trl_knows_is_marked_for_training_only(tokenizer: Any) -> None:
    from trl.chat_template_utils import qwen2_5_chat_template

    tokenizer.chat_template = qwen2_5_chat_template
    assert "generation %}" in encode.training_template(tokenizer)
    assert tokenizer.chat_template == qwen2_5_chat_template


def test_a_base_without_a_template_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    with pytest.raises(FinetuneError, match="no chat template"):
        encode.training_template(tokenizer)


def test_labels_become_numbers_and_an_unknown_one_is_named(tokenizer: Any) -> None:
    rows = [{"text": "A fox.", "label": "wild"}, {"text": "A hen.", "label": "tame"}]
    encoded = encode.texts(tokenizer, rows, ["tame", "wild"], 40)
    assert [row["labels"] for row in encoded.rows] == [[1], [0]]
    with pytest.raises(FinetuneError, match="'wild' is none of: tame"):
        encode.texts(tokenizer, rows, ["tame"], 40)
