from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.cli.printer import JsonLinesPrinter, JsonPrinter, TextPrinter
from agent.cli.terminal import Console
from agent.events import Citation, Done, Event, Failed, Status, Thought, Token, Usage, from_json

CITATION = Citation(
    n=1,
    source="/elsewhere/guide.md",
    title="The Guide",
    place="Install > Linux",
    quote="Type make install.",
    start=10,
    end=28,
    verified=True,
    stale=False,
    document_id="d1",
    marked=("make install",),
)
EVENTS: list[Event] = [
    Status("Searching", "search"),
    Thought("hm"),
    Token("Type it "),
    Token("[1]."),
    CITATION,
    Usage(100, 5, 50, 0.01),
    Usage(10, 5, 0, 0.02),
    Done("Type it [1].", "grounded", "naive", "m", seconds=1.25),
]


def test_text_is_the_answer_then_its_sources_and_a_summary_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = TextPrinter(Console())
    for event in EVENTS:
        printer.show(event)
    captured = capsys.readouterr()
    assert captured.out == (
        "Type it [1].\n"
        "\n"
        "[1] The Guide — Install > Linux (/elsewhere/guide.md)\n"
        "    “Type make install.”\n"
    )
    assert captured.err == "grounded · naive · m · 1.2 s · 110 + 10 tokens (50 cached) · $0.0300\n"
    assert printer.code == 0


def test_text_marks_what_is_stale_or_unverified(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TextPrinter(Console())
    printer.show(Token("It is so [1]."))
    printer.show(replace(CITATION, verified=False, stale=True))
    printer.show(
        Done("It is so [1].", "ungrounded", "naive", "m", note="A note.", removed_markers=2)
    )
    captured = capsys.readouterr()
    assert "(/elsewhere/guide.md) (unverified, stale)" in captured.out
    assert "hint: agent sync" in captured.err
    assert "A note.\n2 citations named no source and were taken out\n" in captured.err
    assert printer.code == 3


def test_two_quotes_of_one_place_stand_under_one_heading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = TextPrinter(Console())
    printer.show(Token("x"))
    printer.show(replace(CITATION, start=30, end=40, quote="Second."))
    printer.show(CITATION)
    printer.show(Done("x", "grounded", "naive", "m"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:] == ["    “Type make install.”", "    “Second.”"]


def test_text_of_models_and_documents_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "\x1b]0;owned\x07"
    printer = TextPrinter(Console())
    printer.show(Token(evil))
    printer.show(
        replace(CITATION, title=evil, place=evil, quote=evil, source="/" + evil, marked=(evil,))
    )
    printer.show(Done(evil, "partial", evil, evil, note=evil))
    printer.show(Failed(evil, evil))
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\x07" not in captured.out + captured.err


def test_a_remark_stays_on_stderr_and_a_step_shows_only_with_v(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console()
    printer = TextPrinter(console)
    printer.show(Status("Searching the library", "search"))
    printer.show(Status("Searched by words only.", "note"))
    printer.show(Status("This answer is not being kept.", "record"))
    assert capsys.readouterr().err == (
        "Searched by words only.\nwarning: This answer is not being kept.\n"
    )
    console.verbose = 1
    printer.show(Status("Searching the library", "search"))
    assert capsys.readouterr().err == "Searching the library\n"


def test_a_failure_after_some_text_ends_the_line_first(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TextPrinter(Console())
    printer.show(Token("Half an ans"))
    printer.show(Failed("The answer broke off.", "Ask again.", "BadModelOutput"))
    captured = capsys.readouterr()
    assert captured.out == "Half an ans\n"
    assert captured.err == "error: The answer broke off.\nhint: Ask again.\n"
    assert printer.code == 1


def test_quiet_leaves_the_answer_and_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.quiet = True
    printer = TextPrinter(console)
    for event in EVENTS:
        printer.show(event)
    captured = capsys.readouterr()
    assert captured.out.startswith("Type it [1].\n\n[1] The Guide")
    assert captured.err == ""


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    data = json.loads(capsys.readouterr().out)
    assert isinstance(data, dict)
    return data


def test_json_is_one_object_with_the_agreed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonPrinter(Console())
    printer.session = lambda: "s1"
    for event in EVENTS:
        printer.show(event)
    data = _json(capsys)
    assert list(data) == [
        "answer", "outcome", "mode", "route", "model", "persona", "citations", "usage", "cost",
        "saved", "seconds", "session",
    ]  # fmt: skip
    assert data["usage"] == {"input_tokens": 110, "output_tokens": 10, "cached_tokens": 50}
    assert data["cost"] == pytest.approx(0.03)
    assert (data["answer"], data["outcome"], data["session"]) == ("Type it [1].", "grounded", "s1")
    assert data["persona"] is None
    assert data["citations"] == [
        {
            "n": 1,
            "source": "/elsewhere/guide.md",
            "title": "The Guide",
            "place": "Install > Linux",
            "quote": "Type make install.",
            "start": 10,
            "end": 28,
            "verified": True,
            "stale": False,
            "document_id": "d1",
            "marked": ["make install"],
        }
    ]


def test_a_price_that_is_not_known_makes_the_sum_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = JsonPrinter(Console())
    printer.show(Usage(1, 1, 0, 0.5))
    printer.show(Usage(1, 1, 0, None))
    printer.show(Done("", "unanswerable", "naive", "m"))
    assert _json(capsys)["cost"] is None
    assert printer.code == 3


def test_a_failure_in_json_is_an_error_object(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonPrinter(Console())
    printer.show(Failed("No key.", "export OPENAI_API_KEY=…", "MissingKey"))
    assert _json(capsys) == {
        "error": {"message": "No key.", "hint": "export OPENAI_API_KEY=…", "kind": "MissingKey"}
    }
    assert printer.code == 1


ROUTED = Done(
    "x", "grounded", "cag", "m", route="auto: the library is 81 tokens: and cached", seconds=1.0
)


def test_what_a_cache_saved_and_which_mode_was_chosen_stand_in_the_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = TextPrinter(Console())
    printer.show(Status("cag: the library is 81 tokens: and cached", "route"))
    printer.show(Usage(8100, 200, 8000, 0.0008, 0.0072))
    printer.show(Usage(10, 5, 0, 0.0001, -0.0002))
    printer.show(ROUTED)
    assert capsys.readouterr().err == (
        "cag: the library is 81 tokens: and cached\n"
        "grounded · auto → cag · m · 1.0 s · 8,110 + 205 tokens (8,000 cached) · $0.0009 · "
        "$0.0070 saved\n"
    )


def test_json_tells_the_route_and_what_was_saved(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonPrinter(Console())
    printer.show(Usage(8100, 200, 8000, 0.0008, 0.0072))
    printer.show(ROUTED)
    data = _json(capsys)
    assert data["route"] == {"asked": "auto", "why": "the library is 81 tokens: and cached"}
    assert (data["mode"], data["saved"]) == ("cag", 0.0072)
    printer = JsonPrinter(Console())
    printer.show(Usage(1, 1, 0, None, None))
    printer.show(replace(ROUTED, route=""))
    data = _json(capsys)
    assert (data["route"], data["saved"]) == (None, None)


def test_an_interrupted_ask_in_json_holds_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = JsonPrinter(Console())
    printer.show(Token("Half"))
    printer.interrupted()
    data = _json(capsys)
    assert (data["answer"], data["outcome"], data["error"]["kind"]) == ("Half", None, "Interrupted")


def test_json_lines_are_the_events_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonLinesPrinter()
    for count, event in enumerate(EVENTS, 1):
        printer.show(event)
        line = capsys.readouterr().out
        assert line.count("\n") == 1, count
        assert from_json(json.loads(line)) == event
    assert printer.code == 0


def test_interrupted_json_lines_end_with_one_failed(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonLinesPrinter()
    printer.show(Token("Half"))
    printer.interrupted()
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["token", "failed"]


@pytest.mark.parametrize("printer", [JsonPrinter(Console()), JsonLinesPrinter()], ids=["1", "n"])
def test_a_failure_after_the_end_is_not_printed_again(
    printer: JsonPrinter | JsonLinesPrinter, capsys: pytest.CaptureFixture[str]
) -> None:
    printer.show(Done("x", "grounded", "naive", "m"))
    ended = capsys.readouterr().out
    printer.failed("Later.", "", "RuntimeError")
    printer.interrupted()
    assert (json.loads(ended), capsys.readouterr().out) == (json.loads(ended), "")


def test_wrong_usage_found_within_the_ask_is_exit_code_2() -> None:
    for printer in (TextPrinter(Console()), JsonPrinter(Console()), JsonLinesPrinter()):
        printer.show(Failed("There is no mode 'x'.", "", "UsageError"))
        assert printer.code == 2


def test_json_leaves_remarks_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonPrinter(Console())
    printer.show(Status("Searching", "search"))
    printer.show(Status("Searched by words only.", "note"))
    printer.show(Status("This answer is not being kept.", "record"))
    printer.show(Done("x", "grounded", "naive", "m"))
    captured = capsys.readouterr()
    assert captured.err == "Searched by words only.\nwarning: This answer is not being kept.\n"
    assert json.loads(captured.out)["answer"] == "x"
