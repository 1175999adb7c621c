from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from agent.budget import Budget, Limits
from agent.errors import BudgetSpent, ContextTooLong, ModelUnreachable
from agent.events import Event, Status, Thought, ToolCall, ToolResult, Usage
from agent.evidence import Ledger
from agent.library_tools import library_tools
from agent.loop import ToolLoop
from agent.loop.conversation import Conversation
from agent.messages import Message, ModelUsage, ToolRequest, ToolSpec
from agent.models.metered import Metered
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.models.wire import MALFORMED
from agent.toolbox import Toolbox, ToolOutput
from knowledge.types import Passage
from tests.fakes import MemoryLibrary

TEXTS = {
    "moon.txt": "The Moon has no air.\n\nThe far side was first seen in 1959.",
    "mars.txt": "Mars has two moons, Phobos and Deimos.",
}
E = TypeVar("E")
ASKED = (Message("system", "Answer."), Message("user", "Has the Moon air?"))


def passage(n: int, text: str) -> Passage:
    return Passage(f"d{n}:0", f"d{n}", f"/docs/{n}.txt", "", "line 1", 0, len(text), text, 0.5)


def wants(*requests: tuple[str, dict[str, Any]], text: str = "", **rest: Any) -> ScriptedReply:
    """A reply that asks for tools; every call has the same id, as with some providers."""
    calls = tuple(ToolRequest("call-1", name, arguments) for name, arguments in requests)
    return ScriptedReply(text, tool_requests=calls, **rest)


def search(query: str) -> tuple[str, dict[str, Any]]:
    return "search_library", {"query": query}


class Run:
    """A loop over the little library, with what it came to."""

    def __init__(
        self,
        model: Scripted,
        *,
        limits: Limits | None = None,
        against: Callable[[str], str] = lambda draft: "",
        rounds: int = 200,
    ) -> None:
        budget, library = Budget(limits), MemoryLibrary(TEXTS)
        given: Any = library
        ledger = Ledger("Has the Moon air?")
        self.tools = Toolbox(library_tools(given, ledger), budget, ledger)
        self.drafts: list[str] = []

        async def review(draft: str, emit: Callable[[Event], None]) -> str:
            emit(Status("Checking", stage="verify"))
            self.drafts.append(draft)
            return against(draft)

        self.loop = ToolLoop(Metered(model, budget), self.tools, review, rounds=rounds)
        self.events: list[Event] = []

    async def go(self) -> Run:
        async for event in self.loop.events(ASKED):
            self.events.append(event)
        return self

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


async def test_a_model_searches_twice_and_then_drafts() -> None:
    model = Scripted(
        [
            wants(search("Moon air"), text="First the Moon.", thoughts="Hm."),
            wants(search("Mars moons")),
            "It has no air [1].",
        ]
    )
    run = await Run(model).go()
    assert run.drafts == ["It has no air [1]."]
    assert [t.text for t in run.of(Thought)] == ["Hm.", "First the Moon."]
    assert [c.id for c in run.of(ToolCall)] == [r.id for r in run.of(ToolResult)]
    assert len({c.id for c in run.of(ToolCall)}) == 2
    assert len(run.of(Usage)) == 3
    assert run.loop.spent == ""
    # The model reads its own calls and what came of them, and is offered the tools each time.
    last = model.calls[-1]
    assert [m.role for m in last] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert "[1] moon.txt" in last[3].content
    assert last[2].tool_requests[0].id == last[3].tool_id
    assert last[-1].evidence is not None
    assert last[-1].evidence.passages == run.tools.ledger.passages
    names = {"search_library", "read_document", "list_sources"}
    assert all({spec.name for spec in offered} == names for offered in model.offered)


async def test_calls_of_one_message_are_all_answered() -> None:
    model = Scripted([wants(search("Moon"), search("Mars"), ("fly", {})), "Done."])
    run = await Run(model).go()
    assert len({r.id for r in run.of(ToolResult)}) == 3
    assert sum(m.role == "tool" for m in model.calls[-1]) == 3
    assert "no tool 'fly'" in model.calls[-1][-1].content


async def test_malformed_arguments_are_told_to_the_model_which_writes_them_again() -> None:
    model = Scripted(
        [wants(("search_library", {MALFORMED: '{"query": Moon'})), wants(search("Moon")), "Done."]
    )
    run = await Run(model).go()
    first, second = run.of(ToolResult)
    assert "not a JSON object" in first.text
    assert not first.ok
    assert second.ok


async def test_a_draft_that_does_not_stand_goes_back_with_what_is_wrong() -> None:
    model = Scripted(["Cheese.", wants(search("Moon")), "No air [1]."])
    run = await Run(model, against=lambda d: "Not so." if d == "Cheese." else "").go()
    assert run.drafts == ["Cheese.", "No air [1]."]
    assert model.calls[1][-2:] == (
        Message("assistant", "Cheese."),
        Message("user", "Not so."),
    )


async def test_a_model_that_asks_the_same_for_ever_is_given_one_last_reply() -> None:
    model = Scripted([wants(search("Moon"), text="Again.")], loop=True)
    run = Run(model)
    with pytest.raises(BudgetSpent, match="same thing 3 times"):
        await run.go()
    assert len(model.calls) == 4
    assert "No more tools" in model.calls[-1][-1].content
    assert [r.ok for r in run.of(ToolResult)] == [True, True, False]


async def test_a_model_that_asks_for_ever_for_something_else_ends_with_its_steps() -> None:
    replies = [wants(search(f"Moon {n}")) for n in range(50)]
    run = Run(Scripted(replies), limits=Limits(steps=9))
    with pytest.raises(BudgetSpent, match="limit of 9 steps"):
        await run.go()
    assert len(run.of(ToolResult)) == 4


async def test_the_last_step_is_an_answer_where_the_model_gives_one() -> None:
    model = Scripted([wants(search("Moon")), "No air [1]."])
    run = await Run(model, limits=Limits(steps=3)).go()
    assert run.drafts == ["No air [1]."]
    assert run.loop.spent == "The limit of 3 steps is reached."
    assert "No more tools" in model.calls[-1][-1].content


async def test_without_a_limit_of_steps_the_rounds_are_limited() -> None:
    replies = [wants(search(f"Moon {n}")) for n in range(50)]
    with pytest.raises(BudgetSpent, match="went on for 5 rounds"):
        await Run(Scripted(replies), rounds=5).go()


async def test_what_was_written_when_the_time_was_up_is_kept() -> None:
    model = Scripted([ScriptedReply("No air at all.", endless=True, delay=0.001)])
    run = Run(model, limits=Limits(seconds=0.3))
    with pytest.raises(BudgetSpent, match=r"0\.3 s"):
        await run.go()
    assert run.loop.unfinished.startswith("No air at all.")
    assert model.abandoned == 1


async def test_an_error_of_the_model_is_the_loops() -> None:
    model = Scripted([ScriptedReply(error=ModelUnreachable("Gone.", hint="Wait."))])
    with pytest.raises(ModelUnreachable, match=r"Gone\.") as caught:
        await Run(model).go()
    assert caught.value.hint == "Wait."


async def test_leaving_the_events_ends_the_model_at_once() -> None:
    model = Scripted([ScriptedReply("So", thoughts="Hm.", endless=True, delay=0.001)])
    run = Run(model)
    events = run.loop.events(ASKED)
    async for event in events:
        if isinstance(event, Thought):
            break
    await events.aclose()
    assert model.abandoned == 1


async def test_a_reply_that_was_too_long_to_ask_for_is_asked_for_with_less() -> None:
    too_long = ScriptedReply(error=ContextTooLong("Too long."))
    model = Scripted([wants(search("Moon")), too_long, "No air [1]."])
    run = await Run(model).go()
    assert run.drafts == ["No air [1]."]
    before, after = model.calls[1][3].content, model.calls[2][3].content
    assert len(after) < len(before)
    assert Status("Too long for the model: reading less", stage="compact") in run.events


def conversation(
    texts: list[str], window: int | None, question: str = "Which river is long?"
) -> tuple[Conversation, Toolbox, list[Message]]:
    """Results of one passage each, in as many calls."""
    ledger = Ledger(question)
    tools = Toolbox((), Budget(), ledger)
    messages = [*ASKED]
    for i, text in enumerate(texts):
        ((n, _, _),) = ledger.add([passage(i, text)])
        ledger.visible.add(n)
        request = ToolRequest(f"c{i}", "search_library", {"query": str(i)})
        tools.outputs[request.id] = ToolOutput("Found.", found=(n,), full=frozenset([n]))
        messages.append(Message("assistant", "", tool_requests=(request,)))
        text = tools.text(tools.outputs[request.id])
        messages.append(Message("tool", text, tool_id=request.id))
    model = Scripted([], context_window=window)
    return Conversation(model, tools, 100), tools, messages


def length(messages: list[Message]) -> int:
    return sum(len(message.content) for message in messages) // 4


def test_a_short_conversation_is_sent_as_it_is() -> None:
    talk, _, messages = conversation(["A river."] * 3, 8000)
    assert talk.fitted(messages) == messages


def test_a_long_conversation_stays_within_the_window_and_keeps_what_is_needed() -> None:
    texts = [f"Text {n} is about stones. " * 20 for n in range(40)]
    texts[3] = "The longest river is the Nile. " * 20
    talk, tools, messages = conversation(texts, 3000)
    sent = talk.fitted(messages)
    assert length(sent) < 3000
    results = [message.content for message in sent if message.role == "tool"]
    assert "Nile" in results[3]
    assert "Text 39" in results[39]
    assert results[0].startswith("Found. (shortened)\n[1] 0.txt, line 1")
    assert 1 not in tools.ledger.visible
    # Until the bound is met again, nothing that was sent changes.
    assert talk.fitted(messages) == sent


def test_a_conversation_without_a_known_window_is_bounded_too() -> None:
    texts = [f"Text {n} is about stones. " * 40 for n in range(200)]
    talk, _, messages = conversation(texts, None)
    assert length(messages) > 40_000
    assert length(talk.fitted(messages)) < 20_000


def test_long_results_that_are_no_passages_give_way_but_for_their_beginning() -> None:
    ledger = Ledger()
    tools = Toolbox((), Budget(), ledger)
    messages = [*ASKED]
    for i in range(20):
        tools.outputs[f"c{i}"] = ToolOutput(f"{i}: " + "names, " * 500)
        messages.append(Message("tool", "", tool_id=f"c{i}"))
    sent = Conversation(Scripted([], context_window=8000), tools, 100).fitted(messages)
    assert length(sent) < 8000
    assert sent[2].content.endswith("(shortened)")
    assert not sent[-1].content.endswith("(shortened)")


def test_nothing_is_sent_to_langchains_makers_whatever_the_environment_says() -> None:
    asked = {"LANGCHAIN_TRACING_V2": "true", "LANGSMITH_TRACING": "true"}
    program = (
        "import sys, agent.loop, agent.modes.agentic;"
        "assert not any(m.startswith('lang') for m in sys.modules);"
        "import agent.loop.graph; from langsmith.utils import tracing_is_enabled;"
        "assert not tracing_is_enabled()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, **asked})


async def test_the_usage_of_a_reply_reaches_the_events_whole() -> None:
    usage = ModelUsage(input_tokens=7, output_tokens=5, cached_tokens=3, cost=0.1)
    run = await Run(Scripted([ScriptedReply("No air [1].", usage=usage)])).go()
    assert run.of(Usage) == [Usage(7, 5, 3, 0.1)]


async def test_the_steps_of_a_call_are_events_of_the_loop_before_its_result() -> None:
    heard = asyncio.Event()

    class Slow:
        repeats = True
        spec = ToolSpec("slow", "Take a while.", {"type": "object", "properties": {}})

        def doing(self, arguments: dict[str, Any]) -> Status:
            return Status("Going slowly", stage="tool")

        async def call(self, arguments: dict[str, Any]) -> ToolOutput:
            raise AssertionError("one that tells is asked to tell")

        async def call_telling(
            self, arguments: dict[str, Any], told: Callable[[Status], None]
        ) -> ToolOutput:
            told(Status("half way", stage="tool"))
            await heard.wait()
            return ToolOutput("There.")

    async def review(draft: str, emit: Callable[[Event], None]) -> str:
        return ""

    tools = Toolbox([Slow()], Budget(), Ledger("q"))
    loop = ToolLoop(Scripted([wants(("slow", {})), "Done."]), tools, review)
    kinds = []
    async for event in loop.events(ASKED):
        if event == Status("half way", stage="tool"):
            heard.set()  # it arrives while the tool runs
        kinds.append(type(event).__name__)
    assert kinds[1:5] == ["Status", "ToolCall", "Status", "ToolResult"]
