"""Make the index equal to its sources: read what changed, embed it, and switch over all at once.

The order of the steps is what makes an interruption harmless. Documents are stored one by one, with
their sources only *staged*; vectors are journalled before they are written; and one transaction at
the end makes the staged sources count, forgets those that are gone, and points readers to the new
picture. Killed before it, the library answers as before, and the next sync finds the work done.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import carry, snapshot
from knowledge.ahead import Here, twin_key
from knowledge.errors import EmbedderMismatch, EmbedderUnavailable, GuardError, ReadError
from knowledge.read import stopping
from knowledge.report import Problem, Progress, SyncReport
from knowledge.scan import Plan, entry_for, page_entry, reads_more_now, scan
from knowledge.search import mismatch
from knowledge.storing import Storing
from knowledge.tidy import take_back_vectors, tidy

if TYPE_CHECKING:
    from knowledge.ahead import Engine, Ready
    from knowledge.catalog import Catalog
    from knowledge.dense import DenseStore
    from knowledge.embed import Embedder
    from knowledge.guard import Policy
    from knowledge.shared.cache import Share
    from knowledge.sources import Entry
    from knowledge.types import Document


@dataclass(slots=True)
class Synchronizer:
    """One sync of one library, by whoever holds its write lock."""

    catalog: Catalog
    store: DenseStore
    embedder: Embedder | None
    snapshots: Path
    policy: Policy
    """What of the web may be fetched."""
    progress: Callable[[Progress], None] = field(default=lambda _: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)
    earlier: Catalog | None = None
    """The generation that this one replaces: what cannot be read just now is taken from it."""
    share: Share | None = None
    """The library that this is one node's cache of; None for a library of its own."""
    engine: Engine = field(default_factory=Here)
    """Who reads, splits and embeds files before they are stored, as far as it can."""
    _counts: dict[str, int] = field(init=False, default_factory=dict)
    _left: Counter[str] = field(init=False, default_factory=Counter)
    """Documents that sources had which are gone: one that turns up elsewhere has moved."""
    _failed: list[Problem] = field(init=False, default_factory=list)
    _warned: list[Problem] = field(init=False, default_factory=list)
    _storing: Storing = field(init=False)
    _done: int = field(init=False, default=0)
    _total: int = field(init=False, default=0)
    _note: str = field(init=False, default="")

    def run(self, scope: Sequence[str] | None = None, asked: Iterable[Problem] = ()) -> SyncReport:
        """Sync all roots, or only what lies under the paths of `scope`.

        Args:
            scope: Absolute paths; None for everything.
            asked: Problems met before (paths that do not exist), to be reported with the rest.

        Raises:
            EmbedderMismatch: The stored vectors are another embedder's.
            InterruptedError: `cancelled` said so; nothing that readers see has changed.
        """
        began = time.monotonic()
        self._counts = dict.fromkeys(("added", "changed", "moved", "unchanged"), 0)
        self._failed = list(asked)
        self._make_ready()
        self._storing = Storing(
            self.catalog,
            self.store,
            self.embedder,
            self.share,
            lambda how_far: self.progress(Progress("embed", self._done, self._total, how_far)),
            self.cancelled,
        )
        self.progress(Progress("scan", 0, 0))
        # What an interrupted sync has staged is as good as indexed.
        entries = self.share.own() if self.share else self.catalog.sources.entries()
        before = {entry.source: entry for entry in entries}
        known = before | {entry.source: entry for entry in self.catalog.sources.staged()}
        plan = scan(
            self.catalog.sources.paths("roots"),
            known,
            excluded=self.catalog.sources.paths("excluded"),
            scope=scope,
        )
        self._failed += plan.problems
        self._counts["unchanged"] = len(plan.same)
        self._left = Counter(before[gone].document_id or "" for gone in plan.gone if gone in before)
        self._read_all(plan, known, before)
        self._switch(plan)
        return SyncReport(
            **self._counts,
            chunks=self._storing.chunks,
            removed=sum(source in before for source in plan.gone),
            failed=tuple(self._failed),
            warned=tuple(self._warned),
            skipped=plan.skipped,
            seconds=time.monotonic() - began,
            note=self._note,
        )

    def _make_ready(self) -> None:
        """Take back half-written vectors, and see what embedder there is."""
        if self.share is not None:
            self.share.begin()
        else:
            take_back_vectors(self.catalog, self.store)
        if self.embedder is None:
            return
        try:
            self.embedder.load(cancelled=self.cancelled)
        except EmbedderUnavailable as error:
            self._note = f"Indexed by words only: {error} {error.hint}".strip()
            self.embedder = None
            return
        _check_fit(self.catalog, self.store.place, self.embedder)

    def _read_all(
        self, plan: Plan, known: Mapping[str, Entry], before: Mapping[str, Entry]
    ) -> None:
        twins = {
            twin_key(entry.digest, entry.source): entry
            for entry in known.values()
            if entry.document_id and not reads_more_now(entry)
        }
        carried = carry.wanted(self.earlier, plan.kept) if self.earlier else {}
        self._total = len(plan.look) + len(plan.pages) + len(carried)
        work = self.engine.prepare(
            [path for path, _ in plan.look],
            twins.keys(),
            self.embedder,
            tell=lambda item: self.progress(Progress("read", self._done, self._total, item)),
            cancelled=self.cancelled,
        )
        with closing(work):
            for (path, root), file in zip(plan.look, work, strict=True):
                self._take(file, root, known.get(str(path)), twins, str(path) in before)
                self._step()
        for url in plan.pages:
            self._check()
            self.progress(Progress("read", self._done, self._total, url))
            self._take_page(url, known.get(url), url in before)
            self._step()
        for document_id, entries in carried.items():
            self._check()
            self.progress(Progress("read", self._done, self._total, "what is kept"))
            self._carry(document_id, entries)
            self._step()
        self._storing.flush()

    def _step(self) -> None:
        self._done += 1
        if self._storing.is_full:
            self._storing.flush()
        if self.share is not None:
            self.share.step()

    def _take(
        self,
        file: Ready,
        root: str,
        known: Entry | None,
        twins: Mapping[tuple[str, str], Entry],
        was_there: bool,
    ) -> None:
        """Take one file in: the same after all, a twin of a known one, or to be read and split."""
        path, looked, stat, digest = file.path, file.looked, file.stat, file.digest
        if stat is None:
            self._fail(path, root, file.reason)
            return
        twin = twins.get(twin_key(digest, path))
        if known is not None and reads_more_now(known):
            known = None
        if known is not None and known.document_id and known.digest == digest:
            self._counts["unchanged"] += 1
            self.catalog.sources.stage(
                [entry_for(path, root, stat, looked, document_id=known.document_id, digest=digest,
                           reason=known.reason)]
            )  # fmt: skip
            return
        if twin is not None:
            its = twin.document_id or ""
            moved = not was_there and self._left[its] > 0
            self._left[its] -= moved
            self._counts["changed" if was_there else "moved" if moved else "added"] += 1
            self.catalog.sources.stage(
                [entry_for(path, root, stat, looked, document_id=its, digest=digest,
                           reason=twin.reason)]
            )  # fmt: skip
            return
        try:
            with stopping.when(self.cancelled):
                document = file.read()
        except ReadError as error:
            self._failed.append(Problem(str(path), error.in_full))
            # With its digest: what these bytes cannot be read as is known until they change.
            refused = entry_for(path, root, stat, looked, reason=error.in_full, digest=digest)
            self.catalog.sources.stage([refused])
            return
        self._counts["changed" if was_there else "added"] += 1
        entry = entry_for(path, root, stat, looked, document_id=document.id, digest=digest)
        self._keep(document, entry, file)

    def _take_page(self, url: str, known: Entry | None, was_there: bool) -> None:
        """Fetch one page; one that cannot be had just now stays as it was."""
        from knowledge.guard import fetch
        from knowledge.read.page import read_page

        try:
            fetched = fetch(url, policy=self.policy, cancelled=self.cancelled)
            with stopping.when(self.cancelled):
                document = read_page(fetched)
        except (GuardError, ReadError) as error:
            reason = error.in_full
            if self.earlier is not None:
                known = self.earlier.sources.entry(url)
            if known is None or not known.document_id:
                self._failed.append(Problem(url, reason))
                self.catalog.sources.stage([page_entry(url, reason=reason)])
            else:
                self._warned.append(Problem(url, f"kept as it was: {reason}"))
                if self.earlier is not None:
                    self._carry(known.document_id, [known])
                else:
                    self._counts["unchanged"] += 1
            return
        if known is not None and known.document_id == document.id:
            self._counts["unchanged"] += 1
            return
        self._counts["changed" if was_there else "added"] += 1
        self._keep(document, page_entry(url, document_id=document.id, data=fetched.data))

    def _keep(self, document: Document, entry: Entry, file: Ready | None = None) -> None:
        """Queue a document to be stored, or only note its source where it is stored already."""
        if document.notes:
            entry = replace(entry, reason="; ".join(document.notes))
            self._warned.append(Problem(entry.source, entry.reason))
        self._storing.add(document, [entry], file)

    def _carry(self, document_id: str, entries: Sequence[Entry]) -> None:
        """Take a document over as it was stored; split and embedded anew all the same."""
        if self.earlier is not None:
            self._counts["unchanged"] += len(entries)
            self._storing.add(self.earlier.documents.get(document_id), entries)

    def _fail(self, path: Path, root: str, reason: str) -> None:
        self._failed.append(Problem(str(path), reason))
        try:
            stat = path.stat()
        except OSError:
            stat = os.stat_result((0,) * 10)
        self.catalog.sources.stage([entry_for(path, root, stat, time.time(), reason=reason)])

    def _switch(self, plan: Plan) -> None:
        """Build the new picture and make it, and the sources, count: all at once."""
        embed_missing = partial(self._storing.embed_missing, self.progress)
        if self.share is not None:
            self.share.publish(plan.gone, embed_missing)
            return
        embed_missing()
        sources = {entry.source: entry.document_id for entry in self.catalog.sources.entries()}
        before = {doc for doc in sources.values() if doc}
        sources |= {entry.source: entry.document_id for entry in self.catalog.sources.staged()}
        for source in plan.gone:
            sources.pop(source, None)
        after = {doc for doc in sources.values() if doc}
        name = self.catalog.meta("snapshot")
        if (
            after != before
            or self.catalog.meta("dirty")
            or snapshot.open_current(self.catalog, self.snapshots) is None
        ):
            self.progress(Progress("index", 0, 0))
            name = snapshot.build(self.catalog, self.store, self.snapshots, after)
        self._check()
        self.catalog.sources.settle(plan.gone, name)
        tidy(self.catalog, self.store, self.snapshots)

    def _check(self) -> None:
        if self.cancelled():
            raise InterruptedError


def _check_fit(catalog: Catalog, place: str, embedder: Embedder) -> None:
    """See that vectors may be added to those that there are.

    Raises:
        EmbedderMismatch: Those are kept elsewhere, or are another embedder's.
    """
    *_, embedded = catalog.documents.counts()
    if not embedded:
        return
    kept = catalog.meta("store", place)
    if kept != place:
        raise EmbedderMismatch(
            f"The library's vectors are kept {_where(kept)}, and were to be written"
            f" {_where(place)}.",
            hint=f"agent library move --to {place or 'embedded'} takes them there;"
            " or change chroma_url back.",
        )
    stored = catalog.meta("embedder")
    if stored != embedder.name:
        raise mismatch(stored, embedder.name)


def _where(place: str) -> str:
    return f"at {place}" if place else "in its own folder"
