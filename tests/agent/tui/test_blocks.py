"""Markdown as rows: what is finished stays, what grows is laid out, nothing is obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from agent.tui.blocks import Blocks
from agent.tui.markdown import LAID_OUT, top_level
from agent.tui.rows import Look, wrapped
from tests.agent.tui.screen_samples import HOSTILE
from tests.agent.tui.shown import MARKDOWN

LOOK = Look(60)


CITED = frozenset({1, 2})


def rows(text: str) -> list[str]:
    blocks = Blocks(1)
    blocks.feed(text)
    return [strip.text.rstrip() for strip in blocks.rows(CITED, LOOK, live=False)]


def grown(text: str, size: int) -> tuple[list[str], list[str]]:
    """The rows after the last piece, and those once it has ended."""
    blocks = Blocks(1)
    found: list[str] = []
    for i in range(0, len(text), size):
        blocks.feed(text[i : i + size])
        found = [strip.text.rstrip() for strip in blocks.rows(frozenset(), LOOK, live=True)]
    end = [strip.text.rstrip() for strip in blocks.rows(CITED, LOOK, live=False)]
    return found, end


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_a_text_in_pieces_comes_to_the_same_rows_as_in_one(size: int) -> None:
    live, end = grown(MARKDOWN, size)
    assert live == end == rows(MARKDOWN)


@given(
    st.lists(
        st.sampled_from(
            [
                "- a\n",
                "1. b\n",
                "\n",
                "text\n",
                "# h\n",
                "```\n",
                "> q\n",
                "---\n",
                "   c\n",
                "|x|\n",
            ]
        ),
        max_size=20,
    ).map("".join),
    st.integers(1, 5),
)
def test_whatever_the_pieces_the_end_is_the_same(text: str, size: int) -> None:
    assert grown(text, size)[1] == rows(text)


def test_a_finished_block_is_not_laid_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.tui import blocks

    laid: list[str] = []
    real = blocks.lay_out

    def counted(block: object, *args: object, **kwargs: object) -> object:
        laid.append(block.text)  # type: ignore[attr-defined]
        return real(block, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks, "lay_out", counted)
    grown("".join(f"Paragraph {n}.\n\n" for n in range(20)), 14)
    assert laid.count("Paragraph 0.\n") <= 3


def test_only_markers_that_name_a_citation_can_be_clicked() -> None:
    blocks = Blocks(7)
    blocks.feed("One [1], two [2], `code [1]`.")
    (strip,) = blocks.rows(frozenset({1}), LOOK, live=False)
    clicks = [(s.text, s.style.meta.get("@click")) for s in strip if s.style and s.style.meta]
    assert clicks == [("[1]", "open_marker(7, 1)")]


def test_an_answer_that_was_stopped_keeps_its_markers_as_words() -> None:
    blocks = Blocks(7)
    blocks.feed("One [1].")
    (strip,) = blocks.rows(frozenset(), LOOK, live=False)
    assert strip.text.rstrip() == "One [1]."
    assert not any(s.style and s.style.meta for s in strip)


def test_links_and_images_are_words_and_an_address() -> None:
    blocks = Blocks(1)
    blocks.feed("[go](https://evil.example) ![i](https://evil.example/x.png) <b>b</b>")
    found = blocks.rows(frozenset(), LOOK, live=False)
    assert "go (https://evil.example)" in " ".join(strip.text for strip in found)
    assert "<b>b</b>" in " ".join(strip.text for strip in found)
    assert not any(s.style and s.style.link for strip in found for s in strip)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "x" * 1_000_000,
        "- " * 10_000 + "x",
        "\n".join(" " * min(2 * n, 400) + "- x" for n in range(10_000)),
        "> " * 10_000 + "x",
        "a" + "\u0301" * 100_000,
        "\u202e\u2066abc\u200b" * 1000,
        "👨\u200d👩\u200d👧" * 1000,
        "漢字" * 10_000,
        "&#27;[31m&#x202e;" * 100,
        "|a" * 5000 + "\n" + "|-" * 5000 + "\n" + "|b" * 5000,
        "# a\n" * 5000,
        "```xml\n" + "<a " * 20_000,
        "[a]: http://x\n" * 100,
        "```\x1b]0;x\x07\n\x1b[31m\n```",
    ],
    ids=[
        "escapes", "one line", "list in a line", "nested lists", "quotes", "marks", "direction",
        "joined emoji", "wide", "entities", "columns", "blocks", "code", "definitions", "fence",
    ],
)  # fmt: skip
def test_hostile_text_is_shown_in_its_columns_and_as_nothing_else(text: str, live: bool) -> None:
    blocks = Blocks(1)
    blocks.feed(text)
    found = blocks.rows(frozenset({1}), LOOK, live=live)
    assert any(strip.text.strip() for strip in found)
    for strip in found:
        assert strip.cell_length <= LOOK.width
        assert len(strip.text) <= 8 * LOOK.width
        assert not set(strip.text) & set("\x1b\x07\x9b\n\r\u202e\u2066\u200b\u200d")
        assert not any(s.style and s.style.link for s in strip)


def test_what_is_nested_too_deeply_is_shown_as_it_is_written() -> None:
    assert "x" in rows("- " * 30 + "x")[-1]
    assert rows("- " * 5 + "x")[0].count("•") == 5


def test_of_a_text_too_long_the_rest_is_counted() -> None:
    assert rows("word " * LAID_OUT)[-1] == f"(and {4 * LAID_OUT:,} more characters)"


def test_blocks_know_where_they_stand() -> None:
    text = "# a\n\npara\nmore\n\n- x\n- y\n"
    found = top_level(text)
    assert [text[block.start :][: len(block.text)] for block in found] == [b.text for b in found]
    assert [block.text for block in found] == ["# a\n", "para\nmore\n", "- x\n- y\n"]


@given(st.text(max_size=300), st.integers(1, 40), st.integers(1, 5))
def test_plain_rows_keep_to_their_columns(text: str, width: int, limit: int) -> None:
    found = wrapped(text, Style.null(), width, first="> ", limit=limit)
    assert 1 <= len(found) <= limit + 1
    assert all(strip.cell_length <= max(width, 10) for strip in found[:limit])


def test_plain_rows_break_at_spaces_and_indent() -> None:
    found = wrapped("one two three four", Style.null(), 10, first="- ")
    assert [strip.text for strip in found] == ["- one two", "  three", "  four"]
