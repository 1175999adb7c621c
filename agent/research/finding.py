"""A round of research: search for the open sub-questions, read what is chosen, take notes of it.

Every finished search, reading and noting is recorded, and found in the journal when a killed run
is resumed. Which questions are open is `reflect`'s affair, the order of rounds `run`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.errors import AgentError, BadModelOutput, BudgetSpent, ContextTooLong
from agent.plain_text import one_line
from agent.research.base import NotRead
from agent.research.choose import unwanted
from agent.research.reading_list import ReadingList
from agent.research.searching import Searching, read_key
from agent.research.side_by_side import side_by_side
from agent.research.types import Hit, Note, Source, Step, as_json, from_json
from agent.research.unfit import stub
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.models.base import ChatModel
    from agent.research.base import Gather, Hands, Stages
    from agent.research.journal import Journal
    from agent.research.searching import Wanted
    from agent.research.spending import Spending
    from agent.research.types import Part, Plan

ROUND = 100
"""The units of progress of a round."""
_SEARCHED, _READ = 15, 90
"""Where searching and reading end of it; reflection is the rest."""
_SPARE_NOTES = "spare notes:"
"""How the key of notes begins that the spare hands took in the place of a model. A larger budget
has the model take its own; without one they are found again."""
_PAGES = 6
"""At the same time; the web server keeps the limits of each host."""


class Finding:
    """What a run has found so far, and how it finds more."""

    def __init__(
        self,
        journal: Journal,
        gather: Gather,
        stages: Stages,
        spending: Spending,
        model: ChatModel,
        plan: Plan,
    ) -> None:
        """Begin with nothing: rounds that were done before are gone through again, for nothing.

        Args:
            journal: Of the run.
            gather: Where to find and read.
            stages: Who chooses and takes notes.
            spending: What may be used.
            model: Asked for notes; keeps to the budget itself.
            plan: The approved one.
        """
        self._sources: dict[str, Source] = {}
        self._notes: dict[int, Note] = {}
        self.failed: dict[str, str] = {}
        """Why each URL was not read."""
        self.tried = 0
        """Pages that the last round has read or tried to read."""
        self._journal = journal
        self._gather = gather
        self._stages = stages
        self._spending = spending
        self._searching = Searching(journal, gather, stages.choose, spending)
        self._model = model
        self._plan = plan
        self._seen: set[str] = set()
        self._copies: set[str] = set()
        """Ids of sources that say what another says: nothing is noted of them."""
        self._fruitless: set[str] = set()
        """URLs of pages that could not be read, or say nothing of their own."""
        self._wanted: dict[str, set[int]] = {}
        """By source, the sub-questions that it was found for."""
        self._one_by_one = asyncio.Lock()
        """Held while a text is compared with those before it, so that of two mirrors that are read
        at the same time one is the copy."""
        # Who reads without tokens takes notes for every sub-question.
        self._for_all = not model.count("word")
        kept = [*journal.all_done("notes:"), *journal.all_done(_SPARE_NOTES)]
        self._highest = max((note["n"] for notes in kept for note in notes), default=0)
        """The number of the last note."""

    @property
    def sources(self) -> list[Source]:
        """What was read, in the order of reading."""
        return sorted(self._sources.values(), key=lambda source: int(source.id[1:]))

    @property
    def notes(self) -> list[Note]:
        """What was noted, by number: the same order however often the run was resumed."""
        return [self._notes[n] for n in sorted(self._notes)]

    @property
    def searches(self) -> int:
        """How many were made."""
        return self._searching.made

    @property
    def trouble(self) -> AgentError | KnowledgeError | None:
        """The last error of a search."""
        return self._searching.trouble

    async def round(self, n: int, wanted: Wanted) -> AsyncGenerator[Step, None]:
        """Search, read and note; a step for each end of something.

        Args:
            n: Of the round, from 1.
            wanted: What to search for.

        Raises:
            BudgetSpent: The budget ended; what was found until then is here.
            ModelError: The user must act.
        """
        chosen: dict[int, list[Hit]] = {}
        async with aclosing(self._searching.round(n, wanted, self._seen, chosen)) as steps:
            async for step in steps:
                yield _placed(step, 0, _SEARCHED, step.done, step.total)
        self.tried = 0
        reading = ReadingList(chosen, self._journal.options.pages)
        total, done = 0, 0
        while turn := reading.turn(self._fruitless):
            self.tried += len(turn)
            total = max(total, self.tried)
            self._seen.update(hits[0].url for hits in turn)
            works = [lambda hits=hits: self._page(hits) for hits in turn]
            async with aclosing(side_by_side(works, _PAGES)) as pages:
                async for told, fruitful in pages:
                    done += 1
                    # Another page is tried in the place of each that says nothing.
                    total += not fruitful
                    for step in told:
                        yield _placed(step, _SEARCHED, _READ, done, total)

    async def note_the_rest(self) -> None:
        """Take notes, for nothing, of what was read when the budget ended before it was noted.

        Raises:
            BudgetSpent: The time for writing is up, too.
        """
        for source in self.sources:
            if source.id not in self._copies:
                parts = self._wanted[source.id]
                await self._noting(source, parts, self._stages.spare, self._spending.writing)

    async def _page(self, hits: Sequence[Hit]) -> tuple[list[Step], bool]:
        """Read one page, and note what it says about each sub-question that it was found for.

        Returns:
            What was done, and whether the page has something of its own to say.
        """
        hit = hits[0]
        if hit.url in self.failed:  # for another sub-question, in this round
            return [], False
        key = read_key(hit)
        if (kept := self._journal.done(key)) is None:
            kept = await self._read(key, hit)
        if "failed" in kept:
            self.failed[hit.url] = kept["failed"]
            self._fruitless.add(hit.url)
            return [Step("warning", f"Not read: {hit.url}: {kept['failed']}", hit.part)], False
        sources = {source.id: source for source in self._journal.sources()}
        source = sources[kept["source"]]
        again = source.id in self._sources
        self._sources[source.id] = source
        self._seen.add(source.final_url)
        title = source.title or source.url
        parts = {hit.part for hit in hits}
        if self._for_all:
            parts = {part.n for part in self._plan.parts}
        if kept["copy_of"] or stub(source, self._journal.text(source.id)):
            self._fruitless.add(hit.url)
        if kept["copy_of"]:
            self._copies.add(source.id)
            source = sources[kept["copy_of"]]
            # Its notes are cited, whether or not it is met in this round, too.
            self._sources.setdefault(source.id, source)
            title = f"{title}, which says the same as {source.id}"
        new = parts - self._wanted.setdefault(source.id, set())
        self._wanted[source.id] |= new
        budget = self._spending.searching
        steps = [] if again else [Step("read", title, hit.part)]
        steps += await self._noting(source, new, self._stages.hands, budget)
        return steps, hit.url not in self._fruitless

    async def _read(self, key: str, hit: Hit) -> dict[str, Any]:
        budget, journal = self._spending.searching, self._journal
        budget.step()
        try:
            source, text = await budget.within(lambda: self._gather.read(hit))
        except BudgetSpent:
            raise
        except (AgentError, KnowledgeError) as error:
            failed = {"failed": one_line(str(error))}
            # Where it is no fault of the page, a resumed run tries again.
            if isinstance(error, NotRead | KnowledgeError):
                journal.record(key, failed, self._spending.used)
            return failed
        options = journal.options
        # What was read may be elsewhere, or older, than the search had said.
        why = unwanted(source.origin, source.final_url, source.date, options.domains, options.since)
        if why:
            journal.record(key, {"failed": why}, self._spending.used)
            return {"failed": why}
        if why := stub(source, text):
            source = replace(source, flags=(*source.flags, f"nothing was noted: {why}"))
        async with self._one_by_one:
            read = [
                (known, journal.text(known.id))
                for known in journal.sources()
                if known.id not in self._copies
            ]
            # Long texts take a moment to compare.
            same = await asyncio.to_thread(self._stages.choose.copy_of, text, read)
            copy_of = "" if same is None else same.id
            source = journal.take_in(key, source, text, self._spending.used, copy_of=copy_of)
        return {"source": source.id, "copy_of": copy_of}

    async def _noting(
        self, source: Source, parts: Collection[int], hands: Hands, budget: Budget
    ) -> list[Step]:
        """Take notes of a source on some sub-questions, or find them taken."""
        steps: list[Step] = []
        title = source.title or source.url
        for part in self._plan.parts:
            if part.n not in parts:
                continue
            key = f"notes:{part.n}:{source.id}"
            kept = self._journal.done(key)
            if kept is None and hands is not self._stages.hands:
                key = f"{_SPARE_NOTES}{part.n}:{source.id}"
                kept = self._journal.done(key)
            if kept is None:
                try:
                    taken = await self._take(part, source, hands, budget)
                except (BadModelOutput, ContextTooLong) as error:
                    steps.append(Step("warning", f"No notes of {title}: {error}", part.n))
                    taken = []
                kept = as_json(taken)
                self._journal.record(key, kept, self._spending.used)
            notes = [from_json(Note, data) for data in kept]
            self._notes |= {note.n: note for note in notes}
            if notes:
                said = "1 note" if len(notes) == 1 else f"{len(notes)} notes"
                steps.append(Step("note", f"{said} from {title}", part.n))
        return steps

    async def _take(self, part: Part, source: Source, hands: Hands, budget: Budget) -> list[Note]:
        text = self._journal.text(source.id)
        taken = await budget.within(lambda: hands.notes.take(part, source, text, self._model))
        self._highest += len(taken)
        first = self._highest - len(taken) + 1
        return [replace(note, n=n) for n, note in enumerate(taken, start=first)]


def _placed(step: Step, start: int, end: int, done: int, total: int) -> Step:
    """A step at its place within the round."""
    return replace(step, done=start + (end - start) * done // total, total=ROUND)
