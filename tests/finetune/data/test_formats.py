"""Every public format becomes the same rows, by itself or by force; what is broken is named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.data import Options, prepare
from finetune.errors import FinetuneError
from tests.finetune.data.files import ALL, lines, made, told

Q = {"role": "user", "content": "How deep is it?"}
A = {"role": "assistant", "content": "Nine metres."}
S = {"role": "system", "content": "Be exact."}

FORMATS: list[tuple[str, dict[str, Any], list[dict[str, str]]]] = [
    ("alpaca", {"instruction": Q["content"], "input": "", "output": A["content"]}, [Q, A]),
    (
        "alpaca",
        {"instruction": "How deep", "input": "is it?", "output": A["content"]},
        [{"role": "user", "content": "How deep\n\nis it?"}, A],
    ),
    (
        "alpaca",
        {
            "instruction": Q["content"],
            "output": A["content"],
            "system": S["content"],
            "history": [["Hello", "Good day."]],
        },
        [
            S,
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Good day."},
            Q,
            A,
        ],
    ),
    (
        "dolly",
        {
            "instruction": Q["content"],
            "context": "A lake.",
            "response": A["content"],
            "category": "qa",
        },
        [{"role": "user", "content": "How deep is it?\n\nA lake."}, A],
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "system", "value": S["content"]},
                {"from": "human", "value": Q["content"]},
                {"from": "gpt", "value": A["content"]},
            ]
        },
        [S, Q, A],
    ),
    ("messages", {"messages": [S, Q, A]}, [S, Q, A]),
    (
        "messages",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": Q["content"]}]}, A]},
        [Q, A],
    ),
    (
        "orca",
        {
            "id": "1",
            "system_prompt": S["content"],
            "question": Q["content"],
            "response": A["content"],
        },
        [S, Q, A],
    ),
    (
        "spider",
        {"question": Q["content"], "schema": "CREATE TABLE lake (depth)", "query": "SELECT depth"},
        [
            {"role": "user", "content": "How deep is it?\n\nCREATE TABLE lake (depth)"},
            {"role": "assistant", "content": "SELECT depth"},
        ],
    ),
    ("prompt-completion", {"prompt": Q["content"], "completion": A["content"]}, [Q, A]),
    ("prompt-completion", {"prompt": [S, Q], "completion": [A]}, [S, Q, A]),
    ("kto", {"messages": [Q, A], "label": True}, [Q, A]),
]


@pytest.mark.parametrize(("name", "row", "expected"), FORMATS, ids=lambda v: str(v)[:12])
def test_a_format_is_recognised_and_becomes_messages(
    tmp_path: Path, name: str, row: dict[str, Any], expected: list[dict[str, str]]
) -> None:
    done, rows = made(tmp_path, [row])
    assert done.manifest["sources"][0]["format"] == name
    assert rows == [{"messages": expected}]


@pytest.mark.parametrize(("name", "row", "expected"), FORMATS, ids=lambda v: str(v)[:12])
def test_the_same_comes_of_a_json_array_and_of_a_forced_format(
    tmp_path: Path, name: str, row: dict[str, Any], expected: list[dict[str, str]]
) -> None:
    source = tmp_path / "rows.json"
    source.write_text(json.dumps([row], indent=1))
    done = prepare([source], tmp_path / "set", replace(ALL, format=name))
    assert json.loads((done.folder / "train.jsonl").read_text()) == {"messages": expected}


def test_a_preference_row_keeps_both_answers_apart_from_the_prompt(tmp_path: Path) -> None:
    row = {
        "conversations": [{"from": "human", "value": Q["content"]}],
        "chosen": {"from": "gpt", "value": "Nine."},
        "rejected": {"from": "gpt", "value": "Ten."},
    }
    whole = {
        "chosen": [Q, A],
        "rejected": [Q, {"role": "assistant", "content": "Who knows."}],
    }
    done, rows = made(tmp_path, [row, whole])
    assert done.kind == "preference"
    assert rows[0] == {
        "prompt": [Q],
        "chosen": [{"role": "assistant", "content": "Nine."}],
        "rejected": [{"role": "assistant", "content": "Ten."}],
    }
    assert rows[1]["prompt"] == [Q]
    assert rows[1]["chosen"] == [A]


def test_a_preference_source_trains_its_chosen_answers_where_a_chat_set_is_asked_for(
    tmp_path: Path,
) -> None:
    row = {"prompt": Q["content"], "chosen": A["content"], "rejected": "Ten."}
    _, rows = made(tmp_path, [row], replace(ALL, kind="chat"))
    assert rows == [{"messages": [Q, A]}]


def test_an_answer_marked_as_bad_is_not_learnt(tmp_path: Path) -> None:
    bad = {"messages": [Q, {"role": "assistant", "content": "Ten."}], "label": False}
    done, rows = made(tmp_path, [{"messages": [Q, A], "label": True}, bad])
    assert rows == [{"messages": [Q, A]}]
    assert told(done.folder, "left out") == [(2, "its answer is marked as a bad one")]


def test_labelled_texts_become_a_set_for_a_classifier(tmp_path: Path) -> None:
    done, rows = made(tmp_path, [{"text": "good film", "label": 1}, {"text": "dull", "label": 0}])
    assert done.kind == "classify"
    assert rows == [{"text": "good film", "label": "1"}, {"text": "dull", "label": "0"}]
    assert done.manifest["statistics"]["train"]["labels"] == {"1": 1, "0": 1}


def test_columns_of_a_table_are_merged_and_empty_ones_take_their_words_with_them(
    tmp_path: Path,
) -> None:
    source = tmp_path / "rows.csv"
    source.write_text('question;hint;reply\n"What, then?";{x};"This;\nand that"\nWhy?;;So.\n')
    options = replace(ALL, prompt="{question}[[ ({hint})]]", answer="{reply}", system="Be brief.")
    done = prepare([source], tmp_path / "set", options)
    rows = [json.loads(line) for line in (done.folder / "train.jsonl").read_text().splitlines()]
    texts = [[message["content"] for message in row["messages"]] for row in rows]
    assert texts == [
        ["Be brief.", "What, then? ({x})", "This;\nand that"],
        ["Be brief.", "Why?", "So."],
    ]


def test_columns_can_make_a_set_for_a_classifier(tmp_path: Path) -> None:
    rows = [{"body": "late again", "team": "returns"}, {"body": "my invoice", "team": "billing"}]
    options = replace(ALL, kind="classify", prompt="{body}", answer="{team}")
    _, made_rows = made(tmp_path, rows, options)
    assert made_rows[0] == {"text": "late again", "label": "returns"}


def test_columns_that_nobody_knows_are_named_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match="no known format: ask, reply") as caught:
        made(tmp_path, [{"ask": "a", "reply": "b"}])
    assert caught.value.hint == "Name them: --prompt '{ask}' --answer '{reply}'"


def test_one_object_that_holds_the_rows_is_told_from_rows(tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match="its rows seem to stand under 'data'"):
        made(tmp_path, [{"version": "1", "data": [{"instruction": "a", "output": "b"}]}])


BROKEN: list[tuple[list[dict[str, Any]], str]] = [
    ([Q, {"role": "assistant", "content": " "}], "turn 2 (assistant) is empty"),
    ([{"role": "assistant", "content": "Hm."}], "no user's turn begins the conversation"),
    ([Q], "there is no answer to learn from"),
    ([Q, {"role": "wizard", "content": "x"}], "the role 'wizard' is not known"),
    ([Q, A, S, Q, A], "a system message stands in the middle of the conversation"),
    ([], "the conversation is empty"),
    (
        [{"role": "user", "content": [{"type": "image_url"}]}, A],
        "a message holds something other than text",
    ),
    ([Q, {"role": "assistant", "content": "\ud800"}], "not UTF-8 text"),
]


@pytest.mark.parametrize(("turns", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_conversation_that_cannot_be_learnt_is_refused_with_its_line(
    tmp_path: Path, turns: list[dict[str, Any]], reason: str
) -> None:
    done, rows = made(tmp_path, [{"messages": [Q, A]}, {"messages": turns}])
    assert len(rows) == 1
    assert told(done.folder, "broken") == [(2, reason)]


def test_what_can_be_mended_is_mended_and_told(tmp_path: Path) -> None:
    turns = [A, Q, {"role": "user", "content": "Well?"}, A, Q]
    done, rows = made(tmp_path, [{"messages": turns}])
    question = {"role": "user", "content": "How deep is it?\n\nWell?"}
    assert rows == [{"messages": [question, A]}]
    assert sorted(reason for _, reason in told(done.folder, "repaired")) == [
        "a last turn without an answer was left out",
        "an answer before the first question was left out",
        "turns of one role in a row were joined",
    ]


def test_a_role_can_be_named_by_the_user(tmp_path: Path) -> None:
    row = {
        "conversations": [
            {"from": "Customer", "value": Q["content"]},
            {"from": "Clerk", "value": A["content"]},
        ]
    }
    options = replace(ALL, roles=(("customer", "user"), ("clerk", "assistant")))
    _, rows = made(tmp_path, [row], options)
    assert rows == [{"messages": [Q, A]}]


def test_calls_of_tools_are_learnt_as_text_and_results_keep_their_role(tmp_path: Path) -> None:
    call = {"function": {"name": "depth", "arguments": '{"lake": 1}'}}
    turns = [
        Q,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "9"},
        A,
    ]
    _, rows = made(tmp_path, [{"messages": turns, "tools": [{"name": "depth"}]}])
    roles = [message["role"] for message in rows[0]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    assert json.loads(rows[0]["messages"][2]["content"])["name"] == "depth"
    assert '"depth"' in rows[0]["messages"][0]["content"]


def test_sources_that_train_different_things_make_no_set_unasked(tmp_path: Path) -> None:
    chat = lines(tmp_path / "a.jsonl", [{"messages": [Q, A]}])
    labels = lines(tmp_path / "b.jsonl", [{"text": "x", "label": "y"}])
    with pytest.raises(FinetuneError, match="train different things"):
        prepare([chat, labels], tmp_path / "set")
    with pytest.raises(FinetuneError, match="gives no chat rows"):
        prepare([chat, labels], tmp_path / "set", Options(kind="chat"))


def weighted(*weights: object) -> dict[str, object]:
    """A conversation whose answers have these weights, None for no key."""
    turns: list[dict[str, object]] = []
    for number, weight in enumerate(weights):
        turns.append({"role": "user", "content": f"Question {number}?"})
        answer: dict[str, object] = {"role": "assistant", "content": f"Answer {number}."}
        turns.append(answer if weight is None else answer | {"weight": weight})
    return {"messages": turns}


def test_an_answer_of_weight_0_keeps_it_and_others_lose_the_key(tmp_path: Path) -> None:
    _, (row,) = made(tmp_path, [weighted(0, 1, None)])
    assert [turn.get("weight") for turn in row["messages"]] == [None, 0, None, None, None, None]
    assert "weight" not in row["messages"][3]


def test_what_follows_the_last_answer_that_counts_is_left_out(tmp_path: Path) -> None:
    done, (row,) = made(tmp_path, [weighted(1, 0), weighted(0, 0), weighted(0.5)])
    assert [turn["content"] for turn in row["messages"]] == ["Question 0?", "Answer 0."]
    assert [line for line, _ in told(done.folder, "repaired")] == [1]
    assert told(done.folder, "left out") == [(2, "all its answers have weight 0")]
    assert told(done.folder, "broken") == [(3, "a weight is 0 or 1, not 0.5")]
    assert [reason for _, reason in told(done.folder, "repaired")] == [
        "a last answer of weight 0 was left out, with its question"
    ]


def test_a_weight_of_another_type_is_named_as_what_it_is(tmp_path: Path) -> None:
    done, _ = made(tmp_path, [weighted(1), weighted("0")])
    assert told(done.folder, "broken") == [(2, "a weight is 0 or 1, not '0'")]


def test_a_trained_answer_that_is_joined_with_one_of_weight_0_is_left_out_by_its_true_reason(
    tmp_path: Path,
) -> None:
    ignored = {**A, "weight": 0}
    done, _ = made(tmp_path, [weighted(1), {"messages": [Q, ignored, {**A, "content": "Deep."}]}])
    ((line, reason),) = told(done.folder, "left out")
    assert line == 2
    assert "joined with the one beside it" in reason


def test_one_odd_row_does_not_end_the_set(tmp_path: Path) -> None:
    rows = [{"instruction": "How deep?", "output": "Nine fathoms.", "history": h} for h in ([], 5)]
    done, train = made(tmp_path, rows)
    assert len(train) == 1
    assert told(done.folder, "broken") == [(2, "the history is no list of turns")]


@pytest.mark.parametrize("name", ["system", "developer", " System ", "boss"])
def test_a_system_message_of_its_own_by_any_name_keeps_out_the_one_of_the_options(
    tmp_path: Path, name: str
) -> None:
    own = {"role": name, "content": "Be brief."}
    options = replace(ALL, system="Be long.", roles=(("boss", "system"),))
    _, (row,) = made(tmp_path, [{"messages": [own, Q, A]}], options)
    assert row["messages"][0] == {"role": "system", "content": "Be brief."}
    _, (pair,) = made(tmp_path, [{**PREFERRED, "prompt": [own, Q]}], options)
    assert pair["prompt"][0] == {"role": "system", "content": "Be brief."}


def test_an_answer_joined_with_one_of_weight_0_is_not_trained_either(tmp_path: Path) -> None:
    turns = weighted(0, 1)["messages"]
    assert isinstance(turns, list)
    turns.insert(2, {"role": "assistant", "content": "More."})
    done, (row,) = made(tmp_path, [{"messages": turns}])
    assert row["messages"][1] == {
        "role": "assistant",
        "content": "Answer 0.\n\nMore.",
        "weight": 0,
    }
    assert any("weight 0" in reason for _, reason in told(done.folder, "repaired"))


def test_the_prompt_of_a_preference_has_no_weights(tmp_path: Path) -> None:
    rows = [weighted(0, 1), {**PREFERRED, "prompt": weighted(0, 1)["messages"][:3]}]  # type: ignore[index]
    _, found = made(tmp_path, rows[:1], replace(ALL, kind="preference"))
    assert found[0]["prompt"][1] == {"role": "assistant", "content": "Answer 0."}
    _, found = made(tmp_path, rows[1:])
    assert found[0]["prompt"][1] == {"role": "assistant", "content": "Answer 0."}


PREFERRED = {"chosen": "It is so.", "rejected": "It is not so."}
