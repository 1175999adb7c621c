"""A client's messages -> the question, what was said before, and what is handed in with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.messages import Message
from agent.server.errors import Refused
from agent.server.sources_text import without_sources

if TYPE_CHECKING:
    from agent.server.bodies import ChatMessage

LONGEST = 500_000
"""Characters of a question, of what is handed in with it, and of what was said before: more would
take seconds to look at, in which nobody else is served."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks."""

    question: str
    history: tuple[Message, ...]
    """Of the user and the assistant, oldest first."""
    context: str
    """Data that belongs to the question: what the client's tools came to, and messages of the
    user's that were never answered."""
    instructed: bool
    """Whether there was a system message: a mode keeps to its own rules."""


def asked(messages: Sequence[ChatMessage]) -> Asked:
    """Read a conversation.

    Raises:
        Refused: It does not end with the user, or with results of tools; or a message has
            something other than text.
    """
    texts = [_text(message, i) for i, message in enumerate(messages)]
    said = [i for i, m in enumerate(messages) if m.role in ("user", "assistant", "tool")]
    users = [i for i in said if messages[i].role == "user"]
    if not users or messages[said[-1]].role == "assistant":
        raise Refused(
            400,
            "The last message must be the user's, or a tool's result.",
            code="invalid_request",
            param="messages",
        )
    last = users[-1]
    if not texts[last].strip():
        raise Refused(
            400, "The question is empty.", code="invalid_request", param=f"messages.{last}.content"
        )
    if len(texts[last]) > LONGEST:
        raise Refused(
            400,
            f"The question has more than {LONGEST:,} characters.",
            code="context_length_exceeded",
            param=f"messages.{last}.content",
            hint="Add the text to the library, and ask about it.",
        )
    before = [i for i in said if i < last]
    waiting: list[int] = []
    while before and messages[before[-1]].role == "user":
        waiting.append(before.pop())
    waiting.reverse()
    history: list[Message] = []
    room = LONGEST
    for i in reversed(before):
        # No prompt holds so much: what is older than that is not even looked at.
        if (room := room - len(texts[i])) < 0:
            break
        if messages[i].role == "user":
            history.append(Message("user", texts[i]))
        elif messages[i].role == "assistant":
            history.append(Message("assistant", without_sources(texts[i])))
    handed_in = [texts[i] for i in waiting] + _results(messages[last + 1 :], texts[last + 1 :])
    if sum(map(len, handed_in)) > LONGEST:
        raise Refused(
            400,
            f"What is handed in with the question has more than {LONGEST:,} characters.",
            code="context_length_exceeded",
            param="messages",
            hint="Hand in less; add long texts to the library.",
        )
    return Asked(
        texts[last],
        tuple(reversed(history)),
        "\n\n".join(filter(None, handed_in)),
        any(message.role in ("system", "developer") for message in messages),
    )


def _results(messages: Sequence[ChatMessage], texts: Sequence[str]) -> list[str]:
    """What the client's tools came to after the question, each with the call it answers."""
    calls = {
        call.id: f"{call.function.name}({call.function.arguments})"
        for message in messages
        for call in message.tool_calls or ()
    }
    return [
        f"What {calls.get(message.tool_call_id or '', 'a tool')} gave:\n{text}"
        for message, text in zip(messages, texts, strict=True)
        if message.role == "tool"
    ]


def _text(message: ChatMessage, number: int) -> str:
    if not isinstance(message.content, list):
        return message.content or ""
    for place, part in enumerate(message.content):
        if part.type not in ("text", "input_text") or part.text is None:
            raise Refused(
                400,
                f"Only text is read here, no '{part.type}'.",
                code="unsupported_content",
                param=f"messages.{number}.content.{place}",
                hint="Add the file to the library, and ask about it.",
            )
    return "\n".join(part.text or "" for part in message.content)
