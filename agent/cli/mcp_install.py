"""`agent mcp install`: this program as an MCP server in another program's settings.

Only our own entry of a file is touched. A file that cannot be written back as it was (comments,
a key twice, no JSON at all) is left alone, and what would go into it is printed.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.json_insert import insert
from agent.cli.terminal import Console, clean
from agent.cli.text import short_path
from agent.errors import AgentError, UsageError
from agent.whole_file import write_whole

NAME = "understudy"
"""Our entry. Not `agent`, which is anybody's name."""


@dataclass(frozen=True, slots=True)
class Host:
    """A program that can use us, and how it is told."""

    title: str
    root: str
    """The key of its file that holds the servers."""
    next: str
    """What its user does then."""


HOSTS = {
    "claude-desktop": Host("Claude Desktop", "mcpServers", "Restart Claude Desktop."),
    "claude-code": Host("Claude Code", "mcpServers", "Start claude here, and allow it."),
    "cursor": Host("Cursor", "mcpServers", "Open this folder in Cursor, and enable it."),
    "vscode": Host("VS Code", "servers", "Open this folder in VS Code, and start it."),
}


@command(name="install")
@click.argument("client", type=click.Choice(tuple(HOSTS)))
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The settings file, if not the usual one.")  # fmt: skip
@click.option("--print", "only_print", is_flag=True, help="Print the change; write nothing.")
def install(console: Console, client: str, file: Path | None, only_print: bool) -> int:
    """Have another program use your library: write our entry into its settings.

    claude-desktop has one file for its user; the others have one for the current folder
    (.mcp.json, .cursor/mcp.json, .vscode/mcp.json). The file as it was is kept beside it.
    """
    host = HOSTS[client]
    file = (file or place(client, os.environ, Path.cwd())).expanduser().absolute()
    ours = entry(os.environ)
    before = _read(file)
    try:
        after = insert(before, (host.root, NAME), ours)
    except ValueError as error:
        click.echo(json.dumps({host.root: {NAME: ours}}, indent=2, ensure_ascii=False))
        raise AgentError(
            f"{file} is left as it is: {error}.",
            hint=f"Put the entry above into it yourself, under '{host.root}'.",
        ) from error
    if after == before:
        console.note(f"{host.title} has it already: {short_path(str(file))}")
        return exits.OK
    click.echo(clean(_difference(file, before, after)), nl=False)
    if only_print:
        return exits.OK
    kept = _write(file, after)
    console.note(f"Written: {short_path(str(file))}. {host.next}")
    if kept is not None:
        console.note(f"As it was: {short_path(str(kept))}")
    return exits.OK


def place(client: str, env: Mapping[str, str], folder: Path) -> Path:
    """Where a program has its settings.

    Raises:
        UsageError: It has none on this system.
    """
    match client:
        case "claude-code":
            return folder / ".mcp.json"
        case "cursor":
            return folder / ".cursor" / "mcp.json"
        case "vscode":
            return folder / ".vscode" / "mcp.json"
    name = Path("Claude") / "claude_desktop_config.json"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / name
    if sys.platform == "win32":
        if not (data := env.get("APPDATA")):
            raise UsageError("APPDATA is not set.", hint="Name the file: --file FILE")
        return Path(data) / name
    config = env.get("XDG_CONFIG_HOME", "")
    return (Path(config) if os.path.isabs(config) else Path.home() / ".config") / name


def entry(env: Mapping[str, str]) -> dict[str, Any]:
    """What another program is told.

    Args:
        env: A home of our own that is set here is handed on: the other program has not got it.
    """
    program, *arguments = executable()
    found: dict[str, Any] = {
        "type": "stdio",
        "command": program,
        "args": [*arguments, "mcp", "serve"],
    }
    if home := env.get("AGENT_HOME", "").strip():
        found["env"] = {"AGENT_HOME": os.path.abspath(os.path.expanduser(home))}
    return found


def executable() -> list[str]:
    """How this program is called, by its full path; other programs have other search paths."""
    beside = Path(sys.executable).parent
    called = Path(sys.argv[0])
    suffix = ".exe" if sys.platform == "win32" else ""
    for file in (called, beside / f"agent{suffix}", beside / f"understudy{suffix}"):
        named = file.name.removesuffix(".exe") in ("agent", "understudy")
        if named and file.is_absolute() and os.access(file, os.X_OK) and file.is_file():
            return [str(file)]
    if called.name in ("agent", "understudy") and (found := shutil.which(called.name)):
        return [os.path.abspath(found)]
    return [sys.executable, "-P", "-m", "agent"]


def _read(file: Path) -> str:
    try:
        with open(file, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise AgentError(
            f"{file} is not written in UTF-8.", hint="agent mcp install CLIENT --file FILE"
        ) from error


def _difference(file: Path, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(file), str(file), lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)


def _write(file: Path, after: str) -> Path | None:
    """Replace a file in one step; a link stays one.

    Returns:
        Where it is kept as it was; None where there was none.
    """
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if target.exists():
        moment = datetime.now().strftime("%Y%m%d-%H%M%S")
        kept = target.with_name(f"{target.name}.{moment}.backup")
        shutil.copy2(target, kept)
    write_whole(target, after, mode=target.stat().st_mode & 0o777 if kept else 0o644)
    return kept
