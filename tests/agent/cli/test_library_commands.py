"""`agent add`, `sync`, `sources`, `remove`, `search` over a real library, by words only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent

LAMP = "# Lighthouse\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n"
BREAD = "# Bread\n\nRye bread is baked for an hour at two hundred degrees.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "lamp.md").write_text(LAMP)
    (folder / "bread.md").write_text(BREAD)
    return folder


def test_a_folder_is_added_listed_and_searched(agent: Agent, folder: Path) -> None:
    added = agent("add", folder)
    assert added.code == 0
    assert added.out.startswith("2 added; 2 new passages (")
    listed = agent("sources")
    assert listed.code == 0
    assert [line.split()[0].endswith(".md") for line in listed.out.splitlines()] == [True, True]
    found = agent("search", "who", "lit", "the", "lamp")
    assert found.code == 0
    assert found.out.startswith("[1] Lighthouse — ")
    assert "Ada Brown" in found.out


def test_adding_again_is_a_sync_of_what_is_there(agent: Agent, folder: Path) -> None:
    agent("add", folder)
    assert agent("add", folder).out.startswith("2 unchanged (")
    (folder / "lamp.md").write_text(LAMP.replace("1902", "1903"))
    (folder / "bread.md").unlink()
    (folder / "new.md").write_text("# New\n\nSomething new.\n")
    assert agent("add", folder).out.startswith("1 added, 1 changed, 1 removed")


def test_sync_follows_the_files(agent: Agent, folder: Path) -> None:
    agent("add", folder)
    (folder / "bread.md").unlink()
    ran = agent("sync")
    assert (ran.code, ran.out.split(" (")[0]) == (0, "1 removed, 1 unchanged")


def test_a_cluster_that_does_not_answer_is_named_and_nothing_is_lost(
    agent: Agent, folder: Path
) -> None:
    alone = agent("add", folder, "--address", "127.0.0.1:1")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err.endswith("hint: Add: --engine ray --address 127.0.0.1:1\n")
    ran = agent("add", folder, "--engine", "ray", "--address", "127.0.0.1:1")
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "hint: " in ran.err
    assert agent("sync").out.startswith("2 added")


def test_a_path_that_is_not_there_is_named_and_the_others_are_added(
    agent: Agent, folder: Path
) -> None:
    ran = agent("add", folder / "nowhere", folder)
    assert ran.code == 1
    assert f"error: {folder}/nowhere: No such file or folder.\n" in ran.err
    assert ran.out.startswith("2 added")
    alone = agent("add", folder / "lamp.mb", "--watch")
    assert alone.code == 1
    assert alone.err.endswith(f"hint: Did you mean {folder}/lamp.md?\n")
    assert agent("add", "xyzzy").err.endswith("hint: agent add PATH, where PATH exists\n")


def test_a_page_of_the_inner_network_is_refused_and_named(agent: Agent) -> None:
    ran = agent("add", "--strict", "http://127.0.0.1/")
    assert ran.code == 1
    assert "http://127.0.0.1/: not read: " in ran.err
    assert "allow" in ran.err


def test_bad_files_are_named_with_their_reason_and_stop_nothing(agent: Agent, folder: Path) -> None:
    (folder / "cut.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<<")
    (folder / "noise.md").write_bytes(bytes(range(256)) * 40)
    (folder / "loop").symlink_to(folder)
    ran = agent("add", folder)
    assert ran.code == 0
    assert ran.out.startswith("2 added, 3 not read")
    for name in ("cut.pdf", "noise.md", "loop"):
        assert [
            x for x in ran.err.splitlines() if x.startswith("warning: ") and f"{name}: not" in x
        ]
    assert agent("add", "--strict", folder).code == 1
    assert "not read: " in agent("sources").out
    assert agent("search", "lamp").code == 0


def test_a_name_with_an_escape_sequence_cannot_command_the_terminal(
    agent: Agent, folder: Path
) -> None:
    (folder / "evil\x1b[2J.md").write_bytes(bytes(range(256)) * 40)
    (folder / "title.md").write_text("# A \x1b]0;owned\x07 title\n\nThe lamp of a title.\n")
    runs = [agent("add", folder, "-v"), agent("sources"), agent("search", "title lamp")]
    for ran in runs:
        assert "\x1b" not in ran.out + ran.err
        assert "\x07" not in ran.out + ran.err


def test_sources_and_search_print_json_for_machines(agent: Agent, folder: Path) -> None:
    agent("add", folder)
    listed = json.loads(agent("sources", "--json").out)
    assert [(x["title"], x["state"]) for x in listed] == [
        ("Bread", "indexed"),
        ("Lighthouse", "indexed"),
    ]
    found = json.loads(agent("search", "lamp", "--json", "--limit", "1").out)
    assert (found["query"], found["how"]) == ("lamp", "lexical")
    [passage] = found["passages"]
    assert (passage["n"], passage["title"]) == (1, "Lighthouse")
    assert LAMP[passage["start"] : passage["end"]] == passage["text"]


def test_a_search_can_be_narrowed(agent: Agent, folder: Path) -> None:
    (folder / "lamp.txt").write_text("Another lamp stands on the table.\n")
    agent("add", folder)
    old = folder / "lamp.md"
    os.utime(old, (1_000_000, 1_000_000))
    agent("sync")

    def titles(*options: str) -> list[str]:
        data = json.loads(agent("search", "lamp", "--json", *options).out)
        return [os.path.basename(p["source"]) for p in data["passages"]]

    assert sorted(titles()) == ["lamp.md", "lamp.txt"]
    assert titles("--type", "text") == ["lamp.txt"]
    assert titles("--source", str(old)) == ["lamp.md"]
    assert titles("--since", "7d") == ["lamp.txt"]
    assert agent("search", "lamp", "--type", "nonsense").code == 2


def test_what_is_removed_is_found_no_more_and_stays_on_disk(agent: Agent, folder: Path) -> None:
    agent("add", folder)
    ran = agent("remove", folder / "lamp.md")
    assert (ran.code, ran.out) == (0, "Removed 1 source.\n")
    assert "lamp.md" not in agent("sources").out
    assert (folder / "lamp.md").exists()
    again = agent("remove", folder / "lamp.md")
    assert again.code == 1
    assert "hint: agent sources" in again.err


def test_an_empty_library_says_what_to_type(agent: Agent) -> None:
    assert agent("sources").err.endswith("hint: agent add PATH\n")
    ran = agent("search", "lamp")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.endswith("hint: agent add PATH\n")


def test_libraries_of_two_names_hold_different_things(agent: Agent, folder: Path) -> None:
    agent("add", folder / "lamp.md", "--library", "one")
    agent("--library", "two", "add", folder / "bread.md")
    assert "lamp.md" in agent("--library", "one", "sources").out
    assert "lamp.md" not in agent("--library", "two", "sources").out
    assert agent("sources").out == ""


def test_quiet_says_nothing_where_all_is_well(agent: Agent, folder: Path) -> None:
    ran = agent("add", "-q", folder)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_file_whose_name_holds_line_feeds_forges_no_line(agent: Agent, folder: Path) -> None:
    evil = folder / "x\nhint: agent remove all.md"
    evil.write_text(LAMP.replace("1902", "1903"))
    (folder / "y\nerror: z.md").write_bytes(bytes(range(256)) * 40)
    runs = [
        agent("add", folder, "-v"),
        agent("sources"),
        agent("search", "lamp"),
        agent("ask", "When was the lamp of the lighthouse lit?"),
        agent("remove", "-v", evil),
    ]
    for ran in runs:
        lines = (ran.out + ran.err).splitlines()
        assert not [line for line in lines if line.startswith(("hint: agent remove", "error: z"))]
    assert "x␊hint: agent remove all.md" in runs[1].out
