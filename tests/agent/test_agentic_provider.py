"""The agentic mode over a provider's server: what goes over the wire, and when it is closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.events import Status, Thought, ToolCall
from agent.models.gateway import Gateway
from agent.modes.agentic import Agentic
from agent.session import Session
from tests.agent.test_agentic import GOOD, QUESTION, TEXTS, ask
from tests.fakes import MemoryLibrary
from tests.loopback import Loopback, Reply


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


def by_tools(body: dict[str, Any]) -> Reply:
    """Searches once, reads on once, then answers with the number that it was shown."""
    results = [m for m in body["messages"] if m["role"] == "tool"]
    if len(results) == 1:
        arguments = json.dumps({"query": "far side of the Moon"})
        return Reply("Now the Moon.", tool_calls=(("t1", "search_library", arguments),),
                     finish="tool_calls")  # fmt: skip
    if len(results) == 2:
        return Reply("", tool_calls=(("t1", "read_document", '{"id": "mars.txt"}'),),
                     finish="tool_calls")  # fmt: skip
    return Reply(GOOD)


async def test_a_provider_with_tool_calls_drives_the_loop(server: Loopback) -> None:
    server.reply = by_tools
    model = Gateway("openai/test", api_base=server.base_url, api_key="k")
    try:
        events, done = await ask(model)
    finally:
        await model.aclose()
    assert done.outcome == "grounded"
    names = [event.name for event in events if isinstance(event, ToolCall)]
    assert names == ["search_library", "search_library", "read_document"]
    assert Thought("Now the Moon.") in events
    assert len(server.requests) == 3
    offered = {tool["function"]["name"] for tool in server.requests[0]["tools"]}
    assert offered == {"search_library", "read_document", "list_sources"}
    sent = server.requests[-1]["messages"]
    calls = [call["id"] for m in sent for call in m.get("tool_calls") or ()]
    assert calls == [m["tool_call_id"] for m in sent if m["role"] == "tool"]
    assert len(set(calls)) == 3


async def test_a_cancel_in_the_loop_closes_the_connection(server: Loopback) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        server.fail("slow")
        return by_tools(body)

    server.reply = reply
    model = Gateway("openai/test", api_base=server.base_url, api_key="k")
    task = asyncio.create_task(ask(model))
    while not server.tokens > 20:
        assert not task.done()
        await asyncio.to_thread(server.speaking.wait, 0.02)
    task.cancel()
    assert await asyncio.to_thread(server.left.wait, 1.0)
    with pytest.raises(asyncio.CancelledError):
        await task
    said = server.tokens
    assert await asyncio.to_thread(server.wait_until_alone, 10)
    assert server.tokens == said
    await model.aclose()


async def test_leaving_the_events_closes_the_connection(server: Loopback) -> None:
    server.fail("slow")
    model = Gateway("openai/test", api_base=server.base_url, api_key="k")
    library: Any = MemoryLibrary(TEXTS)
    session = Session(modes={"m": Agentic()}, model=model, library=library, mode="m")
    stream = session.ask(QUESTION)
    async for event in stream:
        if isinstance(event, Status) and event.stage == "plan":
            break
    onward = asyncio.ensure_future(anext(stream))
    assert await asyncio.to_thread(server.speaking.wait, 60)
    onward.cancel()
    await asyncio.gather(onward, return_exceptions=True)
    assert await asyncio.to_thread(server.left.wait, 1.0)
    await stream.aclose()
    await model.aclose()
