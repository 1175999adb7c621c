from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.guard import Fetched
from mcp_servers.web_tools.errors import WebError
from mcp_servers.web_tools.snapshots import Snapshots

URL = "https://example.com/a"


def fetched(data: bytes = b"<p>Hello.", *, at: float = 1000.0, url: str = URL) -> Fetched:
    return Fetched(url, 200, "text/html", "utf-8", data, '"v1"', "yesterday", at)


def test_a_page_is_kept_with_its_hash_and_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Snapshots(tmp_path)
    made = store.put(URL, fetched())
    assert made.sha256 == hashlib.sha256(b"<p>Hello.").hexdigest()
    for found in (store.latest(URL), store.find(made.id), store.find(made.sha256)):
        assert found == made
    assert store.body(made) == b"<p>Hello."
    assert made.fetched(b"<p>Hello.") == fetched()


def test_the_same_content_found_again_is_the_same_snapshot_and_keeps_its_first_time(
    tmp_path: Path,
) -> None:
    store = Snapshots(tmp_path)
    first = store.put(URL, fetched())
    again = store.put(URL, fetched(at=2000.0))
    assert (again.id, again.fetched_at, again.checked_at) == (first.id, 1000.0, 2000.0)
    assert store.confirm(again, replace(fetched(at=3000.0), etag="")).checked_at == 3000.0
    assert store.latest(URL) == replace(again, checked_at=3000.0)


def test_an_older_content_of_a_page_stays_to_be_checked(tmp_path: Path) -> None:
    store = Snapshots(tmp_path)
    old = store.put(URL, fetched())
    new = store.put(URL, fetched(b"<p>Changed.", at=2000.0))
    assert store.latest(URL) == new
    assert store.body(old) == b"<p>Hello."


def test_two_pages_of_one_content_share_it(tmp_path: Path) -> None:
    store = Snapshots(tmp_path)
    for name in "ab":
        store.put(f"https://example.com/{name}", fetched(bytes(1000)))
    files = list(tmp_path.glob("pages/*/*"))
    assert [file.stat().st_size for file in files] == [1000]


def test_what_was_used_longest_ago_goes_when_there_is_too_much(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, max_bytes=2500)
    made = [store.put(f"https://example.com/{n}", fetched(bytes([n]) * 1000)) for n in range(2)]
    assert store.body(made[0])  # used: now the second is the oldest
    made.append(store.put("https://example.com/2", fetched(bytes([2]) * 1000)))
    assert [store.body(each) is not None for each in made] == [True, False, True]
    assert store.find(made[1].id) is None
    assert len(list(tmp_path.glob("pages/*/*"))) == 2


def test_a_page_larger_than_all_room_is_kept_until_the_next(tmp_path: Path) -> None:
    store = Snapshots(tmp_path, max_bytes=100)
    large = store.put(URL, fetched(bytes(1000)))
    assert store.body(large) == bytes(1000)
    store.put("https://example.com/b", fetched(b"b"))
    assert store.body(large) is None


def test_a_content_that_was_changed_on_disk_is_no_longer_what_was_fetched(tmp_path: Path) -> None:
    store = Snapshots(tmp_path)
    made = store.put(URL, fetched())
    [file] = tmp_path.glob("pages/*/*")
    file.write_bytes(b"<p>Forged")
    assert store.body(made) is None
    store.put(URL, fetched(b"<p>Hello.", at=2000.0))


def test_a_forged_content_of_the_same_size_is_written_anew_when_fetched_again(
    tmp_path: Path,
) -> None:
    store = Snapshots(tmp_path)
    made = store.put(URL, fetched())
    [file] = tmp_path.glob("pages/*/*")
    file.write_bytes(b"<p>Forge!")
    store.put(URL, fetched())
    assert store.body(made) == b"<p>Hello."


def test_a_damaged_index_is_begun_anew(tmp_path: Path) -> None:
    store = Snapshots(tmp_path)
    store.put(URL, fetched())
    (tmp_path / "index.db").write_bytes(b"no database at all" * 1000)
    for side in ("index.db-wal", "index.db-shm"):
        (tmp_path / side).unlink(missing_ok=True)
    assert store.latest(URL) is None
    assert store.body(store.put(URL, fetched())) == b"<p>Hello."


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WebError, match="Fetched pages cannot be kept") as caught:
        Snapshots(tmp_path / "file").put(URL, fetched())
    assert caught.value.hint


def test_many_threads_and_two_stores_write_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work(n: int) -> None:
        try:
            store = Snapshots(tmp_path, max_bytes=5_000)
            for i in range(5):
                made = store.put(f"https://example.com/{n}/{i}", fetched(os.urandom(1000)))
                store.body(made)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with sqlite3.connect(tmp_path / "index.db") as index:
        kept = {digest for (digest,) in index.execute("SELECT sha256 FROM snapshots")}
    index.close()
    assert kept == {file.name for file in tmp_path.glob("pages/*/*")}
