"""Models that stand in for one another: in order, and never in the middle of an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import cast

import pytest

from agent.budget import Budget
from agent.config import Config
from agent.errors import BadModelOutput, ContextTooLong, MissingKey, ModelError, ModelUnreachable
from agent.events import Done
from agent.messages import Delta, Message, ModelUsage, TextDelta
from agent.model_choice import model
from agent.models.base import ChatModel, Prepares
from agent.models.fallback import REST, Fallback
from agent.models.metered import Metered
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.models.wrapped import prepares
from agent.modes.naive import Naive
from agent.paths import Paths
from agent.session import Session
from knowledge.library import Library
from tests.agent.models.asking import HELLO, SEARCH
from tests.fakes import MemoryLibrary


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class NoTools(Scripted):
    can_call_tools = False


def dead(name: str, error: ModelError | None = None) -> Scripted:
    gone = error or ModelUnreachable(f"{name} is gone.")
    return Scripted([ScriptedReply(error=gone)], loop=True, name=name)


def alive(name: str, *, kind: type[Scripted] = Scripted) -> Scripted:
    return kind([f"{name} says so."], loop=True, name=name)


async def said(chat: ChatModel, **options: object) -> list[Delta]:
    return [delta async for delta in chat.stream(HELLO, **options)]  # type: ignore[arg-type]


async def text(chat: ChatModel, **options: object) -> str:
    return "".join(d.text for d in await said(chat, **options) if isinstance(d, TextDelta))


async def test_the_next_answers_where_the_first_does_not_and_the_usage_names_it() -> None:
    deltas = await said(Fallback([dead("first"), alive("second")]))
    assert isinstance(deltas[-1], ModelUsage)
    assert deltas[-1].model == "second"


async def test_the_first_answers_where_it_can_and_nobody_is_named() -> None:
    second = alive("second")
    deltas = await said(Fallback([alive("first"), second]))
    assert isinstance(deltas[-1], ModelUsage)
    assert deltas[-1].model == ""
    assert not second.calls


async def test_an_answer_that_breaks_off_is_not_gone_on_with_by_another() -> None:
    second = alive("second")
    broken = Scripted([ScriptedReply("The first half", cut=True)], name="first")
    with pytest.raises(BadModelOutput):
        await said(Fallback([broken, second]))
    assert not second.calls


async def test_where_nobody_answers_the_first_ones_trouble_is_told() -> None:
    with pytest.raises(MissingKey, match="no key"):
        await said(Fallback([dead("a", MissingKey("a has no key.")), dead("b")]))


async def test_who_could_not_be_reached_is_asked_last_for_a_while() -> None:
    clock, first = Clock(), dead("first")
    chat = Fallback([first, alive("second")], clock=clock)
    await text(chat)
    await text(chat)
    assert len(first.calls) == 1
    clock.now += REST
    await text(chat)
    assert len(first.calls) == 2


async def test_all_that_rest_are_asked_all_the_same() -> None:
    first = Scripted([ScriptedReply(error=ModelUnreachable("gone")), "Back."], name="first")
    chat = Fallback([first, dead("second")], clock=Clock())
    with pytest.raises(ModelUnreachable):
        await said(chat)
    assert await text(chat) == "Back."


async def test_a_model_without_tools_stands_in_only_where_none_are_offered() -> None:
    chat = Fallback([dead("first"), alive("plain", kind=NoTools), alive("able")])
    assert await text(chat, tools=[SEARCH]) == "able says so."
    assert await text(chat) == "plain says so."


async def test_an_answer_says_who_gave_it_in_whose_place() -> None:
    library = MemoryLibrary({"rain.md": "It rains in Bergen on most days."})
    chat = Fallback([dead("openai/far"), alive("ollama_chat/near")])
    session = Session(modes={"naive": Naive()}, model=chat, library=cast(Library, library))
    done = [event async for event in session.ask("Does it rain in Bergen?")][-1]
    assert isinstance(done, Done)
    assert done.model == "ollama_chat/near"
    assert "openai/far did not answer; ollama_chat/near did in its place." in done.note


async def test_the_settings_name_who_stands_in(tmp_path: Path) -> None:
    paths = Paths.from_env({"AGENT_HOME": str(tmp_path)})
    config = Config(model="openai/x", fallbacks="ollama_chat/y, embedded", api_base="http://h:1/v1")
    chosen = model(config, paths, lambda: "sk-mine", None)
    assert isinstance(chosen, Fallback)
    assert chosen.name == "openai/x"
    assert [each.name for each in chosen._models] == ["openai/x", "ollama_chat/y", "embedded"]
    assert not isinstance(model(Config(), paths, lambda: None, None), Fallback)


class Reading(Scripted):
    """Reads ahead, or cannot."""

    error: ModelError | None = None

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        yield f"{self.name} reads"
        if self.error:
            raise self.error


async def lines(chat: ChatModel) -> list[str]:
    assert isinstance(chat, Prepares)
    return [line async for line in chat.prepare(HELLO)]


async def test_the_first_one_reads_ahead_as_if_none_stood_in_for_it() -> None:
    chat = Fallback([alive("first", kind=Reading), alive("second", kind=Reading)])
    for each in (chat, Metered(chat, Budget())):
        assert prepares(each) is True
        assert await lines(each) == ["first reads"]


async def test_none_reads_ahead_where_the_first_does_not() -> None:
    for chat in (
        Fallback([alive("first"), alive("second", kind=Reading)]),
        Metered(alive("first"), Budget()),
    ):
        assert prepares(chat) is False
        assert await lines(chat) == []


@pytest.mark.parametrize("error", [ModelUnreachable("gone"), ContextTooLong("too much")])
async def test_where_the_first_cannot_read_ahead_the_next_still_answers(error: ModelError) -> None:
    first = Reading([ScriptedReply(error=error)], loop=True, name="first")
    first.error = error
    chat = Fallback([first, alive("second")], clock=Clock())
    assert await lines(chat) == ["first reads"]
    assert await text(chat) == "second says so."
    assert len(first.calls) == isinstance(error, ContextTooLong)
