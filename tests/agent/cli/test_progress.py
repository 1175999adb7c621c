from __future__ import annotations

import pytest

from agent.cli.progress import Meter, duration
from agent.cli.terminal import Console
from knowledge.report import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen(Console):
    """Keeps what it is told to show."""

    def __init__(self, *, rewrites: bool) -> None:
        super().__init__()
        self.rewrites = rewrites
        self.shown: list[str] = []

    @property
    def shows_transient(self) -> bool:
        return self.rewrites

    def transient(self, text: str) -> None:
        self.shown.append(text)

    def note(self, text: str) -> None:
        self.shown.append(text)


def test_the_rewritten_line_shows_counts_rate_and_what_is_left() -> None:
    clock, screen = Clock(), Screen(rewrites=True)
    meter = Meter(screen, clock=clock)
    meter(Progress("embed", 0, 400, ""))
    clock.now += 2
    meter(Progress("embed", 100, 400, "guide\x1b.md"))
    assert screen.shown == ["embed 0/400", "embed 100/400 · 50/s · 6.0 s left · guide␛.md"]


def test_states_that_follow_too_fast_are_left_out() -> None:
    clock, screen = Clock(), Screen(rewrites=True)
    meter = Meter(screen, clock=clock)
    for done in range(100):
        meter(Progress("read", done, 100))
        clock.now += 0.01
    assert 9 <= len(screen.shown) <= 11


def test_stages_that_take_turns_over_the_same_files_have_one_rate() -> None:
    clock, screen = Clock(), Screen(rewrites=True)
    meter = Meter(screen, clock=clock)
    meter(Progress("read", 0, 10))
    clock.now += 2
    meter(Progress("embed", 2, 10, "64 of 90 passages"))
    clock.now += 2
    meter(Progress("read", 4, 10, "e.md"))
    assert screen.shown[1:] == [
        "embed 2/10 · 1.0/s · 8.0 s left · 64 of 90 passages",
        "read 4/10 · 1.0/s · 6.0 s left · e.md",
    ]


def test_a_count_that_restarts_is_shown_at_once_and_has_its_own_rate() -> None:
    clock, screen = Clock(), Screen(rewrites=True)
    meter = Meter(screen, clock=clock)
    meter(Progress("read", 0, 10))
    clock.now += 50
    meter(Progress("read", 10, 10))
    meter(Progress("embed", 5, 10))
    clock.now += 2
    meter(Progress("embed", 6, 10))
    assert screen.shown[2:] == ["embed 5/10", "embed 6/10 · 0.5/s · 8.0 s left"]


def test_where_nothing_can_be_rewritten_lines_are_sparse() -> None:
    clock, screen = Clock(), Screen(rewrites=False)
    meter = Meter(screen, clock=clock)
    for done in range(250):
        meter(Progress("embed", done, 1000, "a.md"))
        clock.now += 0.125
    assert screen.shown == [
        "embed 80/1,000 · 8.0/s · 1:55 left",
        "embed 160/1,000 · 8.0/s · 1:45 left",
        "embed 240/1,000 · 8.0/s · 1:35 left",
    ]


def test_work_of_unknown_size_is_counted_without_a_forecast() -> None:
    screen = Screen(rewrites=True)
    Meter(screen)(Progress("scan", 1234, 0))
    assert screen.shown == ["scan 1,234"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (185, "3:05"), (3729, "1:02:09")],
)
def test_durations_read_as_people_write_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
