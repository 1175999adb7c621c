"""One server, kept: started when first needed, started again after its end, asked what it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agent.errors import AgentError
from agent.mcp_client.log import ServerLog
from agent.mcp_client.shapes import Ask, Definition, Lost, McpFailed, Outcome, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agent.mcp_client.session import Session
    from agent.mcp_entry import Entry

_OPENING = 30.0
"""Seconds from the start of a server to its answer: `npx` and `uvx` fetch it first."""

_REST = 60.0
"""Seconds after a failure in which a server is not looked at; a call to it tries at once."""


class Held:
    """A configured server and its session, if it has one."""

    def __init__(
        self,
        entry: Entry,
        log: Path,
        env: Mapping[str, str],
        may_run: Callable[[Entry], Awaitable[bool]],
        ask: Ask | None = None,
    ) -> None:
        """Take an entry; nothing is started."""
        self.entry = entry
        self.log = ServerLog(log)
        self.tools: dict[str, Definition] = {}
        """What it offers, as last told, by its own names."""
        self.seconds = 0.0
        """How long its last start took."""
        self.error = ""
        """Why it cannot be used, or could not be last; empty where all is well."""
        self.hint = ""
        self.refused = False
        """Whether its user has not let it be started."""
        self.about = ""
        self._failed_at = 0.0
        self._env = env
        self._may_run = may_run
        self._ask = ask
        self._session: Session | None = None
        self._one = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Whether it is connected."""
        return self._session is not None and self._session.alive

    @property
    def pid(self) -> int | None:
        """Of its process, where there is one."""
        return self._session.pid if self._session is not None else None

    @property
    def rests(self) -> bool:
        """Whether it failed so lately that looking again is not worth the wait."""
        return bool(self.error) and time.monotonic() - self._failed_at < _REST

    async def look(self) -> None:
        """Start it if need be, and ask anew what tools it has.

        Raises:
            AgentError: It cannot be used; `error` and `hint` say so, too.
        """
        try:
            session = await self._connected()
            try:
                await self._list(session)
            except Lost:
                await self._list(await self._connected())
            self.error = self.hint = ""
        except Lost as lost:
            raise self._failed(McpFailed(f"The connection ended: {lost}.")) from lost
        except AgentError as error:
            raise self._failed(error) from error

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        progress: Progress | None,
        digest: str = "",
    ) -> Outcome:
        """Call a tool.

        A server that had ended is started again first. One that ends during a call is started
        again once; the call is made again only where the tool says that this does no harm.

        Args:
            tool: Its name at the server.
            arguments: For it.
            progress: Told how far it is.
            digest: As it was described when it was allowed; described otherwise by now, it is not
                called. Empty where that does not matter.

        Raises:
            AgentError: It could not be done.
        """
        again = False
        while True:
            sent = False
            try:
                session = await self._connected()
                if digest and digest != getattr(self.tools.get(tool), "digest", ""):
                    break
                sent = True
                return await session.call(tool, arguments, self.entry.timeout, progress)
            except Lost as lost:
                self.log.note(f"the connection ended during {tool}: {lost}")
                known = self.tools.get(tool)
                harmless = not sent or (known is not None and known.repeatable)
                if again or not harmless:
                    raise self._failed(self._died(tool, lost, again)) from lost
                again = True
            except AgentError as error:
                # One call has failed, and the server may be well.
                raise (self._named if self.alive else self._failed)(error) from error
        raise McpFailed(
            f"MCP server {self.entry.name}: {tool} was described otherwise when it was allowed.",
            hint="Call it again: it is asked about as it is now.",
        )

    async def close(self) -> None:
        """End it."""
        async with self._one:
            if self._session is not None:
                await self._session.close()
            self._session = None

    async def _connected(self) -> Session:
        async with self._one:
            if self._session is not None:
                if self._session.alive:
                    if self._session.changed:
                        await self._list(self._session)
                    return self._session
                await self._session.close()
                self._session = None
            if not await self._may_run(self.entry):
                self.refused = True
                raise McpFailed(
                    f"{self.entry.file} names a command that has not been allowed: "
                    f"{self.entry.shown}",
                    hint=f"Look at it, and allow it once: agent mcp test {self.entry.name}",
                )
            self.refused = False
            launch = self.entry.launch(self._env)
            began = time.monotonic()
            door = await asyncio.to_thread(_door)
            session = door(self.entry.name, launch, self._env, self.log, self._ask)
            await session.open(_OPENING)
            try:
                await self._list(session)
            except BaseException:
                await session.close()
                raise
            self.seconds = time.monotonic() - began
            self.about = session.about
            self.error = self.hint = ""
            self._session = session
            return session

    async def _list(self, session: Session) -> None:
        offered = await session.definitions(_OPENING)
        self.tools = {tool.name: tool for tool in offered if self.entry.offers(tool.name)}

    def _died(self, tool: str, lost: Lost, again: bool) -> McpFailed:
        what = "died twice" if again else "died"
        said = f" It said: {self.log.last_words}" if self.log.last_words else ""
        done = "" if again else " Whether it was done is not known, so it is not done again."
        return McpFailed(
            f"The server {what} during {tool}: {lost}.{said}{done}",
            hint=f"Its log: {self.log.file}",
        )

    def _failed(self, error: AgentError) -> McpFailed:
        """It cannot be used, which is noted."""
        self.error, self.hint = str(error), error.hint
        self._failed_at = time.monotonic()
        return self._named(error)

    def _named(self, error: AgentError) -> McpFailed:
        """Logged, and named by its server."""
        if not self.refused:
            self.log.note(str(error))
        told = McpFailed(f"MCP server {self.entry.name}: {error}", hint=error.hint)
        told.__cause__ = error
        return told


def _door() -> type[Session]:
    """In a thread, when a server is needed: mcp takes more than a second to import."""
    from agent.mcp_client.session import Session

    return Session
