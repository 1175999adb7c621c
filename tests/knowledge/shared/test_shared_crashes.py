"""Random work by three nodes that are killed at random calls to the server: what must hold then.

The server is in memory, so that there are many moments to be killed at; that a real one keeps what
is relied on is tested beside this.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from knowledge.dense import Record
from knowledge.errors import SourceNotFound
from knowledge.shared import cache as caching
from knowledge.shared import checkpoint, follow
from knowledge.shared.library import SharedLibrary
from knowledge.shared.log import SharedLog
from knowledge.shared.node import Node
from knowledge.shared.store import EpochStore
from tests.fakes import HashingEmbedder
from tests.knowledge.memory_store import MemoryStore

MACHINES = {"anna": "alpha", "bert": "alpha", "cleo": "beta"}
TEXTS = [f"# Text {n}\n\nText number {n} says word{n}.\n" for n in range(5)]


class Killed(BaseException):
    """No `except Exception` holds it, as none holds SIGKILL."""


class MemoryRecords:
    """See `knowledge.dense.Records`."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            self.records.setdefault(record.name, record)

    def get(self, names: Sequence[str]) -> dict[str, str]:
        return {name: self.records[name].text for name in names if name in self.records}

    def delete(self, of: Sequence[str]) -> None:
        self.records = {name: r for name, r in self.records.items() if r.of not in of}

    def close(self) -> None:
        pass


class Deadly:
    """Passes calls on, and kills the caller before or after some of them."""

    def __init__(self, inner: Any, kills: Callable[[], bool]) -> None:
        self._inner, self._kills = inner, kills

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name == "close":
            return found

        def call(*values: Any) -> Any:
            if self._kills():
                raise Killed
            done = found(*values)
            if self._kills():
                raise Killed
            return done

        return call


@pytest.mark.parametrize("seed", range(6))
def test_whenever_nodes_are_killed_no_document_is_lost_and_none_left_behind(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK", 0.0)
    monkeypatch.setattr(caching, "_TIDY", 0.0)
    monkeypatch.setattr(checkpoint, "EVERY", 3)
    chance = random.Random(seed)
    records, store, danger = MemoryRecords(), MemoryStore(), 0.03

    def open_node(name: str) -> SharedLibrary:
        (tmp_path / name / "shared" / "it-0").mkdir(parents=True, exist_ok=True)
        library = SharedLibrary(
            tmp_path / name / "shared" / "it-0",
            embedder=HashingEmbedder(),
            make_store=lambda _: EpochStore(Deadly(store, lambda: chance.random() < danger), "it"),
        )
        library._begin("memory", "it", Node(name, MACHINES[name], f"{MACHINES[name]}-host"))
        deadly: Any = Deadly(records, lambda: chance.random() < danger)
        library._log = library._follower.watched = SharedLog(deadly)
        return library

    def work(name: str) -> None:
        file = tmp_path / f"{name}-docs" / f"{chance.randrange(3)}.md"
        if chance.random() < 0.6:
            file.write_text(chance.choice(TEXTS))
        else:
            file.unlink(missing_ok=True)
        kind = chance.random()
        library = open_node(name)
        try:
            if kind < 0.1 and (there := asyncio.run(library.sources())):
                asyncio.run(library.remove([chance.choice(there).source]))
            elif kind < 0.6:
                asyncio.run(library.add([str(file.parent)]))
            else:
                asyncio.run(library.sync())
        except (Killed, SourceNotFound):
            pass
        finally:
            library.close()

    for name in MACHINES:
        (tmp_path / f"{name}-docs").mkdir()
    for _ in range(25):
        work(chance.choice([*MACHINES]))
    danger = 0.0
    lost_cache = chance.choice([*MACHINES])
    asyncio.run(_in(open_node(lost_cache), lambda library: library.sync()))
    shutil.rmtree(tmp_path / lost_cache / "shared")
    for name in MACHINES:
        folder = str(tmp_path / f"{name}-docs")
        asyncio.run(_in(open_node(name), lambda library, at=folder: library.add([at])))
    seen = []
    for name in MACHINES:
        library = open_node(name)
        out = set(library._shelves.shelf.catalog.sources.paths("excluded"))
        sources = {
            s.source.rpartition(":")[2]: s.document_id for s in asyncio.run(library.sources())
        }
        own = tmp_path / f"{name}-docs"
        assert {s for s in sources if Path(s).parent == own} == {*map(str, own.glob("*.md"))} - out
        for source, document_id in sources.items():
            document = asyncio.run(library.document(document_id or ""))
            assert document.text == Path(source).read_text()
            found = asyncio.run(library.search(document.text))
            assert (found.how, found.note) == ("hybrid", "")
            assert document.id in {passage.document_id for passage in found.passages}
        seen.append(sources)
        library.close()
    assert seen[0] == seen[1] == seen[2]
    texts = {r.of.partition(".")[0] for name, r in records.records.items() if name[:4] == "docu"}
    vectors = {name.rpartition(":")[0].partition(".")[0] for name in store.vectors}
    assert texts == set(seen[0].values())
    assert vectors == texts


async def _in(library: SharedLibrary, work: Callable[[SharedLibrary], Any]) -> None:
    try:
        await work(library)
    finally:
        library.close()
