"""trl's own templates are what the marks and the prefixes are compared on."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from finetune.errors import FinetuneError
from finetune.serving import SERVED
from finetune.training import encode, prefixes
from tests.finetune.training.sets import turns

CHATS = {
    "one": turns("Where?", "By the hill."),
    "two": [*turns("Where?", "By the hill."), *turns("And then?", "It sleepeth.")],
}
HEADED = {
    "glm4moe_training",
    "muse_glimmer_training",
    "nemotron_3_5_lightning_training",
    "nemotron_3_nano_training",
    "nemotron_3_super_training",
    "nemotron_3_ultra_training",
    "qwen2_5_training",
    "qwen3_training",
    "qwen3_5_nothink_training",
    "qwen3_5_think_training",
    "qwen3_6_training",
    "qwen3_8_training",
}
"""Their marks also hold what the generation prompt writes: a header, or empty thoughts."""
REFUSED = {
    "deepseek_r1_distill_training": "begins an answer otherwise",
    "deepseekv3_training": "begins an answer otherwise",
    "gptoss_training": "ends an answer otherwise",
}
NOT_OF_TEXT = {"idefics3_training", "llava_next_training", "smolvlm_training"}
"""Take lists of pictures and texts only."""


def bundled() -> dict[str, str]:
    import trl

    folder = Path(trl.__file__).parent / "chat_templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


MARKED = [
    name
    for name, text in bundled().items()
    if re.search(r"\{%-?\s*generation\s*-?%\}", text) and name not in NOT_OF_TEXT
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Cuts text into bytes, and knows the control tokens of all templates."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE({one: at for at, one in enumerate(alphabet)}, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    control = {
        one for text in bundled().values() for one in re.findall(r"<[|｜]?[\w▁]+[|｜]?>", text)
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=sorted(control - {"<s>", "</s>"}),
        clean_up_tokenization_spaces=False,
    )


def rendered(tokenizer: Any, template: str, chat: list[dict[str, str]], asks: bool) -> list[int]:
    found = tokenizer.apply_chat_template(
        chat, chat_template=template, add_generation_prompt=asks, return_dict=True, **SERVED
    )
    return list(found["input_ids"])


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("name", [name for name in MARKED if name not in {*HEADED, *REFUSED}])
def test_the_prefixes_are_exactly_the_marks(name: str, chat: str, tokenizer: Any) -> None:
    template, messages = bundled()[name], CHATS[chat]
    marks = encode.chat(tokenizer, template, messages)
    assert any(marks[1])
    assert prefixes.masked(tokenizer, template, messages) == marks


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("name", [name for name in MARKED if name in HEADED])
def test_where_marks_hold_what_the_prompt_writes_the_prefixes_are_the_rest(
    name: str, chat: str, tokenizer: Any
) -> None:
    template, messages = bundled()[name], CHATS[chat]
    tokens, marks = encode.chat(tokenizer, template, messages)
    for number, turn in enumerate(messages):
        if turn["role"] == "assistant":
            before, asked = (
                rendered(tokenizer, template, messages[:number], asks) for asks in (False, True)
            )
            same = [a == b for a, b in zip(before, asked, strict=False)]
            header = slice([*same, False].index(False), len(asked))
            assert any(marks[header])
            marks[header] = [False] * len(marks[header])
    assert prefixes.masked(tokenizer, template, messages) == (tokens, marks)


@pytest.mark.parametrize("name", [name for name in MARKED if name in REFUSED])
def test_a_template_that_renders_answers_otherwise_is_refused(name: str, tokenizer: Any) -> None:
    with pytest.raises(prefixes.TemplateError, match=REFUSED[name]) as caught:
        prefixes.masked(tokenizer, bundled()[name], CHATS["two"])
    assert "{% generation %}" in caught.value.hint


@pytest.mark.parametrize("name", ["llama3_1", "llama3_2"])
def test_llamas_templates_without_marks_train_the_answers_and_their_ends(
    name: str, tokenizer: Any
) -> None:
    tokenizer = copy.copy(tokenizer)
    tokenizer.chat_template = bundled()[name]
    system = {"role": "system", "content": "Be brief."}
    encoded = encode.chats(tokenizer, [{"messages": [system, *CHATS["two"]]}], 4096)
    labels = [label for label in encoded.rows[0]["labels"] if label != encode.NO_LOSS]
    assert tokenizer.decode(labels) == "By the hill.<|eot_id|>It sleepeth.<|eot_id|>"
    shown = tokenizer.decode(encoded.rows[0]["input_ids"])
    assert "Today Date: 26 Jul 2024" in shown
    assert tokenizer.chat_template == bundled()[name]


def test_a_template_without_an_end_of_turn_is_refused(tokenizer: Any) -> None:
    tokenizer = copy.copy(tokenizer)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(FinetuneError, match="never learn to stop") as caught:
        encode.chats(tokenizer, [], 40)
    assert "{{ eos_token }}" in caught.value.hint


def test_a_prompt_that_ends_within_a_token_is_refused(base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    # In the tiny base's own words the space belongs to the word behind it.
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}"
        "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    with pytest.raises(prefixes.TemplateError, match="in the middle of a token") as caught:
        prefixes.masked(tokenizer, template, turns("Where?", "doth dwell by the hill"))
    assert "newline" in caught.value.hint


def test_a_row_that_the_template_cannot_be_read_at_is_named(tokenizer: Any) -> None:
    """As Qwen3's own: thoughts are shown in the last answer only."""
    tokenizer = copy.copy(tokenizer)
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if loop.last and m['role'] == 'assistant' %}<think></think>{% endif %}"
        "{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think></think>{% endif %}"
    )
    one = {"messages": CHATS["one"]}
    (encoded,) = encode.chats(tokenizer, [one], 4096).rows
    labels = [label for label in encoded["labels"] if label != encode.NO_LOSS]
    assert tokenizer.decode(labels) == "By the hill.<|im_end|>\n"
    with pytest.raises(FinetuneError, match=r"^Row 2: .*when more turns follow") as caught:
        encode.chats(tokenizer, [one, {"messages": CHATS["two"]}], 4096)
    assert "single questions" in caught.value.hint
