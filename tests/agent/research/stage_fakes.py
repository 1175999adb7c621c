"""Small true stages of research over pages in memory: what `run` is tried with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing

from agent.errors import UsageError
from agent.messages import Message, TextDelta
from agent.models.base import ChatModel
from agent.research.base import Hands, Material, NotRead, Stages, Verified
from agent.research.types import (
    Conflict,
    Gap,
    Hit,
    Note,
    Part,
    Plan,
    Section,
    Sentence,
    Source,
)


class Pages:
    """A web in memory: pages by URL; a query finds those that share a word with it."""

    def __init__(self, pages: Mapping[str, str], *, dead: Collection[str] = ()) -> None:
        self.reads: list[str] = []
        self.queries: list[str] = []
        self.down = False
        self._pages = {**pages, **dict.fromkeys(dead, "canal")}
        self._dead = dead

    async def search(self, part: Part, query: str) -> list[Hit]:
        if self.down:
            raise UsageError("No search engine is configured.", hint="agent config set …")
        self.queries.append(query)
        words = set(query.lower().split())
        return [
            Hit(part.n, "web", url, f"Page {url}", text[:40], "", 1.0, ())
            for url, text in self._pages.items()
            if words & set(text.lower().replace(".", "").split())
        ]

    async def read(self, hit: Hit) -> tuple[Source, str]:
        self.reads.append(hit.url)
        if hit.url in self._dead:
            raise NotRead("404 Not Found")
        text = self._pages[hit.url]
        source = Source(
            "", "web", hit.url, hit.url, hit.title, "", "", "2026-01-02T03:04:05+00:00",
            f"snap-{hit.url[-1]}", "", (), 0,
        )  # fmt: skip
        return source, text

    async def aclose(self) -> None:
        return


class First:
    """Takes the first hits."""

    def best(self, ranked: Sequence[Sequence[Hit]], seen: Collection[str], limit: int) -> list[Hit]:
        found = {hit.url: hit for hits in ranked for hit in hits if hit.url not in seen}
        return list(found.values())[:limit]

    def copy_of(self, text: str, read: Sequence[tuple[Source, str]]) -> Source | None:
        return next((source for source, known in read if known == text), None)


class FirstSentence:
    """One note a page: its first sentence. Asks nobody."""

    async def take(self, part: Part, source: Source, text: str, model: ChatModel) -> list[Note]:
        end = text.index(".") + 1
        return [Note(0, part.n, source.id, 0, end, text[:end], text[:end], 0.5)]


class AskedSentence(FirstSentence):
    """The same, after a call to the model."""

    async def take(self, part: Part, source: Source, text: str, model: ChatModel) -> list[Note]:
        await said(model, f"What does this say on {part.question}? {text}")
        return await super().take(part, source, text, model)


class MoreIsMissing:
    """Finds everything open, always, and no conflict."""

    def __init__(self, *, content_with: int = 10**6) -> None:
        self._content = content_with

    async def reflect(
        self, plan: Plan, notes: Sequence[Note], sources: Sequence[Source], model: ChatModel
    ) -> tuple[list[Gap], list[Conflict]]:
        if len(notes) >= self._content:
            return [], []
        more = f"more {len(sources)} lock"
        return [Gap(part.n, "Not answered yet.", (more,)) for part in plan.parts], []


class AskedMissing(MoreIsMissing):
    """The same, after a call to the model."""

    async def reflect(
        self, plan: Plan, notes: Sequence[Note], sources: Sequence[Source], model: ChatModel
    ) -> tuple[list[Gap], list[Conflict]]:
        await said(model, f"What is missing? {len(notes)} notes")
        return await super().reflect(plan, notes, sources, model)


class Listed:
    """A section a part, a sentence a note."""

    async def write(self, material: Material, model: ChatModel) -> list[Section]:
        return [
            Section(
                part.question,
                part.n,
                tuple(
                    Sentence(note.claim, (note.n,), "quoted")
                    for note in material.notes
                    if note.part == part.n
                ),
            )
            for part in material.plan.parts
        ]


class AskedListed(Listed):
    """The same, after a call to the model for each section."""

    async def write(self, material: Material, model: ChatModel) -> list[Section]:
        for part in material.plan.parts:
            await said(model, f"Write on {part.question} from {len(material.notes)} notes")
        return await super().write(material, model)


class AllHolds:
    """Checks that quotes stand where they are said to."""

    async def verify(
        self,
        sections: Sequence[Section],
        notes: Sequence[Note],
        texts: Mapping[str, str],
        titles: Mapping[str, str],
    ) -> Verified:
        by_number = {note.n: note for note in notes}
        assert texts.keys() <= titles.keys()
        for section in sections:
            for sentence in section.sentences:
                for n in sentence.notes:
                    note = by_number[n]
                    assert texts[note.source][note.start : note.end] == note.quote
        return Verified(tuple(sections), 0, 0)


SPARE = Hands(FirstSentence(), MoreIsMissing(), Listed())


def free_stages(reflect: MoreIsMissing | None = None) -> Stages:
    """Stages that ask no model."""
    hands = Hands(FirstSentence(), reflect or MoreIsMissing(), Listed())
    return Stages(First(), AllHolds(), hands, hands)


def asking_stages() -> Stages:
    """Stages that ask the model for everything, and always want more."""
    return Stages(First(), AllHolds(), Hands(AskedSentence(), AskedMissing(), AskedListed()), SPARE)


async def said(model: ChatModel, asked: str) -> str:
    pieces = []
    async with aclosing(model.stream([Message("user", asked)], max_tokens=50)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                pieces.append(delta.text)
    return "".join(pieces)
