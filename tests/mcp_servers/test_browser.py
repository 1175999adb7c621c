from __future__ import annotations

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from knowledge.errors import FetchFailed, FetchRefused
from knowledge.guard import Fetched, Policy
from mcp_servers.web_tools import browser
from mcp_servers.web_tools.browser import looks_empty, render
from mcp_servers.web_tools.errors import WebError
from tests.web import Page, Web, redirect

WORDS = "The pump moves water from the basin to the tank. " * 10
POLICY = Policy()


def test_a_page_with_a_mount_point_and_hardly_any_text_looks_empty() -> None:
    shell = '<body><div id="root"></div><script src="/a.js"></script></body>'
    assert looks_empty(shell, "")
    assert looks_empty(shell, "Loading, one moment please. " * 5)
    assert looks_empty("<body><script>go()</script>", "")


def test_a_page_that_asks_for_javascript_looks_empty() -> None:
    html = f"<script src=a.js></script><p>You need to enable JavaScript to run this app.{WORDS}"
    assert looks_empty(html, f"You need to enable JavaScript to run this app.{WORDS}")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<p>{WORDS}</p><script>count()</script><div id=root>", WORDS),
        ("<p>Hello.</p>", "Hello."),
        ("<script>count()</script><p>" + "A short page, complete as it is. " * 4,
         "A short page, complete as it is. " * 4),
    ],
    ids=["with text", "without scripts", "short"],
)  # fmt: skip
def test_a_page_that_says_something_or_has_no_scripts_does_not(html: str, text: str) -> None:
    assert not looks_empty(html, text)


@dataclass
class Asked:
    """A request of a fake page."""

    url: str
    method: str = "GET"
    resource_type: str = "script"


@dataclass
class Held:
    """A route of a fake page, which keeps its answer."""

    request: Asked
    aborted: bool = False
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)

    async def abort(self, error_code: str | None = None) -> None:
        self.aborted = True

    async def fulfill(self, *, status: int, headers: dict[str, str], body: bytes | str) -> None:
        self.headers, self.body = headers, body


class Tab:
    """A fake tab: asks for its document, then for what it is told to."""

    def __init__(self, *asks: Asked, made: str = "<p>made</p>") -> None:
        self.asks, self.made, self.url = asks, made, "about:blank"
        self.routes: list[Held] = []
        self.closed = False

    async def route(self, url: str, handler: Callable[[Any], Awaitable[None]]) -> None:
        self.handler = handler

    async def goto(self, url: str, *, timeout: float, wait_until: Any) -> None:
        await self._ask(Asked(url, resource_type="document"))
        if self.routes[0].aborted:
            raise RuntimeError("net::ERR_BLOCKED_BY_CLIENT at " + url)
        self.url = url
        await asyncio.gather(*map(self._ask, self.asks))

    async def content(self) -> str:
        return self.made

    async def _ask(self, asked: Asked) -> None:
        held = Held(asked)
        self.routes.append(held)
        await self.handler(held)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Tab]:
        try:
            yield self
        finally:
            self.closed = True


class Site:
    """Fetches out of a dictionary, and remembers by which policy."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = {"/": b"<div id=root></div>", **{f"/{k}": v for k, v in pages.items()}}
        self.asked: list[tuple[str, Policy]] = []
        self.moved = ""

    async def __call__(self, url: str, policy: Policy) -> Fetched:
        self.asked.append((url, policy))
        path = "/" + url.split("/", 3)[3]
        if "169.254" in url:
            raise FetchRefused("169.254.169.254 is the address of a cloud's metadata service")
        if path not in self.pages:
            raise FetchFailed("example.com answered 404 Not Found", status=404)
        kind = "text/html" if path == "/" else "text/javascript"
        return Fetched(self.moved or url, 200, kind, "", self.pages[path], "e", "l", 0.0)


PAGE = "http://example.com/"


async def test_the_page_as_made_is_given_in_utf8_and_the_browser_is_closed() -> None:
    tab, site = Tab(Asked(PAGE + "a.js"), made="<p>grüße"), Site(**{"a.js": b"go()"})
    made = await render(PAGE, policy=POLICY, open_page=tab, fetch_one=site)
    assert (made.fetched.data, made.fetched.charset) == ("<p>grüße".encode(), "utf-8")
    assert (made.fetched.url, made.fetched.etag, made.notes) == (PAGE, "", ())
    assert tab.routes[1].body == b"go()"
    assert tab.routes[1].headers["Content-Type"] == "text/javascript"
    assert tab.closed


async def test_a_page_that_is_refused_is_refused_in_the_guards_words() -> None:
    tab = Tab()
    with pytest.raises(FetchRefused, match="metadata service"):
        await render("http://169.254.169.254/x", policy=POLICY, open_page=tab, fetch_one=Site())
    assert tab.closed


async def test_what_the_page_asks_for_against_the_rules_is_left_out_and_told() -> None:
    tab = Tab(
        Asked("http://169.254.169.254/key"),
        Asked(PAGE + "send", method="POST", resource_type="fetch"),
        Asked(PAGE + "photo.jpg", resource_type="image"),
    )
    site = Site()
    made = await render(PAGE, policy=POLICY, open_page=tab, fetch_one=site)
    assert all(held.aborted for held in tab.routes[1:])
    assert [url for url, _ in site.asked] == [PAGE, "http://169.254.169.254/key"]
    assert len(made.notes) == 2
    assert "metadata service" in " ".join(made.notes)
    assert "POST would change something" in " ".join(made.notes)


async def test_a_name_that_is_allowed_counts_for_its_own_pages_only() -> None:
    policy = Policy(allow=("wiki.internal", "example.com"))
    tab = Tab(Asked("http://wiki.internal/"), Asked(PAGE + "a.js"))
    site = Site(**{"a.js": b""})
    await render(PAGE, policy=policy, open_page=tab, fetch_one=site)
    allowed = {url: limits.allow for url, limits in site.asked}
    assert allowed == {PAGE: policy.allow, "http://wiki.internal/": (), PAGE + "a.js": policy.allow}


async def test_a_page_that_asks_without_end_gets_so_much_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_REQUESTS", 3)
    tab, site = Tab(*(Asked(PAGE + "a.js") for _ in range(9))), Site(**{"a.js": b""})
    made = await render(PAGE, policy=POLICY, open_page=tab, fetch_one=site)
    assert len(site.asked) == 3
    assert "asks for more than 3 things" in made.notes[0]


async def test_all_requests_together_have_one_measure_of_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_BYTES", 100)
    monkeypatch.setattr(browser, "_AT_ONCE", 1)
    tab, site = Tab(Asked(PAGE + "a.js")), Site(**{"a.js": b"x" * 60})
    await render(PAGE, policy=POLICY, open_page=tab, fetch_one=site)
    assert [limits.max_bytes for _, limits in site.asked] == [100, 100 - len(site.pages["/"])]


async def test_a_page_that_was_moved_knows_where_it_is() -> None:
    tab, site = Tab(), Site()
    site.moved = 'http://example.com/new/"place"'
    made = await render(PAGE, policy=POLICY, open_page=tab, fetch_one=site)
    body = tab.routes[0].body
    assert isinstance(body, bytes)
    assert body.startswith(b'<base href="http://example.com/new/&quot;place&quot;">')
    assert made.fetched.url == site.moved


async def test_a_page_that_takes_too_long_is_ended_with_what_it_fetches() -> None:
    ended = asyncio.Event()

    async def hangs(url: str, policy: Policy) -> Fetched:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    tab = Tab()
    with pytest.raises(FetchFailed, match=r"within 0\.05 seconds"):
        await render(PAGE, policy=POLICY, seconds=0.05, open_page=tab, fetch_one=hangs)
    assert tab.closed
    assert ended.is_set()


async def test_a_page_that_is_never_quiet_is_taken_as_it_is() -> None:
    async def slow(url: str, policy: Policy) -> Fetched:
        if url.endswith("poll"):
            await asyncio.Event().wait()
        return Fetched(url, 200, "text/html", "", b"<p>", "", "", 0.0)

    class Polling(Tab):
        async def goto(self, url: str, *, timeout: float, wait_until: Any) -> None:
            await super().goto(url, timeout=timeout, wait_until=wait_until)
            self.polling = asyncio.create_task(self._ask(Asked(PAGE + "poll")))
            await asyncio.wait([self.polling], timeout=0)

    tab = Polling()
    made = await render(PAGE, policy=POLICY, seconds=0.2, open_page=tab, fetch_one=slow)
    assert made.fetched.data == b"<p>made</p>"
    assert (await asyncio.gather(tab.polling, return_exceptions=True)) == [None]


async def test_without_playwright_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "playwright.async_api", None)
    with pytest.raises(WebError, match="not installed") as caught:
        await render(PAGE, policy=POLICY)
    assert "pip install" in caught.value.hint


def test_the_browser_is_given_no_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    assert not {"OPENAI_API_KEY", "HTTPS_PROXY"} & set(browser._environment())


here = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or not any(map(shutil.which, browser._NAMES)),
    reason="needs Playwright and a Chromium on this machine",
)
APP = b"""<!doctype html><title>App</title><div id="root"></div><script src="/app.js"></script>"""
SCRIPT = b"""
const say = text => document.getElementById('root').innerHTML += '<p>' + text + '</p>';
const get = (url, more) => fetch(url, more).then(r => r.text()).catch(() => 'kept out');
(async () => {
  say(await get('data.txt'));
  const other = 'http://' + location.host.replace('127.0.0.1', 'localhost');
  say('other: ' + await get(other + '/secret'));
  say('post: ' + await get('/data.txt', {method: 'POST'}));
  say('beacon: ' + navigator.sendBeacon('/beacon', 'x'));
  new WebSocket('ws://' + location.host + '/socket');
  new Image().src = '/pixel.png';
  window.open('/popup');
  const rtc = new RTCPeerConnection({iceServers: [{urls: 'stun:' + location.host}]});
  rtc.createDataChannel('x'); rtc.setLocalDescription(await rtc.createOffer());
  say('done');
})();
"""


@here
async def test_a_real_browser_shows_what_scripts_make_and_reaches_nothing_by_itself() -> None:
    pages = {
        "/app/": Page(APP),
        "/app.js": Page(SCRIPT, type="text/javascript"),
        "/app/data.txt": Page(b"read by a script", type="text/plain"),
        "/secret": Page(b"inner", type="text/plain"),
        "/moved": redirect("/app/"),
    }
    with Web(pages) as web:
        policy = Policy(allow=(web.authority,))
        made = await render(web.url("/moved"), policy=policy, seconds=60)
        seen = [path for path, _ in web.requests]
        agents = {headers.get("user-agent") for _, headers in web.requests}
    text = made.fetched.data.decode()
    assert "<p>read by a script</p>" in text
    assert "<p>other: kept out</p>" in text
    assert "<p>post: kept out</p>" in text
    assert "<p>done</p>" in text
    assert seen == ["/moved", "/app/", "/app.js", "/app/data.txt"]
    assert agents == {policy.user_agent}
    assert made.fetched.url == web.url("/app/")


@here
async def test_a_real_browser_is_refused_an_inner_address() -> None:
    with Web({"/": Page(APP)}) as web, pytest.raises(FetchRefused, match="loopback"):
        await render(web.url(), policy=POLICY, seconds=60)


@here
async def test_a_real_browser_with_a_script_without_end_is_ended() -> None:
    pages = {"/": Page(b"<p>x<script>for(;;);</script>")}
    with Web(pages) as web, pytest.raises(FetchFailed):
        await render(web.url(), policy=Policy(allow=(web.authority,)), seconds=6)
