"""A library that is kept equal to its sources while they change; what tells of it: `test_watch`."""

import asyncio
from contextlib import aclosing
from pathlib import Path

from knowledge.errors import LibraryBusy
from knowledge.library import Library
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import Open, names
from tests.knowledge.memory_store import MemoryStore


async def test_a_watched_folder_is_synced_when_a_file_changes(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    watching = library.watch()
    first = asyncio.ensure_future(anext(watching))
    for n in range(200):  # the watch begins at a moment that nobody tells
        (docs / "foxes.md").write_text(f"# Otters\n\nThe otter swims in {n} rivers.\n")
        done, _ = await asyncio.wait([first], timeout=0.25)
        if done:
            break
    assert (await first).changed == 1
    assert "foxes.md" in await names(library, "otter swims")
    await watching.aclose()


async def test_a_change_under_a_watched_folder_has_no_web_page_fetched_again(
    docs: Path, open_library: Open
) -> None:
    library = open_library(HashingEmbedder())
    # Of a private address: each sync that looks at it names it as refused.
    await library.add([str(docs), "http://127.0.0.1:9/page"])
    watching = library.watch()
    assert [problem.source for problem in (await anext(watching)).failed]
    waiting = asyncio.ensure_future(anext(watching))
    (docs / "foxes.md").write_text("# Otters\n\nThe otter swims in rivers.\n")
    changed = await waiting
    assert (changed.changed, changed.failed) == (1, ())
    await watching.aclose()


class OftenBusy(Library):
    """A library that another process writes to whenever this one would."""

    busy = 0

    async def _write(self, work):  # type: ignore[no-untyped-def]
        if self.busy:
            self.busy -= 1
            raise LibraryBusy("Another process is writing to this library.")
        return await super()._write(work)


async def test_a_watch_outlasts_another_writer(docs: Path, tmp_path: Path) -> None:
    store = MemoryStore()
    (tmp_path / "library").mkdir()
    library = OftenBusy(
        tmp_path / "library", embedder=HashingEmbedder(), make_store=lambda _: store
    )
    await library.add([str(docs)])
    library.busy = 3
    async with aclosing(library.watch()) as watching:
        assert (await anext(watching)).unchanged == 3
    assert library.busy == 0
    library.close()
