"""Files of citations are opened, and nothing else is; copying uses what the machine has."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.tui import clipboard
from agent.tui.opening import open_file


def program(folder: Path, name: str, wrote: Path, body: str = 'printf %s "$1"') -> None:
    file = folder / name
    file.write_text(f'#!/bin/sh\n{body} > "{wrote}.part"\nmv "{wrote}.part" "{wrote}"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    "source",
    ["https://example.org/x", "mcp://web/fetch", "file:///etc/passwd", "relative.txt", "/no/such"],
)
def test_what_is_no_file_of_this_machine_is_not_opened(source: str) -> None:
    with pytest.raises(UsageError):
        open_file(source)


def test_what_a_desktop_would_run_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "notes.desktop"
    file.write_text("[Desktop Entry]")
    with pytest.raises(UsageError, match="could be run"):
        open_file(str(file))


def test_without_a_program_that_opens_files_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "a.txt"
    file.write_text("x")
    with pytest.raises(UsageError, match="no program"):
        open_file(str(file))


def test_a_text_is_given_to_the_desktops_clipboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote = tmp_path / "wrote"
    program(tmp_path, "xclip", wrote, "cat")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")
    assert clipboard.copy("Ä \x1b", {"DISPLAY": ":0"})
    assert wrote.read_text() == "Ä \x1b"
    assert not clipboard.copy("x", {"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"})
    assert not clipboard.copy("x", {})
