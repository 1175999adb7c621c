from __future__ import annotations

from pathlib import Path

import pytest

from finetune.errors import SetError
from finetune.preflight import Place, check, tokens
from finetune.training import encode, weights
from tests.finetune.preflight.conftest import (
    MAKE_BASE,
    MAKE_RECIPE,
    MAKE_SET,
    chat,
    lines,
    of_code,
)
from tests.finetune.tiny_model import CHAT_TEMPLATE, PAD
from tests.finetune.training import sets


def codes(findings: object) -> list[str]:
    return [one.code for one in findings]  # type: ignore[attr-defined]


def test_turns_that_do_not_alternate_are_named(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    answer_first = {"messages": chat("Who sings?", "The owl.")["messages"][::-1]}
    unanswered = {"messages": [{"role": "user", "content": "Who?"}]}
    report = check(recipe_of(), set_of(answer_first, unanswered))
    assert lines(of_code(report, "turns-out-of-order")) == ["train.jsonl:3"]
    assert lines(of_code(report, "no-answer")) == ["train.jsonl:4"]


def test_a_row_that_the_template_refuses_is_named_with_what_it_says(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    strict = (
        "{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('No system turns') }}{% endif %}"
    )
    row = {"messages": [{"role": "system", "content": "Be brief."}, *sets.turns("Who?", "I.")]}
    folder = base_with(template=strict + CHAT_TEMPLATE)
    found = of_code(check(recipe_of(base=str(folder)), set_of(row)), "template-refuses")
    assert lines(found) == ["train.jsonl:3"]
    assert "No system turns" in found.message


def test_a_base_without_template_or_markers_is_an_error(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with(template="{% for m in messages %}{{ m['content'] }}{% endfor %}")
    report = check(recipe_of(base=str(folder)), set_of())
    assert "{{ eos_token }}" in of_code(report, "template-unmarked").fix


@pytest.mark.parametrize("name", ["", "no/such-model"])
def test_without_a_base_the_rows_are_checked_all_the_same(
    name: str, recipe_of: MAKE_RECIPE, set_of: MAKE_SET, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    report = check(recipe_of(base=name), set_of(chat("Who?", "")))
    assert {"no-base", "empty-answer"} <= set(codes(report.errors))


def test_a_base_that_is_no_folder_and_no_name_is_told_at_once_with_what_to_type(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    found = of_code(check(recipe_of(base="my base"), set_of()), "no-base")
    assert "my base is no folder here, and no name on the model hub" in found.message
    assert "--base FOLDER" in found.fix


def test_a_folder_that_is_no_set_is_refused(recipe_of: MAKE_RECIPE, tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no data set"):
        check(recipe_of(), tmp_path)


def test_a_set_of_another_kind_is_named(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    report = check(recipe_of(), set_of(kind="classify", good=20))
    assert "--kind chat" in of_code(report, "set-of-another-kind").fix


def test_recipe_and_preferences_belong_together(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    chats, pairs = set_of(), set_of(kind="preference", name="pairs", good=20)
    assert "preferences" in codes(check(recipe_of(dpo={}), chats).errors)
    assert "preferences" in codes(check(recipe_of(), chats, preferences=pairs).errors)
    assert check(recipe_of(dpo={}), chats, preferences=pairs).errors == ()


def test_pairs_that_are_equal_cut_or_in_disorder_are_named_and_mended(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    def pair(chosen: str, rejected: str, role: str = "assistant") -> dict[str, object]:
        return {
            "prompt": [{"role": "user", "content": "Who sings?"}],
            "chosen": [{"role": role, "content": chosen}],
            "rejected": [{"role": role, "content": rejected}],
        }

    bad = (pair("I.", "I."), pair("fox " * 200, "No."), pair("Ay.", "Yes.", role="gpt"))
    pairs = set_of(*bad, kind="preference", name="pairs", good=20)
    recipe = recipe_of(dpo={})
    report = check(recipe, set_of(), preferences=pairs)
    assert lines(of_code(report, "same-preference")) == ["preferences/train.jsonl:3"]
    assert lines(of_code(report, "answer-cut")) == ["preferences/train.jsonl:4"]
    assert lines(of_code(report, "role-unknown")) == ["preferences/train.jsonl:5"]

    mended = check(recipe, set_of(name="other"), preferences=pairs, fix=True)
    assert mended.errors == ()
    assert mended.preferences == pairs.with_name("pairs.mended")
    assert of_code(mended, "answer-cut").fixed


def test_labels_are_checked_where_classes_are_trained(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    rows = ({"text": " ", "label": "tame"}, {"text": "fox " * 200, "label": "odd"})
    folder = set_of(*rows, kind="classify", good=40)
    report = check(recipe_of(task="classify", labels=["wild", "tame"]), folder)
    assert lines(of_code(report, "empty-text")) == ["train.jsonl:3"]
    assert lines(of_code(report, "label-unknown")) == ["train.jsonl:4"]
    assert lines(of_code(report, "text-cut")) == ["train.jsonl:4"]
    assert "odd 1" in of_code(report, "rare-label").message
    assert "no-loss" not in codes(report.findings)


def test_an_encoder_is_a_base_for_classes(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    from transformers import DistilBertConfig

    folder = base_with()
    DistilBertConfig(vocab_size=2048, dim=64, n_layers=2, n_heads=2).save_pretrained(folder)
    recipe = recipe_of(task="classify", base=str(folder), target_modules=["q_lin", "query"])
    found = check(recipe, set_of(kind="classify", good=40))
    assert codes(found.errors) == ["modules-missing"]
    assert "q_lin, v_lin;" in of_code(found, "modules-missing").fix


def test_one_class_is_nothing_to_learn(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    folder = set_of(
        *[{"text": f"Fox {n}.", "label": "wild"} for n in range(9)], kind="classify", good=0
    )
    assert "one-label" in codes(check(recipe_of(task="classify"), folder).errors)


def test_a_set_without_rows_is_an_error(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    assert codes(check(recipe_of(), set_of(good=0)).errors) == ["no-rows"]


def test_of_a_large_set_the_longest_rows_and_a_spread_are_tokenized(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = set_of(chat("Where is the owl?", "fox " * 60), line=77)
    whole = check(recipe_of(max_length=64), folder)
    monkeypatch.setattr(tokens, "SAMPLE", 20)
    told: list[str] = []
    report = check(
        recipe_of(max_length=64), folder, progress=lambda what, done, total: told.append(what)
    )
    assert (whole.tokenized, report.tokenized) == (125, 24)
    assert lines(of_code(report, "answer-cut")) == ["train.jsonl:77"]
    assert report.tokens == pytest.approx(whole.tokens, rel=0.05)
    assert report.trained == pytest.approx(whole.trained, rel=0.05)


def test_a_shown_row_is_the_row_that_the_trainer_gets(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    recipe = recipe_of(max_length=30)
    report = check(recipe, set_of(), show=2)
    assert [one.place for one in report.shown] == [
        Place("train.jsonl", 1),
        Place("train.jsonl", 2),
    ]
    tokenizer = weights.tokenizer(recipe)
    (row,) = encode.chats(tokenizer, sets.chats(1), recipe.max_length).rows
    kept = [piece for piece in report.shown[0].pieces if not piece.cut]
    assert "".join(piece.text for piece in kept) == tokenizer.decode(row["input_ids"])
    trained = [label for label in row["labels"] if label != encode.NO_LOSS]
    assert "".join(piece.text for piece in kept if piece.loss) == tokenizer.decode(trained)
    assert report.shown[0].trained == len(trained)
    assert any(piece.cut and piece.loss for piece in report.shown[0].pieces)


def test_bos_is_looked_for_where_training_and_llama_cpp_differ(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = base_with(bos_token=PAD)
    path = str(folder / "tokenizer.json")
    fast = Tokenizer.from_file(path)
    fast.post_processor = TemplateProcessing(
        single=f"{PAD} $A", special_tokens=[(PAD, fast.token_to_id(PAD))]
    )
    fast.save(path)
    assert "bos-missing" in codes(check(recipe_of(base=str(folder)), set_of()).findings)

    written = folder.parent / "with-bos.jinja"
    written.write_text("{{ bos_token }}" + CHAT_TEMPLATE)
    report = check(recipe_of(base=str(folder), chat_template=str(written)), set_of())
    assert "bos-missing" not in codes(report.findings)
    assert {"bos-by-both", "template-of-your-own"} <= set(codes(report.findings))


def test_a_tokenizer_of_more_tokens_than_embeddings_is_an_error(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    from transformers import AutoTokenizer

    folder = base_with()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<new-{n}>" for n in range(64)])
    tokenizer.save_pretrained(folder)
    assert "vocabulary-too-large" in codes(check(recipe_of(base=str(folder)), set_of()).errors)


def test_a_folder_without_weights_is_an_error(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with()
    (folder / "model.safetensors").unlink()
    assert "no-weights" in codes(check(recipe_of(base=str(folder)), set_of()).errors)


def test_a_recipe_that_does_not_suit_the_machine_is_told(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = set_of()
    report = check(recipe_of(packing=True, learning_rate=0.5, batch_size=4_000_000), folder)
    assert {"packing-mixes-rows", "memory"} <= set(codes(report.errors))
    assert "--set batch_size=2000000" in of_code(report, "memory").fix
    assert "very high" in of_code(report, "learning-rate").message
    mended = check(recipe_of(packing=True), folder, fix=True)
    assert mended.recipe.packing is False
    assert mended.data_folder == folder
    assert mended.errors == ()


def test_the_estimate_counts_the_steps_that_the_trainer_takes(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    estimate = check(recipe_of(batch_size=8, epochs=2), set_of()).estimate
    assert estimate is not None
    assert estimate.steps == 30
    assert 0 < estimate.need < estimate.memory
    assert 0 < estimate.disk < estimate.disk_free
    assert estimate.seconds > 0


def test_checkpoints_that_no_disk_holds_are_an_error(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    report = check(recipe_of(keep_checkpoints=10**9), set_of())
    assert "keep_checkpoints" in of_code(report, "disk").fix


def test_retrieval_is_named_where_it_serves_better(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    rows = [
        chat(
            f"What does plan {n} cost?",
            f"It currently costs ${n + 3} at Acme in Berlin; see https://acme.example/{n}",
        )
        for n in range(40)
    ]
    report = check(recipe_of(), set_of(*rows, good=10))
    hints = {one.code: one for one in report.findings if one.level == "hint"}
    assert set(hints) == {"few-examples", "facts-change", "answers-cite", "facts-unasked"}
    assert "40 of 50 answers (80%)" in hints["facts-change"].message
    assert "50 training rows" in hints["few-examples"].message
    assert "agent ask --mode cag" in hints["answers-cite"].fix
    assert report.errors == ()
