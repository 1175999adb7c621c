"""The model that needs nothing: it answers by quoting the passages it is shown. Not a chat model.

No weights of its own, no network, no key. Reading is done in `reader/`; here a reading becomes an
answer: each quote is a paragraph of its own that ends in its marker,

    The Normans gave their name to Normandy, a region in **France**. [1]

The words that answer are bold, once in an answer; `citations.py` reads them back out of the text
into `Citation.marked`, and its check against the source looks through emphasis.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.errors import ContextTooLong
from agent.messages import FREE, ModelUsage, TextDelta
from agent.models.reader import RECENT, Extract, KeptVectors, Reader, Recalling, Study

if TYPE_CHECKING:
    from agent.messages import Delta, Evidence, Message, ToolSpec
    from knowledge.embed import Embedder
    from knowledge.types import Passage

MOST = 2_500_000
"""Characters of a library that are read whole: about 20,000 sentences, which take some minutes the
first time."""
_EVERY = 2.0
"""Seconds between two lines of progress."""
_MANY = 16
"""Passages beyond which only those are read that may answer, by their words."""

NAME = "embedded"

_ONLY_QUOTES = (
    "I can only quote from the library: fill it with `agent add PATH` and ask about what it holds, "
    "or choose a model that converses with `--model NAME`."
)
_BRACKET = re.compile(r"[\[【](?=\s?[0-9])")
_JOINER = "\u2060"
"""The word joiner: invisible, and ignored by the check of a quote."""
_FENCE = re.compile(r"(?:`{3,}|~{3,})[^\n]*\Z")
_CODE_SPAN = re.compile(r"`[^`\n]*`")
_FIGURE = re.compile(r"\d+(?:[:.,/–-]\d+)+")
"""A number, date or time of several parts, which is marked as one."""


class Embedded:
    """See `ChatModel` for the contract."""

    name = NAME
    context_window: int | None = None
    """It reads every passage it is shown."""
    can_call_tools = False
    price = FREE

    def __init__(self, embedder: Embedder | None, cache: Path | None = None) -> None:
        """Make the model; nothing is loaded yet.

        Args:
            embedder: Compares meanings; None, or one that is unavailable: by words only.
            cache: The folder where vectors of what it has read whole are kept; None keeps them
                no longer than the model.
        """
        self._reader = Reader(embedder and Recalling(embedder, recent=RECENT))
        self._embedder = embedder
        self._cache = cache
        self._studied: tuple[Sequence[Passage], Study] | None = None
        """What was read last as a whole."""

    async def warm(self) -> None:
        """Load the constants, and the embedder's weights."""
        await asyncio.to_thread(self._reader.load)

    def count(self, text: str) -> int:
        """Nothing: it reads without tokens."""
        return 0

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Read a whole library, sentence by sentence; see `Prepares`.

        What was read is kept, also where this is left early.

        Raises:
            ContextTooLong: It has more than `MOST` characters.
        """
        evidence = _evidence(messages)
        if evidence is None or not _whole(messages):
            return
        characters = sum(len(passage.text) for passage in evidence.passages)
        if characters > MOST:
            raise ContextTooLong(
                f"The embedded model reads {MOST:,} characters as a whole, and here are "
                f"{characters:,}.",
                hint="Take fewer sources: --source PATH, or search: --mode agentic",
            )
        study = await self._study(evidence.passages)
        told = float("-inf")
        while study.left:
            if time.monotonic() >= told + _EVERY:
                told = time.monotonic()
                yield f"Reading every sentence, once: {study.progress}"
            stop = threading.Event()
            try:
                await asyncio.to_thread(study.advance, stop.is_set)
            finally:
                stop.set()

    async def _study(self, passages: Sequence[Passage]) -> Study:
        """The reading of these passages, begun if it is not the last one."""
        if self._studied is None or self._studied[0] != passages:
            kept = None
            if self._embedder is not None:
                kept = KeptVectors(self._cache, self._embedder.name)
            study = await asyncio.to_thread(Study, passages, self._embedder, kept)
            self._studied = (passages, study)
        return self._studied[1]

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer the last user message out of its evidence; without evidence, say what is missing.

        Where a message has a prefix, the evidence is a whole library: it is read as `prepare` says.

        Every quote is one `TextDelta`. The second is left out where both are more than
        `max_tokens` words; the first is never cut. `tools` are not used. Nothing is billed: the
        usage is zero.
        """
        evidence = _evidence(messages)
        if evidence is None:
            yield TextDelta(_ONLY_QUOTES)
            yield ModelUsage()
            return
        if _whole(messages):
            async with aclosing(self.prepare(messages)) as lines:
                async for _ in lines:
                    pass
            study = await self._study(evidence.passages)
            reading = await asyncio.to_thread(study.read, evidence.question)
        elif len(evidence.passages) > _MANY:
            study = await asyncio.to_thread(Study, evidence.passages, None, None)
            reading = await asyncio.to_thread(study.read, evidence.question)
        else:
            reading = await asyncio.to_thread(
                self._reader.read, evidence.question, evidence.passages
            )
        if not reading.answerable:
            yield TextDelta(f"{ABSTENTION}.")
            yield ModelUsage()
            return
        words = 0
        for i, extract in enumerate(reading.answers):
            text = quote(extract)
            words += len(text.split())
            if i and max_tokens is not None and words > max_tokens:
                break
            yield TextDelta(("\n\n" if i else "") + text)
        yield ModelUsage()

    async def aclose(self) -> None:
        """Let go of what was read."""
        self._studied = None


def _evidence(messages: Sequence[Message]) -> Evidence | None:
    """That of the last user message."""
    said = [message for message in messages if message.role == "user"]
    return said[-1].evidence if said else None


def _whole(messages: Sequence[Message]) -> bool:
    """Whether the evidence is all that there is, and will be asked about again."""
    return any(message.prefix for message in messages)


def quote(extract: Extract) -> str:
    """A quote as Markdown, with its marker behind it.

    White space of a soft wrap becomes a blank; a list or code that the sentence takes along keeps
    its lines. A bracketed number of the source's own, which would read as a marker, gets an
    invisible word joiner. The marked words are bold where that breaks no markup of the source.
    """
    text = extract.text
    listed = re.search(r":[*_ ]*\n", text) is not None
    if extract.marked and not listed:
        start, end = (place - extract.start for place in extract.marked[0])
        for span in (*_CODE_SPAN.finditer(text), *_FIGURE.finditer(text)):
            if span.start() < end and start < span.end():
                start, end = min(start, span.start()), max(end, span.end())
        whole = re.sub(r"[\s*_]", "", text[start:end]) and not re.search(
            r"[*\[\]]", text[start:end]
        )
        if whole and "**" not in text and text.count("`", 0, start) % 2 == 0:
            text = f"{text[:start]}**{text[start:end]}**{text[end:]}"
    if not listed:
        text = " ".join(text.split())
    text = _BRACKET.sub(lambda bracket: bracket[0] + _JOINER, text)
    return f"{text}{chr(10) if _FENCE.search(text) else ' '}[{extract.n}]"
