"""Finding and reading: over our web server on a local web, over a library, and over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.mcp_client import Outcome
from agent.research.base import NotRead, PartlyFound
from agent.research.gather import BothGather, LibraryGather, WebGather
from agent.research.types import Hit, Part
from tests.agent.research.web_fixture import (
    ORDERS,
    STORY,
    InProcess,
    Listed,
    SmallWeb,
    lighthouse,
    web_server,
)
from tests.fakes import MemoryLibrary
from tests.web import Wire

PART = Part(1, "When was the lighthouse of Skarholm built?", "a year", ("Skarholm lighthouse",))


def flood(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>")
    wire.flood(b"more and more words " * 500)


@pytest.fixture
def web() -> Any:
    with SmallWeb(lighthouse(endless=flood)) as small:
        yield small


@pytest.fixture
async def client(web: SmallWeb, tmp_path: Path) -> AsyncIterator[InProcess]:
    async with web_server(web, tmp_path / "web") as connected:
        yield connected


def hit(url: str, **more: Any) -> Hit:
    fields: dict[str, Any] = {
        "origin": "web",
        "title": "",
        "snippet": "",
        "date": "",
        "score": 1.0,
        "flags": (),
    }
    return Hit(part=1, url=url, **fields | more)


class Answers:
    """A web server that says what it is told to, a reply a call."""

    def __init__(self, *replies: Outcome) -> None:
        self.replies = list(replies)

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Outcome:
        return self.replies.pop(0)

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_a_search_of_the_web_gives_pages_with_what_is_told_of_them(
    web: SmallWeb, client: InProcess
) -> None:
    hits = await WebGather(client).search(PART, "lighthouse Skarholm built engineer")
    first = next(hit for hit in hits if hit.url == web.url("atlas", "/skarholm"))
    assert (first.part, first.origin, first.date) == (1, "web", "2024-03-02")
    assert first.title == "The lighthouse of Skarholm"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_a_page_is_read_whole_with_its_snapshot(web: SmallWeb, client: InProcess) -> None:
    source, text = await WebGather(client).read(hit(web.url("atlas", "/skarholm")))
    assert "built in 1887 by the engineer Anna Holm" in text
    assert (source.author, source.date, source.id) == ("Ada Brown", "2024-03-02", "")
    assert source.snapshot
    assert source.retrieved_at.endswith("+00:00")


async def test_a_long_page_is_put_together_from_its_parts(tmp_path: Path) -> None:
    words = "\n\n".join(f"Paragraph {n} speaks of rope, oil and rain at sea." for n in range(2500))
    with SmallWeb([Listed("long", "/all", "A long page", words)]) as web:
        async with web_server(web, tmp_path) as client:
            source, text = await WebGather(client).read(hit(web.url("long", "/all")))
    assert len(client.called) > 1
    assert "Paragraph 2499 speaks" in text
    assert text.count("Paragraph 1250 speaks") == 1
    assert not source.flags


async def test_a_redirect_is_followed_and_told(web: SmallWeb, client: InProcess) -> None:
    source, text = await WebGather(client).read(hit(web.url("moved", "/from")))
    assert source.url == web.url("moved", "/from")
    assert source.final_url == web.url("moved", "/to")
    assert "It is loved." in text


async def test_a_dead_link_is_not_read_and_says_why(web: SmallWeb, client: InProcess) -> None:
    with pytest.raises(NotRead, match=r"\Awas not fetched: .*410"):
        await WebGather(client).read(hit(web.url("dead", "/gone")))


async def test_an_endless_page_is_given_up(web: SmallWeb, client: InProcess) -> None:
    with pytest.raises(NotRead):
        await WebGather(client).read(hit(web.url("odd", "/endless")))


async def test_the_flags_of_a_page_that_gives_orders_come_with_its_source(
    web: SmallWeb, client: InProcess
) -> None:
    source, _ = await WebGather(client).read(hit(web.url("forum", "/orders")))
    assert any(flag.startswith("instructions:") for flag in source.flags)


async def test_a_web_without_an_engine_says_what_to_configure(
    web: SmallWeb, tmp_path: Path
) -> None:
    async with web_server(web, tmp_path, engine=False) as client:
        with pytest.raises(AgentError, match="searxng_url"):
            await WebGather(client).search(PART, "anything")


async def test_only_the_domains_asked_for_are_searched(web: SmallWeb, client: InProcess) -> None:
    domains = [web.sites["atlas"].authority, web.sites["gazette"].authority]
    hits = await WebGather(client, domains=domains).search(PART, "Skarholm")
    assert {hit.url.split("/")[2] for hit in hits} == set(domains)
    assert sorted(web.searches) == sorted(f"Skarholm site:{domain}" for domain in domains)


FOUND = Outcome('{"results": [{"url": "https://a.example/", "title": "A", "snippet": "s"}]}')
LIMITED = Outcome("Error executing tool search: too many requests", ok=False)


async def test_a_domain_that_cannot_be_searched_does_not_take_the_others_with_it() -> None:
    domains = ["a.example", "b.example"]
    web = WebGather(Answers(FOUND, LIMITED), domains=domains)
    with pytest.raises(PartlyFound, match=r"Not every domain .* too many requests") as told:
        await web.search(PART, "lighthouse")
    assert [hit.url for hit in told.value.hits] == ["https://a.example/"]
    library = LibraryGather(MemoryLibrary({}))  # type: ignore[arg-type]
    both = BothGather(WebGather(Answers(LIMITED, FOUND), domains=domains), library)
    with pytest.raises(PartlyFound) as told:
        await both.search(PART, "lighthouse")
    assert [hit.url for hit in told.value.hits] == ["https://a.example/"]


async def test_a_page_whose_parts_do_not_fit_is_not_read() -> None:
    first = Outcome('{"url": "u", "markdown": "one ", "length": 9, "next": "a:4"}')
    client = Answers(first, Outcome('{"url": "u", "markdown": "two", "start": 6, "length": 9}'))
    with pytest.raises(NotRead, match="fit together"):
        await WebGather(client).read(hit("https://example.com/"))


async def test_an_answer_that_is_no_object_is_no_page() -> None:
    with pytest.raises(NotRead, match="no form"):
        await WebGather(Answers(Outcome("[1, 2]"))).read(hit("https://example.com/"))


async def test_half_a_character_of_a_page_is_not_kept() -> None:
    client = Answers(Outcome('{"url": "u", "markdown": "one \\ud800 two", "length": 9}'))
    _, text = await WebGather(client).read(hit("https://example.com/"))
    assert text == "one ? two"


async def test_a_document_of_the_library_is_one_hit_and_is_read_whole() -> None:
    library = MemoryLibrary({"notes/light.md": STORY, "notes/oil.md": "Whale oil is dear."})
    gather = LibraryGather(library)  # type: ignore[arg-type]
    hits = await gather.search(PART, "lighthouse oil island")
    assert [hit.url for hit in hits].count("notes/light.md") == 1
    found = next(hit for hit in hits if hit.url == "notes/light.md")
    source, text = await gather.read(found)
    assert text == STORY
    assert (source.origin, source.final_url, source.title) == ("library", found.url, "light.md")


async def test_what_a_library_gives_for_a_single_common_word_is_no_hit() -> None:
    library = MemoryLibrary({"shed.md": "The shed was built of oak. It has two doors."})
    assert await LibraryGather(library).search(PART, PART.question) == []  # type: ignore[arg-type]


async def test_a_document_that_has_changed_since_it_was_indexed_is_flagged() -> None:
    library = MemoryLibrary({"light.md": STORY}, stale=["light.md"])
    gather = LibraryGather(library)  # type: ignore[arg-type]
    source, _ = await gather.read(hit("light.md", origin="library"))
    assert source.flags == ("stale: the source has changed since it was indexed",)


async def test_a_document_of_the_library_that_gives_orders_is_flagged_as_a_page_is() -> None:
    library = MemoryLibrary({"visit.md": ORDERS, "light.md": STORY})
    gather = LibraryGather(library)  # type: ignore[arg-type]
    source, _ = await gather.read(hit("visit.md", origin="library"))
    assert source.flags == ("instructions: 'Ignore all previous instructions'",)
    assert (await gather.read(hit("light.md", origin="library")))[0].flags == ()


async def test_a_document_that_left_the_library_is_not_read() -> None:
    gather = LibraryGather(MemoryLibrary({}))  # type: ignore[arg-type]
    with pytest.raises(NotRead, match="no longer"):
        await gather.read(hit("light.md", origin="library"))


async def test_both_are_searched_and_each_hit_is_read_where_it_was_found(
    web: SmallWeb, client: InProcess
) -> None:
    library = LibraryGather(MemoryLibrary({"light.md": STORY}))  # type: ignore[arg-type]
    both = BothGather(WebGather(client), library)
    hits = await both.search(PART, "lighthouse Skarholm")
    assert {hit.origin for hit in hits} == {"web", "library"}
    for url in ("light.md", web.url("atlas", "/skarholm")):
        found = next(hit for hit in hits if hit.url == url)
        source, _ = await both.read(found)
        assert source.origin == found.origin
    await both.aclose()
    assert client.closed


async def test_the_library_answers_where_the_web_cannot_and_the_trouble_is_told() -> None:
    failing = WebGather(Answers(Outcome("No engine answered.", ok=False)))
    library = LibraryGather(MemoryLibrary({"light.md": STORY}))  # type: ignore[arg-type]
    with pytest.raises(PartlyFound, match="web could not be searched: No engine") as told:
        await BothGather(failing, library).search(PART, "lighthouse")
    assert [hit.url for hit in told.value.hits] == ["light.md"]


async def test_where_neither_answers_it_is_an_error() -> None:
    both = BothGather(
        WebGather(Answers(Outcome("No engine answered.", ok=False))),
        WebGather(Answers(Outcome("Nor this.", ok=False))),
    )
    with pytest.raises(AgentError, match="No engine answered"):
        await both.search(PART, "lighthouse")
