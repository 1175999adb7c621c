"""`agent research`: reports over the library and a small web, and the files they become."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.agent.cli.conftest import Agent
from tests.agent.cli.research.conftest import QUESTION
from tests.agent.research.web_fixture import SmallWeb


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
        (("q", "--domains", "example.org,exam ple"), "'exam ple' is no host"),
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


def test_a_question_with_an_undecodable_byte_is_answered_and_written(
    agent: Agent, library: Path, tmp_path: Path
) -> None:
    question = f"{QUESTION} In caf\udce9s?"
    ran = agent("research", question, "--offline")
    assert ran.code == 0, ran.err
    file = tmp_path / "report.md"
    assert agent("research", question, "--offline", "--out", file).code == 0
    assert "In caf?s?" in file.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_report_has_the_permissions_of_the_users_other_files(
    agent: Agent, library: Path, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        agent("research", QUESTION, "--offline", "--out", tmp_path / "report.md")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.md").stat().st_mode) == 0o640


def test_a_report_that_cannot_be_written_is_kept_and_told(
    agent: Agent, library: Path, tmp_path: Path
) -> None:
    first = json.loads(agent("research", QUESTION, "--offline", "--json").out)
    too_long = tmp_path / f"{'x' * 300}.md"
    ran = agent("research", "--resume", first["id"], "--out", too_long)
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert f"agent research --resume {first['id']} --out" in ran.err


def test_a_library_that_does_not_say_is_told_by_the_exit_code(agent: Agent, library: Path) -> None:
    ran = agent("research", "Who invented the zip fastener?", "--offline")
    assert ran.code == 3


def test_pages_that_were_read_are_added_on_request(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--add-to-library", "--depth", "1", "--json")
    assert ran.code == 0, ran.err
    held = json.loads(agent("sources", "--json").out)
    assert web.url("atlas", "/skarholm") in {source["source"] for source in held}


def test_a_host_that_nothing_is_of_is_told_with_the_report(agent: Agent, web: SmallWeb) -> None:
    ran = agent("research", QUESTION, "--domains", "https://exmaple.org/", "--depth", "1")
    assert ran.code == 3
    assert "No page of exmaple.org was found" in ran.err
    assert "No page of exmaple.org was found" in ran.out
