from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from agent.events import Status, Token
from agent.messages import ModelUsage, ToolRequest
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.models.wire import MALFORMED
from agent.server.asking import Ask, Ended
from agent.server.chat import whole
from agent.server.completion import Wire, tool_calls
from tests.agent.server.hosted import ME, Hosted, events_of, hosted

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
USER = {"role": "user", "content": "Does the Moon have air, and is it raining in Oslo?"}
SEARCH = ToolRequest("s", "search_library", {"query": "Moon air"})
OSLO = ToolRequest("w", "weather", {"place": "Oslo"})
ANSWER = "The Moon has no air. [1]"


def wanting(*requests: ToolRequest) -> ScriptedReply:
    return ScriptedReply(tool_requests=requests, usage=ModelUsage(20, 5, cost=0.25))


async def ask(server: Hosted, *messages: Any, **fields: Any) -> httpx.Response:
    body = {"model": "understudy", "messages": messages or [USER], "tools": [WEATHER, CLOCK]}
    return await server.client.post("/v1/chat/completions", json={**body, **fields})


def model_of(server: Hosted) -> Scripted:
    assert isinstance(server.hosting.model, Scripted)
    return server.hosting.model


async def test_a_tool_of_the_client_is_offered_beside_the_librarys_and_handed_over() -> None:
    async with hosted([wanting(SEARCH), wanting(OSLO, ToolRequest("c", "clock", {}))]) as server:
        answer = (await ask(server)).json()
        offered = [spec.name for spec in model_of(server).offered[-1]]
    assert {"search_library", "weather", "clock"} <= set(offered)
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "clock"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"place": "Oslo"}
    assert calls[0]["id"] != calls[1]["id"]
    assert answer["usage"]["total_tokens"] == 50, "both replies are counted"


async def test_what_is_said_before_a_call_is_part_of_a_whole_answer_too() -> None:
    class Looking(Ask):
        def __init__(self) -> None:
            self.said = "I shall look."
            self._used = []

        async def events(self) -> AsyncGenerator[Status | Token | Ended, None]:
            yield Ended("", "tool_calls", tuple(tool_calls([OSLO])))

    (choice,) = (await whole(Looking(), Wire("understudy"))).choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I shall look."


async def test_a_tool_may_have_no_description() -> None:
    plain = {"type": "function", "function": {"name": "clock", "description": None}}
    async with hosted([wanting(ToolRequest("c", "clock", {}))]) as server:
        answer = await ask(server, tools=[plain])
    assert answer.status_code == 200, answer.text


async def test_a_stream_hands_the_call_over_in_a_piece_of_its_own() -> None:
    async with hosted([wanting(OSLO)]) as server:
        events = events_of(await ask(server, stream=True))
    deltas = [choice for event in events for choice in event["choices"]]
    (call,) = next(d["delta"]["tool_calls"] for d in deltas if "tool_calls" in d["delta"])
    assert (call["index"], call["type"]) == (0, "function")
    assert deltas[-1]["finish_reason"] == "tool_calls"


async def test_what_the_tool_came_to_is_handed_in_as_data_with_the_same_question() -> None:
    async with hosted([wanting(OSLO), ANSWER]) as server:
        call = (await ask(server)).json()["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "Rain."}
        answer = (await ask(server, USER, call, result)).json()
        asked = model_of(server).calls[1]
    last = next(m for m in reversed(asked) if m.role == "user")
    assert 'weather({"place": "Oslo"}) gave:\nRain.\n~~~' in last.content
    assert USER["content"] in last.content
    assert answer["choices"][0]["message"]["content"].startswith(ANSWER)
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_arguments_that_are_no_json_reach_the_client_as_the_model_wrote_them() -> None:
    async with hosted([wanting(ToolRequest("w", "weather", {MALFORMED: "{Oslo"}))]) as server:
        answer = (await ask(server)).json()
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == "{Oslo"


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        ("none", set()),
        ("auto", {"weather", "clock"}),
        ({"type": "function", "function": {"name": "clock"}}, {"clock"}),
    ],
)
async def test_the_tool_choice_says_which_are_offered(choice: Any, offered: set[str]) -> None:
    async with hosted([ANSWER], loop=True) as server:
        await ask(server, tool_choice=choice, model="understudy/agentic")
        names = {spec.name for spec in model_of(server).offered[0]}
    assert names & {"weather", "clock"} == offered


@pytest.mark.parametrize("choice", ["required", {"function": {"name": "clock"}}])
async def test_a_tool_that_must_be_called_is_refused_where_the_model_calls_none(
    choice: Any,
) -> None:
    async with hosted(settings={"model": "embedded"}) as server:
        refused = await ask(server, tool_choice=choice)
        ignored = await ask(server)
    assert refused.json()["error"]["param"] == "tool_choice"
    assert "embedded" in refused.json()["error"]["message"]
    assert ignored.json()["understudy"]["ignored"] == ["tools"]


@pytest.mark.parametrize(
    ("tools", "choice", "param"),
    [
        (
            [{"type": "function", "function": {"name": "search_library"}}],
            "auto",
            "tools.0.function.name",
        ),
        ([CLOCK, CLOCK], "auto", "tools.1.function.name"),
        ([{"type": "function", "function": {"name": "a b"}}], "auto", "tools.0.function.name"),
        ([{"type": "web_search"}], "auto", "tools.0.type"),
        ([CLOCK], {"type": "function", "function": {"name": "other"}}, "tool_choice"),
        ([], "required", "tool_choice"),
    ],
)
async def test_tools_that_cannot_be_offered_are_refused(
    tools: Any, choice: Any, param: str
) -> None:
    async with hosted([ANSWER], documents=None) as server:
        refused = await ask(server, tools=tools, tool_choice=choice)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param


async def test_a_call_that_is_handed_over_leaves_its_question_in_a_stored_session() -> None:
    async with hosted([wanting(OSLO)]) as server:
        await ask(server, store=True)
        store = server.hosting.transcripts(ME)
        (info,) = store.sessions()
        (turn,) = store.turns(info.id)
    assert turn.question == USER["content"]
    assert turn.state == "failed"


@pytest.mark.parametrize(
    ("field", "value"),
    [("tools", [CLOCK] * 129), ("messages", [USER] * 2001)],
)
async def test_more_tools_or_messages_than_are_looked_at_in_a_moment_are_refused(
    field: str, value: list[Any]
) -> None:
    async with hosted(documents=None) as server:
        answer = await ask(server, **{field: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
