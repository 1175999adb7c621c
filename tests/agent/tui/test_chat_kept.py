"""A question that is not kept, or is kept elsewhere than before, is told beside its answer."""

from __future__ import annotations

import pytest

from agent.errors import TranscriptError
from agent.transcripts import Transcripts
from agent.tui.app import Chat
from tests.agent.tui.chat_host import FakeHost, ask, said, send, until


def warned(app: Chat, words: str) -> bool:
    return any(words in note.message and note.severity == "warning" for note in app._notifications)


async def test_a_session_deleted_elsewhere_is_told_and_the_next_questions_are_kept() -> None:
    app = Chat(FakeHost())
    async with app.run_test(size=(100, 30)) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        deleted, store = app.talk.id, app.talk.host.transcripts
        assert deleted is not None
        store.delete(deleted)
        await ask(app, pilot, "Has the Moon any air?")
        assert warned(app, f"The session {deleted} was deleted meanwhile")
        await until(pilot, said(app, f"The session {deleted} was deleted meanwhile"))
        assert app.talk.id not in (None, deleted)
        assert [t.question for t in store.turns(app.talk.id or "")] == ["Has the Moon any air?"]
        assert [answer.n for answer in app.transcript.answers] == [None, 1]
        await ask(app, pilot, "Who has seen its far side?")
        assert app.transcript.answers[-1].n == 2
        app.transcript.select(app.transcript.answers[0])
        await send(app, pilot, "/edit")
        await until(pilot, said(app, "Only a finished answer that is kept can be gone back to."))


async def test_an_answer_that_the_store_cannot_keep_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: object) -> int:
        raise TranscriptError("The disk is full.", hint="Make room.")

    app = Chat(FakeHost())
    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(Transcripts, "begin", full)
        await ask(app, pilot, "Has the Moon air?")
        assert warned(app, "This answer is not being kept: The disk is full.")
        await until(pilot, said(app, "This answer is not being kept: The disk is full. Make room."))
        assert app.transcript.answers[0].n is None
