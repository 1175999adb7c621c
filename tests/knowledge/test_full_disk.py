"""A disk that fills up, as the system tells it: no file may grow beyond a limit."""

import subprocess
import sys
import textwrap
from pathlib import Path

WRITER = textwrap.dedent("""
    import asyncio, resource, signal, sys
    from pathlib import Path
    from knowledge.errors import DiskFull, StoreFailed
    from knowledge.library import Library
    from tests.fakes import HashingEmbedder

    root, docs, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    library = Library.open(root, embedder=HashingEmbedder())
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        report = asyncio.run(library.add([docs]))
        print("added", report.added)
    except (DiskFull, StoreFailed) as error:
        print("full", error, error.hint)
    found = asyncio.run(library.search("number"))
    print("finds", len(found.passages) > 0)
""")


def write(root: Path, docs: Path, limit: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(root), str(docs), str(limit)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_is_told_in_words_and_loses_nothing(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "first.md").write_text("# First\n\nThe number is one.\n")
    root = tmp_path / "library"
    assert "added 1" in write(root, docs, 0)
    for n in range(40):
        (docs / f"{n}.md").write_text(f"# Page {n}\n\n" + f"The number here is {n}. " * 300)
    full = write(root, docs, 300_000)
    assert full.startswith("full ")
    assert "room" in full
    assert "run the command again" in full
    assert "finds True" in full
    assert "added 4" in write(root, docs, 0)
