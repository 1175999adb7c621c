"""What does not open, what is typed meanwhile, and what a session opened anew still has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import config_file
from agent.config import Config
from agent.connections import Connections
from agent.errors import AgentError
from agent.mcp_entry import Entry
from agent.paths import Paths
from agent.session import Session
from agent.tui.app import Chat
from agent.tui.host import Host
from agent.tui.screens.settings import SettingsScreen
from agent.tui.screens.welcome import WelcomeScreen
from agent.wiring import Parts
from tests.agent.tui.chat_host import FakeHost, answers, ask, opened, parts, said, send, until


@pytest.mark.parametrize(
    ("name", "value"), [("persona", "salor"), ("mode", "foo"), ("model", "local:/nowhere")]
)
def test_a_value_that_cannot_be_used_is_refused_and_not_written(name: str, value: str) -> None:
    host = Host(parts)
    for change in (host.keep, host.use):
        with pytest.raises(AgentError):
            change(name, value)
    assert getattr(host.config, name) == getattr(Config(), name)
    assert not Paths.from_env().config_file.exists()


def test_the_servers_of_a_file_that_was_named_are_told_of(tmp_path: Path) -> None:
    file = tmp_path / "servers.json"
    file.write_text('{"mcpServers": {"mine": {"command": "run-mine"}}}')
    host = Host(lambda given, notify: Parts.from_env(given, notify=notify, mcp_config=file))
    assert "mine" in [entry.name for entry in host.servers().entries]


async def test_what_was_mended_elsewhere_opens_by_new_and_by_leaving_the_settings() -> None:
    paths = Paths.from_env()
    for command in ("/new", "/settings"):
        config_file.set_value(paths, "persona", "salor")
        app = Chat(Host(parts))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, said(app, "There is no persona 'salor'."))
            config_file.unset_value(paths, "persona")
            await send(app, pilot, command)
            if command == "/settings":
                await until(pilot, lambda: isinstance(app.screen, SettingsScreen))  # noqa: B023
                await pilot.press("escape")
            await opened(app, pilot)


async def test_a_persona_that_is_taken_off_in_the_chat_opens_it() -> None:
    config_file.set_value(Paths.from_env(), "persona", "salor")
    app = Chat(Host(parts))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, said(app, "There is no persona 'salor'."))
        await send(app, pilot, "/persona none")
        await opened(app, pilot)


async def test_weights_that_are_not_there_do_not_end_the_chat() -> None:
    config_file.set_value(Paths.from_env(), "model", "local:/nowhere")
    app = Chat(Host(parts))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("escape")
        await send(app, pilot, "/model embedded")
        await until(pilot, lambda: app.talk.session.model.name == "embedded")


class Slow(FakeHost):
    """Opens when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    @contextmanager
    def open_session(self, *, resume: str | None = None, last: bool = False) -> Iterator[Session]:
        assert self.let.wait(20)
        with super().open_session(resume=resume, last=last) as session:
            yield session


async def test_commands_that_are_typed_before_the_library_is_open_are_carried_out_then() -> None:
    host = Slow()
    app = Chat(host)
    async with app.run_test(size=(100, 30)) as pilot:
        try:
            await send(app, pilot, "/theme nothing")
            await send(app, pilot, "/dance")
            await send(app, pilot, "Has the Moon air?")
            await send(app, pilot, "/cost")
            await until(pilot, said(app, "/theme takes one of:"))
            assert not said(app, "/dance")()
        finally:
            host.let.set()
        await until(pilot, lambda: answers(app) == ["The Moon has no air. [1]"])
        for words in ("/theme takes one of:", "There is no command /dance.", "This session: 0"):
            await until(pilot, said(app, words))


class Connected(FakeHost):
    """Each session is opened with connections of its own."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place
        self.made: list[Connections] = []

    @contextmanager
    def open_session(self, *, resume: str | None = None, last: bool = False) -> Iterator[Session]:
        with super().open_session(resume=resume, last=last) as session:
            entries = [Entry("a", "user", command="run-a")]
            self.made.append(Connections(entries, state=self.place, settings=self.place))
            session._connections = self.made[-1]
            yield session


async def test_a_session_that_is_opened_anew_keeps_its_servers_and_what_was_allowed(
    tmp_path: Path,
) -> None:
    host = Connected(tmp_path)
    app = Chat(host)
    async with app.run_test(size=(100, 30)) as pilot:
        await ask(app, pilot, "Has the Moon air?")
        first = app.talk.session
        await send(app, pilot, "/settings")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])
        await pilot.pause()
        assert app.talk.session is first
        await send(app, pilot, "/persona casual")
        await until(pilot, lambda: app.talk.ready and app.talk.session is not first)
        assert app.talk.session._connections is host.made[0]
        await send(app, pilot, "/new")
        await until(pilot, lambda: app.talk.ready and app.talk.id is None)
        assert app.talk.session._connections is host.made[-1]
        assert len(host.made) == 3
