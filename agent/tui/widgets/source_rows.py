"""How a source of the library looks in a list, and how a running sync looks on a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from agent.plain_text import plural, short_path
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from knowledge.report import Progress, SyncReport
    from knowledge.types import SourceInfo

_BAR = 20
"""Cells of a progress bar."""
_STAGES = {"scan": "Looking", "read": "Reading", "embed": "Embedding", "index": "Indexing"}


def source_row(source: SourceInfo, *, stale: bool) -> Content:
    """A source on two rows: a mark and its name, and below how it stands and why."""
    mark, colour, state = _state(source, stale)
    name = one_line(source.title, 200) or one_line(os.path.basename(source.source), 200)
    path = one_line(short_path(source.source), 500)
    about = [
        state,
        *([] if source.state == "failed" else [source.kind, plural(source.chunks, "passage")]),
    ]
    if source.reason:
        about.insert(1, one_line(source.reason, 300))
    return Content("").join(
        [
            Content.styled(f"{mark} ", colour),
            Content.styled(name or path, "bold"),
            Content.styled(f"  {path}\n", "dim"),
            Content.styled(
                "  " + " · ".join(filter(None, about)), colour if mark != "✓" else "dim"
            ),
        ]
    )


def _state(source: SourceInfo, stale: bool) -> tuple[str, str, str]:
    if source.state == "failed":
        return "✗", "$text-error", "failed"
    if stale:
        return "~", "$text-warning", "changed since it was indexed"
    if source.reason:
        return "!", "$text-warning", "indexed with a loss"
    return "✓", "$text-success", "indexed"


def counts(sources: Sequence[SourceInfo], stale: int) -> str:
    """`12 sources · 10 indexed · 1 changed · 1 failed · 340 passages`."""
    failed = sum(source.state == "failed" for source in sources)
    parts = [
        plural(len(sources), "source"),
        f"{len(sources) - failed:,} indexed",
        f"{stale:,} changed" if stale else "",
        f"{failed:,} failed" if failed else "",
        plural(sum(source.chunks for source in sources), "passage"),
    ]
    return " · ".join(filter(None, parts))


def progress_line(progress: Progress) -> str:
    """A bar, how many of how many, and what is being worked on."""
    stage = _STAGES[progress.stage]
    item = one_line(os.path.basename(progress.item) or progress.item, 60)
    if not progress.total:
        return " · ".join(filter(None, (f"{stage} {progress.done:,}", item)))
    full = round(_BAR * min(1.0, progress.done / progress.total))
    bar = "━" * full + "─" * (_BAR - full)
    count = f"{stage} {bar} {progress.done:,}/{progress.total:,}"
    return " · ".join(filter(None, (count, item)))


def report_line(report: SyncReport) -> str:
    """What a sync did: `2 added · 1 changed · 1 failed: guide.pdf: it is encrypted`."""
    said = [
        f"{count:,} {what}"
        for count, what in (
            (report.added, "added"),
            (report.changed, "changed"),
            (report.moved, "moved"),
            (report.removed, "removed"),
            (len(report.failed), "failed"),
        )
        if count
    ]
    line = " · ".join(said) or "Nothing has changed."
    if report.failed:
        first = report.failed[0]
        line += f": {one_line(os.path.basename(first.source), 60)}: {one_line(first.reason, 200)}"
    return f"{line}. {one_line(report.note, 300)}" if report.note else line
