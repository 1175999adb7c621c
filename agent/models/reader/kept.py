"""Vectors of texts that have been read before, in one file on disk. Embeds nothing.

A text is known by the digest of its words and of the embedder that read it; the words themselves
are not kept. Whatever goes wrong with the file costs time and never an answer: it is a cache.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Half = NDArray[np.float16]

_T = TypeVar("_T")

FILE = "sentences.sqlite"
"""Within the cache's folder."""
MOST = 200_000
"""Vectors that are kept: some 170 MB of 384 dimensions. The longest unused go first."""
_PAGE = 500
_DAY = 86_400.0
"""Seconds: how exactly it is noted when a vector was last used."""
_BUSY = 5.0
"""Seconds to wait for another process."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, used REAL NOT NULL,"
    " vector BLOB NOT NULL) WITHOUT ROWID"
)


class KeptVectors:
    """Vectors by text. Safe to share between threads and processes."""

    def __init__(
        self,
        folder: Path | None,
        embedder: str,
        *,
        most: int = MOST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Name the place; nothing is opened yet.

        Args:
            folder: Where the file lies, which need not exist; None keeps nothing.
            embedder: Who makes the vectors: those of two names are never confused.
            most: How many are kept.
            clock: Unix time, for tests.
        """
        self._folder = folder
        self._embedder = embedder
        self._most = most
        self._clock = clock

    def find(self, texts: Sequence[str]) -> dict[str, Half]:
        """The vectors of those of the texts that are kept, float16, as they were put."""
        import numpy as np

        by_key = {self._key(text): text for text in texts}
        found: dict[str, Half] = {}

        def work(db: sqlite3.Connection) -> None:
            now, keys, stale = self._clock(), list(by_key), []
            for i in range(0, len(keys), _PAGE):
                page = keys[i : i + _PAGE]
                marks = ",".join("?" * len(page))
                for key, used, vector in db.execute(
                    f"SELECT key, used, vector FROM vectors WHERE key IN ({marks})", page
                ):
                    found[by_key[key]] = np.frombuffer(vector, np.float16)
                    if used < now - _DAY:
                        stale.append((now, key))
            with suppress(sqlite3.OperationalError), db:  # a full disk, a folder to read only
                db.executemany("UPDATE vectors SET used = ? WHERE key = ?", stale)

        self._do(work, None)
        return found

    def put(self, vectors: Mapping[str, Half]) -> None:
        """Keep vectors, and let the longest unused go where they are too many."""
        now = self._clock()
        rows = [(self._key(text), now, vector.tobytes()) for text, vector in vectors.items()]

        def work(db: sqlite3.Connection) -> None:
            with db:
                db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                ((count,),) = db.execute("SELECT count(*) FROM vectors")
                db.execute(
                    "DELETE FROM vectors WHERE key IN"
                    " (SELECT key FROM vectors ORDER BY used LIMIT ?)",
                    (max(0, count - self._most),),
                )

        self._do(work, None)

    def _key(self, text: str) -> bytes:
        named = f"{self._embedder}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(named, digest_size=16).digest()

    def _do(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Work on the file; one that is damaged is made anew, one that cannot be had left alone."""
        if self._folder is None:
            return otherwise
        file = self._folder / FILE
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(file, timeout=_BUSY)) as db:
                db.execute(_TABLE)
                return work(db)
        except sqlite3.OperationalError:
            return otherwise
        except sqlite3.DatabaseError:
            with suppress(OSError):
                file.unlink()
            return otherwise
        except OSError:
            return otherwise
