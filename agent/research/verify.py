"""Written sections -> sections that hold: each cited sentence against the spans that it cites.

A sentence that stands in a span letter for letter is quoted; any other is weighed against its
spans (`agent.support`). A citation that does not help its sentence goes. A sentence that nothing
bears out is dropped: its span denies it, holds another number or not those words between quotation
marks, or it cites nothing that was read. One that is borne out in part is kept and marked. A
section that loses all its sentences has its notes quoted instead. It judges words, not truth, and
asks no model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from agent.names import names
from agent.quotes import Normal, find, normalise, quoted
from agent.research.base import Verified
from agent.research.notes import plain
from agent.research.types import Note, Section, Sentence, Standing
from agent.research.windows import around
from agent.research.write import own, statements
from agent.support import ENOUGH, content, contradicts, says_something, support
from knowledge.types import Span

_DOUBTFUL = ENOUGH / 2
"""From this score on, a sentence that is not supported is marked; below it, dropped."""
_SHORT = 3
"""Words between quotation marks that are fewer are a name or an irony, and need not stand
anywhere."""
_NEAR = 600
"""Characters before and behind a quote in which its sentence, and what its pronouns mean, lie."""
_HEAD = 300
"""Characters at the beginning of a source that say what it is about."""
_PRONOUN = re.compile(
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|this|these|we|our|i|my)\b", re.IGNORECASE
)
_QUOTED = 8
"""Statements of the sources at most that stand in for what was written."""
LEFT_OUT = "What was written here was not borne out by the sources, and was left out."
"""What stands in a section of which nothing is left, and to which there are no notes that hold."""
QUOTED_INSTEAD = (
    "What was written here was not borne out by the sources: these are quotes from them."
)
"""What begins a section of which nothing is left but what its notes say."""


class SpanVerify:
    """Holds sentences against stored text; see `base.Verify`."""

    async def verify(
        self,
        sections: Sequence[Section],
        notes: Sequence[Note],
        texts: Mapping[str, str],
        titles: Mapping[str, str] = MappingProxyType({}),
    ) -> Verified:
        """Check each cited sentence against its notes' spans.

        Args:
            sections: As written. A sentence without notes is the program's own where it is called
                supported, and is dropped otherwise.
            notes: All of the run. One whose source has no text here, or whose quote does not stand
                in it at its place, supports nothing.
            texts: The stored text of each source that a note stands on, by `Source.id`.
            titles: Of the sources likewise, where they have any.
        """
        return await asyncio.to_thread(_verified, sections, notes, texts, titles)


def _verified(
    sections: Sequence[Section],
    notes: Sequence[Note],
    texts: Mapping[str, str],
    titles: Mapping[str, str],
) -> Verified:
    spans = {
        note.n: _Cited(note, texts[note.source], titles.get(note.source, ""))
        for note in notes
        if _stands(note, texts)
    }
    kept: list[Section] = []
    dropped = marked = 0
    for section in sections:
        held = [_held(sentence, spans) for sentence in section.sentences]
        left = tuple(sentence for sentence in held if sentence is not None)
        dropped += len(held) - len(left)
        marked += sum(sentence.standing == "unsupported" for sentence in left)
        if len(left) < len(held) and not any(sentence.notes for sentence in left):
            left += _from_notes(section, notes, spans)
        kept.append(replace(section, sentences=left))
    return Verified(tuple(kept), dropped, marked)


def _from_notes(
    section: Section, notes: Sequence[Note], spans: Mapping[int, _Cited]
) -> tuple[Sentence, ...]:
    """What the notes say to the part of a section of which nothing is left."""
    found = statements(note for note in notes if note.part == section.part and note.n in spans)
    said = [_held(each.sentence, spans) for each in found[:_QUOTED]]
    quotes = [sentence for sentence in said if sentence is not None]
    return (own(QUOTED_INSTEAD), *quotes) if quotes else (own(LEFT_OUT),)


def _stands(note: Note, texts: Mapping[str, str]) -> bool:
    """Whether a note's quote stands in the stored text of its source, at its place."""
    text = texts.get(note.source, "")
    return bool(note.quote.strip()) and text[note.start : note.end] == note.quote


class _Cited:
    """A note in the stored text of its source."""

    def __init__(self, note: Note, text: str, title: str) -> None:
        self.n = note.n
        self._title = title
        self.quote = note.quote
        start = max(0, note.start - _NEAR)
        self._window = text[start : note.end + _NEAR]
        self._offset = note.start - start
        """Of the quote in the window around it."""
        self._head = text[:_HEAD]

    @cached_property
    def normal(self) -> Normal:
        return normalise(self.quote)

    @cached_property
    def unmarked(self) -> Normal:
        """The quote without the markup of links and lists, as notes show it."""
        return normalise(plain(self.quote))

    @cached_property
    def about(self) -> str:
        """What it may speak of without saying it: its title, the names shortly before and on top.

        Nothing where it has names of its own, and no pronoun.
        """
        if any(map(content, names(self.quote))) and not _PRONOUN.search(self.quote):
            return ""
        before = self._window[: self._offset]
        return " ".join(dict.fromkeys([self._title, *names(self._head), *names(before)]))

    def around(self, place: Span) -> str:
        """The sentences of the source that a range of the quote stands in, whole."""
        whole = around(self._window, Span(place.start + self._offset, place.end + self._offset))
        return self._window[whole.start : whole.end]


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A sentence against one span."""

    score: float
    verbatim: bool = False
    denied: bool = False


def _held(sentence: Sentence, spans: Mapping[int, _Cited]) -> Sentence | None:
    """The sentence with the notes that bear it out, and how it stands; None to drop it."""
    if not sentence.notes:
        return sentence if sentence.standing == "supported" else None
    cited = [spans[n] for n in dict.fromkeys(sentence.notes) if n in spans]
    if not cited or not says_something(sentence.text) or _misquotes(sentence.text, cited):
        return None
    each = {span.n: _weigh(sentence.text, span) for span in cited}
    standing: Standing
    if alone := [span for span in cited if each[span.n].score >= ENOUGH]:
        standing = "quoted" if any(each[span.n].verbatim for span in alone) else "supported"
        return replace(sentence, notes=tuple(span.n for span in alone), standing=standing)
    if any(weighed.denied for weighed in each.values()):
        return None
    needed, score = _together(sentence.text, cited)
    if score < _DOUBTFUL:
        return None
    standing = "supported" if score >= ENOUGH else "unsupported"
    return replace(sentence, notes=tuple(span.n for span in needed), standing=standing)


def _misquotes(text: str, cited: Sequence[_Cited]) -> bool:
    """Whether it puts words between quotation marks that stand in none of its spans."""
    parts = [part for part in quoted(text) if len(part.split()) >= _SHORT]
    return any(not any(find(part, span.normal) for span in cited) for part in parts)


def _verbatim(text: str, span: _Cited) -> Span | None:
    """Where in the quote a sentence stands, but for the mark that ends it or those around it."""
    bare = text.rstrip(" .!?…:;,*_")
    for words in (text, bare, bare.strip('"“”„«»')):
        if place := find(words, span.normal):
            return place
        if find(words, span.unmarked):
            return Span(0, len(span.quote))
    return None


def _weigh(text: str, span: _Cited) -> _Weighed:
    """Against one span: by its words as they stand, or else by `support`."""
    verbatim = _verbatim(text, span)
    weighed = None if verbatim else support(text, span.quote, span.about)
    place = verbatim or (weighed.span if weighed else Span(0, 0))
    if contradicts(text, span.around(place)):
        return _Weighed(0.0, denied=True)
    return _Weighed(1.0, verbatim=True) if verbatim else _Weighed(weighed.score if weighed else 0.0)


def _together(text: str, cited: Sequence[_Cited]) -> tuple[list[_Cited], float]:
    """What several spans say for a sentence together, and those of them that it needs."""

    def score(spans: Sequence[_Cited]) -> float:
        passage = "\n\n".join(span.quote for span in spans)
        weighed = support(text, passage, " ".join(span.about for span in spans))
        return weighed.score if weighed else 0.0

    needed, best = list(cited), score(cited)
    for span in cited:
        rest = [other for other in needed if other is not span]
        if rest and score(rest) >= best:
            needed = rest
    return needed, best
