"""What a watch tells of real folders that real files come to and go from."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from knowledge.watch import changes

PATIENCE = 60
"""Seconds after which a test fails rather than waits."""


@asynccontextmanager
async def watching(*paths: Path) -> AsyncIterator[Callable[[], Any]]:
    """A function that waits for the next set of changes; the watch stands already."""
    async with aclosing(changes([str(path) for path in paths])) as told:

        async def following() -> frozenset[str]:
            async with asyncio.timeout(PATIENCE):
                return await anext(told)

        assert await following() == {str(path) for path in paths}
        yield following


async def until(following: Callable[[], Any], wanted: Path) -> None:
    """Wait until a path is told."""
    while str(wanted) not in await following():
        continue


async def until_written(following: Callable[[], Any], file: Path) -> None:
    """Wait until a file is told, which is written again at whatever else is."""
    file.write_text("1")
    while str(file) not in await following():
        file.write_text(file.read_text() + "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("one")
    return folder


async def test_all_paths_are_told_once_they_are_watched(folder: Path) -> None:
    async with watching(folder, folder / "a.md"):
        pass


async def test_a_new_file_and_one_that_an_editor_replaces_are_told(folder: Path) -> None:
    async with watching(folder) as following:
        (folder / "b.md").write_text("two")
        assert await following() == {str(folder / "b.md")}
        (folder / ".a.md.tmp").write_text("three")
        (folder / ".a.md.tmp").replace(folder / "a.md")
        assert await following() == {str(folder / "a.md")}


async def test_a_burst_of_a_thousand_files_is_told_whole(folder: Path) -> None:
    files = [folder / f"{n}.md" for n in range(1_000)]
    async with watching(folder) as following:
        for file in files:
            file.write_text("x")
        found: set[str] = set()
        while len(found) < len(files):
            found |= await following()
        assert found == {str(file) for file in files}


async def test_only_the_file_that_was_added_is_told_and_not_its_neighbours(folder: Path) -> None:
    async with watching(folder / "a.md") as following:
        (folder / "b.md").write_text("two")
        (folder / "a.md").write_text("three")
        assert await following() == {str(folder / "a.md")}


async def test_what_a_sync_writes_to_a_folder_library_is_not_told_as_a_change(folder: Path) -> None:
    library = folder / ".understudy" / "chroma"
    library.mkdir(parents=True)
    async with watching(folder) as following:
        (library / "catalog.db").write_text("x")
        (folder / ".hidden.md").write_text("x")
        (folder / ".gitignore").write_text("b.md\n")
        assert await following() == {str(folder / ".gitignore")}


async def test_a_folder_below_hidden_ones_and_caches_is_watched_like_any(tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "node_modules" / "docs"
    folder.mkdir(parents=True)
    async with watching(folder) as following:
        (folder / "a.md").write_text("one")
        assert await following() == {str(folder / "a.md")}


async def test_a_folder_that_is_deleted_and_made_again_is_watched_again(folder: Path) -> None:
    async with watching(folder) as following:
        shutil.rmtree(folder)
        await until(following, folder)
        folder.mkdir()
        await until_written(following, folder / "new.md")


async def test_a_folder_that_another_takes_the_place_of_is_watched_again(folder: Path) -> None:
    other = folder.with_name("other")
    other.mkdir()
    async with watching(folder) as following:
        folder.rename(folder.with_name("away"))
        other.rename(folder)
        await until_written(following, folder / "new.md")


async def test_a_folder_that_comes_later_is_watched_from_then_on(folder: Path) -> None:
    late = folder.with_name("late")
    async with watching(folder, late) as following:
        late.mkdir()
        await until_written(following, late / "a.md")


async def test_where_nothing_exists_the_watch_ends(tmp_path: Path) -> None:
    assert [found async for found in changes([str(tmp_path / "nowhere")])] == []
    assert [found async for found in changes([])] == []


async def test_where_the_system_can_watch_no_more_files_they_are_looked_at_in_turn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles

    whole = watchfiles.awatch
    asked = []

    async def limited(*paths: str, force_polling: Any, **options: Any) -> AsyncGenerator[Any, None]:
        asked.append(force_polling)
        if not force_polling:
            raise RuntimeError("Too many open files (os error 24)")
        async with aclosing(whole(*paths, force_polling=True, **options)) as found:
            async for each in found:
                yield each

    monkeypatch.setattr(watchfiles, "awatch", limited)
    async with watching(folder) as following:
        stamp = folder.stat().st_mtime + 5
        (folder / "b.md").write_text("two")
        os.utime(folder / "b.md", (stamp, stamp))
        await until(following, folder / "b.md")
    assert asked == [None, True]
