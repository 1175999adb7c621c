from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from mcp.client import Client

from agent.errors import ModelUnreachable
from agent.events import Citation, Done, Event, Token, Usage
from knowledge.library import Library
from knowledge.report import Problem, SyncReport
from mcp_servers.knowledge import INSTRUCTIONS, Services, build
from tests.fakes import MemoryLibrary, ScriptedMode
from tests.mcp_servers.serving import NOTES, Waiting, added, data, services, words

LONG = {
    f"/notes/{n:03}.md": "\n\n".join(
        f"Chapter {i} of {n}: " + "rope and oil. " * 60 for i in range(9)
    )
    for n in range(150)
}


@asynccontextmanager
async def connected(of: Services, mode: str = "auto") -> AsyncIterator[Client]:
    async with Client(build(of, version="1"), mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_both_revisions_list_the_tools_and_answer(mode: str) -> None:
    async with connected(services(), mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["search", "ask", "list_sources", "read_source"]
        result = await client.call_tool("ask", {"question": "When was the lamp lit?"})
    assert data(result)["answer"].startswith("The lamp of the lighthouse was lit in 1902")


async def test_listing_opens_nothing() -> None:
    async def opened() -> Library:
        raise AssertionError("the library was opened")

    async with connected(replace(services(), library=opened)) as client:
        assert (await client.list_tools()).tools
        assert (await client.list_prompts()).prompts
        assert (await client.list_resource_templates()).resource_templates


async def test_the_schemas_are_small_and_say_what_a_tool_may_do() -> None:
    async with connected(services(add=added)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    shown = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools.values()]
    assert len(json.dumps(shown)) // 4 < 900
    assert len(INSTRUCTIONS.encode()) < 2_000
    for tool in tools.values():
        assert '"title"' not in json.dumps(tool.input_schema)
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name != "add_source")
        assert tool.annotations.destructive_hint is False
    assert tools["ask"].input_schema["properties"]["mode"]["enum"] == ["auto", "naive"]


async def test_search_gives_ranked_passages_with_place_and_score() -> None:
    async with connected(services()) as client:
        found = data(await client.call_tool("search", {"query": "the lamp of the lighthouse"}))
    first = found["passages"][0]
    assert first["source"] == "/notes/lamp.md"
    assert first["text"] == "The lamp of the lighthouse was lit in 1902."
    assert first["place"] == "line 1"
    assert first["start"] == 0
    scores = [passage["score"] for passage in found["passages"]]
    assert scores == sorted(scores, reverse=True)
    assert [passage["n"] for passage in found["passages"]] == [1, 2]
    assert "next" not in found


async def test_search_keeps_to_its_filters() -> None:
    async with connected(services()) as client:
        only = {"query": "the oak lamp", "source": "boat.md"}
        found = data(await client.call_tool("search", only))
        assert {passage["source"] for passage in found["passages"]} == {"/notes/boat.md"}
        none = data(await client.call_tool("search", {"query": "the lamp", "type": "pdf"}))
        assert none["passages"] == []
        assert "Nothing found" in none["note"]
        for wrong, said in (
            ({"source": "moon.md"}, "list_sources"),
            ({"type": "scroll"}, "markdown"),
            ({"since": "yesterday"}, "2026-01-31"),
        ):
            assert said in words(await client.call_tool("search", {"query": "lamp", **wrong}))


async def test_pages_of_a_search_join_without_gap_or_overlap() -> None:
    seen: list[int] = []
    async with connected(services(LONG)) as client:
        call: dict[str, Any] = {"query": "rope", "limit": 30}
        for _ in range(3):
            page = data(await client.call_tool("search", call))
            seen += [passage["n"] for passage in page["passages"]]
            call["next"] = page["next"]
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 10


async def test_an_empty_library_is_said_to_be_empty_and_what_to_type() -> None:
    async with connected(services({})) as client:
        found = data(await client.call_tool("search", {"query": "lamp"}))
        assert "agent add PATH" in found["note"]
        assert "add_source" not in found["note"]
        assert "agent add PATH" in data(await client.call_tool("list_sources", {}))["note"]
    async with connected(services({}, add=added)) as client:
        assert "add_source" in data(await client.call_tool("search", {"query": "lamp"}))["note"]


async def test_an_answer_has_its_outcome_and_citations_in_the_structured_content() -> None:
    async with connected(services()) as client:
        result = data(await client.call_tool("ask", {"question": "When was the lamp lit?"}))
    assert result["outcome"] == "grounded"
    assert result["mode"] == "naive"
    assert result["model"] == "echo"
    assert result["cost"] == 0
    [citation] = result["citations"]
    assert citation["quote"] == "The lamp of the lighthouse was lit in 1902."
    assert citation["source"] == "/notes/lamp.md"
    assert (citation["start"], citation["end"]) == (0, 43)
    assert citation["verified"] is True
    assert citation["stale"] is False


async def test_what_the_sources_do_not_say_is_no_error() -> None:
    async with connected(services()) as client:
        asked = {"question": "When was the lamp lit?", "source": "boat.md"}
        answered = data(await client.call_tool("ask", asked))
    assert {citation["source"] for citation in answered["citations"]} <= {"/notes/boat.md"}
    done = Done("The sources do not say.", "unanswerable", "scripted", "m", note="Nothing found.")
    async with connected(services(mode=ScriptedMode(done))) as client:
        result = data(await client.call_tool("ask", {"question": "What is on the moon?"}))
    assert result["outcome"] == "unanswerable"
    assert result["note"] == "Nothing found."


async def test_a_failure_is_told_with_what_to_do() -> None:
    gone = ModelUnreachable("The model does not answer.", hint="agent doctor")
    async with connected(services(mode=ScriptedMode(gone))) as client:
        said = words(await client.call_tool("ask", {"question": "When?"}))
        assert said.endswith("The model does not answer. agent doctor")
        said = words(await client.call_tool("ask", {"question": "When?", "mode": "psychic"}))
        assert "There is no mode 'psychic'" in said


async def test_a_bug_is_readable_and_the_server_goes_on() -> None:
    class Broken(MemoryLibrary):
        async def search(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError("nothing to divide by")

    async with connected(services(library=Broken(NOTES))) as client:
        said = words(await client.call_tool("search", {"query": "lamp"}))
        assert "ZeroDivisionError: nothing to divide by" in said
        assert data(await client.call_tool("list_sources", {}))["total"] == 2


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_steps_of_an_ask_are_told_as_progress(mode: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, message))

    async with connected(services(), mode) as client:
        await client.call_tool("ask", {"question": "When was the lamp lit?"},
                               progress_callback=progress)  # fmt: skip
    assert "Searching the library" in [message for _, message in told]
    assert [done for done, _ in told] == sorted({done for done, _ in told})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_cancelling_ends_the_ask_and_waits_for_what_it_holds(mode: str) -> None:
    waiting, began = Waiting(), asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        began.set()

    async with connected(services(mode=waiting), mode) as client:
        call = asyncio.create_task(
            client.call_tool("ask", {"question": "When?"}, progress_callback=progress)
        )
        await asyncio.wait_for(began.wait(), 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(waiting.closed.wait(), 30)
        assert (await client.list_tools()).tools


async def test_several_asks_run_at_once() -> None:
    waiting = Waiting()
    async with connected(services(mode=waiting)) as client:
        hanging = asyncio.create_task(client.call_tool("ask", {"question": "When?"}))
        assert data(await client.call_tool("search", {"query": "lamp"}))["passages"]
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging


async def test_quotes_are_cut_where_an_answer_would_not_fit() -> None:
    quote = "word " * 2_000
    events: list[Event] = [Token("Much. [1]")]
    events += [
        Citation(n, "/a.md", "A", "line 1", quote, 0, len(quote), True, False, "id")
        for n in range(1, 30)
    ]
    events += [Usage(10, 10, cost=None), Done("Much. [1]", "grounded", "scripted", "m")]
    async with connected(services(mode=ScriptedMode(*events))) as client:
        result = data(await client.call_tool("ask", {"question": "How much?"}))
    assert len(result["citations"]) == 29
    assert result["citations"][0]["quote"].endswith(" …")
    assert result["citations"][0]["end"] == len(quote)
    assert result["cost"] is None


async def test_sources_are_listed_in_pages_and_by_name() -> None:
    async with connected(services(LONG)) as client:
        seen: list[str] = []
        call: dict[str, Any] = {}
        while True:
            page = data(await client.call_tool("list_sources", call))
            assert page["total"] == 150
            seen += [source["source"] for source in page["sources"]]
            if "next" not in page:
                break
            call = {"next": page["next"]}
        assert seen == sorted(LONG)
        one = data(await client.call_tool("list_sources", {"contains": "007"}))
        assert [source["source"] for source in one["sources"]] == ["/notes/007.md"]
        none = data(await client.call_tool("list_sources", {"contains": "moon"}))
        assert none["total"] == 0


async def test_a_document_is_read_to_its_end_by_following_next() -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "Öl und Seil 油 " * 40 for n in range(60))
    read, place = "", ""
    async with connected(services({"/notes/long.md": text})) as client:
        while True:
            page = data(
                await client.call_tool("read_source", {"source": "long.md", "place": place})
            )
            assert text[page["start"] : page["end"]] == page["text"]
            read += page["text"]
            if "next" not in page:
                break
            place = page["next"]
    assert "".join(read.split()) == "".join(text.split())


async def test_reading_begins_at_a_place_or_says_which_there_are() -> None:
    async with connected(services()) as client:
        call = {"source": "lamp.md", "place": "Ada Brown"}
        assert data(await client.call_tool("read_source", call))["text"].startswith("Ada Brown")
        call["place"] = "line 3"
        assert data(await client.call_tool("read_source", call))["start"] == 45
        call["place"] = "chapter nine"
        assert "no such place" in words(await client.call_tool("read_source", call))
        assert "list_sources" in words(await client.call_tool("read_source", {"source": "x"}))


async def test_adding_is_offered_only_where_it_is_allowed() -> None:
    async with connected(services()) as client:
        assert "Unknown tool" in words(await client.call_tool("add_source", {"source": "/a.md"}))
    told: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with connected(services(add=added)) as client:
        result = await client.call_tool(
            "add_source", {"source": "/a.md"}, progress_callback=progress
        )
        assert data(result)["added"] == 1
        assert told == ["read 1/1 /a.md"]
        said = words(await client.call_tool("add_source", {"source": "a.md"}))
        assert "absolute path" in said


async def test_what_could_not_be_added_is_told_with_its_reason() -> None:
    async def refused(path: str, progress: Any) -> SyncReport:
        return SyncReport(failed=(Problem(path, "there is no such file or folder"),))

    async def partly(path: str, progress: Any) -> SyncReport:
        return SyncReport(added=1, failed=(Problem("/b/x.pdf", "it is truncated"),))

    async with connected(services(add=refused)) as client:
        said = words(await client.call_tool("add_source", {"source": "/b"}))
        assert "/b: there is no such file or folder" in said
    async with connected(services(add=partly)) as client:
        result = data(await client.call_tool("add_source", {"source": "/b"}))
    assert result["problems"] == [{"source": "/b/x.pdf", "reason": "it is truncated"}]
