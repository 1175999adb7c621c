"""What can go wrong in the room, as a tree.

KnowledgeError              every error that a user may see; carries a hint: what to do next
├── ReadError               one source cannot be read; named, and the rest goes on
├── EmbedderUnavailable     no weights and no way to fetch them; lexical search still works
├── EmbedderMismatch        the index was built with another embedder; a rebuild is needed
├── LibraryBusy             another process is writing to this library
├── LibraryCorrupt          the stored index cannot be opened
└── SourceNotFound          the named source or document is not in the library
"""

from __future__ import annotations


class KnowledgeError(Exception):
    """The root. `str(error)` says what happened and why; `hint` what to type next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ReadError(KnowledgeError):
    """A source that cannot be read. The message is the reason, without the source's name."""


class EmbedderUnavailable(KnowledgeError):
    """There is no embedder to be had here and now."""


class EmbedderMismatch(KnowledgeError):
    """The index holds vectors of another embedder than the one configured."""


class LibraryBusy(KnowledgeError):
    """Another process holds the library's write lock."""


class LibraryCorrupt(KnowledgeError):
    """The stored index is damaged or was written by a newer version."""


class SourceNotFound(KnowledgeError):
    """No such source or document in the library."""
