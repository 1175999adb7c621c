"""All configured servers together: opened in parallel, called by name, closed together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from agent.errors import AgentError
from agent.mcp_client.held import Held
from agent.mcp_client.log import ServerLog
from agent.mcp_client.shapes import McpFailed

if TYPE_CHECKING:
    from agent.mcp_client.shapes import Ask, Definition, Outcome, Progress
    from agent.mcp_entry import Entry


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server stands."""

    name: str
    state: Literal["off", "idle", "ready", "refused", "failed"]
    """`off` by its entry, `idle` until needed, `refused` where its user has not let it start."""
    source: str
    """Whose entry it is."""
    runs: str
    """Its command or address, as written."""
    tools: tuple[Definition, ...] = ()
    about: str = ""
    """Its own name and version, and the protocol spoken."""
    seconds: float = 0.0
    """How long its start took, listing included."""
    error: str = ""
    """Why it cannot be used now."""
    hint: str = ""
    last_error: str = ""
    """The last one in its log, with its moment."""
    log: str = ""


class McpClient:
    """The servers of one run of the program. Belongs to one event loop."""

    def __init__(
        self,
        entries: Iterable[Entry],
        logs: Path,
        *,
        may_run: Callable[[Entry], Awaitable[bool]],
        ask: Ask | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Take the servers; nothing is started.

        Args:
            entries: By name, each once.
            logs: The folder of their logs.
            may_run: Asked before a server is started.
            ask: Asks the user what a server wants to know in the middle of a call. Without it
                servers are told that nobody can be asked.
            env: Where variables are looked up; the process's environment if not given.
        """
        self._entries = tuple(entries)
        self._logs = logs
        env = os.environ if env is None else env
        self._held = {
            entry.name: Held(entry, _log(logs, entry.name), env, may_run, ask)
            for entry in self._entries
            if entry.enabled
        }
        self._looking: dict[str, asyncio.Task[None]] = {}
        """Those that are being started or asked."""

    async def __aenter__(self) -> Self:
        """For `async with`."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.aclose()

    async def open(self, *names: str, patience: float | None = None) -> None:
        """Start servers, all at the same time, and ask them anew what tools they have.

        One that cannot be used is no error: its state says why. One that has failed within the
        last minute is left in peace.

        Args:
            names: Which; all that are enabled if none is given.
            patience: Seconds to wait; those that take longer go on starting, and their tools are
                there for a later ask. None waits for all.
        """
        for name in names or self._held:
            if name not in self._looking and not self._held[name].rests:
                self._looking[name] = asyncio.create_task(self._held[name].look())
        if not self._looking:
            return
        done, _ = await asyncio.wait(self._looking.values(), timeout=patience)
        self._looking = {n: task for n, task in self._looking.items() if task not in done}
        for task in done:
            error = task.exception()
            if error is not None and not isinstance(error, AgentError):
                raise error

    @property
    def tools(self) -> tuple[Definition, ...]:
        """The tools of all servers that are ready, as last told."""
        ready = (held for held in self._held.values() if not held.error)
        return tuple(tool for held in ready for tool in held.tools.values())

    @property
    def late(self) -> tuple[str, ...]:
        """The servers that are still being started, and have no tools yet."""
        return tuple(
            name
            for name, task in self._looking.items()
            if not task.done() and (self._held[name].error or not self._held[name].tools)
        )

    def tool(self, server: str, name: str) -> Definition | None:
        """One of them as it is now, whether its server is ready or not."""
        held = self._held.get(server)
        return held.tools.get(name) if held is not None else None

    def entry(self, server: str) -> Entry:
        """The entry of an enabled server.

        Raises:
            KeyError: There is none.
        """
        return self._held[server].entry

    def pid(self, server: str) -> int | None:
        """The process of a server that is one and runs."""
        return self._held[server].pid

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        progress: Progress | None = None,
        digest: str = "",
    ) -> Outcome:
        """Call a tool; cancelling ends it at the server, too.

        Args:
            server: Its server's name.
            tool: Its name there.
            arguments: For it.
            progress: Told how far it is.
            digest: As it was described when it was allowed; empty where that does not matter.

        Raises:
            McpFailed: It could not be done.
        """
        held = self._held.get(server)
        if held is None:
            raise McpFailed(f"There is no MCP server '{server}'.", hint="agent mcp list")
        return await held.call(tool, arguments, progress, digest)

    def states(self) -> tuple[ServerState, ...]:
        """How each configured server stands."""
        return tuple(self._state(entry) for entry in self._entries)

    async def aclose(self) -> None:
        """End all of them, with their process groups."""
        for task in self._looking.values():
            task.cancel()
        await asyncio.gather(*self._looking.values(), return_exceptions=True)
        self._looking.clear()
        await asyncio.gather(*(held.close() for held in self._held.values()))

    def _state(self, entry: Entry) -> ServerState:
        log = ServerLog(_log(self._logs, entry.name))
        held = self._held.get(entry.name)
        state: Literal["off", "idle", "ready", "refused", "failed"] = "off"
        if held is None:
            return ServerState(
                entry.name, state, entry.source, entry.shown,
                last_error=log.last_error, log=str(log.file),
            )  # fmt: skip
        state = "ready" if held.alive else "idle"
        if held.error:
            state = "refused" if held.refused else "failed"
        return ServerState(
            name=entry.name,
            state=state,
            source=entry.source,
            runs=entry.shown,
            tools=() if held.error else tuple(held.tools.values()),
            about=held.about,
            seconds=round(held.seconds, 3),
            error=held.error,
            hint=held.hint,
            last_error=log.last_error,
            log=str(log.file),
        )


def _log(folder: Path, name: str) -> Path:
    """A file for a server's name, which may be anything."""
    from hashlib import sha256

    plain = "".join(c if (c.isalnum() and c.isascii()) or c in "-_" else "_" for c in name)[:60]
    if plain != name:
        plain += "-" + sha256(name.encode()).hexdigest()[:8]
    return folder / f"{plain}.log"
