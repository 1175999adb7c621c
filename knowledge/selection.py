"""Which documents a question may be answered from, found out in the cheapest way that is exact.

Of a library with many sources, few are asked about at once, or nearly all. Few are listed at once.
Of many, only the best hits are judged; all of them only where too few of the best are allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from knowledge.filters import absolute, matcher, sayable

if TYPE_CHECKING:
    from knowledge.database import Database
    from knowledge.filters import Filters

FEW = 5000
"""Sources that are listed at once: that takes some 4 ms."""
_MOST_NAMES = 100
"""Names that are put into one statement: SQLite bounds its depth."""


class Selection:
    """The documents of which at least one source is asked for, as the catalogue is now."""

    def __init__(self, db: Database, filters: Filters, few: int = FEW) -> None:
        """For one question: what was judged once is not asked again."""
        self._db = db
        self._filters = filters
        self._most = few
        self._tests = [matcher(name) for name in filters.sources]
        self._listed: set[str] | None = None
        self._judged: dict[str, bool] = {}

    def few(self) -> set[str] | None:
        """All of them, where they are few; None where there may be many."""
        if self._listed is None:
            self._listed = self._few()
        return self._listed

    def among(self, documents: Collection[str]) -> set[str]:
        """Those of some documents that are allowed."""
        new = [document for document in documents if document not in self._judged]
        rows = self._db.rows_among(
            f"SELECT document_id, source FROM sources WHERE {self._newer()}document_id IN ({{}})",
            new,
            self._since(),
        )
        allowed = self._allowed(rows)
        self._judged |= {document: document in allowed for document in new}
        return {document for document in documents if self._judged[document]}

    def every(self) -> set[str]:
        """All of them, however many."""
        if (few := self.few()) is not None:
            return few
        where, values = self._perhaps()
        self._listed = self._allowed(
            self._db.rows(f"SELECT document_id, source FROM sources WHERE {where}", values)
        )
        return self._listed

    def _few(self) -> set[str] | None:
        where, values = self._perhaps()
        listing = f"SELECT document_id, source FROM sources WHERE {where} LIMIT ?"
        # A few are listed without being counted first, which may mean looking at every source.
        rows = self._db.rows(listing, (*values, self._most // 5 + 1))
        if len(rows) <= self._most // 5:
            return self._allowed(rows)
        counting = f"SELECT count(*) FROM (SELECT 1 FROM sources WHERE {where} LIMIT ?)"
        ((count,),) = self._db.rows(counting, (*values, self._most + 1))
        if count <= self._most:
            return self._allowed(self._db.rows(listing, (*values, -1)))
        if kinds := self._filters.kinds:
            marks = ",".join("?" * len(kinds))
            of_kind = self._db.rows(
                f"SELECT id FROM documents WHERE kind IN ({marks}) LIMIT ?",
                (*kinds, self._most + 1),
            )
            if len(of_kind) <= self._most:
                return self.among([document for (document,) in of_kind])
        return None

    def _allowed(self, rows: Iterable[tuple[str, str]]) -> set[str]:
        """The documents of rows (document, source), young enough, whose name and kind are asked."""
        found = {
            document
            for document, source in rows
            if (not self._tests or any(test(source) for test in self._tests))
            and (self._filters.exactly is None or source in self._filters.exactly)
        }
        if not (kinds := self._filters.kinds):
            return found
        marks = ",".join("?" * len(kinds))
        if len(found) > self._most:
            of_kind = self._db.rows(f"SELECT id FROM documents WHERE kind IN ({marks})", kinds)
        else:
            of_kind = self._db.rows_among(
                f"SELECT id FROM documents WHERE kind IN ({marks}) AND id IN ({{}})",
                sorted(found),
                kinds,
            )
        return found & {document for (document,) in of_kind}

    def _perhaps(self) -> tuple[str, list[object]]:
        """A condition that holds for every source that is asked for, and for few others.

        Kinds are left to `_allowed`.
        """
        where, values = f"{self._newer()}document_id IS NOT NULL", list[object](self._since())
        if 0 < len(self._filters.sources) <= _MOST_NAMES:
            names = [name for name in self._filters.sources if sayable(absolute(name))]
            perhaps = [test for name in names for test in _perhaps_meant(name)]
            where += " AND (" + " OR ".join([sql for sql, _ in perhaps] or ["0"]) + ")"
            values += (value for _, some in perhaps for value in some)
        exactly = self._filters.exactly
        if exactly is not None and len(exactly) <= _MOST_NAMES:
            where += f" AND source IN ({','.join('?' * len(exactly))})"
            values += exactly
        return where, values

    def _newer(self) -> str:
        return "" if self._filters.since is None else "mtime_ns / 1e9 >= ? AND "

    def _since(self) -> tuple[float, ...]:
        return () if self._filters.since is None else (self._filters.since,)


def _perhaps_meant(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Conditions of which one holds for every source that a name means, and for few others."""
    path = absolute(name)
    below = path.rstrip("/")
    found: list[tuple[str, tuple[str, ...]]] = [
        ("source IN (?, ?, ?)", (path, name, os.path.abspath(name))),
        # "0" is the character after "/".
        ("source >= ? AND source < ?", (below + "/", below + "0")),
    ]
    if any(mark in name for mark in "*?["):
        both = (_loose(name), _loose(os.path.abspath(name)))
        found.append(("source GLOB ? OR source GLOB ?", both))
    if "/" not in name or "[" in name:
        # A file's name alone: no index helps, all sources are looked at.
        found.append(("rtrim(source, '/') GLOB ?", ("*/" + _loose(name),)))
    if "[" in name:
        # Also as it is spelt. In SQLite's patterns, "[[]" is the bracket itself.
        found.append(("rtrim(source, '/') GLOB ?", ("*/" + name.replace("[", "[[]"),)))
    return found


def _loose(glob: str) -> str:
    """A pattern that SQLite matches with all that `fnmatch` does: any letter for sets of them."""
    return re.sub(r"\[!?\]?[^\]]*\]|\[", "?", glob)
