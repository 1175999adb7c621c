"""Crawling where a site is not what it should be: no rules to be had, nobody there, no end."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import FetchRefused
from mcp_servers.web_tools.crawl import Limits
from tests.mcp_servers.test_web_crawl import crawl, crawler, page, paths, web
from tests.mcp_servers.web_stand import Time
from tests.web import Page, Web

__all__ = ["web"]


async def test_a_site_whose_rules_cannot_be_had_is_not_crawled(web: Web, tmp_path: Path) -> None:
    web.pages |= {"/robots.txt": Page(b"", status=500), "/": page("home")}
    with pytest.raises(FetchRefused, match=r"robots\.txt cannot be read: .* answered 500"):
        await crawl(web, tmp_path)


async def test_a_site_that_is_not_there_is_not_said_to_forbid_it(tmp_path: Path) -> None:
    with Web() as gone:
        pass
    with pytest.raises(FetchRefused, match="no connection to") as caught:
        await crawl(gone, tmp_path)
    assert "not allowed" not in str(caught.value)
    with pytest.raises(FetchRefused, match=r"10\.0\.0\.1 is a private address") as caught:
        await crawler(gone, tmp_path).crawl("http://10.0.0.1/", Limits())
    assert caught.value.hint.startswith("If you trust it")


async def test_rules_that_could_not_be_had_are_asked_for_again_after_a_while(
    web: Web, tmp_path: Path
) -> None:
    web.pages |= {"/robots.txt": Page(b"", status=500), "/": page("home")}
    time = Time()
    crawling = crawler(web, tmp_path, time)
    with pytest.raises(FetchRefused):
        await crawling.crawl(web.url(), Limits())
    del web.pages["/robots.txt"]
    time.now += 100
    assert paths(await crawling.crawl(web.url(), Limits())) == ["/"]


async def test_the_sitemaps_of_an_index_are_read_no_longer_than_a_crawl_may_take(
    web: Web, tmp_path: Path
) -> None:
    names = [f"/{n}.xml" for n in range(20)]
    listed = "".join(f"<sitemap><loc>{web.url(name)}</loc></sitemap>" for name in names)
    one = f"<urlset><url><loc>{web.url('/a')}</loc></url></urlset>"
    web.pages |= {
        "/robots.txt": Page(b"User-agent: *\nCrawl-delay: 7"),
        "/index.xml": Page(f"<sitemapindex>{listed}</sitemapindex>".encode()),
        **{name: Page(one.encode(), type="application/xml") for name in names},
        "/a": page("a"),
    }
    time = Time()
    crawling = crawler(web, tmp_path, time)
    first = await crawling.crawl(web.url("/index.xml"), Limits(seconds=20))
    assert sum(time.slept) < 30
    assert first.passed == {"a sitemap that took too long to be read whole": 1}
    assert paths(await crawling.crawl(web.url("/index.xml"), Limits(seconds=20))) == ["/a"]
