"""One generation of a library's index in one folder, and which generation counts.

A rebuild makes a new generation beside the one that is read, and switches by one atomic rename, so
that readers have the old one until the new one is whole.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.catalog import Catalog
from knowledge.dense import ChromaStore
from knowledge.errors import KnowledgeError, LibraryCorrupt

if TYPE_CHECKING:
    from knowledge.dense import DenseStore

_CURRENT = "current"
_PREFIX = "generation-"
_PARTS = ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "collection")
_FOLDERS = ("chroma", "snapshots")
SHARED = "shared"
"""Below a library's folder: this machine's caches of libraries that several machines share."""
OWN = "shared-own"
"""Beside them: which machine this is, and what was added on it; see `knowledge.shared.own`."""
_MAY_BE_FIRST = {
    "write.lock", "writer.pid", ".gitignore", "catalog.sqlite-journal", SHARED, OWN, *_PARTS
}  # fmt: skip
"""What a library that is being made may hold before it is one."""


class Shelf:
    """An opened generation: catalogue, vectors, and the folder of its pictures."""

    def __init__(self, base: Path, make_store: Callable[[Path], DenseStore]) -> None:
        self.base = base
        self.catalog = Catalog(base / "catalog.sqlite")
        self._file = _identity(base)
        self.store = make_store(base)
        self.snapshots = base / "snapshots"

    def is_there(self, *, gone: bool) -> bool:
        """Whether the folder still holds the catalogue that was opened; `gone` where it has none.

        An open file stays readable when it is deleted (POSIX), and nobody else sees it.
        """
        there = _identity(self.base)
        return gone if there is None else there == self._file

    def close(self) -> None:
        """Let go of files."""
        self.store.close()
        self.catalog.close()


class Shelves:
    """The generation that counts, kept open. Safe to share between threads.

    One that a rebuild has replaced, or that was deleted, is closed by its last user.
    """

    def __init__(self, root: Path, make_store: Callable[[Path], DenseStore]) -> None:
        self._root = root
        self._make_store = make_store
        self._lock = threading.Lock()
        self._users: Counter[Shelf] = Counter()
        self.derived = False
        """Whether it may be deleted at any time, and is then made anew. A library of one's own is
        not: it may be on a disk that is away."""
        self.shelf = self._open()

    @contextmanager
    def use(self) -> Iterator[Shelf]:
        """The generation that counts now; it stays open while it is used."""
        with self._lock:
            if self.shelf.base != current(self._root) or not self.shelf.is_there(
                gone=not self.derived
            ):
                if self.derived:
                    self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
                before, self.shelf = self.shelf, self._open()
                if not self._users[before]:
                    before.close()
            used = self.shelf
            self._users[used] += 1
        try:
            yield used
        finally:
            with self._lock:
                self._users[used] -= 1
                if not self._users[used]:
                    del self._users[used]
                    if used is not self.shelf:
                        used.close()

    def close(self) -> None:
        """Let go of files."""
        with self._lock:
            self.shelf.close()

    def _open(self) -> Shelf:
        while True:
            base = current(self._root)
            try:
                opened = Shelf(base, self._make_store)
            except KnowledgeError:
                # Another process may end a rebuild, and clear away what is about to be opened.
                if current(self._root) == base:
                    raise
                continue
            if current(self._root) == base:
                return opened
            opened.close()


def _identity(base: Path) -> tuple[int, int] | None:
    """Which file a generation's catalogue is; None where there is none."""
    try:
        found = os.stat(base / "catalog.sqlite")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def store_in(base: Path, url: str) -> DenseStore:
    """The vectors of a generation: in its folder, or on a Chroma server."""
    if not url:
        return ChromaStore(base / "chroma")
    # On a shared server no two libraries may meet, whatever they are called.
    name = base / "collection"
    if not name.exists():
        name.write_text(f"understudy-{uuid.uuid4().hex}", encoding="utf-8")
    return ChromaStore(url, name.read_text(encoding="utf-8"))


def exists(root: Path) -> bool:
    """Whether a folder holds a library, or a cache of a shared one."""
    return any((root / name).exists() for name in (_CURRENT, "catalog.sqlite", SHARED))


def prepare(root: Path) -> None:
    """Make a library's folder where there is none; for its owner's eyes only.

    Raises:
        LibraryCorrupt: The folder holds something else.
    """
    if not root.exists():
        root.mkdir(parents=True, mode=0o700)
        return
    strangers = () if exists(root) else sorted(set(os.listdir(root)) - _MAY_BE_FIRST)
    if strangers:
        raise LibraryCorrupt(
            f"{root} is not a library: it holds {strangers[0]}.",
            hint="Name an empty or new folder; agent library init FOLDER makes one inside it.",
        )


def current(root: Path) -> Path:
    """The folder of the generation that counts."""
    try:
        return root / (root / _CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return root


def begin(root: Path) -> Path:
    """A folder for a new generation; what an interrupted rebuild left is cleared away."""
    clear_others(root)
    base = root / f"{_PREFIX}{uuid.uuid4().hex[:12]}"
    base.mkdir(mode=0o700)
    return base


def switch(root: Path, base: Path) -> None:
    """Make a generation count, and clear the others away. Who has one open keeps it (POSIX)."""
    pointer = root / f".{_CURRENT}"
    with pointer.open("w", encoding="utf-8") as file:
        file.write(base.name)
        file.flush()
        # On the disk before it counts: an empty pointer would point nowhere.
        os.fsync(file.fileno())
    os.replace(pointer, root / _CURRENT)
    clear_others(root)


def clear_others(root: Path) -> None:
    """Delete what interrupted rebuilds left; only for who holds the write lock."""
    keep = current(root)
    for other in root.glob(f"{_PREFIX}*"):
        if other != keep:
            shutil.rmtree(other, ignore_errors=True)
    if keep != root:
        for name in _PARTS:
            (root / name).unlink(missing_ok=True)
        for name in _FOLDERS:
            shutil.rmtree(root / name, ignore_errors=True)
