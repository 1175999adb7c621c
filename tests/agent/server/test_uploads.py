"""Files that users hand in: where they lie, what refuses them, and what a refusal leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.paths import Paths
from agent.server.errors import Refused
from agent.server.uploads import Exchange, Uploads
from agent.server.users import ALL, OWNER, User
from tests.agent.server.whole_server import Whole, fill, kept, whole


async def test_a_user_hands_in_a_file_replaces_it_and_takes_it_out_again(server: Whole) -> None:
    async with server.client("ann") as client:
        where = {"library": "shared"}
        answer = await client.put("/api/files/note.txt", params=where, content=b"Pluto is small.")
        assert answer.json()["added"] == 1, answer.text
        found = await client.get("/api/search", params={"q": "Pluto", **where})
        assert found.json()["passages"][0]["text"] == "Pluto is small."
        await client.put("/api/files/note.txt", params=where, content=b"Pluto is far away.")
        found = await client.get("/api/search", params={"q": "Pluto", **where})
        assert [p["text"] for p in found.json()["passages"]] == ["Pluto is far away."]
        file = kept(server, found.json()["passages"][0]["source"])
        await client.delete("/api/sources", params={"source": "note.txt", **where})
        assert not file.exists()
        found = await client.get("/api/search", params={"q": "Pluto", **where})
        assert found.json()["passages"] == []


async def test_who_is_not_the_owner_is_told_the_names_of_files_and_never_where_they_lie(
    server: Whole, tmp_path: Path
) -> None:
    team = User("team", reads=("shared",), writes=("shared",))
    key = server.keys.add(team)
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "readme.txt").write_text(f"Pluto has a moon, says {place}.")
    async with server.client() as owner:
        for place in ("a", "b"):
            body = {"source": str(tmp_path / place / "readme.txt"), "library": "shared"}
            assert (await owner.post("/api/sources", json=body)).json()["added"] == 1
    async with server.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        listed = (await client.get("/api/sources?library=shared")).json()["sources"]
        names = [each["source"] for each in listed]
        marks = sorted(each["document_id"][:8] for each in listed[1:])
        assert names == ["mars.txt", *(f"readme.txt ({mark})" for mark in marks)]
        probe = {"library": "shared", "contains": tmp_path.name}
        assert (await client.get("/api/sources", params=probe)).json()["total"] == 0
        found = await client.get("/api/search?q=Mars&library=shared&source=mars.txt")
        assert found.json()["passages"][0]["source"] == "mars.txt"
        asks = {
            "model": "understudy/naive", "store": True, "metadata": {"library": "shared"},
            "messages": [{"role": "user", "content": "Which moons has Mars?"}],
        }  # fmt: skip
        answer = (await client.post("/v1/chat/completions", json=asks)).json()["understudy"]
        assert answer["citations"][0]["source"] == "mars.txt"
        session = f"/api/sessions/{answer['session']}"
        said = (await client.get(session)).text + (
            await client.get(f"{session}/export?format=json")
        ).text
        assert "mars.txt" in said
        assert str(tmp_path) not in said
        where = {"library": "shared"}
        several = await client.delete("/api/sources", params={"source": "readme.txt", **where})
        assert (several.status_code, several.json()["error"]["code"]) == (409, "several_sources")
        one = await client.delete("/api/sources", params={"source": names[1], **where})
        assert one.json() == {"removed": [names[1]]}
        other = listed[2]["document_id"]
        assert "readme.txt" in (await client.get("/api/sources?library=shared")).text
        last = await client.delete("/api/sources", params={"source": other, **where})
        assert last.json() == {"removed": ["readme.txt"]}
        gone = await client.delete("/api/sources", params={"source": "mars.txt", **where})
        assert gone.json() == {"removed": ["mars.txt"]}


async def test_a_file_that_may_not_be_added_now_is_not_kept(server: Whole, tmp_path: Path) -> None:
    server.admission.drain()
    async with server.client("ann") as client:
        answer = await client.put("/api/files/note.txt?library=shared", content=b"Pluto.")
    assert answer.status_code == 503
    assert list(tmp_path.rglob("note.txt")) == []


async def test_a_replacement_that_may_not_be_added_now_leaves_the_file_as_it_was(
    server: Whole, tmp_path: Path
) -> None:
    path = "/api/files/note.txt?library=shared"
    async with server.client("ann") as client:
        await client.put(path, content=b"Pluto is small.")
        found = await client.get("/api/search?q=Pluto&library=shared")
        file = kept(server, found.json()["passages"][0]["source"])
        server.admission.drain()
        answer = await client.put(path, content=b"Pluto is far away.")
    assert answer.status_code == 503
    assert file.read_text() == "Pluto is small."
    assert [each.name for each in file.parent.iterdir()] == ["note.txt"]


async def test_an_unreadable_replacement_leaves_the_file_and_what_is_found_as_they_were(
    server: Whole, tmp_path: Path
) -> None:
    path = "/api/files/note.html?library=shared"
    async with server.client("ann") as client:
        await client.put(path, content=b"<p>Pluto is small.</p>")
        answer = await client.put(path, content=b"")
        assert answer.status_code == 422, answer.text
        found = await client.get("/api/search?q=Pluto&library=shared")
        (passage,) = found.json()["passages"]
        assert passage["text"] == "Pluto is small."
        file = kept(server, passage["source"])
        listed = (await client.get("/api/sources?library=shared&contains=note")).json()
        assert [source["state"] for source in listed["sources"]] == ["indexed"]
    assert file.read_text() == "<p>Pluto is small.</p>"
    assert [each.name for each in file.parent.iterdir()] == ["note.html"]


@pytest.mark.parametrize("before", [b"", b"Pluto is small."])
async def test_an_upload_that_is_cancelled_while_it_waits_or_is_added_changes_nothing(
    server: Whole, tmp_path: Path, before: bytes
) -> None:
    path = "/api/files/note.txt?library=shared"
    owner = User(OWNER, reads=(ALL,), writes=(ALL,))
    library = await server.hosting.library(owner, "shared")
    async with server.client("ann") as client:
        if before:
            await client.put(path, content=before)
        async with server.admission.turn(owner, str(library.root)):
            putting = asyncio.create_task(client.put(path, content=b"Pluto is far away."))
            async with asyncio.timeout(20):
                while not server.admission.waiting:
                    await asyncio.sleep(0)
            putting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await putting
    kept = [file for file in tmp_path.rglob("files/*/*") if file.is_file()]
    assert [file.read_bytes() for file in kept] == ([before] if before else [])


async def test_an_addition_that_is_cancelled_leaves_the_file_that_the_library_knows(
    server: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/files/note.txt?library=shared"
    library = await server.hosting.library(User("ann", writes=("shared",)), "shared")
    began = asyncio.Event()

    async def hang(paths: object) -> object:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with server.client("ann") as client:
        await client.put(path, content=b"Pluto is small.")
        with monkeypatch.context() as patched:
            patched.setattr(library, "add", hang)
            for name in ("note.txt", "new.txt"):
                began.clear()
                putting = client.put(f"/api/files/{name}?library=shared", content=b"Far away.")
                task = asyncio.create_task(putting)
                async with asyncio.timeout(20):
                    await began.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
    kept = [file for file in tmp_path.rglob("files/*/*") if file.is_file()]
    assert [file.read_bytes() for file in kept] == [b"Pluto is small."]


async def test_the_owner_takes_out_what_another_user_has_handed_in(server: Whole) -> None:
    async with server.client("ann") as ann, server.client() as owner:
        await ann.put("/api/files/note.txt?library=shared", content=b"Pluto is small.")
        found = await owner.get("/api/search?q=Pluto&library=shared")
        source = found.json()["passages"][0]["source"]
        where = {"source": source, "library": "shared"}
        assert (await owner.delete("/api/sources", params=where)).status_code == 200
    assert not Path(source).exists()


async def test_a_user_hands_in_no_more_than_they_may_in_all(tmp_path: Path) -> None:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    text = b"Pluto is small. " * 40_000  # 640 kB
    ann = User("ann", writes=("default",), files_mb=1)
    async with whole(ann) as server, server.client("ann") as client:
        assert (await client.put("/api/files/a.unknown", content=text)).status_code < 500
        refused = await client.put("/api/files/b.unknown", content=text)
        assert refused.status_code == 413
        assert "1 MB" in refused.json()["error"]["message"]
        again = await client.put("/api/files/a.unknown", content=text)
        assert again.status_code != 413
    kept = [file.name for file in tmp_path.rglob("files/*/*") if file.is_file()]
    assert "b.unknown" not in kept


async def test_a_file_that_cannot_be_read_is_listed_with_its_reason_and_can_be_taken_out(
    server: Whole, tmp_path: Path
) -> None:
    async with server.client("ann") as client:
        answer = await client.put("/api/files/cut.pdf?library=shared", content=b"%PDF-1.4 x")
        assert answer.status_code == 422
        listed = (await client.get("/api/sources?library=shared&contains=cut.pdf")).json()
        (source,) = listed["sources"]
        assert (source["state"], bool(source["reason"])) == ("failed", True)
        where = {"source": source["source"], "library": "shared"}
        assert (await client.delete("/api/sources", params=where)).status_code == 200
    assert list(tmp_path.rglob("cut.pdf")) == []


async def test_files_that_are_handed_in_at_once_are_all_added(server: Whole) -> None:
    async with server.client("ann") as client:
        answers = await asyncio.gather(
            *(
                client.put(f"/api/files/{n}.txt?library=shared", content=f"Planet {n}.".encode())
                for n in range(6)
            )
        )
        assert [answer.status_code for answer in answers] == [200] * 6
        assert (await client.get("/api/sources?library=shared")).json()["total"] == 7


@pytest.mark.parametrize("name", ["..", ".hidden", "a%2Fb", "a%5Cb", "a%00b", "%20", "x" * 300])
async def test_a_file_is_never_kept_outside_its_folder(
    server: Whole, tmp_path: Path, name: str
) -> None:
    async with server.client("ann") as client:
        answer = await client.put(f"/api/files/{name}?library=shared", content=b"handed in")
    assert answer.status_code in (400, 404, 405)
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not [file for file in kept if file.read_bytes() == b"handed in"]


async def test_a_file_may_be_larger_than_other_bodies_and_no_larger_than_its_limit(
    server: Whole,
) -> None:
    text = b"Ceres is a dwarf planet. " * 400_000  # 10 MB
    async with server.client("ann") as client:
        where = {"library": "shared"}
        big = {"content-length": str(2_000_000_000)}
        answer = await client.put("/api/files/b.txt", params=where, content=b"x", headers=big)
        assert answer.status_code == 413
        answer = await client.post("/v1/embeddings", content=text)
        assert answer.status_code == 413
        # The kind is not known, so it is kept and not read: that is fast.
        answer = await client.put("/api/files/big.unknown", params=where, content=text)
        assert answer.status_code in (200, 422), answer.text


async def test_of_files_handed_in_at_once_only_those_are_kept_that_fit(tmp_path: Path) -> None:
    uploads, user = (
        Uploads(Paths.from_env({"AGENT_HOME": str(tmp_path)})),
        User("ann", id="a" * 16, files_mb=1),
    )
    opened, go = [asyncio.Event() for _ in range(3)], [asyncio.Event() for _ in range(3)]

    async def pieces(n: int) -> AsyncIterator[bytes]:
        opened[n].set()
        await go[n].wait()
        yield b"x" * 700_000

    async def hand_in(n: int) -> None:
        file = uploads.place(user, "default", f"{n}.txt")
        async with uploads.received(user, file, pieces(n)) as part:
            Exchange(part, file).done()

    async with asyncio.timeout(20):
        tasks = [asyncio.create_task(hand_in(n)) for n in range(3)]
        for event in opened:
            await event.wait()
        ended: list[BaseException | None] = []
        for event, task in zip(go, tasks, strict=True):
            event.set()
            ended += await asyncio.gather(task, return_exceptions=True)
    assert ended[0] is None
    assert [refused.status for refused in ended[1:] if isinstance(refused, Refused)] == [413, 413]
    assert [file.name for file in tmp_path.rglob("*.txt")] == ["0.txt"]
    assert list(tmp_path.rglob("*.part")) == []


async def test_a_file_that_has_taken_its_place_is_counted_once(tmp_path: Path) -> None:
    uploads, user = (
        Uploads(Paths.from_env({"AGENT_HOME": str(tmp_path)})),
        User("ann", id="a" * 16, files_mb=1),
    )

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 400_000

    one, other = (uploads.place(user, "default", name) for name in ("one.txt", "other.txt"))
    async with uploads.received(user, one, pieces()) as part:
        Exchange(part, one).done()
        async with uploads.received(user, other, pieces()):
            pass


def test_what_a_server_that_was_ended_hard_left_is_deleted_once_it_is_old(tmp_path: Path) -> None:
    paths = Paths.from_env({"AGENT_HOME": str(tmp_path)})
    folder = paths.data / "users" / "ann" / "files" / "of"
    folder.mkdir(parents=True)
    for name in (".1.part", "report.part", "report.txt"):
        (folder / name).write_text("x")
    Uploads(paths)
    assert (folder / ".1.part").exists()  # another server may be receiving it
    Uploads(paths, clock=lambda: time.time() + 2 * 86_400)
    assert sorted(file.name for file in folder.iterdir()) == ["report.part", "report.txt"]


class Broken(Exception):
    """What a disk says."""


@pytest.mark.parametrize("listed", [False, True])
async def test_a_replacement_in_a_library_that_fails_leaves_the_file_as_it_was(
    server: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    path = "/api/files/note.html?library=shared"
    library = await server.hosting.library(User("ann", writes=("shared",)), "shared")
    add, sources, added = library.add, library.sources, False

    async def adds_once(paths: list[str]) -> object:
        nonlocal added
        if not listed or added:
            added = True
            raise Broken("the disk is away")
        added = True
        return await add(paths)

    async def lists_before() -> object:
        if added and not listed:
            raise Broken("the disk is away")
        return await sources()

    async with server.client("ann") as client:
        await client.put(path, content=b"<p>Pluto is small.</p>")
        (file,) = tmp_path.rglob("note.html")
        with monkeypatch.context() as patched:
            patched.setattr(library, "add", adds_once)
            patched.setattr(library, "sources", lists_before)
            answer = await client.put(path, content=b"")
        assert answer.status_code == (422 if listed else 500)
    assert added
    assert file.read_text() == "<p>Pluto is small.</p>"
    assert [each.name for each in file.parent.iterdir()] == ["note.html"]
