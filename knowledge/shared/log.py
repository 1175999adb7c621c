"""The log of a shared library and the texts that it names, over records that are written once.

Version = the highest commit's number. A commit takes the number after the highest that its writer
has read: the first to `add` that record has it (compare and swap), the others see that they lost,
read what won, and try the next. The numbers have no gaps, so one look at the next number tells
whether anything is new; a counter beside the log would cost a request too, and could be wrong.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from knowledge.dense import Record
from knowledge.errors import LibraryCorrupt, StoreFailed
from knowledge.shared import wire
from knowledge.shared.store import stored_id
from knowledge.shared.wire import Changes, Head

if TYPE_CHECKING:
    from knowledge.dense import Records
    from knowledge.types import Chunk, Document

_PAGE = 100
"""Commits looked for at once, and documents read at once."""
_KEPT = 10
"""Checkpoints back to which the last ones are deleted."""
_POWERS = 40
"""Powers of two among which the number of commits lies."""

_FORMAT = "format"
_EMBEDDER = "embedder"


class SharedLog:
    """Reads and appends. Keeps nothing: what was read is the cache's to keep."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._signed = False

    def moved(self, version: int, token: str) -> bool:
        """Whether there is a commit after a version, whose own has a token. One request.

        Raises:
            LibraryCorrupt: The log is another than the one that was read.
        """
        records = self._records.get([_number(version), _number(version + 1)])
        _check(records, version, token)
        return _number(version + 1) in records

    def since(self, version: int, token: str) -> list[Changes]:
        """The commits after a version, whose own has a token; in order.

        Raises:
            LibraryCorrupt: They are damaged, or a newer program's, or of another log.
        """
        found: list[Changes] = []
        while True:
            first = version + len(found) + 1
            names = [_number(n) for n in range(first, first + _PAGE)]
            records = self._records.get([_FORMAT, _number(version), *names])
            _check(records, version, token)
            if (known := records.get(_FORMAT, wire.FORMAT)) != wire.FORMAT:
                raise LibraryCorrupt(
                    f"The shared library was written by another version (format {known}).",
                    hint="Upgrade, in the project's folder: git pull &&"
                    " pip install -c constraints.txt .",
                )
            heads = []
            for name in names:
                if name not in records:
                    break
                heads.append((name, Head.read(records[name])))
            texts = self._whole([(f"{name}/{head.token}", head) for name, head in heads])
            found += [
                wire.read_changes(text, head.token)
                for text, (_, head) in zip(texts, heads, strict=True)
            ]
            if len(heads) < _PAGE:
                return found

    def commit(self, number: int, changes: Changes) -> bool:
        """Append a commit, if the number is still free. What it names must have been stored."""
        if not self._signed:
            self._records.add([Record(_FORMAT, wire.FORMAT, _FORMAT)])
            self._signed = True
        token = uuid.uuid4().hex
        name = _number(number)
        of = f"{name}/{token}"
        head, pieces = Head.of(wire.write_changes(changes), token)
        self._records.add(_pieces(of, pieces))
        self._records.add([Record(name, head.written(), of)])
        if (stored := self._records.get([name]).get(name)) is None:
            raise StoreFailed(
                "The Chroma server did not keep a commit that it had taken.",
                hint="Run the command again; it goes on where it stopped.",
            )
        if Head.read(stored).token == token:
            return True
        if pieces:
            self._records.delete([of])
        return False

    def put_checkpoint(self, number: int, text: str) -> None:
        """Store a version of the library, if none has the number; those before are deleted."""
        name = _checkpoint(number)
        head, pieces = Head.of(text, uuid.uuid4().hex)
        self._records.add(_pieces(f"{name}/{head.token}", pieces, of=name))
        self._records.add([Record(name, head.written(), name)])
        # The one before this stays, for who has just begun to read it. Of those before it more than
        # one may be there: who was to delete them may have been killed.
        if number > 2:
            old = range(max(1, number - _KEPT), number - 1)
            self._records.delete([_checkpoint(n) for n in old])

    def checkpoints(self, every: int) -> Iterator[str]:
        """The last of the stored versions, newest first; what is damaged is passed over.

        Args:
            every: How many commits one number stands for.
        """
        # The numbers have no gaps: the highest lies between a power of two and the next.
        powers = self._records.get([_number(1 << n) for n in range(_POWERS)])
        high = 1 << len(powers)
        numbers = range(max(1, high // 2 // every - 1), high // every + 1)
        there = self._records.get([_checkpoint(number) for number in numbers])
        for name, record in sorted(there.items(), reverse=True):
            with suppress(LibraryCorrupt):
                head = Head.read(record)
                yield self._whole([(f"{name}/{head.token}", head)])[0]

    def embedder(self, name: str = "") -> str:
        """Whose vectors the library holds; `name` is written where nobody's is."""
        if name:
            self._records.add([Record(_EMBEDDER, name, _EMBEDDER)])
        return self._records.get([_EMBEDDER]).get(_EMBEDDER, "")

    def put_documents(
        self, documents: Sequence[tuple[Document, Sequence[Chunk], int]]
    ) -> list[list[Chunk]]:
        """Store documents, each with its chunks and epoch.

        Returns:
            For each the chunks that count: another node may have stored the document first, with a
            splitter of another version.
        """
        heads, names = [], []
        cut: list[Record] = []
        for document, chunks, epoch in documents:
            head, pieces = Head.of(wire.write_document(document, chunks))
            names.append(stored_id(document.id, epoch))
            heads.append(head)
            cut += [
                Record(f"{names[-1]}/{head.digest[:16]}/{n:06d}", piece, names[-1])
                for n, piece in enumerate(pieces)
            ]
        self._records.add(cut)
        # The head last: where it is there, so are its pieces.
        self._records.add(
            [Record(_document(n), h.written(), n) for n, h in zip(names, heads, strict=True)]
        )
        stored = self._records.get([_document(name) for name in names])
        counted = []
        for (document, chunks, epoch), name, head in zip(documents, names, heads, strict=True):
            there = stored.get(_document(name))
            if there is not None and Head.read(there).digest != head.digest:
                counted.append(self.documents([(document.id, epoch)])[0][1])
            else:
                counted.append([*chunks])
        return counted

    def documents(self, wanted: Sequence[tuple[str, int]]) -> list[tuple[Document, list[Chunk]]]:
        """Documents by id and epoch, each with its chunks, in order.

        Raises:
            LibraryCorrupt: One is not there, or damaged.
        """
        names = [stored_id(*one) for one in wanted]
        records = self._records.get([_document(name) for name in names])
        if lost := [name for name in names if _document(name) not in records]:
            raise wire.damaged(f"the text of document {lost[0]} is missing")
        heads = [Head.read(records[_document(name)]) for name in names]
        texts = self._whole(
            [(f"{name}/{head.digest[:16]}", head) for name, head in zip(names, heads, strict=True)]
        )
        return [
            wire.read_document(document_id, text)
            for (document_id, _), text in zip(wanted, texts, strict=True)
        ]

    def erase(self, swept: Iterable[tuple[str, int, int]]) -> None:
        """Delete the texts of documents that a commit has swept: id, epoch, chunks."""
        self._records.delete([stored_id(document_id, epoch) for document_id, epoch, _ in swept])

    def close(self) -> None:
        """Let go of connections."""
        self._records.close()

    def _whole(self, heads: Iterable[tuple[str, Head]]) -> list[str]:
        """The texts of heads, by what their pieces' names begin with."""
        wanted = [(head, [f"{at}/{n:06d}" for n in range(head.pieces)]) for at, head in heads]
        pieces = self._records.get([name for _, names in wanted for name in names])
        try:
            return [head.whole([pieces[name] for name in names]) for head, names in wanted]
        except KeyError as error:
            raise wire.damaged(f"the piece {error} is missing") from error


def _check(records: Mapping[str, str], version: int, token: str) -> None:
    """See that the commit that was read last is still there; version 0 has none."""
    record = records.get(_number(version))
    if version and (record is None or Head.read(record).token != token):
        raise LibraryCorrupt(
            "The shared library on the server is not the one that this cache was made from: it was"
            " deleted, or put back to an earlier state.",
            hint="To keep what this machine has of it: agent library move --to embedded. To go on"
            " with what is there now, delete this machine's cache, the folder `shared` in the"
            " library's folder (agent doctor names it).",
        )


def _number(number: int) -> str:
    return f"commit-{number:012d}"


def _document(name: str) -> str:
    return f"document-{name}"


def _checkpoint(number: int) -> str:
    return f"checkpoint-{number:012d}"


def _pieces(at: str, pieces: Sequence[str], of: str = "") -> list[Record]:
    return [Record(f"{at}/{n:06d}", piece, of or at) for n, piece in enumerate(pieces)]
