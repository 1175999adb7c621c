"""The web tools over a server on loopback, with time that passes only when it is waited for."""

from __future__ import annotations

from pathlib import Path

from knowledge.guard import Policy
from mcp_servers.web_tools.browser import Rendered
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.fetcher import Copy, Fetcher
from mcp_servers.web_tools.pace import Pace
from mcp_servers.web_tools.snapshots import Snapshot, Snapshots
from mcp_servers.web_tools.tools import Render, WebSettings, WebTools
from tests.web import Page, Raw, Web

START = 1_700_000_000.0
ARTICLE = (
    "<html lang='en'><head><title>The lamp</title><meta name='author' content='Ada Brown'>"
    "<meta property='article:published_time' content='2026-10-02T08:00:00Z'></head><body>"
    "<nav><a href='/about'>About us</a></nav><article><h1>The lamp</h1>"
    "<p>The lamp of the lighthouse was lit in 1902, and burned every night for sixty years.</p>"
    "<h2>Its keeper</h2><p>Ada Brown kept it alone, and wrote of it in <a href='/diary'>her"
    " diary</a> and in many letters to the ministry.</p></article></body></html>"
)


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def fetcher(web: Web, folder: Path, time: Time, *, interval: float = 0.0) -> Fetcher:
    """A fetcher that may reach the server, and waits in no real time."""
    return Fetcher(
        Snapshots(folder / "snapshots"),
        Policy(allow=(web.authority,), seconds=10),
        pace=Pace(interval, sleep=time.sleep, clock=time),
        sleep=time.sleep,
        clock=time,
    )


async def no_browser(url: str, policy: Policy) -> Rendered:
    """No browser is started in tests of something else."""
    raise WebError("there is no browser in this test")


def tools(web: Web, folder: Path, time: Time, *, render: Render = no_browser) -> WebTools:
    """The tools over such a fetcher."""
    return WebTools(WebSettings(folder), fetcher=fetcher(web, folder, time), render=render)


def copy_of(data: bytes | str, type: str = "text/html", url: str = "https://example.com/a") -> Copy:
    """A kept copy, without a store."""
    raw = data.encode() if isinstance(data, str) else data
    kind, _, charset = type.partition("; charset=")
    made = Snapshot("a" * 24, url, url, "b" * 64, len(raw), kind, charset, "", "", START, START)
    return Copy(made, raw, "fetched")


def in_turn(*pages: Page) -> Raw:
    """A page that is another one each time, and then stays the last."""
    left = list(pages)

    def answer(wire: object) -> None:
        page = left.pop(0) if len(left) > 1 else left[0]
        head = f"HTTP/1.1 {page.status} X\r\nContent-Type: {page.type}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in page.headers.items())
        head += f"Content-Length: {len(page.body)}\r\n\r\n"
        wire.send(head.encode() + page.body)  # type: ignore[attr-defined]

    return answer
