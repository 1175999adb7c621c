"""Messages to a server and from it: over HTTP, or over the pipes of a process.

That over HTTP is the SDK's. That over pipes is ours, for three things that the SDK's does not tell:
how the process ended, what is left of its group, and how long a message may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
import httpx2
import mcp_types as types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from agent.mcp_client.process import ServerProcess
from agent.mcp_client.shapes import McpFailed

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

    from agent.mcp_client.log import ServerLog
    from agent.mcp_entry import Launch

_STRAYS = 100
"""Lines that are no messages, and that are read without a pause for others: a server may print by
the million."""


class Transport:
    """The way to one server. Opened once."""

    def __init__(
        self, launch: Launch, env: Mapping[str, str], log: ServerLog, silent: Callable[[], None]
    ) -> None:
        """Prepare; `open` connects.

        Args:
            launch: How to reach the server.
            env: Whence a process inherits variables.
            log: Where its standard error goes.
            silent: Called when a process says no more.
        """
        self._launch = launch
        self._env = env
        self._log = log
        self._silent = silent
        self._process: ServerProcess | None = None
        self._why = ""

    @property
    def pid(self) -> int | None:
        """The process's id, where there is one."""
        return self._process.pid if self._process is not None else None

    def open(self) -> AbstractAsyncContextManager[TransportStreams]:
        """The streams of messages, for as long as they are held.

        Raises:
            McpFailed: The command cannot be run.
        """
        return self._http() if self._launch.url else self._pipes()

    async def end(self) -> str:
        """End the process with its group; why the connection ended, if it is known here."""
        if self._process is None:
            return self._why
        await self._process.settle()
        ending = self._process.ending
        await self._process.close()
        return ending or self._why

    @asynccontextmanager
    async def _http(self) -> AsyncGenerator[TransportStreams, None]:
        async def noticed(response: httpx2.Response) -> None:
            if response.status_code in (401, 403):
                refused = f"HTTP {response.status_code}: it wants to know who asks"
                self._why = f'{refused}; give it "headers": {{"Authorization": …}}'

        async with (
            httpx2.AsyncClient(
                headers=dict(self._launch.headers),
                # Streams may be silent for long: calls have a clock of their own.
                timeout=httpx2.Timeout(30.0, read=None),
                event_hooks={"response": [noticed]},
            ) as http,
            streamable_http_client(self._launch.url, http_client=http) as streams,
        ):
            yield streams

    @asynccontextmanager
    async def _pipes(self) -> AsyncGenerator[TransportStreams, None]:
        process = self._process = await ServerProcess.start(self._launch, self._env, self._log)
        arrived, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, leaving = anyio.create_memory_object_stream[SessionMessage](0)

        async def receive() -> None:
            strays = 0
            async with arrived:
                try:
                    while line := await process.read_line():
                        if message := self._message(line):
                            await arrived.send(message)
                        elif (strays := strays + 1) % _STRAYS == 0:
                            await asyncio.sleep(0)
                except McpFailed as error:
                    self._why = str(error).rstrip(".")
                except (OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                    pass
                finally:
                    self._silent()

        async def send() -> None:
            async with leaving:
                async for message in leaving:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    with suppress(OSError):  # that it is gone, its output says
                        await process.write(text.encode() + b"\n")

        async def watch() -> None:
            # A child of the server's may hold its output open, which then never ends.
            await process.gone()
            self._silent()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            tasks.start_soon(send)
            tasks.start_soon(watch)
            try:
                yield read, write
            finally:
                tasks.cancel_scope.cancel()
                for stream in (read, write, arrived, leaving):
                    stream.close()

    def _message(self, line: bytes) -> SessionMessage | None:
        """A line as a message. What is none is a banner or a stray print, and is passed over."""
        if not line.strip():
            return None
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._log.add(b"(on standard output) " + line[:2000].rstrip(b"\n") + b"\n")
            return None
        return SessionMessage(message)
