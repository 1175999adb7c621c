"""Which sources are there, and which of them need to be read: roots on disk to a plan."""

from __future__ import annotations

import hashlib
import os
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.filters import below, is_url, sayable, under
from knowledge.report import Problem
from knowledge.sources import Entry

RACY_NS = 2_000_000_000
"""A file changed this shortly before it was read may change again within the same time stamp of
the file system, so its time stamp proves nothing (git calls this racily clean)."""


WANTS_OCR = "needs OCR"
"""In the reason of a source that can be read, or read whole, once tesseract is on the machine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync has to do."""

    look: tuple[tuple[Path, str], ...]
    """Files whose content must be looked at, each with the root that led to it."""
    same: tuple[str, ...]
    """Sources whose size and time stamp say that they have not changed."""
    pages: tuple[str, ...]
    """URLs whose pages must be fetched to know."""
    gone: tuple[str, ...]
    """Sources of these roots that are no longer there."""
    kept: tuple[str, ...]
    """Paths that nothing could be learnt about: sources under them are not gone."""
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
    from knowledge.read import ocr
    from knowledge.read.walk import walk

    out = set(excluded)
    urls = [root for root in roots if is_url(root) and root not in out]
    pages = [url for url in urls if scope is None or url in scope]
    look: list[tuple[Path, str]] = []
    same: list[str] = []
    skipped: Counter[str] = Counter()
    problems: list[Problem] = []
    present: set[str] = set(urls)
    kept: set[str] = set()
    meant = below(scope or ())
    names = sorted(known)
    for root in roots:
        if is_url(root):
            continue
        for start in [root] if scope is None or meant(root) else _within(root, scope):
            if not os.path.lexists(start):
                if start == root and (lost := _lost(root, names)) is not None:
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
                if not sayable(source):
                    problems.append(unsayable(source))
                    continue
                present.add(source)
                entry = known.get(source)
                if entry is None or reads_more_now(entry) or not _unchanged(path, entry):
                    look.append((path, root))
                elif entry.document_id:
                    same.append(source)
                else:
                    problems.append(Problem(source, entry.reason))
    if not ocr.available():
        # A picture that was read stays, though the one who read it is not to be found just now.
        read = (e.source for e in known.values() if e.source not in present and _is_picture(e))
        pictures = [s for s in read if s not in out and (scope is None or meant(s))]
        same += pictures
        present.update(pictures)
    unknown = below(kept)
    gone = [
        source
        # One without a root came with a copy, and nobody here has added it: it is kept as it is.
        for source, entry in known.items()
        if source not in present
        and not is_foreign(source)
        and (entry.root or under(source, roots))
        and (scope is None or meant(source))
        and not unknown(source)
    ]
    return Plan(
        look=tuple(look),
        same=tuple(same),
        pages=tuple(pages),
        gone=tuple(gone),
        kept=tuple(sorted(kept)),
        skipped=dict(skipped),
        problems=tuple(problems),
    )


def unsayable(source: str) -> Problem:
    """What is wrong with a file whose name is not UTF-8."""
    shown = os.fsencode(source).decode("utf-8", "replace")
    return Problem(shown, "its name is not UTF-8: rename it")


def _within(root: str, scope: Sequence[str]) -> list[str]:
    """What of a scope lies in a root."""
    return [path for path in scope if under(path, [root])]


def _lost(root: str, names: Sequence[str]) -> Problem | None:
    """A folder that is missing as a whole may be an unplugged disk: what it held is kept.

    Args:
        root: What is missing.
        names: Of the known sources, sorted.
    """
    folder = root.rstrip("/") + "/"
    # Names that begin alike stand together.
    held = bisect_right(names, folder, key=lambda name: name[: len(folder)]) - bisect_left(
        names, folder, key=lambda name: name[: len(folder)]
    )
    if not held:
        return None
    return Problem(
        root,
        f"the folder is missing; its {held} sources are kept as they were"
        " (agent remove takes them out)",
    )


def _unchanged(path: Path, entry: Entry | None) -> bool:
    """Whether size and time stamps alone prove that a file is as it was when it was read."""
    if entry is None or not entry.digest:
        return False
    try:
        stat = path.stat()
    except OSError:
        return False
    newest = max(stat.st_mtime_ns, stat.st_ctime_ns)
    return (
        stat.st_size == entry.size
        and stat.st_mtime_ns == entry.mtime_ns
        and stat.st_ctime_ns == entry.ctime_ns
        and newest < entry.indexed_at * 1e9 - RACY_NS
    )


def reads_more_now(entry: Entry) -> bool:
    """Whether a source that wanted OCR, or has pages that do, can be read now that it is there."""
    from knowledge.read import ocr

    return WANTS_OCR in entry.reason and ocr.available()


def is_unreadable_picture(entry: Entry) -> bool:
    """Whether it is a picture that has been read, while OCR is not to be found."""
    from knowledge.read import ocr

    return _is_picture(entry) and not ocr.available()


def _is_picture(entry: Entry) -> bool:
    """Whether it is a picture on this disk whose text has been recognised."""
    from knowledge.read.kinds import kind_of_name

    kind = kind_of_name(entry.source)
    its = kind is not None and kind.kind == "image" and not is_url(entry.source)
    return its and entry.document_id is not None and os.path.isfile(entry.source)


def is_foreign(source: str) -> bool:
    """Whether it is another machine's file, `MACHINE:PATH`, as a copied shared library has them.

    It cannot be looked at from here, and is kept as it is.
    """
    return not is_url(source) and not os.path.isabs(source)


def changed(path: Path, entry: Entry) -> bool:
    """Whether a file is no longer what was indexed; read only where its stamp proves nothing.

    A page of the web is not asked: that would be slow, and tell its host what is being read.
    """
    if is_url(entry.source) or is_foreign(entry.source) or _unchanged(path, entry):
        return False
    try:
        if path.stat().st_size != entry.size:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != entry.digest
    except OSError:
        return True


def entry_for(
    path: Path, root: str, stat: os.stat_result, looked: float, **known: str | None
) -> Entry:
    """A source as it was when it was looked at, Unix time `looked`.

    That is before it was read: what is written later may leave the same time stamp, however long
    the reading took. `known` gives document_id, reason and digest where there are any.
    """
    return Entry(
        source=str(path),
        root=root,
        document_id=known.get("document_id"),
        reason=known.get("reason") or "",
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        digest=known.get("digest") or "",
        indexed_at=looked,
    )


def page_entry(
    url: str, *, document_id: str | None = None, data: bytes = b"", reason: str = ""
) -> Entry:
    """A page of the web as it is now."""
    now = time.time()
    return Entry(
        source=url,
        root=url,
        document_id=document_id,
        reason=reason,
        size=len(data),
        mtime_ns=int(now * 1e9),
        ctime_ns=0,
        digest=hashlib.sha256(data).hexdigest() if data else "",
        indexed_at=now,
    )
