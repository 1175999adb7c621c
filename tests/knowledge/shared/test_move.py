"""A library that is copied from place to place, and is the same there."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from knowledge import copying
from knowledge.errors import EmbedderMismatch, TargetNotEmpty
from knowledge.library import Library
from knowledge.move import Place, move
from knowledge.report import Progress
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode
from tests.knowledge.shared.moving import EMBEDDED, opened

ROOT = Path(__file__).resolve().parents[3]


def contents(library: Library) -> dict[str, Any]:
    """All that a library of one's own holds, with every vector's bits."""
    at = library._shelves.shelf
    db = sqlite3.connect(at.catalog.database.path)
    tables = {
        name: sorted(map(repr, db.execute(f"SELECT {columns} FROM {name}")))
        for name, columns in {
            "documents": "*",
            "chunks": "document_id, ordinal, start, end, place, heading, text",
            "sources": "*",
            "roots": "*",
            "excluded": "*",
            "tagged": "*",
        }.items()
    }
    ids = [f"{doc}:{n}" for doc, n in db.execute("SELECT document_id, ordinal FROM chunks")]
    db.close()
    found, vectors = at.store.get(ids)
    assert at.store.count() == len(found) == len(ids)
    return tables | {"vectors": {i: v.tobytes() for i, v in zip(found, vectors, strict=True)}}


@pytest.fixture
def many(docs: Path) -> Path:
    for n in range(30):
        words = " ".join(f"word{(n * 7 + k) % 40}" for k in range(12))
        (docs / f"page-{n}.md").write_text(f"# Page {n}\n\nAbout {words}: größer – 鯨 {n}.\n")
    return docs


async def test_there_and_back_a_library_is_equal_to_the_bit(
    tmp_path: Path, many: Path, chroma: str, collection: str
) -> None:
    root = tmp_path / "library"
    private, shared = Place(chroma), Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(many)])
    await library.remove([str(many / "page-3.md")])
    before = contents(library)
    question = await library.search("word5 word9")
    for here, to in ((EMBEDDED, private), (private, EMBEDDED), (EMBEDDED, shared)):
        library.close()
        library = opened(root, here)
        moved = await move(library, root, to)
        assert (moved.documents, moved.sources, moved.was_there) == (32, 32, False)
        library.close()
        library = opened(root, to)
        assert await library.search("word5 word9") == question
        assert (await move(library, root, to)).was_there
        if to != shared:
            assert contents(library) == before
    report = await library.sync()
    assert (report.unchanged, report.added, report.removed) == (32, 0, 0)
    assert (await move(library, root, EMBEDDED)).was_there
    library.close()
    elsewhere = tmp_path / "elsewhere"
    library = opened(elsewhere, shared)
    await library.sources()
    assert not (await move(library, elsewhere, EMBEDDED)).was_there
    library.close()
    library = opened(elsewhere, EMBEDDED)
    after = contents(library)
    # What was not added through this folder, it keeps and does not sync.
    before["sources"] = [row.replace(repr(str(many)), "''") for row in before["sources"]]
    assert {**after, "roots": 0, "excluded": 0} == {**before, "roots": 0, "excluded": 0}
    assert after["roots"] == []
    library.close()


async def test_a_setting_that_was_changed_first_is_caught_up_with(
    tmp_path: Path, docs: Path, chroma: str
) -> None:
    root = tmp_path / "library"
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    before = contents(library)
    library.close()
    library = opened(root, Place(chroma))
    with pytest.raises(EmbedderMismatch) as caught:
        await library.sync()
    assert f"agent library move --to {chroma}" in caught.value.hint
    assert not (await move(library, root, Place(chroma))).was_there
    assert (await library.sync()).unchanged == 3
    after = contents(library)
    assert {**after, "sources": 0} == {**before, "sources": 0}
    library.close()


async def test_tags_go_along_to_a_server_and_are_said_to_stay_behind_a_shared_library(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root = tmp_path / "library"
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await library.tag("first")
    (docs / "foxes.md").unlink()
    await library.sync()
    before = contents(library)
    assert (await move(library, root, Place(chroma))).note == ""
    library.close()
    library = opened(root, Place(chroma))
    assert contents(library) == before
    await library.roll_back("first")
    assert "foxes.md" in await names(library, "red fox")
    assert "tags" in (await move(library, root, Place(chroma, collection))).note
    library.close()


async def test_what_is_in_the_way_is_not_overwritten_unasked(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    shared = Place(chroma, collection)
    one, other = opened(tmp_path / "one", shared), opened(tmp_path / "other", EMBEDDED)
    await one.add([str(docs / "whales.md")])
    await other.add([str(docs / "foxes.md")])
    with pytest.raises(TargetNotEmpty) as caught:
        await move(other, other.root, shared)
    assert "--collection" in caught.value.hint
    other.close()
    attached = opened(tmp_path / "other", shared)
    with pytest.raises(TargetNotEmpty) as caught:
        await move(attached, tmp_path / "other", EMBEDDED)
    assert "--replace" in caught.value.hint
    moved = await move(attached, tmp_path / "other", EMBEDDED, force=True)
    assert f"agent add {docs / 'whales.md'}" in moved.note
    other = opened(tmp_path / "other", EMBEDDED)
    assert await names(other, "blue whale red fox") == ["whales.md"]
    # What another node added is kept by a sync, which finds none of it changed.
    assert (await other.sync()).removed == 0
    assert len(await other.sources()) == 1
    assert (await other.add([str(docs / "whales.md")])).unchanged == 1
    (docs / "whales.md").unlink()
    assert (await other.sync()).removed == 1
    for library in (one, other, attached):
        library.close()


MOVER = textwrap.dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from knowledge import move as moving
    from knowledge.library import Library
    from knowledge import copying
    from knowledge.shared import arrival
    from tests.fakes import HashingEmbedder

    moving.PAGE = arrival.PAGE = copying.PAGE = 4
    root, url, collection, kill_at = sys.argv[1:]
    library = Library.open(Path(root), embedder=HashingEmbedder())
    steps = 0

    def step(progress):
        global steps
        steps += 1
        if steps == int(kill_at):
            os.kill(os.getpid(), 9)

    asyncio.run(moving.move(library, Path(root), moving.Place(url, collection), progress=step))
    library.close()
    print(steps)
""")


@pytest.mark.parametrize("share", [False, True], ids=["a server", "a shared library"])
async def test_a_move_that_is_killed_goes_on_where_it_stopped(
    share: bool, tmp_path: Path, many: Path, chroma: str, collection: str
) -> None:
    root, to = tmp_path / "library", Place(chroma, collection if share else "")

    def mover(kill_at: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MOVER, root, to.url, to.collection, str(kill_at)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip

    library = opened(root, EMBEDDED)
    await library.add([str(many)])
    before, question = contents(library), await library.search("word5 word9")
    assert mover(6).returncode == -signal.SIGKILL
    assert contents(library) == before
    library.close()
    done = mover(0)
    assert done.returncode == 0
    assert int(done.stdout) < 9 - 4  # of nine steps, those that are done were not done again
    library = opened(root, to)
    assert await library.search("word5 word9") == question
    assert (await library.sync()).unchanged == 33
    library.close()


async def test_from_one_shared_library_to_another_everybody_takes_along_what_is_theirs(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    here, there = Place(chroma, collection), Place(chroma, f"{collection}-next")
    for name, file in (("one", "whales.md"), ("other", "foxes.md")):
        library = opened(tmp_path / name, here)
        await library.add([str(docs / file)])
        library.close()
    library = opened(tmp_path / "one", here)
    await library.sync()
    assert not (await move(library, tmp_path / "one", there)).was_there
    assert (await move(library, tmp_path / "one", there)).was_there
    library.close()
    library = opened(tmp_path / "one", there)
    report = await library.sync()
    assert (report.unchanged, report.added, report.removed, report.note) == (1, 0, 0, "")
    library.close()
    # The others are not told by the log what theirs is, but told to say it.
    library = opened(tmp_path / "other", there)
    report = await library.sync()
    assert (report.unchanged, report.added, report.removed) == (0, 0, 0)
    assert f"agent add {docs / 'foxes.md'}" in report.note
    assert (await library.add([str(docs / "foxes.md")])).unchanged == 1
    (docs / "foxes.md").unlink()
    assert (await library.sync()).removed == 1
    assert [Path(source.source).name for source in await library.sources()] == ["whales.md"]
    library.close()


async def test_the_machine_that_moves_a_library_has_a_list_of_what_is_its_own_there(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    root, there = tmp_path / "one", Place(chroma, collection)
    library = opened(root, EMBEDDED)
    await library.add([str(docs)])
    await move(library, root, there)
    library.close()
    (file,) = (root / "shared-own").glob(f"{collection}-*.json")
    assert json.loads(file.read_text()) == {"roots": [str(docs)], "excluded": []}
    library = opened(root, there)
    shutil.rmtree(library.root)
    report = await library.sync()
    assert (report.unchanged, report.note) == (3, "")
    library.close()


async def test_another_spelling_of_the_address_is_the_same_library_here(
    tmp_path: Path, docs: Path, chroma: str, collection: str
) -> None:
    port = chroma.rpartition(":")[2]
    library = opened(tmp_path / "one", Place(chroma, collection))
    await library.add([str(docs)])
    library.close()
    root = library.root
    for url in (f"{chroma}/", f"HTTP://127.0.0.1:{port}", f"http://localhost:{port}"):
        library = opened(tmp_path / "one", Place(url, collection))
        assert (library.root == root) == ("localhost" not in url)
        report = await library.sync()
        if library.root == root:
            assert (report.unchanged, report.note) == (3, "")
        else:
            assert (report.unchanged, f"agent add {docs}" in report.note) == (0, True)
        library.close()


@pytest.mark.parametrize("share", [False, True], ids=["a server", "a shared library"])
async def test_a_move_that_is_cancelled_ends_at_the_next_page_and_goes_on_later(
    share: bool, tmp_path: Path, many: Path, chroma: str, collection: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from knowledge import move as moving
    from knowledge.shared import arrival

    for module in (copying, moving, arrival):
        monkeypatch.setattr(module, "PAGE", 4)
    root, to = tmp_path / "library", Place(chroma, collection if share else "")
    library = opened(root, EMBEDDED)
    await library.add([str(many)])
    steps: list[int] = []

    def step(progress: Progress) -> None:
        steps.append(progress.done)
        library._writer.stop.set()  # as a cancelled task does

    with pytest.raises(InterruptedError):
        await move(library, root, to, progress=step)
    assert steps == [0]
    assert not (await move(library, root, to)).was_there
    library.close()


async def test_what_another_machine_added_stays_in_a_copy_without_complaint(
    open_node: MakeNode, tmp_path: Path, docs: Path
) -> None:
    one, other = open_node("one", machine="alpha"), open_node("other", machine="beta")
    await one.add([str(docs / "whales.md")])
    await other.add([str(docs / "foxes.md")])
    await move(other, tmp_path / "other", EMBEDDED)
    copy = Library.open(tmp_path / "other", embedder=None)
    whales = f"alpha-host:{docs / 'whales.md'}"
    report = await copy.sync()
    assert (report.failed, report.removed, report.unchanged) == ((), 0, 1)
    assert whales in [source.source for source in await copy.sources()]
    assert not await copy.stale(whales)
    assert await copy.remove([whales]) == (whales,)
    copy.close()
