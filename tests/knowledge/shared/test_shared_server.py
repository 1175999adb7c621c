"""A shared library whose server goes away, comes back, or wants to know who asks."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge.dense import ChromaStore
from knowledge.errors import LibraryCorrupt, StoreFailed, StoreUnreachable
from knowledge.library import Library
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode
from tests.knowledge.shared.server import Served


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)
    monkeypatch.setattr(follow, "AGAIN", 0.0)


async def test_while_the_server_is_gone_the_cache_answers_and_says_so(
    open_node: MakeNode, served: Served, docs: Path
) -> None:
    one = open_node("one", HashingEmbedder(), url=served.url)
    await one.add([str(docs)])
    served.stop()
    found = await one.search("the largest animal")
    assert Path(found.passages[0].source).name == "whales.md"
    assert found.how == "hybrid"
    assert "cache" in found.note
    assert served.url in found.note
    assert len(await one.sources()) == 3
    (docs / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1"):
        await one.sync()
    with pytest.raises(StoreUnreachable):
        await one.remove([str(docs / "whales.md")])
    with pytest.raises(StoreUnreachable):
        await open_node("other", url=served.url).search("whale")
    served.start()
    assert (await one.sync()).added == 1
    assert await names(one, "brown bear", limit=1) == ["bears.md"]
    assert (await one.search("brown bear")).note == ""


async def test_what_is_damaged_on_the_server_is_named_and_the_cache_still_answers(
    open_node: MakeNode, docs: Path
) -> None:
    one = open_node("one")
    await one.add([str(docs / "whales.md")])
    one._log._records._at.it.add(
        ids=["commit-000000000002"], embeddings=[[0.0]], documents=["no commit"]
    )
    found = await one.search("whale")
    assert [Path(p.source).name for p in found.passages] == ["whales.md"]
    assert "damaged" in found.note
    with pytest.raises(LibraryCorrupt, match="damaged"):
        await one.add([str(docs)])


async def test_a_log_that_was_deleted_and_begun_anew_is_not_taken_for_the_old_one(
    open_node: MakeNode, docs: Path
) -> None:
    one, other = open_node("one"), open_node("other")
    await one.add([str(docs / "whales.md")])
    other._log._records._at.drop()
    await other.add([str(docs / "foxes.md")])
    found = await one.search("whale")
    assert [Path(p.source).name for p in found.passages] == ["whales.md"]
    assert found.note
    with pytest.raises(LibraryCorrupt, match="not the one") as caught:
        await one.add([str(docs)])
    assert "cache" in caught.value.hint


class Asked(http.server.BaseHTTPRequestHandler):
    """Notes who asks, and refuses."""

    seen: list[tuple[str, str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("x-chroma-token", "")))
        self.send_response(403)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_server_is_told_the_key_and_the_error_does_not_tell_it(
    refusing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMA_API_KEY", "a-secret-key")
    library = Library.open(
        tmp_path / "one", embedder=None, chroma_url=refusing, chroma_collection="team"
    )
    with pytest.raises(StoreUnreachable) as caught:
        await library.search("anything")
    assert "a-secret-key" not in f"{caught.value} {caught.value.hint}"
    asked = dict(Asked.seen)
    assert asked.pop("/api/v2/heartbeat") == ""
    assert set(asked.values()) == {"a-secret-key"}
    library.close()


async def test_to_ask_a_library_that_is_not_there_makes_nothing_on_the_server(
    open_node: MakeNode, docs: Path, chroma: str, collection: str
) -> None:
    import chromadb

    def there() -> set[str]:
        client = chromadb.HttpClient(host="127.0.0.1", port=int(chroma.rpartition(":")[2]))
        found = {made.name for made in client.list_collections() if collection in made.name}
        client._server._session.close()
        client._admin_client._server._session.close()
        client.close()
        return found

    one = open_node("one")
    assert await one.sources() == ()
    assert (await one.search("whale")).how == "empty"
    assert (await one.status()).documents == 0
    assert there() == set()
    await one.add([str(docs)])
    assert there() == {f"{collection}.understudy-log"}


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_one_look_at_a_server_that_is_silent_is_for_all_who_ask(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.2)
    monkeypatch.setattr(follow, "AGAIN", 600.0)
    library = SharedLibrary.at(tmp_path, silent, "team", embedder=None)
    looks, moved = [], library._follower.watched.moved

    def look(version: int, token: str) -> bool:
        looks.append(version)
        return moved(version, token)

    monkeypatch.setattr(library._follower.watched, "moved", look)
    asked = await asyncio.gather(
        *(library.search("whale") for _ in range(4)), return_exceptions=True
    )
    assert [type(error) for error in asked] == [StoreUnreachable] * 4
    assert len(looks) == 1
    assert all("chroma_collection" in error.hint for error in asked)  # type: ignore[union-attr]
    library.close()


async def test_while_a_silent_server_is_tried_again_nobody_waits_for_it(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_node("one")
    await one.add([str(docs)])
    tried, go_on = threading.Event(), threading.Event()

    def silent(*_: object) -> bool:
        tried.set()
        assert go_on.wait(60)
        raise StoreUnreachable("It says nothing.", hint="Wake it.")

    monkeypatch.setattr(one._follower.watched, "moved", silent)
    one._follower.failed = StoreUnreachable("It said nothing.", hint="Wake it.")
    first = asyncio.create_task(one.search("whale"))
    await asyncio.to_thread(tried.wait, 60)
    found = await one.search("whale")
    assert [Path(p.source).name for p in found.passages] == ["whales.md"]
    assert "It said nothing. Wake it." in found.note
    assert not first.done()
    go_on.set()
    assert "It says nothing." in (await first).note


class Page(Asked):
    """A proxy that knows no such page."""

    def do_GET(self) -> None:
        body = b"<html><body>" + b"no such page " * 500 + b"</body></html>"
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


async def test_a_server_that_is_no_chroma_server_is_named_in_a_line(
    refusing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asked, "do_GET", Page.do_GET)
    monkeypatch.setattr(Asked, "do_POST", Page.do_GET)
    library = SharedLibrary.at(tmp_path, refusing, "team", embedder=None)
    with pytest.raises(StoreUnreachable, match="no Chroma server") as caught:
        await library.search("anything")
    assert len(str(caught.value)) < 200
    library.close()


async def test_what_the_server_refuses_is_no_matter_of_this_machines_disk(
    open_node: MakeNode, docs: Path, chroma: str, collection: str
) -> None:
    store = ChromaStore(chroma, collection)
    store.put(["a"], np.ones((1, 3), dtype=np.float32))
    with pytest.raises(StoreFailed) as caught:
        store.put(["b"], np.ones((1, 4), dtype=np.float32))
    assert "disk" not in caught.value.hint
    assert "server" in caught.value.hint
    store.close()
