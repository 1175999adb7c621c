from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.json_text import dump
from agent.cli.terminal import Console, clean, has_colour, line, one_line, paint
from agent.cli.text import short_path


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_an_escape_sequence_becomes_visible_and_powerless() -> None:
    assert clean("a\x1b[31mred\x1b]0;title\x07") == "a␛[31mred␛]0;title␇"


def test_eight_bit_controls_and_direction_overrides_are_replaced() -> None:
    assert clean("\x9b2J \u202eabc\u2066") == "\ufffd2J \ufffdabc\ufffd"


def test_tabs_and_line_feeds_stay_and_carriage_returns_vanish() -> None:
    assert clean("a\tb\r\nc\rd") == "a\tb\ncd"


@given(st.text(), st.integers(0, 50))
def test_a_text_may_be_cleaned_piece_by_piece(text: str, cut: int) -> None:
    assert clean(text[:cut]) + clean(text[cut:]) == clean(text)


@given(st.text())
def test_cleaned_text_holds_no_control_but_tab_and_line_feed(text: str) -> None:
    assert not [
        c for c in clean(text) if (ord(c) < 32 or 0x7F <= ord(c) < 0xA0) and c not in "\t\n"
    ]


def test_one_line_folds_every_white_space() -> None:
    assert one_line(" a\n\n b\t\x1bc ") == "a b ␛c"


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_json_is_safe_for_a_terminal_and_reads_back_the_same(data: object) -> None:
    text = dump(data, indent=None)
    assert json.loads(text) == data
    assert clean(text) == text
    text.encode("utf-8")


def test_json_keeps_lone_surrogates_as_escapes() -> None:
    assert dump("a\udc80é") == '"a\\udc80é"'


def test_colour_needs_a_terminal_and_no_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert has_colour(stream)  # type: ignore[arg-type]
    assert paint("x", "red", stream) == "\x1b[31mx\x1b[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "red", stream) == "x"  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(stream)  # type: ignore[arg-type]


def test_quiet_silences_notes_and_keeps_warnings_and_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console()
    console.quiet = True
    console.note("a note")
    console.trace("a trace")
    console.transient("at work")
    console.warn("a warning")
    console.error("an error", "what to do")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "warning: a warning\nerror: an error\nhint: what to do\n"


def test_a_transient_line_is_taken_away_before_the_next_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    console = Console()
    console.transient("reading \x1b[2J" + "x" * 50)
    console.note("done")
    shown, _, rest = stream.text.partition("…")
    assert shown.startswith("\r\x1b[2Kreading ␛[2Jx")
    assert len(shown.removeprefix("\r\x1b[2K")) < 30
    assert rest == "\r\x1b[2Kdone\n"


def test_a_dumb_terminal_gets_no_transient_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    Console().transient("at work")
    assert capsys.readouterr().err == ""


def test_a_name_with_line_feeds_stays_on_its_line() -> None:
    name = "/elsewhere/a\nhint: rm -rf ~\u2028b"
    assert line(name) == "/elsewhere/a␊hint: rm -rf ~␊b"
    assert short_path(name) == line(name)


def test_a_name_in_a_message_forges_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.verbose = 1
    evil = "a\nhint: agent remove /"
    for say in (console.note, console.trace, console.warn, console.error, console.hint):
        say(evil)
    console.error("x", evil)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert not [shown for shown in lines if shown.startswith("hint: agent remove")]
