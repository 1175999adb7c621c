"""The panel of an answer's sources."""

from __future__ import annotations

from agent.tui.widgets.citations import Citations
from tests.agent.tui.screen_samples import HOSTILE
from tests.agent.tui.shown import Shown, cited


def rows(panel: Citations) -> str:
    return "\n".join(str(option.prompt) for option in panel.options)


async def test_a_citation_shows_its_number_marks_title_place_and_quote() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(120, 30)):
        app.sources.show([cited(1), cited(2, verified=False, stale=True, quote="Drain it.")])
        shown = rows(app.sources)
        assert "[1] ✓ Pump manual\nMaintenance, p. 2\n“Replace the impeller" in shown
        assert "[2] ? ~ Pump manual" in shown
        assert app.sources.border_title == "Sources: 2"
        assert app.sources.border_subtitle == "✓ verified ? unverified ~ changed"


async def test_the_legend_tells_only_the_signs_that_are_shown() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(120, 30)):
        app.sources.show([cited(1)])
        assert app.sources.border_subtitle == "✓ verified"
        app.sources.show([])
        assert app.sources.border_title == "Sources"
        assert app.sources.border_subtitle == ""


async def test_enter_opens_a_citation_and_o_its_file() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(120, 30)) as pilot:
        app.sources.show([cited(1), cited(2)])
        app.sources.focus()
        app.sources.highlighted = 1
        app.heard.clear()
        await pilot.press("enter", "o")
        await pilot.pause()
        opened, wanted = app.heard
        assert isinstance(opened, Citations.Opened)
        assert isinstance(wanted, Citations.FileWanted)
        assert opened.citation.n == wanted.citation.n == 2


async def test_with_no_citation_there_is_nothing_to_open() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(120, 30)) as pilot:
        app.sources.focus()
        await pilot.press("enter", "o")
        assert not [m for m in app.heard if isinstance(m, Citations.FileWanted)]


async def test_a_document_cannot_paint_the_panel() -> None:
    app = Shown(panel=True)
    async with app.run_test(size=(120, 30)):
        app.sources.show([cited(1, title=HOSTILE, place=HOSTILE, quote=HOSTILE)])
        shown = rows(app.sources)
        assert not set(shown) & set("\x1b\x9b\u202e\u200b")
        assert "[red]x[/]" in shown
