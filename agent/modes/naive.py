"""Naive retrieval: search once, show the model what was found, check what it cites. No loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, assert_never

from agent.citations import ABSTENTION, resolve
from agent.errors import BadModelOutput
from agent.events import Done, Status, Thought, Token, Usage
from agent.markers import MarkerFilter
from agent.messages import ModelUsage, TextDelta, ThoughtDelta, ToolRequest
from agent.modes.prompting import Prompt, ask, standalone
from knowledge.errors import SourceNotFound

if TYPE_CHECKING:
    from agent.citations import Resolved
    from agent.events import Event
    from agent.modes.base import Turn
    from knowledge.library import Found, Library
    from knowledge.types import Document, Passage


class Naive:
    """See `Mode` for the contract."""

    name = "naive"

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one turn.

        The model warms up while the library is searched. Where nothing was found, and nothing was
        handed in, the model is not asked: there is nothing that it could say with a source.
        """
        warming = asyncio.create_task(turn.model.warm())
        try:
            yield Status("Searching the library", stage="search")
            query = standalone(turn.question, turn.history)
            found = await turn.library.search(query, limit=turn.passages, filters=turn.filters)
            if found.note or found.how == "lexical":
                yield Status(found.note or "Searched by words only.", stage="note")
            if not found.passages and not turn.context.strip():
                text = f"{ABSTENTION}."
                yield Token(text)
                yield Done(text, "unanswerable", self.name, turn.model.name, note=_nothing(found))
                return
            asked = ask(turn, query, found.passages)
            yield Status(_reading(asked.passages), stage="read")
            await warming
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)

        markers = MarkerFilter(range(1, len(asked.passages) + 1))
        said: list[str] = []
        cut = False
        async with aclosing(
            turn.model.stream(asked.messages, max_tokens=turn.max_tokens)
        ) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta():
                        if shown := _opened(said, markers.feed(delta.text)):
                            yield Token(shown)
                    case ThoughtDelta():
                        yield Thought(delta.text)
                    case ModelUsage():
                        cut = delta.finish == "length"
                        yield _usage(delta)
                    case ToolRequest():
                        raise BadModelOutput(
                            f"{turn.model.name} asked for a tool, and was given none.",
                            hint="Ask again, or take another model: --model M",
                        )
                    case _:
                        assert_never(delta)
        if shown := _opened(said, markers.flush()):
            yield Token(shown)
        text = "".join(said)
        if not text.strip():
            raise BadModelOutput(
                f"{turn.model.name} gave an empty answer" + (", cut at the limit." if cut else "."),
                hint="Allow more: --max-tokens N" if cut else "Ask again, or take another model.",
            )

        cited = [asked.passages[n - 1] for n in sorted({m.n for m in markers.markers})]
        if cited:
            yield Status("Checking the citations", stage="verify")
        documents, stale = await _stored(turn.library, cited)
        resolved = resolve(text, asked.passages, documents, stale=stale.__getitem__)
        for citation in resolved.citations:
            yield citation
        yield Done(
            text=text,
            outcome=resolved.outcome,
            mode=self.name,
            model=turn.model.name,
            note=_note(turn, resolved, asked, cut),
            removed_markers=markers.removed,
        )


def _opened(said: list[str], shown: str) -> str:
    """Note what is shown; an answer does not open with white space."""
    shown = shown if said else shown.lstrip()
    if shown:
        said.append(shown)
    return shown


def _usage(usage: ModelUsage) -> Usage:
    return Usage(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost)


async def _stored(
    library: Library, cited: Sequence[Passage]
) -> tuple[dict[str, Document], dict[str, bool]]:
    """The cited documents that are still there, by id; whether each source has changed."""
    documents: dict[str, Document] = {}
    for document_id in {passage.document_id for passage in cited}:
        # A sync may have taken it out since the search.
        with suppress(SourceNotFound):
            documents[document_id] = await library.document(document_id)
    sources = {passage.source for passage in cited}
    return documents, {source: await library.stale(source) for source in sources}


def _reading(passages: Sequence[Passage]) -> str:
    n, sources = len(passages), len({passage.source for passage in passages})
    return (
        f"Reading {n} passage{'s' if n != 1 else ''} from {sources} source"
        f"{'s' if sources != 1 else ''}"
    )


def _nothing(found: Found) -> str:
    if found.how == "empty":
        return "The library is empty. Add documents: agent add PATH"
    return "No passage of the library fits the question."


def _note(turn: Turn, resolved: Resolved, asked: Prompt, cut: bool) -> str:
    notes = [resolved.note]
    if cut:
        notes.append("The answer was cut at the token limit.")
    if asked.dropped:
        notes.append(f"{asked.dropped} of the passages found did not fit the model's window.")
    if turn.context.strip() and resolved.outcome in ("partial", "ungrounded"):
        notes.append("What rests on the text handed in cannot be cited.")
    return " ".join(filter(None, notes))
