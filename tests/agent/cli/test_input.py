"""What comes in: standard input, dates."""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime
from pathlib import Path

import pytest

from agent.cli import standard_input
from agent.cli.filters import build, moment
from agent.cli.terminal import Console
from agent.errors import UsageError


def test_pipes_files_and_sockets_are_read_and_devices_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("x")
    reading, writing = os.pipe()
    one, other = socket.socketpair()
    with (
        file.open() as regular,
        os.fdopen(reading) as pipe,
        one,
        other,
        one.makefile() as wire,
        open("/dev/null") as null,
    ):
        for stream, expected in ((regular, True), (pipe, True), (wire, True), (null, False)):
            monkeypatch.setattr(sys, "stdin", stream)
            assert standard_input.piped() is expected
    os.close(writing)


def test_a_closed_or_absent_standard_input_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not standard_input.piped()
    stream = open("/dev/null")  # noqa: SIM115
    stream.close()
    monkeypatch.setattr(sys, "stdin", stream)
    assert not standard_input.piped()


def test_bytes_that_are_no_utf8_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").write_bytes(b"a\xffb")
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert standard_input.read(Console()) == "a\ufffdb"


def test_more_than_the_limit_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standard_input, "LIMIT", 10)
    (tmp_path / "in").write_bytes(b"x" * 11)
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(UsageError) as caught:
            standard_input.read(Console())
    assert "agent add" in caught.value.hint


def test_a_silent_pipe_is_waited_for_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(standard_input, "PATIENCE", 0.0)
    reading, writing = os.pipe()

    class Talkative(Console):
        def note(self, text: str) -> None:
            super().note(text)
            os.write(writing, b"late")
            os.close(writing)

    with os.fdopen(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert standard_input.read(Talkative()) == "late"
    assert "--no-input" in capsys.readouterr().err


def test_dates_and_ages_become_moments() -> None:
    assert moment("2026-01-31") == datetime(2026, 1, 31).timestamp()
    assert moment("2026-01-31T12:30") == datetime(2026, 1, 31, 12, 30).timestamp()
    assert moment("2w", now=2_000_000.0) == 2_000_000.0 - 14 * 86_400


@pytest.mark.parametrize("text", ["", "yesterday", "7", "d7", "2026-13-01", "99999999d"])
def test_what_is_no_date_is_a_usage_error_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        moment(text)
    assert "2026-01-31" in caught.value.hint


def test_no_filter_option_means_no_filters() -> None:
    assert build((), (), None) is None
    filters = build(("a",), ("pdf",), "2026-01-31")
    assert filters is not None
    assert (filters.sources, filters.kinds) == (("a",), ("pdf",))
    assert filters.since == datetime(2026, 1, 31).timestamp()
