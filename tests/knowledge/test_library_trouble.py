"""The library where something is wrong, missing, damaged, or named carelessly."""

import os
from pathlib import Path

import pytest

from knowledge.errors import (
    LibraryCorrupt,
    SourceNotFound,
)
from knowledge.library import Filters, Library, Progress
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
