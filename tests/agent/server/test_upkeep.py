"""A library is synced, tagged and taken back to a tag by those who may change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.server.failures import refusal
from agent.server.users import User
from knowledge.errors import SharedLibraryRefuses
from tests.agent.server.whole_server import Whole, fill, whole

READER = User("reader", reads=("default",))
WRITER = User("writer", writes=("default",))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    async with whole(READER, WRITER) as server:
        yield server


async def test_a_sync_takes_in_what_has_changed_and_names_no_places(
    server: Whole, tmp_path: Path
) -> None:
    (tmp_path / "own" / "mars.txt").write_text("Mars has two moons.")
    (tmp_path / "own" / "moon.txt").write_text("The Moon has no air, and no water.")
    (tmp_path / "own" / "broken.pdf").write_bytes(b"%PDF-1.4 no more")
    async with server.client("writer") as client:
        answer = await client.post("/api/sync")
        report = answer.json()
        assert (report["added"], report["changed"]) == (1, 1)
        assert [problem["source"] for problem in report["failed"]] == ["broken.pdf"]
        assert str(tmp_path) not in answer.text
        found = (await client.get("/api/search?q=Mars")).json()["passages"]
        assert [passage["source"] for passage in found] == ["mars.txt"]
    async with server.client() as owner:
        (tmp_path / "own" / "mars.txt").unlink()
        report = (await owner.post("/api/sync?library=default")).json()
        assert report["removed"] == 1
        assert report["failed"][0]["source"] == str(tmp_path / "own" / "broken.pdf")


async def test_a_library_goes_back_to_a_tag_and_to_what_it_was_before(server: Whole) -> None:
    async with server.client("writer") as client:

        async def sources() -> int:
            return int((await client.get("/api/sources")).json()["total"])

        tag = (await client.put("/api/tags/two%20words")).json()
        assert (tag["name"], tag["sources"]) == ("two words", 1)
        assert (await client.put("/api/files/note.txt", content=b"Pluto.")).is_success
        assert await sources() == 2
        back = await client.post("/api/tags/two%20words/restore")
        assert back.json() == {"restored": "two words", "before": "before-rollback"}
        assert await sources() == 1
        listed = (await client.get("/api/tags")).json()["tags"]
        assert {each["name"] for each in listed} == {"two words", "before-rollback"}
        assert (await client.post("/api/tags/before-rollback/restore")).is_success
        assert await sources() == 2
        assert (await client.delete("/api/tags/two%20words")).json() == {"forgotten": "two words"}
        gone = await client.delete("/api/tags/two%20words")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "tag_not_found")
        assert (await client.post("/api/tags/two%20words/restore")).status_code == 404


async def test_who_may_only_read_sees_tags_and_changes_nothing(server: Whole) -> None:
    async with server.client("writer") as writer, server.client("reader") as reader:
        await writer.put("/api/tags/first")
        for method, path in (
            ("POST", "/api/sync"), ("PUT", "/api/tags/second"), ("DELETE", "/api/tags/first"),
            ("POST", "/api/tags/first/restore"),
        ):  # fmt: skip
            refused = await reader.request(method, path)
            assert refused.status_code == 403, path
            assert refused.json()["error"]["code"] == "library_read_only"
        listed = (await reader.get("/api/tags")).json()["tags"]
        assert [each["name"] for each in listed] == ["first"]


@pytest.mark.parametrize("name", ["%20", "a%07b", "x" * 201, "a%E2%80%A8b"])
async def test_what_cannot_be_typed_is_no_tag(server: Whole, name: str) -> None:
    async with server.client("writer") as client:
        refused = await client.put(f"/api/tags/{name}")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")


def test_what_a_shared_library_does_not_do_is_no_error_of_the_server() -> None:
    refused = refusal(SharedLibraryRefuses("A shared library has no tags.", hint="agent library"))
    assert refused is not None
    assert (refused.status, refused.code, refused.hint) == (409, "not_when_shared", "")


async def test_a_tag_whose_name_holds_a_slash_is_reached(server: Whole) -> None:
    async with server.client("writer") as client:
        for name in ("v1/final", "v1/restore"):
            assert (await client.put(f"/api/tags/{name}")).json()["name"] == name
            assert (await client.post(f"/api/tags/{name}/restore")).json()["restored"] == name
        assert (await client.delete("/api/tags/v1%2Ffinal")).json() == {"forgotten": "v1/final"}
        assert (await client.delete("/api/tags/v1/restore")).json() == {"forgotten": "v1/restore"}
