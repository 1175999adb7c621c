"""What an answer looks like to clients of OpenAI's API: whole, or in pieces.

Beside what that API has, an answer holds `understudy`: what it rests on, as fields.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from agent import messages
from agent.models.wire import MALFORMED
from agent.server.bodies import OpenAI

if TYPE_CHECKING:
    from agent.events import Citation, Done

Finish = Literal["stop", "length", "tool_calls"]


class Cited(OpenAI):
    """A marker of the answer and the place in a document that it names."""

    n: int
    source: str
    title: str
    place: str
    quote: str
    start: int
    end: int
    """The span in the document's text, in characters, half open."""
    verified: bool
    """The quote stands there letter for letter."""
    stale: bool
    """The source has changed since it was indexed."""
    document_id: str


class Understudy(OpenAI):
    """What is known of an answer besides its text."""

    outcome: Literal["grounded", "partial", "unanswerable", "ungrounded"]
    mode: str
    """The one that ran."""
    model: str
    """Who answered."""
    route: str
    """Which mode was asked for and why this one ran; empty where nobody chose."""
    note: str
    persona: str
    session: str | None
    """The stored session; none where it is not kept."""
    seconds: float
    cost: float | None
    """In US dollars; none where the price is unknown."""
    ignored: list[str]
    """Fields of the request that had no effect."""
    citations: list[Cited]


class CalledFunction(OpenAI):
    """The function that the client is to call."""

    name: str
    arguments: str


class ToolCall(OpenAI):
    """A call that the client is to make."""

    index: int
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AnswerMessage(OpenAI):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    tool_calls: list[ToolCall] | None = None
    refusal: None = None


class Choice(OpenAI):
    """The one answer that is given."""

    index: Literal[0] = 0
    message: AnswerMessage
    finish_reason: Finish
    logprobs: None = None


class CachedTokens(OpenAI):
    """Of the prompt."""

    cached_tokens: int


class CompletionUsage(OpenAI):
    """What all of the answer's model calls used together; zero for a model without tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class ChatCompletion(OpenAI):
    """An answer as a whole."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    understudy: Understudy | None = None


class Delta(OpenAI):
    """What is added to the answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChunkChoice(OpenAI):
    """A piece of the one answer that is given."""

    index: Literal[0] = 0
    delta: Delta
    finish_reason: Finish | None = None


class ChatCompletionChunk(OpenAI):
    """A piece of an answer; the last one with a choice says how it ended."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None
    understudy: Understudy | None = None


class Wire:
    """One answer's shape: its id, its time, and the model that was asked for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    def whole(
        self,
        content: str | None,
        finish: Finish,
        usage: CompletionUsage,
        calls: Sequence[ToolCall] = (),
        about: Understudy | None = None,
    ) -> ChatCompletion:
        """The answer in one piece."""
        message = AnswerMessage(content=content, tool_calls=list(calls) or None)
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=[Choice(message=message, finish_reason=finish)],
            usage=usage,
            understudy=about,
        )

    def piece(
        self, delta: Delta, finish: Finish | None = None, about: Understudy | None = None
    ) -> bytes:
        """A piece, as a server-sent event."""
        return _event(self._chunk([ChunkChoice(delta=delta, finish_reason=finish)], about=about))

    def used(self, usage: CompletionUsage) -> bytes:
        """The piece that tells the usage, where the client wants it."""
        return _event(self._chunk([], usage=usage))

    def _chunk(
        self,
        choices: list[ChunkChoice],
        *,
        usage: CompletionUsage | None = None,
        about: Understudy | None = None,
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=choices,
            usage=usage,
            understudy=about,
        )


def _event(chunk: ChatCompletionChunk) -> bytes:
    """`finish_reason` is told in every piece; of the rest, what is not there is left out."""
    data = chunk.model_dump(exclude_none=True)
    for choice in data["choices"]:
        choice.setdefault("finish_reason", None)
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def understudy(
    done: Done,
    citations: Sequence[Citation],
    *,
    session: str | None,
    cost: float | None,
    ignored: Sequence[str],
) -> Understudy:
    """What is known of an answer that has ended."""
    return Understudy(
        outcome=done.outcome,
        mode=done.mode,
        model=done.model,
        route=done.route,
        note=done.note,
        persona=done.persona,
        session=session,
        seconds=done.seconds,
        cost=cost,
        ignored=list(ignored),
        citations=[cited(citation) for citation in citations],
    )


def cited(citation: Citation) -> Cited:
    """A citation as the wire has it."""
    return Cited(**{name: getattr(citation, name) for name in Cited.model_fields})


def tool_calls(requests: Sequence[messages.ToolRequest]) -> list[ToolCall]:
    """What a model wants of the client; every call with an id of its own."""
    return [
        ToolCall(
            index=i,
            id=f"call_{secrets.token_hex(12)}",
            function=CalledFunction(
                name=request.name,
                arguments=_written(request.arguments),
            ),
        )
        for i, request in enumerate(requests)
    ]


def _written(arguments: dict[str, Any]) -> str:
    """Arguments as the model wrote them, where they were no JSON object."""
    return arguments[MALFORMED] if MALFORMED in arguments else json.dumps(arguments)
