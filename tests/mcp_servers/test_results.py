"""What all our servers' tools say when they fail."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp.server import MCPServer

from agent.errors import AgentError
from knowledge.errors import KnowledgeError
from mcp_servers.results import tool
from tests.mcp_servers.serving import words


@pytest.mark.parametrize("kind", [AgentError, KnowledgeError])
@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("No engine: timed out", "Try later.", "No engine: timed out. Try later."),
        ("The library is busy.", "agent sync", "The library is busy. agent sync"),
        ("Is it there?", "agent doctor", "Is it there? agent doctor"),
        ("no room", "", "no room."),
    ],
)
async def test_a_failure_is_a_sentence_and_what_to_do_next_is_another(
    kind: type[AgentError | KnowledgeError], message: str, hint: str, said: str
) -> None:
    async def fail() -> dict[str, Any]:
        raise kind(message, hint=hint)

    server = MCPServer("failing", tools=[tool(fail, "Fail.", title="Fail")])
    async with Client(server) as client:
        told = words(await client.call_tool("fail", {}))
    assert told == f"Error executing tool fail: {said}"
