"""`agent mcp list` and `agent mcp test`: the configured servers, tried."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural
from agent.errors import AgentError, ConfigError

if TYPE_CHECKING:
    from agent.approvals import Decide
    from agent.mcp_client import Definition, ServerState
    from agent.mcp_config import Loaded

_FILE = click.option(
    "--mcp-config",
    "given",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read servers from this file, too.",
)


@command(name="list")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(console: Console, given: Path | None, as_json: bool) -> int:
    """Start the configured servers, and show how each stands and what it offers.

    A project's server that has not been allowed is named, and not started.

    Exit code: 0 all that are enabled can be used, 1 one cannot.
    """
    return show(console, given, as_json=as_json)


@command(name="test")
@click.argument("name")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(console: Console, name: str, given: Path | None, as_json: bool) -> int:
    """Start one server and show its tools; a project's asks first, and is remembered.

    Exit code: 0 it can be used, 1 it cannot.
    """
    from agent.cli.approval import terminal
    from agent.mcp_advice import advice

    loaded = _load(given)
    try:
        entry = replace(loaded.entry(name), enabled=True)
    except ConfigError:
        # The one that is meant may be in a file, or an entry, that is wrong.
        _tell(console, loaded)
        raise
    console.transient(f"Starting {name} …")
    state = _try(replace(loaded, entries=(entry,)), terminal(console))[0]
    console.clear()
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(_data(state)))
    elif state.state == "ready":
        click.echo(_line(state))
        for tool in state.tools:
            click.echo(f"  {_tool(tool)}")
    if state.state == "ready":
        return exits.OK
    if not as_json:
        hint = state.hint or advice(entry, state.error, state.log)
        raise AgentError(f"{state.name}: {state.error}", hint=hint)
    return exits.FAILED


def show(console: Console, given: Path | None, *, as_json: bool) -> int:
    """Start all servers, and print how they stand."""
    from agent.approvals import deny
    from agent.mcp_advice import advice

    loaded = _load(given)
    if starting := [entry.name for entry in loaded.entries if entry.enabled]:
        console.transient(f"Starting {', '.join(starting)} …")
    states = _try(loaded, deny)
    console.clear()
    broken = any(state.state in ("failed", "refused") for state in states)
    if as_json:
        from agent.cli.json_text import dump

        problems = [{"error": str(p), "hint": p.hint} for p in loaded.problems]
        click.echo(dump({"servers": [_data(state) for state in states], "problems": problems}))
    else:
        for state in states:
            click.echo(_line(state))
            if state.error:
                entry = loaded.entry(state.name)
                hint = state.hint or advice(entry, state.error, state.log)
                console.error(f"{state.name}: {state.error}", hint)
        if not states:
            console.note("No MCP server is configured.")
            console.hint('put {"mcpServers": {"NAME": {"command": "…", "args": []}}} into '
                         f"{_user_file()}")  # fmt: skip
        _tell(console, loaded)
    return exits.FAILED if broken or loaded.problems else exits.OK


def _tell(console: Console, loaded: Loaded) -> None:
    """What is wrong in the files."""
    for problem in loaded.problems:
        console.error(str(problem), problem.hint)


def _load(given: Path | None) -> Loaded:
    from agent import mcp_config
    from agent.mcp_built_in import built_in
    from agent.paths import Paths

    return mcp_config.load(Paths.from_env(), folder=Path.cwd(), given=given, built_in=built_in())


def _user_file() -> str:
    from agent import mcp_config
    from agent.paths import Paths

    return str(mcp_config.user_file(Paths.from_env()))


def _try(loaded: Loaded, decide: Decide) -> tuple[ServerState, ...]:
    """Start servers, look at them, and end them."""
    from agent.approvals import Trust
    from agent.mcp_client import McpClient
    from agent.paths import Paths

    async def look() -> tuple[ServerState, ...]:
        state = Paths.from_env().state
        trust = Trust(state / "mcp-projects.json", decide)
        async with McpClient(loaded.entries, state / "mcp", may_run=trust.may_run) as client:
            await client.open()
            return client.states()

    return asyncio.run(look())


def _line(state: ServerState) -> str:
    name = one_line(state.name)
    match state.state:
        case "ready":
            took = f"{plural(len(state.tools), 'tool')}, {state.seconds:.1f} s, {state.about}"
        case "off":
            took = "disabled"
        case other:
            took = other
    line = f"{name:<16} {state.state:<8} {one_line(took)}  ({_short(state.runs)})"
    if state.last_error and state.state in ("ready", "off"):
        line += f"\n{'':<16} last error: {one_line(state.last_error)}"
    return line


def _tool(tool: Definition) -> str:
    marks = [
        word
        for word, holds in (
            ("reads", tool.read_only),
            ("may destroy", tool.destructive and not tool.read_only),
            ("reaches out", tool.open_world),
        )
        if holds
    ]
    about = _short(tool.description or tool.title)
    return f"{one_line(tool.name)} ({', '.join(marks) or 'writes'}): {about}"


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= 100 else text[:100].rsplit(" ", 1)[0] + " …"


def _data(state: ServerState) -> dict[str, object]:
    data = asdict(state)
    data["tools"] = [
        {
            "name": tool.name,
            "description": tool.description,
            "read_only": tool.read_only,
            "open_world": tool.open_world,
        }
        for tool in state.tools
    ]
    return data
