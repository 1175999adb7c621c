"""`agent mcp`: be an MCP server, see the configured ones, and be configured elsewhere."""

from __future__ import annotations

import click

from agent.cli import exits
from agent.cli.group import Group
from agent.cli.mcp_install import install
from agent.cli.mcp_serve import serve
from agent.cli.mcp_servers import list_, show, test
from agent.cli.terminal import Console


@click.group(name="mcp", cls=Group, invoke_without_command=True)
@click.pass_context
def mcp(context: click.Context) -> int:
    """Use other programs' tools, and lend them yours, by the Model Context Protocol."""
    if context.invoked_subcommand is None:
        console: Console = context.obj
        return show(console, None, as_json=False)
    return exits.OK


mcp.add_command(serve)
mcp.add_command(list_)
mcp.add_command(test)
mcp.add_command(install)
