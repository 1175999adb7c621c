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
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from agent.cli.serve_mcp import Asking, build

if TYPE_CHECKING:
    from agent.cli.mcp_research import HeldResearch
    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.keys import Keys
    from agent.server.mounts import ASGIApp, Receive, Scope, Send
    from agent.server.users import User
    from agent.wiring import Parts
    from mcp_servers.serving import Lent

MCP = "/mcp"
_LOOK = 5.0
"""Seconds between two looks at whether users still are who they were."""
_log = logging.getLogger(__name__)
_OWNERS = ("web", "research", "all")
_SERVERS = ("knowledge", *_OWNERS)


@asynccontextmanager
async def mounts(
    hosting: Hosting,
    admission: Admission,
    make: Callable[[Mapping[str, Any]], Parts],
    *,
    keys: Keys,
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
        keys: The users: what a removed one has open is closed soon after.
        public_url: Where browsers find the server, without a path.
        chat: The command that a shell starts for each page of the chat; None serves none.

    Raises:
        ImportError: There is to be a chat, and its package is not installed.
    """
    from agent.server.auth import is_own_page, user_in

    # Else the SDK gives all loggers a handler of its own, which paints on standard error.
    if not (root := logging.getLogger()).handlers:
        root.addHandler(logging.NullHandler())
    async with AsyncExitStack() as stack:
        servers = McpServers(hosting, admission, make, keys)
        stack.push_async_callback(servers.close)
        watching = asyncio.create_task(_watch(servers, hosting, admission, keys))
        stack.push_async_callback(_end, watching)
        apps: dict[str, ASGIApp] = {MCP: servers}
        if chat is not None:
            from agent.tui.browser import Browser

            def allowed(scope: Scope) -> bool:
                page = scope["type"] == "http" or is_own_page(scope, public_url)
                return page and user_in(scope).is_owner

            browser = Browser(chat, allowed=allowed)
            stack.push_async_callback(browser.close)
            apps |= dict.fromkeys(("/", "/ws", "/download", "/static"), browser)
        yield apps


async def _watch(servers: McpServers, hosting: Hosting, admission: Admission, keys: Keys) -> None:
    """Now and then, let go of what users have open whose key or rights are no more the same."""
    while True:
        await asyncio.sleep(_LOOK)
        try:
            servers.drop_void()
            await close_sessions_of_removed(hosting, admission, keys)
        except Exception as error:  # what goes wrong once is tried again
            _log.exception(error)


async def close_sessions_of_removed(hosting: Hosting, admission: Admission, keys: Keys) -> None:
    """Close the stores of sessions of who is no user any more, and has nothing under way."""
    from agent.server.users import OWNER

    known = {OWNER, *(user.kept_as for user in keys.known())}
    for kept_as in hosting.sessions_open - known:
        if not admission.is_busy(kept_as):
            await asyncio.to_thread(hosting.close_sessions, kept_as)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    user: User
    """With the rights that the server was built with."""
    digest: str | None
    """Of the key that was theirs then."""
    opening: asyncio.Task[Lent]


class McpServers:
    """The MCP servers: `/mcp` has all that a user may use, `/mcp/NAME` one; `?library=` names one.

    Each user has servers of their own, built when first asked for; when their rights or their key
    have changed, they are closed, and clients open their sessions again.
    """

    def __init__(
        self,
        hosting: Hosting,
        admission: Admission,
        make: Callable[[Mapping[str, Any]], Parts],
        keys: Keys,
    ) -> None:
        """Open nothing."""
        self._hosting = hosting
        self._admission = admission
        self._make = make
        self._keys = keys
        self._open: dict[tuple[str, str, str], _Open] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._research: HeldResearch | None = None
        self._closed = False

    async def close(self) -> None:
        """End all sessions and runs; none can be opened any more."""
        self._closed = True
        for key in list(self._open):
            self._drop(key)
        if self._closing:
            await asyncio.wait(set(self._closing))
        if self._research is not None:
            await self._research.close()

    def drop_void(self) -> None:
        """Begin to close what was opened for users who are gone, or have other rights or keys."""
        for key, found in list(self._open.items()):
            if self._is_void(found):
                self._drop(key)

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
        from agent.server.errors import Refused
        from agent.server.failures import ending
        from agent.server.library_names import library_named

        name = self._meant(user, path.removeprefix(MCP).strip("/"))
        library = await asyncio.to_thread(library_named, self._hosting, user, library)
        await self._hosting.library(user, library)  # that there is one
        if self._closed:
            raise ending()
        key = user.name, name, library
        found = self._open.get(key)
        if found is not None and self._is_void(found):
            self._drop(key)
            found = None
        if found is None:
            opening = asyncio.create_task(self._opened(user, name, library))
            found = self._open[key] = _Open(user, self._keys.digest(user.name), opening)
            opening.add_done_callback(partial(self._forget_failed, key, found))
        await asyncio.wait({found.opening})
        lent = found.opening.result()  # first: all who waited are told why it failed
        if self._open.get(key) is not found:
            raise Refused(
                503, "Your rights or your key have just changed.", code="rights_changed",
                retry_after=1,
            )  # fmt: skip
        return lent

    def _forget_failed(
        self, key: tuple[str, str, str], found: _Open, opening: asyncio.Task[Lent]
    ) -> None:
        """Have the next request try again, whether or not anybody waited for this one."""
        failed = opening.cancelled() or opening.exception() is not None
        if failed and self._open.get(key) is found:
            del self._open[key]

    async def _opened(self, user: User, name: str, library: str) -> Lent:
        """A task of its own: it goes on when the client that asked for it first has left."""
        from mcp_servers.serving import Lent

        asking = Asking(self._hosting, self._admission, user, library)
        research = self._held() if user.is_owner else None
        lent = Lent(await asyncio.to_thread(build, name, asking, research))
        await lent.open()
        return lent

    def _is_void(self, found: _Open) -> bool:
        name = found.user.name
        return self._keys.named(name) != found.user or self._keys.digest(name) != found.digest

    def _drop(self, key: tuple[str, str, str]) -> None:
        """Forget a server, and close it beside whatever else happens."""
        task = asyncio.create_task(self._let_go(self._open.pop(key)))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _let_go(self, found: _Open) -> None:
        await asyncio.wait({found.opening})
        if found.opening.exception() is None:
            await found.opening.result().close()

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
