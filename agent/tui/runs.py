"""Runs of research for the chat: begun, gone on with, listed. Shows nothing.

Where a run looks follows from the settings: the library that is open, and the web where a search
engine is named. A run lives on the app's event loop, over the library that the chat has open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.errors import UsageError
from agent.events import Citation
from agent.plain_text import plural
from knowledge.types import Document

if TYPE_CHECKING:
    from agent.config import Config
    from agent.models.base import ChatModel
    from agent.research.journal import Journal, RunInfo, Used
    from agent.research.parts import ResearchParts
    from agent.research.run import Approve, Research
    from agent.research.types import Note, Report, Source, Step
    from knowledge.library import Library


class Made(Protocol):
    """What is needed of `agent.wiring.Parts`."""

    @property
    def config(self) -> Config:
        """The settings."""

    @property
    def model(self) -> ChatModel:
        """Who is asked."""

    @property
    def research(self) -> ResearchParts:
        """What runs are made of."""


class Run:
    """One run that is open."""

    def __init__(self, journal: Journal, research: Research, where: str) -> None:
        """Take what `Runs` has opened; nothing is done yet.

        Args:
            journal: Of the run.
            research: Not run yet.
            where: Where it looks, as a sentence.
        """
        self.id = journal.id
        self.question = journal.question
        self.where = where
        self._journal = journal
        self._research = research

    @property
    def used(self) -> Used:
        """Tokens, cost, steps and seconds so far, over all the times that it was resumed."""
        return self._research.used

    @property
    def cost(self) -> float | None:
        """US dollars so far; None where the price of what was asked is not known."""
        return self._research.cost

    @property
    def pages(self) -> int:
        """Sources read so far."""
        return self._research.pages

    async def work(self, decide: Approve) -> AsyncGenerator[Step | Report, None]:
        """Do what is not done yet; see `Research.run`."""
        async with aclosing(self._research.run(decide)) as events:
            async for event in events:
                yield event

    def stop(self) -> None:
        """End the search, and have the report written of what there is."""
        self._research.stop()

    async def document(self, report: Report, citation: Citation) -> Document:
        """The text that a citation of the report quotes, as it was read.

        Raises:
            JournalError: It is not kept, or has been changed.
        """
        names = {note.n: note.source for note in report.notes}
        source = next(each for each in report.sources if each.id == names[citation.n])
        return await asyncio.to_thread(self._document, source)

    async def citations(self, report: Report) -> list[Citation]:
        """What the report cites, in the order of the numbers, held against the stored texts.

        Raises:
            JournalError: A text is not kept, or has been changed.
        """
        return await asyncio.to_thread(self._citations, report)

    def export(self, report: Report, file: Path) -> None:
        """Write a report to a file that is not there yet, all of it or nothing.

        Raises:
            UsageError: Its name asks for no form that there is, there is such a file, or it cannot
                be written.
        """
        from agent.research.render import form_of, write

        form_of(file)
        if file.exists():
            raise UsageError(f"There is a file {file} already.", hint="Name another one.")
        write(report, file)

    def _document(self, source: Source) -> Document:
        return Document(self._journal.text(source.id), "text", source.title)

    def _citations(self, report: Report) -> list[Citation]:
        from agent.research.render.shared import looked_up

        shown = looked_up(report)
        documents = {source.id: self._document(source) for source in shown.cited_sources}
        return [
            _citation(note, shown.sources[note.source], documents[note.source])
            for note in shown.cited
        ]


class Runs:
    """The runs of one user."""

    def __init__(self, made: Made, having: Callable[[str], Made], library: Library) -> None:
        """Open nothing yet.

        Args:
            made: The parts in use.
            having: The parts with a model of that name.
            library: The library that is open.
        """
        self._made = made
        self._having = having
        self._library = library

    def unfinished(self) -> list[RunInfo]:
        """Those that can be gone on with, the last touched first.

        Raises:
            JournalError: They cannot be read.
        """
        with self._made.research.journals() as journals:
            return [run for run in journals.runs() if run.state == "open"]

    @asynccontextmanager
    async def begun(self, question: str, *, web: bool = True) -> AsyncIterator[Run]:
        """A new run, which is forgotten where its plan is not approved.

        Args:
            question: Not empty.
            web: Whether the web may be searched, where an engine is named.

        Raises:
            UsageError: There is nothing to search.
            JournalError: The run cannot be kept.
        """
        from agent.research.base import Options

        research = self._made.research
        on = web and research.can_search_web
        sources = len(await self._library.sources())
        if not on and not sources:
            raise UsageError(
                "There is nothing to search: the library is empty, and the web is not searched.",
                hint="/add PATH, or name a search engine: agent config set searxng_url URL",
            )
        options = Options(
            web=on,
            library=bool(sources),
            named=self._made.config.library,
            limits=research.limits,
        )
        with research.journals() as journals:
            journal = journals.create(question, options, self._made.model.name)
            try:
                async with research.opened(journal, self._library) as work:
                    yield Run(journal, work, _where(on, sources))
            finally:
                if journal.plan is None:
                    journals.delete(journal.id)

    @asynccontextmanager
    async def resumed(self, name: str = "") -> AsyncIterator[Run]:
        """A run to be gone on with; one that is done shows its report again.

        Args:
            name: Of the run, or the beginning of it; empty is the unfinished one touched last.

        Raises:
            RunNotFound: There is none, or more than one.
            UsageError: It is not done, and about another library, or to use no network.
            JournalError: It cannot be read.
        """
        with self._made.research.journals() as journals:
            journal = journals.open(name)
            options, here = journal.options, self._made.config.library
            done = journal.report is not None  # which asks for no library and no model
            if not done and options.library and options.named not in ("", here):
                raise UsageError(
                    f"Research {journal.id} is about the library {options.named}.",
                    hint=f"agent research --resume {journal.id}",
                )
            if not done and options.offline:  # the chat's parts may be asked over the network
                raise UsageError(
                    f"Research {journal.id} is to use no network.",
                    hint=f"agent research --resume {journal.id}",
                )
            made = self._made if done else self._having(journal.model)
            sources = len(await self._library.sources()) if options.library else 0
            async with AsyncExitStack() as stack:
                if made.model is not self._made.model:
                    stack.push_async_callback(made.model.aclose)
                opened = made.research.opened(journal, self._library)
                work = await stack.enter_async_context(opened)
                yield Run(journal, work, _where(options.web, sources))


def _where(web: bool, sources: int) -> str:
    library = f"your library ({plural(sources, 'source')})" if sources else ""
    places = " and ".join(filter(None, (library, "the web" if web else "")))
    return f"Searches {places}." if web else f"Searches {places} only."


def _citation(note: Note, source: Source, document: Document) -> Citation:
    return Citation(
        n=note.n,
        source=source.final_url or source.url,
        title=source.title,
        place=f"{source.id}, characters {note.start:,} to {note.end:,}",
        quote=note.quote,
        start=note.start,
        end=note.end,
        verified=document.text[note.start : note.end] == note.quote,
        stale=any(flag.startswith("stale:") for flag in source.flags),
        document_id=document.id,
    )
