"""The library's documents as resources; completions and prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from agent.errors import UsageError
from knowledge.library import Library
from mcp_servers.documents import TEMPLATE
from mcp_servers.knowledge import Services, build
from tests.mcp_servers.serving import NOTES, services

TWINS = {**NOTES, "/old/lamp.md": "An older note on the lamp.", "/a b/ü?.md": "Odd."}


async def read(client: Client, uri: str) -> str:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_every_document_that_is_listed_can_be_read(mode: str) -> None:
    async with Client(build(services(TWINS)), mode=mode) as client:
        listed = (await client.list_resources()).resources
        texts = {resource.name: await read(client, str(resource.uri)) for resource in listed}
    assert texts == {
        "/notes/lamp.md": TWINS["/notes/lamp.md"],
        "/old/lamp.md": TWINS["/old/lamp.md"],
        "boat.md": TWINS["/notes/boat.md"],
        "ü?.md": "Odd.",
    }


async def test_documents_are_listed_in_pages() -> None:
    many = {f"/n/{n:03}.md": f"Note {n}." for n in range(230)}
    names: list[str] = []
    async with Client(build(services(many))) as client:
        page = await client.list_resources()
        while True:
            assert len(page.resources) <= 100
            names += [resource.name for resource in page.resources]
            if page.next_cursor is None:
                break
            page = await client.list_resources(cursor=page.next_cursor)
        with pytest.raises(MCPError, match="without a cursor"):
            await client.list_resources(cursor="nonsense")
    assert names == [f"{n:03}.md" for n in range(230)]


async def test_an_unknown_document_is_not_found_and_a_path_opens_no_file(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not in the library")
    async with Client(build(services())) as client:
        for name in ("moon.md", str(secret).replace("/", "%2F"), "..%2F..%2Fetc%2Fpasswd"):
            with pytest.raises(MCPError):
                await read(client, TEMPLATE.replace("{document}", name))


async def test_a_long_document_is_cut_and_says_how_to_read_on() -> None:
    async with Client(build(services({"/n/long.md": "word " * 50_000}))) as client:
        text = await read(client, TEMPLATE.replace("{document}", "long.md"))
    assert len(text) < 101_000
    assert "read_source reads on: place 'from 100000'" in text


async def test_names_are_completed_those_that_begin_so_first() -> None:
    texts = {"/n/unlit lamp.md": "x", **NOTES}
    async with Client(build(services(texts))) as client:
        argument = {"name": "document", "value": "lamp"}
        for ref in (ResourceTemplateReference(uri=TEMPLATE), PromptReference(name="summarise")):
            found = (await client.complete(ref, argument)).completion
            assert found.values == ["lamp.md", "unlit lamp.md"]
        other = {"name": "question", "value": "la"}
        none = await client.complete(PromptReference(name="answer"), other)
        assert none.completion.values == []


async def test_the_prompts_name_the_tools_to_use() -> None:
    async with Client(build(services())) as client:
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert prompts == {"answer", "summarise", "compare"}
        for name, argument, tool in (
            ("answer", "question", "ask"),
            ("summarise", "document", "read_source"),
            ("compare", "topic", "search"),
        ):
            got = await client.get_prompt(name, {argument: "the $lamp"})
            [message] = got.messages
            assert isinstance(message.content, TextContent)
            assert "the $lamp" in message.content.text
            assert f"`{tool}`" in message.content.text


async def test_a_library_that_cannot_be_opened_is_told_in_words() -> None:
    async def opened() -> Library:
        raise UsageError("There is no library 'x'.", hint="agent library list")

    usual = services()
    of = Services(library=opened, ask=usual.ask, modes=usual.modes)
    async with Client(build(of)) as client:
        with pytest.raises(MCPError, match=r"There is no library 'x'\. agent library list"):
            await client.list_resources()
        with pytest.raises(MCPError, match="There is no library 'x'"):
            await read(client, TEMPLATE.replace("{document}", "a.md"))
