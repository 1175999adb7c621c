"""Which searches to make for a question, and which passages to keep. Searches nothing itself.

    plan = Plan("Who was Rollo, and who founded Harvard?", passages=8)
    while (probe := plan.next()) is not None:
        plan.take(probe, await search(probe.query, plan.passages))
    plan.chosen()

The question is searched for as it is, which is what the naive mode does. Each question in it is
searched for by itself, and again in fewer words where little came. Names that only the passages
spell out are followed. Of a question that is one, and describes nothing, the naive ranking stays
as it is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agent.modes.policy.choose import displaced, fused
from agent.modes.policy.decompose import parts
from agent.modes.policy.leads import describes, leads
from agent.modes.prompting import standalone
from agent.names import names
from agent.support import content

if TYPE_CHECKING:
    from agent.messages import Message
    from knowledge.types import Passage

MOST = 8
"""Searches for one question."""
_LEADS = 3
"""Names that are followed for one question."""
THIN = 0.34
"""Of a part's words of content, by weight, the share that its best passage must hold."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A search to make."""

    query: str
    why: Literal["question", "part", "rewrite", "lead"]
    about: str
    """For `part` and `rewrite`: the part. For `lead`: the name."""
    rest: tuple[str, ...] = ()
    """For `lead`: the words that the question still asks about."""


class Plan:
    """The searches for one question, in order, each made in the light of those before."""

    def __init__(
        self, question: str, history: Sequence[Message] = (), *, passages: int = 8
    ) -> None:
        """Plan.

        Args:
            question: As it was asked.
            history: Earlier messages, which a follow-up refers to.
            passages: How many to choose, and to ask of each search.
        """
        self.question = standalone(question, history)
        self.parts = parts(question, history)
        self.passages = passages
        self.made = 0
        """Searches given out so far."""
        self._asked: set[str] = set()
        self._waiting: deque[Probe] = deque()
        self._want(Probe(self.question, "question", ""))
        if len(self.parts) > 1:
            for part in self.parts:
                self._want(Probe(part, "part", part))
        self._found: dict[str, tuple[Passage, ...]] = {}
        """What was found for the question and for each part; theirs are the keys."""
        self._followed: list[Passage] = []
        self._led = False

    def next(self) -> Probe | None:
        """The next search to make; None where there is no more to be had."""
        if not self._waiting and not self._led:
            self._led = True
            self._lead()
        if not self._waiting or self.made >= MOST:
            return None
        self.made += 1
        return self._waiting.popleft()

    def take(self, probe: Probe, found: Sequence[Passage]) -> None:
        """Weigh what a search found, best first."""
        about = probe.about or self.question
        if probe.why == "lead":
            self._followed += [p for p in found if self._carries(probe, p)][:1]
        elif probe.why == "rewrite":
            if grade(about, found) > grade(about, self._found[about]):
                self._found[about] = tuple(found)
        else:
            self._found[about] = tuple(found)
            if probe.why == "part" and grade(about, found) < THIN:
                self._want(Probe(rewrite(about, found), "rewrite", about))

    def chosen(self) -> tuple[Passage, ...]:
        """The passages to answer from, at most as many as were asked for."""
        return displaced(self._base(), self._followed[: max(1, self.passages // 4)], self.passages)

    def ranked(self, part: str) -> tuple[Passage, ...]:
        """The chosen passages with the scores that they have for one part; 0 for none."""
        scores = {p.chunk_id: p.score for p in self._found.get(part, ())}
        return tuple(replace(p, score=scores.get(p.chunk_id, 0.0)) for p in self.chosen())

    def _carries(self, probe: Probe, passage: Passage) -> bool:
        """Whether a passage takes a lead further: has the name, and some of what is still asked."""
        ids = {p.chunk_id for p in (*self._followed, *self._base())}
        if passage.chunk_id in ids or not _has(probe.about, passage):
            return False
        wanted = content(" ".join(probe.rest))
        return not wanted or not wanted.keys().isdisjoint(content(passage.text))

    def _base(self) -> tuple[Passage, ...]:
        """What is chosen without any lead."""
        whole = self._found.get(self.question, ())
        rankings = [found for about, found in self._found.items() if about != self.question]
        if len(rankings) < 2:
            return whole[: self.passages]
        chosen = displaced((*fused(rankings, self.passages), *whole), (), self.passages)
        # Where the question was one after all, what answers it is still there.
        first = [p for p in whole[:1] if p.chunk_id not in {c.chunk_id for c in chosen}]
        return displaced(chosen, first, self.passages)

    def _lead(self) -> None:
        """Line up the names that what was found gives to what the question only describes."""
        for about, found in self._found.items():
            if about == self.question and len(self._found) > 1:
                continue
            if describes(about):
                for lead in leads(about, found, _LEADS):
                    self._want(Probe(lead.query, "lead", lead.name, lead.rest))

    def _want(self, probe: Probe) -> None:
        """Line a search up, unless the same one was."""
        if probe.query not in self._asked:
            self._asked.add(probe.query)
            self._waiting.append(probe)


def grade(question: str, found: Sequence[Passage]) -> float:
    """How much of a question its best passage speaks of: a share of its words, by weight."""
    wanted = content(question)
    held = (content(f"{p.title} {p.place} {p.text}").keys() for p in found)
    most = max((sum(wanted[stem] for stem in wanted.keys() & words) for words in held), default=0.0)
    return most / (sum(wanted.values()) or 1.0)


def rewrite(question: str, found: Sequence[Passage]) -> str:
    """A question in fewer words: its names, the words that anything found has, the best's title."""
    held = {stem for p in found for stem in content(p.text)}
    named = set(names(question))
    kept = [
        word
        for word in re.findall(r"\w+(?:['’-]\w+)*", question)
        if word in named or held & content(word).keys()
    ]
    title = [found[0].title] if found and found[0].title else []
    return " ".join([*kept, *title]) or question


def _has(name: str, passage: Passage) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", passage.text) is not None
