"""What is known of a model without asking anybody."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from agent.models.gateway import Gateway, load, price
from tests.agent.models.asking import MODEL


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "name", [MODEL, "anthropic/claude-sonnet-4-5", "ollama_chat/llama3.2", "meta-llama/llama-3-8b"]
)
def test_tokens_are_counted_offline(no_network: None, name: str) -> None:
    assert 4 <= Gateway(name).count("Where does the rain fall?") <= 8


def test_a_listed_model_has_a_window_and_an_unlisted_one_has_none(no_network: None) -> None:
    assert Gateway(MODEL).context_window == 128_000
    assert Gateway("anthropic/claude-sonnet-4-5").context_window == 200_000
    assert Gateway("openai/my-own-model").context_window is None
    assert Gateway("ollama_chat/gpt-4o").context_window is None


def test_a_model_calls_tools_unless_it_is_listed_as_one_that_cannot(no_network: None) -> None:
    assert Gateway(MODEL).can_call_tools
    assert Gateway("openai/my-own-model").can_call_tools
    assert not Gateway("gpt-3.5-turbo-instruct").can_call_tools


def test_a_model_on_the_users_own_machine_costs_nothing() -> None:
    assert price("ollama_chat/llama3.2", None) == 0.0
    assert price("openai/my-own-model", None) is None


async def test_warming_twice_from_two_threads_loads_once() -> None:
    await asyncio.gather(Gateway(MODEL).warm(), Gateway(MODEL).warm())
    assert load() is load()
