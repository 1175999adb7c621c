from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Limits
from agent.errors import SessionNotFound
from agent.events import Done, Failed
from agent.messages import ModelUsage
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.server.errors import Refused
from agent.server.hosting import stricter
from agent.server.model_names import meant
from agent.server.users import ALL, User
from tests.agent.server.hosted import ME, fill, hosted

READER = User("reader", reads=("papers",))
PAPER = {"paper.txt": "The bridge was built in 1931.\n"}


async def last_of(session: Any, question: str) -> Done | Failed:
    events = [event async for event in session.ask(question)]
    assert isinstance(events[-1], Done | Failed)
    return events[-1]


async def test_a_library_is_opened_once_for_all_who_may_read_it() -> None:
    async with hosted() as server:
        asked = [server.hosting.library(User("a", reads=(ALL,))) for _ in range(5)]
        found = await asyncio.gather(*asked, server.hosting.library(ME, "default"))
    assert len({id(library) for library in found}) == 1


@pytest.mark.parametrize("name", ["default", "nowhere", "../papers", "/", ".", "~", "papers/.."])
async def test_a_library_that_is_not_theirs_and_one_that_is_not_there_are_refused_alike(
    name: str,
) -> None:
    async with hosted() as server:
        with pytest.raises(Refused) as refused:
            await server.hosting.library(READER, name)
    assert refused.value.status == 404
    assert str(refused.value) == f"There is no library '{name}' that you may read."


@pytest.mark.parametrize("name", ["nowhere", "../default", "./default", "default/", "\n"])
async def test_even_the_owner_names_libraries_and_no_paths(name: str) -> None:
    async with hosted() as server:
        with pytest.raises(Refused, match="no library"):
            await server.hosting.library(ME, name)
    assert not (Path.cwd() / "default").exists()


async def test_who_names_no_library_means_the_first_that_they_may_read() -> None:
    async with hosted() as server:
        await fill(server.hosting, PAPER, "papers")
        theirs = await server.hosting.library(READER)
        assert theirs is await server.hosting.library(ME, "papers")
        assert theirs is not await server.hosting.library(ME)
        assert server.hosting.libraries(READER) == ["papers"]
        assert server.hosting.libraries(ME) == ["default", "papers"]
        with pytest.raises(Refused, match="no library that you may read"):
            await server.hosting.library(User("nobody"))


async def test_what_is_added_to_an_empty_library_while_it_is_served_is_found() -> None:
    async with hosted(documents=None) as server:
        library = await server.hosting.library(ME)
        assert await library.sources() == ()
        await fill(server.hosting, PAPER)
        assert len((await library.search("bridge")).passages) == 1


async def test_each_user_has_sessions_of_their_own_and_the_owner_those_of_the_program() -> None:
    async with hosted(["The bridge was built in 1931. [1]"], loop=True, documents=PAPER) as server:
        hosting = server.hosting
        library = await hosting.library(ME)
        mine = hosting.session(ME, library, keep=True)
        await last_of(mine, "When was the bridge built?")
        assert mine.id is not None
        with pytest.raises(SessionNotFound):
            hosting.session(User("a", reads=(ALL,)), library, resume=mine.id)
        assert hosting.transcripts(ME) is hosting.transcripts(ME)
        assert hosting.parts.paths.transcripts.exists()
        theirs = hosting.session(User("a", reads=(ALL,)), library, keep=True)
        await last_of(theirs, "When was the bridge built?")
        assert (hosting.parts.paths.data / "users" / "a" / "transcripts.db").exists()
        assert [info.id for info in hosting.transcripts(ME).sessions()] == [mine.id]


async def test_who_has_the_name_of_a_removed_user_has_none_of_their_sessions() -> None:
    carl, again = (User("carl", id=own * 16, reads=(ALL,)) for own in "ab")
    async with hosted(["The bridge was built in 1931. [1]"], loop=True, documents=PAPER) as server:
        hosting = server.hosting
        session = hosting.session(carl, await hosting.library(carl), keep=True)
        await last_of(session, "When was the bridge built?")
        assert len(hosting.transcripts(carl).sessions()) == 1
        assert hosting.transcripts(again).sessions() == []


async def test_a_library_that_was_replaced_is_opened_anew_and_one_that_is_gone_is_not_there() -> (
    None
):
    async with hosted() as server:
        hosting = server.hosting
        await fill(hosting, PAPER, "papers")
        root = hosting.parts.paths.libraries / "papers"
        before = await hosting.library(ME, "papers")
        assert await hosting.library(ME, "papers") is before
        await before.rebuild()
        assert await hosting.library(ME, "papers") is before
        shutil.rmtree(root)
        root.mkdir()  # may get the inode of the one before, where nobody holds that
        after = await hosting.library(ME, "papers")
        assert await after.sources() == ()
        shutil.rmtree(root)
        with pytest.raises(Refused, match="no library"):
            await hosting.library(ME, "papers")
        shutil.rmtree(hosting.parts.library_root)
        assert await (await hosting.library(ME)).sources() == ()


async def test_the_end_of_a_session_leaves_the_model_to_the_others() -> None:
    class Closing(Scripted):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    model = Closing(["The bridge was built in 1931. [1]"], loop=True)
    async with hosted(documents=PAPER) as server:
        server.hosting.parts.model = model
        session = server.hosting.session(ME, await server.hosting.library(ME))
        await last_of(session, "When was the bridge built?")
        await session.aclose()
        assert model.closed == 0
    assert model.closed == 1


async def test_a_users_limits_hold_where_they_are_stricter_than_the_settings() -> None:
    user = User("a", reads=(ALL,), limits=Limits(steps=1, seconds=9.0))
    both = stricter(Limits(cost=1.0, steps=5), user.limits)
    assert both == Limits(cost=1.0, steps=1, seconds=9.0)
    reply = ScriptedReply("The bridge was built in 1931. [1]", usage=ModelUsage(900, 9))
    async with hosted([reply], loop=True, documents=PAPER) as server:
        poor = User("a", reads=(ALL,), limits=Limits(tokens=20))
        session = server.hosting.session(poor, await server.hosting.library(poor))
        last = await last_of(session, "When was the bridge built?")
    assert isinstance(last, Done)
    assert "limit of 20 tokens" in last.note


@pytest.mark.parametrize(
    ("name", "mode", "persona"),
    [
        ("understudy", "", None),
        ("understudy@butler", "", "butler"),
        ("understudy/cag", "cag", None),
        ("understudy/auto@none", "auto", "none"),
    ],
)
def test_a_models_name_is_a_mode_and_a_persona(name: str, mode: str, persona: str | None) -> None:
    assert meant(name) == (mode, persona)


@pytest.mark.parametrize("name", ["", "gpt-4o", "understudy/", "understudy/x", "understudy/cag@"])
def test_another_name_is_no_model(name: str) -> None:
    with pytest.raises(Refused, match="does not exist"):
        meant(name)
