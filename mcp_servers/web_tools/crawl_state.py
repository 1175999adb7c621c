"""How far a crawl has come, written line by line: killed and run again, it goes on from there."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from mcp_servers.web_tools.urls import key, shape

PATIENCE = 12
"""Addresses of one shape after which the others go first: a calendar has endlessly many."""


class Found(NamedTuple):
    """An address to be visited."""

    url: str
    depth: int
    """Links from the start."""


@dataclass(frozen=True, slots=True)
class Visited:
    """A page that was."""

    url: str
    title: str
    depth: int
    snapshot: str
    """Its id in the store."""
    sha256: str
    size: int
    """In bytes."""
    chars: int
    """Of its text."""


@dataclass(slots=True)
class CrawlState:
    """One crawl. What changes it is written at once."""

    pages: list[Visited] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Address and reason."""
    passed: Counter[str] = field(default_factory=Counter)
    """Why addresses were not visited, and how many."""
    ended: str = ""
    """Why it ended: `done`, `pages`, `bytes`; empty while it has not."""
    bytes: int = 0
    waiting: deque[Found] = field(default_factory=deque)
    later: deque[Found] = field(default_factory=deque)
    """Of shapes that have had their share."""
    known: set[str] = field(default_factory=set)
    contents: Counter[str] = field(default_factory=Counter)
    """By hash, how many pages had that content."""
    _shapes: Counter[str] = field(default_factory=Counter)
    _file: IO[str] | None = None

    @classmethod
    def read(cls, file: Path) -> CrawlState:
        """The state in a file, as it is; an empty one where there is none."""
        state = cls()
        for line in _lines(file):
            state._apply(*line)
        return state

    @classmethod
    def open(cls, file: Path, *, again: bool) -> CrawlState:
        """The state in a file, which is made.

        Args:
            file: Of one crawl.
            again: Begin anew although it could go on. One that has ended begins anew anyhow.
        """
        state = cls.read(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        if again or state.ended:
            state = cls()
            file.unlink(missing_ok=True)
        state._file = file.open("a", encoding="utf-8")
        if state._file.tell():
            # Ends the line that a kill may have cut short.
            state._file.write("\n")
        return state

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def add(self, found: list[Found]) -> None:
        """Note addresses to visit; those that are known already are passed over."""
        if new := [each for each in found if key(each.url) not in self.known]:
            self._write("found", new)

    def next(self) -> Found | None:
        """The next address, which stays the next until it is settled."""
        while self.waiting:
            first = self.waiting[0]
            if self._shapes[shape(first.url)] < PATIENCE:
                return first
            self.later.append(self.waiting.popleft())
        return self.later[0] if self.later else None

    def visit(self, url: str, page: Visited) -> None:
        """An address was visited, and led to a page."""
        self._write("page", asdict(page), url)

    def fail(self, url: str, reason: str) -> None:
        """An address could not be."""
        self._write("failed", reason, url)

    def skip(self, url: str, reason: str) -> None:
        """An address is not to be."""
        self._write("skipped", reason, url)

    def end(self, why: str) -> None:
        """The crawl has ended."""
        self._write("ended", why)

    def _write(self, kind: str, value: Any, url: str = "") -> None:
        self._apply(kind, value, url)
        if self._file is not None:
            self._file.write(json.dumps([kind, value, url], ensure_ascii=False) + "\n")
            self._file.flush()

    def _apply(self, kind: str, value: Any, url: str) -> None:
        if url:
            self._settle(url)
        match kind:
            case "found":
                for found, depth in value:
                    if (name := key(found)) not in self.known:
                        self.known.add(name)
                        self.waiting.append(Found(found, depth))
            case "page":
                page = Visited(**value)
                self.pages.append(page)
                self.bytes += page.size
                self.contents[page.sha256] += 1
                self.known.add(key(page.url))
            case "failed":
                self.failed.append((url, value))
            case "skipped":
                self.passed[value] += 1
            case "ended":
                self.ended = value

    def _settle(self, url: str) -> None:
        self._shapes[shape(url)] += 1
        for queue in (self.waiting, self.later):
            for i, found in enumerate(queue):
                if found.url == url:
                    del queue[i]
                    return


def _lines(file: Path) -> Iterator[tuple[str, Any, str]]:
    """What stands in a file; a line that was cut short is passed over."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        try:
            kind, value, url = json.loads(line)
        except (ValueError, TypeError):
            continue
        yield kind, value, url


def drop_old(folder: Path, now: float, seconds: float) -> None:
    """Delete the files of crawls that nobody has gone on with for so long."""
    for file in folder.iterdir():
        try:
            if now - file.stat().st_mtime > seconds:
                os.unlink(file)
        except OSError:
            continue
