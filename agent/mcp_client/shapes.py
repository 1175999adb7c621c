"""What the room speaks of: definitions of tools, outcomes of calls, failures. Nothing of mcp's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.errors import AgentError

Progress = Callable[[str], None]
"""Told, in a line, how far a call is."""


class McpFailed(AgentError):
    """A server could not be started, died, or did not answer in time. Says which."""


class Lost(Exception):
    """The connection ended before a call was answered; `str(error)` says how."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A tool as its server describes it: a stranger's words."""

    server: str
    name: str
    title: str = ""
    description: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    """JSON Schema of the arguments."""
    output_schema: dict[str, Any] | None = None
    read_only: bool = False
    """It says that it changes nothing."""
    destructive: bool = True
    """It may destroy what is there; says nothing where it only reads."""
    idempotent: bool = False
    """It says that calling it twice is calling it once."""
    open_world: bool = True
    """It may reach strangers, or does not say that it cannot."""

    @property
    def digest(self) -> str:
        """A hash of all of it, by which a change is noticed."""
        told = [
            self.name, self.title, self.description, self.schema, self.output_schema,
            self.read_only, self.destructive, self.idempotent, self.open_world,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def repeatable(self) -> bool:
        """Whether a call whose end is not known may be made again."""
        return self.read_only or self.idempotent

    @property
    def sends_out(self) -> bool:
        """Whether a call can carry what it is given out of this machine, or leave it somewhere."""
        return self.open_world or not self.read_only


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something in a result that is no text."""

    kind: str
    """`image`, `audio` or `file`."""
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to."""

    text: str
    """The structured content as JSON where there is any, else the texts."""
    ok: bool = True
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What a server asks of its user in the middle of a call. A stranger's words, never obeyed."""

    server: str
    message: str
    schema: dict[str, Any] = field(default_factory=dict)
    """JSON Schema of a flat object: the form to fill in. A form must not ask for secrets."""
    url: str = ""
    """A page that the person is to visit instead of filling in a form; nothing here opens it."""
    fault: str = ""
    """What was wrong with the answer before; empty the first time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the person answered."""

    action: Literal["accept", "decline", "cancel"] = "cancel"
    """`accept` the form or the visit, `decline` it, or `cancel`: no answer was given."""
    content: dict[str, Any] = field(default_factory=dict)
    """The fields filled in; what is left out takes its default."""


Ask = Callable[[Question], Awaitable[Reply]]
