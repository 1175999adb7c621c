"""How the composer looks, at the bottom of a terminal of 80 by 24."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Static

from agent.tui.widgets.field import Field
from tests.agent.tui.composer_app import LONG, Typing, folder, keys, settle

__all__ = ["folder"]


class AtTheBottom(Typing):
    CSS = "Static#above { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield Static("The answers stand here.", id="above")
        yield self.composer


async def commands(app: AtTheBottom, pilot: Pilot[None]) -> None:
    await keys(app, pilot, "/mo", "<down>")


async def references(app: AtTheBottom, pilot: Pilot[None]) -> None:
    app.composer.show_waiting(["Has the Moon air?", "And the Earth?\nTell me all.", "3", "4"])
    app.query_one(Field).post_message(Paste(LONG))
    await keys(app, pilot, " against @")


async def earlier(app: AtTheBottom, pilot: Pilot[None]) -> None:
    await keys(app, pilot, "Why is the sea salty?", "<enter>", "The moon", "<enter>", "<ctrl+r>")
    await keys(app, pilot, "e")


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("typed", [commands, references, earlier], ids=lambda f: f.__name__)
def test_snapshot(snap_compare: Any, folder: Path, typed: Any, theme: str) -> None:
    app = AtTheBottom(folder)
    app.theme = theme

    async def before(pilot: Pilot[None]) -> None:
        app.query_one(Field).cursor_blink = False
        await typed(app, pilot)
        await settle(app, pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
