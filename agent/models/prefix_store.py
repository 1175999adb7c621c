"""Key-value caches of prompt prefixes on disk: found, kept within a size, cleared. No torch.

One folder per cache: `manifest.json` (what it is), `tokens` (its token ids, 32 bits each, in
this machine's order) and `cache.*` (the engine's own file). It is written under another name and
renamed when it is whole. When it was last used is the time of its manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path

FOLDER = "prefixes"
"""Within the cache's folder."""
LIMIT = 16 * 1024**3
"""Bytes that all caches together may have on disk: 8,000 tokens of an 8B model have 1 GB."""

_UNFINISHED = ".part-"
_ABANDONED = 3600.0
"""Seconds after which an unfinished folder is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a cache is of. The fields of `manifest.json`."""

    model: str
    """As the user named it."""
    key: str
    """What it depends on beside the tokens: see `Engine.key`."""
    text: str
    """Digest of the messages up to the prefix's end: see `text_digest`."""
    corpus: str
    """What it holds, in words for the user."""
    tokens: int


@dataclass(frozen=True, slots=True)
class Saved:
    """A cache on disk."""

    folder: Path
    file: Path
    manifest: Manifest
    bytes: int
    used: float
    """Unix time."""

    def token_ids(self) -> array[int]:
        """The tokens whose cache it is.

        Raises:
            OSError: It has been removed.
        """
        ids = array("I")
        ids.frombytes((self.folder / "tokens").read_bytes())
        return ids


class PrefixStore:
    """The caches in one folder. Any number of processes may use it at a time."""

    def __init__(self, root: Path, *, limit: int = LIMIT) -> None:
        """Name the folder; nothing is made yet.

        Args:
            root: Need not exist.
            limit: Bytes in all. The longest unused go first.
        """
        self.root = root
        self._limit = limit

    def all(self) -> list[Saved]:
        """The caches, the last used first. What cannot be read is no cache."""
        found = [saved for folder in self._folders() if (saved := _load(folder)) is not None]
        return sorted(found, key=lambda saved: saved.used, reverse=True)

    def has(self, key: str, text: str) -> bool:
        """Whether there is one for these messages, by a model whose key begins so. Cheap."""
        return any(s.manifest.text == text and s.manifest.key.startswith(key) for s in self.all())

    def find(self, key: str, tokens: Sequence[int]) -> tuple[Saved, int] | None:
        """The cache that spares the most: the one with the longest common beginning.

        Returns:
            It, and how many tokens they share; None where none shares any.
        """
        wanted = array("I", tokens)
        exact = _load(self.root / _name(key, wanted))
        if exact is not None:
            return exact, len(wanted)
        best: tuple[Saved, int] | None = None
        for saved in self.all():
            if saved.manifest.key != key:
                continue
            with suppress(OSError, ValueError):
                shared = common(saved.token_ids(), wanted)
                if shared > (best[1] if best else 0):
                    best = saved, shared
        return best

    def used(self, saved: Saved) -> None:
        """Note that it was used now."""
        with suppress(OSError):
            os.utime(saved.folder / "manifest.json")

    def drop(self, saved: Saved) -> None:
        """Remove one that is damaged, so that it can be kept anew."""
        shutil.rmtree(saved.folder, ignore_errors=True)

    def save(
        self,
        manifest: Manifest,
        tokens: Sequence[int],
        suffix: str,
        write: Callable[[Path], None],
        *,
        size: int = 0,
    ) -> str:
        """Keep a cache, and let go of the longest unused ones beyond the limit.

        Args:
            manifest: What it is of.
            tokens: Whose cache it is.
            suffix: Of its file.
            write: Writes that file.
            size: About its bytes, so that what does not fit need not be written.

        Returns:
            Why it is not kept, in words for the user; empty where it is.
        """
        ids = array("I", tokens)
        final = self.root / _name(manifest.key, ids)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._sweep()
            if size > self._limit:
                return _too_large(size, self._limit)
            if size > shutil.disk_usage(self.root).free:
                return f"{_gigabytes(size)} do not fit the disk."
            part = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
            try:
                write(part / f"cache{suffix}")
                (part / "tokens").write_bytes(ids.tobytes())
                (part / "manifest.json").write_text(json.dumps(asdict(manifest)), encoding="utf-8")
                if (size := _size(part)) > self._limit:
                    return _too_large(size, self._limit)
                if _load(final) is None:  # what was left of one that was being removed
                    shutil.rmtree(final, ignore_errors=True)
                with suppress(OSError):  # another process was first with the same one
                    os.replace(part, final)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            self._evict(final)
        except OSError as error:
            return f"{self.root} cannot be written: {error.strerror or error}."
        return ""

    def clear(self) -> int:
        """Remove all of them; gives the bytes that are free now.

        Raises:
            OSError: One cannot be removed.
        """
        freed = 0
        for folder in [*self._folders(), *self._unfinished()]:
            with suppress(FileNotFoundError):  # another process removes them, too
                size = _size(folder)
                shutil.rmtree(folder)
                freed += size
        return freed

    def _evict(self, newest: Path) -> None:
        kept = 0
        for saved in sorted(self.all(), key=lambda saved: saved.folder != newest):
            kept += saved.bytes
            if kept > self._limit:
                kept -= saved.bytes
                shutil.rmtree(saved.folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what a process left that was killed while it wrote."""
        for part in self._unfinished():
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(part, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        if self.root.is_dir():
            yield from (p for p in self.root.iterdir() if p.is_dir() and p.name[0] != ".")

    def _unfinished(self) -> list[Path]:
        return list(self.root.glob(f"{_UNFINISHED}*")) if self.root.is_dir() else []


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def text_digest(parts: Sequence[tuple[str, str]]) -> str:
    """Of roles and texts: the same for the same prompt, known without a tokenizer."""
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _name(key: str, ids: array[int]) -> str:
    return hashlib.sha256(key.encode() + b"\0" + ids.tobytes()).hexdigest()[:32]


def _load(folder: Path) -> Saved | None:
    try:
        data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        [file] = folder.glob("cache.*")
        manifest = Manifest(**data)
        if (folder / "tokens").stat().st_size != 4 * manifest.tokens:
            return None
        used = (folder / "manifest.json").stat().st_mtime
        return Saved(folder, file, manifest, _size(folder), used)
    except (OSError, ValueError, TypeError):
        return None


def _size(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        with suppress(OSError):
            total += file.stat().st_size
    return total


def _too_large(size: int, limit: int) -> str:
    return f"It has {_gigabytes(size)}, and at most {_gigabytes(limit)} are kept."


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
