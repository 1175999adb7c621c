"""The benchmark's own parts: what it streams, and the terminal that it gives a child."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.tui import COLUMNS, ROWS, on_terminal, tokens


def test_as_many_tokens_are_streamed_as_were_asked_for() -> None:
    found = list(tokens(1_000))
    assert len(found) == 1_000
    assert {len(token) for token in found} == {4}
    assert "".join(found).startswith("## What the manual says")


def test_a_child_sees_a_terminal_of_the_size_that_is_told() -> None:
    code = f"import os; assert os.get_terminal_size() == ({COLUMNS}, {ROWS}); print('it', 'is')"
    assert on_terminal([sys.executable, "-c", code], dict(os.environ), until=b"it is") > 0


def test_a_child_that_ends_without_the_words_is_no_figure() -> None:
    with pytest.raises(TimeoutError, match="drew no"):
        on_terminal([sys.executable, "-c", "print('no')"], dict(os.environ), until=b"yes")
