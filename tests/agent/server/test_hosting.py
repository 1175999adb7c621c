from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
from agent.server.failures import refusal
from agent.server.hosting import stricter
from agent.server.model_names import meant
from agent.server.open_libraries import OpenLibraries
from agent.server.users import ALL, User
from knowledge.errors import KnowledgeError
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


class Opening:
    """Opens libraries that are no libraries, once it may; counts those that are open."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.began = threading.Event()
        self.opened = 0
        self.held = 0

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        self.began.set()
        assert self.may.wait(20)
        self.opened += 1
        self.held += 1
        try:
            yield object()
        finally:
            self.held -= 1


async def began(opening: Opening) -> None:
    while not opening.began.is_set():
        await asyncio.sleep(0.001)


async def test_who_leaves_while_a_library_is_opened_does_not_have_it_opened_twice(
    tmp_path: Path,
) -> None:
    libraries, opening = OpenLibraries(), Opening()
    async with asyncio.timeout(20):
        leaves = asyncio.create_task(libraries.get(tmp_path, opening))
        await began(opening)
        leaves.cancel()
        await asyncio.wait([leaves])
        stays = asyncio.create_task(libraries.get(tmp_path, opening))
        opening.may.set()
        assert await stays is await libraries.get(tmp_path, opening)
        assert (opening.opened, opening.held) == (1, 1)
        await libraries.close()
    assert opening.held == 0


async def test_a_library_that_is_opened_while_all_are_closed_is_closed_too(tmp_path: Path) -> None:
    libraries, opening = OpenLibraries(), Opening()
    async with asyncio.timeout(20):
        leaves = asyncio.create_task(libraries.get(tmp_path, opening))
        await began(opening)
        leaves.cancel()
        closing = asyncio.create_task(libraries.close())
        await asyncio.sleep(0)
        opening.may.set()
        await closing
        with pytest.raises(Refused, match="ending"):
            await libraries.get(tmp_path, opening)
    assert (opening.opened, opening.held) == (1, 0)


async def test_nobody_waits_for_another_library_to_be_opened(tmp_path: Path) -> None:
    libraries, slow, quick = OpenLibraries(), Opening(), Opening()
    quick.may.set()
    (tmp_path / "other").mkdir()
    async with asyncio.timeout(20):
        slowly = asyncio.create_task(libraries.get(tmp_path, slow))
        await began(slow)
        for _ in range(2):
            await libraries.get(tmp_path / "other", quick)
        slow.may.set()
        await slowly
        await libraries.close()
    assert (slow.held, quick.opened, quick.held) == (0, 1, 0)


async def test_a_library_that_is_closed_while_it_is_read_is_told_of_and_is_no_bug() -> None:
    async with hosted(documents=PAPER) as server:
        reading = await server.hosting.library(ME)
        reading.close()  # as when its folder was replaced
        with pytest.raises(KnowledgeError) as caught:
            await reading.search("bridge")
        refused = refusal(caught.value)
        assert refused is not None
        assert (refused.status, refused.code) == (409, "library_unusable")
        root = str(server.hosting.parts.library_root)
        assert root in refused.cause
        assert root not in f"{refused} {refused.hint}"


async def test_where_cost_is_limited_and_not_known_an_ask_is_refused_with_the_reason() -> None:
    class Unlisted(Scripted):
        price = None  # type: ignore[assignment]

    async with hosted(["One. [1]"], loop=True, documents=PAPER) as server:
        server.hosting.parts.model = Unlisted(["The bridge was built in 1931. [1]"], loop=True)
        assert (await server.chat("When was the bridge built?")).status_code == 200
        poor = User("a", reads=(ALL,), limits=Limits(cost=1.0))
        library = await server.hosting.library(poor)
        with pytest.raises(Refused) as caught:
            server.hosting.session(poor, library)
    assert (caught.value.status, caught.value.code) == (403, "price_unknown")


async def test_sessions_that_were_let_go_of_are_opened_again() -> None:
    async with hosted() as server:
        hosting, user = server.hosting, User("a", reads=(ALL,))
        before = hosting.transcripts(user)
        hosting.close_sessions(user.kept_as)
        assert hosting.sessions_open == frozenset()
        assert hosting.transcripts(user) is not before
        assert hosting.transcripts(user).sessions() == []
