import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from knowledge import dense
from knowledge.dense import ChromaStore, Record, Records
from knowledge.errors import LibraryCorrupt, StoreUnreachable


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_vectors_come_back_as_they_went_in_after_reopening(tmp_path: Path) -> None:
    vectors = np.stack([unit(1, 0, 0), unit(1, 1, 0), unit(0, 0, 1)])
    store = ChromaStore(tmp_path)
    store.put(["a", "b", "c"], vectors)
    store.close()
    again = ChromaStore(tmp_path)
    ids, found = again.get(["c", "a", "missing"])
    assert sorted(ids) == ["a", "c"]
    np.testing.assert_allclose(found[ids.index("c")], vectors[2], atol=1e-6)
    assert again.count() == 3
    again.close()


def test_the_nearest_vector_comes_first_with_its_cosine(tmp_path: Path) -> None:
    store = ChromaStore(tmp_path)
    assert store.query(unit(1, 0, 0), 5) == []
    store.put(["a", "b"], np.stack([unit(1, 0, 0), unit(0, 1, 0)]))
    (first, near), (second, far) = store.query(unit(1, 0, 0), 5)
    assert (first, second) == ("a", "b")
    assert near == pytest.approx(1.0, abs=1e-5)
    assert far == pytest.approx(0.0, abs=1e-5)
    store.close()


def test_putting_again_replaces_and_deleting_what_is_not_there_is_harmless(tmp_path: Path) -> None:
    store = ChromaStore(tmp_path)
    store.put(["a"], unit(1, 0)[None])
    store.put(["a"], unit(0, 1)[None])
    store.delete(["a-stranger"])
    assert store.count() == 1
    np.testing.assert_allclose(store.get(["a"])[1][0], unit(0, 1), atol=1e-6)
    store.delete(["a"])
    assert store.count() == 0
    store.close()


def test_a_cleared_store_takes_vectors_of_another_length(tmp_path: Path) -> None:
    store = ChromaStore(tmp_path)
    store.put(["a"], unit(1, 0)[None])
    store.clear()
    store.put(["a"], unit(1, 0, 0)[None])
    assert store.get(["a"])[1].shape == (1, 3)
    store.close()


def test_a_damaged_store_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(LibraryCorrupt) as caught:
        ChromaStore(tmp_path).count()
    assert "--rebuild" in caught.value.hint


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real Chroma server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["run", "--path", str(tmp_path / "served"), "--host", "127.0.0.1", "--port", port]
    with subprocess.Popen(
        [Path(sys.executable).with_name("chroma"), *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            for _ in range(1200):
                with suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_vectors_can_be_kept_on_a_server_and_two_libraries_do_not_meet(server: str) -> None:
    one, other = ChromaStore(server, "library-one"), ChromaStore(server, "library-two")
    one.put(["a"], unit(1, 0)[None])
    other.put(["a"], unit(0, 1)[None])
    np.testing.assert_allclose(one.get(["a"])[1][0], unit(1, 0), atol=1e-6)
    one.clear()
    assert (one.count(), other.count()) == (0, 1)
    one.close()
    other.close()


def test_a_server_that_does_not_answer_is_named_with_the_way_back() -> None:
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:9") as caught:
        ChromaStore("http://127.0.0.1:9", "library").count()
    assert "chroma_url" in caught.value.hint


def test_what_many_documents_have_stored_is_deleted_in_few_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    delete = dense._delete

    def count(there: object, **which: object) -> None:
        asked.append(which)
        delete(there, **which)

    monkeypatch.setattr(dense, "_delete", count)
    monkeypatch.setattr(dense, "_BATCH", 4)
    records = Records(tmp_path, "texts")
    records.add([Record(f"{doc}/{n}", "text", f"{doc}") for doc in range(11) for n in range(2)])
    records.delete([f"{doc}" for doc in range(10)])
    assert records.get([f"{doc}/{n}" for doc in range(11) for n in range(2)]).keys() == {
        "10/0",
        "10/1",
    }
    assert len(asked) == 3
    records.close()


class Hanging(http.server.BaseHTTPRequestHandler):
    """Gives a sign of life, and leaves everything else unanswered."""

    over: threading.Event

    def do_GET(self) -> None:
        if not self.path.endswith("/heartbeat"):
            self.over.wait(60)
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_lives_and_does_not_answer_is_not_waited_for_for_ever() -> None:
    Hanging.over = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    records = Records(f"http://127.0.0.1:{server.server_port}", "texts", patience=0.3)
    try:
        with pytest.raises(StoreUnreachable, match="timed out"):
            records.get(["a"])
    finally:
        records.close()
        Hanging.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
