"""Several of our servers as one, for a host that is to start one program only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult, Tool


class Combined(MCPServer[Any]):
    """A server that lends the tools of others, each under the other's name: `web_fetch`.

    Resources and prompts are its own only.
    """

    def __init__(self, name: str, *, lent: Mapping[str, MCPServer[Any]], **rest: Any) -> None:
        """Take the others by name; `rest` is `MCPServer`'s."""
        super().__init__(name, **rest)
        self._lent = {f"{name}_": server for name, server in lent.items()}

    async def list_tools(self) -> list[Tool]:
        """Its own, then theirs."""
        tools = await super().list_tools()
        for prefix, server in self._lent.items():
            for tool in await server.list_tools():
                tools.append(tool.model_copy(update={"name": prefix + tool.name}))
        return tools

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call one of them; see `MCPServer`."""
        for prefix, server in self._lent.items():
            if name.startswith(prefix):
                return await server.call_tool(name.removeprefix(prefix), arguments, context)
        return await super().call_tool(name, arguments, context)


def introduced(instructions: str, lent: Mapping[str, MCPServer[Any]]) -> str:
    """A server's instructions, followed by those of the servers whose tools it lends."""
    parts = [instructions]
    for name, server in lent.items():
        parts.append(f"Tools called {name}_…: {server.instructions or ''}".strip())
    return "\n\n".join(parts)
