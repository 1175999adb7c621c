from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.models.prefix_store import Manifest, PrefixStore, common


def save(store: PrefixStore, tokens: list[int], *, text: str = "text", size: int = 800) -> str:
    manifest = Manifest("local:x", "key 1", text, "corpus", len(tokens))
    return store.save(
        manifest, tokens, ".bin", lambda file: file.write_bytes(bytes(size)) and None, size=size
    )


def age(store: PrefixStore, tokens: list[int], moment: float) -> None:
    found = store.find("key 1", tokens)
    assert found is not None
    os.utime(found[0].folder / "manifest.json", (moment, moment))


def test_the_cache_with_the_longest_common_beginning_is_found(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path / "none yet")
    assert (store.all(), store.find("key 1", [1])) == ([], None)
    save(store, [1, 2, 3])
    save(store, [1, 2, 3, 4, 5])
    found = store.find("key 1", [1, 2, 3, 4, 9])
    assert found is not None
    assert (found[0].manifest.tokens, found[1]) == (5, 4)
    exact = store.find("key 1", [1, 2, 3])
    assert exact is not None
    assert (list(exact[0].token_ids()), exact[1]) == ([1, 2, 3], 3)
    assert store.find("key 1", [7]) is None
    assert store.find("key 2", [1, 2, 3]) is None
    assert common([1, 2], [1, 2, 3]) == 2


def test_messages_are_known_by_their_digest_without_a_tokenizer(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path)
    save(store, [1], text="one")
    assert store.has("key", "one")
    assert not store.has("key", "two")
    assert not store.has("other", "one")


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path, limit=2500)
    save(store, [1])
    save(store, [2])
    age(store, [1], 2.0)
    age(store, [2], 1.0)
    save(store, [3])
    assert {tuple(saved.token_ids()) for saved in store.all()} == {(1,), (3,)}
    age(store, [1], 1.0)
    age(store, [3], 2.0)
    store.used(store.all()[1])
    save(store, [4])
    assert {tuple(saved.token_ids()) for saved in store.all()} == {(1,), (4,)}


def test_what_is_larger_than_the_limit_is_not_kept_and_removes_nothing(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path, limit=2000)
    save(store, [1])
    assert "at most" in save(store, [2], size=5000)
    assert [saved.manifest.tokens for saved in store.all()] == [1]


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path)

    def full(file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    manifest = Manifest("local:x", "key", "text", "corpus", 1)
    assert "No space left" in store.save(manifest, [1], ".bin", full)
    assert list(tmp_path.iterdir()) == []
    assert "do not fit" in save(store, [1], size=10**19) or store.all() == []


def test_what_was_killed_in_writing_is_no_cache_and_is_swept(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path)
    half = tmp_path / ".part-x"
    half.mkdir()
    (half / "manifest.json").write_text("{")
    assert store.all() == []
    os.utime(half, (0, 0))
    save(store, [1])
    assert not half.exists()


@pytest.mark.parametrize("name", ["manifest.json", "tokens", "cache.bin"])
def test_what_is_left_of_a_cache_whose_removal_was_killed_is_replaced(
    tmp_path: Path, name: str
) -> None:
    store = PrefixStore(tmp_path)
    save(store, [1])
    (store.all()[0].folder / name).unlink()
    assert store.all() == []
    assert save(store, [1]) == ""
    assert [saved.manifest.tokens for saved in store.all()] == [1]


def test_a_damaged_cache_can_be_dropped_and_kept_anew(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path)
    save(store, [1])
    save(store, [2])
    found = store.find("key 1", [1])
    assert found is not None
    store.drop(found[0])
    assert [list(saved.token_ids()) for saved in store.all()] == [[2]]
    save(store, [1])
    assert len(store.all()) == 2


def test_two_that_clear_at_a_time_do_not_meet(tmp_path: Path) -> None:
    class Late(PrefixStore):
        def _folders(self) -> Iterator[Path]:
            folders = list(super()._folders())
            PrefixStore(self.root).clear()
            yield from folders

    save(PrefixStore(tmp_path), [1])
    assert Late(tmp_path).clear() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["manifest.json", "tokens"])
def test_a_damaged_folder_is_no_cache_and_clear_removes_it(tmp_path: Path, name: str) -> None:
    store = PrefixStore(tmp_path)
    save(store, [1])
    (store.all()[0].folder / name).write_bytes(b"x")
    assert store.all() == []
    assert store.clear() > 800
    assert list(tmp_path.iterdir()) == []
