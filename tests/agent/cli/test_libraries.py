"""`agent library`: several libraries, folder libraries, tags; and `agent add --watch`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "sub"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    file = folder.parent / "lamp.md"
    file.write_text("# Lamp\n\nThe lamp was lit in 1902.\n")
    return file


def test_without_a_library_the_list_says_how_to_begin(agent: Agent) -> None:
    ran = agent("library")
    assert (ran.code, ran.out) == (0, "")
    assert "agent add PATH" in ran.err


def test_libraries_have_names_and_the_one_in_use_is_marked(agent: Agent, note: Path) -> None:
    agent("add", note)
    agent("add", note, "--library", "second")
    assert [line[:10].split()[0] for line in agent("library").out.splitlines()] == ["*", "second"]
    listed = agent("library", "list", "--library", "second").out
    assert "* second" in listed
    assert "  default" in listed


def test_a_folder_library_is_used_below_its_folder_and_keeps_out_of_git(
    agent: Agent, note: Path
) -> None:
    assert agent("library", "init", note.parent).code == 0
    assert (note.parent / ".understudy" / ".gitignore").read_text() == "*\n"
    agent("add", note)
    assert (note.parent / ".understudy" / "catalog.sqlite").exists()
    assert agent("search", "lamp").code == 0
    assert agent("search", "lamp", "--library", "default").code == 3
    assert "already" in agent("library", "init", note.parent).err


def test_going_back_to_a_tag_answers_as_of_then_and_a_sync_undoes_it(
    agent: Agent, note: Path
) -> None:
    agent("add", note)
    tagged = agent("library", "tag", "before")
    assert "agent library rollback before" in tagged.err
    note.write_text("# Lamp\n\nThe lamp was lit in 1955.\n")
    agent("sync")
    assert "1955" in agent("search", "lamp").out
    assert agent("library", "rollback", "before").code == 0
    assert "1902" in agent("search", "lamp").out
    assert "before-rollback" in agent("library").out
    agent("sync")
    assert "1955" in agent("search", "lamp").out
    assert agent("library", "untag", "before").code == 0


def test_an_unknown_tag_is_refused_with_where_the_tags_are_listed(agent: Agent, note: Path) -> None:
    agent("add", note)
    ran = agent("library", "rollback", "nowhere")
    assert ran.code == 1
    assert "nowhere" in ran.err
    assert "agent library list" in ran.err
    assert agent("library", "tag", " ").code == 2


def test_a_watched_folder_is_taken_in_until_it_is_interrupted(note: Path, tmp_path: Path) -> None:
    (note.parent / ".understudy").mkdir()  # its library is written to, and is no change
    (note.parent / "empty.md").touch()
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from agent.__main__ import main; sys.argv[0] = 'agent'; sys.exit(main())"
    )
    env = os.environ | {
        "AGENT_HOME": str(tmp_path / "home"),
        "AGENT_EMBEDDER": "none",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    watching = subprocess.Popen(
        [sys.executable, "-c", start, "add", "--watch", str(note.parent)],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("1 added")
        writer = subprocess.Popen(  # the watch begins at a moment that nobody tells
            ["sh", "-c", f"for n in $(seq 100); do echo $n > '{note.parent}/n.md'; sleep 0.3; done"]
        )
        assert watching.stdout.readline().startswith("1 added, 1 unchanged, 1 not read")
        writer.kill()
        writer.wait()
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 0
    assert "No longer watching" in err
    assert err.count("empty.md: not read") == 1


def test_what_cannot_be_watched_is_said(agent: Agent) -> None:
    ran = agent("add", "--watch", "http://127.0.0.1/")
    assert "nothing to watch" in ran.err


def test_after_a_rebuild_the_library_is_there_for_every_command(agent: Agent, note: Path) -> None:
    agent("add", note)
    assert agent("sync", "--rebuild").out.startswith("1 added")
    assert agent("sync").out.startswith("1 unchanged")
    assert "1902" in agent("search", "lamp").out
    assert "lamp.md" in agent("sources").out
    assert agent("library").out.startswith("* default  1 source")
    assert agent("sync", "--rebuild").out.startswith("1 added")
    assert agent("doctor").code == 0
