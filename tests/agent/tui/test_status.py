"""The status line: always one line, the important to the last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agent.tui.turn import Standing
from agent.tui.widgets.status import StatusLine, status_text
from tests.agent.tui.screen_samples import HOSTILE
from tests.agent.tui.shown import Shown

FULL = Standing(
    state="grounded", mode="cag", route="the library fits", model="claude-sonnet-5",
    persona="Pirate", input_tokens=1_000, output_tokens=200, cached_tokens=800, saved=0.5,
    cost=0.0123, seconds=3.2, context_used=50_000, context_window=200_000, queued=2,
)  # fmt: skip


def test_a_wide_line_tells_everything() -> None:
    assert status_text(FULL, 200, 3.2) == (
        "grounded · 3.2 s · auto → cag · the library fits · claude-sonnet-5 · as Pirate"
        " · 1,200 tokens · 80% cached · $0.0123 · saved $0.5000 · context 25% · 2 waiting"
    )


def test_a_narrow_line_keeps_state_mode_model_and_context() -> None:
    assert status_text(FULL, 70, 3.2) == (
        "grounded · auto → cag · claude-sonnet-5 · context 25% · 2 waiting"
    )
    assert status_text(FULL, 8, 3.2) == "grounded"


@given(st.integers(2, 250), st.text(max_size=50), st.floats(0, 1e6))
def test_it_never_has_more_than_its_columns(width: int, state: str, seconds: float) -> None:
    standing = Standing(state=state, mode="auto", model=HOSTILE, running=True, queued=3)
    text = status_text(standing, width, seconds)
    assert cell_len(text) <= width
    assert not set(text) & set("\n\x1b\x9b\u202e")


def test_what_is_unknown_is_not_told_as_nothing() -> None:
    assert "price unknown" in status_text(Standing(input_tokens=5, cost=None), 100, 0.0)
    assert "free" in status_text(Standing(input_tokens=5), 100, 0.0)
    assert status_text(Standing(state="ready"), 100, 0.0) == "ready"


@pytest.mark.parametrize("level", ["full", "none"])
async def test_a_clock_runs_only_while_something_runs_and_animations_are_on(level: str) -> None:
    app = Shown()
    app.animation_level = level  # type: ignore[assignment]
    async with app.run_test(size=(100, 10)) as pilot:
        line = app.query_one(StatusLine)
        line.show(Standing(state="Searching", running=True))
        assert (line._ticking is not None) == (level == "full")
        assert "Searching · 0.0 s" in str(line.render())
        line.show(Standing(state="grounded", seconds=1.0))
        assert line._ticking is None
        await pilot.pause()
        assert "grounded · 1.0 s" in str(line.render())
