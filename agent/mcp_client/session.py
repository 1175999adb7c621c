"""One connection to one server, from its opening to its end. The only user of the SDK's `Client`.

The protocol is the SDK's: it asks with the newest revision first and falls back to `initialize`.
Imported late: mcp takes a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import mcp_types as types
from mcp.client import Client, IncomingMessage
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from agent import __version__
from agent.mcp_client.asking import Asking
from agent.mcp_client.clocks import Clocks
from agent.mcp_client.shapes import Ask, Definition, Lost, McpFailed, Outcome, Progress
from agent.mcp_client.transport import Transport
from agent.mcp_client.wire import Completing, definition, how_far, outcome, refused

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

    from agent.mcp_client.log import ServerLog
    from agent.mcp_entry import Launch

_PAGES = 50
"""Pages of a list of tools."""
_CLOSING = 8.0
"""Seconds to close before the rest is cancelled."""

# The SDK logs what it also raises, and what servers send amiss, with traces that would tear a
# terminal's page. Its client has a name of its own.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class Session:
    """A connection. Opened once, and never again after its end."""

    def __init__(
        self,
        server: str,
        launch: Launch,
        env: Mapping[str, str],
        log: ServerLog,
        ask: Ask | None = None,
    ) -> None:
        """Prepare; `open` connects.

        Args:
            server: Its name.
            launch: How to reach it.
            env: Whence a process inherits variables.
            log: Where its standard error goes.
            ask: Asks the user what the server wants to know; without it, servers are told that
                nobody can be asked.
        """
        self.changed = False
        """Whether the server has said that its tools are others now."""
        self._server = server
        self._log = log
        self._client: Client | None = None
        self._holder: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._transport = Transport(launch, env, log, self._leave.set)
        self._why = ""
        self._clocks = Clocks()
        self._asking = Asking(server, ask, self._clocks) if ask is not None else None

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return self._client is not None and not self._leave.is_set()

    @property
    def pid(self) -> int | None:
        """The process's id, where there is one."""
        return self._transport.pid

    @property
    def about(self) -> str:
        """The server's own name and version, and the protocol spoken."""
        if self._client is None:
            return ""
        info = self._client.server_info
        name = f"{info.name} {info.version}, " if info is not None else ""
        return f"{name}MCP {self._client.protocol_version}"

    async def open(self, seconds: float) -> None:
        """Connect and agree on a protocol.

        Raises:
            McpFailed: It did not come about, in that time or at all.
        """
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A task of its own, for the SDK's scopes must end in the task they began in.
        self._holder = asyncio.create_task(self._hold(opened), name=f"mcp {self._server}")
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(opened)
        except TimeoutError:
            opened.cancel()
            await self.close()
            said = f" It said: {self._log.last_words}" if self._log.last_words else ""
            raise McpFailed(f"No answer within {seconds:.0f} seconds of its start.{said}") from None
        except BaseException:
            opened.cancel()
            await self.close()
            raise

    async def definitions(self, seconds: float) -> tuple[Definition, ...]:
        """The tools that the server has, in its order.

        Raises:
            McpFailed: It gave none.
            Lost: The connection ended.
        """
        found: list[types.Tool] = []
        cursor: str | None = None
        self.changed = False
        client = self._connected()
        if client.server_capabilities.tools is None:
            return ()
        try:
            async with asyncio.timeout(seconds):
                for _ in range(_PAGES):
                    page = await client.list_tools(cursor=cursor)
                    found += page.tools
                    if not (cursor := page.next_cursor):
                        break
        except TimeoutError:
            raise McpFailed(f"No list of tools within {seconds:.0f} seconds.") from None
        except MCPError as error:
            await self._lost(error)
            raise McpFailed(f"It gave no list of tools: {_reason(error)}.") from error
        except ValidationError as error:
            raise McpFailed(
                f"Its list of tools does not fit the protocol: {_reason(error)}."
            ) from error
        return tuple(definition(self._server, tool) for tool in found)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        seconds: float,
        tell: Progress | None = None,
    ) -> Outcome:
        """Call a tool. Cancelling tells the server so.

        Args:
            tool: Its name at the server.
            arguments: For it.
            seconds: How long it may go without an answer or a sign of progress.
            tell: Told of those.

        Raises:
            McpFailed: It took too long, or answered what is no answer.
            Lost: The connection ended.
        """
        client = self._connected()

        async def moved(progress: float, total: float | None, message: str | None) -> None:
            alive()
            if tell is not None:
                tell(how_far(progress, total, message))

        try:
            async with self._clocks.running(seconds) as alive:
                result = await client.call_tool(tool, dict(arguments), progress_callback=moved)
        except TimeoutError:
            raise McpFailed(
                f"{tool}: no answer and no sign of progress for {seconds:.0f} seconds.",
                hint=f'Give it more: "timeout": {2 * seconds:.0f} in the entry of {self._server}',
            ) from None
        except MCPError as error:
            await self._lost(error)
            return refused(error)
        except (RuntimeError, ValidationError) as error:
            await self._lost(error)
            raise McpFailed(
                f"{tool}: its answer does not fit what it promised: {_reason(error)}."
            ) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, httpx2.HTTPError) as error:
            raise await self._end(error) from error
        return outcome(result)

    async def close(self) -> None:
        """End the connection, and the process with its group."""
        self._leave.set()
        if self._holder is not None:
            if self._client is None:  # still on its way: nothing to say goodbye to
                self._holder.cancel()
            _, late = await asyncio.wait([self._holder], timeout=_CLOSING)
            for task in late:
                task.cancel()
            await asyncio.gather(self._holder, return_exceptions=True)

    def _connected(self) -> Client:
        if self._client is None or self._leave.is_set():
            raise Lost(self._why or "the connection is closed")
        return self._client

    async def _lost(self, error: Exception) -> None:
        """Raise `Lost` for an error that the connection is gone by."""
        over = isinstance(error, MCPError) and (
            error.code == types.CONNECTION_CLOSED or str(error) == "Session terminated"
        )
        if over or not self.alive:
            raise await self._end(error) from error

    async def _end(self, error: Exception) -> Lost:
        """End what is left, so that it is known how it ended."""
        await self.close()
        return Lost(self._why or _reason(error))

    async def _hold(self, opened: asyncio.Future[None]) -> None:
        try:
            async with Client(
                self._completed(),
                client_info=types.Implementation(name="understudy", version=__version__),
                message_handler=self._told,
                elicitation_callback=self._asking,
                cache=None,
            ) as client:
                self._client = client
                if not opened.done():
                    opened.set_result(None)
                await self._leave.wait()
        except Exception as error:
            inner = _innermost(error)
            if isinstance(inner, McpFailed) and not opened.done():
                opened.set_exception(inner)
            self._why = _reason(inner)
        finally:
            self._leave.set()
            self._why = await self._transport.end() or self._why
            if not opened.done():
                said = f" It said: {self._log.last_words}" if self._log.last_words else ""
                why = self._why or "the connection closed"
                opened.set_exception(McpFailed(f"It could not be opened: {why}.{said}"))

    async def _told(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.changed = True

    def _modern(self) -> bool:
        """Whether a revision is spoken whose results say what they are."""
        return (
            self._client is not None and self._client.protocol_version in MODERN_PROTOCOL_VERSIONS
        )

    @asynccontextmanager
    async def _completed(self) -> AsyncGenerator[TransportStreams, None]:
        async with self._transport.open() as (read, write):
            yield Completing(read, self._modern), write


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: BaseException) -> str:
    """Why, in words."""
    if isinstance(error, httpx2.ConnectError):
        return "nothing answers at its address"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".:")
