from __future__ import annotations

from typing import Any

import pytest

from agent.budget import Limits
from agent.errors import BadModelOutput, ModelUnreachable, RateLimited
from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Status,
    Thought,
    Token,
    ToolCall,
    ToolResult,
)
from agent.messages import Message, ToolRequest
from agent.models.embedded import Embedded
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.models.wire import MALFORMED
from agent.modes.agentic import Agentic
from agent.session import Session
from knowledge.errors import EmbedderMismatch
from knowledge.filters import Filters
from tests.agent.test_events_contract import check
from tests.fakes import EchoModel, MemoryLibrary

TEXTS = {
    "moon.txt": "The Moon is Earth's only natural satellite. It has no air.\n\n"
    "The far side of the Moon was first seen in 1959.",
    "mars.txt": "Mars has two moons, Phobos and Deimos.\n\nHall found Phobos in 1877.",
}
QUESTION = "What moons has Mars?"
GOOD = "Mars has two moons, Phobos and Deimos [1]."
BAD = "Mars is a green cheese with a castle [1]."


def search(query: str, text: str = "") -> ScriptedReply:
    request = ToolRequest("call-1", "search_library", {"query": query})
    return ScriptedReply(text, tool_requests=(request,))


async def ask(
    model: Any,
    question: str = QUESTION,
    *,
    library: Any = None,
    limits: Limits | None = None,
    **rest: Any,
) -> tuple[list[Event], Done]:
    """The events, which keep the contract, and the last of them."""
    library = MemoryLibrary(TEXTS) if library is None else library
    session = Session(
        modes={"agentic": Agentic()},
        model=model,
        library=library,
        mode="agentic",
        limits=limits,
        quoter=Embedded(None),
    )
    events = [event async for event in session.ask(question, **rest)]
    await check(events, library)
    done = events[-1]
    assert isinstance(done, Done), done
    assert done.mode == "agentic"
    return events, done


async def failed(model: Any, **rest: Any) -> Failed:
    library: Any = rest.pop("library", MemoryLibrary(TEXTS))
    session = Session(modes={"m": Agentic()}, model=model, library=library, mode="m")
    events = [event async for event in session.ask(QUESTION)]
    await check(events, library)
    assert isinstance(events[-1], Failed)
    return events[-1]


def stages(events: list[Event]) -> list[str]:
    return [event.stage for event in events if isinstance(event, Status)]


async def test_the_question_is_searched_for_before_the_model_is_asked() -> None:
    model = Scripted([GOOD])
    events, done = await ask(model)
    assert done.outcome == "grounded"
    assert stages(events) == ["search", "grade", "plan", "verify", "verify"]
    assert "Phobos and Deimos" in model.calls[0][-1].content
    (citation,) = [event for event in events if isinstance(event, Citation)]
    assert (citation.source, citation.verified) == ("mars.txt", True)


async def test_a_model_searches_further_and_then_answers() -> None:
    model = Scripted(
        [
            search("moons Mars Deimos", "First its moons."),
            search("far side 1959"),
            "Mars has two moons, Phobos and Deimos [2]. The far side was first seen in 1959 [1].",
        ]
    )
    events, done = await ask(model, "What moons has Mars, and when was the far side first seen?")
    assert done.outcome == "grounded"
    assert [event.text for event in events if isinstance(event, Thought)] == ["First its moons."]
    assert len([event for event in events if isinstance(event, ToolCall)]) == 3
    assert {c.source for c in events if isinstance(c, Citation)} == {"mars.txt", "moon.txt"}


async def test_nothing_is_said_before_it_is_checked() -> None:
    model = Scripted([BAD, GOOD])
    events, done = await ask(model)
    assert (done.text, done.outcome) == (GOOD, "grounded")
    first = next(i for i, event in enumerate(events) if isinstance(event, Token))
    assert "revise" in stages(events[:first])
    against = model.calls[1][-1]
    assert against.role == "user"
    assert "- Mars is a green cheese with a castle" in against.content


async def test_the_better_of_two_drafts_is_said() -> None:
    half = f"{GOOD} It is made of old cheese [1]."
    _, done = await ask(Scripted([half, BAD]))
    assert done.text == half
    assert done.outcome == "partial"
    assert "Only 1 of 2 statements" in done.note


async def test_a_draft_without_any_support_is_withheld() -> None:
    model = Scripted([BAD], loop=True)
    events, done = await ask(model)
    assert (done.text, done.outcome) == ("The sources do not say.", "unanswerable")
    assert "withheld" in done.note
    assert not any(isinstance(event, Citation) for event in events)
    # No draft was better than the one before, so it was sent back once.
    assert len(model.calls) == 2


async def test_where_the_time_is_up_over_a_baseless_draft_what_was_found_is_quoted() -> None:
    model = Scripted([BAD, ScriptedReply("Hm ", endless=True, delay=0.001)])
    _, done = await ask(model, limits=Limits(seconds=0.5))
    assert "cheese" not in done.text
    assert "Phobos and Deimos" in done.text
    assert done.outcome == "partial"


async def test_a_draft_that_gets_better_is_sent_back_twice() -> None:
    three = "It is green cheese [1]. It is a castle [1]. It sleeps in winter [1]."
    model = Scripted([three, f"{GOOD} It is green cheese [1].", GOOD])
    _, done = await ask(model)
    assert (done.text, done.outcome) == (GOOD, "grounded")


async def test_an_early_abstention_is_sent_back_to_search_further() -> None:
    abstention = "The sources do not say."
    model = Scripted([abstention, search("Phobos Deimos"), GOOD])
    _, done = await ask(model)
    assert done.outcome == "grounded"
    events, done = await ask(Scripted([abstention], loop=True))
    assert done.outcome == "unanswerable"
    assert stages(events).count("revise") == 1


async def test_what_was_handed_in_may_be_answered_from() -> None:
    model = Scripted(["The log says that disk nine is full."])
    _, done = await ask(model, "What does the log say?", context="disk nine is full")
    assert done.outcome == "ungrounded"
    assert "handed in cannot be cited" in done.note
    assert "disk nine is full\n~~~" in next(m.content for m in model.calls[0] if m.role == "user")


async def test_the_history_goes_in_and_a_follow_up_is_searched_for_with_it() -> None:
    library: Any = MemoryLibrary(TEXTS)
    model = Scripted([GOOD, "Hall found Phobos in 1877 [3]."])
    session = Session(modes={"m": Agentic()}, model=model, library=library, mode="m")
    async for _ in session.ask(QUESTION):
        pass
    async for event in session.ask("And who found them?"):
        last = event
    assert isinstance(last, Done)
    assert model.calls[1][1:3] == (
        Message("user", QUESTION),
        Message("assistant", "Mars has two moons, Phobos and Deimos."),
    )
    assert library.queries[-1] == f"And who found them?\n{QUESTION}"


async def test_the_asks_filters_hold_for_every_search() -> None:
    model = Scripted([search("Phobos moons Mars"), "The sources do not say."])
    events, _ = await ask(model, filters=Filters(sources=("moon.txt",)))
    results = [event.text for event in events if isinstance(event, ToolResult)]
    assert len(results) == 2
    assert not any("Deimos" in text for text in results)


async def test_an_empty_library_asks_no_model() -> None:
    for model in (Scripted([]), EchoModel()):
        _, done = await ask(model, library=MemoryLibrary())
        assert done.outcome == "unanswerable"


async def test_unknown_tools_and_malformed_arguments_are_told_to_the_model() -> None:
    wrong = ScriptedReply(
        tool_requests=(
            ToolRequest("a", "fly", {}),
            ToolRequest("b", "search_library", {MALFORMED: "{query"}),
        )
    )
    events, done = await ask(Scripted([wrong, GOOD]))
    assert done.outcome == "grounded"
    results = [event for event in events if isinstance(event, ToolResult)]
    assert [result.ok for result in results] == [True, False, False]


@pytest.mark.parametrize(
    ("replies", "limits", "reason"),
    [
        ([search("moons of Mars")] * 20, Limits(), "same thing 3 times"),
        ([search(f"Mars {n}") for n in range(30)], Limits(steps=8), "limit of 8 steps"),
        ([ScriptedReply("Hm ", endless=True, delay=0.001)], Limits(seconds=0.5), "0.5 s"),
        ([search(f"Mars {n}") for n in range(99)], Limits(tokens=4000), "4000 tokens"),
    ],
)
async def test_what_goes_on_for_ever_ends_with_what_was_found(
    replies: list[ScriptedReply], limits: Limits, reason: str
) -> None:
    _, done = await ask(Scripted(replies), limits=limits)
    assert reason in done.note
    assert done.outcome == "partial"
    assert "Phobos and Deimos" in done.text


async def test_a_piece_of_an_answer_is_given_where_the_sources_bear_it_out() -> None:
    piece = ScriptedReply(f"{GOOD} ", endless=True, delay=0.001)
    _, done = await ask(Scripted([piece]), limits=Limits(seconds=0.5))
    assert done.text.startswith(GOOD)
    assert done.outcome == "partial"
    assert "0.5 s" in done.note
    assert "The answer broke off." in done.note


async def test_at_the_limit_the_best_draft_is_given_and_marked_partial() -> None:
    half = f"{GOOD} It is made of old cheese [1]."
    _, done = await ask(
        Scripted([half, ScriptedReply("Hm ", endless=True, delay=0.001)]),
        limits=Limits(seconds=1.0),
    )
    assert done.text == half
    assert done.outcome == "partial"
    assert "1 s" in done.note


async def test_a_sound_answer_on_the_last_step_is_partial_with_the_reason() -> None:
    _, done = await ask(Scripted([GOOD]), limits=Limits(steps=1))
    assert (done.text, done.outcome) == (GOOD, "partial")
    assert "limit of 1 step is reached" in done.note


async def test_a_model_that_dies_in_mid_stream_fails_plainly() -> None:
    last = await failed(Scripted([search("Mars"), ScriptedReply("Mars has", cut=True)]))
    assert last.error == BadModelOutput.__name__


async def test_a_model_that_dies_over_a_revision_leaves_its_draft() -> None:
    half = f"{GOOD} It is made of old cheese [1]."
    dies = ScriptedReply(error=ModelUnreachable("The line is dead.", hint="Wait."))
    _, done = await ask(Scripted([half, dies]))
    assert (done.text, done.outcome) == (half, "partial")
    assert "The line is dead." in done.note
    last = await failed(Scripted([BAD, ScriptedReply(error=RateLimited("Slow down."))]))
    assert last.error == RateLimited.__name__


async def test_an_empty_reply_is_asked_for_again_and_then_fails() -> None:
    _, done = await ask(Scripted(["", GOOD]))
    assert done.outcome == "grounded"
    last = await failed(Scripted([""], loop=True))
    assert "empty answer" in last.message


async def test_a_library_that_the_user_must_mend_fails_with_the_hint() -> None:
    class Mismatched(MemoryLibrary):
        async def search(self, *args: Any, **kwargs: Any) -> Any:
            raise EmbedderMismatch("Another embedder.", hint="agent sync --rebuild")

    last = await failed(Scripted([GOOD]), library=Mismatched(TEXTS))
    assert (last.message, last.hint) == ("Another embedder.", "agent sync --rebuild")


@pytest.mark.parametrize("model", [Embedded(None), EchoModel()])
async def test_a_model_without_tools_answers_part_by_part(model: Any) -> None:
    events, done = await ask(model, "What moons has Mars, and who found Phobos?")
    assert "Phobos and Deimos" in done.text
    assert any(isinstance(event, ToolCall) for event in events)
    if isinstance(model, Embedded):
        assert "1877" in done.text.replace("*", "")
        assert done.outcome == "grounded"


async def test_the_part_that_nothing_answers_is_named() -> None:
    _, done = await ask(Embedded(None), "What moons has Mars, and who is the mayor of Paris?")
    assert done.outcome == "partial"
    assert "The sources do not say: who is the mayor of Paris." in done.text


async def test_a_stop_before_the_model_spoke_quotes_what_was_found() -> None:
    library: Any = MemoryLibrary(TEXTS)
    model = Scripted([ScriptedReply("Hm ", endless=True, delay=0.001)])
    session = Session(
        modes={"m": Agentic()}, model=model, library=library, mode="m", quoter=Embedded(None)
    )
    async for event in session.ask(QUESTION):
        if isinstance(event, Status) and event.stage == "plan":
            session.stop()
        last = event
    assert isinstance(last, Done)
    assert "You stopped it." in last.note
    assert "Phobos and Deimos" in last.text
