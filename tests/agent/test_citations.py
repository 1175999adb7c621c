from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.citations import ABSTENTION, Resolved, resolve
from agent.events import Citation
from knowledge.types import Document, Passage

MOON = (
    "The Moon is Earth's only natural satellite. Its diameter is 3,474 kilometres, about a\n"
    "quarter of Earth’s. The **far side** was not seen until 1959. Tides rise twice a day."
)
MARS = "Mars has two moons, Phobos and Deimos. The ﬁrst photo­graphs came from Mariner 4 in 1965."
LIBRARY = Document(f"# Sky\n\n{MOON}\n\n{MARS}\n", "markdown")


def passage(text: str, document: Document = LIBRARY) -> Passage:
    start = document.text.index(text)
    return Passage(
        "c", document.id, "sky.md", "Sky", "Sky", start, start + len(text), text, 1.0
    )  # fmt: skip


PASSAGES = (passage(MOON), passage(MARS))


def cite(answer: str) -> Resolved:
    resolved = resolve(answer, PASSAGES, {LIBRARY.id: LIBRARY})
    for citation in resolved.citations:
        assert 0 <= citation.start < citation.end <= len(LIBRARY.text)
        stands = LIBRARY.text[citation.start : citation.end] == citation.quote
        assert citation.verified == stands
    return resolved


def only(resolved: Resolved) -> Citation:
    assert len(resolved.citations) == 1
    return resolved.citations[0]


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("Tides rise twice a day [1].", "Tides rise twice a day."),
        ("Tides rise twice a day! [1]", "Tides rise twice a day"),
        ("Tides rise twice a day. [1]", "Tides rise twice a day."),
        ("Tides rise **twice** a day [1].", "Tides rise twice a day."),
        ("As told: “Tides rise twice a day.” [1]", "Tides rise twice a day."),
        (
            "Its diameter is 3,474 kilometres, about a quarter of Earth's. [1]",
            "Its diameter is 3,474 kilometres, about a\nquarter of Earth’s.",
        ),
        ("The far side was not seen until 1959 [1].", "The **far side** was not seen until 1959."),
        ("far side was not seen [1]", "The **far side** was not seen until 1959."),
        (
            "The first photographs came from Mariner 4 in 1965. [2]",
            "The ﬁrst photo­graphs came from Mariner 4 in 1965.",
        ),
    ],
)
def test_a_claim_that_stands_there_is_quoted_exactly_there(answer: str, quote: str) -> None:
    resolved = cite(answer)
    citation = only(resolved)
    assert (citation.quote, citation.verified) == (quote, True)
    assert (resolved.outcome, resolved.note) == ("grounded", "")


def test_a_short_match_is_shown_with_its_sentence() -> None:
    assert only(cite("Twice, in 1959 [1].")).quote.startswith("The **far side**")
    assert only(cite("1959 [1].")).quote == "The **far side** was not seen until 1959."


def alone(answer: str, text: str, place: str = "") -> Resolved:
    document = Document(text, "text")
    only = replace(passage(text, document), place=place)
    return resolve(answer, (only,), {document.id: document})


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("Napoleon was short [1].", "It is a myth that Napoleon was short."),
        ("unplug the device [1].", "Do not unplug the device while updating."),
        ("The earth is flat [1].", "Nobody says that The earth is flat."),
        ("the earth is flat [1].", "It is false that the earth is flat."),
        ("the minister took bribes [1].", "He denied that the minister took bribes."),
        ("It is [1].", "It is [see above] an island in the Baltic Sea."),
    ],
)
def test_what_was_cut_out_of_a_sentence_that_denies_it_is_shown_with_it(
    answer: str, source: str
) -> None:
    resolved = alone(answer, source)
    assert (only(resolved).quote, only(resolved).verified) == (source, True)
    assert resolved.outcome == "ungrounded"


def test_what_was_cut_out_of_a_sentence_that_says_it_is_grounded() -> None:
    resolved = alone("Napoleon was short [1].", "Some say Napoleon was short, but not thin.")
    assert only(resolved).quote == "Some say Napoleon was short, but not thin."
    assert resolved.outcome == "grounded"


def test_a_denial_quoted_whole_is_grounded() -> None:
    for text in ("It is a myth that Napoleon was short.", "Do not unplug it: wait."):
        assert alone(f"{text} [1]", text).outcome == "grounded"


def test_the_number_of_a_page_bears_nothing_out() -> None:
    dose = "The dose is 10 mg per day."
    assert alone("The dose is 5 mg per day [1].", dose, "p. 5").outcome == "ungrounded"


def test_a_short_statement_without_a_marker_is_checked_too() -> None:
    for more in ("It is poisonous.", "He died.", "It burned for many days:"):
        resolved = alone(f"The bridge has thirty arches [1]. {more}", "The bridge has 30 arches.")
        assert resolved.outcome == "partial"


def test_a_match_does_not_begin_or_end_within_a_word() -> None:
    assert only(cite("ides rise twice a day [1].")).quote == "Tides rise twice a day."


def test_a_paraphrase_is_quoted_by_the_sentence_that_bears_it_out() -> None:
    resolved = cite("The moons of Mars are Phobos and Deimos [2].")
    assert only(resolved).quote == "Mars has two moons, Phobos and Deimos."
    assert only(resolved).verified
    assert resolved.outcome == "grounded"


@pytest.mark.parametrize(
    "answer",
    [
        "Mars has 3 moons, Phobos and Deimos [2].",
        "Mars has no moons [2].",
        "Venus was mapped by the Magellan probe [2].",
        "The far side was seen by Apollo astronauts in 1968 [1].",
    ],
)
def test_a_number_a_denial_or_a_name_that_is_not_there_supports_nothing(answer: str) -> None:
    resolved = cite(answer)
    assert resolved.outcome == "ungrounded"
    assert resolved.note == "No statement is borne out by the sources."


def test_a_false_quotation_is_not_verified_and_carries_the_models_words() -> None:
    resolved = cite('The text says that "Mars has two red moons" by name, Phobos and Deimos [2].')
    false = [c for c in resolved.citations if not c.verified]
    assert [c.quote for c in false] == ["Mars has two red moons"]
    assert resolved.outcome == "ungrounded"
    assert "quotation" in resolved.note


def test_a_true_quotation_within_a_claim_is_quoted_alone() -> None:
    resolved = cite('It is said that "Mars has two moons" there [2].')
    assert only(resolved).quote == "Mars has two moons"
    assert resolved.outcome == "grounded"


def test_some_claims_supported_is_partial() -> None:
    resolved = cite("Tides rise twice a day [1]. Cheese was found on Venus by Magellan [2].")
    assert resolved.outcome == "partial"
    assert resolved.note == "Only 1 of 2 statements are borne out by the sources."


def test_a_claim_without_a_marker_is_read_with_those_of_its_paragraph() -> None:
    resolved = cite("Tides rise twice a day. The far side was not seen until 1959 [1].")
    assert resolved.outcome == "grounded"
    assert [c.quote[:5] for c in resolved.citations] == ["Tides", "The *"]
    apart = cite("Cheese was found on Venus.\n\nTides rise twice a day [1].")
    assert apart.outcome == "partial"


def test_lists_headings_lead_ins_and_code_are_told_from_claims() -> None:
    resolved = cite(
        "## What the sources say about it\n\nHere is what is known about the Moon:\n\n"
        "- Tides rise twice a day [1]\n- Mars has two moons, Phobos and Deimos [2]\n\n"
        "```\nsatellite = moons[1] of Jupiter\n```\n\nShall I look for more about Jupiter?"
    )
    assert resolved.outcome == "grounded"
    assert [c.n for c in resolved.citations] == [1, 2]


def test_one_claim_may_gather_what_several_passages_say() -> None:
    resolved = cite("The Moon rules the tides while Mars has Phobos and Deimos [1][2].")
    assert resolved.outcome == "grounded"
    assert {c.n for c in resolved.citations} == {1, 2}
    assert all(c.verified for c in resolved.citations)


def test_the_same_number_and_place_is_cited_once() -> None:
    assert len(cite("Tides rise twice a day. [1] Tides rise twice a day. [1]").citations) == 1


def test_an_abstention_is_unanswerable() -> None:
    assert cite(f"{ABSTENTION}.") == Resolved((), "unanswerable", "")
    assert cite(f"{ABSTENTION} how old Venus is.").outcome == "unanswerable"


def test_an_abstention_on_a_part_makes_the_answer_partial() -> None:
    resolved = cite(f"Tides rise twice a day [1]. {ABSTENTION} why.")
    assert resolved.outcome == "partial"
    assert "part of what was asked" in resolved.note


def test_an_answer_without_markers_is_ungrounded() -> None:
    assert cite("Tides rise twice a day.").outcome == "ungrounded"
    assert cite("").outcome == "ungrounded"


def test_the_words_that_answer_are_marked_as_the_source_writes_them() -> None:
    citation = only(cite("Its diameter is **3,474 kilometres**, about a quarter of Earth's. [1]"))
    assert citation.marked == ("3,474 kilometres",)


def test_the_place_is_that_of_the_quote_and_stale_is_asked_by_source() -> None:
    asked: list[str] = []

    def stale(source: str) -> bool:
        asked.append(source)
        return True

    citation = resolve("Tides rise twice a day [1].", PASSAGES, {LIBRARY.id: LIBRARY}, stale=stale)
    assert citation.citations[0].stale
    assert asked == ["sky.md"]


def test_a_passage_that_its_document_does_not_hold_is_not_verified() -> None:
    foreign = Document("Something else altogether, long enough to hold the span." * 9, "text")
    moved = replace(PASSAGES[0], document_id=foreign.id)
    for documents in ({foreign.id: foreign}, {}):
        resolved = resolve("Tides rise twice a day [1].", (moved,), documents)
        assert not only(resolved).verified
        assert resolved.outcome == "ungrounded"


WORDS = MOON.replace("\n", " ").split()


@given(st.integers(0, len(WORDS) - 3), st.integers(3, 8))
def test_any_run_of_words_of_a_passage_is_found_letter_for_letter(first: int, length: int) -> None:
    words = " ".join(WORDS[first : first + length])
    citations = cite(f"{words} [1]").citations
    assert citations
    assert all(c.verified for c in citations)


@given(st.text(alphabet='TMoonides rise 19[12]. \n*_`"#-', max_size=60))
def test_no_answer_makes_a_citation_that_lies(answer: str) -> None:
    cite(answer)


def test_code_that_is_quoted_with_its_sentence_is_cited_as_a_whole() -> None:
    text = "Run this:\n\n```sh\npip install x[0]\n```\n\nThen rest."
    document = Document(text, "markdown")
    answer = "Run this:\n\n```sh\npip install x[0]\n```\n[1]"
    resolved = resolve(answer, (passage(text, document),), {document.id: document})
    assert only(resolved).quote == text.removesuffix("\n\nThen rest.")
    assert resolved.outcome == "grounded"


def test_what_the_source_has_in_bold_is_not_marked_by_the_answer() -> None:
    citation = only(cite("The **far side** was not seen until **1959**. [1]"))
    assert citation.marked == ("1959",)


def test_a_reference_of_the_source_itself_can_be_quoted_without_being_a_marker() -> None:
    document = Document("It is so.[2] And it stays so[1] for ever.", "text")
    answer = r"And it stays so\[1] for ever. [1]"
    resolved = resolve(answer, (passage(document.text, document),), {document.id: document})
    assert only(resolved).quote == "And it stays so[1] for ever."
