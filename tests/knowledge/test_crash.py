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
    from knowledge import sync
    from knowledge.library import Library
    from tests.fakes import HashingEmbedder

    sync.BATCH_CHUNKS = 3  # many small steps, so that there are many places to be killed at
    library = Library.open(Path(sys.argv[1]), embedder=HashingEmbedder())
    steps = 0

    def step(progress):
        global steps
        steps += 1
        if steps == int(sys.argv[3]):
            os.kill(os.getpid(), 9)

    asyncio.run(library.add([sys.argv[2]], progress=step))
    library.close()
    print(steps)
""")


def write(root: Path, docs: Path, kill_at: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a writer that ends by itself, or by SIGKILL at a step."""
    return subprocess.run(
        [sys.executable, "-c", WRITER, str(root), str(docs), str(kill_at)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )


def contents(root: Path) -> dict[str, list[float]]:
    """Every chunk of the library, by id, with its vector; checks that nothing else is stored."""
    library = Library.open(root, embedder=HashingEmbedder())
    documents = library._catalog.documents
    live = {e.document_id for e in library._catalog.sources.entries() if e.document_id}
    ids = [f"{doc}:{ordinal}" for _, doc, ordinal in documents.chunk_keys(live)]
    assert documents.counts()[1] == len(ids)
    assert documents.unfinished_vectors() == []
    library.close()
    store = ChromaStore(root / "chroma")
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
