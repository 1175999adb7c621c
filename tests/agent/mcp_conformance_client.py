"""Our MCP client as the public conformance suite drives it: one scenario, at one address.

The suite starts a server of its own, runs this program with the server's URL, names the scenario in
the environment, and judges what the server saw. What is under test is `McpClient`, opened as the
program opens it; here is only which tools each scenario wants called, and what its user says.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent.mcp_client import McpClient, Question, Reply
from agent.mcp_entry import Entry


async def main(url: str, scenario: str, context: dict[str, Any]) -> None:
    """Open the server, list its tools, and make the calls of the scenario."""
    entry = Entry("suite", "user", url=url)
    with tempfile.TemporaryDirectory() as logs:
        async with McpClient((entry,), Path(logs), may_run=yes, ask=ask) as client:
            await client.open()
            for state in client.states():
                print(state.state, state.about, state.error, [tool.name for tool in state.tools])
            for tool, arguments in calls(client, scenario, context):
                outcome = await client.call("suite", tool, arguments)
                print(tool, outcome)


def calls(
    client: McpClient, scenario: str, context: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Which tools are called, with what."""
    if "toolCalls" in context:
        return [(call["name"], call["arguments"]) for call in context["toolCalls"]]
    if scenario == "json-schema-ref-no-deref":
        return []  # its server answers no calls
    if scenario == "json-schema-2020-12-preservation":
        known = client.tool("suite", "json_schema_2020_12_tool")
        return [("json_schema_echo", {"schema": known.schema if known else None})]
    numbers = {"a": 5, "b": 3}
    return [
        (tool.name, {n: numbers[n] for n in tool.schema.get("properties", {}) if n in numbers})
        for tool in client.tools
    ]


async def yes(entry: Entry) -> bool:
    return True


async def ask(question: Question) -> Reply:
    """A person who agrees to everything and fills nothing in."""
    return Reply("accept")


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            os.environ["MCP_CONFORMANCE_SCENARIO"],
            json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")),
        )
    )
