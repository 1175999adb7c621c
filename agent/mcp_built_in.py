"""The MCP servers that this program brings for its own use: off until their user allows them."""

from __future__ import annotations

import sys

from agent.mcp_entry import Entry

WEB = "web"
_GIVEN = ("BRAVE_API_KEY", "TAVILY_API_KEY", "AGENT_SEARXNG_URL", "AGENT_ALLOW_HOSTS")
"""Variables that it searches and fetches by, which no server inherits; empty where they are not
set."""


def built_in() -> tuple[Entry, ...]:
    """Their entries. `{"mcpServers": {"web": {"enabled": true}}}` in the user's file allows one.

    Not `agent`, but the interpreter that runs now: another program has that name too. `-P` keeps
    what lies in the current folder from being taken for ours.
    """
    web = ("-P", "-m", "agent", "mcp", "serve", WEB)
    given = {name: f"${{{name}:-}}" for name in _GIVEN}
    return (Entry(WEB, "built-in", command=sys.executable, args=web, env=given, enabled=False),)
