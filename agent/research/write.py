"""Notes -> the sections of a report, in the sources' own words: sentences quoted, grouped, ranked.

Says nothing of its own but what it is, so it needs no model. `write_model.py` has a model write.
The plan that the user has approved is the outline. Whether a sentence stands is not decided here;
that is `verify.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from agent.research.notes import plain
from agent.research.types import Note, Section, Sentence
from agent.support import content, contradicts, numbers

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.research.base import Material
    from agent.research.types import Part

IN_SHORT = "In short"
"""The heading of the summary."""
QUOTES = "What follows is quoted from the sources; no model has written it."
NOTHING = "Nothing that was read answers this."
_MOST = 8
"""Statements of a section; the other side of a conflict comes on top."""
_SAME = 0.75
"""The Jaccard index of the content words of two notes from which on they say the same, where
their numbers are the same."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one or several notes say."""

    notes: tuple[Note, ...]
    """The best first."""

    @property
    def worth(self) -> float:
        """How well it answers, in [0, 1]: the chance that one of its sources does, each by itself.

        Of several notes of one source, the best counts.
        """
        best: dict[str, float] = {}
        for note in self.notes:
            best[note.source] = max(best.get(note.source, 0.0), min(1.0, max(0.0, note.score)))
        return 1.0 - prod(1.0 - score for score in best.values())

    @property
    def sentence(self) -> Sentence:
        """In the words of its best note's source: a claim may be a model's."""
        return Sentence(
            plain(self.notes[0].quote), tuple(note.n for note in self.notes), "unsupported"
        )


class QuotedWrite:
    """A report of quoted sentences; see `base.Write`."""

    async def write(self, material: Material, model: ChatModel) -> list[Section]:
        """The best statement of each part, and each part with its statements; asks no model."""
        return await asyncio.to_thread(_sections, material)


def _sections(material: Material) -> list[Section]:
    sections = [quoted(part, material) for part in material.plan.parts]
    if summary := quoted_summary(material):
        sections.insert(0, summary)
    first = sections[0]
    said = (own(QUOTES), *first.sentences)
    return [Section(first.heading, first.part, said), *sections[1:]]


def own(text: str) -> Sentence:
    """A sentence of the program's own, which claims nothing of the matter."""
    return Sentence(text, (), "supported")


def quoted(part: Part, material: Material, why: str = "") -> Section:
    """What the notes say to a part, in the sources' words, contradictions side by side.

    Args:
        part: Of the plan.
        material: What was found.
        why: A sentence of the program's own to begin with.
    """
    found = statements(note for note in _placed(material) if note.part == part.n)
    said = [own(why)] if why else []
    if not found:
        return Section(part.question, part.n, (*said, own(NOTHING)))
    chosen = _with_other_sides(found[:_MOST], found, material)
    return Section(part.question, part.n, (*said, *(each.sentence for each in chosen)))


def _with_other_sides(
    chosen: Sequence[Statement], found: Sequence[Statement], material: Material
) -> list[Statement]:
    """The chosen statements, each with those of the found that contradict it right behind it."""
    of_note = {note.n: statement for statement in found for note in statement.notes}
    ordered: list[Statement] = []
    for statement in chosen:
        others = (other for note in statement.notes for other in opposed(note.n, material))
        ordered += [statement, *(of_note[other] for other in others if other in of_note)]
    return list(dict.fromkeys(ordered))


def _placed(material: Material) -> list[Note]:
    """The notes without those whose words answer another part as well: words are said once.

    They are said where they are the best there is, or else where they answer better. A conflict
    keeps both of its sides.
    """
    kept = {n for conflict in material.conflicts for n in conflict.notes}
    ranked = sorted(material.notes, key=lambda note: (-note.score, note.n))
    firsts: dict[int, Note] = {}
    for note in ranked:
        firsts.setdefault(note.part, note)
    places: dict[tuple[str, int, int], Note] = {}
    for note in [*firsts.values(), *ranked]:
        places.setdefault((note.source, note.start, note.end), note)
    kept |= {note.n for note in (*firsts.values(), *places.values())}
    return [note for note in material.notes if note.n in kept]


def quoted_summary(material: Material) -> Section | None:
    """The best statement of each part, with what contradicts it.

    None where fewer than two parts have one.
    """
    best: list[Statement] = []
    said: list[Statement] = []
    answered = 0
    for part in material.plan.parts:
        found = statements(note for note in material.notes if note.part == part.n)
        answered += bool(found)
        if found and not any(_alike(found[0].notes[0], other.notes[0]) for other in best):
            best.append(found[0])
            said += _with_other_sides(found[:1], found, material)
    if answered < 2:
        return None
    return Section(IN_SHORT, None, tuple(statement.sentence for statement in said))


def statements(notes: Iterable[Note]) -> list[Statement]:
    """Notes that say the same put together; what most and best bear out first."""
    groups: list[list[Note]] = []
    for note in sorted(notes, key=lambda note: (-note.score, note.n)):
        for group in groups:
            if _alike(group[0], note):
                group.append(note)
                break
        else:
            groups.append([note])
    found = [Statement(tuple(group)) for group in groups]
    return sorted(found, key=lambda statement: -statement.worth)


def opposed(n: int, material: Material) -> Sequence[int]:
    """The notes that one is in conflict with."""
    pairs = (conflict.notes for conflict in material.conflicts if n in conflict.notes)
    return [other for pair in pairs for other in pair if other != n]


def _alike(one: Note, other: Note) -> bool:
    """Whether two notes say the same, as far as words and numbers tell."""
    if numbers(one.claim) != numbers(other.claim):
        return False
    words, others = content(one.claim).keys(), content(other.claim).keys()
    if len(words & others) < _SAME * len(words | others):
        return False
    return not contradicts(one.claim, other.claim)
