"""One file to one document: which reader it goes to, and what no reader is given."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from knowledge.errors import ReadError
from knowledge.read.kinds import kind_of_content, kind_of_name
from knowledge.read.text import read_text, too_large
from knowledge.types import Document, Kind

MAX_BYTES = 256 * 1024 * 1024
"""The largest file that is read at all: a PDF of pictures may be large, its text is not."""


def read_path(path: Path) -> Document:
    """Read a file.

    Raises:
        ReadError: For every reason that lies in the file: it is missing, not a file, not
            permitted, too large, empty, or cannot be understood.
    """
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise ReadError("it is a folder")
        if not stat.S_ISREG(info.st_mode):
            raise ReadError("it is not a regular file")
        if info.st_size > MAX_BYTES:
            raise too_large(info.st_size, MAX_BYTES)
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReadError("it does not exist") from None
    except PermissionError:
        raise ReadError("no permission to read it") from None
    except OSError as error:
        raise ReadError(f"it cannot be opened: {error.strerror or error}") from None
    return read_bytes(data, path.name)


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
    named, shown = kind_of_name(name), kind_of_content(data)
    if shown and (named is None or shown.kind in ("pdf", "docx")):
        return _reader(shown.kind)(data, name)
    return _reader(named.kind if named else "text")(data, name)


def _reader(kind: Kind) -> Callable[[bytes, str], Document]:
    """The reader of a kind; its libraries are loaded when it is first used."""
    if kind == "markdown":
        from knowledge.read.markdown import read_markdown

        return read_markdown
    if kind == "html":
        from knowledge.read.html import read_html

        return read_html
    if kind == "pdf":
        from knowledge.read.pdf import read_pdf

        return read_pdf
    if kind == "docx":
        from knowledge.read.docx import read_docx

        return read_docx
    if kind == "code":
        from knowledge.read.code import read_code

        return read_code
    return read_text
