"""`agent research`: over the library and a small web, its plan, its files, and being stopped."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.research_plan import approval, estimate
from agent.cli.research_progress import Progress, on_ctrl_c
from agent.cli.terminal import Console
from agent.research.journal import Used
from agent.research.types import Estimate, Part, Plan, Step
from tests.agent.cli.conftest import Agent
from tests.agent.research.web_fixture import SmallWeb, lighthouse

QUESTION = "How tall is the Skarholm lighthouse and when was it built?"
STORY = (
    "# Skarholm\n\nThe lighthouse of Skarholm was built in 1887 by the engineer Anna Holm. "
    "Its tower is 34 metres high.\n"
)


@pytest.fixture
def library(agent: Agent, tmp_path: Path) -> Path:
    """A library with one document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "skarholm.md").write_text(STORY)
    assert agent("add", folder).code == 0
    return folder


@pytest.fixture
def web(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallWeb]:
    """A small web that is configured."""
    with SmallWeb(lighthouse()) as web:
        monkeypatch.setenv("AGENT_SEARXNG_URL", web.engine_url)
        monkeypatch.setenv("AGENT_ALLOW_HOSTS", ",".join(web.authorities))
        yield web


def sources(report: dict[str, Any]) -> set[str]:
    return {source["origin"] for source in report["sources"]}


def test_a_report_over_the_library_quotes_it_and_goes_to_stdout(
    agent: Agent, library: Path
) -> None:
    ran = agent("research", QUESTION, "--offline")
    assert ran.code == 0
    assert ran.out.startswith("# How tall is the Skarholm lighthouse")
    assert "built in 1887 by the engineer Anna Holm" in ran.out
    assert "1. How tall is the Skarholm lighthouse?" in ran.err


def test_json_is_one_object_whose_quotes_stand_in_the_journal(
    agent: Agent, library: Path, home: Path
) -> None:
    from agent.research.journal import Journals

    ran = agent("research", QUESTION, "--offline", "--json")
    report = json.loads(ran.out)
    assert report["notes"]
    journal = Journals(home / "state" / "research").open(report["id"])
    for note in report["notes"]:
        assert journal.text(note["source"])[note["start"] : note["end"]] == note["quote"]


def test_the_web_is_read_through_our_own_server(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert sources(report) == {"web"}
    assert all(source["snapshot"] for source in report["sources"])
    assert any("410" in why for _, why in report["method"]["pages_failed"])
    assert report["conflicts"]
    assert web.searches


def test_library_and_web_are_searched_together(agent: Agent, library: Path, web: SmallWeb) -> None:
    report = json.loads(agent("research", QUESTION, "--json").out)
    assert sources(report) == {"web", "library"}


@pytest.mark.parametrize("option", ["--offline", "--no-web"])
def test_the_web_is_left_alone_where_that_is_asked(
    agent: Agent, library: Path, web: SmallWeb, option: str
) -> None:
    report = json.loads(agent("research", QUESTION, option, "--json").out)
    assert sources(report) == {"library"}
    assert (web.searches, web.fetched) == ([], [])


def test_a_report_is_written_to_a_file_in_the_form_of_its_name(
    agent: Agent, library: Path, tmp_path: Path
) -> None:
    ran = agent("research", QUESTION, "--offline", "--out", tmp_path / "report.html")
    assert (ran.code, ran.out) == (0, "")
    assert "<html" in (tmp_path / "report.html").read_text()
    assert [file.name for file in tmp_path.glob(".report*")] == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "There is no question"),
        (("q", "--offline", "--web"), "exclude each other"),
        (("q", "--out", "report.pdf"), "cannot be written as report.pdf"),
        (("q", "--out", "no/such/report.md"), "There is no folder"),
        (("q", "--offline"), "the library is empty"),
        (("q",), "the library is empty, and the web is not searched"),
        (("q", "--resume"), "keeps its question"),
        (("--resume", "abc", "--depth", "3"), "keeps its question"),
        (("q", "--out", "no/such/report.md"), "hint: mkdir -p no/such"),
        (("q", "--since", "yesterdayish"), "yesterdayish"),
        (("q", "--domains", "example.org,exam ple"), "'exam ple' in --domains is no host"),
        (("q", "--domains", "http:/example.org"), "is no host"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_type(
    agent: Agent, arguments: tuple[str, ...], why: str
) -> None:
    ran = agent("research", *arguments)
    assert ran.code == 2
    assert why in ran.err
    assert ran.out == ""


def test_a_model_over_the_network_is_refused_offline(agent: Agent, library: Path) -> None:
    ran = agent("research", QUESTION, "--offline", "--model", "openai/gpt-x")
    assert ran.code == 2
    assert "asked over the network" in ran.err


def test_no_unfinished_run_and_an_empty_list_are_told(agent: Agent, home: Path) -> None:
    assert "No research is unfinished" in agent("research", "--resume").err
    listed = agent("research", "--list")
    assert (listed.code, listed.out) == (0, "")
    assert "no research yet" in listed.err


def test_runs_are_listed_and_a_finished_one_is_shown_again(agent: Agent, library: Path) -> None:
    first = json.loads(agent("research", QUESTION, "--offline", "--json").out)
    listed = agent("research", "--list")
    assert listed.out.startswith(f"{first['id']}  done")
    assert QUESTION in listed.out
    assert json.loads(agent("research", "--list", "--json").out)[0]["id"] == first["id"]
    again = agent("research", "--resume", first["id"][:4], "--json")
    assert json.loads(again.out) == first


def test_a_resumed_run_searches_the_library_that_it_began_with(
    agent: Agent, library: Path, home: Path
) -> None:
    (home / "o.md").write_text(STORY)
    assert agent("--library", "other", "add", home / "o.md").code == 0
    first = json.loads(agent("--library", "other", "research", QUESTION, "--json").out)
    from agent.research.journal import Journals

    journals = Journals(home / "state" / "research")
    journal = journals.create(QUESTION, journals.open(first["id"]).options, "embedded")
    again = json.loads(agent("research", "--resume", journal.id, "--json").out)
    assert [source["url"] for source in again["sources"]] == [str(home / "o.md")]


def test_a_library_that_does_not_say_is_told_by_the_exit_code(agent: Agent, library: Path) -> None:
    ran = agent("research", "Who invented the zip fastener?", "--offline")
    assert ran.code == 3


def test_pages_that_were_read_are_added_on_request(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--add-to-library", "--depth", "1", "--json")
    assert ran.code == 0, ran.err
    held = json.loads(agent("sources", "--json").out)
    assert web.url("atlas", "/skarholm") in {source["source"] for source in held}


def test_a_limit_ends_the_search_and_still_gives_a_report(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--max-steps", "12", "--json")
    report = json.loads(ran.out)
    assert "The budget (12 steps) ended the search" in report["method"]["partial_reason"]
    assert "partial" in ran.err


def test_a_killed_run_is_resumed_without_fetching_a_page_again(
    agent: Agent, web: SmallWeb, home: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "research", QUESTION, "-v"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("read:"):
            break
    process.kill()
    process.wait()
    process.stderr.close()
    # Its web server ends with its input.
    read = json.loads(agent("research", "--list", "--json").out)
    assert read[0]["state"] == "open"
    ran = agent("research", "--resume", "--json")
    report = json.loads(ran.out)
    assert report["id"] == read[0]["id"]
    pages = [url for url in web.fetched if not url.endswith("robots.txt")]
    assert len([url for url in pages if url == web.url("atlas", "/skarholm")]) == 1


def test_a_host_that_nothing_is_of_is_told_with_the_report(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--domains", "https://exmaple.org/", "--depth", "1")
    assert ran.code == 3
    assert "No page of exmaple.org was found" in ran.err
    assert "No page of exmaple.org was found" in ran.out


@pytest.mark.skipif(os.name == "nt", reason="Windows' loop has no handlers of signals")
async def test_ctrl_c_ends_the_search_and_pressed_again_leaves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped: list[bool] = []

    async def work() -> None:
        with on_ctrl_c(lambda: stopped.append(True), Console()):
            os.kill(os.getpid(), signal.SIGINT)
            while not stopped:
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.create_task(work()), 30)
    assert stopped == [True]
    assert "Ctrl-C again leaves, and keeps what is done" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows' loop has no handlers of signals")
async def test_ctrl_c_takes_nothing_away_once_there_is_a_report() -> None:
    asked: list[bool] = []

    def over() -> bool:
        asked.append(True)
        return True

    with on_ctrl_c(lambda: pytest.fail("stopped"), Console(), over=over):
        os.kill(os.getpid(), signal.SIGINT)
        deadline = time.monotonic() + 30
        while not asked and time.monotonic() < deadline:
            await asyncio.sleep(0)
    assert asked


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_ctrl_c_writes_up_what_there_is(agent: Agent, web: SmallWeb) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "research", QUESTION, "-v", "--json", "--depth", "9"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    told: list[str] = []
    for line in process.stderr:
        told.append(line)
        if line.startswith("read:"):
            process.send_signal(signal.SIGINT)
            break
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 0, "".join(told) + rest
    assert json.loads(out)["method"]["partial_reason"] == "You stopped it."
    assert "Writing up what there is" in rest


def test_nobody_is_asked_for_the_plan_without_a_terminal(home: Path) -> None:
    assert approval(Console()) is None


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
    decide = approval(Console())
    assert decide is not None
    part = Part(1, "How long?", "a number", ("canal length",))
    plan = await decide(Plan("q", (part,), Estimate(8, 0, 0.0, 12)))
    assert (plan and [part.question for part in plan.parts]) == questions
    assert "At most 8 pages, free, about 12 s." in shown.getvalue()


def test_an_estimate_is_told_in_a_line() -> None:
    told = estimate(Plan("q", (), Estimate(16, 52000, 0.0312, 130)))
    assert told == "At most 16 pages, about 52,000 tokens, $0.0312, about 2:10."


def test_progress_tells_share_pages_tokens_cost_and_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    progress = Progress(Console(), clock=lambda: now)
    progress.show(Step("plan", "How long?", 1, 20, 1000), Used(), 0)
    now = 30.0
    progress.show(Step("read", "A \x1b[31mpage", 1, 520, 1000), Used(1200, 0.02), 3)
    told = capsys.readouterr().err
    assert "1. How long?" in told
    assert "52% · 3 pages · 1,200 tokens · $0.0200 · 29 s left" in told
    assert "\x1b" not in told
