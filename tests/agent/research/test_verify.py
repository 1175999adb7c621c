"""Each cited sentence against its spans: quoted, supported, marked or dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.research.base import Verified
from agent.research.types import Section, Sentence
from agent.research.verify import LEFT_OUT, QUOTED_INSTEAD, SpanVerify
from tests.agent.research.material import NOTES, TEXTS, note


async def verified(*sentences: Sentence, notes: tuple[object, ...] = ()) -> Verified:
    # Of no part, so that no notes stand in for what is dropped.
    section = Section("When?", None, sentences)
    return await SpanVerify().verify([section], [*NOTES, *notes], TEXTS)  # type: ignore[list-item]


async def one(text: str, *cited: int, notes: tuple[object, ...] = ()) -> Sentence | None:
    """What is left of a sentence; None where it is dropped."""
    result = await verified(Sentence(text, cited, "unsupported"), notes=notes)
    (left,) = result.sections[0].sentences
    assert (left.text == LEFT_OUT) == (result.dropped == 1)
    assert result.marked == (left.standing == "unsupported")
    return None if result.dropped else left


async def test_words_of_a_span_are_quoted() -> None:
    assert await one("It was first lit in 1904, after seven years of work.", 1) == Sentence(
        "It was first lit in 1904, after seven years of work.", (1,), "quoted"
    )
    cut = await one("Fastnet lighthouse was first lit in 1897", 2)
    assert cut is not None
    assert cut.standing == "quoted"


async def test_a_quote_without_the_markup_of_its_links_is_still_quoted() -> None:
    texts = {"s1": "See [the lamp](lamp.md): it was **lit** in 1904."}
    linked = note(1, "s1", texts["s1"], texts=texts)
    text = "See the lamp: it was lit in 1904."
    section = Section("When?", 1, (Sentence(text, (1,), "unsupported"),))
    result = await SpanVerify().verify([section], [linked], texts)
    assert result.sections[0].sentences == (Sentence(text, (1,), "quoted"),)


async def test_a_paraphrase_that_its_span_bears_out_is_supported() -> None:
    left = await one("Seven years of work went before it was first lit, in 1904.", 1)
    assert left is not None
    assert left.standing == "supported"


async def test_a_pronoun_of_a_span_may_mean_a_name_that_stands_before_it() -> None:
    left = await one("Fastnet was first lit in 1904.", 1)
    assert left is not None
    assert left.standing == "supported"


async def test_a_span_without_a_name_speaks_of_what_its_source_is_about() -> None:
    texts = {"s1": "# Fastnet\n\nThe tower has 89 steps. Eddystone Rock has 96 steps."}
    bare = note(1, "s1", "The tower has 89 steps.", texts=texts)
    named = note(2, "s1", "Eddystone Rock has 96 steps.", texts=texts)
    said = (
        Sentence("The tower of Fastnet has 89 steps.", (1,), "unsupported"),
        Sentence("The rock of Fastnet has 96 steps.", (2,), "unsupported"),
    )
    result = await SpanVerify().verify([Section("Steps", 1, said)], [bare, named], texts)
    assert [s.standing for s in result.sections[0].sentences] == ["supported", "unsupported"]


async def test_a_span_without_a_name_speaks_of_what_its_sources_title_says() -> None:
    texts = {"s1": "The tower has 89 steps, and the lamp turns twice a minute."}
    bare = note(1, "s1", texts["s1"], texts=texts)
    said = Sentence("The tower of Fastnet has 89 steps.", (1,), "unsupported")
    section = Section("Steps", 1, (said,))
    told = []
    for titles in ({"s1": "Fastnet"}, {"s2": "Fastnet"}):
        result = await SpanVerify().verify([section], [bare], texts, titles)
        told.append(result.sections[0].sentences[0].standing)
    assert told == ["supported", "unsupported"]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("It was first lit in 1905.", (1,)),
        ("It was not first lit in 1904.", (1,)),
        ("It was first lit “in the year of the great storm”.", (1,)),
        ("The tower is painted white and red every spring.", (1,)),
        ("It was first lit in 1904, after seven years of work.", ()),
        ("It was first lit in 1904, after seven years of work.", (77,)),
        ("It was first lit in 1904, after seven years of work.", (3,)),
        ("Yes.", (1,)),
    ],
    ids=["number", "denial", "false quotation", "other matter", "uncited", "no such note",
         "another's span", "says nothing"],
)  # fmt: skip
async def test_what_nothing_bears_out_is_dropped(text: str, cited: tuple[int, ...]) -> None:
    assert await one(text, *cited) is None


async def test_what_is_borne_out_in_part_is_marked() -> None:
    left = await one("Keepers lived on the rock with goats, hens and a mule.", 3)
    assert left is not None
    assert left.standing == "unsupported"
    assert left.notes == (3,)


async def test_a_quote_out_of_a_sentence_that_calls_it_a_myth_supports_nothing() -> None:
    cut = note(4, "s1", "a queen paid for the tower")
    assert await one("A queen paid for the tower.", 4, notes=(cut,)) is None


@pytest.mark.parametrize(
    "text",
    [
        "According to a forged letter, a queen paid for the tower.",
        "If a queen paid for the tower, no bill is known.",
        "In the opera, a queen paid for the tower.",
    ],
)
async def test_a_quote_out_of_a_sentence_that_says_it_as_no_fact_supports_nothing(
    text: str,
) -> None:
    texts = {"s1": text}
    cut = note(1, "s1", "a queen paid for the tower", texts=texts)
    section = Section("Who?", 1, (Sentence("A queen paid for the tower.", (1,), "unsupported"),))
    result = await SpanVerify().verify([section], [cut], texts)
    assert result.dropped == 1


async def test_the_opposite_of_a_span_is_dropped() -> None:
    texts = {"s1": "The price of salt fell in 1843."}
    fell = note(1, "s1", texts["s1"], texts=texts)
    said = Sentence("The price of salt rose in 1843.", (1,), "unsupported")
    result = await SpanVerify().verify([Section("Salt", 1, (said,))], [fell], texts)
    assert result.dropped == 1


async def test_a_note_of_what_was_not_read_or_does_not_stand_there_supports_nothing() -> None:
    moved = replace(NOTES[0], n=4, start=3, end=3 + len(NOTES[0].quote))
    unread = replace(NOTES[0], n=5, source="s9")
    empty = replace(NOTES[0], n=6, start=0, end=0, quote="")
    for n in (4, 5, 6):
        assert await one(NOTES[0].quote, n, notes=(moved, unread, empty)) is None


async def test_a_citation_that_does_not_help_its_sentence_goes() -> None:
    left = await one("It was first lit in 1904.", 3, 1, 2, 1)
    assert left is not None
    assert left.notes == (1,)


async def test_two_sources_that_say_the_same_stay_cited_both() -> None:
    again = note(4, "s1", "It was first lit in 1904, after seven years of work")
    left = await one("It was first lit in 1904.", 1, 4, notes=(again,))
    assert left is not None
    assert left.notes == (1, 4)


async def test_a_sentence_may_stand_on_two_spans_together() -> None:
    text = "It was first lit in 1904, and keepers lived on the rock until 1989."
    left = await one(text, 1, 3, 2)
    assert left is not None
    assert (left.notes, left.standing) == ((1, 3), "supported")


async def test_a_sentence_of_the_programs_own_stays_and_a_section_is_never_left_empty() -> None:
    own = Sentence("Nothing was found.", (), "supported")
    result = await verified(own)
    assert result == Verified((Section("When?", None, (own,)),), 0, 0)
    result = await verified(Sentence("Wrong.", (1,), "supported"))
    assert result.dropped == 1
    assert result.sections[0].sentences == (Sentence(LEFT_OUT, (), "supported"),)


async def test_a_section_that_loses_all_its_sentences_quotes_its_notes() -> None:
    wrong = Sentence("It was first lit in 1905.", (1,), "unsupported")
    beside = note(4, "s1", "Fastnet Rock has the tallest lighthouse of Ireland.", part=2)
    section = Section("When?", 1, (wrong,))
    result = await SpanVerify().verify([section], [NOTES[0], beside], TEXTS)
    own, quote = result.sections[0].sentences
    assert own == Sentence(QUOTED_INSTEAD, (), "supported")
    assert (quote.text, quote.notes, quote.standing) == (NOTES[0].claim, (1,), "quoted")
    assert result.dropped == 1


async def test_a_section_that_keeps_a_cited_sentence_is_not_filled_with_quotes() -> None:
    wrong = Sentence("It was first lit in 1905.", (1,), "unsupported")
    right = Sentence("It was first lit in 1904.", (1,), "unsupported")
    result = await SpanVerify().verify([Section("When?", 1, (wrong, right))], NOTES, TEXTS)
    (left,) = result.sections[0].sentences
    assert left.text == right.text


@pytest.mark.parametrize(
    "text",
    [
        "Many believe a queen paid for the tower.",
        "A queen may have paid for the tower.",
        "A queen planned to have paid for the tower.",
        "A queen paid for the tower?",
    ],
)
async def test_what_a_span_only_believes_plans_or_asks_is_dropped(text: str) -> None:
    texts = {"s1": text}
    hedged = note(1, "s1", text, texts=texts)
    section = Section("Who?", 1, (Sentence("A queen paid for the tower.", (1,), "unsupported"),))
    result = await SpanVerify().verify([section], [hedged], texts)
    assert result.dropped == 1


async def test_a_denial_of_something_else_bears_out_no_denial() -> None:
    texts = {"s1": "The herb of Skarholm was burnt in 1750, and nobody was hurt by it."}
    burnt = note(1, "s1", texts["s1"], texts=texts)
    said = Sentence("The herb of Skarholm was not burnt in 1750.", (1,), "unsupported")
    result = await SpanVerify().verify([Section("Herb", 1, (said,))], [burnt], texts)
    assert result.dropped == 1
