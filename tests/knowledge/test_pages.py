"""Web pages as sources of a library, from a real server on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.library import Library
from tests.fakes import HashingEmbedder
from tests.knowledge.memory_store import MemoryStore
from tests.web import Page, Web

ARTICLE = """<html><head><title>Otters</title></head><body><main><h1>Otters</h1>
<p>The river otter sleeps in a den that is called a holt. It is a good swimmer, and it hunts
fish and crabs in the evening, when the water is calm.</p><p>%s</p></main></body></html>"""


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def library(tmp_path: Path, web: Web) -> Iterator[Library]:
    root = tmp_path / "library"
    root.mkdir()
    library = Library(
        root,
        embedder=HashingEmbedder(),
        make_store=lambda _: MemoryStore(),
        allow_hosts=[web.authority],
    )
    yield library
    library.close()


def article(text: str) -> Page:
    return Page((ARTICLE % text).encode())


async def test_a_page_is_added_found_and_cited_by_its_url(library: Library, web: Web) -> None:
    web.pages["/otters"] = article("It eats four fish a day.")
    url = web.url("/otters")
    report = await library.add([url])
    assert (report.added, report.failed) == (1, ())
    found = (await library.search("where does the otter sleep")).passages[0]
    assert found.source == url
    assert "holt" in found.text
    assert not await library.stale(url)


async def test_a_sync_takes_in_what_changed_on_the_page(library: Library, web: Web) -> None:
    web.pages["/otters"] = article("It eats four fish a day.")
    await library.add([web.url("/otters")])
    assert (await library.sync()).unchanged == 1
    web.pages["/otters"] = article("It eats nine fish a day.")
    assert (await library.sync()).changed == 1
    text = " ".join(p.text for p in (await library.search("fish a day")).passages)
    assert "nine fish" in text
    assert "four fish" not in text


async def test_a_page_that_cannot_be_had_just_now_stays_as_it_was(
    library: Library, web: Web
) -> None:
    web.pages["/otters"] = article("It eats four fish a day.")
    await library.add([web.url("/otters")])
    web.pages["/otters"] = Page(status=503)
    report = await library.sync()
    assert (report.unchanged, report.removed) == (1, 0)
    assert "kept as it was" in report.warned[0].reason
    assert (await library.search("otter holt")).passages


async def test_a_rebuild_keeps_a_page_that_cannot_be_had_just_now(
    library: Library, web: Web
) -> None:
    web.pages["/otters"] = article("It eats four fish a day.")
    await library.add([web.url("/otters")])
    (before,) = await library.sources()
    web.pages["/otters"] = Page(status=503)
    report = await library.rebuild()
    assert (report.added, report.unchanged, report.failed) == (0, 1, ())
    assert "kept as it was" in report.warned[0].reason
    assert await library.sources() == (before,)
    assert (await library.search("otter holt")).passages[0].dense is not None
    web.pages["/otters"] = article("It eats nine fish a day.")
    assert (await library.sync()).changed == 1


async def test_a_rebuild_says_what_page_could_never_be_had(library: Library, web: Web) -> None:
    web.pages["/otters"] = Page(status=503)
    await library.add([web.url("/otters")])
    assert [problem.source for problem in (await library.rebuild()).failed] == [web.url("/otters")]


async def test_a_page_of_the_inner_network_is_refused_in_words(library: Library, web: Web) -> None:
    inner = [f"http://localhost:{web.port}/", "http://169.254.169.254/x"]
    report = await library.add(inner)
    assert sorted(problem.source for problem in report.failed) == sorted(inner)
    assert all(problem.reason for problem in report.failed)
    assert web.requests == []


async def test_a_removed_page_is_not_fetched_again(library: Library, web: Web) -> None:
    web.pages["/otters"] = article("It eats four fish a day.")
    await library.add([web.url("/otters")])
    assert await library.remove([web.url("/otters")]) == (web.url("/otters"),)
    asked = len(web.requests)
    await library.sync()
    assert len(web.requests) == asked
    assert await library.sources() == ()
