"""What is held out of one set is held out of every other that is made of the same text."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.data import Journal, Options, Source, load, prepare, refuse_leaks
from finetune.data.rows import Split
from finetune.data.voice import Unit, units
from tests.finetune.data.files import WORDS, distinct, lines, read, told

HALF = Options(valid=0.2, test=0.2)


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    """Definitions, of which every third has nothing that a rule could make wrong."""
    from random import Random

    random = Random(3)
    facts = (" are {n} times over", " is what it is", "")
    entries = [
        f"QU{chr(65 + n // 26)}{chr(65 + n % 26)}, n.  "
        f"{' '.join(random.sample(WORDS, 7)).capitalize()}{facts[n % 3].format(n=n)}."
        for n in range(150)
    ]
    path = tmp_path / "words.txt"
    path.write_text("\n\n".join(entries))
    return path


def answers(folder: Path, name: str) -> set[str]:
    """What is learnt in one split of a set of any kind."""
    return {
        (row["messages"] if "messages" in row else row["chosen"])[-1]["content"]
        for row in read(folder / f"{name}.jsonl")
    }


def test_a_preference_set_trains_on_nothing_that_the_chat_set_of_its_text_holds_out(
    dictionary: Path, tmp_path: Path
) -> None:
    chat = prepare([dictionary], tmp_path / "chat", HALF)
    pairs = prepare([dictionary], tmp_path / "pairs", replace(HALF, kind="preference"))
    assert 90 < sum(pairs.counts.values()) < 110
    assert sum(chat.counts.values()) == 150
    for name in ("train", "valid", "test"):
        assert answers(pairs.folder, name) <= answers(chat.folder, name)
        assert answers(pairs.folder, name)


def test_plain_versions_move_no_text_to_another_split(dictionary: Path, tmp_path: Path) -> None:
    before = prepare([dictionary], tmp_path / "before", HALF)
    styled = [unit.text for unit in units(dictionary, "dictionary") if isinstance(unit, Unit)]
    with Journal(tmp_path / "journal") as journal:
        for one in styled[::2]:
            journal.keep("plain", one, f"That is: {one[:30]}")
    book = Journal(tmp_path / "journal")
    after = prepare([dictionary], tmp_path / "after", HALF, journal=book)
    assert sum(after.counts.values()) == 225
    for name in ("train", "valid", "test"):
        assert answers(after.folder, name) == answers(before.folder, name)


def test_plain_versions_that_are_alike_bind_no_texts_and_two_journals_hold_the_same_out(
    dictionary: Path, tmp_path: Path
) -> None:
    styled = [unit.text for unit in units(dictionary, "dictionary") if isinstance(unit, Unit)]
    for number in range(2):
        with Journal(tmp_path / f"journal-{number}") as journal:
            for at, one in enumerate(styled):
                journal.keep("plain", one, f"A thing of sort {at % (7 + number)} is meant here.")
    before = prepare([dictionary], tmp_path / "before", HALF)
    chat = prepare([dictionary], tmp_path / "chat", HALF, journal=Journal(tmp_path / "journal-0"))
    options = replace(HALF, kind="preference")
    pairs = prepare(
        [dictionary], tmp_path / "pairs", options, journal=Journal(tmp_path / "journal-1")
    )
    assert chat.counts["train"] > before.counts["train"]
    for name in ("train", "valid", "test"):
        assert answers(chat.folder, name) == answers(before.folder, name)
        assert answers(pairs.folder, name) <= answers(before.folder, name)
    refuse_leaks(load(chat.folder), load(pairs.folder))


def test_a_plain_version_near_a_given_held_out_one_is_left_out(
    dictionary: Path, tmp_path: Path
) -> None:
    held = tmp_path / "held.txt"
    held.write_text("ZYTHUM, n.  A drink that nobody has ever had a second glass of in peace.")
    with Journal(tmp_path / "journal") as journal:
        for path in (dictionary, held):
            for unit in units(path, "dictionary"):
                if isinstance(unit, Unit):
                    journal.keep("plain", unit.text, "A kind of beer that is made of barley malt.")
    options = Options(valid=0, test=0, format="dictionary")
    book = Journal(tmp_path / "journal")
    done = prepare([dictionary, Source(held, "test")], tmp_path / "set", options, journal=book)
    assert done.counts["train"] == 150
    assert done.told["leak"] == 150


def test_more_rows_move_no_row_to_another_split(tmp_path: Path) -> None:
    rows = distinct(200)
    few = prepare([lines(tmp_path / "few.jsonl", rows[:100])], tmp_path / "few", HALF)
    many = prepare([lines(tmp_path / "many.jsonl", rows[::-1])], tmp_path / "many", HALF)
    for name in ("train", "valid", "test"):
        assert answers(few.folder, name) <= answers(many.folder, name)


def test_another_seed_holds_out_other_rows(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(100))
    one = prepare([source], tmp_path / "one", HALF)
    other = prepare([source], tmp_path / "other", replace(HALF, seed=1))
    assert answers(one.folder, "test") != answers(other.folder, "test")


def test_the_shares_come_out_as_they_were_asked_for_within_chance(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(600))
    counts = prepare([source], tmp_path / "set", Options(valid=0.1, test=0.2)).counts
    assert abs(counts["test"] - 120) < 40  # four standard deviations
    assert abs(counts["valid"] - 60) < 30


@pytest.mark.parametrize("seed", range(8))
def test_a_small_set_still_has_rows_in_each_split(tmp_path: Path, seed: int) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(10))
    options = Options(valid=0.1, test=0.1, seed=seed)
    counts = prepare([source], tmp_path / "set", options).counts
    assert min(counts.values()) >= 1
    some = lines(tmp_path / "some.jsonl", distinct(3))
    options = Options(valid=0.45, test=0.45, seed=seed)
    assert prepare([some], tmp_path / "other", options).counts["train"] >= 1


def test_rows_of_one_question_that_are_many_are_not_held_out(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Who was it?", "output": one["output"]} for one in distinct(40)
    ] + distinct(45)[40:]
    for seed in range(12):
        done, options = tmp_path / f"{seed}", Options(valid=0.1, test=0.1, seed=seed)
        prepare([lines(tmp_path / "rows.jsonl", rows)], done, options)
        assert len(read(done / "train.jsonl")) >= 40


def test_a_row_that_repeats_one_of_no_use_takes_its_place(tmp_path: Path) -> None:
    text = "the harbour of the salters and of every boat that came there to be mended or sold"
    rows = [
        {"instruction": "Tell it.", "output": text},
        {"instruction": "Tell it.", "output": f"{text}, as it is told"},
        {"instruction": "Tell it!", "output": f"{text}, as it is told."},
    ]
    source = lines(tmp_path / "rows.jsonl", rows)
    options = Options(kind="preference", valid=0, test=0)
    done = prepare([source], tmp_path / "set", options)
    assert done.counts["train"] == 1
    assert done.told == {"left out": 1, "duplicate": 1}
    assert done.manifest["sources"][0]["rows"] == 2


@pytest.mark.parametrize("held", ["valid", "test"])
def test_a_text_of_no_use_in_a_given_file_is_held_out_all_the_same(
    tmp_path: Path, held: Split
) -> None:
    text = "the harbour of the salters and of every boat that came there to be mended or sold"
    useless = lines(tmp_path / "held.jsonl", [{"instruction": "Tell it.", "output": text}])
    rows: list[Any] = [{"instruction": "Tell it.", "output": f"{text}, as it is told"}]
    others = [{**one, "output": f"{one['output']} is 7"} for one in distinct(5)]
    source = lines(tmp_path / "rows.jsonl", rows + others)
    options = Options(kind="preference", valid=0, test=0)
    done = prepare([source, Source(useless, held)], tmp_path / "set", options)
    assert done.counts["train"] == 5
    assert told(done.folder, "leak") == [(1, "near a row that is held out")]
    assert load(done.folder).kind == "preference"


@pytest.mark.parametrize("seed", range(6))
def test_every_label_has_a_row_to_train_on(tmp_path: Path, seed: int) -> None:
    rows = [{"text": one["output"], "label": f"{n // 2}"} for n, one in enumerate(distinct(24))]
    source = lines(tmp_path / "rows.jsonl", rows)
    options = Options(valid=0.3, test=0.3, seed=seed)
    done = prepare([source], tmp_path / "set", options)
    trained = {row["label"] for row in read(done.folder / "train.jsonl")}
    assert trained == {f"{n}" for n in range(12)}
    assert sum(done.counts.values()) == 24
    assert done.counts["valid"]
    assert done.counts["test"]
    assert done.notes == ()


def test_a_validation_row_whose_label_is_never_trained_is_left_out_and_told(tmp_path: Path) -> None:
    first, second, third = (one["output"] for one in distinct(3))
    train = lines(tmp_path / "a.jsonl", [{"text": first, "label": "a"}])
    held = [{"text": second, "label": "b"}, {"text": third, "label": "a"}]
    valid = lines(tmp_path / "b.jsonl", held)
    options = Options(valid=0, test=0)
    done = prepare([train, Source(valid, "valid")], tmp_path / "set", options)
    assert [row["label"] for row in read(done.folder / "valid.jsonl")] == ["a"]
    assert told(done.folder, "left out") == [(1, "no row to train on has its label")]


@pytest.mark.parametrize("seed", range(4))
def test_a_row_near_one_that_is_given_to_train_on_is_not_held_out(
    tmp_path: Path, seed: int
) -> None:
    rows = distinct(40)
    given = lines(tmp_path / "given.jsonl", rows[:20])
    near = [{**one, "output": other["output"]} for one, other in zip(rows, rows[20:], strict=False)]
    others = lines(tmp_path / "others.jsonl", near)
    done = prepare([Source(given, "train"), others], tmp_path / "set", replace(HALF, seed=seed))
    assert done.counts == {"train": 40, "valid": 0, "test": 0}
