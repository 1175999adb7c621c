"""What says the same goes, what asks the same stays together, and what differs stays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.data import Options, Source, prepare
from finetune.data.similar import band_hashes, jaccard, minima, normal, shingles
from finetune.errors import FinetuneError
from tests.finetune.data.files import ALL, distinct, lines, made, read, told

LONG = (
    "The harbour was built by the guild of salters in the year of the great frost, and every "
    "ship that entered it paid one barrel of herring to the poor of the town"
)


def row(question: str, answer: str, context: str = "") -> dict[str, str]:
    return {"instruction": question, "context": context, "response": answer}


def test_similarity_is_the_share_of_common_runs_of_characters() -> None:
    one, other = shingles("abcdefg"), shingles("abcdefh")
    assert jaccard(one, other) == 2 / 4
    assert jaccard(one, one) == 1
    assert len(shingles("ab")) == 1
    assert len(shingles("")) == 0


def test_near_texts_share_a_band_and_far_ones_do_not() -> None:
    near = [
        band_hashes(minima(shingles(normal(text)))) for text in (LONG, LONG + "!", LONG + " there")
    ]
    far = band_hashes(minima(shingles(normal("Nothing of all that was ever written by anybody."))))
    assert (near[0] == near[1]).all()
    assert (near[0] == near[2]).any()
    assert not (near[0] == far).any()


def test_a_row_that_was_said_before_goes_and_the_report_names_both(tmp_path: Path) -> None:
    rows = [row(LONG, "Yes."), row("Why?", "So."), row(LONG.upper() + " ?", "yes")]
    done, kept = made(tmp_path, rows)
    assert len(kept) == 2
    (problem,) = read(done.folder / "refused.jsonl")
    assert (problem["what"], problem["line"], problem["of"]["line"]) == ("duplicate", 3, 1)


def test_questions_on_one_long_context_are_no_duplicates(tmp_path: Path) -> None:
    rows = [
        row("Who built it?", "The guild.", LONG * 5),
        row("What was paid?", "A barrel.", LONG * 5),
    ]
    _, kept = made(tmp_path, rows)
    assert len(kept) == 2


def test_rows_that_differ_in_a_number_only_are_no_duplicates(tmp_path: Path) -> None:
    _, kept = made(tmp_path, [row(LONG, "In 1709, they say."), row(LONG, "In 1907, they say.")])
    assert len(kept) == 2


def test_an_instruction_that_stands_in_all_rows_makes_none_of_them_alike(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"{LONG}. Now restyle: {one['instruction'][:20]}",
            "completion": one["output"][:24],
        }
        for one in distinct(80)
    ]
    _, kept = made(tmp_path, rows)
    assert len(kept) == 80


def test_rows_of_one_question_are_held_out_together(tmp_path: Path) -> None:
    rows = [
        {**one, "output": f"{one['output']} {way}"}
        for one in distinct(40)
        for way in ("gladly, and with a long explanation of it all", "never, and there it ends")
    ]
    options = Options(valid=0.2, test=0.2)
    done, train = made(tmp_path, rows, options)
    asked: dict[str, set[str]] = {}
    for name in ("train", "valid", "test"):
        held = read(done.folder / f"{name}.jsonl")
        asked[name] = {one["messages"][0]["content"] for one in held}
    assert sum(done.counts.values()) == 80
    assert all(count and count % 2 == 0 for count in done.counts.values())
    assert len(train) == done.counts["train"]
    assert not asked["train"] & (asked["valid"] | asked["test"])
    assert not asked["valid"] & asked["test"]


def test_a_row_near_one_of_a_given_test_file_leaves_the_training_rows(tmp_path: Path) -> None:
    train = lines(tmp_path / "a.jsonl", [row(LONG, "Yes, it was so."), row("Why?", "So.")])
    test = lines(tmp_path / "b.jsonl", [row(LONG + " then", "No, never.")])
    done = prepare([train, Source(test, "test")], tmp_path / "set", replace(ALL, test=0.05))
    assert done.counts == {"train": 1, "valid": 0, "test": 1}
    assert told(done.folder, "leak") == [(1, "near a row that is held out")]


def test_where_all_leaks_nothing_is_made(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", distinct(5))
    with pytest.raises(FinetuneError, match="Nothing is left to train on"):
        prepare([source, Source(source, "test")], tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_every_row_is_written_told_of_or_both(tmp_path: Path) -> None:
    rows: list[Any] = [*distinct(30), *distinct(10), {"instruction": "x", "output": ""}, 5]
    done, _ = made(tmp_path, rows, Options(valid=0.1, test=0.1))
    assert sum(done.counts.values()) == 30
    assert done.told == {"broken": 2, "duplicate": 10}
