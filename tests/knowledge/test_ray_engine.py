"""A sync whose files are made ready elsewhere: by an engine of the test, by stages, by Ray."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from knowledge.ahead import Here, Ready, look
from knowledge.documents import heading, indexed_text
from knowledge.embed import Embedder
from knowledge.errors import EngineUnavailable
from knowledge.library import Library, Progress
from knowledge.on_ray import engine as on_ray
from knowledge.on_ray.driver import demands
from knowledge.on_ray.engine import RayEngine
from knowledge.on_ray.stages import PART, Embed, Gather, Load, Split
from knowledge.report import SyncReport
from knowledge.split import split
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import CountingEmbedder, Open
from tests.knowledge.test_crash import contents

if TYPE_CHECKING:
    from knowledge.ahead import Twins
    from knowledge.embed import Vectors

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs ray (the extra scale)")


class PortableEmbedder(CountingEmbedder):
    """Travels."""

    uses_gpu = False

    def portable(self) -> Embedder:
        return self


class DyingEmbedder(HashingEmbedder):
    """Kills its process, once, when it is to embed a text about whales."""

    uses_gpu = False

    def __init__(self, marker: Path) -> None:
        self._marker = marker
        self._owner = os.getpid()

    def portable(self) -> Embedder:
        return self

    def embed(self, texts: Sequence[str], **options: Any) -> Vectors:
        if os.getpid() != self._owner and any("whale" in text for text in texts):
            try:
                self._marker.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts, **options)


class MakingEngine:
    """Makes ready what it is told to, in this process."""

    def __init__(self, make: Callable[[Ready, Embedder | None], Ready]) -> None:
        self._make = make
        self.closed = False

    def prepare(
        self, files: Sequence[Path], twins: Twins, embedder: Embedder | None, **_: object
    ) -> Generator[Ready, None, None]:
        try:
            for path in files:
                yield self._make(look(path), embedder)
        finally:
            self.closed = True


def whole(ready: Ready, embedder: Embedder | None) -> Ready:
    """All that an engine may do with a file."""
    assert embedder is not None
    document = ready.read()
    chunks = split(document, count=embedder.count)
    texts = [indexed_text(heading(document, chunk), chunk.text) for chunk in chunks]
    return replace(ready, data=b"", document=document, chunks=chunks, vectors=embedder.embed(texts))


def add(
    root: Path, docs: Path, embedder: Embedder | None, engine: RayEngine | MakingEngine | None
) -> SyncReport:
    library = Library.open(root, embedder=embedder)
    library.engine = engine
    try:
        return asyncio.run(library.add([str(docs)]))
    finally:
        library.close()


def test_what_an_engine_has_embedded_is_stored_as_a_sync_here_would_store_it(
    docs: Path, tmp_path: Path
) -> None:
    embedder = CountingEmbedder()
    add(tmp_path / "here", docs, HashingEmbedder(), None)
    report = add(tmp_path / "there", docs, embedder, MakingEngine(whole))
    assert (report.added, report.chunks) == (3, 3)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(embedder.texts) == 3, "embedded by the engine, and not again by the sync"


def test_what_an_engine_leaves_open_is_done_by_the_sync(docs: Path, tmp_path: Path) -> None:
    add(tmp_path / "here", docs, HashingEmbedder(), None)
    made = MakingEngine(lambda ready, _: replace(ready, data=b"", document=ready.read()))
    add(tmp_path / "there", docs, HashingEmbedder(), made)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_files_with_and_without_vectors_are_stored_side_by_side(docs: Path, tmp_path: Path) -> None:
    add(tmp_path / "here", docs, HashingEmbedder(), None)
    made = MakingEngine(
        lambda ready, by: whole(ready, by) if ready.path.name == "foxes.md" else ready
    )
    add(tmp_path / "there", docs, HashingEmbedder(), made)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


async def test_an_engine_that_breaks_loses_nothing_and_is_closed(
    docs: Path, open_library: Open
) -> None:
    def break_at_notes(ready: Ready, embedder: Embedder | None) -> Ready:
        if ready.path.name == "notes.txt":
            raise EngineUnavailable("The cluster is gone.")
        return whole(ready, embedder)

    library = open_library(HashingEmbedder())
    library.engine = engine = MakingEngine(break_at_notes)
    with pytest.raises(EngineUnavailable):
        await library.add([str(docs)])
    assert engine.closed
    library.engine = None
    assert (await library.sync()).added == 3


def test_looking_at_files_here_stops_when_it_is_cancelled(docs: Path) -> None:
    told: list[str] = []
    work = Here().prepare(
        [docs / "notes.txt", docs / "foxes.md"], (), None,
        tell=told.append, cancelled=lambda: bool(told),
    )  # fmt: skip
    assert next(work).data.startswith(b"Retry")
    with pytest.raises(InterruptedError):
        next(work)


# stages


def through(files: Sequence[Path], embedder: Embedder, twins: Twins = ()) -> list[Ready]:
    """What the stages make of files, in this process; parts are cut and joined again."""
    pa = pytest.importorskip("pyarrow")
    split_ = Split(embedder, split=True)
    embed, gather = Embed(embedder), Gather(embedder)
    numbers = pa.table({"id": list(range(len(files)))})
    return [
        ready
        for loaded in Load(files, twins)(numbers)
        for cut in split_(loaded)
        for ready in gather(embed(cut))
    ]


def test_a_document_of_many_parts_comes_together_again(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("\n\n".join(f"Chapter {n}. " + "One more sentence. " * 60 for n in range(50)))
    (ready,) = through([book], HashingEmbedder())
    expected = whole(look(book), HashingEmbedder())
    assert ready.chunks is not None
    assert len(ready.chunks) > PART
    assert ready.chunks == expected.chunks
    assert ready.vectors is not None
    assert expected.vectors is not None
    assert ready.vectors.tobytes() == expected.vectors.tobytes()


def test_what_cannot_be_read_or_opened_comes_back_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "cut.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    files = [tmp_path / name for name in ("missing.txt", "empty.txt", "cut.pdf")]
    missing, empty, cut = through(files, HashingEmbedder())
    assert (missing.stat, missing.reason) == (None, "it does not exist")
    assert empty.digest
    with pytest.raises(Exception, match="empty"):
        empty.read()
    assert cut.digest
    assert cut.reason


def test_a_file_whose_bytes_are_stored_already_is_not_read(docs: Path) -> None:
    fox = docs / "foxes.md"
    embedder = CountingEmbedder()
    (ready,) = through([fox], embedder, {(look(fox).digest, ".md")})
    assert (ready.digest, ready.document) == (look(fox).digest, None)
    assert not embedder.texts


def test_without_an_embedder_files_are_split_and_not_embedded(docs: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    (loaded,) = Load([docs / "foxes.md"], ())(pa.table({"id": [0]}))
    for splits in (True, False):
        (cut,) = Split(None, split=splits)(loaded)
        (ready,) = Gather(None)(cut)
        assert ready.document is not None
        assert (ready.chunks is not None) == splits
        assert ready.vectors is None


def test_embedders_ask_for_a_gpu_only_where_one_is_and_is_of_use() -> None:
    assert demands({"CPU": 8, "GPU": 2}, gpu=True) == (8, 2, {"num_cpus": 0, "num_gpus": 1})
    assert demands({"CPU": 8, "GPU": 2}, gpu=False)[1:] == (8, {"num_cpus": 0.75})
    assert demands({"CPU": 8}, gpu=True)[1:] == (8, {"num_cpus": 0.75})


# addresses


def test_without_ray_it_is_said_how_to_install_it(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="not installed") as raised:
        add(tmp_path / "library", docs, HashingEmbedder(), RayEngine())
    assert "pip install -c constraints.txt '.[scale]'" in raised.value.hint


@needs_ray
@pytest.mark.parametrize("address", ["nowhere", "host:port", "ray://127.0.0.1:10001"])
def test_what_is_no_address_of_a_cluster_is_refused(
    address: str, docs: Path, tmp_path: Path
) -> None:
    with pytest.raises(EngineUnavailable) as raised:
        add(tmp_path / "library", docs, HashingEmbedder(), RayEngine(address))
    assert raised.value.hint


@needs_ray
def test_an_address_where_nothing_answers_is_named(docs: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineUnavailable, match=address):
            add(tmp_path / "library", docs, HashingEmbedder(), RayEngine(address))


def test_with_nothing_to_read_no_cluster_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = add(
        tmp_path / "library", tmp_path / "empty", HashingEmbedder(), RayEngine("127.0.0.1:1")
    )
    assert report.added == 0


# Ray itself


@needs_ray
def test_a_library_filled_by_ray_equals_one_filled_here_though_a_worker_was_killed(
    docs: Path, tmp_path: Path
) -> None:
    for number in range(30):
        (docs / f"{number}.md").write_text(f"# Note {number}\n\nThe number is {number}.\n")
    (docs / "empty.txt").touch()
    here = add(tmp_path / "here", docs, HashingEmbedder(), None)
    marker = tmp_path / "died"
    there = add(tmp_path / "there", docs, DyingEmbedder(marker), RayEngine())
    assert marker.exists()
    assert replace(there, seconds=0) == replace(here, seconds=0)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_what_a_killed_process_left_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    left, *kept = (
        tmp_path / name
        for name in ("understudy-ray-a", "understudy-ray-b", "understudy-ray-c", "other-a")
    )
    for folder in (left, *kept):
        (folder / "ray").mkdir(parents=True)
    (kept[-1] / "lock").touch()
    killed = (
        "import os, sys; from pathlib import Path; from knowledge.on_ray import engine\n"
        "with engine.held(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, left], cwd=Path(__file__).parents[2])
    assert (left / "lock").exists()
    with on_ray.held(kept[0]):
        on_ray.clear_left(tmp_path)
        # The one that nobody has locked yet is just being made.
        assert sorted(tmp_path.iterdir()) == sorted(kept)
    on_ray.clear_left(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept[1:])


@needs_ray
async def test_ctrl_c_ends_the_cluster_and_leaves_the_library_as_it_was(
    docs: Path, open_library: Open
) -> None:
    library = open_library(PortableEmbedder())
    library.engine = RayEngine()

    def stop(progress: Progress) -> None:
        if progress.item == "waiting for workers":
            loop.call_soon_threadsafe(task.cancel)

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(library.add([str(docs)], progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await library.sources() == ()
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,args="], stdout=subprocess.PIPE, text=True)
    children = [line for line in listed.stdout.splitlines() if line.split()[0] == str(os.getpid())]
    assert not [line for line in children if "ray" in line or "spawn_main" in line]
    library.engine = None
    assert (await library.sync()).added == 3


def test_a_ready_file_and_its_state_travel() -> None:
    ready = look(Path(__file__))
    assert pickle.loads(pickle.dumps(ready)) == ready
    assert pickle.loads(pickle.dumps(ready)).stat.st_mtime_ns == ready.stat.st_mtime_ns
