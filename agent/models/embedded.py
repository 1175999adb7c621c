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
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.messages import ModelUsage, TextDelta
from agent.models.reader import Extract, Reader

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec
    from knowledge.embed import Embedder

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


class Embedded:
    """See `ChatModel` for the contract."""

    name = NAME
    context_window: int | None = None
    """It reads every passage it is shown."""
    can_call_tools = False

    def __init__(self, embedder: Embedder | None) -> None:
        """Make the model; nothing is loaded yet.

        Args:
            embedder: Compares meanings; None, or one that is unavailable: by words only.
        """
        self._reader = Reader(embedder)

    async def warm(self) -> None:
        """Load the constants, and the embedder's weights."""
        await asyncio.to_thread(self._reader.load)

    def count(self, text: str) -> int:
        """The words of a text, which is all that this model counts in."""
        return len(text.split())

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer the last user message out of its evidence; without evidence, say what is missing.

        Every quote is one `TextDelta`. The second is left out where both are more than
        `max_tokens` words; the first is never cut. `tools` are not used. Nothing is billed: the
        usage is zero.
        """
        said = [message for message in messages if message.role == "user"]
        evidence = said[-1].evidence if said else None
        if evidence is None:
            yield TextDelta(_ONLY_QUOTES)
            yield ModelUsage()
            return
        reading = await asyncio.to_thread(self._reader.read, evidence.question, evidence.passages)
        if not reading.answerable:
            yield TextDelta(f"{ABSTENTION}.")
            yield ModelUsage()
            return
        words = 0
        for i, extract in enumerate(reading.answers):
            text = quote(extract)
            words += self.count(text)
            if i and max_tokens is not None and words > max_tokens:
                break
            yield TextDelta(("\n\n" if i else "") + text)
        yield ModelUsage()

    async def aclose(self) -> None:
        """Nothing is held open."""


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
        for span in _CODE_SPAN.finditer(text):
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
