from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.whole_file import write_own, write_whole


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("old")
    write_whole(file, "new\r\n")
    assert file.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["notes"]


def test_what_cannot_be_encoded_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "notes"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "half \ud800")
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes"]


def test_a_file_of_the_programs_own_gets_its_folder_or_says_who_may_write_there(
    tmp_path: Path,
) -> None:
    write_own(tmp_path / "new" / "notes", "text")
    assert (tmp_path / "new" / "notes").read_text() == "text"
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        write_own(tmp_path / "new" / "notes" / "below", "text")
    assert "ls -ld" in caught.value.hint


def test_a_name_as_long_as_may_be_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("é" * 127)
    write_whole(file, "text")
    assert file.read_text() == "text"


def test_a_folder_that_is_not_there_is_named_and_no_file_within_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "nowhere" / "notes", "text")
    assert caught.value.filename == str(tmp_path / "nowhere")
