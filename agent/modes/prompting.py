"""A turn and the passages found for it -> the messages that a model is asked with.

Decides what fits the model's window: the question and what was handed in with it always, then the
latest history, then passages by rank. Asks nobody and searches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.citations import ABSTENTION
from agent.errors import ContextTooLong
from agent.markers import strip_markers
from agent.messages import Evidence, Message
from agent.prompts import prompt
from agent.support import content
from knowledge.pack import fenced, pack

if TYPE_CHECKING:
    from agent.modes.base import Turn
    from knowledge.types import Passage

ANSWER = 1024
"""Tokens kept free for the answer where the turn sets no limit, at most a quarter of the window."""
HISTORY = 4000
"""Tokens of history at most; within a known window, at most a quarter of what is free."""
_SHORT = 12
"""Words up to which a question may be a follow-up."""
_PRONOUNS = """
it its it's they them their theirs he him his she her hers this that these those one ones same
former latter
"""
_REFERS = frozenset(_PRONOUNS.split())
_GOES_ON = re.compile(
    r"(?:and|but|or|so|then|also|(?:tell me )?more|why|how so|(?:what|how) (?:about|else))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked."""

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    """Those that fitted: `passages[0]` is `[1]`."""
    dropped: int
    """How many did not."""

    @property
    def notes(self) -> list[str]:
        """What the user should know of it."""
        if not self.dropped:
            return []
        return [f"{self.dropped} of the passages found did not fit the model's window."]


def standalone(question: str, history: Sequence[Message]) -> str:
    """The question in words that can be searched for without the conversation.

    A follow-up takes along the user's question before it. A follow-up is a question of at most 12
    words that refers back (`it`, `they`, `those` …), goes on (`and …`, `what about …`, `why`), or
    holds fewer than two words of content.
    """
    earlier = [message.content for message in history if message.role == "user"]
    words = re.findall(r"[\w'’]+", question.lower())
    if not earlier or len(words) > _SHORT:
        return question
    refers = not _REFERS.isdisjoint(word.replace("’", "'") for word in words)
    if refers or _GOES_ON.match(question.strip()) or len(content(question)) < 2:
        return f"{question}\n{earlier[-1]}"
    return question


def ask(turn: Turn, query: str, passages: Sequence[Passage]) -> Prompt:
    """Build the messages.

    Args:
        turn: Whose model sets the limits.
        query: The question as it was searched for.
        passages: Best first.

    Raises:
        ContextTooLong: The question, or what was handed in with it, leaves no room.
    """
    count, window = turn.model.count, turn.model.context_window
    system = prompt("naive", abstention=ABSTENTION)
    handed_in = turn.context.strip()
    context = prompt("naive_context", text=fenced(turn.context)) + "\n\n" if handed_in else ""

    def user(evidence: str) -> str:
        return prompt(
            "naive_question", passages=evidence or "(none)", context=context, question=turn.question
        )

    room = None
    if window is not None:
        room = window - (turn.max_tokens or min(ANSWER, window // 4))
        room -= count(system) + count(user(""))
    limit = HISTORY if room is None else min(HISTORY, room // 4)
    history = latest(turn.history, limit, count)
    if room is not None:
        room -= sum(count(message.content) for message in history)
    packed = pack(passages, budget=room, count=count)
    if (room is not None and room < 0) or (passages and not packed.passages):
        what = "the text handed in with the question" if handed_in else "the question"
        raise ContextTooLong(
            f"{turn.model.name} reads {window} tokens at a time, and {what} fills them.",
            hint="Hand in less, lower max_tokens, or take a model that reads more: --model M",
        )
    last = Message("user", user(packed.text), evidence=Evidence(query, packed.passages))
    return Prompt((Message("system", system), *history, last), packed.passages, packed.dropped)


def latest(
    history: Sequence[Message], limit: int, count: Callable[[str], int]
) -> tuple[Message, ...]:
    """The latest messages within a limit of tokens, beginning with one of the user's.

    Their markers are left out: the numbers were those of other passages.
    """
    kept: list[Message] = []
    for message in reversed(history):
        plain = Message(message.role, strip_markers(message.content))
        limit -= count(plain.content)
        if limit < 0:
            break
        kept.append(plain)
    while kept and kept[-1].role != "user":
        kept.pop()
    return tuple(reversed(kept))
