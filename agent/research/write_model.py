"""Notes -> sections by a model, from the notes alone, each sentence citing the notes it stands on.

One call a part of the plan and one for the summary. What it writes is read as sentences with their
citations and believed in nothing: `verify.py` holds each against its spans. Where it writes nothing
that cites anything, or its budget ends between two parts, the sources are quoted instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agent.claims import claims
from agent.errors import BudgetSpent
from agent.messages import Message, TextDelta
from agent.prompts import prompt
from agent.research.asking import line
from agent.research.notes import plain
from agent.research.types import Note, Section, Sentence
from agent.research.write import IN_SHORT, opposed, quoted, quoted_summary, statements
from knowledge.pack import fenced

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.research.base import Material
    from agent.research.types import Part

SPENT = "The budget had ended here: these are quotes from the sources."
UNUSABLE = "The model wrote nothing here that cites a source: these are quotes from the sources."
_SECTION = 800
"""Tokens of a section at most."""
_SUMMARY = 400
"""Tokens of the summary at most."""
_NOTES = 24
"""Notes that are shown for a section."""
_FOR_SUMMARY = 4
"""Notes of each part that are shown for the summary."""
_SHOWN = 12_000
"""Characters of notes that are shown, where the model's window is not known or large."""
_SHARE = 0.5
"""Of a model's window that they may take."""
_CHARS = 3
"""Characters of a token, counted low so that they fit."""
_MARKUP = re.compile(r"\A\s*(?:[-*+•>]|\d+[.)])\s+|\*\*|__|`+")


class ModelWrite:
    """A report that a model writes; see `base.Write`."""

    async def write(self, material: Material, model: ChatModel) -> list[Section]:
        """Ask for each part that has notes, then for the summary; see `base.Write.write`."""
        sections: list[Section] = []
        written, spent = 0, False
        for part in material.plan.parts:
            notes = [note for note in material.notes if note.part == part.n]
            if not notes or spent:
                sections.append(quoted(part, material, SPENT if notes else ""))
                continue
            try:
                sections.append(await _section(part, notes, material, model))
                written += 1
            except BudgetSpent:
                if not written:
                    raise
                spent = True
                sections.append(quoted(part, material, SPENT))
        if summary := await _summary(material, model, spent):
            sections.insert(0, summary)
        return sections


async def _section(
    part: Part, notes: Sequence[Note], material: Material, model: ChatModel
) -> Section:
    shown = _fitting(_ranked(notes, material)[:_NOTES], model)
    asked = _asked(part.question, shown, material)
    said = _read(await _said("research_section", asked, model, _SECTION), shown)
    if not said:
        return quoted(part, material, UNUSABLE)
    return Section(part.question, part.n, (*said, *_other_sides(said, shown, material)))


async def _summary(material: Material, model: ChatModel, spent: bool) -> Section | None:
    """The summary; None where it would say no more than the one section there is."""
    otherwise = quoted_summary(material)
    if otherwise is None or spent:
        return otherwise
    best: list[Note] = []
    for part in material.plan.parts:
        found = statements(note for note in material.notes if note.part == part.n)
        best += [statement.notes[0] for statement in found[:_FOR_SUMMARY]]
    shown = _fitting(best, model)
    asked = _asked(material.plan.question, shown, material)
    try:
        said = _read(await _said("research_summary", asked, model, _SUMMARY), shown)
    except BudgetSpent:
        return otherwise
    return Section(IN_SHORT, None, tuple(said)) if said else otherwise


def _ranked(notes: Sequence[Note], material: Material) -> list[Note]:
    """The best first, each with those that contradict it right behind it."""
    by_number = {note.n: note for note in notes}
    ranked: dict[int, Note] = {}
    for statement in statements(notes):
        for note in statement.notes:
            ranked.setdefault(note.n, note)
            for other in opposed(note.n, material):
                if other in by_number:
                    ranked.setdefault(other, by_number[other])
    return list(ranked.values())


def _fitting(notes: Sequence[Note], model: ChatModel) -> list[Note]:
    """The notes, from the first, that a model may be shown at once: one at least."""
    window = model.context_window
    room = _SHOWN if window is None else min(_SHOWN, int(window * _SHARE * _CHARS))
    fitting: list[Note] = []
    for note in notes:
        room -= len(note.claim) + len(note.quote)
        if room < 0 and fitting:
            break
        fitting.append(note)
    return fitting


def _asked(question: str, notes: Sequence[Note], material: Material) -> str:
    """What a model is shown: notes numbered from 1, so that it can cite no other."""
    numbers = {note.n: k for k, note in enumerate(notes, start=1)}
    sources = {source.id: source for source in material.sources}
    lines: list[str] = []
    for note in notes:
        source = sources.get(note.source)
        about = ", ".join(filter(None, (source.title, source.date))) if source else ""
        told = f"{line(note.claim)}\n    “{line(note.quote)}” ({line(about)})"
        lines.append(f"[{numbers[note.n]}] {told}")
    for conflict in material.conflicts:
        if all(n in numbers for n in conflict.notes):
            one, other = (numbers[n] for n in conflict.notes)
            lines.append(f"[{one}] and [{other}] contradict each other: {line(conflict.why)}")
    return prompt(
        "research_material",
        question=fenced(material.plan.question),
        part=fenced(question),
        notes=fenced("\n".join(lines)),
    )


async def _said(rules: str, asked: str, model: ChatModel, longest: int) -> str:
    messages = [Message("system", prompt(rules)), Message("user", asked)]
    pieces: list[str] = []
    async with aclosing(model.stream(messages, max_tokens=longest)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                pieces.append(delta.text)
    return "".join(pieces)


def _read(text: str, shown: Sequence[Note]) -> list[Sentence]:
    """What was written, as sentences; one without a citation is given its paragraph's.

    Empty where nothing at all is cited.
    """
    found: list[Sentence] = []
    for claim in claims(text, len(shown)):
        if claim.abstains:
            continue
        numbers = claim.markers or claim.nearby
        words = line(_MARKUP.sub("", claim.text))
        found.append(Sentence(words, tuple(shown[n - 1].n for n in numbers), "unsupported"))
    return found if any(sentence.notes for sentence in found) else []


def _other_sides(
    said: Sequence[Sentence], shown: Sequence[Note], material: Material
) -> list[Sentence]:
    """Quotes for the sides of conflicts that a section leaves out though it cites the other."""
    notes = {note.n: note for note in shown}
    cited = {n for sentence in said for n in sentence.notes}
    missing = {other for n in cited for other in opposed(n, material)} - cited
    return [
        Sentence(plain(notes[n].quote), (n,), "unsupported") for n in sorted(missing & notes.keys())
    ]
