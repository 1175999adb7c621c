"""No set trains on what it holds out, nor on what the chat set of the same run holds out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune.data import DataSet, Options, Source, load, prepare, refuse_leaks
from finetune.data.leaks import leaks, refuse_shared, shared
from finetune.errors import SetError
from tests.finetune.data.files import ALL, distinct, lines, read, told
from tests.finetune.training import sets

LONG = "Verily, this answer is longer than a word or two."


def chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": sets.turns(question, answer)}


def pair(question: str, answer: str) -> dict[str, Any]:
    asked, said = sets.turns(question, answer)
    return {"prompt": [asked], "chosen": [said], "rejected": [{**said, "content": "Plain."}]}


def both(folder: Path, train: list[Any], held: list[Any], pairs: list[Any]) -> tuple[DataSet, ...]:
    return (
        load(sets.write(folder / "chat", "chat", train, held)),
        load(sets.write(folder / "pairs", "preference", pairs)),
    )


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (pair("who sings", "the OWL!"), [2]),
        (pair("Something else?", f"  {LONG.upper()}"), [2]),
        (pair("What is it that you would say of this?", "Nothing."), [2]),
        (pair("Who sings?", "The hen."), []),
        (pair("Something else?", "The owl."), []),
        (pair("Something else?", "A thing that is trained on by both of them."), []),
    ],
    ids=["exchange", "answer", "question", "short question", "short answer", "trained too"],
)
def test_a_row_leaks_by_its_exchange_or_by_a_long_text_of_its_own(
    tmp_path: Path, one: dict[str, Any], line: list[int]
) -> None:
    held = [
        chat("Who sings?", "The owl."),
        chat("Who then?", LONG),
        chat("What is it that you would say of this?", "This."),
        chat("Why?", "A thing that is trained on by both of them."),
    ]
    train = [chat("How?", "A thing that is trained on by both of them.")]
    data, pairs = both(tmp_path, train, held, [pair("A?", "B."), one])
    assert leaks(data, pairs) == line


def test_every_answer_of_a_held_out_conversation_counts(tmp_path: Path) -> None:
    held = [{"messages": [*sets.turns("Who?", LONG), *sets.turns("And then?", "No one.")]}]
    data, pairs = both(tmp_path, [chat("A?", "B.")], held, [pair("Whatever?", LONG)])
    assert leaks(data, pairs) == [1]


def test_a_leak_is_refused_by_its_lines_with_what_to_type(tmp_path: Path) -> None:
    rows = [pair("Who?", LONG), pair("A?", "B."), *[pair("Who then?", LONG)] * 9]
    data, pairs = both(tmp_path, [chat("A?", "B.")], [chat("Who?", LONG)], rows)
    with pytest.raises(SetError, match=r"10 rows .* \(lines 1, 3, 4, 5, 6, …\)") as caught:
        refuse_leaks(data, pairs)
    assert "--fix" in caught.value.hint
    refuse_leaks(*both(tmp_path / "good", [chat("A?", "B.")], [chat("Who?", "I.")], rows))


@pytest.mark.parametrize("bad", [5, {}, {"prompt": 1, "chosen": [3]}, {"prompt": [], "chosen": []}])
def test_rows_of_no_shape_are_passed_over(tmp_path: Path, bad: Any) -> None:
    data, pairs = both(tmp_path, [bad], [bad, {"messages": [{"role": 1}]}], [bad])
    assert leaks(data, pairs) == []


def conversations(count: int) -> list[dict[str, Any]]:
    """Exchanges alone, and each at the beginning of a longer conversation."""
    turns = [
        sets.turns(one["instruction"], f"{one['output']} {n}")
        for n, one in enumerate(distinct(2 * count))
    ]
    first, second = turns[:count], turns[count:]
    return [
        {"messages": row}
        for one, other in zip(first, second, strict=True)
        for row in (one, [*one, *other])
    ]


def test_rows_that_share_an_exchange_are_held_out_together(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", conversations(60))
    for name, kind in (("chat", "chat"), ("pairs", "preference")):
        done = prepare([source], tmp_path / name, Options(valid=0.15, test=0.15, kind=kind))  # type: ignore[arg-type]
        assert all(done.counts.values())
    data = load(tmp_path / "chat")
    assert sum(map(len, (data.train, data.valid, data.test))) == 120
    assert shared(data) == []
    assert leaks(data, load(tmp_path / "pairs")) == []


def test_a_training_row_with_an_exchange_of_a_given_held_out_file_is_left_out(
    tmp_path: Path,
) -> None:
    rows = conversations(5)
    train = lines(tmp_path / "rows.jsonl", rows[1::2])
    held = lines(tmp_path / "held.jsonl", rows[0:4:2])
    done = prepare([train, Source(held, "test")], tmp_path / "set", ALL)
    assert [line for line, _ in told(done.folder, "leak")] == [1, 2]
    assert len(read(done.folder / "train.jsonl")) == 3
    assert shared(load(done.folder)) == []


HELLO = sets.turns("Hi", "Hello! How can I help you today?")
BYE = sets.turns("Thanks!", "You're welcome!")


def chats(start: int, end: int) -> list[dict[str, Any]]:
    """Conversations that begin and end alike and ask each something of its own."""
    return [
        {"messages": [*HELLO, *sets.turns(one["instruction"], one["output"]), *BYE]}
        for one in distinct(end)[start:]
    ]


def test_what_opens_or_closes_many_conversations_binds_none(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", chats(0, 120))
    done = prepare([source], tmp_path / "set", Options(valid=0.1, test=0.1))
    assert sum(done.counts.values()) == 120
    assert all(done.counts.values())
    assert shared(load(done.folder)) == []


@pytest.mark.parametrize(("trained", "held"), [(4, 2), (40, 10)])
def test_a_greeting_of_a_given_held_out_file_leaves_no_row_out(
    tmp_path: Path, trained: int, held: int
) -> None:
    rows = chats(0, trained + held)
    again = {"messages": [*HELLO, *rows[-1]["messages"][2:4]]}
    train = lines(tmp_path / "rows.jsonl", [*rows[:trained], again])
    test = lines(tmp_path / "held.jsonl", rows[trained:])
    done = prepare([train, Source(test, "test")], tmp_path / "set", ALL)
    assert done.counts == {"train": trained, "valid": 0, "test": held}
    assert [line for line, _ in told(done.folder, "leak")] == [trained + 1]
    assert shared(load(done.folder)) == []


def test_a_held_out_row_of_nothing_but_a_greeting_is_not_trained_on(tmp_path: Path) -> None:
    rows = chats(0, 12)
    whole, part = {"messages": [*HELLO, *BYE]}, {"messages": [*BYE, *HELLO]}
    data, _ = both(tmp_path, [*rows[:6], part], [*rows[6:], whole], [])
    assert shared(data) == [7]
    data, _ = both(tmp_path / "other", [*rows[:6], {"messages": HELLO}], [*rows[6:], whole], [])
    assert shared(data) == []


def test_beginnings_of_one_conversation_are_not_stock(tmp_path: Path) -> None:
    talks = [
        [*one["messages"][:2], *other["messages"]]
        for one, other in zip(conversations(80)[1::2], conversations(160)[1::2][80:], strict=True)
    ]
    rows = [{"messages": talk[:end]} for talk in talks for end in range(2, len(talk) + 1, 2)]
    done = prepare([lines(tmp_path / "rows.jsonl", rows)], tmp_path / "set", Options(valid=0.1))
    data = load(done.folder)
    first = [{row["messages"][0]["content"] for row in part} for part in (data.train, data.valid)]
    assert done.counts["valid"]
    assert not first[0] & first[1]
    assert shared(data) == []


def test_a_set_that_trains_on_what_it_holds_out_is_refused_with_what_to_type(
    tmp_path: Path,
) -> None:
    long = {"messages": [*sets.turns("Who?", LONG), *sets.turns("And then?", "No one.")]}
    data, _ = both(tmp_path, [chat("A?", "B."), long], [chat("WHO", LONG)], [])
    with pytest.raises(SetError, match=r"1 row .* \(lines 2\)") as caught:
        refuse_shared(data)
    assert f"--data {data.folder} --fix" in caught.value.hint


def test_a_role_by_another_known_name_hides_no_leak(tmp_path: Path) -> None:
    asked, said = sets.turns("Who?", LONG)
    human = {"messages": [{**asked, "role": "human"}, {**said, "role": "gpt"}]}
    data, _ = both(tmp_path, [human, chat("A?", "B.")], [chat("Who?", LONG)], [])
    assert shared(data) == [1]
