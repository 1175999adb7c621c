"""The list of sessions: found, resumed, renamed, deleted and taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from agent.errors import SessionNotFound
from agent.events import Token
from agent.transcripts import Transcripts
from agent.tui.screens.sessions import SessionActions, SessionsScreen
from tests.agent.tui.screen_samples import SESSIONS, Host, search


class Store:
    """What was done to which session."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.renamed: list[tuple[str, str]] = []

    def actions(self) -> SessionActions:
        return SessionActions(
            search=search,
            delete=self.deleted.append,
            rename=lambda id, title: self.renamed.append((id, title)),
            export=lambda id: f"/home/ada/{id}.md",
            fork=lambda id: f"{id}-copy",
        )


def _note(screen: SessionsScreen) -> str:
    return str(screen.query_one("#note", Static).content)


async def _type(pilot: Pilot[object], text: str) -> None:
    await pilot.press(*("space" if c == " " else c for c in text))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_enter_resumes_the_session_under_the_cursor() -> None:
    app = Host(SessionsScreen(SESSIONS, Store().actions()))
    async with app.run_test() as pilot:
        await pilot.press("j", "enter")
        await pilot.pause()
    assert app.results == ["t7wq2c"]


async def test_words_are_searched_in_all_text_while_they_are_typed() -> None:
    screen = SessionsScreen(SESSIONS, Store().actions())
    app = Host(screen)
    async with app.run_test() as pilot:
        await pilot.press("slash")
        await _type(pilot, "drain")
        assert screen.keys == ["t7wq2c"]
        await pilot.press("enter")
        await pilot.pause()
    assert app.results == ["t7wq2c"]


async def test_a_title_given_by_hand_is_found_too_and_esc_shows_all_again() -> None:
    screen = SessionsScreen(SESSIONS, Store().actions())
    async with Host(screen).run_test() as pilot:
        await pilot.press("slash")
        await _type(pilot, "impeller")
        assert screen.keys == ["k3m9pa"]
        await _type(pilot, " xyz")
        assert screen.keys == []
        assert "No question or answer" in _note(screen)
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.keys) == 3
        assert screen.rows.has_focus


async def test_a_deleted_session_can_be_taken_back_until_the_screen_is_left() -> None:
    store = Store()
    screen = SessionsScreen(SESSIONS, store.actions())
    async with Host(screen).run_test() as pilot:
        await pilot.press("d", "d")
        assert screen.keys == ["x4hd8z"]
        await pilot.press("u")
        assert screen.keys == ["t7wq2c", "x4hd8z"]
        assert store.deleted == []
        await pilot.press("escape")
        await pilot.pause()
    assert store.deleted == ["k3m9pa"]


async def test_leaving_the_whole_app_deletes_what_was_to_be_deleted() -> None:
    store = Store()
    async with Host(SessionsScreen(SESSIONS, store.actions())).run_test() as pilot:
        await pilot.press("d")
        assert store.deleted == []
    assert store.deleted == ["k3m9pa"]


async def test_r_renames_and_esc_keeps_the_old_title() -> None:
    store = Store()
    screen = SessionsScreen(SESSIONS, store.actions())
    async with Host(screen).run_test() as pilot:
        await pilot.press("r", "escape")
        assert store.renamed == []
        await pilot.press("r")
        screen.query_one("#ask", Input).value = "Impeller"
        await pilot.press("enter")
        await pilot.pause()
        assert store.renamed == [("k3m9pa", "Impeller")]
        assert "Impeller" in str(screen.rows.get_option_at_index(0).prompt)


async def test_e_exports_and_says_where_and_f_goes_on_with_a_copy() -> None:
    screen = SessionsScreen(SESSIONS, Store().actions())
    app = Host(screen)
    async with app.run_test() as pilot:
        await pilot.press("e")
        assert _note(screen) == "Written to /home/ada/k3m9pa.md"
        await pilot.press("f")
        await pilot.pause()
    assert app.results == ["k3m9pa-copy"]


async def test_what_a_store_refuses_is_told() -> None:
    def refuse(id: str) -> str:
        raise SessionNotFound("There is no session 'k3m9pa'.", hint="See them: agent sessions list")

    app = Host(SessionsScreen(SESSIONS, SessionActions(search=search, export=refuse)))
    async with app.run_test(notifications=True) as pilot:
        await pilot.press("e")
        assert "agent sessions list" in next(iter(app._notifications)).message


async def test_the_stored_transcripts_fit_the_screen(tmp_path: Path) -> None:
    store = Transcripts(tmp_path / "transcripts.db")
    for question, answer in [("Why?", "Because of frost."), ("How?", "With a valve.")]:
        session = store.create()
        store.append(session, store.begin(session, question), [Token(answer)], state="done")
    actions = SessionActions(search=store.search, delete=store.delete, rename=store.rename)
    screen = SessionsScreen(store.sessions(), actions)
    async with Host(screen).run_test() as pilot:
        await pilot.press("slash")
        await _type(pilot, "fros")
        assert len(screen.keys) == 1
        await pilot.press("down", "d", "escape", "escape")
        await pilot.pause()
    assert [info.title for info in store.sessions()] == ["How?"]
    store.close()


async def test_an_empty_list_says_what_to_do() -> None:
    screen = SessionsScreen([], Store().actions())
    async with Host(screen).run_test() as pilot:
        await pilot.press("d", "r", "e", "enter")
        assert "no sessions yet" in _note(screen)


@pytest.fixture
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_snapshot(snap_compare: Any, size: tuple[int, int], theme: str, in_utc: None) -> None:
    app = Host(SessionsScreen(SESSIONS, Store().actions()))
    app.theme = theme
    keys = ["d"] if size[0] == 80 else ["slash", *"drain"]

    async def settle(pilot: Pilot[object]) -> None:
        await pilot.press(*keys)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        for line in pilot.app.screen.query(Input):
            line.cursor_blink = False

    assert snap_compare(app, terminal_size=size, run_before=settle)
