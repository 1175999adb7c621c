"""Which sources are meant: by path, folder, name, glob, kind or age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sources may be found; what is not said is not asked."""

    sources: tuple[str, ...] = ()
    """Any of: a path, a folder, a file's name, or a glob over either."""
    kinds: tuple[str, ...] = ()
    """Any of the document kinds (`pdf`, `markdown` …)."""
    since: float | None = None
    """Only files changed at or after this Unix time."""

    def allow(self, source: str, kind: str, changed: float) -> bool:
        """Whether a source, of a kind and changed at a Unix time, is asked for."""
        return (
            (not self.sources or any(matches(source, name) for name in self.sources))
            and (not self.kinds or kind in self.kinds)
            and (self.since is None or changed >= self.since)
        )


def under(source: str, paths: Iterable[str]) -> bool:
    """Whether a source is one of the paths or lies below one of them."""
    return any(source == path or source.startswith(path.rstrip("/") + "/") for path in paths)


def absolute(name: str) -> str:
    """A path as the library names it: absolute, links resolved."""
    return str(Path(name).expanduser().resolve())


def matches(source: str, name: str) -> bool:
    """Whether a user who types `name` may mean `source`: path, folder, file name, or glob."""
    return (
        under(source, [absolute(name)])
        or Path(source).name == name
        or fnmatch(source, name)
        or fnmatch(Path(source).name, name)
    )
