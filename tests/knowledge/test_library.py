import asyncio
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import (
    EmbedderMismatch,
    LibraryCorrupt,
    SourceNotFound,
)
from knowledge.library import Filters, Library, Progress
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import AbsentEmbedder, CountingEmbedder, Open, OtherEmbedder, names
from tests.knowledge.make_files import encrypt_pdf, make_pdf


async def test_what_was_added_is_found_with_its_place_and_exact_text(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    report = await library.add([str(docs)])
    assert (report.added, report.failed) == (3, ())
    found = await library.search("largest animal")
    assert found.how == "hybrid"
    best = found.passages[0]
    assert best.source == str(docs / "whales.md")
    assert best.title == "Whales"
    assert best.place == "Whales"
    document = await library.document(best.document_id)
    assert document.text[best.start : best.end] == best.text


async def test_an_empty_library_finds_nothing_and_says_that_it_is_empty(
    open_library: Open,
) -> None:
    assert (await open_library(HashingEmbedder()).search("anything")).how == "empty"


async def test_adding_again_what_has_not_changed_embeds_nothing(
    docs: Path, open_library: Open
) -> None:
    embedder = CountingEmbedder()
    library = open_library(embedder)
    await library.add([str(docs)])
    embedder.texts.clear()
    report = await library.add([str(docs)])
    assert (report.added, report.changed, report.unchanged) == (0, 0, 3)
    assert embedder.texts == []


async def test_a_changed_file_replaces_its_passages(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    (docs / "foxes.md").write_text("# Badgers\n\nThe badger digs.\n")
    report = await library.sync()
    assert (report.changed, report.unchanged) == (1, 2)
    assert "foxes.md" in await names(library, "badger digs")
    texts = [p.text for p in (await library.search("red fox hunts at dusk")).passages]
    assert not any("hunts" in text for text in texts)


async def test_a_deleted_file_goes_with_its_vectors(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    (docs / "foxes.md").unlink()
    report = await library.sync()
    assert report.removed == 1
    assert "foxes.md" not in await names(library, "red fox")
    status = await library.status()
    assert (status.sources, status.documents) == (2, 2)
    assert library._shelves.shelf.store.count() == status.chunks


async def test_a_moved_file_keeps_its_vectors(docs: Path, open_library: Open) -> None:
    embedder = CountingEmbedder()
    library = open_library(embedder)
    await library.add([str(docs)])
    embedder.texts.clear()
    (docs / "sub").mkdir()
    (docs / "foxes.md").rename(docs / "sub" / "red-foxes.md")
    report = await library.sync()
    assert (report.moved, report.added, report.removed) == (1, 0, 1)
    assert embedder.texts == []
    assert (await names(library, "red fox hunts"))[0] == "red-foxes.md"


async def test_a_copy_of_a_file_that_stays_is_added_and_has_not_moved(
    docs: Path, open_library: Open
) -> None:
    embedder = CountingEmbedder()
    library = open_library(embedder)
    await library.add([str(docs)])
    embedder.texts.clear()
    (docs / "copy.md").write_text((docs / "foxes.md").read_text())
    report = await library.sync()
    assert (report.moved, report.added, report.removed) == (0, 1, 0)
    assert embedder.texts == []


async def test_two_copies_of_a_text_are_one_document_until_both_are_gone(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    (docs / "copy.md").write_text((docs / "foxes.md").read_text())
    await library.add([str(docs)])
    assert (await library.status()).documents == 3
    (docs / "copy.md").unlink()
    await library.sync()
    assert "foxes.md" in await names(library, "red fox")


async def test_a_path_that_does_not_exist_is_named_and_the_others_are_added(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    report = await library.add([str(docs / "nowhere"), str(docs / "foxes.md")])
    assert report.added == 1
    assert [problem.source for problem in report.failed] == [str(docs / "nowhere")]


async def test_a_bad_file_is_named_with_its_reason_and_stops_nothing(
    docs: Path, open_library: Open
) -> None:
    (docs / "empty.md").write_bytes(b"")
    library = open_library(HashingEmbedder())
    report = await library.add([str(docs)])
    assert report.added == 3
    ((source, reason),) = report.failed
    assert (Path(source).name, "empty" in reason) == ("empty.md", True)
    failed = [info for info in await library.sources() if info.state == "failed"]
    assert [Path(info.source).name for info in failed] == ["empty.md"]


async def test_what_to_do_about_a_file_that_cannot_be_read_is_told_with_the_reason(
    docs: Path, open_library: Open
) -> None:
    (docs / "locked.pdf").write_bytes(encrypt_pdf(make_pdf(["words"]), "secret"))
    library = open_library(HashingEmbedder())
    ((_, reason),) = (await library.add([str(docs)])).failed
    assert reason == "the PDF needs a password. Save a copy without the password."
    assert reason in [info.reason for info in await library.sources()]


async def test_a_folder_that_is_missing_as_a_whole_loses_nothing(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    docs.rename(docs.parent / "unplugged")
    report = await library.sync()
    assert report.removed == 0
    assert "missing" in report.failed[0].reason
    assert "foxes.md" in await names(library, "red fox")


async def test_what_is_removed_stays_out_until_it_is_added_again(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    assert await library.remove(["foxes.md"]) == (str(docs / "foxes.md"),)
    await library.sync()
    assert "foxes.md" not in await names(library, "red fox")
    await library.add([str(docs / "foxes.md")])
    assert "foxes.md" in await names(library, "red fox")


async def test_removing_a_folder_forgets_it(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    assert len(await library.remove([str(docs)])) == 3
    await library.sync()
    assert (await library.search("fox")).how == "empty"


async def test_removing_what_is_not_there_is_refused_by_name(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    with pytest.raises(SourceNotFound, match="stranger"):
        await library.remove(["foxes.md", "stranger.md"])
    assert (await library.status()).sources == 3


async def test_adding_a_folder_above_takes_over_what_was_added_below(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs / "foxes.md")])
    report = await library.add([str(docs)])
    assert (report.added, report.unchanged) == (2, 1)
    (docs / "foxes.md").unlink()
    assert (await library.sync()).removed == 1


async def test_an_ignored_file_that_is_added_by_name_stays(docs: Path, open_library: Open) -> None:
    (docs / ".hidden.md").write_text("# Secret\n\nThe otter is hidden.\n")
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    assert ".hidden.md" not in await names(library, "hidden otter")
    await library.add([str(docs / ".hidden.md")])
    await library.sync()
    assert ".hidden.md" in await names(library, "hidden otter")


async def test_filters_narrow_what_is_found(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    only = Filters(sources=("whales.md",))
    assert set(await names(library, "the red fox", filters=only)) == {"whales.md"}
    assert set(await names(library, "the", filters=Filters(kinds=("text",)))) <= {"notes.txt"}


async def test_without_an_embedder_words_are_searched_and_vectors_come_later(
    docs: Path, open_library: Open
) -> None:
    lexical = open_library(AbsentEmbedder())
    report = await lexical.add([str(docs)])
    assert "by words only" in report.note
    found = await lexical.search("red fox")
    assert (found.how, Path(found.passages[0].source).name) == ("lexical", "foxes.md")
    assert "agent setup" in found.note or "agent sync" in found.note
    lexical.close()
    hybrid = open_library(HashingEmbedder())
    await hybrid.sync()
    assert (await hybrid.search("red fox")).how == "hybrid"
    status = await hybrid.status()
    assert status.embedded == status.documents == 3


async def test_another_embedder_is_refused_until_the_rebuild(
    docs: Path, open_library: Open
) -> None:
    first = open_library(HashingEmbedder())
    await first.add([str(docs)])
    first.close()
    second = open_library(OtherEmbedder())
    with pytest.raises(EmbedderMismatch) as caught:
        await second.search("fox")
    assert "--rebuild" in caught.value.hint
    with pytest.raises(EmbedderMismatch):
        await second.sync()
    assert (await second.rebuild()).added == 3
    assert (await second.search("fox")).how == "hybrid"


async def test_a_source_is_stale_once_its_content_differs(docs: Path, open_library: Open) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    source = str(docs / "foxes.md")
    text = (docs / "foxes.md").read_bytes()
    (docs / "foxes.md").write_bytes(text)
    assert not await library.stale(source)
    (docs / "foxes.md").write_bytes(text.replace(b"red", b"fox"))
    assert await library.stale(source)
    (docs / "foxes.md").unlink()
    assert await library.stale(source)


async def test_a_reader_meets_the_library_before_or_after_a_sync(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    reader = open_library(HashingEmbedder())
    seen: list[list[str]] = []

    def look(progress: Progress) -> None:
        # On the writer's thread, in the middle of its work.
        seen.append(sorted(set(asyncio.run(names(reader, "red fox")))))

    before = sorted(set(await names(reader, "red fox")))
    (docs / "more.md").write_text("# More\n\nAnother red fox.\n")
    await library.sync(progress=look)
    assert seen
    assert all(found == before for found in seen)
    assert "more.md" in await names(reader, "red fox")


async def test_a_cancelled_sync_changes_nothing_and_the_next_one_completes_it(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs / "foxes.md")])
    reading = asyncio.Event()
    loop = asyncio.get_running_loop()

    def started(progress: Progress) -> None:
        if progress.stage == "read":
            loop.call_soon_threadsafe(reading.set)
            library._writer.stop.wait(timeout=30)

    task = asyncio.create_task(library.add([str(docs)], progress=started))
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(await names(library, "the")) <= {"foxes.md"}
    assert (await library.status()).sources == 1
    await library.sync()
    assert (await library.status()).sources == 3


async def test_a_lost_picture_is_built_again_from_what_is_stored(
    docs: Path, open_library: Open
) -> None:
    embedder = CountingEmbedder()
    library = open_library(embedder)
    await library.add([str(docs)])
    embedder.texts.clear()
    for file in sorted((library.root / "snapshots").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    library.close()
    again = open_library(embedder)
    await again.sync()
    assert embedder.texts == []
    assert "foxes.md" in await names(again, "red fox")


async def test_vectors_in_the_picture_are_those_of_the_embedder(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    await library.remove(["whales.md"])
    (docs / "new.md").write_text("# New\n\nSomething else.\n")
    await library.sync()
    for query in ("Something else.", "red fox"):
        best = (await library.search(query)).passages[0]
        stored, vectors = library._shelves.shelf.store.get([best.chunk_id])
        assert stored == [best.chunk_id]
        want = float(vectors[0] @ HashingEmbedder().embed([query])[0])
        assert best.dense == pytest.approx(want, abs=1e-6)
        assert np.isfinite(best.score)


def test_a_file_that_is_no_catalogue_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(LibraryCorrupt) as caught:
        Library.open(tmp_path, embedder=None)
    assert "Move the folder" in caught.value.hint
