"""The markers of an answer -> quoted spans of the stored text, and how well all of it is borne out.

An answer is read as claims: its sentences, each with the markers in it or right behind it. A claim
that stands in its passage letter for letter (`quotes.py` says what that forgives) is quoted
exactly there, or with the whole sentence that it was cut out of; where the rest of that sentence
denies it, it is not borne out. Any other is a paraphrase: the passage's sentences that bear it out
best are quoted, and weighed (`support.py`). What the answer itself puts between quotation marks
must stand in a passage that it cites. It judges nothing but words: whether the answer is true is
not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.claims import ABSTENTION, Claim, abstains, claims
from agent.events import Citation, Outcome
from agent.quotes import balanced, bold, find, normalise, quoted
from agent.support import ENOUGH, Support, contradicts, says_something, support
from knowledge.sentences import sentences
from knowledge.types import Document, Passage, Span

__all__ = ["ABSTENTION", "Resolved", "resolve"]

_SHORT = 3
"""A part between quotation marks of fewer words is a name or an irony, and need not stand
anywhere."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of an answer's markers."""

    citations: tuple[Citation, ...]
    """In the order of the answer; at most one for a number and a span."""
    outcome: Outcome
    note: str
    """Why the outcome is not plainly grounded, in words for the user; empty if it is."""
    unsupported: tuple[Claim, ...] = ()
    """The claims that are not borne out, in the order of the answer."""


def resolve(
    text: str,
    passages: Sequence[Passage],
    documents: Mapping[str, Document],
    *,
    stale: Callable[[str], bool] = lambda _: False,
) -> Resolved:
    """Check an answer against what it cites.

    The outcome is `grounded` where every claim is supported: it stands in a cited passage letter
    for letter, or scores at least `support.ENOUGH` there, and quotes nothing falsely. `partial`:
    some are. `unanswerable`: the answer begins with `ABSTENTION` and cites nothing. Otherwise
    `ungrounded`.

    Args:
        text: The answer, as `markers.MarkerFilter` has left it.
        passages: `passages[0]` is what `[1]` names.
        documents: By id, those that the cited passages came from. A passage whose document is
            missing, or does not hold it, is quoted unverified and supports nothing.
        stale: Whether a source has changed since it was indexed.
    """
    sources: dict[int, _Source] = {}
    citations: dict[tuple[int, int, int, bool], Citation] = {}
    claimed = false = 0
    unsupported: list[Claim] = []
    silent = False
    for claim in claims(text, len(passages)):
        if claim.abstains:
            silent = True
            continue
        for n in {*claim.markers, *claim.nearby} - sources.keys():
            passage = passages[n - 1]
            document = documents.get(passage.document_id)
            sources[n] = _Source(n, passage, document, stale(passage.source))
        verdict = _check(claim, sources)
        claimed += 1
        if not verdict.supported:
            unsupported.append(claim)
        false += verdict.false
        for found in verdict.citations:
            key = (found.n, found.start, found.end, found.verified)
            known = citations.get(key, found)
            marked = dict.fromkeys(known.marked + found.marked)
            citations[key] = replace(known, marked=tuple(marked))
    if abstains(text) and not citations:
        return Resolved((), "unanswerable", "")
    outcome: Outcome = "ungrounded"
    if supported := claimed - len(unsupported):
        outcome = "grounded" if supported == claimed and not silent else "partial"
    note = _note(claimed, supported, false, silent)
    return Resolved(tuple(citations.values()), outcome, note, tuple(unsupported))


@dataclass(frozen=True, slots=True)
class _Verdict:
    citations: list[Citation]
    supported: bool
    false: int
    """Parts between quotation marks that stand in no cited passage."""


class _Source:
    """A cited passage in its document."""

    def __init__(self, n: int, passage: Passage, document: Document | None, stale: bool) -> None:
        self.n = n
        self.text = passage.text
        self.about = f"{passage.title} {passage.place}"
        self.normal = normalise(passage.text)
        self._passage = passage
        self._document = document
        self._stale = stale
        self._base = _base(passage, document)

    @property
    def there(self) -> bool:
        """Whether the stored document holds the passage."""
        return self._base is not None

    def find(self, words: str) -> Span | None:
        """Where the words stand letter for letter."""
        span = find(words, self.normal)
        return span and balanced(self.text, span)

    def whole(self, span: Span) -> Span:
        """The sentences that a span stands in; it itself where no word of theirs is left out."""
        around = [sentence for sentence in sentences(self.text) if sentence.overlaps(span)]
        if not around:
            return span
        start, end = min(span.start, around[0].start), max(span.end, around[-1].end)
        left_out = self.text[start : span.start] + self.text[span.end : end]
        return Span(start, end) if any(map(str.isalnum, left_out)) else span

    def cite(self, span: Span, claim: str, *, words: str = "") -> Citation:
        """A citation of a span of the passage, or of `words` that do not stand in it."""
        base = self._passage.start if self._base is None else self._base
        place = Span(base + span.start, base + span.end)
        quote = self.text[span.start : span.end]
        document = self._document
        normal = normalise(quote)
        marks = [found for word in bold(claim) if (found := find(word, normal))]
        return Citation(
            n=self.n,
            source=self._passage.source,
            title=self._passage.title,
            place=document.place(place) if document and self.there else self._passage.place,
            quote=words or quote,
            start=place.start,
            end=place.end,
            verified=bool(
                not words and document and document.text[place.start : place.end] == quote
            ),
            stale=self._stale,
            document_id=self._passage.document_id,
            # What the source itself has in bold was not marked by whoever answered.
            marked=tuple(
                quote[mark.start : mark.end]
                for mark in marks
                if not quote.endswith("**", 0, mark.start)
            ),
        )


def _base(passage: Passage, document: Document | None) -> int | None:
    """Where the passage begins in the document; None where it does not stand there."""
    if document is None:
        return None
    if document.text.startswith(passage.text, passage.start):
        return passage.start
    at = document.text.find(passage.text)
    return None if at < 0 else at


def _check(claim: Claim, sources: Mapping[int, _Source]) -> _Verdict:
    own = [sources[n] for n in claim.markers or claim.nearby]
    found: list[Citation] = []
    missing = [part for part in quoted(claim.text) if len(part.split()) >= _SHORT]
    standing = [part for part in missing if any(source.find(part) for source in own)]
    missing = [part for part in missing if part not in standing]
    best = 0.0
    for source in own:
        if stands := _verbatim(claim.text, source):
            found.append(source.cite(stands.span, claim.text))
            best = max(best, stands.score if source.there else 0.0)
            continue
        weighed = support(claim.text, source.text, source.about)
        score = weighed.score if weighed and source.there else 0.0
        best = max(best, score)
        parts = [span for part in standing if (span := source.find(part))]
        found += [source.cite(span, claim.text) for span in parts]
        # Without a marker of its own, a claim is given only what bears it out.
        if weighed and not parts and (claim.markers or score >= ENOUGH):
            found.append(source.cite(weighed.span, claim.text))
    if best < ENOUGH and len(own) > 1 and all(source.there for source in own):
        # A claim may gather what several passages say.
        together = support(
            claim.text,
            "\n\n".join(source.text for source in own),
            " ".join(source.about for source in own),
        )
        best = together.score if together else 0.0
    found += [own[0].cite(Span(0, len(own[0].text)), "", words=part) for part in missing if own]
    return _Verdict(found, best >= ENOUGH and not missing, len(missing) if own else 0)


def _verbatim(claim: str, source: _Source) -> Support | None:
    """Where a claim stands as it is, or but for the mark that ends it or those around it.

    Out of the middle of a sentence, it must say something by itself, and nothing that the sentence
    denies.
    """
    bare = claim.rstrip(" .!?…:;,*_")
    for words in (claim, bare, bare.strip('"“”„«»')):
        if span := source.find(words):
            whole = source.whole(span)
            said = source.text[whole.start : whole.end]
            borne = whole == span or (says_something(claim) and not contradicts(claim, said))
            return Support(float(borne), whole)
    return None


def _note(claimed: int, supported: int, false: int, silent: bool) -> str:
    notes = []
    if not claimed:
        notes.append("The answer claims nothing that a source could bear out.")
    elif supported < claimed:
        some = f"Only {supported} of {claimed} statements are" if supported else "No statement is"
        notes.append(f"{some} borne out by the sources.")
    if silent:
        notes.append("The sources do not hold a part of what was asked.")
    if false:
        notes.append("A quotation in the answer does not stand in the source it names.")
    return " ".join(notes)
