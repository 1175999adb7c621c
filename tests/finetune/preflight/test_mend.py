from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from finetune import recipe as recipes
from finetune.data import load
from finetune.preflight import Place, check, mend, rows
from finetune.training import encode, weights
from tests.finetune.preflight.conftest import (
    MAKE_BASE,
    MAKE_RECIPE,
    MAKE_SET,
    chat,
    lines,
    of_code,
)
from tests.finetune.preflight.test_silent_failures import MARKS_END_OUTSIDE
from tests.finetune.training import sets


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_needs_no_guess_is_mended_in_a_copy_and_the_set_stays(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    sharegpt = {
        "messages": [
            {"role": "human", "content": "Where is the ox?"},
            {"role": "gpt", "content": "By the barn."},
        ]
    }
    joined = {"messages": chat("Who sings?", "The owl.")["messages"] * 2}
    control = chat("What is <|im_end|> for?", "It ends a turn.")
    folder = set_of(sharegpt, joined, control, chat("And then?", ""))
    before = contents(folder)

    report = check(recipe_of(), folder, fix=True)

    assert contents(folder) == before
    assert report.errors == ()
    assert report.data_folder == folder.with_name("set.mended")
    mended = load(report.data_folder)
    assert mended.train[2]["messages"] == sets.turns("Where is the ox?", "By the barn.")
    assert mended.train[3] == chat("Who sings?", "The owl.")
    assert mended.train[4]["messages"][0]["content"] == "What is <|im_end|> for?"
    assert len(mended.train) == 123
    fixed = {one.code for one in report.findings if one.fixed}
    assert fixed >= {
        "role-unknown",
        "no-loss",
        "paired-with-itself",
        "empty-answer",
    }
    (left_out,) = [
        json.loads(line) for line in (report.data_folder / "refused.jsonl").read_text().splitlines()
    ]
    assert (left_out["line"], left_out["reason"]) == (6, "turn 2 (assistant) is empty")
    assert mended.manifest["mended_from"]["digest"] == load(folder).digest


def test_rows_in_sharegpts_own_shape_are_converted(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "Where is the ox?"},
            {"from": "gpt", "value": "By the barn."},
        ]
    }
    folder = set_of(row)
    assert lines(of_code(check(recipe_of(), folder), "row-shape")) == ["train.jsonl:3"]
    report = check(recipe_of(), folder, fix=True)
    assert report.errors == ()
    assert load(report.data_folder).train[2] == chat("Where is the ox?", "By the barn.")


def test_max_length_is_raised_where_base_and_machine_allow_it(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = set_of(chat("Where is the owl?", "fox " * 60))
    recipe = recipe_of(max_length=64)
    report = check(recipe, folder, fix=True)
    assert of_code(report, "answer-cut").fixed
    assert report.recipe.max_length == 128
    assert recipe.max_length == 64
    assert len(load(report.data_folder).train) == 121


def test_rows_beyond_the_bases_window_are_left_out(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = set_of(chat("Where is the owl?", "fox " * 300))
    report = check(recipe_of(max_length=400), folder, fix=True)
    assert of_code(report, "beyond-window").fixed
    assert report.recipe.max_length == 128
    assert report.errors == ()
    assert len(load(report.data_folder).train) == 120


def test_a_leaking_and_a_repeated_row_are_left_out_of_training(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    held = sets.chats(1, start=500)[0]
    twice = chat("Who sings?", "The owl.")
    folder = set_of(held, twice, twice)
    report = check(recipe_of(), folder)
    assert lines(of_code(report, "leak")) == ["train.jsonl:3"]
    assert lines(of_code(report, "duplicate")) == ["train.jsonl:5"]
    mended = load(check(recipe_of(), folder, fix=True).data_folder)
    assert len(mended.train) == 121
    assert mended.valid == load(folder).valid


def test_a_preference_that_the_set_holds_out_is_an_error_and_left_out_of_the_copy(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    question, answer = sets.chats(1, start=500)[0]["messages"]
    plain = {"role": "assistant", "content": "It lives there."}
    row = {"prompt": [question], "chosen": [answer], "rejected": [plain]}
    pairs = set_of(row, kind="preference", name="pairs", good=20)
    recipe = recipe_of(dpo={})
    report = check(recipe, set_of(), preferences=pairs)
    assert lines(of_code(report, "preference-leak")) == ["preferences/train.jsonl:3"]
    assert [one.code for one in report.errors] == ["preference-leak"]

    mended = check(recipe, set_of(name="other"), preferences=pairs, fix=True)
    assert mended.errors == ()
    assert mended.preferences is not None
    assert load(mended.preferences).train == load(pairs).train[:2] + load(pairs).train[3:]


def test_the_end_of_turn_is_drawn_into_the_markers_of_a_copy(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = base_with(template=MARKS_END_OUTSIDE)
    before = (folder / "chat_template.jinja").read_bytes()
    report = check(recipe_of(base=str(folder)), set_of(), fix=True)
    assert of_code(report, "end-not-trained").fixed
    assert (folder / "chat_template.jinja").read_bytes() == before
    assert "template-of-your-own" not in [one.code for one in report.findings]

    tokenizer = weights.tokenizer(report.recipe)
    (row,) = encode.chats(tokenizer, [chat("Who sings?", "The owl.")], 128).rows
    trained = [label for label in row["labels"] if label != encode.NO_LOSS]
    assert trained[-1] == tokenizer.eos_token_id


def test_a_mended_template_replaces_no_file(
    base_with: MAKE_BASE, recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    folder = set_of()
    other = folder.with_name("set.mended.jinja")
    other.write_text("mine")
    base = str(base_with(template=MARKS_END_OUTSIDE))
    report = check(recipe_of(base=base), folder, fix=True)
    assert other.read_text() == "mine"
    assert Path(report.recipe.chat_template).name == "set.mended-2.jinja"


def test_what_cannot_be_mended_stays_an_error(recipe_of: MAKE_RECIPE, set_of: MAKE_SET) -> None:
    report = check(recipe_of(target_modules=["query"]), set_of(chat("Who?", "")), fix=True)
    assert [one.code for one in report.errors] == ["modules-missing"]
    assert of_code(report, "empty-answer").fixed


def test_something_else_where_the_copy_goes_is_not_replaced(
    recipe_of: MAKE_RECIPE, set_of: MAKE_SET
) -> None:
    import pytest

    from finetune.errors import SetError

    folder = set_of(chat("Who?", ""))
    other = folder.with_name("set.mended")
    other.mkdir()
    (other / "diary.txt").write_text("mine")
    with pytest.raises(SetError, match="not replaced"):
        check(recipe_of(), folder, fix=True)
    assert (other / "diary.txt").read_text() == "mine"


TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "human", "gpt", "tool", "bard"]),
        "content": st.sampled_from(["Who sings?", "The owl.", "", " ", "And <|im_end|> then?"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TURN, max_size=7), min_size=1, max_size=6))
def test_whatever_stands_in_the_rows_the_copy_has_none_of_their_errors(
    talks: list[list[dict[str, str]]],
) -> None:
    recipe = recipes.preset("small-cpu")
    with tempfile.TemporaryDirectory() as place:
        given_rows = [{"messages": talk} for talk in talks]
        data = load(sets.write(Path(place) / "set", "chat", given_rows))
        control = ("<|im_end|>",)
        places = [Place("train.jsonl", n + 1) for n in range(len(talks))]
        marks = rows.marks(data, recipe) | {"control-token-in-text": places}
        shapeless = set(marks.get("row-shape", ()))
        marks["control-token-in-text"] = [one for one in places if one not in shapeless]
        mended = load(mend.write(data, marks, control))
        assert not rows.marks(mended, recipe).keys() - {"duplicate"}
        assert "<|im_end|>" not in (mended.folder / "train.jsonl").read_text()
