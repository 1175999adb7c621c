from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.citations import ABSTENTION, resolve
from agent.markers import MarkerFilter
from agent.messages import Evidence, Message, ModelUsage, TextDelta
from agent.models.base import ChatModel
from agent.models.embedded import Embedded, quote
from agent.models.reader import Extract
from knowledge.types import Document, Passage

NORMANS = (
    "The Normans were the people who in the 10th and 11th centuries gave their name to Normandy, "
    "a region in France. They were descended from Norse raiders and pirates from Denmark, Iceland "
    "and Norway who, under their leader Rollo, agreed to swear fealty to King Charles III."
)
ENGINES = (
    "A steam engine is a heat engine that performs mechanical work using steam as its working "
    "fluid. The first commercially successful engine was built by Thomas Newcomen in 1712."
)


def passage(text: str, score: float = 1.0, source: str = "a.txt") -> Passage:
    document = Document(text, "text")
    return Passage(f"{document.id}:0", document.id, source, "", "line 1", 0, len(text), text, score)


async def answer(question: str, passages: Sequence[Passage], **kwargs: int) -> str:
    message = Message("user", "prose", evidence=Evidence(question, tuple(passages)))
    deltas = [delta async for delta in Embedded(None).stream([message], **kwargs)]
    assert isinstance(deltas[-1], ModelUsage)
    assert deltas[-1].cost == 0.0
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def test_it_is_a_chat_model() -> None:
    model: ChatModel = Embedded(None)
    assert model.name == "embedded"
    assert not model.can_call_tools


async def test_it_quotes_the_sentence_that_answers_with_its_marker_and_bold_words() -> None:
    said = await answer("When was the first engine built?", [passage(NORMANS), passage(ENGINES)])
    assert said.startswith("The first commercially successful engine was built by Thomas Newcomen")
    assert "**1712**. [2]" in said


async def test_its_citations_are_verified_and_carry_the_marked_words() -> None:
    passages = (passage(NORMANS), passage(ENGINES))
    said = await answer("Who built the first commercially successful engine?", passages)
    documents = {p.document_id: Document(p.text, "text") for p in passages}
    resolved = resolve(said, passages, documents)
    assert resolved.outcome == "grounded"
    assert all(citation.verified for citation in resolved.citations)
    assert resolved.citations[0].marked == ("Thomas Newcomen",)


async def test_a_question_about_something_else_is_answered_with_the_abstention_alone() -> None:
    said = await answer("What is the boiling point of xenon hexafluoride?", [passage(NORMANS)])
    assert said == f"{ABSTENTION}."


async def test_without_passages_it_abstains() -> None:
    assert await answer("Who were the Normans?", []) == f"{ABSTENTION}."


async def test_a_plain_chat_is_told_what_it_can_do_and_what_to_type() -> None:
    deltas = [d async for d in Embedded(None).stream([Message("user", "Write me a poem")])]
    assert isinstance(deltas[0], TextDelta)
    assert "only quote" in deltas[0].text
    assert "agent add" in deltas[0].text
    assert "--model" in deltas[0].text


async def test_only_the_last_user_message_is_answered() -> None:
    first = Message("user", "x", evidence=Evidence("Who?", (passage(NORMANS),)))
    deltas = [d async for d in Embedded(None).stream([first, Message("user", "Thanks")])]
    assert isinstance(deltas[0], TextDelta)
    assert "only quote" in deltas[0].text


async def test_a_low_limit_of_tokens_leaves_the_second_quote_out_and_never_cuts_the_first() -> None:
    question = "Who were the Normans descended from?"
    said = await answer(question, [passage(NORMANS), passage(ENGINES)], max_tokens=1)
    assert said.count("[1]") + said.count("[2]") == 1
    assert said.endswith("]")


async def test_warming_twice_is_safe() -> None:
    model = Embedded(None)
    await model.warm()
    await model.warm()
    await model.aclose()


def test_a_soft_wrap_becomes_a_blank() -> None:
    assert quote(Extract(1, 0, 9, "One\n  two.")) == "One two. [1]"


def test_the_source_s_own_bracketed_number_is_not_taken_for_a_marker() -> None:
    text = "The tower is 330 m tall.[5]"
    said = quote(Extract(1, 0, len(text), text))
    markers = MarkerFilter(range(1, 9))
    markers.feed(said)
    markers.flush()
    assert [m.n for m in markers.markers] == [1]
    resolved = resolve(said, [passage(text)], {passage(text).document_id: Document(text, "text")})
    assert resolved.citations[0].verified
    assert resolved.citations[0].quote == text


def test_a_list_that_the_sentence_announces_keeps_its_lines() -> None:
    text = "Supported:\n- Linux\n- macOS"
    assert quote(Extract(2, 0, len(text), text, ((13, 18),))) == f"{text} [2]"


def test_a_marker_behind_a_code_fence_has_a_line_of_its_own() -> None:
    text = "Run:\n\n```\nagent add docs\n```"
    assert quote(Extract(1, 0, len(text), text)) == f"{text}\n[1]"


@pytest.mark.parametrize(
    ("text", "marked", "said"),
    [
        ("Set it with `agent config` once.", (13, 18), "Set it with **`agent config`** once. [1]"),
        ("It is **very** old.", (15, 18), "It is **very** old. [1]"),
        ("Wait 30 s.", (5, 7), "Wait **30** s. [1]"),
        ("It leaves at 7:40 daily.", (15, 17), "It leaves at **7:40** daily. [1]"),
        ("Since 2024-05-03.", (6, 10), "Since **2024-05-03**. [1]"),
    ],
)
def test_bold_goes_around_code_and_never_breaks_markup(
    text: str, marked: tuple[int, int], said: str
) -> None:
    extract = Extract(1, 10, 10 + len(text), text, ((marked[0] + 10, marked[1] + 10),))
    assert quote(extract) == said
