"""What can go wrong in the room, as a tree.

KnowledgeError              every error that a user may see; carries a hint: what to do next
├── ReadError               one source cannot be read; named, and the rest goes on
├── GuardError              a URL was not fetched; named, and the rest goes on
│   ├── FetchRefused        it must not be: not http(s), an inner address, an odd spelling
│   └── FetchFailed         it could not be: no answer in time, too large, an error's status
│       └── ConnectionLost  a connection broke or was not made: it may be tried again
├── EmbedderUnavailable     no weights and no way to fetch them; lexical search still works
├── EngineUnavailable       the cluster that was to do the work of a sync cannot be used
├── RerankerUnavailable     no reranking now; the fused order still works
├── EmbedderMismatch        the index was built with another embedder; a rebuild is needed
├── LibraryBusy             another process is writing to this library
├── LibraryCorrupt          the stored index cannot be opened
├── LibraryReadOnly         the library may not be written, or not even opened
├── StoreUnreachable        the vectors are on a server that does not answer
├── TargetNotEmpty          a library is to be copied to where another is
├── SharedLibraryRefuses    a library that several share cannot do that
├── StoreFailed             the vectors could not be written; what was begun is journalled
├── DiskFull                there is no room to write; nothing that was there is lost
└── SourceNotFound          the named source or document is not in the library
"""

from __future__ import annotations


class KnowledgeError(Exception):
    """The root. `str(error)` says what happened and why; `hint` what to type next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def in_full(self) -> str:
        """Message and hint in a row, for where the hint has no line of its own."""
        return f"{str(self).removesuffix('.')}. {self.hint}" if self.hint else str(self)


class ReadError(KnowledgeError):
    """A source that cannot be read. The message is the reason, without the source's name."""


class GuardError(KnowledgeError):
    """A URL that was not fetched. The message is the reason, without the URL."""


class FetchRefused(GuardError):
    """The guard lets neither this URL nor where it leads be fetched: trying again is no use."""


class FetchFailed(GuardError):
    """The URL may be fetched and could not be."""

    def __init__(
        self, message: str, *, hint: str = "", status: int | None = None, retry_after: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        """The HTTP status, where the server answered with an error."""
        self.retry_after = retry_after
        """What the server's `Retry-After` header said."""


class EmbedderUnavailable(KnowledgeError):
    """There is no embedder to be had here and now."""


class EngineUnavailable(KnowledgeError):
    """What a sync was to be computed on cannot be used, or broke off; nothing is lost."""


class RerankerUnavailable(KnowledgeError):
    """The reranker cannot be used here and now."""


class EmbedderMismatch(KnowledgeError):
    """The index holds vectors of another embedder than the one configured."""


class LibraryBusy(KnowledgeError):
    """Another process holds the library's write lock."""


class LibraryCorrupt(KnowledgeError):
    """The stored index is damaged or was written by a newer version."""


class LibraryReadOnly(KnowledgeError):
    """The library's files are not for this user to write."""


class StoreUnreachable(KnowledgeError):
    """The vector store is a server, and it cannot be used now."""


class TargetNotEmpty(KnowledgeError):
    """Where a library is to be copied to, there is another."""


class SharedLibraryRefuses(KnowledgeError):
    """What was asked for makes no sense in a library that several machines share."""


class StoreFailed(KnowledgeError):
    """The vector store refused to write."""


class DiskFull(KnowledgeError):
    """There is no room to write."""


class SourceNotFound(KnowledgeError):
    """No such source or document in the library."""
