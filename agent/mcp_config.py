"""Which MCP servers there are: `mcpServers` JSON as people have it already -> entries.

Read, from the weakest to the strongest: what is built in, the project's `.mcp.json` (looked for
upwards, as git does), `mcp.json` beside the settings, and the file of `--mcp-config`. A project's
file comes with the project: it may neither replace a server of the user's nor approve its own
tools, and its commands are not run before the user has seen them (`agent.approvals.Trust`).
Nothing is started here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import ConfigError
from agent.mcp_entry import Entry, Source, parse

if TYPE_CHECKING:
    from agent.paths import Paths

PROJECT_FILE = ".mcp.json"
USER_FILE = "mcp.json"
_ROOTS = ("mcpServers", "servers")
"""The key that holds the servers: everybody's, and VS Code's."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files came to."""

    entries: tuple[Entry, ...]
    """By name, each once, the disabled ones too."""
    problems: tuple[ConfigError, ...] = ()
    """What is wrong with entries that are left out; the others go on."""

    def entry(self, name: str) -> Entry:
        """One of them.

        Raises:
            ConfigError: There is none of that name.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries) or "none"
        raise ConfigError(
            f"There is no MCP server '{name}'; configured: {known}.", hint="agent mcp list"
        )


def user_file(paths: Paths) -> Path:
    """The user's own file; it need not exist."""
    return paths.config_file.parent / USER_FILE


def project_file(folder: Path) -> Path | None:
    """The nearest `.mcp.json` at or above a folder."""
    for place in (folder, *folder.parents):
        if (file := place / PROJECT_FILE).is_file():
            return file
    return None


def load(
    paths: Paths,
    *,
    folder: Path | None = None,
    given: Path | None = None,
    built_in: Sequence[Entry] = (),
) -> Loaded:
    """Read all files.

    Args:
        paths: Names the user's file.
        folder: Where the project is looked for, upwards; None for no project.
        given: The file of `--mcp-config`.
        built_in: The servers that this program brings, disabled until a user's file says
            `{"mcpServers": {"NAME": {"enabled": true}}}`.

    Raises:
        ConfigError: `given` cannot be read, or an entry in it is wrong. What is wrong in the other
            files is among the `problems`.
    """
    problems: list[ConfigError] = []
    found = {entry.name: entry for entry in built_in}
    project = project_file(folder.absolute()) if folder is not None else None
    for name, (entry, _) in _read(project, "project", problems).items():
        if entry is not None and name not in found:
            found[name] = entry
    own = user_file(paths)
    stronger: tuple[tuple[Path | None, Source], ...] = (
        (own if own.exists() else None, "user"),
        (given, "flag"),
    )
    for file, source in stronger:
        wrong: list[ConfigError] = []
        for name, (entry, flags) in _read(file, source, wrong).items():
            if entry is not None:
                found[name] = entry
            elif name in found:  # it only switches another one
                if found[name].source == "project":
                    # Any project may have a server of that name.
                    flags.pop("approved", None)
                found[name] = replace(found[name], **flags)
        if wrong and source == "flag":
            raise wrong[0]
        problems += wrong
    entries = tuple(entry for entry in found.values() if not entry.is_this_program)
    return Loaded(entries, tuple(problems))


def _read(
    file: Path | None, source: Source, problems: list[ConfigError]
) -> Mapping[str, tuple[Entry | None, dict[str, Any]]]:
    """The entries of a file by name; None and its flags for one that only switches another."""
    if file is None:
        return {}
    try:
        servers = _servers(file)
    except ConfigError as error:
        problems.append(error)
        return {}
    found: dict[str, tuple[Entry | None, dict[str, Any]]] = {}
    for name, value in servers.items():
        try:
            found[name] = parse(name, value, str(file.absolute()), source)
        except ConfigError as error:
            problems.append(error)
    return found


def _servers(file: Path) -> dict[str, Any]:
    mend = f"Mend the file: '{file}'"
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", hint=f"Look at it: ls -l '{file}'"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid JSON: {error}.", hint=mend) from error
    root = next((key for key in _ROOTS if isinstance(data, dict) and key in data), "")
    servers = data[root] if root else {} if data == {} else None
    if not isinstance(servers, dict):
        where = f"'{root}' must be" if root else "there must be a key 'mcpServers' with"
        raise ConfigError(
            f"{file}: {where} an object of servers by name.",
            hint='{"mcpServers": {"NAME": {"command": "…", "args": []}}}',
        )
    return servers
