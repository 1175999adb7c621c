"""A real Chroma server for the tests of shared libraries, and nodes on it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knowledge.embed import Embedder
from knowledge.shared import follow
from knowledge.shared.library import SharedLibrary
from knowledge.shared.node import Node, this_node
from tests.knowledge.shared.server import CHROMA, Served

MakeNode = Callable[..., SharedLibrary]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions wait for what others have added, however slow the machine is that runs this."""
    monkeypatch.setattr(follow, "PATIENCE", 60.0)


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that lasts for the whole run."""
    if not CHROMA.exists():
        pytest.skip("the chroma command is not installed")
    served = Served(tmp_path_factory.mktemp("chroma"))
    served.start()
    yield served.url
    served.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server of one's own, to be stopped and started."""
    if not CHROMA.exists():
        pytest.skip("the chroma command is not installed")
    server = Served(tmp_path / "served")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def collection() -> str:
    """A library's name that no other test has."""
    return f"library-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def open_node(chroma: str, collection: str, tmp_path: Path) -> Iterator[MakeNode]:
    """Opens nodes of one shared library, by name; of another machine, if it has a name."""
    opened = []

    def open_it(
        name: str, embedder: Embedder | None = None, *, machine: str = "", url: str = ""
    ) -> SharedLibrary:
        root = tmp_path / name
        node = this_node(root)
        if machine:
            node = Node(f"{node.id[:8]}-{machine}", machine, f"{machine}-host")
        library = SharedLibrary.at(root, url or chroma, collection, embedder=embedder, node=node)
        opened.append(library)
        return library

    yield open_it
    for library in opened:
        library.close()
