"""The document screen: the quote in sight, the way around, and text that means harm."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Static

from agent.errors import UsageError
from agent.events import Citation
from agent.tui.screens.document import DocumentScreen
from agent.tui.widgets.document import DocumentView, wrap
from agent.tui.widgets.safe_text import shown, width_of
from knowledge.errors import SourceNotFound
from knowledge.types import Document
from tests.agent.tui.screen_samples import HOSTILE, Host, answers, cite


def _drawn(view: DocumentView) -> str:
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


def _said(screen: DocumentScreen, name: str) -> str:
    return str(screen.query_one(f"#{name}", Static).content)


async def test_a_document_opens_at_the_quote_with_its_place_and_a_bar_beside_it() -> None:
    document, citations = answers()
    screen = DocumentScreen(document, citations[0], citations=citations)
    async with Host(screen).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawn = _drawn(screen.query_one(DocumentView))
        assert "▌ Replace the impeller after 4,000 hours" in drawn
        assert "▌ falls below 80 % of its rated value." in drawn
        view = screen.query_one(DocumentView)
        assert all(row.rstrip() in drawn for row in view.text_in_sight().splitlines())
        assert not view.show_horizontal_scrollbar
        assert _said(screen, "title") == "[1] Pump manual"
        assert "✓ quote verified" in _said(screen, "place")
        assert "Maintenance, p. 2" in _said(screen, "where")


async def test_n_and_p_go_round_the_citations_of_the_answer() -> None:
    document, citations = answers()
    screen = DocumentScreen(document, citations[0], citations=citations)
    async with Host(screen).run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await pilot.app.workers.wait_for_complete()
        assert "▌ Drain the housing" in _drawn(screen.query_one(DocumentView))
        assert "letter for letter" in _said(screen, "doubt")
        assert "changed since" in _said(screen, "doubt")
        await pilot.press("n")
        await pilot.app.workers.wait_for_complete()
        assert _said(screen, "title").startswith("[1]")
        await pilot.press("p")
        await pilot.app.workers.wait_for_complete()
        assert _said(screen, "title").startswith("[2]")


async def test_a_citation_of_another_document_is_loaded_when_it_is_reached() -> None:
    document, citations = answers()
    other = Document("The valve opens at 3 bar.", "text", "Valves")
    third = cite(other, "opens at 3 bar", 3)

    async def load(citation: Citation) -> Document:
        assert citation == third
        return other

    all_three = [*citations, third]
    screen = DocumentScreen(document, citations[1], citations=all_three, load=load)
    async with Host(screen).run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await pilot.app.workers.wait_for_complete()
        assert "The valve opens at 3 bar." in _drawn(screen.query_one(DocumentView))


async def test_a_document_that_is_gone_is_told_and_the_old_one_stays() -> None:
    document, citations = answers()
    third = cite(Document("Gone.", "text", "Gone"), "Gone.", 3)

    async def load(citation: Citation) -> Document:
        raise SourceNotFound("There is no such document.", hint="Sync: agent sync")

    screen = DocumentScreen(document, citations[1], citations=[*citations, third], load=load)
    app = Host(screen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("n")
        await pilot.app.workers.wait_for_complete()
        assert _said(screen, "title").startswith("[2]")
        assert [n.message for n in app._notifications] == [
            "There is no such document. Sync: agent sync"
        ]


async def test_y_copies_the_quote_and_o_opens_the_file_and_esc_goes_back() -> None:
    document, citations = answers()
    opened: list[Citation] = []
    screen = DocumentScreen(document, citations[0], open_file=opened.append)
    app = Host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("y", "o")
        assert app.copied == [(citations[0].quote, "quote [1]")]
        assert opened == [citations[0]]
        await pilot.press("escape")
        await pilot.pause()
        assert app.results == [None]


async def test_a_file_that_cannot_be_opened_is_told_with_what_to_do() -> None:
    def refuse(citation: Citation) -> None:
        raise UsageError("It is gone.", hint="Type /sync.")

    document, citations = answers()
    app = Host(DocumentScreen(document, citations[0], open_file=refuse))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("o")
        assert [n.message for n in app._notifications] == ["It is gone. Type /sync."]


async def test_vim_like_keys_move_in_the_text() -> None:
    document, citations = answers()
    screen = DocumentScreen(document, citations[0])
    async with Host(screen).run_test(size=(80, 24)) as pilot:
        view = screen.query_one(DocumentView)
        await pilot.press("g")
        await pilot.wait_for_animation()
        assert view.scroll_offset.y == 0
        await pilot.press("ctrl+d")
        await pilot.pause()
        assert view.scroll_offset.y == view.size.height // 2
        await pilot.press("G")
        await pilot.wait_for_animation()
        assert view.scroll_offset.y == view.max_scroll_y
        assert "100%" in _said(screen, "where")


async def test_a_resize_keeps_in_sight_what_was_read() -> None:
    document, citations = answers()
    screen = DocumentScreen(document, citations[0])
    async with Host(screen).run_test(size=(120, 40)) as pilot:
        view = screen.query_one(DocumentView)
        view.scroll_to(y=view.row_of(citations[0].start), animate=False)
        await pilot.resize_terminal(50, 24)
        await pilot.pause()
        assert "Replace the impeller" in view.text_in_sight()


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "x" * 1_000_000,
        "a" + "\u0301" * 100_000,
        "\u200b" * 100_000,
        "漢" * 100_000,
        "\t\n" * 1000,
        "",
    ],
    ids=["escapes", "one long line", "marks", "no width", "wide", "tabs", "empty"],
)
async def test_hostile_text_is_drawn_in_its_cells_and_as_nothing_else(text: str) -> None:
    document = Document(text, "text")
    citation = Citation(1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0, 10**9, True, False, document.id)
    screen = DocumentScreen(document, citation)
    app = Host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G", "ctrl+u", "y")
        view = screen.query_one(DocumentView)
        for y in range(view.size.height):
            strip = view.render_line(y)
            assert strip.cell_length == view.size.width
            assert strip.text.isprintable() or not set(strip.text) & set("\x1b\x9b\u202e\u200b")
            assert len(strip.text) <= 5 * 80
            strip.text.encode()
        app.export_screenshot().encode()


async def test_five_megabytes_open_with_only_what_is_seen_drawn() -> None:
    text = "Some words of a long report that goes on and on. \n" * 100_000
    document = Document(text + "Here it is.", "text")
    screen = DocumentScreen(document, cite(document, "Here it is."))
    async with Host(screen).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "▌ Here it is." in _drawn(screen.query_one(DocumentView))


async def test_the_mouse_selects_text_without_the_soft_breaks() -> None:
    from textual.geometry import Offset
    from textual.selection import Selection

    document = Document("one two three four five six\nseven", "text")
    screen = DocumentScreen(document, cite(document, "seven"))
    async with Host(screen).run_test(size=(20, 24)) as pilot:
        await pilot.pause()
        view = screen.query_one(DocumentView)
        chosen = view.get_selection(Selection(Offset(4, 0), Offset(3, 2)))
        assert chosen is not None
        assert chosen[0] == "two three four five six\nsev"


@given(
    st.text(alphabet=st.sampled_from("ab \n\t漢é\u0301\u200b\x1b”"), max_size=200),
    st.integers(4, 20),
)
def test_rows_tile_the_text_and_fit_the_width(text: str, width: int) -> None:
    starts = list(wrap(text, width))
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert starts[-1] == len(text)
    rows = [text[a:b] for a, b in pairwise(starts)]
    assert "".join(rows) == text
    for row in rows:
        assert "\n" not in row[:-1]
        fits = sum(map(width_of, row.removesuffix("\n").rstrip(" ")))
        assert fits <= width


@given(st.text())
def test_shown_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    safe = shown(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in safe)
    safe.encode()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_snapshot(snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    document, citations = answers()
    citation = citations[0 if size[0] == 80 else 1]
    screen = DocumentScreen(
        document, citation, citations=citations, open_file=lambda citation: None
    )
    app = Host(screen)
    app.theme = theme
    assert snap_compare(app, terminal_size=size)
