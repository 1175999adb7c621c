"""A shared library whose server goes away, comes back, or wants to know who asks."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.errors import LibraryCorrupt, StoreUnreachable
from knowledge.library import Library
from knowledge.shared import library as shared_library
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode
from tests.knowledge.shared.server import Served


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_library, "LOOK", 0.0)
    monkeypatch.setattr(shared_library, "_AGAIN", 0.0)


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
