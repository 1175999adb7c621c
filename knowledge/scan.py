"""Which sources are there, and which of them need to be read: roots on disk to a plan."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.filters import under
from knowledge.report import Problem
from knowledge.sources import Entry

RACY_NS = 2_000_000_000
"""A file changed this shortly before it was read may change again within the same time stamp of
the file system, so its time stamp proves nothing (git calls this racily clean)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync has to do."""

    look: tuple[tuple[Path, str], ...]
    """Files whose content must be looked at, each with the root that led to it."""
    same: tuple[str, ...]
    """Sources whose size and time stamp say that they have not changed."""
    gone: tuple[str, ...]
    """Sources of these roots that are no longer there."""
    skipped: Mapping[str, int]
    """Files passed over, counted by reason."""
    problems: tuple[Problem, ...]


def scan(
    roots: Sequence[str],
    known: Mapping[str, Entry],
    *,
    excluded: Iterable[str] = (),
    scope: Sequence[str] | None = None,
) -> Plan:
    """Compare what lies under the roots with what is known.

    Args:
        roots: The paths that the user added, absolute.
        known: Sources by name, as they were when last looked at.
        excluded: Sources that the user took out and that stay out.
        scope: Only what lies under these paths is looked at, or called gone; None: everything.
    """
    from knowledge.read.walk import walk

    out = set(excluded)
    look: list[tuple[Path, str]] = []
    same: list[str] = []
    skipped: Counter[str] = Counter()
    problems: list[Problem] = []
    present: set[str] = set()
    kept: set[str] = set()
    for root in roots:
        for start in _starts(root, scope):
            if not os.path.lexists(start):
                if (lost := _lost(start, root, known)) is not None:
                    problems.append(lost)
                    kept.add(start)
                continue
            found = walk(Path(start))
            skipped.update(found.skipped)
            problems += [Problem(*problem) for problem in found.problems]
            # What lies in a folder that may not be opened just now is not gone.
            kept.update(path for path, _ in found.problems)
            for path in found.files:
                source = str(path)
                if source in present or source in out:
                    continue
                present.add(source)
                if _unchanged(path, known.get(source)):
                    same.append(source)
                else:
                    look.append((path, root))
    gone = [
        source
        for source in known
        if source not in present
        and (scope is None or under(source, scope))
        and not under(source, kept)
    ]
    return Plan(tuple(look), tuple(same), tuple(gone), dict(skipped), tuple(problems))


def _starts(root: str, scope: Sequence[str] | None) -> list[str]:
    """Where to begin walking: the root, or what the scope leaves of it."""
    if scope is None or under(root, scope):
        return [root]
    return [path for path in scope if under(path, [root])]


def _lost(start: str, root: str, known: Mapping[str, Entry]) -> Problem | None:
    """A folder that is missing as a whole may be an unplugged disk: what it held is kept."""
    held = sum(under(source, [start]) and source != start for source in known)
    if start != root or not held:
        return None
    return Problem(
        start,
        f"the folder is missing; its {held} sources are kept as they were"
        " (agent remove takes them out)",
    )


def _unchanged(path: Path, entry: Entry | None) -> bool:
    """Whether size and time stamp alone prove that a file is as it was."""
    if entry is None or entry.document_id is None:
        return False
    try:
        stat = path.stat()
    except OSError:
        return False
    return (
        stat.st_size == entry.size
        and stat.st_mtime_ns == entry.mtime_ns
        and stat.st_mtime_ns < entry.indexed_at * 1e9 - RACY_NS
    )


def changed(path: Path, entry: Entry) -> bool:
    """Whether a file is no longer what was indexed; read only where its stamp proves nothing."""
    if _unchanged(path, entry):
        return False
    try:
        if path.stat().st_size != entry.size:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != entry.digest
    except OSError:
        return True


def entry_for(path: Path, root: str, stat: os.stat_result, **known: str | None) -> Entry:
    """A source as it is now; `known` gives document_id, reason and digest where there are any."""
    return Entry(
        source=str(path),
        root=root,
        document_id=known.get("document_id"),
        reason=known.get("reason") or "",
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        digest=known.get("digest") or "",
        indexed_at=time.time(),
    )
