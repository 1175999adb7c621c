"""`agent research`: runs that are listed, gone on with, stopped, killed and deleted."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli.research_progress import on_ctrl_c
from agent.cli.terminal import Console
from tests.agent.cli.conftest import Agent
from tests.agent.cli.research.conftest import QUESTION, STORY
from tests.agent.research.web_fixture import SmallWeb


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


@pytest.mark.parametrize("more", [(QUESTION,), ("--resume",)])
def test_a_list_is_asked_for_alone(agent: Agent, home: Path, more: tuple[str, ...]) -> None:
    ran = agent("research", "--list", *more)
    assert ran.code == 2
    assert "--list stands alone" in ran.err


@pytest.mark.parametrize("since", ["99999y", "3000y"])
def test_a_day_before_all_days_is_refused(agent: Agent, library: Path, since: str) -> None:
    ran = agent("research", QUESTION, "--no-web", "--since", since)
    assert ran.code == 2
    assert "Too long ago" in ran.err


def test_offline_nobody_is_asked_over_the_network_neither_stand_ins_nor_a_reranker(
    agent: Agent, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_FALLBACKS", "embedded, openai/small")
    refused = agent("research", QUESTION, "--offline")
    assert refused.code == 2
    assert "openai/small" in refused.err
    assert "agent config unset fallbacks" in refused.err
    monkeypatch.setenv("AGENT_FALLBACKS", "embedded")
    monkeypatch.setenv("AGENT_RERANKER", "cohere/rerank")
    monkeypatch.setenv("AGENT_RERANKER_API_BASE", "http://127.0.0.1:9")
    ran = agent("research", QUESTION, "--offline")
    assert ran.code == 0, ran.err
    assert "Without the reranker cohere/rerank" in ran.err
    assert "built in 1887" in ran.out


def test_offline_a_library_shared_on_another_machine_is_not_looked_at(
    agent: Agent, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_CHROMA_URL", "https://chroma.invalid:8000")
    monkeypatch.setenv("AGENT_CHROMA_COLLECTION", "team")
    ran = agent("research", QUESTION, "--offline")
    assert ran.code == 2
    assert "shared on https://chroma.invalid:8000" in ran.err
    assert "agent library move --to embedded" in ran.err


def test_an_offline_run_that_is_resumed_with_a_far_model_is_told_what_to_type(
    agent: Agent, library: Path
) -> None:
    ran = agent("research", QUESTION, "--offline", "--max-steps", "3", "--json")
    run = json.loads(ran.out)["id"]
    again = agent("research", "--resume", run, "--model", "openai/small", "--max-steps", "90")
    assert again.code == 2
    assert f"agent research --resume {run} --model embedded" in again.err


def test_a_finished_report_is_shown_when_its_library_is_gone(
    agent: Agent, library: Path, home: Path
) -> None:
    assert agent("--library", "other", "add", library).code == 0
    first = json.loads(agent("--library", "other", "research", QUESTION, "--offline", "--json").out)
    (gone,) = (home / "data").rglob("other")
    shutil.rmtree(gone)
    again = agent("research", "--resume", first["id"], "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out) == first


def test_a_run_that_its_budget_ended_goes_on_with_a_larger_one(agent: Agent, web: SmallWeb) -> None:
    short = json.loads(agent("research", QUESTION, "--max-steps", "12", "--json").out)
    read = [url for url in web.fetched if not url.endswith("robots.txt")]
    refused = agent("research", "--resume", short["id"], "--max-steps", "12")
    assert refused.code == 2
    assert "ended at a limit of 12 steps" in refused.err
    ran = agent("research", "--resume", short["id"], "--max-steps", "500", "--json")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert report["id"] == short["id"]
    assert report["method"]["partial_reason"] == ""
    assert len(report["sources"]) > len(short["sources"])
    later = [url for url in web.fetched if not url.endswith("robots.txt")]
    assert len(later) == len(set(later)) > len(read)
    whole = agent("research", "--resume", short["id"], "--max-steps", "900")
    assert whole.code == 2
    assert "is complete" in whole.err


def test_a_report_is_not_given_up_where_it_cannot_be_written_anew(
    agent: Agent, library: Path, home: Path
) -> None:
    assert agent("--library", "other", "add", library).code == 0
    first = json.loads(
        agent(
            "--library", "other", "research", QUESTION, "--offline", "--max-steps", "3", "--json"
        ).out
    )
    assert first["method"]["partial_reason"]
    (gone,) = (home / "data").rglob("other")
    shutil.rmtree(gone)
    assert agent("research", "--resume", first["id"], "--max-steps", "300").code == 2
    assert json.loads(agent("research", "--resume", first["id"], "--json").out) == first


def test_a_run_is_deleted_with_all_that_was_kept_of_it(
    agent: Agent, library: Path, home: Path
) -> None:
    first = json.loads(agent("research", QUESTION, "--offline", "--json").out)
    kept = home / "state" / "research"
    assert list(kept.glob("*.lock")) == []
    deleted = agent("research", "--delete", first["id"][:4])
    assert (deleted.code, deleted.out) == (0, "")
    assert f"Deleted research {first['id']}: {QUESTION}" in deleted.err
    assert agent("research", "--list").out == ""
    assert b"Skarholm" not in (kept / "journal.db").read_bytes()
    assert "no research run" in agent("research", "--delete", first["id"]).err
    assert "alone" in agent("research", QUESTION, "--delete", "abc").err


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
