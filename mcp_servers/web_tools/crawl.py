"""A site or a sitemap, page by page, breadth first, as its `robots.txt` allows.

What is fetched is kept as snapshots and told as a list; the text of a page is read afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from knowledge.errors import FetchFailed, FetchRefused, GuardError, ReadError
from knowledge.guard.unpack import Unpacker
from mcp_servers.web_tools import pages, robots
from mcp_servers.web_tools.crawl_state import CrawlState, Found, Visited, drop_old
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.feed import Sitemap, is_sitemap, read_sitemap
from mcp_servers.web_tools.fetcher import Copy, Fetcher
from mcp_servers.web_tools.robots import Robots
from mcp_servers.web_tools.urls import canonical, is_page, is_trap, key, site

INTERVAL = 1.0
"""Seconds between two pages of a host, where it does not ask for more."""
LONGEST_DELAY = 60.0
"""Seconds that a site may ask for; one that asks for more is not crawled."""
_SAME = 3
"""Pages of one content after which the links of further ones are not followed."""
_SITEMAPS = 20
_SITEMAP_BYTES = 50 * 1024 * 1024
"""Of one sitemap, unpacked: what the protocol allows."""
_ROBOTS_AGE = 24 * 3600.0
_LOST_AGE = 60.0
"""Seconds until rules that could not be had are asked for again."""
_KEPT = 7 * 24 * 3600.0
"""Seconds for which an unfinished crawl can go on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a crawl ends."""

    pages: int = 20
    depth: int = 2
    """Links from the start; 0 is the start alone."""
    bytes: int = 100 * 1024 * 1024
    """Of all pages, unpacked."""
    seconds: float = 600.0
    """Of one run; what is left goes on in the next."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a crawl has found so far."""

    pages: tuple[Visited, ...]
    failed: tuple[tuple[str, str], ...]
    passed: dict[str, int]
    """Why addresses were not visited, in words, and how many."""
    ended: str
    """`done`: there is no more; `pages`, `bytes`: that limit; empty: its time, and it can go on."""
    waiting: int
    """Addresses that are known and were not visited."""


Progress = Callable[[Report, str], Awaitable[None]]
"""Told of the report so far, and of the address that comes next."""


@dataclass(slots=True)
class Crawler:
    """Crawls with one fetcher; several crawls may run at once, each of them once."""

    fetcher: Fetcher
    folder: Path
    """For the states of crawls."""
    clock: Callable[[], float] = time.monotonic
    interval: float = INTERVAL
    _robots: dict[str, tuple[float, Robots]] = field(default_factory=dict)

    async def crawl(
        self,
        start: str,
        limits: Limits,
        *,
        same_site: bool = True,
        again: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Crawl, or go on with the same crawl where it was broken off.

        Args:
            start: A page, or a sitemap.
            limits: Where it ends. All but `seconds` are part of what makes it the same crawl.
            same_site: Whether other hosts' pages are left out; `www.` is no other host.
            again: Begin anew.
            progress: Told before each page.

        Raises:
            FetchRefused: The start must not be fetched, by the guard or by the site's wish.
            FetchFailed: The start could not be fetched.
            WebError: The same crawl is running, or its state cannot be written.
        """
        from filelock import FileLock, Timeout

        start = canonical(start)
        file = self._file(start, limits, same_site)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            drop_old(self.folder, time.time(), _KEPT)
            with FileLock(file.with_suffix(".lock"), timeout=0):
                state = CrawlState.open(file, again=again)
                try:
                    state.add([Found(start, 0)])
                    run = _Run(self, state, limits, start, same_site)
                    await run.go(progress)
                    return _report(state)
                finally:
                    state.close()
        except Timeout:
            raise WebError(
                "This crawl is already running.", hint="Wait until it has ended, and ask again."
            ) from None
        except OSError as error:
            raise WebError(f"The state of the crawl cannot be kept in {self.folder}: {error}.",
                           hint="Free some space there.") from error  # fmt: skip

    def so_far(self, start: str, limits: Limits, *, same_site: bool = True) -> Report:
        """What the same crawl has found already; fetches nothing.

        Raises:
            FetchRefused: The start is no URL that is fetched.
        """
        return _report(CrawlState.read(self._file(canonical(start), limits, same_site)))

    def _file(self, start: str, limits: Limits, same_site: bool) -> Path:
        told = [start, same_site, limits.pages, limits.depth, limits.bytes]
        name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]
        return self.folder / f"{name}.jsonl"

    async def rules(self, url: str) -> Robots:
        """What a page's site allows; asked once a day at most."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        known = self._robots.get(origin)
        if known and self.clock() - known[0] < (_LOST_AGE if known[1].lost else _ROBOTS_AGE):
            return known[1]
        try:
            copy = await self.fetcher.get(f"{origin}/robots.txt", max_age=_ROBOTS_AGE)
            found = robots.parse(copy.data)
        except FetchFailed as error:
            none = error.status is not None and 400 <= error.status < 500 and error.status != 429
            found = Robots() if none else robots.lost(error)
        except FetchRefused as error:
            found = robots.lost(error)
        self._robots[origin] = (self.clock(), found)
        return found


class _Run:
    """One run of a crawl."""

    def __init__(
        self, crawler: Crawler, state: CrawlState, limits: Limits, start: str, same_site: bool
    ) -> None:
        self._crawler = crawler
        self._state = state
        self._limits = limits
        self._start = start
        self._same_site = same_site
        self._sites = {site(start)} | ({site(state.pages[0].url)} if state.pages else set())
        self._end = crawler.clock() + limits.seconds

    async def go(self, progress: Progress | None) -> None:
        state, limits = self._state, self._limits
        while (found := state.next()) is not None:
            if len(state.pages) >= limits.pages:
                state.end("pages")
                return
            if state.bytes >= limits.bytes:
                state.end("bytes")
                return
            if self._crawler.clock() >= self._end:
                return
            if progress is not None:
                await progress(_report(state), found.url)
            await self._visit(found)
        state.end("done")

    async def _visit(self, found: Found) -> None:
        """Settle the next address, one way or another."""
        state = self._state
        is_start = found.url == self._start
        rules = await self._crawler.rules(found.url)
        why, hint = "", "fetch reads this one page of it."
        if rules.lost:
            why, hint = f"its robots.txt cannot be read: {rules.lost}", rules.lost.hint
        elif not rules.allows(found.url):
            why = "not allowed by robots.txt"
        elif rules.delay > LONGEST_DELAY:
            why = f"the site asks for {rules.delay:g} seconds between pages"
        if why:
            state.skip(found.url, why)
            if is_start:
                state.end("done")
                raise FetchRefused(f"it must not be crawled: {why}", hint=hint)
            return
        try:
            copy = await self._crawler.fetcher.get(
                found.url, interval=max(rules.delay, self._crawler.interval)
            )
        except GuardError as error:
            state.fail(found.url, str(error))
            if is_start:
                state.end("done")
                raise
            return
        final = canonical(copy.snapshot.final_url)
        if is_start:
            self._sites.add(site(final))
        elif self._leaves(final):
            state.skip(found.url, "leads to another site")
            return
        elif key(final) != key(found.url) and any(key(p.url) == key(final) for p in state.pages):
            state.skip(found.url, "the same page under another address")
            return
        if is_sitemap(_unpacked(copy)):
            await self._add_sitemap(found, copy)
            return
        await self._keep(found, copy, final)

    async def _keep(self, found: Found, copy: Copy, final: str) -> None:
        """Note a page, and where it leads."""
        state, snapshot = self._state, copy.snapshot
        try:
            page = await asyncio.to_thread(pages.read, copy)
        except ReadError as error:
            state.fail(found.url, str(error))
            return
        leads = page.follow and found.depth < self._limits.depth
        if leads and state.contents[snapshot.sha256] < _SAME:
            self._add([link.url for link in page.links], found.depth + 1)
        state.visit(
            found.url,
            Visited(
                url=final,
                title=page.title,
                depth=found.depth,
                snapshot=snapshot.id,
                sha256=snapshot.sha256,
                size=snapshot.size,
                chars=len(page.text),
            ),
        )

    async def _add_sitemap(self, found: Found, copy: Copy) -> None:
        """Take the pages of a sitemap, and of those that it names, for starts."""
        state = self._state
        try:
            listed = await asyncio.to_thread(read_sitemap, _unpacked(copy))
            inner, kind = listed.sitemaps[:_SITEMAPS], "a sitemap"
            for url in inner:
                if self._crawler.clock() >= self._end:
                    kind = "a sitemap that took too long to be read whole"
                    break
                listed = Sitemap((*listed.pages, *await self._inner_sitemap(url)), ())
        except ReadError as error:
            state.fail(found.url, str(error))
            return
        self._add(list(listed.pages), 0)
        state.skip(found.url, kind)

    async def _inner_sitemap(self, url: str) -> tuple[str, ...]:
        with suppress(GuardError, ReadError):
            url = canonical(url)
            rules = await self._crawler.rules(url)
            if not self._leaves(url) and rules.allows(url):
                copy = await self._crawler.fetcher.get(url, interval=rules.delay)
                return (await asyncio.to_thread(read_sitemap, _unpacked(copy))).pages
        return ()

    def _add(self, urls: list[str], depth: int) -> None:
        state = self._state
        found: list[Found] = []
        # More than can ever be visited need not be remembered.
        room = 50 * self._limits.pages + 1_000 - len(state.known)
        for url in urls:
            try:
                url = canonical(url)
            except FetchRefused:
                continue
            if self._leaves(url) or not is_page(url) or is_trap(url):
                continue
            if len(found) < room:
                found.append(Found(url, depth))
        state.add(found)

    def _leaves(self, url: str) -> bool:
        return self._same_site and site(url) not in self._sites


def _unpacked(copy: Copy) -> bytes:
    """A sitemap may be a gzip file; anything else as it is."""
    data = copy.data
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker, out = Unpacker("gzip"), bytearray()
    with suppress(FetchFailed):
        for piece in unpacker.feed(data):
            out += piece
            if len(out) > _SITEMAP_BYTES:
                return data
    return bytes(out)


def _report(state: CrawlState) -> Report:
    return Report(
        pages=tuple(state.pages),
        failed=tuple(state.failed),
        passed=dict(state.passed),
        ended=state.ended,
        waiting=len(state.waiting) + len(state.later),
    )
