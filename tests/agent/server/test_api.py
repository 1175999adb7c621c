"""The JSON API: what is searched, added, kept and deleted, and how wrong requests are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.server.users import User
from tests.agent.server.whole_server import Whole, fill, whole


async def test_a_search_gives_passages_with_their_places(server: Whole) -> None:
    async with server.client() as client:
        found = (await client.get("/api/search", params={"q": "has the Moon air"})).json()
        passage = found["passages"][0]
        assert found["how"] == "lexical"
        assert passage["text"].startswith("The Moon has no air")
        assert passage["source"].endswith("moon.txt")
        read = (await client.get(f"/api/documents/{passage['document_id']}")).json()
    assert read["text"][passage["start"] : passage["end"]] == passage["text"]


async def test_a_search_keeps_to_the_library_the_source_the_type_and_the_age_it_names(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client() as client:

        async def sources(**params: str) -> list[str]:
            answer = await client.get("/api/search", params={"q": "moon", **params})
            assert answer.status_code == 200, answer.text
            return [Path(p["source"]).name for p in answer.json()["passages"]]

        assert await sources() == ["moon.txt"]
        assert await sources(library="shared") == ["mars.txt"]
        assert await sources(source=str(tmp_path / "own")) == ["moon.txt"]
        assert await sources(source="other.txt") == []
        assert await sources(type="pdf") == []
        assert await sources(since="2000-01-31") == ["moon.txt"]
        assert await sources(since="2999-01-31T10:00:00Z") == []


async def test_a_document_is_read_a_stretch_at_a_time(server: Whole) -> None:
    async with server.client() as client:
        listed = (await client.get("/api/sources")).json()
        path = f"/api/documents/{listed['sources'][0]['document_id']}"
        first = (await client.get(path, params={"length": 20})).json()
        rest = (await client.get(path, params={"start": first["end"]})).json()
        beyond = (await client.get(path, params={"start": 10**6})).json()
    assert first["text"] == "The Moon has no air."
    assert first["text"] + rest["text"] == "The Moon has no air. It is cold there at night."
    assert first["characters"] == rest["end"]
    assert beyond["text"] == ""


async def test_the_owner_adds_a_path_lists_it_and_takes_it_out(
    server: Whole, tmp_path: Path
) -> None:
    (tmp_path / "venus.txt").write_text("Venus is hot.")
    venus = str(tmp_path / "venus.txt")
    async with server.client() as client:
        report = (await client.post("/api/sources", json={"source": venus})).json()
        assert (report["added"], report["failed"]) == (1, [])
        listed = (await client.get("/api/sources", params={"contains": "venus"})).json()
        assert [source["source"] for source in listed["sources"]] == [venus]
        gone = await client.delete("/api/sources", params={"source": venus})
        assert gone.json() == {"removed": [venus]}
        assert (await client.get("/api/sources", params={"contains": "venus"})).json()["total"] == 0


@pytest.mark.parametrize("name", ["/", "*", "mars.*", "/no/such/file"])
async def test_only_what_is_listed_is_taken_out(server: Whole, name: str) -> None:
    async with server.client() as client:
        answer = await client.delete("/api/sources", params={"source": name, "library": "shared"})
        assert answer.status_code == 404
        assert (await client.get("/api/sources?library=shared")).json()["total"] == 1


async def test_what_cannot_be_read_is_refused_with_its_reason(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client() as client:
        answer = await client.post("/api/sources", json={"source": str(tmp_path / "none.txt")})
        assert answer.status_code == 422
        assert "no such file" in answer.json()["error"]["message"]
        assert (await client.post("/api/sources", json={"source": "here.txt"})).status_code == 400
        inner = await client.post("/api/sources", json={"source": "http://127.0.0.1:1/x"})
        assert inner.status_code == 422


async def test_why_nothing_was_added_is_told_in_whole_sentences(server: Whole) -> None:
    async with server.client() as client:
        for source in ("http://127.0.0.1:1/x", "http://2130706433/x"):
            answer = await client.post("/api/sources", json={"source": source})
            message = answer.json()["error"]["message"]
            assert answer.status_code == 422
            assert ".." not in message
            assert re.search(r"[a-z] (If|Write) ", message) is None, message


async def test_sessions_are_listed_shown_searched_renamed_exported_and_deleted(
    server: Whole,
) -> None:
    ask = {
        "model": "understudy/naive",
        "messages": [{"role": "user", "content": "Has the Moon air?"}],
        "store": True,
    }
    async with server.client("ann") as client:
        answer = (await client.post("/v1/chat/completions", json=ask)).json()
        name = answer["understudy"]["session"]
        listed = (await client.get("/api/sessions")).json()["sessions"]
        assert [info["id"] for info in listed] == [name]
        shown = (await client.get(f"/api/sessions/{name}")).json()
        assert shown["turns"][0]["question"] == "Has the Moon air?"
        assert shown["turns"][0]["outcome"] == "grounded"
        assert shown["turns"][0]["citations"][0]["verified"]
        hits = (await client.get("/api/sessions/search", params={"q": "moon"})).json()["hits"]
        assert [hit["session"] for hit in hits] == [name]
        renamed = await client.patch(f"/api/sessions/{name}", json={"title": "Of the Moon"})
        assert renamed.json()["title"] == "Of the Moon"
        for form, begins in (("md", "# Of the Moon"), ("html", "<!DOCTYPE"), ("json", "{")):
            got = await client.get(f"/api/sessions/{name}/export", params={"format": form})
            assert got.text.startswith(begins)
            assert got.headers["content-disposition"].startswith("attachment")
        assert (await client.delete(f"/api/sessions/{name}")).json() == {"deleted": name}
        assert (await client.get(f"/api/sessions/{name}")).status_code == 404
        # The beginning of a name will do for a person, and not for a program that deletes.
        assert (await client.delete(f"/api/sessions/{name[:2]}")).status_code == 404


async def test_each_user_sees_the_libraries_that_are_theirs(server: Whole) -> None:
    async def names(user: str) -> list[tuple[str, bool]]:
        async with server.client(user) as client:
            listed = (await client.get("/api/libraries")).json()["libraries"]
            return [(library["name"], library["may_write"]) for library in listed]

    assert await names("owner") == [("default", True), ("shared", True)]
    assert await names("ann") == [("default", False), ("shared", True)]
    assert await names("bob") == [("shared", False)]


async def test_where_no_library_is_named_the_first_is_meant_that_the_user_may_use(
    tmp_path: Path,
) -> None:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    await fill("shared", tmp_path / "team", mars="Mars has two moons, Phobos and Deimos.")
    async with (
        whole(User("cleo", writes=("shared",)), User("dan")) as server,
        server.client("cleo") as cleo,
        server.client("dan") as dan,
    ):
        found = (await cleo.get("/api/search", params={"q": "moon"})).json()
        assert found["library"] == "shared"
        assert [Path(p["source"]).name for p in found["passages"]] == ["mars.txt"]
        assert (await cleo.put("/api/files/note.txt", content=b"Pluto.")).json()["added"] == 1
        assert (await cleo.get("/api/sources")).json()["total"] == 2
        assert (await dan.get("/api/search", params={"q": "moon"})).status_code == 404
        assert (await dan.get("/api/libraries")).json() == {"libraries": []}


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/api/search", "q"),
        ("/api/search?q=%20", "q"),
        ("/api/search?q=x&limit=0", "limit"),
        ("/api/search?q=x&q=y", "q"),
        ("/api/search?q=x&lmit=3", "lmit"),
        ("/api/search?q=x&since=soon", "since"),
        ("/api/search?q=x&since=9999999999999999999", "since"),
        ("/api/search?q=x&source=a%00b", "source.0"),
        ("/api/search?q=x&library=a%0Ab", "library"),
        ("/api/sessions?limit=99999999999999999999", "limit"),
        ("/api/documents/x?start=-1", "start"),
    ],
)
async def test_a_wrong_parameter_is_named(server: Whole, path: str, param: str) -> None:
    async with server.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("body", ["", "[]", "{", '{"source": 3}', '{"source": "x", "y": 1}'])
async def test_a_wrong_body_is_refused(server: Whole, body: str) -> None:
    async with server.client() as client:
        answer = await client.post("/api/sources", content=body)
    assert answer.status_code == 400
    assert json.loads(answer.text)["error"]["code"] in ("invalid_request", "invalid_json")
