"""How the tests of the gateway ask, and what they ask with."""

from __future__ import annotations

from typing import Any

from agent.messages import (
    Delta,
    Message,
    TextDelta,
    ToolSpec,
)
from agent.models.gateway import Gateway

KEY = "sk-loopback-0123456789abcdef"
MODEL = "openai/gpt-4o-mini"
HELLO = (Message("user", "Hello?"),)
SEARCH = ToolSpec("search", "Look it up.", {"type": "object", "properties": {}})


class Naps:
    """A sleep that only notes how long it should have been."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


async def collect(gateway: Gateway, **options: Any) -> list[Delta]:
    return [delta async for delta in gateway.stream(HELLO, **options)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
