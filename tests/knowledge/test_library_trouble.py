"""The library where something is wrong, missing, damaged, or named carelessly."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from knowledge.database import explain
from knowledge.errors import (
    LibraryCorrupt,
    LibraryReadOnly,
    SourceNotFound,
)
from knowledge.library import Filters, Library, Progress
from knowledge.read import read_bytes
from knowledge.types import Document
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import Open, names


async def test_removing_some_of_what_is_not_there_takes_out_nothing_for_good(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    with pytest.raises(SourceNotFound):
        await library.remove([str(docs), "stranger.md"])
    assert (await library.sync()).removed == 0


async def test_a_name_alone_that_means_several_files_is_refused(
    docs: Path, open_library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "sub").mkdir()
    (docs / "sub" / "foxes.md").write_text("# Other foxes\n\nThe arctic fox is white.\n")
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    with pytest.raises(SourceNotFound, match=r"2 sources are called foxes\.md"):
        await library.remove(["foxes.md"])
    monkeypatch.chdir(docs)
    assert await library.remove(["foxes.md"]) == (str(docs / "foxes.md"),)


async def test_an_empty_name_does_not_mean_the_working_folder(
    docs: Path, open_library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    monkeypatch.chdir(docs)
    with pytest.raises(SourceNotFound):
        await library.remove([""])
    assert len(await library.sources()) == 3


async def test_an_interrupted_rebuild_leaves_the_library_as_it_was(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])

    def stop(progress: Progress) -> None:
        library._writer.stop.set()

    with pytest.raises(InterruptedError):
        await library.rebuild(progress=stop)
    assert "foxes.md" in await names(library, "red fox")
    assert (await library.rebuild()).added == 3
    assert len(list(library.root.glob("generation-*"))) == 1


async def test_a_reader_follows_a_rebuild_of_another(docs: Path, open_library: Open) -> None:
    library, reader = open_library(HashingEmbedder()), open_library(HashingEmbedder())
    await library.add([str(docs)])
    assert "foxes.md" in await names(reader, "red fox")
    await library.rebuild()
    (docs / "new.md").write_text("# New\n\nA pangolin.\n")
    await library.sync()
    assert "new.md" in await names(reader, "pangolin")


async def test_a_rebuild_keeps_what_lies_in_a_folder_that_may_not_be_opened_just_now(
    docs: Path, open_library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "sub").mkdir()
    (docs / "sub" / "otters.md").write_text("# Otters\n\nAn otter sleeps in a holt.\n")
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    scandir = os.scandir

    def refuse(path: Path | str | int) -> object:
        if str(path) == str(docs / "sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = await library.rebuild()
    assert (report.added, report.unchanged) == (3, 1)
    assert report.failed[0].source == str(docs / "sub")
    assert (await names(library, "otter holt"))[0] == "otters.md"


async def test_a_rebuild_waits_for_no_reader_and_takes_nothing_from_one(
    docs: Path, open_library: Open
) -> None:
    seen: list[list[str]] = []

    class Rebuilding(HashingEmbedder):
        """Rebuilds the library in the middle of a question."""

        def embed(self, texts, **options):  # type: ignore[no-untyped-def]
            if list(texts) == ["red fox"] and not seen:
                seen.append([])
                asyncio.run(writer.rebuild())
                asyncio.run(reader.sources())
            return super().embed(texts, **options)

    writer, reader = open_library(HashingEmbedder()), open_library(Rebuilding())
    await writer.add([str(docs)])
    before = reader._shelves.shelf
    assert (await names(reader, "red fox"))[0] == "foxes.md"
    assert reader._shelves.shelf is not before
    with pytest.raises(LibraryCorrupt, match="closed"):
        before.catalog.meta("snapshot")


async def test_what_a_killed_rebuild_left_is_cleared_away_by_the_next_sync(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    await library.rebuild()
    (library.root / "generation-half").mkdir()
    (library.root / "snapshots").mkdir()
    await library.sync()
    assert len(list(library.root.glob("generation-*"))) == 1
    assert not (library.root / "snapshots").exists()
    assert "foxes.md" in await names(library, "red fox")


async def test_a_source_that_goes_while_it_is_found_is_not_shown_by_another_name(
    docs: Path, open_library: Open
) -> None:
    (docs / "z.md").write_text((docs / "foxes.md").read_text())
    writer = open_library(HashingEmbedder())
    await writer.add([str(docs)])

    class Removing:
        """Takes a source out in the middle of a question."""

        name = "removing"

        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            with suppress(SourceNotFound):
                asyncio.run(writer.remove([str(docs / "z.md")]))
            return [1.0] * len(texts)

    reader = Library(
        writer.root,
        embedder=HashingEmbedder(),
        make_store=writer._make_store,
        reranker=Removing(),
    )
    assert await names(reader, "red fox", filters=Filters(sources=("z.md",))) == []
    assert "foxes.md" in await names(reader, "red fox")
    reader.close()


async def test_a_rebuild_is_refused_while_a_folder_is_missing(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    docs.rename(docs.parent / "unplugged")
    with pytest.raises(SourceNotFound, match="is missing"):
        await library.rebuild()
    assert "foxes.md" in await names(library, "red fox")


async def test_a_damaged_vector_store_is_mended_by_a_rebuild(docs: Path, tmp_path: Path) -> None:
    library = Library.open(tmp_path / "real", embedder=HashingEmbedder())
    await library.add([str(docs / "foxes.md")])
    library.close()
    (tmp_path / "real" / "chroma" / "chroma.sqlite3").write_bytes(b"no database" * 500)
    again = Library.open(tmp_path / "real", embedder=HashingEmbedder())
    with pytest.raises(LibraryCorrupt, match="vector store") as caught:
        await again.add([str(docs)])
    assert "--rebuild" in caught.value.hint
    assert (await again.rebuild()).added == 3
    assert "whales.md" in await names(again, "largest animal")
    again.close()


async def test_a_damaged_picture_is_built_again_by_a_sync(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    (rows,) = library.root.glob("snapshots/*/rows.npy")
    rows.write_bytes(rows.read_bytes()[:40])
    again = open_library(HashingEmbedder())
    with pytest.raises(LibraryCorrupt, match="index is lost") as caught:
        await again.search("red fox")
    assert "agent sync" in caught.value.hint
    await again.sync()
    assert "foxes.md" in await names(again, "red fox")


async def test_a_name_that_is_not_utf8_is_told_and_stops_nothing(
    docs: Path, open_library: Open
) -> None:
    (docs / os.fsdecode(b"bad\xff.md")).write_text("# Bad\n")
    library = open_library(HashingEmbedder())
    report = await library.add([str(docs)])
    assert report.added == 3
    assert "UTF-8" in report.failed[0].reason
    report = await library.add([str(docs / os.fsdecode(b"bad\xff.md"))])
    assert (report.added, len(report.failed)) == (0, 1)
    assert "UTF-8" in report.failed[0].reason
    assert await names(library, "fox", filters=Filters(sources=(os.fsdecode(b"\xff"),))) == []
    assert (await library.sync()).unchanged == 3


async def test_repetition_does_not_crowd_out_the_rest(docs: Path, open_library: Open) -> None:
    for n in range(60):
        (docs / f"copy{n}.md").write_text(f"The red fox hunts at dusk near the river{'!' * n}\n")
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    found = await names(library, "the red fox hunts at dusk", limit=4)
    assert {"foxes.md", "whales.md"} <= set(found)


async def test_a_filtered_search_names_a_source_that_was_asked_for(
    docs: Path, open_library: Open
) -> None:
    (docs / "z.md").write_text((docs / "foxes.md").read_text())
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    assert await names(library, "red fox", filters=Filters(sources=("z.md",))) == ["z.md"]


async def test_a_source_is_dated_by_when_its_reading_began(
    docs: Path, open_library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    def read(data: bytes, name: str) -> Document:
        began.append(time.time())
        return read_bytes(data, name)

    monkeypatch.setattr("knowledge.ahead.read_bytes", read)
    library = open_library()
    await library.add([str(docs / "foxes.md")])
    (source,) = await library.sources()
    assert source.indexed_at <= began[0]


async def test_an_edit_with_its_time_stamp_set_back_is_seen(docs: Path, open_library: Open) -> None:
    file = docs / "foxes.md"
    os.utime(file, (1e9, 1e9))
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    file.write_text(file.read_text().replace("red", "raw"))
    os.utime(file, (1e9, 1e9))
    assert await library.stale(str(file))
    assert (await library.sync()).changed == 1


async def test_a_folder_of_something_else_is_not_taken_for_a_library(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "snapshots" / "2024").mkdir(parents=True)
    with pytest.raises(LibraryCorrupt, match="is not a library"):
        Library.open(folder, embedder=None)
    assert (folder / "snapshots" / "2024").is_dir()


async def test_a_library_that_may_only_be_read_can_be_searched(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    library.close()
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    library.root.chmod(0o500)
    try:
        reader = open_library(HashingEmbedder())
        assert "foxes.md" in await names(reader, "red fox")
    finally:
        library.root.chmod(0o700)


def test_a_disk_that_fails_is_not_told_as_a_damaged_library(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    told = explain(error, tmp_path / "catalog.sqlite")
    assert isinstance(told, LibraryReadOnly)
    assert "df -h" in told.hint
