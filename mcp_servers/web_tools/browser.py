"""Pages that scripts make: rendered by a Chromium of this machine (door: playwright, optional).

Chromium never opens a connection of its own: every request of the page is answered here, out of
what `knowledge.guard` fetched, so that its rules hold for scripts, frames and redirects too, and a
name is not looked up a second time. Only GET is known; pictures, media and fonts are left out; a
proxy that leads nowhere and a closed door for WebSockets and WebRTC keep the rest in. The browser
has a fresh profile without cookies and ends with the page.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from knowledge.errors import FetchFailed, GuardError
from knowledge.guard import Fetched, Policy, fetch
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.threads import in_thread

SECONDS = 30.0
"""For all of a page, from the start of the browser."""
_QUIET = 0.5
"""Seconds without a request after which a page counts as made."""
_REQUESTS = 150
_BYTES = 30 * 1024 * 1024
"""Of all requests of a page together, unpacked."""
_MARKUP = 20 * 1024 * 1024
"""Bytes of the page as made."""
_AT_ONCE = 6
_LEFT_OUT = frozenset({"image", "media", "font", "texttrack", "eventsource", "websocket",
                       "manifest", "ping", "cspviolationreport", "prefetch"})  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
          "microsoft-edge")  # fmt: skip
_NOWHERE = "http://127.0.0.1:9"
"""A proxy behind which nothing is: the discard port, for what would pass by the routes."""
_ARGUMENTS = (
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_ENOUGH = 200
"""Characters of text from which on a page is taken to say something without its scripts."""
_SCRIPT = re.compile(r"<script\b[^>]{0,2000}>", re.IGNORECASE)
_MOUNT = re.compile(
    r"<(?:div|main|body)\b[^>]{0,500}\b(?:id|class)\s*=\s*[\"']?[^\"'>]{0,200}"
    r"\b(?:root|app|__next|__nuxt|main-app|app-root|svelte|ember-app)\b"
    r"|<app-root\b|\bng-app\b|\bdata-reactroot\b",
    re.IGNORECASE,
)
_PLEA = re.compile(
    r"(?:enable|activate|turn on|requires?|needs?)\s+(?:your\s+)?java\s?script"
    r"|java\s?script\s+(?:is\s+)?(?:disabled|required|not enabled)|javascript aktivieren",
    re.IGNORECASE,
)

Fetch = Callable[[str, Policy], Awaitable[Fetched]]
"""How a URL is fetched, within the limits given."""


class Request(Protocol):
    """A request of the page, as Playwright tells of it."""

    @property
    def url(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def resource_type(self) -> str: ...


class Route(Protocol):
    """A request that waits to be answered."""

    @property
    def request(self) -> Request: ...
    async def abort(self, error_code: str | None = None) -> None: ...
    async def fulfill(self, *, status: int, headers: dict[str, str], body: bytes | str) -> None: ...


class Page(Protocol):
    """A tab, so far as it is needed here."""

    @property
    def url(self) -> str: ...
    async def route(self, url: str, handler: Callable[[Any], Awaitable[None]]) -> None: ...
    async def goto(self, url: str, *, timeout: float, wait_until: Any) -> Any: ...
    async def content(self) -> str: ...


Open = Callable[[], AbstractAsyncContextManager[Page]]
"""Starts a browser with one tab, and ends it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as its scripts have made it: untrusted data."""

    fetched: Fetched
    """With the markup as made, in UTF-8."""
    notes: tuple[str, ...]
    """What of the page was not loaded, in words."""


def looks_empty(html: str, text: str) -> bool:
    """Whether a page says too little without its scripts, and has scripts that could say more."""
    if len(" ".join(text.split())) >= _ENOUGH and not _PLEA.search(text[:2_000]):
        return False
    if not _SCRIPT.search(html):
        return False
    return bool(_MOUNT.search(html) or _PLEA.search(html)) or len(text.strip()) < _ENOUGH // 2


async def render(
    url: str,
    *,
    policy: Policy,
    seconds: float = SECONDS,
    open_page: Open | None = None,
    fetch_one: Fetch | None = None,
) -> Rendered:
    """Let a browser make a page.

    Args:
        url: From anywhere: it is checked like every request.
        policy: What may be fetched, and how much for one request.
        seconds: For all of it.
        open_page: Starts the browser; None: a Chromium of this machine.
        fetch_one: Fetches what the page asks for; None: the guard.

    Raises:
        FetchRefused: The page itself must not be fetched.
        FetchFailed: It could not be, or not in time.
        WebError: There is no browser here.
    """
    answers = _Answers(policy, fetch_one or _through_guard)
    try:
        async with asyncio.timeout(seconds), (open_page or chromium)() as page:
            await page.route("**/*", answers)
            try:
                await page.goto(url, timeout=1000 * seconds, wait_until="domcontentloaded")
                first = page.url
            except (WebError, TimeoutError, asyncio.CancelledError):
                raise
            except Exception as error:  # Playwright's own: the page was refused, or broke
                raise answers.first_error or _failed(error) from None
            # A busy page is taken as it is when half of the time is over.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds / 2):
                    await answers.quiet()
            markup = (await page.content()).encode("utf-8", "replace")
            last = page.url
    except TimeoutError:
        raise FetchFailed(
            f"the browser did not show it within {seconds:g} seconds", hint="Try again later."
        ) from None
    finally:
        await answers.close()
    if len(markup) > _MARKUP:
        raise FetchFailed(f"the page as made is larger than {_MARKUP >> 20} MiB")
    main = answers.main
    if main is None:
        raise answers.first_error or FetchFailed("the page is none that is fetched")
    made = replace(main, data=markup, charset="utf-8", content_type="text/html", etag="",
                   last_modified="")  # fmt: skip
    if last != first and last.startswith(("http://", "https://")):
        made = replace(made, url=last.partition("#")[0])  # a script has gone elsewhere
    return Rendered(made, answers.notes())


class _Answers:
    """Answers a page's requests, each by the guard's rules and all within one measure."""

    def __init__(self, policy: Policy, fetch_one: Fetch) -> None:
        self.main: Fetched | None = None
        """The document itself."""
        self.first_error: GuardError | None = None
        """Why the document itself was not fetched."""
        self._policy = policy
        self._fetch = fetch_one
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._left = _BYTES
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._refused: dict[str, int] = {}

    async def __call__(self, route: Route) -> None:
        """Answer one request."""
        task = asyncio.create_task(self._answer(route))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        self._changed.set()
        await asyncio.wait([task])

    async def close(self) -> None:
        """End what is still being fetched."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def quiet(self) -> None:
        """Wait until nothing is asked for any more."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._tasks else _QUIET):
                    await self._changed.wait()
            except TimeoutError:
                return

    def notes(self) -> tuple[str, ...]:
        """What was not loaded, and why."""
        return tuple(
            f"{count} request{'s' if count > 1 else ''} not made: {why}"
            for why, count in self._refused.items()
        )

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()

    async def _answer(self, route: Route) -> None:
        request = route.request
        if request.resource_type in _LEFT_OUT:
            await self._abort(route)
            return
        if why := self._why_not(request):
            self._refuse(why)
            await self._abort(route)
            return
        self._count += 1
        try:
            async with self._gate:
                limit = min(self._policy.max_bytes, max(self._left, 1))
                allow = self._policy.allow if self._is_own(request.url) else ()
                limits = replace(self._policy, max_bytes=limit, allow=allow)
                got = await self._fetch(request.url, limits)
        except GuardError as error:
            if request.resource_type == "document" and self.main is None:
                self.first_error = self.first_error or error
            else:
                self._refuse(str(error))
            await self._abort(route)
            return
        self._left -= len(got.data)
        if request.resource_type == "document" and self.main is None:
            self.main = got
        # What a page calls relative to itself is so to where it was found, after redirects.
        moved = request.resource_type == "document" and got.url != request.url.partition("#")[0]
        with suppress(Exception):  # the page has gone on, and does not want it any more
            body = _with_base(got) if moved else got.data
            await route.fulfill(status=200, headers=_headers(got), body=body)

    def _is_own(self, url: str) -> bool:
        """Whether this is the page itself, or of its host.

        Only there the names count that are allowed although they are not public: else any page of
        the web could read them with a script, and tell.
        """
        if self.main is None:
            return True
        return urlsplit(url).netloc == urlsplit(self.main.url).netloc

    def _why_not(self, request: Request) -> str:
        if request.method.upper() != "GET":
            return f"{request.method.upper()[:20]} would change something there"
        if self._count >= _REQUESTS:
            return f"the page asks for more than {_REQUESTS} things"
        if self._left <= 0:
            return f"the page takes more than {_BYTES >> 20} MiB"
        return ""

    def _refuse(self, why: str) -> None:
        if why in self._refused or len(self._refused) < 20:
            self._refused[why] = self._refused.get(why, 0) + 1

    async def _abort(self, route: Route) -> None:
        with suppress(Exception):  # the page has gone on, and does not want it any more
            await route.abort("blockedbyclient")


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A tab of a Chromium that is on this machine.

    Raises:
        WebError: Playwright is not installed, or no Chromium is here, or it does not start.
    """
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        raise WebError(
            "pages that scripts make need Playwright, which is not installed",
            hint="Type, in the project's folder: pip install -c constraints.txt '.[browser]' (and: "
            "playwright install chromium, where no Chromium is on this machine).",
        ) from None
    async with contextlib.AsyncExitStack() as stack:
        try:
            driver = await stack.enter_async_context(async_playwright())
            browser = await driver.chromium.launch(
                executable_path=_executable(),
                args=list(_ARGUMENTS),
                # Chromium's own sandbox does not run for root.
                chromium_sandbox=os.name != "posix" or os.geteuid() != 0,
                proxy={"server": _NOWHERE, "bypass": "<-loopback>"},
                env=_environment(),
            )
            stack.push_async_callback(browser.close)
            context = await browser.new_context(
                accept_downloads=False, service_workers="block", permissions=[]
            )
            await context.route_web_socket("**/*", _close)
            page = await context.new_page()
            page.on("popup", _close)
            page.on("dialog", _dismiss)
        except Error as error:
            raise WebError(
                f"no Chromium could be started: {_first_line(error)}",
                hint="Install Chromium with your system, or type: playwright install chromium",
            ) from None
        yield page


async def _close(other: Any) -> None:
    await other.close()


async def _dismiss(dialog: Any) -> None:
    await dialog.dismiss()


async def _through_guard(url: str, policy: Policy) -> Fetched:
    return await in_thread(lambda stopped: fetch(url, policy=policy, cancelled=stopped))


def _executable() -> str | None:
    """The machine's own Chromium; None: the one that Playwright has fetched, if it has."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _environment() -> dict[str, str | float | bool]:
    """What a browser needs of the environment: no keys, no tokens, no proxies."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LOCALAPPDATA",
            "XDG_RUNTIME_DIR", "FONTCONFIG_PATH")  # fmt: skip
    return {name: os.environ[name] for name in kept if name in os.environ}


def _headers(got: Fetched) -> dict[str, str]:
    kind = got.content_type or "application/octet-stream"
    charset = f"; charset={got.charset}" if got.charset else ""
    # The answer comes without the server's own headers: a script of another site may read it.
    return {"Content-Type": kind + charset, "Access-Control-Allow-Origin": "*"}


def _with_base(got: Fetched) -> bytes:
    """A page that was redirected to, with its own address for what is relative to it."""
    from html import escape

    return f'<base href="{escape(got.url)}">'.encode() + got.data


def _failed(error: Exception) -> FetchFailed:
    return FetchFailed(f"the browser could not open it: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:300]
