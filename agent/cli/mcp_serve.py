"""`agent mcp serve`: be an MCP server, for other programs to use.

Other programs start it with each of theirs, and wait for its tools: nothing is loaded here before
it is needed. What the servers can do is said in `mcp_servers`; here they get what they work with.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, is_terminal
from agent.errors import UsageError

if TYPE_CHECKING:
    import socket

    from agent.cli.mcp_research import HeldResearch
    from agent.cli.mcp_services import Held
    from mcp_servers.serving import Server

SERVERS = ("knowledge", "web", "research", "all")


@command(name="serve")
@click.argument("server", type=click.Choice(SERVERS), default="knowledge", metavar="[SERVER]")
@click.option("--http", metavar="HOST:PORT", help="Serve HTTP here, on this machine only.")
@click.option("--allow-write", is_flag=True, help="Let clients add to the library.")
def serve(console: Console, server: str, http: str | None, allow_write: bool) -> int:
    """Be an MCP server: SERVER is knowledge (your library), web, research, or all of them in one.

    Speaks on standard input and output, unless --http is given. Another program starts it; to
    have it do so: agent mcp install CLIENT
    """
    import gc
    import logging

    # Most of the start is imports, of which little is ever garbage.
    gc.disable()
    from agent.cli.mcp_research import HeldResearch
    from agent.cli.mcp_services import Held
    from agent.wiring import Parts

    # Before the SDK sets up its own, which paints traces of each wrong request.
    level = logging.INFO if console.verbose else logging.CRITICAL
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # some loggers have a level of their own

    bound = bind(http) if http else None

    def make() -> Parts:
        return Parts.from_env({"library": console.library}, notify=console.note)

    parts = make()
    held, research = Held(parts), HeldResearch(make, parts.config.model)
    built = _build(server, held, research, allow_write)

    async def close() -> None:
        await research.close()
        await held.close()

    gc.freeze()
    gc.enable()
    import asyncio

    from mcp_servers.serving import PATH, over_http, over_stdio

    if bound is not None:
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        console.note(f"Serving on http://{shown}:{port}{PATH} until Ctrl-C.")
        asyncio.run(over_http(built, bound, close))
    else:
        if is_terminal(sys.stdin):
            console.note("This speaks MCP with the program that starts it. Ctrl-C ends it.")
            console.hint("agent mcp install CLIENT")
        asyncio.run(over_stdio(built, close))
    return exits.OK


def _build(name: str, held: Held, research: HeldResearch, allow_write: bool) -> Server:
    from agent import __version__

    lent: dict[str, Server] = {}
    if name in ("web", "all"):
        from mcp_servers import web

        lent["web"] = web.build(held.for_web(writes=allow_write), version=__version__)
    if name in ("research", "all"):
        from mcp_servers import research as researching

        lent["research"] = researching.build(research.runs, version=__version__)
    if name in lent:
        return lent[name]
    from mcp_servers import knowledge

    services = held.for_knowledge(writes=allow_write)
    return knowledge.build(services, version=__version__, lent=lent)


def bind(address: str) -> socket.socket:
    """A socket on a loopback address.

    Raises:
        UsageError: It is none, or it is taken.
    """
    import ipaddress
    import socket

    name, _, digits = address.rpartition(":")
    name = name.strip("[]") or "127.0.0.1"
    try:
        host = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
        port = int(digits)
        if not host.is_loopback or not 0 <= port < 65_536:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--http must be a port of this machine only, not {address}.",
            hint="agent mcp serve --http 127.0.0.1:8765",
        ) from None
    bound = socket.socket(socket.AF_INET6 if host.version == 6 else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((str(host), port))
        bound.listen()  # who is told the address may call at once
    except OSError as error:
        bound.close()
        raise UsageError(
            f"{address} cannot be used: {error.strerror or error}.",
            hint="Take another port; 0 takes any that is free.",
        ) from error
    return bound
