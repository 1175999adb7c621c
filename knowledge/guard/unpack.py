"""Content codings undone piece by piece, so that a bomb stops at the limit and not in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from knowledge.errors import FetchFailed

ACCEPTED = "gzip, deflate"
"""What is asked for: only what the standard library undoes with a bound on what comes out."""
_PIECE = 256 * 1024
"""Bytes unpacked at a stretch."""
_MEMBERS = 1_000
"""A gzip body may be several in a row; one of more is an attack on time."""


class Unpacker:
    """Undoes the coding of one body."""

    def __init__(self, coding: str) -> None:
        """Take the value of a `Content-Encoding` header.

        Raises:
            FetchFailed: It is a coding that was not asked for, or several.
        """
        names = [name.strip().lower() for name in coding.split(",")]
        used = [name for name in names if name not in ("", "identity")]
        if len(used) > 1 or any(name not in ("gzip", "x-gzip", "deflate") for name in used):
            shown = ", ".join(used)[:80]
            raise FetchFailed(f"the server packed the page as {shown!r}, which was not asked for")
        self._gzip = bool(used) and used[0] != "deflate"
        self._deflate = bool(used) and not self._gzip
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if self._gzip else None
        self._head = b""
        """The first byte of a deflated body, kept until the second shows which kind it is."""
        self._members = 1
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpack a part of the body, in pieces of bounded size.

        Raises:
            FetchFailed: The body is damaged.
        """
        if self._deflate and self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            self._stream = _deflate_stream(data)
        if self._stream is None:
            yield data
            return
        self._fed = self._fed or bool(data)
        try:
            while data:
                if self._stream.eof:
                    if not (self._gzip and data.lstrip(b"\0")):
                        return  # padding, or what follows a deflated body: no part of it
                    self._members += 1
                    if self._members > _MEMBERS:
                        raise FetchFailed("the page is packed in too many parts")
                    self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
                piece = self._stream.decompress(data, _PIECE)
                data = self._stream.unused_data or self._stream.unconsumed_tail
                if piece:
                    yield piece
        except zlib.error as error:
            raise FetchFailed(f"the packed page is damaged: {error}") from None

    def end(self) -> Iterator[bytes]:
        """What zlib held back, and the check that the body was whole.

        Raises:
            FetchFailed: It was cut off.
        """
        if self._head:
            raise FetchFailed("the page broke off in the middle")
        if self._stream is not None and self._fed:
            # All input has been taken; output that was due is less than one window.
            while not self._stream.eof and (rest := self._stream.decompress(b"", _PIECE)):
                yield rest
            if not self._stream.eof:
                raise FetchFailed("the page broke off in the middle")


def _deflate_stream(head: bytes) -> zlib._Decompress:
    """For what calls itself deflate: with zlib's header as specified, or bare, as some send it."""
    wrapped = head[0] & 0x0F == 8 and (head[0] * 256 + head[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
