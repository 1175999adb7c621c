"""The first run, the library, settings, models, looks: over the true agent, without an embedder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textual.widgets import Input

from agent.config import Config
from agent.paths import Paths
from agent.tui import looks
from agent.tui.app import Chat
from agent.tui.host import Host
from agent.tui.screens.library import LibraryScreen
from agent.tui.screens.settings import SettingsScreen
from agent.tui.screens.welcome import WelcomeScreen
from agent.wiring import Parts
from tests.agent.tui.chat_host import FakeHost, answers, ask, opened, parts, said, send, told, until


def chat(**known: object) -> Chat:
    return Chat(Host(parts, samples=["How do I add documents to the library?"]), **known)  # type: ignore[arg-type]


def documents(place: Path) -> Path:
    folder = place / "documents"
    folder.mkdir()
    (folder / "moon.txt").write_text("The Moon has no air.\n")
    return folder


async def test_the_first_run_explains_and_takes_a_folder_that_is_kept(tmp_path: Path) -> None:
    folder = documents(tmp_path)
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.screen.query_one(Input).has_focus)
        app.screen.query_one(Input).value = str(folder)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        await until(pilot, lambda: getattr(app.screen, "keys", None))
        await pilot.press("escape")
        await ask(app, pilot, "Has the Moon air?")
        assert "The Moon has no air." in answers(app)[0]
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot)
        await pilot.pause()
        assert not isinstance(app.screen, WelcomeScreen)
        assert len(await app.talk.library.sources()) == 1


async def test_the_demo_answers_from_the_handbook_and_leaves_nothing_behind() -> None:
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.talk.in_demo and app.composer.text)
        await pilot.press("enter")
        await until(pilot, lambda: answers(app) and not app.busy)
        assert app.transcript.answers[0].citations
        await send(app, pilot, "/new")
        await until(pilot, lambda: app.talk.ready and not app.talk.in_demo)
        assert not await app.talk.library.sources()
        assert app.talk.host.transcripts.sessions() == []


async def test_a_source_is_added_by_a_command_and_synced(tmp_path: Path) -> None:
    folder = documents(tmp_path)
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("escape")
        await send(app, pilot, f"/add '{folder}'")
        await until(pilot, lambda: getattr(app.screen, "keys", None))
        await pilot.press("escape")
        (folder / "sun.txt").write_text("The Sun is a star.\n")
        await send(app, pilot, "/sync")
        await until(pilot, lambda: len(getattr(app.screen, "keys", ())) == 2)


async def test_a_setting_is_changed_and_kept_and_a_wrong_value_is_refused() -> None:
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("escape")
        await send(app, pilot, "/settings")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: "max_steps" in screen.keys)
        screen.rows.highlighted = screen.keys.index("max_steps")
        await pilot.press("enter")
        line = screen.query_one("#ask", Input)
        line.value = "many"
        await pilot.press("enter")
        await until(pilot, lambda: any("must be a whole number" in note for note in told(app)))
        line.value = "7"
        await pilot.press("enter")
        await until(pilot, lambda: app.talk.host.config.max_steps == 7)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])
        await opened(app, pilot)
    assert Config.load(Paths.from_env()).max_steps == 7


async def test_another_model_answers_and_one_that_cannot_be_leaves_the_old_one(
    tmp_path: Path,
) -> None:
    folder = documents(tmp_path)
    script = tmp_path / "script.toml"
    script.write_text('loop = true\n[[replies]]\ntext = "Scripted: {passage:1} [1]"\n')
    app = chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("escape")
        await send(app, pilot, f"/add {folder}")
        await until(pilot, lambda: getattr(app.screen, "keys", None))
        await pilot.press("escape")
        await ask(app, pilot, "Has the Moon air?")
        session = app.talk.id
        await send(app, pilot, f"/model scripted:{tmp_path}/none.toml")
        await until(pilot, said(app, "none.toml"))
        assert app.talk.session.model.name == "embedded"
        await send(app, pilot, f"/model scripted:{script}")
        await until(pilot, lambda: app.talk.session.model.name.startswith("scripted:"))
        await ask(app, pilot, "Has the Moon any air?")
        assert answers(app)[-1].startswith("Scripted: The Moon has no air.")
        assert app.talk.id == session


async def test_a_theme_is_kept_and_plain_has_no_borders_and_no_animation() -> None:
    app = Chat(FakeHost())
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/theme textual-light")
        await until(pilot, lambda: app.theme == "textual-light")
        await send(app, pilot, "/theme nothing")
        await until(pilot, said(app, "/theme takes one of:"))
        await send(app, pilot, "/plain on")
        await until(pilot, lambda: app.animation_level == "none")
        assert not any(edge for edge, _ in app.query_one("Composer TextArea").styles.border)
    app = Chat(FakeHost())
    async with app.run_test() as pilot:
        await opened(app, pilot)
        assert app.theme == "textual-light"
        assert app.looks.plain


async def test_looks_that_cannot_be_read_are_the_usual_ones(tmp_path: Path) -> None:
    file = tmp_path / looks.FILE
    assert looks.load(file) == looks.Looks()
    for text in ("", "[]", '{"theme": 3, "plain": "x"}', "\0"):
        file.write_text(text)
        assert looks.load(file) == looks.Looks()


async def test_servers_and_checks_are_told() -> None:
    class Found:
        name, state, detail, mend = "disk", "fail", "It is full.", "Make room."

    app = Chat(FakeHost(checks=lambda: [Found()]))
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/doctor")
        await until(pilot, said(app, "FAILED disk: It is full. to mend it: Make room."))
        await send(app, pilot, "/mcp")
        await until(pilot, said(app, "To try them: agent mcp list"))


async def test_what_is_changed_in_the_settings_holds_at_once_whatever_was_given() -> None:
    def given(overrides: Mapping[str, Any], notify: Callable[[str], None]) -> Parts:
        return parts({"mode": "naive", **overrides}, notify)

    host = Host(given)
    assert host.config.mode == "naive"
    host.keep("mode", "cag")
    assert host.config.mode == "cag"
    assert Config.load(Paths.from_env()).mode == "cag"
    host.keep("mode", "")
    assert host.config.mode == "naive"


def test_a_model_that_is_kept_holds_where_the_one_given_cannot_be_used(tmp_path: Path) -> None:
    def given(overrides: Mapping[str, Any], notify: Callable[[str], None]) -> Parts:
        return parts({"model": f"local:{tmp_path}/none", **overrides}, notify)

    host = Host(given)
    assert host.keep("model", "embedded") == "embedded"
    assert host.config.model == Config.load(Paths.from_env()).model == "embedded"
