from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Limits
from agent.connections import Connections
from agent.errors import BudgetSpent, RateLimited, SessionNotFound, TranscriptError
from agent.events import Done, Event, Failed, Status, Token, ToolCall, ToolResult
from agent.messages import Message
from agent.models.metered import Metered
from agent.modes.base import Mode, Turn
from agent.modes.naive import Naive
from agent.session import Session
from agent.transcripts import Transcripts
from knowledge.errors import EmbedderMismatch
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

ANSWER = (Token("It is "), Token("so."), Done("It is so.", "ungrounded", "scripted", "echo"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Transcripts]:
    transcripts = Transcripts(tmp_path / "transcripts.db")
    yield transcripts
    transcripts.close()


def session(mode: Mode, store: Transcripts | None = None, **rest: Any) -> Session:
    library: Any = MemoryLibrary({"moon.txt": "The Moon has no air."})
    return Session(
        modes={mode.name: mode},
        model=EchoModel(),
        library=library,
        transcripts=store,
        mode=mode.name,
        **rest,
    )


async def ask(session: Session, question: str = "Is it so?", **rest: Any) -> list[Event]:
    return [event async for event in session.ask(question, **rest)]


async def test_events_come_out_with_one_terminal_event_last_and_the_time_it_took() -> None:
    got = await ask(session(ScriptedMode(*ANSWER)))
    assert got[:-1] == list(ANSWER[:2])
    assert isinstance(got[-1], Done)
    assert got[-1].text == "It is so."
    assert got[-1].seconds >= 0


async def test_the_turn_reaches_the_mode_with_what_was_given() -> None:
    mode = ScriptedMode(*ANSWER)
    await ask(session(mode, passages=3, max_tokens=9), "Q?", context="c")
    (turn,) = mode.turns
    assert (turn.question, turn.context, turn.passages, turn.max_tokens) == ("Q?", "c", 3, 9)
    assert turn.history == ()


@pytest.mark.parametrize(("name", "strangers"), [("search_library", False), ("one__look", True)])
async def test_a_resumed_session_knows_whether_strangers_have_spoken_in_it(
    store: Transcripts, tmp_path: Path, name: str, strangers: bool
) -> None:
    called = (ToolCall("1", name, {}), ToolResult("1", "It is so.", ok=True))
    talk = session(ScriptedMode(*called, *ANSWER), store)
    await ask(talk)
    connections = Connections((), state=tmp_path, settings=tmp_path)
    session(ScriptedMode(), store, resume=talk.id, connections=connections)
    assert connections.exposure.untrusted is strangers


async def test_a_question_asked_several_times_in_a_row_is_told_once_when_resumed(
    store: Transcripts,
) -> None:
    talk = session(ScriptedMode(*ANSWER), store)
    for question in ("Is it so?", "Is it so?", "And then?", "Is it so?"):
        await ask(talk, question)
    again = session(ScriptedMode(*ANSWER), store, resume=talk.id)
    empty = session(ScriptedMode(), store, resume=store.create())
    assert empty.history == ()
    asked = [message.content for message in again.history if message.role == "user"]
    assert asked == ["Is it so?", "And then?", "Is it so?"]


def test_a_session_without_a_finished_answer_can_be_resumed(store: Transcripts) -> None:
    name = store.create()
    store.begin(name, "unfinished")
    assert session(ScriptedMode(*ANSWER), store, resume=name).history == ()


async def test_answers_become_the_next_turns_history() -> None:
    mode = ScriptedMode(*ANSWER)
    talk = session(mode)
    await ask(talk)
    await ask(talk)
    assert mode.turns[1].history == (
        Message("user", "Is it so?"),
        Message("assistant", "It is so."),
    )


async def test_a_session_is_stored_and_can_be_resumed(store: Transcripts) -> None:
    talk = session(ScriptedMode(*ANSWER), store)
    assert talk.id is None
    assert store.sessions() == []
    got = await ask(talk, context="c")
    assert talk.id is not None
    (turn,) = store.turns(talk.id)
    assert turn.events == (Token("It is so."), got[-1])
    assert (turn.state, turn.context) == ("done", "c")
    mode = ScriptedMode(*ANSWER)
    await ask(session(mode, store, resume=store.last()))
    assert mode.turns[0].history == talk.history
    assert len(store.turns(talk.id)) == 2


def test_resuming_what_is_not_there_is_an_error(store: Transcripts) -> None:
    with pytest.raises(SessionNotFound):
        session(ScriptedMode(), store, resume="nosuch")


@pytest.mark.parametrize(
    "error",
    [RateLimited("too fast", hint="wait"), EmbedderMismatch("other vectors", hint="wait")],
)
async def test_an_expected_error_becomes_failed_with_its_hint(
    store: Transcripts, error: Exception
) -> None:
    mode = ScriptedMode(Token("It"), error)
    talk = session(mode, store)
    got = await ask(talk)
    failed = Failed(str(error), hint="wait", error=type(error).__name__)
    assert got == [Token("It"), failed]
    assert talk.history == ()
    assert talk.id is not None
    (turn,) = store.turns(talk.id)
    assert (turn.state, turn.events) == ("failed", (Token("It"), failed))
    assert mode.closed == 1


async def test_a_bug_goes_on_up_and_the_turn_stands_as_interrupted(store: Transcripts) -> None:
    talk = session(ScriptedMode(Token("It"), ZeroDivisionError()), store)
    with pytest.raises(ZeroDivisionError):
        await ask(talk)
    assert talk.id is not None
    assert store.turns(talk.id)[0].state == "interrupted"


async def test_a_mode_that_ends_without_an_end_is_a_bug() -> None:
    with pytest.raises(RuntimeError, match="without Done or Failed"):
        await ask(session(ScriptedMode(Token("It"))))


async def test_what_follows_the_end_is_not_heard() -> None:
    mode = ScriptedMode(*ANSWER, Token("more"))
    got = await ask(session(mode))
    assert len(got) == 3
    assert mode.closed == 1


class Hanging(ScriptedMode):
    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        try:
            yield Token("It is")
            await asyncio.Event().wait()
        finally:
            self.closed += 1


async def test_cancelling_closes_the_mode_and_records_what_there_was(store: Transcripts) -> None:
    mode = Hanging()
    talk = session(mode, store)
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in talk.ask("Is it so?"):
            heard.set()

    task = asyncio.create_task(listen())
    await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert mode.closed == 1
    assert talk.id is not None
    (turn,) = store.turns(talk.id)
    assert (turn.state, turn.answer) == ("interrupted", "It is")
    assert talk.history == ()


async def test_stopping_where_nothing_is_asked_changes_nothing() -> None:
    talk = session(ScriptedMode(*ANSWER))
    talk.stop()
    assert isinstance((await ask(talk))[-1], Done)
    talk.stop()
    assert isinstance((await ask(talk))[-1], Done)


async def test_each_ask_has_a_budget_of_its_own_and_a_model_that_keeps_to_it() -> None:
    mode = ScriptedMode(*ANSWER)
    quoter = EchoModel()
    talk = session(mode, limits=Limits(steps=2), quoter=quoter)
    await ask(talk)
    await ask(talk)
    one, two = mode.turns
    assert one.budget is not two.budget
    assert one.budget.limits == Limits(steps=2)
    assert isinstance(one.model, Metered)
    assert one.model.inner is talk.model
    assert one.quoter is quoter


async def test_a_stopped_ask_is_kept_as_done_and_its_answer_becomes_history(
    store: Transcripts,
) -> None:
    class Stoppable(Hanging):
        async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
            yield Token("It is")
            try:
                await turn.budget.within(asyncio.Event().wait)
            except BudgetSpent as end:
                yield Done("It is", "partial", self.name, "echo", note=str(end))

    talk = session(Stoppable(), store)
    got: list[Event] = []
    async for event in talk.ask("Is it so?"):
        got.append(event)
        talk.stop("Enough.")
    assert isinstance(got[-1], Done)
    assert (got[-1].outcome, got[-1].note) == ("partial", "Enough.")
    assert talk.id is not None
    assert [turn.state for turn in store.turns(talk.id)] == ["done"]
    assert talk.history == (Message("user", "Is it so?"), Message("assistant", "It is"))


async def test_a_turn_that_said_nothing_is_no_history(store: Transcripts) -> None:
    talk = session(ScriptedMode(Done("", "ungrounded", "scripted", "echo")), store)
    await ask(talk)
    assert talk.history == ()
    assert session(ScriptedMode(), store, resume=talk.id).history == ()


class Blocked:
    """A store where one method waits for another process, until that lets go of it."""

    def __init__(self, store: Transcripts, method: str) -> None:
        self._store, self._method = store, method
        self.waiting, self.free = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name != self._method:
            return found

        def wait(*args: Any, **kwargs: Any) -> Any:
            self.waiting.set()
            assert self.free.wait(30)
            return found(*args, **kwargs)

        return wait


async def cancelled_while(method: str, store: Transcripts, resume: str | None) -> Session:
    blocked: Any = Blocked(store, method)
    talk = session(ScriptedMode(*ANSWER), blocked, resume=resume)
    task = asyncio.create_task(ask(talk, "Again?"))
    await asyncio.to_thread(blocked.waiting.wait, 30)
    task.cancel()
    asyncio.get_running_loop().call_soon(task.cancel)
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, blocked.free.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    return talk


async def test_cancelling_while_a_turn_is_begun_leaves_it_interrupted(store: Transcripts) -> None:
    resumed = session(ScriptedMode(*ANSWER), store)
    await ask(resumed)
    for resume in (resumed.id, None):
        talk = await cancelled_while("begin", store, resume)
        assert talk.id is not None
        assert store.turns(talk.id)[-1].question == "Again?"
        assert store.turns(talk.id)[-1].state == "interrupted"


async def test_cancelling_during_a_write_writes_nothing_twice(store: Transcripts) -> None:
    talk = await cancelled_while("append", store, None)
    assert talk.id is not None
    (turn,) = store.turns(talk.id)
    assert turn.state == "done"
    assert turn.events[0] == Token("It is so.")
    assert len(turn.events) == 2


async def test_leaving_early_closes_the_mode_and_records_what_there_was(
    store: Transcripts,
) -> None:
    mode = Hanging()
    talk = session(mode, store)
    stream = talk.ask("Is it so?")
    async for _ in stream:
        break
    await stream.aclose()
    assert mode.closed == 1
    assert talk.id is not None
    assert store.turns(talk.id)[0].state == "interrupted"


async def test_where_a_session_was_deleted_meanwhile_another_begins_and_that_is_told(
    store: Transcripts,
) -> None:
    talk = session(ScriptedMode(*ANSWER), store)
    await ask(talk)
    deleted = talk.id
    assert deleted is not None
    store.delete(deleted)
    got = await ask(talk, "And now?")
    assert [type(event) for event in got] == [Status, Token, Token, Done]
    assert isinstance(got[0], Status)
    assert got[0].stage == "record"
    assert f"{deleted} was deleted meanwhile" in got[0].text
    assert talk.id not in (None, deleted)
    assert [turn.question for turn in store.turns(talk.id or "")] == ["And now?"]
    assert [message.content for message in talk.history if message.role == "user"] == ["And now?"]
    await ask(talk, "And then?")
    assert len(store.turns(talk.id or "")) == 2


async def test_what_the_store_cannot_keep_is_answered_and_the_loss_told(
    store: Transcripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> int:
        raise TranscriptError("The disk is full.", hint="Make room.")

    monkeypatch.setattr(store, "begin", full)
    got = await ask(session(ScriptedMode(*ANSWER), store))
    assert [type(event) for event in got] == [Status, Token, Token, Done]
    assert isinstance(got[0], Status)
    assert "not being kept: The disk is full." in got[0].text


@pytest.mark.parametrize(
    ("question", "mode", "message"),
    [("  ", None, "empty"), ("Q?", "agentic", "There is no mode 'agentic'")],
)
async def test_what_cannot_be_asked_is_told(
    store: Transcripts, question: str, mode: str | None, message: str
) -> None:
    got = await ask(session(ScriptedMode(*ANSWER), store), question, mode=mode)
    (failed,) = got
    assert isinstance(failed, Failed)
    assert message in failed.message
    assert "scripted" in failed.hint
    assert failed.error == "UsageError"
    assert store.sessions() == []


async def test_the_naive_mode_answers_through_a_session(store: Transcripts) -> None:
    got = await ask(session(Naive(), store), "Has the Moon air?")
    assert isinstance(got[-1], Done)
    assert got[-1].outcome == "grounded"
