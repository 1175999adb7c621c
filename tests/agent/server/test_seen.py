"""Who is not the owner is told names of sources and libraries, and nothing of the server itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.card import Card
from agent.errors import ModelUnreachable
from agent.messages import ToolRequest
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.persona.restyle import Persona
from agent.server.seen import _Names
from agent.server.users import User
from knowledge.errors import EmbedderUnavailable
from knowledge.library import Filters
from knowledge.types import SourceInfo
from tests.agent.server.test_mounts import Session
from tests.agent.server.whole_server import Whole, fill, whole
from tests.fakes import HashingEmbedder

ADA = User("ada", reads=("default",), writes=("default",))
BOB = User("bob", reads=("default",), writes=("default",))
INNER = "openai at http://127.0.0.1:8912/v1 cannot be reached."
HINT = "agent doctor looks for what is wrong."


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "secret", harbour="The harbour master is Ada Lindqvist.")
    await fill("default", tmp_path / "attic", readme="The northern pier has nine lamps.")
    await fill("default", tmp_path / "south", readme="The southern pier has four lamps.")
    async with whole(ADA, BOB) as server:
        yield server


class Down:
    """An embedder that cannot be reached."""

    name = HashingEmbedder().name

    def load(self, **_: Any) -> None:
        raise EmbedderUnavailable(INNER, hint=HINT)


def asking(question: str = "Who is the harbour master?", **fields: Any) -> dict[str, Any]:
    given = [{"role": "user", "content": question}]
    return {"model": "understudy/naive", "messages": given, **fields}


def down() -> Scripted:
    return Scripted([ScriptedReply(error=ModelUnreachable(INNER, hint=HINT))], loop=True)


def wrong(text: str, tmp_path: Path) -> list[str]:
    """What of a text only the owner may be told."""
    told = (str(tmp_path), "secret", "attic", "127.0.0.1:8912", "agent doctor")
    return [word for word in told if word in text]


async def found(client: httpx.AsyncClient, *names: str) -> list[str]:
    answer = await client.get("/api/search", params={"q": "harbour", "source": list(names)})
    assert answer.status_code == 200, answer.text
    return [passage["source"] for passage in answer.json()["passages"]]


def reaching(tmp_path: Path) -> list[str]:
    """Names that lead to the source on the server's disk, and say where it lies."""
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    up = "/proc/self/cwd/" + "../" * 20
    whole, tail = str(tmp_path / "secret/harbour.txt"), str(tmp_path)[1:]
    return [
        whole, str(tmp_path / "secret"), f"{tmp_path}/s*/*", f"{tmp_path}/link", "/*", "*/secret/*",
        f"{up}{tail}/secret", f"~/{'../' * 20}{tail}/secret", "secret/harbour.txt", "..",
    ]  # fmt: skip


async def test_no_path_of_the_server_is_found_out_by_searching_in_it(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client("ada") as ada, server.client() as owner:
        session = Session(ada, "/mcp")
        await session.open()
        for name in reaching(tmp_path):
            assert await found(ada, name) == [], name
            assert (await ada.delete("/api/sources", params={"source": name})).status_code == 404
            searched = await session.call("search", query="harbour", source=name)
            assert searched["isError"], searched
            told = await session.call("search", query="harbour", source="no such")
            assert (
                searched["content"][0]["text"].replace(name, "no such")
                == (told["content"][0]["text"])
            )
            read = await session.call("read_source", source=name)
            assert read["isError"]
        (own,) = await found(owner, str(tmp_path / "secret"))
        assert own == str(tmp_path / "secret/harbour.txt")


async def test_a_search_is_narrowed_by_the_names_that_are_told(server: Whole) -> None:
    async with server.client("ada") as ada:
        listed = (await ada.get("/api/sources?contains=harbour")).json()["sources"]
        for name in ("harbour.txt", "*.txt", "har*", listed[0]["document_id"]):
            assert await found(ada, name) == ["harbour.txt"], name
        assert await found(ada, "readme.txt", "harbour.txt") == ["harbour.txt"]
        assert await found(ada, "*.pdf") == []
        session = Session(ada, "/mcp")
        await session.open()
        searched = await session.call("search", query="lamps", source="harbour.txt")
        passages = searched["structuredContent"]["passages"]
        assert {passage["source"] for passage in passages} <= {"harbour.txt"}


async def test_sources_of_one_name_are_told_apart_without_their_places(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client("ada") as ada:
        listed = (await ada.get("/api/sources?contains=readme")).json()["sources"]
        names = [each["source"] for each in listed]
        assert sorted(names) == sorted(f"readme.txt ({e['document_id'][:8]})" for e in listed)
        session = Session(ada, "/mcp")
        await session.open()
        several = await session.call("read_source", source="readme.txt")
        assert several["isError"]
        assert names[0] in several["content"][0]["text"]
        for each in listed:
            read = (await session.call("read_source", source=each["source"]))["structuredContent"]
            assert (read["source"], read["id"]) == (each["source"], each["document_id"])
            answer = await ada.get(
                "/api/search", params={"q": "pier lamps", "source": each["source"]}
            )
            assert [p["source"] for p in answer.json()["passages"]] == [each["source"]]
        resources = await session.do("resources/list", {})
        told = json.dumps([several, resources, await session.call("list_sources")])
        assert names[1] in told
        assert wrong(told, tmp_path) == []


async def test_the_model_of_others_is_told_no_paths_and_the_owners_is(
    server: Whole, tmp_path: Path
) -> None:
    async def told(user: str) -> str:
        calls = (ToolRequest("1", "list_sources", {}), ToolRequest("2", "search_library", {
            "query": "northern pier lamps"}), ToolRequest("3", "read_document", {
                "id": "readme.txt"}))  # fmt: skip
        model = Scripted([ScriptedReply(tool_requests=calls), "Nine lamps. [1]"], loop=True)
        server.hosting.parts.model = model
        ask = asking("How many lamps?", store=True) | {"model": "understudy/agentic"}
        async with server.client(user) as client:
            answer = await client.post("/v1/chat/completions", json=ask)
            assert answer.status_code == 200, answer.text
            name = answer.json()["understudy"]["session"]
            assert not answer.json()["understudy"]["citations"][0]["stale"]
            kept = await client.get(f"/api/sessions/{name}/export?format=json")
        assert "tool" not in kept.text or user == "owner"
        return "".join(str(messages) for messages in model.calls) + answer.text + kept.text

    others = await told("ada")
    assert "readme.txt (" in others
    assert wrong(others, tmp_path) == []
    assert str(tmp_path / "attic/readme.txt") in await told("owner")


async def test_a_stored_failure_is_told_as_it_was_answered(server: Whole, tmp_path: Path) -> None:
    server.hosting.parts.model = down()
    for user, tells in (("bob", False), ("owner", True)):
        async with server.client(user) as client:
            refused = await client.post("/v1/chat/completions", json=asking(store=True))
            assert refused.status_code == 503
            (info,) = (await client.get("/api/sessions")).json()["sessions"]
            one = f"/api/sessions/{info['id']}"
            said = [refused.text, (await client.get(one)).text]
            for form in ("md", "html", "json"):
                said.append((await client.get(f"{one}/export?format={form}")).text)
        for text in said:
            assert ("127.0.0.1:8912" in text) is tells, text
            assert tells or "cannot be reached" in text


async def test_why_a_voice_fails_only_the_owner_is_told(server: Whole) -> None:
    class Hoarse:
        single = False

        async def say(self, *_: object) -> dict[int, str]:
            raise ConnectionError("db.internal, in /srv/a b/key.txt; no password was taken")

        async def aclose(self) -> None:
            return None

    server.hosting._personas["butler"] = Persona(Card("butler", description="x"), Hoarse())
    ask = asking(store=True) | {"model": "understudy/naive@butler"}
    for user, tells in (("bob", False), ("owner", True)):
        async with server.client(user) as client:
            answer = await client.post("/v1/chat/completions", json=ask)
            one = f"/api/sessions/{answer.json()['understudy']['session']}"
            for text in (answer.text, (await client.get(one)).text):
                assert "the rest stays plain (the voice failed" in text
                for word in ("db.internal", "a b", "password"):
                    assert (word in text) is tells


async def test_a_model_that_is_down_is_told_by_mcp_as_by_the_api(
    server: Whole, tmp_path: Path
) -> None:
    server.hosting.parts.model = down()
    for user, tells in (("bob", False), ("owner", True)):
        async with server.client(user) as client:
            session = Session(client, "/mcp")
            await session.open()
            failed = await session.call("ask", question="Who is the harbour master?")
            assert failed["isError"]
            text = failed["content"][0]["text"]
            assert "cannot be reached" in text
            assert bool(wrong(text, tmp_path)) is tells


async def test_why_a_search_goes_by_words_is_the_owners_to_know(tmp_path: Path) -> None:
    await fill("default", tmp_path / "own", harbour="The harbour master is Ada Lindqvist.")
    async with whole(ADA) as server:
        library = await server.hosting.library(User("owner", reads=("*",)))
        library._embedder = HashingEmbedder()
        await library.rebuild()
        library._searcher._embedder = Down()  # type: ignore[assignment]
        for user, tells in (("ada", False), ("owner", True)):
            async with server.client(user) as client:
                answer = (await client.get("/api/search?q=harbour")).json()
                assert answer["how"] == "lexical"
                assert answer["note"].startswith("Searched by words only")
                session = Session(client, "/mcp")
                await session.open()
                searched = await session.call("search", query="harbour")
                streamed = await client.post("/v1/chat/completions", json=asking(stream=True))
                assert "harbour.txt" in streamed.text
                assert tells or "127.0.0.1:8912" not in streamed.text
                for text in (answer["note"], json.dumps(searched)):
                    assert ("127.0.0.1:8912" in text) is tells, text


async def test_what_only_the_owner_is_told_stands_in_the_log(tmp_path: Path, server: Whole) -> None:
    from agent.server.tickets import TOLD

    library = await server.hosting.library(User("owner", reads=("*",)))
    from agent.server.seen import Seen

    reset = TOLD.set({})
    try:
        await Seen(library).search("harbour")
        assert TOLD.get() == {"cause": "Searched by words only: no embedder is configured."}
    finally:
        TOLD.reset(reset)


async def test_a_file_that_two_have_handed_in_is_taken_out_by_each_for_themselves(
    server: Whole,
) -> None:
    async with server.client("ada") as ada, server.client("bob") as bob:
        for client in (ada, bob):
            assert (await client.put("/api/files/report.txt", content=b"All well.")).is_success
        files = sorted(server.hosting.parts.paths.data.glob("users/*/files/*/report.txt"))
        assert len(files) == 2
        listed = (await bob.get("/api/sources?contains=report")).json()["sources"]
        mark = listed[0]["document_id"]
        assert [each["source"] for each in listed] == [
            f"report.txt ({mark[:8]} 1)", f"report.txt ({mark[:8]} 2)"
        ]  # fmt: skip
        assert (await bob.delete("/api/sources", params={"source": "report.txt"})).is_success
        (left,) = server.hosting.parts.paths.data.glob("users/*/files/*/report.txt")
        assert left.parts[-4].startswith("ada")
        assert (await bob.put("/api/files/report.txt", content=b"All well.")).is_success
        assert (await bob.delete("/api/sources", params={"source": mark})).is_success
        assert left.exists()
        (only,) = (await ada.get("/api/sources?contains=report")).json()["sources"]
        assert only["source"] == "report.txt"


async def test_of_others_files_of_one_name_one_is_named_as_it_is_listed(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client() as owner, server.client("bob") as bob:
        for place in ("east", "west"):
            (tmp_path / place).mkdir()
            (tmp_path / place / "same.txt").write_text("The same.")
            assert (await owner.post("/api/sources", json={"source": str(tmp_path / place)})).json()
        listed = (await bob.get("/api/sources?contains=same")).json()["sources"]
        for name in ("same.txt", listed[0]["document_id"]):
            several = await bob.delete("/api/sources", params={"source": name})
            assert several.status_code == 409
            assert listed[0]["source"] in several.json()["error"]["hint"]
            assert wrong(several.text, tmp_path) == []
        gone = await bob.delete("/api/sources", params={"source": listed[1]["source"]})
        assert gone.json() == {"removed": [listed[1]["source"]]}


async def test_a_reason_names_no_place_of_the_server(server: Whole) -> None:
    data = str(server.hosting.parts.paths.data)
    async with server.client("bob") as bob:
        refused = await bob.put("/api/files/broken.pdf", content=b"%PDF-1.4 no more")
        listed = await bob.get("/api/sources")
        removed = await bob.delete("/api/sources", params={"source": "broken.pdf"})
    assert refused.status_code == 422
    assert data not in refused.text + listed.text + removed.text


async def test_a_library_that_is_a_folder_goes_by_the_folders_name(tmp_path: Path) -> None:
    root = tmp_path / "place" / "papers"
    (root / ".understudy").mkdir(parents=True)
    (root / "harbour.txt").write_text("The harbour master is Ada Lindqvist.")
    from agent.wiring import Parts

    with Parts.from_env({"embedder": "none", "library": str(root)}).open_library(
        create=True
    ) as library:
        await library.add([str(root / "harbour.txt")])
    named = str(root)
    cleo = User("cleo", reads=(named,), writes=(named,))
    dan = User("dan", reads=(named,))
    async with whole(cleo, dan, User("eve"), library=named) as server:
        async with server.client() as owner:
            (mine,) = (await owner.get("/api/libraries")).json()["libraries"]
            assert mine["name"] == named
        async with server.client("cleo") as client:
            listed = (await client.get("/api/libraries")).json()["libraries"]
            assert listed == [{"name": "papers", "default": True, "may_write": True}]
            for name in ("", "papers"):
                answer = (await client.get(f"/api/search?q=harbour&library={name}")).json()
                assert answer["library"] == "papers"
                assert [p["source"] for p in answer["passages"]] == ["harbour.txt"]
            asked = await client.post(
                "/v1/chat/completions", json=asking(metadata={"library": "papers"})
            )
            assert "Lindqvist" in asked.text
            put = await client.put("/api/files/a.txt?library=papers", content=b"A pier.")
            assert put.json()["added"] == 1
            assert (await client.get("/api/sources", params={"library": named})).status_code == 404
        async with server.client("dan") as client:
            refused = await client.put("/api/files/a.txt", content=b"A pier.")
            assert refused.status_code == 403
            assert "papers" in refused.text
            assert str(tmp_path) not in refused.text
            assert "agent " not in refused.json()["error"]["hint"]
        async with server.client("eve") as client:
            assert (await client.get("/api/sources?library=papers")).status_code == 404


async def test_only_urls_are_added_by_others_and_no_home_is_looked_up(server: Whole) -> None:
    async with server.client("bob") as bob:
        session = Session(bob, "/mcp")
        await session.open()
        said = {
            json.dumps(await session.call("add_source", source=source))
            for source in ("~root/x", "~no-such-user/x", "/etc/hostname", "x")
        }
    assert len(said) == 1
    assert "owner" in said.pop()


async def test_names_are_made_anew_where_sources_have_changed(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client("ada") as ada, server.client() as owner:
        assert await found(ada) == ["harbour.txt"]
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "harbour.txt").write_text("Another harbour.")
        await owner.post("/api/sources", json={"source": str(tmp_path / "other")})
        both = await found(ada)
        assert len(set(both)) == 2
        assert all(name.startswith("harbour.txt (") for name in both)
        await owner.delete("/api/sources", params={"source": str(tmp_path / "other")})
        assert await found(ada) == ["harbour.txt"]
        await (await server.hosting.library(User("owner", reads=("*",)))).rebuild()
        assert await found(ada) == ["harbour.txt"]


def test_an_address_that_is_a_source_means_those_below_it_too() -> None:
    top, page = "https://example.org/docs", "https://example.org/docs/a.html"
    infos = [
        SourceInfo(source, None, "", "html", "indexed", "", 1, 1, 0.0, "")
        for source in (top, page, "https://example.org/other")
    ]
    assert _Names(infos).meant(Filters(sources=(f"{top}#part",))) == {top, page}
    assert _Names(infos).meant(Filters(sources=(top,))) == {top, page}
