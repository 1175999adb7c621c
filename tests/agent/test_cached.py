from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from agent.budget import Budget, Limits
from agent.citations import ABSTENTION
from agent.errors import ContextTooLong
from agent.events import Citation, Done, Event, Status, Token, Usage
from agent.messages import Message, ModelUsage, TextDelta
from agent.models.embedded import Embedded
from agent.models.gateway import Gateway
from agent.models.metered import Metered
from agent.models.scripted import Scripted
from agent.modes.base import Turn
from agent.modes.cached import Cached
from agent.modes.read_before import ReadBefore
from knowledge.filters import Filters
from knowledge.types import SourceInfo
from tests.anthropic_loopback import AnthropicLoopback
from tests.fakes import EchoModel, HashingEmbedder, MemoryLibrary

TEXTS = {
    "moon.txt": "The Moon is Earth's only natural satellite. It has no air.\n\n"
    "The far side of the Moon was first seen in 1959.",
    "mars.txt": "Mars has two moons, Phobos and Deimos.",
}
HISTORY = (
    Message("user", "Who was Ada Lovelace?"),
    Message("assistant", "She wrote the first program [3]."),
)


def turn(question: str, model: Any, library: MemoryLibrary | None = None, **rest: Any) -> Turn:
    given: Any = MemoryLibrary(TEXTS) if library is None else library
    return Turn(question, given, model, **rest)


async def events(turn: Turn, mode: Cached | None = None) -> list[Event]:
    return [event async for event in (mode or Cached()).answer(turn)]


def done(events: Sequence[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    assert last.mode == "cag"
    assert "".join(e.text for e in events if isinstance(e, Token)) == last.text
    return last


def stages(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(e.stage, e.text) for e in events if isinstance(e, Status)]


class Limited(EchoModel):
    """Reads so many words at a time."""

    def __init__(self, window: int | None, usage: ModelUsage | None = None) -> None:
        super().__init__()
        self.context_window = window
        self._usage = usage

    async def stream(self, messages: Sequence[Message], **rest: Any) -> AsyncGenerator[Any, None]:
        async for delta in super().stream(messages, **rest):
            yield self._usage if self._usage and isinstance(delta, ModelUsage) else delta


async def test_the_whole_library_is_read_and_cited_without_a_search() -> None:
    model, library = EchoModel(), MemoryLibrary(TEXTS)
    got = await events(turn("What is the Moon?", model, library))
    assert library.queries == []
    assert done(got).outcome == "grounded"
    (citation,) = [e for e in got if isinstance(e, Citation)]
    assert (citation.source, citation.verified) == ("moon.txt", True)
    first, *_ = stages(got)
    assert first[0] == "read"
    assert first[1].startswith("Reading the whole library: 2 documents, ")
    (messages,) = model.asked
    shown = messages[1].prefix
    for n, text in enumerate([*TEXTS["moon.txt"].split("\n\n"), TEXTS["mars.txt"]], start=1):
        assert f"[{n}] " in shown
        assert f"~~~\n{text}\n~~~\n" in shown + "\n"
    assert messages[1].content == "Question: What is the Moon?"
    assert messages[1].evidence is not None
    assert len(messages[1].evidence.passages) == 3


async def test_the_prefix_is_the_same_to_the_byte_from_question_to_question() -> None:
    model, mode = EchoModel(), Cached()
    await events(turn("What is the Moon?", model), mode)
    await events(turn("How many moons has Mars?", model, history=HISTORY, context="x"), mode)
    one, two = model.asked
    assert one[0] == two[0]
    assert one[1].prefix == two[1].prefix != ""
    assert [m.prefix for m in two[2:]] == [""] * len(two[2:])
    # The first user message has it, whichever that is; the question and its evidence come last.
    assert two[1].content == "Who was Ada Lovelace?"
    assert two[2].content == "She wrote the first program."
    assert two[-1].content.endswith("Question: How many moons has Mars?")
    assert "~~~\nx\n~~~" in two[-1].content
    assert two[-1].evidence is not None


async def test_what_is_added_to_the_library_changes_only_the_prefixes_tail() -> None:
    model, mode = EchoModel(), Cached()
    await events(turn("What is the Moon?", model), mode)
    longer = {**TEXTS, "venus.txt": "~~~~~~\nVenus has no moon."}
    await events(turn("What is the Moon?", model, MemoryLibrary(longer)), mode)
    one, two = (asked[1].prefix for asked in model.asked)
    assert two.startswith(one.rstrip("\n"))
    assert len(two) > len(one)


async def test_filters_leave_only_what_was_asked_for() -> None:
    model = EchoModel()
    got = await events(turn("Moons?", model, filters=Filters(sources=("mars.txt",))))
    assert "Earth" not in model.asked[0][1].prefix
    assert stages(got)[0][1].startswith("Reading all that was asked for: 1 document, ")


async def test_an_empty_library_is_unanswerable_and_the_model_is_not_asked() -> None:
    model = EchoModel()
    got = await events(turn("What is the Moon?", model, MemoryLibrary()))
    assert done(got).outcome == "unanswerable"
    assert done(got).text == f"{ABSTENTION}."
    assert "agent add PATH" in done(got).note
    got = await events(turn("The Moon?", model, filters=Filters(sources=("no.txt",))))
    assert "agent sources" in done(got).note
    assert model.asked == []


async def test_what_is_handed_in_is_answered_from_without_a_library() -> None:
    model = Scripted(["Line 3 fails."])
    got = await events(turn("Which line fails?", model, MemoryLibrary(), context="line 3: error"))
    assert done(got).outcome == "ungrounded"
    assert "line 3: error" in model.calls[0][-1].content


@pytest.mark.parametrize("window", [100, 400, 500])
async def test_a_library_that_does_not_fit_is_refused_with_what_would_fit(window: int) -> None:
    texts = {f"/docs/{n}.txt": f"Page {n}. " + "word " * 20 * n for n in range(1, 8)}
    model = Limited(window)
    with pytest.raises(ContextTooLong) as caught:
        await events(turn("Which?", model, MemoryLibrary(texts), max_tokens=10))
    assert "echo reads" in str(caught.value)
    assert f"{window:,}" in str(caught.value)
    assert "--source PATH (the largest: 7.txt (" in caught.value.hint
    for way in ("--mode agentic", "--model M"):
        assert way in caught.value.hint
    assert model.asked == []


async def test_how_much_too_long_it_is_can_be_trusted() -> None:
    texts = {f"{n}.txt": "word " * 100 for n in range(3)}

    async def fits(window: int) -> str:
        try:
            await events(turn("Which?", Limited(window), MemoryLibrary(texts), max_tokens=10))
        except ContextTooLong as error:
            return str(error)
        return ""

    said = await fits(450)
    too_many = int(said.rsplit("that is ", 1)[1].split()[0])
    assert await fits(450 + too_many) == ""
    assert " that is 1 too many" in await fits(450 + too_many - 1)


async def test_history_gives_way_to_the_library_and_the_library_never_to_history() -> None:
    model = Limited(None)
    long = tuple(
        Message(role, f"{role} {n} " + "word " * 300)
        for n in range(9)
        for role in ("user", "assistant")
    )
    await events(turn("What is the Moon?", model))
    whole = sum(model.count(m.whole) for m in model.asked[0])
    tight = Limited(whole + 10 + 700)
    got = await events(turn("What is the Moon?", tight, history=long, max_tokens=10))
    assert done(got).outcome == "grounded"
    (asked,) = tight.asked
    assert asked[1].prefix == model.asked[0][1].prefix
    assert [m.role for m in asked] == ["system", "user", "assistant", "user"]
    assert sum(tight.count(m.whole) for m in asked) <= whole + 700


async def test_what_came_from_the_cache_is_told() -> None:
    got = await events(turn("The Moon?", Limited(None, ModelUsage(500, 9, 400, 0.1, 0.2))))
    assert Usage(500, 9, 400, 0.1, 0.2) in got
    assert ("cache", "400 of 500 tokens were read from the cache") in stages(got)


async def test_a_server_that_cuts_a_long_prompt_unasked_is_found_out() -> None:
    library = MemoryLibrary({"a.txt": "word " * 500})
    got = await events(turn("Which?", Limited(None, ModelUsage(100, 9)), library))
    assert "its server has cut the library" in done(got).note
    got = await events(turn("Which?", Limited(None, ModelUsage(510, 9)), library))
    assert "cut" not in done(got).note


class Preparing(EchoModel):
    """Says what it prepares, and may never come to its end."""

    def __init__(self, endless: bool = False, error: Exception | None = None) -> None:
        super().__init__()
        self._endless, self._error = endless, error
        self.left = False

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        try:
            yield "Reading page 1"
            if self._error:
                raise self._error
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.left = True


async def test_a_models_preparation_is_told_also_under_a_budget() -> None:
    for model in (Preparing(), Metered(Preparing(), Budget())):
        got = await events(turn("What is the Moon?", model))
        assert ("read", "Reading page 1") in stages(got)
        assert done(got).outcome == "grounded"


async def test_a_model_that_finds_the_library_too_long_is_told_with_what_would_fit() -> None:
    model = Preparing(error=ContextTooLong("Too much.", hint="Hm."))
    with pytest.raises(ContextTooLong, match="Too much") as caught:
        await events(turn("What is the Moon?", model))
    assert "--source PATH" in caught.value.hint


async def test_a_budget_that_ends_while_the_library_is_read_quotes_what_answers() -> None:
    inner, budget = Preparing(endless=True), Budget(Limits(seconds=3600))
    model = Metered(inner, budget)
    heard: list[Event] = []
    asked = turn(
        "When was the far side of the Moon first seen?",
        model,
        budget=budget,
        quoter=Embedded(None),
    )
    async for event in Cached().answer(asked):
        heard.append(event)
        if stages(heard)[-1:] == [("read", "Reading page 1")]:
            asyncio.get_running_loop().call_soon(budget.stop)
    assert inner.left
    assert done(heard).outcome == "partial"
    assert "1959" in done(heard).text
    assert "You stopped it." in done(heard).note


async def test_cancelling_leaves_the_preparation() -> None:
    model, reading = Preparing(endless=True), asyncio.Event()

    async def listen() -> None:
        async for event in Cached().answer(turn("What is the Moon?", model)):
            if isinstance(event, Status) and event.text == "Reading page 1":
                reading.set()

    task = asyncio.create_task(listen())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.left


async def test_with_nothing_configured_it_answers_and_asking_again_reads_nothing() -> None:
    model, mode, library = Embedded(HashingEmbedder()), Cached(), MemoryLibrary(TEXTS)
    question = "When was the far side of the Moon first seen?"
    got = await events(turn(question, model, library), mode)
    assert done(got).outcome == "grounded"
    assert "**1959**. [2]" in done(got).text
    assert stages(got)[0][1] == "Reading the whole library: 2 documents, 144 characters"
    assert stages(got)[1][1].startswith("Reading every sentence, once")
    again = await events(turn("How many moons has Mars?", model, library), mode)
    assert [stage for stage, _ in stages(again)] == ["read", "verify"]
    assert "[3]" in done(again).text
    none = await events(turn("Who composed the opera Fidelio?", model, library), mode)
    assert done(none).outcome == "unanswerable"


async def test_a_conversation_reads_one_kept_prefix_from_beginning_to_end() -> None:
    with AnthropicLoopback(text="The Moon is Earth's only natural satellite. [1]") as server:
        model = Gateway("anthropic/claude-sonnet-4-5", api_base=server.base_url, api_key="k")
        mode = Cached()
        history: tuple[Message, ...] = ()
        used: list[Usage] = []
        for question in ("What is the Moon?", "And has it air?", "Which moons has Mars?"):
            got = await events(turn(question, model, history=history), mode)
            assert done(got).outcome == "grounded"
            used += [event for event in got if isinstance(event, Usage)]
            history += (Message("user", question), Message("assistant", done(got).text))
        await model.aclose()
    assert len(server.kept) == 1
    assert [usage.cached_tokens > 0 for usage in used] == [False, True, True]
    saved = [usage.saved for usage in used]
    assert saved[0] is not None
    assert saved[0] < 0
    assert all(money is not None and money > 0 for money in saved[1:])


async def test_leaving_early_closes_the_models_stream() -> None:
    closed = asyncio.Event()

    class Endless(EchoModel):
        async def stream(self, messages: Sequence[Message], **_: Any) -> AsyncGenerator[Any, None]:
            try:
                yield TextDelta("The Moon")
                await asyncio.Event().wait()
            finally:
                closed.set()

    stream = Cached().answer(turn("What is the Moon?", Endless()))
    async for event in stream:
        if isinstance(event, Token):
            break
    await stream.aclose()
    assert closed.is_set()


async def test_what_was_read_is_noted_for_whoever_chooses_a_mode() -> None:
    notes, library = ReadBefore(), MemoryLibrary(TEXTS)
    asked = turn("What is the Moon?", EchoModel(), library)
    extent = await library.extent()
    assert not notes.holds(asked, extent)
    done(await events(asked, Cached(notes)))
    assert notes.holds(asked, extent)


async def test_what_no_model_has_read_is_not_noted() -> None:
    notes, library = ReadBefore(), MemoryLibrary(TEXTS)
    budget = Budget(Limits(tokens=20))
    model = Metered(EchoModel(), budget)
    quoter = Embedded(None)
    asked = turn("What is the Moon?", model, library, budget=budget, quoter=quoter)
    assert done(await events(asked, Cached(notes))).text
    assert not notes.holds(asked, await library.extent())


async def test_what_a_stand_in_has_read_is_not_noted_for_the_model_that_did_not_answer() -> None:
    notes, library = ReadBefore(), MemoryLibrary(TEXTS)
    budget = Budget(Limits())
    model = Metered(Limited(None, ModelUsage(900, 2, model="another")), budget)
    asked = turn("What is the Moon?", model, library, budget=budget)
    assert done(await events(asked, Cached(notes))).model == "another"
    assert not notes.holds(asked, await library.extent())


async def test_a_server_that_has_cut_the_library_has_not_read_it() -> None:
    notes, library = ReadBefore(), MemoryLibrary(TEXTS)
    asked = turn("What is the Moon?", Limited(None, ModelUsage(3, 2)), library)
    assert "has cut the library" in done(await events(asked, Cached(notes))).note
    assert not notes.holds(asked, await library.extent())


async def test_where_nothing_could_be_read_the_user_is_told_so() -> None:
    class Unread(MemoryLibrary):
        async def sources(self) -> tuple[SourceInfo, ...]:
            return (SourceInfo("x.pdf", None, "", "pdf", "failed", "cut", 0, 9, 0.0, "x.pdf"),)

    note = done(await events(turn("What is the Moon?", EchoModel(), Unread()))).note
    assert note == "Nothing that was added could be read: agent sources says why."
