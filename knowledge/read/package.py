"""What a document that is a ZIP archive is checked for before a library opens it.

Office files and e-books are ZIP archives of XML. A few kilobytes of either can unpack to all the
memory there is, so the archive's own directory is read first, and every part's first lines.
"""

from __future__ import annotations

import io
import zipfile

from knowledge.errors import ReadError
from knowledge.read.text import TEXT_LIMIT

UNPACKED_LIMIT = 8 * TEXT_LIMIT
"""Bytes of all parts unpacked, pictures too: a ZIP file can hold a thousand times its size."""
MEMBERS_LIMIT = 20_000
RATIO_LIMIT = 200
"""Times its packed size that a part of over `_SMALL` bytes may have. Text packs to a tenth, a
sheet of equal cells to a fiftieth; Apache POI refuses at a hundredth."""
TAGS_LIMIT = 4_000_000
"""Tags in all parts that are parsed whole: each takes about 150 bytes of memory."""
_SMALL = 8 * 1024 * 1024
_HEAD = 16 * 1024
"""Bytes of a part looked at for a document type: it must stand before all else."""
_PIECE = 1024 * 1024
_MARKUP = (".xml", ".rels", ".opf", ".ncx")
_BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, RuntimeError)
"""What `zipfile` raises on damaged archives; KeyError and zlib's errors come from reading parts."""


def check_package(data: bytes, what: str, *, old: str = "", streamed: tuple[str, ...] = ()) -> None:
    """Refuse what is no such file, and what would unpack to more than memory should hold.

    Archives whose directory lies about sizes gain nothing: `zipfile` reads no more than it says.

    Args:
        data: The file.
        what: What it should be, in words: `Word file`.
        old: The ending of the older binary format of the same program, which is no archive. Given
            for the formats of Office, which may declare no document type and so no entities.
        streamed: Beginnings of the names of parts that are read piece by piece.

    Raises:
        ReadError: With the reason.
    """
    if old and data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ReadError(
            f"it is an encrypted {what}, or one of the old {old} format",
            hint=f"Save a copy without the password, as {old}x.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_sizes(members, what)
            tags = 0
            for member in members:
                if member.filename.endswith(_MARKUP):
                    with archive.open(member) as part:
                        head = part.read(_HEAD)
                        if old:
                            _check_prolog(head, what)
                        if not member.filename.startswith(streamed or "\0"):
                            tags += head.count(b"<")
                            while more := part.read(_PIECE):
                                tags += more.count(b"<")
                if tags > TAGS_LIMIT:
                    raise ReadError(f"it holds more than {TAGS_LIMIT:,} tags of XML, too many")
    except ReadError:
        raise
    except Exception as error:
        if not isinstance(error, _BROKEN) and type(error).__module__ not in ("zlib", "lzma"):
            raise
        raise ReadError(f"the {what} is damaged or cut off", hint="Get it again.") from None


def _check_sizes(members: list[zipfile.ZipInfo], what: str) -> None:
    if len(members) > MEMBERS_LIMIT:
        raise ReadError(f"it holds {len(members)} parts, too many for an honest {what}")
    if any(member.flag_bits & 0x1 for member in members):
        raise ReadError(f"the {what} is encrypted", hint="Save a copy without the password.")
    for member in members:
        size = member.file_size
        if size > _SMALL and size > RATIO_LIMIT * max(1, member.compress_size):
            raise ReadError(
                f"it is a ZIP bomb: a part of {max(1, member.compress_size // 1024)} KiB would"
                f" unpack to {size // 2**20} MiB"
            )
    unpacked = sum(member.file_size for member in members)
    largest = max((m.file_size for m in members if m.filename.endswith(_MARKUP)), default=0)
    for size, limit in ((largest, TEXT_LIMIT), (unpacked, UNPACKED_LIMIT)):
        if size > limit:
            raise ReadError(
                f"it is too large: unpacked {size / 2**20:.0f} MiB, above the limit of"
                f" {limit // 2**20} MiB",
                hint="Split it, or add the part that matters.",
            )


def _check_prolog(head: bytes, what: str) -> None:
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise ReadError(
            f"it is not an honest {what}: a part declares a document type, as XML bombs do"
        )
