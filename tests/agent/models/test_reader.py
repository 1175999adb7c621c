from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.reader import Reader, Reading
from agent.models.reader.features import RANK_FEATURES
from agent.models.reader.reader import SHORTLIST
from agent.models.reader.weights import load
from knowledge.errors import EmbedderUnavailable
from knowledge.types import Passage

WATT = (
    "James Watt improved the steam engine. He was born in Greenock on 19 January 1736. "
    "In 1775 he entered a partnership with Matthew Boulton. Their firm had sold 496 engines by "
    "1800 because they saved fuel."
)
TEA = "Tea is made from the leaves of Camellia sinensis. It is drunk in most countries."


def passage(text: str, *, score: float = 1.0, start: int = 0, doc: str = "") -> Passage:
    doc = doc or f"doc{hash(text)}"
    return Passage(f"{doc}:{start}", doc, "a.txt", "", "", start, start + len(text), text, score)


class Spy:
    """An embedder that remembers what it embeds; words it shares make texts alike."""

    name, dimensions, max_tokens = "spy", 64, 256

    def __init__(self, *, available: bool = True) -> None:
        self.texts: list[str] = []
        self.available = available

    def load(self, **_: Any) -> None:
        if not self.available:
            raise EmbedderUnavailable("no weights")

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str], **_: Any) -> Any:
        self.load()
        self.texts += texts
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.1
            for word in text.lower().strip("?.").split():
                row[1 + sum(map(ord, word)) % 63] += 1
            row /= np.linalg.norm(row)
        return rows


def ask(question: str, *texts: str) -> tuple[Reading, str]:
    passages = [passage(text, score=1 - i / 10) for i, text in enumerate(texts)]
    reading = Reader(None).read(question, passages)
    for extract in reading.answers:
        assert passages[extract.n - 1].text[extract.start : extract.end] == extract.text
    marked = [
        passages[extract.n - 1].text[a:b] for extract in reading.answers for a, b in extract.marked
    ]
    return reading, "|".join(marked)


@pytest.mark.parametrize(
    ("question", "sentence", "words"),
    [
        ("When was Watt born?", "He was born", "19 January 1736"),
        ("Where was Watt born?", "He was born", "Greenock"),
        ("With whom did Watt enter a partnership?", "In 1775", "Matthew Boulton"),
        ("How many engines had the firm sold?", "Their firm", "496"),
        ("Why were the engines sold?", "Their firm", None),
        ("partnership Boulton", "In 1775", ""),
    ],
)
def test_the_sentence_and_the_words_that_were_asked_for_are_found(
    question: str, sentence: str, words: str | None
) -> None:
    reading, marked = ask(question, TEA, WATT)
    assert reading.answers[0].text.startswith(sentence)
    assert words is None or marked == words


def test_a_sentence_of_a_lower_passage_wins_if_it_answers() -> None:
    reading, _ = ask("What is tea made from?", WATT, TEA)
    assert reading.answers[0].n == 2
    assert reading.answerable


def test_nothing_in_common_is_not_an_answer() -> None:
    reading, _ = ask("Which enzyme does the liver secrete at night?", WATT, TEA)
    assert not reading.answerable


def test_confidence_is_higher_where_the_answer_is() -> None:
    there, _ = ask("When was James Watt born?", WATT)
    elsewhere, _ = ask("When was James Watt born?", TEA)
    assert there.confidence > elsewhere.confidence


def test_no_passages_no_sentences_and_no_words_are_not_answerable() -> None:
    assert Reader(None).read("Who?", []) == Reading((), 0.0, False)
    assert Reader(None).read("Who was Watt?", [passage("# Watt")]) == Reading((), 0.0, False)
    assert not Reader(None).read("???", [passage(WATT)]).answerable


def test_at_most_two_sentences_are_quoted_and_at_most_one_is_marked() -> None:
    reading, marked = ask("What did Watt do?", WATT, TEA)
    assert 1 <= len(reading.answers) <= 2
    assert "|" not in marked


def test_a_heading_lends_its_words_to_what_stands_under_it() -> None:
    text = "# Retry policy\n\nThree attempts are made.\n\n# Colours\n\nAll of them are blue."
    reading, _ = ask("What is the retry policy?", text)
    assert reading.answers[0].text == "Three attempts are made."


def test_a_question_in_the_source_is_not_quoted_but_what_answers_it_is() -> None:
    text = "Can I use it offline?\nYes. Nothing leaves the machine.\n\nThe sky is blue."
    reading, _ = ask("Can I use it offline?", text)
    assert all("?" not in extract.text for extract in reading.answers)


def test_how_to_questions_get_the_command_that_a_sentence_announces() -> None:
    text = (
        "Folders are watched. To add a folder, run:\n\n```\nagent add notes\n```\n\n"
        "To leave, press Ctrl+C."
    )
    reading, _ = ask("How do I add a folder?", text)
    assert reading.answers[0].text.endswith("agent add notes\n```")


def test_a_follow_up_takes_words_from_the_question_before_it() -> None:
    text = "Watt was born in 1736. Boulton was born in 1728."
    reading, _ = ask("When was he born?\nWho was Boulton?", text)
    assert reading.answers[0].text.startswith("Boulton")


def test_a_sentence_in_two_overlapping_chunks_is_quoted_once() -> None:
    first = passage(TEA, doc="d")
    second = passage(TEA[50:], start=50, score=0.9, doc="d")
    reading = Reader(None).read("What is drunk in most countries?", [first, second])
    assert len({extract.text for extract in reading.answers}) == len(reading.answers)


def test_an_embedder_that_is_not_available_leaves_reading_by_words() -> None:
    reader = Reader(Spy(available=False))
    reader.load()
    assert reader.read("When was Watt born?", [passage(WATT)]) == Reader(None).read(
        "When was Watt born?", [passage(WATT)]
    )


def test_only_the_promising_sentences_are_embedded() -> None:
    spy = Spy()
    text = " ".join(f"Sentence number {i} speaks of tea and of coffee." for i in range(200))
    Reader(spy).read("Who speaks of tea?", [passage(text)])
    assert len(spy.texts) == 1 + SHORTLIST + 1  # the question, the sentences, the passage


def test_a_passage_whose_cosine_is_known_is_not_embedded_again() -> None:
    spy = Spy()
    known = Passage("c", "d", "a", "", "", 0, len(WATT), WATT, 1.0, dense=0.4)
    Reader(spy).read("When was Watt born?", [known])
    assert WATT not in spy.texts


def test_the_stored_weights_name_known_features_only() -> None:
    for dense in (True, False):
        weights = load(dense)
        assert len(weights.rank.weights) == len(RANK_FEATURES)
        assert 0 < weights.threshold < 1
        assert any(weights.mark.weights)


@given(question=st.text(max_size=60), text=st.text(max_size=300))
def test_no_text_breaks_it_and_every_extract_stands_in_its_passage(
    question: str, text: str
) -> None:
    found = passage(text, doc="d")
    reading = Reader(None).read(question, [found])
    assert 0.0 <= reading.confidence <= 1.0
    for extract in reading.answers:
        assert text[extract.start : extract.end] == extract.text
        for start, end in extract.marked:
            assert extract.start <= start < end <= extract.end
