"""What a user can do about an MCP server that cannot be used, where its error does not say."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.mcp_entry import Entry


def advice(entry: Entry, error: str, log: str = "") -> str:
    """What to type, or to change, next.

    Args:
        entry: The server's.
        error: Why it cannot be used.
        log: Where what it says is kept.
    """
    if not entry.url:
        kept = f"Read its log, {log}, or run it by hand" if log else "Run it by hand"
        return f"{kept}: {entry.shown}"
    if not re.search(r"\bHTTP 40[13]\b", error):
        return f"See whether it is there: curl -i {quote(entry.url)}"
    if entry.headers:
        return f"It does not take what 'headers' gives it: see the entry in {entry.file}"
    return (
        "Logging in (OAuth) is not built in. Make a token at that service, export TOKEN=… and "
        f'give the entry in {entry.file} "headers": {{"Authorization": "Bearer ${{TOKEN}}"}}'
    )
