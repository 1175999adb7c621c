"""Commands about sessions: list, resume, fork, go back, rename, export."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from agent.errors import SessionNotFound, UsageError
from agent.plain_text import plural, short_path
from agent.tui.actions.answers import edit_again, selected
from agent.tui.commands import Command, Completion
from agent.tui.host import FORMS, Form
from agent.tui.question import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.tui.actions.stage import Stage

_HITS = 1000
"""Turns that a search of the list finds: those of one long session must not hide the others."""


def commands(stage: Stage) -> list[Command]:
    """Those of this subject."""
    talk = stage.talk

    async def new(rest: str) -> None:
        _idle(stage)
        await talk.leave_demo()
        await stage.go_on()

    async def sessions(rest: str) -> None:
        _idle(stage)
        await browse(stage)

    async def resume(rest: str) -> None:
        _idle(stage)
        if not rest:
            return await browse(stage)
        await stage.go_on(await asyncio.to_thread(talk.host.transcripts.find, rest))

    async def fork(rest: str) -> None:
        _idle(stage)
        session = kept(stage)
        turn = await _turn(stage, rest)
        copy = await asyncio.to_thread(talk.host.transcripts.fork, session, turn)
        await stage.go_on(copy)
        stage.tell(f"A copy with {plural(turn, 'question')}; {session} stays as it is.")

    async def rewind(rest: str) -> None:
        _idle(stage)
        if not rest:
            return await edit_again(stage, selected(stage))
        session, turn = kept(stage), await _turn(stage, rest)
        turns = await talk.turns()
        await stage.go_on(await asyncio.to_thread(talk.host.rewind, session, turn))
        stage.put(Question(turns[turn - 1].question, turns[turn - 1].context))

    async def rename(rest: str) -> None:
        if not rest:
            raise UsageError("There is no title.", hint="/rename TITLE")
        await asyncio.to_thread(talk.host.transcripts.rename, kept(stage), rest)
        stage.tell("Renamed.")

    async def export(rest: str) -> None:
        form, _, path = rest.partition(" ")
        if form not in ("", *FORMS):
            raise UsageError(f"There is no format '{form}'.", hint=f"/export {'|'.join(FORMS)}")
        wanted = cast("Form", form or "md")
        file = await asyncio.to_thread(talk.host.export, kept(stage), wanted, path.strip())
        stage.notice(f"Written to {short_path(str(file))}")

    def known(typed: str) -> Sequence[Completion]:
        found = talk.host.transcripts.sessions(limit=50)
        return [Completion(i.id, i.title) for i in found if i.id.startswith(typed)]

    return [
        Command("new", "Begin a new session", new),
        Command("sessions", "All sessions: search, resume, rename, delete, export", sessions),
        Command("resume", "Go on with a session", resume, "[ID]", known),
        Command("fork", "Go on in a copy, up to the answer under the cursor", fork, "[N]"),
        Command("rewind", "Go back to before a question, in a copy", rewind, "[N]"),
        Command("rename", "Give this session another title", rename, "TITLE"),
        Command(
            "export", "Write this session to a file", export, f"[{'|'.join(FORMS)}] [PATH]",
            lambda typed: [Completion(form) for form in FORMS if form.startswith(typed)],
        ),
    ]  # fmt: skip


def kept(stage: Stage) -> str:
    """The name of the session that is open.

    Raises:
        UsageError: Nothing has been asked in it, so there is nothing yet.
    """
    if (session := stage.talk.id) is None:
        raise UsageError("This session is empty.", hint="Ask something first.")
    return session


async def browse(stage: Stage) -> None:
    """Show the list of sessions, and go on with the one that is chosen."""
    from agent.tui.screens.sessions import SessionActions, SessionsScreen

    host = stage.talk.host
    store = await asyncio.to_thread(lambda: host.transcripts)
    actions = SessionActions(
        search=lambda words: store.search(words, limit=_HITS),
        delete=store.delete,
        rename=store.rename,
        export=lambda session: str(host.export(session, "md")),
        fork=store.fork,
    )
    found = await asyncio.to_thread(store.sessions)
    chosen = await stage.show(SessionsScreen(found, actions))
    if chosen is not None and chosen != stage.talk.id:
        await stage.go_on(chosen)
    elif stage.talk.id is not None:
        try:
            await asyncio.to_thread(store.info, stage.talk.id)
        except SessionNotFound:  # it was the one deleted
            await stage.go_on()


def _idle(stage: Stage) -> None:
    if stage.busy:
        raise UsageError("An answer is being given.", hint="Esc stops it.")


async def _turn(stage: Stage, typed: str) -> int:
    """The number of a turn: as typed, or that of the answer under the cursor.

    Raises:
        UsageError: There is no such turn.
    """
    count = len(await stage.talk.turns())
    if not typed:
        answer = stage.selected
        return answer.n if answer is not None and answer.n is not None else count
    if not typed.isdecimal() or not 1 <= int(typed) <= count:
        raise UsageError(f"There is no question {typed}: this session has {count}.")
    return int(typed)
