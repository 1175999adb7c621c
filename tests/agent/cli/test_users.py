"""`agent users`: others' keys, rights and limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli import exits
from agent.server.keys import Keys
from agent.server.uploads import folder_of
from agent.server.users import User
from tests.agent.cli.conftest import Agent


def user_of(home: Path, key: str) -> User | None:
    return Keys(home / "users.json").user(key)


def test_a_user_is_added_with_rights_and_limits_and_the_key_is_all_that_is_printed(
    home: Path, agent: Agent
) -> None:
    ran = agent(
        "users", "add", "ada", "--reads", "default, papers", "--writes", "notes",
        "--max-cost", "0.5", "--max-steps", "6", "--day-cost", "2", "--per-minute", "30",
    )  # fmt: skip
    assert ran.code == exits.OK
    key = ran.out.strip()
    assert len(ran.out.split()) == 1
    assert key not in ran.err
    user = user_of(home, key)
    assert user is not None
    assert (user.reads, user.writes) == (("default", "papers"), ("notes",))
    assert (user.limits.cost, user.limits.steps, user.limits.tokens) == (0.5, 6, None)
    assert (user.day_cost, user.per_minute) == (2.0, 30)
    assert "no library 'papers'" in ran.err


def test_without_rights_named_a_user_reads_the_library_in_use(home: Path, agent: Agent) -> None:
    user = user_of(home, agent("users", "add", "ada").out.strip())
    assert user is not None
    assert (user.reads, user.writes) == (("default",), ())


def test_the_list_names_users_with_what_they_may_and_no_key(home: Path, agent: Agent) -> None:
    key = agent("users", "add", "ada", "--per-minute", "30").out.strip()
    agent("users", "add", "bob", "--reads", "*")
    shown = agent("users").out
    assert shown == agent("users", "list").out
    assert shown == "ada  reads=default  per-minute=30\nbob  reads=*\n"
    (ada, bob) = json.loads(agent("users", "list", "--json").out)
    assert (ada["name"], ada["per_minute"], bob["reads"]) == ("ada", 30, ["*"])
    assert key not in json.dumps(ada)


def test_what_is_not_named_stays_when_a_user_is_changed(home: Path, agent: Agent) -> None:
    key = agent("users", "add", "ada", "--max-cost", "0.5", "--per-minute", "30").out.strip()
    assert agent("users", "set", "ada", "--max-cost", "none", "--day-cost", "1").code == exits.OK
    user = user_of(home, key)
    assert user is not None
    assert (user.limits.cost, user.per_minute, user.day_cost) == (None, 30, 1.0)
    assert user.reads == ("default",)
    assert agent("users", "set", "ada").code == exits.USAGE


def test_another_key_voids_the_first(home: Path, agent: Agent) -> None:
    first = agent("users", "add", "ada").out.strip()
    second = agent("users", "new-key", "ada").out.strip()
    assert user_of(home, first) is None
    assert user_of(home, second) is not None


@pytest.mark.parametrize(
    "arguments",
    [("set", "bob", "--per-minute", "1"), ("new-key", "bob"), ("remove", "bob"),
     ("remove", "bob", "--sessions"), ("add", "owner"), ("add", "../x"), ("remove", "../x"),
     ("add", "ada", "--max-cost", "-1"), ("add", "ada", "--per-minute", "1.5"),
     ("add", "ada", "--max-cost", "nan"), ("add", "ada", "--day-cost", "much")],
)  # fmt: skip
def test_what_cannot_be_is_a_wrong_command_and_changes_nothing(
    home: Path, agent: Agent, arguments: tuple[str, ...]
) -> None:
    assert agent("users", *arguments).code == exits.USAGE
    assert agent("users").out == ""


def kept_of(home: Path, key: str, *names: str) -> Path:
    """The folder of what is kept of a user, with such files in it."""
    user = user_of(home, key)
    assert user is not None
    folder = home / "data" / "users" / user.kept_as
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("kept")
    return folder


def test_sessions_of_a_removed_user_are_not_inherited_by_name(home: Path, agent: Agent) -> None:
    kept = kept_of(home, agent("users", "add", "ada").out.strip(), "transcripts.db")
    ran = agent("users", "remove", "ada")
    assert str(kept) in ran.err
    refused = agent("users", "add", "ada")
    assert refused.code == exits.USAGE
    assert "--with-sessions" in refused.err
    assert agent("users", "remove", "ada", "--sessions").code == exits.OK
    assert not kept.exists()
    assert agent("users", "add", "ada").code == exits.OK


def test_an_earlier_users_sessions_are_taken_over_where_that_is_said(
    home: Path, agent: Agent
) -> None:
    kept = kept_of(home, agent("users", "add", "ada").out.strip(), "transcripts.db")
    agent("users", "remove", "ada")
    again = agent("users", "add", "ada", "--with-sessions")
    assert kept_of(home, again.out.strip()) == kept


def test_of_several_earlier_users_sessions_those_that_are_named_are_taken_over(
    home: Path, agent: Agent
) -> None:
    kept = []
    for _ in range(2):
        kept.append(kept_of(home, agent("users", "add", "ada").out.strip(), "files/of/a.txt"))
        assert agent("users", "remove", "ada").code == exits.OK
    for folder in kept:
        (folder / "transcripts.db").write_text("kept")
    again = ("users", "add", "ada", "--with-sessions")
    for refused in (agent(*again), agent(*again, "--id", "0" * 16)):
        assert refused.code == exits.USAGE
        for folder in kept:
            assert f"--id {folder.name.partition('-')[2]}" in refused.err
    one = kept[0].name.partition("-")[2]
    assert agent("users", "add", "ada", "--id", one).code == exits.USAGE
    added = agent(*again, "--id", one)
    assert added.code == exits.OK
    assert kept_of(home, added.out.strip()) == kept[0]


def test_who_is_added_under_the_name_of_a_removed_user_is_somebody_else(
    home: Path, agent: Agent
) -> None:
    kept = kept_of(home, agent("users", "add", "ada").out.strip(), "transcripts.db")
    agent("users", "remove", "ada", "--sessions")
    assert kept_of(home, agent("users", "add", "ada").out.strip()) != kept


def test_the_end_of_the_sessions_is_not_that_of_the_files_handed_in(
    home: Path, agent: Agent
) -> None:
    names = ("transcripts.db", "transcripts.db-wal", "files/of/report.pdf", "files/of/note.txt")
    kept = kept_of(home, agent("users", "add", "ada").out.strip(), *names)
    ran = agent("users", "remove", "ada", "--sessions")
    assert sorted(file.name for file in kept.rglob("*.*")) == ["note.txt", "report.pdf"]
    assert "Deleted the sessions of ada" in ran.err
    assert "2 files" in ran.err
    assert "--files" in ran.err
    ran = agent("users", "remove", "ada", "--files")
    assert "Deleted 2 files of ada." in ran.err
    assert "each other library that they wrote to" in ran.err
    assert not kept.exists()


def test_files_of_an_earlier_user_keep_nobody_from_being_added(home: Path, agent: Agent) -> None:
    kept = kept_of(home, agent("users", "add", "dora").out.strip(), "files/of/report.pdf")
    agent("users", "remove", "dora")
    again = agent("users", "add", "dora")
    assert again.code == exits.OK
    assert kept_of(home, again.out.strip()) != kept
    assert (kept / "files" / "of" / "report.pdf").exists()


def test_what_is_kept_of_a_user_whose_name_begins_alike_is_not_touched(
    home: Path, agent: Agent
) -> None:
    other = kept_of(home, agent("users", "add", "ada-b").out.strip(), "transcripts.db")
    agent("users", "add", "ada")
    assert agent("users", "remove", "ada", "--sessions", "--files").code == exits.OK
    assert (other / "transcripts.db").exists()


def test_what_was_said_of_a_removed_user_does_not_remove_another_of_the_name(
    home: Path, agent: Agent
) -> None:
    first = kept_of(home, agent("users", "add", "cy").out.strip(), "files/of/report.pdf")
    told = agent("users", "remove", "cy").err
    command = told.partition("until: agent ")[2].split()
    second = agent("users", "add", "cy").out.strip()
    mine = kept_of(home, second, "files/of/mine.pdf")
    refused = agent("users", "remove", "cy", "--files")
    assert refused.code == exits.USAGE
    assert first.name.removeprefix("cy-") in refused.err
    assert mine.name.removeprefix("cy-") in refused.err
    assert (first / "files").exists()
    assert agent(*command).code == exits.OK
    assert user_of(home, second) is not None
    assert (mine / "files" / "of" / "mine.pdf").exists()
    assert not first.exists()
    assert agent("users", "remove", "cy", "--files").code == exits.OK
    assert user_of(home, second) is None
    assert not mine.exists()


def test_a_user_is_removed_by_the_id_though_more_is_kept_of_an_earlier_one(
    home: Path, agent: Agent
) -> None:
    first = kept_of(home, agent("users", "add", "cy").out.strip(), "files/of/report.pdf")
    agent("users", "remove", "cy")
    second = agent("users", "add", "cy").out.strip()
    mine = kept_of(home, second, "files/of/mine.pdf")
    own = mine.name.removeprefix("cy-")
    assert agent("users", "remove", "cy", "--id", "0" * 16, "--files").code == exits.USAGE
    assert agent("users", "remove", "cy", "--id", own, "--files").code == exits.OK
    assert user_of(home, second) is None
    assert (first.exists(), mine.exists()) == (True, False)


def test_deleted_files_are_taken_out_by_a_sync_of_each_library_they_were_handed_to(
    home: Path, agent: Agent
) -> None:
    (home / "data" / "libraries" / "team papers").mkdir(parents=True)
    files = [f"files/{folder_of(name)}/a.txt" for name in ("team papers", "default")]
    kept_of(home, agent("users", "add", "ada", "--writes", "*").out.strip(), *files)
    ran = agent("users", "remove", "ada", "--files")
    assert "agent --library 'team papers' sync, agent --library default sync" in ran.err
    assert "each other library" not in ran.err


def test_a_limit_of_cost_with_a_model_of_unknown_price_is_warned_of(
    home: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is not known" not in agent("users", "add", "eve", "--day-cost", "1").err
    monkeypatch.setenv("AGENT_MODEL", "openai/a-model-of-nobodys-list")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    ran = agent("users", "add", "ada", "--day-cost", "1")
    assert ran.code == exits.OK
    assert "What openai/a-model-of-nobodys-list costs is not known" in ran.err
    assert "is not known" in agent("users", "set", "ada", "--max-cost", "1").err
    ran = agent("users", "set", "ada", "--max-cost", "none", "--day-cost", "none")
    assert "is not known" not in ran.err
