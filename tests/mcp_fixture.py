"""A small MCP server, run as a real process: `python -m tests.mcp_fixture [HOST:PORT]`.

Over standard input and output, or with an address over streamable HTTP there. Its tools do what a
client must stand: they die, hang, make progress, give too much, and change while nobody looks.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ImageContent, TextContent, ToolAnnotations

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
SENDS = ToolAnnotations(read_only_hint=False, open_world_hint=True)


def build() -> MCPServer:
    """The server. `$FIXTURE_SAYS` changes a description, `$FIXTURE_MANY` adds tools."""
    server = MCPServer("fixture", version="1.0")

    @server.tool(annotations=READS, structured_output=False)
    def echo(text: str) -> str:
        """Give the text back."""
        return text

    @server.tool(annotations=SENDS, structured_output=False, description=_says())
    def send(text: str) -> str:
        return f"sent {text}"

    @server.tool(annotations=READS, structured_output=False)
    def large(megabytes: float) -> str:
        """Give a text of that size, with a needle near its end."""
        line = "all work and no play makes a dull page\n"
        size = int(megabytes * 1_000_000)
        return (line * (size // len(line) + 1))[: size - 20] + " the needle is here."

    @server.tool(annotations=READS)
    def weather(city: str) -> dict[str, Any]:
        """Structured weather."""
        return {"city": city, "degrees": 21}

    @server.tool(annotations=READS, structured_output=False)
    def picture() -> list[TextContent | ImageContent]:
        """A picture."""
        data = base64.b64encode(b"\x89PNG" + bytes(3000)).decode()
        return [
            TextContent(text="here it is"),
            ImageContent(data=data, mime_type="image/png"),
        ]

    @server.tool(annotations=READS, structured_output=False)
    async def slow(steps: int, seconds: float, ctx: Context) -> str:
        """Take steps, telling of each."""
        for step in range(steps):
            await ctx.report_progress(step + 1, steps, f"step {step + 1}")
            await asyncio.sleep(seconds)
        return "done"

    @server.tool(annotations=READS, structured_output=False)
    async def hang() -> str:
        """Never answer."""
        await asyncio.Event().wait()
        return ""

    @server.tool(structured_output=False)
    def die(mark: str) -> str:
        """End the process in the middle of a call, and leave a mark."""
        with Path(mark).open("a") as file:
            file.write("x")
        print("out of cheese", file=sys.stderr, flush=True)
        os._exit(7)

    @server.tool(annotations=READS, structured_output=False)
    def die_reading(mark: str) -> str:
        """End the process at the first call; at later ones, answer."""
        before = Path(mark).exists()
        Path(mark).write_text("x")
        if not before:
            os._exit(7)
        return "read at last"

    @server.tool(annotations=READS, structured_output=False)
    def child() -> str:
        """Start a process that outlives its parent, if it is let."""
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        return str(subprocess.Popen(command).pid)

    @server.tool(annotations=READS, structured_output=False)
    def fail() -> str:
        """Go wrong."""
        raise ValueError("no such town; try another")

    for n in range(int(os.environ.get("FIXTURE_MANY", "0"))):
        words = f"Number {n} of many tools. " + "Long and tedious words. " * 20
        named = server.tool(
            name=f"many_{n}", annotations=READS, structured_output=False, description=words
        )
        named(echo)
    return server


def _says() -> str:
    words = os.environ.get("FIXTURE_SAYS", "")
    if words and Path(words).exists():
        words = Path(words).read_text()
    return words or "Send the text away."


def main() -> None:
    """Serve."""
    print("a banner that is no message", flush=True)
    server = build()
    if len(sys.argv) > 1:
        host, _, port = sys.argv[1].partition(":")
        server.run("streamable-http", host=host, port=int(port))
    else:
        print("fixture ready", file=sys.stderr, flush=True)
        server.run("stdio")


if __name__ == "__main__":
    main()
