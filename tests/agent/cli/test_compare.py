"""Answers of several modes beside each other, and `agent ask --mode all` over a real library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.cli.compare import CompareJson, CompareLines, CompareText
from agent.cli.terminal import Console
from agent.events import Citation, Done, Event, Failed, Status, Token, Usage, from_json
from agent.session import Session
from agent.wiring import MODES
from tests.agent.cli.conftest import Agent
from tests.agent.cli.test_printer import CITATION
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

ASKED = ("naive", "cag")
NAIVE: list[Event] = [
    Status("Searching", "search"),
    Token("Type make install. [1]"),
    CITATION,
    Usage(100, 5, 0, 0.01),
    Done("Type make install. [1]", "grounded", "naive", "m", seconds=1.25),
]
CAG: list[Event] = [
    Token("The sources do not say."),
    Usage(8000, 5, 7000, 0.02, 0.005),
    Done("The sources do not say.", "unanswerable", "cag", "m", seconds=2.0),
]
FAILED = Failed("It reads 5 tokens.", "Take fewer.", "ContextTooLong")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's terminal of 100 columns, without colour."""
    monkeypatch.setattr("agent.cli.compare.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "100")


def shown(printer: CompareText | CompareJson | CompareLines, *events: Event) -> int:
    for event in events:
        printer.show(event)
    return printer.code


@pytest.mark.usefixtures("wide")
def test_answers_stand_side_by_side_on_a_wide_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(CompareText(Console(), ASKED), *NAIVE, *CAG) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["naive", "cag"]
    left = [line[:49].rstrip() for line in lines]
    right = [line[51:].rstrip() for line in lines]
    assert " ".join(left[1:3]) == "grounded · 1.2 s · 100 + 5 tokens · $0.0100 · 1 citation"
    assert right[1].startswith("unanswerable · 2.0 s · 8,000 + 5 tokens")
    assert "$0.0050 saved · 0 citations" in " ".join(right[1:4])
    assert "Type make install. [1]" in left
    assert "The sources do not say." in right
    assert any(line.startswith("[1] The Guide — Install > Linux") for line in left)
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("why", ["narrow", "letters of two cells"])
def test_answers_stand_one_under_another_where_columns_would_not_be_read(
    why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    naive = NAIVE
    if why == "narrow":
        monkeypatch.setenv("COLUMNS", "60")
    else:
        naive = [Token("灯台"), Done("灯台", "ungrounded", "naive", "m")]
    shown(CompareText(Console(), ASKED), *naive, *CAG)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in ASKED] == ["naive", "cag"]


def test_a_pipe_gets_each_answer_whole_with_its_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    shown(CompareText(Console(), ASKED), *NAIVE, *CAG)
    captured = capsys.readouterr()
    assert captured.out == (
        "naive\n"
        "grounded · 1.2 s · 100 + 5 tokens · $0.0100 · 1 citation\n"
        "\n"
        "Type make install. [1]\n"
        "\n"
        "[1] The Guide — Install > Linux (/elsewhere/guide.md)\n"
        "    “Type make install.”\n"
        "\n"
        "cag\n"
        "unanswerable · 2.0 s · 8,000 + 5 tokens (7,000 cached) · $0.0200 · $0.0050 saved"
        " · 0 citations\n"
        "\n"
        "The sources do not say.\n"
    )
    assert captured.err == ""


def test_one_mode_that_fails_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(CompareText(Console(), ASKED), *NAIVE, FAILED) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith("cag\nfailed\n\nIt reads 5 tokens.\n")
    assert captured.err == "error: cag: It reads 5 tokens.\nhint: Take fewer.\n"
    printer = CompareJson(Console(), ASKED)
    assert shown(printer, FAILED, *CAG) == 3
    answers = json.loads(capsys.readouterr().out)["answers"]
    error = {"message": "It reads 5 tokens.", "hint": "Take fewer.", "kind": "ContextTooLong"}
    assert answers[0] == {"mode": "naive", "error": error}
    assert answers[1]["outcome"] == "unanswerable"


def test_the_exit_code_is_that_of_the_best_answer() -> None:
    wrong = replace(FAILED, error="UsageError")
    for events, code in (
        ([*CAG, *NAIVE], 0),
        ([FAILED, *CAG], 3),
        ([wrong, FAILED], 1),
        ([wrong, wrong], 2),
        ([], 1),
    ):
        assert shown(CompareJson(Console(), ASKED), *events) == code


def test_json_is_one_object_with_each_answer_as_it_is_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = CompareJson(Console(), ASKED)
    printer.session = lambda: "s1"
    shown(printer, *NAIVE, *CAG)
    data = json.loads(capsys.readouterr().out)
    assert list(data) == ["answers"]
    assert [a["mode"] for a in data["answers"]] == list(ASKED)
    assert [a["saved"] for a in data["answers"]] == [0.0, 0.005]
    assert {a["session"] for a in data["answers"]} == {"s1"}
    assert len(data["answers"][0]["citations"]) == 1


def test_json_lines_tell_the_mode_of_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    shown(CompareLines(ASKED), *NAIVE, *CAG)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["mode"] for line in lines] == ["naive"] * len(NAIVE) + ["cag"] * len(CAG)
    assert [from_json(line) for line in lines] == [*NAIVE, *CAG]


def test_what_there_is_is_printed_when_the_asks_are_broken_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun = [*NAIVE, Token("Half")]
    text = CompareText(Console(), ASKED)
    shown(text, *begun)
    text.interrupted()
    text.interrupted()
    assert capsys.readouterr().out.endswith("cag\ninterrupted\n\nHalf\n")
    one = CompareJson(Console(), ASKED)
    shown(one, *begun)
    one.interrupted()
    data = json.loads(capsys.readouterr().out)
    assert [a["answer"] for a in data["answers"]] == ["Type make install. [1]", "Half"]
    assert data["error"]["kind"] == "Interrupted"
    lines = CompareLines(ASKED)
    shown(lines, *begun)
    lines.interrupted()
    lines.failed("Later.", "", "RuntimeError")
    last = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]
    assert (last["kind"], last["mode"], last["message"]) == ("failed", "cag", "interrupted")


def test_between_two_modes_no_stream_is_open_that_could_be_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = CompareLines(ASKED)
    shown(lines, *NAIVE)
    capsys.readouterr()
    lines.interrupted()
    assert capsys.readouterr().out == ""


def test_a_failure_before_the_first_event_is_told_as_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    CompareText(Console(), ASKED).failed("No.", "", "UsageError")
    assert capsys.readouterr().out == ""
    CompareJson(Console(), ASKED).failed("No.", "", "UsageError")
    assert list(json.loads(capsys.readouterr().out)) == ["error"]


@pytest.mark.usefixtures("wide")
def test_what_is_compared_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07"
    bad: Citation = replace(CITATION, title=evil, place=evil, quote=evil, source="/" + evil)
    events = [Status(evil), Token(evil), bad, Done(evil, "partial", "naive", evil, note=evil)]
    shown(CompareText(Console(), ASKED), *events, Failed(evil, evil))
    shown(CompareText(Console(), ("naive",)), *events)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\x07" not in captured.out + captured.err


# over a real library

LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n"
QUESTION = "When was the lamp of the lighthouse lit?"


@pytest.fixture
def note(agent: Agent, tmp_path: Path) -> Path:
    note = tmp_path / "lamp.md"
    note.write_text(LAMP)
    assert agent("add", note).code == 0
    return note


def test_mode_all_asks_each_mode_and_records_each_answer(agent: Agent, note: Path) -> None:
    ran = agent("ask", "--mode", "all", "--json", QUESTION)
    assert ran.code == 0, ran.err
    answers = json.loads(ran.out)["answers"]
    assert [a["mode"] for a in answers] == [m for m in MODES if m != "auto"]
    assert all("1902" in a["answer"] for a in answers)
    (session,) = {a["session"] for a in answers}
    stored = agent("sessions", "show", session).out
    assert stored.count(QUESTION) == len(answers)


def test_json_lines_of_all_modes_end_once_for_each(agent: Agent, note: Path) -> None:
    ran = agent("ask", "--mode", "all", "--jsonl", QUESTION)
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    ends = [line["mode"] for line in lines if line["kind"] == "done"]
    assert ends == [m for m in MODES if m != "auto"]


async def test_no_mode_is_told_what_another_answered() -> None:
    first, second = (ScriptedMode(Done("So.", "partial", n, "m"), name=n) for n in ASKED)
    library: Any = MemoryLibrary()
    session = Session(modes={"naive": first, "cag": second}, model=EchoModel(), library=library)
    for mode in ASKED:
        async for _ in session.ask("Why?", mode=mode, remember=False):
            pass
    assert [turn.history for turn in (*first.turns, *second.turns)] == [(), ()]
    assert session.history == ()


def explained(agent: Agent, *arguments: str) -> dict[str, Any]:
    ran = agent("ask", "--explain-cost", "--json", *arguments, QUESTION)
    assert ran.code == 0, ran.err
    data = json.loads(ran.out)
    assert isinstance(data, dict)
    return data


def test_the_cost_is_explained_and_nothing_is_asked(
    agent: Agent, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    data = explained(agent, "--model", "gpt-4o-mini")
    assert data["price"]["source"] == "litellm's bundled price list"
    assert data["library"]["documents"] == 1
    assert data["route"]["mode"] in {row["mode"] for row in data["modes"]}
    assert all(row["cost"] > 0 and row["fits"] for row in data["modes"])
    ran = agent("ask", "--explain-cost", "--model", "gpt-4o-mini", QUESTION)
    assert ran.code == 0
    assert "a million tokens (litellm's bundled price list)" in ran.out
    assert f"auto would take {data['route']['mode']}: {data['route']['why']}" in ran.out
    assert agent("sessions").out == ""


def test_the_embedded_model_costs_nothing_and_says_so(agent: Agent, note: Path) -> None:
    data = explained(agent)
    assert {row["cost"] for row in data["modes"]} == {0}
    assert {row["prompt_tokens"] for row in data["modes"]} == {0}
    ran = agent("ask", "--explain-cost", QUESTION)
    assert "embedded: reads without tokens: every mode is free" in ran.out
    assert "--model NAME" in ran.err


def test_explaining_asks_nothing_so_it_takes_no_options_of_asking(agent: Agent) -> None:
    for other in (["--jsonl"], ["--mode", "all"]):
        ran = agent("ask", "--explain-cost", *other, QUESTION)
        assert ran.code == 2
        assert f"leave {' '.join(other)} out" in ran.err
