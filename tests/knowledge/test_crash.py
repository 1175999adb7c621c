"""A sync that is killed with -9, for real, and run again."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

from knowledge.dense import ChromaStore
from knowledge.library import Library
from tests.fakes import HashingEmbedder

WRITER = textwrap.dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from knowledge import storing
    from knowledge.library import Library
    from tests.fakes import HashingEmbedder

    storing.BATCH_CHUNKS = 3  # many small steps, so that there are many places to be killed at
    library = Library.open(Path(sys.argv[1]), embedder=HashingEmbedder())
    steps = 0

    def step(progress):
        global steps
        steps += 1
        if steps == int(sys.argv[3]):
            os.kill(os.getpid(), 9)

    work = library.rebuild if sys.argv[4] else lambda **o: library.add([sys.argv[2]], **o)
    asyncio.run(work(progress=step))
    library.close()
    print(steps)
""")


def write(
    root: Path, docs: Path, kill_at: int = 0, *, rebuild: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run a writer that ends by itself, or by SIGKILL at a step."""
    return subprocess.run(
        [sys.executable, "-c", WRITER, str(root), str(docs), str(kill_at), "yes" * rebuild],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )


def contents(root: Path) -> dict[str, list[float]]:
    """Every chunk of the library, by id, with its vector; checks that nothing else is stored."""
    library = Library.open(root, embedder=HashingEmbedder())
    catalog, base = library._shelves.shelf.catalog, library._shelves.shelf.base
    documents = catalog.documents
    live = {e.document_id for e in catalog.sources.entries() if e.document_id}
    live |= catalog.tags.documents()
    ids = [f"{doc}:{ordinal}" for _, doc, ordinal in documents.chunk_keys(live)]
    assert documents.counts()[1] == len(ids)
    assert documents.unfinished_vectors() == []
    library.close()
    store = ChromaStore(base / "chroma")
    found, vectors = store.get(ids)
    assert sorted(found) == sorted(ids)
    assert store.count() == len(ids)
    store.close()
    return {i: np.round(v, 6).tolist() for i, v in zip(found, vectors, strict=True)}


def test_killed_at_any_step_and_run_again_the_index_is_as_if_built_in_one_go(
    tmp_path: Path,
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for n in range(8):
        (docs / f"{n}.md").write_text(f"# Page {n}\n\nThe number of this page is {n}. " * (n + 1))
    steps = int(write(tmp_path / "whole", docs).stdout)
    whole = contents(tmp_path / "whole")
    for kill_at in (2, steps // 3, steps // 2, steps):
        root = tmp_path / f"killed-{kill_at}"
        assert write(root, docs, kill_at).returncode == -signal.SIGKILL
        assert write(root, docs).returncode == 0
        assert contents(root) == whole


async def test_a_rebuild_that_is_killed_takes_nothing_and_run_again_keeps_what_is_tagged(
    tmp_path: Path,
) -> None:
    docs, root = tmp_path / "docs", tmp_path / "library"
    docs.mkdir()
    for n in range(4):
        (docs / f"{n}.md").write_text(f"# Page {n}\n\nThe number of this page is {n}.\n")
    library = Library.open(root, embedder=HashingEmbedder())
    await library.add([str(docs)])
    await library.tag("first")
    (docs / "0.md").write_text("# Page 0\n\nIt has no number any more.\n")
    (docs / "1.md").unlink()
    await library.sync()
    library.close()
    whole = contents(root)
    assert len(whole) == 5
    steps = 0
    for kill_at in (1, 3, 6, 9):
        assert write(root, docs, kill_at, rebuild=True).returncode == -signal.SIGKILL
        assert contents(root) == whole
        steps = kill_at
    assert int(write(root, docs, rebuild=True).stdout) > steps
    assert contents(root) == whole
    library = Library.open(root, embedder=HashingEmbedder())
    assert [tag.name for tag in await library.tags()] == ["first"]
    await library.roll_back("first")
    found = (await library.search("the number of this page is 1")).passages
    assert {Path(passage.source).name for passage in found} == {f"{n}.md" for n in range(4)}
    library.close()
