"""Files that users hand in: kept for each user and library apart, so that a sync finds them again.

Knows no library. A file's name is its user's choice, and never leads out of the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.server.errors import Refused

if TYPE_CHECKING:
    from agent.paths import Paths
    from agent.server.users import User

LARGEST = 100_000_000
"""Bytes of one file."""
_RESERVED = '/\\:*?"<>|'
"""What no name of a file has, on any system."""
_LONGEST = 200
"""Bytes of a name; file systems take 255."""


def folder(paths: Paths, user: User, library: str) -> Path:
    """Where a user's files for a library are. A library may be called by a path, or by anything."""
    name = hashlib.sha256(library.encode()).hexdigest()[:16]
    return paths.data / "users" / user.name / "files" / name


def place(paths: Paths, user: User, library: str, name: str) -> Path:
    """Where a file of that name is kept.

    Raises:
        Refused: It cannot be a file's name.
    """
    wrong = (
        not name.strip(". ")
        or name.startswith(".")
        or not name.isprintable()
        or any(mark in name for mark in _RESERVED)
        or len(name.encode()) > _LONGEST
    )
    if wrong:
        raise Refused(
            400, "That cannot be a file's name.", code="invalid_request", param="name",
            hint="PUT /api/files/report.pdf",
        )  # fmt: skip
    return folder(paths, user, library) / name


async def keep(file: Path, pieces: AsyncIterator[bytes]) -> None:
    """Write a file all at once: what was there is whole until the new one is.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A dot before it: a sync does not take it for a document.
    part = file.parent / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as out:
            async for piece in pieces:
                await asyncio.to_thread(out.write, piece)
        os.replace(part, file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
