"""A folder of documents, and libraries over an in-memory store that are closed in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.embed import Embedder
from knowledge.library import Library
from tests.knowledge.libraries import Open
from tests.knowledge.memory_store import MemoryStore


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "whales.md").write_text("# Whales\n\nThe blue whale is the largest animal.\n")
    (folder / "foxes.md").write_text("# Foxes\n\nThe red fox hunts at dusk.\n")
    (folder / "notes.txt").write_text("Retry five times, then give up.\n")
    return folder


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[Open]:
    opened = []
    store = MemoryStore()

    def open_it(embedder: Embedder | None = None, *, name: str = "library") -> Library:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        library = Library(folder, embedder=embedder, make_store=lambda _: store)
        opened.append(library)
        return library

    yield open_it
    for library in opened:
        library.close()
