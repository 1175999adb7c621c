"""One file to one document: which reader it goes to, and what no reader is given."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from knowledge.errors import ReadError
from knowledge.read.kinds import LARGE, FileKind, kind_of_content, kind_of_name
from knowledge.read.text import TEXT_LIMIT, read_text, too_large
from knowledge.types import Document, Kind

MAX_BYTES = 256 * 1024 * 1024
"""The largest file that is read at all: a PDF of pictures may be large, its text is not."""
HEAD = 1024
"""Bytes from which `check_size` can tell what a file is."""
_BY_CONTENT: frozenset[Kind] = frozenset({"pdf", "docx", "pptx", "xlsx", "epub"})
"""Kinds that the bytes show so plainly that the name is not asked."""


_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
"""What UTF-16 and UTF-32 begin with, whose lines are no bytes' to find."""
_TRIES = 3
"""Readings of a file that changes meanwhile, before it is given up."""


def read_path(path: Path) -> Document:
    """Read a file.

    Raises:
        ReadError: As `load`, or it cannot be understood.
    """
    data, _ = load(path)
    return read_bytes(data, path.name)


def load(path: Path) -> tuple[bytes, os.stat_result]:
    """A file's bytes and its state, both of one moment.

    Of a text that grows all the time, the whole lines that it had at that moment.

    Raises:
        ReadError: For every reason that lies in the file: it is missing, not a file, not
            permitted, too large, or is written anew while it is read.
    """
    first = b""
    try:
        for attempt in range(_TRIES):
            before = path.stat()
            if stat.S_ISDIR(before.st_mode):
                raise ReadError("it is a folder")
            if not stat.S_ISREG(before.st_mode):
                raise ReadError("it is not a regular file")
            with path.open("rb") as file:
                head = file.read(HEAD)
                check_size(before.st_size, path.name, head)
                data = head + file.read()
            after = path.stat()
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                return data, after
            if attempt == 0:
                first = data
    except FileNotFoundError:
        raise ReadError("it does not exist") from None
    except PermissionError:
        raise ReadError("no permission to read it") from None
    except OSError as error:
        raise ReadError(f"it cannot be opened: {error.strerror or error}") from None
    # A log that is written to all the time: what stood there a moment ago stands there still.
    grows = after.st_size > before.st_size > 0 and data.startswith(first)
    if grows and not _large(path.name, head) and not head.startswith(_WIDE):
        lines = data[: data.rfind(b"\n", 0, before.st_size) + 1]
        return lines or data[: before.st_size], before
    raise ReadError("it kept changing while it was read; run agent sync again later")


def check_size(size: int, name: str, head: bytes) -> None:
    """Refuse a file that is too large for its kind, before it is read.

    Args:
        size: Of the file, in bytes.
        name: The file's name.
        head: Its first bytes, `HEAD` of them where it has so many.

    Raises:
        ReadError: With its size, the limit and what to do.
    """
    limit = MAX_BYTES if _large(name, head) else TEXT_LIMIT
    if size > limit:
        raise too_large(size, limit)


def _large(name: str, head: bytes) -> bool:
    """Whether a file is of a kind that may be much larger than the text in it."""
    # An archive shows what it holds only at its end.
    zipped = head.startswith(b"PK\x03\x04")
    return zipped or _kind(kind_of_name(name), kind_of_content(head)) in LARGE


def read_bytes(data: bytes, name: str) -> Document:
    """Read the content of a file.

    The kind is that of the name, unless the bytes are plainly of another: a PDF is read as one
    whatever it is called. A name that says nothing leaves it to the bytes, and to plain text.

    Raises:
        ReadError: It is empty, too large, or cannot be understood.
    """
    if not data:
        raise ReadError("the file is empty")
    if len(data) > MAX_BYTES:
        raise too_large(len(data), MAX_BYTES)
    return _reader(_kind(kind_of_name(name), kind_of_content(data)))(data, name)


def _kind(named: FileKind | None, shown: FileKind | None) -> Kind:
    if shown and (named is None or shown.kind in _BY_CONTENT):
        return shown.kind
    return named.kind if named else "text"


def _reader(kind: Kind) -> Callable[[bytes, str], Document]:
    """The reader of a kind; its libraries are loaded when it is first used."""
    if kind == "text":
        return read_text
    reader: Callable[[bytes, str], Document] = getattr(
        import_module(f"knowledge.read.{kind}"), f"read_{kind}"
    )
    return reader
