"""Files of citations are opened, and nothing else is; copying uses what the machine has."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.tui import clipboard
from agent.tui.opening import open_file

DEADLINE = 20.0
"""Seconds within which a program is started, or the test fails."""


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


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What a desktop's program was given, once it was."""
    programs, wrote = tmp_path / "programs", tmp_path / "wrote"
    programs.mkdir()
    for name in ("xdg-open", "open"):
        program(programs, name, wrote, "printf '%s\\n' \"$@\"")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def lines() -> list[str]:
        end = time.monotonic() + DEADLINE
        while not wrote.exists():
            assert time.monotonic() < end, "nothing was opened"
            time.sleep(0.01)
        return wrote.read_text().splitlines()

    return lines


@pytest.mark.parametrize("name", ["notes.md", "Scan 1.PDF", "table.xlsx", "page.html"])
def test_a_document_is_opened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    file = tmp_path / name
    file.write_text("x")
    assert open_file(str(file)) == ""
    assert opened() == [str(file)]


@pytest.mark.parametrize(
    "name",
    ["notes.desktop", "x.sh", "x.py", "x.EXE", "x.scptd", "x.docm", "x.fileloc", "x.new", "README"],
)
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_of_what_a_desktop_might_run_the_folder_is_opened(
    name: str, platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    opened: Callable[[], list[str]],
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.platform", platform)
    folder = tmp_path / "Evil.app"
    folder.mkdir()
    file = folder / name
    file.write_text("x")
    assert "opened its folder" in open_file(str(file))
    assert opened() == (["-R", str(file)] if platform == "darwin" else [str(folder)])


def test_a_link_is_opened_as_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "run.desktop").write_text("[Desktop Entry]")
    link = tmp_path / "notes.txt"
    link.symlink_to(folder / "run.desktop")
    assert "run.desktop could be run" in open_file(str(link))
    assert opened() == [str(folder)]


def test_what_may_be_a_program_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("#!/bin/sh")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(UsageError, match="may be a program") as refused:
        open_file(str(file))
    assert "lies in" in refused.value.hint


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
