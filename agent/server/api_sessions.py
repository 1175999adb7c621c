"""`/api/sessions`: what a user has asked, and what was answered. Each user has a store.

Which store that is, `Hosting.transcripts` says by the user alone: nothing that a request names
leads to another's.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Literal, assert_never

from pydantic import Field
from starlette.responses import Response

from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Revision,
    Status,
    Thought,
    Token,
    ToolCall,
    ToolResult,
    Usage,
)
from agent.plain_text import clean
from agent.server.causes import as_told, done_for
from agent.server.client_tools import HandedOver
from agent.server.completion import Cited, cited
from agent.server.hosting import Hosting
from agent.server.operations import Asked, Nothing, Operation, Shape
from agent.server.source_names import shown_citation
from agent.server.users import User
from agent.transcripts import SessionInfo, State, StoredTurn

_MEDIA = {"md": "text/markdown", "html": "text/html", "json": "application/json"}


class Limit(Shape):
    """How many are wanted."""

    limit: int = Field(20, ge=1, le=1000)


class SearchParams(Limit):
    """Words of a question or an answer."""

    q: str = Field(min_length=1, max_length=1000)


class SessionParams(Shape):
    """Which session."""

    id: str


class ExportParams(SessionParams):
    """Which session, and as what."""

    format: Literal["md", "html", "json"] = "md"


class SessionShape(Shape):
    """A session."""

    id: str
    title: str
    created: float = Field(description="Unix time, as all times here.")
    updated: float
    turns: int
    parent: str = Field(description="The session that it was forked from; empty for none.")


class SessionsAnswer(Shape):
    """Sessions, the last written to first."""

    sessions: list[SessionShape]


class HitShape(Shape):
    """A turn that was found."""

    session: str
    title: str
    turn: int
    asked: float
    question: str
    excerpt: str = Field(description="Where the words stand, they themselves in [ ].")


class HitsAnswer(Shape):
    """Turns that hold all the words, best first."""

    hits: list[HitShape]


class TurnShape(Shape):
    """A question and what came of it."""

    n: int
    question: str
    context: str
    asked: float
    state: State
    answer: str
    outcome: str = Field(description="Of a turn that is done; otherwise empty.")
    note: str = Field(description="What is to be known about the answer, or why there is none.")
    citations: list[Cited]


class SessionAnswer(Shape):
    """A session and its turns."""

    session: SessionShape
    turns: list[TurnShape]


class Title(Shape):
    """Another title."""

    title: str = Field(min_length=1, max_length=1000, pattern=r"\S")


class Deleted(Shape):
    """What is gone."""

    deleted: str


class Sessions:
    """The operations, over each user's own store."""

    def __init__(self, hosting: Hosting) -> None:
        """Over these; opens nothing."""
        self._hosting = hosting

    def operations(self) -> list[Operation[Any, Any]]:
        """What is offered. `search` stands before what takes any name."""
        one = "/api/sessions/{id}"
        return [
            Operation(
                "GET", "/api/sessions", "list_sessions", "Your sessions, the latest first.",
                self.list, Limit, Nothing, SessionsAnswer,
            ),
            Operation(
                "GET", "/api/sessions/search", "search_sessions",
                "Your questions and answers that hold all these words.",
                self.search, SearchParams, Nothing, HitsAnswer,
            ),
            Operation(
                "GET", one, "show_session", "A session's questions and answers.",
                self.show, SessionParams, Nothing, SessionAnswer, (404,),
            ),
            Operation(
                "PATCH", one, "rename_session", "Give a session another title.",
                self.rename, SessionParams, Title, SessionShape, (404,),
            ),
            Operation(
                "DELETE", one, "delete_session", "Delete a session for good.",
                self.delete, SessionParams, Nothing, Deleted, (404,),
            ),
            Operation(
                "GET", f"{one}/export", "export_session", "A session as a file.",
                self.export, ExportParams, Nothing, None, (404,), media=tuple(_MEDIA.values()),
            ),
        ]  # fmt: skip

    async def list(self, asked: Asked[Limit, Nothing]) -> SessionsAnswer:
        """List them."""
        store = self._hosting.transcripts(asked.user)
        found = await asyncio.to_thread(store.sessions, limit=asked.params.limit)
        return SessionsAnswer(sessions=[_session(info) for info in found])

    async def search(self, asked: Asked[SearchParams, Nothing]) -> HitsAnswer:
        """Find turns by words."""
        store, wanted = self._hosting.transcripts(asked.user), asked.params
        found = await asyncio.to_thread(store.search, wanted.q, limit=wanted.limit)
        return HitsAnswer(
            hits=[
                HitShape(
                    session=h.session, title=h.title, turn=h.turn, asked=h.asked,
                    question=h.question, excerpt=h.excerpt,
                )
                for h in found
            ]
        )  # fmt: skip

    async def show(self, asked: Asked[SessionParams, Nothing]) -> SessionAnswer:
        """Show one."""
        store, name = self._hosting.transcripts(asked.user), asked.params.id
        info = await asyncio.to_thread(store.info, name)
        turns = await asyncio.to_thread(store.turns, name)
        return SessionAnswer(
            session=_session(info), turns=[_turn(_shown(asked.user, turn)) for turn in turns]
        )

    async def rename(self, asked: Asked[SessionParams, Title]) -> SessionShape:
        """Rename one."""
        store, name = self._hosting.transcripts(asked.user), asked.params.id
        await asyncio.to_thread(store.rename, name, asked.body.title)
        return _session(await asyncio.to_thread(store.info, name))

    async def delete(self, asked: Asked[SessionParams, Nothing]) -> Deleted:
        """Delete one."""
        store, name = self._hosting.transcripts(asked.user), asked.params.id
        await asyncio.to_thread(store.delete, name)
        return Deleted(deleted=name)

    async def export(self, asked: Asked[ExportParams, Nothing]) -> Response:
        """Write one out. It is to be kept: a browser shows no page of it under this address."""
        from agent.transcript_export import to_html, to_json_text, to_markdown

        store, form, name = (
            self._hosting.transcripts(asked.user),
            asked.params.format,
            asked.params.id,
        )

        def write() -> str:
            info = store.info(name)
            written = {"md": to_markdown, "json": to_json_text, "html": to_html}[form]
            turns = [_shown(asked.user, turn) for turn in store.turns(name)]
            return written(info, turns, store.summaries(name))

        text = await asyncio.to_thread(write)
        if form == "md":
            text = clean(text)
        return Response(
            text.encode("utf-8", "replace"),
            media_type=_MEDIA[form],
            headers={
                "Content-Disposition": f'attachment; filename="{name}.{form}"',
                "X-Content-Type-Options": "nosniff",
            },
        )


def _session(info: SessionInfo) -> SessionShape:
    return SessionShape(
        id=info.id, title=info.title, created=info.created, updated=info.updated,
        turns=info.turns, parent=info.parent,
    )  # fmt: skip


def _shown(user: User, turn: StoredTurn) -> StoredTurn:
    """A turn as its user was told it: steps and tools may name places of the server."""
    if user.is_owner:
        return turn
    events: list[Event] = []
    for event in turn.events:
        match event:
            case Citation():
                events.append(shown_citation(user, event))
            case Failed():
                handed_over = event.error == HandedOver.__name__
                events.append(event if handed_over else as_told(event))
            case ToolCall() | ToolResult() | Status() | Thought():
                pass
            case Done():
                events.append(done_for(user, event))
            case Token() | Usage() | Revision():
                events.append(event)
            case _:
                assert_never(event)
    return replace(turn, events=tuple(events))


def _turn(turn: StoredTurn) -> TurnShape:
    last = turn.events[-1] if turn.events else None
    outcome, note = "", ""
    match last:
        case Done():
            outcome, note = last.outcome, last.note
        case Failed():
            note = f"{last.message} {last.hint}".strip()
        case _:
            pass
    return TurnShape(
        n=turn.n,
        question=turn.question,
        context=turn.context,
        asked=turn.asked,
        state=turn.state,
        answer=turn.answer,
        outcome=outcome,
        note=note,
        citations=[cited(event) for event in turn.events if isinstance(event, Citation)],
    )
