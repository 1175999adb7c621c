"""The gateway against a server that fails: what goes wrong, and what to type next."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import (
    BadModelOutput,
    ContextTooLong,
    MissingKey,
    ModelError,
    ModelUnreachable,
    RateLimited,
    UnknownModel,
)
from agent.messages import (
    Delta,
)
from agent.models.gateway import Gateway, reach
from tests.agent.models.asking import HELLO, KEY, Naps, collect, text_of
from tests.loopback import Loopback, Reply


async def test_a_refused_key_names_the_variable_to_set_and_shows_no_key(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("401")
    with pytest.raises(MissingKey) as caught:
        await collect(connect())
    assert "export OPENAI_API_KEY=" in caught.value.hint
    assert "[hidden]" in str(caught.value)
    assert KEY not in str(caught.value) + caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("model", "variable"),
    [("openai/gpt-4o", "OPENAI_API_KEY"), ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY")],
)
async def test_a_provider_without_a_key_names_the_variable_to_set(
    connect: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch, model: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    gateway = connect(model, api_base=None, api_key=None)
    assert gateway.missing_keys() == (variable,)
    with pytest.raises(MissingKey, match=f"{variable} is not set") as caught:
        await collect(gateway)
    assert f"export {variable}=" in caught.value.hint


async def test_a_model_that_the_server_lacks_is_unknown(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("404")
    with pytest.raises(UnknownModel, match="does not exist") as caught:
        await collect(connect())
    assert "--model" in caught.value.hint


async def test_a_name_without_a_provider_is_unknown_and_says_how_names_look(
    connect: Callable[..., Gateway],
) -> None:
    with pytest.raises(UnknownModel, match="'nonsense'") as caught:
        await collect(connect("nonsense", api_base=None))
    assert "openai/" in caught.value.hint


async def test_a_rate_limit_is_waited_out_for_as_long_as_the_provider_asks(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("429", times=2, retry_after="7")
    naps = Naps()
    assert text_of(await collect(connect(sleep=naps))) == "The first source says so [1]."
    assert len(naps.asked) == 2
    assert min(naps.asked) >= 7


async def test_a_rate_limit_that_lasts_is_told_after_the_retries(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("429")
    with pytest.raises(RateLimited) as caught:
        await collect(connect(retries=2))
    assert len(server.requests) == 3
    assert "embedded" in caught.value.hint


async def test_a_wait_that_is_too_long_is_told_at_once(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("429", retry_after="300")
    with pytest.raises(RateLimited) as caught:
        await collect(connect())
    assert "in 300 s" in caught.value.hint
    assert len(server.requests) == 1


async def test_a_failing_server_is_asked_again_with_longer_pauses(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("500", times=3)
    naps = Naps()
    assert text_of(await collect(connect(sleep=naps))) == "The first source says so [1]."
    assert all(nap <= 0.5 * 2**n for n, nap in enumerate(naps.asked))
    assert len(server.requests) == 4


async def test_a_server_that_goes_on_failing_is_unreachable(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("500")
    with pytest.raises(ModelUnreachable, match="status 500: The server had an error"):
        await collect(connect(retries=1))
    assert len(server.requests) == 2


async def test_a_prompt_that_is_too_long_is_told_as_such(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("context")
    with pytest.raises(ContextTooLong, match="100 tokens"):
        await collect(connect())
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["cut", "quiet_cut", "stalled"])
async def test_an_answer_that_breaks_off_gives_what_there_was_and_then_an_error(
    server: Loopback, connect: Callable[..., Gateway], kind: Any
) -> None:
    server.fail(kind, after=3)
    heard: list[Delta] = []

    async def listen() -> None:
        async for delta in connect(timeout=0.5).stream(HELLO):
            heard.append(delta)

    with pytest.raises(BadModelOutput, match="broke off") as caught:
        await listen()
    assert text_of(heard) == "The first source "
    assert "Ask again" in caught.value.hint
    assert len(server.requests) == 1


async def test_an_answer_that_is_cut_before_its_first_word_is_asked_for_again(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("cut", times=1, after=0)
    assert text_of(await collect(connect())) == "The first source says so [1]."
    assert len(server.requests) == 2


async def test_a_page_that_is_no_answer_is_called_so(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("garbage")
    with pytest.raises(BadModelOutput, match="no answer") as caught:
        await collect(connect())
    assert "/v1" in caught.value.hint


async def test_an_empty_answer_is_no_answer(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("empty")
    with pytest.raises(BadModelOutput, match="empty answer"):
        await collect(connect())


async def test_an_answer_that_was_all_thought_asks_for_more_tokens(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.reply = Reply("", reasoning="hm hm hm", finish="length")
    with pytest.raises(BadModelOutput, match="used up its 3 tokens") as caught:
        await collect(connect(), max_tokens=3)
    assert "--max-tokens" in caught.value.hint


async def test_a_withheld_answer_is_told_as_such(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.reply = Reply("Well", finish="content_filter")
    with pytest.raises(BadModelOutput, match="content filter"):
        await collect(connect())


async def test_a_server_that_never_answers_is_given_up_after_one_time_out(
    server: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("hang")
    with pytest.raises(ModelUnreachable, match=r"within 0\.3 s"):
        await collect(connect(timeout=0.3))
    assert len(server.requests) == 1
    assert await asyncio.to_thread(server.left.wait, 1.0)


async def test_a_server_that_is_not_there_is_named_without_the_password_in_its_address(
    connect: Callable[..., Gateway],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        port = taken.getsockname()[1]
        gateway = connect(api_base=f"http://me:hunter2secret@127.0.0.1:{port}/v1?key=abc")
        with pytest.raises(ModelUnreachable, match=f"http://127.0.0.1:{port}/v1") as caught:
            await collect(gateway)
    assert "hunter2secret" not in str(caught.value)
    assert "key=" not in str(caught.value)
    assert "agent doctor" in caught.value.hint


@pytest.mark.parametrize("kind", ["401", "404", "500", "cut", "garbage", "context"])
async def test_nothing_is_printed_whatever_fails(
    server: Loopback,
    connect: Callable[..., Gateway],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    kind: Any,
) -> None:
    server.fail(kind)
    with pytest.raises(ModelError):
        await collect(connect(retries=0))
    assert capfd.readouterr() == ("", "")
    assert [r for r in caplog.records if "LiteLLM" in r.name] == []


def test_a_local_server_without_an_address_is_looked_for_on_this_machine() -> None:
    for name in ("lm_studio/qwen", "hosted_vllm/qwen"):
        target, call = reach(name, None, None)
        assert target["api_base"].startswith("http://localhost:")
        assert call.base == target["api_base"]
