"""What the screens' tests show: a document, sessions and a library that need no index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual.app import App
from textual.screen import Screen

from agent.events import Citation
from agent.transcripts import Hit, SessionInfo
from knowledge.errors import SourceNotFound
from knowledge.report import Problem, Progress, SyncReport
from knowledge.types import Document, Page, Section, SourceInfo

HOSTILE = "a\x1b]52;c;ZXZpbA==\x07b \x9b31mred \u202egpj.exe \u200bzero\u200dwidth \udce4 [red]x[/]"


class Host(App[object]):
    """An app of one screen, which keeps what the screen was dismissed with."""

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self.shown = screen
        self.results: list[object] = []
        self.copied: list[tuple[str, str]] = []
        """What was copied, and what it was called."""

    def copy(self, text: str, what: str) -> None:
        self.copied.append((text, what))

    def on_mount(self) -> None:
        self.push_screen(self.shown, self.results.append)


def manual() -> Document:
    """Three pages with headings; the second and third hold what is quoted."""
    filler = "The pump is inspected every week and what was seen is written in the log. " * 4
    parts = [
        "Pump manual\n\n" + "\n\n".join([filler] * 6),
        "Maintenance\n\nReplace the impeller after 4,000 hours of operation, or when the flow\n"
        "falls below 80 % of its rated value.\n\n" + "\n\n".join([filler] * 6),
        "Storage\n\nDrain the housing before frost.\n\n" + "\n\n".join([filler] * 6),
    ]
    text, sections, pages = "", [], []
    for n, part in enumerate(parts, 1):
        start = len(text)
        text += part + "\n"
        sections.append(Section((part.partition("\n")[0],), start, len(text)))
        pages.append(Page(n, start, len(text)))
    return Document(text, "pdf", "Pump manual", sections=tuple(sections), pages=tuple(pages))


def cite(
    document: Document,
    quote: str,
    n: int = 1,
    *,
    verified: bool = True,
    stale: bool = False,
    marked: tuple[str, ...] = (),
) -> Citation:
    """A citation of words that stand in the document."""
    start = document.text.index(quote)
    return Citation(
        n, "/home/ada/manuals/pump.pdf", document.title, "Maintenance, p. 2", quote, start,
        start + len(quote), verified, stale, document.id, marked,
    )  # fmt: skip


def answers() -> tuple[Document, list[Citation]]:
    """The manual, and the citations of one answer over it."""
    document = manual()
    impeller = (
        "Replace the impeller after 4,000 hours of operation, or when the flow\n"
        "falls below 80 % of its rated value."
    )
    return document, [
        cite(document, impeller, 1, marked=("4,000 hours of operation",)),
        cite(document, "Drain the housing before frost.", 2, verified=False, stale=True),
    ]


SESSIONS = [
    SessionInfo("k3m9pa", "When must the impeller be replaced?", 1.7e9, 1.7e9, 3, ""),
    SessionInfo("t7wq2c", "How is the pump stored in winter?", 1.69e9, 1.69e9, 1, "k3m9pa"),
    SessionInfo("x4hd8z", HOSTILE, 1.68e9, 1.68e9, 12, ""),
]


def search(query: str) -> list[Hit]:
    """As the store does: all words, in one turn of the second session."""
    words = ["drain", "the", "housing", "before", "frost"]
    if not all(word in words for word in query.split()):
        return []
    excerpt = "… always [drain] the housing before frost, then close the valve …"
    return [Hit("t7wq2c", "", 1, 1.69e9, "How is it stored?", excerpt)]


class Shelf:
    """A library in memory, whose sync goes on until it is let go."""

    def __init__(self, sources: Sequence[SourceInfo]) -> None:
        self.all = list(sources)
        self.changed = {"/home/ada/manuals/valves.md"}
        self.go_on = asyncio.Event()
        self.cancelled = False

    async def sources(self) -> Sequence[SourceInfo]:
        return list(self.all)

    async def stale(self, source: str) -> bool:
        return source in self.changed

    async def add(
        self, paths: Sequence[str], *, progress: Callable[[Progress], None] | None = None
    ) -> SyncReport:
        if "missing" in paths[0]:
            return SyncReport(failed=(Problem(paths[0], "there is no such file or folder"),))
        self.all.append(source(paths[0], "Added"))
        return SyncReport(added=1, chunks=3)

    async def sync(self, *, progress: Callable[[Progress], None] | None = None) -> SyncReport:
        assert progress is not None
        progress(Progress("embed", 34, 120, "/home/ada/manuals/valves.md"))
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.changed.clear()
        return SyncReport(changed=1, unchanged=2)

    async def remove(self, names: Sequence[str]) -> Sequence[str]:
        if not any(info.source in names for info in self.all):
            raise SourceNotFound("It is not in the library.", hint="See them: agent sources")
        self.all = [info for info in self.all if info.source not in names]
        return tuple(names)


def source(path: str, title: str = "", **known: object) -> SourceInfo:
    """An indexed source, or with `reason` and `state` another one."""
    values = {"state": "indexed", "reason": "", "kind": "markdown", "chunks": 14} | known
    failed = values["state"] == "failed"
    return SourceInfo(
        source=path, document_id=None if failed else "d", title=title, size=1200,
        indexed_at=1.7e9, root="/home/ada/manuals", **values,
    )  # type: ignore[arg-type]  # fmt: skip


def shelf() -> Shelf:
    """A library with a source in every state."""
    return Shelf(
        [
            source("/home/ada/manuals/pump.pdf", "Pump manual", kind="pdf", chunks=42),
            source(
                "/home/ada/manuals/scan.pdf", state="failed", chunks=0,
                reason="the file is encrypted and opens only with a password",
            ),
            source(
                "/home/ada/manuals/tables.docx", "Tables", kind="docx",
                reason="2 pictures hold text that was not read",
            ),
            source("/home/ada/manuals/valves.md", "Valves and how they fail"),
            source(f"/home/ada/manuals/{HOSTILE}.md"),
        ]
    )  # fmt: skip
