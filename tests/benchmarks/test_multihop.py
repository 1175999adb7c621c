import asyncio
from pathlib import Path

import pytest

from benchmarks.multihop import DATA, measure
from benchmarks.multihop_questions import (
    Gold,
    Material,
    Question,
    describe,
    half_of,
    make,
    read,
)
from tests.fakes import HashingEmbedder

SETS = DATA
needs_sets = pytest.mark.skipif(not SETS.exists(), reason="the public sets are not here")


def material() -> Material:
    documents = {
        "isles/0.txt": "Maciot became the king of the islands in 1402.",
        "isles/1.txt": "Maciot married Teguise, a princess.",
        "school/0.txt": "Harvard was founded in 1636 in Cambridge.",
    }
    asked = (
        ("Who became the king of the islands?", "isles/0.txt", "Maciot"),
        ("Who did Maciot marry?", "isles/1.txt", "Teguise"),
        ("When was Harvard founded?", "school/0.txt", "1636"),
        ("When was Maciot made king?", "isles/0.txt", "1402"),
    )
    return Material(documents, tuple(Question(t, "single", (Gold(s, (a,)),)) for t, s, a in asked))


@pytest.mark.parametrize(
    ("question", "described"),
    [
        ("Who was the founder of Yale?", "the founder of Yale"),
        ("Who became king?", "the one who became king"),
        ("Who was Edgar's sister?", "Edgar's sister"),
        ("What country was under Norman control?", "the country that was under Norman control"),
        ("In what country is Normandy located?", "the country where Normandy is located"),
        ("Why did it rain?", None),
        ("Who did Emma marry?", None),
    ],
)
def test_a_question_becomes_a_description_of_its_answer(
    question: str, described: str | None
) -> None:
    assert describe(question) == described


def test_a_bridge_names_the_one_document_only_by_way_of_the_other() -> None:
    bridges = [q for q in make(material()) if q.kind == "bridge"]
    assert [q.text for q in bridges] == [
        "Who did the one who became the king of the islands marry?"
    ]
    assert [gold.source for gold in bridges[0].golds] == ["isles/0.txt", "isles/1.txt"]


def test_questions_are_the_same_each_time_and_need_two_documents() -> None:
    made = make(material())
    assert made == make(material())
    for question in made:
        sources = {gold.source for gold in question.golds}
        assert len(sources) == (1 if question.kind == "single" else 2)


def test_a_name_has_one_half() -> None:
    assert {half_of(name) for name in ("Normans", "Huguenot")} == {"develop", "judge"}


def test_both_modes_are_measured_on_every_kind(tmp_path: Path) -> None:
    rows = asyncio.run(measure(material(), tmp_path, HashingEmbedder(), answers=True))
    assert {"single", "compound", "bridge", "two"} <= rows.keys()
    for figures in rows.values():
        assert figures["agentic both@8"] == figures["naive both@8"] == 1.0


@needs_sets
def test_no_document_and_no_question_is_in_both_halves() -> None:
    develop, judge = read(SETS, "develop"), read(SETS, "judge")
    assert not develop.documents.keys() & judge.documents.keys()
    assert not {q.text for q in make(develop)} & {q.text for q in make(judge)}


@needs_sets
def test_what_has_to_be_found_stands_in_its_document() -> None:
    half = read(SETS, "develop")
    for question in make(half):
        for gold in question.golds:
            assert any(answer in half.documents[gold.source] for answer in gold.answers)
