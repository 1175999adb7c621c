"""The words within a quoted sentence that answer: candidates, and what speaks for each.

A candidate is a run of words that begins and ends with a word of content and crosses no strong
punctuation, or a stretch that has the form asked for. A linear score picks one; its weights are
in `weights.json` under `mark`. No parser, no part of speech: form, place and the question's words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from agent.models.reader.question import Question
from agent.models.reader.shapes import Stretch, dates, names, numbers, of_kind, quoted
from agent.models.reader.words import Token, alike, rarity

MARK_FEATURES = (
    "form_exact",
    "form_within",
    "form_across",
    "form_missed",
    "name_exact",
    "name_cut",
    "quoted",
    "number_exact",
    "date_exact",
    "left_edge",
    "right_edge",
    "left_comma",
    "right_comma",
    "asked_share",
    "asked_edge",
    "function_inside",
    "comma_inside",
    "length",
    "length_squared",
    "nearness",
    "after_terms",
    "sentence_end",
    "rarity",
    "capital",
    "focus_inside",
    "focus_next",
    "place_lead",
    "by_lead",
    "person_lead",
    "after_is",
    "thing_after_is",
    "thing_name",
    "thing_number",
    "verb_like",
    "reason_lead",
    "way_by",
    "long_kind",
)

_LONGEST = 12
"""Words of a candidate."""
_HARD = re.compile(r"[.;:!?()\[\]{}|\n—]")
_GLUE_WORDS = """
of the a an and or in to for on at from with by as de la le
"""
_GLUE = frozenset(_GLUE_WORDS.split())
_CLAUSE_WORDS = """
is are was were be been being has have had do does did can could may might must will would shall
should who whom whose which that where when while because although though but if than it he she
they we you i this these those not
"""
_CLAUSE = frozenset(_CLAUSE_WORDS.split())
"""Words that a short answer seldom holds."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A candidate and its place."""

    start: int
    end: int
    """In the characters of the sentence."""
    features: tuple[float, ...]
    """In the order of `MARK_FEATURES`."""


class Sentence:
    """A sentence with what the features ask of it, worked out once."""

    def __init__(self, question: Question, text: str, words: Sequence[Token]) -> None:
        self.question = question
        self.text = text
        self.words = words
        stems = [t.stem for t in question.terms]
        weights = dict(zip(stems, question.weights, strict=True))
        asked = {t.stem for t in question.tokens if t.content}
        self.asked = [any(alike(w.stem, s) >= 0.7 for s in asked) and w.content for w in words]
        self.terms = [
            (at, max((k for s, k in weights.items() if alike(w.stem, s) >= 0.7), default=0.0))
            for at, w in enumerate(words)
        ]
        self.terms = [(at, k) for at, k in self.terms if k]
        self.content = [w.content for w in words]
        self.names = set(names(text))
        self.dates = set(dates(text))
        self.numbers = set(numbers(text))
        self.quoted = set(quoted(text))
        self.forms = self._forms()
        self.focus = question.focus.lower()

    def _forms(self) -> list[Stretch]:
        kind = self.question.kind
        if kind in ("reason", "way"):
            return []
        return list(of_kind(kind, self.text))

    @cached_property
    def starts(self) -> list[int]:
        """Where each word begins."""
        return [w.start for w in self.words]

    def candidates(self) -> list[Mark]:
        """All candidates with their features, in order of place."""
        found: dict[Stretch, Mark] = {}
        for i in range(len(self.words)):
            if not self.content[i] and not self._opens_form(i):
                continue
            for j in range(i, min(i + _LONGEST, len(self.words))):
                if j > i and _HARD.search(self.text[self.words[j - 1].end : self.words[j].start]):
                    break
                if not self.content[j]:
                    continue
                mark = self._mark(i, j)
                found.setdefault((mark.start, mark.end), mark)
        return list(found.values())

    def _opens_form(self, i: int) -> bool:
        return any(a == self.words[i].start for a, _ in self.forms)

    def _mark(self, i: int, j: int) -> Mark:
        words, question, text = self.words, self.question, self.text
        start, end = words[i].start, words[j].end
        for _, b in self.forms:  # a unit's sign (`%`, `°`) or a currency's belongs to the number
            if end < b <= end + 2 and not text[end:b].strip(" %°CF"):
                end = b
        for a, _ in self.forms:
            if start - 2 <= a < start and not text[a:start].strip("$£€¥ "):
                start = a
        span = (start, end)
        size = j - i + 1
        content = [k for k in range(i, j + 1) if self.content[k]]
        asked = [k for k in content if self.asked[k]]
        outside = [(at, k) for at, k in self.terms if not i <= at <= j]
        near = sum(k / (1 + min(abs(at - i), abs(at - j))) for at, k in outside)
        after = sum(k for at, k in outside if at < i)
        whole = sum(k for _, k in outside) or 1.0
        left = words[i - 1].text.lower() if i else ""
        left2 = words[i - 2].text.lower() if i > 1 else ""
        lead = left2 if left in ("the", "a", "an") else left
        right = words[j + 1].text.lower() if j + 1 < len(words) else ""
        gap_left = text[words[i - 1].end if i else 0 : start]
        gap_right = text[end : words[j + 1].start if j + 1 < len(words) else len(text)]
        name = _exact(span, self.names)
        number = _exact(span, self.numbers)
        date = _exact(span, self.dates)
        form = _exact(span, self.forms)
        within = any(a <= start and end <= b for a, b in self.forms)
        holds = any(start <= a and b <= end for a, b in self.forms)
        kind = question.kind
        lower = [words[k].text.lower() for k in range(i, j + 1)]
        is_lead = lead in ("is", "are", "was", "were", "called", "named", "as")
        thing = kind in ("thing", "keywords", "definition")
        flags = (
            form,
            within and not form,
            holds and not form,
            bool(self.forms) and not (form or within or holds),
            name,
            any(a < end and start < b and not (start <= a and b <= end) for a, b in self.names),
            _exact(span, self.quoted),
            number,
            date,
            i == 0 or not self.content[i - 1] or bool(gap_left.strip()),
            j + 1 == len(words) or not self.content[j + 1] or bool(gap_right.strip()),
            "," in gap_left,
            "," in gap_right,
            len(asked) / max(1, len(content)),
            (self.asked[i] + self.asked[j]) / 2,
            sum(w in _CLAUSE for w in lower) / 2,
            sum("," in text[words[k].end : words[k + 1].start] for k in range(i, j)) / 2,
            log(size) / 2,
            (log(size) / 2) ** 2,
            near / whole,
            after / whole,
            j + 1 == len(words),
            sum(rarity(words[k].stem) for k in content) / max(1, len(content)),
            sum(words[k].capital for k in content) / max(1, len(content)),
            bool(self.focus) and self.focus in lower,
            bool(self.focus) and self.focus in (left, right),
            kind == "place" and lead in ("in", "at", "near", "from", "to", "on"),
            lead == "by",
            kind == "person" and lead in ("by", "of", "with"),
            is_lead,
            thing and is_lead,
            thing and name,
            thing and (number or date),
            lower[0].endswith(("ed", "ing")) or lower[-1].endswith("ed"),
            kind == "reason" and lead in ("because", "to", "due", "since", "of", "that"),
            kind == "way" and lead in ("by", "through", "using", "via", "with"),
            kind in ("reason", "way", "definition") and size > 4,
        )
        return Mark(start, end, tuple(float(f) for f in flags))


def _exact(span: Stretch, stretches: Sequence[Stretch] | set[Stretch]) -> bool:
    """Whether the span is one of the stretches; a leading article does not matter."""
    return any(b == span[1] and (a == span[0] or 0 < span[0] - a <= 4) for a, b in stretches)
