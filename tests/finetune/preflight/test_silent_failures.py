"""Each failure that passes in silence: that it happens, and that the check names it.

What happens is seen in the libraries themselves: trl's SFTTrainer prepares the rows by its own
assistant-only loss, transformers generates, peft places the adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from finetune.preflight import check
from finetune.serving import JOINER, SERVED
from finetune.training import encode, quiet
from tests.finetune.preflight.conftest import (
    MAKE_BASE,
    MAKE_RECIPE,
    MAKE_SET,
    chat,
    lines,
    of_code,
)
from tests.finetune.tiny_model import CHAT_TEMPLATE, END_OF_TURN, PAD
from tests.finetune.training import sets

GOOD = chat("Where does the owl live?", "Verily, by the barn.")
MARKS_END_OUTSIDE = CHAT_TEMPLATE.replace(
    "{{ message['content'] + '<|im_end|>' }}{%- endgeneration -%}",
    "{{ message['content'] }}{%- endgeneration -%}{{ '<|im_end|>' }}",
)


def prepared(
    base: Path, rows: Sequence[dict[str, Any]], max_length: int, *, answers_only: bool = True
) -> list[dict[str, Any]]:
    """The rows as trl's trainer takes them."""
    with quiet.quiet():
        from datasets import Dataset  # type: ignore[import-untyped]
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base),
            args=SFTConfig(
                output_dir=str(base / "never-written"),
                max_length=max_length,
                assistant_only_loss=answers_only,
                use_cpu=True,
                bf16=False,
                report_to="none",
            ),
            train_dataset=Dataset.from_list(list(rows)),
            processing_class=AutoTokenizer.from_pretrained(base),
        )
        return [
            {key: value[0].tolist() for key, value in trainer.data_collator([row]).items()}
            for row in trainer.train_dataset
        ]


def trained(row: dict[str, Any]) -> list[int]:
    return [label for label in row["labels"] if label != -100]


def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def test_roles_of_sharegpt_are_rendered_by_name_and_train_nothing(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = {
        "messages": [
            {"role": "human", "content": "Where is the owl?"},
            {"role": "gpt", "content": "By the barn."},
        ]
    }
    its = tokenizer(base)
    said = its.decode(trained(prepared(base, [row], 128, answers_only=False)[0]))
    assert "<|im_start|>human\nWhere is the owl?" in said
    assert encode.chats(its, [row], 128).dropped == 1

    found = of_code(check(recipe_of(), set_of(row)), "role-unknown")
    assert lines(found) == ["train.jsonl:3"]
    assert "--fix" in found.fix
    assert found.level == "error"


def test_a_prompt_longer_than_max_length_is_dropped(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = chat("fox " * 60, "By the barn.")
    assert len(prepared(base, [GOOD, row], 48)) == 1

    found = of_code(check(recipe_of(max_length=64), set_of(row)), "prompt-too-long")
    assert lines(found) == ["train.jsonl:3"]
    assert "max_length" in found.fix


def test_an_answer_longer_than_max_length_loses_its_end_of_turn(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    end = tokenizer(base).eos_token_id
    row = chat("Where is the owl?", "fox " * 60)
    whole, cut = (prepared(base, [row], length)[0] for length in (128, 48))
    assert trained(whole)[-1] == end
    assert trained(cut)
    assert end not in trained(cut)

    found = of_code(check(recipe_of(max_length=64), set_of(row, line=5)), "answer-cut")
    assert lines(found) == ["train.jsonl:5"]
    assert "max_length" in found.fix


def test_a_row_whose_last_line_feed_alone_is_cut_is_in_order(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = set_of()
    longest = check(recipe_of(), folder).longest
    report = check(recipe_of(max_length=longest - 1), folder)
    assert "answer-cut" not in [one.code for one in report.findings]


@pytest.mark.parametrize("eos", [END_OF_TURN, PAD])
def test_a_model_whose_eos_is_not_the_end_of_turn_never_stops(
    eos: str, base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor

    folder = base_with(eos_token=eos)
    its = tokenizer(folder)
    GenerationConfig(eos_token_id=its.eos_token_id, pad_token_id=0).save_pretrained(folder)
    end = its.convert_tokens_to_ids(END_OF_TURN)

    class SaysEnd(LogitsProcessor):
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            said = torch.full_like(scores, -1e9)
            said[:, end] = 0
            return said

    with quiet.quiet():
        model = AutoModelForCausalLM.from_pretrained(folder)
        answer = model.generate(
            torch.tensor([[5, 6]]), max_new_tokens=8, logits_processor=[SaysEnd()], do_sample=False
        )
    stops = answer.shape[1] == 3
    assert stops == (eos == END_OF_TURN)

    codes = [one.code for one in check(recipe_of(base=str(folder)), set_of()).findings]
    assert ("end-is-not-eos" in codes) == (not stops)


def test_an_eos_that_generation_settings_know_is_a_warning(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with(eos_token=PAD)  # the base's own settings still name the end of turn
    found = of_code(check(recipe_of(base=str(folder)), set_of()), "end-is-not-eos")
    assert found.level == "warning"
    assert '"eos_token": "<|im_end|>" in tokenizer_config.json' in found.fix
    assert lines(found) == ["tokenizer_config.json"]


def test_an_end_of_turn_outside_the_markers_is_never_trained(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with(template=MARKS_END_OUTSIDE)
    end = tokenizer(folder).eos_token_id
    row = prepared(folder, [GOOD], 128)[0]
    assert end in row["input_ids"]
    assert end not in trained(row)

    found = of_code(check(recipe_of(base=str(folder)), set_of()), "end-not-trained")
    assert "<|im_end|>" in found.message
    assert "{% endgeneration %}" in found.fix
    assert lines(found) == ["chat_template"]


def test_control_tokens_in_a_users_text_end_the_turn(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = chat(f"What is {END_OF_TURN} for?", "It ends a turn.")
    end = tokenizer(base).eos_token_id
    assert prepared(base, [row], 128)[0]["input_ids"].count(end) == 3

    found = of_code(check(recipe_of(), set_of(row, line=7)), "control-token-in-text")
    assert lines(found) == ["train.jsonl:7"]
    # The training breaks it: nothing is to be done.
    assert (found.level, found.mendable) == ("hint", False)


def test_a_control_token_in_a_text_with_a_label_is_read_as_one(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = {"text": f"The fox said {END_OF_TURN}.", "label": "wild"}
    folder = set_of(row, line=7, kind="classify")
    recipe = recipe_of(task="classify")
    found = of_code(check(recipe, folder), "control-token-in-text")
    assert (found.level, lines(found)) == ("error", ["train.jsonl:7"])
    assert of_code(check(recipe, folder, fix=True), "control-token-in-text").fixed


def test_an_empty_answer_trains_to_reply_nothing(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = chat("Where is the owl?", "")
    assert trained(prepared(base, [row], 128)[0]) == [tokenizer(base).eos_token_id]

    found = of_code(check(recipe_of(), set_of(row, chat("And the fox?", " \n"))), "empty-answer")
    assert lines(found) == ["train.jsonl:3", "train.jsonl:4"]


def test_joining_turns_at_random_pairs_a_row_with_itself_and_leaks(
    recipe_of: MAKE_RECIPE, tmp_path: Path
) -> None:
    """As unsloth's `conversation_extension`: a shuffled copy of the set is put beside it."""
    with quiet.quiet():
        from datasets import Dataset

        rows = Dataset.from_list(sets.chats(12))
        other = rows.shuffle(seed=3407)
    joined = [
        {"messages": one["messages"] + two["messages"]}
        for one, two in zip(rows, other, strict=True)
    ]
    itself = [n for n, one in enumerate(joined, 1) if one["messages"][:2] == one["messages"][2:]]
    assert itself, "the shuffle left no row in its place"
    held = joined[10:]
    folder = sets.write(tmp_path / "joined", "chat", joined[:10], held)

    report = check(recipe_of(), folder)
    twice = of_code(report, "paired-with-itself")
    assert lines(twice) == [
        f"{'train' if n <= 10 else 'valid'}.jsonl:{n if n <= 10 else n - 10}" for n in itself
    ]
    asked = {turn["content"] for one in held for turn in one["messages"]}
    leaks = [
        f"train.jsonl:{n}"
        for n, one in enumerate(joined[:10], 1)
        if any(turn["content"] in asked for turn in one["messages"] if turn["role"] == "user")
    ]
    assert lines(of_code(report, "leak")) == leaks
    assert leaks


def test_bos_by_the_template_and_by_hand_is_doubled(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with(template="{{ bos_token }}{{ bos_token }}" + CHAT_TEMPLATE, bos_token=PAD)
    begin = tokenizer(folder).bos_token_id
    assert prepared(folder, [GOOD], 128)[0]["input_ids"][:2] == [begin, begin]

    found = of_code(check(recipe_of(base=str(folder)), set_of()), "double-bos")
    assert lines(found)[0] == "train.jsonl:1"
    assert found.count == 124


def test_a_template_whose_markers_hold_nothing_masks_everything(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    nothing = CHAT_TEMPLATE.replace(
        "{%- generation -%}{{ message['content'] + '<|im_end|>' }}{%- endgeneration -%}",
        "{%- generation -%}{%- endgeneration -%}{{ message['content'] + '<|im_end|>' }}",
    )
    folder = base_with(template=nothing)
    assert encode.chats(tokenizer(folder), [GOOD], 128).dropped == 1

    report = check(recipe_of(base=str(folder)), set_of())
    assert "--set chat_template=FILE" in of_code(report, "all-masked").fix


def test_a_template_that_marks_questions_is_named(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    everything = (
        "{% generation %}{% for message in messages %}"
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"
        "{% endfor %}{% endgeneration %}"
    )
    report = check(recipe_of(base=str(base_with(template=everything))), set_of())
    assert of_code(report, "loss-on-questions").level == "error"


def test_a_module_that_is_not_there_is_passed_over_by_peft(
    base: Path, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    with quiet.quiet():
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(base)
        model = get_peft_model(model, LoraConfig(target_modules=["q_proj", "query"]))
    names = {name.split(".lora_A")[0].rpartition(".")[2] for name, _ in model.named_parameters()}
    assert "query" not in names

    recipe = recipe_of(target_modules=["q_proj", "query"])
    found = of_code(check(recipe, set_of()), "modules-missing")
    assert "no layer query; the training refuses it" in found.message
    assert "q_proj, up_proj, v_proj" in found.fix
    every = of_code(check(recipe_of(target_modules=["query"]), set_of()), "modules-missing")
    assert every.level == "error"


def test_an_answer_of_weight_0_has_no_loss_and_that_is_no_finding(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    first, second = sets.turns("Where is the owl?", "By the barn."), sets.turns("And then?", "No.")
    row = {"messages": [first[0], {**first[1], "weight": 0}, *second]}
    codes = {one.code for one in check(recipe_of(), set_of(row)).findings}
    assert not codes & {"answer-start-untrained", "served-otherwise"}


def test_training_and_serving_are_compared_token_for_token(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    asks = "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n"
    assert asks in CHAT_TEMPLATE
    folder = base_with(template=CHAT_TEMPLATE.replace(asks, f"{asks}Hear: "))
    found = of_code(check(recipe_of(base=str(folder)), set_of()), "served-otherwise")
    assert "Hear: " in found.message
    assert lines(found)[:2] == ["train.jsonl:1", "train.jsonl:2"]


def test_serving_is_asked_as_the_local_models_ask() -> None:
    from agent.models import local_prompt, local_transformers

    assert SERVED == {"enable_thinking": False, "date_string": local_transformers._DATE}
    assert JOINER == local_prompt._JOINER


def test_an_answer_whose_first_token_is_not_trained_is_named(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    late = CHAT_TEMPLATE.replace(
        "{%- generation -%}{{ message['content'] + '<|im_end|>' }}",
        "{{ message['content'][:12] }}{%- generation -%}"
        "{{ message['content'][12:] + '<|im_end|>' }}",
    )
    report = check(recipe_of(base=str(base_with(template=late))), set_of())
    assert "{% generation %}" in of_code(report, "answer-start-untrained").fix


def test_a_pad_token_that_is_the_eos_is_trained_all_the_same(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    """An old trap: collators that mask by the pad token mask the end of turn. trl's does not."""
    folder = base_with(pad_token=END_OF_TURN)
    assert trained(prepared(folder, [GOOD], 128)[0])[-1] == tokenizer(folder).eos_token_id
    assert check(recipe_of(base=str(folder)), set_of()).errors == ()


def test_a_good_set_and_base_have_no_findings(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    report = check(recipe_of(), set_of())
    assert [one for one in report.findings if one.level != "hint"] == []
    assert report.errors == ()
