"""The house's language: what an ask is, as a stream. Every face matches on these.

The contract, kept by one test over every mode and face:

- the joined `Token.text` equal `Done.text`, unless a `Revision` replaced them, and then
  `Revision.before` holds the plain answer;
- every `ToolCall.id` gets exactly one `ToolResult`;
- every `Citation` names a real document and a real span of its text;
- exactly one `Done` or `Failed`, last.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Outcome = Literal["grounded", "partial", "unanswerable", "ungrounded"]


@dataclass(frozen=True, slots=True)
class Status:
    """A step that a person can read."""

    text: str
    stage: str = ""
    """A stable word for machines: `search`, `read`, `answer`, `verify`."""
    kind: Literal["status"] = "status"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str
    kind: Literal["token"] = "token"


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of visible reasoning; never part of the answer."""

    text: str
    kind: Literal["thought"] = "thought"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool is about to be called."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    kind: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool call came to."""

    id: str
    text: str
    ok: bool = True
    kind: Literal["tool_result"] = "tool_result"


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker of the answer, resolved to a span of a stored document."""

    n: int
    """The number in the answer's marker `[n]`."""
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
    document_id: str = ""
    marked: tuple[str, ...] = ()
    """The words of the quote that answer, where the model marks them."""
    kind: Literal["citation"] = "citation"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model call used; the sum over an ask's events is what the ask used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = 0.0
    """In US dollars; None where the price is unknown."""
    saved: float | None = 0.0
    """By how much a provider's cache made it cheaper, in US dollars, less what was paid to write to
    it; None where the price is unknown."""
    kind: Literal["usage"] = "usage"


@dataclass(frozen=True, slots=True)
class Revision:
    """The answer was replaced as a whole (the persona pass)."""

    before: str
    text: str
    kind: Literal["revision"] = "revision"


@dataclass(frozen=True, slots=True)
class Done:
    """The ask has ended with an answer."""

    text: str
    outcome: Outcome
    mode: str
    model: str
    persona: str = ""
    note: str = ""
    """Why the outcome is not plainly grounded, in words for the user; may be empty."""
    route: str = ""
    """Which mode was asked for and why this one ran, where a router chose; else empty."""
    removed_markers: int = 0
    """Markers that named no passage and were taken out of the answer."""
    seconds: float = 0.0
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """The ask has ended without an answer."""

    message: str
    hint: str = ""
    error: str = ""
    """The error's class name, for machines."""
    kind: Literal["failed"] = "failed"


Event = (
    Status | Token | Thought | ToolCall | ToolResult | Citation | Usage | Revision | Done | Failed
)

_BY_KIND: dict[str, type[Event]] = {
    "status": Status,
    "token": Token,
    "thought": Thought,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "citation": Citation,
    "usage": Usage,
    "revision": Revision,
    "done": Done,
    "failed": Failed,
}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON types, `kind` first."""
    data = asdict(event)
    return {"kind": data.pop("kind"), **data}


def from_json(data: dict[str, Any]) -> Event:
    """The inverse of `to_json`. Unknown fields are ignored, so that old readers meet new events.

    Raises:
        ValueError: The `kind` is not one of the house's.
    """
    cls = _BY_KIND.get(data.get("kind", ""))
    if cls is None:
        raise ValueError(f"not an event: kind {data.get('kind')!r}")
    known = {f.name for f in fields(cls)}
    values = {name: value for name, value in data.items() if name in known}
    if "marked" in values:
        values["marked"] = tuple(values["marked"])
    return cls(**values)
