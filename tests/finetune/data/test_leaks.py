"""A preference set must not train on what the chat set of the same run holds out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune.data import DataSet, load, refuse_leaks
from finetune.data.leaks import leaks
from finetune.errors import SetError
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
