"""The gateway against a real server on loopback: what a good answer gives, and stopping."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import (
    UnknownModel,
)
from agent.messages import (
    Message,
    ModelUsage,
    TextDelta,
    ThoughtDelta,
    ToolRequest,
)
from agent.models.gateway import Gateway
from agent.models.wire import MALFORMED
from tests.agent.models.asking import HELLO, KEY, MODEL, SEARCH, collect, text_of
from tests.loopback import Loopback, Reply

# What a good answer gives


async def test_an_answer_is_streamed_and_ends_with_its_usage_and_cost(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.reply = Reply("Bergen has rain [1].", prompt_tokens=1000, cached_tokens=600)
    deltas = await collect(connect())
    assert [d.text for d in deltas if isinstance(d, TextDelta)] == [
        "Bergen ",
        "has ",
        "rain ",
        "[1].",
    ]
    usage = deltas[-1]
    assert isinstance(usage, ModelUsage)
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (1000, 4, 600)
    assert usage.cost is not None
    assert 0 < usage.cost < 0.001
    assert usage.finish == "stop"
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_reasoning_comes_as_thoughts_and_is_no_part_of_the_answer(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.reply = Reply("Yes.", reasoning="Let me see")
    deltas = await collect(connect())
    assert "".join(d.text for d in deltas if isinstance(d, ThoughtDelta)) == "Let me see"
    assert text_of(deltas) == "Yes."


async def test_tool_calls_come_whole_and_before_the_usage(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    calls = (("a", "search", '{"q": "x y", "n": 2}'), ("b", "open", ""))
    server.reply = Reply("", tool_calls=calls, finish="tool_calls")
    *requests, usage = await collect(connect(), tools=[SEARCH])
    assert requests == [
        ToolRequest("a", "search", {"q": "x y", "n": 2}),
        ToolRequest("b", "open", {}),
    ]
    assert isinstance(usage, ModelUsage)
    assert usage.finish == "tools"
    assert server.requests[0]["tools"][0]["function"]["name"] == "search"


@pytest.mark.parametrize("written", ['{"q": "x', "[1, 2]", "seven"])
async def test_arguments_that_are_no_json_object_reach_the_loop_as_written(
    server: Loopback, connect: Callable[..., Gateway], written: str
) -> None:
    server.reply = Reply("", tool_calls=(("a", "search", written),), finish="tool_calls")
    request = (await collect(connect(), tools=[SEARCH]))[0]
    assert request == ToolRequest("a", "search", {MALFORMED: written})


async def test_a_conversation_with_tools_is_sent_in_the_shape_that_providers_read(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    messages = (
        Message("system", "Be brief."),
        Message("user", "Rain?"),
        Message("assistant", "", tool_requests=(ToolRequest("a", "search", {"q": "rain"}),)),
        Message("tool", "It rains.", tool_id="a"),
    )
    gateway = connect(temperature=0.2)
    assert [d async for d in gateway.stream(messages, tools=[SEARCH], max_tokens=50)]
    sent = server.requests[0]
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    call = sent["messages"][2]["tool_calls"][0]
    assert (call["id"], call["function"]["arguments"]) == ("a", '{"q": "rain"}')
    assert sent["messages"][3]["tool_call_id"] == "a"
    assert (sent["temperature"], sent["max_tokens"]) == (0.2, 50)


async def test_an_answer_cut_at_the_token_limit_says_so(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.reply = Reply("Half an", finish="length")
    usage = (await collect(connect()))[-1]
    assert isinstance(usage, ModelUsage)
    assert usage.finish == "length"


async def test_a_model_of_unknown_price_costs_nobody_knows_what(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    usage = (await collect(connect("openai/my-own-model")))[-1]
    assert isinstance(usage, ModelUsage)
    assert usage.cost is None
    assert usage.output_tokens == 6


async def test_a_server_of_ones_own_needs_no_key(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    assert text_of(await collect(connect(api_key=None))) == "The first source says so [1]."


def test_one_gateway_serves_two_event_loops_one_after_the_other(server: Loopback) -> None:
    gateway = Gateway(MODEL, api_base=server.base_url, api_key=KEY)

    async def ask(last: bool) -> str:
        text = text_of(await collect(gateway))
        if last:
            await gateway.aclose()
        return text

    assert asyncio.run(ask(False)) == asyncio.run(ask(True)) == "The first source says so [1]."


async def test_closing_one_gateway_leaves_the_answer_of_another_alone(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    one, other = connect(), connect()
    await collect(one)
    stream = other.stream(HELLO)
    first = await anext(stream)
    await one.aclose()
    rest = [delta async for delta in stream]
    assert text_of([first, *rest]) == "The first source says so [1]."


# Stop


@pytest.mark.parametrize("kind", ["slow", "stalled", "hang"])
async def test_cancelling_the_task_hangs_up_at_once(
    server: Loopback, connect: Callable[..., Gateway], kind: Any
) -> None:
    server.fail(kind)
    task = asyncio.create_task(collect(connect()))
    assert await asyncio.to_thread(server.speaking.wait, 20.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.left.wait, 1.0)


async def test_closing_the_generator_hangs_up_at_once(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("slow")
    stream = connect().stream(HELLO)
    await anext(stream)
    await stream.aclose()
    assert await asyncio.to_thread(server.left.wait, 1.0)


async def test_leaving_at_any_moment_leaves_no_warning(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    gateway = connect()
    for rounds in range(60):
        task = asyncio.create_task(collect(gateway))
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    gc.collect()


async def test_closing_the_gateway_closes_its_kept_connections(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("404", times=1)  # a short answer is read to its end, and its connection kept
    gateway = connect()
    with pytest.raises(UnknownModel):
        await collect(gateway)
    assert not server.wait_until_alone(0)
    await gateway.aclose()
    assert await asyncio.to_thread(server.wait_until_alone, 1.0)
    assert text_of(await collect(gateway)), "a later answer opens a new one"
