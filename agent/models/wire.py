"""Between the house's messages and the shape that OpenAI gave the trade. Knows no network.

Out: `to_wire` and `tools_to_wire` make the plain dictionaries of a chat completion's request.
In: an `Assembly` takes the chunks of a streamed answer, one by one, and gives deltas. Chunks are
read by attribute, so whichever library parsed them stays behind its door.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.messages import TextDelta, ThoughtDelta, ToolRequest
from agent.models.provider_errors import cut_off, not_understood, nothing_said

if TYPE_CHECKING:
    from agent.messages import Message, ToolSpec
    from agent.models.provider_errors import Call

MALFORMED = "__malformed__"
"""The one key of a `ToolRequest.arguments` that could not be read as a JSON object.

Its value is what the model wrote. A loop answers such a request with an error, so that the model
may write it again; it calls no tool.
"""


Keeping = Literal["none", "part", "message"]
"""How a provider is told to keep what it has read up to the end of a `Message.prefix`.

`none`: it is not, and may do so unasked, as OpenAI and most servers of one's own do. `part`: the
prefix is a part of its message, and marked (Anthropic's `cache_control`). `message`: it is a
message, marked like the system's, for those who keep whole messages only (Gemini, by way of
litellm).
"""

_MARK = {"type": "ephemeral"}
_MARK_OF_MESSAGES = {"type": "ephemeral", "ttl": "300s"}
"""Gemini charges for what it keeps by the hour; five minutes is what Anthropic's mark means."""


def keeping(provider: str, name: str, api_base: str | None) -> Keeping:
    """How to mark what a provider shall keep.

    Args:
        provider: As litellm calls it.
        name: Of the model.
        api_base: The address of a server of one's own; None for the provider's.
    """
    if provider == "anthropic":
        return "part"
    if api_base:
        return "none"
    if "claude" in name and provider in ("bedrock", "vertex_ai", "openrouter"):
        return "part"
    if provider == "gemini" or (provider == "vertex_ai" and "gemini" in name):
        return "message"
    return "none"


def to_wire(messages: Sequence[Message], keep: Keeping = "none") -> list[dict[str, Any]]:
    """Messages as a chat completion takes them; `keep` says how a prefix is marked."""
    if keep == "none" or not any(message.prefix for message in messages):
        return [_message(message) for message in messages]
    wire: list[dict[str, Any]] = []
    for message in messages:
        if keep == "part" and message.prefix:
            parts = [_text(message.prefix, _MARK), _text(message.content)]
            wire.append({**_message(message), "content": parts})
        elif keep == "message" and (message.prefix or message.role == "system"):
            text = message.prefix or message.content
            wire.append({"role": message.role, "content": [_text(text, _MARK_OF_MESSAGES)]})
            if message.prefix:
                wire.append({**_message(message), "content": message.content})
        else:
            wire.append(_message(message))
    return wire


def _text(text: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": text}
    return {**part, "cache_control": mark} if mark else part


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.whole}
    if message.role == "tool":
        wire["tool_call_id"] = message.tool_id
    if message.tool_requests:
        # Several providers refuse an empty text beside calls, and take none.
        wire["content"] = message.whole or None
        wire["tool_calls"] = [
            {
                "id": request.id,
                "type": "function",
                "function": {"name": request.name, "arguments": json.dumps(request.arguments)},
            }
            for request in message.tool_requests
        ]
    return wire


def tools_to_wire(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Tools as a chat completion takes them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


@dataclass(slots=True)
class _Call:
    """A tool request that is still being written."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Assembly:
    """One streamed answer, as it comes in."""

    finish: str = ""
    """The finish reason of the last chunk that carried one."""
    usage: Any = None
    """The provider's usage object, once it has come."""
    has_text: bool = False
    """Whether a visible character of the answer has come; thoughts and blanks do not count."""
    _calls: list[_Call] = field(default_factory=list)
    _slots: dict[int, _Call] = field(default_factory=dict)
    """The call that is being written at each index."""

    @property
    def has_calls(self) -> bool:
        """Whether the model asked for a tool."""
        return bool(self._calls)

    def feed(self, chunk: Any) -> Iterator[TextDelta | ThoughtDelta]:
        """Take a chunk; give what it adds to the answer."""
        self.usage = getattr(chunk, "usage", None) or self.usage
        for choice in (getattr(chunk, "choices", None) or ())[:1]:
            self.finish = getattr(choice, "finish_reason", None) or self.finish
            delta = getattr(choice, "delta", None)
            if thought := getattr(delta, "reasoning_content", None):
                yield ThoughtDelta(thought)
            if text := getattr(delta, "content", None):
                self.has_text = self.has_text or not text.isspace()
                yield TextDelta(text)
            for fragment in getattr(delta, "tool_calls", None) or ():
                self._add(fragment)

    def _add(self, fragment: Any) -> None:
        """Put a piece of a tool call where it belongs.

        Pieces go by index; a new id at a known index is a new call, for providers that number
        every call 0.
        """
        index, id = getattr(fragment, "index", None) or 0, getattr(fragment, "id", None) or ""
        call = self._slots.get(index)
        if call is None or (id and call.id and id != call.id):
            call = self._slots[index] = _Call()
            self._calls.append(call)
        call.id = call.id or id
        if function := getattr(fragment, "function", None):
            call.name = call.name or getattr(function, "name", None) or ""
            call.arguments += getattr(function, "arguments", None) or ""

    def tool_requests(self) -> Iterator[ToolRequest]:
        """The calls, whole, in the order in which the model began them."""
        for number, call in enumerate(self._calls, start=1):
            yield ToolRequest(call.id or f"call-{number}", call.name, _arguments(call.arguments))


def _arguments(written: str) -> dict[str, Any]:
    if not written.strip():
        return {}
    try:
        arguments = json.loads(written)
    except ValueError:
        return {MALFORMED: written}
    return arguments if isinstance(arguments, dict) else {MALFORMED: written}


def check_end(answer: Assembly, response: Any, call: Call, max_tokens: int | None) -> None:
    """Refuse an answer that has no end or no content.

    litellm adds a finish reason of its own to a stream that ended without one, so the one that the
    provider sent is read from its wrapper.

    Raises:
        BadModelOutput: The answer was cut, empty, withheld, or no answer at all.
    """
    finish = answer.finish
    if hasattr(response, "received_finish_reason"):
        finish = response.received_finish_reason or response.intermittent_finish_reason or ""
    if not finish:
        raise cut_off(call) if answer.has_text or answer.has_calls else not_understood(call)
    if finish == "content_filter" or not (answer.has_text or answer.has_calls):
        raise nothing_said(call, finish, max_tokens)
