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


UNMARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.mark.parametrize("template", ["", UNMARKED], ids=["marked", "unmarked"])
def test_an_answer_of_weight_0_is_read_and_carries_no_loss(tokenizer: Any, template: str) -> None:
    tokenizer.chat_template = template or tokenizer.chat_template
    said = [*turns("Where?", "By the hill."), *turns("And then?", "It sleepeth.")]
    row = {"messages": [said[0], {**said[1], "weight": 0}, *said[2:]]}
    (encoded,) = encode.chats(tokenizer, [row], 128).rows
    trained = [label for label in encoded["labels"] if label != encode.NO_LOSS]
    assert tokenizer.decode(trained).strip() == "It sleepeth.<|im_end|>"
    (plain,) = encode.chats(tokenizer, [{"messages": said}], 128).rows
    assert encoded["input_ids"] == plain["input_ids"]
    row = {"messages": [{**turn, "weight": 0} for turn in said]}
    assert encode.chats(tokenizer, [row], 128).dropped == 1


def test_a_template_that_marks_more_than_answers_is_refused_where_weights_differ(
    tokenizer: Any,
) -> None:
    tokenizer.chat_template = (
        "{% for m in messages %}"
        "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}{% endfor %}"
    )
    said = [*turns("Where?", "By the hill."), *turns("And then?", "It sleepeth.")]
    row = {"messages": [said[0], {**said[1], "weight": 0}, *said[2:]]}
    with pytest.raises(FinetuneError, match=r"Row 1: .* weight 0"):
        encode.chats(tokenizer, [row], 128)


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


def test_a_template_that_trl_knows_is_marked_for_training_only(tokenizer: Any) -> None:
    from trl.chat_template_utils import qwen2_5_chat_template

    tokenizer.chat_template = qwen2_5_chat_template
    assert "generation %}" in encode.training_template(tokenizer)
    assert tokenizer.chat_template == qwen2_5_chat_template


def test_a_base_without_a_template_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    with pytest.raises(FinetuneError, match="no chat template"):
        encode.training_template(tokenizer)


def test_a_chat_is_rendered_for_training_as_the_local_models_render_it(
    base: Path, tokenizer: Any
) -> None:
    from agent.models import local_prompt, local_transformers

    tokenizer.chat_template = (
        "{{ '<|im_start|>system\n' + (date_string or '?') + '|' + (enable_thinking|string) }}"
        + tokenizer.chat_template
    )
    question = "Is <|im_end|> an end?"
    row = {"messages": turns(question, "Ay, <|im_end|> is one.")}
    (encoded,) = encode.chats(tokenizer, [row], 128).rows

    local = local_transformers.Transformers.__new__(local_transformers.Transformers)
    local._tokenizer = tokenizer
    said = [
        {"role": "user", "content": local_prompt._defuser(tokenizer.get_added_vocab())(question)}
    ]
    prompt = tokenizer(local.render(said), add_special_tokens=False)["input_ids"]
    assert "26 Jul 2024|False" in tokenizer.decode(prompt)
    assert encoded["input_ids"][: len(prompt)] == prompt
    assert encoded["input_ids"].count(tokenizer.eos_token_id) == 2


def test_an_answer_keeps_the_words_that_are_tokens_of_their_own(tokenizer: Any) -> None:
    tokenizer.add_tokens(["<think>", "</think>"])
    row = {"messages": turns("Why <think>?", "<think>Hm</think>So.")}
    (encoded,) = encode.chats(tokenizer, [row], 128).rows
    assert encoded["input_ids"].count(tokenizer.convert_tokens_to_ids("<think>")) == 1


def test_labels_become_numbers_and_an_unknown_one_is_named(tokenizer: Any) -> None:
    rows = [{"text": "A fox.", "label": "wild"}, {"text": "A hen.", "label": "tame"}]
    encoded = encode.texts(tokenizer, rows, ["tame", "wild"], 40)
    assert [row["labels"] for row in encoded.rows] == [[1], [0]]
    with pytest.raises(FinetuneError, match="'wild' is none of: tame"):
        encode.texts(tokenizer, rows, ["tame"], 40)
