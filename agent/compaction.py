"""What a session's model is told of earlier turns: the latest word for word, older ones in short.

A history that has outgrown its share of the model's window is shortened before the next question:
the model sums the older turns up, together with the summary before. A model that reads without
tokens has no window to outgrow, and is told of the last few turns only. Nothing here deletes
anything: the turns stay in the store as they were. What fits a particular prompt is decided in
`modes/prompting.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.events import Status
from agent.markers import strip_markers
from agent.messages import Message, ModelUsage, TextDelta
from agent.modes.answering import used
from agent.prompts import prompt
from agent.summaries import Summary
from knowledge.errors import KnowledgeError
from knowledge.pack import fenced

if TYPE_CHECKING:
    from agent.budget import Budget
    from agent.events import Event
    from agent.models.base import ChatModel

_MOST = 3000
"""Tokens of history at most."""
_SHARE = 8
"""Within a known window: the part of it that history may have, less than what a prompt allows."""
_SURELY = 1600
"""Bytes of text that fit any window: up to here, no model needs to be loaded to count."""
_TURNS = 10
"""Turns that a model without tokens is told of."""
_READ = 8000
"""Tokens of conversation that are summed up at a time; the rest is left out, oldest first."""
_PIECE = 4000
"""Characters of one message that are summed up."""
_PATIENCE = 60.0
"""Seconds for a summary."""


@dataclass(frozen=True, slots=True)
class Past:
    """A finished turn, as later prompts have it."""

    n: int
    """As the store counts it, from 1."""
    messages: tuple[Message, ...]
    """The user's and the assistant's."""


class Memory:
    """The earlier turns of one session."""

    def __init__(self, summary: Summary | None = None) -> None:
        """Begin.

        Args:
            summary: Of the oldest turns that will be added, if there is one.
        """
        self.past: list[Past] = []
        """All finished turns, first to last."""
        self.summary = summary
        """The latest; of the turns that it covers, a model is told nothing else."""
        self.told: tuple[Message, ...] = ()
        """What the next prompt may hold, oldest first, as `fit` has left it."""

    def add(self, n: int | None, messages: tuple[Message, ...]) -> None:
        """Remember one more turn.

        Args:
            n: Its number in the store; None where it is not kept.
            messages: Its question and answer. One without an answer is no part of a conversation.
        """
        if messages[-1].content.strip():
            after = self.past[-1].n if self.past else 0
            self.past.append(Past(after + 1 if n is None else n, messages))

    def begin(self, messages: Sequence[Message]) -> None:
        """Remember, before all others, turns of a conversation that was held elsewhere.

        They are numbered up to 0, so that a summary of them covers no turn of the store.

        Args:
            messages: Oldest first. A turn is a user's messages and what the assistant said to
                them; other roles, and turns that were never answered, are left out.
        """
        turns: list[tuple[Message, ...]] = []
        asked: list[str] = []
        for message in messages:
            if message.role == "user":
                asked.append(message.content)
            elif message.role == "assistant" and message.content.strip():
                if asked:
                    turns.append((Message("user", "\n\n".join(asked)),))
                    asked = []
                if turns:
                    turns[-1] += (message,)
        first = 1 - len(turns)
        self.past[:0] = [Past(first + i, turn) for i, turn in enumerate(turns)]

    async def fit(self, model: ChatModel, budget: Budget) -> AsyncGenerator[Event, None]:
        """Make `told` fit the model that is asked next. Never fails: older turns are dropped then.

        Args:
            model: Who is asked; sums up too.
            budget: Of the ask. Most of it is left to the answer.
        """
        open_ = self._open()
        self.told = _said(open_, self.summary)
        if sum(len(m.content.encode("utf-8", "replace")) for m in self.told) <= _SURELY:
            return
        try:
            await model.warm()  # a model's count may be slow to load
        except (AgentError, KnowledgeError):
            # Whatever is wrong with it, its answer will say.
            self.told = _said(open_[-_TURNS:])
            return
        if not model.count("Is this counted?"):
            self.told = _said(self.past[-_TURNS:])
            return
        size = _Size(model)
        # In a thread: to count a long text takes long, and others may be served meanwhile.
        if await asyncio.to_thread(size.holds, self.told):
            return
        kept = await asyncio.to_thread(size.latest, open_, size.most // 2)
        older = open_[: len(open_) - len(kept)]
        summary = self.summary
        if older:
            request = await asyncio.to_thread(_request, older, summary, size)
            prompt_size = await asyncio.to_thread(size.of, request)
            if not budget.spares(prompt_size, size.summary, model.price):
                request = []
            if request:
                yield Status("Summing up the earlier conversation", stage="compact")
                usages: list[ModelUsage] = []
                text = await _sum_up(model, budget, request, size, usages)
                for usage in usages:
                    yield used(usage)
                if text:
                    summary = self.summary = Summary(older[-1].n, text, model.name, time.time())
        self.told = await asyncio.to_thread(_said, kept, summary, size)

    def _open(self) -> list[Past]:
        """The turns that no summary covers."""
        if (summary := self.summary) is None:
            return list(self.past)
        return [turn for turn in self.past if turn.n > summary.upto]


class _Size:
    """How long things may be for a model, in its tokens."""

    def __init__(self, model: ChatModel) -> None:
        window = model.context_window
        self.most = _MOST
        self.read = _READ
        if window is not None:
            self.most = min(_MOST, window // _SHARE)
            self.read = min(_READ, window // 2)
        self.summary = max(32, self.most // 4)
        """The longest summary."""
        self._count: Callable[[str], int] = model.count

    def of(self, messages: Sequence[Message]) -> int:
        return sum(self._count(message.content) for message in messages)

    def holds(self, messages: Sequence[Message]) -> bool:
        """Whether a history may be so long; counts no further than that is clear."""
        room = self.most
        for message in messages:
            room -= self._count(message.content)
            if room < 0:
                return False
        return True

    def latest(self, turns: Sequence[Past], room: int) -> list[Past]:
        """The latest that fit, and the very last in any case."""
        kept: list[Past] = []
        for turn in reversed(turns):
            room -= self.of(turn.messages)
            if room < 0 and kept:
                break
            kept.append(turn)
        return kept[::-1]

    def cut(self, text: str, room: int) -> str:
        """The beginning of a text that is too long."""
        size = self._count(text)
        if size <= room:
            return text
        return text[: max(1, len(text) * room // size)].rstrip() + " …"


def _said(
    turns: Sequence[Past], summary: Summary | None = None, size: _Size | None = None
) -> tuple[Message, ...]:
    """A summary and turns as a conversation; the last turn is cut where it is too long itself."""
    messages: list[Message] = []
    if summary is not None:
        told = prompt("summary_told", summary=fenced(summary.text))
        messages = [Message("user", told), Message("assistant", prompt("summary_heard"))]
    for turn in turns:
        messages += turn.messages
    if size is not None and not size.holds(messages):
        room = size.most // 4
        messages[-2:] = [Message(m.role, size.cut(m.content, room)) for m in messages[-2:]]
    return tuple(messages)


def _request(older: Sequence[Past], before: Summary | None, size: _Size) -> list[Message]:
    """What the model is asked with: as many of the turns as it can read at once."""
    pieces: list[str] = []
    room = size.read - size.summary
    for turn in reversed(older):
        lines = []
        for message in turn.messages:
            text = strip_markers(message.content)
            cut = text if len(text) <= _PIECE else text[:_PIECE].rstrip() + " …"
            lines.append(f"{message.role.capitalize()}: {cut}")
        piece = "\n".join(lines)
        room -= size.of([Message("user", piece)])
        if room < 0 and pieces:
            break
        pieces.append(piece)
    if before is not None:
        pieces.append(f"Earlier summary: {before.text}")
    conversation = fenced("\n\n".join(reversed(pieces)))
    return [
        # Two words are about three tokens.
        Message("system", prompt("summary", words=str(size.summary * 2 // 3))),
        Message("user", prompt("summary_conversation", conversation=conversation)),
    ]


async def _sum_up(
    model: ChatModel,
    budget: Budget,
    request: Sequence[Message],
    size: _Size,
    usages: list[ModelUsage],
) -> str:
    """The summary, empty where there came none; what it used is added to `usages` either way."""
    said = ""
    left = budget.seconds_left
    try:
        async with (
            asyncio.timeout(_PATIENCE if left is None else min(_PATIENCE, left / 2)),
            aclosing(model.stream(request, max_tokens=size.summary)) as deltas,
        ):
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    said += delta.text
                elif isinstance(delta, ModelUsage):
                    usages.append(delta)
    except (TimeoutError, AgentError):
        return ""
    return size.cut(strip_markers(said).strip(), size.summary)
