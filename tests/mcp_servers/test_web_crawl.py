"""Crawling: what is visited in which order, what is not, and going on after a break."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import FetchFailed, FetchRefused
from mcp_servers.web_tools import robots
from mcp_servers.web_tools.crawl import Crawler, Limits, Report
from mcp_servers.web_tools.crawl_state import CrawlState, Found, Visited
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.urls import canonical, is_page, is_trap, key, shape
from tests.mcp_servers.web_stand import Time, fetcher
from tests.web import Page, Web, Wire, redirect


def page(name: str, *links: str, extra: str = "") -> Page:
    shown = "".join(f'<a href="{link}">to {link}</a> ' for link in links)
    text = f"This is the page called {name}, of which there is much to say. " * 5
    return Page(f"<title>{name}</title>{extra}<h1>{name}</h1><p>{text}</p>{shown}".encode())


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


def crawler(web: Web, folder: Path, time: Time | None = None) -> Crawler:
    time = time or Time()
    return Crawler(fetcher(web, folder, time), folder / "crawls", clock=time)


async def crawl(web: Web, folder: Path, start: str = "/", **limits: int) -> Report:
    return await crawler(web, folder).crawl(web.url(start), Limits(**limits))


def paths(report: Report) -> list[str]:
    return [urlsplit(page.url).path for page in report.pages]


async def test_a_site_is_crawled_breadth_first_and_each_page_once(web: Web, tmp_path: Path) -> None:
    web.pages |= {
        "/": page("home", "/a", "/b#x", "/a?utm_source=y", "mailto:x@y.z", "/pic.png"),
        "/a": page("a", "/c", "/"),
        "/b": page("b", "/d", "a"),
        "/c": page("c", "/e"),
        "/d": page("d"),
        "/e": page("e"),
    }
    report = await crawl(web, tmp_path)
    assert paths(report) == ["/", "/a", "/b", "/c", "/d"]
    assert [p.depth for p in report.pages] == [0, 1, 1, 2, 2]
    assert report.ended == "done"
    assert report.pages[0].title == "home"
    assert "/pic.png" not in [path for path, _ in web.requests]


async def test_another_site_is_left_out_and_the_host_that_the_start_leads_to_is_not(
    web: Web, tmp_path: Path
) -> None:
    with Web({"/": page("other")}) as other:
        web.pages |= {
            "/": page("home", other.url(), "/out", "/a"),
            "/out": redirect(other.url()),
            "/a": page("a"),
        }
        report = await crawl(web, tmp_path)
        assert paths(report) == ["/", "/a"]
        assert other.requests == []


async def test_all_sites_are_followed_where_that_is_asked_for(web: Web, tmp_path: Path) -> None:
    with Web({"/": page("other")}) as other:
        web.pages["/"] = page("home", other.url())
        crawling = crawler(web, tmp_path)
        crawling.fetcher.policy = type(crawling.fetcher.policy)(
            allow=(web.authority, other.authority)
        )
        report = await crawling.crawl(web.url(), Limits(), same_site=False)
        assert len(report.pages) == 2


async def test_limits_on_pages_depth_and_bytes_hold(web: Web, tmp_path: Path) -> None:
    for n in range(9):
        web.pages[f"/{n}"] = page(f"page {n}", f"/{n + 1}")
    assert len((await crawl(web, tmp_path, "/0", pages=3, depth=5)).pages) == 3
    assert paths(await crawl(web, tmp_path, "/0", depth=1)) == ["/0", "/1"]
    assert (await crawl(web, tmp_path, "/0", bytes=600, depth=5)).ended == "bytes"


async def test_what_robots_txt_forbids_is_not_visited(web: Web, tmp_path: Path) -> None:
    rules = b"User-agent: *\nDisallow: /private\nAllow: /private/but\n"
    web.pages |= {
        "/robots.txt": Page(rules, type="text/plain"),
        "/": page("home", "/private/a", "/private/but", "/a"),
        "/private/but": page("but"),
        "/a": page("a"),
    }
    report = await crawl(web, tmp_path)
    assert paths(report) == ["/", "/private/but", "/a"]
    assert report.passed == {"not allowed by robots.txt": 1}
    assert [path for path, _ in web.requests].count("/robots.txt") == 1


async def test_a_start_that_robots_txt_forbids_is_refused_in_words(
    web: Web, tmp_path: Path
) -> None:
    web.pages |= {"/robots.txt": Page(b"User-agent: understudy\nDisallow: /"), "/": page("home")}
    with pytest.raises(FetchRefused, match=r"not allowed by robots\.txt"):
        await crawl(web, tmp_path)


async def test_the_crawl_delay_is_kept(web: Web, tmp_path: Path) -> None:
    time = Time()
    web.pages |= {
        "/robots.txt": Page(b"User-agent: *\nCrawl-delay: 7"),
        "/": page("home", "/a"),
        "/a": page("a"),
    }
    await crawler(web, tmp_path, time).crawl(web.url(), Limits())
    assert time.slept == [7.0]


async def test_without_a_wish_a_second_lies_between_pages(web: Web, tmp_path: Path) -> None:
    time = Time()
    web.pages |= {"/": page("home", "/a"), "/a": page("a")}
    await crawler(web, tmp_path, time).crawl(web.url(), Limits())
    assert time.slept == [1.0]


async def test_links_that_robots_are_asked_not_to_follow_are_not(web: Web, tmp_path: Path) -> None:
    tag = "<meta name=robots content='noindex, nofollow'>"
    web.pages |= {"/": page("home", "/a", extra=tag), "/a": page("a")}
    assert paths(await crawl(web, tmp_path)) == ["/"]


async def test_a_sitemap_its_index_and_a_packed_one_are_starts(web: Web, tmp_path: Path) -> None:
    def sitemap(*urls: str) -> bytes:
        return "<urlset>{}</urlset>".format(
            "".join(f"<url><loc>{web.url(url)}</loc></url>" for url in urls)
        ).encode()

    listed = [f"<sitemap><loc>{web.url(f)}</loc></sitemap>" for f in ("/one.xml", "/two.xml.gz")]
    index = f"<sitemapindex>{''.join(listed)}</sitemapindex>"
    web.pages |= {
        "/index.xml": Page(index.encode(), type="application/xml"),
        "/one.xml": Page(sitemap("/a", "/b"), type="application/xml"),
        "/two.xml.gz": Page(gzip.compress(sitemap("/c")), type="application/gzip"),
        **{f"/{name}": page(name) for name in "abc"},
    }
    report = await crawl(web, tmp_path, "/index.xml", depth=0)
    assert paths(report) == ["/a", "/b", "/c"]


async def test_an_endless_calendar_does_not_crowd_out_the_site(web: Web, tmp_path: Path) -> None:
    web.pages["/"] = page("home", *(f"/calendar/2026/{n}" for n in range(1, 40)), "/a", "/b")
    for n in range(1, 90):
        web.pages[f"/calendar/2026/{n}"] = page(f"day {n}", f"/calendar/2026/{n + 1}")
    web.pages |= {"/a": page("a"), "/b": page("b")}
    report = await crawl(web, tmp_path, pages=20, depth=5)
    assert {"/a", "/b"} <= set(paths(report))
    assert len(report.pages) == 20


async def test_pages_of_one_content_are_not_followed_for_ever(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = page("the same", *(f"/x?id={n}" for n in range(300)))
    report = await crawl(web, tmp_path, "/x", pages=30, depth=5)
    assert len(report.pages) <= 30
    assert report.waiting < 350


async def test_a_page_that_fails_is_told_and_the_rest_goes_on(web: Web, tmp_path: Path) -> None:
    web.pages |= {"/": page("home", "/gone", "/zip", "/a"), "/a": page("a"),
                  "/zip": Page(b"PK\x03\x04", type="application/zip")}  # fmt: skip
    report = await crawl(web, tmp_path)
    assert paths(report) == ["/", "/a"]
    failed = {urlsplit(url).path: why for url, why in report.failed}
    assert "404" in failed["/gone"]
    assert "ZIP" in failed["/zip"]


async def test_a_start_that_fails_is_a_failure(web: Web, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="404"):
        await crawl(web, tmp_path)


async def test_a_crawl_that_was_cancelled_goes_on_where_it_was(web: Web, tmp_path: Path) -> None:
    for n in range(6):
        web.pages[f"/{n}"] = page(f"page {n}", f"/{n + 1}")
    limits = Limits(pages=6, depth=9)

    async def stop(report: Report, url: str) -> None:
        if len(report.pages) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await crawler(web, tmp_path).crawl(web.url("/0"), limits, progress=stop)
    before = len(web.requests)
    with next(tmp_path.glob("crawls/*.jsonl")).open("a") as file:
        file.write('["page", {"url": "http://torn')  # as a kill leaves it
    report = await crawler(web, tmp_path).crawl(web.url("/0"), limits)
    assert paths(report) == [f"/{n}" for n in range(6)]
    assert [path for path, _ in web.requests[before:]] == ["/robots.txt", "/3", "/4", "/5"]
    assert crawler(web, tmp_path).so_far(web.url("/0"), limits) == report


CHILD = """
import asyncio, sys
from pathlib import Path
from knowledge.guard import Policy
from mcp_servers.web_tools.crawl import Crawler, Limits
from mcp_servers.web_tools.fetcher import Fetcher
from mcp_servers.web_tools.pace import Pace
from mcp_servers.web_tools.snapshots import Snapshots

web, folder = sys.argv[1], Path(sys.argv[2])
fetcher = Fetcher(Snapshots(folder / "snapshots"), Policy(allow=(web,)), pace=Pace(0))
crawler = Crawler(fetcher, folder / "crawls", interval=0)
asyncio.run(crawler.crawl(f"http://{web}/0", Limits(pages=6, depth=9)))
"""


async def test_a_crawl_whose_process_was_killed_goes_on_where_it_was(
    web: Web, tmp_path: Path
) -> None:
    for n in range(6):
        web.pages[f"/{n}"] = page(f"page {n}", f"/{n + 1}")
    reached, fourth = threading.Event(), web.pages["/3"]

    def hang(wire: Wire) -> None:
        reached.set()
        wire.closing.wait(60)

    web.pages["/3"] = hang
    child = subprocess.Popen([sys.executable, "-c", CHILD, web.authority, str(tmp_path)])
    try:
        assert await asyncio.to_thread(reached.wait, 60)
    finally:
        child.kill()
        child.wait()
    web.pages["/3"] = fourth
    before = len(web.requests)
    report = await crawler(web, tmp_path).crawl(web.url("/0"), Limits(pages=6, depth=9))
    assert paths(report) == [f"/{n}" for n in range(6)]
    assert [path for path, _ in web.requests[before:]] == ["/robots.txt", "/3", "/4", "/5"]


async def test_a_crawl_out_of_time_goes_on_in_the_next_call(web: Web, tmp_path: Path) -> None:
    web.pages |= {"/": page("home", "/a", "/b"), "/a": page("a"), "/b": page("b")}
    limits = Limits(seconds=1)
    first = await crawler(web, tmp_path).crawl(web.url(), limits)
    assert (first.ended, len(first.pages)) == ("", 2)
    assert len((await crawler(web, tmp_path).crawl(web.url(), limits)).pages) == 3


async def test_one_crawl_does_not_run_twice_at_once(web: Web, tmp_path: Path) -> None:
    web.pages["/"] = page("home")
    crawling = crawler(web, tmp_path)
    told: list[str] = []

    async def again(report: Report, url: str) -> None:
        with pytest.raises(WebError, match="already running"):
            await crawling.crawl(web.url(), Limits())
        told.append(url)

    await crawling.crawl(web.url(), Limits(), progress=again)
    assert told == [web.url()]


def test_a_state_read_again_is_the_same(tmp_path: Path) -> None:
    state = CrawlState.open(tmp_path / "x.jsonl", again=False)
    state.add([Found(f"https://e.com/p/{n}", 1) for n in range(30)])
    for _ in range(14):
        found = state.next()
        assert found
        state.add([Found(f"{found.url}/more", 2)])
        state.visit(found.url, Visited(found.url, "t", 1, "i", "h", 10, 5))
    third = state.next()
    assert third
    state.fail(third.url, "why")
    state.close()
    again = CrawlState.read(tmp_path / "x.jsonl")
    assert (again.pages, again.failed, again.bytes) == (state.pages, state.failed, state.bytes)
    left = [*state.waiting, *state.later]
    assert sorted([*again.waiting, *again.later]) == sorted(left)


CANONICAL = {
    "HTTP://Example.com:80/a/../b": "http://example.com/b",
    "https://e.com/%7euser/%c3%a9?x=%2f#top": "https://e.com/~user/%C3%A9?x=%2f",
    "https://e.com/a?utm_source=x&id=1&fbclid=y": "https://e.com/a?id=1",
    "https://e.com/a;jsessionid=1234?": "https://e.com/a",
    "https://e.com//a///b": "https://e.com/a/b",
    "https://e.com": "https://e.com/",
}


@pytest.mark.parametrize(("url", "one"), CANONICAL.items())
def test_an_address_has_one_spelling(url: str, one: str) -> None:
    assert canonical(url) == one
    assert canonical(one) == one


@given(st.text(alphabet="abz/.%20?&=;-_~é", max_size=40))
def test_the_one_spelling_of_any_address_is_its_own(rest: str) -> None:
    once = canonical(f"https://e.com/{rest}")
    assert canonical(once) == once


def test_the_same_page_under_several_addresses_has_one_key() -> None:
    assert len({key(canonical(url)) for url in (
        "http://www.e.com/a?x=1&y=2", "https://e.com/a/?y=2&x=1", "https://e.com/a?x=1&y=2&gclid=z",
    )}) == 1  # fmt: skip


def test_traps_and_pictures_are_known_by_their_address() -> None:
    for url in ("https://e.com/" + "a/b/" * 4, "https://e.com/" + "x" * 500,
                "https://e.com/" + "/".join("abcdefghijklm"),
                "https://e.com/?" + "&".join(f"f{n}=1" for n in range(8))):  # fmt: skip
        assert is_trap(url)
    assert not is_trap("https://e.com/2026/11/03/a-long-title-of-an-article?page=2")
    assert is_page("https://e.com/a.pdf")
    assert not is_page("https://e.com/a.JPG")
    assert shape("https://e.com/2026/11?day=3") == shape("https://e.com/1999/01?day=9")


RULES = {
    "longest_wins": ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
    "longest_wins_whatever_the_order": ("Allow: /a/b\nDisallow: /a", "/a/c", False),
    "allow_wins_a_tie": ("Disallow: /a\nAllow: /a", "/a", True),
    "star": ("Disallow: /*.php", "/x/y.php?z", False),
    "end": ("Disallow: /*.php$", "/x/y.php?z", True),
    "end_fits": ("Disallow: /*.php$", "/x/y.php", False),
    "exact": ("Disallow: /a$", "/ab", True),
    "query": ("Disallow: /*?sort=", "/list?sort=up", False),
    "empty_allows_all": ("Disallow:", "/a", True),
    "comment": ("Disallow: /a # not this", "/a", False),
    "capitals": ("DISALLOW: /a", "/a", False),
    "escape_in_any_case": ("Disallow: /%c3%a9", "/%C3%A9", False),
    "letters_beyond_ascii": ("Disallow: /é", "/%C3%A9", False),
    "many_stars": ("Disallow: /" + "*a" * 500 + "b", "/" + "a" * 5000, True),
}


@pytest.mark.parametrize(("rules", "path", "allowed"), RULES.values(), ids=RULES)
def test_robots_rules_are_read_as_the_standard_says(rules: str, path: str, allowed: bool) -> None:
    found = robots.parse(f"User-agent: *\n{rules}\n".encode())
    assert found.allows(f"https://e.com{path}") is allowed


def test_a_group_that_names_us_counts_alone() -> None:
    text = (b"User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: Understudy/1.0\n"
            b"Crawl-delay: 2\nDisallow: /x\nSitemap: https://e.com/s.xml\n")  # fmt: skip
    found = robots.parse(text)
    assert found.allows("https://e.com/a")
    assert not found.allows("https://e.com/x")
    assert found.delay == 2.0


@given(st.binary(max_size=300))
def test_any_bytes_are_rules_of_some_kind(data: bytes) -> None:
    assert robots.parse(data).allows("https://e.com/a") in (True, False)
