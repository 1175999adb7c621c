"""Other people's MCP servers: started when first needed, held, restarted, closed, called.

`client.py` is the room's face; `held.py` keeps one server; `session.py` is one connection of mcp's
client, and `transport.py` its way there; `process.py` runs a command and ends its whole group. Who
may call what is decided in `agent.approvals`, and how a model sees the tools in `agent.mcp_tools`.
"""

from agent.mcp_client.client import McpClient, ServerState
from agent.mcp_client.shapes import (
    Ask,
    Definition,
    McpFailed,
    Outcome,
    Progress,
    Question,
    Reply,
)

__all__ = [
    "Ask",
    "Definition",
    "McpClient",
    "McpFailed",
    "Outcome",
    "Progress",
    "Question",
    "Reply",
    "ServerState",
]
