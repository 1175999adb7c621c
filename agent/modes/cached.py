"""Cache-augmented generation: the whole library in the prompt, the question last. No search.

All that stands before the question is the same to the byte from question to question, so that a
provider, or local weights, read it once (Chan et al. 2024, arXiv 2412.15605). Nothing is left out:
a library that the model cannot read at a time is refused. Who keeps what was read, and how, is the
model's affair; what it saves is told in its usage.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.errors import BudgetSpent, ContextTooLong
from agent.events import Done, Status, Token, Usage
from agent.messages import Evidence, Message
from agent.models.wrapped import prepares
from agent.modes.answering import abstain, answer, give_up, nothing_found, stand_in
from agent.modes.prompting import ANSWER, HISTORY, latest, standalone
from agent.modes.read_before import ReadBefore
from agent.prompts import prompt
from knowledge.pack import fenced, listed

if TYPE_CHECKING:
    from agent.events import Event
    from agent.modes.base import Turn
    from knowledge.corpus import Corpus, Extent

_MOST = 16_000_000
"""Characters that are put together at all: four million tokens, more than nearly every model
reads at a time."""
_DENSEST = 8
"""Characters of a token at most, on the average of a library: what has more than so many for each
token of the window need not be counted to be refused."""
_USUAL = 4
"""Characters of a token, about, where they are not counted."""
_NAMED = 3
"""Sources that a refusal names."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """A library as one prefix."""

    corpus: Corpus
    prefix: str
    tokens: int
    """Of the prefix; 0 for a model that reads without tokens."""
    model: str
    """Whose tokens they are."""


class Cached:
    """See `Mode` for the contract. One for a session: it keeps what it has packed and counted."""

    name = "cag"

    def __init__(self, read_before: ReadBefore | None = None) -> None:
        """Begin.

        Args:
            read_before: Where it is noted what a model has read whole; None notes it for nobody.
        """
        self._packed: _Packed | None = None
        self._read_before = read_before or ReadBefore()

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn out of the whole library, or out of all that the filters leave.

        Raises:
            ContextTooLong: That is more than the model reads at a time. The hint says what would
                fit.
        """
        query, spent = standalone(turn.question, turn.history), ""
        packed: _Packed | None = None
        messages: tuple[Message, ...] = ()
        extent: Extent | None = None
        warming = asyncio.create_task(turn.model.warm())
        try:
            extent = await turn.budget.within(lambda: turn.library.extent(turn.filters))
            if not extent.documents and not turn.context.strip():
                async with aclosing(abstain(turn, self.name, await nothing_found(turn))) as events:
                    async for event in events:
                        yield event
                return
            await turn.budget.within(lambda: warming)
            packed = await self._pack(turn, extent)
            messages = await asyncio.to_thread(_messages, turn, query, packed)
            yield Status(_reading(turn, packed), stage="read")
            if prepares(turn.model):
                async with aclosing(turn.model.prepare(messages)) as lines:
                    async for line in lines:
                        yield Status(line, stage="read")
                await asyncio.to_thread(self._read_before.note, turn, extent)
        except BudgetSpent as end:
            spent = str(end)
        except ContextTooLong as error:
            raise _refused(error, extent) from None
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
        blocks = packed.corpus.blocks if packed else ()
        if spent or packed is None:
            rest = give_up(turn, self.name, blocks, question=query, reason=spent)
        else:
            rest = answer(turn, self.name, messages, blocks, question=query)
        said = False
        cut = ""
        try:
            async with aclosing(rest) as events:
                async for event in events:
                    said = said or isinstance(event, Token)
                    if isinstance(event, Usage) and packed is not None and extent is not None:
                        cut = _cut(turn, event, packed)
                        if not cut and not stand_in(turn):
                            await asyncio.to_thread(self._read_before.note, turn, extent)
                    if isinstance(event, Done) and cut:
                        event = replace(event, note=f"{event.note} {cut}".strip())
                    yield event
                    if isinstance(event, Usage) and event.cached_tokens:
                        yield Status(_kept(event), stage="cache")
        except ContextTooLong as error:
            if said:
                raise
            raise _refused(error, extent) from None

    async def _pack(self, turn: Turn, extent: Extent) -> _Packed:
        """The library as a prefix; the last one again where nothing has changed.

        Raises:
            ContextTooLong: It is plain without reading it that it does not fit.
        """
        window = turn.model.context_window
        most = _MOST if window is None else min(_MOST, window * _DENSEST)
        if extent.characters > most:
            about = f"About {extent.characters // _USUAL:,} tokens"
            reads = f"{turn.model.name} reads {window:,}" if window else "are too many to read"
            raise ContextTooLong(f"{about} are to be read at once, and {reads}.")
        corpus = await turn.budget.within(lambda: turn.library.corpus(turn.filters))
        old = self._packed
        if old and old.corpus.digest == corpus.digest and old.model == turn.model.name:
            return old

        def pack() -> _Packed:
            prefix = ""
            if corpus.blocks:
                prefix = prompt("cached_corpus", passages=listed(corpus.blocks)) + "\n\n"
            return _Packed(corpus, prefix, turn.model.count(prefix), turn.model.name)

        self._packed = await turn.budget.within(lambda: asyncio.to_thread(pack))
        return self._packed


def _messages(turn: Turn, query: str, packed: _Packed) -> tuple[Message, ...]:
    """The prompt: the rules, the library before the first question, the conversation so far.

    Raises:
        ContextTooLong: The library and the question do not fit.
    """
    count, window = turn.model.count, turn.model.context_window
    system = prompt("cached", abstention=ABSTENTION)
    context = ""
    if turn.context.strip():
        context = prompt("naive_context", text=fenced(turn.context)) + "\n\n"
    content = prompt("cached_question", context=context, question=turn.question)
    room = HISTORY
    if window is not None:
        kept_free = turn.max_tokens or min(ANSWER, window // 4)
        needed = packed.tokens + count(system) + count(content) + kept_free
        if needed > window:
            raise _too_long(turn, packed, needed)
        room = min(HISTORY, window - needed)
    past = list(latest(turn.history, room, count))
    last = Message("user", content, evidence=Evidence(query, packed.corpus.blocks))
    first, *others = [*past, last]
    return (Message("system", system), replace(first, prefix=packed.prefix), *others)


def _too_long(turn: Turn, packed: _Packed, needed: int) -> ContextTooLong:
    window = turn.model.context_window or 0
    n = packed.corpus.documents
    return ContextTooLong(
        f"{turn.model.name} reads {window:,} tokens at a time. The library"
        f"{' as filtered' if turn.filters else ''} has {packed.tokens:,} in {_many(n, 'document')};"
        f" with the question and room for an answer that is {needed - window:,} too many."
    )


def _refused(error: ContextTooLong, extent: Extent | None) -> ContextTooLong:
    """The error with what would fit."""
    ways = ["search instead: --mode agentic", "or take a model that reads more: --model M"]
    if extent and extent.documents > 1:
        whole = extent.characters
        largest = ", ".join(
            f"{PurePath(source).name or source} ({100 * size / whole:.0f} %)"
            for source, size in extent.largest[:_NAMED]
        )
        ways.insert(0, f"Take fewer sources: --source PATH (the largest: {largest}); or")
    hint = " ".join(ways)
    return ContextTooLong(str(error), hint=hint[0].upper() + hint[1:])


def _reading(turn: Turn, packed: _Packed) -> str:
    corpus = packed.corpus
    what = "all that was asked for" if turn.filters else "the whole library"
    size = f"{packed.tokens:,} tokens" if packed.tokens else f"{corpus.characters:,} characters"
    return f"Reading {what}: {_many(corpus.documents, 'document')}, {size}"


def _kept(usage: Usage) -> str:
    return f"{usage.cached_tokens:,} of {usage.input_tokens:,} tokens were read from the cache"


def _cut(turn: Turn, usage: Usage, packed: _Packed) -> str:
    """A warning where a model of unknown window was told much, and says that it read little."""
    known = turn.model.context_window is not None
    if known or not 0 < 2 * usage.input_tokens < packed.tokens:
        return ""
    return (
        f"{stand_in(turn) or turn.model.name} says that it read {usage.input_tokens:,} of about"
        f" {packed.tokens:,} tokens: its server has cut the library."
    )


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
