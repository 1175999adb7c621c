"""What of a sync may be done elsewhere: a file looked at, read, split and embedded.

An engine gives, for each file of a sync's plan and in its order, what it has made of it. It stores
nothing: the catalogue, the journal and the switch are `knowledge.sync`'s alone, which does itself
whatever an engine has left open. So an engine that breaks loses nothing but work.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from knowledge.errors import ReadError
from knowledge.read import load, read_bytes

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Embedder, Vectors
    from knowledge.types import Chunk, Document

Twins = Collection[tuple[str, str]]
"""Digest and suffix of each stored file: such a one need not be read again."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file as it was when it was looked at, and what has been made of it so far."""

    path: Path
    looked: float
    """Unix time, before it was read."""
    stat: os.stat_result | None = None
    """None where it could not be opened; `reason` says why."""
    digest: str = ""
    """SHA-256 of its bytes."""
    data: bytes = b""
    """Its bytes, where it has not been read yet."""
    document: Document | None = None
    reason: str = ""
    """Why there is no document of it."""
    chunks: list[Chunk] | None = None
    """The document split with the token count of the sync's embedder; None: still to be done."""
    vectors: Vectors | None = None
    """A row for each chunk, equal to the bit to what the sync's embedder gives; None likewise."""

    def read(self) -> Document:
        """Its document.

        Raises:
            ReadError: There is none, for `reason`.
        """
        if self.reason:
            raise ReadError(self.reason)
        return self.document or read_bytes(self.data, self.path.name)


def twin_key(digest: str, source: Path | str) -> tuple[str, str]:
    """What two files must share to be one document: their bytes, and the way to read them."""
    return digest, os.path.splitext(source)[1]


class Engine(Protocol):
    """Who does the work of a sync that can be done before anything is stored."""

    def prepare(
        self,
        files: Sequence[Path],
        twins: Twins,
        embedder: Embedder | None,
        *,
        tell: Callable[[str], None],
        cancelled: Cancelled,
    ) -> Generator[Ready, None, None]:
        """One for each file, in their order; closing the generator ends the work.

        Args:
            files: What to look at.
            twins: What need not be read: of such a file only `stat` and `digest` are asked for.
            embedder: Has been loaded; None where nothing is embedded.
            tell: Told what is being done.
            cancelled: Asked now and then.

        Raises:
            EngineUnavailable: It cannot be used, or broke off.
            InterruptedError: `cancelled` said so.
        """


@runtime_checkable
class Portable(Protocol):
    """An embedder of which other processes and machines can have a copy."""

    @property
    def uses_gpu(self) -> bool:
        """Whether a copy computes faster where it is given a GPU."""

    def portable(self) -> Embedder:
        """A loaded copy that pickles with all that it needs, and gives the same vectors."""


class Here:
    """The engine of one machine: only looks at the files, one at a time, when asked for the next.

    To read, split and embed them is left to the sync, which may find that it need not.
    """

    def prepare(
        self,
        files: Sequence[Path],
        twins: Twins,
        embedder: Embedder | None,
        *,
        tell: Callable[[str], None],
        cancelled: Cancelled,
    ) -> Generator[Ready, None, None]:
        """See `Engine.prepare`."""
        for path in files:
            if cancelled():
                raise InterruptedError
            tell(str(path))
            yield look(path)


def look(path: Path) -> Ready:
    """Take a file's bytes, state and digest."""
    looked = time.time()
    try:
        data, stat = load(path)
    except ReadError as error:
        return Ready(path, looked, reason=error.in_full)
    return Ready(path, looked, stat, hashlib.sha256(data).hexdigest(), data)
