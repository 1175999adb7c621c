"""Being asked at the terminal: what is shown, what is typed, and nobody there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.approvals import Answer, Decision, Request
from agent.cli.approval import terminal
from agent.cli.terminal import Console

TOOL = Request("tool", "Call send of mail?", '{"to": "\x1b[2Ja"}', "Not allowed yet.", "mail")
COMMAND = Request(
    "command", "Let it run?", "rm -rf x", "A file names it.", "p", choices=("always", "deny")
)


Keyboard = Callable[[str, Request], tuple[Decision, str]]


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    """Ask at a terminal where something is typed: the decision, and what stood there."""
    ours, theirs = os.openpty()
    with open(theirs) as stdin, open(theirs, "w", closefd=False) as stderr:

        def ask(typed: str, request: Request, console: Console | None = None) -> Any:
            # Here, for pytest puts its own streams back between a fixture and its test.
            monkeypatch.setattr(sys, "stdin", stdin)
            monkeypatch.setattr(sys, "stderr", stderr)
            os.write(ours, typed.encode())
            decision = asyncio.run(terminal(console or Console())(request))
            os.write(theirs, b"(end)")
            shown = b""
            while b"(end)" not in shown:  # a terminal hands on its text in pieces
                shown += os.read(ours, 10_000)
            return decision, shown.decode()

        yield ask
    os.close(ours)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y", "once"), ("s", "session"), ("a", "always"), ("n", "deny"), ("v", "never"),
     ("", "deny"), ("what?\nALWAYS", "always")],
)  # fmt: skip
def test_the_first_letter_answers(keyboard: Keyboard, typed: str, answer: Answer) -> None:
    decision, shown = keyboard(f"{typed}\n", TOOL)
    assert decision == Decision(answer)
    assert "Call send of mail? Not allowed yet." in shown
    assert "\x1b[2J" not in shown


def test_a_yes_to_a_command_is_remembered(keyboard: Keyboard) -> None:
    decision, shown = keyboard("y\n", COMMAND)
    assert decision == Decision("always")
    assert "    rm -rf x" in shown


def test_what_makes_no_difference_cannot_be_answered(keyboard: Keyboard) -> None:
    risky = replace(TOOL, choices=("once", "deny", "never"))
    assert keyboard("a\ns\ny\n", risky)[0] == Decision("once")


def test_with_no_input_nobody_is_asked(keyboard: Callable[..., Any]) -> None:
    console = Console()
    console.no_input = True
    assert keyboard("y\n", TOOL, console)[0] == Decision("deny")


def test_without_a_terminal_nobody_is_asked() -> None:
    assert asyncio.run(terminal(Console())(TOOL)) == Decision("deny")


FORM = Request(
    "form", "town asks you something. Do you answer?", "Where to?", "It is sent there.", "town",
    arguments={"properties": {
        "town": {"type": "string"}, "days": {"type": "integer"}, "sure": {"type": "boolean"},
        "with": {"type": "array"}, "note": True,
    }},
    choices=("once", "deny"),
)  # fmt: skip


def test_a_form_is_filled_in_line_by_line_and_what_does_not_fit_is_asked_again(
    keyboard: Keyboard,
) -> None:
    decision, shown = keyboard("y\nBergen\nmany\n3\nno\nAda, Bo\n\n", FORM)
    assert decision == Decision(
        "once", content={"town": "Bergen", "days": 3, "sure": False, "with": ["Ada", "Bo"]}
    )
    assert "That is not a whole number." in shown


def test_a_form_that_is_refused_is_not_filled_in(keyboard: Keyboard) -> None:
    decision, shown = keyboard("n\n", FORM)
    assert decision == Decision("deny")
    assert "empty line" not in shown


def test_a_form_that_is_left_empty_says_nothing_for_its_user(keyboard: Keyboard) -> None:
    decision, _ = keyboard("y\n\n\n\n\n\n", FORM)
    assert decision == Decision("once", content={})


def test_an_address_to_visit_is_shown_and_answered_with_yes_or_no(keyboard: Keyboard) -> None:
    page = replace(FORM, kind="url", detail="https://example.org/log-in", arguments={})
    decision, shown = keyboard("y\n", page)
    assert decision == Decision("once")
    assert "https://example.org/log-in" in shown
    assert "y = yes, n = no" in shown
