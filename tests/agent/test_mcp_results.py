"""Where large results are kept: gone at the end, never another run's to take away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from agent.mcp_client import McpFailed
from agent.mcp_client.results import Results
from agent.mcp_client.wire import outcome


def aged(folder: Path) -> None:
    """Make everything in a folder look two days old."""
    long_ago = time.time() - 172_800
    for run in folder.iterdir():
        os.utime(run, (long_ago, long_ago))


def test_a_run_that_goes_on_for_days_keeps_its_results_when_another_begins(tmp_path: Path) -> None:
    first, second = Results(tmp_path), Results(tmp_path)
    handle = first.keep("the first")
    aged(tmp_path)
    second.keep("the second")
    assert first.text(handle) == "the first"
    first.close()
    second.close()
    assert not any(tmp_path.iterdir())


def test_what_a_crashed_run_has_left_is_taken_away_after_a_day(tmp_path: Path) -> None:
    left = tmp_path / "1-crashed"
    left.mkdir()
    (left / "r1.txt").write_text("left")
    aged(tmp_path)
    results = Results(tmp_path)
    results.keep("mine")
    assert not left.exists()
    results.close()


def test_a_result_that_someone_took_away_is_told_in_words(tmp_path: Path) -> None:
    results = Results(tmp_path)
    handle = results.keep("gone soon")
    (file,) = tmp_path.glob("*/r1.txt")
    file.unlink()
    with pytest.raises(McpFailed, match="is gone"):
        results.text(handle)
    file.parent.joinpath("held").unlink()
    file.parent.rmdir()
    with pytest.raises(McpFailed, match="cannot be kept"):
        results.keep("no room")
    results.close()


def test_a_picture_that_is_no_base64_is_kept_as_it_came() -> None:
    from mcp import types

    picture = types.ImageContent(type="image", data="é", mime_type="image/png")
    (attachment,) = outcome(types.CallToolResult(content=[picture])).attachments
    assert attachment.data == "é".encode()
