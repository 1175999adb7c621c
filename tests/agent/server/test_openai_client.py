"""OpenAI's own client against the server: what it sends and what it can read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.messages import ToolRequest
from agent.models.script_file import ScriptedReply
from tests.agent.server.hosted import TOKEN, hosted
from tests.fakes import HashingEmbedder


@asynccontextmanager
async def client(
    *replies: ScriptedReply | str, key: str = TOKEN, **rest: Any
) -> AsyncIterator[Any]:
    from openai import AsyncOpenAI

    async with hosted(replies, **rest) as server:
        server.hosting.parts.embedder = server.hosting.parts.embedder or HashingEmbedder()
        yield AsyncOpenAI(
            api_key=key,
            base_url="http://localhost/v1",
            http_client=server.client,
            max_retries=0,
        )


async def test_a_streamed_conversation_with_a_follow_up_is_cited() -> None:
    settings = {"model": "embedded"}
    async with client(settings=settings) as openai:
        messages = [{"role": "user", "content": "Does the Moon have air?"}]
        first, cited = await streamed(openai, messages)
        assert "The Moon has no" in first
        assert "Sources:\n[1] The Moon" in first
        assert cited[0]["quote"] == "The Moon has no air."
        messages += [
            {"role": "assistant", "content": first},
            {"role": "user", "content": "What is its radius?"},
        ]
        second, cited = await streamed(openai, messages)
    assert "1,737" in second
    assert cited[0]["source"].endswith("moon.md")


async def streamed(openai: Any, messages: list[dict[str, str]]) -> tuple[str, Any]:
    text, about, used = "", None, None
    stream = await openai.chat.completions.create(
        model="understudy",
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        about = getattr(chunk, "understudy", None) or about
        used = chunk.usage or used
    assert used is not None
    assert about is not None
    return text, about["citations"]


async def test_a_tool_round_goes_through_the_client() -> None:
    wanted = ScriptedReply(tool_requests=(ToolRequest("c", "clock", {}),))
    tools = [{"type": "function", "function": {"name": "clock", "parameters": {}}}]
    async with client(wanted, "The Moon has no air. [1]") as openai:
        messages: list[Any] = [{"role": "user", "content": "Does the Moon have air at this hour?"}]
        answer = await openai.chat.completions.create(
            model="understudy/agentic", messages=messages, tools=tools
        )
        (choice,) = answer.choices
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls
        messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "Noon."}]
        answer = await openai.chat.completions.create(
            model="understudy/agentic", messages=messages, tools=tools
        )
    assert answer.choices[0].message.content.startswith("The Moon has no air. [1]")
    assert answer.understudy["outcome"] == "grounded"


async def test_models_and_embeddings_are_read() -> None:
    async with client(documents=None) as openai:
        names = [model.id async for model in openai.models.list()]
        # It asks for base64 of itself, and reads it.
        answer = await openai.embeddings.create(model="understudy/embedding", input=["a moon"])
    assert names[0] == "understudy"
    assert answer.data[0].embedding == HashingEmbedder().embed(["a moon"])[0].tolist()


async def test_its_own_errors_are_raised() -> None:
    import openai as package

    async with client(documents=None) as openai:
        with pytest.raises(package.NotFoundError, match="does not exist"):
            await openai.models.retrieve("gpt-4o")
        with pytest.raises(package.BadRequestError, match="Only one answer"):
            await openai.chat.completions.create(
                model="understudy", n=2, messages=[{"role": "user", "content": "Moon?"}]
            )
    async with client(documents=None, key="another") as openai:
        with pytest.raises(package.AuthenticationError):
            await openai.models.list()
