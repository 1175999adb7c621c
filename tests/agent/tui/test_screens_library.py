"""The library screen: how sources stand, and what can be done to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from agent.tui.screens.library import LibraryScreen
from knowledge.library import Library
from tests.agent.tui.screen_samples import Host, Shelf, shelf, source


def _text(screen: LibraryScreen, name: str) -> str:
    return str(screen.query_one(f"#{name}", Static).content)


def _row(screen: LibraryScreen, n: int) -> str:
    return str(screen.rows.get_option_at_index(n).prompt)


async def _settle(pilot: Pilot[object]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_every_source_shows_how_it_stands_and_why() -> None:
    screen = LibraryScreen(shelf())
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        assert _text(screen, "head") == (
            "Library · 5 sources · 4 indexed · 1 changed · 1 failed · 84 passages"
        )
        assert "✓ Pump manual" in _row(screen, 0)
        assert "failed · the file is encrypted" in _row(screen, 1)
        assert "indexed with a loss · 2 pictures" in _row(screen, 2)
        assert "changed since it was indexed" in _row(screen, 3)


async def test_a_path_is_added_and_a_missing_one_is_named_with_its_reason() -> None:
    screen = LibraryScreen(shelf())
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        for path in ("/home/ada/new.md", "/home/ada/missing.md"):
            await pilot.press("a")
            screen.query_one("#ask", Input).value = path
            await pilot.press("enter")
            await _settle(pilot)
            if "new" in path:
                assert _text(screen, "note") == "1 added"
        assert "missing.md: there is no such file" in _text(screen, "note")
        assert len(screen.keys) == 6


async def test_a_sync_shows_its_progress_and_then_what_it_did() -> None:
    library = shelf()
    screen = LibraryScreen(library)
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        await pilot.press("s")
        while "34/120" not in _text(screen, "note"):
            await pilot.pause(0.01)
        assert "Embedding ━━━━━━──────────────" in _text(screen, "note")
        await pilot.press("escape")
        assert screen.is_current
        library.go_on.set()
        await _settle(pilot)
        assert _text(screen, "note") == "1 changed"
        assert "changed" not in _text(screen, "head")


async def test_a_sync_can_be_cancelled() -> None:
    library = shelf()
    screen = LibraryScreen(library)
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        await pilot.press("s")
        await pilot.pause()
        assert screen.busy
        await pilot.press("ctrl+x")
        while screen.busy:
            await pilot.pause(0.01)
        await pilot.pause()
        assert library.cancelled
        assert _text(screen, "note").startswith("Cancelled.")


async def test_a_source_is_removed_at_the_second_press_only() -> None:
    screen = LibraryScreen(shelf())
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        await pilot.press("d")
        assert "once more" in _text(screen, "note")
        await pilot.press("j", "d")
        await _settle(pilot)
        assert len(screen.keys) == 5
        await pilot.press("d")
        await _settle(pilot)
        assert "/home/ada/manuals/scan.pdf" not in screen.keys
        assert "1 taken out" in _text(screen, "note")


async def test_the_list_is_filtered_by_state_and_esc_shows_all() -> None:
    screen = LibraryScreen(shelf())
    app = Host(screen)
    async with app.run_test() as pilot:
        await _settle(pilot)
        await pilot.press("slash", *"failed")
        assert screen.keys == ["/home/ada/manuals/scan.pdf"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.keys) == 5
        await pilot.press("escape")
        await pilot.pause()
    assert app.results == [None]


async def test_an_empty_library_says_what_to_do() -> None:
    screen = LibraryScreen(Shelf([]))
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        assert "a adds a file" in _text(screen, "note")


def test_the_library_of_the_house_fits_the_screen(tmp_path: Any) -> None:
    library = Library.open(tmp_path / "library", embedder=None)
    LibraryScreen(library)
    library.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_snapshot(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    async def settle(pilot: Pilot[object]) -> None:
        await _settle(pilot)
        await pilot.press("j")
        if size[0] == 120:
            await pilot.press("s")
            while "34/120" not in str(pilot.app.screen.query_one("#note", Static).content):
                await pilot.pause(0.01)

    library = shelf()
    app = Host(LibraryScreen(library))
    app.theme = theme
    assert snap_compare(app, terminal_size=size, run_before=settle)


async def test_the_app_can_be_left_in_the_middle_of_a_sync() -> None:
    class Slow(Shelf):
        async def sync(self, *, progress: Any = None) -> Any:
            try:
                return await super().sync(progress=progress)
            finally:  # as a thread whose end is waited for, while the screen goes
                while screen.query("#find"):
                    await asyncio.sleep(0.01)

    screen = LibraryScreen(Slow(shelf().all))
    app = Host(screen)
    async with app.run_test() as pilot:
        await _settle(pilot)
        await pilot.press("s")
        while not screen.busy:
            await pilot.pause(0.01)
        app.exit()
    assert app.return_code == 0


async def test_a_list_of_which_nothing_has_changed_is_filled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Shelf([source(f"/notes/{n}.md") for n in range(1000)])
    screen = LibraryScreen(library)
    fill, filled = screen.fill, list[int]()

    def counted(*args: Any) -> None:
        filled.append(1)
        fill(*args)

    monkeypatch.setattr(screen, "fill", counted)
    async with Host(screen).run_test() as pilot:
        await _settle(pilot)
        assert len(filled) == 1
        library.changed.add("/notes/700.md")
        screen._load()
        await _settle(pilot)
        assert "1 changed" in _text(screen, "head")
