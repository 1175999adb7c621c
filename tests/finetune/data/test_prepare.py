"""From sources to a folder: joined, flagged, counted, hashed, and never a half of it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.data import Options, Source, load, prepare
from finetune.data.folder import fresh
from finetune.errors import FinetuneError, SetError
from tests.finetune.data.files import ALL, distinct, lines, made, read, told


def test_a_set_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    done, train = made(tmp_path, distinct(40), Options(valid=0.1, test=0.1))
    found = load(done.folder)
    assert found.kind == "chat"
    assert found.train == train
    rows = {"train": found.train, "valid": found.valid, "test": found.test}
    assert {name: len(its) for name, its in rows.items()} == done.counts
    assert sum(done.counts.values()) == 40
    assert found.digest == done.manifest["digest"]
    assert found.manifest["statistics"]["train"]["turns"] == {"1": len(train)}


def test_the_same_sources_and_options_give_the_same_bytes(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(60))
    options = Options(valid=0.1, test=0.1, join=3)
    for name in ("one", "two"):
        prepare([source], tmp_path / name, options)
    for name in ("train.jsonl", "valid.jsonl", "test.jsonl", "manifest.json", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    other = prepare([source], tmp_path / "other", replace(options, seed=1))
    assert other.manifest["digest"] != load(tmp_path / "one").digest


def test_a_set_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    done, _ = made(tmp_path, distinct(5))
    with (done.folder / "train.jsonl").open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(SetError, match="has changed since"):
        load(done.folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 9, "kind": 1, "digest": 1, "files": 1}'])
def test_a_manifest_that_cannot_be_understood_is_refused(tmp_path: Path, text: str) -> None:
    done, _ = made(tmp_path, distinct(5))
    (done.folder / "manifest.json").write_text(text)
    with pytest.raises(SetError):
        load(done.folder)
    with pytest.raises(SetError, match="no data set"):
        load(tmp_path)


def test_single_questions_are_joined_within_their_split_each_once(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(60))
    plain = load(prepare([source], tmp_path / "plain", Options(valid=0.2, test=0.2)).folder)
    joined = load(prepare([source], tmp_path / "set", Options(valid=0.2, test=0.2, join=4)).folder)
    for name in ("train", "valid", "test"):
        before = [row["messages"][-1]["content"] for row in getattr(plain, name)]
        rows = getattr(joined, name)
        after = [m["content"] for row in rows for m in row["messages"] if m["role"] == "assistant"]
        assert sorted(before) == sorted(after)
        assert all(len(row["messages"]) <= 8 for row in rows)
    assert max(len(row["messages"]) for row in joined.train) > 2


def test_joined_questions_share_their_system_message_which_stands_once(tmp_path: Path) -> None:
    rows = [{**one, "system": f"Be {n % 2}."} for n, one in enumerate(distinct(40))]
    _, joined = made(tmp_path, rows, replace(ALL, join=5))
    own = {one["output"]: one["system"] for one in rows}
    assert len(joined) < 40
    for row in joined:
        assert [m["role"] for m in row["messages"]].count("system") == 1
        answers = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
        assert {own[answer] for answer in answers} == {row["messages"][0]["content"]}


def test_answers_to_one_question_are_never_joined_with_each_other(tmp_path: Path) -> None:
    rows = [{**one, "output": f"{n} {one['output']}"} for one in distinct(5) for n in range(4)]
    _, joined = made(tmp_path, rows, replace(ALL, join=6))
    for row in joined:
        asked = [m["content"] for m in row["messages"] if m["role"] == "user"]
        assert len(asked) == len(set(asked))


PRIVATE = {
    "instruction": "Who is it?",
    "output": "Write to ann@mail.example.org or call +49 170 1234567.",
}


def test_personal_data_is_flagged_by_kind_and_never_copied_into_the_report(tmp_path: Path) -> None:
    done, train = made(tmp_path, [*distinct(3), PRIVATE])
    assert len(train) == 4
    assert told(done.folder, "pii") == [(4, "email, phone: kept as it is")]
    for name in ("report.json", "refused.jsonl"):
        assert "ann@" not in (done.folder / name).read_text()


def test_personal_data_is_masked_or_dropped_on_wish(tmp_path: Path) -> None:
    _, train = made(tmp_path, [PRIVATE], replace(ALL, pii="mask"))
    assert train[0]["messages"][1]["content"] == "Write to [email] or call [phone]."
    done, train = made(tmp_path, [*distinct(3), PRIVATE], replace(ALL, pii="drop"))
    assert len(train) == 3
    assert told(done.folder, "pii") == [(4, "email, phone: left out")]


def test_a_failed_run_leaves_the_older_set_and_nothing_beside_it(tmp_path: Path) -> None:
    done, _ = made(tmp_path, distinct(5))
    before = load(done.folder)
    with pytest.raises(FinetuneError, match="No row could be used"):
        made(tmp_path, [{"instruction": "x", "output": ""}])
    assert load(done.folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl", "set"]


def test_a_folder_that_holds_anything_else_is_never_replaced(tmp_path: Path) -> None:
    done, _ = made(tmp_path, distinct(5))
    (done.folder / "notes.txt").write_text("mine")
    with pytest.raises(SetError, match="not replaced"):
        made(tmp_path, distinct(6))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SetError, match="not replaced"):
        prepare([tmp_path / "rows.jsonl"], tmp_path / "file")
    assert (done.folder / "notes.txt").read_text() == "mine"


def test_a_source_inside_of_the_set_is_refused(tmp_path: Path) -> None:
    done, _ = made(tmp_path, distinct(5))
    with pytest.raises(FinetuneError, match="one in the other"):
        prepare([done.folder / "train.jsonl"], done.folder)


def test_a_set_whose_replacement_was_killed_between_the_renames_comes_back(tmp_path: Path) -> None:
    done, train = made(tmp_path, distinct(5))
    os.replace(done.folder, tmp_path / ".set.before")
    assert load(done.folder).train == train
    with pytest.raises(FinetuneError):
        made(tmp_path, [{"instruction": "x", "output": ""}])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl", "set"]
    assert load(done.folder).train == train


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".set.{ended.pid}.new").mkdir()
    (tmp_path / f".set.{os.getppid()}.new").mkdir()
    made(tmp_path, distinct(5))
    left = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert left == [f".set.{os.getppid()}.new"]


def test_a_folder_is_put_in_place_only_when_its_block_ends(tmp_path: Path) -> None:
    def half() -> None:
        with fresh(tmp_path / "set") as folder:
            (folder / "train.jsonl").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert not list(tmp_path.iterdir())


def test_a_folder_of_sources_is_read_whole_but_for_hidden_files(tmp_path: Path) -> None:
    place = tmp_path / "in" / "deep"
    place.mkdir(parents=True)
    rows = distinct(9)
    lines(tmp_path / "in" / "b.jsonl", rows[:3])
    lines(place / "a.json", rows[3:6])
    lines(place / ".hidden.jsonl", rows[6:])
    done = prepare([tmp_path / "in"], tmp_path / "set", ALL)
    assert done.counts["train"] == 6
    assert [source["rows"] for source in done.manifest["sources"]] == [3, 3]


def test_a_source_that_breaks_off_is_said_so(tmp_path: Path) -> None:
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(distinct(5))[:-30])
    done = prepare([source], tmp_path / "set", ALL)
    assert done.counts["train"] == 4
    assert any("breaks off" in note for note in done.notes)


def test_labels_that_are_never_trained_are_said_so(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", [{"text": "good", "label": "a"}])
    test = lines(tmp_path / "b.jsonl", [{"text": "bad", "label": "b"}])
    done = prepare([source, Source(test, "test")], tmp_path / "set", ALL)
    assert "No row to train on has the label b." in done.notes


@pytest.mark.parametrize(
    "wrong",
    [
        {"valid": 0.6, "test": 0.5},
        {"join": 0},
        {"near": 0.2},
        {"prompt": "{a}"},
        {"format": "columns"},
        {"prompt": "a", "answer": "b"},
        {"instruction": "Say it."},
        {"roles": (("x", "wizard"),)},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused_with_what_to_type(wrong: dict[str, object]) -> None:
    with pytest.raises(FinetuneError) as caught:
        Options(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint


def test_the_report_holds_the_first_of_each_sort_and_counts_them_all(tmp_path: Path) -> None:
    rows = [*distinct(3), *({"instruction": "x", "output": ""} for _ in range(300))]
    done, _ = made(tmp_path, rows)
    report = json.loads((done.folder / "report.json").read_text())
    assert report["broken"]["count"] == 300
    assert len(report["broken"]["first"]) == 200
    assert len(read(done.folder / "refused.jsonl")) == 300
