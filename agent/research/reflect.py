"""What the notes leave open, and which of them contradict each other.

By rule: a part is answered when a note answers it well enough; what contradicts is seen by
`disagree`. A model is asked on top: it may call more open, and name more contradictions, each of
which must be between notes that there are. Which ones is all that is taken from it: the reasons
stand in the report without a citation, so they are in our own words.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from agent.errors import BadModelOutput
from agent.messages import Message
from agent.models.reader.question import analyse
from agent.modes.policy.leads import leads
from agent.prompts import prompt
from agent.research.about import speaks_of
from agent.research.asking import ask_json, line
from agent.research.disagree import common, difference
from agent.research.types import Conflict, Gap
from agent.support import content
from knowledge.pack import fenced
from knowledge.types import Passage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agent.models.base import ChatModel
    from agent.research.types import Note, Part, Plan, Source

ANSWERED = 0.4
"""The score from which on a note that is not beside the question answers its part."""
QUERIES = 2
"""To go on with, for a part."""
_COMPARED = 12
"""The best notes of a part that are compared with each other."""
_SHOWN = 60
"""Notes that a model is shown, the best of each part first."""
_ANSWER = 1200
"""Tokens of a model's answer."""
_LONGEST = 300
"""Characters of a model's query."""
_NOTHING = "Nothing that was read answers it."
_IN_PART = "What was found may not answer it, or only in part."
_HELD = "The model holds that they cannot both be right."
"""Of a contradiction that the rules do not see."""


class RuleReflect:
    """By rule alone; see `Reflect`."""

    async def reflect(
        self, plan: Plan, notes: Sequence[Note], sources: Sequence[Source], model: ChatModel
    ) -> tuple[list[Gap], list[Conflict]]:
        """Gaps and contradictions; the model is not asked. See `Reflect.reflect`."""
        titles = {source.id: source.title for source in sources}
        gaps = [gap for part in plan.parts if (gap := _gap(part, _of(part, notes), titles))]
        return gaps, conflicts(plan, notes)


class ModelReflect:
    """By rule and by a model; see `Reflect`."""

    async def reflect(
        self, plan: Plan, notes: Sequence[Note], sources: Sequence[Source], model: ChatModel
    ) -> tuple[list[Gap], list[Conflict]]:
        """Ask the model on top of the rules; see `Reflect.reflect`."""
        gaps, found = await RuleReflect().reflect(plan, notes, sources, model)
        shown = _shown(plan, notes)
        messages = [
            Message("system", prompt("research_reflect", queries=str(QUERIES))),
            Message("user", _asked(plan, shown, sources)),
        ]
        try:
            more_gaps, more = await ask_json(
                model, messages, lambda data: _checked(data, plan, shown), max_tokens=_ANSWER
            )
        except BadModelOutput:
            return gaps, found
        # What has no note at all is open, whatever a model says; the rest it judges better.
        bare = [gap for gap in gaps if not _of(gap.part, notes)]
        by_part = {gap.part: gap for gap in (*bare, *more_gaps)}
        known = {frozenset(conflict.notes) for conflict in found}
        found += [c for c in more if frozenset(c.notes) not in known]
        return [by_part[n] for n in sorted(by_part)], found


def conflicts(plan: Plan, notes: Sequence[Note]) -> list[Conflict]:
    """Pairs of notes of different sources that contradict each other, each difference once."""
    found: list[Conflict] = []
    told: set[tuple[str, frozenset[str]]] = set()
    for part in plan.parts:
        best = sorted(_of(part, notes), key=lambda note: -note.score)[:_COMPARED]
        for one, other in combinations(sorted(best, key=lambda note: note.n), 2):
            if one.source == other.source:
                continue
            seen = difference(one.claim, other.claim, part.question)
            if seen is None:
                continue
            # Between the same two sides, whichever notes and parts they were found in.
            key = ("", seen.sides) if any(seen.sides) else (seen.about, seen.sides)
            if key not in told:
                told.add(key)
                found.append(Conflict(part.n, seen.about, (one.n, other.n), seen.why))
    return found


def _gap(part: Part, notes: Sequence[Note], titles: Mapping[str, str]) -> Gap | None:
    for note in notes:
        title = titles.get(note.source, "")
        if note.score >= ANSWERED and speaks_of(part.question, note.quote, title):
            return None
    return Gap(part.n, _IN_PART if notes else _NOTHING, _queries(part, notes))


def _queries(part: Part, notes: Sequence[Note]) -> tuple[str, ...]:
    """Other ways to search: by names that the notes spell out, and by the rarest words alone."""
    passages = [
        Passage("", note.source, note.source, "", "", 0, len(note.quote), note.quote, note.score)
        for note in notes
    ]
    asked = analyse(part.question)
    order = sorted(range(len(asked.terms)), key=lambda i: (-asked.weights[i], i))
    rarest = [asked.terms[i].text for i in sorted(order[: max(2, len(order) // 2)])]
    found = [lead.query for lead in leads(part.question, passages, QUERIES)]
    found += [" ".join(term.text for term in asked.terms), " ".join(rarest)]
    known = [content(query).keys() for query in part.queries]
    new: list[str] = []
    for query in found:
        words = content(query).keys()
        if words and words not in known:
            known.append(words)
            new.append(query)
    return tuple(new[:QUERIES])


def _of(part: Part | int, notes: Iterable[Note]) -> list[Note]:
    n = part if isinstance(part, int) else part.n
    return [note for note in notes if note.part == n]


def _shown(plan: Plan, notes: Sequence[Note]) -> list[Note]:
    each = max(1, _SHOWN // max(1, len(plan.parts)))
    best = [sorted(_of(part, notes), key=lambda note: -note.score)[:each] for part in plan.parts]
    return sorted((note for some in best for note in some), key=lambda note: note.n)


def _asked(plan: Plan, notes: Sequence[Note], sources: Sequence[Source]) -> str:
    parts = "\n".join(f"{p.n}. {p.question} (answered by: {p.answered_by})" for p in plan.parts)
    titles = {source.id: f"{source.title}, {source.date}".strip(" ,") for source in sources}
    listed = "\n".join(
        f"[{note.n}] question {note.part}, source {note.source}"
        f" ({' '.join(titles.get(note.source, '').split())}): {' '.join(note.claim.split())}"
        for note in notes
    )
    return prompt(
        "research_reflect_notes",
        question=fenced(plan.question),
        parts=fenced(parts),
        notes=fenced(listed or "There are none."),
    )


def _checked(data: Any, plan: Plan, notes: Sequence[Note]) -> tuple[list[Gap], list[Conflict]]:
    """What a model says, as far as it is about parts and notes that there are.

    Raises:
        ValueError: It is not of the form asked for.
    """
    gaps_in = data.get("gaps") if isinstance(data, dict) else None
    conflicts_in = data.get("conflicts") if isinstance(data, dict) else None
    if not isinstance(gaps_in, list) or not isinstance(conflicts_in, list):
        raise ValueError('it is not of the form {"gaps": […], "conflicts": […]}')
    parts, by_n = {part.n: part for part in plan.parts}, {note.n: note for note in notes}
    gaps: list[Gap] = []
    for each in gaps_in:
        n = each.get("question") if isinstance(each, dict) else None
        if not isinstance(n, int) or n not in parts:
            raise ValueError('each gap needs the number of its "question"')
        queries = each.get("queries")
        asked = [line(query, _LONGEST) for query in queries] if isinstance(queries, list) else []
        wanted = tuple(dict.fromkeys(query for query in asked if query))[:QUERIES]
        gaps.append(Gap(n, _IN_PART if _of(n, notes) else _NOTHING, wanted))
    found: list[Conflict] = []
    for each in conflicts_in:
        pair = each.get("notes") if isinstance(each, dict) else None
        numbers = [n for n in pair if isinstance(n, int)] if isinstance(pair, list) else []
        if len(numbers) != 2 or not by_n.keys() >= set(numbers):
            raise ValueError('each conflict needs the numbers of two "notes" that are listed')
        one, other = by_n[numbers[0]], by_n[numbers[1]]
        about = common(one.claim, other.claim)
        if one.source == other.source or not about:
            continue
        seen = difference(one.claim, other.claim, parts[one.part].question)
        why = seen.why if seen else _HELD
        found.append(Conflict(one.part, about, (one.n, other.n), why))
    return gaps, found
