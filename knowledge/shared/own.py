"""What a machine keeps for itself of the libraries that it shares: who it is, what was added on it.

Neither in the caches, which may be deleted at any time, nor on a server: whoever may write there
must not be able to have this machine read, and share, another of its folders.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from knowledge import shelf
from knowledge.errors import LibraryCorrupt


@dataclass(frozen=True, slots=True)
class Added:
    """What was added to a shared library on this machine, and what was taken out of that."""

    roots: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


class OwnList:
    """The file that says what was added to one shared library on this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of(cls, cache: Path) -> OwnList:
        """That of the library whose cache is in a folder."""
        return cls(folder(cache.parent.parent) / f"{cache.name}.json")

    def read(self) -> Added:
        """What it says; nothing where there is no file yet, whatever other lists there are.

        What was added to one library is not another's to share: who writes to a log can name there
        any folder that they know of. What the log has and this has not, a sync names.

        Raises:
            LibraryCorrupt: It cannot be read.
        """
        return _read(self._file) if self._file.exists() else Added()

    def write(self, roots: Iterable[str], excluded: Iterable[str]) -> None:
        """Have it say something, if it does not."""
        text = json.dumps({"roots": sorted(roots), "excluded": sorted(excluded)}, indent=1)
        with suppress(OSError, UnicodeError):
            if self._file.read_text(encoding="utf-8") == text:
                return
        write_whole(self._file, text)


def folder(root: Path) -> Path:
    """Where a library's folder has these files."""
    return root / shelf.OWN


def write_whole(file: Path, text: str) -> None:
    """Replace a file in one step, for its owner's eyes only; makes its folder."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
    try:
        with open(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def damaged(file: Path, what: str) -> LibraryCorrupt:
    """The error for one of these files that is not as it was written."""
    return LibraryCorrupt(
        f"The file that says {what} is damaged: {file}",
        hint=f"Put it back from a backup; or do without it: rm '{file}'",
    )


def _read(file: Path) -> Added:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        lists = found["roots"], found["excluded"]
        if not all(isinstance(path, str) for paths in lists for path in paths):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(file, "what was added on this machine") from error
    return Added(*map(frozenset, lists))
