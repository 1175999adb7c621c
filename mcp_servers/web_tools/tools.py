"""The web as one thing: settings in, and fetching, crawling and searching out, opened when used."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import FetchFailed, ReadError
from knowledge.guard import Policy
from knowledge.guard.urls import parse
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.fetcher import Copy, Fetcher
from mcp_servers.web_tools.snapshots import MAX_BYTES, Snapshots
from mcp_servers.web_tools.threads import in_thread

if TYPE_CHECKING:
    from mcp_servers.web_tools.browser import Rendered
    from mcp_servers.web_tools.crawl import Crawler
    from mcp_servers.web_tools.engines import Engine
    from mcp_servers.web_tools.pages import WebPage

_READ = 8
"""Pages whose reading is kept in memory, for who reads on in them."""

Render = Callable[[str, Policy], Awaitable["Rendered"]]
"""A URL to what a browser makes of it, as far as the policy lets it load."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the user has chosen."""

    folder: Path
    """For snapshots and the states of crawls; made when needed."""
    allow_hosts: tuple[str, ...] = ()
    """As `knowledge.guard.Policy.allow`."""
    use_proxies: bool = False
    """As `knowledge.guard.Policy.use_proxies`."""
    snapshot_bytes: int = MAX_BYTES
    searxng_url: str = ""
    brave_key: str = ""
    tavily_key: str = ""
    duckduckgo: bool = True
    """Whether DuckDuckGo is asked where no other engine is configured."""


class WebTools:
    """What the tools of a server, or a mode, work with."""

    def __init__(
        self, settings: WebSettings, *, render: Render | None = None, fetcher: Fetcher | None = None
    ) -> None:
        """Take the settings; opens nothing.

        Args:
            settings: What the user has chosen.
            render: In place of a Chromium of this machine.
            fetcher: In place of the usual one.
        """
        self.settings = settings
        self._render = render or _chromium
        self._given = fetcher
        self._read: OrderedDict[str, WebPage] = OrderedDict()

    @cached_property
    def fetcher(self) -> Fetcher:
        """Who fetches."""
        if self._given is not None:
            return self._given
        folder, limit = self.settings.folder / "snapshots", self.settings.snapshot_bytes
        return Fetcher(
            Snapshots(folder, max_bytes=limit),
            Policy(allow=self.settings.allow_hosts, use_proxies=self.settings.use_proxies),
        )

    @cached_property
    def crawler(self) -> Crawler:
        """Who crawls."""
        from mcp_servers.web_tools.crawl import Crawler

        return Crawler(self.fetcher, self.settings.folder / "crawls")

    @cached_property
    def engines(self) -> tuple[Engine, ...]:
        """Who is asked in a search."""
        from mcp_servers.web_tools.engines import Brave, DuckDuckGo, SearXNG, Tavily

        own, policy = self.settings, self.fetcher.policy
        engines: list[Engine] = []
        if own.searxng_url:
            engines.append(SearXNG(own.searxng_url, policy))
        if own.brave_key:
            engines.append(Brave(own.brave_key, policy))
        if own.tavily_key:
            engines.append(Tavily(own.tavily_key, policy))
        if not engines and own.duckduckgo:
            engines.append(DuckDuckGo(policy))
        return tuple(engines)

    async def page(
        self, url: str, *, max_age: float = 0.0, browser: bool = False
    ) -> tuple[WebPage, str]:
        """Fetch a page and read it; where it is empty but for scripts, by the browser.

        Args:
            url: From anywhere.
            max_age: Seconds for which a kept copy will do.
            browser: Show it in the browser at once.

        Returns:
            The page, and how it was come by: as `Copy.state`, or `browser`.

        Raises:
            GuardError: It was not fetched.
            ReadError: It holds nothing that is read here.
            WebError: A browser is needed and there is none, or copies cannot be kept.
        """
        if browser:
            return await self._shown(url, max_age), "browser"
        copy = await self.fetcher.get(url, max_age=max_age)
        try:
            page = await self._reading(copy)
        except ReadError as error:
            if not await self._needs_browser(copy, ""):
                raise
            try:
                return await self._shown(url, max_age), "browser"
            except (WebError, FetchFailed, ReadError) as other:
                raise ReadError(
                    f"{error}; and the browser did not help: {other}", hint=other.hint
                ) from other
        if not await self._needs_browser(copy, page.text):
            return page, copy.state
        try:
            return await self._shown(url, max_age), "browser"
        except (WebError, FetchFailed, ReadError) as error:
            note = f"its scripts may hold more, and the browser did not help: {error}"
            return replace(page, notes=(*page.notes, note)), copy.state

    async def kept(self, snapshot_id: str) -> WebPage:
        """A page as it was kept, read again.

        Raises:
            WebError: It is not kept, or no longer.
        """
        if snapshot_id in self._read:
            return self._read[snapshot_id]
        store = self.fetcher.snapshots
        snapshot = await asyncio.to_thread(store.find, snapshot_id)
        data = await asyncio.to_thread(store.body, snapshot) if snapshot else None
        if snapshot is None or data is None:
            raise WebError("That copy is no longer kept.", hint="Fetch the page again by its URL.")
        return await self._reading(Copy(snapshot, data, "stored"))

    async def markup(self, page: WebPage) -> str:
        """The markup of a page as it is kept, without what it hides; empty where it has none.

        Raises:
            WebError: The copy is no longer kept.
        """
        data = await asyncio.to_thread(self.fetcher.snapshots.body, page.snapshot)
        if data is None:
            raise WebError("That copy is no longer kept.", hint="Fetch the page again by its URL.")
        fetched = page.snapshot.fetched(data)

        def shown(stopped: Callable[[], bool]) -> str:
            from mcp_servers.web_tools.pages import is_html, markup_of
            from mcp_servers.web_tools.untrusted import clean_markup

            return clean_markup(markup_of(fetched)).text if is_html(fetched) else ""

        return await in_thread(shown)

    async def _needs_browser(self, copy: Copy, text: str) -> bool:
        from mcp_servers.web_tools.browser import looks_empty
        from mcp_servers.web_tools.pages import is_html, markup_of

        def look(stopped: Callable[[], bool]) -> bool:
            fetched = copy.snapshot.fetched(copy.data)
            return is_html(fetched) and looks_empty(markup_of(fetched), text)

        return await in_thread(look)

    async def _shown(self, url: str, max_age: float) -> WebPage:
        """What the browser makes of a page, kept beside what its server sends."""
        store, target = self.fetcher.snapshots, parse(url)
        name = f"{target.url}#browser"
        before = await asyncio.to_thread(store.latest, name)
        if before and 0 <= time.time() - before.checked_at < max_age:
            return await self.kept(before.id)
        async with self.fetcher.pace.turn(target.authority):
            rendered = await self._render(target.url, self.fetcher.policy)
        snapshot = await asyncio.to_thread(store.put, name, rendered.fetched)
        page = await self._reading(Copy(snapshot, rendered.fetched.data, "fetched"))
        return replace(page, notes=(*page.notes, *rendered.notes))

    async def _reading(self, copy: Copy) -> WebPage:
        from mcp_servers.web_tools.pages import read

        name = copy.snapshot.id
        if name not in self._read:
            self._read[name] = await asyncio.to_thread(read, copy)
            while len(self._read) > _READ:
                self._read.popitem(last=False)
        return self._read[name]


async def _chromium(url: str, policy: Policy) -> Rendered:
    from mcp_servers.web_tools.browser import render

    return await render(url, policy=policy)
