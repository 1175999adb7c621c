"""The MCP servers that this program brings for its own use: off until their user allows them."""

from __future__ import annotations

import sys

from agent.mcp_entry import Entry

WEB = "web"


def built_in() -> tuple[Entry, ...]:
    """Their entries. `{"mcpServers": {"web": {"enabled": true}}}` in the user's file allows one.

    Not `agent`, but the interpreter that runs now: another program has that name too. `-P` keeps
    what lies in the current folder from being taken for ours.
    """
    web = ("-P", "-m", "agent", "mcp", "serve", WEB)
    return (Entry(WEB, "built-in", command=sys.executable, args=web, enabled=False),)
