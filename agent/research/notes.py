"""What a source says to a sub-question: spans of its text, each with the claim it bears out.

By the embedded reader, which finds the sentences that answer; or by a model, each of whose quotes
must stand in the text letter for letter, or is no note. The text is data: a model gets it fenced,
and paragraphs that give orders are not quoted.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from math import exp
from typing import TYPE_CHECKING, Any

from agent.errors import BadModelOutput
from agent.frames import framed, supposes
from agent.messages import Message
from agent.models.reader import RECENT, Reader, Recalling
from agent.models.reader.confidence import confidence_features
from agent.models.reader.features import RANK_FEATURES
from agent.models.reader.weights import load, probability
from agent.prompts import prompt
from agent.quotes import balanced, find, normalise
from agent.research.asking import ask_json
from agent.research.types import Note
from agent.research.unfit import orders, stub
from agent.research.windows import around, likely, windows
from agent.support import ENOUGH, contradicts, support
from knowledge.pack import fenced
from knowledge.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.models.base import ChatModel
    from agent.models.reader.reader import Ranked
    from agent.research.base import TakeNotes
    from agent.research.types import Part, Source
    from knowledge.embed import Embedder
    from knowledge.types import Passage

MOST = 4
"""Notes of one source for one sub-question."""
_WINDOWS = 8
"""That the embedded reader reads: as many passages as its confidence was fitted on."""
_LONGEST = 900
"""Characters of a quote."""
_SHOWN = 24_000
"""Characters of a source that a model is shown, where its window is not known or large."""
_SHARE = 0.5
"""Of a model's window that a source may take."""
_CHARS = 3
"""Characters of a token, counted low so that it fits."""
_ANSWER = 1500
"""Tokens of a model's notes at most."""
_LATER = 0.95
"""What each further note of a model is worth beside the one before: the best come first."""

_SPREAD = 2.0
"""By how much a score of the reader must be lower for a sentence to be e times less worth noting:
twice what it means where only one sentence is wanted."""
_UNFORMED = 0.5
_FRAMED = 0.35
"""What a sentence is worth that tells of no fact: too little to call a sub-question answered."""
_FORM = RANK_FEATURES.index("form")

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)")
_MARKUP = re.compile(
    r"(?m)^[^\S\n]*(?:#{1,6}\s+|>\s*|[-*+]\s+)|\*{1,3}(?=\S)|(?<=\S)\*{1,3}|`+|(?<!\w)_+|_+(?!\w)"
)


class ReaderNotes:
    """Notes by the embedded reader; see `TakeNotes`. A note claims what it quotes."""

    def __init__(self, embedder: Embedder | None) -> None:
        """Make it; nothing is loaded yet.

        Args:
            embedder: Compares meanings; None, or one that is unavailable: by words only.
        """
        self._reader = Reader(embedder and Recalling(embedder, recent=RECENT))

    async def take(self, part: Part, source: Source, text: str, model: ChatModel) -> list[Note]:
        """Quote the sentences that answer; the model is not asked. See `TakeNotes.take`."""
        return await asyncio.to_thread(self._take, part, source, text)

    def _take(self, part: Part, source: Source, text: str) -> list[Note]:
        if stub(source, text):
            return []
        passages = likely(windows(source, text), part.question, _WINDOWS)
        ranked = self._reader.rank(part.question, passages)
        if ranked is None:
            return []
        forbidden = orders(text, source.flags)
        weights = load(ranked.dense)
        found: list[Note] = []
        for k in range(min(len(ranked.order), 2 * MOST)):
            span = _span(ranked, k, passages)
            claim = plain(text[span.start : span.end])
            score = _score(ranked, k) * _as_fact(part, claim)
            if score < weights.threshold or any(span.overlaps(order) for order in forbidden):
                continue
            note = _note(part, source, text, span, claim, score)
            if any(claim.lower() == other.claim.lower() for other in found) or not claim:
                continue
            # A sentence that is quoted with the one before it takes that one's place.
            same = [other for other in found if _overlap(note, other)]
            if all(note.start <= other.start and other.end <= note.end for other in same):
                found = [other for other in found if other not in same]
                found.append(replace(note, score=max(n.score for n in (note, *same))))
        return sorted(found, key=lambda note: -note.score)[:MOST]


class ModelNotes:
    """Notes by a model, whose quotes are checked and located; see `TakeNotes`."""

    def __init__(self, otherwise: TakeNotes) -> None:
        """Make it.

        Args:
            otherwise: Takes the notes where the model gives nothing that can be used.
        """
        self._otherwise = otherwise

    async def take(self, part: Part, source: Source, text: str, model: ChatModel) -> list[Note]:
        """Ask the model for claims with their quotes; see `TakeNotes.take`."""
        if stub(source, text):
            return []
        shown, whole, forbidden = await asyncio.gather(
            asyncio.to_thread(_shown, part, source, text, _room(model)),
            asyncio.to_thread(normalise, text),
            asyncio.to_thread(orders, text, source.flags),
        )

        def check(data: Any) -> list[Note]:
            notes: list[Note] = []
            listed = data.get("notes") if isinstance(data, dict) else None
            if not isinstance(listed, list):
                raise ValueError('it is not of the form {"notes": […]}')
            lost = ""
            for each in listed[: 2 * MOST]:
                quote = each.get("quote") if isinstance(each, dict) else None
                claim = each.get("claim") if isinstance(each, dict) else None
                if not isinstance(quote, str) or not isinstance(claim, str):
                    raise ValueError('each note needs a "claim" and a "quote", both texts')
                span = find(quote, whole)
                if span is None or not 0 < len(span) <= _LONGEST:
                    lost = lost or quote
                    continue
                span = _in_frame(text, balanced(text, span))
                if len(span) > _LONGEST or any(span.overlaps(order) for order in forbidden):
                    continue
                note = _checked(part, source, text, span, claim, len(notes))
                if not any(_overlap(note, other) for other in notes):
                    notes.append(note)
            if lost and not notes:
                raise ValueError(f"this quote does not stand in the text so: {lost[:200]!r}")
            return notes[:MOST]

        messages = [
            Message("system", prompt("research_notes", most=str(MOST))),
            Message("user", _asked(part, source, shown)),
        ]
        try:
            return await ask_json(model, messages, check, max_tokens=_ANSWER)
        except BadModelOutput:
            return await self._otherwise.take(part, source, text, model)


def plain(quote: str) -> str:
    """A quote as a sentence: on one line, without the markup of links, emphasis and lists."""
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", quote)).split())


def _score(ranked: Ranked, k: int) -> float:
    """The chance that the k-th sentence answers.

    As the reader's confidence gives it were the sentence the best one; less by how far it ranks
    behind the best, and where it has not the form that is asked for: no date after `when`.
    """
    first = [k, *(i for i in range(len(ranked.order)) if i != k)]
    features = confidence_features(
        ranked.overlap,
        [ranked.order[i] for i in first],
        [ranked.rows[i] for i in first],
        [ranked.scores[i] for i in first],
    )
    sure = probability(load(ranked.dense).confidence(features))
    behind = exp((ranked.scores[k] - ranked.scores[0]) / _SPREAD)
    return sure * behind * (1.0 if ranked.rows[k][_FORM] else _UNFORMED)


def _span(ranked: Ranked, k: int, passages: Sequence[Passage]) -> Span:
    """Where the k-th sentence stands in the text, with the one before it where it points back."""
    unit = ranked.units[k]
    passage = passages[unit.n - 1]
    start, end = unit.start, unit.end
    if unit.leans:
        before = [
            u for u in ranked.overlap.units if (u.n, u.position) == (unit.n, unit.position - 1)
        ]
        if before and "\n\n" not in passage.text[before[0].end : start]:
            start = before[0].start
            if end - start > _LONGEST:
                start = unit.start
    return Span(passage.start + start, passage.start + end)


def _note(part: Part, source: Source, text: str, span: Span, claim: str, score: float) -> Note:
    quote = text[span.start : span.end]
    return Note(0, part.n, source.id, span.start, span.end, quote, claim, round(score, 4))


def _checked(part: Part, source: Source, text: str, span: Span, claim: str, at: int) -> Note:
    """A model's note: what its quote does not bear out, it does not claim."""
    quote, claim = text[span.start : span.end], plain(claim)
    borne = support(claim, quote, source.title) if claim else None
    if borne is None or borne.score < ENOUGH:
        claim, score = plain(quote), ENOUGH
    else:
        score = min(1.0, borne.score)
    score *= _as_fact(part, claim) * _LATER**at
    return _note(part, source, text, span, claim, score)


def _in_frame(text: str, span: Span) -> Span:
    """A quote with its whole sentence, where that takes back what the quote says: a denial, an if.

    So nobody reads "it was built in 1750" of a sentence that begins "A forged letter says that".
    """
    whole = around(text, span)
    cut = contradicts(plain(text[span.start : span.end]), plain(text[whole.start : whole.end]))
    return whole if cut else span


def _as_fact(part: Part, claim: str) -> float:
    """What a claim is worth for telling a fact: little where it tells of a story or an "if".

    Unless that is what is asked for.
    """
    return _FRAMED if framed(claim) and not supposes(part.question) else 1.0


def _overlap(one: Note, other: Note) -> bool:
    return one.start < other.end and other.start < one.end


def _room(model: ChatModel) -> int:
    window = model.context_window
    return _SHOWN if window is None else max(1000, min(_SHOWN, int(window * _SHARE * _CHARS)))


def _shown(part: Part, source: Source, text: str, room: int) -> str:
    """The text, or of a long one what may answer, in its order."""
    if len(text) <= room:
        return text
    asked = "\n".join((part.question, *part.queries))
    best: list[Passage] = []
    for passage in likely(windows(source, text), asked, room):
        if len(passage.text) <= room:
            room -= len(passage.text)
            best.append(passage)
    best.sort(key=lambda passage: passage.start)
    return "\n\n[…]\n\n".join(passage.text for passage in best)


def _asked(part: Part, source: Source, shown: str) -> str:
    question = f"{part.question}\nAnswered by: {part.answered_by}"
    return prompt(
        "research_notes_source",
        question=fenced(question),
        title=fenced(f"{source.title}\n{source.date}".strip()),
        text=fenced(shown),
    )
