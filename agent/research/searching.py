"""The searches of a round, and the choice of what is read of what they found.

Each that was finished is recorded, and found in the journal when a killed run is resumed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import AgentError, BudgetSpent
from agent.plain_text import one_line
from agent.research.base import PartlyFound
from agent.research.reading_list import SPARE
from agent.research.side_by_side import side_by_side
from agent.research.types import Hit, Step, as_json, from_json
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.research.base import Choose, Gather
    from agent.research.journal import Journal
    from agent.research.spending import Spending
    from agent.research.types import Part

    Wanted = Sequence[tuple[Part, Sequence[str]]]
    """Sub-questions that are open, with their queries."""

_SEARCHES = 4
"""At the same time."""


class Searching:
    """What a run has searched for."""

    def __init__(
        self, journal: Journal, gather: Gather, choose: Choose, spending: Spending
    ) -> None:
        """Begin with nothing.

        Args:
            journal: Of the run.
            gather: Where to find.
            choose: Who chooses.
            spending: What may be used.
        """
        self.made = 0
        """Searches, those that the journal had included."""
        self.trouble: AgentError | KnowledgeError | None = None
        """The last error of one."""
        self._journal = journal
        self._gather = gather
        self._choose = choose
        self._spending = spending
        self._partly: dict[str, Sequence[Hit]] = {}
        """By query, what one of two places gave; not recorded, so that a resumed run asks again."""

    async def round(
        self, n: int, wanted: Wanted, seen: Collection[str], chosen: dict[int, list[Hit]]
    ) -> AsyncGenerator[Step, None]:
        """Search, and choose what is worth reading; a step for each search.

        More is chosen than is to be read: some will be dead, or say nothing.

        Args:
            n: Of the round, from 1.
            wanted: What to search for.
            seen: URLs that are not worth it any more.
            chosen: Takes what is, by the number of the sub-question, the best first.

        Raises:
            BudgetSpent: The budget ended.
        """
        parts: dict[str, list[Part]] = {}
        for part, queries in wanted:
            for query in queries:
                parts.setdefault(query, []).append(part)
        self.made += len(parts)
        done = 0
        works = [lambda q=query, ps=asking: self._search(q, ps) for query, asking in parts.items()]
        async with aclosing(side_by_side(works, _SEARCHES)) as searches:
            async for step in searches:
                done += 1
                yield replace(step, done=done, total=len(works))
        for part, queries in wanted:
            key = f"choose:{n}:{part.n}"
            if (kept := self._journal.done(key)) is None:
                ranked = [self._hits(part, query) for query in queries]
                kept = as_json(self._best(ranked, begun := f"begun:{n}:{part.n}", seen))
                whole = all(self._journal.done(_search_key(part, q)) is not None for q in queries)
                self._journal.record(key if whole else begun, kept)
            chosen[part.n] = [from_json(Hit, data) for data in kept]

    async def _search(self, query: str, parts: Sequence[Part]) -> Step:
        """Search once, for all sub-questions that ask it."""
        first = parts[0]
        missing = [p for p in parts if self._journal.done(_search_key(p, query)) is None]
        if not missing:
            return Step("search", f"“{query}”, as before", first.n)
        budget = self._spending.searching
        budget.step()
        try:
            hits = await budget.within(lambda: self._gather.search(first, query))
        except BudgetSpent:
            raise
        except PartlyFound as error:
            told = str(self.trouble) == str(error)
            self.trouble, self._partly[query] = error, error.hits
            found = f"“{query}”: {len(error.hits)} found"
            if told:
                return Step("search", found, first.n)
            why = f"{one_line(str(error))} {error.hint}".rstrip()
            return Step("warning", f"{found}. {why}", first.n)
        except (AgentError, KnowledgeError) as error:
            # Not recorded: a resumed run tries again.
            self.trouble = error
            why = f"{one_line(str(error)).rstrip('.')}. {error.hint}".rstrip()
            return Step("warning", f"“{query}” could not be searched for: {why}", first.n)
        for part in missing:
            mine = [replace(hit, part=part.n) for hit in hits]
            self._journal.record(_search_key(part, query), as_json(mine), self._spending.used)
        return Step("search", f"“{query}”: {len(hits)} found", first.n)

    def _best(
        self, ranked: Sequence[Sequence[Hit]], begun: str, seen: Collection[str]
    ) -> list[Hit]:
        """What is worth reading: first what was read of the choice of a search that had failed."""
        before = [from_json(Hit, data) for data in self._journal.done(begun) or ()]
        read = [hit for hit in before if self._journal.done(read_key(hit)) is not None]
        limit = SPARE * self._journal.options.pages
        known = {*seen, *(hit.url for hit in read)}
        return [*read, *self._choose.best(ranked, known, limit)][:limit]

    def _hits(self, part: Part, query: str) -> list[Hit]:
        kept = self._journal.done(_search_key(part, query))
        if kept is None:
            return [replace(hit, part=part.n) for hit in self._partly.get(query, ())]
        return [from_json(Hit, data) for data in kept]


def read_key(hit: Hit) -> str:
    """Under which the journal has the reading of a page."""
    return f"read:{hit.origin}:{hit.url}"


def _search_key(part: Part, query: str) -> str:
    return f"search:{part.n}:{query}"
