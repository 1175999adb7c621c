"""Files that users hand in: kept for each user and library apart, so that a sync finds them again.

Knows no library. A file's name is its user's choice, and never leads out of the folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.server.errors import Refused
from agent.server.users import FILES_MB

if TYPE_CHECKING:
    from agent.paths import Paths
    from agent.server.users import User

LARGEST = 100_000_000
"""Bytes of one file."""
_RESERVED = '/\\:*?"<>|'
"""What no name of a file has, on any system."""
_LONGEST = 200
"""Bytes of a name; file systems take 255."""
_RECOUNT = 4_000_000
"""Bytes of a file that is received after which the user's files are counted again."""
_LEFT_BEHIND = 86_400.0
"""Seconds after which what is beside a file's place is nobody's: the server was ended hard."""
_BESIDE = ".part"


class Uploads:
    """The files of all users."""

    def __init__(self, paths: Paths, *, clock: Callable[[], float] = time.time) -> None:
        """Below the program's data; deletes there what a server that was ended hard left.

        Args:
            paths: Of the program.
            clock: Unix time, for tests.
        """
        self._users = paths.data / "users"
        self._sweep(clock())

    def place(self, user: User, library: str, name: str) -> Path:
        """Where a file of that name is kept. A library may be called by a path, or by anything.

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
        return self._of(user) / folder_of(library) / name

    @asynccontextmanager
    async def received(
        self, user: User, file: Path, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[Path]:
        """A file's bytes, whole, beside its place; deleted at the block's end if still there.

        Args:
            user: Who hands it in.
            file: Its place; nothing is changed there.
            pieces: The bytes.

        Raises:
            Refused: It is more than the user may hand in.
            OSError: It cannot be written.
        """
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._see_room(user, file, 0)
        part, size, counted = _beside(file), 0, 0
        try:
            with part.open("xb") as out:
                async for piece in pieces:
                    size += len(piece)
                    if size - counted > _RECOUNT:
                        counted = size
                        await self._see_room(user, file, size, part)
                    await asyncio.to_thread(out.write, piece)
            # Only now that it is whole: of several at once, who is counted later sees the others.
            await self._see_room(user, file, size, part)
            yield part
        finally:
            part.unlink(missing_ok=True)

    def forget(self, source: str) -> None:
        """Delete a file, where it is one that any user has handed in."""
        file, users = Path(source), Path(os.path.realpath(self._users))
        if file.is_relative_to(users):
            below = file.relative_to(users).parts
            if len(below) == 4 and below[1] == "files":
                file.unlink(missing_ok=True)

    async def _see_room(self, user: User, file: Path, size: int, part: Path | None = None) -> None:
        """See that a file of that size may take its place beside all others of the user.

        Raises:
            Refused: It would be too much.
        """
        if user.is_owner:
            return
        others = await asyncio.to_thread(_bytes_in, self._of(user), {file, part})
        if others + size > 1_000_000 * _most_mb(user):
            raise _too_much(user)

    def _of(self, user: User) -> Path:
        return self._users / user.kept_as / "files"

    def _sweep(self, now: float) -> None:
        """Delete what was being received or exchanged when a server was ended hard.

        Old ones only: another server may be at work in the same folder.
        """
        for part in self._users.glob(f"*/files/*/.*{_BESIDE}"):
            with suppress(OSError):
                stat = part.stat()
                # A link has its file's time of change; when it was made, only its status says.
                if now - max(stat.st_mtime, stat.st_ctime) > _LEFT_BEHIND:
                    part.unlink()


class Exchange:
    """A file that takes another's place, or a free one, and can be taken back."""

    def __init__(self, part: Path, file: Path) -> None:
        """Put `part` at `file`, and set aside what was there.

        Quick, and not to be done in a thread: that goes on when whoever waits for it is cancelled.
        """
        self._file = file
        self._before: Path | None = None
        if file.exists():
            self._before = _beside(file)
        try:
            if self._before is not None:
                try:
                    os.link(file, self._before)
                except OSError:  # a file system without links
                    os.replace(file, self._before)
            os.replace(part, file)
        except OSError:
            if self._before is not None and self._before.exists():
                os.replace(self._before, file)  # does nothing where both are links to one file
                self.done()
            raise

    @property
    def replaces(self) -> bool:
        """Whether there was a file before."""
        return self._before is not None

    def undo(self) -> None:
        """Put back what was there; where nothing was, nothing is."""
        if self._before is None:
            self._file.unlink(missing_ok=True)
        else:
            os.replace(self._before, self._file)

    def done(self) -> None:
        """Let go of what was there."""
        if self._before is not None:
            self._before.unlink(missing_ok=True)


def folder_of(library: str) -> str:
    """What the folder of a library's files is called, in that of a user."""
    return hashlib.sha256(library.encode()).hexdigest()[:16]


def _beside(file: Path) -> Path:
    """A new name in the same folder. A dot first: a sync does not take it for a document."""
    return file.parent / f".{secrets.token_hex(8)}{_BESIDE}"


def _bytes_in(folder: Path, without: Collection[Path | None]) -> int:
    """What the files in a folder come to, with those that are being received by others.

    The latter first: one that takes its place meanwhile is counted twice, and never not at all.
    """
    size = 0
    for beside in (True, False):
        for file in folder.glob("*/*"):
            if file not in without and (file.suffix == _BESIDE) == beside:
                with suppress(FileNotFoundError):  # taken out meanwhile
                    size += file.stat().st_size
    return size


def _most_mb(user: User) -> int:
    return FILES_MB if user.files_mb is None else user.files_mb


def _too_much(user: User) -> Refused:
    return Refused(
        413, f"You may hand in {_most_mb(user)} MB of files, and this would be more.",
        code="insufficient_quota", param="name",
        hint="Take some out: DELETE /api/sources. The server's owner may allow more: agent users "
        f"set {user.name} --files-mb N",
    )  # fmt: skip
