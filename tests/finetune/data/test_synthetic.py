"""A model writes what rules cannot: kept as it comes, within a budget, and gone on with later."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.data import Journal, Source, find, prepare, set_kind, texts, write_versions
from finetune.errors import FinetuneError, OutOfBudget
from tests.finetune.data.files import ALL, distinct, lines, read, told

TEXTS = [f"Thing number {n} is a jest upon {n} jests." for n in range(10)]


class Model:
    """Answers `Plain: …` with the text's own facts, or what it is told to."""

    def __init__(self, *, fails_at: int = 0, answer: str | None = None) -> None:
        self.asked: list[str] = []
        self.fails_at = fails_at
        self.answer = answer

    async def __call__(self, messages: list[dict[str, str]]) -> str:
        await asyncio.sleep(0)
        self.asked.append(messages[-1]["content"])
        if len(self.asked) == self.fails_at:
            raise ConnectionError("gone")
        return self.answer if self.answer is not None else f"Plain: {messages[-1]['content']}"


async def test_every_text_is_asked_about_once_and_kept(tmp_path: Path) -> None:
    model = Model()
    with Journal(tmp_path / "j") as journal:
        asked = await write_versions([*TEXTS, *TEXTS], "plain", model, journal)
    assert (asked.written, asked.known, asked.asks) == (10, 0, 10)
    assert sorted(model.asked) == sorted(TEXTS)
    kept = Journal(tmp_path / "j")
    assert [kept.get("plain", text) for text in TEXTS] == [f"Plain: {text}" for text in TEXTS]
    assert kept.get("wrong", TEXTS[0]) is None


async def test_a_limit_of_asks_ends_in_order_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        first = await write_versions(TEXTS, "plain", Model(), journal, limit=4)
    assert (first.written, first.waiting, first.asks) == (4, 6, 4)
    model = Model()
    with Journal(tmp_path / "j") as journal:
        second = await write_versions(TEXTS, "plain", model, journal)
    assert (second.written, second.known) == (6, 4)
    assert len(model.asked) == 6


async def test_a_model_out_of_budget_ends_in_order(tmp_path: Path) -> None:
    async def ask(messages: list[dict[str, str]]) -> str:
        raise OutOfBudget("The limit of $1 is reached.")

    with Journal(tmp_path / "j") as journal:
        asked = await write_versions(TEXTS, "plain", ask, journal)
    assert (asked.written, asked.waiting) == (0, 10)


async def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(ConnectionError),
        Journal(tmp_path / "j") as journal,
    ):
        await write_versions(TEXTS, "plain", Model(fails_at=5), journal, at_once=1)
    assert len(Journal(tmp_path / "j")) == 4


@pytest.mark.parametrize("answer", ["", "A jest without its number.", TEXTS[0], "word " * 400])
async def test_an_answer_that_cannot_be_used_is_asked_for_twice_and_then_left(
    tmp_path: Path, answer: str
) -> None:
    model = Model(answer=answer)
    with Journal(tmp_path / "j") as journal:
        asked = await write_versions(TEXTS[:1], "plain", model, journal)
    assert (asked.refused, asked.asks) == (1, 2)
    again = Model()
    with Journal(tmp_path / "j") as journal:
        asked = await write_versions(TEXTS[:1], "plain", again, journal)
    assert (asked.known, again.asked) == (1, [])


async def test_a_fence_around_an_answer_is_no_part_of_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fenced = Model(answer="```text\nThing 0 mocks 0 jests.\n```")
        await write_versions(TEXTS[:1], "plain", fenced, journal)
        assert journal.get("plain", TEXTS[0]) == "Thing 0 mocks 0 jests."


def test_a_last_line_cut_off_by_a_crash_does_not_count_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.keep("plain", "a", "b")
        journal.keep("plain", "c", "d")
    path.write_bytes(path.read_bytes()[:-9])
    with Journal(path) as journal:
        assert (journal.get("plain", "a"), journal.get("plain", "c")) == ("b", None)
        journal.keep("plain", "c", "e")
    assert Journal(path).get("plain", "c") == "e"


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("hello\nthere\n")
    with pytest.raises(FinetuneError, match="no journal of this program"):
        Journal(tmp_path / "j")


def test_a_preference_is_made_of_an_answer_and_one_wrong_in_fact(tmp_path: Path) -> None:
    rows = [
        {"instruction": "How deep?", "output": "It is 12 fathoms deep."},
        {"instruction": "Alas?", "output": "Alas!"},
    ]
    source = lines(tmp_path / "rows.jsonl", rows)
    done = prepare([source], tmp_path / "set", replace(ALL, kind="preference"))
    (row,) = read(done.folder / "train.jsonl")
    assert row["prompt"] == [{"role": "user", "content": "How deep?"}]
    assert row["chosen"][0]["content"] == "It is 12 fathoms deep."
    assert row["rejected"][0]["content"] != row["chosen"][0]["content"]
    assert row["rejected"][0]["content"].endswith(" fathoms deep.")
    ((line, reason),) = told(done.folder, "left out")
    assert line == 2
    assert reason.startswith("nothing to reject")


def test_plain_versions_and_wrong_answers_take_turns_as_the_rejected(tmp_path: Path) -> None:
    rows = [{**one, "output": f"{one['output']} {n + 10}"} for n, one in enumerate(distinct(40))]
    source = lines(tmp_path / "rows.jsonl", rows)
    options = replace(ALL, kind="preference")
    with Journal(tmp_path / "j") as journal:
        for row in rows:
            journal.keep("plain", row["output"], f"Plain: {row['output']}")
    done = prepare([source], tmp_path / "set", options, journal=journal)
    rejected = [row["rejected"][0]["content"] for row in read(done.folder / "train.jsonl")]
    plain = sum(text.startswith("Plain: ") for text in rejected)
    assert 10 < plain < 30
    assert len(rejected) == 40


def test_a_model_is_asked_for_wrong_answers_only_where_no_rule_makes_one(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "It is 12."}, {"instruction": "b", "output": "Alas!"}]
    options = replace(ALL, kind="preference")
    files = find([Source(lines(tmp_path / "rows.jsonl", rows))], options)
    kind = set_kind(files, options)
    assert list(texts(files, kind, options, "plain")) == ["It is 12.", "Alas!"]
    assert list(texts(files, kind, options, "wrong")) == ["Alas!"]
    assert list(texts(files, "chat", options, "plain")) == []


LETTERS = (
    "I do not write letters as a rule. But ann@mail.example.org had 3 of them from me.\n\n"
    "A letter is a visit without the weather. It asks for no chair, and it leaves when told.\n"
)


@pytest.mark.parametrize(
    ("what", "sent"),
    [("flag", ["ann@mail.example.org", "A letter"]), ("mask", ["[email]", "A letter"])],
)
async def test_personal_data_is_masked_before_a_model_is_asked_and_its_answer_is_found(
    tmp_path: Path, what: Any, sent: list[str]
) -> None:
    source = tmp_path / "letters.txt"
    source.write_text(LETTERS)
    options = replace(ALL, pii=what)
    files = find([Source(source)], options)
    model = Model()
    with Journal(tmp_path / "j") as journal:
        found = texts(files, set_kind(files, options), options, "plain")
        await write_versions(found, "plain", model, journal)
    assert len(model.asked) == 2
    assert all(part in text for part, text in zip(sent, sorted(model.asked)[::-1], strict=True))
    done = prepare([source], tmp_path / "set", options, journal=Journal(tmp_path / "j"))
    assert len(read(done.folder / "train.jsonl")) == 4
    assert done.told["pii"] == 2
    kept = (tmp_path / "j").read_text() + (done.folder / "train.jsonl").read_text()
    assert ("ann@" in kept) is (what == "flag")


@pytest.mark.parametrize("kind", ["chat", "preference"])
def test_a_text_whose_row_will_be_dropped_is_sent_to_no_model(tmp_path: Path, kind: Any) -> None:
    source = tmp_path / "letters.txt"
    source.write_text(LETTERS)
    options = replace(ALL, pii="drop", kind=kind)
    files = find([Source(source)], options)
    assert [text[:8] for text in texts(files, kind, options, "plain")] == ["A letter"]
    assert not any("ann@" in text for text in texts(files, kind, options, "wrong"))


def test_a_masked_answer_is_not_preferred_to_itself(tmp_path: Path) -> None:
    row = {"instruction": "How?", "output": "Call me at +49 170 1234567, please."}
    options = replace(ALL, kind="preference", pii="mask")
    kept = {"instruction": "Why?", "output": "It is late, and there is a boat at 7."}
    done = prepare([lines(tmp_path / "rows.jsonl", [row, kept])], tmp_path / "set", options)
    assert done.counts["train"] == 1
    assert told(done.folder, "left out")[0][0] == 1


def test_an_answer_with_personal_data_has_its_masked_plain_version_rejected(
    tmp_path: Path,
) -> None:
    row = {"instruction": "How?", "output": "Ann@mail.example.org, sir, methinks."}
    options = replace(ALL, kind="preference", pii="mask")
    with Journal(tmp_path / "j") as journal:
        journal.keep("plain", "[email], sir, methinks.", "It is [email].")
    source = lines(tmp_path / "rows.jsonl", [row])
    done = prepare([source], tmp_path / "set", options, journal=Journal(tmp_path / "j"))
    (found,) = read(done.folder / "train.jsonl")
    assert found["chosen"][0]["content"] == "[email], sir, methinks."
    assert found["rejected"][0]["content"] == "It is [email]."
