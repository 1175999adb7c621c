"""`agent research`: the plan that is shown, changed and approved, and the progress told."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.research_plan import approval, estimate
from agent.cli.research_progress import Progress
from agent.cli.terminal import Console
from agent.research.types import Estimate, Part, Plan, Step
from tests.agent.cli.conftest import Agent
from tests.agent.cli.research.conftest import QUESTION


def test_nobody_is_asked_for_the_plan_without_a_terminal(home: Path) -> None:
    assert approval(Console(), reckoned) is None


def reckoned(plan: Plan) -> Plan:
    """Eight pages for each sub-question."""
    return replace(plan, estimate=replace(plan.estimate, pages=8 * len(plan.parts)))


class Terminal(io.StringIO):
    """A stream that a person is at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "questions"),
    [
        ("\n", ["How long?"]),
        ("y\n", ["How long?"]),
        ("what?\ny\n", ["How long?"]),
        ("n\n", None),
        ("", None),
        ("e\ny\n", ["How deep?"]),
        ("e\nn\n", None),
    ],
)
async def test_a_plan_is_taken_changed_or_refused_at_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, questions: list[str] | None
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "1. How deep?\\n   - canal depth\\n" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    decide = approval(Console(), reckoned)
    assert decide is not None
    part = Part(1, "How long?", "a number", ("canal length",))
    plan = await decide(Plan("q", (part,), Estimate(8, 0, 0.0, 12)))
    assert (plan and [part.question for part in plan.parts]) == questions
    assert "At most 8 pages, free, about 12 s." in shown.getvalue()


async def test_a_plan_that_was_changed_is_estimated_anew_and_a_wrong_one_edited_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor, seen = tmp_path / "editor", tmp_path / "seen"
    # Too many at first; then what it is given, but for the last lines.
    editor.write_text(
        f'#!/bin/sh\nif [ -e {seen} ]; then grep -c deep "$1" > {seen}; head -n 5 "$1" > "$1.new"\n'
        f'else touch {seen}; seq 1 21 | sed "s/.*/How deep is lock &?/" > "$1.new"; fi\n'
        'mv "$1.new" "$1"\n'
    )
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal("e\ne\ny\n"))
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    decide = approval(Console(), reckoned)
    assert decide is not None
    plan = await decide(Plan("q", (Part(1, "How long?", "", ("a",)),), Estimate(8, 0, 0.0, 12)))
    assert "21 sub-questions" in shown.getvalue()
    assert seen.read_text().strip() == "21"
    assert plan is not None
    assert len(plan.parts) == 5
    assert plan.estimate.pages == 40
    assert "At most 40 pages" in shown.getvalue()


async def test_an_edited_plan_in_another_encoding_is_refused_and_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "1. Caf\\351?\\n" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal("e\ny\n"))
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    decide = approval(Console(), reckoned)
    assert decide is not None
    plan = await decide(Plan("q", (Part(1, "How long?", "", ("a",)),), Estimate(8, 0, 0.0, 12)))
    assert plan is not None
    assert plan.parts[0].question == "How long?"
    assert "UTF-8" in shown.getvalue()


def test_an_estimate_is_told_in_a_line() -> None:
    told = estimate(Plan("q", (), Estimate(16, 52000, 0.0312, 130)))
    assert told == "At most 16 pages, about 52,000 tokens, $0.0312, about 2:10."


def test_progress_tells_share_pages_tokens_cost_and_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    progress = Progress(Console(), clock=lambda: now)
    progress.show(Step("plan", "How long?", 1, 20, 1000), 0, 0, 0.0)
    now = 30.0
    progress.show(Step("read", "A \x1b[31mpage", 1, 520, 1000), 3, 1200, 0.02)
    told = capsys.readouterr().err
    assert "1. How long?" in told
    assert "52% · 3 pages · 1,200 tokens · $0.0200 · 29 s left" in told
    now = 90.0
    progress.show(Step("read", "A page", 1, 600, 1000), 4, 1800, None)
    assert "1,800 tokens · price unknown" in capsys.readouterr().err
    assert "\x1b" not in told


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals")
def test_ctrl_c_at_the_plan_leaves_no_run(agent: Agent, library: Path) -> None:
    import pty

    there, here = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "research", QUESTION],
        stdin=here, stdout=subprocess.DEVNULL, stderr=here, start_new_session=True,
    )  # fmt: skip
    os.close(here)
    told = b""
    while b"Go on?" not in told:
        assert select.select([there], [], [], 60)[0], told
        told += os.read(there, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    os.close(there)
    assert agent("research", "--list").out == ""
