"""What `agent serve` lends its port to: the MCP servers, and the chat in a browser.

Composes only: the servers are `mcp_servers`', the chat is `agent.tui.browser`'s, and who asks is
known from the server's own login.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from agent.cli.serve_mcp import Asking, build

if TYPE_CHECKING:
    from agent.cli.mcp_research import HeldResearch
    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.mounts import ASGIApp, Receive, Scope, Send
    from agent.server.users import User
    from agent.wiring import Parts
    from mcp_servers.serving import Lent

MCP = "/mcp"
_OWNERS = ("web", "research", "all")
_SERVERS = ("knowledge", *_OWNERS)


@asynccontextmanager
async def mounts(
    hosting: Hosting,
    admission: Admission,
    make: Callable[[Mapping[str, Any]], Parts],
    *,
    public_url: str,
    chat: str | None = None,
) -> AsyncIterator[Mapping[str, ASGIApp]]:
    """The applications beside the API, by path, as `agent.server.mounts.mount_routes` takes them.

    `/mcp` is the MCP servers, each user's by their rights; `/` is the chat in the browser, where
    there is one, the owner's only. Each finds the user in `scope["state"]["user"]`. Nothing is
    started before it is asked for. When this is left, all MCP sessions, all runs of research and
    all chats have ended; the hosting must still be open then.

    Args:
        hosting: Libraries and sessions, by user.
        admission: Who may ask now.
        make: Parts with settings by name, as the hosting's.
        public_url: Where browsers find the server, without a path.
        chat: The command that a shell starts for each page of the chat; None serves none.

    Raises:
        ImportError: There is to be a chat, and its package is not installed.
    """
    from agent.server.auth import user_in

    # Else the SDK gives all loggers a handler of its own, which paints on standard error.
    if not (root := logging.getLogger()).handlers:
        root.addHandler(logging.NullHandler())
    async with AsyncExitStack() as stack:
        servers = McpServers(hosting, admission, make)
        stack.push_async_callback(servers.close)
        apps: dict[str, ASGIApp] = {MCP: servers}
        if chat is not None:
            from agent.tui.browser import Browser

            def allowed(scope: Scope) -> bool:
                return user_in(scope).is_owner

            browser = Browser(chat, allowed=allowed, public_url=public_url)
            stack.push_async_callback(browser.close)
            apps |= dict.fromkeys(("/", "/ws", "/download", "/static"), browser)
        yield apps


@dataclass(frozen=True, slots=True)
class _Open:
    user: User
    """With the rights that the server was built with."""
    lent: Lent


class McpServers:
    """The MCP servers: `/mcp` has all that a user may use, `/mcp/NAME` one; `?library=` names one.

    Each user has servers of their own, built when first asked for; when their rights have changed,
    they are built anew, and clients open their sessions again.
    """

    def __init__(
        self,
        hosting: Hosting,
        admission: Admission,
        make: Callable[[Mapping[str, Any]], Parts],
    ) -> None:
        """Open nothing."""
        self._hosting = hosting
        self._admission = admission
        self._make = make
        self._opening = asyncio.Lock()
        self._open: dict[tuple[str, str, str], _Open] = {}
        self._research: HeldResearch | None = None
        self._closed = False

    async def close(self) -> None:
        """End all sessions and runs; none can be opened any more."""
        self._closed = True
        async with self._opening:
            await asyncio.gather(*(found.lent.close() for found in self._open.values()))
            self._open.clear()
            if self._research is not None:
                await self._research.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a user.

        Raises:
            Refused: There is no such server or library, or it is not theirs.
        """
        from agent.server.auth import user_in

        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("library", [""])[-1]
        lent = await self._lent(user_in(scope), scope["path"], given)
        await lent(scope, receive, send)

    async def _lent(self, user: User, path: str, library: str) -> Lent:
        from agent.server.failures import ending
        from mcp_servers.serving import Lent

        name = self._meant(user, path.removeprefix(MCP).strip("/"))
        library = await asyncio.to_thread(self._hosting.library_meant, user, library)
        await self._hosting.library(user, library)  # that there is one
        key = user.name, name, library
        async with self._opening:
            if self._closed:
                raise ending()
            found = self._open.get(key)
            if found is not None and found.user == user:
                return found.lent
            if found is not None:
                del self._open[key]
                await found.lent.close()
            asking = Asking(self._hosting, self._admission, user, library)
            research = self._held() if user.is_owner else None
            lent = Lent(await asyncio.to_thread(build, name, asking, research))
            await lent.open()
            self._open[key] = _Open(user, lent)
            return lent

    def _meant(self, user: User, name: str) -> str:
        from agent.server.errors import Refused

        name = name or ("all" if user.is_owner else "knowledge")
        if name not in _SERVERS:
            raise Refused(
                404, "There is no such MCP server.", code="not_found",
                hint=f"There are {', '.join(f'{MCP}/{each}' for each in _SERVERS)}.",
            )  # fmt: skip
        if name in _OWNERS and not user.is_owner:
            raise Refused(
                403, f"The MCP server '{name}' is the owner's.", code="owner_only",
                hint=f"Yours is {MCP}/knowledge.",
            )  # fmt: skip
        return name

    def _held(self) -> HeldResearch:
        from agent.cli.mcp_research import HeldResearch

        if self._research is None:
            # Parts of its own: a run closes its model when it ends.
            self._research = HeldResearch(lambda: self._make({}), self._hosting.parts.config.model)
        return self._research
