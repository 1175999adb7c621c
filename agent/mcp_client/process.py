"""A server's process: lines in, lines out, its whole group ended at the end. No protocol here."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.mcp_client.shapes import McpFailed

if TYPE_CHECKING:
    from agent.mcp_client.log import ServerLog
    from agent.mcp_entry import Launch

_LONGEST_LINE = 64_000_000
"""Bytes of one message; a longer one ends the connection."""
_GRACE = 2.0
"""Seconds to end by itself once its input is closed, as the specification asks."""
_TERM = 1.0
"""Seconds from SIGTERM to SIGKILL."""
_POLL = 0.01
_LOOK = 0.5
"""Seconds between two looks whether a process is still there."""
_INHERITED = (
    "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
    "AGENT_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "all_proxy", "SYSTEMROOT", "TEMP", "APPDATA", "LOCALAPPDATA", "PATHEXT", "USERPROFILE",
)  # fmt: skip
"""Variables that a server gets without being given them: what programs need to run at all. Keys
are none of them; a server is given those that its entry names."""


class ServerProcess:
    """One running command."""

    def __init__(self, process: asyncio.subprocess.Process, log: ServerLog) -> None:
        """Take a process that leads its own group."""
        self._process = process
        self._log = log
        self._errors = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, launch: Launch, env: Mapping[str, str], log: ServerLog) -> ServerProcess:
        """Run a command.

        Args:
            launch: What.
            env: Whence variables are inherited.
            log: Where its standard error goes.

        Raises:
            McpFailed: It cannot be run.
        """
        own = {name: env[name] for name in _INHERITED if name in env} | dict(launch.env)
        program, *arguments = launch.command
        # A path is taken as it stands: relative ones are seen from the server's folder.
        found = program if os.path.dirname(program) else shutil.which(program, path=own.get("PATH"))
        if found is None:
            raise McpFailed(
                f"There is no program '{program}'.",
                hint=f"Install it, or give its full path; see: command -v {program}",
            )
        try:
            process = await asyncio.create_subprocess_exec(
                found,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=launch.cwd,
                env=own,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            where = f" in {launch.cwd}" if launch.cwd else ""
            raise McpFailed(
                f"'{program}' cannot be run{where}: {reason}.", hint=f"Look at it: ls -l '{found}'"
            ) from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    @property
    def ending(self) -> str:
        """How it has ended, in words; empty while it runs."""
        code = self._process.returncode
        if code is None:
            return ""
        if code < 0:
            with suppress(ValueError):
                return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    async def read_line(self) -> bytes:
        """The next line of its output; empty at its end.

        Raises:
            McpFailed: The line is too long.
        """
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readline()
        except ValueError as error:
            raise McpFailed(
                f"It sent more than {_LONGEST_LINE // 1_000_000} MB in one message."
            ) from error

    async def write(self, data: bytes) -> None:
        """Give it input.

        Raises:
            OSError: It takes none any more.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def gone(self) -> None:
        """Wait for its end, and then a moment for what it said last."""
        while self._process.returncode is None:
            await asyncio.sleep(_LOOK)
        await asyncio.sleep(_LOOK)

    async def settle(self) -> None:
        """Wait a moment for a process whose output has ended, so that `ending` can be told."""
        await self._ended(_POLL * 20)

    async def close(self) -> None:
        """End it, and whatever of its group is left."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            await self._ended(_GRACE)
            if self._signal(signal.SIGTERM):
                await self._gone(_TERM)
                self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            await self._ended(_GRACE)
        finally:
            self._errors.cancel()
            await asyncio.gather(self._errors, return_exceptions=True)
            # A child that left the group may hold a pipe open, and the transport with it;
            # nothing public closes that.
            if transport := getattr(self._process, "_transport", None):
                transport.close()

    def _signal(self, number: signal.Signals) -> bool:
        """Send a signal to the group; whether there is one left."""
        try:
            if sys.platform == "win32":
                self._process.send_signal(number)
            else:
                os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    async def _gone(self, seconds: float) -> None:
        """Wait for the whole group."""
        if sys.platform == "win32":
            return
        for _ in range(int(seconds / _POLL)):
            try:
                os.killpg(self._process.pid, 0)
            except (ProcessLookupError, PermissionError):
                return
            await asyncio.sleep(_POLL)

    async def _ended(self, seconds: float) -> None:
        # Not `wait()`: that also waits for pipes, which a child may hold.
        for _ in range(int(seconds / _POLL)):
            if self._process.returncode is not None:
                return
            await asyncio.sleep(_POLL)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(65_536):
            self._log.add(data)
