"""What must not be lost when several write to a shared library, or one is killed in the midst."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.dense import ChromaStore, Records
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import names
from tests.knowledge.shared.conftest import MakeNode

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)


def on_server(url: str, collection: str) -> tuple[set[str], set[str]]:
    """The documents with vectors, and those with a text, that a server keeps."""
    store, records = ChromaStore(url, collection), Records(url, f"{collection}.understudy-log")
    vectors = {name.rpartition(":")[0] for name in store._at.it.get(include=[])["ids"]}
    texts = {meta["of"] for meta in records._at.it.get(include=["metadatas"])["metadatas"]}
    store.close()
    records.close()
    return vectors, {of for of in texts if not of.startswith(("commit-", "format", "embedder"))}


def before_commit(library: SharedLibrary, work: Callable[[], object]) -> None:
    """Do something just before the library's first attempt at a commit."""
    log, commit = library._log, library._log.commit

    def first(number, changes):  # type: ignore[no-untyped-def]
        log.commit = commit  # type: ignore[method-assign]
        work()
        return commit(number, changes)

    log.commit = first  # type: ignore[method-assign]


async def test_a_document_swept_while_another_node_is_about_to_name_it_is_not_lost(
    open_node: MakeNode, docs: Path, chroma: str, collection: str
) -> None:
    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    await one.add([str(docs)])
    twin = docs.parent / "twin"
    twin.mkdir()
    (twin / "fox.md").write_text((docs / "foxes.md").read_text())
    foxes = str(docs / "foxes.md")
    before_commit(other, lambda: asyncio.run(one.remove([foxes])))
    await other.add([str(twin)])
    for library in (one, other, open_node("third", HashingEmbedder())):
        found = await library.search("the red fox hunts at dusk", limit=1)
        assert (found.how, [Path(p.source).name for p in found.passages]) == ("hybrid", ["fox.md"])
    vectors, texts = on_server(chroma, collection)
    assert len(vectors) == 3
    assert vectors == texts


async def test_one_document_added_by_two_nodes_at_once_stays_until_both_let_it_go(
    open_node: MakeNode, docs: Path, chroma: str, collection: str
) -> None:
    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    twin = docs.parent / "twin"
    twin.mkdir()
    (twin / "fox.md").write_text((docs / "foxes.md").read_text())
    before_commit(other, lambda: asyncio.run(one.add([str(docs / "foxes.md")])))
    await other.add([str(twin)])
    (docs / "foxes.md").unlink()
    await one.sync()
    assert await names(one, "red fox") == ["fox.md"]
    (twin / "fox.md").unlink()
    await other.sync()
    assert await names(one, "red fox") == []
    assert on_server(chroma, collection) == (set(), set())


async def test_another_splitter_takes_the_chunks_that_were_stored_first(
    open_node: MakeNode, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge import split, storing

    (docs / "long.txt").write_text("One sentence follows the other here. " * 200)
    one, other = open_node("one", HashingEmbedder()), open_node("other", HashingEmbedder())
    twin = docs.parent / "twin.txt"
    twin.write_text((docs / "long.txt").read_text())
    before_commit(one, lambda: asyncio.run(other.add([str(twin)])))

    def finer(document, **options):  # type: ignore[no-untyped-def]
        return split.split(document, limit=40, **options)

    cut = {"now": finer}
    monkeypatch.setattr(storing, "split", lambda d, **o: cut.pop("now", split.split)(d, **o))
    await one.add([str(docs / "long.txt")])
    one_found, other_found = await one.search("sentence"), await other.search("sentence")
    assert [p.chunk_id for p in one_found.passages] == [p.chunk_id for p in other_found.passages]
    assert (await one.status()).chunks == (await other.status()).chunks


WRITER = textwrap.dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from knowledge import storing
    from knowledge.library import Library
    from knowledge.shared.log import SharedLog
    from tests.fakes import HashingEmbedder

    storing.BATCH_CHUNKS = 2
    root, url, collection, docs, kill_at = sys.argv[1:]
    library = Library.open(
        Path(root), embedder=HashingEmbedder(), chroma_url=url, chroma_collection=collection
    )
    commit, put = SharedLog.commit, SharedLog.put_documents
    puts = 0

    def killed(self, number, changes):
        if kill_at == "before the commit":
            os.kill(os.getpid(), 9)
        won = commit(self, number, changes)
        if kill_at == "after the commit":
            os.kill(os.getpid(), 9)
        return won

    def killed_early(self, documents):
        global puts
        puts += 1
        stored = put(self, documents)
        if kill_at == "between texts and vectors" and puts == 2:
            os.kill(os.getpid(), 9)
        return stored

    SharedLog.commit, SharedLog.put_documents = killed, killed_early
    asyncio.run(library.add([docs]))
    library.close()
""")


@pytest.mark.parametrize(
    "moment", ["between texts and vectors", "before the commit", "after the commit"]
)
async def test_a_writer_killed_at_any_moment_leaves_a_whole_library_and_nothing_behind(
    moment: str, open_node: MakeNode, docs: Path, chroma: str, collection: str, tmp_path: Path
) -> None:
    def write(kill_at: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", WRITER, tmp_path / "one", chroma, collection, docs, kill_at],
            cwd=ROOT, timeout=120,
        ).returncode  # fmt: skip

    other = open_node("other", HashingEmbedder())
    (tmp_path / "bears.md").write_text("# Bears\n\nThe brown bear sleeps in winter.\n")
    await other.add([str(tmp_path / "bears.md")])
    assert write(moment) == -signal.SIGKILL
    seen = {Path(source.source).name for source in await other.sources()}
    whole = {"bears.md", "foxes.md", "notes.txt", "whales.md"}
    assert seen == (whole if moment == "after the commit" else {"bears.md"})
    (docs / "foxes.md").write_text("# Foxes\n\nThe arctic fox is white.\n")
    assert write("") == 0
    assert {Path(source.source).name for source in await other.sources()} == whole
    assert await names(other, "arctic fox white", limit=1) == ["foxes.md"]
    vectors, texts = on_server(chroma, collection)
    assert vectors == texts == {source.document_id for source in await other.sources()}


TWO = textwrap.dedent("""
    import asyncio, json, sys
    from pathlib import Path
    from knowledge.library import Library
    from knowledge.shared import follow as shared

    shared.LOOK, shared.PATIENCE = 0.0, 60.0
    root, url, collection, docs, who, rounds = sys.argv[1:]
    library = Library.open(
        Path(root), embedder=None, chroma_url=url, chroma_collection=collection
    )

    async def work():
        Path(docs).mkdir()
        wrong = []
        for n in range(int(rounds)):
            file = Path(docs, f"{who}-{n}.md")
            file.write_text(f"# {who} {n}\\n\\nThe secret of {who} is number {n}.\\n")
            # One that both write, with the same text.
            Path(docs, f"common-{n}.md").write_text(f"# Common\\n\\nShared thought {n}.\\n")
            if n:
                Path(docs, f"common-{n - 1}.md").unlink()
            await library.add([docs]) if not n else await library.sync()
            found = await library.search(f"secret {who} number {n}", limit=50)
            own = [p for p in found.passages if Path(p.source).name == file.name]
            if not own:
                wrong.append([n, [p.source for p in found.passages]])
            for passage in found.passages:
                document = await library.document(passage.document_id)
                if document.text[passage.start:passage.end] != passage.text:
                    wrong.append(passage.source)
        return wrong

    print(json.dumps(asyncio.run(work())))
    library.close()
""")


async def test_two_processes_add_and_ask_at_once_and_no_document_is_lost(
    open_node: MakeNode, chroma: str, collection: str, tmp_path: Path
) -> None:
    rounds = 6
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, tmp_path / who, chroma, collection,
             tmp_path / f"docs-{who}", who, str(rounds)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for who in ("anna", "bert")
    ]  # fmt: skip
    for writer in writers:
        out, _ = writer.communicate(timeout=240)
        assert writer.returncode == 0
        assert json.loads(out) == []
    third = open_node("third")
    there = {Path(source.source).name for source in await third.sources()}
    assert there == {f"{who}-{n}.md" for who in ("anna", "bert") for n in range(rounds)} | {
        f"common-{rounds - 1}.md"
    }
    assert await names(third, "secret anna number 3", limit=1) == ["anna-3.md"]
    _, texts = on_server(chroma, collection)
    assert texts == {source.document_id for source in await third.sources()}
